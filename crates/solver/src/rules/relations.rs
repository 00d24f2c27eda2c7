//! Relations between stops: one tour or different ones, at most one of several, one behind the other.
//!
//! What holds inside a tour is looked at when the tour is driven ([`Order`]); what holds between tours is asked before a unit joins a
//! tour (`state::relations`).

use crate::index::{StopIx, TourIx};
use crate::problem::{Problem, RelationKind};

/// The order of stops in a tour, looked at stop by stop.
#[derive(Default)]
pub(crate) struct Order {
    served: Vec<StopIx>,
}

impl Order {
    /// False if the next stop of a tour is there too early, or not directly behind the one that it belongs to.
    pub(crate) fn allows(&mut self, problem: &Problem, stop: StopIx) -> bool {
        let is_kept = problem.relations().before(stop).iter().all(|(first, directly)| {
            if *directly { self.served.last() == Some(first) } else { self.served.contains(first) }
        });
        self.served.push(stop);
        is_kept
    }
}

/// False if the relations of a unit that is on no tour forbid that it joins this one.
pub(crate) fn may_join(problem: &Problem, tours: &[Vec<StopIx>], unit: StopIx, tour: TourIx) -> bool {
    let tour_of = |stop: StopIx| {
        let found = TourIx::all().zip(tours).find(|(_, sequence)| sequence.contains(&stop));
        found.map_or(TourIx::NONE, |(tour, _)| tour)
    };
    problem.relations().of(unit).all(|relation| relation.allows(unit, tour, TourIx::NONE, tour_of))
}

/// Takes out of a plan what breaks relations: the later unit of two that exclude each other, and what follows something that is gone.
pub(crate) fn keep(problem: &Problem, tours: &mut [Vec<StopIx>]) {
    let relations = problem.relations();
    loop {
        let mut at = vec![TourIx::NONE; problem.stops().len()];
        for (tour, sequence) in TourIx::all().zip(tours.iter()) {
            for &stop in sequence {
                at[stop.index()] = tour;
            }
        }
        let served = |stop: &&StopIx| at[stop.index()] != TourIx::NONE;
        let surplus = relations.units().iter().find_map(|relation| {
            let mut seen: Vec<TourIx> = Vec::new();
            relation.stops.iter().filter(served).copied().find(|stop| {
                let tour = at[stop.index()];
                let breaks = match relation.kind {
                    RelationKind::AtMostOne => !seen.is_empty(),
                    RelationKind::DifferentTours => seen.contains(&tour),
                    RelationKind::SameTour | RelationKind::InOrder | RelationKind::Directly => {
                        seen.iter().any(|&other| other != tour)
                    }
                };
                seen.push(tour);
                breaks
            })
        });
        let out_of_order = || {
            tours.iter().find_map(|sequence| {
                let mut order = Order::default();
                sequence.iter().copied().find(|&stop| !order.allows(problem, stop))
            })
        };
        let Some(gone) = surplus.or_else(out_of_order) else { return };
        let mate = problem.stops()[gone.index()].mate;
        for sequence in tours.iter_mut() {
            sequence.retain(|&stop| stop != gone && (mate == StopIx::NONE || stop != mate));
        }
    }
}

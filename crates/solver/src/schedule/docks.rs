//! Docks: places at which no more than so many vehicles are at work at a time, so that a tour may have to wait for others. When a tour
//! can be driven depends on the others then, and only here.
//!
//! Each tour is driven as early as it can be. Where more vehicles than there is room for are at work at one place at one time, one of them
//! has to wait until another one is done: whoever came last, or, where that breaks a rule later on, one of the others, and so on for
//! whatever collides next (branching on a minimal set of activities that do not fit together; Bartusch, Möhring & Radermacher, "Scheduling
//! project networks with resource constraints and time windows", 1988). As nobody becomes earlier by waiting, times that keep everything are
//! found where there are any, but for [`STEPS`].
//!
//! Absent on purpose: docks and days that have to be equal, or legs that depend on the hour.

use super::{Driven, drive_held};
use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Problem, all_stops};

/// So many waits are tried for a plan, and two more for every task at a dock.
const STEPS: usize = 60;

/// A task at a dock, from when work begins there (set-up included) until it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    begins: i32,
    ends: i32,
    /// By its place in the list of tours.
    tour: usize,
    position: usize,
    dock: usize,
}

/// When the tours of a plan wait for docks.
pub(crate) struct Settled {
    /// By tour and position: work does not begin before. Shorter where nothing waits behind.
    pub(crate) holds: Vec<Vec<i32>>,
    /// What the tours cost more than if every vehicle were alone.
    pub(crate) more: i64,
}

/// Finds when vehicles wait for docks. `None`: it is not known how this plan could keep them.
pub(crate) fn settled(problem: &Problem, tours: &[(TourIx, Vec<StopIx>)]) -> Option<Settled> {
    let mut plan = Plan {
        problem,
        tours,
        visits: vec![Vec::new(); tours.len()],
        holds: vec![Vec::new(); tours.len()],
        costs: vec![0; tours.len()],
        steps: STEPS,
    };
    for (number, (_, sequence)) in tours.iter().enumerate() {
        if sequence.iter().any(|&stop| problem.dock_of(stop).is_some()) && !plan.drive(number) {
            return None;
        }
        plan.steps += 2 * plan.visits[number].len();
    }
    let alone: i64 = plan.costs.iter().sum();
    plan.settle().then(|| Settled { more: plan.costs.iter().sum::<i64>() - alone, holds: plan.holds })
}

/// By tour and position: where vehicles wait for docks, the instant before which work does not begin there. `None`: it is not known how
/// this plan could keep them.
pub fn holds(problem: &Problem, tours: &[Vec<StopIx>]) -> Option<Vec<Vec<i32>>> {
    if problem.spec().docks.is_empty() {
        return Some(vec![Vec::new(); tours.len()]);
    }
    let tours: Vec<(TourIx, Vec<StopIx>)> = TourIx::all().zip(tours.iter().cloned()).collect();
    settled(problem, &tours).map(|settled| settled.holds)
}

/// Takes tasks at docks out of a plan until docks can be kept: from the tours that come later in the list, and there from the end. Those
/// that are locked to their tour stay.
pub(crate) fn keep(problem: &Problem, tours: &mut [Vec<StopIx>]) {
    while holds(problem, tours).is_none() {
        let at_dock = |stop: &StopIx| {
            let its = &problem.stops()[stop.index()];
            problem.dock_of(*stop).is_some() && its.locked == TourIx::NONE
        };
        let last = tours.iter().rev().find_map(|sequence| sequence.iter().copied().rev().find(at_dock));
        let Some(gone) = last else { return };
        let both = all_stops(problem, &[problem.unit_of(gone)]);
        for sequence in tours.iter_mut() {
            sequence.retain(|stop| !both.contains(stop));
        }
    }
}

/// A plan whose tours are being moved apart.
struct Plan<'p> {
    problem: &'p Problem,
    tours: &'p [(TourIx, Vec<StopIx>)],
    /// By tour: its tasks at docks, as early as they can be.
    visits: Vec<Vec<Visit>>,
    holds: Vec<Vec<i32>>,
    costs: Vec<i64>,
    /// How many waits may still be tried.
    steps: usize,
}

impl Plan<'_> {
    /// Drives a tour anew; false where that is not possible.
    fn drive(&mut self, number: usize) -> bool {
        let (tour, sequence) = &self.tours[number];
        let visits = &mut self.visits[number];
        visits.clear();
        let driven = visits_of(self.problem, *tour, sequence, &self.holds[number], |position, dock, (begins, ends)| {
            visits.push(Visit { begins, ends, tour: number, position, dock });
        });
        self.costs[number] = driven.map_or(0, |driven| driven.cost);
        driven.is_some()
    }

    /// Moves visits apart until all docks are kept. False: no way was found, and the plan is as it was.
    fn settle(&mut self) -> bool {
        let Some(together) = self.first_collision() else { return true };
        // Whoever came last waits first.
        for waits in (0..together.len()).rev() {
            let others = together.iter().enumerate().filter(|&(other, _)| other != waits);
            let Some(until) = others.map(|(_, visit)| visit.ends).min() else { continue };
            let Some(left) = self.steps.checked_sub(1) else { return false };
            self.steps = left;
            let Visit { tour, position, .. } = together[waits];
            let before = (self.visits[tour].clone(), self.holds[tour].clone(), self.costs[tour]);
            let holds = &mut self.holds[tour];
            holds.resize(holds.len().max(position + 1), i32::MIN);
            holds[position] = until;
            if self.drive(tour) && self.settle() {
                return true;
            }
            (self.visits[tour], self.holds[tour], self.costs[tour]) = before;
        }
        false
    }

    /// The visits that are the first not to fit together, in the order in which they begin: one more than there is room for.
    fn first_collision(&self) -> Option<Vec<Visit>> {
        let docks = &self.problem.spec().docks;
        let mut visits: Vec<Visit> =
            self.visits.iter().flatten().copied().filter(|visit| visit.begins < visit.ends).collect();
        visits.sort_unstable();
        let mut inside: Vec<Vec<Visit>> = vec![Vec::new(); docks.len()];
        for visit in visits {
            let inside = &mut inside[visit.dock];
            inside.retain(|other| other.ends > visit.begins);
            inside.push(visit);
            if inside.len() > docks[visit.dock].capacity as usize {
                return Some(std::mem::take(inside));
            }
        }
        None
    }
}

/// Drives a sequence that begins nothing before `holds`, and tells of each task at a dock: its position, the dock, and from when to when
/// work goes on there.
fn visits_of(
    problem: &Problem,
    tour: TourIx,
    sequence: &[StopIx],
    holds: &[i32],
    mut visit: impl FnMut(usize, usize, (i32, i32)),
) -> Option<Driven> {
    let mut here: NodeIx = problem.tours()[tour.index()].start_node;
    let mut position = 0;
    let stops = sequence.iter().copied();
    let driven = drive_held(problem, tour, &stops, holds, |stop, timed| {
        let node = problem.stops()[stop.index()].node;
        if let Some(dock) = problem.dock_of(stop) {
            let reached_from = timed.charged.map(|charged| charged.node).or(timed.reloaded.map(|place| place.node));
            let from = if timed.on_foot { node } else { reached_from.unwrap_or(here) };
            let (_, setup) = problem.times_at(tour, from, stop);
            visit(position, dock, (timed.start - setup, timed.departure));
        }
        here = node;
        position += 1;
    });
    driven.ok()
}

//! What it would mean that a vehicle serves an order: the best position in its route, with its cost in parts, or what keeps it off.

use std::collections::BTreeMap;

use fleetfold_fleet::{Anchor, Fleet};
use fleetfold_model::{Cost, Millis, OrderId, StopKind, Timestamp, VehicleId};
use fleetfold_solver::{NodeIx, Problem, StopIx, Timed, TourIx, price};

use super::miss::{Lack, Miss, miss, unit_of};
use super::parts::{Parts, driven};
use crate::draft::Draft;
use crate::outlook::Outlook;

/// Where things stand: what reasons are computed from.
#[derive(Clone, Debug)]
pub struct Stand<'a> {
    /// The fleet.
    pub fleet: &'a Fleet,
    /// Travel times from then on.
    pub outlook: &'a Outlook,
    /// Zone time.
    pub now: Timestamp,
    /// Where and when these vehicles are free behind what they have departed for, as a plan says; the others as the fleet has them.
    pub starts: BTreeMap<VehicleId, Anchor>,
}

/// What it would mean that a vehicle serves an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It can.
    Possible(Box<Possible>),
    /// It cannot, and what would have to give.
    Missed(Miss),
}

/// An order on a vehicle's route, at the position where it costs least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possible {
    /// What the route comes to more than without the order.
    pub extra: Parts,
    /// The order's own stops: which, arrival, start of service, and how much later than promised.
    pub stops: Vec<(StopKind, Timestamp, Timestamp, Millis)>,
    /// The route with the order, what is under way left out.
    pub sequence: Vec<(OrderId, StopKind)>,
    /// Stops of others that begin later than without it.
    pub delays: Vec<Delay>,
}

/// A stop that begins later because of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Whose.
    pub order: OrderId,
    /// Which of its stops.
    pub stop: StopKind,
    /// How much later it begins.
    pub by: Millis,
    /// How much later than promised it begins then.
    pub late: Millis,
    /// The same without the order.
    pub late_before: Millis,
}

impl Possible {
    /// How much later than promised the order's stops begin, together.
    pub fn lateness(&self) -> Millis {
        Millis(self.stops.iter().map(|stop| stop.3.0).sum())
    }

    /// True where somebody is served later than promised who was not, or more so.
    pub fn makes_late(&self) -> bool {
        self.lateness() > Millis(0) || self.delays.iter().any(|delay| delay.late > delay.late_before)
    }
}

impl Stand<'_> {
    /// A draft over some vehicles, each free where it is known to be.
    pub(super) fn draft(&self, vehicles: &[VehicleId], loose: &[OrderId]) -> Draft {
        let mut draft = Draft::new(self.fleet, self.outlook, vehicles, loose, self.now);
        for (tour, vehicle) in vehicles.iter().enumerate() {
            let Some(&start) = self.starts.get(vehicle) else { continue };
            // It departed after the plan began: what is behind that stop begins there.
            if !draft.heads[tour].is_empty() && start.position != draft.starts[tour].position {
                continue;
            }
            draft.starts[tour] = start;
            // One place is one node: whoever starts at a stop has set up there.
            let known = draft.places.iter().position(|&place| place == start.position);
            let node = known.unwrap_or_else(|| {
                draft.places.push(start.position);
                draft.places.len() - 1
            });
            let spec = &mut draft.solver_tours[tour];
            spec.start_node = NodeIx(node as u32);
            spec.start_at = (start.at - self.now).0.clamp(-1_000_000_000, 1_000_000_000) as i32;
        }
        // Who may serve what stands on a route is not the question here: a pin or a lost skill that is not answered yet would rule out
        // every order beside it.
        for (tour, sequence) in TourIx::all().zip(&draft.initial) {
            let has = draft.solver_tours[tour.index()].has;
            for stop in sequence {
                let stop = &mut draft.solver_stops[stop.index()];
                stop.needs &= has;
                stop.barred.retain(|&barred| barred != tour);
                if stop.locked != tour {
                    stop.locked = TourIx::NONE;
                }
            }
        }
        draft
    }
}

/// Tours of some vehicles, to be compared with and without orders.
pub(super) struct Table<'a> {
    /// Where things stand with these tours: what keeps a vehicle off is told by it.
    stand: &'a Stand<'a>,
    pub(super) draft: Draft,
    pub(super) problem: Problem,
    pub(super) tours: Vec<Vec<StopIx>>,
}

impl<'a> Table<'a> {
    /// The routes of some vehicles as they stand. `loose` orders are on none of them.
    pub(super) fn new(stand: &'a Stand<'a>, vehicles: &[VehicleId], loose: &[OrderId]) -> Self {
        Self::of(stand.draft(vehicles, loose), stand)
    }

    /// The tours of a draft. `stand` is where things stand with those that the caller puts in their place.
    pub(super) fn of(draft: Draft, stand: &'a Stand<'a>) -> Self {
        let problem = draft.finish_known(stand.outlook);
        let tours = draft.initial.clone();
        Self { stand, draft, problem, tours }
    }

    /// The tour of a vehicle.
    pub(super) fn tour_of(&self, vehicle: VehicleId) -> Option<usize> {
        self.draft.vehicles.iter().position(|&other| other == vehicle)
    }

    /// What driving a tour comes to.
    pub(super) fn driven(&self, tour: usize, sequence: &[StopIx]) -> Option<(Parts, Vec<Timed>)> {
        driven(&self.problem, TourIx(tour as u32), sequence)
    }

    /// A tour without an order.
    pub(super) fn without(&self, tour: usize, order: OrderId) -> Vec<StopIx> {
        let others = |stop: &StopIx| self.draft.stops[stop.index()].0 != order;
        self.tours[tour].iter().copied().filter(others).collect()
    }

    /// What it means that a sequence with an order is driven and not the one without it. `None`: one of them cannot be driven.
    pub(super) fn compare(&self, tour: usize, order: OrderId, with: &[StopIx], without: &[StopIx]) -> Option<Possible> {
        let (before, times_before) = self.driven(tour, without)?;
        let (after, times) = self.driven(tour, with)?;
        let late = |stop: StopIx, timed: &Timed| {
            Millis((i64::from(timed.start) - i64::from(self.problem.stops()[stop.index()].due)).max(0))
        };
        let mut found = Possible {
            extra: after.less(&before),
            stops: Vec::new(),
            sequence: with.iter().map(|stop| self.draft.stops[stop.index()]).collect(),
            delays: Vec::new(),
        };
        for (&stop, timed) in with.iter().zip(&times) {
            let (whose, kind) = self.draft.stops[stop.index()];
            if whose == order {
                let (arrival, start) = (self.draft.absolute(timed.arrival), self.draft.absolute(timed.start));
                found.stops.push((kind, arrival, start, late(stop, timed)));
            } else if let Some(at) = without.iter().position(|&other| other == stop) {
                let by = Millis(i64::from(timed.start) - i64::from(times_before[at].start));
                if by > Millis(0) {
                    let late_before = late(stop, &times_before[at]);
                    found.delays.push(Delay { order: whose, stop: kind, by, late: late(stop, timed), late_before });
                }
            }
        }
        Some(found)
    }

    /// What keeps a vehicle off an order that has no tour here.
    pub(super) fn off_duty(&self, vehicle: VehicleId, order: OrderId) -> Miss {
        miss(self.stand, vehicle, order).unwrap_or_default()
    }

    /// What it would mean that a vehicle serves an order beside what is on its tour now.
    pub(super) fn offer(&self, tour: usize, order: OrderId) -> Offer {
        self.offer_within(tour, order, |_| true)
    }

    /// The same at the cheapest position that is acceptable; where none is, at the cheapest of all.
    pub(super) fn offer_within(&self, tour: usize, order: OrderId, is_acceptable: impl Fn(&Possible) -> bool) -> Offer {
        let unit = unit_of(&self.draft, order);
        let without = self.without(tour, order);
        let at = TourIx(tour as u32);
        let mut positions: Vec<(i64, Vec<StopIx>)> = with_unit(&without, &unit)
            .filter_map(|sequence| price(&self.problem, at, &sequence).map(|price| (price, sequence)))
            .collect();
        positions.sort_unstable();
        let found = |(_, sequence): &(i64, Vec<StopIx>)| self.compare(tour, order, sequence, &without);
        // Leaving it out is an answer too.
        let unserved = unit.first().map_or(i64::MAX, |stop| self.problem.stops()[stop.index()].unserved);
        let is_forced = self.stand.fleet.order(order).pinned.is_some();
        let over = |found: &Possible| if is_forced { 0 } else { (found.extra.total().0 - unserved).max(0) };
        let acceptable = positions.iter().filter_map(found).find(|found| over(found) == 0 && is_acceptable(found));
        if let Some(found) = acceptable.or_else(|| positions.first().and_then(found)) {
            return match over(&found) {
                0 => Offer::Possible(Box::new(found)),
                over => Offer::Missed(Miss { ways: vec![vec![Lack::Price(Cost(over))]], is_broken: false }),
            };
        }
        let missed = miss(self.stand, self.draft.vehicles[tour], order);
        Offer::Missed(missed.unwrap_or(Miss { ways: Vec::new(), is_broken: true }))
    }
}

/// Every sequence that has the stops of a unit, in their order, somewhere in a tour.
pub(super) fn with_unit<'s>(tour: &'s [StopIx], unit: &'s [StopIx]) -> impl Iterator<Item = Vec<StopIx>> + 's {
    let (first, second) = (unit.first().copied(), unit.get(1).copied());
    let places = first.into_iter().flat_map(move |first| (0..=tour.len()).map(move |at| (first, at)));
    places.flat_map(move |(first, at)| {
        let ends = if second.is_some() { at..tour.len() + 1 } else { at..at + 1 };
        ends.map(move |end| {
            let mut sequence = Vec::with_capacity(tour.len() + 2);
            sequence.extend_from_slice(&tour[..at]);
            sequence.push(first);
            sequence.extend_from_slice(&tour[at..end]);
            sequence.extend(second);
            sequence.extend_from_slice(&tour[end..]);
            sequence
        })
    })
}

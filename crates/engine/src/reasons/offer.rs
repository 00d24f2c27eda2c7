//! What it would mean that a vehicle serves an order: the best position in its route, with its cost in parts, or what keeps it off.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Anchor, Fleet};
use fleetfold_model::{Cost, Millis, OrderId, StopKind, Timestamp, VehicleId};
use fleetfold_solver::{Legs, NodeIx, Problem, Solution, StopIx, TIME_MAX, Timed, TourIx};

use super::miss::{Lack, Miss, miss, unit_of};
use super::parts::{Parts, driven};
use crate::draft::{CutOff, Draft, Freed};
use crate::outlook::Outlook;
use crate::proposal::Solved;
use crate::relief::{new_to_silent, silent};

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
    /// Those of them that a plan sends elsewhere before the stop that they were on their way to: it turns them there.
    pub turned: BTreeSet<VehicleId>,
    /// Those whose drivers are given another next stop although they depart soon.
    pub at_short_notice: BTreeSet<VehicleId>,
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

impl<'a> Stand<'a> {
    /// As the fleet has it.
    pub fn of(fleet: &'a Fleet, outlook: &'a Outlook, now: Timestamp) -> Self {
        let (turned, at_short_notice) = (BTreeSet::new(), BTreeSet::new());
        Self { fleet, outlook, now, starts: BTreeMap::new(), turned, at_short_notice }
    }
}

impl Stand<'_> {
    /// A draft over some vehicles, each free where it is known to be.
    pub(super) fn draft(&self, vehicles: &[VehicleId], loose: &[OrderId]) -> Draft {
        // Who cannot get to the stop that he is on his way to is not held by it.
        let cut_off = CutOff::of(self.fleet, self.outlook, vehicles.iter().copied(), self.now);
        let (loose, turning) = (cut_off.loose(loose), &cut_off.vehicles);
        let turned = self.starts.iter().filter(|(vehicle, _)| self.turned.contains(vehicle));
        let turned: BTreeMap<VehicleId, Anchor> = turned.map(|(&vehicle, &start)| (vehicle, start)).collect();
        let freed = Freed { turning: turning.clone(), turned, at_short_notice: self.at_short_notice.clone() };
        let mut draft = Draft::freed(self.fleet, self.outlook, (vehicles, &loose), &freed, self.now);
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
        let silent = silent(self.fleet);
        if !silent.is_empty() {
            draft.bar(|order| new_to_silent(self.fleet, &silent, order).collect());
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
        let shift = self.stand.fleet.vehicle(self.draft.vehicles[tour]).shift.as_ref();
        let shift_ends = shift.map_or(TIME_MAX, |shift| self.draft.relative(shift.ends));
        let is_out = !self.draft.heads[tour].is_empty();
        let (mut parts, times) = driven(&self.problem, TourIx(tour as u32), sequence, (shift_ends, is_out))?;
        if !sequence.is_empty() {
            // The problem has one price for the use of the vehicle and for leaving its place.
            parts.coverage.0 = self.draft.coverage[tour];
            parts.fixed.0 -= parts.coverage.0;
        }
        Some((parts, times))
    }

    /// A tour without an order.
    pub(super) fn without(&self, tour: usize, order: OrderId) -> Vec<StopIx> {
        let others = |stop: &StopIx| self.draft.stops[stop.index()].0 != order;
        self.tours[tour].iter().copied().filter(others).collect()
    }

    /// What it means that a sequence with an order is driven and not the one without it. `None`: one of them cannot be driven.
    pub(super) fn compare(&self, tour: usize, order: OrderId, with: &[StopIx], without: &[StopIx]) -> Option<Possible> {
        let base = self.driven(tour, without)?;
        self.compared(tour, order, with, (without, &base))
    }

    /// The same, where it is known what the sequence without the order comes to.
    fn compared(
        &self,
        tour: usize,
        order: OrderId,
        with: &[StopIx],
        (without, (before, times_before)): (&[StopIx], &(Parts, Vec<Timed>)),
    ) -> Option<Possible> {
        let (after, times) = self.driven(tour, with)?;
        let late = |stop: StopIx, timed: &Timed| {
            Millis((i64::from(timed.start) - i64::from(self.problem.stops()[stop.index()].due)).max(0))
        };
        let mut found = Possible {
            extra: after.less(before),
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

    /// False where goods would have to be on board from the start and have no room beside those that leave at the stop under way.
    fn has_room_beside_the_head(&self, tour: usize, order: OrderId, without: &[StopIx]) -> bool {
        let (it, vehicle) = (self.stand.fleet.order(order), self.draft.vehicles[tour]);
        if !it.loads_at_start() || it.on_board.or(it.pinned) == Some(vehicle) {
            return true;
        }
        let was_on_it = unit_of(&self.draft, order)
            .iter()
            .any(|stop| self.draft.solver_stops[stop.index()].home == TourIx(tour as u32));
        if was_on_it {
            return true;
        }
        self.draft.has_room_beside_the_head(self.stand.fleet, tour, without, it.load())
    }

    /// What the hours of a vehicle lack for an order, or for another one because of it: only what a dispatcher has tied there may pass them.
    fn opens_hours(&self, tour: usize, order: OrderId, with: &[StopIx], without: &[StopIx]) -> Option<Lack> {
        let fleet = self.stand.fleet;
        if fleet.order(order).on_board.or(fleet.order(order).pinned) == Some(self.draft.vehicles[tour]) {
            return None;
        }
        let (solution, nobody) = (Solution::default(), BTreeMap::new());
        let solved = Solved { fleet, draft: &self.draft, problem: &self.problem, solution: &solution, nobody: &nobody };
        let beyond = solved.beyond(tour, with);
        let known = if beyond.is_empty() { Vec::new() } else { solved.beyond(tour, without) };
        let is_new = |order: &OrderId| known.iter().all(|(other, _)| other != order);
        beyond.into_iter().filter(|(order, _)| is_new(order)).map(|(_, lack)| lack).max_by_key(how_much)
    }

    /// What it would mean that a vehicle serves an order beside what is on its tour now.
    pub(super) fn offer(&self, tour: usize, order: OrderId) -> Offer {
        self.offer_within(tour, order, |_| true)
    }

    /// The same at the cheapest position that is acceptable; where none is, at the cheapest of all.
    pub(super) fn offer_within(&self, tour: usize, order: OrderId, is_acceptable: impl Fn(&Possible) -> bool) -> Offer {
        let unit = unit_of(&self.draft, order);
        let without = self.without(tour, order);
        // Leaving it out is an answer too.
        let unserved = unit.first().map_or(i64::MAX, |stop| self.problem.stops()[stop.index()].unserved);
        let is_forced = self.stand.fleet.order(order).pinned.is_some();
        let over = |found: &Possible| if is_forced { 0 } else { (found.extra.total().0 - unserved).max(0) };
        let mut best: Option<Found> = None;
        let mut acceptable: Option<Found> = None;
        // What would have to give where the only places are beyond the hours of the vehicle, and open because of what is tied to it.
        let mut opened: Option<Lack> = None;
        let base = self.driven(tour, &without).filter(|_| self.has_room_beside_the_head(tour, order, &without));
        let places = if base.is_some() { places_by_detour(&self.problem, tour, &without, &unit) } else { Vec::new() };
        for place in places {
            // What is acceptable is the answer. Until something is, whatever can be driven may be the best there is.
            if acceptable.as_ref().is_some_and(|(least, ..)| place.least > *least) {
                break;
            }
            let sequence = place.sequence(&without, &unit);
            let Some(found) = base.as_ref().and_then(|base| self.compared(tour, order, &sequence, (&without, base)))
            else {
                continue;
            };
            if let Some(lack) = self.opens_hours(tour, order, &sequence, &without) {
                opened = opened.into_iter().chain([lack]).min_by_key(how_much);
                continue;
            }
            let is_acceptable = over(&found) == 0 && is_acceptable(&found);
            let found = (found.extra.total().0, sequence, found);
            let is_less =
                |known: &Option<Found>| known.as_ref().is_none_or(|known| (found.0, &found.1) < (known.0, &known.1));
            if is_acceptable && is_less(&acceptable) {
                acceptable = Some(found);
            } else if !is_acceptable && is_less(&best) {
                best = Some(found);
            }
        }
        if let Some((_, _, found)) = acceptable.or(best) {
            return match over(&found) {
                0 => Offer::Possible(Box::new(found)),
                over => Offer::Missed(Miss { ways: vec![vec![Lack::Price(Cost(over))]], is_broken: false }),
            };
        }
        if let Some(lack) = opened {
            return Offer::Missed(Miss { ways: vec![vec![lack]], is_broken: false });
        }
        let missed = miss(self.stand, self.draft.vehicles[tour], order);
        Offer::Missed(missed.unwrap_or(Miss { ways: Vec::new(), is_broken: true }))
    }
}

/// By how much hours would have to be longer.
fn how_much(lack: &Lack) -> Millis {
    if let Lack::Shift(by) | Lack::DrivingTime { by, .. } = lack { *by } else { Millis(0) }
}

/// A position: its cost, the sequence, what it means.
type Found = (i64, Vec<StopIx>, Possible);

/// Where the stops of a unit go into a tour: the first before the stop with this number, the second before that one.
struct Place {
    /// It costs at least this much.
    least: i64,
    at: usize,
    end: usize,
}

impl Place {
    fn sequence(&self, tour: &[StopIx], unit: &[StopIx]) -> Vec<StopIx> {
        let mut sequence = Vec::with_capacity(tour.len() + 2);
        sequence.extend_from_slice(&tour[..self.at]);
        sequence.extend(unit.first());
        sequence.extend_from_slice(&tour[self.at..self.end]);
        sequence.extend(unit.get(1));
        sequence.extend_from_slice(&tour[self.end..]);
        sequence
    }
}

/// Every place in a tour for a unit, in their order along it.
fn places<'s>(tour: &'s [StopIx], unit: &'s [StopIx]) -> impl Iterator<Item = (usize, usize)> + 's {
    let (has_first, has_second) = (!unit.is_empty(), unit.len() > 1);
    let starts = (0..=tour.len()).filter(move |_| has_first);
    starts.flat_map(move |at| (at..=tour.len()).take(if has_second { usize::MAX } else { 1 }).map(move |end| (at, end)))
}

/// Every sequence that has the stops of a unit, in their order, somewhere in a tour.
pub(super) fn with_unit<'s>(tour: &'s [StopIx], unit: &'s [StopIx]) -> impl Iterator<Item = Vec<StopIx>> + 's {
    places(tour, unit).map(|(at, end)| Place { least: 0, at, end }.sequence(tour, unit))
}

/// Every place in a tour for a unit, the one with the shortest detour first. The price of the detour is a least price of the whole:
/// everything else (lateness, a change of vehicle, its first use) only adds to it, as long as nobody is anywhere sooner because of a
/// stop more. Where that could be, the least is as little as can be: where travel times depend on the hour, where breaks find a place
/// at the stop, where the vehicle may call at depots, where a detour is quicker than the direct way, and where a set-up is saved.
fn places_by_detour(problem: &Problem, tour: usize, sequence: &[StopIx], unit: &[StopIx]) -> Vec<Place> {
    let spec = &problem.tours()[tour];
    let is_simple =
        !matches!(problem.legs(), Legs::TimeDependent(_)) && spec.pauses.is_empty() && spec.reload.is_none();
    let node = |stop: &StopIx| problem.stops()[stop.index()].node;
    let unit_nodes: Vec<NodeIx> = unit.iter().map(node).collect();
    // Before the stop with a number: from where, to where.
    let from = |at: usize| at.checked_sub(1).map_or(spec.start_node, |before| node(&sequence[before]));
    let to = |at: usize| sequence.get(at).map_or(spec.end_node, node);
    let leg = |a: NodeIx, b: NodeIx| {
        if a == NodeIx::NONE || b == NodeIx::NONE {
            return (0, 0);
        }
        let (time, metres) = problem.legs().pair(a, b);
        let time = i64::from(time) * i64::from(spec.time_factor) / 1_000;
        (time, time * spec.per_hour / 3_600_000 + i64::from(metres) * spec.per_km / 1_000)
    };
    let through = |at: usize, nodes: &[NodeIx]| {
        let (direct, mut time, mut price) = (leg(from(at), to(at)), 0, 0);
        let mut last = from(at);
        for &next in nodes.iter().chain([&to(at)]) {
            let (takes, costs) = leg(last, next);
            (time, price) = (time + takes, price + costs);
            last = next;
        }
        let saves_setup = nodes.contains(&to(at)) || nodes.windows(2).any(|pair| pair[0] == pair[1]);
        (time >= direct.0 && !saves_setup).then_some(price - direct.1)
    };
    let single: Vec<Vec<Option<i64>>> =
        unit_nodes.iter().map(|&node| (0..=sequence.len()).map(|at| through(at, &[node])).collect()).collect();
    let mut found: Vec<Place> = places(sequence, unit)
        .map(|(at, end)| {
            let least = match unit_nodes.len() {
                _ if !is_simple => None,
                2 if at == end => through(at, &unit_nodes),
                2 => single[0][at].zip(single[1][end]).map(|(first, second)| first + second),
                _ => single.first().and_then(|single| single[at]),
            };
            Place { least: least.unwrap_or(i64::MIN), at, end }
        })
        .collect();
    found.sort_by_key(|place| (place.least, place.at, place.end));
    found
}

//! From a solution to exchange groups: what changed, cut into the connected components of routes that exchanged stops.
//!
//! Promise: every order's old and new vehicle are in one group, and a fact that needs several routes changed has them all
//! in one group, so that accepting or refusing a group whole never loses an order.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Fleet, Placement, Visit};
use fleetfold_model::{
    Choice, DepotCall, ExchangeGroup, LogSeq, Metres, Millis, Obstacle, OrderId, PlannedVisit, ProposedRoute, StopKind,
    Timestamp, UnassignedReason, VehicleId, leaves_at,
};
use fleetfold_solver::{
    Alternative, NodeIx, Problem, Solution, StopIx, Timed, TourIx, alternatives, driving_breaks, price, schedule,
};

use crate::account::plain;
use crate::bounds::{Nobody, Refusal};
use crate::draft::Draft;
use crate::periods::considered;
use crate::reasons::{Lack, miss_on};
use crate::relief::silent;

/// A promise that moved by more than this is told to the driver (guess: what a customer notices).
pub(crate) const RETIME_MIN: Millis = Millis(60_000);
/// Two sums of the same driving times differ by no more than this.
pub(crate) const ROUNDING: Millis = Millis(1_000);
/// Orders of one decision that are explained one by one; the rest of a joint change is named only.
const EXPLAINED_MAX: usize = 24;
/// Tours whose drivers' hours count, or which may be loaded again, and of which is computed exactly what they lack for an order; the nearest
/// ones. What a search says of them is the first thing that it met (guess: one takes about as long as an insertion).
const CLOSELY_MAX: usize = 16;

/// A fact and what it is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cause {
    pub(crate) seq: Option<LogSeq>,
    pub(crate) orders: Vec<OrderId>,
    pub(crate) vehicles: Vec<VehicleId>,
}

/// A solved draft.
pub(crate) struct Solved<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) draft: &'a Draft,
    pub(crate) problem: &'a Problem,
    pub(crate) solution: &'a Solution,
    /// What all vehicles say to orders that none of them takes, where all were asked and not only those of the draft.
    pub(crate) nobody: &'a BTreeMap<OrderId, Nobody>,
}

/// A group and what it gains, in millionths.
pub(crate) struct Priced {
    pub(crate) group: ExchangeGroup,
    pub(crate) gain: i64,
    /// A route of it could not be driven before.
    pub(crate) mends: bool,
    /// It takes an order off its route for nothing that is more urgent.
    pub(crate) breaks_faith: bool,
}

impl Solved<'_> {
    /// The groups. Routes in `retime` are told again even when only their times moved.
    ///
    /// A group with a route that cannot be driven has no routes: its facts are answered plainly (see [`crate::account`]), and
    /// without facts there is no such group.
    pub(crate) fn groups(&self, causes: &[Cause], retime: &BTreeSet<VehicleId>) -> Vec<Priced> {
        let tours = self.draft.vehicles.len();
        let mut union = Union::new(tours + causes.len());
        let now_at = self.tours_of_orders();
        let mut changed: Vec<bool> = (0..tours).map(|tour| self.is_changed(tour, retime)).collect();
        // Orders that moved tie their tours together.
        let mut absent: BTreeSet<OrderId> = BTreeSet::new();
        for &stop in &self.solution.absent {
            absent.insert(self.draft.stops[stop.index()].0);
        }
        let mut moved: BTreeSet<OrderId> = BTreeSet::new();
        for &(order, _) in self.draft.stops.iter().filter(|(order, _)| self.fleet.order(*order).is_open()) {
            let old = self.old_tour(order);
            let new = now_at.get(&order).copied();
            if old != new {
                moved.insert(order);
                for tour in [old, new].into_iter().flatten() {
                    changed[tour] = true;
                }
                if let (Some(old), Some(new)) = (old, new) {
                    union.join(old, new);
                }
            }
        }
        // A fact ties together every changed route it is about.
        for (index, cause) in causes.iter().enumerate() {
            for &order in &cause.orders {
                for tour in [self.old_tour(order), now_at.get(&order).copied()].into_iter().flatten() {
                    if changed[tour] {
                        union.join(tours + index, tour);
                    }
                }
            }
            for &vehicle in &cause.vehicles {
                if let Some(tour) = self.tour_of(vehicle).filter(|&tour| changed[tour]) {
                    union.join(tours + index, tour);
                }
            }
        }
        // Two facts about one order without a route belong together too.
        for (index, cause) in causes.iter().enumerate() {
            for (other, earlier) in causes[..index].iter().enumerate() {
                if cause.orders.iter().any(|order| earlier.orders.contains(order)) {
                    union.join(tours + index, tours + other);
                }
            }
        }
        let mut groups: BTreeMap<usize, Priced> = BTreeMap::new();
        let blank = || Priced {
            group: ExchangeGroup {
                routes: Vec::new(),
                unassigned: Vec::new(),
                caused_by: Vec::new(),
                choices: Vec::new(),
            },
            gain: 0,
            mends: false,
            breaks_faith: false,
        };
        // The most urgent order that each group places, and the most urgent one that it takes off its route.
        let mut placed: BTreeMap<usize, u8> = BTreeMap::new();
        let mut taken_off: BTreeMap<usize, u8> = BTreeMap::new();
        let urgency = |order: OrderId| self.fleet.order(order).priority();
        let mut undrivable: BTreeSet<usize> = BTreeSet::new();
        for tour in (0..tours).filter(|&tour| changed[tour]) {
            let root = union.root(tour);
            let entry = groups.entry(root).or_insert_with(blank);
            let Some(route) = self.route(tour) else {
                undrivable.insert(root);
                continue;
            };
            entry.group.routes.push(route);
            let price = |sequence: &[StopIx]| price(self.problem, TourIx(tour as u32), sequence);
            match (price(&self.problem.initial()[tour]), price(&self.solution.tours[tour])) {
                (Some(before), Some(after)) => entry.gain += before - after,
                // It could not be driven and now it can: worth it whatever it costs.
                (None, Some(_)) => entry.mends = true,
                // It only lost stops (see `relaxed`): what that is worth, nobody can say.
                (_, None) => {}
            }
        }
        for (index, cause) in causes.iter().enumerate() {
            let entry = groups.entry(union.root(tours + index)).or_insert_with(blank);
            entry.group.caused_by.extend(cause.seq);
        }
        let asked = |order: OrderId| causes.iter().position(|cause| cause.orders.contains(&order));
        for &order in &absent {
            let key = match (self.old_tour(order), asked(order)) {
                (Some(tour), _) => union.root(tour),
                (None, Some(cause)) => union.root(tours + cause),
                (None, None) => continue, // was unassigned, stays so, nobody asked
            };
            let reason = self.nobody.get(&order).map_or_else(|| self.reason(order), |nobody| nobody.reason);
            let entry = groups.entry(key).or_insert_with(blank);
            let name = self.fleet.order(order).name.clone();
            if self.old_tour(order).is_some() {
                let most = taken_off.entry(key).or_default();
                *most = (*most).max(urgency(order));
            }
            if let Some(stop) = self.unit(order) {
                entry.gain -=
                    if self.old_tour(order).is_some() { self.problem.stops()[stop.index()].unserved } else { 0 };
            }
            entry.group.unassigned.push((name, reason));
        }
        for &order in &moved {
            if let (None, Some(new), Some(stop)) = (self.old_tour(order), now_at.get(&order), self.unit(order))
                && let Some(entry) = groups.get_mut(&union.root(*new))
            {
                let most = placed.entry(union.root(*new)).or_default();
                *most = (*most).max(urgency(order));
                entry.gain += self.problem.stops()[stop.index()].unserved;
            }
        }
        let mut result: Vec<Priced> = Vec::with_capacity(groups.len());
        for (root, mut priced) in groups {
            if undrivable.contains(&root) {
                let Some(group) = plain(self.fleet, &priced.group) else { continue };
                (priced.group, priced.gain, priced.mends) = (group, 0, false);
            }
            let most = taken_off.get(&root);
            priced.breaks_faith = most.is_some_and(|most| placed.get(&root).is_none_or(|urgent| urgent <= most));
            self.explain(&mut priced.group, &moved);
            result.push(priced);
        }
        result
    }

    /// True when a tour has a stop that was not on its route.
    fn gained(&self, tour: usize, sequence: &[StopIx]) -> bool {
        let stops = sequence.iter().map(|&stop| &self.draft.stops[stop.index()]);
        stops.into_iter().any(|stop| !self.draft.tails[tour].contains(stop))
    }

    /// The problem without limits, for a tour that only lost stops and still cannot be driven within the limits of its vehicle: a full or late
    /// route becomes less full and less late. `None` when not even that is possible.
    fn relaxed(&self, tour: usize, sequence: &[StopIx]) -> Option<Problem> {
        if self.gained(tour, sequence) {
            return None;
        }
        let can = |problem: &Problem| schedule(problem, TourIx(tour as u32), sequence).is_some();
        // Who may be loaded again drives for longer rather than with too much on board.
        let within_capacity = self.draft.without_end(tour, self.problem).filter(can);
        within_capacity.or_else(|| self.draft.relaxed(tour, self.problem))
    }

    fn tour_of(&self, vehicle: VehicleId) -> Option<usize> {
        self.draft.vehicles.iter().position(|&other| other == vehicle)
    }

    fn old_tour(&self, order: OrderId) -> Option<usize> {
        match self.fleet.order(order).placement {
            Placement::OnRoute(vehicle) => self.tour_of(vehicle),
            Placement::Unplaced | Placement::Unassigned(_) => None,
        }
    }

    fn tours_of_orders(&self) -> BTreeMap<OrderId, usize> {
        let mut at = BTreeMap::new();
        for (tour, sequence) in self.solution.tours.iter().enumerate() {
            for &stop in sequence {
                at.insert(self.draft.stops[stop.index()].0, tour);
            }
            for visit in &self.draft.heads[tour] {
                at.insert(visit.order, tour);
            }
        }
        at
    }

    /// The unit of an order in the problem.
    fn unit(&self, order: OrderId) -> Option<StopIx> {
        self.draft.stops.iter().position(|&(other, _)| other == order).map(|stop| {
            let spec = &self.problem.stops()[stop];
            if spec.role == fleetfold_solver::Role::Delivery && spec.mate != StopIx::NONE {
                spec.mate
            } else {
                StopIx(stop as u32)
            }
        })
    }

    fn is_changed(&self, tour: usize, retime: &BTreeSet<VehicleId>) -> bool {
        // Against the route as drafted: it may have moved on since, which is progress and no change.
        let state = self.fleet.vehicle(self.draft.vehicles[tour]);
        let stops = self.solution.tours[tour].iter().map(|&stop| self.draft.stops[stop.index()]);
        if !stops.eq(self.draft.tails[tour].iter().copied()) {
            return true;
        }
        if !retime.contains(&self.draft.vehicles[tour]) {
            return false;
        }
        self.route(tour).is_some_and(|route| {
            let pairs = || route.visits.iter().zip(&state.route.visits);
            let depot = |call: Option<DepotCall>| call.map(|call| call.position);
            // A break that has to be taken, or need not be taken any more, is news also where he waits for a window behind it.
            let is_ruled = state.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some());
            let rests = |new: Millis, old: Millis| is_ruled && (new - old).0.abs() >= RETIME_MIN.0;
            // When he drives on behind a break on the way is remembered in his plan.
            let drives_on = |new: Timestamp, old: Timestamp| {
                !is_ruled && new != old && state.under_way.is_some_and(|under| new > under.departed)
            };
            let head = pairs().take(state.frozen());
            let is_told_of_break = head.into_iter().any(|(new, old)| drives_on(new.depart_at, old.depart_at));
            is_told_of_break
                || pairs().any(|(new, old)| {
                    let is_moved = (new.start - old.start).0.abs() >= RETIME_MIN.0;
                    is_moved
                        || rests(new.break_before, old.break_before)
                        || depot(new.reload_before) != depot(old.reload_before)
                })
        })
    }

    /// The whole route of a tour, frozen head first; `None` if it cannot be driven.
    fn route(&self, tour: usize) -> Option<ProposedRoute> {
        self.route_of(tour, &self.solution.tours[tour])
    }

    /// The same if the stops behind the head were these.
    pub(crate) fn route_of(&self, tour: usize, sequence: &[StopIx]) -> Option<ProposedRoute> {
        let relaxed;
        let mut problem = self.problem;
        let mut times = schedule(problem, TourIx(tour as u32), sequence);
        if times.is_none() {
            relaxed = self.relaxed(tour, sequence)?;
            problem = &relaxed;
            times = schedule(problem, TourIx(tour as u32), sequence);
        }
        let times = times?;
        // Breaks for the sake of driving times, by position.
        let mut rests = vec![0; sequence.len()];
        for own in driving_breaks(problem, TourIx(tour as u32), sequence) {
            if let Some(rest) = rests.get_mut(own.before) {
                *rest += own.duration;
            }
        }
        let route = self.timed((tour, sequence), &times, &rests, true);
        // Who leaves as late as he can waits before he drives, and not where he arrives: his rest may come too early then.
        let is_kept = self.problem.tours()[tour].driving_time.is_none() || self.keeps_driving_times(tour, &route);
        Some(if is_kept { route } else { self.timed((tour, sequence), &times, &rests, false) })
    }

    /// Whether a route asks for no more driving without a break than the rule of its vehicle allows.
    fn keeps_driving_times(&self, tour: usize, route: &ProposedRoute) -> bool {
        let mut vehicle = self.fleet.vehicle(self.draft.vehicles[tour]).clone();
        let visits = route
            .visits
            .iter()
            .filter_map(|visit| Some(Visit::of_plan(self.fleet.order_id(visit.order.as_str())?, visit)));
        vehicle.route.visits = visits.collect();
        let mut is_kept = true;
        vehicle.follow_route(self.draft.epoch, |leg| is_kept &= leg.missing <= ROUNDING);
        is_kept
    }

    /// The route of a tour with these times, and these breaks for the sake of driving times. `holds_back`: it leaves as late as it can.
    fn timed(
        &self,
        (tour, sequence): (usize, &[StopIx]),
        times: &[Timed],
        rests: &[i32],
        holds_back: bool,
    ) -> ProposedRoute {
        let vehicle = self.draft.vehicles[tour];
        let margin = self.fleet.policy().departure_margin;
        let mut visits: Vec<PlannedVisit> = self.draft.heads[tour]
            .iter()
            .map(|visit| visit.planned(self.fleet.order(visit.order).name.clone()))
            .collect();
        let tour_spec = &self.problem.tours()[tour];
        let mut node = tour_spec.start_node;
        for ((&index, timed), &rest) in sequence.iter().zip(times).zip(rests) {
            // As if all of the break were taken before the drive.
            let timed = &Timed { leave: timed.leave + rest, pause: timed.pause + rest, ..*timed };
            let (order, stop) = self.draft.stops[index.index()];
            let spec = &self.problem.stops()[index.index()];
            // Leave no earlier than needed to be there, set up, when the window opens: until then the visit may still change.
            let opens = spec.windows.iter().find(|&&(_, closes)| timed.start <= closes).map(|&(opens, _)| opens);
            let lead = timed.start.saturating_sub(timed.leave).min(timed.arrival - timed.leave + spec.setup);
            // On a trip of its own he leaves for the depot as soon as he can.
            let holds_back = holds_back && timed.reloaded.is_none();
            let reload_before = timed.reloaded.map(|reloaded| DepotCall {
                position: self.draft.places[reloaded.node.index()],
                arrival: self.draft.absolute(reloaded.arrival),
                departure: self.draft.absolute(reloaded.leave),
                metres: Metres(i64::from(reloaded.metres)),
            });
            let earliest = opens.filter(|_| holds_back).map_or(self.draft.epoch, |opens| {
                let before = |lead: i32| self.draft.absolute(opens) - Millis(i64::from(lead)) - margin;
                // Another hour may be slower.
                let then = (before(lead) - self.draft.epoch).0.clamp(0, i64::from(timed.start.max(0))) as i32;
                let (travel, _) =
                    self.problem.legs().leaving(node, spec.node, then, (tour_spec.table, tour_spec.time_factor));
                let setup = if node == spec.node { 0 } else { spec.setup };
                before(lead.max(travel.saturating_add(setup).min(timed.start - timed.leave))).max(self.draft.epoch)
            });
            node = spec.node;
            let depart_at: Timestamp = match visits.last() {
                None => considered(self.fleet, earliest.max(self.draft.starts[tour].at)),
                Some(before) if self.fleet.policy().decide_every > Millis(0) => {
                    considered(self.fleet, earliest.max(before.departure))
                }
                Some(_) => earliest,
            };
            let break_before = Millis(i64::from(timed.pause));
            // A day that must not be too long begins late.
            let depart_at = if tour_spec.driving_time.is_some() {
                depart_at.max(self.draft.absolute(timed.leave) - break_before)
            } else {
                depart_at
            };
            // The driver leaves for his break when it begins, wherever he waits then.
            let depart_at = if timed.pause > 0 && reload_before.is_none() {
                (self.draft.absolute(timed.leave) - break_before).max(self.draft.epoch)
            } else {
                depart_at
            };
            // Who leaves later than he could is there later, too.
            let leaves = leaves_at(depart_at, break_before, visits.last().map(|before| before.departure));
            let (soonest, start) = (self.draft.absolute(timed.arrival), self.draft.absolute(timed.start));
            let arrival = match reload_before {
                Some(_) => soonest,
                None => (leaves + Millis(i64::from(timed.arrival - timed.leave))).min(start).max(soonest),
            };
            visits.push(PlannedVisit {
                order: self.fleet.order(order).name.clone(),
                stop,
                depart_at,
                arrival,
                start,
                departure: self.draft.absolute(timed.departure),
                metres: Metres(i64::from(timed.metres)),
                break_before,
                reload_before,
            });
        }
        ProposedRoute {
            vehicle: self.fleet.vehicle(vehicle).name.clone(),
            base: self.draft.bases[tour],
            start: self.draft.starts[tour].position,
            start_at: self.draft.starts[tour].at,
            diverts: self.draft.turning[tour].is_some_and(|(order, stop)| {
                let first = sequence.first().map(|stop| self.draft.stops[stop.index()]);
                let by_depot = times.first().is_some_and(|timed| timed.reloaded.is_some());
                by_depot || first != Some((order, stop))
            }),
            visits,
        }
    }

    /// What each tour would make of an order. `taker`: the tour that takes it; the detours of it and of the cheapest other one are told.
    fn answers(&self, order: OrderId, unit: StopIx, taker: Option<usize>) -> Vec<Alternative> {
        let taker = taker.map(|tour| TourIx(tour as u32));
        let mut answers = alternatives(self.problem, &self.solution.tours, unit, taker);
        let it = self.fleet.order(order);
        let silent = silent(self.fleet);
        for (answer, &vehicle) in answers.iter_mut().zip(&self.draft.vehicles) {
            let could = it.skills & !self.fleet.vehicle(vehicle).skills == 0 && !it.rejected_by.contains(&vehicle);
            let is_free = it.on_board.or(it.pinned).is_none_or(|only| only == vehicle);
            let is_silent = silent.contains(&vehicle);
            if *answer == Alternative::Rules && could && is_free && !is_silent && it.loads_at_start() {
                // See `Draft::load_beside_the_heads`.
                *answer = Alternative::Capacity { by: 1 };
            }
        }
        // Where the day of a driver who has left must be over before his shift, that is the end that binds.
        for (answer, allowed) in answers.iter_mut().zip(&self.draft.allowed) {
            if *answer == Alternative::Shift && allowed.ends_by_rule() {
                *answer = Alternative::DrivingTime;
            }
        }
        answers
    }

    /// Why nobody takes an order: what every vehicle would say.
    pub(crate) fn reason(&self, order: OrderId) -> UnassignedReason {
        let state = self.fleet.order(order);
        let Some(unit) = self.unit(order) else { return UnassignedReason::NoPlace };
        if self.draft.vehicles.is_empty() {
            return UnassignedReason::NoVehicle;
        }
        let skilled =
            self.draft.vehicles.iter().any(|&vehicle| state.skills & !self.fleet.vehicle(vehicle).skills == 0);
        if !skilled {
            return UnassignedReason::Skills;
        }
        let refusals = self.refused(order, unit);
        let all =
            |holds: fn(&Refusal) -> bool| refusals.iter().all(|refusal| holds(refusal) || *refusal == Refusal::Rules);
        if refusals.iter().all(|&refusal| refusal == Refusal::Rules) {
            let is_tied = state.on_board.or(state.pinned).is_some();
            let could = |vehicle: &&VehicleId| state.skills & !self.fleet.vehicle(**vehicle).skills == 0;
            let is_rejected =
                self.draft.vehicles.iter().filter(could).all(|vehicle| state.rejected_by.contains(vehicle));
            if is_tied || is_rejected { UnassignedReason::Rejected } else { UnassignedReason::NoPlace }
        } else if all(|refusal| matches!(refusal, Refusal::Capacity { .. })) {
            UnassignedReason::Capacity
        } else if all(|refusal| matches!(refusal, Refusal::Stops { .. })) {
            UnassignedReason::Stops
        } else if all(|refusal| matches!(refusal, Refusal::Shift | Refusal::ShiftAndDrivingTime)) {
            UnassignedReason::Shift
        } else if all(|refusal| matches!(refusal, Refusal::DrivingTime | Refusal::ShiftAndDrivingTime)) {
            UnassignedReason::DrivingTime
        } else if all(|refusal| *refusal == Refusal::Way) {
            UnassignedReason::Unreachable
        } else {
            UnassignedReason::NoPlace
        }
    }

    /// What each tour says to an order that found no place.
    fn refused(&self, order: OrderId, unit: StopIx) -> Vec<Refusal> {
        let answers = self.answers(order, unit, None);
        let mut refusals: Vec<Refusal> = answers.into_iter().map(plainly).collect();
        let node = self.problem.stops()[unit.index()].node;
        let far = |tour: &usize| self.problem.legs().time(self.problem.tours()[*tour].start_node, node);
        let mut closely: Vec<usize> =
            (0..refusals.len()).filter(|&tour| self.is_looked_at_closely(tour, refusals[tour])).collect();
        closely.sort_by_key(|tour| (far(tour), *tour));
        closely.truncate(CLOSELY_MAX);
        for tour in closely {
            if let Some(refusal) = self.looked_at_closely(order, tour) {
                refusals[tour] = refusal;
            }
        }
        refusals
    }

    /// True where what a tour says may be one of several things that it lacks: its driver's hours count, or it may be loaded again.
    fn is_looked_at_closely(&self, tour: usize, refusal: Refusal) -> bool {
        let spec = &self.draft.solver_tours[tour];
        let is_limit = match refusal {
            Refusal::Capacity { .. } | Refusal::Stops { .. } | Refusal::Shift | Refusal::DrivingTime => true,
            Refusal::Skills
            | Refusal::Rejected
            | Refusal::Silent
            | Refusal::ShiftAndDrivingTime
            | Refusal::Way
            | Refusal::Rules
            | Refusal::Price => false,
        };
        is_limit && (spec.driving_time.is_some() || spec.reload.is_some())
    }

    /// What a tour lacks for an order at the position where that is least, as its reasons say it.
    fn looked_at_closely(&self, order: OrderId, tour: usize) -> Option<Refusal> {
        let others = |stop: &StopIx| self.draft.stops[stop.index()].0 != order;
        let tail: Vec<StopIx> = self.solution.tours[tour].iter().copied().filter(others).collect();
        let miss = miss_on(self.fleet, (self.draft, self.problem), (tour, &tail), order)?;
        refusal_of(miss.ways.first()?)
    }

    /// Why each vehicle of the draft does not take an order that found no place; and whether a road leads there from one of them.
    pub(crate) fn refusals(&self, order: OrderId) -> (Vec<(VehicleId, Refusal)>, bool) {
        let Some(unit) = self.unit(order) else { return (Vec::new(), false) };
        let (problem, node) = (self.problem, self.problem.stops()[unit.index()].node);
        let leads =
            |tour: usize| problem.legs().time(problem.tours()[tour].start_node, node) < fleetfold_solver::UNREACHABLE;
        let mut reached = false;
        let refusals = self.refused(order, unit).into_iter().enumerate().map(|(tour, refusal)| {
            let is_reached = leads(tour);
            reached |= is_reached;
            (self.draft.vehicles[tour], refusal)
        });
        (refusals.collect(), reached)
    }

    /// Why a vehicle does not take an order that found no place.
    pub(crate) fn obstacle(&self, order: OrderId, vehicle: VehicleId) -> Obstacle {
        let (Some(unit), Some(tour)) = (self.unit(order), self.tour_of(vehicle)) else { return Obstacle::Skills };
        self.obstacle_of(order, tour, self.answers(order, unit, None)[tour])
    }

    /// What rules a vehicle out that does not take an order, and answers so.
    fn obstacle_of(&self, order: OrderId, tour: usize, answer: Alternative) -> Obstacle {
        let plain = plainly(answer);
        let closely = self.is_looked_at_closely(tour, plain).then(|| self.looked_at_closely(order, tour)).flatten();
        match closely.unwrap_or(plain) {
            Refusal::Rules | Refusal::Skills | Refusal::Rejected | Refusal::Silent => Obstacle::Skills,
            Refusal::Stops { .. } => Obstacle::Stops,
            Refusal::Capacity { .. } => Obstacle::Capacity,
            Refusal::Way => Obstacle::Unreachable,
            Refusal::DrivingTime => Obstacle::DrivingTime,
            Refusal::Shift | Refusal::ShiftAndDrivingTime | Refusal::Price => Obstacle::Shift,
        }
    }

    /// Fills in why: for each order that moved, what its vehicle and the runner-up would make of it.
    fn explain(&self, group: &mut ExchangeGroup, moved: &BTreeSet<OrderId>) {
        let mut orders: Vec<(OrderId, Option<usize>)> = Vec::new();
        for route in &group.routes {
            let Some(vehicle) = self.fleet.vehicle_id(route.vehicle.as_str()) else { continue };
            for visit in route.visits.iter().filter(|visit| visit.stop == StopKind::Delivery) {
                if let Some(order) = self.fleet.order_id(visit.order.as_str()).filter(|order| moved.contains(order)) {
                    orders.push((order, self.tour_of(vehicle)));
                }
            }
        }
        let unassigned: Vec<OrderId> =
            group.unassigned.iter().filter_map(|(name, _)| self.fleet.order_id(name.as_str())).collect();
        orders.extend(unassigned.iter().map(|&order| (order, None)));
        let joint = orders.len() as u32;
        for (order, tour) in orders.into_iter().take(EXPLAINED_MAX) {
            let state = self.fleet.order(order);
            let previous = match state.placement {
                Placement::OnRoute(vehicle) => Some(self.fleet.vehicle(vehicle).name.clone()),
                Placement::Unplaced | Placement::Unassigned(_) => {
                    state.last_vehicle.map(|vehicle| self.fleet.vehicle(vehicle).name.clone())
                }
            };
            let reason = group.unassigned.iter().find(|(name, _)| *name == state.name).map(|&(_, reason)| reason);
            let mut choice = Choice {
                order: state.name.clone(),
                vehicle: tour.map(|tour| self.fleet.vehicle(self.draft.vehicles[tour]).name.clone()),
                previous,
                reason,
                detour: Millis(0),
                runner_up: None,
                runner_up_extra: Millis(0),
                runner_up_obstacle: Obstacle::Dearer,
                joint,
                pin_refused: false,
            };
            if let (Some(tour), Some(unit)) = (tour, self.unit(order)) {
                self.compare(&mut choice, tour, unit);
            } else if let Some((vehicle, obstacle)) = self.nobody.get(&order).and_then(|nobody| nobody.nearest_miss) {
                choice.runner_up = Some(self.fleet.vehicle(vehicle).name.clone());
                choice.runner_up_obstacle = obstacle;
            }
            group.choices.push(choice);
        }
    }

    /// How long a vehicle drives home behind its frozen head if it serves nothing there but this order at most; 0: it serves something
    /// else, too, or has no head, and is not under way at all without the order.
    fn drives_home_without(&self, tour: usize, order: OrderId) -> i64 {
        let spec = &self.problem.tours()[tour];
        let others = self.solution.tours[tour].iter().any(|stop| self.draft.stops[stop.index()].0 != order);
        if others || self.draft.heads[tour].is_empty() || spec.end_node == NodeIx::NONE {
            return 0;
        }
        let how = (spec.table, spec.time_factor);
        i64::from(self.problem.legs().leaving(spec.start_node, spec.end_node, spec.start_at, how).0)
    }

    fn compare(&self, choice: &mut Choice, tour: usize, unit: StopIx) {
        let Some(order) = self.fleet.order_id(choice.order.as_str()) else { return };
        let answers = self.answers(order, unit, Some(tour));
        let detour = |answer: &Alternative| match *answer {
            Alternative::Possible { detour, .. } => detour,
            Alternative::Rules
            | Alternative::Stops
            | Alternative::Capacity { .. }
            | Alternative::Shift
            | Alternative::Dearer
            | Alternative::DrivingTime
            | Alternative::Unreachable => None,
        };
        let drive = |tour: usize| {
            detour(&answers[tour]).map_or(0, |detour| detour.drive - self.drives_home_without(tour, order))
        };
        choice.detour = Millis(drive(tour));
        // Whom a dispatcher has named is compared with nobody: what the others lack is only the word. Nor is who has the goods on board, or
        // is on his way to fetch them.
        if self.fleet.order(order).pinned.is_some() || self.problem.stops()[unit.index()].locked != TourIx::NONE {
            return;
        }
        let possible =
            answers.iter().enumerate().filter(|&(other, _)| other != tour).filter_map(
                |(other, answer)| match *answer {
                    Alternative::Possible { cost, .. } => Some((cost, other)),
                    Alternative::Rules
                    | Alternative::Stops
                    | Alternative::Capacity { .. }
                    | Alternative::Shift
                    | Alternative::Dearer
                    | Alternative::DrivingTime
                    | Alternative::Unreachable => None,
                },
            );
        let runner = if let Some((_, other)) = possible.min() {
            choice.runner_up_obstacle = if detour(&answers[other]).is_some_and(|detour| detour.late) {
                Obstacle::Lateness
            } else {
                Obstacle::Dearer
            };
            Some(other)
        } else {
            let other = answers.iter().enumerate().find(|&(other, _)| other != tour);
            other.map(|(other, answer)| {
                choice.runner_up_obstacle = self.obstacle_of(order, other, *answer);
                other
            })
        };
        if let Some(other) = runner {
            choice.runner_up = Some(self.fleet.vehicle(self.draft.vehicles[other]).name.clone());
            choice.runner_up_extra = Millis((drive(other) - choice.detour.0).max(0));
        }
    }
}

/// What a tour says that does not take an order, as the search has found it.
fn plainly(answer: Alternative) -> Refusal {
    match answer {
        Alternative::Capacity { by } => Refusal::Capacity { by, in_time: true },
        Alternative::Stops => Refusal::Stops { fits: true },
        Alternative::Unreachable => Refusal::Way,
        Alternative::Shift => Refusal::Shift,
        Alternative::DrivingTime => Refusal::DrivingTime,
        Alternative::Rules => Refusal::Rules,
        Alternative::Possible { .. } | Alternative::Dearer => Refusal::Price,
    }
}

/// What a vehicle says that lacks all of this; `None`: no limit of its own is among it.
fn refusal_of(lacks: &[Lack]) -> Option<Refusal> {
    let has = |is: fn(&Lack) -> bool| lacks.iter().any(is);
    let shift = has(|lack| matches!(lack, Lack::Shift(_)));
    let driving_time = has(|lack| matches!(lack, Lack::DrivingTime { .. }));
    // A trip more would have room for it.
    let of_a_trip = |lack: &Lack| matches!(lack, Lack::Reloads(_)).then_some(1);
    let room =
        lacks.iter().filter_map(|lack| if let Lack::Room { by, .. } = lack { Some(*by) } else { of_a_trip(lack) });
    let stops = has(|lack| matches!(lack, Lack::Stops(_)));
    match (room.max(), stops) {
        (Some(by), false) => Some(Refusal::Capacity { by, in_time: !shift && !driving_time }),
        (by, true) => Some(Refusal::Stops { fits: by.is_none() }),
        (None, false) => match (shift, driving_time) {
            (true, true) => Some(Refusal::ShiftAndDrivingTime),
            (true, false) => Some(Refusal::Shift),
            (false, true) => Some(Refusal::DrivingTime),
            (false, false) => has(|lack| matches!(lack, Lack::Price(_))).then_some(Refusal::Price),
        },
    }
}

/// Disjoint sets with path halving.
pub(crate) struct Union(Vec<usize>);

impl Union {
    pub(crate) fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    pub(crate) fn root(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }

    pub(crate) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

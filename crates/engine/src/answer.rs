//! The immediate answer to one task: insertion, repair or removal for just the vehicles concerned.
//!
//! "No change" and "unassigned: reason" are answers too: every fact that asks ends in the `caused_by` of an accepted plan.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Fleet, OrderState, Placement, Visit};
use fleetfold_model::{
    Choice, Diversion, ExchangeGroup, LogSeq, Millis, Obstacle, OrderId, StopKind, Timestamp, UnassignedReason,
    VehicleId,
};
use fleetfold_roads::LegQuery;
use fleetfold_solver::{Problem, Solution, StopIx, TourIx, insert, schedule};

use crate::account::is_too_long;
use crate::bounds::{self, Nobody, Refusal, Refusals};
use crate::calm;
use crate::draft::{CutOff, Draft, Freed, settled, turns_at};
use crate::engine::Read;
use crate::moment::Moment;
use crate::outlook::Outlook;
use crate::overload::Effort;
use crate::proposal::{Cause, RETIME_MIN, Solved};
use crate::relief::{new_to_silent, silent};

/// Vehicles considered for one order at first: the nearest, and those whose stops are nearest.
pub(crate) const NEAR_VEHICLES: usize = 10;
pub(crate) const NEAR_STOPS: usize = 12;
/// Open stops looked at around a stop to find [`NEAR_STOPS`] that are on a route.
const LOOKED_AT: usize = 60;
/// Vehicles considered when none of the near ones will do, and how many stops they may have together (guess: a tenth of a zone). When
/// none of these will do either, all others are asked, as many at once.
const WIDE_VEHICLES: usize = 200;
const WIDE_STOPS: usize = 1_000;
/// Stops and vehicles looked at after which no more are asked about one order; the rest is asked when it is tried again.
const ASKED_MAX: usize = 20_000;
/// A vehicle that was found farther away may be taken by another order of the same answer; then one more is looked for, so often.
const LOOKED_FARTHER: usize = 3;
/// Entries of slack that are looked at in the time in which one route is (guess: they lie side by side in memory).
const SLACKS_LOOKED_AT: usize = 50;
/// Unassigned orders tried at once when a vehicle gets room, and how many times so many.
const RETRIED: usize = 20;
const RETRIED_TIMES: usize = 10;
/// So many orders on no route are all looked at when a vehicle gets room; of more, those among so many stops that are nearest to it.
const LOOKED_AT_FOR_ROOM: usize = 5_000;

/// One thing to do, in answer to a fact or to a broken promise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Task {
    /// The fact; `None`: a promise broke without one.
    pub(crate) seq: Option<LogSeq>,
    /// The waiting fact that asks for this, also where another task of it is its answer; `None`: none does.
    pub(crate) of: Option<LogSeq>,
    /// Orders to place or place again.
    pub(crate) orders: Vec<OrderId>,
    /// Routes to look at.
    pub(crate) vehicles: Vec<VehicleId>,
    /// The routes have nothing to do with one another: each may be changed without the others.
    pub(crate) one_by_one: bool,
    /// Roads became quicker: orders that could not be reached are tried again.
    pub(crate) opened: bool,
    /// The orders are on no route, as was said before: if they stay there, only another reason is to be said.
    pub(crate) again: bool,
    /// The vehicle may have room for orders on no route; nothing is to be said if it has none.
    pub(crate) room: bool,
    /// Nothing is heard of this vehicle: others take its work where they can.
    pub(crate) silent: Option<VehicleId>,
}

/// Where and how an answer is made.
pub(crate) struct Answer<'a> {
    pub(crate) moment: Moment<'a>,
    pub(crate) outlook: &'a Outlook,
    /// How many vehicles are asked about an order.
    pub(crate) effort: Effort,
    /// Most bytes of the groups of one task.
    pub(crate) bytes_max: usize,
    /// The first legs found missing that a routing server has not said yet: straight lines stood in for them.
    pub(crate) missing: RefCell<Option<LegQuery>>,
    /// Stops and vehicles that were looked at: what the answer cost.
    pub(crate) work: Cell<usize>,
    /// What the answer depends on.
    pub(crate) read: RefCell<Read>,
    /// Vehicles that may go elsewhere before the stop that they are on their way to.
    turning: RefCell<BTreeSet<VehicleId>>,
    /// Vehicles whose drivers may be given another next stop although they depart soon.
    at_short_notice: RefCell<BTreeSet<VehicleId>>,
    /// Orders that have left the route of a vehicle because of what is forced onto it, and what it lacks for them beside that: they do not
    /// come back to it in the same answer.
    kept_off: RefCell<BTreeMap<(OrderId, VehicleId), Refusal>>,
    /// Orders about which not all vehicles could be asked.
    unasked: RefCell<BTreeSet<OrderId>>,
    /// Vehicles of which nothing is heard: they are given nothing new.
    pub(crate) silent: BTreeSet<VehicleId>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(moment: Moment<'a>, outlook: &'a Outlook, effort: Effort, bytes_max: usize) -> Self {
        let (missing, work, read) = (RefCell::default(), Cell::new(0), RefCell::default());
        let (turning, at_short_notice, unasked) = (RefCell::default(), RefCell::default(), RefCell::default());
        let kept_off = RefCell::default();
        let silent = silent(moment.fleet);
        Self {
            moment,
            outlook,
            effort,
            bytes_max,
            missing,
            work,
            read,
            turning,
            at_short_notice,
            kept_off,
            unasked,
            silent,
        }
    }

    /// Why a vehicle cannot take an order; `None`: it may.
    fn refusal(&self, vehicle: VehicleId, order: &OrderState) -> Option<Refusal> {
        bounds::refusal(self.moment, vehicle, order).or_else(|| self.refused_in_silence(vehicle, order)).or_else(|| {
            let is_on_it = order.placement == Placement::OnRoute(vehicle) || order.on_board == Some(vehicle);
            let is_too_long = !is_on_it && is_too_long(self.moment.fleet, vehicle, order, self.bytes_max);
            is_too_long.then_some(Refusal::Rules)
        })
    }

    /// Groups that do what a task asks for, and answer its fact.
    pub(crate) fn groups(&self, task: &Task) -> Vec<ExchangeGroup> {
        let fleet = self.moment.fleet;
        if let Some(silent) = task.silent {
            return self.relieved(silent, task.seq);
        }
        if task.room {
            return task.vehicles.iter().flat_map(|&vehicle| self.filled(vehicle)).collect();
        }
        self.obeyed_at_once(&task.orders);
        let mut loose: BTreeSet<OrderId> = BTreeSet::new();
        let mut hopeless: Vec<(OrderId, Nobody)> = Vec::new();
        let choices: Vec<Choice> = task.orders.iter().filter_map(|&order| self.refused_pin(order)).collect();
        if !choices.is_empty() {
            // Everything stays as it is. What else changed about the order is looked at when the pin is off.
            return vec![ExchangeGroup {
                caused_by: task.seq.into_iter().collect(),
                choices,
                ..ExchangeGroup::default()
            }];
        }
        for &order in &task.orders {
            match self.placeable(order).map(|placeable| placeable.and_then(|()| self.hoped_for(order))) {
                Some(Ok(())) => {
                    loose.insert(order);
                }
                Some(Err(nobody)) => hopeless.push((order, nobody)),
                None => {}
            }
        }
        let works = |vehicle: &VehicleId| fleet.vehicle(*vehicle).is_available();
        let concerned: BTreeSet<VehicleId> = task.vehicles.iter().copied().filter(works).collect();
        for &vehicle in &concerned {
            self.loosen(vehicle, &mut loose);
        }
        if task.one_by_one {
            loose.extend(concerned.iter().flat_map(|&vehicle| may_be_saved(fleet, vehicle)));
        }
        // Who is named has the room: others are placed anew.
        for &order in &task.orders {
            if loose.contains(&order)
                && let Some(given) = self.give_way(order, &loose)
            {
                loose.extend(given);
            }
            if loose.contains(&order) {
                let beyond = self.beyond_hours(order, &loose);
                let vehicle = fleet.order(order).pinned;
                let kept_off = beyond.iter().filter_map(|&(other, refusal)| Some(((other, vehicle?), refusal)));
                self.kept_off.borrow_mut().extend(kept_off);
                loose.extend(beyond.into_iter().map(|(other, _)| other));
            }
        }
        // A word that lifts the end of a shift lifts it for one order: what else may fit is tried when the route stands.
        let is_word = task.orders.iter().any(|&order| fleet.order(order).is_forced());
        let mut retried = if is_word { BTreeSet::new() } else { self.retry_unassigned(&concerned) };
        retried.retain(|order| !loose.contains(order));
        if task.opened {
            self.retry_unreachable(&mut loose);
        }
        let causes: Vec<Cause> = if task.one_by_one {
            let alone = |&vehicle| Cause { seq: task.seq, orders: Vec::new(), vehicles: vec![vehicle] };
            concerned.iter().map(alone).collect()
        } else if task.opened {
            vec![Cause { seq: task.seq, orders: loose.iter().copied().collect(), vehicles: Vec::new() }]
        } else {
            let vehicles = concerned.iter().copied().collect();
            vec![Cause { seq: task.seq, orders: task.orders.clone(), vehicles }]
        };
        if task.again {
            let groups = self.place(&Asked { loose, concerned, retried }, &causes, &hopeless);
            return groups.into_iter().filter_map(|group| self.what_is_new(group)).collect();
        }
        self.place(&Asked { loose, concerned, retried }, &causes, &hopeless)
    }

    /// Where a dispatcher has named a vehicle for an order, it and the one that loses the order may be told so, however soon they depart.
    fn obeyed_at_once(&self, orders: &[OrderId]) {
        for order in orders.iter().map(|&order| self.moment.fleet.order(order)) {
            if let Some(named) = order.pinned {
                let mut vehicles = self.at_short_notice.borrow_mut();
                vehicles.insert(named);
                vehicles.extend(match order.placement {
                    Placement::OnRoute(carrier) => Some(carrier),
                    Placement::Unplaced | Placement::Unassigned(_) => None,
                });
            }
        }
    }

    /// What a group says that is not known: another reason for an order on no route is news. `None`: nothing.
    fn what_is_new(&self, mut group: ExchangeGroup) -> Option<ExchangeGroup> {
        if group.routes.is_empty() {
            let fleet = self.moment.fleet;
            group.unassigned.retain(|(name, reason)| {
                fleet.order_id(name.as_str()).is_some_and(|order| {
                    // Where not all could be asked, nothing is known that is truer.
                    let is_known = fleet.order(order).placement == Placement::Unassigned(*reason);
                    !is_known && !self.unasked.borrow().contains(&order)
                })
            });
            let is_told = |choice: &Choice| group.unassigned.iter().any(|(name, _)| *name == choice.order);
            group.choices.retain(is_told);
        }
        (!group.routes.is_empty() || !group.unassigned.is_empty()).then_some(group)
    }

    /// Says that an order stays where it is although it is pinned to another vehicle, where that one cannot take it.
    fn refused_pin(&self, id: OrderId) -> Option<Choice> {
        let fleet = self.moment.fleet;
        let order = fleet.order(id);
        let (Placement::OnRoute(carrier), Some(pinned)) = (order.placement, order.pinned) else { return None };
        if carrier == pinned || order.is_forced() || !order.is_open() {
            return None;
        }
        let obstacle = if fleet.vehicle(pinned).lost {
            Obstacle::BrokenDown
        } else if fleet.vehicle(pinned).is_available() {
            // Who cannot get to the stop that he is on his way to is not held by it.
            let both = BTreeSet::from([carrier, pinned]);
            if self.give_way(id, &BTreeSet::new()).is_some() {
                return None;
            }
            let solved = self.freed(&both, id).unwrap_or_else(|| self.solve_at_once(&both, &[id]));
            let order_of = |stop: &StopIx| solved.0.stops[stop.index()].0;
            if !solved.2.absent.iter().any(|stop| order_of(stop) == id) {
                return None;
            }
            self.solved(&solved, &BTreeMap::new()).obstacle(id, pinned)
        } else {
            Obstacle::OffDuty
        };
        let vehicle = Some(fleet.vehicle(carrier).name.clone());
        Some(Choice {
            order: order.name.clone(),
            previous: vehicle.clone(),
            vehicle,
            reason: None,
            detour: Millis(0),
            runner_up: Some(fleet.vehicle(pinned).name.clone()),
            runner_up_extra: Millis(0),
            runner_up_obstacle: obstacle,
            joint: 1,
            pin_refused: true,
        })
    }

    /// Can this order be placed by a search for a place? `None`: nothing to place. `Err`: no, and why.
    fn placeable(&self, id: OrderId) -> Option<Result<(), Nobody>> {
        let order = self.moment.fleet.order(id);
        if !order.is_open() {
            return None;
        }
        if let Some(vehicle) = order.on_board.or(order.pinned)
            && !self.moment.fleet.vehicle(vehicle).is_available()
        {
            // Its goods, or the dispatcher's will, are tied to a vehicle that is not working.
            let on_route = matches!(order.placement, Placement::OnRoute(_));
            let obstacle =
                if self.moment.fleet.vehicle(vehicle).lost { Obstacle::BrokenDown } else { Obstacle::OffDuty };
            let reason = if order.on_board.is_some() { UnassignedReason::Aboard } else { UnassignedReason::Rejected };
            return if on_route { None } else { Some(Err(Nobody { reason, nearest_miss: Some((vehicle, obstacle)) })) };
        }
        if let Placement::OnRoute(vehicle) = order.placement {
            // A visit under way is not taken back for a change; its vehicle is looked at instead.
            let state = self.moment.fleet.vehicle(vehicle);
            let frozen = settled(self.moment.fleet, vehicle).count;
            if state.route.visits[..frozen].iter().any(|visit| visit.order == id) {
                if !self.has_moved_away(vehicle) && self.cut_off([vehicle]).vehicles.is_empty() {
                    return None;
                }
                self.turning.borrow_mut().insert(vehicle);
            }
        }
        Some(Ok(()))
    }

    /// True when the stop that a vehicle is on its way to is farther off than it was when the vehicle was sent there, and the
    /// vehicle can be sent elsewhere: its order is placed like a new one.
    fn has_moved_away(&self, id: VehicleId) -> bool {
        let fleet = self.moment.fleet;
        let vehicle = fleet.vehicle(id);
        if fleet.policy().diversion == Diversion::Never || vehicle.on_its_way_at().is_none() {
            return false;
        }
        let draft = Draft::new(fleet, self.outlook, &[id], &[], self.moment.now());
        let (expected, planned) = (draft.heads[0].first(), vehicle.route.visits.first());
        expected.zip(planned).is_some_and(|(expected, planned)| expected.arrival - planned.arrival >= RETIME_MIN)
    }

    /// Those of some vehicles to which no road leads to the stop that they are on their way to.
    fn cut_off(&self, vehicles: impl IntoIterator<Item = VehicleId>) -> CutOff {
        CutOff::of(self.moment.fleet, self.outlook, vehicles, self.moment.now())
    }

    /// The same answer, or a better one in which vehicles that are on their way to a stop go elsewhere first, where the policy
    /// wants that. `nobody`: what is said of orders that find no place.
    fn diverted(
        &self,
        asked: &Asked,
        orders: &[OrderId],
        solved: (Draft, Problem, Solution),
        nobody: &mut BTreeMap<OrderId, Nobody>,
    ) -> (Draft, Problem, Solution) {
        let fleet = self.moment.fleet;
        // A driver who is on his way has had no notice of anything else: a saving is not worth that where the policy wants notice.
        let gives_notice = fleet.policy().notice > Millis(0);
        let solved = if gives_notice { self.hurried(asked, orders, solved) } else { solved };
        let (broken, cost) = (self.broken_promises(&asked.loose, &solved), solved.2.cost);
        let vehicles: BTreeSet<VehicleId> = solved.0.vehicles.iter().copied().collect();
        let mut turning = self.turning.borrow().clone();
        // Who cannot get to his stop is not held by it, whatever the policy says of drivers who can.
        let cut_off = (broken > (0, 0)).then(|| self.cut_off(vehicles.difference(&turning).copied()));
        if let Some(cut_off) = cut_off.filter(|cut_off| !cut_off.vehicles.is_empty()) {
            let turning = &turning | &cut_off.vehicles;
            let other = self.solve_turning(&vehicles, &cut_off.loose(orders), &turning);
            if self.broken_promises(&asked.loose, &other) < broken {
                return other;
            }
            // What keeps them off is told as if they were not held.
            let none = BTreeMap::new();
            for order in other.2.absent.iter().map(|stop| other.0.stops[stop.index()].0) {
                let reason = self.solved(&other, &none).reason(order);
                nobody.entry(order).or_insert(Nobody { reason, nearest_miss: None });
            }
        }
        let is_worth_a_look = match fleet.policy().diversion {
            Diversion::Never => false,
            Diversion::SavesPromise => broken > (0, 0),
            Diversion::Saves(_) => !gives_notice || broken > (0, 0),
        };
        let now = self.moment.now();
        let could = |&vehicle: &VehicleId| turns_at(fleet, vehicle, now).is_some();
        let others: Vec<VehicleId> = vehicles.iter().copied().filter(could).collect();
        if fleet.policy().diversion == Diversion::SavesPromise
            && broken == (0, 0)
            && !gives_notice
            && let Some(other) = self.meanwhile(asked, orders, &solved, &others)
        {
            return other;
        }
        if !is_worth_a_look || others.iter().all(|vehicle| turning.contains(vehicle)) {
            return solved;
        }
        turning.extend(others);
        let other = self.solve_turning(&vehicles, orders, &turning);
        let saves = match fleet.policy().diversion {
            Diversion::Never => false,
            Diversion::Saves(gain) if !gives_notice => cost - other.2.cost >= gain,
            Diversion::SavesPromise | Diversion::Saves(_) => self.broken_promises(&asked.loose, &other) < broken,
        };
        if saves { other } else { solved }
    }

    /// The same answer, or one that keeps more promises because drivers who depart soon are given another next stop all the same.
    fn hurried(
        &self,
        asked: &Asked,
        orders: &[OrderId],
        solved: (Draft, Problem, Solution),
    ) -> (Draft, Problem, Solution) {
        let (fleet, now) = (self.moment.fleet, self.moment.now());
        let held = |&vehicle: &VehicleId| calm::has_notice(fleet, vehicle, now);
        let vehicles: BTreeSet<VehicleId> = solved.0.vehicles.iter().copied().collect();
        let before = self.at_short_notice.borrow().clone();
        let held: BTreeSet<VehicleId> = vehicles.iter().copied().filter(held).collect();
        if held.is_subset(&before) {
            return solved;
        }
        let broken = self.broken_promises(&asked.loose, &solved);
        if broken == (0, 0) {
            return solved;
        }
        self.at_short_notice.borrow_mut().extend(held);
        let other = self.solve_at_once(&vehicles, orders);
        if self.broken_promises(&asked.loose, &other) < broken {
            return other;
        }
        self.at_short_notice.replace(before);
        solved
    }

    /// The same answer where drivers who wait at a stop for its window do something else meanwhile, if that costs nothing: no promise, no
    /// money, and what they do begins earlier. `None`: nobody waits, or it would cost something.
    fn meanwhile(
        &self,
        asked: &Asked,
        orders: &[OrderId],
        solved: &(Draft, Problem, Solution),
        others: &[VehicleId],
    ) -> Option<(Draft, Problem, Solution)> {
        let fleet = self.moment.fleet;
        let waits: BTreeSet<VehicleId> =
            others.iter().copied().filter(|&id| fleet.vehicle(id).on_its_way_at().is_none()).collect();
        if waits.is_empty() || asked.loose.is_empty() {
            return None;
        }
        let turning = &*self.turning.borrow() | &waits;
        let vehicles: BTreeSet<VehicleId> = solved.0.vehicles.iter().copied().collect();
        let other = self.solve_turning(&vehicles, orders, &turning);
        let costs_nothing = self.broken_promises(&asked.loose, &other) == (0, 0) && other.2.cost <= solved.2.cost;
        let begins = |solved: &(Draft, Problem, Solution)| -> i64 {
            let asked = starts(solved).into_iter().filter(|((order, _), _)| asked.loose.contains(order));
            asked.map(|(_, (start, _))| start.0).sum()
        };
        (costs_nothing && begins(&other) + RETIME_MIN.0 <= begins(solved)).then_some(other)
    }

    /// Of what was to be placed, how many orders are on no route; and how many stops of all these routes are late.
    pub(crate) fn broken_promises(
        &self,
        loose: &BTreeSet<OrderId>,
        (draft, problem, solution): &(Draft, Problem, Solution),
    ) -> (usize, usize) {
        let order_of = |stop: &StopIx| draft.stops[stop.index()].0;
        // Behind a stop that no road leads to, nothing is served.
        let never = solution.tours.iter().zip(&draft.heads).filter(|(_, head)| head.iter().any(Visit::is_cut_off));
        let never = never.flat_map(|(sequence, _)| sequence);
        let absent = solution.absent.iter().chain(never).map(order_of).filter(|order| loose.contains(order));
        let absent: BTreeSet<OrderId> = absent.collect();
        let is_late = |due: Timestamp, start: Timestamp| start - due >= RETIME_MIN;
        let mut late = 0;
        for (tour, sequence) in solution.tours.iter().enumerate() {
            let head = draft.heads[tour].iter().filter(|visit| {
                let stop = self.moment.fleet.order(visit.order).stop(visit.stop);
                stop.and_then(|stop| stop.due).is_some_and(|due| is_late(due, visit.start))
            });
            late += head.count();
            let Some(times) = schedule(problem, TourIx(tour as u32), sequence) else { continue };
            let tail = sequence.iter().zip(&times).filter(|(stop, timed)| {
                let due = problem.stops()[stop.index()].due;
                due != i32::MAX && is_late(draft.absolute(due), draft.absolute(timed.start))
            });
            late += tail.count();
        }
        (absent.len(), late)
    }

    /// Takes off a route what it can no longer keep: orders behind the end of the shift or beyond capacity, from the back, and
    /// orders newly late. They may well come back to where they were.
    fn loosen(&self, vehicle: VehicleId, loose: &mut BTreeSet<OrderId>) {
        let now = self.moment.now();
        loop {
            let taken: Vec<OrderId> = loose.iter().copied().collect();
            // Whether a driver who departs soon loses what is late is decided when it is known who else could serve it.
            let freed = Freed { at_short_notice: BTreeSet::from([vehicle]), ..Freed::default() };
            let draft = Draft::freed(self.moment.fleet, self.outlook, (&[vehicle], &taken), &freed, now);
            if draft.initial[0].is_empty() {
                return;
            }
            let problem = self.finish(&draft);
            let sequence = &draft.initial[0];
            let movable = |stop: StopIx| {
                let order = draft.stops[stop.index()].0;
                let state = self.moment.fleet.order(order);
                let free = state.on_board.is_none()
                    && state.pinned.is_none()
                    && !draft.heads[0].iter().any(|visit| visit.order == order);
                free.then_some(order).filter(|order| !loose.contains(order))
            };
            let offender = match schedule(&problem, TourIx(0), sequence) {
                None => sequence.iter().rev().find_map(|&stop| movable(stop)),
                Some(times) => sequence.iter().zip(&times).find_map(|(&stop, timed)| {
                    let planned = self
                        .moment
                        .fleet
                        .vehicle(vehicle)
                        .route
                        .visits
                        .iter()
                        .find(|visit| (visit.order, visit.stop) == draft.stops[stop.index()])?;
                    let due = problem.stops()[stop.index()].due;
                    let late = i64::from(timed.start) - i64::from(due);
                    let was = (planned.start - draft.absolute(due)).0.max(0);
                    (due != i32::MAX && late > was + 60_000).then(|| movable(stop)).flatten()
                }),
            };
            match offender {
                Some(order) => {
                    loose.insert(order);
                }
                None => return,
            }
        }
    }

    /// `Err` when no vehicle can take an order: told by its goods and its hours alone, see [`bounds`].
    fn hoped_for(&self, id: OrderId) -> Result<(), Nobody> {
        let fleet = self.moment.fleet;
        let order = fleet.order(id);
        if order.on_board.or(order.pinned).is_some() || matches!(order.placement, Placement::OnRoute(_)) {
            return Ok(());
        }
        let looked_at = |vehicle: VehicleId| {
            self.work.set(self.work.get() + 1);
            self.read.borrow_mut().vehicles.insert(vehicle);
        };
        // Nearly always one of the nearest can.
        for vehicle in self.nearest_available(id).take(NEAR_VEHICLES) {
            looked_at(vehicle);
            if self.refusal(vehicle, order).is_none() {
                return Ok(());
            }
        }
        let mut refusals = Refusals::default();
        let can = self.bounded(order, &mut refusals).next();
        if can.is_some() { Ok(()) } else { Err(self.nobody(id, &refusals)) }
    }

    /// Vehicles that could take an order, as far as its goods and their hours tell, by ascending number. What the others say is noted
    /// on the way.
    fn bounded<'s>(
        &'s self,
        order: &'s OrderState,
        refusals: &'s mut Refusals,
    ) -> impl Iterator<Item = VehicleId> + 's {
        let fleet = self.moment.fleet;
        self.read.borrow_mut().all_vehicles = true;
        self.work.set(self.work.get() + fleet.vehicles().len() / SLACKS_LOOKED_AT);
        let asks = bounds::Asks::of(self.moment, order);
        fleet.slacks().filter(|(_, slack)| slack.is_available).filter_map(move |(vehicle, slack)| {
            let refusal = asks.refused_by(vehicle, slack).or_else(|| self.refused_in_silence(vehicle, order));
            let is_vague = match refusal {
                None => true,
                Some(Refusal::Capacity { by, in_time }) => in_time && !asks.is_exact() && refusals.may_be_nearest(by),
                Some(Refusal::Stops { fits }) => fits && !asks.is_exact(),
                Some(
                    Refusal::Skills
                    | Refusal::Rejected
                    | Refusal::Silent
                    | Refusal::Shift
                    | Refusal::DrivingTime
                    | Refusal::ShiftAndDrivingTime
                    | Refusal::Way
                    | Refusal::Rules
                    | Refusal::Price,
                ) => false,
            };
            let refusal = if is_vague {
                self.work.set(self.work.get() + 1);
                self.refusal(vehicle, order)
            } else {
                refusal
            };
            let Some(refusal) = refusal else { return Some(vehicle) };
            refusals.note(vehicle, refusal);
            None
        })
    }

    /// What is said where every vehicle has refused an order.
    fn nobody(&self, id: OrderId, refusals: &Refusals) -> Nobody {
        let order = self.moment.fleet.order(id);
        if let Some(vehicle) = self.silent_taker(id, refusals.silent()) {
            return Nobody { reason: UnassignedReason::Silent, nearest_miss: Some((vehicle, Obstacle::Silent)) };
        }
        let nearest_miss = order.first_place().and_then(|place| refusals.nearest_miss(self.moment.fleet, place));
        Nobody { reason: refusals.reason(), nearest_miss }
    }

    /// Looks for a vehicle that can take an order among all that were not `asked` in vain. `Err`: nobody can, and why.
    fn farther(&self, id: OrderId, asked: &(Draft, Problem, Solution)) -> Result<VehicleId, Nobody> {
        let fleet = self.moment.fleet;
        let order = fleet.order(id);
        let none = BTreeMap::new();
        let mut refusals = Refusals::default();
        let mut others: Vec<VehicleId> = self.bounded(order, &mut refusals).collect();
        let was_asked: BTreeSet<VehicleId> = asked.0.vehicles.iter().copied().collect();
        others.retain(|vehicle| !was_asked.contains(vehicle));
        let kept_off = self.kept_off.borrow().clone();
        let mut note = |refused: (Vec<(VehicleId, Refusal)>, bool)| {
            refused.0.into_iter().for_each(|(vehicle, refusal)| {
                // It is barred from there, which says nothing of why.
                let known = kept_off.get(&(id, vehicle)).filter(|_| refusal == Refusal::Rules);
                let refusal = known.copied().unwrap_or(refusal);
                // What bounds say was noted, and says it more exactly.
                if self.refusal(vehicle, order).is_none() {
                    refusals.note(vehicle, refusal);
                }
            });
            if refused.1 {
                refusals.reached();
            }
        };
        match self.freed(&was_asked, id) {
            Some(freed) => note(self.solved(&freed, &none).refusals(id)),
            None => note(self.solved(asked, &none).refusals(id)),
        }
        let far = |vehicle: VehicleId| self.metres_from(vehicle, order);
        let mut others: Vec<(f64, VehicleId)> = others.into_iter().map(|vehicle| (far(vehicle), vehicle)).collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0));
        let begun = self.work.get();
        let mut others = others.into_iter().map(|(_, vehicle)| vehicle).peekable();
        while others.peek().is_some() {
            if !self.effort.is_whole() || self.work.get() - begun >= ASKED_MAX {
                refusals.note_unasked();
                self.unasked.borrow_mut().insert(id);
                break;
            }
            let mut stops = 0;
            let mut some = BTreeSet::new();
            while some.len() < WIDE_VEHICLES
                && let Some(vehicle) = others.next_if(|_| stops < WIDE_STOPS)
            {
                stops += fleet.vehicle(vehicle).route.visits.len() + 1;
                some.insert(vehicle);
            }
            let solved = self.freed(&some, id).unwrap_or_else(|| self.solve_at_once(&some, &[id]));
            let placed =
                solved.2.tours.iter().position(|tour| tour.iter().any(|stop| solved.0.stops[stop.index()].0 == id));
            if let Some(tour) = placed {
                return Ok(solved.0.vehicles[tour]);
            }
            note(self.solved(&solved, &none).refusals(id));
        }
        Err(self.nobody(id, &refusals))
    }

    /// Who of some vehicles takes an order when those that cannot get to their stop are not held by it. `None`: there are none of these.
    fn freed(&self, vehicles: &BTreeSet<VehicleId>, order: OrderId) -> Option<(Draft, Problem, Solution)> {
        let cut_off = self.cut_off(vehicles.iter().copied());
        let is_one = !cut_off.vehicles.is_empty();
        is_one.then(|| self.solve_turning(vehicles, &cut_off.loose(&[order]), &cut_off.vehicles))
    }

    /// Metres from a vehicle to the first open stop of an order, as the crow flies.
    pub(crate) fn metres_from(&self, vehicle: VehicleId, order: &OrderState) -> f64 {
        let (index, space) = (self.moment.fleet.index(), self.moment.fleet.zone().space);
        let metres = order.first_place().and_then(|place| index.metres_between(space, place, vehicle));
        metres.unwrap_or(f64::INFINITY)
    }

    /// Working vehicles, those nearest to the first open stop of an order first.
    fn nearest_available(&self, id: OrderId) -> impl Iterator<Item = VehicleId> + '_ {
        let fleet = self.moment.fleet;
        let first = fleet.order(id).first_place();
        let near = first.map(|place| fleet.index().vehicles_near(fleet.zone().space, place));
        near.into_iter().flatten().filter(|&vehicle| fleet.vehicle(vehicle).is_available())
    }

    /// Vehicles with news may have room for orders that found none before: those near that they could take.
    fn retry_unassigned(&self, concerned: &BTreeSet<VehicleId>) -> BTreeSet<OrderId> {
        let mut retried = BTreeSet::new();
        let fleet = self.moment.fleet;
        if fleet.unassigned_count() == 0 {
            return retried;
        }
        for &vehicle in concerned {
            let Some(here) = fleet.vehicle(vehicle).whereabouts() else { continue };
            let waiting = fleet
                .index()
                .stops_near(fleet.zone().space, here.position)
                .take(400)
                .map(|(order, _)| order)
                .filter(|&order| matches!(fleet.order(order).placement, Placement::Unassigned(_)))
                .filter(|&order| self.placeable(order) == Some(Ok(())))
                .filter(|&order| self.refusal(vehicle, fleet.order(order)).is_none())
                .take(RETRIED);
            retried.extend(waiting);
        }
        retried
    }

    /// Gives a vehicle orders on no route, the most urgent first, then the nearest. No group: it can take none.
    fn filled(&self, vehicle: VehicleId) -> Vec<ExchangeGroup> {
        let fleet = self.moment.fleet;
        let Some(here) = fleet.vehicle(vehicle).whereabouts().filter(|_| fleet.vehicle(vehicle).is_available()) else {
            return Vec::new();
        };
        let space = fleet.zone().space;
        let could = |&id: &OrderId| {
            matches!(fleet.order(id).placement, Placement::Unassigned(_))
                && self.placeable(id) == Some(Ok(()))
                && self.refusal(vehicle, fleet.order(id)).is_none()
        };
        let waiting: Vec<OrderId> = if fleet.unassigned_count() <= LOOKED_AT_FOR_ROOM {
            fleet.unassigned_orders().filter(could).collect()
        } else {
            let near = fleet.index().stops_near(space, here.position).take(LOOKED_AT_FOR_ROOM);
            near.map(|(order, _)| order).filter(could).collect()
        };
        let ranked = |id: OrderId| (fleet.order(id).priority(), self.metres_from(vehicle, fleet.order(id)), id);
        let mut waiting: Vec<(u8, f64, OrderId)> = waiting.into_iter().map(ranked).collect();
        waiting.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut waiting: Vec<OrderId> = waiting.into_iter().map(|(.., order)| order).collect();
        waiting.dedup();
        let concerned = BTreeSet::from([vehicle]);
        for some in waiting.chunks(RETRIED).take(RETRIED_TIMES) {
            let solved = self.solve_at_once(&concerned, some);
            if solved.2.tours[0].len() > solved.0.initial[0].len() {
                let cause = Cause { seq: None, orders: Vec::new(), vehicles: vec![vehicle] };
                let groups = self.solved(&solved, &BTreeMap::new()).groups(&[cause], &concerned);
                return groups
                    .into_iter()
                    .map(|priced| priced.group)
                    .filter(|group| !group.routes.is_empty())
                    .collect();
            }
        }
        Vec::new()
    }

    /// Where roads are open again, or quicker, orders that could not be reached may be.
    fn retry_unreachable(&self, loose: &mut BTreeSet<OrderId>) {
        let unreachable = self.moment.fleet.unassigned_orders().filter(|&id| {
            self.moment.fleet.order(id).placement == Placement::Unassigned(UnassignedReason::Unreachable)
                && self.placeable(id) == Some(Ok(()))
        });
        loose.extend(unreachable.take(RETRIED));
    }

    fn place(&self, asked: &Asked, causes: &[Cause], hopeless: &[(OrderId, Nobody)]) -> Vec<ExchangeGroup> {
        let (solved, nobody) = self.solve_near(asked);
        let solved = self.solved(&solved, &nobody);
        let mut groups: Vec<ExchangeGroup> =
            solved.groups(causes, &asked.concerned).into_iter().map(|priced| priced.group).collect();
        // Orders that no vehicle can take: said so in the group that answers for them.
        for &(order, nobody) in hopeless {
            let seq = causes.iter().find(|cause| cause.orders.contains(&order)).and_then(|cause| cause.seq);
            let group = groups.iter_mut().find(|group| seq.is_some_and(|seq| group.caused_by.contains(&seq)));
            if let Some(group) = group {
                said_in(group, self.moment.fleet, order, nobody);
            } else {
                // A part of what a fact asks for: it says the reason, and the fact goes on waiting for the rest.
                let mut alone = ExchangeGroup::default();
                said_in(&mut alone, self.moment.fleet, order, nobody);
                groups.push(alone);
            }
        }
        groups.retain(|group| !group.routes.is_empty() || !group.unassigned.is_empty() || !group.caused_by.is_empty());
        groups
    }

    /// Places orders on the vehicles near them; on vehicles farther away if some found no place. And what all vehicles say to those that
    /// found none.
    fn solve_near(&self, asked: &Asked) -> ((Draft, Problem, Solution), BTreeMap<OrderId, Nobody>) {
        let fleet = self.moment.fleet;
        let orders: Vec<OrderId> = asked.loose.union(&asked.retried).copied().collect();
        let mut vehicles = asked.concerned.clone();
        for &order in &asked.loose {
            let (near, by_stops) = (self.effort.share_of(NEAR_VEHICLES), self.effort.share_of(NEAR_STOPS));
            self.candidates(order, near, by_stops, &mut vehicles);
        }
        let solved = self.solve_at_once(&vehicles, &orders);
        // Orders that are tried again were refused by all others not long ago.
        let mut found = BTreeSet::new();
        for &stop in &solved.2.absent {
            let order = solved.0.stops[stop.index()].0;
            if asked.loose.contains(&order) {
                self.candidates(order, self.effort.share_of(WIDE_VEHICLES), 0, &mut found);
            }
        }
        let stops_of = |vehicle: VehicleId| fleet.vehicle(vehicle).route.visits.len();
        let mut wide = vehicles.clone();
        let mut stops: usize = wide.iter().map(|&vehicle| stops_of(vehicle)).sum();
        // The emptiest first: they are the likeliest to have room.
        let mut others: Vec<VehicleId> = found.difference(&vehicles).copied().collect();
        others.sort_by_key(|&vehicle| stops_of(vehicle));
        wide.extend(others.into_iter().take_while(|&vehicle| {
            stops += stops_of(vehicle) + 1;
            stops <= self.effort.share_of(WIDE_STOPS)
        }));
        let mut solved = if wide.len() > vehicles.len() { self.solve_at_once(&wide, &orders) } else { solved };
        let mut nobody = BTreeMap::new();
        for looked in 0.. {
            let absent: BTreeSet<OrderId> = solved.2.absent.iter().map(|stop| solved.0.stops[stop.index()].0).collect();
            let is_free = |&&order: &&OrderId| {
                let state = fleet.order(order);
                asked.loose.contains(&order) && state.on_board.or(state.pinned).is_none()
            };
            nobody.clear();
            let mut found = BTreeSet::new();
            for &order in absent.iter().filter(is_free) {
                match self.farther(order, &solved) {
                    Ok(vehicle) => found.extend([vehicle]),
                    Err(why) => drop(nobody.insert(order, why)),
                }
            }
            if found.is_empty() || looked == LOOKED_FARTHER {
                break;
            }
            wide.extend(found);
            solved = self.solve_at_once(&wide, &orders);
        }
        let solved = self.diverted(asked, &orders, solved, &mut nobody);
        (solved, nobody)
    }

    /// Fills the legs in, and remembers what was missing.
    pub(crate) fn finish(&self, draft: &Draft) -> Problem {
        self.work.set(self.work.get() + draft.stops.len() + draft.vehicles.len());
        let mut missing = self.missing.borrow_mut();
        if missing.is_none() {
            *missing = draft.missing(self.outlook);
        }
        draft.finish_known(self.outlook)
    }

    pub(crate) fn solved<'s>(
        &'s self,
        (draft, problem, solution): &'s (Draft, Problem, Solution),
        nobody: &'s BTreeMap<OrderId, Nobody>,
    ) -> Solved<'s> {
        Solved { fleet: self.moment.fleet, draft, problem, solution, nobody }
    }

    pub(crate) fn solve_at_once(
        &self,
        vehicles: &BTreeSet<VehicleId>,
        orders: &[OrderId],
    ) -> (Draft, Problem, Solution) {
        self.solve_turning(vehicles, orders, &self.turning.borrow())
    }

    fn solve_turning(
        &self,
        vehicles: &BTreeSet<VehicleId>,
        orders: &[OrderId],
        turning: &BTreeSet<VehicleId>,
    ) -> (Draft, Problem, Solution) {
        let placed: BTreeSet<OrderId> = orders.iter().copied().collect();
        loop {
            let mut solved = self.solve_once(vehicles, orders, turning);
            let left_out = self.kept_within_hours(&mut solved, &placed);
            if left_out.is_empty() {
                return solved;
            }
            let mut kept_off = self.kept_off.borrow_mut();
            let before = kept_off.len();
            kept_off.extend(left_out.into_iter().map(|(order, vehicle, refusal)| ((order, vehicle), refusal)));
            // What cannot leave stays.
            if kept_off.len() == before {
                return solved;
            }
        }
    }

    fn solve_once(
        &self,
        vehicles: &BTreeSet<VehicleId>,
        orders: &[OrderId],
        turning: &BTreeSet<VehicleId>,
    ) -> (Draft, Problem, Solution) {
        let vehicles: Vec<VehicleId> = vehicles.iter().copied().collect();
        self.read.borrow_mut().vehicles.extend(&vehicles);
        let fleet = self.moment.fleet;
        let at_short_notice = self.at_short_notice.borrow().clone();
        let freed = Freed { at_short_notice, ..Freed::turning(turning) };
        let mut draft = Draft::freed(fleet, self.outlook, (&vehicles, orders), &freed, self.moment.now());
        draft.load_beside_the_heads(fleet);
        if !self.silent.is_empty() {
            draft.bar(|order| new_to_silent(fleet, &self.silent, order).collect());
        }
        let kept_off = self.kept_off.borrow();
        if !kept_off.is_empty() {
            let range = |order: OrderId| (order, VehicleId(0))..=(order, VehicleId(u32::MAX));
            draft.bar(|order| kept_off.range(range(order)).map(|(&(_, vehicle), _)| vehicle).collect());
        }
        let problem = self.finish(&draft);
        let solution = insert(&problem);
        (draft, problem, solution)
    }

    /// Vehicles worth asking about an order: its carrier, or the pinned one, or those near its stops and the one it is on.
    pub(crate) fn candidates(
        &self,
        id: OrderId,
        near_vehicles: usize,
        near_stops: usize,
        vehicles: &mut BTreeSet<VehicleId>,
    ) {
        let order = self.moment.fleet.order(id);
        if let Placement::OnRoute(vehicle) = order.placement {
            vehicles.insert(vehicle);
        }
        if let Some(only) = order.on_board.or(order.pinned) {
            vehicles.insert(only);
            return;
        }
        let fleet = self.moment.fleet;
        let space = fleet.zone().space;
        let could = |&vehicle: &VehicleId| {
            self.read.borrow_mut().vehicles.insert(vehicle);
            fleet.vehicle(vehicle).is_available() && self.refusal(vehicle, order).is_none()
        };
        let places =
            [StopKind::Pickup, StopKind::Delivery].into_iter().filter(|kind| order.open_stops().contains(kind));
        for place in places.filter_map(|kind| order.stop(kind)).map(|stop| stop.position) {
            vehicles.extend(fleet.index().vehicles_near(space, place).filter(could).take(near_vehicles));
            let by_stops = fleet.index().stops_near(space, place).take(LOOKED_AT).filter_map(|(other, _)| match fleet
                .order(other)
                .placement
            {
                Placement::OnRoute(vehicle) => Some(vehicle),
                Placement::Unplaced | Placement::Unassigned(_) => {
                    self.read.borrow_mut().orders.insert(other);
                    None
                }
            });
            vehicles.extend(by_stops.take(near_stops).filter(could));
        }
    }
}

/// Orders on the route of a vehicle that are late as planned, and may be in time if it goes elsewhere before the stop that it is on its way to:
/// the policy allows that, and its phone has said where it is.
pub(crate) fn may_be_saved(fleet: &Fleet, id: VehicleId) -> impl Iterator<Item = OrderId> + '_ {
    let vehicle = fleet.vehicle(id);
    let frozen = settled(fleet, id).count;
    let may_turn = fleet.policy().diversion != Diversion::Never && frozen > 0 && vehicle.on_its_way_at().is_some();
    let (head, tail) = vehicle.route.visits.split_at(if may_turn { frozen } else { vehicle.route.visits.len() });
    tail.iter().filter_map(move |visit| {
        let order = fleet.order(visit.order);
        let is_free = order.on_board.or(order.pinned).is_none_or(|only| only == id);
        let late = visit.start - order.stop(visit.stop)?.due?;
        let is_meant = is_free && late >= RETIME_MIN && head.iter().all(|other| other.order != visit.order);
        is_meant.then_some(visit.order)
    })
}

/// When each stop of an order begins (zone time), and when it is promised for.
pub(crate) type Starts = BTreeMap<(OrderId, StopKind), (Timestamp, Option<Timestamp>)>;

/// The stops of an answer that are not settled: when each begins.
pub(crate) fn starts((draft, problem, solution): &(Draft, Problem, Solution)) -> Starts {
    let tours = TourIx::all().zip(&solution.tours);
    let timed = tours.filter_map(|(tour, stops)| Some((stops, schedule(problem, tour, stops)?)));
    let mut starts = Starts::new();
    for (stops, times) in timed {
        for (stop, timed) in stops.iter().zip(times) {
            let due = Some(problem.stops()[stop.index()].due).filter(|&due| due != i32::MAX);
            let begins = (draft.absolute(timed.start), due.map(|due| draft.absolute(due)));
            starts.insert(draft.stops[stop.index()], begins);
        }
    }
    starts
}

/// What is to be placed, and on whom.
#[derive(Clone, Debug)]
struct Asked {
    /// Orders to be placed on any vehicle.
    loose: BTreeSet<OrderId>,
    /// Vehicles with news.
    concerned: BTreeSet<VehicleId>,
    /// Unassigned orders that these vehicles may have room for.
    retried: BTreeSet<OrderId>,
}

/// Says that nobody takes an order in the group that answers for it.
fn said_in(group: &mut ExchangeGroup, fleet: &Fleet, order: OrderId, nobody: Nobody) {
    let state = fleet.order(order);
    if group.unassigned.iter().any(|(order, _)| *order == state.name) {
        return;
    }
    group.unassigned.push((state.name.clone(), nobody.reason));
    let vehicle = |id: VehicleId| fleet.vehicle(id).name.clone();
    group.choices.push(Choice {
        order: state.name.clone(),
        vehicle: None,
        previous: state.last_vehicle.map(vehicle),
        reason: Some(nobody.reason),
        detour: Millis(0),
        runner_up: nobody.nearest_miss.map(|(id, _)| vehicle(id)),
        runner_up_extra: Millis(0),
        runner_up_obstacle: nobody.nearest_miss.map_or(Obstacle::Dearer, |(_, obstacle)| obstacle),
        joint: 1,
        pin_refused: false,
    });
}

//! The immediate answer to one task: insertion, repair or removal for just the vehicles concerned.
//!
//! "No change" and "unassigned: reason" are answers too: every fact that asks ends in the `caused_by` of an accepted plan.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use fleetfold_fleet::Placement;
use fleetfold_model::{ExchangeGroup, OrderId, StopKind, UnassignedReason, VehicleId};
use fleetfold_roads::LegQuery;
use fleetfold_solver::{Problem, Solution, StopIx, TourIx, insert, schedule};

use crate::draft::Draft;
use crate::moment::Moment;
use crate::outlook::Outlook;
use crate::proposal::{Cause, Solved};
use crate::waiting::Task;

/// Vehicles considered for one order at first: the nearest, and those whose stops are nearest.
const NEAR_VEHICLES: usize = 10;
const NEAR_STOPS: usize = 12;
/// Vehicles considered when none of the near ones will do, and how many stops they may have together: legs between a thousand
/// places are computed in about 60 ms.
const WIDE_VEHICLES: usize = 200;
const WIDE_STOPS: usize = 1_000;
/// Unassigned orders tried again when a vehicle gets room.
const RETRIED: usize = 20;

/// Where and how an answer is made.
pub(crate) struct Answer<'a> {
    pub(crate) moment: Moment<'a>,
    pub(crate) outlook: &'a Outlook,
    /// The first legs found missing that a routing server has not said yet: straight lines stood in for them.
    pub(crate) missing: RefCell<Option<LegQuery>>,
    /// Legs between the stops that were looked at: what the answer cost.
    pub(crate) work: Cell<usize>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(moment: Moment<'a>, outlook: &'a Outlook) -> Self {
        Self { moment, outlook, missing: RefCell::default(), work: Cell::new(0) }
    }

    /// Groups that do what a task asks for, and answer its fact.
    pub(crate) fn groups(&self, task: &Task) -> Vec<ExchangeGroup> {
        let fleet = self.moment.fleet;
        let mut loose: BTreeSet<OrderId> = BTreeSet::new();
        let mut stuck: Vec<(OrderId, UnassignedReason)> = Vec::new();
        for &order in &task.orders {
            match self.placeable(order) {
                Some(Ok(())) => {
                    loose.insert(order);
                }
                Some(Err(reason)) => stuck.push((order, reason)),
                None => {}
            }
        }
        let works = |vehicle: &VehicleId| fleet.vehicle(*vehicle).is_available();
        let concerned: BTreeSet<VehicleId> = task.vehicles.iter().copied().filter(works).collect();
        for &vehicle in &concerned {
            self.loosen(vehicle, &mut loose);
        }
        self.retry_unassigned(&concerned, &mut loose);
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
        self.place(&loose, &concerned, &causes, &stuck)
    }

    /// Can this order be placed by a search for a place? `None`: nothing to place. `Err`: no, and why.
    fn placeable(&self, id: OrderId) -> Option<Result<(), UnassignedReason>> {
        let order = self.moment.fleet.order(id);
        if !order.is_open() {
            return None;
        }
        if let Some(vehicle) = order.on_board.or(order.pinned)
            && !self.moment.fleet.vehicle(vehicle).is_available()
        {
            // Its goods, or the dispatcher's will, are tied to a vehicle that is not working.
            let on_route = matches!(order.placement, Placement::OnRoute(_));
            return if on_route { None } else { Some(Err(UnassignedReason::NoVehicle)) };
        }
        if let Placement::OnRoute(vehicle) = order.placement {
            // A visit under way is not taken back for a change; its vehicle is looked at instead.
            let state = self.moment.fleet.vehicle(vehicle);
            let frozen = state.frozen(self.moment.now() + self.moment.answer_margin());
            if state.route.visits[..frozen].iter().any(|visit| visit.order == id) {
                return None;
            }
        }
        Some(Ok(()))
    }

    /// Takes off a route what it can no longer keep: orders behind the end of the shift or beyond capacity, from the back, and
    /// orders newly late. They may well come back to where they were.
    fn loosen(&self, vehicle: VehicleId, loose: &mut BTreeSet<OrderId>) {
        let (now, margin) = (self.moment.now(), self.moment.answer_margin());
        loop {
            let taken: Vec<OrderId> = loose.iter().copied().collect();
            let draft = Draft::new(self.moment.fleet, self.outlook, &[vehicle], &taken, now, margin);
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

    /// Vehicles with news may have room for orders that found none before.
    fn retry_unassigned(&self, concerned: &BTreeSet<VehicleId>, loose: &mut BTreeSet<OrderId>) {
        let space = self.moment.fleet.zone().space;
        for &vehicle in concerned {
            let Some(here) = self.moment.fleet.vehicle(vehicle).whereabouts() else { continue };
            let waiting = self
                .moment
                .fleet
                .index()
                .stops_near(space, here.position)
                .take(400)
                .filter(|&(order, _)| matches!(self.moment.fleet.order(order).placement, Placement::Unassigned(_)))
                .map(|(order, _)| order)
                .take(RETRIED);
            for order in waiting {
                if self.placeable(order) == Some(Ok(())) {
                    loose.insert(order);
                }
            }
        }
    }

    /// Where roads are open again, or quicker, orders that could not be reached may be.
    fn retry_unreachable(&self, loose: &mut BTreeSet<OrderId>) {
        let unreachable = self.moment.fleet.unassigned_orders().filter(|&id| {
            self.moment.fleet.order(id).placement == Placement::Unassigned(UnassignedReason::Unreachable)
                && self.placeable(id) == Some(Ok(()))
        });
        loose.extend(unreachable.take(RETRIED));
    }

    fn place(
        &self,
        loose: &BTreeSet<OrderId>,
        concerned: &BTreeSet<VehicleId>,
        causes: &[Cause],
        stuck: &[(OrderId, UnassignedReason)],
    ) -> Vec<ExchangeGroup> {
        let mut solved = self.solve_near(concerned, loose);
        // A vehicle that already had more than it can do got more: take off what it cannot keep, and try once more.
        let overcharged = self.solved(&solved).overcharged();
        if !overcharged.is_empty() {
            let (mut loose, mut concerned) = (loose.clone(), concerned.clone());
            for vehicle in overcharged {
                self.loosen(vehicle, &mut loose);
                concerned.insert(vehicle);
            }
            solved = self.solve_near(&concerned, &loose);
        }
        let mut groups: Vec<ExchangeGroup> =
            self.solved(&solved).groups(causes, concerned).into_iter().map(|priced| priced.group).collect();
        // Orders tied to a vehicle that does not work: said so in the group that answers for them.
        for &(order, reason) in stuck {
            let seq = causes.iter().find(|cause| cause.orders.contains(&order)).and_then(|cause| cause.seq);
            let group = groups.iter_mut().find(|group| seq.is_some_and(|seq| group.caused_by.contains(&seq)));
            let entry = (self.moment.fleet.order(order).name.clone(), reason);
            if let Some(group) = group
                && !group.unassigned.contains(&entry)
            {
                group.unassigned.push(entry);
            }
        }
        groups.retain(|group| !group.routes.is_empty() || !group.unassigned.is_empty() || !group.caused_by.is_empty());
        groups
    }

    /// Places orders on the vehicles near them; on vehicles farther away if some found no place.
    fn solve_near(&self, concerned: &BTreeSet<VehicleId>, loose: &BTreeSet<OrderId>) -> (Draft, Problem, Solution) {
        let orders: Vec<OrderId> = loose.iter().copied().collect();
        let mut vehicles = concerned.clone();
        for &order in &orders {
            self.candidates(order, NEAR_VEHICLES, NEAR_STOPS, &mut vehicles);
        }
        let solved = self.solve_at_once(&vehicles, &orders);
        if solved.2.absent.is_empty() {
            return solved;
        }
        let mut found = BTreeSet::new();
        for &stop in &solved.2.absent {
            self.candidates(solved.0.stops[stop.index()].0, WIDE_VEHICLES, 0, &mut found);
        }
        let stops_of = |vehicle: VehicleId| self.moment.fleet.vehicle(vehicle).route.visits.len();
        let mut wide = vehicles.clone();
        let mut stops: usize = wide.iter().map(|&vehicle| stops_of(vehicle)).sum();
        // The emptiest first: they are the likeliest to have room.
        let mut others: Vec<VehicleId> = found.difference(&vehicles).copied().collect();
        others.sort_by_key(|&vehicle| stops_of(vehicle));
        wide.extend(others.into_iter().take_while(|&vehicle| {
            stops += stops_of(vehicle) + 1;
            stops <= WIDE_STOPS
        }));
        if wide.len() > vehicles.len() { self.solve_at_once(&wide, &orders) } else { solved }
    }

    /// Fills the legs in, and remembers what was missing.
    fn finish(&self, draft: &Draft) -> Problem {
        self.work.set(self.work.get() + draft.places.len() * draft.places.len());
        let mut missing = self.missing.borrow_mut();
        if missing.is_none() {
            *missing = draft.missing(self.outlook);
        }
        draft.finish_known(self.outlook)
    }

    fn solved<'s>(&'s self, (draft, problem, solution): &'s (Draft, Problem, Solution)) -> Solved<'s> {
        Solved { fleet: self.moment.fleet, draft, problem, solution }
    }

    fn solve_at_once(&self, vehicles: &BTreeSet<VehicleId>, orders: &[OrderId]) -> (Draft, Problem, Solution) {
        let vehicles: Vec<VehicleId> = vehicles.iter().copied().collect();
        let draft = Draft::new(
            self.moment.fleet,
            self.outlook,
            &vehicles,
            orders,
            self.moment.now(),
            self.moment.answer_margin(),
        );
        let problem = self.finish(&draft);
        let solution = insert(&problem);
        (draft, problem, solution)
    }

    /// Vehicles worth asking about an order: its carrier, or the pinned one, or those near its stops and the one it is on.
    fn candidates(&self, id: OrderId, near_vehicles: usize, near_stops: usize, vehicles: &mut BTreeSet<VehicleId>) {
        let order = self.moment.fleet.order(id);
        if let Placement::OnRoute(vehicle) = order.placement {
            vehicles.insert(vehicle);
        }
        if let Some(only) = order.on_board.or(order.pinned) {
            vehicles.insert(only);
            return;
        }
        let space = self.moment.fleet.zone().space;
        let available = |&vehicle: &VehicleId| self.moment.fleet.vehicle(vehicle).is_available();
        let places =
            [StopKind::Pickup, StopKind::Delivery].into_iter().filter(|kind| order.open_stops().contains(kind));
        for place in places.filter_map(|kind| order.stop(kind)).map(|stop| stop.position) {
            vehicles
                .extend(self.moment.fleet.index().vehicles_near(space, place).filter(available).take(near_vehicles));
            let by_stops =
                self.moment.fleet.index().stops_near(space, place).take(near_stops).filter_map(|(other, _)| match self
                    .moment
                    .fleet
                    .order(other)
                    .placement
                {
                    Placement::OnRoute(vehicle) => Some(vehicle),
                    Placement::Unplaced | Placement::Unassigned(_) => None,
                });
            vehicles.extend(by_stops.filter(available));
        }
    }
}

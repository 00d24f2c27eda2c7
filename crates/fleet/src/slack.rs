//! What each vehicle's route leaves room for, in a few numbers a vehicle: so that an order that nobody can take is told from one
//! pass over small entries, and not from the stops of thousands of routes.
//!
//! Promise: the numbers are those of the route as it is now; no snapshot or digest holds them. Absent on purpose: who may take an
//! order. That is judged by the engine.

use fleetfold_model::{LOAD_DIMENSIONS, Load, Millis, OrderId, StopKind, Timestamp, VehicleId};

use crate::pages::Vacant;
use crate::{Fleet, OrderState, VehicleState, trip_from, until_depot};

/// Units of each load dimension, wider than one load so that sums of them do not run over.
pub type Units = [i64; LOAD_DIMENSIONS];

/// What one vehicle has left to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slack {
    /// It may be given work ([`VehicleState::is_available`]).
    pub is_available: bool,
    /// Its skills as bits.
    pub skills: u64,
    /// Stops that it may be given beside those of its route; `None`: any number.
    pub stops: Option<u32>,
    /// Free room now, for what would have to be on board from the start. `None`: it carries more than it holds, or will on its route as it stands.
    /// Of a vehicle that may call at a depot it is all the room there is, as at the end and at most.
    pub room_at_start: Option<Load>,
    /// Free room once its route is done.
    pub room_at_end: Load,
    /// In each dimension, the free room where there is the most of it.
    pub room_at_most: Load,
    /// Time driven between the stops that may be planned anew.
    pub driven: Millis,
    /// Time of service at them.
    pub served: Millis,
    /// The longest of these services.
    pub longest: Millis,
    /// The end of its shift. `None`: it has none, or goods on board that are delivered after it too.
    pub ends: Option<Timestamp>,
    /// Some of these stops are of shipments, which a policy may let it deliver after its shift.
    pub has_shipments: bool,
}

impl Vacant for Slack {
    fn vacant() -> Self {
        Self {
            is_available: false,
            skills: 0,
            stops: None,
            room_at_start: None,
            room_at_end: Load::default(),
            room_at_most: Load::default(),
            driven: Millis(0),
            served: Millis(0),
            longest: Millis(0),
            ends: None,
            has_shipments: false,
        }
    }

    fn is_vacant(&self) -> bool {
        *self == Self::vacant()
    }
}

impl Slack {
    /// What a vehicle of this fleet has left.
    pub(crate) fn of(fleet: &Fleet, id: VehicleId) -> Self {
        let vehicle = fleet.vehicle(id);
        let Some(spec) = &vehicle.spec else { return Self::vacant() };
        let mut slack = Self {
            is_available: vehicle.is_available(),
            skills: vehicle.skills,
            stops: spec
                .stops_max
                .map(|most| most.saturating_sub(vehicle.stops_done + vehicle.route.visits.len() as u32)),
            ..Self::vacant()
        };
        let room = |load: &Units| {
            Load(std::array::from_fn(|dim| {
                (i64::from(spec.capacity.0[dim]) - load[dim]).clamp(-1, i64::from(i32::MAX)) as i32
            }))
        };
        let (mut first, mut last, mut most) = (None, Load::default(), Load([i32::MIN; LOAD_DIMENSIONS]));
        let mut is_too_full = false;
        if vehicle.reloads_left() > 0 {
            // On a trip to come it may have all its room.
            let room = room(&Units::default());
            (first, last, most) = (Some(room), room, room);
        } else {
            for load in fleet.loads_along(vehicle) {
                let room = room(&load);
                first.get_or_insert(room);
                last = room;
                most = Load(std::array::from_fn(|dim| most.0[dim].max(room.0[dim])));
                is_too_full |= room.0.iter().any(|&room| room < 0);
            }
        }
        (slack.room_at_start, slack.room_at_end, slack.room_at_most) = (first.filter(|_| !is_too_full), last, most);
        if vehicle.on_board.iter().all(|&carried| fleet.order(carried).loads_at_start()) {
            slack.ends = fleet.ends_for_sure(id);
        }
        let tail = &vehicle.route.visits[vehicle.frozen().min(vehicle.route.visits.len())..];
        let mut free = None;
        for visit in tail {
            // The drive to the first stop depends on when somebody asks.
            let leaves = free.map_or(visit.arrival, |free: Timestamp| free.max(visit.depart_at) + visit.break_before);
            // Another route may call at no depot here.
            let leaves = visit.reload_before.map_or(leaves, |call| call.departure);
            slack.driven.0 += (visit.arrival - leaves).0.max(0);
            let service = visit.departure - visit.start;
            slack.served += service;
            slack.longest = slack.longest.max(service);
            slack.has_shipments |= fleet.order(visit.order).is_shipment();
            free = Some(visit.departure);
        }
        slack
    }
}

/// What was forced beyond the end of a shift may come so much later than planned before other orders are taken off its route (guess:
/// traffic).
pub const FORCED_SLACK: Millis = Millis(10 * 60_000);

impl Fleet {
    /// Until when a vehicle serves stops, zone time: to the end of its shift, or where a dispatcher has forced an order onto its route, as
    /// long as that route takes as planned, and a little longer, its way home left out. `None`: it has no shift.
    pub fn works_until(&self, id: VehicleId) -> Option<Timestamp> {
        let vehicle = self.vehicle(id);
        let ends = vehicle.shift.as_ref()?.ends;
        // A word that breaks nothing lifts nothing.
        let beyond = self.forced_until(id).filter(|&until| until - FORCED_SLACK > ends);
        Some(beyond.unwrap_or(ends))
    }

    /// The same where that can be all that keeps the vehicle off something, and is told without a travel time. `None`: it has no shift; it
    /// has to come home behind what is forced onto its route, which may lift the end of its shift, too; or its driver's hours count beside it.
    pub fn ends_for_sure(&self, id: VehicleId) -> Option<Timestamp> {
        let spec = self.vehicle(id).spec.as_ref();
        let comes_home = spec.is_some_and(|spec| spec.end.is_some());
        let has_rule = spec.is_some_and(|spec| spec.driving_time.is_some());
        self.works_until(id).filter(|_| !has_rule && (!comes_home || self.forced_until(id).is_none()))
    }

    /// Until when a vehicle serves stops whatever its limits say, because a dispatcher has forced an order onto its route: as long as that
    /// route takes as planned, and a little longer.
    pub fn forced_until(&self, id: VehicleId) -> Option<Timestamp> {
        let visits = &self.vehicle(id).route.visits;
        let is_forced = |order: OrderId| self.order(order).is_forced() && self.order(order).pinned == Some(id);
        let planned = visits.iter().map(|visit| visit.departure).max();
        planned.filter(|_| visits.iter().any(|visit| is_forced(visit.order))).map(|planned| planned + FORCED_SLACK)
    }

    /// Until when a vehicle that has arrived at a stop waits for the stop's window or its goods; `None`: it has not arrived, or need not wait.
    pub fn waits_until(&self, id: VehicleId) -> Option<Timestamp> {
        let under = self.vehicle(id).under_way?;
        let (arrived, stop) = (under.arrived?, self.order(under.order).stop(under.stop)?);
        let begins = stop.service_start(arrived, false);
        (begins > arrived).then_some(begins)
    }

    /// What is on board of a vehicle until it has served the stop that it is on its way to, when the part of its route begins that may be
    /// planned anew, and behind each stop of that part. Before a stop of another trip it calls at a depot.
    pub fn loads_along<'a>(&'a self, vehicle: &'a VehicleState) -> impl Iterator<Item = Units> + 'a {
        let (head, tail) = vehicle.route.visits.split_at(vehicle.frozen().min(vehicle.route.visits.len()));
        let mut load: Units = vehicle.kept.0.map(i64::from);
        // Goods that are more than the vehicle holds take all the room there is, and no more.
        let room = vehicle.spec.as_ref().map_or(Load::default(), |spec| spec.capacity);
        let add = move |load: &mut Units, goods: Load, sign: i64| {
            for ((sum, one), room) in load.iter_mut().zip(goods.0).zip(room.0) {
                *sum += sign * i64::from(one.min(room));
            }
        };
        // Goods of jobs on board are counted where they are delivered.
        for &carried in vehicle.on_board.iter().filter(|&&carried| !self.order(carried).loads_at_start()) {
            if !head.iter().any(|visit| visit.order == carried && visit.stop == StopKind::Delivery) {
                add(&mut load, self.order(carried).load(), 1);
            }
        }
        for visit in head {
            let state = self.order(visit.order);
            if visit.stop == StopKind::Pickup || !state.is_shipment() {
                add(&mut load, state.load(), 1);
            }
        }
        let is_loaded = |state: &OrderState| !state.is_shipment() && state.loads_at_start();
        let first = until_depot(tail).len();
        for (index, state) in tail.iter().map(|visit| self.order(visit.order)).enumerate() {
            if is_loaded(state) && (index < first || state.on_board.is_some()) {
                add(&mut load, state.load(), 1);
            }
        }
        let before = load;
        for state in head.iter().map(|visit| self.order(visit.order)).filter(|state| state.loads_at_start()) {
            add(&mut load, state.load(), -1);
        }
        // What jobs have picked up since the vehicle called at a depot, and what could not be delivered: it is left at the next one.
        let mut picked_up: Units = vehicle.kept.0.map(i64::from);
        for state in head.iter().map(|visit| self.order(visit.order)) {
            if !state.is_shipment() && !state.loads_at_start() {
                add(&mut picked_up, state.load(), 1);
            }
        }
        [before, load].into_iter().chain(tail.iter().enumerate().map(move |(index, visit)| {
            let state = self.order(visit.order);
            if visit.reload_before.is_some() {
                let left = std::mem::take(&mut picked_up);
                load.iter_mut().zip(left).for_each(|(load, left)| *load -= left);
                for state in trip_from(tail, index).iter().map(|visit| self.order(visit.order)) {
                    if is_loaded(state) && state.on_board.is_none() {
                        add(&mut load, state.load(), 1);
                    }
                }
            }
            if !state.is_shipment() && !state.loads_at_start() {
                add(&mut picked_up, state.load(), 1);
            }
            // Goods come off at the delivery of a shipment and of a job that was loaded at the start.
            let comes_off = visit.stop == StopKind::Delivery && (state.is_shipment() || state.loads_at_start());
            add(&mut load, state.load(), if comes_off { -1 } else { 1 });
            load
        }))
    }
}

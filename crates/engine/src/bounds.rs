//! What a vehicle cannot take, whatever its route becomes: told from its load and its hours, without a single travel time.
//!
//! Promise: where this says no, a search for a position in the vehicle's route says no too. The other way round it promises nothing.

use fleetfold_fleet::{Fleet, OrderState, Placement, VehicleState};
use fleetfold_model::{Load, Millis, Obstacle, StopKind, Timestamp, UnassignedReason, VehicleId};

use crate::moment::Moment;

/// Why a vehicle cannot take an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It lacks a skill.
    Skills,
    /// Its driver would not take the order.
    Rejected,
    /// It may have no more stops in this shift.
    Stops,
    /// The goods do not fit beside what it has, at no position of its route. `by`: units that are missing where the least are.
    Capacity { by: i64 },
    /// Its shift ends before the order could be served.
    Shift,
}

/// Of the driving time that a route takes now, how much it takes at least with another stop in it, in per cent. Less than all of it:
/// tables may hold detours that are quicker than the direct way, and other hours have other travel times.
const DRIVEN_AT_LEAST: i64 = 60;

/// Why a vehicle cannot take an order; `None`: it may, as far as this can tell.
pub(crate) fn refusal(moment: Moment<'_>, id: VehicleId, order: &OrderState) -> Option<Refusal> {
    let fleet = moment.fleet;
    let vehicle = fleet.vehicle(id);
    if order.placement == Placement::OnRoute(id) || order.on_board == Some(id) {
        return None;
    }
    let spec = vehicle.spec.as_ref()?;
    if order.skills & !vehicle.skills != 0 {
        return Some(Refusal::Skills);
    }
    if order.rejected_by.contains(&id) {
        return Some(Refusal::Rejected);
    }
    let stops = order.open_stops().len() + vehicle.route.visits.len();
    if spec.stops_max.is_some_and(|most| (most as usize) < vehicle.stops_done as usize + stops) {
        return Some(Refusal::Stops);
    }
    let soon = moment.now() + moment.answer_margin();
    let frozen = vehicle.frozen();
    let by = shortage(fleet, vehicle, frozen, order, spec.capacity);
    if by > 0 {
        return Some(Refusal::Capacity { by });
    }
    ends_too_early(fleet, vehicle, frozen, order, soon).then_some(Refusal::Shift)
}

/// True when a shift ends before all stops of a route and those of an order can have begun.
fn ends_too_early(fleet: &Fleet, vehicle: &VehicleState, frozen: usize, order: &OrderState, soon: Timestamp) -> bool {
    let Some(shift) = &vehicle.shift else { return false };
    let tail = &vehicle.route.visits[frozen.min(vehicle.route.visits.len())..];
    // Goods on board are delivered after the shift too, and where the policy says so, those of all shipments.
    let exempt = |id| fleet.policy().deliver_after_shift && fleet.order(id).is_shipment();
    if !vehicle.on_board.is_empty()
        || (fleet.policy().deliver_after_shift && order.is_shipment())
        || tail.iter().any(|visit| exempt(visit.order))
    {
        return false;
    }
    let mut free = tail.first().map_or(soon, |first| first.depart_at.max(soon));
    let (mut driven, mut served, mut longest) = (0, 0, 0);
    for visit in tail {
        let leaves = free.max(visit.depart_at) + visit.break_before;
        driven += (visit.arrival - leaves).0.max(0);
        let service = (visit.departure - visit.start).0;
        (served, longest) = (served + service, longest.max(service));
        free = visit.departure;
    }
    for stop in order.open_stops().iter().filter_map(|&kind| order.stop(kind)) {
        let service = fleet.service_at(stop.position, stop.service).0;
        (served, longest) = (served + service, longest.max(service));
    }
    // The last service may begin at the very end.
    soon + Millis(driven * DRIVEN_AT_LEAST / 100 + served - longest) > shift.ends
}

/// Units by which the goods of an order do not fit at the position of a route where they come nearest to fitting, in the dimension
/// in which the most are missing there. 0: they fit somewhere.
fn shortage(fleet: &Fleet, vehicle: &VehicleState, frozen: usize, order: &OrderState, capacity: Load) -> i64 {
    let (head, tail) = vehicle.route.visits.split_at(frozen.min(vehicle.route.visits.len()));
    let mut load = [0i64; 4];
    let add = |load: &mut [i64; 4], goods: Load, sign: i64| {
        for (sum, one) in load.iter_mut().zip(goods.0) {
            *sum += sign * i64::from(one);
        }
    };
    for &carried in &vehicle.on_board {
        if !head.iter().any(|visit| visit.order == carried && visit.stop == StopKind::Delivery) {
            add(&mut load, fleet.order(carried).load(), 1);
        }
    }
    for visit in head {
        let state = fleet.order(visit.order);
        if visit.stop == StopKind::Pickup || !state.is_shipment() {
            add(&mut load, state.load(), 1);
        }
    }
    for visit in tail {
        let state = fleet.order(visit.order);
        if !state.is_shipment() && state.loads_at_start() {
            add(&mut load, state.load(), 1);
        }
    }
    let goods = order.load();
    let missing = |load: &[i64; 4]| {
        let each = load.iter().zip(goods.0).zip(capacity.0);
        each.map(|((&load, goods), room)| load + i64::from(goods) - i64::from(room)).max().unwrap_or(0).max(0)
    };
    // A route that is too full as it stands is made anew, in another order of stops: nothing can be told from this one.
    let too_full = |load: &[i64; 4]| load.iter().zip(capacity.0).any(|(&load, room)| load > i64::from(room));
    if too_full(&load) {
        return 0;
    }
    let at_start = missing(&load);
    let mut least = at_start;
    for visit in tail {
        let state = fleet.order(visit.order);
        // Goods come off at the delivery of a shipment and of a job that was loaded at the start.
        let comes_off = visit.stop == StopKind::Delivery && (state.is_shipment() || state.loads_at_start());
        add(&mut load, state.load(), if comes_off { -1 } else { 1 });
        if too_full(&load) {
            return 0;
        }
        least = least.min(missing(&load));
    }
    if order.is_shipment() {
        least
    } else if order.loads_at_start() {
        at_start
    } else {
        // What a job picks up stays on board to the end.
        missing(&load)
    }
}

/// What all vehicles together say to an order, where each said no.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    skills: bool,
    rejected: bool,
    capacity: bool,
    shift: bool,
    stops: bool,
    /// The vehicle that comes nearest to taking it: the one with the fewest units missing, the nearest of these first.
    nearest: Option<(i64, VehicleId, Obstacle)>,
}

impl Refusals {
    /// Takes note of one vehicle's answer. Vehicles are asked nearest first.
    pub(crate) fn note(&mut self, vehicle: VehicleId, refusal: Refusal) {
        let (miss, obstacle) = match refusal {
            Refusal::Skills => {
                self.skills = true;
                return;
            }
            Refusal::Rejected => {
                self.rejected = true;
                return;
            }
            Refusal::Stops => {
                self.stops = true;
                return;
            }
            Refusal::Capacity { by } => {
                self.capacity = true;
                (by, Obstacle::Capacity)
            }
            Refusal::Shift => {
                self.shift = true;
                (i64::MAX, Obstacle::Shift)
            }
        };
        if self.nearest.is_none_or(|(least, ..)| miss < least) {
            self.nearest = Some((miss, vehicle, obstacle));
        }
    }

    /// The reason that holds for all of them.
    pub(crate) fn reason(&self) -> UnassignedReason {
        match (self.rejected, self.capacity, self.shift, self.stops) {
            (false, false, false, false) if self.skills => UnassignedReason::Skills,
            (false, false, false, false) => UnassignedReason::NoVehicle,
            (true, false, false, false) => UnassignedReason::Rejected,
            (_, true, false, false) => UnassignedReason::Capacity,
            (_, false, true, false) => UnassignedReason::Shift,
            _ => UnassignedReason::NoPlace,
        }
    }

    /// The vehicle that comes nearest to taking the order, and what it lacks.
    pub(crate) fn nearest_miss(&self) -> Option<(VehicleId, Obstacle)> {
        self.nearest.map(|(_, vehicle, obstacle)| (vehicle, obstacle))
    }
}

//! What a vehicle cannot take, whatever its route becomes: told from its load and its hours, without a single travel time.
//!
//! Promise: where this says no, a search for a position in the vehicle's route says no too. The other way round it promises nothing.

use std::collections::BTreeSet;

use fleetfold_fleet::{Fleet, OrderState, Placement, Slack, Units, VehicleState, Visit};
use fleetfold_model::{Load, Millis, Obstacle, Position, Timestamp, UnassignedReason, VehicleId};

use crate::moment::Moment;

/// Why a vehicle cannot take an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It lacks a skill.
    Skills,
    /// Its driver would not take the order.
    Rejected,
    /// Nothing is heard of it: it is given nothing new.
    Silent,
    /// It may have no more stops in this shift. `fits`: the goods would have room.
    Stops { fits: bool },
    /// The goods do not fit beside what it has, at no position of its route. `by`: units that are missing where the least are;
    /// `in_time`: its shift is long enough, as far as this can tell.
    Capacity { by: i64, in_time: bool },
    /// Its shift ends before the order could be served.
    Shift,
    /// Its driver would drive, or be at work, too long.
    DrivingTime,
    /// Both.
    ShiftAndDrivingTime,
    /// No road leads there from where it is.
    Way,
    /// Another rule: goods would have to be unloaded in another order, for instance.
    Rules,
    /// It could, and that costs more than leaving the order out.
    Price,
}

/// What all vehicles say to an order that none of them takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nobody {
    /// The reason that holds for all of them.
    pub(crate) reason: UnassignedReason,
    /// The vehicle that comes nearest to taking it, and what it lacks.
    pub(crate) nearest_miss: Option<(VehicleId, Obstacle)>,
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
    let soon = moment.now() + moment.answer_margin();
    let frozen = vehicle.frozen();
    let by = shortage(fleet, vehicle, order, spec.capacity);
    let stops = order.open_stops().len() + vehicle.route.visits.len();
    if spec.stops_max.is_some_and(|most| (most as usize) < vehicle.stops_done as usize + stops) {
        return Some(Refusal::Stops { fits: by == 0 });
    }
    let until = fleet.ends_for_sure(id);
    let in_time = !until.is_some_and(|until| ends_too_early(fleet, (vehicle, until), frozen, order, soon));
    if by > 0 {
        return Some(Refusal::Capacity { by, in_time });
    }
    (!in_time).then_some(Refusal::Shift)
}

/// True when a shift ends before all stops of a route and those of an order can have begun.
fn ends_too_early(
    fleet: &Fleet,
    (vehicle, until): (&VehicleState, Timestamp),
    frozen: usize,
    order: &OrderState,
    soon: Timestamp,
) -> bool {
    let tail = &vehicle.route.visits[frozen.min(vehicle.route.visits.len())..];
    // Goods on board are delivered after the shift too, and where the policy says so, those of all shipments.
    let exempt = |id| fleet.policy().deliver_after_shift && fleet.order(id).is_shipment();
    if vehicle.on_board.iter().any(|&carried| !fleet.order(carried).loads_at_start())
        || (fleet.policy().deliver_after_shift && order.is_shipment())
        || tail.iter().any(|visit| exempt(visit.order))
    {
        return false;
    }
    let mut free = tail.first().and_then(Visit::departs).map_or(soon, |departs| departs.max(soon));
    let (mut driven, mut served, mut longest) = (0, 0, 0);
    for visit in tail {
        let leaves = free.max(visit.departs().unwrap_or(free)) + visit.break_before;
        // Another route may call at no depot here.
        let leaves = visit.reload_before.map_or(leaves, |call| call.departure);
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
    soon + Millis(driven * DRIVEN_AT_LEAST / 100 + served - longest) > until
}

/// Units by which the goods of an order do not fit at the position of a route where they come nearest to fitting, in the dimension
/// in which the most are missing there. 0: they fit somewhere.
fn shortage(fleet: &Fleet, vehicle: &VehicleState, order: &OrderState, capacity: Load) -> i64 {
    let goods = order.load();
    let missing = |load: &Units| {
        let each = load.iter().zip(goods.0).zip(capacity.0);
        each.map(|((&load, goods), room)| load + i64::from(goods) - i64::from(room)).max().unwrap_or(0).max(0)
    };
    if vehicle.reloads_left() > 0 {
        // On a trip to come it may have all its room.
        return missing(&Units::default());
    }
    let (mut first, mut last, mut least) = (None, 0, i64::MAX);
    for load in fleet.loads_along(vehicle) {
        // A route that is too full as it stands is made anew, in another order of stops: nothing can be told from this one.
        if load.iter().zip(capacity.0).any(|(&load, room)| load > i64::from(room)) {
            return 0;
        }
        last = missing(&load);
        first.get_or_insert(last);
        least = least.min(last);
    }
    if order.is_shipment() {
        least
    } else if order.loads_at_start() {
        first.unwrap_or(0)
    } else {
        // What a job picks up stays on board to the end.
        last
    }
}

/// What an order asks of a vehicle, for one look at the slack of all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asks<'a> {
    order: &'a OrderState,
    goods: Load,
    stops: u32,
    /// Service at its stops: all of it, and the longest.
    served: Millis,
    longest: Millis,
    /// Zone time from which a vehicle could go about it.
    soon: Timestamp,
    delivered_after_shift: bool,
}

impl<'a> Asks<'a> {
    pub(crate) fn of(moment: Moment<'a>, order: &'a OrderState) -> Self {
        let fleet = moment.fleet;
        let (mut served, mut longest) = (Millis(0), Millis(0));
        for stop in order.open_stops().iter().filter_map(|&kind| order.stop(kind)) {
            let service = fleet.service_at(stop.position, stop.service);
            (served, longest) = (served + service, longest.max(service));
        }
        let soon = moment.now() + moment.answer_margin();
        let delivered_after_shift = fleet.policy().deliver_after_shift;
        let (goods, stops) = (order.load(), order.open_stops().len() as u32);
        Self { order, goods, stops, served, longest, soon, delivered_after_shift }
    }

    /// True where units that are missing are told exactly, and not only that they are at least so many: unless goods of several
    /// dimensions may be carried on some part of the route only.
    pub(crate) fn is_exact(&self) -> bool {
        !self.order.is_shipment() || self.goods.0.iter().filter(|&&units| units > 0).count() <= 1
    }

    /// Why a vehicle cannot take the order, told from its slack alone: where this says no, [`refusal`] does, for the same reason,
    /// and at least as many units are missing. `None`: it may, as far as this can tell.
    pub(crate) fn refused_by(&self, id: VehicleId, slack: &Slack) -> Option<Refusal> {
        if self.order.skills & !slack.skills != 0 {
            return Some(Refusal::Skills);
        }
        if self.order.rejected_by.contains(&id) {
            return Some(Refusal::Rejected);
        }
        let has_all_stops = slack.stops.is_some_and(|left| left < self.stops);
        // A vehicle that is too full as it stands is looked at more closely.
        let Some(at_start) = slack.room_at_start else {
            return has_all_stops.then_some(Refusal::Stops { fits: false });
        };
        let room = if self.order.is_shipment() {
            slack.room_at_most
        } else if self.order.loads_at_start() {
            at_start
        } else {
            slack.room_at_end
        };
        let missing = self.goods.0.iter().zip(room.0).map(|(&goods, room)| i64::from(goods) - i64::from(room));
        let by = missing.max().unwrap_or(0);
        if has_all_stops {
            return Some(Refusal::Stops { fits: by <= 0 });
        }
        let is_exempt = self.delivered_after_shift && (slack.has_shipments || self.order.is_shipment());
        let works =
            slack.driven.0 * DRIVEN_AT_LEAST / 100 + (slack.served + self.served - slack.longest.max(self.longest)).0;
        let in_time = is_exempt || slack.ends.is_none_or(|ends| self.soon + Millis(works) <= ends);
        if by > 0 {
            return Some(Refusal::Capacity { by, in_time });
        }
        (!in_time).then_some(Refusal::Shift)
    }
}

/// What all vehicles together say to an order, where each said no.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    skills: bool,
    rejected: bool,
    capacity: bool,
    shift: bool,
    driving_time: bool,
    /// A vehicle lacks both a longer shift and driving time.
    shift_and_driving_time: bool,
    stops: bool,
    /// A vehicle has room for neither the goods nor the stops.
    stops_and_capacity: bool,
    way: bool,
    /// Vehicles that are given nothing because nothing is heard of them, and of which nothing else is known that keeps them off.
    silent: Vec<VehicleId>,
    /// Not all were asked.
    unasked: bool,
    /// Something that no reason of its own stands for.
    other: bool,
    /// A road leads there from some vehicle that was asked.
    reached: bool,
    /// What is missing where the least is, and all vehicles of which so much is.
    nearest: Option<(Miss, Vec<VehicleId>)>,
}

/// How far a vehicle is from taking an order: capacity that is missing first, by how much; then a stop, then time, then several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Miss {
    Capacity(i64),
    Stops,
    Shift,
    DrivingTime,
    Dear,
    StopsAndCapacity,
    CapacityAndShift,
    ShiftAndDrivingTime,
}

/// So many vehicles are measured one by one; of more, one is soon met among those nearest to the order.
const MEASURED: usize = 64;

impl Refusals {
    /// True while a vehicle of which at least `missing` units are missing may be the one that comes nearest.
    pub(crate) fn may_be_nearest(&self, missing: i64) -> bool {
        self.nearest.as_ref().is_none_or(|(least, _)| Miss::Capacity(missing) <= *least)
    }

    /// Not all vehicles could be asked: nothing holds for all of them.
    pub(crate) fn note_unasked(&mut self) {
        self.unasked = true;
    }

    /// The silent vehicles among them, if all were asked.
    pub(crate) fn silent(&self) -> &[VehicleId] {
        if self.unasked { &[] } else { &self.silent }
    }

    /// A road leads to the order from a vehicle that was asked, whatever it says.
    pub(crate) fn reached(&mut self) {
        self.reached = true;
    }

    /// Takes note of one vehicle's answer.
    pub(crate) fn note(&mut self, vehicle: VehicleId, refusal: Refusal) {
        let miss = match refusal {
            Refusal::Skills => {
                self.skills = true;
                return;
            }
            Refusal::Rejected => {
                self.rejected = true;
                return;
            }
            Refusal::Stops { fits: true } => {
                self.stops = true;
                Miss::Stops
            }
            Refusal::Stops { fits: false } => {
                self.stops_and_capacity = true;
                Miss::StopsAndCapacity
            }
            Refusal::Capacity { by, in_time } => {
                self.capacity = true;
                if in_time { Miss::Capacity(by) } else { Miss::CapacityAndShift }
            }
            Refusal::Shift => {
                self.shift = true;
                Miss::Shift
            }
            Refusal::DrivingTime => {
                self.driving_time = true;
                Miss::DrivingTime
            }
            Refusal::ShiftAndDrivingTime => {
                self.shift_and_driving_time = true;
                Miss::ShiftAndDrivingTime
            }
            Refusal::Way => {
                self.way = true;
                return;
            }
            Refusal::Silent => {
                self.silent.push(vehicle);
                return;
            }
            Refusal::Rules => {
                self.other = true;
                return;
            }
            Refusal::Price => {
                self.other = true;
                Miss::Dear
            }
        };
        match &mut self.nearest {
            Some((least, vehicles)) if miss == *least => vehicles.push(vehicle),
            Some((least, _)) if miss > *least => {}
            nearest => *nearest = Some((miss, vec![vehicle])),
        }
    }

    /// The reason that holds for all of them.
    pub(crate) fn reason(&self) -> UnassignedReason {
        if self.way && !self.reached {
            return UnassignedReason::Unreachable;
        }
        if self.way || self.other || self.unasked || !self.silent.is_empty() {
            return UnassignedReason::NoPlace;
        }
        // Who lacks room for the goods and for the stops says the one as well as the other.
        let capacity = self.capacity || (self.stops_and_capacity && !self.stops);
        let stops = self.stops || (self.stops_and_capacity && !capacity);
        // So does who lacks a longer shift and driving time.
        let shift = self.shift || (self.shift_and_driving_time && !self.driving_time);
        let driving_time = self.driving_time || (self.shift_and_driving_time && !shift);
        match (self.rejected, capacity, shift, stops, driving_time) {
            (false, false, false, false, false) if self.skills => UnassignedReason::Skills,
            (false, false, false, false, false) => UnassignedReason::NoVehicle,
            (true, false, false, false, false) => UnassignedReason::Rejected,
            (false, true, false, false, false) => UnassignedReason::Capacity,
            (false, false, true, false, false) => UnassignedReason::Shift,
            (false, false, false, true, false) => UnassignedReason::Stops,
            (false, false, false, false, true) => UnassignedReason::DrivingTime,
            _ => UnassignedReason::NoPlace,
        }
    }

    /// The vehicle that comes nearest to taking the order, and what it lacks: the one of which the fewest units are missing and
    /// nothing else, the nearest of these.
    pub(crate) fn nearest_miss(&self, fleet: &Fleet, place: Position) -> Option<(VehicleId, Obstacle)> {
        let (miss, vehicles) = self.nearest.as_ref()?;
        let obstacle = match miss {
            Miss::Capacity(_) | Miss::StopsAndCapacity | Miss::CapacityAndShift => Obstacle::Capacity,
            Miss::Stops => Obstacle::Stops,
            Miss::Shift | Miss::ShiftAndDrivingTime => Obstacle::Shift,
            Miss::DrivingTime => Obstacle::DrivingTime,
            Miss::Dear => Obstacle::Dearer,
        };
        let (index, space) = (fleet.index(), fleet.zone().space);
        let nearest = if vehicles.len() <= MEASURED {
            let far = |id: &VehicleId| index.metres_between(space, place, *id).unwrap_or(f64::INFINITY);
            vehicles.iter().copied().min_by(|a, b| far(a).total_cmp(&far(b)).then(a.cmp(b)))
        } else {
            let vehicles: BTreeSet<VehicleId> = vehicles.iter().copied().collect();
            index.vehicles_near(space, place).find(|id| vehicles.contains(id))
        };
        nearest.map(|vehicle| (vehicle, obstacle))
    }
}

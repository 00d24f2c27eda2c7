//! What a dispatcher's word breaks: by how much an order that is tied to its vehicle is served against the rules that would have kept it off.

use fleetfold_fleet::{Excess, Fleet, OrderState, Placement, VehicleState, Visit, trip_from, until_depot};
use fleetfold_model::{Millis, OrderId, StopKind, Timestamp, VehicleId};

use super::miss::{DrivingLimit, Lack, lacked_skills, miss_of_word};
use super::offer::Stand;
use crate::outlook::Outlook;
use crate::proposal::ROUNDING;
use crate::way_home::{Home, way_home};

/// The rules that an order on a route breaks because a dispatcher has tied it to that vehicle, each with by how much, as the route is
/// planned. Empty where it breaks none, or nobody has tied it to one. What the way home of the vehicle breaks is told of each order that was
/// forced onto its route; of each that was pinned, where none was forced.
///
/// Of an order that nobody has tied to its vehicle, and that is served behind one that was forced there: by how much it is served beyond
/// the shift or the hours of the driver.
pub fn broken(fleet: &Fleet, outlook: &Outlook, order: OrderId) -> Vec<Lack> {
    let it = fleet.order(order);
    let Placement::OnRoute(id) = it.placement else { return Vec::new() };
    let vehicle = fleet.vehicle(id);
    let is_forced = |order: &OrderState| order.is_forced() && order.pinned == Some(id);
    let forced = vehicle.route.visits.iter().position(|visit| is_forced(fleet.order(visit.order)));
    if it.pinned != Some(id) {
        let last = vehicle.route.visits.iter().rposition(|visit| visit.order == order);
        let is_behind = forced.zip(last).is_some_and(|(forced, last)| forced < last);
        return if is_behind { beyond_hours(fleet, vehicle, order, None) } else { Vec::new() };
    }
    let answers_for_home = is_forced(it) || forced.is_none();
    broken_where_it_is(fleet, outlook, (order, id), answers_for_home)
}

/// The rules that an order on the route of a vehicle breaks there if a dispatcher has tied it to that. `answers_for_home`: so does what the way
/// home breaks.
fn broken_where_it_is(
    fleet: &Fleet,
    outlook: &Outlook,
    (order, id): (OrderId, VehicleId),
    answers_for_home: bool,
) -> Vec<Lack> {
    let (it, vehicle) = (fleet.order(order), fleet.vehicle(id));
    let Some(spec) = vehicle.spec.as_ref() else { return Vec::new() };
    let mut breaks = Vec::new();
    let skills = lacked_skills(fleet, id, order);
    if !skills.is_empty() {
        breaks.push(Lack::Skills(skills));
    }
    let stops = vehicle.stops_done + vehicle.route.visits.len() as u32;
    let over = spec.stops_max.map_or(0, |most| stops.saturating_sub(most));
    if over > 0 {
        breaks.push(Lack::Stops(over));
    }
    let calls = |visits: &[Visit]| visits.iter().filter(|visit| visit.reload_before.is_some()).count() as u32;
    let last = vehicle.route.visits.iter().rposition(|visit| visit.order == order);
    let over = calls(&vehicle.route.visits).saturating_sub(vehicle.reloads_left());
    if over > 0 && last.is_some_and(|last| calls(&vehicle.route.visits[..=last]) > 0) {
        breaks.push(Lack::Reloads(over));
    }
    let most = most_beside(fleet, vehicle, order);
    for (dimension, (most, room)) in most.into_iter().zip(spec.capacity.0).enumerate() {
        let by = most - i64::from(room);
        if by > 0 && it.load().0[dimension] > 0 {
            breaks.push(Lack::Room { dimension, by });
        }
    }
    let home = answers_for_home.then(|| way_home(fleet, outlook, id, fleet.now())).flatten();
    breaks.extend(beyond_hours(fleet, vehicle, order, home));
    let visits = vehicle.route.visits.iter().enumerate().filter(|(_, visit)| visit.order == order);
    let late = visits.filter(|&(index, _)| !vehicle.route.is_cut_off_at(index));
    let late = late.filter_map(|(_, visit)| Some(visit.start - it.stop(visit.stop)?.due?)).max();
    if let Some(late) = late.filter(|&late| late > Millis(0)) {
        breaks.push(Lack::Promise(late));
    }
    breaks
}

/// By how much an order is served, and its vehicle is home, beyond the end of the shift and the rule of driving times.
fn beyond_hours(fleet: &Fleet, vehicle: &VehicleState, order: OrderId, home: Option<Home>) -> Vec<Lack> {
    let route = &vehicle.route;
    // Goods on board are delivered after the shift too, and where the policy says so, those of all shipments. Who is out for them comes
    // home late.
    let may_be_late = |visit: &Visit| {
        let order = fleet.order(visit.order);
        let is_exempt = order.is_shipment() && (order.on_board.is_some() || fleet.policy().deliver_after_shift);
        is_exempt && visit.stop == StopKind::Delivery
    };
    let mut breaks = Vec::new();
    if let Some(shift) = &vehicle.shift {
        let own = route.visits.iter().enumerate().filter(|(_, visit)| visit.order == order && !may_be_late(visit));
        let own = own.filter(|&(index, _)| !route.is_cut_off_at(index)).map(|(_, visit)| visit.departure).max();
        let is_out_late = route.visits.iter().any(|visit| may_be_late(visit) && visit.departure > shift.ends);
        let home = home.map(|home| home.at).filter(|_| !is_out_late);
        let ends = own.max(home).filter(|&ends| ends > shift.ends);
        breaks.extend(ends.map(|ends| Lack::Shift(ends - shift.ends)));
    }
    breaks.extend(hours_broken(vehicle, order, (home, fleet.now())));
    breaks
}

/// By how much a driver has driven, and has been at work, beyond his rule of driving times when an order is served and he is home.
fn hours_broken(vehicle: &VehicleState, order: OrderId, (home, now): (Option<Home>, Timestamp)) -> Vec<Lack> {
    let Some(rule) = vehicle.spec.as_ref().and_then(|spec| spec.driving_time) else { return Vec::new() };
    let mut over = Excess::default();
    vehicle.follow_route(now, |leg| {
        if vehicle.route.visits[leg.index].order == order && !vehicle.route.is_cut_off_at(leg.index) {
            over = leg.behind.excess(&rule);
        }
    });
    let home = home.and_then(|home| home.driven).map_or(Excess::default(), |driven| driven.excess(&rule));
    let (driving, duty) = (over.shift_driving.max(home.shift_driving), over.duty.max(home.duty));
    let found = [(DrivingLimit::InShift, driving), (DrivingLimit::Duty, duty)];
    let found = found.into_iter().filter(|&(_, by)| by > ROUNDING);
    found.map(|(limit, by)| Lack::DrivingTime { limit, by }).collect()
}

/// The most that is on board, in each dimension, while the goods of an order are.
fn most_beside(fleet: &Fleet, vehicle: &VehicleState, order: OrderId) -> [i64; 4] {
    let load = |id: OrderId| fleet.order(id).load().0.map(i64::from);
    let add = |sum: &mut [i64; 4], load: [i64; 4], sign: i64| {
        sum.iter_mut().zip(load).for_each(|(sum, one)| *sum += sign * one);
    };
    let is_from_start = |id: OrderId| fleet.order(id).loads_at_start();
    let mut kept = vehicle.kept.0.map(i64::from);
    let mut carried = kept;
    for &id in vehicle.on_board.iter().filter(|&&id| !is_from_start(id)) {
        add(&mut carried, load(id), 1);
    }
    let visits: &[Visit] = &vehicle.route.visits;
    let first = until_depot(visits).len();
    let is_aboard = |id: OrderId| fleet.order(id).on_board.is_some();
    for (index, visit) in visits.iter().enumerate().filter(|(_, visit)| is_from_start(visit.order)) {
        if index < first || is_aboard(visit.order) {
            add(&mut carried, load(visit.order), 1);
        }
    }
    let is_first = |id: OrderId| visits[..first].iter().any(|visit| visit.order == id);
    let mut is_there = (is_from_start(order) && is_first(order)) || vehicle.on_board.contains(&order);
    let mut most = if is_there { carried } else { [0; 4] };
    // What jobs have picked up since the vehicle called at a depot.
    let mut picked_up: Vec<OrderId> = Vec::new();
    for (index, visit) in visits.iter().enumerate() {
        if visit.reload_before.is_some() {
            // What could not be delivered is left there, too.
            add(&mut carried, std::mem::take(&mut kept), -1);
            picked_up.drain(..).for_each(|id| add(&mut carried, load(id), -1));
            for id in trip_from(visits, index).iter().map(|visit| visit.order) {
                if is_from_start(id) && !is_aboard(id) {
                    add(&mut carried, load(id), 1);
                    is_there |= id == order;
                }
            }
            if is_there {
                most.iter_mut().zip(carried).for_each(|(most, carried)| *most = (*most).max(carried));
            }
        }
        if !is_from_start(visit.order) && !fleet.order(visit.order).is_shipment() {
            picked_up.push(visit.order);
        }
        let comes_off =
            visit.stop == StopKind::Delivery && (fleet.order(visit.order).is_shipment() || is_from_start(visit.order));
        add(&mut carried, load(visit.order), if comes_off { -1 } else { 1 });
        if visit.order == order {
            is_there = !comes_off;
        }
        if is_there {
            most.iter_mut().zip(carried).for_each(|(most, carried)| *most = (*most).max(carried));
        }
    }
    most
}

/// What a dispatcher's word would break that forces an order onto a vehicle as things stand: of one that is on its route already, what it breaks
/// where it is; of another one, what the vehicle lacks for it, the way that lacks least, beside what does not give way for it. Empty where it
/// lacks nothing, or where what keeps it off is no rule of its own.
pub fn lacks(stand: &Stand<'_>, vehicle: VehicleId, order: OrderId) -> Vec<Lack> {
    if stand.fleet.order(order).placement == Placement::OnRoute(vehicle) {
        return broken_where_it_is(stand.fleet, stand.outlook, (order, vehicle), true);
    }
    let least = miss_of_word(stand, vehicle, order).and_then(|miss| miss.ways.into_iter().next()).unwrap_or_default();
    let is_rule = |lack: &Lack| match lack {
        Lack::Silent
        | Lack::Skills(_)
        | Lack::Stops(_)
        | Lack::Reloads(_)
        | Lack::Room { .. }
        | Lack::Shift(_)
        | Lack::DrivingTime { .. }
        | Lack::Promise(_)
        | Lack::Way
        | Lack::Order => true,
        Lack::OffDuty
        | Lack::BrokenDown
        | Lack::PinnedTo(_)
        | Lack::OnBoardOf(_)
        | Lack::UnderWayWith(_)
        | Lack::Rejected
        | Lack::Price(_) => false,
    };
    least.into_iter().filter(is_rule).collect()
}

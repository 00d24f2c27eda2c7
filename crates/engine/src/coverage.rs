//! What it costs that a vehicle leaves the place where it is free: the next order may come just there.
//!
//! The zone's policy says what an hour is worth by which the way to the next order becomes longer (`coverage_cost_per_hour`). Where orders
//! come is told from where the last ones came; who would be sent there, from where vehicles are free now or soon. The price of a vehicle
//! is the mean, over these places, of the time by which the way there becomes longer without it. It is paid once for each route that is
//! not empty, as a price for the use of the vehicle is.
//!
//! Each price counts one vehicle alone: that several leave at once is seen by the next decision.

use std::collections::BTreeMap;

use fleetfold_fleet::{Anchor, Fleet};
use fleetfold_model::{Millis, OrderId, OrderWork, Position, Space, StopKind, Timestamp, VehicleId};
use fleetfold_solver::UNREACHABLE;

use crate::outlook::Outlook;

/// So many of the last orders say where the next one comes from (guess: some hours of a small zone).
const ORDERS_MAX: usize = 256;
/// A vehicle counts that is free within so long, zone time (guess: meals are ordered a quarter to half an hour before they are ready).
const SOON: Millis = Millis(20 * 60_000);
/// A way that becomes longer than this counts as so much longer: by then another vehicle is free (guess).
const LONGER_MAX: Millis = Millis(30 * 60_000);
/// How often the nearest vehicle has been sent elsewhere when the order comes, in thousandths (guess: of 0, 300 and 500 the latter two do
/// better on the half-size instances of the Meal Delivery Routing Problem, and alike).
const AWAY_PERMILLE: i64 = 300;
/// Metres for each 1e-7 degree of latitude on the mean sphere; a little less, so that rounding never makes it more than a straight line.
const METRES_PER_E7: f64 = 0.011_119;
/// Straight lines are taken to be driven as fast as so many of them are by road.
const SAMPLES: usize = 8;

/// Where and from when on a vehicle can be sent to the next order: behind what it is on its way to, and behind the delivery of what it has
/// on board. `None`: not within [`SOON`].
fn free(fleet: &Fleet, id: VehicleId, now: Timestamp) -> Option<Anchor> {
    let vehicle = fleet.vehicle(id);
    vehicle.spec.as_ref()?;
    if !vehicle.on || vehicle.lost || vehicle.shift.as_ref().is_some_and(|shift| shift.ends <= now) {
        return None;
    }
    let visits = &vehicle.route.visits;
    let is_begun = |order: OrderId| {
        vehicle.on_board.contains(&order) || vehicle.under_way.is_some_and(|under| under.order == order)
    };
    let last = visits.iter().rev().find(|visit| is_begun(visit.order));
    let place = last.and_then(|visit| Some((visit.departure, fleet.order(visit.order).stop(visit.stop)?.position)));
    let (at, position) = match place {
        Some((departure, position)) => (departure.max(now), position),
        None => (vehicle.free_from(now), vehicle.whereabouts()?.position),
    };
    (at - now <= SOON).then_some(Anchor { position, at })
}

/// Where the last orders came from, and how many from each place: those of their first stops.
fn demand(fleet: &Fleet) -> BTreeMap<Position, i64> {
    let orders: Vec<OrderId> = fleet.orders().ids().collect();
    let mut places = BTreeMap::new();
    for &order in &orders[orders.len().saturating_sub(ORDERS_MAX)..] {
        let order = fleet.order(order);
        let first = match order.spec.as_ref().map(|spec| &spec.work) {
            Some(OrderWork::Job(_)) => StopKind::Delivery,
            Some(OrderWork::Shipment(_)) => StopKind::Pickup,
            None => continue,
        };
        if let Some(stop) = order.stop(first) {
            *places.entry(stop.position).or_default() += 1;
        }
    }
    places
}

/// A vehicle that can be sent somewhere.
struct Sendable {
    id: VehicleId,
    /// Where it is free.
    position: Position,
    /// In so many milliseconds.
    after: i64,
    /// Milliseconds that it drives for each metre of a straight line.
    pace: f64,
}

/// What it costs that each of these vehicles leaves, in millionths; all 0 where the policy has no price for that.
pub(crate) fn prices(fleet: &Fleet, outlook: &Outlook, vehicles: &[VehicleId], now: Timestamp) -> Vec<i64> {
    let mut prices = vec![0; vehicles.len()];
    let per_hour = fleet.policy().coverage_cost_per_hour;
    if per_hour == 0 {
        return prices;
    }
    let places = demand(fleet);
    let all: Vec<(VehicleId, Anchor)> =
        fleet.vehicles().ids().filter_map(|id| Some((id, free(fleet, id, now)?))).collect();
    let pace = pace_of(outlook, &places, &all, now);
    let sendable = all.iter().map(|&(id, free)| {
        let factor = fleet.vehicle(id).spec.as_ref().map_or(1000.0, |spec| f64::from(spec.time_factor));
        Sendable { id, position: free.position, after: (free.at - now).0, pace: pace * factor / 1000.0 }
    });
    let sendable: Vec<Sendable> = sendable.collect();
    // No way is shorter than the part of it that leads north or south.
    let unit = match fleet.zone().space {
        Space::Geographic => METRES_PER_E7,
        Space::Planar => 1e-3,
    };
    let tours: BTreeMap<VehicleId, usize> = vehicles.iter().enumerate().map(|(tour, &id)| (id, tour)).collect();
    let mut lost = vec![0; vehicles.len()];
    for (&place, &orders) in &places {
        // The three that would be there first; of those that would be there at the same time, the first in order.
        let mut first: [(i64, usize); 3] = [(i64::MAX, usize::MAX); 3];
        for (index, one) in sendable.iter().enumerate() {
            let least = (f64::from(one.position.y) - f64::from(place.y)).abs() * unit * one.pace;
            if one.after.saturating_add(least as i64) >= first[2].0 {
                continue;
            }
            let there = one.after + (outlook.network().crow(one.position, place) * one.pace).round() as i64;
            if there < first[2].0 {
                first[2] = (there, index);
                first.sort_unstable();
            }
        }
        let longer = |from: usize| {
            let later = first[from + 1].0.min(first[from].0.saturating_add(LONGER_MAX.0));
            if first[from].1 == usize::MAX { 0 } else { later - first[from].0 }
        };
        let behind = longer(1) * AWAY_PERMILLE / 1000;
        for (rank, more) in [(0, longer(0) + behind), (1, behind)] {
            let tour = sendable.get(first[rank].1).and_then(|one| tours.get(&one.id));
            if let Some(&tour) = tour {
                lost[tour] += more * orders;
            }
        }
    }
    let orders: i64 = places.values().sum();
    for (price, lost) in prices.iter_mut().zip(lost) {
        // An hour to each order is as much as the price of an hour, shared by all.
        *price = (i128::from(lost) * i128::from(per_hour) / 3_600_000 / i128::from(orders.max(1))) as i64;
    }
    prices
}

/// Milliseconds for each metre of a straight line, as the roads are now.
fn pace_of(
    outlook: &Outlook,
    places: &BTreeMap<Position, i64>,
    vehicles: &[(VehicleId, Anchor)],
    now: Timestamp,
) -> f64 {
    let pairs = vehicles.iter().zip(places.keys().cycle()).take(SAMPLES);
    let legs = pairs.map(|((_, free), &place)| {
        (outlook.leg(free.position, place, now).millis, outlook.network().crow(free.position, place))
    });
    let (time, metres) = legs
        .filter(|&(time, _)| time < UNREACHABLE)
        .fold((0.0, 0.0), |(time, metres), leg| (time + f64::from(leg.0), metres + leg.1));
    // Where no way can be driven, or all are at one place: 30 km/h.
    if metres > 0.0 { time / metres } else { 120.0 }
}

//! Which vehicles to ask about an order, found without an index: a copy of a fleet that was handed to another thread has none.

use fleetfold_fleet::Fleet;
use fleetfold_model::{OrderId, Position, Space, VehicleId};

/// Every registered vehicle, the one with the shortest way round by the order's stops first. Straight lines, along the route as it
/// stands: good enough to choose whom to ask. Those that work come before those that do not.
pub(super) fn by_detour(fleet: &Fleet, order: OrderId) -> Vec<VehicleId> {
    let state = fleet.order(order);
    let places: Vec<Position> =
        state.open_stops().iter().filter_map(|&kind| state.stop(kind)).map(|stop| stop.position).collect();
    let flat = Flat::around(fleet.zone().space, places.first().copied().unwrap_or_default());
    let places: Vec<(f64, f64)> = places.into_iter().map(|place| flat.of(place)).collect();
    let mut found: Vec<(bool, f64, VehicleId)> = Vec::new();
    for id in fleet.vehicles().ids() {
        let vehicle = fleet.vehicle(id);
        let Some(spec) = &vehicle.spec else { continue };
        let here = vehicle.whereabouts().map_or(spec.start, |anchor| anchor.position);
        let others = vehicle.route.visits.iter().filter(|visit| visit.order != order);
        let mut way: Vec<(f64, f64)> = vec![flat.of(here)];
        way.extend(
            others.filter_map(|visit| fleet.order(visit.order).stop(visit.stop)).map(|stop| flat.of(stop.position)),
        );
        way.extend(spec.end.map(|end| flat.of(end)));
        let has_end = spec.end.is_some();
        let detour: f64 = places.iter().map(|&place| shortest(&way, place, has_end)).sum();
        found.push((!vehicle.is_available(), detour, id));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    found.into_iter().map(|(_, _, id)| id).collect()
}

/// The least by which a way becomes longer with a place in it. Behind the last stop only where the way has no end.
fn shortest(way: &[(f64, f64)], place: (f64, f64), has_end: bool) -> f64 {
    let between = way.windows(2).map(|pair| far(pair[0], place) + far(place, pair[1]) - far(pair[0], pair[1]));
    let behind = way.last().map(|&last| far(last, place)).filter(|_| !has_end || way.len() == 1);
    between.chain(behind).fold(f64::INFINITY, f64::min)
}

fn far(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// Places laid flat around one of them.
struct Flat {
    shrink: f64,
}

impl Flat {
    fn around(space: Space, place: Position) -> Self {
        let shrink = match space {
            Space::Planar => 1.0,
            Space::Geographic => (f64::from(place.y) / 1e7).to_radians().cos().max(0.01),
        };
        Self { shrink }
    }

    fn of(&self, place: Position) -> (f64, f64) {
        (f64::from(place.x) * self.shrink, f64::from(place.y))
    }
}

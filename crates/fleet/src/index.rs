//! Where vehicles and open stops are: an R-tree in local metres.
//!
//! Metres, because the tree measures Euclidean distance in whatever it is given and degrees are not metres. The
//! flat projection around the first place seen is off by well under a per cent across a city, which is all that a
//! choice of near candidates needs.

use std::collections::BTreeMap;

use fleetfold_model::{OrderId, Position, Space, StopKind, VehicleId};
use rstar::{RTree, primitives::GeomWithData};

type Point<T> = GeomWithData<[f64; 2], T>;

/// Metres per 1e-7 degree of latitude (mean earth radius 6,371,008.8 m, IUGG).
const METRES_PER_E7: f64 = 6_371_008.8 * std::f64::consts::PI / 180.0 / 1e7;

/// Spatial index over vehicles and open stops.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// This is the index of a copy that needs none: it stays empty.
    absent: bool,
    origin: Option<(Position, f64)>,
    vehicles: RTree<Point<VehicleId>>,
    vehicle_at: BTreeMap<VehicleId, [f64; 2]>,
    stops: RTree<Point<(OrderId, StopKind)>>,
    stop_at: BTreeMap<(OrderId, StopKind), [f64; 2]>,
}

impl Index {
    /// The index of a copy that needs none.
    pub(crate) fn absent() -> Self {
        Self { absent: true, ..Self::default() }
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.absent
    }

    /// Local metres of a place.
    fn metres(&mut self, space: Space, place: Position) -> [f64; 2] {
        self.origin.get_or_insert_with(|| {
            let latitude = (f64::from(place.y) / 1e7).to_radians();
            (place, latitude.cos().max(0.01))
        });
        self.project(space, place)
    }

    fn project(&self, space: Space, place: Position) -> [f64; 2] {
        match (space, self.origin) {
            (Space::Planar, _) | (_, None) => [f64::from(place.x) / 1000.0, f64::from(place.y) / 1000.0],
            (Space::Geographic, Some((origin, shrink))) => {
                let x = (f64::from(place.x) - f64::from(origin.x)) * METRES_PER_E7 * shrink;
                let y = (f64::from(place.y) - f64::from(origin.y)) * METRES_PER_E7;
                [x, y]
            }
        }
    }

    pub(crate) fn set_vehicle(&mut self, space: Space, id: VehicleId, place: Option<Position>) {
        if self.absent {
            return;
        }
        let point = place.map(|place| self.metres(space, place));
        let old = match point {
            Some(point) => self.vehicle_at.insert(id, point),
            None => self.vehicle_at.remove(&id),
        };
        if old == point {
            return;
        }
        if let Some(old) = old {
            self.vehicles.remove(&Point::new(old, id));
        }
        if let Some(point) = point {
            self.vehicles.insert(Point::new(point, id));
        }
    }

    pub(crate) fn set_stop(&mut self, space: Space, id: OrderId, kind: StopKind, place: Option<Position>) {
        if self.absent {
            return;
        }
        let key = (id, kind);
        let point = place.map(|place| self.metres(space, place));
        let old = match point {
            Some(point) => self.stop_at.insert(key, point),
            None => self.stop_at.remove(&key),
        };
        if old == point {
            return;
        }
        if let Some(old) = old {
            self.stops.remove(&Point::new(old, key));
        }
        if let Some(point) = point {
            self.stops.insert(Point::new(point, key));
        }
    }

    /// Vehicles, nearest first.
    pub fn vehicles_near(&self, space: Space, place: Position) -> impl Iterator<Item = VehicleId> + '_ {
        self.vehicles.nearest_neighbor_iter(&self.project(space, place)).map(|point| point.data)
    }

    /// How far a vehicle is from a place, in a straight line. `None`: nobody knows where it is.
    pub fn metres_between(&self, space: Space, place: Position, vehicle: VehicleId) -> Option<f64> {
        let [x, y] = self.project(space, place);
        self.vehicle_at.get(&vehicle).map(|at| (at[0] - x).hypot(at[1] - y))
    }

    /// Open stops, nearest first.
    pub fn stops_near(&self, space: Space, place: Position) -> impl Iterator<Item = (OrderId, StopKind)> + '_ {
        self.stops.nearest_neighbor_iter(&self.project(space, place)).map(|point| point.data)
    }

    /// How many vehicles are indexed.
    pub fn vehicle_count(&self) -> usize {
        self.vehicles.size()
    }

    /// How many open stops are indexed.
    pub fn stop_count(&self) -> usize {
        self.stops.size()
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Position, Space, VehicleId};
    use proptest::prelude::*;

    use super::Index;

    proptest! {
        /// F4: after any sequence of moves the index holds exactly the known vehicles at their last places, nearest
        /// first as a linear scan finds them.
        #[test]
        fn the_index_equals_a_linear_scan(
            moves in proptest::collection::vec((0u32..12, proptest::option::weighted(0.9, (-5000i32..5000, -5000i32..5000))), 1..120),
            probe in (-5000i32..5000, -5000i32..5000),
        ) {
            let mut index = Index::default();
            let mut truth = std::collections::BTreeMap::new();
            for (id, place) in moves {
                let place = place.map(|(x, y)| Position { x: x * 1000, y: y * 1000 });
                index.set_vehicle(Space::Planar, VehicleId(id), place);
                match place { Some(place) => truth.insert(VehicleId(id), place), None => truth.remove(&VehicleId(id)) };
            }
            let probe = Position { x: probe.0 * 1000, y: probe.1 * 1000 };
            let far = |place: &Position| {
                let (dx, dy) = (i64::from(place.x - probe.x), i64::from(place.y - probe.y));
                dx * dx + dy * dy
            };
            let found: Vec<i64> = index.vehicles_near(Space::Planar, probe).map(|id| far(&truth[&id])).collect();
            let mut scanned: Vec<i64> = truth.values().map(far).collect();
            scanned.sort_unstable();
            prop_assert_eq!(found, scanned);
        }
    }
}

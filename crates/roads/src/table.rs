//! A table between known places, as public benchmark days bring it.

use fleetfold_model::{Position, Space};
use rstar::{RTree, primitives::GeomWithData};

use crate::network::Leg;

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) space: Space,
    pub(crate) places: Vec<Position>,
    seconds: Vec<u32>,
    metres: Vec<u32>,
    tree: RTree<GeomWithData<[f64; 2], u32>>,
}

impl Table {
    pub(crate) fn new(space: Space, places: Vec<Position>, seconds: Vec<u32>, metres: Vec<u32>) -> Self {
        let points = places.iter().enumerate().map(|(index, &place)| GeomWithData::new(flat(place), index as u32));
        let tree = RTree::bulk_load(points.collect());
        Self { space, places, seconds, metres, tree }
    }

    fn nearest(&self, place: Position) -> usize {
        self.tree.nearest_neighbor(&flat(place)).map_or(0, |point| point.data as usize)
    }

    pub(crate) fn leg(&self, a: Position, b: Position) -> Leg {
        let cell = self.nearest(a) * self.places.len() + self.nearest(b);
        Leg { millis: (self.seconds[cell] * 1000) as i32, metres: self.metres[cell] as i32 }
    }
}

/// Snapping among places of one city: raw coordinates order them well enough.
fn flat(place: Position) -> [f64; 2] {
    [f64::from(place.x), f64::from(place.y)]
}

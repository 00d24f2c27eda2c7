//! A table between known places, as public benchmark days bring it.

use fleetfold_model::{Position, Space};
use rstar::{RTree, primitives::GeomWithData};

use crate::leg::Leg;

/// Times and lengths between known places. The index of a place in the list is its node: its row and its column.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) space: Space,
    pub(crate) places: Vec<Position>,
    seconds: Vec<u32>,
    metres: Vec<u32>,
    tree: RTree<GeomWithData<[f64; 2], u32>>,
}

impl Table {
    /// `seconds` and `metres` have one cell for each pair of places, row by row.
    pub(crate) fn new(space: Space, places: Vec<Position>, seconds: Vec<u32>, metres: Vec<u32>) -> Self {
        let points = places.iter().enumerate().map(|(node, &place)| GeomWithData::new(flat(place), node as u32));
        let tree = RTree::bulk_load(points.collect());
        Self { space, places, seconds, metres, tree }
    }

    /// The node of the known place that is nearest.
    fn nearest(&self, place: Position) -> usize {
        self.tree.nearest_neighbor(&flat(place)).map_or(0, |point| point.data as usize)
    }

    /// The leg between the known places that are nearest to two places.
    pub(crate) fn leg(&self, a: Position, b: Position) -> Leg {
        let cell = self.nearest(a) * self.places.len() + self.nearest(b);
        Leg { millis: (self.seconds[cell] * 1000) as i32, metres: self.metres[cell] as i32 }
    }
}

/// A place as a point for the search of the nearest one. Raw coordinates are exact enough among the places of one city.
fn flat(place: Position) -> [f64; 2] {
    [f64::from(place.x), f64::from(place.y)]
}

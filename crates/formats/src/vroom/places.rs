//! The locations of a file as nodes of the solver.

use std::collections::BTreeMap;

use fleetfold_solver::NodeIx;

use super::shapes::Point;
use crate::error::{ReadError, Spot};

/// A location as the file gives it: coordinates, index in the matrices, or both.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Location {
    pub(crate) point: Option<[f64; 2]>,
    pub(crate) index: Option<usize>,
}

impl Location {
    pub(super) fn given(point: Option<Point>, index: Option<u32>) -> Self {
        Self { point: point.map(|Point(point)| point), index: index.map(|index| index as usize) }
    }
}

/// The locations of a file. The index of a location in the list is its node. Two locations are one node where VROOM takes them for
/// one: the same index where there are matrices, the same coordinates otherwise.
pub(super) struct Places {
    pub(super) list: Vec<Location>,
    known: BTreeMap<(Option<usize>, [u64; 2]), NodeIx>,
    /// Rows of the smallest matrix, where there are matrices.
    rows: Option<usize>,
}

/// True for a longitude and latitude.
pub(super) fn is_on_globe([lon, lat]: [f64; 2]) -> bool {
    (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat)
}

impl Places {
    pub(super) fn new(rows: Option<usize>) -> Self {
        Self { list: Vec::new(), known: BTreeMap::new(), rows }
    }

    /// The node of a location.
    pub(super) fn add(&mut self, at: &Spot, point: Option<Point>, index: Option<u32>) -> Result<NodeIx, ReadError> {
        let location = Location::given(point, index);
        let Location { point, index } = location;
        // Beside a matrix it is a label, on a plane for instance.
        if let Some([lon, lat]) = point
            && self.rows.is_none()
            && !is_on_globe([lon, lat])
        {
            return Err(ReadError::impossible(at.clone(), format!("[{lon}, {lat}] is no longitude and latitude")));
        }
        let key = match (self.rows, index, point) {
            (Some(rows), Some(index), _) if index >= rows => {
                let what = format!("index {index} exceeds the matrix of {rows} rows");
                return Err(ReadError::impossible(at.clone(), what));
            }
            (Some(_), None, _) => return Err(ReadError::malformed(at.clone(), "with a matrix an index is needed")),
            (None, _, None) => return Err(ReadError::malformed(at.clone(), "without a matrix a location is needed")),
            (Some(_), index, _) => (index, [0, 0]),
            (None, _, Some([lon, lat])) => (None, [lon.to_bits(), lat.to_bits()]),
        };
        let next = NodeIx(self.list.len() as u32);
        let node = *self.known.entry(key).or_insert(next);
        if node == next {
            self.list.push(location);
        } else if let Some(known) = self.list.get_mut(node.index()) {
            known.point = known.point.or(point);
        }
        Ok(node)
    }
}

//! How fast roads are driven, relative to the map's normal speed.

use std::collections::BTreeMap;

use fleetfold_model::Cell;

/// Travel times in thousandths of normal, by class of road (0 motorway or bridge, 1 arterial, 2 street) and square of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speeds {
    /// Where `by_cell` has no entry. Straight lines count as arterials.
    pub by_class: [u32; 3],
    /// In single squares.
    pub by_cell: BTreeMap<(u8, Cell), u32>,
}

impl Default for Speeds {
    fn default() -> Self {
        Self { by_class: [1000; 3], by_cell: BTreeMap::new() }
    }
}

impl Speeds {
    /// Travel time on a road of a class in a square, in thousandths of normal: between a thousandth and a hundredfold.
    pub(crate) fn permille(&self, class: u8, cell: Cell) -> u32 {
        self.by_cell.get(&(class, cell)).copied().unwrap_or(self.by_class[usize::from(class.min(2))]).clamp(1, 100_000)
    }
}

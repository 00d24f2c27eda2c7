//! What is kept while the positions of a tour are tried one after the other by driving it (`moves::walk`).

use crate::index::{LocalStop, NodeIx};
use crate::rules::trips::Trip;

/// Where a vehicle is behind a stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind {
    /// When it leaves.
    pub(crate) free: i32,
    pub(crate) node: NodeIx,
    /// What the way to here has cost, in millionths.
    pub(crate) cost: i64,
    pub(crate) load: [i32; 4],
    pub(crate) trip: Option<Trip>,
    /// Something may end after the shift does: then the way home may, too.
    pub(crate) overtime: bool,
}

impl Behind {
    /// At the same stop in the same tour: whatever follows takes the same course and costs the same.
    pub(crate) fn goes_on_as(&self, other: &Self) -> bool {
        let trips = match (&self.trip, &other.trip) {
            (Some(trip), Some(other)) => trip.goes_on_as(other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        trips && self.free == other.free && self.load == other.load
    }
}

/// Buffers that are kept between calls, so that a move allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) sequence: Vec<LocalStop>,
    /// Of the tour as it is: behind its start, and behind each stop as far as it was asked.
    pub(crate) base: Vec<Behind>,
}

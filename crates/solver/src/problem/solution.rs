//! What comes back: sequences by tour, and what is on none.

use super::{Problem, Role};
use crate::index::{StopIx, TourIx};

/// A solution: a sequence of stops per tour, and the stops on none.
///
/// Every tour can be driven as [`crate::schedule()`] says, but for those in `infeasible`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// One sequence per tour.
    pub tours: Vec<Vec<StopIx>>,
    /// Stops on no tour, in ascending order.
    pub absent: Vec<StopIx>,
    /// Tours that cannot be driven even with only those stops that are locked to them. Their sequence is exactly that of the
    /// problem's `initial`: nothing was taken from them or put into them, and [`crate::schedule()`] has no times for them. Empty
    /// unless such a tour was given.
    pub infeasible: Vec<TourIx>,
    /// The objective, in millionths. Tours in `infeasible` count as if they could be driven.
    pub cost: i64,
    /// The objective of the problem's `initial`. Tours that cannot be driven count as if they could.
    pub cost_before: i64,
    /// Rounds that ran.
    pub rounds: u32,
    /// Iterations that ran.
    pub iterations: u64,
}

/// The units that are on no tour of a plan.
pub(crate) fn absent_units(problem: &Problem, tours: &[Vec<StopIx>]) -> Vec<StopIx> {
    let mut placed = vec![false; problem.stops().len()];
    for &stop in tours.iter().flatten() {
        placed[stop.index()] = true;
    }
    StopIx::first(problem.stops().len())
        .filter(|&stop| !placed[stop.index()])
        .filter(|&stop| {
            let spec = &problem.stops()[stop.index()];
            spec.role != Role::Delivery || spec.mate == StopIx::NONE
        })
        .collect()
}

/// Units with their mates, in order.
pub(crate) fn all_stops(problem: &Problem, units: &[StopIx]) -> Vec<StopIx> {
    let mut stops: Vec<StopIx> = units
        .iter()
        .flat_map(|&unit| {
            let spec = &problem.stops()[unit.index()];
            std::iter::once(unit).chain((spec.role == Role::Pickup).then_some(spec.mate))
        })
        .collect();
    stops.sort_unstable();
    stops
}

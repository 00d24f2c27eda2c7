//! The latest start of service that the search aims at, for each stop.

use super::kinds::Kinds;
use super::spec::{ProblemSpec, Role};
use super::units::TIME_MAX;
use crate::index::{StopIx, TourIx};

/// By stop: `due`, or what any tour could reach at best if that is later.
pub(super) fn aims(spec: &ProblemSpec, kinds: &Kinds) -> Vec<i32> {
    StopIx::first(spec.stops.len()).map(|stop| aim(spec, kinds, stop)).collect()
}

/// If no vehicle can arrive in time, the deadline is moved to the earliest possible arrival, so that the search does not trade
/// other stops for lateness that cannot be avoided.
fn aim(problem: &ProblemSpec, kinds: &Kinds, index: StopIx) -> i32 {
    let stop = &problem.stops[index.index()];
    if stop.due == i32::MAX || problem.weights.hard {
        return stop.due.min(TIME_MAX);
    }
    let via = (stop.role == Role::Delivery && stop.mate != StopIx::NONE).then_some(stop.mate);
    // A lock and a bar name vehicles; all else that matters here is the same for vehicles of one kind.
    let one_of_each = stop.locked == TourIx::NONE && stop.barred.is_empty();
    let all = TourIx::first(if one_of_each { 0 } else { problem.tours.len() });
    let leaders = if one_of_each { kinds.leaders() } else { &[] };
    let arrivals = (all.chain(leaders.iter().copied())).filter(|&tour| problem.allows(tour, index)).map(|tour| {
        let class = kinds.class(kinds.class_of(tour));
        let vehicle = &problem.tours[tour.index()];
        let (mut at, mut node) = (vehicle.start_at, vehicle.start_node);
        if let Some(pickup) = via {
            let first = &problem.stops[pickup.index()];
            at = first.opens_at(at + problem.hop(class, node, pickup).0) + first.service;
            node = first.node;
        }
        stop.opens_at(at.saturating_add(problem.hop(class, node, index).0))
    });
    let mut earliest: Option<i32> = None;
    for at in arrivals {
        if at <= stop.due {
            // One that arrives in time is enough.
            return stop.due.min(TIME_MAX);
        }
        earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
    }
    stop.due.max(earliest.unwrap_or(stop.due)).min(TIME_MAX)
}

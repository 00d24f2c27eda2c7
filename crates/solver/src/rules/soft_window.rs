//! Soft time windows: service may begin at any time that the hard windows allow, and has a price before and after a preferred time.
//!
//! When a vehicle should wait is found backward along a tour: what the rest of it costs, as a function of the arrival, is convex and
//! made of straight pieces, so that its slopes and where they change are enough (Dumas, Soumis & Desrosiers, "Optimizing the schedule
//! for a fixed vehicle path with convex inconvenience costs", 1990). Waiting has no price of its own.

use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Problem, TIME_MAX};

/// Slopes of a convex function of time, millionths an hour: (from this instant on, so much steeper), in order.
#[derive(Default)]
struct Slopes(Vec<(i64, i64)>);

impl Slopes {
    fn add(&mut self, at: i32, steeper: i64) {
        let at = i64::from(at);
        let index = self.0.partition_point(|&(known, _)| known <= at);
        self.0.insert(index, (at, steeper));
    }

    /// Nothing changes before an instant, where nothing falls either.
    fn not_before(&mut self, instant: i64) {
        for slope in &mut self.0 {
            slope.0 = slope.0.max(instant);
        }
    }

    /// The earliest instant at which the function does not fall any more, where it begins with the slope `first`; everything before is
    /// levelled.
    fn level(&mut self, first: i64) -> Option<i64> {
        let (mut slope, mut least) = (first, None);
        let mut rest = Vec::new();
        for &(at, steeper) in &self.0 {
            let was = slope;
            slope += steeper;
            if was < 0 && slope >= 0 {
                least = Some(at);
            }
            if slope > 0 {
                rest.push((at, slope - was.max(0)));
            }
        }
        self.0 = rest;
        least
    }
}

/// For each stop of a tour, the instant before which it is not to begin: waiting until then costs less than beginning at once. Pauses
/// and the hour of the day are left out of account here; what they do is priced when the tour is driven.
pub(crate) fn waits(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Vec<i32> {
    let spec = &problem.tours()[tour.index()];
    let node = |stop: StopIx| problem.stops()[stop.index()].node;
    let mut waits = vec![-TIME_MAX; sequence.len()];
    let mut slopes = Slopes::default();
    // The latest beginning that keeps everything behind.
    let mut latest = i64::from(spec.end_by);
    let mut next: Option<NodeIx> = spec.end_node.get();
    let mut next_setup = 0;
    for (position, &stop) in sequence.iter().enumerate().rev() {
        let its = &problem.stops()[stop.index()];
        let from = position.checked_sub(1).map_or(spec.start_node, |before| node(sequence[before]));
        let (service, setup) = problem.times_at(tour, from, stop);
        let travel = next.map_or(0, |next| problem.leg(tour, its.node, next).0);
        let in_window = problem.weights().setup_in_window;
        let ahead = i64::from(travel) + i64::from(service) + i64::from(if in_window { setup } else { next_setup });
        latest -= ahead;
        for slope in &mut slopes.0 {
            slope.0 -= ahead;
        }
        let mut first = 0;
        if let Some(soft) = its.soft {
            first = -soft.early_per_hour;
            slopes.add(soft.opens, soft.early_per_hour);
            slopes.add(soft.closes, soft.late_per_hour);
        }
        let least = slopes.level(first);
        if let Some(&(opens, _)) = its.windows.first() {
            // Whoever is there before the window opens waits for it: up to then the arrival makes no difference.
            slopes.not_before(i64::from(opens));
        }
        latest = latest.min(i64::from(its.due)).min(i64::from(problem.shift_end(tour, stop)));
        if let Some(least) = least {
            waits[position] = least.min(latest).clamp(i64::from(-TIME_MAX), i64::from(TIME_MAX)) as i32;
        }
        next = Some(its.node);
        next_setup = setup;
    }
    waits
}

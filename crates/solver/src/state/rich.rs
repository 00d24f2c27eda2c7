//! Tours of rich problems, recomputed whole: several loads and windows, set-up, lateness, pauses.

use super::{Flaws, State};
use crate::problem::{NONE, Role, TIME_MAX};
use crate::schedule::span_price;

/// Latest start of a stop that cannot be kept whatever happens.
const NEVER: i32 = -TIME_MAX * 2;

/// Price of a tour that cannot be driven: above all others, below what a sum could not hold.
const UNDRIVABLE: i64 = 1 << 52;

/// What rich pieces know of a stop beside its record: one line of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct RichRecord {
    /// Load after it.
    pub(crate) after: [i32; 4],
    /// Largest load from the start of the tour to here.
    pub(crate) peak_before: [i32; 4],
    /// Largest load from here to the end of the tour.
    pub(crate) peak_after: [i32; 4],
    /// Time between being free at the stop before and leaving for this one.
    pause_before: i32,
    /// Travel time to here from the stop before.
    travel: i32,
}

impl State<'_> {
    /// Recomputes one tour: departures and loads forward, latest starts and peaks backward, its price.
    pub(super) fn update_rich(&mut self, tour: u32) {
        let local = self.local;
        let problem = local.problem;
        let global = local.tours[tour as usize];
        let spec = &problem.tours[global as usize];
        let end = self.sentinel(tour);
        let mut sequence = std::mem::take(&mut self.sequence);
        self.sequence_into(tour, &mut sequence);
        self.touch(end);
        for &node in &sequence {
            self.touch(node);
        }
        let mut load = spec.onboard;
        for &stop in &sequence {
            let stop = &problem.stops[local.stops[stop as usize] as usize];
            if stop.role == Role::JobDelivery {
                for (sum, goods) in load.iter_mut().zip(stop.load) {
                    *sum = sum.saturating_add(goods);
                }
            }
        }
        self.rich[end as usize] =
            RichRecord { after: load, peak_before: load, peak_after: load, pause_before: 0, travel: 0 };
        self.records[end as usize].depart = spec.start_at;
        let mut cost = if sequence.is_empty() || spec.in_use { 0 } else { spec.fixed };
        let mut prev = end;
        let mut pauses = spec.pauses.iter().peekable();
        let paused = !spec.pauses.is_empty();
        let (mut broken, mut late, mut overtime) = (false, false, false);
        for &node in &sequence {
            let (time, leg_cost) = self.hop(tour, prev, node);
            let stop = &problem.stops[local.stops[node as usize] as usize];
            let departs = self.records[prev as usize].depart;
            let (leaves, _) = stop.leaves(departs, |_| time, &mut pauses);
            let begin = stop.opens_at(leaves.saturating_add(time));
            self.records[prev as usize].next_cost = leg_cost;
            let record = &mut self.records[node as usize];
            record.depart = begin.saturating_add(stop.service);
            let aim = local.fixed[node as usize].closes;
            late |= begin > aim;
            self.closes[node as usize] = aim.max(begin);
            cost += i64::from(leg_cost) + local.change_cost(tour, node);
            cost += span_price(begin, stop.due, problem.weights.late_per_hour);
            if problem.weights.flow_per_hour > 0 && stop.role != Role::Pickup {
                cost += span_price(record.depart, stop.placed, problem.weights.flow_per_hour);
            }
            let sign = if matches!(stop.role, Role::Pickup | Role::JobPickup) { 1 } else { -1 };
            for (sum, goods) in load.iter_mut().zip(stop.load) {
                *sum = sum.saturating_add(sign * goods);
            }
            let before = self.rich[prev as usize].peak_before;
            if paused || !problem.metric {
                let index = local.stops[node as usize];
                broken |= begin > problem.shift_end(global, index) || (problem.weights.hard && begin > stop.due);
                overtime |= begin > spec.end_by;
            }
            let rich = &mut self.rich[node as usize];
            (rich.pause_before, rich.travel) = (leaves - departs, time);
            rich.after = load;
            rich.peak_before = std::array::from_fn(|d| before[d].max(load[d]));
            prev = node;
        }
        let home = self.hop(tour, prev, end);
        let (end_time, end_cost) = if sequence.is_empty() { (0, 0) } else { home };
        self.records[prev as usize].next_cost = end_cost;
        cost += i64::from(end_cost);
        // Backward. The end of the ring: reach the end place by the end of the shift (or as late as it is now).
        let arrival = self.records[prev as usize].depart.saturating_add(end_time);
        broken |= spec.end_place != NONE && !sequence.is_empty() && arrival > spec.end_by && !overtime;
        self.flaws[tour as usize] = Flaws { broken, late };
        if broken && paused {
            // One stop fewer may move a pause to where it makes another stop late.
            cost += UNDRIVABLE;
        }
        let mut latest = if spec.end_place == NONE { TIME_MAX } else { spec.end_by.max(arrival) };
        self.records[end as usize].latest = latest;
        self.records[prev as usize].next_latest = latest;
        let mut travel = home.0;
        let mut peak = load;
        for &node in sequence.iter().rev() {
            let fixed = &local.fixed[node as usize];
            let record = &mut self.records[node as usize];
            let mut by = latest.saturating_sub(travel).saturating_sub(fixed.service).min(self.closes[node as usize]);
            if by > spec.end_by {
                by = by.min(local.shift_end(tour, node).max(record.depart - fixed.service));
            }
            if fixed.several {
                by = latest_start(&problem.stops[local.stops[node as usize] as usize].windows, by);
            } else if by < fixed.opens {
                by = NEVER;
            }
            latest = by;
            record.latest = latest;
            let prev = record.prev;
            let rich = &mut self.rich[node as usize];
            peak = std::array::from_fn(|d| peak[d].max(rich.after[d]));
            rich.peak_after = peak;
            // A pause stays where it is now: what is put in before it has to leave it its time.
            travel = rich.travel.saturating_add(rich.pause_before);
            self.records[prev as usize].next_latest = latest;
        }
        let start_load = self.rich[end as usize].after;
        self.rich[end as usize].peak_after = std::array::from_fn(|d| peak[d].max(start_load[d]));
        self.costs[tour as usize] = cost;
        self.counts[tour as usize] = sequence.len() as u32;
        self.sequence = sequence;
    }
}

/// The largest arrival at or before `by` whose service starts inside a window: `by` itself, or the end of the last window
/// before it. [`NEVER`] when every window opens later. Past the last window service is late but starts at once.
fn latest_start(windows: &[(i32, i32)], by: i32) -> i32 {
    let Some(&(_, last)) = windows.last() else { return by };
    if by >= last {
        return by;
    }
    let mut best = NEVER;
    for &(opens, closes) in windows {
        if opens <= by {
            best = by.min(closes);
        }
    }
    best
}

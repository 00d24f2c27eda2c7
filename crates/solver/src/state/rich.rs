//! Records of tours in rich pieces: several windows and dimensions of load, set-up, lateness, pauses. A tour that lost stops is
//! recomputed as a whole; after an insertion only the values that change are.

use super::piece::FixedTour;
use super::{Record, State};
use crate::goods::fits;
use crate::index::{LocalNode, LocalStop, LocalTour, NodeIx};
use crate::problem::{Role, TIME_MAX, UNREACHABLE, span_price};
use crate::schedule::drive;

/// Latest start of a stop before the opening of its window, which no arrival can keep.
const NEVER: i32 = -TIME_MAX * 2;

/// Price of a tour that cannot be driven: more than any other price, small enough that sums do not overflow.
pub(super) const UNDRIVABLE: i64 = 1 << 52;

/// What rich pieces keep for a node beside its record: 64 bytes, one line of the cache. Loads are differences to the load at the start
/// of the tour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct RichRecord {
    /// Load when it is left.
    pub(crate) after: [i32; 4],
    /// Largest load from the start of the tour to here.
    pub(crate) peak_before: [i32; 4],
    /// Largest load from here to the end of the tour.
    pub(crate) peak_after: [i32; 4],
    /// Time between being free at the stop before and being ready here (tours that are driven in full).
    way: i32,
}

/// What a tour of a rich piece does not keep: numbers of stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flaws {
    /// Stops whose service starts later than their shift, or a deadline that must not be missed, allows.
    broken: i32,
    /// Stops whose service starts after their aim.
    late: i32,
    /// Stops whose service ends after the end of the shift and may.
    overtime: i32,
    /// The end is reached after the end of the shift.
    home_late: bool,
}

impl Flaws {
    /// True if the shift, or a deadline that must not be missed, is not kept. Whoever is allowed to serve a stop after the end of the
    /// shift may come home after it, too.
    pub(crate) fn is_broken(self) -> bool {
        self.broken > 0 || (self.home_late && self.overtime == 0)
    }

    /// True if a stop is served after its aim.
    pub(crate) fn is_late(self) -> bool {
        self.late > 0
    }
}

/// Sums over stops of a tour: what they cost beside legs and promises, and what they do not keep.
#[derive(Clone, Copy, Default)]
struct Tally {
    cost: i64,
    flaws: Flaws,
}

/// What recomputing a stop has changed.
#[derive(Clone, Copy)]
struct Step {
    /// The nodes behind it have to be recomputed.
    changed: bool,
    /// The nodes before it have to be recomputed.
    behind: bool,
}

impl State<'_> {
    /// Adds what a stop costs and what it does not keep if its service starts at `begin`. With a `sign` of -1 it is subtracted.
    #[inline]
    fn count(&self, tally: &mut Tally, tour: LocalTour, stop: LocalStop, begin: i32, sign: i32) {
        let local = self.local;
        let (rich, weights) = (&local.rich[stop], &local.problem.weights());
        let FixedTour { start_by, end_by, .. } = local.fixed_tours[tour];
        let fixed = &local.fixed[stop];
        let over = begin.saturating_add(fixed.service);
        if begin <= rich.kept && begin <= start_by && over <= end_by && weights.flow_per_hour == 0 {
            return;
        }
        let mut cost = span_price(begin, rich.due, weights.late_per_hour);
        if weights.flow_per_hour > 0 && fixed.role != Role::Pickup {
            cost += span_price(over, rich.placed, weights.flow_per_hour);
        }
        tally.cost += i64::from(sign) * cost;
        let shift_end = local.shift_end(tour, stop);
        let broken = begin > shift_end || (weights.hard && begin > rich.due);
        tally.flaws.broken += sign * i32::from(broken);
        tally.flaws.late += sign * i32::from(begin > fixed.closes);
        tally.flaws.overtime += sign * i32::from(over > end_by && shift_end > end_by);
    }

    /// Adds the goods of a job that joins a tour to the sum of the tour.
    pub(super) fn carry(&mut self, unit: LocalStop, tour: LocalTour) {
        if self.is_carried(unit) {
            let carried = &mut self.carried[tour];
            *carried = sum(*carried, self.local.rich[unit].load);
        }
    }

    /// True if the goods of a stop are part of the sum that is kept for its tour.
    #[inline]
    fn is_carried(&self, stop: LocalStop) -> bool {
        match self.local.fixed[stop].role {
            Role::JobDelivery => true,
            Role::JobPickup => self.local.totals,
            Role::Pickup | Role::Delivery => false,
        }
    }

    /// The latest arrival at a stop that keeps it and everything behind it, if the leg to the next node takes `travel`.
    #[inline]
    fn latest_rich(&self, tour: LocalTour, stop: LocalStop, travel: i32, next_latest: i32) -> i32 {
        let local = self.local;
        let fixed = &local.fixed[stop];
        let mut by = next_latest.saturating_sub(travel).saturating_sub(fixed.service).min(self.closes[stop]);
        if by > local.fixed_tours[tour].start_by {
            by = by.min(local.shift_end(tour, stop).max(self.records[stop].depart - fixed.service));
        }
        if fixed.several {
            latest_start(local.windows(stop), by)
        } else if by < fixed.opens {
            NEVER
        } else {
            by
        }
    }

    pub(super) fn set_closes(&mut self, stop: LocalStop, closes: i32) {
        let slot = &mut self.closes[stop];
        if *slot != closes {
            self.saved_closes.push((stop, *slot));
            *slot = closes;
        }
    }

    fn set_depart(&mut self, node: impl Into<LocalNode>, depart: i32) {
        let node = node.into();
        if self.records[node].depart != depart {
            self.touch(node);
            self.records[node].depart = depart;
        }
    }

    /// Returns whether it was another one before.
    fn set_latest(&mut self, node: LocalNode, latest: i32) -> bool {
        let changed = self.records[node].latest != latest;
        if changed {
            self.touch(node);
            self.records[node].latest = latest;
        }
        changed
    }

    fn set_next_latest(&mut self, node: LocalNode, latest: i32) {
        if self.records[node].next_latest != latest {
            self.touch(node);
            self.records[node].next_latest = latest;
        }
    }

    /// Recomputes one tour as a whole: departures and loads forward, latest arrivals and largest loads backward, and its price.
    pub(super) fn update_rich(&mut self, tour: LocalTour) {
        let local = self.local;
        let spec = &local.problem.tours()[local.tours[tour].index()];
        let end = self.sentinel(tour);
        self.set_depart(end, spec.start_at);
        let mut tally = Tally::default();
        let (mut count, mut carried) = (0, [0; 4]);
        let mut prev = end;
        loop {
            let Record { next: node, next_cost, .. } = self.records[prev];
            let leg = if prev == end && node == end { 0 } else { self.hop(tour, prev, node).1 };
            if next_cost != leg {
                self.touch(prev);
                self.records[prev].next_cost = leg;
            }
            tally.cost += i64::from(leg);
            if node == end {
                break;
            }
            tally.cost += local.change_cost(tour, node.stop());
            count += 1;
            if self.is_carried(node.stop()) {
                carried = sum(carried, local.rich[node.stop()].load);
            }
            self.advance(&mut tally, tour, prev, node.stop(), true);
            prev = node;
        }
        self.come_home(&mut tally, tour, prev);
        let driven = count > 0 && self.is_driven(tour);
        if !driven {
            self.go_back(tour, prev, end);
        }
        if count > 0 && !spec.in_use {
            tally.cost += spec.fixed;
        }
        self.costs[tour] = tally.cost;
        self.flaws[tour] = tally.flaws;
        self.counts[tour] = count;
        self.carried[tour] = carried;
        if driven {
            self.drive_over(tour);
        }
    }

    /// True if the records of a tour are made by driving it in full: it has pauses, or rules and prices that they do not know.
    pub(crate) fn is_driven(&self, tour: LocalTour) -> bool {
        self.has_pauses(tour) || self.local.problem.is_odd()
    }

    /// Drives a tour and keeps its times, its price and what it breaks. If it cannot be driven its records stay as if it had neither
    /// pauses nor odd rules, and it is dearer than any that can.
    fn drive_over(&mut self, tour: LocalTour) {
        let local = self.local;
        let stops = self.sequence(tour);
        let mut times = Vec::with_capacity(stops.len());
        let global = stops.iter().map(|&stop| local.stops[stop]);
        let driven = drive(local.problem, local.tours[tour], global, i64::MAX, |_, timed| times.push(timed));
        let Ok(driven) = driven else {
            let end = self.sentinel(tour);
            self.go_back(tour, self.records[end].prev, end);
            self.costs[tour] += UNDRIVABLE;
            self.flaws[tour].broken = self.flaws[tour].broken.max(1);
            return;
        };
        self.costs[tour] = driven.cost;
        self.spans[tour] = self.spec(tour).day_until(i64::from(driven.end));
        let mut flaws = Flaws::default();
        let end = self.sentinel(tour);
        let (mut free, mut last) = (self.records[end].depart, end);
        for (&stop, timed) in stops.iter().zip(&times) {
            let fixed = local.fixed[stop];
            let aims_at = if local.problem.weights().setup_in_window { timed.arrival } else { timed.start };
            flaws.late += i32::from(aims_at > fixed.closes);
            flaws.overtime += i32::from(timed.departure > local.fixed_tours[tour].end_by);
            let way = timed.arrival.saturating_sub(free);
            if self.rich[stop].way != way {
                self.touch(stop);
                self.rich[stop].way = way;
            }
            self.set_depart(stop, timed.departure);
            self.set_closes(stop, fixed.closes.max(timed.start));
            (free, last) = (timed.departure, stop.into());
        }
        self.flaws[tour] = flaws;
        self.go_back(tour, last, end);
    }

    /// Recomputes a tour after stops were linked in, forward and backward, each until nothing changes. `first` and `last` are the first
    /// and the last new stop. Returns by how much the tour becomes dearer beside legs and promises.
    pub(super) fn settle_rich(&mut self, tour: LocalTour, first: LocalNode, last: LocalNode) -> i64 {
        let end = self.sentinel(tour);
        let was = self.flaws[tour];
        let mut tally = Tally { cost: 0, flaws: was };
        let mut prev = self.records[first].prev;
        let mut node = first;
        // The backward pass begins at the last stop whose change matters to the nodes before it.
        let mut from = last;
        let mut passed = false;
        while node != end {
            passed |= node == last;
            let step = self.advance(&mut tally, tour, prev, node.stop(), node == first || node == last);
            if passed && step.behind {
                from = node;
            }
            if passed && !step.changed {
                break;
            }
            (prev, node) = (node, self.records[node].next);
        }
        if node == end && self.come_home(&mut tally, tour, prev) {
            from = prev;
        }
        self.go_back(tour, from, first);
        self.flaws[tour] = tally.flaws;
        tally.cost
    }

    /// Recomputes what depends on the nodes before a stop: departure, loads, pauses. A `new` stop has no former values to compare with.
    #[inline]
    fn advance(&mut self, tally: &mut Tally, tour: LocalTour, prev: LocalNode, stop: LocalStop, new: bool) -> Step {
        let local = self.local;
        let fixed = &local.fixed[stop];
        let free = self.records[prev].depart;
        let (travel, _) = self.hop(tour, prev, stop);
        let mut step = Step { changed: new, behind: false };
        if !self.rich.is_empty() {
            let before = self.rich[prev];
            let was = self.rich[stop];
            let mut rich = was;
            rich.way = travel;
            if !local.totals {
                let goods = local.rich[stop].load;
                rich.after = match fixed.role {
                    Role::Pickup | Role::JobPickup => sum(before.after, goods),
                    Role::Delivery | Role::JobDelivery => less(before.after, goods),
                };
                if local.jobs {
                    rich.peak_before = max(before.peak_before, rich.after);
                }
            }
            if rich != was {
                self.touch(stop);
                self.rich[stop] = rich;
                step.changed = true;
                step.behind = local.jobs;
            }
        }
        let begin = local.opens_at(stop, free.saturating_add(travel));
        let depart = begin.saturating_add(fixed.service);
        let departed = self.records[stop].depart;
        if new || departed != depart {
            let began = departed - fixed.service;
            if !new {
                self.count(tally, tour, stop, began, -1);
            }
            self.count(tally, tour, stop, begin, 1);
            self.set_depart(stop, depart);
            let closes = fixed.closes.max(begin);
            let start_by = local.fixed_tours[tour].start_by;
            step.changed = true;
            step.behind |= closes != self.closes[stop] || begin > start_by || (!new && began > start_by);
            self.set_closes(stop, closes);
        }
        step
    }

    /// Recomputes the end of a tour behind its last stop. Returns whether the latest arrival there has changed.
    fn come_home(&mut self, tally: &mut Tally, tour: LocalTour, last: LocalNode) -> bool {
        let spec = self.spec(tour);
        let (end, end_node, end_by) = (self.sentinel(tour), spec.end_node, spec.end_by);
        let travel = if last == end { 0 } else { self.hop(tour, last, end).0 };
        let arrival = self.records[last].depart.saturating_add(travel);
        tally.flaws.home_late = last != end && arrival > end_by;
        // Insertions must not make a tour later that already ends after its shift.
        self.set_latest(end, if end_node == NodeIx::NONE { TIME_MAX } else { end_by.max(arrival) })
    }

    /// Recomputes what depends on the nodes behind: backward from one node of a tour to its start, or, once `first` is passed, to the
    /// node at which nothing changes.
    fn go_back(&mut self, tour: LocalTour, from: LocalNode, first: LocalNode) {
        let end = self.sentinel(tour);
        let driven = self.is_driven(tour) && !self.rich.is_empty();
        let peaks = !self.rich.is_empty() && self.local.jobs && !self.local.totals;
        let (mut node, mut passed) = (from, false);
        loop {
            let Record { next, prev, .. } = self.records[node];
            let next_latest = self.records[next].latest;
            self.set_next_latest(node, next_latest);
            let mut changed = peaks && self.set_peak_after(node, next);
            if node == end {
                return;
            }
            let travel = if driven && next != end {
                // Pauses are taken where they are now, so that an insertion before one has to leave time for it.
                self.rich[next].way
            } else {
                self.hop(tour, node, next).0
            };
            let latest = self.latest_rich(tour, node.stop(), travel, next_latest);
            changed |= self.set_latest(node, latest);
            if passed && !changed {
                return;
            }
            passed |= node == first;
            node = prev;
        }
    }

    /// Recomputes the largest load from a node to the end of the tour, from that of its successor. Returns whether it has changed.
    fn set_peak_after(&mut self, node: LocalNode, next: LocalNode) -> bool {
        let (after, was) = (self.rich[node].after, self.rich[node].peak_after);
        let peak = if self.is_sentinel(next) { after } else { max(after, self.rich[next].peak_after) };
        if peak != was {
            self.touch(node);
            self.rich[node].peak_after = peak;
        }
        peak != was
    }

    /// True if a job has room on a tour when it is put in behind a node.
    #[inline]
    pub(crate) fn has_room_for_job(&self, unit: LocalStop, tour: LocalTour, after: LocalNode) -> bool {
        let local = self.local;
        let load = sum(local.rich[unit].load, self.carried[tour]);
        let load = match local.fixed[unit].role {
            _ if local.totals => load,
            Role::JobDelivery => sum(load, self.rich[after].peak_before),
            Role::JobPickup => sum(load, self.rich[after].peak_after),
            // Goods that are on board at the start take room until their delivery, wherever that is.
            Role::Delivery | Role::Pickup => return self.has_room_up_to(after, tour),
        };
        fits(load, local.fixed_tours[tour].room)
    }

    /// True if the load behind a node is at most `load` more than at the start of its tour.
    #[inline]
    pub(crate) fn is_left_with_at_most(&self, node: LocalNode, load: [i32; 4]) -> bool {
        fits(self.rich[node].after, load)
    }

    /// True if every tour of a whole problem can be driven as [`drive`] says. A tour is driven only if its records do not tell.
    pub(crate) fn can_be_driven(&self) -> bool {
        self.plain || self.tours().all(|tour| self.is_surely_drivable(tour) || self.is_drivable(tour))
    }

    fn is_drivable(&self, tour: LocalTour) -> bool {
        let (local, stops) = (self.local, self.global(tour).into_iter());
        drive(local.problem, local.tours[tour], stops, i64::MAX, |_, _| {}).is_ok()
    }

    /// True if the records tell that a tour can be driven. False: they do not tell, or it cannot.
    fn is_surely_drivable(&self, tour: LocalTour) -> bool {
        let (local, spec) = (self.local, self.spec(tour));
        let count = self.counts[tour];
        if count == 0 {
            return true;
        }
        if self.is_driven(tour) {
            return !self.flaws[tour].is_broken();
        }
        let end = self.sentinel(tour);
        let last = self.records[end].prev;
        // Times only grow along a tour, and a leg that cannot be driven takes `UNREACHABLE`: a tour that ends earlier has none.
        let home = self.records[last].depart.saturating_add(self.hop(tour, last, end).0);
        let has_ways = home.saturating_sub(spec.start_at) < UNREACHABLE;
        // That pickups come before their deliveries was checked when the problem was made.
        let has_room = if local.paired { self.keeps_loads(tour) } else { self.has_room(tour) };
        has_ways
            && has_room
            && local.problem.unrestricted()
            && count <= spec.stops_max
            && !spec.lifo
            && !self.flaws[tour].is_broken()
    }

    /// True if a tour has room for all of its goods all the way.
    pub(crate) fn has_room(&self, tour: LocalTour) -> bool {
        let carried = self.carried[tour];
        let peak = if self.local.totals { [0; 4] } else { self.rich[self.sentinel(tour)].peak_after };
        fits(sum(carried, peak), self.local.fixed_tours[tour].room)
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

fn sum(a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
    std::array::from_fn(|d| a[d].saturating_add(b[d]))
}

fn less(a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
    std::array::from_fn(|d| a[d].saturating_sub(b[d]))
}

fn max(a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
    std::array::from_fn(|d| a[d].max(b[d]))
}

//! Tours of rich problems: several loads and windows, set-up, lateness, pauses. A tour that lost stops, and one with pauses
//! whenever it changes, is recomputed whole; where a stop came in, only what changes.

use super::{Record, State};
use crate::local::FixedTour;
use crate::problem::{NONE, Role, TIME_MAX};
use crate::schedule::{fits, span_price};

/// Latest start of a stop that cannot be kept whatever happens.
const NEVER: i32 = -TIME_MAX * 2;

/// Price of a tour that cannot be driven: above all others, below what a sum could not hold.
const UNDRIVABLE: i64 = 1 << 52;

/// What rich pieces know of a node beside its record: one line of the cache. Loads are what they are more than at the start of
/// the tour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct RichRecord {
    /// Load after it.
    pub(crate) after: [i32; 4],
    /// Largest load from the start of the tour to here.
    pub(crate) peak_before: [i32; 4],
    /// Largest load from here to the end of the tour.
    pub(crate) peak_after: [i32; 4],
    /// Time between being free at the stop before and leaving for this one (tours with pauses).
    pause_before: i32,
    /// Travel time to here from the stop before (tours with pauses).
    travel: i32,
}

/// What a rich tour does not keep: how many of its stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flaws {
    /// Begin after what the shift, or a hard aim, allows them.
    broken: i32,
    /// Begin after their aim.
    late: i32,
    /// Begin after the end of the shift, allowed to or not.
    overtime: i32,
    /// The end place is reached after the end of the shift.
    home_late: bool,
}

impl Flaws {
    /// A shift, or a hard aim, is not kept.
    pub(crate) fn is_broken(self) -> bool {
        self.broken > 0 || (self.home_late && self.overtime == 0)
    }

    /// The aim of some stop is not kept.
    pub(crate) fn is_late(self) -> bool {
        self.late > 0
    }
}

/// What stops of a tour cost beside legs and promises, and what they do not keep.
#[derive(Clone, Copy, Default)]
struct Tally {
    cost: i64,
    flaws: Flaws,
}

impl State<'_> {
    /// Adds what a stop costs and does not keep when its service starts at `begin`; takes it away where `sign` is -1.
    #[inline]
    fn count(&self, tally: &mut Tally, tour: u32, node: u32, begin: i32, sign: i32) {
        let local = self.local;
        let (rich, weights) = (&local.rich[node as usize], &local.problem.weights);
        let FixedTour { end_by, .. } = local.fixed_tours[tour as usize];
        if begin <= rich.kept && begin <= end_by && weights.flow_per_hour == 0 {
            return;
        }
        let fixed = &local.fixed[node as usize];
        let mut cost = span_price(begin, rich.due, weights.late_per_hour);
        if weights.flow_per_hour > 0 && fixed.role != Role::Pickup {
            cost += span_price(begin.saturating_add(fixed.service), rich.placed, weights.flow_per_hour);
        }
        tally.cost += i64::from(sign) * cost;
        let broken = begin > local.shift_end(tour, node) || (weights.hard && begin > rich.due);
        tally.flaws.broken += sign * i32::from(broken);
        tally.flaws.late += sign * i32::from(begin > fixed.closes);
        tally.flaws.overtime += sign * i32::from(begin > end_by);
    }

    /// The load behind a node whose predecessor is left with this load.
    #[inline]
    fn load_behind(&self, node: u32, load: [i32; 4]) -> [i32; 4] {
        let goods = self.local.rich[node as usize].load;
        match self.local.fixed[node as usize].role {
            Role::Pickup | Role::JobPickup => sum(load, goods),
            Role::Delivery | Role::JobDelivery => less(load, goods),
        }
    }

    /// The goods of a job that joins a tour.
    pub(super) fn carry(&mut self, unit: u32, tour: u32) {
        if self.is_carried(unit) {
            let carried = &mut self.carried[tour as usize];
            *carried = sum(*carried, self.local.rich[unit as usize].load);
        }
    }

    /// The load at the start of the tour counts this job.
    #[inline]
    fn is_carried(&self, node: u32) -> bool {
        match self.local.fixed[node as usize].role {
            Role::JobDelivery => true,
            Role::JobPickup => self.local.totals,
            Role::Pickup | Role::Delivery => false,
        }
    }

    /// The latest arrival that keeps a stop and everything behind it, where the way to the next one takes `travel`.
    #[inline]
    fn latest_rich(&self, tour: u32, node: u32, travel: i32, next_latest: i32) -> i32 {
        let local = self.local;
        let fixed = &local.fixed[node as usize];
        let mut by = next_latest.saturating_sub(travel).saturating_sub(fixed.service).min(self.closes[node as usize]);
        if by > local.fixed_tours[tour as usize].end_by {
            by = by.min(local.shift_end(tour, node).max(self.records[node as usize].depart - fixed.service));
        }
        if fixed.several {
            latest_start(local.windows(node), by)
        } else if by < fixed.opens {
            NEVER
        } else {
            by
        }
    }

    /// The latest arrival at the end place: the end of the shift, or as late as it is now.
    fn latest_home(&self, tour: u32, arrival: i32) -> i32 {
        let spec = self.spec(tour);
        if spec.end_place == NONE { TIME_MAX } else { spec.end_by.max(arrival) }
    }

    pub(super) fn set_closes(&mut self, node: u32, closes: i32) {
        let slot = &mut self.closes[node as usize];
        if *slot != closes {
            self.saved_closes.push((node, *slot));
            *slot = closes;
        }
    }

    /// Writes what changed of a node beside its record. True: something did.
    fn set_rich(&mut self, node: u32, rich: RichRecord) -> bool {
        let changed = self.rich[node as usize] != rich;
        if changed {
            self.touch(node);
            self.rich[node as usize] = rich;
        }
        changed
    }

    fn set_depart(&mut self, node: u32, depart: i32) {
        if self.records[node as usize].depart != depart {
            self.touch(node);
            self.records[node as usize].depart = depart;
        }
    }

    /// True: it was another.
    fn set_latest(&mut self, node: u32, latest: i32) -> bool {
        let changed = self.records[node as usize].latest != latest;
        if changed {
            self.touch(node);
            self.records[node as usize].latest = latest;
        }
        changed
    }

    fn set_next_latest(&mut self, node: u32, latest: i32) {
        if self.records[node as usize].next_latest != latest {
            self.touch(node);
            self.records[node as usize].next_latest = latest;
        }
    }

    /// Recomputes one tour: departures and loads forward, latest starts and peaks backward, its price.
    pub(super) fn update_rich(&mut self, tour: u32) {
        let local = self.local;
        let spec = &local.problem.tours[local.tours[tour as usize] as usize];
        let end = self.sentinel(tour);
        let paused = !spec.pauses.is_empty();
        let tracked = !self.rich.is_empty();
        let mut pauses = spec.pauses.iter().peekable();
        let mut tally = Tally::default();
        let (mut count, mut carried, mut load, mut peak) = (0, [0; 4], [0; 4], [0; 4]);
        self.set_depart(end, spec.start_at);
        let mut prev = end;
        let home = loop {
            let Record { next: node, depart: free, next_cost, .. } = self.records[prev as usize];
            let (time, leg) = if prev == end && node == end { (0, 0) } else { self.hop(tour, prev, node) };
            if next_cost != leg {
                self.touch(prev);
                self.records[prev as usize].next_cost = leg;
            }
            tally.cost += i64::from(leg);
            if node == end {
                break time;
            }
            let leaves = if paused {
                let stop = &local.problem.stops[local.stops[node as usize] as usize];
                stop.leaves(free, |_| time, &mut pauses).0
            } else {
                free
            };
            let fixed = &local.fixed[node as usize];
            let begin = local.opens_at(node, leaves.saturating_add(time));
            self.set_depart(node, begin.saturating_add(fixed.service));
            self.set_closes(node, fixed.closes.max(begin));
            self.count(&mut tally, tour, node, begin, 1);
            tally.cost += local.change_cost(tour, node);
            count += 1;
            if self.is_carried(node) {
                carried = sum(carried, local.rich[node as usize].load);
            }
            if tracked {
                load = self.load_behind(node, load);
                if local.jobs {
                    peak = max(peak, load);
                }
                let (pause_before, travel) = if paused { (leaves - free, time) } else { (0, 0) };
                // The largest load of what follows comes on the way back.
                let RichRecord { peak_after, .. } = self.rich[node as usize];
                self.set_rich(node, RichRecord { after: load, peak_before: peak, peak_after, pause_before, travel });
            }
            prev = node;
        };
        let arrival = self.records[prev as usize].depart.saturating_add(home);
        let is_late = count > 0 && spec.end_place != NONE && arrival > spec.end_by;
        let mut latest = self.latest_home(tour, arrival);
        self.set_latest(end, latest);
        let (mut node, mut travel) = (end, home);
        loop {
            let before = self.records[node as usize].prev;
            self.set_next_latest(before, latest);
            if tracked && local.jobs {
                self.set_peak_after(before, node);
            }
            if before == end {
                break;
            }
            latest = self.latest_rich(tour, before, travel, latest);
            self.set_latest(before, latest);
            travel = if paused {
                // A pause stays where it is now: what is put in before it has to leave it its time.
                let rich = &self.rich[before as usize];
                rich.travel.saturating_add(rich.pause_before)
            } else {
                self.hop(tour, self.records[before as usize].prev, before).0
            };
            node = before;
        }
        if count > 0 && !spec.in_use {
            tally.cost += spec.fixed;
        }
        tally.flaws.home_late = is_late;
        if tally.flaws.is_broken() && paused {
            // One stop fewer may move a pause to where it makes another stop late.
            tally.cost += UNDRIVABLE;
        }
        self.costs[tour as usize] = tally.cost;
        self.flaws[tour as usize] = tally.flaws;
        self.counts[tour as usize] = count;
        self.carried[tour as usize] = carried;
    }

    /// After stops were linked in between `first` and `last` (both new) of a tour without pauses: forward and backward until
    /// nothing changes. Returns what the tour costs more beside legs and promises.
    pub(super) fn settle_rich(&mut self, tour: u32, first: u32, last: u32) -> i64 {
        let local = self.local;
        let end = self.sentinel(tour);
        let tracked = !self.rich.is_empty();
        let end_by = local.fixed_tours[tour as usize].end_by;
        let mut tally = Tally { cost: 0, flaws: self.flaws[tour as usize] };
        let mut prev = self.records[first as usize].prev;
        let mut node = first;
        // The way back begins at the last stop that looks different from behind.
        let mut from = last;
        let mut passed = false;
        while node != end {
            passed |= node == last;
            let new = node == first || node == last;
            let fixed = &local.fixed[node as usize];
            let ready = self.records[prev as usize].depart.saturating_add(self.hop(tour, prev, node).0);
            let begin = local.opens_at(node, ready);
            let depart = begin.saturating_add(fixed.service);
            let Record { depart: departed, next, .. } = self.records[node as usize];
            let mut changed = new || departed != depart;
            if changed {
                let began = departed - fixed.service;
                if !new {
                    self.count(&mut tally, tour, node, began, -1);
                }
                self.count(&mut tally, tour, node, begin, 1);
                self.set_depart(node, depart);
                let closes = self.closes[node as usize];
                self.set_closes(node, fixed.closes.max(begin));
                let looks = closes != self.closes[node as usize] || begin > end_by || (!new && began > end_by);
                if passed && looks {
                    from = node;
                }
            }
            if tracked {
                let RichRecord { after, peak_before, .. } = self.rich[prev as usize];
                let after = self.load_behind(node, after);
                let peak_before = if local.jobs { max(peak_before, after) } else { [0; 4] };
                let rich = self.rich[node as usize];
                if self.set_rich(node, RichRecord { after, peak_before, ..rich }) {
                    changed = true;
                    if passed && local.jobs {
                        from = node;
                    }
                }
            }
            if passed && !changed {
                break;
            }
            prev = node;
            node = next;
        }
        if node == end {
            let arrival = self.records[prev as usize].depart.saturating_add(self.hop(tour, prev, end).0);
            let spec = self.spec(tour);
            tally.flaws.home_late = spec.end_place != NONE && arrival > spec.end_by;
            let latest = self.latest_home(tour, arrival);
            if self.set_latest(end, latest) {
                from = prev;
            }
        }
        let mut node = from;
        let mut passed = false;
        loop {
            let Record { next, prev, .. } = self.records[node as usize];
            let next_latest = self.records[next as usize].latest;
            self.set_next_latest(node, next_latest);
            let travel = self.hop(tour, node, next).0;
            let latest = self.latest_rich(tour, node, travel, next_latest);
            let mut changed = self.set_latest(node, latest);
            if tracked && local.jobs {
                changed |= self.set_peak_after(node, next);
            }
            if passed && !changed {
                break;
            }
            passed |= node == first;
            if prev == end {
                self.set_next_latest(end, latest);
                if tracked && local.jobs {
                    self.set_peak_after(end, node);
                }
                break;
            }
            node = prev;
        }
        self.flaws[tour as usize] = tally.flaws;
        tally.cost
    }

    /// The largest load from a node on, given that of its successor. True: it was another.
    fn set_peak_after(&mut self, node: u32, next: u32) -> bool {
        let rich = self.rich[node as usize];
        let peak_after = if self.is_sentinel(next) { rich.after } else { max(rich.after, self.rich[next as usize].peak_after) };
        self.set_rich(node, RichRecord { peak_after, ..rich })
    }

    /// A job has room on a tour, put in behind a node.
    #[inline]
    pub(crate) fn has_room_for_job(&self, unit: u32, tour: u32, after: u32) -> bool {
        let local = self.local;
        let load = sum(local.rich[unit as usize].load, self.carried[tour as usize]);
        let load = match local.fixed[unit as usize].role {
            _ if local.totals => load,
            Role::JobDelivery => sum(load, self.rich[after as usize].peak_before),
            Role::JobPickup => sum(load, self.rich[after as usize].peak_after),
            // Goods on board already: leaving them never overloads.
            Role::Delivery | Role::Pickup => return true,
        };
        fits(load, local.fixed_tours[tour as usize].room)
    }

    /// The load behind a node leaves room for a shipment.
    #[inline]
    pub(crate) fn has_room_behind(&self, node: u32, unit: u32, tour: u32) -> bool {
        let load = sum(self.local.rich[unit as usize].load, self.carried[tour as usize]);
        fits(sum(load, self.rich[node as usize].after), self.local.fixed_tours[tour as usize].room)
    }

    /// There is room for everything on a tour, wherever it is.
    pub(crate) fn has_room(&self, tour: u32) -> bool {
        let carried = self.carried[tour as usize];
        let peak = if self.local.totals { [0; 4] } else { self.rich[self.sentinel(tour) as usize].peak_after };
        fits(sum(carried, peak), self.local.fixed_tours[tour as usize].room)
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

//! Tours of plain problems: one window a stop, one load, nothing late. A tour that lost stops is recomputed whole; where a stop
//! came in, only what changes.

use super::{Record, State};
use crate::index::NodeIx;
use crate::problem::{Role, TIME_MAX};

impl State<'_> {
    /// How a stop changes the load on board on its way: only shipments do, goods of jobs are counted per tour.
    #[inline]
    fn load_change(&self, node: u32) -> i32 {
        let stop = &self.local.fixed[node as usize];
        match stop.role {
            Role::Pickup => stop.load,
            Role::Delivery => -stop.load,
            Role::JobDelivery | Role::JobPickup => 0,
        }
    }

    pub(super) fn update_plain(&mut self, tour: u32) {
        let local = self.local;
        let spec = &local.problem.tours()[local.tours[tour as usize].index()];
        let end = self.sentinel(tour);
        let mut prev = end;
        let (mut cost, mut count, mut carried) = (0, 0, 0);
        let start_latest = if spec.end_node == NodeIx::NONE { TIME_MAX } else { spec.end_by };
        {
            let record = &mut self.records[end as usize];
            if record.depart != spec.start_at || record.latest != start_latest || record.load != spec.onboard[0] {
                record.depart = spec.start_at;
                record.latest = start_latest;
                record.load = spec.onboard[0];
            }
        }
        loop {
            let Record { next: node, depart, next_cost, load, .. } = self.records[prev as usize];
            let (time, leg) = if prev == end && node == end { (0, 0) } else { local.hop(tour, prev, node) };
            if next_cost != leg {
                self.touch(prev);
                self.records[prev as usize].next_cost = leg;
            }
            cost += i64::from(leg);
            if node == end {
                break;
            }
            let stop = &local.fixed[node as usize];
            let departs = depart.saturating_add(time).max(stop.opens) + stop.service;
            let after = load + self.load_change(node);
            let record = self.records[node as usize];
            if record.depart != departs || record.load != after {
                self.touch(node);
                let record = &mut self.records[node as usize];
                record.depart = departs;
                record.load = after;
            }
            if matches!(stop.role, Role::JobDelivery | Role::JobPickup) {
                carried += stop.load;
            }
            count += 1;
            cost += local.change_cost(tour, node);
            prev = node;
        }
        let mut latest = start_latest;
        let mut node = end;
        loop {
            let before = self.records[node as usize].prev;
            if self.records[before as usize].next_latest != latest {
                self.touch(before);
                self.records[before as usize].next_latest = latest;
            }
            if before == end {
                break;
            }
            latest = self.latest_plain(tour, before, node, latest);
            if self.records[before as usize].latest != latest {
                self.touch(before);
                self.records[before as usize].latest = latest;
            }
            node = before;
        }
        if count > 0 && !spec.in_use {
            cost += spec.fixed;
        }
        self.costs[tour as usize] = cost;
        self.counts[tour as usize] = count;
        self.carried[tour as usize] = [carried, 0, 0, 0];
    }

    #[inline]
    fn latest_plain(&self, tour: u32, node: u32, next: u32, next_latest: i32) -> i32 {
        let by =
            next_latest.saturating_sub(self.local.hop(tour, node, next).0) - self.local.fixed[node as usize].service;
        let by = by.min(self.closes[node as usize]);
        if by <= self.local.fixed_tours[tour as usize].end_by { by } else { by.min(self.local.shift_end(tour, node)) }
    }

    /// After stops were linked in between `first` and `last` (both new): forward and backward until nothing changes.
    pub(super) fn settle(&mut self, tour: u32, first: u32, last: u32) {
        let local = self.local;
        let end = self.sentinel(tour);
        let mut prev = self.records[first as usize].prev;
        let mut node = first;
        let mut passed = false;
        while node != end {
            let Record { depart, load, .. } = self.records[prev as usize];
            let stop = &local.fixed[node as usize];
            let departs = depart.saturating_add(local.hop(tour, prev, node).0).max(stop.opens) + stop.service;
            let after = load + self.load_change(node);
            let record = &self.records[node as usize];
            let next = record.next;
            if record.depart == departs && record.load == after {
                if passed {
                    break;
                }
            } else {
                self.touch(node);
                let record = &mut self.records[node as usize];
                record.depart = departs;
                record.load = after;
            }
            passed |= node == last;
            prev = node;
            node = next;
        }
        let mut node = last;
        let mut passed = false;
        let mut next = self.records[last as usize].next;
        let mut next_latest = self.records[next as usize].latest;
        self.records[last as usize].next_latest = next_latest;
        loop {
            let latest = self.latest_plain(tour, node, next, next_latest);
            let Record { prev, latest: was, .. } = self.records[node as usize];
            if latest != was {
                self.touch(node);
                self.records[node as usize].latest = latest;
            } else if passed {
                break;
            }
            passed |= node == first;
            if self.records[prev as usize].next_latest != latest {
                self.touch(prev);
                self.records[prev as usize].next_latest = latest;
            }
            if prev == end {
                break;
            }
            (next, next_latest, node) = (node, latest, prev);
        }
    }
}

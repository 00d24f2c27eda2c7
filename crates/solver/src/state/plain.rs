//! Records of tours in plain pieces: one window per stop, one dimension of load, nothing late. A tour that lost stops is recomputed as a
//! whole; after an insertion only the values that change are.

use super::{Record, State};
use crate::index::{LocalNode, LocalStop, LocalTour, NodeIx};
use crate::problem::{Role, TIME_MAX};

impl State<'_> {
    /// By how much a stop changes the load that is kept for each node. Goods of shipments only: those of jobs are summed for the tour.
    #[inline]
    fn load_change(&self, stop: LocalStop) -> i32 {
        let stop = &self.local.fixed[stop];
        match stop.role {
            Role::Pickup => stop.load,
            Role::Delivery => -stop.load,
            Role::JobDelivery | Role::JobPickup => 0,
        }
    }

    pub(super) fn update_plain(&mut self, tour: LocalTour) {
        let local = self.local;
        let spec = &local.problem.tours()[local.tours[tour].index()];
        let end = self.sentinel(tour);
        let mut prev = end;
        let (mut cost, mut count, mut carried) = (0, 0, 0);
        let start_latest = if spec.end_node == NodeIx::NONE { TIME_MAX } else { spec.end_by };
        {
            let record = &mut self.records[end];
            if record.depart != spec.start_at || record.latest != start_latest || record.load != spec.onboard[0] {
                record.depart = spec.start_at;
                record.latest = start_latest;
                record.load = spec.onboard[0];
            }
        }
        loop {
            let Record { next: node, depart, next_cost, load, .. } = self.records[prev];
            let (time, leg) = if prev == end && node == end { (0, 0) } else { local.hop(tour, prev, node) };
            if next_cost != leg {
                self.touch(prev);
                self.records[prev].next_cost = leg;
            }
            cost += i64::from(leg);
            if node == end {
                break;
            }
            let stop = &local.fixed[node.stop()];
            let departs = depart.saturating_add(time).max(stop.opens) + stop.service;
            let after = load + self.load_change(node.stop());
            let record = self.records[node];
            if record.depart != departs || record.load != after {
                self.touch(node);
                let record = &mut self.records[node];
                record.depart = departs;
                record.load = after;
            }
            if matches!(stop.role, Role::JobDelivery | Role::JobPickup) {
                carried += stop.load;
            }
            count += 1;
            cost += local.change_cost(tour, node.stop());
            prev = node;
        }
        let mut latest = start_latest;
        let mut node = end;
        loop {
            let before = self.records[node].prev;
            if self.records[before].next_latest != latest {
                self.touch(before);
                self.records[before].next_latest = latest;
            }
            if before == end {
                break;
            }
            latest = self.latest_plain(tour, before.stop(), node, latest);
            if self.records[before].latest != latest {
                self.touch(before);
                self.records[before].latest = latest;
            }
            node = before;
        }
        if count > 0 && !spec.in_use {
            cost += spec.fixed;
        }
        self.costs[tour] = cost;
        self.counts[tour] = count;
        self.carried[tour] = [carried, 0, 0, 0];
    }

    #[inline]
    fn latest_plain(&self, tour: LocalTour, stop: LocalStop, next: LocalNode, next_latest: i32) -> i32 {
        let by = next_latest.saturating_sub(self.local.hop(tour, stop, next).0) - self.local.fixed[stop].service;
        let by = by.min(self.closes[stop]);
        if by <= self.local.fixed_tours[tour].start_by { by } else { by.min(self.local.shift_end(tour, stop)) }
    }

    /// Recomputes a tour after stops were linked in. `first` and `last` are the first and the last new one. Departures are recomputed
    /// forward and latest arrivals backward, each until a value does not change.
    pub(super) fn settle(&mut self, tour: LocalTour, first: LocalNode, last: LocalNode) {
        let local = self.local;
        let end = self.sentinel(tour);
        let mut prev = self.records[first].prev;
        let mut node = first;
        let mut passed = false;
        while node != end {
            let Record { depart, load, .. } = self.records[prev];
            let stop = &local.fixed[node.stop()];
            let departs = depart.saturating_add(local.hop(tour, prev, node).0).max(stop.opens) + stop.service;
            let after = load + self.load_change(node.stop());
            let record = &self.records[node];
            let next = record.next;
            if record.depart == departs && record.load == after {
                if passed {
                    break;
                }
            } else {
                self.touch(node);
                let record = &mut self.records[node];
                record.depart = departs;
                record.load = after;
            }
            passed |= node == last;
            prev = node;
            node = next;
        }
        let mut node = last;
        let mut passed = false;
        let mut next = self.records[last].next;
        let mut next_latest = self.records[next].latest;
        self.records[last].next_latest = next_latest;
        loop {
            let latest = self.latest_plain(tour, node.stop(), next, next_latest);
            let Record { prev, latest: was, .. } = self.records[node];
            if latest != was {
                self.touch(node);
                self.records[node].latest = latest;
            } else if passed {
                break;
            }
            passed |= node == first;
            if self.records[prev].next_latest != latest {
                self.touch(prev);
                self.records[prev].next_latest = latest;
            }
            if prev == end {
                break;
            }
            (next, next_latest, node) = (node, latest, prev);
        }
    }
}

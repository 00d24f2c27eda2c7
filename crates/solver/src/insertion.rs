//! Where a unit fits into a tour, and what it costs there.
//!
//! The quick test is O(1) per position from the records; the walk drives the whole tour and also prices lateness, flow
//! time and pauses. Both agree wherever the quick one says yes (tested).

use crate::problem::{NONE, Role, UNREACHABLE};
use crate::schedule::{Infeasible, drive, fits, span_price};
use crate::state::State;

/// A place for a unit, and the additional price of the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Insertion {
    pub(crate) tour: u32,
    /// The unit goes after this node.
    pub(crate) after: u32,
    /// Its delivery goes after this node (the pickup itself, if directly behind it).
    pub(crate) mate_after: u32,
    pub(crate) cost: i64,
}

impl State<'_> {
    /// The cheapest place in one tour that keeps every aim, if dearer ones than `bound` do not matter.
    pub(crate) fn best_in_tour(&self, unit: u32, tour: u32, bound: i64) -> Option<Insertion> {
        if !self.problem.allows(tour, unit) {
            return None;
        }
        let stop = &self.problem.stops[unit as usize];
        let spec = &self.problem.tours[tour as usize];
        let adds = if stop.role == Role::Pickup { 2 } else { 1 };
        if self.counts[tour as usize] + adds > spec.stops_max {
            return None;
        }
        if self.problem.walks || spec.lifo {
            return self.best_by_walk(unit, tour, bound);
        }
        let mut fixed = self.problem.change_cost(tour, unit);
        if self.counts[tour as usize] == 0 && !spec.in_use {
            fixed += spec.fixed;
        }
        if stop.role == Role::Pickup {
            if !self.problem.allows(tour, stop.mate) {
                return None;
            }
            fixed += self.problem.change_cost(tour, stop.mate);
            self.best_shipment(unit, tour, bound, fixed)
        } else {
            self.best_job(unit, tour, bound, fixed)
        }
    }

    /// Price of the leg out of a node; the way home of an empty tour costs nothing.
    fn cost_after(&self, node: u32) -> i64 {
        i64::from(self.records[node as usize].next_cost)
    }

    fn best_job(&self, unit: u32, tour: u32, bound: i64, fixed: i64) -> Option<Insertion> {
        let end = self.sentinel(tour);
        let mut best = bound;
        let mut found = None;
        let mut node = end;
        loop {
            if let Some(cost) = self.job_after(unit, tour, node, best - fixed) {
                best = cost + fixed;
                found = Some(Insertion { tour, after: node, mate_after: NONE, cost: best });
            }
            node = self.records[node as usize].next;
            if node == end {
                return found;
            }
        }
    }

    /// O(1): the additional price of a job after a node, if below `bound` and feasible.
    pub(crate) fn job_after(&self, unit: u32, tour: u32, after: u32, bound: i64) -> Option<i64> {
        let stop = &self.problem.stops[unit as usize];
        let spec = &self.problem.tours[tour as usize];
        let record = &self.records[after as usize];
        let (to, to_cost) = self.hop(tour, after, unit);
        let (on, on_cost) = self.hop(tour, unit, record.next);
        let mut delta = i64::from(to_cost) + i64::from(on_cost) - self.cost_after(after);
        if delta >= bound {
            return None;
        }
        if to >= UNREACHABLE || on >= UNREACHABLE {
            return None;
        }
        let arrival = record.depart.saturating_add(to);
        let shift_end = self.problem.shift_end(tour, unit);
        if arrival > self.records[unit as usize].closes.min(shift_end) {
            return None;
        }
        let start = stop.opens_at(arrival);
        if start > shift_end || start.saturating_add(stop.service).saturating_add(on) > record.next_latest {
            return None;
        }
        delta += span_price(start, stop.due, self.problem.weights.late_per_hour);
        if delta >= bound {
            return None;
        }
        let peak = match stop.role {
            Role::JobDelivery => self.loads[after as usize].peak_before,
            Role::JobPickup => {
                // Everything from here on, the load right after `after` included.
                let later = self.loads[after as usize].peak_after;
                if self.is_sentinel(after) { later } else { max(self.loads[after as usize].after, later) }
            }
            // Goods on board already: leaving them never overloads.
            Role::Delivery | Role::Pickup => return Some(delta),
        };
        fits(sum(peak, stop.load), spec.capacity).then_some(delta)
    }

    /// Pickup after each node in turn, delivery walked along behind it with the delayed departure.
    fn best_shipment(&self, unit: u32, tour: u32, bound: i64, fixed: i64) -> Option<Insertion> {
        let end = self.sentinel(tour);
        let mut best = bound;
        let mut found = None;
        let mut node = end;
        loop {
            let (result, go_on) = self.shipment_after(unit, tour, node, best - fixed);
            if let Some((cost, mate_after)) = result {
                best = cost + fixed;
                found = Some(Insertion { tour, after: node, mate_after, cost: best });
            }
            node = self.records[node as usize].next;
            if node == end || !go_on {
                return found;
            }
        }
    }

    /// The cheapest delivery position for a pickup after `after`; and whether later pickups are worth a look.
    fn shipment_after(&self, unit: u32, tour: u32, after: u32, bound: i64) -> (Option<(i64, u32)>, bool) {
        let problem = self.problem;
        let pickup = &problem.stops[unit as usize];
        let delivery = &problem.stops[pickup.mate as usize];
        let spec = &problem.tours[tour as usize];
        let record = &self.records[after as usize];
        let (to, to_cost) = self.hop(tour, after, unit);
        let arrival = record.depart.saturating_add(to);
        if to >= UNREACHABLE {
            return (None, true);
        }
        if arrival > self.records[unit as usize].closes.min(spec.end_by) {
            // Later pickups arrive later still, except where the matrix breaks the triangle inequality: look on.
            return (None, true);
        }
        if !fits(sum(self.loads[after as usize].after, pickup.load), spec.capacity) {
            return (None, true);
        }
        let start = pickup.opens_at(arrival);
        if start > spec.end_by {
            return (None, true);
        }
        let shift_end = problem.shift_end(tour, pickup.mate);
        let base = i64::from(to_cost) + span_price(start, pickup.due, problem.weights.late_per_hour);
        let mut best = bound;
        let mut found = None;
        // Directly behind the pickup.
        let leave = start.saturating_add(pickup.service);
        let mut detour = base - self.cost_after(after);
        let mut depart = leave;
        let mut from = unit;
        let mut next = record.next;
        let mut next_latest = record.next_latest;
        loop {
            // The delivery between `from` and `next`.
            let (there, there_cost) = self.hop(tour, from, pickup.mate);
            let reach = depart.saturating_add(there);
            if reach <= self.records[pickup.mate as usize].closes.min(shift_end) {
                let begin = delivery.opens_at(reach);
                let (on, on_cost) = self.hop(tour, pickup.mate, next);
                let skipped = if from == unit { 0 } else { self.cost_after(from) };
                let delta = detour + i64::from(there_cost) + i64::from(on_cost) - skipped
                    + span_price(begin, delivery.due, problem.weights.late_per_hour);
                let driven = there < UNREACHABLE && on < UNREACHABLE;
                let in_time = driven
                    && begin <= shift_end
                    && begin.saturating_add(delivery.service).saturating_add(on) <= next_latest;
                if delta < best && in_time {
                    best = delta;
                    found = Some((delta, from));
                }
            }
            if self.is_sentinel(next) {
                break;
            }
            // On to `next`, with the goods on board and the delay so far.
            let (travel, cost) = self.hop(tour, from, next);
            let at = depart.saturating_add(travel);
            let record = &self.records[next as usize];
            if at > record.latest || !fits(sum(self.loads[next as usize].after, pickup.load), spec.capacity) {
                break;
            }
            if from == unit {
                detour += i64::from(cost);
            }
            let stop = &problem.stops[next as usize];
            depart = stop.opens_at(at).saturating_add(stop.service);
            from = next;
            next_latest = record.next_latest;
            next = record.next;
        }
        (found, true)
    }

    /// Every position driven in full: prices lateness, flow time and pauses, keeps every rule.
    pub(crate) fn best_by_walk(&self, unit: u32, tour: u32, bound: i64) -> Option<Insertion> {
        let stop = &self.problem.stops[unit as usize];
        let before = self.costs[tour as usize];
        let mut sequence = self.sequence(tour);
        let mut best = bound;
        let mut found = None;
        let len = sequence.len();
        let node_before =
            |sequence: &[u32], index: usize| if index == 0 { self.sentinel(tour) } else { sequence[index - 1] };
        for at in 0..=len {
            let after = node_before(&sequence, at);
            sequence.insert(at, unit);
            if stop.role == Role::Pickup {
                for mate_at in at + 1..=len + 1 {
                    let mate_after = node_before(&sequence, mate_at);
                    sequence.insert(mate_at, stop.mate);
                    if let Some(cost) = self.walk_cost(tour, &sequence, before.saturating_add(best)) {
                        best = cost - before;
                        found = Some(Insertion { tour, after, mate_after, cost: best });
                    }
                    sequence.remove(mate_at);
                }
            } else if let Some(cost) = self.walk_cost(tour, &sequence, before.saturating_add(best)) {
                best = cost - before;
                found = Some(Insertion { tour, after, mate_after: NONE, cost: best });
            }
            sequence.remove(at);
        }
        found
    }

    fn walk_cost(&self, tour: u32, sequence: &[u32], bound: i64) -> Option<i64> {
        let driven = drive(self.problem, tour, sequence.iter().copied(), bound, |_, _| {}).ok()?;
        (driven.cost < bound).then_some(driven.cost)
    }

    /// What stops a unit from joining a tour, when nothing else will do: its rules or its shift.
    pub(crate) fn verdict(&self, unit: u32, tour: u32) -> Option<Infeasible> {
        let stop = &self.problem.stops[unit as usize];
        let mut sequence = vec![unit];
        if stop.role == Role::Pickup {
            sequence.push(stop.mate);
        }
        drive(self.problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).err()
    }
}

fn sum(a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
    std::array::from_fn(|d| a[d].saturating_add(b[d]))
}

fn max(a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
    std::array::from_fn(|d| a[d].max(b[d]))
}

//! 2-opt*: two tours exchange the tails behind one of their nodes each (Potvin & Rousseau, "An exchange heuristic for routeing
//! problems with time windows", 1995).

use crate::index::{LocalNode, LocalStop, LocalTour};
use crate::problem::Role;
use crate::random::Random;
use crate::schedule::drive;
use crate::state::State;

/// How many compatible predecessors of a random stop an attempt looks at.
const TAIL_TRIES: usize = 20;

impl State<'_> {
    /// For a random stop c: exchanges the tail that begins with c and the tail behind v, so that c follows v. v is the first compatible
    /// predecessor of c with which both tours can be driven and cost at most `slack` more. O(1) for each v; only the winner is
    /// linked. False when nothing was changed.
    pub(crate) fn swap_tails(&mut self, slack: i64, random: &mut Random) -> bool {
        let local = self.local;
        let c = LocalStop(random.below(local.stops.len()) as u32);
        let record_c = self.records[c];
        let tour_c = record_c.tour;
        let list = local.before.of(c);
        if tour_c == LocalTour::NONE || list.is_empty() {
            return false;
        }
        let p = record_c.prev;
        let before_c = self.records[p];
        let global_c = local.tours[tour_c];
        if local.paired && (local.has_weightless_shipment || before_c.load != 0) {
            return false;
        }
        let looked = list.len().min(TAIL_TRIES);
        let first = random.below(looked);
        for try_ in 0..looked {
            let v = list[(first + try_) % looked];
            let record_v = self.records[v];
            let tour_v = record_v.tour;
            if tour_v == LocalTour::NONE || tour_v == tour_c {
                continue;
            }
            let (time, cost) = self.hop(tour_v, v, c);
            if record_v.depart.saturating_add(time) > record_c.latest || (local.paired && record_v.load != 0) {
                continue;
            }
            let global_v = local.tours[tour_v];
            if local.problem.tail_twin(global_v) != local.problem.tail_twin(global_c) {
                continue;
            }
            // The tail behind v comes behind p. Both tours end alike, so that either sentinel may stand for the end.
            let next_v = record_v.next;
            let empties = self.is_sentinel(p) && self.is_sentinel(next_v);
            let (back_time, back_cost) = if empties { (0, 0) } else { self.hop(tour_c, p, next_v) };
            if !empties && before_c.depart.saturating_add(back_time) > record_v.next_latest {
                continue;
            }
            let mut delta =
                i64::from(cost) + i64::from(back_cost) - i64::from(record_v.next_cost) - i64::from(before_c.next_cost);
            if empties {
                let spec = &local.problem.tours()[global_c.index()];
                delta -= if spec.in_use { 0 } else { spec.fixed };
            }
            if delta > slack {
                continue;
            }
            let Some(promises) = self.tails_fit(tour_v, v.into(), tour_c, p) else { continue };
            if delta + promises > slack {
                continue;
            }
            self.begin();
            self.join_tails(tour_v, v.into(), tour_c, p);
            return true;
        }
        false
    }

    /// What broken promises cost when the tails behind v and behind p are exchanged. `None` if loads, numbers of stops or rules forbid
    /// it.
    fn tails_fit(&self, tour_v: LocalTour, v: LocalNode, tour_c: LocalTour, p: LocalNode) -> Option<i64> {
        let local = self.local;
        let head = |end: LocalNode, tour: LocalTour| {
            let (mut load, mut count) = (0, 0);
            let mut node = end;
            let sentinel = self.sentinel(tour);
            while node != sentinel {
                let stop = &local.fixed[node.stop()];
                if matches!(stop.role, Role::JobDelivery | Role::JobPickup) {
                    load += stop.load;
                }
                count += 1;
                node = self.records[node].prev;
            }
            (load, count)
        };
        let ((load_v, count_v), (load_p, count_p)) = (head(v, tour_v), head(p, tour_c));
        let stops_max = |tour: LocalTour| local.problem.tours()[local.tours[tour].index()].stops_max;
        let room = |tour: LocalTour| local.fixed_tours[tour].room[0];
        let (all_v, all_c) = (self.carried[tour_v][0], self.carried[tour_c][0]);
        let (stops_v, stops_c) = (self.counts[tour_v], self.counts[tour_c]);
        if load_v + all_c - load_p > room(tour_v)
            || load_p + all_v - load_v > room(tour_c)
            || count_v + stops_c - count_p > stops_max(tour_v)
            || count_p + stops_v - count_v > stops_max(tour_c)
        {
            return None;
        }
        if local.problem.unrestricted() && !local.problem.promised() {
            return Some(0);
        }
        let moves = |from: LocalTour, after: LocalNode, to: LocalTour| {
            let end = self.sentinel(from);
            let mut node = self.records[after].next;
            let mut promises = 0;
            while node != end {
                let stop = node.stop();
                if !local.allows(to, stop) {
                    return None;
                }
                promises += local.change_cost(to, stop) - local.change_cost(from, stop);
                node = self.records[node].next;
            }
            Some(promises)
        };
        Some(moves(tour_v, v, tour_c)? + moves(tour_c, p, tour_v)?)
    }

    /// 2-opt* where only driving the tours tells what they cost. For a random stop c, v is the first compatible predecessor with which
    /// both tours look as if they could be driven and cost at most `slack` more; the tails are exchanged if both tours can really be
    /// driven with no more lateness than before. False when nothing was changed; otherwise the caller has to compare the price.
    pub(crate) fn swap_tails_by_walking(&mut self, slack: i64, random: &mut Random) -> bool {
        let local = self.local;
        let c = LocalStop(random.below(local.stops.len()) as u32);
        let list = local.before.of(c);
        let tour_c = self.records[c].tour;
        if tour_c == LocalTour::NONE || list.is_empty() || self.is_loaded(self.records[c].prev) {
            return false;
        }
        let looked = list.len().min(TAIL_TRIES);
        let first = random.below(looked);
        for try_ in 0..looked {
            let v = list[(first + try_) % looked];
            let tour_v = self.records[v].tour;
            if tour_v != LocalTour::NONE
                && tour_v != tour_c
                && !self.is_loaded(v.into())
                && self.tails_look_good(v, c, slack)
            {
                return self.drive_tails(v, c);
            }
        }
        false
    }

    /// True if goods of a shipment are on board behind a node, so that the tour cannot be cut there. Read from the load, which tells it
    /// only where there are no jobs.
    fn is_loaded(&self, node: LocalNode) -> bool {
        let local = self.local;
        if !local.paired || local.jobs {
            return false;
        }
        let (onboard, after) = (self.spec(self.records[node].tour).onboard, self.rich[node].after);
        (0..4).any(|d| onboard[d].saturating_add(after[d]) != 0)
    }

    /// O(1): whether legs and windows allow to exchange the tails behind v and from c on, with pauses as they are now.
    fn tails_look_good(&self, v: LocalStop, c: LocalStop, slack: i64) -> bool {
        let problem = self.local.problem;
        if problem.walks() {
            return true;
        }
        let (record_v, record_c) = (&self.records[v], &self.records[c]);
        let (tour_v, tour_c) = (record_v.tour, record_c.tour);
        let (time, cost) = self.hop(tour_v, v, c);
        if record_v.depart.saturating_add(time) > record_c.latest {
            return false;
        }
        let before_c = &self.records[record_c.prev];
        let next_v = record_v.next;
        let empties = self.is_sentinel(record_c.prev) && self.is_sentinel(next_v);
        let (back_time, back_cost) = if empties { (0, 0) } else { self.hop(tour_c, record_c.prev, next_v) };
        if !empties && before_c.depart.saturating_add(back_time) > record_v.next_latest {
            return false;
        }
        let (global_v, global_c) = (self.local.tours[tour_v], self.local.tours[tour_c]);
        // Between vehicles that are not alike the rest of the tails has another price too, and late tours may gain more than legs.
        let legs_tell = problem.tail_twin(global_v) == problem.tail_twin(global_c)
            && !self.flaws[tour_v].is_late()
            && !self.flaws[tour_c].is_late();
        let mut delta =
            i64::from(cost) + i64::from(back_cost) - i64::from(record_v.next_cost) - i64::from(before_c.next_cost);
        if empties {
            let spec = &problem.tours()[global_c.index()];
            delta -= if spec.in_use { 0 } else { spec.fixed };
        }
        !legs_tell || delta <= slack
    }

    /// Exchanges the tails behind v and from c on, if both tours can be driven then and are not later in sum than now.
    fn drive_tails(&mut self, v: LocalStop, c: LocalStop) -> bool {
        let local = self.local;
        let (tour_v, tour_c) = (self.records[v].tour, self.records[c].tour);
        let (first, second) = (self.sequence(tour_v), self.sequence(tour_c));
        let cut_v = first.iter().position(|&stop| stop == v).map_or(0, |at| at + 1);
        let cut_c = second.iter().position(|&stop| stop == c).unwrap_or(0);
        let (mut new_v, mut new_c) = (first[..cut_v].to_vec(), second[..cut_c].to_vec());
        new_v.extend_from_slice(&second[cut_c..]);
        new_c.extend_from_slice(&first[cut_v..]);
        let late = |tour: LocalTour, sequence: &[LocalStop]| {
            let global = sequence.iter().map(|&stop| local.stops[stop]);
            drive(local.problem, local.tours[tour], global, i64::MAX, |_, _| {}).ok().map(|d| d.late)
        };
        let (Some(late_v), Some(late_c)) = (late(tour_v, &new_v), late(tour_c, &new_c)) else { return false };
        if !local.problem.walks() {
            let was = self.lateness(tour_v) + self.lateness(tour_c);
            if late_v + late_c > was {
                return false;
            }
        }
        self.exchange(tour_v, &new_v, tour_c, &new_c);
        true
    }
}

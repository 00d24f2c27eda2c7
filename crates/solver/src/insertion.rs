//! Where a unit fits into a tour, and what it costs there.
//!
//! The quick test is O(1) per position from the records; the walk drives the whole tour and also prices lateness, flow
//! time and pauses. Both agree wherever the quick one says yes (tested).

use crate::local::{Fixed, Rows};
use crate::problem::{NONE, Role, TourSpec, UNREACHABLE};
use crate::random::Random;
use crate::schedule::{Infeasible, drive, span_price};
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

/// More than any price: nothing is added to it that would carry it over.
const NOWHERE: i64 = i64::MAX / 4;

/// What the two ends of a shipment would add alone, by node of a tour: buffers, so that a move allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pickup: Vec<i64>,
    delivery: Vec<i64>,
}

/// A node behind which a pickup could be put.
#[derive(Clone, Copy, Debug)]
struct PickupPlace {
    /// What the pickup adds there if its delivery is further on.
    apart: i64,
    /// What the tour asks for taking the shipment, beside legs.
    fixed: i64,
    after: u32,
    tour: u32,
}

impl PickupPlace {
    /// What comes first: the least addition, the earlier node where that is equal.
    fn key(&self) -> (i64, u32) {
        (self.apart + self.fixed, self.after)
    }
}

/// Places of one pickup that are worth a look: a buffer, so that a move allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct PickupPlaces {
    list: Vec<PickupPlace>,
    /// By node: when it was last listed.
    seen: Vec<u32>,
    mark: u32,
}

impl State<'_> {
    /// The cheapest place in one tour that keeps every aim, if dearer ones than `bound` do not matter.
    pub(crate) fn best_in_tour(&self, unit: u32, tour: u32, bound: i64) -> Option<Insertion> {
        if self.has_pauses(tour) && self.price_of_joining(unit, tour).is_some() {
            return self.best_by_walk(unit, tour, bound);
        }
        self.quick_in_tour(unit, tour, bound)
    }

    /// The same, but in tours with pauses: there what the quick tests say, which has to be tried. Tours that refused are not asked.
    pub(crate) fn quick_in_tour(&self, unit: u32, tour: u32, bound: i64) -> Option<Insertion> {
        if self.refused.contains(&tour) {
            return None;
        }
        let fixed = self.price_of_joining(unit, tour)?;
        if self.walks(tour) {
            self.best_by_walk(unit, tour, bound)
        } else if self.local.fixed[unit as usize].role == Role::Pickup {
            self.best_shipment(unit, tour, bound, fixed)
        } else {
            self.best_job(unit, tour, bound, fixed)
        }
    }

    /// Candidates in this tour are driven in full: what they cost is not the sum of their legs.
    pub(crate) fn walks(&self, tour: u32) -> bool {
        !self.plain && (self.local.problem.walks || self.local.fixed_tours[tour as usize].lifo)
    }

    /// Pauses move when stops do: the quick tests know where they are now only, and what they find has to be tried.
    pub(crate) fn has_pauses(&self, tour: u32) -> bool {
        self.local.fixed_tours[tour as usize].paused
    }

    pub(crate) fn spec(&self, tour: u32) -> &TourSpec {
        &self.local.problem.tours[self.local.tours[tour as usize] as usize]
    }

    /// What a unit costs in a tour beside legs: the use of an empty vehicle, a broken promise. `None`: it may not join.
    pub(crate) fn price_of_joining(&self, unit: u32, tour: u32) -> Option<i64> {
        let stop = &self.local.fixed[unit as usize];
        let shipment = stop.role == Role::Pickup;
        let spec = self.spec(tour);
        let count = self.counts[tour as usize];
        if count + 1 + u32::from(shipment) > spec.stops_max
            || !self.local.allows(tour, unit)
            || (shipment && !self.local.allows(tour, stop.mate))
        {
            return None;
        }
        let mut fixed = self.local.change_cost(tour, unit);
        if shipment {
            fixed += self.local.change_cost(tour, stop.mate);
        }
        if count == 0 && !spec.in_use {
            fixed += spec.fixed;
        }
        Some(fixed)
    }

    /// Price of the leg out of a node; the way home of an empty tour costs nothing.
    #[inline]
    fn cost_after(&self, node: u32) -> i64 {
        i64::from(self.records[node as usize].next_cost)
    }

    fn best_job(&self, unit: u32, tour: u32, bound: i64, fixed: i64) -> Option<Insertion> {
        if !self.has_room_somewhere(unit, tour) {
            return None;
        }
        let end = self.sentinel(tour);
        let mut best = bound;
        let mut found = None;
        let mut node = end;
        let rows = self.local.rows(tour, unit);
        loop {
            if let Some(cost) = self.job_after(rows, unit, tour, node, best - fixed) {
                best = cost + fixed;
                found = Some(Insertion { tour, after: node, mate_after: NONE, cost: best });
            }
            let record = &self.records[node as usize];
            node = record.next;
            // Departures only grow along a tour.
            if node == end || record.depart > self.closes[unit as usize] {
                return found;
            }
        }
    }

    /// A tour has room for a job, as far as sums tell.
    fn has_room_somewhere(&self, unit: u32, tour: u32) -> bool {
        let stop = &self.local.fixed[unit as usize];
        if self.plain {
            let room = self.local.fixed_tours[tour as usize].room[0];
            return stop.role == Role::Delivery || self.carried[tour as usize][0] + stop.load <= room;
        }
        !self.local.totals || self.has_room_for_job(unit, tour, self.sentinel(tour))
    }

    /// O(1): the additional price of a job after a node, if below `bound` and feasible. `rows`: the legs of the unit.
    #[inline]
    pub(crate) fn job_after(
        &self,
        rows: Option<Rows<'_>>,
        unit: u32,
        tour: u32,
        after: u32,
        bound: i64,
    ) -> Option<i64> {
        let fixed = &self.local.fixed[unit as usize];
        let record = &self.records[after as usize];
        // Too late or too early whatever the legs: most places are, and this reads one record only.
        if record.depart > self.closes[unit as usize] || fixed.opens.saturating_add(fixed.service) > record.next_latest
        {
            return None;
        }
        let (to, to_cost) = rows.map_or_else(|| self.hop(tour, after, unit), |rows| rows.to[after as usize]);
        let arrival = record.depart.saturating_add(to);
        if arrival > self.closes[unit as usize] {
            return None;
        }
        let (on, on_cost) =
            rows.map_or_else(|| self.hop(tour, unit, record.next), |rows| rows.from[record.next as usize]);
        let delta = i64::from(to_cost) + i64::from(on_cost) - i64::from(record.next_cost);
        if delta >= bound {
            return None;
        }
        let start = self.local.opens_at(unit, arrival);
        if start.saturating_add(fixed.service).saturating_add(on) > record.next_latest
            || to >= UNREACHABLE
            || on >= UNREACHABLE
        {
            return None;
        }
        if self.plain {
            return self.fits_plain_job(unit, tour, start).then_some(delta);
        }
        let delta = delta + self.price_of_lateness(unit, start);
        (delta < bound && self.fits_rich_job(unit, tour, after, start)).then_some(delta)
    }

    /// Shift and load of a job in a plain piece.
    #[inline]
    pub(crate) fn fits_plain_job(&self, unit: u32, tour: u32, start: i32) -> bool {
        let stop = &self.local.fixed[unit as usize];
        let fixed = &self.local.fixed_tours[tour as usize];
        (start <= fixed.end_by || start <= self.local.shift_end(tour, unit))
            && (stop.role == Role::Delivery || self.carried[tour as usize][0] + stop.load <= fixed.room[0])
    }

    /// Shift and load of a job in a rich piece; a tour that refused the unit does not fit.
    #[inline]
    pub(crate) fn fits_rich_job(&self, unit: u32, tour: u32, after: u32, start: i32) -> bool {
        (start <= self.local.fixed_tours[tour as usize].end_by || start <= self.local.shift_end(tour, unit))
            && self.has_room_for_job(unit, tour, after)
            && !self.refused.contains(&tour)
    }

    /// What service at a stop costs that starts so late.
    #[inline]
    pub(crate) fn price_of_lateness(&self, stop: u32, start: i32) -> i64 {
        let due = self.local.rich[stop as usize].due;
        if start <= due { 0 } else { span_price(start, due, self.local.problem.weights.late_per_hour) }
    }

    /// Pickup after each node in turn, delivery walked along behind it with the delayed departure. What either end alone
    /// would add is looked at first: most tours die there, few pickups are worth a walk, and few walks go to the end.
    fn best_shipment(&self, unit: u32, tour: u32, bound: i64, fixed: i64) -> Option<Insertion> {
        let mate = self.local.fixed[unit as usize].mate;
        let (rows, mate_rows) = (self.local.rows(tour, unit), self.local.rows(tour, mate));
        let mut ends = self.ends.borrow_mut();
        let Ends { pickup, delivery } = &mut *ends;
        let least = self.alone(unit, tour, rows, pickup);
        // The delivery adds something too, where legs keep the triangle inequality (but for rounding).
        if least >= NOWHERE || least - self.local.problem.slackness >= bound - fixed {
            return None;
        }
        self.alone(mate, tour, mate_rows, delivery);
        for index in (1..delivery.len()).rev() {
            delivery[index - 1] = delivery[index - 1].min(delivery[index]);
        }
        let mut best = bound;
        let mut found = None;
        let mut node = self.sentinel(tour);
        for (index, &apart) in pickup.iter().enumerate() {
            // Behind the next node and later; nothing: directly behind the pickup only.
            let later = delivery.get(index + 1..).unwrap_or(&[]);
            if apart < NOWHERE
                && let Some((cost, mate_after)) =
                    self.shipment_after(unit, tour, node, best - fixed, (rows, mate_rows), apart, later.iter().copied())
            {
                best = cost + fixed;
                found = Some(Insertion { tour, after: node, mate_after, cost: best });
            }
            node = self.records[node as usize].next;
        }
        found
    }

    /// For each node of a tour, its start first, until it is too late: what a stop alone would add behind it, [`NOWHERE`]
    /// where it cannot be. Returns the least.
    fn alone(&self, stop: u32, tour: u32, rows: Option<Rows<'_>>, deltas: &mut Vec<i64>) -> i64 {
        deltas.clear();
        let fixed = &self.local.fixed[stop as usize];
        let closes = self.closes[stop as usize];
        let end = self.sentinel(tour);
        let (mut node, mut least) = (end, NOWHERE);
        loop {
            let record = &self.records[node as usize];
            // Departures only grow along a tour.
            if record.depart > closes {
                return least;
            }
            let delta = self.apart(stop, fixed, closes, tour, node, rows);
            least = least.min(delta);
            deltas.push(delta);
            node = record.next;
            if node == end {
                return least;
            }
        }
    }

    /// What one end of a shipment alone would add behind a node, [`NOWHERE`] where it cannot be.
    #[expect(
        clippy::inline_always,
        reason = "asked at sixty places for every shipment; a call costs a fifth of the search"
    )]
    #[inline(always)]
    fn apart(&self, stop: u32, fixed: &Fixed, closes: i32, tour: u32, node: u32, rows: Option<Rows<'_>>) -> i64 {
        let record = &self.records[node as usize];
        if record.depart > closes || fixed.opens.saturating_add(fixed.service) > record.next_latest {
            return NOWHERE;
        }
        let (to, to_cost) = rows.map_or_else(|| self.hop(tour, node, stop), |rows| rows.to[node as usize]);
        let (on, on_cost) =
            rows.map_or_else(|| self.hop(tour, stop, record.next), |rows| rows.from[record.next as usize]);
        let arrival = record.depart.saturating_add(to);
        let done = arrival.max(fixed.opens).saturating_add(fixed.service).saturating_add(on);
        // A pickup's delivery may come between it and the next node: nothing is said of that leg's time here.
        let on_time = fixed.role == Role::Pickup || (done <= record.next_latest && on < UNREACHABLE);
        if arrival > closes || to >= UNREACHABLE || !on_time {
            return NOWHERE;
        }
        let out = if on < UNREACHABLE { i64::from(on_cost) } else { 0 };
        i64::from(to_cost) + out - i64::from(record.next_cost)
    }

    /// The cheapest place of a shipment whose pickup comes right behind or right before a compatible stop. What the pickup adds
    /// least is tried first: the delivery adds something too, so that few places need a walk for it.
    pub(crate) fn shipment_beside_neighbours(
        &self,
        unit: u32,
        bound: i64,
        places: &mut PickupPlaces,
        random: &mut Random,
    ) -> Option<Insertion> {
        let local = self.local;
        let PickupPlaces { list, seen, mark } = places;
        let fixed = &local.fixed[unit as usize];
        let (closes, mate) = (self.closes[unit as usize], fixed.mate);
        let simple = local.problem.unrestricted && !local.problem.promised && !local.problem.limited;
        list.clear();
        seen.resize(self.records.len(), 0);
        *mark += 1;
        let before = local.before.get(unit).iter().map(|&before| (before, self.records[before as usize].tour));
        let behind = local.after.get(unit).iter().map(|&after| {
            let record = &self.records[after as usize];
            (record.prev, record.tour)
        });
        for (after, tour) in before.chain(behind) {
            if tour == NONE || seen[after as usize] == *mark || self.refused.contains(&tour) {
                continue;
            }
            seen[after as usize] = *mark;
            let apart = self.apart(unit, fixed, closes, tour, after, local.rows(tour, unit));
            if apart < bound {
                list.push(PickupPlace { apart, fixed: 0, after, tour });
            }
        }
        if !simple {
            list.retain_mut(|place| {
                let joining = self.price_of_joining(unit, place.tour);
                place.fixed = joining.unwrap_or(0);
                joining.is_some()
            });
        }
        let mut best = bound;
        let mut found = None;
        // The least first, one by one: few come to their turn.
        while let Some(index) = (0..list.len()).min_by_key(|&index| list[index].key()) {
            let PickupPlace { apart, fixed, after, tour } = list.swap_remove(index);
            if apart + fixed >= best {
                break;
            }
            let rows = (local.rows(tour, unit), local.rows(tour, mate));
            if let Some((cost, mate_after)) =
                self.shipment_after(unit, tour, after, best - fixed, rows, apart, std::iter::repeat(0))
                && !random.blink()
            {
                best = cost + fixed;
                found = Some(Insertion { tour, after, mate_after, cost: best });
            }
        }
        found
    }

    /// The load behind a node leaves room for a shipment.
    #[inline]
    fn has_room_for_shipment(&self, node: u32, unit: u32, tour: u32, pickup: &Fixed) -> bool {
        if self.plain {
            self.records[node as usize].load + pickup.load <= self.local.fixed_tours[tour as usize].capacity
        } else {
            self.has_room_behind(node, unit, tour)
        }
    }

    /// The cheapest delivery position for a pickup after `after`. `apart`: what the pickup adds with the delivery elsewhere;
    /// `later`: the least that the delivery adds behind the next node and all after it.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "what the caller has looked up for all places of a tour")]
    fn shipment_after(
        &self,
        unit: u32,
        tour: u32,
        after: u32,
        bound: i64,
        (rows, mate_rows): (Option<Rows<'_>>, Option<Rows<'_>>),
        apart: i64,
        later: impl Iterator<Item = i64>,
    ) -> Option<(i64, u32)> {
        let local = self.local;
        let pickup = &local.fixed[unit as usize];
        let mate = pickup.mate;
        let delivery = &local.fixed[mate as usize];
        let spec = &local.fixed_tours[tour as usize];
        let record = &self.records[after as usize];
        let (to, to_cost) = rows.map_or_else(|| self.hop(tour, after, unit), |rows| rows.to[after as usize]);
        let next = record.next;
        let mut later = later.peekable();
        if apart + later.peek().copied().unwrap_or(NOWHERE) >= bound {
            let pair = rows.map_or_else(|| self.hop(tour, unit, mate), |rows| rows.from[mate as usize]).1;
            let out = mate_rows.map_or_else(|| self.hop(tour, mate, next), |rows| rows.from[next as usize]).1;
            if i64::from(to_cost) - self.cost_after(after) + i64::from(pair) + i64::from(out) >= bound {
                return None;
            }
        }
        let arrival = record.depart.saturating_add(to);
        if arrival > spec.end_by {
            return None;
        }
        if !self.has_room_for_shipment(after, unit, tour, pickup) {
            return None;
        }
        let start = local.opens_at(unit, arrival);
        if start > spec.end_by {
            return None;
        }
        let shift_end = local.shift_end(tour, mate);
        let mate_closes = self.closes[mate as usize].min(shift_end);
        let mut base = i64::from(to_cost);
        if !self.plain {
            base += self.price_of_lateness(unit, start);
        }
        let mut best = bound;
        let mut found = None;
        // Directly behind the pickup.
        let mut detour = base - self.cost_after(after);
        let mut depart = start.saturating_add(pickup.service);
        let mut from = unit;
        let mut next = next;
        let mut next_latest = record.next_latest;
        let mut skipped = 0;
        loop {
            // The delivery between `from` and `next`.
            let (there, there_cost) =
                mate_rows.map_or_else(|| self.hop(tour, from, mate), |rows| rows.to[from as usize]);
            let reach = depart.saturating_add(there);
            if reach <= mate_closes {
                let (on, on_cost) =
                    mate_rows.map_or_else(|| self.hop(tour, mate, next), |rows| rows.from[next as usize]);
                let mut delta = detour + i64::from(there_cost) + i64::from(on_cost) - skipped;
                if delta < best {
                    let begin = local.opens_at(mate, reach);
                    if !self.plain {
                        delta += self.price_of_lateness(mate, begin);
                    }
                    let driven = there < UNREACHABLE && on < UNREACHABLE;
                    let in_time =
                        begin <= shift_end && begin.saturating_add(delivery.service).saturating_add(on) <= next_latest;
                    if delta < best && driven && in_time {
                        best = delta;
                        found = Some((delta, from));
                    }
                }
            } else if depart > mate_closes {
                break;
            }
            if self.is_sentinel(next) || later.next().is_none_or(|least| apart + least >= best) {
                break;
            }
            // On to `next`, with the goods on board and the delay so far.
            let (travel, cost) = self.hop(tour, from, next);
            let at = depart.saturating_add(travel);
            let record = &self.records[next as usize];
            if at > record.latest || !self.has_room_for_shipment(next, unit, tour, pickup) {
                break;
            }
            if from == unit {
                detour += i64::from(cost);
            }
            depart = local.opens_at(next, at).saturating_add(local.fixed[next as usize].service);
            from = next;
            next_latest = record.next_latest;
            skipped = i64::from(record.next_cost);
            next = record.next;
        }
        found
    }

    /// Every position driven in full: prices lateness, flow time and pauses, keeps every rule.
    pub(crate) fn best_by_walk(&self, unit: u32, tour: u32, bound: i64) -> Option<Insertion> {
        let stop = self.local.fixed[unit as usize];
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
        let global = sequence.iter().map(|&stop| self.local.stops[stop as usize]);
        let driven = drive(self.local.problem, self.local.tours[tour as usize], global, bound, |_, _| {}).ok()?;
        (driven.cost < bound).then_some(driven.cost)
    }

    /// What stops a unit from joining a tour, when nothing else will do: its rules or its shift.
    pub(crate) fn verdict(&self, unit: u32, tour: u32) -> Option<Infeasible> {
        let stop = self.local.fixed[unit as usize];
        let mut sequence = vec![self.local.stops[unit as usize]];
        if stop.role == Role::Pickup {
            sequence.push(self.local.stops[stop.mate as usize]);
        }
        let tour = self.local.tours[tour as usize];
        drive(self.local.problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).err()
    }
}

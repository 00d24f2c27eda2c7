//! Cheapest insertion: where a unit fits into a tour, and what it costs there.
//!
//! The quick test takes O(1) for each position: the records keep the earliest departure and the latest arrival of every node (forward
//! time slack; Savelsbergh, "The Vehicle Routing Problem with Time Windows: Minimizing Route Duration", 1992). The walk drives the
//! whole tour for each position and also prices lateness, flow time and pauses. Wherever the quick test finds a position, both
//! give the same price (tested).

use crate::index::{LocalNode, LocalStop, LocalTour};
use crate::problem::{Role, UNREACHABLE, span_price};
use crate::random::Random;
use crate::schedule::drive;
use crate::schedule::room::Room;
use crate::state::Rows;
use crate::state::State;

/// Tours of up to this many stops are driven in full for every position; for a shipment that is 20,000 legs.
const WALKED_WHOLE: usize = 32;
/// Positions of a longer tour that are driven: those with the shortest detour.
const NEAREST_WALKED: usize = 8;
/// Positions of a longer tour that are driven beside these: the last ones before the stop is due.
const DUE_WALKED: usize = 4;

/// A position for a unit, and the additional price of the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Insertion {
    pub(crate) tour: LocalTour,
    /// The unit goes after this node.
    pub(crate) after: LocalNode,
    /// The delivery of a shipment goes after this node (the pickup itself, if directly behind it). [`LocalNode::NONE`] for a job.
    pub(crate) mate_after: LocalNode,
    /// By how much it makes the tour dearer, in millionths.
    pub(crate) cost: i64,
}

impl State<'_> {
    /// The cheapest position in one tour that keeps every aim. `None` if there is none that costs less than `bound`.
    pub(crate) fn best_in_tour(&self, unit: LocalStop, tour: LocalTour, bound: i64) -> Option<Insertion> {
        if self.refused.contains(&tour) {
            return None;
        }
        if self.has_pauses(tour) && self.price_of_joining(unit, tour).is_some() {
            return self.best_by_walk(unit, tour, bound);
        }
        self.quick_in_tour(unit, tour, bound)
    }

    /// The same, but in a tour with pauses only a guess: the quick tests take pauses as they are now, so that the caller has to put
    /// the unit in and look. Tours in `refused` are left out.
    pub(crate) fn quick_in_tour(&self, unit: LocalStop, tour: LocalTour, bound: i64) -> Option<Insertion> {
        if self.refused.contains(&tour) {
            return None;
        }
        let fixed = self.price_of_joining(unit, tour)?;
        if self.walks(tour) {
            self.best_by_walk(unit, tour, bound)
        } else if self.local.fixed[unit].role == Role::Pickup {
            if self.plain {
                self.best_shipment::<true>(unit, tour, bound, fixed)
            } else {
                self.best_shipment::<false>(unit, tour, bound, fixed)
            }
        } else {
            self.best_job(unit, tour, bound, fixed)
        }
    }

    /// What a unit costs in a tour beside legs: the fixed price of a vehicle that was empty, and broken promises. `None` if rules or
    /// the largest number of stops forbid it.
    pub(crate) fn price_of_joining(&self, unit: LocalStop, tour: LocalTour) -> Option<i64> {
        let stop = &self.local.fixed[unit];
        let shipment = stop.role == Role::Pickup;
        let spec = self.spec(tour);
        let count = self.counts[tour];
        if count + 1 + u32::from(shipment) > spec.stops_max
            || !self.local.allows(tour, unit)
            || (shipment && !self.local.allows(tour, stop.mate))
            || !self.may_join(unit, tour)
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

    fn best_job(&self, unit: LocalStop, tour: LocalTour, bound: i64, fixed: i64) -> Option<Insertion> {
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
                found = Some(Insertion { tour, after: node, mate_after: LocalNode::NONE, cost: best });
            }
            let record = &self.records[node];
            node = record.next;
            // Departures only grow along a tour.
            if node == end || record.depart > self.closes[unit] {
                return found;
            }
        }
    }

    /// The leg from a node to a stop whose rows these are.
    #[inline]
    pub(crate) fn leg_to(
        &self,
        rows: Option<Rows<'_>>,
        tour: LocalTour,
        node: impl Into<LocalNode>,
        stop: LocalStop,
    ) -> (i32, i32) {
        if let Some(rows) = rows { rows.inbound(node) } else { self.hop(tour, node, stop) }
    }

    /// The leg to a node from a stop whose rows these are.
    #[inline]
    pub(crate) fn leg_from(
        &self,
        rows: Option<Rows<'_>>,
        tour: LocalTour,
        stop: LocalStop,
        node: impl Into<LocalNode>,
    ) -> (i32, i32) {
        if let Some(rows) = rows { rows.outbound(node) } else { self.hop(tour, stop, node) }
    }

    /// False if a job has no room at any position of a tour, as far as sums of loads tell.
    fn has_room_somewhere(&self, unit: LocalStop, tour: LocalTour) -> bool {
        let stop = &self.local.fixed[unit];
        if self.plain {
            let room = self.local.fixed_tours[tour].room[0];
            return stop.role == Role::Delivery || self.carried[tour][0] + stop.load <= room;
        }
        !self.local.totals || self.has_room_for_job(unit, tour, self.sentinel(tour))
    }

    /// O(1): the additional price of a job after a node, if below `bound` and feasible. `rows`: the legs of the unit.
    #[inline]
    pub(crate) fn job_after(
        &self,
        rows: Option<Rows<'_>>,
        unit: LocalStop,
        tour: LocalTour,
        after: LocalNode,
        bound: i64,
    ) -> Option<i64> {
        let fixed = &self.local.fixed[unit];
        let record = &self.records[after];
        // Most positions are too late or too early whatever the legs, and this test reads one record only.
        if record.depart > self.closes[unit] || fixed.opens.saturating_add(fixed.service) > record.next_latest {
            return None;
        }
        let (to, to_cost) = self.leg_to(rows, tour, after, unit);
        let arrival = record.depart.saturating_add(to);
        if arrival > self.closes[unit] {
            return None;
        }
        let (on, on_cost) = self.leg_from(rows, tour, unit, record.next);
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
            return self.fits_plain_job(unit, tour, after, start).then_some(delta);
        }
        let delta = delta + self.price_of_lateness(unit, start);
        (delta < bound && self.fits_rich_job(unit, tour, after, start)).then_some(delta)
    }

    /// True if a job of a plain piece, put in behind a node, keeps the shift and the capacity of the tour.
    #[inline]
    pub(crate) fn fits_plain_job(&self, unit: LocalStop, tour: LocalTour, after: LocalNode, start: i32) -> bool {
        let stop = &self.local.fixed[unit];
        let fixed = &self.local.fixed_tours[tour];
        (start <= fixed.start_by || start <= self.local.shift_end(tour, unit))
            && if stop.role == Role::Delivery {
                self.has_room_up_to(after, tour)
            } else {
                self.carried[tour][0] + stop.load <= fixed.room[0]
            }
    }

    /// True if a job of a rich piece, put in behind a node, keeps the shift and the capacity of the tour, and the tour has not refused
    /// it.
    #[inline]
    pub(crate) fn fits_rich_job(&self, unit: LocalStop, tour: LocalTour, after: LocalNode, start: i32) -> bool {
        (start <= self.local.fixed_tours[tour].start_by || start <= self.local.shift_end(tour, unit))
            && self.has_room_for_job(unit, tour, after)
            && !self.refused.contains(&tour)
    }

    /// Price of the lateness of a stop whose service starts at `start`.
    #[inline]
    pub(crate) fn price_of_lateness(&self, stop: LocalStop, start: i32) -> i64 {
        let due = self.local.rich[stop].due;
        if start <= due { 0 } else { span_price(start, due, self.local.problem.weights().late_per_hour) }
    }

    /// The cheapest position in one tour, found by driving the tour in full for each position: lateness and flow time are priced,
    /// pauses are moved, every rule is kept. O(n²) for a job in a tour of n stops, O(n³) for a shipment.
    pub(crate) fn best_by_walk(&self, unit: LocalStop, tour: LocalTour, bound: i64) -> Option<Insertion> {
        if self.counts[tour] == 0
            && let Some(cost) = self.price_alone(unit, tour)
        {
            let mate_after = if self.local.fixed[unit].role == Role::Pickup { unit.into() } else { LocalNode::NONE };
            let may = cost < bound && self.may_join(unit, tour);
            return may.then_some(Insertion { tour, after: self.sentinel(tour), mate_after, cost });
        }
        let all: Vec<usize> = (0..=self.counts[tour] as usize).collect();
        if self.spec(tour).battery.is_some() {
            // Looking for stations takes longest. The shortest detours come first, so that most of the others are too dear already
            // without stations.
            let (detours, _) = self.detours(unit, tour);
            let positions: Vec<usize> = detours.into_iter().map(|(_, position)| position).collect();
            return self.best_of_positions(unit, tour, bound, &positions, &all);
        }
        self.best_of_positions(unit, tour, bound, &all, &all)
    }

    /// Like [`State::best_by_walk`], but in a tour of more than [`WALKED_WHOLE`] stops only the positions are driven that look best:
    /// those with the shortest detour, and the last ones before the stop is due. O(n).
    pub(crate) fn best_by_screened_walk(&self, unit: LocalStop, tour: LocalTour, bound: i64) -> Option<Insertion> {
        if self.counts[tour] as usize <= WALKED_WHOLE {
            return self.best_by_walk(unit, tour, bound);
        }
        let mate = self.local.fixed[unit].mate;
        let positions = self.likely_positions(unit, tour);
        let mates = if mate == LocalStop::NONE { Vec::new() } else { self.likely_positions(mate, tour) };
        // Both ends of a shipment side by side is always worth a look.
        let mut both: Vec<usize> = mates.iter().chain(&positions).copied().collect();
        both.sort_unstable();
        both.dedup();
        self.best_of_positions(unit, tour, bound, &positions, &both)
    }

    /// Positions of a tour that look best for a stop by themselves, ascending: position k is before stop k of the tour.
    fn likely_positions(&self, stop: LocalStop, tour: LocalTour) -> Vec<usize> {
        let (detours, due) = self.detours(stop, tour);
        let nearest = detours.into_iter().take(NEAREST_WALKED).map(|(_, position)| position);
        let mut positions: Vec<usize> = nearest.chain(due.saturating_sub(DUE_WALKED - 1)..=due).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// What a stop adds to the legs of a tour at each of its positions, the least first, and the last position before the stop is due.
    fn detours(&self, stop: LocalStop, tour: LocalTour) -> (Vec<(i64, usize)>, usize) {
        let end = self.sentinel(tour);
        let mut detours: Vec<(i64, usize)> = Vec::with_capacity(self.counts[tour] as usize + 1);
        let mut due = 0;
        let mut node = end;
        loop {
            let (position, next) = (detours.len(), self.records[node].next);
            let price = |from, to| i64::from(self.hop(tour, from, to).1);
            detours.push((price(node, stop.into()) + price(stop.into(), next) - price(node, next), position));
            if self.records[node].depart <= self.closes[stop] {
                due = position;
            }
            node = next;
            if node == end {
                break;
            }
        }
        detours.sort_unstable();
        (detours, due)
    }

    /// The cheapest insertion before these stops of a tour, given by their positions; `mates`: where the delivery of a shipment may go.
    fn best_of_positions(
        &self,
        unit: LocalStop,
        tour: LocalTour,
        bound: i64,
        positions: &[usize],
        mates: &[usize],
    ) -> Option<Insertion> {
        if !self.may_join(unit, tour) {
            return None;
        }
        if self.is_priced_by_legs(tour) {
            return self.cheapest_that_can_be_driven(unit, tour, bound, positions, mates);
        }
        if let Ok(found) = self.best_by_simple_walk(unit, tour, bound, positions, mates) {
            return found;
        }
        self.best_by_driving(unit, tour, bound, positions, mates)
    }

    /// The same as [`State::best_of_positions`] where nothing is known beforehand: the whole tour is driven for each position.
    pub(crate) fn best_by_driving(
        &self,
        unit: LocalStop,
        tour: LocalTour,
        bound: i64,
        positions: &[usize],
        mates: &[usize],
    ) -> Option<Insertion> {
        let stop = self.local.fixed[unit];
        let before = self.costs[tour];
        let mut sequence = self.sequence(tour);
        let mut best = bound;
        let mut found = None;
        let node_before = |sequence: &[LocalStop], index: usize| {
            if index == 0 { self.sentinel(tour) } else { sequence[index - 1].into() }
        };
        for &at in positions {
            let after = node_before(&sequence, at);
            sequence.insert(at, unit);
            if stop.role == Role::Pickup {
                for mate_at in mates.iter().filter(|&&mate| mate >= at).map(|&mate| mate + 1) {
                    let mate_after = node_before(&sequence, mate_at);
                    sequence.insert(mate_at, stop.mate);
                    if let Some(cost) = self.walk_cost(tour, &sequence, (2, before.saturating_add(best))) {
                        best = cost - before;
                        found = Some(Insertion { tour, after, mate_after, cost: best });
                    }
                    sequence.remove(mate_at);
                }
            } else if let Some(cost) = self.walk_cost(tour, &sequence, (1, before.saturating_add(best))) {
                best = cost - before;
                found = Some(Insertion { tour, after, mate_after: LocalNode::NONE, cost: best });
            }
            sequence.remove(at);
        }
        found
    }

    /// True if a stop that joins a tour costs what it adds to the legs, and beside that the same wherever it comes in.
    fn is_priced_by_legs(&self, tour: LocalTour) -> bool {
        let (problem, spec) = (self.local.problem, self.spec(tour));
        let is_special = spec.reload.is_some() || spec.battery.is_some() || spec.walking.is_some();
        let is_special = is_special || (spec.per_task_hour > 0 && !problem.sets_nothing_up());
        self.counts[tour] > 0 && !is_special && !self.flaws[tour].is_broken() && problem.costs_legs_only()
    }

    /// The same as [`State::best_of_positions`] where the price of every position is known beforehand: the first that can be driven, in
    /// the order of price. Mostly that is one of the first, so that few tours are driven.
    fn cheapest_that_can_be_driven(
        &self,
        unit: LocalStop,
        tour: LocalTour,
        bound: i64,
        positions: &[usize],
        mates: &[usize],
    ) -> Option<Insertion> {
        let (fixed, spec) = (self.local.fixed[unit], self.spec(tour));
        let mut sequence = self.sequence(tour);
        let end = self.sentinel(tour);
        let around = |at: usize| -> (LocalNode, LocalNode) {
            let before = at.checked_sub(1).map_or(end, |before| sequence[before].into());
            (before, sequence.get(at).map_or(end, |&next| next.into()))
        };
        let leg = |from: LocalNode, to: LocalNode| i64::from(self.hop(tour, from, to).1);
        let detour = |stop: LocalStop, at: usize| {
            let (before, next) = around(at);
            leg(before, stop.into()) + leg(stop.into(), next) - leg(before, next)
        };
        // Where nothing moves but later, a stop is not reached before the one ahead of it is left.
        let only_later = spec.pauses.is_empty() && spec.driving_time.is_none();
        let due = self.local.problem.stops()[self.local.stops[unit].index()].due;
        let is_late = |at: usize| {
            let before = around(at).0;
            only_later && self.records[before].depart.saturating_add(self.hop(tour, before, unit).0) > due
        };
        // Price, and the positions of both ends among the stops of the tour.
        let mut list: Vec<(i64, usize, usize)> = Vec::new();
        let beside_legs = |stop: LocalStop| {
            let (global, stop) = (self.local.tours[tour], self.local.stops[stop]);
            let service = self.local.problem.times_at(global, self.local.problem.stops()[stop.index()].node, stop).0;
            self.local.problem.change_cost(global, stop) + span_price(service, 0, spec.per_task_hour)
        };
        let mut besides = beside_legs(unit);
        if fixed.role == Role::Pickup {
            let mate = fixed.mate;
            besides += beside_legs(mate);
            let alone: Vec<i64> = mates.iter().map(|&at| detour(mate, at)).collect();
            for &at in positions.iter().filter(|&&at| !is_late(at)) {
                let (before, next) = around(at);
                let first = leg(before, unit.into()) - leg(before, next);
                let (together, apart) =
                    (first + leg(unit.into(), mate.into()) + leg(mate.into(), next), first + leg(unit.into(), next));
                let from = mates.iter().zip(&alone).filter(|&(&mate_at, _)| mate_at >= at);
                let priced = from.map(|(&mate_at, &alone)| {
                    let legs = if mate_at == at { together } else { apart + alone };
                    (legs + besides, at, mate_at)
                });
                list.extend(priced.filter(|&(cost, ..)| cost < bound));
            }
        } else {
            let priced = positions.iter().filter(|&&at| !is_late(at)).map(|&at| (detour(unit, at) + besides, at, at));
            list.extend(priced.filter(|&(cost, ..)| cost < bound));
        }
        list.sort_unstable();
        let node_before = |sequence: &[LocalStop], at: usize| at.checked_sub(1).map_or(end, |at| sequence[at].into());
        let global = |stop: LocalStop| self.local.stops[stop];
        // The first is mostly the one. Once it is not, a closer look at the tour pays.
        let mut room = None;
        for (tried, (cost, at, mate_at)) in list.into_iter().enumerate() {
            if tried == 1 {
                let stops = sequence.iter().map(|&stop| global(stop)).collect();
                room = Room::of(self.local.problem, self.local.tours[tour], stops, global(unit));
            }
            if room.as_mut().is_some_and(|room: &mut Room<'_>| !room.may_take(at, mate_at)) {
                continue;
            }
            let after = node_before(&sequence, at);
            sequence.insert(at, unit);
            let mut mate_after = LocalNode::NONE;
            if fixed.role == Role::Pickup {
                mate_after = node_before(&sequence, mate_at + 1);
                sequence.insert(mate_at + 1, fixed.mate);
            }
            let global = sequence.iter().map(|&stop| self.local.stops[stop]);
            if let Ok(driven) = drive(self.local.problem, self.local.tours[tour], global, i64::MAX, |_, _| {}) {
                debug_assert_eq!(driven.cost, self.costs[tour] + cost, "legs are not all that is paid");
                return Some(Insertion { tour, after, mate_after, cost });
            }
            if fixed.role == Role::Pickup {
                sequence.remove(mate_at + 1);
            }
            sequence.remove(at);
        }
        None
    }

    /// Some position in some tour that breaks nothing.
    pub(crate) fn anywhere(&self, unit: LocalStop, tries: usize, random: &mut Random) -> Option<Insertion> {
        let mate = self.local.fixed[unit].mate;
        let shipment = self.local.fixed[unit].role == Role::Pickup;
        (0..tries).find_map(|_| {
            let tour = LocalTour(random.below(self.local.tours.len()) as u32);
            self.price_of_joining(unit, tour)?;
            let mut sequence = self.sequence(tour);
            let node_before = |sequence: &[LocalStop], index: usize| {
                if index == 0 { self.sentinel(tour) } else { sequence[index - 1].into() }
            };
            let at = random.below(sequence.len() + 1);
            let after = node_before(&sequence, at);
            sequence.insert(at, unit);
            let mut mate_after = LocalNode::NONE;
            if shipment {
                let mate_at = at + 1 + random.below(sequence.len() - at);
                mate_after = node_before(&sequence, mate_at);
                sequence.insert(mate_at, mate);
            }
            let global = sequence.iter().map(|&stop| self.local.stops[stop]);
            let driven = drive(self.local.problem, self.local.tours[tour], global, i64::MAX, |_, _| {}).ok()?;
            let cost = driven.cost - self.costs[tour];
            let is_kept = driven.late == 0 && cost < self.local.unserved(unit);
            is_kept.then_some(Insertion { tour, after, mate_after, cost })
        })
    }

    /// What an empty tour costs with this unit alone, [`i64::MAX`] if it cannot be driven. It is kept, because unused vehicles are asked
    /// for every unit again and again. `None`: it is not kept for this plan.
    fn price_alone(&self, unit: LocalStop, tour: LocalTour) -> Option<i64> {
        let mut alone = self.alone.borrow_mut();
        let slot = alone.slot(tour, unit)?;
        let stop = self.local.fixed[unit];
        let shipment = stop.role == Role::Pickup;
        let mate_change = if shipment { self.local.change_cost(tour, stop.mate) } else { 0 };
        let change = self.local.change_cost(tour, unit) + mate_change;
        if !self.local.allows(tour, unit) || (shipment && !self.local.allows(tour, stop.mate)) {
            return Some(i64::MAX);
        }
        let price = slot.get_or_insert_with(|| {
            let stops = std::iter::once(unit).chain(shipment.then_some(stop.mate));
            let global = stops.map(|stop| self.local.stops[stop]);
            let driven = drive(self.local.problem, self.local.tours[tour], global, i64::MAX, |_, _| {});
            driven.map_or(i64::MAX, |driven| driven.cost - change)
        });
        Some(price.saturating_add(change))
    }

    /// What a tour costs with so many stops more, if less than `bound`.
    fn walk_cost(&self, tour: LocalTour, sequence: &[LocalStop], (more, bound): (u32, i64)) -> Option<i64> {
        let global = sequence.iter().map(|&stop| self.local.stops[stop]);
        let driven = drive(self.local.problem, self.local.tours[tour], global, bound, |_, _| {}).ok()?;
        let cost = driven.cost + self.price_of_unequal_days(tour, driven.end, more);
        (cost < bound).then_some(cost)
    }
}

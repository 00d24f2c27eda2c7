//! Cheapest insertion of a shipment: where its pickup and its delivery fit into a tour, and what they cost there.
//!
//! For a position of the pickup the delivery is moved along the tour behind it, with the delay that the pickup causes; each step is
//! O(1) by the records (forward time slack; Savelsbergh, "The Vehicle Routing Problem with Time Windows: Minimizing Route Duration",
//! 1992). Most pickup positions are ruled out before that: what the pickup alone would add is already too dear.

use super::insertion::Insertion;
use crate::index::{By, LocalNode, LocalStop, LocalTour};
use crate::problem::{Role, UNREACHABLE};
use crate::random::Random;
use crate::state::{Ends, Fixed, Rows, State};

/// Price of a position where a stop cannot be: more than any real price, and small enough that sums with it do not overflow.
const NOWHERE: i64 = i64::MAX / 4;

/// A node behind which a pickup could be put.
#[derive(Clone, Copy, Debug)]
struct PickupPosition {
    /// What the pickup alone adds to the price of the legs if its delivery is not directly behind it.
    apart: i64,
    /// What the shipment costs on this tour beside legs, see [`State::price_of_joining`].
    fixed: i64,
    after: LocalNode,
    tour: LocalTour,
}

impl PickupPosition {
    /// Positions are tried in this order: the least price first, the node with the lower number where prices are equal.
    fn key(&self) -> (i64, LocalNode) {
        (self.apart + self.fixed, self.after)
    }
}

/// The positions of one pickup that may be cheap enough: a buffer, so that a move allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct PickupPositions {
    list: Vec<PickupPosition>,
    /// By node: when it was last listed.
    seen: By<LocalNode, u32>,
    mark: u32,
}

/// The pickup or the delivery of a shipment, with its legs for tours of one class.
#[derive(Clone, Copy)]
struct End<'l> {
    stop: LocalStop,
    fixed: Fixed,
    /// The latest start that keeps its aim.
    closes: i32,
    rows: Option<Rows<'l>>,
}

impl State<'_> {
    /// Pickup and delivery of a shipment with their legs for a tour.
    fn ends_of_shipment(&self, unit: LocalStop, tour: LocalTour) -> (End<'_>, End<'_>) {
        let end = |stop: LocalStop| End {
            stop,
            fixed: self.local.fixed[stop],
            closes: self.closes[stop],
            rows: self.local.rows(tour, stop),
        };
        let pickup = end(unit);
        (pickup, end(pickup.fixed.mate))
    }

    /// The cheapest positions of a shipment in one tour: for each position of the pickup, the best one of the delivery behind it. What
    /// pickup and delivery would add alone is computed first: it rules out most tours, most positions of the pickup in the others,
    /// and the rest of most walks.
    pub(crate) fn best_shipment<const PLAIN: bool>(
        &self,
        unit: LocalStop,
        tour: LocalTour,
        bound: i64,
        fixed: i64,
    ) -> Option<Insertion> {
        let (pickup, delivery) = self.ends_of_shipment(unit, tour);
        let mut ends = self.ends.borrow_mut();
        let Ends { pickup: pickups, delivery: deliveries } = &mut *ends;
        let least = self.alone(&pickup, tour, pickups);
        // Where legs obey the triangle inequality, the delivery adds something too, but for rounding.
        if least >= NOWHERE || least - self.local.problem.slackness() >= bound - fixed {
            return None;
        }
        self.alone(&delivery, tour, deliveries);
        for index in (1..deliveries.len()).rev() {
            deliveries[index - 1] = deliveries[index - 1].min(deliveries[index]);
        }
        let mut best = bound;
        let mut found = None;
        let mut node = self.sentinel(tour);
        for (index, &apart) in pickups.iter().enumerate() {
            // The least that the delivery adds behind the next node or later. Empty: it can only be directly behind the pickup.
            let later = deliveries.get(index + 1..).unwrap_or(&[]);
            if apart < NOWHERE
                && let Some((cost, mate_after)) = self.shipment_after::<PLAIN>(
                    &pickup,
                    &delivery,
                    tour,
                    node,
                    best - fixed,
                    apart,
                    later.iter().copied(),
                )
            {
                best = cost + fixed;
                found = Some(Insertion { tour, after: node, mate_after, cost: best });
            }
            node = self.records[node].next;
        }
        found
    }

    /// Writes into `deltas` what a stop alone would add behind each node of a tour, from its start on until it would be too late;
    /// [`NOWHERE`] where it cannot be. Returns the least of these.
    fn alone(&self, of: &End<'_>, tour: LocalTour, deltas: &mut Vec<i64>) -> i64 {
        deltas.clear();
        let end = self.sentinel(tour);
        let (mut node, mut least) = (end, NOWHERE);
        loop {
            let record = &self.records[node];
            // Departures only grow along a tour.
            if record.depart > of.closes {
                return least;
            }
            let delta = self.apart(of, tour, node);
            least = least.min(delta);
            deltas.push(delta);
            node = record.next;
            if node == end {
                return least;
            }
        }
    }

    /// What the pickup or the delivery alone would add behind a node, [`NOWHERE`] where it cannot be.
    #[expect(
        clippy::inline_always,
        reason = "asked at some sixty positions for every shipment; a call costs a fifth of the search"
    )]
    #[inline(always)]
    fn apart(&self, of: &End<'_>, tour: LocalTour, node: LocalNode) -> i64 {
        let (fixed, record) = (&of.fixed, &self.records[node]);
        if record.depart > of.closes || fixed.opens.saturating_add(fixed.service) > record.next_latest {
            return NOWHERE;
        }
        let (to, to_cost) = self.leg_to(of.rows, tour, node, of.stop);
        let (on, on_cost) = self.leg_from(of.rows, tour, of.stop, record.next);
        let arrival = record.depart.saturating_add(to);
        let done = self.local.opens_at(of.stop, arrival).saturating_add(fixed.service);
        // The delivery of a pickup may come between it and the next node. That makes the way longer, or shorter by at most the
        // slackness of the legs.
        let on_time = if fixed.role != Role::Pickup {
            done.saturating_add(on) <= record.next_latest && on < UNREACHABLE
        } else if let Some(slackness) = self.local.problem.time_slackness() {
            done.saturating_add(on) <= record.next_latest.saturating_add(slackness)
        } else {
            done <= record.next_latest
        };
        if arrival > of.closes || to >= UNREACHABLE || !on_time {
            return NOWHERE;
        }
        let out = if on < UNREACHABLE { i64::from(on_cost) } else { 0 };
        i64::from(to_cost) + out - i64::from(record.next_cost)
    }

    /// The cheapest positions of a shipment whose pickup comes right behind or right before a compatible stop. Positions at which the
    /// pickup alone adds least are tried first. The delivery adds something too, so that few other positions have to be tried.
    pub(crate) fn shipment_beside_neighbours<const PLAIN: bool>(
        &self,
        unit: LocalStop,
        bound: i64,
        buffer: &mut PickupPositions,
        random: &mut Random,
    ) -> Option<Insertion> {
        let local = self.local;
        let PickupPositions { list, seen, mark } = buffer;
        let (mut pickup, mut delivery) = self.ends_of_shipment(unit, LocalTour(0));
        let simple = local.problem.unrestricted() && !local.problem.promised() && !local.problem.limited();
        list.clear();
        seen.resize(self.records.len(), 0);
        *mark += 1;
        let before = local.before.of(unit).iter().map(|&before| (LocalNode::from(before), self.records[before].tour));
        let behind = local.after.of(unit).iter().map(|&after| {
            let record = &self.records[after];
            (record.prev, record.tour)
        });
        for (after, tour) in before.chain(behind) {
            if tour == LocalTour::NONE || seen[after] == *mark || self.refused.contains(&tour) {
                continue;
            }
            seen[after] = *mark;
            if !local.one_class {
                pickup.rows = local.rows(tour, unit);
            }
            let apart = self.apart(&pickup, tour, after);
            if apart < bound {
                list.push(PickupPosition { apart, fixed: 0, after, tour });
            }
        }
        if !simple {
            list.retain_mut(|position| {
                let joining = self.price_of_joining(unit, position.tour);
                position.fixed = joining.unwrap_or(0);
                joining.is_some()
            });
        }
        let mut best = bound;
        let mut found = None;
        // Picked one by one instead of sorted: few of them are tried.
        while let Some(index) = (0..list.len()).min_by_key(|&index| list[index].key()) {
            let PickupPosition { apart, fixed, after, tour } = list.swap_remove(index);
            if apart + fixed >= best {
                break;
            }
            if !local.one_class {
                (pickup.rows, delivery.rows) = (local.rows(tour, unit), local.rows(tour, delivery.stop));
            }
            let later = std::iter::repeat(0);
            if let Some((cost, mate_after)) =
                self.shipment_after::<PLAIN>(&pickup, &delivery, tour, after, best - fixed, apart, later)
                && !random.blink()
            {
                best = cost + fixed;
                found = Some(Insertion { tour, after, mate_after, cost: best });
            }
        }
        found
    }

    /// The cheapest position of the delivery when the pickup comes after `after`: the price of both, and the node before the
    /// delivery. `apart`: what the pickup alone adds; `later`: for the next node and each one after it, the least that the delivery
    /// alone adds there or further on.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "what the caller has looked up for all positions of a tour")]
    fn shipment_after<const PLAIN: bool>(
        &self,
        pickup: &End<'_>,
        delivery: &End<'_>,
        tour: LocalTour,
        after: LocalNode,
        bound: i64,
        apart: i64,
        later: impl Iterator<Item = i64>,
    ) -> Option<(i64, LocalNode)> {
        let local = self.local;
        let (unit, mate) = (pickup.stop, delivery.stop);
        let record = &self.records[after];
        let (to, to_cost) = self.leg_to(pickup.rows, tour, after, unit);
        let next = record.next;
        let mut later = later.peekable();
        // The price of the leg that is given up. An empty tour has none: its record says 0.
        let saved = i64::from(record.next_cost);
        if apart + later.peek().copied().unwrap_or(NOWHERE) >= bound {
            let (_, pair) = self.leg_from(pickup.rows, tour, unit, mate);
            let (_, out) = self.leg_from(delivery.rows, tour, mate, next);
            if i64::from(to_cost) - saved + i64::from(pair) + i64::from(out) >= bound {
                return None;
            }
        }
        let end_by = local.fixed_tours[tour].end_by;
        let arrival = record.depart.saturating_add(to);
        let room = self.room_for_shipment(unit, tour);
        let has_room = |node: LocalNode| {
            if PLAIN { self.records[node].load <= room[0] } else { self.is_left_with_at_most(node, room) }
        };
        let opens_at = |stop: LocalStop, fixed: &Fixed, at: i32| {
            if PLAIN { at.max(fixed.opens) } else { local.opens_at(stop, at) }
        };
        if arrival > end_by || !has_room(after) {
            return None;
        }
        let start = opens_at(unit, &pickup.fixed, arrival);
        if start > local.shift_end(tour, unit) {
            return None;
        }
        let shift_end = local.shift_end(tour, mate);
        let mate_closes = delivery.closes.min(shift_end);
        let mut base = i64::from(to_cost);
        if !PLAIN {
            base += self.price_of_lateness(unit, start);
        }
        let mut best = bound;
        let mut found = None;
        // The first position of the delivery is directly behind the pickup.
        let mut detour = base - saved;
        let mut depart = start.saturating_add(pickup.fixed.service);
        let mut from = LocalNode::from(unit);
        let mut next = next;
        let mut next_latest = record.next_latest;
        let mut skipped = 0;
        loop {
            // Try the delivery between `from` and `next`.
            let (there, there_cost) = self.leg_to(delivery.rows, tour, from, mate);
            let reach = depart.saturating_add(there);
            if reach <= mate_closes {
                let (on, on_cost) = self.leg_from(delivery.rows, tour, mate, next);
                let mut delta = detour + i64::from(there_cost) + i64::from(on_cost) - skipped;
                if delta < best {
                    let begin = opens_at(mate, &delivery.fixed, reach);
                    if !PLAIN {
                        delta += self.price_of_lateness(mate, begin);
                    }
                    let driven = there < UNREACHABLE && on < UNREACHABLE;
                    let done = begin.saturating_add(delivery.fixed.service).saturating_add(on);
                    if delta < best && driven && begin <= shift_end && done <= next_latest {
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
            // Drive on to `next`, with the goods on board and the delay so far.
            let (travel, cost) = self.hop(tour, from, next);
            let at = depart.saturating_add(travel);
            let record = &self.records[next];
            if at > record.latest || !has_room(next) {
                break;
            }
            if from == unit.into() {
                detour += i64::from(cost);
            }
            let stop = next.stop();
            let fixed = &local.fixed[stop];
            depart = opens_at(stop, fixed, at).saturating_add(fixed.service);
            from = next;
            next_latest = record.next_latest;
            skipped = i64::from(record.next_cost);
            next = record.next;
        }
        found
    }

    /// The most that may be on board, beside a shipment, for the shipment to have room: what [`State::is_left_with_at_most`] compares.
    #[inline]
    fn room_for_shipment(&self, unit: LocalStop, tour: LocalTour) -> [i32; 4] {
        let (local, fixed_tour) = (self.local, &self.local.fixed_tours[tour]);
        if self.plain {
            return [fixed_tour.capacity.saturating_sub(local.fixed[unit].load), 0, 0, 0];
        }
        let (load, carried) = (&local.rich[unit].load, &self.carried[tour]);
        std::array::from_fn(|d| fixed_tour.room[d].saturating_sub(carried[d]).saturating_sub(load[d]))
    }
}

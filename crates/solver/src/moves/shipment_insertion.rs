//! Where both ends of a shipment fit into a tour.
//!
//! The delivery is walked along behind each pickup place that is worth it, with the delay so far. What either end alone would
//! add says which are.

use super::insertion::Insertion;
use crate::index::{By, LocalNode, LocalStop, LocalTour};
use crate::problem::{Role, UNREACHABLE};
use crate::random::Random;
use crate::state::{Ends, Fixed, Rows, State};

/// More than any price: nothing is added to it that would carry it over.
const NOWHERE: i64 = i64::MAX / 4;

/// A node behind which a pickup could be put.
#[derive(Clone, Copy, Debug)]
struct PickupPlace {
    /// What the pickup adds there if its delivery is further on.
    apart: i64,
    /// What the tour asks for taking the shipment, beside legs.
    fixed: i64,
    after: LocalNode,
    tour: LocalTour,
}

impl PickupPlace {
    /// What comes first: the least addition, the earlier node where that is equal.
    fn key(&self) -> (i64, LocalNode) {
        (self.apart + self.fixed, self.after)
    }
}

/// Places of one pickup that are worth a look: a buffer, so that a move allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct PickupPlaces {
    list: Vec<PickupPlace>,
    /// By node: when it was last listed.
    seen: By<LocalNode, u32>,
    mark: u32,
}

/// One end of a shipment with its legs, for tours of one class.
#[derive(Clone, Copy)]
struct End<'l> {
    stop: LocalStop,
    fixed: Fixed,
    /// The latest start that keeps its aim.
    closes: i32,
    rows: Option<Rows<'l>>,
}

impl State<'_> {
    /// Both ends of a shipment with their legs on a tour of some class.
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

    /// Pickup after each node in turn, delivery walked along behind it with the delayed departure. What either end alone
    /// would add is looked at first: most tours die there, few pickups are worth a walk, and few walks go to the end.
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
        // The delivery adds something too, where legs keep the triangle inequality (but for rounding).
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
            // Behind the next node and later; nothing: directly behind the pickup only.
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

    /// For each node of a tour, its start first, until it is too late: what a stop alone would add behind it, [`NOWHERE`]
    /// where it cannot be. Returns the least.
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

    /// What one end of a shipment alone would add behind a node, [`NOWHERE`] where it cannot be.
    #[expect(
        clippy::inline_always,
        reason = "asked at sixty places for every shipment; a call costs a fifth of the search"
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
        // A pickup's delivery may come between it and the next node, which makes the way longer if anything.
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

    /// The cheapest positions of a shipment whose pickup comes right behind or right before a compatible stop. What the pickup adds
    /// least is tried first: the delivery adds something too, so that few places need a walk for it.
    pub(crate) fn shipment_beside_neighbours<const PLAIN: bool>(
        &self,
        unit: LocalStop,
        bound: i64,
        places: &mut PickupPlaces,
        random: &mut Random,
    ) -> Option<Insertion> {
        let local = self.local;
        let PickupPlaces { list, seen, mark } = places;
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

    /// The cheapest delivery position for a pickup after `after`. `apart`: what the pickup adds with the delivery elsewhere;
    /// `later`: the least that the delivery adds behind the next node and all after it.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "what the caller has looked up for all places of a tour")]
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
        // The price of the leg out of a node; the way home of an empty tour costs nothing.
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
        if start > end_by {
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
        // Directly behind the pickup.
        let mut detour = base - saved;
        let mut depart = start.saturating_add(pickup.fixed.service);
        let mut from = LocalNode::from(unit);
        let mut next = next;
        let mut next_latest = record.next_latest;
        let mut skipped = 0;
        loop {
            // The delivery between `from` and `next`.
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
            // On to `next`, with the goods on board and the delay so far.
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

    /// The most that may be on board where the goods of a shipment come along: what [`State::is_left_with_at_most`] compares.
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

//! The cheapest insertion of a shipment into a tour that has to be driven to be priced (flow time, lateness, rules of one tour): what is ahead
//! of a position is driven once for all positions behind it, and what is behind the shipment only until the vehicle leaves a stop when it
//! would have left it anyway, or the price is too high whatever follows.
//!
//! Promise: the position and the price are those of [`drive`](crate::schedule::drive) over every position in turn (tested). Tours with pauses,
//! reloads, batteries, doors, driving times or limits of a whole tour are not driven here.

use super::insertion::Insertion;
use crate::goods::{add, fits};
use crate::index::{LocalNode, LocalStop, LocalTour, NodeIx, StopIx, TourIx};
use crate::problem::{Problem, Role, TourSpec, UNREACHABLE, span_price};
use crate::rules::trips::Trip;
use crate::state::{Behind, State, Walked};

/// A tour that is being driven.
struct Way<'p> {
    problem: &'p Problem,
    tour: TourIx,
    spec: &'p TourSpec,
}

impl Way<'_> {
    /// Drives on to a stop and serves it. False: it cannot be driven so, or costs no less than `limit`.
    fn serve(&self, at: &mut Behind, index: StopIx, limit: i64) -> bool {
        let Self { problem, tour, spec } = *self;
        let stop = &problem.stops()[index.index()];
        let (travel, price) = problem.leg_at(tour, at.node, stop.node, at.free);
        if travel >= UNREACHABLE {
            return false;
        }
        let weights = problem.weights();
        let (service, setup) = problem.times_at(tour, at.node, index);
        let (action, start) = problem.start_of(index, at.free.saturating_add(travel), setup);
        let departure = start.saturating_add(service);
        let shift_end = problem.shift_end(tour, index);
        if start > shift_end || (weights.hard && action > stop.due) {
            return false;
        }
        at.overtime |= departure > spec.end_by && shift_end > spec.end_by;
        at.cost += i64::from(price) + problem.change_cost(tour, index);
        at.cost += span_price(action, stop.due, weights.late_per_hour);
        at.cost += span_price(setup.saturating_add(service), 0, spec.per_task_hour);
        if weights.flow_per_hour > 0 && stop.role != Role::Pickup {
            at.cost += span_price(departure, stop.placed, weights.flow_per_hour);
        }
        if at.cost >= limit {
            return false;
        }
        let sign = if matches!(stop.role, Role::JobPickup | Role::Pickup) { 1 } else { -1 };
        add(&mut at.load, stop.load, sign);
        if at.trip.as_mut().is_some_and(|trip| !trip.serves(stop)) || !fits(at.load, spec.capacity) {
            return false;
        }
        (at.free, at.node) = (departure, stop.node);
        true
    }

    /// What the tour costs when it ends behind a stop.
    fn home(&self, at: &Behind) -> Option<i64> {
        if self.spec.end_node == NodeIx::NONE {
            return (at.overtime || at.free <= self.spec.end_by).then_some(at.cost);
        }
        let (travel, price) = self.problem.leg_at(self.tour, at.node, self.spec.end_node, at.free);
        let is_kept = at.overtime || at.free.saturating_add(travel) <= self.spec.end_by;
        (travel < UNREACHABLE && is_kept).then_some(at.cost + i64::from(price))
    }
}

/// A tour that has to be driven as a whole to be priced.
pub(crate) struct NotSimple;

impl State<'_> {
    /// True if a tour can be driven stop by stop without looking ahead, and keeps all of its rules as it is.
    fn is_walked_simply(&self, unit: LocalStop, tour: LocalTour) -> bool {
        let (problem, spec) = (self.local.problem, self.spec(tour));
        let special = spec.reload.is_some()
            || spec.battery.is_some()
            || spec.walking.is_some()
            || spec.driving_time.is_some()
            || !spec.pauses.is_empty();
        let limits = spec.fifo || spec.travel_max < i32::MAX || spec.metres_max < i64::MAX;
        let relations = problem.relations();
        // What stands in an order is looked at by driving the whole tour; other shipments may come between unless that is forbidden.
        let ordered = relations.are_ordered()
            && (relations.of(self.local.stops[unit]).next().is_some() || relations.forbid_between());
        self.local.fixed[unit].role == Role::Pickup
            && problem.has_simple_stops()
            && !special
            && !limits
            && !ordered
            && !self.flaws[tour].is_broken()
    }

    /// The cheapest insertion of a shipment before these stops of a tour, given by their positions in ascending order; `mates`: where its
    /// delivery may go.
    ///
    /// # Errors
    ///
    /// This tour has to be driven in another way.
    pub(crate) fn best_by_simple_walk(
        &self,
        unit: LocalStop,
        tour: LocalTour,
        bound: i64,
        positions: &[usize],
        mates: &[usize],
    ) -> Result<Option<Insertion>, NotSimple> {
        if !self.is_walked_simply(unit, tour) {
            return Err(NotSimple);
        }
        let mut walked = self.walked.borrow_mut();
        let Walked { sequence, base } = &mut *walked;
        self.sequence_into(tour, sequence);
        let (problem, spec, local) = (self.local.problem, self.spec(tour), self.local);
        let way = Way { problem, tour: local.tours[tour], spec };
        let (first, second) = (local.stops[unit], local.stops[local.fixed[unit].mate]);
        let count = sequence.len();
        let allowed = problem.allows(way.tour, first) && problem.allows(way.tour, second);
        if !allowed || count + 2 > spec.stops_max as usize {
            return Ok(None);
        }
        let at = |position: usize| local.stops[sequence[position]];
        let stop_at = |position: usize| &problem.stops()[at(position).index()];
        let mut load = spec.onboard;
        for stop in (0..count).map(stop_at).filter(|stop| stop.role == Role::JobDelivery) {
            add(&mut load, stop.load, 1);
        }
        if !fits(load, spec.capacity) {
            return Err(NotSimple);
        }
        base.clear();
        base.push(Behind {
            free: spec.start_at,
            node: spec.start_node,
            cost: if spec.in_use { 0 } else { spec.fixed },
            load,
            trip: Trip::at_start(spec, (0..count).map(stop_at)),
            overtime: false,
        });
        let before = self.costs[tour];
        let flow = problem.weights().flow_per_hour;
        let placed = problem.stops()[second.index()].placed;
        let mut limit = before.saturating_add(bound);
        let mut found = None;
        for &position in positions {
            while base.len() <= position {
                let mut next = base[base.len() - 1];
                if !way.serve(&mut next, at(base.len() - 1), i64::MAX) {
                    return Err(NotSimple);
                }
                base.push(next);
            }
            let mut ahead = base[position];
            // Both ends are served after that, whatever follows.
            let least = |behind: &Behind| {
                if flow > 0 { behind.cost + span_price(behind.free, placed, flow) } else { behind.cost }
            };
            if least(&ahead) >= limit {
                break;
            }
            if !way.serve(&mut ahead, first, limit) {
                continue;
            }
            let mut open = 0;
            for mate_position in position..=count {
                if least(&ahead) >= limit {
                    break;
                }
                if (!spec.lifo || open == 0) && mates.binary_search(&mate_position).is_ok() {
                    let mut behind = ahead;
                    if way.serve(&mut behind, second, limit) {
                        let mut next = mate_position;
                        let price = loop {
                            if next == count {
                                break way.home(&behind);
                            }
                            if !way.serve(&mut behind, at(next), limit) {
                                break None;
                            }
                            next += 1;
                            while base.len() <= next {
                                let mut more = base[base.len() - 1];
                                if !way.serve(&mut more, at(base.len() - 1), i64::MAX) {
                                    return Err(NotSimple);
                                }
                                base.push(more);
                            }
                            // Whoever leaves no earlier than the tour as it is pays no less from here on.
                            let anyway = &base[next];
                            if behind.free >= anyway.free {
                                let price = behind.cost + (before - anyway.cost);
                                if price >= limit {
                                    break None;
                                }
                                if behind.goes_on_as(anyway) {
                                    break Some(price);
                                }
                            }
                        };
                        if let Some(price) = price.filter(|&price| price < limit) {
                            limit = price;
                            let node = |index: usize| {
                                index.checked_sub(1).map_or(self.sentinel(tour), |at| sequence[at].into())
                            };
                            let mate_after =
                                if mate_position == position { LocalNode::from(unit) } else { node(mate_position) };
                            found = Some(Insertion { tour, after: node(position), mate_after, cost: price - before });
                        }
                    }
                }
                if mate_position == count {
                    break;
                }
                match stop_at(mate_position).role {
                    Role::Pickup => open += 1,
                    Role::Delivery => open -= 1,
                    Role::JobDelivery | Role::JobPickup => {}
                }
                // What was on board before the shipment lies below it.
                if (spec.lifo && open < 0) || !way.serve(&mut ahead, at(mate_position), limit) {
                    break;
                }
            }
        }
        Ok(found)
    }
}

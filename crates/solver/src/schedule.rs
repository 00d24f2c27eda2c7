//! One tour driven stop by stop: exact times, loads, pauses and cost. Every verdict of the search must agree with this.

use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Problem, Role, UNREACHABLE};

/// Exact times of one stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timed {
    /// The vehicle is free to leave for here (a pause before it is over).
    pub leave: i32,
    /// Pause taken before leaving.
    pub pause: i32,
    /// It is there.
    pub arrival: i32,
    /// Service starts.
    pub start: i32,
    /// Service is done.
    pub departure: i32,
    /// Length of the leg, metres.
    pub metres: i32,
}

/// What driving a sequence comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Driven {
    /// Prices of everything: legs, fixed, lateness, flow, changes.
    pub(crate) cost: i64,
    /// Sum of lateness beyond what the search aims at; 0 when every stop keeps its aim.
    pub(crate) late: i64,
}

/// Why a sequence cannot be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Infeasible {
    /// Load, skill, lock, most stops, order of a shipment.
    Rules,
    /// The shift ends first, or a leg cannot be driven.
    Shift,
    /// Its price reached the limit on the way.
    Dear,
}

/// Drives a sequence, until its price reaches `limit`. Lateness beyond `due` is priced.
pub(crate) fn drive(
    problem: &Problem,
    tour: TourIx,
    sequence: impl Iterator<Item = StopIx> + Clone,
    limit: i64,
    mut visit: impl FnMut(StopIx, Timed),
) -> Result<Driven, Infeasible> {
    let spec = &problem.tours()[tour.index()];
    let mut load = spec.onboard;
    let mut count = 0;
    for stop in sequence.clone() {
        if !problem.allows(tour, stop) {
            return Err(Infeasible::Rules);
        }
        count += 1;
        let stop = &problem.stops()[stop.index()];
        if stop.role == Role::JobDelivery {
            add(&mut load, stop.load, 1);
        }
    }
    if count > spec.stops_max || !fits(load, spec.capacity) {
        return Err(Infeasible::Rules);
    }
    if count == 0 {
        return Ok(Driven { cost: 0, late: 0 });
    }
    let mut driven = Driven { cost: if spec.in_use { 0 } else { spec.fixed }, late: 0 };
    let (mut now, mut node) = (spec.start_at, spec.start_node);
    let mut pauses = spec.pauses.iter().peekable();
    let mut stack: Vec<StopIx> = Vec::new();
    let mut overtime = false;
    for index in sequence {
        let stop = &problem.stops()[index.index()];
        let way = |now: i32| problem.hop_at(tour, node, index, now).ok_or(Infeasible::Shift);
        let (left, pause_taken) = stop.leaves(now, |now| way(now).map_or(UNREACHABLE, |(time, _)| time), &mut pauses);
        now = left;
        let (travel, cost) = way(now)?;
        let ready = now.saturating_add(travel);
        let start = stop.opens_at(ready);
        if start > problem.shift_end(tour, index) || (problem.weights().hard && start > stop.due) {
            return Err(Infeasible::Shift);
        }
        overtime |= start > spec.end_by;
        let departure = start + stop.service;
        let setup = if node == stop.node { 0 } else { stop.setup };
        visit(
            index,
            Timed {
                leave: now,
                pause: pause_taken,
                arrival: ready - setup,
                start,
                departure,
                metres: problem.legs().leaving(node, stop.node, now, 1000).1,
            },
        );
        driven.cost += i64::from(cost) + problem.change_cost(tour, index);
        driven.cost += span_price(start, stop.due, problem.weights().late_per_hour);
        if problem.weights().flow_per_hour > 0 && stop.role != Role::Pickup {
            driven.cost += span_price(departure, stop.placed, problem.weights().flow_per_hour);
        }
        if driven.cost >= limit {
            return Err(Infeasible::Dear); // every further leg only adds
        }
        driven.late += i64::from((start - problem.closes(index)).max(0));
        match stop.role {
            Role::JobDelivery => add(&mut load, stop.load, -1),
            Role::JobPickup => add(&mut load, stop.load, 1),
            Role::Pickup => {
                add(&mut load, stop.load, 1);
                stack.push(stop.mate);
            }
            Role::Delivery => {
                add(&mut load, stop.load, -1);
                if stop.mate == StopIx::NONE {
                    // On board before anything picked up here: last out.
                    if spec.lifo && !stack.is_empty() {
                        return Err(Infeasible::Rules);
                    }
                } else {
                    match stack.iter().rposition(|&open| open == index) {
                        Some(top) if !spec.lifo || top + 1 == stack.len() => {
                            stack.remove(top);
                        }
                        _ => return Err(Infeasible::Rules),
                    }
                }
            }
        }
        if !fits(load, spec.capacity) {
            return Err(Infeasible::Rules);
        }
        now = departure;
        node = stop.node;
    }
    if !stack.is_empty() {
        return Err(Infeasible::Rules);
    }
    let (time, cost) = problem.hop_end_at(tour, node, now);
    if time >= UNREACHABLE || (!overtime && spec.end_node != NodeIx::NONE && now.saturating_add(time) > spec.end_by) {
        return Err(Infeasible::Shift);
    }
    driven.cost += i64::from(cost);
    Ok(driven)
}

/// Exact times of every stop of a sequence, in order; `None` when it breaks a rule or the shift.
pub fn schedule(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<Vec<Timed>> {
    let mut times = Vec::with_capacity(sequence.len());
    drive(problem, tour, sequence.iter().copied(), i64::MAX, |_, timed| times.push(timed)).ok().map(|_| times)
}

/// What driving a sequence costs, in millionths; `None` when it breaks a rule or the shift.
pub fn price(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<i64> {
    drive(problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).ok().map(|driven| driven.cost)
}

/// Price of the span from `from` to `at`, 0 when not after it.
pub(crate) fn span_price(at: i32, from: i32, per_hour: i64) -> i64 {
    (i64::from(at) - i64::from(from)).max(0) * per_hour / 3_600_000
}

fn add(load: &mut [i32; 4], goods: [i32; 4], sign: i32) {
    for (sum, goods) in load.iter_mut().zip(goods) {
        *sum = sum.saturating_add(sign * goods);
    }
}

pub(crate) fn fits(load: [i32; 4], capacity: [i32; 4]) -> bool {
    load.iter().zip(capacity).all(|(&load, room)| load <= room)
}

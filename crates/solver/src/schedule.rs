//! One tour driven stop by stop: exact times, loads, pauses and cost. Every verdict of the search must agree with this.

use crate::goods::Goods;
use crate::index::{NodeIx, StopIx, TourIx};
use crate::pauses::{place, through};
use crate::problem::{Problem, Role, span_price};

/// Exact times of one stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timed {
    /// The vehicle leaves for here.
    pub leave: i32,
    /// Time of pauses taken before leaving, or on the way.
    pub pause: i32,
    /// How many these are.
    pub pauses: u32,
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
    /// The shift ends first, a pause cannot be taken, the way is too long, or a leg cannot be driven.
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
    visit: impl FnMut(StopIx, Timed),
) -> Result<Driven, Infeasible> {
    drive_home(problem, tour, sequence, limit, visit).map(|(driven, _)| driven)
}

/// The same, and how it comes home: [`Timed::start`] is when the vehicle is there.
fn drive_home(
    problem: &Problem,
    tour: TourIx,
    sequence: impl Iterator<Item = StopIx> + Clone,
    limit: i64,
    mut visit: impl FnMut(StopIx, Timed),
) -> Result<(Driven, Timed), Infeasible> {
    let spec = &problem.tours()[tour.index()];
    let weights = problem.weights();
    let mut goods = Goods::on_board(spec);
    let mut count = 0;
    for stop in sequence.clone() {
        if !problem.allows(tour, stop) {
            return Err(Infeasible::Rules);
        }
        count += 1;
        let stop = &problem.stops()[stop.index()];
        if stop.role == Role::JobDelivery {
            goods.load(stop);
        }
    }
    if count > spec.stops_max || !goods.fit(spec) {
        return Err(Infeasible::Rules);
    }
    if count == 0 {
        return Ok((Driven { cost: 0, late: 0 }, Timed::default()));
    }
    let mut driven = Driven { cost: if spec.in_use { 0 } else { spec.fixed }, late: 0 };
    let (mut now, mut node) = (spec.start_at, spec.start_node);
    let gaps = if spec.pauses.is_empty() {
        None
    } else {
        Some(place(problem, tour, sequence.clone(), goods.clone()).ok_or(Infeasible::Shift)?)
    };
    let mut paused = 0;
    let mut pauses_at = |position: usize| {
        let before = paused;
        paused += gaps.as_ref().map_or(0, |gaps| gaps[position]);
        &spec.pauses[before..paused]
    };
    let mut stack: Vec<StopIx> = Vec::new();
    let mut overtime = false;
    let (mut travel, mut metres) = (0i64, 0i64);
    for (position, index) in sequence.enumerate() {
        let stop = &problem.stops()[index.index()];
        let pauses = pauses_at(position);
        let gap = through(problem, tour, (node, stop.node), now, pauses).ok_or(Infeasible::Shift)?;
        let (service, setup) = problem.times_at(tour, node, index);
        let (action, start) = problem.start_of(index, gap.arrival, setup);
        let departure = start.saturating_add(service);
        let shift_end = problem.shift_end(tour, index);
        if start > shift_end || (weights.hard && action > stop.due) {
            return Err(Infeasible::Shift);
        }
        overtime |= departure > spec.end_by && shift_end > spec.end_by;
        let length = problem.legs().leaving(node, stop.node, gap.leave, (spec.table, 1000)).1;
        visit(
            index,
            Timed {
                leave: gap.leave,
                pause: gap.paused,
                pauses: pauses.len() as u32,
                arrival: gap.arrival,
                start,
                departure,
                metres: length,
            },
        );
        travel += i64::from(gap.travel);
        if spec.metres_max < i64::MAX {
            metres += i64::from(problem.legs().length_in(spec.table, node, stop.node));
        }
        driven.cost += i64::from(gap.cost) + problem.change_cost(tour, index);
        driven.cost += span_price(action, stop.due, weights.late_per_hour);
        driven.cost += span_price(setup.saturating_add(service), 0, spec.per_task_hour);
        if weights.flow_per_hour > 0 && stop.role != Role::Pickup {
            driven.cost += span_price(departure, stop.placed, weights.flow_per_hour);
        }
        if driven.cost >= limit {
            return Err(Infeasible::Dear); // every further leg only adds
        }
        driven.late += i64::from((action - problem.closes(index)).max(0));
        goods.serve(stop);
        match stop.role {
            Role::JobDelivery | Role::JobPickup => {}
            Role::Pickup => stack.push(stop.mate),
            Role::Delivery if stop.mate == StopIx::NONE => {
                // On board before anything picked up here: last out.
                if spec.lifo && !stack.is_empty() {
                    return Err(Infeasible::Rules);
                }
            }
            Role::Delivery => match stack.iter().rposition(|&open| open == index) {
                Some(top) if !spec.lifo || top + 1 == stack.len() => {
                    stack.remove(top);
                }
                _ => return Err(Infeasible::Rules),
            },
        }
        if !goods.fit(spec) {
            return Err(Infeasible::Rules);
        }
        now = departure;
        node = stop.node;
    }
    if !stack.is_empty() {
        return Err(Infeasible::Rules);
    }
    let pauses = pauses_at(count as usize);
    let home = through(problem, tour, (node, spec.end_node), now, pauses).ok_or(Infeasible::Shift)?;
    travel += i64::from(home.travel);
    if spec.end_node != NodeIx::NONE && spec.metres_max < i64::MAX {
        metres += i64::from(problem.legs().length_in(spec.table, node, spec.end_node));
    }
    if (!overtime && home.arrival > spec.end_by) || travel > i64::from(spec.travel_max) || metres > spec.metres_max {
        return Err(Infeasible::Shift);
    }
    driven.cost += i64::from(home.cost);
    let back = Timed {
        leave: home.leave,
        pause: home.paused,
        pauses: pauses.len() as u32,
        arrival: home.arrival,
        start: home.arrival,
        departure: home.arrival,
        metres: if spec.end_node == NodeIx::NONE {
            0
        } else {
            problem.legs().leaving(node, spec.end_node, home.leave, (spec.table, 1000)).1
        },
    };
    Ok((driven, back))
}

/// Exact times of every stop of a sequence, in order; `None` when it breaks a rule or the shift.
pub fn schedule(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<Vec<Timed>> {
    schedule_home(problem, tour, sequence).map(|(times, _)| times)
}

/// The same, and how the vehicle comes home behind the last stop: [`Timed::arrival`] is when it is there, every pause taken.
pub fn schedule_home(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<(Vec<Timed>, Timed)> {
    let mut times = Vec::with_capacity(sequence.len());
    let driven = drive_home(problem, tour, sequence.iter().copied(), i64::MAX, |_, timed| times.push(timed));
    driven.ok().map(|(_, home)| (times, home))
}

/// What driving a sequence costs, in millionths; `None` when it breaks a rule or the shift.
pub fn price(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<i64> {
    drive(problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).ok().map(|driven| driven.cost)
}

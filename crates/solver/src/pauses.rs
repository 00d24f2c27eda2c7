//! Where a driver takes pauses: between which stops, so that each begins in one of its windows and nothing else is broken.
//!
//! Pauses are taken in order. For each number of stops served and pauses taken, the best way to get there is kept (a dynamic
//! programme over both), so that the answer is exact where only windows count: whoever is there earlier can do all that is
//! possible later. Where lateness has a price, the cheapest way is kept and of equal ones the earliest, which is exact but for trades
//! between lateness here and lateness further on.

use crate::goods::Goods;
use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Pause, Problem, Role, UNREACHABLE, span_price};

/// A way from one stop to the next with the pauses on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    /// The vehicle leaves.
    pub(crate) leave: i32,
    /// It is there, and every pause is over.
    pub(crate) arrival: i32,
    /// Time of pauses.
    pub(crate) paused: i32,
    /// Price of the leg, millionths.
    pub(crate) cost: i32,
    /// Time of driving.
    pub(crate) travel: i32,
    /// Price of pauses that begin too late.
    pub(crate) late: i64,
}

/// Drives from a node to another, taking these pauses; `to`: [`NodeIx::NONE`] where it stays. `None`: there is no way, or a pause cannot
/// begin in time where nothing may be late.
pub(crate) fn through(
    problem: &Problem,
    tour: TourIx,
    (from, to): (NodeIx, NodeIx),
    free: i32,
    pauses: &[Pause],
) -> Option<Gap> {
    let gap = over(problem, |leave| leg(problem, tour, (from, to), leave), free, pauses)?;
    let wait = if to == NodeIx::NONE { 0 } else { problem.waits_for_way(from, to, gap.leave) };
    Some(Gap { leave: gap.leave.saturating_add(wait), travel: gap.travel - wait, ..gap })
}

/// Time and price from a node to another, the time for which the vehicle waits for a way to open included; where it stays, nothing.
pub(crate) fn leg(problem: &Problem, tour: TourIx, (from, to): (NodeIx, NodeIx), leave: i32) -> (i32, i32) {
    if to == NodeIx::NONE { (0, 0) } else { problem.leg_at(tour, from, to, leave) }
}

/// The same for a leg that takes what `leg` says.
pub(crate) fn over(problem: &Problem, leg: impl Fn(i32) -> (i32, i32), free: i32, pauses: &[Pause]) -> Option<Gap> {
    let weights = problem.weights();
    let (mut now, mut paused, mut late) = (free, 0i32, 0i64);
    let on_the_way = weights.pause_on_the_way;
    let mut rest = if on_the_way { leg(free).0 } else { 0 };
    for pause in pauses {
        let next = pause.windows.iter().find(|&&(_, closes)| now <= closes);
        let begin = match next {
            Some(&(opens, _)) => now.max(opens),
            None if weights.hard => return None,
            None => now,
        };
        late += span_price(begin, pause.windows.last().map_or(begin, |window| window.1), weights.late_per_hour);
        rest -= rest.min(begin - now);
        now = begin.saturating_add(pause.duration);
        paused = paused.saturating_add(pause.duration);
    }
    let leave = if on_the_way { free } else { now };
    let (travel, cost) = leg(leave);
    if travel >= UNREACHABLE {
        return None;
    }
    let arrival = now.saturating_add(if on_the_way { rest } else { travel });
    Some(Gap { leave, arrival, paused, cost, travel, late })
}

/// The best way to have served some stops and taken some pauses.
#[derive(Clone, Copy)]
struct Label {
    /// Price of everything late on the way.
    late: i64,
    /// When the vehicle is free.
    free: i32,
    /// Pauses taken when the stop before was left.
    before: usize,
}

/// How many pauses are taken before each stop of a tour, and behind the last one. `None`: it cannot be driven with its pauses. Behind
/// the last stop a pause is taken only where nothing may be late: elsewhere the driver is free then. By position, work does not begin
/// before `holds` says.
pub(crate) fn place(
    problem: &Problem,
    tour: TourIx,
    sequence: impl Iterator<Item = StopIx>,
    mut goods: Goods,
    holds: &[i32],
) -> Option<Vec<usize>> {
    let spec = &problem.tours()[tour.index()];
    let (pauses, weights) = (&spec.pauses, problem.weights());
    let count = pauses.len();
    let allowed = |goods: &Goods, from: usize, to: usize| {
        pauses[from..to].iter().all(|pause| goods.are_at_most(pause.load_max.as_ref(), &pause.more_load_max))
    };
    let limited = pauses.iter().any(|pause| pause.load_max.is_some() || !pause.more_load_max.is_empty());
    let first = Label { late: 0, free: spec.start_at, before: 0 };
    // A row of labels for each number of stops served, one row behind the other.
    let width = count + 1;
    let mut labels: Vec<Option<Label>> = Vec::with_capacity(width * (sequence.size_hint().0 + 1));
    labels.resize(width, None);
    labels[0] = Some(first);
    let mut served = 0;
    let mut node = spec.start_node;
    for index in sequence {
        let stop = &problem.stops()[index.index()];
        let (service, setup) = problem.times_at(tour, node, index);
        let nodes = (node, stop.node);
        // A leg that does not depend on the hour is looked up once for all labels.
        let always = (!problem.is_time_dependent()).then(|| leg(problem, tour, nodes, 0));
        let leg_to = |leave: i32| always.unwrap_or_else(|| leg(problem, tour, nodes, leave));
        labels.resize(labels.len() + width, None);
        let (last, row) = labels[served * width..].split_at_mut(width);
        for (before, label) in last.iter().enumerate() {
            let Some(label) = label else { continue };
            for taken in before..=count {
                if !allowed(&goods, before, taken) {
                    break;
                }
                let Some(gap) = over(problem, leg_to, label.free, &pauses[before..taken]) else { break };
                let ready = holds.get(served).map_or(gap.arrival, |&hold| gap.arrival.max(hold));
                let (action, start) = problem.start_of(index, ready, setup);
                if start > problem.shift_end(tour, index) || (weights.hard && action > stop.due) {
                    break; // a further pause only makes it later
                }
                let free = start.saturating_add(service);
                let mut late = label.late + gap.late + span_price(action, stop.due, weights.late_per_hour);
                if weights.flow_per_hour > 0 && stop.role != Role::Pickup {
                    late += span_price(free, stop.placed, weights.flow_per_hour);
                }
                let found = Label { late, free, before };
                if row[taken].is_none_or(|known| (found.late, found.free) < (known.late, known.free)) {
                    row[taken] = Some(found);
                }
            }
        }
        if row.iter().all(Option::is_none) {
            return None;
        }
        if limited {
            goods.serve(stop);
        }
        node = stop.node;
        served += 1;
    }
    let mut best: Option<(i64, i32, usize)> = None;
    for (before, label) in labels[served * width..].iter().enumerate().rev() {
        let Some(label) = label else { continue };
        let (late, end) = if weights.hard {
            if !allowed(&goods, before, count) {
                continue;
            }
            let home = (node, spec.end_node);
            let Some(gap) = through(problem, tour, home, label.free, &pauses[before..]) else { continue };
            if gap.arrival > spec.end_by {
                continue;
            }
            (label.late, gap.arrival)
        } else {
            // What is not taken by now will be taken when the driver is free, late if need be.
            let mut now = label.free;
            let mut late = label.late;
            for pause in &pauses[before..] {
                now = now.max(pause.windows.first().map_or(now, |window| window.0));
                late += span_price(now, pause.windows.last().map_or(now, |window| window.1), weights.late_per_hour);
                now = now.saturating_add(pause.duration);
            }
            (late, label.free)
        };
        // Of equal prices the day that is done first: nobody waits for a stop behind a pause that could be taken after it.
        if best.is_none_or(|(known, free, _)| (late, end) < (known, free)) {
            best = Some((late, end, before));
        }
    }
    let (_, _, mut taken) = best?;
    let mut gaps = vec![0; served + 1];
    gaps[served] = if weights.hard { count - taken } else { 0 };
    for position in (1..=served).rev() {
        let before = labels[position * width + taken]?.before;
        gaps[position - 1] = taken - before;
        taken = before;
    }
    Some(gaps)
}

//! The times of a route that is given, chosen so that it breaks its windows as little as it can.
//!
//! As VROOM's mode `-c` has it, three aims in this order: the least sum of all seconds by which steps begin too early or too late
//! (a start too late and an end too early count nothing), the shortest time from start to end, the earliest beginnings. VROOM asks an
//! integer programme; here the order of the steps is used. Measured from where a step could begin if the vehicle never waited, the only
//! rule between two tasks is that the later one does not begin earlier, so that every step of a best plan lies where a window or a forced
//! time opens or closes, of its own or of another step. So the steps are gone through once, with the best value for each of these
//! instants. (Timing of a fixed sequence: Vidal, Crainic, Gendreau, Prins, "Timing problems and algorithms: Time decisions for sequences
//! of activities", 2015.)
//!
//! Breaks have no place: the vehicle may drive before, between and behind those on the way from one task to the next. There, all pairs of
//! instants of the two tasks are looked at.
//!
//! Absent on purpose: what a route breaks beside times.

use super::clock::NEVER;
use super::timing::{Ride, Step, Times, off};
use crate::names::Forced;

/// Most steps of work for one route, each some nanoseconds. Beyond it the times are those of [`Ride::times`], which break the windows
/// a little more where a step would have to begin too early.
const WORK_MAX: usize = 1 << 26;

/// Seconds outside windows, seconds from start to end, and the sum of all beginnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Value(i64, i64, i64);

impl Value {
    const NONE: Self = Self(i64::MAX, 0, 0);

    fn plus(self, other: Self) -> Self {
        if self == Self::NONE || other == Self::NONE {
            return Self::NONE;
        }
        Self(self.0 + other.0, self.1 + other.1, self.2 + other.2)
    }
}

/// What is between two tasks (or the start or the end): the breaks and the driving.
struct Way {
    /// Position of the first break; of the task, where there is none.
    first: usize,
    /// Position of the task that it leads to; one past the last for the end.
    to: usize,
    /// For the first break and those behind it: what has to have passed since the start when it begins, without the way itself.
    before_breaks: Vec<i64>,
    /// Seconds of driving.
    drive: i64,
}

/// How the best value of each instant was reached.
enum Trace {
    /// By instant. True: the task before has the same instant. False: this one is no better than the instant before it in the list,
    /// and was reached as that was.
    Here(Vec<bool>),
    /// By instant: that of the task before, by its place in the list.
    From(Vec<u32>),
}

/// A forced time that cannot be kept: the position of the step (`None`: the start; one past the last: the end), when it can begin at
/// the earliest, and when it has to at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unkept {
    pub(super) step: Option<usize>,
    pub(super) earliest: i64,
    pub(super) latest: i64,
}

fn earliest(forced: Forced) -> i64 {
    forced.at.unwrap_or(0).max(forced.after.unwrap_or(0))
}

fn latest(forced: Forced) -> i64 {
    forced.at.unwrap_or(NEVER).min(forced.before.unwrap_or(NEVER))
}

impl Ride {
    /// The times of the route, see the module; or the first step whose forced time cannot be kept.
    pub(super) fn planned(&self, ends: Forced) -> Result<Times, Unkept> {
        self.check_forced(ends)?;
        Ok(self.best_times(ends).unwrap_or_else(|| {
            let mut times = self.times();
            times.end.begin = times.end.begin.max(earliest(ends));
            times
        }))
    }

    /// Whether forced times can be kept: every step begins as early as they let it, whatever its windows are. No times are earlier.
    fn check_forced(&self, ends: Forced) -> Result<(), Unkept> {
        let in_time = |step: Option<usize>, begin: i64, forced: Forced| {
            let latest = latest(forced);
            if begin > latest { Err(Unkept { step, earliest: begin, latest }) } else { Ok(()) }
        };
        let leaves = earliest(self.leaves);
        in_time(None, leaves, self.leaves)?;
        let mut unkept = Ok(());
        let times = self.driven(leaves, |position, step, free| {
            let begin = free.max(earliest(step.forced));
            if unkept.is_ok() {
                unkept = in_time(Some(position), begin, step.forced);
            }
            begin
        });
        unkept?;
        in_time(Some(self.steps.len()), times.end.arrival.max(earliest(ends)), ends)
    }

    /// The best of all times. `None`: finding them would be too much work.
    fn best_times(&self, ends: Forced) -> Option<Times> {
        let (ways, passed) = self.ways();
        let instants = self.instants(ends, &ways, &passed);
        let count = instants.len();
        let work = |way: &Way| count * if way.drive > 0 { 1 + 2 * count * (way.to - way.first) } else { 1 };
        if ways.iter().map(work).try_fold(0usize, usize::checked_add).is_none_or(|work| work > WORK_MAX) {
            return None;
        }
        let in_forced = |begin: i64, forced: Forced| earliest(forced) <= begin && begin <= latest(forced);
        let valued = |is_kept: bool, value: Value| if is_kept { value } else { Value::NONE };
        let of_step = |step: &Step, begin: i64| {
            let is_kept = in_forced(begin, step.forced);
            valued(is_kept, Value(off(&step.windows, begin).abs(), 0, begin))
        };
        let of_start =
            |begin: i64| valued(in_forced(begin, self.leaves), Value((self.shift.0 - begin).max(0), -begin, 0));
        let of_end = |begin: i64| valued(in_forced(begin, ends), Value((begin - self.shift.1).max(0), begin, 0));
        let mut values: Vec<Value> = instants.iter().map(|&instant| of_start(instant)).collect();
        let mut traces = Vec::with_capacity(ways.len());
        for way in &ways {
            let (mut next, trace) = if way.first == way.to {
                earliest_so_far(&values)
            } else {
                let mut next = vec![Value::NONE; count];
                let mut from = vec![0; count];
                for (number, &value) in values.iter().enumerate().filter(|&(_, &value)| value != Value::NONE) {
                    let breaks = self.breaks(way, &instants, instants[number], of_step);
                    let last = breaks.last().expect("a way with breaks");
                    let mut at = 0;
                    for to in number..count {
                        let until = instants[to] + way.drive;
                        at += last.0[at..].partition_point(|&instant| instant <= until);
                        let Some(known) = at.checked_sub(1) else { continue };
                        let whole = value.plus(last.1[known]);
                        if whole < next[to] {
                            (next[to], from[to]) = (whole, number as u32);
                        }
                    }
                }
                (next, Trace::From(from))
            };
            let passed = passed[way.to];
            for (value, &instant) in next.iter_mut().zip(&instants) {
                let begin = instant + passed;
                *value = value.plus(self.steps.get(way.to).map_or_else(|| of_end(begin), |step| of_step(step, begin)));
            }
            values = next;
            traces.push(trace);
        }
        let best = (0..count).min_by_key(|&number| values[number])?;
        if values[best] == Value::NONE {
            return None;
        }
        let mut begins = vec![0; self.steps.len() + 1];
        let mut number = best;
        for (way, trace) in ways.iter().zip(&traces).rev() {
            begins[way.to] = instants[number] + passed[way.to];
            let to = number;
            match trace {
                Trace::Here(here) => number = (0..=to).rev().find(|&number| here[number])?,
                Trace::From(from) => number = from[to] as usize,
            }
            if way.first < way.to {
                let breaks = self.breaks(way, &instants, instants[number], of_step);
                let mut until = instants[to] + way.drive;
                for (position, (list, values)) in (way.first..way.to).zip(&breaks).rev() {
                    let last = list.partition_point(|&instant| instant <= until).checked_sub(1)?;
                    // The earliest instant that is as good as the last one in time.
                    until = list[values.partition_point(|&value| value > values[last])];
                    begins[position] = until + way.before_breaks[position - way.first];
                }
            }
        }
        let end = begins.pop().expect("the end has a time");
        let mut times = self.driven(instants[number], |position, _, _| begins[position]);
        times.end.begin = end;
        Some(times)
    }

    /// The ways of the route, and for every task and the end (by position) what has to have passed since the start when it begins. For
    /// breaks there is a 0.
    fn ways(&self) -> (Vec<Way>, Vec<i64>) {
        let mut ways = Vec::new();
        let mut passed_before = vec![0; self.steps.len() + 1];
        let mut passed = 0;
        let mut position = 0;
        loop {
            let first = position;
            let mut before_breaks = Vec::new();
            while let Some(own) = self.steps.get(position).filter(|step| step.leg.is_none()) {
                before_breaks.push(passed);
                passed += own.service;
                position += 1;
            }
            let drive = self.way_from(position).time;
            passed += drive;
            passed_before[position] = passed;
            ways.push(Way { first, to: position, before_breaks, drive });
            let Some(step) = self.steps.get(position) else { break };
            passed += step.setup + step.service + self.walk_from(position + 1);
            position += 1;
        }
        (ways, passed_before)
    }

    /// All instants at which a step may begin in a best plan, counted without what has to have passed before; in order.
    fn instants(&self, ends: Forced, ways: &[Way], passed: &[i64]) -> Vec<i64> {
        let mut instants = vec![0];
        let forced = |forced: Forced| [forced.at, forced.after, forced.before].into_iter().flatten();
        let mut add = |times: &mut dyn Iterator<Item = i64>, passed: i64| {
            instants.extend(times.filter(|&time| time < NEVER).map(|time| time - passed));
        };
        add(&mut forced(self.leaves).chain([self.shift.0]), 0);
        for way in ways {
            let task = self.steps.get(way.to);
            match task {
                Some(step) => add(&mut edges(step).chain(forced(step.forced)).chain([0]), passed[way.to]),
                None => add(&mut forced(ends).chain([self.shift.1]), passed[way.to]),
            }
            for (step, &before) in self.steps[way.first..way.to].iter().zip(&way.before_breaks) {
                // A break lies close behind the task before it, or close before the one behind it.
                add(&mut edges(step).chain(forced(step.forced)), before);
                add(&mut edges(step).chain(forced(step.forced)), before + way.drive);
            }
        }
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// For each break of a way that is begun at `from`: the instants at which it may begin, and the best value of it and those before it
    /// if it begins then or earlier.
    fn breaks(
        &self,
        way: &Way,
        instants: &[i64],
        from: i64,
        of_step: impl Fn(&Step, i64) -> Value,
    ) -> Vec<(Vec<i64>, Vec<Value>)> {
        let mut list: Vec<i64> = instants.iter().copied().chain(instants.iter().map(|&at| at + way.drive)).collect();
        list.retain(|&instant| instant >= from);
        list.sort_unstable();
        list.dedup();
        let mut before = vec![Value(0, 0, 0); list.len()];
        let mut all = Vec::with_capacity(way.to - way.first);
        for (step, &passed) in self.steps[way.first..way.to].iter().zip(&way.before_breaks) {
            let mut best = Value::NONE;
            for (value, &instant) in before.iter_mut().zip(&list) {
                best = best.min(value.plus(of_step(step, instant + passed)));
                *value = best;
            }
            all.push((list.clone(), before.clone()));
        }
        all
    }
}

/// When windows open and close.
fn edges(step: &Step) -> impl Iterator<Item = i64> + '_ {
    step.windows.iter().flat_map(|&(opens, closes)| [opens, closes])
}

/// For each instant the best value of it and the earlier ones.
fn earliest_so_far(values: &[Value]) -> (Vec<Value>, Trace) {
    let mut best = Value::NONE;
    let mut here = Vec::with_capacity(values.len());
    let next = values.iter().map(|&value| {
        here.push(value < best);
        best = best.min(value);
        best
    });
    let next = next.collect();
    (next, Trace::Here(here))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::timing::Leg;
    use super::*;

    /// Times are tried up to this second: no forced time, and all work and ways behind it, last longer.
    const LAST: i64 = 24;

    /// All times of a route, one after the other: what the best of them are worth.
    fn best_of_all(ride: &Ride, ends: Forced) -> Option<Value> {
        fn go(ride: &Ride, ends: Forced, begins: &mut Vec<i64>, task: (i64, i64), value: Value) -> Option<Value> {
            // `task`: when the work at the last task is over, and what has to be done from there on to the next, breaks included.
            let position = begins.len() - 1;
            let busy = match position.checked_sub(1).map(|last| &ride.steps[last]) {
                None => 0,
                Some(step) if step.leg.is_none() => step.service,
                Some(step) => step.setup + step.service,
            };
            let over = begins[position] + busy;
            let is_break = ride.steps.get(position).is_some_and(|step| step.leg.is_none());
            let from = if is_break { over } else { over.max(task.0 + task.1 + ride.way_from(position).time) };
            let mut best = None;
            for begin in from..=LAST {
                let forced = ride.steps.get(position).map_or(ends, |step| step.forced);
                if begin < earliest(forced) || begin > latest(forced) {
                    continue;
                }
                let found = match ride.steps.get(position) {
                    None => Some(value.plus(Value((begin - ride.shift.1).max(0), begin, 0))),
                    Some(step) => {
                        let value = value.plus(Value(off(&step.windows, begin).abs(), 0, begin));
                        let task = match step.leg {
                            None => (task.0, task.1 + step.service),
                            Some(_) => (begin + step.setup + step.service, 0),
                        };
                        begins.push(begin);
                        let found = go(ride, ends, begins, task, value);
                        begins.pop();
                        found
                    }
                };
                best = [best, found].into_iter().flatten().min();
            }
            best
        }
        let starts = earliest(ride.leaves)..=latest(ride.leaves).min(LAST);
        starts
            .filter_map(|start| {
                let value = Value((ride.shift.0 - start).max(0), -start, 0);
                go(ride, ends, &mut vec![start], (start, 0), value)
            })
            .min()
    }

    fn value_of(ride: &Ride, times: &Times) -> Value {
        let outside: i64 =
            ride.steps.iter().zip(&times.steps).map(|(step, moment)| off(&step.windows, moment.begin).abs()).sum();
        let at_ends = (ride.shift.0 - times.start).max(0) + (times.end.begin - ride.shift.1).max(0);
        let begins = times.steps.iter().map(|moment| moment.begin).sum();
        Value(outside + at_ends, times.end.begin - times.start, begins)
    }

    fn any_forced() -> impl Strategy<Value = Forced> {
        let rare = || prop::option::weighted(0.1, 0..9i64);
        (rare(), rare(), rare()).prop_map(|(at, after, before)| Forced { at, after, before })
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let window = (0..7i64, 0..3i64, 1..3i64, 0..2i64);
        (window, prop::bool::ANY, 0..2i64, 0..2i64, prop::option::of(0..3i64), any_forced()).prop_map(
            |((opens, long, pause, more), two, setup, service, leg, forced)| {
                let mut windows = vec![(opens, opens + long)];
                if two {
                    windows.push((opens + long + 1 + pause, opens + long + 1 + pause + more));
                }
                let leg = leg.map(|time| Leg { time, metres: 0 });
                Step { windows, setup: leg.map_or(0, |_| setup), service, leg, forced, walk: 0, stays: i64::MIN }
            },
        )
    }

    proptest! {
        #[test]
        fn no_times_are_better_than_the_planned_ones(
            steps in prop::collection::vec(any_step(), 1..4),
            shift in (0..4i64, 3..8i64),
            home in 0..3i64,
            leaves in any_forced(),
            ends in any_forced(),
        ) {
            let home = Leg { time: home, metres: 0 };
            let ride = Ride { shift: (shift.0, shift.0 + shift.1), leaves, steps, home, walk_home: 0 };
            match ride.planned(ends) {
                Ok(times) => {
                    // Every step begins when it can, so that the times are among those that are tried.
                    prop_assert!(times.steps.iter().all(|moment| moment.begin >= moment.arrival), "{:?}", times);
                    let best = best_of_all(&ride, ends);
                    prop_assert_eq!(Some(value_of(&ride, &times)), best, "{:?}", times);
                }
                Err(unkept) => {
                    prop_assert!(unkept.earliest > unkept.latest);
                    prop_assert_eq!(best_of_all(&ride, ends), None, "{:?}", unkept);
                }
            }
        }
    }
}

//! Where a tour has room for one more unit, before the tour is driven with it: in time, with its pauses, in load and in driving.
//!
//! For each number of stops served and pauses taken: when the vehicle is free at the earliest, and when it must be at the latest so that
//! the rest of the day is possible (the push forward of Savelsbergh, "The vehicle routing problem with time windows: minimizing route
//! duration", 1992, once for each number of pauses). A position then costs the square of the number of pauses, whatever the length of the
//! tour.
//!
//! Promise: where this says no, the tour cannot be driven with the unit at that position. Where it does not, driving may still say no:
//! what else a tour may not exceed is not looked at.

use crate::goods::{add, fits};
use crate::index::{NodeIx, StopIx, TourIx};
use crate::pauses::{leg, over};
use crate::problem::{Pause, Problem, Role, UNREACHABLE};
use crate::rules::day;

/// Most pauses of a tour that is looked at, plus one.
const WIDTH: usize = 8;

/// When a vehicle is free, or must be, by the number of pauses taken. What is behind the number of pauses of the tour is `None`.
type Row = [Option<i32>; WIDTH];

/// The room of a tour as it is now for one unit.
pub(crate) struct Room<'p> {
    problem: &'p Problem,
    tour: TourIx,
    unit: StopIx,
    /// Where the unit is a shipment: its delivery.
    mate: Option<StopIx>,
    sequence: Vec<StopIx>,
    /// By the number of stops served.
    early: Vec<Row>,
    /// By stop: the latest that the vehicle may be there.
    there_by: Vec<Row>,
    /// By the number of stops served: most goods on board up to then, and from then on.
    peaks: Vec<[Load; 2]>,
    /// By the number of stops served: what is on board.
    loads: Vec<Load>,
    /// Driving and length of the whole tour.
    driven: (i64, i64),
    /// By the position of the unit: when the vehicle is free behind it, and behind each stop that follows, as far as was asked for.
    with_unit: Vec<Vec<Row>>,
}

/// The first dimensions of load.
type Load = [i32; 4];

impl<'p> Room<'p> {
    /// `None` where a unit in this tour is not judged by times and pauses alone: legs depend on the hour, something may be late, rules
    /// meet that are looked at together, or there are many pauses.
    pub(crate) fn of(problem: &'p Problem, tour: TourIx, sequence: Vec<StopIx>, unit: StopIx) -> Option<Self> {
        let spec = &problem.tours()[tour.index()];
        if !is_timed_alone(problem, tour, sequence.iter().copied().chain([unit])) {
            return None;
        }
        let mut first = [None; WIDTH];
        first[0] = Some(spec.start_at);
        let (mut early, mut driven) = (vec![first], (0, 0));
        let mut node = spec.start_node;
        let drive = |driven: (i64, i64), from: NodeIx, to: NodeIx| {
            let (time, metres) = way(problem, tour, (from, to));
            (driven.0 + time, driven.1 + metres)
        };
        for &stop in &sequence {
            let row = served(problem, tour, &early[early.len() - 1], node, stop);
            early.push(row);
            let to = problem.stops()[stop.index()].node;
            (driven, node) = (drive(driven, node, to), to);
        }
        driven = drive(driven, node, spec.end_node);
        let mut free_by = home_by(problem, tour, node);
        let loads = loads(problem, tour, &sequence);
        let peaks = peaks(&loads);
        let stop = &problem.stops()[unit.index()];
        let mate = (stop.role == Role::Pickup).then_some(stop.mate);
        let (there_by, with_unit) = (Vec::new(), vec![Vec::new(); sequence.len() + 1]);
        let mut room = Self { problem, tour, unit, mate, sequence, early, there_by, peaks, loads, driven, with_unit };
        for position in (0..room.sequence.len()).rev() {
            let stop = room.sequence[position];
            let there = arrival_by(problem, tour, stop, &free_by);
            let from = position.checked_sub(1).map_or(spec.start_node, |before| room.node(before));
            free_by = departure_by(problem, tour, (from, room.node(position)), &there);
            room.there_by.push(there);
        }
        room.there_by.reverse();
        Some(room)
    }

    fn node(&self, position: usize) -> NodeIx {
        self.problem.stops()[self.sequence[position].index()].node
    }

    /// False if the tour cannot be driven with the unit ahead of the stop at this position. Of a shipment also the position of the
    /// delivery is given, in the tour as it is now.
    pub(crate) fn may_take(&mut self, position: usize, until: usize) -> bool {
        if !self.holds(position, until) || !self.is_short_enough(position, until) {
            return false;
        }
        let node_of = |stop: StopIx| self.problem.stops()[stop.index()].node;
        let Some(mate) = self.mate else {
            let row = self.behind(position, position);
            return self.fits(&row, node_of(self.unit), position);
        };
        let row = self.behind(position, until);
        let here = if until == position { node_of(self.unit) } else { self.node(until - 1) };
        let row = served(self.problem, self.tour, &row, here, mate);
        self.fits(&row, node_of(mate), until)
    }

    /// When the vehicle is free with the unit at a position and the stops behind it served, up to the one at `until`.
    fn behind(&mut self, position: usize, until: usize) -> Row {
        let mut rows = std::mem::take(&mut self.with_unit[position]);
        if rows.is_empty() {
            let from = position.checked_sub(1).map_or(self.start(), |before| self.node(before));
            rows.push(served(self.problem, self.tour, &self.early[position], from, self.unit));
        }
        while rows.len() <= until - position {
            let at = position + rows.len() - 1;
            let from = if at == position { self.problem.stops()[self.unit.index()].node } else { self.node(at - 1) };
            rows.push(served(self.problem, self.tour, &rows[rows.len() - 1], from, self.sequence[at]));
        }
        let row = rows[until - position];
        self.with_unit[position] = rows;
        row
    }

    /// True if there is room on board.
    fn holds(&self, position: usize, until: usize) -> bool {
        let capacity = self.problem.tours()[self.tour.index()].capacity;
        let stop = &self.problem.stops()[self.unit.index()];
        let with = |mut load: Load, goods: Load| {
            add(&mut load, goods, 1);
            fits(load, capacity)
        };
        match stop.role {
            Role::Pickup => self.loads[position..=until].iter().all(|&load| with(load, stop.load)),
            Role::JobDelivery => {
                let [before, after] = self.peaks[position];
                with(before, stop.load) && with(after, stop.takes)
            }
            Role::JobPickup => with(self.peaks[position][1], stop.load),
            Role::Delivery => true,
        }
    }

    /// True if the tour drives no longer than it may.
    fn is_short_enough(&self, position: usize, until: usize) -> bool {
        let spec = &self.problem.tours()[self.tour.index()];
        if spec.travel_max == i32::MAX && spec.metres_max == i64::MAX {
            return true;
        }
        let node_of = |stop: StopIx| self.problem.stops()[stop.index()].node;
        let around = |at: usize| {
            let before = at.checked_sub(1).map_or(self.start(), |before| self.node(before));
            (before, if at < self.sequence.len() { self.node(at) } else { spec.end_node })
        };
        let way = |from: NodeIx, to: NodeIx| way(self.problem, self.tour, (from, to));
        let (mut travel, mut metres) = self.driven;
        let mut change = |(time, length): (i64, i64), sign: i64| {
            travel += sign * time;
            metres += sign * length;
        };
        let (before, next) = around(position);
        let here = node_of(self.unit);
        change(way(before, next), -1);
        change(way(before, here), 1);
        match self.mate {
            None => change(way(here, next), 1),
            Some(mate) if until == position => {
                change(way(here, node_of(mate)), 1);
                change(way(node_of(mate), next), 1);
            }
            Some(mate) => {
                change(way(here, next), 1);
                let (before, next) = around(until);
                change(way(before, next), -1);
                change(way(before, node_of(mate)), 1);
                change(way(node_of(mate), next), 1);
            }
        }
        travel <= i64::from(spec.travel_max) && metres <= spec.metres_max
    }

    fn start(&self) -> NodeIx {
        self.problem.tours()[self.tour.index()].start_node
    }

    /// True if a vehicle that is free then, with so many pauses taken, can do the rest of the tour from the stop at a position on.
    fn fits(&self, row: &Row, here: NodeIx, position: usize) -> bool {
        let spec = &self.problem.tours()[self.tour.index()];
        let pauses = &spec.pauses;
        let (to, by) = if position < self.sequence.len() {
            (self.node(position), self.there_by[position])
        } else {
            (spec.end_node, last(pauses.len(), spec.end_by))
        };
        let way = leg(self.problem, self.tour, (here, to), 0);
        row.iter().enumerate().any(|(before, free)| {
            free.is_some_and(|free| {
                (before..=pauses.len()).any(|taken| {
                    let gap =
                        by[taken].and_then(|by| Some((over(self.problem, |_| way, free, &pauses[before..taken])?, by)));
                    gap.is_some_and(|(gap, by)| gap.arrival <= by)
                })
            })
        })
    }
}

/// Driving and length of a leg; nothing where the vehicle stays.
fn way(problem: &Problem, tour: TourIx, (from, to): (NodeIx, NodeIx)) -> (i64, i64) {
    if to == NodeIx::NONE {
        return (0, 0);
    }
    let spec = &problem.tours()[tour.index()];
    let length = if spec.metres_max < i64::MAX { problem.legs().length_in(spec.table, from, to) } else { 0 };
    (i64::from(leg(problem, tour, (from, to), 0).0), i64::from(length))
}

/// What is on board by the number of stops served.
fn loads(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Vec<Load> {
    let stops = || sequence.iter().map(|stop| &problem.stops()[stop.index()]);
    let mut load = problem.tours()[tour.index()].onboard;
    stops().filter(|stop| stop.role == Role::JobDelivery).for_each(|stop| add(&mut load, stop.load, 1));
    let mut loads = vec![load];
    for stop in stops() {
        let sign = if matches!(stop.role, Role::JobPickup | Role::Pickup) { 1 } else { -1 };
        add(&mut load, stop.load, sign);
        add(&mut load, stop.takes, 1);
        loads.push(load);
    }
    loads
}

/// Most goods on board up to each number of stops served, and from it on.
fn peaks(loads: &[Load]) -> Vec<[Load; 2]> {
    let higher = |one: Load, other: Load| std::array::from_fn(|at| one[at].max(other[at]));
    let mut peaks: Vec<[Load; 2]> = loads.iter().map(|&load| [load, load]).collect();
    for at in 1..peaks.len() {
        peaks[at][0] = higher(peaks[at - 1][0], peaks[at][0]);
    }
    for at in (1..peaks.len()).rev() {
        peaks[at - 1][1] = higher(peaks[at][1], peaks[at - 1][1]);
    }
    peaks
}

/// How a day with pauses goes if the shift does not end.
pub(crate) enum Finish {
    /// A stop or a pause would be late.
    Late,
    /// When the vehicle is free behind its last stop at the earliest, and when it is home with all of its pauses taken.
    Done { served: i32, home: i32 },
}

/// `None`: times and pauses alone do not decide, or there are no pauses.
pub(crate) fn finish_without_end(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<Finish> {
    let spec = &problem.tours()[tour.index()];
    let all = sequence.iter().copied();
    if !is_timed_alone(problem, tour, all.clone()) || spec.pauses.is_empty() {
        return None;
    }
    let mut row = [None; WIDTH];
    row[0] = Some(spec.start_at);
    let mut node = spec.start_node;
    for stop in all {
        row = served_until(problem, tour, &row, (node, stop), i32::MAX);
        node = problem.stops()[stop.index()].node;
    }
    let way = leg(problem, tour, (node, spec.end_node), 0);
    let home = row.iter().enumerate().filter_map(|(taken, free)| {
        let pauses = spec.pauses.get(taken..)?;
        over(problem, |_| way, (*free)?, pauses).map(|gap| gap.arrival)
    });
    let served = row.iter().copied().flatten().min();
    Some(served.zip(home.min()).map_or(Finish::Late, |(served, home)| Finish::Done { served, home }))
}

/// True if times and pauses of a tour can be looked at by themselves.
fn is_timed_alone(problem: &Problem, tour: TourIx, all: impl Iterator<Item = StopIx> + Clone) -> bool {
    let spec = &problem.tours()[tour.index()];
    let is_special = spec.driving_time.is_some() || spec.reload.is_some() || spec.battery.is_some();
    let is_soft = !problem.weights().hard || problem.is_time_dependent();
    !is_special && !is_soft && spec.walking.is_none() && spec.pauses.len() < WIDTH && !day::is_mixed(problem, tour, all)
}

/// When the vehicle is free behind a stop at the earliest, from when it is free before it.
fn served(problem: &Problem, tour: TourIx, row: &Row, from: NodeIx, index: StopIx) -> Row {
    served_until(problem, tour, row, (from, index), problem.shift_end(tour, index))
}

/// The same where service may begin until then.
fn served_until(problem: &Problem, tour: TourIx, row: &Row, (from, index): (NodeIx, StopIx), until: i32) -> Row {
    let stop = &problem.stops()[index.index()];
    let pauses = &problem.tours()[tour.index()].pauses;
    let (service, setup) = problem.times_at(tour, from, index);
    let way = leg(problem, tour, (from, stop.node), 0);
    let mut next: Row = [None; WIDTH];
    for (before, free) in row.iter().enumerate() {
        let Some(free) = *free else { continue };
        for taken in before..=pauses.len() {
            let Some(gap) = over(problem, |_| way, free, &pauses[before..taken]) else { break };
            let (action, start) = problem.start_of(index, gap.arrival, setup);
            if start > until || action > stop.due {
                break; // a further pause only makes it later
            }
            let free = start.saturating_add(service);
            next[taken] = Some(next[taken].map_or(free, |known: i32| known.min(free)));
        }
    }
    next
}

/// When the vehicle must be at a stop at the latest, from when it must be free behind it. Set-up is not counted: a unit that comes in
/// ahead of the stop may make it fall away.
fn arrival_by(problem: &Problem, tour: TourIx, index: StopIx, free_by: &Row) -> Row {
    let stop = &problem.stops()[index.index()];
    let service = problem.times_at(tour, stop.node, index).0;
    let most = problem.shift_end(tour, index);
    let due = stop.due;
    let latest = |free: i32| {
        let by = free.saturating_sub(service).min(most).min(due);
        // Past the last window service is late and begins at once; `due` says whether it may be.
        let is_past = stop.windows.last().is_some_and(|&(_, closes)| by > closes);
        if is_past { Some(by) } else { last_within(&stop.windows, by) }
    };
    free_by.map(|free| free.and_then(latest))
}

/// When the vehicle must be free at the latest, from when it must be at the end of a leg.
fn departure_by(problem: &Problem, tour: TourIx, nodes: (NodeIx, NodeIx), there_by: &Row) -> Row {
    let pauses = &problem.tours()[tour.index()].pauses;
    let (travel, _) = leg(problem, tour, nodes, 0);
    let on_the_way = problem.weights().pause_on_the_way;
    let mut free: Row = [None; WIDTH];
    if travel >= UNREACHABLE {
        return free;
    }
    for (before, free) in free.iter_mut().enumerate().take(pauses.len() + 1) {
        for (taken, by) in there_by.iter().enumerate().take(pauses.len() + 1).skip(before) {
            let Some(by) = *by else { continue };
            let of = before_pauses(&pauses[before..taken], by, travel, on_the_way);
            *free = (*free).max(of);
        }
    }
    free
}

/// The latest departure with these pauses on the way, so that the vehicle is there by then.
fn before_pauses(pauses: &[Pause], by: i32, travel: i32, on_the_way: bool) -> Option<i32> {
    // Waiting for a pause on the way is driving time: then the sum of all that takes time, and the windows alone, are bounds.
    let mut latest = if on_the_way { by } else { by.saturating_sub(travel) };
    for pause in pauses.iter().rev() {
        latest = last_within(&pause.windows, latest.saturating_sub(pause.duration))?;
    }
    if on_the_way {
        let paused = pauses.iter().fold(0i32, |sum, pause| sum.saturating_add(pause.duration));
        latest = latest.min(by.saturating_sub(travel).saturating_sub(paused));
    }
    Some(latest)
}

/// When the vehicle must be free at the latest behind its last stop.
fn home_by(problem: &Problem, tour: TourIx, node: NodeIx) -> Row {
    let spec = &problem.tours()[tour.index()];
    departure_by(problem, tour, (node, spec.end_node), &last(spec.pauses.len(), spec.end_by))
}

/// A time that holds where all pauses have been taken.
fn last(pauses: usize, time: i32) -> Row {
    let mut row = [None; WIDTH];
    row[pauses] = Some(time);
    row
}

/// The largest time at or before `by` that is inside a window, `by` itself where there are none. `None`: every window opens later.
fn last_within(windows: &[(i32, i32)], by: i32) -> Option<i32> {
    if windows.is_empty() {
        return Some(by);
    }
    windows.iter().rev().find(|&&(opens, _)| opens <= by).map(|&(_, closes)| by.min(closes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Room;
    use crate::index::{NodeIx, StopIx, TourIx};
    use crate::problem::{LegMatrix, Pause, Problem, ProblemSpec, Role, Stop, TourSpec, Weights};
    use crate::random::Random;
    use crate::schedule::drive;

    fn windows(random: &mut Random) -> Vec<(i32, i32)> {
        let mut at = 0;
        let mut list = Vec::new();
        for _ in 0..=random.below(2) {
            let opens = at + 1 + random.below(60) as i32;
            at = opens + random.below(40) as i32;
            list.push((opens, at));
        }
        list
    }

    /// Four jobs on a tour, and a job or a shipment beside it.
    pub(crate) fn problem(random: &mut Random, on_the_way: bool) -> Problem {
        let legs: Vec<i32> = (0..49).map(|_| 1 + random.below(25) as i32).collect();
        let legs = LegMatrix::from_fn(7, |a, b| if a == b { (0, 0) } else { (legs[a * 7 + b], legs[a * 7 + b]) });
        let mut stops: Vec<Stop> =
            (1..7).map(|node| Stop { service: random.below(5) as i32, ..Stop::job(NodeIx(node)) }).collect();
        for stop in &mut stops {
            stop.load = [random.below(4) as i32, 0, 0, 0];
            if random.chance(500) {
                stop.windows = windows(random);
                stop.due = stop.windows.last().unwrap().1;
            }
        }
        stops[3].role = if random.chance(500) { Role::JobPickup } else { Role::JobDelivery };
        if stops[3].role == Role::JobDelivery && random.chance(300) {
            stops[3].takes = [random.below(4) as i32, 0, 0, 0];
        }
        stops[0].role = if random.chance(500) { Role::JobPickup } else { Role::JobDelivery };
        stops[5].load = stops[4].load;
        (stops[4].role, stops[4].mate) = (Role::Pickup, StopIx(5));
        (stops[5].role, stops[5].mate) = (Role::Delivery, StopIx(4));
        let pauses = 0..random.below(4);
        let mut after = 0;
        let pauses = pauses.map(|_| {
            let list =
                windows(random).iter().map(|&(opens, closes)| (opens + after, closes + after)).collect::<Vec<_>>();
            after += 30;
            Pause { windows: list, ..Pause::new(0, 0, 1 + random.below(9) as i32) }
        });
        let tour = TourSpec {
            pauses: pauses.collect(),
            capacity: [3 + random.below(6) as i32, 0, 0, 0],
            travel_max: if random.chance(300) { 40 + random.below(60) as i32 } else { i32::MAX },
            metres_max: if random.chance(300) { 40 + random.below(60) as i64 } else { i64::MAX },
            end_by: 60 + random.below(120) as i32,
            end_node: if random.chance(300) { NodeIx::NONE } else { NodeIx(0) },
            ..TourSpec::at(NodeIx(0))
        };
        let weights = Weights { hard: true, pause_on_the_way: on_the_way, ..Weights::default() };
        Problem::new(ProblemSpec { stops, tours: vec![tour], legs: legs.into(), weights, ..ProblemSpec::default() })
            .unwrap()
    }

    /// Against driving the tour with the unit in every place.
    #[test]
    fn what_it_refuses_cannot_be_driven() {
        let mut random = Random::new(20_260_601, 1, 1);
        let (mut taken, mut refused) = (0, 0);
        for round in 0..4_000 {
            let on_the_way = round % 2 == 0;
            let problem = problem(&mut random, on_the_way);
            let drives =
                |stops: &[StopIx]| drive(&problem, TourIx(0), stops.iter().copied(), i64::MAX, |_, _| {}).is_ok();
            let tour: Vec<StopIx> = StopIx::first(3).collect();
            if !drives(&tour) {
                continue;
            }
            for (unit, mate) in [(StopIx(3), None), (StopIx(4), Some(StopIx(5)))] {
                let mut room =
                    Room::of(&problem, TourIx(0), tour.clone(), unit).expect("times, loads and driving decide");
                for at in 0..=3 {
                    for mate_at in if mate.is_some() { at..=3 } else { at..=at } {
                        let mut with = tour.clone();
                        with.insert(at, unit);
                        if let Some(mate) = mate {
                            with.insert(mate_at + 1, mate);
                        }
                        let can = drives(&with);
                        let may = room.may_take(at, mate_at);
                        assert!(may || !can, "{round}: {unit:?} at {at}, {mate_at}");
                        // Without waiting on the way it is exact.
                        assert!(on_the_way || may == can, "{round}: {unit:?} at {at}, {mate_at}");
                        if can { taken += 1 } else { refused += usize::from(!may) }
                    }
                }
            }
        }
        assert!(taken > 1_000 && refused > 1_000, "{taken} taken, {refused} refused");
    }
}

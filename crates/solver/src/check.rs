//! The independent checker: what a plan costs and whether it may be driven, computed the slow obvious way from the bare
//! sequences. It shares no code with the search.

mod extras;

use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Pause, Problem, Rank, RelationKind, Role, Solution, Stop, TourSpec, UNREACHABLE};
use crate::schedule::docks::holds;

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A stop is served twice, or served and absent.
    Twice(StopIx),
    /// A stop is neither served nor absent.
    Lost(StopIx),
    /// Half a shipment, or its halves in the wrong order or tour.
    Shipment(StopIx),
    /// More goods than capacity after this stop.
    Load(StopIx),
    /// A skill is missing, or the stop is barred from or locked to another tour.
    Rules(StopIx),
    /// More stops than the tour may have.
    Stops(TourIx),
    /// Service starts after the shift or is not over by its end, the end is reached too late, or a leg cannot be driven.
    Shift(TourIx),
    /// The pauses cannot all be taken in time, or the load is too large meanwhile.
    Pauses(TourIx),
    /// More driving, or a longer way, than the tour may have.
    Way(TourIx),
    /// Served late although nothing may be.
    Late(StopIx),
    /// Unloaded out of order.
    Lifo(StopIx),
    /// Goods are taken on during a trip that they do not belong to.
    Trip(StopIx),
    /// What holds between stops is broken: the relation, by its place in the list.
    Relation(usize),
    /// Not at the only position that it may have in its tour.
    Rank(StopIx),
    /// More vehicles are at work at a dock than there is room for: the dock, by its place in the list.
    Dock(usize),
    /// The battery runs out, or is charged beyond what it holds.
    Range(TourIx),
}

/// Cost and total lateness (milliseconds after `due`) of a solution.
///
/// # Errors
///
/// The first rule found broken, with the stop or tour.
pub fn check(problem: &Problem, solution: &Solution) -> Result<(i64, i64), Fault> {
    let stops = problem.stops();
    let mut seen = vec![0u32; stops.len()];
    let (mut cost, mut lateness) = (0i64, 0i64);
    // How long each tour in use takes, and its stops.
    let mut days: Vec<(i64, u32)> = Vec::new();
    // Work at docks: the dock, from when, to when.
    let mut docked: Vec<(usize, i64, i64)> = Vec::new();
    // How vehicles could wait for each other; where that is not known, the docks at which they collide are found below.
    let held = holds(problem, &solution.tours);
    for (tour, sequence) in TourIx::all().zip(&solution.tours) {
        let spec = &problem.tours()[tour.index()];
        if sequence.is_empty() {
            continue;
        }
        if sequence.len() as u32 > spec.stops_max {
            return Err(Fault::Stops(tour));
        }
        if !spec.in_use {
            cost += spec.fixed;
        }
        for (position, &index) in sequence.iter().enumerate() {
            let ranks = stops[index.index()].rank;
            let is_first = ranks != Some(Rank::First) || position == 0;
            let is_last = ranks != Some(Rank::Last) || position == sequence.len() - 1;
            if !is_first || !is_last {
                return Err(Fault::Rank(index));
            }
        }
        trips(problem, tour, sequence)?;
        if extras::are_there(problem, tour, sequence) {
            for &index in sequence {
                seen[index.index()] += 1;
                may_serve(problem, tour, index)?;
            }
            let (price, late, end) = {
                let held = held.as_ref().map_or(&[][..], |held| &held[tour.index()]);
                extras::check(problem, tour, sequence, (held, &mut docked))?
            };
            (cost, lateness) = (cost + price, lateness + late);
            days.push((spec.day_until(end), sequence.len() as u32));
            continue;
        }
        let price = |time: i64, metres: i32| time * spec.per_hour / 3_600_000 + i64::from(metres) * spec.per_km / 1000;
        let weights = problem.weights();
        let taken = pauses_before(problem, tour, sequence).ok_or(Fault::Pauses(tour))?;
        let mut left = spec.pauses.iter();
        let mut clock = i64::from(spec.start_at);
        let mut here = spec.start_node;
        let mut load = Load::at_start(problem, tour, sequence);
        if load.is_over(spec) {
            return Err(Fault::Load(sequence[0]));
        }
        let mut open: Vec<StopIx> = Vec::new();
        let mut overtime = false;
        let (mut driven, mut length) = (0, 0);
        for (&index, &count) in sequence.iter().zip(&taken) {
            let stop = &stops[index.index()];
            seen[index.index()] += 1;
            may_serve(problem, tour, index)?;
            let pauses: Vec<&Pause> = left.by_ref().take(count).collect();
            if !pauses.iter().all(|pause| load.allows(pause)) {
                return Err(Fault::Pauses(tour));
            }
            let way = way(problem, tour, here, Some(stop.node), clock, &pauses).ok_or(Fault::Shift(tour))?;
            let (service, setup) = times(stop, spec, here);
            let (action, start) = begins(problem, stop, way.arrival, setup);
            let over = start + service;
            let exempt = stop.role == Role::Delivery && (stop.mate == StopIx::NONE || spec.finish_late);
            let late_for_shift = if spec.end_node == NodeIx::NONE {
                over > i64::from(spec.end_by)
            } else {
                start > i64::from(spec.end_by)
            };
            if late_for_shift && !exempt {
                return Err(Fault::Shift(tour));
            }
            overtime |= exempt && over > i64::from(spec.end_by);
            driven += way.time;
            length += i64::from(problem.legs().length_in(spec.table, here, stop.node));
            cost += price(way.time, way.metres);
            cost += (setup + service) * spec.per_task_hour / 3_600_000;
            if stop.home != TourIx::NONE && stop.home != tour {
                cost += stop.change;
            }
            let late = (action - i64::from(stop.due)).max(0);
            if late > 0 && weights.hard {
                return Err(Fault::Late(index));
            }
            lateness += late;
            cost += late * weights.late_per_hour / 3_600_000;
            clock = over;
            if stop.role != Role::Pickup {
                cost += (clock - i64::from(stop.placed)).max(0) * weights.flow_per_hour / 3_600_000;
            }
            load.serve(stop);
            if load.is_over(spec) {
                return Err(Fault::Load(index));
            }
            unload(spec, stop, index, &mut open)?;
            here = stop.node;
        }
        if let Some(&pickup) = open.first() {
            return Err(Fault::Shipment(pickup));
        }
        let pauses: Vec<&Pause> = left.by_ref().take(taken[sequence.len()]).collect();
        if !pauses.iter().all(|pause| load.allows(pause)) || (weights.hard && left.next().is_some()) {
            return Err(Fault::Pauses(tour));
        }
        let home = way(problem, tour, here, spec.end_node.get(), clock, &pauses).ok_or(Fault::Shift(tour))?;
        if home.arrival > i64::from(spec.end_by) && !overtime {
            return Err(Fault::Shift(tour));
        }
        driven += home.time;
        if let Some(end) = spec.end_node.get() {
            length += i64::from(problem.legs().length_in(spec.table, here, end));
        }
        cost += price(home.time, home.metres);
        days.push((spec.day_until(home.arrival), sequence.len() as u32));
        if driven > i64::from(spec.travel_max) || length > spec.metres_max {
            return Err(Fault::Way(tour));
        }
    }
    for &stop in &solution.absent {
        seen[stop.index()] += 1;
        let spec = &stops[stop.index()];
        if spec.role != Role::Delivery || spec.mate == StopIx::NONE {
            cost += spec.unserved;
        }
    }
    related(problem, solution)?;
    at_docks(problem, &docked)?;
    if held.is_none() {
        return Err(Fault::Dock(0));
    }
    cost += problem.weights().fairness.price(days.into_iter());
    match seen.iter().position(|&times| times != 1) {
        Some(stop) if seen[stop] == 0 => Err(Fault::Lost(StopIx(stop as u32))),
        Some(stop) => Err(Fault::Twice(StopIx(stop as u32))),
        None => Ok((cost, lateness)),
    }
}

fn may_serve(problem: &Problem, tour: TourIx, index: StopIx) -> Result<(), Fault> {
    let (stop, spec) = (&problem.stops()[index.index()], &problem.tours()[tour.index()]);
    let is_other = stop.locked != TourIx::NONE && stop.locked != tour;
    if stop.needs & !spec.has != 0 || stop.barred.contains(&tour) || is_other {
        return Err(Fault::Rules(index));
    }
    Ok(())
}

/// Both ends of each shipment, in the order in which the vehicle is unloaded. `open`: pickups whose goods are on board.
fn unload(spec: &TourSpec, stop: &Stop, index: StopIx, open: &mut Vec<StopIx>) -> Result<(), Fault> {
    match stop.role {
        Role::Pickup => open.push(index),
        Role::Delivery if stop.mate != StopIx::NONE => {
            let Some(at) = open.iter().position(|&pickup| pickup == stop.mate) else {
                return Err(Fault::Shipment(index));
            };
            if (spec.lifo && at + 1 != open.len()) || (spec.fifo && at != 0) {
                return Err(Fault::Lifo(index));
            }
            open.remove(at);
        }
        Role::Delivery if spec.lifo && !open.is_empty() => return Err(Fault::Lifo(index)),
        Role::Delivery | Role::JobDelivery | Role::JobPickup => {}
    }
    Ok(())
}

/// Goods are taken on only where no others are on board, or with others of the same trip.
fn trips(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Result<(), Fault> {
    let Some(rule) = problem.tours()[tour.index()].trips else { return Ok(()) };
    let stop = |index: StopIx| &problem.stops()[index.index()];
    let is_aboard = |&index: &StopIx| stop(index).role == Role::Delivery && stop(index).mate == StopIx::NONE;
    for (position, &index) in sequence.iter().enumerate().filter(|&(_, &index)| stop(index).role == Role::Pickup) {
        let before = &sequence[..position];
        let is_left = |delivery: StopIx| before.contains(&delivery);
        let kept_from_start = sequence.iter().filter(|index| is_aboard(index)).any(|&index| !is_left(index));
        let others: Vec<StopIx> = before
            .iter()
            .copied()
            .filter(|&other| stop(other).role == Role::Pickup && !is_left(stop(other).mate))
            .collect();
        if !kept_from_start && others.is_empty() {
            continue;
        }
        // Where nothing has been on board since the start, the trip is the first one.
        let was_empty = |at: usize| {
            let left = |delivery: StopIx| sequence[..at].contains(&delivery);
            let aboard = sequence.iter().filter(|index| is_aboard(index)).any(|&index| !left(index));
            let taken = |&&other: &&StopIx| stop(other).role == Role::Pickup && !left(stop(other).mate);
            !aboard && !sequence[..at].iter().any(|other| taken(&other))
        };
        let begun = (0..=position).rev().find(|&at| was_empty(at));
        if rule.closed && begun.is_none() && !stop(index).of_trip {
            return Err(Fault::Trip(index));
        }
        let first = begun.and_then(|at| sequence[at..].iter().find(|&&other| stop(other).role == Role::Pickup));
        let place = first.map_or(rule.loaded_at, |&first| stop(first).node);
        let is_unloaded =
            sequence[begun.unwrap_or(0)..position].iter().any(|&other| stop(other).role == Role::Delivery);
        if rule.one_place && (is_unloaded || stop(index).node != place) {
            return Err(Fault::Trip(index));
        }
    }
    Ok(())
}

/// At no time are more vehicles at work at a dock than there is room for.
fn at_docks(problem: &Problem, docked: &[(usize, i64, i64)]) -> Result<(), Fault> {
    for (number, dock) in problem.spec().docks.iter().enumerate() {
        let here = || docked.iter().filter(|&&(dock, begins, ends)| dock == number && begins < ends);
        let is_full = |&(_, at, _): &(usize, i64, i64)| {
            here().filter(|&&(_, begins, ends)| begins <= at && at < ends).count() > dock.capacity as usize
        };
        if here().any(is_full) {
            return Err(Fault::Dock(number));
        }
    }
    Ok(())
}

/// What holds between stops.
fn related(problem: &Problem, solution: &Solution) -> Result<(), Fault> {
    for (number, relation) in problem.spec().relations.iter().enumerate() {
        // Where each of its stops is served: tour and position; a shipment is where its pickup is.
        let mut served: Vec<(StopIx, usize, usize)> = Vec::new();
        for &stop in &relation.stops {
            for (tour, sequence) in solution.tours.iter().enumerate() {
                if let Some(position) = sequence.iter().position(|&other| other == stop) {
                    served.push((stop, tour, position));
                }
            }
        }
        let one_tour = served.windows(2).all(|pair| pair[0].1 == pair[1].1);
        let apart = |a: &(StopIx, usize, usize), b: &(StopIx, usize, usize)| {
            a.1 != b.1 || problem.stops()[a.0.index()].mate == b.0
        };
        // Nothing that is served may follow something that is not.
        let begun = served.iter().zip(&relation.stops).all(|(served, &stop)| served.0 == stop);
        let kept = match relation.kind {
            RelationKind::SameTour => one_tour,
            RelationKind::DifferentTours => {
                served.iter().enumerate().all(|(at, one)| served[..at].iter().all(|other| apart(one, other)))
            }
            RelationKind::AtMostOne => {
                served.len() <= 1 || (served.len() == 2 && problem.stops()[served[0].0.index()].mate == served[1].0)
            }
            RelationKind::InOrder => one_tour && begun && served.windows(2).all(|pair| pair[0].2 < pair[1].2),
            RelationKind::Directly => one_tour && begun && served.windows(2).all(|pair| pair[0].2 + 1 == pair[1].2),
        };
        if !kept {
            return Err(Fault::Relation(number));
        }
    }
    Ok(())
}

/// Time of service, and of set-up where the vehicle comes from another node.
fn times(stop: &Stop, vehicle: &TourSpec, from: NodeIx) -> (i64, i64) {
    let mut times = (i64::from(stop.service), i64::from(stop.setup));
    for own in stop.by_type.iter().filter(|own| own.vehicle_type == vehicle.vehicle_type) {
        times = (i64::from(own.service), i64::from(own.setup));
    }
    (times.0, if from == stop.node { 0 } else { times.1 })
}

/// When that begins which has to be in time, and when service begins.
fn begins(problem: &Problem, stop: &Stop, arrival: i64, setup: i64) -> (i64, i64) {
    let open_from = |t: i64| {
        let window = stop.windows.iter().find(|&&(_, closes)| t <= i64::from(closes));
        window.map_or(t, |&(opens, _)| t.max(i64::from(opens)))
    };
    if problem.weights().setup_in_window {
        (open_from(arrival), open_from(arrival) + setup)
    } else {
        (open_from(arrival + setup), open_from(arrival + setup))
    }
}

/// A way with pauses.
struct Way {
    arrival: i64,
    time: i64,
    metres: i32,
    /// Price of pauses that begin late.
    late: i64,
}

/// `None`: no way, or a pause cannot begin in time where nothing may be late.
fn way(problem: &Problem, tour: TourIx, from: NodeIx, to: Option<NodeIx>, free: i64, pauses: &[&Pause]) -> Option<Way> {
    let (spec, weights) = (&problem.tours()[tour.index()], problem.weights());
    // Time and length, and how long the vehicle waits for a way to open.
    let leg = |leave: i64| {
        to.map_or((0, 0, 0), |to| {
            let leave = leave.min(i64::from(i32::MAX)) as i32;
            let wait = problem.waits_for_way(from, to, leave);
            let (time, metres) = problem.legs().leaving(from, to, leave + wait, (spec.table, spec.time_factor));
            (time, metres, i64::from(wait))
        })
    };
    let mut clock = free;
    let (time, _, wait) = leg(free);
    let mut to_drive = i64::from(time) + wait;
    let mut late = 0;
    for pause in pauses {
        let open = pause.windows.iter().find(|window| clock <= i64::from(window.1));
        if open.is_none() && weights.hard {
            return None;
        }
        let begins = open.map_or(clock, |window| clock.max(i64::from(window.0)));
        let closes = pause.windows.iter().map(|window| i64::from(window.1)).max().unwrap_or(begins);
        late += (begins - closes).max(0) * weights.late_per_hour / 3_600_000;
        to_drive = (to_drive - (begins - clock)).max(0);
        clock = begins + i64::from(pause.duration);
    }
    let (time, metres, wait) = if weights.pause_on_the_way { leg(free) } else { leg(clock) };
    let arrival = clock + if weights.pause_on_the_way { to_drive } else { i64::from(time) + wait };
    (time < UNREACHABLE).then_some(Way { arrival, time: i64::from(time), metres, late })
}

/// How many pauses are taken before each stop and behind the last one: of all ways to have served so many stops and taken so many
/// pauses the cheapest counts, of equal ones the earliest.
fn pauses_before(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<Vec<usize>> {
    let (spec, weights) = (&problem.tours()[tour.index()], problem.weights());
    let all: Vec<&Pause> = spec.pauses.iter().collect();
    if all.is_empty() {
        // What is late then is found, and named, where the tour is driven.
        return Some(vec![0; sequence.len() + 1]);
    }
    let mut ways: Vec<Option<(i64, i64, Vec<usize>)>> = vec![None; all.len() + 1];
    ways[0] = Some((0, i64::from(spec.start_at), Vec::new()));
    let mut here = spec.start_node;
    let mut load = Load::at_start(problem, tour, sequence);
    for &index in sequence {
        let stop = &problem.stops()[index.index()];
        let mut next: Vec<Option<(i64, i64, Vec<usize>)>> = vec![None; all.len() + 1];
        for (from, found) in ways.iter().enumerate() {
            let Some((late, free, counts)) = found else { continue };
            for to in from..=all.len() {
                let pauses = &all[from..to];
                if !pauses.iter().all(|pause| load.allows(pause)) {
                    continue;
                }
                let Some(way) = way(problem, tour, here, Some(stop.node), *free, pauses) else { continue };
                let (service, setup) = times(stop, spec, here);
                let (action, start) = begins(problem, stop, way.arrival, setup);
                let over = start + service;
                let exempt = stop.role == Role::Delivery && (stop.mate == StopIx::NONE || spec.finish_late);
                let shift_over = if spec.end_node == NodeIx::NONE { over } else { start };
                if (shift_over > i64::from(spec.end_by) && !exempt) || (weights.hard && action > i64::from(stop.due)) {
                    continue;
                }
                let mut late =
                    late + way.late + (action - i64::from(stop.due)).max(0) * weights.late_per_hour / 3_600_000;
                if stop.role != Role::Pickup {
                    late += (over - i64::from(stop.placed)).max(0) * weights.flow_per_hour / 3_600_000;
                }
                if next[to].as_ref().is_none_or(|known| (late, over) < (known.0, known.1)) {
                    let counts = counts.iter().copied().chain([to - from]).collect();
                    next[to] = Some((late, over, counts));
                }
            }
        }
        load.serve(stop);
        here = stop.node;
        ways = next;
    }
    let mut best: Option<((i64, i64), Vec<usize>)> = None;
    for (from, found) in ways.into_iter().enumerate().rev() {
        let Some((mut late, free, mut counts)) = found else { continue };
        let pauses = &all[from..];
        let key = if weights.hard {
            if !pauses.iter().all(|pause| load.allows(pause)) {
                continue;
            }
            let Some(home) = way(problem, tour, here, spec.end_node.get(), free, pauses) else { continue };
            if home.arrival > i64::from(spec.end_by) {
                continue;
            }
            counts.push(pauses.len());
            (late, home.arrival)
        } else {
            let mut clock = free;
            for pause in pauses {
                clock = clock.max(i64::from(pause.windows[0].0));
                let closes = pause.windows.iter().map(|window| i64::from(window.1)).max().unwrap_or(clock);
                late += (clock - closes).max(0) * weights.late_per_hour / 3_600_000;
                clock += i64::from(pause.duration);
            }
            counts.push(0);
            (late, free)
        };
        if best.as_ref().is_none_or(|(known, _)| key < *known) {
            best = Some((key, counts));
        }
    }
    best.map(|(_, counts)| counts)
}

/// What is on board, in all dimensions.
struct Load(Vec<i64>);

impl Load {
    fn at_start(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Self {
        let more = problem.stops().first().map_or(0, |stop| stop.more_load.len());
        let mut load = Self(vec![0; 4 + more]);
        load.add(problem.tours()[tour.index()].onboard.map(i64::from).into_iter(), 1);
        for &index in sequence {
            let stop = &problem.stops()[index.index()];
            if stop.role == Role::JobDelivery && !stop.aboard {
                load.add(given(stop), 1);
            }
        }
        load
    }

    fn add(&mut self, goods: impl Iterator<Item = i64>, sign: i64) {
        for (sum, goods) in self.0.iter_mut().zip(goods) {
            *sum += sign * goods;
        }
    }

    fn serve(&mut self, stop: &Stop) {
        self.add(given(stop), if matches!(stop.role, Role::Pickup | Role::JobPickup) { 1 } else { -1 });
        let takes = stop.takes.map(i64::from).into_iter().chain(stop.more_load.iter().map(|goods| i64::from(goods.1)));
        self.add(takes, 1);
    }

    fn is_over(&self, spec: &TourSpec) -> bool {
        let room = spec.capacity.iter().chain(&spec.more_capacity).map(|&room| i64::from(room));
        let room = room.chain(std::iter::repeat(0));
        self.0.iter().zip(room).any(|(&goods, room)| goods > room)
    }

    fn allows(&self, pause: &Pause) -> bool {
        let no_limit = [i32::MAX; 4];
        let most = pause.load_max.as_ref().unwrap_or(&no_limit).iter().chain(&pause.more_load_max);
        self.0.iter().zip(most).all(|(&goods, &most)| goods <= i64::from(most))
    }
}

/// What is left at a stop or taken there.
fn given(stop: &Stop) -> impl Iterator<Item = i64> + '_ {
    stop.load.iter().map(|&goods| i64::from(goods)).chain(stop.more_load.iter().map(|goods| i64::from(goods.0)))
}

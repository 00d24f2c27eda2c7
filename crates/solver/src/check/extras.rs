//! Tours that reload, are charged, wait for a preferred time, walk, or keep driving times: their plan is more than a sequence. The times that the
//! solver gives are taken as a witness here: whether they keep every rule, and what they cost, is computed anew.

use super::{Fault, Load, given, times};
use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{
    Battery, DrivenSoFar, DrivingTime, Problem, Relation, RelationKind, Role, TIME_MAX, TourSpec, UNREACHABLE,
};
use crate::rules::day::TakenPause;
use crate::schedule::{Charged, Rests, Timed, rests_held, schedule_held};

/// True for a tour of which the sequence does not say everything.
pub(super) fn are_there(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> bool {
    let spec = &problem.tours()[tour.index()];
    let stop = |&index: &StopIx| &problem.stops()[index.index()];
    spec.reload.is_some()
        || spec.driving_time.is_some()
        || spec.battery.is_some()
        || spec.walking.is_some()
        || sequence.iter().map(stop).any(|stop| {
            let is_docked = problem.spec().docks.iter().any(|dock| dock.node == stop.node);
            stop.soft.is_some() || stop.release > -TIME_MAX || is_docked
        })
}

/// A stretch of driving, or of standing still, of a driver's day.
enum Span {
    Driving(i64),
    /// Without work: waiting, breaks, pauses.
    Idle(i64),
    /// Service or reloading.
    Work(i64),
}

/// Cost, lateness and end of a tour, without its fixed price. `held`: when the tour waits for docks; when it is at work at them is added
/// to `docked`.
pub(super) fn check(
    problem: &Problem,
    tour: TourIx,
    sequence: &[StopIx],
    (held, docked): (&[i32], &mut Vec<(usize, i64, i64)>),
) -> Result<(i64, i64, i64), Fault> {
    let (spec, weights) = (&problem.tours()[tour.index()], problem.weights());
    let (times_of, home) = schedule_held(problem, tour, sequence, held).ok_or(Fault::Shift(tour))?;
    let rests = rests_held(problem, tour, sequence, held);
    let price = |time: i64, metres: i32| time * spec.per_hour / 3_600_000 + i64::from(metres) * spec.per_km / 1000;
    let leg = |from: NodeIx, to: NodeIx, leave: i32| {
        let (time, metres) = problem.legs().leaving(from, to, leave, (spec.table, spec.time_factor));
        if time < UNREACHABLE { Ok((i64::from(time), metres)) } else { Err(Fault::Shift(tour)) }
    };
    let trip = |from: usize| {
        let until = (from + 1..sequence.len()).find(|&at| times_of[at].reloaded.is_some()).unwrap_or(sequence.len());
        sequence[from..until].iter().map(|stop| &problem.stops()[stop.index()])
    };
    let ready = |from: usize| {
        let delivered = trip(from).filter(|stop| stop.role == Role::JobDelivery && !stop.aboard);
        delivered.map(|stop| stop.release).max().unwrap_or(i32::MIN)
    };
    let mut kept = Load::at_start(problem, tour, &[]);
    // A tour that begins on a trip may reload before its first stop, and loads nothing before that.
    let first = if times_of[0].reloaded.is_some() { 0 } else { trip(0).count() };
    let mut load = Load::at_start(problem, tour, &sequence[..first]);
    if let Some(reload) = spec.reload.as_ref().filter(|_| first > 0) {
        load.add(reload.left.map(i64::from).into_iter(), 1);
    }
    let mut beside = Load(load.0.clone());
    if let Some(reload) = &spec.reload {
        let loads = trip(0)
            .take(first)
            .any(|stop| stop.role == Role::JobDelivery && !stop.aboard && given(stop).any(|goods| goods > 0));
        if loads {
            beside.add(reload.beside.map(i64::from).into_iter(), 1);
        }
        if loads && reload.is_on_trip {
            return Err(Fault::Load(sequence[0]));
        }
    }
    if beside.is_over(spec) {
        return Err(Fault::Load(sequence[0]));
    }
    let ready_at_start = if first == 0 { i32::MIN } else { ready(0) };
    let leaves = match times_of[0] {
        _ if rests.pauses.is_some() => rests.leaves,
        // It begins on a trip, and reloads first.
        Timed { reloaded: Some(_), .. } => spec.start_at,
        // It leaves for a station when everything is loaded.
        Timed { charged: Some(_), .. } => spec.start_at.max(ready_at_start),
        // A pause on the way is taken behind the start.
        first if weights.pause_on_the_way => first.leave,
        first => first.leave - first.pause,
    };
    // Pauses that are taken at the start, while the vehicle waits for its goods.
    let at_start = rests.pauses.iter().flatten().filter(|taken| taken.before_leaving);
    let begins = at_start.map(|taken| taken.begin).chain([leaves]).min().unwrap_or(leaves);
    if begins < spec.start_at || leaves < ready_at_start || times_of[0].leave < ready_at_start {
        return Err(Fault::Shift(tour));
    }
    pauses_are_legal(&rests, spec, i64::from(leaves)).ok_or(Fault::Pauses(tour))?;
    let (mut cost, mut lateness) = (0, 0);
    let (mut clock, mut here) = (i64::from(leaves), spec.start_node);
    let (mut driven, mut length) = (0, 0i64);
    let mut day: Vec<Span> = Vec::new();
    let mut open: Vec<StopIx> = Vec::new();
    let mut overtime = false;
    let mut energy = spec.battery.as_ref().map(|battery| Energy { battery, level: battery.level });
    let apart = |from: NodeIx, to: NodeIx| i64::from(problem.legs().length_in(spec.table, from, to));
    // Where the vehicle is parked, once it has come to a stop, and where its driver is.
    let mut parked: Option<NodeIx> = None;
    for (position, (&index, timed)) in sequence.iter().zip(&times_of).enumerate() {
        let stop = &problem.stops()[index.index()];
        let mut idle = if rests.pauses.is_some() { 0 } else { i64::from(timed.pause) };
        if let Some(reloaded) = timed.reloaded {
            let follows = |relation: &Relation| relation.stops.iter().skip(1).any(|&other| other == index);
            let relations = problem.spec().relations.iter().enumerate();
            let mut direct = relations.filter(|(_, relation)| relation.kind == RelationKind::Directly);
            if let Some((number, _)) = direct.find(|(_, relation)| follows(relation)) {
                return Err(Fault::Relation(number));
            }
            let places = spec.reload.iter().flat_map(|reload| &reload.places);
            // One node may be named more than once.
            let here_too = places.filter(|place| place.node == reloaded.node).map(|place| place.service);
            let service = here_too.min().ok_or(Fault::Shift(tour))?;
            // A vehicle may wait for a way to open before it leaves.
            let leaves = clock + if weights.pause_on_the_way { 0 } else { idle };
            let wait = problem.waits_for_way(here, reloaded.node, leaves as i32);
            let (time, metres) = leg(here, reloaded.node, leaves as i32 + wait)?;
            idle += i64::from(wait);
            let to = (position, true);
            load_allows(&rests, spec, to, &load).ok_or(Fault::Pauses(tour))?;
            let there = drive(&mut day, &rests, to, (clock, time, idle)).ok_or(Fault::Pauses(tour))?;
            if i64::from(reloaded.arrival) < there
                || reloaded.leave < reloaded.arrival + service
                || reloaded.leave < ready(position)
            {
                return Err(Fault::Shift(tour));
            }
            // Who waits for goods waits before he reloads.
            day.push(Span::Idle(i64::from(reloaded.leave - service) - there));
            day.push(Span::Work(i64::from(service)));
            cost += price(time, metres);
            driven += time;
            length += apart(here, reloaded.node);
            load = Load(kept.0.clone());
            for stop in trip(position).filter(|stop| stop.role == Role::JobDelivery && !stop.aboard) {
                load.add(given(stop), 1);
            }
            if load.is_over(spec) {
                return Err(Fault::Load(index));
            }
            (clock, here, idle) = (i64::from(reloaded.leave), reloaded.node, 0);
        }
        if let Some(charged) = timed.charged {
            let (time, metres) = leg(here, charged.node, clock as i32)?;
            energy.as_mut().map_or(Ok(()), |energy| energy.drain(problem, tour, (here, charged.node)))?;
            load_allows(&rests, spec, (position, true), &load).ok_or(Fault::Pauses(tour))?;
            let there = drive(&mut day, &rests, (position, true), (clock, time, idle)).ok_or(Fault::Pauses(tour))?;
            let is_late = i64::from(charged.arrival) < there;
            (clock, idle) = (charge(tour, spec, charged, is_late)?, 0);
            energy.as_mut().map_or(Ok(()), |energy| energy.put_in(tour, charged.amount))?;
            cost += price(time, metres);
            driven += time;
            length += i64::from(problem.legs().length_in(spec.table, here, charged.node));
            here = charged.node;
        }
        let near = |parked: NodeIx, limit: i32| {
            apart(parked, stop.node) <= i64::from(limit) && apart(stop.node, parked) <= i64::from(limit)
        };
        let on_foot = match (spec.walking, parked) {
            (Some(walking), Some(parked)) => near(parked, walking.metres_max),
            _ => false,
        };
        // He walks from door to door, or back to where the vehicle is.
        let to = if on_foot { stop.node } else { parked.unwrap_or(here) };
        let walked = if to == here { 0 } else { walk(spec, apart(here, to)) };
        let (mut time, mut length_of) = (0, 0);
        if !on_foot {
            here = to;
            (time, length_of) = leg(here, stop.node, timed.leave)?;
            energy.as_mut().map_or(Ok(()), |energy| energy.drain(problem, tour, (here, stop.node)))?;
            parked = spec.walking.map(|_| stop.node);
        }
        cost += walked * spec.per_task_hour / 3_600_000;
        load_allows(&rests, spec, (position, false), &load).ok_or(Fault::Pauses(tour))?;
        let way = (clock + walked, time, idle);
        let there = drive(&mut day, &rests, (position, false), way).ok_or(Fault::Pauses(tour))?;
        if i64::from(timed.arrival) < there {
            return Err(Fault::Shift(tour));
        }
        let (service, setup) = times(stop, spec, if on_foot { stop.node } else { here });
        let start = i64::from(timed.start);
        let action = if weights.setup_in_window { start - setup } else { start };
        let is_open = stop.windows.is_empty()
            || stop.windows.iter().any(|w| i64::from(w.0) <= action && action <= i64::from(w.1))
            || stop.windows.iter().all(|w| action > i64::from(w.1));
        if start < i64::from(timed.arrival) + setup || !is_open {
            return Err(Fault::Late(index));
        }
        day.push(Span::Idle(start - setup - there));
        day.push(Span::Work(setup + service));
        let over = start + service;
        if let Some(dock) = problem.spec().docks.iter().position(|dock| dock.node == stop.node) {
            docked.push((dock, start - setup, over));
        }
        let exempt = stop.role == Role::Delivery && (stop.mate == StopIx::NONE || spec.finish_late);
        let shift_over = if spec.end_node == NodeIx::NONE { over } else { start };
        if shift_over > i64::from(spec.end_by) && !exempt {
            return Err(Fault::Shift(tour));
        }
        overtime |= exempt && over > i64::from(spec.end_by);
        let late = (action - i64::from(stop.due)).max(0);
        if late > 0 && weights.hard {
            return Err(Fault::Late(index));
        }
        lateness += late;
        driven += time;
        if !on_foot {
            length += apart(here, stop.node);
        }
        cost += price(time, length_of) + late * weights.late_per_hour / 3_600_000;
        cost += (setup + service) * spec.per_task_hour / 3_600_000;
        if stop.home != TourIx::NONE && stop.home != tour {
            cost += stop.change;
        }
        if let Some(soft) = stop.soft {
            cost += (i64::from(soft.opens) - action).max(0) * soft.early_per_hour / 3_600_000;
            cost += (action - i64::from(soft.closes)).max(0) * soft.late_per_hour / 3_600_000;
        }
        if stop.role != Role::Pickup {
            cost += (over - i64::from(stop.placed)).max(0) * weights.flow_per_hour / 3_600_000;
        }
        load.serve(stop);
        if matches!(stop.role, Role::Pickup | Role::Delivery) || stop.aboard {
            kept.serve(stop);
        }
        if load.is_over(spec) {
            return Err(Fault::Load(index));
        }
        super::unload(spec, stop, index, &mut open)?;
        (clock, here) = (over, stop.node);
    }
    if let Some(&pickup) = open.first() {
        return Err(Fault::Shipment(pickup));
    }
    let mut idle = if rests.pauses.is_some() { 0 } else { i64::from(home.pause) };
    if let Some(parked) = parked {
        let walked = if parked == here { 0 } else { walk(spec, apart(here, parked)) };
        cost += walked * spec.per_task_hour / 3_600_000;
        (clock, here) = (clock + walked, parked);
    }
    if let Some(charged) = home.charged {
        let (time, metres) = leg(here, charged.node, clock as i32)?;
        energy.as_mut().map_or(Ok(()), |energy| energy.drain(problem, tour, (here, charged.node)))?;
        let to = (sequence.len(), true);
        load_allows(&rests, spec, to, &load).ok_or(Fault::Pauses(tour))?;
        let there = drive(&mut day, &rests, to, (clock, time, idle)).ok_or(Fault::Pauses(tour))?;
        let is_late = i64::from(charged.arrival) < there;
        (clock, idle) = (charge(tour, spec, charged, is_late)?, 0);
        energy.as_mut().map_or(Ok(()), |energy| energy.put_in(tour, charged.amount))?;
        cost += price(time, metres);
        driven += time;
        length += i64::from(problem.legs().length_in(spec.table, here, charged.node));
        here = charged.node;
    }
    let (time, metres) = spec.end_node.get().map_or(Ok((0, 0)), |end| leg(here, end, home.leave))?;
    if let Some(end) = spec.end_node.get() {
        energy.as_mut().map_or(Ok(()), |energy| energy.drain(problem, tour, (here, end)))?;
    }
    load_allows(&rests, spec, (sequence.len(), false), &load).ok_or(Fault::Pauses(tour))?;
    let way = (clock, time, idle);
    let there = drive(&mut day, &rests, (sequence.len(), false), way).ok_or(Fault::Pauses(tour))?;
    let late_home = i64::from(home.arrival) > i64::from(spec.end_by) && !overtime;
    if i64::from(home.arrival) < there || late_home {
        return Err(Fault::Shift(tour));
    }
    if let Some(end) = spec.end_node.get() {
        length += i64::from(problem.legs().length_in(spec.table, here, end));
    }
    driven += time;
    cost += price(time, metres);
    if driven > i64::from(spec.travel_max) || length > spec.metres_max {
        return Err(Fault::Way(tour));
    }
    let reloads = times_of.iter().filter(|timed| timed.reloaded.is_some()).count();
    if spec.reload.as_ref().is_some_and(|reload| reloads > reload.times_max as usize) {
        return Err(Fault::Rules(sequence[0]));
    }
    if let Some(rule) = spec.driving_time
        && !keeps(&day, rule, spec.driven_so_far, i64::from(home.arrival) - i64::from(begins))
    {
        return Err(Fault::Pauses(tour));
    }
    Ok((cost, lateness, i64::from(home.arrival)))
}

/// What is in a battery.
struct Energy<'p> {
    battery: &'p Battery,
    level: i64,
}

impl Energy<'_> {
    /// Takes out what a leg takes.
    fn drain(&mut self, problem: &Problem, tour: TourIx, (from, to): (NodeIx, NodeIx)) -> Result<(), Fault> {
        let spec = &problem.tours()[tour.index()];
        let time = problem.legs().leaving(from, to, 0, (spec.table, spec.time_factor)).0;
        let metres = problem.legs().length_in(spec.table, from, to);
        let takes = i128::from(time) * i128::from(self.battery.per_time)
            + i128::from(metres) * i128::from(self.battery.per_metre);
        let left = i128::from(self.level) - takes;
        self.level = left.max(-1) as i64;
        if left < 0 { Err(Fault::Range(tour)) } else { Ok(()) }
    }

    fn put_in(&mut self, tour: TourIx, amount: i64) -> Result<(), Fault> {
        self.level += amount;
        if amount < 0 || self.level > self.battery.capacity { Err(Fault::Range(tour)) } else { Ok(()) }
    }
}

/// When a vehicle leaves a station, if it is one of its own and it is there long enough for what is put in.
fn charge(tour: TourIx, spec: &TourSpec, charged: Charged, is_late: bool) -> Result<i64, Fault> {
    let stations = spec.battery.iter().flat_map(|battery| &battery.stations);
    // One node may be named more than once.
    let lasts = stations.filter(|station| station.node == charged.node).map(|station| {
        let whole = i128::from(charged.amount) + i128::from(station.per_time) - 1;
        i128::from(station.setup) + whole.div_euclid(i128::from(station.per_time))
    });
    let least = lasts.min().ok_or(Fault::Range(tour))?;
    if is_late || i128::from(charged.leave) < i128::from(charged.arrival) + least {
        return Err(Fault::Shift(tour));
    }
    Ok(i64::from(charged.leave))
}

/// Time of a walk of so many metres.
fn walk(spec: &TourSpec, metres: i64) -> i64 {
    let each = spec.walking.map_or(0, |walking| walking.time_per_metre);
    ((i128::from(metres) * i128::from(each) + 500_000) / 1_000_000) as i64
}

/// Every pause once, in order, each begun in one of its windows; those at the start are over when the vehicle leaves.
fn pauses_are_legal(rests: &Rests, spec: &TourSpec, leave: i64) -> Option<()> {
    let Some(pauses) = &rests.pauses else { return Some(()) };
    let is_open = |taken: &TakenPause| {
        let windows = &spec.pauses[taken.pause].windows;
        windows.iter().any(|&(opens, closes)| opens <= taken.begin && taken.begin <= closes)
    };
    let lasts = |taken: &TakenPause| i64::from(taken.duration);
    let is_whole = |taken: &TakenPause| taken.duration == spec.pauses[taken.pause].duration;
    let is_kept = pauses.len() == spec.pauses.len()
        && pauses.iter().enumerate().all(|(number, taken)| taken.pause == number && is_open(taken) && is_whole(taken))
        && pauses.windows(2).all(|pair| i64::from(pair[0].begin) + lasts(&pair[0]) <= i64::from(pair[1].begin))
        && pauses.iter().filter(|own| own.before_leaving).all(|own| i64::from(own.begin) + lasts(own) <= leave);
    is_kept.then_some(())
}

/// The load of a vehicle allows the pauses on the way to a stop, or to the place where it reloads or is charged before it.
fn load_allows(rests: &Rests, spec: &TourSpec, to: (usize, bool), load: &Load) -> Option<()> {
    let own = rests.pauses.iter().flatten().filter(|taken| (taken.before, taken.to_detour) == to);
    own.map(|taken| &spec.pauses[taken.pause]).all(|pause| load.allows(pause)).then_some(())
}

/// Writes a leg into a driver's day: driving, with breaks and pauses where they begin. When it is over, everything on the way rested;
/// `None`: a break begins before the one ahead of it is over.
fn drive(day: &mut Vec<Span>, rests: &Rests, to: (usize, bool), (from, time, paused): (i64, i64, i64)) -> Option<i64> {
    day.push(Span::Idle(paused));
    let breaks = rests.breaks.iter().filter(|own| (own.before, own.to_reload) == to);
    let mut own: Vec<(i64, i64)> = breaks.map(|own| (i64::from(own.begin), i64::from(own.duration))).collect();
    let pauses = rests.pauses.iter().flatten().filter(|own| (own.before, own.to_detour) == to && !own.before_leaving);
    own.extend(pauses.map(|taken| (i64::from(taken.begin), i64::from(taken.duration))));
    own.sort_unstable();
    let (mut clock, mut left) = (from + paused, time);
    for (begin, duration) in own {
        if begin < clock {
            return None;
        }
        let stretch = (begin - clock).min(left);
        day.push(Span::Driving(stretch));
        left -= stretch;
        day.push(Span::Idle(begin - clock - stretch + duration));
        clock = begin + duration;
    }
    day.push(Span::Driving(left));
    Some(clock + left)
}

/// Whether a day keeps a rule: whether its idle times can be read as breaks, or parts of breaks, so that no driving between two of
/// them is too long. What an idle time is read as matters later, so that every reading is followed.
fn keeps(day: &[Span], rule: DrivingTime, so_far: DrivenSoFar, duty: i64) -> bool {
    let (pause, first) = (i64::from(rule.pause), i64::from(rule.first_part));
    // Driving since the last break, and whether the first part of the next one has been taken.
    let driven = i64::from(so_far.driven.min(rule.driving_max));
    let mut readings = vec![(driven, so_far.first_part && first > 0)];
    let mut idle = i64::from(so_far.rested);
    let rested = |readings: &mut Vec<(i64, bool)>, idle: i64| {
        for (driven, part) in readings.clone() {
            if idle >= pause || (part && idle >= pause - first) {
                readings.push((0, false));
            }
            if first > 0 && idle >= first {
                readings.push((driven, true));
            }
        }
        readings.sort_unstable();
        readings.dedup();
    };
    for span in day {
        match *span {
            // Idle times that follow each other are one.
            Span::Idle(time) => idle += time,
            Span::Driving(0) | Span::Work(0) => {}
            Span::Driving(time) => {
                rested(&mut readings, idle);
                idle = 0;
                for reading in &mut readings {
                    reading.0 += time;
                }
                readings.retain(|reading| reading.0 <= i64::from(rule.driving_max));
            }
            Span::Work(time) => {
                rested(&mut readings, idle);
                idle = if rule.service_counts { time } else { 0 };
            }
        }
    }
    !readings.is_empty() && duty <= i64::from(rule.duty_max)
}

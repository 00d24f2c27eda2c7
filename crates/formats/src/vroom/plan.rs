//! VROOM's mode `-c`: the times of the routes that a document gives, and what is wrong with them.
//!
//! The order of the steps of each vehicle is kept. [`super::planned`] finds the times: forced ones (`service_at`, `service_after`,
//! `service_before`) are kept or the document is refused; windows are broken as little as possible.

use std::collections::BTreeSet;

use fleetfold_solver::{Fairness, NodeIx, Problem, Role, StopIx, TourIx, UNREACHABLE};
use serde_json::Value;

use super::clock::NEVER;
use super::planned::Unkept;
use super::roads::Streets;
use super::solution::{Document, MILLIONTHS, RouteViolations, Violations, Visit, ride, start_load, trip};
use super::timing::{Moment, Ride, Step, Times, off};
use super::{Location, VroomOptions, given, judged, problem};
use crate::error::{ReadError, Spot};
use crate::names::{Forced, GivenHalt, Names, VehicleName};

/// What VROOM's mode `-c` says of a document.
pub struct Plan {
    /// The times and violations of the routes, in VROOM's format of a solution.
    pub document: Value,
    /// The names of the document.
    pub names: Names,
    /// What was passed over, in words.
    pub warnings: Vec<String>,
}

/// The times and violations of the routes (`vehicle.steps`) of a VROOM document. Tasks that are in no route are `unassigned`. For
/// profiles without a matrix `streets` are asked, where there are any.
///
/// # Errors
///
/// What is wrong with the document, and where; also a step that names no task, or one that another step names, and a way of a route that
/// there is not.
pub fn plan(text: &str, options: VroomOptions, streets: Option<&dyn Streets>) -> Result<Plan, ReadError> {
    let instance = problem::read_for_plan(text, options, streets)?;
    let names = instance.names.expect("a VROOM file has names");
    let document = timed(&instance.problem, &names)?;
    let mut warnings = instance.warnings;
    if !instance.problem.spec().docks.is_empty() {
        warnings.push("`docks` are not looked at where routes are only timed".to_owned());
    }
    Ok(Plan { document, names, warnings })
}

/// A route of the document with its times.
struct Route {
    tour: TourIx,
    visits: Vec<Visit>,
    times: Times,
}

impl Route {
    /// How many tasks it serves.
    fn tasks(&self) -> u32 {
        self.visits.iter().filter(|visit| matches!(visit, Visit::Task(_))).count() as u32
    }
}

fn timed(problem: &Problem, names: &Names) -> Result<Value, ReadError> {
    let known = given::stops_by_name(&names.tasks);
    let mut routes = Vec::new();
    let mut served = BTreeSet::new();
    for (tour, vehicle) in TourIx::all().zip(&names.vehicles).filter(|(_, vehicle)| !vehicle.steps.is_empty()) {
        let at = || Spot::Item("vehicle", vehicle.id);
        let mut visits = Vec::new();
        let mut forced = Vec::new();
        for step in &vehicle.steps {
            let visit = match (step.halt, step.kind) {
                (None, "start" | "end") => continue,
                (Some(GivenHalt::Reload(node, service)), _) => Visit::Reload(node, service),
                (Some(GivenHalt::Charge(node, service, units)), _) => Visit::Charge(node, service, units * MILLIONTHS),
                (Some(GivenHalt::Rest(service)), _) => Visit::DrivingBreak(0, service),
                (None, "break") => {
                    let index = vehicle.breaks.iter().position(|own| own.id == step.id);
                    Visit::Break(index.expect("checked when it was read"))
                }
                (None, kind) => {
                    let unknown =
                        || ReadError::impossible(at(), format!("`steps` name {kind} {}, which there is not", step.id));
                    Visit::Task(*known.get(&(kind, step.id)).ok_or_else(unknown)?)
                }
            };
            let is_twice = match visit {
                Visit::Task(stop) => !served.insert(stop),
                Visit::Break(_) => visits.contains(&visit),
                Visit::Reload(..) | Visit::DrivingBreak(..) | Visit::Charge(..) => false,
            };
            if is_twice {
                return Err(ReadError::impossible(at(), format!("`steps` name {} {} twice", step.kind, step.id)));
            }
            visits.push(visit);
            forced.push(step.forced);
        }
        let mut ride = ride(problem, names, tour, &visits);
        for ((step, visit), forced) in ride.steps.iter_mut().zip(&visits).zip(forced) {
            step.forced = forced;
            if let Visit::DrivingBreak(..) = visit {
                step.windows = vec![(0, NEVER)];
            }
        }
        check_ways(problem, names, tour, &visits, &ride)?;
        if let Some(start) = vehicle.steps.first().filter(|step| step.kind == "start") {
            ride.leaves = start.forced;
        }
        let end = vehicle.steps.last().filter(|step| step.kind == "end").map(|end| end.forced).unwrap_or_default();
        let times = times_of((problem, names), tour, &visits, &ride, end);
        let times = times.map_err(|unkept| infeasible(vehicle, unkept))?;
        routes.push(Route { tour, visits, times });
    }
    let driven: Vec<&[Visit]> = routes.iter().map(|route| route.visits.as_slice()).collect();
    let unrelated = judged::unrelated(problem, &driven);
    let mut document = Document::new(problem, names);
    for Route { tour, visits, times } in &routes {
        let mut violations = violations(problem, names, *tour, visits, times);
        judged::add((problem, names), *tour, (visits, times), &unrelated, &mut violations);
        document.add_route(*tour, visits, times, &violations).expect("every task once, checked above");
    }
    let fairness = problem.weights().fairness;
    if fairness != Fairness::default() {
        let day = |Route { tour, times, .. }: &Route| {
            problem.tours()[tour.index()].day_until(times.end.arrival - names.time_base)
        };
        let days = routes.iter().map(|route| (day(route), route.tasks()));
        document.fairness = Some(fairness.price(days) / names.cost_units);
    }
    for stop in StopIx::all().take(names.tasks.len()) {
        if !document.is_written(stop) {
            document.leave_out(stop, None, Vec::new()).expect("it is not written yet");
        }
    }
    Ok(document.finish().expect("every task is written"))
}

/// A way that cannot be driven has no time: such a route is refused, as VROOM refuses it.
fn check_ways(problem: &Problem, names: &Names, tour: TourIx, visits: &[Visit], ride: &Ride) -> Result<(), ReadError> {
    let spec = &problem.tours()[tour.index()];
    let node = |visit: &Visit| match *visit {
        Visit::Task(stop) => Some(problem.stops()[stop.index()].node),
        Visit::Reload(node, _) | Visit::Charge(node, ..) => Some(node),
        Visit::Break(_) | Visit::DrivingBreak(..) => None,
    };
    let legs = ride.steps.iter().filter_map(|step| step.leg).chain([ride.home]);
    let nodes: Vec<NodeIx> =
        [spec.start_node].into_iter().chain(visits.iter().filter_map(node)).chain(spec.end_node.get()).collect();
    let Some(at) = legs.into_iter().position(|leg| leg.time >= i64::from(UNREACHABLE)) else { return Ok(()) };
    let place = |node: Option<&NodeIx>| match node.and_then(|node| names.locations.get(node.index())) {
        Some(Location { index: Some(index), .. }) => format!("place {index}"),
        Some(Location { point: Some([lon, lat]), .. }) => format!("[{lon}, {lat}]"),
        _ => "an open start".to_owned(),
    };
    let what = format!(
        "its `steps` lead from {} to {}, and there is no such way: take other steps, or give a time for it",
        place(nodes.get(at)),
        place(nodes.get(at + 1))
    );
    Err(ReadError::impossible(Spot::Item("vehicle", names.vehicles[tour.index()].id), what))
}

/// Times of a route: as [`Ride::planned`] has them, but not before goods are ready, and with breaks where they are due, as far as what
/// the document forces and its windows let them.
fn times_of(
    (problem, names): (&Problem, &Names),
    tour: TourIx,
    visits: &[Visit],
    ride: &Ride,
    end: Forced,
) -> Result<Times, Unkept> {
    let mut ride = ride.clone();
    let as_forced = ride.clone();
    for (position, visit) in visits.iter().enumerate() {
        if let Visit::Reload(_, service) = *visit {
            let ready = judged::ready(problem, names, &visits[position + 1..]);
            not_before(&mut ride.steps[position].forced, ready.map(|ready| ready - service));
        }
    }
    let mut ready = judged::ready(problem, names, visits);
    let mut times = if let Some(times) = timed_when_ready(&ride, ready, end) {
        times
    } else {
        // What is forced comes first; goods that are not ready are told of.
        (ride, ready) = (as_forced.clone(), None);
        ride.planned(end)?
    };
    let Some(rule) = problem.tours()[tour.index()].driving_time else { return Ok(times) };
    let worth = |ride: &Ride, times: &Times| {
        let (steps, too_long) = judged::overdriven((problem, names), tour, rule, (visits, times));
        (outside(ride, times), steps.len() + usize::from(too_long))
    };
    for position in 0..ride.steps.len() {
        let now = worth(&ride, &times);
        let step = &ride.steps[position];
        if now.1 == 0 || step.leg.is_some() || step.forced != Forced::default() {
            continue;
        }
        let left = judged::driving_left((problem, names), tour, rule, (visits, &times), position);
        let due = due(&ride, &times, position, left);
        let closes = step.windows.iter().rev().find(|window| window.0 <= due).map_or(due, |window| window.1);
        let mut later = ride.clone();
        later.steps[position].forced.after = Some(due.min(closes));
        if let Some(found) = timed_when_ready(&later, ready, end)
            && worth(&later, &found) <= now
        {
            (ride, times) = (later, found);
        }
    }
    // Waiting is rest, too: who leaves at another time waits elsewhere, and who likes to begin a task later may wait for it.
    for _ in 0..=ride.steps.len() {
        let now = worth(&ride, &times);
        if now.1 == 0 {
            break;
        }
        let mut others = Vec::new();
        let mut leave = |forced: Forced| others.push(Ride { leaves: forced, ..ride.clone() });
        let is_free = as_forced.leaves == Forced::default();
        let rests = [rule.pause, rule.first_part, rule.pause - rule.first_part].map(i64::from);
        let mut waits = Vec::new();
        for (position, (step, moment)) in ride.steps.iter().zip(&times.steps).enumerate() {
            if step.leg.is_none() && is_free {
                let left = judged::driving_left((problem, names), tour, rule, (visits, &times), position);
                let later = moment.begin - due(&ride, &times, position, left);
                leave(Forced { after: Some(times.start + later), ..Forced::default() });
            } else if step.leg.is_some() && is_free {
                for earlier in rests.map(|rest| rest - (moment.begin - moment.arrival)) {
                    leave(Forced { before: Some(times.start - earlier.max(1)), ..Forced::default() });
                }
            }
            if let Visit::Task(stop) = visits[position]
                && problem.stops()[stop.index()].soft.is_some()
                && as_forced.steps[position].forced == Forced::default()
            {
                waits.extend(rests.map(|rest| (position, moment.arrival + rest)));
            }
        }
        for (position, until) in waits {
            let mut other = ride.clone();
            other.steps[position].forced.after = Some(until);
            if is_free {
                other.leaves.before = Some(times.start);
            }
            others.push(other);
        }
        let others = others.into_iter().filter_map(|other| {
            let found = timed_when_ready(&other, ready, end)?;
            Some((worth(&other, &found), other, found))
        });
        let Some(best) = others.min_by_key(|other| other.0).filter(|other| other.0 < now) else { break };
        (ride, times) = (best.1, best.2);
    }
    Ok(times)
}

fn not_before(forced: &mut Forced, ready: Option<i64>) {
    if let Some(ready) = ready {
        forced.after = Some(forced.after.unwrap_or(ready).max(ready));
    }
}

/// Seconds by which steps, the start and the end are outside their windows.
fn outside(ride: &Ride, times: &Times) -> i64 {
    let apart = ride.steps.iter().zip(&times.steps).map(|(step, moment)| off(&step.windows, moment.begin).abs());
    apart.sum::<i64>() + (ride.shift.0 - times.start).max(0) + (times.end.arrival - ride.shift.1).max(0)
}

/// The best times at which the vehicle does not drive before its goods are `ready`. Breaks before its first task may be taken at the start
/// until then, none or all or the first few of them. `None`: what is forced leaves no such times.
fn timed_when_ready(ride: &Ride, ready: Option<i64>, end: Forced) -> Option<Times> {
    let at_start = ready.map_or(0, |_| ride.steps.iter().take_while(|step| step.leg.is_none()).count());
    let all = (0..=at_start).filter_map(|count| timed_behind(ride, count, ready, end));
    all.min_by_key(|times| (outside(ride, times), times.end.arrival - times.start))
}

/// The best times at which so many breaks are over when the vehicle leaves.
fn timed_behind(ride: &Ride, count: usize, ready: Option<i64>, end: Forced) -> Option<Times> {
    let mut behind = ride.clone();
    let at_start: Vec<Step> = behind.steps.drain(..count).collect();
    if count == 0 {
        not_before(&mut behind.leaves, ready);
        return behind.planned(end).ok();
    }
    let leaves = ride.leaves;
    let mut free = leaves.at.unwrap_or(ride.shift.0.max(leaves.after.unwrap_or(0)));
    let mut begins = Vec::with_capacity(count);
    for step in &at_start {
        let Forced { at, after, before } = step.forced;
        let begin = step.begins(free);
        let is_kept = at.is_none_or(|at| begin == at)
            && after.is_none_or(|after| begin >= after)
            && before.is_none_or(|before| begin <= before);
        if !is_kept {
            return None;
        }
        begins.push(begin);
        free = begin + step.service;
    }
    behind.leaves = Forced::default();
    not_before(&mut behind.leaves, ready.map(|ready| ready.max(free)));
    let mut times = behind.planned(end).ok()?;
    // Nobody begins earlier than the vehicle has to.
    let mut by = times.start;
    for (step, begin) in at_start.iter().zip(&mut begins).rev() {
        *begin = step.begins_by(*begin, by - step.service);
        by = *begin;
    }
    let start = leaves.at.unwrap_or(leaves.before.map_or(by, |before| by.min(before)));
    let mut now = start;
    let taken: Vec<Moment> = at_start
        .iter()
        .zip(&begins)
        .map(|(step, &begin)| {
            let moment = Moment { arrival: now, begin, driven: 0, metres: 0 };
            now = begin + step.service;
            moment
        })
        .collect();
    times.steps.splice(0..0, taken);
    Some(Times { start, ..times })
}

/// When a break has to begin at the latest: where no more than `left` has been driven since the step before, or the way is over.
fn due(ride: &Ride, times: &Times, position: usize, left: i64) -> i64 {
    let is_break = |step: &Step| step.leg.is_none();
    let on_this_way = ride.steps[..position].iter().rposition(|step| !is_break(step)).map_or(0, |task| task + 1);
    let already: i64 = times.steps[on_this_way..position].iter().map(|moment| moment.driven).sum();
    let rest = ride.way_from(position).time - already;
    let free = times.steps[position].arrival - times.steps[position].driven;
    free + rest.min(left).max(0)
}

/// VROOM's words, and which step it is.
fn infeasible(vehicle: &VehicleName, unkept: Unkept) -> ReadError {
    let Unkept { step, earliest, latest } = unkept;
    let mut tasks = vehicle.steps.iter().filter(|step| step.kind != "start" && step.kind != "end");
    let what = match step {
        None => "the start".to_owned(),
        Some(position) => tasks.nth(position).map_or("the end".to_owned(), |step| format!("{} {}", step.kind, step.id)),
    };
    let what = format!(
        "Infeasible route for vehicle {}. Its `steps` want {what} at {latest} at the latest, and that cannot be before {earliest}",
        vehicle.id
    );
    ReadError::impossible(None, what)
}

/// What a route breaks, by VROOM's names.
fn violations(problem: &Problem, names: &Names, tour: TourIx, visits: &[Visit], times: &Times) -> RouteViolations {
    let (spec, vehicle): (_, &VehicleName) = (&problem.tours()[tour.index()], &names.vehicles[tour.index()]);
    let tasks: Vec<StopIx> =
        visits.iter().filter_map(|&visit| if let Visit::Task(stop) = visit { Some(stop) } else { None }).collect();
    let at = |stop: StopIx| tasks.iter().position(|&other| other == stop);
    let mut found = RouteViolations::default();
    found.start.add_off(off(&[vehicle.shift], times.start).min(0));
    found.end.add_off(off(&[vehicle.shift], times.end.arrival).max(0));
    let is_over = |load: &[i64], most: &[i64]| load.iter().zip(most).any(|(load, most)| load > most);
    let mut load = start_load(problem, names, trip(visits));
    // Goods of shipments stay on board where the vehicle reloads.
    let mut shipped = vec![0; names.dimensions];
    if is_over(&load, &vehicle.capacity) {
        found.start.add("load", 0);
    }
    let mut served = 0;
    let (mut driven, mut metres) = (0, 0);
    // Every step behind which too much is driven says so.
    let mut add_way = |wrong: &mut Violations, moment: &Moment| {
        driven += moment.driven;
        metres += moment.metres;
        if driven > i64::from(spec.travel_max) {
            wrong.add("max_travel_time", 0);
        }
        if metres > spec.metres_max {
            wrong.add("max_distance", 0);
        }
    };
    for (position, (&visit, moment)) in visits.iter().zip(&times.steps).enumerate() {
        let mut wrong = Violations::default();
        add_way(&mut wrong, moment);
        match visit {
            Visit::DrivingBreak(..) | Visit::Charge(..) => {}
            Visit::Reload(..) => {
                load.clone_from(&shipped);
                let taken = start_load(problem, names, trip(&visits[position + 1..]));
                load.iter_mut().zip(taken).for_each(|(sum, goods)| *sum += goods);
            }
            Visit::Break(index) => {
                let own = &vehicle.breaks[index];
                wrong.add_off(off(&own.windows, moment.begin));
                if own.max_load.as_ref().is_some_and(|most| is_over(&load, most)) {
                    wrong.add("max_load", 0);
                }
            }
            Visit::Task(stop) => {
                let (its, task) = (&problem.stops()[stop.index()], &names.tasks[stop.index()]);
                wrong.add_off(off(&task.windows, moment.begin));
                served += 1;
                if served > spec.stops_max as usize {
                    wrong.add("max_tasks", 0);
                }
                load.iter_mut().zip(&task.pickup).for_each(|(sum, goods)| *sum += goods);
                load.iter_mut().zip(&task.delivery).for_each(|(sum, goods)| *sum -= goods);
                if matches!(its.role, Role::Pickup | Role::Delivery) {
                    shipped.iter_mut().zip(&task.pickup).for_each(|(sum, goods)| *sum += goods);
                    shipped.iter_mut().zip(&task.delivery).for_each(|(sum, goods)| *sum -= goods);
                }
                if its.needs & !spec.has != 0 || its.barred.contains(&tour) {
                    wrong.add("skills", 0);
                }
                let is_elsewhere = its.locked != TourIx::NONE && its.locked != tour;
                let count = tasks.len();
                if is_elsewhere || its.rank.is_some_and(|rank| !rank.allows(served - 1, count)) {
                    wrong.add("pinned", 0);
                }
                let is_in_order = match its.role {
                    Role::JobDelivery | Role::JobPickup => true,
                    Role::Pickup => at(its.mate) > at(stop),
                    Role::Delivery => at(its.mate).is_some_and(|pickup| Some(pickup) < at(stop)),
                };
                if !is_in_order {
                    wrong.add("precedence", 0);
                }
            }
        }
        if is_over(&load, &vehicle.capacity) {
            wrong.add("load", 0);
        }
        found.steps.push(wrong);
    }
    if is_over(&load, &vehicle.capacity) {
        found.end.add("load", 0);
    }
    add_way(&mut found.end, &times.end);
    let taken = visits.iter().filter(|visit| matches!(visit, Visit::Break(_))).count();
    if taken < vehicle.breaks.len() {
        found.route.add("missing_break", 0);
    }
    found
}

//! VROOM's mode `-c`: the times of the routes that a document gives, and what is wrong with them.
//!
//! The order of the steps of each vehicle is kept. [`super::planned`] finds the times: forced ones (`service_at`, `service_after`,
//! `service_before`) are kept or the document is refused; windows are broken as little as possible.

use fleetfold_solver::{Problem, Role, StopIx, TourIx};
use serde_json::Value;

use super::planned::Unkept;
use super::roads::Streets;
use super::solution::{Document, RouteViolations, Violations, Visit, ride, start_load};
use super::timing::{Moment, Times, off};
use super::{VroomOptions, given, problem};
use crate::error::{ReadError, Spot};
use crate::names::{Names, VehicleName};

/// The times and violations of the routes (`vehicle.steps`) of a VROOM document, in VROOM's format of a solution, and the names of the
/// document. Tasks that are in no route are `unassigned`. For profiles without a matrix `streets` are asked, where there are any.
///
/// # Errors
///
/// What is wrong with the document, and where; also a step that names no task, or one that another step names.
pub fn plan(text: &str, options: VroomOptions, streets: Option<&dyn Streets>) -> Result<(Value, Names), ReadError> {
    // What the steps break is reported here, so that it is no error of reading a plan to start from.
    let strict = options.strict;
    let instance = problem::read_for_plan(text, VroomOptions { strict: false, ..options }, streets)?;
    if strict {
        // Unknown keys are refused: reading again without the routes would be the same document.
        refuse_unknown(&instance.warnings)?;
    }
    let (problem, names) = (&instance.problem, instance.names.expect("a VROOM file has names"));
    let document = timed(problem, &names)?;
    Ok((document, names))
}

fn timed(problem: &Problem, names: &Names) -> Result<Value, ReadError> {
    let known = given::stops_by_name(&names.tasks);
    let mut document = Document::new(problem, names);
    for (tour, vehicle) in TourIx::all().zip(&names.vehicles).filter(|(_, vehicle)| !vehicle.steps.is_empty()) {
        let at = || Spot::Item("vehicle", vehicle.id);
        let mut visits = Vec::new();
        let mut forced = Vec::new();
        for step in &vehicle.steps {
            let visit = match step.kind {
                "start" | "end" => continue,
                "break" => {
                    let index = vehicle.breaks.iter().position(|own| own.id == step.id);
                    Visit::Break(index.expect("checked when it was read"))
                }
                kind => {
                    let unknown =
                        || ReadError::impossible(at(), format!("`steps` name {kind} {}, which there is not", step.id));
                    Visit::Task(*known.get(&(kind, step.id)).ok_or_else(unknown)?)
                }
            };
            let is_twice = match visit {
                Visit::Task(stop) => document.is_written(stop) || visits.contains(&visit),
                Visit::Break(_) | Visit::Reload(..) | Visit::DrivingBreak(..) | Visit::Charge(..) => {
                    visits.contains(&visit)
                }
            };
            if is_twice {
                return Err(ReadError::impossible(at(), format!("`steps` name {} {} twice", step.kind, step.id)));
            }
            visits.push(visit);
            forced.push(step.forced);
        }
        let mut ride = ride(problem, names, tour, &visits);
        for (step, forced) in ride.steps.iter_mut().zip(forced) {
            step.forced = forced;
        }
        if let Some(start) = vehicle.steps.first().filter(|step| step.kind == "start") {
            ride.leaves = start.forced;
        }
        let end = vehicle.steps.last().filter(|step| step.kind == "end");
        let times = ride.planned(end.map(|end| end.forced).unwrap_or_default());
        let times = times.map_err(|unkept| infeasible(vehicle, unkept))?;
        let violations = violations(problem, names, tour, &visits, &times);
        document.add_route(tour, &visits, &times, &violations).expect("every task once, checked above");
    }
    for stop in StopIx::all().take(names.tasks.len()) {
        if !document.is_written(stop) {
            document.leave_out(stop, None, Vec::new()).expect("it is not written yet");
        }
    }
    Ok(document.finish().expect("every task is written"))
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

fn refuse_unknown(warnings: &[String]) -> Result<(), ReadError> {
    match warnings.iter().find(|warning| warning.contains("unknown key")) {
        Some(warning) => Err(ReadError::malformed(None, warning.clone())),
        None => Ok(()),
    }
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
    let mut load = start_load(problem, names, tasks.iter().copied());
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
    for (&visit, moment) in visits.iter().zip(&times.steps) {
        let mut wrong = Violations::default();
        add_way(&mut wrong, moment);
        match visit {
            // A route that is given has none of these: VROOM has no such steps.
            Visit::Reload(..) | Visit::DrivingBreak(..) | Visit::Charge(..) => {}
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

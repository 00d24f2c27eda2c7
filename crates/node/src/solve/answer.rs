//! What is printed of a plan: routes, JSON or a summary.

use std::fmt::Write;
use std::time::Duration;

use fleetfold_formats::{Instance, Objective};
use fleetfold_solver::{Solution, StopIx};
use serde_json::{Value, json};

use crate::args::Solve;
use crate::clock;

use super::input;
use super::refusal::Refusal;
use super::streets::Known;

/// Most lines of a summary about what is left out.
const LEFT_OUT_MAX: usize = 50;
/// Difference of cost and length that is only rounding.
const ROUNDING: f64 = 1e-6;

/// How long a program took, up to what it prints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    /// Reading the problem, with what streets are asked for.
    pub(super) loading: Duration,
    /// Searching, and checking what was found.
    pub(super) solving: Duration,
}

/// Writes into a summary how long everything took, in milliseconds, as VROOM does.
pub(super) fn put_times(solution: &mut Value, spent: Spent, routing: Duration) {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    solution["summary"]["computing_times"] = json!({
        "loading": millis(spent.loading),
        "solving": millis(spent.solving),
        "routing": millis(routing),
    });
}

/// How good a cost is: against the best known one, if the user knows it; against the first plan otherwise.
pub(super) fn gap(best_known: Option<f64>, first: f64, cost: f64) -> String {
    let percent = |than: f64| 100.0 * (cost / than.max(f64::MIN_POSITIVE) - 1.0);
    match best_known {
        Some(best) => format!("gap {:+.2} %", percent(best)),
        None => format!("{:+.2} % since the first plan", percent(first)),
    }
}

/// The plan as VROOM would say it; `None` for other formats. Every answer to a search in VROOM's form comes through here.
pub(super) fn vroom(
    instance: &Instance,
    solution: &Solution,
    streets: Option<&Known>,
    spent: Spent,
) -> Result<Option<Value>, Refusal> {
    let Some(names) = &instance.names else { return Ok(None) };
    let solution = fleetfold_formats::solution(instance, names, solution);
    let broken = |broken| Refusal::internal(format!("the plan that was found is not shown: {broken}"));
    let mut solution = solution.map_err(broken)?;
    let begun = clock::monotonic();
    input::draw(&mut solution, names, streets)?;
    put_times(&mut solution, spent, clock::monotonic() - begun);
    Ok(Some(solution))
}

/// What is printed: routes, JSON or a summary, as the arguments say.
pub(super) fn text(
    args: &Solve,
    instance: &Instance,
    solution: &Solution,
    streets: Option<&Known>,
    spent: Spent,
) -> Result<String, Refusal> {
    if args.routes {
        return Ok(instance.route_lines(solution));
    }
    if args.json || args.vroom {
        let body = vroom(instance, solution, streets, spent)?.unwrap_or_else(|| benchmark(instance, solution, spent));
        return Ok(format!("{body}\n"));
    }
    summary(args, instance, solution, spent)
}

fn benchmark(instance: &Instance, solution: &Solution, spent: Spent) -> Value {
    // Vehicles are counted from 1, in the order of the file: of a mixed fleet one has to know who drives what.
    let used = (1..).zip(&solution.tours).filter(|(_, tour)| !tour.is_empty()).map(|(vehicle, _): (usize, _)| vehicle);
    let used: Vec<usize> = used.collect();
    json!({
        "routes": instance.routes(solution),
        "vehicle_of_route": used,
        "unassigned": solution.absent.iter().map(|&stop| instance.name(stop)).collect::<Vec<_>>(),
        "vehicles": used.len(),
        "distance": instance.distance(solution),
        "cost": instance.cost(solution.cost, &solution.tours),
        "rounds": solution.rounds,
        "iterations": solution.iterations,
        "seconds": (spent.loading + spent.solving).as_secs_f64(),
    })
}

fn summary(args: &Solve, instance: &Instance, solution: &Solution, spent: Spent) -> Result<String, Refusal> {
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{words}"); // a String takes everything
    };
    let (distance, cost) = (instance.distance(solution), instance.cost(solution.cost, &solution.tours));
    line(format_args!("vehicles     {}", solution.tours.iter().filter(|tour| !tour.is_empty()).count()));
    line(format_args!("distance     {distance}"));
    if args.objective == Some(Objective::Dispatch) {
        line(format_args!("cost         {cost:.2}"));
    } else if args.objective != Some(Objective::Vehicles) && (cost - distance).abs() > ROUNDING {
        line(format_args!("cost         {cost}"));
    }
    if args.best_known.is_some() {
        line(format_args!("             {}", gap(args.best_known, cost, cost)));
    }
    let left = left_out(instance, solution, spent)?;
    line(format_args!("unserved     {}", left.len()));
    for (kind, id, reason) in left.iter().take(LEFT_OUT_MAX) {
        let reason = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        line(format_args!("left out     {kind} {id}{reason}"));
    }
    if left.len() > LEFT_OUT_MAX {
        line(format_args!("             and {} more, all in --json", left.len() - LEFT_OUT_MAX));
    }
    let (iterations, rounds, seconds) =
        (solution.iterations, solution.rounds, (spent.loading + spent.solving).as_secs_f64());
    line(format_args!("iterations   {iterations} in {rounds} rounds, {seconds:.2} s"));
    Ok(text)
}

/// Every stop that is left out: its kind, its id and, if there is one, the reason.
fn left_out(
    instance: &Instance,
    solution: &Solution,
    spent: Spent,
) -> Result<Vec<(String, String, Option<String>)>, Refusal> {
    if solution.absent.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(body) = vroom(instance, solution, None, spent)? {
        let words = |task: &Value, key: &str| match &task[key] {
            Value::Null => None,
            Value::String(text) => Some(text.replace('_', " ")),
            other => Some(other.to_string()),
        };
        let tasks = body["unassigned"].as_array().map(Vec::as_slice).unwrap_or_default();
        let told = |task: &Value, key: &str| words(task, key).unwrap_or_default();
        return Ok(tasks.iter().map(|task| (told(task, "type"), told(task, "id"), words(task, "reason"))).collect());
    }
    let named = |&stop: &StopIx| {
        let number = instance.nodes[stop.index()].to_string();
        (instance.kind(stop).to_owned(), number, too_large(instance, stop))
    };
    Ok(solution.absent.iter().map(named).collect())
}

/// The reason that can be seen without a search.
fn too_large(instance: &Instance, stop: StopIx) -> Option<String> {
    let load = instance.problem.stops()[stop.index()].load;
    let holds =
        instance.problem.tours().iter().any(|tour| load.iter().zip(tour.capacity).all(|(load, most)| *load <= most));
    (!holds).then(|| "no vehicle holds as much".to_owned())
}

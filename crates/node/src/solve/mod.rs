//! `fleetfold solve`: one routing problem from a file, the best plan in the time given.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use fleetfold_formats::{Instance, Objective, ProblemFormat};
use fleetfold_solver::{Pace, Problem, SearchLimits, Solution, solve_with};

use crate::args::Solve;
use crate::clock;
use crate::failure::Failure;

/// Iterations per second and thread to expect on a usual core: only the first temperature depends on it.
const USUAL_PACE: f64 = 100_000.0;
/// Rounds that a search by the clock should have at least.
const ROUNDS_WANTED: f64 = 40.0;
/// A line of progress at most this often.
const SHOW_EVERY: Duration = Duration::from_millis(200);
/// Largest file read.
const BYTES_MAX: u64 = 1 << 30;

/// Reads, searches, prints.
pub(crate) fn solve(args: &Solve) -> Result<ExitCode, Failure> {
    let started = clock::monotonic();
    let instance = read(args)?;
    let threads =
        args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Failure::new(format!("no {threads} threads: {error}"), "give fewer with --threads"))?;
    let solution = pool.install(|| search(args, &instance, started, threads));
    if let Some(path) = &args.plot {
        let drawing = fleetfold_formats::svg(&instance, &solution).ok_or_else(|| {
            Failure::new(
                "this problem has no coordinates to draw",
                "leave --plot out, or use a format with coordinates",
            )
        })?;
        std::fs::write(path, drawing)?;
    }
    print(args, &instance, &solution, started)?;
    Ok(ExitCode::SUCCESS)
}

fn search(args: &Solve, instance: &Instance, started: std::time::Instant, threads: usize) -> Solution {
    let budget = Duration::from_secs_f64(args.seconds);
    let pieces = (instance.problem.stops().len() as f64 / 250.0).max(1.0);
    // Short searches take short rounds: cuts should move some forty times.
    let iterations = if args.rounds.is_some() {
        SearchLimits::default().iterations
    } else {
        (args.seconds * USUAL_PACE * threads as f64 / pieces / ROUNDS_WANTED)
            .clamp((100.0 + 10.0 * pieces).min(500.0), 1500.0) as u32
    };
    // A result that can be repeated must not depend on the machine: with --rounds, replicas are what was asked for.
    let idle = if args.rounds.is_some() { 1 } else { (threads as f64 / pieces.floor()) as u32 };
    let replicas = args.replicas.unwrap_or(idle).max(1);
    let limits = SearchLimits {
        rounds: args.rounds.unwrap_or(u32::MAX),
        iterations,
        seed: args.seed,
        warm: args.init.is_some(),
        fewest_vehicles: args.objective == Some(Objective::Vehicles),
        changes_max: args.changes_max,
        replicas,
    };
    let expected = args.rounds.map_or(args.seconds * USUAL_PACE * threads as f64 / f64::from(replicas), |rounds| {
        f64::from(rounds) * f64::from(limits.iterations) * pieces
    });
    let terminal = std::io::stderr().is_terminal();
    let show = args.progress || (!args.routes && !args.json && terminal);
    let mut first = None;
    let mut shown = started;
    let mut longest = Duration::ZERO;
    let mut last = started;
    let solution = solve_with(&instance.problem, &limits, expected as u64, |progress| {
        let now = clock::monotonic();
        longest = longest.max(now - last);
        last = now;
        let spent = now - started;
        if show && (now - shown > SHOW_EVERY || progress.rounds == 0) {
            shown = now;
            let cost = instance.cost(progress.cost, progress.tours);
            let gap = gap(args.best_known, *first.get_or_insert(cost), cost);
            let line = format!("{:8.2} s  {cost:>14.1}  {gap}  round {:<8}", spent.as_secs_f64(), progress.rounds);
            if terminal {
                eprint!("\r{line}");
            } else {
                eprintln!("{line}");
            }
        }
        if stopped() {
            return Pace::Stop;
        }
        match args.rounds {
            Some(rounds) if progress.rounds >= rounds => Pace::Stop,
            Some(rounds) => Pace::Go(f64::from(progress.rounds) / f64::from(rounds.saturating_sub(1).max(1))),
            // A round that would end after the time is not begun.
            None if spent + longest.min(budget / 20) >= budget => Pace::Stop,
            None => Pace::Go(spent.as_secs_f64() / budget.as_secs_f64().max(1e-9)),
        }
    });
    if show && terminal {
        eprintln!();
    }
    solution
}

/// How good a cost is: against the best known one, if the user knows it; against the first plan otherwise.
fn gap(best_known: Option<f64>, first: f64, cost: f64) -> String {
    let percent = |than: f64| 100.0 * (cost / than.max(f64::MIN_POSITIVE) - 1.0);
    match best_known {
        Some(best) => format!("gap {:+.2} %", percent(best)),
        None => format!("{:+.2} % since the first plan", percent(first)),
    }
}

/// True once Ctrl-C was pressed.
fn stopped() -> bool {
    STOP.load(std::sync::atomic::Ordering::Relaxed)
}

static STOP: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// From now on Ctrl-C ends the search, not the program: the best plan so far is printed.
pub(crate) async fn watch_for_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_ok() {
        STOP.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

fn read(args: &Solve) -> Result<Instance, Failure> {
    let path = &args.file;
    let size = std::fs::metadata(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give the path of an instance file"))?
        .len();
    if size > BYTES_MAX {
        return Err(Failure::new(
            format!("{} has {size} bytes, {BYTES_MAX} is the most", path.display()),
            "split the problem by zone: vehicles that can swap work belong together, others do not",
        ));
    }
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let format = if args.format == ProblemFormat::Auto { fleetfold_formats::guess(&text) } else { args.format };
    let other = args.objective.filter(|&objective| objective != Objective::Dispatch);
    if format == ProblemFormat::Vroom && other.is_some() {
        return Err(Failure::new(
            "this --objective is not for a VROOM file, which says itself what vehicles cost",
            "leave --objective out; give vehicles a `costs.fixed` to use fewer of them",
        ));
    }
    let objective = args.objective.unwrap_or(Objective::Distance);
    let instance = fleetfold_formats::read(&text, format, objective);
    let instance = instance.map_err(|what| {
        Failure::new(
            format!("{}: {what}", path.display()),
            "mend the file, or say its format with --format solomon|li-lim|vrplib|vroom|city",
        )
    })?;
    match &args.init {
        None => Ok(instance),
        Some(init) => {
            let mut instance = instance.start_from(&std::fs::read_to_string(init)?).map_err(|what| {
                Failure::new(
                    format!("{}: {what}", init.display()),
                    "give one route per line: node numbers, as --routes prints",
                )
            })?;
            if args.change_price.is_some() || args.changes_max.is_some() {
                // A problem's prices are millionths or less: no price is too large for them.
                let price = args.change_price.unwrap_or(0.0) * instance.unit;
                let promised = instance.problem.into_spec().with_promises(price as i64);
                instance.problem = Problem::new(promised).expect("a promise makes no legal problem illegal");
            }
            Ok(instance)
        }
    }
}

fn print(args: &Solve, instance: &Instance, solution: &Solution, started: std::time::Instant) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::new(crate::out::out());
    if args.routes {
        for route in instance.routes(solution) {
            writeln!(out, "{}", route.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))?;
        }
        return Ok(());
    }
    let used = solution.tours.iter().filter(|tour| !tour.is_empty()).count();
    let seconds = (clock::monotonic() - started).as_secs_f64();
    if args.json {
        if let Some(names) = &instance.names {
            let body = fleetfold_formats::solution(instance, names, solution)
                .map_err(|what| Failure::new(what.to_string(), "this is an error of fleetfold: please report the file"))?;
            writeln!(out, "{body}")?;
            return Ok(());
        }
        let body = serde_json::json!({
            "routes": instance.routes(solution),
            "unassigned": solution.absent.iter().map(|&stop| instance.nodes[stop.index()]).collect::<Vec<_>>(),
            "vehicles": used,
            "distance": instance.distance(solution),
            "cost": instance.cost(solution.cost, &solution.tours),
            "rounds": solution.rounds,
            "iterations": solution.iterations,
            "seconds": seconds,
        });
        writeln!(out, "{body}")?;
        return Ok(());
    }
    writeln!(out, "vehicles     {used}")?;
    writeln!(out, "distance     {}", instance.distance(solution))?;
    if args.objective == Some(Objective::Dispatch) {
        writeln!(out, "cost         {:.2}", instance.cost(solution.cost, &solution.tours))?;
    }
    if args.best_known.is_some() {
        let cost = instance.cost(solution.cost, &solution.tours);
        writeln!(out, "             {}", gap(args.best_known, cost, cost))?;
    }
    writeln!(out, "unserved     {}", solution.absent.len())?;
    writeln!(out, "iterations   {} in {} rounds, {seconds:.2} s", solution.iterations, solution.rounds)?;
    Ok(())
}

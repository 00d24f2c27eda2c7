//! `fleetfold solve`: one routing problem from a file, the best plan in the time given; and the same over HTTP.
//!
//! The way of a problem: `input` reads it, `effort` searches, `gate` checks what was found, `answer` says it. `service` does the same for
//! problems that come over HTTP. Every error is a `Refusal`, with the code that VROOM has for its kind.
//!
//! Promise: nothing is printed that the solver's independent checker does not accept.

mod answer;
mod effort;
mod gate;
mod input;
mod refusal;
pub(crate) mod service;
pub(crate) mod streets;

use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use fleetfold_formats::{Instance, Objective, ProblemFormat};
use fleetfold_solver::{Progress, Solution, Stage};

use crate::args::Solve;
use crate::clock;

use answer::Spent;
use effort::Effort;
use refusal::Refusal;

/// A line of progress at most this often.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// Reads, searches, checks, prints.
pub(crate) fn solve(args: &Solve) -> ExitCode {
    if args.version {
        return match write(args, concat!("fleetfold ", env!("CARGO_PKG_VERSION"), "\n")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(refusal) => {
                eprintln!("{}", refusal.failure);
                ExitCode::from(refusal.kind.code())
            }
        };
    }
    // What goes wrong in the search is still told in the form that was asked for.
    let solved = catch_unwind(AssertUnwindSafe(|| run(args))).unwrap_or_else(|_| Err(Refusal::panicked()));
    let refusal = match solved {
        Ok(text) => match write(args, &text) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    if args.json || args.vroom {
        tell(args.output.as_deref(), &refusal);
    }
    eprintln!("{}", refusal.failure);
    ExitCode::from(refusal.kind.code())
}

/// Ends a program that was called in a way that cannot be understood, or to print its help. In the place of VROOM, and with --json, what
/// is wrong is a document as every other error is.
pub(crate) fn called_wrongly(error: &clap::Error) -> ! {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_solve = words.first().is_some_and(|word| word == "solve");
    if error.use_stderr() && is_solve && words.iter().any(|word| word == "--vroom" || word == "--json") {
        let said = error.to_string();
        let what = said.lines().take_while(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" ");
        let what = what.strip_prefix("error: ").unwrap_or(&what);
        let refusal = Refusal::input(format!("the command line: {what}"), "");
        let output = words.iter().position(|word| word == "-o" || word == "--output");
        tell(output.and_then(|at| words.get(at + 1)).map(std::path::Path::new), &refusal);
    }
    error.exit()
}

/// Tells an error as a document, in the file of --output or, where nothing can be written into it, on standard output.
fn tell(output: Option<&std::path::Path>, refusal: &Refusal) {
    let document = format!("{}\n", refusal.json());
    // Where neither takes it, there are still the words on standard error.
    if write_to(output, &document).is_err() {
        let _ = write_to(None, &document);
    }
}

/// Prints, or writes into the file of --output.
fn write(args: &Solve, text: &str) -> Result<(), Refusal> {
    write_to(args.output.as_deref(), text)
}

fn write_to(output: Option<&std::path::Path>, text: &str) -> Result<(), Refusal> {
    match output {
        None => crate::out::out().write_all(text.as_bytes()).map_err(|error| Refusal::internal(error.to_string())),
        Some(path) => std::fs::write(path, text).map_err(|error| {
            Refusal::input(format!("{}: {error}", path.display()), "give a path that can be written to with --output")
        }),
    }
}

/// What is printed.
fn run(args: &Solve) -> Result<String, Refusal> {
    let started = clock::monotonic();
    let source = input::source(args)?;
    let streets = if source.format == ProblemFormat::Vroom { streets::of(args)? } else { None };
    let streets = streets.as_ref();
    let only_times = || -> Result<String, Refusal> {
        let told = input::plan(&source.text, input::vroom_options(args), streets)?;
        told.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        Ok(format!("{}\n", told.document))
    };
    if args.choose_eta && source.format == ProblemFormat::Vroom && args.init.is_none() {
        // Whatever the routes break is part of VROOM's answer.
        return only_times().map_err(|refusal| source.named(refusal));
    }
    let instance = input::read(args, &source, streets)?;
    if instance.names.as_ref().is_some_and(fleetfold_formats::Names::wants_plan) {
        return only_times().map_err(|refusal| source.named(refusal));
    }
    for warning in &instance.warnings {
        eprintln!("warning: {warning}");
    }
    let read = clock::monotonic();
    let threads =
        args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let solution = if args.choose_eta {
        gate::given(&instance)?
    } else {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| {
            Refusal::new(refusal::Kind::Internal, format!("no {threads} threads: {error}"), "give fewer with --threads")
        })?;
        let effort = effort(args, &instance, threads);
        let mut shown = Shown::new(args);
        let solution = pool.install(|| {
            effort.search(&instance, started, &stopped, |progress, spent| shown.show(args, &instance, progress, spent))
        });
        shown.end();
        gate::check(&instance, &solution)?;
        solution
    };
    if let Some(path) = &args.plot {
        let drawing = fleetfold_formats::svg(&instance, &solution).ok_or_else(|| {
            Refusal::input(
                "this problem has no coordinates to draw",
                "leave --plot out, or use a format with coordinates",
            )
        })?;
        std::fs::write(path, drawing)
            .map_err(|error| Refusal::input(format!("{}: {error}", path.display()), "give another path with --plot"))?;
    }
    let spent = Spent { loading: read - started, solving: clock::monotonic() - read };
    answer::text(args, &instance, &solution, streets, spent)
}

fn effort(args: &Solve, instance: &Instance, threads: usize) -> Effort {
    /// Seconds of a search of which nothing else is said.
    const SECONDS: f64 = 10.0;
    let level = args.explore.or(args.vroom.then_some(effort::LEVEL_MAX)).filter(|_| args.rounds.is_none());
    let limited = args.rounds.is_some() || level.is_some();
    Effort {
        rounds: args.rounds,
        level,
        seconds: args.seconds.or((!limited).then_some(SECONDS)),
        threads,
        replicas: args.replicas,
        seed: args.seed,
        warm: args.init.is_some() || instance.problem.initial().iter().any(|tour| !tour.is_empty()),
        fewest_vehicles: args.objective == Some(Objective::Vehicles),
        changes_max: args.changes_max,
    }
}

/// The line of progress.
struct Shown {
    wanted: bool,
    terminal: bool,
    last: Option<Duration>,
    first_cost: Option<f64>,
}

impl Shown {
    fn new(args: &Solve) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let quiet = args.routes || args.json || args.vroom;
        Self { wanted: args.progress || (!quiet && terminal), terminal, last: None, first_cost: None }
    }

    fn show(&mut self, args: &Solve, instance: &Instance, progress: &Progress, spent: Duration) {
        if !self.wanted || self.last.is_some_and(|last| spent.saturating_sub(last) <= SHOW_EVERY && progress.rounds > 0)
        {
            return;
        }
        self.last = Some(spent);
        let cost = instance.cost(progress.cost, progress.tours);
        let gap = answer::gap(args.best_known, *self.first_cost.get_or_insert(cost), cost);
        let line = format!("{:8.2} s  {cost:>14.1}  {gap}  round {:<8}", spent.as_secs_f64(), progress.rounds);
        if self.terminal {
            eprint!("\r{line}");
        } else {
            eprintln!("{line}");
        }
    }

    fn end(&self) {
        if self.wanted && self.terminal {
            eprintln!();
        }
    }
}

/// The plan is the problem's own, for those who only want its times.
fn as_given(instance: &Instance) -> Solution {
    let mut tours = instance.problem.initial().to_vec();
    tours.resize(instance.problem.tours().len(), Vec::new());
    let mut absent = vec![true; instance.problem.stops().len()];
    for &stop in tours.iter().flatten() {
        absent[stop.index()] = false;
    }
    let absent =
        (0..).zip(absent).filter(|&(_, absent)| absent).map(|(stop, _)| fleetfold_solver::StopIx(stop)).collect();
    Solution { tours, absent, ..Solution::default() }
}

/// True once Ctrl-C was pressed. There is a whole plan to print then: the first one is made to its end.
fn stopped(stage: Stage) -> bool {
    stage == Stage::Rounds && STOP.load(std::sync::atomic::Ordering::Relaxed)
}

static STOP: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// From now on Ctrl-C ends the search, not the program: the best plan so far is printed.
pub(crate) async fn watch_for_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_ok() {
        STOP.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

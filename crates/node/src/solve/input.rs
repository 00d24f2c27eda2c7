//! Where the problem comes from: a file, standard input or the command line; and how it is read.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use fleetfold_formats::{
    Instance, Names, Objective, Plan, ProblemFormat, ReadError, ReadOptions, Streets, VroomOptions,
};
use fleetfold_solver::Problem;

use crate::args::Solve;
use crate::clock;

use super::answer::{self, Spent};
use super::refusal::Refusal;
use super::streets::{self, Known};

/// Largest file read.
const BYTES_MAX: u64 = 1 << 30;
/// What to do about a problem that is too large for one search.
const SPLIT: &str = "split the problem by zone: vehicles that can swap work belong together, others do not";

/// The text of the problem, and what to call it in an error.
fn text(args: &Solve) -> Result<(String, String), Refusal> {
    let stdin = || {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| Refusal::input(format!("standard input: {error}"), "check what writes to it"))?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(Refusal::input(format!("standard input has more than {BYTES_MAX} bytes"), SPLIT));
        }
        Ok(("standard input".to_owned(), String::from_utf8_lossy(&bytes).into_owned()))
    };
    let Some(path) = args.input.as_ref().or(args.file.as_ref()) else {
        if args.vroom {
            return stdin();
        }
        return Err(Refusal::input("there is no problem to solve", "give a file, or - for standard input"));
    };
    if path == Path::new("-") {
        return stdin();
    }
    if args.vroom && args.input.is_none() && path.to_str().is_some_and(|text| text.trim_start().starts_with('{')) {
        return Ok(("the problem".to_owned(), path.to_string_lossy().into_owned()));
    }
    let failed = |error: std::io::Error| {
        Refusal::input(format!("{}: {error}", path.display()), "give the path of an instance file")
    };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > BYTES_MAX {
        return Err(Refusal::input(format!("{} has {size} bytes, {BYTES_MAX} is the most", path.display()), SPLIT));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    Ok((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
}

/// The text of a problem, with what is known of it before it is read.
pub(super) struct Source {
    /// What an error calls it; nothing in the place of VROOM, whose errors say what is wrong only.
    name: Option<String>,
    pub(super) text: String,
    pub(super) format: ProblemFormat,
}

/// Finds the text of the problem and its format.
pub(super) fn source(args: &Solve) -> Result<Source, Refusal> {
    let (name, text) = text(args)?;
    let format = match args.format {
        _ if args.vroom => ProblemFormat::Vroom,
        ProblemFormat::Auto => fleetfold_formats::guess(&text),
        other => other,
    };
    let other = args.objective.filter(|&objective| objective != Objective::Dispatch);
    if format == ProblemFormat::Vroom && other.is_some() {
        return Err(Refusal::input(
            "this --objective is not for a VROOM file, which says itself what vehicles cost",
            "leave --objective out; give vehicles a `costs.fixed` to use fewer of them",
        ));
    }
    Ok(Source { name: (!args.vroom).then_some(name), text, format })
}

impl Source {
    /// An error in this text says where it comes from.
    pub(super) fn named(&self, refusal: Refusal) -> Refusal {
        match &self.name {
            None => refusal,
            Some(name) => Refusal::new(refusal.kind, format!("{name}: {}", refusal.failure.what), refusal.failure.hint),
        }
    }
}

/// The problem, and what was passed over in it, in words.
pub(super) fn read(args: &Solve, source: &Source, streets: Option<&Known>) -> Result<Instance, Refusal> {
    let objective = args.objective.unwrap_or(Objective::Distance);
    let options = ReadOptions { format: source.format, objective, strict: args.strict };
    let instance = match source.format {
        ProblemFormat::Vroom => read_vroom(&source.text, vroom_options(args), streets),
        _ => read_text(&source.text, options),
    };
    let instance = instance.map_err(|refusal| source.named(refusal))?;
    match &args.init {
        None => Ok(instance),
        Some(init) => start_from(args, instance, init),
    }
}

/// How a VROOM problem is read.
pub(super) fn vroom_options(args: &Solve) -> VroomOptions {
    VroomOptions { strict: args.strict, lengths: args.geometry, priorities: args.priorities.unwrap_or_default() }
}

/// Reads a VROOM problem.
pub(super) fn read_vroom(text: &str, options: VroomOptions, streets: Option<&Known>) -> Result<Instance, Refusal> {
    match streets {
        Some(streets) => fleetfold_formats::read_vroom_on(text, options, streets),
        None => fleetfold_formats::read_vroom(text, options),
    }
    .map_err(unreadable)
}

/// Reads a problem of another format.
fn read_text(text: &str, options: ReadOptions) -> Result<Instance, Refusal> {
    fleetfold_formats::read_with(text, options).map_err(unreadable)
}

/// The times of the routes that a VROOM file gives, and what they break: VROOM's `-c`.
pub(super) fn plan(text: &str, options: VroomOptions, streets: Option<&Known>) -> Result<Plan, Refusal> {
    let begun = clock::monotonic();
    let asked = streets.map(|streets| streets as &dyn Streets);
    let mut plan = fleetfold_formats::plan(text, options, asked).map_err(unreadable)?;
    let timed = clock::monotonic();
    draw(&mut plan.document, &plan.names, streets)?;
    // Times are found in no time beside reading.
    let spent = Spent { loading: timed - begun, solving: Duration::ZERO };
    answer::put_times(&mut plan.document, spent, clock::monotonic() - timed);
    Ok(plan)
}

/// Puts the lines that are driven into a solution, where they are asked for and streets are known.
pub(super) fn draw(solution: &mut serde_json::Value, names: &Names, streets: Option<&Known>) -> Result<(), Refusal> {
    match streets.filter(|_| names.wants_geometry()) {
        Some(streets) => fleetfold_formats::add_geometry(solution, names, streets).map_err(unreadable),
        None => Ok(()),
    }
}

fn unreadable(what: ReadError) -> Refusal {
    if let ReadError::Routing { what } = what {
        return streets::refusal(what);
    }
    Refusal::input(
        what.to_string(),
        "mend the problem, or say its format with --format solomon|li-lim|vrplib|mixed|depots|vroom|city",
    )
}

/// The problem with the plan of --init.
fn start_from(args: &Solve, instance: Instance, init: &Path) -> Result<Instance, Refusal> {
    let told = |what: String| {
        Refusal::input(
            format!("{}: {what}", init.display()),
            "give one route per line, as --routes prints them: node numbers, or - for a vehicle without a route",
        )
    };
    let routes = std::fs::read_to_string(init).map_err(|error| told(error.to_string()))?;
    let mut instance = instance.start_from(&routes).map_err(|what| told(what.to_string()))?;
    if args.change_price.is_some() || args.changes_max.is_some() {
        // A problem's prices are millionths or less: no price is too large for them.
        let price = args.change_price.unwrap_or(0.0) * instance.unit;
        let promised = instance.problem.into_spec().with_promises(price as i64);
        instance.problem = Problem::new(promised).expect("a promise makes no legal problem illegal");
    }
    Ok(instance)
}

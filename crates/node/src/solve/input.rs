//! Where the problem comes from: a file, standard input or the command line; and how it is read.

use std::io::Read;
use std::path::Path;

use fleetfold_formats::{Instance, Objective, ProblemFormat, ReadError, ReadOptions};
use fleetfold_solver::{Legs, Problem};

use crate::args::Solve;

use super::refusal::{Kind, Refusal};

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
    /// What an error calls it.
    name: String,
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
    Ok(Source { name, text, format })
}

impl Source {
    /// An error in this text says where it comes from.
    pub(super) fn named(&self, refusal: Refusal) -> Refusal {
        Refusal::new(refusal.kind, format!("{}: {}", self.name, refusal.failure.what), refusal.failure.hint)
    }
}

/// The problem, and what was passed over in it, in words.
pub(super) fn read(args: &Solve, source: &Source) -> Result<Instance, Refusal> {
    let objective = args.objective.unwrap_or(Objective::Distance);
    let options = ReadOptions { format: source.format, objective, strict: args.strict };
    let instance = read_text(&source.text, options).map_err(|refusal| source.named(refusal))?;
    let asks_server = !args.routing_host.is_empty() || !args.routing_port.is_empty() || args.router.is_some();
    if asks_server && matches!(instance.problem.legs(), Legs::Sphere { .. }) {
        return Err(Refusal::new(
            Kind::Routing,
            "the problem has no matrix for its places, and no routing server is asked",
            "put `matrices` into the problem; without -a, -p and -r places are joined by great circles at 36 km/h",
        ));
    }
    match &args.init {
        None => Ok(instance),
        Some(init) => start_from(args, instance, init),
    }
}

/// Reads a problem. Every problem that this program solves by itself comes through here.
pub(super) fn read_text(text: &str, options: ReadOptions) -> Result<Instance, Refusal> {
    fleetfold_formats::read_with(text, options).map_err(unreadable)
}

/// The times of the routes that a VROOM file gives, and what they break: VROOM's `-c`.
pub(super) fn plan(text: &str, strict: bool) -> Result<serde_json::Value, Refusal> {
    fleetfold_formats::plan(text, strict).map_err(unreadable)
}

#[expect(clippy::needless_pass_by_value, reason = "an error is turned into another one")]
fn unreadable(what: ReadError) -> Refusal {
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
            "give one route per line: node numbers, as --routes prints",
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

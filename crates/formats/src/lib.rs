//! Routing problems as files: the text formats of the public benchmarks, VROOM JSON, and what is written back.
//!
//! [`read`] never panics and never ignores what it does not understand: a file that makes no sense is refused with its place
//! and the reason.

mod benchmark;
mod city;
mod instance;
mod plot;
mod vroom;
mod vrplib;

pub use instance::Instance;
pub use plot::svg;
pub use vroom::{Names, solution};

/// More tasks or vehicles than the largest public instance has, fewer than would fill the memory.
const TASKS_MAX: usize = 1_000_000;

/// Refuses a problem that is too large to be held.
fn not_too_many(what: &str, count: usize) -> Result<(), String> {
    if count > TASKS_MAX {
        return Err(format!("{count} {what}; {TASKS_MAX} are the most: split the problem by zone"));
    }
    Ok(())
}

/// Formats of routing problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum ProblemFormat {
    /// By the first words of the file.
    Auto,
    /// Solomon and Gehring–Homberger (time windows).
    Solomon,
    /// Li–Lim (pickup and delivery).
    LiLim,
    /// VRPLIB text with Euclidean coordinates: CVRP and VRPTW.
    Vrplib,
    /// VROOM JSON: jobs, shipments and vehicles, with matrices or coordinates.
    Vroom,
    /// JSON with `xy`, `ready`, `due`, `service`, `demand`, `vehicles`, `capacity`.
    City,
}

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Objective {
    /// Length of all routes.
    Distance,
    /// Fewest vehicles, then length.
    Vehicles,
    /// What it costs: hours driven at 20, kilometres at 0.30, hours of lateness at 60; windows are promises that may be
    /// broken at that price. Times of files are minutes and lengths kilometres where they do not say.
    Dispatch,
}

/// Reads a problem. A VROOM file says itself what its vehicles cost: the objective is not looked at.
///
/// # Errors
///
/// What is wrong, and where in the file.
pub fn read(text: &str, format: ProblemFormat, objective: Objective) -> Result<Instance, String> {
    match if format == ProblemFormat::Auto { guess(text) } else { format } {
        ProblemFormat::Solomon => benchmark::solomon(text, objective),
        ProblemFormat::LiLim => benchmark::li_lim(text, objective),
        ProblemFormat::Vroom => vroom::vroom(text).map(|(instance, names)| Instance { names: Some(names), ..instance }),
        ProblemFormat::Vrplib => vrplib::vrplib(text, objective),
        ProblemFormat::City => city::city(text, objective),
        ProblemFormat::Auto => Err("this is none of the formats that are read".to_owned()),
    }
}

/// What a file is, by its first words; [`ProblemFormat::Auto`]: nothing that is known.
pub fn guess(text: &str) -> ProblemFormat {
    let start = text.trim_start();
    if start.starts_with('{') {
        return if text.contains("\"vehicles\"") && !text.contains("\"xy\"") {
            ProblemFormat::Vroom
        } else {
            ProblemFormat::City
        };
    }
    if text.lines().take(40).any(|line| line.to_uppercase().starts_with("NODE_COORD_SECTION")) {
        return ProblemFormat::Vrplib;
    }
    let first = start.lines().next().unwrap_or("").split_whitespace();
    if first.clone().count() == 3 && first.clone().all(|word| word.parse::<f64>().is_ok()) {
        return ProblemFormat::LiLim;
    }
    if text.lines().take(10).any(|line| line.trim().eq_ignore_ascii_case("VEHICLE")) {
        return ProblemFormat::Solomon;
    }
    ProblemFormat::Auto
}

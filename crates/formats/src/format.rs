//! The formats of routing problems, and what a search is asked to make small.

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
    /// VRPLIB text with coordinates or a matrix: CVRP and VRPTW.
    Vrplib,
    /// Golden and Taillard: vehicles of several types, with fixed costs and costs per distance unit.
    Mixed,
    /// Cordeau: several depots, with or without time windows.
    Depots,
    /// VROOM JSON: jobs, shipments and vehicles, with matrices or coordinates.
    Vroom,
    /// JSON with `xy`, `ready`, `due`, `service`, `demand`, `vehicles`, `capacity`.
    City,
}

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Objective {
    /// Length of all routes. In a `mixed` file: its fixed costs and its costs per distance unit.
    Distance,
    /// Fewest vehicles, then length.
    Vehicles,
    /// What it costs: hours driven at 20, kilometres at 0.30, hours of lateness at 60; windows are promises that may be
    /// broken at that price. Times of files are minutes and lengths kilometres where they do not say.
    Dispatch,
}

/// How lines at the beginning of a VRPLIB file may begin.
const VRPLIB: [&str; 5] = ["NODE_COORD_SECTION", "EDGE_WEIGHT_", "DIMENSION", "DEMAND_SECTION", "DEPOT_SECTION"];

/// What a file is, by its first words; [`ProblemFormat::Auto`] if they belong to no format.
pub fn guess(text: &str) -> ProblemFormat {
    let start = text.trim_start();
    if start.starts_with('{') {
        return if text.contains("\"vehicles\"") && !text.contains("\"xy\"") {
            ProblemFormat::Vroom
        } else {
            ProblemFormat::City
        };
    }
    let heads = || text.lines().take(40).map(|line| line.trim_start().to_uppercase());
    if heads().any(|line| VRPLIB.iter().any(|word| line.starts_with(word))) {
        return ProblemFormat::Vrplib;
    }
    // How many numbers the first two lines have; a line that begins with `//` is a comment.
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"));
    let mut numbers = || {
        let words = lines.next()?.split_whitespace();
        words.clone().all(|word| word.parse::<f64>().is_ok()).then(|| words.count())
    };
    match (numbers(), numbers()) {
        (Some(3), _) => return ProblemFormat::LiLim,
        (Some(4..=6), Some(4)) => return ProblemFormat::Mixed,
        (Some(4), Some(2)) => return ProblemFormat::Depots,
        _ => {}
    }
    if text.lines().take(10).any(|line| line.trim().eq_ignore_ascii_case("VEHICLE")) {
        return ProblemFormat::Solomon;
    }
    ProblemFormat::Auto
}

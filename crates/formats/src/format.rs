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

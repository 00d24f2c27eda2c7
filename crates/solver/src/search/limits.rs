//! How hard to search, and where a search stands.

use crate::index::StopIx;

/// How hard to search. Fill in what you mean, take the rest from `default()`.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// Rounds to run. This, not the clock, decides the result.
    pub rounds: u32,
    /// Most iterations per piece and round; small pieces run fewer.
    pub iterations: u32,
    /// Seed of the job.
    pub seed: u64,
    /// Start at low temperature: the initial plan is good and only part of it is stale.
    pub warm: bool,
    /// The first part of the search empties tours, the rest shortens those that are left. For problems in which a vehicle's
    /// `fixed` price is above any detour.
    pub fewest_vehicles: bool,
    /// Largest number of stops that may leave their `home`. `None`: only what a change costs limits them.
    pub changes_max: Option<u32>,
    /// Enough after so many rounds in a row that found no better plan. `None`: all rounds run. (Only [`crate::solve`]; whoever paces a search himself
    /// sees what each round found.)
    pub patience: Option<u32>,
    /// Searches of the whole problem side by side, each with its own seed. The first does what it would do alone, whatever the
    /// others find, and the best plan of any of them counts: more replicas never cost more. For small problems on many cores:
    /// work grows in proportion. 1 if you do not care.
    pub replicas: u32,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self {
            rounds: 20,
            iterations: 1500,
            seed: 1,
            warm: false,
            fewest_vehicles: false,
            changes_max: None,
            patience: None,
            replicas: 1,
        }
    }
}

/// Where a search stands between two rounds.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'s> {
    /// Rounds that ran; 0: only the first plan has been made.
    pub rounds: u32,
    /// Iterations that ran, over all pieces.
    pub iterations: u64,
    /// The objective of the best plan so far, in millionths.
    pub cost: i64,
    /// The best plan so far.
    pub tours: &'s [Vec<StopIx>],
}

/// What the caller wants next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// One more round, at this point of the cooling: 0 is hot, 1 is cold.
    Go(f64),
    /// Enough.
    Stop,
}

//! How long a search goes on, and the search itself.

use std::time::{Duration, Instant};

use fleetfold_formats::Instance;
use fleetfold_solver::{Interrupt, Pace, Progress, SearchLimits, Solution, Stage, solve_with};

use crate::clock;

/// Iterations per second and thread to expect on a usual core: only the first temperature depends on it.
const USUAL_PACE: f64 = 100_000.0;
/// Rounds that a search by the clock should have at least.
const ROUNDS_WANTED: f64 = 40.0;
/// Stops of a piece of a problem, on which a thread works in a round.
const PIECE: f64 = 250.0;
/// Rounds at each level of `--explore`, for problems of at least [`LEVEL_STOPS`] stops. Level 5 takes a problem of 250 stops some five
/// seconds on one thread; a guess of what users of VROOM expect of it.
const ROUNDS_OF_LEVEL: [u32; 6] = [40, 80, 120, 180, 260, 400];
/// The highest level; what is above counts as this.
pub(crate) const LEVEL_MAX: u32 = 5;
/// Smaller problems have fewer rounds, in proportion to their stops.
const LEVEL_STOPS: usize = 100;
/// But at least so many: with 12, small mixed fleets were up to 14 % from the
/// best plan (measured), and a round of a small problem takes milliseconds.
const LEVEL_ROUNDS_MIN: u32 = 20;

/// How long to search, and how. The search ends with whichever of its limits comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// So many rounds.
    pub(crate) rounds: Option<u32>,
    /// As many rounds as a level has for this problem, see [`rounds_of_level`].
    pub(crate) level: Option<u32>,
    /// So many seconds since the start.
    pub(crate) seconds: Option<f64>,
    pub(crate) threads: usize,
    /// Searches side by side; `None`: as many as keep the threads busy.
    pub(crate) replicas: Option<u32>,
    pub(crate) seed: u64,
    /// The plan that the problem brings is good.
    pub(crate) warm: bool,
    pub(crate) fewest_vehicles: bool,
    pub(crate) changes_max: Option<u32>,
}

/// How many rounds a level of `--explore` has for a problem of so many stops.
pub(crate) fn rounds_of_level(level: u32, stops: usize) -> u32 {
    let most = ROUNDS_OF_LEVEL[level.min(LEVEL_MAX) as usize];
    let share = (most as usize * stops.min(LEVEL_STOPS) / LEVEL_STOPS) as u32;
    share.max(LEVEL_ROUNDS_MIN)
}

impl Effort {
    /// Searches until a limit is reached or `stop` says so. `report` is told after each round where the search stands. Time is a limit
    /// of rounds, also in the middle of one; a first plan is made to its end unless `stop` says otherwise.
    pub(crate) fn search(
        &self,
        instance: &Instance,
        started: Instant,
        stop: &(dyn Fn(Stage) -> bool + Sync),
        mut report: impl FnMut(&Progress, Duration) + Send,
    ) -> Solution {
        let stops = instance.problem.stops().len();
        let rounds = self.rounds.or(self.level.map(|level| rounds_of_level(level, stops)));
        let pieces = (stops as f64 / PIECE).max(1.0);
        // A result that can be repeated must not depend on the machine: with rounds, replicas are what was asked for.
        let idle = if rounds.is_some() { 1 } else { (self.threads as f64 / pieces.floor()) as u32 };
        let replicas = self.replicas.unwrap_or(idle).max(1);
        let iterations_in = |seconds: f64| seconds * USUAL_PACE * self.threads as f64;
        // Short searches take short rounds: cuts should move some forty times.
        let iterations = match (rounds, self.seconds) {
            (None, Some(seconds)) => (iterations_in(seconds) / pieces / ROUNDS_WANTED)
                .clamp((100.0 + 10.0 * pieces).min(500.0), 1500.0) as u32,
            _ => SearchLimits::default().iterations,
        };
        let limits = SearchLimits {
            rounds: rounds.unwrap_or(u32::MAX),
            iterations,
            seed: self.seed,
            warm: self.warm,
            fewest_vehicles: self.fewest_vehicles,
            patience: None,
            changes_max: self.changes_max,
            replicas,
        };
        let by_rounds = rounds.map(|rounds| f64::from(rounds) * f64::from(iterations) * pieces);
        let by_time = self.seconds.map(|seconds| iterations_in(seconds) / f64::from(replicas));
        let expected = by_rounds.unwrap_or(f64::MAX).min(by_time.unwrap_or(f64::MAX));
        let budget = self.seconds.map(Duration::from_secs_f64);
        let mut longest = Duration::ZERO;
        let mut last = started;
        let ends = |stage: Stage| {
            let is_over = |budget: Duration| clock::monotonic() - started >= budget;
            stop(stage) || (stage == Stage::Rounds && budget.is_some_and(is_over))
        };
        solve_with(&instance.problem, &limits, expected as u64, Interrupt::new(&ends), |progress| {
            let now = clock::monotonic();
            longest = longest.max(now - last);
            last = now;
            let spent = now - started;
            report(&progress, spent);
            if stop(Stage::Rounds) || rounds.is_some_and(|rounds| progress.rounds >= rounds) {
                return Pace::Stop;
            }
            let mut cooled = 0.0f64;
            if let Some(rounds) = rounds {
                cooled = f64::from(progress.rounds) / f64::from(rounds.saturating_sub(1).max(1));
            }
            if let Some(budget) = budget {
                // A round that would end after the time is not begun.
                if spent + longest.min(budget / 20) >= budget {
                    return Pace::Stop;
                }
                cooled = cooled.max(spent.as_secs_f64() / budget.as_secs_f64().max(1e-9));
            }
            Pace::Go(cooled)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_level_and_a_larger_problem_have_more_rounds() {
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 99].map(|level| rounds_of_level(level, 1_000)),
            [40, 80, 120, 180, 260, 400, 400]
        );
        assert_eq!([0, 10, 50, 100].map(|stops| rounds_of_level(5, stops)), [20, 40, 200, 400]);
    }
}

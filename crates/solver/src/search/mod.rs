//! The search: what is tried when, and what is kept. Entry points: [`solve`], [`solve_with`], [`insert`].

use std::sync::atomic::AtomicBool;

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use self::forbidden::{SHARE, behind, from_relaxed, relaxed};
use self::hourly::{frozen, settle, solve_timed};
use self::repair::repaired;
use self::rounds::{Found, search, solve_constant};
use self::verdict::checked;
use crate::interrupt::Interrupt;
use crate::problem::{Problem, Solution, absent_units};
use crate::state::plan_cost;

mod anneal;
mod answer;
mod changes;
mod closing;
mod crossing;
mod cut;
mod forbidden;
mod heat;
mod hourly;
mod limits;
mod repair;
mod rounds;
mod shrink;
#[cfg(test)]
mod tests;
mod verdict;

pub use self::answer::{Alternative, Detour, alternatives, insert};
pub use self::limits::{Pace, Progress, SearchLimits};

/// Improves the problem's initial plan by `limits.rounds` rounds. Reads `stop` between rounds.
///
/// The result is checked by [`crate::check::check`] before it is handed out. Where the initial plan can be driven, the result is
/// never worse than it. A tour of it that cannot be driven loses stops first, as [`insert`] says.
pub fn solve(problem: &Problem, limits: &SearchLimits, stop: &AtomicBool) -> Solution {
    let found = repaired(problem, |problem, _| {
        if problem.is_time_dependent() {
            solve_timed(problem, limits, stop)
        } else if let Some(relaxed) = relaxed(problem) {
            let rounds = (f64::from(limits.rounds) * SHARE).ceil() as u32;
            let first = solve_constant(&relaxed, &SearchLimits { rounds, ..*limits }, stop);
            let again = from_relaxed(problem, first.tours);
            let found = solve_constant(&again, &SearchLimits { rounds: limits.rounds - rounds, ..*limits }, stop);
            behind(problem, (first.rounds, first.iterations), found)
        } else {
            solve_constant(problem, limits, stop)
        }
    });
    checked(problem, found)
}

/// Makes and solves problems that have nothing to do with one another, side by side on the current rayon pool; the order of the results
/// is that of the inputs, and each is what [`solve`] alone would give.
pub fn solve_each<T: Send>(
    inputs: Vec<T>,
    problem: impl Fn(&T) -> Problem + Sync,
    limits: impl Fn(usize) -> SearchLimits + Sync,
    stop: &AtomicBool,
) -> Vec<(T, Problem, Solution)> {
    let solved = inputs.into_par_iter().enumerate().map(|(index, input)| {
        let problem = problem(&input);
        let solution = solve(&problem, &limits(index), stop);
        (input, problem, solution)
    });
    solved.collect()
}

/// Improves the problem's initial plan for as long as the caller says, which may read a clock: `pace` is asked before the
/// first round and after each, and `interrupt` within the first plan and within rounds. `expected` is about how many iterations there will be; it sets the first temperature. Legs that
/// depend on the hour are taken as they are at the beginning; [`solve`] reads them again at the hours of better plans.
pub fn solve_with(
    problem: &Problem,
    limits: &SearchLimits,
    expected: u64,
    interrupt: Interrupt<'_>,
    mut pace: impl FnMut(Progress<'_>) -> Pace,
) -> Solution {
    let found = repaired(problem, |problem, repair| {
        let pace = |progress: Progress<'_>| match repair {
            None => pace(progress),
            Some(repair) => {
                let cost = progress.cost + repair.cost_kept;
                pace(Progress { cost, tours: &repair.whole_tours(progress.tours), ..progress })
            }
        };
        if problem.is_time_dependent() && !problem.stops().is_empty() && !problem.tours().is_empty() {
            let Found { best, alone } = search(&frozen(problem, problem.initial()), limits, expected, interrupt, pace);
            // With constant legs it is not known which of two plans is the better one when it is really driven.
            let alone = alone.map(|tours| settle(problem, Solution { tours, ..best.clone() }));
            let best = settle(problem, best);
            return alone.filter(|alone| alone.cost < best.cost).unwrap_or(best);
        }
        let Some(relaxed) = relaxed(problem) else { return search(problem, limits, expected, interrupt, pace).best };
        // The first part of the time belongs to the relaxed problem. Its plans are none of ours to show.
        let mut pace = pace;
        let (start, own) = (absent_units(problem, problem.initial()), problem.initial());
        let cost = plan_cost(problem, own, &start);
        let first = search(&relaxed, limits, (expected as f64 * SHARE) as u64, interrupt, |progress| {
            match pace(Progress { cost, tours: own, ..progress }) {
                Pace::Go(point) if point < SHARE => Pace::Go(point / SHARE),
                Pace::Go(_) | Pace::Stop => Pace::Stop,
            }
        });
        let (rounds, iterations) = (first.best.rounds, first.best.iterations);
        let again = from_relaxed(problem, first.best.tours);
        let found = search(&again, limits, (expected as f64 * (1.0 - SHARE)) as u64, interrupt, |progress| {
            let progress =
                Progress { rounds: progress.rounds + rounds, iterations: progress.iterations + iterations, ..progress };
            match pace(progress) {
                Pace::Go(point) => Pace::Go(((point - SHARE) / (1.0 - SHARE)).max(0.0)),
                Pace::Stop => Pace::Stop,
            }
        });
        behind(problem, (rounds, iterations), found.best)
    });
    checked(problem, found)
}

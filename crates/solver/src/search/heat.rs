//! The temperatures of a search: the first one by the number of iterations that there will be, then lower and lower.

use super::limits::SearchLimits;
use crate::problem::Problem;

/// Temperatures of a search: from hot to cold by repeated multiplication, which every platform rounds alike.
pub(crate) struct Heat {
    steps: Vec<f64>,
    /// How many of the first steps are left out because they are too hot.
    skipped: usize,
}

/// Each step is this share of the one before.
const COOLING: f64 = 0.97;
/// Last temperature, as a multiple of the price of a mean leg (measured in the prototype).
const COLD: f64 = 0.03;
/// Number of steps over which the temperature halves: ln 2 / -ln 0.97.
const HALVING: usize = 23;

/// Number of steps from the first temperature of a child to the last: it is ten times as high.
const WARMING: usize = 76;

impl Heat {
    pub(crate) fn at(&self, point: f64) -> f64 {
        let last = self.steps.len() - 1;
        let span = (last - self.skipped) as f64;
        self.steps[(self.skipped + (span * point.clamp(0.0, 1.0)) as usize).min(last)]
    }

    /// The temperature at a point (0 to 1) of the cooling of a child, which begins warm.
    pub(crate) fn warm(&self, point: f64) -> f64 {
        let last = self.steps.len() - 1;
        let first = last.saturating_sub(WARMING).max(self.skipped);
        self.steps[first + ((last - first) as f64 * point.clamp(0.0, 1.0)) as usize]
    }

    /// Halves the first temperature. False if it would be below the last one; then nothing is changed.
    pub(crate) fn halve(&mut self) -> bool {
        let skipped = self.skipped + HALVING;
        let legal = skipped < self.steps.len();
        if legal {
            self.skipped = skipped;
        }
        legal
    }
}

/// First temperature (multiple of the price of a mean leg) by the number of iterations per stop. With few iterations it is low: there is
/// no time to come back from worse plans.
const FROM_NOTHING: [(f64, f64); 4] = [(5.0, 0.3), (20.0, 1.0), (200.0, 3.0), (2_000.0, 6.0)];
/// The same where the initial plan is good: low while there are few iterations per stop, higher the more time there is to come back.
/// Measured on one new order in 1,000 after 1 s, medians of seven seeds, for 1, 2 and 3 at the
/// end: r1_10_5 51,970, 52,163 and 52,465; rc2_10_3 20,321, 20,251 and 20,192; after 0.1 s, for 0.05 and 0.15 at the beginning:
/// 52,466 and 52,418; 20,329 and 20,347.
const FROM_A_PLAN: [(f64, f64); 4] = [(20.0, 0.05), (40.0, 0.15), (100.0, 0.15), (400.0, 2.0)];
/// The same where stops are promised to tours: each stop that moves away would have to be moved back.
const FROM_PROMISES: f64 = 0.15;

/// Interpolates between measured points, linearly in the logarithm of the iterations per stop.
fn between(points: &[(f64, f64); 4], at: f64) -> f64 {
    let at = at.clamp(points[0].0, points[3].0);
    let above = points.iter().position(|&(point, _)| point >= at).unwrap_or(3).max(1);
    let ((low, from), (high, to)) = (points[above - 1], points[above]);
    from + (to - from) * libm::log(at / low) / libm::log(high / low)
}

/// The temperatures of a search of about `expected` iterations over a plan whose mean leg costs `leg`.
pub(crate) fn heat(problem: &Problem, limits: &SearchLimits, expected: u64, leg: f64) -> Heat {
    let per_stop = expected as f64 / problem.stops().len() as f64;
    let hot = if !limits.warm {
        between(&FROM_NOTHING, per_stop)
    } else if problem.promised() || limits.changes_max.is_some() {
        FROM_PROMISES
    } else {
        between(&FROM_A_PLAN, per_stop)
    };
    let mut steps = vec![hot * leg];
    while steps[steps.len() - 1] > COLD * leg {
        steps.push(steps[steps.len() - 1] * COOLING);
    }
    Heat { steps, skipped: 0 }
}

//! How hot a search begins and how it cools, by the time there is.

use super::limits::SearchLimits;
use crate::problem::Problem;

/// Temperatures of a search: from hot to cold by repeated multiplication, which every platform rounds alike.
pub(crate) struct Heat {
    steps: Vec<f64>,
    /// Steps that are too hot.
    skipped: usize,
}

const COOLING: f64 = 0.97;
/// Last temperature in mean legs (measured in the prototype).
const COLD: f64 = 0.03;
/// Steps after which a temperature has halved: ln 2 / -ln 0.97.
const HALVING: usize = 23;

/// Steps from warm to the last temperature: ten times as hot.
const WARMING: usize = 76;

impl Heat {
    pub(crate) fn at(&self, point: f64) -> f64 {
        let last = self.steps.len() - 1;
        let span = (last - self.skipped) as f64;
        self.steps[(self.skipped + (span * point.clamp(0.0, 1.0)) as usize).min(last)]
    }

    /// From warm to cold, for what is nearly good.
    pub(crate) fn warm(&self, point: f64) -> f64 {
        let last = self.steps.len() - 1;
        let first = last.saturating_sub(WARMING).max(self.skipped);
        self.steps[first + ((last - first) as f64 * point.clamp(0.0, 1.0)) as usize]
    }

    /// Starts at half the temperature, if that is not below the last one.
    pub(crate) fn halve(&mut self) -> bool {
        let skipped = self.skipped + HALVING;
        let legal = skipped < self.steps.len();
        if legal {
            self.skipped = skipped;
        }
        legal
    }
}

/// First temperature in mean legs, by iterations per stop. Whoever has time for a few iterations only must not spend them on
/// wandering.
const FROM_NOTHING: [(f64, f64); 4] = [(5.0, 0.3), (20.0, 1.0), (200.0, 3.0), (2_000.0, 6.0)];
/// The same where the initial plan is good: near it while there is time for a few iterations per stop only, further away the
/// more time there is to come back. Measured on one new order in 1,000 after 1 s, medians of seven seeds, for 1, 2 and 3 at the
/// end: r1_10_5 51,970, 52,163 and 52,465; rc2_10_3 20,321, 20,251 and 20,192; after 0.1 s, for 0.05 and 0.15 at the beginning:
/// 52,466 and 52,418; 20,329 and 20,347.
const FROM_A_PLAN: [(f64, f64); 4] = [(20.0, 0.05), (40.0, 0.15), (100.0, 0.15), (400.0, 2.0)];
/// The same where stops are promised: every move away would have to be moved back.
const FROM_PROMISES: f64 = 0.15;

/// Between measured points, along the logarithm.
fn between(points: &[(f64, f64); 4], at: f64) -> f64 {
    let at = at.clamp(points[0].0, points[3].0);
    let above = points.iter().position(|&(point, _)| point >= at).unwrap_or(3).max(1);
    let ((low, from), (high, to)) = (points[above - 1], points[above]);
    from + (to - from) * libm::log(at / low) / libm::log(high / low)
}

/// The temperatures of a search of about `expected` iterations over a plan whose mean leg costs `leg`.
pub(crate) fn heat(problem: &Problem, limits: &SearchLimits, expected: u64, leg: f64) -> Heat {
    // Start factors by iterations per stop, as measured in the prototype; a warm start keeps the plan's shape.
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

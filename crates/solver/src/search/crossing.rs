//! Long searches of small problems: at first several plans are cooled from the first temperature (hot). Then two of the best plans are
//! crossed again and again, and each child is cooled from a lower temperature (warm). One cooling of some hundred stops ends in a
//! local optimum that more iterations do not leave; a child combines regions of two of them.
//!
//! The crossing is selective route exchange, see [`crossed`]; the search inserts what the child does not serve.

use crate::index::StopIx;
use crate::moves::crossed;
use crate::problem::{Problem, absent_units};
use crate::random::Random;
use crate::state::Neighbours;

/// Problems from this many stops on need all of the time for one cooling (measured: 1,000 stops at 10 s end 1.5 % above the best known
/// plan with one cooling, 2.1 % with three).
const STOPS_MAX: usize = 600;
/// Iterations per stop from which there is time for several coolings.
const PER_STOP_MIN: f64 = 2_000.0;
/// How many plans are cooled from hot, and how many of the best are kept.
const PLANS: usize = 4;
/// Share of the search in which plans are cooled from hot.
const PLANS_SHARE: f64 = 0.4;
/// Iterations per stop of a child.
const CHILD_PER_STOP: f64 = 80.0;

/// Where a search stands: how many coolings are behind it, and how far the present one is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) cooling: u32,
    /// The present cooling is that of a child.
    pub(crate) warm: bool,
    /// 0 is the beginning, 1 the end.
    pub(crate) point: f64,
}

/// The coolings of one chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coolings {
    hot: f64,
    warm: f64,
}

impl Coolings {
    /// For `chains` chains of about `per_stop` iterations per stop each.
    pub(crate) fn new(stops: usize, per_stop: f64, chains: u32) -> Self {
        if stops >= STOPS_MAX || per_stop < PER_STOP_MIN {
            return Self { hot: 1.0, warm: 0.0 };
        }
        let hot = PLANS.div_ceil(chains as usize) as f64;
        Self { hot, warm: libm::floor((1.0 - PLANS_SHARE) * per_stop / CHILD_PER_STOP).max(1.0) }
    }

    /// True where plans are crossed, so that each cooling's best has to be kept.
    pub(crate) fn cross(self) -> bool {
        self.warm > 0.0
    }

    /// At a point of the whole search.
    pub(crate) fn at(self, point: f64) -> Stage {
        let share = if self.warm > 0.0 { PLANS_SHARE } else { 1.0 };
        let (before, span, point) = if point < share {
            (0.0, self.hot, point / share)
        } else {
            (self.hot, self.warm, (point - share) / (1.0 - share))
        };
        if span == 0.0 {
            // The end of a search with one cooling.
            return Stage { cooling: 0, warm: false, point: 1.0 };
        }
        let position = (point * span).min(span - 1e-9);
        Stage {
            cooling: (before + libm::floor(position)) as u32,
            warm: before > 0.0,
            point: position - libm::floor(position),
        }
    }
}

/// The best plans so far, by price, no two of the same price.
#[derive(Debug, Default)]
pub(crate) struct Elite {
    plans: Vec<(i64, Vec<Vec<StopIx>>)>,
}

impl Elite {
    pub(crate) fn add(&mut self, cost: i64, tours: Vec<Vec<StopIx>>) {
        let at = self.plans.partition_point(|plan| plan.0 < cost);
        if self.plans.get(at).is_none_or(|plan| plan.0 != cost) {
            self.plans.insert(at, (cost, tours));
            self.plans.truncate(PLANS);
        }
    }

    /// A child of two random ones, and the units that it does not serve. `None` if there are fewer than two.
    pub(crate) fn child(
        &self,
        problem: &Problem,
        near: &Neighbours,
        random: &mut Random,
    ) -> Option<(Vec<Vec<StopIx>>, Vec<StopIx>)> {
        let first = random.below(self.plans.len());
        let second = (first + 1 + random.below(self.plans.len().checked_sub(1)?)) % self.plans.len();
        let tours = crossed(problem, near, &self.plans[first].1, &self.plans.get(second)?.1, random);
        let absent = absent_units(problem, &tours);
        Some((tours, absent))
    }
}

#[cfg(test)]
mod tests {
    use super::{Coolings, Elite};

    #[test]
    fn every_cooling_has_its_turn_from_its_beginning_to_its_end() {
        for (stops, per_stop, chains) in [(100, 10_000.0, 2), (400, 2_500.0, 1), (400, 100.0, 2), (1_000, 5_000.0, 1)] {
            let coolings = Coolings::new(stops, per_stop, chains);
            let mut last = coolings.at(0.0);
            assert_eq!((last.cooling, last.warm), (0, false));
            for step in 1..=10_000 {
                let now = coolings.at(f64::from(step) / 10_000.0);
                assert!((0.0..=1.0).contains(&now.point), "{now:?}");
                let next = now.cooling == last.cooling + 1 && now.point < 0.2 && last.point > 0.8;
                assert!(next || (now.cooling == last.cooling && now.point >= last.point), "{last:?}, then {now:?}");
                last = now;
            }
            assert_eq!(last.cooling, (coolings.hot + coolings.warm) as u32 - 1);
            assert_eq!(last.warm, coolings.cross());
            assert!(last.point > 0.9, "{last:?}");
        }
    }

    #[test]
    fn the_best_are_kept_and_no_two_alike() {
        let mut elite = Elite::default();
        for cost in [5, 3, 9, 3, 7, 1, 8] {
            elite.add(cost, Vec::new());
        }
        assert_eq!(elite.plans.iter().map(|plan| plan.0).collect::<Vec<_>>(), [1, 3, 5, 7]);
    }
}

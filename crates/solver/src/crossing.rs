//! Long searches of small problems: several plans are cooled from hot, then two of them are crossed again and again, each child
//! cooled from warm. Some hundred stops freeze into a plan of one shape (so many tours in this corner), and more time leaves
//! them there; a child has the shape of one parent here and of the other there.
//!
//! The crossing keeps tours of one plan around a place and takes from the other what still fits (selective route exchange:
//! Nagata & Bräysy 2009); the search puts in what is left over.

use crate::neighbours::Neighbours;
use crate::problem::Problem;
use crate::random::Random;
use crate::recreate::absent_units;

/// Problems above this many stops are not done after one cooling (measured: 1,000 stops at 10 s: 1.5 % with one, 2.1 % with
/// three).
const STOPS_MAX: usize = 600;
/// Iterations per stop from which there is time for it.
const PER_STOP_MIN: f64 = 2_000.0;
/// Plans that are kept, and cooled from hot at first.
const PLANS: usize = 4;
/// Share of the search that cools them.
const PLANS_SHARE: f64 = 0.4;
/// Iterations per stop of a child.
const CHILD_PER_STOP: f64 = 80.0;
/// A child takes so many of the tours of its first parent, percent: at least, and up to so many more.
const KEPT: (usize, usize) = (30, 40);

/// Where a search stands: how many coolings are behind it, and how far the present one is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) cooling: u32,
    /// From warm: a child.
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

    /// At a point of the whole search.
    pub(crate) fn at(self, point: f64) -> Stage {
        let share = if self.warm > 0.0 { PLANS_SHARE } else { 1.0 };
        let (before, span, point) = if point < share {
            (0.0, self.hot, point / share)
        } else {
            (self.hot, self.warm, (point - share) / (1.0 - share))
        };
        let position = if span > 0.0 { (point * span).min(span - 1e-9) } else { 0.0 };
        if span == 0.0 {
            // The very end of a search with one cooling.
            return Stage { cooling: 0, warm: false, point: 1.0 };
        }
        Stage {
            cooling: (before + libm::floor(position)) as u32,
            warm: before > 0.0,
            point: position - libm::floor(position),
        }
    }
}

/// The best plans so far, no two of the same price.
#[derive(Debug, Default)]
pub(crate) struct Elite {
    plans: Vec<(i64, Vec<Vec<u32>>)>,
}

impl Elite {
    pub(crate) fn add(&mut self, cost: i64, tours: Vec<Vec<u32>>) {
        let at = self.plans.partition_point(|plan| plan.0 < cost);
        if self.plans.get(at).is_none_or(|plan| plan.0 != cost) {
            self.plans.insert(at, (cost, tours));
            self.plans.truncate(PLANS);
        }
    }

    /// A child of two of them, and what it does not serve yet.
    pub(crate) fn child(
        &self,
        problem: &Problem,
        near: &Neighbours,
        random: &mut Random,
    ) -> Option<(Vec<Vec<u32>>, Vec<u32>)> {
        let first = random.below(self.plans.len());
        let second = (first + 1 + random.below(self.plans.len().checked_sub(1)?)) % self.plans.len();
        let tours = crossed(problem, near, &self.plans[first].1, &self.plans.get(second)?.1, random);
        let absent = absent_units(problem, &tours);
        Some((tours, absent))
    }
}

/// Tours of the first plan around a random stop; from the second those that lose fewer than half of their stops to them.
fn crossed(
    problem: &Problem,
    near: &Neighbours,
    first: &[Vec<u32>],
    second: &[Vec<u32>],
    random: &mut Random,
) -> Vec<Vec<u32>> {
    let stops = problem.stops.len();
    let used = first.iter().filter(|tour| !tour.is_empty()).count();
    let kept = (used * (KEPT.0 + random.below(KEPT.1)) / 100).max(1);
    let mut tour_of = vec![usize::MAX; stops];
    for (tour, sequence) in first.iter().enumerate() {
        for &stop in sequence {
            tour_of[stop as usize] = tour;
        }
    }
    let mut child = vec![Vec::new(); first.len()];
    let mut taken = vec![false; stops];
    let mut count = 0;
    for &stop in near.near.get(random.below(stops) as u32) {
        let tour = tour_of[stop as usize];
        if count == kept || tour == usize::MAX || !child[tour].is_empty() {
            continue;
        }
        child[tour].clone_from(&first[tour]);
        for &stop in &first[tour] {
            taken[stop as usize] = true;
        }
        count += 1;
    }
    // Both ends of a shipment are on one tour: whole units stay or go.
    for (tour, sequence) in second.iter().enumerate() {
        let left: Vec<u32> = sequence.iter().copied().filter(|&stop| !taken[stop as usize]).collect();
        if 2 * left.len() <= sequence.len() {
            continue;
        }
        let like = |other: &usize| problem.twin[*other] == problem.twin[tour] && child[*other].is_empty();
        let bound = left.iter().any(|&stop| !free(problem, stop));
        let place = std::iter::once(tour).chain(0..if bound { 0 } else { child.len() }).find(like);
        if let Some(place) = place {
            child[place] = left;
        }
    }
    child
}

/// Not bound to a certain vehicle.
fn free(problem: &Problem, stop: u32) -> bool {
    let stop = &problem.stops[stop as usize];
    stop.locked == crate::NONE && stop.barred.is_empty()
}

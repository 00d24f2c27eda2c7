//! Legs that do not exist. Where a stop can only be reached over others, no insertion of one stop after the other finds the way: each
//! of the plans in between has a leg that does not exist. So a search begins on a relaxed problem, in which such legs exist at a high
//! price, and what it finds is the plan to begin with on the real one, where they are forbidden.

use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{LegMatrix, Legs, Problem, ProblemSpec, Role, Solution, UNREACHABLE, absent_units, all_stops};
use crate::schedule::price;
use crate::state::plan_cost;

/// Share of a search that is spent on the relaxed problem.
pub(super) const SHARE: f64 = 0.3;

/// The problem with every missing leg at a high price, if some unit can be served only on a tour with others. `None`: each can be
/// served alone, or not at all.
pub(super) fn relaxed(problem: &Problem) -> Option<Problem> {
    let tables = match problem.legs() {
        Legs::Matrix(matrix) => std::slice::from_ref(matrix),
        Legs::Several(tables) => tables,
        Legs::Asked(_) | Legs::TimeDependent(_) | Legs::Plane { .. } | Legs::Sphere { .. } => return None,
    };
    if !StopIx::first(problem.stops().len()).any(|unit| needs_others(problem, unit)) {
        return None;
    }
    let bridged: Vec<LegMatrix> = tables.iter().map(LegMatrix::with_bridges).collect();
    let legs = if let Legs::Matrix(_) = problem.legs() {
        Legs::Matrix(bridged.into_iter().next()?)
    } else {
        Legs::Several(bridged)
    };
    Problem::new(ProblemSpec { legs, ..problem.spec().clone() }).ok()
}

/// The real problem from what was found on the relaxed one: only tours without missing legs.
pub(super) fn from_relaxed(problem: &Problem, found: Vec<Vec<StopIx>>) -> Problem {
    let initial = TourIx::first(found.len()).zip(found).map(|(tour, sequence)| {
        if price(problem, tour, &sequence).is_some() { sequence } else { problem.initial()[tour.index()].clone() }
    });
    let mut initial: Vec<Vec<StopIx>> = initial.collect();
    // What is left of the given plan may have gone to another tour.
    let mut seen = vec![false; problem.stops().len()];
    for sequence in &mut initial {
        if sequence.iter().any(|stop| seen[stop.index()]) {
            sequence.clear();
        }
        for stop in sequence.iter() {
            seen[stop.index()] = true;
        }
    }
    let spec = ProblemSpec { initial, ..problem.spec().clone() };
    Problem::new(spec).unwrap_or_else(|_| problem.clone())
}

/// What comes of both parts of a search: the plan that the second one found, or the given one if that was better. `first`: rounds and
/// iterations of the first part.
pub(super) fn behind(problem: &Problem, first: (u32, u64), found: Solution) -> Solution {
    let absent = absent_units(problem, problem.initial());
    let cost_before = plan_cost(problem, problem.initial(), &absent);
    let (rounds, iterations) = (found.rounds + first.0, found.iterations + first.1);
    if found.cost <= cost_before {
        return Solution { cost_before, rounds, iterations, ..found };
    }
    let (tours, absent) = (problem.initial().to_vec(), all_stops(problem, &absent));
    Solution { tours, absent, infeasible: Vec::new(), cost: cost_before, cost_before, rounds, iterations }
}

/// True for a unit that no tour can serve alone because of a leg that does not exist, although there are legs to it and from it.
fn needs_others(problem: &Problem, unit: StopIx) -> bool {
    let stop = &problem.stops()[unit.index()];
    if stop.is_second_end() {
        return false;
    }
    let last = if stop.role == Role::Pickup { problem.stops()[stop.mate.index()].node } else { stop.node };
    let exists = |tour: TourIx, a: NodeIx, b: NodeIx| b == NodeIx::NONE || problem.leg(tour, a, b).0 < UNREACHABLE;
    let mut is_barred = false;
    for (tour, spec) in TourIx::all().zip(problem.tours()).filter(|(tour, _)| problem.allows(*tour, unit)) {
        let alone = exists(tour, spec.start_node, stop.node)
            && exists(tour, stop.node, last)
            && exists(tour, last, spec.end_node);
        if alone {
            return false;
        }
        let mut others = problem.stops().iter().map(|other| other.node).filter(|&node| node != stop.node);
        let mut back = others.clone();
        is_barred |= others.any(|node| exists(tour, node, stop.node)) || back.any(|node| exists(tour, last, node));
    }
    is_barred
}

#[cfg(test)]
mod tests {
    use super::behind;
    use crate::index::{NodeIx, StopIx};
    use crate::problem::{LegMatrix, Problem, ProblemSpec, Solution, Stop, TourSpec};

    #[test]
    fn a_plan_that_is_worse_than_the_given_one_does_not_take_its_place() {
        let legs = LegMatrix::from_fn(2, |a, b| (i32::from(a != b), 0));
        let spec = ProblemSpec {
            stops: vec![Stop::job(NodeIx(1))],
            tours: vec![TourSpec { per_hour: 3_600_000, ..TourSpec::at(NodeIx(0)) }],
            legs: legs.into(),
            initial: vec![vec![StopIx(0)]],
            ..ProblemSpec::default()
        };
        let problem = Problem::new(spec).unwrap();
        let none = || Solution { tours: vec![Vec::new()], absent: vec![StopIx(0)], rounds: 2, ..Solution::default() };
        let kept = behind(&problem, (3, 40), Solution { cost: 1_000_000_000, ..none() });
        assert_eq!((kept.tours, kept.absent.len(), kept.rounds), (vec![vec![StopIx(0)]], 0, 5));
        assert_eq!((kept.cost, kept.cost_before, kept.iterations), (1, 1, 40));
        let better = behind(&problem, (3, 40), Solution { cost: 0, ..none() });
        assert_eq!((better.cost, better.cost_before, better.rounds), (0, 1, 5));
    }
}

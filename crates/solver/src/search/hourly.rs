//! Travel times that depend on the hour of departure.
//!
//! The search itself works with constant legs: the legs from a node are those of the hour at which the plan so far leaves it. The plan
//! that it finds is then driven with the real times (in which a later departure never arrives earlier) and is kept only if it is
//! better than the plan before. The next part of the search takes the legs of the hours of the better plan.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::limits::SearchLimits;
use super::rounds::{replica_seed, solve_constant};
use crate::index::{NodeIx, StopIx, TourIx};
use crate::interrupt::Interrupt;
use crate::moves::insert_into;
use crate::problem::{LegMatrix, Legs, Problem, ProblemSpec, Role, Solution, UNREACHABLE, absent_units, all_stops};
use crate::random::mix;
use crate::schedule::{drive, price};
use crate::state::{Local, State};

/// Number of parts of a search; the legs are read again before each.
const PARTS: u32 = 4;
/// For how many units that the search with constant legs left out all positions are driven with the real times.
const WALKED_MAX: usize = 16;
/// How many tours may be driven at the end to move single units: this takes some 10 ms.
const DRIVES_MAX: usize = 20_000;

/// The same problem with constant legs: those from a node are as they are when these tours leave it. Its initial plan are these tours.
pub(crate) fn frozen(problem: &Problem, tours: &[Vec<StopIx>]) -> Problem {
    let Legs::TimeDependent(legs) = &problem.legs() else { return problem.clone() };
    let n = legs.nodes();
    // A node that no tour leaves is left when the window of its stop opens, or when the vehicle that starts there does.
    let mut leaves = vec![i32::MIN; n];
    for stop in problem.stops() {
        let opens = stop.windows.first().map_or(i32::MIN, |&(opens, _)| opens);
        leaves[stop.node.index()] = leaves[stop.node.index()].max(opens);
    }
    for spec in problem.tours() {
        leaves[spec.start_node.index()] = spec.start_at;
    }
    for (tour, sequence) in TourIx::all().zip(tours) {
        let node = |stop: StopIx| problem.stops()[stop.index()].node.index();
        let _driven = drive(problem, tour, sequence.iter().copied(), i64::MAX, |stop, timed| {
            leaves[node(stop)] = timed.departure;
        });
    }
    // Nobody leaves before the first tour begins.
    let begins = problem.tours().iter().map(|spec| spec.start_at).min().unwrap_or(0);
    let spans = |at: i32| (legs.spans_from(at).0, legs.spans_from(at.max(begins)).1);
    let at: Vec<((usize, usize), NodeIx)> = (0..n).map(|node| (spans(leaves[node]), NodeIx(node as u32))).collect();
    if let Some(asked) = legs.asked_in(at.iter().map(|&(spans, _)| spans)) {
        let driven = TourIx::all().zip(tours).flat_map(|(tour, sequence)| {
            let stops = sequence.iter().map(|&stop| problem.stops()[stop.index()].node);
            let nodes: Vec<NodeIx> = std::iter::once(problem.tours()[tour.index()].start_node).chain(stops).collect();
            (1..nodes.len()).map(move |at| (nodes[at - 1], nodes[at]))
        });
        return with_legs(problem, tours, Legs::Asked(asked.keeping(driven)));
    }
    // One row of each span is read before the others are read in parallel: what the source prepares for a span it prepares once.
    let mut prepared = vec![false; legs.spans()];
    for &((span, _), node) in &at {
        if !std::mem::replace(&mut prepared[span], true) {
            legs.row(span, node);
        }
    }
    let rows: Vec<&[(i32, i32)]> = at.par_iter().map(|&((span, _), node)| legs.row(span, node)).collect();
    let leg = |a: usize, b: usize| {
        let found = rows[a][b];
        if found.0 < UNREACHABLE { found } else { legs.open_leg(at[a].0, NodeIx(a as u32), NodeIx(b as u32)) }
    };
    with_legs(problem, tours, LegMatrix::from_fn(n, leg).into())
}

/// The same problem with other legs and another plan to start from.
fn with_legs(problem: &Problem, tours: &[Vec<StopIx>], legs: Legs) -> Problem {
    Problem::new(ProblemSpec {
        stops: problem.stops().to_vec(),
        tours: problem.tours().to_vec(),
        legs,
        weights: *problem.weights(),
        initial: tours.to_vec(),
        relations: problem.spec().relations.clone(),
        docks: problem.spec().docks.clone(),
    })
    .expect("the same stops, and tours that were legal")
}

/// The objective of a plan as it is really driven. A tour that cannot be driven (as it was given) counts as if times were constant.
pub(crate) fn exact_cost(problem: &Problem, tours: &[Vec<StopIx>]) -> i64 {
    let absent = absent_units(problem, tours);
    let unserved: i64 = absent.iter().map(|&unit| problem.stops()[unit.index()].unserved).sum();
    let prices: Vec<Option<i64>> =
        TourIx::all().zip(tours).map(|(tour, sequence)| price(problem, tour, sequence)).collect();
    if let Some(sum) = prices.iter().copied().sum::<Option<i64>>() {
        return sum + unserved;
    }
    let constant = frozen(problem, tours);
    let local = Local::whole(&constant);
    let as_if = State::of_whole(&local, tours, &absent).costs;
    prices.iter().zip(as_if).map(|(price, as_if)| price.unwrap_or(as_if)).sum::<i64>() + unserved
}

/// Removes stops from the end of each tour that cannot be driven, those that are locked to it last, until it can be driven; then puts
/// absent units where they are cheapest. Every tour can be driven afterwards, for an empty one can.
fn settled(problem: &Problem, mut tours: Vec<Vec<StopIx>>) -> Vec<Vec<StopIx>> {
    for (tour, sequence) in TourIx::all().zip(&mut tours) {
        while price(problem, tour, sequence).is_none() {
            let free = |&&stop: &&StopIx| problem.stops()[stop.index()].locked == TourIx::NONE;
            let Some(&last) = sequence.iter().rev().find(free).or(sequence.last()) else { break };
            let mate = problem.stops()[last.index()].mate;
            sequence.retain(|&stop| stop != last && (mate == StopIx::NONE || stop != mate));
        }
    }
    let mut prices: Vec<Option<i64>> =
        TourIx::all().zip(&tours).map(|(tour, sequence)| price(problem, tour, sequence)).collect();
    for unit in absent_units(problem, &tours).into_iter().take(WALKED_MAX) {
        let best = TourIx::first(problem.tours().len())
            .filter(|&tour| problem.allows(tour, unit))
            .filter_map(|tour| {
                let before = prices[tour.index()]?;
                let (added, sequence) = cheapest(problem, tour, &tours[tour.index()], unit, before)?;
                Some((added, tour, sequence))
            })
            .min_by_key(|&(added, tour, _)| (added, tour));
        if let Some((added, tour, sequence)) = best
            && added < problem.stops()[unit.index()].unserved
        {
            prices[tour.index()] = prices[tour.index()].map(|before| before + added);
            tours[tour.index()] = sequence;
        }
    }
    tours
}

/// The cheapest of all positions of a unit in a tour, each driven with the real times: by how much the tour becomes dearer than `before`,
/// and its new sequence.
fn cheapest(
    problem: &Problem,
    tour: TourIx,
    sequence: &[StopIx],
    unit: StopIx,
    before: i64,
) -> Option<(i64, Vec<StopIx>)> {
    let mate = problem.stops()[unit.index()].mate;
    let mut best: Option<(i64, Vec<StopIx>)> = None;
    for at in 0..=sequence.len() {
        let ends = if mate == StopIx::NONE { at..at + 1 } else { at + 1..sequence.len() + 2 };
        for end in ends {
            let mut with = sequence.to_vec();
            with.insert(at, unit);
            if mate != StopIx::NONE {
                with.insert(end, mate);
            }
            if let Some(price) = price(problem, tour, &with)
                && best.as_ref().is_none_or(|&(added, _)| price - before < added)
            {
                best = Some((price - before, with));
            }
        }
    }
    best
}

/// Moves single units to their cheapest positions with the real times, until none gains or [`DRIVES_MAX`] tours have been driven.
fn relocated(problem: &Problem, mut tours: Vec<Vec<StopIx>>) -> Vec<Vec<StopIx>> {
    let mut drives = DRIVES_MAX;
    let mut gained = true;
    while std::mem::take(&mut gained) {
        for unit in StopIx::first(problem.stops().len()).filter(|&stop| {
            let stop = &problem.stops()[stop.index()];
            stop.role != Role::Delivery || stop.mate == StopIx::NONE
        }) {
            let mate = problem.stops()[unit.index()].mate;
            let Some(from) = tours.iter().position(|sequence| sequence.contains(&unit)) else { continue };
            let from = TourIx(from as u32);
            let without: Vec<StopIx> =
                tours[from.index()].iter().copied().filter(|&stop| stop != unit && stop != mate).collect();
            let now = price(problem, from, &tours[from.index()]);
            let (Some(now), Some(rest)) = (now, price(problem, from, &without)) else { continue };
            let best = TourIx::first(problem.tours().len())
                .filter(|&tour| problem.allows(tour, unit))
                .filter_map(|tour| {
                    let there = if tour == from { &without } else { &tours[tour.index()] };
                    let positions = there.len() + 1;
                    drives = drives.checked_sub(if mate == StopIx::NONE {
                        positions
                    } else {
                        positions * (positions + 1) / 2
                    })?;
                    let before = if tour == from { rest } else { price(problem, tour, there)? };
                    let (added, sequence) = cheapest(problem, tour, there, unit, before)?;
                    Some((added, tour, sequence))
                })
                .min_by_key(|&(added, tour, _)| (added, tour));
            if let Some((added, tour, sequence)) = best
                && added < now - rest
            {
                tours[from.index()] = without;
                tours[tour.index()] = sequence;
                gained = true;
            }
        }
    }
    tours
}

fn solution_of(problem: &Problem, tours: Vec<Vec<StopIx>>) -> Solution {
    let absent = all_stops(problem, &absent_units(problem, &tours));
    let cost_before = exact_cost(problem, problem.initial());
    let cost = exact_cost(problem, &tours);
    Solution { tours, absent, infeasible: Vec::new(), cost, cost_before, rounds: 0, iterations: 0 }
}

/// A solution for constant legs as it is driven with the real times, or the initial plan if that is better.
pub(crate) fn settle(problem: &Problem, found: Solution) -> Solution {
    let (rounds, iterations) = (found.rounds, found.iterations);
    let [found, before] =
        [found.tours, problem.initial().to_vec()].map(|tours| solution_of(problem, settled(problem, tours)));
    let best = if found.cost <= before.cost { found } else { before };
    Solution { rounds, iterations, ..best }
}

/// [`crate::insert`] with times that depend on the hour.
pub(crate) fn insert_timed(problem: &Problem) -> Solution {
    let tours = insert_into(&frozen(problem, problem.initial()), problem.initial(), Interrupt::NEVER).tours;
    solution_of(problem, settled(problem, tours))
}

/// [`crate::solve`] with times that depend on the hour. Each replica is a search of its own: which of their plans is the best is known only
/// when they are driven with the real times.
pub(crate) fn solve_timed(problem: &Problem, limits: &SearchLimits, stop: &AtomicBool) -> Solution {
    let replicas = if limits.fewest_vehicles { 1 } else { limits.replicas.max(1) };
    let searches: Vec<Solution> = (0..replicas)
        .into_par_iter()
        .map(|replica| {
            let seed = replica_seed(limits.seed, replica);
            solve_in_parts(problem, &SearchLimits { seed, replicas: 1, ..*limits }, stop)
        })
        .collect();
    let rounds = searches.iter().map(|found| found.rounds).max().unwrap_or(0);
    let iterations = searches.iter().map(|found| found.iterations).sum();
    let best = searches.into_iter().min_by_key(|found| found.cost).expect("there is at least one replica");
    Solution { rounds, iterations, ..best }
}

/// One search, in parts between which the legs are read again at the hours of the better plan.
fn solve_in_parts(problem: &Problem, limits: &SearchLimits, stop: &AtomicBool) -> Solution {
    let mut best = insert_timed(problem);
    let parts = PARTS.min(limits.rounds);
    // Rounds since something better was found.
    let mut vain = 0;
    for part in 0..parts {
        let rounds = limits.rounds * (part + 1) / parts - limits.rounds * part / parts;
        let seed = if part == 0 { limits.seed } else { mix(limits.seed ^ u64::from(part) << 48) };
        let part_limits = SearchLimits { rounds, seed, warm: limits.warm || part > 0, ..*limits };
        let found = solve_constant(&frozen(problem, &best.tours), &part_limits, stop);
        best.rounds += found.rounds;
        best.iterations += found.iterations;
        vain += found.rounds;
        let is_in_vain = limits.patience.is_some_and(|most| vain >= most) && found.cost >= found.cost_before;
        let last = part + 1 == parts || is_in_vain || stop.load(Ordering::Relaxed);
        let mut tours = settled(problem, found.tours);
        if last {
            tours = relocated(problem, tours);
        }
        let cost = exact_cost(problem, &tours);
        if cost < best.cost {
            best.absent = all_stops(problem, &absent_units(problem, &tours));
            (best.tours, best.cost) = (tours, cost);
            vain = 0;
        }
        if last {
            break;
        }
    }
    best
}

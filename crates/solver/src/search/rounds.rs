//! Rounds of ruin and recreate under simulated annealing, in parallel over disjoint pieces of whole tours.
//!
//! In a round, the tours are cut into pieces, each piece runs a fixed number of iterations with a seed of its own, and the results
//! are joined in order. The caller can stop the search between rounds only, so that the number of rounds determines the result,
//! whatever the number of threads.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::anneal::{Effort, PieceResult, anneal, logarithms};
use super::changes::{ChangeLimit, dealt_out};
use super::crossing::{Coolings, Elite};
use super::cut::{PIECE_STOPS, Piece, cut};
use super::heat::heat;
use super::limits::{Pace, Progress, SearchLimits};
use super::shrink::Shrinking;
use crate::index::{LocalStop, StopIx, TourIx};
use crate::interrupt::Interrupt;
use crate::moves::{Ruin, construct, has_mixed_savings, insert_into};
use crate::problem::{Problem, Solution, absent_units, all_stops};
use crate::random::{Random, mix};
use crate::rules::relations::keep;
use crate::schedule::docks;
use crate::state::{Local, Neighbours, plan_cost};

/// Most iterations of a piece in a round, for each of its stops: in a search from nothing, and in one that begins with a good plan
/// (where some 3,000 in all are enough: measured in the prototype).
const ITERATIONS_PER_STOP: u32 = 10;
const ITERATIONS_PER_STOP_WARM: u32 = 2;
/// Up to this many absent units are inserted by regret, one by one; more by a faster construction.
const REGRET_MAX: usize = 200;
/// Share of a search for the fewest vehicles that empties tours.
const SHRINK_SHARE: f64 = 0.6;
/// Temperature while tours are emptied, as a multiple of the last temperature of the search: low, so that what is gained in room is
/// kept.
const SHRINK_HEAT: f64 = 3.0;
/// While the first temperature is being looked for, rounds are this many times shorter.
const TRIAL_SHARE: u32 = 3;
/// By what share the first round may make a plan dearer, for every 100 iterations per stop above the first 100. If it does so by more,
/// the first temperature is too high: the search would spend its time on coming back.
const RISE: f64 = 0.005;

/// Tells the random numbers of crossings from others.
const CROSSING: u64 = 0x6372_6f73;

/// `solve` for legs that do not depend on the hour, from a plan as it is.
pub(crate) fn solve_constant(problem: &Problem, limits: &SearchLimits, stop: &AtomicBool) -> Solution {
    let pieces = (problem.stops().len() as u64 / 250).max(1);
    let per_stop = if limits.warm { ITERATIONS_PER_STOP_WARM } else { ITERATIONS_PER_STOP };
    let round = u64::from(limits.iterations).min(problem.stops().len() as u64 * u64::from(per_stop));
    let expected = u64::from(limits.rounds) * round * pieces;
    // The best cost so far, and after which round it was found.
    let mut found = (i64::MAX, 0);
    let pace = |progress: Progress<'_>| {
        if progress.cost < found.0 {
            found = (progress.cost, progress.rounds);
        }
        let is_in_vain = limits.patience.is_some_and(|most| progress.rounds - found.1 >= most);
        if progress.rounds >= limits.rounds || is_in_vain || stop.load(Ordering::Relaxed) {
            return Pace::Stop;
        }
        Pace::Go(f64::from(progress.rounds) / f64::from(limits.rounds.saturating_sub(1).max(1)))
    };
    search(problem, limits, expected, Interrupt::NEVER, pace).best
}

/// The result of a search.
pub(crate) struct Found {
    pub(crate) best: Solution,
    /// If there were several chains: the tours that the first one would have found alone.
    pub(crate) alone: Option<Vec<Vec<StopIx>>>,
}

/// The best plan so far.
#[derive(Clone)]
struct Best {
    cost: i64,
    tours: Vec<Vec<StopIx>>,
}

impl Best {
    fn offer(&mut self, cost: i64, tours: impl FnOnce() -> Vec<Vec<StopIx>>) {
        if cost < self.cost {
            *self = Self { cost, tours: tours() };
        }
    }

    fn dealt_out(self, problem: &Problem) -> Self {
        let tours = dealt_out(problem, self.tours);
        Self { cost: plan_cost(problem, &tours, &absent_units(problem, &tours)), tours }
    }
}

/// Rounds of ruin and recreate over constant legs, until `pace` says stop.
pub(crate) fn search(
    problem: &Problem,
    limits: &SearchLimits,
    expected: u64,
    interrupt: Interrupt<'_>,
    mut pace: impl FnMut(Progress<'_>) -> Pace,
) -> Found {
    if problem.stops().is_empty() || problem.tours().is_empty() {
        return Found { best: insert_into(problem, problem.initial(), interrupt), alone: None };
    }
    let near = Neighbours::new(problem);
    let initially_absent = absent_units(problem, problem.initial());
    let related = problem.is_one_piece();
    let (tours, cost_before) = if related && initially_absent.len() > REGRET_MAX {
        // The first iteration of the search puts everything in: constructions look at each tour for itself.
        let mut tours = problem.initial().to_vec();
        keep(problem, &mut tours);
        docks::keep(problem, &mut tours);
        (tours, plan_cost(problem, problem.initial(), &initially_absent))
    } else if initially_absent.len() <= REGRET_MAX {
        let answer = insert_into(problem, problem.initial(), interrupt);
        let mut tours = answer.tours;
        if has_mixed_savings(problem) && !related {
            // Constructions look at each tour for itself.
            let cost = |tours: &[Vec<StopIx>]| plan_cost(problem, tours, &absent_units(problem, tours));
            let other = construct(problem, &near, limits.seed, interrupt);
            if cost(&other) < cost(&tours) {
                tours = other;
            }
        }
        (tours, answer.cost_before)
    } else {
        let mut tours = construct(problem, &near, limits.seed, interrupt);
        let left = absent_units(problem, &tours).len();
        if left > 0 && left <= REGRET_MAX && !problem.weights().hard {
            // The construction inserts nothing late. What is left may be late.
            tours = insert_into(problem, &tours, interrupt).tours;
        }
        (tours, plan_cost(problem, problem.initial(), &initially_absent))
    };
    let absent = absent_units(problem, &tours);
    let mut best = Best { cost: plan_cost(problem, &tours, &absent), tours: tours.clone() };
    let (mut rounds, mut iterations) = (0, 0);
    let logs = logarithms();
    let leg = mean_leg(problem, &tours);
    let mut heat = heat(problem, limits, expected, leg);
    let first_cost = best.cost;
    let per_stop_in_all = expected as f64 / problem.stops().len() as f64;
    let rise =
        (length_of(problem, &absent, best.cost) as f64 * RISE * (per_stop_in_all - 100.0).max(0.0) / 100.0) as i64;
    let ruin = Ruin::new(per_stop_in_all);
    let mut calibrating = !limits.warm && !limits.fewest_vehicles;
    let per_stop = if limits.warm { ITERATIONS_PER_STOP_WARM } else { ITERATIONS_PER_STOP };
    let mut shrinking = Shrinking::new(problem);
    let replicas = if limits.fewest_vehicles { 1 } else { limits.replicas.max(1) };
    let mut limit = limits.changes_max.map(|most| ChangeLimit::new(problem, most, leg));
    let one_cooling = limits.warm || limits.fewest_vehicles || limit.is_some() || related;
    let per_stop_crossed = if one_cooling { 0.0 } else { per_stop_in_all };
    let mut chains: Vec<Chain> = (0..replicas)
        .map(|replica| {
            let seed = replica_seed(limits.seed, replica);
            // The first chain is cooled as if there were no other.
            let side_by_side = if replica == 0 { 1 } else { replicas };
            let coolings = Coolings::new(problem.stops().len(), per_stop_crossed, side_by_side);
            Chain { seed, tours: tours.clone(), absent: absent.clone(), best: None, coolings, cooling: 0 }
        })
        .collect();
    // What the first chain would have found alone. Nothing else leads it; the others are led by what any chain found.
    let mut alone = (replicas > 1).then(|| best.clone());
    let (mut elite_alone, mut elite) = (Elite::default(), Elite::default());
    while let Pace::Go(point) = pace(Progress { rounds, iterations, cost: best.cost, tours: &best.tours }) {
        let point = if limits.fewest_vehicles {
            let Chain { tours, absent, .. } = &mut chains[0];
            if point < SHRINK_SHARE && absent.is_empty() {
                let temperature = heat.at(1.0) * SHRINK_HEAT;
                iterations += shrinking.round(problem, &near, tours, &logs, temperature, (limits.seed, rounds));
                let cost = plan_cost(problem, tours, absent);
                if cost <= best.cost {
                    best.cost = cost;
                    best.tours.clone_from(tours);
                }
                rounds += 1;
                continue;
            }
            ((point - SHRINK_SHARE) / (1.0 - SHRINK_SHARE)).max(0.0)
        } else {
            point
        };
        let mut turned = vec![false; chains.len()];
        for (index, chain) in chains.iter_mut().enumerate() {
            let stage = chain.coolings.at(point);
            turned[index] = stage.warm && stage.cooling != chain.cooling;
            if stage.cooling != chain.cooling {
                chain.cooling = stage.cooling;
                if let Some((cost, tours)) = chain.best.take() {
                    if index == 0 {
                        elite_alone.add(cost, tours.clone());
                    }
                    elite.add(cost, tours);
                }
            }
        }
        for (index, chain) in chains.iter_mut().enumerate().filter(|&(index, _)| turned[index]) {
            let parents = if index == 0 { &elite_alone } else { &elite };
            let mut random = Random::new(chain.seed ^ CROSSING, chain.cooling, 0);
            if let Some((tours, absent)) = parents.child(problem, &near, &mut random) {
                (chain.tours, chain.absent) = (tours, absent);
            }
        }
        let most = if calibrating { limits.iterations / TRIAL_SHARE } else { limits.iterations };
        let priced = limit.as_ref().map_or(problem, |limit| &limit.problem);
        let round = |chain: &mut Chain| {
            let stage = chain.coolings.at(point);
            let temperature = if stage.warm { heat.warm(stage.point) } else { heat.at(stage.point) };
            let effort = Effort { temperature, cold: heat.at(1.0) * SHRINK_HEAT, ruin, iterations: most, per_stop };
            chain.round((priced, &near, interrupt.in_rounds()), &logs, effort, rounds)
        };
        let outcomes: Vec<Outcome> = chains.par_iter_mut().map(round).collect();
        rounds += 1;
        for (index, (chain, outcome)) in chains.iter_mut().zip(&outcomes).enumerate() {
            iterations += outcome.iterations;
            let plan = || outcome.plan(problem.tours().len());
            if chain.coolings.cross() && chain.best.as_ref().is_none_or(|best| outcome.best_cost < best.0) {
                chain.best = Some((outcome.best_cost, plan()));
            }
            let mut alone = alone.as_mut().filter(|_| index == 0);
            let mut offer = |cost: i64, tours: &dyn Fn() -> Vec<Vec<StopIx>>| {
                if let Some(alone) = &mut alone {
                    alone.offer(cost, tours);
                }
                best.offer(cost, tours);
            };
            let Some(limit) = &limit else {
                offer(outcome.best_cost, &plan);
                continue;
            };
            // In this round a change has another price than in the problem, so that plans have to be priced again.
            for tours in [&plan(), &chain.tours] {
                if limit.allows(tours) {
                    offer(plan_cost(problem, tours, &absent_units(problem, tours)), &|| tours.clone());
                }
            }
        }
        if let Some(limit) = &mut limit {
            limit.follow(&chains[0].tours);
        }
        if calibrating {
            // If the plan has become too much dearer, the search begins again from the best plan, at half the temperature.
            calibrating = outcomes[0].cost > first_cost.saturating_add(rise) && heat.halve();
            if calibrating {
                for (index, chain) in chains.iter_mut().enumerate() {
                    let from = alone.as_ref().filter(|_| index == 0).unwrap_or(&best);
                    chain.tours.clone_from(&from.tours);
                    chain.absent = absent_units(problem, &from.tours);
                }
            }
        }
    }
    if problem.promised() || limit.is_some() {
        best = best.dealt_out(problem);
        alone = alone.map(|alone| alone.dealt_out(problem));
        if let Some(alone) = alone.as_ref().filter(|alone| alone.cost < best.cost) {
            best.clone_from(alone);
        }
    }
    let absent = all_stops(problem, &absent_units(problem, &best.tours));
    let Best { cost, tours } = best;
    let best = Solution { tours, absent, infeasible: Vec::new(), cost, cost_before, rounds, iterations };
    Found { best, alone: alone.map(|alone| alone.tours) }
}

/// The seed of one of several searches of one problem. The first one has the seed of a single search.
pub(crate) fn replica_seed(seed: u64, replica: u32) -> u64 {
    if replica == 0 { seed } else { mix(seed ^ u64::from(replica) << 32) }
}

/// What a plan costs without the price of what it does not serve.
fn length_of(problem: &Problem, absent: &[StopIx], cost: i64) -> i64 {
    cost - absent.iter().map(|&unit| problem.stops()[unit.index()].unserved).sum::<i64>()
}

/// A plan that is being improved, with random numbers of its own: a Markov chain of simulated annealing.
struct Chain {
    seed: u64,
    tours: Vec<Vec<StopIx>>,
    absent: Vec<StopIx>,
    /// Where plans are crossed: the best plan of the present cooling.
    best: Option<(i64, Vec<Vec<StopIx>>)>,
    coolings: Coolings,
    /// The number of the present cooling.
    cooling: u32,
}

/// What a round made of a chain.
struct Outcome {
    /// Where it stands now.
    cost: i64,
    /// The sum of the best costs of its pieces.
    best_cost: i64,
    best: Vec<(TourIx, Vec<StopIx>)>,
    iterations: u64,
}

impl Outcome {
    /// The best plan, put together from the best of its pieces. Vehicles that are in no piece are unused in it.
    fn plan(&self, vehicles: usize) -> Vec<Vec<StopIx>> {
        let mut tours = vec![Vec::new(); vehicles];
        for (tour, sequence) in &self.best {
            tours[tour.index()].clone_from(sequence);
        }
        tours
    }
}

impl Chain {
    fn round(
        &mut self,
        (problem, near, interrupt): (&Problem, &Neighbours, Interrupt<'_>),
        logs: &[f64],
        effort: Effort,
        round: u32,
    ) -> Outcome {
        let (pieces, at) = cut(problem, near, &self.tours, &self.absent, (self.seed, round), PIECE_STOPS);
        let results: Vec<PieceResult> = pieces
            .into_par_iter()
            .enumerate()
            .map(|(index, piece)| {
                let random = Random::new(self.seed, round, index as u32);
                let most = effort.iterations.min((piece.stops.len() as u32 * effort.per_stop).max(20));
                let Piece { stops, tours: mine, absent } = piece;
                let local = Local::piece(problem, near, &at, index as u32, stops, mine).until(interrupt);
                let sequences: Vec<Vec<LocalStop>> = local
                    .tours
                    .iter()
                    .map(|&tour| self.tours[tour.index()].iter().map(|&stop| at[stop].1).collect())
                    .collect();
                let waiting = absent.iter().map(|&unit| at[unit].1).collect();
                anneal(&local, &sequences, waiting, logs, Effort { iterations: most, ..effort }, random)
            })
            .collect();
        let mut outcome = Outcome { cost: 0, best_cost: 0, best: Vec::new(), iterations: 0 };
        self.absent.clear();
        for result in results {
            for (tour, sequence) in result.current {
                self.tours[tour.index()] = sequence;
            }
            self.absent.extend(result.absent);
            outcome.cost += result.cost;
            outcome.best_cost += result.best_cost;
            outcome.best.extend(result.best);
            outcome.iterations += u64::from(result.iterations);
        }
        outcome
    }
}

/// Mean price of a leg of the plan, at least 1.
fn mean_leg(problem: &Problem, tours: &[Vec<StopIx>]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (tour, sequence) in TourIx::all().zip(tours) {
        let mut node = problem.tours()[tour.index()].start_node;
        for &stop in sequence {
            sum += f64::from(problem.hop(tour, node, stop).1);
            count += 1.0;
            node = problem.stops()[stop.index()].node;
        }
    }
    if count == 0.0 { 1_000_000.0 } else { (sum / count).max(1.0) }
}

//! Rounds of ruin and recreate under simulated annealing, in parallel over disjoint pieces of whole tours.
//!
//! A round: cut the tours into pieces, let each run a fixed number of iterations with its own seed, join in order. The
//! caller is asked between rounds only, so the number of rounds replays the search on any number of threads.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::anneal::{Effort, PieceResult, anneal, logarithms};
use crate::changes::{ChangeLimit, dealt_out};
use crate::construct::construct;
use crate::crossing::{Coolings, Elite};
use crate::cut::{PIECE_STOPS, Piece, cut};
use crate::heat::heat;
use crate::local::Local;
use crate::neighbours::Neighbours;
use crate::problem::{Problem, Solution};
use crate::random::{Random, mix};
use crate::recreate::{absent_units, all_stops, insert_into};
use crate::repair::repaired;
use crate::ruin::Ruin;
use crate::shrink::Shrinking;
use crate::state::State;
use crate::time_dependent::{settle, solve_timed};

/// A small piece runs this many iterations for each stop in a round: from nothing, and around a good plan (where some
/// 3,000 in all are enough: measured in the prototype).
const ITERATIONS_PER_STOP: u32 = 10;
const ITERATIONS_PER_STOP_WARM: u32 = 2;
/// Up to this many absent units are placed by regret, one by one; more by a construction.
const REGRET_MAX: usize = 200;
/// Share of a search for the fewest vehicles that empties tours.
const SHRINK_SHARE: f64 = 0.6;
/// Temperature while tours are emptied, in last temperatures: cool, so that what is gained in room is kept.
const SHRINK_HEAT: f64 = 3.0;
/// While the first temperature is looked for, rounds are shorter by this factor.
const TRIAL_SHARE: u32 = 3;
/// By how much the first round may lengthen a plan, for every 100 iterations per stop above the first 100: a start that is
/// hotter spends its time on coming back.
const RISE: f64 = 0.005;

/// Tells the random numbers of crossings from others.
const CROSSING: u64 = 0x6372_6f73;

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
    /// Half of the search empties tours, the other half shortens those that are left. For problems in which a vehicle's
    /// `fixed` price is above any detour.
    pub fewest_vehicles: bool,
    /// At most so many stops leave their `home`. `None`: what a change costs is all that limits them.
    pub changes_max: Option<u32>,
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
    pub tours: &'s [Vec<u32>],
}

/// What the caller wants next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// One more round, at this point of the cooling: 0 is hot, 1 is cold.
    Go(f64),
    /// Enough.
    Stop,
}

/// Improves the problem's initial plan by `limits.rounds` rounds. Reads `stop` between rounds.
///
/// Where the initial plan can be driven, the result is never worse than it. A tour of it that cannot be driven loses stops first,
/// as [`insert`] says.
pub fn solve(problem: &Problem, limits: &SearchLimits, stop: &AtomicBool) -> Solution {
    repaired(problem, |problem, _| {
        if problem.is_time_dependent() {
            solve_timed(problem, limits, stop)
        } else {
            solve_constant(problem, limits, stop)
        }
    })
}

/// [`solve`] for legs that do not depend on the hour, from a plan as it is.
pub(crate) fn solve_constant(problem: &Problem, limits: &SearchLimits, stop: &AtomicBool) -> Solution {
    let pieces = (problem.stops.len() as u64 / 250).max(1);
    let per_stop = if limits.warm { ITERATIONS_PER_STOP_WARM } else { ITERATIONS_PER_STOP };
    let round = u64::from(limits.iterations).min(problem.stops.len() as u64 * u64::from(per_stop));
    let expected = u64::from(limits.rounds) * round * pieces;
    let pace = |progress: Progress<'_>| {
        if progress.rounds >= limits.rounds || stop.load(Ordering::Relaxed) {
            return Pace::Stop;
        }
        Pace::Go(f64::from(progress.rounds) / f64::from(limits.rounds.saturating_sub(1).max(1)))
    };
    search(problem, limits, expected, pace).best
}

/// Improves the problem's initial plan for as long as the caller says, which may read a clock: `pace` is asked before the
/// first round and after each. `expected` is about how many iterations there will be; it sets the first temperature. Legs that
/// depend on the hour are taken as they are at the beginning; [`solve`] reads them again at the hours of better plans.
pub fn solve_with(
    problem: &Problem,
    limits: &SearchLimits,
    expected: u64,
    mut pace: impl FnMut(Progress<'_>) -> Pace,
) -> Solution {
    repaired(problem, |problem, repair| {
        let pace = |progress: Progress<'_>| match repair {
            None => pace(progress),
            Some(repair) => {
                let cost = progress.cost + repair.cost_kept;
                pace(Progress { cost, tours: &repair.whole_tours(progress.tours), ..progress })
            }
        };
        if problem.is_time_dependent() && !problem.stops.is_empty() && !problem.tours.is_empty() {
            let Found { best, alone } = search(&problem.frozen(&problem.initial), limits, expected, pace);
            // Which of two plans is the better one when it is really driven, constant legs do not know.
            let alone = alone.map(|tours| settle(problem, Solution { tours, ..best.clone() }));
            let best = settle(problem, best);
            return alone.filter(|alone| alone.cost < best.cost).unwrap_or(best);
        }
        search(problem, limits, expected, pace).best
    })
}

/// What a search found.
struct Found {
    best: Solution,
    /// Of several chains: the tours that the first one would have found alone.
    alone: Option<Vec<Vec<u32>>>,
}

/// The best plan so far.
#[derive(Clone)]
struct Best {
    cost: i64,
    tours: Vec<Vec<u32>>,
}

impl Best {
    fn offer(&mut self, cost: i64, tours: impl FnOnce() -> Vec<Vec<u32>>) {
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
fn search(
    problem: &Problem,
    limits: &SearchLimits,
    expected: u64,
    mut pace: impl FnMut(Progress<'_>) -> Pace,
) -> Found {
    if problem.stops.is_empty() || problem.tours.is_empty() {
        return Found { best: insert_into(problem, &problem.initial), alone: None };
    }
    let near = Neighbours::new(problem);
    let initially_absent = absent_units(problem, &problem.initial);
    let (tours, cost_before) = if initially_absent.len() <= REGRET_MAX {
        let answer = insert_into(problem, &problem.initial);
        (answer.tours, answer.cost_before)
    } else {
        let mut tours = construct(problem, &near, limits.seed);
        let left = absent_units(problem, &tours).len();
        if left > 0 && left <= REGRET_MAX && !problem.weights.hard {
            // What cannot be on time may be late.
            tours = insert_into(problem, &tours).tours;
        }
        (tours, plan_cost(problem, &problem.initial, &initially_absent))
    };
    let absent = absent_units(problem, &tours);
    let mut best = Best { cost: plan_cost(problem, &tours, &absent), tours: tours.clone() };
    let (mut rounds, mut iterations) = (0, 0);
    let logs = logarithms();
    let leg = mean_leg(problem, &tours);
    let mut heat = heat(problem, limits, expected, leg);
    let first_cost = best.cost;
    let per_stop_in_all = expected as f64 / problem.stops.len() as f64;
    let rise =
        (length_of(problem, &absent, best.cost) as f64 * RISE * (per_stop_in_all - 100.0).max(0.0) / 100.0) as i64;
    let ruin = Ruin::new(per_stop_in_all);
    let mut calibrating = !limits.warm && !limits.fewest_vehicles;
    let per_stop = if limits.warm { ITERATIONS_PER_STOP_WARM } else { ITERATIONS_PER_STOP };
    let mut shrinking = Shrinking::new(problem);
    let replicas = if limits.fewest_vehicles { 1 } else { limits.replicas.max(1) };
    let mut limit = limits.changes_max.map(|most| ChangeLimit::new(problem, most, leg));
    let one_cooling = limits.warm || limits.fewest_vehicles || limit.is_some();
    let per_stop_crossed = if one_cooling { 0.0 } else { per_stop_in_all };
    let mut chains: Vec<Chain> = (0..replicas)
        .map(|replica| {
            let seed = replica_seed(limits.seed, replica);
            // The first chain is cooled as if there were no other.
            let side_by_side = if replica == 0 { 1 } else { replicas };
            let coolings = Coolings::new(problem.stops.len(), per_stop_crossed, side_by_side);
            Chain { seed, tours: tours.clone(), absent: absent.clone(), best: None, coolings, cooling: 0 }
        })
        .collect();
    // What the first chain would have found alone: all that it is led by. The others are led by all.
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
            let effort = Effort { temperature, ruin, iterations: most, per_stop };
            chain.round(priced, &near, &logs, effort, rounds)
        };
        let outcomes: Vec<Outcome> = chains.par_iter_mut().map(round).collect();
        rounds += 1;
        for (index, (chain, outcome)) in chains.iter_mut().zip(&outcomes).enumerate() {
            iterations += outcome.iterations;
            let plan = || outcome.plan(problem.tours.len());
            if chain.coolings.cross() && chain.best.as_ref().is_none_or(|best| outcome.best_cost < best.0) {
                chain.best = Some((outcome.best_cost, plan()));
            }
            let mut alone = alone.as_mut().filter(|_| index == 0);
            let mut offer = |cost: i64, tours: &dyn Fn() -> Vec<Vec<u32>>| {
                if let Some(alone) = &mut alone {
                    alone.offer(cost, tours);
                }
                best.offer(cost, tours);
            };
            let Some(limit) = &limit else {
                offer(outcome.best_cost, &plan);
                continue;
            };
            // What a change costs in this round is not what it costs in the problem.
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
            // Hotter than the time will cool again: back to the best plan, at half the temperature.
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
    if problem.promised || limit.is_some() {
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

/// The seed of one of several searches of one problem. The first is the one that a single search has.
pub(crate) fn replica_seed(seed: u64, replica: u32) -> u64 {
    if replica == 0 { seed } else { mix(seed ^ u64::from(replica) << 32) }
}

/// The objective of a plan, as the search counts it.
pub(crate) fn plan_cost(problem: &Problem, tours: &[Vec<u32>], absent: &[u32]) -> i64 {
    let local = Local::whole(problem);
    State::new(&local, tours, absent.to_vec()).total
}

/// What a plan costs beside what it does not serve.
fn length_of(problem: &Problem, absent: &[u32], cost: i64) -> i64 {
    cost - absent.iter().map(|&unit| problem.stops[unit as usize].unserved).sum::<i64>()
}

/// A plan on its way, with random numbers of its own.
struct Chain {
    seed: u64,
    tours: Vec<Vec<u32>>,
    absent: Vec<u32>,
    /// The best plan of this cooling, where plans are crossed.
    best: Option<(i64, Vec<Vec<u32>>)>,
    coolings: Coolings,
    /// The number of the present cooling.
    cooling: u32,
}

/// What a round made of a chain.
struct Outcome {
    /// Where it stands now.
    cost: i64,
    /// The best it met, put together from its pieces.
    best_cost: i64,
    best: Vec<(u32, Vec<u32>)>,
    iterations: u64,
}

impl Outcome {
    /// The best plan. Vehicles that no piece was dealt are unused in it.
    fn plan(&self, vehicles: usize) -> Vec<Vec<u32>> {
        let mut tours = vec![Vec::new(); vehicles];
        for (tour, sequence) in &self.best {
            tours[*tour as usize].clone_from(sequence);
        }
        tours
    }
}

impl Chain {
    fn round(&mut self, problem: &Problem, near: &Neighbours, logs: &[f64], effort: Effort, round: u32) -> Outcome {
        let (pieces, at) = cut(problem, near, &self.tours, &self.absent, (self.seed, round), PIECE_STOPS);
        let results: Vec<PieceResult> = pieces
            .into_par_iter()
            .enumerate()
            .map(|(index, piece)| {
                let random = Random::new(self.seed, round, index as u32);
                let most = effort.iterations.min((piece.stops.len() as u32 * effort.per_stop).max(20));
                let Piece { stops, tours: mine, absent } = piece;
                let local = Local::piece(problem, near, &at, index as u32, stops, mine);
                let sequences: Vec<Vec<u32>> = local
                    .tours
                    .iter()
                    .map(|&tour| self.tours[tour as usize].iter().map(|&stop| at[stop as usize].1).collect())
                    .collect();
                let waiting = absent.iter().map(|&unit| at[unit as usize].1).collect();
                anneal(&local, &sequences, waiting, logs, Effort { iterations: most, ..effort }, random)
            })
            .collect();
        let mut outcome = Outcome { cost: 0, best_cost: 0, best: Vec::new(), iterations: 0 };
        self.absent.clear();
        for result in results {
            for (tour, sequence) in result.current {
                self.tours[tour as usize] = sequence;
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
fn mean_leg(problem: &Problem, tours: &[Vec<u32>]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (tour, sequence) in tours.iter().enumerate() {
        let mut place = problem.tours[tour].start_place;
        for &stop in sequence {
            sum += f64::from(problem.hop(tour as u32, place, stop).1);
            count += 1.0;
            place = problem.stops[stop as usize].place;
        }
    }
    if count == 0.0 { 1_000_000.0 } else { (sum / count).max(1.0) }
}

#[cfg(test)]
mod tests {
    use super::{Pace, SearchLimits, solve_with};
    use crate::anneal::{Effort, anneal, logarithms};
    use crate::check::check;
    use crate::legs::{LegMatrix, Legs, Rounding};
    use crate::local::Local;
    use crate::neighbours::Neighbours;
    use crate::problem::{NONE, Pause, Problem, Role, Stop, TourSpec, Weights};
    use crate::random::Random;
    use crate::recreate::absent_units;
    use crate::ruin::Ruin;
    use crate::state::State;

    /// A city of jobs or shipments with windows; `rich` adds what the quick path cannot do.
    fn problem(seed: u64, stops: usize, paired: bool, rich: bool) -> Problem {
        let mut random = Random::new(seed, 0, 0);
        let places: Vec<(f64, f64)> =
            (0..=stops).map(|_| (random.below(100) as f64, random.below(100) as f64)).collect();
        let horizon = 1_500;
        let mut list: Vec<Stop> = (1..=stops as u32)
            .map(|place| {
                let opens = random.below(900) as i32;
                let closes = opens + 20 + random.below(500) as i32;
                let mut windows = vec![(opens, closes)];
                if rich && random.chance(300) {
                    windows = vec![(opens, opens + 10), (opens + 60, closes + 60)];
                }
                Stop {
                    due: if rich && random.chance(200) { windows[0].1 } else { windows[windows.len() - 1].1 },
                    windows,
                    service: 10,
                    setup: if rich { random.below(5) as i32 } else { 0 },
                    load: [1 + random.below(9) as i32, if rich { random.below(3) as i32 } else { 0 }, 0, 0],
                    role: if rich && seed % 3 != 2 && random.chance(500) { Role::JobPickup } else { Role::JobDelivery },
                    unserved: 1_000_000,
                    ..Stop::job(place)
                }
            })
            .collect();
        if paired {
            for pickup in (0..stops - 1).step_by(2) {
                let delivery = pickup + 1;
                if rich && seed % 5 == 1 && random.chance(300) {
                    continue; // jobs among shipments
                }
                (list[pickup].role, list[delivery].role) = (Role::Pickup, Role::Delivery);
                (list[pickup].mate, list[delivery].mate) = (delivery as u32, pickup as u32);
                list[delivery].load = list[pickup].load;
                list[delivery].windows = vec![(0, horizon - 200)];
                list[delivery].due = horizon - 200;
            }
            if stops % 2 == 1 {
                list.pop();
            }
        }
        let tour = TourSpec {
            end_place: 0,
            end_by: horizon,
            capacity: [60, 20, 0, 0],
            per_hour: 0,
            per_km: 1000,
            fixed: if seed.is_multiple_of(2) { 50 } else { 0 },
            ..TourSpec::at(0)
        };
        let mut tours = vec![tour; stops / 4 + 1];
        if rich && seed % 4 == 1 {
            for tour in &mut tours {
                tour.pauses = vec![Pause { opens: 300, closes: 700, duration: 60 }];
            }
        }
        if seed.is_multiple_of(3) {
            // A fleet that differs.
            for (index, tour) in tours.iter_mut().enumerate().skip(1) {
                tour.start_place = (index % stops) as u32;
                tour.end_place = if index % 2 == 0 { NONE } else { 0 };
                tour.start_at = (index % 7) as i32 * 10;
            }
        }
        if rich && seed % 5 == 3 {
            // Goods on board at the start, some of them too far for the shift.
            for (index, tour) in tours.iter_mut().enumerate().take(list.len() / 4) {
                let stop = &mut list[index * 4];
                if matches!(stop.role, Role::JobDelivery | Role::JobPickup) {
                    (stop.role, stop.locked) = (Role::Delivery, index as u32);
                    (tour.onboard, tour.finish_late) = (stop.load, true);
                    tour.end_by = 100 + 50 * index as i32;
                }
            }
        }
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
        if rich && seed % 4 == 2 {
            // A matrix in which a way by way of a third place may be quicker.
            let detours: Vec<i32> = (0..100).map(|_| random.below(20) as i32).collect();
            let n = stops + 1;
            let matrix = LegMatrix::from_fn(n, |a, b| {
                let (time, metres) = legs.pair(a as u32, b as u32);
                (time + detours[(a * 7 + b * 31) % 100], metres)
            });
            return Problem::new(list, tours, matrix).expect("a legal problem");
        }
        Problem::new(list, tours, legs).expect("a legal problem")
    }

    /// Several pieces and more vehicles than they are dealt: nothing is lost or doubled when the cuts move.
    #[test]
    fn pieces_join_to_whole_plans() {
        for seed in [1, 5] {
            let problem = problem(seed, 700, seed == 5, false);
            let limits = SearchLimits { iterations: 40, seed, ..SearchLimits::default() };
            let solution = solve_with(&problem, &limits, 1_000_000, |progress| {
                if progress.rounds < 40 { Pace::Go(f64::from(progress.rounds) / 39.0) } else { Pace::Stop }
            });
            assert_eq!(check(&problem, &solution).map(|(cost, _)| cost), Ok(solution.cost), "seed {seed}");
        }
    }

    /// Emptying tours never loses a stop, keeps every rule, and needs no more vehicles than the search for the shortest plan.
    #[test]
    fn fewest_vehicles_are_fewer_and_complete() {
        let (mut fewest, mut shortest) = (0, 0);
        for seed in 1..10 {
            let mut problem = problem(seed, 60, seed.is_multiple_of(2), false);
            for tour in &mut problem.tours {
                tour.fixed = 100_000;
            }
            for (sum, fewest_vehicles) in [(&mut fewest, true), (&mut shortest, false)] {
                for tour in &mut problem.tours {
                    tour.fixed = if fewest_vehicles { 100_000 } else { 0 };
                }
                let limits = SearchLimits { iterations: 60, seed, fewest_vehicles, ..SearchLimits::default() };
                let solution = solve_with(&problem, &limits, 10_000, |progress| {
                    if progress.rounds < 20 { Pace::Go(f64::from(progress.rounds) / 19.0) } else { Pace::Stop }
                });
                assert_eq!(check(&problem, &solution).map(|(cost, _)| cost), Ok(solution.cost), "seed {seed}");
                assert!(solution.absent.is_empty(), "seed {seed}: {:?} left out", solution.absent);
                *sum += solution.tours.iter().filter(|tour| !tour.is_empty()).count();
            }
        }
        assert!(fewest < shortest, "{fewest} vehicles instead of {shortest}");
    }

    /// A piece without stops, whatever its vehicles ask for, is searched without harm.
    #[test]
    fn nothing_to_serve_is_served() {
        let tour = TourSpec { pauses: vec![Pause { opens: 10, closes: 20, duration: 5 }], ..TourSpec::at(0) };
        for tour in [TourSpec::at(0), TourSpec { lifo: true, ..TourSpec::at(0) }, tour] {
            let problem = Problem::new(Vec::new(), vec![tour; 3], LegMatrix::from_fn(1, |_, _| (0, 0)));
            let problem = problem.expect("a legal problem");
            let local = Local::piece(&problem, &Neighbours::new(&problem), &Vec::new(), 0, Vec::new(), vec![0, 1, 2]);
            let effort = Effort { temperature: 1.0, ruin: Ruin::new(0.0), iterations: 20, per_stop: 1 };
            let result = anneal(&local, &vec![Vec::new(); 3], Vec::new(), &logarithms(), effort, Random::new(1, 0, 0));
            assert_eq!(result.best_cost, 0);
        }
    }

    /// What the quick tests say of a unit and a tour is what driving every place says: the same price, or no place at all.
    #[test]
    fn quick_places_are_the_driven_ones() {
        let (mut found, mut none) = (0, 0);
        // Not: pauses, which move, and goods on board at the start, which may overrun a shift that the quick tests keep.
        for seed in (0..40).filter(|seed| seed % 4 != 1 && seed % 5 != 3) {
            for (paired, rich) in [(false, false), (true, false), (false, true), (true, true)] {
                let problem = problem(seed, 30, paired, rich);
                // Nothing is late: a walk would price it, a quick test refuses it.
                let problem = problem.with_weights(Weights { hard: true, ..Weights::default() });
                let limits = SearchLimits { iterations: 60, seed, ..SearchLimits::default() };
                let solution = solve_with(&problem, &limits, 1_000, |progress| {
                    if progress.rounds < 6 { Pace::Go(f64::from(progress.rounds) / 5.0) } else { Pace::Stop }
                });
                let mut random = Random::new(seed, 1, 0);
                let mut tours = solution.tours;
                let out: Vec<u32> = (0..30).filter(|_| random.chance(200)).collect();
                let is_out = |stop: u32| {
                    let mate = problem.stops[stop as usize].mate;
                    out.contains(&stop) || (mate != NONE && out.contains(&mate))
                };
                for tour in &mut tours {
                    tour.retain(|&stop| !is_out(stop));
                }
                let local = Local::whole(&problem);
                let absent = absent_units(&problem, &tours);
                let state = State::new(&local, &tours, absent.clone());
                for &unit in &absent {
                    for tour in 0..tours.len() as u32 {
                        let quick = state.quick_in_tour(unit, tour, i64::MAX / 8).map(|place| place.cost);
                        let driven = state.best_by_walk(unit, tour, i64::MAX / 8).map(|place| place.cost);
                        assert_eq!(quick, driven, "seed {seed}, paired {paired}, rich {rich}: {unit} on {tour}");
                        *(if quick.is_some() { &mut found } else { &mut none }) += 1;
                    }
                }
            }
        }
        assert!(found > 1_000 && none > 100, "{found} places, {none} times none");
    }

    /// Every record equals a recount after every accepted and every undone move (asserted in `anneal`), and the cost that
    /// the search kept is the checker's.
    #[test]
    fn records_equal_a_recount_after_every_move() {
        let mut plain = 0;
        for seed in 0..24 {
            for (paired, rich) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut problem = problem(seed, 30 + seed as usize, paired, rich);
                if rich && seed % 8 == 4 {
                    problem = problem.with_weights(Weights { flow_per_hour: 1_000, ..Weights::default() });
                }
                plain += u32::from(problem.plain);
                assert!(!(rich && problem.plain), "seed {seed}: the path it takes");
                let limits = SearchLimits { iterations: 60, seed, ..SearchLimits::default() };
                let solution = solve_with(&problem, &limits, 1_000, |progress| {
                    if progress.rounds < 6 { Pace::Go(f64::from(progress.rounds) / 5.0) } else { Pace::Stop }
                });
                let (cost, _) = check(&problem, &solution)
                    .unwrap_or_else(|fault| panic!("seed {seed}, paired {paired}, rich {rich}: {fault:?}"));
                assert_eq!(cost, solution.cost, "seed {seed}, paired {paired}, rich {rich}");
                assert!(solution.cost <= solution.cost_before);
            }
        }
        assert!(plain > 30, "only {plain} problems took the quick path");
    }
}

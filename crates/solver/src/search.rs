//! Rounds of ruin and recreate under simulated annealing, in parallel over disjoint groups of whole tours.
//!
//! A round: cut the tours into groups, let each run a fixed number of iterations with its own seed, join in group order.
//! The stop flag is read between rounds only, so the number of rounds replays the search on any number of threads.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::neighbours::Neighbours;
use crate::problem::{NONE, Problem, Solution};
use crate::random::{Random, mix};
use crate::recreate::{absent_units, all_stops, insert};
use crate::schedule::drive;
use crate::state::State;

/// Stops per group (measured in the prototype: 250 as good as 500, 125 leaves three long tours per group).
const GROUP_STOPS: usize = 250;
/// Fewest tours per group.
const GROUP_TOURS_MIN: usize = 5;
/// A group of few stops runs this many iterations for each in a round: from nothing, and around a good plan (where some
/// 3,000 in all are enough: measured in the prototype).
const ITERATIONS_PER_STOP: u32 = 10;
const ITERATIONS_PER_STOP_WARM: u32 = 2;
/// Cells of the table of logarithms.
const CELLS: usize = 4096;

/// How hard to search. Fill in what you mean, take the rest from `default()`.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// Rounds to run. This, not the clock, decides the result.
    pub rounds: u32,
    /// Most iterations per group and round; small groups run fewer.
    pub iterations: u32,
    /// Seed of the job.
    pub seed: u64,
    /// Start at low temperature: the initial plan is good and only part of it is stale.
    pub warm: bool,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self { rounds: 20, iterations: 1500, seed: 1, warm: false }
    }
}

/// Improves the problem's initial plan. Never worse than it; reads `stop` between rounds.
pub fn solve(problem: &Problem, limits: &SearchLimits, stop: &AtomicBool) -> Solution {
    let answer = insert(problem);
    let mut best_tours = answer.tours.clone();
    let mut best_cost = answer.cost;
    let mut tours = answer.tours.clone();
    let mut absent = absent_units(problem, &tours);
    let mut rounds = 0;
    let mut iterations = 0;
    if !problem.stops.is_empty() && !problem.tours.is_empty() {
        let near = Neighbours::new(problem);
        let logs = logarithms();
        let leg = mean_leg(problem, &tours);
        let heat = heat(problem, limits, leg);
        let per_stop = if limits.warm { ITERATIONS_PER_STOP_WARM } else { ITERATIONS_PER_STOP };
        for round in 0..limits.rounds {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let temperature = heat.at(round, limits.rounds);
            let groups = cut(problem, &tours, &absent, limits.seed, round);
            let results: Vec<GroupResult> = groups
                .par_iter()
                .enumerate()
                .map(|(group, (mine, waiting))| {
                    let random = Random::new(limits.seed, round, group as u32);
                    let stops = waiting.len() + mine.iter().map(|&tour| tours[tour as usize].len()).sum::<usize>();
                    let most = limits.iterations.min((stops as u32 * per_stop).max(20));
                    anneal(problem, &tours, mine, waiting, &near, &logs, temperature, most, random)
                })
                .collect();
            let best_of_round: i64 = results.iter().map(|result| result.best_cost).sum();
            absent.clear();
            if best_of_round < best_cost {
                best_cost = best_of_round;
                for result in &results {
                    for (tour, sequence) in &result.best {
                        best_tours[*tour as usize].clone_from(sequence);
                    }
                }
            }
            for result in results {
                for (tour, sequence) in result.current {
                    tours[tour as usize] = sequence;
                }
                absent.extend(result.absent);
                iterations += u64::from(result.iterations);
            }
            rounds += 1;
        }
    }
    let absent = all_stops(problem, &absent_units(problem, &best_tours));
    Solution { tours: best_tours, absent, cost: best_cost, cost_before: answer.cost_before, rounds, iterations }
}

struct GroupResult {
    current: Vec<(u32, Vec<u32>)>,
    absent: Vec<u32>,
    best: Vec<(u32, Vec<u32>)>,
    best_cost: i64,
    iterations: u32,
}

#[expect(clippy::too_many_arguments, reason = "everything one group needs, passed once per round")]
fn anneal(
    problem: &Problem,
    tours: &[Vec<u32>],
    mine: &[u32],
    waiting: &[u32],
    near: &Neighbours,
    logs: &[f64],
    temperature: f64,
    iterations: u32,
    mut random: Random,
) -> GroupResult {
    let mut state = State::new(problem, tours, mine.to_vec(), waiting.to_vec());
    let mut best: Vec<(u32, Vec<u32>)> = mine.iter().map(|&tour| (tour, tours[tour as usize].clone())).collect();
    let slot = |tour: u32| mine.iter().position(|&other| other == tour).expect("a touched tour is ours");
    let mut best_cost = state.total;
    let mut dirty: Vec<u32> = Vec::new();
    let stops: Vec<u32> =
        mine.iter().flat_map(|&tour| tours[tour as usize].iter().copied()).chain(all_stops(problem, waiting)).collect();
    let accept = |before: i64, after: i64, random: &mut Random| {
        after <= before || ((after - before) as f64) < temperature * logs[random.cell()]
    };
    for _ in 0..iterations {
        for attempt in 0..2 {
            let before = state.total;
            state.begin();
            if attempt == 0 {
                state.ruin(near, &stops, &mut random);
                state.recreate(near, &mut random);
            } else if !state.swap_tails(near, &stops, &mut random) {
                continue;
            }
            if accept(before, state.total, &mut random) {
                for tour in state.touched() {
                    if !dirty.contains(&tour) {
                        dirty.push(tour);
                    }
                }
                if state.total < best_cost {
                    best_cost = state.total;
                    for tour in dirty.drain(..) {
                        state.sequence_into(tour, &mut best[slot(tour)].1);
                    }
                }
            } else {
                state.undo();
            }
        }
    }
    let current = mine.iter().map(|&tour| (tour, state.sequence(tour))).collect();
    GroupResult { current, absent: state.absent, best, best_cost, iterations }
}

impl State<'_> {
    /// 2-opt*: the tails of two tours behind a random compatible pair change places, if both can then be driven and no stop
    /// becomes late that was not. False when there was nothing to try.
    fn swap_tails(&mut self, near: &Neighbours, stops: &[u32], random: &mut Random) -> bool {
        if stops.is_empty() {
            return false;
        }
        let c = stops[random.below(stops.len())];
        let list = &near.compatible[c as usize];
        if list.is_empty() {
            return false;
        }
        let v = list[random.below(list.len().min(20))];
        let (tour_c, tour_v) = (self.records[c as usize].tour, self.records[v as usize].tour);
        if tour_c == NONE || tour_v == NONE || tour_c == tour_v {
            return false;
        }
        let (first, second) = (self.sequence(tour_v), self.sequence(tour_c));
        let cut_v = first.iter().position(|&stop| stop == v).map_or(0, |at| at + 1);
        let cut_c = second.iter().position(|&stop| stop == c).unwrap_or(0);
        let (mut new_v, mut new_c) = (first[..cut_v].to_vec(), second[..cut_c].to_vec());
        new_v.extend_from_slice(&second[cut_c..]);
        new_c.extend_from_slice(&first[cut_v..]);
        let late = |tour: u32, sequence: &[u32]| {
            drive(self.problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).ok().map(|d| d.late)
        };
        let (Some(late_v), Some(late_c)) = (late(tour_v, &new_v), late(tour_c, &new_c)) else { return false };
        if !self.problem.walks {
            let was = late(tour_v, &first).unwrap_or(i64::MAX / 4) + late(tour_c, &second).unwrap_or(i64::MAX / 4);
            if late_v + late_c > was {
                return false;
            }
        }
        self.exchange(tour_v, &new_v, tour_c, &new_c);
        true
    }
}

/// Temperatures of a search: from hot to cold by repeated multiplication, which every platform rounds alike.
struct Heat {
    steps: Vec<f64>,
}

const COOLING: f64 = 0.93;

impl Heat {
    fn at(&self, round: u32, rounds: u32) -> f64 {
        let last = self.steps.len() - 1;
        self.steps[(last as u64 * u64::from(round) / u64::from(rounds.saturating_sub(1).max(1))) as usize]
    }
}

fn heat(problem: &Problem, limits: &SearchLimits, leg: f64) -> Heat {
    // Start factors by iterations per stop, as measured in the prototype; a warm start keeps the plan's shape.
    let round = f64::from(limits.iterations).min(problem.stops.len() as f64 * f64::from(ITERATIONS_PER_STOP));
    let per_stop = f64::from(limits.rounds) * round / problem.stops.len() as f64;
    let (hot, cold) = if limits.warm {
        (0.15, 0.03)
    } else if per_stop < 60.0 {
        (1.0, 0.03)
    } else if per_stop < 600.0 {
        (3.0, 0.03)
    } else {
        (6.0, 0.03)
    };
    let mut steps = vec![hot * leg];
    while steps[steps.len() - 1] > cold * leg {
        steps.push(steps[steps.len() - 1] * COOLING);
    }
    Heat { steps }
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

/// `-ln U` at 4,096 points: `libm` rounds alike on every platform, the platform's own logarithm does not.
fn logarithms() -> Vec<f64> {
    (0..CELLS).map(|cell| -libm::log((cell as f64 + 0.5) / CELLS as f64)).collect()
}

/// Cuts the tours into groups along a random direction: tours in order of how much nearer they are to one random place than
/// to another. Absent units are dealt to the group whose range they fall into.
fn cut(problem: &Problem, tours: &[Vec<u32>], absent: &[u32], seed: u64, round: u32) -> Vec<(Vec<u32>, Vec<u32>)> {
    let stops: usize = tours.iter().map(Vec::len).sum();
    let groups = (stops / GROUP_STOPS).min(tours.len() / GROUP_TOURS_MIN).max(1);
    let all: Vec<u32> = (0..tours.len() as u32).collect();
    if groups == 1 {
        return vec![(all, absent.to_vec())];
    }
    let mut random = Random::new(mix(seed ^ 0x0063_7574), round, u32::MAX);
    let places = problem.legs.places();
    let (a, b) = (random.below(places) as u32, random.below(places) as u32);
    let side = |place: u32| i64::from(problem.leg(0, place, a).0) - i64::from(problem.leg(0, place, b).0);
    let key = |tour: u32| {
        let sequence = &tours[tour as usize];
        if sequence.is_empty() {
            side(problem.tours[tour as usize].start_place)
        } else {
            sequence.iter().map(|&stop| side(problem.stops[stop as usize].place)).sum::<i64>() / sequence.len() as i64
        }
    };
    let mut keyed: Vec<(i64, u32)> = all.iter().map(|&tour| (key(tour), tour)).collect();
    keyed.sort_unstable();
    let size = keyed.len().div_ceil(groups);
    let mut result: Vec<(Vec<u32>, Vec<u32>)> = Vec::with_capacity(groups);
    let mut edges = Vec::with_capacity(groups);
    for chunk in keyed.chunks(size) {
        let mut mine: Vec<u32> = chunk.iter().map(|&(_, tour)| tour).collect();
        mine.sort_unstable();
        edges.push(chunk[chunk.len() - 1].0);
        result.push((mine, Vec::new()));
    }
    for &unit in absent {
        let at = side(problem.stops[unit as usize].place);
        let group = edges.iter().position(|&edge| at <= edge).unwrap_or(result.len() - 1);
        result[group].1.push(unit);
    }
    result
}

//! Rounds of ruin and recreate under simulated annealing, in parallel over disjoint pieces of whole tours.
//!
//! A round: cut the tours into pieces, let each run a fixed number of iterations with its own seed, join in order. The
//! caller is asked between rounds only, so the number of rounds replays the search on any number of threads.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::construct::construct;
use crate::cut::{PIECE_STOPS, Piece, cut};
use crate::heat::{cycles, heat};
use crate::local::Local;
use crate::neighbours::Neighbours;
use crate::problem::{NONE, Problem, Role, Solution};
use crate::random::{Random, mix};
use crate::recreate::{Scratch, absent_units, all_stops, insert, insert_into};
use crate::ruin::Ruin;
use crate::schedule::drive;
use crate::shrink::shrink;
use crate::state::State;
use crate::time_dependent::{settle, solve_timed};

/// A small piece runs this many iterations for each stop in a round: from nothing, and around a good plan (where some
/// 3,000 in all are enough: measured in the prototype).
const ITERATIONS_PER_STOP: u32 = 10;
const ITERATIONS_PER_STOP_WARM: u32 = 2;
/// Cells of the table of logarithms.
const CELLS: usize = 4096;
/// Up to this many absent units are placed by regret, one by one; more by a construction.
const REGRET_MAX: usize = 200;
/// Share of a search for the fewest vehicles that empties tours.
const SHRINK_SHARE: f64 = 0.6;
/// Temperature while tours are emptied, in last temperatures: cool, so that what is gained in room is kept.
const SHRINK_HEAT: f64 = 3.0;
/// Predecessors around a random stop that a 2-opt* attempt looks at.
const TAIL_TRIES: usize = 20;

/// While the first temperature is looked for, rounds are shorter by this factor.
const TRIAL_SHARE: u32 = 3;
/// By how much the first round may lengthen a plan, for every 100 iterations per stop above the first 100: a start that is
/// hotter spends its time on coming back.
const RISE: f64 = 0.005;

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
    /// Searches of the whole problem side by side, each with its own seed; the best plan of any of them counts. For small
    /// problems on many cores: work grows in proportion. 1 if you do not care.
    pub replicas: u32,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self { rounds: 20, iterations: 1500, seed: 1, warm: false, fewest_vehicles: false, replicas: 1 }
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

/// Improves the problem's initial plan by `limits.rounds` rounds. Never worse than it; reads `stop` between rounds.
pub fn solve(problem: &Problem, limits: &SearchLimits, stop: &AtomicBool) -> Solution {
    if problem.is_time_dependent() {
        return solve_timed(problem, limits, stop);
    }
    let pieces = (problem.stops.len() as u64 / 250).max(1);
    let per_stop = if limits.warm { ITERATIONS_PER_STOP_WARM } else { ITERATIONS_PER_STOP };
    let round = u64::from(limits.iterations).min(problem.stops.len() as u64 * u64::from(per_stop));
    let expected = u64::from(limits.rounds) * round * pieces;
    solve_with(problem, limits, expected, |progress| {
        if progress.rounds >= limits.rounds || stop.load(Ordering::Relaxed) {
            return Pace::Stop;
        }
        Pace::Go(f64::from(progress.rounds) / f64::from(limits.rounds.saturating_sub(1).max(1)))
    })
}

/// Improves the problem's initial plan for as long as the caller says, which may read a clock: `pace` is asked before the
/// first round and after each. `expected` is about how many iterations there will be; it sets the first temperature. Legs that
/// depend on the hour are taken as they are at the beginning; [`solve`] knows better.
pub fn solve_with(
    problem: &Problem,
    limits: &SearchLimits,
    expected: u64,
    mut pace: impl FnMut(Progress<'_>) -> Pace,
) -> Solution {
    if problem.stops.is_empty() || problem.tours.is_empty() {
        return insert(problem);
    }
    if problem.is_time_dependent() {
        return settle(problem, solve_with(&problem.frozen(&problem.initial), limits, expected, pace));
    }
    let near = Neighbours::new(problem);
    let initially_absent = absent_units(problem, &problem.initial);
    let (tours, cost_before) = if initially_absent.len() <= REGRET_MAX {
        let answer = insert(problem);
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
    let mut best_tours = tours.clone();
    let mut best_cost = plan_cost(problem, &tours, &absent);
    let (mut rounds, mut iterations) = (0, 0);
    let logs = logarithms();
    let leg = mean_leg(problem, &tours);
    let mut heat = heat(problem, limits, expected, leg);
    let first_cost = best_cost;
    let per_stop_in_all = expected as f64 / problem.stops.len() as f64;
    let rise =
        (length_of(problem, &absent, best_cost) as f64 * RISE * (per_stop_in_all - 100.0).max(0.0) / 100.0) as i64;
    let ruin = Ruin::new(per_stop_in_all);
    let cycles = cycles(problem.stops.len(), per_stop_in_all);
    let mut calibrating = !limits.warm && !limits.fewest_vehicles;
    let per_stop = if limits.warm { ITERATIONS_PER_STOP_WARM } else { ITERATIONS_PER_STOP };
    let mut shrinking = Shrinking::new(problem);
    let replicas = if limits.fewest_vehicles { 1 } else { limits.replicas.max(1) };
    let mut chains: Vec<Chain> = (0..replicas)
        .map(|replica| {
            let seed = if replica == 0 { limits.seed } else { mix(limits.seed ^ u64::from(replica) << 32) };
            Chain { seed, tours: tours.clone(), absent: absent.clone() }
        })
        .collect();
    while let Pace::Go(point) = pace(Progress { rounds, iterations, cost: best_cost, tours: &best_tours }) {
        let point = if limits.fewest_vehicles {
            let Chain { tours, absent, .. } = &mut chains[0];
            if point < SHRINK_SHARE && absent.is_empty() {
                let temperature = heat.at(1.0) * SHRINK_HEAT;
                iterations += shrinking.round(problem, &near, tours, &logs, temperature, (limits.seed, rounds));
                let cost = plan_cost(problem, tours, absent);
                if cost <= best_cost {
                    best_cost = cost;
                    best_tours.clone_from(tours);
                }
                rounds += 1;
                continue;
            }
            ((point - SHRINK_SHARE) / (1.0 - SHRINK_SHARE)).max(0.0)
        } else {
            point
        };
        let temperature = heat.at(if point < 1.0 { (point * cycles).fract() } else { 1.0 });
        let most = if calibrating { limits.iterations / TRIAL_SHARE } else { limits.iterations };
        let effort = Effort { temperature, ruin, iterations: most, per_stop };
        let outcomes: Vec<Outcome> =
            chains.par_iter_mut().map(|chain| chain.round(problem, &near, &logs, effort, rounds)).collect();
        rounds += 1;
        for outcome in &outcomes {
            iterations += outcome.iterations;
            if outcome.best_cost < best_cost {
                best_cost = outcome.best_cost;
                // Vehicles that no piece was dealt are unused now, whatever they did in the last best plan.
                best_tours.iter_mut().for_each(Vec::clear);
                for (tour, sequence) in &outcome.best {
                    best_tours[*tour as usize].clone_from(sequence);
                }
            }
        }
        if calibrating {
            // Hotter than the time will cool again: back to the best plan, at half the temperature.
            calibrating = outcomes[0].cost > first_cost.saturating_add(rise) && heat.halve();
            if calibrating {
                for chain in &mut chains {
                    chain.tours.clone_from(&best_tours);
                    chain.absent = absent_units(problem, &best_tours);
                }
            }
        }
    }
    let absent = all_stops(problem, &absent_units(problem, &best_tours));
    Solution { tours: best_tours, absent, cost: best_cost, cost_before, rounds, iterations }
}

/// Sequences by tour, absences by stop, tours emptied; as the problem numbers them.
type ShrunkPiece = (Vec<(u32, Vec<u32>)>, Vec<(u32, u32)>, u32);

/// Emptying tours, round by round: pieces and patience grow while nothing is won.
struct Shrinking {
    absences: Vec<u32>,
    iterations: u32,
    piece_stops: usize,
}

impl Shrinking {
    fn new(problem: &Problem) -> Self {
        Self { absences: vec![0; problem.stops.len()], iterations: 1_500, piece_stops: PIECE_STOPS }
    }

    /// One round; the plan stays complete. Returns the iterations it took.
    fn round(
        &mut self,
        problem: &Problem,
        near: &Neighbours,
        tours: &mut [Vec<u32>],
        logs: &[f64],
        temperature: f64,
        (seed, round): (u64, u32),
    ) -> u64 {
        let (pieces, at) = cut(problem, near, tours, &[], (seed, round), self.piece_stops);
        let count = pieces.len() as u64;
        let results: Vec<ShrunkPiece> = pieces
            .into_par_iter()
            .enumerate()
            .map(|(index, piece)| {
                let random = Random::new(mix(seed ^ 0x7368_7269), round, index as u32);
                let local = Local::piece(problem, near, &at, index as u32, piece.stops, piece.tours);
                let sequences: Vec<Vec<u32>> = local
                    .tours
                    .iter()
                    .map(|&tour| tours[tour as usize].iter().map(|&stop| at[stop as usize].1).collect())
                    .collect();
                let absences = local.stops.iter().map(|&stop| self.absences[stop as usize]).collect();
                let shrunk = shrink(&local, &sequences, absences, logs, temperature, self.iterations, random);
                let global = |sequence: &Vec<u32>| sequence.iter().map(|&stop| local.stops[stop as usize]).collect();
                (
                    local.tours.iter().copied().zip(shrunk.tours.iter().map(global)).collect(),
                    local.stops.iter().copied().zip(shrunk.absences).collect(),
                    shrunk.emptied,
                )
            })
            .collect();
        let mut emptied = 0;
        for (sequences, absences, won) in results {
            for (tour, sequence) in sequences {
                tours[tour as usize] = sequence;
            }
            for (stop, absence) in absences {
                self.absences[stop as usize] = absence;
            }
            emptied += won;
        }
        let spent = u64::from(self.iterations) * count;
        if emptied == 0 {
            self.iterations = (self.iterations * 3 / 2).min(50_000);
            self.piece_stops = (self.piece_stops * 5 / 4).min(PIECE_STOPS * 4);
        }
        spent
    }
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

struct PieceResult {
    cost: i64,
    current: Vec<(u32, Vec<u32>)>,
    absent: Vec<u32>,
    best: Vec<(u32, Vec<u32>)>,
    best_cost: i64,
    iterations: u32,
}

/// What one piece does in one round.
#[derive(Clone, Copy)]
struct Effort {
    temperature: f64,
    ruin: Ruin,
    iterations: u32,
    /// Most iterations per stop.
    per_stop: u32,
}

/// A plan on its way, with random numbers of its own.
struct Chain {
    seed: u64,
    tours: Vec<Vec<u32>>,
    absent: Vec<u32>,
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

/// One piece, one round.
fn anneal(
    local: &Local<'_>,
    tours: &[Vec<u32>],
    waiting: Vec<u32>,
    logs: &[f64],
    Effort { temperature, ruin, iterations, .. }: Effort,
    mut random: Random,
) -> PieceResult {
    let mut state = State::new(local, tours, waiting);
    let mut best: Vec<Vec<u32>> = tours.to_vec();
    let mut best_cost = state.total;
    let mut dirty: Vec<u32> = Vec::new();
    let mut is_dirty = vec![false; tours.len()];
    let mut scratch = Scratch::default();
    let mut keep = |state: &State<'_>, best: &mut Vec<Vec<u32>>| {
        for tour in state.touched() {
            if !is_dirty[tour as usize] {
                is_dirty[tour as usize] = true;
                dirty.push(tour);
            }
        }
        if state.total < best_cost {
            best_cost = state.total;
            for tour in dirty.drain(..) {
                is_dirty[tour as usize] = false;
                state.sequence_into(tour, &mut best[tour as usize]);
            }
        }
    };
    for _ in 0..iterations {
        let before = state.total;
        state.begin();
        state.ruin(ruin, &mut scratch.units, &mut random);
        state.recreate(&mut scratch, &mut random);
        // -T ln U
        let slack = (temperature * logs[random.cell()]) as i64;
        if state.total <= before.saturating_add(slack) {
            keep(&state, &mut best);
        } else {
            state.undo();
        }
        let slack = (temperature * logs[random.cell()]) as i64;
        if state.plain {
            if state.swap_tails(slack, &mut random) {
                keep(&state, &mut best);
            }
        } else {
            let before = state.total;
            state.begin();
            if state.swap_tails_by_walking(&mut random) {
                if state.total <= before.saturating_add(slack) {
                    keep(&state, &mut best);
                } else {
                    state.undo();
                }
            }
        }
        #[cfg(test)]
        if let Err(what) = state.agrees_with_recount() {
            panic!("the records disagree with a recount: {what}");
        }
    }
    let global = |sequence: Vec<u32>| sequence.into_iter().map(|stop| local.stops[stop as usize]).collect::<Vec<u32>>();
    PieceResult {
        cost: state.total,
        current: (0..tours.len() as u32).map(|tour| (local.tours[tour as usize], state.global(tour))).collect(),
        absent: state.absent.iter().map(|&unit| local.stops[unit as usize]).collect(),
        best: best.into_iter().enumerate().map(|(tour, sequence)| (local.tours[tour], global(sequence))).collect(),
        best_cost,
        iterations,
    }
}

impl State<'_> {
    /// 2-opt*: the tails behind v and from c on change tours, for the first compatible v before a random c that can be driven
    /// and costs at most `slack` more. O(1) per candidate; only the winner is linked.
    fn swap_tails(&mut self, slack: i64, random: &mut Random) -> bool {
        let local = self.local;
        let c = random.below(local.stops.len()) as u32;
        let record_c = self.records[c as usize];
        let tour_c = record_c.tour;
        let list = local.before.get(c);
        if tour_c == NONE || list.is_empty() {
            return false;
        }
        let p = record_c.prev;
        let before_c = self.records[p as usize];
        let global_c = local.tours[tour_c as usize] as usize;
        if local.paired && (local.hollow || before_c.load != 0) {
            return false;
        }
        let looked = list.len().min(TAIL_TRIES);
        let first = random.below(looked);
        for try_ in 0..looked {
            let v = list[(first + try_) % looked];
            let record_v = self.records[v as usize];
            let tour_v = record_v.tour;
            if tour_v == NONE || tour_v == tour_c {
                continue;
            }
            let (time, cost) = self.hop(tour_v, v, c);
            if record_v.depart.saturating_add(time) > record_c.latest || (local.paired && record_v.load != 0) {
                continue;
            }
            let global_v = local.tours[tour_v as usize] as usize;
            if local.problem.tail_twin[global_v] != local.problem.tail_twin[global_c] {
                continue;
            }
            // The tail of v behind p. Its end is the sentinel of v's tour: the same end as that of c's.
            let next_v = record_v.next;
            let empties = self.is_sentinel(p) && self.is_sentinel(next_v);
            let (back_time, back_cost) = if empties { (0, 0) } else { self.hop(tour_c, p, next_v) };
            if !empties && before_c.depart.saturating_add(back_time) > record_v.next_latest {
                continue;
            }
            let mut delta =
                i64::from(cost) + i64::from(back_cost) - i64::from(record_v.next_cost) - i64::from(before_c.next_cost);
            if empties {
                let spec = &local.problem.tours[global_c];
                delta -= if spec.in_use { 0 } else { spec.fixed };
            }
            if delta > slack {
                continue;
            }
            let Some(promises) = self.tails_fit(tour_v, v, tour_c, p) else { continue };
            if delta + promises > slack {
                continue;
            }
            self.begin();
            self.join_tails(tour_v, v, tour_c, p);
            return true;
        }
        false
    }

    /// Loads, counts and rules of two tours that change tails: what broken promises cost, or `None` if it may not be.
    fn tails_fit(&self, tour_v: u32, v: u32, tour_c: u32, p: u32) -> Option<i64> {
        let local = self.local;
        let head = |end: u32, tour: u32| {
            let (mut load, mut count) = (0, 0);
            let mut node = end;
            let sentinel = self.sentinel(tour);
            while node != sentinel {
                let stop = &local.fixed[node as usize];
                if matches!(stop.role, Role::JobDelivery | Role::JobPickup) {
                    load += stop.load;
                }
                count += 1;
                node = self.records[node as usize].prev;
            }
            (load, count)
        };
        let ((load_v, count_v), (load_p, count_p)) = (head(v, tour_v), head(p, tour_c));
        let stops_max = |tour: u32| local.problem.tours[local.tours[tour as usize] as usize].stops_max;
        let room = |tour: u32| local.fixed_tours[tour as usize].room;
        let (all_v, all_c) = (self.carried[tour_v as usize], self.carried[tour_c as usize]);
        let (stops_v, stops_c) = (self.counts[tour_v as usize], self.counts[tour_c as usize]);
        if load_v + all_c - load_p > room(tour_v)
            || load_p + all_v - load_v > room(tour_c)
            || count_v + stops_c - count_p > stops_max(tour_v)
            || count_p + stops_v - count_v > stops_max(tour_c)
        {
            return None;
        }
        if local.problem.unrestricted && !local.problem.promised {
            return Some(0);
        }
        let moves = |from: u32, after: u32, to: u32| {
            let end = self.sentinel(from);
            let mut node = self.records[after as usize].next;
            let mut promises = 0;
            while node != end {
                if !local.allows(to, node) {
                    return None;
                }
                promises += local.change_cost(to, node) - local.change_cost(from, node);
                node = self.records[node as usize].next;
            }
            Some(promises)
        };
        Some(moves(tour_v, v, tour_c)? + moves(tour_c, p, tour_v)?)
    }

    /// 2-opt* where tours must be driven to be judged: the tails behind a random compatible pair change places, if no stop
    /// becomes late that was not. False when there was nothing to try.
    fn swap_tails_by_walking(&mut self, random: &mut Random) -> bool {
        let local = self.local;
        if local.stops.is_empty() {
            return false;
        }
        let c = random.below(local.stops.len()) as u32;
        let list = local.before.get(c);
        if list.is_empty() {
            return false;
        }
        let v = list[random.below(list.len().min(TAIL_TRIES))];
        let (tour_c, tour_v) = (self.records[c as usize].tour, self.records[v as usize].tour);
        if tour_c == NONE || tour_v == NONE || tour_c == tour_v {
            return false;
        }
        // Most pairs die here: c after v would be late, or its vehicle's rules forbid it.
        let record = &self.records[v as usize];
        if !local.problem.walks
            && record.depart.saturating_add(self.hop(tour_v, v, c).0) > self.records[c as usize].latest
        {
            return false;
        }
        let (first, second) = (self.sequence(tour_v), self.sequence(tour_c));
        let cut_v = first.iter().position(|&stop| stop == v).map_or(0, |at| at + 1);
        let cut_c = second.iter().position(|&stop| stop == c).unwrap_or(0);
        let (mut new_v, mut new_c) = (first[..cut_v].to_vec(), second[..cut_c].to_vec());
        new_v.extend_from_slice(&second[cut_c..]);
        new_c.extend_from_slice(&first[cut_v..]);
        let late = |tour: u32, sequence: &[u32]| {
            let global = sequence.iter().map(|&stop| local.stops[stop as usize]);
            drive(local.problem, local.tours[tour as usize], global, i64::MAX, |_, _| {}).ok().map(|d| d.late)
        };
        let (Some(late_v), Some(late_c)) = (late(tour_v, &new_v), late(tour_c, &new_c)) else { return false };
        if !local.problem.walks {
            let was = late(tour_v, &first).unwrap_or(i64::MAX / 4) + late(tour_c, &second).unwrap_or(i64::MAX / 4);
            if late_v + late_c > was {
                return false;
            }
        }
        self.exchange(tour_v, &new_v, tour_c, &new_c);
        true
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

/// `-ln U` at 4,096 points: `libm` rounds alike on every platform, the platform's own logarithm does not.
fn logarithms() -> Vec<f64> {
    (0..CELLS).map(|cell| -libm::log((cell as f64 + 0.5) / CELLS as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Pace, SearchLimits, solve_with};
    use crate::check::check;
    use crate::legs::{Legs, Rounding};
    use crate::problem::{NONE, Problem, Role, Stop, TourSpec};
    use crate::random::Random;

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
                    role: if rich && random.chance(500) { Role::JobPickup } else { Role::JobDelivery },
                    unserved: 1_000_000,
                    ..Stop::job(place)
                }
            })
            .collect();
        if paired {
            for pickup in (0..stops - 1).step_by(2) {
                let delivery = pickup + 1;
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
        if seed.is_multiple_of(3) {
            // A fleet that differs.
            for (index, tour) in tours.iter_mut().enumerate().skip(1) {
                tour.start_place = (index % stops) as u32;
                tour.end_place = if index % 2 == 0 { NONE } else { 0 };
                tour.start_at = (index % 7) as i32 * 10;
            }
        }
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
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

    /// Every record equals a recount after every accepted and every undone move (asserted in `anneal`), and the cost that
    /// the search kept is the checker's.
    #[test]
    fn records_equal_a_recount_after_every_move() {
        let mut plain = 0;
        for seed in 0..24 {
            for (paired, rich) in [(false, false), (true, false), (false, true), (true, true)] {
                let problem = problem(seed, 30 + seed as usize, paired, rich);
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

//! Fleet minimization: a tour is emptied, and its units are inserted into the other tours by ruin and recreate. Units that are often
//! absent count more and more (absence counters: Christiaens & Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing
//! Problems", 2020).

use rayon::prelude::*;

use super::cut::{PIECE_STOPS, cut};
use crate::index::{By, LocalStop, LocalTour, StopIx, TourIx};
use crate::moves::Ruin;
use crate::moves::Scratch;
use crate::problem::Problem;
use crate::random::{Random, mix};
use crate::state::Local;
use crate::state::Neighbours;
use crate::state::State;

/// The result for one piece.
struct Shrunk {
    /// A complete plan.
    tours: By<LocalTour, Vec<LocalStop>>,
    /// How often each stop was absent.
    absences: By<LocalStop, u32>,
    /// Tours emptied for good.
    emptied: u32,
}

/// Tries to empty tours of a piece whose plan is complete.
fn shrink(
    local: &Local<'_>,
    tours: &[Vec<LocalStop>],
    mut absences: By<LocalStop, u32>,
    logs: &[f64],
    temperature: f64,
    iterations: u32,
    mut random: Random,
) -> Shrunk {
    let mut state = State::new(local, tours, Vec::new());
    let mut complete: By<LocalTour, Vec<LocalStop>> = tours.to_vec().into();
    let mut scratch = Scratch::default();
    scratch.closed = true;
    let count = |state: &State<'_>, absences: &By<LocalStop, u32>| -> u64 {
        state.absent.iter().map(|&unit| 1 + u64::from(absences[unit])).sum()
    };
    // What the plan costs without the prices of what it does not serve.
    let length = |state: &State<'_>| state.total - state.absent.iter().map(|&unit| local.unserved(unit)).sum::<i64>();
    let mut last = (0u64, 0i64);
    for step in 0..iterations {
        if state.absent.is_empty() {
            if step > 0 {
                for tour in state.tours() {
                    state.sequence_into(tour, &mut complete[tour]);
                }
            }
            let Some(victim) = easiest(&state, &absences) else { break };
            let mut units = state.sequence(victim);
            for unit in &mut units {
                *unit = state.unit_of(*unit);
            }
            units.sort_unstable();
            units.dedup();
            state.begin();
            state.remove_all(&units);
            last = (count(&state, &absences), length(&state));
        }
        state.begin();
        state.ruin(Ruin::new(0.0), &mut scratch.units, &mut random);
        state.recreate(&mut scratch, &mut random);
        let now = (count(&state, &absences), length(&state));
        let slack = (temperature * logs[random.cell()]) as i64;
        let better = now.0 < last.0 || (now.0 == last.0 && now.1 <= last.1.saturating_add(slack));
        if better && state.is_legal() {
            last = now;
        } else {
            // These units could not be inserted, so that they count more from now on.
            for &unit in &state.absent {
                absences[unit] = absences[unit].saturating_add(1);
            }
            state.undo();
            last.0 = count(&state, &absences);
        }
    }
    if state.absent.is_empty() {
        for tour in state.tours() {
            state.sequence_into(tour, &mut complete[tour]);
        }
    }
    let used = |plan: &[Vec<LocalStop>]| plan.iter().filter(|tour| !tour.is_empty()).count() as u32;
    let emptied = used(tours) - used(&complete);
    Shrunk { tours: complete, absences, emptied }
}

/// The used tour without locked stops whose stops were absent least often, each counted once more than that; the first one where that is
/// equal.
fn easiest(state: &State<'_>, absences: &By<LocalStop, u32>) -> Option<LocalTour> {
    let tours: Vec<LocalTour> = state.tours().filter(|&tour| state.counts[tour] > 0).collect();
    if tours.len() < 2 {
        return None;
    }
    let locked = |stop: LocalStop| state.local.problem.stops()[state.local.stops[stop].index()].locked != TourIx::NONE;
    tours.into_iter().filter(|&tour| !state.sequence(tour).into_iter().any(locked)).min_by_key(|&tour| {
        let sum: u64 = state.sequence(tour).iter().map(|&stop| 1 + u64::from(absences[stop])).sum();
        (sum, tour)
    })
}

/// Sequences by tour, absences by stop, tours emptied; as the problem numbers them.
type ShrunkPiece = (Vec<(TourIx, Vec<StopIx>)>, Vec<(StopIx, u32)>, u32);

/// Emptying tours, round by round. After a round that emptied none, pieces are larger and run more iterations.
pub(crate) struct Shrinking {
    absences: By<StopIx, u32>,
    iterations: u32,
    piece_stops: usize,
}

impl Shrinking {
    pub(crate) fn new(problem: &Problem) -> Self {
        Self { absences: By::each(0, problem.stops().len()), iterations: 1_500, piece_stops: PIECE_STOPS }
    }

    /// One round; the plan stays complete. Returns the iterations it took.
    pub(crate) fn round(
        &mut self,
        problem: &Problem,
        near: &Neighbours,
        tours: &mut [Vec<StopIx>],
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
                let sequences: Vec<Vec<LocalStop>> = local
                    .tours
                    .iter()
                    .map(|&tour| tours[tour.index()].iter().map(|&stop| at[stop].1).collect())
                    .collect();
                let absences = local.stops.iter().map(|&stop| self.absences[stop]).collect();
                let shrunk = shrink(&local, &sequences, absences, logs, temperature, self.iterations, random);
                let global = |sequence: &Vec<LocalStop>| sequence.iter().map(|&stop| local.stops[stop]).collect();
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
                tours[tour.index()] = sequence;
            }
            for (stop, absence) in absences {
                self.absences[stop] = absence;
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

#[cfg(test)]
mod tests {
    use super::shrink;
    use crate::index::{By, LocalStop, NodeIx, StopIx, TourIx};
    use crate::problem::{Legs, Rounding};
    use crate::problem::{Problem, ProblemSpec, Stop, TourSpec};
    use crate::random::Random;
    use crate::state::Neighbours;
    use crate::state::{Local, Where};

    /// From a vehicle for each of thirty stops to the few that can hold them, with everybody still served once.
    #[test]
    fn tours_are_emptied_and_nobody_is_lost() {
        let stops = 30u32;
        let places = (0..=stops).map(|place| (f64::from(place * 37 % 100), f64::from(place * 61 % 100))).collect();
        let list = (1..=stops).map(|place| Stop { load: [1, 0, 0, 0], ..Stop::job(NodeIx(place)) }).collect();
        let tour = TourSpec {
            end_node: NodeIx(0),
            capacity: [8, 0, 0, 0],
            per_hour: 0,
            per_km: 1000,
            ..TourSpec::at(NodeIx(0))
        };
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
        let problem = Problem::new(ProblemSpec {
            stops: list,
            tours: vec![tour; stops as usize],
            legs,
            ..ProblemSpec::default()
        })
        .expect("a legal problem");
        let near = Neighbours::new(&problem);
        let all: Vec<LocalStop> = LocalStop::first(30).collect();
        let at: Where = all.iter().map(|&stop| (0, stop)).collect();
        let local = Local::piece(&problem, &near, &at, 0, StopIx::first(30).collect(), TourIx::first(30).collect());
        let alone: Vec<Vec<LocalStop>> = all.iter().map(|&stop| vec![stop]).collect();
        let shrunk = shrink(&local, &alone, By::each(0, 30), &vec![0.0; 4096], 0.0, 2_000, Random::new(1, 0, 0));
        let used = shrunk.tours.iter().filter(|tour| !tour.is_empty()).count();
        assert_eq!((used, shrunk.emptied), (4, 26), "eight to a vehicle: thirty need four");
        let mut served: Vec<LocalStop> = shrunk.tours.concat();
        served.sort_unstable();
        assert_eq!(served, all);
    }
}

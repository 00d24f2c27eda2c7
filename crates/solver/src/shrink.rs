//! Fewer vehicles: a tour is emptied, and its units are placed elsewhere by ruin and recreate without opening another.
//! What is often without a place counts more and more (absence counters: Christiaens & Vanden Berghe 2020).

use crate::local::Local;
use crate::problem::NONE;
use crate::random::Random;
use crate::recreate::Scratch;
use crate::state::State;

/// What became of one piece.
pub(crate) struct Shrunk {
    /// A complete plan: one sequence (local) per tour of the piece.
    pub(crate) tours: Vec<Vec<u32>>,
    /// How often each stop had no place.
    pub(crate) absences: Vec<u32>,
    /// Tours emptied for good.
    pub(crate) emptied: u32,
}

/// Tries to empty tours of a piece whose plan is complete.
pub(crate) fn shrink(
    local: &Local<'_>,
    tours: &[Vec<u32>],
    mut absences: Vec<u32>,
    logs: &[f64],
    temperature: f64,
    iterations: u32,
    mut random: Random,
) -> Shrunk {
    let mut state = State::new(local, tours, Vec::new());
    let mut complete = tours.to_vec();
    let mut emptied = 0;
    let mut scratch = Scratch::default();
    scratch.closed = true;
    let count = |state: &State<'_>, absences: &[u32]| -> u64 {
        state.absent.iter().map(|&unit| 1 + u64::from(absences[unit as usize])).sum()
    };
    // Prices of leaving out are alike for all and far above any leg: without them the total is the length.
    let length = |state: &State<'_>| state.total - state.absent.iter().map(|&unit| local.unserved(unit)).sum::<i64>();
    let mut last = (0u64, 0i64);
    for step in 0..iterations {
        if state.absent.is_empty() {
            if step > 0 {
                for tour in 0..tours.len() as u32 {
                    state.sequence_into(tour, &mut complete[tour as usize]);
                }
                emptied += 1;
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
        state.ruin(&mut scratch.units, &mut random);
        state.recreate(&mut scratch, &mut random);
        let now = (count(&state, &absences), length(&state));
        let slack = (temperature * logs[random.cell()]) as i64;
        if now.0 < last.0 || (now.0 == last.0 && now.1 <= last.1.saturating_add(slack)) {
            last = now;
        } else {
            // What has just failed to find a place is hard to place.
            for &unit in &state.absent {
                absences[unit as usize] = absences[unit as usize].saturating_add(1);
            }
            state.undo();
            last.0 = count(&state, &absences);
        }
    }
    if state.absent.is_empty() {
        for tour in 0..tours.len() as u32 {
            state.sequence_into(tour, &mut complete[tour as usize]);
        }
        emptied += 1;
    }
    Shrunk { tours: complete, absences, emptied }
}

/// The used tour whose units have found places most easily so far; the one with fewer stops where that is equal.
fn easiest(state: &State<'_>, absences: &[u32]) -> Option<u32> {
    let used = (0..state.counts.len() as u32).filter(|&tour| state.counts[tour as usize] > 0);
    let tours: Vec<u32> = used.collect();
    if tours.len() < 2 {
        return None;
    }
    let locked = |stop: u32| state.local.problem.stops[state.local.stops[stop as usize] as usize].locked != NONE;
    tours.into_iter().filter(|&tour| !state.sequence(tour).into_iter().any(locked)).min_by_key(|&tour| {
        let sum: u64 = state.sequence(tour).iter().map(|&stop| 1 + u64::from(absences[stop as usize])).sum();
        (sum, tour)
    })
}

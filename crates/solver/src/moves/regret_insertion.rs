//! Regret insertion: absent units are put in one by one, the one first that loses most if it has to take its second best tour
//! (Potvin & Rousseau, "A parallel route building algorithm for the vehicle routing and scheduling problem with time windows",
//! 1993).

use super::insertion::Insertion;
use crate::index::{By, LocalStop, LocalTour, StopIx};
use crate::interrupt::Interrupt;
use crate::problem::{Problem, Solution, absent_units, all_stops};
use crate::state::{Local, State};

/// Puts what these tours do not serve into them, without a search.
pub(crate) fn insert_into(problem: &Problem, initial: &[Vec<StopIx>], interrupt: Interrupt<'_>) -> Solution {
    let local = Local::whole(problem).until(interrupt);
    fill(State::of_whole(&local, initial, &absent_units(problem, initial)))
}

/// Puts the absent units of a whole problem into its tours.
pub(crate) fn fill(mut state: State<'_>) -> Solution {
    let local = state.local;
    let problem = local.problem;
    let cost_before = state.objective();
    let mut waiting = state.absent.clone();
    let price =
        |state: &State<'_>, unit: LocalStop, tour: LocalTour| state.best_in_tour(unit, tour, local.unserved(unit));
    if let [unit] = waiting[..] {
        // One new stop: the cheapest position there is.
        let mut best: Option<Insertion> = None;
        for tour in state.tours() {
            let bound = best.map_or(local.unserved(unit), |best| best.cost);
            best = state.best_in_tour(unit, tour, bound).or(best);
        }
        if let Some(insertion) = best {
            state.put_at(unit, insertion);
            if state.keeps_docks() {
                waiting.clear();
            } else {
                state.take_back(unit);
            }
        }
    }
    // The best position of each unit in each tour. After an insertion only the tour that changed is priced again.
    let mut insertions: Vec<By<LocalTour, Option<Insertion>>> =
        waiting.iter().map(|&unit| state.tours().map(|tour| price(&state, unit, tour)).collect()).collect();
    while !waiting.is_empty() && !local.interrupt.is_due() {
        let choice = (0..waiting.len())
            .filter_map(|index| {
                let may = |insertion: &Insertion| state.may_join(waiting[index], insertion.tour);
                let mut costs = insertions[index].iter().flatten().copied().filter(may).collect::<Vec<_>>();
                costs.sort_by_key(|insertion| (insertion.cost, insertion.tour));
                let best = *costs.first()?;
                let second = costs.get(1).map_or(local.unserved(waiting[index]), |insertion| insertion.cost);
                Some((second.saturating_sub(best.cost), index, best))
            })
            .max_by_key(|&(regret, index, _)| (regret, std::cmp::Reverse(waiting[index])));
        let Some((_, index, insertion)) = choice else { break };
        state.put_at(waiting[index], insertion);
        if !state.keeps_docks() {
            state.take_back(waiting[index]);
            insertions[index][insertion.tour] = None;
            continue;
        }
        waiting.swap_remove(index);
        insertions.swap_remove(index);
        for (other, row) in waiting.iter().zip(&mut insertions) {
            row[insertion.tour] = price(&state, *other, insertion.tour);
        }
    }
    // What is left has no position at which everything is on time. It is put where it costs least, lateness included, the units
    // that are dearest to leave out first.
    waiting.sort_by_key(|&unit| (std::cmp::Reverse(local.unserved(unit)), unit));
    for unit in waiting {
        if local.interrupt.is_due() {
            break;
        }
        let bound = local.unserved(unit);
        let best = state
            .tours()
            .filter_map(|tour| state.best_by_screened_walk(unit, tour, bound))
            .min_by_key(|insertion| (insertion.cost, insertion.tour));
        if let Some(insertion) = best {
            state = state.enriched();
            state.put_at(unit, insertion);
            if !state.keeps_docks() {
                state.take_back(unit);
            }
        }
    }
    Solution {
        tours: state.global_tours(),
        absent: all_stops(problem, &state.global_absent()),
        infeasible: Vec::new(),
        cost: state.objective(),
        cost_before,
        rounds: 0,
        iterations: 0,
    }
}

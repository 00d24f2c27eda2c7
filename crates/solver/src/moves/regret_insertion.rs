//! Regret insertion: absent units are put in one by one, the one first that loses most if it has to take its second best tour
//! (Potvin & Rousseau, "A parallel route building algorithm for the vehicle routing and scheduling problem with time windows",
//! 1993).

use super::insertion::Insertion;
use crate::index::{By, LocalStop, LocalTour, StopIx};
use crate::problem::{Problem, Solution, absent_units, all_stops};
use crate::state::{Local, State};

/// The immediate answer, into these tours as they are.
pub(crate) fn insert_into(problem: &Problem, initial: &[Vec<StopIx>]) -> Solution {
    let local = Local::whole(problem);
    fill(State::of_whole(&local, initial, &absent_units(problem, initial)))
}

/// Puts what is absent into a whole problem's tours.
pub(crate) fn fill(mut state: State<'_>) -> Solution {
    let local = state.local;
    let problem = local.problem;
    let cost_before = state.total;
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
        if let Some(place) = best {
            state.put_at(unit, place);
            waiting.clear();
        }
    }
    // Best position of each unit in each tour; only the tour that changed is priced again.
    let mut places: Vec<By<LocalTour, Option<Insertion>>> =
        waiting.iter().map(|&unit| state.tours().map(|tour| price(&state, unit, tour)).collect()).collect();
    while !waiting.is_empty() {
        let choice = (0..waiting.len())
            .filter_map(|index| {
                let mut costs = places[index].iter().flatten().copied().collect::<Vec<_>>();
                costs.sort_by_key(|place| (place.cost, place.tour));
                let best = *costs.first()?;
                let second = costs.get(1).map_or(local.unserved(waiting[index]), |place| place.cost);
                Some((second.saturating_sub(best.cost), index, best))
            })
            .max_by_key(|&(regret, index, _)| (regret, std::cmp::Reverse(waiting[index])));
        let Some((_, index, place)) = choice else { break };
        let unit = waiting.swap_remove(index);
        places.swap_remove(index);
        state.put_at(unit, place);
        for (other, row) in waiting.iter().zip(&mut places) {
            row[place.tour] = price(&state, *other, place.tour);
        }
    }
    // Late mode: what is left goes where it does least harm, in order of price. Rich pieces only: where nothing can be
    // late, a walk finds no more than the quick test did.
    waiting.sort_by_key(|&unit| (std::cmp::Reverse(local.unserved(unit)), unit));
    for unit in waiting {
        let bound = local.unserved(unit);
        let best = state
            .tours()
            .filter_map(|tour| state.best_by_walk(unit, tour, bound))
            .min_by_key(|place| (place.cost, place.tour));
        if let Some(place) = best {
            state = state.enriched();
            state.put_at(unit, place);
        }
    }
    Solution {
        tours: state.global_tours(),
        absent: all_stops(problem, &state.global_absent()),
        infeasible: Vec::new(),
        cost: state.total,
        cost_before,
        rounds: 0,
        iterations: 0,
    }
}

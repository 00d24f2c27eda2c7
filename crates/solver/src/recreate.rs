//! Putting units back: cheapest place for each in some order (the search), or greatest regret first (an answer).

use crate::insertion::Insertion;
use crate::neighbours::Neighbours;
use crate::problem::{NONE, Problem, Role, Solution};
use crate::random::Random;
use crate::schedule::{Infeasible, schedule};
use crate::state::State;

/// Up to this many tours, all of them are candidates for every unit: the lists would save nothing.
const ALL_TOURS_MAX: usize = 8;
/// How often a unit without a place is tried late: a walk over whole tours costs as much as many iterations.
const LATE_PER_MILLE: usize = 60;
/// Units per iteration that may be placed late: each is a walk over whole tours.
const LATE_TRIES_MAX: usize = 3;

/// An order of insertion (weights of SISR, with opening and closing times beside them).
#[derive(Clone, Copy)]
enum Order {
    Shuffled,
    LargestLoad,
    Farthest,
    Nearest,
    Narrowest,
    Opening,
    Closing,
}

const ORDERS: [Order; 17] = {
    use Order::{Closing, Farthest, LargestLoad, Narrowest, Nearest, Opening, Shuffled};
    [
        Shuffled,
        Shuffled,
        Shuffled,
        Shuffled,
        LargestLoad,
        LargestLoad,
        LargestLoad,
        LargestLoad,
        Farthest,
        Farthest,
        Nearest,
        Narrowest,
        Narrowest,
        Opening,
        Opening,
        Closing,
        Closing,
    ]
};

impl State<'_> {
    /// Puts absent units back where they cost least, skipping a place now and then (blinks), late if nothing else will do.
    pub(crate) fn recreate(&mut self, near: &Neighbours, random: &mut Random) {
        let mut waiting = self.absent.clone();
        self.sort(&mut waiting, random);
        let mut late_tries = 0;
        let mut tours: Vec<u32> = Vec::new();
        for unit in waiting {
            self.candidates(unit, near, &mut tours);
            let unserved = self.problem.stops[unit as usize].unserved;
            let mut best = self.cheapest(unit, &tours, unserved, random);
            if best.is_none() && tours.len() < self.mine.len() {
                best = self.cheapest(unit, &self.mine, unserved, random);
            }
            if best.is_none() && !self.problem.walks && late_tries < LATE_TRIES_MAX && random.chance(LATE_PER_MILLE) {
                late_tries += 1;
                let pool = if tours.is_empty() { &self.mine } else { &tours };
                best = pool
                    .iter()
                    .filter_map(|&tour| self.best_by_walk(unit, tour, unserved))
                    .min_by_key(|place| (place.cost, place.tour));
            }
            if let Some(place) = best {
                self.put_at(unit, place);
            }
        }
    }

    pub(crate) fn put_at(&mut self, unit: u32, place: Insertion) {
        self.put(unit, place.tour, place.after, place.mate_after);
    }

    fn cheapest(&self, unit: u32, tours: &[u32], bound: i64, random: &mut Random) -> Option<Insertion> {
        let mut best: Option<Insertion> = None;
        for &tour in tours {
            if tours.len() > 1 && random.chance(10) {
                continue; // blink
            }
            let bound = best.map_or(bound, |best| best.cost);
            if let Some(place) = self.best_in_tour(unit, tour, bound) {
                best = Some(place);
            }
        }
        best
    }

    /// Tours that hold a stop compatible with this unit, and every empty one.
    fn candidates(&self, unit: u32, near: &Neighbours, tours: &mut Vec<u32>) {
        tours.clear();
        if self.mine.len() <= ALL_TOURS_MAX {
            tours.extend_from_slice(&self.mine);
            return;
        }
        let mate = self.problem.stops[unit as usize].mate;
        let lists = std::iter::once(unit).chain((mate != NONE).then_some(mate));
        for stop in lists {
            for &other in &near.compatible[stop as usize] {
                let tour = self.records[other as usize].tour;
                if tour != NONE && !tours.contains(&tour) {
                    tours.push(tour);
                }
            }
        }
        let stop = &self.problem.stops[unit as usize];
        let mut shown: Vec<u32> = Vec::new();
        for &tour in &self.mine {
            if self.counts[tour as usize] == 0 && !tours.contains(&tour) {
                let twin = self.problem.twin[tour as usize];
                let own = tour == stop.home || tour == stop.locked || !stop.barred.is_empty();
                if own || !shown.contains(&twin) {
                    shown.push(twin);
                    tours.push(tour);
                }
            }
        }
    }

    fn sort(&self, units: &mut [u32], random: &mut Random) {
        let problem = self.problem;
        let far = |unit: u32| {
            let tour = self.mine.first().copied().unwrap_or(0);
            problem.hop(tour, problem.tours[tour as usize].start_place, unit).0
        };
        let window = |unit: u32| {
            problem.stops[unit as usize].windows.first().copied().unwrap_or((-crate::TIME_MAX, crate::TIME_MAX))
        };
        for index in (1..units.len()).rev() {
            units.swap(index, random.below(index + 1));
        }
        match ORDERS[random.below(ORDERS.len())] {
            Order::Shuffled => {}
            Order::LargestLoad => {
                units.sort_by_key(|&unit| {
                    std::cmp::Reverse(
                        problem.stops[unit as usize].load.iter().map(|&load| i64::from(load)).sum::<i64>(),
                    )
                });
            }
            Order::Farthest => units.sort_by_key(|&unit| std::cmp::Reverse(far(unit))),
            Order::Nearest => units.sort_by_key(|&unit| far(unit)),
            Order::Narrowest => {
                units.sort_by_key(|&unit| i64::from(problem.closes[unit as usize]) - i64::from(window(unit).0));
            }
            Order::Opening => units.sort_by_key(|&unit| window(unit).0),
            Order::Closing => units.sort_by_key(|&unit| std::cmp::Reverse(problem.closes[unit as usize])),
        }
    }
}

/// The units that are on no tour of a plan.
pub(crate) fn absent_units(problem: &Problem, tours: &[Vec<u32>]) -> Vec<u32> {
    let mut placed = vec![false; problem.stops.len()];
    for &stop in tours.iter().flatten() {
        placed[stop as usize] = true;
    }
    (0..problem.stops.len() as u32)
        .filter(|&stop| !placed[stop as usize])
        .filter(|&stop| {
            let spec = &problem.stops[stop as usize];
            spec.role != Role::Delivery || spec.mate == NONE
        })
        .collect()
}

/// The immediate answer: every absent unit at its cheapest place, those with the greatest regret (difference between their
/// best and second best tour; Potvin & Rousseau 1993) first, late where nothing else will do. No search, no randomness.
pub fn insert(problem: &Problem) -> Solution {
    let mine: Vec<u32> = (0..problem.tours.len() as u32).collect();
    let absent = absent_units(problem, &problem.initial);
    let mut state = State::new(problem, &problem.initial, mine, absent);
    let cost_before = state.total;
    let mut waiting = state.absent.clone();
    let price = |state: &State<'_>, unit: u32, tour: u32| {
        let unserved = problem.stops[unit as usize].unserved;
        state.best_in_tour(unit, tour, unserved)
    };
    // Best place of each unit in each tour; only the tour that changed is priced again.
    let mut places: Vec<Vec<Option<Insertion>>> =
        waiting.iter().map(|&unit| state.mine.iter().map(|&tour| price(&state, unit, tour)).collect()).collect();
    while !waiting.is_empty() {
        let choice = (0..waiting.len())
            .filter_map(|index| {
                let mut costs = places[index].iter().flatten().copied().collect::<Vec<_>>();
                costs.sort_by_key(|place| (place.cost, place.tour));
                let best = *costs.first()?;
                let second = costs.get(1).map_or(problem.stops[waiting[index] as usize].unserved, |place| place.cost);
                Some((second.saturating_sub(best.cost), index, best))
            })
            .max_by_key(|&(regret, index, _)| (regret, std::cmp::Reverse(waiting[index])));
        let Some((_, index, place)) = choice else { break };
        let unit = waiting.swap_remove(index);
        places.swap_remove(index);
        state.put_at(unit, place);
        for (other, row) in waiting.iter().zip(&mut places) {
            row[place.tour as usize] = price(&state, *other, place.tour);
        }
    }
    // Late mode: what is left goes where it does least harm, in order of price.
    waiting.sort_by_key(|&unit| (std::cmp::Reverse(problem.stops[unit as usize].unserved), unit));
    for unit in waiting {
        let unserved = problem.stops[unit as usize].unserved;
        let best = state
            .mine
            .iter()
            .filter_map(|&tour| state.best_by_walk(unit, tour, unserved))
            .min_by_key(|place| (place.cost, place.tour));
        if let Some(place) = best {
            state.put_at(unit, place);
        }
    }
    let tours = state.mine.iter().map(|&tour| state.sequence(tour)).collect();
    Solution {
        tours,
        absent: all_stops(problem, &state.absent),
        cost: state.total,
        cost_before,
        rounds: 0,
        iterations: 0,
    }
}

/// Units with their mates, in order.
pub(crate) fn all_stops(problem: &Problem, units: &[u32]) -> Vec<u32> {
    let mut stops: Vec<u32> = units
        .iter()
        .flat_map(|&unit| {
            let spec = &problem.stops[unit as usize];
            std::iter::once(unit).chain((spec.role == Role::Pickup).then_some(spec.mate))
        })
        .collect();
    stops.sort_unstable();
    stops
}

/// What one tour would make of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// It could take it.
    Possible {
        /// Additional price, in millionths.
        cost: i64,
        /// Additional driving time, milliseconds.
        drive: i64,
        /// Something would be late.
        late: bool,
    },
    /// It lacks a skill, or may not serve it.
    Rules,
    /// No room for the goods.
    Capacity,
    /// Its shift ends too early, or no road leads there.
    Shift,
}

/// What every tour would make of a unit (a job, a pickup, a delivery of goods on board), if it were taken out of the
/// plan and put in again. Index = tour.
pub fn alternatives(problem: &Problem, tours: &[Vec<u32>], unit: u32) -> Vec<Alternative> {
    let mate = problem.stops[unit as usize].mate;
    let without: Vec<Vec<u32>> =
        tours.iter().map(|tour| tour.iter().copied().filter(|&stop| stop != unit && stop != mate).collect()).collect();
    let mine: Vec<u32> = (0..problem.tours.len() as u32).collect();
    let mut state = State::new(problem, &without, mine, vec![unit]);
    let driving = |tour: u32, sequence: &[u32]| -> i64 {
        schedule(problem, tour, sequence)
            .map_or(0, |times| times.iter().map(|timed| i64::from(timed.arrival) - i64::from(timed.leave)).sum())
    };
    (0..problem.tours.len() as u32)
        .map(|tour| {
            if !problem.allows(tour, unit) {
                return Alternative::Rules;
            }
            if let Some(place) = state.best_by_walk(unit, tour, i64::MAX / 4) {
                let before = driving(tour, &without[tour as usize]);
                let late_before = state.late(tour);
                state.begin();
                state.put_at(unit, place);
                let drive = driving(tour, &state.sequence(tour)) - before;
                let late = state.late(tour) > late_before;
                state.undo();
                return Alternative::Possible { cost: place.cost, drive, late };
            }
            let full = state.counts[tour as usize] + 2 > problem.tours[tour as usize].stops_max;
            match state.verdict(unit, tour) {
                Some(Infeasible::Rules | Infeasible::Dear) => Alternative::Capacity,
                None if full => Alternative::Rules,
                Some(Infeasible::Shift) | None => Alternative::Shift,
            }
        })
        .collect()
}

impl State<'_> {
    /// Sum of lateness beyond what is due on a tour.
    fn late(&self, tour: u32) -> i64 {
        let mut late = 0;
        let sequence = self.sequence(tour);
        let _ = crate::schedule::drive(self.problem, tour, sequence.iter().copied(), i64::MAX, |stop, timed| {
            let due = self.problem.stops[stop as usize].due;
            late += (i64::from(timed.start) - i64::from(due)).max(0);
        });
        late
    }
}

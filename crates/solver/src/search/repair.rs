//! Plans that cannot be driven as they are given: what is taken off them before anything else is done.
//!
//! Promise: behind this door every tour can be driven. What cannot be mended is kept apart and handed back as it came.

use super::hourly::exact_cost;
use crate::index::{StopIx, TourIx};
use crate::problem::{Problem, ProblemSpec, Solution, Stop, absent_units, all_stops};
use crate::schedule::price;
use crate::state::plan_cost;

/// A problem that had tours that cannot be driven, without them.
pub(crate) struct Repair<'p> {
    whole: &'p Problem,
    /// The problem without the tours that cannot be mended and without their stops, from a plan that can be driven.
    problem: Problem,
    /// Stop of `problem` → stop of the whole.
    stops: Vec<StopIx>,
    /// Tour of `problem` → tour of the whole.
    tours: Vec<TourIx>,
    /// Tours of the whole that cannot be mended.
    infeasible: Vec<TourIx>,
    /// What the whole costs beside `problem`.
    pub(crate) cost_kept: i64,
}

/// Runs on the problem if all of its initial tours can be driven, else on what can be mended of it.
pub(crate) fn repaired(problem: &Problem, run: impl FnOnce(&Problem, Option<&Repair<'_>>) -> Solution) -> Solution {
    match Repair::of(problem) {
        None => run(problem, None),
        Some(repair) => repair.whole(&run(&repair.problem, Some(&repair))),
    }
}

impl<'p> Repair<'p> {
    /// `None` when every initial tour can be driven.
    fn of(whole: &'p Problem) -> Option<Self> {
        let can_be_driven = |(tour, sequence): (TourIx, &Vec<StopIx>)| price(whole, tour, sequence).is_some();
        if TourIx::all().zip(whole.initial()).all(can_be_driven) {
            return None;
        }
        let mut initial = Vec::new();
        let (mut tours, mut infeasible) = (Vec::new(), Vec::new());
        let mut is_kept = vec![false; whole.stops().len()];
        for (tour, sequence) in TourIx::all().zip(whole.initial()) {
            if let Some(sequence) = shortened(whole, tour, sequence) {
                tours.push(tour);
                initial.push(sequence);
            } else {
                infeasible.push(tour);
                for &stop in sequence {
                    is_kept[stop.index()] = true;
                }
            }
        }
        // What is locked to such a tour but not on it has nowhere to go.
        for stop in 0..whole.stops().len() {
            let Stop { locked, mate, .. } = whole.stops()[stop];
            if infeasible.contains(&locked) {
                is_kept[stop] = true;
                if mate != StopIx::NONE {
                    is_kept[mate.index()] = true;
                }
            }
        }
        let stops: Vec<StopIx> = StopIx::first(whole.stops().len()).filter(|&stop| !is_kept[stop.index()]).collect();
        let problem = reduced(whole, &stops, &tours, &initial);
        let mut repair = Self { whole, problem, stops, tours, infeasible, cost_kept: 0 };
        let start = repair.whole_tours(repair.problem.initial());
        repair.cost_kept = objective(whole, &start) - objective(&repair.problem, repair.problem.initial());
        Some(repair)
    }

    /// A plan of the reduced problem with the tours that were kept apart.
    pub(crate) fn whole_tours(&self, tours: &[Vec<StopIx>]) -> Vec<Vec<StopIx>> {
        let mut whole = vec![Vec::new(); self.whole.tours().len()];
        for (&tour, sequence) in self.tours.iter().zip(tours) {
            whole[tour.index()] = sequence.iter().map(|&stop| self.stops[stop.index()]).collect();
        }
        for &tour in &self.infeasible {
            whole[tour.index()].clone_from(&self.whole.initial()[tour.index()]);
        }
        whole
    }

    fn whole(&self, found: &Solution) -> Solution {
        let tours = self.whole_tours(&found.tours);
        Solution {
            absent: all_stops(self.whole, &absent_units(self.whole, &tours)),
            infeasible: self.infeasible.clone(),
            cost: objective(self.whole, &tours),
            cost_before: objective(self.whole, self.whole.initial()),
            tours,
            rounds: found.rounds,
            iterations: found.iterations,
        }
    }
}

/// What a plan costs; tours that cannot be driven as if they could.
fn objective(problem: &Problem, tours: &[Vec<StopIx>]) -> i64 {
    if problem.is_time_dependent() {
        exact_cost(problem, tours)
    } else {
        plan_cost(problem, tours, &absent_units(problem, tours))
    }
}

/// A sequence without as many of its movable stops as it takes for it to be driven: first those that the tour may not serve, then
/// from the end. `None` when that does not help.
fn shortened(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<Vec<StopIx>> {
    let mut sequence = sequence.to_vec();
    let is_locked = |stop: StopIx| stop != StopIx::NONE && problem.stops()[stop.index()].locked == tour;
    let is_movable = |stop: StopIx| !is_locked(stop) && !is_locked(problem.stops()[stop.index()].mate);
    let without = |sequence: &mut Vec<StopIx>, gone: StopIx| {
        let mate = problem.stops()[gone.index()].mate;
        sequence.retain(|&stop| stop != gone && (mate == StopIx::NONE || stop != mate));
    };
    for stop in sequence.clone() {
        if !problem.allows(tour, stop) && is_movable(stop) {
            without(&mut sequence, stop);
        }
    }
    while price(problem, tour, &sequence).is_none() {
        let last = sequence.iter().copied().rev().find(|&stop| is_movable(stop))?;
        without(&mut sequence, last);
    }
    Some(sequence)
}

/// The problem with some of its stops and tours only, numbered anew.
fn reduced(whole: &Problem, stops: &[StopIx], tours: &[TourIx], initial: &[Vec<StopIx>]) -> Problem {
    let (mut stop_at, mut tour_at) = (vec![StopIx::NONE; whole.stops().len()], vec![TourIx::NONE; whole.tours().len()]);
    for (index, old) in StopIx::all().zip(stops) {
        stop_at[old.index()] = index;
    }
    for (index, old) in TourIx::all().zip(tours) {
        tour_at[old.index()] = index;
    }
    let now = |tour: TourIx| tour_at.get(tour.index()).copied().unwrap_or(TourIx::NONE);
    let list = stops.iter().map(|&stop| {
        let stop = &whole.stops()[stop.index()];
        Stop {
            mate: stop.mate.get().map_or(StopIx::NONE, |mate| stop_at[mate.index()]),
            locked: now(stop.locked),
            // A promise to a tour that is not there is broken by every tour.
            home: stop.home.get().map_or(TourIx::NONE, |home| now(home).get().unwrap_or(TourIx(tours.len() as u32))),
            barred: stop.barred.iter().filter_map(|&tour| now(tour).get()).collect(),
            ..stop.clone()
        }
    });
    let specs = tours.iter().map(|&tour| whole.tours()[tour.index()].clone()).collect();
    let initial = initial.iter().map(|sequence| sequence.iter().map(|&stop| stop_at[stop.index()]).collect()).collect();
    let (legs, weights) = (whole.legs().clone(), *whole.weights());
    Problem::new(ProblemSpec { stops: list.collect(), tours: specs, legs, weights, initial })
        .expect("a part of a legal problem, whole shipments only")
}

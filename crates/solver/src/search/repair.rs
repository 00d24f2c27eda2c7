//! Initial plans with tours that cannot be driven: stops are taken off such tours before anything else is done.
//!
//! Promise: every tour of the problem that is handed on can be driven. Tours for which that is not possible are set apart and given back
//! as they came.

use super::hourly::exact_cost;
use crate::index::{StopIx, TourIx};
use crate::problem::{Problem, ProblemSpec, Relation, Solution, Stop, absent_units, all_stops};
use crate::rules::relations::keep;
use crate::schedule::{docks, price};
use crate::state::plan_cost;

/// A problem some of whose initial tours cannot be driven, and the part of it that can be searched.
pub(crate) struct Repair<'p> {
    whole: &'p Problem,
    /// The problem without the tours that cannot be repaired and without their stops. Its initial plan can be driven.
    problem: Problem,
    /// What the whole problem calls each stop of `problem`.
    stops: Vec<StopIx>,
    /// What the whole problem calls each tour of `problem`.
    tours: Vec<TourIx>,
    /// Tours of the whole problem that cannot be repaired.
    infeasible: Vec<TourIx>,
    /// What a plan of the whole problem costs more than the same plan of `problem`.
    pub(crate) cost_kept: i64,
}

/// Runs on the problem if all of its initial tours can be driven, else on the part of it that can be repaired.
pub(crate) fn repaired(problem: &Problem, run: impl FnOnce(&Problem, Option<&Repair<'_>>) -> Solution) -> Solution {
    match Repair::of(problem) {
        None => run(problem, None),
        Some(repair) => repair.whole(&run(&repair.problem, Some(&repair))),
    }
}

impl<'p> Repair<'p> {
    /// `None` if every initial tour can be driven.
    fn of(whole: &'p Problem) -> Option<Self> {
        let mut given = whole.initial().to_vec();
        keep(whole, &mut given);
        docks::keep(whole, &mut given);
        let can_be_driven = |(tour, sequence): (TourIx, &Vec<StopIx>)| price(whole, tour, sequence).is_some();
        if given == whole.initial() && TourIx::all().zip(&given).all(can_be_driven) {
            return None;
        }
        let mut initial = Vec::new();
        let (mut tours, mut infeasible) = (Vec::new(), Vec::new());
        let mut is_kept = vec![false; whole.stops().len()];
        for (tour, sequence) in TourIx::all().zip(&given) {
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
        // A stop that is locked to such a tour but not on it cannot be served by any other.
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

    /// A plan of the reduced problem, together with the tours that were set apart.
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

/// What a plan costs. Tours that cannot be driven count as if they could.
fn objective(problem: &Problem, tours: &[Vec<StopIx>]) -> i64 {
    if problem.is_time_dependent() {
        exact_cost(problem, tours)
    } else {
        plan_cost(problem, tours, &absent_units(problem, tours))
    }
}

/// A sequence from which stops that are not locked to the tour were removed until it can be driven: first those that the tour may not
/// serve, then from the end. `None` if it cannot be driven even then.
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
            // A stop that is promised to a tour which is left out: its promise is broken by every tour, as if it were to one more.
            home: stop.home.get().map_or(TourIx::NONE, |home| now(home).get().unwrap_or(TourIx(tours.len() as u32))),
            barred: stop.barred.iter().filter_map(|&tour| now(tour).get()).collect(),
            ..stop.clone()
        }
    });
    let specs = tours.iter().map(|&tour| whole.tours()[tour.index()].clone()).collect();
    let initial = initial.iter().map(|sequence| sequence.iter().map(|&stop| stop_at[stop.index()]).collect()).collect();
    let (legs, weights) = (whole.legs().clone(), *whole.weights());
    let relations = whole.spec().relations.iter().map(|relation| Relation {
        kind: relation.kind,
        stops: relation.stops.iter().filter_map(|&stop| stop_at[stop.index()].get()).collect(),
    });
    let (relations, docks) = (relations.collect(), whole.spec().docks.clone());
    Problem::new(ProblemSpec { stops: list.collect(), tours: specs, legs, weights, initial, relations, docks })
        .expect("a part of a legal problem, whole shipments only")
}

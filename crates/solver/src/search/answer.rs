//! Answers without a search: the cheapest positions of the absent units, and what a unit would cost on each tour.

use super::hourly::{frozen, insert_timed};
use super::repair::repaired;
use super::verdict::checked;
use crate::index::{LocalStop, LocalTour, NodeIx, StopIx, TourIx};
use crate::interrupt::Interrupt;
use crate::moves::{fill, insert_into};
use crate::obstacle::{Obstacle, obstacle};
use crate::problem::{Problem, Solution, absent_units};
use crate::schedule::{driving_breaks, schedule_home};
use crate::state::{Local, State};

/// The immediate answer: every absent unit at its cheapest position, those with the greatest regret (difference between their
/// best and second best tour; Potvin & Rousseau 1993) first, late where nothing else will do. No search, no randomness.
///
/// A tour of the initial plan that cannot be driven (overloaded, past the end of its shift) first loses stops until it can: those
/// it may not serve, then the others from the end, but none that is locked to it. They are placed again like all that is absent.
/// If that does not help, the tour stays exactly as it is and is named in [`Solution::infeasible`].
pub fn insert(problem: &Problem) -> Solution {
    checked(problem, insert_unchecked(problem))
}

fn insert_unchecked(problem: &Problem) -> Solution {
    if problem.is_time_dependent() {
        return repaired(problem, |problem, _| insert_timed(problem));
    }
    let local = Local::whole(problem);
    let state = State::of_whole(&local, problem.initial(), &absent_units(problem, problem.initial()));
    if state.can_be_driven() && !problem.relations().are_there() && !problem.has_docks() {
        fill(state)
    } else {
        repaired(problem, |problem, _| insert_into(problem, problem.initial(), Interrupt::NEVER))
    }
}

/// More than anything costs.
const ANY_COST: i64 = i64::MAX / 4;

/// What a unit would mean for the drive of a tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detour {
    /// Additional driving time, milliseconds: the way home and the ways by depots count, breaks on the way do not. A tour without a stop
    /// is not driven at all.
    pub drive: i64,
    /// Something would be late that is not late without it.
    pub late: bool,
}

/// What it would mean to serve a unit on one tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// The tour could serve it.
    Possible {
        /// Additional price, in millionths.
        cost: i64,
        /// What it would mean for the drive, where that was asked for.
        detour: Option<Detour>,
    },
    /// It lacks a skill, may not serve it, or would have to unload in another order.
    Rules,
    /// It may have no more stops.
    Stops,
    /// No room for the goods: by so much.
    Capacity {
        /// Units that are missing, in one dimension.
        by: i64,
    },
    /// Its shift ends too early.
    Shift,
    /// Its driver would drive, or be at work, too long, or his breaks take too long.
    DrivingTime,
    /// No road leads there.
    Unreachable,
    /// It is not the cheapest of the others; whether it could is not looked at.
    Dearer,
}

/// For each tour, in order, what it would mean to take a unit (a job, a pickup, a delivery of goods on board) out of the plan and to serve
/// it on that tour.
///
/// `taker`: the tour that takes it. The detours of it and of the cheapest other tour (of those that cost the same, the first) are told, which
/// takes four drives of each, and of the others as much as was found out on the way to that. `None`: no detour is told, and every tour
/// is looked at in full.
pub fn alternatives(problem: &Problem, tours: &[Vec<StopIx>], unit: StopIx, taker: Option<TourIx>) -> Vec<Alternative> {
    if problem.is_time_dependent() {
        return alternatives(&frozen(problem, tours), tours, unit, taker);
    }
    let mate = problem.stops()[unit.index()].mate;
    let without: Vec<Vec<StopIx>> =
        tours.iter().map(|tour| tour.iter().copied().filter(|&stop| stop != unit && stop != mate).collect()).collect();
    let local = Local::whole(problem);
    let mut state = State::of_whole(&local, &without, &[unit]).enriched();
    let mut insertions = Vec::with_capacity(tours.len());
    // What another tour has to be cheaper than, to be told.
    let mut bound = ANY_COST;
    let mut answers: Vec<Alternative> = TourIx::first(problem.tours().len())
        .map(|tour| {
            let here = LocalTour::of_whole(tour);
            let allowed = problem.allows(tour, unit);
            let is_compared = taker.is_some_and(|taker| taker != tour);
            let most = if is_compared { bound } else { ANY_COST };
            let found = allowed.then(|| state.best_by_screened_walk(LocalStop::of_whole(unit), here, most)).flatten();
            insertions.push(found);
            match found {
                Some(insertion) => {
                    if is_compared {
                        bound = insertion.cost;
                    }
                    Alternative::Possible { cost: insertion.cost, detour: None }
                }
                None if allowed && most < ANY_COST => Alternative::Dearer,
                None if allowed => refused(obstacle(problem, &without, (tour, &without[tour.index()]), unit)),
                None => Alternative::Rules,
            }
        })
        .collect();
    let Some(taker) = taker else { return answers };
    let others = insertions.iter().enumerate().filter(|&(tour, _)| tour != taker.index());
    let cheapest = others.filter_map(|(tour, found)| Some((found.as_ref()?.cost, tour))).min();
    for tour in std::iter::once(taker.index()).chain(cheapest.map(|(_, tour)| tour)) {
        let Some(insertion) = insertions.get_mut(tour).and_then(Option::take) else { continue };
        let (here, before) = (LocalTour::of_whole(TourIx(tour as u32)), &without[tour]);
        let driven = |sequence: &[StopIx]| driving_time(problem, TourIx(tour as u32), sequence);
        let late_before = state.late(here);
        let cost = insertion.cost;
        state.begin();
        state.put_at(LocalStop::of_whole(unit), insertion);
        let detour =
            Detour { drive: driven(&state.global(here)) - driven(before), late: state.late(here) > late_before };
        state.undo();
        answers[tour] = Alternative::Possible { cost, detour: Some(detour) };
    }
    answers
}

/// How long a tour is driven: to its stops, by its depots, and home.
fn driving_time(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> i64 {
    let Some((times, home)) = schedule_home(problem, tour, sequence).filter(|_| !sequence.is_empty()) else { return 0 };
    let has_end = problem.tours()[tour.index()].end_node != NodeIx::NONE;
    let legs = times.iter().chain(has_end.then_some(&home));
    let driven = legs.map(|timed| {
        let by_depot = timed.reloaded.map_or(0, |reloaded| i64::from(reloaded.travel));
        by_depot + i64::from(timed.arrival) - i64::from(timed.leave)
    });
    let rested = driving_breaks(problem, tour, sequence).into_iter().map(|rest| i64::from(rest.duration));
    driven.sum::<i64>() - rested.sum::<i64>()
}

/// What a tour says that an obstacle keeps from serving a unit.
fn refused(obstacle: Obstacle) -> Alternative {
    match obstacle {
        Obstacle::Stops(_) => Alternative::Stops,
        Obstacle::Load(_, by) => Alternative::Capacity { by: by.max(1) },
        Obstacle::Reload => Alternative::Capacity { by: 1 },
        Obstacle::Unreachable => Alternative::Unreachable,
        Obstacle::Shift(_)
        | Obstacle::Home(_)
        | Obstacle::Late(_)
        | Obstacle::OtherLate(_)
        | Obstacle::Way(_)
        | Obstacle::Range(_)
        | Obstacle::Dock
        | Obstacle::Pauses => Alternative::Shift,
        Obstacle::Travel(_) | Obstacle::DrivingTime => Alternative::DrivingTime,
        Obstacle::Price
        | Obstacle::Pinned
        | Obstacle::Skills
        | Obstacle::Position
        | Obstacle::Order
        | Obstacle::Related => Alternative::Rules,
    }
}

impl State<'_> {
    /// Sum of the lateness beyond `due` on a tour of a whole problem.
    fn late(&self, tour: LocalTour) -> i64 {
        let mut late = 0;
        let sequence = self.global(tour);
        let problem = self.local.problem;
        let _ = crate::schedule::drive(
            problem,
            self.local.tours[tour],
            sequence.iter().copied(),
            i64::MAX,
            |stop, timed| {
                let due = problem.stops()[stop.index()].due;
                late += (i64::from(timed.start) - i64::from(due)).max(0);
            },
        );
        late
    }
}

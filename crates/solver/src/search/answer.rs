//! Answers without a search: the cheapest positions of the absent units, and what a unit would cost on each tour.

use super::hourly::{frozen, insert_timed};
use super::repair::repaired;
use super::verdict::checked;
use crate::index::{LocalStop, LocalTour, StopIx, TourIx};
use crate::moves::{fill, insert_into};
use crate::obstacle::{Obstacle, obstacle};
use crate::problem::{Problem, Solution, absent_units};
use crate::schedule::schedule;
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
        repaired(problem, |problem, _| insert_into(problem, problem.initial()))
    }
}

/// What it would mean to serve a unit on one tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// The tour could serve it.
    Possible {
        /// Additional price, in millionths.
        cost: i64,
        /// Additional driving time, milliseconds.
        drive: i64,
        /// Something would be late.
        late: bool,
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
    /// No road leads there.
    Unreachable,
}

/// For each tour, in order, what it would mean to take a unit (a job, a pickup, a delivery of goods on board) out of the plan and to serve
/// it on that tour.
pub fn alternatives(problem: &Problem, tours: &[Vec<StopIx>], unit: StopIx) -> Vec<Alternative> {
    if problem.is_time_dependent() {
        return alternatives(&frozen(problem, tours), tours, unit);
    }
    let mate = problem.stops()[unit.index()].mate;
    let without: Vec<Vec<StopIx>> =
        tours.iter().map(|tour| tour.iter().copied().filter(|&stop| stop != unit && stop != mate).collect()).collect();
    let local = Local::whole(problem);
    let mut state = State::of_whole(&local, &without, &[unit]).enriched();
    let driving = |tour: TourIx, sequence: &[StopIx]| -> i64 {
        schedule(problem, tour, sequence)
            .map_or(0, |times| times.iter().map(|timed| i64::from(timed.arrival) - i64::from(timed.leave)).sum())
    };
    TourIx::first(problem.tours().len())
        .map(|tour| {
            let here = LocalTour::of_whole(tour);
            if !problem.allows(tour, unit) {
                return Alternative::Rules;
            }
            if let Some(insertion) = state.best_by_screened_walk(LocalStop::of_whole(unit), here, i64::MAX / 4) {
                let before = driving(tour, &without[tour.index()]);
                let late_before = state.late(here);
                state.begin();
                state.put_at(LocalStop::of_whole(unit), insertion);
                let drive = driving(tour, &state.global(here)) - before;
                let late = state.late(here) > late_before;
                state.undo();
                return Alternative::Possible { cost: insertion.cost, drive, late };
            }
            match obstacle(problem, &without, (tour, &without[tour.index()]), unit) {
                Obstacle::Stops(_) => Alternative::Stops,
                Obstacle::Load(_, by) => Alternative::Capacity { by: by.max(1) },
                Obstacle::Reload => Alternative::Capacity { by: 1 },
                Obstacle::Unreachable => Alternative::Unreachable,
                Obstacle::Shift(_)
                | Obstacle::Home(_)
                | Obstacle::Late(_)
                | Obstacle::OtherLate(_)
                | Obstacle::Travel(_)
                | Obstacle::Way(_)
                | Obstacle::Range(_)
                | Obstacle::DrivingTime
                | Obstacle::Dock
                | Obstacle::Pauses => Alternative::Shift,
                Obstacle::Price
                | Obstacle::Pinned
                | Obstacle::Skills
                | Obstacle::Position
                | Obstacle::Order
                | Obstacle::Related => Alternative::Rules,
            }
        })
        .collect()
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

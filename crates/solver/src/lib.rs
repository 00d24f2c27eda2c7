//! One vehicle-routing problem in, a better solution out. See [`solve`] and [`insert`].
//!
//! The search is ruin and recreate by string removal (Christiaens & Vanden Berghe 2020) under simulated annealing, on
//! intrusive linked tours with O(1) feasibility, with an undo log, in rounds over disjoint groups of whole tours.
//!
//! Read the modules from the bottom up, each uses only those before it: `index` and `problem` (what is asked), `schedule` (one tour
//! driven exactly), `state` (a plan under search, with an undo log), `moves` (a file for each, under its name in the literature),
//! `search` (what is tried when, and what is kept). [`check`] is a second, slower truth for tests and callers.
//!
//! Promises: the same problem, seed and number of rounds give the same solution on any number of threads. A solution never costs
//! more than the problem's `initial` plan, if that can be driven. Every tour of a solution can be driven as [`schedule()`] says, but
//! for those that [`Solution::infeasible`] names. More replicas never cost more.
//!
//! Absent on purpose: orders, the log, a clock, a map. Times are `i32` milliseconds from an epoch of the caller's choice.
//!
//! ```
//! use fleetfold_solver::{LegMatrix, NodeIx, Problem, ProblemSpec, SearchLimits, Stop, StopIx, TourSpec, solve};
//!
//! // Three nodes on a line, a minute apart; one vehicle at the first, stops at the other two.
//! let legs = LegMatrix::from_fn(3, |a, b| ((a as i32 - b as i32).abs() * 60_000, (a as i32 - b as i32).abs() * 500));
//! let problem = Problem::new(ProblemSpec {
//!     stops: vec![Stop::job(NodeIx(2)), Stop::job(NodeIx(1))],
//!     tours: vec![TourSpec::at(NodeIx(0))],
//!     legs: legs.into(),
//!     ..ProblemSpec::default()
//! })
//! .expect("a legal problem");
//! let solution = solve(&problem, &SearchLimits::default(), &std::sync::atomic::AtomicBool::new(false));
//! assert_eq!(solution.tours, [[StopIx(1), StopIx(0)]]); // the near one on the way to the far one
//! assert!(solution.absent.is_empty() && solution.infeasible.is_empty());
//! ```

pub mod check;
mod goods;
mod index;
mod interrupt;
mod moves;
mod obstacle;
mod pauses;
mod problem;
mod random;
mod rules;
mod schedule;
mod search;
mod state;

pub use index::{NodeIx, StopIx, TourIx};
pub use interrupt::{Interrupt, Stage};
pub use obstacle::{Obstacle, obstacles};
pub use problem::{
    AskedLegs, Battery, Dock, DrivenSoFar, DrivingTime, EU_DRIVING_HOURS, Fairness, Invalid, LegMatrix, LegRows, Legs,
    Pause, Problem, ProblemSpec, Rank, Relation, RelationKind, Reload, ReloadPlace, Role, Rounding, SoftWindow,
    Solution, SpherePlace, Station, Stop, TIME_MAX, TimeDependentLegs, TimesOfType, TourSpec, Trips, UNREACHABLE,
    US_DRIVING_HOURS, Walking, Weights, travel_over,
};
pub use rules::day::TakenPause;
pub use rules::doors::{Walk, walks};
pub use rules::driving_time::DrivingBreak;
pub use schedule::docks::holds as dock_holds;
pub use schedule::{
    Charged, Hours, Late, Reloaded, Rests, Timed, driving_breaks, hours, price, schedule, schedule_held, schedule_home,
    schedule_late,
};
pub use search::{
    Alternative, Detour, Pace, Progress, SearchLimits, alternatives, insert, solve, solve_each, solve_with,
};

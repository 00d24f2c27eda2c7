//! One vehicle-routing problem in, a better solution out. See [`solve`] and [`insert`].
//!
//! The search is ruin and recreate by string removal (Christiaens & Vanden Berghe 2020) under simulated annealing, on
//! intrusive linked tours with O(1) feasibility, with an undo log, in rounds over disjoint groups of whole tours.
//!
//! Promise: the same problem, seed and number of rounds give the same solution on any number of threads, and never a
//! worse one than the problem's `initial`.
//! Absent on purpose: orders, the log, a clock, a map. Times are `i32` milliseconds from an epoch of the caller's choice.
//!
//! ```
//! use fleetfold_solver::{LegMatrix, Problem, SearchLimits, Stop, TourSpec, solve};
//!
//! // Three places on a line, a minute apart; one vehicle at the first, stops at the other two.
//! let legs = LegMatrix::from_fn(3, |a, b| ((a as i32 - b as i32).abs() * 60_000, (a as i32 - b as i32).abs() * 500));
//! let problem = Problem::new(
//!     vec![Stop::job(2), Stop::job(1)],
//!     vec![TourSpec::at(0)],
//!     legs,
//! )
//! .expect("a legal problem");
//! let solution = solve(&problem, &SearchLimits::default(), &std::sync::atomic::AtomicBool::new(false));
//! assert_eq!(solution.tours, [[1, 0]]); // the near one on the way to the far one
//! assert!(solution.absent.is_empty());
//! ```

mod anneal;
mod changes;
pub mod check;
mod construct;
mod crossing;
mod cut;
mod heat;
mod insertion;
mod legs;
mod local;
mod neighbours;
mod problem;
mod random;
mod recreate;
mod repair;
mod ruin;
mod schedule;
mod search;
mod shipments;
mod shrink;
mod state;
mod swap;
mod tails;
mod time_dependent;

pub use legs::{LegMatrix, Legs, Rounding, SpherePlace};
pub use problem::{Invalid, NONE, Pause, Problem, Role, Solution, Stop, TIME_MAX, TourSpec, UNREACHABLE, Weights};
pub use recreate::{Alternative, alternatives, insert};
pub use schedule::{Timed, price, schedule};
pub use search::{Pace, Progress, SearchLimits, solve, solve_with};
pub use time_dependent::{LegRows, TimeDependentLegs, travel_over};

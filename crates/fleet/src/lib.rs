//! What is true: the fold of the log, the spatial index over it, its digest and its checks.
//!
//! [`Fleet::apply`] takes one log entry and says what changed. It is total (no entry can make it fail or
//! panic) and deterministic (it depends on the entry and the fleet, on nothing else). A fact that makes no
//! sense now is *refused* with a reason; a fact that comes late or out of order is never dropped.
//!
//! Absent on purpose: travel times, searching, bytes of the log. The fleet cannot call the solver.

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

mod apply;
mod apply_orders;
mod apply_reports;
mod apply_vehicles;
mod change;
mod check;
mod digest;
mod index;
mod plan;
mod state;
mod tally;

pub use change::{Change, Flag, PlanOutcome, Refused};
pub use check::Broken;
pub use index::Index;
pub use state::{
    Anchor, Ask, Chain, Closed, Counters, Fleet, Mark, OrderState, Placement, Progress, RoadState, Route,
    SERVICES_ENOUGH, Stop, UnderWay, VehicleState, Visit, Zone,
};
pub use tally::{Spread, Tally};

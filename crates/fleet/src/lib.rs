//! What is true: the fold of the log, the spatial index over it, its digest and its checks.
//!
//! [`Fleet::apply`] takes one log entry and says what changed. It is total (no entry can make it fail or
//! panic) and deterministic (it depends on the entry and the fleet, on nothing else). A fact that makes no
//! sense now is *refused* with a reason; a fact that comes late or out of order is never dropped.
//!
//! Absent on purpose: travel times, searching, bytes of the log. The fleet cannot call the solver.

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

mod chain;
mod change;
mod check;
mod digest;
mod fleet;
mod fold;
mod image;
mod index;
mod order;
mod pages;
mod road;
mod service;
mod tally;
mod vehicle;
mod zone;

pub use chain::{Ask, Chain};
pub use change::{Change, Flag, PlanOutcome, Refused};
pub use check::Broken;
pub use fleet::{Counters, Fleet, Orders, SERVICES_ENOUGH, Services, StoredBase, Vehicles};
pub use image::{
    AskImage, Image, ImageError, MarkImage, OrderImage, PlacementImage, ProgressImage, RememberedHash, UnderWayImage,
    VehicleImage,
};
pub use index::Index;
pub use order::{Closed, Mark, OrderState, Placement, Progress, Stop};
pub use road::RoadState;
pub use service::service_start;
pub use tally::{Spread, Tally};
pub use vehicle::{Anchor, Route, UnderWay, Unlocated, VehicleState, Visit};
pub use zone::Zone;

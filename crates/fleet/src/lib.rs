//! What is true: the fold of the log, the spatial index over it, its digest and its checks.
//!
//! [`Fleet::apply`] takes one log entry and says what changed. It is total (no entry can make it fail or panic) and
//! deterministic: the result depends on the entries alone, so everybody who folds the same log gets the same fleet and the
//! same [`Fleet::digest`]. A fact that makes no sense now is *refused* with a reason; a fact that comes late or out of order
//! is taken as far as it still means something.
//!
//! Position reports ([`Fleet::hint`]) are not in the log. They move vehicles in the spatial index and serve the engine's
//! estimates, and nothing that the fold decides looks at them. Where a decision needs to know where a vehicle is, the engine
//! writes a [`VehicleLocated`](fleetfold_model::VehicleLocated) fact.
//!
//! What is over leaves the state after the policy's `retire_after`, so that a zone costs what its open work costs. Numbers of
//! orders ([`OrderId`](fleetfold_model::OrderId)) are then used again: whoever keeps one from one entry to the next must drop
//! it when [`Change::retired`] names it. Tables are shared by copies piece by piece, so that [`Fleet::clone_without_index`]
//! is cheap enough to hand a copy to another thread at any time. [`Fleet::image`] gives the whole fleet as plain values, and
//! [`Fleet::from_image`] reads them.
//!
//! Absent on purpose: travel times, searching, bytes of the log. The fleet cannot call the solver.
//!
//! ```
//! use fleetfold_fleet::{Fleet, Placement};
//! use fleetfold_model::*;
//!
//! let stop = StopSpec { position: Position { x: 0, y: 0 }, windows: vec![], service: Millis(60_000), setup: Millis(0) };
//! let order = Order {
//!     name: Name::new("ord-1").unwrap(),
//!     work: OrderWork::Job(Job { stop, direction: LoadDirection::Delivery }),
//!     load: Load::default(),
//!     skills: vec![],
//!     priority: 0,
//!     release: None,
//!     promised: None,
//!     placed: Timestamp(0),
//! };
//! let entry = LogEntry { numbered: None,
//!     seq: LogSeq(1),
//!     logged_at: Timestamp(1_000),
//!     id: 7,
//!     time: None,
//!     hash: MessageHash::default(),
//!     event: Event::OrderCreated(order),
//! };
//!
//! let mut fleet = Fleet::new();
//! let change = fleet.apply(&entry);
//! assert!(change.asks); // the order waits for an answer ...
//! let id = fleet.order_id("ord-1").unwrap();
//! assert_eq!(fleet.order(id).placement, Placement::Unplaced);
//! assert!(fleet.unanswered()[&LogSeq(1)].orders.contains(&id)); // ... which a plan will name in its `caused_by`
//!
//! let again = Fleet::from_image(fleet.image()).unwrap();
//! assert_eq!(again.digest(), fleet.digest());
//! ```

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

mod alert;
mod chain;
mod change;
mod check;
mod digest;
mod duty;
mod fleet;
mod fold;
mod image;
mod index;
mod order;
mod pages;
mod road;
mod service;
mod slack;
mod tachograph;
mod tally;
mod told;
mod vehicle;
mod zone;

pub use alert::{Acknowledged, AlertState};
pub use chain::{Ask, Chain};
pub use change::{Change, Flag, PlanOutcome, Refused};
pub use check::Broken;
pub use duty::{Duties, Duty, DutyTold, Working};
pub use fleet::{Counters, Fleet, Orders, SERVICES_ENOUGH, Services, StoredBase, Vehicles};
pub use fold::EarlyWord;
pub use image::{
    AskImage, Image, ImageError, MarkImage, OrderImage, PlacementImage, ProgressImage, RememberedHash, UnderWayImage,
    VehicleImage,
};
pub use index::Index;
pub use order::{Closed, Mark, OrderState, Placement, Progress, Stop};
pub use road::RoadState;
pub use service::service_start;
pub use slack::{FORCED_SLACK, Slack, Units};
pub use tachograph::{Activity, ActivityChange, Driven, Excess, Tachograph, Turn};
pub use tally::{Spread, Tally};
pub use told::{SaidAt, Told, ToldTimes};
pub use vehicle::{
    Anchor, NEVER_SEEN, OnBreak, Reloads, Route, RouteBreak, RuledLeg, UnderWay, Unlocated, VehicleState, Visit,
    trip_from, until_depot,
};
pub use zone::Zone;

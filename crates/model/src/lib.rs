//! The words: ids, units, places, orders, vehicles, events, routes, the plan.
//!
//! Every other crate speaks in these types. They have no behaviour beyond keeping each value legal: a value that exists is a
//! value that makes sense by itself. Times are milliseconds, distances metres, costs millionths of the zone's currency, all
//! of them integers, so that a sum is the same on every machine.
//!
//! Absent on purpose: JSON (that is `wire`), any clock, any geometry beyond a pair of integers. The `serde` derives serve
//! the snapshot cache only; they promise no byte format. The digest of the fleet does not depend on names of fields or on
//! the order of declarations here either.
//!
//! ```
//! use fleetfold_model::{Load, Millis, Name, TimeWindow, Timestamp};
//!
//! // Values are checked once, where they are made.
//! assert!(Name::new("ord 1").is_none(), "a name has no white space");
//! let nine = Timestamp(9 * 3_600_000);
//! assert!(TimeWindow::new(nine, nine - Millis(1)).is_none(), "a window does not close before it opens");
//!
//! // From then on they are trusted.
//! let window = TimeWindow::new(nine, nine + Millis::from_seconds(1_800)).unwrap();
//! assert_eq!(window.closes() - window.opens(), Millis(1_800_000));
//! assert!(Load([2, 0, 0, 0]).fits_in(Load([3, 0, 0, 0])));
//! ```

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

mod alert;
mod entry;
mod eta;
mod event;
mod features;
mod ids;
mod network;
mod order;
mod own;
mod policy;
mod route;
mod space;
mod units;
mod vehicle;

pub use alert::{Alert, AlertAbout, AlertAcknowledged, AlertCleared, AlertKind, AlertRaised};
pub use entry::{FORMAT, LogEntry, MessageHash, Numbered, RULES};
pub use eta::{ETA_COVERAGE_PERCENT, Eta, EtaState};
pub use event::{
    Attention, BreakEvent, Event, FailReason, Noted, NotedItem, OrderChange, OrderRetry, Origin, Person, Pin,
    PriorityRaised, ReloadEvent, RoadChange, RoadTarget, SlotHeld, StopEvent, StopKind, ZoneOpened,
};
pub use features::{ArrivalEnds, Cell, Features, ServiceFeature, SpeedFeature, SpeedKey};
pub use ids::{LogSeq, Name, OrderId, VehicleId};
pub use network::{NetworkSpec, StreetEdge};
pub use order::{Job, LoadDirection, Order, OrderWork, Shipment, StopSpec};
pub use own::{BaseWritten, HoldEnded, RepairAsked, VehicleLocated};
pub use policy::{Diversion, Freeze, OnBoardRule, Policy};
pub use route::{
    AssignedVisit, Assignment, CUT_OFF, Choice, DepotCall, ExchangeGroup, NextBreak, Obstacle, PlannedVisit, Proposal,
    ProposedRoute, SearchRecord, UnassignedReason, leaves_at,
};
pub use space::{Position, Space};
pub use units::{Cost, LOAD_DIMENSIONS, Load, Metres, Millis, TimeWindow, Timestamp};
pub use vehicle::{Break, Depot, DrivingRule, Reload, Shift, Vehicle, VehicleCosts};

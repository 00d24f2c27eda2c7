//! The words: ids, units, places, orders, vehicles, events, routes, the plan.
//!
//! Every other room speaks in these types. They have no behaviour beyond keeping each value legal:
//! a value that exists is a value that makes sense by itself.
//!
//! Absent on purpose: JSON (that is `wire`), any clock, any geometry beyond a pair of integers.
//! The `serde` derives serve the snapshot cache only; no byte format is promised here.

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

mod entry;
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

pub use entry::{FORMAT, LogEntry, MessageHash};
pub use event::{
    Event, FailReason, OrderChange, Pin, PriorityRaised, RoadChange, RoadTarget, StopEvent, StopKind, ZoneOpened,
};
pub use features::{Cell, Features, ServiceFeature, SpeedFeature, SpeedKey};
pub use ids::{LogSeq, Name, OrderId, VehicleId};
pub use network::{NetworkSpec, StreetEdge};
pub use order::{Job, LoadDirection, Order, OrderWork, Shipment, StopSpec};
pub use own::{BaseWritten, RepairAsked, VehicleLocated};
pub use policy::{OnBoardRule, Policy};
pub use route::{
    AssignedVisit, Assignment, Choice, ExchangeGroup, Obstacle, PlannedVisit, Proposal, ProposedRoute, SearchRecord,
    UnassignedReason,
};
pub use space::{Position, Space};
pub use units::{Cost, LOAD_DIMENSIONS, Load, Metres, Millis, TimeWindow, Timestamp};
pub use vehicle::{Break, Shift, Vehicle, VehicleCosts};

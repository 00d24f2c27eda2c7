//! The one table of event types: the name of each, who may write it, which entity it is about, and the shape of its payload.
//!
//! Everything else that needs to know a type asks here: the encoder for its name, the decoder for its dispatch, the JSON
//! Schemas, the AsyncAPI document, and the subjects of the log. To add a type, add a row; the compiler then names every match
//! that has to decide what to do with it.

use std::collections::BTreeMap;

use fleetfold_model::{Event, Name};
use schemars::schema_for;

use crate::alert_v1::{AlertAcknowledgedV1, AlertClearedV1, AlertRaisedV1, AlertV1};
use crate::eta_v1::EtaV1;
use crate::event_v1::{
    AssignmentRefV1, BaseV1, BreakEventV1, FeaturesV1, ForgottenV1, HoldEndedV1, LocatedV1, NotedV1, OrderRefV1,
    OrderRetryV1, OrderV1, PinV1, PolicyV1, PriorityV1, ReloadEventV1, RepairV1, RoadV1, SlotHeldV1, StopEventV1,
    VehicleRefV1, VehicleV1, ZoneV1,
};
use crate::plan_v1::{AssignmentV1, PlanV1};

/// Who may write an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Anyone who has the right to publish: shops, dispatchers, phones.
    Producer,
    /// The engine that owns the zone, and nobody else. The event carries the engine's epoch.
    Engine,
}

/// What kind of thing an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The whole zone.
    Zone,
    /// One order.
    Order,
    /// One vehicle.
    Vehicle,
    /// One change of the roads.
    RoadChange,
}

/// What an event is about, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity<'a> {
    /// The whole zone.
    Zone,
    /// This order.
    Order(&'a Name),
    /// This vehicle.
    Vehicle(&'a Name),
    /// This change of the roads.
    RoadChange(&'a Name),
}

impl<'a> Entity<'a> {
    /// The entity of an event.
    pub fn of(event: &'a Event) -> Self {
        match event {
            Event::ZoneOpened(_)
            | Event::AttentionNoted(_)
            | Event::PolicyChanged(_)
            | Event::PlanProposed(_)
            | Event::FeaturesLearned(_)
            | Event::BaseWritten(_)
            | Event::RepairAsked(_)
            | Event::AlertRaised(_)
            | Event::AlertCleared(_)
            | Event::AlertAcknowledged(_)
            | Event::PersonForgotten(_) => Self::Zone,
            Event::OrderCreated(order) => Self::Order(&order.name),
            Event::OrderUpdated(change) => Self::Order(&change.order),
            Event::OrderReady { order, .. }
            | Event::OrderCancelled { order }
            | Event::OrderConfirmed { order }
            | Event::StopUnpinned { order } => Self::Order(order),
            Event::OrderRetried(retry) => Self::Order(&retry.order),
            Event::SlotHeld(held) => Self::Order(&held.order.name),
            Event::HoldEnded(ended) => Self::Order(&ended.order),
            Event::BreakStarted(pause) | Event::BreakEnded(pause) => Self::Vehicle(&pause.vehicle),
            Event::ReloadStarted(call) | Event::ReloadEnded(call) => Self::Vehicle(&call.vehicle),
            Event::StopPinned(pin) | Event::AssignmentForced(pin) => Self::Order(&pin.order),
            Event::PriorityRaised(raised) => Self::Order(&raised.order),
            Event::VehicleRegistered(vehicle) => Self::Vehicle(&vehicle.name),
            Event::VehicleLocated(located) => Self::Vehicle(&located.vehicle),
            Event::ShiftStarted { vehicle, .. }
            | Event::ShiftEnded { vehicle, .. }
            | Event::VehicleLost { vehicle, .. }
            | Event::VehicleBack { vehicle, .. }
            | Event::AssignmentAccepted { vehicle, .. }
            | Event::AssignmentRejected { vehicle, .. } => Self::Vehicle(vehicle),
            Event::StopDeparted(stop)
            | Event::StopArrived(stop)
            | Event::StopCompleted(stop)
            | Event::StopFailed(stop, ..) => Self::Vehicle(&stop.vehicle),
            Event::RoadClosed(change) | Event::RoadSlowed(change) | Event::RoadReopened(change) => {
                Self::RoadChange(&change.change)
            }
        }
    }

    /// Its kind.
    pub fn about(self) -> About {
        match self {
            Self::Zone => About::Zone,
            Self::Order(_) => About::Order,
            Self::Vehicle(_) => About::Vehicle,
            Self::RoadChange(_) => About::RoadChange,
        }
    }

    /// Its id; `_` for the zone. This is the CloudEvents attribute `subject`.
    pub fn id(self) -> &'a str {
        match self {
            Self::Zone => "_",
            Self::Order(name) | Self::Vehicle(name) | Self::RoadChange(name) => name.as_str(),
        }
    }

    /// What the subject in the log names: the id of a vehicle or of a road change, `_` for everything else. Orders are not
    /// named there, because a broker keeps an entry in memory for every subject, and orders come by the million.
    pub fn token(self) -> &'a str {
        match self {
            Self::Zone | Self::Order(_) => "_",
            Self::Vehicle(name) | Self::RoadChange(name) => name.as_str(),
        }
    }
}

macro_rules! event_types {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal, $writer:ident, $about:ident, $payload:ty;)+) => {
        /// A type of event. The documentation of each says what has happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum EventType {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl EventType {
            /// Every type, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Its name, with the major version of its payload: `fleet.order.created.v1`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// What has happened, in words.
            pub fn description(self) -> &'static str {
                match self { $(Self::$kind => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// Who may write it.
            pub fn writer(self) -> Writer {
                match self { $(Self::$kind => Writer::$writer,)+ }
            }

            /// What kind of thing it is about.
            pub fn about(self) -> About {
                match self { $(Self::$kind => About::$about,)+ }
            }

            /// The JSON Schema (2020-12) of its payload.
            pub fn schema(self) -> serde_json::Value {
                match self { $(Self::$kind => schema_for!($payload).as_value().clone(),)+ }
            }
        }

        /// The payload of each type, by the name of the type: the decoder reads exactly what the schema describes.
        pub(crate) mod payload {
            #[allow(clippy::wildcard_imports, reason = "the table names payloads of every module")]
            use super::*;

            $(#[allow(dead_code, reason = "a plan is read with the lifetime of its message")] pub(crate) type $kind = $payload;)+
        }
    };
}

event_types! {
    // Type             name                             written by  about       payload
    /// A zone begins: how log time maps to zone time, how coordinates are read, how to dispatch.
    ZoneOpened         = "fleet.zone.opened.v1",         Producer,   Zone,       ZoneV1;
    /// A customer asked for something.
    OrderCreated       = "fleet.order.created.v1",       Producer,   Order,      OrderV1;
    /// A customer changed an order.
    OrderUpdated       = "fleet.order.updated.v1",       Producer,   Order,      OrderV1;
    /// The goods of an order are ready.
    OrderReady         = "fleet.order.ready.v1",         Producer,   Order,      OrderRefV1;
    /// A customer no longer wants an order.
    OrderCancelled     = "fleet.order.cancelled.v1",     Producer,   Order,      OrderRefV1;
    /// An order of which a stop failed is tried again.
    OrderRetried       = "fleet.order.retried.v1",       Producer,   Order,      OrderRetryV1;
    /// A slot is kept for a customer who thinks it over.
    SlotHeld           = "fleet.slot.held.v1",           Producer,   Order,      SlotHeldV1;
    /// The customer takes a slot that was kept.
    OrderConfirmed     = "fleet.order.confirmed.v1",     Producer,   Order,      OrderRefV1;
    /// A vehicle exists, or its properties changed.
    VehicleRegistered  = "fleet.vehicle.registered.v1",  Producer,   Vehicle,    VehicleV1;
    /// A driver signed on: from now on the vehicle gets work.
    ShiftStarted       = "fleet.shift.started.v1",       Producer,   Vehicle,    VehicleRefV1;
    /// A driver signed off.
    ShiftEnded         = "fleet.shift.ended.v1",         Producer,   Vehicle,    VehicleRefV1;
    /// A vehicle broke down.
    VehicleLost        = "fleet.vehicle.lost.v1",        Producer,   Vehicle,    VehicleRefV1;
    /// A vehicle works again.
    VehicleBack        = "fleet.vehicle.back.v1",        Producer,   Vehicle,    VehicleRefV1;
    /// Where a vehicle is: a hint that is not folded.
    Position           = "fleet.position.v1",            Producer,   Vehicle,    VehicleRefV1;
    /// Roads cannot be used.
    RoadClosed         = "fleet.road.closed.v1",         Producer,   RoadChange, RoadV1;
    /// Roads are slower than usual.
    RoadSlowed         = "fleet.road.slowed.v1",         Producer,   RoadChange, RoadV1;
    /// A change of the roads ended.
    RoadReopened       = "fleet.road.reopened.v1",       Producer,   RoadChange, RoadV1;
    /// The drive to a stop began.
    StopDeparted       = "fleet.stop.departed.v1",       Producer,   Vehicle,    StopEventV1;
    /// The vehicle is at the stop.
    StopArrived        = "fleet.stop.arrived.v1",        Producer,   Vehicle,    StopEventV1;
    /// The stop was served.
    StopCompleted      = "fleet.stop.completed.v1",      Producer,   Vehicle,    StopEventV1;
    /// The stop could not be served.
    StopFailed         = "fleet.stop.failed.v1",         Producer,   Vehicle,    StopEventV1;
    /// A driver's break began.
    BreakStarted       = "fleet.break.started.v1",       Producer,   Vehicle,    BreakEventV1;
    /// A driver's break ended.
    BreakEnded         = "fleet.break.ended.v1",         Producer,   Vehicle,    BreakEventV1;
    /// A vehicle is at a depot, to be loaded for its next trip.
    ReloadStarted      = "fleet.reload.started.v1",      Producer,   Vehicle,    ReloadEventV1;
    /// A vehicle is loaded at a depot: the goods of its next trip are on board.
    ReloadEnded        = "fleet.reload.ended.v1",        Producer,   Vehicle,    ReloadEventV1;
    /// The driver took the assignment.
    AssignmentAccepted = "fleet.assignment.accepted.v1", Producer,   Vehicle,    AssignmentRefV1;
    /// The driver will not do this order.
    AssignmentRejected = "fleet.assignment.rejected.v1", Producer,   Vehicle,    AssignmentRefV1;
    /// A dispatcher wants an order to stay on a vehicle.
    StopPinned         = "fleet.stop.pinned.v1",         Producer,   Order,      PinV1;
    /// The order may move to another vehicle again.
    StopUnpinned       = "fleet.stop.unpinned.v1",       Producer,   Order,      OrderRefV1;
    /// A dispatcher gives an order to a vehicle now, whatever it costs.
    AssignmentForced   = "fleet.assignment.forced.v1",   Producer,   Order,      PinV1;
    /// The priority of an order changed.
    PriorityRaised     = "fleet.priority.raised.v1",     Producer,   Order,      PriorityV1;
    /// Dispatchers tell each other about something that needs attention. It changes nothing of the fleet.
    AttentionNoted     = "fleet.attention.noted.v1",     Producer,   Zone,       NotedV1;
    /// The zone is dispatched differently from now on.
    PolicyChanged      = "fleet.policy.changed.v1",      Producer,   Zone,       PolicyV1;
    /// A decision of the engine.
    PlanProposed       = "fleet.plan.proposed.v1",       Engine,     Zone,       PlanV1<'static>;
    /// What the engine learned about travel and service times.
    FeaturesLearned    = "fleet.features.learned.v1",    Engine,     Zone,       FeaturesV1;
    /// Where a vehicle was when a fact needed to know it.
    VehicleLocated     = "fleet.vehicle.located.v1",     Engine,     Vehicle,    LocatedV1;
    /// The fleet after an entry was stored outside the log.
    BaseWritten        = "fleet.base.written.v1",        Engine,     Zone,       BaseV1;
    /// A broken promise was found, and what it concerns is asked for anew.
    RepairAsked        = "fleet.repair.asked.v1",        Engine,     Zone,       RepairV1;
    /// The time of a slot that was kept is over, and the customer has not taken it.
    HoldEnded          = "fleet.hold.ended.v1",          Engine,     Order,      HoldEndedV1;
    /// A condition began that an operator should look at.
    AlertRaised        = "fleet.alert.raised.v1",        Engine,     Zone,       AlertRaisedV1;
    /// A condition that an operator should look at is over.
    AlertCleared       = "fleet.alert.cleared.v1",       Engine,     Zone,       AlertClearedV1;
    /// An operator has seen an alert, and may have put it off.
    AlertAcknowledged  = "fleet.alert.acknowledged.v1",  Producer,   Zone,       AlertAcknowledgedV1;
    /// A person is to be forgotten: what was said of him in words can be read by nobody any more, and an order that is over leaves the state.
    PersonForgotten    = "fleet.person.forgotten.v1",    Producer,   Zone,       ForgottenV1;
}

impl EventType {
    /// The type of an event. Position reports are no events of the fold, so `Position` never comes out of here.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::ZoneOpened(_) => Self::ZoneOpened,
            Event::OrderCreated(_) => Self::OrderCreated,
            Event::OrderUpdated(_) => Self::OrderUpdated,
            Event::OrderReady { .. } => Self::OrderReady,
            Event::OrderCancelled { .. } => Self::OrderCancelled,
            Event::VehicleRegistered(_) => Self::VehicleRegistered,
            Event::ShiftStarted { .. } => Self::ShiftStarted,
            Event::ShiftEnded { .. } => Self::ShiftEnded,
            Event::VehicleLost { .. } => Self::VehicleLost,
            Event::VehicleBack { .. } => Self::VehicleBack,
            Event::RoadClosed(_) => Self::RoadClosed,
            Event::RoadSlowed(_) => Self::RoadSlowed,
            Event::RoadReopened(_) => Self::RoadReopened,
            Event::StopDeparted(_) => Self::StopDeparted,
            Event::StopArrived(_) => Self::StopArrived,
            Event::StopCompleted(_) => Self::StopCompleted,
            Event::StopFailed(..) => Self::StopFailed,
            Event::AssignmentAccepted { .. } => Self::AssignmentAccepted,
            Event::AssignmentRejected { .. } => Self::AssignmentRejected,
            Event::StopPinned(_) => Self::StopPinned,
            Event::StopUnpinned { .. } => Self::StopUnpinned,
            Event::AssignmentForced(_) => Self::AssignmentForced,
            Event::PriorityRaised(_) => Self::PriorityRaised,
            Event::AttentionNoted(_) => Self::AttentionNoted,
            Event::PolicyChanged(_) => Self::PolicyChanged,
            Event::PlanProposed(_) => Self::PlanProposed,
            Event::FeaturesLearned(_) => Self::FeaturesLearned,
            Event::VehicleLocated(_) => Self::VehicleLocated,
            Event::BaseWritten(_) => Self::BaseWritten,
            Event::RepairAsked(_) => Self::RepairAsked,
            Event::OrderRetried(_) => Self::OrderRetried,
            Event::SlotHeld(_) => Self::SlotHeld,
            Event::OrderConfirmed { .. } => Self::OrderConfirmed,
            Event::BreakStarted(_) => Self::BreakStarted,
            Event::BreakEnded(_) => Self::BreakEnded,
            Event::ReloadStarted(_) => Self::ReloadStarted,
            Event::ReloadEnded(_) => Self::ReloadEnded,
            Event::HoldEnded(_) => Self::HoldEnded,
            Event::AlertRaised(_) => Self::AlertRaised,
            Event::AlertCleared(_) => Self::AlertCleared,
            Event::AlertAcknowledged(_) => Self::AlertAcknowledged,
            Event::PersonForgotten(_) => Self::PersonForgotten,
        }
    }

    /// The type with this name; `None` when nobody knows it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// The name of an event's type, with its major version.
pub fn event_type(event: &Event) -> &'static str {
    EventType::of(event).name()
}

/// What the subject of an event in the log names: see [`Entity::token`].
pub fn entity(event: &Event) -> &str {
    Entity::of(event).token()
}

/// JSON Schemas (2020-12) of the payload of every event type, by name; and of the messages that are no events:
/// `fleet.assignment.v1`, which tells a driver the route, `fleet.alert.v1`, the last state of an alert, and `fleet.eta.v1`, which tells a customer when
/// his order comes.
pub fn schemas() -> BTreeMap<&'static str, serde_json::Value> {
    let mut all: BTreeMap<_, _> = EventType::ALL.iter().map(|kind| (kind.name(), kind.schema())).collect();
    all.insert("fleet.assignment.v1", schema_for!(AssignmentV1).as_value().clone());
    all.insert("fleet.alert.v1", schema_for!(AlertV1).as_value().clone());
    all.insert("fleet.eta.v1", schema_for!(EtaV1).as_value().clone());
    all
}

//! What came of one entry: what it changed, why it was refused, what was odd about it.

use fleetfold_model::{Alert, LogSeq, Metres, Millis, Name, OrderId, VehicleId};
use serde::{Deserialize, Serialize};

use crate::Closed;

/// Why a fact made no sense. It stays in the log and is shown to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// The same event id again.
    DuplicateEvent,
    /// The order exists already.
    OrderExists,
    /// The order is over.
    OrderClosed,
    /// The stop was served or failed before.
    StopDone,
    /// The order has no such stop.
    NoSuchStop,
    /// The goods are on board of this vehicle; only it can bring them.
    OnBoard,
    /// The order is not on this vehicle's route.
    NotOnRoute,
    /// The vehicle has not signed on.
    NotOnShift,
    /// Never heard of this vehicle.
    UnknownVehicle,
    /// Never heard of this order.
    UnknownOrder,
    /// More than 64 different skills in one zone.
    TooManySkills,
    /// The zone was opened before with another mapping.
    ZoneOpen,
    /// An older engine's plan.
    OldEpoch,
    /// A plan that does not follow the last one.
    BrokenChain,
    /// A slower road needs its per cent of time.
    NoFactor,
    /// Another vehicle stands at the order's stop: nobody else can be sent any more.
    AtStop,
    /// Learned features that do not build on the newest ones.
    OldFeatures,
    /// A position that is older than the one a fact told.
    OldPosition,
    /// Something newer was said of the same thing before: this one comes too late to change it.
    Superseded,
    /// The alert stands already.
    AlertStands,
    /// The alert does not stand: it is over, or was never raised.
    NoSuchAlert,
    /// No slot is kept for it: it was confirmed, or is an ordinary order.
    NotHeld,
    /// Its driver takes no break.
    NotOnBreak,
    /// The vehicle has never been told a route of this revision.
    NoSuchRevision,
}

impl Refused {
    /// A short stable word, as used in subjects and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::DuplicateEvent => "duplicate_event",
            Self::OrderExists => "order_exists",
            Self::OrderClosed => "order_closed",
            Self::StopDone => "stop_done",
            Self::NoSuchStop => "no_such_stop",
            Self::OnBoard => "on_board",
            Self::NotOnRoute => "not_on_route",
            Self::NotOnShift => "not_on_shift",
            Self::UnknownVehicle => "unknown_vehicle",
            Self::UnknownOrder => "unknown_order",
            Self::TooManySkills => "too_many_skills",
            Self::ZoneOpen => "zone_open",
            Self::OldEpoch => "old_epoch",
            Self::BrokenChain => "broken_chain",
            Self::NoFactor => "no_factor",
            Self::AtStop => "at_stop",
            Self::OldFeatures => "old_features",
            Self::OldPosition => "old_position",
            Self::Superseded => "superseded",
            Self::AlertStands => "alert_stands",
            Self::NoSuchAlert => "no_such_alert",
            Self::NotHeld => "not_held",
            Self::NotOnBreak => "not_on_break",
            Self::NoSuchRevision => "no_such_revision",
        }
    }
}

/// Something odd about a fact that was taken all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flag {
    /// An earlier stage was never reported and is inferred.
    Gap,
    /// Its clock is more than five seconds ahead of the log; log time is used.
    ClockSkew,
    /// Served although cancelled, or by another vehicle than planned.
    Conflict,
    /// Its driver has driven longer than the rule of his vehicle allows.
    DrivingTime,
    /// Its position is longitude 0, latitude 0, which receivers without a fix send: it is passed over.
    Nowhere,
}

/// What came of a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOutcome {
    /// Epoch it was made in.
    pub epoch: u64,
    /// Its number.
    pub rev: u64,
    /// It follows the chain: epoch, number and hash are those of the next plan. One that does not changes nothing.
    pub links: bool,
    /// For each group: was it accepted.
    pub accepted: Vec<bool>,
}

/// What one entry changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Why it made no sense, if it did not.
    pub refused: Option<Refused>,
    /// Odd things about it.
    pub flags: Vec<Flag>,
    /// True when it asks for an answer.
    pub asks: bool,
    /// Vehicles whose routes changed (each needs a new assignment).
    pub routes: Vec<VehicleId>,
    /// Orders that changed in any way.
    pub orders: Vec<OrderId>,
    /// Vehicles that changed in any way.
    pub vehicles: Vec<VehicleId>,
    /// What came of it, for a plan.
    pub plan: Option<PlanOutcome>,
    /// Facts this plan answered, and how long each had waited (log time).
    pub answered: Vec<(LogSeq, Millis)>,
    /// Orders that this entry ended.
    pub closed: Vec<OrderId>,
    /// Orders that were over before this entry and are open again, or over for another reason, each with the reason that it had.
    pub reopened: Vec<(OrderId, Closed)>,
    /// Orders and shells that left the state before this entry was folded, with their names. Look at these first: an order in
    /// the other lists may have taken one of these numbers.
    pub retired: Vec<(OrderId, Name)>,
    /// Length of the leg that a completed or failed stop ended, as planned.
    pub driven: Metres,
    /// Alerts that were raised, cleared or acknowledged.
    pub alerts: Vec<Alert>,
}

//! Everything that can happen, as one closed list. The three groups (the world, the drivers, the dispatcher) decide
//! what a what-if replay keeps.

use serde::{Deserialize, Serialize};

use crate::{
    AlertAcknowledged, AlertCleared, AlertRaised, BaseWritten, Features, HoldEnded, Millis, Name, Order, OrderWork,
    Policy, Position, Proposal, RepairAsked, Shift, Space, TimeWindow, Timestamp, Vehicle, VehicleLocated,
};

/// A zone begins: its space and the mapping from log time to zone time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneOpened {
    /// IANA name, for showing times.
    pub timezone: String,
    /// How coordinates are to be read.
    pub space: Space,
    /// Zone time at `log_start`.
    pub day_start: Timestamp,
    /// Log time at which zone time was `day_start`.
    pub log_start: Timestamp,
    /// What local clocks are ahead of UTC on that day: hours of the day are local ones.
    pub utc_offset: Millis,
    /// Zone seconds per log second: 1 in production, 60 when a recorded day is played fast.
    pub rate: u32,
    /// How to dispatch.
    pub policy: Policy,
}

/// What of an order changed. `None` leaves a field as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderChange {
    /// Which order.
    pub order: Name,
    /// New stops.
    pub work: Option<OrderWork>,
    /// New load.
    pub load: Option<crate::Load>,
    /// New skills.
    pub skills: Option<Vec<Name>>,
    /// New priority.
    pub priority: Option<u8>,
    /// New release time.
    pub release: Option<Timestamp>,
    /// New promised time.
    pub promised: Option<Timestamp>,
}

/// Which stop of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StopKind {
    /// Taking on the goods of a shipment.
    Pickup,
    /// Leaving them, or the one stop of a job.
    Delivery,
}

/// What a driver reports of a stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopEvent {
    /// Who.
    pub vehicle: Name,
    /// Whose order.
    pub order: Name,
    /// Which of its stops.
    pub stop: StopKind,
    /// When it happened, by the driver's clock.
    pub at: Timestamp,
    /// Where, if the phone knew.
    pub position: Option<Position>,
}

/// Why a stop failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailReason {
    /// Nobody there.
    NoShow,
    /// The customer did not want it.
    Refused,
    /// The place could not be reached or found.
    NoAccess,
    /// The goods were damaged or missing.
    Goods,
    /// Anything else.
    Other,
}

/// An order of which a stop failed is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRetry {
    /// Which order.
    pub order: Name,
    /// Not before.
    pub from: Timestamp,
    /// The new time of its last stop; `None`: as before.
    pub window: Option<TimeWindow>,
    /// The new promise; `None`: as before.
    pub promised: Option<Timestamp>,
}

/// A driver's break, as it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakEvent {
    /// Who.
    pub vehicle: Name,
    /// When it happened, by the driver's clock.
    pub at: Timestamp,
    /// How long it is to be; `None`: as the shift has it.
    pub duration: Option<Millis>,
    /// Where, if the phone knew.
    pub position: Option<Position>,
}

/// What a driver reports of a call at a depot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadEvent {
    /// Who.
    pub vehicle: Name,
    /// When it happened, by the driver's clock.
    pub at: Timestamp,
    /// Where, if the phone knew.
    pub position: Option<Position>,
}

/// A slot is kept for a customer who thinks it over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotHeld {
    /// The order that he may place, with the slot as its window.
    pub order: Order,
    /// Until when, if he does not say.
    pub until: Timestamp,
}

/// Which roads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoadTarget {
    /// By the network's own ids (OpenStreetMap's ways).
    Roads(Vec<u64>),
    /// One direction between two junctions each, by the numbers of one graph file.
    Edges(Vec<u32>),
    /// Every road that crosses this ring of places, or lies in it.
    Area(Vec<Position>),
    /// Every road that comes this near to a line of places.
    Line {
        /// At least two places.
        places: Vec<Position>,
        /// How near, metres.
        metres: u32,
    },
}

/// A change of the roads, known by an id of its own so that it can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoadChange {
    /// Name of the change; a reopening names the closure it ends.
    pub change: Name,
    /// Which roads; a reopening may leave it empty.
    pub target: Option<RoadTarget>,
    /// Travel time in per cent of normal, for slowed roads (150: half as long again).
    pub time_percent: Option<u32>,
    /// From when; `None`: at once.
    pub from: Option<Timestamp>,
    /// Until when; `None`: until reopened.
    pub until: Option<Timestamp>,
}

/// An operator's hand on an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Which order.
    pub order: Name,
    /// To which vehicle.
    pub vehicle: Name,
}

/// An order becomes more (or less) urgent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityRaised {
    /// Which order.
    pub order: Name,
    /// 0 to 100.
    pub priority: u8,
}

/// What a note of the dispatchers is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotedItem {
    /// An order.
    Order(Name),
    /// A vehicle.
    Vehicle(Name),
    /// An entry of the log, mostly one that was refused.
    Entry(u64),
}

/// What is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attention {
    /// Somebody has seen it and takes care of it.
    Acknowledged,
    /// Nobody need look at it for a while.
    Snoozed,
    /// What was said before does not hold any more.
    Cleared,
}

/// Dispatchers tell each other about something that needs attention. It changes nothing of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What it is about.
    pub item: NotedItem,
    /// What is said of it.
    pub attention: Attention,
    /// Until when it holds, zone time; `None`: until it is cleared.
    pub until: Option<Timestamp>,
    /// Who says it.
    pub by: Option<String>,
    /// In words.
    pub words: Option<String>,
}

/// Somebody whose words and places are to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Person {
    /// The customer of this order.
    Order(Name),
    /// The driver who is known here by this vehicle.
    Driver(Name),
}

/// Everything that can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    // Exogenous: the world does this whatever we plan.
    /// A zone begins.
    ZoneOpened(ZoneOpened),
    /// A customer asked for something.
    OrderCreated(Order),
    /// A customer changed it.
    OrderUpdated(OrderChange),
    /// The goods are ready.
    OrderReady {
        /// Which order.
        order: Name,
        /// Since when.
        at: Timestamp,
    },
    /// A customer no longer wants it.
    OrderCancelled {
        /// Which order.
        order: Name,
    },
    /// An order of which a stop failed is tried again.
    OrderRetried(OrderRetry),
    /// A slot is kept for a customer who thinks it over.
    SlotHeld(SlotHeld),
    /// He takes it.
    OrderConfirmed {
        /// Which order.
        order: Name,
    },
    /// A vehicle exists, or its properties changed.
    VehicleRegistered(Vehicle),
    /// A driver signed on.
    ShiftStarted {
        /// Which vehicle.
        vehicle: Name,
        /// The period; `None`: as registered.
        shift: Option<Shift>,
        /// Where, if not at the registered start.
        position: Option<Position>,
    },
    /// A driver signed off, or will at this shorter end.
    ShiftEnded {
        /// Which vehicle.
        vehicle: Name,
        /// When; in the future: the shift was shortened.
        at: Timestamp,
    },
    /// A breakdown, or contact lost for good.
    VehicleLost {
        /// Which vehicle.
        vehicle: Name,
        /// Where it stands, if known.
        position: Option<Position>,
    },
    /// It works again.
    VehicleBack {
        /// Which vehicle.
        vehicle: Name,
        /// Where it stands, if known.
        position: Option<Position>,
    },
    /// Roads cannot be used.
    RoadClosed(RoadChange),
    /// Roads are slower.
    RoadSlowed(RoadChange),
    /// A change of the roads ended.
    RoadReopened(RoadChange),

    // Endogenous: drivers do this because of what we planned.
    /// The drive to a stop began.
    StopDeparted(StopEvent),
    /// The vehicle is at the stop.
    StopArrived(StopEvent),
    /// The stop was served.
    StopCompleted(StopEvent),
    /// The stop could not be served; it is tried again from then on, if that is said.
    StopFailed(StopEvent, FailReason, Option<Timestamp>),
    /// A break began.
    BreakStarted(BreakEvent),
    /// It ended.
    BreakEnded(BreakEvent),
    /// The vehicle is at a depot, to be loaded for its next trip.
    ReloadStarted(ReloadEvent),
    /// It is loaded.
    ReloadEnded(ReloadEvent),
    /// The driver took the assignment.
    AssignmentAccepted {
        /// Who.
        vehicle: Name,
        /// Which revision.
        revision: u64,
    },
    /// The driver will not do this order.
    AssignmentRejected {
        /// Who.
        vehicle: Name,
        /// Which order.
        order: Name,
    },

    // A dispatcher's hand.
    /// This order stays on this vehicle.
    StopPinned(Pin),
    /// It may move again.
    StopUnpinned {
        /// Which order.
        order: Name,
    },
    /// This order goes to this vehicle now, whatever it costs.
    AssignmentForced(Pin),
    /// An order's priority changed.
    PriorityRaised(PriorityRaised),
    /// Dispatchers tell each other about something.
    AttentionNoted(Noted),
    /// The zone is dispatched differently from now on.
    PolicyChanged(Policy),
    /// An operator has seen an alert.
    AlertAcknowledged(AlertAcknowledged),
    /// A person is to be forgotten: what was said of him in words can be read by nobody any more.
    PersonForgotten(Person),

    // Our own: they count when they come back.
    /// A decision of ours.
    PlanProposed(Proposal),
    /// What we learned.
    FeaturesLearned(Features),
    /// Where a vehicle was when a fact needed to know it.
    VehicleLocated(VehicleLocated),
    /// A base was stored.
    BaseWritten(BaseWritten),
    /// A broken promise is put right.
    RepairAsked(RepairAsked),
    /// Nobody took a slot that was kept.
    HoldEnded(HoldEnded),
    /// A condition began that an operator should look at.
    AlertRaised(AlertRaised),
    /// It is over.
    AlertCleared(AlertCleared),
}

/// Who makes an event happen. Every type of event is in one of these groups, and what follows from the group is decided there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The world, by itself and under any plan: what a what-if replay keeps.
    World,
    /// A driver, because of what was planned.
    Driver,
    /// A dispatcher's hand.
    Dispatcher,
    /// The engine that owned the zone in this term.
    Engine {
        /// The number of its term.
        epoch: u64,
    },
}

impl Event {
    /// Who makes it happen.
    pub fn origin(&self) -> Origin {
        match self {
            Self::ZoneOpened(_)
            | Self::OrderCreated(_)
            | Self::OrderUpdated(_)
            | Self::OrderReady { .. }
            | Self::OrderCancelled { .. }
            | Self::OrderRetried(_)
            | Self::SlotHeld(_)
            | Self::OrderConfirmed { .. }
            | Self::VehicleRegistered(_)
            | Self::ShiftStarted { .. }
            | Self::ShiftEnded { .. }
            | Self::VehicleLost { .. }
            | Self::VehicleBack { .. }
            | Self::RoadClosed(_)
            | Self::RoadSlowed(_)
            | Self::RoadReopened(_) => Origin::World,
            Self::StopDeparted(_)
            | Self::StopArrived(_)
            | Self::StopCompleted(_)
            | Self::StopFailed(..)
            | Self::BreakStarted(_)
            | Self::BreakEnded(_)
            | Self::ReloadStarted(_)
            | Self::ReloadEnded(_)
            | Self::AssignmentAccepted { .. }
            | Self::AssignmentRejected { .. } => Origin::Driver,
            Self::StopPinned(_)
            | Self::StopUnpinned { .. }
            | Self::AssignmentForced(_)
            | Self::PriorityRaised(_)
            | Self::AttentionNoted(_)
            | Self::PolicyChanged(_)
            | Self::AlertAcknowledged(_)
            | Self::PersonForgotten(_) => Origin::Dispatcher,
            Self::PlanProposed(plan) => Origin::Engine { epoch: plan.epoch },
            Self::FeaturesLearned(features) => Origin::Engine { epoch: features.epoch },
            Self::VehicleLocated(located) => Origin::Engine { epoch: located.epoch },
            Self::BaseWritten(base) => Origin::Engine { epoch: base.epoch },
            Self::RepairAsked(repair) => Origin::Engine { epoch: repair.epoch },
            Self::HoldEnded(ended) => Origin::Engine { epoch: ended.epoch },
            Self::AlertRaised(raised) => Origin::Engine { epoch: raised.epoch },
            Self::AlertCleared(cleared) => Origin::Engine { epoch: cleared.epoch },
        }
    }

    /// The epoch of the engine that wrote an event of its own; `None` for what producers report.
    pub fn own_epoch(&self) -> Option<u64> {
        match self.origin() {
            Origin::Engine { epoch } => Some(epoch),
            Origin::World | Origin::Driver | Origin::Dispatcher => None,
        }
    }

    /// True for what the world does by itself, which a what-if replay keeps.
    pub fn is_exogenous(&self) -> bool {
        self.origin() == Origin::World
    }
}

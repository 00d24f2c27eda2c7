//! The whole fleet as plain values: what a base is written from and read into.
//!
//! An [`Image`] refers to orders and vehicles by their names and holds nothing that can be computed again (digests, sets of
//! open orders, the spatial index) and no position reports. So a later version of this program can read it, whatever its
//! tables look like. How an image is written as bytes is decided elsewhere.
//!
//! Numbers of orders and vehicles ([`OrderImage::number`]) are kept, although nothing decided depends on them: a fleet that
//! was read back then reports the same [`Change`](crate::Change)s as the one it was taken from.

mod read;
mod take;

pub use read::ImageError;

use fleetfold_model::{
    Alert, ArrivalEnds, FailReason, Load, LogSeq, Name, Order, OrderChange, PlannedVisit, Policy, Position,
    ServiceFeature, Shift, SpeedFeature, StopKind, Timestamp, UnassignedReason, Vehicle,
};

use crate::{
    AlertState, Anchor, Chain, Closed, Counters, Duties, EarlyWord, OnBreak, Reloads, RoadState, SaidAt, StoredBase,
    Tachograph, ToldTimes, Unlocated, Zone,
};

/// Everything that the fold needs to go on after an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The last entry folded or passed over.
    pub applied: LogSeq,
    /// When the last entry was logged.
    pub logged_at: Timestamp,
    /// When what goes by the hour was last looked through (log time).
    pub swept_at: Timestamp,
    /// The zone.
    pub zone: Zone,
    /// How it is dispatched.
    pub policy: Policy,
    /// When that was said.
    pub policy_said: Option<SaidAt>,
    /// Words of dispatchers that wait for the first plan (zone time).
    pub early_words: Vec<(Timestamp, EarlyWord)>,
    /// The chain of plans.
    pub chain: Chain,
    /// The last base that the log tells of.
    pub last_base: Option<StoredBase>,
    /// Skills in the order in which they were first named: each one's bit is its position here.
    pub skills: Vec<Name>,
    /// All vehicles, by ascending number.
    pub vehicles: Vec<VehicleImage>,
    /// All orders that are held, by ascending number.
    pub orders: Vec<OrderImage>,
    /// Changes of the roads.
    pub roads: Vec<RoadState>,
    /// Raised by every fact about roads.
    pub road_version: u32,
    /// Version of what was learned.
    pub features_version: u64,
    /// Watermark of what was learned.
    pub learned_until: Timestamp,
    /// Factors of travel time as learned.
    pub speeds: Vec<SpeedFeature>,
    /// Service times as learned, by place.
    pub services: Vec<ServiceFeature>,
    /// How far arrivals are from what customers are told, by ascending lead.
    pub arrivals: Vec<ArrivalEnds>,
    /// Facts that wait for an answer, by their sequence.
    pub unanswered: Vec<AskImage>,
    /// Hashes that are kept for a time: event ids that hang on no order, and names of retired orders. In the order of `since`.
    pub remembered: Vec<RememberedHash>,
    /// Alerts that stand.
    pub alerts: Vec<(Alert, AlertState)>,
    /// Running totals.
    pub counters: Counters,
}

/// A hash that is kept until the policy's `retire_after` has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RememberedHash {
    /// From when the time is counted (log time).
    pub since: Timestamp,
    /// The hash.
    pub hash: u64,
}

/// A fact that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskImage {
    /// The fact.
    pub seq: LogSeq,
    /// Orders to place or place again.
    pub orders: Vec<Name>,
    /// Vehicles whose routes are to be looked at.
    pub vehicles: Vec<Name>,
    /// The roads changed.
    pub roads: bool,
    /// When it was logged.
    pub logged_at: Timestamp,
}

/// Who did something at a stop, and when (event time).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkImage {
    /// Who.
    pub vehicle: Name,
    /// When, zone time.
    pub at: Timestamp,
}

/// How far a stop has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgressImage {
    /// The drive to it began.
    pub departed: Option<MarkImage>,
    /// The vehicle was there.
    pub arrived: Option<MarkImage>,
    /// Served.
    pub completed: Option<MarkImage>,
    /// Could not be served, and why.
    pub failed: Option<(MarkImage, FailReason)>,
}

/// Where an order stands in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementImage {
    /// Waiting for an answer, or over.
    Unplaced,
    /// On this vehicle's route.
    OnRoute(Name),
    /// On no route for this reason.
    Unassigned(UnassignedReason),
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderImage {
    /// Its number inside the fleet.
    pub number: u32,
    /// The fleet system's id.
    pub name: Name,
    /// What was asked for; `None` while only later facts about it have arrived.
    pub spec: Option<Order>,
    /// How far its pickup has come.
    pub pickup: ProgressImage,
    /// How far its delivery, or its one stop, has come.
    pub delivery: ProgressImage,
    /// Why it is over, if it is.
    pub closed: Option<Closed>,
    /// Since when it is over or known only by later facts (log time).
    pub over_since: Option<Timestamp>,
    /// Where it stands in the plan.
    pub placement: PlacementImage,
    /// The vehicle its goods are on.
    pub on_board: Option<Name>,
    /// A slot that is kept until then.
    pub held_until: Option<Timestamp>,
    /// Must stay on this vehicle.
    pub pinned: Option<Name>,
    /// Drivers who would not take it.
    pub rejected_by: Vec<Name>,
    /// When each driver refused it last, or it was forced onto his vehicle.
    pub words: Vec<MarkImage>,
    /// The goods stand elsewhere than ordered.
    pub pickup_moved_to: Option<Position>,
    /// The goods go elsewhere than ordered.
    pub delivery_moved_to: Option<Position>,
    /// The goods wait on this broken vehicle.
    pub rescue_from: Option<Name>,
    /// Goods were reported ready at this time.
    pub ready_at: Option<Timestamp>,
    /// Changes that came before the order itself.
    pub early_changes: Vec<OrderChange>,
    /// Cancelled before it was created.
    pub early_cancel: bool,
    /// The entry that created it.
    pub created: LogSeq,
    /// The entry that put it on the route that it is on; `None`: it is on none, or the image does not say.
    pub since: Option<LogSeq>,
    /// How often its vehicle changed after it had one.
    pub vehicle_changes: u32,
    /// The vehicle it was last on.
    pub last_vehicle: Option<Name>,
    /// When facts said what is known of it.
    pub told: ToldTimes,
    /// Hashes of the ids of events about it.
    pub seen: Vec<u64>,
}

/// Since when an order is on its route, where an image of before does not say it: nobody counts as having accepted it then.
const NOT_KNOWN: LogSeq = LogSeq(u64::MAX);

/// The visit a vehicle is driving to or serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWayImage {
    /// Whose order.
    pub order: Name,
    /// Which stop.
    pub stop: StopKind,
    /// The drive began.
    pub departed: Timestamp,
    /// It is there since.
    pub arrived: Option<Timestamp>,
}

/// One vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VehicleImage {
    /// Its number inside the fleet.
    pub number: u32,
    /// The fleet system's id.
    pub name: Name,
    /// As registered; `None` while only later facts about it have arrived.
    pub spec: Option<Vehicle>,
    /// A driver has signed on.
    pub on: bool,
    /// Broken down or out of contact.
    pub lost: bool,
    /// The period it works, once signed on.
    pub shift: Option<Shift>,
    /// Where it was at its last fact.
    pub anchor: Option<Anchor>,
    /// That fact did not say where it was.
    pub unlocated: Option<Unlocated>,
    /// What it drives to or serves.
    pub under_way: Option<UnderWayImage>,
    /// The entry that last changed its route.
    pub revision: LogSeq,
    /// Its route, in driving order.
    pub visits: Vec<PlannedVisit>,
    /// Orders whose goods it carries.
    pub on_board: Vec<Name>,
    /// Stops done in this shift.
    pub stops_done: u32,
    /// Pauses taken in this shift.
    pub breaks_taken: u32,
    /// The break that its driver takes.
    pub on_break: Option<OnBreak>,
    /// When its driver said last that a break ended.
    pub break_ended: Option<Timestamp>,
    /// Highest route revision the driver took.
    pub accepted: LogSeq,
    /// What its driver has driven and rested in this shift.
    pub tachograph: Tachograph,
    /// What goods take up that stay on board after a failed delivery.
    pub kept: Load,
    /// Its calls at depots.
    pub reloads: Reloads,
    /// When facts said what is known of it.
    pub told: ToldTimes,
    /// What facts said of whether it works.
    pub duties: Duties,
    /// Log time of the last fact about it while it is not registered; 0 afterwards.
    pub touched: Timestamp,
}

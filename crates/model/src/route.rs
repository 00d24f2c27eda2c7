//! What vehicles are told to do, what we propose, and why. Names, not dense ids: these values travel through the log.

use serde::{Deserialize, Serialize};

use crate::{LogSeq, MessageHash, Metres, Millis, Name, Position, StopKind, Timestamp};

/// A call at a depot between two stops of a route: what its jobs have picked up is left there, and the goods that the jobs of the next trip
/// deliver are loaded. Times are planned ones (zone time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepotCall {
    /// Where the depot is.
    pub position: Position,
    /// The vehicle is there.
    pub arrival: Timestamp,
    /// Everything is loaded, and it leaves for the next stop.
    pub departure: Timestamp,
    /// Length of the leg to the depot.
    pub metres: Metres,
}

/// A stop inside a route, with planned times (zone time).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedVisit {
    /// Whose order.
    pub order: Name,
    /// Which of its stops.
    pub stop: StopKind,
    /// The drive here, by way of a depot where there is one before it, does not begin before this; from then on the visit is frozen.
    pub depart_at: Timestamp,
    /// The vehicle is there.
    pub arrival: Timestamp,
    /// Service starts.
    pub start: Timestamp,
    /// Service is done.
    pub departure: Timestamp,
    /// Length of the leg to here: from the depot, where there is one before it.
    pub metres: Metres,
    /// A pause taken before the drive here; zero for none.
    pub break_before: Millis,
    /// A new trip begins with this visit: on the way here the vehicle calls at this depot.
    pub reload_before: Option<DepotCall>,
}

/// No drive takes so long: it stands for there being no way (half of what travel times use for that).
pub const CUT_OFF: Millis = Millis(250_000_000);

/// When a vehicle leaves for a visit, as planned: when it may, but not before the visit before it is over, and after the break between
/// them. `departed_before`: the departure from that visit.
pub fn leaves_at(depart_at: Timestamp, break_before: Millis, departed_before: Option<Timestamp>) -> Timestamp {
    depart_at.max(departed_before.unwrap_or(depart_at)) + break_before
}

impl PlannedVisit {
    /// True when no road leads to it, as far as was known when it was planned.
    pub fn is_cut_off(&self) -> bool {
        self.arrival - self.depart_at >= CUT_OFF
    }
}

/// The route proposed for one vehicle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedRoute {
    /// Whose.
    pub vehicle: Name,
    /// Revision of the route this was made from: the entry that last changed it.
    pub base: LogSeq,
    /// Where planning started from (frozen head excluded), and when the vehicle is free there.
    pub start: Position,
    /// When the vehicle is free at `start`.
    pub start_at: Timestamp,
    /// The vehicle is on its way to a stop, and turns at `start` to go elsewhere first.
    pub diverts: bool,
    /// The visits, the frozen ones first.
    pub visits: Vec<PlannedVisit>,
}

/// Why an order is on no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnassignedReason {
    /// No vehicle is on shift, nor will be.
    NoVehicle,
    /// No vehicle has the skills.
    Skills,
    /// No vehicle can hold the load.
    Capacity,
    /// No vehicle is there within its shift.
    Shift,
    /// No road leads there.
    Unreachable,
    /// Every driver who could has rejected it, or the pinned vehicle cannot.
    Rejected,
    /// All of the above taken together leave no place; or, in an overloaded or very large zone, not every vehicle could be asked: the
    /// order is tried again.
    NoPlace,
    /// Its goods are in a vehicle that is not working.
    Aboard,
    /// Every vehicle has as many stops as it may have in its shift.
    Stops,
    /// Only vehicles could take it of which nothing is heard.
    Silent,
    /// No driver may drive, or be at work, so long: the rule of driving times of his vehicle.
    DrivingTime,
}

/// What ruled a vehicle out, or made it dearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Obstacle {
    /// Nothing; it was only dearer.
    Dearer,
    /// It lacks a skill.
    Skills,
    /// It has no room for the goods.
    Capacity,
    /// The stop or a later one would be late.
    Lateness,
    /// Its shift ends too early.
    Shift,
    /// Nobody has signed on to it.
    OffDuty,
    /// It has broken down, or is out of contact.
    BrokenDown,
    /// It has as many stops as it may have in its shift.
    Stops,
    /// No road leads there from where it is.
    Unreachable,
    /// Nothing is heard of it: it is given nothing new.
    Silent,
    /// Its driver may not drive, or be at work, so long: its rule of driving times.
    DrivingTime,
}

/// Why an order went to its vehicle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Which order.
    pub order: Name,
    /// Its vehicle; `None`: unassigned.
    pub vehicle: Option<Name>,
    /// Its vehicle before this decision, if any.
    pub previous: Option<Name>,
    /// Why it is on no route.
    pub reason: Option<UnassignedReason>,
    /// Additional working time of the chosen vehicle.
    pub detour: Millis,
    /// Next best vehicle.
    pub runner_up: Option<Name>,
    /// Its additional working time beyond the chosen one's.
    pub runner_up_extra: Millis,
    /// What spoke against it.
    pub runner_up_obstacle: Obstacle,
    /// Part of a joint change of this many orders (1: alone).
    pub joint: u32,
    /// A dispatcher had pinned it to the runner-up, which cannot take it: the pin is off, and the order stays where it is.
    pub pin_refused: bool,
}

/// Routes that exchanged stops, taken or left together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeGroup {
    /// The routes.
    pub routes: Vec<ProposedRoute>,
    /// Orders that are on no route after this.
    pub unassigned: Vec<(Name, UnassignedReason)>,
    /// The facts this answers.
    pub caused_by: Vec<LogSeq>,
    /// Why.
    pub choices: Vec<Choice>,
}

/// How a search was run, so that it can be run again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRecord {
    /// Seed of the job; 0 for an immediate answer.
    pub seed: u64,
    /// Rounds that ran; 0 for an immediate answer.
    pub rounds: u32,
    /// Milliseconds it took, as the shell measured them (0 where it did not).
    pub took: Millis,
    /// Objective before, in millionths of the currency.
    pub cost_before: i64,
    /// Objective after.
    pub cost_after: i64,
}

/// A list of exchange groups waiting for its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// How `prev_hash` and `fleet_digest` were made: see [`crate::FORMAT`].
    pub format: u16,
    /// By which rules its groups are taken: see [`crate::RULES`].
    pub rules: u16,
    /// Term of the engine that proposes.
    pub epoch: u64,
    /// Number in the zone's chain of plans, without gaps.
    pub rev: u64,
    /// Hash of the message of the plan before; how it is made says `format`.
    pub prev_hash: MessageHash,
    /// What had been folded when it was made.
    pub based_on: LogSeq,
    /// The groups.
    pub groups: Vec<ExchangeGroup>,
    /// How it was found.
    pub search: SearchRecord,
    /// Level of overload (0 to 4) under which it was made: above 0 the engine did less than it would.
    pub overload: u8,
    /// Digest of the fleet at `based_on`.
    pub fleet_digest: u64,
}

/// One visit as a driver sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignedVisit {
    /// Times and order.
    pub visit: PlannedVisit,
    /// Where.
    pub position: Position,
    /// Done or under way: will not change any more.
    pub frozen: bool,
    /// What the depot is called at which the vehicle calls on the way there, where it has a name.
    pub depot: Option<Name>,
    /// Of `visit.break_before`, what is taken on the way and not before the drive.
    pub on_the_way: Millis,
}

/// One vehicle's route at a revision, as published. A receiver keeps the highest revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Whose.
    pub vehicle: Name,
    /// The log sequence of the entry that last changed this route.
    pub revision: LogSeq,
    /// The visits still to be made, in driving order.
    pub visits: Vec<AssignedVisit>,
    /// The break that its driver takes, or his next one.
    pub pause: Option<NextBreak>,
}

/// The break that a driver takes, or the next one of his shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextBreak {
    /// He takes it.
    pub is_taken: bool,
    /// When it begins: before a visit as planned, or, where he has nothing to do, as soon as its window opens.
    pub starts: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
}

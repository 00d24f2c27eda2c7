//! The one entrance and the one exit of the engine, as two closed lists: what can reach it, and what it can want.

use std::collections::BTreeSet;
use std::sync::Arc;

use fleetfold_fleet::{Change, Flag, Refused};
use fleetfold_journal::{Outcome, Wanted};
use fleetfold_model::{Assignment, Eta, Event, LogEntry, LogSeq, Name, Position, Timestamp, VehicleId};

use fleetfold_roads::{LegAnswer, LegQuery};

use crate::search::{SolveJob, SolveReport};

/// Where a vehicle says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionReport {
    /// Which vehicle.
    pub vehicle: Name,
    /// Where it is.
    pub position: Position,
    /// When it was there, zone time.
    pub at: Timestamp,
}

/// Everything that can reach the engine.
#[derive(Clone, Debug)]
pub enum Input {
    /// The next entry of the log.
    Entry(LogEntry),
    /// The next entry of the log is not folded: it could not be decoded, or it does not count on the subject it stands on.
    Skipped {
        /// Its sequence.
        seq: LogSeq,
        /// True when it stands on the subject of the zone's plans: the next plan is fenced with its sequence.
        on_plan_subject: bool,
    },
    /// A hint where a vehicle is.
    Position(PositionReport),
    /// Log time has reached this instant.
    Tick(Timestamp),
    /// A search ended.
    Solved(SolveReport),
    /// What came of an append, a read or the lease.
    Commit(Outcome),
    /// A routing server answered [`Effect::FetchLegs`], or gave up.
    /// A tick comes just before it: how long answers have waited is counted by what time it is.
    Legs(LegAnswer),
    /// A check of the fleet found a promise broken.
    Broken {
        /// Orders that break it.
        orders: Vec<Name>,
        /// Vehicles whose routes break it.
        vehicles: Vec<Name>,
        /// Which promise, and how, in words.
        what: String,
    },
}

/// Everything the engine can want. Runners match it without a wildcard, so that a new effect asks each of them.
#[derive(Clone, Debug)]
pub enum Effect {
    /// An entry was folded. This is the first effect of its [`Input::Entry`]; counters and screens read it.
    Folded {
        /// The entry.
        entry: Arc<LogEntry>,
        /// What it changed.
        change: Change,
    },
    /// The roads changed, and the ways of these vehicles with them. Their stops may be the same; the lines on a map are not.
    Rerouted(BTreeSet<VehicleId>),
    /// Run this search and return its report.
    Solve(SolveJob),
    /// Append this plan if the last message of the plan subject stands at `expected`; return the outcome.
    Append {
        /// The plan, as the event that goes into the log. The same `Arc` when it is sent again, so that it is encoded once.
        event: Arc<Event>,
        /// Sequence at which the last message of the plan subject must stand.
        expected: LogSeq,
    },
    /// Ask the routing server for these legs, on a thread that may wait, with [`fleetfold_roads::Network::fetch`] of
    /// [`crate::Engine::network`]; return the answer.
    FetchLegs(LegQuery),
    /// Read the last message of the plan subject back; return the outcome.
    ReadLastPlan,
    /// Append a fact of the engine's own (what was learned, where a vehicle was, a repair). It counts when it comes back. It
    /// is not fenced: the fold refuses what no longer fits.
    AppendOwn(Event),
    /// Tell a vehicle its route.
    Publish(Assignment),
    /// Tell a customer when his order comes.
    Tell(Eta),
    /// Something worth a log line, a count or a line on the screen.
    Note(Note),
}

impl From<Wanted> for Effect {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Append { event, expected } => Self::Append { event, expected },
            Wanted::ReadLastPlan => Self::ReadLastPlan,
            Wanted::PlanRemoved { seq, last } => Self::Note(Note::PlanRemoved { seq, last }),
            Wanted::SteppedDown { epoch } => Self::Note(Note::SteppedDown { epoch }),
        }
    }
}

/// Why a group of routes is not proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// It would leave these orders on no route without a reason.
    Loses(Vec<Name>),
    /// It fits into no message: so many bytes, as estimated.
    TooLarge(usize),
    /// The fold would refuse it as things stand.
    Outdated,
    /// The fold has refused its like again and again.
    RefusedTooOften,
}

impl std::fmt::Display for Withheld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Loses(orders) => {
                let names: Vec<&str> = orders.iter().map(Name::as_str).collect();
                write!(f, "it would leave orders on no route without a reason: {}", names.join(", "))
            }
            Self::TooLarge(bytes) => write!(f, "it has about {bytes} bytes, and fits into no message"),
            Self::Outdated => f.write_str("its routes do not fit the state of the fleet"),
            Self::RefusedTooOften => f.write_str("groups that answer its facts were refused again and again"),
        }
    }
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A fact made no sense and was refused.
    Refused {
        /// Its sequence.
        seq: LogSeq,
        /// Why.
        reason: Refused,
    },
    /// A fact was odd but taken.
    Flagged {
        /// Its sequence.
        seq: LogSeq,
        /// What was odd about it.
        flag: Flag,
    },
    /// A position was passed over: the vehicle cannot have come so far since it was last seen.
    Implausible {
        /// Whose.
        vehicle: fleetfold_model::Name,
    },
    /// Groups of a plan that came back were refused: their routes had changed meanwhile.
    GroupsRefused {
        /// Number of the plan.
        rev: u64,
        /// How many groups.
        groups: usize,
    },
    /// A group was not proposed. Its facts were answered plainly: the routes stay, what is on no route is unassigned.
    Withheld {
        /// What is wrong with it.
        why: Withheld,
        /// The facts it answered.
        caused_by: Vec<LogSeq>,
    },
    /// A plan of ours stands in the log and was rejected there, which is a fault of the engine: an alert. The facts that it answered get
    /// plain answers.
    PlanRejected {
        /// Number of the plan.
        rev: u64,
    },
    /// The log did not take a plan because of its size: the next ones are smaller.
    PlanTooLarge {
        /// Number of the plan.
        rev: u64,
        /// The next ones stay below this many bytes.
        bytes_max: usize,
    },
    /// A promise of the fold was found broken: an alert. The owner of the zone asks for the offenders anew.
    Broken {
        /// Which promise, and how.
        what: String,
    },
    /// A search ended.
    Searched {
        /// Rounds that ran.
        rounds: u32,
        /// Groups worth proposing.
        proposed: usize,
        /// Groups whose routes had changed meanwhile.
        stale: usize,
        /// What the proposed groups save, in millionths of the currency.
        gain: i64,
    },
    /// Facts wait for longer than before, or no longer do: from 0 (nothing is left out) to 4 (new orders should be refused), as the
    /// table of `overload.rs` says.
    Overload {
        /// The level that holds from now on.
        level: u8,
    },
    /// The log has lost the last plan that was folded: nothing may be proposed any more.
    PlanRemoved {
        /// Where it stood.
        seq: LogSeq,
        /// Where the last message of the plan subject stands instead.
        last: LogSeq,
    },
    /// This engine no longer owns the zone.
    SteppedDown {
        /// The epoch in which it owned it.
        epoch: u64,
    },
}

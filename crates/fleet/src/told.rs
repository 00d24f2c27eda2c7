//! When something was said: so that of two facts about the same thing the later one counts, in whatever order they come.

use std::collections::BTreeMap;

use fleetfold_model::Timestamp;
use serde::{Deserialize, Serialize};

/// What facts say of an order or a vehicle that later facts may say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Told {
    /// The stops of an order.
    Work,
    /// What its goods take up.
    Load,
    /// Which skills it asks for.
    Skills,
    /// Its priority.
    Priority,
    /// From when its goods are there.
    Release,
    /// Until when it was promised.
    Promised,
    /// That it is cancelled.
    Cancelled,
    /// What was registered of a vehicle.
    Registered,
    /// That its driver signed on or off: under the third rules.
    Shift,
    /// That it broke down or is back: under the third rules.
    Lost,
    /// That the goods of a job left with a vehicle.
    Loaded,
    /// That an order goes to the vehicle that it is pinned to whatever it costs.
    Forced,
    /// That it is pinned, forced or free again.
    Pinned,
    /// That a stop of it failed.
    Failed,
    /// That a vehicle began to drive in this shift.
    Driven,
}

impl Told {
    /// Its code in digests. Never changed, and never used for anything else.
    pub(crate) fn code(self) -> u64 {
        match self {
            Self::Work => 1,
            Self::Load => 2,
            Self::Skills => 3,
            Self::Priority => 4,
            Self::Release => 5,
            Self::Promised => 6,
            Self::Cancelled => 7,
            Self::Registered => 8,
            Self::Shift => 9,
            Self::Lost => 10,
            Self::Loaded => 11,
            Self::Forced => 12,
            Self::Pinned => 13,
            Self::Failed => 14,
            Self::Driven => 15,
        }
    }
}

/// When each thing was said last (zone time). Empty under rules before the third.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldTimes(pub BTreeMap<Told, Timestamp>);

impl ToldTimes {
    /// True when something newer was said of it than at this time.
    pub fn is_newer_than(&self, at: Timestamp, what: Told) -> bool {
        self.0.get(&what).is_some_and(|&last| last > at)
    }

    /// Takes note of when something was said, unless something newer was.
    pub(crate) fn note(&mut self, what: Told, at: Timestamp) {
        let last = self.0.entry(what).or_insert(at);
        *last = at.max(*last);
    }

    /// True when an appointment was made after this time: a new place, a new time, a new promise.
    pub(crate) fn has_appointment_after(&self, at: Timestamp) -> bool {
        [Told::Work, Told::Release, Told::Promised].into_iter().any(|what| self.is_newer_than(at, what))
    }
}

//! When something was said: so that of two facts about the same thing the later one counts, in whatever order they come.

use std::collections::BTreeMap;

use fleetfold_model::{Numbered, Timestamp};
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
    /// That a pickup was served, which nobody has said: it follows from the delivery.
    PickupInferred,
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
            Self::PickupInferred => 16,
        }
    }
}

/// When something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidAt {
    /// Zone time: that of the fact, or of an earlier fact of the same source that has a later time.
    pub at: Timestamp,
    /// Its number, where its source counts. `None` under rules before the fifth.
    pub numbered: Option<Numbered>,
}

impl SaidAt {
    /// True when it is newer than another: of one source that with the higher number, else that of the later time.
    pub fn is_after(&self, other: &Self) -> bool {
        match self.number_beside(other) {
            Some((own, others)) if own != others => own > others,
            _ => self.at > other.at,
        }
    }

    /// The numbers of both, where one source has counted them.
    fn number_beside(&self, other: &Self) -> Option<(u64, u64)> {
        let (own, others) = (self.numbered?, other.numbered?);
        (own.writer == others.writer).then_some((own.number, others.number))
    }

    /// Takes what is said now, unless this is newer: false then. A source whose clock ran back says it no earlier than what it
    /// said before, so that both orders of arrival come to the same.
    pub(crate) fn renew(&mut self, now: Self) -> bool {
        let is_old = self.is_after(&now);
        let at = if self.number_beside(&now).is_some() { self.at.max(now.at) } else { now.at };
        if !is_old {
            *self = Self { at, ..now };
        } else if self.number_beside(&now).is_some() {
            self.at = at;
        }
        !is_old
    }
}

/// When each thing was said last. Empty under rules before the third.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldTimes(pub BTreeMap<Told, SaidAt>);

impl ToldTimes {
    /// True when something newer was said of it than at this time.
    pub fn is_newer_than(&self, at: Timestamp, what: Told) -> bool {
        self.0.get(&what).is_some_and(|last| last.at > at)
    }

    /// Takes note of when something was said, unless something newer was.
    pub(crate) fn note(&mut self, what: Told, at: Timestamp) {
        let last = self.0.entry(what).or_insert(SaidAt { at, numbered: None });
        last.at = at.max(last.at);
    }

    /// Takes note that something is so, and since when.
    pub(crate) fn put(&mut self, what: Told, at: Timestamp) {
        self.0.insert(what, SaidAt { at, numbered: None });
    }

    /// True when an appointment was made after this time: a new place, a new time, a new promise. `or_then`: one of the same millisecond counts, too.
    pub(crate) fn has_appointment_after(&self, at: Timestamp, or_then: bool) -> bool {
        let is_after = |said: &SaidAt| said.at > at || (or_then && said.at == at);
        [Told::Work, Told::Release, Told::Promised].into_iter().any(|what| self.0.get(&what).is_some_and(is_after))
    }
}

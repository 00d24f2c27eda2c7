//! Whether a vehicle works: signing on and off, breakdowns and returns, kept by their times so that they may come in any order.
//!
//! Promise: what follows from the facts depends on their times only, and not on the order in which they came, as long as no
//! more than [`REMEMBERED`] newer ones came first.

use fleetfold_model::{Shift, Timestamp};
use serde::{Deserialize, Serialize};

use crate::SaidAt;

/// So many of the newest facts are remembered one by one (guess: a driver whose app starts anew every hour signs on so often in
/// two shifts). What came before them is settled: a fact that is older than all of them comes too late.
pub(crate) const REMEMBERED: usize = 16;

/// What a fact says of whether a vehicle works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Duty {
    /// Its driver signed on: with this shift, or with that of its registration.
    On(Option<Shift>),
    /// Its driver signed off.
    Off,
    /// Its driver will sign off at this time (zone time).
    Ends(Timestamp),
    /// It broke down.
    Lost,
    /// It works again.
    Back,
}

/// A fact about whether a vehicle works, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyTold {
    /// When, in zone time.
    pub said: SaidAt,
    /// What it says.
    pub what: Duty,
}

/// What follows from some facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Working {
    /// A driver is signed on.
    pub is_on: bool,
    /// When a driver signed on last, or is known to have been on (zone time); `None`: nobody ever was.
    pub since: Option<Timestamp>,
    /// Broken down.
    pub is_lost: bool,
    /// The shift that its driver named; `None`: that of the registration.
    pub shift: Option<Shift>,
    /// An earlier or later end of the shift that its driver announced.
    pub ends: Option<Timestamp>,
}

impl Working {
    fn after(self, DutyTold { said: SaidAt { at, numbered: _ }, what }: &DutyTold) -> Self {
        match what {
            // Who signs on for a new shift has a vehicle that works.
            Duty::On(shift) if !self.is_on => {
                Self { is_on: true, since: Some(*at), is_lost: false, shift: shift.clone(), ends: None }
            }
            Duty::On(Some(shift)) => Self { shift: Some(shift.clone()), ends: None, ..self },
            Duty::Off => Self { is_on: false, since: self.since.or(Some(*at)), ..self },
            Duty::Ends(ends) if self.is_on => Self { ends: Some(*ends), ..self },
            // An app that started anew says nothing but that he is there; who is off has no end to announce.
            Duty::On(None) | Duty::Ends(_) => self,
            Duty::Lost => Self { is_lost: true, ..self },
            Duty::Back => Self { is_lost: false, ..self },
        }
    }

    /// True when it worked, and does no longer: goods that were on board are where it stands.
    pub fn has_stopped(&self) -> bool {
        self.is_lost || (!self.is_on && self.since.is_some())
    }

    /// The period that the vehicle works, or worked last, where its registration names this one.
    pub fn shift(&self, registered: Option<&Shift>) -> Option<Shift> {
        let since = self.since?;
        let shift = self.shift.as_ref().or(registered).cloned();
        let Some(ends) = self.ends else { return shift };
        let shift = shift.unwrap_or(Shift { starts: since.min(ends), ends, breaks: Vec::new() });
        Some(Shift { ends: ends.max(shift.starts), ..shift })
    }
}

/// The numbers of two facts that one source has counted.
fn same_source(one: &DutyTold, other: &DutyTold) -> Option<(u64, u64)> {
    let (one, other) = (one.said.numbered?, other.said.numbered?);
    (one.writer == other.writer).then_some((one.number, other.number))
}

/// The facts about whether a vehicle works. Empty under rules before the fourth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duties {
    /// What followed from the facts before those that are remembered.
    pub settled: Working,
    /// When the newest of these happened; `None`: there is none.
    pub settled_at: Option<Timestamp>,
    /// The newest facts, by ascending time; of one time in the order in which they came.
    pub facts: Vec<DutyTold>,
}

impl Duties {
    /// True where nothing was told.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.settled_at.is_none()
    }

    /// True when a fact of this time would be the newest.
    pub fn is_newest(&self, at: Timestamp) -> bool {
        self.facts.iter().map(|fact| fact.said.at).chain(self.settled_at).all(|other| other <= at)
    }

    /// A fact with the time that counts: no earlier than what its source said before, by its numbers.
    pub(crate) fn placed(&self, mut fact: DutyTold) -> DutyTold {
        let before =
            self.facts.iter().filter(|other| same_source(other, &fact).is_some_and(|(other, own)| other < own));
        fact.said.at = before.map(|other| other.said.at).fold(fact.said.at, Timestamp::max);
        fact
    }

    /// Takes in a fact; false: it is older than all that is remembered.
    pub fn tell(&mut self, fact: DutyTold) -> bool {
        if self.settled_at.is_some_and(|settled| fact.said.at < settled) {
            return false;
        }
        // What its source has said since is no earlier.
        let is_later = |other: &DutyTold| same_source(other, &fact).is_some_and(|(other, own)| other > own);
        let next = self.facts.iter().position(is_later);
        for later in self.facts.iter_mut().filter(|other| is_later(other)) {
            later.said.at = later.said.at.max(fact.said.at);
        }
        let place = self.facts.partition_point(|other| other.said.at <= fact.said.at);
        self.facts.insert(next.map_or(place, |next| next.min(place)), fact);
        self.facts.sort_by_key(|fact| fact.said.at);
        if self.facts.len() > REMEMBERED {
            let oldest = self.facts.remove(0);
            self.settled_at = Some(oldest.said.at);
            self.settled = std::mem::take(&mut self.settled).after(&oldest);
        }
        true
    }

    /// What follows from all of them.
    pub fn working(&self) -> Working {
        self.facts.iter().fold(self.settled.clone(), Working::after)
    }
}

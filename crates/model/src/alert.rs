//! Alerts: what an operator should look at, from when it began until it is over.
//!
//! The engine says that a condition began and that it is over, each once; operators say that they have seen it. All of it
//! stands in the log, so that every screen shows the same and a new owner of the zone goes on where the last one was.

use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::{Millis, Name, Timestamp};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlertKind {
    /// An order will be served after it was promised.
    PredictedLate,
    /// An order is on no route, and its deadline is near.
    Unassigned,
    /// A vehicle should have been heard of and was not.
    Silent,
    /// Changes wait longer for their plans than the objective allows.
    SlaBurn,
    /// The owner of the zone folds entries long after they were logged.
    LogLag,
    /// Facts come faster than they can be answered, and less is done for each.
    Degraded,
    /// The clock of a driver's phone runs ahead.
    ClockSkew,
}

/// What kind of thing an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertAbout {
    /// The zone as a whole.
    Zone,
    /// One order.
    Order,
    /// One vehicle.
    Vehicle,
}

impl AlertKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PredictedLate,
        Self::Unassigned,
        Self::Silent,
        Self::SlaBurn,
        Self::LogLag,
        Self::Degraded,
        Self::ClockSkew,
    ];

    /// What it is about.
    pub fn about(self) -> AlertAbout {
        match self {
            Self::PredictedLate | Self::Unassigned => AlertAbout::Order,
            Self::Silent | Self::ClockSkew => AlertAbout::Vehicle,
            Self::SlaBurn | Self::LogLag | Self::Degraded => AlertAbout::Zone,
        }
    }
}

/// One condition of one thing. There is at most one alert of each at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alert {
    // Invariant: `about` is given if and only if the kind is about an order or a vehicle. Holds from `new` on.
    kind: AlertKind,
    about: Option<Name>,
}

impl Alert {
    /// `None` when the kind wants an order or a vehicle that is not given, or is about the zone and one is.
    pub fn new(kind: AlertKind, about: Option<Name>) -> Option<Self> {
        (about.is_some() == (kind.about() != AlertAbout::Zone)).then_some(Self { kind, about })
    }

    /// Where the alerts of a kind begin and end in their order, for a range of a map: the bounds themselves are no alerts.
    pub fn range_of(kind: AlertKind) -> (Bound<Self>, Bound<Self>) {
        let next = AlertKind::ALL.into_iter().filter(|&other| other > kind).min();
        let begins = |kind| Self { kind, about: None };
        (Bound::Included(begins(kind)), next.map_or(Bound::Unbounded, |next| Bound::Excluded(begins(next))))
    }

    /// What is wrong.
    pub fn kind(&self) -> AlertKind {
        self.kind
    }

    /// Which order or vehicle; `None`: the zone.
    pub fn about(&self) -> Option<&Name> {
        self.about.as_ref()
    }
}

/// A condition began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRaised {
    /// Which.
    pub alert: Alert,
    /// Since when (zone time).
    pub at: Timestamp,
    /// How late, how long silent, how far ahead, how long facts wait: by kind.
    pub span: Millis,
    /// The same in words.
    pub detail: String,
    /// Epoch of the engine that says so.
    pub epoch: u64,
}

/// A condition is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCleared {
    /// Which.
    pub alert: Alert,
    /// Since when (zone time).
    pub at: Timestamp,
    /// Epoch of the engine that says so.
    pub epoch: u64,
}

/// An operator has seen an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertAcknowledged {
    /// Which.
    pub alert: Alert,
    /// Who.
    pub by: Option<Name>,
    /// It is to be shown again from then on (zone time), if it is not over; `None`: not again.
    pub until: Option<Timestamp>,
}

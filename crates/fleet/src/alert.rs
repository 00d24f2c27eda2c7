//! What is known of an alert that stands.

use fleetfold_model::{LogSeq, Millis, Name, Timestamp};
use serde::{Deserialize, Serialize};

/// An alert that stands: its condition began and is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertState {
    /// Since when (zone time).
    pub raised: Timestamp,
    /// How late, how long silent: by kind, when it was raised.
    pub span: Millis,
    /// The same in words.
    pub detail: String,
    /// The entry that last changed it.
    pub changed: LogSeq,
    /// Who has seen it.
    pub acknowledged: Option<Acknowledged>,
}

/// An operator has seen an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// When (zone time).
    pub at: Timestamp,
    /// Who, if that was said.
    pub by: Option<Name>,
    /// From then on it is to be shown again (zone time); `None`: not again.
    pub until: Option<Timestamp>,
}

impl AlertState {
    /// True while nobody need be told of it: somebody has seen it, and has not put it off until a time that has come.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        self.acknowledged.as_ref().is_some_and(|seen| seen.until.is_none_or(|until| now < until))
    }
}

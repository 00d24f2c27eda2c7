//! A change of the roads.

use fleetfold_model::{LogSeq, RoadChange, Timestamp};
use serde::{Deserialize, Serialize};

use crate::SaidAt;

/// A change of the roads and whether it has been taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoadState {
    /// The change.
    pub change: RoadChange,
    /// Closed rather than slowed.
    pub closed: bool,
    /// Taken back.
    pub ended: bool,
    /// Log time of the last fact about it.
    pub since: Timestamp,
    /// The last entry that told of it. `None`: a state says it that was written before entries were kept. It decides nothing, and is no part of
    /// the digest.
    pub told: Option<LogSeq>,
    /// When it was said, where the newest word counts: from the fifth rules on.
    pub changed: Option<SaidAt>,
    /// When it was said that it ended, the same.
    pub reopened: Option<SaidAt>,
}

impl RoadState {
    /// In force at this zone time.
    pub fn is_active(&self, now: Timestamp) -> bool {
        !self.ended
            && self.change.from.is_none_or(|from| from <= now)
            && self.change.until.is_none_or(|until| now < until)
    }
}

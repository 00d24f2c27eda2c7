//! A change of the roads.

use fleetfold_model::{RoadChange, Timestamp};
use serde::{Deserialize, Serialize};

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
}

impl RoadState {
    /// In force at this zone time.
    pub fn is_active(&self, now: Timestamp) -> bool {
        !self.ended
            && self.change.from.is_none_or(|from| from <= now)
            && self.change.until.is_none_or(|until| now < until)
    }
}

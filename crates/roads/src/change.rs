//! Changes of the roads: what is closed or slowed, and what that makes different.

use fleetfold_model::{Position, RoadTarget};

use crate::ids::EdgeId;

/// A change of the roads that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveChange {
    /// Which roads.
    pub target: RoadTarget,
    /// Travel time in per cent of normal; `None`: closed.
    pub time_percent: Option<u32>,
}

/// What differs between two states of the roads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeightChange {
    /// Edges that take longer, or cannot be used any more.
    pub slower: Vec<EdgeId>,
    /// Edges that take less time, or can be used again.
    pub quicker: Vec<EdgeId>,
    /// South-west and north-east corners of boxes around the quicker edges.
    pub quicker_boxes: Vec<(Position, Position)>,
}

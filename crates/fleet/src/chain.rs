//! The zone's chain of plans, and the facts that wait for the next one.

use fleetfold_model::{LogSeq, MessageHash, OrderId, Timestamp, VehicleId};
use serde::{Deserialize, Serialize};

/// What a fact asks of the engine. Kept until an accepted plan names the fact in its `caused_by`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Orders to place or place again.
    pub orders: Vec<OrderId>,
    /// Routes to look at.
    pub vehicles: Vec<VehicleId>,
    /// The roads changed.
    pub roads: bool,
    /// When it was logged.
    pub logged_at: Timestamp,
}

/// The zone's chain of plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Highest epoch folded.
    pub epoch: u64,
    /// Number of the last plan.
    pub rev: u64,
    /// Hash of the last plan's message.
    pub hash: MessageHash,
    /// Sequence of the last entry on the plan subject, folded or not: what the next append is fenced with.
    pub seq: LogSeq,
    /// Rules by which facts are judged ([`fleetfold_model::RULES`]): the highest that a plan of the chain has named; 0: no plan yet.
    pub rules: u16,
}

//! Facts that the engine writes itself, besides plans. They count only on their own subjects, and only with the epoch of an
//! owner of the zone: no producer can make the engine believe that it said something.

use serde::{Deserialize, Serialize};

use crate::{LogSeq, Name, Position, Timestamp};

/// Where a vehicle was when a fact needed to know it: a position report (a hint, outside the fold) that the engine turned
/// into a fact, because a decision depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VehicleLocated {
    /// Which vehicle.
    pub vehicle: Name,
    /// Where it was.
    pub position: Position,
    /// When it was there (zone time).
    pub at: Timestamp,
    /// The fact that needs it (lost, back, shift ended, taken off its route).
    pub of: LogSeq,
    /// Epoch of the engine that says so.
    pub epoch: u64,
}

/// A base was stored: the whole fleet after an entry, in a form that every later version can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseWritten {
    /// The last entry folded into it.
    pub applied: LogSeq,
    /// Format of the fold that made it (see [`crate::FORMAT`]).
    pub format: u16,
    /// Digest of the fleet in it.
    pub digest: u64,
    /// Its name in the object store, or in the folder beside an embedded log.
    pub object: String,
    /// BLAKE3 hash of its bytes, hexadecimal.
    pub hash: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Epoch of the engine that says so.
    pub epoch: u64,
}

/// A promise was found broken in a running zone: these orders are asked for anew, these routes looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairAsked {
    /// Orders to be placed again.
    pub orders: Vec<Name>,
    /// Vehicles whose routes are to be looked at.
    pub vehicles: Vec<Name>,
    /// Which promise was broken, and how, in words.
    pub what: String,
    /// Epoch of the engine that says so.
    pub epoch: u64,
}

/// The time of a slot that was kept for a customer is over, and he has not taken it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldEnded {
    /// The order that he did not place.
    pub order: Name,
    /// Until when it was kept (zone time).
    pub until: Timestamp,
    /// Epoch of the engine that says so.
    pub epoch: u64,
}

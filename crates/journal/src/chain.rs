//! The chain of plans: each names the hash of the one before, and a hash is of the message's bytes as they stand in the log.
//!
//! So the chain can be checked by anyone who can read the log, in any version: no name of a field, order of an enum or
//! layout of memory is in it.

use fleetfold_model::{Event, MessageHash, Space, Timestamp};
use fleetfold_wire::{encode, message_hash};

use crate::address::{Address, ZoneName, own_id};

/// The source of everything the engine writes.
pub const SOURCE: &str = "fleetfold";

/// A message of the engine's own, ready to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnMessage {
    /// Its subject.
    pub subject: String,
    /// Its message id: what it is about makes a repeat harmless.
    pub id: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The message of an event that the engine writes: a plan, learned features, a located vehicle, a base, a repair. Live
/// operation, simulation and recording write them through this one function, so that the same plan has the same bytes, and
/// so the same hash, wherever it is written. `at` is the event's time (zone time).
pub fn own_message(zone: &ZoneName, event: &Event, space: Space, at: Timestamp) -> OwnMessage {
    let id = own_id(zone, event);
    let bytes = encode(event, space, SOURCE, &id, at).to_bytes();
    OwnMessage { subject: zone.subject(&Address::of_event(event)), id, bytes }
}

/// The hash by which the next plan names the message with these bytes.
pub fn hash(bytes: &[u8]) -> MessageHash {
    message_hash(bytes)
}

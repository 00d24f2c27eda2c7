//! One entry of a zone's log: an event with its position, its time and the hash of its bytes.

use serde::{Deserialize, Serialize};

use crate::{Event, LogSeq, Timestamp};

/// Format of what the engine writes about itself: the hash that chains plans, and the digest of the fleet in each plan.
///
/// It rises whenever either would come out differently for the same log. 1: version 0.1, whose hashes were made of memory
/// (`Debug` text) and cannot be checked by any other build. 2: hashes of the message's bytes, a digest over bytes written
/// on purpose.
pub const FORMAT: u16 = 2;

/// Rules by which a log is folded. Every plan says by which it was made, and is judged by these for ever; facts are judged by the
/// highest that any plan before them has named.
///
/// 1: plans of before 0.2, which say none: the next visit of a vehicle could not be changed from the planned departure on. 2: it can
/// be, until its driver has departed. 3: facts about the same thing count in the order of their times, not in that of the log; a
/// driver who signs on again stays where he was; a failed order can be tried again, and goods that stay aboard after a
/// failed delivery take up room; a vehicle under way can be sent elsewhere until it has arrived. 4: what was told is remembered also
/// where it came too early or too late to change anything, so that the same facts come to the same in any order. 5: of what one
/// source says and numbers the highest number counts, whatever its time; a policy, a change of the roads and its end count by their
/// times, too; what is told late of a stop that is over is taken down with its own time; a dispatcher's word before the first plan
/// waits for its order; a driver accepts no route that his vehicle has not been told; a vehicle that waits at a stop for its window or
/// its goods can be sent elsewhere meanwhile. 6: a failure that says when its stop is tried again is tried again in whatever order it, its order
/// and other failures of the stop are told; what is told of a pickup before the order, which turns out to be a job and has none, counts for nothing.
pub const RULES: u16 = 6;

/// The hash of a message's bytes as they stand in the log: the first 16 bytes of its BLAKE3 hash, as a big-endian number.
/// 0 means that there are no bytes (an entry made in a test, or before the first plan).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageHash(pub u128);

impl std::fmt::Display for MessageHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Where a fact stands among those that its source says of the same entity and numbers (CloudEvents' `sequence`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// 64-bit hash of the source and of the entity that it counts for (CloudEvents' `subject`).
    pub writer: u64,
    /// Its number: of two facts of one writer the one with the higher number is the newer one.
    pub number: u64,
}

/// One entry of the zone's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Position in the stream: the only order there is.
    pub seq: LogSeq,
    /// When the stream took it; with the zone's mapping, the only "now" the fold knows.
    pub logged_at: Timestamp,
    /// 64-bit hash of the producer's source and event id; 0 for the engine's own events.
    pub id: u64,
    /// When it happened, as its producer says (zone time); `None`: nobody says, and log time is taken.
    pub time: Option<Timestamp>,
    /// Its number, where its source counts; `None` for the engine's own events.
    pub numbered: Option<Numbered>,
    /// Hash of the message's bytes. The chain of plans is made of these.
    pub hash: MessageHash,
    /// What happened.
    pub event: Event,
}

//! What the log promises, in one room: how it is addressed, chained, committed to, read and begun.
//!
//! Everything here is pure: `node` performs it over a broker or a file, `sim` over a log that loses, doubles and delays.
//!
//! Absent on purpose: sockets, files, clocks; searching; any question about who runs it.

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod address;
pub mod base;
pub mod chain;
mod commit;
mod fanout;
mod format;
mod gate;
mod resume;

pub use address::{Address, ZoneName};
pub use base::BaseError;
pub use chain::{OwnMessage, own_message};
pub use commit::{Commit, LastPlan, Outcome, Wanted};
pub use fanout::{FanOut, Heard, Next};
pub use format::{SNAPSHOT_FORMAT, SNAPSHOT_LAYOUT};
pub use gate::{Gate, Judged, Raw, Rejection, Said};
pub use resume::{Begin, Covered, Held, begin, still_the_same};

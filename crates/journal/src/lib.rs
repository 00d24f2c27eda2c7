//! What the log promises, in one room: how it is addressed, chained, committed to, read and begun.
//!
//! Everything here is pure: `node` performs it over a broker or a file, `sim` over a log that loses, doubles and delays.
//!
//! Where to begin: [`address`] is the one rule for subjects and message ids, [`Gate`] judges what may be folded, [`chain`] makes
//! the engine's own messages, [`Commit`] and [`FanOut`] are the protocols of plans and assignments, [`begin`] says where a reader
//! of a zone begins, [`Completeness`] whether it has had every message, [`base`] is the document in which a fleet outlives its log, [`placement`] says which node runs which zone,
//! [`Suspect`] which entry has ended an engine.
//!
//! Absent on purpose: sockets, files, clocks; searching; any question about who runs it.
//!
//! ```
//! use fleetfold_fleet::Fleet;
//! use fleetfold_journal::{Address, Gate, Judged, PolicyAt, Raw, ZoneName, address::fact_id};
//! use fleetfold_model::{LogSeq, Timestamp};
//! use fleetfold_wire::{What, decode};
//!
//! let zone = ZoneName::new("acme", "porto").expect("letters, digits, - and _");
//! let bytes = br#"{
//!     "specversion": "1.0", "id": "1", "source": "/shop", "type": "fleet.order.created.v1", "time": "2026-06-01T09:00:00Z",
//!     "data": { "order_id": "ord-1", "job": { "stop": { "lon": -8.61, "lat": 41.15 } } }
//! }"#;
//!
//! // Where an event stands, and the id that makes its repeats harmless.
//! let What::Event(event) = decode(bytes)?.what else { panic!("no position") };
//! let subject = zone.subject(&Address::of_event(&event));
//! assert_eq!(subject, "fleet.acme.porto.event.order_created._");
//! assert_eq!(fact_id(&zone, "/shop", "1"), "acme/porto/%2Fshop/1");
//!
//! // Every reader takes its messages through the gate. What stands on its subject is folded; anything else is rejected.
//! let mut fleet = Fleet::new();
//! let mut gate = Gate::new(zone, PolicyAt::of(&fleet), [], 0);
//! let mut read = |subject| gate.judge(Raw { seq: LogSeq(1), at: Timestamp(0), subject, bytes });
//! let Judged::Entry(entry, _) = read(subject.as_str()) else { panic!("it stands where it belongs") };
//! assert_eq!(fleet.apply(&entry).refused, None);
//! assert!(matches!(read("fleet.acme.porto.plan"), Judged::Rejected(why) if why.code == "wrong_subject"));
//! # Ok::<(), fleetfold_wire::DecodeError>(())
//! ```

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod address;
pub mod base;
pub mod chain;
mod commit;
mod completeness;
mod fanout;
mod format;
mod gate;
mod pattern;
pub mod placement;
mod resume;
mod suspect;

pub use address::{Address, ZoneName};
pub use base::BaseError;
pub use chain::{OwnMessage, own_message};
pub use commit::{Commit, LastPlan, Outcome, Wanted};
pub use completeness::{Completeness, Missing};
pub use fanout::{FanOut, Heard, Next};
pub use format::{SNAPSHOT_FORMAT, SNAPSHOT_LAYOUT};
pub use gate::{Gate, Judged, PolicyAt, Raw, Rejection, Said};
pub use pattern::Pattern;
pub use resume::{Begin, Covered, FirstPlan, Held, begin, still_the_same};
pub use suspect::{InHand, Suspect};

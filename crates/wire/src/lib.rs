//! Bytes to events and back, versioned; the recorded-day file.
//!
//! This crate is the only one that promises a byte format to anyone outside. Facts are CloudEvents 1.0 in JSON; the name of
//! the type carries the major version (`fleet.order.created.v1`). Inside a major version fields are only added. A field that a
//! type does not know stays in the log, has no effect, and is told as a [`Warning`]; so is a legal value that is probably a mistake.
//!
//! A value that comes out of [`decode()`] is legal, so that nothing behind it checks again: what cannot be is refused here, and
//! the error says what is wrong, in which field, and what is expected instead.
//!
//! Where to begin: [`EventType`] is the one table of event types, [`decode()`] and [`encode()`] are the two directions,
//! [`DayLine`] is a line of a recorded day.
//!
//! ```
//! use fleetfold_model::{Event, Space, Timestamp};
//! use fleetfold_wire::{EventType, What, decode, encode};
//!
//! let bytes = br#"{
//!     "specversion": "1.0", "id": "7", "source": "/shop", "type": "fleet.order.created.v1", "time": "2026-06-01T09:00:00Z",
//!     "data": { "order_id": "ord-1", "job": { "stop": { "lon": -8.61, "lat": 41.15, "service_minutes": 2 } } }
//! }"#;
//! let decoded = decode(bytes)?;
//! assert_eq!(decoded.kind, EventType::OrderCreated);
//! assert_eq!(
//!     decoded.warnings[0].to_string(),
//!     "unknown field `job.stop.service_minutes`; did you mean `job.stop.service_seconds`?"
//! );
//!
//! let What::Event(event @ Event::OrderCreated(_)) = decoded.what else { panic!("an order was created") };
//! let again = encode(&event, Space::Geographic, "/shop", "7", Timestamp(decoded.at.0)).to_bytes();
//! assert_eq!(decode(&again)?.what, What::Event(event));
//! # Ok::<(), fleetfold_wire::DecodeError>(())
//! ```

// A new type of event must be decided on wherever events are told apart: no match may pass it over.
#![warn(clippy::wildcard_enum_match_arm)]

mod alert_v1;
mod base64;
mod content;
mod day;
mod decode;
mod encode;
mod envelope;
mod eta_v1;
mod event_type;
mod event_v1;
mod fields;
mod instants;
mod known_fields;
mod known_only;
mod labels;
mod network_v1;
mod odd;
mod personal;
mod plan_v1;
mod read_v1;
mod rejected;
mod road_ids;
pub mod schema;
mod upcast;
mod warning;

pub use alert_v1::{AlertStanding, AlertV1, alert_word};
pub use content::content_hash;
pub use day::{
    DAY_FORMAT, DAY_HEADER_BYTES_MAX, DAY_LINE_BYTES_MAX, DayError, DayFooter, DayHeader, DayLine, read_day_line,
};
pub use decode::{DecodeError, Decoded, What, decode, decode_strict, id_hash, message_hash};
pub use encode::{encode, encode_position, features_to_json};
pub use envelope::{CloudEvent, Mode, structured};
pub use eta_v1::EtaV1;
pub use event_type::{About, Entity, EventType, Writer, entity, event_type, schemas};
pub use event_v1::PolicyV1;
pub use fields::instant_of;
pub use instants::text as instant_text;
pub use labels::{Labels, sender};
pub use network_v1::{NetworkV1, network_from_json, network_to_json};
pub use odd::{odd_in_zone, other_coordinates, place_nowhere, unnameable};
pub use personal::{ENCRYPTED, Parted, person, personal_fields, speaks_of, type_of, unknown_attributes};
pub use plan_v1::{AssignmentV1, assignment_from_json, assignment_to_json};
pub use rejected::RejectedV1;
pub use warning::Warning;

/// Largest fact, in bytes. Larger ones are refused: an event is about one thing (guess, far above any real one).
pub const FACT_BYTES_MAX: usize = 64 * 1024;
/// Largest plan message, in bytes: half of what a broker takes by default.
pub const PLAN_BYTES_MAX: usize = 512 * 1024;

//! Bytes to events and back, versioned; the recorded-day file.
//!
//! The only place that promises a byte format to anyone outside. Facts are CloudEvents 1.0 in structured JSON; the type
//! carries the major version (`fleet.order.created.v1`). Inside a major version fields are only added; unknown fields are
//! ignored here and kept in the log.
//!
//! Past this door values are legal: what cannot be is refused here with what, where and what to do.

mod base64;
mod day;
mod decode;
mod encode;
mod envelope;
mod event_type;
mod event_v1;
mod fields;
mod known_fields;
mod network_v1;
mod plan_v1;
mod read_v1;

pub use day::{DayError, DayHeader, DayLine, read_day_line};
pub use decode::{DecodeError, Decoded, What, decode, decode_strict, id_hash, message_hash};
pub use encode::{encode, encode_position, features_to_json};
pub use envelope::{CloudEvent, Mode, structured};
pub use event_type::{About, Entity, EventType, Writer, entity, event_type, schemas};
pub use event_v1::PolicyV1;
pub use known_fields::Warning;
pub use network_v1::{NetworkV1, network_from_json, network_to_json};
pub use plan_v1::{AssignmentV1, assignment_from_json, assignment_to_json};

/// Largest fact, in bytes.
pub const FACT_BYTES_MAX: usize = 64 * 1024;
/// Largest plan message, in bytes.
pub const PLAN_BYTES_MAX: usize = 512 * 1024;

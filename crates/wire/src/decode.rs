//! From bytes to legal values.

use fleetfold_model::{Event, HoldEnded, MessageHash, Name, Numbered, Position, PriorityRaised, SlotHeld, Timestamp};
use serde::Deserialize;

use crate::envelope::{CloudEvent, Incoming};
use crate::event_type::{EventType, payload};
use crate::fields::{instant, name, optional_instant, priority};
use crate::known_fields::unknown;
use crate::known_only;
use crate::odd::odd;
use crate::plan_v1::PlanV1;
use crate::read_v1 as read;
use crate::upcast;
use crate::warning::Warning;
use crate::{FACT_BYTES_MAX, PLAN_BYTES_MAX};

/// Longest `id`, `source` and `type` of an event, in bytes.
const ATTRIBUTE_BYTES_MAX: usize = 256;
/// What stands in every plan that an engine has written. It may stand in other events, too.
const PLAN_TYPE: &str = "\"fleet.plan.proposed.v1\"";

/// Why bytes could not become an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Too many bytes.
    #[error("the event has {bytes} bytes; at most {most} are taken")]
    TooLarge {
        /// How many.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// Not JSON, or not a CloudEvent.
    #[error("not a CloudEvent in structured JSON: {0}")]
    NotCloudEvent(String),
    /// An attribute of the envelope is missing, or has a value that it cannot have.
    #[error("CloudEvents attribute `{name}` {what}")]
    Attribute {
        /// Which.
        name: &'static str,
        /// What is wrong with it, as the rest of a sentence.
        what: String,
    },
    /// A type nobody knows.
    #[error("unknown event type `{0}`; `fleetfold schema` lists the known ones")]
    UnknownType(String),
    /// The payload does not have the shape of its type.
    #[error("payload of `{kind}`: {what}")]
    Payload {
        /// The type.
        kind: String,
        /// What is wrong.
        what: String,
    },
    /// A field that the type does not know, where the zone's policy is strict.
    #[error("payload of `{kind}`: {warning} (this zone's policy is strict)")]
    UnknownField {
        /// The name of the type.
        kind: &'static str,
        /// Which field, and which one was probably meant.
        warning: Box<Warning>,
    },
    /// A field has a value that cannot be.
    #[error("`{field}`: {what}")]
    Field {
        /// Which.
        field: String,
        /// What is wrong, and what is expected.
        what: String,
    },
}

impl DecodeError {
    /// A short stable word, as used in subjects and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::NotCloudEvent(_) => "not_cloudevent",
            Self::Attribute { .. } => "attribute",
            Self::UnknownType(_) => "unknown_type",
            Self::Payload { .. } => "payload",
            Self::UnknownField { .. } => Warning::UNKNOWN_FIELD,
            Self::Field { .. } => "field",
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, DecodeError>;

pub(crate) fn bad<T>(field: &str, what: impl Into<String>) -> Result<T> {
    Err(DecodeError::Field { field: field.to_owned(), what: what.into() })
}

/// What the bytes said.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A fact, or an event of the engine's own.
    Event(Event),
    /// Where a vehicle is, and when it was there (event time).
    Position(Name, Position, Timestamp),
}

/// A decoded message.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Hash of source and id; never 0.
    pub id: u64,
    /// Its number, where its source counts.
    pub numbered: Option<Numbered>,
    /// Hash of the message's bytes.
    pub hash: MessageHash,
    /// Its type.
    pub kind: EventType,
    /// When it happened (zone time), as its producer says.
    pub at: Timestamp,
    /// The envelope. Of a plan its `data` is `null`: a plan is read straight into its type.
    pub envelope: CloudEvent,
    /// What it said.
    pub what: What,
    /// What looks like a mistake: fields that the type does not know, at most 20 of them, and values that hardly anybody
    /// means, at most 20 as well.
    pub warnings: Vec<Warning>,
}

impl Decoded {
    /// The event, if it has no unknown field: what a zone with a strict policy takes.
    ///
    /// # Errors
    ///
    /// The first unknown field.
    pub fn strict(mut self) -> Result<Self> {
        match self.warnings.iter().position(Warning::is_refused_by_strict) {
            None => Ok(self),
            Some(first) => {
                let warning = self.warnings.swap_remove(first);
                Err(DecodeError::UnknownField { kind: self.kind.name(), warning: Box::new(warning) })
            }
        }
    }
}

/// The hash of a message's bytes, as plans are chained by it.
pub fn message_hash(bytes: &[u8]) -> MessageHash {
    let hash = blake3::hash(bytes);
    let mut first = [0; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    MessageHash(u128::from_be_bytes(first))
}

/// Hash of an event's `source` and `id`, by which the fold knows a repeat; never 0, which means an event of the engine. The first
/// eight bytes of BLAKE3 over both: nobody finds a source or an id with the hash of another one by chance or by calculation, as
/// is easy with a hash made for tables.
pub fn id_hash(source: &str, id: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    // Neither has a control character, so that this parts them.
    hasher.update(source.as_bytes()).update(&[0]).update(id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_be_bytes(first).max(1)
}

/// Decodes a message of the `FLEET` or `POSITION` stream. Unknown fields and odd values are told in
/// [`Decoded::warnings`].
///
/// # Errors
///
/// What is wrong, where, and what is expected instead.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    if bytes.len() > PLAN_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len(), most: PLAN_BYTES_MAX });
    }
    let not = |what: String| DecodeError::NotCloudEvent(what);
    // JSON is UTF-8; checking it here means that a message can be recorded as text.
    let text = std::str::from_utf8(bytes).map_err(|error| not(unreadable(bytes, &error)))?;
    if text.trim_ascii_start().starts_with('[') {
        return Err(not("a list; send each event as a message of its own".to_owned()));
    }
    if let Some((envelope, plan)) = plan(text) {
        return decoded(bytes, envelope, |_, _, _| Ok(What::Event(Event::PlanProposed(plan.into_model()?))));
    }
    let envelope: CloudEvent = serde_json::from_str(text).map_err(|error| not(unreadable(bytes, &error)))?;
    decoded(bytes, envelope, what)
}

/// Why bytes are no JSON. What a program sends that writes its texts otherwise is named, because the reader's own words do not.
fn unreadable(bytes: &[u8], error: &dyn std::fmt::Display) -> String {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return format!(
            "it begins with a byte order mark, which JSON does not have: leave its three bytes out ({error})"
        );
    }
    let marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if marked || matches!(bytes, [0, _, ..] | [_, 0, ..]) {
        return format!("it seems to be UTF-16 or UTF-32, and JSON is sent in UTF-8 ({error})");
    }
    error.to_string()
}

/// Reads a plan without making a JSON value of it first, which takes a third of the time: plans are most of the bytes of a log.
/// `None`: it is none, or anything about it is unusual, and the general way decides.
fn plan(text: &str) -> Option<(CloudEvent, PlanV1<'_>)> {
    if !text.contains(PLAN_TYPE) {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let incoming: Incoming<PlanV1<'_>> = known_only::deserialize(&mut reader)?;
    reader.end().ok()?;
    if EventType::named(&incoming.kind) != Some(EventType::PlanProposed) {
        return None;
    }
    incoming.with_data()
}

/// The legal value of an envelope. `what` reads its payload.
fn decoded(
    bytes: &[u8],
    mut envelope: CloudEvent,
    what: impl FnOnce(EventType, &CloudEvent, Timestamp) -> Result<What>,
) -> Result<Decoded> {
    let attribute = |name: &'static str, what: String| Err(DecodeError::Attribute { name, what });
    if envelope.specversion != "1.0" {
        let said: String = envelope.specversion.chars().filter(|c| !c.is_control()).take(20).collect();
        return attribute("specversion", format!("is `{said}`; `1.0` is expected"));
    }
    for (name, text) in [("id", &envelope.id), ("source", &envelope.source), ("type", &envelope.kind)] {
        if text.is_empty() {
            return attribute(name, "is missing or empty".to_owned());
        }
        if text.len() > ATTRIBUTE_BYTES_MAX {
            return attribute(name, format!("has {} bytes; at most {ATTRIBUTE_BYTES_MAX} are taken", text.len()));
        }
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return attribute(name, format!("has the control character U+{:04X}", u32::from(control)));
        }
    }
    let Some(kind) = upcast::current(&envelope.kind) else {
        return Err(DecodeError::UnknownType(envelope.kind.chars().take(80).collect()));
    };
    upcast::lift(&envelope.kind, &mut envelope.data)?;
    if kind != EventType::PlanProposed && bytes.len() > FACT_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len(), most: FACT_BYTES_MAX });
    }
    let Some(time) = envelope.time.as_deref() else { return attribute("time", "is missing".to_owned()) };
    let at = instant("time", time)?;
    let what = what(kind, &envelope, at)?;
    let mut warnings = unknown(kind, &envelope.data);
    warnings.extend(odd(kind, at, &what, &envelope.data));
    let id = id_hash(&envelope.source, &envelope.id);
    // Numbers of one source count for one entity each: what it says of another is no later and no earlier.
    let number = envelope.sequence.as_deref().and_then(|number| number.parse().ok());
    let subject = envelope.subject.as_deref().unwrap_or_default();
    let numbered = number.map(|number| Numbered { writer: id_hash(&envelope.source, subject), number });
    Ok(Decoded { id, numbered, hash: message_hash(bytes), kind, at, envelope, what, warnings })
}

/// Decodes a message as [`decode`] does, and refuses unknown fields.
///
/// # Errors
///
/// What is wrong, where, and what is expected instead.
pub fn decode_strict(bytes: &[u8]) -> Result<Decoded> {
    decode(bytes)?.strict()
}

fn parse<'a, T: Deserialize<'a>>(envelope: &'a CloudEvent) -> Result<T> {
    // To keep the path costs as much as to read: it is kept when there is an error to tell.
    T::deserialize(&envelope.data).or_else(|_| {
        serde_path_to_error::deserialize(&envelope.data)
            .map_err(|error| DecodeError::Payload { kind: envelope.kind.clone(), what: error.to_string() })
    })
}

fn what(kind: EventType, envelope: &CloudEvent, at: Timestamp) -> Result<What> {
    let event = match kind {
        EventType::ZoneOpened => Event::ZoneOpened(read::zone(&parse::<payload::ZoneOpened>(envelope)?)?),
        EventType::OrderCreated => Event::OrderCreated(read::order(&parse::<payload::OrderCreated>(envelope)?, at)?),
        EventType::OrderUpdated => Event::OrderUpdated(read::order_change(&parse::<payload::OrderUpdated>(envelope)?)?),
        EventType::OrderReady => {
            Event::OrderReady { order: read::order_ref(&parse::<payload::OrderReady>(envelope)?)?, at }
        }
        EventType::OrderCancelled => {
            Event::OrderCancelled { order: read::order_ref(&parse::<payload::OrderCancelled>(envelope)?)? }
        }
        EventType::VehicleRegistered => {
            Event::VehicleRegistered(read::vehicle(&parse::<payload::VehicleRegistered>(envelope)?)?)
        }
        EventType::ShiftStarted => {
            let raw: payload::ShiftStarted = parse(envelope)?;
            let (vehicle, position) = read::vehicle_ref(&raw)?;
            Event::ShiftStarted { vehicle, shift: raw.shift.as_ref().map(read::shift).transpose()?, position }
        }
        EventType::ShiftEnded => {
            let raw: payload::ShiftEnded = parse(envelope)?;
            let (vehicle, _) = read::vehicle_ref(&raw)?;
            Event::ShiftEnded { vehicle, at: raw.at_time.map_or(Ok(at), |time| instant("at_time", &time))? }
        }
        EventType::VehicleLost => {
            let (vehicle, position) = read::vehicle_ref(&parse::<payload::VehicleLost>(envelope)?)?;
            Event::VehicleLost { vehicle, position }
        }
        EventType::VehicleBack => {
            let (vehicle, position) = read::vehicle_ref(&parse::<payload::VehicleBack>(envelope)?)?;
            Event::VehicleBack { vehicle, position }
        }
        EventType::Position => {
            let (vehicle, position) = read::vehicle_ref(&parse::<payload::Position>(envelope)?)?;
            let Some(position) = position else { return bad("position", "a position report needs `position`") };
            return Ok(What::Position(vehicle, position, at));
        }
        EventType::RoadClosed => Event::RoadClosed(read::road(&parse::<payload::RoadClosed>(envelope)?, true)?),
        EventType::RoadSlowed => {
            let change = read::road(&parse::<payload::RoadSlowed>(envelope)?, true)?;
            if change.time_percent.is_none() {
                return bad("time_percent", "a slowed road needs the per cent of its normal travel time, such as 150");
            }
            Event::RoadSlowed(change)
        }
        EventType::RoadReopened => Event::RoadReopened(read::road(&parse::<payload::RoadReopened>(envelope)?, false)?),
        EventType::StopDeparted => {
            Event::StopDeparted(read::stop_event(&parse::<payload::StopDeparted>(envelope)?, at)?.0)
        }
        EventType::StopArrived => {
            Event::StopArrived(read::stop_event(&parse::<payload::StopArrived>(envelope)?, at)?.0)
        }
        EventType::StopCompleted => {
            Event::StopCompleted(read::stop_event(&parse::<payload::StopCompleted>(envelope)?, at)?.0)
        }
        EventType::StopFailed => {
            let raw = parse::<payload::StopFailed>(envelope)?;
            let (stop, reason) = read::stop_event(&raw, at)?;
            let retry = optional_instant("retry_at", raw.retry_at.as_ref())?;
            if retry.is_some_and(|retry| retry < stop.at) {
                return bad("retry_at", "is before the failure");
            }
            Event::StopFailed(stop, reason, retry)
        }
        EventType::AssignmentAccepted => {
            let raw: payload::AssignmentAccepted = parse(envelope)?;
            let Some(revision) = raw.revision else { return bad("revision", "say which revision was accepted") };
            Event::AssignmentAccepted { vehicle: name("vehicle_id", &raw.vehicle_id)?, revision }
        }
        EventType::AssignmentRejected => {
            let raw: payload::AssignmentRejected = parse(envelope)?;
            let Some(order) = raw.order_id else { return bad("order_id", "say which order was rejected") };
            Event::AssignmentRejected {
                vehicle: name("vehicle_id", &raw.vehicle_id)?,
                order: name("order_id", &order)?,
            }
        }
        EventType::StopPinned => Event::StopPinned(read::pin(&parse::<payload::StopPinned>(envelope)?)?),
        EventType::StopUnpinned => {
            Event::StopUnpinned { order: read::order_ref(&parse::<payload::StopUnpinned>(envelope)?)? }
        }
        EventType::AssignmentForced => {
            Event::AssignmentForced(read::pin(&parse::<payload::AssignmentForced>(envelope)?)?)
        }
        EventType::PriorityRaised => {
            let raw: payload::PriorityRaised = parse(envelope)?;
            Event::PriorityRaised(PriorityRaised {
                order: name("order_id", &raw.order_id)?,
                priority: priority(raw.priority)?,
            })
        }
        EventType::AttentionNoted => Event::AttentionNoted(read::noted(&parse::<payload::AttentionNoted>(envelope)?)?),
        EventType::PolicyChanged => Event::PolicyChanged(read::policy(&parse::<payload::PolicyChanged>(envelope)?)?),
        EventType::PlanProposed => Event::PlanProposed(parse::<PlanV1<'_>>(envelope)?.into_model()?),
        EventType::FeaturesLearned => {
            Event::FeaturesLearned(read::features(&parse::<payload::FeaturesLearned>(envelope)?)?)
        }
        EventType::VehicleLocated => {
            Event::VehicleLocated(read::located(&parse::<payload::VehicleLocated>(envelope)?)?)
        }
        EventType::BaseWritten => Event::BaseWritten(read::base(parse::<payload::BaseWritten>(envelope)?)?),
        EventType::RepairAsked => Event::RepairAsked(read::repair(parse::<payload::RepairAsked>(envelope)?)?),
        EventType::OrderRetried => Event::OrderRetried(read::retry(&parse::<payload::OrderRetried>(envelope)?, at)?),
        EventType::SlotHeld => {
            let raw = parse::<payload::SlotHeld>(envelope)?;
            let until = instant("until_time", &raw.until_time)?;
            if until <= at {
                return bad("until_time", "is not after `time`: nothing would be kept");
            }
            Event::SlotHeld(SlotHeld { order: read::order(&raw.order, at)?, until })
        }
        EventType::OrderConfirmed => {
            Event::OrderConfirmed { order: read::order_ref(&parse::<payload::OrderConfirmed>(envelope)?)? }
        }
        EventType::BreakStarted => Event::BreakStarted(read::pause(&parse::<payload::BreakStarted>(envelope)?, at)?),
        EventType::BreakEnded => Event::BreakEnded(read::pause(&parse::<payload::BreakEnded>(envelope)?, at)?),
        EventType::ReloadStarted => {
            Event::ReloadStarted(read::reload(&parse::<payload::ReloadStarted>(envelope)?, at)?)
        }
        EventType::ReloadEnded => Event::ReloadEnded(read::reload(&parse::<payload::ReloadEnded>(envelope)?, at)?),
        EventType::HoldEnded => {
            let raw = parse::<payload::HoldEnded>(envelope)?;
            let (order, until) = (name("order_id", &raw.order_id)?, instant("until_time", &raw.until_time)?);
            Event::HoldEnded(HoldEnded { order, until, epoch: raw.epoch })
        }
        EventType::AlertRaised => Event::AlertRaised(parse::<payload::AlertRaised>(envelope)?.into_model()?),
        EventType::AlertCleared => Event::AlertCleared(parse::<payload::AlertCleared>(envelope)?.into_model()?),
        EventType::PersonForgotten => {
            Event::PersonForgotten(read::forgotten(&parse::<payload::PersonForgotten>(envelope)?)?)
        }
        EventType::AlertAcknowledged => {
            Event::AlertAcknowledged(parse::<payload::AlertAcknowledged>(envelope)?.into_model()?)
        }
    };
    Ok(What::Event(event))
}

//! From bytes to legal values.

use fleetfold_model::{
    BaseWritten, Break, Cell, Event, FailReason, Features, Job, Load, LoadDirection, LogSeq, MessageHash, Millis, Name,
    OnBoardRule, Order, OrderChange, OrderWork, Pin, Policy, Position, PriorityRaised, RepairAsked, RoadChange,
    RoadTarget, ServiceFeature, Shift, Shipment, Space, SpeedFeature, SpeedKey, StopEvent, StopKind, StopSpec,
    TimeWindow, Timestamp, Vehicle, VehicleCosts, VehicleLocated, ZoneOpened,
};
use serde::de::DeserializeOwned;

use crate::envelope::CloudEvent;
use crate::event_v1::{
    AssignmentRefV1, BaseV1, BreakV1, CLASSES, FeaturesV1, JobV1, LocatedV1, OrderRefV1, OrderV1, PinV1, PlaceV1,
    PolicyV1, PriorityV1, RepairV1, RoadV1, ServiceV1, ShiftV1, SpeedV1, StopEventV1, StopV1, VehicleRefV1, VehicleV1,
    WindowV1, ZoneV1,
};
use crate::plan_v1::PlanV1;
use crate::{FACT_BYTES_MAX, PLAN_BYTES_MAX};

/// Longest service or set-up: a day. Longer is a mistake of units.
const SPAN_SECONDS_MAX: f64 = 86_400.0;
/// Most time windows of a stop, skills of an order, roads or corners of a change.
const WINDOWS_MAX: usize = 16;
const SKILLS_MAX: usize = 32;
const ROADS_MAX: usize = 2_000;
/// How near to a line is on it: half a wide street.
const LINE_METRES: u32 = 15;

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
    /// An attribute of the envelope is missing or empty.
    #[error("CloudEvents attribute `{0}` is missing, empty or too long")]
    Attribute(&'static str),
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
            Self::Attribute(_) => "attribute",
            Self::UnknownType(_) => "unknown_type",
            Self::Payload { .. } => "payload",
            Self::Field { .. } => "field",
        }
    }
}

type Result<T> = std::result::Result<T, DecodeError>;

fn bad<T>(field: &str, what: impl Into<String>) -> Result<T> {
    Err(DecodeError::Field { field: field.to_owned(), what: what.into() })
}

/// What the bytes said.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A fact, or a plan of ours.
    Event(Event),
    /// Where a vehicle is, when (event time), and the phone's own count if it keeps one.
    Position(Name, Position, Timestamp),
}

/// A decoded message.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Hash of source and id; never 0.
    pub id: u64,
    /// Hash of the message's bytes.
    pub hash: MessageHash,
    /// The envelope.
    pub envelope: CloudEvent,
    /// What it said.
    pub what: What,
}

/// The hash of a message's bytes, as plans are chained by it.
pub fn message_hash(bytes: &[u8]) -> MessageHash {
    let hash = blake3::hash(bytes);
    let mut first = [0; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    MessageHash(u128::from_be_bytes(first))
}

/// Hash of an event's `source` and `id` (first eight bytes would do as well; FNV-1a over both, finished by `SplitMix64`); never 0.
pub fn id_hash(source: &str, id: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in source.bytes().chain([0]).chain(id.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (hash ^ (hash >> 31)).max(1)
}

/// Decodes a message of the `FLEET` or `POSITION` stream.
///
/// # Errors
///
/// What is wrong, where, and what is expected instead.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    if bytes.len() > PLAN_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len(), most: PLAN_BYTES_MAX });
    }
    let envelope: CloudEvent =
        serde_json::from_slice(bytes).map_err(|error| DecodeError::NotCloudEvent(error.to_string()))?;
    if envelope.kind != "fleet.plan.proposed.v1" && bytes.len() > FACT_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len(), most: FACT_BYTES_MAX });
    }
    if envelope.specversion != "1.0" {
        return Err(DecodeError::Attribute("specversion"));
    }
    let sane = |text: &str| !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control);
    for (name, text) in [("id", &envelope.id), ("source", &envelope.source), ("type", &envelope.kind)] {
        if !sane(text) {
            return Err(DecodeError::Attribute(name));
        }
    }
    let Some(time) = envelope.time.as_deref() else { return Err(DecodeError::Attribute("time")) };
    let at = instant("time", time)?;
    let what = payload(&envelope, at)?;
    Ok(Decoded { hash: message_hash(bytes), id: id_hash(&envelope.source, &envelope.id), envelope, what })
}

fn parse<T: DeserializeOwned>(envelope: &CloudEvent) -> Result<T> {
    serde_path_to_error::deserialize(&envelope.data)
        .map_err(|error| DecodeError::Payload { kind: envelope.kind.clone(), what: error.to_string() })
}

fn payload(envelope: &CloudEvent, at: Timestamp) -> Result<What> {
    let event = match envelope.kind.as_str() {
        "fleet.zone.opened.v1" => Event::ZoneOpened(zone(&parse(envelope)?)?),
        "fleet.order.created.v1" => Event::OrderCreated(order(&parse(envelope)?, at)?),
        "fleet.order.updated.v1" => Event::OrderUpdated(order_change(&parse(envelope)?)?),
        "fleet.order.ready.v1" => Event::OrderReady { order: order_ref(envelope)?, at },
        "fleet.order.cancelled.v1" => Event::OrderCancelled { order: order_ref(envelope)? },
        "fleet.vehicle.registered.v1" => Event::VehicleRegistered(vehicle(&parse(envelope)?)?),
        "fleet.shift.started.v1" => {
            let (vehicle, position, raw) = vehicle_ref(envelope)?;
            let shift = raw.shift.as_ref().map(shift).transpose()?;
            Event::ShiftStarted { vehicle, shift, position }
        }
        "fleet.shift.ended.v1" => {
            let (vehicle, _, raw) = vehicle_ref(envelope)?;
            let at = raw.at_time.map_or(Ok(at), |time| instant("at_time", &time))?;
            Event::ShiftEnded { vehicle, at }
        }
        "fleet.vehicle.lost.v1" => {
            let (vehicle, position, _) = vehicle_ref(envelope)?;
            Event::VehicleLost { vehicle, position }
        }
        "fleet.vehicle.back.v1" => {
            let (vehicle, position, _) = vehicle_ref(envelope)?;
            Event::VehicleBack { vehicle, position }
        }
        "fleet.position.v1" => {
            let (vehicle, position, _) = vehicle_ref(envelope)?;
            let Some(position) = position else { return bad("position", "a position report needs `position`") };
            return Ok(What::Position(vehicle, position, at));
        }
        "fleet.road.closed.v1" => Event::RoadClosed(road(&parse(envelope)?, true)?),
        "fleet.road.slowed.v1" => {
            let change = road(&parse(envelope)?, true)?;
            if change.time_percent.is_none() {
                return bad("time_percent", "a slowed road needs the per cent of its normal travel time, such as 150");
            }
            Event::RoadSlowed(change)
        }
        "fleet.road.reopened.v1" => Event::RoadReopened(road(&parse(envelope)?, false)?),
        "fleet.stop.departed.v1" => Event::StopDeparted(stop_event(envelope, at)?.0),
        "fleet.stop.arrived.v1" => Event::StopArrived(stop_event(envelope, at)?.0),
        "fleet.stop.completed.v1" => Event::StopCompleted(stop_event(envelope, at)?.0),
        "fleet.stop.failed.v1" => {
            let (stop, reason) = stop_event(envelope, at)?;
            Event::StopFailed(stop, reason)
        }
        "fleet.assignment.accepted.v1" => {
            let raw: AssignmentRefV1 = parse(envelope)?;
            let Some(revision) = raw.revision else { return bad("revision", "say which revision was accepted") };
            Event::AssignmentAccepted { vehicle: name("vehicle_id", &raw.vehicle_id)?, revision }
        }
        "fleet.assignment.rejected.v1" => {
            let raw: AssignmentRefV1 = parse(envelope)?;
            let Some(order) = raw.order_id else { return bad("order_id", "say which order was rejected") };
            Event::AssignmentRejected {
                vehicle: name("vehicle_id", &raw.vehicle_id)?,
                order: name("order_id", &order)?,
            }
        }
        "fleet.stop.pinned.v1" => Event::StopPinned(pin(envelope)?),
        "fleet.stop.unpinned.v1" => Event::StopUnpinned { order: order_ref(envelope)? },
        "fleet.assignment.forced.v1" => Event::AssignmentForced(pin(envelope)?),
        "fleet.priority.raised.v1" => {
            let raw: PriorityV1 = parse(envelope)?;
            Event::PriorityRaised(PriorityRaised {
                order: name("order_id", &raw.order_id)?,
                priority: priority(raw.priority)?,
            })
        }
        "fleet.features.learned.v1" => Event::FeaturesLearned(features(&parse(envelope)?)?),
        "fleet.vehicle.located.v1" => {
            let raw: LocatedV1 = parse(envelope)?;
            Event::VehicleLocated(VehicleLocated {
                vehicle: name("vehicle_id", &raw.vehicle_id)?,
                position: place("position", &raw.position)?,
                at: instant("at_time", &raw.at_time)?,
                of: LogSeq(raw.of_seq),
                epoch: raw.epoch,
            })
        }
        "fleet.base.written.v1" => {
            let raw: BaseV1 = parse(envelope)?;
            Event::BaseWritten(BaseWritten {
                applied: LogSeq(raw.applied_seq),
                format: raw.format,
                digest: crate::plan_v1::hex("digest", &raw.digest)?,
                object: raw.object,
                hash: raw.hash,
                bytes: raw.size_bytes,
                epoch: raw.epoch,
            })
        }
        "fleet.repair.asked.v1" => {
            let raw: RepairV1 = parse(envelope)?;
            let names = |field: &str, ids: &[String]| ids.iter().map(|id| name(field, id)).collect::<Result<Vec<_>>>();
            Event::RepairAsked(RepairAsked {
                orders: names("order_ids", &raw.order_ids)?,
                vehicles: names("vehicle_ids", &raw.vehicle_ids)?,
                what: raw.what,
                epoch: raw.epoch,
            })
        }
        "fleet.policy.changed.v1" => Event::PolicyChanged(policy(&parse(envelope)?)?),
        "fleet.plan.proposed.v1" => Event::PlanProposed(parse::<PlanV1>(envelope)?.into_model()?),
        other => return Err(DecodeError::UnknownType(other.chars().take(80).collect())),
    };
    Ok(What::Event(event))
}

pub(crate) fn name(field: &str, text: &str) -> Result<Name> {
    Name::new(text).map_or_else(|| bad(field, format!("an id has 1 to {} visible characters", Name::CHARS_MAX)), Ok)
}

pub(crate) fn instant(field: &str, text: &str) -> Result<Timestamp> {
    text.parse::<jiff::Timestamp>().map_or_else(
        |_| bad(field, format!("`{text}` is not an RFC 3339 time such as 2026-06-01T08:30:00Z")),
        |at| Ok(Timestamp(at.as_millisecond())),
    )
}

fn optional_instant(field: &str, text: Option<&String>) -> Result<Option<Timestamp>> {
    text.map(|text| instant(field, text)).transpose()
}

fn seconds(field: &str, seconds: f64) -> Result<Millis> {
    if seconds.is_finite() && (0.0..=SPAN_SECONDS_MAX).contains(&seconds) {
        Ok(Millis((seconds * 1000.0).round() as i64))
    } else {
        bad(field, format!("{seconds} is not between 0 and {SPAN_SECONDS_MAX} seconds"))
    }
}

fn money(field: &str, amount: f64) -> Result<i64> {
    if amount.is_finite() && (0.0..=1e9).contains(&amount) {
        Ok((amount * 1e6).round() as i64)
    } else {
        bad(field, format!("{amount} is not an amount between 0 and a thousand million"))
    }
}

fn priority(priority: u8) -> Result<u8> {
    if priority <= 100 { Ok(priority) } else { bad("priority", format!("{priority} is not between 0 and 100")) }
}

pub(crate) fn place(field: &str, place: &PlaceV1) -> Result<Position> {
    match (place.lon, place.lat, place.x_meters, place.y_meters) {
        (Some(lon), Some(lat), None, None) => {
            if !(lon.is_finite() && lat.is_finite() && lon.abs() <= 180.0 && lat.abs() <= 90.0) {
                return bad(field, format!("lon {lon}, lat {lat} is no place on earth (lon first, both in degrees)"));
            }
            Ok(Position { x: (lon * 1e7).round() as i32, y: (lat * 1e7).round() as i32 })
        }
        (None, None, Some(x), Some(y)) => {
            if !(x.is_finite() && y.is_finite() && x.abs() <= 2e6 && y.abs() <= 2e6) {
                return bad(field, format!("x {x}, y {y} metres: at most 2,000 km from the origin"));
            }
            Ok(Position { x: (x * 1000.0).round() as i32, y: (y * 1000.0).round() as i32 })
        }
        _ => bad(field, "a place is `lon` and `lat` in degrees, or `x_meters` and `y_meters`"),
    }
}

fn load(field: &str, values: &[f64], default: i32) -> Result<Load> {
    let mut load = [default; 4];
    if values.len() > load.len() {
        return bad(field, format!("{} dimensions; at most {}", values.len(), load.len()));
    }
    for (slot, &value) in load.iter_mut().zip(values) {
        if !(value.is_finite() && (0.0..=500_000.0).contains(&value)) {
            return bad(field, format!("{value} is not between 0 and 500,000"));
        }
        *slot = (value * 1000.0).round() as i32;
    }
    Ok(Load(load))
}

fn skills(names: &[String]) -> Result<Vec<Name>> {
    if names.len() > SKILLS_MAX {
        return bad("skills", format!("{} skills; at most {SKILLS_MAX}", names.len()));
    }
    names.iter().map(|skill| name("skills", skill)).collect()
}

fn window(field: &str, raw: &WindowV1) -> Result<TimeWindow> {
    let (opens, closes) = (instant(field, &raw.opens)?, instant(field, &raw.closes)?);
    TimeWindow::new(opens, closes)
        .map_or_else(|| bad(field, format!("the window closes ({}) before it opens ({})", raw.closes, raw.opens)), Ok)
}

fn stop(field: &str, raw: &StopV1) -> Result<StopSpec> {
    if raw.windows.len() > WINDOWS_MAX {
        return bad(field, format!("{} windows; at most {WINDOWS_MAX}", raw.windows.len()));
    }
    let windows: Vec<TimeWindow> = raw
        .windows
        .iter()
        .enumerate()
        .map(|(index, raw)| window(&format!("{field}.windows[{index}]"), raw))
        .collect::<Result<_>>()?;
    if windows.windows(2).any(|pair| pair[0].closes() >= pair[1].opens()) {
        return bad(field, "time windows must be in order and must not touch");
    }
    Ok(StopSpec {
        position: place(field, &raw.place)?,
        windows,
        service: seconds(&format!("{field}.service_seconds"), raw.service_seconds)?,
        setup: seconds(&format!("{field}.setup_seconds"), raw.setup_seconds)?,
    })
}

fn work(raw: &OrderV1) -> Result<Option<OrderWork>> {
    match (&raw.job, &raw.shipment) {
        (Some(JobV1 { stop: raw, direction }), None) => {
            let direction = match direction.as_str() {
                "delivery" => LoadDirection::Delivery,
                "pickup" => LoadDirection::Pickup,
                other => return bad("job.direction", format!("`{other}` is neither `delivery` nor `pickup`")),
            };
            Ok(Some(OrderWork::Job(Job { stop: stop("job.stop", raw)?, direction })))
        }
        (None, Some(shipment)) => Ok(Some(OrderWork::Shipment(Shipment {
            pickup: stop("shipment.pickup", &shipment.pickup)?,
            delivery: stop("shipment.delivery", &shipment.delivery)?,
        }))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => bad("job", "an order is a job or a shipment, not both"),
    }
}

fn order(raw: &OrderV1, at: Timestamp) -> Result<Order> {
    let Some(work) = work(raw)? else { return bad("job", "an order needs a `job` or a `shipment`") };
    Ok(Order {
        name: name("order_id", &raw.order_id)?,
        work,
        load: load("load", raw.load.as_deref().unwrap_or(&[]), 0)?,
        skills: skills(raw.skills.as_deref().unwrap_or(&[]))?,
        priority: priority(raw.priority.unwrap_or(0))?,
        release: optional_instant("release_time", raw.release_time.as_ref())?,
        promised: optional_instant("promised_time", raw.promised_time.as_ref())?,
        placed: optional_instant("placed_time", raw.placed_time.as_ref())?.unwrap_or(at),
    })
}

fn order_change(raw: &OrderV1) -> Result<OrderChange> {
    Ok(OrderChange {
        order: name("order_id", &raw.order_id)?,
        work: work(raw)?,
        load: raw.load.as_ref().map(|values| load("load", values, 0)).transpose()?,
        skills: raw.skills.as_ref().map(|names| skills(names)).transpose()?,
        priority: raw.priority.map(priority).transpose()?,
        release: optional_instant("release_time", raw.release_time.as_ref())?,
        promised: optional_instant("promised_time", raw.promised_time.as_ref())?,
    })
}

fn order_ref(envelope: &CloudEvent) -> Result<Name> {
    name("order_id", &parse::<OrderRefV1>(envelope)?.order_id)
}

fn pin(envelope: &CloudEvent) -> Result<Pin> {
    let raw: PinV1 = parse(envelope)?;
    Ok(Pin { order: name("order_id", &raw.order_id)?, vehicle: name("vehicle_id", &raw.vehicle_id)? })
}

fn shift(raw: &ShiftV1) -> Result<Shift> {
    let (starts, ends) = (instant("shift.starts", &raw.starts)?, instant("shift.ends", &raw.ends)?);
    if ends < starts {
        return bad("shift.ends", "the shift ends before it starts");
    }
    let breaks = raw.breaks.iter().map(|raw: &BreakV1| {
        let period = WindowV1 { opens: raw.opens.clone(), closes: raw.closes.clone() };
        Ok(Break {
            window: window("shift.breaks", &period)?,
            duration: seconds("shift.breaks.duration_seconds", raw.duration_seconds)?,
        })
    });
    Ok(Shift { starts, ends, breaks: breaks.collect::<Result<_>>()? })
}

fn vehicle(raw: &VehicleV1) -> Result<Vehicle> {
    let factor = raw.speed_factor.unwrap_or(1.0);
    if !(factor.is_finite() && (0.1..=5.0).contains(&factor)) {
        return bad("speed_factor", format!("{factor} is not between 0.1 and 5"));
    }
    let costs = raw.costs.map_or(Ok(VehicleCosts::default()), |costs| {
        Ok(VehicleCosts {
            per_hour: money("costs.per_hour", costs.per_hour)?,
            per_km: money("costs.per_km", costs.per_km)?,
            fixed: money("costs.fixed", costs.fixed)?,
        })
    })?;
    Ok(Vehicle {
        name: name("vehicle_id", &raw.vehicle_id)?,
        // A dimension that is not given is not limited.
        capacity: load("capacity", raw.capacity.as_deref().unwrap_or(&[]), i32::MAX / 4)?,
        skills: skills(&raw.skills)?,
        costs,
        time_factor: (1000.0 / factor).round() as u16,
        start: place("start", &raw.start)?,
        end: raw.end.as_ref().map(|end| place("end", end)).transpose()?,
        shift: raw.shift.as_ref().map(shift).transpose()?,
        stops_max: raw.stops_max,
        lifo: raw.lifo,
    })
}

fn vehicle_ref(envelope: &CloudEvent) -> Result<(Name, Option<Position>, VehicleRefV1)> {
    let raw: VehicleRefV1 = parse(envelope)?;
    let position = raw.position.as_ref().map(|position| place("position", position)).transpose()?;
    Ok((name("vehicle_id", &raw.vehicle_id)?, position, raw))
}

fn stop_event(envelope: &CloudEvent, at: Timestamp) -> Result<(StopEvent, FailReason)> {
    let raw: StopEventV1 = parse(envelope)?;
    let stop = match raw.stop.as_str() {
        "pickup" => StopKind::Pickup,
        "delivery" => StopKind::Delivery,
        other => return bad("stop", format!("`{other}` is neither `pickup` nor `delivery`")),
    };
    let reason = match raw.reason.as_deref() {
        Some("no_show") => FailReason::NoShow,
        Some("refused") => FailReason::Refused,
        Some("no_access") => FailReason::NoAccess,
        Some("goods") => FailReason::Goods,
        Some("other") | None => FailReason::Other,
        Some(other) => return bad("reason", format!("`{other}`: use no_show, refused, no_access, goods or other")),
    };
    let event = StopEvent {
        vehicle: name("vehicle_id", &raw.vehicle_id)?,
        order: name("order_id", &raw.order_id)?,
        stop,
        at,
        position: raw.position.as_ref().map(|position| place("position", position)).transpose()?,
    };
    Ok((event, reason))
}

fn road(raw: &RoadV1, needs_target: bool) -> Result<RoadChange> {
    let lists = [raw.roads.len(), raw.edges.len(), raw.area.len(), raw.line.len()];
    if lists.iter().any(|&length| length > ROADS_MAX) {
        return bad("roads", format!("at most {ROADS_MAX} roads, edges or corners"));
    }
    if raw.within_meters.is_some_and(|metres| !(1..=5_000).contains(&metres)) {
        return bad("within_meters", "between 1 and 5,000");
    }
    let places = |field: &str, places: &[PlaceV1]| {
        places.iter().map(|corner| place(field, corner)).collect::<Result<Vec<Position>>>()
    };
    let target = match lists.map(|length| length > 0) {
        [true, false, false, false] => Some(RoadTarget::Roads(raw.roads.clone())),
        [false, true, false, false] => Some(RoadTarget::Edges(raw.edges.clone())),
        [false, false, true, false] => {
            let ring = places("area", &raw.area)?;
            outline("area", &ring, true)?;
            Some(RoadTarget::Area(ring))
        }
        [false, false, false, true] => {
            let line = places("line", &raw.line)?;
            outline("line", &line, false)?;
            Some(RoadTarget::Line { places: line, metres: raw.within_meters.unwrap_or(LINE_METRES) })
        }
        [false, false, false, false] if !needs_target => None,
        [false, false, false, false] => {
            return bad("roads", "say which: `roads` by id, `edges` by number, an `area` or a `line`");
        }
        _ => return bad("roads", "one of `roads`, `edges`, `area` and `line`, not several"),
    };
    if raw.time_percent.is_some_and(|percent| !(1..=10_000).contains(&percent)) {
        return bad("time_percent", "between 1 and 10,000");
    }
    Ok(RoadChange {
        change: name("change_id", &raw.change_id)?,
        target,
        time_percent: raw.time_percent,
        from: optional_instant("from_time", raw.from_time.as_ref())?,
        until: optional_instant("until_time", raw.until_time.as_ref())?,
    })
}

/// A ring that is one, or a line; neither around the world's back.
fn outline(field: &str, corners: &[Position], ring: bool) -> Result<()> {
    let least = if ring { 3 } else { 2 };
    let open = if ring && corners.first() == corners.last() { &corners[1..] } else { corners };
    if open.len() < least {
        return bad(field, format!("at least {least} corners"));
    }
    let around = |pair: (&Position, &Position)| (i64::from(pair.0.x) - i64::from(pair.1.x)).abs() > 1_800_000_000;
    let closing = (&open[open.len() - 1], &open[0]);
    if open.windows(2).any(|pair| around((&pair[0], &pair[1]))) || ring && around(closing) {
        return bad(field, "it crosses the antimeridian: publish one change on either side of it");
    }
    if let Some((first, second)) = ring.then(|| crossing(open)).flatten() {
        return bad(
            field,
            format!(
                "the sides from corner {} and from corner {} cross: give the corners in order around the area",
                first + 1,
                second + 1
            ),
        );
    }
    Ok(())
}

/// Two sides of a ring that cross, by the corners they begin at.
fn crossing(ring: &[Position]) -> Option<(usize, usize)> {
    let away = |a: Position, b: Position| (i128::from(b.x) - i128::from(a.x), i128::from(b.y) - i128::from(a.y));
    let turn = |a: Position, b: Position, c: Position| {
        let (ab, ac) = (away(a, b), away(a, c));
        (ab.0 * ac.1 - ab.1 * ac.0).signum()
    };
    let side = |at: usize| (ring[at], ring[(at + 1) % ring.len()]);
    (0..ring.len()).find_map(|first| {
        let (a, b) = side(first);
        let crosses = |&second: &usize| {
            let (c, d) = side(second);
            turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0
        };
        (first + 1..ring.len()).find(crosses).map(|second| (first, second))
    })
}

fn zone(raw: &ZoneV1) -> Result<ZoneOpened> {
    if jiff::tz::TimeZone::get(&raw.timezone).is_err() {
        return bad("timezone", format!("`{}` is not an IANA time zone such as Europe/Lisbon", raw.timezone));
    }
    let space = match raw.coordinates.as_str() {
        "lonlat" => Space::Geographic,
        "planar" => Space::Planar,
        other => return bad("coordinates", format!("`{other}` is neither `lonlat` nor `planar`")),
    };
    if !(1..=3600).contains(&raw.rate) {
        return bad("rate", "between 1 and 3600 zone seconds per second");
    }
    let day_start = instant("day_start", &raw.day_start)?;
    let offset = jiff::tz::TimeZone::get(&raw.timezone)
        .ok()
        .zip(jiff::Timestamp::from_millisecond(day_start.0).ok())
        .map_or(0, |(zone, at)| zone.to_offset(at).seconds());
    Ok(ZoneOpened {
        timezone: raw.timezone.clone(),
        space,
        day_start,
        utc_offset: Millis(i64::from(offset) * 1000),
        log_start: instant("log_start", &raw.log_start)?,
        rate: raw.rate,
        policy: policy(&raw.policy)?,
    })
}

fn on_board_rule(field: &str, text: Option<&String>, default: OnBoardRule) -> Result<OnBoardRule> {
    match text.map(String::as_str) {
        None => Ok(default),
        Some("return") => Ok(OnBoardRule::Return),
        Some("keep") => Ok(OnBoardRule::Keep),
        Some(other) => bad(field, format!("`{other}` is neither `return` nor `keep`")),
    }
}

pub(crate) fn policy(raw: &PolicyV1) -> Result<Policy> {
    let base = Policy::default();
    let amount = |field: &str, value: Option<f64>, default: i64| value.map_or(Ok(default), |value| money(field, value));
    let span =
        |field: &str, value: Option<f64>, default: Millis| value.map_or(Ok(default), |value| seconds(field, value));
    let rounds = raw.search_rounds.unwrap_or(base.search_rounds);
    if rounds > 10_000 {
        return bad("search_rounds", "at most 10,000");
    }
    let unserved_cost = amount("unserved_cost", raw.unserved_cost, base.unserved_cost)?;
    Ok(Policy {
        unserved_cost: unserved_cost.min(1_000_000_000_000),
        lateness_cost_per_hour: amount(
            "lateness_cost_per_hour",
            raw.lateness_cost_per_hour,
            base.lateness_cost_per_hour,
        )?,
        flow_cost_per_hour: amount("flow_cost_per_hour", raw.flow_cost_per_hour, base.flow_cost_per_hour)?,
        change_cost: amount("change_cost", raw.change_cost, base.change_cost)?,
        publish_gain_min: amount("publish_gain_min", raw.publish_gain_min, base.publish_gain_min)?,
        departure_margin: span("departure_margin_seconds", raw.departure_margin_seconds, base.departure_margin)?,
        on_cancelled_on_board: on_board_rule(
            "on_cancelled_on_board",
            raw.on_cancelled_on_board.as_ref(),
            base.on_cancelled_on_board,
        )?,
        on_failed_delivery: on_board_rule(
            "on_failed_delivery",
            raw.on_failed_delivery.as_ref(),
            base.on_failed_delivery,
        )?,
        deliver_after_shift: raw.deliver_after_shift.unwrap_or(base.deliver_after_shift),
        search_rounds: rounds,
        gather: span("gather_seconds", raw.gather_seconds, base.gather)?,
        learn: raw.learn.unwrap_or(base.learn),
        retire_after: retirement(raw.retire_after_seconds, base.retire_after)?,
        strict: raw.strict.unwrap_or(base.strict),
        hour_percent: hours(raw)?,
    })
}

/// A minute to a year: an order must outlive its own last messages, and a state must end at some time.
fn retirement(seconds: Option<f64>, default: Millis) -> Result<Millis> {
    match seconds {
        None => Ok(default),
        Some(seconds) if (60.0..=31_622_400.0).contains(&seconds) => Ok(Millis((seconds * 1000.0).round() as i64)),
        Some(seconds) => bad("retire_after_seconds", format!("{seconds} is not between 60 seconds and 366 days")),
    }
}

fn class(field: &str, name: &str) -> Result<u8> {
    CLASSES.iter().position(|&known| known == name).map_or_else(
        || bad(field, format!("`{name}` is no class of road: use motorway, arterial or street")),
        |class| Ok(class as u8),
    )
}

fn hours(raw: &PolicyV1) -> Result<[[u16; 24]; 3]> {
    let mut hours = [[100; 24]; 3];
    for (name, percents) in &raw.hour_percent {
        let class = class("hour_percent", name)?;
        let percents: [u16; 24] = match percents.as_slice().try_into() {
            Ok(percents) => percents,
            Err(_) => return bad("hour_percent", format!("`{name}` has {} hours, not 24", percents.len())),
        };
        if percents.iter().any(|percent| !(10..=1_000).contains(percent)) {
            return bad("hour_percent", format!("`{name}`: per cent of travel time between 10 and 1,000"));
        }
        hours[usize::from(class)] = percents;
    }
    Ok(hours)
}

fn features(raw: &FeaturesV1) -> Result<Features> {
    let speed = |speed: &SpeedV1| -> Result<SpeedFeature> {
        if speed.hour > 23 || !(1..=100_000).contains(&speed.permille) {
            return bad("speeds", "an hour from 0 to 23, and 1 to 100,000 thousandths");
        }
        let cell = speed.cell.map(|[x, y]| Cell { x, y });
        Ok(SpeedFeature {
            key: SpeedKey { class: class("speeds", &speed.class)?, cell, hour: speed.hour },
            permille: speed.permille,
            count: speed.count,
            weight: speed.weight_seconds,
            seen: instant("speeds", &speed.seen)?,
        })
    };
    let service = |service: &ServiceV1| -> Result<ServiceFeature> {
        Ok(ServiceFeature {
            place: place("services", &service.place)?,
            service: seconds("services", service.service_seconds)?,
            count: service.count,
            seen: instant("services", &service.seen)?,
        })
    };
    Ok(Features {
        version: raw.version,
        watermark: instant("watermark", &raw.watermark)?,
        speeds: raw.speeds.iter().map(speed).collect::<Result<_>>()?,
        services: raw.services.iter().map(service).collect::<Result<_>>()?,
        epoch: raw.epoch,
    })
}

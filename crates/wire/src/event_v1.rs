//! The payloads of version 1, as their JSON is: these types are the schemas that `fleetfold schema` prints.
//!
//! Units are in the names, times are RFC 3339, loads are in the fleet's own units with three decimals.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::road_ids;

/// The names of the classes of road. The index of a name is the number of its class.
pub(crate) const CLASSES: [&str; 3] = ["motorway", "arterial", "street"];

/// A geographical place: `lon` and `lat` in degrees, or `x_meters` and `y_meters` on a plane, whichever the zone was opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PlaceV1 {
    /// Degrees east, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -180, max = 180))]
    pub(crate) lon: Option<f64>,
    /// Degrees north, WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -90, max = 90))]
    pub(crate) lat: Option<f64>,
    /// Metres to the east.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2_000_000, max = 2_000_000))]
    pub(crate) x_meters: Option<f64>,
    /// Metres to the north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -2_000_000, max = 2_000_000))]
    pub(crate) y_meters: Option<f64>,
}

/// A period in which service may start, both ends included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WindowV1 {
    /// RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub(crate) opens: String,
    /// RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub(crate) closes: String,
}

/// One place to serve once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StopV1 {
    #[serde(flatten)]
    pub(crate) place: PlaceV1,
    /// When service may start, in order, not overlapping; none: any time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub(crate) windows: Vec<WindowV1>,
    /// Time spent serving.
    #[serde(default)]
    #[schemars(range(min = 0, max = 86_400))]
    pub(crate) service_seconds: f64,
    /// Time spent once on arrival (parking, docking).
    #[serde(default)]
    #[schemars(range(min = 0, max = 86_400))]
    pub(crate) setup_seconds: f64,
    /// Where that is, in words for people: it is shown to dispatchers and decides nothing. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), extend("x-personal" = true))]
    pub(crate) address: Option<String>,
}

/// An order with one stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct JobV1 {
    /// The stop.
    pub(crate) stop: StopV1,
    /// `delivery`: on board from the start of the tour; `pickup`: taken on here.
    #[serde(default = "delivery")]
    #[schemars(extend("enum" = ["delivery", "pickup"]))]
    pub(crate) direction: String,
}

fn delivery() -> String {
    "delivery".to_owned()
}

/// Pickup and delivery by the same vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ShipmentV1 {
    /// Where the goods are taken on.
    pub(crate) pickup: StopV1,
    /// Where they are left.
    pub(crate) delivery: StopV1,
}

/// `order.created`, and `order.updated` with only what changed. Exactly one of `job` and `shipment` when created.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OrderV1 {
    /// 1 to 64 visible characters.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<JobV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shipment: Option<ShipmentV1>,
    /// Up to four dimensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4), inner(range(min = 0, max = 500_000)))]
    pub(crate) load: Option<Vec<f64>>,
    /// Skills the vehicle must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)))]
    pub(crate) skills: Option<Vec<String>>,
    /// 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub(crate) priority: Option<u8>,
    /// When the goods will be ready (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) release_time: Option<String>,
    /// Latest start of service the customer was told (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) promised_time: Option<String>,
    /// When the customer asked (RFC 3339); the event's time where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) placed_time: Option<String>,
    /// What the order is called elsewhere (a number of the shop, a name): dispatchers find it by that, and it decides nothing. At most
    /// 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), extend("x-personal" = true))]
    pub(crate) reference: Option<String>,
}

/// `order.ready`, `order.cancelled`, `stop.unpinned`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OrderRefV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: String,
}

/// What a vehicle costs, in the zone's currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CostsV1 {
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(crate) per_hour: f64,
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(crate) per_km: f64,
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(crate) fixed: f64,
}

/// A pause that starts inside the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct BreakV1 {
    #[schemars(extend("format" = "date-time"))]
    pub(crate) opens: String,
    #[schemars(extend("format" = "date-time"))]
    pub(crate) closes: String,
    #[schemars(range(min = 0, max = 86_400))]
    pub(crate) duration_seconds: f64,
}

/// The period a vehicle works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ShiftV1 {
    #[schemars(extend("format" = "date-time"))]
    pub(crate) starts: String,
    #[schemars(extend("format" = "date-time"))]
    pub(crate) ends: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) breaks: Vec<BreakV1>,
}

/// `vehicle.registered`: the vehicle as it is from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct VehicleV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: String,
    /// Up to four dimensions; none: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4), inner(range(min = 0, max = 500_000)))]
    pub(crate) capacity: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)))]
    pub(crate) skills: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) costs: Option<CostsV1>,
    /// 1 is as the network says, 0.8 a fifth slower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 5))]
    pub(crate) speed_factor: Option<f64>,
    /// Where it starts.
    pub(crate) start: PlaceV1,
    /// Where it must end; none: anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<PlaceV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shift: Option<ShiftV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stops_max: Option<u32>,
    /// Unloading is last in, first out.
    #[serde(default)]
    pub(crate) lifo: bool,
    /// How long its driver may drive without a break, and in one shift; none: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driving_time: Option<DrivingTimeV1>,
    /// Where it may be loaded again between two trips; none: what its jobs deliver is always on board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reload: Option<ReloadV1>,
}

/// Depots of a vehicle, and how often it may call at them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ReloadV1 {
    /// The depots.
    #[schemars(length(min = 1, max = 8))]
    pub(crate) places: Vec<DepotV1>,
    /// Most times in one shift; none: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub(crate) max_times: Option<u32>,
}

/// A place where a vehicle may be loaded again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DepotV1 {
    #[serde(flatten)]
    pub(crate) place: PlaceV1,
    /// What people call it: 1 to 64 visible characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub(crate) name: Option<String>,
    /// How long unloading and loading take there.
    #[serde(default)]
    #[schemars(range(min = 0, max = 86_400))]
    pub(crate) service_seconds: f64,
}

/// Driving times of one shift. Values that stand beside a rule replace its own; without a rule, `driving_max_seconds` and
/// `break_seconds` are needed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DrivingTimeV1 {
    /// `eu_561` (Regulation (EC) 561/2006) or `us_hos` (49 CFR § 395.3), within one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["eu_561", "us_hos", null]))]
    pub(crate) rule: Option<String>,
    /// Longest driving without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86_400))]
    pub(crate) driving_max_seconds: Option<f64>,
    /// How long a break is behind which driving is counted anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub(crate) break_seconds: Option<f64>,
    /// A break may be taken in two parts, of which the first takes so long; 0: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub(crate) first_part_seconds: Option<f64>,
    /// Service that takes as long as a break is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service_counts: Option<bool>,
    /// Longest driving in one shift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86_400))]
    pub(crate) shift_driving_max_seconds: Option<f64>,
    /// Longest time from the first departure of a shift to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86_400))]
    pub(crate) duty_max_seconds: Option<f64>,
}

/// `shift.started`, `shift.ended`, `vehicle.lost`, `vehicle.back`, `position`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct VehicleRefV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: String,
    /// Where it is, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<PlaceV1>,
    /// For `shift.started`: another period than registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shift: Option<ShiftV1>,
    /// For `shift.ended`: when; in the future, the shift is shortened to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) at_time: Option<String>,
}

/// `stop.departed` (the drive to it began), `stop.arrived`, `stop.completed`, `stop.failed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StopEventV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: String,
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: String,
    /// `pickup` or `delivery`; a job's stop is its `delivery`.
    #[schemars(extend("enum" = ["pickup", "delivery"]))]
    pub(crate) stop: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<PlaceV1>,
    /// For `stop.failed`: `no_show`, `refused`, `no_access`, `goods`, `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["no_show", "refused", "no_access", "goods", "other", null]))]
    pub(crate) reason: Option<String>,
    /// When a failed stop is tried again (RFC 3339); if not given, somebody has to make a new appointment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) retry_at: Option<String>,
}

/// `assignment.accepted` (with `revision`) and `assignment.rejected` (with `order_id`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AssignmentRefV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: Option<String>,
}

/// `road.closed`, `road.slowed`, `road.reopened`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RoadV1 {
    /// Names the change; a reopening names the closure it ends.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) change_id: String,
    /// Road ids of the network. Ways that an editor has not uploaded yet have negative ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "road_ids")]
    #[schemars(with = "Vec<i64>", length(max = 2_000))]
    pub(crate) roads: Vec<u64>,
    /// Or edges (one direction between two junctions) by their numbers in the graph file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2_000))]
    pub(crate) edges: Vec<u32>,
    /// Or every road that crosses this ring, or lies in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2_000))]
    pub(crate) area: Vec<PlaceV1>,
    /// Or every road that comes within `within_meters` of this line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2_000))]
    pub(crate) line: Vec<PlaceV1>,
    /// For `line`; 15 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5_000))]
    pub(crate) within_meters: Option<u32>,
    /// For `road.slowed`: travel time in per cent of normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) time_percent: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) from_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) until_time: Option<String>,
}

/// `stop.pinned`, `assignment.forced`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PinV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: String,
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: String,
}

/// `priority.raised`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PriorityV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: String,
    #[schemars(range(min = 0, max = 100))]
    pub(crate) priority: u8,
}

/// `order.retried`: an order of which a stop failed is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct OrderRetryV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: String,
    /// Not before (RFC 3339); the time of the event if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) retry_at: Option<String>,
    /// The new time of its last stop; as before if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) window: Option<WindowV1>,
    /// The new promise; as before if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) promised_time: Option<String>,
}

/// `slot.held`: a slot is kept for a customer who thinks it over. The order that he may place, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SlotHeldV1 {
    #[serde(flatten)]
    pub(crate) order: OrderV1,
    /// It is given up then, unless it is confirmed (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub(crate) until_time: String,
}

/// `hold.ended`: nobody took a slot that was kept, written by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct HoldEndedV1 {
    pub(crate) order_id: String,
    /// Until when it was kept (RFC 3339).
    pub(crate) until_time: String,
    pub(crate) epoch: u64,
}

/// `break.started` and `break.ended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct BreakEventV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: String,
    /// How long it is to be; as the shift has it if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub(crate) duration_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<PlaceV1>,
}

/// `reload.started` and `reload.ended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ReloadEventV1 {
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: String,
    /// Where it is; the depot at which it is planned to call next if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<PlaceV1>,
}

/// `attention.noted`. Exactly one of `order_id`, `vehicle_id` and `entry_seq`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NotedV1 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: Option<String>,
    /// An entry of the log, for instance a refused one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry_seq: Option<u64>,
    /// `acknowledged`, `snoozed` or `cleared`.
    #[schemars(extend("enum" = ["acknowledged", "snoozed", "cleared"]))]
    pub(crate) attention: String,
    /// Until when it holds (RFC 3339); none: until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub(crate) until_time: Option<String>,
    /// Who says it, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), extend("x-personal" = true))]
    pub(crate) by: Option<String>,
    /// In words, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), extend("x-personal" = true))]
    pub(crate) words: Option<String>,
}

/// `person.forgotten`. Exactly one of `order_id` and `vehicle_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ForgottenV1 {
    /// The customer of this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub(crate) order_id: Option<String>,
    /// The driver who is known by this vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub(crate) vehicle_id: Option<String>,
}

/// How a zone is dispatched; a field left out takes its default. Costs in the zone's currency. `policy.changed` carries it whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PolicyV1 {
    /// Not serving an order of priority 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unserved_cost: Option<f64>,
    /// An hour of lateness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lateness_cost_per_hour: Option<f64>,
    /// An hour from placement to completion (on-demand work).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_cost_per_hour: Option<f64>,
    /// An hour by which the way to where the next order is expected becomes longer because a vehicle leaves the place where it is free; 0, and if not given: where free vehicles are does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_cost_per_hour: Option<f64>,
    /// Moving a stop a driver was told about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_cost: Option<f64>,
    /// Least gain for which an improvement is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_gain_min: Option<f64>,
    /// How long before the last moment a drive begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub departure_margin_seconds: Option<f64>,
    /// `return` or `keep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_cancelled_on_board: Option<String>,
    /// `return` or `keep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failed_delivery: Option<String>,
    /// Goods on board may be delivered after the shift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_after_shift: Option<bool>,
    /// When a vehicle on its way to a stop may be sent elsewhere first: `never`, `saves_promise` (if not given) or `saves_cost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diversion: Option<String>,
    /// With `saves_cost`: how much cheaper the plan must become.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diversion_gain_min: Option<f64>,
    /// Goods on board together come from one place, and all of them are taken on before the first is left; `false` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_pickup_place: Option<bool>,
    /// A vehicle that has left for a pickup, or has goods of shipments on board, may be given more before it is empty; `true` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_after_departure: Option<bool>,
    /// What happens is answered at multiples of this span of zone time, a day at most; 0, and if not given: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decide_every_seconds: Option<f64>,
    /// When a vehicle arrives it is settled what it does there and where it goes next; what it is given there later needs the set-up time again. `false` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_on_arrival: Option<bool>,
    /// A driver is not given another next stop later than so long before the departure to it, unless that saves a promise, or a cancellation, a breakdown or a dispatcher asks for it; a day at most. 0, and if not given: until he departs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_seconds: Option<f64>,
    /// How often searches may change the route that a driver was told, within an hour of zone time; if not given: as often as it is worth it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_changes_per_hour: Option<u32>,
    /// Whose word fixes a visit: `departed` (if not given): its driver is on his way to it; `accepted`: he has accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<String>,
    /// Search rounds of an improvement; 0: immediate answers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_rounds: Option<u32>,
    /// How long changes are gathered before a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gather_seconds: Option<f64>,
    /// Travel and service times are learned and used; `true` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learn: Option<bool>,
    /// How long after its end an order leaves the engine's state; a day if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retire_after_seconds: Option<f64>,
    /// Events with unknown fields are refused instead of taken with a warning; `false` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// An order that will be served so much after its deadline is an alert; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_late_seconds: Option<f64>,
    /// An order that is on no route so long before its deadline is an alert; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_deadline_seconds: Option<f64>,
    /// A vehicle that should have been heard of and was not for so long is an alert; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_silent_seconds: Option<f64>,
    /// A customer is told another time of arrival when it has moved by so much; 0: customers are told none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_change_seconds: Option<f64>,
    /// Travel time in per cent of what the roads say, for each local hour from 0 to 23, by class of road: `motorway` (bridges
    /// too), `arterial` (straight lines too), `street`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hour_percent: BTreeMap<String, Vec<u16>>,
}

/// `features.learned`: what the engine learned, written by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct FeaturesV1 {
    /// One more than the version it builds on.
    pub(crate) version: u64,
    /// What happened before this event time is in it.
    pub(crate) watermark: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) speeds: Vec<SpeedV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) services: Vec<ServiceV1>,
    /// How far arrivals are from what customers are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) arrivals: Vec<ArrivalEndsV1>,
    /// Epoch of the engine that learned it; absent in logs of version 0.1.
    // Where it is missing, `upcast.rs` puts it in.
    #[schemars(default)]
    pub(crate) epoch: u64,
}

/// How far arrivals are from what customers are told so far ahead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ArrivalEndsV1 {
    /// 0: up to 10 minutes ahead; 1: 30; 2: 60; 3: 120; 4: more.
    pub(crate) lead: u8,
    /// The early end of the interval, in thousandths of a minute and a tenth of the time ahead; negative: before the planned arrival.
    pub(crate) early_permille: i32,
    /// The late end.
    pub(crate) late_permille: i32,
    /// Arrivals that they were learned from.
    pub(crate) arrivals: u32,
}

/// `vehicle.located`: where a vehicle was when a fact needed to know it, written by the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LocatedV1 {
    pub(crate) vehicle_id: String,
    pub(crate) position: PlaceV1,
    /// When it was there (RFC 3339).
    pub(crate) at_time: String,
    /// Log sequence of the fact that needs it.
    pub(crate) of_seq: u64,
    pub(crate) epoch: u64,
}

/// `base.written`: the fleet after an entry was stored, written by the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct BaseV1 {
    /// The last entry folded into it.
    pub(crate) applied_seq: u64,
    /// Format of the fold that made it.
    pub(crate) format: u16,
    /// Digest of the fleet in it, hexadecimal.
    pub(crate) digest: String,
    /// Its name in the object store `BASES`, or in the folder beside an embedded log.
    pub(crate) object: String,
    /// BLAKE3 hash of its bytes, hexadecimal.
    pub(crate) hash: String,
    /// Its size.
    pub(crate) size_bytes: u64,
    pub(crate) epoch: u64,
}

/// `repair.asked`: a promise was found broken; these orders are asked for anew, written by the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RepairV1 {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) order_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) vehicle_ids: Vec<String>,
    /// Which promise was broken, and how.
    pub(crate) what: String,
    pub(crate) epoch: u64,
}

/// A factor of travel time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SpeedV1 {
    /// `motorway`, `arterial` or `street`.
    pub(crate) class: String,
    /// Column and row of a square of 0.02 degrees (2 km on a plane); none: the whole zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cell: Option<[i16; 2]>,
    /// Local hour, 0 to 23.
    pub(crate) hour: u8,
    /// Travel time in thousandths of what roads and hours say.
    pub(crate) permille: u32,
    /// Drives it was learned from.
    pub(crate) count: u32,
    /// Driving behind it, older less.
    pub(crate) weight_seconds: u32,
    /// Event time of the newest.
    pub(crate) seen: String,
}

/// How long serving takes at a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ServiceV1 {
    #[serde(flatten)]
    pub(crate) place: PlaceV1,
    /// Mean time from the beginning of service to its end.
    pub(crate) service_seconds: f64,
    /// Services it was learned from.
    pub(crate) count: u32,
    /// Event time of the newest.
    pub(crate) seen: String,
}

/// `zone.opened`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ZoneV1 {
    /// IANA name.
    pub(crate) timezone: String,
    /// `lonlat` or `planar`.
    #[serde(default = "lonlat")]
    #[schemars(extend("enum" = ["lonlat", "planar"]))]
    pub(crate) coordinates: String,
    /// Zone time at `log_start` (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub(crate) day_start: String,
    /// Log time at which zone time was `day_start` (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub(crate) log_start: String,
    /// Zone seconds per log second.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 3_600))]
    pub(crate) rate: u32,
    #[serde(default)]
    pub(crate) policy: PolicyV1,
}

fn lonlat() -> String {
    "lonlat".to_owned()
}

fn one() -> u32 {
    1
}

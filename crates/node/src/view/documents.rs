//! The documents of HTTP and of the live feed, as types: what is written here is what a browser reads (`assets/feed.js`).
//!
//! No type of another room is in them, so that a renamed field of the fleet renames no field of a document. Times are
//! milliseconds of Unix time, in zone time, places are longitude and latitude.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use fleetfold_wire::Warning;
use schemars::JsonSchema;
use serde::Serialize;

use crate::times::UnixMillis;
use crate::warnings::Warned;

/// Longitude and latitude, degrees.
pub(crate) type LonLat = [f64; 2];

/// The first message of the live feed. The others are put together in `kept.rs`: `snapshot` (the whole picture; `seq` is the
/// number of the last delta in it), `delta` (what changed since the delta `prev`) and `resync` (the screen was too slow, a
/// snapshot follows). Their `sent_at` is the wall clock.
#[derive(JsonSchema, Serialize)]
#[serde(tag = "type", rename = "hello")]
pub(crate) struct Hello<'a> {
    /// Which start of the engine this is, so that a browser can ask for what it missed. Its name in the feed is older than the
    /// owner's epoch, with which it has nothing to do.
    #[serde(rename = "epoch")]
    pub(crate) start: u64,
    pub(crate) server: &'static str,
    pub(crate) zone: &'a str,
}

/// The sign of life of an engine in the live feed, once a second: whether it answers, and how fresh what it shows is.
#[derive(JsonSchema, Serialize)]
#[serde(tag = "type", rename = "pulse")]
pub(crate) struct Pulse {
    /// Zone time.
    #[schemars(with = "UnixMillis")]
    pub(crate) now: i64,
    /// Why no event is answered now; none: events are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
    /// The epoch in which this engine owns the zone; none: it follows another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<u64>,
    /// Level of overload, 0 to 4, and what it means.
    pub(crate) overload: u8,
    pub(crate) overload_words: &'static str,
    /// The last entry that was folded, and how long ago it came, seconds.
    pub(crate) applied: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry_age_seconds: Option<i64>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Zone<'a> {
    pub(crate) timezone: &'a str,
    /// Zone seconds per log second.
    pub(crate) rate: u32,
}

/// The first half of a vehicle in a picture: what a report of its position changes.
#[derive(JsonSchema, Serialize)]
pub(crate) struct VehicleHead<'a> {
    pub(crate) id: &'a str,
    pub(crate) status: &'static str,
    pub(crate) at: Option<LonLat>,
    /// When it was there.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) seen: Option<i64>,
}

/// The second half of a vehicle in a picture: what a plan changes.
#[derive(JsonSchema, Serialize)]
pub(crate) struct VehicleRoute<'a> {
    /// The entry that last changed its route.
    pub(crate) revision: u64,
    pub(crate) visits: Vec<Visit<'a>>,
    /// The way on the streets, one line for each leg, as it was when the vehicle's route, its state or its way last changed: the
    /// first one begins where the vehicle was then.
    pub(crate) lines: Vec<Vec<LonLat>>,
    /// How many orders.
    pub(crate) on_board: usize,
    pub(crate) stops_done: u32,
    /// The first way in which its driver breaks the rule of driving times, or will on his route as it is planned and on his way home, as of the
    /// last full minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hours: Option<DrivingViolation>,
}

/// `/v1/vehicles/{id}`.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Vehicle<'a> {
    #[serde(flatten)]
    pub(crate) head: VehicleHead<'a>,
    #[serde(flatten)]
    pub(crate) route: VehicleRoute<'a>,
    #[serde(flatten)]
    pub(crate) detail: Option<VehicleDetail<'a>>,
}

/// A vehicle of which nothing but the position changed: id, longitude, latitude, when.
pub(crate) type Moved<'a> = (&'a str, f64, f64, i64);

/// What only `/v1/vehicles/{id}` shows of a registered vehicle.
#[derive(JsonSchema, Serialize)]
pub(crate) struct VehicleDetail<'a> {
    pub(crate) capacity: Vec<f64>,
    pub(crate) skills: Vec<&'a str>,
    /// Its start and its end.
    #[schemars(with = "Option<[UnixMillis; 2]>")]
    pub(crate) shift: Option<[i64; 2]>,
    /// The break that its driver takes, or its next one as planned.
    #[serde(rename = "break", skip_serializing_if = "Option::is_none")]
    pub(crate) pause: Option<PlannedBreak>,
    /// The last revision that its driver accepted.
    pub(crate) accepted_revision: u64,
    pub(crate) breaks: Vec<Pause>,
    pub(crate) breaks_taken: u32,
    /// What its driver has driven, where the vehicle has a rule of driving times and he is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) driving_time: Option<DrivingTimeSeen>,
    /// Where it may be loaded again between two trips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reload: Option<Reloading<'a>>,
    /// What it has served, oldest first.
    pub(crate) done: Vec<DoneStop<'a>>,
    /// The breaks that its driver took and the calls at depots that he made, as far as they are over, oldest first: the last 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rests: Vec<RestTaken>,
}

/// What a driver has driven in his shift, and what of it a rule allows.
#[derive(JsonSchema, Serialize)]
pub(crate) struct DrivingTimeSeen {
    /// Driving since his last break.
    pub(crate) since_break_seconds: i64,
    /// What he may still drive before a break, or before another limit of the rule is reached.
    pub(crate) left_seconds: i64,
    /// Driving in this shift.
    pub(crate) in_shift_seconds: i64,
    /// His first departure of this shift.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) began: Option<i64>,
    /// How he breaks the rule, or will on his route as it is planned and on his way home. Empty: he keeps it.
    pub(crate) violations: Vec<DrivingViolation>,
}

/// A limit of a rule of driving times that is passed.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Serialize)]
pub(crate) struct DrivingViolation {
    /// `driving` (without a break), `shift_driving` (in the shift), `duty` (since the first departure of the shift), or `break` (one is
    /// missing).
    pub(crate) what: &'static str,
    /// By how much; of a break, how long it would have to be.
    pub(crate) by_seconds: i64,
    /// It will be passed on its route as planned, or on the way home; false: it is passed already.
    pub(crate) planned: bool,
}

/// A break of a driver.
#[derive(JsonSchema, Serialize)]
pub(crate) struct PlannedBreak {
    /// `taken`: he takes it; `planned`: it is the next one, of his shift or for the sake of driving times.
    pub(crate) status: &'static str,
    /// When it begins: before a stop as planned, or, while the vehicle has none, as soon as its window opens.
    #[schemars(with = "UnixMillis")]
    pub(crate) starts: i64,
    #[schemars(with = "UnixMillis")]
    pub(crate) ends: i64,
}

/// What a driver did between two stops.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct RestTaken {
    /// `break`, or `depot`: a call there.
    pub(crate) what: &'static str,
    #[schemars(with = "UnixMillis")]
    pub(crate) starts: i64,
    #[schemars(with = "UnixMillis")]
    pub(crate) ends: i64,
}

/// A break on a route, as planned.
#[derive(JsonSchema, Serialize)]
pub(crate) struct PlannedRest {
    #[schemars(with = "UnixMillis")]
    pub(crate) starts: i64,
    #[schemars(with = "UnixMillis")]
    pub(crate) ends: i64,
}

/// A call at a depot between two stops, as planned.
#[derive(JsonSchema, Serialize)]
pub(crate) struct DepotCall<'a> {
    /// What the depot is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    pub(crate) at: LonLat,
    /// `None` where no road leads there now, and behind that.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) arrival: Option<i64>,
    /// Everything is loaded, and the vehicle leaves for the stop.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) departure: Option<i64>,
}

/// A place where a vehicle may be loaded again.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Depot<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    pub(crate) at: LonLat,
    /// How long unloading and loading take there.
    pub(crate) service_seconds: i64,
}

/// What a vehicle is loaded at its depots.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Reloading<'a> {
    /// Where it may be loaded.
    pub(crate) depots: Vec<Depot<'a>>,
    /// How often it was in this shift.
    pub(crate) times: u32,
    /// How often it may be in one shift; `null`: any number.
    pub(crate) max_times: Option<u32>,
    /// It is at a depot since then, and being loaded; `null`: it is not.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) since: Option<i64>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Visit<'a> {
    pub(crate) order: &'a str,
    pub(crate) stop: &'static str,
    /// Goods are taken on at it: it is the pickup of a shipment, or a job to be collected, whose only stop events call `delivery`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) collects: bool,
    pub(crate) at: LonLat,
    /// `None` where no road leads there now, and behind that.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) arrival: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) start: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) departure: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unreachable: bool,
    #[schemars(with = "UnixMillis")]
    pub(crate) depart_at: i64,
    /// The breaks before the drive here and on the way, in all, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) break_seconds: Option<i64>,
    /// Each of these breaks, in the order of time. One for the sake of driving times lies where the driving time runs out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) breaks: Vec<PlannedRest>,
    /// A new trip begins with it: the vehicle calls at this depot on the way here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reload: Option<DepotCall<'a>>,
    pub(crate) frozen: bool,
    pub(crate) late: bool,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) due: Option<i64>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Order<'a> {
    pub(crate) id: &'a str,
    /// What it is called elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<&'a str>,
    pub(crate) status: &'static str,
    /// Why it is unassigned, in words.
    pub(crate) reason: Option<Cow<'static, str>>,
    pub(crate) vehicle: Option<&'a str>,
    pub(crate) pickup: Option<LonLat>,
    pub(crate) delivery: Option<LonLat>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) due: Option<i64>,
    /// When it was ordered.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) placed: Option<i64>,
    /// When its delivery was done.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) done: Option<i64>,
    /// When its goods were taken on.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) picked: Option<i64>,
    /// How often it was given to another vehicle.
    pub(crate) changes: u32,
    pub(crate) priority: Option<u8>,
    /// A slot that is kept until then for a customer who has not taken it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) held_until: Option<i64>,
    /// The vehicle that an operator pinned it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pinned: Option<&'a str>,
    /// When service begins at its last stop, as planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) start: Option<i64>,
    /// When it was to begin as the first plan said that had a place for it since its customer last changed what he asks for, where that
    /// differs by a minute or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) first_start: Option<i64>,
    /// By how many seconds, in whole minutes, a stop of it begins late in the plan, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) late_seconds: Option<i64>,
    /// What was promised of that stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) late_due: Option<i64>,
}

/// A vehicle or an order by itself: what the picture shows of it, and its story.
#[derive(Serialize)]
pub(crate) struct WithStory<'a, T> {
    #[serde(flatten)]
    pub(crate) shown: T,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<OrderDetail<'a>>,
    /// When the vehicle of an order is at its last stop, as planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arrival: Option<i64>,
    pub(crate) story: Vec<&'a Told>,
}

/// What only `/v1/orders/{id}` shows of an order.
#[derive(JsonSchema, Serialize)]
pub(crate) struct OrderDetail<'a> {
    pub(crate) stops: Vec<OrderStop>,
    pub(crate) load: Vec<f64>,
    pub(crate) skills: Vec<&'a str>,
    /// An operator forced it onto the vehicle that it is pinned to.
    pub(crate) forced: bool,
    /// The rules that it breaks there for that, each with by how much, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breaks: Option<String>,
    /// The vehicle that its goods are on.
    pub(crate) on_board: Option<&'a str>,
    /// Drivers who would not take it.
    pub(crate) rejected_by: Vec<&'a str>,
    /// The entry that created it.
    pub(crate) created: u64,
}

/// A stop of an order: as it was asked for, as it is planned, and how far it has come.
#[derive(JsonSchema, Serialize)]
pub(crate) struct OrderStop {
    pub(crate) stop: &'static str,
    /// Goods are taken on at it: it is the pickup of a shipment, or a job to be collected, whose only stop events call `delivery`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) collects: bool,
    pub(crate) at: LonLat,
    /// As its producer says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    /// The street that serves it, and the metres to it; none where no street does, or the zone has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) street: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) street_meters: Option<i64>,
    #[schemars(with = "Vec<[UnixMillis; 2]>")]
    pub(crate) windows: Vec<[i64; 2]>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) release: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) due: Option<i64>,
    pub(crate) service_seconds: i64,
    pub(crate) setup_seconds: i64,
    /// As planned; once it is done, as the last plan said.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) arrival: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) start: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) departed: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) arrived: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) completed: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) failed: Option<i64>,
    /// By how many seconds it begins, or was done, later than promised.
    pub(crate) late_seconds: i64,
}

/// A stop that a vehicle has served in the last day.
#[derive(JsonSchema, Serialize)]
pub(crate) struct DoneStop<'a> {
    pub(crate) order: &'a str,
    pub(crate) stop: &'static str,
    /// Goods are taken on at it: it is the pickup of a shipment, or a job to be collected, whose only stop events call `delivery`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) collects: bool,
    pub(crate) at: LonLat,
    /// When service was to begin, as the last plan said; none: nobody remembers.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) planned: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) due: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) departed: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) arrived: Option<i64>,
    #[schemars(with = "UnixMillis")]
    pub(crate) done: i64,
    pub(crate) failed: bool,
}

/// A pause of a shift.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Pause {
    #[schemars(with = "UnixMillis")]
    pub(crate) opens: i64,
    #[schemars(with = "UnixMillis")]
    pub(crate) closes: i64,
    pub(crate) seconds: i64,
}

/// One line of a story.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub(crate) struct Told {
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    /// The entry of the log that it is of.
    pub(crate) seq: u64,
    pub(crate) words: Arc<str>,
    /// Lines between the one before and this one that are not kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) left_out: u32,
    /// The number of the plan, for a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<u64>,
    /// The facts that a decision answers.
    #[serde(skip_serializing_if = "says_nothing")]
    pub(crate) because: Reasons,
    /// It is what a dispatcher wrote.
    #[serde(skip)]
    pub(crate) is_note: bool,
}

impl Told {
    pub(crate) fn new(words: impl Into<Arc<str>>) -> Self {
        Self { words: words.into(), ..Self::default() }
    }
}

/// The facts that a decision answers. The decision, and the stories of its order and of its vehicles, share them.
pub(crate) type Reasons = Arc<[Arc<Because>]>;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(lines: &u32) -> bool {
    *lines == 0
}

fn says_nothing(reasons: &Reasons) -> bool {
    reasons.is_empty()
}

/// A fact that made an engine decide.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub(crate) struct Because {
    pub(crate) seq: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    pub(crate) words: String,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vehicle: Option<String>,
}

/// What came of one event that was posted with `?wait=answer`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Answered {
    pub(crate) seq: u64,
    /// `answered`, `refused`, `taken` (there was nothing to decide) or `waiting`.
    pub(crate) state: &'static str,
    /// The number of the plan that answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<u64>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    pub(crate) decisions: Vec<Decision>,
    /// Of a change of the roads: the vehicles whose ways it touches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) touches: Vec<Touched>,
}

/// A vehicle whose way a change of the roads touches.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Touched {
    pub(crate) vehicle: String,
    /// The orders on its route when the change was told.
    pub(crate) orders: Vec<String>,
}

/// An order that the engine does not hold any more, as the log tells of it.
#[derive(JsonSchema, Serialize)]
pub(crate) struct RetiredOrder<'a> {
    pub(crate) id: &'a str,
    pub(crate) status: &'static str,
    /// Always true.
    pub(crate) retired: bool,
    /// What it was called elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    /// Who came to it last.
    pub(crate) vehicle: Option<String>,
    /// When it was ordered.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) placed: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) due: Option<i64>,
    /// When its delivery was done.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) done: Option<i64>,
    /// By how many seconds, in whole minutes, a stop of it began later than promised, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) late_seconds: Option<i64>,
    /// As they were asked for, as the last plans that named them said, and as they came.
    pub(crate) stops: Vec<OrderStop>,
    pub(crate) story: Vec<Logged>,
}

/// One entry of the log in the story of a retired order. `at` is log time.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Logged {
    pub(crate) seq: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) words: String,
    /// The number of the plan, for a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<u64>,
    /// The facts that a decision answers, of the last decisions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) because: Vec<Because>,
}

/// Key figures. Times of answers are milliseconds of log time.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Kpi {
    #[schemars(with = "UnixMillis")]
    pub(crate) now: i64,
    pub(crate) open: usize,
    pub(crate) unassigned: usize,
    /// Visits that will be late.
    pub(crate) late: u32,
    pub(crate) served: u64,
    pub(crate) orders: u64,
    pub(crate) on_time: f64,
    pub(crate) p50: i64,
    pub(crate) p99: i64,
    pub(crate) max: i64,
    pub(crate) answers: u64,
    /// Entries a second.
    pub(crate) events: f64,
    pub(crate) changes_per_hour: f64,
    pub(crate) searching: bool,
    /// Its epoch, if this engine owns the zone.
    pub(crate) owner: Option<u64>,
    /// Level of overload, 0 to 4.
    pub(crate) overload: u8,
    /// A vehicle at work that was not heard of for so long is silent, as the policy says; 0: none is.
    pub(crate) silent_seconds: i64,
}

/// An alert that stands.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Alert<'a> {
    #[serde(rename = "alert")]
    /// What is wrong: `predicted_late`, `unassigned`, `silent`, `sla_burn`, `log_lag`, `degraded` or `clock_skew`.
    pub(crate) kind: &'static str,
    /// The order that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<&'a str>,
    /// The vehicle that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vehicle: Option<&'a str>,
    #[schemars(with = "UnixMillis")]
    pub(crate) since: i64,
    /// How late, how long silent: by kind, when it was raised.
    pub(crate) seconds: i64,
    pub(crate) detail: &'a str,
    /// Somebody has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledged: Option<Acknowledged<'a>>,
}

/// Who has seen an alert, and when.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Acknowledged<'a> {
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    pub(crate) by: Option<&'a str>,
    /// It is put off until then, and is to be shown again.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) until: Option<i64>,
}

/// A road that is closed or slowed.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Road<'a> {
    pub(crate) id: &'a str,
    pub(crate) closed: bool,
    /// The streets that it is about, by name: some of them where they are many.
    pub(crate) names: Vec<String>,
    /// When it ends by itself.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) until: Option<i64>,
    pub(crate) lines: Vec<Vec<LonLat>>,
    pub(crate) area: Vec<LonLat>,
    /// The `data` of the event that began it: under another `change_id` it begins again.
    pub(crate) change: serde_json::Value,
}

/// A street of the map: from longitude and latitude to longitude and latitude, class, name, road.
pub(crate) type StreetRow = (f64, f64, f64, f64, u8, String, i64);

/// One choice of an accepted plan.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Decision {
    /// They are numbered by their entries in the log: a later one has a higher number, also after a restart.
    pub(crate) n: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    /// Number of the plan.
    pub(crate) rev: u64,
    pub(crate) order: String,
    pub(crate) vehicle: Option<String>,
    /// The vehicle that had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<String>,
    /// `answer` to facts, `improvement` by a search, or `watch`: no fact; a promise was about to break, or times had moved.
    pub(crate) kind: &'static str,
    pub(crate) words: Arc<str>,
    /// The facts that it answers; the first of them.
    #[serde(skip_serializing_if = "says_nothing")]
    pub(crate) because: Reasons,
}

/// A message that was rejected, or a fact that was refused.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Refusal {
    pub(crate) seq: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    pub(crate) reason: String,
    pub(crate) detail: String,
    /// Who wrote the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// Its id in its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The order, vehicle or change of roads that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entity: Option<String>,
}

/// What dispatchers say of something that needs attention.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct NotedLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vehicle: Option<String>,
    /// An entry of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u64>,
    /// `acknowledged` or `snoozed`.
    pub(crate) attention: &'static str,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    /// The entry that says so.
    pub(crate) seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) until: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) words: Option<String>,
}

/// `/v1/decisions`.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Decisions<'a> {
    pub(crate) decisions: Vec<&'a Decision>,
    pub(crate) refused: Vec<&'a Refusal>,
}

/// `/v1/features`: what was learned.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Learned {
    pub(crate) version: u64,
    /// The policy wants it to be used.
    pub(crate) on: bool,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) watermark: Option<i64>,
    /// Observations that came behind the watermark.
    pub(crate) late: u64,
    pub(crate) speeds: Vec<LearnedSpeed>,
    pub(crate) services: Vec<LearnedService>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct LearnedSpeed {
    pub(crate) class: &'static str,
    pub(crate) cell: Option<[i16; 2]>,
    pub(crate) hour: u8,
    /// Factor on the travel time of the map.
    pub(crate) travel_time: f64,
    pub(crate) count: u32,
    pub(crate) weight_seconds: u32,
    pub(crate) age_seconds: i64,
    /// Enough was seen, and learning is on.
    pub(crate) used: bool,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct LearnedService {
    pub(crate) place: LonLat,
    pub(crate) service_seconds: f64,
    pub(crate) count: u32,
    pub(crate) age_seconds: i64,
    /// Enough was seen, and learning is on.
    pub(crate) used: bool,
}

/// `/v1/warnings`.
#[derive(JsonSchema, Serialize)]
pub(crate) struct WarningList {
    pub(crate) warnings: Vec<Warned>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Position reports that were passed over since this engine started: no vehicle comes so far so fast, or a receiver had no fix.
    pub(crate) positions_passed_over: u64,
}

/// The answer of `POST /v1/events`.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Submitted {
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: Vec<RejectedLine>,
    pub(crate) last_seq: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<WarnedLine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) roads: Vec<RoadsLine>,
    /// With `?wait=answer`: what came of each fact, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) answers: Vec<Answered>,
}

/// A line that changes roads, and how many streets that are.
#[derive(JsonSchema, Serialize)]
pub(crate) struct RoadsLine {
    pub(crate) line: usize,
    pub(crate) streets: usize,
}

/// A line that is no legal event. Lines are counted from 1.
#[derive(JsonSchema, Serialize)]
pub(crate) struct RejectedLine {
    pub(crate) line: usize,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
}

/// A line with something that looks like a mistake.
#[derive(JsonSchema, Serialize)]
pub(crate) struct WarnedLine {
    pub(crate) line: usize,
    /// What kind of warning, as a short stable word.
    pub(crate) code: &'static str,
    pub(crate) field: String,
    /// The field that was probably meant.
    pub(crate) hint: Option<String>,
    /// What is odd about the value, and what is done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl WarnedLine {
    /// A warning about a line; lines are counted from 1.
    pub(crate) fn new(line: usize, warning: Warning) -> Self {
        let Warning { code, field, hint, detail, about: _, since: _ } = warning;
        Self { line, code, field, hint, detail }
    }
}

/// An error, as RFC 9457 has it.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Problem<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) status: u16,
    /// A short stable word: see docs/HTTP.md.
    pub(crate) code: &'a str,
    pub(crate) title: &'a str,
    pub(crate) detail: &'a str,
}

/// `/v1/state`, for the document of the routes: it is put together from fragments (`kept.rs`).
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct State<'a> {
    zone: Zone<'a>,
    vehicles: Vec<ShownVehicle<'a>>,
    /// The open ones.
    orders: Vec<Order<'a>>,
    roads: Vec<Road<'a>>,
    alerts: Vec<Alert<'a>>,
    kpi: Kpi,
    decisions: Vec<Decision>,
    refused: Vec<Refusal>,
    noted: Vec<NotedLine>,
    /// Orders of which a stop failed.
    failed: Vec<Order<'a>>,
    /// The last entry that was folded.
    applied: u64,
    /// Digest of the fold.
    digest: String,
}

/// A vehicle in a picture.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ShownVehicle<'a> {
    #[schemars(flatten)]
    head: VehicleHead<'a>,
    #[schemars(flatten)]
    route: VehicleRoute<'a>,
}

/// `/v1/vehicles/{id}` with its story.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct VehicleStory<'a> {
    #[schemars(flatten)]
    vehicle: Vehicle<'a>,
    story: Vec<Told>,
}

/// `/v1/orders/{id}` with its story.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct OrderStory<'a> {
    #[schemars(flatten)]
    order: Order<'a>,
    #[schemars(flatten)]
    detail: Option<OrderDetail<'a>>,
    /// When its vehicle is at its last stop, as planned.
    #[schemars(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<UnixMillis>")]
    arrival: Option<i64>,
    story: Vec<Told>,
}

/// A page of one part of the state: the part by its name, and where the next page begins.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct PageOf<'a> {
    part: &'a str,
    #[schemars(skip_serializing_if = "Option::is_none")]
    vehicles: Option<Vec<ShownVehicle<'a>>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    orders: Option<Vec<Order<'a>>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    roads: Option<Vec<Road<'a>>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    alerts: Option<Vec<Alert<'a>>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    kpi: Option<Kpi>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    decisions: Option<Vec<Decision>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    refused: Option<Vec<Refusal>>,
    /// `after` of the next page, a name or a number; null at the end.
    next: serde_json::Value,
    applied: u64,
}

/// `/v1/picture`, the first message of the feed.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Snapshot<'a> {
    /// Always `snapshot`.
    #[schemars(rename = "type")]
    kind: &'a str,
    /// Which start of the engine this is.
    epoch: u64,
    /// The number of the last delta in it.
    seq: u64,
    /// Wall clock.
    #[schemars(with = "UnixMillis")]
    sent_at: i64,
    body: State<'a>,
}

/// What changed since the delta before it, a message of the feed.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Delta<'a> {
    /// Always `delta`.
    #[schemars(rename = "type")]
    kind: &'a str,
    /// The number of the delta before it.
    prev: u64,
    seq: u64,
    /// Wall clock.
    #[schemars(with = "UnixMillis")]
    sent_at: i64,
    body: Changes<'a>,
}

/// What a delta tells.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Changes<'a> {
    vehicles: Vec<ShownVehicle<'a>>,
    orders: Vec<Order<'a>>,
    /// Vehicles of which nothing but the position changed.
    #[schemars(with = "Vec<(&'a str, f64, f64, UnixMillis)>")]
    moved: Vec<Moved<'a>>,
    decisions: Vec<Decision>,
    refused: Vec<Refusal>,
    kpi: Kpi,
    /// All of them, if one changed.
    #[schemars(skip_serializing_if = "Option::is_none")]
    roads: Option<Vec<Road<'a>>>,
    /// All of them, if one changed.
    #[schemars(skip_serializing_if = "Option::is_none")]
    alerts: Option<Vec<Alert<'a>>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    noted: Option<Vec<NotedLine>>,
}

/// The text of a document.
pub(crate) fn text(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("view types are plain JSON")
}

//! Documents of reasons, trials and quotes. Money is in the zone's currency, a span in seconds, an instant in milliseconds of Unix time
//! (zone time where nothing else is said).

use std::collections::BTreeMap;

use fleetfold_engine::reasons::{DrivingLimit, Lack, Miss, Offer as EngineOffer, Parts, Possible};
use fleetfold_fleet::Fleet;
use fleetfold_model::{Cost as Money, Millis, Name, StopKind, Timestamp, VehicleId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::times::UnixMillis;

/// A cost in parts. Prices add up to `total`; waiting and overtime have no price.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub(crate) struct Cost {
    pub(crate) total: f64,
    pub(crate) drive: f64,
    pub(crate) late: f64,
    pub(crate) change: f64,
    pub(crate) fixed: f64,
    /// Of leaving the place where the vehicle is free, where the policy has a price for that.
    pub(crate) coverage: f64,
    pub(crate) flow: f64,
    pub(crate) drive_seconds: f64,
    pub(crate) drive_meters: i64,
    pub(crate) wait_seconds: f64,
    pub(crate) late_seconds: f64,
    pub(crate) overtime_seconds: f64,
}

/// Units of the currency.
pub(crate) fn money(cost: Money) -> f64 {
    cost.0 as f64 / 1e6
}

pub(crate) fn seconds(span: Millis) -> f64 {
    span.0 as f64 / 1e3
}

impl Cost {
    pub(crate) fn of(parts: &Parts) -> Self {
        Self {
            total: money(parts.total()),
            drive: money(parts.drive),
            late: money(parts.late),
            change: money(parts.change),
            fixed: money(parts.fixed),
            coverage: money(parts.coverage),
            flow: money(parts.flow),
            drive_seconds: seconds(parts.driving),
            drive_meters: parts.metres.0,
            wait_seconds: seconds(parts.waiting),
            late_seconds: seconds(parts.lateness),
            overtime_seconds: seconds(parts.overtime),
        }
    }
}

/// An entry of the log that made something happen.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Cause {
    pub(crate) seq: u64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) subject: Option<String>,
    /// As its producer says.
    pub(crate) time: Option<String>,
    /// Log time.
    #[schemars(with = "UnixMillis")]
    pub(crate) logged_at: i64,
}

/// What made an engine decide.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Trigger {
    /// `facts`: it answers these entries. `search`: a search found something better for routes that these entries had changed last.
    /// `watch`: no fact; the engine saw a promise break, times move, or room for an order that had none.
    pub(crate) kind: &'static str,
    pub(crate) entries: Vec<Cause>,
    /// Rounds of the search; 0 for an answer.
    pub(crate) rounds: u32,
}

/// A stop as it would be served.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub(crate) struct StopTimes {
    pub(crate) stop: &'static str,
    /// `None`: no road leads there.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) arrival: Option<i64>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) start: Option<i64>,
    pub(crate) late_seconds: f64,
}

/// Somebody else's stop that begins later.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Delay {
    pub(crate) order: String,
    pub(crate) stop: &'static str,
    pub(crate) later_seconds: f64,
    pub(crate) late_seconds: f64,
    pub(crate) late_seconds_before: f64,
}

/// One thing that would have to give.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
pub(crate) struct Give {
    /// A short stable word.
    pub(crate) what: &'static str,
    /// By how much: seconds of a shift or of a driver's hours, units of load, stops, or money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<f64>,
    /// The dimension of load, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dimension: Option<usize>,
    /// Of `driving_time`, which limit of the rule: `driving` (without a break), `shift_driving`, or `duty`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) skills: Vec<String>,
    /// The vehicle that has it instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vehicle: Option<String>,
}

/// What a vehicle would make of an order.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Offer {
    pub(crate) vehicle: String,
    /// What its route would come to more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<Cost>,
    /// By how much more that is than the chosen vehicle's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dearer_by: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stops: Vec<StopTimes>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) delays: Vec<Delay>,
    /// Somebody would be served later than promised who would not be otherwise, or more so. An answer takes that only where every
    /// vehicle would make somebody late, whatever it saves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) makes_late: bool,
    /// Where it cannot take the order: each list is enough if all in it gives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) needs: Vec<Vec<Give>>,
    /// Its route breaks a rule already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) route_is_broken: bool,
    /// Why a quote is not accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits_broken: Vec<&'static str>,
}

pub(crate) fn stop_name(stop: StopKind) -> &'static str {
    match stop {
        StopKind::Pickup => "pickup",
        StopKind::Delivery => "delivery",
    }
}

pub(crate) fn vehicle_name(fleet: &Fleet, vehicle: VehicleId) -> String {
    fleet.vehicle(vehicle).name.to_string()
}

pub(crate) fn stops(possible: &Possible) -> Vec<StopTimes> {
    let stop = |&(kind, arrival, start, late): &(StopKind, Timestamp, Timestamp, Millis)| StopTimes {
        stop: stop_name(kind),
        arrival: Some(arrival.0),
        start: Some(start.0),
        late_seconds: seconds(late),
    };
    possible.stops.iter().map(stop).collect()
}

pub(crate) fn delays(fleet: &Fleet, possible: &Possible) -> Vec<Delay> {
    let delays = possible.delays.iter().map(|delay| Delay {
        order: fleet.order(delay.order).name.to_string(),
        stop: stop_name(delay.stop),
        later_seconds: seconds(delay.by),
        late_seconds: seconds(delay.late),
        late_seconds_before: seconds(delay.late_before),
    });
    delays.collect()
}

fn give(fleet: &Fleet, lack: &Lack) -> Give {
    let plain = |what| Give { what, by: None, dimension: None, limit: None, skills: Vec::new(), vehicle: None };
    let by = |what, by: f64| Give { by: Some(by), ..plain(what) };
    let on = |what, other: &VehicleId| Give { vehicle: Some(vehicle_name(fleet, *other)), ..plain(what) };
    match lack {
        Lack::OffDuty => plain("off_duty"),
        Lack::BrokenDown => plain("lost"),
        Lack::PinnedTo(other) => on("pinned", other),
        Lack::OnBoardOf(other) => on("on_board", other),
        Lack::UnderWayWith(other) => on("under_way", other),
        Lack::Rejected => plain("rejected"),
        Lack::Silent => plain("silent"),
        Lack::Skills(skills) => Give { skills: skills.iter().map(Name::to_string).collect(), ..plain("skills") },
        Lack::Stops(more) => by("stops", f64::from(*more)),
        Lack::Reloads(more) => by("reloads", f64::from(*more)),
        Lack::Room { dimension, by: over } => {
            Give { dimension: Some(dimension + 1), ..by("capacity", *over as f64 / 1e3) }
        }
        Lack::Shift(span) => by("shift", seconds(*span)),
        Lack::DrivingTime { limit, by: span } => {
            let limit = match limit {
                DrivingLimit::WithoutBreak => "driving",
                DrivingLimit::InShift => "shift_driving",
                DrivingLimit::Duty => "duty",
            };
            Give { limit: Some(limit), ..by("driving_time", seconds(*span)) }
        }
        Lack::Promise(span) => by("promise", seconds(*span)),
        Lack::Way => plain("unreachable"),
        Lack::Order => plain("unloading_order_or_break"),
        Lack::Price(cost) => by("price", money(*cost)),
    }
}

/// The rules that an order breaks where it is because a dispatcher has tied it to its vehicle.
pub(crate) fn breaks(fleet: &Fleet, lacks: &[Lack]) -> Vec<Give> {
    lacks.iter().map(|lack| give(fleet, lack)).collect()
}

fn needs(fleet: &Fleet, miss: &Miss) -> Vec<Vec<Give>> {
    miss.ways.iter().map(|way| way.iter().map(|lack| give(fleet, lack)).collect()).collect()
}

impl Offer {
    /// `chosen`: what the vehicle that has the order comes to, to compare with.
    pub(crate) fn of(fleet: &Fleet, vehicle: VehicleId, offer: &EngineOffer, chosen: Option<Money>) -> Self {
        let mut it = Self {
            vehicle: vehicle_name(fleet, vehicle),
            cost: None,
            dearer_by: None,
            stops: Vec::new(),
            delays: Vec::new(),
            makes_late: false,
            needs: Vec::new(),
            route_is_broken: false,
            limits_broken: Vec::new(),
        };
        match offer {
            EngineOffer::Possible(possible) => {
                it.cost = Some(Cost::of(&possible.extra));
                it.dearer_by = chosen.map(|chosen| money(Money(possible.extra.total().0 - chosen.0)));
                it.stops = stops(possible);
                it.delays = delays(fleet, possible);
                it.makes_late = possible.makes_late();
            }
            EngineOffer::Missed(miss) => {
                it.needs = needs(fleet, miss);
                it.route_is_broken = miss.is_broken;
            }
        }
        it
    }
}

/// Why an order is where a decision put it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct OrderReason {
    pub(crate) order: String,
    pub(crate) from: Option<String>,
    pub(crate) vehicle: Option<String>,
    /// Why it is on no route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unassigned: Option<&'static str>,
    /// What its vehicle's route comes to more than without it; absent where that route could not be driven without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<Cost>,
    pub(crate) stops: Vec<StopTimes>,
    pub(crate) delays: Vec<Delay>,
    /// The rules that it breaks there because a dispatcher has tied it to that vehicle, each with by how much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) breaks: Vec<Give>,
    /// What others would have made of it, with all else as decided.
    pub(crate) alternatives: Vec<Offer>,
    /// Registered vehicles farther away, of which nothing is said.
    pub(crate) not_asked: usize,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct RouteReason {
    pub(crate) vehicle: String,
    /// What was left of its route to drive, and what it comes to now; `null` where it cannot be driven within its limits.
    pub(crate) before: Option<Cost>,
    pub(crate) after: Option<Cost>,
    /// By how much the plan's times differ from those that are computed here. Not 0 where the engine had other roads, or positions
    /// that are not in the log.
    pub(crate) off_seconds: f64,
}

/// One exchange group of a plan.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct GroupReason {
    /// False: its routes had changed meanwhile, and nothing of it came true.
    pub(crate) accepted: bool,
    pub(crate) trigger: Trigger,
    /// How many orders it moved, placed or left out.
    pub(crate) joint: usize,
    /// By how much its routes became cheaper (negative: dearer), what orders on no route cost not counted.
    pub(crate) saving: Option<f64>,
    pub(crate) routes: Vec<RouteReason>,
    pub(crate) orders: Vec<OrderReason>,
}

/// One plan.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct PlanReason {
    /// The number of the plan.
    pub(crate) decision: u64,
    pub(crate) seq: u64,
    /// Zone time at which it was logged: everything is computed for this instant.
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    /// The last entry that its engine knew.
    pub(crate) based_on_seq: u64,
    pub(crate) groups: Vec<GroupReason>,
}

/// `explain order`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ExplainedOrder {
    pub(crate) order: String,
    pub(crate) applied: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    pub(crate) status: &'static str,
    pub(crate) vehicle: Option<String>,
    /// Its open stops as planned.
    pub(crate) stops: Vec<StopTimes>,
    /// The rules that it breaks there because a dispatcher has tied it to its vehicle, each with by how much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) breaks: Vec<Give>,
    /// The decision that put it there.
    pub(crate) decision: Option<PlanReason>,
    /// Where it is on no route: what vehicles lack now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) now: Vec<Offer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_asked: Option<usize>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ExplainedVisit {
    pub(crate) order: String,
    pub(crate) stop: &'static str,
    /// A new trip begins with it: the vehicle is to be at a depot then, and loaded.
    #[schemars(with = "Option<UnixMillis>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reload: Option<i64>,
    /// `None`: no road leads there.
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) start: Option<i64>,
    pub(crate) late_seconds: f64,
    pub(crate) frozen: bool,
    /// The number of the plan that put it on this route.
    pub(crate) decision: Option<u64>,
}

/// `explain vehicle`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ExplainedVehicle {
    pub(crate) vehicle: String,
    pub(crate) applied: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    pub(crate) status: &'static str,
    /// What is left of its route to drive; `null` where it cannot be driven within its limits.
    pub(crate) cost: Option<Cost>,
    pub(crate) visits: Vec<ExplainedVisit>,
    /// The decision that last changed its route.
    pub(crate) decision: Option<PlanReason>,
}

/// Where an order is in one of two plans.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Place {
    pub(crate) status: &'static str,
    pub(crate) vehicle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unassigned: Option<&'static str>,
    #[schemars(with = "Option<UnixMillis>")]
    pub(crate) start: Option<i64>,
    pub(crate) late_seconds: f64,
    /// The rules that it breaks there for a dispatcher's word, each with by how much, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breaks: Option<String>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Difference {
    pub(crate) order: String,
    pub(crate) before: Place,
    pub(crate) after: Place,
    /// By how much its last stop begins later (negative: earlier).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) later_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) offers: Vec<Offer>,
}

#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub(crate) struct PlanCost {
    /// Routes and orders on no route.
    pub(crate) total: f64,
    pub(crate) routes: Cost,
    pub(crate) unserved: f64,
    pub(crate) unassigned: usize,
    /// Routes that cannot be driven within their limits, and are not in the sum.
    pub(crate) undrivable_routes: usize,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Tried {
    /// The event, as it would have been logged.
    pub(crate) event: serde_json::Value,
    /// Why it makes no sense now, if it does not.
    pub(crate) refused: Option<&'static str>,
}

/// The answer to a what-if.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct WhatIf {
    pub(crate) applied: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    pub(crate) events: Vec<Tried>,
    /// True: the engine did not come to an end, so that this is not the whole of it.
    pub(crate) unsettled: bool,
    /// Orders that would change: how many by kind, and each of them.
    pub(crate) counts: BTreeMap<&'static str, usize>,
    pub(crate) orders: Vec<Difference>,
    pub(crate) cost_before: PlanCost,
    pub(crate) cost_after: PlanCost,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct SlotQuote {
    #[schemars(with = "UnixMillis")]
    pub(crate) opens: i64,
    #[schemars(with = "UnixMillis")]
    pub(crate) closes: i64,
    /// A vehicle can take it within the limits.
    pub(crate) accepted: bool,
    /// The cheapest first of those that keep the limits, then those that can at all, then what the others lack.
    pub(crate) offers: Vec<Offer>,
    pub(crate) not_asked: usize,
}

/// `/v1/offers/{order}`: who could take an order as things stand.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Ranked {
    pub(crate) order: String,
    pub(crate) applied: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    pub(crate) vehicle: Option<String>,
    pub(crate) pinned: Option<String>,
    pub(crate) on_board: Option<String>,
    /// What it means for the vehicle that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<Offer>,
    /// The others: the cheapest first of those that can take it, then those that cannot. A pin, and a driver's refusal, do not count: an operator may
    /// force the order onto any of them.
    pub(crate) offers: Vec<Offer>,
    pub(crate) not_asked: usize,
}

/// The answer to a quote.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Quotes {
    pub(crate) applied: u64,
    #[schemars(with = "UnixMillis")]
    pub(crate) at: i64,
    /// The slot that costs least, by its place in the list, if any is accepted.
    pub(crate) cheapest: Option<usize>,
    pub(crate) slots: Vec<SlotQuote>,
    /// The slot that is kept, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<Held>,
}

/// A slot that is kept.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Held {
    pub(crate) order_id: String,
    /// Which slot, by its place in the list.
    pub(crate) slot: usize,
    #[schemars(with = "UnixMillis")]
    pub(crate) until: i64,
    /// Whose route it is on; none: it is in the log, and the answer is on its way.
    pub(crate) vehicle: Option<String>,
}

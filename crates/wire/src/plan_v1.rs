//! Plans and assignments, version 1. Most bytes of a log are plans, so what they hold is borrowed from the message where it can be.

use std::borrow::Cow;

use fleetfold_model::{
    AssignedVisit, Assignment, Choice, DepotCall, ExchangeGroup, LogSeq, MessageHash, Metres, Millis, Name, NextBreak,
    Obstacle, PlannedVisit, Position, Proposal, ProposedRoute, SearchRecord, Space, StopKind, UnassignedReason,
    leaves_at,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decode::DecodeError;
use crate::encode::place as place_out;
use crate::event_v1::PlaceV1;
use crate::fields::{instant, name, place};
use crate::instants::text;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct VisitV1<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    /// `pickup` or `delivery`.
    #[serde(borrow)]
    stop: Cow<'a, str>,
    /// Leave no earlier; from then on the visit is frozen.
    #[serde(borrow)]
    depart_at: Cow<'a, str>,
    #[serde(borrow)]
    arrival: Cow<'a, str>,
    #[serde(borrow)]
    start: Cow<'a, str>,
    #[serde(borrow)]
    departure: Cow<'a, str>,
    distance_meters: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    break_before_seconds: f64,
    /// A new trip begins with this visit: after `depart_at` the vehicle drives to this depot, is loaded there, and then comes here.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    reload_before: Option<DepotCallV1<'a>>,
}

/// A call at a depot between two stops: what jobs have picked up is left there, and what those of the next trip deliver is loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct DepotCallV1<'a> {
    position: PlaceV1,
    #[serde(borrow)]
    arrival: Cow<'a, str>,
    /// Everything is loaded, and it leaves for the stop.
    #[serde(borrow)]
    departure: Cow<'a, str>,
    /// From the stop before to the depot.
    distance_meters: i64,
    /// What the depot is called, as registered: in assignments only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl DepotCallV1<'_> {
    fn from_model(call: &DepotCall, space: Space, name: Option<&Name>) -> Self {
        Self {
            position: place_out(space, call.position),
            arrival: text(call.arrival).into(),
            departure: text(call.departure).into(),
            distance_meters: call.metres.0,
            name: name.map(ToString::to_string),
        }
    }

    fn into_model(self) -> Result<DepotCall, DecodeError> {
        Ok(DepotCall {
            position: place("reload_before.position", &self.position)?,
            arrival: instant("reload_before.arrival", &self.arrival)?,
            departure: instant("reload_before.departure", &self.departure)?,
            metres: Metres(self.distance_meters.clamp(0, 1_000_000_000)),
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_none(level: &u8) -> bool {
    *level == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct RouteV1<'a> {
    #[serde(borrow)]
    vehicle_id: Cow<'a, str>,
    base_seq: u64,
    start: PlaceV1,
    #[serde(borrow)]
    start_at: Cow<'a, str>,
    /// It is on its way to a stop and turns at `start` to go elsewhere first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    diverts: bool,
    #[serde(borrow)]
    visits: Vec<VisitV1<'a>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct UnassignedV1<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct ChoiceV1<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vehicle_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_vehicle_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    detour_seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    runner_up_vehicle_id: Option<String>,
    runner_up_extra_seconds: f64,
    #[serde(borrow)]
    runner_up_obstacle: Cow<'a, str>,
    joint_orders: u32,
    /// A dispatcher had pinned it to the runner-up, which cannot take it: the pin is off, and the order stays where it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pin_refused: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct GroupV1<'a> {
    #[serde(borrow)]
    routes: Vec<RouteV1<'a>>,
    #[serde(borrow)]
    unassigned: Vec<UnassignedV1<'a>>,
    caused_by: Vec<u64>,
    #[serde(borrow)]
    choices: Vec<ChoiceV1<'a>>,
}

/// `plan.proposed`: a decision of the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PlanV1<'a> {
    /// How `prev_hash` and `fleet_digest` were made; absent in plans of version 0.1.
    // Where it is missing, `upcast.rs` puts it in.
    #[schemars(default = "first_format")]
    format: u16,
    /// Plans of before 0.2 say none.
    #[serde(skip_serializing_if = "is_first_rules")]
    #[schemars(default = "first_rules")]
    rules: u16,
    epoch: u64,
    rev: u64,
    /// Hexadecimal.
    #[serde(borrow)]
    prev_hash: Cow<'a, str>,
    based_on_seq: u64,
    #[serde(borrow)]
    groups: Vec<GroupV1<'a>>,
    /// Hexadecimal; 0 for an immediate answer.
    #[serde(borrow)]
    seed: Cow<'a, str>,
    rounds: u32,
    took_milliseconds: i64,
    cost_before: f64,
    cost_after: f64,
    /// True when overload made the engine do less than it would.
    #[serde(default)]
    degraded: bool,
    /// Level of overload, 0 to 4. Plans before 0.2 do not say it.
    #[serde(default, skip_serializing_if = "is_none")]
    overload_level: u8,
    /// Hexadecimal.
    #[serde(borrow)]
    fleet_digest: Cow<'a, str>,
}

/// One vehicle's route at a revision, as published. Keep the one with the highest revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AssignmentV1<'a> {
    /// Whose.
    #[serde(borrow)]
    pub vehicle_id: Cow<'a, str>,
    /// Grows with every change.
    pub revision: u64,
    #[serde(borrow)]
    visits: Vec<AssignedV1<'a>>,
    /// The break that its driver takes, or his next one, as it was planned when this was said: before a visit (`break_before_seconds`), or,
    /// where he has nothing to do, as soon as its window opens.
    #[serde(rename = "break", default, skip_serializing_if = "Option::is_none")]
    pause: Option<NextBreakV1>,
}

/// The break that a driver takes, or the next one of his shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct NextBreakV1 {
    /// `taken`: he takes it; `planned`: it is to come.
    status: String,
    starts: String,
    ends: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct AssignedV1<'a> {
    #[serde(flatten, borrow)]
    visit: VisitV1<'a>,
    position: PlaceV1,
    frozen: bool,
    /// Where a driver is early he may leave before `depart_at`, but no earlier than this. Before version 0.2 it stood in `depart_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    /// No road leads there now, or to a stop before it: its times say nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unreachable: bool,
    /// What the order is called elsewhere, as its producer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
}

/// A break is being taken.
const TAKEN: &str = "taken";

const REASONS: [(UnassignedReason, &str); 11] = [
    (UnassignedReason::NoVehicle, "no_vehicle"),
    (UnassignedReason::Skills, "skills"),
    (UnassignedReason::Capacity, "capacity"),
    (UnassignedReason::Shift, "shift"),
    (UnassignedReason::Unreachable, "unreachable"),
    (UnassignedReason::Rejected, "rejected"),
    (UnassignedReason::NoPlace, "no_place"),
    (UnassignedReason::Aboard, "aboard"),
    (UnassignedReason::Stops, "stops"),
    (UnassignedReason::Silent, "silent"),
    (UnassignedReason::DrivingTime, "driving_time"),
];

const OBSTACLES: [(Obstacle, &str); 11] = [
    (Obstacle::Dearer, "dearer"),
    (Obstacle::Skills, "skills"),
    (Obstacle::Capacity, "capacity"),
    (Obstacle::Lateness, "lateness"),
    (Obstacle::Shift, "shift"),
    (Obstacle::OffDuty, "off_duty"),
    (Obstacle::BrokenDown, "lost"),
    (Obstacle::Stops, "stops"),
    (Obstacle::Unreachable, "unreachable"),
    (Obstacle::Silent, "silent"),
    (Obstacle::DrivingTime, "driving_time"),
];

fn word<T: PartialEq + Copy>(table: &[(T, &'static str)], value: T) -> &'static str {
    table.iter().find(|(known, _)| *known == value).map_or("", |(_, word)| word)
}

fn meaning<T: PartialEq + Copy>(field: &str, table: &[(T, &'static str)], text: &str) -> Result<T, DecodeError> {
    table
        .iter()
        .find(|(_, word)| *word == text)
        .map(|&(value, _)| value)
        .ok_or_else(|| DecodeError::Field { field: field.to_owned(), what: format!("unknown word `{text}`") })
}

pub(crate) fn hex(field: &str, text: &str) -> Result<u64, DecodeError> {
    u64::from_str_radix(text, 16)
        .map_err(|_| DecodeError::Field { field: field.to_owned(), what: format!("`{text}` is not hexadecimal") })
}

fn hash(field: &str, text: &str) -> Result<MessageHash, DecodeError> {
    u128::from_str_radix(text, 16)
        .map(MessageHash)
        .map_err(|_| DecodeError::Field { field: field.to_owned(), what: format!("`{text}` is not hexadecimal") })
}

pub(crate) fn first_rules() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_first_rules(rules: &u16) -> bool {
    *rules == first_rules()
}

pub(crate) fn first_format() -> u16 {
    1
}

fn millis(seconds: f64) -> Millis {
    Millis((seconds.clamp(-1e9, 1e9) * 1000.0).round() as i64)
}

impl<'a> VisitV1<'a> {
    fn from_model(visit: &'a PlannedVisit, space: Space) -> Self {
        Self {
            order_id: visit.order.as_str().into(),
            stop: match visit.stop {
                StopKind::Pickup => "pickup",
                StopKind::Delivery => "delivery",
            }
            .into(),
            depart_at: text(visit.depart_at).into(),
            arrival: text(visit.arrival).into(),
            start: text(visit.start).into(),
            departure: text(visit.departure).into(),
            distance_meters: visit.metres.0,
            break_before_seconds: visit.break_before.0 as f64 / 1000.0,
            reload_before: visit.reload_before.map(|call| DepotCallV1::from_model(&call, space, None)),
        }
    }

    fn into_model(self) -> Result<PlannedVisit, DecodeError> {
        Ok(PlannedVisit {
            order: name("order_id", &self.order_id)?,
            stop: meaning("stop", &[(StopKind::Pickup, "pickup"), (StopKind::Delivery, "delivery")], &self.stop)?,
            depart_at: instant("depart_at", &self.depart_at)?,
            arrival: instant("arrival", &self.arrival)?,
            start: instant("start", &self.start)?,
            departure: instant("departure", &self.departure)?,
            metres: Metres(self.distance_meters.clamp(0, 1_000_000_000)),
            break_before: millis(self.break_before_seconds),
            reload_before: self.reload_before.map(DepotCallV1::into_model).transpose()?,
        })
    }
}

impl<'a> PlanV1<'a> {
    pub(crate) fn from_model(plan: &'a Proposal, space: Space) -> Self {
        let route = |route: &'a ProposedRoute| RouteV1 {
            vehicle_id: route.vehicle.as_str().into(),
            base_seq: route.base.0,
            start: place_out(space, route.start),
            start_at: text(route.start_at).into(),
            diverts: route.diverts,
            visits: route.visits.iter().map(|visit| VisitV1::from_model(visit, space)).collect(),
        };
        let choice = |choice: &'a Choice| ChoiceV1 {
            order_id: choice.order.as_str().into(),
            vehicle_id: choice.vehicle.as_ref().map(ToString::to_string),
            previous_vehicle_id: choice.previous.as_ref().map(ToString::to_string),
            reason: choice.reason.map(|reason| word(&REASONS, reason).to_owned()),
            detour_seconds: choice.detour.0 as f64 / 1000.0,
            runner_up_vehicle_id: choice.runner_up.as_ref().map(ToString::to_string),
            runner_up_extra_seconds: choice.runner_up_extra.0 as f64 / 1000.0,
            runner_up_obstacle: word(&OBSTACLES, choice.runner_up_obstacle).into(),
            joint_orders: choice.joint,
            pin_refused: choice.pin_refused,
        };
        let group = |group: &'a ExchangeGroup| GroupV1 {
            routes: group.routes.iter().map(route).collect(),
            unassigned: group
                .unassigned
                .iter()
                .map(|(order, reason)| UnassignedV1 {
                    order_id: order.as_str().into(),
                    reason: word(&REASONS, *reason).into(),
                })
                .collect(),
            caused_by: group.caused_by.iter().map(|seq| seq.0).collect(),
            choices: group.choices.iter().map(choice).collect(),
        };
        Self {
            format: plan.format,
            rules: plan.rules,
            epoch: plan.epoch,
            rev: plan.rev,
            prev_hash: plan.prev_hash.to_string().into(),
            based_on_seq: plan.based_on.0,
            groups: plan.groups.iter().map(group).collect(),
            seed: format!("{:x}", plan.search.seed).into(),
            rounds: plan.search.rounds,
            took_milliseconds: plan.search.took.0,
            cost_before: plan.search.cost_before as f64 / 1e6,
            cost_after: plan.search.cost_after as f64 / 1e6,
            degraded: plan.overload > 0,
            overload_level: plan.overload,
            fleet_digest: format!("{:016x}", plan.fleet_digest).into(),
        }
    }

    pub(crate) fn into_model(self) -> Result<Proposal, DecodeError> {
        let maybe = |field: &str, text: Option<String>| text.map(|text| name(field, &text)).transpose();
        let mut groups = Vec::with_capacity(self.groups.len());
        for group in self.groups {
            let mut routes = Vec::with_capacity(group.routes.len());
            for route in group.routes {
                routes.push(ProposedRoute {
                    vehicle: name("vehicle_id", &route.vehicle_id)?,
                    base: LogSeq(route.base_seq),
                    start: place("start", &route.start)?,
                    start_at: instant("start_at", &route.start_at)?,
                    diverts: route.diverts,
                    visits: route.visits.into_iter().map(VisitV1::into_model).collect::<Result<_, _>>()?,
                });
            }
            let unassigned = group.unassigned.into_iter().map(|unassigned| {
                Ok((name("order_id", &unassigned.order_id)?, meaning("reason", &REASONS, &unassigned.reason)?))
            });
            let choices = group.choices.into_iter().map(|choice| {
                Ok(Choice {
                    order: name("order_id", &choice.order_id)?,
                    vehicle: maybe("vehicle_id", choice.vehicle_id)?,
                    previous: maybe("previous_vehicle_id", choice.previous_vehicle_id)?,
                    reason: choice.reason.map(|reason| meaning("reason", &REASONS, &reason)).transpose()?,
                    detour: millis(choice.detour_seconds),
                    runner_up: maybe("runner_up_vehicle_id", choice.runner_up_vehicle_id)?,
                    runner_up_extra: millis(choice.runner_up_extra_seconds),
                    runner_up_obstacle: meaning("runner_up_obstacle", &OBSTACLES, &choice.runner_up_obstacle)?,
                    joint: choice.joint_orders,
                    pin_refused: choice.pin_refused,
                })
            });
            groups.push(ExchangeGroup {
                routes,
                unassigned: unassigned.collect::<Result<_, DecodeError>>()?,
                caused_by: group.caused_by.into_iter().map(LogSeq).collect(),
                choices: choices.collect::<Result<_, DecodeError>>()?,
            });
        }
        Ok(Proposal {
            format: self.format,
            rules: self.rules,
            epoch: self.epoch,
            rev: self.rev,
            prev_hash: hash("prev_hash", &self.prev_hash)?,
            based_on: LogSeq(self.based_on_seq),
            groups,
            search: SearchRecord {
                seed: hex("seed", &self.seed)?,
                rounds: self.rounds,
                took: Millis(self.took_milliseconds),
                cost_before: (self.cost_before * 1e6).round() as i64,
                cost_after: (self.cost_after * 1e6).round() as i64,
            },
            overload: if self.degraded { self.overload_level.max(1) } else { self.overload_level },
            fleet_digest: hex("fleet_digest", &self.fleet_digest)?,
        })
    }
}

/// The JSON of an assignment. `reference`: what an order is called elsewhere.
pub fn assignment_to_json(
    assignment: &Assignment,
    space: Space,
    reference: impl Fn(&Name) -> Option<String>,
) -> Vec<u8> {
    let cut_off = assignment.visits.iter().position(|visit| visit.visit.is_cut_off()).unwrap_or(usize::MAX);
    let mut departed = None;
    let mut leaves = |assigned: &AssignedVisit| {
        let visit = &assigned.visit;
        let at = leaves_at(visit.depart_at, visit.break_before, departed) - assigned.on_the_way;
        departed = Some(visit.departure);
        text(at)
    };
    let raw = AssignmentV1 {
        vehicle_id: assignment.vehicle.as_str().into(),
        revision: assignment.revision.0,
        visits: assignment
            .visits
            .iter()
            .enumerate()
            .map(|(index, visit)| AssignedV1 {
                visit: VisitV1 {
                    depart_at: leaves(visit).into(),
                    reload_before: visit
                        .visit
                        .reload_before
                        .map(|call| DepotCallV1::from_model(&call, space, visit.depot.as_ref())),
                    ..VisitV1::from_model(&visit.visit, space)
                },
                position: place_out(space, visit.position),
                frozen: visit.frozen,
                not_before: Some(text(visit.visit.depart_at)),
                unreachable: index >= cut_off,
                reference: reference(&visit.visit.order),
            })
            .collect(),
        pause: assignment.pause.map(|pause| NextBreakV1 {
            status: if pause.is_taken { TAKEN } else { "planned" }.to_owned(),
            starts: text(pause.starts),
            ends: text(pause.ends),
        }),
    };
    serde_json::to_vec(&raw).expect("wire types are plain JSON")
}

/// Reads an assignment back, as a driver's app would.
///
/// # Errors
///
/// What is wrong with it.
pub fn assignment_from_json(bytes: &[u8]) -> Result<Assignment, DecodeError> {
    let raw: AssignmentV1 =
        serde_json::from_slice(bytes).map_err(|error| DecodeError::NotCloudEvent(error.to_string()))?;
    let mut departed = None;
    let visits = raw.visits.into_iter().map(|assigned| {
        let position: Position = place("position", &assigned.position)?;
        let called = assigned.visit.reload_before.as_ref().and_then(|call| call.name.as_deref());
        let depot = called.map(|text| name("reload_before.name", text)).transpose()?;
        let mut visit = assigned.visit.into_model()?;
        let leaves = visit.depart_at;
        if let Some(not_before) = &assigned.not_before {
            visit.depart_at = instant("not_before", not_before)?;
        }
        // Who takes all breaks before the drive leaves behind them.
        let behind = leaves_at(visit.depart_at, visit.break_before, departed.replace(visit.departure));
        let on_the_way = if assigned.not_before.is_some() { (behind - leaves).max(Millis(0)) } else { Millis(0) };
        Ok(AssignedVisit { visit, position, frozen: assigned.frozen, depot, on_the_way })
    });
    Ok(Assignment {
        vehicle: name("vehicle_id", &raw.vehicle_id)?,
        revision: LogSeq(raw.revision),
        visits: visits.collect::<Result<_, DecodeError>>()?,
        pause: raw.pause.map(NextBreakV1::into_model).transpose()?,
    })
}

impl NextBreakV1 {
    fn into_model(self) -> Result<NextBreak, DecodeError> {
        let (starts, ends) = (instant("break.starts", &self.starts)?, instant("break.ends", &self.ends)?);
        Ok(NextBreak { is_taken: self.status == TAKEN, starts, ends })
    }
}

#[cfg(test)]
mod tests {
    use super::{OBSTACLES, REASONS};

    /// The words in backticks of the line of a document that has this beginning, between the first pair of brackets behind it.
    fn words_behind<'d>(document: &'d str, beginning: &str) -> Vec<&'d str> {
        let rest = document.split_once(beginning).unwrap_or_else(|| panic!("no `{beginning}`")).1;
        let list = rest.split_once(')').expect("a list in brackets").0;
        list.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn what_a_consumer_is_told_of_reasons_is_what_there_is() {
        let document = include_str!("../../../docs/CONSUMING.md");
        let told = words_behind(document, "`unassigned` in a plan has the `reason` (");
        assert_eq!(told, REASONS.map(|(_, word)| word));
    }

    #[test]
    fn every_word_means_one_thing() {
        for words in [REASONS.map(|(_, word)| word), OBSTACLES.map(|(_, word)| word)] {
            let mut once = words.to_vec();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), words.len(), "{words:?}");
        }
    }
}

//! What a screen shows: documents made from a copy of the fleet, and never read back. None is made on the engine's thread.

mod detail;
mod documents;
mod find;
mod kept;
mod memory;
mod rests;
pub(crate) mod stories;

use std::borrow::Cow;

use fleetfold_fleet::{Closed, Flag, NEVER_SEEN, OrderState, Placement, Refused};
use fleetfold_model::{
    AlertAbout, Event, LoadDirection, Name, OrderId, OrderWork, Position, RoadTarget, Space, StopKind, Timestamp,
    UnassignedReason, VehicleId, leaves_at,
};
use fleetfold_wire::{alert_word, encode};

pub(crate) use detail::{order_detail, stop_name, vehicle_detail};
pub(crate) use documents::*;
pub(crate) use find::{Finder, FoundList};
pub(crate) use kept::{After, Filter, Kept, Page, Part, Pending};
pub(crate) use memory::{BECAUSE_MAX, Memory, choice_words};

use crate::live::handover::Glimpse;

/// A place as longitude and latitude. A plane is laid on the map around 0, 0 (metres over metres per degree).
pub(crate) fn lon_lat(space: Space, place: Position) -> [f64; 2] {
    let round = |value: f64| (value * 1e6).round() / 1e6;
    match space {
        Space::Geographic => [round(f64::from(place.x) / 1e7), round(f64::from(place.y) / 1e7)],
        Space::Planar => [round(f64::from(place.x) / 111_194_900.0), round(f64::from(place.y) / 111_194_900.0)],
    }
}

pub(crate) fn reason_words(reason: UnassignedReason) -> &'static str {
    match reason {
        UnassignedReason::NoVehicle => "no vehicle is on shift for it",
        UnassignedReason::Skills => "no vehicle has the skills",
        UnassignedReason::Capacity => "no vehicle can hold the load",
        UnassignedReason::Shift => "no vehicle is there within its shift",
        UnassignedReason::Unreachable => "no road leads there",
        UnassignedReason::Rejected => "every driver who could has rejected it, or its pinned vehicle cannot",
        UnassignedReason::NoPlace => "no route has a place for it",
        UnassignedReason::Aboard => "its goods are in a vehicle that is not working",
        UnassignedReason::Silent => "only vehicles of which nothing is heard could take it",
        UnassignedReason::Stops => "every vehicle has as many stops as it may have",
        UnassignedReason::DrivingTime => "no driver may drive, or be at work, so long",
    }
}

pub(crate) fn refused_words(reason: Refused) -> &'static str {
    match reason {
        Refused::DuplicateEvent => "the same event came again",
        Refused::OrderExists => "the order exists already; use order.updated",
        Refused::OrderClosed => "the order is over",
        Refused::StopDone => "the stop was served or failed before",
        Refused::NoSuchStop => "the order has no such stop",
        Refused::OnBoard => "its goods are on board; only that vehicle can bring them",
        Refused::NotOnRoute => "the order is not on this vehicle's route",
        Refused::NotOnShift => "the vehicle has not signed on",
        Refused::UnknownVehicle => "no such vehicle",
        Refused::UnknownOrder => "no such order",
        Refused::TooManySkills => "more than 64 different skills in one zone",
        Refused::ZoneOpen => "the zone is open already",
        Refused::OldEpoch => "a plan of an engine that no longer owns the zone",
        Refused::BrokenChain => "a plan that does not follow the last one",
        Refused::NoFactor => "a slowed road without its factor",
        Refused::AtStop => "another vehicle stands at its stop",
        Refused::OldFeatures => "what an earlier owner learned, too late",
        Refused::OldPosition => "a position older than the one known",
        Refused::Superseded => "something newer was said of it before",
        Refused::AlertStands => "the alert stands already",
        Refused::NotHeld => "no slot is kept for it: it was confirmed before, or is an ordinary order",
        Refused::NotOnBreak => "its driver takes no break",
        Refused::NoSuchRevision => "its vehicle has never been told a route of this revision",
        Refused::NoSuchAlert => "no such alert stands: it is over, or was never raised",
    }
}

pub(crate) fn flag_words(flag: Flag) -> &'static str {
    match flag {
        Flag::Gap => "an earlier stage was never reported",
        Flag::ClockSkew => "its clock runs ahead; log time is used",
        Flag::Conflict => "it contradicts the plan or a cancellation",
        Flag::DrivingTime => "its driver has driven longer than the rule of his vehicle allows",
        Flag::Nowhere => "its position is longitude 0, latitude 0 and is passed over",
    }
}

/// What of a vehicle changes with each report of its position.
pub(crate) fn vehicle_head(seen: &Glimpse, id: VehicleId) -> VehicleHead<'_> {
    let state = seen.fleet.vehicle(id);
    let here = state.last_heard();
    let status = if state.lost {
        "lost"
    } else if !state.on {
        "off"
    } else if state.rests_since(seen.now).is_some() {
        "on break"
    } else if let Some(under) = state.under_way {
        if under.arrived.is_some() { "at stop" } else { "driving" }
    } else if state.reloads.since.is_some() {
        "loading"
    } else if state.route.visits.is_empty() {
        "idle"
    } else {
        "waiting"
    };
    VehicleHead {
        id: state.name.as_str(),
        status,
        at: here.map(|anchor| lon_lat(seen.fleet.zone().space, anchor.position)),
        seen: here.map(|anchor| anchor.at.0).filter(|&at| at != NEVER_SEEN.0),
    }
}

/// The rest of a vehicle: its route, and the line of it on the streets from where the vehicle is.
pub(crate) fn vehicle_route(seen: &Glimpse, id: VehicleId, hours: Option<DrivingViolation>) -> VehicleRoute<'_> {
    let fleet = &seen.fleet;
    let state = fleet.vehicle(id);
    let space = fleet.zone().space;
    let frozen = state.frozen();
    let mut departed = None;
    // As of its last fact, not of now: the view of a route changes with facts only.
    let as_of = state.tachograph.last_at();
    let breaks = state.breaks_of_route(as_of);
    let visits: Vec<Visit<'_>> = state
        .route
        .visits
        .iter()
        .enumerate()
        .filter_map(|(index, visit)| {
            let order = fleet.order(visit.order);
            let stop = order.stop(visit.stop)?;
            let late = stop.due.is_some_and(|due| visit.start > due);
            let unreachable = state.route.is_cut_off_at(index);
            let time = |at: Timestamp| (!unreachable).then_some(at.0);
            Some(Visit {
                order: order.name.as_str(),
                stop: if visit.stop == StopKind::Pickup { "pickup" } else { "delivery" },
                collects: order.spec.as_ref().is_some_and(|spec| collects(&spec.work, visit.stop)),
                at: lon_lat(space, stop.position),
                arrival: time(visit.arrival),
                start: time(visit.start),
                departure: time(visit.departure),
                unreachable,
                break_seconds: Some(visit.break_before.0 / 1000).filter(|&pause| pause > 0),
                breaks: breaks
                    .iter()
                    .filter(|pause| pause.before == index && !unreachable)
                    .map(|pause| PlannedRest { starts: pause.starts.0, ends: pause.ends.0 })
                    .collect(),
                reload: visit.reload_before.map(|call| DepotCall {
                    name: state.depot_at(call.position).and_then(|depot| depot.name.as_ref()).map(Name::as_str),
                    at: lon_lat(space, call.position),
                    arrival: time(call.arrival),
                    departure: time(call.departure),
                }),
                depart_at: {
                    let before = departed.replace(visit.departure);
                    // Where a departure says nothing he leaves as soon as he can.
                    let free = before.or(state.anchor.map(|anchor| anchor.at)).unwrap_or(visit.arrival);
                    let departs = visit.departs().unwrap_or(free.min(visit.arrival));
                    let leaves = leaves_at(departs, visit.break_before, before);
                    (leaves - state.breaks_on_the_way(&breaks, index, leaves)).0
                },
                frozen: index < frozen,
                late,
                due: stop.due.map(|due| due.0),
            })
        })
        .collect();
    // The line on the streets: the frozen leg first, then the rest.
    let mut from = state.whereabouts().map(|anchor| anchor.position);
    let mut lines: Vec<Vec<[f64; 2]>> = Vec::new();
    for visit in &state.route.visits {
        let Some(stop) = fleet.order(visit.order).stop(visit.stop) else { continue };
        if let Some(start) = from.replace(stop.position) {
            // One line for each stop, by way of the depot where there is one before it.
            let mut line = seen.network.path(start, visit.reload_before.map_or(stop.position, |call| call.position));
            if let Some(call) = visit.reload_before {
                line.extend(seen.network.path(call.position, stop.position).into_iter().skip(1));
            }
            lines.push(line.into_iter().map(|place| lon_lat(space, place)).collect());
        }
    }
    VehicleRoute {
        revision: state.route.revision.0,
        visits,
        lines,
        on_board: state.on_board.len(),
        stops_done: state.stops_done,
        hours,
    }
}

/// True when goods are taken on at a stop. The only stop of a job is its delivery as far as events go, whichever way its goods move.
pub(crate) fn collects(work: &OrderWork, stop: StopKind) -> bool {
    match work {
        OrderWork::Job(job) => job.direction == LoadDirection::Pickup,
        OrderWork::Shipment(_) => stop == StopKind::Pickup,
    }
}

/// Why an order is on no route. If no street serves one of its stops, that is the reason.
fn why_unassigned(seen: &Glimpse, state: &OrderState, reason: UnassignedReason) -> Cow<'static, str> {
    let words = reason_words(reason);
    if reason != UnassignedReason::Unreachable {
        return Cow::Borrowed(words);
    }
    let off = [StopKind::Pickup, StopKind::Delivery].into_iter().find_map(|kind| {
        let why = seen.network.off_street(state.stop(kind)?.position)?;
        let stop = if kind == StopKind::Pickup { "pickup" } else { "delivery" };
        Some(format!("{words}: the {stop} {why}"))
    });
    off.map_or(Cow::Borrowed(words), Cow::Owned)
}

/// One order for the screen.
pub(crate) fn order<'a>(seen: &'a Glimpse, memory: &'a Memory, id: OrderId) -> Order<'a> {
    let fleet = &seen.fleet;
    let state = fleet.order(id);
    let space = fleet.zone().space;
    let at = |kind: StopKind| state.stop(kind).map(|stop| lon_lat(space, stop.position));
    let (status, reason) = match (state.outcome(), state.placement) {
        (Some(Closed::Served), _) => ("served", None),
        (Some(Closed::Cancelled), _) => ("cancelled", None),
        (Some(Closed::Failed(_)), _) => ("failed", None),
        (None, _) if state.spec.is_none() => ("unknown", None),
        (None, Placement::OnRoute(_)) if state.on_board.is_some() => ("on board", None),
        (None, Placement::OnRoute(_)) => ("assigned", None),
        (None, Placement::Unassigned(reason)) => ("unassigned", Some(why_unassigned(seen, state, reason))),
        (None, Placement::Unplaced) => ("open", None),
    };
    let vehicle = match state.placement {
        Placement::OnRoute(vehicle) => Some(fleet.vehicle(vehicle).name.as_str()),
        Placement::Unplaced | Placement::Unassigned(_) => None,
    };
    let due = state.stop(StopKind::Delivery).and_then(|stop| stop.due);
    let done = state.delivery.completed.filter(|_| !state.came_back()).map(|mark| mark.at.0);
    // The stop that begins the latest beside what was promised of it.
    let late = planned(fleet, id)
        .filter_map(|visit| {
            let due = state.stop(visit.stop)?.due?;
            Some(((visit.start - due).0 / 60_000 * 60, due.0))
        })
        .filter(|&(late, _)| late > 0)
        .max();
    let start = last_visit(seen, id).map(|visit| visit.start);
    Order {
        id: state.name.as_str(),
        reference: memory.labels(&state.name).and_then(|labels| labels.reference.as_deref()),
        status,
        reason,
        vehicle,
        pickup: at(StopKind::Pickup),
        delivery: at(StopKind::Delivery),
        due: due.map(|due| due.0),
        placed: state.spec.as_ref().map(|spec| spec.placed.0),
        done,
        picked: state.pickup.completed.map(|mark| mark.at.0),
        changes: state.vehicle_changes,
        priority: state.spec.as_ref().map(|spec| spec.priority),
        held_until: state.held_until.filter(|_| state.is_open()).map(|until| until.0),
        pinned: state.pinned.map(|vehicle| fleet.vehicle(vehicle).name.as_str()),
        start: start.map(|start| start.0),
        first_start: memory
            .first_start(&state.name)
            .filter(|&first| start.is_some_and(|start| (start - first).0.abs() >= 60_000))
            .map(|first| first.0),
        late_seconds: late.map(|(late, _)| late),
        late_due: late.map(|(_, due)| due),
    }
}

/// When the vehicle of an order is at its last stop, as planned.
pub(crate) fn arrival(seen: &Glimpse, id: OrderId) -> Option<i64> {
    last_visit(seen, id).map(|visit| visit.arrival.0)
}

/// The last planned visit of an order; `None`: it is on no route, or no road leads there.
fn last_visit(seen: &Glimpse, id: OrderId) -> Option<&fleetfold_fleet::Visit> {
    let route = match seen.fleet.order(id).placement {
        Placement::OnRoute(vehicle) => &seen.fleet.vehicle(vehicle).route,
        Placement::Unplaced | Placement::Unassigned(_) => return None,
    };
    let last = route.visits.iter().rposition(|visit| visit.order == id)?;
    (!route.is_cut_off_at(last)).then(|| &route.visits[last])
}

/// The planned visits of an order.
fn planned(fleet: &fleetfold_fleet::Fleet, id: OrderId) -> impl Iterator<Item = &fleetfold_fleet::Visit> {
    let vehicle = match fleet.order(id).placement {
        Placement::OnRoute(vehicle) => Some(vehicle),
        Placement::Unplaced | Placement::Unassigned(_) => None,
    };
    let visits = vehicle.into_iter().flat_map(|vehicle| &fleet.vehicle(vehicle).route.visits);
    visits.filter(move |visit| visit.order == id)
}

/// Key figures for the strip. `late`: how many visits will be late, `pace`: entries a second.
pub(crate) fn kpi(seen: &Glimpse, late: u32, pace: f64) -> Kpi {
    let (fleet, figures) = (&seen.fleet, &seen.figures);
    // Until the last entry: a zone in which nothing happens tells no screen anything, and its figures stay.
    let until = fleet.zone().zone_time(fleet.logged_at());
    let hours = (until - fleet.zone().day_start).0 as f64 / 3_600_000.0;
    let per_hour = if fleet.zone().opened && hours > 0.02 { figures.vehicle_changes as f64 / hours } else { 0.0 };
    Kpi {
        now: seen.now.0,
        open: fleet.open_count(),
        unassigned: fleet.unassigned_count(),
        late,
        served: figures.served,
        orders: figures.orders,
        on_time: figures.on_time,
        p50: figures.p50,
        p99: figures.p99,
        max: figures.max,
        answers: figures.answers,
        events: pace,
        changes_per_hour: per_hour,
        searching: seen.is_searching,
        owner: seen.epoch,
        overload: seen.overload,
        silent_seconds: fleet.policy().alert_silent.0.max(0) / 1000,
    }
}

/// Alerts that stand.
pub(crate) fn alerts(seen: &Glimpse) -> Vec<Alert<'_>> {
    let stands = seen.fleet.alerts().map(|(alert, state)| {
        let about = |kind| alert.about().filter(|_| alert.kind().about() == kind).map(Name::as_str);
        Alert {
            kind: alert_word(alert.kind()),
            order: about(AlertAbout::Order),
            vehicle: about(AlertAbout::Vehicle),
            since: state.raised.0,
            seconds: state.span.0 / 1000,
            detail: &state.detail,
            acknowledged: state.acknowledged.as_ref().map(|seen| Acknowledged {
                at: seen.at.0,
                by: seen.by.as_ref().map(Name::as_str),
                until: seen.until.map(|until| until.0),
            }),
        }
    });
    stands.collect()
}

/// Streets drawn for one change; a change of a whole city is told by its area.
const LINES_MAX: usize = 2_000;

/// Streets that are named of one change.
const ROAD_NAMES_MAX: usize = 6;

/// Roads that are closed or slowed now.
pub(crate) fn roads(seen: &Glimpse) -> Vec<Road<'_>> {
    let (now, space) = (seen.now, seen.fleet.zone().space);
    let active = seen.fleet.roads().values().filter(|road| road.is_active(now));
    active
        .map(|road| {
            let target = road.change.target.as_ref();
            let places = |line: &[Position]| -> Vec<[f64; 2]> { line.iter().map(|&at| lon_lat(space, at)).collect() };
            let lines = target.map(|target| seen.network.lines_of(target)).unwrap_or_default();
            let lines: Vec<Vec<[f64; 2]>> = lines.iter().take(LINES_MAX).map(|line| places(line)).collect();
            let area = match target {
                Some(RoadTarget::Area(ring)) => places(ring),
                _ => Vec::new(),
            };
            let names = target.map(|target| seen.network.names_of(target)).unwrap_or_default();
            let begun = if road.closed { Event::RoadClosed } else { Event::RoadSlowed }(road.change.clone());
            Road {
                id: road.change.change.as_str(),
                closed: road.closed,
                names: names.into_iter().take(ROAD_NAMES_MAX).collect(),
                until: road.change.until.map(|until| until.0),
                lines,
                area,
                change: encode(&begun, space, "/view", "_", now).data,
            }
        })
        .collect()
}

/// What was learned, with its evidence and age; `used`: enough was seen, and learning is on.
pub(crate) fn features(seen: &Glimpse) -> Learned {
    let (fleet, now) = (&seen.fleet, seen.now);
    let space = fleet.zone().space;
    let on = fleet.policy().learn;
    let class = |class: u8| ["motorway", "arterial", "street"][usize::from(class.min(2))];
    let age = |at: Timestamp| (now - at).0.max(0) / 1000;
    let speeds = fleet.learned_speeds().values().map(|speed| LearnedSpeed {
        class: class(speed.key.class),
        cell: speed.key.cell.map(|cell| [cell.x, cell.y]),
        hour: speed.key.hour,
        travel_time: f64::from(speed.permille) / 1000.0,
        count: speed.count,
        weight_seconds: speed.weight,
        age_seconds: age(speed.seen),
        used: on && fleetfold_engine::enough_seen(speed),
    });
    let mut services: Vec<_> = fleet.learned_services().values().collect();
    services.sort_by_key(|service| service.place);
    let services = services.into_iter().map(|service| LearnedService {
        place: lon_lat(space, service.place),
        service_seconds: service.service.0 as f64 / 1000.0,
        count: service.count,
        age_seconds: age(service.seen),
        used: on && service.count >= fleetfold_fleet::SERVICES_ENOUGH,
    });
    Learned {
        version: fleet.features_version(),
        on,
        watermark: seen.watermark.map(|at| at.0),
        late: seen.late_observations,
        speeds: speeds.collect(),
        services: services.collect(),
    }
}

//! From legal values to bytes.

use fleetfold_model::{
    Attention, Depot, Diversion, Event, FailReason, Features, Freeze, Load, LoadDirection, Millis, Name, NotedItem,
    OnBoardRule, Order, OrderChange, OrderWork, Person, Policy, Position, RoadChange, RoadTarget, Shift, Space,
    StopEvent, StopKind, StopSpec, TimeWindow, Timestamp, Vehicle,
};
use serde::Serialize;
use serde_json::{Value, to_value};

use crate::alert_v1::{AlertAcknowledgedV1, AlertClearedV1, AlertRaisedV1};
use crate::envelope::CloudEvent;
use crate::event_type::{Entity, EventType, event_type};
use crate::event_v1::{
    ArrivalEndsV1, AssignmentRefV1, BaseV1, BreakEventV1, BreakV1, CLASSES, CostsV1, DepotV1, DrivingTimeV1,
    FeaturesV1, ForgottenV1, HoldEndedV1, JobV1, LocatedV1, NotedV1, OrderRefV1, OrderRetryV1, OrderV1, PinV1, PlaceV1,
    PolicyV1, PriorityV1, ReloadEventV1, ReloadV1, RepairV1, RoadV1, ServiceV1, ShiftV1, ShipmentV1, SlotHeldV1,
    SpeedV1, StopEventV1, StopV1, VehicleRefV1, VehicleV1, WindowV1, ZoneV1,
};
use crate::instants::text;
use crate::plan_v1::PlanV1;

/// A capacity from which on a dimension counts as not limited: a quarter of the largest number, so that sums do not overflow.
const UNLIMITED: i32 = i32::MAX / 4;

/// When an event happened: stop reports and `order.ready` carry their own time, everything else has that of the envelope.
fn event_time(event: &Event) -> Option<Timestamp> {
    match event {
        Event::StopDeparted(stop)
        | Event::StopArrived(stop)
        | Event::StopCompleted(stop)
        | Event::StopFailed(stop, ..) => Some(stop.at),
        Event::OrderReady { at, .. } => Some(*at),
        Event::BreakStarted(pause) | Event::BreakEnded(pause) => Some(pause.at),
        Event::ReloadStarted(call) | Event::ReloadEnded(call) => Some(call.at),
        Event::ZoneOpened(_)
        | Event::OrderCreated(_)
        | Event::OrderUpdated(_)
        | Event::OrderCancelled { .. }
        | Event::VehicleRegistered(_)
        | Event::ShiftStarted { .. }
        | Event::ShiftEnded { .. }
        | Event::VehicleLost { .. }
        | Event::VehicleBack { .. }
        | Event::RoadClosed(_)
        | Event::RoadSlowed(_)
        | Event::RoadReopened(_)
        | Event::AssignmentAccepted { .. }
        | Event::AssignmentRejected { .. }
        | Event::StopPinned(_)
        | Event::StopUnpinned { .. }
        | Event::AssignmentForced(_)
        | Event::PriorityRaised(_)
        | Event::AttentionNoted(_)
        | Event::PolicyChanged(_)
        | Event::PlanProposed(_)
        | Event::FeaturesLearned(_)
        | Event::VehicleLocated(_)
        | Event::BaseWritten(_)
        | Event::RepairAsked(_)
        | Event::OrderRetried(_)
        | Event::SlotHeld(_)
        | Event::OrderConfirmed { .. }
        | Event::HoldEnded(_)
        | Event::AlertRaised(_)
        | Event::AlertCleared(_)
        | Event::AlertAcknowledged(_)
        | Event::PersonForgotten(_) => None,
    }
}

/// Encodes an event. `at` is its event time (zone time), where the event does not carry one itself. `source` and `id` name it
/// for ever; the same event with the same arguments always has the same bytes.
pub fn encode(event: &Event, space: Space, source: &str, id: &str, at: Timestamp) -> CloudEvent {
    let at = event_time(event).unwrap_or(at);
    let subject = Entity::of(event).id();
    CloudEvent::new(event_type(event), source, id, subject, text(at), data(event, space))
}

/// Encodes a position report.
pub fn encode_position(
    vehicle: &Name,
    position: Position,
    space: Space,
    source: &str,
    id: &str,
    at: Timestamp,
) -> CloudEvent {
    let raw = VehicleRefV1 {
        vehicle_id: vehicle.to_string(),
        position: Some(place(space, position)),
        shift: None,
        at_time: None,
    };
    CloudEvent::new(EventType::Position.name(), source, id, vehicle.as_str(), text(at), json(&raw))
}

fn json(value: &impl Serialize) -> Value {
    to_value(value).expect("wire types are plain JSON")
}

pub(crate) fn place(space: Space, position: Position) -> PlaceV1 {
    match space {
        Space::Geographic => PlaceV1 {
            lon: Some(f64::from(position.x) / 1e7),
            lat: Some(f64::from(position.y) / 1e7),
            ..PlaceV1::default()
        },
        Space::Planar => PlaceV1 {
            x_meters: Some(f64::from(position.x) / 1000.0),
            y_meters: Some(f64::from(position.y) / 1000.0),
            ..PlaceV1::default()
        },
    }
}

fn seconds(span: Millis) -> f64 {
    span.0 as f64 / 1000.0
}

fn money(amount: i64) -> f64 {
    amount as f64 / 1e6
}

fn load(load: Load) -> Option<Vec<f64>> {
    let used = load.0.iter().rposition(|&value| value != 0).map_or(0, |last| last + 1);
    (used > 0).then(|| load.0[..used].iter().map(|&value| f64::from(value) / 1000.0).collect())
}

fn capacity(load: Load) -> Option<Vec<f64>> {
    let used = load.0.iter().rposition(|&value| value < UNLIMITED).map_or(0, |last| last + 1);
    (used > 0).then(|| load.0[..used].iter().map(|&value| f64::from(value.min(500_000_000)) / 1000.0).collect())
}

fn names(names: &[Name]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn window(window: TimeWindow) -> WindowV1 {
    WindowV1 { opens: text(window.opens()), closes: text(window.closes()) }
}

fn stop(space: Space, stop: &StopSpec) -> StopV1 {
    StopV1 {
        place: place(space, stop.position),
        windows: stop.windows.iter().map(|&w| window(w)).collect(),
        service_seconds: seconds(stop.service),
        setup_seconds: seconds(stop.setup),
        address: None,
    }
}

fn work(space: Space, work: &OrderWork) -> (Option<JobV1>, Option<ShipmentV1>) {
    match work {
        OrderWork::Job(job) => {
            let direction = match job.direction {
                LoadDirection::Delivery => "delivery",
                LoadDirection::Pickup => "pickup",
            };
            (Some(JobV1 { stop: stop(space, &job.stop), direction: direction.to_owned() }), None)
        }
        OrderWork::Shipment(shipment) => {
            let raw = ShipmentV1 { pickup: stop(space, &shipment.pickup), delivery: stop(space, &shipment.delivery) };
            (None, Some(raw))
        }
    }
}

fn order(space: Space, order: &Order) -> OrderV1 {
    let (job, shipment) = work(space, &order.work);
    OrderV1 {
        order_id: order.name.to_string(),
        job,
        shipment,
        load: load(order.load),
        skills: (!order.skills.is_empty()).then(|| names(&order.skills)),
        priority: (order.priority > 0).then_some(order.priority),
        release_time: order.release.map(text),
        promised_time: order.promised.map(text),
        placed_time: Some(text(order.placed)),
        reference: None,
    }
}

fn order_change(space: Space, change: &OrderChange) -> OrderV1 {
    let (job, shipment) = change.work.as_ref().map_or((None, None), |changed| work(space, changed));
    OrderV1 {
        order_id: change.order.to_string(),
        job,
        shipment,
        load: change.load.map(|changed| load(changed).unwrap_or_default()),
        skills: change.skills.as_ref().map(|skills| names(skills)),
        priority: change.priority,
        release_time: change.release.map(text),
        promised_time: change.promised.map(text),
        placed_time: None,
        reference: None,
    }
}

fn shift(shift: &Shift) -> ShiftV1 {
    let pause = |pause: &fleetfold_model::Break| BreakV1 {
        opens: text(pause.window.opens()),
        closes: text(pause.window.closes()),
        duration_seconds: seconds(pause.duration),
    };
    ShiftV1 { starts: text(shift.starts), ends: text(shift.ends), breaks: shift.breaks.iter().map(pause).collect() }
}

fn vehicle(space: Space, vehicle: &Vehicle) -> VehicleV1 {
    VehicleV1 {
        vehicle_id: vehicle.name.to_string(),
        capacity: capacity(vehicle.capacity),
        skills: names(&vehicle.skills),
        costs: Some(CostsV1 {
            per_hour: money(vehicle.costs.per_hour),
            per_km: money(vehicle.costs.per_km),
            fixed: money(vehicle.costs.fixed),
        }),
        speed_factor: (vehicle.time_factor != 1000).then(|| 1000.0 / f64::from(vehicle.time_factor.max(1))),
        start: place(space, vehicle.start),
        end: vehicle.end.map(|end| place(space, end)),
        shift: vehicle.shift.as_ref().map(shift),
        stops_max: vehicle.stops_max,
        lifo: vehicle.lifo,
        driving_time: vehicle.driving_time.map(|rule| DrivingTimeV1 {
            rule: None,
            driving_max_seconds: Some(seconds(rule.driving_max)),
            break_seconds: Some(seconds(rule.pause)),
            first_part_seconds: Some(seconds(rule.first_part)),
            service_counts: Some(rule.service_counts),
            shift_driving_max_seconds: rule.shift_driving_max.map(seconds),
            duty_max_seconds: rule.duty_max.map(seconds),
        }),
        reload: vehicle.reload.as_ref().map(|reload| ReloadV1 {
            places: reload.places.iter().map(|depot| self::depot(space, depot)).collect(),
            max_times: reload.times_max,
        }),
    }
}

fn depot(space: Space, depot: &Depot) -> DepotV1 {
    DepotV1 {
        place: place(space, depot.position),
        name: depot.name.as_ref().map(ToString::to_string),
        service_seconds: seconds(depot.service),
    }
}

fn stop_event(space: Space, event: &StopEvent, reason: Option<FailReason>) -> StopEventV1 {
    let stop = match event.stop {
        StopKind::Pickup => "pickup",
        StopKind::Delivery => "delivery",
    };
    let reason = reason.map(|reason| match reason {
        FailReason::NoShow => "no_show",
        FailReason::Refused => "refused",
        FailReason::NoAccess => "no_access",
        FailReason::Goods => "goods",
        FailReason::Other => "other",
    });
    StopEventV1 {
        vehicle_id: event.vehicle.to_string(),
        order_id: event.order.to_string(),
        stop: stop.to_owned(),
        position: event.position.map(|position| place(space, position)),
        reason: reason.map(str::to_owned),
        retry_at: None,
    }
}

fn road(space: Space, change: &RoadChange) -> RoadV1 {
    let places = |list: &[Position]| list.iter().map(|&corner| place(space, corner)).collect();
    let mut raw = RoadV1 {
        change_id: change.change.to_string(),
        roads: Vec::new(),
        edges: Vec::new(),
        area: Vec::new(),
        line: Vec::new(),
        within_meters: None,
        time_percent: change.time_percent,
        from_time: change.from.map(text),
        until_time: change.until.map(text),
    };
    match &change.target {
        None => {}
        Some(RoadTarget::Roads(roads)) => raw.roads.clone_from(roads),
        Some(RoadTarget::Edges(edges)) => raw.edges.clone_from(edges),
        Some(RoadTarget::Area(ring)) => raw.area = places(ring),
        Some(RoadTarget::Line { places: line, metres }) => {
            (raw.line, raw.within_meters) = (places(line), Some(*metres));
        }
    }
    raw
}

/// A policy with every field given.
pub(crate) fn policy(policy: &Policy) -> PolicyV1 {
    let rule = |rule: OnBoardRule| match rule {
        OnBoardRule::Return => "return".to_owned(),
        OnBoardRule::Keep => "keep".to_owned(),
    };
    PolicyV1 {
        unserved_cost: Some(money(policy.unserved_cost)),
        lateness_cost_per_hour: Some(money(policy.lateness_cost_per_hour)),
        flow_cost_per_hour: Some(money(policy.flow_cost_per_hour)),
        coverage_cost_per_hour: (policy.coverage_cost_per_hour > 0).then(|| money(policy.coverage_cost_per_hour)),
        change_cost: Some(money(policy.change_cost)),
        publish_gain_min: Some(money(policy.publish_gain_min)),
        departure_margin_seconds: Some(seconds(policy.departure_margin)),
        on_cancelled_on_board: Some(rule(policy.on_cancelled_on_board)),
        on_failed_delivery: Some(rule(policy.on_failed_delivery)),
        deliver_after_shift: Some(policy.deliver_after_shift),
        // The default is not written: earlier versions do not know the field.
        diversion: match policy.diversion {
            Diversion::SavesPromise => None,
            Diversion::Never => Some("never".to_owned()),
            Diversion::Saves(_) => Some("saves_cost".to_owned()),
        },
        diversion_gain_min: match policy.diversion {
            Diversion::SavesPromise | Diversion::Never => None,
            Diversion::Saves(gain) => Some(money(gain)),
        },
        one_pickup_place: policy.one_pickup_place.then_some(true),
        add_after_departure: (!policy.add_after_departure).then_some(false),
        decide_every_seconds: (policy.decide_every > Millis(0)).then(|| seconds(policy.decide_every)),
        settle_on_arrival: policy.settle_on_arrival.then_some(true),
        notice_seconds: (policy.notice > Millis(0)).then(|| seconds(policy.notice)),
        max_changes_per_hour: policy.max_changes_per_hour,
        freeze: match policy.freeze {
            Freeze::Departed => None,
            Freeze::Accepted => Some("accepted".to_owned()),
        },
        search_rounds: Some(policy.search_rounds),
        gather_seconds: Some(seconds(policy.gather)),
        alert_late_seconds: Some(seconds(policy.alert_late)),
        alert_deadline_seconds: Some(seconds(policy.alert_deadline)),
        alert_silent_seconds: Some(seconds(policy.alert_silent)),
        eta_change_seconds: Some(seconds(policy.eta_change)),
        learn: Some(policy.learn),
        retire_after_seconds: Some(seconds(policy.retire_after)),
        strict: Some(policy.strict),
        hour_percent: CLASSES
            .iter()
            .zip(&policy.hour_percent)
            .filter(|(_, hours)| hours.iter().any(|&percent| percent != 100))
            .map(|(&class, hours)| (class.to_owned(), hours.to_vec()))
            .collect(),
    }
}

/// Every learned feature as JSON, each under a key that is the same in every version: `arterial-17` (class and hour),
/// `arterial-17--43-205` (class, hour, column and row of the square), or `service-` and the coordinates of the place.
pub fn features_to_json(learned: &Features, space: Space) -> Vec<(String, String)> {
    let raw = features(learned, space);
    let body = |value: Value| {
        let mut value = value;
        value["version"] = learned.version.into();
        value.to_string()
    };
    let speeds = raw.speeds.iter().map(|speed| {
        let cell = speed.cell.map(|[x, y]| format!("-{x}-{y}")).unwrap_or_default();
        (format!("{}-{}{cell}", speed.class, speed.hour), body(json(speed)))
    });
    let services = learned
        .services
        .iter()
        .zip(&raw.services)
        .map(|(service, raw)| (format!("service-{}-{}", service.place.x, service.place.y), body(json(raw))));
    speeds.chain(services).collect()
}

fn features(learned: &Features, space: Space) -> FeaturesV1 {
    let class = |class: u8| CLASSES[usize::from(class.min(2))].to_owned();
    FeaturesV1 {
        version: learned.version,
        watermark: text(learned.watermark),
        speeds: learned
            .speeds
            .iter()
            .map(|speed| SpeedV1 {
                class: class(speed.key.class),
                cell: speed.key.cell.map(|cell| [cell.x, cell.y]),
                hour: speed.key.hour,
                permille: speed.permille,
                count: speed.count,
                weight_seconds: speed.weight,
                seen: text(speed.seen),
            })
            .collect(),
        services: learned
            .services
            .iter()
            .map(|service| ServiceV1 {
                place: place(space, service.place),
                service_seconds: seconds(service.service),
                count: service.count,
                seen: text(service.seen),
            })
            .collect(),
        arrivals: learned
            .arrivals
            .iter()
            .map(|ends| ArrivalEndsV1 {
                lead: ends.lead,
                early_permille: ends.early,
                late_permille: ends.late,
                arrivals: ends.arrivals,
            })
            .collect(),
        epoch: learned.epoch,
    }
}

fn data(event: &Event, space: Space) -> Value {
    let vehicle_ref =
        |name: &Name, position: Option<Position>, period: Option<&Shift>, at: Option<Timestamp>| VehicleRefV1 {
            vehicle_id: name.to_string(),
            position: position.map(|position| place(space, position)),
            shift: period.map(shift),
            at_time: at.map(text),
        };
    let order_ref = |name: &Name| OrderRefV1 { order_id: name.to_string() };
    match event {
        Event::ZoneOpened(zone) => json(&ZoneV1 {
            timezone: zone.timezone.clone(),
            coordinates: match zone.space {
                Space::Geographic => "lonlat",
                Space::Planar => "planar",
            }
            .to_owned(),
            day_start: text(zone.day_start),
            log_start: text(zone.log_start),
            rate: zone.rate,
            policy: policy(&zone.policy),
        }),
        Event::OrderCreated(created) => json(&order(space, created)),
        Event::OrderUpdated(change) => json(&order_change(space, change)),
        Event::OrderReady { order, .. }
        | Event::OrderCancelled { order }
        | Event::OrderConfirmed { order }
        | Event::StopUnpinned { order } => json(&order_ref(order)),
        Event::VehicleRegistered(registered) => json(&vehicle(space, registered)),
        Event::ShiftStarted { vehicle, shift, position } => {
            json(&vehicle_ref(vehicle, *position, shift.as_ref(), None))
        }
        Event::ShiftEnded { vehicle, at } => json(&vehicle_ref(vehicle, None, None, Some(*at))),
        Event::VehicleLost { vehicle, position } | Event::VehicleBack { vehicle, position } => {
            json(&vehicle_ref(vehicle, *position, None, None))
        }
        Event::RoadClosed(change) | Event::RoadSlowed(change) | Event::RoadReopened(change) => {
            json(&road(space, change))
        }
        Event::StopDeparted(stop) | Event::StopArrived(stop) | Event::StopCompleted(stop) => {
            json(&stop_event(space, stop, None))
        }
        Event::StopFailed(stop, reason, retry) => {
            json(&StopEventV1 { retry_at: retry.map(text), ..stop_event(space, stop, Some(*reason)) })
        }
        Event::AssignmentAccepted { vehicle, revision } => {
            json(&AssignmentRefV1 { vehicle_id: vehicle.to_string(), revision: Some(*revision), order_id: None })
        }
        Event::AssignmentRejected { vehicle, order } => json(&AssignmentRefV1 {
            vehicle_id: vehicle.to_string(),
            revision: None,
            order_id: Some(order.to_string()),
        }),
        Event::StopPinned(pin) | Event::AssignmentForced(pin) => {
            json(&PinV1 { order_id: pin.order.to_string(), vehicle_id: pin.vehicle.to_string() })
        }
        Event::PriorityRaised(raised) => {
            json(&PriorityV1 { order_id: raised.order.to_string(), priority: raised.priority })
        }
        Event::AttentionNoted(noted) => json(&NotedV1 {
            order_id: if let NotedItem::Order(order) = &noted.item { Some(order.to_string()) } else { None },
            vehicle_id: if let NotedItem::Vehicle(vehicle) = &noted.item { Some(vehicle.to_string()) } else { None },
            entry_seq: if let NotedItem::Entry(seq) = noted.item { Some(seq) } else { None },
            attention: match noted.attention {
                Attention::Acknowledged => "acknowledged",
                Attention::Snoozed => "snoozed",
                Attention::Cleared => "cleared",
            }
            .to_owned(),
            until_time: noted.until.map(text),
            by: noted.by.clone(),
            words: noted.words.clone(),
        }),
        Event::FeaturesLearned(learned) => json(&features(learned, space)),
        Event::VehicleLocated(located) => json(&LocatedV1 {
            vehicle_id: located.vehicle.to_string(),
            position: place(space, located.position),
            at_time: text(located.at),
            of_seq: located.of.0,
            epoch: located.epoch,
        }),
        Event::BaseWritten(base) => json(&BaseV1 {
            applied_seq: base.applied.0,
            format: base.format,
            digest: format!("{:016x}", base.digest),
            object: base.object.clone(),
            hash: base.hash.clone(),
            size_bytes: base.bytes,
            epoch: base.epoch,
        }),
        Event::RepairAsked(repair) => json(&RepairV1 {
            order_ids: names(&repair.orders),
            vehicle_ids: names(&repair.vehicles),
            what: repair.what.clone(),
            epoch: repair.epoch,
        }),
        Event::OrderRetried(retry) => json(&OrderRetryV1 {
            order_id: retry.order.to_string(),
            retry_at: Some(text(retry.from)),
            window: retry.window.map(window),
            promised_time: retry.promised.map(text),
        }),
        Event::SlotHeld(held) => json(&SlotHeldV1 { order: order(space, &held.order), until_time: text(held.until) }),
        Event::HoldEnded(ended) => {
            json(&HoldEndedV1 { order_id: ended.order.to_string(), until_time: text(ended.until), epoch: ended.epoch })
        }
        Event::BreakStarted(pause) | Event::BreakEnded(pause) => json(&BreakEventV1 {
            vehicle_id: pause.vehicle.to_string(),
            duration_seconds: pause.duration.map(seconds),
            position: pause.position.map(|position| place(space, position)),
        }),
        Event::ReloadStarted(call) | Event::ReloadEnded(call) => json(&ReloadEventV1 {
            vehicle_id: call.vehicle.to_string(),
            position: call.position.map(|position| place(space, position)),
        }),
        Event::AlertRaised(raised) => json(&AlertRaisedV1::from(raised)),
        Event::AlertCleared(cleared) => json(&AlertClearedV1::from(cleared)),
        Event::AlertAcknowledged(said) => json(&AlertAcknowledgedV1::from(said)),
        Event::PersonForgotten(person) => json(&match person {
            Person::Order(order) => ForgottenV1 { order_id: Some(order.to_string()), vehicle_id: None },
            Person::Driver(vehicle) => ForgottenV1 { order_id: None, vehicle_id: Some(vehicle.to_string()) },
        }),
        Event::PolicyChanged(changed) => json(&policy(changed)),
        Event::PlanProposed(proposal) => json(&PlanV1::from_model(proposal, space)),
    }
}

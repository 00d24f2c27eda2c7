//! What is written is read back as it was, and what cannot be is refused with its field.

use std::collections::BTreeSet;

use fleetfold_model::{
    Alert, AlertAcknowledged, AlertCleared, AlertKind, AlertRaised, ArrivalEnds, AssignedVisit, Assignment,
    BaseWritten, BreakEvent, Cell, Choice, Depot, DepotCall, Event, ExchangeGroup, FORMAT, FailReason, Features,
    HoldEnded, Job, Load, LoadDirection, LogSeq, MessageHash, Metres, Millis, Name, NextBreak, Obstacle, Order,
    OrderChange, OrderRetry, OrderWork, Pin, PlannedVisit, Policy, Position, PriorityRaised, Proposal, ProposedRoute,
    Reload, ReloadEvent, RepairAsked, RoadChange, RoadTarget, SearchRecord, ServiceFeature, Shift, Shipment, SlotHeld,
    Space, SpeedFeature, SpeedKey, StopEvent, StopKind, StopSpec, TimeWindow, Timestamp, UnassignedReason, Vehicle,
    VehicleCosts, VehicleLocated, ZoneOpened,
};
use fleetfold_wire::{
    Entity, EventType, What, Writer, assignment_from_json, assignment_to_json, decode, decode_strict, encode, schemas,
    structured,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_780_000_000_000 + seconds * 1000)
}

fn depot_call(position: Position) -> DepotCall {
    DepotCall { position, arrival: at(6), departure: at(9), metres: Metres(77) }
}

fn plan(place: Position) -> Proposal {
    let visit = PlannedVisit {
        order: name("ord-1"),
        stop: StopKind::Pickup,
        depart_at: at(1),
        arrival: at(2),
        start: at(3),
        departure: at(4),
        metres: Metres(1_234),
        break_before: Millis(0),
        reload_before: None,
    };
    let route = ProposedRoute {
        vehicle: name("veh-1"),
        base: LogSeq(4),
        start: place,
        start_at: at(0),
        diverts: true,
        visits: vec![visit.clone(), PlannedVisit { reload_before: Some(depot_call(place)), ..visit }],
    };
    let choice = Choice {
        order: name("ord-1"),
        vehicle: Some(name("veh-1")),
        previous: None,
        reason: None,
        detour: Millis(12_500),
        runner_up: Some(name("veh-2")),
        runner_up_extra: Millis(500),
        runner_up_obstacle: Obstacle::Dearer,
        pin_refused: true,
        joint: 0,
    };
    Proposal {
        rules: fleetfold_model::RULES,
        format: FORMAT,
        epoch: 3,
        rev: 9,
        prev_hash: MessageHash(u128::MAX / 3),
        based_on: LogSeq(16),
        groups: vec![ExchangeGroup {
            routes: vec![route],
            unassigned: vec![(name("ord-2"), UnassignedReason::Skills)],
            caused_by: vec![LogSeq(15)],
            choices: vec![choice],
        }],
        search: SearchRecord { seed: 7, rounds: 24, took: Millis(35), cost_before: 2_000_000, cost_after: 1_500_000 },
        overload: 0,
        fleet_digest: 0x0123_4567_89ab_cdef,
    }
}

/// The order of the first example of one.
fn held_order() -> Order {
    let stop = StopSpec {
        position: Position { x: -86_291_000, y: 411_579_000 },
        windows: vec![TimeWindow::new(at(30), at(60)).unwrap()],
        service: Millis(60_000),
        setup: Millis(0),
    };
    Order {
        name: name("ord-9"),
        work: OrderWork::Job(Job { stop, direction: LoadDirection::Delivery }),
        load: Load([1_000, 0, 0, 0]),
        skills: Vec::new(),
        priority: 0,
        release: None,
        promised: None,
        placed: at(5),
    }
}

fn examples() -> Vec<Event> {
    let place = Position { x: -86_291_234, y: 411_579_438 };
    let window = TimeWindow::new(at(0), at(3600)).unwrap();
    let stop = StopSpec { position: place, windows: vec![window], service: Millis(90_000), setup: Millis(30_500) };
    let order = Order {
        name: name("ord-1"),
        work: OrderWork::Shipment(Shipment { pickup: stop.clone(), delivery: stop.clone() }),
        load: Load([1500, 0, 20, 0]),
        skills: vec![name("cool")],
        priority: 7,
        release: Some(at(60)),
        promised: Some(at(600)),
        placed: at(-5),
    };
    let job = Order {
        work: OrderWork::Job(Job { stop, direction: LoadDirection::Pickup }),
        name: name("ord-2"),
        ..order.clone()
    };
    let shift = Shift {
        starts: at(0),
        ends: at(9000),
        breaks: vec![fleetfold_model::Break { window, duration: Millis(900_000) }],
    };
    let vehicle = Vehicle {
        name: name("veh-1"),
        capacity: Load([12_000, i32::MAX / 4, i32::MAX / 4, i32::MAX / 4]),
        skills: vec![name("cool")],
        costs: VehicleCosts { per_hour: 21_500_000, per_km: 310_000, fixed: 5_000_000 },
        time_factor: 1250,
        start: place,
        end: Some(place),
        shift: Some(shift.clone()),
        stops_max: Some(30),
        lifo: true,
        driving_time: None,
        reload: None,
    };
    let report = StopEvent {
        vehicle: name("veh-1"),
        order: name("ord-1"),
        stop: StopKind::Pickup,
        at: at(5),
        position: Some(place),
    };
    let road = RoadChange {
        change: name("works-1"),
        target: Some(RoadTarget::Roads(vec![7, 8])),
        time_percent: Some(150),
        from: Some(at(1)),
        until: Some(at(2)),
    };
    let corners: Vec<Position> =
        [(0, 0), (1_000_000, 0), (0, 1_000_000)].map(|(x, y)| Position { x: place.x + x, y: place.y + y }).to_vec();
    let area = RoadChange { target: Some(RoadTarget::Area(corners.clone())), time_percent: None, ..road.clone() };
    let edges = RoadChange { target: Some(RoadTarget::Edges(vec![3, 4])), ..area.clone() };
    let line = RoadChange { target: Some(RoadTarget::Line { places: corners, metres: 25 }), ..area.clone() };
    let pin = Pin { order: name("ord-1"), vehicle: name("veh-1") };
    let change = OrderChange {
        order: name("ord-1"),
        work: None,
        load: Some(Load([2000, 0, 0, 0])),
        skills: None,
        priority: Some(3),
        release: None,
        promised: Some(at(700)),
    };
    vec![
        Event::ZoneOpened(ZoneOpened {
            timezone: "Europe/Lisbon".into(),
            space: Space::Geographic,
            day_start: at(0),
            log_start: at(1),
            utc_offset: Millis(3_600_000),
            rate: 60,
            policy: Policy::default(),
        }),
        Event::OrderCreated(order),
        Event::OrderCreated(job),
        Event::OrderUpdated(change),
        Event::OrderReady { order: name("ord-1"), at: at(9) },
        Event::OrderCancelled { order: name("ord-1") },
        Event::VehicleRegistered(vehicle.clone()),
        Event::ShiftStarted { vehicle: name("veh-1"), shift: Some(shift), position: Some(place) },
        Event::ShiftEnded { vehicle: name("veh-1"), at: at(70) },
        Event::VehicleLost { vehicle: name("veh-1"), position: None },
        Event::VehicleBack { vehicle: name("veh-1"), position: Some(place) },
        Event::RoadClosed(area),
        Event::RoadClosed(edges),
        Event::RoadClosed(line),
        Event::FeaturesLearned(Features {
            version: 3,
            watermark: at(60),
            speeds: vec![SpeedFeature {
                key: SpeedKey { class: 1, cell: Some(Cell { x: -432, y: 2057 }), hour: 8 },
                permille: 1720,
                count: 31,
                weight: 4210,
                seen: at(59),
            }],
            services: vec![ServiceFeature { place, service: Millis(151_000), count: 9, seen: at(58) }],
            arrivals: vec![ArrivalEnds { lead: 1, early: -900, late: 2_100, arrivals: 77 }],
            epoch: 4,
        }),
        Event::PolicyChanged(Policy {
            learn: false,
            one_pickup_place: true,
            add_after_departure: false,
            decide_every: Millis(600_000),
            settle_on_arrival: true,
            notice: Millis(120_000),
            max_changes_per_hour: Some(3),
            coverage_cost_per_hour: 12_500_000,
            freeze: fleetfold_model::Freeze::Accepted,
            hour_percent: [[100; 24], [130; 24], [100; 24]],
            ..Policy::default()
        }),
        Event::RoadSlowed(road.clone()),
        Event::RoadReopened(RoadChange { target: None, ..road }),
        Event::StopDeparted(report.clone()),
        Event::StopArrived(report.clone()),
        Event::StopCompleted(report.clone()),
        Event::StopFailed(report, FailReason::NoShow, Some(at(90))),
        Event::AssignmentAccepted { vehicle: name("veh-1"), revision: 9 },
        Event::AssignmentRejected { vehicle: name("veh-1"), order: name("ord-1") },
        Event::StopPinned(pin.clone()),
        Event::StopUnpinned { order: name("ord-1") },
        Event::AssignmentForced(pin),
        Event::PriorityRaised(PriorityRaised { order: name("ord-1"), priority: 100 }),
        Event::AttentionNoted(fleetfold_model::Noted {
            item: fleetfold_model::NotedItem::Order(name("ord-1")),
            attention: fleetfold_model::Attention::Snoozed,
            until: Some(at(5)),
            by: Some("Ana at desk 2".to_owned()),
            words: Some("the customer was called".to_owned()),
        }),
        Event::PersonForgotten(fleetfold_model::Person::Order(name("ord-1"))),
        Event::PersonForgotten(fleetfold_model::Person::Driver(name("veh-1"))),
        Event::PolicyChanged(Policy { search_rounds: 3, ..Policy::default() }),
        Event::VehicleLocated(VehicleLocated {
            vehicle: name("veh-1"),
            position: place,
            at: at(4),
            of: LogSeq(17),
            epoch: 3,
        }),
        Event::BaseWritten(BaseWritten {
            applied: LogSeq(400),
            format: 2,
            digest: 0x00ff_ab00_0000_0001,
            object: "acme.porto/400-2".into(),
            hash: "ab".repeat(32),
            bytes: 123_456,
            epoch: 3,
        }),
        Event::RepairAsked(RepairAsked {
            orders: vec![name("ord-1")],
            vehicles: vec![name("veh-1")],
            what: "F1: ord-1 is on no route".into(),
            epoch: 3,
        }),
        Event::OrderRetried(OrderRetry {
            order: name("ord-1"),
            from: at(60),
            window: TimeWindow::new(at(60), at(120)),
            promised: Some(at(120)),
        }),
        Event::SlotHeld(SlotHeld {
            order: Order { name: name("ord-9"), placed: at(5), ..held_order() },
            until: at(15),
        }),
        Event::OrderConfirmed { order: name("ord-9") },
        Event::BreakStarted(BreakEvent {
            vehicle: name("veh-1"),
            at: at(3),
            duration: Some(Millis(1_800_000)),
            position: Some(place),
        }),
        Event::BreakEnded(BreakEvent { vehicle: name("veh-1"), at: at(4), duration: None, position: None }),
        Event::VehicleRegistered(Vehicle {
            reload: Some(Reload {
                places: vec![
                    Depot { name: Some(name("north")), position: place, service: Millis(600_000) },
                    Depot { name: None, position: Position { x: 1, y: 2 }, service: Millis(0) },
                ],
                times_max: Some(3),
            }),
            ..vehicle
        }),
        Event::ReloadStarted(ReloadEvent { vehicle: name("veh-1"), at: at(3), position: Some(place) }),
        Event::ReloadEnded(ReloadEvent { vehicle: name("veh-1"), at: at(4), position: None }),
        Event::HoldEnded(HoldEnded { order: name("ord-9"), until: at(15), epoch: 3 }),
        Event::AlertRaised(AlertRaised {
            alert: Alert::new(AlertKind::PredictedLate, Some(name("ord-1"))).unwrap(),
            at: at(4),
            span: Millis(720_500),
            detail: "veh-1 arrives 12 minutes after the end of its window".into(),
            epoch: 3,
        }),
        Event::AlertCleared(AlertCleared {
            alert: Alert::new(AlertKind::Silent, Some(name("veh-1"))).unwrap(),
            at: at(5),
            epoch: 3,
        }),
        Event::AlertAcknowledged(AlertAcknowledged {
            alert: Alert::new(AlertKind::Degraded, None).unwrap(),
            by: Some(name("maria")),
            until: Some(at(60)),
        }),
        Event::PlanProposed(plan(place)),
    ]
}

#[test]
fn every_event_is_read_back_as_it_was_written() {
    for event in examples() {
        let envelope = encode(&event, Space::Geographic, "/test", "1", at(5));
        let decoded =
            decode(&serde_json::to_vec(&envelope).unwrap()).unwrap_or_else(|error| panic!("{event:?}: {error}"));
        assert_eq!(decoded.what, What::Event(event));
        let unknown: Vec<_> = decoded.warnings.iter().filter(|warning| warning.is_refused_by_strict()).collect();
        assert!(unknown.is_empty(), "{unknown:?}: the encoder writes a field that {} does not know", envelope.kind);
    }
}

/// The table says of each type who writes it and what it is about; the events themselves must agree.
#[test]
fn the_table_of_types_agrees_with_the_events() {
    let mut seen = BTreeSet::from([EventType::Position]);
    for event in examples() {
        let kind = EventType::of(&event);
        assert_eq!(kind.writer() == Writer::Engine, event.own_epoch().is_some(), "{kind:?}");
        assert_eq!(kind.about(), Entity::of(&event).about(), "{kind:?}");
        seen.insert(kind);
    }
    assert_eq!(seen, EventType::ALL.iter().copied().collect(), "an example of every type");
}

#[test]
fn what_cannot_be_is_refused_with_its_field() {
    let good = encode(&examples()[1], Space::Geographic, "/test", "1", at(5));
    let good = serde_json::to_value(&good).unwrap();
    let inverted = serde_json::json!([{ "opens": "2026-06-01T10:00:00Z", "closes": "2026-06-01T09:00:00Z" }]);
    let cases: Vec<(&str, serde_json::Value, &str)> = vec![
        ("/specversion", "0.3".into(), "specversion"),
        ("/id", "".into(), "id"),
        ("/time", "yesterday".into(), "time"),
        ("/type", "fleet.order.created.v9".into(), "unknown event type"),
        ("/data/order_id", "a b".into(), "order_id"),
        ("/data/priority", 101.into(), "priority"),
        ("/data/priority", 300.into(), "priority"),
        ("/data/shipment/delivery/service_seconds", "long".into(), "shipment.delivery.service_seconds"),
        ("/data/load", serde_json::json!([1, 2, 3, 4, 5]), "load"),
        ("/data/load", serde_json::json!([-1]), "load"),
        ("/data/shipment/pickup/lon", 999.0.into(), "shipment.pickup"),
        ("/data/shipment/pickup/service_seconds", (-1.0).into(), "service_seconds"),
        ("/data/shipment/pickup/windows", inverted, "before it opens"),
        ("/data/shipment", serde_json::Value::Null, "needs a `job` or a `shipment`"),
        ("/data", serde_json::json!([]), "payload"),
    ];
    for (path, value, expected) in cases {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value.clone();
        let error = decode(&serde_json::to_vec(&bad).unwrap()).expect_err(&format!("{path} = {value} was taken"));
        assert!(error.to_string().contains(expected), "{path} = {value}: {error}");
    }
    assert!(decode(b"\xff\x00").is_err());
    assert!(decode(&vec![b'x'; 1 << 20]).unwrap_err().to_string().contains("bytes"));
}

proptest::proptest! {
    /// F5 at the door: no bytes make it panic, not even ones close to an event.
    #[test]
    fn no_bytes_make_it_panic(index in 0usize..28, cut in 0usize..2000, flip in 0usize..2000, with in 0u8..=255) {
        let envelope = encode(&examples()[index % examples().len()], Space::Geographic, "/test", "1", at(5));
        let mut bytes = serde_json::to_vec(&envelope).unwrap();
        let flip = flip % bytes.len();
        bytes[flip] = with;
        let _ = decode(&bytes);
        bytes.truncate(cut);
        let _ = decode(&bytes);
    }

    /// A plan is read straight into its type where that is possible. A type that is written with an escape is read in the general
    /// way: whatever else stands in the message, both say the same.
    #[test]
    fn a_plan_is_read_as_any_other_event(cut in 0usize..4000, put in 0usize..ODDITIES.len()) {
        let plan = Event::PlanProposed(plan(Position { x: 1, y: 2 }));
        let text = String::from_utf8(encode(&plan, Space::Geographic, "/e", "1", at(5)).to_bytes()).unwrap();
        let cut = cut % text.len();
        let text = format!("{}{}{}", &text[..cut], ODDITIES[put], &text[cut..]);
        let escaped = text.replace("fleet.plan.proposed.v1", "fleet.plan.proposed.v\\u0031");
        let said = |text: &str| match decode(text.as_bytes()) {
            Ok(read) => Ok((read.id, read.kind, read.at, read.what, read.warnings)),
            Err(error) => Err(error.code()),
        };
        assert_eq!(said(&text), said(&escaped), "{text}");
    }
}

/// What may stand in a message by mistake or malice: fields that nobody knows, twice the same field, numbers and texts that are none.
const ODDITIES: [&str; 10] = [
    "",
    "0",
    "\"new\":1,",
    "\"new\":1e999,",
    "\"new\":\"\\ud800\",",
    "\"epoch\":7,",
    "\"data\":null,",
    "\"data_base64\":\"e30=\",",
    "null",
    "\"",
];

/// What is odd about depots is refused with the field.
#[test]
fn depots_that_cannot_be_are_refused_with_their_field() {
    let vehicle = |reload: serde_json::Value, more: serde_json::Value| {
        let mut data = serde_json::json!({ "vehicle_id": "v", "start": { "lon": 1.0, "lat": 2.0 }, "reload": reload });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let event = serde_json::json!({ "specversion": "1.0", "id": "1", "source": "/shop",
            "type": "fleet.vehicle.registered.v1", "time": "2026-06-01T09:00:00Z", "data": data });
        decode(event.to_string().as_bytes()).map(|decoded| decoded.what).map_err(|error| error.to_string())
    };
    let none = serde_json::json!({});
    let place = |lon: f64| serde_json::json!({ "lon": lon, "lat": 2.0 });
    let many: Vec<_> = (0..9).map(|lon| place(f64::from(lon))).collect();
    let depot = |field: &str, value: serde_json::Value| {
        let mut depot = place(3.0);
        depot[field] = value;
        serde_json::json!({ "places": [depot] })
    };
    let cases = [
        (serde_json::json!({ "places": [] }), "reload.places"),
        (serde_json::json!({ "places": many }), "reload.places"),
        (serde_json::json!({ "places": [place(3.0), place(3.0)] }), "reload.places[1]"),
        (serde_json::json!({ "places": [{ "lon": 3.0 }] }), "reload.places[0]"),
        (serde_json::json!({ "places": [place(3.0)], "max_times": 0 }), "reload.max_times"),
        (serde_json::json!({ "places": [place(3.0)], "max_times": 101 }), "reload.max_times"),
        (depot("service_seconds", (-1).into()), "reload.places[0].service_seconds"),
        (depot("name", "".into()), "reload.places[0].name"),
    ];
    for (reload, field) in cases {
        let error = vehicle(reload.clone(), none.clone()).unwrap_err();
        assert!(error.contains(field), "{reload}: {error}");
    }
    let legal = serde_json::json!({ "places": [place(3.0)] });
    assert!(vehicle(legal.clone(), none.clone()).is_ok());
    let ruled = vehicle(legal, serde_json::json!({ "driving_time": { "rule": "eu_561" } })).unwrap_err();
    assert!(ruled.contains("driving_time"), "{ruled}");
}

/// Every example of docs/EVENTS.md is a legal event, every type has one, and its subject is the one the program would use.
#[test]
fn the_documented_examples_are_legal_and_complete() {
    let text = include_str!("../../../docs/EVENTS.md");
    let mut kinds = std::collections::BTreeSet::new();
    let every = text.split_once("## Every event").unwrap().1;
    for section in every.split("### `").skip(1) {
        let Some((_, rest)) = section.split_once("```json\n") else { continue };
        let json = rest.split_once("```").unwrap().0;
        let decoded = decode_strict(json.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{json}"));
        assert!(section.starts_with(&format!("{}`", decoded.envelope.kind)), "the heading names another type\n{json}");
        if let What::Event(event) = &decoded.what {
            let kind = decoded.envelope.kind.trim_start_matches("fleet.").trim_end_matches(".v1").replace('.', "_");
            let subject = format!("Subject `fleet.acme.porto.event.{kind}.{}`", fleetfold_wire::entity(event));
            assert!(section.contains(&subject), "expected {subject}\n{json}");
        }
        kinds.insert(decoded.envelope.kind);
    }
    let known = schemas();
    // What comes out is told in other chapters.
    let told = ["fleet.assignment.v1", "fleet.alert.v1", "fleet.eta.v1"];
    for kind in known.keys().filter(|kind| !kind.contains("plan.") && !told.contains(kind)) {
        assert!(kinds.contains(*kind), "docs/EVENTS.md has no example of {kind}");
    }
}

/// Binary mode: attributes as headers. Read as if it had been sent in structured mode.
#[test]
fn a_binary_cloud_event_is_the_structured_one() {
    let envelope = encode(&examples()[1], Space::Geographic, "/test", "1", at(5));
    let time = envelope.time.clone().unwrap();
    let subject = envelope.subject.clone().unwrap();
    let headers = [
        ("CE-SpecVersion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/%74est"),
        ("ce-type", envelope.kind.as_str()),
        ("ce-subject", subject.as_str()),
        ("ce-time", time.as_str()),
        ("ce-unknown", "x"),
        ("Nats-Msg-Id", "/test/1"),
    ];
    let body = serde_json::to_vec(&envelope.data).unwrap();
    let bytes = structured(headers, &body).expect("it has ce-specversion");
    let (binary, plain) = (decode(&bytes).unwrap(), decode(&envelope.to_bytes()).unwrap());
    assert_eq!((binary.id, binary.at, binary.envelope, binary.what), (plain.id, plain.at, plain.envelope, plain.what));
    assert_eq!(structured([("Nats-Msg-Id", "/test/1")], &body), None, "a structured event is left alone");
    let broken = structured(headers, b"\xff{").expect("it has ce-specversion");
    assert!(decode(&broken).unwrap_err().to_string().contains("payload"), "a body that is no JSON is rejected by name");
}

/// What a driver is told can be driven: he leaves for no stop before he is through with the one before. Two thirds of an engine's own
/// times say only when he may leave.
#[test]
fn an_assignment_says_when_to_leave_and_is_read_back_as_it_was() {
    let minute = |minutes: i64| Timestamp(1_780_002_000_000 + minutes * 60_000);
    let visit = |order: &str, depart: i64, arrival: i64, pause: i64| AssignedVisit {
        visit: PlannedVisit {
            order: name(order),
            stop: StopKind::Delivery,
            depart_at: minute(depart),
            arrival: minute(arrival),
            start: minute(arrival),
            departure: minute(arrival + 2),
            metres: Metres(1_000),
            break_before: Millis(pause * 60_000),
            reload_before: None,
        },
        position: Position { x: 0, y: 0 },
        frozen: false,
        depot: None,
        on_the_way: Millis(0),
    };
    // The second may be left for at once, the third not before a quarter of an hour later; before the fourth is a break, and on the way
    // to the last one.
    let mut visits = vec![
        visit("a", 1, 5, 0),
        visit("b", 1, 10, 0),
        visit("c", 25, 30, 0),
        visit("d", 1, 60, 20),
        visit("e", 1, 150, 20),
    ];
    visits[4].on_the_way = Millis(20 * 60_000);
    visits[2].visit.reload_before = Some(depot_call(Position { x: 5_000, y: 0 }));
    visits[2].depot = Some(name("north"));
    let pause = Some(NextBreak { is_taken: false, starts: minute(32), ends: minute(52) });
    let assignment = Assignment { vehicle: name("van"), revision: LogSeq(7), visits, pause };
    let bytes =
        assignment_to_json(&assignment, Space::Planar, |order| (order.as_str() == "b").then(|| "PO 7".to_owned()));
    assert_eq!(assignment_from_json(&bytes), Ok(assignment));
    let told: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(told["visits"][1]["reference"], "PO 7");
    assert_eq!(told["visits"][2]["reload_before"]["name"], "north");
    assert!(told["visits"][1].get("reload_before").is_none());
    assert_eq!((told["visits"][0].get("reference"), &told["break"]["status"]), (None, &"planned".into()));
    let told = |field: &str| -> Vec<String> {
        told["visits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|visit| visit[field].as_str().unwrap()[14..16].to_owned())
            .collect()
    };
    assert_eq!(told("depart_at"), ["01", "07", "25", "52", "02"]);
    assert_eq!(told("not_before"), ["01", "01", "25", "01", "01"]);
}

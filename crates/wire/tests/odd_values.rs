//! Legal values that are probably mistakes are said, and the event stays what it was.

use fleetfold_model::{Space, Timestamp};
use fleetfold_wire::{CloudEvent, Warning, decode, decode_strict, odd_in_zone, other_coordinates};
use serde_json::{Value, json};

fn event(kind: &str, data: &Value) -> Vec<u8> {
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "/shop", "type": format!("fleet.{kind}.v1"),
        "time": "2026-06-01T09:00:00Z", "data": data,
    });
    event.to_string().into_bytes()
}

fn odd(kind: &str, data: &Value) -> Vec<String> {
    let decoded = decode(&event(kind, data)).unwrap_or_else(|error| panic!("{error}: {data}"));
    assert!(decoded.warnings.iter().all(|warning| warning.code == Warning::ODD_VALUE), "{:?}", decoded.warnings);
    decoded.warnings.into_iter().map(|warning| warning.field).collect()
}

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn window(opens: &str, closes: &str) -> Value {
    json!([{ "opens": opens, "closes": closes }])
}

fn job(more: &Value) -> Value {
    let mut stop = json!({ "lon": -8.62, "lat": 41.15 });
    more.as_object().unwrap().iter().for_each(|(name, value)| stop[name] = value.clone());
    json!({ "order_id": "o", "job": { "stop": stop } })
}

fn vehicle(more: &Value) -> Value {
    let mut vehicle = json!({ "vehicle_id": "v", "start": { "lon": -8.62, "lat": 41.15 } });
    more.as_object().unwrap().iter().for_each(|(name, value)| vehicle[name] = value.clone());
    vehicle
}

#[test]
fn odd_values_are_said_with_their_field() {
    let (early, late) = ("2026-06-01T08:00:00Z", "2026-06-01T18:00:00Z");
    let cases: Vec<(&str, Value, &[&str])> = vec![
        ("vehicle.registered", vehicle(&json!({ "stops_max": 0 })), &["stops_max"]),
        ("vehicle.registered", vehicle(&json!({ "capacity": [0, 0] })), &["capacity"]),
        ("vehicle.registered", vehicle(&json!({ "speed_factor": 0.2 })), &["speed_factor"]),
        ("vehicle.registered", vehicle(&json!({ "start": { "lon": 0, "lat": 0.0 } })), &["start.lon"]),
        ("vehicle.registered", vehicle(&json!({ "shift": { "starts": early, "ends": early } })), &["shift.ends"]),
        (
            "shift.started",
            json!({ "vehicle_id": "v", "shift": { "starts": "2026-06-01T01:00:00Z", "ends": early } }),
            &["shift.ends"],
        ),
        (
            "shift.started",
            json!({ "vehicle_id": "v", "shift": { "starts": early, "ends": late, "breaks": [
                { "opens": "2026-06-02T12:00:00Z", "closes": "2026-06-02T13:00:00Z", "duration_seconds": 30 }
            ] } }),
            &["shift.breaks[0]", "shift.breaks[0].duration_seconds"],
        ),
        ("order.created", job(&json!({ "service_seconds": 86_400 })), &["job.stop.service_seconds"]),
        ("order.created", job(&json!({ "setup_seconds": 60_000 })), &["job.stop.setup_seconds"]),
        (
            "order.created",
            job(&json!({ "windows": window("2020-01-01T08:00:00Z", "2020-01-01T10:00:00Z") })),
            &["job.stop.windows"],
        ),
        (
            "order.updated",
            json!({ "order_id": "o", "promised_time": early, "release_time": "2026-06-01T09:30:00Z" }),
            &["promised_time"],
        ),
        (
            "order.created",
            json!({ "order_id": "o", "shipment": {
                "pickup": { "lon": 1, "lat": 1, "windows": window("2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z") },
                "delivery": { "lon": 1, "lat": 2, "windows": window("2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z") },
            } }),
            &["shipment.delivery.windows"],
        ),
        ("road.slowed", json!({ "change_id": "c", "edges": [1], "time_percent": 50 }), &["time_percent"]),
        ("road.closed", json!({ "change_id": "c", "edges": [1], "until_time": early }), &["until_time"]),
        ("policy.changed", json!({ "unserved_cost": 0 }), &["unserved_cost"]),
        ("position", json!({ "vehicle_id": "v", "position": { "lon": 0, "lat": 0 } }), &["position.lon"]),
    ];
    for (kind, data, fields) in cases {
        assert_eq!(odd(kind, &data), fields, "{kind} {data}");
        assert!(decode_strict(&event(kind, &data)).is_ok(), "a strict zone takes {kind} {data}");
    }
}

#[test]
fn usual_values_are_not_doubted() {
    let far = window("2026-06-09T08:00:00Z", "2026-06-09T10:00:00Z");
    for (kind, data) in [
        ("vehicle.registered", vehicle(&json!({ "capacity": [100, 0], "speed_factor": 0.8, "stops_max": 40 }))),
        ("vehicle.registered", vehicle(&json!({ "start": { "lon": 0, "lat": 51.48 } }))),
        ("vehicle.registered", vehicle(&json!({ "start": { "x_meters": 0, "y_meters": 0 } }))),
        ("order.created", job(&json!({ "service_seconds": 7_200, "windows": far }))),
        ("order.created", job(&json!({ "windows": window("2026-06-01T08:00:00Z", "2026-06-01T09:30:00Z") }))),
        (
            "road.slowed",
            json!({ "change_id": "c", "edges": [1], "time_percent": 150, "until_time": "2026-06-01T10:00:00Z" }),
        ),
        ("policy.changed", json!({ "strict": true })),
    ] {
        assert_eq!(odd(kind, &data), Vec::<String>::new(), "{kind} {data}");
    }
}

#[test]
fn an_odd_value_says_what_is_done_with_it() {
    let decoded = decode(&event("vehicle.registered", &vehicle(&json!({ "stops_max": 0 })))).unwrap();
    assert_eq!(
        decoded.warnings[0].to_string(),
        "`stops_max`: 0: the vehicle can serve nothing; without the field there is no limit"
    );
}

fn envelope(kind: &str, data: &Value) -> (fleetfold_wire::EventType, CloudEvent) {
    let decoded = decode(&event(kind, data)).unwrap();
    (decoded.kind, decoded.envelope)
}

#[test]
fn a_clock_that_runs_ahead_is_said_with_what_is_used_instead() {
    let (kind, order) = envelope("order.created", &job(&json!({})));
    let told = odd_in_zone(kind, &order, Space::Geographic, at("2025-06-01T09:00:00Z"));
    assert_eq!((told.len(), told[0].field.as_str()), (1, "time"));
    let detail = told[0].detail.clone().unwrap();
    assert!(detail.starts_with("365 days ahead of the zone's clock (2025-06-01T09:00:00Z)"), "{detail}");
    assert!(detail.ends_with("it is taken as the time at which the order was placed"), "{detail}");
    assert_eq!(odd_in_zone(kind, &order, Space::Geographic, at("2026-06-01T08:01:00Z")), []);
    let report = json!({ "vehicle_id": "v", "order_id": "o", "stop": "delivery" });
    let (kind, report) = envelope("stop.completed", &report);
    let told = odd_in_zone(kind, &report, Space::Geographic, at("2026-06-01T07:00:00Z"));
    assert!(told[0].detail.as_ref().unwrap().ends_with("log time is used instead"), "{told:?}");
}

#[test]
fn places_in_the_coordinates_of_another_zone_are_found() {
    let (kind, order) =
        envelope("order.created", &json!({ "order_id": "o", "job": { "stop": { "x_meters": 5, "y_meters": 5 } } }));
    assert_eq!(other_coordinates(kind, &order, Space::Planar), None);
    let wrong = other_coordinates(kind, &order, Space::Geographic).unwrap();
    assert_eq!(wrong.field, "job.stop.x_meters");
    assert!(wrong.detail.unwrap().contains("`lon`, `lat`"));
    let area = json!([{ "lon": 1, "lat": 1 }, { "lon": 2, "lat": 1 }, { "lon": 1, "lat": 2 }]);
    let (kind, road) = envelope("road.closed", &json!({ "change_id": "c", "area": area }));
    assert_eq!(other_coordinates(kind, &road, Space::Geographic), None);
    assert_eq!(other_coordinates(kind, &road, Space::Planar).unwrap().field, "area[0].lon");
}

#[test]
fn a_repeat_says_the_same_whatever_its_spelling() {
    let parse = |text: &str| serde_json::from_str::<CloudEvent>(text).unwrap();
    let first = parse(
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-06-01T09:00:00Z","data":{"a":1,"b":[2]}}"#,
    );
    for same in [
        r#"{"source":"/s","id":"1","type":"t","specversion":"1.0","time":"2026-06-01T11:00:00.000+02:00","data":{"b":[2.0],"a":1}}"#,
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1,"b":[2]}}"#,
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-06-01T09:00:01Z","data":{"a":1,"b":[2]}}"#,
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-06-01T09:00:00Z","data_base64":"eyJhIjoxLCJiIjpbMl19"}"#,
    ] {
        assert_eq!(parse(same).differs(&first), None, "{same}");
    }
    for (field, other) in [
        (
            "data",
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-06-01T09:00:00Z","data":{"a":2,"b":[2]}}"#,
        ),
        (
            "data",
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-06-01T09:00:00Z","data":{"a":1}}"#,
        ),
        (
            "type",
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"u","time":"2026-06-01T09:00:00Z","data":{"a":1,"b":[2]}}"#,
        ),
    ] {
        assert_eq!(parse(other).differs(&first), Some(field), "{other}");
    }
}

//! A misspelt field is said, at any depth; an extension attribute is not.

use fleetfold_wire::{DecodeError, EventType, Warning, decode, decode_strict};
use serde_json::{Value, json};

fn event(kind: &str, data: &Value) -> Vec<u8> {
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "/shop", "type": kind, "time": "2026-06-01T09:00:00Z",
        "partitionkey": "an extension attribute, which CloudEvents allows", "skils": "so is this", "data": data,
    });
    event.to_string().into_bytes()
}

fn told(kind: &str, data: &Value) -> Vec<(String, Option<String>)> {
    let decoded = decode(&event(kind, data)).unwrap_or_else(|error| panic!("{error}: {data}"));
    decoded.warnings.into_iter().map(|warning| (warning.field, warning.hint)).collect()
}

fn pair(field: &str, hint: Option<&str>) -> (String, Option<String>) {
    (field.to_owned(), hint.map(str::to_owned))
}

#[test]
fn a_misspelt_field_is_told_with_its_path_and_what_was_meant() {
    let stop = json!({ "lon": -8.62, "lat": 41.15 });
    let with = |field: &str, value: Value| {
        let mut stop = stop.clone();
        stop[field] = value;
        stop
    };
    let order = "fleet.order.created.v1";
    let cases = [
        (order, json!({ "order_id": "o", "job": { "stop": stop }, "skils": ["cool"] }), pair("skils", Some("skills"))),
        (
            order,
            json!({ "order_id": "o", "job": { "stop": with("service_minutes", json!(2)) } }),
            pair("job.stop.service_minutes", Some("job.stop.service_seconds")),
        ),
        (
            order,
            json!({ "order_id": "o", "shipment": { "pickup": with("skils", json!([])), "delivery": stop } }),
            pair("shipment.pickup.skils", Some("skills")),
        ),
        (
            order,
            json!({ "order_id": "o", "job": { "stop": with("windows", json!([
                { "opens": "2026-06-01T09:00:00Z", "closes": "2026-06-01T10:00:00Z", "close": 1 }
            ])) } }),
            pair("job.stop.windows[0].close", Some("job.stop.windows[0].closes")),
        ),
        (
            "fleet.vehicle.registered.v1",
            json!({ "vehicle_id": "v", "start": stop, "shift": { "starts": "2026-06-01T09:00:00Z", "ends": "2026-06-01T10:00:00Z", "brakes": [] } }),
            pair("shift.brakes", Some("shift.breaks")),
        ),
        ("fleet.policy.changed.v1", json!({ "lern": true }), pair("lern", Some("learn"))),
        ("fleet.order.ready.v1", json!({ "order_id": "o", "remark": "ring twice" }), pair("remark", None)),
        ("fleet.position.v1", json!({ "vehicle_id": "v", "position": stop, "hdop": 3 }), pair("hdop", None)),
    ];
    for (kind, data, expected) in cases {
        assert_eq!(told(kind, &data), [expected], "{data}");
    }
}

#[test]
fn a_field_that_belongs_elsewhere_is_told_where() {
    let data =
        json!({ "order_id": "o", "service_seconds": 60, "job": { "stop": { "lon": 1, "lat": 2, "skills": [] } } });
    assert_eq!(
        told("fleet.order.created.v1", &data),
        [pair("job.stop.skills", Some("skills")), pair("service_seconds", Some("job.stop.service_seconds"))]
    );
}

#[test]
fn a_strict_reader_refuses_what_another_takes_with_a_warning() {
    let data = json!({ "order_id": "o", "job": { "stop": { "lon": 1, "lat": 2 } }, "skils": ["cool"] });
    let bytes = event("fleet.order.created.v1", &data);
    assert!(decode(&bytes).is_ok());
    let error = decode_strict(&bytes).unwrap_err();
    assert!(matches!(&error, DecodeError::UnknownField { .. }) && error.code() == Warning::UNKNOWN_FIELD);
    let text = error.to_string();
    assert!(text.contains("`skils`") && text.contains("`skills`"), "{text}");
    assert!(decode_strict(&event("fleet.order.ready.v1", &json!({ "order_id": "o" }))).is_ok());
}

/// A newer engine of the same zone may write more.
#[test]
fn fields_of_the_engines_own_events_are_not_told() {
    let data = json!({ "order_ids": ["o"], "what": "F1", "epoch": 1, "new_in_0_9": true });
    assert_eq!(told("fleet.repair.asked.v1", &data), []);
}

#[test]
fn a_flood_of_unknown_fields_is_told_in_part() {
    let mut data = json!({ "order_id": "o" });
    for index in 0..200 {
        data[format!("x{index}")] = json!({ "order_id": {} });
    }
    assert_eq!(told("fleet.order.ready.v1", &data).len(), 20);
    let long = "x".repeat(10_000);
    let told = told("fleet.order.ready.v1", &json!({ "order_id": "o", long: 1 }));
    assert_eq!(told[0].0.len(), 64);
}

#[test]
fn every_name_of_the_table_names_its_type() {
    for &kind in EventType::ALL {
        assert_eq!(EventType::named(kind.name()), Some(kind));
        assert!(
            !kind.description().is_empty()
                && kind.name().starts_with("fleet.")
                && kind.name().strip_suffix(".v1").is_some()
        );
    }
    assert_eq!(EventType::named("fleet.assignment.v1"), None, "what drivers are told is no event");
}

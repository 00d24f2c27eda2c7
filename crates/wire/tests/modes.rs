//! CloudEvents in their forms: structured, binary, with Base64; times and ids as producers write them.

use fleetfold_model::Timestamp;
use fleetfold_wire::{Mode, What, decode, structured};
use serde_json::{Value, json};

fn order(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": "1", "source": "/shop", "type": "fleet.order.ready.v1",
        "time": "2026-06-01T09:00:14Z", "data": { "order_id": id },
    })
}

fn refused(event: &Value) -> String {
    decode(event.to_string().as_bytes()).expect_err(&event.to_string()).to_string()
}

#[test]
fn the_content_type_decides_the_mode() {
    let cloud = "application/cloudevents+json; charset=utf-8";
    for (headers, expected) in [
        (vec![("Content-Type", cloud), ("ce-specversion", "1.0")], Mode::Structured),
        (vec![("ce-specversion", "1.0"), ("content-type", cloud)], Mode::Structured),
        (vec![("CE-SpecVersion", "1.0"), ("content-type", "application/json")], Mode::Binary),
        (vec![("ce-specversion", "1.0")], Mode::Binary),
        (vec![("content-type", "application/json")], Mode::Structured),
        (vec![("content-type", "application/cloudevents-batch+json")], Mode::Batched),
        (vec![], Mode::Structured),
    ] {
        assert_eq!(Mode::of(headers.clone()), expected, "{headers:?}");
    }
    let body = order("o1").to_string();
    assert_eq!(structured([("Content-Type", cloud), ("ce-specversion", "1.0")], body.as_bytes()), None);
}

#[test]
fn a_batch_is_refused_in_words() {
    let error = refused(&json!([order("o1")]));
    assert!(error.contains("each event as a message of its own"), "{error}");
}

#[test]
fn a_payload_in_base64_is_the_payload() {
    let mut event = order("o1");
    let plain = decode(event.to_string().as_bytes()).unwrap();
    event.as_object_mut().unwrap().remove("data");
    event["data_base64"] = "eyJvcmRlcl9pZCI6ICJvMSJ9".into();
    event["datacontenttype"] = "application/json".into();
    assert_eq!(decode(event.to_string().as_bytes()).unwrap().what, plain.what);
    event["data_base64"] = "eyJvcmRlcl9pZCI6ICJvMSJ9=".into();
    assert!(refused(&event).contains("not Base64"));
    event["data_base64"] = "eyJv".into();
    assert!(refused(&event).contains("holds no JSON"));
    event["data"] = json!({ "order_id": "o1" });
    assert!(refused(&event).contains("exclude each other"));
    event.as_object_mut().unwrap().remove("data_base64");
    event["data"] = Value::Null;
    assert!(refused(&event).contains("missing field `data`"));
}

#[test]
fn a_time_may_have_any_number_of_digits() {
    let mut event = order("o1");
    for (time, millis) in [
        ("2026-06-01T09:00:14.123456789123Z", 123),
        ("2026-06-01T11:00:14.9999999999999999+02:00", 999),
        ("2026-06-01T09:00:14.5Z", 500),
        ("2026-06-01T09:00:14Z", 0),
    ] {
        event["time"] = time.into();
        let decoded = decode(event.to_string().as_bytes()).unwrap_or_else(|error| panic!("{time}: {error}"));
        assert_eq!(decoded.at, Timestamp(1_780_304_414_000 + millis), "{time}");
        assert!(matches!(decoded.what, What::Event(_)));
    }
    for time in ["2026-06-01T09:00:14.Z", "2026-06-01T09:00:14.1234567890123", "2026-06-01T09:00:14.123456789012é"] {
        event["time"] = time.into();
        assert!(refused(&event).contains("RFC 3339"), "{time}");
    }
}

#[test]
fn an_id_with_characters_that_cannot_be_seen_is_refused() {
    for id in ["\u{202e}abc", "a\u{200b}b", "a\u{2066}b", "\u{feff}a", "a\u{ad}", "a\u{e0041}", "a\u{fe0f}", "a b", ""]
    {
        let error = refused(&order(id));
        assert!(error.contains("order_id") && error.contains("visible"), "{id:?}: {error}");
        assert!(!error.contains('\u{202e}'), "the message itself is not turned around");
    }
    for id in ["ord-1", "Größe/7", "注文1", "заказ", "ord:1.2", "🚚7"] {
        assert!(decode(order(id).to_string().as_bytes()).is_ok(), "{id}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let mut bytes = order("o1").to_string().replace("/shop", "/shop\u{1}").into_bytes();
    let at = bytes.iter().position(|&byte| byte == b'1').unwrap();
    bytes[at] = 0xff;
    assert!(decode(&bytes).unwrap_err().to_string().contains("utf-8"));
}

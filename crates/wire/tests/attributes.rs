//! What is wrong with an attribute of the envelope is said, with the limit where there is one.

use fleetfold_wire::decode;
use serde_json::json;

/// What is said of an event in which one attribute has this value; `null`: it has none.
fn said(attribute: &str, value: &serde_json::Value) -> String {
    let mut event = json!({
        "specversion": "1.0", "id": "1", "source": "/shop", "type": "fleet.order.ready.v1", "time": "2026-06-01T09:00:00Z",
        "data": { "order_id": "o" },
    });
    event[attribute] = value.clone();
    if value.is_null() {
        event.as_object_mut().unwrap().remove(attribute);
    }
    let error = decode(event.to_string().as_bytes()).unwrap_err();
    assert!(["attribute", "not_cloudevent"].contains(&error.code()), "{error}");
    error.to_string()
}

#[test]
fn the_error_says_which_attribute_has_what_fault() {
    for attribute in ["id", "source", "type"] {
        let named = format!("CloudEvents attribute `{attribute}`");
        assert_eq!(said(attribute, &json!("")), format!("{named} is missing or empty"));
        assert_eq!(said(attribute, &json!("x".repeat(257))), format!("{named} has 257 bytes; at most 256 are taken"));
        assert_eq!(said(attribute, &json!("a\u{7}b")), format!("{named} has the control character U+0007"));
    }
    assert_eq!(said("specversion", &json!("0.3")), "CloudEvents attribute `specversion` is `0.3`; `1.0` is expected");
    assert_eq!(said("time", &json!(null)), "CloudEvents attribute `time` is missing");
    assert!(said("source", &json!(null)).contains("source"), "{}", said("source", &json!(null)));
}

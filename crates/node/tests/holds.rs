//! Keeping a slot of a quote for a customer: over HTTP, against a real broker, through a restart.

mod support;

use serde_json::{Value, json};
use support::engine::{crew, event, serve, state, wait_ready};
use support::{broker, http, pause};

fn order_of(port: u16, id: &str) -> Value {
    serde_json::from_str(&http(port, &format!("GET /v1/orders/{id}"), "").1).unwrap()
}

fn wait_status(port: u16, id: &str, status: &str) {
    let mut last = Value::Null;
    for _ in 0..300 {
        last = order_of(port, id);
        if last["status"] == status {
            return;
        }
        pause(50);
    }
    panic!("{id} is not {status}: {last}");
}

/// A time so many minutes from now.
fn minutes(port: u16, ahead: i64) -> String {
    let now = state(port)["kpi"]["now"].as_i64().unwrap();
    jiff::Timestamp::from_millisecond(now + ahead * 60_000).unwrap().to_string()
}

fn question(port: u16, id: &str, hold: &Value) -> String {
    let slots = json!([{ "opens": minutes(port, 60), "closes": minutes(port, 120) },
                       { "opens": minutes(port, 120), "closes": minutes(port, 180) }]);
    let order = json!({ "order_id": id, "reference": format!("PO {id}"), "job": { "stop": { "lon": -8.62, "lat": 41.15, "service_seconds": 60 } } });
    json!({ "order": order, "slots": slots, "hold": hold }).to_string()
}

#[test]
fn a_slot_of_a_quote_is_kept_taken_given_back_or_given_up_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (mut engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    let keep = |port: u16, id: &str, hold: &Value| {
        let (status, body) = http(port, "POST /v1/quotes", &question(port, id, hold));
        let answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        (status, answer)
    };
    let (status, answer) = keep(port, "taken", &json!({ "minutes": 10, "slot": 1 }));
    assert_eq!(
        (status, &answer["held"]["slot"], &answer["held"]["vehicle"]),
        (200, &json!(1), &json!("van")),
        "{answer}"
    );
    let taken = order_of(port, "taken");
    assert_eq!((&taken["held_until"], &taken["reference"]), (&answer["held"]["until"], &json!("PO taken")), "{taken}");
    let (status, _) = keep(port, "declined", &json!({ "minutes": 10 }));
    assert_eq!(status, 200);
    // Three seconds: its time is over while the engine is away.
    let (status, _) = keep(port, "forgotten", &json!({ "minutes": 0.1 }));
    assert_eq!(status, 200);
    let post = |port: u16, kind: &str, id: &str| {
        let now = minutes(port, 0);
        let mut event = event(kind, &format!("{kind}-{id}"), &json!({ "order_id": id }));
        event["time"] = json!(now);
        assert_eq!(http(port, "POST /v1/events", &event.to_string()).0, 202);
    };
    post(port, "order.confirmed", "taken");
    post(port, "order.cancelled", "declined");
    wait_status(port, "declined", "cancelled");
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    wait_status(port, "forgotten", "cancelled");
    assert_eq!(order_of(port, "taken")["status"], "assigned");
    assert!(order_of(port, "taken")["held_until"].is_null());

    // What cannot be kept is told why.
    let wrong = [
        (json!({ "minutes": 0 }), "minutes"),
        (json!({ "minutes": 10, "slot": 7 }), "slot"),
        (json!({ "minutes": 200 }), "over before"),
        (json!({ "minutes": 10, "until": 3 }), "until"),
    ];
    for (hold, word) in wrong {
        let (status, answer) = keep(port, "wrong", &hold);
        assert!(status == 422 && answer.to_string().contains(word), "{hold}: {status} {answer}");
    }
    let nobody = json!({ "order": { "job": { "stop": { "lon": -8.62, "lat": 41.15 } } }, "slots": [], "hold": { "minutes": 1 } });
    assert_eq!(http(port, "POST /v1/quotes", &nobody.to_string()).0, 422);
    // The same id again: there is such an order.
    let (status, answer) = keep(port, "taken", &json!({ "minutes": 10 }));
    assert_eq!(status, 422, "{answer}");
}

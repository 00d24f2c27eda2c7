//! Alerts as operators see them: on their own subject, in the state of every engine, once through restarts and takeovers. Real
//! processes, a real broker ($FLEETFOLD_NATS_SERVER or PATH).

mod support;

use serde_json::{Value, json};
use support::admin::Admin;
use support::engine::{crew, event, serve, state, wait_ready};
use support::{broker, http, pause};

const SUBJECT: &str = "fleet.acme.porto.alert.unassigned.crane-1";

fn post(port: u16, kind: &str, id: &str, data: &Value) -> (u16, String) {
    http(port, "POST /v1/events", &event(kind, id, data).to_string())
}

/// The alerts of an engine's state, once they are as they should be.
fn wait_alerts(port: u16, right: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut last = Vec::new();
    for _ in 0..300 {
        last.clone_from(state(port)["alerts"].as_array().unwrap());
        if right(&last) {
            return last;
        }
        pause(50);
    }
    panic!("{last:?}");
}

/// What stands on a subject of a stream.
fn last(admin: &Admin, stream: &str, subject: &str) -> Value {
    let message = admin.runtime.block_on(async {
        let stream = admin.context.get_stream(stream).await.unwrap();
        stream.get_last_raw_message_by_subject(subject).await.unwrap()
    });
    serde_json::from_slice(&message.payload).unwrap()
}

/// How many messages of a subject are in the log.
fn count(admin: &Admin, subject: &str) -> u64 {
    admin.runtime.block_on(async {
        let stream = admin.context.get_stream("FLEET").await.unwrap();
        let mut found = stream.info_with_subjects(subject).await.unwrap();
        let mut sum = 0;
        while let Some(subject) = futures::TryStreamExt::try_next(&mut found).await.unwrap() {
            sum += subject.1 as u64;
        }
        sum
    })
}

#[test]
fn an_alert_is_raised_acknowledged_and_cleared_once_for_all_who_look() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (mut first, port) = serve(folder, &url, "porto", "one", &[]);
    wait_ready(port);
    let (_second, other) = serve(folder, &url, "porto", "two", &[]);
    wait_ready(other);
    crew(port);
    // Nobody has a crane, and the deadline is over.
    let order = json!({ "order_id": "crane-1", "skills": ["crane"], "promised_time": "2026-06-01T09:05:00Z",
                        "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
    assert_eq!(post(port, "order.created", "c1", &order).0, 202);
    for port in [port, other] {
        let alerts = wait_alerts(port, |alerts| alerts.len() == 1);
        assert_eq!((&alerts[0]["alert"], &alerts[0]["order"]), (&json!("unassigned"), &json!("crane-1")), "{alerts:?}");
        assert!(alerts[0]["acknowledged"].is_null() && alerts[0]["detail"].as_str().unwrap().contains("deadline"));
    }
    admin.wait_says("ALERT", SUBJECT, "\"state\":\"raised\"");
    let told = last(&admin, "ALERT", SUBJECT);
    assert_eq!((&told["alert"], &told["order_id"]), (&json!("unassigned"), &json!("crane-1")), "{told}");

    // One operator puts it off. The other one sees who and until when, and so does whoever subscribes.
    let seen =
        json!({ "alert": "unassigned", "order_id": "crane-1", "by": "maria", "until_time": "2126-01-01T00:00:00Z" });
    assert_eq!(post(other, "alert.acknowledged", "a1", &seen).0, 202);
    for port in [port, other] {
        let alerts = wait_alerts(port, |alerts| !alerts.is_empty() && !alerts[0]["acknowledged"].is_null());
        assert_eq!(alerts[0]["acknowledged"]["by"], "maria");
    }
    admin.wait_says("ALERT", SUBJECT, "\"acknowledged_by\":\"maria\"");

    // The owner dies. The next one knows of it, and says nothing twice.
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    wait_ready(other);
    pause(3_000);
    let alerts = wait_alerts(other, |alerts| alerts.len() == 1);
    assert_eq!(alerts[0]["acknowledged"]["by"], "maria");
    assert_eq!(count(&admin, "fleet.acme.porto.event.alert_raised._"), 1);
    let before = last(&admin, "ALERT", SUBJECT);
    assert_eq!(before["acknowledged_by"], "maria");

    // It is over: said once, and the subject says so.
    assert_eq!(post(other, "order.cancelled", "x1", &json!({ "order_id": "crane-1" })).0, 202);
    wait_alerts(other, <[Value]>::is_empty);
    admin.wait_says("ALERT", SUBJECT, "\"state\":\"cleared\"");
    assert!(last(&admin, "ALERT", SUBJECT)["revision"].as_u64() > before["revision"].as_u64());
    assert_eq!(count(&admin, "fleet.acme.porto.event.alert_cleared._"), 1);

    // Who names no alert, or one of nobody, is told what is missing.
    let wrong = [
        (json!({ "alert": "unasigned", "order_id": "x" }), "unasigned"),
        (json!({ "alert": "silent" }), "vehicle_id"),
        (json!({ "alert": "degraded", "order_id": "x" }), "order_id"),
    ];
    for (number, (data, word)) in wrong.iter().enumerate() {
        let (status, body) = post(other, "alert.acknowledged", &format!("w{number}"), data);
        assert!(status == 422 && body.contains(word), "{status} {body}");
    }
    // Nobody but the engine raises one: neither over HTTP nor past it.
    let forged = json!({ "alert": "degraded", "since": "2026-06-01T09:00:00Z", "seconds": 1, "detail": "x", "epoch": 1u64 << 60 });
    assert!(post(other, "alert.raised", "f1", &forged).0 >= 400);
    let body = event("alert.raised", "f2", &forged).to_string();
    admin.publish("fleet.acme.porto.event.alert_raised._", body.as_bytes());
    for _ in 0..100 {
        if admin.rejected().iter().any(|one| one["reason"] == "no_owner") {
            break;
        }
        pause(50);
    }
    assert!(admin.rejected().iter().any(|one| one["reason"] == "no_owner"), "{:?}", admin.rejected());
    assert_eq!(state(other)["alerts"], json!([]));
}

/// Waits until the vehicle is known, so that the log has entries behind the first one.
fn wait_answered_all(port: u16) {
    for _ in 0..300 {
        if state(port)["vehicles"].as_array().is_some_and(|vehicles| !vehicles.is_empty()) {
            return;
        }
        pause(50);
    }
    panic!("the vehicle is not known");
}

/// What an owner could not say any more is said by the next one: the alert ended while nobody owned the zone.
#[test]
fn an_alert_that_ends_with_its_owner_is_told_as_over_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (engine, port) = serve(folder, &url, "porto", "one", &[]);
    wait_ready(port);
    crew(port);
    wait_answered_all(port);
    // An alert that no fold knows, of an entry before the last one: it ended, and its owner died before it said so.
    let stale = json!({ "alert": "unassigned", "order_id": "crane-1", "state": "raised", "revision": 1, "since": "2026-06-01T09:00:00Z" });
    drop(engine);
    admin.publish(SUBJECT, stale.to_string().as_bytes());
    let (_engine, port) = serve(folder, &url, "porto", "one", &[]);
    wait_ready(port);
    admin.wait_says("ALERT", SUBJECT, "\"state\":\"cleared\"");
}

//! `fleetfold rejected`: what was not taken is told byte by byte, and is sent again after it was mended. Real processes, a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::Output;

use async_nats::HeaderMap;
use serde_json::{Value, json};
use support::admin::Admin;
use support::engine::{event, order, post, serve, wait_answered, wait_ready};
use support::{broker, pause, run};

const ORDERS: &str = "fleet.acme.porto.event.order_created._";

fn rejected(folder: &Path, url: &str, args: &[&str]) -> Output {
    let all = [&["rejected"], args, &["--log", url, "--tenant", "acme", "--zone", "porto"]].concat();
    run(&all, folder)
}

fn listed(folder: &Path, url: &str, more: &[&str]) -> Vec<Value> {
    let output = rejected(folder, url, &[&["list", "--json"], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All that was rejected, as soon as there are so many.
fn wait_listed(folder: &Path, url: &str, many: usize) -> Vec<Value> {
    let mut last = Vec::new();
    for _ in 0..100 {
        last = listed(folder, url, &[]);
        if last.len() == many {
            return last;
        }
        pause(100);
    }
    panic!("{many} are not listed: {last:#?}");
}

fn publish_with(admin: &Admin, subject: &str, headers: &[(&str, &str)], body: &[u8]) -> u64 {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, *value);
    }
    let publish = admin.context.publish_with_headers(subject.to_owned(), map, body.to_vec().into());
    admin.runtime.block_on(async { publish.await.unwrap().await.unwrap().sequence })
}

/// A word for a slot that nobody keeps: it is refused.
fn confirmed() -> String {
    event("order.confirmed", "c1", &json!({ "order_id": "nobody" })).to_string()
}

#[test]
fn what_was_not_taken_is_told_byte_by_byte_and_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    let admin = Admin::new(&url);

    // No text; larger than what is repeated as text; an event in binary mode whose payload cannot be; an order that nobody knows;
    // an event on the subject of another type; one that only an engine writes.
    let garbage = b"\xff\xfe\0 no text\r\n".to_vec();
    let large: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    let payload = br#"{ "order_id":  "half" }"#.to_vec();
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-id", "b1"),
        ("ce-source", "/shop"),
        ("ce-type", "fleet.order.created.v1"),
        ("ce-time", "2026-06-01T09:00:00Z"),
        ("X-Trace", "caf-7"),
    ];
    let unknown = confirmed().into_bytes();
    let moved = order("moved").to_string().into_bytes();
    let seqs = [
        publish_with(&admin, ORDERS, &[("X-Phone", "7")], &garbage),
        publish_with(&admin, ORDERS, &[], &large),
        publish_with(&admin, ORDERS, &attributes, &payload),
        publish_with(&admin, "fleet.acme.porto.event.order_confirmed._", &[], &unknown),
        publish_with(&admin, "fleet.acme.porto.event.order_cancelled._", &[], &moved),
        publish_with(&admin, "fleet.acme.porto.plan", &[], &garbage),
    ];
    let all = wait_listed(folder, &url, seqs.len());
    let bodies = [&garbage, &large, &payload, &unknown, &moved, &garbage];
    for ((one, seq), body) in all.iter().zip(seqs).zip(bodies) {
        assert_eq!((one["seq"].as_u64(), one["size_bytes"].as_u64()), (Some(seq), Some(body.len() as u64)), "{one}");
        assert!(one["logged_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{one}");
        let shown = rejected(folder, &url, &["show", &seq.to_string(), "--raw"]);
        assert!(shown.status.success() && &shown.stdout == body, "{one}: {shown:?}");
    }
    let reasons: Vec<&str> = all.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(&reasons[3..5], ["unknown_order", "wrong_subject"]);
    assert_eq!(all[0]["headers"], json!([["X-Phone", "7"]]));
    let binary = &all[2];
    assert_eq!(
        (&binary["id"], &binary["source"], &binary["order_id"]),
        (&json!("b1"), &json!("/shop"), &json!("half"))
    );
    assert!(binary["headers"].as_array().unwrap().contains(&json!(["X-Trace", "caf-7"])), "{binary}");
    assert_eq!((&all[3]["id"], &all[3]["order_id"]), (&json!("c1"), &json!("nobody")));
    assert_eq!(listed(folder, &url, &["--reason", "wrong_subject"]).len(), 1);
    assert_eq!(listed(folder, &url, &["--order", "nobody", "--after", &seqs[0].to_string()]).len(), 1);
    assert_eq!(rejected(folder, &url, &["show", "99999"]).status.code(), Some(1));

    // What cannot be is not sent again, and says why.
    let end = admin.end("FLEET");
    for (at, words) in
        [(0, "would be rejected again"), (2, "would be rejected again"), (4, "does not belong"), (5, "again")]
    {
        let output = rejected(folder, &url, &["replay", &seqs[at].to_string()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
    }
    let dry = rejected(folder, &url, &["replay", "--move", "--dry-run", &seqs[4].to_string()]);
    assert!(dry.status.success() && String::from_utf8_lossy(&dry.stdout).contains(ORDERS), "{dry:?}");
    assert_eq!(admin.end("FLEET"), end, "nothing was sent");

    // After it was mended, it counts. Twice is once.
    let mended = folder.join("mended.json");
    std::fs::write(&mended, order("half").to_string()).unwrap();
    let seq = seqs[2].to_string();
    let mended = ["replay", &seq, "--file", mended.to_str().unwrap()];
    assert!(rejected(folder, &url, &mended).status.success());
    wait_answered(port, "half");
    let twice = rejected(folder, &url, &mended);
    assert!(String::from_utf8_lossy(&twice.stdout).contains("sent before"), "{twice:?}");
    assert!(rejected(folder, &url, &["replay", "--move", &seqs[4].to_string()]).status.success());
    wait_answered(port, "moved");
    // The slot that nobody knew is kept now.
    let mut held = order("nobody");
    held["type"] = json!("fleet.slot.held.v1");
    held["data"]["until_time"] = json!((jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string());
    assert_eq!(support::http(port, "POST /v1/events", &held.to_string()).0, 202);
    wait_answered(port, "nobody");
    let output = rejected(folder, &url, &["replay", "--reason", "unknown_order"]);
    assert!(output.status.success(), "{output:?}");
    post(port, "last");
    wait_answered(port, "last");
    assert_eq!(listed(folder, &url, &[]).len(), seqs.len(), "nothing more was rejected");
}

/// Over NATS nobody stands at the door: a source that uses an id for a second event is told what is wrong, and only a repeat counts as one.
#[test]
fn another_event_under_a_used_id_is_no_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    let admin = Admin::new(&url);
    let first = event("order.created", "1", &order("one")["data"]);
    let mut restated = first.clone();
    restated["time"] = json!("2026-06-01T09:00:05Z");
    let other = event("order.created", "1", &order("two")["data"]);
    let cancelled = event("order.cancelled", "1", &json!({ "order_id": "one" }));
    let publish = |subject: &str, event: &Value| admin.publish(subject, event.to_string().as_bytes());
    publish(ORDERS, &first);
    publish(ORDERS, &restated);
    let reused = publish(ORDERS, &other);
    publish("fleet.acme.porto.event.order_cancelled._", &cancelled);
    let all = wait_listed(folder, &url, 3);
    let reasons: Vec<&str> = all.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["duplicate_event", "id_reused", "id_reused"], "{all:#?}");
    let sources: Value = serde_json::from_str(&support::http(port, "GET /v1/sources", "").1).unwrap();
    let shop = sources["sources"].as_array().unwrap().iter().find(|row| row["source"] == "/shop").unwrap().clone();
    assert_eq!((&shop["events"], &shop["duplicates"]), (&json!(4), &json!(1)), "{shop}");
    // What was meant by it gets in under an id of its own.
    assert!(rejected(folder, &url, &["replay", &reused.to_string()]).status.success());
    wait_answered(port, "two");
}

/// The embedded file tells in the same shape.
#[test]
fn the_embedded_file_has_them_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (engine, port) = serve(folder, "embedded:log.redb", "porto", "data", &[]);
    wait_ready(port);
    assert_eq!(support::http(port, "POST /v1/events", &confirmed()).0, 202);
    post(port, "after");
    wait_answered(port, "after");
    // Whoever does not hold the file is told who does.
    let held = rejected(folder, "embedded:log.redb", &["list"]);
    assert!(!held.status.success() && String::from_utf8_lossy(&held.stderr).contains("log.redb"), "{held:?}");
    drop(engine);
    let all = wait_listed(folder, "embedded:log.redb", 1);
    assert_eq!(all[0]["reason"], "unknown_order");
    let shown = rejected(folder, "embedded:log.redb", &["show", "--raw", &all[0]["seq"].to_string()]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&shown["id"], &shown["data"]["order_id"]), (&json!("c1"), &json!("nobody")));
}

/// Refusals and conflicts, as the page reads them: the entries of the refused, and of what contradicts the plan.
fn told(port: u16) -> (Vec<u64>, Vec<u64>) {
    let read = |path: &str| serde_json::from_str::<Value>(&support::http(port, &format!("GET {path}"), "").1).unwrap();
    let seqs = |found: &Value, is_wanted: &dyn Fn(&Value) -> bool| {
        let all = found.as_array().unwrap().iter();
        all.filter(|one| is_wanted(one)).filter_map(|one| one["seq"].as_u64()).collect::<Vec<_>>()
    };
    let refused = seqs(&read("/v1/state")["refused"], &|_| true);
    (refused, seqs(&read("/v1/warnings")["warnings"], &|one| one["code"] == "conflict"))
}

fn wait_told(port: u16, what: &str, wanted: &(Vec<u64>, Vec<u64>)) {
    for _ in 0..200 {
        if told(port) == *wanted {
            return;
        }
        pause(100);
    }
    panic!("{what}: {:?} and not {wanted:?}", told(port));
}

/// Posts what is refused twice and what contradicts a cancellation, then many misspelt fields. Returns what the page then shows.
fn misbehave(port: u16) -> (Vec<u64>, Vec<u64>) {
    let sent = |event: &Value| {
        let (status, text) = support::http(port, "POST /v1/events", &event.to_string());
        assert_eq!(status, 202, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["last_seq"].as_u64().unwrap()
    };
    support::engine::crew(port);
    sent(&order("gone"));
    wait_answered(port, "gone");
    sent(&event("order.cancelled", "x1", &json!({ "order_id": "gone" })));
    let twice = sent(&event("order.cancelled", "x2", &json!({ "order_id": "gone" })));
    let unknown = sent(&serde_json::from_str(&confirmed()).unwrap());
    let stop = json!({ "vehicle_id": "van", "order_id": "gone", "stop": "delivery" });
    let conflict = sent(&event("stop.completed", "x3", &stop));
    let position = |number| {
        let data = json!({ "vehicle_id": "van", "position": { "lon": -8.63, "lat": 41.15 }, "sped": number });
        event("position", &format!("p{number}"), &data).to_string()
    };
    let lines = (0..220).map(position).collect::<Vec<_>>().join("\n");
    let (status, text) = support::http_with(port, "POST /v1/events", "Content-Type: application/x-ndjson\r\n", &lines);
    assert_eq!(status, 202, "{text}");
    (vec![twice, unknown], vec![conflict])
}

#[test]
fn a_restart_tells_again_what_was_refused_and_what_contradicts_the_plan() {
    for url in ["nats", "embedded:log.redb"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let broker = (url == "nats").then(|| broker(folder));
        let url = broker.as_ref().map_or(url, |(_, url)| url);
        let (engine, port) = serve(folder, url, "porto", "data", &[]);
        wait_ready(port);
        let mut wanted = misbehave(port);
        if broker.is_some() {
            wanted.0.push(publish_with(&Admin::new(url), ORDERS, &[], b"no event"));
        }
        wait_told(port, "before", &wanted);
        // Stopped in order, so that it begins with a snapshot.
        let mut engine = engine;
        let pid = engine.0.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(engine.0.wait().is_ok());
        let (engine, port) = serve(folder, url, "porto", "data", &[]);
        wait_ready(port);
        wait_told(port, "with a snapshot", &wanted);
        // Killed, and with nothing but the log.
        drop(engine);
        std::fs::remove_dir_all(folder.join("data")).unwrap();
        let (_engine, port) = serve(folder, url, "porto", "data", &[]);
        wait_ready(port);
        wait_told(port, "with the log alone", &wanted);
    }
}

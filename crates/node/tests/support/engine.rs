//! One engine of one zone, a producer of its facts, and waiting for what comes of them.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Killed, fleetfold, free_port, http, pause, wait_for};

/// An engine of a zone, with a data folder of its own name, and its port.
pub fn serve(folder: &Path, url: &str, zone: &str, data: &str, more: &[&str]) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut args = vec!["serve", "--log", url, "--tenant", "acme", "--zone", zone, "--data", data, "--listen", &listen];
    args.extend(more);
    let log = std::fs::File::options().create(true).append(true).open(folder.join(format!("{data}.log"))).unwrap();
    let child = fleetfold(&args, folder).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    wait_for(port);
    (Killed(child), port)
}

pub fn is_ready(port: u16) -> bool {
    http(port, "GET /readyz", "").0 == 200
}

pub fn wait_ready(port: u16) {
    for _ in 0..400 {
        if is_ready(port) {
            return;
        }
        pause(50);
    }
    panic!("not ready: {:?}", http(port, "GET /readyz", ""));
}

/// Why it is not ready, as soon as the reason has these words.
pub fn wait_not_ready(port: u16, words: &str) -> String {
    let mut last = (0, String::new());
    for _ in 0..160 {
        last = http(port, "GET /readyz", "");
        if last.0 == 503 && last.1.contains(words) {
            return last.1;
        }
        pause(50);
    }
    panic!("not told: {words}: {last:?}");
}

pub fn state(port: u16) -> Value {
    serde_json::from_str(&http(port, "GET /v1/state", "").1).unwrap()
}

pub fn wait_answered(port: u16, order: &str) {
    let mut last = (0, String::new());
    for _ in 0..400 {
        last = http(port, &format!("GET /v1/orders/{order}"), "");
        if last.0 == 200 {
            let order: Value = serde_json::from_str(&last.1).unwrap();
            if ["assigned", "unassigned"].contains(&order["status"].as_str().unwrap()) {
                return;
            }
        }
        pause(50);
    }
    panic!("{order} is not answered: {last:?}");
}

pub fn event(kind: &str, id: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data })
}

pub fn order(id: &str) -> Value {
    event("order.created", id, &json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15 } } }))
}

/// One vehicle at work.
pub fn crew(port: u16) {
    let vehicle = json!({ "vehicle_id": "van", "start": { "lon": -8.63, "lat": 41.15 } });
    for (kind, data) in [("vehicle.registered", vehicle), ("shift.started", json!({ "vehicle_id": "van" }))] {
        assert_eq!(http(port, "POST /v1/events", &event(kind, kind, &data).to_string()).0, 202);
    }
}

pub fn post(port: u16, id: &str) {
    assert_eq!(http(port, "POST /v1/events", &order(id).to_string()).0, 202);
}

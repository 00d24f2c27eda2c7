//! What a client sees of the state: pages, tags, gzip, answers that are not older than what was folded, and deltas that lead from
//! one picture to the next.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Killed, fleetfold, free_port, http, pause, wait_for};
use tungstenite::{Message, WebSocket};

fn engine(folder: &Path) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", "embedded:log.redb", "--tenant", "acme", "--zone", "porto", "--listen", &listen];
    let engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    (engine, port)
}

fn event(kind: &str, id: &str, data: &Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "/test", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data }).to_string()
}

/// Sends facts, one per line; returns the seq of the last one.
fn send(port: u16, facts: &[String]) -> u64 {
    let (status, answer) = http(port, "POST /v1/events", &(facts.join("\n") + "\n"));
    assert_eq!(status, 202, "{answer}");
    serde_json::from_str::<Value>(&answer).unwrap()["last_seq"].as_u64().unwrap_or(0)
}

fn van(name: &str) -> [String; 2] {
    let data = json!({ "vehicle_id": name, "start": { "lon": -8.6, "lat": 41.15 } });
    [
        event("vehicle.registered", &format!("{name}-r"), &data),
        event("shift.started", &format!("{name}-s"), &json!({ "vehicle_id": name })),
    ]
}

fn order(name: &str, lat: f64) -> String {
    let data = json!({ "order_id": name, "job": { "stop": { "lon": -8.6, "lat": lat } } });
    event("order.created", name, &data)
}

fn position(vehicle: &str, id: usize) -> String {
    let data = json!({ "vehicle_id": vehicle, "position": { "lon": -8.6, "lat": 41.15 + id as f64 * 1e-5 } });
    event("position", &format!("{vehicle}-p{id}"), &data)
}

/// Asks; returns the status, the head in small letters, and the body as bytes.
fn get(port: u16, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), answer[end + 4..].to_vec())
}

fn json_of(port: u16, path: &str) -> Value {
    let (status, _, body) = get(port, path, "");
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The last entry folded, as the metrics tell it.
fn folded(port: u16) -> u64 {
    let (_, metrics) = http(port, "GET /metrics", "");
    let line = metrics.lines().find_map(|line| line.strip_prefix("fleetfold_applied_sequence ")).expect("the gauge");
    line.trim().parse().unwrap()
}

/// Waits until every order has an answer and nothing changes any more.
fn quiet(port: u16, orders: usize) -> Value {
    for _ in 0..200 {
        let state = json_of(port, "/v1/state");
        let placed = state["orders"].as_array().unwrap().iter().filter(|order| order["vehicle"].is_string()).count();
        if placed == orders && state["kpi"]["searching"] == false {
            return state;
        }
        pause(50);
    }
    panic!("orders are left without a vehicle");
}

#[test]
fn pages_walk_over_every_vehicle_and_every_order_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    let vans: Vec<String> = (0..7).flat_map(|number| van(&format!("van {number}").replace(' ', "-"))).collect();
    send(port, &vans);
    let orders: Vec<String> =
        (0..45).map(|number| order(&format!("o/{number}&ä"), 41.15 + f64::from(number) * 1e-4)).collect();
    send(port, &orders);
    let state = quiet(port, 45);
    for (part, limit) in [("vehicles", 3), ("vehicles", 7), ("orders", 10), ("orders", 1), ("orders", 10_000)] {
        let (mut walked, mut after) = (Vec::new(), String::new());
        loop {
            let page = json_of(port, &format!("/v1/state?part={part}&limit={limit}{after}"));
            let items = page[part].as_array().unwrap();
            assert!(items.len() <= limit && (!items.is_empty() || walked.is_empty()), "{part} {limit}");
            walked.extend(items.iter().cloned());
            assert!(page["applied"].as_u64().unwrap() >= state["applied"].as_u64().unwrap());
            let Some(next) = page["next"].as_str() else { break };
            assert_eq!(items.last().unwrap()["id"], next);
            let escaped = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC);
            after = format!("&after={escaped}");
        }
        let names =
            |items: &[Value]| items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let (found, all) = (names(&walked), names(state[part].as_array().unwrap()));
        assert_eq!(found, all, "{part} in pages of {limit}");
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
    }
    let decisions = json_of(port, "/v1/state?part=decisions&limit=4");
    let four = decisions["decisions"].as_array().unwrap();
    assert_eq!((four.len(), decisions["next"].as_u64()), (4, four[3]["n"].as_u64()));
    let after = decisions["next"].as_u64().unwrap();
    let next = json_of(port, &format!("/v1/state?part=decisions&limit=1&after={after}"));
    assert!(next["decisions"][0]["n"].as_u64() > Some(after));
    assert_eq!(json_of(port, "/v1/state?part=kpi")["kpi"]["open"], 45);
    for wrong in [
        "?part=drivers",
        "?limit=5",
        "?part=orders&limit=0",
        "?part=orders&limit=10001",
        "?part=decisions&after=x",
        "?part=orders&after=%20",
    ] {
        assert_eq!(get(port, &format!("/v1/state{wrong}"), "").0, 400, "{wrong}");
    }
}

#[test]
fn who_has_the_state_is_told_so_until_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    send(port, &van("van"));
    send(port, &[order("o-1", 41.16)]);
    quiet(port, 1);
    for path in ["/v1/state", "/v1/state?part=orders"] {
        let (status, head, body) = get(port, path, "");
        let tag = header(&head, "etag").expect("a tag").to_owned();
        assert_eq!((status, header(&head, "content-length")), (200, Some(body.len().to_string().as_str())));
        let (status, head, body) =
            get(port, path, &format!("If-None-Match: \"other\", {}\r\n", tag.replace("w/", "W/")));
        assert_eq!((status, body.len(), header(&head, "etag")), (304, 0, Some(tag.as_str())), "{path}");
    }
    let (_, head, _) = get(port, "/v1/state", "");
    let tag = header(&head, "etag").unwrap().replace("w/", "W/");
    let last = send(port, &[order("o-2", 41.17)]);
    while folded(port) < last {
        pause(5);
    }
    let (status, _, body) = get(port, "/v1/state", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["orders"].as_array().map(Vec::len), Some(2));
}

#[test]
fn gzip_holds_the_same_document() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    send(port, &van("van"));
    send(
        port,
        &(0..30).map(|number| order(&format!("o-{number}"), 41.16 + f64::from(number) * 1e-4)).collect::<Vec<_>>(),
    );
    quiet(port, 30);
    for path in ["/v1/state", "/v1/state?part=vehicles"] {
        let (_, head, plain) = get(port, path, "");
        assert_eq!((header(&head, "content-encoding"), header(&head, "vary")), (None, Some("accept-encoding")));
        let (status, head, packed) = get(port, path, "Accept-Encoding: br, gzip\r\n");
        assert_eq!((status, header(&head, "content-encoding")), (200, Some("gzip")));
        assert!(packed.len() * 2 < plain.len(), "{} of {}", packed.len(), plain.len());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
        let without_time = |text: &[u8]| {
            let mut document: Value = serde_json::from_slice(text).unwrap();
            document.as_object_mut().unwrap().remove("kpi");
            document
        };
        assert_eq!(without_time(unpacked.as_bytes()), without_time(&plain), "{path}");
    }
}

#[test]
fn an_answer_is_not_older_than_what_was_folded_when_the_question_came() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    send(port, &van("van"));
    for number in 0..25 {
        let name = format!("o-{number}");
        let last = send(port, &[order(&name, 41.16 + f64::from(number) * 1e-4)]);
        while folded(port) < last {}
        match number % 4 {
            0 => assert_eq!(get(port, &format!("/v1/orders/{name}"), "").0, 200, "{name}"),
            1 => {
                let page = json_of(port, &format!("/v1/state?part=orders&after=o-{}x&limit=1", number - 1));
                assert!(page["applied"].as_u64().unwrap() >= last, "{name}");
            }
            2 => {
                let orders = json_of(port, "/v1/state");
                assert!(
                    orders["orders"].as_array().unwrap().iter().any(|order| order["id"] == name.as_str()),
                    "{name}"
                );
            }
            _ => assert!(json_of(port, "/v1/state?part=kpi")["applied"].as_u64().unwrap() >= last, "{name}"),
        }
    }
}

// ---- screens --------------------------------------------------------------------------------------------------------

type Screen = WebSocket<TcpStream>;

fn connect(port: u16) -> Screen {
    connect_to(port, "")
}

fn connect_to(port: u16, query: &str) -> Screen {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut screen = tungstenite::client(format!("ws://127.0.0.1:{port}/ws{query}"), stream).expect("a websocket").0;
    assert_eq!(next(&mut screen)["type"], "hello");
    screen
}

/// The next frame that is no sign of life.
fn next(screen: &mut Screen) -> Value {
    loop {
        if let Message::Text(text) = screen.read().expect("the feed goes on") {
            let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
            if frame["type"] != "pulse" {
                return frame;
            }
        }
    }
}

/// What a browser holds: vehicles and open orders by name, roads, decisions.
#[derive(Debug, Default, PartialEq)]
struct Held {
    vehicles: BTreeMap<String, Value>,
    orders: BTreeMap<String, Value>,
    roads: Value,
    decisions: Vec<Value>,
}

impl Held {
    fn take(&mut self, body: &Value) {
        let name = |item: &Value| item["id"].as_str().unwrap().to_owned();
        for vehicle in body["vehicles"].as_array().unwrap() {
            self.vehicles.insert(name(vehicle), vehicle.clone());
        }
        for order in body["orders"].as_array().unwrap() {
            if ["open", "unassigned", "assigned", "on board"].contains(&order["status"].as_str().unwrap()) {
                self.orders.insert(name(order), order.clone());
            } else {
                self.orders.remove(&name(order));
            }
        }
        for moved in body["moved"].as_array().into_iter().flatten() {
            let vehicle = self.vehicles.get_mut(moved[0].as_str().unwrap()).expect("a vehicle that moves is known");
            (vehicle["at"], vehicle["seen"]) = (json!([moved[1], moved[2]]), moved[3].clone());
        }
        if !body["roads"].is_null() {
            self.roads = body["roads"].clone();
        }
        self.decisions.extend(body["decisions"].as_array().unwrap().iter().cloned());
    }
}

#[test]
fn deltas_lead_from_one_picture_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    send(port, &[van("van-1"), van("van-2")].concat());
    send(port, &[order("o-0", 41.16)]);
    let mut watching = connect(port);
    let picture = next(&mut watching);
    assert_eq!(picture["type"], "snapshot");
    let (mut held, mut seq) = (Held::default(), picture["seq"].as_u64().unwrap());
    held.take(&picture["body"]);
    for turn in 0..12_usize {
        let name = format!("o-{}", turn + 1);
        let mut facts =
            vec![order(&name, 41.16 + turn as f64 * 1e-3), position("van-1", turn), position("van-2", turn * 2)];
        match turn {
            3 => facts.push(event("order.cancelled", "c-1", &json!({ "order_id": "o-1" }))),
            5 => facts.push(event("vehicle.lost", "l-1", &json!({ "vehicle_id": "van-1" }))),
            6 => facts.push(event("vehicle.back", "b-1", &json!({ "vehicle_id": "van-1" }))),
            7 => facts.push(event("order.cancelled", "c-2", &json!({ "order_id": "unheard-of" }))),
            8 => facts.extend(van("van-3")),
            _ => {}
        }
        send(port, &facts);
        // Another screen comes in the middle of it. Its picture is the one that the first screen has at that delta.
        let mut other = connect(port);
        let fresh = next(&mut other);
        assert_eq!(fresh["type"], "snapshot");
        let upto = fresh["seq"].as_u64().unwrap();
        let mut expected = Held::default();
        expected.take(&fresh["body"]);
        assert!(upto >= seq, "a picture is not older than a delta that was sent");
        while seq < upto {
            let delta = next(&mut watching);
            assert_eq!((delta["type"].as_str(), delta["prev"].as_u64()), (Some("delta"), Some(seq)));
            seq = delta["seq"].as_u64().unwrap();
            held.take(&delta["body"]);
        }
        assert_eq!(held, expected, "turn {turn}, delta {seq}");
        pause(if turn % 3 == 0 { 1_100 } else { 60 });
    }
    assert!(held.decisions.len() >= 12 && held.orders.len() >= 8, "{held:?}");
    let (mut one, mut two) = (connect(port), connect(port));
    let (first, second) = (next(&mut one), next(&mut two));
    assert_eq!(first, second, "screens that come together share one picture");
    // The same by HTTP, and the feed goes on behind it.
    let picture = json_of(port, "/v1/picture");
    assert_eq!((&picture["type"], &picture["body"]["orders"]), (&first["type"], &first["body"]["orders"]));
    send(port, &[order("o-99", 41.2)]);
    let (epoch, mut seq) = (picture["epoch"].as_u64().unwrap(), picture["seq"].as_u64().unwrap());
    let mut behind = connect_to(port, &format!("?epoch={epoch}&since={seq}"));
    let mut orders = BTreeSet::new();
    while !orders.contains("o-99") {
        let delta = next(&mut behind);
        assert_eq!((delta["type"].as_str(), delta["prev"].as_u64()), (Some("delta"), Some(seq)));
        seq += 1;
        orders.extend(
            delta["body"]["orders"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()),
        );
    }
}

//! The live feed as a browser sees it: hello, a picture, deltas without gaps, resuming, resync, and screens that do not
//! read; and who may ask at all.

mod support;

use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use support::engine::serve;
use support::{Killed, http, http_with, pause};
use tungstenite::{Message, WebSocket};

type Screen = WebSocket<TcpStream>;

fn engine(folder: &Path, more: &[&str]) -> (Killed, u16) {
    serve(folder, "embedded:log.redb", "porto", "data", more)
}

fn event(kind: &str, id: &str, data: &Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "/test", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data }).to_string()
}

fn order(port: u16, number: usize) {
    let stop = json!({ "lon": -8.6, "lat": 41.15 + number as f64 * 1e-4 });
    let data = json!({ "order_id": format!("o-{number}"), "job": { "stop": stop } });
    assert_eq!(http(port, "POST /v1/events", &event("order.created", &format!("o-{number}"), &data)).0, 202);
}

fn van(port: u16) {
    let data = json!({ "vehicle_id": "van", "start": { "lon": -8.6, "lat": 41.15 } });
    assert_eq!(http(port, "POST /v1/events", &event("vehicle.registered", "v1", &data)).0, 202);
    assert_eq!(http(port, "POST /v1/events", &event("shift.started", "v2", &json!({ "vehicle_id": "van" }))).0, 202);
}

fn connect(port: u16, query: &str) -> Screen {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    tungstenite::client(format!("ws://127.0.0.1:{port}/ws{query}"), stream).expect("a websocket").0
}

/// The next frame that is no sign of life.
fn next(screen: &mut Screen) -> Value {
    loop {
        let frame = frame(screen);
        if kind(&frame) != "pulse" {
            return frame;
        }
    }
}

fn frame(screen: &mut Screen) -> Value {
    loop {
        if let Message::Text(text) = screen.read().expect("the feed goes on") {
            return serde_json::from_str(&text).expect("frames are JSON");
        }
    }
}

fn kind(frame: &Value) -> &str {
    frame["type"].as_str().unwrap_or("")
}

/// Reads deltas, each of which must follow the one before, until an order is on a route.
fn until_assigned(screen: &mut Screen, seq: &mut u64, order: &str) {
    loop {
        let delta = next(screen);
        assert_eq!(
            (kind(&delta), delta["prev"].as_u64(), delta["seq"].as_u64()),
            ("delta", Some(*seq), Some(*seq + 1))
        );
        *seq += 1;
        let orders = delta["body"]["orders"].as_array().cloned().unwrap_or_default();
        if orders.iter().any(|each| each["id"] == order && each["vehicle"] == "van") {
            return;
        }
    }
}

#[test]
fn a_screen_that_comes_back_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    van(port);
    let mut watching = connect(port, "");
    let hello = next(&mut watching);
    assert_eq!(kind(&hello), "hello");
    let picture = next(&mut watching);
    assert_eq!(kind(&picture), "snapshot");
    let mut seq = picture["seq"].as_u64().unwrap();
    order(port, 1);
    until_assigned(&mut watching, &mut seq, "o-1");
    // Another screen saw as much, went away, and comes back after two more orders.
    let (epoch, since) = (hello["epoch"].as_u64().unwrap(), seq);
    order(port, 2);
    until_assigned(&mut watching, &mut seq, "o-2");
    let mut back = connect(port, &format!("?epoch={epoch}&since={since}"));
    assert_eq!(kind(&next(&mut back)), "hello");
    let mut resumed = since;
    until_assigned(&mut back, &mut resumed, "o-2"); // the first frame is the delta after `since`
    // Of another start, or from too long ago: a picture.
    for query in [format!("?epoch={}&since={since}", epoch + 1), format!("?epoch={epoch}&since={}", seq + 1_000)] {
        let mut other = connect(port, &query);
        assert_eq!(kind(&next(&mut other)), "hello");
        assert_eq!(kind(&next(&mut other)), "snapshot", "{query}");
    }
    // A screen that lost its place asks for a picture.
    back.send(Message::text(json!({ "type": "resync" }).to_string())).unwrap();
    let picture = loop {
        let frame = next(&mut back);
        if kind(&frame) == "snapshot" {
            break frame;
        }
    };
    assert_eq!(picture["body"]["orders"].as_array().map(Vec::len), Some(2));
    // Who comes back soon misses nothing, although no screen was there.
    drop((watching, back));
    let last = picture["seq"].as_u64().unwrap();
    order(port, 3);
    pause(500);
    let mut soon = connect(port, &format!("?epoch={epoch}&since={last}"));
    assert_eq!(kind(&next(&mut soon)), "hello");
    let mut resumed = last;
    until_assigned(&mut soon, &mut resumed, "o-3");
    // When nobody looks for long, what changes is not noted any more: who comes back then gets a picture.
    drop(soon);
    order(port, 4);
    pause(11_500);
    let mut late = connect(port, &format!("?epoch={epoch}&since={resumed}"));
    assert_eq!(kind(&next(&mut late)), "hello");
    let picture = next(&mut late);
    assert_eq!((kind(&picture), picture["body"]["orders"].as_array().map(Vec::len)), ("snapshot", Some(4)));
}

#[test]
fn a_full_house_turns_the_next_away_and_sleepers_keep_their_feed() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    van(port);
    let mut asleep: Vec<Screen> = (0..255).map(|_| connect(port, "")).collect();
    let mut awake = connect(port, "");
    assert_eq!(kind(&next(&mut awake)), "hello");
    let mut seq = next(&mut awake)["seq"].as_u64().unwrap();
    for number in 0..40 {
        order(port, number);
    }
    until_assigned(&mut awake, &mut seq, "o-39");
    // One more is turned away with a reason, not left hanging.
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let refused = tungstenite::client(format!("ws://127.0.0.1:{port}/ws"), stream).expect_err("256 is the most");
    assert!(refused.to_string().contains("503"), "{refused}");
    // A sleeper that wakes up still has an unbroken feed.
    let mut woken = asleep.pop().unwrap();
    assert_eq!(kind(&next(&mut woken)), "hello");
    let mut seq = next(&mut woken)["seq"].as_u64().unwrap();
    until_assigned(&mut woken, &mut seq, "o-39");
}

#[test]
fn strangers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    let (_engine, port) = engine(folder.path(), &["--token-file", "token"]);
    assert_eq!(http(port, "GET /livez", "").0, 200);
    assert_eq!(http(port, "GET /v1/state", "").0, 401);
    assert_eq!(http_with(port, "GET /v1/state", "Authorization: Bearer wrong\r\n", "").0, 401);
    assert_eq!(http_with(port, "GET /v1/state", "Authorization: Bearer s3cret\r\n", "").0, 200);
    let foreign = "Authorization: Bearer s3cret\r\nOrigin: http://evil.example\r\n";
    assert_eq!(http_with(port, "POST /v1/events", foreign, "{}").0, 403, "another site's page");
    let large = "x".repeat(9 << 20);
    let (status, _) = http_with(port, "POST /v1/events", "Authorization: Bearer s3cret\r\n", &large);
    assert_eq!(status, 413);
}

/// A quiet zone gives signs of life, which say who decides and how old the last entry is.
#[test]
fn a_quiet_feed_says_that_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    van(port);
    let mut screen = connect(port, "");
    let mut pulses = Vec::new();
    while pulses.len() < 4 {
        let frame = frame(&mut screen);
        if kind(&frame) == "pulse" {
            pulses.push(frame);
        }
    }
    let last = pulses.last().unwrap();
    assert!(last["trouble"].is_null() && last["owner"].as_u64() > Some(0), "{last}");
    assert_eq!((&last["overload"], last["applied"].as_u64() >= Some(2)), (&json!(0), true), "{last}");
    assert!(last["entry_age_seconds"].as_i64() > pulses[0]["entry_age_seconds"].as_i64(), "{pulses:?}");
    assert!(last["now"].as_i64() > pulses[0]["now"].as_i64(), "{pulses:?}");
}

/// Who is gone before the feed has begun gives the seat back.
#[test]
fn a_seat_comes_back_from_who_never_sat_down() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    for _ in 0..400 {
        let mut gone = TcpStream::connect(("127.0.0.1", port)).unwrap();
        std::io::Write::write_all(&mut gone, upgrade.as_bytes()).unwrap();
    }
    // Within the time in which a silent peer is found out.
    for _ in 0..400 {
        pause(50);
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        if tungstenite::client(format!("ws://127.0.0.1:{port}/ws"), stream).is_ok() {
            return;
        }
    }
    panic!("every seat is taken by somebody who is gone");
}

/// A page of another name that resolves to this machine has no business here.
#[test]
fn without_a_token_only_local_names_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    let raw = |target: &str, hosts: &str| {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
        answer
    };
    let asked = |host: &str| raw("/v1/state", &format!("Host: {host}\r\n"));
    for host in ["127.0.0.1", "127.0.0.1:1", "localhost:8080", "LOCALHOST", "fleet.localhost", "[::1]:80", "10.0.0.7"] {
        assert!(asked(host).starts_with("HTTP/1.1 200"), "{host}");
    }
    for host in ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost"]
    {
        let answer = asked(host);
        assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("--token-file"), "{host}: {answer}");
    }
    // The address in the first line counts, and whom a request is for is said once.
    let absolute = raw("http://evil.example/v1/state", "Host: localhost\r\n");
    assert!(absolute.starts_with("HTTP/1.1 421"), "{absolute}");
    let local = raw(&format!("http://127.0.0.1:{port}/v1/state"), "Host: evil.example\r\n");
    assert!(local.starts_with("HTTP/1.1 200"), "{local}");
    for hosts in
        ["", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nHost: evil.example\r\n", "Host: a b\r\n"]
    {
        let answer = raw("/v1/state", hosts);
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("`Host`"), "{hosts}: {answer}");
    }
}

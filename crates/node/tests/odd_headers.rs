//! A message whose headers or subject are no text, or say what only a broker says, stops nobody: not the engine, not its restart, not a
//! reading command. Published through a socket of our own, because no client sends such messages; nats-server stores them.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Killed, broker, fleetfold, free_port, http, pause, wait_for};

const WHOSE: [&str; 4] = ["--tenant", "acme", "--zone", "porto"];

fn serve(folder: &Path, url: &str) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = [&["serve", "--log", url, "--data", "data", "--listen", &listen], &WHOSE[..]].concat();
    let engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    for _ in 0..400 {
        if http(port, "GET /readyz", "").0 == 200 {
            return (engine, port);
        }
        pause(50);
    }
    panic!("not ready: {:?}", http(port, "GET /readyz", ""));
}

fn event(kind: &str, id: &str, data: &Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data }).to_string()
}

fn order(id: &str) -> String {
    event("order.created", id, &json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15 } } }))
}

fn wait_placed(port: u16, id: &str, after: &str) {
    let mut last = (0, String::new());
    for _ in 0..200 {
        last = http(port, &format!("GET /v1/orders/{id}"), "");
        if last.0 == 200 && last.1.contains("\"assigned\"") {
            return;
        }
        pause(50);
    }
    panic!("{id} is not answered after {after}: {last:?}, {:?}", http(port, "GET /readyz", ""));
}

/// Publishes these bytes as headers and body.
fn publish(url: &str, subject: &[u8], headers: &[u8], body: &[u8]) {
    let mut socket = TcpStream::connect(url.strip_prefix("nats://").unwrap()).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    let mut text = b"CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB ".to_vec();
    text.extend_from_slice(subject);
    text.extend_from_slice(format!(" {} {}\r\n", headers.len(), headers.len() + body.len()).as_bytes());
    text.extend_from_slice(headers);
    text.extend_from_slice(body);
    text.extend_from_slice(b"\r\nPING\r\n");
    socket.write_all(&text).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.windows(4).any(|four| four == b"PONG") {
        let read = socket.read(&mut buffer).expect("the broker answers");
        assert!(read > 0, "the broker has closed: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..read]);
    }
    assert!(!String::from_utf8_lossy(&answer).contains("-ERR"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn odd_headers_and_subjects_stop_neither_an_engine_nor_its_restart_nor_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (engine, port) = serve(folder, &url);
    let vehicle = json!({ "vehicle_id": "van", "start": { "lon": -8.63, "lat": 41.15 } });
    for (kind, data) in [("vehicle.registered", vehicle), ("shift.started", json!({ "vehicle_id": "van" }))] {
        assert_eq!(http(port, "POST /v1/events", &event(kind, kind, &data)).0, 202);
    }
    let blocks: [(&str, &[u8]); 12] = [
        ("latin1", b"NATS/1.0\r\nX-Note: caf\xe9\r\n\r\n"),
        ("no colon", b"NATS/1.0\r\nnothing\r\n\r\n"),
        ("blank in the name", b"NATS/1.0\r\na b: c\r\n\r\n"),
        ("no ASCII in the name", "NATS/1.0\r\nü: c\r\n\r\n".as_bytes()),
        ("carriage return", b"NATS/1.0\r\nX: a\rb\r\n\r\n"),
        ("line feed", b"NATS/1.0\r\nX: a\nb\r\n\r\n"),
        ("continued", b"NATS/1.0\r\nX: a\r\n b\rc\r\n\r\n"),
        ("id", b"NATS/1.0\r\nNats-Msg-Id: \xff\r\n\r\n"),
        ("status", b"NATS/1.0 404 No Messages\r\n\r\n"),
        ("conflict", b"NATS/1.0 409 Consumer Deleted\r\nX: y\r\n\r\n"),
        ("no status", b"NATS/1.0 abc\r\n\r\n"),
        ("forged place", b"NATS/1.0 503\r\nNats-Sequence: x\r\nNats-Stream: FLEET\r\n\r\n"),
    ];
    for (number, (what, block)) in blocks.into_iter().enumerate() {
        let (odd, after) = (format!("odd-{number}"), format!("after-{number}"));
        publish(&url, b"fleet.acme.porto.event.order_created._", block, order(&odd).as_bytes());
        assert_eq!(http(port, "POST /v1/events", &order(&after)).0, 202, "{what}");
        wait_placed(port, &after, what);
        wait_placed(port, &odd, what);
        // The same on the other subjects that an engine reads.
        let subjects = ["plan", "assignment.van", "position.van", "rejected.x", "warning.x"];
        for subject in subjects.map(|rest| format!("fleet.acme.porto.{rest}")) {
            publish(&url, subject.as_bytes(), block, b"garbage");
        }
        for subject in ["$KV.SKIPPED.acme.other.7", "$O.BASES.M.Z2FyYmFnZQ=="] {
            publish(&url, subject.as_bytes(), block, b"garbage");
        }
    }
    for subject in [
        &b"fleet.acme.porto.event.order_created.caf\xe9"[..],
        "fleet.acme.porto.event.order_created.a\u{a0}b".as_bytes(),
    ] {
        publish(&url, subject, b"NATS/1.0\r\nX: y\r\n\r\n", b"garbage");
    }
    assert_eq!(http(port, "POST /v1/events", &order("last")).0, 202);
    wait_placed(port, "last", "all of them");
    for command in ["verify", "record"] {
        let read = fleetfold(&[&[command, "--log", &url], &WHOSE[..]].concat(), folder).output().unwrap();
        assert!(read.status.success(), "{command}: {}", String::from_utf8_lossy(&read.stderr));
    }
    drop(engine);
    // It folds from the first entry on, if a snapshot was written.
    let _ = std::fs::remove_dir_all(folder.join("data"));
    let (_engine, port) = serve(folder, &url);
    assert_eq!(http(port, "POST /v1/events", &order("again")).0, 202);
    wait_placed(port, "again", "a restart");
}

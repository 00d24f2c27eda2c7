//! A message whose headers or subject are no text, or say what only a broker says, stops nobody: not the engine, not its restart, not a
//! reading command. Published through a socket of our own, because no client sends such messages; nats-server stores them.
//!
//! And the header that is of use: the trace of an event goes on with its decision and its assignment, and to a collector.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use support::{Killed, broker, fleetfold, free_port, http, pause, wait_for};

const WHOSE: [&str; 4] = ["--tenant", "acme", "--zone", "porto"];

fn serve(folder: &Path, url: &str) -> (Killed, u16) {
    serve_with(folder, url, &[])
}

fn serve_with(folder: &Path, url: &str, more: &[&str]) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = [&["serve", "--log", url, "--data", "data", "--listen", &listen], &WHOSE[..], more].concat();
    let mut command = fleetfold(&args, folder);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "50").stdout(Stdio::null()).stderr(Stdio::null());
    let engine = Killed(command.spawn().unwrap());
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

/// A collector that takes everything: its address, and the spans that it was sent.
fn collector() -> (String, Receiver<Span>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (to, spans) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let to = to.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                loop {
                    let (mut length, mut line) = (0, String::new());
                    while reader.read_line(&mut line).unwrap_or(0) > 2 {
                        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                            length = said.trim().parse().unwrap();
                        }
                        line.clear();
                    }
                    let mut body = vec![0; length];
                    if length == 0 || reader.read_exact(&mut body).is_err() {
                        return;
                    }
                    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
                    for of in request.resource_spans.into_iter().flat_map(|of| of.scope_spans) {
                        of.spans.into_iter().for_each(|span| to.send(span).unwrap());
                    }
                    let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            });
        }
    });
    (address, spans)
}

/// The `traceparent` of each message with one, on these subjects, from now on.
fn traceparents(url: &str, subjects: &[&str]) -> Receiver<(String, String)> {
    let connect = || TcpStream::connect(url.strip_prefix("nats://").unwrap()).ok();
    let again = || {
        pause(50);
        connect()
    };
    let mut socket = connect().or_else(|| (0..400).find_map(|_| again())).expect("a broker that listens");
    let subscribed: Vec<String> =
        subjects.iter().enumerate().map(|(id, subject)| format!("SUB {subject} {id}\r\n")).collect();
    let subscribed = subscribed.concat();
    let text = format!("CONNECT {{\"verbose\":false,\"headers\":true}}\r\n{subscribed}PING\r\n");
    socket.write_all(text.as_bytes()).unwrap();
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "PONG"));
    let (to, said) = channel();
    std::thread::spawn(move || {
        let mut subject = String::new();
        for line in lines {
            if let Some(rest) = line.strip_prefix("HMSG ") {
                rest.split(' ').next().unwrap().clone_into(&mut subject);
            } else if let Some(trace) = line.strip_prefix("traceparent: ") {
                let _ = to.send((subject.clone(), trace.to_owned()));
            }
        }
    });
    said
}

/// Trace and span of a `traceparent`.
fn ids(traceparent: &str) -> (String, String) {
    let parts: Vec<&str> = traceparent.split('-').collect();
    (parts[1].to_owned(), parts[2].to_owned())
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

#[test]
fn a_trace_goes_on_from_the_event_to_the_decision_and_the_assignment() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PRODUCER: &str = "00f067aa0ba902b7";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (plan, assignment) = ("fleet.acme.porto.plan", "fleet.acme.porto.assignment.van");
    let said = traceparents(&url, &[plan, assignment]);
    let traced = |id: &str| {
        let mut event: Value = serde_json::from_str(&order(id)).unwrap();
        event["traceparent"] = format!("00-{TRACE}-{PRODUCER}-01").into();
        event.to_string()
    };
    let heard = |subject: &str| loop {
        let (on, trace) = said.recv_timeout(Duration::from_secs(20)).expect(subject);
        if on == subject {
            return ids(&trace);
        }
    };
    // A collector that is not there costs nothing but the spans.
    let (mut engine, port) = serve_with(folder, &url, &["--otlp", "http://127.0.0.1:1"]);
    let vehicle = json!({ "vehicle_id": "van", "start": { "lon": -8.63, "lat": 41.15 } });
    for (kind, data) in [("vehicle.registered", vehicle), ("shift.started", json!({ "vehicle_id": "van" }))] {
        assert_eq!(http(port, "POST /v1/events", &event(kind, kind, &data)).0, 202);
    }
    // What has no trace begins none, and what is no trace is none.
    for odd in ["00-no-trace-01", ""] {
        let mut event: Value = serde_json::from_str(&order(&format!("odd{}", odd.len()))).unwrap();
        event["traceparent"] = odd.into();
        assert_eq!(http(port, "POST /v1/events", &event.to_string()).0, 202);
    }
    wait_placed(port, "odd14", "an odd trace");
    assert_eq!(http(port, "POST /v1/events", &traced("dead")).0, 202);
    wait_placed(port, "dead", "a dead collector");
    let (decided, told) = (heard(plan), heard(assignment));
    assert_eq!((decided.0.as_str(), told.0.as_str()), (TRACE, TRACE));
    assert!(Command::new("kill").arg(engine.0.id().to_string()).status().unwrap().success());
    assert!(engine.0.wait().unwrap().success());

    let (address, spans) = collector();
    let (_engine, port) = serve_with(folder, &url, &["--otlp", &address]);
    assert_eq!(http(port, "POST /v1/events", &traced("ord")).0, 202);
    wait_placed(port, "ord", "a trace");
    let (decided, told) = (heard(plan), heard(assignment));
    let mut got: Vec<Span> = Vec::new();
    let named = |got: &[Span], name: &str| got.iter().find(|span| span.name == name).cloned();
    while ["fleet.order.created.v1", "decision", "assignment"].iter().any(|name| named(&got, name).is_none()) {
        got.push(spans.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("{got:#?}")));
    }
    let [event, decision, assignment] =
        ["fleet.order.created.v1", "decision", "assignment"].map(|name| named(&got, name).unwrap());
    for span in [&event, &decision, &assignment] {
        assert_eq!(hex(&span.trace_id), TRACE);
        assert!(span.start_time_unix_nano > 0 && span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
    }
    assert_eq!(hex(&event.parent_span_id), PRODUCER);
    assert_eq!(decision.parent_span_id, event.span_id);
    assert_eq!(assignment.parent_span_id, decision.span_id);
    assert!(event.span_id != decision.span_id && decision.span_id != assignment.span_id, "none is its own parent");
    // The headers name the same spans.
    assert_eq!((decided.1, told.1), (hex(&decision.span_id), hex(&assignment.span_id)));
}

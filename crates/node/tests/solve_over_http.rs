//! `POST /solve`: a problem over HTTP, from `fleetfold solve --serve` and from an engine.

mod support;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Killed, fleetfold, free_port, http, http_whole, pause, wait_for};

/// Searches at once and requests that wait, as docs/OPERATING.md says.
const PLACES: usize = 2 + 8;

fn serve(folder: &Path, args: &[&str]) -> Killed {
    Killed(fleetfold(args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn server(folder: &Path) -> (Killed, u16) {
    let port = free_port();
    let server = serve(folder, &["solve", "--serve", &format!("127.0.0.1:{port}")]);
    wait_for(port);
    (server, port)
}

/// Two jobs on a line, 100 seconds apart.
fn small() -> Value {
    json!({
        "jobs": [{ "id": 1, "location_index": 1 }, { "id": 2, "location_index": 2 }],
        "vehicles": [{ "id": 7, "start_index": 0, "end_index": 0 }],
        "matrices": { "car": { "durations": [[0, 100, 200], [100, 0, 100], [200, 100, 0]] } },
    })
}

/// More than can be searched in the longest time that a request may take.
fn large() -> Value {
    let place = |index: u32| {
        let part = |by: u32| f64::from(index.wrapping_mul(by) % 1_000) / 10_000.0;
        json!([2.0 + part(7_919), 48.0 + part(104_729)])
    };
    let jobs: Vec<Value> = (1..=2_000).map(|id| json!({ "id": id, "location": place(id), "delivery": [1] })).collect();
    let vehicles: Vec<Value> =
        (1..=50).map(|id| json!({ "id": id, "start": place(0), "end": place(0), "capacity": [60] })).collect();
    json!({ "jobs": jobs, "vehicles": vehicles })
}

/// Sends a problem and does not wait for the answer.
fn send(port: u16, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST /solve HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

/// Status and body of what is answered within a second; status 0 if nothing is. Whoever is not answered hangs up.
fn ask_for_a_second(port: u16, body: &str) -> (u16, String) {
    let mut stream = send(port, body);
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (status, body.to_owned())
}

/// What is said to the first of these clients that is answered.
fn first_answer(clients: &mut [TcpStream]) -> String {
    for _ in 0..100 {
        for client in &mut *clients {
            client.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
            if client.peek(&mut [0]).is_ok_and(|bytes| bytes > 0) {
                client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let mut answer = String::new();
                let _ = client.read_to_string(&mut answer);
                return answer;
            }
        }
    }
    panic!("nobody is answered");
}

fn wait_for_status(port: u16, wanted: u16) -> String {
    for _ in 0..40 {
        let (status, body) = ask_for_a_second(port, &small().to_string());
        if status == wanted {
            return body;
        }
        pause(100);
    }
    panic!("no answer with {wanted}");
}

#[test]
fn a_problem_is_answered_in_vrooms_form() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = server(folder.path());
    let mut problem = small();
    problem["options"] = json!({ "x": 1, "g": true, "t": 9, "l": 20.0 });
    for request in ["POST /solve", "POST /"] {
        let (status, body) = http(port, request, &problem.to_string());
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert_eq!((status, &body["code"], &body["summary"]["cost"]), (200, &json!(0), &json!(400)), "{body}");
    }
    assert_eq!(http(port, "GET /health", "").0, 200);
    assert_eq!(http(port, "GET /elsewhere", "").0, 404);
    let (status, body) = http(port, "GET /solve", "");
    assert!(status == 405 && body.contains("method not allowed"), "{status} {body}");
    // Other sites' pages may not ask.
    assert_eq!(http_whole(port, "POST /solve", "Origin: http://other.example\r\n", &problem.to_string()).0, 403);
}

#[test]
fn what_is_read_over_is_in_the_answer_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = server(folder.path());
    let mut problem = small();
    problem["jobs"][0]["tw"] = json!([[0, 9]]);
    problem["vehicles"][0]["steps"] = json!([{ "type": "job", "id": 1 }]);
    for timed in [false, true] {
        problem["options"] = json!({ "x": 0, "c": timed });
        for (query, status) in
            [("", 200), ("?strict=false", 200), ("?strict", 400), ("?strict=true", 400), ("?strict=1", 400)]
        {
            let (given, body) = http(port, &format!("POST /solve{query}"), &problem.to_string());
            let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
            assert_eq!((given, &body["code"]), (status, &json!(if status == 200 { 0 } else { 2 })), "{query}: {body}");
            let said = if query == "?strict=1" { "`strict`" } else { "unknown key `tw`" };
            let words = if status == 200 { body["warnings"][0].clone() } else { body["error"].clone() };
            assert!(words.as_str().unwrap().contains(said), "{query}: {body}");
        }
    }
    let (_, body) = http(port, "POST /solve?strict", &small().to_string());
    let body: Value = serde_json::from_str(&body).unwrap();
    assert!(body["code"] == 0 && body["warnings"].is_null(), "{body}");
    assert!(body["summary"]["computing_times"]["solving"].is_u64(), "{body}");
}

#[test]
fn a_bad_problem_is_refused_in_vrooms_form() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = server(folder.path());
    let mut many = String::from("{\"vehicles\":[],\"jobs\":[0");
    (0..10_000).for_each(|_| write!(many, ",0").unwrap());
    many.push_str("]}");
    let mut outside = small();
    outside["jobs"][0]["location_index"] = json!(9);
    for (body, status, code, words) in [
        ("{ no problem".to_owned(), 400, 2, "no problem"),
        (outside.to_string(), 400, 2, "job 1"),
        (json!({ "jobs": [{ "id": 1, "location": [2, 48] }] }).to_string(), 400, 2, "vehicles"),
        (json!({ "jobs": [], "vehicles": [], "options": { "l": -1 } }).to_string(), 400, 2, "options.l"),
        (json!({ "jobs": [], "vehicles": [], "options": { "l": 1e9 } }).to_string(), 400, 2, "from 0 to 86400"),
        ("[]".to_owned(), 400, 2, "expected an object with `vehicles`"),
        (json!({ "jobs": [], "vehicles": [], "options": 5 }).to_string(), 400, 2, "expected an object of options"),
        (many, 413, 4, "10001 tasks are too many, 10000 are the most"),
    ] {
        let (given, text) = http(port, "POST /solve", &body);
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!((given, &answer["code"]), (status, &json!(code)), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{words}: {answer}");
    }
}

/// Where all places are taken the next one is told to come again; who hangs up gives his place back, whether he waits or is searched
/// for.
#[test]
fn the_queue_is_bounded_and_a_client_that_hangs_up_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = server(folder.path());
    let problem = large().to_string();
    // One more than there are places: whichever comes last is turned away.
    let mut clients: Vec<TcpStream> = (0..=PLACES).map(|_| send(port, &problem)).collect();
    let answer = first_answer(&mut clients);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    assert!(head.to_lowercase().contains("retry-after: 5"), "{head}");
    let answer: Value = serde_json::from_str(body).unwrap();
    assert!(answer["code"] == 1 && answer["error"].as_str().unwrap().contains("wait"), "{answer}");
    // Were they searched to their end, the queue would be full for minutes.
    drop(clients);
    let body = wait_for_status(port, 200);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["summary"]["cost"], 400);
}

/// Whoever is searched for or waits when the program ends is told so.
#[test]
fn the_end_of_the_program_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, port) = server(folder.path());
    let problem = large().to_string();
    let mut clients: Vec<TcpStream> = (0..=PLACES).map(|_| send(port, &problem)).collect();
    assert!(first_answer(&mut clients).starts_with("HTTP/1.1 429 "), "all places are taken");
    let pid = server.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let mut told = 0;
    for mut client in clients {
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer);
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert_eq!(serde_json::from_str::<Value>(body).unwrap()["code"], 1, "{body}");
        told += 1;
    }
    assert_eq!(told, PLACES);
    assert!(server.0.wait().unwrap().success());
}

#[test]
fn an_engine_solves_problems_beside_its_zone() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", "embedded:log.redb", "--listen", &listen, "--data", "data"];
    let _engine = serve(folder.path(), &args);
    wait_for(port);
    let (status, body) = http(port, "POST /solve", &small().to_string());
    let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!((status, &body["summary"]["cost"]), (200, &json!(400)), "{body}");
    let (status, body) = http(port, "POST /solve?strict=true", &small().to_string());
    assert_eq!(status, 200, "{body}");
    let (status, body) = http(port, "POST /solve", "[]");
    assert!(status == 400 && body.starts_with("{\"code\":2,"), "{status}: {body}");
}

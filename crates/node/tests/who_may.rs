//! Who may do what over HTTP, on a running program: roles, sessions, links that log in once, what stands in events and in the program's log.

mod support;

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Killed, fleetfold, free_port, http_whole, http_with, pause, run, wait_for};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

const FILE: &str = "# who may ask\nviewer wall-1 viewers-token-0001\noperator ann anns-token-00000002\n\
                    operator shop shops-token-0000003\nadmin root roots-token-0000004\n";
const ALL_TOKENS: [&str; 4] =
    ["viewers-token-0001", "anns-token-00000002", "shops-token-0000003", "roots-token-0000004"];

/// A program with the token file; its output goes to `out` and `err`.
fn engine(folder: &Path, more: &[&str]) -> (Killed, u16) {
    if !folder.join("tokens").exists() {
        std::fs::write(folder.join("tokens"), FILE).unwrap();
    }
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut args = vec!["serve", "--log", "embedded:log.redb", "--listen", &listen, "--token-file", "tokens"];
    args.extend(more);
    let file = |name: &str| Stdio::from(std::fs::File::create(folder.join(name)).unwrap());
    let engine = Killed(fleetfold(&args, folder).stdout(file("out")).stderr(file("err")).spawn().unwrap());
    wait_for(port);
    (engine, port)
}

fn said(folder: &Path) -> String {
    ["out", "err"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap()).concat()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn ask(port: u16, token: &str, request: &str, body: &str) -> (u16, String) {
    http_with(port, request, &bearer(token), body)
}

/// The headers that a browser sends with what our own page asks.
fn from_page(port: u16) -> String {
    format!("Origin: http://127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\nFleetfold-Request: page\r\n")
}

/// Logs in; the cookie as a browser sends it back.
fn log_in(port: u16, shown: &Value) -> Result<(String, String), u16> {
    let (status, head, _) = http_whole(port, "POST /login", &from_page(port), &shown.to_string());
    let line = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    match (status, line) {
        (200, Some(line)) => Ok((format!("Cookie: {}\r\n", line.split(';').next().unwrap()), line.to_owned())),
        _ => Err(status),
    }
}

fn event(kind: &str, id: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/test", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data })
}

fn order(id: &str) -> String {
    event("order.created", id, &json!({ "order_id": id, "job": { "stop": { "lon": -8.6, "lat": 41.15 } } })).to_string()
}

/// The events of the log as they stand there, by their ids.
fn recorded(folder: &Path) -> Vec<Value> {
    let output = run(&["record", "--log", "embedded:log.redb"], folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| serde_json::from_str::<Value>(line).unwrap().get("event").cloned()).collect()
}

#[test]
fn each_role_does_what_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (engine, port) = engine(folder, &[]);
    let [viewer, ann, shop, root] = ALL_TOKENS;
    let me: Value = serde_json::from_str(&ask(port, ann, "GET /v1/me", "").1).unwrap();
    assert_eq!(me, json!({ "name": "ann", "role": "operator", "session": false }));
    for read in ["/", "/v1/state", "/v1/zones", "/metrics", "/v1/warnings", "/version"] {
        assert_eq!(ask(port, viewer, &format!("GET {read}"), "").0, 200, "{read}");
        assert_ne!(http_with(port, &format!("GET {read}"), "", "").0, 200, "{read}");
    }
    // Nobody is asked for his token there.
    for open in ["/livez", "/readyz", "/login", "/login.js", "/session.js", "/style.css"] {
        assert_eq!(http_with(port, &format!("GET {open}"), "", "").0, 200, "{open}");
    }
    let (status, head, _) = http_whole(port, "GET /", "", "");
    assert!(status == 303 && head.contains("location: login"), "{head}");
    // A viewer changes nothing and costs no time of searching.
    let quote = json!({ "order": { "job": { "stop": { "lon": -8.61, "lat": 41.15 } } }, "slots": [] }).to_string();
    for (path, body) in [
        ("/v1/events", order("no")),
        ("/v1/what-if", "{\"changes\":[]}".into()),
        ("/v1/quotes", quote),
        ("/solve", "{}".into()),
    ] {
        let (status, said) = ask(port, viewer, &format!("POST {path}"), &body);
        assert!(status == 403 && said.contains("wall-1 has the role viewer"), "{path}: {status} {said}");
    }
    // An operator sends events, and does not change the rules.
    assert_eq!(ask(port, shop, "POST /v1/events", &order("o-shop")).0, 202);
    let policy = event("policy.changed", "p", &json!({ "strict": true })).to_string();
    let (status, said_of) = ask(port, shop, "POST /v1/events", &policy);
    assert!(status == 403 && said_of.contains("needs the role admin"), "{status} {said_of}");
    let (status, said_of) = ask(port, shop, "POST /v1/events", &format!("{}\n{policy}\n", order("o-2")));
    assert!(status == 207 && said_of.contains("\"role\""), "{status} {said_of}");
    assert_eq!(ask(port, root, "POST /v1/events", &policy).0, 202);
    // Nor does he forget anybody, with or without the route for it.
    let who = json!({ "order_id": "o-shop", "even_if_open": true }).to_string();
    assert_eq!(ask(port, shop, "POST /v1/forget", &who).0, 403);
    let fact = event("person.forgotten", "f", &json!({ "order_id": "o-shop" })).to_string();
    assert_eq!(ask(port, shop, "POST /v1/events", &fact).0, 403);
    assert_eq!(ask(port, root, "POST /v1/forget", &who).0, 200);
    // Whoever claims to be somebody else is himself.
    let mut forged: Value = serde_json::from_str(&order("o-forged")).unwrap();
    (forged["authid"], forged["authtype"]) = (json!("root"), json!("user"));
    assert_eq!(ask(port, shop, "POST /v1/events", &forged.to_string()).0, 202);
    let binary = format!(
        "{}ce-specversion: 1.0\r\nce-id: o-b\r\nce-source: /test\r\nce-type: fleet.order.created.v1\r\nce-authid: root\r\n\
         Content-Type: application/json\r\nce-time: 2026-06-01T09:00:00Z\r\n",
        bearer(shop)
    );
    let data = json!({ "order_id": "o-b", "job": { "stop": { "lon": -8.6, "lat": 41.15 } } }).to_string();
    assert_eq!(http_with(port, "POST /v1/events", &binary, &data).0, 202);
    // A person's events have his name and say that he is one.
    let (cookie, _) = log_in(port, &json!({ "token": ann })).expect("ann logs in");
    let headers = format!("{cookie}{}", from_page(port));
    assert_eq!(http_with(port, "POST /v1/events", &headers, &order("o-ann")).0, 202);
    // It says at its end what it has not said yet.
    assert!(Command::new("kill").arg(engine.0.id().to_string()).status().unwrap().success());
    let mut engine = engine;
    assert!(engine.0.wait().unwrap().success());
    let events = recorded(folder);
    let by = |id: &str| {
        let found = events.iter().find(|event| event["id"] == id).unwrap_or_else(|| panic!("{id} is not in the log"));
        (found["authid"].as_str().unwrap().to_owned(), found["authtype"].as_str().unwrap().to_owned())
    };
    assert_eq!(by("o-ann"), ("ann".to_owned(), "user".to_owned()));
    for id in ["o-shop", "o-2", "o-forged", "o-b"] {
        assert_eq!(by(id), ("shop".to_owned(), "api_key".to_owned()), "{id}");
    }
    assert_eq!(by("p").0, "root");
    let forgot = events.iter().find(|event| event["type"] == "fleet.person.forgotten.v1").expect("it is a fact");
    assert_eq!((&forgot["authid"], &forgot["data"]), (&json!("root"), &json!({ "order_id": "o-shop" })));
    let said = said(folder);
    let lines = |words: &[&str]| said.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert_eq!(lines(&["audit", "ann", "logged in"]), 1, "{said}");
    assert_eq!(lines(&["audit", "root", "forgot the customer of order o-shop"]), 1, "{said}");
    assert_eq!(lines(&["audit", "ann", "fleet.order.created.v1", "o-ann"]), 1, "{said}");
    // What a program sends is one line for all its requests, with four orders and, in a list, a policy that it may not change.
    let plain: String = said
        .split('\u{1b}')
        .map(|part| part.strip_prefix('[').and_then(|rest| rest.split_once('m')).map_or(part, |(_, rest)| rest))
        .collect();
    let sent: Vec<&str> = plain.lines().filter(|line| line.contains("sent events") && line.contains("shop")).collect();
    assert!(sent.len() == 1 && sent[0].contains("requests=4 stored=4 repeats=0 refused=1"), "{sent:?}");
    assert!(lines(&["audit", "refused", "wall-1", "/v1/events", "403"]) == 1, "{said}");
    assert!(lines(&["audit", "refused", "/v1/state", "401"]) >= 1, "{said}");
    for token in ALL_TOKENS.into_iter().chain([cookie.split('=').next_back().unwrap().trim()]) {
        assert!(!said.contains(token), "a secret is in the log: {said}");
    }
}

#[test]
fn a_session_is_of_our_page_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_engine, port) = engine(folder, &["--session-idle", "0.05", "--session-max", "60"]);
    let ann = ALL_TOKENS[1];
    // What another page makes a browser send is not a login.
    assert_eq!(http_with(port, "POST /login", "", &json!({ "token": ann }).to_string()).0, 403);
    assert_eq!(log_in(port, &json!({ "token": "anns-token-00000003" })), Err(401));
    assert_eq!(log_in(port, &json!({ "token": "" })), Err(401));
    assert_eq!(log_in(port, &json!({ "tokens": [ann] })), Err(400));
    let (cookie, line) = log_in(port, &json!({ "token": ann })).unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("Secure"), "not over plain HTTP, where it would be lost: {line}");
    let get = |cookie: &str| http_with(port, "GET /v1/state", cookie, "").0;
    assert_eq!(get(&cookie), 200);
    let post = |headers: &str| http_with(port, "POST /v1/events", headers, &order("o")).0;
    assert_eq!(post(&cookie), 403, "a cookie alone changes nothing");
    let evil = format!("{cookie}Origin: http://evil.example\r\nFleetfold-Request: page\r\n");
    assert_eq!(post(&evil), 403);
    assert_eq!(post(&format!("{cookie}{}", from_page(port))), 202);
    // Behind TLS the browser says so, and the cookie does not leave it.
    let secure = "Host: fleet.example\r\nOrigin: https://fleet.example\r\nFleetfold-Request: page\r\n";
    let (_, head, _) = http_whole(port, "POST /login", secure, &json!({ "token": ann }).to_string());
    assert!(head.contains("set-cookie: __Host-fleetfold_") && head.contains("; Secure"), "{head}");
    // Out is out.
    let (other, _) = log_in(port, &json!({ "token": ann })).unwrap();
    let (status, head, _) = http_whole(port, "POST /logout", &format!("{other}{}", from_page(port)), "");
    assert!(status == 204 && head.contains("Max-Age=0"), "{head}");
    assert_eq!((get(&other), get(&cookie)), (401, 200));
    // Nobody does anything: the feed is closed with a code that the page knows, and does not keep the session open.
    let mut request = format!("ws://127.0.0.1:{port}/ws").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("cookie", cookie.trim().strip_prefix("Cookie: ").unwrap().parse().unwrap());
    let stream = |request| {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        tungstenite::client::<TcpStream, _>(request, stream).map_err(|error| error.to_string())
    };
    let refused = stream(request.clone()).expect_err("it does not say from which page it comes");
    assert!(refused.contains("403"), "{refused}");
    request.headers_mut().insert("origin", format!("http://127.0.0.1:{port}").parse().unwrap());
    let mut feed = stream(request).expect("a feed").0;
    let code = loop {
        if let Message::Close(frame) = feed.read().expect("frames until it is closed") {
            break frame.map(|frame| u16::from(frame.code));
        }
    };
    assert_eq!(code, Some(4401));
    assert_eq!(get(&cookie), 401);
}

#[test]
fn a_token_that_is_taken_out_of_the_file_is_worth_nothing_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_engine, port) = engine(folder, &[]);
    let [viewer, ann, ..] = ALL_TOKENS;
    let (cookie, _) = log_in(port, &json!({ "token": ann })).unwrap();
    assert_eq!(http_with(port, "GET /v1/state", &cookie, "").0, 200);
    // A file that is wrong changes nothing.
    std::fs::write(folder.join("tokens"), "operator ann\n").unwrap();
    for _ in 0..100 {
        pause(50);
        if said(folder).contains("line 1: role, name and token are needed") {
            break;
        }
    }
    assert!(said(folder).contains("line 1: role, name and token are needed"), "{}", said(folder));
    assert_eq!(http_with(port, "GET /v1/state", &cookie, "").0, 200);
    let fresh = run(&["token", "viewer", "wall-2"], folder);
    let line = String::from_utf8(fresh.stdout).unwrap();
    let shown = String::from_utf8(fresh.stderr).unwrap();
    let token = shown.trim().rsplit(' ').next().unwrap();
    assert!(line.starts_with("viewer wall-2 sha256:") && !line.contains(token), "{line}");
    std::fs::write(folder.join("tokens"), format!("viewer wall-1 {viewer}\n{line}")).unwrap();
    let status = |headers: &str| http_with(port, "GET /v1/state", headers, "").0;
    for _ in 0..100 {
        pause(50);
        if status(&cookie) == 401 {
            break;
        }
    }
    assert_eq!((status(&cookie), status(&bearer(ann))), (401, 401));
    assert_eq!((status(&bearer(viewer)), status(&bearer(token))), (200, 200));
}

#[test]
fn a_link_logs_in_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_engine, port) = engine(folder, &["--login-link"]);
    let mut word = String::new();
    for _ in 0..100 {
        if let Some((_, rest)) = said(folder).split_once("/login#") {
            word = rest.split_whitespace().next().unwrap().to_owned();
            break;
        }
        pause(50);
    }
    let (cookie, _) = log_in(port, &json!({ "link": word })).expect("a link that was printed");
    let me: Value = serde_json::from_str(&http_with(port, "GET /v1/me", &cookie, "").1).unwrap();
    assert_eq!(me, json!({ "name": "root", "role": "admin", "session": true }));
    assert_eq!(log_in(port, &json!({ "link": word })), Err(401));
}

#[test]
fn without_tokens_this_machine_alone_may_ask_and_nobody_logs_in() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", "embedded:log.redb", "--listen", &listen];
    let engine = Killed(fleetfold(&args, folder.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    let me: Value = serde_json::from_str(&http_with(port, "GET /v1/me", "", "").1).unwrap();
    assert_eq!(me, json!({ "name": "local", "role": "admin", "session": false }));
    assert_eq!(http_with(port, "GET /", "", "").0, 200);
    let mut forged: Value = serde_json::from_str(&order("o-1")).unwrap();
    forged["authid"] = json!("root");
    assert_eq!(http_with(port, "POST /v1/events", "", &forged.to_string()).0, 202);
    let mut engine = engine;
    let _ = engine.0.kill();
    let mut out = String::new();
    engine.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(!out.contains("login"), "{out}");
    let events = recorded(folder.path());
    let found = events.iter().find(|event| event["id"] == "o-1").unwrap();
    assert!(found.get("authid").is_none(), "{found}");
    for (file, words) in [("", "no token is in it"), ("viewer a short\nadmin", "line 1: the token has fewer than 16")] {
        std::fs::write(folder.path().join("tokens"), file).unwrap();
        let output = run(&["serve", "--log", "embedded:b.redb", "--token-file", "tokens"], folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words) && said.contains("fleetfold token"), "{said}");
    }
}

/// Needs nats-server ($FLEETFOLD_NATS_SERVER or PATH).
#[test]
fn a_node_of_several_zones_asks_the_same_roles() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("tokens"), FILE).unwrap();
    let (_broker, url) = support::broker(folder);
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args =
        ["serve", "--log", &url, "--zones", "acme/*", "--node", "n1", "--listen", &listen, "--token-file", "tokens"];
    let _node = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    let [viewer, ann, _, root] = ALL_TOKENS;
    for request in
        ["GET /v1/zones", "GET /metrics", "GET /v1/zones/acme/porto/state", "PUT /v1/zones/acme/porto", "GET /nothing"]
    {
        let (status, _) = http_with(port, request, "", "");
        assert!(status == 401 || (request == "GET /nothing" && status == 404), "{request}: {status}");
    }
    assert_eq!(http_with(port, "GET /livez", "", "").0, 200);
    assert_eq!(ask(port, viewer, "GET /v1/zones", "").0, 200);
    assert_eq!(ask(port, viewer, "PUT /v1/zones/acme/porto", "").0, 403);
    assert_eq!(ask(port, ann, "PUT /v1/zones/acme/porto", "").0, 403);
    assert_eq!(
        ask(port, root, "PUT /v1/zones/acme/porto", "").0,
        200,
        "all zones share a stream: there is nothing to make"
    );
    // The first fact of a zone comes over NATS.
    let van = json!({ "vehicle_id": "van", "start": { "lon": -8.6, "lat": 41.15 } });
    let first = event("vehicle.registered", "v", &van).to_string();
    let subject = "fleet.acme.porto.event.vehicle_registered.van";
    support::admin::Admin::new(&url).publish_as(subject, "v", first.as_bytes());
    let up = (0..200).any(|_| {
        pause(50);
        ask(port, viewer, "GET /v1/zones/acme/porto/state", "").0 == 200
    });
    assert!(up, "the zone runs here");
    assert_eq!(http_with(port, "GET /v1/zones/acme/porto/login", "", "").0, 200);
    assert_eq!(http_with(port, "GET /v1/zones/acme/porto/state", "", "").0, 401);
    assert_eq!(ask(port, viewer, "POST /v1/zones/acme/porto/events", &order("o-1")).0, 403);
    assert_eq!(ask(port, ann, "POST /v1/zones/acme/porto/events", &order("o-1")).0, 202);
    // Who has logged in at the node is known in its zones.
    let (cookie, _) = log_in(port, &json!({ "token": ann })).expect("ann logs in");
    let me = http_with(port, "GET /v1/zones/acme/porto/me", &cookie, "").1;
    assert!(me.contains("\"ann\""), "{me}");
}

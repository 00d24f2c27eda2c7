//! The consumers that docs/CONSUMING.md shows, run as they stand there against a broker and an engine.
//!
//! They need what `scripts/test` obtains: a NATS server, Python with nats-py, Node with the NATS packages. Without, they fail.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use support::engine::{crew, event, post, serve, wait_answered, wait_ready};
use support::{Killed, broker, http};

const DOCUMENT: &str = include_str!("../../../docs/CONSUMING.md");

fn snippet(language: &str) -> &'static str {
    let rest = DOCUMENT.split_once(&format!("```{language}\n")).expect("docs/CONSUMING.md shows it").1;
    rest.split_once("```").expect("the block ends").0
}

/// A program that runs on, and the lines that it writes.
struct Running {
    _program: Killed,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (to, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        Self { _program: Killed(child), lines, said: Vec::new() }
    }

    /// Waits for a line that begins and goes on like this.
    fn wait(&mut self, begins: &str, has: &str) -> String {
        let right = |line: &String| line.starts_with(begins) && line.contains(has);
        while !self.said.iter().any(right) {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            self.said.push(line.unwrap_or_else(|_| panic!("never said: {begins} … {has}: {:#?}", self.said)));
        }
        self.said.iter().rfind(|line| right(line)).expect("it was just said").clone()
    }

    /// What else comes within two seconds.
    fn rest(&mut self) -> &[String] {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(2)) {
            self.said.push(line);
        }
        &self.said
    }
}

fn body(line: &str) -> Value {
    serde_json::from_str(line.split_once(' ').expect("two parts").1).expect("JSON behind the first word")
}

/// Something of each kind: a route, an arrival time, an alert, a refusal, a decision, an order that nobody can take.
fn things_happen(port: u16) {
    crew(port);
    post(port, "one");
    wait_answered(port, "one");
    let crane = json!({ "order_id": "crane-1", "skills": ["crane"], "reference": "PO 77", "promised_time": "2026-06-01T09:05:00Z",
                        "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
    let two = json!({ "order_id": "two", "reference": "PO 2", "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
    let lost = json!({ "vehicle_id": "van", "order_id": "nobody", "stop": "pickup" });
    for (kind, id, data) in
        [("order.created", "crane-1", crane), ("order.created", "two", two), ("stop.departed", "lost", lost)]
    {
        assert_eq!(http(port, "POST /v1/events", &event(kind, id, &data).to_string()).0, 202);
    }
    let again = event(
        "order.created",
        "one-again",
        &json!({ "order_id": "one", "job": { "stop": { "lon": -8.62, "lat": 41.15 } } }),
    );
    assert_eq!(http(port, "POST /v1/events", &again.to_string()).0, 202);
    wait_answered(port, "crane-1");
}

#[test]
fn python() {
    let python =
        std::env::var("FLEETFOLD_PYTHON").expect("FLEETFOLD_PYTHON: a Python with nats-py; scripts/test makes one");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    std::fs::write(folder.join("consume.py"), snippet("python")).unwrap();
    let consumer = || {
        let mut command = Command::new(&python);
        command.args(["consume.py", &url]).current_dir(folder);
        command
    };
    let mut running = Running::start(consumer());
    things_happen(port);
    let route = body(&running.wait("assignment", "\"one\""));
    let visits = route["visits"].as_array().unwrap();
    assert!(route["vehicle_id"] == "van" && visits.iter().any(|visit| visit["order_id"] == "one"), "{route}");
    // What its producer calls an order is told with it.
    let route = body(&running.wait("assignment", "PO 2"));
    let called = |visit: &Value| (visit["order_id"] == "two") == (visit["reference"] == "PO 2");
    assert!(route["visits"].as_array().unwrap().iter().all(called), "{route}");
    assert_eq!(body(&running.wait("eta", "PO 2"))["order_id"], "two");
    let eta = body(&running.wait("eta", "\"one\""));
    assert_eq!((&eta["state"], &eta["coverage_percent"]), (&json!("expected"), &json!(80)));
    assert!(eta["latest"].as_str() > eta["told_at"].as_str(), "{eta}");
    assert_eq!(body(&running.wait("decided", "\"one\""))["vehicle_id"], "van");
    assert_eq!(body(&running.wait("unassigned", "crane-1"))["reason"], "skills");
    let alert = body(&running.wait("alert", "crane-1"));
    assert_eq!((&alert["state"], &alert["reference"]), (&json!("raised"), &json!("PO 77")));
    assert_eq!(body(&running.wait("rejected", "order_exists"))["entity"], "one");
    running.rest();
    drop(running);

    // While it is away, the order is cancelled. It comes back where it was: nothing is missed, and nothing comes twice.
    for order in ["one", "two"] {
        let gone = event("order.cancelled", &format!("no-{order}"), &json!({ "order_id": order }));
        assert_eq!(http(port, "POST /v1/events", &gone.to_string()).0, 202);
    }
    let mut running = Running::start(consumer());
    let ended = body(&running.wait("eta", "ended"));
    assert!(ended["order_id"] == "one" || ended["order_id"] == "two", "{ended}");
    let route = body(&running.wait("assignment", "\"visits\": []"));
    assert_eq!(route["vehicle_id"], "van");
    let repeated = running.rest().iter().filter(|line| line.starts_with("rejected") || line.contains("crane-1"));
    assert_eq!(repeated.count(), 0, "{:#?}", running.said);
}

#[test]
fn typescript() {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/node_modules");
    assert!(packages.join("typescript").is_dir(), "run `npm ci` in crates/node/browser first; scripts/test does");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    std::os::unix::fs::symlink(&packages, folder.join("node_modules")).unwrap();
    std::fs::write(folder.join("consume.ts"), snippet("ts")).unwrap();
    std::fs::write(folder.join("package.json"), "{\"type\":\"module\"}").unwrap();
    let compiled = Command::new("node")
        .arg("node_modules/typescript/bin/tsc")
        .args(["--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "consume.ts"])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&compiled.stdout).into_owned();
    // Node's own names need its types, which nothing else of this repository does.
    let wrong: Vec<&str> = said.lines().filter(|line| !line.contains("TS2580") && !line.contains("TS2591")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut command = Command::new("node");
    command.args(["consume.js", &url]).current_dir(folder);
    let mut running = Running::start(command);
    things_happen(port);
    running.wait("eta one between", "and 20");
    running.wait("alert unassigned raised", "crane-1");
    let gone = event("order.cancelled", "x", &json!({ "order_id": "one" }));
    assert_eq!(http(port, "POST /v1/events", &gone.to_string()).0, 202);
    running.wait("eta one ended", "");
}

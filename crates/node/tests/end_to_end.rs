//! The program as a user runs it: real processes, a real broker, kill -9.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::{Killed, broker, fleetfold, free_port, http, pause, run, wait_for};

fn small_day(folder: &Path) -> String {
    let scenario = "title = \"a small day\"\nseed = 5\nvehicles = 6\nopens_hour = 9.0\ncloses_hour = 10.5\n\n[demand]\norders = 40\nrush_share = 0.3\nrush_from = 9.5\nrush_to = 10.0\njob_share = 0.3\nknown_share = 0.1\n\n[incidents]\nbreakdowns = 1\nbreakdown_hour = 9.8\nbridges_closed = 1\nbridge_from = 9.6\nbridge_to = 10.2\nno_show_share = 0.05\ncancel_share = 0.05\n";
    std::fs::write(folder.join("scenario.toml"), scenario).unwrap();
    let made = run(&["sim", "scenario.toml", "--day", "day.jsonl"], folder);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    "day.jsonl".to_owned()
}

/// An engine for a day's network, with its snapshots in a folder of its own, and its port.
fn serve_day(folder: &Path, day: &str, whose: &[&str], data: &str) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut args = vec!["serve", "--network", day, "--listen", &listen, "--data", data];
    args.extend(whose);
    let child = fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(port);
    (Killed(child), port)
}

/// A day through JetStream with the engine killed three times on the way: nothing lost, nothing doubled, and the recording
/// folds to the digest it was recorded with.
#[test]
fn kill_minus_nine_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let day = small_day(folder);
    let whose = ["--log", &url, "--tenant", "acme", "--zone", "porto"];
    let serve = || serve_day(folder, &day, &whose, "data");
    let (mut engine, mut port) = serve();
    let mut args = vec!["feed", &day, "--speed", "400", "--drivers", "simulated"];
    args.extend(whose);
    let mut feed = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    for _ in 0..3 {
        pause(4_000);
        engine.0.kill().unwrap(); // SIGKILL
        engine.0.wait().unwrap();
        (engine, port) = serve();
    }
    assert!(feed.0.wait().unwrap().success(), "the feed failed");
    // Everything is answered in the end.
    let mut state = Value::Null;
    for _ in 0..100 {
        state = serde_json::from_str(&http(port, "GET /v1/state", "").1).unwrap_or_default();
        if state["kpi"]["open"] == 0 {
            break;
        }
        pause(100);
    }
    assert_eq!(state["kpi"]["open"], 0, "orders are left open: {}", state["orders"]);
    // SIGTERM ends it cleanly; then nothing more is said.
    let pid = engine.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(engine.0.wait().unwrap().success(), "SIGTERM did not end it cleanly");
    let mut args = vec!["audit", "--json"];
    args.extend(whose);
    let audit = run(&args, folder);
    let audited: Value = serde_json::from_slice(&audit.stdout).expect("audit prints JSON");
    assert_eq!(audited["orders"], 40, "an order was lost or doubled");
    assert_eq!(audited["chain_gaps"], serde_json::json!([]), "the chain of plans has gaps or doubles");
    assert_eq!(audited["unanswered"], serde_json::json!([]), "a change was never answered");
    assert_eq!(audited["asked"], audited["answered"]);
    let mut args = vec!["record", "--output", "recorded.jsonl"];
    args.extend(whose);
    assert!(run(&args, folder).status.success());
    let replay = run(&["replay", "recorded.jsonl", "--json"], folder);
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    let replayed: Value = serde_json::from_slice(&replay.stdout).unwrap();
    assert_eq!(replayed["digest"], audited["digest"]);
}

/// Two engines on one zone; the owner is stopped for longer than its lease, while it works, and goes on as if nothing had
/// been: one chain of plans, every change answered, no vehicle's assignment older than its route.
#[test]
fn an_owner_that_sleeps_loses_the_zone_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let day = small_day(folder);
    let whose = ["--log", &url, "--tenant", "acme", "--zone", "porto"];
    let serve = |data: &str| serve_day(folder, &day, &whose, data);
    let engines = [serve("data-1"), serve("data-2")];
    let mut args = vec!["feed", &day, "--speed", "400", "--drivers", "simulated"];
    args.extend(whose);
    let mut feed = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let signal = |engine: &Killed, which: &str| {
        assert!(Command::new("kill").args([which, &engine.0.id().to_string()]).status().unwrap().success());
    };
    let epoch = |port: u16| {
        let state: Value = serde_json::from_str(&http(port, "GET /v1/state", "").1).unwrap_or_default();
        state["kpi"]["owner"].as_u64()
    };
    // One sleeps for two leases, then the other: the owner is among them, and its zone goes to the one awake.
    pause(2_000);
    for (sleeper, other) in [(0, 1), (1, 0)] {
        let before = epoch(engines[0].1).max(epoch(engines[1].1)).expect("somebody owns the zone");
        let owned = epoch(engines[sleeper].1) == Some(before);
        signal(&engines[sleeper].0, "-STOP");
        pause(6_000);
        let after = epoch(engines[other].1).expect("the one awake owns the zone");
        assert!(if owned { after > before } else { after == before }, "epoch {after} after {before}");
        signal(&engines[sleeper].0, "-CONT");
        pause(2_000);
    }
    assert!(feed.0.wait().unwrap().success(), "the feed failed");
    let digest = |port: u16| {
        let state: Value = serde_json::from_str(&http(port, "GET /v1/state", "").1).unwrap_or_default();
        (state["kpi"]["open"].clone(), state["digest"].clone())
    };
    let mut both = (digest(engines[0].1), digest(engines[1].1));
    for _ in 0..100 {
        if both.0 == both.1 && both.0.0 == 0 {
            break;
        }
        pause(100);
        both = (digest(engines[0].1), digest(engines[1].1));
    }
    assert!(both.0.1.is_string(), "the state names its digest");
    assert_eq!(both.0, both.1, "the two engines folded the log to different fleets");
    assert_eq!(both.0.0, 0, "orders are left open");
    let mut args = vec!["audit", "--json"];
    args.extend(whose);
    let audited: Value = serde_json::from_slice(&run(&args, folder).stdout).expect("audit prints JSON");
    assert_eq!(audited["orders"], 40, "an order was lost or doubled");
    assert_eq!(audited["chain_gaps"], serde_json::json!([]), "the chain of plans has gaps or doubles");
    assert_eq!(audited["unanswered"], serde_json::json!([]), "a change was never answered");
}

fn event(kind: &str, id: &str, data: &Value) -> String {
    serde_json::json!({ "specversion": "1.0", "id": id, "source": "/test", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data }).to_string()
}

/// Events over HTTP: the same validation, the same idempotency, problems that say what and where.
#[test]
fn events_over_http_are_judged_and_folded() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let log = "embedded:log.redb";
    let args = ["serve", "--log", log, "--tenant", "acme", "--zone", "porto", "--listen", &listen, "--data", "data"];
    let mut engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    let vehicle = event(
        "vehicle.registered",
        "1",
        &serde_json::json!({ "vehicle_id": "van-1", "start": { "lon": -8.6, "lat": 41.15 } }),
    );
    let shift = event("shift.started", "2", &serde_json::json!({ "vehicle_id": "van-1" }));
    let stop = serde_json::json!({ "lon": -8.61, "lat": 41.16, "service_seconds": 60 });
    let order = event("order.created", "3", &serde_json::json!({ "order_id": "o-1", "job": { "stop": stop } }));
    let (status, body) = http(port, "POST /v1/events", &format!("{vehicle}\n{shift}\n{order}\n"));
    assert_eq!((status, body.contains("\"accepted\":3")), (202, true), "{body}");
    let mut assigned = Value::Null;
    for _ in 0..100 {
        assigned = serde_json::from_str(&http(port, "GET /v1/orders/o-1", "").1).unwrap_or_default();
        if assigned["vehicle"] == "van-1" {
            break;
        }
        pause(50);
    }
    assert_eq!(assigned["vehicle"], "van-1", "{assigned}");
    assert!(assigned["story"].to_string().contains("order o-1 → van-1"), "the order tells its story: {assigned}");
    let (status, body) = http(port, "POST /v1/events", &order);
    assert_eq!((status, body.contains("\"duplicates\":1")), (202, true), "{body}");
    let wrong = event(
        "order.created",
        "4",
        &serde_json::json!({ "order_id": "o-2", "priority": 101, "job": { "stop": stop } }),
    );
    let (status, body) = http(port, "POST /v1/events", &wrong);
    assert_eq!((status, body.contains("priority")), (422, true), "{body}");
    let again = event("order.created", "5", &serde_json::json!({ "order_id": "o-1", "job": { "stop": stop } }));
    assert_eq!(http(port, "POST /v1/events", &again).0, 202);
    let mut refused = String::new();
    for _ in 0..100 {
        refused = http(port, "GET /v1/decisions", "").1;
        if refused.contains("order_exists") {
            break;
        }
        pause(50);
    }
    assert!(refused.contains("order_exists"), "what makes no sense is shown: {refused}");
    assert_eq!(http(port, "GET /readyz", "").0, 200);
    assert!(http(port, "GET /metrics", "").1.contains("fleetfold_event_to_plan_seconds_count"));
    assert_eq!(http(port, "GET /v1/vehicles/nobody", "").0, 404);
    // One process owns the file; others are told who.
    let other = run(&["audit", "--log", log, "--tenant", "acme", "--zone", "porto"], folder);
    assert!(!other.status.success());
    assert!(String::from_utf8_lossy(&other.stderr).contains(&listen), "{}", String::from_utf8_lossy(&other.stderr));
    // Restart: it continues where it was.
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    let _again = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    let mut kept = Value::Null;
    for _ in 0..100 {
        kept = serde_json::from_str(&http(port, "GET /v1/orders/o-1", "").1).unwrap_or_default();
        if kept["vehicle"] == "van-1" {
            break;
        }
        pause(50);
    }
    assert_eq!(kept["vehicle"], "van-1", "the order was lost: {kept}");
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let dead = run(&["doctor", "--log", &format!("nats://127.0.0.1:{port}")], folder.path());
    let text = String::from_utf8_lossy(&dead.stdout).to_string();
    assert!(!dead.status.success() && text.contains("no broker answers") && text.contains("nats-server -js"), "{text}");
    let (_broker, url) = broker(folder.path());
    let listen = format!("127.0.0.1:{}", free_port());
    let doctor = || run(&["doctor", "--log", &url, "--listen", &listen], folder.path());
    let new = doctor();
    let text = String::from_utf8_lossy(&new.stdout).to_string();
    assert!(new.status.success() && text.contains("no engine has run here yet"), "{text}");
    let port = free_port();
    let serves = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", &url, "--listen", &serves];
    let _engine = Killed(fleetfold(&args, folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    let well = doctor();
    let text = String::from_utf8_lossy(&well.stdout).to_string();
    assert!(text.contains("stream FLEET") && text.contains("differ by"), "{text}");
}

#[test]
fn errors_name_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    for (args, expected) in [
        (vec!["replay", "missing.jsonl"], "give the path of a day file"),
        (vec!["audit", "--log", "nats://127.0.0.1:1", "--tenant", "acme", "--zone", "porto"], "nats-server -js"),
        (vec!["serve", "--log", "embedded", "--zone", "a b"], "letters, digits"),
        (vec!["serve", "--log", "embedded", "--listen", "0.0.0.0:0"], "--token-file"),
    ] {
        let output = run(&args, folder.path());
        let text = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(!output.status.success() && text.contains(expected), "{args:?}: {text}");
    }
}

/// `fleetfold schema | head -1`: the reader has what it wanted.
#[test]
fn a_closed_pipe_ends_the_program_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    for args in [vec!["schema"], vec!["completions", "bash"], vec!["--help"]] {
        let mut command = fleetfold(&args, folder.path());
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{args:?}: {said}");
    }
}

//! Each zone may have a stream of its own: the layout is chosen when the log is made, everything works on it, and what happens to the
//! stream of one zone does not touch another. Real processes, a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::{Output, Stdio};

use async_nats::jetstream::{self, Context, stream};
use serde_json::{Value, json};
use support::{Killed, broker, fleetfold, free_port, http, pause, run, wait_for};

/// A broker with a producer and an administrator.
struct Bench<'a> {
    folder: &'a Path,
    url: String,
    runtime: tokio::runtime::Runtime,
    context: Context,
}

impl<'a> Bench<'a> {
    fn new(folder: &'a Path, url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let context = runtime.block_on(async { jetstream::new(async_nats::connect(url).await.unwrap()) });
        Self { folder, url: url.to_owned(), runtime, context }
    }

    /// An engine of a zone.
    fn serve(&self, zone: &str, more: &[&str]) -> (Killed, u16) {
        self.start(&["--zone", zone, "--data", zone], more)
    }

    /// A node of all zones of the tenant.
    fn node(&self, name: &str, more: &[&str]) -> (Killed, u16) {
        self.start(&["--zones", "acme/*", "--node", name, "--data", name], more)
    }

    fn start(&self, what: &[&str], more: &[&str]) -> (Killed, u16) {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let args = [&["serve", "--log", &self.url, "--tenant", "acme", "--listen", &listen], what, more].concat();
        let child = fleetfold(&args, self.folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(port);
        (Killed(child), port)
    }

    /// Runs a command on a zone of the log.
    fn ask(&self, command: &[&str], zone: &str) -> Output {
        run(&[command, &["--log", &self.url, "--tenant", "acme", "--zone", zone]].concat(), self.folder)
    }

    fn publish(&self, zone: &str, tail: &str, event: &str) {
        let (subject, body) = (format!("fleet.acme.{zone}.event.{tail}"), event.to_owned());
        self.runtime.block_on(async {
            self.context.publish(subject, body.into()).await.unwrap().await.expect("the broker takes it");
        });
    }

    fn streams(&self) -> Vec<String> {
        use futures::TryStreamExt;
        self.runtime.block_on(async { self.context.stream_names().try_collect().await.unwrap() })
    }

    fn exists(&self, name: &str) -> bool {
        self.streams().iter().any(|stream| stream == name)
    }

    fn delete(&self, name: &str) {
        self.runtime.block_on(self.context.delete_stream(name)).unwrap();
    }

    /// The log of a zone is whole, however it is read.
    fn is_whole(&self, zone: &str, orders: u64) {
        let verified = self.ask(&["verify"], zone);
        assert!(verified.status.success(), "{zone}: {}", words(&verified));
        let audited = self.ask(&["audit", "--json"], zone);
        let audited: Value = serde_json::from_slice(&audited.stdout).expect("audit prints JSON");
        assert_eq!((&audited["orders"], &audited["chain_gaps"]), (&json!(orders), &json!([])), "{zone}: {audited}");
        assert_eq!(audited["unanswered"], json!([]), "{zone}: {audited}");
        let file = format!("{zone}.jsonl");
        let recorded = self.ask(&["record", "--output", &file], zone);
        assert!(recorded.status.success(), "{}", words(&recorded));
        let replayed = run(&["replay", &file, "--json"], self.folder);
        let replayed: Value = serde_json::from_slice(&replayed.stdout).expect("replay prints JSON");
        assert_eq!(replayed["digest"], audited["digest"], "{zone}");
    }
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn event(kind: &str, id: &str, data: &Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data }).to_string()
}

fn order(id: &str) -> String {
    event("order.created", id, &json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15 } } }))
}

/// A van that is registered and at work: both events.
fn van(id: &str) -> [String; 2] {
    let vehicle = json!({ "vehicle_id": id, "start": { "lon": -8.63, "lat": 41.15 } });
    let started = event("shift.started", &format!("{id}-on"), &json!({ "vehicle_id": id }));
    [event("vehicle.registered", &format!("{id}-new"), &vehicle), started]
}

/// Posts to a path, again and again until it is taken: an engine that has just started may not run yet.
fn post(port: u16, path: &str, body: &str) {
    let mut last = (0, String::new());
    for _ in 0..200 {
        last = http(port, &format!("POST {path}"), body);
        if last.0 == 202 {
            return;
        }
        pause(50);
    }
    panic!("{path}: {last:?}");
}

fn wait_answered(port: u16, path: &str) {
    let mut last = (0, String::new());
    for _ in 0..400 {
        last = http(port, &format!("GET {path}"), "");
        if last.0 == 200 && last.1.contains("\"assigned\"") {
            return;
        }
        pause(50);
    }
    panic!("{path} is not answered: {last:?}");
}

fn wait_status(port: u16, path: &str, status: u16, holds: &str) {
    let mut last = (0, String::new());
    for _ in 0..400 {
        last = http(port, &format!("GET {path}"), "");
        if last.0 == status && last.1.contains(holds) {
            return;
        }
        pause(50);
    }
    panic!("{path} is not {status} with {holds:?}: {last:?}");
}

#[test]
fn a_zone_with_a_stream_of_its_own_survives_kill_minus_nine_and_the_loss_of_its_neighbour() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let bench = Bench::new(folder.path(), &url);
    // The layout is asked for once; the second engine takes what is there.
    let (porto, port) = bench.serve("porto", &["--streams", "per-zone"]);
    let (braga, braga_port) = bench.serve("braga_old", &[]);
    for made in ["FLEET_acme__porto", "FLEET_acme__braga_uold"] {
        assert!(bench.exists(made), "{made} is missing: {:?}", bench.streams());
    }
    assert!(!bench.exists("FLEET"), "a stream of all zones was made");
    post(port, "/v1/events", &van("van-1").join("\n"));
    post(port, "/v1/events", &order("by-http"));
    bench.publish("porto", "order_created._", &order("by-nats"));
    post(braga_port, "/v1/events", &van("van-2").join("\n"));
    bench.publish("braga_old", "order_created._", &order("other"));
    for id in ["by-http", "by-nats"] {
        wait_answered(port, &format!("/v1/orders/{id}"));
    }
    wait_answered(braga_port, "/v1/orders/other");
    assert_eq!(http(port, "GET /v1/orders/other", "").0, 404, "the zones read each other's facts");

    drop(porto); // SIGKILL
    bench.publish("porto", "order_created._", &order("meanwhile"));
    let (porto, port) = bench.serve("porto", &[]);
    wait_answered(port, "/v1/orders/meanwhile");
    // It has waited for the lease to expire, so the engine is at a level of overload, which it leaves after a second of calm.
    let level = |port| {
        let (_, listed) = http(port, "GET /v1/zones", "");
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["zones"][0]["nodes"][0]["overload"].as_u64().expect("a level")
    };
    assert!((1..=4).contains(&level(port)), "the order waited for seconds");
    bench.is_whole("porto", 3);
    bench.is_whole("braga_old", 1);
    let doctor = words(&bench.ask(&["doctor", "--listen", "127.0.0.1:0"], "porto"));
    assert!(doctor.contains("stream FLEET_acme__porto: entries 1 to"), "{doctor}");
    assert!(doctor.contains("stream FLEET_acme__braga_uold: entries 1 to"), "{doctor}");
    assert!(!doctor.contains("BAD") && !doctor.contains("stream FLEET:"), "{doctor}");

    // The list of zones of an engine that runs one: its zone, its owner, its level of overload, which is over.
    for _ in 0..200 {
        if level(port) == 0 {
            break;
        }
        pause(50);
    }
    let (_, listed) = http(port, "GET /v1/zones", "");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["zones"].as_array().map(Vec::len), Some(1), "{listed}");
    let zone = &listed["zones"][0];
    assert_eq!((&zone["zone"], &zone["nodes"][0]["state"]), (&json!("acme/porto"), &json!("owner")), "{listed}");
    assert_eq!((&zone["owner"], &zone["nodes"][0]["overload"]), (&listed["nodes"][0]["node"], &json!(0)), "{listed}");

    // SIGTERM: a snapshot is written. Then the stream of the zone is deleted.
    let told = std::process::Command::new("kill").arg(porto.0.id().to_string()).status().unwrap();
    assert!(told.success());
    let mut porto = porto;
    assert!(porto.0.wait().unwrap().success());
    let (porto, port) = bench.serve("porto", &[]);
    wait_status(port, "/readyz", 200, "ready");
    bench.delete("FLEET_acme__porto");
    wait_status(port, "/readyz", 503, "FLEET_acme__porto");
    assert_eq!(http(braga_port, "GET /readyz", "").0, 200, "the neighbour is not ready");
    post(braga_port, "/v1/events", &order("later"));
    wait_answered(braga_port, "/v1/orders/later");
    drop(porto);
    let again = run(
        &["serve", "--log", &url, "--tenant", "acme", "--zone", "porto", "--data", "porto", "--listen", "127.0.0.1:0"],
        folder.path(),
    );
    assert!(!again.status.success() && words(&again).contains("LOG_REGRESSED"), "{}", words(&again));
    let read = bench.ask(&["verify"], "porto");
    assert!(!read.status.success() && words(&read).contains("FLEET_acme__porto is missing"), "{}", words(&read));
    assert!(!bench.exists("FLEET_acme__porto"), "an empty log stands in the way of the backup");
    bench.is_whole("braga_old", 2);
    drop(braga);
}

#[test]
fn nodes_find_the_streams_of_zones_and_a_deleted_one_stops_its_zone_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let bench = Bench::new(folder.path(), &url);
    let (a_process, a) = bench.node("a", &["--streams", "per-zone", "--base-hours", "0.0005"]);
    let (b_process, b) = bench.node("b", &["--base-hours", "0.0005"]);
    assert!(!bench.exists("FLEET"), "a stream of all zones was made");

    // A new zone by HTTP, by a command, and by the engine of one zone.
    assert_eq!(http(a, "PUT /v1/zones/acme/porto", "").0, 201);
    assert_eq!(http(b, "PUT /v1/zones/acme/porto", "").0, 200, "made twice");
    assert_eq!(http(a, "PUT /v1/zones/others/porto", "").0, 404, "nobody would run it");
    let made = run(&["zone", "create", "braga", "--tenant", "acme", "--log", &url], folder.path());
    assert!(made.status.success() && words(&made).contains("FLEET_acme__braga"), "{}", words(&made));
    for zone in ["porto", "braga"] {
        for (number, event) in van(&format!("{zone}-van")).iter().enumerate() {
            let tail = ["vehicle_registered", "shift_started"][number];
            bench.publish(zone, &format!("{tail}.{zone}-van"), event);
        }
        bench.publish(zone, "order_created._", &order("first"));
    }
    let path = |zone: &str, rest: &str| format!("/v1/zones/acme/{zone}/{rest}");
    let runs = |zone: &str| if http(a, &format!("GET {}", path(zone, "orders/first")), "").0 == 200 { a } else { b };
    for zone in ["porto", "braga"] {
        wait_status(a, "/v1/zones", 200, &format!("acme/{zone}"));
        wait_answered(runs(zone), &path(zone, "orders/first"));
    }

    // A zone is split into one that has no stream yet.
    let area = "-8.64,41.0 -8.5,41.0 -8.5,41.3 -8.64,41.3";
    let args = ["zone", "split", "porto", "--into", "maia", "--area", area, "--tenant", "acme", "--log", &url];
    let split = run(&args, folder.path());
    assert!(bench.exists("FLEET_acme__maia"), "{}", words(&split));
    // One of the two vans of the other zone is at rest, and comes to it.
    for (tail, event) in ["vehicle_registered", "shift_started"].iter().zip(van("spare")) {
        bench.publish("braga", &format!("{tail}.spare"), &event);
    }
    let hand_over = |vehicle: &str| {
        let what = ["zone", "handover", "--vehicle", vehicle, "--from", "braga", "--to", "maia"];
        run(&[&what[..], &["--tenant", "acme", "--log", &url]].concat(), folder.path())
    };
    let handed = ["spare", "braga-van"].map(hand_over);
    assert!(handed.iter().any(|output| output.status.success()), "{}", words(&handed[0]));

    // The command shows the level of overload of each.
    wait_status(a, "/v1/zones", 200, "acme/maia");
    assert!(words(&run(&["zones", "--log", &url], folder.path())).contains("overload"));
    let level = |zone: &str| {
        let listed = run(&["zones", "--json", "--log", &url], folder.path());
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let zone = listed["zones"].as_array().unwrap().iter().find(|shown| shown["zone"] == format!("acme/{zone}"));
        let levels = zone.unwrap()["nodes"].as_array().unwrap().iter().map(|node| node["overload"].as_u64().unwrap());
        levels.max().unwrap()
    };
    let wait_level = |what: &str, holds: &dyn Fn(u64) -> bool| {
        for _ in 0..100 {
            if holds(level("porto")) {
                return;
            }
            pause(50);
        }
        panic!("the level of porto is never {what}: {}", level("porto"));
    };
    wait_level("0", &|level| level == 0);
    for signal in ["-STOP", "-CONT"] {
        for node in [&a_process, &b_process] {
            let id = node.0.id().to_string();
            assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        }
        if signal == "-STOP" {
            bench.publish("porto", "order_created._", &order("waits"));
            pause(2_000);
        }
    }
    wait_level("above 0", &|level| level > 0);

    // The stream of one zone is deleted: that zone is not ready, the others go on.
    for _ in 0..400 {
        let bases = bench.runtime.block_on(async {
            use futures::StreamExt;
            let store = bench.context.get_object_store("BASES").await.ok()?;
            let mut list = store.list().await.ok()?;
            let mut names = Vec::new();
            while let Some(Ok(info)) = list.next().await {
                names.push(info.name);
            }
            Some(names)
        });
        if bases.unwrap_or_default().iter().any(|name| name.starts_with("acme.porto.")) {
            break;
        }
        pause(50);
    }
    bench.delete("FLEET_acme__porto");
    wait_status(a, &path("porto", "readyz"), 503, "FLEET_acme__porto");
    wait_status(a, &path("braga", "readyz"), 200, "ready");
    bench.publish("braga", "order_created._", &order("later"));
    let (status, body) = http(a, "PUT /v1/zones/acme/porto", "");
    assert!(status == 409 && body.contains("backup"), "{status} {body}");
    assert!(!bench.exists("FLEET_acme__porto"));
    let audited = bench.ask(&["audit", "--json"], "braga");
    let audited: Value = serde_json::from_slice(&audited.stdout).unwrap();
    assert_eq!(audited["chain_gaps"], json!([]), "{audited}");
}

#[test]
fn the_other_layout_than_that_of_the_log_is_refused_and_the_stream_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let bench = Bench::new(folder.path(), &url);
    let refused = |layout: &str, by: &str| {
        for what in [["--zone", "porto"], ["--zones", "acme/*"]] {
            let args = [&["serve", "--log", &url, "--listen", "127.0.0.1:0", "--streams", layout], &what[..]].concat();
            let mut child =
                fleetfold(&args, folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let ended = (0..200).any(|_| {
                pause(50);
                child.try_wait().unwrap().is_some()
            });
            if !ended {
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            assert!(ended && !output.status.success(), "{layout} was taken: {}", words(&output));
            assert!(words(&output).contains(&format!("stream {by}")), "{layout}: {}", words(&output));
        }
    };
    drop(bench.serve("porto", &[]));
    assert!(bench.exists("FLEET"));
    refused("per-zone", "FLEET");
    // The small streams still say it when the stream of facts is gone.
    bench.delete("FLEET");
    refused("per-zone", "POSITION");

    for name in bench.streams() {
        bench.delete(&name);
    }
    std::fs::write(folder.path().join("fleetfold.toml"), "streams = \"per-zone\"\n").unwrap();
    drop(bench.serve("porto_2", &["--config", "fleetfold.toml"]));
    assert!(bench.exists("FLEET_acme__porto_u2"), "{:?}", bench.streams());
    refused("shared", "FLEET_acme__porto_u2");
    bench.delete("FLEET_acme__porto_u2");
    refused("shared", "POSITION");

    // Streams of both layouts: nobody guesses which of them is the log.
    for (name, subject) in [("FLEET", "fleet.*.*.plan"), ("FLEET_acme__porto", "fleet.acme.porto.event.>")] {
        let config = stream::Config { name: name.to_owned(), subjects: vec![subject.to_owned()], ..Default::default() };
        bench.runtime.block_on(bench.context.create_stream(config)).unwrap();
    }
    let output = bench.ask(&["verify"], "porto");
    assert!(!output.status.success() && words(&output).contains("both the stream FLEET"), "{}", words(&output));
    let embedded =
        run(&["serve", "--log", "embedded:x", "--streams", "per-zone", "--listen", "127.0.0.1:0"], folder.path());
    assert!(!embedded.status.success() && words(&embedded).contains("one file"), "{}", words(&embedded));
}

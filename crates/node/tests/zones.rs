//! Several nodes, several zones, one broker: zones are found, spread, taken over, handed over and drained, and nothing is lost or
//! doubled. Real processes, a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one. The times
//! that they print were measured on a busy machine; nothing is asserted of them but generous bounds.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use serde_json::{Value, json};
use support::{Killed, broker, fleetfold, free_port, http, pause, run, wait_for};

struct Node {
    process: Killed,
    port: u16,
}

/// Nodes on one broker, and a producer.
struct Cluster {
    folder: PathBuf,
    url: String,
    nodes: BTreeMap<String, Node>,
    runtime: tokio::runtime::Runtime,
    context: Context,
    published: u64,
}

#[expect(clippy::disallowed_methods, reason = "a test of processes measures real time")]
fn clock() -> Instant {
    Instant::now()
}

impl Cluster {
    fn new(folder: &Path, url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let context = runtime.block_on(async { jetstream::new(async_nats::connect(url).await.unwrap()) });
        let (folder, url) = (folder.to_owned(), url.to_owned());
        Self { folder, url, nodes: BTreeMap::new(), runtime, context, published: 0 }
    }

    fn start(&mut self, name: &str) {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let data = format!("data-{name}");
        let args =
            ["serve", "--log", &self.url, "--zones", "acme/*", "--node", name, "--data", &data, "--listen", &listen];
        let path = self.folder.join(format!("{name}.log"));
        let log = std::fs::File::options().create(true).append(true).open(path).unwrap();
        let child = fleetfold(&args, &self.folder).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        wait_for(port);
        self.nodes.insert(name.to_owned(), Node { process: Killed(child), port });
    }

    /// Kill -9.
    fn kill(&mut self, name: &str) {
        let mut node = self.nodes.remove(name).unwrap();
        node.process.0.kill().unwrap();
        node.process.0.wait().unwrap();
    }

    fn overview(&self) -> Value {
        let port = self.nodes.values().next().unwrap().port;
        serde_json::from_str(&http(port, "GET /v1/zones", "").1).unwrap_or_default()
    }

    /// Owner by zone.
    fn owners(&self) -> BTreeMap<String, String> {
        let overview = self.overview();
        let zones = overview["zones"].as_array().cloned().unwrap_or_default();
        let owned = zones
            .iter()
            .filter_map(|zone| Some((zone["zone"].as_str()?.to_owned(), zone["owner"].as_str()?.to_owned())));
        owned.collect()
    }

    /// Waits until so many zones have a living owner, and each of them a standby that has caught up if there are several nodes.
    fn wait_owned(&self, zones: usize, standbys: bool) -> BTreeMap<String, String> {
        let started = clock();
        loop {
            let overview = self.overview();
            let owners = self.owners();
            let followed = overview["zones"].as_array().is_some_and(|zones| {
                zones.iter().all(|zone| {
                    zone["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(|node| node["state"] == "standby"))
                })
            });
            if owners.len() == zones
                && owners.values().all(|owner| self.nodes.contains_key(owner))
                && (followed || !standbys)
            {
                return owners;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "zones without an owner or a standby: {overview}");
            pause(20);
        }
    }

    fn publish(&mut self, zone: &str, tail: &str, kind: &str, data: &Value) {
        self.published += 1;
        let id = self.published.to_string();
        let event = json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data });
        let subject = format!("fleet.acme.{zone}.event.{tail}");
        let body = event.to_string();
        self.runtime.block_on(async {
            self.context.publish(subject, body.into()).await.unwrap().await.expect("the broker takes it");
        });
    }

    /// Two vans at work.
    fn crew(&mut self, zone: &str) {
        for van in ["van-1", "van-2"] {
            let vehicle = json!({ "vehicle_id": van, "start": { "lon": -8.63, "lat": 41.15 } });
            self.publish(zone, &format!("vehicle_registered.{van}"), "vehicle.registered", &vehicle);
            self.publish(zone, &format!("shift_started.{van}"), "shift.started", &json!({ "vehicle_id": van }));
        }
    }

    fn order(&mut self, zone: &str, id: &str) {
        let order = json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
        self.publish(zone, "order_created._", "order.created", &order);
    }

    fn is_assigned(&self, zone: &str, id: &str) -> bool {
        self.nodes.values().any(|node| {
            let (status, body) = http(node.port, &format!("GET /v1/zones/acme/{zone}/orders/{id}"), "");
            status == 200 && serde_json::from_str::<Value>(&body).is_ok_and(|order| order["status"] == "assigned")
        })
    }

    /// Waits until an order of every zone has its vehicle, and says how long that took from `since`.
    fn wait_assigned(&self, zones: &[String], id: &str, since: Instant) -> Vec<f64> {
        let mut waits = BTreeMap::new();
        while waits.len() < zones.len() {
            for zone in zones {
                if !waits.contains_key(zone) && self.is_assigned(zone, id) {
                    waits.insert(zone.clone(), since.elapsed().as_secs_f64());
                }
            }
            assert!(
                since.elapsed() < Duration::from_secs(40),
                "{id} has no vehicle: {waits:?} of {zones:?}, {}",
                self.overview()
            );
            pause(5);
        }
        waits.into_values().collect()
    }

    /// Prints what the nodes rejected: it says why an audit fails.
    fn told_of_rejected(&self) {
        for file in std::fs::read_dir(&self.folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|kind| kind == "log") {
                let text = std::fs::read_to_string(&file).unwrap();
                for line in text.lines().filter(|line| line.contains("rejected")) {
                    println!("{}: {line}", file.display());
                }
            }
        }
    }

    /// The log of every zone is whole: one gap-free chain, every fact answered, so many orders.
    fn audit(&self, zones: &[String], orders: u64) {
        for zone in zones {
            let audited =
                run(&["audit", "--json", "--log", &self.url, "--tenant", "acme", "--zone", zone], &self.folder);
            let audited: Value = serde_json::from_slice(&audited.stdout).expect("audit prints JSON");
            assert_eq!(audited["orders"], orders, "{zone}: an order was lost or doubled: {audited}");
            assert_eq!(audited["chain_gaps"], json!([]), "{zone}: the chain of plans has gaps or doubles");
            assert_eq!(audited["unanswered"], json!([]), "{zone}: a change was never answered");
        }
    }
}

fn names(zones: usize) -> Vec<String> {
    (0..zones).map(|number| format!("zone-{number}")).collect()
}

#[test]
fn zones_are_found_spread_taken_over_handed_over_and_drained() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let mut cluster = Cluster::new(folder.path(), &url);
    for name in ["a", "b", "c"] {
        cluster.start(name);
    }
    let mut zones = names(8);
    for zone in &zones {
        cluster.crew(zone);
        cluster.order(zone, "first");
    }
    let owners = cluster.wait_owned(8, true);
    cluster.wait_assigned(&zones, "first", clock());
    assert!(owners.values().collect::<std::collections::BTreeSet<_>>().len() >= 2, "one node owns all: {owners:?}");

    // A node dies: its zones are answered elsewhere.
    let killed = owners["acme/zone-0"].clone();
    let killed_at = clock();
    cluster.kill(&killed);
    for zone in &zones {
        cluster.order(zone, "killed");
    }
    let waits = cluster.wait_assigned(&zones, "killed", killed_at);
    println!("answered after kill -9, seconds by zone: {waits:.2?}");
    let owners = cluster.wait_owned(8, true);
    assert!(!owners.values().any(|owner| *owner == killed));

    // A new zone appears.
    let appeared = clock();
    cluster.crew("late");
    cluster.order("late", "first");
    zones.push("late".to_owned());
    let waits = cluster.wait_assigned(&["late".to_owned()], "first", appeared);
    println!("a new zone answered after, seconds: {waits:.2?}");
    cluster.order("late", "killed");

    // It joins again, under the same name: after a while it owns what is its own, and nothing moves after that.
    cluster.start(&killed);
    let joined = clock();
    while !cluster.owners().values().any(|owner| *owner == killed) {
        assert!(
            joined.elapsed() < Duration::from_secs(40),
            "nothing was handed over to {killed}: {}",
            cluster.overview()
        );
        pause(50);
    }
    println!("first zone handed over to a node that joined, seconds: {:.2}", joined.elapsed().as_secs_f64());
    pause(3_000);
    let settled = cluster.wait_owned(9, true);
    pause(3_000);
    assert_eq!(cluster.owners(), settled, "zones move although no node comes or goes");

    // It is drained by command: its zones are elsewhere, and it stays.
    let args = ["drain", &killed, "--log", &url];
    let drained = run(&args, folder.path());
    assert!(drained.status.success(), "{}", String::from_utf8_lossy(&drained.stderr));
    let owners = cluster.wait_owned(9, true);
    assert!(!owners.values().any(|owner| *owner == killed), "{owners:?}");
    for zone in &zones {
        cluster.order(zone, "drained");
    }
    cluster.wait_assigned(&zones, "drained", clock());
    assert!(run(&["drain", &killed, "--undo", "--log", &url], folder.path()).status.success());
    let undone = clock();
    while !cluster.owners().values().any(|owner| *owner == killed) {
        assert!(undone.elapsed() < Duration::from_secs(40), "nothing was handed back to {killed}");
        pause(50);
    }

    // Another is told to end: it gives its zones away first.
    let ended = cluster.owners()["acme/zone-1"].clone();
    let mut node = cluster.nodes.remove(&ended).unwrap();
    let told = clock();
    assert!(Command::new("kill").arg(node.process.0.id().to_string()).status().unwrap().success());
    for zone in &zones {
        cluster.order(zone, "ended");
    }
    let waits = cluster.wait_assigned(&zones, "ended", told);
    println!("answered after SIGTERM, seconds by zone: {waits:.2?}");
    assert!(node.process.0.wait().unwrap().success());
    cluster.wait_owned(9, true);

    // The command shows the same without asking an engine; a node that does not run a zone says where it is run.
    let listed = run(&["zones", "--json", "--log", &url], folder.path());
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["zones"].as_array().unwrap().len(), 9, "{listed}");
    cluster.audit(&zones, 4);
}

/// How long orders wait that come at the moment a node dies or ends: prints the figures of docs/SCALE.md.
#[test]
#[ignore = "takes minutes; prints figures"]
fn measured_times_of_takeovers() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let mut cluster = Cluster::new(folder.path(), &url);
    for name in ["a", "b", "c"] {
        cluster.start(name);
    }
    let zones = names(6);
    for zone in &zones {
        cluster.crew(zone);
    }
    for (how, ends) in [("kill -9", false), ("SIGTERM", true)] {
        let mut all = Vec::new();
        for round in 0..10 {
            let owners = cluster.wait_owned(6, true);
            // Leave the lease's phase to chance.
            pause(200 + round * 137);
            let victim = owners["acme/zone-0"].clone();
            let moved: Vec<String> =
                owners.iter().filter(|(_, owner)| **owner == victim).map(|(zone, _)| zone[5..].to_owned()).collect();
            let id = format!("{how}-{round}").replace(' ', "");
            let at = clock();
            let ending = if ends {
                let node = cluster.nodes.remove(&victim).unwrap();
                assert!(Command::new("kill").arg(node.process.0.id().to_string()).status().unwrap().success());
                Some(node)
            } else {
                cluster.kill(&victim);
                None
            };
            for zone in &moved {
                cluster.order(zone, &id);
            }
            all.extend(cluster.wait_assigned(&moved, &id, at));
            if let Some(mut node) = ending {
                assert!(node.process.0.wait().unwrap().success());
            }
            cluster.start(&victim);
            // Until it has settled and taken its zones back.
            let started = clock();
            while cluster.owners() != owners {
                assert!(started.elapsed() < Duration::from_secs(40), "{owners:?}: {}", cluster.overview());
                pause(50);
            }
        }
        all.sort_by(f64::total_cmp);
        let (n, p50, max) = (all.len(), all[all.len() / 2], all[all.len() - 1]);
        println!("{how}: {n} zones, answered after p50 {p50:.2} s, max {max:.2} s");
    }
    cluster.told_of_rejected();
    for zone in &zones {
        let audited = run(&["audit", "--json", "--log", &url, "--tenant", "acme", "--zone", zone], folder.path());
        let audited: Value = serde_json::from_slice(&audited.stdout).unwrap();
        assert_eq!((&audited["chain_gaps"], &audited["unanswered"]), (&json!([]), &json!([])), "{zone}: {audited}");
    }
}

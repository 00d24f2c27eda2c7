//! Nodes on one broker, and a producer of their zones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use serde_json::{Value, json};

use super::{Killed, fleetfold, free_port, http, pause, run, wait_for};

pub struct Node {
    pub process: Killed,
    pub port: u16,
}

/// Nodes on one broker, and a producer.
pub struct Cluster {
    folder: PathBuf,
    url: String,
    pub nodes: BTreeMap<String, Node>,
    runtime: tokio::runtime::Runtime,
    context: Context,
    published: u64,
}

#[expect(clippy::disallowed_methods, reason = "a test of processes measures real time")]
pub fn clock() -> Instant {
    Instant::now()
}

impl Cluster {
    pub fn new(folder: &Path, url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let context = runtime.block_on(async { jetstream::new(async_nats::connect(url).await.unwrap()) });
        let (folder, url) = (folder.to_owned(), url.to_owned());
        Self { folder, url, nodes: BTreeMap::new(), runtime, context, published: 0 }
    }

    pub fn start(&mut self, name: &str) {
        let node = self.node(name, "acme/*", &format!("data-{name}"));
        wait_for(node.port);
        self.nodes.insert(name.to_owned(), node);
    }

    /// A node that is none of this cluster's: it may run other zones, or has a name that is taken.
    pub fn node(&self, name: &str, zones: &str, data: &str) -> Node {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let args = ["serve", "--log", &self.url, "--zones", zones, "--node", name, "--data", data, "--listen", &listen];
        let path = self.folder.join(format!("{data}.log"));
        let log = std::fs::File::options().create(true).append(true).open(path).unwrap();
        let child = fleetfold(&args, &self.folder).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Node { process: Killed(child), port }
    }

    /// Kill -9.
    pub fn kill(&mut self, name: &str) {
        let mut node = self.nodes.remove(name).unwrap();
        node.process.0.kill().unwrap();
        node.process.0.wait().unwrap();
    }

    pub fn overview(&self) -> Value {
        let port = self.nodes.values().next().unwrap().port;
        serde_json::from_str(&http(port, "GET /v1/zones", "").1).unwrap_or_default()
    }

    /// Owner by zone.
    pub fn owners(&self) -> BTreeMap<String, String> {
        let overview = self.overview();
        let zones = overview["zones"].as_array().cloned().unwrap_or_default();
        let owned = zones
            .iter()
            .filter_map(|zone| Some((zone["zone"].as_str()?.to_owned(), zone["owner"].as_str()?.to_owned())));
        owned.collect()
    }

    /// Waits until so many zones have a living owner, and each of them a standby that has caught up if there are several nodes.
    pub fn wait_owned(&self, zones: usize, standbys: bool) -> BTreeMap<String, String> {
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

    pub fn publish(&mut self, zone: &str, tail: &str, kind: &str, data: &Value) {
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
    pub fn crew(&mut self, zone: &str) {
        for van in ["van-1", "van-2"] {
            let vehicle = json!({ "vehicle_id": van, "start": { "lon": -8.63, "lat": 41.15 } });
            self.publish(zone, &format!("vehicle_registered.{van}"), "vehicle.registered", &vehicle);
            self.publish(zone, &format!("shift_started.{van}"), "shift.started", &json!({ "vehicle_id": van }));
        }
    }

    pub fn order(&mut self, zone: &str, id: &str) {
        let order = json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
        self.publish(zone, "order_created._", "order.created", &order);
    }

    pub fn is_assigned(&self, zone: &str, id: &str) -> bool {
        self.nodes.values().any(|node| {
            let (status, body) = http(node.port, &format!("GET /v1/zones/acme/{zone}/orders/{id}"), "");
            status == 200 && serde_json::from_str::<Value>(&body).is_ok_and(|order| order["status"] == "assigned")
        })
    }

    /// Waits until an order of every zone has its vehicle, and says how long that took from `since`.
    pub fn wait_assigned(&self, zones: &[String], id: &str, since: Instant) -> Vec<f64> {
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
    pub fn told_of_rejected(&self) {
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
    pub fn audit(&self, zones: &[String], orders: u64) {
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

pub fn names(zones: usize) -> Vec<String> {
    (0..zones).map(|number| format!("zone-{number}")).collect()
}

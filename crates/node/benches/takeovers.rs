//! How long orders wait that come at the moment a node dies or ends: prints the figures of docs/SCALE.md. Three nodes, six zones, ten deaths
//! and ten ends; some minutes. Needs nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH).

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use support::nodes::{Cluster, clock, names};
use support::{broker, pause, run};

fn main() {
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

//! Several nodes, several zones, one broker: zones are found, spread, taken over, handed over and drained, and nothing is lost or
//! doubled. Real processes, a real broker. How long takeovers take is measured by `cargo bench -p fleetfold-node --bench takeovers`.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::nodes::{Cluster, clock, names};
use support::{broker, pause, run};

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

#[test]
fn a_node_that_was_drained_runs_the_zones_for_which_no_other_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let mut cluster = Cluster::new(folder.path(), &url);
    for name in ["a", "b"] {
        cluster.start(name);
    }
    let zones = names(3);
    for zone in &zones {
        cluster.crew(zone);
        cluster.order(zone, "first");
    }
    cluster.wait_assigned(&zones, "first", clock());
    cluster.wait_owned(3, true);
    let drained = run(&["drain", "a", "--log", &url], folder.path());
    assert!(drained.status.success(), "{}", String::from_utf8_lossy(&drained.stderr));
    assert!(cluster.wait_owned(3, false).values().all(|owner| owner == "b"));
    // The one that has them dies.
    cluster.kill("b");
    for zone in &zones {
        cluster.order(zone, "alone");
    }
    cluster.wait_assigned(&zones, "alone", clock());
    assert!(cluster.wait_owned(3, false).values().all(|owner| owner == "a"));
    // Another comes: it gets them all, for the drain was not undone.
    cluster.start("c");
    let begun = clock();
    while !cluster.owners().values().all(|owner| owner == "c") {
        assert!(begun.elapsed() < Duration::from_secs(40), "the drained one keeps zones: {}", cluster.overview());
        pause(50);
    }
    for zone in &zones {
        cluster.order(zone, "given");
    }
    cluster.wait_assigned(&zones, "given", clock());
    cluster.audit(&zones, 3);
}

#[test]
fn a_node_is_given_only_zones_that_it_may_run_and_the_second_one_of_a_name_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let mut cluster = Cluster::new(folder.path(), &url);
    // Most nodes of this broker are for other zones. Ranked for all of them, they would be first for most.
    let others = ["x", "y", "z"].map(|name| cluster.node(name, "other/*", &format!("data-{name}")));
    cluster.start("a");
    let zones = names(9);
    for zone in &zones {
        cluster.crew(zone);
        cluster.order(zone, "first");
    }
    cluster.wait_assigned(&zones, "first", clock());
    assert!(cluster.wait_owned(9, false).values().all(|owner| owner == "a"));
    drop(others);

    // Somebody starts another program under the name of the node that is in service.
    pause(3_000);
    let mut second = cluster.node("a", "acme/*", "data-second");
    let begun = clock();
    while second.process.0.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "two nodes have one name");
        pause(50);
    }
    let said = std::fs::read_to_string(folder.path().join("data-second.log")).unwrap();
    assert!(said.contains("another node is called a"), "{said}");
    for zone in &zones {
        cluster.order(zone, "killed");
    }
    cluster.wait_assigned(&zones, "killed", clock());
    assert!(cluster.nodes.get_mut("a").unwrap().process.0.try_wait().unwrap().is_none(), "it was in service");
    cluster.audit(&zones, 2);
}

//! `serve --policy`: a file becomes policies in the log, once each, and a wrong one is told. Real processes, a real broker.
//!
//! This test needs nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); it fails, never skips, without one.

mod support;

use serde_json::{Value, json};
use support::admin::Admin;
use support::engine::{crew, event, serve, wait_ready};
use support::{broker, http, pause, run};

/// `change_cost` of all policies in the log, and who has changed it.
fn policies(admin: &Admin) -> Vec<(f64, String)> {
    let all = (1..=admin.end("FLEET")).map(|seq| serde_json::from_slice::<Value>(&admin.message(seq)).unwrap());
    let changed = all.filter(|event| event["type"] == "fleet.policy.changed.v1");
    changed
        .map(|event| {
            let by = event["operator"].as_str().unwrap_or("nobody");
            assert!(by == "nobody" || event["source"] == "policy.toml", "{event}");
            (event["data"]["change_cost"].as_f64().unwrap(), by.to_owned())
        })
        .collect()
}

fn wait(what: &str, is: impl Fn() -> bool) {
    assert!(
        (0..600).any(|_| is() || {
            pause(50);
            false
        }),
        "{what}"
    );
}

fn warnings(port: u16) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&http(port, "GET /v1/warnings", "").1).unwrap();
    let all = listed["warnings"].as_array().unwrap().iter();
    all.filter(|warning| warning["code"] == "policy_file").cloned().collect()
}

fn has_metric(port: u16, line: &str) -> bool {
    http(port, "GET /metrics", "").1.lines().any(|other| other == line)
}

#[test]
fn a_policy_file_is_followed_and_each_policy_in_it_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let write = |text: &str| std::fs::write(folder.path().join("policy.toml"), text).unwrap();
    write("change_cost = 1.5\n");
    let start = |data: &str| serve(folder.path(), &url, "porto", data, &["--policy", "policy.toml"]);
    let (owner, port) = start("a");
    wait_ready(port);
    let opened = json!({ "timezone": "UTC", "day_start": "2026-06-01T09:00:00Z", "log_start": "2026-06-01T09:00:00Z" });
    assert_eq!(http(port, "POST /v1/events", &event("zone.opened", "open", &opened).to_string()).0, 202);
    crew(port);
    let admin = Admin::new(&url);
    let file = |cost: f64| (cost, "policy.toml".to_owned());
    wait("the policy of the file is in the log", || policies(&admin) == [file(1.5)]);

    // A wrong file is told with its line, and the policy in force stays.
    write("change_cost = 2\nchange_kost = 2\n");
    wait("the mistake is listed", || warnings(port).len() == 1);
    let told = &warnings(port)[0];
    assert_eq!(told["field"], "line 2", "{told}");
    assert!(told["detail"].as_str().unwrap().contains("change_kost"), "{told}");
    assert!(has_metric(port, "fleetfold_policy_file_wrong 1"));
    assert!(has_metric(port, "fleetfold_warnings_total{reason=\"policy_file\"} 1"));
    let log = || std::fs::read_to_string(folder.path().join("a.log")).unwrap();
    assert!(log().lines().any(|line| line.contains("ERROR") && line.contains("line=2")), "{}", log());

    // Mended, and read at once because of SIGHUP, which does not end the program.
    write("change_cost = 2\n");
    let hangup = std::process::Command::new("kill").args(["-HUP", &owner.0.id().to_string()]).status().unwrap();
    assert!(hangup.success());
    wait("the mended policy is in the log", || policies(&admin) == [file(1.5), file(2.0)]);
    wait("SIGHUP is heard", || log().contains("SIGHUP"));
    wait("nothing is wrong any more", || {
        has_metric(port, "fleetfold_policy_file_wrong 0") && warnings(port)[0]["withdrawn_seq"].is_u64()
    });

    // A standby with the same file says nothing. Neither does a restart, also where somebody has posted another policy since.
    let (standby, other) = start("b");
    wait_ready(other);
    write("change_cost = 3\n");
    wait("one of the two says it", || policies(&admin).len() == 3);
    let posted = event("policy.changed", "by hand", &json!({ "change_cost": 9 }));
    assert_eq!(http(port, "POST /v1/events", &posted.to_string()).0, 202);
    drop(standby);
    drop(owner);
    let (_owner, port) = start("a");
    wait_ready(port);
    write("change_cost = 4\n");
    wait("the next change is in the log", || policies(&admin).last() == Some(&file(4.0)));
    let all = policies(&admin);
    assert_eq!(all, [file(1.5), file(2.0), file(3.0), (9.0, "nobody".to_owned()), file(4.0)]);
}

#[test]
fn a_zone_that_nobody_has_opened_follows_its_file_too_and_what_is_no_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let place = folder.path().join("policy.toml");
    std::fs::write(&place, "change_cost = 1.5\n").unwrap();
    let (_owner, port) = serve(folder.path(), &url, "porto", "a", &["--policy", "policy.toml"]);
    wait_ready(port);
    crew(port);
    let admin = Admin::new(&url);
    let file = |cost: f64| (cost, "policy.toml".to_owned());
    wait("the policy of the file is in the log", || policies(&admin) == [file(1.5)]);

    // Nobody writes into the pipe: whoever opens it waits.
    std::fs::remove_file(&place).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&place).status().unwrap().success());
    let is_told = |what: &str| {
        let told = |warning: &Value| {
            warning["withdrawn_seq"].is_null() && warning["detail"].as_str().is_some_and(|detail| detail.contains(what))
        };
        warnings(port).iter().any(told) && has_metric(port, "fleetfold_policy_file_wrong 1")
    };
    wait("the pipe is told", || is_told("it is no file"));
    std::fs::remove_file(&place).unwrap();
    wait("that it is gone is told", || is_told("No such file"));
    std::fs::create_dir(&place).unwrap();
    wait("the folder is told", || is_told("it is no file"));
    std::fs::remove_dir(&place).unwrap();
    std::fs::write(&place, "change_cost = 2\n").unwrap();
    wait("the next policy is in the log", || policies(&admin) == [file(1.5), file(2.0)]);
    wait("nothing is wrong any more", || {
        has_metric(port, "fleetfold_policy_file_wrong 0")
            && warnings(port).iter().all(|warning| warning["withdrawn_seq"].is_u64())
    });
}

#[test]
fn a_policy_file_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["serve", "--log", "embedded:a.redb", "--policy", "missing.toml"], folder.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("missing.toml") && said.contains("--policy"), "{said}");
}

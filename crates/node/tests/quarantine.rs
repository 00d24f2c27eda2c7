//! An entry that ends the engine again and again does not stop its zone: real processes that die, real brokers. The deaths are planted
//! (`FLEETFOLD_PLANTED_DEATH`, in programs with debug assertions only).
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.
#![cfg(debug_assertions)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::admin::Admin;
use support::engine::{crew, is_ready, order, post, serve, state, wait_answered, wait_not_ready, wait_ready};
use support::{Killed, broker, fleetfold, free_port, http, pause, run, wait_for};

const SUBJECT: &str = "fleet.acme.porto.event.order_created._";

/// An engine with a planted death, and its port. It may die before it listens.
fn doomed(folder: &Path, log: &str, data: &str, death: &str, of: &[&str]) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut args = vec!["serve", "--log", log, "--data", data, "--listen", &listen];
    args.extend(of);
    let said = std::fs::File::options().create(true).append(true).open(folder.join(format!("{data}.log"))).unwrap();
    let mut command = fleetfold(&args, folder);
    let child = command.env("FLEETFOLD_PLANTED_DEATH", death).stdout(Stdio::null()).stderr(said).spawn().unwrap();
    (Killed(child), port)
}

const PORTO: &[&str] = &["--tenant", "acme", "--zone", "porto"];

/// Returns when the process has ended by itself, and not well.
fn wait_dead(engine: &mut Killed) {
    for _ in 0..600 {
        if let Some(ended) = engine.0.try_wait().unwrap() {
            assert!(!ended.success(), "it ended well");
            return;
        }
        pause(50);
    }
    panic!("the engine lives");
}

fn said(folder: &Path, data: &str) -> String {
    std::fs::read_to_string(folder.join(format!("{data}.log"))).unwrap()
}

fn signal(engine: &Killed, name: &str) {
    let sent = Command::new("kill").args([name, &engine.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn verified(folder: &Path, url: &str) -> Value {
    let verified = run(&["verify", "--json", "--log", url, "--tenant", "acme", "--zone", "porto"], folder);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    serde_json::from_slice(&verified.stdout).unwrap()
}

/// The digest of an engine, when it has folded the log up to an entry.
fn digest_at(port: u16, seq: u64) -> Value {
    for _ in 0..200 {
        let state = state(port);
        if state["applied"].as_u64() >= Some(seq) {
            return state["digest"].clone();
        }
        pause(50);
    }
    panic!("entry {seq} is not folded: {}", state(port)["applied"]);
}

fn end_of_log(admin: &Admin) -> u64 {
    // What the last order brought about has come by then.
    let mut before = 0;
    loop {
        let end = admin.end("FLEET");
        if end == before {
            return end;
        }
        before = end;
        pause(1_000);
    }
}

#[test]
fn an_entry_that_ends_two_runs_is_passed_over_by_everybody_from_the_third_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let death = "abort:poison";
    let (mut engine, port) = doomed(folder, &url, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    crew(port);
    post(port, "before");
    wait_answered(port, "before");
    let poison = order("poison").to_string();
    let seq = producer.publish(SUBJECT, poison.as_bytes());
    wait_dead(&mut engine);
    let (mut engine, _) = doomed(folder, &url, "data", death, PORTO);
    wait_dead(&mut engine);
    producer.publish(SUBJECT, order("after").to_string().as_bytes());
    let (mut engine, port) = doomed(folder, &url, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    wait_answered(port, "after");
    assert_eq!(http(port, "GET /v1/orders/poison", "").0, 404);
    assert!(said(folder, "data").contains(&format!("entry {seq} is QUARANTINED")), "{}", said(folder, "data"));
    // It is told, as it was published.
    let of = ["--log", &url, "--tenant", "acme", "--zone", "porto"];
    let listed = run(&[&["rejected", "list", "--json", "--reason", "quarantined"], &of[..]].concat(), folder);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((&listed["seq"], &listed["order_id"]), (&seq.into(), &"poison".into()), "{listed}");
    let shown = run(&[&["rejected", "show", &seq.to_string(), "--raw"], &of[..]].concat(), folder);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), poison);
    // Whoever folds the log comes to the same fleet: `verify`, another engine that has nothing, and a day that was recorded.
    let end = end_of_log(&producer);
    let digest = digest_at(port, end);
    assert_eq!(verified(folder, &url)["digest"], digest);
    let (_other, other) = serve(folder, &url, "porto", "other", &[]);
    wait_ready(other);
    assert_eq!(digest_at(other, end), digest);
    let recorded = run(&[&["record", "-o", "day.jsonl"], &of[..]].concat(), folder);
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
    let replayed = run(&["replay", "day.jsonl"], folder);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    // A start of its own needs no list to remember it, and it is not told twice.
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    let (_engine, port) = doomed(folder, &url, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    assert_eq!(http(port, "GET /v1/orders/poison", "").0, 404);
    assert_eq!(producer.rejected().iter().filter(|one| one["reason"] == "quarantined").count(), 1);
}

#[test]
fn an_entry_that_another_engine_has_folded_and_told_of_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let death = "abort:poison";
    let (mut engine, port) = doomed(folder, &url, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    crew(port);
    let (mut other, beside) = serve(folder, &url, "porto", "other", &[]);
    wait_ready(beside);
    producer.publish(SUBJECT, order("poison").to_string().as_bytes());
    wait_dead(&mut engine);
    // The standby takes over, and answers it.
    wait_answered(beside, "poison");
    other.0.kill().unwrap();
    other.0.wait().unwrap();
    for _ in 0..3 {
        let (mut engine, _) = doomed(folder, &url, "data", death, PORTO);
        wait_dead(&mut engine);
    }
    let said = said(folder, "data");
    assert!(said.contains("cannot be passed over: plan"), "{said}");
    assert!(!said.contains("QUARANTINED"), "{said}");
    assert!(producer.rejected().iter().all(|one| one["reason"] != "quarantined"));
    // A version that gets past it goes on.
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    wait_answered(port, "poison");
    verified(folder, &url);
}

#[test]
fn a_standby_that_has_folded_it_and_told_nothing_of_it_stands_back_and_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let death = "abort:poison";
    let (mut engine, port) = doomed(folder, &url, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    crew(port);
    let (mut standby, beside) = serve(folder, &url, "porto", "other", &[]);
    wait_ready(beside);
    let seq = producer.publish(SUBJECT, order("poison").to_string().as_bytes());
    digest_at(beside, seq);
    signal(&standby, "-STOP");
    wait_dead(&mut engine);
    let (mut engine, _) = doomed(folder, &url, "data", death, PORTO);
    wait_dead(&mut engine);
    let (_engine, port) = doomed(folder, &url, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    post(port, "after");
    wait_answered(port, "after");
    signal(&standby, "-CONT");
    wait_not_ready(beside, "was quarantined meanwhile");
    signal(&standby, "-TERM");
    standby.0.wait().unwrap();
    // Its snapshot has folded the entry.
    let (_standby, beside) = serve(folder, &url, "porto", "other", &[]);
    wait_ready(beside);
    let end = end_of_log(&producer);
    assert_eq!(digest_at(beside, end), digest_at(port, end));
    assert!(said(folder, "other").contains("which was quarantined since"), "{}", said(folder, "other"));
    verified(folder, &url);
}

#[test]
fn a_fact_whose_answer_panics_is_passed_over_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (mut engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "before");
    wait_answered(port, "before");
    signal(&engine, "-TERM");
    engine.0.wait().unwrap();
    let seq = producer.publish(SUBJECT, order("poison").to_string().as_bytes());
    for _ in 0..2 {
        let (mut engine, _) = doomed(folder, &url, "data", "waits:poison", PORTO);
        wait_dead(&mut engine);
    }
    let (_engine, port) = doomed(folder, &url, "data", "waits:poison", PORTO);
    wait_for(port);
    wait_ready(port);
    post(port, "after");
    wait_answered(port, "after");
    assert!(producer.rejected().iter().any(|one| one["reason"] == "quarantined" && one["seq"] == seq));
    verified(folder, &url);
}

/// The log when an engine that is well has ended, and these orders have come since: the sequence of the one that is named `poison`.
fn come_while_nobody_runs(folder: &Path, url: &str, orders: &[&str]) -> u64 {
    let producer = Admin::new(url);
    let (mut engine, port) = serve(folder, url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "before");
    wait_answered(port, "before");
    signal(&engine, "-TERM");
    engine.0.wait().unwrap();
    let mut poison = 0;
    for id in orders {
        let seq = producer.publish(SUBJECT, order(id).to_string().as_bytes());
        if *id == "poison" {
            poison = seq;
        }
    }
    poison
}

/// Posts as producers do: while facts have waited for too long they are asked to try again later.
fn post_until_taken(port: u16, id: &str) {
    for _ in 0..200 {
        let (status, body) = http(port, "POST /v1/events", &order(id).to_string());
        if status == 202 {
            return;
        }
        assert_eq!(status, 429, "{body}");
        pause(100);
    }
    panic!("{id} is never taken");
}

/// After so many ends the next start passes the entry over, and answers all others.
fn is_passed_over_after(ends: usize, death: &str, orders: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let seq = come_while_nobody_runs(folder, &url, orders);
    for _ in 0..ends {
        let (mut engine, _) = doomed(folder, &url, "data", death, PORTO);
        wait_dead(&mut engine);
    }
    let (_engine, port) = doomed(folder, &url, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    post_until_taken(port, "after");
    for id in orders.iter().copied().chain(["after"]).filter(|id| *id != "poison") {
        wait_answered(port, id);
    }
    assert_eq!(http(port, "GET /v1/orders/poison", "").0, 404);
    let quarantined: Vec<Value> =
        Admin::new(&url).rejected().into_iter().filter(|one| one["reason"] == "quarantined").collect();
    assert_eq!(quarantined.iter().map(|one| &one["seq"]).collect::<Vec<_>>(), [&Value::from(seq)]);
    verified(folder, &url);
}

#[test]
fn a_fact_whose_answer_ends_the_process_is_passed_over_too() {
    is_passed_over_after(2, "answer-abort:poison", &["poison"]);
}

#[test]
fn of_several_facts_that_wait_the_one_whose_answer_ends_the_process_is_found_out() {
    // The first end is over all of them: nobody knows yet which it was.
    is_passed_over_after(3, "answer-abort:poison", &["one", "two", "poison", "three"]);
}

#[test]
fn of_several_facts_that_wait_the_one_whose_answer_panics_is_found_out() {
    is_passed_over_after(3, "answer-panic:poison", &["one", "two", "poison", "three"]);
}

#[test]
fn a_message_over_which_its_reader_panics_is_passed_over() {
    // Its reader is far ahead of the fold when it panics.
    let mut orders: Vec<String> = (0..60).map(|number| format!("order-{number}")).collect();
    orders.push("poison".to_owned());
    is_passed_over_after(2, "judge:poison", &orders.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn facts_that_cannot_be_passed_over_are_left_unanswered_and_nobody_else_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let deadly = ["poison", "venom"];
    let seq = come_while_nobody_runs(folder, &url, &["poison", "other", "venom"]);
    // An owner of the zone has said that it had folded it.
    Admin::new(&url).publish(
        "fleet.acme.porto.feature.log-folded",
        serde_json::json!({ "folded": seq + 2 }).to_string().as_bytes(),
    );
    let death = "answer-abort:poison,venom";
    // Each is found out in three runs: in the first one it is answered beside others.
    for _ in 0..6 {
        let (mut engine, _) = doomed(folder, &url, "data", death, PORTO);
        wait_dead(&mut engine);
    }
    for turn in ["first", "second"] {
        let (engine, port) = doomed(folder, &url, "data", death, PORTO);
        wait_for(port);
        wait_ready(port);
        wait_answered(port, "other");
        // What had waited since nobody ran was late: producers were told to wait.
        let is_calm = || http(port, "GET /metrics", "").1.contains("fleetfold_overload_level 0");
        assert!(
            (0..300).any(|_| is_calm() || {
                pause(100);
                false
            }),
            "{}",
            http(port, "GET /metrics", "").1
        );
        post(port, turn);
        wait_answered(port, turn);
        for id in deadly {
            let (status, waits) = http(port, &format!("GET /v1/orders/{id}"), "");
            assert_eq!(status, 200, "{waits}");
            let is_answered = |answer: &str| waits.contains(&format!("\"status\":\"{answer}\""));
            assert!(!is_answered("assigned") && !is_answered("unassigned"), "{waits}");
        }
        signal(&engine, "-TERM");
    }
    let said = said(folder, "data");
    assert!(said.contains("cannot be passed over: an owner of the zone had folded the log up to entry"), "{said}");
    assert!(!said.contains("QUARANTINED"), "{said}");
    // Where it is answered without harm it is answered: another version, another machine.
    let (_other, port) = serve(folder, &url, "porto", "other", &[]);
    wait_ready(port);
    for id in deadly {
        wait_answered(port, id);
    }
    verified(folder, &url);
}

#[test]
fn a_search_that_panics_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (mut engine, port) = doomed(folder, &url, "data", "search:all", PORTO);
    wait_for(port);
    wait_ready(port);
    crew(port);
    for number in 0..3 {
        post(port, &format!("order-{number}"));
    }
    for _ in 0..200 {
        if said(folder, "data").contains("a search panicked") {
            break;
        }
        pause(50);
    }
    assert!(said(folder, "data").contains("a search panicked"), "{}", said(folder, "data"));
    post(port, "after");
    wait_answered(port, "after");
    assert!(engine.0.try_wait().unwrap().is_none(), "the engine has ended");
}

#[test]
fn a_node_of_several_zones_starts_an_engine_that_panicked_again_and_passes_the_entry_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (_node, port) = doomed(folder, &url, "data", "panic:poison", &["--zones", "acme/*", "--node", "n1"]);
    wait_for(port);
    producer.publish(SUBJECT, order("before").to_string().as_bytes());
    let is_unassigned = |id: &str| {
        let (status, body) = http(port, &format!("GET /v1/zones/acme/porto/orders/{id}"), "");
        status == 200 && body.contains("\"status\":\"unassigned\"")
    };
    let wait_unassigned = |id: &str| {
        for _ in 0..800 {
            if is_unassigned(id) {
                return;
            }
            pause(50);
        }
        panic!("{id} is not answered: {}", said(folder, "data"));
    };
    wait_unassigned("before");
    let seq = producer.publish(SUBJECT, order("poison").to_string().as_bytes());
    producer.publish(SUBJECT, order("after").to_string().as_bytes());
    wait_unassigned("after");
    assert!(producer.rejected().iter().any(|one| one["reason"] == "quarantined" && one["seq"] == seq));
    verified(folder, &url);
}

#[test]
fn an_embedded_log_passes_over_what_ends_two_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (log, death) = ("embedded:log.redb", "abort:poison");
    let (mut engine, port) = doomed(folder, log, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    crew(port);
    // The engine may die before it has answered.
    let _ = std::panic::catch_unwind(|| post(port, "poison"));
    wait_dead(&mut engine);
    let (mut engine, _) = doomed(folder, log, "data", death, PORTO);
    wait_dead(&mut engine);
    let (_engine, port) = doomed(folder, log, "data", death, PORTO);
    wait_for(port);
    wait_ready(port);
    post(port, "after");
    wait_answered(port, "after");
    assert_eq!(http(port, "GET /v1/orders/poison", "").0, 404);
    assert!(is_ready(port));
}

//! No message, restart or year stops a zone: each kind of stray, forged or garbage message on each kind of subject, restarts,
//! shared streams, expired entries, an older copy of the broker's store. Real processes, a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::admin::Admin;
use support::engine::{crew, event, is_ready, order, post, serve, state, wait_answered, wait_not_ready, wait_ready};
use support::{Killed, broker, fleetfold, http, pause, run, wait_for};

fn forged_plan(epoch: u64, rev: u64) -> Value {
    event(
        "plan.proposed",
        &format!("forged-{epoch}-{rev}"),
        &json!({
            "format": 2, "epoch": epoch, "rev": rev, "prev_hash": "0", "based_on_seq": 0, "groups": [], "seed": "0", "rounds": 0,
            "took_milliseconds": 0, "cost_before": 0, "cost_after": 0, "fleet_digest": "0",
        }),
    )
}

#[test]
fn stray_forged_and_garbage_messages_on_any_subject_do_not_stop_a_zone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (mut engine, mut port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "before");
    wait_answered(port, "before");
    let learned = json!({ "version": 1, "watermark": "2026-06-01T09:00:00Z", "epoch": 1u64 << 60 });
    let located = json!({ "vehicle_id": "van", "position": { "lon": 0.0, "lat": 0.0 }, "at_time": "2026-06-01T09:00:00Z", "of_seq": 1, "epoch": 1u64 << 60 });
    let strays: Vec<(&str, Vec<u8>)> = vec![
        ("plan", order("stray").to_string().into_bytes()),
        ("plan", b"\xff\xfe garbage".to_vec()),
        ("plan", Vec::new()),
        ("plan", forged_plan(1 << 62, 1_000_000).to_string().into_bytes()),
        ("plan", forged_plan(1, 1_000_000).to_string().into_bytes()),
        ("plan", forged_plan(0, 0).to_string().into_bytes()),
        ("event.order_created._", forged_plan(1 << 62, 1_000_000).to_string().into_bytes()),
        ("event.plan_proposed._", forged_plan(1 << 62, 2).to_string().into_bytes()),
        ("event.features_learned._", event("features.learned", "f", &learned).to_string().into_bytes()),
        ("event.vehicle_located.van", event("vehicle.located", "l", &located).to_string().into_bytes()),
        ("event.order_cancelled._", order("wrong-type").to_string().into_bytes()),
        (
            "event.vehicle_lost.other",
            event("vehicle.lost", "x", &json!({ "vehicle_id": "van" })).to_string().into_bytes(),
        ),
        ("event.order_created._", vec![1; 900 << 10]),
        ("event.order_created._", b"{}".to_vec()),
    ];
    for (number, (tail, body)) in strays.iter().enumerate() {
        producer.publish(&format!("fleet.acme.porto.{tail}"), body);
        if number % 3 == 0 {
            // It is the last entry when the engine stops, and when it starts.
            engine.0.kill().unwrap();
            engine.0.wait().unwrap();
            (engine, port) = serve(folder, &url, "porto", "data", &[]);
            wait_ready(port);
        }
        let id = format!("after-{number}");
        post(port, &id);
        wait_answered(port, &id);
    }
    // One more, which is legal and makes no sense: it is refused, and told in the same shape.
    producer.publish(
        "fleet.acme.porto.event.order_created._",
        order("before").to_string().replace("\"id\":\"before\"", "\"id\":\"again\"").as_bytes(),
    );
    let mut rejected = producer.rejected();
    for _ in 0..100 {
        if rejected.iter().any(|one| one["reason"] == "order_exists") {
            break;
        }
        pause(50);
        rejected = producer.rejected();
    }
    let refused = rejected.iter().find(|one| one["reason"] == "order_exists").expect("the refused fact is told");
    assert_eq!(
        (&refused["id"], &refused["source"], &refused["entity"]),
        (&json!("again"), &json!("/shop"), &json!("before"))
    );
    assert!(refused["bytes"].as_str().unwrap().contains("order.created"), "{refused}");
    for one in &rejected {
        for field in ["seq", "subject", "reason", "detail", "bytes", "size_bytes"] {
            assert!(!one[field].is_null(), "no {field}: {one}");
        }
    }
    // All but the plan of an earlier epoch and number 0, which the fold refuses as no link of the chain, or rejects.
    for seq in rejected.iter().filter_map(|one| one["seq"].as_u64()) {
        assert!(rejected.iter().filter(|one| one["seq"] == seq).count() == 1, "told twice: {seq}");
    }
    assert!(rejected.len() >= strays.len(), "not everything was told: {rejected:?}");
    // A fresh engine without snapshots folds the same, and so does `verify`.
    let digest = state(port)["digest"].clone();
    let (_again, other) = serve(folder, &url, "porto", "other", &[]);
    wait_ready(other);
    assert_eq!(state(other)["digest"], digest);
    let verified = run(&["verify", "--json", "--log", &url, "--tenant", "acme", "--zone", "porto"], folder);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["digest"], digest);
    assert!(verified["compared"].as_u64() > Some(3), "{verified}");
}

#[test]
fn a_new_zone_beside_a_working_one_is_ready_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_busy, busy) = serve(folder, &url, "busy", "data", &[]);
    wait_ready(busy);
    crew(busy);
    post(busy, "one");
    wait_answered(busy, "one");
    let (_new, new) = serve(folder, &url, "new", "data", &[]);
    wait_ready(new);
    crew(new);
    post(new, "two");
    wait_answered(new, "two");
}

/// Three seconds in which somebody looks, so that the engine does what is due and does not sleep for longer.
fn watch(port: u16) {
    for _ in 0..30 {
        state(port);
        pause(100);
    }
}

/// The fifteenth day of a log: everything has expired but the base. A standby, an engine without a snapshot, `audit`, `record`
/// and `verify` begin there and say so; a new zone has lost nothing; an engine with a snapshot goes on.
#[test]
fn after_all_entries_have_expired_everyone_begins_at_the_base() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (mut engine, port) = serve(folder, &url, "porto", "data", &["--base-hours", "0.0003"]);
    wait_ready(port);
    crew(port);
    for number in 0..5 {
        post(port, &format!("old-{number}"));
        wait_answered(port, &format!("old-{number}"));
    }
    // The base is of log time about a second later; then nothing is said any more.
    watch(port);
    post(port, "last");
    wait_answered(port, "last");
    watch(port);
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    producer.expire_all();
    // Somebody writes nonsense into the bucket of the bases, which is everybody's.
    producer.publish("$O.BASES.M.Z2FyYmFnZQ==", b"garbage");
    producer.publish("$O.BASES.M.b2Rk", br#"{"name":"odd","mtime":"","deleted":true}"#);
    // Another zone fills the stream meanwhile.
    let (_other, other) = serve(folder, &url, "new", "other", &[]);
    wait_ready(other);
    crew(other);
    post(other, "elsewhere");
    wait_answered(other, "elsewhere");
    // The owner without a snapshot, then a standby: both begin at the base.
    let (owner, port) = serve(folder, &url, "porto", "owner", &[]);
    wait_ready(port);
    post(port, "new");
    for order in ["old-0", "old-4", "last", "new"] {
        wait_answered(port, order);
    }
    let (standby, beside) = serve(folder, &url, "porto", "standby", &[]);
    wait_ready(beside);
    let digests = || (state(port)["digest"].clone(), state(beside)["digest"].clone());
    for _ in 0..100 {
        if digests().0 == digests().1 {
            break;
        }
        pause(100);
    }
    assert_eq!(digests().0, digests().1);
    for data in ["owner", "standby"] {
        let words = std::fs::read_to_string(folder.join(format!("{data}.log"))).unwrap();
        assert!(words.contains("beginning with the base"), "{data} began in silence: {words}");
    }
    drop((owner, standby));
    // What nobody takes for an entry stands behind the last one.
    producer.publish("fleet.acme.porto.plan", b"{}");
    let whose = ["--log", &url, "--tenant", "acme", "--zone", "porto"];
    for command in [&["audit"][..], &["verify"], &["record", "--output", "recorded.jsonl"]] {
        let args: Vec<&str> = command.iter().chain(&whose).copied().collect();
        let done = run(&args, folder);
        let words = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{command:?}: {words}");
        assert!(words.contains("beginning with the base"), "{command:?} began in silence: {words}");
    }
    let replayed = run(&["replay", "recorded.jsonl", "--json"], folder);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let words = String::from_utf8_lossy(&replayed.stderr).into_owned();
    assert!(words.contains("replay ends in the recorded digest"), "{words}");
}

/// Everything has expired, and the only base that can be read was stored before the last entries: what drivers were told still
/// names one of them. Nobody begins at that base in silence.
#[test]
fn entries_that_expired_behind_the_last_base_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (mut engine, port) = serve(folder, &url, "porto", "data", &["--base-hours", "0.0003"]);
    wait_ready(port);
    crew(port);
    post(port, "old");
    wait_answered(port, "old");
    watch(port);
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    // The engine goes on with its snapshot and stores no base for a day, in which the broker loses two weeks.
    let (mut engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    post(port, "lost");
    wait_answered(port, "lost");
    pause(500);
    engine.0.kill().unwrap();
    engine.0.wait().unwrap();
    producer.expire_all();
    let whose = ["--log", &url, "--tenant", "acme", "--zone", "porto"];
    let gap = |args: &[&str]| {
        let args: Vec<&str> = args.iter().chain(&whose).copied().collect();
        let mut child = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        for _ in 0..600 {
            if child.0.try_wait().unwrap().is_some() {
                let mut words = String::new();
                child.0.stderr.take().unwrap().read_to_string(&mut words).unwrap();
                return assert!(words.contains("LOG_GAP"), "{args:?} ended without a word of it: {words}");
            }
            pause(50);
        }
        panic!("{args:?} began in silence");
    };
    gap(&["serve", "--data", "nothing", "--listen", "127.0.0.1:0"]);
    gap(&["verify"]);
    // Who accepts the gap begins at the base all the same, and stores a new one.
    let (_engine, port) = serve(folder, &url, "porto", "accepted", &["--accept-gap", "--base-hours", "0.0003"]);
    wait_ready(port);
    assert_eq!(http(port, "GET /v1/orders/old", "").0, 200);
    assert_eq!(http(port, "GET /v1/orders/lost", "").0, 404);
    post(port, "new");
    wait_answered(port, "new");
    watch(port);
    let verified = run(&[&["verify"][..], &whose].concat(), folder);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// A restored backup under a running engine: it says so, publishes nothing, and stays to be asked.
#[test]
fn an_older_copy_of_the_log_under_a_running_engine_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mut broker_process, url) = broker(folder);
    let broker_port = url.rsplit(':').next().unwrap().to_owned();
    let start = || {
        let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let child = Command::new(program)
            .args(["-js", "-a", "127.0.0.1", "-p", &broker_port, "-sd"])
            .arg(folder.join("js"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(broker_port.parse().unwrap());
        Killed(child)
    };
    let copy = |from: &str, to: &str| {
        let _ = std::fs::remove_dir_all(folder.join(to));
        assert!(Command::new("cp").arg("-a").arg(folder.join(from)).arg(folder.join(to)).status().unwrap().success());
    };
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "early");
    wait_answered(port, "early");
    assert!(Command::new("kill").args(["-TERM", &broker_process.0.id().to_string()]).status().unwrap().success());
    broker_process.0.wait().unwrap();
    copy("js", "older");
    let mut broker_process = start();
    for number in 0..10 {
        for _ in 0..100 {
            if http(port, "POST /v1/events", &order(&format!("later-{number}")).to_string()).0 == 202 {
                break;
            }
            pause(100);
        }
    }
    wait_answered(port, "later-9");
    broker_process.0.kill().unwrap();
    broker_process.0.wait().unwrap();
    std::fs::remove_dir_all(folder.join("js")).unwrap();
    copy("older", "js");
    let _broker = start();
    let mut answer = (0, String::new());
    for _ in 0..200 {
        answer = http(port, "GET /readyz", "");
        if answer.1.contains("LOG_REGRESSED") {
            break;
        }
        pause(100);
    }
    assert_eq!(answer.0, 503, "{answer:?}");
    assert!(answer.1.contains("LOG_REGRESSED"), "{answer:?}");
    assert_eq!(http(port, "GET /v1/state", "").0, 200, "its screens stay");
}

#[test]
fn readiness_says_that_the_broker_is_away_and_since_when() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (broker_process, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    drop(broker_process);
    let mut answer = (0, String::new());
    for _ in 0..200 {
        answer = http(port, "GET /readyz", "");
        // It may first have lost what it owned.
        if answer.0 == 503 && answer.1.contains("broker has been away for") {
            return;
        }
        pause(100);
    }
    panic!("{answer:?}");
}

#[test]
fn readiness_says_that_the_log_was_deleted_and_since_when() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "before");
    wait_answered(port, "before");
    let config = producer.delete("FLEET");
    wait_not_ready(port, "stream FLEET does not answer");
    pause(1500);
    let why = wait_not_ready(port, "stream FLEET does not answer");
    let seconds = why.split_once("so for ").and_then(|(_, rest)| rest.split_once(" s")).expect(&why).0;
    assert!(seconds.parse::<u64>().unwrap() >= 3, "{why}");
    producer.create(config);
    wait_not_ready(port, "LOG_REGRESSED");
}

#[test]
fn what_notes_rejections_is_made_again_when_it_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    let garbage = |after: &str| {
        producer.publish("fleet.acme.porto.event.order_created._", b"garbage");
        post(port, after);
        wait_answered(port, after);
        assert!(is_ready(port), "{after}");
    };
    garbage("first");
    producer.delete("REJECTED");
    garbage("second");
    assert_eq!(producer.rejected().len(), 1);
    producer.delete("KV_SKIPPED");
    garbage("third");
    assert_eq!(producer.rejected().len(), 2);
    assert_eq!(producer.messages("KV_SKIPPED"), 3, "what stood on the list stands on it again");
}

#[test]
fn readiness_says_that_a_rejection_cannot_be_noted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    // It cannot be made again: another stream has its subjects.
    let config = producer.delete("REJECTED");
    producer.create(async_nats::jetstream::stream::Config { name: "OTHER".to_owned(), ..config });
    producer.publish("fleet.acme.porto.event.order_created._", b"garbage");
    wait_not_ready(port, "cannot be noted");
    post(port, "after");
    producer.delete("OTHER");
    wait_answered(port, "after");
    wait_ready(port);
    assert_eq!(producer.rejected().len(), 1);
}

#[test]
fn a_zone_or_a_file_that_is_not_there_is_an_error_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for command in ["record", "audit", "verify"] {
        let missing = run(&[command, "--log", "embedded:none.redb", "--tenant", "acme", "--zone", "porto"], folder);
        assert!(!missing.status.success() && !folder.join("none.redb").exists(), "{command}");
    }
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    for command in ["record", "audit", "verify"] {
        let missing = run(&[command, "--log", &url, "--tenant", "acme", "--zone", "elsewhere"], folder);
        let words = String::from_utf8_lossy(&missing.stderr).into_owned();
        assert!(
            !missing.status.success() && words.contains("holds nothing of zone acme/elsewhere"),
            "{command}: {words}"
        );
    }
}

/// A standby whose owner has died says so until it owns the zone itself.
#[test]
fn nobody_is_ready_while_nobody_owns_the_zone() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let (mut owner, first) = serve(folder.path(), &url, "porto", "first", &[]);
    wait_ready(first);
    let (_standby, second) = serve(folder.path(), &url, "porto", "second", &[]);
    wait_ready(second);
    owner.0.kill().unwrap();
    wait_not_ready(second, "nobody owns the zone");
    wait_ready(second);
    crew(second);
    assert_eq!(http(second, "POST /v1/events", &order("o1").to_string()).0, 202);
    wait_answered(second, "o1");
}

/// Before the log is full, new orders are refused over HTTP, so that what is in it is answered and drivers can report.
#[test]
fn the_last_of_a_stream_is_kept_for_plans_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "before");
    wait_answered(port, "before");
    // What another zone has written, so that a twentieth of the stream is room for some plans.
    producer.runtime.block_on(async {
        for _ in 0..60 {
            let subject = "fleet.acme.lisbon.event.order_created._";
            producer.context.publish(subject, vec![b'x'; 10_000].into()).await.unwrap().await.unwrap();
        }
    });
    producer.set_bytes_max("FLEET", |bytes| bytes as i64 * 100 / 96);
    let full = "what is left is kept for plans";
    let eventually = |what: &str, holds: &dyn Fn() -> bool| {
        assert!((0..200).any(|_| holds() || (pause(100), false).1), "{what}");
    };
    eventually("the node sees how full the log is", &|| http(port, "GET /readyz", "").1.contains(full));
    let (status, said) = http(port, "POST /v1/events", &order("refused").to_string());
    assert!(status == 503 && said.contains(full) && said.contains("not_stored"), "{status} {said}");
    let (status, metrics) = http(port, "GET /metrics", "");
    assert!(status == 200 && metrics.lines().any(|line| line.starts_with("fleetfold_log_full_percent 9")), "{metrics}");
    // A producer that publishes by itself is not kept from it, and is answered: there is room for the plan.
    let by_itself = order("by-itself").to_string();
    producer.runtime.block_on(async {
        let subject = "fleet.acme.porto.event.order_created._";
        producer.context.publish(subject, by_itself.into()).await.unwrap().await.unwrap();
    });
    wait_answered(port, "by-itself");
    // What relieves the fleet is taken.
    let cancelled = event("order.cancelled", "c1", &json!({ "order_id": "before" }));
    assert_eq!(http(port, "POST /v1/events", &cancelled.to_string()).0, 202);
    producer.set_bytes_max("FLEET", |_| -1);
    eventually("there is room again", &|| http(port, "POST /v1/events", &order("taken").to_string()).0 == 202);
}

/// Whoever sends only to engines that are ready would never try a stream again that was full.
#[test]
fn a_stream_that_has_room_again_is_ready_although_nobody_has_tried_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "before");
    wait_answered(port, "before");
    producer.set_bytes_max("FLEET", |bytes| bytes as i64);
    assert_eq!(http(port, "POST /v1/events", &order("refused").to_string()).0, 503);
    wait_not_ready(port, "the log takes nothing");
    // It is full as before, and nobody tries: that stays so.
    pause(8_000);
    wait_not_ready(port, "the log takes nothing");
    producer.set_bytes_max("FLEET", |_| -1);
    wait_ready(port);
}

/// A full stream takes no plan either, so facts wait: that is told as what it is, and not as too much work.
#[test]
fn a_full_stream_is_named_and_not_called_overload() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "before");
    wait_answered(port, "before");
    // Room for one more fact, and for no plan.
    producer.set_bytes_max("FLEET", |bytes| bytes as i64 + 700);
    let waits = order("waits").to_string();
    producer.runtime.block_on(async {
        let subject = "fleet.acme.porto.event.order_created._";
        producer.context.publish(subject, waits.into()).await.unwrap().await.unwrap();
    });
    wait_not_ready(port, "the log takes nothing");
    // Longer than the time after which new orders are refused because of overload.
    pause(5_000);
    let (status, said) = http(port, "POST /v1/events", &order("refused").to_string());
    assert!(status == 503 && said.contains("maximum bytes"), "{status} {said}");
    let doctor = run(&["doctor", "--log", &url, "--tenant", "acme", "--zone", "porto"], folder);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("BAD  stream FLEET is ") && doctor.contains("--max-bytes"), "{doctor}");
    producer.set_bytes_max("FLEET", |_| -1);
    wait_answered(port, "waits");
    wait_ready(port);
}

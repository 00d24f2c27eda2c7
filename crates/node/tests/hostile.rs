//! What a hostile producer publishes, and what somebody at the broker sets otherwise, stops no zone and loses no fact. Real processes,
//! a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::Stdio;

use async_nats::jetstream::stream;
use serde_json::{Value, json};
use support::admin::Admin;
use support::engine::{crew, event, is_ready, order, post, serve, state, wait_answered, wait_not_ready, wait_ready};
use support::{Killed, broker, fleetfold, free_port, http, pause, run, wait_for};

/// A broker, and an engine with one vehicle at work. They end in the order in which a test lets go of them: the last one first.
fn one_zone() -> (tempfile::TempDir, Killed, String, Killed, u16) {
    let folder = tempfile::tempdir().unwrap();
    let (broker, url) = broker(folder.path());
    let (engine, port) = serve(folder.path(), &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    (folder, broker, url, engine, port)
}

/// A message id is free text. Whoever uses up those of plans to come keeps no plan out.
#[test]
fn message_ids_that_somebody_has_used_up_keep_no_plan_and_no_fact_out() {
    let (_folder, _broker, url, _engine, port) = one_zone();
    let producer = Admin::new(&url);
    post(port, "before");
    wait_answered(port, "before");
    for epoch in 1..=5 {
        for rev in 1..=40 {
            let id = format!("acme/porto/plan:/{epoch}/{rev}");
            producer.publish_as("fleet.acme.porto.event.order_created._", &id, b"x");
        }
    }
    post(port, "after");
    wait_answered(port, "after");

    // A fact of another zone, or on a subject where it has no place, under the id of a fact of ours: ours is stored, not taken for
    // a repeat.
    for (name, subject) in
        [("one", "fleet.acme.braga.event.order_created._"), ("two", "fleet.acme.porto.event.order_cancelled._")]
    {
        let id = format!("acme/porto/%2Fshop/{name}");
        producer.publish_as(subject, &id, order(name).to_string().as_bytes());
        let (status, said) = http(port, "POST /v1/events", &order(name).to_string());
        assert!(status == 202 && said.contains("\"duplicates\":0"), "{name}: {said}");
        wait_answered(port, name);
    }
    // So it is where the message id was used for an event of another source in the same zone, on the subject where ours belongs or on that
    // of another type, for garbage, or for what no engine takes.
    let mut foreign = order("foreign");
    foreign["source"] = json!("/evil");
    let mut late = event("break.ended", "three", &json!({ "vehicle_id": "van" }));
    late["source"] = json!("/phone");
    let broken = event("order.created", "six", &json!({ "order_id": "six" }));
    for (name, subject, message) in [
        ("three", "order_created._", foreign.to_string()),
        ("four", "break_ended.van", late.to_string()),
        ("five", "order_created._", "junk".to_owned()),
        ("six", "order_created._", broken.to_string()),
    ] {
        let id = format!("acme/porto/%2Fshop/{name}");
        producer.publish_as(&format!("fleet.acme.porto.event.{subject}"), &id, message.as_bytes());
        for _ in 0..2 {
            let (status, said) = http(port, "POST /v1/events", &order(name).to_string());
            assert!(status == 202 && said.contains("\"duplicates\":0"), "{name}: {said}");
        }
        wait_answered(port, name);
    }
    // Another event of the zone under the same id is refused.
    let other = event(
        "order.created",
        "after",
        &json!({ "order_id": "other", "job": { "stop": { "lon": -8.62, "lat": 41.15 } } }),
    );
    assert_eq!(http(port, "POST /v1/events", &other.to_string()).0, 409);
    // A repeat is a repeat.
    let (status, said) = http(port, "POST /v1/events", &order("after").to_string());
    assert!(status == 202 && said.contains("\"duplicates\":1"), "{said}");
}

/// Orders that are on no route and have no reason for it.
fn nowhere(port: u16) -> usize {
    let state = state(port);
    let orders = state["orders"].as_array().unwrap();
    orders.iter().filter(|order| order["vehicle"].is_null() && order["reason"].is_null()).count()
}

fn wait_all_answered(port: u16, orders: usize) {
    for _ in 0..400 {
        if state(port)["orders"].as_array().unwrap().len() == orders && nowhere(port) == 0 {
            return;
        }
        pause(100);
    }
    panic!("{} orders have no answer", nowhere(port));
}

/// Posts orders with long names, many at once.
fn post_many(port: u16, orders: usize, name: impl Fn(usize) -> String) {
    let numbers: Vec<usize> = (0..orders).collect();
    for some in numbers.chunks(100) {
        let lines: Vec<String> = some.iter().map(|&number| order(&name(number)).to_string()).collect();
        // A busy machine answers them slower than they come, and refuses some for a while: a producer sends them again.
        let mut last = (0, String::new());
        let taken = (0..60).any(|_| {
            last = http(port, "POST /v1/events", &lines.join("\n"));
            if last.0 == 429 {
                pause(1_000);
            }
            last.0 == 202
        });
        assert!(taken, "{last:?}");
    }
}

/// A broker that takes small messages only: plans are as small as that, and every order is answered.
#[test]
fn where_the_broker_takes_small_messages_plans_are_small() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("small.conf"), "max_payload: 16384\n").unwrap();
    let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
    let broker_port = free_port();
    let store = folder.join("js");
    let _broker = Killed(
        std::process::Command::new(program)
            .args([
                "-c",
                "small.conf",
                "-js",
                "-a",
                "127.0.0.1",
                "-p",
                &broker_port.to_string(),
                "-sd",
                store.to_str().unwrap(),
            ])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    wait_for(broker_port);
    let (_engine, port) = serve(folder, &format!("nats://127.0.0.1:{broker_port}"), "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post_many(port, 300, |number| format!("an-order-with-a-long-name-{number}-{}", "x".repeat(20)));
    wait_all_answered(port, 300);
    wait_ready(port);
    let routes: usize = state(port)["vehicles"][0]["visits"].as_array().unwrap().len();
    assert!((10..100).contains(&routes), "{routes} visits");
}

/// Names of many bytes: what a plan takes in a message is counted in bytes, so that its readers take it.
#[test]
fn plans_with_the_longest_names_are_read_back() {
    let (folder, _broker, _url, _engine, port) = one_zone();
    let folder = folder.path();
    post_many(port, 2_000, |number| format!("{}{number:06}", "\u{1F69A}".repeat(58)));
    wait_all_answered(port, 2_000);
    wait_ready(port);
    let log = std::fs::read_to_string(folder.join("data.log")).unwrap();
    assert!(!log.contains("was rejected by the log's readers"), "a plan was too large");
}

/// Somebody has made the bucket of leases keep what it has: an owner that dies is followed all the same.
#[test]
fn a_lease_that_the_bucket_does_not_let_go_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (first, port) = serve(folder, &url, "porto", "first", &[]);
    wait_ready(port);
    crew(port);
    let (_second, standby) = serve(folder, &url, "porto", "second", &[]);
    wait_ready(standby);
    admin.change("KV_OWNERS", |config| config.max_age = std::time::Duration::ZERO);
    post(port, "before");
    wait_answered(standby, "before");
    drop(first);
    post(standby, "after");
    wait_answered(standby, "after");
}

/// A paused consumer gets heartbeats and no message.
#[test]
fn a_paused_consumer_is_left_for_another() {
    let (_folder, _broker, url, _engine, port) = one_zone();
    let admin = Admin::new(&url);
    post(port, "before");
    wait_answered(port, "before");
    assert!(admin.pause_consumers("FLEET") > 0);
    post(port, "after");
    wait_answered(port, "after");
    assert!(is_ready(port));
}

/// Entries that have expired from the log are taken off the list of skipped ones.
#[test]
fn the_list_of_skipped_entries_does_not_grow_for_ever() {
    let (_folder, _broker, url, _engine, port) = one_zone();
    let producer = Admin::new(&url);
    for _ in 0..50 {
        producer.publish("fleet.acme.porto.event.order_created._", b"garbage");
    }
    post(port, "behind");
    wait_answered(port, "behind");
    assert_eq!(producer.messages("KV_SKIPPED"), 50);
    producer.expire_all();
    for _ in 0..700 {
        if producer.messages("KV_SKIPPED") == 0 {
            break;
        }
        pause(100);
    }
    assert_eq!(producer.messages("KV_SKIPPED"), 0, "expired entries stay on the list");
    // What is rejected now is noted, and nothing old comes back.
    producer.publish("fleet.acme.porto.event.order_created._", b"garbage");
    post(port, "later");
    wait_answered(port, "later");
    pause(3_000);
    assert_eq!(producer.messages("KV_SKIPPED"), 1);
}

/// The names of the zones that a node shows.
fn zones(port: u16) -> Vec<String> {
    let shown: Value = serde_json::from_str(&http(port, "GET /v1/zones", "").1).unwrap();
    let zones = shown["zones"].as_array().unwrap();
    zones.iter().map(|zone| zone["zone"].as_str().unwrap().to_owned()).collect()
}

fn node(folder: &Path, url: &str, port: u16) -> Killed {
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", url, "--zones", "*/*", "--node", "n", "--data", "nodes", "--listen", &listen];
    let node = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    node
}

/// Only a fact begins a zone, wherever it stands among messages that are none.
#[test]
fn what_is_rejected_begins_no_zone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let producer = Admin::new(&url);
    let port = free_port();
    let started = node(folder, &url, port);
    let created = |zone: &str| format!("fleet.acme.{zone}.event.order_created._");
    for number in 0..20 {
        producer.publish(&created(&format!("evil-{number}")), b"x");
    }
    producer.publish(&created("mixed"), b"x");
    producer.publish(&created("mixed"), order("o").to_string().as_bytes());
    producer.publish(&created("mixed"), b"x");
    let wait = |port: u16| {
        let shown = (0..200).any(|_| {
            pause(50);
            zones(port) == ["acme/mixed"]
        });
        assert!(shown, "{:?}", zones(port));
        pause(2_000);
        assert_eq!(zones(port), ["acme/mixed"]);
    };
    wait(port);
    // A node that comes later sees the last message of each subject only.
    drop(started);
    let port = free_port();
    let _node = node(folder, &url, port);
    wait(port);
}

fn signal(process: &Killed, signal: &str) {
    let id = process.0.id().to_string();
    assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
}

/// A standby that slept while facts came and expired has a hole. It says so, and whoever begins then begins with a base.
#[test]
fn a_standby_that_slept_while_facts_expired_does_not_own_the_zone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let often = ["--base-hours", "0.0005"];
    let (owner, port) = serve(folder, &url, "porto", "owner", &often);
    wait_ready(port);
    crew(port);
    admin.change("FLEET", |config| {
        config.max_age = std::time::Duration::from_secs(6);
        config.duplicate_window = std::time::Duration::from_secs(3);
    });
    let (standby, sleeps) = serve(folder, &url, "porto", "standby", &often);
    wait_ready(sleeps);
    signal(&standby, "-STOP");
    pause(12_000);
    post_many(port, 40, |number| format!("order-{number}"));
    wait_all_answered(port, 40);
    pause(9_000);
    signal(&standby, "-CONT");
    let said = wait_not_ready(sleeps, "LOG_GAP");
    assert!(said.contains("Restart this engine"), "{said}");
    drop(owner);
    drop(standby);
    let (_next, port) = serve(folder, &url, "porto", "standby", &often);
    wait_ready(port);
    wait_all_answered(port, 40);
    post(port, "after");
    wait_answered(port, "after");
}

/// Facts of other zones expire, and the connection breaks. A zone in which nothing happened has lost nothing and stays ready: one that
/// never had a fact, and one whose facts are all behind it.
#[test]
fn quiet_zones_stay_ready_when_the_facts_of_others_have_expired_and_the_broker_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (first, url) = broker(folder);
    let port_of_broker: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let admin = Admin::new(&url);
    let (_new, new) = serve(folder, &url, "new", "new", &[]);
    let (_quiet, quiet) = serve(folder, &url, "quiet", "quiet", &[]);
    let (_busy, busy) = serve(folder, &url, "busy", "busy", &[]);
    for port in [new, quiet, busy] {
        wait_ready(port);
    }
    crew(quiet);
    post(quiet, "before");
    wait_answered(quiet, "before");
    crew(busy);
    let mut running = Some(first);
    for round in 1..=2 {
        post_many(busy, 20, |number| format!("order-{round}-{number}"));
        wait_all_answered(busy, 20 * round);
        admin.expire_all();
        drop(running.take());
        running = Some(support::broker_on(folder, port_of_broker));
        pause(1_500);
        for port in [new, quiet, busy] {
            wait_ready(port);
        }
    }
    crew(new);
    for port in [new, quiet] {
        post(port, "then");
        wait_answered(port, "then");
    }
}

/// Two sources whose hashes are the same by FNV-1a, which tables use and the fold once did.
#[test]
fn sources_that_somebody_has_chosen_do_not_stand_for_each_other() {
    let (_folder, _broker, _url, _engine, port) = one_zone();
    for source in ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"] {
        let mut event = order(source);
        (event["source"], event["id"]) = (json!(source), json!("1"));
        assert_eq!(http(port, "POST /v1/events", &event.to_string()).0, 202);
        wait_answered(port, source);
    }
}

/// On a subject `_` stands for any vehicle. One that is called so has a subject of its own, and its driver speaks for it alone.
#[test]
fn a_vehicle_that_is_called_as_any_is_only_itself() {
    let (_folder, _broker, url, _engine, port) = one_zone();
    let producer = Admin::new(&url);
    let lost = |vehicle: &str| event("vehicle.lost", vehicle, &json!({ "vehicle_id": vehicle })).to_string();
    let named =
        event("vehicle.registered", "named", &json!({ "vehicle_id": "_", "start": { "lon": -8.63, "lat": 41.15 } }));
    for fact in [named.to_string(), lost("_")] {
        assert_eq!(http(port, "POST /v1/events", &fact).0, 202);
    }
    producer.publish_as("fleet.acme.porto.event.vehicle_lost.%5F", "forged", lost("van").as_bytes());
    post(port, "order");
    wait_answered(port, "order");
    let order: Value = serde_json::from_str(&http(port, "GET /v1/orders/order", "").1).unwrap();
    assert_eq!(order["status"], "assigned", "the van is not lost: {order}");
    assert_eq!(producer.rejected().len(), 1);
}

/// A stream that removes facts from the middle of the log is refused before anything is decided on it.
#[test]
fn a_stream_that_makes_holes_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let subjects = vec!["fleet.*.*.event.>".to_owned(), "fleet.*.*.plan".to_owned()];
    admin.create(stream::Config {
        name: "FLEET".to_owned(),
        subjects,
        max_messages_per_subject: 1,
        ..Default::default()
    });
    let args = ["serve", "--log", &url, "--tenant", "acme", "--zone", "porto", "--listen", "127.0.0.1:0"];
    let output = fleetfold(&args, folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("max_msgs_per_subject 1"), "{said}");
}

/// A zone whose log has lost entries cannot be begun again: it is told while it still runs.
#[test]
fn a_stream_that_is_set_so_that_it_drops_facts_is_told_by_the_engine_that_runs() {
    let (folder, _broker, url, _engine, port) = one_zone();
    let producer = Admin::new(&url);
    let said = || std::fs::read_to_string(folder.path().join("data.log")).unwrap();
    let says = |words: &str| {
        (0..400).any(|_| {
            pause(50);
            said().contains(words)
        })
    };
    producer.change("FLEET", |config| config.discard = stream::DiscardPolicy::Old);
    assert!(says("drops facts before their time since somebody has set it so: discard old"), "{}", said());
    producer.change("FLEET", |config| config.discard = stream::DiscardPolicy::New);
    pause(3_000);
    producer.change("FLEET", |config| config.max_messages_per_subject = 1_000);
    assert!(
        says("drops facts before their time since somebody has set it so: max_msgs_per_subject 1000"),
        "{}",
        said()
    );
    assert_eq!(said().matches("since somebody has set it so").count(), 2, "each is said once: {}", said());
    post(port, "after");
    wait_answered(port, "after");
}

/// Whoever may write anywhere writes nonsense beside the facts: on every stream of last values and into every bucket. The zone goes on, a
/// new engine begins, drivers are told their routes, and what people read is there.
#[test]
fn nonsense_on_every_stream_of_last_values_and_in_every_bucket_stops_nothing() {
    let (folder, _broker, url, engine, port) = one_zone();
    let producer = Admin::new(&url);
    post(port, "before");
    wait_answered(port, "before");
    producer.wait_marked();
    let told = event("assignment", "t", &json!({ "vehicle_id": "van", "revision": 1u64 << 60, "visits": [] }));
    let told = told.to_string();
    let bodies: [&[u8]; 5] = [b"\xff\xfe no text", b"", b"{}", b"[1e999]", told.as_bytes()];
    let nonsense = |round: &str| {
        for (number, body) in bodies.iter().enumerate() {
            for subject in [
                "assignment.van",
                "assignment.nobody",
                "feature.log-folded",
                "feature.speed",
                "rejected.x",
                "warning.x",
                "alert.silent.van",
                "eta.before",
                "eta.nobody",
                "position.van",
            ] {
                producer.publish(&format!("fleet.acme.porto.{subject}"), body);
            }
            for key in [
                "OWNERS.acme.porto",
                "OWNERS.acme.other",
                "SKIPPED.acme.porto.none",
                "SKIPPED.acme.porto.18446744073709551616",
                "KEYS.acme.porto.order.before",
                "KEYS.acme.porto.order.nobody",
                "KEYS.x",
            ] {
                producer.publish(&format!("$KV.{key}"), body);
            }
            for object in ["$O.BASES.M.Z2FyYmFnZQ==", "$O.BASES.M.x", "$O.BASES.C.nobody"] {
                producer.publish(object, body);
            }
            let id = format!("{round}-{number}");
            post(port, &id);
            wait_answered(port, &id);
        }
    };
    nonsense("running");
    for path in ["warnings", "sources", "state", "orders/before", "vehicles/van", "decisions"] {
        assert_eq!(http(port, &format!("GET /v1/{path}"), "").0, 200, "{path}");
    }
    drop(engine);
    let (_engine, port) = serve(folder.path(), &url, "porto", "data", &[]);
    wait_ready(port);
    let (_other, beside) = serve(folder.path(), &url, "porto", "other", &[]);
    wait_ready(beside);
    post(port, "after");
    wait_answered(port, "after");
    producer.wait_told("van", |revision, visits| revision < 1 << 40 && visits > 0);
    for command in [&["verify"][..], &["audit"], &["rejected", "list"], &["doctor"]] {
        let ran = run(&[command, &["--log", &url, "--tenant", "acme", "--zone", "porto"]].concat(), folder.path());
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.code().is_some_and(|code| code < 3) && !said.contains("panicked"), "{command:?}: {said}");
        assert!(ran.status.success() || command[0] == "doctor", "{command:?}: {said}");
    }
}

/// A driver's user may report on the subject of his own vehicle, and of no other: the broker cannot look into what he says there.
#[test]
fn who_reports_on_the_subject_of_his_vehicle_moves_no_other() {
    let (_folder, _broker, url, _engine, port) = one_zone();
    let producer = Admin::new(&url);
    let report = |id: &str, lon: f64| {
        let at = jiff::Timestamp::now().to_string();
        let mut report =
            event("position", id, &json!({ "vehicle_id": "van", "position": { "lon": lon, "lat": 41.15 } }));
        report["time"] = at.into();
        report.to_string()
    };
    producer.publish_as("fleet.acme.porto.position.other", "forged", report("forged", -8.5).as_bytes());
    let says = |words: &str| {
        (0..200).any(|_| {
            pause(50);
            http(port, "GET /v1/warnings", "").1.contains(words)
        })
    };
    assert!(says("on `fleet.acme.porto.position.other`"), "{}", http(port, "GET /v1/warnings", "").1);
    let van = || http(port, "GET /v1/vehicles/van", "").1;
    assert!(!van().contains("-8.5,"), "{}", van());
    assert!(http(port, "GET /metrics", "").1.contains("reason=\"wrong_subject\"} 1"));
    // His own report, on its subject, counts.
    producer.publish_as("fleet.acme.porto.position.van", "own", report("own", -8.62).as_bytes());
    let moved = (0..200).any(|_| {
        pause(50);
        van().contains("-8.62")
    });
    assert!(moved, "{}", van());
}

/// A place in the coordinates of another zone is worse than the last one known.
#[test]
fn a_position_of_another_plane_moves_no_vehicle() {
    let (_folder, _broker, url, _engine, port) = one_zone();
    let producer = Admin::new(&url);
    let position =
        event("position", "far", &json!({ "vehicle_id": "van", "position": { "x_meters": 1e6, "y_meters": 50 } }));
    producer.publish_as("fleet.acme.porto.position.van", "far", position.to_string().as_bytes());
    for _ in 0..200 {
        if http(port, "GET /v1/warnings", "").1.contains("x_meters") {
            let van: Value = serde_json::from_str(&http(port, "GET /v1/vehicles/van", "").1).unwrap();
            assert!(van.to_string().contains("-8.63"), "{van}");
            return;
        }
        pause(50);
    }
    panic!("no warning: {}", http(port, "GET /v1/warnings", "").1);
}

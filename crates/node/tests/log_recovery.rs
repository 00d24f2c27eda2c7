//! What was deleted, damaged or put back under the program: streams, leases, bases, the log itself. Real processes, a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use support::admin::Admin;
use support::{Killed, broker, fleetfold, free_port, http, pause, wait_for};

const WHOSE: [&str; 4] = ["--tenant", "acme", "--zone", "porto"];

/// An engine of the zone with a data folder of its own name, and its port.
fn serve(folder: &Path, url: &str, data: &str, more: &[&str]) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = [&["serve", "--log", url, "--data", data, "--listen", &listen], &WHOSE[..], more].concat();
    let log = std::fs::File::options().create(true).append(true).open(folder.join(format!("{data}.log"))).unwrap();
    let child = fleetfold(&args, folder).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    wait_for(port);
    wait_ready(port);
    (Killed(child), port)
}

fn wait_ready(port: u16) {
    for _ in 0..400 {
        if http(port, "GET /readyz", "").0 == 200 {
            return;
        }
        pause(50);
    }
    panic!("not ready: {:?}", http(port, "GET /readyz", ""));
}

fn wait_not_ready(port: u16, words: &str) {
    let mut last = (0, String::new());
    for _ in 0..300 {
        last = http(port, "GET /readyz", "");
        if last.0 == 503 && last.1.contains(words) {
            return;
        }
        pause(50);
    }
    panic!("not told: {words}: {last:?}");
}

/// A command that ends by itself, within 20 seconds.
fn ends(folder: &Path, args: &[&str]) -> Output {
    let args = [args, &WHOSE].concat();
    let mut child = fleetfold(&args, folder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..400 {
        if child.try_wait().unwrap().is_some() {
            return child.wait_with_output().unwrap();
        }
        pause(50);
    }
    child.kill().unwrap();
    panic!("{args:?} does not end");
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn event(kind: &str, id: &str, data: &Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data }).to_string()
}

fn crew(port: u16, vehicles: &[&str]) {
    for van in vehicles {
        let vehicle = json!({ "vehicle_id": van, "start": { "lon": -8.63, "lat": 41.15 } });
        for (kind, data) in [("vehicle.registered", vehicle), ("shift.started", json!({ "vehicle_id": van }))] {
            assert_eq!(http(port, "POST /v1/events", &event(kind, &format!("{kind}-{van}"), &data)).0, 202);
        }
    }
}

fn post(port: u16, id: &str) {
    let order = json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
    let order = event("order.created", id, &order);
    let mut status = 429;
    // An engine whose zone was without an owner for seconds refuses new orders until it has answered the old ones.
    for _ in 0..200 {
        status = http(port, "POST /v1/events", &order).0;
        if status != 429 {
            break;
        }
        pause(50);
    }
    assert_eq!(status, 202);
}

/// The order `one` again, under another id: it is refused.
fn twice(id: &str) -> String {
    let order = json!({ "order_id": "one", "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
    event("order.created", id, &order)
}

/// Posts an order and waits until a vehicle has it.
fn placed(port: u16, id: &str) {
    post(port, id);
    let mut last = (0, String::new());
    for _ in 0..400 {
        last = http(port, &format!("GET /v1/orders/{id}"), "");
        if last.0 == 200 && last.1.contains("\"assigned\"") {
            return;
        }
        pause(50);
    }
    panic!("{id} is not answered: {last:?}");
}

/// A zone whose owner stores a base every second, with one order on a route.
fn zone_with_bases(folder: &Path) -> (Killed, String, Admin, Killed, u16) {
    let (broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (engine, port) = serve(folder, &url, "data", &["--base-hours", "0.0003"]);
    crew(port, &["van"]);
    placed(port, "one");
    (broker, url, admin, engine, port)
}

#[test]
fn a_damaged_or_odd_base_is_passed_over_and_one_beyond_the_end_of_the_log_is_log_regressed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url, admin, engine, port) = zone_with_bases(folder);
    for _ in 0..40 {
        http(port, "GET /v1/state", "");
        pause(100);
    }
    drop(engine);
    admin.expire_all();
    let name = format!("acme.porto.{:020}.2", admin.end("FLEET") + 9);
    let odd = [
        json!({}),
        json!({ "options": { "link": { "bucket": "BASES", "name": name } }, "chunks": 0, "size": 0 }),
        json!({ "options": { "link": { "bucket": "NOPE", "name": "x" } } }),
        json!({ "options": { "link": { "bucket": "BASES" } } }),
        json!({ "size": 0, "chunks": 0 }),
        json!({ "digest": null }),
        json!({ "digest": "SHA-256=!!!" }),
        json!({ "digest": "SHA-256=AAAA" }),
        json!({ "size": 1u64 << 62 }),
        json!({ "size": 1u64 << 62, "chunks": 1_000_000_000 }),
        json!({ "nuid": ">" }),
    ];
    for odd in odd {
        admin.describe(&name, &odd);
        let verified = ends(folder, &["verify", "--log", &url]);
        assert!(verified.status.success(), "{odd}: {}", words(&verified));
        assert!(words(&verified).contains("beginning with the base"), "{odd}: {}", words(&verified));
    }
    drop(serve(folder, &url, "fresh", &[]));
    let said = std::fs::read_to_string(folder.join("fresh.log")).unwrap();
    assert!(said.contains("base passed over"), "{said}");
    // The log is replaced by an empty one, and the bases stay.
    admin.delete("FLEET");
    for (command, gone) in [("verify", "FLEET is missing"), ("serve", "LOG_REGRESSED")] {
        let args = ["verify", "--log", &url];
        let serve = ["serve", "--log", &url, "--data", "other", "--listen", "127.0.0.1:0"];
        let refused = ends(folder, if command == "verify" { &args } else { &serve });
        assert!(!refused.status.success() && words(&refused).contains(gone), "{command}: {}", words(&refused));
        assert!(!admin.exists("FLEET"), "{command} has made a log");
    }
    admin.create_other("FLEET", "fleet.*.*.event.>");
    let refused = ends(folder, &["verify", "--log", &url]);
    let said = words(&refused);
    assert!(!refused.status.success() && said.contains("LOG_REGRESSED: a base") && said.contains("BASES"), "{said}");
}

/// Any base whose fact is still in the log is compared with it, not only the newest one.
#[test]
fn an_older_base_that_somebody_has_changed_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url, admin, engine, port) = zone_with_bases(folder);
    admin.expire_all();
    for id in ["two", "three"] {
        placed(port, id);
        // Later than the last base is old, something happens: the next one is stored.
        pause(2_500);
        placed(port, &format!("{id}-later"));
        pause(2_500);
    }
    drop(engine);
    let bases = admin.bases();
    let [.., older, newest] = &bases[..] else { panic!("too few bases: {bases:?}") };
    admin.delete_base(newest);
    let begins = |data: &str| {
        let (engine, _) = serve(folder, &url, data, &[]);
        drop(engine);
        std::fs::read_to_string(folder.join(format!("{data}.log"))).unwrap()
    };
    let said = begins("fresh");
    assert!(said.contains(older.as_str()) && !said.contains("base passed over"), "{said}");
    // Said about an order, and part of no digest.
    admin.change_base(older, |document| {
        let changed = document.replacen("\"served\":0", "\"served\":7", 1);
        assert_ne!(changed, document, "{document}");
        changed
    });
    let said = begins("other");
    assert!(said.contains("its bytes are not the ones that the log names"), "{said}");
}

/// Orders that nobody could take leave no assignment. That they were folded is known all the same when they have expired.
#[test]
fn who_lacks_expired_entries_that_left_no_assignment_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (owner, port) = serve(folder, &url, "owner", &[]);
    crew(port, &["van"]);
    placed(port, "before");
    let (standby, _) = serve(folder, &url, "standby", &[]);
    pause(2_500);
    let id = standby.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    pause(2_500);
    drop(standby);
    for id in ["heavy-1", "heavy-2"] {
        let order = json!({ "order_id": id, "skills": ["crane"], "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
        assert_eq!(http(port, "POST /v1/events", &event("order.created", id, &order)).0, 202);
    }
    pause(2_500);
    admin.expire_all();
    drop(owner);
    let refused = ends(folder, &["serve", "--log", &url, "--data", "standby", "--listen", "127.0.0.1:0"]);
    let said = words(&refused);
    assert!(!refused.status.success() && said.contains("LOG_GAP") && said.contains("is known to have been"), "{said}");
    // Whoever goes on in spite of it says so.
    let (_again, port) = serve(folder, &url, "standby", &["--accept-gap"]);
    placed(port, "after");
}

#[test]
fn a_deleted_record_of_owners_is_made_again_and_a_zone_without_owner_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "data", &[]);
    let (_standby, beside) = serve(folder, &url, "standby", &[]);
    crew(port, &["van"]);
    placed(port, "one");
    admin.delete("KV_OWNERS");
    admin.wait_exists("KV_OWNERS");
    pause(4_000);
    placed(port, "two");
    wait_ready(port);
    wait_ready(beside);
    // It cannot be made again: another stream has its name.
    admin.delete("KV_OWNERS");
    admin.create_other("KV_OWNERS", "something.else");
    for port in [port, beside] {
        wait_not_ready(port, "nobody is known to own the zone");
    }
    admin.delete("KV_OWNERS");
    placed(port, "three");
    wait_ready(port);
    wait_ready(beside);
}

#[test]
fn a_deleted_record_of_owners_is_made_again_by_an_engine_that_is_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van"]);
    placed(port, "one");
    for order in ["two", "three"] {
        admin.delete("KV_OWNERS");
        admin.wait_exists("KV_OWNERS");
        placed(port, order);
        wait_ready(port);
    }
}

#[test]
fn deleted_streams_are_made_again_and_every_driver_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["a", "b"]);
    placed(port, "one");
    let who = if admin.told("a").is_some_and(|(_, visits)| visits > 0) { "a" } else { "b" };
    admin.wait_told(who, |_, visits| visits == 1);
    admin.wait_marked();
    for name in ["ASSIGNMENT", "POSITION", "FEATURE", "WARNING", "REJECTED", "ALERT", "ETA", "OBJ_BASES"] {
        if admin.exists(name) {
            admin.delete(name);
        }
        admin.wait_exists(name);
    }
    // Nothing has changed about its route, and it is told all the same.
    admin.wait_told(who, |_, visits| visits == 1);
    admin.wait_marked();
    // It cannot be made again: readiness says so, and which stream is in the way.
    admin.delete("ASSIGNMENT");
    admin.create_other("OTHER", "fleet.*.*.assignment.>");
    wait_not_ready(port, "stream OTHER has its subjects");
    placed(port, "two");
    let refused = ends(folder, &["verify", "--log", &url]);
    assert!(refused.status.success(), "reading does not need it: {}", words(&refused));
    admin.delete("OTHER");
    wait_ready(port);
    admin.wait_told(who, |_, visits| visits >= 1);
}

#[test]
fn a_deleted_list_of_skipped_entries_is_put_back_while_nothing_happens() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "data", &[]);
    let garbage = admin.publish("fleet.acme.porto.event.order_created._", b"garbage");
    let listed = format!("$KV.SKIPPED.acme.porto.{garbage}");
    admin.wait_says("KV_SKIPPED", &listed, "1");
    admin.delete("KV_SKIPPED");
    admin.wait_says("KV_SKIPPED", &listed, "1");
    // Somebody removes an entry of it.
    let bucket = |admin: &Admin| admin.runtime.block_on(admin.context.get_key_value("SKIPPED")).unwrap();
    let (key, store) = (format!("acme.porto.{garbage}"), bucket(&admin));
    admin.runtime.block_on(store.purge(&key)).unwrap();
    admin.wait_says("KV_SKIPPED", &listed, "1");
    wait_ready(port);
}

#[test]
fn a_refused_fact_is_told_though_the_stream_for_it_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (_engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van"]);
    placed(port, "one");
    for id in ["first", "second"] {
        if admin.exists("REJECTED") {
            admin.delete("REJECTED");
        }
        assert_eq!(http(port, "POST /v1/events", &twice(id)).0, 202);
        admin.wait_says("REJECTED", "fleet.acme.porto.rejected.order_exists", id);
    }
}

#[test]
fn a_fact_that_was_refused_while_nobody_owned_the_zone_is_told_by_the_next_owner() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (owner, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van"]);
    placed(port, "one");
    let (_standby, beside) = serve(folder, &url, "standby", &[]);
    drop(owner);
    assert_eq!(http(beside, "POST /v1/events", &twice("between")).0, 202);
    admin.wait_says("REJECTED", "fleet.acme.porto.rejected.order_exists", "between");
}

#[test]
fn a_plan_that_was_removed_from_the_log_is_told_and_nothing_is_proposed_on_top_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    admin.own_log();
    let (engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van"]);
    placed(port, "one");
    pause(500);
    admin.runtime.block_on(async {
        let stream = admin.context.get_stream("FLEET").await.unwrap();
        let plan = stream.get_last_raw_message_by_subject("fleet.acme.porto.plan").await.unwrap();
        assert!(stream.delete_message(plan.sequence).await.unwrap());
    });
    post(port, "late");
    wait_not_ready(port, "is not in the log any more");
    drop(engine);
    // A driver was told of it, so whoever remembers nothing else knows, too.
    let verified = ends(folder, &["verify", "--log", &url]);
    assert!(!verified.status.success() && words(&verified).contains("drivers were told"), "{}", words(&verified));
    let (_engine, port) = serve(folder, &url, "fresh", &["--accept-gap"]);
    placed(port, "new");
    assert!(ends(folder, &["verify", "--log", &url]).status.success(), "the driver was told another route");
    placed(port, "newer");
    pause(500);
    // A plan that others follow.
    admin.runtime.block_on(async {
        let stream = admin.context.get_stream("FLEET").await.unwrap();
        let first = stream.get_first_raw_message_by_subject("fleet.acme.porto.plan", 1).await.unwrap();
        assert!(stream.delete_message(first.sequence).await.unwrap());
    });
    let verified = ends(folder, &["verify", "--log", &url]);
    assert!(!verified.status.success() && words(&verified).contains("plans are missing"), "{}", words(&verified));
}

/// Facts that somebody removed from the middle of the log: whoever has no snapshot is told, and does not dispatch half of a zone.
#[test]
fn a_log_with_a_hole_is_told_by_everyone_who_reads_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    admin.own_log();
    let (engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van"]);
    for order in ["one", "two", "three"] {
        placed(port, order);
    }
    assert!(ends(folder, &["verify", "--log", &url]).status.success());
    admin.purge("fleet.acme.porto.event.order_created._");
    placed(port, "four");
    let fresh = free_port();
    let listen = format!("127.0.0.1:{fresh}");
    let args = [&["serve", "--log", &url, "--data", "fresh", "--listen", &listen][..], &WHOSE].concat();
    let standby = fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut standby = Killed(standby);
    wait_for(fresh);
    wait_not_ready(fresh, "LOG_GAP");
    wait_ready(port);
    drop(engine);
    wait_not_ready(fresh, "LOG_GAP");
    for command in ["verify", "record", "audit"] {
        let read = ends(folder, &[command, "--log", &url]);
        let said = words(&read) + &String::from_utf8_lossy(&read.stdout);
        assert!(!read.status.success() && said.contains("entry "), "{command}: {said}");
    }
    let doctor = ends(folder, &["doctor", "--log", &url, "--listen", "127.0.0.1:0"]);
    assert!(!doctor.status.success() && String::from_utf8_lossy(&doctor.stdout).contains("were removed"));
    // It leaves nothing behind with which the next one would begin without a word.
    let pid = standby.0.id().to_string();
    std::process::Command::new("kill").arg(&pid).status().unwrap();
    standby.0.wait().unwrap();
    let again = fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let again = Killed(again);
    wait_for(fresh);
    wait_not_ready(fresh, "LOG_GAP");
    drop(again);
    let (_engine, port) = serve(folder, &url, "accepted", &["--accept-gap"]);
    placed(port, "five");
}

/// Plans that somebody without right has written look as if others were missing before them. They prove nothing: the log has lost
/// no entry.
#[test]
fn forged_plans_are_no_hole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van"]);
    placed(port, "one");
    placed(port, "two");
    let (_standby, other) = serve(folder, &url, "standby", &[]);
    drop(engine);
    let subject = "fleet.acme.porto.plan";
    let last = admin.message(admin.last_of(subject));
    let forge = |rev: u64, before: &[u8]| {
        let mut plan: Value = serde_json::from_slice(&last).unwrap();
        plan["id"] = json!(format!("forged {rev}"));
        plan["data"]["rev"] = json!(rev);
        plan["data"]["prev_hash"] = json!(blake3::hash(before).to_hex()[..32]);
        plan["data"]["fleet_digest"] = json!("00000000deadbeef");
        plan["data"]["groups"] = json!([]);
        plan.to_string().into_bytes()
    };
    let rev = serde_json::from_slice::<Value>(&last).unwrap()["data"]["rev"].as_u64().unwrap();
    // Two that follow the chain, and two far ahead of it.
    let one = forge(rev + 1, &last);
    let two = forge(rev + 2, &one);
    let far = forge(1_000_000, b"");
    let farther = forge(1_000_001, &far);
    for plan in [&one, &two, &far, &farther] {
        admin.publish(subject, plan);
    }
    let (_fresh, fresh) = serve(folder, &url, "fresh", &[]);
    wait_ready(other);
    wait_ready(fresh);
    placed(fresh, "three");
}

#[test]
fn a_hole_that_a_base_covers_is_of_no_matter() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    admin.own_log();
    let (engine, port) = serve(folder, &url, "data", &["--base-hours", "0.0003"]);
    crew(port, &["van"]);
    placed(port, "one");
    let hole = admin.last_of("fleet.acme.porto.event.order_created._");
    for order in ["two", "three", "four", "five"] {
        pause(800);
        placed(port, order);
    }
    assert!(admin.last_of("fleet.acme.porto.event.base_written._") > hole + 4);
    let digest = |port: u16| {
        let state: Value = serde_json::from_str(&http(port, "GET /v1/state", "").1).unwrap();
        (state["applied"].clone(), state["digest"].clone())
    };
    admin.remove(hole);
    pause(2_000);
    let (_standby, fresh) = serve(folder, &url, "fresh", &[]);
    assert_eq!(digest(port), digest(fresh));
    assert!(ends(folder, &["verify", "--log", &url]).status.success());
    drop(engine);
    placed(fresh, "six");
}

#[test]
fn a_sealed_log_is_said_and_a_fact_is_refused_for_certain() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    admin.own_log();
    let (_engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van"]);
    placed(port, "one");
    admin.seal("FLEET");
    let order = json!({ "order_id": "two", "job": { "stop": { "lon": -8.62, "lat": 41.15 } } });
    let (status, body) = http(port, "POST /v1/events", &event("order.created", "two", &order));
    assert!(status == 503 && body.contains("sealed") && !body.contains("nobody knows"), "{status} {body}");
    wait_not_ready(port, "sealed");
}

#[test]
fn after_the_log_was_replaced_drivers_are_told_their_new_routes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van", "gone"]);
    for number in 0..8 {
        placed(port, &format!("old-{number}"));
    }
    drop(engine);
    let before = ["van", "gone"].map(|vehicle| admin.told(vehicle).map_or(0, |(revision, _)| revision));
    admin.delete("FLEET");
    if admin.exists("OBJ_BASES") {
        admin.delete("OBJ_BASES");
    }
    let (_engine, port) = serve(folder, &url, "new", &[]);
    crew(port, &["van"]);
    placed(port, "new");
    let end = admin.end("FLEET");
    assert!(before.iter().any(|&revision| revision > end), "a weak test: {before:?}, the new log ends at {end}");
    admin.wait_told("van", |revision, visits| revision <= end && visits == 1);
    if before[1] > 0 {
        admin.wait_told("gone", |revision, visits| revision == 0 && visits == 0);
    }
}

#[test]
fn reading_commands_make_nothing_and_say_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let admin = Admin::new(&url);
    let (engine, port) = serve(folder, &url, "data", &[]);
    crew(port, &["van"]);
    placed(port, "one");
    drop(engine);
    let all = ["POSITION", "ASSIGNMENT", "FEATURE", "REJECTED", "WARNING", "ALERT", "ETA", "KV_OWNERS", "KV_SKIPPED"];
    for name in all {
        admin.delete(name);
    }
    for command in ["verify", "audit", "record"] {
        let read = ends(folder, &[command, "--log", &url]);
        assert!(read.status.success(), "{command}: {}", words(&read));
        for name in all {
            assert!(words(&read).contains(&format!("{name} is missing")), "{command}, {name}: {}", words(&read));
        }
    }
    let doctor = ends(folder, &["doctor", "--log", &url, "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(!doctor.status.success() && said.contains("KV_OWNERS is missing"), "{said}");
    assert!(all.iter().all(|name| !admin.exists(name)), "something was made");
}

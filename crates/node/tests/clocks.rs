//! Clocks that are wrong: an engine's, and those of sources. Real processes, a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH) and a C compiler (the one that Rust links with); they
//! fail, never skip, without them.
#![cfg(target_os = "linux")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::engine::{crew, event, post, serve, state, wait_answered, wait_ready};
use support::{Killed, broker, fleetfold, free_port, http, pause, wait_for};

/// The wall clock of a program that loads this is so many seconds off. Its other clocks are right.
fn shifted(folder: &Path, seconds: i64) -> PathBuf {
    let (source, library) = (folder.join("shift.c"), folder.join("shift.so"));
    let text = format!(
        "#include <time.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n\
         int clock_gettime(clockid_t which, struct timespec *at) {{\n\
           int failed = syscall(SYS_clock_gettime, which, at);\n\
           if (!failed && which == CLOCK_REALTIME) at->tv_sec += {seconds};\n\
           return failed;\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.expect("a C compiler").success());
    library
}

#[test]
fn an_engine_whose_clock_is_wrong_plans_the_same_times() {
    for seconds in [300, -300] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (_broker, url) = broker(folder);
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let log = std::fs::File::create(folder.join("engine.log")).unwrap();
        let mut command = fleetfold(
            &["serve", "--log", &url, "--tenant", "acme", "--zone", "porto", "--data", "data", "--listen", &listen],
            folder,
        );
        let engine = command.env("LD_PRELOAD", shifted(folder, seconds)).stdout(Stdio::null()).stderr(log);
        let _engine = Killed(engine.spawn().unwrap());
        wait_for(port);
        wait_ready(port);
        crew(port);
        post(port, "one");
        wait_answered(port, "one");
        let told = state(port);
        let arrival = told["vehicles"][0]["visits"][0]["arrival"].as_i64().expect("it is on its way");
        let broker_now = jiff::Timestamp::now().as_millisecond();
        // Some hundred metres to drive.
        let away = (arrival - broker_now) / 1_000;
        assert!((-100..250).contains(&away), "the clock is {seconds} s off, the first stop {away} s away: {told}");
        let said = std::fs::read_to_string(folder.join("engine.log")).unwrap();
        assert!(said.contains("the clock of this machine is"), "{said}");
    }
}

/// Where a vehicle was last seen, as soon as it is there.
fn is_seen_at(port: u16, lon: f64) {
    let mut last = Value::Null;
    for _ in 0..200 {
        last = state(port)["vehicles"][0].clone();
        if last["at"][0].as_f64().is_some_and(|seen| (seen - lon).abs() < 1e-6) {
            return;
        }
        pause(50);
    }
    panic!("not at {lon}: {last}");
}

/// A report from the future would shut out all that are right; one from long ago would never count.
#[test]
fn a_phone_whose_clock_is_wrong_is_where_it_says_and_shuts_out_nothing_later() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    for (number, seconds) in [0, 36_000, 0, -36_000, 0].into_iter().enumerate() {
        let lon = -8.63 + number as f64 * 0.000_1;
        let mut report = event(
            "position",
            &format!("p{number}"),
            &json!({ "vehicle_id": "van", "position": { "lon": lon, "lat": 41.15 } }),
        );
        report["time"] = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).to_string().into();
        assert_eq!(http(port, "POST /v1/events", &report.to_string()).0, 202);
        is_seen_at(port, lon);
        pause(1_100);
    }
}

#[test]
fn what_is_wrong_with_a_source_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    let now = jiff::Timestamp::now();
    let send = |source: &str, number: u64, seconds: i64| {
        let mut fact = event("order.ready", &number.to_string(), &json!({ "order_id": "o" }));
        fact["source"] = source.into();
        fact["sequence"] = number.to_string().into();
        fact["subject"] = "o".into();
        fact["time"] = (now + jiff::SignedDuration::from_secs(seconds)).to_string().into();
        assert_eq!(http(port, "POST /v1/events", &fact.to_string()).0, 202);
    };
    for number in [1, 2, 5] {
        send("/right", number, 0);
        send("/ahead", number, 40);
        send("/late", number, -3_000);
    }
    send("/right", 5, 0);
    post(port, "last");
    wait_answered(port, "last");
    let sources = |query: &str| -> Vec<Value> {
        let (status, body) = http(port, &format!("GET /v1/sources{query}"), "");
        assert_eq!(status, 200, "{body}");
        let told: Value = serde_json::from_str(&body).unwrap();
        told["sources"].as_array().unwrap().clone()
    };
    let told = sources("?missing=1&late_seconds=600&duplicates_percent=90");
    let of = |source: &str| told.iter().find(|row| row["source"] == source).unwrap_or_else(|| panic!("{told:#?}"));
    let flags = |source: &str| of(source)["flags"].clone();
    assert_eq!(
        (flags("/right"), flags("/ahead"), flags("/late")),
        (json!(["missing"]), json!(["clock_ahead", "missing"]), json!(["late", "missing"]))
    );
    assert_eq!(
        (&of("/right")["missing"], &of("/right")["duplicates"], &of("/right")["events"]),
        (&json!(2), &json!(1), &json!(3))
    );
    assert!(of("/late")["lateness"]["p50_seconds"].as_f64().unwrap() > 2_000.0);
    assert!(
        sources("?missing=2&ahead_seconds=99&late_seconds=9999")
            .iter()
            .all(|row| row["source"] != "/ahead" || row["flags"] == json!([]))
    );
    assert_eq!(http(port, "GET /v1/sources?bound=1", "").0, 400, "a bound that is not known");
}

//! The broker is killed (SIGKILL) and started again on its store, while events come: everything that was accepted is answered, nothing
//! twice, and a producer is told what is known. Real processes, a real broker; how fast it goes is measured by `benches/load`.
//!
//! And an engine that stood still while orders came says that it is behind, and refuses new ones until it is not.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Killed, broker_on, fleetfold, free_port, http, http_whole, http_with, pause, run, wait_for};

fn serve(folder: &Path, url: &str) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", url, "--tenant", "acme", "--zone", "porto", "--data", "data", "--listen", &listen];
    let child = fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(port);
    (Killed(child), port)
}

fn event(id: &str, kind: &str, data: &Value) -> String {
    let kind = format!("fleet.{kind}.v1");
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": kind, "time": "2026-06-01T09:00:00Z", "data": data })
        .to_string()
}

fn order(id: &str) -> String {
    let stop = json!({ "lon": -8.62, "lat": 41.15 });
    event(id, "order.created", &json!({ "order_id": id, "job": { "stop": stop } }))
}

fn crew(port: u16) {
    let van = json!({ "vehicle_id": "van", "start": { "lon": -8.63, "lat": 41.15 } });
    assert_eq!(http(port, "POST /v1/events", &event("van", "vehicle.registered", &van)).0, 202);
    assert_eq!(http(port, "POST /v1/events", &event("on", "shift.started", &json!({ "vehicle_id": "van" }))).0, 202);
}

/// Sends an event until it is accepted, as a producer does. How often it was refused.
fn post_until_accepted(port: u16, body: &str) -> usize {
    for refused in 0..200 {
        let (status, head, answer) = http_whole(port, "POST /v1/events", "", body);
        if status == 202 {
            return refused;
        }
        assert_eq!(status, 503, "{answer}");
        assert!(head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
        pause(100);
    }
    panic!("never accepted: {body}");
}

/// Waits until an order is on a route.
fn wait_assigned(port: u16, order: &str) {
    let mut last = (0, String::new());
    for _ in 0..400 {
        last = http(port, &format!("GET /v1/orders/{order}"), "");
        if last.0 == 200 && serde_json::from_str::<Value>(&last.1).unwrap()["status"] == "assigned" {
            return;
        }
        pause(50);
    }
    panic!("{order} has no vehicle: {last:?}");
}

fn audit(folder: &Path, url: &str) -> Value {
    let args = ["audit", "--json", "--log", url, "--tenant", "acme", "--zone", "porto"];
    serde_json::from_slice(&run(&args, folder).stdout).unwrap()
}

/// An engine that is started before its broker listens, says what it waits for, and goes on by itself. It tells nobody how it logs in.
#[test]
fn an_engine_that_is_started_before_its_broker_waits_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broker_port = free_port();
    let url = format!("nats://ann:s3cret@127.0.0.1:{broker_port}");
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", &url, "--tenant", "acme", "--zone", "porto", "--data", "data", "--listen", &listen];
    let err = std::fs::File::create(folder.join("err")).unwrap();
    let mut engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(err).spawn().unwrap());
    wait_for(port);
    assert_eq!(http(port, "GET /livez", "").0, 200);
    let (status, head, said) = http_whole(port, "GET /readyz", "", "");
    let waits = format!("waiting for the broker at 127.0.0.1:{broker_port} since 20");
    assert!(status == 503 && said.contains(&waits) && said.contains("refused"), "{status} {said}");
    assert!(head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
    let (status, page) = http(port, "GET /", "");
    assert!(status == 503 && page.contains(&waits) && page.contains("http-equiv=\"refresh\""), "{status} {page}");
    assert_eq!(http(port, "GET /style.css", "").0, 200);
    assert_eq!(http(port, "POST /v1/events", &order("early")).0, 503);
    // Another site's page is told nothing, as ever.
    assert_eq!(http_with(port, "GET /readyz", "Origin: http://evil.example\r\n", "").0, 403);
    pause(3000);
    assert!(engine.0.try_wait().unwrap().is_none(), "it has ended");
    let text = std::fs::read_to_string(folder.join("err")).unwrap();
    assert_eq!(text.matches(&waits).count(), 1, "{text}");
    for told in [&said, &page, &text] {
        assert!(!told.contains("s3cret") && !told.contains("ann"), "{told}");
    }
    let config = format!(
        "listen: 127.0.0.1:{broker_port}\njetstream {{ store_dir: \"{}\" }}\nauthorization {{ user: ann, password: s3cret }}\n",
        folder.join("js").display()
    );
    std::fs::write(folder.join("nats.conf"), config).unwrap();
    let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
    let config = folder.join("nats.conf");
    let mut command = Command::new(program);
    let broker = command.arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _broker = Killed(broker);
    let begun = (0..600).any(|_| {
        pause(50);
        http(port, "GET /readyz", "").0 == 200
    });
    assert!(begun, "{}", std::fs::read_to_string(folder.join("err")).unwrap());
    crew(port);
    post_until_accepted(port, &order("late"));
    wait_assigned(port, "late");
    // A signal ends it as it ends any other.
    assert!(Command::new("kill").arg(engine.0.id().to_string()).status().unwrap().success());
    assert!(engine.0.wait().unwrap().success());
}

/// Waiting makes a wrong password no better: that is said at once. And a signal ends one that waits.
#[test]
fn an_engine_that_is_refused_ends_and_one_that_waits_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broker_port = free_port();
    let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
    let port = free_port();
    let (url, listen) = (format!("nats://ann:wr0ng@127.0.0.1:{broker_port}"), format!("127.0.0.1:{port}"));
    let args = ["serve", "--log", &url, "--data", "data", "--listen", &listen];
    let mut waits = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    assert!(Command::new("kill").arg(waits.0.id().to_string()).status().unwrap().success());
    assert!(waits.0.wait().unwrap().success());

    let store = folder.join("js").display().to_string();
    let broker_args =
        ["-js", "-a", "127.0.0.1", "-p", &broker_port.to_string(), "-sd", &store, "--user", "ann", "--pass", "s3cret"];
    let broker = Command::new(program).args(broker_args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _broker = Killed(broker);
    wait_for(broker_port);
    let output = run(&args, folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("authorization violation"), "{said}");
    assert!(said.contains("--nats-creds") && !said.contains("wr0ng"), "{said}");
}

#[test]
fn what_comes_while_the_broker_is_killed_again_and_again_is_answered_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broker_port = free_port();
    let url = format!("nats://127.0.0.1:{broker_port}");
    let mut broker = broker_on(folder, broker_port);
    let (_engine, port) = serve(folder, &url);
    crew(port);
    let mut orders = Vec::new();
    for round in 0..5 {
        for number in 0..6 {
            let name = format!("o{round}-{number}");
            assert!(post_until_accepted(port, &order(&name)) < 100, "the broker is away for a moment only");
            orders.push(name);
            if number == 2 {
                drop(broker); // killed, while plans for the orders before are on their way
                if round % 2 == 1 {
                    pause(700);
                }
                broker = broker_on(folder, broker_port);
            }
        }
    }
    for name in &orders {
        wait_assigned(port, name);
    }
    let audit = audit(folder, &url);
    assert_eq!(audit["orders"], orders.len(), "{audit}");
    assert_eq!((&audit["unanswered"], &audit["chain_gaps"]), (&json!([]), &json!([])), "{audit}");
}

#[test]
fn while_the_broker_is_away_a_producer_is_refused_in_words_and_afterwards_everything_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broker_port = free_port();
    let url = format!("nats://127.0.0.1:{broker_port}");
    let broker = broker_on(folder, broker_port);
    let (_engine, port) = serve(folder, &url);
    crew(port);
    post_until_accepted(port, &order("before"));
    wait_assigned(port, "before");
    drop(broker);
    // The engine may notice a moment later that the connection broke; then it is known that nothing was sent.
    for _ in 0..200 {
        if http(port, "GET /readyz", "").0 == 503 {
            break;
        }
        pause(50);
    }
    let (status, head, answer) = http_whole(port, "POST /v1/events", "", &order("meanwhile"));
    assert_eq!(status, 503, "{answer}");
    assert!(head.to_ascii_lowercase().contains("retry-after: 1"), "{head}");
    let problem: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(problem["title"], "the log did not take it: send it again");
    assert_eq!(problem["detail"], "line 1: it was not stored: the broker is away");
    let _broker = broker_on(folder, broker_port);
    // The lease has expired meanwhile: the engine must own the zone again before it answers.
    post_until_accepted(port, &order("afterwards"));
    wait_assigned(port, "afterwards");
    assert_eq!(http(port, "GET /v1/orders/meanwhile", "").0, 404, "what was refused is not in the log");
    post_until_accepted(port, &order("meanwhile"));
    wait_assigned(port, "meanwhile");
    let audit = audit(folder, &url);
    assert_eq!(audit["orders"], 3, "{audit}");
    assert_eq!((&audit["unanswered"], &audit["chain_gaps"]), (&json!([]), &json!([])), "{audit}");
}

/// Whoever asks is told of the broker at once, and not first that nobody owns the zone, which only follows from it.
#[test]
fn the_first_word_about_a_broker_that_hangs_or_dies_is_the_broker() {
    for how in ["-STOP", "-KILL"] {
        for asks in ["GET /readyz", "POST /v1/events"] {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            let broker_port = free_port();
            let broker = broker_on(folder, broker_port);
            let (_engine, port) = serve(folder, &format!("nats://127.0.0.1:{broker_port}"));
            crew(port);
            post_until_accepted(port, &order("before"));
            wait_assigned(port, "before");
            assert!(Command::new("kill").args([how, &broker.0.id().to_string()]).status().unwrap().success());
            let mut first = (0, String::new());
            for number in 0..400 {
                let body = if asks.starts_with("POST") { order(&format!("o{number}")) } else { String::new() };
                first = http(port, asks, &body);
                if ![200, 202].contains(&first.0) {
                    break;
                }
                pause(20);
            }
            assert_eq!(first.0, 503, "{how} {asks}: {}", first.1);
            let problem: Value = serde_json::from_str(&first.1).unwrap();
            let detail = problem["detail"].as_str().unwrap();
            let named = [
                "the broker does not answer",
                "the broker has been away",
                "the broker is away",
                "the broker went away",
            ];
            assert!(named.iter().any(|words| detail.contains(words)), "{how} {asks}: {detail}");
        }
    }
}

/// The client gives up a broker that hangs some seconds after its last word: it is away since that word.
#[test]
#[expect(clippy::disallowed_methods, reason = "what the engine says of a span is held against a clock")]
fn a_broker_that_hangs_is_away_since_its_last_word() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broker_port = free_port();
    let broker = broker_on(folder, broker_port);
    let (_engine, port) = serve(folder, &format!("nats://127.0.0.1:{broker_port}"));
    crew(port);
    post_until_accepted(port, &order("before"));
    wait_assigned(port, "before");
    assert!(Command::new("kill").args(["-STOP", &broker.0.id().to_string()]).status().unwrap().success());
    let hangs = std::time::Instant::now();
    let mut said = String::new();
    for _ in 0..600 {
        let lasts = hangs.elapsed().as_secs();
        said = http(port, "GET /readyz", "").1;
        if let Some((_, rest)) = said.split_once("has been away for ") {
            let told: u64 = rest.split_once(' ').unwrap().0.parse().unwrap();
            assert!(told + 3 >= lasts, "it hangs for {lasts} s: {said}");
            return;
        }
        pause(25);
    }
    panic!("{said}");
}

/// A broker that hangs holds its connections, and says nothing.
#[test]
fn a_broker_that_hangs_is_no_broker_and_afterwards_the_zone_is_owned_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broker_port = free_port();
    let url = format!("nats://127.0.0.1:{broker_port}");
    let broker = broker_on(folder, broker_port);
    let (_engine, port) = serve(folder, &url);
    crew(port);
    post_until_accepted(port, &order("before"));
    wait_assigned(port, "before");
    let signal = |what: &str| {
        assert!(Command::new("kill").args([what, &broker.0.id().to_string()]).status().unwrap().success());
    };
    let ready = || http(port, "GET /readyz", "").0;
    let becomes = |status: u16| {
        (0..400).any(|_| {
            pause(25);
            ready() == status
        })
    };
    for round in 0..2 {
        signal("-STOP");
        // All of its threads stand still.
        pause(100);
        // It is sent, and nobody says that it was stored.
        let name = format!("meanwhile{round}");
        let (status, _, answer) = http_whole(port, "POST /v1/events", "", &order(&name));
        let told: Value = serde_json::from_str(&answer).unwrap();
        let (title, detail) = (told["title"].as_str().unwrap(), told["detail"].as_str().unwrap());
        assert_eq!(status, 503, "{answer}");
        assert!(title.starts_with("nobody knows") && detail.contains("nobody knows"), "{answer}");
        assert!(becomes(503), "it says ready, and nothing is answered");
        signal("-CONT");
        assert!(becomes(200), "it is back");
        for _ in 0..100 {
            pause(25);
            let (status, said) = http(port, "GET /readyz", "");
            assert_eq!(status, 200, "ready, and then not: {said}");
        }
        post_until_accepted(port, &order(&name));
        wait_assigned(port, &name);
    }
    let audit = audit(folder, &url);
    assert_eq!(audit["orders"], 3, "{audit}");
    assert_eq!((&audit["unanswered"], &audit["chain_gaps"]), (&json!([]), &json!([])), "{audit}");
}

#[test]
fn an_engine_that_is_far_behind_says_so_and_refuses_new_orders_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broker_port = free_port();
    let url = format!("nats://127.0.0.1:{broker_port}");
    let _broker = broker_on(folder, broker_port);
    let (engine, port) = serve(folder, &url);
    crew(port);
    post_until_accepted(port, &order("before"));
    wait_assigned(port, "before");
    let signal = |what: &str| {
        assert!(Command::new("kill").args([what, &engine.0.id().to_string()]).status().unwrap().success());
    };
    signal("-STOP");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = async_nats::jetstream::new(async_nats::connect(&url).await.unwrap());
        let subject = "fleet.acme.porto.event.order_created._";
        log.publish(subject, order("waited").into()).await.unwrap().await.unwrap();
    });
    pause(6_000);
    signal("-CONT");
    let ready = || http(port, "GET /readyz", "");
    let level = |what: &str| {
        (0..200).any(|_| {
            pause(20);
            ready().1.contains(what)
        })
    };
    assert!(level("overload level 4"), "{:?}", ready());
    assert_eq!(ready().0, 200, "it answers, only late");
    // The level holds for a second of calm, so these are judged under it.
    let (status, head, answer) = http_whole(port, "POST /v1/events", "", &order("new"));
    assert_eq!((status, head.to_ascii_lowercase().contains("retry-after: 2")), (429, true), "{head}{answer}");
    let lines = format!("{}\n{}", order("new"), event("gone", "order.cancelled", &json!({ "order_id": "before" })));
    let (status, _, answer) = http_whole(port, "POST /v1/events", "Content-Type: application/x-ndjson\r\n", &lines);
    let told: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (status, &told["accepted"], &told["rejected"][0]["code"]),
        (429, &json!(1), &json!("overloaded")),
        "{answer}"
    );
    wait_assigned(port, "waited");
    assert!(
        (0..400).any(|_| {
            pause(20);
            ready().1 == "ready\n"
        }),
        "{:?}",
        ready()
    );
    assert_eq!(http(port, "POST /v1/events", &order("new")).0, 202);
    wait_assigned(port, "new");
    let metrics = http(port, "GET /metrics", "").1;
    assert!(metrics.contains("fleetfold_overload_level 0"), "{metrics}");
    let audit = audit(folder, &url);
    assert_eq!((&audit["unanswered"], &audit["chain_gaps"]), (&json!([]), &json!([])), "{audit}");
}

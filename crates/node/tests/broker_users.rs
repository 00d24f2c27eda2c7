//! The users of a broker that `fleetfold permissions` prints: each can do all that it needs and nothing else, and whoever lacks a right is
//! told which, by `doctor`, at the start, and by `/readyz`. A real server.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;
use support::{Killed, fleetfold, free_port, http, pause, run, wait_for};

/// The users of a tenant, as they are printed; passwords are the names.
fn users(folder: &Path, more: &[&str]) -> String {
    let output = run(&[&["permissions", "--tenant", "acme", "--zone", "porto"], more].concat(), folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("PUT A BCRYPT HASH HERE"));
    let of_line = |line: &str| {
        let user = line.split("user: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned();
        line.replace("\"PUT A BCRYPT HASH HERE (nats server passwd)\"", &format!("\"{user}\""))
    };
    text.lines().map(of_line).collect::<Vec<_>>().join("\n")
}

/// The lines of rights in these settings: whole, and the subject.
fn rights(users: &str) -> Vec<(String, String)> {
    let lines = users.lines().filter(|line| line.starts_with("        \""));
    lines.map(|line| (line.to_owned(), line.split('"').nth(1).unwrap().to_owned())).collect()
}

/// Settings without a right. A list with nothing in it would allow everything.
fn without(users: &str, line: &str) -> String {
    users.replacen(&format!("{line}\n"), "        \"nothing\"\n", 1)
}

fn write(folder: &Path, port: u16, users: &str) {
    let root = "{ user: root, password: root }";
    let users = users.replacen("users = [", &format!("users = [ {root}"), 1);
    let config = format!(
        "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\" }}\naccounts {{ ACME {{ jetstream: enabled\n{users}\n}} }}\n",
        folder.join("js").display()
    );
    std::fs::write(folder.join("nats.conf"), config).unwrap();
}

fn broker(folder: &Path, users: &str) -> (Killed, u16) {
    let port = free_port();
    write(folder, port, users);
    let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
    let err = std::fs::File::create(folder.join("nats.err")).unwrap();
    let mut command = Command::new(program);
    let child = command.args(["-c", "nats.conf"]).current_dir(folder).stdout(Stdio::null()).stderr(err).spawn();
    wait_for(port);
    (Killed(child.expect("nats-server")), port)
}

fn reload(broker: &Killed) {
    assert!(Command::new("kill").args(["-HUP", &broker.0.id().to_string()]).status().unwrap().success());
}

/// A command of this program as a user.
fn as_user(folder: &Path, port: u16, user: &str, args: &[&str]) -> Output {
    let log = format!("nats://{user}:{user}@127.0.0.1:{port}");
    let inbox = format!("_INBOX_{}", user.split("-without").next().unwrap());
    let all = [args, &["--log", &log, "--tenant", "acme", "--zone", "porto", "--nats-inbox-prefix", &inbox]].concat();
    run(&all, folder)
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn engine(folder: &Path, broker: u16) -> (Killed, u16) {
    let port = free_port();
    let (listen, log) = (format!("127.0.0.1:{port}"), format!("nats://engine:engine@127.0.0.1:{broker}"));
    let zone = ["--tenant", "acme", "--zone", "porto", "--nats-inbox-prefix", "_INBOX_engine"];
    let args = [
        &[
            "serve",
            "--log",
            &log,
            "--listen",
            &listen,
            "--data",
            "data",
            "--base-hours",
            "0.0005",
            "--log-level",
            "info,async_nats=warn,fleetfold=debug",
        ][..],
        &zone,
    ]
    .concat();
    let err = std::fs::File::create(folder.join("engine.err")).unwrap();
    let child = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(err).spawn().unwrap());
    wait_for(port);
    (child, port)
}

/// Until `/readyz` says this.
fn until_ready(port: u16, why: &str, is_it: impl Fn(u16, &str) -> bool) -> String {
    let mut said = String::new();
    for _ in 0..400 {
        let (status, text) = http(port, "GET /readyz", "");
        if is_it(status, &text) {
            return text;
        }
        said = text;
        pause(50);
    }
    panic!("{why}: /readyz: {said}");
}

fn event(kind: &str, id: &str, data: &serde_json::Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "/test", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data })
        .to_string()
}

fn order(id: &str) -> String {
    event("order.created", id, &json!({ "order_id": id, "job": { "stop": { "lon": -8.6, "lat": 41.15 } } }))
}

/// Each right is taken away from one user of its own, before there is anything at the broker, so that each is needed.
#[test]
fn an_engine_that_lacks_a_right_is_told_which() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let whole = users(folder, &["--role", "engine"]);
    let block = whole.split_once("users = [\n").unwrap().1.rsplit_once(']').unwrap().0;
    let rights = rights(&whole);
    assert!(rights.len() > 50, "{}", rights.len());
    let mut all = String::from("users = [\n");
    for (number, (line, _)) in rights.iter().enumerate() {
        let user = format!("engine-without-{number}");
        all += &without(&block.replace("\"engine\"", &format!("\"{user}\"")), line);
    }
    all += block;
    all += "]\n";
    let (_broker, port) = broker(folder, &all);
    // To try whether a stream may be purged would purge it.
    let tried = |subject: &str| !subject.starts_with("$JS.API.STREAM.PURGE.");
    for (number, (_, subject)) in rights.iter().enumerate().filter(|(_, (_, subject))| tried(subject)) {
        let user = format!("engine-without-{number}");
        let shown = if subject.starts_with("_INBOX_") { "_INBOX_engine.>" } else { subject.as_str() };
        let doctor = as_user(folder, port, &user, &["doctor", "--listen", "127.0.0.1:0"]);
        let said = words(&doctor);
        assert!(
            !doctor.status.success() && said.contains(shown) && said.contains("fleetfold permissions"),
            "{subject}: {said}"
        );
        assert_eq!(said.matches("may not").count(), 1, "{subject}: {said}");
        let serve = as_user(folder, port, &user, &["serve", "--listen", "127.0.0.1:0", "--data", &user]);
        let said = words(&serve);
        assert!(!serve.status.success() && said.contains("may not") && said.contains(shown), "{subject}: {said}");
    }
    let doctor = as_user(folder, port, "engine", &["doctor", "--listen", "127.0.0.1:0"]);
    assert!(doctor.status.success() && words(&doctor).contains("has its rights"), "{}", words(&doctor));
}

#[test]
fn each_user_can_do_what_it_needs_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, port) = broker(folder, &users(folder, &["--vehicle", "van"]));
    let (served, at) = engine(folder, port);
    until_ready(at, "it starts", |status, _| status == 200);
    let bus = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let connect = |user: &'static str, inbox: &str| {
        let (told, hears) = std::sync::mpsc::channel();
        let options = async_nats::ConnectOptions::with_user_and_password(user.into(), user.into())
            .custom_inbox_prefix(inbox)
            .event_callback(move |event| {
                let _ = told.send(event.to_string());
                async {}
            });
        let client = bus.block_on(options.connect(format!("127.0.0.1:{port}"))).unwrap();
        (client, hears)
    };
    let (producer, at_producer) = connect("producer", "_INBOX_producer");
    let (driver, at_driver) = connect("driver-van", "_INBOX_driver_van");
    let send = |client: &async_nats::Client, subject: &str, body: String| {
        bus.block_on(async {
            let context = async_nats::jetstream::new(client.clone());
            let sent = context.publish(subject.to_owned(), body.into()).await.unwrap();
            tokio::time::timeout(Duration::from_secs(2), sent).await.is_ok_and(|ack| ack.is_ok())
        })
    };
    let registered = json!({ "vehicle_id": "van", "start": { "lon": -8.6, "lat": 41.15 } });
    assert!(send(
        &producer,
        "fleet.acme.porto.event.vehicle_registered.van",
        event("vehicle.registered", "v", &registered)
    ));
    let mut route = bus.block_on(driver.subscribe("fleet.acme.porto.assignment.van")).unwrap();
    assert!(send(
        &driver,
        "fleet.acme.porto.event.shift_started.van",
        event("shift.started", "s", &json!({ "vehicle_id": "van" }))
    ));
    assert!(send(&producer, "fleet.acme.porto.event.order_created._", order("o-1")));
    // What is not decodable is noted as skipped and stored as rejected, which the engine has the rights for.
    assert!(send(&producer, "fleet.acme.porto.event.order_created.x", "{}".to_owned()));
    let told = bus
        .block_on(async { tokio::time::timeout(Duration::from_secs(20), futures::StreamExt::next(&mut route)).await });
    assert!(told.is_ok_and(|message| message.is_some()), "the driver is told his route");
    // And no more.
    for subject in [
        "fleet.acme.porto.event.shift_started.other",
        "fleet.acme.porto.event.order_created._",
        "fleet.acme.porto.position.other",
    ] {
        assert!(!send(&driver, subject, "{}".to_owned()), "a driver on {subject}");
    }
    for subject in [
        "fleet.acme.porto.plan",
        "fleet.acme.porto.event.policy_changed._",
        "fleet.acme.other.event.order_created._",
        "fleet.acme.porto.assignment.van",
    ] {
        assert!(!send(&producer, subject, "{}".to_owned()), "a producer on {subject}");
    }
    for (client, others) in [
        (&driver, "_INBOX_engine.>"),
        (&producer, "fleet.acme.porto.plan"),
        (&driver, "fleet.acme.porto.assignment.other"),
    ] {
        drop(bus.block_on(client.subscribe(others)).unwrap());
        bus.block_on(client.flush()).unwrap();
    }
    pause(200);
    let heard: Vec<String> = at_driver.try_iter().chain(at_producer.try_iter()).collect();
    let violations = |words: &str| heard.iter().filter(|said| said.contains(words)).count();
    assert_eq!((violations("for Publish"), violations("for Subscription")), (7, 3), "{heard:?}");
    // The engine stores bases, ends and begins again.
    let base = |_: u16, _: &str| std::fs::read_to_string(folder.join("engine.err")).unwrap().contains("base stored");
    until_ready(at, "a base", base);
    drop(served);
    // An administrator registers schemas, which whoever begins then compares, and readers list.
    let schemas = |user: &str, verb: &str| {
        let log = format!("nats://{user}:{user}@127.0.0.1:{port}");
        run(&["schema", verb, "--log", &log, "--nats-inbox-prefix", &format!("_INBOX_{user}")], folder)
    };
    for (user, verb) in [("admin", "push"), ("reader", "list"), ("reader", "check")] {
        let output = schemas(user, verb);
        assert!(output.status.success(), "{user} {verb}: {}", words(&output));
    }
    let (_served, at) = engine(folder, port);
    until_ready(at, "it starts", |status, _| status == 200);
    assert!(!std::fs::read_to_string(folder.join("engine.err")).unwrap().contains("is not compared"));
    assert_eq!(http(at, "POST /v1/events", &order("o-2")).0, 202);
    assert!((0..200).any(|_| {
        pause(50);
        http(at, "GET /v1/orders/o-2", "").1.contains("assigned")
    }));
    // It keeps words under keys, and forgets; an administrator does so, too.
    let called = json!({ "order_id": "o-2", "reference": "her name" });
    assert_eq!(http(at, "POST /v1/events", &event("order.updated", "u", &called)).0, 202);
    let (status, said) = http(at, "POST /v1/forget", "{\"order_id\":\"o-2\",\"even_if_open\":true}");
    assert_eq!(status, 200, "{said}");
    let forgot = as_user(folder, port, "admin", &["forget", "order", "o-1", "--even-if-open"]);
    assert!(forgot.status.success(), "{}", words(&forgot));
    let engine_said = std::fs::read_to_string(folder.join("engine.err")).unwrap();
    assert!(!engine_said.contains("Violation") && !engine_said.contains("violation"), "{engine_said}");
    // A reader reads.
    for args in [&["verify"][..], &["audit"], &["record"], &["what-if", "--change", "vehicle van lost"]] {
        let output = as_user(folder, port, "reader", args);
        assert!(output.status.success(), "{args:?}: {}", words(&output));
    }
    let doctor = as_user(folder, port, "reader", &["doctor", "--listen", "127.0.0.1:0", "--as", "reader"]);
    assert!(words(&doctor).contains("has its rights") && !words(&doctor).contains("may not"), "{}", words(&doctor));
    assert!(words(&doctor).contains("readers write nothing"), "{}", words(&doctor));
    let feed = as_user(folder, port, "reader", &["serve", "--listen", "127.0.0.1:0"]);
    assert!(!feed.status.success() && words(&feed).contains("fleet.acme.porto.plan"), "{}", words(&feed));
    // What has tried rights has changed nothing: not the list of skipped entries, and no base.
    let (client, _said) = connect("root", "_INBOX_root");
    let messages = |name: &str| {
        bus.block_on(async {
            let context = async_nats::jetstream::new(client.clone());
            context.get_stream(name).await.unwrap().info().await.unwrap().state.messages
        })
    };
    let kept = || (messages("KV_SKIPPED"), messages("OBJ_BASES") > 1);
    let before = kept();
    assert_eq!(before, (1, true));
    let doctor = as_user(folder, port, "engine", &["doctor", "--listen", "127.0.0.1:0"]);
    assert!(words(&doctor).contains("has its rights"), "{}", words(&doctor));
    assert_eq!(kept(), before);
    let verified = as_user(folder, port, "reader", &["verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
    // An administrator hands over and makes streams.
    let moved =
        ["zone", "handover", "--vehicle", "van", "--from", "porto", "--to", "braga", "--open", "--tenant", "acme"];
    let log = format!("nats://admin:admin@127.0.0.1:{port}");
    let output = run(&[&moved[..], &["--log", &log, "--nats-inbox-prefix", "_INBOX_admin"]].concat(), folder);
    assert!(!words(&output).contains("error:"), "{}", words(&output));
}

/// A right of the engine that it uses at a start only.
const SELDOM: &str = "$JS.API.STREAM.MSG.GET.FEATURE";

#[test]
fn a_right_that_is_taken_away_from_a_running_engine_is_named_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let whole = users(folder, &["--role", "engine"]);
    let (broker, port) = broker(folder, &whole);
    let (_served, at) = engine(folder, port);
    until_ready(at, "it starts", |status, _| status == 200);
    let taken = [
        "fleet.acme.porto.plan",
        "fleet.acme.porto.assignment.*",
        "$KV.OWNERS.acme.porto",
        "$KV.SKIPPED.acme.porto.*",
        "$JS.API.CONSUMER.CREATE.FLEET",
        // Asked seldom: who waited for the next question would wait for long.
        SELDOM,
        "$JS.API.DIRECT.GET.KV_SKIPPED.>",
        "_INBOX_engine.>",
    ];
    for subject in taken {
        let (line, _) = rights(&whole).into_iter().find(|(_, of)| of == subject).expect(subject);
        write(folder, port, &without(&whole, &line));
        reload(&broker);
        let said = until_ready(at, subject, |status, text| status == 503 && text.contains("may not"));
        if subject == SELDOM {
            // It was not waited for the engine's next question.
            let said = std::fs::read_to_string(folder.join("engine.err")).unwrap();
            assert!(said.contains("when all were tried one after the other"), "{said}");
        }
        // What was refused on its way is named as it was sent.
        assert!(said.contains(subject.trim_end_matches(['*', '>'])), "{subject}: {said}");
        write(folder, port, &whole);
        reload(&broker);
        until_ready(at, "it starts", |status, _| status == 200);
    }
    assert_eq!(http(at, "POST /v1/events", &order("after")).0, 202);
}

#[test]
fn a_node_of_several_zones_has_its_rights_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = run(&["permissions", "--tenant", "acme", "--nodes", "--role", "engine,reader,producer"], folder);
    let text = String::from_utf8(output.stdout).unwrap();
    let passwords = |text: String, user: &str| {
        let line = format!("user: \"{user}\", password: \"PUT A BCRYPT HASH HERE (nats server passwd)\"");
        text.replace(&line, &format!("user: \"{user}\", password: \"{user}\""))
    };
    let (_broker, port) = broker(folder, &["engine", "reader", "producer"].into_iter().fold(text, passwords));
    let (listen, log) = (format!("127.0.0.1:{}", free_port()), format!("nats://engine:engine@127.0.0.1:{port}"));
    let args = [
        "serve",
        "--log",
        &log,
        "--zones",
        "acme/*",
        "--node",
        "n1",
        "--listen",
        &listen,
        "--nats-inbox-prefix",
        "_INBOX_engine",
    ];
    let err = std::fs::File::create(folder.join("engine.err")).unwrap();
    let _node = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(err).spawn().unwrap());
    let at: u16 = listen.rsplit(':').next().unwrap().parse().unwrap();
    wait_for(at);
    let bus = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    bus.block_on(async {
        let options = async_nats::ConnectOptions::with_user_and_password("producer".into(), "producer".into());
        let client = options.custom_inbox_prefix("_INBOX_producer").connect(format!("127.0.0.1:{port}")).await.unwrap();
        let van = json!({ "vehicle_id": "van", "start": { "lon": -8.6, "lat": 41.15 } });
        let context = async_nats::jetstream::new(client);
        let subject = "fleet.acme.porto.event.vehicle_registered.van";
        context.publish(subject, event("vehicle.registered", "v", &van).into()).await.unwrap().await.unwrap();
    });
    let up = (0..300).any(|_| {
        pause(50);
        http(at, "GET /v1/zones/acme/porto/readyz", "").0 == 200
    });
    let said = std::fs::read_to_string(folder.join("engine.err")).unwrap();
    assert!(up && !said.contains("iolation"), "{said}");
    let log = format!("nats://reader:reader@127.0.0.1:{port}");
    let zones = run(&["zones", "--log", &log, "--nats-inbox-prefix", "_INBOX_reader"], folder);
    assert!(words(&zones).contains("acme/porto"), "{}", words(&zones));
}

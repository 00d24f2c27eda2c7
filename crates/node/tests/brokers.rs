//! Brokers in a cluster and brokers with accounts: replicas, placement, and who sees what. Real processes, real brokers.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use async_nats::jetstream::{self, Context, stream};
use futures::TryStreamExt;
use serde_json::{Value, json};
use support::{Killed, broker, fleetfold, free_port, http, pause, run, wait_for};

fn start_broker(config: &Path, port: u16) -> Killed {
    let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
    let child = Command::new(program)
        .arg("-c")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server 2.10 or newer is needed: scripts/test obtains one");
    wait_for(port);
    Killed(child)
}

/// Brokers `n0`, `n1`, …, with the tag `fast` on the last one.
struct Cluster {
    ports: Vec<u16>,
    brokers: Vec<Option<Killed>>,
    runtime: tokio::runtime::Runtime,
    context: Context,
}

impl Cluster {
    fn new(folder: &Path, size: usize) -> Self {
        let ports: Vec<u16> = (0..size).map(|_| free_port()).collect();
        let inner: Vec<u16> = (0..size).map(|_| free_port()).collect();
        let routes: Vec<String> = inner.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let mut brokers = Vec::new();
        for number in 0..size {
            let store = folder.join(format!("n{number}"));
            let tag = if number + 1 == size { "fast" } else { "slow" };
            let config = format!(
                "server_name: n{number}\nlisten: \"127.0.0.1:{}\"\nserver_tags: [\"{tag}\"]\n\
                 jetstream {{ store_dir: \"{}\" }}\n\
                 cluster {{ name: ours, listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
                ports[number],
                store.display(),
                inner[number],
                routes.join(", ")
            );
            let path = folder.join(format!("n{number}.conf"));
            std::fs::write(&path, config).unwrap();
            brokers.push(Some(start_broker(&path, ports[number])));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let urls: Vec<String> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let context = runtime.block_on(async { jetstream::new(async_nats::connect(&urls[..]).await.unwrap()) });
        let cluster = Self { ports, brokers, runtime, context };
        // Until the brokers have a leader.
        for _ in 0..200 {
            if cluster.runtime.block_on(cluster.context.query_account()).is_ok() {
                return cluster;
            }
            pause(100);
        }
        panic!("the cluster has no leader");
    }

    fn url(&self) -> String {
        let ports: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("nats://{}", ports.join(","))
    }

    fn infos(&self) -> Vec<stream::Info> {
        self.runtime.block_on(async { self.context.streams().try_collect().await.unwrap() })
    }

    fn info(&self, name: &str) -> stream::Info {
        let found = self.runtime.block_on(self.context.get_stream(name)).unwrap();
        found.cached_info().clone()
    }

    /// Kill -9.
    fn kill(&mut self, name: &str) {
        let number: usize = name.strip_prefix('n').and_then(|number| number.parse().ok()).unwrap();
        drop(self.brokers[number].take().expect("it runs"));
    }
}

struct Engine {
    process: Killed,
    port: u16,
    log: PathBuf,
}

impl Engine {
    fn start(folder: &Path, url: &str, data: &str, more: &[&str]) -> Self {
        Self::start_on(folder, &["--log", url], data, more)
    }

    fn start_on(folder: &Path, log: &[&str], data: &str, more: &[&str]) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let args = [&["serve", "--zone", "porto", "--listen", &listen, "--data", data], log, more].concat();
        let log = folder.join(format!("{data}.log"));
        let file = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let out = file.try_clone().unwrap();
        let process = Killed(fleetfold(&args, folder).stdout(out).stderr(file).spawn().unwrap());
        for _ in 0..400 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Self { process, port, log };
            }
            pause(50);
        }
        panic!("the engine does not start: {}", std::fs::read_to_string(&log).unwrap());
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn post(&self, body: &str) {
        let mut last = (0, String::new());
        for _ in 0..200 {
            last = http(self.port, "POST /v1/events", body);
            if last.0 == 202 {
                return;
            }
            pause(100);
        }
        panic!("not taken: {last:?}");
    }

    fn wait_answered(&self, id: &str) {
        let mut last = (0, String::new());
        for _ in 0..400 {
            last = http(self.port, &format!("GET /v1/orders/{id}"), "");
            if last.0 == 200 && last.1.contains("\"assigned\"") {
                return;
            }
            pause(50);
        }
        panic!("{id} is not answered: {last:?}");
    }
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn event(kind: &str, id: &str, data: &Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data }).to_string()
}

fn order(id: &str) -> String {
    event("order.created", id, &json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15 } } }))
}

fn crew() -> String {
    let vehicle = json!({ "vehicle_id": "van", "start": { "lon": -8.63, "lat": 41.15 } });
    let registered = event("vehicle.registered", "new", &vehicle);
    format!("{registered}\n{}", event("shift.started", "on", &json!({ "vehicle_id": "van" })))
}

#[test]
fn three_brokers_keep_three_replicas_and_the_engine_goes_on_when_one_of_them_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut cluster = Cluster::new(folder, 3);
    let url = cluster.url();
    let engine = Engine::start(folder, &url, "data", &[]);
    engine.post(&crew());
    engine.post(&order("first"));
    engine.wait_answered("first");
    // A node of several zones brings its own buckets.
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", &url, "--zones", "others/*", "--listen", &listen, "--data", "node"];
    let node = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    // It listens before it has reached its broker.
    for _ in 0..200 {
        if http(port, "GET /v1/zones", "").0 == 200 {
            break;
        }
        pause(50);
    }
    let replicas: Vec<(String, usize)> =
        cluster.infos().into_iter().map(|info| (info.config.name, info.config.num_replicas)).collect();
    let missing = ["FLEET", "POSITION", "KV_OWNERS", "KV_SKIPPED", "KV_NODES", "KV_ZONES"]
        .into_iter()
        .find(|wanted| !replicas.iter().any(|(name, _)| name == wanted));
    assert_eq!(missing, None, "{replicas:?}");
    assert!(replicas.iter().all(|(_, count)| *count == 3), "{replicas:?}");
    let doctor = run(&["doctor", "--log", &url, "--listen", "127.0.0.1:0"], folder);
    assert!(doctor.status.success(), "{}", words(&doctor));

    for round in 0..2 {
        // The broker that leads the log is killed; the second time after it has come back.
        let leader = cluster.info("FLEET").cluster.and_then(|cluster| cluster.leader).expect("a leader");
        cluster.kill(&leader);
        let id = format!("killed-{round}");
        engine.post(&order(&id));
        engine.wait_answered(&id);
        let number: usize = leader[1..].parse().unwrap();
        let port = cluster.ports[number];
        cluster.brokers[number] = Some(start_broker(&folder.join(format!("{leader}.conf")), port));
        // Until it has caught up: two of three must be there when the next one is killed.
        for _ in 0..200 {
            let found = cluster.runtime.block_on(cluster.context.get_stream("FLEET"));
            let state = found.ok().and_then(|found| found.cached_info().cluster.clone());
            if state.is_some_and(|state| state.leader.is_some() && state.replicas.iter().all(|peer| peer.current)) {
                break;
            }
            pause(100);
        }
    }
    let audited = run(&["audit", "--json", "--log", &url, "--zone", "porto"], folder);
    let audited: Value = serde_json::from_slice(&audited.stdout).expect("audit prints JSON");
    assert_eq!((&audited["orders"], &audited["chain_gaps"]), (&json!(3), &json!([])), "{audited}");
    assert_eq!(audited["unanswered"], json!([]), "{audited}");
    drop(node);

    // A stream with one replica is left as it is, and both the doctor and the next start say what mends it.
    let mut config = cluster.info("WARNING").config;
    config.num_replicas = 1;
    cluster.runtime.block_on(cluster.context.update_stream(config)).unwrap();
    let doctor = run(&["doctor", "--log", &url, "--listen", "127.0.0.1:0"], folder);
    let said = words(&doctor);
    assert!(!doctor.status.success() && said.contains("WARNING has 1 replicas, not 3"), "{said}");
    assert!(said.contains("nats stream edit WARNING --replicas 3"), "{said}");
    drop(engine);
    let engine = Engine::start(folder, &url, "again", &[]);
    assert!(engine.said().contains("nats stream edit WARNING --replicas 3"), "{}", engine.said());
    assert_eq!(cluster.info("WARNING").config.num_replicas, 1);
}

#[test]
fn three_replicas_on_a_single_broker_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let of = ["--log", &url, "--tenant", "acme", "--zone", "porto", "--replicas", "3", "--listen", "127.0.0.1:0"];
    let refused = run(&[&["serve"], &of[..]].concat(), folder.path());
    let said = words(&refused);
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("3 replicas: this broker is not one of a cluster"), "{said}");
    assert!(said.contains("--replicas 1") && said.contains("as a cluster"), "{said}");
    assert!(!said.contains("nats-server -js"), "JetStream is on: {said}");
}

#[test]
fn replicas_and_placement_are_as_asked_for_or_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cluster = Cluster::new(folder, 3);
    let url = cluster.url();
    let create = |zone: &str, more: &[&str]| {
        run(&[&["zone", "create", zone, "--log", &url, "--streams", "per-zone"], more].concat(), folder)
    };
    let wrong = create("porto", &["--replicas", "5"]);
    assert!(!wrong.status.success() && words(&wrong).contains("cannot be created"), "{}", words(&wrong));
    assert!(words(&wrong).contains("too few brokers") && words(&wrong).contains("--replicas 1"), "{}", words(&wrong));
    let wrong = create("porto", &["--replicas", "2"]);
    assert!(!wrong.status.success() && words(&wrong).contains("1, 3 or 5"), "{}", words(&wrong));
    let wrong = create("porto", &["--replicas", "1", "--placement", "nowhere"]);
    assert!(!wrong.status.success() && words(&wrong).contains("cannot be created"), "{}", words(&wrong));
    assert!(words(&wrong).contains("server_tags"), "{}", words(&wrong));
    assert!(cluster.infos().is_empty(), "something was made");

    let made = create("porto", &["--replicas", "1", "--placement", "fast", "--placement-cluster", "ours"]);
    assert!(made.status.success(), "{}", words(&made));
    for info in cluster.infos() {
        let placement = info.config.placement.clone().expect("it was placed");
        assert_eq!((info.config.num_replicas, placement.tags), (1, vec!["fast".to_owned()]), "{}", info.config.name);
        assert_eq!(info.cluster.and_then(|cluster| cluster.leader).as_deref(), Some("n2"), "{}", info.config.name);
    }
    // One replica is what was wanted: the doctor agrees when it is told so.
    let doctor = ["doctor", "--log", &url, "--zone", "porto", "--listen", "127.0.0.1:0"];
    assert!(!run(&doctor, folder).status.success());
    let doctor = run(&[&doctor[..], &["--replicas", "1"]].concat(), folder);
    assert!(doctor.status.success(), "{}", words(&doctor));
    // From the settings file, for the next zone.
    std::fs::write(folder.join("fleetfold.toml"), "replicas = 3\nplacement_cluster = \"ours\"\n").unwrap();
    let _engine = Engine::start(folder, &url, "data", &["--tenant", "acme", "--config", "fleetfold.toml"]);
    let info = cluster.info("FLEET_acme__porto");
    assert_eq!(info.config.num_replicas, 3);
    assert_eq!(info.config.placement.and_then(|placement| placement.cluster).as_deref(), Some("ours"));
}

#[test]
fn a_cluster_of_two_keeps_one_replica_and_a_single_broker_refuses_three() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cluster = Cluster::new(folder, 2);
    let engine = Engine::start(folder, &cluster.url(), "data", &[]);
    engine.post(&crew());
    engine.post(&order("first"));
    engine.wait_answered("first");
    assert!(cluster.infos().iter().all(|info| info.config.num_replicas == 1));
    assert!(engine.said().contains("the cluster does not keep 3 replicas"), "{}", engine.said());

    let (_broker, url) = support::broker(folder);
    let args = ["serve", "--log", &url, "--replicas", "3", "--listen", "127.0.0.1:0"];
    let refused = run(&args, folder);
    assert!(!refused.status.success(), "three replicas on one broker");
    assert!(
        words(&refused).contains("cannot be created") && words(&refused).contains("replicas"),
        "{}",
        words(&refused)
    );
}

/// The passwords of the accounts below. The second one is percent-encoded where it stands in an address.
const PASSWORDS: [&str; 2] = ["Ez-pZ-7391", "o@ther:4482"];

#[test]
fn accounts_do_not_see_each_other_and_no_output_shows_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = free_port();
    let config = format!(
        "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\naccounts {{\n\
         ACME {{ jetstream: enabled, users: [{{ user: acme, password: \"{}\" }}] }}\n\
         OTHER {{ jetstream: enabled, users: [{{ user: other, password: \"{}\" }}] }}\n}}\n",
        folder.join("js").display(),
        PASSWORDS[0],
        PASSWORDS[1]
    );
    let path = folder.join("accounts.conf");
    std::fs::write(&path, config).unwrap();
    let broker = start_broker(&path, port);
    let urls =
        [format!("nats://acme:Ez-pZ-7391@127.0.0.1:{port}"), format!("nats://other:o%40ther%3A4482@127.0.0.1:{port}")];
    // The same zone of the same tenant in both accounts, each with its own layout.
    let acme = Engine::start(folder, &urls[0], "acme", &[]);
    std::fs::write(folder.join("other.toml"), format!("log = \"{}\"\nstreams = \"per-zone\"\n", urls[1])).unwrap();
    let other = Engine::start_on(folder, &[], "other", &["--config", "other.toml"]);
    for (engine, id) in [(&acme, "of-acme"), (&other, "of-other")] {
        engine.post(&crew());
        engine.post(&order(id));
        engine.wait_answered(id);
    }
    assert_eq!(http(acme.port, "GET /v1/orders/of-other", "").0, 404);
    assert_eq!(http(other.port, "GET /v1/orders/of-acme", "").0, 404);

    let mut said = String::new();
    for url in &urls {
        for command in [
            &["audit", "--zone", "porto"][..],
            &["verify", "--zone", "porto"],
            &["doctor", "--listen", "127.0.0.1:0", "--zone", "porto"],
        ] {
            let output = run(&[command, &["--log", url]].concat(), folder);
            assert!(output.status.success(), "{command:?}: {}", words(&output));
            said.push_str(&words(&output));
        }
    }
    assert!(said.contains("nats://acme:***@127.0.0.1"), "{said}");
    // The broker goes and comes back.
    drop(broker);
    for _ in 0..100 {
        if http(acme.port, "GET /readyz", "").0 == 503 {
            break;
        }
        pause(50);
    }
    said.push_str(&http(acme.port, "GET /readyz", "").1);
    said.push_str(&words(&run(&["verify", "--log", &urls[1]], folder)));
    said.push_str(&words(&run(&["doctor", "--log", &urls[1], "--listen", "127.0.0.1:0"], folder)));
    let _broker = start_broker(&path, port);
    acme.post(&order("again"));
    acme.wait_answered("again");
    for path in ["/readyz", "/v1/state", "/v1/zones", "/v1/decisions", "/metrics", "/version"] {
        said.push_str(&http(acme.port, &format!("GET {path}"), "").1);
    }
    // What is wrong in the address, in the right, in the settings.
    let wrong = ["Ez-pZ-7391", "o%40ther%3A4482"].map(|password| format!("nats://nobody:{password}@127.0.0.1:{port}"));
    for url in [&wrong[0], &wrong[1], "natz://acme:Ez-pZ-7391@127.0.0.1:1", "nats://acme:Ez-pZ-7391@:x:y"] {
        let output = run(&["verify", "--log", url], folder);
        assert!(!output.status.success(), "{url} was taken");
        said.push_str(&words(&output));
    }
    for text in
        [format!("log = \"{}\n", urls[0]), format!("log = \"{}\" wrong\n", urls[0]), format!("lok = \"{}\"\n", urls[0])]
    {
        std::fs::write(folder.join("wrong.toml"), text).unwrap();
        let output = run(&["serve", "--config", "wrong.toml"], folder);
        assert!(!output.status.success() && words(&output).contains("wrong.toml, line 1"), "{}", words(&output));
        said.push_str(&words(&output));
    }
    for command in ["serve", "doctor", "zones", "drain", "record"] {
        let help = fleetfold(&[command, "--help"], folder).env("FLEETFOLD__LOG", &urls[0]).output().unwrap();
        said.push_str(&words(&help));
    }
    let from_env = fleetfold(&["verify", "--zone", "porto"], folder).env("NATS_URL", &urls[0]).output().unwrap();
    assert!(from_env.status.success(), "{}", words(&from_env));
    said.push_str(&words(&from_env));
    for engine in [&acme, &other] {
        said.push_str(&engine.said());
        let id = engine.process.0.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
    }
    for password in PASSWORDS.iter().chain(&["o%40ther%3A4482"]) {
        let shown = said.lines().find(|line| line.contains(password));
        assert_eq!(shown, None, "a password is shown");
    }
}

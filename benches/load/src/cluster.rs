//! Many zones on several nodes over a cluster of brokers, of which one node and one broker are killed each minute.
//!
//! Everything that was sent must stand in the log once, every order must have an answer, and each answer that took longer than the
//! contract is listed with the kills that fell into its wait.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{Client, jetstream};
use fleetfold_journal::ZoneName;
use tokio::process::{Child, Command};

use crate::Failure;
use crate::http::ask;
use crate::link::{self, Link, News};
use crate::measure::Waits;
use crate::reader::{Entry, Kind};
use crate::rig::{Programs, cost, free_port, now, wall};
use crate::world::{CYCLE_SECONDS, Message, Producer, World};
use crate::zone::{CANCELLED_OF, Zone};

/// The tenant of all zones.
const TENANT: &str = "load";
/// The contract: an answer within this, milliseconds.
const CONTRACT: i64 = 10_000;
/// In each minute a node is killed at this second and started again at the next, and so is a broker.
const NODE_AWAY: [u64; 2] = [10, 20];
const BROKER_AWAY: [u64; 2] = [40, 50];
/// A kill explains a late answer that came within its wait, or so shortly before the fact that its consequences were not over, milliseconds:
/// a lease expires after 3 s.
const SHORTLY: i64 = 3_000;
/// Late answers that are listed.
const LISTED: usize = 20;

/// How large it is, and how long it runs.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Size {
    /// Brokers; every stream has as many replicas.
    #[arg(long, default_value_t = 3)]
    brokers: usize,
    /// Nodes, each `fleetfold serve --zones`.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Zones.
    #[arg(long, default_value_t = 40)]
    zones: usize,
    /// Vehicles of each zone.
    #[arg(long, default_value_t = 25)]
    crew: usize,
    /// Open orders of each zone.
    #[arg(long, default_value_t = 100)]
    open: u64,
    /// Changes a second, of all zones together.
    #[arg(long, default_value_t = 40.0)]
    rate_of_changes: f64,
    /// How long, minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

/// A process that may be away.
struct Member {
    name: String,
    arguments: Vec<String>,
    child: Option<Child>,
    /// CPU seconds of its earlier lives.
    spent: f64,
}

impl Member {
    fn start(&mut self, program: &Path, folder: &Path) -> Result<(), Failure> {
        let log = std::fs::File::options().create(true).append(true).open(folder.join(format!("{}.log", self.name)))?;
        let mut command = Command::new(program);
        command.args(&self.arguments).current_dir(folder).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().map_err(|error| format!("{}: {error}", program.display()))?);
        Ok(())
    }

    async fn kill(&mut self) -> Result<(), Failure> {
        self.spent = self.cpu_seconds();
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    fn cpu_seconds(&self) -> f64 {
        self.spent + self.child.as_ref().and_then(Child::id).map_or(0.0, |id| cost(id).cpu_seconds)
    }
}

/// Something that was killed, or started again.
struct Happened {
    /// Log time, milliseconds.
    at: i64,
    what: String,
}

struct Cluster {
    size: Size,
    fleetfold: PathBuf,
    nats_server: PathBuf,
    folder: PathBuf,
    brokers: Vec<Member>,
    nodes: Vec<Member>,
    url: String,
    link: Link,
    zones: Vec<Zone>,
    sent: u64,
    /// Message ids that were read, each once.
    stored: BTreeSet<String>,
    doubled: u64,
    kills: Vec<Happened>,
}

/// Plays the scenario. An error when anything was lost, doubled, out of chain, unanswered, or late without a kill.
pub(crate) async fn play(programs: Programs, size: Size, seed: u64) -> Result<(), Failure> {
    let temporary = tempfile::Builder::new().prefix("fleetfold-cluster-").tempdir()?;
    let folder = temporary.path().to_path_buf();
    // The folder goes when this is dropped, after the processes.
    let _temporary = if programs.keep {
        println!("kept: {}", temporary.keep().display());
        None
    } else {
        Some(temporary)
    };
    let mut cluster = Box::pin(Cluster::start(&programs, size, seed, folder)).await?;
    Box::pin(cluster.fill()).await?;
    let filled = wall();
    let begun = now();
    let (mut changes, mut minute) = (0u64, 0u64);
    let mut steps = cluster.steps(minute);
    let whole = Duration::from_secs(60 * size.minutes);
    while begun.elapsed() < whole {
        let elapsed = begun.elapsed();
        if elapsed.as_secs() / 60 > minute {
            minute = elapsed.as_secs() / 60;
            steps = cluster.steps(minute);
        }
        while steps.first().is_some_and(|step| elapsed >= Duration::from_secs(minute * 60 + step.0)) {
            let (_, step) = steps.remove(0);
            cluster.take_step(step).await?;
        }
        while (changes as f64) < elapsed.as_secs_f64() * size.rate_of_changes {
            changes += 1;
            cluster.change(changes).await?;
        }
        cluster.drive().await?;
        cluster.turn().await?;
    }
    for step in steps {
        cluster.take_step(step.1).await?;
    }
    let all = cluster.rest(Duration::from_secs(120)).await?;
    Box::pin(cluster.tell(all, filled)).await
}

/// What is done at a second of a minute.
#[derive(Clone, Copy, Debug)]
enum Step {
    KillNode(usize),
    StartNode(usize),
    KillBroker(usize),
    StartBroker(usize),
}

impl Cluster {
    async fn start(programs: &Programs, size: Size, seed: u64, folder: PathBuf) -> Result<Self, Failure> {
        let mut clients = Vec::new();
        let mut routes = Vec::new();
        for _ in 0..size.brokers {
            clients.push(free_port()?);
            routes.push(free_port()?);
        }
        let all = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect::<Vec<_>>().join(",");
        let mut brokers = Vec::new();
        for number in 0..size.brokers {
            let cluster = if size.brokers > 1 {
                format!(" --cluster_name load --cluster nats://127.0.0.1:{} --routes {all}", routes[number])
            } else {
                String::new()
            };
            let store = folder.join(format!("b{number}"));
            let arguments =
                format!("-js -n b{number} -a 127.0.0.1 -p {} -sd {}{cluster}", clients[number], store.display());
            let arguments = arguments.split(' ').map(str::to_owned).collect();
            let mut broker = Member { name: format!("b{number}"), arguments, child: None, spent: 0.0 };
            broker.start(&programs.nats_server, &folder)?;
            brokers.push(broker);
        }
        let url = clients.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect::<Vec<_>>().join(",");
        let client = connect(&url).await?;
        let context = jetstream::new(client.clone());
        elected(&context).await?;
        let fleetfold = std::path::absolute(&programs.fleetfold)?;
        let mut nodes = Vec::new();
        for number in 0..size.nodes {
            let port = free_port()?;
            let arguments = format!(
                "serve --zones {TENANT}/* --node n{number} --data n{number} --listen 127.0.0.1:{port} --log {url}"
            );
            let arguments = arguments.split(' ').map(str::to_owned).collect();
            let mut node = Member { name: format!("n{number}"), arguments, child: None, spent: 0.0 };
            node.start(&fleetfold, &folder)?;
            // The first one makes the streams.
            wait_ready(port, &node, &folder).await?;
            nodes.push(node);
        }
        let link = Link::new(client, format!("fleet.{TENANT}.>"), format!("fleet.{TENANT}.*.assignment.*")).await?;
        let log_start = wall();
        let ours = Producer { source: "/load", orders: "o" };
        let served = size.rate_of_changes / size.zones as f64 * (CANCELLED_OF - 1) as f64 / CANCELLED_OF as f64;
        let rate = (served * CYCLE_SECONDS / size.crew.max(1) as f64).ceil().max(1.0) as u32;
        let mut zones = Vec::new();
        for number in 0..size.zones {
            let zone = ZoneName::new(TENANT, &format!("z{number}")).ok_or("a legal zone")?;
            zones.push(Zone::new(World::new(zone, log_start, rate, ours, seed + number as u64), size.open));
        }
        println!(
            "{} brokers, {} nodes, {} zones of {} vehicles and {} open orders, {} changes/s together",
            size.brokers, size.nodes, size.zones, size.crew, size.open, size.rate_of_changes
        );
        Ok(Self {
            size,
            fleetfold,
            nats_server: programs.nats_server.clone(),
            folder,
            brokers,
            nodes,
            url,
            link,
            zones,
            sent: 0,
            stored: BTreeSet::new(),
            doubled: 0,
            kills: Vec::new(),
        })
    }

    async fn send(&mut self, message: Message) -> Result<(), Failure> {
        self.sent += 1;
        self.link.outbox.send(message).await
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        for zone in 0..self.zones.len() {
            let opened = self.zones[zone].world.opened(true, false);
            self.send(opened).await?;
            for number in 0..self.size.crew {
                for message in self.zones[zone].vehicle(number, 1_000) {
                    self.send(message).await?;
                }
            }
        }
        for _ in 0..self.size.open {
            for zone in 0..self.zones.len() {
                let order = self.zones[zone].order();
                self.send(order).await?;
            }
            self.turn().await?;
        }
        if !self.rest(Duration::from_secs(120)).await? {
            return Err("the state could not be made within two minutes".into());
        }
        Ok(())
    }

    /// One change after the other, in one zone after the other.
    async fn change(&mut self, number: u64) -> Result<(), Failure> {
        let zones = self.zones.len() as u64;
        let zone = &mut self.zones[(number % zones) as usize];
        let cancels = (number / zones).is_multiple_of(CANCELLED_OF);
        let message = if cancels { zone.cancellation() } else { Some(zone.order()) };
        match message {
            Some(message) => self.send(message).await,
            None => Ok(()),
        }
    }

    async fn drive(&mut self) -> Result<(), Failure> {
        for zone in 0..self.zones.len() {
            for report in self.zones[zone].reports() {
                self.send(report).await?;
            }
        }
        Ok(())
    }

    /// Takes what has come, or sleeps for a moment.
    async fn turn(&mut self) -> Result<(), Failure> {
        for news in self.link.turn().await? {
            match news {
                News::Entry(entry) => self.take(entry),
                News::Told(message) => {
                    let zone = message.subject.split('.').nth(2).and_then(zone_of);
                    if let Some(zone) = zone.and_then(|number| self.zones.get_mut(number)) {
                        zone.told(&message.payload);
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: Entry) {
        let Some(zone) = zone_of(&entry.zone).and_then(|number| self.zones.get_mut(number)) else { return };
        zone.take(&entry);
        // The engine's own facts have ids of their own form.
        let is_ours = matches!(entry.what, Kind::Fact { .. }) && entry.id.contains("/%2Fload/");
        if is_ours && !self.stored.insert(entry.id) {
            self.doubled += 1;
        }
    }

    async fn rest(&mut self, limit: Duration) -> Result<bool, Failure> {
        let begun = now();
        while begun.elapsed() < limit {
            self.turn().await?;
            let all_stored = self.link.outbox.is_empty() && self.stored.len() as u64 >= self.sent;
            if all_stored && self.zones.iter().all(Zone::is_answered) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn steps(&self, minute: u64) -> Vec<(u64, Step)> {
        let (node, broker) = ((minute as usize) % self.nodes.len(), (minute as usize) % self.brokers.len());
        vec![
            (NODE_AWAY[0], Step::KillNode(node)),
            (NODE_AWAY[1], Step::StartNode(node)),
            (BROKER_AWAY[0], Step::KillBroker(broker)),
            (BROKER_AWAY[1], Step::StartBroker(broker)),
        ]
    }

    async fn take_step(&mut self, step: Step) -> Result<(), Failure> {
        let (at, folder) = (wall(), self.folder.clone());
        match step {
            Step::KillNode(number) => {
                self.nodes[number].kill().await?;
                self.kills.push(Happened { at, what: format!("node n{number} killed") });
            }
            Step::StartNode(number) => self.nodes[number].start(&self.fleetfold, &folder)?,
            Step::KillBroker(number) => {
                self.brokers[number].kill().await?;
                self.kills.push(Happened { at, what: format!("broker b{number} killed") });
            }
            Step::StartBroker(number) => self.brokers[number].start(&self.nats_server, &folder)?,
        }
        Ok(())
    }

    /// Prints what came of it: figures of what came after `filled`, log time.
    async fn tell(&mut self, all: bool, filled: i64) -> Result<(), Failure> {
        let answers: Vec<(usize, i64, i64)> = (0..self.zones.len())
            .flat_map(|zone| {
                let answers = self.zones[zone].measure.answers(&(0..u64::MAX));
                answers.into_iter().map(move |(at, answered)| (zone, at, answered))
            })
            .collect();
        let answered_in_all = answers.len();
        let answers: Vec<_> = answers.into_iter().filter(|&(_, at, _)| at >= filled).collect();
        let waits = Waits::new(answers.iter().map(|&(_, at, answered)| answered - at).collect());
        let lost = self.sent.saturating_sub(self.stored.len() as u64);
        println!(
            "{} facts sent ({} more than once), {} stored, {lost} lost, {} doubled; {} kills",
            self.sent,
            self.link.outbox.repeats,
            self.stored.len(),
            self.doubled,
            self.kills.len()
        );
        println!(
            "{} changes answered: p50 {} ms, p90 {}, p99 {}, p99.9 {}, max {}; over 10 s {} ({:.3} %)",
            waits.count(),
            waits.quantile(500),
            waits.quantile(900),
            waits.quantile(990),
            waits.quantile(999),
            waits.max(),
            waits.over_contract(),
            100.0 * waits.over_contract() as f64 / waits.count().max(1) as f64,
        );
        for kill in &self.kills {
            let after = |&&(_, at, _): &&(usize, i64, i64)| (0..12_000).contains(&(at - kill.at));
            let touched = |&&(_, at, answered): &&(usize, i64, i64)| at < kill.at && answered > kill.at;
            let near = answers.iter().filter(|answer| after(answer) || touched(answer));
            let slowest = near.map(|&(_, at, answered)| answered - at).max().unwrap_or(0);
            println!("  {}: the slowest answer around it took {slowest} ms", kill.what);
        }
        let mut unexplained = 0;
        let late = answers.iter().filter(|&&(_, at, answered)| answered - at > CONTRACT);
        for (number, &(zone, at, answered)) in late.enumerate() {
            let within = self.kills.iter().filter(|kill| kill.at > at - SHORTLY && kill.at < answered);
            let why = within.map(|kill| kill.what.clone()).collect::<Vec<_>>().join(", ");
            unexplained += usize::from(why.is_empty());
            if number < LISTED {
                let why = if why.is_empty() { "no kill near it" } else { &why };
                println!("  over 10 s: zone z{zone} waited {} ms: {why}", answered - at);
            }
        }
        let (mut unanswered, mut gaps, mut audited, mut refused) = (0, 0, 0, 0);
        for zone in &self.zones {
            let audit = self.audit(&zone.world.zone).await?;
            let count = |name: &str| audit[name].as_array().map_or(0, Vec::len);
            unanswered += count("unanswered");
            gaps += count("chain_gaps");
            audited += audit["answered"].as_u64().unwrap_or(0);
            refused += audit["refused"].as_u64().unwrap_or(0);
        }
        let agree = audited == answered_in_all as u64;
        println!(
            "fleetfold audit of all zones {}: {audited} answers, unanswered {unanswered}, gaps {gaps}, refused facts {refused}",
            if agree { "agrees" } else { "DIFFERS" }
        );
        let spent = |members: &[Member]| members.iter().map(Member::cpu_seconds).sum::<f64>();
        println!(
            "nodes {:.0} CPU s, brokers {:.0} CPU s, load {:.0} CPU s; the machine's load average is {}",
            spent(&self.nodes),
            spent(&self.brokers),
            cost(std::process::id()).cpu_seconds,
            std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default(),
        );
        for member in self.nodes.iter_mut().chain(&mut self.brokers) {
            member.kill().await?;
        }
        let bad = lost + self.doubled + unanswered as u64 + gaps as u64 + unexplained as u64;
        if bad == 0 && all && agree {
            Ok(())
        } else {
            Err("something is lost, doubled, unanswered or unexplained".into())
        }
    }

    async fn audit(&self, zone: &ZoneName) -> Result<serde_json::Value, Failure> {
        let output = Command::new(&self.fleetfold)
            .args(["audit", "--json", "--log", &self.url, "--tenant", zone.tenant(), "--zone", zone.zone()])
            .output()
            .await?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| format!("fleetfold audit {zone}: {}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

fn zone_of(zone: &str) -> Option<usize> {
    zone.strip_prefix('z')?.parse().ok()
}

async fn connect(url: &str) -> Result<Client, Failure> {
    for _ in 0..200 {
        if let Ok(client) = link::connect(url).await {
            return Ok(client);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("no broker can be reached within 10 s".into())
}

/// Waits until the brokers have a leader.
async fn elected(context: &jetstream::Context) -> Result<(), Failure> {
    for _ in 0..100 {
        if context.query_account().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err("the brokers have elected no leader within 20 s".into())
}

async fn wait_ready(port: u16, node: &Member, folder: &Path) -> Result<(), Failure> {
    for _ in 0..400 {
        if ask(port, "GET /readyz", "").await.is_ok_and(|answer| answer.status == 200) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("node {} is not ready after 20 s: see {}/{}.log", node.name, folder.display(), node.name).into())
}

//! The live loop: entries from the log and ticks from the clock into the engine, its effects out to the log, the pool and
//! the screens.
//!
//! One thread runs the engine and never waits for a socket, a disk or a browser; tasks around it do.

mod effects;
mod screens;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_engine::{Engine, Input, PositionReport};
use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::address::rejected_id;
use fleetfold_journal::{Address, Begin, Outcome, begin};
use fleetfold_model::{Assignment, Event, LogEntry, LogSeq, Millis, Space, Timestamp};
use fleetfold_roads::Network;
use fleetfold_wire::{What, decode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::{self, LogClock};
use crate::hub::Hub;
use crate::lease;
use crate::log::{Log, LogError, Message, Stream, ZoneName};
use crate::metrics::Metrics;
use crate::publisher;
use crate::snapshot;
use crate::view::{self, Memory, Stale};
use crate::warnings::Warnings;

/// Deltas reach browsers at most this often.
const DELTA_EVERY: Duration = Duration::from_millis(100);
/// Searches leave the fold its core: the pool has this many threads fewer than cores, at least one.
const CORES_KEPT: usize = 1;

/// What an engine needs.
pub(crate) struct Setup {
    /// The log.
    pub log: Log,
    /// Whose.
    pub zone: ZoneName,
    /// The roads.
    pub network: Arc<Network>,
    /// Where snapshots go; `None`: nowhere.
    pub data: Option<PathBuf>,
    /// Threads for searching; `None`: one fewer than cores.
    pub threads: Option<usize>,
}

/// A question to the engine's thread.
pub(crate) enum Question {
    State(oneshot::Sender<String>),
    Vehicle(String, oneshot::Sender<Option<String>>),
    Order(String, oneshot::Sender<Option<String>>),
    Decisions(u64, oneshot::Sender<String>),
    /// What was learned.
    Features(oneshot::Sender<String>),
    /// A full picture and the number of the last delta in it.
    Picture(oneshot::Sender<(String, u64)>),
    Summary(oneshot::Sender<Summary>),
}

/// Where the engine stands.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// Key figures so far.
    pub tally: Tally,
    /// Digest.
    pub digest: u64,
    /// Facts digest.
    pub facts_digest: u64,
    /// Last entry folded.
    pub applied: u64,
    /// Open orders.
    pub open: usize,
    /// Facts without an answer.
    pub unanswered: usize,
    /// Zone time.
    pub now: Timestamp,
}

/// A running engine.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) questions: mpsc::Sender<Question>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) streets: Arc<str>,
    pub(crate) zone: ZoneName,
    pub(crate) log: Log,
    /// Warnings about events that were taken, from HTTP and from the log.
    pub(crate) warnings: Warnings,
    /// The zone's policy wants events with unknown fields refused.
    pub(crate) strict: Arc<AtomicBool>,
    stop: Arc<watch::Sender<bool>>,
    done: watch::Receiver<bool>,
}

impl Live {
    /// Where the engine stands.
    pub(crate) async fn summary(&self) -> Option<Summary> {
        let (reply, answer) = oneshot::channel();
        self.questions.send(Question::Summary(reply)).await.ok()?;
        answer.await.ok()
    }

    /// True once it has caught up with the log.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Ends it: the search is abandoned, the lease released, a snapshot written.
    pub(crate) async fn stop(&self) {
        let _ = self.stop.send(true);
        let mut done = self.done.clone();
        let _ = tokio::time::timeout(Duration::from_millis(2500), done.wait_for(|done| *done)).await;
    }

    /// Resolves when the engine has ended, by itself or because it was told to.
    pub(crate) async fn ended(&self) {
        let mut done = self.done.clone();
        let _ = done.wait_for(|done| *done).await;
    }
}

/// Loads the newest snapshot, checks that the log is still the one it was made from, and starts the engine.
///
/// # Errors
///
/// When the log does not answer, has lost what we need, or is not the one we folded.
pub(crate) async fn start(setup: Setup) -> Result<Live, LogError> {
    let (first, last) = setup.log.bounds(Stream::Fleet).await?;
    let skipped = setup.log.skipped(&setup.zone).await?;
    let folder = setup.data.as_ref().map(|data| data.join(setup.zone.key()));
    let loaded = folder.as_ref().and_then(|folder| snapshot::newest(folder, &setup.zone));
    let (fleet, tally, last_hash) = loaded.map_or((Fleet::new(), Tally::default(), None), |(header, fleet, tally)| {
        (fleet, tally, Some(header.last_hash))
    });
    let applied = fleet.applied().0;
    let (read_after, check) = match begin(applied, first, last) {
        Begin::After { place, verify } => (place, last_hash.filter(|_| verify).map(|hash| (applied, hash))),
        Begin::Regressed => {
            return Err(LogError::new(
                format!("LOG_REGRESSED: the snapshot has folded entry {applied}, but the log ends at {last}"),
                "restore the log; or remove the snapshots if the log was replaced on purpose",
            ));
        }
        Begin::Expired { needed } => {
            return Err(LogError::new(
                format!("the log begins at entry {first}, but entry {needed} is needed next"),
                "entries have expired: restore a newer snapshot into the data folder",
            ));
        }
    };
    let entries = setup.log.read(Stream::Fleet, &setup.zone, read_after).await?;
    let positions = setup.log.read(Stream::Position, &setup.zone, 0).await?;

    let metrics = Arc::new(Metrics::new());
    let ready = Arc::new(AtomicBool::new(false));
    let strict = Arc::new(AtomicBool::new(fleet.policy().strict));
    let (questions, asked) = mpsc::channel(256);
    let (inputs, inbox) = mpsc::channel(4096);
    let (stop, stopped) = watch::channel(false);
    let (finish, done) = watch::channel(false);
    let hub = Arc::new(Hub::new(clock::wall().0 as u64));
    let space = setup.network.space();
    let streets: Vec<Value> = setup
        .network
        .streets()
        .into_iter()
        .map(|street| {
            let (a, b) = (view::lon_lat(space, street.from), view::lon_lat(space, street.to));
            json!([a[0], a[1], b[0], b[1], street.class, street.name, street.road])
        })
        .collect();
    let streets: Arc<str> = Arc::from(Value::from(streets).to_string());
    let publisher = publisher::start(setup.log.clone(), setup.zone.clone());
    let threads = setup.threads.unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(CORES_KEPT).max(1))
    });
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("search-{index}"))
        .build()
        .map_err(|error| LogError::new(format!("no threads for searching: {error}"), "allow more threads"))?;
    let live = Live {
        questions,
        hub: Arc::clone(&hub),
        metrics: Arc::clone(&metrics),
        ready: Arc::clone(&ready),
        streets,
        zone: setup.zone.clone(),
        log: setup.log.clone(),
        warnings: Warnings::default(),
        strict: Arc::clone(&strict),
        stop: Arc::new(stop),
        done,
    };
    let worker = Worker {
        engine: Engine::new(fleet, setup.network),
        tally,
        memory: Memory::default(),
        stale: Stale::default(),
        clock: LogClock::new(),
        log: setup.log,
        zone: setup.zone,
        folder,
        skipped,
        check,
        last_hash: [0; 32],
        snapshot_at: clock::monotonic(),
        snapshot_applied: applied,
        pool: Arc::new(pool),
        abandon: Arc::new(AtomicBool::new(false)),
        inputs,
        publisher,
        shell: tokio::runtime::Handle::current(),
        hub,
        metrics,
        ready,
        strict,
        caught_up_at: last,
        delta: 0,
        delta_at: clock::monotonic(),
        events: std::collections::VecDeque::new(),
    };
    std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(worker.run(entries, positions, inbox, asked, stopped));
            }
            let _ = finish.send(true);
        })
        .map_err(|error| LogError::new(format!("no thread for the engine: {error}"), "allow more threads"))?;
    Ok(live)
}

struct Worker {
    engine: Engine,
    tally: Tally,
    memory: Memory,
    stale: Stale,
    clock: LogClock,
    log: Log,
    zone: ZoneName,
    folder: Option<PathBuf>,
    skipped: Vec<u64>,
    /// The entry the snapshot ended with, to be found unchanged in the log.
    check: Option<(u64, [u8; 32])>,
    last_hash: [u8; 32],
    snapshot_at: std::time::Instant,
    snapshot_applied: u64,
    pool: Arc<rayon::ThreadPool>,
    abandon: Arc<AtomicBool>,
    inputs: mpsc::Sender<Input>,
    publisher: mpsc::UnboundedSender<(Assignment, Space)>,
    shell: tokio::runtime::Handle,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    ready: Arc<AtomicBool>,
    strict: Arc<AtomicBool>,
    caught_up_at: u64,
    delta: u64,
    delta_at: std::time::Instant,
    events: std::collections::VecDeque<std::time::Instant>,
}

impl Worker {
    async fn run(
        mut self,
        mut entries: mpsc::Receiver<Message>,
        mut positions: mpsc::Receiver<Message>,
        mut inbox: mpsc::Receiver<Input>,
        mut asked: mpsc::Receiver<Question>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let owner = format!("{}-{}", std::process::id(), self.hub.epoch);
        let lease = lease::hold(self.log.clone(), self.zone.clone(), owner, self.inputs.clone(), self.shell.clone());
        let lease::Thread { orders: let_go, released } = lease;
        if self.caught_up_at <= self.engine.fleet().applied().0 {
            self.caught_up(&let_go);
        }
        let mut positions_open = true;
        loop {
            let wake = self.wake();
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                input = inbox.recv() => {
                    let Some(input) = input else { break };
                    self.feed(input);
                }
                message = entries.recv() => {
                    let Some(message) = message else { break };
                    if !self.message(message).await {
                        break;
                    }
                    if self.engine.fleet().applied().0 >= self.caught_up_at {
                        self.caught_up(&let_go);
                    }
                }
                question = asked.recv() => {
                    let Some(question) = question else { break };
                    self.answer(question);
                }
                message = positions.recv(), if positions_open => {
                    match message {
                        Some(message) => self.position(&message),
                        None => positions_open = false,
                    }
                }
                () = tokio::time::sleep(wake) => {
                    let now = self.clock.now();
                    self.feed(Input::Tick(now));
                }
            }
            self.flush();
            self.snapshot_if_due();
        }
        self.abandon.store(true, Ordering::Relaxed);
        let _ = let_go.send(lease::Order::LetGo);
        let _ = tokio::time::timeout(Duration::from_millis(800), released).await;
        self.write_snapshot();
    }

    /// How long nothing needs to be done.
    fn wake(&self) -> Duration {
        let tick = self.engine.next_tick().map(|at| Duration::from_millis((at - self.clock.now()).0.max(1) as u64));
        let delta = (!self.stale.is_empty())
            .then(|| DELTA_EVERY.saturating_sub(self.delta_at.elapsed()).max(Duration::from_millis(1)));
        [tick, delta].into_iter().flatten().min().unwrap_or(Duration::from_secs(10))
    }

    /// The zone is up to date: from now on we may own it.
    fn caught_up(&mut self, orders: &std::sync::mpsc::Sender<lease::Order>) {
        if !self.ready.swap(true, Ordering::AcqRel) {
            tracing::info!(applied = self.engine.fleet().applied().0, "caught up with the log");
            let _ = orders.send(lease::Order::Acquire);
        }
    }

    // ---- inputs --------------------------------------------------------------------------------------------------

    /// One message of the fleet's stream. False: the promise of the log is broken, stop.
    async fn message(&mut self, message: Message) -> bool {
        let hash: [u8; 32] = *blake3::hash(&message.bytes).as_bytes();
        if let Some((at, expected)) = self.check.take() {
            if message.seq != at || hash != expected {
                tracing::error!(
                    entry = at,
                    "LOG_REGRESSED: the log is not the one the snapshot was made from; stopping. Restore the log, or remove the snapshots if it was replaced on purpose"
                );
                return false;
            }
            self.last_hash = hash;
            return true;
        }
        if message.seq <= self.engine.fleet().applied().0 || self.skipped.contains(&message.seq) {
            return true;
        }
        self.last_hash = hash;
        self.clock.saw(message.at);
        let decoded = match decode(&message.bytes) {
            Ok(decoded) => decoded,
            Err(error) => return self.reject(&message, &error).await,
        };
        let What::Event(event) = decoded.what else { return true };
        let id = if event.own_epoch().is_some() { 0 } else { decoded.id };
        let entry = LogEntry { seq: LogSeq(message.seq), logged_at: message.at, id, hash: decoded.hash, event };
        self.entry(&entry);
        true
    }

    /// Undecodable: to `REJECTED`, into the list of skipped entries, then on.
    async fn reject(&mut self, message: &Message, error: &fleetfold_wire::DecodeError) -> bool {
        tracing::warn!(seq = message.seq, %error, "entry rejected");
        let body = json!({ "seq": message.seq, "subject": message.subject, "reason": error.to_string(), "bytes": String::from_utf8_lossy(&message.bytes) });
        let subject = self.zone.subject(&Address::of_rejected(error.code()));
        let id = rejected_id(&self.zone, LogSeq(message.seq));
        let (log, zone, seq) = (self.log.clone(), self.zone.clone(), message.seq);
        let stored = self.shell.spawn(async move {
            let _ = log.append(Stream::Rejected, subject, id, Bytes::from(body.to_string()), None).await;
            log.skip(&zone, seq).await
        });
        if !matches!(stored.await, Ok(Ok(()))) {
            tracing::error!(seq, "the skipped entry could not be noted; stopping so that a restart tries again");
            return false;
        }
        self.skipped.push(seq);
        self.metrics.rejected(error.code());
        let refused = self.memory.refuse(LogSeq(seq), self.engine.now(), error.code(), &error.to_string());
        self.stale.refused.push(refused);
        true
    }

    fn entry(&mut self, entry: &LogEntry) {
        let mut effects = Vec::new();
        let change = self.engine.handle_watched(entry, &mut effects);
        self.tally.observe(entry, &change, self.engine.fleet());
        let now = self.engine.now();
        self.metrics.entry();
        self.events.push_back(clock::monotonic());
        for &(_, wait) in &change.answered {
            self.metrics.answered(wait);
        }
        if let (Event::PlanProposed(proposal), Some(plan)) = (&entry.event, &change.plan) {
            let decisions = self.memory.plan(proposal, &plan.accepted, now);
            self.stale.decisions.extend(decisions);
        }
        if let (Event::FeaturesLearned(features), None) = (&entry.event, &change.refused)
            && self.engine.commit().epoch().is_some()
        {
            self.publish_features(features);
        }
        if matches!(entry.event, Event::ZoneOpened(_) | Event::PolicyChanged(_)) {
            self.strict.store(self.engine.fleet().policy().strict, Ordering::Release);
        }
        self.story(&entry.event, now);
        self.stale.vehicles.extend(&change.vehicles);
        self.stale.orders.extend(&change.orders);
        self.stale.roads |= matches!(entry.event, Event::RoadClosed(_) | Event::RoadSlowed(_) | Event::RoadReopened(_));
        self.perform(effects, Some(entry));
    }

    fn position(&mut self, message: &Message) {
        let Ok(decoded) = decode(&message.bytes) else { return };
        let What::Position(vehicle, position, at) = decoded.what else { return };
        // A clock more than five seconds ahead or fifteen minutes behind is not believed.
        let now = self.engine.fleet().zone().zone_time(message.at);
        let skewed =
            at > now + Millis(5_000 * i64::from(self.engine.fleet().zone().rate)) || at < now - Millis(900_000);
        let at = if skewed { now } else { at };
        self.metrics.position();
        if let Some(id) = self.engine.fleet().vehicle_id(vehicle.as_str()) {
            self.stale.moved.insert(id);
        }
        self.feed(Input::Position(PositionReport { vehicle, position, at }));
    }

    fn feed(&mut self, input: Input) {
        if let Input::Commit(Outcome::Granted(epoch)) = &input {
            tracing::info!(epoch, "owner of the zone");
        }
        let mut effects = Vec::new();
        self.engine.handle(input, &mut effects);
        self.perform(effects, None);
    }
}

//! The live loop: entries from the log and ticks from the clock into the engine, its effects out to the log, the pool and
//! the screens.
//!
//! One thread runs the engine and never waits for a socket, a disk or a browser; tasks around it do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_engine::{Begin, Effect, Engine, Input, Note, Outcome, PositionReport, begin, run as run_search};
use fleetfold_fleet::{Fleet, LogEntry, Tally};
use fleetfold_model::{Assignment, Event, LogSeq, Millis, OrderId, Proposal, Space, Timestamp, VehicleId};
use fleetfold_roads::Network;
use fleetfold_wire::{What, decode, encode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::{self, LogClock};
use crate::hub::Hub;
use crate::lease;
use crate::log::{AppendError, Log, LogError, Message, Stream, ZoneName};
use crate::metrics::Metrics;
use crate::publisher;
use crate::snapshot;
use crate::view::{self, Memory, Stale};

/// Deltas reach browsers at most this often.
const DELTA_EVERY: Duration = Duration::from_millis(100);
/// Snapshots are written this often while there is news.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);
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
    let folder = setup.data.as_ref().map(|data| data.join(format!("{}.{}", setup.zone.tenant, setup.zone.zone)));
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
        let entry = LogEntry { seq: LogSeq(message.seq), logged_at: message.at, id: decoded.id, event };
        let entry = if matches!(entry.event, Event::PlanProposed(_)) { LogEntry { id: 0, ..entry } } else { entry };
        self.entry(&entry);
        true
    }

    /// Undecodable: to `REJECTED`, into the list of skipped entries, then on.
    async fn reject(&mut self, message: &Message, error: &fleetfold_wire::DecodeError) -> bool {
        tracing::warn!(seq = message.seq, %error, "entry rejected");
        let body = json!({ "seq": message.seq, "subject": message.subject, "reason": error.to_string(), "bytes": String::from_utf8_lossy(&message.bytes) });
        let subject = self.zone.subject(&format!("rejected.{}", error.code()));
        let id = format!("{}/{}", self.zone.zone, message.seq);
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
        self.story(&entry.event, now);
        self.stale.vehicles.extend(&change.vehicles);
        self.stale.orders.extend(&change.orders);
        self.stale.roads |= matches!(entry.event, Event::RoadClosed(_) | Event::RoadSlowed(_) | Event::RoadReopened(_));
        self.perform(effects, Some(entry));
    }

    fn story(&mut self, event: &Event, now: Timestamp) {
        match event {
            Event::OrderCreated(order) => self.memory.tell(&order.name, now, "ordered"),
            Event::OrderUpdated(change) => self.memory.tell(&change.order, now, "changed by the customer"),
            Event::OrderReady { order, .. } => self.memory.tell(order, now, "goods ready"),
            Event::OrderCancelled { order } => self.memory.tell(order, now, "cancelled"),
            Event::StopArrived(stop) => {
                self.memory.tell(&stop.order, stop.at, &format!("{} is there ({:?})", stop.vehicle, stop.stop));
            }
            Event::StopCompleted(stop) => {
                self.memory.tell(&stop.order, stop.at, &format!("{:?} done by {}", stop.stop, stop.vehicle));
            }
            Event::StopFailed(stop, reason) => {
                self.memory.tell(
                    &stop.order,
                    stop.at,
                    &format!("{:?} failed ({reason:?}), {}", stop.stop, stop.vehicle),
                );
            }
            Event::VehicleLost { vehicle, .. } => self.memory.tell(vehicle, now, "lost: broken down or out of contact"),
            Event::VehicleBack { vehicle, .. } => self.memory.tell(vehicle, now, "works again"),
            Event::ShiftStarted { vehicle, .. } => self.memory.tell(vehicle, now, "signed on"),
            Event::ShiftEnded { vehicle, .. } => self.memory.tell(vehicle, now, "signed off"),
            _ => {}
        }
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

    // ---- effects -------------------------------------------------------------------------------------------------

    fn perform(&mut self, effects: Vec<Effect>, entry: Option<&LogEntry>) {
        for effect in effects {
            match effect {
                Effect::Append { proposal, expected } => self.append(&proposal, expected),
                Effect::ReadLastPlan => self.read_last_plan(),
                Effect::Solve(job) => {
                    let (inputs, abandon) = (self.inputs.clone(), Arc::clone(&self.abandon));
                    let started = clock::monotonic();
                    let metrics = Arc::clone(&self.metrics);
                    self.pool.spawn(move || {
                        let mut report = run_search(job, &abandon);
                        report.record.took = Millis(started.elapsed().as_millis() as i64);
                        metrics.searched(report.record.rounds);
                        let _ = inputs.blocking_send(Input::Solved(report));
                    });
                }
                Effect::Publish(assignment) => {
                    let _ = self.publisher.send((assignment, self.engine.fleet().zone().space));
                }
                Effect::Note(note) => self.note(&note, entry),
            }
        }
    }

    fn append(&self, proposal: &Proposal, expected: LogSeq) {
        let id = format!("{}/{}/{}/{}", self.zone.tenant, self.zone.zone, proposal.epoch, proposal.rev);
        let space = self.engine.fleet().zone().space;
        let event = encode(&Event::PlanProposed(proposal.clone()), space, "fleetfold", &id, self.engine.now());
        let bytes = Bytes::from(serde_json::to_vec(&event).expect("wire types are plain JSON"));
        let (log, inputs, subject) = (self.log.clone(), self.inputs.clone(), self.zone.subject("plan"));
        self.shell.spawn(async move {
            let outcome = match log.append(Stream::Fleet, subject, id, bytes, Some(expected.0)).await {
                Ok(stored) if stored.duplicate => Outcome::Duplicate,
                Ok(stored) => Outcome::Stored(LogSeq(stored.seq)),
                Err(AppendError::WrongSequence) => Outcome::WrongSequence,
                Err(AppendError::Unknown(why)) => {
                    tracing::warn!(why, "plan append unconfirmed; reading back");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Outcome::Unknown
                }
                Err(AppendError::Refused(why)) => {
                    tracing::error!(why, "the log refuses the plan");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    Outcome::Unknown
                }
            };
            let _ = inputs.send(Input::Commit(outcome)).await;
        });
    }

    fn read_last_plan(&self) {
        let (log, inputs, subject) = (self.log.clone(), self.inputs.clone(), self.zone.subject("plan"));
        self.shell.spawn(async move {
            loop {
                match log.last(Stream::Fleet, &subject).await {
                    Ok(None) => {
                        let _ = inputs.send(Input::Commit(Outcome::LastPlan(None))).await;
                        return;
                    }
                    Ok(Some(message)) => {
                        if let Ok(decoded) = decode(&message.bytes)
                            && let What::Event(Event::PlanProposed(plan)) = decoded.what
                        {
                            let last = Some((plan.epoch, plan.rev, LogSeq(message.seq)));
                            let _ = inputs.send(Input::Commit(Outcome::LastPlan(last))).await;
                            return;
                        }
                        tracing::error!(seq = message.seq, "the last plan cannot be read");
                    }
                    Err(error) => tracing::warn!(%error, "the last plan cannot be read back yet"),
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                if inputs.is_closed() {
                    return;
                }
            }
        });
    }

    fn note(&mut self, note: &Note, entry: Option<&LogEntry>) {
        let now = self.engine.now();
        match note {
            Note::Refused { seq, reason } => {
                tracing::debug!(seq = seq.0, reason = reason.code(), "fact refused");
                self.metrics.rejected(reason.code());
                let detail = entry.map_or(String::new(), |entry| {
                    format!(
                        "{} {}: {}",
                        fleetfold_wire::event_type(&entry.event),
                        fleetfold_wire::entity(&entry.event),
                        view::refused_words(*reason)
                    )
                });
                let refused = self.memory.refuse(*seq, now, reason.code(), &detail);
                self.stale.refused.push(refused);
                // Only the owner writes it down; a repeat has the same id.
                if self.engine.commit().epoch().is_some() {
                    let body = json!({ "seq": seq.0, "reason": reason.code(), "detail": detail });
                    let subject = self.zone.subject(&format!("rejected.{}", reason.code()));
                    let id = format!("{}/{}", self.zone.zone, seq.0);
                    let log = self.log.clone();
                    self.shell.spawn(async move {
                        let _ = log.append(Stream::Rejected, subject, id, Bytes::from(body.to_string()), None).await;
                    });
                }
            }
            Note::Flagged { seq, flag } => {
                tracing::debug!(seq = seq.0, why = view::flag_words(*flag), "odd fact taken");
            }
            Note::GroupsRefused { rev, groups } => {
                tracing::debug!(rev, groups, "groups refused: their routes had moved on");
            }
            Note::Searched { rounds, proposed, stale, gain } => {
                tracing::debug!(rounds, proposed, stale, gain, "search ended");
                self.metrics.groups(*proposed as u64, *stale as u64);
            }
            Note::SteppedDown { epoch } => tracing::warn!(epoch, "no longer owner of the zone"),
        }
    }

    // ---- screens and snapshots -----------------------------------------------------------------------------------

    fn events_per_second(&mut self) -> f64 {
        const OVER: Duration = Duration::from_secs(10);
        while self.events.front().is_some_and(|at| at.elapsed() > OVER) {
            self.events.pop_front();
        }
        self.events.len() as f64 / OVER.as_secs_f64()
    }

    fn flush(&mut self) {
        self.metrics.gauges(
            self.engine.fleet(),
            self.engine.dirty_count(),
            self.inputs.max_capacity() - self.inputs.capacity(),
        );
        if self.stale.is_empty() || self.delta_at.elapsed() < DELTA_EVERY {
            return;
        }
        self.delta_at = clock::monotonic();
        let rate = self.events_per_second();
        let body = self.stale.take(&self.engine, &self.tally, rate);
        if self.hub.deltas.receiver_count() == 0 {
            // Nobody looks: number it all the same, so that who comes back knows that something is missing.
            self.delta += 1;
            self.hub.skip();
            return;
        }
        let prev = self.delta;
        self.delta += 1;
        let text =
            json!({ "type": "delta", "seq": self.delta, "prev": prev, "sent_at": clock::wall().0, "body": body })
                .to_string();
        self.hub.publish(self.delta, Arc::from(text));
    }

    fn answer(&mut self, question: Question) {
        let rate = self.events_per_second();
        match question {
            Question::State(reply) => {
                let picture = view::snapshot(&self.engine, &self.memory, &self.tally, rate);
                let _ = reply.send(picture.to_string());
            }
            Question::Picture(reply) => {
                let picture = view::snapshot(&self.engine, &self.memory, &self.tally, rate);
                let _ = reply.send((picture.to_string(), self.delta));
            }
            Question::Vehicle(name, reply) => {
                let found = self.engine.fleet().vehicle_id(&name).map(|id: VehicleId| {
                    let mut value = view::vehicle(&self.engine, id, true);
                    value["story"] = json!(self.memory.story(&self.engine.fleet().vehicle(id).name));
                    value.to_string()
                });
                let _ = reply.send(found);
            }
            Question::Order(name, reply) => {
                let found = self.engine.fleet().order_id(&name).map(|id: OrderId| {
                    let mut value = view::order(&self.engine, id);
                    value["story"] = json!(self.memory.story(&self.engine.fleet().order(id).name));
                    value.to_string()
                });
                let _ = reply.send(found);
            }
            Question::Decisions(after, reply) => {
                let list: Vec<&Value> =
                    self.memory.decisions.iter().filter(|d| d["n"].as_u64().unwrap_or(0) > after).collect();
                let _ = reply.send(json!({ "decisions": list, "refused": self.memory.refused }).to_string());
            }
            Question::Summary(reply) => {
                let fleet = self.engine.fleet();
                let _ = reply.send(Summary {
                    tally: self.tally.clone(),
                    digest: fleet.digest(),
                    facts_digest: fleet.facts_digest(),
                    applied: fleet.applied().0,
                    open: fleet.orders().iter().filter(|order| order.is_open()).count(),
                    unanswered: fleet.unanswered().len(),
                    now: self.engine.fleet().zone().zone_time(self.clock.now()),
                });
            }
        }
    }

    fn snapshot_if_due(&mut self) {
        if self.folder.is_some()
            && self.snapshot_at.elapsed() >= SNAPSHOT_EVERY
            && self.engine.fleet().applied().0 > self.snapshot_applied
            && self.check.is_none()
        {
            self.snapshot_at = clock::monotonic();
            self.snapshot_applied = self.engine.fleet().applied().0;
            let Some(folder) = self.folder.clone() else { return };
            let (header, fleet, tally) = (self.header(), self.engine.fleet().clone(), self.tally.clone());
            self.shell.spawn_blocking(move || {
                // The promises are checked on the copy, so that the engine need not wait for it.
                if let Err(broken) = fleet.check() {
                    tracing::error!(%broken, "a promise is broken; stopping so that a restart folds again");
                    std::process::abort();
                }
                if let Err(error) = snapshot::write(&folder, &header, &fleet, &tally) {
                    tracing::warn!(%error, "snapshot not written");
                }
            });
        }
    }

    fn header(&self) -> snapshot::Header {
        snapshot::Header::new(&self.zone, self.engine.fleet().applied().0, self.last_hash, self.skipped.clone())
    }

    fn write_snapshot(&self) {
        if let Some(folder) = &self.folder
            && self.engine.fleet().applied().0 > 0
            && self.check.is_none()
            && let Err(error) = snapshot::write(folder, &self.header(), self.engine.fleet(), &self.tally)
        {
            tracing::warn!(%error, "snapshot not written");
        }
    }
}

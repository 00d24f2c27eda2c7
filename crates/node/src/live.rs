//! The live loop: entries from the log and ticks from the clock into the engine, its effects out to the log, the pool and
//! the screens.
//!
//! One thread runs the engine and never waits for a socket, a disk or a browser; tasks around it do.

pub(crate) mod bases;
mod effects;
mod inputs;
mod intake;
mod screens;
mod start;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_engine::{Engine, Input};
use fleetfold_fleet::Tally;
use fleetfold_model::{Assignment, Event, MessageHash, Millis, Space, Timestamp};
use fleetfold_roads::Network;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::LogClock;
use crate::hub::Hub;
use crate::lease;
use crate::log::{Log, Message, Read, Reader, ZoneName};
use crate::metrics::Metrics;
use crate::trouble::Trouble;
use crate::view::{Memory, Stale};
use crate::warnings::Warnings;
use intake::Taken;
pub(crate) use start::{log_gap, search_pool, start};

/// Deltas reach browsers at most this often.
const DELTA_EVERY: Duration = Duration::from_millis(100);
/// Cores that searches leave to the fold: the pool of searches has that many threads fewer than there are cores, at least one.
const CORES_KEPT: usize = 1;

/// What an engine needs.
pub(crate) struct Setup {
    /// The log.
    pub log: Log,
    /// The zone that it dispatches.
    pub zone: ZoneName,
    /// The roads.
    pub network: Arc<Network>,
    /// Where snapshots go; `None`: nowhere.
    pub data: Option<PathBuf>,
    /// Threads for searching, shared by all zones of the program: see [`search_pool`].
    pub pool: Arc<rayon::ThreadPool>,
    /// What the lease says who owns the zone; `None`: a name made of the process and its start.
    pub owner: Option<String>,
    /// Own the zone as soon as nobody else does. If false it is folded only, until [`Live::own`].
    pub own: bool,
    /// How often a base is stored (log time).
    pub base_every: Millis,
    /// Begin although needed entries have expired.
    pub accept_gap: bool,
}

/// A question to the engine's thread.
pub(crate) enum Question {
    State(oneshot::Sender<String>),
    Vehicle(String, oneshot::Sender<Option<String>>),
    Order(String, oneshot::Sender<Option<String>>),
    Decisions(u64, oneshot::Sender<String>),
    /// What was learned.
    Features(oneshot::Sender<String>),
    /// A frame with the full picture, and the number of the last delta in it.
    Picture(oneshot::Sender<(String, u64)>),
    Summary(oneshot::Sender<Summary>),
}

/// Where the engine stands.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// Key figures of everything that was folded.
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

/// Whether the engine can answer: told by its thread, asked by `/readyz`.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    caught_up: AtomicBool,
    /// The epoch in which we own the zone; 0: we do not.
    epoch: AtomicU64,
    regressed: std::sync::OnceLock<String>,
    /// Why a rejected message cannot be noted: nothing behind it is folded.
    unnoted: Trouble,
}

impl Readiness {
    fn get(&self) -> Result<(), String> {
        if let Some(what) = self.regressed.get() {
            return Err(format!(
                "LOG_REGRESSED: {what}; nothing is published. Restore the log, or remove the snapshots and restart if it was \
                 replaced on purpose"
            ));
        }
        self.unnoted.get()?;
        if self.caught_up.load(Ordering::Acquire) { Ok(()) } else { Err("the log is still being folded".to_owned()) }
    }
}

/// A running engine.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) questions: mpsc::Sender<Question>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) streets: Arc<str>,
    pub(crate) zone: ZoneName,
    pub(crate) log: Log,
    /// Warnings about events that were taken, from HTTP and from the log.
    pub(crate) warnings: Warnings,
    /// The zone's policy wants events with unknown fields refused.
    pub(crate) strict: Arc<AtomicBool>,
    stop: Arc<watch::Sender<bool>>,
    own: Arc<watch::Sender<bool>>,
    done: watch::Receiver<bool>,
}

impl Live {
    /// Own the zone as soon as nobody else does (true), or release it and fold it only (false).
    pub(crate) fn own(&self, own: bool) {
        self.own.send_if_modified(|wanted| std::mem::replace(wanted, own) != own);
    }

    /// The epoch in which this engine owns the zone, if it does.
    pub(crate) fn epoch(&self) -> Option<u64> {
        Some(self.readiness.epoch.load(Ordering::Acquire)).filter(|&epoch| epoch > 0)
    }

    /// Whether the log that stood at the start has been folded.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.readiness.caught_up.load(Ordering::Acquire)
    }

    /// Whether the engine's thread has ended.
    pub(crate) fn has_ended(&self) -> bool {
        *self.done.borrow()
    }

    /// Where the engine stands.
    pub(crate) async fn summary(&self) -> Option<Summary> {
        let (reply, answer) = oneshot::channel();
        self.questions.send(Question::Summary(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Whether events are answered now; `Err`: why not.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        // A broker that is away is the reason for all else that fails.
        let log = if self.readiness.regressed.get().is_none() { self.log.health() } else { Ok(()) };
        log.and_then(|()| self.readiness.get())
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

struct Worker {
    engine: Engine,
    tally: Tally,
    memory: Memory,
    stale: Stale,
    clock: LogClock,
    log: Log,
    zone: ZoneName,
    folder: Option<PathBuf>,
    /// The last plan that was sent, with the subject, the id and the bytes of its message.
    appended: Option<(Arc<Event>, (String, String, Bytes))>,
    /// The message of the entry that is being folded: a fact that is refused is told with its bytes.
    folding: Option<Message>,
    /// Hash of the last entry that was folded or passed over.
    last_hash: MessageHash,
    /// The log has shown that it is the one of the snapshot.
    verified: bool,
    snapshot_at: std::time::Instant,
    snapshot_applied: u64,
    /// How often a base is stored (log time).
    base_every: Millis,
    base_tried: Option<std::time::Instant>,
    /// A base is being stored.
    writes_base: Arc<AtomicBool>,
    pool: Arc<rayon::ThreadPool>,
    abandon: Arc<AtomicBool>,
    inputs: mpsc::Sender<Input>,
    publisher: mpsc::UnboundedSender<(Assignment, Space)>,
    runtime: tokio::runtime::Handle,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    /// The zone's policy rejects events with unknown fields.
    strict: Arc<AtomicBool>,
    /// Highest epoch in the zone's chain of plans.
    chain_epoch: Arc<AtomicU64>,
    /// What the lease says who owns the zone.
    owner: String,
    /// Whether the zone shall be owned.
    own: watch::Receiver<bool>,
    caught_up_at: u64,
    delta: u64,
    delta_at: std::time::Instant,
    events: std::collections::VecDeque<std::time::Instant>,
}

impl Worker {
    async fn run(
        mut self,
        mut entries: mpsc::Receiver<Taken>,
        mut positions: Reader,
        mut inbox: mpsc::Receiver<Input>,
        mut asked: mpsc::Receiver<Question>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let owner = self.owner.clone();
        let mut own = self.own.clone();
        let (log, zone, inputs) = (self.log.clone(), self.zone.clone(), self.inputs.clone());
        let lease = lease::hold(log, zone, owner, inputs, Arc::clone(&self.chain_epoch), self.runtime.clone());
        let lease::Thread { orders: let_go, released } = lease;
        if self.caught_up_at <= self.engine.fleet().applied().0 {
            self.caught_up(&let_go);
        }
        let (mut entries_open, mut positions_open) = (true, true);
        loop {
            let wake = self.wake();
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                Ok(()) = own.changed() => self.order_lease(&let_go),
                input = inbox.recv() => {
                    let Some(input) = input else { break };
                    self.feed(input);
                }
                taken = entries.recv(), if entries_open => {
                    match taken {
                        Some(Taken::Regressed(what)) => {
                            self.regressed(what, &let_go);
                            entries_open = false;
                            continue;
                        }
                        Some(taken) => self.take(taken),
                        None => break,
                    }
                    if self.engine.fleet().applied().0 >= self.caught_up_at {
                        self.caught_up(&let_go);
                    }
                }
                question = asked.recv() => {
                    let Some(question) = question else { break };
                    self.answer(question);
                }
                read = positions.next(), if positions_open => {
                    match read {
                        Some(Read::Message(message)) => self.position(&message),
                        Some(Read::Regressed(_)) | None => positions_open = false,
                    }
                }
                () = tokio::time::sleep(wake) => {
                    let now = self.clock.now();
                    self.feed(Input::Tick(now));
                }
            }
            self.flush();
            self.snapshot_if_due();
            self.base_if_due();
        }
        self.abandon.store(true, Ordering::Relaxed);
        let _ = let_go.send(lease::Order::LetGo);
        let _ = tokio::time::timeout(Duration::from_millis(800), released).await;
        self.write_snapshot();
    }

    /// How long the loop may sleep: until the next tick of the engine or the next delta, at most ten seconds.
    fn wake(&self) -> Duration {
        let tick = self.engine.next_tick().map(|at| Duration::from_millis((at - self.clock.now()).0.max(1) as u64));
        let delta = (!self.stale.is_empty())
            .then(|| DELTA_EVERY.saturating_sub(self.delta_at.elapsed()).max(Duration::from_millis(1)));
        [tick, delta].into_iter().flatten().min().unwrap_or(Duration::from_secs(10))
    }

    /// The zone is up to date: from now on we may own it.
    fn caught_up(&mut self, orders: &std::sync::mpsc::Sender<lease::Order>) {
        if !self.readiness.caught_up.swap(true, Ordering::AcqRel) {
            tracing::info!(zone = %self.zone, applied = self.engine.fleet().applied().0, "caught up with the log");
            self.order_lease(orders);
        }
    }

    /// Tells the lease's thread whether the zone shall be owned. Before we have caught up it never is.
    fn order_lease(&self, orders: &std::sync::mpsc::Sender<lease::Order>) {
        if self.readiness.caught_up.load(Ordering::Acquire) && self.readiness.regressed.get().is_none() {
            let own = *self.own.borrow();
            let _ = orders.send(if own { lease::Order::Acquire } else { lease::Order::StandBy });
        }
    }

    /// The log went back or was replaced: alarm, let the zone go, publish nothing any more. The screens stay.
    fn regressed(&mut self, what: String, orders: &std::sync::mpsc::Sender<lease::Order>) {
        tracing::error!(what, "LOG_REGRESSED: nothing is published any more; restore the log and restart");
        let _ = self.readiness.regressed.set(what);
        let _ = orders.send(lease::Order::LetGo);
        self.feed(Input::Commit(fleetfold_journal::Outcome::Lost));
    }
}

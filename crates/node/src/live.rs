//! The live loop: entries from the log and ticks from the clock into the engine, its effects out to the log, the pool and
//! the screens.
//!
//! One thread runs the engine. It waits for no socket, disk or browser, and makes no document: tasks and threads around it do.

pub(crate) mod admission;
pub(crate) mod bases;
mod contents;
mod earlier;
mod effects;
pub(crate) mod handover;
mod in_hand;
mod inputs;
mod intake;
mod keeper;
mod mark;
#[cfg(debug_assertions)]
mod planted;
mod quarantine;
mod screens;
pub(crate) mod skip_list;
mod start;
mod telling;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_engine::{Engine, Input, PositionReport};
use fleetfold_fleet::{Tally, Zone};
use fleetfold_journal::PolicyAt;
use fleetfold_model::{Event, MessageHash, Millis, Name, Space, Timestamp};
use fleetfold_roads::Network;
use fleetfold_wire::Labels;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::{self, LogClock};
use crate::document::Document;
use crate::hub::Hub;
use crate::known_names::KnownNames;
use crate::last_values::LastValues;
use crate::lease;
use crate::log::{Log, Message, Read, Reader, ZoneName};
use crate::metrics::Metrics;
use crate::personal::Words;
use crate::publisher::Publisher;
use crate::references::References;
use crate::screens::Question;
use crate::sources::Sources;
use crate::trace::Traces;
use crate::trouble::Trouble;
use crate::verify::{Evidence, Verify};
use crate::warnings::{self, Warnings};
use admission::Admission;
use handover::{Ask, Copied, Giver, Signals};
use in_hand::InHand;
use intake::Taken;
use skip_list::Passed;
pub(crate) use start::{beginning, log_gap, search_pool, start, unseen};

/// The level of overload at which new orders are refused where that is possible.
pub(crate) const OVERLOAD_MAX: u8 = 4;
/// At that level, each vehicle's newest position is passed on this often.
const POSITIONS_EVERY: Duration = Duration::from_secs(1);
/// The engine's clock is looked at this often at least, however many entries come.
const TICK_EVERY: Duration = Duration::from_millis(50);
/// A copy to compute with of this age is good enough where nothing has been folded since: positions may be as old.
const POSITIONS_AGE: Duration = Duration::from_millis(100);
/// Where plans do not fit to the fold, the log is asked this often whether entries were removed.
const ASKED_AGAIN: Duration = Duration::from_secs(5);
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
    /// Why this log cannot be gone on with, and what mends it.
    regressed: std::sync::OnceLock<String>,
    /// Why a rejected message cannot be noted: nothing behind it is folded.
    unnoted: Trouble,
    /// Nobody owns the zone, or its owner is silent.
    vacant: AtomicBool,
    /// Why nobody is known to own the zone: no fact is answered.
    pub(crate) unowned: Trouble,
    /// Why no plan comes into the log: nothing is decided.
    pub(crate) undecided: Trouble,
    /// Why drivers cannot be told their routes.
    pub(crate) untold: Trouble,
    /// Why a stream that was deleted cannot be made again.
    unmade: Trouble,
    /// Why its roads are not those of the zone.
    foreign: Trouble,
}

impl Readiness {
    /// Whether nobody owns the zone.
    pub(crate) fn set_vacant(&self, vacant: bool) {
        self.vacant.store(vacant, Ordering::Release);
    }

    fn get(&self) -> Result<(), String> {
        if let Some(what) = self.regressed.get() {
            return Err(what.clone());
        }
        self.unnoted.get()?;
        self.unowned.get()?;
        self.undecided.get()?;
        self.untold.get()?;
        self.unmade.get()?;
        self.foreign.get()?;
        if !self.caught_up.load(Ordering::Acquire) {
            return Err("the log is still being folded".to_owned());
        }
        if self.vacant.load(Ordering::Acquire) {
            return Err(
                "nobody owns the zone: its facts are kept, and answered when an engine has taken it over".to_owned()
            );
        }
        Ok(())
    }
}

/// A running engine.
#[derive(Clone)]
pub(crate) struct Live {
    /// To the thread of the screens.
    pub(crate) questions: mpsc::Sender<Question>,
    /// To the engine's thread.
    asks: mpsc::Sender<Ask>,
    /// The last copy that it has given to compute with.
    copied: Arc<Mutex<Option<Arc<Copied>>>>,
    signals: Arc<Signals>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
    /// The roads at normal speeds, all open.
    pub(crate) network: Arc<Network>,
    /// The network for the map.
    pub(crate) streets: Arc<Document>,
    pub(crate) zone: ZoneName,
    pub(crate) log: Log,
    /// Warnings about events that were taken, from HTTP and from the log.
    pub(crate) warnings: Warnings,
    /// Who has sent what, how late, how often.
    pub(crate) sources: Sources,
    /// Which orders and vehicles there are.
    pub(crate) names: KnownNames,
    /// Words about persons, and the keys to them.
    pub(crate) words: Words,
    /// The zone's policy wants events with unknown fields refused.
    pub(crate) strict: Arc<AtomicBool>,
    /// The zone's clock and coordinates, as the fold has them.
    pub(crate) opened: watch::Receiver<Zone>,
    /// The last fact that came over HTTP and is in the log.
    pub(crate) posted: Arc<AtomicU64>,
    /// Level of overload, and whether new orders are taken.
    pub(crate) admission: Arc<Admission>,
    /// As whom it takes the zone's lease.
    pub(crate) owner: String,
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

    /// Whether it could own the zone: the log that stood at the start has been folded, and is one to go on with.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.readiness.caught_up.load(Ordering::Acquire) && self.readiness.regressed.get().is_none()
    }

    /// Log time of the last entry that was folded.
    pub(crate) fn entry_at(&self) -> Option<Timestamp> {
        self.signals.entry_at()
    }

    /// Whether the engine's thread has ended, also by a panic.
    pub(crate) fn has_ended(&self) -> bool {
        *self.done.borrow() || self.done.has_changed().is_err()
    }

    /// Where the engine stands, with all key figures. Its thread copies them: not for who asks often.
    pub(crate) async fn summary(&self) -> Option<Summary> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask::Summary(reply)).await.ok()?;
        answer.await.ok()
    }

    /// What the engine holds, to compute with. Not older than what was folded when it is asked for; positions may be as old as
    /// [`POSITIONS_AGE`]. All who ask while nothing is folded share one copy.
    pub(crate) async fn copy(&self) -> Option<Arc<Copied>> {
        let known = || self.copied.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |copy: &&Arc<Copied>| {
            copy.fleet.applied().0 >= self.signals.applied() && copy.taken.elapsed() < POSITIONS_AGE
        };
        if let Some(copy) = known().as_ref().filter(is_new) {
            return Some(Arc::clone(copy));
        }
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask::Copy(reply)).await.ok()?;
        let copy = Arc::new(answer.await.ok()?);
        *known() = Some(Arc::clone(&copy));
        Some(copy)
    }

    /// Nobody computes: the copy is let go, so that the engine need not copy the tables that it writes to.
    pub(crate) fn forget_copy(&self) {
        *self.copied.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The last entry of the log that was folded or passed over.
    pub(crate) fn applied(&self) -> u64 {
        self.signals.applied()
    }

    /// Whether events are answered now; `Err`: why not.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        // A broker that is away is the reason for all else that fails.
        let log = if self.readiness.regressed.get().is_none() { self.log.health(Some(&self.zone)) } else { Ok(()) };
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
    /// The roads at normal speeds, as they were given.
    network: Arc<Network>,
    tally: Tally,
    giver: Giver,
    clock: LogClock,
    log: Log,
    zone: ZoneName,
    folder: Option<PathBuf>,
    /// The last plan that was sent, with the subject and the bytes of its message.
    appended: Option<(Arc<Event>, (String, Bytes))>,
    /// The message of the entry that is being folded: a fact that is refused is told with its bytes.
    folding: Option<Message>,
    /// Its id names another fact, too: a refusal as a repeat says so.
    reused: bool,
    /// What it calls an order and its stops.
    labels: Option<Box<Labels>>,
    /// The last entry that forgot somebody: snapshots and bases of before go as soon as there is one of behind.
    forgot: Arc<AtomicU64>,
    /// The same, for bases; 0: none is left of before.
    forgets_in_bases: Arc<AtomicU64>,
    /// Hash of the last entry that was folded or passed over; `None`: it began with a base or with nothing, and none has come since.
    last_hash: Option<MessageHash>,
    /// Events of traces, for what comes of them.
    traces: Traces,
    /// The log has shown that it is the one of the snapshot.
    verified: bool,
    snapshot_at: std::time::Instant,
    /// How long the last one took to check and to write, milliseconds.
    snapshot_took: Arc<AtomicU64>,
    snapshot_applied: u64,
    /// How often a base is stored (log time).
    base_every: Millis,
    base_tried: Option<std::time::Instant>,
    /// The store of bases was deleted and is empty now: a base is due at once.
    bases_lost: Arc<AtomicBool>,
    /// A base is being stored.
    writes_base: Arc<AtomicBool>,
    pool: Arc<rayon::ThreadPool>,
    abandon: Arc<AtomicBool>,
    inputs: mpsc::Sender<Input>,
    publisher: Publisher,
    /// What orders are called elsewhere.
    references: References,
    /// Where alerts and times of arrival are told.
    values: LastValues,
    runtime: tokio::runtime::Handle,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    /// The zone's policy rejects events with unknown fields, as HTTP sees it.
    strict: Arc<AtomicBool>,
    /// The zone's clock and coordinates, as HTTP sees them.
    zone_now: watch::Sender<Zone>,
    /// The policy on unknown fields for the intake, with the entry that it holds from.
    policy: watch::Sender<PolicyAt>,
    /// There was no snapshot to begin with: others have read most of the log before.
    folds_anew: bool,
    /// Where odd events are listed.
    warnings: Warnings,
    /// Which orders and vehicles there are, as HTTP sees it.
    names: KnownNames,
    /// How many more unknown names are compared with known ones.
    hints: warnings::Hints,
    /// Who has sent what.
    sources: Sources,
    /// Facts that the fold refused, to be told.
    refused: mpsc::Sender<telling::Untaken>,
    /// The same, while we do not own the zone.
    kept_refused: telling::Kept,
    admission: Arc<Admission>,
    /// Each vehicle's newest position that has not been passed on, and when the last ones were.
    held_positions: BTreeMap<Name, PositionReport>,
    positions_at: std::time::Instant,
    ticked_at: std::time::Instant,
    /// Highest epoch in the zone's chain of plans.
    chain_epoch: Arc<AtomicU64>,
    /// The last entry read that has changed the fleet (0: none has), and the digest after it.
    changed: (u64, u64),
    /// The same entry, while we own the zone (else 0), for whoever is away meanwhile.
    mark: watch::Sender<u64>,
    /// What the lease says who owns the zone.
    owner: String,
    /// Whether the zone shall be owned.
    own: watch::Receiver<bool>,
    caught_up_at: u64,
    /// Compares our fold with what the engine had that made the plans which are read.
    verify: Verify,
    /// What the log said of entries that were removed, when it was last asked.
    evidence: Arc<Mutex<Evidence>>,
    /// What did not fit together when the log was last asked, and when.
    doubted: Option<(String, std::time::Instant)>,
    /// Go on although entries are missing.
    accept_gap: bool,
    /// What was folded and is not in the log any more.
    gone: Option<String>,
    /// Which entry is being folded and answered, for the start after an end that nobody wanted.
    in_hand: Arc<InHand>,
    /// What was passed over.
    passed: Arc<Passed>,
    /// How often the last plan was read back since the last one was sent.
    read_back: u32,
}

impl Worker {
    async fn run(
        mut self,
        mut entries: mpsc::Receiver<Taken>,
        mut positions: Reader,
        mut inbox: mpsc::Receiver<Input>,
        mut asked: mpsc::Receiver<Ask>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let owner = self.owner.clone();
        let mut own = self.own.clone();
        let (log, zone, inputs) = (self.log.clone(), self.zone.clone(), self.inputs.clone());
        let readiness = Arc::clone(&self.readiness);
        let chain_epoch = Arc::clone(&self.chain_epoch);
        let of_zone = (chain_epoch, readiness, Arc::clone(&self.passed));
        let lease = lease::hold(log, zone, owner, inputs, of_zone, self.runtime.clone());
        let lease::Thread { orders: let_go, released } = lease;
        self.look_at_coordinates();
        if self.caught_up_at <= self.engine.fleet().applied().0 {
            self.caught_up(&let_go);
        }
        self.acquit();
        let (mut entries_open, mut positions_open) = (true, true);
        let signals = Arc::clone(self.giver.signals());
        loop {
            let wake = self.wake();
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stop| *stop) => break,
                Ok(()) = own.changed() => self.order_lease(&let_go),
                input = inbox.recv() => {
                    let Some(input) = input else { break };
                    // The engine counts how long answers have waited for legs, and knows no time but what it is told.
                    if matches!(input, Input::Legs(_)) {
                        self.tick();
                    }
                    self.feed(input);
                }
                taken = entries.recv(), if entries_open => {
                    match taken {
                        Some(Taken::Regressed(what)) => {
                            self.regressed(log_regressed(&what), &let_go);
                            entries_open = false;
                            continue;
                        }
                        Some(Taken::Gap(what)) => {
                            // What lacks entries must not be where the next engine begins.
                            self.folder = None;
                            self.regressed(log_gap_unread(&what), &let_go);
                            entries_open = false;
                            continue;
                        }
                        Some(taken) => self.take(taken),
                        None => break,
                    }
                    if self.engine.fleet().applied().0 >= self.caught_up_at {
                        self.look_for_gaps();
                        if self.gone.is_none() {
                            self.caught_up(&let_go);
                        }
                    } else {
                        self.giver.room().await;
                    }
                }
                () = signals.wanted() => {} // a copy is handed over below
                ask = asked.recv() => match ask {
                    Some(Ask::Summary(reply)) => {
                        let _ = reply.send(self.summary());
                    }
                    Some(Ask::Copy(reply)) => {
                        let _ = reply.send(Copied::of(&self.engine, self.clock.now()));
                    }
                    None => break,
                },
                read = positions.next(), if positions_open => {
                    match read {
                        Some(Read::Message(message)) => self.position(&message),
                        Some(Read::Regressed(_) | Read::Gap(_) | Read::Unsure(_)) | None => positions_open = false,
                    }
                }
                () = tokio::time::sleep(wake) => self.tick(),
            }
            if let Some(what) = self.gone.take() {
                self.regressed(what, &let_go);
                entries_open = false;
            }
            // While entries keep coming the sleep is never over.
            if self.ticked_at.elapsed() >= TICK_EVERY
                && self.engine.next_tick().is_some_and(|at| at <= self.clock.now())
            {
                self.tick();
            }
            self.show();
            self.mark_folded();
            if self.readiness.caught_up.load(Ordering::Acquire) {
                self.look_at_earlier_warnings();
            }
            self.snapshot_if_due();
            self.base_if_due();
        }
        self.abandon.store(true, Ordering::Relaxed);
        let _ = let_go.send(lease::Order::LetGo);
        let _ = tokio::time::timeout(Duration::from_millis(800), released).await;
        self.write_snapshot();
    }

    /// Says how far the log is folded, if we own the zone. An entry that changes nothing (that a base was stored, say) is missed by nobody.
    fn mark_folded(&mut self) {
        let fleet = self.engine.fleet();
        if fleet.digest() != self.changed.1 {
            self.changed = (fleet.applied().0, fleet.digest());
        }
        let said = if self.engine.commit().epoch().is_some() { self.changed.0 } else { 0 };
        self.mark.send_if_modified(|marked| std::mem::replace(marked, said) != said);
    }

    fn tick(&mut self) {
        self.ticked_at = clock::monotonic();
        let now = self.clock.now();
        self.feed(Input::Tick(now));
        if !self.held_positions.is_empty() && self.positions_at.elapsed() >= POSITIONS_EVERY {
            self.pass_on_positions();
        }
    }

    /// How long the loop may sleep: until the next tick of the engine, at most ten seconds.
    fn wake(&self) -> Duration {
        let tick = self.engine.next_tick().map(|at| Duration::from_millis((at - self.clock.now()).0.max(1) as u64));
        let positions =
            (!self.held_positions.is_empty()).then(|| POSITIONS_EVERY.saturating_sub(self.positions_at.elapsed()));
        [tick, positions].into_iter().flatten().min().unwrap_or(Duration::from_secs(10))
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

    /// The zone's places are known to be read in this way: are the roads?
    fn look_at_coordinates(&self) {
        let space = self.engine.fleet().zone().space;
        if !self.network.is_foreign_to(space) {
            self.readiness.foreign.over();
            return;
        }
        let [zone, roads] = [space, self.network.space()].map(|space| match space {
            Space::Geographic => "longitude and latitude",
            Space::Planar => "metres on a plane",
        });
        let what = format!(
            "the zone's places are {zone} and those of its road network {roads}: straight lines at 30 km/h serve instead; start it with \
             a network of the zone's coordinates (--network)"
        );
        tracing::error!("{what}");
        self.readiness.foreign.met(what);
    }

    /// Whoever does not own the zone compares what it folds with what the owner had. Where entries were removed, the two differ: such a
    /// fold must not become the owner's.
    fn look_for_gaps(&mut self) {
        if self.accept_gap || self.engine.commit().epoch().is_some() {
            return;
        }
        let evidence = *self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(what) = self.verify.lacks(evidence) {
            // What lacks entries must not be where the next engine begins.
            self.folder = None;
            self.gone = Some(format!(
                "LOG_GAP: the log lacks entries that an engine has folded: {what}; nothing is published. Restore the log from its \
                 backup, or a newer snapshot or base; or begin without them (--accept-gap)"
            ));
            return;
        }
        let Some(doubt) = self.verify.doubt() else { return };
        if self.doubted.as_ref().is_some_and(|(_, at)| at.elapsed() < ASKED_AGAIN) {
            return;
        }
        if self.doubted.as_ref().is_none_or(|(before, _)| *before != doubt) {
            tracing::error!(
                "{doubt}. As far as the log says it lacks no entry of the zone: either somebody without right has written plans, or the \
                 engine that made them folds otherwise than this one. It goes on with what the log says"
            );
        }
        self.doubted = Some((doubt, clock::monotonic()));
        let (log, zone, evidence) = (self.log.clone(), self.zone.clone(), Arc::clone(&self.evidence));
        self.runtime.spawn(async move {
            if let Ok((_, now)) = log.evidence(&zone, 0).await {
                *evidence.lock().unwrap_or_else(PoisonError::into_inner) = now;
            }
        });
    }

    /// The log went back, was replaced or has a hole: alarm, let the zone go, publish nothing any more. The screens stay.
    fn regressed(&mut self, what: String, orders: &std::sync::mpsc::Sender<lease::Order>) {
        tracing::error!("{what}");
        let _ = self.readiness.regressed.set(what);
        let _ = orders.send(lease::Order::LetGo);
        self.feed(Input::Commit(fleetfold_journal::Outcome::Lost));
    }
}

/// Says that the engine was too late for entries of the log, and what mends it.
fn log_gap_unread(what: &str) -> String {
    format!(
        "LOG_GAP: {what}: it slept, or was slower than the log forgets; nothing is published. Restart this engine: it begins with \
         its snapshot or the newest base if these have come far enough, and says so if not. Make the broker keep facts for longer"
    )
}

/// Says that a log which is being read went back or was replaced, and what mends it.
fn log_regressed(what: &str) -> String {
    format!(
        "LOG_REGRESSED: {what}; nothing is published. Restore the log, or remove the snapshots and restart if it was replaced on \
         purpose"
    )
}

//! Deterministic simulation of what goes wrong around the engine: two owners, producers with an outbox, and drivers, over
//! [`SimLog`] in virtual time, while requests and replies are lost, doubled and late, the log answers 503, owners sleep,
//! die between any two effects and come back from torn snapshots.
//!
//! Everything follows from one seed. After the day the faults end, the system comes to rest, and then everything must be
//! true that docs/ARCHITECTURE.md promises: one gap-free chain of plans, each fact folded once, every asking fact answered, all
//! folds equal, no assignment ever gone back.

mod begin;
mod deadly;
mod operator;
mod owners;
mod planted;
mod requests;
mod strays;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleetfold_engine::virtual_time::{Happening, World};
use fleetfold_engine::{Effect, Engine, Input, SolveReport};
use fleetfold_fleet::Fleet;
use fleetfold_journal::{Address, Completeness, FanOut, LastPlan, OwnMessage, ZoneName};
use fleetfold_model::{Assignment, Event, LogEntry, LogSeq, Millis, Name, Timestamp};
use fleetfold_roads::Network;
use fleetfold_wire::{What, decode};

use crate::scenario::{Scenario, Script, script};
use crate::seeded::Seeded;
use crate::sim_log::{SimLease, SimLog, SimMessage};
use crate::world::{Driving, Pretend};

pub use planted::Bug;
#[cfg(feature = "planted")]
pub use planted::survive_with;

/// Zone seconds per log second. Low enough that a day lasts for many leases (3 s of log time each) and many faults.
const RATE: u32 = 30;
/// A request that was not answered within this time has failed.
const TIMEOUT: Millis = Millis(2_000);
/// How long a node trusts its lease without a renewal, as in `node`.
const TRUSTED: Millis = Millis(2_500);
/// After the day the faults end. Everything must have come to rest within this time.
const CALM: Millis = Millis(30_000);
/// A run that takes longer than this does not end.
const LONGEST: Millis = Millis(1_200_000);

/// What goes wrong, as probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// A request is lost.
    pub request_lost: f64,
    /// The log did what was asked, but its reply is lost.
    pub reply_lost: f64,
    /// A request arrives twice.
    pub request_doubled: f64,
    /// A request or reply takes up to three seconds.
    pub slow: f64,
    /// The log answers that it has no leader.
    pub unavailable: f64,
    /// An owner dies before an effect.
    pub crash: f64,
    /// An owner sleeps up to ten seconds before an effect and goes on as if nothing had been.
    pub sleep: f64,
    /// A snapshot is torn by the crash of its writer.
    pub torn: f64,
    /// The log is of one replica: it judges the fence before the id.
    pub single: bool,
    /// With a fact, somebody writes a message that should not be there: see `strays.rs`.
    pub stray: f64,
    /// The log forgets entries of this age; 0: it keeps them for ever. Owners store bases, and whoever begins later begins with one.
    pub expiry: Millis,
    /// An owner that dies loses its data folder.
    pub folder_lost: f64,
    /// Other zones write to the same stream, this often in a log second. When the day is over the zone is quiet for longer than the log
    /// keeps entries, while they write on and nodes die; then one more order comes.
    pub neighbours: f64,
    /// Within a log second the broker comes back with an older copy of the stream of facts: it ends up to 40 entries earlier, and other
    /// entries get their numbers. At most twice in a run.
    pub rollback: f64,
    /// So many orders come in one instant, and both nodes may die over them. Half of them nobody can serve; of the others customers think
    /// better within minutes.
    pub surge: u32,
    /// So many orders of the day end every engine that folds them, or every engine that answers them: see `deadly.rs`.
    pub deadly: u32,
}

impl Faults {
    /// A mix for a seed: each kind is on in half of all runs, so that faults meet in every combination.
    pub fn mixed(seed: u64) -> Self {
        let mut random = Seeded::new(seed, "faults");
        let mut some = |most: f64| if random.chance(0.5) { most * random.unit() } else { 0.0 };
        let mut faults = Self {
            request_lost: some(0.2),
            reply_lost: some(0.2),
            request_doubled: some(0.2),
            slow: some(0.2),
            unavailable: some(0.2),
            crash: some(0.02),
            sleep: some(0.02),
            torn: some(0.5),
            single: false,
            ..Self::default()
        };
        faults.single = random.chance(0.5);
        faults.stray = if random.chance(0.5) { 0.3 * random.unit() } else { 0.0 };
        if random.chance(0.5) {
            faults.expiry = Millis(random.between(80_000, 140_000));
            faults.folder_lost = 0.3 * random.unit();
        }
        faults.neighbours = if random.chance(0.5) { 4.0 * random.unit() } else { 0.0 };
        let mut random = Seeded::new(seed, "deadly");
        faults.deadly = if random.chance(0.25) { random.between(1, 3) as u32 } else { 0 };
        faults
    }

    /// The same with surges and logs that go back. Some seeds break a promise still: docs/RELIABILITY.md says which.
    pub fn harsh(seed: u64) -> Self {
        let mut random = Seeded::new(seed, "harsh");
        let mut faults = Self::mixed(seed);
        faults.surge = if random.chance(0.3) { random.between(20, 60) as u32 } else { 0 };
        faults.rollback = if random.chance(0.4) { 0.02 * random.unit() } else { 0.0 };
        // Routes of a log that is lost look as if somebody had got past an entry of the one after it.
        faults.deadly = if faults.rollback > 0.0 { 0 } else { faults.deadly };
        faults
    }
}

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed that repeats it.
    pub seed: u64,
    /// Log time since the beginning.
    pub at: Millis,
    /// What is wrong.
    pub what: String,
}

/// What a run went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survived {
    /// Facts in the log.
    pub facts: u64,
    /// Plans in the log.
    pub plans: u64,
    /// Owners that died.
    pub crashes: u64,
    /// Owners that slept.
    pub sleeps: u64,
    /// Requests and replies lost, doubled, late or turned away.
    pub mishaps: u64,
    /// Times the zone got a new owner.
    pub terms: u64,
    /// Messages that should not have been in the log.
    pub strays: u64,
    /// Starts at a base.
    pub at_base: u64,
    /// Starts and readers that found entries missing, and refused to go on.
    pub gaps: u64,
    /// Runs that ended with a start whose missing entries nothing shows: it says that there may be some, and goes on.
    pub unseen: u64,
    /// Times the log went back.
    pub rollbacks: u64,
    /// Nodes that noticed it, at work or at their start.
    pub regressed: u64,
    /// The highest level of overload.
    pub overload: u8,
    /// Nodes that died over a deadly entry.
    pub deaths: u64,
    /// Entries that were quarantined.
    pub quarantined: u64,
    /// Nodes that had folded what was quarantined meanwhile, and began anew.
    pub stood_back: u64,
}

/// A small day and its roads, to be played under many seeds.
#[derive(Clone, Debug)]
pub struct SmallDay {
    script: Script,
    network: Arc<Network>,
}

impl SmallDay {
    /// The day of a scenario in its city.
    pub fn new(scenario: &Scenario) -> Self {
        let city = crate::city::city(scenario.seed);
        let mut script = script(scenario, &city);
        for (_, event) in &mut script.facts {
            if let Event::ZoneOpened(opened) = event {
                opened.rate = RATE;
                opened.policy.search_rounds = 3;
            }
        }
        Self { script, network: city.network }
    }
}

/// Plays a small day under faults.
///
/// # Errors
///
/// The first promise that did not hold.
pub fn survive(day: &SmallDay, seed: u64, faults: Faults) -> Result<Survived, Failure> {
    let mut run = Run::new(day, seed, faults);
    run.play().map_err(|what| Failure { seed, at: run.now - run.start, what })?;
    Ok(run.survived)
}

/// Who waits for a reply: a producer's fact, or a node in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Producer(usize),
    Node(usize, u64),
}

#[derive(Clone, Debug)]
enum Ask {
    Fact(usize),
    Plan {
        message: OwnMessage,
        expected: u64,
    },
    Own {
        message: OwnMessage,
    },
    ReadPlan,
    Tell {
        vehicle: Name,
        revision: LogSeq,
        bytes: Vec<u8>,
        expected: u64,
    },
    ReadTold {
        vehicle: Name,
        revision: LogSeq,
    },
    /// What each vehicle was told last, and where the log of facts ends: asked at the beginning of a term.
    ReadAllTold,
    PutBase {
        object: String,
        document: Vec<u8>,
        said: OwnMessage,
    },
    SayBase {
        said: OwnMessage,
    },
    Mark(u64),
    Acquire,
    Renew(SimLease),
}

#[derive(Clone, Debug)]
enum Reply {
    Stored { seq: u64, duplicate: bool },
    WrongSequence,
    Unknown,
    LastPlan(Option<LastPlan>),
    LastTold(Option<(LogSeq, LogSeq)>),
    AllTold { told: Vec<(Name, LogSeq, LogSeq)>, end: LogSeq },
    Lease(Option<SimLease>),
}

#[derive(Debug)]
enum Job {
    World,
    Send(Sender, Ask),
    Arrives(u64, Sender, Ask),
    Returns(u64, Sender, Ask, Reply),
    TimesOut(u64, Sender, Ask),
    Pull(usize, u64),
    Tick(usize, u64),
    Lease(usize, u64),
    Second(usize, u64),
    Snapshot(usize, u64),
    Effects(usize, u64, Vec<Effect>),
    Solved(usize, u64, Box<SolveReport>),
    Told(Box<Assignment>),
    Start(usize),
    Neighbour,
    Kill(usize),
    LastOrder,
    Broker,
    Recovery,
}

#[derive(Clone, Debug)]
struct Disk {
    fleet: Fleet,
    last_id: String,
    torn: bool,
    /// What it has passed over.
    passed: BTreeSet<u64>,
}

#[derive(Debug)]
struct Alive {
    engine: Engine,
    /// Last entry read.
    read: u64,
    /// The log ended here when we started: caught up when it has been read.
    goal: u64,
    /// The id of the last entry that was folded; `None`: it began with a base or with nothing, and none has come since.
    last_id: Option<String>,
    seeks: bool,
    lease: Option<(SimLease, Timestamp)>,
    fan: FanOut,
    waiting: BTreeMap<Name, Assignment>,
    telling: bool,
    tick_at: Option<Timestamp>,
    pulling: bool,
    /// Whether every entry of the zone was read.
    completeness: Completeness,
    /// For so many seconds nothing has come.
    silent: u32,
    /// A base is being stored.
    writes_base: bool,
    /// The last entry that has changed the fleet, and the digest after it.
    changed: (u64, u64),
    /// How far the log was said to be folded; a request that says so is under way.
    marked: u64,
    marking: bool,
    /// The last message that was read, and its hash.
    last_read: Option<(u64, [u8; 32])>,
    /// The connection broke: before anything is read on, it is looked whether the log is still the same.
    reconnects: bool,
    /// What vehicles were told before this term has not been read.
    unread: bool,
    /// When it started.
    since: Timestamp,
    /// Hears which facts the engine answers.
    ears: Arc<deadly::Ears>,
    /// What was passed over.
    passed: BTreeSet<u64>,
    /// It has folded what was quarantined meanwhile.
    has_strayed: bool,
}

#[derive(Debug, Default)]
struct Node {
    life: u64,
    alive: Option<Alive>,
    asleep_until: Timestamp,
    disk: Vec<Disk>,
    /// What it suspects of having ended its runs.
    suspicion: deadly::Suspicion,
    /// The entry that has ended its last runs, and how many: what the promise is about.
    deaths: Option<(u64, u32)>,
    /// Its folder has outlived its last end.
    keeps_folder: bool,
}

struct Run<'a> {
    day: &'a SmallDay,
    start: Timestamp,
    now: Timestamp,
    log: SimLog,
    world: Pretend,
    world_at: Option<Timestamp>,
    random: Seeded,
    faults: Faults,
    queue: BTreeMap<(Timestamp, u64), Job>,
    order: u64,
    requests: u64,
    awaited: BTreeSet<u64>,
    outbox: Vec<Event>,
    acked: BTreeSet<usize>,
    nodes: [Node; 2],
    /// Every entry of the zone that was ever stored, expired or not.
    history: Vec<SimMessage>,
    /// The object store of bases.
    bases: BTreeMap<String, Vec<u8>>,
    /// How far an owner has said that it has folded.
    mark: Option<u64>,
    neighbour: u64,
    /// The zone has been left quiet, or is not to be.
    last_order: bool,
    waits_for_last_order: bool,
    /// Producers and drivers have not heard yet that the log went back.
    recovers: bool,
    /// Vehicles whose last assignment is of entries that the log has lost.
    foreign: BTreeSet<String>,
    went_back_at: Option<Timestamp>,
    /// Entries were lost in a way that cannot be seen but was told: there is nothing more to prove.
    is_over: bool,
    /// The fold of the log as it stands, and its digest after each entry.
    truth: Fleet,
    digests: BTreeMap<u64, u64>,
    told: BTreeMap<String, LogSeq>,
    /// Entries that are not folded, as noted when they were stored; `true`: on the plan subject.
    passed_over: BTreeMap<u64, bool>,
    /// The highest epoch that an owner was given.
    epoch_max: u64,
    survived: Survived,
    /// Facts that end whoever folds or answers them: numbers in the outbox, and sequences.
    deadly_facts: BTreeMap<usize, deadly::Deadly>,
    deadly: BTreeMap<u64, deadly::Deadly>,
    /// A promise that was found broken where nobody could say so.
    broken: Option<String>,
    bug: Option<Bug>,
}

impl<'a> Run<'a> {
    fn new(day: &'a SmallDay, seed: u64, faults: Faults) -> Self {
        let mut facts = day.script.facts.clone();
        let surge = operator::surge(&mut facts, day.script.start, faults.surge, seed);
        let facts = facts.into_iter().enumerate().map(|(n, (at, event))| (at, 1 + n as u64, event));
        let phones = crate::scenario::Phones { late_share: 0.05, double_share: 0.05 };
        let driving = Driving { varied: true, positions: false, reject_share: 0.02, tells_of_depots: true };
        let network = Arc::clone(&day.network);
        let world = Pretend::new(facts.collect(), &day.script.no_shows, network, driving, phones, seed);
        let start = day.script.start;
        let mut run = Self {
            day,
            start,
            now: start,
            log: SimLog::new(faults.single),
            world,
            world_at: None,
            random: Seeded::new(seed, "mishaps"),
            faults,
            queue: BTreeMap::new(),
            order: 0,
            requests: 0,
            awaited: BTreeSet::new(),
            outbox: Vec::new(),
            acked: BTreeSet::new(),
            nodes: [Node::default(), Node::default()],
            history: Vec::new(),
            bases: BTreeMap::new(),
            mark: None,
            neighbour: 0,
            last_order: faults.neighbours == 0.0,
            waits_for_last_order: false,
            recovers: false,
            foreign: BTreeSet::new(),
            went_back_at: None,
            is_over: false,
            truth: Fleet::new(),
            digests: BTreeMap::new(),
            told: BTreeMap::new(),
            passed_over: BTreeMap::new(),
            epoch_max: 0,
            survived: Survived::default(),
            deadly_facts: BTreeMap::new(),
            deadly: BTreeMap::new(),
            broken: None,
            bug: None,
        };
        run.later(0, Job::Start(0));
        run.later(50, Job::Start(1));
        if faults.neighbours > 0.0 {
            run.later(1, Job::Neighbour);
        }
        run.later(1_000, Job::Broker);
        if let Some(at) = surge {
            let at = (at - run.start).0 / i64::from(RATE);
            for node in 0..2 {
                if run.random.chance(0.7) {
                    let after = run.random.between(0, 3_000);
                    run.later(at + after, Job::Kill(node));
                }
            }
        }
        run
    }

    fn later(&mut self, millis: i64, job: Job) {
        self.at(self.now + Millis(millis), job);
    }

    fn at(&mut self, at: Timestamp, job: Job) {
        self.order += 1;
        self.queue.insert((at, self.order), job);
    }

    fn zone_now(&self) -> Timestamp {
        self.start + Millis((self.now - self.start).0 * i64::from(RATE))
    }

    fn play(&mut self) -> Result<(), String> {
        let mut calm_until: Option<Timestamp> = None;
        loop {
            let next = self.world.next();
            let next =
                next.map(|at| (self.start + Millis((at - self.start).0.div_euclid(i64::from(RATE)) + 1)).max(self.now));
            if next != self.world_at {
                self.world_at = next;
                if let Some(at) = next {
                    self.at(at, Job::World);
                }
            }
            let done = next.is_none() && self.acked.len() == self.outbox.len();
            match calm_until {
                None if done && !self.last_order => {
                    self.last_order = true;
                    self.quiet();
                }
                None if done && self.nothing_to_come() => {
                    // The day is over: no more faults, and whoever sleeps wakes up.
                    let Faults { single, expiry, neighbours, .. } = self.faults;
                    self.faults = Faults { single, expiry, neighbours, ..Faults::default() };
                    calm_until = Some(self.now + CALM);
                }
                Some(_) if !done => calm_until = Some(self.now + CALM),
                Some(until) if self.now >= until => return self.at_rest(),
                _ => {}
            }
            let Some(((at, _), job)) = self.queue.pop_first() else {
                return Err("nothing is left to happen".to_owned());
            };
            self.now = self.now.max(at);
            if self.now - self.start > LONGEST {
                let open = self.truth.orders().iter().filter(|order| order.is_open()).count();
                return Err(format!(
                    "the day does not end: {open} orders are open, {} facts unanswered",
                    self.truth.unanswered().len()
                ));
            }
            if let Some(job) = self.awake(job) {
                self.job(job)?;
            }
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
            if self.is_over {
                return Ok(());
            }
        }
    }

    /// Jobs of a node that sleeps wait until it wakes; those of a life that is over are dropped.
    fn awake(&mut self, job: Job) -> Option<Job> {
        let (node, life) = match &job {
            Job::Pull(node, life)
            | Job::Tick(node, life)
            | Job::Lease(node, life)
            | Job::Second(node, life)
            | Job::Snapshot(node, life)
            | Job::Effects(node, life, _)
            | Job::Solved(node, life, _)
            | Job::Send(Sender::Node(node, life), _)
            | Job::Returns(_, Sender::Node(node, life), ..)
            | Job::TimesOut(_, Sender::Node(node, life), _) => (*node, *life),
            Job::World
            | Job::Send(..)
            | Job::Arrives(..)
            | Job::Returns(..)
            | Job::TimesOut(..)
            | Job::Told(_)
            | Job::Start(_)
            | Job::Neighbour
            | Job::Kill(_)
            | Job::LastOrder
            | Job::Broker
            | Job::Recovery => {
                return Some(job);
            }
        };
        if self.nodes[node].life != life || self.nodes[node].alive.is_none() {
            return None;
        }
        if self.nodes[node].asleep_until > self.now {
            if self.has(Bug::ReaderStopsAfterSleep) && matches!(job, Job::Pull(..)) {
                return None;
            }
            self.at(self.nodes[node].asleep_until, job);
            return None;
        }
        Some(job)
    }

    fn job(&mut self, job: Job) -> Result<(), String> {
        match job {
            Job::World => {
                self.world_at = None;
                let now = self.zone_now();
                for happening in self.world.take(now) {
                    if let Happening::Fact(_, event) = happening {
                        self.outbox.push(event);
                        self.maybe_deadly(self.outbox.len() - 1);
                        self.send(Sender::Producer(self.outbox.len() - 1), Ask::Fact(self.outbox.len() - 1));
                        if self.random.chance(self.faults.stray) {
                            self.stray()?;
                        }
                    }
                }
            }
            Job::Send(sender, ask) => self.send(sender, ask),
            Job::Arrives(request, sender, ask) => {
                let reply = self.broker(&ask)?;
                if self.random.chance(self.faults.reply_lost) {
                    self.survived.mishaps += 1;
                } else {
                    let delay = self.travel();
                    self.later(delay, Job::Returns(request, sender, ask, reply));
                }
            }
            Job::Returns(request, sender, ask, reply) => {
                if self.awaited.remove(&request) {
                    self.reply(sender, ask, reply)?;
                }
            }
            Job::TimesOut(request, sender, ask) => {
                if self.awaited.remove(&request) {
                    self.reply(sender, ask, Reply::Unknown)?;
                }
            }
            Job::Pull(node, _) => self.pull(node)?,
            Job::Tick(node, _) => {
                let now = self.now;
                let Some(alive) = &mut self.nodes[node].alive else { return Ok(()) };
                if alive.tick_at.is_some_and(|at| at <= now) {
                    alive.tick_at = None;
                    self.feed(node, Input::Tick(now));
                }
            }
            Job::Lease(node, life) => {
                let Some(alive) = &self.nodes[node].alive else { return Ok(()) };
                match alive.lease {
                    None => self.send(Sender::Node(node, life), Ask::Acquire),
                    Some((lease, _)) => self.send(Sender::Node(node, life), Ask::Renew(lease)),
                }
            }
            Job::Snapshot(node, life) => {
                let torn = self.random.chance(self.faults.torn);
                let Node { alive: Some(alive), disk, .. } = &mut self.nodes[node] else { return Ok(()) };
                if alive.engine.fleet().applied().0 > 0
                    && let Some(last_id) = alive.last_id.clone()
                {
                    let passed = alive.passed.clone();
                    disk.push(Disk { fleet: alive.engine.fleet().clone(), last_id, torn, passed });
                    let extra = disk.len().saturating_sub(3);
                    disk.drain(..extra);
                }
                if torn {
                    self.crash(node);
                } else {
                    self.later(10_000, Job::Snapshot(node, life));
                }
            }
            Job::Effects(node, _, effects) => self.perform(node, effects),
            Job::Solved(node, _, report) => self.feed(node, Input::Solved(*report)),
            Job::Told(assignment) => {
                let now = self.zone_now();
                self.world.told(&assignment, now);
            }
            Job::Start(node) => self.wake_up(node)?,
            Job::Second(node, life) => {
                self.second(node);
                self.later(1_000, Job::Second(node, life));
            }
            Job::Neighbour => self.neighbour_writes(),
            Job::Kill(node) => {
                if self.nodes[node].alive.is_some() {
                    self.crash(node);
                }
            }
            Job::LastOrder => self.order_last()?,
            Job::Broker => {
                if self.random.chance(self.faults.rollback) && self.survived.rollbacks < 2 {
                    self.goes_back()?;
                }
                if self.faults.rollback > 0.0 {
                    self.later(1_000, Job::Broker);
                }
            }
            Job::Recovery => self.recover(),
        }
        Ok(())
    }

    // ---- the end -------------------------------------------------------------------------------------------------

    /// Everything that must be true once the world is quiet.
    fn at_rest(&mut self) -> Result<(), String> {
        let owners = running(&self.nodes).filter(|alive| alive.engine.commit().epoch().is_some()).count();
        if owners != 1 {
            return Err(format!("{owners} owners at rest"));
        }
        let last = self.history.last().map_or(0, |message| message.seq);
        for alive in running(&self.nodes) {
            if alive.read != last || alive.engine.fleet().digest() != self.truth.digest() {
                return Err(format!(
                    "a node has read {} of {last} entries at rest, or folded something else",
                    alive.read
                ));
            }
        }
        for alive in running(&self.nodes) {
            if let Some(seq) = self.passed_over.keys().find(|seq| !alive.passed.contains(seq)) {
                return Err(format!("a node has not passed over entry {seq}, which others pass over"));
            }
        }
        if let Some((seq, ask)) = self.truth.unanswered().iter().find(|(seq, _)| !self.may_wait(**seq)) {
            return Err(format!("entry {seq:?} never got an answer: {ask:?}"));
        }
        if let Some(level) = running(&self.nodes).map(|alive| alive.engine.overload()).find(|&level| level > 0) {
            return Err(format!("overload of level {level} at rest"));
        }
        let mut ids = BTreeSet::new();
        let mut again = Fleet::new();
        for message in &self.history {
            if !ids.insert(&message.id) {
                return Err(format!("{} is in the log twice", message.id));
            }
            match self.read(message)? {
                strays::Read::Entry(entry) => {
                    again.apply(&entry);
                }
                strays::Read::Skipped(on_plan_subject) => again.skip(LogSeq(message.seq), on_plan_subject),
            }
        }
        for number in 0..self.outbox.len() {
            if !ids.contains(&format!("world/{number}")) {
                return Err(format!("fact {number} was confirmed and is not in the log"));
            }
        }
        if again.digest() != self.truth.digest() {
            return Err("folding the log again ends in another fleet".to_owned());
        }
        for vehicle in self.truth.vehicles() {
            let told = self.told.get(vehicle.name.as_str()).copied().unwrap_or(LogSeq(0));
            // A vehicle without a route here keeps what it was told by a log that this one has grown past: nothing shows it to the owner.
            let is_foreign = vehicle.route.revision == LogSeq(0) && self.foreign.contains(vehicle.name.as_str());
            if vehicle.route.revision != told && !is_foreign {
                return Err(format!("{} has route {:?} but was told {told:?}", vehicle.name, vehicle.route.revision));
            }
        }
        Ok(())
    }
}

/// The nodes that run.
fn running(nodes: &[Node]) -> impl Iterator<Item = &Alive> {
    nodes.iter().filter_map(|node| node.alive.as_ref())
}

/// The zone of the simulation.
fn zone() -> ZoneName {
    ZoneName::new("sim", "city").expect("a legal name")
}

fn plan_subject() -> String {
    zone().subject(&Address::Plan)
}

/// True for a message of the zone of the simulation.
fn is_own(message: &SimMessage) -> bool {
    message.subject.starts_with("fleet.sim.city.")
}

fn entry(message: &SimMessage) -> Result<LogEntry, String> {
    let decoded = decode(&message.bytes).map_err(|error| error.to_string())?;
    let What::Event(event) = decoded.what else { return Err("a position among the facts".to_owned()) };
    let id = if matches!(event, Event::PlanProposed(_)) { 0 } else { decoded.id };
    Ok(LogEntry {
        numbered: decoded.numbered,
        seq: LogSeq(message.seq),
        logged_at: message.at,
        id,
        time: Some(decoded.at),
        hash: decoded.hash,
        event,
    })
}

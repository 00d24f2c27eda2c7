//! The run: jobs in order of virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleetfold_engine::{Effect, Engine, Input};
use fleetfold_fleet::Fleet;
use fleetfold_journal::placement::{
    BEAT_MILLIS, Beat, LOOK_MILLIS, NodeName, Presence, Ranking, Standing, decide, rank,
};
use fleetfold_journal::{Address, LastPlan, Outcome, ZoneName, chain, own_message};
use fleetfold_model::{
    Event, Job as Work, Load, LoadDirection, LogEntry, LogSeq, MessageHash, Millis, Name, NetworkSpec, Order,
    OrderWork, Policy, Position, Space, StopSpec, Timestamp, Vehicle, VehicleCosts,
};
use fleetfold_roads::Network;

use super::{Scale, Scaled, Times};
use crate::seeded::Seeded;
use crate::sim_log::{SimLease, SimLog};

/// Virtual microseconds.
type Micros = i64;

const SECOND: Micros = 1_000_000;
/// As in `node`: time between two looks of a node at its zones.
const STEP: Micros = 50_000;
/// As in `node`: time between two renewals of a lease.
const RENEW_EVERY: Micros = SECOND;
/// As in `node`: time between two attempts to get a lease.
const TRY_EVERY: Micros = 100_000;
/// As in `node`: how long a standby's look at a lease takes effect.
const LOOK_EVERY: Micros = LOOK_MILLIS as Micros * 1_000;
/// After a kill, the process is back after this time.
const BACK_AFTER: Micros = 20 * SECOND;
/// At the end nothing fails for this long, so that everything can be answered.
const CALM: Micros = 15 * SECOND;
/// When orders begin to come: nodes are up then, and zones have owners.
const FIRST_ORDER: Micros = 3 * SECOND;
/// Load of a node is told over this time.
const LOAD_OVER: Micros = 10 * SECOND;

/// An engine of a zone on a node.
struct Running {
    engine: Engine,
    /// Entries handed to it.
    read: usize,
    /// The log's length when it was started.
    goal: usize,
    lease: Option<(SimLease, Micros)>,
    tried_at: Micros,
    looked_at: Micros,
    free_looks: u32,
    idle_since: Option<u64>,
    pulling: bool,
}

struct Node {
    name: NodeName,
    /// Rises with every start.
    life: u64,
    alive: bool,
    draining: bool,
    beats: u64,
    presence: Presence,
    /// Zones for which it is first or second, with their ranking.
    mine: BTreeMap<usize, Ranking>,
    running: BTreeMap<usize, Running>,
    /// When each core is free.
    cores: Vec<Micros>,
    /// Time of cores used since `load_since`.
    load: Micros,
    load_since: Micros,
}

struct Zone {
    name: ZoneName,
    key: String,
    plan_subject: String,
    log: SimLog,
    entries: Vec<Arc<LogEntry>>,
    last_plan: Option<LastPlan>,
    /// Entries whose answers have been counted.
    counted: u64,
    orders: u64,
    owner: Option<usize>,
    /// Since when it has no owner, and whether its owner was killed.
    orphan: Option<(Micros, bool)>,
    /// When it had none: from, to.
    orphaned: Vec<(Micros, Micros)>,
}

enum Job {
    Order(usize),
    Beat(usize, u64),
    Step(usize, u64),
    Pull(usize, u64, usize),
    Append { node: usize, life: u64, zone: usize, event: Arc<Event>, expected: LogSeq },
    Own { zone: usize, event: Box<Event> },
    Hear { node: usize, life: u64, zone: usize, outcome: Outcome },
    ReadPlan { node: usize, life: u64, zone: usize },
    Kill,
    Drain,
    Start(usize),
}

pub(super) struct Run {
    what: Scale,
    now: Micros,
    queue: BTreeMap<(Micros, u64), Job>,
    order: u64,
    random: Seeded,
    network: Arc<Network>,
    nodes: Vec<Node>,
    zones: Vec<Zone>,
    leases: SimLog,
    /// The last ranking of all zones, and the nodes for which it holds: neighbours mostly ask for the same.
    ranked: (Vec<NodeName>, Vec<Ranking>),
    waits: Vec<(Micros, i64, usize)>,
    takeovers: Vec<i64>,
    handovers: Vec<i64>,
    came: Scaled,
}

/// The wall clock at virtual time 0, milliseconds: any time of day will do.
const EPOCH: i64 = 1_780_000_000_000;

fn log_time(at: Micros) -> Timestamp {
    Timestamp(EPOCH + at / 1_000)
}

impl Run {
    pub(super) fn new(what: Scale) -> Self {
        let node = |number: usize| {
            let name = NodeName::new(&format!("node-{number}")).expect("a legal name");
            Node {
                presence: Presence::new(name.clone()),
                name,
                life: 0,
                alive: false,
                draining: false,
                beats: 0,
                mine: BTreeMap::new(),
                running: BTreeMap::new(),
                cores: vec![0; what.cores.max(1)],
                load: 0,
                load_since: 0,
            }
        };
        let zone = |number: usize| {
            let name = ZoneName::new("acme", &format!("zone-{number}")).expect("a legal name");
            Zone {
                key: name.key(),
                plan_subject: name.subject(&Address::Plan),
                name,
                log: SimLog::new(true),
                entries: Vec::new(),
                last_plan: None,
                counted: 0,
                orders: 0,
                owner: None,
                orphan: None,
                orphaned: Vec::new(),
            }
        };
        let mut run = Self {
            now: 0,
            queue: BTreeMap::new(),
            order: 0,
            random: Seeded::new(what.seed, "scale"),
            network: Arc::new(Network::new(&NetworkSpec::default()).expect("straight lines")),
            nodes: (0..what.nodes).map(node).collect(),
            zones: (0..what.zones).map(zone).collect(),
            leases: SimLog::new(true),
            ranked: (Vec::new(), Vec::new()),
            waits: Vec::new(),
            takeovers: Vec::new(),
            handovers: Vec::new(),
            came: Scaled::default(),
            what,
        };
        for number in 0..what.nodes {
            run.at(number as Micros * 20_000, Job::Start(number));
        }
        for zone in 0..what.zones {
            run.open(zone);
            let first = run.random.between(0, (what.order_every * 1e6) as i64);
            run.at(FIRST_ORDER + first, Job::Order(zone));
        }
        for (every, job) in [(what.kill_every, Job::Kill), (what.drain_every, Job::Drain)] {
            if every > 0 {
                run.at((20 + Micros::from(every)) * SECOND, job);
            }
        }
        run
    }

    fn at(&mut self, at: Micros, job: Job) {
        self.order += 1;
        self.queue.insert((at, self.order), job);
    }

    fn end(&self) -> Micros {
        Micros::from(self.what.seconds) * SECOND
    }

    pub(super) fn play(mut self) -> Scaled {
        let end = self.end();
        while let Some(((at, _), job)) = self.queue.pop_first() {
            if at > end + CALM {
                break;
            }
            self.now = at;
            self.take(job);
        }
        self.told()
    }

    fn take(&mut self, job: Job) {
        let is = |run: &Self, node: usize, life: u64| run.nodes[node].alive && run.nodes[node].life == life;
        match job {
            Job::Order(zone) => self.new_order(zone),
            Job::Beat(node, life) if is(self, node, life) => self.beat(node),
            Job::Step(node, life) if is(self, node, life) => self.step(node),
            Job::Pull(node, life, zone) if is(self, node, life) => self.pull(node, zone),
            Job::Hear { node, life, zone, outcome } if is(self, node, life) => {
                self.feed(node, zone, Input::Commit(outcome));
            }
            Job::ReadPlan { node, life, zone } if is(self, node, life) => {
                let last = self.zones[zone].last_plan;
                self.feed(node, zone, Input::Commit(Outcome::LastPlan(last)));
            }
            // What is on its way to the broker arrives although its sender is dead.
            Job::Append { node, life, zone, event, expected } => self.append(node, life, zone, &event, expected),
            Job::Own { zone, event } => self.store(zone, 0, MessageHash::default(), *event),
            Job::Kill => self.kill_one(),
            Job::Drain => self.drain_one(),
            Job::Start(node) => self.start(node),
            Job::Beat(..) | Job::Step(..) | Job::Pull(..) | Job::Hear { .. } | Job::ReadPlan { .. } => {}
        }
    }

    // ---- the zones ---------------------------------------------------------------------------------------------

    fn place(&mut self) -> Position {
        // Some 7 by 11 kilometres.
        Position {
            x: -86_000_000 + self.random.between(0, 1_000_000) as i32,
            y: 411_000_000 + self.random.between(0, 1_000_000) as i32,
        }
    }

    fn open(&mut self, zone: usize) {
        let policy = Policy { search_rounds: 0, learn: false, ..Policy::default() };
        self.store(zone, 1, MessageHash::default(), Event::PolicyChanged(policy));
        for number in 0..self.what.vehicles {
            let name = Name::new(&format!("van-{number}")).expect("a legal name");
            let start = self.place();
            let spec = Vehicle {
                name: name.clone(),
                capacity: Load::default(),
                skills: Vec::new(),
                costs: VehicleCosts::default(),
                time_factor: 1000,
                start,
                end: None,
                shift: None,
                stops_max: None,
                lifo: false,
                driving_time: None,
                reload: None,
            };
            let id = 2 + 2 * number as u64;
            self.store(zone, id, MessageHash::default(), Event::VehicleRegistered(spec));
            let started = Event::ShiftStarted { vehicle: name, shift: None, position: None };
            self.store(zone, id + 1, MessageHash::default(), started);
        }
    }

    fn is_rushing(&self, zone: usize) -> bool {
        let third = self.end() / 3;
        (zone as f64) < self.what.zones as f64 * self.what.rush_share && (third..2 * third).contains(&self.now)
    }

    fn new_order(&mut self, zone: usize) {
        if self.now > self.end() {
            return;
        }
        let number = self.zones[zone].orders;
        self.zones[zone].orders += 1;
        let stop = StopSpec {
            position: self.place(),
            windows: Vec::new(),
            service: Millis(self.random.between(30_000, 240_000)),
            setup: Millis(0),
        };
        let order = Order {
            name: Name::new(&format!("order-{number}")).expect("a legal name"),
            work: OrderWork::Job(Work { stop, direction: LoadDirection::Delivery }),
            load: Load::default(),
            skills: Vec::new(),
            priority: 0,
            release: None,
            promised: None,
            placed: log_time(self.now),
        };
        self.store(zone, 1_000 + number, MessageHash::default(), Event::OrderCreated(order));
        let mean = self.what.order_every / if self.is_rushing(zone) { self.what.rush_times } else { 1.0 };
        // Uniform between nothing and twice the mean.
        let wait = self.random.between(0, (2e6 * mean) as i64);
        self.at(self.now + wait.max(1), Job::Order(zone));
    }

    /// The log has a new entry: whoever reads it is told.
    fn store(&mut self, zone: usize, id: u64, hash: MessageHash, event: Event) {
        let now = log_time(self.now);
        let target = &mut self.zones[zone];
        let stored = if matches!(event, Event::PlanProposed(_)) {
            target.entries.len() as u64 + 1 // the plan was appended with its fence
        } else {
            let stored = target.log.append("FLEET", false, "fact", "", Vec::new(), None, now);
            stored.map_or(0, |(seq, _)| seq)
        };
        target.entries.push(Arc::new(LogEntry {
            numbered: None,
            seq: LogSeq(stored),
            logged_at: now,
            id,
            time: None,
            hash,
            event,
        }));
        for node in 0..self.nodes.len() {
            self.wake(node, zone);
        }
    }

    fn wake(&mut self, node: usize, zone: usize) {
        let (life, at) = (self.nodes[node].life, self.now + self.what.broker_micros);
        if let Some(running) = self.nodes[node].running.get_mut(&zone)
            && !running.pulling
        {
            running.pulling = true;
            self.at(at, Job::Pull(node, life, zone));
        }
    }

    fn append(&mut self, node: usize, life: u64, zone: usize, event: &Arc<Event>, expected: LogSeq) {
        let Event::PlanProposed(plan) = &**event else { return };
        let now = log_time(self.now);
        let target = &mut self.zones[zone];
        let message = own_message(&target.name, event, Space::Geographic, now);
        let hash = chain::hash(&message.bytes);
        let subject = target.plan_subject.clone();
        let outcome = match target.log.append("FLEET", false, &subject, &message.id, Vec::new(), Some(expected.0), now)
        {
            Ok((_, true)) => Outcome::Duplicate,
            Ok((seq, false)) => {
                target.last_plan = Some(LastPlan { seq: LogSeq(seq), plan: Some((plan.epoch, plan.rev)) });
                self.store(zone, 0, hash, (**event).clone());
                Outcome::Stored(LogSeq(seq))
            }
            Err(_) => Outcome::WrongSequence,
        };
        let back = self.now + self.what.broker_micros;
        self.at(back, Job::Hear { node, life, zone, outcome });
    }

    // ---- engines -----------------------------------------------------------------------------------------------

    /// Uses a core, the one that is free first. Returns when it is done.
    fn compute(&mut self, node: usize, cost: Micros) -> Micros {
        let now = self.now;
        let node = &mut self.nodes[node];
        if now - node.load_since >= LOAD_OVER {
            let whole = (now - node.load_since) * node.cores.len() as Micros;
            self.came.busiest_percent = self.came.busiest_percent.max((100 * node.load / whole) as u32);
            (node.load, node.load_since) = (0, now);
        }
        node.load += cost;
        let core = node.cores.iter_mut().min().expect("a node has a core");
        *core = (*core).max(now) + cost;
        *core
    }

    fn pull(&mut self, node: usize, zone: usize) {
        let Some(running) = self.nodes[node].running.get_mut(&zone) else { return };
        running.pulling = false;
        let entries: Vec<Arc<LogEntry>> = self.zones[zone].entries[running.read..].to_vec();
        running.read += entries.len();
        let owns = running.lease.is_some();
        let mut effects = Vec::new();
        for entry in &entries {
            running.engine.handle(Input::Entry((**entry).clone()), &mut effects);
        }
        let asked =
            effects.iter().filter(|effect| matches!(effect, Effect::Folded { change, .. } if change.asks)).count();
        let answers = if owns { asked as Micros * self.what.answer_micros } else { 0 };
        let done = self.compute(node, entries.len() as Micros * self.what.fold_micros + answers);
        self.perform(node, zone, effects, done);
    }

    fn feed(&mut self, node: usize, zone: usize, input: Input) {
        let Some(running) = self.nodes[node].running.get_mut(&zone) else { return };
        let mut effects = Vec::new();
        let waiting = running.engine.fleet().unanswered().len();
        running.engine.handle(input, &mut effects);
        let proposes = effects.iter().any(|effect| matches!(effect, Effect::Append { .. }));
        let cost = if proposes { waiting.max(1) as Micros * self.what.answer_micros } else { 5 };
        let done = self.compute(node, cost);
        self.perform(node, zone, effects, done);
    }

    fn perform(&mut self, node: usize, zone: usize, effects: Vec<Effect>, done: Micros) {
        let life = self.nodes[node].life;
        let arrives = done + self.what.broker_micros;
        for effect in effects {
            match effect {
                Effect::Folded { entry, change } => {
                    let target = &mut self.zones[zone];
                    if entry.seq.0 > target.counted {
                        target.counted = entry.seq.0;
                        for (seq, wait) in change.answered {
                            let asked = self.zones[zone].entries[seq.0 as usize - 1].logged_at;
                            self.waits.push(((asked.0 - EPOCH) * 1_000, wait.0, zone));
                        }
                        if matches!(&entry.event, Event::PlanProposed(_)) && change.refused.is_some() {
                            self.came.faults += 1;
                        }
                    }
                }
                Effect::Append { event, expected } => {
                    self.at(arrives, Job::Append { node, life, zone, event, expected });
                }
                Effect::ReadLastPlan => {
                    self.at(arrives + self.what.broker_micros, Job::ReadPlan { node, life, zone });
                }
                Effect::AppendOwn(event) => self.at(arrives, Job::Own { zone, event: Box::new(event) }),
                Effect::FetchLegs(query) => {
                    let answer = self.network.fetch(&query);
                    self.feed(node, zone, Input::Legs(answer));
                }
                // Nobody drives, nobody searches, nobody looks.
                Effect::Solve(_) | Effect::Publish(_) | Effect::Tell(_) | Effect::Rerouted(_) | Effect::Note(_) => {}
            }
        }
    }

    // ---- nodes -------------------------------------------------------------------------------------------------

    fn start(&mut self, number: usize) {
        let now = self.now;
        // What it finds in the bucket of nodes when it starts.
        let present: Vec<Beat> = self.nodes.iter().filter(|node| node.alive).map(beat_of).collect();
        let node = &mut self.nodes[number];
        (node.alive, node.draining, node.beats, node.life) = (true, false, 0, node.life + 1);
        node.presence = Presence::new(node.name.clone());
        for beat in &present {
            node.presence.heard(beat);
        }
        node.cores.fill(now);
        let life = node.life;
        self.rank(number);
        self.at(now, Job::Beat(number, life));
        self.at(now, Job::Step(number, life));
    }

    fn beat(&mut self, number: usize) {
        self.nodes[number].beats += 1;
        let beat = beat_of(&self.nodes[number]);
        for node in 0..self.nodes.len() {
            if self.nodes[node].alive && self.nodes[node].presence.heard(&beat) {
                self.rank(node);
            }
        }
        let life = self.nodes[number].life;
        self.at(self.now + BEAT_MILLIS as Micros * 1_000, Job::Beat(number, life));
    }

    fn rank(&mut self, number: usize) {
        let presence = &self.nodes[number].presence;
        let takers: Vec<NodeName> =
            presence.members().iter().filter(|(_, member)| !member.draining).map(|(name, _)| name.clone()).collect();
        if self.ranked.0 != takers {
            self.ranked.1 = self.zones.iter().map(|zone| rank(&zone.name, presence)).collect();
            self.ranked.0 = takers;
        }
        let me = Some(&self.nodes[number].name);
        let mine = self.ranked.1.iter().enumerate();
        let mine = mine.filter(|(_, ranking)| ranking.first.as_ref() == me || ranking.second.as_ref() == me);
        let mut mine: BTreeMap<usize, Ranking> = mine.map(|(zone, ranking)| (zone, ranking.clone())).collect();
        for &zone in self.nodes[number].running.keys() {
            mine.entry(zone).or_insert_with(|| self.ranked.1[zone].clone());
        }
        self.nodes[number].mine = mine;
    }

    fn step(&mut self, number: usize) {
        let zones: Vec<usize> = self.nodes[number].mine.keys().copied().collect();
        for zone in zones {
            self.step_zone(number, zone);
        }
        let node = &self.nodes[number];
        let owns = node.running.values().any(|running| running.lease.is_some());
        if node.draining && !owns {
            self.stop(number, false);
            return;
        }
        let life = node.life;
        self.at(self.now + STEP, Job::Step(number, life));
    }

    fn step_zone(&mut self, number: usize, zone: usize) {
        let now = self.now;
        let node = &self.nodes[number];
        let Some(ranking) = node.mine.get(&zone).cloned() else { return };
        let me = Some(&node.name);
        let near = ranking.first.as_ref() == me || ranking.second.as_ref() == me;
        let running = node.running.get(&zone);
        let first = ranking.first.as_ref().and_then(|first| self.nodes.iter().find(|node| node.name == *first));
        let is_ready =
            |other: &Node| other.alive && other.running.get(&zone).is_some_and(|running| running.read >= running.goal);
        let owns = running.is_some_and(|running| running.lease.is_some());
        let beats = node.beats;
        let standing = Standing {
            owns,
            caught_up: running.is_some_and(|running| running.read >= running.goal),
            first_ready: owns && first.is_some_and(|first| Some(&first.name) != me && is_ready(first)),
            free_looks: running.map_or(0, |running| running.free_looks),
            idle_beats: match running {
                None if !near => u32::MAX,
                Some(running) if !near => running.idle_since.map_or(0, |since| (beats - since) as u32),
                _ => 0,
            },
        };
        let decision = decide(&ranking, &node.presence, standing);
        let is_second = ranking.second.as_ref() == me;
        if decision.run && running.is_none() {
            let goal = self.zones[zone].entries.len();
            let engine = Engine::new(Fleet::new(), Arc::clone(&self.network));
            let started = Running {
                engine,
                read: 0,
                goal,
                lease: None,
                tried_at: 0,
                looked_at: now,
                free_looks: 0,
                idle_since: None,
                pulling: false,
            };
            self.nodes[number].running.insert(zone, started);
            self.wake(number, zone);
            return;
        }
        if !decision.run {
            if self.nodes[number].running.remove(&zone).is_some() && !near {
                self.nodes[number].mine.remove(&zone);
            }
            return;
        }
        let Some(running) = self.nodes[number].running.get_mut(&zone) else { return };
        running.idle_since = if near { None } else { running.idle_since.or(Some(beats)) };
        let (key, at) = (self.zones[zone].key.clone(), log_time(now));
        let owner = number.to_string();
        match running.lease {
            Some((lease, _)) if !decision.own => {
                running.lease = None;
                self.leases.release(&key, lease);
                (self.zones[zone].owner, self.zones[zone].orphan) = (None, Some((now, false)));
                self.feed(number, zone, Input::Commit(Outcome::Lost));
            }
            Some((lease, renewed)) if now - renewed >= RENEW_EVERY => {
                running.lease = self.leases.renew(&key, &owner, lease, at).map(|lease| (lease, now));
                if running.lease.is_none() {
                    self.came.faults += 1; // nothing here keeps a living node from renewing
                }
            }
            Some(_) => {}
            None => {
                let caught_up = running.read >= running.goal;
                if decision.own && caught_up && now - running.tried_at >= TRY_EVERY {
                    running.tried_at = now;
                    if let Some(lease) = self.leases.acquire(&key, &owner, at) {
                        (running.lease, running.free_looks) = (Some((lease, now)), 0);
                        self.owned(number, zone);
                        self.feed(number, zone, Input::Commit(Outcome::Granted(lease.epoch)));
                    }
                } else if is_second && caught_up && now - running.looked_at >= LOOK_EVERY {
                    running.looked_at = now;
                    let free = self.leases.owner_until(&key).is_none_or(|ends| ends <= at);
                    running.free_looks = if free { running.free_looks + 1 } else { 0 };
                }
            }
        }
    }

    fn owned(&mut self, number: usize, zone: usize) {
        let now = self.now;
        let zone = &mut self.zones[zone];
        zone.owner = Some(number);
        if let Some((since, killed)) = zone.orphan.take() {
            zone.orphaned.push((since, now));
            let gap = (now - since) / 1_000;
            if killed { self.takeovers.push(gap) } else { self.handovers.push(gap) }
        }
    }

    /// A node ends, killed or by itself, and starts again later.
    fn stop(&mut self, number: usize, killed: bool) {
        let now = self.now;
        let node = &mut self.nodes[number];
        node.alive = false;
        node.mine.clear();
        let running = std::mem::take(&mut node.running);
        let name = node.name.clone();
        for (zone, running) in running {
            if running.lease.is_some() {
                (self.zones[zone].owner, self.zones[zone].orphan) = (None, Some((now, killed)));
            }
        }
        if !killed {
            for other in 0..self.nodes.len() {
                if self.nodes[other].alive && self.nodes[other].presence.left(&name) {
                    self.rank(other);
                }
            }
        }
        self.at(now + BACK_AFTER, Job::Start(number));
    }

    fn pick(&mut self) -> Option<usize> {
        let alive: Vec<usize> =
            (0..self.nodes.len()).filter(|&node| self.nodes[node].alive && !self.nodes[node].draining).collect();
        (alive.len() > 2).then(|| alive[self.random.between(0, alive.len() as i64 - 1) as usize])
    }

    fn kill_one(&mut self) {
        self.balance();
        if let Some(number) = self.pick().filter(|_| self.now < self.end()) {
            self.came.killed += 1;
            self.stop(number, true);
        }
        self.at(self.now + Micros::from(self.what.kill_every) * SECOND, Job::Kill);
    }

    fn drain_one(&mut self) {
        if let Some(number) = self.pick().filter(|_| self.now < self.end()) {
            self.came.drained += 1;
            self.nodes[number].draining = true;
            self.nodes[number].presence.drain(true);
            self.rank(number);
            // Its beat says so at once.
            let beat = beat_of(&self.nodes[number]);
            for node in 0..self.nodes.len() {
                if self.nodes[node].alive && self.nodes[node].presence.heard(&beat) {
                    self.rank(node);
                }
            }
        }
        self.at(self.now + Micros::from(self.what.drain_every) * SECOND, Job::Drain);
    }

    // ---- what came of it ---------------------------------------------------------------------------------------

    /// How many zones each node owns, looked at when all nodes are there and every zone has an owner.
    fn balance(&mut self) {
        if self.nodes.iter().any(|node| !node.alive || node.draining)
            || self.zones.iter().any(|zone| zone.owner.is_none())
        {
            return;
        }
        let mut owned = vec![0usize; self.nodes.len()];
        for owner in self.zones.iter().filter_map(|zone| zone.owner) {
            owned[owner] += 1;
        }
        let (least, most) = (owned.iter().min().copied().unwrap_or(0), owned.iter().max().copied().unwrap_or(0));
        let mean = self.zones.len() as f64 / self.nodes.len() as f64;
        self.came.balance = (least, mean, most);
    }

    fn told(mut self) -> Scaled {
        self.balance();
        let third = self.end() / 3;
        let (mut all, mut rush, mut orphan) = (Vec::new(), Vec::new(), Vec::new());
        // Before the first order, nodes come up and zones get their first owner.
        for &(asked, wait, zone) in self.waits.iter().filter(|(asked, ..)| *asked >= FIRST_ORDER) {
            all.push(wait);
            if (zone as f64) < self.what.zones as f64 * self.what.rush_share && (third..2 * third).contains(&asked) {
                rush.push(wait);
            }
            if self.zones[zone].orphaned.iter().any(|&(from, to)| (from..to).contains(&asked)) {
                orphan.push(wait);
            }
        }
        let mut unanswered = 0;
        for zone in 0..self.zones.len() {
            let best = self.nodes.iter().filter_map(|node| node.running.get(&zone)).max_by_key(|running| running.read);
            unanswered += best.map_or(1, |running| running.engine.fleet().unanswered().len());
        }
        let plans: BTreeSet<(usize, u64)> = self
            .zones
            .iter()
            .enumerate()
            .flat_map(|(zone, log)| {
                log.entries.iter().filter_map(move |entry| plan_number(entry).map(|rev| (zone, rev)))
            })
            .collect();
        let stored: usize =
            self.zones.iter().map(|zone| zone.entries.iter().filter_map(|entry| plan_number(entry)).count()).sum();
        self.came.faults += unanswered + (stored - plans.len());
        self.came.over_1_s_per_million =
            1_000_000 * all.iter().filter(|&&wait| wait > 1_000).count() as u64 / all.len().max(1) as u64;
        self.came.over_10_s = all.iter().filter(|&&wait| wait > 10_000).count();
        self.came.takeovers = Times::of(self.takeovers);
        self.came.handovers = Times::of(self.handovers);
        (self.came.waits, self.came.waits_in_rush, self.came.waits_without_owner) =
            (Times::of(all), Times::of(rush), Times::of(orphan));
        self.came
    }
}

fn beat_of(node: &Node) -> Beat {
    Beat { node: node.name.clone(), number: node.beats, draining: node.draining, zones: Vec::new() }
}

fn plan_number(entry: &LogEntry) -> Option<u64> {
    if let Event::PlanProposed(plan) = &entry.event { Some(plan.rev) } else { None }
}

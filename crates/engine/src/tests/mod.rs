//! The engine as its inputs and effects show it. A rig feeds it a small zone and performs what it wants at once.

mod alerts;
mod calm;
mod coverage;
mod depots;
mod driving;
mod etas;
mod events;
mod forced;
mod holds;
mod judgement;
mod legs;
mod located;
mod nobody;
mod overload;
mod promises;
mod reasons;
mod roads;
mod service;
mod somewhere;
mod trips;
mod waiting;
mod watch;
mod words;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fleetfold_fleet::{Closed, Fleet, Placement};
use fleetfold_model::{
    Event, FailReason, Job, Load, LoadDirection, LogEntry, LogSeq, MessageHash, Millis, Name, NetworkSpec, Order,
    OrderChange, OrderWork, Pin, Policy, Position, PriorityRaised, Proposal, RoadChange, RoadTarget, Shift, Shipment,
    Space, StopEvent, StopKind, StopSpec, StreetEdge, TimeWindow, Timestamp, UnassignedReason, Vehicle, VehicleCosts,
    VehicleId, ZoneOpened,
};
use fleetfold_roads::Network;

use fleetfold_journal::Outcome;

use crate::{Effect, Engine, Input, PositionReport};

/// A log of one process: entries get the next sequence, proposals come straight back.
struct Rig {
    engine: Engine,
    seq: u64,
    now: i64,
    plans: Vec<Proposal>,
    published: Vec<fleetfold_model::Assignment>,
    rerouted: BTreeSet<VehicleId>,
    /// Facts of the engine's own, and whether they come back from the log. What was learned never does.
    own: Vec<Event>,
    own_comes_back: bool,
    /// Everything that was folded.
    log: Vec<LogEntry>,
    /// Legs that it wants fetched.
    queries: Vec<fleetfold_roads::LegQuery>,
    /// What customers were told.
    told: Vec<fleetfold_model::Eta>,
    /// Searches that have begun and are not run yet.
    jobs: Vec<crate::SolveJob>,
    /// What the engine had to say.
    notes: Vec<crate::Note>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp(minutes * 60_000)
}

/// Kilometres on a plane; a vehicle drives one a minute.
fn km(x: i32, y: i32) -> Position {
    Position { x: x * 1_000_000, y: y * 1_000_000 }
}

fn stop(position: Position) -> StopSpec {
    StopSpec { position, windows: Vec::new(), service: Millis(60_000), setup: Millis(0) }
}

fn job(id: &str, position: Position) -> Order {
    Order {
        name: name(id),
        work: OrderWork::Job(Job { stop: stop(position), direction: LoadDirection::Pickup }),
        load: Load([1, 0, 0, 0]),
        skills: Vec::new(),
        priority: 0,
        release: None,
        promised: None,
        placed: at(0),
    }
}

fn shipment(id: &str, from: Position, to: Position) -> Order {
    Order { work: OrderWork::Shipment(Shipment { pickup: stop(from), delivery: stop(to) }), ..job(id, from) }
}

fn vehicle(id: &str, position: Position) -> Vehicle {
    Vehicle {
        name: name(id),
        capacity: Load([4, 0, 0, 0]),
        skills: Vec::new(),
        costs: VehicleCosts::default(),
        time_factor: 1000,
        start: position,
        end: None,
        shift: Some(Shift { starts: at(0), ends: at(600), breaks: Vec::new() }),
        stops_max: None,
        lifo: false,
        driving_time: None,
        reload: None,
    }
}

/// The next entry of a log that is taken now.
fn next_entry(seq: &mut u64, now: i64, event: Event) -> LogEntry {
    *seq += 1;
    LogEntry {
        numbered: None,
        seq: LogSeq(*seq),
        logged_at: Timestamp(now),
        id: 0,
        time: None,
        hash: MessageHash::default(),
        event,
    }
}

impl Rig {
    fn with(network: &NetworkSpec, space: Space) -> Self {
        Self::over(Network::new(network).unwrap(), space)
    }

    fn over(network: Network, space: Space) -> Self {
        let engine = Engine::new(Fleet::new(), Arc::new(network));
        let mut rig = Self {
            engine,
            seq: 0,
            now: 0,
            plans: Vec::new(),
            published: Vec::new(),
            rerouted: BTreeSet::new(),
            own: Vec::new(),
            own_comes_back: true,
            log: Vec::new(),
            queries: Vec::new(),
            told: Vec::new(),
            jobs: Vec::new(),
            notes: Vec::new(),
        };
        let policy = Policy { search_rounds: 0, departure_margin: Millis(0), ..Policy::default() };
        rig.input(Input::Commit(Outcome::Granted(1)));
        let opened = ZoneOpened {
            timezone: "UTC".into(),
            space,
            day_start: at(0),
            log_start: at(0),
            utc_offset: Millis(0),
            rate: 1,
            policy,
        };
        rig.fact(Event::ZoneOpened(opened));
        rig
    }

    /// Two vehicles at (0,0) and (10,0).
    fn new() -> Self {
        let spec = NetworkSpec::Line {
            space: Space::Planar,
            metres_per_minute: 1000.0,
            detour_percent: 100,
            round_up_seconds: 0,
        };
        let mut rig = Self::with(&spec, Space::Planar);
        rig.on("a", km(0, 0));
        rig.on("b", km(10, 0));
        rig
    }

    fn on(&mut self, id: &str, position: Position) {
        self.fact(Event::VehicleRegistered(vehicle(id, position)));
        self.fact(Event::ShiftStarted { vehicle: name(id), shift: None, position: None });
    }

    fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        let mut inputs = VecDeque::from([input]);
        let plans = self.plans.len();
        while let Some(input) = inputs.pop_front() {
            self.engine.handle(input, &mut effects);
            assert!(self.plans.len() < plans + 256, "plans are proposed for ever: {:?}", self.plans.last());
            for effect in effects.drain(..) {
                match effect {
                    Effect::Append { event, expected } => {
                        assert_eq!(expected, self.engine.fleet().chain().seq, "the fence is the last plan's sequence");
                        let Event::PlanProposed(proposal) = &*event else { panic!("a plan: {event:?}") };
                        self.plans.push(proposal.clone());
                        let entry = next_entry(&mut self.seq, self.now, Arc::unwrap_or_clone(event));
                        let hash = MessageHash(u128::from(self.seq));
                        inputs.push_back(Input::Entry(LogEntry { hash, ..entry }));
                    }
                    Effect::AppendOwn(event) => {
                        self.own.push(event.clone());
                        if self.own_comes_back && !matches!(event, Event::FeaturesLearned(_)) {
                            inputs.push_back(Input::Entry(next_entry(&mut self.seq, self.now, event)));
                        }
                    }
                    Effect::Publish(assignment) => self.published.push(assignment),
                    Effect::Rerouted(vehicles) => self.rerouted.extend(vehicles),
                    Effect::Folded { entry, .. } => self.log.push((*entry).clone()),
                    Effect::FetchLegs(query) => self.queries.push(query),
                    Effect::Tell(eta) => self.told.push(eta),
                    Effect::Note(note) => self.notes.push(note),
                    Effect::Solve(job) => self.jobs.push(job),
                    Effect::ReadLastPlan => {}
                }
            }
        }
        self.engine.fleet().check().unwrap();
    }

    /// A fact, whether or not it is answered.
    fn happens(&mut self, event: Event) {
        let entry = next_entry(&mut self.seq, self.now, event);
        let id = self.seq;
        self.input(Input::Entry(LogEntry { id, ..entry }));
    }

    /// A fact; afterwards everything that asks has been answered.
    fn fact(&mut self, event: Event) {
        self.happens(event);
        assert!(self.engine.fleet().unanswered().is_empty(), "a fact was never answered");
    }

    fn order(&mut self, order: Order) {
        self.fact(Event::OrderCreated(order));
    }

    fn at_stop(&mut self, vehicle: &str, order: &str, stop: StopKind, make: fn(StopEvent) -> Event) {
        let at = Timestamp(self.now);
        self.fact(make(StopEvent { vehicle: name(vehicle), order: name(order), stop, at, position: None }));
    }

    /// Lets searches run, and performs what they find, until none begins within a minute.
    fn rest(&mut self) {
        for job in std::mem::take(&mut self.jobs) {
            self.input(Input::Solved(crate::run(job, &AtomicBool::new(false))));
        }
        let ends = Timestamp(self.now + 60_000);
        while let Some(at) = self.engine.next_tick().filter(|&at| at < ends) {
            self.now = self.now.max(at.0) + 1;
            let mut effects = Vec::new();
            self.engine.handle(Input::Tick(Timestamp(self.now)), &mut effects);
            let mut reports = Vec::new();
            let mut plans = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Solve(job) => reports.push(crate::run(job, &AtomicBool::new(false))),
                    Effect::Append { event, .. } => plans.push(Arc::unwrap_or_clone(event)),
                    Effect::Folded { .. }
                    | Effect::Rerouted(_)
                    | Effect::FetchLegs(_)
                    | Effect::ReadLastPlan
                    | Effect::AppendOwn(_)
                    | Effect::Publish(_)
                    | Effect::Tell(_) => {}
                    Effect::Note(note) => self.notes.push(note),
                }
            }
            for plan in plans {
                if let Event::PlanProposed(proposal) = &plan {
                    self.plans.push(proposal.clone());
                }
                let entry = next_entry(&mut self.seq, self.now, plan);
                let hash = MessageHash(u128::from(self.seq));
                self.input(Input::Entry(LogEntry { hash, ..entry }));
            }
            for report in reports {
                self.input(Input::Solved(report));
            }
        }
    }

    fn route(&self, vehicle: &str) -> Vec<String> {
        let fleet = self.engine.fleet();
        let state = fleet.vehicle(fleet.vehicle_id(vehicle).unwrap());
        let mark = |stop| if stop == StopKind::Pickup { "+" } else { "" };
        state
            .route
            .visits
            .iter()
            .map(|visit| format!("{}{}", mark(visit.stop), fleet.order(visit.order).name))
            .collect()
    }

    fn placement(&self, order: &str) -> Placement {
        self.engine.fleet().order(self.engine.fleet().order_id(order).unwrap()).placement
    }
}

/// One entrance, so that whatever happens to the engine is an `Input` and can be written down and played again.
#[test]
fn the_engine_has_one_public_method_that_changes_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut files = vec![std::path::PathBuf::from(folder)];
    let mut found = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for block in text.split("\nimpl Engine {").skip(1) {
            let block = block.split("\n}").next().unwrap();
            for function in block.split("    pub fn ").skip(1) {
                let signature = function.split('{').next().unwrap();
                if signature.contains("&mut self") {
                    found.push(signature.split('(').next().unwrap().to_owned());
                }
            }
        }
    }
    assert_eq!(found, ["handle"]);
}

/// Every row of `docs/REACTIONS.md` names the tests that hold it, and there are such tests.
#[test]
fn every_reaction_in_the_documents_is_held_by_a_test() {
    let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let text = std::fs::read_to_string(format!("{crates}/../docs/REACTIONS.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what happens"));
    let mut held = 0;
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        assert!(tests.contains('`'), "no test holds: {row}");
        for test in tests.split(',') {
            let (file, function) = test.trim().split_once(" `").unwrap_or_else(|| panic!("{test} in {row}"));
            let path = match file.split_once('/').unwrap() {
                ("engine", file) => format!("{crates}/engine/src/tests/{file}.rs"),
                ("fleet", file) => format!("{crates}/fleet/tests/{file}.rs"),
                other => panic!("{other:?} in {row}"),
            };
            let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let function = format!("fn {}()", function.trim().trim_end_matches('`'));
            assert!(source.contains(&function), "{path} has no `{function}`");
            held += 1;
        }
    }
    assert!(held > 15, "{held}");
}

//! The loop without a clock. Again and again it takes whichever comes first: the world's next event, the engine's next tick, or
//! something that is under way. Searches run at once, and their reports arrive after a modelled delay.
//!
//! Simulation, what-if replay and the tests share it. `fleetfold serve` is the only other loop.
//!
//! Promise: a run of a world with finitely many facts ends. Where the engine and the world keep each other busy without anything
//! being done, the run ends as [`Stuck`] and says since when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fleetfold_fleet::{Change, Fleet};
use fleetfold_journal::{LastPlan, Outcome, ZoneName, chain, own_message};
use fleetfold_model::{Assignment, Eta, Event, LogEntry, LogSeq, MessageHash, Millis, Timestamp};
use fleetfold_roads::Network;

use crate::effect::{Effect, Input, Note, PositionReport};
use crate::engine::Engine;
use crate::search::{SolveReport, run as run_search};

/// What a world does next.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A fact, with the hash of its event id.
    Fact(u64, Event),
    /// A position report.
    Position(PositionReport),
}

/// A world that reacts to assignments: recorded orders with simulated drivers, or a generated city.
pub trait World {
    /// When something happens next (log time), if anything will.
    fn next(&mut self) -> Option<Timestamp>;
    /// What happens at that time.
    fn take(&mut self, now: Timestamp) -> Vec<Happening>;
    /// A driver is told.
    fn told(&mut self, assignment: &Assignment, now: Timestamp);
}

/// How long things take in the model.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// From sending a plan to its return from the log.
    pub commit: Millis,
    /// From starting a search to its report.
    pub search: Millis,
}

impl Default for Delays {
    /// A local broker, and a search of the usual length.
    fn default() -> Self {
        Self { commit: Millis(5), search: Millis(700) }
    }
}

/// What whoever watches a run sees.
pub enum Seen<'a> {
    /// An entry and what it changed.
    Entry(&'a LogEntry, &'a Change),
    /// A note.
    Note(&'a Note),
    /// A customer is told when his order comes.
    Told(&'a Eta),
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The engine at the end.
    pub engine: Engine,
    /// The run was broken off because nothing came of it any more; `None`: the world was over.
    pub stuck: Option<Stuck>,
}

/// A run that would never end. It is a fault of the engine or of the world, never of the day that is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Log time at which it was broken off.
    pub at: Timestamp,
    /// What goes on for ever.
    pub what: &'static str,
}

impl std::fmt::Display for Stuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the run does not end: {} (broken off at {} ms)", self.what, self.at.0)
    }
}

/// Most steps at one instant. A step takes everything that the world does at that instant, so a burst of
/// orders is one step (guess).
const STEPS_AT_ONCE_MAX: u64 = 100_000;
/// How often the world may act in a row without a fact or a position to report. Drivers look at each new plan without having anything
/// to say, and during a drive around the earth there are 26,000 of them; a driver who takes the same break for ever has no end.
const SILENT_ACTS_MAX: u64 = 100_000;
/// Most plans in a row of which the fold refuses every group (guess: two searches that cross cost one or two).
const REFUSED_PLANS_MAX: u64 = 100;
/// When nothing but ticks has happened for this long, the time between ticks grows to a 64th of the silence. On a working day a tick a
/// second matters; a year without an event would have 31 million of them.
const TICKS_QUIET: Millis = Millis(24 * 3_600_000);

/// Watches that a run gets on.
struct Progress {
    now: Timestamp,
    steps_at_once: u64,
    silent_acts: u64,
    /// The last step that was no tick.
    stirred: Timestamp,
    /// Plans in a row that changed nothing.
    refused_plans: u64,
}

impl Progress {
    fn new(start: Timestamp) -> Self {
        Self { now: start, steps_at_once: 0, silent_acts: 0, stirred: start, refused_plans: 0 }
    }

    /// When the next tick is worth its time.
    fn tick(&self, due: Timestamp) -> Timestamp {
        let quiet = self.now - self.stirred;
        if quiet > TICKS_QUIET { due.max(self.now + Millis(quiet.0 / 64)) } else { due }
    }

    fn step(&mut self, now: Timestamp) -> Option<&'static str> {
        self.steps_at_once = if now > self.now { 0 } else { self.steps_at_once + 1 };
        self.now = now;
        (self.steps_at_once > STEPS_AT_ONCE_MAX).then_some("time stands still")
    }

    /// The world acted; `reports`: how many facts and positions came of it.
    fn acted(&mut self, reports: usize) -> Option<&'static str> {
        self.stirred = self.now;
        self.silent_acts = if reports > 0 { 0 } else { self.silent_acts + 1 };
        (self.silent_acts > SILENT_ACTS_MAX).then_some("drivers act again and again without anything to report")
    }

    /// An entry was folded. The same plan for the same fleet is refused again, and would be proposed again at once.
    fn folded(&mut self, change: &Change) -> Option<&'static str> {
        let plan = change.plan.as_ref()?;
        let refused = !plan.accepted.iter().any(|&accepted| accepted);
        self.refused_plans = if refused { self.refused_plans + 1 } else { 0 };
        (self.refused_plans > REFUSED_PLANS_MAX).then_some("every plan is refused and proposed again")
    }

    /// A tick; `alone`: neither the world nor anything under way will bring another input.
    fn ticked(&self, alone: bool) -> Option<&'static str> {
        (alone && self.now - self.stirred > TICKS_QUIET).then_some("a route waits for a search that never begins")
    }
}

enum Pending {
    Plan(Arc<Event>, LogSeq),
    Solved(Box<SolveReport>),
    Own(Box<Event>),
}

/// The zone of a run in virtual time, as its plans' message ids name it.
///
/// # Panics
///
/// Never: the name is legal.
pub fn zone() -> ZoneName {
    ZoneName::new("virtual", "day").expect("a legal name")
}

/// Runs a world to its end. `watch` sees every entry after it was folded, and every note.
pub fn run(
    world: &mut impl World,
    network: Arc<Network>,
    start: Timestamp,
    delays: Delays,
    mut watch: impl FnMut(&Engine, Seen<'_>),
) -> Ended {
    let mut engine = Engine::new(Fleet::new(), network);
    let mut effects = Vec::new();
    let mut pending: BTreeMap<(Timestamp, u64), Pending> = BTreeMap::new();
    let (mut seq, mut order, mut now) = (0u64, 0u64, start);
    let zone = zone();
    let mut last_plan: Option<LastPlan> = None;
    let never = AtomicBool::new(false);
    let mut progress = Progress::new(start);
    let mut inputs: Vec<Input> = vec![Input::Commit(Outcome::Granted(1))];
    loop {
        for input in inputs.drain(..) {
            let first = effects.len();
            engine.handle(input, &mut effects);
            // Whoever watches sees each entry before the next one is folded.
            if let Some(Effect::Folded { entry, change }) = effects.get(first) {
                watch(&engine, Seen::Entry(entry, change));
                if let Some(what) = progress.folded(change) {
                    return Ended { engine, stuck: Some(Stuck { at: now, what }) };
                }
            }
        }
        for effect in std::mem::take(&mut effects) {
            match effect {
                Effect::Folded { .. } | Effect::Rerouted(_) => {}
                Effect::Append { event, expected } => {
                    order += 1;
                    pending.insert((now + delays.commit, order), Pending::Plan(event, expected));
                }
                Effect::FetchLegs(query) => inputs.push(Input::Legs(engine.network().fetch(&query))),
                Effect::ReadLastPlan => inputs.push(Input::Commit(Outcome::LastPlan(last_plan))),
                Effect::Solve(job) => {
                    order += 1;
                    let report = run_search(job, &never);
                    pending.insert((now + delays.search, order), Pending::Solved(Box::new(report)));
                }
                Effect::AppendOwn(event) => {
                    order += 1;
                    pending.insert((now + delays.commit, order), Pending::Own(Box::new(event)));
                }
                Effect::Publish(assignment) => world.told(&assignment, now),
                Effect::Tell(eta) => watch(&engine, Seen::Told(&eta)),
                Effect::Note(note) => watch(&engine, Seen::Note(&note)),
            }
        }
        if !inputs.is_empty() {
            continue;
        }
        let happens = world.next();
        let arrives = pending.keys().next().map(|&(at, _)| at);
        // Ticks matter only while something can still come of them: an event, or a search if the zone's policy has any.
        let alone = happens.is_none() && arrives.is_none();
        let searches = engine.dirty_count() > 0 && engine.fleet().policy().search_rounds > 0;
        let ticks = engine.next_tick().filter(|_| !alone || searches).map(|due| progress.tick(due));
        let Some(at) = [happens, arrives, ticks].into_iter().flatten().min() else {
            return Ended { engine, stuck: None };
        };
        now = now.max(at);
        let mut endless = progress.step(now);
        if arrives == Some(at) {
            progress.stirred = now;
            let (_, what) = pending.pop_first().expect("something is pending");
            match what {
                Pending::Own(event) => {
                    seq += 1;
                    let (hash, event) = (MessageHash::default(), *event);
                    inputs.push(Input::Entry(LogEntry {
                        numbered: None,
                        seq: LogSeq(seq),
                        logged_at: now,
                        id: 0,
                        time: None,
                        hash,
                        event,
                    }));
                }
                Pending::Solved(report) => inputs.push(Input::Solved(*report)),
                Pending::Plan(event, expected) => {
                    if last_plan.map_or(LogSeq(0), |last| last.seq) == expected {
                        seq += 1;
                        let plan =
                            if let Event::PlanProposed(plan) = &*event { Some((plan.epoch, plan.rev)) } else { None };
                        last_plan = Some(LastPlan { seq: LogSeq(seq), plan });
                        inputs.push(Input::Commit(Outcome::Stored(LogSeq(seq))));
                        // The bytes it would have in a log, so that the chain is the one that a recording of this run has.
                        let fleet_zone = engine.fleet().zone();
                        let message = own_message(&zone, &event, fleet_zone.space, fleet_zone.zone_time(now));
                        let (hash, event) = (chain::hash(&message.bytes), Arc::unwrap_or_clone(event));
                        inputs.push(Input::Entry(LogEntry {
                            numbered: None,
                            seq: LogSeq(seq),
                            logged_at: now,
                            id: 0,
                            time: None,
                            hash,
                            event,
                        }));
                    } else {
                        inputs.push(Input::Commit(Outcome::WrongSequence));
                    }
                }
            }
        } else if happens == Some(at) {
            let happenings = world.take(now);
            endless = endless.or(progress.acted(happenings.len()));
            for happening in happenings {
                inputs.push(match happening {
                    Happening::Fact(id, event) => {
                        seq += 1;
                        let hash = MessageHash::default();
                        Input::Entry(LogEntry {
                            numbered: None,
                            seq: LogSeq(seq),
                            logged_at: now,
                            id,
                            time: None,
                            hash,
                            event,
                        })
                    }
                    Happening::Position(report) => Input::Position(report),
                });
            }
        } else {
            endless = endless.or(progress.ticked(alone));
            inputs.push(Input::Tick(now));
        }
        if let Some(what) = endless {
            return Ended { engine, stuck: Some(Stuck { at: now, what }) };
        }
    }
}

//! The loop without a clock: take the earliest of the world's next event, the engine's next tick and whatever is under
//! way; handle it; run searches inline and deliver them after a modelled delay.
//!
//! Simulation, what-if replay and the tests share it. `fleetfold serve` is the only other loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fleetfold_fleet::{Change, Fleet};
use fleetfold_journal::{LastPlan, Outcome, ZoneName, chain, own_message};
use fleetfold_model::{Assignment, Event, LogEntry, LogSeq, MessageHash, Millis, Timestamp};
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

/// Something that was folded, for whoever watches.
pub enum Seen<'a> {
    /// An entry and what it changed.
    Entry(&'a LogEntry, &'a Change),
    /// A note.
    Note(&'a Note),
}

enum Pending {
    Plan(Box<fleetfold_model::Proposal>, LogSeq),
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

/// Runs a world to its end and returns the engine. `watch` sees every entry after it was folded, and every note.
pub fn run(
    world: &mut impl World,
    network: Arc<Network>,
    start: Timestamp,
    delays: Delays,
    mut watch: impl FnMut(&Engine, Seen<'_>),
) -> Engine {
    let mut engine = Engine::new(Fleet::new(), network);
    let mut effects = Vec::new();
    let mut pending: BTreeMap<(Timestamp, u64), Pending> = BTreeMap::new();
    let (mut seq, mut order, mut now) = (0u64, 0u64, start);
    let zone = zone();
    let mut last_plan: Option<LastPlan> = None;
    let never = AtomicBool::new(false);
    let mut inputs: Vec<Input> = vec![Input::Commit(Outcome::Granted(1))];
    loop {
        for input in inputs.drain(..) {
            let first = effects.len();
            engine.handle(input, &mut effects);
            // Whoever watches sees each entry before the next one is folded.
            if let Some(Effect::Folded { entry, change }) = effects.get(first) {
                watch(&engine, Seen::Entry(entry, change));
            }
        }
        for effect in std::mem::take(&mut effects) {
            match effect {
                Effect::Folded { .. } | Effect::Rerouted(_) => {}
                Effect::Append { proposal, expected } => {
                    order += 1;
                    pending.insert((now + delays.commit, order), Pending::Plan(Box::new(proposal), expected));
                }
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
                Effect::Note(note) => watch(&engine, Seen::Note(&note)),
            }
        }
        if !inputs.is_empty() {
            continue;
        }
        let happens = world.next();
        let arrives = pending.keys().next().map(|&(at, _)| at);
        // Ticks matter only while something can still come of them.
        let ticks = engine.next_tick().filter(|_| happens.is_some() || arrives.is_some() || engine.dirty_count() > 0);
        let Some(at) = [happens, arrives, ticks].into_iter().flatten().min() else { return engine };
        now = now.max(at);
        if arrives == Some(at) {
            let (_, what) = pending.pop_first().expect("something is pending");
            match what {
                Pending::Own(event) => {
                    seq += 1;
                    let (hash, event) = (MessageHash::default(), *event);
                    inputs.push(Input::Entry(LogEntry { seq: LogSeq(seq), logged_at: now, id: 0, hash, event }));
                }
                Pending::Solved(report) => inputs.push(Input::Solved(*report)),
                Pending::Plan(proposal, expected) => {
                    if last_plan.map_or(LogSeq(0), |last| last.seq) == expected {
                        seq += 1;
                        let plan = Some((proposal.epoch, proposal.rev));
                        last_plan = Some(LastPlan { seq: LogSeq(seq), plan });
                        inputs.push(Input::Commit(Outcome::Stored(LogSeq(seq))));
                        // The bytes it would have in a log, so that the chain is the one that a recording of this run has.
                        let fleet_zone = engine.fleet().zone();
                        let event = Event::PlanProposed(*proposal);
                        let message = own_message(&zone, &event, fleet_zone.space, fleet_zone.zone_time(now));
                        let hash = chain::hash(&message.bytes);
                        inputs.push(Input::Entry(LogEntry { seq: LogSeq(seq), logged_at: now, id: 0, hash, event }));
                    } else {
                        inputs.push(Input::Commit(Outcome::WrongSequence));
                    }
                }
            }
        } else if happens == Some(at) {
            for happening in world.take(now) {
                inputs.push(match happening {
                    Happening::Fact(id, event) => {
                        seq += 1;
                        let hash = MessageHash::default();
                        Input::Entry(LogEntry { seq: LogSeq(seq), logged_at: now, id, hash, event })
                    }
                    Happening::Position(report) => Input::Position(report),
                });
            }
        } else {
            inputs.push(Input::Tick(now));
        }
    }
}

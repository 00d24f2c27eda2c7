//! The state machine: inputs in, effects out.

mod fold;
mod own;
mod side_by_side;
mod waiting;

use std::collections::BTreeSet;
use std::sync::Arc;

use fleetfold_fleet::{Fleet, Spread};
use fleetfold_journal::Commit;
use fleetfold_model::{Event, LogSeq, OrderId, Timestamp, VehicleId};
use fleetfold_roads::Network;

use crate::account::Refusals;
use crate::alerts::Alerts;
use crate::answer::may_be_saved;
use crate::calm::Changes;
use crate::effect::{Effect, Input, Note, PositionReport};
use crate::etas::Etas;
use crate::holds::Holds;
use crate::learn::Learner;
use crate::legs::LegWait;
use crate::located::Located;
use crate::moment::Moment;
use crate::overload::Overload;
use crate::pace::{Backlog, Pace};
use crate::periods;
use crate::plausible::Doubts;
use crate::promises::Promises;
use crate::relief::Relief;
use crate::retries::Retries;
use crate::returns::Returns;
use crate::roads::Roads;
use crate::searches::Searches;
use crate::watch::Watch;

#[cfg(test)]
pub(crate) use side_by_side::Queue;
pub(crate) use side_by_side::Read;
#[cfg(test)]
pub(crate) use waiting::{PLAN_BYTES, answers_to, fitting, tasks};

/// Judgement over a fleet.
#[derive(Debug)]
pub struct Engine {
    fleet: Fleet,
    /// Log time as far as any input has said.
    log_now: Timestamp,
    commit: Commit,
    roads: Roads,
    promises: Promises,
    searches: Searches,
    refusals: Refusals,
    located: Located,
    /// Positions that cannot be.
    doubts: Doubts,
    /// Where orders came from.
    returns: Returns,
    /// How often searches have changed what drivers were told.
    changes: Changes,
    legs: LegWait,
    learner: Learner,
    overload: Overload,
    /// How fast facts are answered.
    pace: Pace,
    /// Orders on no route, to be tried again.
    retries: Retries,
    /// Vehicles of which nothing is heard.
    relief: Relief,
    /// What an operator should look at.
    alerts: Alerts,
    /// When customers' orders come.
    etas: Etas,
    /// Slots that are kept for customers.
    holds: Holds,
    /// A plan stays below this many bytes.
    plan_bytes: usize,
    /// When that was changed last (log time).
    smaller_since: Timestamp,
    /// Hears which facts are answered next.
    watch: Option<Arc<dyn Watch>>,
    /// A fact that is left unanswered.
    left: BTreeSet<LogSeq>,
}

impl Engine {
    /// An engine over a fleet that has been folded so far. It owns nothing until [`fleetfold_journal::Outcome::Granted`].
    pub fn new(fleet: Fleet, network: Arc<Network>) -> Self {
        Self {
            log_now: fleet.logged_at(),
            commit: Commit::default(),
            roads: Roads::new(network.in_space(fleet.zone().space), fleet.vehicles().len() as u32),
            promises: Promises::default(),
            searches: Searches::new(fleet.policy().search_rounds),
            refusals: Refusals::default(),
            located: Located::default(),
            doubts: Doubts::default(),
            returns: Returns::default(),
            changes: Changes::default(),
            legs: LegWait::default(),
            learner: Learner::default(),
            overload: Overload::default(),
            pace: Pace::default(),
            retries: Retries::of(&fleet),
            relief: Relief::default(),
            alerts: Alerts::default(),
            etas: Etas::default(),
            holds: Holds::of(&fleet),
            plan_bytes: waiting::PLAN_BYTES,
            smaller_since: Timestamp(0),
            watch: None,
            left: BTreeSet::new(),
            fleet,
        }
    }

    /// Vehicles to which a search does not send an order back now.
    #[cfg(test)]
    pub(crate) fn barred(&self, order: fleetfold_model::OrderId) -> Vec<fleetfold_model::VehicleId> {
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        self.returns.barred(order, moment.now()).collect()
    }

    /// Takes one input and appends what must happen outside. Never blocks, fails, or reads a clock.
    pub fn handle(&mut self, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Entry(entry) => self.entry(Arc::new(entry), effects),
            Input::Skipped { seq, on_plan_subject } => {
                self.fleet.skip(seq, on_plan_subject);
                self.commit.passed(seq);
            }
            Input::Position(report) => self.position(&report, effects),
            Input::Tick(now) => self.tick(now, effects),
            Input::Solved(report) => effects.extend(self.searches.solved(&self.fleet, &report).map(Effect::Note)),
            Input::Commit(outcome) => self.commit_outcome(outcome, effects),
            Input::Legs(answer) => {
                self.roads.network().learn(&answer);
                self.legs.came(answer.is_empty());
            }
            Input::Broken { orders, vehicles, what } => self.broken(orders, vehicles, what, effects),
        }
        self.look_at_the_wait(effects);
        self.answer(effects);
        self.search(effects);
        effects.extend(self.roads.take_rerouted().map(Effect::Rerouted));
    }

    fn position(&mut self, report: &PositionReport, effects: &mut Vec<Effect>) {
        let known = self.fleet.vehicle_id(report.vehicle.as_str());
        if known.is_some_and(|id| !self.doubts.allow(&self.fleet, id, report.position, report.at)) {
            effects.push(Effect::Note(Note::Implausible { vehicle: report.vehicle.clone() }));
            return;
        }
        let could_turn = known.is_some_and(|id| self.fleet.vehicle(id).on_its_way_at().is_some());
        let Some(vehicle) = self.fleet.hint(&report.vehicle, report.position, report.at) else { return };
        if self.learns() {
            self.learner.passed(&self.fleet, self.roads.network(), vehicle, report.at, report.position);
        }
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        if !could_turn && may_be_saved(&self.fleet, vehicle).next().is_some() {
            // Until now nobody knew where he could turn.
            self.promises.repair(vehicle);
        }
        self.promises.look_at(moment, self.roads.outlook(), vehicle);
    }

    fn tick(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.log_now = self.log_now.max(now);
        self.look_at_alerts(effects);
        if self.commit.epoch().is_none() || !self.promises.is_due(self.log_now) {
            return;
        }
        self.look_at_roads();
        if self.learns()
            && let Some(mut features) = self.learner.close(&self.fleet, self.log_now)
        {
            features.epoch = self.commit.epoch().unwrap_or(0);
            features.arrivals = self.etas.learned(&self.fleet);
            effects.push(Effect::AppendOwn(Event::FeaturesLearned(features)));
        }
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        self.promises.look_around(moment, self.roads.outlook());
        effects.extend(self.etas.look_around(moment, self.overload).into_iter().map(Effect::Tell));
        self.roads.index_some(moment);
    }

    /// The owner of the zone says what an operator should look at, and gives up slots that nobody has taken.
    fn look_at_alerts(&mut self, effects: &mut Vec<Effect>) {
        let Some(epoch) = self.commit.epoch() else { return };
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        let alerts = self.alerts.look(moment, self.overload.level(), epoch);
        let ended = self.holds.ended(moment, epoch);
        effects.extend(ended.into_iter().chain(alerts).map(Effect::AppendOwn));
    }

    /// True while what happens is learned from.
    fn learns(&self) -> bool {
        self.fleet.policy().learn && self.commit.epoch().is_some()
    }

    /// How long facts wait says how much is done for each. Only an owner answers, so only an owner can be late.
    fn look_at_the_wait(&mut self, effects: &mut Vec<Effect>) {
        self.pace.look(periods::waiting(&self.fleet, &self.left, self.log_now), self.log_now);
        // What waits for a time of decision is not late.
        let oldest = periods::oldest(&self.fleet, &self.left);
        let oldest = oldest.map(|ask| self.log_now - periods::decided_at(&self.fleet, ask.logged_at));
        let wait = oldest.map(|oldest| oldest.max(self.pace.backlog().answered_within(0)));
        if self.overload.look(wait.filter(|_| self.commit.epoch().is_some()), self.log_now) {
            effects.push(Effect::Note(Note::Overload { level: self.overload.level() }));
        }
    }

    fn search(&mut self, effects: &mut Vec<Effect>) {
        let free = !self.commit.is_waiting() && !periods::asks(&self.fleet, &self.left, self.log_now);
        if self.commit.epoch().is_some() && free && periods::is_open(&self.fleet, self.log_now) {
            let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
            let effort = self.overload.effort();
            effects.extend(self.searches.start(moment, self.roads.outlook(), &self.returns, effort).map(Effect::Solve));
        }
    }

    /// Log time at which the engine wants its next tick; `None` while there is nothing to watch: an idle engine is idle.
    pub fn next_tick(&self) -> Option<Timestamp> {
        if self.commit.epoch().is_none() {
            // Who has let the zone go at a high level must not stay there: no other input may come for long.
            return self.overload.due_at();
        }
        // While an answer is under way no search begins: what ends that is an input of its own, not a tick.
        let free = !self.commit.is_waiting() && !periods::asks(&self.fleet, &self.left, self.log_now);
        let is_open = periods::is_open(&self.fleet, self.log_now);
        let period = periods::due_at(&self.fleet, self.log_now);
        let search = self.searches.due_at(&self.fleet, self.overload.effort()).filter(|_| free && is_open);
        let look = self.promises.due_at(&self.fleet, self.log_now);
        let alerts = self.alerts.due_at(&self.fleet, self.log_now);
        let holds = self.holds.due_at(&self.fleet);
        let held = self.located.due_at(&self.fleet);
        // Nothing is tried while no answer can be made: what ends that is an input, or another tick.
        let answers = free && is_open && self.commit.is_ready() && !self.legs.is_waiting(self.log_now);
        let room = self.retries.has_rooms().then_some(self.log_now);
        let again = room.or(self.retries.due_at()).filter(|_| answers && self.overload.effort().is_whole());
        [period, search, look, alerts, holds, held, again, self.legs.due_at(), self.overload.due_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The same engine, which searches so many regions at the same time: as many as its runner has threads for. Plans depend on it.
    #[must_use]
    pub fn with_regions_side_by_side(mut self, regions: usize) -> Self {
        self.searches.side_by_side(regions);
        self
    }

    /// The same engine, of which somebody hears which facts it answers.
    #[must_use]
    pub fn watched(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// The same engine, which leaves some facts unanswered, because whoever answers them does not outlive it. In the fleet they wait as before,
    /// and their orders stay where they are; others are served as if these did not wait.
    #[must_use]
    pub fn leaving(mut self, facts: impl IntoIterator<Item = LogSeq>) -> Self {
        self.left.extend(facts);
        self
    }

    /// Level of overload, 0 to 4: see [`Note::Overload`].
    pub fn overload(&self) -> u8 {
        self.overload.level()
    }

    /// Facts that wait, and the pace at which they are answered: by this engine, or by the owner of the zone whose plans it reads.
    pub fn backlog(&self) -> Backlog {
        self.pace.backlog()
    }

    /// The fleet.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The roads as they are now.
    pub fn network(&self) -> &Arc<Network> {
        self.roads.network()
    }

    /// The commit protocol's state.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// Zone time.
    pub fn now(&self) -> Timestamp {
        self.fleet.zone().zone_time(self.log_now)
    }

    /// Event time before which all observations have been waited for; `None`: nothing was observed yet.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.learner.watermark()
    }

    /// How far arrivals were from what was expected at the departure, early or late, since this engine owns the zone.
    pub fn arrival_errors(&self) -> &Spread {
        self.learner.errors()
    }

    /// Observations that came too late to be learned from.
    pub fn late_observations(&self) -> u64 {
        self.learner.late()
    }

    /// How many routes wait for a search.
    pub fn dirty_count(&self) -> usize {
        self.searches.dirty_count()
    }

    /// True while a search runs.
    pub fn is_searching(&self) -> bool {
        self.searches.is_running()
    }

    /// Vehicles whose ways a change of the roads has touched, as far as their routes were not made anew since. `seq`: the entry that told
    /// of it.
    /// Each with its orders: of a change that is in force all that are on the route, of one that is to come those to whose stops it will be
    /// driven in the time of the change, on a way that takes longer then, or does not lead there.
    pub fn touched_by_roads(&self, seq: LogSeq) -> Vec<(VehicleId, Vec<OrderId>)> {
        let of_route = |vehicle: VehicleId| {
            let mut orders: Vec<OrderId> = Vec::new();
            for visit in &self.fleet.vehicle(vehicle).route.visits {
                if !orders.contains(&visit.order) {
                    orders.push(visit.order);
                }
            }
            (vehicle, orders)
        };
        let to_come = self.roads.touched_later(Moment { fleet: &self.fleet, log_now: self.log_now }, seq);
        self.roads.touched_since(seq).map(of_route).chain(to_come).collect()
    }

    /// The roads as they are now and as they are expected to be in the hours to come.
    pub fn outlook(&self) -> &crate::outlook::Outlook {
        self.roads.outlook()
    }
}

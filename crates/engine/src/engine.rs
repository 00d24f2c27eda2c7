//! The state machine: inputs in, effects out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleetfold_fleet::{Change, Fleet, Spread};
use fleetfold_journal::{Commit, Outcome};
use fleetfold_model::{
    AssignedVisit, Assignment, Event, ExchangeGroup, FORMAT, LogEntry, LogSeq, Millis, PlannedVisit, Proposal,
    SearchRecord, Timestamp, VehicleId,
};
use fleetfold_roads::{ActiveChange, LegIndex, Network, Speeds};

use crate::draft::Draft;
use crate::effect::{Effect, Input, Note};
use crate::learn::Learner;
use crate::outlook::{Known, Outlook};
use crate::proposal::Solved;
use crate::region;
use crate::search::{SolveJob, SolveReport};

/// How long an answer takes to come back at worst, log time: visits that freeze within it are left alone.
const ANSWER_MARGIN: Millis = Millis(250);
/// The same for a search.
const SEARCH_MARGIN: Millis = Millis(1_500);
/// How often promises are looked over while there are routes, log time.
const WATCH_EVERY: Millis = Millis(1_000);
/// Routes whose roads are looked up at each look at the promises: 16 routes of ten stops take about 10 ms.
const INDEXED_A_WATCH: usize = 16;
/// Fewest rounds a search shortens itself to.
const ROUNDS_MIN: u32 = 4;

/// A plan stays below this many bytes as estimated by [`weight`]; the wire refuses 512 KiB.
pub(crate) const PLAN_BYTES: usize = 400 << 10;

/// Bytes that a group takes in a message, on the safe side: names are at most 64 characters, mostly ten.
fn weight(group: &ExchangeGroup) -> usize {
    let visits: usize = group.routes.iter().map(|route| route.visits.len()).sum();
    200 * group.routes.len()
        + 320 * visits
        + 420 * group.choices.len()
        + 120 * group.unassigned.len()
        + 12 * group.caused_by.len()
}

#[cfg(test)]
pub(crate) fn weight_of(proposal: &Proposal) -> usize {
    proposal.groups.iter().map(weight).sum()
}

/// Judgement over a fleet.
#[derive(Debug)]
pub struct Engine {
    pub(crate) fleet: Fleet,
    /// As it was given: normal speeds, all open.
    pub(crate) normal_network: Arc<Network>,
    /// At the speeds of now, all open.
    pub(crate) base_network: Arc<Network>,
    pub(crate) network: Arc<Network>,
    /// `network`, and what the hours to come will make of it.
    pub(crate) outlook: Outlook,
    /// What `outlook` was made of.
    pub(crate) outlook_known: Option<Known>,
    pub(crate) active_roads: Vec<ActiveChange>,
    /// The speeds of `base_network`.
    pub(crate) speeds: Speeds,
    pub(crate) learner: Learner,
    /// Which roads the routes use.
    pub(crate) leg_index: LegIndex,
    /// Routes that changed since `leg_index` was told.
    pub(crate) unindexed: BTreeSet<VehicleId>,
    /// Routes whose ways may be others since the roads changed, for whoever draws them.
    pub(crate) rerouted: BTreeSet<VehicleId>,
    /// Some roads got quicker: what was unreachable may be reached.
    pub(crate) roads_opened: bool,
    pub(crate) commit: Commit,
    /// Log time as far as anyone has said.
    pub(crate) log_now: Timestamp,
    /// Stale routes, and since when (log time).
    pub(crate) dirty: BTreeMap<VehicleId, Timestamp>,
    /// Routes whose promises broke without a fact that asks, and the fact that made it so.
    pub(crate) repairs: BTreeMap<VehicleId, Option<LogSeq>>,
    /// Routes over roads that changed.
    pub(crate) road_hit: BTreeSet<VehicleId>,
    pub(crate) repaired: BTreeMap<VehicleId, Timestamp>,
    searching: Option<u64>,
    jobs: u64,
    rounds: u32,
    improvements: Vec<ExchangeGroup>,
    improvement_record: SearchRecord,
    watched_at: Timestamp,
}

impl Engine {
    /// An engine over a fleet that has been folded so far. It owns nothing until [`Outcome::Granted`].
    pub fn new(fleet: Fleet, network: Arc<Network>) -> Self {
        let rounds = fleet.policy().search_rounds;
        let log_now = fleet.logged_at();
        let vehicles = fleet.vehicles().len() as u32;
        Self {
            fleet,
            normal_network: Arc::clone(&network),
            base_network: Arc::clone(&network),
            outlook: Outlook::constant(Arc::clone(&network)),
            outlook_known: None,
            network,
            active_roads: Vec::new(),
            speeds: Speeds::default(),
            learner: Learner::default(),
            leg_index: LegIndex::default(),
            unindexed: (0..vehicles).map(VehicleId).collect(),
            rerouted: BTreeSet::new(),
            roads_opened: false,
            commit: Commit::default(),
            log_now,
            dirty: BTreeMap::new(),
            repairs: BTreeMap::new(),
            road_hit: BTreeSet::new(),
            repaired: BTreeMap::new(),
            searching: None,
            jobs: 0,
            rounds,
            improvements: Vec::new(),
            improvement_record: SearchRecord::default(),
            watched_at: Timestamp(i64::MIN / 2),
        }
    }

    /// The fleet.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The roads as they are now.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
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
        &self.learner.errors
    }

    /// Observations that came too late to be learned from.
    pub fn late_observations(&self) -> u64 {
        self.learner.late
    }

    /// How many routes wait for a search.
    pub fn dirty_count(&self) -> usize {
        self.dirty.len()
    }

    /// True while a search runs.
    pub fn is_searching(&self) -> bool {
        self.searching.is_some()
    }

    /// Log time at which the engine wants its next tick; `None` while there is nothing to watch: an idle engine is idle.
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.commit.epoch()?;
        // While an answer is under way no search begins: what ends that is an input of its own, not a tick.
        let free = self.searching.is_none() && !self.commit.is_waiting() && self.fleet.unanswered().is_empty();
        let search = if free && self.fleet.policy().search_rounds > 0 {
            self.dirty.values().min().map(|&since| since + self.fleet.policy().gather)
        } else {
            None
        };
        let routes = self.fleet.vehicles().iter().any(|vehicle| !vehicle.route.visits.is_empty());
        let timed_roads = self
            .fleet
            .roads()
            .values()
            .any(|road| !road.ended && (road.change.from.is_some() || road.change.until.is_some()));
        let watch = (routes || timed_roads).then_some(self.watched_at.max(self.log_now - WATCH_EVERY) + WATCH_EVERY);
        match (search, watch) {
            (Some(search), Some(watch)) => Some(search.min(watch)),
            (search, watch) => search.or(watch),
        }
    }

    /// Takes one input and appends what must happen outside. Never blocks, fails, or reads a clock.
    pub fn handle(&mut self, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Entry(entry) => self.entry(Arc::new(entry), effects),
            Input::Skipped { seq, on_plan_subject } => {
                self.fleet.skip(seq, on_plan_subject);
                self.commit.passed(seq);
            }
            Input::Position(report) => {
                if let Some(vehicle) = self.fleet.hint(&report.vehicle, report.position, report.at) {
                    if self.learns() {
                        self.learner.passed(&self.fleet, &self.network, vehicle, report.at, report.position);
                    }
                    self.watch(vehicle, None);
                }
            }
            Input::Tick(now) => {
                self.log_now = self.log_now.max(now);
                if self.commit.epoch().is_some() && self.log_now - self.watched_at >= WATCH_EVERY {
                    self.watched_at = self.log_now;
                    self.look_at_roads();
                    if self.learns()
                        && let Some(mut features) = self.learner.close(&self.fleet, self.log_now)
                    {
                        features.epoch = self.commit.epoch().unwrap_or(0);
                        effects.push(Effect::AppendOwn(Event::FeaturesLearned(features)));
                    }
                    self.watch_all();
                    self.index_routes(INDEXED_A_WATCH);
                }
            }
            Input::Solved(report) => self.solved(&report, effects),
            Input::Commit(outcome) => self.commit_outcome(outcome, effects),
        }
        self.answer(effects);
        self.search_if_due(effects);
        if !self.rerouted.is_empty() {
            effects.push(Effect::Rerouted(std::mem::take(&mut self.rerouted)));
        }
    }

    fn entry(&mut self, entry: Arc<LogEntry>, effects: &mut Vec<Effect>) {
        let first = effects.len();
        let change = self.fold(&entry, effects);
        effects.insert(first, Effect::Folded { entry, change });
    }

    fn fold(&mut self, entry: &LogEntry, effects: &mut Vec<Effect>) -> Change {
        let roads_before = self.fleet.road_version();
        let before = self.before_report(&entry.event);
        let change = self.fleet.apply(entry);
        self.log_now = self.log_now.max(entry.logged_at);
        if let Some(reason) = change.refused {
            effects.push(Effect::Note(Note::Refused { seq: entry.seq, reason }));
        }
        for &flag in &change.flags {
            effects.push(Effect::Note(Note::Flagged { seq: entry.seq, flag }));
        }
        if let (Event::PlanProposed(proposal), Some(plan)) = (&entry.event, &change.plan) {
            if plan.links {
                let (_, wanted) = self.commit.came_back(plan.epoch, plan.rev);
                effects.extend(wanted.map(Effect::from));
            }
            let refused = plan.accepted.iter().filter(|&&accepted| !accepted).count();
            if refused > 0 {
                effects.push(Effect::Note(Note::GroupsRefused { rev: plan.rev, groups: refused }));
            }
            if proposal.search.rounds > 0 {
                self.adapt(plan.accepted.len(), refused);
            }
            for (group, &accepted) in proposal.groups.iter().zip(&plan.accepted) {
                // Refused: stale again. Accepted improvements: one more look may gain more.
                if !accepted || proposal.search.rounds > 0 {
                    for route in &group.routes {
                        if let Some(vehicle) = self.fleet.vehicle_id(route.vehicle.as_str()) {
                            self.soil(vehicle);
                        }
                    }
                }
            }
        }
        self.commit.passed(entry.seq);
        self.unindexed.extend(&change.routes);
        if change.asks {
            for &vehicle in &change.vehicles {
                self.soil(vehicle);
            }
        }
        if change.plan.as_ref().is_some_and(|plan| plan.accepted.iter().any(|&accepted| accepted)) {
            for &vehicle in &change.routes {
                self.soil(vehicle);
            }
        }
        if self.commit.epoch().is_none() {
            return change;
        }
        let speeds = matches!(entry.event, Event::ZoneOpened(_) | Event::PolicyChanged(_) | Event::FeaturesLearned(_));
        if speeds || self.fleet.road_version() != roads_before {
            self.look_at_roads();
        }
        if change.refused.is_none() {
            self.learn_from(&entry.event, before);
        }
        if matches!(entry.event, Event::StopArrived(_) | Event::StopCompleted(_) | Event::StopDeparted(_)) {
            for &vehicle in &change.vehicles {
                self.watch(vehicle, Some(entry.seq));
            }
        }
        for &vehicle in &change.routes {
            effects.push(Effect::Publish(self.assignment(vehicle)));
        }
        change
    }

    fn commit_outcome(&mut self, outcome: Outcome, effects: &mut Vec<Effect>) {
        let led = self.commit.epoch().is_some();
        effects.extend(self.commit.outcome(outcome).map(Effect::from));
        if !led && self.commit.epoch().is_some() {
            // A new owner: everything stale is dirty, everybody is told again (receivers keep the highest revision).
            self.look_at_roads();
            for id in 0..self.fleet.vehicles().len() as u32 {
                let vehicle = VehicleId(id);
                if !self.fleet.vehicle(vehicle).route.visits.is_empty() {
                    self.soil(vehicle);
                }
                if self.fleet.vehicle(vehicle).route.revision > LogSeq(0) {
                    effects.push(Effect::Publish(self.assignment(vehicle)));
                }
            }
        }
    }

    pub(crate) fn soil(&mut self, vehicle: VehicleId) {
        if self.fleet.vehicle(vehicle).is_available() {
            self.dirty.entry(vehicle).or_insert(self.log_now);
        }
    }

    /// A span of log time as zone time.
    pub(crate) fn zone_span(&self, span: Millis) -> Millis {
        Millis(span.0.saturating_mul(i64::from(self.fleet.zone().rate)))
    }

    pub(crate) fn answer_margin(&self) -> Millis {
        self.zone_span(ANSWER_MARGIN)
    }

    /// One vehicle's route as its driver is told.
    pub fn assignment(&self, vehicle: VehicleId) -> Assignment {
        let state = self.fleet.vehicle(vehicle);
        let frozen = state.frozen(self.now());
        let visits = state.route.visits.iter().enumerate().filter_map(|(index, visit)| {
            let order = self.fleet.order(visit.order);
            let position = order.stop(visit.stop)?.position;
            let visit = PlannedVisit {
                order: order.name.clone(),
                stop: visit.stop,
                depart_at: visit.depart_at,
                arrival: visit.arrival,
                start: visit.start,
                departure: visit.departure,
                metres: visit.metres,
                break_before: visit.break_before,
            };
            Some(AssignedVisit { visit, position, frozen: index < frozen })
        });
        Assignment { vehicle: state.name.clone(), revision: state.route.revision, visits: visits.collect() }
    }

    // ---- proposing -----------------------------------------------------------------------------------------------

    /// Sends groups as the next plan of the chain.
    ///
    /// A plan is one message, and messages have a limit: groups beyond it are returned. The facts they answer stay
    /// unanswered, so that the next plan answers them.
    pub(crate) fn propose(
        &mut self,
        mut groups: Vec<ExchangeGroup>,
        search: SearchRecord,
        effects: &mut Vec<Effect>,
    ) -> Vec<ExchangeGroup> {
        let mut bytes = 0;
        let fit = groups.iter().take_while(|group| {
            bytes += weight(group);
            bytes <= PLAN_BYTES
        });
        let later = groups.split_off(fit.count().max(1).min(groups.len()));
        let chain = *self.fleet.chain();
        let proposal = Proposal {
            format: FORMAT,
            epoch: self.commit.epoch().expect("only an owner proposes"),
            rev: chain.rev + 1,
            prev_hash: chain.hash,
            based_on: self.fleet.applied(),
            groups,
            search,
            degraded: false,
            fleet_digest: self.fleet.digest(),
        };
        effects.push(self.commit.propose(proposal, chain.seq).into());
        later
    }

    /// Proposes improvements that still stand. Called when no fact waits for an answer.
    pub(crate) fn propose_improvements(&mut self, effects: &mut Vec<Effect>) {
        let mut groups = std::mem::take(&mut self.improvements);
        groups.retain(|group| self.still_stands(group));
        if !groups.is_empty() {
            let record = self.improvement_record;
            self.improvements = self.propose(groups, record, effects);
        }
    }

    fn still_stands(&self, group: &ExchangeGroup) -> bool {
        group.routes.iter().all(|route| {
            self.fleet.vehicle_id(route.vehicle.as_str()).is_some_and(|id| {
                let vehicle = self.fleet.vehicle(id);
                vehicle.route.revision == route.base && vehicle.is_available()
            })
        })
    }

    // ---- searching -----------------------------------------------------------------------------------------------

    fn search_if_due(&mut self, effects: &mut Vec<Effect>) {
        let policy = self.fleet.policy();
        if self.commit.epoch().is_none() || self.searching.is_some() || policy.search_rounds == 0 {
            return;
        }
        let Some(&since) = self.dirty.values().min() else { return };
        if self.log_now - since < policy.gather || !self.fleet.unanswered().is_empty() || self.commit.is_waiting() {
            return;
        }
        let rounds = self.rounds.clamp(ROUNDS_MIN.min(policy.search_rounds), policy.search_rounds);
        let dirty: BTreeSet<VehicleId> = self.dirty.keys().copied().collect();
        let regions = region::carve(&self.fleet, &dirty);
        let (now, margin) = (self.now(), self.zone_span(SEARCH_MARGIN));
        let mut drafts = Vec::with_capacity(regions.len());
        for region in regions {
            for vehicle in &region.vehicles {
                self.dirty.remove(vehicle);
            }
            let draft = Draft::new(&self.fleet, &self.outlook, &region.vehicles, &region.unassigned, now, margin);
            if !draft.stops.is_empty() {
                drafts.push(draft);
            }
        }
        // Vehicles that left meanwhile.
        self.dirty.retain(|&vehicle, _| self.fleet.vehicle(vehicle).is_available());
        if drafts.is_empty() {
            return;
        }
        self.jobs += 1;
        self.searching = Some(self.jobs);
        effects.push(Effect::Solve(SolveJob {
            id: self.jobs,
            regions: drafts,
            outlook: self.outlook.clone(),
            seed: self.fleet.applied().0 ^ self.jobs << 40,
            rounds,
        }));
    }

    fn solved(&mut self, report: &SolveReport, effects: &mut Vec<Effect>) {
        if self.searching != Some(report.id) {
            return;
        }
        self.searching = None;
        let (mut stale, mut gain) = (0, 0);
        let mut groups = Vec::new();
        for (draft, problem, solution) in &report.regions {
            let solved = Solved { fleet: &self.fleet, draft, problem, solution };
            let fresh = draft
                .vehicles
                .iter()
                .zip(&draft.bases)
                .all(|(&vehicle, &base)| self.fleet.vehicle(vehicle).route.revision == base);
            for priced in solved.groups(&[], &BTreeSet::new()) {
                if !fresh && !self.still_stands(&priced.group) {
                    stale += 1;
                } else if priced.gain >= self.fleet.policy().publish_gain_min {
                    gain += priced.gain;
                    groups.push(priced.group);
                }
            }
        }
        self.adapt(stale + groups.len(), stale);
        effects.push(Effect::Note(Note::Searched {
            rounds: report.record.rounds,
            proposed: groups.len(),
            stale,
            gain,
        }));
        self.improvements = groups;
        self.improvement_record = report.record;
    }

    /// Searches shorten themselves until most of their groups survive, and grow back while all do.
    fn adapt(&mut self, groups: usize, lost: usize) {
        let most = self.fleet.policy().search_rounds;
        if lost * 2 > groups {
            self.rounds = (self.rounds / 2).max(ROUNDS_MIN);
        } else if lost == 0 && groups > 0 {
            self.rounds = (self.rounds + self.rounds / 4 + 1).min(most);
        }
    }
}

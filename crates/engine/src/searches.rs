//! Searches: which routes are stale, when the next search starts, how long it may be, and what the last one found.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::Fleet;
use fleetfold_model::{ExchangeGroup, Millis, SearchRecord, Timestamp, VehicleId};

use crate::draft::Draft;
use crate::effect::Note;
use crate::forced::opens_hours;
use crate::moment::Moment;
use crate::outlook::Outlook;
use crate::overload::Effort;
use crate::proposal::Solved;
use crate::region;
use crate::relief::{new_to_silent, silent};
use crate::returns::Returns;
use crate::search::{SolveJob, SolveReport};

/// Fewest rounds to which a search shortens itself.
const ROUNDS_MIN: u32 = 4;
/// Regions of one job, unless the runner says otherwise.
const REGIONS: usize = 4;
/// A group is worth telling when it gains this share of the mean leg, in thousandths, or what the policy says if that is less.
const GAIN_PERMILLE_OF_LEG: i64 = 250;

/// The searches of one engine: at most one runs at a time.
#[derive(Debug)]
pub(crate) struct Searches {
    /// Stale routes, and since when (log time).
    dirty: BTreeMap<VehicleId, Timestamp>,
    /// The same, the stalest first.
    by_age: BTreeSet<(Timestamp, VehicleId)>,
    /// Regions of one job: as many as are searched at the same time.
    regions: usize,
    /// Number of the search that runs.
    running: Option<u64>,
    /// How many searches were started.
    jobs: u64,
    /// Rounds of the next search: fewer when routes change faster than searches end.
    rounds: u32,
    /// Groups that the last search found and that were not proposed yet.
    improvements: Vec<ExchangeGroup>,
    /// How those were found.
    record: SearchRecord,
}

impl Searches {
    /// No search yet; the first one has so many rounds.
    pub(crate) fn new(rounds: u32) -> Self {
        Self {
            dirty: BTreeMap::new(),
            by_age: BTreeSet::new(),
            regions: REGIONS,
            running: None,
            jobs: 0,
            rounds,
            improvements: Vec::new(),
            record: SearchRecord::default(),
        }
    }

    /// How many routes wait for a search.
    pub(crate) fn dirty_count(&self) -> usize {
        self.dirty.len()
    }

    /// True while a search runs.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// A route is stale: the next search looks at it.
    pub(crate) fn soil(&mut self, moment: Moment<'_>, vehicle: VehicleId) {
        if moment.fleet.vehicle(vehicle).is_available() && !self.dirty.contains_key(&vehicle) {
            self.dirty.insert(vehicle, moment.log_now);
            self.by_age.insert((moment.log_now, vehicle));
        }
    }

    /// A route is no longer stale.
    fn clean(&mut self, vehicle: VehicleId) {
        if let Some(since) = self.dirty.remove(&vehicle) {
            self.by_age.remove(&(since, vehicle));
        }
    }

    /// So many regions are searched at the same time.
    pub(crate) fn side_by_side(&mut self, regions: usize) {
        self.regions = regions.max(1);
    }

    /// Log time at which the next search may start; `None` while nothing is stale or one runs.
    pub(crate) fn due_at(&self, fleet: &Fleet, effort: Effort) -> Option<Timestamp> {
        if self.running.is_some() || fleet.policy().search_rounds == 0 || !effort.searches() {
            return None;
        }
        self.by_age
            .first()
            .map(|&(since, _)| since + Millis(fleet.policy().gather.0.saturating_mul(effort.gathering())))
    }

    /// The next search, if one is due. Regions are cut around the stale routes, which are then no longer stale.
    pub(crate) fn start(
        &mut self,
        moment: Moment<'_>,
        outlook: &Outlook,
        returns: &Returns,
        effort: Effort,
    ) -> Option<SolveJob> {
        let fleet = moment.fleet;
        if self.due_at(fleet, effort).is_none_or(|at| moment.log_now < at) {
            return None;
        }
        let most = fleet.policy().search_rounds;
        let rounds = self.rounds.clamp(ROUNDS_MIN.min(most), most);
        let now = moment.now();
        let mut drafts = Vec::new();
        let silent = silent(fleet);
        for region in region::carve(fleet, self.by_age.iter().map(|&(_, vehicle)| vehicle), self.regions, effort) {
            region.vehicles.iter().for_each(|&vehicle| self.clean(vehicle));
            let mut draft = Draft::new(fleet, outlook, &region.vehicles, &region.unassigned, now);
            draft.load_beside_the_heads(fleet);
            draft.bar(|order| returns.barred(order, now).chain(new_to_silent(fleet, &silent, order)).collect());
            if !draft.stops.is_empty() {
                drafts.push(draft);
            }
        }
        // Vehicles that stopped working meanwhile are not searched.
        let gone = |&(_, vehicle): &(Timestamp, VehicleId)| !fleet.vehicle(vehicle).is_available();
        for (_, vehicle) in self.by_age.iter().copied().filter(gone).collect::<Vec<_>>() {
            self.clean(vehicle);
        }
        if drafts.is_empty() {
            return None;
        }
        self.jobs += 1;
        self.running = Some(self.jobs);
        Some(SolveJob {
            id: self.jobs,
            regions: drafts,
            outlook: outlook.clone(),
            seed: fleet.applied().0 ^ self.jobs << 40,
            rounds,
        })
    }

    /// Takes the report of the search that ran. Groups that are worth the change wait to be proposed. `None`: another search's.
    pub(crate) fn solved(&mut self, fleet: &Fleet, report: &SolveReport) -> Option<Note> {
        if self.running != Some(report.id) {
            return None;
        }
        self.running = None;
        let (mut stale, mut gain) = (0, 0);
        let mut groups = Vec::new();
        for (draft, problem, solution) in &report.regions {
            let solved = Solved { fleet, draft, problem, solution, nobody: &BTreeMap::new() };
            let fresh = draft
                .vehicles
                .iter()
                .zip(&draft.bases)
                .all(|(&vehicle, &base)| fleet.vehicle(vehicle).route.revision == base);
            let least = fleet.policy().publish_gain_min;
            let least =
                draft.mean_leg(problem.legs()).map_or(least, |leg| least.min(leg * GAIN_PERMILLE_OF_LEG / 1_000));
            for priced in solved.groups(&[], &BTreeSet::new()) {
                if !priced.mends && (priced.gain < least || priced.breaks_faith) {
                    continue;
                }
                if priced.group.routes.iter().any(|route| opens_hours(fleet, route, draft.epoch)) {
                    continue;
                }
                if !fresh && !still_stands(fleet, &priced.group) {
                    stale += 1;
                } else {
                    gain += priced.gain;
                    groups.push(priced.group);
                }
            }
        }
        self.adapt(fleet, stale + groups.len(), stale);
        let note = Note::Searched { rounds: report.record.rounds, proposed: groups.len(), stale, gain };
        self.improvements = groups;
        self.record = report.record;
        Some(note)
    }

    /// Searches shorten themselves until most of their groups survive, and grow back while all do.
    pub(crate) fn adapt(&mut self, fleet: &Fleet, groups: usize, lost: usize) {
        let most = fleet.policy().search_rounds;
        if lost * 2 > groups {
            self.rounds = (self.rounds / 2).max(ROUNDS_MIN);
        } else if lost == 0 && groups > 0 {
            self.rounds = (self.rounds + self.rounds / 4 + 1).min(most);
        }
    }

    /// The improvements that still stand, and how they were found.
    pub(crate) fn take_improvements(&mut self, fleet: &Fleet) -> (Vec<ExchangeGroup>, SearchRecord) {
        let mut groups = std::mem::take(&mut self.improvements);
        groups.retain(|group| still_stands(fleet, group));
        (groups, self.record)
    }

    /// Improvements that did not fit into the plan are proposed by the next one.
    pub(crate) fn keep_improvements(&mut self, groups: Vec<ExchangeGroup>) {
        self.improvements = groups;
    }
}

/// The routes of a group are as they were when it was found, and their vehicles work.
fn still_stands(fleet: &Fleet, group: &ExchangeGroup) -> bool {
    group.routes.iter().all(|route| {
        fleet.vehicle_id(route.vehicle.as_str()).is_some_and(|id| {
            let vehicle = fleet.vehicle(id);
            vehicle.route.revision == route.base && vehicle.is_available()
        })
    })
}

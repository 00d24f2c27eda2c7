//! Proposing: everything that waits is answered in one plan, improvements follow when nothing waits.

use std::collections::BTreeSet;

use fleetfold_model::{ExchangeGroup, FORMAT, LogSeq, Proposal, SearchRecord, VehicleId};

use super::Engine;
use crate::account::{self, weight};
use crate::effect::{Effect, Note};
use crate::moment::Moment;
use crate::roads::RoadAsks;
use crate::waiting::{self, Task};

/// A plan stays below this many bytes as estimated by [`account::weight`]; the wire refuses 512 KiB.
pub(crate) const PLAN_BYTES: usize = 400 << 10;

impl Engine {
    /// Answers all that waits, or else proposes improvements, if a proposal may be made now.
    pub(super) fn answer(&mut self, effects: &mut Vec<Effect>) {
        if !self.commit.is_ready() || self.legs.is_waiting(self.log_now) {
            return;
        }
        let repairs = self.promises.take_repairs();
        self.located.forget_answered(&self.fleet);
        let held = |seq: &LogSeq| self.located.holds(*seq, self.log_now);
        let facts: Vec<LogSeq> = self.fleet.unanswered().keys().copied().filter(|seq| !held(seq)).collect();
        if !facts.is_empty() || !repairs.is_empty() {
            let asks = self.roads.take_asks();
            let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
            let tasks = waiting::tasks(moment, facts, &repairs, asks);
            let waits = self.legs.may_fetch(self.log_now);
            let answers = waiting::answer(moment, self.roads.outlook(), tasks, PLAN_BYTES, waits);
            for task in answers.left {
                self.put_back(task);
            }
            if let Some(query) = answers.missing
                && self.legs.fetches(self.log_now)
            {
                // The same is asked again when the legs have come.
                effects.push(Effect::FetchLegs(query));
                return;
            }
            self.legs.answered();
            let groups = answers.groups;
            if !groups.is_empty() {
                // What does not fit stays unanswered, and is answered by the next plan.
                let _later = self.propose(groups, SearchRecord::default(), effects);
                return;
            }
        }
        let (groups, record) = self.searches.take_improvements(&self.fleet);
        if !groups.is_empty() {
            let later = self.propose(groups, record, effects);
            self.searches.keep_improvements(later);
        }
    }

    /// A task that this plan has no room for is done by the next one.
    fn put_back(&mut self, task: Task) {
        let vehicles: BTreeSet<VehicleId> = task.vehicles.into_iter().collect();
        self.promises.put_back(vehicles.iter().map(|&vehicle| (vehicle, None)).collect());
        let hit = if task.seq.is_some() { vehicles } else { BTreeSet::new() };
        self.roads.put_back(RoadAsks { hit, opened: task.opened });
    }

    /// The groups that may be proposed. Those that would lose an order, and those whose like the fold refuses again and again,
    /// become plain answers to their facts.
    fn accounted(&mut self, groups: Vec<ExchangeGroup>, effects: &mut Vec<Effect>) -> Vec<ExchangeGroup> {
        self.refusals.forget_answered(&self.fleet);
        let mut sound = Vec::with_capacity(groups.len());
        for group in groups {
            let missing = account::missing(&self.fleet, &group);
            if missing.is_empty() && !self.refusals.are_too_many(&group) {
                sound.push(group);
            } else {
                sound.extend(account::plain(&self.fleet, &group));
                effects.push(Effect::Note(Note::Withheld { caused_by: group.caused_by, missing }));
            }
        }
        sound
    }

    /// Sends groups as the next plan of the chain.
    ///
    /// A plan is one message, and messages have a limit: groups beyond it are returned. The facts they answer stay
    /// unanswered, so that the next plan answers them.
    fn propose(
        &mut self,
        mut groups: Vec<ExchangeGroup>,
        search: SearchRecord,
        effects: &mut Vec<Effect>,
    ) -> Vec<ExchangeGroup> {
        groups = self.accounted(groups, effects);
        if groups.is_empty() {
            return groups;
        }
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
}

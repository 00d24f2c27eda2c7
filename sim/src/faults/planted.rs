//! Bugs that are planted on purpose, one at a time, in the shell around the protocol and in what it sends: each must be caught by an
//! invariant, or the simulation proves less than it says. They are compiled with the feature `planted` only, for the test of that name.

use fleetfold_engine::Input;
use fleetfold_journal::{Begin, Held, Outcome};
use fleetfold_model::{Event, LogEntry, LogSeq, MessageHash, Millis, Proposal};

use super::strays::Read;
use super::{Ask, Run};
use crate::sim_log::SimMessage;

/// A mistake that somebody could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name says the mistake; `sim/tests/planted.rs` says what catches it")]
pub enum Bug {
    PlanWithoutFence,
    WrongSequenceEndsTheTerm,
    UnknownTakenForLost,
    UnknownTakenForStored,
    LastPlanNotReadAgain,
    StrangerEndsTheReadBack,
    FenceStaysAtSkipped,
    LeaseKeptForEver,
    LeaseGivenToAll,
    ProposesWithoutLease,
    LeaseNotAskedForAgain,
    EpochOfTheTermBefore,
    PlanSkipsANumber,
    PlanForgetsTheOneBefore,
    PlanWithoutCauses,
    PlanLosesARoute,
    PlanLosesAVisit,
    BaseOfRoutesNotKept,
    OwnPlanFoldedAtOnce,
    FactGivenUp,
    FactWithoutId,
    FactWithAnotherIdEachTime,
    MessagePassedOver,
    MessagesInWrongOrder,
    EntryTimeOfTheReader,
    EntryIdForgotten,
    SkipListIgnored,
    SnapshotOneAhead,
    TornSnapshotTaken,
    OldRoutePutBack,
    RouteToldOnceAtMost,
    NewOwnerTellsNobody,
    ReaderStopsAfterSleep,
    ExpiryIgnoredAtStart,
    NothingNamesWhatExpired,
    MissingEntriesPassedOver,
    OneBaseOnly,
    ReadyByTheStream,
    LogNotLookedAtAgain,
    LogKnownByItsEndOnly,
    ForeignRoutesKept,
    FactGivenUpInASurge,
    NothingIsInHand,
    TracesIgnored,
    StrayedOwns,
    SnapshotOfAllEntries,
}

impl Run<'_> {
    /// Whether this bug is planted. Never, unless the feature is on.
    pub(super) fn has(&self, bug: Bug) -> bool {
        cfg!(feature = "planted") && self.bug == Some(bug)
    }

    /// A plan as it is sent.
    pub(super) fn spoilt(&self, event: &Event) -> Event {
        let mut event = event.clone();
        let Event::PlanProposed(plan) = &mut event else { return event };
        self.spoil(plan);
        event
    }

    fn spoil(&self, plan: &mut Proposal) {
        if self.has(Bug::EpochOfTheTermBefore) {
            plan.epoch = plan.epoch.saturating_sub(1);
        }
        if self.has(Bug::PlanSkipsANumber) && plan.rev == 7 {
            plan.rev += 1;
        }
        if self.has(Bug::PlanForgetsTheOneBefore) && plan.rev == 7 {
            plan.prev_hash = MessageHash::default();
        }
        for group in &mut plan.groups {
            if self.has(Bug::PlanWithoutCauses) {
                group.caused_by.clear();
            }
            if self.has(Bug::PlanLosesARoute) && group.routes.len() > 1 {
                group.routes.pop();
            }
            for route in &mut group.routes {
                if self.has(Bug::PlanLosesAVisit) && route.visits.len() > 4 {
                    route.visits.pop();
                }
                if self.has(Bug::BaseOfRoutesNotKept)
                    && let Some(vehicle) = self.truth.vehicles().iter().find(|vehicle| vehicle.name == route.vehicle)
                {
                    route.base = vehicle.route.revision;
                }
            }
        }
    }

    /// A message as a node reads it.
    pub(super) fn misread(&self, read: Result<Read, String>, message: &SimMessage) -> Result<Read, String> {
        match read? {
            Read::Entry(mut entry) => {
                if self.has(Bug::EntryTimeOfTheReader) {
                    entry.logged_at = self.now;
                }
                if self.has(Bug::EntryIdForgotten) {
                    entry.id = 0;
                }
                Ok(Read::Entry(entry))
            }
            Read::Skipped(on_plan_subject) => {
                if self.has(Bug::SkipListIgnored)
                    && let Ok(entry) = super::entry(message)
                {
                    return Ok(Read::Entry(entry));
                }
                Ok(Read::Skipped(on_plan_subject && !self.has(Bug::FenceStaysAtSkipped)))
            }
        }
    }

    /// The node has just become the owner.
    pub(super) fn is_new_owner(&self, node: usize) -> bool {
        let alive = self.nodes[node].alive.as_ref();
        alive.and_then(|alive| alive.lease).is_some_and(|(_, at)| at == self.now)
    }

    /// A node folds its own plan before the log has it.
    pub(super) fn fold_at_once(&mut self, node: usize, event: &Event) {
        let logged_at = self.now;
        let Some(alive) = &mut self.nodes[node].alive else { return };
        let (seq, hash) = (LogSeq(alive.read + 1), MessageHash::default());
        let entry = LogEntry { numbered: None, seq, logged_at, id: 0, time: None, hash, event: event.clone() };
        alive.engine.handle(Input::Entry(entry), &mut Vec::new());
    }

    /// What a node makes of the log's answer to an append of a plan.
    pub(super) fn misheard(&self, outcome: Outcome) -> Option<Outcome> {
        match outcome {
            Outcome::Unknown if self.has(Bug::UnknownTakenForLost) => None,
            Outcome::Unknown if self.has(Bug::UnknownTakenForStored) => {
                Some(Outcome::Stored(LogSeq(self.log.bounds("FLEET").1 + 1_000_000)))
            }
            Outcome::WrongSequence if self.has(Bug::WrongSequenceEndsTheTerm) => Some(Outcome::Lost),
            Outcome::LastPlan(Some(last)) if last.plan.is_none() && self.has(Bug::StrangerEndsTheReadBack) => None,
            outcome => Some(outcome),
        }
    }

    /// What an ask becomes on its way out.
    pub(super) fn misasked(&self, ask: Ask) -> Ask {
        match ask {
            Ask::Plan { message, .. } if self.has(Bug::PlanWithoutFence) => {
                let standing = self.log.last("FLEET", &super::plan_subject()).map_or(0, |last| last.seq);
                Ask::Plan { message, expected: standing }
            }
            Ask::Tell { vehicle, revision, bytes, .. } if self.has(Bug::OldRoutePutBack) => {
                let subject = format!("fleet.sim.city.assignment.{vehicle}");
                let expected = self.log.last("ASSIGNMENT", &subject).map_or(0, |last| last.seq);
                Ask::Tell { vehicle, revision, bytes, expected }
            }
            ask => ask,
        }
    }

    /// How long a node trusts its lease.
    pub(super) fn trusted(&self) -> Millis {
        if self.has(Bug::LeaseKeptForEver) { Millis(i64::MAX) } else { super::TRUSTED }
    }

    /// What the log holds, as a start sees it.
    pub(super) fn misheld(&self, held: Held) -> Held {
        if self.has(Bug::NothingNamesWhatExpired) {
            return Held { expired: None, first_plan_rev: None, base: None, ..held };
        }
        held
    }

    /// Where a start begins that should begin as it is said.
    pub(super) fn misbegun(&self, begins: Begin, applied: u64) -> Begin {
        match begins {
            Begin::AtBase { .. } | Begin::Expired { .. } if self.has(Bug::ExpiryIgnoredAtStart) => {
                Begin::After { after: applied, verify: false }
            }
            begins => begins,
        }
    }

    /// The seq that a start reads behind, with a snapshot of this one.
    pub(super) fn read_behind(&self, node: usize, applied: LogSeq) -> u64 {
        if self.has(Bug::SnapshotOneAhead) && applied.0 > 0 {
            return applied.0 + 1;
        }
        let torn = self.nodes[node].disk.last().filter(|last| last.torn && self.has(Bug::TornSnapshotTaken));
        torn.map_or(applied.0, |torn| torn.fleet.applied().0)
    }
}

/// Plays a small day under faults, with a bug.
///
/// # Errors
///
/// The promise that did not hold, which is how the bug is caught.
#[cfg(feature = "planted")]
pub fn survive_with(
    day: &super::SmallDay,
    seed: u64,
    faults: super::Faults,
    bug: Bug,
) -> Result<super::Survived, super::Failure> {
    let mut run = Run::new(day, seed, faults);
    run.bug = Some(bug);
    run.play().map_err(|what| super::Failure { seed, at: run.now - run.start, what })?;
    Ok(run.survived)
}

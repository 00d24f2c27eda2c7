//! The commit protocol: one proposal in flight, fenced by the sequence of the last message on the plan subject, and it counts
//! when it comes back.
//!
//! A pure state machine: `node` performs what it wants over a real log, `sim` over a faulty one. The lease gives liveness,
//! the chain of expected sequences gives safety, even with two owners.
//!
//! Two rules matter most. Nothing is concluded from an error before the last message of the plan subject was read back: a
//! retry after a lost acknowledgement can be answered "wrong last sequence" although our first try was stored. And nothing is
//! concluded from a message that was read back but has not come through the log in order: anybody may have written it.

use std::sync::Arc;

use fleetfold_model::{Event, LogSeq, Proposal};

/// What came of an append or of a read of the last plan, or of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored at this sequence; it will come back in stream order.
    Stored(LogSeq),
    /// The log had seen this id before.
    Duplicate,
    /// The last message of the plan subject is not where we expected it.
    WrongSequence,
    /// Timeout, disconnect, no leader: nobody knows.
    Unknown,
    /// The log takes no message so large: it was not stored.
    TooLarge,
    /// The last message of the plan subject, as read back; `None`: there is none.
    LastPlan(Option<LastPlan>),
    /// We own the zone, in this epoch.
    Granted(u64),
    /// We no longer do.
    Lost,
}

/// The last message of the plan subject, as read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastPlan {
    /// Its sequence.
    pub seq: LogSeq,
    /// Epoch and number of the plan; `None`: what stands there is no plan.
    pub plan: Option<(u64, u64)>,
}

/// What the protocol wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Append this plan if the last message of the plan subject stands at `expected` (0: there is none).
    Append {
        /// The plan, as the event that goes into the log. The same `Arc` when it is sent again, so that it is encoded once.
        event: Arc<Event>,
        /// Where the last message of the plan subject must stand.
        expected: LogSeq,
    },
    /// Read the last message of the plan subject back.
    ReadLastPlan,
    /// Say that the log has lost the plan that ours follows: whoever folds it again gets another fleet.
    PlanRemoved {
        /// Where it stood.
        seq: LogSeq,
        /// Where the last message of the plan subject stands instead.
        last: LogSeq,
    },
    /// Say that we no longer own the zone.
    SteppedDown {
        /// The epoch we owned it in.
        epoch: u64,
    },
}

/// So many answers in a row that name the same older plan are not late: a few may be on their way at once, not as many.
const REMOVED_AFTER: u32 = 20;

/// A proposal on its way.
#[derive(Clone, Debug)]
struct InFlight {
    epoch: u64,
    rev: u64,
    event: Arc<Event>,
    expected: LogSeq,
    /// The last message of the plan subject stands at this sequence, by what was read back. When the log was folded up to there and
    /// ours has not come back, ours was never stored.
    settles_at: Option<LogSeq>,
    /// The last message that was read back stood before `expected`, at this sequence, so many times in a row.
    before: Option<(LogSeq, u32)>,
    /// It stands at this sequence. When the log was folded up to there and it has not come back, nobody takes it for a plan.
    stored_at: Option<LogSeq>,
}

/// Whether we may propose, and what is on its way.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    epoch: Option<u64>,
    in_flight: Option<InFlight>,
    /// Ours that stands in the log and was not taken for a plan there.
    rejected: Option<Arc<Event>>,
    /// Ours that the log did not take because it is too large.
    too_large: Option<Arc<Event>>,
    /// The log was folded up to this entry.
    passed: LogSeq,
}

impl Commit {
    /// The epoch we own the zone in, if we do.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// True when a proposal may be made now.
    pub fn is_ready(&self) -> bool {
        self.epoch.is_some() && self.in_flight.is_none()
    }

    /// True while a proposal is on its way.
    pub fn is_waiting(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Sends a proposal. `expected` is the sequence of the last message folded or skipped on the plan subject.
    ///
    /// # Panics
    ///
    /// When a proposal is in flight: ask [`Commit::is_ready`] before.
    pub fn propose(&mut self, proposal: Proposal, expected: LogSeq) -> Wanted {
        assert!(self.in_flight.is_none(), "one proposal in flight at most");
        let (epoch, rev, event) = (proposal.epoch, proposal.rev, Arc::new(Event::PlanProposed(proposal)));
        let flight = InFlight {
            epoch,
            rev,
            event: Arc::clone(&event),
            expected,
            settles_at: None,
            before: None,
            stored_at: None,
        };
        self.in_flight = Some(flight);
        Wanted::Append { event, expected }
    }

    /// Takes the result of what was wanted.
    pub fn outcome(&mut self, outcome: Outcome) -> Option<Wanted> {
        match outcome {
            Outcome::Granted(epoch) => {
                self.epoch = Some(epoch);
                None
            }
            Outcome::Lost => self.step_down(),
            Outcome::Stored(seq) => {
                // It comes back in stream order, and counts then. An answer about an earlier one says nothing of this one.
                if let Some(flight) = self.in_flight.as_mut().filter(|flight| seq > flight.expected) {
                    flight.stored_at = Some(seq);
                    self.settle();
                }
                None
            }
            Outcome::Duplicate | Outcome::WrongSequence | Outcome::Unknown => {
                self.in_flight.is_some().then_some(Wanted::ReadLastPlan)
            }
            Outcome::TooLarge => {
                self.too_large = self.in_flight.take().map(|flight| flight.event);
                None
            }
            Outcome::LastPlan(last) => self.read_back(last),
        }
    }

    fn read_back(&mut self, last: Option<LastPlan>) -> Option<Wanted> {
        let flight = self.in_flight.as_mut()?;
        let again = |flight: &InFlight, expected| Some(Wanted::Append { event: Arc::clone(&flight.event), expected });
        let Some(last) = last else {
            // Every plan has expired from the stream: anchor anew.
            return again(flight, LogSeq(0));
        };
        if last.plan == Some((flight.epoch, flight.rev)) {
            // Ours was stored, and comes back by then; or somebody forged one of the same number, and ours never does.
            flight.settles_at = Some(last.seq);
            self.settle();
            None
        } else if last.seq == flight.expected {
            // Still the message we follow: our append was never stored. The same bytes and id again.
            again(flight, flight.expected)
        } else if last.seq < flight.expected {
            // An answer that was long on its way, from before what we have folded: it says nothing. Read again. When every answer
            // says so, the message that we have folded is not in the log any more.
            let times = flight.before.filter(|&(seq, _)| seq == last.seq).map_or(1, |(_, times)| times + 1);
            flight.before = Some((last.seq, times));
            if times < REMOVED_AFTER {
                Some(Wanted::ReadLastPlan)
            } else {
                Some(Wanted::PlanRemoved { seq: flight.expected, last: last.seq })
            }
        } else {
            // Something newer that is not ours: another owner's plan, a late plan of an earlier term, or a stray message. What it
            // is tells the log in order; until then nothing is concluded.
            flight.settles_at = Some(last.seq);
            // It may have come before the answer that tells of it.
            self.settle();
            None
        }
    }

    /// A plan that follows the chain came back from the log. `ours` in the answer: it is the one in flight.
    pub fn came_back(&mut self, epoch: u64, rev: u64) -> (bool, Option<Wanted>) {
        let ours = self.in_flight.as_ref().is_some_and(|flight| (flight.epoch, flight.rev) == (epoch, rev));
        if ours {
            self.in_flight = None;
        } else if self.epoch.is_some_and(|mine| epoch > mine) {
            return (false, self.step_down());
        } else if self.in_flight.as_ref().is_some_and(|flight| flight.rev <= rev) {
            // Another plan took this number: ours can never be stored.
            self.in_flight = None;
        }
        (ours, None)
    }

    /// The log was folded up to this entry, entries that are not folded included.
    pub fn passed(&mut self, seq: LogSeq) {
        self.passed = self.passed.max(seq);
        self.settle();
    }

    /// Ours that was stored and then rejected, as anything may be that stands in the log: too large to be read, for instance. Given once.
    /// The same is not to be proposed again.
    pub fn take_rejected(&mut self) -> Option<Arc<Event>> {
        self.rejected.take()
    }

    /// Ours that the log did not take because it is too large. Given once. The same is not to be proposed again.
    pub fn take_too_large(&mut self) -> Option<Arc<Event>> {
        self.too_large.take()
    }

    /// Ours would stand before the message at which it settles: if the log was folded up to there without it, it was never stored.
    fn settle(&mut self) {
        let passed_over = |flight: &mut InFlight| flight.stored_at.is_some_and(|at| at <= self.passed);
        if let Some(flight) = self.in_flight.take_if(passed_over) {
            self.rejected = Some(flight.event);
        }
        let settled = |flight: &InFlight| flight.settles_at.is_some_and(|at| at <= self.passed);
        if self.in_flight.as_ref().is_some_and(settled) {
            self.in_flight = None;
        }
    }

    fn step_down(&mut self) -> Option<Wanted> {
        self.in_flight = None;
        self.epoch.take().map(|epoch| Wanted::SteppedDown { epoch })
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Event, FORMAT, LogSeq, MessageHash, Proposal, SearchRecord};

    use super::{Commit, LastPlan, Outcome, Wanted};

    fn plan(epoch: u64, rev: u64) -> Proposal {
        Proposal {
            rules: fleetfold_model::RULES,
            format: FORMAT,
            epoch,
            rev,
            prev_hash: MessageHash::default(),
            based_on: LogSeq(0),
            groups: Vec::new(),
            search: SearchRecord::default(),
            overload: 0,
            fleet_digest: 0,
        }
    }

    fn owner(epoch: u64, rev: u64, expected: u64) -> Commit {
        let mut owner = Commit::default();
        owner.outcome(Outcome::Granted(epoch));
        owner.propose(plan(epoch, rev), LogSeq(expected));
        owner
    }

    fn after(owner: &mut Commit, outcome: Outcome) -> &'static str {
        match owner.outcome(outcome) {
            Some(Wanted::Append { .. }) => "append",
            Some(Wanted::ReadLastPlan) => "read",
            Some(Wanted::SteppedDown { .. }) => "step down",
            Some(Wanted::PlanRemoved { .. }) => "removed",
            None => "wait",
        }
    }

    fn last(epoch: u64, rev: u64, seq: u64) -> Outcome {
        Outcome::LastPlan(Some(LastPlan { seq: LogSeq(seq), plan: Some((epoch, rev)) }))
    }

    #[test]
    fn nothing_is_concluded_before_the_last_plan_was_read_back() {
        for outcome in [Outcome::Duplicate, Outcome::WrongSequence, Outcome::Unknown] {
            let mut owner = owner(5, 3, 20);
            assert_eq!(after(&mut owner, outcome), "read");
            // Ours was stored after all: wait for it.
            assert_eq!(after(&mut owner, last(5, 3, 24)), "wait");
            assert!(owner.is_waiting());
            assert!(owner.came_back(5, 3).0 && owner.is_ready());
        }
    }

    #[test]
    fn an_append_that_was_never_stored_is_sent_again() {
        let mut owner = owner(5, 3, 20);
        assert_eq!(after(&mut owner, last(4, 2, 20)), "append");
        assert_eq!(after(&mut owner, Outcome::LastPlan(None)), "append", "every plan has expired: anchor anew");
    }

    #[test]
    fn a_later_term_takes_the_zone_when_its_plan_comes_in_order() {
        let mut owner = owner(5, 3, 20);
        assert_eq!(after(&mut owner, last(6, 3, 24)), "wait", "anybody may have written it");
        assert!(matches!(owner.came_back(6, 3).1, Some(Wanted::SteppedDown { epoch: 5 })));
        assert_eq!(owner.epoch(), None);
    }

    /// A stray, forged or garbage message on the plan subject: the fence moves behind it and the zone goes on.
    #[test]
    fn a_message_that_is_no_plan_costs_neither_the_zone_nor_the_proposal() {
        for stray in [None, Some((u64::MAX, 1_000_000))] {
            let mut owner = owner(5, 3, 20);
            assert_eq!(after(&mut owner, Outcome::WrongSequence), "read");
            let read = Outcome::LastPlan(Some(LastPlan { seq: LogSeq(24), plan: stray }));
            assert_eq!(after(&mut owner, read), "wait");
            owner.passed(LogSeq(23));
            assert!(owner.is_waiting(), "ours may stand before it");
            owner.passed(LogSeq(24));
            assert!(owner.is_ready() && owner.epoch() == Some(5), "ours was never stored: propose anew");
        }
    }

    /// Found by kills at overload: a plan that was too large to be read was stored, and nobody proposed any more.
    #[test]
    fn a_plan_that_was_stored_and_rejected_makes_room_for_another() {
        let mut owner = owner(5, 3, 20);
        assert_eq!(after(&mut owner, Outcome::Stored(LogSeq(20))), "wait");
        owner.passed(LogSeq(23));
        assert!(owner.is_waiting(), "an answer about the plan before says nothing of this one");
        assert_eq!(after(&mut owner, Outcome::Stored(LogSeq(24))), "wait");
        assert!(owner.is_waiting());
        owner.passed(LogSeq(24));
        assert!(owner.is_ready());
        assert!(matches!(owner.take_rejected().as_deref(), Some(Event::PlanProposed(plan)) if plan.rev == 3));
        assert_eq!(owner.take_rejected(), None);
    }

    #[test]
    fn a_plan_that_the_log_finds_too_large_makes_room_for_a_smaller_one() {
        let mut owner = owner(5, 3, 20);
        assert_eq!(after(&mut owner, Outcome::TooLarge), "wait");
        assert!(owner.is_ready());
        assert!(matches!(owner.take_too_large().as_deref(), Some(Event::PlanProposed(plan)) if plan.rev == 3));
        assert_eq!((owner.take_too_large(), owner.take_rejected()), (None, None));
    }

    /// Found by the simulator (seed 182 with stray messages): the last entry of a quiet zone was a stray one that had been folded
    /// before it was read back. Nothing came after it, and nobody proposed any more.
    #[test]
    fn a_stray_message_that_was_folded_before_it_is_read_back_settles_at_once() {
        let mut owner = owner(5, 3, 20);
        owner.passed(LogSeq(24));
        assert_eq!(after(&mut owner, Outcome::WrongSequence), "read");
        let read = Outcome::LastPlan(Some(LastPlan { seq: LogSeq(24), plan: None }));
        assert_eq!(after(&mut owner, read), "wait");
        assert!(owner.is_ready(), "propose anew");
    }

    /// Found by the simulator (seed 5709): an answer from before two plans ago made the owner step down.
    #[test]
    fn a_late_answer_about_an_older_plan_is_asked_again() {
        let mut owner = owner(5, 3, 20);
        assert_eq!(after(&mut owner, last(5, 1, 12)), "read");
        assert_eq!(owner.epoch(), Some(5));
    }

    /// Somebody removed the newest plan from the stream: every answer named the one before, and the zone asked for ever.
    #[test]
    fn a_plan_that_was_folded_and_is_gone_from_the_log_is_told() {
        let mut owner = owner(5, 3, 20);
        assert_eq!(after(&mut owner, Outcome::WrongSequence), "read");
        for _ in 0..15 {
            assert_eq!(after(&mut owner, last(5, 0, 8)), "read");
        }
        for _ in 1..super::REMOVED_AFTER {
            assert_eq!(after(&mut owner, last(5, 1, 12)), "read");
        }
        let removed = Wanted::PlanRemoved { seq: LogSeq(20), last: LogSeq(12) };
        assert_eq!(owner.outcome(last(5, 1, 12)), Some(removed));
    }

    /// Found by the simulator (seed 378): the owner stepped down and kept its lease, so that nobody proposed any more.
    #[test]
    fn a_plan_of_an_earlier_term_that_arrives_late_does_not_cost_the_zone() {
        let mut owner = owner(5, 3, 20);
        assert_eq!(after(&mut owner, last(4, 3, 24)), "wait");
        assert_eq!(owner.epoch(), Some(5));
        assert!(!owner.came_back(4, 3).0, "it is not ours");
        assert!(owner.is_ready(), "the number is taken: propose anew");
    }
}

//! The commit protocol: one proposal in flight, fenced by the place of the last plan, and it counts when it comes back.
//!
//! A pure state machine: `node` performs its effects over a real log, `sim` over a faulty one. The lease gives liveness,
//! the chain of expected sequences gives safety, even with two owners.
//!
//! Rule that matters most: never conclude anything from an error before reading the last plan back. A retry after a lost
//! acknowledgement can be answered "wrong last sequence" although our first try was stored.

use fleetfold_model::{LogSeq, Proposal};

use crate::engine::{Effect, Note};

/// What came of an append or of a read of the last plan, or of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored at this place; it will come back in stream order.
    Stored(LogSeq),
    /// The log had seen this id before.
    Duplicate,
    /// The last plan is not where we expected it.
    WrongSequence,
    /// Timeout, disconnect, no leader: nobody knows.
    Unknown,
    /// The last plan in the log, as read back: its epoch, number and place; `None`: there is none.
    LastPlan(Option<(u64, u64, LogSeq)>),
    /// We own the zone, in this epoch.
    Granted(u64),
    /// We no longer do.
    Lost,
}

/// A proposal on its way.
#[derive(Clone, Debug)]
struct InFlight {
    proposal: Proposal,
    expected: LogSeq,
}

/// Whether we may propose, and what is on its way.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    epoch: Option<u64>,
    in_flight: Option<InFlight>,
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

    /// Sends a proposal. `expected` is the place of the last plan folded.
    pub(crate) fn propose(&mut self, proposal: Proposal, expected: LogSeq, effects: &mut Vec<Effect>) {
        assert!(self.in_flight.is_none(), "one proposal in flight at most");
        effects.push(Effect::Append { proposal: proposal.clone(), expected });
        self.in_flight = Some(InFlight { proposal, expected });
    }

    /// Takes the result of an effect.
    pub(crate) fn outcome(&mut self, outcome: Outcome, effects: &mut Vec<Effect>) {
        match outcome {
            Outcome::Granted(epoch) => self.epoch = Some(epoch),
            Outcome::Lost => self.step_down(effects),
            Outcome::Stored(_) => {} // it comes back in stream order, and counts then
            Outcome::Duplicate | Outcome::WrongSequence | Outcome::Unknown => {
                if self.in_flight.is_some() {
                    effects.push(Effect::ReadLastPlan);
                }
            }
            Outcome::LastPlan(last) => self.read_back(last, effects),
        }
    }

    fn read_back(&mut self, last: Option<(u64, u64, LogSeq)>, effects: &mut Vec<Effect>) {
        let Some(flight) = &self.in_flight else { return };
        let ours = (flight.proposal.epoch, flight.proposal.rev);
        match last {
            // Ours was stored; wait for it to come back.
            Some((epoch, rev, _)) if (epoch, rev) == ours => {}
            // Still the plan we follow: our append was never stored. The same bytes and id again.
            Some((_, _, seq)) if seq == flight.expected => {
                effects.push(Effect::Append { proposal: flight.proposal.clone(), expected: flight.expected });
            }
            // The stream aged out every plan: anchor anew.
            None => {
                effects.push(Effect::Append { proposal: flight.proposal.clone(), expected: LogSeq(0) });
            }
            // Somebody else's. They own the zone now, or will be told that they do not.
            Some(_) => self.step_down(effects),
        }
    }

    /// A plan came back from the log. True when it is the one in flight.
    pub(crate) fn came_back(&mut self, epoch: u64, rev: u64, effects: &mut Vec<Effect>) -> bool {
        let ours =
            self.in_flight.as_ref().is_some_and(|flight| (flight.proposal.epoch, flight.proposal.rev) == (epoch, rev));
        if ours {
            self.in_flight = None;
        } else if self.epoch.is_some_and(|mine| epoch > mine) {
            self.step_down(effects);
        } else if self.in_flight.as_ref().is_some_and(|flight| flight.proposal.rev <= rev) {
            // Another plan took this number: ours can never be stored.
            self.in_flight = None;
        }
        ours
    }

    fn step_down(&mut self, effects: &mut Vec<Effect>) {
        if let Some(epoch) = self.epoch.take() {
            effects.push(Effect::Note(Note::SteppedDown { epoch }));
        }
        self.in_flight = None;
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{LogSeq, Proposal, SearchRecord};

    use super::{Commit, Outcome};
    use crate::engine::Effect;

    fn plan(epoch: u64, rev: u64) -> Proposal {
        Proposal {
            epoch,
            rev,
            prev_hash: 0,
            based_on: LogSeq(0),
            groups: Vec::new(),
            search: SearchRecord::default(),
            degraded: false,
            fleet_digest: 0,
        }
    }

    /// A log of plans that keeps the fence, and loses requests and replies.
    struct Faulty {
        plans: Vec<(u64, u64)>,
        random: u64,
        /// What a retry of a stored id gets: "duplicate" (three replicas) or "wrong sequence" (one).
        replicated: bool,
    }

    impl Faulty {
        fn draw(&mut self, n: u64) -> u64 {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.random >> 33) % n
        }

        fn append(&mut self, proposal: &Proposal, expected: LogSeq) -> Outcome {
            let id = (proposal.epoch, proposal.rev);
            if self.draw(5) == 0 {
                return Outcome::Unknown; // the request was lost
            }
            let outcome = if self.plans.contains(&id) && self.replicated {
                Outcome::Duplicate
            } else if expected.0 == self.plans.len() as u64 {
                self.plans.push(id);
                Outcome::Stored(LogSeq(self.plans.len() as u64))
            } else {
                Outcome::WrongSequence
            };
            if self.draw(5) == 0 { Outcome::Unknown } else { outcome } // or the reply
        }

        fn last(&self) -> Option<(u64, u64, LogSeq)> {
            self.plans.last().map(|&(epoch, rev)| (epoch, rev, LogSeq(self.plans.len() as u64)))
        }
    }

    /// Two owners who both believe they own the zone, over a log that loses requests and replies: one chain without gaps or
    /// doubles, nobody waits for ever, and the one with the older epoch ends up stepping down.
    #[test]
    fn lost_messages_and_a_second_owner_leave_one_chain_without_gaps() {
        for seed in 0..2_000 {
            let mut log = Faulty { plans: Vec::new(), random: seed, replicated: seed % 2 == 0 };
            let mut owners = [Commit::default(), Commit::default()];
            let mut folded = [0usize; 2];
            for (owner, epoch) in owners.iter_mut().zip([1, 2]) {
                owner.outcome(Outcome::Granted(epoch), &mut Vec::new());
            }
            for step in 0..300 {
                let who = log.draw(2) as usize;
                // Entries reach an owner in order, one at a time.
                if folded[who] < log.plans.len() && log.draw(3) > 0 {
                    let (epoch, rev) = log.plans[folded[who]];
                    folded[who] += 1;
                    owners[who].came_back(epoch, rev, &mut Vec::new());
                }
                let mut effects = Vec::new();
                if owners[who].is_ready() {
                    let epoch = owners[who].epoch().expect("ready owners have an epoch");
                    let rev = folded[who] as u64 + 1;
                    owners[who].propose(plan(epoch, rev), LogSeq(folded[who] as u64), &mut effects);
                }
                let mut answers = 0;
                while let Some(effect) = effects.pop() {
                    answers += 1;
                    assert!(answers < 1_000, "seed {seed}, step {step}: it asks for ever");
                    let outcome = match effect {
                        Effect::Append { proposal, expected } => log.append(&proposal, expected),
                        Effect::ReadLastPlan => Outcome::LastPlan(log.last()),
                        Effect::Solve(_) | Effect::Publish(_) | Effect::Note(_) => continue,
                    };
                    owners[who].outcome(outcome, &mut effects);
                }
            }
            let revs: Vec<u64> = log.plans.iter().map(|&(_, rev)| rev).collect();
            let expected: Vec<u64> = (1..=log.plans.len() as u64).collect();
            assert_eq!(revs, expected, "seed {seed}: the chain has gaps or doubles");
            assert!(!log.plans.is_empty(), "seed {seed}: nothing was ever committed");
        }
    }
}

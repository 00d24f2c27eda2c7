//! Between the nodes and the log: requests and replies that are lost, doubled, late or turned away, and the log that answers.

use fleetfold_engine::Input;
use fleetfold_journal::address::assignment_id;
use fleetfold_journal::{Address, Heard, LastPlan, Outcome, OwnMessage};
use fleetfold_model::{Event, LogSeq, Millis, Space};
use fleetfold_wire::{What, assignment_from_json, decode, encode};

use super::strays::Read;
use super::{Ask, Bug, Job, Reply, Run, Sender, TIMEOUT, plan_subject, zone};
use crate::sim_log::SimRefusal;

/// What every owner writes into its lease.
const OWNER: &str = "node";
/// Within this time whoever runs has noticed that the log went back, however long he slept and his requests took.
const UNNOTICED: Millis = Millis(15_000);

impl Run<'_> {
    pub(super) fn travel(&mut self) -> i64 {
        if self.random.chance(self.faults.slow) {
            self.survived.mishaps += 1;
            self.random.between(5, 3_000)
        } else {
            self.random.between(1, 4)
        }
    }

    pub(super) fn send(&mut self, sender: Sender, ask: Ask) {
        let ask = self.misasked(ask);
        self.requests += 1;
        let request = self.requests;
        self.awaited.insert(request);
        if self.random.chance(self.faults.unavailable) {
            self.survived.mishaps += 1;
            self.later(2, Job::TimesOut(request, sender, ask));
            return;
        }
        self.later(TIMEOUT.0, Job::TimesOut(request, sender, ask.clone()));
        let copies = 1 + u64::from(self.random.chance(self.faults.request_doubled));
        self.survived.mishaps += copies - 1;
        for _ in 0..copies {
            if self.random.chance(self.faults.request_lost) {
                self.survived.mishaps += 1;
            } else {
                let delay = self.travel();
                self.later(delay, Job::Arrives(request, sender, ask.clone()));
            }
        }
    }

    /// The log does what it is asked.
    pub(super) fn broker(&mut self, ask: &Ask) -> Result<Reply, String> {
        let now = self.now;
        self.expire();
        let outcome = |result: Result<(u64, bool), SimRefusal>| match result {
            Ok((seq, duplicate)) => Reply::Stored { seq, duplicate },
            Err(SimRefusal::WrongSequence) => Reply::WrongSequence,
            Err(SimRefusal::TooLarge) => Reply::Unknown,
        };
        Ok(match ask {
            Ask::Fact(number) => {
                let event = &self.outbox[*number];
                let id = match () {
                    () if self.has(Bug::FactWithoutId) => String::new(),
                    () if self.has(Bug::FactWithAnotherIdEachTime) => format!("world/{number}/{}", self.requests),
                    () => format!("world/{number}"),
                };
                let bytes = serde_json::to_vec(&encode(event, Space::Geographic, "world", &number.to_string(), now))
                    .map_err(|error| error.to_string())?;
                let subject = zone().subject(&Address::of_event(event));
                let result = self.log.append("FLEET", false, &subject, &id, bytes, None, now);
                self.stored(result)?;
                outcome(result)
            }
            Ask::Plan { message, expected } => {
                let OwnMessage { subject, id, bytes } = message;
                let result = self.log.append("FLEET", false, subject, id, bytes.clone(), Some(*expected), now);
                self.stored(result)?;
                outcome(result)
            }
            Ask::Own { message } => {
                let OwnMessage { subject, id, bytes } = message;
                let result = self.log.append("FLEET", false, subject, id, bytes.clone(), None, now);
                self.stored(result)?;
                outcome(result)
            }
            Ask::ReadPlan => Reply::LastPlan(match self.log.last("FLEET", &plan_subject()) {
                None => None,
                Some(message) => {
                    let plan = match decode(&message.bytes).map(|decoded| decoded.what) {
                        Ok(What::Event(Event::PlanProposed(plan))) => Some((plan.epoch, plan.rev)),
                        Ok(What::Event(_) | What::Position(..)) | Err(_) => None,
                    };
                    Some(LastPlan { seq: LogSeq(message.seq), plan })
                }
            }),
            Ask::Tell { vehicle, revision, bytes, expected } => {
                let subject = format!("fleet.sim.city.assignment.{vehicle}");
                let id = assignment_id(&zone(), vehicle, *revision, LogSeq(*expected));
                let result = self.log.append("ASSIGNMENT", true, &subject, &id, bytes.clone(), Some(*expected), now);
                if let Ok((_, false)) = result {
                    let last = self.told.insert(vehicle.to_string(), *revision).unwrap_or(LogSeq(0));
                    // What was told of entries that the log has lost is replaced, whatever its number.
                    if last >= *revision && !self.foreign.remove(vehicle.as_str()) {
                        return Err(format!(
                            "{vehicle} was told {revision:?} after {last:?}: an old route was put back"
                        ));
                    }
                    // Who has not noticed yet that the log went back tells routes of the one before.
                    if self.went_back_at.is_some_and(|at| now - at < UNNOTICED) {
                        self.foreign.insert(vehicle.to_string());
                    }
                    let assignment = assignment_from_json(bytes).map_err(|error| error.to_string())?;
                    let delay = self.random.between(1, 200);
                    self.later(delay, Job::Told(Box::new(assignment)));
                }
                outcome(result)
            }
            Ask::ReadTold { vehicle, .. } => {
                let last = self.log.last("ASSIGNMENT", &format!("fleet.sim.city.assignment.{vehicle}"));
                Reply::LastTold(match last {
                    None => None,
                    Some(message) => {
                        let told = assignment_from_json(&message.bytes).map_err(|error| error.to_string())?;
                        Some((LogSeq(message.seq), told.revision))
                    }
                })
            }
            Ask::ReadAllTold => {
                let told = self.log.read("ASSIGNMENT", 0).filter_map(|message| {
                    let told = assignment_from_json(&message.bytes).ok()?;
                    Some((told.vehicle, LogSeq(message.seq), told.revision))
                });
                Reply::AllTold { told: told.collect(), end: LogSeq(self.log.bounds("FLEET").1) }
            }
            Ask::PutBase { object, document, .. } => {
                self.bases.insert(object.clone(), document.clone());
                Reply::Stored { seq: 0, duplicate: false }
            }
            Ask::SayBase { said } => {
                let OwnMessage { subject, id, bytes } = said;
                let result = self.log.append("FLEET", false, subject, id, bytes.clone(), None, now);
                self.stored(result)?;
                outcome(result)
            }
            Ask::Mark(folded) => {
                self.mark = Some(*folded);
                Reply::Stored { seq: 0, duplicate: false }
            }
            Ask::Acquire => {
                // Owners are told apart by their epochs.
                if self.has(Bug::LeaseGivenToAll) {
                    self.log.release_any(&zone().key());
                }
                let lease = self.log.acquire(&zone().key(), OWNER, now);
                self.epoch_max = lease.map_or(self.epoch_max, |lease| self.epoch_max.max(lease.epoch));
                Reply::Lease(lease)
            }
            Ask::Renew(lease) => Reply::Lease(self.log.renew(&zone().key(), OWNER, *lease, now)),
        })
    }

    /// The truth follows the log entry by entry; plans must form one chain.
    pub(super) fn stored(&mut self, result: Result<(u64, bool), SimRefusal>) -> Result<(), String> {
        let Ok((seq, false)) = result else { return Ok(()) };
        let message = self.log.read("FLEET", seq - 1).next().cloned().ok_or("a stored message cannot be read")?;
        self.history.push(message.clone());
        self.deadly_is_stored(seq, &message.id);
        let entry = match self.judge(&message)? {
            Read::Entry(entry) => entry,
            Read::Skipped(on_plan_subject) => {
                self.truth.skip(LogSeq(seq), on_plan_subject);
                self.digests.insert(seq, self.truth.digest());
                for node in 0..2 {
                    self.expect(node);
                }
                return Ok(());
            }
        };
        if message.id.starts_with("stray/") {
            // A forged plan of an owner's epoch: folded, and refused because it does not follow the chain.
        } else if let Event::PlanProposed(plan) = &entry.event {
            let chain = self.truth.chain();
            if plan.rev != chain.rev + 1 || plan.prev_hash != chain.hash {
                return Err(format!("plan {} of epoch {} follows plan {}", plan.rev, plan.epoch, chain.rev));
            }
            self.survived.plans += 1;
        } else {
            self.survived.facts += 1;
        }
        self.truth.apply(&entry);
        self.truth.check().map_err(|broken| format!("after entry {seq}: {broken}"))?;
        self.digests.insert(seq, self.truth.digest());
        for node in 0..2 {
            self.expect(node);
        }
        Ok(())
    }

    /// The log has news for a node.
    pub(super) fn expect(&mut self, node: usize) {
        let delay = self.travel();
        let life = self.nodes[node].life;
        if let Some(alive) = &mut self.nodes[node].alive
            && !alive.pulling
        {
            alive.pulling = true;
            self.later(delay, Job::Pull(node, life));
        }
    }

    pub(super) fn reply(&mut self, sender: Sender, ask: Ask, reply: Reply) -> Result<(), String> {
        let (node, life) = match sender {
            Sender::Producer(number) => {
                match reply {
                    Reply::Stored { .. } => drop(self.acked.insert(number)),
                    _ if self.has(Bug::FactGivenUp) => drop(self.acked.insert(number)),
                    _ if self.has(Bug::FactGivenUpInASurge) && self.outbox.len() - self.acked.len() > 15 => {
                        self.acked.insert(number);
                    }
                    _ => self.later(1_000, Job::Send(sender, Ask::Fact(number))),
                }
                return Ok(());
            }
            Sender::Node(node, life) => (node, life),
        };
        let outcome = match (ask, reply) {
            (Ask::Plan { .. }, Reply::Stored { duplicate: true, .. }) => Outcome::Duplicate,
            (Ask::Plan { .. }, Reply::Stored { seq, .. }) => Outcome::Stored(LogSeq(seq)),
            (Ask::Plan { .. }, Reply::WrongSequence) => Outcome::WrongSequence,
            (Ask::Plan { .. }, _) => Outcome::Unknown,
            // Lost or not, nobody waits for it.
            (Ask::Own { .. }, _) => return Ok(()),
            (ask @ (Ask::PutBase { .. } | Ask::SayBase { .. } | Ask::Mark(_)), reply) => {
                self.base_stored(node, ask, &reply);
                return Ok(());
            }
            (Ask::ReadPlan, Reply::LastPlan(last)) => Outcome::LastPlan(last),
            (Ask::ReadPlan, _) if self.has(Bug::LastPlanNotReadAgain) => return Ok(()),
            (Ask::ReadPlan, _) => {
                self.later(100, Job::Send(sender, Ask::ReadPlan));
                return Ok(());
            }
            (Ask::Tell { vehicle, revision, .. } | Ask::ReadTold { vehicle, revision }, reply) => {
                let heard = match reply {
                    Reply::Stored { seq, .. } => Heard::Stored(LogSeq(seq)),
                    Reply::WrongSequence => Heard::WrongSequence,
                    Reply::LastTold(last) => Heard::Last(last),
                    Reply::Unknown | Reply::LastPlan(_) | Reply::AllTold { .. } | Reply::Lease(_) => Heard::Unknown,
                };
                self.heard(node, &vehicle, revision, heard);
                return Ok(());
            }
            (Ask::ReadAllTold, Reply::AllTold { told, end }) => {
                self.told_before(node, told, end);
                return Ok(());
            }
            (Ask::ReadAllTold, _) => {
                self.later(100, Job::Send(sender, Ask::ReadAllTold));
                return Ok(());
            }
            (Ask::Acquire | Ask::Renew(_), reply) => {
                self.leased(node, life, &reply);
                return Ok(());
            }
            (Ask::Fact(_), _) => return Err("a node sent a fact".to_owned()),
        };
        if let Some(outcome) = self.misheard(outcome) {
            self.feed(node, Input::Commit(outcome));
        }
        Ok(())
    }
}

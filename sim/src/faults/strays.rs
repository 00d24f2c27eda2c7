//! Messages that nobody should have sent: garbage, forged plans, facts on the wrong subject. They go straight into the log, as
//! from a publisher with too many rights. None of them may stop the zone, be taken for a plan, or make two folds differ.

use fleetfold_journal::own_message;
use fleetfold_journal::{Gate, Judged, PolicyAt, Raw};
use fleetfold_model::{Event, FORMAT, LogEntry, LogSeq, MessageHash, Name, Proposal, SearchRecord, Space};
use fleetfold_wire::encode;

use super::{Run, zone};
use crate::sim_log::SimMessage;

/// What a reader makes of a message.
pub(super) enum Read {
    /// It is folded.
    Entry(LogEntry),
    /// It is passed over; `true`: it stands on the plan subject.
    Skipped(bool),
}

impl Run<'_> {
    /// Somebody writes what he should not.
    pub(super) fn stray(&mut self) -> Result<(), String> {
        self.survived.strays += 1;
        let number = self.survived.strays;
        let owner = self.epoch_max;
        let kind = self.random.between(0, 6);
        let cancelled = Event::OrderCancelled { order: Name::new("nobodys-order").expect("a legal name") };
        let (subject, bytes) = match kind {
            0 => (super::plan_subject(), b"\xff no event at all".to_vec()),
            1 => (super::plan_subject(), forged(1 << 40, 1)),
            // Of an owner's epoch, far ahead in the chain or next in it by number: the gate cannot know, the fold refuses both.
            2 => (super::plan_subject(), forged(owner, 1_000_000)),
            3 => (super::plan_subject(), forged(owner, self.truth.chain().rev + 1)),
            4 => (super::plan_subject(), fact(&cancelled, number, self.now)?),
            5 => ("fleet.sim.city.event.order_created.ord-1".to_owned(), forged(owner, 1)),
            _ => ("fleet.sim.city.event.order_created.ord-1".to_owned(), b"{\"half\": ".to_vec()),
        };
        let id = format!("stray/{number}");
        let result = self.log.append("FLEET", false, &subject, &id, bytes, None, self.now);
        self.stored(result)
    }

    /// Judges a message as it is stored: whether it is folded is noted in the log, and every later reader keeps to it.
    pub(super) fn judge(&mut self, message: &SimMessage) -> Result<Read, String> {
        let mut gate = Gate::new(zone(), PolicyAt::of(&self.truth), [], self.epoch_max);
        let raw = Raw { seq: LogSeq(message.seq), at: message.at, subject: &message.subject, bytes: &message.bytes };
        match gate.judge(raw) {
            Judged::Entry(entry, _) => Ok(Read::Entry(*entry)),
            Judged::Rejected(_) | Judged::WhoOwns { .. } if !message.id.starts_with("stray/") => {
                Err(format!("{} was turned away", message.id))
            }
            Judged::Rejected(rejection) => Ok(self.pass_over(message.seq, rejection.on_plan_subject)),
            Judged::WhoOwns { epoch } => {
                let rejection = gate.not_an_owner(raw, epoch);
                Ok(self.pass_over(message.seq, rejection.on_plan_subject))
            }
            Judged::Skipped { on_plan_subject } => Ok(Read::Skipped(on_plan_subject)),
            Judged::WhichPolicy { .. } => Err("the policy of everything before is known".to_owned()),
        }
    }

    fn pass_over(&mut self, seq: u64, on_plan_subject: bool) -> Read {
        self.passed_over.insert(seq, on_plan_subject);
        Read::Skipped(on_plan_subject)
    }

    /// Reads a stored message as it was judged.
    pub(super) fn read(&self, message: &SimMessage) -> Result<Read, String> {
        match self.passed_over.get(&message.seq) {
            Some(&on_plan_subject) => Ok(Read::Skipped(on_plan_subject)),
            None => super::entry(message).map(Read::Entry),
        }
    }
}

fn forged(epoch: u64, rev: u64) -> Vec<u8> {
    let plan = Proposal {
        rules: fleetfold_model::RULES,
        format: FORMAT,
        epoch,
        rev,
        prev_hash: MessageHash(7),
        based_on: LogSeq(0),
        groups: Vec::new(),
        search: SearchRecord::default(),
        overload: 0,
        fleet_digest: 0,
    };
    own_message(&zone(), &Event::PlanProposed(plan), Space::Geographic, fleetfold_model::Timestamp(0)).bytes
}

fn fact(event: &Event, number: u64, now: fleetfold_model::Timestamp) -> Result<Vec<u8>, String> {
    let event = encode(event, Space::Geographic, "stray", &number.to_string(), now);
    serde_json::to_vec(&event).map_err(|error| error.to_string())
}

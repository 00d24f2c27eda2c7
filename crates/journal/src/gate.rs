//! What may stand on a subject. Every reader of the log (live, replay, audit, verify, the simulator) takes its messages through
//! this one gate, so that all of them fold the same entries.
//!
//! A message is folded when its bytes are an event, the event is of the type and the entity that its subject names, and, for
//! the engine's own events, its epoch can be an owner's. So the broker's rights per subject protect something: who may
//! publish on `…event.stop_completed.veh-7` only can report for veh-7 only, and nobody but an owner can say what the engine
//! says. Anything else is *rejected*: it is told, noted as skipped, and passed over in every later fold.

use std::collections::BTreeSet;

use fleetfold_fleet::Fleet;
use fleetfold_model::{Event, LogEntry, LogSeq, Timestamp};
use fleetfold_wire::{CloudEvent, DecodeError, EventType, Warning, What, decode};

use crate::address::{Address, ZoneName, parse};

/// A message as it stands in the log.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// Its sequence.
    pub seq: LogSeq,
    /// When the stream took it.
    pub at: Timestamp,
    /// Its subject.
    pub subject: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// What a message is.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// An entry to be folded, and the envelope it came in.
    Entry(Box<LogEntry>, Box<Said>),
    /// Noted as skipped before: passed over, whatever this version could make of it.
    Skipped {
        /// It stands on the plan subject, so the fence moves behind it.
        on_plan_subject: bool,
    },
    /// Not to be folded.
    Rejected(Rejection),
    /// An event of the engine's own with an epoch above all that are known: ask the log who owns the zone, tell the gate
    /// ([`Gate::owner`]), and judge again.
    WhoOwns {
        /// The epoch it claims.
        epoch: u64,
    },
    /// An event with unknown fields that stands behind a fact which may have changed the zone's policy: fold the log up to that
    /// fact, tell the gate what the policy is then ([`Gate::policy`]), and judge again.
    WhichPolicy {
        /// The entry of that fact.
        after: LogSeq,
    },
}

/// What the zone's policy says about events with unknown fields, after an entry was folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyAt {
    /// The fold has come to this entry at least.
    pub seq: LogSeq,
    /// Events with unknown fields are rejected.
    pub strict: bool,
}

impl PolicyAt {
    /// The policy of a fleet, after the last entry that it has folded.
    pub fn of(fleet: &Fleet) -> Self {
        Self { seq: fleet.applied(), strict: fleet.policy().strict }
    }
}

/// What a message said besides its event.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The envelope it came in.
    pub envelope: CloudEvent,
    /// Its type.
    pub kind: EventType,
    /// What looks like a mistake: unknown fields, odd values.
    pub warnings: Vec<Warning>,
}

/// Why a message is not folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A short stable word, as used in subjects and metrics.
    pub code: &'static str,
    /// What is wrong, and what is expected instead.
    pub what: String,
    /// It stands on the plan subject, so the fence moves behind it.
    pub on_plan_subject: bool,
}

/// No owner has a higher epoch, whoever has lost the record of owners: they rise by one with each owner, or by one with each renewal of a
/// lease. A forged one above it would leave no epoch for the next owner.
const EPOCH_MAX: u64 = 1 << 52;

/// The gate of one zone.
#[derive(Clone, Debug)]
pub struct Gate {
    zone: ZoneName,
    skipped: BTreeSet<LogSeq>,
    /// How far the list of skipped entries was read, as whoever keeps it counts. 0: not known.
    skips_read: u64,
    /// Highest epoch that an owner can have, as far as the log has been asked.
    epoch_max: u64,
    /// The record of owners begins here: what was logged before cannot be judged by it.
    owners_since: Timestamp,
    /// What the fold said last about the policy.
    policy: PolicyAt,
    /// The last fact let through that may have changed the policy.
    policy_fact: LogSeq,
}

impl Gate {
    /// The gate of a zone whose log can be asked who owns it. `policy`: what the fold says that the messages follow on.
    /// `skipped`: entries noted as skipped before. `epoch_max`: no owner has, or had, a higher epoch.
    pub fn new(zone: ZoneName, policy: PolicyAt, skipped: impl IntoIterator<Item = u64>, epoch_max: u64) -> Self {
        let skipped = skipped.into_iter().map(LogSeq).collect();
        Self {
            zone,
            skipped,
            skips_read: 0,
            epoch_max,
            owners_since: Timestamp(i64::MIN),
            policy,
            policy_fact: LogSeq(0),
        }
    }

    /// The zone.
    pub fn zone(&self) -> &ZoneName {
        &self.zone
    }

    /// The record of owners was begun at this time (log time), perhaps anew after the old one was lost: entries that were
    /// logged before are taken with the epochs they have.
    pub fn owners_known_since(&mut self, since: Timestamp) {
        self.owners_since = since;
    }

    /// The log was asked: no owner has, or had, a higher epoch than this.
    pub fn owner(&mut self, epoch_max: u64) {
        self.epoch_max = self.epoch_max.max(epoch_max);
    }

    /// The fold has come so far, and this is the zone's policy there.
    pub fn policy(&mut self, policy: PolicyAt) {
        if policy.seq >= self.policy.seq {
            self.policy = policy;
        }
    }

    /// An entry was noted as skipped.
    pub fn skip(&mut self, seq: LogSeq) {
        self.skipped.insert(seq);
    }

    /// How far the list of skipped entries was read, as [`Gate::skips_read_to`] said last.
    pub fn skips_read(&self) -> u64 {
        self.skips_read
    }

    /// The list of skipped entries was read so far, as whoever keeps it counts.
    pub fn skips_read_to(&mut self, read: u64) {
        self.skips_read = read;
    }

    /// Entries noted as skipped, in order.
    pub fn skipped(&self) -> Vec<u64> {
        self.skipped.iter().map(|seq| seq.0).collect()
    }

    /// Forgets skipped entries before this sequence: they have expired from the log.
    pub fn forget_before(&mut self, first: LogSeq) {
        self.skipped = self.skipped.split_off(&first);
    }

    /// Judges a message. Messages come in the order of the log: an event with unknown fields is judged by the policy that the
    /// facts before it have made. Which of these facts count only the fold knows (it refuses some), so where one of them was let
    /// through and its fold was not heard of yet, the gate asks ([`Judged::WhichPolicy`]) and never guesses. However far messages
    /// are read ahead of the fold, each is judged as if it had been folded entry by entry.
    pub fn judge(&mut self, raw: Raw<'_>) -> Judged {
        let address = match parse(raw.subject) {
            Some((zone, address)) if zone == self.zone => address,
            _ => {
                let what = format!("subject `{}` is none of zone {}", short(raw.subject), self.zone);
                return rejected("wrong_subject", what, false);
            }
        };
        let on_plan_subject = address == Address::Plan;
        if self.skipped.contains(&raw.seq) {
            return Judged::Skipped { on_plan_subject };
        }
        let decoded = match decode(raw.bytes) {
            Ok(decoded) => decoded,
            Err(error) => return undecodable(&error, on_plan_subject),
        };
        let event = match decoded.what {
            What::Event(event) => event,
            What::Position(vehicle, ..) => {
                let what = format!("a position of {vehicle} among the facts: positions have their own stream");
                return rejected("wrong_subject", what, on_plan_subject);
            }
        };
        let belongs = Address::of_event(&event);
        if !is_at_home(&address, &belongs) {
            let what = format!(
                "an event of type `{}` belongs on `{}`, it stands on `{}`",
                decoded.envelope.kind,
                self.zone.subject(&belongs),
                short(raw.subject)
            );
            return rejected("wrong_subject", what, on_plan_subject);
        }
        let own = event.own_epoch();
        let refused = decoded.warnings.iter().find(|warning| warning.is_refused_by_strict());
        if let Some(warning) = refused.filter(|_| own.is_none()) {
            if self.policy.seq < self.policy_fact {
                return Judged::WhichPolicy { after: self.policy_fact };
            }
            if self.policy.strict {
                let error = DecodeError::UnknownField { kind: decoded.kind.name(), warning: Box::new(warning.clone()) };
                return rejected(error.code(), error.to_string(), on_plan_subject);
            }
        }
        if let Some(epoch) = own.filter(|&epoch| epoch > self.epoch_max) {
            if raw.at >= self.owners_since {
                return Judged::WhoOwns { epoch };
            }
            if epoch > EPOCH_MAX {
                return Judged::Rejected(self.not_an_owner(raw, epoch));
            }
        }
        if matches!(event, Event::ZoneOpened(_) | Event::PolicyChanged(_)) {
            self.policy_fact = self.policy_fact.max(raw.seq);
        }
        let id = if own.is_some() { 0 } else { decoded.id };
        let numbered = decoded.numbered.filter(|_| own.is_none());
        let (time, hash) = (Some(decoded.at), decoded.hash);
        let entry = LogEntry { seq: raw.seq, logged_at: raw.at, id, time, numbered, hash, event };
        let said = Said { envelope: decoded.envelope, kind: decoded.kind, warnings: decoded.warnings };
        Judged::Entry(Box::new(entry), Box::new(said))
    }

    /// The rejection of an event of the engine's own whose epoch is no owner's, after the log was asked.
    pub fn not_an_owner(&self, raw: Raw<'_>, epoch: u64) -> Rejection {
        let on_plan_subject = parse(raw.subject).is_some_and(|(_, address)| address == Address::Plan);
        let what = format!("epoch {epoch} is none of an owner of zone {}: only the engine writes this type", self.zone);
        Rejection { code: "no_owner", what, on_plan_subject }
    }
}

/// True when an event may stand there. `_` as entity stands for any: whoever may publish on it may report for all. The
/// engine's own events have exactly one subject.
fn is_at_home(address: &Address, belongs: &Address) -> bool {
    match (address, belongs) {
        (Address::Event { kind, entity }, Address::Event { kind: right, entity: exactly }) => {
            kind == right && (entity == exactly || (entity == "_" && right != "vehicle_located"))
        }
        (address, belongs) => address == belongs,
    }
}

fn undecodable(error: &DecodeError, on_plan_subject: bool) -> Judged {
    rejected(error.code(), error.to_string(), on_plan_subject)
}

fn rejected(code: &'static str, what: String, on_plan_subject: bool) -> Judged {
    Judged::Rejected(Rejection { code, what, on_plan_subject })
}

/// A subject for an error message: it may be as long as the broker allows.
fn short(subject: &str) -> String {
    subject.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{
        Event, FORMAT, LogSeq, MessageHash, Name, Proposal, SearchRecord, Space, Timestamp, VehicleLocated,
    };
    use fleetfold_wire::encode;

    use super::{Gate, Judged, PolicyAt, Raw};
    use crate::address::ZoneName;
    use crate::chain::own_message;

    const LAX: PolicyAt = PolicyAt { seq: LogSeq(0), strict: false };

    fn zone() -> ZoneName {
        ZoneName::new("acme", "porto").unwrap()
    }

    fn judge(gate: &mut Gate, subject: &str, bytes: &[u8]) -> String {
        match gate.judge(Raw { seq: LogSeq(7), at: Timestamp(0), subject, bytes }) {
            Judged::Entry(entry, _) => format!("entry {}", fleetfold_wire::event_type(&entry.event)),
            Judged::Skipped { on_plan_subject } => format!("skipped, plan subject: {on_plan_subject}"),
            Judged::Rejected(why) => format!("{}, plan subject: {}", why.code, why.on_plan_subject),
            Judged::WhoOwns { epoch } => format!("who owns {epoch}"),
            Judged::WhichPolicy { after } => format!("which policy after {}", after.0),
        }
    }

    fn plan(epoch: u64) -> Event {
        Event::PlanProposed(Proposal {
            rules: fleetfold_model::RULES,
            format: FORMAT,
            epoch,
            rev: 1,
            prev_hash: MessageHash::default(),
            based_on: LogSeq(0),
            groups: Vec::new(),
            search: SearchRecord::default(),
            overload: 0,
            fleet_digest: 0,
        })
    }

    #[test]
    fn an_event_stands_on_the_subject_of_its_type_and_entity() {
        let mut gate = Gate::new(zone(), LAX, [], 5);
        let lost = Event::VehicleLost { vehicle: Name::new("veh-7").unwrap(), position: None };
        let bytes = encode(&lost, Space::Geographic, "/app", "1", Timestamp(0)).to_bytes();
        let mut at = |tail: &str| judge(&mut gate, &format!("fleet.acme.porto.{tail}"), &bytes);
        assert_eq!(at("event.vehicle_lost.veh-7"), "entry fleet.vehicle.lost.v1");
        assert_eq!(at("event.vehicle_lost._"), "entry fleet.vehicle.lost.v1");
        for wrong in ["event.vehicle_lost.veh-8", "event.order_created._", "event.vehicle_back.veh-7", "event.x"] {
            assert_eq!(at(wrong), "wrong_subject, plan subject: false", "{wrong}");
        }
        assert_eq!(at("plan"), "wrong_subject, plan subject: true");
        assert_eq!(
            judge(&mut gate, "fleet.acme.braga.event.vehicle_lost.veh-7", &bytes),
            "wrong_subject, plan subject: false"
        );
    }

    #[test]
    fn what_the_engine_says_counts_from_an_owner_on_its_own_subject_only() {
        let mut gate = Gate::new(zone(), LAX, [], 5);
        let own = own_message(&zone(), &plan(5), Space::Geographic, Timestamp(0));
        assert_eq!(judge(&mut gate, &own.subject, &own.bytes), "entry fleet.plan.proposed.v1");
        let elsewhere = "fleet.acme.porto.event.plan_proposed._";
        assert_eq!(judge(&mut gate, elsewhere, &own.bytes), "wrong_subject, plan subject: false");
        let forged = own_message(&zone(), &plan(1 << 62), Space::Geographic, Timestamp(0));
        assert_eq!(judge(&mut gate, &forged.subject, &forged.bytes), format!("who owns {}", 1u64 << 62));
        let next = own_message(&zone(), &plan(9), Space::Geographic, Timestamp(0));
        assert_eq!(judge(&mut gate, &next.subject, &next.bytes), "who owns 9");
        gate.owner(9);
        assert_eq!(judge(&mut gate, &next.subject, &next.bytes), "entry fleet.plan.proposed.v1");
        let located = Event::VehicleLocated(VehicleLocated {
            vehicle: Name::new("veh-7").unwrap(),
            position: fleetfold_model::Position::default(),
            at: Timestamp(0),
            of: LogSeq(3),
            epoch: 5,
        });
        let located = own_message(&zone(), &located, Space::Geographic, Timestamp(0));
        assert_eq!(judge(&mut gate, &located.subject, &located.bytes), "entry fleet.vehicle.located.v1");
        assert_eq!(
            judge(&mut gate, "fleet.acme.porto.event.vehicle_located._", &located.bytes),
            "wrong_subject, plan subject: false"
        );
    }

    #[test]
    fn garbage_is_rejected_and_what_was_skipped_stays_skipped() {
        let mut gate = Gate::new(zone(), LAX, [], 5);
        assert_eq!(judge(&mut gate, "fleet.acme.porto.plan", b"\xff{"), "not_cloudevent, plan subject: true");
        gate.skip(LogSeq(7));
        let own = own_message(&zone(), &plan(5), Space::Geographic, Timestamp(0));
        assert_eq!(
            judge(&mut gate, &own.subject, &own.bytes),
            "skipped, plan subject: true",
            "although it could be read"
        );
        gate.forget_before(LogSeq(8));
        let forged = own_message(&zone(), &plan(9), Space::Geographic, Timestamp(0));
        assert_eq!(judge(&mut gate, &forged.subject, &forged.bytes), "who owns 9");
        gate.owners_known_since(Timestamp(1));
        let old = judge(&mut gate, &forged.subject, &forged.bytes);
        assert_eq!(old, "entry fleet.plan.proposed.v1", "logged before the record of owners began");
        assert_eq!(judge(&mut gate, &own.subject, &own.bytes), "entry fleet.plan.proposed.v1");
        let last = own_message(&zone(), &plan(u64::MAX), Space::Geographic, Timestamp(0));
        assert_eq!(
            judge(&mut gate, &last.subject, &last.bytes),
            "no_owner, plan subject: true",
            "no owner could follow"
        );
    }
}

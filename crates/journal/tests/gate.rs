//! The gate judges alike whoever asks it, however far it is ahead of the fold.

use std::collections::VecDeque;

use fleetfold_fleet::Fleet;
use fleetfold_journal::{Gate, Judged, PolicyAt, Raw, ZoneName};
use fleetfold_model::{LogEntry, LogSeq, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

fn zone() -> ZoneName {
    ZoneName::new("acme", "porto").unwrap()
}

/// A message of a made-up log.
struct Message {
    seq: LogSeq,
    subject: String,
    bytes: Vec<u8>,
}

impl Message {
    fn new(seq: u64, kind: &str, id: u64, data: &Value) -> Self {
        let event = json!({
            "specversion": "1.0", "id": id.to_string(), "source": "/shop", "type": format!("fleet.{kind}.v1"),
            "time": "2026-06-01T09:00:00Z", "data": data,
        });
        let subject = format!("fleet.acme.porto.event.{}._", kind.replace('.', "_"));
        Self { seq: LogSeq(seq), subject, bytes: event.to_string().into_bytes() }
    }

    fn raw(&self) -> Raw<'_> {
        Raw { seq: self.seq, at: Timestamp(self.seq.0 as i64), subject: &self.subject, bytes: &self.bytes }
    }
}

/// One thing that somebody says.
#[derive(Clone, Copy, Debug)]
enum Said {
    /// An order, with a field that no order has where it is odd.
    Order { odd: bool },
    /// The zone is opened; the second time the fold refuses it.
    Opened { strict: bool },
    /// The policy changes. With the id of an event before, the fold refuses it.
    Policy { strict: bool, repeated: bool, odd: bool },
}

fn log(said: &[Said]) -> Vec<Message> {
    let with = |mut data: Value, odd: bool| {
        if odd {
            data["colour"] = json!("red");
        }
        data
    };
    let message = |(number, &said): (usize, &Said)| {
        let (seq, id) = (number as u64 + 1, number as u64 + 1);
        match said {
            Said::Order { odd } => {
                let job = json!({ "stop": { "lon": -8.61, "lat": 41.15 } });
                let order = json!({ "order_id": format!("ord-{number}"), "job": job });
                Message::new(seq, "order.created", id, &with(order, odd))
            }
            Said::Opened { strict } => {
                let zone = json!({
                    "timezone": "UTC", "coordinates": "lonlat", "day_start": "2026-06-01T09:00:00Z",
                    "log_start": "2026-06-01T09:00:00Z", "rate": 1, "policy": { "strict": strict },
                });
                Message::new(seq, "zone.opened", id, &zone)
            }
            Said::Policy { strict, repeated, odd } => {
                let id = if repeated { 1 } else { id };
                Message::new(seq, "policy.changed", id, &with(json!({ "strict": strict }), odd))
            }
        }
    };
    said.iter().enumerate().map(message).collect()
}

/// What is on the way from the gate to the fold.
enum Passed {
    Entry(Box<LogEntry>),
    NotFolded(LogSeq),
}

/// Folds a log through a gate that is up to `ahead` entries ahead of the fold. Returns the digest and what was not folded.
fn fold(log: &[Message], ahead: usize) -> (u64, Vec<u64>) {
    let mut fleet = Fleet::new();
    let mut gate = Gate::new(zone(), PolicyAt::of(&fleet), [], 0);
    let mut queue: VecDeque<Passed> = VecDeque::new();
    let mut not_folded = Vec::new();
    let take = |fleet: &mut Fleet, passed: Passed| match passed {
        Passed::Entry(entry) => drop(fleet.apply(&entry)),
        Passed::NotFolded(seq) => fleet.skip(seq, false),
    };
    for message in log {
        let passed = loop {
            match gate.judge(message.raw()) {
                Judged::Entry(entry, _) => break Passed::Entry(entry),
                Judged::Rejected(_) => {
                    not_folded.push(message.seq.0);
                    break Passed::NotFolded(message.seq);
                }
                Judged::WhichPolicy { after } => {
                    while fleet.applied() < after {
                        take(&mut fleet, queue.pop_front().expect("the gate let it through"));
                    }
                    gate.policy(PolicyAt::of(&fleet));
                }
                other => panic!("{other:?}"),
            }
        };
        queue.push_back(passed);
        while queue.len() > ahead {
            take(&mut fleet, queue.pop_front().unwrap());
        }
    }
    for passed in queue {
        take(&mut fleet, passed);
    }
    (fleet.digest(), not_folded)
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => any::<bool>().prop_map(|odd| Said::Order { odd }),
        1 => any::<bool>().prop_map(|strict| Said::Opened { strict }),
        2 => any::<(bool, bool, bool)>().prop_map(|(strict, repeated, odd)| Said::Policy { strict, repeated, odd }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The engine reads up to a thousand entries ahead of its fold, a reading command reads none: both fold the same.
    #[test]
    fn what_a_strict_policy_rejects_does_not_depend_on_how_far_is_read_ahead(
        said in proptest::collection::vec(said(), 1..40),
        ahead in 0usize..50,
    ) {
        let log = log(&said);
        let at_once = fold(&log, 0);
        prop_assert_eq!(fold(&log, ahead), at_once.clone());
        // It is what somebody finds who asks the fleet before each entry.
        let mut fleet = Fleet::new();
        let mut rejected = Vec::new();
        for (message, said) in log.iter().zip(&said) {
            let odd = matches!(said, Said::Order { odd: true } | Said::Policy { odd: true, .. });
            if odd && fleet.policy().strict {
                rejected.push(message.seq.0);
                fleet.skip(message.seq, false);
                continue;
            }
            let lax = PolicyAt { seq: LogSeq(u64::MAX), strict: false };
            let Judged::Entry(entry, _) = Gate::new(zone(), lax, [], 0).judge(message.raw()) else {
                panic!("it is legal")
            };
            fleet.apply(&entry);
        }
        prop_assert_eq!((fleet.digest(), rejected), at_once);
    }
}

/// A gate that begins behind a snapshot or a base has the policy that is in force there.
#[test]
fn a_gate_that_begins_behind_a_strict_policy_is_strict() {
    let log = log(&[Said::Policy { strict: true, repeated: false, odd: false }, Said::Order { odd: true }]);
    let mut fleet = Fleet::new();
    let mut gate = Gate::new(zone(), PolicyAt::of(&fleet), [], 0);
    let Judged::Entry(entry, _) = gate.judge(log[0].raw()) else { panic!("it is legal") };
    fleet.apply(&entry);
    let mut later = Gate::new(zone(), PolicyAt::of(&fleet), [], 0);
    assert!(matches!(later.judge(log[1].raw()), Judged::Rejected(why) if why.code == "unknown_field"));
    // One that has let the fact through and has not heard of its fold asks, and does not guess.
    assert_eq!(gate.judge(log[1].raw()), Judged::WhichPolicy { after: LogSeq(1) });
}

//! Warnings about events that were taken all the same: the last ones, for people, and how many there were, for the metrics.
//!
//! One list is shared by the HTTP door and by the reader of the log. An event that came over HTTP is met again in the log;
//! the same field of the same event is listed and counted once. Whoever listed it tells it on the stream of warnings, from which an
//! engine that starts reads what was listed before.
//!
//! Conflicts have a list of their own: however many fields are misspelt, what a person has to look at stays.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::address::rejected_id;
use fleetfold_journal::{Address, Said, ZoneName};
use fleetfold_model::{LogSeq, Millis, Timestamp};
use fleetfold_wire::{EventType, Warning};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::clock;
use crate::log::{AppendError, Log, Stream};

/// Most conflicts that are listed, and most other warnings.
const LISTED_MAX: usize = 200;
/// How a conflict ended in words before it had a code of its own.
const WAS_CONFLICT: &str = "it is taken as what happened";
/// Attempts to tell a warning on the stream.
const TOLD_TRIES: u32 = 300;
/// Time between two attempts while the broker is away.
const AGAIN: Duration = Duration::from_millis(200);

/// One warning about one event.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub(crate) struct Warned {
    /// What kind of warning, as a short stable word.
    pub(crate) code: &'static str,
    /// The event's position in the log; `None` until the reader of the log has met it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    /// When this engine saw it first (wall clock, RFC 3339).
    pub(crate) at: String,
    /// Who wrote the event.
    pub(crate) source: String,
    /// The event's id in its source.
    pub(crate) id: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// The field that the warning is about, as a path in `data`, or the attribute `time`.
    pub(crate) field: String,
    /// What was probably meant: a field, or an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// What is odd about its value, and what is done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The id that nobody knew, or the vehicle whose driver has driven too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<String>,
    /// By when a driver had driven too long (zone time, RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// It is withdrawn: what nobody knew has come, or what was told late shows that it was not so, as this entry of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn_seq: Option<u64>,
}

impl Warned {
    /// One as it stands on the stream of warnings. `None`: what stands there is no warning that this version knows.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let told: Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| told.get(name).and_then(Value::as_str);
        let detail = text("detail");
        let is_conflict =
            text("field") == Some("order_id") && detail.is_some_and(|detail| detail.ends_with(WAS_CONFLICT));
        Some(Self {
            code: if is_conflict { Warning::CONFLICT } else { Warning::code_named(text("code")?)? },
            seq: Some(told.get("seq")?.as_u64()?),
            at: text("at")?.to_owned(),
            source: text("source")?.to_owned(),
            id: text("id")?.to_owned(),
            kind: EventType::named(text("type")?)?.name(),
            field: text("field")?.to_owned(),
            hint: text("hint").map(str::to_owned),
            detail: detail.map(str::to_owned),
            about: text("about").map(str::to_owned),
            since: text("since").map(str::to_owned),
            withdrawn_seq: told.get("withdrawn_seq").and_then(Value::as_u64),
        })
    }

    /// By when a driver had driven too long, where it says so.
    pub(crate) fn driven_by(&self) -> Option<Timestamp> {
        let since = self.since.as_deref()?.parse::<jiff::Timestamp>().ok()?;
        Some(Timestamp(since.as_millisecond()))
    }

    /// It is about the same field of the same event.
    fn is_same(&self, (source, id, field): (&str, &str, &str)) -> bool {
        (self.source.as_str(), self.id.as_str(), self.field.as_str()) == (source, id, field)
    }
}

#[derive(Default)]
struct Listed {
    /// Oldest first, with the time at which each was seen.
    conflicts: VecDeque<(Timestamp, Warned)>,
    others: VecDeque<(Timestamp, Warned)>,
    counts: BTreeMap<&'static str, u64>,
    /// What was told before this engine began is listed, and nobody has looked yet whether it still stands.
    unseen: bool,
}

impl Listed {
    /// Those among which one of this code is listed.
    fn of(&mut self, code: &str) -> &mut VecDeque<(Timestamp, Warned)> {
        if code == Warning::CONFLICT { &mut self.conflicts } else { &mut self.others }
    }
}

/// The shared list.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Listed>>);

impl Warnings {
    /// Lists every warning of an event. `seq` is its position in the log if it was read there, `now` the wall clock.
    /// Returns the warnings that were not listed before.
    pub(crate) fn push(&self, said: &Said, seq: Option<u64>, now: Timestamp) -> Vec<Warned> {
        let mut fresh = Vec::new();
        if said.warnings.is_empty() {
            return fresh;
        }
        // A thread that panicked while it held the list has left it whole: every change of it is one call.
        let mut listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let event = &said.envelope;
        for warning in &said.warnings {
            let among = listed.of(warning.code);
            let what = (event.source.as_str(), event.id.as_str(), warning.field.as_str());
            if let Some((_, known)) = among.iter_mut().rev().find(|(_, known)| known.is_same(what)) {
                known.seq = known.seq.or(seq);
                continue;
            }
            let warned = Warned {
                code: warning.code,
                seq,
                at: jiff::Timestamp::from_millisecond(now.0).map(|at| at.to_string()).unwrap_or_default(),
                source: event.source.clone(),
                id: event.id.clone(),
                kind: said.kind.name(),
                field: warning.field.clone(),
                hint: warning.hint.clone(),
                detail: warning.detail.clone(),
                about: warning.about.as_deref().map(str::to_owned),
                since: warning.since.map(fleetfold_wire::instant_text),
                withdrawn_seq: None,
            };
            fresh.push(warned.clone());
            let code = warned.code;
            among.push_back((now, warned));
            if among.len() > LISTED_MAX {
                among.pop_front();
            }
            *listed.counts.entry(code).or_default() += 1;
        }
        fresh
    }

    /// The thing came, as the entry `seq`, that warnings of this code are about. Returns these as they stand now.
    pub(crate) fn withdraw(&self, what: (&str, &str), seq: u64) -> Vec<Warned> {
        self.withdraw_where(what, seq, |_| true)
    }

    /// The entry `seq` shows that drivers have not driven too long by these instants, of a vehicle. Returns the warnings that said so, as
    /// they stand now.
    pub(crate) fn withdraw_driving(&self, vehicle: &str, seq: u64, has_not: impl Fn(Timestamp) -> bool) -> Vec<Warned> {
        self.withdraw_where((Warning::DRIVING_TIME, vehicle), seq, |warned| warned.driven_by().is_some_and(&has_not))
    }

    fn withdraw_where(&self, (code, about): (&str, &str), seq: u64, is_over: impl Fn(&Warned) -> bool) -> Vec<Warned> {
        let mut listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An engine that folds anew may have read of warnings about entries that it has not come to yet.
        let stands = |warned: &Warned| {
            warned.seq.is_none_or(|told| told <= seq)
                && (warned.code, warned.about.as_deref(), warned.withdrawn_seq) == (code, Some(about), None)
        };
        let standing = listed.of(code).iter_mut().map(|(_, warned)| warned).filter(|warned| stands(warned));
        let over = standing.filter(|warned| is_over(warned));
        over.map(|warned| {
            warned.withdrawn_seq = Some(seq);
            warned.clone()
        })
        .collect()
    }

    /// Withdraws what was told before this engine began and is over as the zone stands at the entry `seq`: the engine before may have
    /// ended between its fold and its word. Returns the warnings that are over as they stand now; `None`: what was told before is not read
    /// yet, or is about entries that are to come, or it was looked at.
    pub(crate) fn withdraw_earlier(&self, seq: u64, is_over: impl Fn(&Warned) -> bool) -> Option<Vec<Warned>> {
        let mut listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !listed.unseen {
            return None;
        }
        let are_to_come = listed.conflicts.iter().chain(&listed.others).any(|(_, warned)| warned.seq > Some(seq));
        if are_to_come {
            return None;
        }
        listed.unseen = false;
        let Listed { conflicts, others, .. } = &mut *listed;
        let standing = conflicts.iter_mut().chain(others).map(|(_, warned)| warned);
        let over = standing.filter(|warned| warned.withdrawn_seq.is_none() && is_over(warned));
        Some(
            over.map(|warned| {
                warned.withdrawn_seq = Some(seq);
                warned.clone()
            })
            .collect(),
        )
    }

    /// Lists what was told before this engine began, given oldest first. None of it is counted or told again.
    pub(crate) fn precede(&self, told: &Told) {
        let mut listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listed.unseen = true;
        for (at, warned) in told.conflicts.iter().rev().chain(told.others.iter().rev()) {
            let among = listed.of(warned.code);
            let what = (warned.source.as_str(), warned.id.as_str(), warned.field.as_str());
            if let Some((since, known)) = among.iter_mut().find(|(_, known)| known.is_same(what)) {
                // It was read anew: it is as old as it was.
                (*since, known.at) = (*at, warned.at.clone());
                known.withdrawn_seq = known.withdrawn_seq.or(warned.withdrawn_seq);
                if known.hint.is_none() {
                    known.hint.clone_from(&warned.hint);
                }
            } else if among.len() < LISTED_MAX {
                among.push_front((*at, warned.clone()));
            }
        }
    }

    /// The last conflicts and the last other warnings, oldest first, at most [`LISTED_MAX`] of each.
    pub(crate) fn list(&self) -> Vec<Warned> {
        let listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = listed.others.iter().chain(&listed.conflicts).collect();
        // Those of one instant may have been told in any order.
        all.sort_by_key(|(at, warned)| (*at, warned.seq.unwrap_or(u64::MAX)));
        all.into_iter().map(|(_, warned)| warned.clone()).collect()
    }

    /// How many warnings there were since this engine started, by code.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }
}

/// What stands on the stream of warnings: the last ones of it.
#[derive(Default)]
pub(crate) struct Told {
    conflicts: VecDeque<(Timestamp, Warned)>,
    others: VecDeque<(Timestamp, Warned)>,
}

impl Told {
    /// One more message of the stream.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let Some(warned) = Warned::read(bytes) else { return };
        let Ok(at) = warned.at.parse::<jiff::Timestamp>() else { return };
        let among = if warned.code == Warning::CONFLICT { &mut self.conflicts } else { &mut self.others };
        if warned.about.is_some() {
            // Told, and withdrawn: whichever of the two was stored first.
            let what = (warned.source.as_str(), warned.id.as_str(), warned.field.as_str());
            if let Some((_, known)) = among.iter_mut().rev().find(|(_, known)| known.is_same(what)) {
                known.withdrawn_seq = known.withdrawn_seq.or(warned.withdrawn_seq);
                return;
            }
        }
        among.push_back((Timestamp(at.as_millisecond()), warned));
        if among.len() > LISTED_MAX {
            among.pop_front();
        }
    }
}

/// So many unknown names are compared with known ones in a second: each costs about a millisecond.
const HINTS_A_SECOND: u32 = 20;

/// How many more unknown names are compared with known ones in this second.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// The second, by the wall clock.
    second: i64,
    given: u32,
}

impl Hints {
    /// True where one more may be.
    pub(crate) fn one_more(&mut self) -> bool {
        let second = clock::wall().0.div_euclid(1_000);
        if second != self.second {
            *self = Self { second, given: 0 };
        }
        self.given += 1;
        self.given <= HINTS_A_SECOND
    }
}

/// So old an entry has been told by the engine that read it first, and the broker has forgotten the id under which it did so (wall
/// clock). Only who begins behind a snapshot knows that nobody before has read what it reads.
const TOLD_BEFORE: Millis = Millis(100_000);

/// Whether an entry that was logged at this time is to be told of. `folds_anew`: there was no snapshot to begin with.
pub(crate) fn is_to_be_told(folds_anew: bool, logged_at: Timestamp) -> bool {
    !folds_anew || clock::wall() - logged_at <= TOLD_BEFORE
}

/// Tells the warnings about the entry at `seq` on the stream of warnings. Nothing waits for that. A repeat, by a second engine for
/// instance, has the same id and is stored once.
pub(crate) fn tell(log: &Log, zone: &ZoneName, seq: u64, fresh: &[Warned]) {
    for warned in fresh {
        append(log, zone, format!("{}/{}", rejected_id(zone, LogSeq(seq)), warned.field), warned);
    }
}

/// Tells on the stream of warnings that some are withdrawn: each stands there once more, with the entry that made it needless.
pub(crate) fn tell_withdrawn(log: &Log, zone: &ZoneName, over: &[Warned]) {
    for warned in over {
        let Some(seq) = warned.seq else { continue };
        append(log, zone, format!("{}/{}/withdrawn", rejected_id(zone, LogSeq(seq)), warned.field), warned);
    }
}

fn append(log: &Log, zone: &ZoneName, id: String, warned: &Warned) {
    let subject = zone.subject(&Address::Warning(warned.code.to_owned()));
    let body = Bytes::from(serde_json::json!(warned).to_string());
    let log = log.clone();
    tokio::spawn(async move {
        for _ in 0..TOLD_TRIES {
            match log.append(Stream::Warning, subject.clone(), id.clone(), body.clone(), None).await {
                Ok(_) | Err(AppendError::Refused(_) | AppendError::TooLarge(_)) => return,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use fleetfold_model::Timestamp;
    use fleetfold_wire::decode;
    use serde_json::json;

    use super::{LISTED_MAX, Told, Warnings};

    fn misspelt(id: u32) -> fleetfold_journal::Said {
        let data = json!({ "order_id": "o", "skils": ["cool"], "loads": [1] });
        let event = json!({ "specversion": "1.0", "id": id.to_string(), "source": "/shop", "type": "fleet.order.ready.v1", "time": "2026-06-01T09:00:00Z", "data": data });
        let decoded = decode(event.to_string().as_bytes()).unwrap();
        fleetfold_journal::Said { envelope: decoded.envelope, kind: decoded.kind, warnings: decoded.warnings }
    }

    #[test]
    fn an_event_met_at_both_doors_is_listed_and_counted_once() {
        let warnings = Warnings::default();
        assert_eq!(warnings.push(&misspelt(1), None, Timestamp(0)).len(), 2);
        assert_eq!(warnings.push(&misspelt(1), Some(7), Timestamp(5)), []);
        assert_eq!(warnings.push(&misspelt(2), Some(8), Timestamp(6)).len(), 2);
        let listed = warnings.list();
        assert_eq!(listed.iter().map(|warned| warned.seq).collect::<Vec<_>>(), [Some(7), Some(7), Some(8), Some(8)]);
        assert_eq!(warnings.counts().get("unknown_field"), Some(&4));
    }

    #[test]
    fn only_the_last_ones_are_kept() {
        let warnings = Warnings::default();
        for id in 0..300 {
            warnings.push(&misspelt(id), Some(u64::from(id)), Timestamp(0));
        }
        let listed = warnings.list();
        assert_eq!((listed.len(), listed[LISTED_MAX - 1].seq), (LISTED_MAX, Some(299)));
        assert_eq!(warnings.counts().get("unknown_field"), Some(&600));
    }

    #[test]
    fn a_conflict_stays_however_many_fields_are_misspelt_and_is_told_after_a_restart() {
        let warnings = Warnings::default();
        let conflict = |id| {
            let mut said = misspelt(id);
            said.warnings = vec![fleetfold_wire::Warning::conflict("order_id", "it contradicts the plan")];
            said
        };
        warnings.push(&conflict(1_000), Some(1), Timestamp(5));
        for id in 0..300 {
            warnings.push(&misspelt(id), Some(2 + u64::from(id)), Timestamp(6));
        }
        let listed = warnings.list();
        assert_eq!((listed.len(), listed[0].code), (LISTED_MAX + 1, "conflict"));

        // The next engine reads the stream while it lists what it meets itself, once.
        let mut told = Told::default();
        for warned in &listed {
            told.add(json!(warned).to_string().as_bytes());
        }
        told.add(b"no warning");
        let next = Warnings::default();
        next.push(&misspelt(299), Some(301), Timestamp(9));
        next.push(&conflict(1_001), Some(302), Timestamp(10));
        next.precede(&told);
        let codes: Vec<_> = next.list().iter().map(|warned| warned.seq).collect();
        assert_eq!((codes.len(), codes[0], codes[codes.len() - 1]), (LISTED_MAX + 2, Some(1), Some(302)));
        assert_eq!(next.list().iter().filter(|warned| warned.seq == Some(301)).count(), 2, "its two fields, once each");
    }

    #[test]
    fn a_warning_about_an_unknown_name_is_withdrawn_when_the_thing_comes_also_for_the_next_engine() {
        let warnings = Warnings::default();
        let stranger = |id, name: &str| {
            let mut said = misspelt(id);
            let code = fleetfold_wire::Warning::UNKNOWN_ORDER;
            let detail = "nobody has asked for it".to_owned();
            said.warnings = vec![fleetfold_wire::Warning::unknown_id(code, "order_id", name, None, detail)];
            said
        };
        warnings.push(&stranger(1, "early"), Some(4), Timestamp(1));
        warnings.push(&stranger(2, "typo"), Some(5), Timestamp(2));
        let told_first = warnings.list();
        let over = warnings.withdraw(("unknown_order", "early"), 6);
        assert_eq!(
            over.iter().map(|warned| (warned.seq, warned.withdrawn_seq)).collect::<Vec<_>>(),
            [(Some(4), Some(6))]
        );
        assert_eq!(warnings.withdraw(("unknown_order", "early"), 7), [], "once");
        assert_eq!(warnings.withdraw(("unknown_vehicle", "typo"), 7), [], "a vehicle is no order");
        let standing = |warnings: &Warnings| warnings.list().iter().filter(|one| one.withdrawn_seq.is_none()).count();
        assert_eq!((warnings.list().len(), standing(&warnings)), (2, 1));

        for swapped in [false, true] {
            let mut stream: Vec<_> = told_first.iter().chain(&over).collect();
            if swapped {
                stream.reverse();
            }
            let mut told = Told::default();
            for warned in stream {
                told.add(json!(warned).to_string().as_bytes());
            }
            let next = Warnings::default();
            assert_eq!(next.withdraw_earlier(8, |_| true), None, "nothing is read yet");
            next.precede(&told);
            // It folds anew, and what was told is about entries that it has not come to.
            assert_eq!(next.withdraw(("unknown_order", "typo"), 4), []);
            assert_eq!(next.withdraw_earlier(4, |_| true), None);
            assert_eq!((next.list().len(), standing(&next)), (2, 1), "swapped: {swapped}");
            // The engine before ended between the fold of what brought it and its word: the next one looks, once.
            let over = next.withdraw_earlier(8, |warned| warned.about.as_deref() != Some("nobody")).unwrap();
            assert_eq!(over.iter().map(|it| (it.seq, it.withdrawn_seq)).collect::<Vec<_>>(), [(Some(5), Some(8))]);
            assert_eq!((standing(&next), next.withdraw_earlier(9, |_| true)), (0, None));
        }
    }
}

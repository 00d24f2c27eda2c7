//! Warnings about events that were taken all the same: the last ones, for people, and how many there were, for the metrics.
//!
//! One list is shared by the HTTP door and by the reader of the log. An event that came over HTTP is met again in the log;
//! the same field of the same event is listed and counted once. Whoever listed it tells it on the stream of warnings.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::address::rejected_id;
use fleetfold_journal::{Address, Said, ZoneName};
use fleetfold_model::{LogSeq, Millis, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::clock;
use crate::log::{AppendError, Log, Stream};

/// Most warnings that are listed.
const LISTED_MAX: usize = 200;
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
    /// The field that was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// What is odd about its value, and what is done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

#[derive(Default)]
struct Listed {
    last: VecDeque<Warned>,
    counts: BTreeMap<&'static str, u64>,
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
            let same = |known: &&mut Warned| {
                (&known.source, &known.id, &known.field) == (&event.source, &event.id, &warning.field)
            };
            if let Some(known) = listed.last.iter_mut().rev().find(same) {
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
            };
            *listed.counts.entry(warned.code).or_default() += 1;
            fresh.push(warned.clone());
            listed.last.push_back(warned);
            if listed.last.len() > LISTED_MAX {
                listed.last.pop_front();
            }
        }
        fresh
    }

    /// The last warnings, oldest first, at most [`LISTED_MAX`].
    pub(crate) fn list(&self) -> Vec<Warned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last.iter().cloned().collect()
    }

    /// How many warnings there were since this engine started, by code.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
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
        let subject = zone.subject(&Address::Warning(warned.code.to_owned()));
        let id = format!("{}/{}", rejected_id(zone, LogSeq(seq)), warned.field);
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
}

#[cfg(test)]
mod tests {
    use fleetfold_model::Timestamp;
    use fleetfold_wire::decode;
    use serde_json::json;

    use super::{LISTED_MAX, Warnings};

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
}

//! Where the entries come from that reasons are computed from: a log, or a recording of one.

use std::path::Path;
use std::time::{Duration, Instant};

use fleetfold_fleet::Fleet;
use fleetfold_journal::ZoneName;
use fleetfold_model::{Event, LogEntry, Timestamp};
use fleetfold_wire::CloudEvent;

use super::documents::Cause;
use crate::clock;
use crate::days::{self, Day};
use crate::failure::Failure;
use crate::log::{Log, Stream};
use crate::readers::{Folded, Whole};

/// Where entries come from.
pub(crate) enum Source<'a> {
    /// A recording.
    Day(&'a Path, &'a Day),
    /// A zone's log.
    Log(&'a Log, &'a ZoneName),
}

/// How it is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    /// Nobody waits longer than this; `None`: as long as it takes.
    pub(crate) within: Option<Duration>,
}

impl Source<'_> {
    /// Folds from the beginning. `step` is given the fleet before each entry, and folds it if it wants; false ends it. Returns the fleet.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or not in time.
    pub(crate) async fn walk(
        &self,
        reading: Reading,
        mut step: impl FnMut(&mut Fleet, &LogEntry) -> bool,
    ) -> Result<Fleet, Failure> {
        let began = clock::monotonic();
        match self {
            Self::Day(_, day) => {
                let (mut fleet, _) = day.beginning()?;
                for entry in &day.entries {
                    if !step(&mut fleet, entry) {
                        break;
                    }
                }
                Ok(fleet)
            }
            Self::Log(log, zone) => {
                let Some((mut folded, after)) = Folded::begin(log, zone).await? else {
                    return Err(Failure::new(
                        format!("the log holds nothing of zone {zone}"),
                        "check --log, --tenant and --zone; `fleetfold doctor` shows what a log holds",
                    ));
                };
                let mut whole = Whole::above(log, zone, after).await?;
                while let Some(message) = whole.next().await? {
                    in_time(began, reading)?;
                    let Some(entry) = folded.pass(log, &message).await? else { continue };
                    if !step(&mut folded.fleet, &entry) {
                        break;
                    }
                }
                Ok(folded.fleet)
            }
        }
    }

    /// Names entries by their envelopes. One that is not held any more is named by its sequence alone.
    pub(crate) async fn causes(&self, seqs: &[u64]) -> Result<Vec<Cause>, Failure> {
        let mut causes = Vec::with_capacity(seqs.len());
        match self {
            Self::Day(path, _) => {
                let found = days::messages(path, seqs)?;
                for &seq in seqs {
                    let message = found.get(&seq);
                    causes.push(message.map_or_else(|| unknown(seq), |(at, text)| cause(seq, *at, text.as_bytes())));
                }
            }
            Self::Log(log, zone) => {
                for &seq in seqs {
                    let message = log.get(Stream::Fleet, zone, seq).await?;
                    causes.push(message.map_or_else(|| unknown(seq), |it| cause(seq, it.at.0, &it.bytes)));
                }
            }
        }
        Ok(causes)
    }

    /// What to say when it does not hold what is asked for.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Day(..) => "give a recording of that day",
            Self::Log(..) => {
                "give a recording of that day (`fleetfold explain … DAY.jsonl`), if one was made with `fleetfold record`"
            }
        }
    }
}

/// True for an entry that came after an instant of zone time. What opens a zone sets its clock, so that it is read by none.
pub(crate) fn is_after(fleet: &Fleet, entry: &LogEntry, at: Option<Timestamp>) -> bool {
    let opens = matches!(entry.event, Event::ZoneOpened(_)) && !fleet.zone().opened;
    at.is_some_and(|at| !opens && fleet.zone().zone_time(entry.logged_at) > at)
}

fn in_time(began: Instant, reading: Reading) -> Result<(), Failure> {
    if reading.within.is_some_and(|within| began.elapsed() > within) {
        return Err(Failure::new(
            "the log was not read to its end in time",
            "ask `fleetfold explain` on the command line, which has no such limit",
        ));
    }
    Ok(())
}

fn unknown(seq: u64) -> Cause {
    Cause {
        seq,
        kind: "not held any more".to_owned(),
        id: String::new(),
        source: String::new(),
        subject: None,
        time: None,
        logged_at: 0,
    }
}

fn cause(seq: u64, logged_at: i64, bytes: &[u8]) -> Cause {
    match serde_json::from_slice::<CloudEvent>(bytes) {
        Ok(event) => Cause {
            seq,
            kind: event.kind,
            id: event.id,
            source: event.source,
            subject: event.subject,
            time: event.time,
            logged_at,
        },
        Err(_) => Cause { logged_at, ..unknown(seq) },
    }
}

//! Between the log and the engine's thread: a task that takes each message through the journal's gate, tells and notes what is
//! not to be folded *before* it goes on, and hands entries over in order.
//!
//! Whatever the broker does meanwhile, a rejected message is noted in the end or nothing behind it is folded: a refold must
//! skip what this fold skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::address::rejected_id;
use fleetfold_journal::{Address, Gate, Judged, Rejection, Said};
use fleetfold_model::{LogEntry, LogSeq, MessageHash, Timestamp};
use fleetfold_wire::{RejectedV1, message_hash};
use serde_json::json;
use tokio::sync::mpsc;

use super::Readiness;
use crate::log::{AppendError, Log, LogError, Message, Read, Reader, Stream};
use crate::warnings::Warnings;

/// Entries read ahead of the engine.
const AHEAD: usize = 1024;
/// Time between two attempts while the broker is away.
const AGAIN: Duration = Duration::from_millis(200);
/// Attempts to publish a rejected message on `REJECTED`. After that only the list of skipped entries has it: that list is what
/// keeps every fold the same, `REJECTED` is for people.
const TOLD_TRIES: u32 = 300;

/// An attempt to make what was deleted again takes no longer.
const MAKE: Duration = Duration::from_secs(5);

/// What the engine's thread gets.
pub(super) enum Taken {
    /// An entry to be folded, and the message it came in.
    Entry(Box<LogEntry>, Message),
    /// An entry that is not folded.
    Skipped {
        seq: LogSeq,
        at: Timestamp,
        hash: MessageHash,
        on_plan_subject: bool,
        /// Why it was rejected; `None`: it was on the list of skipped entries already.
        rejection: Option<Rejection>,
    },
    /// The log is not the one any more that was read before. Nothing follows.
    Regressed(String),
}

/// The entry that a snapshot ended with, to be found unchanged as the first one read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) seq: u64,
    pub(super) hash: MessageHash,
}

/// Starts the task.
///
/// `warnings`: where odd events are listed, and whether the zone's policy rejects them instead.
pub(super) fn start(
    log: Log,
    gate: Gate,
    expected: Option<Expected>,
    reader: Reader,
    warnings: (Warnings, Arc<AtomicBool>),
    readiness: Arc<Readiness>,
) -> mpsc::Receiver<Taken> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(run(log, gate, expected, reader, (warnings, readiness), sender));
    receiver
}

async fn run(
    log: Log,
    mut gate: Gate,
    mut expected: Option<Expected>,
    mut reader: Reader,
    (warnings, readiness): ((Warnings, Arc<AtomicBool>), Arc<Readiness>),
    sender: mpsc::Sender<Taken>,
) {
    while let Some(read) = reader.next().await {
        let message = match read {
            Read::Message(message) => message,
            Read::Regressed(what) => {
                let _ = sender.send(Taken::Regressed(what)).await;
                return;
            }
        };
        if let Some(Expected { seq, hash }) = expected.take() {
            if message.seq != seq || message_hash(&message.bytes) != hash {
                let what = format!("entry {seq} is not the one that the snapshot was made from");
                let _ = sender.send(Taken::Regressed(what)).await;
                return;
            }
            continue;
        }
        let taken = take(&log, &mut gate, &warnings, &readiness, message).await;
        if sender.send(taken).await.is_err() {
            return;
        }
    }
}

async fn take(
    log: &Log,
    gate: &mut Gate,
    warnings: &(Warnings, Arc<AtomicBool>),
    readiness: &Readiness,
    message: Message,
) -> Taken {
    let mut asked = false;
    gate.set_strict(warnings.1.load(Ordering::Acquire));
    let (on_plan_subject, rejection) = loop {
        match gate.judge(message.raw()) {
            Judged::Entry(entry, said) => {
                warn(log, gate, &warnings.0, &message, &said);
                return Taken::Entry(entry, message);
            }
            Judged::Skipped { on_plan_subject } => break (on_plan_subject, None),
            Judged::Rejected(rejection) => break (rejection.on_plan_subject, Some(rejection)),
            Judged::WhoOwns { epoch } if asked => {
                let rejection = gate.not_an_owner(message.raw(), epoch);
                break (rejection.on_plan_subject, Some(rejection));
            }
            Judged::WhoOwns { .. } => match log.epoch_max(gate.zone()).await {
                Ok(epoch) => {
                    gate.owner(epoch);
                    asked = true;
                }
                Err(error) => {
                    tracing::warn!(%error, seq = message.seq, "waiting to ask who owns the zone");
                    tokio::time::sleep(AGAIN).await;
                }
            },
        }
    };
    if let Some(rejection) = &rejection {
        tracing::warn!(seq = message.seq, code = rejection.code, what = rejection.what, "entry rejected");
        note(log, gate, &message, rejection, readiness).await;
        gate.skip(LogSeq(message.seq));
    }
    let hash = message_hash(&message.bytes);
    Taken::Skipped { seq: LogSeq(message.seq), at: message.at, hash, on_plan_subject, rejection }
}

/// Lists what looks like a mistake, and tells it on the stream of warnings. Nothing waits for that.
fn warn(log: &Log, gate: &Gate, warnings: &Warnings, message: &Message, said: &Said) {
    for warned in warnings.push(said, Some(message.seq), crate::clock::wall()) {
        let subject = gate.zone().subject(&Address::Warning(warned.code.to_owned()));
        let id = format!("{}/{}", rejected_id(gate.zone(), LogSeq(message.seq)), warned.field);
        let body = Bytes::from(json!(warned).to_string());
        let log = log.clone();
        tokio::spawn(async move {
            for _ in 0..TOLD_TRIES {
                match log.append(Stream::Warning, subject.clone(), id.clone(), body.clone(), None).await {
                    Ok(_) | Err(AppendError::Refused(_)) => return,
                    Err(_) => tokio::time::sleep(AGAIN).await,
                }
            }
        });
    }
}

/// Tells what was rejected, and notes its sequence. Returns when it is noted.
async fn note(log: &Log, gate: &Gate, message: &Message, rejection: &Rejection, readiness: &Readiness) {
    let zone = gate.zone();
    let subject = zone.subject(&Address::of_rejected(rejection.code));
    let id = rejected_id(zone, LogSeq(message.seq));
    let (code, what) = (rejection.code, rejection.what.as_str());
    let told = RejectedV1::new(message.seq, &message.subject, code, what, &message.bytes);
    let body = Bytes::from(told.to_bytes());
    let waits = |error: &dyn std::fmt::Display| {
        readiness.unnoted.met(format!("rejected entry {} cannot be noted: {error}", message.seq));
    };
    for tried in 1.. {
        match log.append(Stream::Rejected, subject.clone(), id.clone(), body.clone(), None).await {
            Ok(_) => break,
            Err(AppendError::Refused(why)) => {
                tracing::error!(why, seq = message.seq, "the log refuses to keep what was rejected");
                break;
            }
            Err(error) if tried == TOLD_TRIES => {
                tracing::error!(%error, seq = message.seq, "what was rejected could not be told");
                break;
            }
            Err(error) => {
                // The stream may have been deleted.
                match tokio::time::timeout(MAKE, log.ensure(Stream::Rejected)).await {
                    Ok(Err(made)) => waits(&made.what),
                    Ok(Ok(())) | Err(_) => waits(&error),
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    let mut noted = log.skip(zone, message.seq).await;
    while let Err(error) = noted {
        tracing::warn!(%error, seq = message.seq, "waiting to note the skipped entry");
        waits(&error.what);
        tokio::time::sleep(AGAIN).await;
        noted = tokio::time::timeout(MAKE, note_all(log, gate, message.seq)).await.unwrap_or(Err(error));
    }
    readiness.unnoted.over();
}

/// Notes a skipped entry on a list that may have been deleted: what stood there stands there again before anything is folded.
async fn note_all(log: &Log, gate: &Gate, seq: u64) -> Result<(), LogError> {
    log.ensure_skipped().await?;
    let listed = log.skipped(gate.zone()).await?;
    for lost in gate.skipped().into_iter().filter(|known| listed.binary_search(known).is_err()) {
        log.skip(gate.zone(), lost).await?;
    }
    log.skip(gate.zone(), seq).await
}

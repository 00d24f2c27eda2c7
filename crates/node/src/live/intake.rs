//! Between the log and the engine's thread: a task that takes each message through the journal's gate, tells and notes what is
//! not to be folded *before* it goes on, and hands entries over in order.
//!
//! Whatever the broker does meanwhile, a rejected message is noted in the end or nothing behind it is folded: a refold must
//! skip what this fold skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fleetfold_fleet::Zone;
use fleetfold_journal::{Gate, PolicyAt, Rejection, Said};
use fleetfold_model::{Event, LogEntry, LogSeq, MessageHash, Timestamp};
use fleetfold_wire::{message_hash, odd_in_zone};
use tokio::sync::{mpsc, watch};

use super::Readiness;
use super::skip_list;
use super::telling::{self, AGAIN, MAKE, Untaken};
use crate::clock;
use crate::gatekeeper::{self, Passed};
use crate::log::{Log, LogError, Message, Read, Reader};
use crate::warnings::{self, Warnings};

/// Entries read ahead of the engine.
const AHEAD: usize = 1024;

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
        message: Bytes,
    },
    /// The log is not the one any more that was read before. Nothing follows.
    Regressed(String),
    /// Entries may have expired before they were read. Nothing follows.
    Gap(String),
}

/// The entry that a snapshot ended with, to be found unchanged as the first one read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) seq: u64,
    pub(super) hash: MessageHash,
}

/// Starts the task.
///
/// `expected`: the first entry, which the snapshot has folded. `folds_anew`: there was no snapshot to begin with. `warnings`: where odd events are listed. `zone`: its clock and coordinates before the first entry. `policy`: what the fold says about the policy, after each fact that may change it.
pub(super) fn start(
    log: Log,
    gate: Gate,
    (expected, folds_anew): (Option<Expected>, bool),
    reader: Reader,
    (zone, warnings): (Zone, Warnings),
    policy: watch::Receiver<PolicyAt>,
    readiness: Arc<Readiness>,
) -> mpsc::Receiver<Taken> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let first = Arc::new(AtomicU64::new(0));
    let told = (Arc::clone(&readiness), Arc::clone(&first));
    let skipped = skip_list::start(log.clone(), gate.zone().clone(), gate.skipped(), told);
    let intake = Intake { log, gate, zone, warnings, policy, readiness, folds_anew, skipped, first, forgot: 0 };
    tokio::spawn(intake.run(expected, reader, sender));
    receiver
}

struct Intake {
    log: Log,
    gate: Gate,
    /// The zone's clock and coordinates after the last entry that was let through.
    zone: Zone,
    warnings: Warnings,
    policy: watch::Receiver<PolicyAt>,
    readiness: Arc<Readiness>,
    /// The log is folded from its first entry on, or from a base: others have read most of it before.
    folds_anew: bool,
    /// Whoever looks after the list of skipped entries hears of each.
    skipped: mpsc::UnboundedSender<u64>,
    /// The first entry of the log that has not expired.
    first: Arc<AtomicU64>,
    /// Skipped entries before this one were forgotten.
    forgot: u64,
}

impl Intake {
    async fn run(mut self, mut expected: Option<Expected>, mut reader: Reader, sender: mpsc::Sender<Taken>) {
        while let Some(read) = reader.next().await {
            let message = match read {
                Read::Message(message) => message,
                Read::Regressed(what) => {
                    let _ = sender.send(Taken::Regressed(what)).await;
                    return;
                }
                Read::Gap(what) => {
                    let _ = sender.send(Taken::Gap(what)).await;
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
            let Some(taken) = self.take(message).await else { return };
            if sender.send(taken).await.is_err() {
                return;
            }
        }
    }

    /// `None`: the engine's thread has ended.
    async fn take(&mut self, message: Message) -> Option<Taken> {
        let first = self.first.load(Ordering::Acquire);
        if first > self.forgot {
            self.gate.forget_before(LogSeq(first));
            self.forgot = first;
        }
        let (seq, at) = (LogSeq(message.seq), message.at);
        let bytes = message.bytes.clone();
        let (on_plan_subject, rejection) = loop {
            match gatekeeper::judge(&self.log, &mut self.gate, &message).await {
                Ok(Passed::Entry(entry, said)) => {
                    self.warn(&message, &entry, *said);
                    return Some(Taken::Entry(entry, message));
                }
                Ok(Passed::Skipped { on_plan_subject }) => {
                    // It may have been noted since this engine began.
                    let _ = self.skipped.send(message.seq);
                    break (on_plan_subject, None);
                }
                Ok(Passed::Rejected(rejection)) => break (rejection.on_plan_subject, Some(rejection)),
                // Whatever the policy depends on has been handed over to the engine's thread.
                Ok(Passed::WhichPolicy { after }) => {
                    let policy = *self.policy.wait_for(|policy| policy.seq >= after).await.ok()?;
                    self.gate.policy(policy);
                }
                Err(error) => {
                    tracing::warn!(%error, seq = message.seq, "waiting to ask who owns the zone");
                    // The list of skipped entries may have been deleted.
                    let known = self.gate.skipped().into_iter().collect();
                    let put_back = skip_list::put_back(&self.log, self.gate.zone(), &known);
                    let _ = tokio::time::timeout(MAKE, put_back).await;
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        if let Some(rejection) = &rejection {
            tracing::warn!(seq = message.seq, code = rejection.code, what = rejection.what, "entry rejected");
            self.note(message, rejection).await;
        }
        let hash = message_hash(&bytes);
        Some(Taken::Skipped { seq, at, hash, on_plan_subject, rejection, message: bytes })
    }

    /// Lists what looks like a mistake, and tells it on the stream of warnings.
    fn warn(&mut self, message: &Message, entry: &LogEntry, mut said: Said) {
        let now = self.zone.zone_time(message.at);
        said.warnings.extend(odd_in_zone(said.kind, &said.envelope, self.zone.space, now));
        let fresh = self.warnings.push(&said, Some(message.seq), clock::wall());
        if warnings::is_to_be_told(self.folds_anew, message.at) {
            warnings::tell(&self.log, self.gate.zone(), message.seq, &fresh);
        }
        // The fold may be far behind this task: what the next entries mean is taken from the entries themselves. A zone is
        // opened once.
        if let Event::ZoneOpened(opened) = &entry.event
            && !self.zone.opened
        {
            self.zone = Zone::from(opened);
        }
    }

    /// Tells what was rejected, and notes its sequence. Returns when it is noted.
    async fn note(&mut self, message: Message, rejection: &Rejection) {
        let seq = message.seq;
        let untaken = Untaken { message, code: rejection.code, what: rejection.what.clone() };
        let waits = |why: &str| {
            self.readiness.unnoted.met(format!("rejected entry {seq} cannot be noted: {why}"));
        };
        telling::tell(&self.log, self.gate.zone(), &untaken, waits).await;
        let mut noted = self.log.skip(self.gate.zone(), seq).await;
        while let Err(error) = noted {
            tracing::warn!(%error, seq, "waiting to note the skipped entry");
            waits(&error.what);
            tokio::time::sleep(AGAIN).await;
            noted = tokio::time::timeout(MAKE, self.note_all(seq)).await.unwrap_or(Err(error));
        }
        self.readiness.unnoted.over();
        self.gate.skip(LogSeq(seq));
        let _ = self.skipped.send(seq);
    }

    /// Notes a skipped entry on a list that may have been deleted: what stood there stands there again before anything is
    /// folded.
    async fn note_all(&self, seq: u64) -> Result<(), LogError> {
        let known = self.gate.skipped().into_iter().chain([seq]).collect();
        skip_list::put_back(&self.log, self.gate.zone(), &known).await.map(drop)
    }
}

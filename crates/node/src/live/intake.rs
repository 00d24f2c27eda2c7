//! Between the log and the engine's thread: a task that takes each message through the journal's gate, tells and notes what is
//! not to be folded *before* it goes on, and hands entries over in order.
//!
//! Whatever the broker does meanwhile, a rejected message is noted in the end or nothing behind it is folded: a refold must
//! skip what this fold skipped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fleetfold_fleet::Zone;
use fleetfold_journal::{Begin, Covered, Gate, PolicyAt, Rejection, Said, begin};
use fleetfold_model::{Event, LogEntry, LogSeq, MessageHash, Timestamp};
use fleetfold_wire::{Labels, content_hash, message_hash, odd_in_zone};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Readiness;
use super::bases;
use super::contents::Contents;
use super::in_hand::InHand;
use super::skip_list::{self, Passed as PassedOver};
use super::start::log_gap;
use super::telling::{self, AGAIN, MAKE, Untaken};
use crate::clock;
use crate::gatekeeper::{self, Passed};
use crate::log::{Log, LogError, Message, Read, Reader};
use crate::personal::Words;
use crate::sources::Sources;
use crate::trace::Brought;
use crate::warnings::{self, Warnings};

/// Entries read ahead of the engine.
const AHEAD: usize = 1024;
/// Messages that are looked through for keys before they are judged, if they have come already.
const LOOKED_THROUGH: usize = 256;
/// Rejected messages that are noted at the same time.
const NOTED_AT_ONCE: usize = 128;

/// What the engine's thread gets.
pub(super) enum Taken {
    /// An entry to be folded, and the message it came in; what it calls an order and its stops; the trace that it brings.
    Entry {
        entry: Box<LogEntry>,
        message: Message,
        labels: Option<Box<Labels>>,
        brought: Option<Box<Brought>>,
        /// Another fact with its id said something else.
        reused: bool,
    },
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
    /// How far has the fold come? What follows depends on that.
    Unsure(oneshot::Sender<Covered>),
}

/// The entry that a snapshot ended with, to be found unchanged as the first one read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) seq: u64,
    pub(super) hash: MessageHash,
}

/// Starts the task.
///
/// `expected`: the first entry, which the snapshot has folded. `folds_anew`: there was no snapshot to begin with. `warnings`: where odd events are listed. `sources`: who has sent what. `zone`: its clock and coordinates before the first entry. `policy`: what the fold says about the policy, after each fact that may change it.
pub(super) fn start(
    words: Words,
    gate: Gate,
    (expected, folds_anew): (Option<Expected>, bool),
    reader: Reader,
    (zone, warnings, sources): (Zone, Warnings, Sources),
    policy: watch::Receiver<PolicyAt>,
    (readiness, in_hand, passed): (Arc<Readiness>, Arc<InHand>, Arc<PassedOver>),
) -> mpsc::Receiver<Taken> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let log = words.log().clone();
    let first = Arc::new(AtomicU64::new(0));
    let told = (Arc::clone(&readiness), Arc::clone(&first), passed);
    let skipped = skip_list::start(log.clone(), gate.zone().clone(), gate.skipped(), told);
    let intake = Intake {
        log,
        words,
        gate,
        zone,
        warnings,
        sources,
        policy,
        readiness,
        in_hand,
        folds_anew,
        skipped,
        first,
        forgot: 0,
        contents: Contents::default(),
    };
    tokio::spawn(intake.run(expected, reader, sender));
    receiver
}

/// A rejected message that is being noted.
struct Noting {
    seq: u64,
    taken: Taken,
    noted: JoinHandle<Result<(), LogError>>,
}

/// How the first rejected message was noted; `None`: none is being noted.
async fn first_noted(noting: &mut VecDeque<Noting>) -> Option<Result<(), LogError>> {
    let first = noting.front_mut()?;
    Some((&mut first.noted).await.unwrap_or_else(|error| Err(LogError::new(error.to_string(), "try again"))))
}

/// What a message is.
enum Judgement {
    Taken(Taken),
    /// It is handed on when it is noted.
    Noting(Noting),
}

struct Intake {
    log: Log,
    words: Words,
    gate: Gate,
    /// The zone's clock and coordinates after the last entry that was let through.
    zone: Zone,
    warnings: Warnings,
    sources: Sources,
    policy: watch::Receiver<PolicyAt>,
    readiness: Arc<Readiness>,
    /// An entry over which this task panics is written there.
    in_hand: Arc<InHand>,
    /// The log is folded from its first entry on, or from a base: others have read most of it before.
    folds_anew: bool,
    /// Whoever looks after the list of skipped entries hears of each.
    skipped: mpsc::UnboundedSender<u64>,
    /// The first entry of the log that has not expired.
    first: Arc<AtomicU64>,
    /// Skipped entries before this one were forgotten.
    forgot: u64,
    /// What facts said that were let through.
    contents: Contents,
}

impl Intake {
    async fn run(mut self, mut expected: Option<Expected>, mut reader: Reader, sender: mpsc::Sender<Taken>) {
        let mut noting: VecDeque<Noting> = VecDeque::new();
        let mut come: VecDeque<Read> = VecDeque::new();
        loop {
            let read = tokio::select! {
                biased;
                read = self.next(&mut come, &mut reader), if noting.len() < NOTED_AT_ONCE => read,
                Some(noted) = first_noted(&mut noting) => {
                    if !self.hand_on_noted(&mut noting, noted, &sender).await {
                        return;
                    }
                    continue;
                }
            };
            let taken = match read {
                Some(Read::Message(message)) => {
                    if let Some(Expected { seq, hash }) = expected.take() {
                        if message.seq == seq && message_hash(&message.bytes) == hash {
                            continue;
                        }
                        let what = format!("entry {seq} is not the one that the snapshot was made from");
                        Some(Taken::Regressed(what))
                    } else {
                        match self.take(message).await {
                            None => return,
                            Some(Judgement::Noting(note)) => {
                                noting.push_back(note);
                                continue;
                            }
                            Some(Judgement::Taken(taken)) => Some(taken),
                        }
                    }
                }
                Some(Read::Regressed(what)) => Some(Taken::Regressed(what)),
                Some(Read::Gap(what)) => Some(Taken::Gap(what)),
                Some(Read::Unsure(what)) => {
                    if !self.hand_on_all_noted(&mut noting, &sender).await {
                        return;
                    }
                    match self.lacks(what, &sender).await {
                        Some(Some(what)) => Some(Taken::Gap(what)),
                        Some(None) => continue,
                        None => return,
                    }
                }
                None => None,
            };
            if !self.hand_on_all_noted(&mut noting, &sender).await {
                return;
            }
            let Some(taken) = taken else { return };
            let is_last = matches!(taken, Taken::Regressed(_) | Taken::Gap(_));
            if sender.send(taken).await.is_err() || is_last {
                return;
            }
        }
    }

    /// What comes next. Where many messages have come already, as in the fold of a start, the keys to their words are asked for together.
    async fn next(&self, come: &mut VecDeque<Read>, reader: &mut Reader) -> Option<Read> {
        if come.is_empty() {
            come.push_back(reader.next().await?);
            while come.len() < LOOKED_THROUGH
                && let Some(read) = reader.come()
            {
                come.push_back(read);
            }
            if come.len() > 1 {
                let messages = come.iter().filter_map(|read| match read {
                    Read::Message(message) => Some(message.bytes.clone()),
                    Read::Regressed(_) | Read::Gap(_) | Read::Unsure(_) => None,
                });
                self.words.ask_for_keys(messages.collect()).await;
            }
        }
        come.pop_front()
    }

    /// Hands on the first rejected message, once it is noted for good. False: the engine's thread has ended.
    async fn hand_on_noted(
        &mut self,
        noting: &mut VecDeque<Noting>,
        noted: Result<(), LogError>,
        sender: &mpsc::Sender<Taken>,
    ) -> bool {
        let Some(Noting { seq, taken, .. }) = noting.pop_front() else { return true };
        self.noted(seq, noted).await;
        sender.send(taken).await.is_ok()
    }

    /// Whatever was rejected before an entry is noted, and handed on, first. False: the engine's thread has ended.
    async fn hand_on_all_noted(&mut self, noting: &mut VecDeque<Noting>, sender: &mpsc::Sender<Taken>) -> bool {
        while let Some(noted) = first_noted(noting).await {
            if !self.hand_on_noted(noting, noted, sender).await {
                return false;
            }
        }
        true
    }

    /// What the zone lacks, after the stream dropped messages that the reader cannot have seen; the inner `None`: nothing shows that
    /// it lacks any. The outer one: the engine's thread has ended.
    ///
    /// It is the judgement of a start ([`fleetfold_journal::begin`]): the zone's own plans, assignments and bases say what it had.
    /// Most of the time the messages were another zone's.
    async fn lacks(&self, what: String, sender: &mpsc::Sender<Taken>) -> Option<Option<String>> {
        let (reply, answer) = oneshot::channel();
        sender.send(Taken::Unsure(reply)).await.ok()?;
        let covered = answer.await.ok()?;
        let held = loop {
            match bases::held(&self.log, self.gate.zone(), covered.applied).await {
                Ok(held) => break held,
                Err(error) => {
                    tracing::warn!(%error, "waiting to ask what the log holds");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        if let Begin::Expired { needed } = begin(covered, held) {
            return Some(Some(format!("{what}; {}", log_gap(needed, held))));
        }
        tracing::warn!(
            zone = %self.gate.zone(),
            "{what}; nothing shows that one of them was this zone's, so it goes on. If one was, it is lost: send it again"
        );
        Some(None)
    }

    /// `None`: the engine's thread has ended.
    async fn take(&mut self, message: Message) -> Option<Judgement> {
        let first = self.first.load(Ordering::Acquire);
        if first > self.forgot {
            self.gate.forget_before(LogSeq(first));
            self.forgot = first;
        }
        let (seq, at) = (LogSeq(message.seq), message.at);
        let bytes = message.bytes.clone();
        let _blamed = self.in_hand.blamed(message.seq, MessageHash(0));
        #[cfg(debug_assertions)]
        if !self.gate.skipped().contains(&message.seq) {
            super::planted::death_judging(&message.bytes);
        }
        let (on_plan_subject, rejection) = loop {
            match gatekeeper::judge(&self.log, &mut self.gate, &message).await {
                Ok(Passed::Entry(mut entry, said)) => {
                    let brought = Brought::by(&said.envelope);
                    let is_fact = entry.id != 0 && entry.event.own_epoch().is_none();
                    let reused =
                        is_fact && self.contents.is_reused(entry.id, content_hash(said.kind, &said.envelope.data));
                    self.warn(&message, &entry, *said);
                    let labels = self.words.open_entry(&mut entry, &message.bytes).await;
                    return Some(Judgement::Taken(Taken::Entry { entry, message, labels, brought, reused }));
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
                    let put_back = skip_list::put_back(&self.log, self.gate.zone(), &known, None);
                    let _ = tokio::time::timeout(MAKE, put_back).await;
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        let hash = message_hash(&bytes);
        let Some(rejection) = rejection else {
            let taken = Taken::Skipped { seq, at, hash, on_plan_subject, rejection: None, message: bytes };
            return Some(Judgement::Taken(taken));
        };
        tracing::warn!(seq = message.seq, code = rejection.code, what = rejection.what, "entry rejected");
        let noted = self.note(message, &rejection);
        let taken = Taken::Skipped { seq, at, hash, on_plan_subject, rejection: Some(rejection), message: bytes };
        Some(Judgement::Noting(Noting { seq: seq.0, taken, noted }))
    }

    /// Lists what looks like a mistake, and tells it on the stream of warnings.
    fn warn(&mut self, message: &Message, entry: &LogEntry, mut said: Said) {
        let now = self.zone.zone_time(message.at);
        if entry.event.own_epoch().is_none()
            && let Some(time) = entry.time
        {
            self.sources.saw(&said.envelope, time, now, message.at, false);
        }
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

    /// Tells what was rejected, and notes its sequence, while the next messages are judged: a flood of them is noted many at a time.
    fn note(&self, message: Message, rejection: &Rejection) -> JoinHandle<Result<(), LogError>> {
        let (log, zone, readiness) = (self.log.clone(), self.gate.zone().clone(), Arc::clone(&self.readiness));
        let seq = message.seq;
        let untaken = Untaken { message, code: rejection.code, what: rejection.what.clone() };
        tokio::spawn(async move {
            let waits = |why: &str| readiness.unnoted.met(format!("rejected entry {seq} cannot be noted: {why}"));
            telling::tell(&log, &zone, &untaken, waits).await;
            log.skip(&zone, seq).await
        })
    }

    /// Returns when a rejected message is noted for good, however its first attempt went.
    async fn noted(&mut self, seq: u64, mut noted: Result<(), LogError>) {
        while let Err(error) = noted {
            tracing::warn!(%error, seq, "waiting to note the skipped entry");
            self.readiness.unnoted.met(format!("rejected entry {seq} cannot be noted: {}", error.what));
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
        skip_list::put_back(&self.log, self.gate.zone(), &known, None).await.map(drop)
    }
}

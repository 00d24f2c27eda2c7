//! Telling people, on the stream `REJECTED`, what was not taken: messages that were rejected and facts that were refused.
//!
//! Each has an id of its own, so that a repeat is harmless, and is tried until it is stored. The stream is made again where it
//! was deleted.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::address::rejected_id;
use fleetfold_journal::{Address, ZoneName};
use fleetfold_model::{Millis, Timestamp};
use fleetfold_wire::RejectedV1;
use tokio::sync::mpsc;

use crate::log::{AppendError, Log, Message, Original, Stream};

/// Time between two attempts while the broker is away.
pub(super) const AGAIN: Duration = Duration::from_millis(200);
/// Attempts to tell one: a minute outlives a restart of the broker. What is given up then is in the program's log only; no fold
/// depends on it.
const TRIES: u32 = 300;
/// An attempt to make a deleted stream or bucket again takes no longer.
pub(super) const MAKE: Duration = Duration::from_secs(5);
/// Refused facts that wait to be told. What comes when so many wait is not told.
const WAITING_MAX: usize = 4096;

/// What was not taken, and why.
pub(super) struct Untaken {
    pub(super) message: Message,
    /// A short stable word.
    pub(super) code: &'static str,
    /// The reason in words.
    pub(super) what: String,
}

/// Who owns the zone tells, and for some seconds nobody may: what was refused meanwhile is kept for the next owner. This long, in
/// log time: shorter than the broker knows the ids of messages, so that a repeat stays harmless.
const KEPT: Millis = Millis(100_000);
/// Of so many, the newest.
const KEPT_MAX: usize = 1024;

/// Facts that were refused while we did not own the zone.
#[derive(Default)]
pub(super) struct Kept(VecDeque<Untaken>);

impl Kept {
    /// Keeps one.
    pub(super) fn keep(&mut self, untaken: Untaken) {
        let now = untaken.message.at;
        while self.0.len() >= KEPT_MAX || self.0.front().is_some_and(|first| now - first.message.at > KEPT) {
            self.0.pop_front();
        }
        self.0.push_back(untaken);
    }

    /// Takes out those that are to be told at this log time.
    pub(super) fn take(&mut self, now: Timestamp) -> impl Iterator<Item = Untaken> + use<> {
        std::mem::take(&mut self.0).into_iter().filter(move |kept| now - kept.message.at <= KEPT)
    }
}

/// Starts the task that tells of facts that the fold refused, one after the other. The engine's thread hands them over and
/// waits for nothing.
pub(super) fn start(log: Log, zone: ZoneName) -> mpsc::Sender<Untaken> {
    let (sender, mut receiver) = mpsc::channel::<Untaken>(WAITING_MAX);
    tokio::spawn(async move {
        while let Some(untaken) = receiver.recv().await {
            tell(&log, &zone, &untaken, |_| {}).await;
        }
    });
    sender
}

/// Attempts to read again what was rejected, where its reader has not kept how it was published. Where the log does not say, it is told as it was judged: without its headers.
const READ_TRIES: u32 = 5;

/// A message as it was published. (An event in binary mode was judged in its structured form.)
async fn original(log: &Log, zone: &ZoneName, message: &Message) -> Original {
    if let Some(original) = message.original() {
        return original;
    }
    for _ in 0..READ_TRIES {
        match log.original(zone, message.seq).await {
            Ok(Some(original)) => return original,
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(%error, seq = message.seq, "waiting to read the rejected message again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    Original { headers: Vec::new(), bytes: message.bytes.clone() }
}

/// Tells of one. Returns when it is stored, or cannot be. `waits` hears why it is not stored yet.
pub(super) async fn tell(log: &Log, zone: &ZoneName, untaken: &Untaken, waits: impl Fn(&str)) {
    let Untaken { message, code, what } = untaken;
    let subject = zone.subject(&Address::of_rejected(code));
    let id = rejected_id(zone, fleetfold_model::LogSeq(message.seq));
    let told = RejectedV1::new(message.seq, &message.subject, code, what, &message.bytes);
    let original = original(log, zone, message).await;
    let told = told.with_original(original.headers, &original.bytes);
    let logged_at = jiff::Timestamp::from_millisecond(message.at.0).ok().map(|at| at.to_string());
    let body = Bytes::from(RejectedV1 { logged_at, ..told }.to_bytes());
    for tried in 1.. {
        match log.append(Stream::Rejected, subject.clone(), id.clone(), body.clone(), None).await {
            Ok(_) => return,
            Err(AppendError::Refused(why) | AppendError::TooLarge(why)) => {
                tracing::error!(why, seq = message.seq, "the log refuses to keep what was not taken");
                return;
            }
            Err(error) if tried == TRIES => {
                tracing::error!(%error, seq = message.seq, "what was not taken could not be told");
                return;
            }
            Err(error) => {
                // The stream may have been deleted.
                match tokio::time::timeout(MAKE, log.ensure(Stream::Rejected, zone)).await {
                    Ok(Err(made)) => waits(&made.what),
                    Ok(Ok(())) | Err(_) => waits(&error.to_string()),
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

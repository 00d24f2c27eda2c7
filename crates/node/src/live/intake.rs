//! Between the log and the engine's thread: a task that takes each message through the journal's gate, tells and notes what is
//! not to be folded *before* it goes on, and hands entries over in order.
//!
//! Whatever the broker does meanwhile, a rejected message is noted in the end or nothing behind it is folded: a refold must
//! skip what this fold skipped.

use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::address::rejected_id;
use fleetfold_journal::{Address, Gate, Judged, Rejection};
use fleetfold_model::{LogEntry, LogSeq, MessageHash, Timestamp};
use fleetfold_wire::message_hash;
use serde_json::json;
use tokio::sync::mpsc;

use crate::log::{AppendError, Log, Message, Read, Reader, Stream};

/// Entries read ahead of the engine.
const AHEAD: usize = 1024;
/// Between attempts while the broker is away.
const AGAIN: Duration = Duration::from_millis(200);
/// Attempts to tell what was rejected before the note alone must do: the note keeps every fold the same, the telling is for
/// people.
const TOLD_TRIES: u32 = 300;
/// Most bytes of a rejected message that are kept in `REJECTED`: a fact has at most 64 KiB, what is larger is cut.
const KEPT_BYTES: usize = 64 * 1024;

/// What the engine's thread gets.
pub(super) enum Taken {
    /// An entry to be folded.
    Entry(Box<LogEntry>),
    /// An entry that is not folded.
    Skipped {
        seq: LogSeq,
        at: Timestamp,
        hash: MessageHash,
        on_plan_subject: bool,
        /// Why, if it was found out just now.
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
pub(super) fn start(log: Log, gate: Gate, expected: Option<Expected>, reader: Reader) -> mpsc::Receiver<Taken> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(run(log, gate, expected, reader, sender));
    receiver
}

async fn run(
    log: Log,
    mut gate: Gate,
    mut expected: Option<Expected>,
    mut reader: Reader,
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
        let taken = take(&log, &mut gate, &message).await;
        if sender.send(taken).await.is_err() {
            return;
        }
    }
}

async fn take(log: &Log, gate: &mut Gate, message: &Message) -> Taken {
    let mut asked = false;
    let (on_plan_subject, rejection) = loop {
        match gate.judge(message.raw()) {
            Judged::Entry(entry, _) => return Taken::Entry(entry),
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
        note(log, gate, message, rejection).await;
        gate.skip(LogSeq(message.seq));
    }
    let hash = message_hash(&message.bytes);
    Taken::Skipped { seq: LogSeq(message.seq), at: message.at, hash, on_plan_subject, rejection }
}

/// Tells what was rejected, and notes its sequence. Returns when it is noted.
async fn note(log: &Log, gate: &Gate, message: &Message, rejection: &Rejection) {
    let zone = gate.zone();
    let subject = zone.subject(&Address::of_rejected(rejection.code));
    let id = rejected_id(zone, LogSeq(message.seq));
    let body = Bytes::from(rejected_body(message, rejection).to_string());
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
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
    while let Err(error) = log.skip(zone, message.seq).await {
        tracing::warn!(%error, seq = message.seq, "waiting to note the skipped entry");
        tokio::time::sleep(AGAIN).await;
    }
}

/// What stands in `REJECTED`: sequence, subject, reason, the event it was if that could be read, and its bytes (as text where
/// they are UTF-8, else hexadecimal), cut if it is larger than a fact may be.
fn rejected_body(message: &Message, rejection: &Rejection) -> serde_json::Value {
    let cut = message.bytes.len() > KEPT_BYTES;
    let bytes = &message.bytes[..message.bytes.len().min(KEPT_BYTES)];
    let mut body = json!({
        "seq": message.seq,
        "subject": message.subject.chars().take(1_000).collect::<String>(),
        "code": rejection.code,
        "reason": rejection.what.chars().take(2_000).collect::<String>(),
        "size_bytes": message.bytes.len(),
        "cut": cut,
    });
    match std::str::from_utf8(bytes) {
        Ok(text) if !cut => body["bytes"] = json!(text),
        // A cut may fall into a character; control characters take six times their room as text.
        Ok(_) | Err(_) => {
            use std::fmt::Write as _;
            let hexadecimal = bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            body["bytes_hex"] = json!(hexadecimal);
        }
    }
    if let Some((source, id)) = &rejection.event {
        body["event"] = json!({ "source": source, "id": id });
    }
    body
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fleetfold_journal::Rejection;
    use fleetfold_model::Timestamp;

    use super::rejected_body;
    use crate::log::Message;

    #[test]
    fn a_megabyte_of_control_characters_is_told_cut_short() {
        let message = Message {
            seq: 7,
            at: Timestamp(0),
            subject: "fleet.acme.porto.plan".to_owned(),
            bytes: Bytes::from(vec![1u8; 1 << 20]),
        };
        let rejection =
            Rejection { code: "too_large", what: "too large".to_owned(), on_plan_subject: true, event: None };
        let body = rejected_body(&message, &rejection).to_string();
        assert!(body.len() < 200_000, "{} bytes", body.len());
        assert!(body.contains("\"cut\":true") && body.contains("\"size_bytes\":1048576"));
    }
}

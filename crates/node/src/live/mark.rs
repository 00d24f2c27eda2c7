//! Says outside of the facts how far the owner of a zone has folded them, for whoever was away when entries expired.
//!
//! A stream drops its oldest entries without a sign, and does not say whose they were. Whoever comes later and has folded less than
//! the mark says lacks entries of the zone; who has folded as much lacks none that anybody has acted on. It is the last value of
//! a key on the stream of last values, which never expires.

use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::address::feature_id;
use fleetfold_journal::{Address, ZoneName};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::log::{Log, LogError, Stream};

/// The mark is written at most this often: well below the age to which any log keeps its entries.
const EVERY: Duration = Duration::from_secs(1);
/// So often it is looked whether the mark still stands.
const LOOKED: Duration = Duration::from_secs(5);
/// The key. No learned value has it: theirs name a class of roads or a place.
const KEY: &str = "log-folded";

/// The mark as it stands in the log.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    /// The last entry of the zone that has changed the fleet, as far as its owner has folded.
    folded: u64,
}

fn subject(zone: &ZoneName) -> String {
    zone.subject(&Address::of_feature(KEY))
}

/// Starts the task, which ends with the sender: what is sent last is written in the end. 0: there is nothing to be said, or another
/// engine says it.
pub(super) fn start(log: Log, zone: ZoneName) -> watch::Sender<u64> {
    let (sender, mut folded) = watch::channel(0);
    tokio::spawn(async move {
        let (mut written, mut written_in) = (0, None);
        loop {
            let has_something_to_say = *folded.borrow() > 0;
            let is_over = tokio::select! {
                changed = folded.changed() => changed.is_err(),
                () = tokio::time::sleep(LOOKED), if has_something_to_say => {
                    // Somebody may have deleted the stream, and it was made again.
                    if let Ok(Some(created)) = log.created(Stream::Feature, &zone).await
                        && written_in.replace(created).is_some_and(|before| before != created)
                    {
                        written = 0;
                    }
                    false
                }
            };
            let seq = *folded.borrow_and_update();
            if seq > 0 && seq != written {
                let bytes = serde_json::to_vec(&Mark { folded: seq }).expect("numbers can be written");
                let id = feature_id(&zone, KEY, seq);
                match log.append(Stream::Feature, subject(&zone), id, Bytes::from(bytes), None).await {
                    Ok(_) => {
                        written = seq;
                        if written_in.is_none() {
                            written_in = log.created(Stream::Feature, &zone).await.ok().flatten();
                        }
                    }
                    // It is tried again. A broker that is away is told by others.
                    Err(error) => tracing::debug!(%error, seq, "how far the log is folded is not written"),
                }
            }
            if is_over {
                return;
            }
            tokio::time::sleep(EVERY).await;
        }
    });
    sender
}

/// The last entry that an owner of the zone has folded, as far as it was said. What is no mark says nothing.
///
/// # Errors
///
/// When the log does not answer.
pub(super) async fn folded(log: &Log, zone: &ZoneName) -> Result<Option<u64>, LogError> {
    if log.created(Stream::Feature, zone).await?.is_none() {
        return Ok(None);
    }
    let last = log.last(Stream::Feature, &subject(zone)).await?;
    Ok(last.and_then(|message| serde_json::from_slice::<Mark>(&message.bytes).ok()).map(|mark| mark.folded))
}

//! NATS JetStream as the log.
//!
//! Client defaults changed, with the measurements behind them: acknowledgements within 1 s (5 s costs five seconds at every
//! broker kill), pings every 2 s, reconnects within 250 ms, heartbeats every second.

mod nodes;
mod reader;
mod setup;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::object_store::{self, DeleteErrorKind, GetErrorKind, ObjectStore};
use async_nats::jetstream::{self, Context, kv};
use bytes::Bytes;
use fleetfold_model::Timestamp;
use futures::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, watch};

use super::{AppendError, Lease, LogError, Message, Read, Stored, Stream, ZoneName};
use crate::trouble::Trouble;
pub(crate) use nodes::{Nodes, Written};
use reader::OrderedReader;
pub(crate) use setup::connect_client;
use setup::{bucket, ensure};

/// The object store of bases.
const BASES: &str = "BASES";
/// The bucket of skipped entries.
const SKIPPED: &str = "SKIPPED";

/// Acknowledgement timeout.
const ACK: Duration = Duration::from_secs(1);
/// How long a lease lives without renewal.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// A connection to JetStream.
pub(crate) struct JetStream {
    client: async_nats::Client,
    context: Context,
    owners: kv::Store,
    skipped: kv::Store,
    /// Since when the broker is away.
    away: watch::Receiver<Option<Instant>>,
    /// Why `FLEET` cannot be read.
    unread: Arc<Trouble>,
}

fn timestamp(nanos: i128) -> Timestamp {
    Timestamp((nanos / 1_000_000) as i64)
}

impl JetStream {
    /// Connects, and creates or checks the streams.
    ///
    /// # Errors
    ///
    /// Named: unreachable, JetStream off, missing rights.
    pub(crate) async fn connect(url: &str) -> Result<Self, LogError> {
        let (client, away) = connect_client(url).await?;
        let context = jetstream::context::ContextBuilder::new()
            .timeout(Duration::from_secs(5))
            .ack_timeout(ACK)
            .build(client.clone());
        for stream in Stream::ALL {
            ensure(&context, stream).await?;
        }
        let owners = bucket(&context, "OWNERS", LEASE).await?;
        let skipped = bucket(&context, SKIPPED, Duration::ZERO).await?;
        Ok(Self { client, context, owners, skipped, away, unread: Arc::default() })
    }

    /// The server's version.
    pub(crate) fn server_version(&self) -> String {
        self.client.server_info().version
    }

    pub(super) fn health(&self) -> Result<(), String> {
        match *self.away.borrow() {
            None => self.unread.get(),
            Some(since) => Err(format!("the broker has been away for {} s", since.elapsed().as_secs())),
        }
    }

    pub(super) async fn ensure(&self, stream: Stream) -> Result<(), LogError> {
        ensure(&self.context, stream).await
    }

    pub(super) async fn ensure_skipped(&self) -> Result<(), LogError> {
        bucket(&self.context, SKIPPED, Duration::ZERO).await.map(|_| ())
    }

    pub(super) async fn append(
        &self,
        stream: Stream,
        subject: String,
        id: String,
        bytes: Bytes,
        expected: Option<u64>,
    ) -> Result<Stored, AppendError> {
        let mut message = PublishMessage::build().payload(bytes).expected_stream(stream.name());
        if !id.is_empty() {
            message = message.message_id(&id);
        }
        if let Some(expected) = expected {
            message = message.expected_last_subject_sequence(expected);
        }
        let publish = async {
            let ack = self.context.send_publish(subject, message).await?;
            ack.await
        };
        match tokio::time::timeout(ACK * 2, publish).await {
            Ok(Ok(ack)) => Ok(Stored { seq: ack.sequence, duplicate: ack.duplicate }),
            Ok(Err(error)) => Err(match error.kind() {
                PublishErrorKind::WrongLastSequence => AppendError::WrongSequence,
                PublishErrorKind::MaxPayloadExceeded => AppendError::Refused(error.to_string()),
                // 503 during elections shows as a missing stream; a write still in flight as `Other`: nobody knows yet.
                PublishErrorKind::StreamNotFound
                | PublishErrorKind::TimedOut
                | PublishErrorKind::BrokenPipe
                | PublishErrorKind::MaxAckPending => AppendError::Unknown(error.to_string()),
                PublishErrorKind::WrongLastMessageId | PublishErrorKind::Other => {
                    let text = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
                    if text.contains("maximum") { AppendError::Refused(text) } else { AppendError::Unknown(text) }
                }
            }),
            Err(_) => Err(AppendError::Unknown("no acknowledgement within 2 s".to_owned())),
        }
    }

    pub(super) async fn read(
        &self,
        stream: Stream,
        zone: &ZoneName,
        after: u64,
    ) -> Result<mpsc::Receiver<Read>, LogError> {
        let (sender, receiver) = mpsc::channel(1024);
        let mut reader = OrderedReader {
            context: self.context.clone(),
            stream,
            filter: zone.filter(),
            passed: after,
            last_read: None,
            created: None,
            unread: (stream == Stream::Fleet).then(|| Arc::clone(&self.unread)),
            sender,
        };
        let first = reader.open().await?;
        tokio::spawn(reader.run(first));
        Ok(receiver)
    }

    pub(super) async fn zone_bounds(&self, stream: Stream, zone: &ZoneName) -> Result<Option<(u64, u64)>, LogError> {
        let Some(first) = self.first(stream, &zone.filter()).await? else { return Ok(None) };
        let last = self.last(stream, &zone.filter()).await?.map_or(first.seq, |last| last.seq);
        Ok(Some((first.seq, last.max(first.seq))))
    }

    pub(super) async fn first(&self, stream: Stream, subject: &str) -> Result<Option<Message>, LogError> {
        let handle =
            self.context.get_stream_no_info(stream.name()).await.map_err(|error| unreachable_stream(stream, &error))?;
        match handle.get_first_raw_message_by_subject(subject, 0).await {
            Ok(raw) => Ok(Some(stored_message(&raw))),
            Err(error) if error.kind() == jetstream::stream::LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unreachable_stream(stream, &error)),
        }
    }

    pub(super) async fn epoch_max(&self, zone: &ZoneName) -> Result<u64, LogError> {
        let failed = |error: &dyn std::fmt::Display| {
            LogError::new(format!("the owner of the zone cannot be read: {error}"), "check the rights on $KV.OWNERS.>")
        };
        let entry = self.owners.entry(key(zone)).await.map_err(|error| failed(&error))?;
        let held = entry.filter(|entry| entry.operation == kv::Operation::Put);
        if let Some(epoch) = held.as_ref().and_then(|entry| lease_epoch(&entry.value, entry.revision)) {
            return Ok(epoch);
        }
        // Nobody owns it now: an owner that was had a revision of this bucket. The bucket is asked anew: what the client's `status` says
        // is as old as the connection, and the plans of an owner that has just let go would be rejected by some and folded by others.
        let bucket = self.context.get_stream_no_info(&self.owners.stream_name).await.map_err(|error| failed(&error))?;
        let info = bucket.get_info().await.map_err(|error| failed(&error))?;
        Ok(info.state.last_sequence)
    }

    pub(super) async fn owners_since(&self) -> Result<Timestamp, LogError> {
        let status = self.owners.status().await.map_err(|error| {
            LogError::new(format!("the owners of zones cannot be read: {error}"), "check the rights on $KV.OWNERS.>")
        })?;
        Ok(timestamp(status.info.created.unix_timestamp_nanos()))
    }

    pub(super) async fn put_object(&self, name: &str, bytes: &Bytes) -> Result<(), LogError> {
        let store = self.objects().await?;
        let mut data = bytes.as_ref();
        store.put(name, &mut data).await.map(|_| ()).map_err(|error| object_error("stored", name, &error))
    }

    pub(super) async fn get_object(&self, name: &str) -> Result<Option<Bytes>, LogError> {
        let store = self.objects().await?;
        let mut object = match store.get(name).await {
            Ok(object) => object,
            Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(object_error("read", name, &error)),
        };
        let mut bytes = Vec::with_capacity(object.info().size);
        object.read_to_end(&mut bytes).await.map_err(|error| object_error("read", name, &error))?;
        Ok(Some(Bytes::from(bytes)))
    }

    pub(super) async fn list_objects(&self, prefix: &str) -> Result<Vec<String>, LogError> {
        let store = self.objects().await?;
        let mut list = store.list().await.map_err(|error| object_error("listed", prefix, &error))?;
        let mut names = Vec::new();
        while let Some(info) = list.next().await {
            let info = match info {
                Ok(info) => info,
                // The bucket is everybody's: what is no description of an object, or the mark that other clients leave of a removed
                // one, names none of ours.
                Err(error) if error.to_string().contains("deserializing") => continue,
                Err(error) => return Err(object_error("listed", prefix, &error)),
            };
            if info.name.starts_with(prefix) && !info.deleted {
                names.push(info.name);
            }
        }
        names.sort();
        Ok(names)
    }

    pub(super) async fn delete_object(&self, name: &str) -> Result<(), LogError> {
        match self.objects().await?.delete(name).await {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == DeleteErrorKind::NotFound => Ok(()),
            Err(error) => Err(object_error("removed", name, &error)),
        }
    }

    async fn objects(&self) -> Result<ObjectStore, LogError> {
        if let Ok(store) = self.context.get_object_store(BASES).await {
            return Ok(store);
        }
        let config = object_store::Config { bucket: BASES.to_owned(), ..object_store::Config::default() };
        self.context.create_object_store(config).await.map_err(|error| {
            LogError::new(
                format!("the object store {BASES} cannot be created: {error}"),
                "allow this user to create object stores",
            )
        })
    }

    pub(super) async fn last(&self, stream: Stream, subject: &str) -> Result<Option<Message>, LogError> {
        let handle =
            self.context.get_stream_no_info(stream.name()).await.map_err(|error| unreachable_stream(stream, &error))?;
        match handle.get_last_raw_message_by_subject(subject).await {
            Ok(raw) => Ok(Some(stored_message(&raw))),
            Err(error) if error.kind() == jetstream::stream::LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unreachable_stream(stream, &error)),
        }
    }

    pub(super) async fn bounds(&self, stream: Stream) -> Result<(u64, u64), LogError> {
        let mut handle =
            self.context.get_stream(stream.name()).await.map_err(|error| unreachable_stream(stream, &error))?;
        let info = handle.info().await.map_err(|error| unreachable_stream(stream, &error))?;
        Ok((info.state.first_sequence, info.state.last_sequence))
    }

    pub(super) async fn acquire(&self, zone: &ZoneName, owner: &str, above: u64) -> Result<Option<Lease>, LogError> {
        let failed = |error: &dyn std::fmt::Display| {
            LogError::new(format!("the lease cannot be taken: {error}"), "check the rights on $KV.OWNERS.>")
        };
        let revision = match self.owners.create(key(zone), lease_value(owner, None)).await {
            Ok(revision) => revision,
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        if revision > above {
            return Ok(Some(Lease { epoch: revision, revision }));
        }
        // The bucket was lost and begins anew: its revisions are below the terms that the zone has had.
        let epoch = above + 1;
        let value = lease_value(owner, Some(epoch));
        let revision = self.owners.update(key(zone), value, revision).await.map_err(|error| failed(&error))?;
        Ok(Some(Lease { epoch, revision }))
    }

    pub(super) async fn renew(&self, zone: &ZoneName, owner: &str, lease: Lease) -> Option<Lease> {
        let value = lease_value(owner, Some(lease.epoch));
        match tokio::time::timeout(ACK, self.owners.update(key(zone), value, lease.revision)).await {
            Ok(Ok(revision)) => Some(Lease { revision, ..lease }),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    pub(super) async fn release(&self, zone: &ZoneName, lease: Lease) {
        let _ = tokio::time::timeout(ACK, self.owners.delete_expect_revision(key(zone), Some(lease.revision))).await;
    }

    pub(super) async fn skipped(&self, zone: &ZoneName) -> Result<Vec<u64>, LogError> {
        let failed = |error: &dyn std::fmt::Display| {
            LogError::new(
                format!("the list of skipped entries cannot be read: {error}"),
                "check the rights on $KV.SKIPPED.>",
            )
        };
        let mut keys = self.skipped.keys().await.map_err(|error| failed(&error))?;
        let prefix = format!("{}.", key(zone));
        let mut all = Vec::new();
        while let Some(found) = keys.next().await {
            let found = found.map_err(|error| failed(&error))?;
            if let Some(seq) = found.strip_prefix(&prefix).and_then(|seq| seq.parse().ok()) {
                all.push(seq);
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    pub(super) async fn skip(&self, zone: &ZoneName, seq: u64) -> Result<(), LogError> {
        let key = format!("{}.{seq}", key(zone));
        self.skipped.put(key, Bytes::from_static(b"1")).await.map(|_| ()).map_err(|error| {
            LogError::new(
                format!("entry {seq} cannot be marked as skipped: {error}"),
                "check the rights on $KV.SKIPPED.>",
            )
        })
    }
}

fn key(zone: &ZoneName) -> String {
    zone.key()
}

fn unreachable_stream(stream: Stream, error: &dyn std::fmt::Display) -> LogError {
    LogError::new(format!("stream {} does not answer: {error}", stream.name()), "run `fleetfold doctor --log nats://…`")
}

/// What stands in a zone's lease: who owns it, and since which revision of the bucket, which is the epoch. The first writer
/// cannot know that revision before it is written; then it is the entry's own.
fn lease_value(owner: &str, epoch: Option<u64>) -> Bytes {
    Bytes::from(serde_json::json!({ "owner": owner, "epoch": epoch }).to_string())
}

/// Who owns a zone, as its lease says.
fn lease_owner(value: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(value).ok()?;
    value.get("owner").and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// The epoch that a lease says. `None`: version 0.1 wrote it, which did not say.
fn lease_epoch(value: &[u8], revision: u64) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(value).ok()?;
    value.get("owner")?;
    Some(value.get("epoch").and_then(serde_json::Value::as_u64).unwrap_or(revision))
}

fn object_error(what: &str, name: &str, error: &dyn std::fmt::Display) -> LogError {
    LogError::new(
        format!("{name} cannot be {what} in the object store {BASES}: {error}"),
        "check the rights on $O.BASES.>",
    )
}

/// A stored message as it was published, a CloudEvent in binary mode as structured JSON.
fn stored_message(raw: &StreamMessage) -> Message {
    Message {
        seq: raw.sequence,
        at: timestamp(raw.time.unix_timestamp_nanos()),
        subject: raw.subject.to_string(),
        bytes: structured_bytes(Some(&raw.headers), &raw.payload),
    }
}

fn structured_bytes(headers: Option<&HeaderMap>, payload: &Bytes) -> Bytes {
    headers
        .and_then(|headers| {
            let pairs =
                headers.iter().filter_map(|(name, values)| values.first().map(|value| (name.as_ref(), value.as_str())));
            fleetfold_wire::structured(pairs, payload).map(Bytes::from)
        })
        .unwrap_or_else(|| payload.clone())
}

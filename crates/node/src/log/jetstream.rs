//! NATS JetStream as the log.
//!
//! Client defaults changed, with the measurements behind them: acknowledgements within 1 s (5 s costs five seconds at every
//! broker kill), pings every 2 s, reconnects within 250 ms, heartbeats every second.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::object_store::{self, DeleteErrorKind, GetErrorKind, ObjectStore};
use async_nats::jetstream::stream::{Compression, Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context, kv};
use bytes::Bytes;
use fleetfold_journal::still_the_same;
use fleetfold_model::Timestamp;
use futures::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, watch};

use super::{AppendError, Lease, LogError, Message, Read, Stored, Stream, ZoneName};
use crate::clock;

/// The object store of bases.
const BASES: &str = "BASES";
/// Between attempts to reach a broker that is away.
const AGAIN: Duration = Duration::from_millis(250);

/// Acknowledgement timeout.
const ACK: Duration = Duration::from_secs(1);
/// How long a lease lives without renewal.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// Most bytes of facts before producers are refused.
const FLEET_BYTES_MAX: i64 = 16 << 30;

/// Heartbeats of a reader: a pull that is silent for two of them is opened anew.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A pull of a reader is renewed this often.
const PULL: Duration = Duration::from_secs(10);
/// Messages asked for in one pull.
const BATCH: usize = 500;

/// A connection to JetStream.
pub(crate) struct JetStream {
    client: async_nats::Client,
    context: Context,
    owners: kv::Store,
    skipped: kv::Store,
    /// Since when the broker is away.
    away: watch::Receiver<Option<Instant>>,
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
        let skipped = bucket(&context, "SKIPPED", Duration::ZERO).await?;
        Ok(Self { client, context, owners, skipped, away })
    }

    /// The server's version.
    pub(crate) fn server_version(&self) -> String {
        self.client.server_info().version
    }

    pub(super) fn health(&self) -> Result<(), String> {
        match *self.away.borrow() {
            None => Ok(()),
            Some(since) => Err(format!("the broker has been away for {} s", since.elapsed().as_secs())),
        }
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
        // Nobody owns it now: an owner that was had a revision of this bucket.
        let status = self.owners.status().await.map_err(|error| failed(&error))?;
        Ok(status.info.state.last_sequence)
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
            let info = info.map_err(|error| object_error("listed", prefix, &error))?;
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

/// Reads a stream in order through every reconnect, and notices when it is not the same stream any more.
///
/// Our own and not the client's ordered consumer, for two reasons: that one has a heartbeat of 15 s and no way to change it,
/// and it takes a stream that went back for one that has nothing new.
struct OrderedReader {
    context: Context,
    stream: Stream,
    filter: String,
    /// Every message of ours up to this sequence has been handed on.
    passed: u64,
    /// The last message handed on: its sequence and its bytes. They are hashed only when the stream is looked at again.
    last_read: Option<(u64, Bytes)>,
    /// When the stream was created, nanoseconds, as first seen.
    created: Option<i128>,
    sender: mpsc::Sender<Read>,
}

/// How a pull ended.
enum Ended {
    /// Nobody reads any more.
    NobodyReads,
    /// It must be opened anew.
    Broken,
}

impl OrderedReader {
    async fn open(&mut self) -> Result<jetstream::consumer::pull::Stream, LogError> {
        let failed = |error: &dyn std::fmt::Display| unreachable_stream(self.stream, error);
        let stream = self.context.get_stream_no_info(self.stream.name()).await.map_err(|error| failed(&error))?;
        let config = jetstream::consumer::pull::Config {
            filter_subject: self.filter.clone(),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.passed + 1 },
            replay_policy: ReplayPolicy::Instant,
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: Duration::from_secs(30),
            ..jetstream::consumer::pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| failed(&error))?;
        let messages = consumer.stream().max_messages_per_batch(BATCH).expires(PULL).heartbeat(HEARTBEAT).messages();
        messages.await.map_err(|error| failed(&error))
    }

    async fn run(mut self, first: jetstream::consumer::pull::Stream) {
        let mut messages = Some(first);
        loop {
            if self.sender.is_closed() {
                return;
            }
            // Before anything is read on: is it still the same stream?
            if !self.stream.last_value() {
                match self.check().await {
                    Ok(Ok(())) => {}
                    Ok(Err(what)) => {
                        let _ = self.sender.send(Read::Regressed(what)).await;
                        return;
                    }
                    Err(_) => {
                        messages = None;
                        tokio::time::sleep(AGAIN).await;
                        continue;
                    }
                }
            }
            let open = match messages.take() {
                Some(open) => Ok(open),
                None => self.open().await,
            };
            match open {
                Ok(open) => match self.drain(open).await {
                    Ended::NobodyReads => return,
                    Ended::Broken => tokio::time::sleep(AGAIN / 5).await,
                },
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// Hands on what comes until the pull breaks or a message is missing.
    async fn drain(&mut self, mut messages: jetstream::consumer::pull::Stream) -> Ended {
        let mut delivered = 0;
        loop {
            let next = tokio::select! {
                next = messages.next() => next,
                () = self.sender.closed() => return Ended::NobodyReads,
            };
            // A missed heartbeat, a consumer that is gone, a connection that broke: open anew.
            let Some(Ok(message)) = next else { return Ended::Broken };
            let Ok(info) = message.info() else { return Ended::Broken };
            if info.consumer_sequence != delivered + 1 {
                return Ended::Broken; // one was lost on the way
            }
            delivered += 1;
            let (seq, at) = (info.stream_sequence, timestamp(info.published.unix_timestamp_nanos()));
            if seq <= self.passed {
                return Ended::Broken; // it jumped backwards
            }
            let bytes = structured_bytes(message.headers.as_ref(), &message.payload);
            self.passed = seq;
            self.last_read = Some((seq, bytes.clone()));
            let message = Message { seq, at, subject: message.subject.to_string(), bytes };
            if self.sender.send(Read::Message(message)).await.is_err() {
                return Ended::NobodyReads;
            }
        }
    }

    /// Is the stream still the one whose messages were read? The outer error: nobody answers.
    async fn check(&mut self) -> Result<Result<(), String>, LogError> {
        let failed = |error: &dyn std::fmt::Display| unreachable_stream(self.stream, error);
        let mut stream = self.context.get_stream(self.stream.name()).await.map_err(|error| failed(&error))?;
        let info = stream.info().await.map_err(|error| failed(&error))?;
        let created = info.created.unix_timestamp_nanos();
        let (first, last) = (info.state.first_sequence, info.state.last_sequence);
        let known = *self.created.get_or_insert(created);
        let mut read = None;
        if let Some((seq, bytes)) = &self.last_read {
            let seq = *seq;
            let stands = if seq < first || seq > last {
                None
            } else {
                match stream.get_raw_message(seq).await {
                    Ok(raw) => Some(*blake3::hash(&stored_message(&raw).bytes).as_bytes()),
                    Err(error) if error.kind() == jetstream::stream::LastRawMessageErrorKind::NoMessageFound => None,
                    Err(error) => return Err(unreachable_stream(self.stream, &error)),
                }
            };
            read = Some((*blake3::hash(bytes).as_bytes(), stands));
        }
        let passed = self.last_read.as_ref().map_or(0, |(seq, _)| *seq);
        Ok(still_the_same(passed, last, (known as i64, created as i64), read))
    }
}

/// A client with our defaults, and since when its broker is away.
pub(crate) async fn connect_client(
    url: &str,
) -> Result<(async_nats::Client, watch::Receiver<Option<Instant>>), LogError> {
    let (away, told) = watch::channel(None);
    let client = async_nats::ConnectOptions::new()
        .name("fleetfold")
        .ping_interval(Duration::from_secs(2))
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(Some(Duration::from_secs(2)))
        .reconnect_delay_callback(|tries| Duration::from_millis(((tries as u64 + 1) * 25).min(250)))
        .event_callback(move |event| {
            match event {
                async_nats::Event::Connected => {
                    away.send_replace(None);
                }
                async_nats::Event::Disconnected | async_nats::Event::Closed => {
                    away.send_if_modified(|since| since.replace(clock::monotonic()).is_none());
                }
                _ => {}
            }
            async move {
                // Violations of rights appear here only; the call itself just times out.
                match event {
                    async_nats::Event::Connected | async_nats::Event::Draining | async_nats::Event::Closed => {
                        tracing::info!(%event, "broker connection");
                    }
                    _ => tracing::warn!(%event, "broker connection"),
                }
            }
        })
        .connect(url)
        .await
        .map_err(|error| {
            LogError::new(
                format!("no broker answers at {url}: {error}"),
                "start one with `nats-server -js`, or use --log embedded",
            )
        })?;
    Ok((client, told))
}

fn config(stream: Stream) -> Config {
    let day = Duration::from_secs(24 * 3600);
    let base = Config {
        name: stream.name().to_owned(),
        storage: StorageType::File,
        compression: Some(Compression::S2),
        duplicate_window: Duration::from_secs(120),
        allow_direct: true,
        ..Config::default()
    };
    match stream {
        Stream::Fleet => Config {
            subjects: vec!["fleet.*.*.event.>".to_owned(), "fleet.*.*.plan".to_owned()],
            discard: DiscardPolicy::New,
            max_bytes: FLEET_BYTES_MAX,
            max_age: 14 * day,
            deny_delete: true,
            deny_purge: true,
            ..base
        },
        Stream::Position => Config {
            subjects: vec!["fleet.*.*.position.*".to_owned()],
            max_messages_per_subject: 1,
            max_age: Duration::from_secs(3600),
            ..base
        },
        Stream::Assignment => {
            Config { subjects: vec!["fleet.*.*.assignment.*".to_owned()], max_messages_per_subject: 1, ..base }
        }
        Stream::Feature => {
            Config { subjects: vec!["fleet.*.*.feature.*".to_owned()], max_messages_per_subject: 1, ..base }
        }
        Stream::Warning => Config { subjects: vec!["fleet.*.*.warning.*".to_owned()], max_age: 30 * day, ..base },
        Stream::Rejected => Config { subjects: vec!["fleet.*.*.rejected.*".to_owned()], max_age: 30 * day, ..base },
    }
}

async fn ensure(context: &Context, stream: Stream) -> Result<(), LogError> {
    let mut wanted = config(stream);
    let first = context.get_or_create_stream(wanted.clone()).await;
    let mut handle = if let Ok(handle) = first {
        handle
    } else {
        // A small broker cannot reserve our usual bytes: take what it gives.
        wanted.max_bytes = -1;
        context.get_or_create_stream(wanted.clone()).await.map_err(|error| {
            LogError::new(
                format!("stream {} cannot be created: {error}", stream.name()),
                "start the broker with JetStream on (`nats-server -js`) and allow this user to create streams",
            )
        })?
    };
    let info = handle.info().await.map_err(|error| unreachable_stream(stream, &error))?;
    let same = info.config.subjects == wanted.subjects
        && info.config.max_messages_per_subject == wanted.max_messages_per_subject.max(-1);
    let same = same || (info.config.subjects == wanted.subjects && wanted.max_messages_per_subject == 0);
    if same {
        Ok(())
    } else {
        Err(LogError::new(
            format!("stream {} exists with other settings (subjects {:?})", stream.name(), info.config.subjects),
            format!("rename or remove it: nats stream rm {}", stream.name()),
        ))
    }
}

async fn bucket(context: &Context, name: &str, max_age: Duration) -> Result<kv::Store, LogError> {
    if let Ok(store) = context.get_key_value(name).await {
        return Ok(store);
    }
    context
        .create_key_value(kv::Config { bucket: name.to_owned(), history: 1, max_age, ..kv::Config::default() })
        .await
        .map_err(|error| {
            LogError::new(
                format!("bucket {name} cannot be created: {error}"),
                "allow this user to create key-value buckets",
            )
        })
}

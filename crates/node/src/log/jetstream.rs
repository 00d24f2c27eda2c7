//! NATS JetStream as the log.
//!
//! Client defaults changed, with the measurements behind them: acknowledgements within 1 s (5 s costs five seconds at every
//! broker kill), pings every 2 s, reconnects within 250 ms, heartbeats every second.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Compression, Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context, kv};
use bytes::Bytes;
use fleetfold_model::Timestamp;
use futures::StreamExt;
use tokio::sync::mpsc;

use super::{AppendError, Lease, LogError, Message, Stored, Stream, ZoneName};

/// Acknowledgement timeout.
const ACK: Duration = Duration::from_secs(1);
/// How long a lease lives without renewal.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// Most bytes of facts before producers are refused.
const FLEET_BYTES_MAX: i64 = 16 << 30;

/// A connection to JetStream.
pub(crate) struct JetStream {
    client: async_nats::Client,
    context: Context,
    owners: kv::Store,
    skipped: kv::Store,
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
        let client = connect_client(url).await?;
        let context = jetstream::context::ContextBuilder::new()
            .timeout(Duration::from_secs(5))
            .ack_timeout(ACK)
            .build(client.clone());
        for stream in Stream::ALL {
            ensure(&context, stream).await?;
        }
        let owners = bucket(&context, "OWNERS", LEASE).await?;
        let skipped = bucket(&context, "SKIPPED", Duration::ZERO).await?;
        Ok(Self { client, context, owners, skipped })
    }

    /// The server's version.
    pub(crate) fn server_version(&self) -> String {
        self.client.server_info().version
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
    ) -> Result<mpsc::Receiver<Message>, LogError> {
        let (sender, receiver) = mpsc::channel(1024);
        let context = self.context.clone();
        let filter = zone.filter();
        let first = open_reader(&context, stream, &filter, after + 1).await?;
        tokio::spawn(async move {
            let mut next = after + 1;
            let mut reader = Some(first);
            loop {
                let mut messages = match reader.take() {
                    Some(messages) => messages,
                    None => {
                        if let Ok(messages) = open_reader(&context, stream, &filter, next).await {
                            messages
                        } else {
                            tokio::time::sleep(Duration::from_millis(250)).await;
                            if sender.is_closed() {
                                return;
                            }
                            continue;
                        }
                    }
                };
                while let Some(Ok(message)) = messages.next().await {
                    let Ok(info) = message.info() else { continue };
                    let (seq, at) = (info.stream_sequence, timestamp(info.published.unix_timestamp_nanos()));
                    if seq < next {
                        continue; // a reconnect repeats
                    }
                    next = seq + 1;
                    let bytes = message
                        .headers
                        .as_ref()
                        .and_then(|headers| {
                            let pairs = headers.iter().filter_map(|(name, values)| {
                                values.first().map(|value| (name.as_ref(), value.as_str()))
                            });
                            fleetfold_wire::structured(pairs, &message.payload).map(Bytes::from)
                        })
                        .unwrap_or_else(|| message.payload.clone());
                    let message = Message { seq, at, subject: message.subject.to_string(), bytes };
                    if sender.send(message).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(receiver)
    }

    pub(super) async fn last(&self, stream: Stream, subject: &str) -> Result<Option<Message>, LogError> {
        let handle =
            self.context.get_stream_no_info(stream.name()).await.map_err(|error| unreachable_stream(stream, &error))?;
        match handle.get_last_raw_message_by_subject(subject).await {
            Ok(raw) => Ok(Some(Message {
                seq: raw.sequence,
                at: timestamp(raw.time.unix_timestamp_nanos()),
                subject: raw.subject.to_string(),
                bytes: raw.payload,
            })),
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

    pub(super) async fn acquire(&self, zone: &ZoneName, owner: &str) -> Result<Option<Lease>, LogError> {
        match self.owners.create(key(zone), owner.to_owned().into()).await {
            Ok(revision) => Ok(Some(Lease { epoch: revision, revision })),
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => Ok(None),
            Err(error) => {
                Err(LogError::new(format!("the lease cannot be taken: {error}"), "check the rights on $KV.OWNERS.>"))
            }
        }
    }

    pub(super) async fn renew(&self, zone: &ZoneName, owner: &str, lease: Lease) -> Option<Lease> {
        match tokio::time::timeout(ACK, self.owners.update(key(zone), owner.to_owned().into(), lease.revision)).await {
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

/// A client with our defaults.
pub(crate) async fn connect_client(url: &str) -> Result<async_nats::Client, LogError> {
    async_nats::ConnectOptions::new()
        .name("fleetfold")
        .ping_interval(Duration::from_secs(2))
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(Some(Duration::from_secs(2)))
        .reconnect_delay_callback(|tries| Duration::from_millis(((tries as u64 + 1) * 25).min(250)))
        .event_callback(|event| async move {
            // Violations of rights appear here only; the call itself just times out.
            match event {
                async_nats::Event::Connected | async_nats::Event::Draining | async_nats::Event::Closed => {
                    tracing::info!(%event, "broker connection");
                }
                _ => tracing::warn!(%event, "broker connection"),
            }
        })
        .connect(url)
        .await
        .map_err(|error| {
            LogError::new(
                format!("no broker answers at {url}: {error}"),
                "start one with `nats-server -js`, or use --log embedded",
            )
        })
}

async fn open_reader(
    context: &Context,
    stream: Stream,
    filter: &str,
    from: u64,
) -> Result<jetstream::consumer::pull::Ordered, LogError> {
    let handle = context.get_stream_no_info(stream.name()).await.map_err(|error| unreachable_stream(stream, &error))?;
    let deliver_policy = DeliverPolicy::ByStartSequence { start_sequence: from };
    let config = OrderedConfig {
        filter_subject: filter.to_owned(),
        deliver_policy,
        replay_policy: ReplayPolicy::Instant,
        ..OrderedConfig::default()
    };
    let consumer = handle.create_consumer(config).await.map_err(|error| unreachable_stream(stream, &error))?;
    consumer.messages().await.map_err(|error| unreachable_stream(stream, &error))
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

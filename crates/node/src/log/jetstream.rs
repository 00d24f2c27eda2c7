//! NATS JetStream as the log.
//!
//! Client defaults changed, with the measurements behind them: acknowledgements within 1 s (5 s costs five seconds at every
//! broker kill), pings every 2 s, reconnects within 250 ms, heartbeats every second.
//!
//! A request that was under way when the connection broke is never answered, and one that is made while the broker is away
//! would wait in the client's buffer and be sent long after its caller has given up. So nothing is sent while the broker is away,
//! and whoever waits for an answer is told as soon as the connection breaks ([`JetStream::while_connected`]).

mod keys;
mod nodes;
mod objects;
mod owners;
mod reader;
mod setup;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::context::{GetStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, StorageType};
use async_nats::jetstream::{self, Context, kv};
use bytes::Bytes;
use fleetfold_journal::Completeness;
use fleetfold_model::Timestamp;
use futures::StreamExt;
use tokio::sync::{mpsc, watch};

use super::rights::{self, Denied, Scope};
use super::storage::zone_of;
use super::{
    AppendError, Layout, LogError, Message, OddSetting, Original, Purpose, Read, Removed, Server, SkipMark, Storage,
    Stored, Stream, ZoneName,
};
use crate::trace::{self, Trace};
use crate::trouble::Trouble;
use keys::KV_KEYS;
pub(crate) use nodes::{Nodes, Written};
use objects::OBJ_BASES;
use owners::LeaseSeen;

use reader::OrderedReader;
use setup::OddReplicas;
use setup::{Maker, other_layout};
pub(super) use setup::{connect_client, layout_of, names};

/// The bucket of skipped entries, and the stream that it stands in.
const SKIPPED: &str = "SKIPPED";
const KV_SKIPPED: &str = "KV_SKIPPED";
/// The bucket of leases, and the stream that it stands in.
const OWNERS: &str = "OWNERS";
const KV_OWNERS: &str = "KV_OWNERS";

/// The bucket of registered schemas.
const SCHEMAS: &str = "SCHEMAS";

/// So many changes of the list of skipped entries are followed one by one; with more it is read anew.
const FOLLOWED_MAX: u64 = 200;
/// The broker is asked how large a message may be at most this often.
const LIMIT_LOOKED_AT: Duration = Duration::from_secs(10);
/// Acknowledgement timeout.
const ACK: Duration = Duration::from_secs(1);
/// A stream of facts that is fuller may have no room for the next one, per cent.
const NEARLY_FULL: u64 = 99;
/// Whether a stream takes facts again is not known any more when nobody has tried for so long.
const UNTRIED: Duration = Duration::from_secs(3);
/// How long a lease lives without renewal.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// A connection to JetStream.
pub(crate) struct JetStream {
    client: async_nats::Client,
    context: Context,
    /// `None`: missing, in a log that was opened to be read.
    owners: Option<kv::Store>,
    skipped: Option<kv::Store>,
    maker: Arc<Maker>,
    /// Streams that were there when the log was opened to be read.
    held: Option<BTreeSet<String>>,
    /// Since when the broker is away.
    away: watch::Receiver<Option<Instant>>,
    /// What the broker does not let us do.
    denied: Arc<Denied>,
    leases_seen: Mutex<BTreeMap<ZoneName, LeaseSeen>>,
    server: Server,
    /// When the broker was last asked how large a message may be.
    limit_looked_at: Mutex<Option<Instant>>,
    /// By stream of facts: why it cannot be read.
    unread: Troubles,
    /// By stream of facts: why it takes nothing, although the broker answers.
    unwritable: Troubles,
}

/// A connection, as it was at some time.
pub(crate) struct Line(watch::Receiver<Option<Instant>>);

impl Line {
    /// The connection that this is told about.
    pub(super) fn of(away: &watch::Receiver<Option<Instant>>) -> Self {
        let mut away = away.clone();
        away.mark_unchanged();
        Self(away)
    }

    /// An error that was met since then: where the connection broke meanwhile, that is most likely why, and it passes.
    pub(crate) fn judged(&self, error: LogError) -> LogError {
        let broke = self.0.has_changed().unwrap_or(true) || self.0.borrow().is_some();
        if broke { error.passing("the connection broke") } else { error }
    }
}

/// Troubles by name.
#[derive(Default)]
struct Troubles(Mutex<BTreeMap<String, Arc<Trouble>>>);

impl Troubles {
    fn of(&self, name: &str) -> Arc<Trouble> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(name) {
            all.insert(name.to_owned(), Arc::default());
        }
        Arc::clone(&all[name])
    }
}

fn timestamp(nanos: i128) -> Timestamp {
    Timestamp((nanos / 1_000_000) as i64)
}

impl JetStream {
    /// Connects, and creates or checks the streams, as far as the purpose asks for that.
    ///
    /// # Errors
    ///
    /// Named: unreachable, JetStream off, missing rights, another layout than the one that is asked for.
    pub(crate) async fn connect(server: &Server, purpose: Purpose, storage: Storage) -> Result<Self, LogError> {
        let (client, away, denied) = connect_client(server).await?;
        let line = Line::of(&away);
        // Whoever gives up closes the connection, which must not look as if it had broken before.
        let _held = client.clone();
        let connected = Box::pin(Self::connected(server, purpose, storage, (client, away, denied)));
        connected.await.map_err(|error| line.judged(error))
    }

    async fn connected(
        server: &Server,
        purpose: Purpose,
        storage: Storage,
        (client, away, denied): (async_nats::Client, watch::Receiver<Option<Instant>>, Arc<Denied>),
    ) -> Result<Self, LogError> {
        let context = jetstream::context::ContextBuilder::new()
            .timeout(Duration::from_secs(5))
            .ack_timeout(ACK)
            .build(client.clone());
        let held = names(&context).await?;
        let asked = storage.layout;
        let layout = settle(&context, &held, asked).await?;
        let mut log = Self {
            client: client.clone(),
            context: context.clone(),
            owners: None,
            skipped: None,
            maker: Arc::new(Maker::new(client, context, layout, storage)),
            held: None,
            away,
            denied,
            leases_seen: Mutex::default(),
            server: server.clone(),
            limit_looked_at: Mutex::default(),
            unread: Troubles::default(),
            unwritable: Troubles::default(),
        };
        if purpose == Purpose::Read {
            if held.contains(KV_OWNERS) {
                log.owners = Some(log.owners_bucket().await?);
            }
            if held.contains(KV_SKIPPED) {
                log.skipped = Some(log.skipped_bucket().await?);
            }
            log.held = Some(held);
            return Ok(log);
        }
        for stream in Stream::ALL {
            // An engine makes the stream of facts once it has judged how to begin: if it is gone, its name must be free for the
            // backup. The stream of a zone is made by whoever names the zone.
            let left = stream == Stream::Fleet
                && (layout == Layout::PerZone || (purpose == Purpose::Serve && !held.contains(stream.name())));
            if !left {
                log.maker.stream(stream, None).await?;
            }
        }
        log.owners = Some(log.owners_bucket().await?);
        log.skipped = Some(log.skipped_bucket().await?);
        log.ensure_keys().await?;
        Ok(log)
    }

    /// Makes the bucket of keys where it is missing.
    async fn ensure_keys(&self) -> Result<(), LogError> {
        self.maker.keys().await
    }

    async fn owners_bucket(&self) -> Result<kv::Store, LogError> {
        self.maker.bucket(OWNERS, LEASE, StorageType::File).await
    }

    async fn skipped_bucket(&self) -> Result<kv::Store, LogError> {
        self.maker.bucket(SKIPPED, Duration::ZERO, StorageType::File).await
    }

    /// The name of the stream in which a zone's messages stand.
    pub(super) fn name(&self, stream: Stream, zone: &ZoneName) -> String {
        self.maker.layout.name(stream, Some(zone))
    }

    /// The name of the stream that has a subject of ours.
    fn name_for(&self, stream: Stream, subject: &str) -> String {
        self.maker.layout.name(stream, zone_in(subject).as_ref())
    }

    /// The connection as it is now.
    pub(crate) fn line(&self) -> Line {
        Line::of(&self.away)
    }

    /// How the zones are laid out in streams.
    pub(crate) fn layout(&self) -> Layout {
        self.maker.layout
    }

    /// Makes the stream of facts that all zones share, where they share one: producers need it before there is a zone.
    ///
    /// # Errors
    ///
    /// When it is not there and cannot be made.
    pub(crate) async fn make_shared(&self) -> Result<(), LogError> {
        match self.maker.layout {
            Layout::Shared => self.maker.stream(Stream::Fleet, None).await,
            Layout::PerZone => Ok(()),
        }
    }

    /// Zones that have a stream of their own; none where all share one.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn zones_with_streams(&self) -> Result<Vec<ZoneName>, LogError> {
        if self.maker.layout == Layout::Shared {
            return Ok(Vec::new());
        }
        Ok(names(&self.context).await?.iter().filter_map(|name| zone_of(name)).collect())
    }

    /// Streams and buckets that have other replicas than they should have.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn odd_replicas(&self) -> Result<Vec<OddReplicas>, LogError> {
        self.maker.odd_replicas().await
    }

    /// What is registered in the bucket of schemas, by key; nothing where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) async fn registered_schemas(&self) -> Result<Vec<(String, Bytes)>, LogError> {
        let name = format!("KV_{SCHEMAS}");
        if !names(&self.context).await?.contains(&name) {
            return Ok(Vec::new());
        }
        let failed = |error: &dyn std::fmt::Display| {
            LogError::new(
                format!("the registry of schemas cannot be read: {error}"),
                format!("allow this user to publish on $JS.API.STREAM.MSG.GET.{name}"),
            )
        };
        let handle = self.context.get_stream_no_info(&name).await.map_err(|error| failed(&error))?;
        let (prefix, mut all, mut from) = (format!("$KV.{SCHEMAS}."), Vec::new(), 1);
        loop {
            match handle.get_first_raw_message_by_subject(format!("{prefix}>"), from).await {
                Ok(raw) => {
                    from = raw.sequence + 1;
                    // What was removed leaves a message that says so.
                    if let Some(key) = raw.subject.strip_prefix(&prefix)
                        && raw.headers.get("KV-Operation").is_none()
                    {
                        all.push((key.to_owned(), raw.payload.clone()));
                    }
                }
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(all),
                Err(error) => return Err(failed(&error)),
            }
        }
    }

    /// Registers a version of a schema. One that is there is never replaced.
    ///
    /// # Errors
    ///
    /// When it is there, or cannot be stored.
    pub(crate) async fn register_schema(&self, subject: &str, version: u32, bytes: Bytes) -> Result<(), LogError> {
        let store = self.maker.bucket(SCHEMAS, Duration::ZERO, StorageType::File).await?;
        let created = store.create(format!("{subject}/{version}"), bytes).await;
        created.map(|_| ()).map_err(|error| {
            LogError::new(
                format!("version {version} of {subject} cannot be registered: {error}"),
                format!(
                    "push again if somebody else has just pushed; else allow this user to publish on $KV.{SCHEMAS}.>"
                ),
            )
        })
    }

    fn owners(&self) -> Result<&kv::Store, LogError> {
        self.owners.as_ref().ok_or_else(|| not_there(OWNERS))
    }

    fn skipped_list(&self) -> Result<&kv::Store, LogError> {
        self.skipped.as_ref().ok_or_else(|| not_there(SKIPPED))
    }

    pub(super) fn missing(&self, zone: &ZoneName) -> Vec<String> {
        let Some(held) = &self.held else { return Vec::new() };
        let wanted = Stream::ALL.iter().map(|&stream| self.name(stream, zone));
        let wanted = wanted.chain([KV_OWNERS, KV_SKIPPED].map(str::to_owned));
        wanted.filter(|name| !held.contains(name)).collect()
    }

    pub(super) async fn created(&self, stream: Stream, zone: &ZoneName) -> Result<Option<i64>, LogError> {
        let name = self.name(stream, zone);
        match self.context.get_stream(&name).await {
            Ok(handle) => Ok(Some(timestamp(handle.cached_info().created.unix_timestamp_nanos()).0)),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) if is_missing(&error) => Ok(None),
                _ => Err(unreachable_stream(&name, &error)),
            },
        }
    }

    pub(super) async fn ensure_all(&self) -> Result<Vec<&'static str>, LogError> {
        let held = names(&self.context).await?;
        let (mut made, mut failed) = (Vec::new(), None);
        for stream in Stream::ALL {
            if stream == Stream::Fleet || held.contains(stream.name()) {
                continue;
            }
            match self.maker.stream(stream, None).await {
                Ok(()) => made.push(stream.name()),
                Err(error) => failed = Some(error),
            }
        }
        if !held.contains(KV_KEYS) {
            match self.ensure_keys().await {
                Ok(()) => made.push(KV_KEYS),
                Err(error) => failed = Some(error),
            }
        }
        if !held.contains(OBJ_BASES) {
            match self.maker.bases().await {
                Ok(_) => made.push(OBJ_BASES),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(made), Err)
    }

    /// The server's version.
    pub(crate) fn server_version(&self) -> String {
        self.client.server_info().version
    }

    /// Looks from now on whether an engine of these zones has its rights.
    pub(crate) fn watch_rights(&self, scopes: Vec<Scope>) {
        let denied = Arc::downgrade(&self.denied);
        let connection = (self.client.clone(), self.server.clone());
        tokio::spawn(rights::watch(denied, connection, scopes, self.away.clone()));
    }

    /// Does something at the broker. `None`, at once: the broker is away, or went away before it answered.
    async fn while_connected<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut away = self.away.clone();
        if away.borrow_and_update().is_some() {
            return None;
        }
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = away.changed() => None,
        }
    }

    pub(super) fn health(&self, zone: Option<&ZoneName>) -> Result<(), String> {
        if let Some(since) = *self.away.borrow() {
            return Err(format!("the broker has been away for {} s", since.elapsed().as_secs()));
        }
        self.denied.get()?;
        let Some(zone) = zone else { return Ok(()) };
        let name = self.name(Stream::Fleet, zone);
        self.unread.of(&name).get()?;
        self.unwritable.of(&name).get()
    }

    pub(super) async fn ensure(&self, stream: Stream, zone: &ZoneName) -> Result<(), LogError> {
        self.maker.stream(stream, Some(zone)).await
    }

    pub(super) async fn ensure_skipped(&self) -> Result<(), LogError> {
        self.skipped_bucket().await.map(|_| ())
    }

    pub(super) async fn skip_mark(&self) -> Result<SkipMark, LogError> {
        let info = self.bucket_info(SKIPPED).await?;
        let changed = info.state.last_sequence.saturating_sub(info.state.messages);
        Ok(SkipMark { created: info.created.unix_timestamp_nanos(), changed })
    }

    /// The state of a bucket now. (What a handle of the client says is of when it was opened.)
    async fn bucket_info(&self, name: &str) -> Result<jetstream::stream::Info, LogError> {
        let handle = self.context.get_stream(format!("KV_{name}")).await.map_err(|error| {
            LogError::new(
                format!("the bucket {name} does not answer: {error}"),
                format!("check the rights on $KV.{name}.>"),
            )
        })?;
        Ok(handle.cached_info().clone())
    }

    pub(super) async fn append(
        &self,
        stream: Stream,
        subject: String,
        id: String,
        bytes: Bytes,
        expected: Option<u64>,
        trace: Option<Trace>,
    ) -> Result<Stored, AppendError> {
        let name = self.name_for(stream, &subject);
        let mut message = PublishMessage::build().payload(bytes).expected_stream(&name);
        if let Some(trace) = trace {
            message = message.header(trace::HEADER, trace.to_string().as_str());
        }
        if !id.is_empty() {
            message = message.message_id(&id);
        }
        if let Some(expected) = expected {
            message = message.expected_last_subject_sequence(expected);
        }
        if self.away.borrow().is_some() {
            return Err(AppendError::NotSent("the broker is away".to_owned()));
        }
        let publish = async {
            let ack = self.context.send_publish(subject, message).await?;
            ack.await
        };
        let Some(published) = self.while_connected(tokio::time::timeout(ACK * 2, publish)).await else {
            return Err(AppendError::Unknown("the broker went away".to_owned()));
        };
        let unwritable = (stream == Stream::Fleet).then(|| self.unwritable.of(&name));
        match published {
            Ok(Ok(ack)) => {
                // Of a repeat nothing was written.
                if let Some(unwritable) = unwritable.filter(|_| !ack.duplicate) {
                    unwritable.over();
                }
                Ok(Stored { seq: ack.sequence, duplicate: ack.duplicate })
            }
            Ok(Err(error)) => Err(match error.kind() {
                PublishErrorKind::WrongLastSequence => AppendError::WrongSequence,
                PublishErrorKind::MaxPayloadExceeded => {
                    self.look_at_the_limit();
                    AppendError::TooLarge(error.to_string())
                }
                // 503 during elections shows as a missing stream; a write still in flight as `Other`: nobody knows yet.
                PublishErrorKind::TimedOut => AppendError::Unknown(format!("the broker does not answer: {error}")),
                PublishErrorKind::StreamNotFound | PublishErrorKind::BrokenPipe | PublishErrorKind::MaxAckPending => {
                    AppendError::Unknown(error.to_string())
                }
                PublishErrorKind::WrongLastMessageId | PublishErrorKind::Other => {
                    let text = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
                    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
                    // The broker's own words, for which the client has no name of its own: it takes nothing, or not this.
                    if says(&["sealed", "maximum messages", "maximum bytes", "insufficient resources"]) {
                        if let Some(unwritable) = unwritable {
                            unwritable.met(format!("the log takes nothing: {text}"));
                        }
                        AppendError::Refused(text)
                    } else if says(&["message size"]) {
                        AppendError::TooLarge(text)
                    } else if says(&["maximum"]) {
                        AppendError::Refused(text)
                    } else {
                        AppendError::Unknown(text)
                    }
                }
            }),
            Err(_) => Err(AppendError::Unknown("the broker does not answer: no acknowledgement within 2 s".to_owned())),
        }
    }

    /// The client judges the size of a message by what the broker said when it connected. Somebody may have changed that since: a second
    /// connection tells, and then the first one is made anew.
    fn look_at_the_limit(&self) {
        let mut looked = self.limit_looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_some_and(|at| at.elapsed() < LIMIT_LOOKED_AT) {
            return;
        }
        *looked = Some(crate::clock::monotonic());
        let (client, server) = (self.client.clone(), self.server.clone());
        tokio::spawn(async move {
            let Ok((fresh, ..)) = connect_client(&server).await else { return };
            let (was, is) = (client.server_info().max_payload, fresh.server_info().max_payload);
            if was != is {
                tracing::info!(was, is, "the broker's limit of a message has changed: connecting anew");
                let _ = client.force_reconnect().await;
            }
        });
    }

    pub(super) async fn read(
        &self,
        stream: Stream,
        zone: &ZoneName,
        after: u64,
    ) -> Result<mpsc::Receiver<Read>, LogError> {
        let (sender, receiver) = mpsc::channel(1024);
        let name = self.name(stream, zone);
        let mut reader = OrderedReader {
            context: self.context.clone(),
            stream: name.clone(),
            is_hint: stream.last_value(),
            filter: zone.filter(),
            passed: after,
            last_read: None,
            completeness: Completeness::new(
                stream == Stream::Fleet && self.layout() == Layout::PerZone,
                crate::clock::running(),
            ),
            created: None,
            away: self.away.clone(),
            unread: (stream == Stream::Fleet).then(|| self.unread.of(&name)),
            sender,
        };
        let first = reader.open().await?;
        tokio::spawn(reader.run(first));
        Ok(receiver)
    }

    pub(super) async fn zone_bounds(&self, stream: Stream, zone: &ZoneName) -> Result<Option<(u64, u64)>, LogError> {
        let Some(first) = self.first(stream, &zone.filter(), 0).await? else { return Ok(None) };
        let last = self.last(stream, &zone.filter()).await?.map_or(first.seq, |last| last.seq);
        Ok(Some((first.seq, last.max(first.seq))))
    }

    pub(super) async fn first(&self, stream: Stream, subject: &str, from: u64) -> Result<Option<Message>, LogError> {
        let name = &self.name_for(stream, subject);
        let handle = self.context.get_stream_no_info(name).await.map_err(|error| unreachable_stream(name, &error))?;
        match handle.get_first_raw_message_by_subject(subject, from).await {
            Ok(raw) => Ok(Some(stored_message(&raw))),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unreachable_stream(name, &error)),
        }
    }

    pub(super) async fn last(&self, stream: Stream, subject: &str) -> Result<Option<Message>, LogError> {
        let name = &self.name_for(stream, subject);
        let handle = self.context.get_stream_no_info(name).await.map_err(|error| unreachable_stream(name, &error))?;
        let Some(last) = self.while_connected(handle.get_last_raw_message_by_subject(subject)).await else {
            return Err(unreachable_stream(name, &"the broker is away"));
        };
        match last {
            Ok(raw) => Ok(Some(stored_message(&raw))),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unreachable_stream(name, &error)),
        }
    }

    pub(super) async fn get(&self, stream: Stream, zone: &ZoneName, seq: u64) -> Result<Option<Message>, LogError> {
        Ok(self.get_raw(stream, zone, seq).await?.as_ref().map(stored_message))
    }

    /// Brokers before 2.10 do not say.
    pub(super) async fn time(&self, zone: &ZoneName) -> Option<Timestamp> {
        let name = self.name(Stream::Fleet, zone);
        let asked = self.context.request::<_, _, serde_json::Value>(format!("STREAM.INFO.{name}"), &());
        let told = tokio::time::timeout(ACK, self.while_connected(asked)).await.ok()??.ok()?;
        let at: jiff::Timestamp = told.get("ts")?.as_str()?.parse().ok()?;
        Some(Timestamp(at.as_millisecond()))
    }

    pub(super) async fn original(&self, zone: &ZoneName, seq: u64) -> Result<Option<Original>, LogError> {
        let Some(raw) = self.get_raw(Stream::Fleet, zone, seq).await? else { return Ok(None) };
        Ok(Some(Original::new(&raw.headers, raw.payload)))
    }

    async fn get_raw(&self, stream: Stream, zone: &ZoneName, seq: u64) -> Result<Option<StreamMessage>, LogError> {
        let name = &self.name(stream, zone);
        let handle = self.context.get_stream_no_info(name).await.map_err(|error| unreachable_stream(name, &error))?;
        let Some(found) = self.while_connected(handle.get_raw_message(seq)).await else {
            return Err(unreachable_stream(name, &"the broker is away"));
        };
        match found {
            Ok(raw) => Ok(Some(raw)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unreachable_stream(name, &error)),
        }
    }

    pub(super) async fn bounds(&self, stream: Stream, zone: &ZoneName) -> Result<(u64, u64), LogError> {
        let name = &self.name(stream, zone);
        let handle = self.context.get_stream(name).await.map_err(|error| unreachable_stream(name, &error))?;
        let info = handle.cached_info();
        Ok((info.state.first_sequence, info.state.last_sequence))
    }

    pub(super) async fn removed(&self, zone: &ZoneName, after: u64) -> Result<Removed, LogError> {
        let name = &self.name(Stream::Fleet, zone);
        let handle = self.context.get_stream(name).await.map_err(|error| unreachable_stream(name, &error))?;
        let count = handle.cached_info().state.deleted_count.unwrap_or(0);
        if count == 0 {
            return Ok(Removed::default());
        }
        // Where there are so many that their list fits into no answer, it is not known which.
        let many = Removed { count, ..Removed::default() };
        let Ok(asked) = handle.info_builder().with_deleted(true).fetch().await else { return Ok(many) };
        let Some(all) = asked.info.state.deleted else { return Ok(many) };
        let seqs: BTreeSet<u64> = all.into_iter().filter(|&seq| seq > after).collect();
        Ok(Removed { count: seqs.len() as u64, seqs })
    }

    pub(super) async fn odd_settings(&self, zone: &ZoneName) -> Result<Vec<OddSetting>, LogError> {
        let name = &self.name(Stream::Fleet, zone);
        let handle = self.context.get_stream(name).await.map_err(|error| unreachable_stream(name, &error))?;
        Ok(setup::odd_settings(&handle.cached_info().config))
    }

    pub(super) async fn percent_full(&self, zone: &ZoneName) -> Result<Option<u64>, LogError> {
        let name = &self.name(Stream::Fleet, zone);
        let handle = self.context.get_stream(name).await.map_err(|error| unreachable_stream(name, &error))?;
        let (config, state) = (&handle.cached_info().config, &handle.cached_info().state);
        let percent = |has: u64, most: i64| (most > 0).then(|| has * 100 / most.unsigned_abs());
        Ok(percent(state.bytes, config.max_bytes).max(percent(state.messages, config.max_messages)))
    }

    /// See [`Log::is_full_by`](crate::log::Log::is_full_by).
    pub(super) fn is_full_by(&self, zone: &ZoneName, percent: u64) {
        if percent < NEARLY_FULL {
            self.unwritable.of(&self.name(Stream::Fleet, zone)).over_if_untried_for(UNTRIED);
        }
    }

    pub(super) async fn skipped(&self, zone: &ZoneName) -> Result<Vec<u64>, LogError> {
        let failed = |error: &dyn std::fmt::Display| {
            LogError::new(
                format!("the list of skipped entries cannot be read: {error}"),
                "check the rights on $KV.SKIPPED.>",
            )
        };
        let Some(skipped) = &self.skipped else { return Ok(Vec::new()) };
        let mut keys = skipped.keys().await.map_err(|error| failed(&error))?;
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

    pub(super) async fn skipped_from(&self, zone: &ZoneName, from: u64) -> Result<(Vec<u64>, u64), LogError> {
        if self.skipped.is_none() {
            return Ok((Vec::new(), 0));
        }
        // Asked before the list is read: what is added meanwhile is read twice, and not missed.
        let end = self.bucket_info(SKIPPED).await?.state.last_sequence;
        if from == 0 || end < from || end - from > FOLLOWED_MAX {
            return Ok((self.skipped(zone).await?, end));
        }
        let failed = |error: &dyn std::fmt::Display| unreachable_stream(KV_SKIPPED, error);
        let handle = self.context.get_stream_no_info(KV_SKIPPED).await.map_err(|error| failed(&error))?;
        let prefix = format!("$KV.{SKIPPED}.{}.", key(zone));
        let (mut all, mut at) = (Vec::new(), from);
        while at < end {
            match handle.get_first_raw_message_by_subject(format!("{prefix}*"), at + 1).await {
                Ok(raw) => {
                    at = raw.sequence;
                    let seq = raw.subject.strip_prefix(&prefix).and_then(|seq| seq.parse::<u64>().ok());
                    all.extend(seq.filter(|_| raw.headers.get("KV-Operation").is_none()));
                }
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => break,
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok((all, end))
    }

    pub(super) async fn forget_skipped(&self, zone: &ZoneName, seqs: &[u64]) -> Result<(), LogError> {
        let failed = |error: &dyn std::fmt::Display| {
            LogError::new(
                format!("expired entries cannot be taken off the list of skipped ones: {error}"),
                format!("check the right on $JS.API.STREAM.PURGE.{KV_SKIPPED}"),
            )
        };
        let handle = self.context.get_stream_no_info(KV_SKIPPED).await.map_err(|error| failed(&error))?;
        for seq in seqs {
            let purge = handle.purge().filter(format!("$KV.{SKIPPED}.{}.{seq}", key(zone)));
            purge.await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    pub(super) async fn skip(&self, zone: &ZoneName, seq: u64) -> Result<(), LogError> {
        let key = format!("{}.{seq}", key(zone));
        self.skipped_list()?.put(key, Bytes::from_static(b"1")).await.map(|_| ()).map_err(|error| {
            LogError::new(
                format!("entry {seq} cannot be marked as skipped: {error}"),
                "check the rights on $KV.SKIPPED.>",
            )
        })
    }
}

/// The broker says that there is no such stream.
fn is_missing(error: &jetstream::Error) -> bool {
    error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND
}

fn not_there(bucket: &str) -> LogError {
    LogError::new(format!("bucket {bucket} is missing"), "the engine makes it at its next start")
}

fn key(zone: &ZoneName) -> String {
    zone.key()
}

/// The zone of a subject, or of a filter for subjects, of ours.
fn zone_in(subject: &str) -> Option<ZoneName> {
    let mut parts = subject.split('.').skip(1);
    ZoneName::new(parts.next()?, parts.next()?)
}

/// The layout of a log: what is there decides, then what is asked for.
async fn settle(context: &Context, held: &BTreeSet<String>, asked: Option<Layout>) -> Result<Layout, LogError> {
    let said = match layout_of(held)? {
        Some(layout) => {
            let by = held.iter().find(|name| *name == Stream::Fleet.name() || zone_of(name).is_some());
            Some((by.cloned().unwrap_or_default(), layout))
        }
        None => Maker::layout_said(context, held).await.map(|(by, layout)| (by.to_owned(), layout)),
    };
    match (said, asked) {
        (Some((by, is)), Some(asked)) if is != asked => Err(other_layout(asked, &by, is)),
        (Some((_, is)), _) => Ok(is),
        (None, asked) => Ok(asked.unwrap_or(Layout::Shared)),
    }
}

fn unreachable_stream(name: &str, error: &dyn std::fmt::Display) -> LogError {
    LogError::new(format!("stream {name} does not answer: {error}"), "run `fleetfold doctor --log nats://…`")
}

/// A stored message as it was published, a CloudEvent in binary mode as structured JSON.
fn stored_message(raw: &StreamMessage) -> Message {
    Message {
        seq: raw.sequence,
        at: timestamp(raw.time.unix_timestamp_nanos()),
        subject: raw.subject.to_string(),
        bytes: structured_bytes(Some(&raw.headers), &raw.payload),
        published: None,
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

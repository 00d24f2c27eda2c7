//! What nodes tell each other at the broker: who is present (`NODES`), who runs which zone (`ZONES`), and which zones exist.
//!
//! A node hears the others through a plain subscription to the bucket's subjects, which needs no consumer: it is told at the moment
//! somebody writes, and the client subscribes again by itself after a reconnect. The buckets are in memory, because what stands
//! in them is written anew all the time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, RawMessageError, StorageType, Stream as Handle};
use async_nats::jetstream::{self, Context, kv};
use bytes::Bytes;
use fleetfold_journal::address::parse;
use fleetfold_journal::{Address, ZoneName};
use fleetfold_wire::{What, decode};
use futures::StreamExt;
use tokio::sync::mpsc;

use super::owners::lease_owner;
use super::setup::{Maker, names};
use super::{ACK, JetStream, stored_message, unreachable_stream};
use crate::log::storage::zone_of;
use crate::log::{Layout, LogError, Message, Purpose, Stream};

/// The bucket of nodes that are present.
const NODES: &str = "NODES";
/// How long a node stays in it without a beat.
const NODES_LIVE: Duration = Duration::from_secs(3);
/// The bucket of what nodes say of their zones.
const ZONES: &str = "ZONES";
/// How long that stays without being said again.
const ZONES_LIVE: Duration = Duration::from_secs(10);
/// Between attempts to look for zones at a broker that is away.
const AGAIN: Duration = Duration::from_millis(250);
/// Between two looks at the names of the streams, where each zone has its own.
const STREAMS_AGAIN: Duration = Duration::from_secs(1);
/// A search for zones that finds nothing for so long asks whether something should have come.
const SILENT: Duration = Duration::from_secs(5);
/// Messages of a zone that are looked at for an event, where the last ones are none.
const FIRST_LOOKED_AT: usize = 1_000;
/// A search for zones that is silent for two of these is begun anew.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A key of a bucket that was written or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Which key.
    pub key: String,
    /// Its value; `None`: it was removed.
    pub value: Option<Bytes>,
}

/// The buckets through which nodes know of each other.
#[derive(Clone)]
pub(crate) struct Nodes {
    client: async_nats::Client,
    context: Context,
    layout: Layout,
    present: kv::Store,
    zones: kv::Store,
    owners: kv::Store,
    maker: Arc<Maker>,
}

fn unread(name: &str, error: &dyn std::fmt::Display) -> LogError {
    LogError::new(format!("bucket {name} cannot be read: {error}"), format!("check the rights on $KV.{name}.>"))
}

/// Values that are read at a time.
const READ_AT_ONCE: usize = 64;

/// Everything that stands in a bucket under keys that match. The keys come from the stream's state and not from a consumer: a
/// consumer for every question would outlive it by minutes, and the broker has a limit for them.
async fn all(context: &Context, store: &kv::Store, name: &str, keys: &str) -> Result<Vec<(String, Bytes)>, LogError> {
    let prefix = format!("$KV.{name}.");
    let stream = context.get_stream_no_info(&store.stream_name).await.map_err(|error| unread(name, &error))?;
    let mut subjects =
        stream.info_with_subjects(format!("{prefix}{keys}")).await.map_err(|error| unread(name, &error))?;
    let mut found = Vec::new();
    while let Some(subject) = subjects.next().await {
        let (subject, _) = subject.map_err(|error| unread(name, &error))?;
        found.extend(subject.strip_prefix(&prefix).map(str::to_owned));
    }
    found.sort_unstable();
    let values = futures::stream::iter(found).map(|key| async move {
        let value = store.get(key.clone()).await.map_err(|error| unread(name, &error))?;
        Ok(value.map(|value| (key, value))) // it may have expired meanwhile
    });
    let read: Vec<Result<Option<(String, Bytes)>, LogError>> = values.buffered(READ_AT_ONCE).collect().await;
    read.into_iter().filter_map(Result::transpose).collect()
}

impl JetStream {
    /// The buckets of nodes. Who only reads makes none.
    ///
    /// # Errors
    ///
    /// When they cannot be made, or when there are none to read.
    pub(crate) async fn nodes(&self, purpose: Purpose) -> Result<Nodes, LogError> {
        if purpose == Purpose::Read {
            let held = names(&self.context).await?;
            if [NODES, ZONES].iter().any(|name| !held.contains(&format!("KV_{name}"))) {
                return Err(LogError::new(
                    "no node has run zones on this broker",
                    "start one with `fleetfold serve --zones … --log nats://HOST:PORT`",
                ));
            }
        }
        Ok(Nodes {
            client: self.client.clone(),
            context: self.context.clone(),
            layout: self.maker.layout,
            maker: Arc::clone(&self.maker),
            // In memory, because everything in them is said again within seconds; but with as many replicas as all else: while
            // the only broker of a bucket is away no node could start, and no standby would be known to be ready.
            present: self.maker.bucket(NODES, NODES_LIVE, StorageType::Memory).await?,
            zones: self.maker.bucket(ZONES, ZONES_LIVE, StorageType::Memory).await?,
            owners: self.owners()?.clone(),
        })
    }
}

impl Nodes {
    /// Hears what is written to the bucket of nodes from now on.
    ///
    /// # Errors
    ///
    /// When the broker is away.
    pub(crate) async fn hear(&self) -> Result<mpsc::Receiver<Written>, LogError> {
        let prefix = format!("$KV.{NODES}.");
        let mut heard = self.client.subscribe(format!("{prefix}>")).await.map_err(|error| unread(NODES, &error))?;
        // What is subscribed to must be known to the broker before anything is listed, or a beat between the two is missed.
        self.client.flush().await.map_err(|error| unread(NODES, &error))?;
        let (sender, receiver) = mpsc::channel(1024);
        tokio::spawn(async move {
            while let Some(message) = heard.next().await {
                let Some(key) = message.subject.strip_prefix(&prefix) else { continue };
                let removed = message.headers.as_ref().is_some_and(|headers| headers.get("KV-Operation").is_some());
                let written = Written { key: key.to_owned(), value: (!removed).then_some(message.payload) };
                if sender.send(written).await.is_err() {
                    return;
                }
            }
        });
        Ok(receiver)
    }

    /// Everything in the bucket of nodes.
    ///
    /// # Errors
    ///
    /// When the broker is away.
    pub(crate) async fn present(&self) -> Result<Vec<(String, Bytes)>, LogError> {
        all(&self.context, &self.present, NODES, ">").await
    }

    /// Writes a key of the bucket of nodes.
    ///
    /// # Errors
    ///
    /// When it was not stored within a second.
    pub(crate) async fn announce(&self, key: &str, value: Bytes) -> Result<(), LogError> {
        self.put(&self.present, NODES, key, value).await
    }

    /// Makes the buckets again where they were deleted.
    ///
    /// # Errors
    ///
    /// When they cannot be made.
    pub(crate) async fn make_again(&self) -> Result<(), LogError> {
        self.maker.bucket(NODES, NODES_LIVE, StorageType::Memory).await?;
        self.maker.bucket(ZONES, ZONES_LIVE, StorageType::Memory).await.map(drop)
    }

    /// Says goodbye.
    pub(crate) async fn leave(&self, key: &str) {
        let _ = tokio::time::timeout(ACK, self.present.delete(key)).await;
    }

    /// Says how this node stands with a zone.
    ///
    /// # Errors
    ///
    /// When it was not stored within a second.
    pub(crate) async fn tell(&self, key: &str, value: Bytes) -> Result<(), LogError> {
        self.put(&self.zones, ZONES, key, value).await
    }

    /// Takes it back.
    pub(crate) async fn untell(&self, key: &str) {
        let _ = tokio::time::timeout(ACK, self.zones.delete(key)).await;
    }

    /// What a node says of a zone; `None`: nothing.
    ///
    /// # Errors
    ///
    /// When the broker is away.
    pub(crate) async fn told(&self, key: &str) -> Result<Option<Bytes>, LogError> {
        self.get(&self.zones, ZONES, key).await
    }

    /// What all nodes say of all zones.
    ///
    /// # Errors
    ///
    /// When the broker is away.
    pub(crate) async fn told_all(&self) -> Result<Vec<(String, Bytes)>, LogError> {
        all(&self.context, &self.zones, ZONES, ">").await
    }

    /// Who holds the lease of a zone.
    ///
    /// # Errors
    ///
    /// When the broker is away.
    pub(crate) async fn owner(&self, zone: &ZoneName) -> Result<Option<String>, LogError> {
        let lease = self.get(&self.owners, "OWNERS", &zone.key()).await?;
        Ok(lease.and_then(|lease| lease_owner(&lease)))
    }

    /// What a node says of itself.
    ///
    /// # Errors
    ///
    /// When the broker is away.
    pub(crate) async fn node(&self, node: &str) -> Result<Option<Bytes>, LogError> {
        self.get(&self.present, NODES, node).await
    }

    async fn put(&self, store: &kv::Store, name: &str, key: &str, value: Bytes) -> Result<(), LogError> {
        match tokio::time::timeout(ACK, store.put(key, value)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(LogError::new(
                format!("bucket {name} does not take {key}: {error}"),
                format!("check the rights on $KV.{name}.>"),
            )),
            Err(_) => Err(LogError::new(format!("bucket {name} does not answer"), "check the broker")),
        }
    }

    async fn get(&self, store: &kv::Store, name: &str, key: &str) -> Result<Option<Bytes>, LogError> {
        match tokio::time::timeout(ACK, store.get(key)).await {
            Ok(found) => found.map_err(|error| unread(name, &error)),
            Err(_) => Err(LogError::new(format!("bucket {name} does not answer"), "check the broker")),
        }
    }

    /// Finds the zones of a log, those that are there and those to come: each as soon as its first fact stands in the log. Names
    /// come more than once. `tenant`, `zone`: which; `None`: all.
    ///
    /// Where each zone has a stream of its own, the names of the streams are looked at every second.
    ///
    /// Where all zones share one it reads headers only, of the last message of each subject of those types with which a zone can begin, and of every later
    /// one: registrations, orders, shifts and the opening of the zone.
    pub(crate) fn find(&self, tenant: Option<&str>, zone: Option<&str>, found: mpsc::Sender<ZoneName>) {
        let prefix = format!("fleet.{}.{}.event", tenant.unwrap_or("*"), zone.unwrap_or("*"));
        let filters =
            ["zone_opened._", "order_created._", "vehicle_registered.*", "shift_started.*", "policy_changed._"]
                .map(|tail| format!("{prefix}.{tail}"))
                .to_vec();
        let context = self.context.clone();
        if self.layout == Layout::PerZone {
            let (tenant, zone) = (tenant.map(str::to_owned), zone.map(str::to_owned));
            tokio::spawn(find_streams(context, tenant, zone, found));
            return;
        }
        tokio::spawn(async move {
            while !found.is_closed() {
                if let Err(error) = find(&context, filters.clone(), &found).await {
                    tracing::debug!(%error, "zones are looked for again");
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
    }
}

/// Looks for streams of zones, for ever.
async fn find_streams(context: Context, tenant: Option<String>, zone: Option<String>, found: mpsc::Sender<ZoneName>) {
    let fits = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    let mut known = BTreeSet::new();
    while !found.is_closed() {
        match names(&context).await {
            Ok(held) => {
                let zones = held.iter().filter_map(|name| zone_of(name));
                for found_now in zones.filter(|found| fits(&tenant, found.tenant()) && fits(&zone, found.zone())) {
                    if known.insert(found_now.clone()) && found.send(found_now).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "streams of zones are looked for again"),
        }
        tokio::time::sleep(STREAMS_AGAIN).await;
    }
}

/// True when an event of its subject stands at a sequence.
async fn is_fact_at(stream: &Handle<()>, seq: u64) -> Result<bool, RawMessageError> {
    match stream.get_raw_message(seq).await {
        Ok(raw) => Ok(is_fact(&stored_message(&raw))),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// True when one of the first messages of a zone is an event of its subject.
async fn has_fact(stream: &Handle<()>, zone: &ZoneName) -> Result<bool, RawMessageError> {
    let mut seq = 0;
    for _ in 0..FIRST_LOOKED_AT {
        match stream.get_first_raw_message_by_subject(format!("{}event.>", zone.prefix()), seq + 1).await {
            Ok(raw) if is_fact(&stored_message(&raw)) => return Ok(true),
            Ok(raw) => seq = raw.sequence,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// True for an event on the subject that it belongs on.
fn is_fact(message: &Message) -> bool {
    let (Ok(decoded), Some((zone, _))) = (decode(&message.bytes), parse(&message.subject)) else { return false };
    let What::Event(event) = &decoded.what else { return false };
    zone.subject(&Address::of_event(event)) == message.subject
}

/// Looks until the broker is away.
async fn find(context: &Context, filters: Vec<String>, found: &mpsc::Sender<ZoneName>) -> Result<(), LogError> {
    let failed = |error: &dyn std::fmt::Display| unreachable_stream(Stream::Fleet.name(), error);
    let stream = context.get_stream_no_info(Stream::Fleet.name()).await.map_err(|error| failed(&error))?;
    let config = jetstream::consumer::pull::Config {
        filter_subjects: filters,
        deliver_policy: DeliverPolicy::LastPerSubject,
        replay_policy: ReplayPolicy::Instant,
        ack_policy: AckPolicy::None,
        headers_only: true,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: Duration::from_secs(30),
        ..jetstream::consumer::pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|error| failed(&error))?;
    let mut messages = consumer
        .stream()
        .max_messages_per_batch(1000)
        .expires(Duration::from_secs(10))
        .heartbeat(HEARTBEAT)
        .messages()
        .await
        .map_err(|error| failed(&error))?;
    let mut delivered = 0;
    let (mut begun, mut looked) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let next = tokio::select! {
            next = messages.next() => next,
            () = found.closed() => return Ok(()),
            // Somebody may have paused the consumer: heartbeats still come then, and no message.
            () = tokio::time::sleep(SILENT) => match consumer.get_info().await {
                Ok(info) if info.num_pending > 0 || info.paused => return Ok(()),
                Ok(_) | Err(_) => continue,
            },
        };
        let Some(Ok(message)) = next else { return Ok(()) };
        let Ok(info) = message.info() else { return Ok(()) };
        if info.consumer_sequence != delivered + 1 {
            return Ok(()); // one was lost on the way
        }
        delivered += 1;
        let Some((zone, _)) = parse(&message.subject) else { continue };
        if begun.contains(&zone) {
            continue;
        }
        // What is rejected makes no zone. The first time, earlier messages of the zone are looked at, too: only the last one of each
        // subject comes here.
        let is_first = looked.insert(zone.clone());
        let is_fact = is_fact_at(&stream, info.stream_sequence).await.map_err(|error| failed(&error))?;
        if is_fact || (is_first && has_fact(&stream, &zone).await.map_err(|error| failed(&error))?) {
            begun.insert(zone.clone());
            if found.send(zone).await.is_err() {
                return Ok(());
            }
        }
    }
}

//! The connection to a broker, and the streams and buckets that are made where they are missing.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::object_store::{self, ObjectStore};
use async_nats::jetstream::stream::{self, Compression, Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, kv};
use fleetfold_journal::ZoneName;
use fleetfold_wire::PLAN_BYTES_MAX;
use futures::TryStreamExt;
use tokio::sync::watch;

use super::keys::KV_KEYS;
use super::objects::{BASES, OBJ_BASES};
use super::{KV_OWNERS, KV_SKIPPED};
use crate::clock;
use crate::log::OddSetting;
use crate::log::access::handshake;
use crate::log::keys::KEYS_KEPT;
use crate::log::rights::Denied;
use crate::log::storage::{Layout, Storage, zone_of};
use crate::log::{LogError, Server, Stream};

/// Most bytes of facts of all zones before producers are refused.
const FLEET_BYTES_MAX: i64 = 16 << 30;
/// Most bytes of facts of one zone in a stream of its own. The broker sets them aside when the stream is made.
const ZONE_BYTES_MAX: i64 = 2 << 30;
/// Entry of a stream's metadata that says how the log was laid out when it was made. It stands in the small streams, so that the
/// layout is known before there is a zone, and after the stream of facts was deleted.
const LAYOUT_KEY: &str = "fleetfold.streams";
/// Replicas where the broker is one of several and nothing is asked for.
const REPLICAS_IN_CLUSTER: usize = 3;
/// A cluster that has just started does not know all its brokers: so long it is asked again before fewer replicas are made.
const PEERS_MAX: Duration = Duration::from_secs(5);
/// Pause between two such attempts.
const PEERS_AGAIN: Duration = Duration::from_millis(250);

/// So often is looked whether a broker is heard.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A broker that hangs is given up sooner than this; what was heard before that says nothing.
const UNHEARD_MAX: Duration = Duration::from_secs(10);

/// A client with our defaults, since when its broker is away, and what the broker has refused on it.
pub(crate) async fn connect_client(
    server: &Server,
) -> Result<(async_nats::Client, watch::Receiver<Option<Instant>>, Arc<Denied>), LogError> {
    let (away, told) = watch::channel(None);
    let heard = Arc::new(Heard::default());
    let last_heard = Arc::clone(&heard);
    let denied = Arc::new(Denied::default());
    let hears = Arc::clone(&denied);
    let options = server
        .options()?
        .name("fleetfold")
        .ping_interval(Duration::from_secs(2))
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(Some(Duration::from_secs(2)))
        .reconnect_delay_callback(|tries| Duration::from_millis(((tries as u64 + 1) * 25).min(250)))
        .event_callback(move |event| {
            match event {
                async_nats::Event::Connected => {
                    away.send_if_modified(|since| since.take().is_some());
                }
                async_nats::Event::Disconnected | async_nats::Event::Closed => {
                    let heard = last_heard.lately();
                    away.send_if_modified(|since| since.is_none() && since.replace(heard).is_none());
                }
                async_nats::Event::ServerError(async_nats::ServerError::Other(ref words)) => hears.heard(words),
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
        });
    let client = Box::pin(options.connect(server.addresses()))
        .await
        .map_err(|error| {
            use async_nats::ConnectErrorKind::{AuthorizationViolation, Dns, Io, TimedOut, Tls};
            let words = chain(&error);
            if error.kind() == AuthorizationViolation {
                return LogError::new(
                    format!("the broker at {server} does not take this user: {words}"),
                    "give the right of the broker's user: nats://USER:PASSWORD@HOST:PORT, --nats-creds, --nats-nkey, --nats-token-file, or \
                     --log context:NAME",
                );
            }
            // It will be so the next time, too.
            if let Some((meaning, mend)) = handshake(&words) {
                return LogError::new(format!("the broker at {server} {meaning} ({words})"), mend);
            }
            if error.kind() == Tls {
                return LogError::new(
                    format!("the connection to the broker at {server} cannot be encrypted: {words}"),
                    "look at the files of --nats-ca, --nats-cert and --nats-key, and at `tls` in the broker's settings",
                );
            }
            let hint = "start one with `nats-server -js`, or use --log embedded";
            let why = LogError::new(format!("no broker answers at {server}: {words}"), hint);
            if matches!(error.kind(), Dns | Io | TimedOut) { why.passing(error.to_string()) } else { why }
        })?;
    tokio::spawn(listen(client.statistics(), heard, told.clone()));
    Ok((client, told, denied))
}

/// When a broker was heard last.
#[derive(Default)]
struct Heard(Mutex<Option<Instant>>);

impl Heard {
    fn open(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it was heard last, or now where nothing shows that it was not heard until now.
    fn lately(&self) -> Instant {
        let now = clock::monotonic();
        self.open().filter(|&last| now.saturating_duration_since(last) <= UNHEARD_MAX).unwrap_or(now)
    }
}

/// Looks whether the broker is heard, as long as there is a connection. A broker that hangs is not heard any more some seconds before the
/// client gives it up: it is asked for a sign of life every two seconds.
async fn listen(
    statistics: Arc<async_nats::client::Statistics>,
    heard: Arc<Heard>,
    connection: watch::Receiver<Option<Instant>>,
) {
    let mut before = 0;
    while connection.has_changed().is_ok() {
        let bytes = statistics.in_bytes.load(Ordering::Relaxed);
        if bytes != before {
            before = bytes;
            *heard.open() = Some(clock::monotonic());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The layout of the log whose streams have these names; `None`: no stream of facts is there.
///
/// # Errors
///
/// When there are streams of both layouts.
pub(in crate::log) fn layout_of(held: &BTreeSet<String>) -> Result<Option<Layout>, LogError> {
    let zone = held.iter().find(|name| zone_of(name).is_some());
    match (held.contains(Stream::Fleet.name()), zone) {
        (true, Some(zone)) => Err(LogError::new(
            format!(
                "there are both the stream FLEET of all zones and the stream {zone} of one zone: which holds the log?"
            ),
            format!("keep a backup of both, then remove the one that is not the log: nats stream rm FLEET, or {zone}"),
        )),
        (true, None) => Ok(Some(Layout::Shared)),
        (false, Some(_)) => Ok(Some(Layout::PerZone)),
        (false, None) => Ok(None),
    }
}

/// The error of one who asks for another layout than that of the log. `by`: the stream that shows it.
pub(super) fn other_layout(asked: Layout, by: &str, is: Layout) -> LogError {
    let holds = match is {
        Layout::Shared => "all zones of this log share one stream",
        Layout::PerZone => "each zone of this log has a stream of its own",
    };
    LogError::new(
        format!("--streams {} is asked for, but {holds}: stream {by} says so", asked.word()),
        format!(
            "leave --streams out, or say --streams {}; the layout is chosen when a log is made, and stays",
            is.word()
        ),
    )
}

/// What streams and buckets of ours there can be.
fn is_ours(name: &str) -> bool {
    Stream::ALL.iter().any(|stream| stream.name() == name)
        || [KV_OWNERS, KV_SKIPPED, "KV_NODES", "KV_ZONES", "KV_SCHEMAS", KV_KEYS, OBJ_BASES].contains(&name)
        || zone_of(name).is_some()
}

/// A stream or bucket that has other replicas than it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OddReplicas {
    /// Its name.
    pub name: String,
    /// Replicas that it has.
    pub has: usize,
    /// Replicas that it should have.
    pub wanted: usize,
}

impl OddReplicas {
    /// The command that mends it.
    pub(crate) fn mend(&self) -> String {
        format!("nats stream edit {} --replicas {}", self.name, self.wanted)
    }
}

/// Makes the streams and buckets of a log that are missing, each in the way that the log is kept.
pub(super) struct Maker {
    client: async_nats::Client,
    context: Context,
    pub(super) layout: Layout,
    storage: Storage,
    /// The cluster would not keep as many replicas as are usual.
    has_too_few: AtomicBool,
}

impl Maker {
    pub(super) fn new(client: async_nats::Client, context: Context, layout: Layout, storage: Storage) -> Self {
        Self { client, context, layout, storage, has_too_few: AtomicBool::new(false) }
    }

    /// How many brokers the cluster has, as far as it says; `None`: the broker is alone.
    fn peers(&self) -> Option<usize> {
        let info = self.client.server_info();
        info.cluster.filter(|name| !name.is_empty()).map(|_| info.connect_urls.len())
    }

    /// Replicas of what is made.
    fn replicas(&self) -> usize {
        match (self.storage.replicas, self.peers()) {
            (Some(asked), _) => usize::from(asked),
            (None, Some(_)) => REPLICAS_IN_CLUSTER,
            (None, None) => 1,
        }
    }

    /// The error of something for which the broker has too few brokers; `None`: that is not the reason.
    fn too_few(&self, kind: &str, name: &str, error: &str) -> Option<LogError> {
        let (replicas, placement) = (self.replicas(), self.placement());
        if !says_too_few(error) || (replicas == 1 && placement.is_none()) {
            return None;
        }
        let fewer = "ask for one replica (`--replicas 1`)";
        Some(match (self.peers(), placement) {
            (None, _) if replicas > 1 => LogError::new(
                format!(
                    "{kind} {name} cannot be created with {replicas} replicas: this broker is not one of a cluster ({error})"
                ),
                format!(
                    "{fewer}, or start {replicas} brokers or more as a cluster and name them all: --log nats://a:4222,b:4222,c:4222"
                ),
            ),
            (_, Some(_)) => LogError::new(
                format!("{kind} {name} cannot be created with {replicas} replicas where it is to be placed: {error}"),
                "look at the tags (`server_tags`) and the name of the cluster in the brokers' settings; change or leave out --placement \
                 and --placement-cluster, or ask for fewer replicas",
            ),
            (_, None) => LogError::new(
                format!(
                    "{kind} {name} cannot be created with {replicas} replicas: the cluster has too few brokers ({error})"
                ),
                format!("add brokers to the cluster, look whether all of them run, or {fewer}"),
            ),
        })
    }

    /// The error of something that could not be created.
    async fn cannot_create(&self, kind: &str, name: &str, subjects: &[String], error: String) -> LogError {
        match self.too_few(kind, name, &error) {
            Some(too_few) => too_few,
            None => cannot_create(&self.context, kind, name, subjects, error).await,
        }
    }

    fn placement(&self) -> Option<stream::Placement> {
        let placement = &self.storage.placement;
        let asked = placement.cluster.is_some() || !placement.tags.is_empty();
        asked.then(|| stream::Placement { cluster: placement.cluster.clone(), tags: placement.tags.clone() })
    }

    /// Makes something with the replicas that are asked for. Where none are asked for and the cluster does not have enough
    /// brokers, one replica is made, and that is said.
    async fn replicated<T, E: Error, F: Future<Output = Result<T, E>>>(
        &self,
        name: &str,
        make: impl Fn(usize) -> F,
    ) -> Result<T, E> {
        let (started, replicas) = (clock::monotonic(), self.replicas());
        loop {
            match make(replicas).await {
                Err(error) if self.storage.replicas.is_none() && replicas > 1 && lacks_peers(&error) => {
                    // What was found out for one stream need not be waited for again.
                    let should = self.peers().is_some_and(|peers| peers >= REPLICAS_IN_CLUSTER)
                        && !self.has_too_few.load(Ordering::Acquire);
                    if should && started.elapsed() < PEERS_MAX {
                        tokio::time::sleep(PEERS_AGAIN).await;
                        continue;
                    }
                    tracing::warn!(
                        name,
                        %error,
                        "the cluster does not keep {replicas} replicas: one is made. When it has the brokers: nats stream edit {name} --replicas {replicas}"
                    );
                    self.has_too_few.store(true, Ordering::Release);
                    return make(1).await;
                }
                done => return done,
            }
        }
    }

    fn config(&self, stream: Stream, zone: Option<&ZoneName>) -> Config {
        let day = Duration::from_secs(24 * 3600);
        let common = Config {
            name: self.layout.name(stream, zone),
            subjects: self.layout.subjects(stream, zone),
            storage: StorageType::File,
            compression: Some(Compression::S2),
            duplicate_window: Duration::from_secs(120),
            allow_direct: true,
            placement: self.placement(),
            metadata: [(LAYOUT_KEY.to_owned(), self.layout.word().to_owned())].into_iter().collect(),
            ..Config::default()
        };
        match stream {
            Stream::Fleet => Config {
                discard: DiscardPolicy::New,
                max_bytes: if self.layout == Layout::PerZone { ZONE_BYTES_MAX } else { FLEET_BYTES_MAX },
                max_age: 14 * day,
                deny_delete: true,
                deny_purge: true,
                ..common
            },
            Stream::Position => Config { max_messages_per_subject: 1, max_age: Duration::from_secs(3600), ..common },
            Stream::Assignment | Stream::Feature => Config { max_messages_per_subject: 1, ..common },
            Stream::Alert => Config { max_messages_per_subject: 1, max_age: 14 * day, ..common },
            Stream::Eta => Config { max_messages_per_subject: 1, max_age: 2 * day, ..common },
            Stream::Warning | Stream::Rejected => Config { max_age: 30 * day, ..common },
        }
    }

    /// Makes a stream where it is missing.
    pub(super) async fn stream(&self, stream: Stream, zone: Option<&ZoneName>) -> Result<(), LogError> {
        let wanted = &self.config(stream, zone);
        let name = wanted.name.as_str();
        let make = |num_replicas| async move {
            let whole = Config { num_replicas, ..wanted.clone() };
            match self.context.get_or_create_stream(whole.clone()).await {
                Ok(handle) => Ok(handle),
                // A small broker cannot reserve our usual bytes: take what it gives.
                Err(_) => self.context.get_or_create_stream(Config { max_bytes: -1, ..whole }).await,
            }
        };
        let handle = match self.replicated(name, make).await {
            Ok(handle) => handle,
            Err(error) => {
                return Err(self.cannot_create("stream", name, &wanted.subjects, error.to_string()).await);
            }
        };
        let held = &handle.cached_info().config;
        // Another engine may have made it a moment ago, in another layout.
        if let Some(is) = held.metadata.get(LAYOUT_KEY).and_then(|word| Layout::of_word(word))
            && is != self.layout
        {
            return Err(other_layout(self.layout, name, is));
        }
        let same = held.subjects == wanted.subjects
            && (wanted.max_messages_per_subject == 0
                || held.max_messages_per_subject == wanted.max_messages_per_subject.max(-1));
        if same {
            Ok(())
        } else {
            Err(LogError::new(
                format!("stream {name} exists with other settings (subjects {:?})", held.subjects),
                format!("rename or remove it: nats stream rm {name}"),
            ))
        }
    }

    /// A bucket, which is made where it is missing.
    pub(super) async fn bucket(
        &self,
        name: &str,
        max_age: Duration,
        storage: StorageType,
    ) -> Result<kv::Store, LogError> {
        if let Ok(store) = self.context.get_key_value(name).await {
            return Ok(store);
        }
        let stream = format!("KV_{name}");
        let make = |num_replicas| {
            self.context.create_key_value(kv::Config {
                bucket: name.to_owned(),
                history: 1,
                max_age,
                storage,
                num_replicas,
                placement: self.placement(),
                ..kv::Config::default()
            })
        };
        match self.replicated(&stream, make).await {
            Ok(store) => Ok(store),
            Err(error) => {
                let subjects = [format!("$KV.{name}.>")];
                Err(self.cannot_create("bucket", &stream, &subjects, chain(&error)).await)
            }
        }
    }

    /// The bucket of persons' keys, which is made where it is missing. Not compressed and without a bar to deletion, so that a key is
    /// overwritten where it stands; a key and the mark that it was destroyed stand beside each other until it is.
    pub(super) async fn keys(&self) -> Result<(), LogError> {
        let wanted = &Config {
            name: KV_KEYS.to_owned(),
            subjects: vec!["$KV.KEYS.>".to_owned()],
            storage: StorageType::File,
            max_messages_per_subject: 2,
            max_age: KEYS_KEPT,
            allow_rollup: true,
            allow_direct: true,
            placement: self.placement(),
            ..Config::default()
        };
        let make = |num_replicas| async move {
            self.context.get_or_create_stream(Config { num_replicas, ..wanted.clone() }).await
        };
        match self.replicated(KV_KEYS, make).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.cannot_create("bucket", KV_KEYS, &wanted.subjects, error.to_string()).await),
        }
    }

    /// The object store of bases, which is made where it is missing.
    pub(super) async fn bases(&self) -> Result<ObjectStore, LogError> {
        if let Ok(store) = self.context.get_object_store(BASES).await {
            return Ok(store);
        }
        let make = |num_replicas| {
            self.context.create_object_store(object_store::Config {
                bucket: BASES.to_owned(),
                num_replicas,
                placement: self.placement(),
                ..object_store::Config::default()
            })
        };
        self.replicated(OBJ_BASES, make).await.map_err(|error| {
            let error = chain(&error);
            self.too_few("object store", BASES, &error).unwrap_or_else(|| {
                LogError::new(
                    format!("the object store {BASES} cannot be created: {error}"),
                    "allow this user to create object stores",
                )
            })
        })
    }

    /// The layout that the small streams say, and the one that says it. `None`: there are none. A version that wrote no layout knew
    /// only one.
    pub(super) async fn layout_said(context: &Context, held: &BTreeSet<String>) -> Option<(&'static str, Layout)> {
        for name in Stream::ALL.into_iter().skip(1).map(Stream::name).filter(|name| held.contains(*name)) {
            if let Ok(handle) = context.get_stream(name).await {
                let said = handle.cached_info().config.metadata.get(LAYOUT_KEY).cloned();
                return Some((name, said.and_then(|word| Layout::of_word(&word)).unwrap_or(Layout::Shared)));
            }
        }
        None
    }

    /// Streams and buckets of ours that have other replicas than were asked for; where none were asked for, those that have one in a
    /// cluster.
    pub(super) async fn odd_replicas(&self) -> Result<Vec<OddReplicas>, LogError> {
        let (asked, in_cluster) = (self.storage.replicas.map(usize::from), self.peers().is_some());
        if asked.is_none() && !in_cluster {
            return Ok(Vec::new());
        }
        let streams: Vec<stream::Info> =
            self.context.streams().try_collect().await.map_err(|error| unlisted(&error))?;
        let odd = streams.into_iter().filter(|info| is_ours(&info.config.name)).filter_map(|info| {
            let (has, wanted) = (info.config.num_replicas, asked.unwrap_or(REPLICAS_IN_CLUSTER));
            let is_odd = if asked.is_some() { has != wanted } else { has < 2 };
            is_odd.then_some(OddReplicas { name: info.config.name, has, wanted })
        });
        Ok(odd.collect())
    }
}

/// What a stream of facts is set to that removes facts before their time, or keeps them out, each in words.
pub(super) fn odd_settings(config: &Config) -> Vec<OddSetting> {
    let by_count = config.max_messages > 0 || config.max_bytes > 0;
    let odd = [
        (
            config.max_messages_per_subject > 0,
            true,
            format!("max_msgs_per_subject {}", config.max_messages_per_subject),
        ),
        (config.retention != RetentionPolicy::Limits, true, format!("retention {:?}", config.retention)),
        (
            by_count && config.discard == DiscardPolicy::Old,
            false,
            format!("discard old at {} messages, {} bytes", config.max_messages, config.max_bytes),
        ),
        (config.storage == StorageType::Memory, false, "storage memory: a restart of the broker loses all".to_owned()),
        (config.no_ack, false, "no_ack: nobody learns what was stored".to_owned()),
        (
            (1..PLAN_BYTES_MAX as i32).contains(&config.max_message_size),
            false,
            format!("max_msg_size {}, and plans may have {PLAN_BYTES_MAX}", config.max_message_size),
        ),
    ];
    let set = odd.into_iter().filter(|(is_odd, ..)| *is_odd);
    set.map(|(_, makes_holes, words)| OddSetting { words, makes_holes }).collect()
}

/// An error and what caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

/// The broker says that it has too few brokers for the replicas. (The client hands codes of errors on for streams, and not for buckets.)
fn lacks_peers(error: &dyn Error) -> bool {
    says_too_few(&chain(error))
}

fn says_too_few(error: &str) -> bool {
    ["no suitable peers", "insufficient resources", "replicas > 1"].iter().any(|words| error.contains(words))
}

/// The error of a stream that could not be created: mostly another one stands in its way.
async fn cannot_create(context: &Context, kind: &str, name: &str, subjects: &[String], error: String) -> LogError {
    let what = format!("{kind} {name} cannot be created: {error}");
    for subject in subjects {
        match context.stream_by_subject(subject.as_str()).await {
            Ok(other) if other != name => {
                return LogError::new(
                    format!("{kind} {name} cannot be created: stream {other} has its subjects ({subject})"),
                    format!(
                        "take them from stream {other} (nats stream edit {other}), or remove it (nats stream rm {other})"
                    ),
                );
            }
            Ok(_) | Err(_) => {}
        }
    }
    if context.get_stream(name).await.is_ok() {
        return LogError::new(
            format!("{kind} {name} cannot be created: a stream of this name exists with other settings"),
            format!("rename or remove it: nats stream rm {name}"),
        );
    }
    LogError::new(what, "start the broker with JetStream on (`nats-server -js`) and allow this user to create streams")
}

/// The names of all streams that there are.
pub(in crate::log) async fn names(context: &Context) -> Result<BTreeSet<String>, LogError> {
    context.stream_names().try_collect().await.map_err(|error| {
        let unlisted = unlisted(&error);
        // So says a cluster that has no leader yet.
        if error.to_string().contains("temporarily unavailable") {
            unlisted.passing(error.to_string())
        } else {
            unlisted
        }
    })
}

fn unlisted(error: &dyn std::fmt::Display) -> LogError {
    LogError::new(
        format!("the streams of the broker cannot be listed: {error}"),
        "start the broker with JetStream on (`nats-server -js`) and allow this user $JS.API.STREAM.NAMES",
    )
}

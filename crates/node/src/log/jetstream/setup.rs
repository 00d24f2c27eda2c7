//! The connection to a broker, and the streams and buckets that are made where they are missing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Compression, Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{Context, kv};
use futures::TryStreamExt;
use tokio::sync::watch;

use super::unreachable_stream;
use crate::clock;
use crate::log::{LogError, Stream};

/// Most bytes of facts before producers are refused.
const FLEET_BYTES_MAX: i64 = 16 << 30;

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
                    away.send_if_modified(|since| since.take().is_some());
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
    let common = Config {
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
            ..common
        },
        Stream::Position => Config {
            subjects: vec!["fleet.*.*.position.*".to_owned()],
            max_messages_per_subject: 1,
            max_age: Duration::from_secs(3600),
            ..common
        },
        Stream::Assignment => {
            Config { subjects: vec!["fleet.*.*.assignment.*".to_owned()], max_messages_per_subject: 1, ..common }
        }
        Stream::Feature => {
            Config { subjects: vec!["fleet.*.*.feature.*".to_owned()], max_messages_per_subject: 1, ..common }
        }
        Stream::Warning => Config { subjects: vec!["fleet.*.*.warning.*".to_owned()], max_age: 30 * day, ..common },
        Stream::Rejected => Config { subjects: vec!["fleet.*.*.rejected.*".to_owned()], max_age: 30 * day, ..common },
    }
}

pub(super) async fn ensure(context: &Context, stream: Stream) -> Result<(), LogError> {
    let mut wanted = config(stream);
    let first = context.get_or_create_stream(wanted.clone()).await;
    let mut handle = if let Ok(handle) = first {
        handle
    } else {
        // A small broker cannot reserve our usual bytes: take what it gives.
        wanted.max_bytes = -1;
        match context.get_or_create_stream(wanted.clone()).await {
            Ok(handle) => handle,
            Err(error) => {
                return Err(cannot_create(context, "stream", stream.name(), &wanted.subjects, error.to_string()).await);
            }
        }
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

pub(super) async fn bucket(context: &Context, name: &str, max_age: Duration) -> Result<kv::Store, LogError> {
    if let Ok(store) = context.get_key_value(name).await {
        return Ok(store);
    }
    let config = kv::Config { bucket: name.to_owned(), history: 1, max_age, ..kv::Config::default() };
    match context.create_key_value(config).await {
        Ok(store) => Ok(store),
        Err(error) => {
            let subjects = [format!("$KV.{name}.>")];
            Err(cannot_create(context, "bucket", &format!("KV_{name}"), &subjects, error.to_string()).await)
        }
    }
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
pub(super) async fn names(context: &Context) -> Result<BTreeSet<String>, LogError> {
    let failed = |error: &dyn std::fmt::Display| {
        LogError::new(
            format!("the streams of the broker cannot be listed: {error}"),
            "start the broker with JetStream on (`nats-server -js`) and allow this user $JS.API.STREAM.NAMES",
        )
    };
    context.stream_names().try_collect().await.map_err(|error| failed(&error))
}

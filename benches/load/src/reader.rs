//! Reads entries of the stream `FLEET` in order, through restarts of the broker.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, Context};
use fleetfold_journal::Address;
use fleetfold_journal::address::parse;
use fleetfold_model::Event;
use fleetfold_wire::{What, decode};
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::Failure;
use crate::measure::Plan;

/// A pull that is silent for two of these is opened anew.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Zone-wide factors of travel time are used by the engine from this many drives and seconds of driving on.
const LEARNED: (u32, u32) = (10, 900);

/// What stands in an entry.
pub(crate) enum Kind {
    Fact {
        /// Its type as in its subject: `order_created`.
        kind: String,
    },
    Plan {
        plan: Plan,
        bytes: usize,
    },
    /// The engine has learned travel times that it uses from now on.
    Learned,
}

/// An entry of the log.
pub(crate) struct Entry {
    pub(crate) seq: u64,
    /// Log time, milliseconds.
    pub(crate) at: i64,
    /// The zone's name, without its tenant.
    pub(crate) zone: String,
    /// Its message id; empty where it has none.
    pub(crate) id: String,
    pub(crate) what: Kind,
}

/// Starts to read what stands on these subjects, from the first entry on.
pub(crate) fn start(context: Context, filter: String) -> mpsc::Receiver<Entry> {
    let (sender, receiver) = mpsc::channel(4096);
    tokio::spawn(async move {
        let mut passed = 0;
        while !sender.is_closed() {
            let _ = read(&context, &filter, &mut passed, &sender).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    receiver
}

async fn read(context: &Context, filter: &str, passed: &mut u64, sender: &mpsc::Sender<Entry>) -> Result<(), Failure> {
    let stream = context.get_stream_no_info("FLEET").await?;
    let config = pull::Config {
        filter_subject: filter.to_owned(),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: *passed + 1 },
        ack_policy: AckPolicy::None,
        memory_storage: true,
        inactive_threshold: Duration::from_secs(30),
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let pulled = consumer.stream().max_messages_per_batch(1000).heartbeat(HEARTBEAT).expires(HEARTBEAT * 10);
    let mut messages = pulled.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        let info = message.info()?;
        let (seq, at) = (info.stream_sequence, (info.published.unix_timestamp_nanos() / 1_000_000) as i64);
        if seq <= *passed {
            break;
        }
        *passed = seq;
        let what = entry(&message);
        let zone = message.subject.split('.').nth(2).unwrap_or_default().to_owned();
        let id = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id"));
        let id = id.map_or(String::new(), ToString::to_string);
        if sender.send(Entry { seq, at, zone, id, what }).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn entry(message: &jetstream::Message) -> Kind {
    let bytes = &message.payload;
    match parse(&message.subject) {
        Some((_, Address::Plan)) => {
            Kind::Plan { plan: Plan::from_message(bytes).unwrap_or_default(), bytes: bytes.len() }
        }
        Some((_, Address::Event { kind, .. })) if kind == "features_learned" => {
            let learned = decode(bytes).is_ok_and(|decoded| match decoded.what {
                What::Event(Event::FeaturesLearned(features)) => features
                    .speeds
                    .iter()
                    .any(|speed| speed.key.cell.is_none() && speed.count >= LEARNED.0 && speed.weight >= LEARNED.1),
                What::Event(_) | What::Position(..) => false,
            });
            if learned { Kind::Learned } else { Kind::Fact { kind } }
        }
        Some((_, Address::Event { kind, .. })) => Kind::Fact { kind },
        Some(_) | None => Kind::Fact { kind: String::new() },
    }
}

//! The generator's connection to the broker: facts go out, and entries of the log and assignments come in.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, Message as Received, Subscriber};
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use crate::Failure;
use crate::outbox::Outbox;
use crate::reader::{self, Entry};

/// How long a turn sleeps at most.
const TURN: Duration = Duration::from_millis(2);
/// Messages of a kind that are taken in one turn.
const MESSAGES: usize = 2_000;

/// What has come.
pub(crate) enum News {
    Entry(Entry),
    /// An assignment.
    Told(Received),
}

/// Facts out, news in.
pub(crate) struct Link {
    pub(crate) outbox: Outbox,
    acks: Subscriber,
    assignments: Subscriber,
    entries: mpsc::Receiver<Entry>,
}

impl Link {
    /// Reads the entries on these subjects of `FLEET` from the first on, and the assignments of now on.
    pub(crate) async fn new(client: Client, entries: String, assignments: String) -> Result<Self, Failure> {
        let assignments = client.subscribe(assignments).await?;
        let (outbox, acks) = Outbox::new(client.clone()).await?;
        let entries = reader::start(jetstream::new(client), entries);
        Ok(Self { outbox, acks, assignments, entries })
    }

    /// Takes what has come, or sleeps for a moment. Facts that wait for long are sent again.
    pub(crate) async fn turn(&mut self) -> Result<Vec<News>, Failure> {
        let mut news = Vec::new();
        tokio::select! {
            entry = self.entries.recv() => news.push(News::Entry(entry.ok_or("the reader has ended")?)),
            ack = self.acks.next() => self.outbox.acknowledged(&ack.ok_or("the connection has ended")?),
            told = self.assignments.next() => news.push(News::Told(told.ok_or("the connection has ended")?)),
            () = tokio::time::sleep(TURN) => {}
        }
        for _ in 0..MESSAGES {
            let Ok(entry) = self.entries.try_recv() else { break };
            news.push(News::Entry(entry));
        }
        for _ in 0..MESSAGES {
            let Some(Some(ack)) = self.acks.next().now_or_never() else { break };
            self.outbox.acknowledged(&ack);
        }
        for _ in 0..MESSAGES {
            let Some(Some(told)) = self.assignments.next().now_or_never() else { break };
            news.push(News::Told(told));
        }
        self.outbox.repeat().await?;
        Ok(news)
    }
}

/// A client that comes back soon after a broker went, with room for everything that a burst brings.
pub(crate) async fn connect(servers: &str) -> Result<Client, Failure> {
    let servers = servers.split(',').map(str::parse).collect::<Result<Vec<async_nats::ServerAddr>, _>>()?;
    let options = async_nats::ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(20))
        .client_capacity(65_536)
        .subscription_capacity(262_144);
    Ok(options.connect(&servers[..]).await?)
}

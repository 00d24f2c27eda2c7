//! Publishes facts with many in flight, and again with the same id until the broker has stored them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, HeaderMap, Message as Received, Subscriber};

use crate::Failure;
use crate::rig::now;
use crate::world::Message;

/// A fact that was not acknowledged within this time is sent again.
const AGAIN: Duration = Duration::from_secs(1);

struct Pending {
    message: Message,
    sent: Instant,
}

/// Facts on their way to the log.
pub(crate) struct Outbox {
    client: Client,
    inbox: String,
    next: u64,
    pending: BTreeMap<u64, Pending>,
    /// Facts that were sent more than once.
    pub(crate) repeats: u64,
}

impl Outbox {
    /// The outbox, and the subscription on which acknowledgements come: hand them to [`Outbox::acknowledged`].
    pub(crate) async fn new(client: Client) -> Result<(Self, Subscriber), Failure> {
        let inbox = client.new_inbox();
        let acks = client.subscribe(format!("{inbox}.*")).await?;
        Ok((Self { client, inbox, next: 0, pending: BTreeMap::new(), repeats: 0 }, acks))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Facts that are not acknowledged yet.
    pub(crate) fn len(&self) -> u64 {
        self.pending.len() as u64
    }

    /// Sends a fact; it stays here until it is acknowledged.
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), Failure> {
        self.next += 1;
        self.pending.insert(self.next, Pending { message, sent: now() });
        self.publish(self.next).await
    }

    /// Sends a message that may be lost (a position).
    pub(crate) async fn send_once(&mut self, message: Message) -> Result<(), Failure> {
        if self.connected() {
            self.client.publish(message.subject, message.body).await?;
        }
        Ok(())
    }

    /// An acknowledgement came; one that says an error leaves the fact here.
    pub(crate) fn acknowledged(&mut self, ack: &Received) {
        let number = ack.subject.rsplit('.').next().and_then(|number| number.parse().ok());
        let stored = serde_json::from_slice::<serde_json::Value>(&ack.payload).is_ok_and(|ack| ack["seq"].is_u64());
        if let (Some(number), true) = (number, stored) {
            self.pending.remove(&number);
        }
    }

    /// Sends again what has waited for long.
    pub(crate) async fn repeat(&mut self) -> Result<(), Failure> {
        let late = |pending: &Pending| now() - pending.sent > AGAIN;
        if !self.connected() || !self.pending.first_key_value().is_some_and(|(_, first)| late(first)) {
            return Ok(());
        }
        let numbers: Vec<u64> =
            self.pending.iter().filter(|(_, pending)| late(pending)).map(|(number, _)| *number).collect();
        for number in numbers {
            self.repeats += 1;
            self.publish(number).await?;
        }
        Ok(())
    }

    async fn publish(&mut self, number: u64) -> Result<(), Failure> {
        let connected = self.connected();
        let Some(pending) = self.pending.get_mut(&number) else { return Ok(()) };
        pending.sent = now();
        // The client would keep what it cannot send, and the run would wait for it when its buffer is full.
        if connected {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", pending.message.id.as_str());
            let (subject, body) = (pending.message.subject.clone(), pending.message.body.clone());
            let reply = format!("{}.{number}", self.inbox);
            self.client.publish_with_reply_and_headers(subject, reply, headers, body).await?;
        }
        Ok(())
    }

    fn connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }
}

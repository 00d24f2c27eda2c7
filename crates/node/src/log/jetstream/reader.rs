//! The ordered reader of a stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use fleetfold_journal::{Completeness, still_the_same};
use futures::StreamExt;
use tokio::sync::{mpsc, watch};

use super::{stored_message, structured_bytes, timestamp, unreachable_stream};
use crate::clock;
use crate::log::{LogError, Message, Read};
use crate::trouble::Trouble;

/// Between attempts to read from a broker that is connected and does not serve the stream, for instance while it starts.
const AGAIN: Duration = Duration::from_millis(100);
/// Heartbeats of a reader: a pull that is silent for two of them is opened anew.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A pull of a reader is renewed this often.
const PULL: Duration = Duration::from_secs(10);
/// A reader that nothing comes to for so many of [`TICK`] asks whether something should.
const SILENT: u32 = 5;
const TICK: Duration = Duration::from_secs(1);
/// A reader that nothing comes to looks this often how far the stream has come without it, or whenever it asks ([`SILENT`]) where a
/// stream forgets within five minutes.
const NOTHING_CAME: Duration = Duration::from_secs(60);
const FORGETFUL: Duration = Duration::from_secs(300);
/// A reader that has not looked since it fell behind for a moment does so when nothing has come for this long.
const SETTLED: Duration = Duration::from_millis(50);
/// Messages asked for in one pull.
const BATCH: usize = 500;

/// Reads a stream in order through every reconnect, and notices when it is not the same stream any more.
///
/// Our own and not the client's ordered consumer, for two reasons: that one has a heartbeat of 15 s and no way to change it,
/// and it takes a stream that went back for one that has nothing new.
pub(super) struct OrderedReader {
    pub(super) context: Context,
    /// The stream's name at the broker.
    pub(super) stream: String,
    /// Only last values stand in it: what was lost is reported anew.
    pub(super) is_hint: bool,
    pub(super) filter: String,
    /// Every message of ours up to this sequence has been handed on.
    pub(super) passed: u64,
    /// The last message handed on: its sequence and its bytes. They are hashed only when the stream is looked at again.
    pub(super) last_read: Option<(u64, Bytes)>,
    /// Whether every message of ours was read.
    pub(super) completeness: Completeness,
    /// When the stream was created, nanoseconds, as first seen.
    pub(super) created: Option<i128>,
    /// Since when the broker is away.
    pub(super) away: watch::Receiver<Option<Instant>>,
    /// Where it is told that the stream cannot be read.
    pub(super) unread: Option<Arc<Trouble>>,
    pub(super) sender: mpsc::Sender<Read>,
}

/// A consumer of ours, and what comes from it.
pub(super) struct Open {
    consumer: Consumer<pull::Config>,
    messages: pull::Stream,
}

/// How a pull ended.
enum Ended {
    /// Nobody reads any more, or nothing follows.
    Over,
    /// It must be opened anew.
    Broken,
}

impl OrderedReader {
    pub(super) async fn open(&mut self) -> Result<Open, LogError> {
        let failed = |error: &dyn std::fmt::Display| unreachable_stream(&self.stream, error);
        let stream = self.context.get_stream_no_info(&self.stream).await.map_err(|error| failed(&error))?;
        let config = pull::Config {
            filter_subject: self.filter.clone(),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.passed + 1 },
            replay_policy: ReplayPolicy::Instant,
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: Duration::from_secs(30),
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| failed(&error))?;
        let messages = consumer.stream().max_messages_per_batch(BATCH).expires(PULL).heartbeat(HEARTBEAT).messages();
        let messages = messages.await.map_err(|error| failed(&error))?;
        Ok(Open { consumer, messages })
    }

    pub(super) async fn run(mut self, first: Open) {
        Box::pin(self.read_on(first)).await;
        self.tell(Ok(()));
    }

    fn tell(&self, read: Result<(), LogError>) {
        match (&self.unread, read) {
            (Some(unread), Ok(())) => unread.over(),
            (Some(unread), Err(error)) => unread.met(error.what),
            (None, _) => {}
        }
    }

    async fn read_on(&mut self, first: Open) {
        let mut messages = Some(first);
        loop {
            // While the broker is away nothing is asked: an answer could never come.
            tokio::select! {
                back = self.away.wait_for(Option::is_none) => if back.is_err() { return },
                () = self.sender.closed() => return,
            }
            // Before anything is read on: is it still the same stream?
            let mut away = self.away.clone();
            let checked = tokio::select! {
                checked = self.check() => checked,
                _ = away.changed() => continue,
            };
            match checked {
                Ok(Ok(())) => {}
                // Hints: what was lost is reported anew, and is read from its beginning.
                Ok(Err(what)) if self.is_hint => {
                    tracing::warn!(stream = self.stream, ?what, "read from its beginning");
                    (self.passed, self.last_read, self.created) = (0, None, None);
                    messages = None;
                    continue;
                }
                Ok(Err(doubt)) => {
                    if !self.goes_on_after(doubt).await {
                        return;
                    }
                }
                Err(error) => {
                    self.tell(Err(error));
                    messages = None;
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            }
            let open = if let Some(open) = messages.take() {
                Ok(open)
            } else {
                let mut away = self.away.clone();
                tokio::select! {
                    open = self.open() => open,
                    _ = away.changed() => continue,
                }
            };
            match open {
                Ok(open) => {
                    self.tell(Ok(()));
                    self.completeness.begins(open.consumer.cached_info().num_pending, clock::running());
                    let ended = self.drain(open).await;
                    self.completeness.ticked(clock::running());
                    match ended {
                        Ended::Over => return,
                        Ended::Broken => tokio::time::sleep(AGAIN / 2).await,
                    }
                }
                Err(error) => {
                    self.tell(Err(error));
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Hands on what comes until the pull breaks or a message is missing.
    async fn drain(&mut self, Open { consumer, mut messages }: Open) -> Ended {
        let (mut delivered, mut silent) = (0, 0);
        let mut away = self.away.clone();
        loop {
            self.completeness.ticked(clock::running());
            let next = tokio::select! {
                next = messages.next() => next,
                () = tokio::time::sleep(SETTLED), if self.completeness.owes_a_look() => match Box::pin(self.look(self.passed)).await {
                    Ok(came) => {
                        self.completeness.has_all(clock::running());
                        if let Err(doubt) = came && !self.goes_on_after(doubt).await {
                            return Ended::Over;
                        }
                        continue;
                    }
                    Err(_) => return Ended::Broken,
                },
                () = tokio::time::sleep(TICK), if silent + 1 < SILENT => {
                    silent += 1;
                    continue;
                }
                // Somebody may have paused the consumer: heartbeats still come then, and no message.
                () = tokio::time::sleep(TICK) => match consumer.get_info().await {
                    Ok(info) if info.num_pending > 0 || info.paused => {
                        tracing::warn!(stream = self.stream, pending = info.num_pending, paused = info.paused, "nothing comes: it is read anew");
                        return Ended::Broken;
                    }
                    Ok(_) => match self.nothing_came(&consumer).await {
                        Ok(came) => {
                            silent = 0;
                            if let Err(doubt) = came && !self.goes_on_after(doubt).await {
                                return Ended::Over;
                            }
                            continue;
                        }
                        Err(_) => return Ended::Broken,
                    },
                    Err(_) => {
                        silent = 0;
                        continue;
                    }
                },
                // The connection broke. The pull may never be answered again, and to wait for two heartbeats costs two seconds.
                _ = away.changed() => return Ended::Broken,
                () = self.sender.closed() => return Ended::Over,
            };
            // A missed heartbeat, a consumer that is gone, a connection that broke: open anew.
            let Some(Ok(message)) = next else { return Ended::Broken };
            silent = 0;
            let Ok(info) = message.info() else { return Ended::Broken };
            if info.consumer_sequence != delivered + 1 {
                return Ended::Broken; // one was lost on the way
            }
            delivered += 1;
            let (seq, at) = (info.stream_sequence, timestamp(info.published.unix_timestamp_nanos()));
            if seq <= self.passed {
                return Ended::Broken; // it jumped backwards
            }
            let pending = info.pending;
            if !self.is_hint && self.completeness.came(seq, pending, clock::running()) {
                match self.look(seq).await {
                    Ok(Ok(())) => {}
                    Ok(Err(doubt)) => {
                        if !self.goes_on_after(doubt).await {
                            return Ended::Over;
                        }
                    }
                    Err(_) => return Ended::Broken,
                }
            }
            let bytes = structured_bytes(message.headers.as_ref(), &message.payload);
            self.passed = seq;
            self.last_read = Some((seq, bytes.clone()));
            let message = message.message;
            // What is rejected is told with its headers: they are kept as they came.
            let published = (!self.is_hint).then(|| Box::new((message.headers.unwrap_or_default(), message.payload)));
            let message = Message { seq, at, subject: message.subject.to_string(), bytes, published };
            if self.sender.send(Read::Message(message)).await.is_err() {
                return Ended::Over;
            }
        }
    }

    /// Hands on that messages may be missing, or that the log is another one. False: nothing follows that.
    async fn goes_on_after(&self, doubt: Read) -> bool {
        let goes_on = matches!(doubt, Read::Unsure(_));
        self.sender.send(doubt).await.is_ok() && goes_on
    }

    /// Looks at what the stream holds, after everything of ours up to `passed` has come. The outer error: nobody answers.
    async fn look(&mut self, passed: u64) -> Result<Result<(), Read>, LogError> {
        let failed = |error: &dyn std::fmt::Display| unreachable_stream(&self.stream, error);
        let stream = self.context.get_stream(&self.stream).await.map_err(|error| failed(&error))?;
        let info = stream.cached_info();
        self.completeness.set_keeps(info.config.max_age);
        let holds = self.completeness.holds(info.state.first_sequence, passed, clock::running());
        self.completeness.is_awake(clock::running());
        Ok(holds.map_err(Read::from))
    }

    /// Nothing came for a while, and nothing waits for us: the reader has everything there is, unless it has slept.
    async fn nothing_came(&mut self, consumer: &Consumer<pull::Config>) -> Result<Result<(), Read>, LogError> {
        if self.is_hint {
            return Ok(Ok(()));
        }
        if self.completeness.has_slept(clock::running()) {
            return self.look(self.passed).await;
        }
        self.completeness.has_all(clock::running());
        let keeps = self.completeness.keeps();
        let forgetful = keeps > Duration::ZERO && keeps < FORGETFUL;
        if !forgetful && self.completeness.looked_ago(clock::running()) < NOTHING_CAME {
            return Ok(Ok(()));
        }
        let failed = |error: &dyn std::fmt::Display| unreachable_stream(&self.stream, error);
        let stream = self.context.get_stream(&self.stream).await.map_err(|error| failed(&error))?;
        self.completeness.looked_at_the_end(clock::running());
        // Asked for after the end of the stream: if still nothing waits, nothing of ours stands before that end.
        let info = consumer.get_info().await.map_err(|error| failed(&error))?;
        if info.num_pending == 0 && info.delivered.stream_sequence <= self.passed {
            self.completeness.has_all_to(stream.cached_info().state.last_sequence);
        }
        Ok(Ok(()))
    }

    /// Is the stream still the one whose messages were read? The outer error: nobody answers.
    async fn check(&mut self) -> Result<Result<(), Read>, LogError> {
        let failed = |error: &dyn std::fmt::Display| unreachable_stream(&self.stream, error);
        let mut stream = self.context.get_stream(&self.stream).await.map_err(|error| failed(&error))?;
        let info = stream.info().await.map_err(|error| failed(&error))?;
        let created = info.created.unix_timestamp_nanos();
        let (first, last, keeps) = (info.state.first_sequence, info.state.last_sequence, info.config.max_age);
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
                    Err(error) => return Err(unreachable_stream(&self.stream, &error)),
                }
            };
            read = Some((*blake3::hash(bytes).as_bytes(), stands));
        }
        // Where nothing was read yet, what the reader begins behind was in the log once.
        let passed = self.last_read.as_ref().map_or(self.passed, |(seq, _)| *seq);
        if let Err(what) = still_the_same(passed, last, (known as i64, created as i64), read) {
            return Ok(Err(Read::Regressed(what)));
        }
        self.completeness.reconnected();
        self.completeness.set_keeps(keeps);
        if self.is_hint {
            return Ok(Ok(()));
        }
        Ok(self.completeness.holds(first, self.passed, clock::running()).map_err(Read::from))
    }
}

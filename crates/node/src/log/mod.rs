//! The log: append with an id and an expected sequence, ordered read from a sequence, last value per subject, and a lease.
//!
//! Two back ends behind one closed enum: JetStream, and an embedded local file for when there is only Rust. Both pass
//! the same conformance suite (`conformance.rs`). How they are addressed is the business of `fleetfold_journal`.

pub(crate) mod access;
#[cfg(test)]
mod conformance;
mod embedded;
mod held;
mod jetstream;
pub(crate) mod keys;
mod open;
pub(crate) mod rights;
mod server;
#[cfg(test)]
mod simulated;
mod spawn;
mod storage;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use fleetfold_journal::{Missing, OwnMessage, Raw};
use fleetfold_model::{LogSeq, Person, Timestamp};
use tokio::sync::mpsc;

use crate::trace::Trace;

pub(crate) use embedded::Embedded;
pub(crate) use fleetfold_journal::ZoneName;
pub(crate) use jetstream::{JetStream, Nodes, Written};
use keys::Kept;
pub(crate) use open::{LogChoice, Opened, Purpose, open, open_with};
pub(crate) use server::Server;
pub(crate) use spawn::Broker;
pub(crate) use storage::{Layout, Placement, REPLICAS, Storage};

/// The streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    /// Facts and our decisions: the one order there is.
    Fleet,
    /// Last position per vehicle.
    Position,
    /// Last assignment per vehicle.
    Assignment,
    /// Last value of everything learned.
    Feature,
    /// What could not be decoded, and what made no sense.
    Rejected,
    /// What was taken, but looks like a mistake.
    Warning,
    /// Last state of each alert.
    Alert,
    /// Last time of arrival told to the customer of each order.
    Eta,
}

/// Entries that were removed from between those that a stream holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// How many.
    pub count: u64,
    /// Which; empty where there are too many to be told.
    pub seqs: BTreeSet<u64>,
}

impl Stream {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Fleet,
        Self::Position,
        Self::Assignment,
        Self::Feature,
        Self::Rejected,
        Self::Warning,
        Self::Alert,
        Self::Eta,
    ];

    /// Its name at the broker.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fleet => "FLEET",
            Self::Position => "POSITION",
            Self::Assignment => "ASSIGNMENT",
            Self::Feature => "FEATURE",
            Self::Rejected => "REJECTED",
            Self::Warning => "WARNING",
            Self::Alert => "ALERT",
            Self::Eta => "ETA",
        }
    }

    /// Only the last value of each subject is kept.
    pub(crate) fn last_value(self) -> bool {
        matches!(self, Self::Position | Self::Assignment | Self::Feature | Self::Alert | Self::Eta)
    }
}

/// One stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its sequence in the stream.
    pub seq: u64,
    /// When the stream took it.
    pub at: Timestamp,
    /// Its subject.
    pub subject: String,
    /// Its bytes; of a CloudEvent in binary mode those of the structured one.
    pub bytes: Bytes,
    /// Headers and body as they were published, where whoever has read it has them.
    pub published: Option<Box<Published>>,
}

/// Headers and body of a message at a broker.
pub(crate) type Published = (async_nats::HeaderMap, Bytes);

impl Message {
    /// The message as it was published, where that is known.
    pub(crate) fn original(&self) -> Option<Original> {
        self.published.as_deref().map(|(headers, bytes)| Original::new(headers, bytes.clone()))
    }

    /// The message as the journal reads it.
    pub(crate) fn raw(&self) -> Raw<'_> {
        Raw { seq: LogSeq(self.seq), at: self.at, subject: &self.subject, bytes: &self.bytes }
    }
}

/// A message as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Original {
    /// Its headers, in their order. The embedded file keeps none.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub bytes: Bytes,
}

impl Original {
    fn new(headers: &async_nats::HeaderMap, bytes: Bytes) -> Self {
        let of = |(name, values): (&async_nats::HeaderName, &Vec<async_nats::HeaderValue>)| -> Vec<(String, String)> {
            values.iter().map(|value| (name.to_string(), value.as_str().to_owned())).collect()
        };
        Self { headers: headers.iter().flat_map(of).collect(), bytes }
    }
}

/// Something that a stream of facts is set to, by which facts get lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OddSetting {
    /// The setting, in words.
    pub words: String,
    /// It removes facts from the middle of the log: no engine could begin again there.
    pub makes_holes: bool,
}

/// What a reader meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The next message.
    Message(Message),
    /// The log is not the one any more whose messages were read before: it went back, or was replaced. Nothing follows.
    Regressed(String),
    /// Messages may have expired before this reader had them: it came too late, or was too slow. Nothing follows.
    Gap(String),
    /// The reader was away, and meanwhile the stream dropped messages that it cannot have seen: perhaps only others' messages. It
    /// has had all of its own before. What follows is to be taken only where nothing shows that the zone lacks any.
    Unsure(String),
}

impl From<Missing> for Read {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Gap(what) => Self::Gap(what),
            Missing::Unsure(what) => Self::Unsure(what),
        }
    }
}

/// Messages of a stream in order, for as long as somebody reads.
pub(crate) struct Reader(mpsc::Receiver<Read>);

impl Reader {
    /// What comes next; `None`: the log is closed.
    pub(crate) async fn next(&mut self) -> Option<Read> {
        self.0.recv().await
    }

    /// What has come already; `None`: nothing has.
    pub(crate) fn come(&mut self) -> Option<Read> {
        self.0.try_recv().ok()
    }

    /// The next message; `None`: the log is closed, or is not the one any more that was read before.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        match self.0.recv().await {
            Some(Read::Message(message)) => Some(message),
            Some(Read::Regressed(what)) => {
                tracing::error!(what, "LOG_REGRESSED");
                None
            }
            Some(Read::Gap(what) | Read::Unsure(what)) => {
                tracing::error!(what, "LOG_GAP");
                None
            }
            None => None,
        }
    }
}

/// A stored append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its sequence.
    pub seq: u64,
    /// The id was there before; nothing was stored now.
    pub duplicate: bool,
}

/// Why an append was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AppendError {
    /// The last message of the subject stands elsewhere.
    #[error("the last message of the subject is not where it was expected")]
    WrongSequence,
    /// The log cannot be reached and nothing was sent: it was not stored.
    #[error("it was not stored: {0}")]
    NotSent(String),
    /// Timeout, disconnect, no leader: it may or may not have been stored.
    #[error("nobody knows whether it was stored: {0}")]
    Unknown(String),
    /// The log refuses: full, not permitted.
    #[error("the log refuses it: {0}")]
    Refused(String),
    /// The log takes no message so large.
    #[error("the log takes no message so large: {0}")]
    TooLarge(String),
}

/// Why the log cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  try: {hint}")]
pub(crate) struct LogError {
    /// What is wrong.
    pub what: String,
    /// What mends it.
    pub hint: String,
    /// It is over when the broker is there, so whoever has time may wait. Why, in words that may be told to anybody; `None`: nothing
    /// gets better by waiting.
    pub passing: Option<String>,
}

impl LogError {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), passing: None }
    }

    /// The same, which is over when the broker is there.
    pub(crate) fn passing(self, why: impl Into<String>) -> Self {
        Self { passing: Some(why.into()), ..self }
    }
}

/// What a list of skipped entries looks like from outside. It stays the same while entries are added to the list only, and
/// changes when one is removed or the list is made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SkipMark {
    /// When the list was made, nanoseconds.
    created: i128,
    /// Changes of it that were no additions.
    changed: u64,
}

/// The log.
#[derive(Clone)]
pub(crate) enum Log {
    /// NATS JetStream.
    JetStream(Arc<JetStream>),
    /// A local file.
    Embedded(Arc<Embedded>),
    /// The simulator's, in tests only: it must not drift from the other two.
    #[cfg(test)]
    Simulated(Arc<simulated::Simulated>),
}

/// A held lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The epoch: grows with every acquisition.
    pub epoch: u64,
    revision: u64,
}

/// What is known of a zone's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leased {
    /// Nobody holds it.
    Nobody,
    /// Somebody does, and has not renewed it for so long, as far as we have looked.
    Unrenewed(std::time::Duration),
    /// The log did not say.
    Unknown,
}

impl Log {
    /// Appends a message. `id` makes repeats harmless; `expected` is where the last message of the subject must stand (0: there is none).
    ///
    /// # Errors
    ///
    /// See [`AppendError`].
    pub(crate) async fn append(
        &self,
        stream: Stream,
        subject: String,
        id: String,
        bytes: Bytes,
        expected: Option<u64>,
    ) -> Result<Stored, AppendError> {
        match self {
            Self::JetStream(log) => log.append(stream, subject, id, bytes, expected, None).await,
            Self::Embedded(log) => log.append(stream, subject, id, bytes, expected).await,
            #[cfg(test)]
            Self::Simulated(log) => log.append(stream, &subject, &id, &bytes, expected),
        }
    }

    /// Appends with a header that says of which trace it is. The embedded file keeps no headers. `message`: subject, id and bytes.
    ///
    /// # Errors
    ///
    /// See [`AppendError`].
    pub(crate) async fn append_traced(
        &self,
        stream: Stream,
        (subject, id, bytes): (String, String, Bytes),
        expected: Option<u64>,
        trace: Option<Trace>,
    ) -> Result<Stored, AppendError> {
        match (self, trace) {
            (Self::JetStream(log), Some(_)) => log.append(stream, subject, id, bytes, expected, trace).await,
            _ => self.append(stream, subject, id, bytes, expected).await,
        }
    }

    /// Appends a fact of the engine's own to the log of a zone under its message id, so that a repeat is kept out. An id that somebody has
    /// used for another message keeps nothing out: then it is appended without one. What it says twice counts once.
    ///
    /// # Errors
    ///
    /// See [`AppendError`].
    pub(crate) async fn append_own(&self, zone: &ZoneName, message: &OwnMessage) -> Result<Stored, AppendError> {
        let bytes = Bytes::copy_from_slice(&message.bytes);
        let append = |id: &str| self.append(Stream::Fleet, message.subject.clone(), id.to_owned(), bytes.clone(), None);
        let stored = append(&message.id).await?;
        if !stored.duplicate {
            return Ok(stored);
        }
        let found = self.get(Stream::Fleet, zone, stored.seq).await;
        let found = found.map_err(|error| AppendError::Unknown(error.what))?;
        if found.is_none_or(|found| found.subject == message.subject) { Ok(stored) } else { append("").await }
    }

    /// Reads a stream's messages for a zone in order, those above the sequence `after`, for ever. Bounded: a slow reader
    /// slows the feed.
    ///
    /// # Errors
    ///
    /// When the stream cannot be read.
    pub(crate) async fn read(&self, stream: Stream, zone: &ZoneName, after: u64) -> Result<Reader, LogError> {
        match self {
            Self::JetStream(log) => log.read(stream, zone, after).await.map(Reader),
            Self::Embedded(log) => Ok(Reader(log.read(stream, zone, after))),
            #[cfg(test)]
            Self::Simulated(log) => Ok(Reader(log.read(stream, zone, after))),
        }
    }

    /// The last message of a subject.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn last(&self, stream: Stream, subject: &str) -> Result<Option<Message>, LogError> {
        match self {
            Self::JetStream(log) => log.last(stream, subject).await,
            Self::Embedded(log) => log.last(stream, subject),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.last(stream, subject)),
        }
    }

    /// First and last sequence of the stream in which a zone's messages stand, beside those of others (first > last: empty).
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn bounds(&self, stream: Stream, zone: &ZoneName) -> Result<(u64, u64), LogError> {
        match self {
            Self::JetStream(log) => log.bounds(stream, zone).await,
            Self::Embedded(log) => log.bounds(stream),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.bounds(stream)),
        }
    }

    /// Which entries of the stream of facts above `after` were removed by somebody, of any zone: a log loses only its oldest ones by
    /// itself.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn removed(&self, zone: &ZoneName, after: u64) -> Result<Removed, LogError> {
        match self {
            Self::JetStream(log) => log.removed(zone, after).await,
            // Nothing else writes to the file, and whoever did would damage it.
            Self::Embedded(_) => Ok(Removed::default()),
            #[cfg(test)]
            Self::Simulated(_) => Ok(Removed::default()),
        }
    }

    /// What the stream of a zone's facts is set to that removes facts before their time, each in words.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn odd_settings(&self, zone: &ZoneName) -> Result<Vec<OddSetting>, LogError> {
        match self {
            Self::JetStream(log) => log.odd_settings(zone).await,
            Self::Embedded(_) => Ok(Vec::new()),
            #[cfg(test)]
            Self::Simulated(_) => Ok(Vec::new()),
        }
    }

    /// How full the stream of a zone's facts is, in per cent of what it may hold. `None`: it has no bound.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn percent_full(&self, zone: &ZoneName) -> Result<Option<u64>, LogError> {
        match self {
            Self::JetStream(log) => log.percent_full(zone).await,
            Self::Embedded(_) => Ok(None),
            #[cfg(test)]
            Self::Simulated(_) => Ok(None),
        }
    }

    /// The stream of a zone's facts is so full. One that took nothing and has room again is no trouble any more where nobody has tried it
    /// since: nobody tries whom `/readyz` keeps away.
    pub(crate) fn is_full_by(&self, zone: &ZoneName, percent: u64) {
        match self {
            Self::JetStream(log) => log.is_full_by(zone, percent),
            Self::Embedded(_) => {}
            #[cfg(test)]
            Self::Simulated(_) => {}
        }
    }

    /// First and last sequence of a zone's own messages in a stream; `None`: it has none there.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn zone_bounds(&self, stream: Stream, zone: &ZoneName) -> Result<Option<(u64, u64)>, LogError> {
        let (first, last) = match self {
            Self::JetStream(log) => return log.zone_bounds(stream, zone).await,
            Self::Embedded(log) => log.zone_bounds(stream, zone)?,
            #[cfg(test)]
            Self::Simulated(log) => log.zone_bounds(stream, zone),
        };
        Ok((first <= last).then_some((first, last)))
    }

    /// Each zone has a stream of facts of its own.
    pub(crate) fn is_alone(&self) -> bool {
        match self {
            Self::JetStream(log) => log.layout() == Layout::PerZone,
            Self::Embedded(_) => false,
            #[cfg(test)]
            Self::Simulated(_) => false,
        }
    }

    /// The first message of a subject from a sequence on that a stream still holds.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn first(&self, stream: Stream, subject: &str, from: u64) -> Result<Option<Message>, LogError> {
        match self {
            Self::JetStream(log) => log.first(stream, subject, from).await,
            Self::Embedded(log) => log.first(stream, subject, from),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.first(stream, subject, from)),
        }
    }

    /// The message at a sequence of the stream in which a zone's messages stand, whosever it is; `None`: it is not held any more.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn get(&self, stream: Stream, zone: &ZoneName, seq: u64) -> Result<Option<Message>, LogError> {
        match self {
            Self::JetStream(log) => log.get(stream, zone, seq).await,
            Self::Embedded(log) => log.get(stream, seq),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.get(stream, seq)),
        }
    }

    /// What time it is by the log, which stamps a zone's facts. `None`: it does not say, or it is this machine's own time.
    pub(crate) async fn time(&self, zone: &ZoneName) -> Option<Timestamp> {
        match self {
            Self::JetStream(log) => log.time(zone).await,
            Self::Embedded(_) => None,
            #[cfg(test)]
            Self::Simulated(_) => None,
        }
    }

    /// A fact of a zone's stream as it was published, whosever it is; `None`: it is not held any more.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn original(&self, zone: &ZoneName, seq: u64) -> Result<Option<Original>, LogError> {
        let whole = |message: Message| Original { headers: Vec::new(), bytes: message.bytes };
        match self {
            Self::JetStream(log) => log.original(zone, seq).await,
            Self::Embedded(log) => Ok(log.get(Stream::Fleet, seq)?.map(whole)),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.get(Stream::Fleet, seq).map(whole)),
        }
    }

    /// No owner of the zone has, or had, a higher epoch than this.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn epoch_max(&self, zone: &ZoneName) -> Result<u64, LogError> {
        match self {
            Self::JetStream(log) => log.epoch_max(zone).await,
            Self::Embedded(log) => log.epoch_max(zone),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.epoch_max()),
        }
    }

    /// When the record of owners was begun: what was logged before cannot be judged by it.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn owners_since(&self) -> Result<Timestamp, LogError> {
        match self {
            Self::JetStream(log) => log.owners_since().await,
            Self::Embedded(_) => Ok(Timestamp(i64::MIN)), // owners and entries are in one file
            #[cfg(test)]
            Self::Simulated(_) => Ok(Timestamp(i64::MIN)),
        }
    }

    /// Whether the log can be used now; `Err`: why not, and since when. `zone`: whether that zone's part of it can be read, too.
    pub(crate) fn health(&self, zone: Option<&ZoneName>) -> Result<(), String> {
        match self {
            Self::JetStream(log) => log.health(zone),
            Self::Embedded(log) => log.health(),
            #[cfg(test)]
            Self::Simulated(_) => Ok(()),
        }
    }

    /// When the stream of a zone was created, milliseconds: another time is another stream of that name. `None`: it is missing. 0 where a stream
    /// cannot be created anew under a running program.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn created(&self, stream: Stream, zone: &ZoneName) -> Result<Option<i64>, LogError> {
        match self {
            Self::JetStream(log) => log.created(stream, zone).await,
            Self::Embedded(_) => Ok(Some(0)), // all are in one file
            #[cfg(test)]
            Self::Simulated(_) => Ok(Some(0)),
        }
    }

    /// Names of streams and buckets of a zone that were missing when the log was opened to be read, and were not made.
    pub(crate) fn missing(&self, zone: &ZoneName) -> Vec<String> {
        match self {
            Self::JetStream(log) => log.missing(zone),
            Self::Embedded(_) => Vec::new(),
            #[cfg(test)]
            Self::Simulated(_) => Vec::new(),
        }
    }

    /// Makes streams again that were deleted while an engine runs, all but the facts and the lists that their users keep whole.
    /// Returns the names of those that were made.
    ///
    /// # Errors
    ///
    /// When one is not there and cannot be made.
    pub(crate) async fn ensure_all(&self) -> Result<Vec<&'static str>, LogError> {
        match self {
            Self::JetStream(log) => log.ensure_all().await,
            Self::Embedded(_) => Ok(Vec::new()),
            #[cfg(test)]
            Self::Simulated(_) => Ok(Vec::new()),
        }
    }

    /// The name of the stream in which a zone's messages stand.
    pub(crate) fn stream_name(&self, stream: Stream, zone: &ZoneName) -> String {
        match self {
            Self::JetStream(log) => log.name(stream, zone),
            Self::Embedded(_) => stream.name().to_owned(),
            #[cfg(test)]
            Self::Simulated(_) => stream.name().to_owned(),
        }
    }

    /// Makes the stream of a zone's facts where it is missing, so that producers can write. True when it was made now.
    ///
    /// # Errors
    ///
    /// When it cannot be made; and when the zone has bases: then it had a log, whose name is left free for its backup.
    pub(crate) async fn make_zone(&self, zone: &ZoneName) -> Result<bool, LogError> {
        if self.created(Stream::Fleet, zone).await?.is_some() {
            return Ok(false);
        }
        if !self.list_objects(&format!("{}.", zone.key())).await?.is_empty() {
            let name = self.stream_name(Stream::Fleet, zone);
            return Err(LogError::new(
                format!("stream {name} is missing, but there are bases of {zone}: its log was deleted"),
                format!(
                    "restore {name} from its backup; or, to begin anew, remove the objects {}.* of the object store BASES",
                    zone.key()
                ),
            ));
        }
        self.ensure(Stream::Fleet, zone).await?;
        Ok(true)
    }

    /// Makes the stream of a zone where it is missing.
    ///
    /// # Errors
    ///
    /// When it is not there and cannot be made.
    pub(crate) async fn ensure(&self, stream: Stream, zone: &ZoneName) -> Result<(), LogError> {
        match self {
            Self::JetStream(log) => log.ensure(stream, zone).await,
            Self::Embedded(_) => Ok(()), // all are in one file
            #[cfg(test)]
            Self::Simulated(_) => Ok(()),
        }
    }

    /// Makes the list of skipped entries again, an empty one, if it was deleted.
    ///
    /// # Errors
    ///
    /// When it is not there and cannot be made.
    pub(crate) async fn ensure_skipped(&self) -> Result<(), LogError> {
        match self {
            Self::JetStream(log) => log.ensure_skipped().await,
            Self::Embedded(_) => Ok(()),
            #[cfg(test)]
            Self::Simulated(_) => Ok(()),
        }
    }

    /// What tells whether anybody but who adds to it has touched the list of skipped entries. Cheap.
    ///
    /// # Errors
    ///
    /// When it is not there, or nobody answers.
    pub(crate) async fn skip_mark(&self) -> Result<SkipMark, LogError> {
        match self {
            Self::JetStream(log) => log.skip_mark().await,
            Self::Embedded(_) => Ok(SkipMark::default()), // one process holds the file
            #[cfg(test)]
            Self::Simulated(_) => Ok(SkipMark::default()),
        }
    }

    /// Stores an object under a name, whole or not at all.
    ///
    /// # Errors
    ///
    /// When it could not be stored.
    pub(crate) async fn put_object(&self, name: &str, bytes: Bytes) -> Result<(), LogError> {
        match self {
            Self::JetStream(log) => log.put_object(name, &bytes).await,
            Self::Embedded(log) => log.put_blob(name, bytes),
            #[cfg(test)]
            Self::Simulated(log) => {
                log.put_object(name, bytes);
                Ok(())
            }
        }
    }

    /// An object by its name. The inner error says why this object cannot be had, although the log answers: it is not there, or
    /// it is damaged.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn get_object(&self, name: &str) -> Result<Result<Bytes, String>, LogError> {
        match self {
            Self::JetStream(log) => log.get_object(name).await,
            Self::Embedded(log) => log.get_blob(name),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.get_object(name).ok_or_else(|| "it is not there any more".to_owned())),
        }
    }

    /// Names of the objects that begin so.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn list_objects(&self, prefix: &str) -> Result<Vec<String>, LogError> {
        match self {
            Self::JetStream(log) => log.list_objects(prefix).await,
            Self::Embedded(log) => log.list_blobs(prefix),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.list_objects(prefix)),
        }
    }

    /// Removes an object; none is no error.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn delete_object(&self, name: &str) -> Result<(), LogError> {
        match self {
            Self::JetStream(log) => log.delete_object(name).await,
            Self::Embedded(log) => log.delete_blob(name),
            #[cfg(test)]
            Self::Simulated(log) => {
                log.delete_object(name);
                Ok(())
            }
        }
    }

    /// What is kept of a person's key.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn key(&self, zone: &ZoneName, person: &Person) -> Result<Kept, LogError> {
        match self {
            Self::JetStream(log) => log.key(zone, person).await,
            Self::Embedded(log) => log.key(zone, person),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.key(zone, person)),
        }
    }

    /// A person's key, which is made where there is none and none was destroyed.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn make_key(&self, zone: &ZoneName, person: &Person) -> Result<Kept, LogError> {
        match self {
            Self::JetStream(log) => log.make_key(zone, person).await,
            Self::Embedded(log) => log.make_key(zone, person),
            #[cfg(test)]
            Self::Simulated(log) => log.make_key(zone, person),
        }
    }

    /// Destroys a person's key for good, and leaves the mark that it was. Again is harmless.
    ///
    /// # Errors
    ///
    /// When it may still be there.
    pub(crate) async fn destroy_key(&self, zone: &ZoneName, person: &Person) -> Result<(), LogError> {
        match self {
            Self::JetStream(log) => log.destroy_key(zone, person).await,
            Self::Embedded(log) => log.destroy_key(zone, person),
            #[cfg(test)]
            Self::Simulated(log) => {
                log.destroy_key(zone, person);
                Ok(())
            }
        }
    }

    /// Overwrites a message of a stream and takes it out, where the log can: the embedded file cannot. False: nothing was erased.
    ///
    /// # Errors
    ///
    /// When it may still be there.
    pub(crate) async fn erase(&self, stream: Stream, zone: &ZoneName, seq: u64) -> Result<bool, LogError> {
        match self {
            Self::JetStream(log) => log.erase(stream, zone, seq).await,
            Self::Embedded(_) => Ok(false),
            #[cfg(test)]
            Self::Simulated(_) => Ok(false),
        }
    }

    /// Tries to own a zone. `None`: somebody else does. The epoch is above `above`, the highest one in the zone's chain of
    /// plans, even if the record of owners was lost and begins anew.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn acquire(&self, zone: &ZoneName, owner: &str, above: u64) -> Result<Option<Lease>, LogError> {
        match self {
            Self::JetStream(log) => log.acquire(zone, owner, above).await,
            Self::Embedded(log) => log.acquire(zone).await.map(Some),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.acquire(zone, owner)),
        }
    }

    /// Whether somebody else keeps a zone's lease.
    pub(crate) async fn leased(&self, zone: &ZoneName) -> Leased {
        match self {
            Self::JetStream(log) => log.leased(zone).await,
            Self::Embedded(_) => Leased::Unknown,
            #[cfg(test)]
            Self::Simulated(_) => Leased::Unknown,
        }
    }

    /// Keeps owning it. `None`: lost.
    pub(crate) async fn renew(&self, zone: &ZoneName, owner: &str, lease: Lease) -> Option<Lease> {
        match self {
            Self::JetStream(log) => log.renew(zone, owner, lease).await,
            Self::Embedded(_) => Some(lease),
            #[cfg(test)]
            Self::Simulated(log) => log.renew(zone, owner, lease),
        }
    }

    /// Owns a zone again, in a new epoch, with a lease that was not renewed in time by the owner's clock and that still stands: nobody
    /// else has owned the zone since. `None`: it does not stand any more, or it is somebody else's.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn resume(
        &self,
        zone: &ZoneName,
        owner: &str,
        lease: Lease,
        above: u64,
    ) -> Result<Option<Lease>, LogError> {
        match self {
            Self::JetStream(log) => log.resume(zone, owner, lease, above).await,
            Self::Embedded(_) => Ok(None), // it is never lost
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.resume(zone, owner, lease)),
        }
    }

    /// Lets it go, so that a standby need not wait.
    pub(crate) async fn release(&self, zone: &ZoneName, lease: Lease) {
        match self {
            Self::JetStream(log) => log.release(zone, lease).await,
            Self::Embedded(_) => {} // the file is held by one process; it lets go by closing it
            #[cfg(test)]
            Self::Simulated(log) => log.release(zone, lease),
        }
    }

    /// Sequences of a zone that are not folded.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn skipped(&self, zone: &ZoneName) -> Result<Vec<u64>, LogError> {
        match self {
            Self::JetStream(log) => log.skipped(zone).await,
            Self::Embedded(log) => log.skipped(zone),
            #[cfg(test)]
            Self::Simulated(log) => Ok(log.skipped(zone)),
        }
    }

    /// Those that were noted since an earlier answer, perhaps with earlier ones, and what to ask from the next time. `from` 0: all.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn skipped_from(&self, zone: &ZoneName, from: u64) -> Result<(Vec<u64>, u64), LogError> {
        match self {
            Self::JetStream(log) => log.skipped_from(zone, from).await,
            Self::Embedded(log) => Ok((log.skipped(zone)?, 0)),
            #[cfg(test)]
            Self::Simulated(log) => Ok((log.skipped(zone), 0)),
        }
    }

    /// Takes entries off the list that have expired from the log.
    ///
    /// # Errors
    ///
    /// When the log does not do it.
    pub(crate) async fn forget_skipped(&self, zone: &ZoneName, seqs: &[u64]) -> Result<(), LogError> {
        match self {
            Self::JetStream(log) => log.forget_skipped(zone, seqs).await,
            Self::Embedded(_) => Ok(()), // it does so when they expire
            #[cfg(test)]
            Self::Simulated(_) => Ok(()),
        }
    }

    /// Adds one to them. Returns when it is stored.
    ///
    /// # Errors
    ///
    /// When it could not be stored.
    pub(crate) async fn skip(&self, zone: &ZoneName, seq: u64) -> Result<(), LogError> {
        match self {
            Self::JetStream(log) => log.skip(zone, seq).await,
            Self::Embedded(log) => log.skip(zone, seq).await,
            #[cfg(test)]
            Self::Simulated(log) => {
                log.skip(zone, seq);
                Ok(())
            }
        }
    }
}

//! The embedded log: one local file (`redb`), one process, the same contract as the broker.
//!
//! A single writer thread takes what has gathered and commits it in one transaction (group commit): an append costs
//! one fsync shared with its neighbours. Positions and assignments are derived or hints and are not synced by themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fleetfold_model::{Millis, Timestamp};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::{mpsc, oneshot, watch};

use super::{AppendError, Lease, LogError, Message, Read, Stored, Stream, ZoneName};
use crate::clock;

/// (stream, sequence) → (log time, subject, bytes).
const ENTRIES: TableDefinition<(u8, u64), (i64, &str, &[u8])> = TableDefinition::new("entries");
/// (stream, subject) → sequence of its last message.
const LAST: TableDefinition<(u8, &str), u64> = TableDefinition::new("last");
/// (stream, id) → (sequence, log time): the dedupe window.
const IDS: TableDefinition<(u8, &str), (u64, i64)> = TableDefinition::new("ids");
/// Counters: last sequence per stream, epoch, bytes.
const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");
/// (zone, sequence): not folded.
const SKIPPED: TableDefinition<(&str, u64), ()> = TableDefinition::new("skipped");

/// As at the broker: an id is remembered this long.
const DEDUPE: Millis = Millis(120_000);
/// Facts older than this are dropped when the file is opened.
const AGE_MAX: Millis = Millis(14 * 24 * 3_600_000);
/// Appends in one transaction: enough to share the sync, few enough to stay under 5 ms.
const BATCH_MAX: usize = 512;
/// Messages read ahead for one reader.
const READ_AHEAD: usize = 1024;
/// The file refuses appends beyond this: refuse loudly rather than fill the disk.
const BYTES_MAX: u64 = 8 << 30;

/// As at the broker: its default `max_payload`.
const MESSAGE_MAX: usize = 1 << 20;

struct Request {
    stream: Stream,
    subject: String,
    id: String,
    bytes: Bytes,
    expected: Option<u64>,
    reply: oneshot::Sender<Result<Stored, AppendError>>,
}

/// The embedded log.
pub(crate) struct Embedded {
    path: PathBuf,
    database: Arc<Database>,
    requests: mpsc::Sender<Request>,
    written: watch::Receiver<u64>,
}

fn broken(what: &str, error: impl std::fmt::Display) -> LogError {
    LogError::new(format!("the log file: {what}: {error}"), "check the disk; `fleetfold doctor` tells more")
}

impl Embedded {
    /// Opens or creates the file. One process at a time may hold it.
    ///
    /// # Errors
    ///
    /// When another process holds it or it cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|error| broken("its folder cannot be made", error))?;
        }
        let database = Database::create(path).map_err(|error| {
            let holder = std::fs::read_to_string(owner_file(path)).unwrap_or_default();
            let hint = if holder.is_empty() {
                "close the program that has it open".to_owned()
            } else {
                format!("it is held by {}; send events to that engine's /v1/events instead", holder.trim())
            };
            LogError::new(format!("{} cannot be opened: {error}", path.display()), hint)
        })?;
        let setup = || -> Result<(), redb::Error> {
            let write = database.begin_write()?;
            {
                let mut entries = write.open_table(ENTRIES)?;
                write.open_table(LAST)?;
                write.open_table(IDS)?;
                write.open_table(COUNTERS)?;
                write.open_table(SKIPPED)?;
                let oldest = (clock::wall() - AGE_MAX).0;
                entries.retain(|_, (at, ..)| at >= oldest)?;
            }
            write.commit()?;
            Ok(())
        };
        setup().map_err(|error| broken("it cannot be prepared", error))?;
        let database = Arc::new(database);
        let (requests, inbox) = mpsc::channel(4096);
        let (notify, written) = watch::channel(0);
        let writer = Arc::clone(&database);
        std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || write_all(&writer, inbox, &notify))
            .map_err(|error| broken("no thread for its writer", error))?;
        Ok(Self { path: path.to_owned(), database, requests, written })
    }

    /// Says in a file beside the log who holds it and where they answer.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn announce(&self, address: &str) -> std::io::Result<()> {
        std::fs::write(owner_file(&self.path), format!("process {} at http://{address}\n", std::process::id()))
    }

    /// Takes that back.
    pub(crate) fn retire(&self) {
        let _ = std::fs::remove_file(owner_file(&self.path));
    }

    pub(super) async fn append(
        &self,
        stream: Stream,
        subject: String,
        id: String,
        bytes: Bytes,
        expected: Option<u64>,
    ) -> Result<Stored, AppendError> {
        if bytes.len() > MESSAGE_MAX {
            return Err(AppendError::Refused(format!(
                "the message has {} bytes, {MESSAGE_MAX} is the most",
                bytes.len()
            )));
        }
        let (reply, answer) = oneshot::channel();
        let gone = |_| AppendError::Unknown("the log's writer has stopped".to_owned());
        self.requests
            .send(Request { stream, subject, id, bytes, expected, reply })
            .await
            .map_err(|_| AppendError::Unknown("the log's writer has stopped".to_owned()))?;
        answer.await.map_err(gone)?
    }

    pub(super) fn read(&self, stream: Stream, zone: &ZoneName, after: u64) -> mpsc::Receiver<Read> {
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let database = Arc::clone(&self.database);
        let mut written = self.written.clone();
        let prefix = zone.prefix();
        tokio::spawn(async move {
            let mut next = after + 1;
            loop {
                written.mark_unchanged();
                let batch = read_batch(&database, stream, next, &prefix);
                let Ok((batch, seen)) = batch else { return };
                let done = batch.is_empty() && seen < next;
                next = next.max(seen + 1);
                for message in batch {
                    if sender.send(Read::Message(message)).await.is_err() {
                        return;
                    }
                }
                if done && written.changed().await.is_err() {
                    return;
                }
            }
        });
        receiver
    }

    pub(super) fn last(&self, stream: Stream, subject: &str) -> Result<Option<Message>, LogError> {
        let find = || -> Result<Option<Message>, redb::Error> {
            let read = self.database.begin_read()?;
            let Some(seq) = read.open_table(LAST)?.get((stream as u8, subject))?.map(|seq| seq.value()) else {
                return Ok(None);
            };
            let entries = read.open_table(ENTRIES)?;
            let entry = entries.get((stream as u8, seq))?;
            Ok(entry.map(|entry| {
                let (at, subject, bytes) = entry.value();
                Message { seq, at: Timestamp(at), subject: subject.to_owned(), bytes: Bytes::copy_from_slice(bytes) }
            }))
        };
        find().map_err(|error| broken("it cannot be read", error))
    }

    pub(super) fn bounds(&self, stream: Stream) -> Result<(u64, u64), LogError> {
        let find = || -> Result<(u64, u64), redb::Error> {
            let read = self.database.begin_read()?;
            let last = read.open_table(COUNTERS)?.get(stream.name())?.map_or(0, |last| last.value());
            let entries = read.open_table(ENTRIES)?;
            let first = entries
                .range((stream as u8, 0)..=(stream as u8, u64::MAX))?
                .next()
                .transpose()?
                .map(|(key, _)| key.value().1);
            Ok((first.unwrap_or(last + 1), last))
        };
        find().map_err(|error| broken("it cannot be read", error))
    }

    pub(super) fn zone_bounds(&self, stream: Stream, zone: &ZoneName) -> Result<(u64, u64), LogError> {
        let (mut from, end) = self.bounds(stream)?;
        let (mut first, mut last) = (end + 1, end);
        while from <= end {
            let (batch, seen) = read_batch(&self.database, stream, from, &zone.prefix())
                .map_err(|error| broken("it cannot be read", error))?;
            for message in batch {
                if first > end {
                    first = message.seq;
                }
                last = message.seq;
            }
            from = seen.max(from) + 1;
        }
        Ok((first, last))
    }

    pub(super) fn health(&self) -> Result<(), String> {
        if self.requests.is_closed() { Err("the log's writer has stopped".to_owned()) } else { Ok(()) }
    }

    fn blob(&self, name: &str) -> PathBuf {
        self.path.with_extension("bases").join(fleetfold_journal::address::token(name))
    }

    pub(super) fn put_blob(&self, name: &str, bytes: Bytes) -> Result<(), LogError> {
        let path = self.blob(name);
        let put = || -> std::io::Result<()> {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            std::fs::write(path.with_extension("tmp"), &bytes)?;
            std::fs::rename(path.with_extension("tmp"), &path)
        };
        put().map_err(|error| broken("an object cannot be written", error))
    }

    pub(super) fn get_blob(&self, name: &str) -> Result<Option<Bytes>, LogError> {
        match std::fs::read(self.blob(name)) {
            Ok(bytes) => Ok(Some(Bytes::from(bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken("an object cannot be read", error)),
        }
    }

    pub(super) fn list_blobs(&self, prefix: &str) -> Result<Vec<String>, LogError> {
        let _ = prefix;
        Ok(Vec::new())
    }

    pub(super) fn delete_blob(&self, name: &str) -> Result<(), LogError> {
        let _ = std::fs::remove_file(self.blob(name));
        Ok(())
    }

    pub(super) fn epoch_max(&self, zone: &ZoneName) -> Result<u64, LogError> {
        let key = format!("epoch {}", zone.key());
        let find = || -> Result<u64, redb::Error> {
            let read = self.database.begin_read()?;
            Ok(read.open_table(COUNTERS)?.get(key.as_str())?.map_or(0, |epoch| epoch.value()))
        };
        find().map_err(|error| broken("the epoch cannot be read", error))
    }

    pub(super) fn first(&self, stream: Stream, subject: &str) -> Result<Option<Message>, LogError> {
        let (mut from, end) = self.bounds(stream)?;
        while from <= end {
            let (batch, seen) = read_batch(&self.database, stream, from, subject)
                .map_err(|error| broken("it cannot be read", error))?;
            if let Some(message) = batch.into_iter().find(|message| message.subject == subject) {
                return Ok(Some(message));
            }
            from = seen.max(from) + 1;
        }
        Ok(None)
    }

    pub(super) fn acquire(&self, zone: &ZoneName) -> Result<Lease, LogError> {
        let key = format!("epoch {}", zone.key());
        let raise = || -> Result<u64, redb::Error> {
            let write = self.database.begin_write()?;
            let epoch = {
                let mut counters = write.open_table(COUNTERS)?;
                let epoch = counters.get(key.as_str())?.map_or(0, |epoch| epoch.value()) + 1;
                counters.insert(key.as_str(), epoch)?;
                epoch
            };
            write.commit()?;
            Ok(epoch)
        };
        let epoch = raise().map_err(|error| broken("the epoch cannot be raised", error))?;
        Ok(Lease { epoch, revision: epoch })
    }

    pub(super) fn skipped(&self, zone: &ZoneName) -> Result<Vec<u64>, LogError> {
        let name = zone.key();
        let find = || -> Result<Vec<u64>, redb::Error> {
            let read = self.database.begin_read()?;
            let table = read.open_table(SKIPPED)?;
            let mut all = Vec::new();
            for entry in table.range((name.as_str(), 0)..=(name.as_str(), u64::MAX))? {
                all.push(entry?.0.value().1);
            }
            Ok(all)
        };
        find().map_err(|error| broken("it cannot be read", error))
    }

    pub(super) fn skip(&self, zone: &ZoneName, seq: u64) -> Result<(), LogError> {
        let name = zone.key();
        let put = || -> Result<(), redb::Error> {
            let write = self.database.begin_write()?;
            write.open_table(SKIPPED)?.insert((name.as_str(), seq), ())?;
            write.commit()?;
            Ok(())
        };
        put().map_err(|error| broken("it cannot be written", error))
    }
}

fn owner_file(path: &Path) -> PathBuf {
    path.with_extension("owner")
}

fn read_batch(
    database: &Database,
    stream: Stream,
    from: u64,
    prefix: &str,
) -> Result<(Vec<Message>, u64), redb::Error> {
    let read = database.begin_read()?;
    let entries = read.open_table(ENTRIES)?;
    let mut batch = Vec::new();
    let mut seen = from.saturating_sub(1);
    for entry in entries.range((stream as u8, from)..=(stream as u8, u64::MAX))?.take(READ_AHEAD) {
        let (key, value) = entry?;
        let seq = key.value().1;
        seen = seq;
        let (at, subject, bytes) = value.value();
        if subject.starts_with(prefix) {
            batch.push(Message {
                seq,
                at: Timestamp(at),
                subject: subject.to_owned(),
                bytes: Bytes::copy_from_slice(bytes),
            });
        }
    }
    Ok((batch, seen))
}

fn write_all(database: &Database, mut inbox: mpsc::Receiver<Request>, notify: &watch::Sender<u64>) {
    let mut commits = 0u64;
    while let Some(first) = inbox.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(request) = inbox.try_recv()
        {
            batch.push(request);
        }
        let results = write_batch(database, &batch);
        commits += 1;
        match results {
            Ok(results) => {
                let _ = notify.send(commits);
                for (request, result) in batch.into_iter().zip(results) {
                    let _ = request.reply.send(result);
                }
            }
            Err(error) => {
                for request in batch {
                    let _ = request.reply.send(Err(AppendError::Unknown(error.to_string())));
                }
            }
        }
    }
}

fn write_batch(database: &Database, batch: &[Request]) -> Result<Vec<Result<Stored, AppendError>>, redb::Error> {
    let mut write = database.begin_write()?;
    if batch.iter().all(|request| request.stream.last_value()) {
        let _ = write.set_durability(Durability::None);
    }
    let mut results = Vec::with_capacity(batch.len());
    {
        let mut entries = write.open_table(ENTRIES)?;
        let mut last = write.open_table(LAST)?;
        let mut ids = write.open_table(IDS)?;
        let mut counters = write.open_table(COUNTERS)?;
        let mut bytes = counters.get("bytes")?.map_or(0, |bytes| bytes.value());
        let mut clock: BTreeMap<u8, i64> = BTreeMap::new();
        for request in batch {
            let stream = request.stream as u8;
            let now = clock::wall();
            let before = ids.get((stream, request.id.as_str()))?.map(|found| found.value());
            if let Some((seq, at)) = before
                && (now - Timestamp(at)) <= DEDUPE
                && !request.id.is_empty()
            {
                results.push(Ok(Stored { seq, duplicate: true }));
                continue;
            }
            let standing = last.get((stream, request.subject.as_str()))?.map_or(0, |seq| seq.value());
            if request.expected.is_some_and(|expected| expected != standing) {
                results.push(Err(AppendError::WrongSequence));
                continue;
            }
            if bytes > BYTES_MAX {
                results.push(Err(AppendError::Refused(format!("the log file has reached {} GiB", BYTES_MAX >> 30))));
                continue;
            }
            let seq = counters.get(request.stream.name())?.map_or(0, |seq| seq.value()) + 1;
            counters.insert(request.stream.name(), seq)?;
            // Log time never runs backwards, whatever the wall clock does.
            let key = format!("clock {}", request.stream.name());
            let floor =
                clock.get(&stream).copied().unwrap_or(counters.get(key.as_str())?.map_or(0, |at| at.value() as i64));
            let at = now.0.max(floor);
            clock.insert(stream, at);
            counters.insert(key.as_str(), at as u64)?;
            if request.stream.last_value() && standing != 0 {
                entries.remove((stream, standing))?;
            }
            entries.insert((stream, seq), (at, request.subject.as_str(), request.bytes.as_ref()))?;
            last.insert((stream, request.subject.as_str()), seq)?;
            if !request.id.is_empty() && !matches!(request.stream, Stream::Position) {
                ids.insert((stream, request.id.as_str()), (seq, at))?;
            }
            bytes += request.bytes.len() as u64;
            results.push(Ok(Stored { seq, duplicate: false }));
        }
        counters.insert("bytes", bytes)?;
    }
    write.commit()?;
    Ok(results)
}

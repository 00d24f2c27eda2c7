//! The embedded log: one local file (`redb`), one process, the same contract as the broker.
//!
//! - **Writing** ([`writer`]): one thread commits what has gathered in one transaction, so that appends share a sync.
//!   Positions, assignments and features are not synced by themselves: they are hints, or derived from facts.
//! - **What is held** ([`rows`]): the file counts the bytes of all its rows. At the limit (8 GiB) facts are
//!   refused until entries have expired. What is replaced or removed leaves the count.
//! - **Age** ([`time`]): entries expire by the log's own time, 14 days for facts, as at the broker. A wrong clock
//!   neither removes them nor stamps entries into the future for good.
//! - **Damage** ([`mod@file`]): each row has a checksum and each table totals. All of it is verified when the file is
//!   opened, and each row again when it is read. A damaged file is refused with an error and never changed.
//! - **Failure** ([`writer`]): when the disk is full, appends fail with an error that says so, reads go on, and the log writes
//!   again by itself when there is room. [`Embedded::health`] says what is wrong and since when.
//! - **Upgrades** ([`upgrade`]): a file of version 0.1 is rewritten in its place when it is opened.
//!
//! Beside `log.redb` stand `log.redb.head` (the last acknowledged commit: [`head`]), `log.redb.bases/` ([`blobs`])
//! and `log.owner` (who holds the file).

mod blobs;
mod file;
mod head;
mod keys;
mod rows;
#[cfg(test)]
mod tests;
mod time;
mod trouble;
mod upgrade;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fleetfold_model::{Millis, Person, Timestamp};
use redb::{Database, ReadableDatabase, ReadableTable};
use tokio::sync::{mpsc, oneshot, watch};

use self::file::Opener;
use self::rows::{Book, decode_number, entry, get, seq_of, skipped_key, text_key, zone_key};
use self::trouble::{Trouble, guarded};
use self::writer::{Job, Request, Writer};
use super::keys::{Kept, Key};
use super::{AppendError, Lease, LogError, Message, Read, Stored, Stream, ZoneName};
use crate::clock;

/// As at the broker: an id is remembered this long.
const DEDUPE: Millis = Millis(120_000);
/// Messages read ahead for one reader, and about how many bytes.
const READ_AHEAD: usize = 1024;
const READ_AHEAD_BYTES: usize = 8 << 20;
/// The file refuses facts beyond this: refuse loudly rather than fill the disk.
const BYTES_MAX: u64 = 8 << 30;
/// As at the broker: its default `max_payload`.
const MESSAGE_MAX: usize = 1 << 20;
/// A subject or id longer than this is refused. The broker's control line has 4,096 bytes.
const TEXT_MAX: usize = 4_000;
/// How long a reader waits while the file is being opened again.
const READ_AGAIN: Duration = Duration::from_millis(50);

/// The wall clock and the monotonic clock.
type Clock = Arc<dyn Fn() -> (Timestamp, Instant) + Send + Sync>;

/// What tests change.
#[derive(Clone)]
struct Options {
    /// The most bytes of rows that the file may hold.
    limit: u64,
    clock: Clock,
    opener: Opener,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limit: BYTES_MAX,
            clock: Arc::new(|| (clock::wall(), clock::monotonic())),
            opener: Arc::new(|builder, path| builder.create(path)),
        }
    }
}

/// How old entries of a stream may grow, as at the broker. `None`: as old as they like.
fn age_max(stream: Stream) -> Option<Millis> {
    const HOUR: i64 = 3_600_000;
    match stream {
        Stream::Fleet | Stream::Alert => Some(Millis(14 * 24 * HOUR)),
        Stream::Position => Some(Millis(HOUR)),
        Stream::Eta => Some(Millis(48 * HOUR)),
        Stream::Rejected | Stream::Warning => Some(Millis(30 * 24 * HOUR)),
        Stream::Assignment | Stream::Feature => None,
    }
}

/// What is wrong with the log.
struct Illness {
    trouble: Trouble,
    since: Timestamp,
}

/// Which file a name leads to: its device and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    /// The file and its length. `None`: there is no such file, or the system does not tell.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<(Self, u64)> {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).ok().map(|found| (Self(found.dev(), found.ino()), found.len()))
    }

    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<(Self, u64)> {
        None
    }

    /// Where this process reaches the file although no name leads to it any more.
    fn reached(self) -> Option<PathBuf> {
        let own = PathBuf::from(format!("/proc/{}/fd", std::process::id()));
        let open = std::fs::read_dir(own).ok()?.flatten().map(|open| open.path());
        open.into_iter().find(|open| Self::of(open).is_some_and(|(file, _)| file == self))
    }
}

/// What the writer and the readers share.
struct Shared {
    path: PathBuf,
    /// The file that is open, and its length after the last commit.
    file: Mutex<Option<(FileId, u64)>>,
    /// `None` while it is closed: between a failure and its end.
    database: RwLock<Option<Database>>,
    illness: Mutex<Option<Illness>>,
    held: AtomicU64,
    clock: Clock,
    /// Calls the writer when a reader meets an error.
    writer: mpsc::WeakSender<Job>,
}

impl Shared {
    /// Runs work on the open file. Damage that it meets is noted.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = &*database else {
            return Err(self.trouble().unwrap_or_else(|| Trouble::Failed("it is closed".to_owned())));
        };
        guarded(|| work(database))
    }

    /// Runs a look-up, and turns what goes wrong into an error for a person.
    fn look_up<T>(&self, work: impl FnOnce(&redb::ReadTransaction) -> Result<T, Trouble>) -> Result<T, LogError> {
        self.read(work).map_err(|trouble| trouble.error(&self.path))
    }

    fn read<T>(&self, work: impl FnOnce(&redb::ReadTransaction) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let outcome = self.with(|database| work(&database.begin_read()?));
        match &outcome {
            Err(trouble @ Trouble::Damaged(_)) => self.ill(trouble),
            // After an error of the disk the store answers nothing until it is opened again.
            Err(trouble) if self.trouble().is_none() => {
                if let Some(writer) = self.writer.upgrade() {
                    let _ = writer.try_send(Job::Look(trouble.clone()));
                }
            }
            _ => {}
        }
        outcome
    }

    /// Whether the name still leads to the file that is open: whoever starts next finds the file by its name. Returns its length, and
    /// the length after the last commit; `None`: the system does not tell.
    fn still_there(&self) -> Result<Option<(u64, u64)>, Trouble> {
        let Some((opened, length)) = *self.file.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(None) };
        match FileId::of(&self.path) {
            Some((found, is)) if found == opened => Ok(Some((is, length))),
            Some(_) | None => Err(Trouble::Removed(opened.reached())),
        }
    }

    /// The same, and that it is whole. Only for the writer between two commits: a commit may make the file shorter.
    fn still_whole(&self) -> Result<(), Trouble> {
        match self.still_there()? {
            Some((is, length)) if is != length => Err(Trouble::Overwritten { is, was: length }),
            Some(_) | None => Ok(()),
        }
    }

    /// After a transaction of the writer: takes note of the file's length.
    fn note_length(&self) {
        let mut noted = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((opened, length)), Some((found, is))) = (&mut *noted, FileId::of(&self.path))
            && *opened == found
        {
            *length = is;
        }
    }

    fn set(&self, database: Database) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = FileId::of(&self.path);
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = Some(database);
    }

    fn is_open(&self) -> bool {
        self.database.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Closes the file once no reader is in it.
    fn close(&self) {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Trouble::Overwritten { .. } | Trouble::Removed(_)) = self.trouble() {
            // Closing writes, and what stands there now is not ours: the system closes it with the program.
            std::mem::forget(database);
            return;
        }
        let _ = guarded(|| {
            drop(database);
            Ok(())
        });
    }

    fn trouble(&self) -> Option<Trouble> {
        let illness = self.illness.lock().unwrap_or_else(PoisonError::into_inner);
        illness.as_ref().map(|illness| illness.trouble.clone())
    }

    /// What forbids to write and does not pass by itself.
    fn damage(&self) -> Option<Trouble> {
        self.trouble().filter(|trouble| !trouble.passes())
    }

    fn ill(&self, trouble: &Trouble) {
        let mut illness = self.illness.lock().unwrap_or_else(PoisonError::into_inner);
        let since = illness.as_ref().map_or_else(|| (self.clock)().0, |illness| illness.since);
        *illness = Some(Illness { trouble: trouble.clone(), since });
    }

    /// The name leads to the open file again.
    fn found_again(&self) {
        let mut illness = self.illness.lock().unwrap_or_else(PoisonError::into_inner);
        illness.take_if(|illness| matches!(illness.trouble, Trouble::Removed(_)));
    }

    fn recovered(&self) {
        let mut illness = self.illness.lock().unwrap_or_else(PoisonError::into_inner);
        illness.take_if(|illness| illness.trouble.passes());
    }

    fn set_held(&self, bytes: u64) {
        self.held.store(bytes, Ordering::Relaxed);
    }
}

/// The embedded log.
pub(crate) struct Embedded {
    shared: Arc<Shared>,
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<std::thread::JoinHandle<()>>,
    written: watch::Receiver<u64>,
}

impl Drop for Embedded {
    /// Waits until the writer has committed what it took and closed the file, so that it can be opened at once.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Embedded {
    /// Opens or creates the file, and verifies all of it. One process at a time may hold it.
    ///
    /// # Errors
    ///
    /// When another process holds it, it cannot be written, or it is damaged.
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        Self::open_with(path, Options::default())
    }

    fn open_with(path: &Path, options: Options) -> Result<Self, LogError> {
        let fail = |trouble: Trouble| trouble.error(path);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|error| fail(error.into()))?;
        }
        let opened = guarded(|| file::open(path, &options.opener)).map_err(fail)?;
        blobs::sweep(path);
        keys::sweep(path);
        let (jobs, inbox) = mpsc::channel(4096);
        let (notify, written) = watch::channel(0);
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            file: Mutex::new(FileId::of(path)),
            database: RwLock::new(Some(opened.database)),
            illness: Mutex::new(None),
            held: AtomicU64::new(opened.state.held()),
            clock: Arc::clone(&options.clock),
            writer: jobs.downgrade(),
        });
        let writer = Writer::new(Arc::clone(&shared), options, notify, opened.state, opened.ids);
        let writer = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run(inbox))
            .map_err(|error| fail(Trouble::Failed(format!("no thread for its writer: {error}"))))?;
        Ok(Self { shared, jobs: Some(jobs), writer: Some(writer), written })
    }

    /// Says in a file beside the log who holds it and where they answer.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn announce(&self, address: &str) -> std::io::Result<()> {
        std::fs::write(owner_file(&self.shared.path), format!("process {} at http://{address}\n", std::process::id()))
    }

    /// Takes that back.
    pub(crate) fn retire(&self) {
        let _ = std::fs::remove_file(owner_file(&self.shared.path));
    }

    /// Whether the log can be read and written; otherwise what is wrong, and since when.
    pub(crate) fn health(&self) -> Result<(), String> {
        if self.writer.as_ref().is_none_or(std::thread::JoinHandle::is_finished) {
            return Err("the log's writer has stopped".to_owned());
        }
        match (self.shared.trouble(), self.shared.still_there()) {
            (None, Err(trouble)) => {
                tracing::error!(error = %trouble.error(&self.shared.path), "nothing is stored any more");
                self.shared.ill(&trouble);
            }
            // It was moved back.
            (Some(Trouble::Removed(_)), Ok(_)) => self.shared.found_again(),
            _ => {}
        }
        let illness = self.shared.illness.lock().unwrap_or_else(PoisonError::into_inner);
        illness.as_ref().map_or(Ok(()), |Illness { trouble, since }| {
            let since =
                jiff::Timestamp::from_millisecond(since.0).map_or_else(|_| since.0.to_string(), |at| at.to_string());
            let mend = match trouble {
                Trouble::Removed(_) => format!(": {}", trouble.error(&self.shared.path).hint),
                _ => String::new(),
            };
            Err(format!("{trouble} (since {since}){mend}"))
        })
    }

    /// Bytes of all rows that the file holds now.
    #[allow(dead_code, reason = "figures of the log")]
    pub(crate) fn held(&self) -> u64 {
        self.shared.held.load(Ordering::Relaxed)
    }

    async fn ask<T>(&self, job: Job, answer: oneshot::Receiver<T>) -> Option<T> {
        self.jobs.as_ref()?.send(job).await.ok()?;
        answer.await.ok()
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
            return Err(AppendError::TooLarge(format!(
                "the message has {} bytes, {MESSAGE_MAX} is the most",
                bytes.len()
            )));
        }
        if subject.len() > TEXT_MAX || id.len() > TEXT_MAX || subject.contains('\0') {
            return Err(AppendError::Refused(format!(
                "the subject and the id have {TEXT_MAX} bytes at most and no NUL"
            )));
        }
        let (reply, answer) = oneshot::channel();
        let job = Job::Append(Request { stream, subject, id, bytes, expected, reply });
        let stopped = || Err(AppendError::Unknown("the log's writer has stopped".to_owned()));
        self.ask(job, answer).await.unwrap_or_else(stopped)
    }

    /// Sends the zone's messages behind `after`, for ever. The channel closes when the file is found to be damaged.
    pub(super) fn read(&self, stream: Stream, zone: &ZoneName, after: u64) -> mpsc::Receiver<Read> {
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let shared = Arc::clone(&self.shared);
        let mut written = self.written.clone();
        let zone = zone_prefix(zone);
        tokio::spawn(async move {
            let mut next = after.saturating_add(1);
            loop {
                written.mark_unchanged();
                let (reading, name) = (Arc::clone(&shared), zone.clone());
                let batch =
                    tokio::task::spawn_blocking(move || reading.read(|read| read_batch(read, stream, &name, next)));
                let batch = match batch.await {
                    Ok(Ok(batch)) => batch,
                    Ok(Err(trouble)) if trouble.passes() => {
                        // The writer opens the file again. When it is gone, so are we.
                        if sender.is_closed() || written.has_changed().is_err() {
                            return;
                        }
                        tokio::time::sleep(READ_AGAIN).await;
                        continue;
                    }
                    Ok(Err(trouble)) => {
                        tracing::error!(%trouble, stream = stream.name(), "the log cannot be read");
                        return;
                    }
                    Err(_) => return,
                };
                let Some(end) = batch.last() else {
                    tokio::select! {
                        changed = written.changed() => if changed.is_err() { return },
                        () = sender.closed() => return,
                    }
                    continue;
                };
                next = end.seq + 1;
                for message in batch {
                    if sender.send(Read::Message(message)).await.is_err() {
                        return;
                    }
                }
            }
        });
        receiver
    }

    pub(super) fn last(&self, stream: Stream, subject: &str) -> Result<Option<Message>, LogError> {
        self.shared.look_up(|read| {
            let Some(seq) = get(read, Book::Last, &text_key(stream, subject))? else { return Ok(None) };
            let seq = decode_number(&seq)?;
            let entry = entry(read, stream, seq)?.filter(|entry| entry.subject == subject);
            let entry = entry.ok_or_else(|| missing(stream, seq))?;
            Ok(Some(entry.message(seq)))
        })
    }

    pub(super) fn get(&self, stream: Stream, seq: u64) -> Result<Option<Message>, LogError> {
        self.shared.look_up(|read| Ok(entry(read, stream, seq)?.map(|entry| entry.message(seq))))
    }

    pub(super) fn bounds(&self, stream: Stream) -> Result<(u64, u64), LogError> {
        self.shared.look_up(|read| {
            let last = rows::state(read)?.last(stream);
            let entries = read.open_table(Book::Entries(stream).definition())?;
            let first = entries.first()?.map(|(key, _)| seq_of(key.value())).transpose()?;
            Ok((first.unwrap_or(last + 1), last))
        })
    }

    /// First and last sequence of a zone's own messages in a stream. When there is none, `(last + 1, last)` with the
    /// stream's last sequence, so that first > last.
    pub(super) fn zone_bounds(&self, stream: Stream, zone: &ZoneName) -> Result<(u64, u64), LogError> {
        let zone = zone_prefix(zone);
        self.shared.look_up(|read| {
            let zones = read.open_table(Book::Zones.definition())?;
            let (low, high) = (zone_key(stream, &zone, 0), zone_key(stream, &zone, u64::MAX));
            let mut own = zones.range(low.as_slice()..=high.as_slice())?;
            let Some(first) = own.next() else {
                let last = rows::state(read)?.last(stream);
                return Ok((last + 1, last));
            };
            let first = seq_of(first?.0.value())?;
            let last = own.next_back().map_or(Ok(first), |last| seq_of(last?.0.value()))?;
            Ok((first, last))
        })
    }

    /// No owner of the zone has, or had, a higher epoch than this.
    pub(super) fn epoch_max(&self, zone: &ZoneName) -> Result<u64, LogError> {
        let zone = zone_prefix(zone);
        self.shared
            .look_up(|read| get(read, Book::Epochs, zone.as_bytes())?.map_or(Ok(0), |epoch| decode_number(&epoch)))
    }

    /// The first message of a subject that is held.
    pub(super) fn first(&self, stream: Stream, subject: &str, from: u64) -> Result<Option<Message>, LogError> {
        let zone = rows::zone_of(subject);
        self.shared.look_up(|read| {
            let mut from = from;
            loop {
                let batch = read_batch(read, stream, zone, from)?;
                let Some(end) = batch.last() else { return Ok(None) };
                from = end.seq + 1;
                if let Some(found) = batch.into_iter().find(|message| message.subject == subject) {
                    return Ok(Some(found));
                }
            }
        })
    }

    pub(super) async fn acquire(&self, zone: &ZoneName) -> Result<Lease, LogError> {
        let (reply, answer) = oneshot::channel();
        let raised = self.ask(Job::Raise { zone: zone_prefix(zone), reply }, answer).await;
        let epoch = self.done(raised)?;
        Ok(Lease { epoch, revision: epoch })
    }

    pub(super) fn skipped(&self, zone: &ZoneName) -> Result<Vec<u64>, LogError> {
        let zone = zone_prefix(zone);
        self.shared.look_up(|read| {
            let (low, high) = (skipped_key(&zone, 0), skipped_key(&zone, u64::MAX));
            let mut all = Vec::new();
            for row in read.open_table(Book::Skipped.definition())?.range(low.as_slice()..=high.as_slice())? {
                let (key, sealed) = row?;
                rows::checked(Book::Skipped, key.value(), sealed.value())?;
                all.push(seq_of(key.value())?);
            }
            Ok(all)
        })
    }

    pub(super) async fn skip(&self, zone: &ZoneName, seq: u64) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        let noted = self.ask(Job::Skip { zone: zone_prefix(zone), seq, reply }, answer).await;
        self.done(noted)
    }

    fn done<T>(&self, answer: Option<Result<T, Trouble>>) -> Result<T, LogError> {
        answer
            .unwrap_or_else(|| Err(Trouble::Failed("its writer has stopped".to_owned())))
            .map_err(|trouble| trouble.error(&self.shared.path))
    }

    /// Stores named bytes beside the log, in place of earlier ones of the same name. On return they are on the disk.
    ///
    /// # Errors
    ///
    /// When the name is empty or the file cannot be written.
    #[expect(clippy::needless_pass_by_value, reason = "as every other log takes them")]
    pub(super) fn put_blob(&self, name: &str, bytes: Bytes) -> Result<(), LogError> {
        blobs::put(&self.shared.path, name, &bytes).map_err(|trouble| self.blob_error(&trouble))
    }

    /// The bytes of a name; `None` when there are none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(super) fn get_blob(&self, name: &str) -> Result<Result<Bytes, String>, LogError> {
        blobs::get(&self.shared.path, name).map_err(|trouble| self.blob_error(&trouble))
    }

    /// The names that begin with `prefix`, in order.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub(super) fn list_blobs(&self, prefix: &str) -> Result<Vec<String>, LogError> {
        blobs::list(&self.shared.path, prefix).map_err(|trouble| self.blob_error(&trouble))
    }

    /// Removes the bytes of a name, if there are any.
    ///
    /// # Errors
    ///
    /// When the file cannot be removed.
    pub(super) fn delete_blob(&self, name: &str) -> Result<(), LogError> {
        blobs::delete(&self.shared.path, name).map_err(|trouble| self.blob_error(&trouble))
    }

    /// What is kept of a person's key.
    pub(super) fn key(&self, zone: &ZoneName, person: &Person) -> Result<Kept, LogError> {
        keys::read(&self.shared.path, zone, person).map_err(|trouble| self.key_error(&trouble))
    }

    /// A person's key, made where there is none and none was destroyed.
    pub(super) fn make_key(&self, zone: &ZoneName, person: &Person) -> Result<Kept, LogError> {
        let fresh = Key::fresh()?;
        keys::make(&self.shared.path, zone, person, &fresh).map_err(|trouble| self.key_error(&trouble))
    }

    /// Overwrites a person's key.
    pub(super) fn destroy_key(&self, zone: &ZoneName, person: &Person) -> Result<(), LogError> {
        let noise = Key::fresh()?;
        keys::destroy(&self.shared.path, zone, person, &noise).map_err(|trouble| self.key_error(&trouble))
    }

    fn key_error(&self, trouble: &Trouble) -> LogError {
        trouble.error(&keys::folder_of(&self.shared.path))
    }

    fn blob_error(&self, trouble: &Trouble) -> LogError {
        trouble.error(&blobs::folder_of(&self.shared.path))
    }
}

/// `log.owner` of `log.redb`: says who holds the file.
fn owner_file(path: &Path) -> PathBuf {
    path.with_extension("owner")
}

/// As [`rows::zone_of`] finds it in the subjects of the zone.
fn zone_prefix(zone: &ZoneName) -> String {
    format!("fleet.{}", zone.key())
}

fn missing(stream: Stream, seq: u64) -> Trouble {
    Trouble::damaged(format!("entry {seq} of stream {} is missing", stream.name()))
}

/// The zone's next messages from a sequence on.
fn read_batch(read: &redb::ReadTransaction, stream: Stream, zone: &str, from: u64) -> Result<Vec<Message>, Trouble> {
    let zones = read.open_table(Book::Zones.definition())?;
    let entries = read.open_table(Book::Entries(stream).definition())?;
    let (low, high) = (zone_key(stream, zone, from), zone_key(stream, zone, u64::MAX));
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for row in zones.range(low.as_slice()..=high.as_slice())? {
        let seq = seq_of(row?.0.value())?;
        let key = rows::entry_key(seq);
        let sealed = entries.get(key.as_slice())?.ok_or_else(|| missing(stream, seq))?;
        let entry = rows::Entry::decode(rows::checked(Book::Entries(stream), &key, sealed.value())?)?;
        bytes += entry.bytes.len();
        batch.push(entry.message(seq));
        if batch.len() == READ_AHEAD || bytes > READ_AHEAD_BYTES {
            break;
        }
    }
    Ok(batch)
}

//! The thread that writes the file.
//!
//! It takes the jobs that have gathered and commits them in one transaction, so that the appends of a moment share one
//! sync. When a write fails it opens the file again, which shows whether the commit got through, and then
//! waits until there is room; nothing that was acknowledged is lost. Between batches it removes expired entries.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redb::{Database, Durability, ReadableDatabase, WriteTransaction};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

use super::file::{self, IdMark};
use super::head::Head;
use super::rows::{self, Book, Books, Entry, State, code, decode_id, decode_number, encode_id, entry_key, text_key};
use super::rows::{skipped_key, zone_key, zone_of};
use super::time::LogTime;
use super::trouble::{Trouble, guarded};
use super::{DEDUPE, Options, Shared, age_max};
use crate::log::{AppendError, Stored, Stream};

/// Jobs in one transaction: enough to share the sync, few enough to stay under 5 ms.
const BATCH_MAX: usize = 512;
/// Entries that one transaction removes, and about how many bytes: few enough that appends hardly wait.
const EXPIRE_ROWS_MAX: usize = 2_000;
const EXPIRE_BYTES_MAX: usize = 8 << 20;
/// The log grows by this age between looks for expired entries, milliseconds.
const EXPIRE_EVERY: i64 = 3_600_000;
/// Time between looks when the log is at its limit.
const EXPIRE_EVERY_FULL: Duration = Duration::from_secs(1);
/// What is not synced by itself is synced with the next write after this time, so that the store can use the pages of
/// replaced entries again.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Time between tries to write again after a failure.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// Time between looks at what has gathered while nothing can be written.
const PAUSE: Duration = Duration::from_millis(20);
/// Bytes for which there must be room again before writing goes on: the largest message with all its rows.
const ROOM: usize = 2 << 20;

/// One append.
pub(super) struct Request {
    pub stream: Stream,
    pub subject: String,
    pub id: String,
    pub bytes: Bytes,
    pub expected: Option<u64>,
    pub reply: oneshot::Sender<Result<Stored, AppendError>>,
}

/// What the writer is asked to do.
pub(super) enum Job {
    Append(Request),
    /// Raise a zone's epoch; the new one is the answer. `zone` is `fleet.TENANT.ZONE`.
    Raise {
        zone: String,
        reply: oneshot::Sender<Result<u64, Trouble>>,
    },
    /// Note an entry as skipped.
    Skip {
        zone: String,
        seq: u64,
        reply: oneshot::Sender<Result<(), Trouble>>,
    },
    /// A reader met this: see whether the file must be opened again.
    Look(Trouble),
}

enum Answer {
    Append(Result<Stored, AppendError>),
    Raised(u64),
    Skipped,
    Looked,
}

impl Job {
    /// Facts and what the owner notes are synced before they are acknowledged; positions and the like may be lost with
    /// the machine.
    fn is_durable(&self) -> bool {
        match self {
            Self::Append(request) => !request.stream.last_value(),
            Self::Raise { .. } | Self::Skip { .. } => true,
            Self::Look(_) => false,
        }
    }

    fn answer(self, answer: Answer) {
        match (self, answer) {
            (Self::Append(request), Answer::Append(result)) => drop(request.reply.send(result)),
            (Self::Raise { reply, .. }, Answer::Raised(epoch)) => drop(reply.send(Ok(epoch))),
            (Self::Skip { reply, .. }, Answer::Skipped) => drop(reply.send(Ok(()))),
            (Self::Look(_), Answer::Looked) => {}
            _ => unreachable!("a job is answered in its own way"),
        }
    }

    fn fail(self, trouble: &Trouble) {
        match self {
            Self::Append(request) => {
                let error = if trouble.passes() {
                    AppendError::Unknown(trouble.to_string())
                } else {
                    AppendError::Refused(trouble.to_string())
                };
                let _ = request.reply.send(Err(error));
            }
            Self::Raise { reply, .. } => drop(reply.send(Err(trouble.clone()))),
            Self::Skip { reply, .. } => drop(reply.send(Err(trouble.clone()))),
            Self::Look(_) => {}
        }
    }
}

/// Entries of last-value streams that are committed but not synced, by stream number and subject.
type Unsynced = BTreeMap<(u8, String), (Stream, u64, Entry)>;

/// What a transaction changes in memory once it is committed.
struct Draft {
    state: State,
    time: LogTime,
    answers: Vec<Answer>,
    new_ids: Vec<IdMark>,
    ids_pruned: usize,
    unsynced: Unsynced,
    durable: bool,
    at_limit: bool,
}

/// Why nothing is written now.
struct Halt {
    trouble: Trouble,
    retry_at: Instant,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    options: Options,
    notify: watch::Sender<u64>,
    head: Head,
    state: State,
    time: LogTime,
    ids: VecDeque<IdMark>,
    unsynced: Unsynced,
    /// Unsynced entries that a reopened file does not have; the next transaction puts them back.
    to_restore: Unsynced,
    halt: Option<Halt>,
    /// More entries may be expired: look without waiting for a job.
    expiring: bool,
    /// When they were last looked for, and how old the log was.
    expired_at: Instant,
    expired_age: i64,
    synced_at: Instant,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        options: Options,
        notify: watch::Sender<u64>,
        state: State,
        ids: Vec<IdMark>,
    ) -> Self {
        let (_, now) = (options.clock)();
        let mut head = Head::open(&shared.path);
        head.write(state.commit);
        Self {
            time: LogTime::new(state.newest, state.age, state.jump, now),
            expired_age: state.age,
            head,
            shared,
            options,
            notify,
            state,
            ids: ids.into(),
            unsynced: Unsynced::new(),
            to_restore: Unsynced::new(),
            halt: None,
            expiring: true,
            expired_at: now,
            synced_at: now,
        }
    }

    /// Works until nobody can send jobs any more, then closes the file.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        loop {
            let first = if self.halt.is_some() || self.expiring {
                match inbox.try_recv() {
                    Ok(job) => Some(job),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => break,
                }
            } else {
                match inbox.blocking_recv() {
                    Some(job) => Some(job),
                    None => break,
                }
            };
            if let Some(first) = first {
                let mut jobs = vec![first];
                while jobs.len() < BATCH_MAX
                    && let Ok(job) = inbox.try_recv()
                {
                    jobs.push(job);
                }
                self.serve(jobs);
            } else if self.halt.is_some() {
                std::thread::park_timeout(PAUSE);
            }
            self.retry_if_due();
            self.expire_if_due();
        }
        self.shared.close();
    }

    fn now(&self) -> Instant {
        (self.options.clock)().1
    }

    fn serve(&mut self, jobs: Vec<Job>) {
        if let Some(Halt { trouble: Trouble::Removed(_), .. }) = &self.halt
            && self.shared.still_there().is_ok()
        {
            self.shared.found_again();
            self.halt = None;
        }
        if let Some(trouble) = self.shared.damage() {
            self.halt = Some(Halt { trouble, retry_at: self.now() });
        }
        if self.halt.is_none()
            && let Some(trouble) = jobs.iter().find_map(|job| if let Job::Look(met) = job { Some(met) } else { None })
            && self.shared.with(|database| rows::state(&database.begin_read()?)).is_err()
        {
            tracing::error!(%trouble, "the log cannot be read");
            self.failed(trouble.clone());
        }
        if let Some(halt) = &self.halt {
            for job in jobs {
                job.fail(&halt.trouble);
            }
            return;
        }
        match self.commit(&jobs) {
            Ok(answers) => {
                for (job, answer) in jobs.into_iter().zip(answers) {
                    job.answer(answer);
                }
            }
            Err(trouble) => {
                for job in jobs {
                    job.fail(&trouble);
                }
            }
        }
    }

    /// Commits jobs. On an error nothing of them is stored, and the writer has halted.
    fn commit(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Trouble> {
        let mut draft = None;
        let still_whole = self.shared.still_whole();
        let outcome = still_whole.and_then(|()| {
            let written = self.shared.with(|database| self.write(database, jobs, &mut draft));
            // A transaction that was given up may have made the file longer, too.
            self.shared.note_length();
            written
        });
        let stored = match outcome {
            Ok(()) => true,
            Err(trouble) => {
                tracing::error!(%trouble, "the log cannot be written");
                self.failed(trouble);
                // The commit may have got through although the store reported an error: the opened file tells.
                draft.as_ref().is_some_and(|draft: &Draft| draft.durable && self.state.commit == draft.state.commit)
            }
        };
        match draft {
            Some(draft) if stored => {
                let answers = self.adopt(draft);
                // What was committed into a file that lost its name meanwhile is not acknowledged.
                self.shared.still_there().inspect_err(|trouble| self.failed(trouble.clone()))?;
                Ok(answers)
            }
            _ => Err(self
                .halt
                .as_ref()
                .map_or_else(|| Trouble::Failed("the write failed".to_owned()), |halt| halt.trouble.clone())),
        }
    }

    fn adopt(&mut self, draft: Draft) -> Vec<Answer> {
        self.state = draft.state;
        self.time = draft.time;
        self.ids.drain(..draft.ids_pruned);
        self.ids.extend(draft.new_ids);
        if draft.durable {
            self.unsynced.clear();
            self.to_restore.clear();
            self.head.write(self.state.commit);
            self.synced_at = self.now();
            if self.halt.is_none() {
                self.shared.recovered();
            }
        } else {
            self.unsynced.extend(draft.unsynced);
        }
        if draft.at_limit && self.now().saturating_duration_since(self.expired_at) >= EXPIRE_EVERY_FULL {
            self.expiring = true;
        }
        self.shared.set_held(self.state.held());
        self.notify.send_modify(|commits| *commits += 1);
        draft.answers
    }

    fn write(&self, database: &Database, jobs: &[Job], draft: &mut Option<Draft>) -> Result<(), Trouble> {
        let is_late = self.now().saturating_duration_since(self.synced_at) >= SYNC_EVERY;
        let durable = is_late || jobs.is_empty() || !self.to_restore.is_empty() || jobs.iter().any(Job::is_durable);
        let write = begin(database, durable)?;
        *draft = Some(self.draft(&write, jobs, durable)?);
        write.commit()?;
        Ok(())
    }

    /// Does all of a transaction's work except its commit.
    fn draft(&self, write: &WriteTransaction, jobs: &[Job], durable: bool) -> Result<Draft, Trouble> {
        let mut batch = Batch {
            books: Books::open(write, &self.state.totals)?,
            options: &self.options,
            state: self.state.clone(),
            time: self.time.clone(),
            new_ids: Vec::new(),
            unsynced: Unsynced::new(),
            at_limit: false,
        };
        for (stream, seq, entry) in self.to_restore.values() {
            batch.restore(*stream, *seq, entry)?;
        }
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            answers.push(batch.take(job)?);
        }
        let ids_pruned = batch.prune(&self.ids)?;
        let Batch { books, mut state, time, new_ids, unsynced, at_limit, .. } = batch;
        state.commit += 1;
        (state.newest, state.age, state.jump) = (time.newest(), time.age(), time.jump());
        books.save(&mut state)?;
        Ok(Draft { state, time, answers, new_ids, ids_pruned, unsynced, durable, at_limit })
    }

    /// A write failed: opens the file again, so that readers go on, and halts.
    fn failed(&mut self, trouble: Trouble) {
        self.shared.ill(&trouble);
        let halted = match trouble {
            // The store gave up on the file, or its rows are wrong: opening it again tells which.
            Trouble::Damaged(_) | Trouble::Full(_) | Trouble::Failed(_) => match self.reopen() {
                Ok(()) if trouble.passes() => trouble,
                Ok(()) => Trouble::Failed(trouble.to_string()),
                Err(again) if again.passes() => trouble,
                Err(again) => again,
            },
            other => other,
        };
        self.shared.ill(&halted);
        self.halt = Some(Halt { trouble: halted, retry_at: self.now() + RETRY_EVERY });
    }

    fn reopen(&mut self) -> Result<(), Trouble> {
        self.shared.close();
        let opened = guarded(|| file::open(&self.shared.path, &self.options.opener))?;
        let before = std::mem::replace(&mut self.state, opened.state);
        // What was acknowledged without a sync is put back, and no sequence is given twice.
        self.to_restore.append(&mut self.unsynced);
        self.ids = opened.ids.into();
        for (number, last) in self.state.last.iter_mut().enumerate() {
            *last = (*last).max(before.last[number]);
        }
        self.shared.set(opened.database);
        Ok(())
    }

    fn retry_if_due(&mut self) {
        let Some(halt) = &self.halt else { return };
        if !halt.trouble.passes() || self.now() < halt.retry_at {
            return;
        }
        let trouble = halt.trouble.clone();
        if let Err(why) = self.try_again() {
            tracing::debug!(%why, "the log cannot be written yet");
            let trouble = if why.passes() { trouble } else { why };
            self.shared.ill(&trouble);
            self.halt = Some(Halt { trouble, retry_at: self.now() + RETRY_EVERY });
        }
    }

    /// Opens the file if it is closed, looks whether there is room, and commits an empty transaction.
    fn try_again(&mut self) -> Result<(), Trouble> {
        if !self.shared.is_open() {
            self.reopen()?;
        }
        probe(&self.shared.path)?;
        self.halt = None;
        self.commit(&[])?;
        tracing::info!("the log can be written again");
        Ok(())
    }

    fn expire_if_due(&mut self) {
        if self.halt.is_some() {
            return;
        }
        // By the log's own age: what was stored since the last look is what makes others too old.
        let age = self.time.age();
        if !self.expiring && age - self.expired_age < EXPIRE_EVERY {
            return;
        }
        (self.expired_at, self.expired_age) = (self.now(), age);
        let mut state = self.state.clone();
        let expired = self.shared.with(|database| self.expire(database, &mut state));
        self.shared.note_length();
        match expired {
            Ok(removed) => {
                self.expiring = removed > 0;
                if removed > 0 {
                    self.state = state;
                    self.unsynced.clear();
                    self.to_restore.clear();
                    self.head.write(self.state.commit);
                    self.shared.set_held(self.state.held());
                }
            }
            Err(trouble) => {
                tracing::error!(%trouble, "expired entries cannot be removed");
                self.expiring = false;
                self.failed(trouble);
            }
        }
    }

    /// Removes some of the entries that are too old. Returns how many.
    fn expire(&self, database: &Database, state: &mut State) -> Result<usize, Trouble> {
        let write = begin(database, true)?;
        let mut books = Books::open(&write, &state.totals)?;
        let (mut removed, mut bytes) = (0, 0);
        for stream in Stream::ALL {
            let Some(limit) = age_max(stream) else { continue };
            let mut old = Vec::new();
            for row in redb::ReadableTable::iter(books.table(Book::Entries(stream)))? {
                let (key, sealed) = row?;
                let book = Book::Entries(stream);
                let entry = Entry::decode(rows::checked(book, key.value(), sealed.value())?)?;
                let is_old = self.time.age() - entry.age_mark > limit.0;
                if !is_old || removed + old.len() >= EXPIRE_ROWS_MAX || bytes >= EXPIRE_BYTES_MAX {
                    break;
                }
                bytes += entry.bytes.len();
                old.push((rows::seq_of(key.value())?, entry.subject));
            }
            removed += old.len();
            for (seq, subject) in &old {
                books.remove_entry(stream, *seq, subject)?;
            }
            if stream == Stream::Fleet && !old.is_empty() {
                let first = books.first(stream)?.unwrap_or(state.last(stream) + 1);
                books.forget_skipped_before(first)?;
            }
        }
        if removed > 0 {
            state.commit += 1;
            books.save(state)?;
            write.commit()?;
        }
        Ok(removed)
    }
}

fn begin(database: &Database, durable: bool) -> Result<WriteTransaction, Trouble> {
    let mut write = database.begin_write()?;
    if !durable {
        write
            .set_durability(Durability::None)
            .map_err(|error| Trouble::Failed(format!("it cannot be written without a sync: {error}")))?;
    }
    Ok(write)
}

/// Writes and removes a file beside the log, to see whether there is room.
fn probe(log: &std::path::Path) -> Result<(), Trouble> {
    let mut name = log.as_os_str().to_owned();
    name.push(".probe");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&name)?;
        std::io::Write::write_all(&mut file, &vec![1; ROOM])?;
        file.sync_all()
    };
    let outcome = write();
    let _ = std::fs::remove_file(&name);
    Ok(outcome?)
}

/// One transaction's work.
struct Batch<'a> {
    books: Books<'a>,
    options: &'a Options,
    state: State,
    time: LogTime,
    new_ids: Vec<IdMark>,
    unsynced: Unsynced,
    at_limit: bool,
}

impl Batch<'_> {
    fn take(&mut self, job: &Job) -> Result<Answer, Trouble> {
        match job {
            Job::Append(request) => Ok(Answer::Append(self.append(request)?)),
            Job::Raise { zone, .. } => {
                let before = self.books.get(Book::Epochs, zone.as_bytes())?;
                let epoch = before.map_or(Ok(0), |before| decode_number(&before))? + 1;
                self.books.put(Book::Epochs, zone.as_bytes(), &epoch.to_le_bytes())?;
                Ok(Answer::Raised(epoch))
            }
            Job::Skip { zone, seq, .. } => {
                self.books.put(Book::Skipped, &skipped_key(zone, *seq), &[])?;
                Ok(Answer::Skipped)
            }
            Job::Look(_) => Ok(Answer::Looked),
        }
    }

    fn append(&mut self, request: &Request) -> Result<Result<Stored, AppendError>, Trouble> {
        let stream = request.stream;
        let (wall, monotonic) = (self.options.clock)();
        let at = self.time.stamp(wall, monotonic);
        let id_key = text_key(stream, &request.id);
        if !request.id.is_empty()
            && let Some(before) = self.books.get(Book::Ids, &id_key)?
        {
            let (seq, age_mark) = decode_id(&before)?;
            if self.time.age() - age_mark <= DEDUPE.0 {
                return Ok(Ok(Stored { seq, duplicate: true }));
            }
        }
        let standing = self.books.get(Book::Last, &text_key(stream, &request.subject))?;
        let standing = standing.map_or(Ok(0), |seq| decode_number(&seq))?;
        if request.expected.is_some_and(|expected| expected != standing) {
            return Ok(Err(AppendError::WrongSequence));
        }
        let entry =
            Entry { at, age_mark: self.time.age(), subject: request.subject.clone(), bytes: request.bytes.clone() };
        if !self.has_room(stream, standing, &entry)? {
            self.at_limit = true;
            return Ok(Err(AppendError::Refused(format!(
                "the log file holds {} of {} bytes: it is full until old entries expire",
                self.books.held(),
                self.options.limit
            ))));
        }
        let seq = self.state.last(stream) + 1;
        self.state.last[usize::from(code(stream))] = seq;
        self.books.put_entry(stream, seq, &entry)?;
        if !request.id.is_empty() && stream != Stream::Position {
            self.books.put(Book::Ids, &id_key, &encode_id(seq, entry.age_mark))?;
            self.new_ids.push((entry.age_mark, id_key));
        }
        if stream.last_value() {
            self.unsynced.insert((code(stream), request.subject.clone()), (stream, seq, entry));
        }
        Ok(Ok(Stored { seq, duplicate: false }))
    }

    /// Whether the limit allows an entry. What replaces an entry that is as large is always allowed. Assignments and
    /// features are too: there is one for each vehicle or road, and the engine does not repeat them. Positions and times of
    /// arrival leave the last sixteenth to facts.
    fn has_room(&self, stream: Stream, standing: u64, entry: &Entry) -> Result<bool, Trouble> {
        let limit = match stream {
            Stream::Assignment | Stream::Feature => return Ok(true),
            Stream::Position | Stream::Eta => self.options.limit - self.options.limit / 16,
            Stream::Fleet | Stream::Rejected | Stream::Warning | Stream::Alert => self.options.limit,
        };
        let new = entry.size(stream);
        let old = if stream.last_value() && standing != 0 {
            self.books.size(Book::Entries(stream), &entry_key(standing))?
                + self.books.size(Book::Zones, &zone_key(stream, zone_of(&entry.subject), standing))?
                + self.books.size(Book::Last, &text_key(stream, &entry.subject))?
        } else {
            0
        };
        Ok(new <= old || self.books.held() + new - old <= limit)
    }

    /// Puts back an entry that was acknowledged without a sync, unless its subject has a later one.
    fn restore(&mut self, stream: Stream, seq: u64, entry: &Entry) -> Result<(), Trouble> {
        let standing = self.books.get(Book::Last, &text_key(stream, &entry.subject))?;
        if standing.map_or(Ok(0), |seq| decode_number(&seq))? < seq {
            self.books.put_entry(stream, seq, entry)?;
        }
        Ok(())
    }

    /// Forgets message ids whose window is over. Returns how many of `ids`, from the front, are dealt with.
    fn prune(&mut self, ids: &VecDeque<IdMark>) -> Result<usize, Trouble> {
        let mut pruned = 0;
        for (age_mark, key) in ids.iter().take(2 * BATCH_MAX) {
            if self.time.age() - age_mark <= DEDUPE.0 {
                break;
            }
            // An id that came again after its window has a younger row, which stays.
            if let Some(row) = self.books.get(Book::Ids, key)?
                && decode_id(&row)?.1 == *age_mark
            {
                self.books.remove(Book::Ids, key)?;
            }
            pruned += 1;
        }
        Ok(pruned)
    }
}

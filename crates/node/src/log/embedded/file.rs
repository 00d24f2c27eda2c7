//! Opening the file, and reading it through before anything of it is believed.
//!
//! The store (`redb`) checks its own pages; then every row is read and held against its seal, and every table against its
//! totals. For 100 MB (125,000 messages) that took 3.4 s in a build for tests, on two busy
//! cores; `time_to_open_100_mb` measures it. A file that passes is exactly what was committed last.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use redb::{Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable};

use super::rows::{
    Book, Books, Entry, FORMAT_BEFORE, STATE, State, Totals, checked, code, decode_id, seq_of, state, table_names,
};
use super::trouble::Trouble;
use super::{DEDUPE, blobs, head, upgrade};
use crate::log::Stream;

/// Memory for pages of the file. A guess: the newest entries and the inner pages fit.
const CACHE: usize = 128 << 20;

/// Makes a database of a file; tests put failures in between.
pub(super) type Opener = Arc<dyn Fn(&Builder, &Path) -> Result<Database, DatabaseError> + Send + Sync>;

/// A message id in the window, with the log's age when it came.
pub(super) type IdMark = (i64, Vec<u8>);

/// An opened file.
pub(super) struct Opened {
    pub database: Database,
    pub state: State,
    /// The remembered message ids, oldest first.
    pub ids: Vec<IdMark>,
}

/// Opens the file, or makes it, upgrades it when it is of version 0.1, and verifies all of it.
///
/// # Errors
///
/// When another process holds it, the system refuses, or it is not what was written. No row of it is then changed; the store
/// itself may have written its own marks into the file, as it does whenever it opens one.
pub(super) fn open(path: &Path, opener: &Opener) -> Result<Opened, Trouble> {
    let (is_absent, is_empty) = match std::fs::metadata(path) {
        Ok(found) => (false, found.len() == 0),
        Err(error) => (error.kind() == ErrorKind::NotFound, false),
    };
    // Only where neither file is there a log begins.
    let acknowledged = match head::read(path) {
        head::Found::Commit(acknowledged) if is_absent || is_empty => return Err(Trouble::Missing { acknowledged }),
        head::Found::Commit(acknowledged) => acknowledged,
        head::Found::Damaged => return Err(Trouble::HeadDamaged),
        head::Found::Absent if is_empty => return Err(Trouble::Empty),
        head::Found::Absent if is_absent && !blobs::list(path, "")?.is_empty() => {
            return Err(Trouble::MissingBesideBases);
        }
        head::Found::Absent => 0,
    };
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    let database = opener(&builder, path)?;
    let tables = table_names(&database)?;
    let is_ours = tables.iter().any(|name| name.starts_with("2 "));
    let is_of_0_1 = upgrade::is_of_0_1(&database, &tables)?;
    if is_ours && is_of_0_1 {
        return Err(Trouble::WrittenBy01);
    }
    if !is_ours {
        if !is_of_0_1 && !tables.is_empty() {
            return Err(Trouble::Failed(format!("it is the database of another program (its tables are {tables:?})")));
        }
        if acknowledged > 0 {
            return Err(Trouble::Behind { commit: 0, acknowledged });
        }
        if is_of_0_1 {
            tracing::info!(path = %path.display(), "the log file is of version 0.1: upgrading it");
            upgrade::upgrade(&database, DEDUPE)?;
        } else {
            prepare(&database)?;
        }
    }
    let read = database.begin_read()?;
    let (mut state, ids) = verify(&read)?;
    drop(read);
    if state.commit < acknowledged {
        return Err(Trouble::Behind { commit: state.commit, acknowledged });
    }
    if is_ours && !upgrade::is_barred(&tables) {
        // Written by a build before 0.2.0, which did not bar 0.1.
        let write = database.begin_write()?;
        upgrade::bar(&write)?;
        write.commit()?;
    }
    if state.format == FORMAT_BEFORE {
        let write = database.begin_write()?;
        Books::open(&write, &state.totals)?.save(&mut state)?;
        write.commit()?;
    }
    Ok(Opened { database, state, ids })
}

/// Makes the tables of a new file.
fn prepare(database: &Database) -> Result<(), Trouble> {
    let write = database.begin_write()?;
    Books::open(&write, &<[_; Book::COUNT]>::default())?.save(&mut State::default())?;
    upgrade::bar(&write)?;
    write.commit()?;
    Ok(())
}

/// Reads every row.
///
/// # Errors
///
/// When a row does not match its checksum, a row is missing or has come back, or sequences have a gap.
pub(super) fn verify(read: &ReadTransaction) -> Result<(State, Vec<IdMark>), Trouble> {
    let state = state(read)?;
    if read.open_table(STATE)?.iter()?.count() != 1 {
        return Err(Trouble::damaged("there is more than one row of counters"));
    }
    let mut ids = Vec::new();
    for book in Book::ALL {
        let found = match book {
            Book::Entries(Stream::Alert | Stream::Eta) if state.format == FORMAT_BEFORE => Totals::default(),
            Book::Entries(stream) => verify_entries(read, stream, &state)?,
            Book::Ids => verify_book(read, book, |key, value| {
                ids.push((decode_id(value)?.1, key.to_vec()));
                Ok(())
            })?,
            _ => verify_book(read, book, |_, _| Ok(()))?,
        };
        if found != state.totals[book.index()] {
            return Err(Trouble::damaged(format!(
                "table {:?} has {} rows of {} bytes, the counters say {} rows of {} bytes",
                book.name(),
                found.rows,
                found.bytes,
                state.totals[book.index()].rows,
                state.totals[book.index()].bytes,
            )));
        }
    }
    ids.sort_unstable();
    Ok((state, ids))
}

fn verify_book(
    read: &ReadTransaction,
    book: Book,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Trouble>,
) -> Result<Totals, Trouble> {
    let mut totals = Totals::default();
    for row in read.open_table(book.definition())?.iter()? {
        let (key, sealed) = row?;
        let value = checked(book, key.value(), sealed.value())?;
        totals.add(key.value(), sealed.value());
        each(key.value(), value)?;
    }
    Ok(totals)
}

/// The entries of facts and of rejected messages stand without a gap up to the last sequence given.
fn verify_entries(read: &ReadTransaction, stream: Stream, state: &State) -> Result<Totals, Trouble> {
    let (mut before, mut age_mark) = (None, i64::MIN);
    let last = state.last[usize::from(code(stream))];
    let totals = verify_book(read, Book::Entries(stream), |key, value| {
        let (seq, entry) = (seq_of(key)?, Entry::decode(value)?);
        if seq > last {
            return Err(Trouble::damaged(format!("stream {} has entry {seq} behind its last, {last}", stream.name())));
        }
        if let Some(before) = before
            && !stream.last_value()
            && seq != before + 1
        {
            return Err(Trouble::damaged(format!(
                "stream {} goes from entry {before} to entry {seq}: what is between is missing",
                stream.name()
            )));
        }
        if entry.age_mark < age_mark || entry.age_mark > state.age {
            return Err(Trouble::damaged(format!("entry {seq} of stream {} is out of its time", stream.name())));
        }
        (before, age_mark) = (Some(seq), entry.age_mark);
        Ok(())
    })?;
    if let Some(before) = before
        && !stream.last_value()
        && before != last
    {
        return Err(Trouble::damaged(format!("stream {} ends at entry {before} instead of {last}", stream.name())));
    }
    Ok(totals)
}

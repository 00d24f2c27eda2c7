//! Reads a file of version 0.1 (layout 1) and writes its rows anew as layout 2, in one transaction.
//!
//! Layout 1 had five tables and no seals. Its entries carried no age mark: their times, in order, give them one. Rows that
//! point at entries that are gone (they were never removed) stay behind, and so do message ids outside of their window.

use std::collections::BTreeMap;

use bytes::Bytes;
use fleetfold_model::{Millis, Timestamp};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle, WriteTransaction};

use super::rows::{Book, Books, Definition, Entry, State, code, encode_id, skipped_key, text_key};
use super::time::GAP_MAX;
use super::trouble::Trouble;
use crate::log::Stream;

/// (stream, sequence) → (log time, subject, bytes).
pub(super) const ENTRIES: TableDefinition<(u8, u64), (i64, &str, &[u8])> = TableDefinition::new("entries");
/// (stream, subject) → sequence of its last message.
pub(super) const LAST: TableDefinition<(u8, &str), u64> = TableDefinition::new("last");
/// (stream, id) → (sequence, log time).
pub(super) const IDS: TableDefinition<(u8, &str), (u64, i64)> = TableDefinition::new("ids");
/// Last sequence per stream, epoch per zone, times and bytes.
pub(super) const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");
/// (`TENANT.ZONE`, sequence).
pub(super) const SKIPPED: TableDefinition<(&str, u64), ()> = TableDefinition::new("skipped");

/// The tables of layout 1.
const TABLES: [&str; 5] = ["entries", "last", "ids", "counters", "skipped"];

/// Whether tables of layout 1 stand in the file: such as version 0.1 opens.
pub(super) fn is_of_0_1(database: &Database, tables: &[String]) -> Result<bool, Trouble> {
    if !tables.iter().any(|name| name == ENTRIES.name()) {
        return Ok(false);
    }
    match database.begin_read()?.open_table(ENTRIES) {
        Ok(_) => Ok(true),
        Err(TableError::TableTypeMismatch { .. } | TableError::TypeDefinitionChanged { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether [`bar`] has been here.
pub(super) fn is_barred(tables: &[String]) -> bool {
    TABLES.iter().all(|barred| tables.iter().any(|name| name == barred))
}

/// Bars version 0.1 from the file. It makes the tables that it misses, and would take a file without them for an empty log.
/// So they stand in every file, empty and of other types, and 0.1 fails when it opens them.
pub(super) fn bar(write: &WriteTransaction) -> Result<(), Trouble> {
    for name in TABLES {
        write.open_table(Definition::new(name))?;
    }
    Ok(())
}

fn stream(number: u8) -> Result<Stream, Trouble> {
    Stream::ALL
        .into_iter()
        .find(|&stream| code(stream) == number)
        .ok_or_else(|| Trouble::damaged(format!("there is no stream {number}")))
}

/// Upgrades the file.
pub(super) fn upgrade(database: &Database, dedupe: Millis) -> Result<(), Trouble> {
    let write = database.begin_write()?;
    {
        let (entries, ids) = (write.open_table(ENTRIES)?, write.open_table(IDS)?);
        let (counters, skipped) = (write.open_table(COUNTERS)?, write.open_table(SKIPPED)?);
        let mut books = Books::open(&write, &<[_; Book::COUNT]>::default())?;
        let mut state = State::default();

        let ages = ages(&entries)?;
        let age_at = |at: i64| ages.range(..=at).next_back().map_or(0, |(_, &age)| age);
        state.newest = ages.last_key_value().map(|(&at, _)| at);
        state.age = ages.last_key_value().map_or(0, |(_, &age)| age);

        for row in entries.iter()? {
            let (key, value) = row?;
            let ((number, seq), (at, subject, bytes)) = (key.value(), value.value());
            let bytes = Bytes::copy_from_slice(bytes);
            let entry = Entry { at: Timestamp(at), age_mark: age_at(at), subject: subject.to_owned(), bytes };
            books.put_entry(stream(number)?, seq, &entry)?;
        }
        for row in ids.iter()? {
            let (key, value) = row?;
            let ((number, id), (seq, at)) = (key.value(), value.value());
            if state.newest.is_some_and(|newest| newest - at <= dedupe.0) {
                books.put(Book::Ids, &text_key(stream(number)?, id), &encode_id(seq, age_at(at)))?;
            }
        }
        for row in skipped.iter()? {
            let key = row?.0;
            let (zone, seq) = key.value();
            books.put(Book::Skipped, &skipped_key(&format!("fleet.{zone}"), seq), &[])?;
        }
        for row in counters.iter()? {
            let (key, value) = row?;
            if let Some(zone) = key.value().strip_prefix("epoch ") {
                books.put(Book::Epochs, format!("fleet.{zone}").as_bytes(), &value.value().to_le_bytes())?;
            }
        }
        for stream in Stream::ALL {
            state.last[usize::from(code(stream))] = counters.get(stream.name())?.map_or(0, |last| last.value());
        }
        if let Some(first) = books.first(Stream::Fleet)? {
            books.forget_skipped_before(first)?;
        }
        books.save(&mut state)?;
    }
    write.delete_table(ENTRIES)?;
    write.delete_table(LAST)?;
    write.delete_table(IDS)?;
    write.delete_table(COUNTERS)?;
    write.delete_table(SKIPPED)?;
    bar(&write)?;
    write.commit()?;
    Ok(())
}

/// Time of an entry → the log's age then.
fn ages(
    entries: &impl ReadableTable<(u8, u64), (i64, &'static str, &'static [u8])>,
) -> Result<BTreeMap<i64, i64>, Trouble> {
    let mut ages = BTreeMap::new();
    for row in entries.iter()? {
        ages.insert(row?.1.value().0, 0);
    }
    let (mut before, mut age) = (None, 0);
    for (&at, mark) in &mut ages {
        age += before.map_or(0, |before: i64| (at - before).min(GAP_MAX.0));
        *mark = age;
        before = Some(at);
    }
    Ok(ages)
}

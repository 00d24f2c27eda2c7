//! The rows of the log file: their keys, their values, the seal on each, and the totals over all of them.
//!
//! Every table maps bytes to bytes. A value begins with a *seal*: 16 bytes of BLAKE3 over the table, the key and the rest
//! of the value. A row that was changed, or moved to another key or table, no longer fits its seal. What a seal cannot
//! show is a row that is missing, or an old row that has come back. For that the state row holds, for each table, the
//! number of rows, their bytes, and the sum of their seals.

use bytes::Bytes;
use fleetfold_model::Timestamp;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::trouble::Trouble;
use crate::log::{Message, Stream};

/// The layout described in this file. Version 0.1 of the program wrote layout 1, which had no seals. Layout 2 had no alerts and no
/// times of arrival; it is read, and written anew as this one.
pub(super) const FORMAT: u32 = 3;
/// The layout before.
pub(super) const FORMAT_BEFORE: u32 = 2;

/// Bytes of a seal. With 128 bits, the chance that damage goes unseen is 2⁻¹²⁸ per damaged row.
const SEAL: usize = 16;

/// Every table of bytes.
pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// One table of the file. The order of the variants is not written anywhere; [`Book::index`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Book {
    /// Sequence → entry, one table for each stream.
    Entries(Stream),
    /// Stream, zone, sequence → nothing: which entries belong to a zone.
    Zones,
    /// Stream, subject → sequence of the subject's last entry.
    Last,
    /// Stream, message id → sequence and age mark: the window in which a repeated message is recognised.
    Ids,
    /// Zone, sequence → nothing: entries that the zone's fold leaves out.
    Skipped,
    /// Zone → epoch of its last lease.
    Epochs,
}

impl Book {
    /// Number of books.
    pub(super) const COUNT: usize = 13;

    /// All of them, in the order of [`Book::index`].
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Entries(Stream::Fleet),
        Self::Entries(Stream::Position),
        Self::Entries(Stream::Assignment),
        Self::Entries(Stream::Feature),
        Self::Entries(Stream::Rejected),
        Self::Entries(Stream::Warning),
        Self::Zones,
        Self::Last,
        Self::Ids,
        Self::Skipped,
        Self::Epochs,
        Self::Entries(Stream::Alert),
        Self::Entries(Stream::Eta),
    ];

    /// Its number in the file. These numbers are part of the format: never change one.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Entries(Stream::Alert) => 11,
            Self::Entries(Stream::Eta) => 12,
            Self::Entries(stream) => usize::from(code(stream)),
            Self::Zones => 6,
            Self::Last => 7,
            Self::Ids => 8,
            Self::Skipped => 9,
            Self::Epochs => 10,
        }
    }

    /// The table's name in the file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Entries(Stream::Fleet) => "2 FLEET",
            Self::Entries(Stream::Position) => "2 POSITION",
            Self::Entries(Stream::Assignment) => "2 ASSIGNMENT",
            Self::Entries(Stream::Feature) => "2 FEATURE",
            Self::Entries(Stream::Rejected) => "2 REJECTED",
            Self::Entries(Stream::Warning) => "2 WARNING",
            Self::Entries(Stream::Alert) => "2 ALERT",
            Self::Entries(Stream::Eta) => "2 ETA",
            Self::Zones => "2 zones",
            Self::Last => "2 last",
            Self::Ids => "2 ids",
            Self::Skipped => "2 skipped",
            Self::Epochs => "2 epochs",
        }
    }

    pub(super) fn definition(self) -> Definition {
        TableDefinition::new(self.name())
    }
}

/// The table of the one state row.
pub(super) const STATE: Definition = TableDefinition::new("2 state");
const STATE_KEY: &[u8] = b"state";
/// The state row's number where a book's number would stand in a seal.
const STATE_TAG: u8 = 255;

/// A stream's number in the file. These numbers are part of the format: never change one.
pub(super) fn code(stream: Stream) -> u8 {
    match stream {
        Stream::Fleet => 0,
        Stream::Position => 1,
        Stream::Assignment => 2,
        Stream::Feature => 3,
        Stream::Rejected => 4,
        Stream::Warning => 5,
        Stream::Alert => 6,
        Stream::Eta => 7,
    }
}

/// The tenant and zone that a subject names: `fleet.acme.porto` of `fleet.acme.porto.plan`.
pub(super) fn zone_of(subject: &str) -> &str {
    subject.match_indices('.').nth(2).map_or(subject, |(end, _)| &subject[..end])
}

/// Key of an entry in its stream's table.
pub(super) fn entry_key(seq: u64) -> [u8; 8] {
    seq.to_be_bytes()
}

/// Key in [`Book::Zones`]: `zone` as [`zone_of`] gives it.
pub(super) fn zone_key(stream: Stream, zone: &str, seq: u64) -> Vec<u8> {
    let mut key = vec![code(stream)];
    key.extend_from_slice(zone.as_bytes());
    key.push(0);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// Key in [`Book::Last`] (`text` is a subject) and [`Book::Ids`] (`text` is a message id).
pub(super) fn text_key(stream: Stream, text: &str) -> Vec<u8> {
    let mut key = vec![code(stream)];
    key.extend_from_slice(text.as_bytes());
    key
}

/// Key in [`Book::Skipped`]: `zone` is `fleet.TENANT.ZONE`.
pub(super) fn skipped_key(zone: &str, seq: u64) -> Vec<u8> {
    let mut key = zone.as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// The sequence at the end of a key of [`Book::Entries`], [`Book::Zones`] or [`Book::Skipped`].
pub(super) fn seq_of(key: &[u8]) -> Result<u64, Trouble> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(|| Trouble::damaged("a key is cut short"))
}

/// One entry as the file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// When the log took it.
    pub at: Timestamp,
    /// How old the log was when it took it: see [`super::time`].
    pub age_mark: i64,
    /// Its subject.
    pub subject: String,
    /// The message.
    pub bytes: Bytes,
}

impl Entry {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(20 + self.subject.len() + self.bytes.len());
        value.extend_from_slice(&self.at.0.to_le_bytes());
        value.extend_from_slice(&self.age_mark.to_le_bytes());
        value.extend_from_slice(&(self.subject.len() as u32).to_le_bytes());
        value.extend_from_slice(self.subject.as_bytes());
        value.extend_from_slice(&self.bytes);
        value
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, Trouble> {
        let parts = || {
            let (at, rest) = value.split_first_chunk::<8>()?;
            let (age_mark, rest) = rest.split_first_chunk::<8>()?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (subject, bytes) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            Some(Self {
                at: Timestamp(i64::from_le_bytes(*at)),
                age_mark: i64::from_le_bytes(*age_mark),
                subject: std::str::from_utf8(subject).ok()?.to_owned(),
                bytes: Bytes::copy_from_slice(bytes),
            })
        };
        parts().ok_or_else(|| Trouble::damaged("an entry cannot be read"))
    }

    /// Bytes of the rows that it takes in a stream.
    pub(super) fn size(&self, stream: Stream) -> u64 {
        let entry = size_of::<u64>() + SEAL + self.encode().len();
        let zone = zone_key(stream, zone_of(&self.subject), 0).len() + SEAL;
        let last = text_key(stream, &self.subject).len() + SEAL + size_of::<u64>();
        (entry + zone + last) as u64
    }

    pub(super) fn message(self, seq: u64) -> Message {
        Message { seq, at: self.at, subject: self.subject, bytes: self.bytes, published: None }
    }
}

/// A value of two numbers: sequence and age mark of a remembered message id.
pub(super) fn encode_id(seq: u64, age_mark: i64) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&seq.to_le_bytes());
    value[8..].copy_from_slice(&age_mark.to_le_bytes());
    value
}

pub(super) fn decode_id(value: &[u8]) -> Result<(u64, i64), Trouble> {
    let parts = || {
        let (seq, rest) = value.split_first_chunk::<8>()?;
        Some((u64::from_le_bytes(*seq), i64::from_le_bytes(*rest.first_chunk::<8>()?)))
    };
    parts().ok_or_else(|| Trouble::damaged("a message id's row cannot be read"))
}

/// A value of one number: a sequence or an epoch.
pub(super) fn decode_number(value: &[u8]) -> Result<u64, Trouble> {
    value
        .first_chunk::<8>()
        .map(|bytes| u64::from_le_bytes(*bytes))
        .ok_or_else(|| Trouble::damaged("a number is cut short"))
}

/// What a table holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    /// Number of rows.
    pub rows: u64,
    /// Bytes of all keys and values, seals included.
    pub bytes: u64,
    /// Sum of all seals, as numbers modulo 2¹²⁸. It does not depend on the order of the rows.
    sum: u128,
}

impl Totals {
    pub(super) fn add(&mut self, key: &[u8], sealed: &[u8]) {
        self.rows += 1;
        self.bytes += (key.len() + sealed.len()) as u64;
        self.sum = self.sum.wrapping_add(seal_number(sealed));
    }

    /// Saturates: totals that disagree with the rows are found when the file is opened, not here.
    pub(super) fn remove(&mut self, key: &[u8], sealed: &[u8]) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub((key.len() + sealed.len()) as u64);
        self.sum = self.sum.wrapping_sub(seal_number(sealed));
    }
}

fn seal_number(sealed: &[u8]) -> u128 {
    sealed.first_chunk::<SEAL>().map_or(0, |seal| u128::from_le_bytes(*seal))
}

fn seal(tag: u8, key: &[u8], value: &[u8]) -> [u8; SEAL] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[tag]).update(&(key.len() as u32).to_le_bytes()).update(key).update(value);
    *hasher.finalize().as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes")
}

fn with_seal(tag: u8, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL + value.len());
    sealed.extend_from_slice(&seal(tag, key, value));
    sealed.extend_from_slice(value);
    sealed
}

fn without_seal<'a>(tag: u8, key: &[u8], sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (found, value) = sealed.split_first_chunk::<SEAL>()?;
    (*found == seal(tag, key, value)).then_some(value)
}

/// The value of a row, once its seal is found to be right.
///
/// # Errors
///
/// When the row does not fit its seal.
pub(super) fn checked<'a>(book: Book, key: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], Trouble> {
    without_seal(book.index() as u8, key, sealed).ok_or_else(|| match book {
        Book::Entries(stream) => Trouble::damaged(format!(
            "entry {} of stream {} does not match its checksum",
            seq_of(key).unwrap_or_default(),
            stream.name()
        )),
        _ => Trouble::damaged(format!("a row of table {:?} does not match its checksum", book.name())),
    })
}

/// What the file says of itself in one row, written with every commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The layout: [`FORMAT`].
    pub format: u32,
    /// Number of commits so far.
    pub commit: u64,
    /// The log time of the newest entry in milliseconds; `None` in a log that never had one.
    pub newest: Option<i64>,
    /// Milliseconds of log time that the log has been in use: see [`super::time`].
    pub age: i64,
    /// The largest recent jump of log time.
    pub jump: Option<super::time::Jump>,
    /// The last sequence that each stream gave, by [`code`].
    pub last: [u64; 8],
    /// What each book holds, by [`Book::index`].
    pub totals: [Totals; Book::COUNT],
}

/// The state row of layout 2.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
pub(super) struct StateBefore {
    pub format: u32,
    pub commit: u64,
    pub newest: Option<i64>,
    pub age: i64,
    pub jump: Option<super::time::Jump>,
    pub last: [u64; 6],
    pub totals: [Totals; 11],
}

impl From<StateBefore> for State {
    fn from(before: StateBefore) -> Self {
        let StateBefore { format, commit, newest, age, jump, last, totals } = before;
        let mut state = Self { format, commit, newest, age, jump, ..Self::default() };
        state.last[..last.len()].copy_from_slice(&last);
        state.totals[..totals.len()].copy_from_slice(&totals);
        state
    }
}

impl State {
    /// Bytes of all rows: what counts against the limit.
    pub(super) fn held(&self) -> u64 {
        self.totals.iter().map(|totals| totals.bytes).sum()
    }

    pub(super) fn last(&self, stream: Stream) -> u64 {
        self.last[usize::from(code(stream))]
    }

    /// Reads the state row. `None`: the table is empty.
    pub(super) fn read(table: &impl ReadableTable<&'static [u8], &'static [u8]>) -> Result<Option<Self>, Trouble> {
        let Some(sealed) = table.get(STATE_KEY)? else { return Ok(None) };
        let value = without_seal(STATE_TAG, STATE_KEY, sealed.value())
            .ok_or_else(|| Trouble::damaged("the row of counters does not match its checksum"))?;
        // The format stands first, so that a file of a later layout is recognised before the rest is read.
        let (format, _) = postcard::take_from_bytes::<u32>(value)
            .map_err(|_| Trouble::damaged("the row of counters cannot be read"))?;
        let state = match format {
            FORMAT => postcard::from_bytes(value),
            FORMAT_BEFORE => postcard::from_bytes::<StateBefore>(value).map(Self::from),
            _ => return Err(Trouble::Newer(format)),
        };
        state.map(Some).map_err(|_| Trouble::damaged("the row of counters cannot be read"))
    }
}

/// Writes the row of counters as layout 2 had it.
#[cfg(test)]
pub(super) fn make_layout_2(write: &WriteTransaction) -> Result<(), Trouble> {
    let mut table = write.open_table(STATE)?;
    let State { format: _, commit, newest, age, jump, last, totals } =
        State::read(&table)?.ok_or_else(|| Trouble::damaged("the row of counters is missing"))?;
    let (last, totals) = (*last.first_chunk().expect("six"), *totals.first_chunk().expect("eleven"));
    let before = StateBefore { format: FORMAT_BEFORE, commit, newest, age, jump, last, totals };
    let value = postcard::to_stdvec(&before).expect("numbers can be written");
    table.insert(STATE_KEY, with_seal(STATE_TAG, STATE_KEY, &value).as_slice())?;
    Ok(())
}

/// One value of a table, seen by a reader.
pub(super) fn get(read: &ReadTransaction, book: Book, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
    let table = read.open_table(book.definition())?;
    let found = table.get(key)?;
    found.map(|sealed| checked(book, key, sealed.value()).map(<[u8]>::to_vec)).transpose()
}

/// One entry, seen by a reader.
pub(super) fn entry(read: &ReadTransaction, stream: Stream, seq: u64) -> Result<Option<Entry>, Trouble> {
    get(read, Book::Entries(stream), &entry_key(seq))?.map(|value| Entry::decode(&value)).transpose()
}

/// The state row, seen by a reader.
pub(super) fn state(read: &ReadTransaction) -> Result<State, Trouble> {
    State::read(&read.open_table(STATE)?)?.ok_or_else(|| Trouble::damaged("the row of counters is missing"))
}

/// Names of the tables in a file.
pub(super) fn table_names(database: &Database) -> Result<Vec<String>, Trouble> {
    Ok(database.begin_read()?.list_tables()?.map(|table| table.name().to_owned()).collect())
}

/// Every table inside one write transaction, with totals that follow what is written.
pub(super) struct Books<'a> {
    tables: Vec<redb::Table<'a, &'static [u8], &'static [u8]>>,
    state: redb::Table<'a, &'static [u8], &'static [u8]>,
    totals: [Totals; Book::COUNT],
}

impl<'a> Books<'a> {
    /// Opens the tables, making those that are missing.
    pub(super) fn open(write: &'a WriteTransaction, totals: &[Totals; Book::COUNT]) -> Result<Self, Trouble> {
        let mut tables = Vec::with_capacity(Book::COUNT);
        for book in Book::ALL {
            tables.push(write.open_table(book.definition())?);
        }
        Ok(Self { tables, state: write.open_table(STATE)?, totals: *totals })
    }

    /// Bytes of all rows.
    pub(super) fn held(&self) -> u64 {
        self.totals.iter().map(|totals| totals.bytes).sum()
    }

    pub(super) fn table(&self, book: Book) -> &redb::Table<'a, &'static [u8], &'static [u8]> {
        &self.tables[book.index()]
    }

    pub(super) fn get(&self, book: Book, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        let found = self.table(book).get(key)?;
        found.map(|sealed| checked(book, key, sealed.value()).map(<[u8]>::to_vec)).transpose()
    }

    /// Bytes that the row at `key` takes; 0 when there is none.
    pub(super) fn size(&self, book: Book, key: &[u8]) -> Result<u64, Trouble> {
        Ok(self.table(book).get(key)?.map_or(0, |sealed| (key.len() + sealed.value().len()) as u64))
    }

    pub(super) fn put(&mut self, book: Book, key: &[u8], value: &[u8]) -> Result<(), Trouble> {
        let sealed = with_seal(book.index() as u8, key, value);
        let totals = &mut self.totals[book.index()];
        if let Some(before) = self.tables[book.index()].insert(key, sealed.as_slice())? {
            totals.remove(key, before.value());
        }
        totals.add(key, &sealed);
        Ok(())
    }

    pub(super) fn remove(&mut self, book: Book, key: &[u8]) -> Result<(), Trouble> {
        if let Some(before) = self.tables[book.index()].remove(key)? {
            self.totals[book.index()].remove(key, before.value());
        }
        Ok(())
    }

    /// Puts an entry and what points at it. The entry that the same subject had before goes from a stream that keeps
    /// only last values.
    pub(super) fn put_entry(&mut self, stream: Stream, seq: u64, entry: &Entry) -> Result<(), Trouble> {
        let last_key = text_key(stream, &entry.subject);
        if stream.last_value()
            && let Some(before) = self.get(Book::Last, &last_key)?
        {
            let before = decode_number(&before)?;
            self.remove(Book::Entries(stream), &entry_key(before))?;
            self.remove(Book::Zones, &zone_key(stream, zone_of(&entry.subject), before))?;
        }
        self.put(Book::Entries(stream), &entry_key(seq), &entry.encode())?;
        self.put(Book::Zones, &zone_key(stream, zone_of(&entry.subject), seq), &[])?;
        self.put(Book::Last, &last_key, &seq.to_le_bytes())
    }

    /// Takes out an entry and what points at it.
    pub(super) fn remove_entry(&mut self, stream: Stream, seq: u64, subject: &str) -> Result<(), Trouble> {
        self.remove(Book::Entries(stream), &entry_key(seq))?;
        self.remove(Book::Zones, &zone_key(stream, zone_of(subject), seq))?;
        let last_key = text_key(stream, subject);
        if let Some(last) = self.get(Book::Last, &last_key)?
            && decode_number(&last)? == seq
        {
            self.remove(Book::Last, &last_key)?;
        }
        Ok(())
    }

    /// Takes out the notes of skipped entries below `first`: those entries are gone.
    pub(super) fn forget_skipped_before(&mut self, first: u64) -> Result<(), Trouble> {
        let mut gone = Vec::new();
        for row in self.table(Book::Skipped).iter()? {
            let key = row?.0;
            if seq_of(key.value())? < first {
                gone.push(key.value().to_vec());
            }
        }
        for key in gone {
            self.remove(Book::Skipped, &key)?;
        }
        Ok(())
    }

    /// The first sequence that a stream still holds.
    pub(super) fn first(&self, stream: Stream) -> Result<Option<u64>, Trouble> {
        self.table(Book::Entries(stream)).first()?.map(|(key, _)| seq_of(key.value())).transpose()
    }

    /// Writes the state row, with the totals as they are now.
    pub(super) fn save(self, state: &mut State) -> Result<(), Trouble> {
        self.save_as(state, FORMAT)
    }

    /// [`Books::save`] with a number of the layout, which tests change.
    pub(super) fn save_as(mut self, state: &mut State, format: u32) -> Result<(), Trouble> {
        state.format = format;
        state.totals = self.totals;
        let value = postcard::to_stdvec(&*state).expect("numbers can be written");
        self.state.insert(STATE_KEY, with_seal(STATE_TAG, STATE_KEY, &value).as_slice())?;
        Ok(())
    }
}

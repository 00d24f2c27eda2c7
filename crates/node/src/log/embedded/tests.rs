//! What the embedded log promises beyond the contract of every log.

mod age;
mod damage;
mod disk;
mod held;
mod upgrade;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

use super::*;

/// A folder with a log file, the clocks that the log sees, and a disk that can be full.
struct Bench {
    folder: tempfile::TempDir,
    now: Arc<Mutex<(Timestamp, Instant)>>,
    disk: Arc<AtomicU8>,
    limit: u64,
}

/// What the disk does with a write.
const HAS_ROOM: u8 = 0;
/// The file's first page, which holds the commit slots, can be written; nothing else can.
const FULL: u8 = 1;
/// Nothing can be written.
const DEAD: u8 = 2;

#[derive(Debug)]
struct Disk {
    file: redb::backends::FileBackend,
    state: Arc<AtomicU8>,
}

impl Disk {
    fn check(&self, offset: u64) -> Result<(), std::io::Error> {
        match self.state.load(Ordering::SeqCst) {
            HAS_ROOM => Ok(()),
            FULL if offset < 4096 => Ok(()),
            _ => Err(std::io::Error::from(std::io::ErrorKind::StorageFull)),
        }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.check(4096)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.check(offset)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), std::io::Error> {
        self.file.close()
    }
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            now: Arc::new(Mutex::new((Timestamp(1_700_000_000_000), clock::monotonic()))),
            disk: Arc::new(AtomicU8::new(HAS_ROOM)),
            limit: BYTES_MAX,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log.redb")
    }

    fn try_open(&self) -> Result<Embedded, LogError> {
        let (now, state) = (Arc::clone(&self.now), Arc::clone(&self.disk));
        let options = Options {
            limit: self.limit,
            clock: Arc::new(move || *now.lock().expect("no panic")),
            opener: Arc::new(move |builder, path| {
                let file = std::fs::File::options().read(true).write(true).create(true).truncate(false).open(path)?;
                let file = redb::backends::FileBackend::new(file)?;
                builder.create_with_backend(Disk { file, state: Arc::clone(&state) })
            }),
        };
        Embedded::open_with(&self.path(), options)
    }

    fn open(&self) -> Embedded {
        self.try_open().expect("it opens")
    }

    /// Time passes for every clock.
    fn pass(&self, time: Millis) {
        let mut now = self.now.lock().expect("no panic");
        *now = (now.0 + time, now.1 + Duration::from_millis(time.0 as u64));
    }

    /// Only the wall clock moves.
    fn turn_clock(&self, by: Millis) {
        self.now.lock().expect("no panic").0 = self.wall() + by;
    }

    fn wall(&self) -> Timestamp {
        self.now.lock().expect("no panic").0
    }
}

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn subject(zone: &ZoneName, tail: &str) -> String {
    format!("{}{tail}", zone.prefix())
}

fn zone(name: &str) -> ZoneName {
    ZoneName::new("acme", name).expect("a legal name")
}

async fn put(log: &Embedded, stream: Stream, zone: &ZoneName, tail: &str, text: &str) -> Result<u64, AppendError> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    log.append(stream, subject(zone, tail), String::new(), bytes, None).await.map(|stored| stored.seq)
}

/// A zone's messages of a stream, as a reader gets them.
fn messages(log: &Embedded, stream: Stream, zone: &ZoneName) -> Result<Vec<Message>, LogError> {
    log.shared.look_up(|read| {
        let (mut all, mut next) = (Vec::new(), 1);
        loop {
            let batch = read_batch(read, stream, &zone_prefix(zone), next)?;
            let Some(end) = batch.last() else { return Ok(all) };
            next = end.seq + 1;
            all.extend(batch);
        }
    })
}

/// Waits for what the writer does by itself. On a busy machine that takes seconds.
async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if reached() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within half a minute: {what}");
}

/// The bytes of all rows, counted one by one, and the file's own count.
fn recount(log: &Embedded) -> (u64, u64) {
    let count = |database: &Database| {
        let read = database.begin_read()?;
        let mut bytes = 0;
        for book in Book::ALL {
            for row in read.open_table(book.definition())?.iter()? {
                let (key, value) = row?;
                bytes += (key.value().len() + value.value().len()) as u64;
            }
        }
        Ok((bytes, rows::state(&read)?.held()))
    };
    log.shared.with(count).expect("it can be read")
}

/// Draws from a seed.
struct Draw(blake3::OutputReader);

impl Draw {
    fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    fn below(&mut self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_has_bounds_of_its_own() {
    let bench = Bench::new();
    let log = bench.open();
    let (porto, lisbon, quiet) = (zone("porto"), zone("lisbon"), zone("port"));
    let mut own = Vec::new();
    for number in 0..10 {
        let name = if number % 3 == 1 { &porto } else { &lisbon };
        let seq = put(&log, Stream::Fleet, name, "plan", "x").await.expect("stored");
        if number % 3 == 1 {
            own.push(seq);
        }
    }
    assert_eq!(own, [2, 5, 8]);
    assert_eq!(log.zone_bounds(Stream::Fleet, &porto).expect("answers"), (2, 8));
    assert_eq!(log.zone_bounds(Stream::Fleet, &lisbon).expect("answers"), (1, 10));
    assert_eq!(log.zone_bounds(Stream::Fleet, &quiet).expect("answers"), (11, 10));
    assert_eq!(log.zone_bounds(Stream::Position, &porto).expect("answers"), (1, 0));
    assert_eq!(log.bounds(Stream::Fleet).expect("answers"), (1, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_are_replaced_listed_and_removed() {
    let bench = Bench::new();
    let log = bench.open();
    assert_eq!(log.list_blobs("").expect("answers"), Vec::<String>::new());
    for (name, text) in [("acme/porto/1", "one"), ("acme/porto/1", "uno"), ("acme/porto/2", "two"), ("..", "dots")] {
        log.put_blob(name, Bytes::copy_from_slice(text.as_bytes())).expect("stored");
    }
    assert!(log.put_blob("", Bytes::new()).is_err());
    std::fs::write(bench.folder.path().join("log.redb.bases/.unfinished-x"), "half").expect("written");
    drop(log);
    let log = bench.open();
    assert!(!bench.folder.path().join("log.redb.bases/.unfinished-x").exists(), "an unfinished file stayed");
    assert_eq!(log.list_blobs("acme/").expect("answers"), ["acme/porto/1", "acme/porto/2"]);
    assert_eq!(log.get_blob("acme/porto/1").expect("answers"), Ok(Bytes::from_static(b"uno")));
    assert_eq!(log.get_blob("..").expect("answers"), Ok(Bytes::from_static(b"dots")));
    assert!(log.get_blob("none").expect("answers").is_err());
    log.delete_blob("acme/porto/1").expect("removed");
    log.delete_blob("acme/porto/1").expect("removing twice is no error");
    assert_eq!(log.list_blobs("acme/").expect("answers"), ["acme/porto/2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_of_another_program_is_left_alone() {
    let bench = Bench::new();
    {
        let database = Database::create(bench.path()).expect("made");
        let write = database.begin_write().expect("begun");
        let table = redb::TableDefinition::<u64, u64>::new("theirs");
        write.open_table(table).expect("made").insert(1, 1).expect("put");
        write.commit().expect("committed");
    }
    let Err(error) = bench.try_open() else { panic!("it was taken for a log") };
    assert!(error.what.contains("another program"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_log_can_be_opened_at_once_and_keeps_unsynced_positions() {
    let bench = Bench::new();
    for round in 1..=5 {
        let log = bench.open();
        assert_eq!(put(&log, Stream::Position, &zone("porto"), "position.v", "here").await, Ok(round));
    }
}

//! `tests/data/log-0.1.redb.zst` was written by version 0.1: 20 rounds of facts, plans, positions, assignments and
//! features in two zones, one rejected message, one skipped entry, and four leases.

use super::super::upgrade as layout_1;
use super::*;

const FILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/log-0.1.redb.zst"));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_version_0_1_is_upgraded_in_its_place() {
    let bench = Bench::new();
    std::fs::write(bench.path(), zstd::decode_all(FILE).expect("unpacks")).expect("written");
    let (porto, lisbon) = (zone("porto"), zone("lisbon"));
    let mut facts: Vec<(&str, String)> = Vec::new();
    for round in 0..20 {
        for name in ["porto", "lisbon"] {
            facts.push((name, format!("{name} event.order_created.o{round} {round}")));
            if round % 4 == 0 {
                facts.push((name, format!("{name} plan {round}")));
            }
        }
    }
    for opening in 0..3 {
        let log = bench.open();
        for zone in [&porto, &lisbon] {
            let found = messages(&log, Stream::Fleet, zone).expect("answers");
            let own = facts.iter().enumerate().filter(|(_, (name, _))| *name == zone.zone());
            let own: Vec<(u64, String)> = own.map(|(index, (_, text))| (index as u64 + 1, text.clone())).collect();
            let found: Vec<(u64, String)> =
                found.into_iter().map(|m| (m.seq, String::from_utf8(m.bytes.to_vec()).expect("text"))).collect();
            assert_eq!(found, own, "opening {opening}");
            assert_eq!(messages(&log, Stream::Position, zone).expect("answers").len(), 3);
            assert_eq!(messages(&log, Stream::Assignment, zone).expect("answers").len(), 2);
            let feature = log.last(Stream::Feature, &subject(zone, "feature.f")).expect("answers").expect("there");
            assert_eq!(feature.bytes, Bytes::from(format!("{} feature.f 19", zone.zone())));
        }
        assert_eq!(log.bounds(Stream::Fleet).expect("answers"), (1, 50));
        assert_eq!(log.zone_bounds(Stream::Fleet, &lisbon).expect("answers"), (3, 50));
        assert_eq!(log.bounds(Stream::Position).expect("answers").1, 40);
        assert_eq!(log.bounds(Stream::Rejected).expect("answers"), (1, 1));
        assert_eq!(log.skipped(&porto).expect("answers"), [7]);
        let plan = log.last(Stream::Fleet, &subject(&porto, "plan")).expect("answers").expect("there");
        assert_eq!(plan.bytes, Bytes::from_static(b"porto plan 16"));
        assert_eq!(log.acquire(&porto).await.expect("raised").epoch, 4 + opening);
        assert_eq!(recount(&log).0, recount(&log).1);
    }
    let log = bench.open();
    assert_eq!(log.acquire(&lisbon).await.expect("raised").epoch, 2);
    // The clock of the test stands at 2023, years before the file's entries: log time does not go back.
    let before = log.last(Stream::Fleet, &subject(&porto, "plan")).expect("answers").expect("there").at;
    assert_eq!(put(&log, Stream::Fleet, &porto, "event.more", "x").await, Ok(51));
    assert!(log.last(Stream::Fleet, &subject(&porto, "event.more")).expect("answers").expect("there").at >= before);
}

#[test]
fn a_file_of_a_later_layout_is_refused_by_name() {
    let bench = Bench::new();
    drop(bench.open());
    {
        let database = Database::create(bench.path()).expect("opens");
        let write = database.begin_write().expect("begun");
        let mut state = rows::State { format: 0, ..rows::State::default() };
        rows::Books::open(&write, &state.totals).expect("opens").save_as(&mut state, 4).expect("saved");
        write.commit().expect("committed");
    }
    let Err(error) = bench.try_open() else { panic!("it was read as if it were ours") };
    assert!(error.what.contains("layout 4"), "{error}");
}

/// What 0.1 does when it opens a file: in one transaction it opens its tables, or makes them.
fn open_as_0_1(path: &Path) -> Vec<Result<(), redb::TableError>> {
    let database = Database::create(path).expect("opens");
    let write = database.begin_write().expect("begun");
    let opened = vec![
        write.open_table(layout_1::ENTRIES).map(drop),
        write.open_table(layout_1::LAST).map(drop),
        write.open_table(layout_1::IDS).map(drop),
        write.open_table(layout_1::COUNTERS).map(drop),
        write.open_table(layout_1::SKIPPED).map(drop),
    ];
    write.abort().expect("aborted");
    opened
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_0_1_cannot_open_a_file_of_this_version() {
    for converted in [true, false] {
        let bench = Bench::new();
        if converted {
            std::fs::write(bench.path(), zstd::decode_all(FILE).expect("unpacks")).expect("written");
            assert!(open_as_0_1(&bench.path()).iter().all(Result::is_ok), "not what 0.1 opens: a weak test");
        }
        drop(bench.open());
        let barred = |opened: &[Result<(), redb::TableError>]| {
            opened.iter().all(|table| matches!(table, Err(redb::TableError::TableTypeMismatch { .. })))
        };
        let opened = open_as_0_1(&bench.path());
        assert!(barred(&opened), "converted {converted}: {opened:?}");
        // A build before 0.2.0 left no such tables: they are made when the file is opened.
        {
            let database = Database::create(bench.path()).expect("opens");
            let write = database.begin_write().expect("begun");
            for name in ["entries", "last", "ids", "counters", "skipped"] {
                assert!(write.delete_table(rows::Definition::new(name)).expect("deleted"));
            }
            write.commit().expect("committed");
        }
        assert!(open_as_0_1(&bench.path()).iter().all(Result::is_ok));
        let log = bench.open();
        put(&log, Stream::Fleet, &zone("porto"), "event.e.x", "x").await.expect("stored");
        drop(log);
        assert!(barred(&open_as_0_1(&bench.path())));
        bench.open();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_0_1_wrote_into_is_refused_and_left_alone() {
    let bench = Bench::new();
    let log = bench.open();
    put(&log, Stream::Fleet, &zone("porto"), "event.e.x", "ours").await.expect("stored");
    drop(log);
    let entries = layout_1::ENTRIES;
    {
        let database = Database::create(bench.path()).expect("opens");
        let write = database.begin_write().expect("begun");
        let _ = write.delete_table(rows::Definition::new("entries"));
        write
            .open_table(entries)
            .expect("made")
            .insert((0, 1), (1, "fleet.acme.porto.event.e.y", b"theirs".as_slice()))
            .expect("put");
        write.commit().expect("committed");
    }
    let Err(error) = bench.try_open() else { panic!("two logs were made one") };
    assert!(error.what.contains("0.1") && error.hint.contains("copy"), "{error}");
    let database = Database::create(bench.path()).expect("opens");
    let read = database.begin_read().expect("begun");
    assert!(read.open_table(entries).expect("opens").get((0, 1)).expect("read").is_some());
    assert!(rows::entry(&read, Stream::Fleet, 1).expect("read").is_some());
    assert_eq!(rows::state(&read).expect("read").last(Stream::Fleet), 1);
}

#[test]
fn an_old_copy_of_version_0_1_is_not_upgraded_before_it_is_refused() {
    let bench = Bench::new();
    std::fs::write(bench.path(), zstd::decode_all(FILE).expect("unpacks")).expect("written");
    head::Head::open(&bench.path()).write(7);
    let Err(error) = bench.try_open() else { panic!("an older copy was taken") };
    assert!(error.what.contains("older than what was acknowledged"), "{error}");
    assert!(open_as_0_1(&bench.path()).iter().all(Result::is_ok), "it was upgraded");
    std::fs::remove_file(head::path_of(&bench.path())).expect("removed");
    bench.open();
}

/// A file of layout 2, as builds before alerts wrote it: no tables for alerts and times of arrival, and a shorter row of counters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_alerts_is_read_and_gets_them() {
    let bench = Bench::new();
    let porto = zone("porto");
    let log = bench.open();
    put(&log, Stream::Fleet, &porto, "event.e.x", "kept").await.expect("stored");
    put(&log, Stream::Feature, &porto, "feature.f", "kept").await.expect("stored");
    drop(log);
    {
        let database = Database::create(bench.path()).expect("opens");
        let write = database.begin_write().expect("begun");
        rows::make_layout_2(&write).expect("made");
        for name in ["2 ALERT", "2 ETA"] {
            assert!(write.delete_table(rows::Definition::new(name)).expect("deleted"));
        }
        write.commit().expect("committed");
    }
    for _ in 0..2 {
        let log = bench.open();
        assert_eq!(log.bounds(Stream::Fleet).expect("answers"), (1, 1));
        let alert = put(&log, Stream::Alert, &porto, "alert.degraded._", "new").await.expect("stored");
        put(&log, Stream::Eta, &porto, "eta.o", "new").await.expect("stored");
        let last = log.last(Stream::Alert, &subject(&porto, "alert.degraded._")).expect("answers").expect("there");
        assert_eq!(last.seq, alert);
    }
    let database = Database::create(bench.path()).expect("opens");
    let read = database.begin_read().expect("begun");
    assert_eq!(rows::state(&read).expect("read").format, rows::FORMAT);
}

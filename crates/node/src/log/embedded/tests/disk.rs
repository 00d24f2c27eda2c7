//! A disk that is full for a while.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_writing_only_until_there_is_room() {
    for state in [FULL, DEAD] {
        let bench = Bench::new();
        let log = bench.open();
        let porto = zone("porto");
        let mut reader = log.read(Stream::Fleet, &porto, 0);
        for number in 0..10 {
            put(&log, Stream::Fleet, &porto, &format!("event.e.{number}"), "x").await.expect("stored");
        }
        put(&log, Stream::Position, &porto, "position.v", "not synced").await.expect("stored");
        put(&log, Stream::Assignment, &porto, "assignment.v", "not synced").await.expect("stored");
        assert_eq!(log.health(), Ok(()));

        bench.disk.store(state, Ordering::SeqCst);
        for _ in 0..3 {
            let error = put(&log, Stream::Fleet, &porto, "event.lost", &"x".repeat(9_000)).await;
            let Err(AppendError::Unknown(why)) = &error else { panic!("{error:?}") };
            assert!(why.contains("the disk is full"), "{why}");
            bench.pass(Millis(1_500));
        }
        let ill = log.health().expect_err("it says so");
        assert!(ill.contains("the disk is full") && ill.contains("since 2023-11-14"), "{ill}");
        if state == FULL {
            assert_eq!(log.bounds(Stream::Fleet).expect("reading goes on"), (1, 10));
        }

        bench.disk.store(HAS_ROOM, Ordering::SeqCst);
        bench.pass(Millis(1_500));
        until("it is well again", || {
            bench.pass(Millis(500));
            log.health().is_ok()
        })
        .await;
        assert_eq!(put(&log, Stream::Fleet, &porto, "event.more", "x").await, Ok(11));
        assert_eq!(put(&log, Stream::Position, &porto, "position.w", "x").await, Ok(2));
        for seq in 1..=11 {
            let message = tokio::time::timeout(Duration::from_secs(5), reader.recv()).await.expect("in time");
            let Some(Read::Message(message)) = message else { panic!("the reader has stopped") };
            assert_eq!(message.seq, seq);
        }
        for (stream, tail) in [(Stream::Position, "position.v"), (Stream::Assignment, "assignment.v")] {
            let kept =
                log.last(stream, &subject(&porto, tail)).expect("answers").expect("what was acknowledged is there");
            assert_eq!((kept.seq, kept.bytes), (1, Bytes::from_static(b"not synced")));
        }
        drop(log);
        let log = bench.open();
        assert_eq!(messages(&log, Stream::Fleet, &porto).expect("answers").len(), 11);
        assert_eq!(recount(&log).0, recount(&log).1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_at_random_loses_and_doubles_nothing() {
    for seed in 0..6 {
        let mut draw = Draw::new(seed);
        let bench = Bench::new();
        let log = bench.open();
        let porto = zone("porto");
        let mut acknowledged = Vec::new();
        for number in 0..60 {
            bench.disk.store([HAS_ROOM, HAS_ROOM, FULL, DEAD][draw.below(4) as usize], Ordering::SeqCst);
            bench.pass(Millis(1_100));
            tokio::time::sleep(Duration::from_millis(draw.below(60))).await;
            let text = format!("{number} {}", "x".repeat(draw.below(20_000) as usize));
            let id = number.to_string();
            for _ in 0..3 {
                let bytes = Bytes::from(text.clone());
                let subject = subject(&porto, "event.e.x");
                if let Ok(stored) = log.append(Stream::Fleet, subject, id.clone(), bytes, None).await {
                    acknowledged.push((stored.seq, text.clone()));
                    break;
                }
            }
        }
        bench.disk.store(HAS_ROOM, Ordering::SeqCst);
        drop(log);
        let log = bench.open();
        let found: Vec<(u64, String)> = messages(&log, Stream::Fleet, &porto)
            .expect("answers")
            .into_iter()
            .map(|message| (message.seq, String::from_utf8(message.bytes.to_vec()).expect("text")))
            .collect();
        assert!(found.len() > 5, "seed {seed}: a weak test");
        assert_eq!(found, acknowledged, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_file_is_refused_by_name() {
    let bench = Bench::new();
    let porto = zone("porto");
    let copy = bench.folder.path().join("copy");
    {
        let log = bench.open();
        put(&log, Stream::Fleet, &porto, "event.e.1", "x").await.expect("stored");
    }
    std::fs::copy(bench.path(), &copy).expect("copied");
    {
        let log = bench.open();
        put(&log, Stream::Fleet, &porto, "event.e.2", "x").await.expect("stored");
    }
    std::fs::copy(&copy, bench.path()).expect("copied");
    let Err(error) = bench.try_open() else { panic!("acknowledged entries are gone and nobody says so") };
    assert!(error.what.contains("older than what was acknowledged"), "{error}");
    assert!(error.hint.contains("log.redb.head"), "{error}");
    std::fs::remove_file(head::path_of(&bench.path())).expect("removed");
    assert_eq!(bench.open().bounds(Stream::Fleet).expect("answers"), (1, 1));
    // Who removes the log with its head begins anew.
    std::fs::remove_file(bench.path()).expect("removed");
    std::fs::remove_file(head::path_of(&bench.path())).expect("removed");
    assert_eq!(bench.open().bounds(Stream::Fleet).expect("answers"), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_alone_get_over_a_read_that_failed() {
    let bench = Bench::new();
    let porto = zone("porto");
    let log = bench.open();
    for number in 0..50 {
        put(&log, Stream::Fleet, &porto, &format!("event.e.{number}"), &"x".repeat(4_000)).await.expect("stored");
    }
    // The store refuses everything after an error of its file, until it is opened again.
    bench.disk.store(DEAD, Ordering::SeqCst);
    let fail = |database: &Database| {
        let write = database.begin_write()?;
        let mut table = write.open_table(Book::Skipped.definition())?;
        table.insert(b"x".as_slice(), b"x".as_slice())?;
        drop(table);
        Ok(write.commit()?)
    };
    assert!(log.shared.with(fail).is_err());
    bench.disk.store(HAS_ROOM, Ordering::SeqCst);
    let mut reader = log.read(Stream::Fleet, &porto, 0);
    assert!(log.shared.with(|database| Ok(database.begin_write().map(drop)?)).is_err(), "the store refuses");
    drop(log.shared.read(|_| Err::<(), _>(Trouble::Failed("a read failed".to_owned()))));
    for seq in 1..=50 {
        let message = tokio::time::timeout(Duration::from_secs(5), reader.recv()).await.expect("in time");
        let Some(Read::Message(message)) = message else { panic!("the reader has stopped") };
        assert_eq!(message.seq, seq);
    }
    until("it is well again", || {
        bench.pass(Millis(500));
        log.health().is_ok() && log.shared.with(|database| Ok(database.begin_write().map(drop)?)).is_ok()
    })
    .await;
}

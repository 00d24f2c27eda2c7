//! Expiry, and clocks that stand wrong.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_entries_go_while_the_log_runs_and_all_that_points_at_them() {
    let bench = Bench::new();
    let log = bench.open();
    let porto = zone("porto");
    for day in 1..=20 {
        put(&log, Stream::Fleet, &porto, &format!("event.e.{day}"), "x").await.expect("stored");
        put(&log, Stream::Rejected, &porto, "rejected.json", "x").await.expect("stored");
        put(&log, Stream::Feature, &porto, &format!("feature.{day}"), "x").await.expect("stored");
        if day % 3 == 0 {
            log.skip(&porto, day).await.expect("noted");
        }
        bench.pass(Millis(DAY));
    }
    // The newest entry is of day 20: those of the days 6 to 20 are at most 14 days old.
    until("facts expire", || log.bounds(Stream::Fleet).is_ok_and(|bounds| bounds == (6, 20))).await;
    assert_eq!(log.zone_bounds(Stream::Fleet, &porto).expect("answers"), (6, 20));
    assert_eq!(log.skipped(&porto).expect("answers"), [6, 9, 12, 15, 18]);
    assert_eq!(log.last(Stream::Fleet, &subject(&porto, "event.e.5")).expect("answers"), None);
    let gone = log.append(Stream::Fleet, subject(&porto, "event.e.5"), String::new(), Bytes::new(), Some(0)).await;
    assert!(gone.is_ok(), "a subject without entries is fenced at 0: {gone:?}");
    assert_eq!(log.bounds(Stream::Rejected).expect("answers"), (1, 20), "kept for 30 days");
    assert_eq!(messages(&log, Stream::Feature, &porto).expect("answers").len(), 20, "features do not expire");
    drop(log);
    let log = bench.open();
    assert_eq!(recount(&log).0, recount(&log).1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_once_stood_15_days_ahead_deletes_nothing_and_leaves_no_future_behind() {
    let bench = Bench::new();
    let porto = zone("porto");
    {
        let log = bench.open();
        for number in 0..31 {
            put(&log, Stream::Fleet, &porto, &format!("event.e.{number}"), "x").await.expect("stored");
            bench.pass(Millis(1_000));
        }
    }
    let before = bench.wall();
    bench.turn_clock(Millis(15 * DAY));
    {
        let log = bench.open();
        put(&log, Stream::Fleet, &porto, "event.wrong", "x").await.expect("stored");
        let last = log.last(Stream::Fleet, &subject(&porto, "event.wrong")).expect("answers").expect("there");
        assert!(last.at - before < Millis(60_000), "doubted at first: {:?}", last.at);
        // Nobody sets it right: it is believed in the end.
        bench.pass(Millis(2 * HOUR));
        put(&log, Stream::Fleet, &porto, "event.wrong", "x").await.expect("stored");
        put(&log, Stream::Fleet, &porto, "event.wrong", "x").await.expect("stored");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(log.bounds(Stream::Fleet).expect("answers"), (1, 34));
    }
    bench.turn_clock(Millis(-15 * DAY));
    let log = bench.open();
    put(&log, Stream::Fleet, &porto, "event.right", "x").await.expect("stored");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(log.bounds(Stream::Fleet).expect("answers"), (1, 35), "facts were deleted");
    let last = log.last(Stream::Fleet, &subject(&porto, "event.right")).expect("answers").expect("there");
    assert_eq!(last.at, bench.wall(), "stamped into the future");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_expire_after_an_hour() {
    let bench = Bench::new();
    let log = bench.open();
    let porto = zone("porto");
    put(&log, Stream::Position, &porto, "position.a", "x").await.expect("stored");
    for _ in 0..2 {
        bench.pass(Millis(2 * HOUR));
        put(&log, Stream::Position, &porto, "position.b", "x").await.expect("stored");
    }
    until("the first goes", || log.bounds(Stream::Position).is_ok_and(|bounds| bounds == (3, 3))).await;
    assert_eq!(log.last(Stream::Position, &subject(&porto, "position.a")).expect("answers"), None);
}

//! The count of bytes, the limit, and what must shrink again.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_is_what_a_recount_finds_whatever_is_done() {
    for seed in 0..12 {
        let mut draw = Draw::new(seed);
        let bench = Bench::new();
        let mut log = bench.open();
        for step in 0..400 {
            let zone = zone(["porto", "lisbon"][draw.below(2) as usize]);
            let stream = Stream::ALL[draw.below(5) as usize];
            let subject = subject(&zone, &format!("any.{}", draw.below(6)));
            let id = if draw.below(2) == 0 { String::new() } else { draw.below(40).to_string() };
            let bytes = Bytes::from(vec![b'x'; draw.below(3_000) as usize]);
            let expected = (draw.below(8) == 0).then(|| draw.below(3));
            let _ = log.append(stream, subject, id, bytes, expected).await;
            match draw.below(40) {
                0 => log.skip(&zone, draw.below(400)).await.expect("noted"),
                1 => drop(log.acquire(&zone).await.expect("raised")),
                2..=8 => bench.pass(Millis(draw.below(20 * HOUR as u64) as i64)),
                9 => {
                    drop(log);
                    log = bench.open();
                }
                _ => {}
            }
            if step % 50 == 0 {
                let (counted, said) = recount(&log);
                assert_eq!(counted, said, "seed {seed}, step {step}");
            }
        }
        let (counted, said) = recount(&log);
        assert_eq!(counted, said, "seed {seed}");
        until("the count is told", || log.held() == recount(&log).0).await;
        assert!(log.bounds(Stream::Fleet).expect("answers").0 > 1, "seed {seed}: nothing expired, a weak test");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaced_positions_leave_the_count() {
    let bench = Bench::new();
    let log = bench.open();
    let large = "x".repeat(30_000);
    for _ in 0..100 {
        put(&log, Stream::Position, &zone("porto"), "position.v", &large).await.expect("stored");
    }
    assert!((30_000..31_000).contains(&log.held()), "{}", log.held());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_limit_facts_are_refused_and_taken_again_when_there_is_room() {
    let mut bench = Bench::new();
    bench.limit = 300_000;
    let log = bench.open();
    let (porto, text) = (zone("porto"), "x".repeat(10_000));
    for vehicle in 0..3 {
        put(&log, Stream::Position, &porto, &format!("position.v{vehicle}"), &text).await.expect("stored");
    }
    let mut stored = 0;
    let refused = loop {
        match put(&log, Stream::Fleet, &porto, &format!("event.e.{stored}"), &text).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(stored, 26, "what is left beside three positions");
    assert!(
        matches!(&refused, AppendError::Refused(why) if why.contains("full until old entries expire")),
        "{refused:?}"
    );
    assert!(log.held() <= bench.limit);
    assert!(put(&log, Stream::Position, &porto, "position.new", &text).await.is_err(), "a new position");
    put(&log, Stream::Position, &porto, "position.v0", &text).await.expect("a replaced position needs no room");
    put(&log, Stream::Assignment, &porto, "assignment.v0", &text).await.expect("an assignment is never refused");
    // Fifteen days of tries: the log ages although nothing is stored, and the facts expire.
    for _ in 0..15 {
        bench.pass(Millis(DAY));
        let _ = put(&log, Stream::Fleet, &porto, "event.late", &text).await;
    }
    let mut taken = false;
    for _ in 0..100 {
        bench.pass(Millis(2_000));
        if put(&log, Stream::Fleet, &porto, "event.again", &text).await.is_ok() {
            taken = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(taken, "facts are refused for ever");
    assert_eq!(recount(&log).0, recount(&log).1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_ids_are_forgotten_after_their_window() {
    let bench = Bench::new();
    let log = bench.open();
    let append = |id: String| {
        log.append(Stream::Fleet, subject(&zone("porto"), "event.e.x"), id, Bytes::from_static(b"x"), None)
    };
    for number in 0..600 {
        append(number.to_string()).await.expect("stored");
        bench.pass(Millis(1_000));
    }
    assert!(append("599".to_owned()).await.expect("stored").duplicate);
    assert!(!append("5".to_owned()).await.expect("stored").duplicate, "remembered after ten minutes");
    let ids = log.shared.read(|read| Ok(rows::state(read)?.totals[Book::Ids.index()].rows)).expect("answers");
    assert!((119..=123).contains(&ids), "{ids} ids for two minutes of one a second");
    drop(log);
    let log = bench.open();
    let again = log.append(Stream::Fleet, subject(&zone("porto"), "event.e.x"), "599".to_owned(), Bytes::new(), None);
    assert!(again.await.expect("stored").duplicate, "an id within its window was forgotten over a restart");
}

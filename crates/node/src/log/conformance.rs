//! One suite for every log: the simulator and the embedded file must not drift from the broker.
//!
//! The JetStream leg runs against a real server and fails, never skips, without one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::simulated::Simulated;
use super::{AppendError, Layout, Log, LogChoice, Opened, Purpose, Storage, Stream, ZoneName, open, open_with};

/// The log in which each zone has a stream of its own.
const PER_ZONE: &str = "jetstream, a stream for each zone";

async fn all() -> Vec<(&'static str, Opened)> {
    let embedded = open(&LogChoice::Embedded(None), Purpose::Write).await.expect("the embedded log opens");
    let jetstream = open(&LogChoice::Spawn, Purpose::Write)
        .await
        .expect("nats-server 2.10 or newer is needed: scripts/test obtains one");
    let storage = Storage { layout: Some(Layout::PerZone), ..Storage::default() };
    let per_zone = open_with(&LogChoice::Spawn, Purpose::Write, storage).await.expect("a broker starts");
    assert!(per_zone.log.make_zone(&zone()).await.expect("the broker makes it"), "made now");
    assert!(!per_zone.log.make_zone(&zone()).await.expect("the broker answers"), "made twice");
    let simulated = |fence_before_id| Opened {
        log: Log::Simulated(Arc::new(Simulated::new(fence_before_id))),
        why: "the simulator's".to_owned(),
        broker: None,
        folder: None,
    };
    vec![
        ("embedded", embedded),
        ("jetstream", jetstream),
        (PER_ZONE, per_zone),
        ("simulated, one replica", simulated(true)),
        ("simulated, three replicas", simulated(false)),
    ]
}

fn subject(tail: impl std::fmt::Display) -> String {
    format!("{}{tail}", zone().prefix())
}

fn zone() -> ZoneName {
    ZoneName::new("acme", "porto").expect("a legal name")
}

fn body(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn put(log: &Log, tail: &str, id: &str, expected: Option<u64>) -> Result<super::Stored, AppendError> {
    log.append(Stream::Fleet, subject(tail), id.to_owned(), body(id), expected).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_are_read_back_in_order_from_any_seq() {
    for (which, opened) in all().await {
        let log = &opened.log;
        let mut seqs = Vec::new();
        for number in 0..20 {
            seqs.push(put(log, "event.order_created._", &format!("a/{number}"), None).await.expect(which).seq);
        }
        assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{which}: {seqs:?}");
        let mut reader = log.read(Stream::Fleet, &zone(), seqs[4]).await.expect(which);
        for (number, &seq) in seqs.iter().enumerate().skip(5) {
            let message =
                tokio::time::timeout(Duration::from_secs(5), reader.message()).await.expect(which).expect(which);
            assert_eq!((message.seq, message.bytes), (seq, body(&format!("a/{number}"))), "{which}");
        }
        let late = put(log, "event.order_created._", "a/late", None).await.expect(which);
        let message = tokio::time::timeout(Duration::from_secs(5), reader.message()).await.expect(which).expect(which);
        assert_eq!(message.seq, late.seq, "{which}: a reader that has caught up sees what comes");
        assert_eq!(log.bounds(Stream::Fleet, &zone()).await.expect(which), (1, late.seq), "{which}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_is_stored_once() {
    for (which, opened) in all().await {
        let first = put(&opened.log, "event.order_created._", "same/1", None).await.expect(which);
        let again = put(&opened.log, "event.order_created._", "same/1", None).await.expect(which);
        assert!(!first.duplicate && again.duplicate, "{which}");
        assert_eq!(first.seq, again.seq, "{which}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_lets_one_of_two_through() {
    for (which, opened) in all().await {
        let log = &opened.log;
        let first = put(log, "plan", "plan/1", Some(0)).await.expect(which);
        put(log, "event.order_created._", "between", None).await.expect(which);
        assert_eq!(put(log, "plan", "plan/2b", Some(0)).await, Err(AppendError::WrongSequence), "{which}");
        let second = put(log, "plan", "plan/2", Some(first.seq)).await.expect(which);
        assert_eq!(put(log, "plan", "plan/2c", Some(first.seq)).await, Err(AppendError::WrongSequence), "{which}");
        let last = log.last(Stream::Fleet, &subject("plan")).await.expect(which).expect(which);
        assert_eq!((last.seq, last.bytes), (second.seq, body("plan/2")), "{which}");
    }
}

/// The retry after a lost acknowledgement, the one case in which logs differ: a broker of one replica judges the fence
/// first, the others the id. Whatever it answers, the read-back shows that ours was stored, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_with_the_same_id_and_fence_is_never_stored_twice() {
    for (which, opened) in all().await {
        let log = &opened.log;
        let first = put(log, "plan", "plan/1", Some(0)).await.expect(which);
        let again = put(log, "plan", "plan/1", Some(0)).await;
        match which {
            "jetstream" | PER_ZONE | "simulated, one replica" => {
                assert_eq!(again, Err(AppendError::WrongSequence), "{which}");
            }
            _ => assert_eq!(again.map(|stored| (stored.seq, stored.duplicate)), Ok((first.seq, true)), "{which}"),
        }
        let last = log.last(Stream::Fleet, &subject("plan")).await.expect(which).expect(which);
        assert_eq!(last.seq, first.seq, "{which}");
    }
}

/// A message the log cannot take is refused, not left in doubt: the engine must not ask again for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_a_message_is_refused() {
    for (which, opened) in all().await {
        let large = Bytes::from(vec![b'x'; 9 << 20]);
        let result = opened.log.append(Stream::Fleet, subject("plan"), "large".to_owned(), large, Some(0)).await;
        assert!(matches!(result, Err(AppendError::TooLarge(_))), "{which}: {result:?}");
        put(&opened.log, "plan", "plan/1", Some(0)).await.expect(which);
    }
}

/// An owner that does not renew loses the zone by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_owner_is_replaced() {
    for (which, opened) in all().await {
        if which == "embedded" {
            continue; // one process holds the file; its silence is the file let go
        }
        let log = &opened.log;
        let first = log.acquire(&zone(), "one", 0).await.expect(which).expect(which);
        let mut second = None;
        for _ in 0..100 {
            second = log.acquire(&zone(), "two", 0).await.expect(which);
            if second.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let second = second.expect(which);
        assert!(second.epoch > first.epoch, "{which}");
        assert_eq!(log.renew(&zone(), "one", first).await, None, "{which}: the silent owner came back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_value_streams_keep_one_message_per_subject() {
    for (which, opened) in all().await {
        let log = &opened.log;
        let subject = |vehicle: &str| subject(format!("position.{vehicle}"));
        for number in 0..5 {
            for vehicle in ["a", "b"] {
                let text = body(&format!("{vehicle}{number}"));
                log.append(Stream::Position, subject(vehicle), String::new(), text, None).await.expect(which);
            }
        }
        let mut reader = log.read(Stream::Position, &zone(), 0).await.expect(which);
        let mut seen = Vec::new();
        while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(600), reader.message()).await {
            seen.push(message.bytes);
        }
        assert_eq!(seen, [body("a4"), body("b4")], "{which}");
        assert_eq!(log.last(Stream::Position, &subject("nobody")).await.expect(which), None, "{which}");
    }
}

/// What drivers were told last names entries even after those have expired.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_revision_that_each_driver_was_told_is_read() {
    use fleetfold_model::{Assignment, LogSeq, Name, Space};
    for (which, opened) in all().await {
        let log = &opened.log;
        assert_eq!(log.told_revisions(&zone()).await.expect(which), [], "{which}");
        for (vehicle, revision) in [("a", 3), ("b", 7), ("a", 9)] {
            let vehicle = Name::new(vehicle).expect("legal");
            let told =
                Assignment { vehicle: vehicle.clone(), revision: LogSeq(revision), visits: Vec::new(), pause: None };
            let bytes = Bytes::from(fleetfold_wire::assignment_to_json(&told, Space::Planar, |_| None));
            let subject = subject(format!("assignment.{vehicle}"));
            log.append(Stream::Assignment, subject, format!("{vehicle}/{revision}"), bytes, None).await.expect(which);
        }
        let garbage = subject("assignment.c");
        log.append(Stream::Assignment, garbage, "c/1".to_owned(), body("no JSON"), None).await.expect(which);
        let mut told = log.told_revisions(&zone()).await.expect(which);
        told.sort_unstable();
        assert_eq!(told, [LogSeq(7), LogSeq(9)], "{which}");
        let other = ZoneName::new("acme", "lisbon").expect("a legal name");
        assert_eq!(log.told_revisions(&other).await.expect(which), [], "{which}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_has_one_owner_and_each_term_is_higher() {
    for (which, opened) in all().await {
        let log = &opened.log;
        let first = log.acquire(&zone(), "one", 0).await.expect(which).expect(which);
        if which != "embedded" {
            assert_eq!(log.acquire(&zone(), "two", 0).await.expect(which), None, "a second owner was let in");
            let kept = log.renew(&zone(), "one", first).await.expect(which);
            assert_eq!(kept.epoch, first.epoch);
            assert_eq!(log.renew(&zone(), "two", first).await, None, "a lease was renewed by somebody else");
            // The answer to a renewal may be lost with the connection: the owner asks again with what it knew before.
            assert_eq!(log.renew(&zone(), "one", first).await, Some(kept), "{which}");
            log.release(&zone(), kept).await;
            // Its plans may still be on their way to readers, who ask whether there was an owner of that epoch.
            assert!(log.epoch_max(&zone()).await.expect(which) >= first.epoch, "{which} forgot an owner that let go");
        }
        let second = log.acquire(&zone(), "two", 0).await.expect(which).expect(which);
        assert!(second.epoch > first.epoch, "{which}");
    }
}

/// An owner that has lost the zone by its own clock only, because the broker was silent, need not wait for its own lease to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_taken_up_again_while_nobody_else_has_had_it() {
    for (which, opened) in all().await {
        if which == "embedded" {
            continue; // one process holds the file, and loses nothing
        }
        let log = &opened.log;
        let first = log.acquire(&zone(), "one", 0).await.expect(which).expect(which);
        let resumed = log.resume(&zone(), "one", first, 0).await.expect(which).expect(which);
        assert!(resumed.epoch > first.epoch, "{which}");
        assert_eq!(log.renew(&zone(), "one", first).await, None, "{which}: the term before is over");
        let kept = log.renew(&zone(), "one", resumed).await.expect(which);
        assert!(log.epoch_max(&zone()).await.expect(which) >= kept.epoch, "{which}");
        // Renewals were stored of which the owner has not heard.
        let again = log.resume(&zone(), "one", resumed, 0).await.expect(which).expect(which);
        assert!(again.epoch > kept.epoch, "{which}");
        assert_eq!(log.resume(&zone(), "two", again, 0).await.expect(which).map(|lease| lease.epoch > 0), None);
        log.release(&zone(), again).await;
        assert_eq!(log.resume(&zone(), "one", again, 0).await.expect(which), None, "{which}: it was let go");
        let second = log.acquire(&zone(), "two", 0).await.expect(which).expect(which);
        assert!(second.epoch > again.epoch, "{which}");
        assert_eq!(log.resume(&zone(), "one", again, 0).await.expect(which), None, "{which}: another one owns it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skipped_entries_are_remembered_per_zone() {
    for (which, opened) in all().await {
        let log = &opened.log;
        assert_eq!(log.skipped(&zone()).await.expect(which), Vec::<u64>::new(), "{which}");
        for seq in [7, 3] {
            log.skip(&zone(), seq).await.expect(which);
        }
        assert_eq!(log.skipped(&zone()).await.expect(which), [3, 7], "{which}");
        let other = ZoneName::new("acme", "lisbon").expect("a legal name");
        assert_eq!(log.skipped(&other).await.expect(which), Vec::<u64>::new(), "{which}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_keeps_what_it_confirmed_and_has_one_holder() {
    let folder = tempfile::tempdir().expect("a folder");
    let choice = LogChoice::Embedded(Some(folder.path().join("log.redb")));
    let opened = open(&choice, Purpose::Write).await.expect("opens");
    let stored = put(&opened.log, "plan", "plan/1", Some(0)).await.expect("stored");
    let Err(held) = open(&choice, Purpose::Write).await else { panic!("two holders of one file") };
    assert!(held.to_string().contains("cannot be opened"), "{held}");
    drop(opened);
    // The writer thread lets the file go when its last sender is gone.
    let mut again = open(&choice, Purpose::Write).await;
    for _ in 0..50 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        again = open(&choice, Purpose::Write).await;
    }
    let Ok(again) = again else { panic!("the file was not let go") };
    let last = again.log.last(Stream::Fleet, &subject("plan")).await.expect("answers").expect("is there");
    assert_eq!(last.seq, stored.seq);
    assert_eq!(put(&again.log, "plan", "plan/1b", Some(0)).await, Err(AppendError::WrongSequence));
}

/// Zones share streams, and ids are remembered per stream: the same day fed to two zones must open both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_zones_fed_the_same_day_do_not_suppress_each_other() {
    use fleetfold_engine::virtual_time::World;
    for (which, opened) in all().await {
        for name in ["porto", "lisbon"] {
            let zone = ZoneName::new("acme", name).expect("a legal name");
            opened.log.make_zone(&zone).await.expect(which);
            let mapping = crate::feed::mapping(crate::clock::wall(), 3600, fleetfold_model::Space::Planar, "UTC");
            let mut facts = Vec::new();
            crate::feed::reopen(&mut facts, &mapping);
            let driver = fleetfold_model::Event::VehicleLost {
                vehicle: fleetfold_model::Name::new("v").expect("legal"),
                position: None,
            };
            facts.push((mapping.day_start, 7, driver));
            let network = crate::days::build(&fleetfold_model::NetworkSpec::default()).expect("straight lines");
            let phones = fleetfold_sim::Phones::default();
            let mut world = fleetfold_sim::Pretend::new(facts, &[], network, fleetfold_sim::Driving::EXACT, phones, 1);
            assert!(world.next().is_some());
            let (_stop, stopped) = tokio::sync::watch::channel(false);
            let sent =
                crate::feed::play(world, &opened.log, &zone, &mapping, false, stopped, |_| {}).await.expect(which);
            assert_eq!(sent, 2);
        }
        let held = if which == PER_ZONE { 2 } else { 4 };
        let (_, last) = opened.log.bounds(Stream::Fleet, &zone()).await.expect(which);
        assert_eq!(last, held, "{which}: a fact was taken for another zone's");
    }
}

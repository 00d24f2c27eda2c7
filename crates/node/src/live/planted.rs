//! Ends that a test plants, to see what comes of an entry that kills the engine: `FLEETFOLD_PLANTED_DEATH=HOW:ORDER`. Compiled with debug
//! assertions only; a release has no such door.
//!
//! | how | what ends the engine |
//! |---|---|
//! | `abort`, `panic` | the process, or the engine's thread, while the entry is folded that creates the order |
//! | `judge` | the task that reads messages panics over it, before it is folded |
//! | `answer-abort`, `answer-panic` | the process, or the engine's thread, while the entry is answered that creates the order |
//! | `waits` | a new owner panics while the order waits for its answer, and nothing is being answered |
//! | `search` | every search panics |

use std::sync::atomic::{AtomicU64, Ordering};

use fleetfold_engine::Input;
use fleetfold_fleet::Fleet;
use fleetfold_journal::Outcome;
use fleetfold_model::{Event, LogSeq};

/// The entry whose answer is deadly; 0: none is known yet.
static DEADLY: AtomicU64 = AtomicU64::new(0);

fn planted(how: &str) -> Option<String> {
    let planted = std::env::var("FLEETFOLD_PLANTED_DEATH").ok()?;
    planted.strip_prefix(how)?.strip_prefix(':').map(str::to_owned)
}

/// The entry that creates the order is folded.
pub(super) fn death_at(seq: u64, event: &Event) {
    let Event::OrderCreated(order) = event else { return };
    let id = Some(order.name.as_str());
    if planted("abort").as_deref() == id {
        std::process::abort();
    }
    assert!(planted("panic").as_deref() != id, "planted");
    if planted("answer-abort").as_deref() == id || planted("answer-panic").as_deref() == id {
        DEADLY.store(seq, Ordering::Relaxed);
    }
}

/// A message is judged.
pub(super) fn death_judging(bytes: &[u8]) {
    let Some(id) = planted("judge") else { return };
    assert!(!String::from_utf8_lossy(bytes).contains(&format!("\"order_id\":\"{id}\"")), "planted");
}

/// Facts are answered.
pub(super) fn death_answering(facts: &[LogSeq]) {
    let deadly = LogSeq(DEADLY.load(Ordering::Relaxed));
    if deadly.0 > 0 && facts.contains(&deadly) {
        if planted("answer-abort").is_some() {
            std::process::abort();
        }
        panic!("planted");
    }
}

/// The engine is about to handle an input.
pub(super) fn before(input: &Input, fleet: &Fleet) {
    let Input::Commit(Outcome::Granted(_)) = input else { return };
    let Some(id) = planted("waits") else { return };
    let mut waiting = fleet.unanswered().values().flat_map(|ask| &ask.orders);
    assert!(!waiting.any(|&order| fleet.order(order).name.as_str() == id), "planted");
}

/// A search runs.
pub(super) fn death_searching() {
    assert!(planted("search").is_none(), "planted");
}

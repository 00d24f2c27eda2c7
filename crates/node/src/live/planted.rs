//! Ends that a test plants, to see what comes of an entry that kills the engine: `FLEETFOLD_PLANTED_DEATH=HOW:ORDER,ORDER,…`. Compiled with debug
//! assertions only; a release has no such door.
//!
//! | how | what ends the engine |
//! |---|---|
//! | `abort`, `panic` | the process, or the engine's thread, while the entry is folded that creates the order |
//! | `judge` | the task that reads messages panics over it, before it is folded |
//! | `answer-abort`, `answer-panic` | the process, or the engine's thread, while the entry is answered that creates the order |
//! | `waits` | a new owner panics while the order waits for its answer, and nothing is being answered |
//! | `search` | every search panics |

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use fleetfold_engine::Input;
use fleetfold_fleet::Fleet;
use fleetfold_journal::Outcome;
use fleetfold_model::{Event, LogSeq};

/// The entries whose answers are deadly, as far as they have been folded.
static DEADLY: Mutex<BTreeSet<LogSeq>> = Mutex::new(BTreeSet::new());

/// The orders that are deadly in a way; `None`: it is not this way.
fn planted(how: &str) -> Option<Vec<String>> {
    let planted = std::env::var("FLEETFOLD_PLANTED_DEATH").ok()?;
    let orders = planted.strip_prefix(how)?.strip_prefix(':')?;
    Some(orders.split(',').map(str::to_owned).collect())
}

/// The entry that creates the order is folded.
pub(super) fn death_at(seq: u64, event: &Event) {
    let Event::OrderCreated(order) = event else { return };
    let is_it = |how: &str| planted(how).is_some_and(|ids| ids.iter().any(|id| id == order.name.as_str()));
    if is_it("abort") {
        std::process::abort();
    }
    assert!(!is_it("panic"), "planted");
    if is_it("answer-abort") || is_it("answer-panic") {
        DEADLY.lock().unwrap_or_else(PoisonError::into_inner).insert(LogSeq(seq));
    }
}

/// A message is judged.
pub(super) fn death_judging(bytes: &[u8]) {
    let Some(ids) = planted("judge") else { return };
    let text = String::from_utf8_lossy(bytes);
    assert!(!ids.iter().any(|id| text.contains(&format!("\"order_id\":\"{id}\""))), "planted");
}

/// Facts are answered.
pub(super) fn death_answering(facts: &[LogSeq]) {
    let is_deadly = {
        let deadly = DEADLY.lock().unwrap_or_else(PoisonError::into_inner);
        facts.iter().any(|fact| deadly.contains(fact))
    };
    if is_deadly {
        if planted("answer-abort").is_some() {
            std::process::abort();
        }
        panic!("planted");
    }
}

/// The engine is about to handle an input.
pub(super) fn before(input: &Input, fleet: &Fleet) {
    let Input::Commit(Outcome::Granted(_)) = input else { return };
    let Some(ids) = planted("waits") else { return };
    let mut waiting = fleet.unanswered().values().flat_map(|ask| &ask.orders);
    assert!(!waiting.any(|&order| ids.iter().any(|id| fleet.order(order).name.as_str() == id)), "planted");
}

/// A search runs.
pub(super) fn death_searching() {
    assert!(planted("search").is_none(), "planted");
}

//! Ends that a test plants, to see what comes of an entry that kills the engine: `FLEETFOLD_PLANTED_DEATH=HOW:ORDER`. Compiled with debug
//! assertions only; a release has no such door.

use fleetfold_fleet::Fleet;
use fleetfold_model::Event;

fn planted(how: &str) -> Option<String> {
    let planted = std::env::var("FLEETFOLD_PLANTED_DEATH").ok()?;
    planted.strip_prefix(how)?.strip_prefix(':').map(str::to_owned)
}

/// `abort` and `panic`: the entry that creates this order ends the process, or the engine's thread, while it is folded.
pub(super) fn death_at(event: &Event) {
    let Event::OrderCreated(order) = event else { return };
    let id = Some(order.name.as_str());
    if planted("abort").as_deref() == id {
        std::process::abort();
    }
    assert!(planted("panic").as_deref() != id, "planted");
}

/// `answer`: a new owner panics while this order waits for its answer.
pub(super) fn death_answering(fleet: &Fleet) {
    let Some(id) = planted("answer") else { return };
    let mut waiting = fleet.unanswered().values().flat_map(|ask| &ask.orders);
    assert!(!waiting.any(|&order| fleet.order(order).name.as_str() == id), "planted");
}

//! What happened before an engine that began with a snapshot or a base: read out of the log beside its work, so that stories and decisions
//! are told after a restart as before it.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::personal::Words;
use crate::readers::{Folded, Whole};
use crate::references::References;
use crate::screens::Question;
use crate::threads;
use crate::view::Memory;

/// One zone of a program reads at a time: many that start at once would fold all their logs side by side.
static TURN: Mutex<()> = Mutex::new(());

/// Starts to read the entries up to this one. Nothing waits for it, and a log that cannot be read is a story that is not told.
pub(super) fn start(words: Words, until: u64, questions: mpsc::Sender<Question>, references: References) {
    if until == 0 {
        return;
    }
    // It folds for as long as that takes, on a thread of its own that gives way to all others.
    let read = move || {
        threads::give_way(threads::SEARCH);
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
        runtime.block_on(tell(&words, until, &questions, &references));
    };
    if let Err(error) = std::thread::Builder::new().name("earlier".to_owned()).spawn(read) {
        tracing::warn!(%error, "no thread to read what happened before the start");
    }
}

async fn tell(words: &Words, until: u64, questions: &mpsc::Sender<Question>, references: &References) {
    match read(words, until, questions).await {
        Ok(memory) => {
            references.precede(memory.references());
            _ = questions.send(Question::Earlier(Box::new(memory))).await;
        }
        Err(failure) => tracing::warn!(why = failure.what, "what happened before the start is not told"),
    }
}

async fn read(words: &Words, until: u64, questions: &mpsc::Sender<Question>) -> Result<Memory, Failure> {
    let (log, zone) = (words.log(), words.zone());
    let mut memory = Memory::default();
    let Some((mut folded, after)) = Folded::begin(log, zone).await? else { return Ok(memory) };
    let mut whole = Whole::above(log, zone, after).await?;
    while let Some(message) = whole.next().await? {
        // The engine may have ended meanwhile.
        if message.seq > until || questions.is_closed() {
            break;
        }
        let Some(mut entry) = folded.pass(log, &message).await? else { continue };
        let labels = words.open_entry(&mut entry, &message.bytes).await;
        let change = folded.fleet.apply(&entry);
        if let (Some(labels), None) = (labels, change.refused) {
            memory.call(&entry, *labels);
        }
        let at = folded.fleet.zone().zone_time(entry.logged_at);
        memory.folded(&entry, &change, at);
        if change.refused.is_none() {
            memory.note(&entry, at);
        }
    }
    Ok(memory)
}

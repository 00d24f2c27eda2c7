//! What happened before an engine that began with a snapshot or a base: read out of the log beside its work, so that stories and decisions
//! are told after a restart as before it. What was not taken, and what was doubted, stands on streams of its own.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fleetfold_engine::Outlook;
use fleetfold_fleet::Zone;
use fleetfold_model::Timestamp;
use fleetfold_roads::Network;
use fleetfold_wire::RejectedV1;
use tokio::sync::{mpsc, watch};

use crate::failure::Failure;
use crate::log::Stream;
use crate::personal::Words;
use crate::readers::{Folded, Whole};
use crate::reasons::Beside;
use crate::references::References;
use crate::screens::Question;
use crate::threads;
use crate::view::{Memory, Refusal};
use crate::warnings::{Told, Warnings};

/// One zone of a program reads at a time: many that start at once would fold all their logs side by side.
static TURN: Mutex<()> = Mutex::new(());

/// A zone that is read anew is opened within this time, as far as this thread waits for it: its clock dates what was refused.
const OPENED_WITHIN: Duration = Duration::from_secs(5);

/// To whom it is told.
pub(super) struct Listeners {
    pub(super) questions: mpsc::Sender<Question>,
    pub(super) references: References,
    pub(super) warnings: Warnings,
    /// The zone as the engine knows it.
    pub(super) zone: watch::Receiver<Zone>,
    /// Its roads at normal speeds, all open.
    pub(super) network: Arc<Network>,
}

/// Starts to read the entries up to this one, and what was refused and doubted. Nothing waits for it, and a log that cannot be read is a
/// story that is not told.
pub(super) fn start(words: Words, until: u64, listeners: Listeners) {
    // It folds for as long as that takes, on a thread of its own that gives way to all others.
    let read = move || {
        threads::give_way(threads::SEARCH);
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
        runtime.block_on(tell(&words, until, &listeners));
    };
    if let Err(error) = std::thread::Builder::new().name("earlier".to_owned()).spawn(read) {
        tracing::warn!(%error, "no thread to read what happened before the start");
    }
}

async fn tell(words: &Words, until: u64, listeners: &Listeners) {
    let Listeners { questions, references, warnings, zone, network } = listeners;
    match doubted(words).await {
        Ok(told) => warnings.precede(&told),
        Err(failure) => tracing::warn!(why = failure.what, "warnings of before the start are not listed"),
    }
    let refused = rejected(words).await.unwrap_or_else(|failure| {
        tracing::warn!(why = failure.what, "what was refused before the start is not told");
        BTreeMap::new()
    });
    if until == 0 && refused.is_empty() {
        return;
    }
    let mut zone = zone.clone();
    if until == 0 {
        let _ = tokio::time::timeout(OPENED_WITHIN, zone.wait_for(|zone| zone.opened)).await;
    }
    let zone = zone.borrow().clone();
    let mut refused = Refused { told: refused, zone };
    let memory = match Box::pin(read((words, network), until, questions, &mut refused)).await {
        Ok(memory) => memory,
        Err(failure) => {
            tracing::warn!(why = failure.what, "what happened before the start is not told");
            let mut memory = Memory::default();
            refused.tell(u64::MAX, &mut memory);
            memory
        }
    };
    references.precede(memory.references());
    _ = questions.send(Question::Earlier(Box::new(memory))).await;
}

/// What was refused or rejected and is not told yet, by its entry.
struct Refused {
    told: BTreeMap<u64, RejectedV1>,
    zone: Zone,
}

impl Refused {
    /// Tells what stands at this entry or before it.
    fn tell(&mut self, until: u64, memory: &mut Memory) {
        while let Some(one) = self.told.first_entry().filter(|one| *one.key() <= until).map(OccupiedEntry::remove) {
            let at = one.logged_at.as_deref().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let at = at.map_or(Timestamp(0), |at| self.zone.zone_time(Timestamp(at.as_millisecond())));
            let RejectedV1 { seq, reason, detail, source, id, entity, .. } = one;
            memory.keep_refused(Refusal { seq, at: at.0, reason, detail, source, id, entity });
        }
    }
}

/// All that the stream `REJECTED` tells of the zone. Somebody without right may have written something else there.
async fn rejected(words: &Words) -> Result<BTreeMap<u64, RejectedV1>, Failure> {
    let mut told = BTreeMap::new();
    let Some(mut whole) = whole(words, Stream::Rejected).await? else { return Ok(told) };
    while let Some(message) = whole.next().await? {
        if let Some(one) = RejectedV1::read(&message.bytes) {
            told.insert(one.seq, one);
            if told.len() > Memory::REFUSED_MAX {
                told.pop_first();
            }
        }
    }
    Ok(told)
}

/// The last warnings of the stream `WARNING`.
async fn doubted(words: &Words) -> Result<Told, Failure> {
    let mut told = Told::default();
    let Some(mut whole) = whole(words, Stream::Warning).await? else { return Ok(told) };
    while let Some(message) = whole.next().await? {
        told.add(&message.bytes);
    }
    Ok(told)
}

/// A stream from its beginning; `None`: there is none.
async fn whole(words: &Words, stream: Stream) -> Result<Option<Whole>, Failure> {
    let (log, zone) = (words.log(), words.zone());
    if log.missing(zone).iter().any(|name| *name == log.stream_name(stream, zone)) {
        return Ok(None);
    }
    Whole::of(log, stream, zone, 0).await.map(Some)
}

async fn read(
    (words, network): (&Words, &Arc<Network>),
    until: u64,
    questions: &mpsc::Sender<Question>,
    refused: &mut Refused,
) -> Result<Memory, Failure> {
    let (log, zone) = (words.log(), words.zone());
    let mut memory = Memory::default();
    if until > 0
        && let Some((mut folded, after)) = Folded::begin(log, zone).await?
    {
        let mut whole = Whole::above(log, zone, after).await?;
        while let Some(message) = whole.next().await? {
            // The engine may have ended meanwhile.
            if message.seq > until || questions.is_closed() {
                break;
            }
            // In the order of the log: who is forgotten later is forgotten in what was refused before.
            refused.tell(message.seq, &mut memory);
            let Some(mut entry) = folded.pass(log, &message).await? else { continue };
            let labels = words.open_entry(&mut entry, &message.bytes).await;
            let change = folded.fleet.apply(&entry);
            if let (Some(labels), None) = (labels, change.refused) {
                memory.call(&entry, *labels);
            }
            let at = folded.fleet.zone().zone_time(entry.logged_at);
            let fleet = &folded.fleet;
            memory.beside(Beside::of(fleet, || Outlook::at(fleet, at, network), &entry));
            memory.folded(&entry, &change, at);
            if change.refused.is_none() {
                memory.note(&entry, at);
            }
        }
    }
    refused.tell(u64::MAX, &mut memory);
    Ok(memory)
}

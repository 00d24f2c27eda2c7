//! Bases: the whole fleet after an entry, stored so that every later version can begin there.
//!
//! The owner of a zone stores one a day (of log time) and one at each rise of the fold's format. Then it says so in the log:
//! which object, its hash, and the digest of the fleet in it. Documents are made by [`fleetfold_journal::base`] and packed by
//! zstd here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::base::{is_due, object_name, parse, read, write};
use fleetfold_journal::{Address, Begin, Covered, Held, PolicyAt, ZoneName, begin, own_message};
use fleetfold_model::{BaseWritten, Event, FORMAT, LogSeq};
use fleetfold_wire::{What, decode};

use super::{Worker, mark};
use crate::clock;
use crate::gatekeeper::{self, Passed};
use crate::log::{AppendError, Log, LogError, Message, Stream};
use crate::threads;

/// How many bases of a zone are kept.
const KEPT: usize = 3;
/// Time between two attempts to store a base.
const TRIED_EVERY: Duration = Duration::from_secs(60);
/// Largest document that is unpacked: 300,000 orders take about 300 MB.
const DOCUMENT_BYTES_MAX: usize = 4 << 30;
/// Attempts to say in the log that a base was stored, 100 ms apart.
const SAID_TRIES: u32 = 600;

/// A base that was read.
pub(crate) struct Base {
    /// Its name in the store.
    pub(crate) object: String,
    /// The fleet in it.
    pub(crate) fleet: Fleet,
    /// The key figures in it.
    pub(crate) tally: Tally,
    /// Its document.
    pub(crate) document: Vec<u8>,
}

impl Base {
    /// How far it has come.
    pub(crate) fn covered(&self) -> Covered {
        Covered { applied: self.fleet.applied().0, rev: self.fleet.chain().rev }
    }
}

/// What a start can begin with beside a snapshot that has folded the entry `applied` (0: there is none): what the log holds,
/// what outside of it still names entries that have expired, and the newest base. A base is opened only where something above
/// `applied` can have expired or was removed, or where its name says that it is newer than the end of the log.
///
/// # Errors
///
/// When the log does not answer.
pub(crate) async fn look(log: &Log, zone: &ZoneName, applied: u64) -> Result<(Held, Option<Base>), LogError> {
    let (mut held, objects) = asked(log, zone, applied).await?;
    let Some(objects) = objects else { return Ok((held, None)) };
    let base = newest(log, zone, objects).await?;
    held.base = base.as_ref().map(Base::covered);
    Ok((held, base))
}

/// What a reader can begin with that wants as much of the log as there is: the oldest base behind which nothing is missing, else the
/// newest one.
///
/// # Errors
///
/// When the log does not answer.
pub(crate) async fn look_far(log: &Log, zone: &ZoneName) -> Result<(Held, Option<Base>), LogError> {
    let (mut held, objects) = asked(log, zone, 0).await?;
    let Some(mut objects) = objects else { return Ok((held, None)) };
    objects.retain(|object| parse(object).is_some_and(|(_, _, format)| format <= FORMAT));
    objects.sort_by_key(|object| parse(object).map(|(_, applied, format)| (applied, format)));
    for object in &objects {
        let named = naming(log, zone, object).await?;
        // One that is damaged is told where it is the one to begin with.
        let Ok(base) = open(log, zone, object, named.as_ref()).await? else { continue };
        held.base = Some(base.covered());
        if matches!(begin(Covered::default(), held), Begin::AtBase { .. }) {
            return Ok((held, Some(base)));
        }
    }
    let base = newest(log, zone, objects).await?;
    held.base = base.as_ref().map(Base::covered);
    Ok((held, base))
}

/// The same without a base: what the log holds, and what outside of it names entries that have expired.
///
/// # Errors
///
/// When the log does not answer.
pub(super) async fn held(log: &Log, zone: &ZoneName, applied: u64) -> Result<Held, LogError> {
    Ok(asked(log, zone, applied).await?.0)
}

/// `None`: nothing above `applied` can have expired or was removed, so that no base is of use.
async fn asked(log: &Log, zone: &ZoneName, applied: u64) -> Result<(Held, Option<Vec<String>>), LogError> {
    // The fact that names a base may have expired, in a zone where nothing happens: the objects themselves are asked. They are
    // listed before the log is asked where it ends: whoever runs stores a base of an entry that the log has.
    let mut objects = log.list_objects(&format!("{}.", zone.key())).await?;
    objects.retain(|object| parse(object).is_some_and(|(whose, ..)| whose == *zone));
    let mut held = log.held(zone).await?;
    let names: Vec<u64> = objects.iter().filter_map(|object| parse(object)).map(|(_, applied, _)| applied.0).collect();
    held.removed = held.zone.is_some() && log.removed(zone, applied).await?.count > 0;
    if !held.asks_for_bases(applied, &names) {
        return Ok((held, None));
    }
    // One that is damaged or of a later version still says by its name how far it has come.
    for named in names {
        held.named(named);
    }
    if held.may_lack(applied) {
        for revision in log.told_revisions(zone).await? {
            held.named(revision.0);
        }
        if let Some(folded) = mark::folded(log, zone).await? {
            held.named(folded);
        }
    }
    Ok((held, Some(objects)))
}

/// The base that the log itself names last, with its hash, if it is there and this version can read it: what it has folded need not
/// be folded again. The fact that names it is judged as any other: what anybody else has written there counts for nothing.
///
/// # Errors
///
/// When the log does not answer.
pub(super) async fn vouched(log: &Log, zone: &ZoneName) -> Result<Option<Base>, LogError> {
    let Some(message) = last_named(log, zone).await? else { return Ok(None) };
    let fleet = Fleet::new();
    let mut gate = gatekeeper::gate(log, zone, PolicyAt::of(&fleet)).await?;
    let named = match gatekeeper::judge(log, &mut gate, &message).await? {
        Passed::Entry(entry, _) => match entry.event {
            Event::BaseWritten(named) if named.format <= FORMAT => named,
            _ => return Ok(None),
        },
        Passed::Skipped { .. } | Passed::Rejected(_) | Passed::WhichPolicy { .. } => return Ok(None),
    };
    match open(log, zone, &named.object, Some(&named)).await? {
        Ok(base) if base.fleet.digest() == named.digest && base.fleet.applied() == named.applied => Ok(Some(base)),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Whether there is a base of the zone that this version may be able to read.
///
/// # Errors
///
/// When the log does not answer.
pub(super) async fn are_there(log: &Log, zone: &ZoneName) -> Result<bool, LogError> {
    let objects = log.list_objects(&format!("{}.", zone.key())).await?;
    Ok(objects.iter().filter_map(|object| parse(object)).any(|(whose, _, format)| whose == *zone && format <= FORMAT))
}

/// Says that a zone's log went back, and what mends it.
pub(crate) fn log_regressed(zone: &ZoneName, applied: u64, last: u64, by_base: bool) -> LogError {
    let folded = if by_base { "a base" } else { "the snapshot" };
    LogError::new(
        format!("LOG_REGRESSED: {folded} of {zone} has folded entry {applied}, but the zone's log ends at {last}"),
        format!(
            "restore the log; or, if it was replaced on purpose, remove the zone's snapshots (below --data) and its bases \
             (the objects {}.* of the object store BASES, or the folder `.bases` beside the embedded file)",
            zone.key()
        ),
    )
}

/// The newest base that can be read. A damaged one is passed over with a warning, and the one before is taken.
async fn newest(log: &Log, zone: &ZoneName, mut objects: Vec<String>) -> Result<Option<Base>, LogError> {
    objects.retain(|object| parse(object).is_some_and(|(_, _, format)| format <= FORMAT));
    objects.sort_by_key(|object| parse(object).map(|(_, applied, format)| (applied, format)));
    for object in objects.into_iter().rev() {
        let named = naming(log, zone, &object).await?;
        match open(log, zone, &object, named.as_ref()).await? {
            Ok(base) => return Ok(Some(base)),
            Err(why) => tracing::warn!(object, why, "base passed over, the one before it is tried"),
        }
    }
    Ok(None)
}

/// What the zone's log says of a base, if it still says it: that stands behind the last entry that is folded into the base.
async fn naming(log: &Log, zone: &ZoneName, object: &str) -> Result<Option<BaseWritten>, LogError> {
    let Some((_, applied, _)) = parse(object) else { return Ok(None) };
    let base = |message: &Message| match decode(&message.bytes).ok()?.what {
        What::Event(Event::BaseWritten(base)) if base.object == object => Some(base),
        What::Event(_) | What::Position(..) => None,
    };
    let Some(last) = last_named(log, zone).await? else { return Ok(None) };
    if let Some(base) = base(&last) {
        return Ok(Some(base));
    }
    let subject = subject(zone);
    let mut from = applied.0 + 1;
    while let Some(message) = log.first(Stream::Fleet, &subject, from).await? {
        if let Some(base) = base(&message) {
            return Ok(Some(base));
        }
        from = message.seq + 1;
    }
    Ok(None)
}

/// Where facts about bases stand.
fn subject(zone: &ZoneName) -> String {
    zone.subject(&Address::Event { kind: "base_written".to_owned(), entity: "_".to_owned() })
}

/// The last message that names a base.
async fn last_named(log: &Log, zone: &ZoneName) -> Result<Option<Message>, LogError> {
    let subject = subject(zone);
    if log.created(Stream::Fleet, zone).await?.is_none() {
        return Ok(None);
    }
    log.last(Stream::Fleet, &subject).await
}

/// Reads a base; the inner error says why it is not to be trusted.
async fn open(
    log: &Log,
    zone: &ZoneName,
    object: &str,
    named: Option<&BaseWritten>,
) -> Result<Result<Base, String>, LogError> {
    let packed = match log.get_object(object).await? {
        Ok(packed) => packed,
        Err(why) => return Ok(Err(why)),
    };
    if let Some(named) = named.filter(|named| named.object == object)
        && blake3::hash(&packed).to_string() != named.hash
    {
        return Ok(Err("its bytes are not the ones that the log names".to_owned()));
    }
    let (zone, object) = (zone.clone(), object.to_owned());
    let opened = tokio::task::spawn_blocking(move || {
        let document = zstd::bulk::decompress(&packed, DOCUMENT_BYTES_MAX.min(64 * packed.len().max(1 << 20)))
            .map_err(|error| format!("it cannot be unpacked: {error}"))?;
        let (fleet, tally) = read(&document, &zone).map_err(|error| error.to_string())?;
        if parse(&object).is_none_or(|(_, applied, _)| applied != fleet.applied()) {
            return Err(format!("it is of entry {}, which is not what its name says", fleet.applied().0));
        }
        Ok(Base { object, fleet, tally, document })
    });
    Ok(opened.await.unwrap_or_else(|error| Err(error.to_string())))
}

impl Worker {
    /// Stores a base when one is due and we own the zone. Nothing waits for it.
    pub(super) fn base_if_due(&mut self) {
        let Some(epoch) = self.engine.commit().epoch() else { return };
        let fleet = self.engine.fleet();
        let again = TRIED_EVERY.min(Duration::from_millis(self.base_every.0.max(100) as u64));
        let recently = self.base_tried.is_some_and(|at| at.elapsed() < again);
        let lost = self.bases_lost.load(Ordering::Acquire) && fleet.applied() > LogSeq(0);
        let forgot = self.forgets_in_bases.load(Ordering::Acquire);
        let due = lost
            || (forgot > 0 && fleet.applied().0 >= forgot)
            || is_due(fleet, LogSeq(self.changed.0), self.clock.now(), self.base_every);
        if recently || self.writes_base.load(Ordering::Acquire) || !due {
            return;
        }
        self.bases_lost.store(false, Ordering::Release);
        self.base_tried = Some(clock::monotonic());
        self.writes_base.store(true, Ordering::Release);
        let (fleet, tally) = (fleet.clone_without_index(), self.tally.clone());
        let (log, zone, writes) = (self.log.clone(), self.zone.clone(), Arc::clone(&self.writes_base));
        let (space, now) = (fleet.zone().space, self.engine.now());
        let forgets = Arc::clone(&self.forgets_in_bases);
        self.runtime.spawn(async move {
            let object = object_name(&zone, fleet.applied(), FORMAT);
            let (applied, digest, whose) = (fleet.applied(), fleet.digest(), zone.clone());
            let pack = move || zstd::bulk::compress(&write(&fleet, &tally, &whose), 3);
            let packed = threads::aside().spawn_blocking(pack);
            let stored = match packed.await {
                Ok(Ok(packed)) => store(&log, &object, packed).await,
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match stored {
                Ok((hash, bytes)) => {
                    let base =
                        BaseWritten { applied, format: FORMAT, digest, object: object.clone(), hash, bytes, epoch };
                    let message = own_message(&zone, &Event::BaseWritten(base), space, now);
                    say(&log, &zone, &message).await;
                    // What was known before somebody was forgotten is in no base from here on.
                    let kept = if forgot == 0 { KEPT } else { 1 };
                    forget_old(&log, &zone, applied, kept).await;
                    let _ = forgets.compare_exchange(forgot, 0, Ordering::AcqRel, Ordering::Acquire);
                    tracing::info!(object, bytes, "base stored");
                }
                Err(why) => tracing::warn!(object, why, "base not stored; it is tried again in a minute"),
            }
            writes.store(false, Ordering::Release);
        });
    }
}

async fn store(log: &Log, object: &str, packed: Vec<u8>) -> Result<(String, u64), String> {
    let (hash, bytes) = (blake3::hash(&packed).to_string(), packed.len() as u64);
    log.put_object(object, Bytes::from(packed)).await.map_err(|error| error.to_string())?;
    Ok((hash, bytes))
}

/// Says in the log that a base was stored.
async fn say(log: &Log, zone: &ZoneName, message: &fleetfold_journal::OwnMessage) {
    for _ in 0..SAID_TRIES {
        match log.append_own(zone, message).await {
            Ok(_) => return,
            Err(AppendError::Refused(why) | AppendError::TooLarge(why)) => {
                tracing::error!(why, "the log refuses to say that a base was stored");
                return;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    tracing::warn!("a base was stored, but the log could not be told");
}

/// Removes all but the newest bases of a zone.
async fn forget_old(log: &Log, zone: &ZoneName, newest: LogSeq, kept: usize) {
    let Ok(objects) = log.list_objects(&format!("{}.", zone.key())).await else { return };
    let mut own: Vec<(LogSeq, u16)> = objects
        .iter()
        .filter_map(|object| parse(object))
        .filter(|(whose, applied, _)| whose == zone && *applied <= newest)
        .map(|(_, applied, format)| (applied, format))
        .collect();
    own.sort_unstable();
    own.reverse();
    for (applied, format) in own.into_iter().skip(kept) {
        if let Err(error) = log.delete_object(&object_name(zone, applied, format)).await {
            tracing::warn!(%error, "an old base is not removed");
        }
    }
}

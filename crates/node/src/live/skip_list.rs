//! Looking after the list of skipped entries.
//!
//! Most rejections are repeated by every fold from the log alone: a message on a subject that is not its own, or one with
//! unknown fields behind a strict policy. Two kinds are not. Whether an epoch was an owner's depends on who owned the zone
//! when the message was judged, and whether bytes can be read depends on the version that reads them. For these the list says
//! what was decided. It lives beside the log, in a bucket that somebody may delete or thin, so every running engine puts back
//! what it knows of it. What it says of entries that have expired from the log is taken off.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use fleetfold_journal::ZoneName;
use tokio::sync::mpsc;

use super::Readiness;
use crate::log::{Log, LogError, SkipMark, Stream};

/// The list is looked at this often.
const EVERY: Duration = Duration::from_secs(1);
/// Expired entries are taken off at every so many looks.
const CLEARED_AT: u32 = 30;
/// Taking them off takes no longer at once.
const CLEARING: Duration = Duration::from_secs(60);
/// A look takes no longer.
const LONGEST: Duration = Duration::from_secs(10);

/// What this engine has passed over, and how far it has come: whether it has folded what others pass over.
///
/// An entry is put onto the list after others have folded it in two cases only: it was quarantined, or the owner is of another version and
/// cannot read it. Whoever owns the zone has not folded it then, so it is enough that such an engine tells nothing from then on, and is
/// started again.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    seqs: Mutex<BTreeSet<u64>>,
    /// The last entry that was folded or passed over.
    applied: AtomicU64,
    /// How far the list has been compared, as whoever keeps it counts.
    read: AtomicU64,
    conflict: OnceLock<String>,
}

impl Passed {
    /// What is passed over so far by a fold that has come to `applied`.
    pub(super) fn new(seqs: impl IntoIterator<Item = u64>, applied: u64) -> Self {
        let seqs = Mutex::new(seqs.into_iter().collect());
        Self { seqs, applied: AtomicU64::new(applied), ..Self::default() }
    }

    /// An entry is about to be passed over.
    pub(super) fn over(&self, seq: u64) {
        self.seqs.lock().unwrap_or_else(PoisonError::into_inner).insert(seq);
    }

    /// An entry was folded or passed over.
    pub(super) fn come_to(&self, seq: u64) {
        self.applied.store(seq, Ordering::Release);
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> Vec<u64> {
        self.seqs.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Looks at what the list says, having been read up to `read`.
    fn look(&self, listed: &[u64], read: u64) {
        let applied = self.applied.load(Ordering::Acquire);
        let seqs = self.seqs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seq) = listed.iter().find(|&&seq| seq <= applied && !seqs.contains(&seq)) {
            let _ = self.conflict.set(format!(
                "entry {seq}, which this engine has folded, was quarantined meanwhile (or rejected by an engine of another version), and \
                 all others pass it over; this one tells nothing any more. Start it again: it then folds the log without that entry"
            ));
        }
        // What lies ahead is judged when it was folded or passed over.
        if listed.iter().all(|seq| *seq <= applied || seqs.contains(seq)) {
            self.read.store(read, Ordering::Release);
        }
    }

    /// Entries before this one have expired, and are on no list any more.
    fn forget_before(&self, first: u64) {
        let mut seqs = self.seqs.lock().unwrap_or_else(PoisonError::into_inner);
        *seqs = seqs.split_off(&first);
    }

    /// Why this engine must not own the zone, as far as the list has been looked at.
    pub(crate) fn conflict(&self) -> Option<String> {
        self.conflict.get().cloned()
    }

    /// The same, after the list was looked at once more. Where it cannot be read, what is known counts.
    pub(crate) async fn conflict_now(&self, log: &Log, zone: &ZoneName) -> Option<String> {
        let from = self.read.load(Ordering::Acquire);
        match tokio::time::timeout(LONGEST, log.skipped_from(zone, from)).await {
            Ok(Ok((listed, read))) => self.look(&listed, read),
            Ok(Err(error)) => tracing::debug!(%error, "the list of skipped entries cannot be looked at"),
            Err(_) => tracing::debug!("the list of skipped entries does not answer"),
        }
        self.conflict()
    }
}

/// Starts the task. `known`: the entries on the list so far. Those that follow are sent through the answer; when its sender is
/// dropped, the task ends. `first`: where it says which entry of the log is the first that has not expired.
pub(super) fn start(
    log: Log,
    zone: ZoneName,
    known: Vec<u64>,
    (readiness, first, passed): (Arc<Readiness>, Arc<AtomicU64>, Arc<Passed>),
) -> mpsc::UnboundedSender<u64> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let known = known.into_iter().collect();
    let care = Care { log, zone, known, first, passed, has_read: false, seen: None, born: None };
    tokio::spawn(care.run(receiver, readiness));
    sender
}

struct Care {
    log: Log,
    zone: ZoneName,
    known: BTreeSet<u64>,
    /// The first entry of the log that has not expired.
    first: Arc<AtomicU64>,
    passed: Arc<Passed>,
    /// The whole list was read, with what has expired.
    has_read: bool,
    /// What the list looked like when everything known stood on it.
    seen: Option<SkipMark>,
    /// When the stream of facts was created, as first seen: a list of one log says nothing about another.
    born: Option<i64>,
}

impl Care {
    async fn run(mut self, mut more: mpsc::UnboundedReceiver<u64>, readiness: Arc<Readiness>) {
        for looks in 1u32.. {
            tokio::time::sleep(EVERY).await;
            loop {
                match more.try_recv() {
                    Ok(seq) => drop(self.known.insert(seq)),
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    Err(mpsc::error::TryRecvError::Disconnected) => return,
                }
            }
            if readiness.regressed.get().is_some() {
                return;
            }
            match tokio::time::timeout(LONGEST, self.look()).await {
                Ok(Ok(0)) => {}
                Ok(Ok(lost)) => tracing::warn!(lost, "entries were missing from the list of skipped entries; put back"),
                Ok(Err(error)) => tracing::debug!(%error, "the list of skipped entries cannot be looked at"),
                Err(_) => tracing::debug!("the list of skipped entries does not answer"),
            }
            if readiness.epoch.load(Ordering::Acquire) == 0
                && let Some(what) = self.passed.conflict()
            {
                tracing::error!(zone = %self.zone, "{what}");
                let _ = readiness.regressed.set(what);
                return;
            }
            if looks.is_multiple_of(CLEARED_AT)
                && let Ok(Err(error)) = tokio::time::timeout(CLEARING, self.clear()).await
            {
                tracing::debug!(%error, "expired entries stay on the list of skipped ones");
            }
        }
    }

    /// Takes entries off that have expired from the log.
    async fn clear(&mut self) -> Result<(), LogError> {
        let (first, _) = self.log.bounds(Stream::Fleet, &self.zone).await?;
        self.first.fetch_max(first, Ordering::AcqRel);
        // At the start only those are known that have not expired: the list is read once.
        if !self.has_read {
            self.known.extend(self.log.skipped(&self.zone).await?);
            self.has_read = true;
        }
        let expired: Vec<u64> = self.known.range(..first).copied().collect();
        self.log.forget_skipped(&self.zone, &expired).await?;
        self.known = self.known.split_off(&first);
        self.passed.forget_before(first);
        Ok(())
    }

    /// Puts back what is missing; says how many entries. Costs one request while nobody else has touched the list.
    async fn look(&mut self) -> Result<usize, LogError> {
        let Some(born) = self.log.created(Stream::Fleet, &self.zone).await? else { return Ok(0) };
        if *self.born.get_or_insert(born) != born {
            return Ok(0);
        }
        let now = self.log.skip_mark().await;
        if let Ok(now) = now
            && self.seen == Some(now)
        {
            return Ok(0);
        }
        self.seen = None;
        let lost = put_back(&self.log, &self.zone, &self.known, Some(&self.passed)).await?;
        // Somebody may have touched it between: then it is looked at again.
        self.seen = Some(match now {
            Ok(now) if lost == 0 => now,
            Ok(_) | Err(_) => self.log.skip_mark().await?,
        });
        Ok(lost)
    }
}

/// Makes the list again if it is gone, and puts back what is missing of `known`; says how many entries. `passed` hears what was listed.
///
/// # Errors
///
/// When the list cannot be read or written.
pub(super) async fn put_back(
    log: &Log,
    zone: &ZoneName,
    known: &BTreeSet<u64>,
    passed: Option<&Passed>,
) -> Result<usize, LogError> {
    log.ensure_skipped().await?;
    let (listed, read) = log.skipped_from(zone, 0).await?;
    if let Some(passed) = passed {
        passed.look(&listed, read);
    }
    let mut lost = 0;
    for &seq in known.iter().filter(|seq| listed.binary_search(seq).is_err()) {
        log.skip(zone, seq).await?;
        lost += 1;
    }
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::Passed;

    #[test]
    fn an_entry_that_is_listed_before_it_is_folded_is_judged_when_it_is() {
        let passed = Passed::new([], 5);
        // Somebody has quarantined 9, which this fold has not come to.
        passed.look(&[9], 1);
        assert_eq!(passed.conflict(), None);
        passed.come_to(9);
        // The list is asked for what came since it was judged: 9 is in it still.
        assert_eq!(passed.read.load(std::sync::atomic::Ordering::Acquire), 0);
        passed.look(&[9], 1);
        assert!(passed.conflict().is_some_and(|what| what.contains("entry 9")));
    }

    #[test]
    fn an_entry_that_was_passed_over_is_no_conflict_and_is_forgotten_when_it_has_expired() {
        let passed = Passed::new([3], 2);
        passed.over(9);
        passed.come_to(9);
        passed.look(&[3, 9], 2);
        assert_eq!(passed.conflict(), None);
        passed.forget_before(4);
        assert_eq!(passed.all(), [9]);
    }
}

//! The log of the simulator: the contract of the broker in memory, on a clock that the caller holds.
//!
//! It passes the same conformance suite as the broker and the embedded file (`node/src/log/conformance.rs`), so that what
//! the simulator proves holds for them. Faults on the way to it are the business of [`crate::faults`].

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_model::{Millis, Timestamp};

/// As at the broker: an id is remembered this long.
const DEDUPE: Millis = Millis(120_000);
/// As at the broker: an owner that does not renew for this long is no longer an owner.
const LEASE: Millis = Millis(3_000);
/// As at the broker: the largest message.
const BYTES_MAX: usize = 1 << 20;

/// One stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimMessage {
    /// Its position in its stream.
    pub seq: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// Its subject.
    pub subject: String,
    /// Its id; empty: it has none.
    pub id: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why an append was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimRefusal {
    /// The last message of the subject stands elsewhere.
    WrongSequence,
    /// It is too large.
    TooLarge,
}

/// A held lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimLease {
    /// Grows with every acquisition.
    pub epoch: u64,
    /// Grows with every renewal.
    pub revision: u64,
}

#[derive(Clone, Debug)]
struct SimOwner {
    name: String,
    lease: SimLease,
    ends: Timestamp,
}

#[derive(Clone, Debug, Default)]
struct SimStream {
    messages: BTreeMap<u64, SimMessage>,
    last: u64,
    subjects: BTreeMap<String, u64>,
    ids: BTreeMap<String, (u64, Timestamp)>,
}

/// The log.
#[derive(Clone, Debug, Default)]
pub struct SimLog {
    streams: BTreeMap<&'static str, SimStream>,
    /// Zone → owner's lease and when it ends.
    owners: BTreeMap<String, SimOwner>,
    lease_revision: u64,
    skipped: BTreeMap<String, BTreeSet<u64>>,
    fence_before_id: bool,
}

impl SimLog {
    /// An empty log. `fence_before_id`: what the retry of a stored message with a fence gets, "wrong sequence" (one
    /// replica) or "duplicate" (three replicas, the embedded file).
    pub fn new(fence_before_id: bool) -> Self {
        Self { fence_before_id, ..Self::default() }
    }

    /// Appends; `Ok((seq, true))` when the id was there before. `expected`: where the last message of the subject must
    /// stand, 0: there is none. In a `last_value` stream each subject keeps one message.
    ///
    /// # Errors
    ///
    /// See [`SimRefusal`].
    #[expect(clippy::too_many_arguments, reason = "the parts of one message and its two conditions")]
    pub fn append(
        &mut self,
        stream: &'static str,
        last_value: bool,
        subject: &str,
        id: &str,
        bytes: Vec<u8>,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<(u64, bool), SimRefusal> {
        if bytes.len() > BYTES_MAX {
            return Err(SimRefusal::TooLarge);
        }
        let fence_first = self.fence_before_id;
        let stream = self.streams.entry(stream).or_default();
        let standing = stream.subjects.get(subject).copied().unwrap_or(0);
        let fenced = expected.is_some_and(|expected| expected != standing);
        if fenced && fence_first {
            return Err(SimRefusal::WrongSequence);
        }
        if let Some(&(seq, _)) = stream.ids.get(id).filter(|(_, at)| now - *at < DEDUPE) {
            return Ok((seq, true));
        }
        if fenced {
            return Err(SimRefusal::WrongSequence);
        }
        stream.last += 1;
        let seq = stream.last;
        if last_value {
            stream.messages.remove(&standing);
        }
        stream.subjects.insert(subject.to_owned(), seq);
        if !id.is_empty() {
            stream.ids.insert(id.to_owned(), (seq, now));
        }
        let message = SimMessage { seq, at: now, subject: subject.to_owned(), id: id.to_owned(), bytes };
        stream.messages.insert(seq, message);
        Ok((seq, false))
    }

    /// Messages with a sequence above `after`, in order.
    pub fn read(&self, stream: &'static str, after: u64) -> impl Iterator<Item = &SimMessage> {
        self.streams.get(stream).into_iter().flat_map(move |stream| stream.messages.range(after + 1..).map(|(_, m)| m))
    }

    /// The last message of a subject.
    pub fn last(&self, stream: &'static str, subject: &str) -> Option<&SimMessage> {
        let stream = self.streams.get(stream)?;
        stream.messages.get(stream.subjects.get(subject)?)
    }

    /// First and last sequence (first > last: nothing).
    pub fn bounds(&self, stream: &'static str) -> (u64, u64) {
        self.streams.get(stream).map_or((1, 0), |stream| {
            (stream.messages.first_key_value().map_or(stream.last + 1, |(&seq, _)| seq), stream.last)
        })
    }

    /// No owner has, or had, a higher epoch than this.
    pub fn last_epoch(&self) -> u64 {
        self.lease_revision
    }

    /// Tries to own a zone. `None`: somebody else does.
    pub fn acquire(&mut self, zone: &str, owner: &str, now: Timestamp) -> Option<SimLease> {
        if self.owners.get(zone).is_some_and(|held| held.ends > now) {
            return None;
        }
        self.lease_revision += 1;
        let lease = SimLease { epoch: self.lease_revision, revision: self.lease_revision };
        self.owners.insert(zone.to_owned(), SimOwner { name: owner.to_owned(), lease, ends: now + LEASE });
        Some(lease)
    }

    /// Keeps owning it. With an older revision nothing is prolonged: the answer to a renewal was lost, and is given again. `None`:
    /// lost.
    pub fn renew(&mut self, zone: &str, owner: &str, lease: SimLease, now: Timestamp) -> Option<SimLease> {
        let held = self.owners.get_mut(zone)?;
        if held.name != owner || held.lease.epoch != lease.epoch || held.ends <= now {
            return None;
        }
        if held.lease.revision == lease.revision {
            self.lease_revision += 1;
            held.lease.revision = self.lease_revision;
            held.ends = now + LEASE;
        }
        Some(held.lease)
    }

    /// Owns it again in a new epoch, with a lease that still stands. `None`: it does not, or it is somebody else's.
    pub fn resume(&mut self, zone: &str, owner: &str, lease: SimLease, now: Timestamp) -> Option<SimLease> {
        self.renew(zone, owner, lease, now)?;
        self.lease_revision += 1;
        let resumed = SimLease { epoch: self.lease_revision, revision: self.lease_revision };
        let held = self.owners.get_mut(zone)?;
        (held.lease, held.ends) = (resumed, now + LEASE);
        Some(resumed)
    }

    /// When the lease of a zone ends; `None`: nobody has it.
    pub fn owner_until(&self, zone: &str) -> Option<Timestamp> {
        self.owners.get(zone).map(|owner| owner.ends)
    }

    /// Lets it go.
    pub fn release(&mut self, zone: &str, lease: SimLease) {
        if self.owners.get(zone).is_some_and(|held| held.lease == lease) {
            self.owners.remove(zone);
        }
    }

    /// Forgets who owns a zone: the next one who asks gets it.
    pub fn release_any(&mut self, zone: &str) {
        self.owners.remove(zone);
    }

    /// Marks an entry as not to be folded.
    pub fn skip(&mut self, zone: &str, seq: u64) {
        self.skipped.entry(zone.to_owned()).or_default().insert(seq);
    }

    /// Entries that are not folded.
    pub fn skipped(&self, zone: &str) -> Vec<u64> {
        self.skipped.get(zone).into_iter().flatten().copied().collect()
    }

    /// Drops what was stored before this time, oldest first, as a stream does by age. A subject whose last message is dropped has none.
    pub fn expire(&mut self, stream: &'static str, before: Timestamp) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        while let Some(first) = stream.messages.first_entry().filter(|first| first.get().at < before) {
            let message = first.remove();
            if stream.subjects.get(&message.subject) == Some(&message.seq) {
                stream.subjects.remove(&message.subject);
            }
        }
    }

    /// Power loss of everything that was not synced: each stream ends at most at `last`, as if the rest had never been.
    pub fn rewind(&mut self, stream: &'static str, last: u64) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        stream.messages.retain(|&seq, _| seq <= last);
        stream.last = stream.last.min(last);
        stream.ids.retain(|_, (seq, _)| *seq <= last);
        stream.subjects = stream.messages.values().map(|message| (message.subject.clone(), message.seq)).collect();
    }
}

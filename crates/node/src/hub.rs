//! The live feed's deltas, from the engine's thread to any number of screens; the engine never waits for one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

/// Deltas kept for screens that come back: a minute of them.
const RING: usize = 600;
/// A screen that is this many deltas behind gets a fresh picture instead.
const BEHIND_MAX: usize = 256;

/// Deltas for browsers: a ring to resume from, and a channel that drops those who are slow.
pub(crate) struct Hub {
    ring: Mutex<VecDeque<(u64, Arc<str>)>>,
    pub(crate) deltas: broadcast::Sender<(u64, Arc<str>)>,
    /// Which start of the program this is: deltas are numbered anew in each. (The wall clock when it started.)
    pub(crate) start: u64,
}

impl Hub {
    pub(crate) fn new(start: u64) -> Self {
        Self { ring: Mutex::default(), deltas: broadcast::channel(BEHIND_MAX).0, start }
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<str>)>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self, seq: u64, text: Arc<str>) {
        let mut ring = self.ring();
        ring.push_back((seq, Arc::clone(&text)));
        if ring.len() > RING {
            ring.pop_front();
        }
        drop(ring);
        let _ = self.deltas.send((seq, text)); // nobody listening is fine
    }

    /// A delta was numbered but not kept: nobody looked. What is in the ring no longer leads up to now.
    pub(crate) fn skip(&self) {
        self.ring().clear();
    }

    /// The deltas after `since`, if all of them are still here.
    pub(crate) fn since(&self, since: u64) -> Option<Vec<(u64, Arc<str>)>> {
        let ring = self.ring();
        let (first, last) = (ring.front()?.0, ring.back()?.0);
        (first <= since.saturating_add(1) && since <= last)
            .then(|| ring.iter().filter(|(seq, _)| *seq > since).cloned().collect())
    }
}

//! The live feed's deltas, from the screens' thread to any number of screens. Whoever makes them never waits for a screen: a screen
//! takes what it has not had from a ring, and one that is too slow for the ring gets a fresh picture.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{Notify, watch};

/// Deltas kept for screens that are slow or come back: a minute of them.
const RING: usize = 600;
/// Most bytes of them. A busy zone of 1,000 vehicles makes up to some MB a second (guess: seconds of that).
const RING_BYTES: usize = 32 << 20;

#[derive(Debug, Default)]
struct Ring {
    deltas: VecDeque<(u64, Utf8Bytes)>,
    bytes: usize,
    /// Number of the last delta, whether it is here or not.
    last: u64,
}

/// Deltas for screens: a ring, and a bell.
#[derive(Debug)]
pub(crate) struct Hub {
    ring: Mutex<Ring>,
    /// Rings with the number of each new delta. Its listeners are the screens.
    bell: watch::Sender<u64>,
    came: Notify,
    /// Which start of the program this is: deltas are numbered anew in each. (The wall clock when it started.)
    pub(crate) start: u64,
}

impl Hub {
    pub(crate) fn new(start: u64) -> Self {
        Self { ring: Mutex::default(), bell: watch::channel(0).0, came: Notify::new(), start }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A screen has come; it is there until it drops this.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        let bell = self.bell.subscribe();
        self.came.notify_one();
        bell
    }

    /// How many screens are connected.
    pub(crate) fn screens(&self) -> usize {
        self.bell.receiver_count()
    }

    /// Resolves when a screen has come.
    pub(crate) async fn came(&self) {
        self.came.notified().await;
    }

    /// The next delta.
    pub(crate) fn publish(&self, seq: u64, delta: Utf8Bytes) {
        let mut ring = self.ring();
        ring.bytes += delta.as_str().len();
        ring.deltas.push_back((seq, delta));
        ring.last = seq;
        while ring.deltas.len() > RING || (ring.bytes > RING_BYTES && ring.deltas.len() > 1) {
            let gone = ring.deltas.pop_front().map_or(0, |(_, delta)| delta.as_str().len());
            ring.bytes -= gone;
        }
        drop(ring);
        self.bell.send_replace(seq);
    }

    /// A delta was numbered but not made: nobody looked. What is in the ring no longer leads up to now.
    pub(crate) fn skip(&self, seq: u64) {
        *self.ring() = Ring { last: seq, ..Ring::default() };
        self.bell.send_replace(seq);
    }

    /// The deltas after `since`, if all of them are still here.
    pub(crate) fn since(&self, since: u64) -> Option<Vec<(u64, Utf8Bytes)>> {
        let ring = self.ring();
        let first = ring.deltas.front().map_or(ring.last + 1, |(seq, _)| *seq);
        (first <= since.saturating_add(1) && since <= ring.last)
            .then(|| ring.deltas.iter().filter(|(seq, _)| *seq > since).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Hub, RING, RING_BYTES};

    fn seqs(hub: &Hub, since: u64) -> Option<Vec<u64>> {
        hub.since(since).map(|deltas| deltas.into_iter().map(|(seq, _)| seq).collect())
    }

    #[test]
    fn the_ring_gives_all_that_was_missed_or_says_that_it_cannot() {
        let hub = Hub::new(1);
        assert_eq!(seqs(&hub, 0), Some(vec![]));
        assert_eq!(seqs(&hub, 1), None, "a number that was not given yet");
        (1..=3).for_each(|seq| hub.publish(seq, "{}".into()));
        assert_eq!(seqs(&hub, 1), Some(vec![2, 3]));
        assert_eq!(seqs(&hub, 3), Some(vec![]));
        hub.skip(4);
        assert_eq!((seqs(&hub, 3), seqs(&hub, 4)), (None, Some(vec![])));
        (5..=4 + RING as u64 + 2).for_each(|seq| hub.publish(seq, "{}".into()));
        assert_eq!(seqs(&hub, 5), None, "too long ago");
        assert_eq!(seqs(&hub, 6).map(|seqs| seqs.len()), Some(RING));
    }

    #[test]
    fn large_deltas_are_kept_up_to_so_many_bytes_and_the_last_one_always() {
        let hub = Hub::new(1);
        let large = "x".repeat(RING_BYTES / 4 + 1);
        (1..=9).for_each(|seq| hub.publish(seq, large.as_str().into()));
        assert_eq!(seqs(&hub, 6), Some(vec![7, 8, 9]));
        assert_eq!(seqs(&hub, 5), None);
        hub.publish(10, "x".repeat(RING_BYTES + 1).into());
        assert_eq!(seqs(&hub, 9), Some(vec![10]));
    }

    #[test]
    fn a_screen_counts_until_it_goes() {
        let hub = Hub::new(1);
        let (one, two) = (hub.watch(), hub.watch());
        assert_eq!(hub.screens(), 2);
        drop(one);
        assert_eq!(hub.screens(), 1);
        drop(two);
        assert_eq!(hub.screens(), 0);
    }
}

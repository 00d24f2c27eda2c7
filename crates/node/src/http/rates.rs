//! How often something may be done: a bucket that fills by so many a second, for each who does it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::clock;

/// Most buckets. A full one says nothing that an absent one does not, so those go first.
const BUCKETS_MAX: usize = 4096;

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// The buckets of all who do it.
pub(crate) struct Rate<K> {
    buckets: Mutex<BTreeMap<K, Bucket>>,
    per_second: f64,
    at_once: f64,
}

impl<K: Ord + Copy> Rate<K> {
    /// So many a second, and so many at once after a pause.
    pub(crate) fn new(per_second: f64, at_once: f64) -> Self {
        Self { buckets: Mutex::default(), per_second, at_once }
    }

    fn buckets(&self) -> MutexGuard<'_, BTreeMap<K, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self, bucket: Bucket, now: Instant) -> f64 {
        (bucket.left + now.duration_since(bucket.at).as_secs_f64() * self.per_second).min(self.at_once)
    }

    /// True if it may be done once more; nothing is counted.
    pub(crate) fn may(&self, who: K) -> bool {
        let bucket = self.buckets().get(&who).copied();
        bucket.is_none_or(|bucket| self.left(bucket, clock::monotonic()) >= 1.0)
    }

    /// Counts one; false if that is more than may be done.
    pub(crate) fn take(&self, who: K) -> bool {
        self.take_at(who, clock::monotonic())
    }

    fn take_at(&self, who: K, now: Instant) -> bool {
        let mut buckets = self.buckets();
        let left = buckets.get(&who).map_or(self.at_once, |&bucket| self.left(bucket, now));
        let may = left >= 1.0;
        buckets.insert(who, Bucket { left: if may { left - 1.0 } else { left }, at: now });
        if buckets.len() > BUCKETS_MAX {
            buckets.retain(|_, bucket| self.left(*bucket, now) < self.at_once);
            // All are in use: somebody has many addresses. The fullest half is forgotten.
            if buckets.len() > BUCKETS_MAX {
                let mut all: Vec<f64> = buckets.values().map(|bucket| self.left(*bucket, now)).collect();
                all.sort_by(f64::total_cmp);
                let middle = all[all.len() / 2];
                buckets.retain(|key, bucket| *key == who || self.left(*bucket, now) < middle);
            }
        }
        may
    }

    /// Whole seconds after which one more may be done.
    pub(crate) fn again_after(&self) -> u64 {
        (1.0 / self.per_second).ceil().max(1.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let rate = Rate::new(2.0, 5.0);
        let begun = clock::monotonic();
        let taken = |at: u64| (0..100).filter(|_| rate.take_at('a', begun + Duration::from_millis(at))).count();
        assert_eq!((taken(0), taken(0), taken(1_000), taken(1_250), taken(60_000)), (5, 0, 2, 0, 5));
        assert!(rate.take_at('b', begun), "each has his own");
    }

    #[test]
    fn many_who_do_it_take_little_memory() {
        let rate = Rate::new(0.001, 2.0);
        let begun = clock::monotonic();
        rate.take_at(0, begun);
        rate.take_at(0, begun);
        for who in 1..20_000_u32 {
            rate.take_at(who, begun);
            assert!(rate.buckets().len() <= BUCKETS_MAX);
        }
        assert!(!rate.take_at(0, begun), "who has done the most is remembered");
    }
}

//! Whether a reader of a stream has had every message of its own.

use std::time::{Duration, Instant};

use crate::clock;

/// A reader that did not look for so long may have missed what came and expired meanwhile.
pub(super) const ASLEEP: Duration = Duration::from_secs(10);
/// While a reader catches up it looks this often whether entries expire that it has not read: at first, and in the end.
const LOOKED: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What a reader knows of whether it has read every message of its own.
///
/// A stream drops its oldest messages, of all subjects alike, whether a reader has had them or not. So one that sleeps or is slow
/// for longer than the stream keeps messages would pass over some without a sign: the next one it is given just has a higher
/// sequence, as it has where others write on the same stream.
pub(super) struct Whole {
    /// Every message of ours up to this sequence was read. `None`: nothing was read or asked yet.
    pub(super) sure: Option<u64>,
    /// The broker had no more for us when it delivered the last one.
    pub(super) current: bool,
    /// When something came last, or it was known that nothing had.
    pub(super) awake: Instant,
    /// When it was last looked at what the stream still holds, and how long from then to the next look.
    pub(super) looked: Instant,
    every: Duration,
    /// For how long the stream keeps messages; zero: for ever.
    pub(super) keeps: Duration,
}

impl Default for Whole {
    fn default() -> Self {
        let now = clock::monotonic();
        Self { sure: None, current: false, awake: now, looked: now, every: LOOKED.0, keeps: Duration::ZERO }
    }
}

impl Whole {
    /// A message has come. True if it has to be looked at what the stream holds before the message is handed on.
    pub(super) fn came(&mut self, seq: u64, pending: u64) -> bool {
        let now = clock::monotonic();
        let is_next = self.current && now - self.awake < ASLEEP;
        (self.awake, self.current) = (now, pending == 0);
        if is_next {
            self.sure = Some(seq);
            return false;
        }
        pending == 0 || now - self.looked >= self.every
    }

    /// The stream was looked at after everything of ours up to `passed` had come: its first message is `first`. False: messages of
    /// ours may have expired unread.
    pub(super) fn holds(&mut self, first: u64, passed: u64) -> bool {
        self.looked = clock::monotonic();
        self.every = (self.every * 2).min(LOOKED.1);
        let sure = *self.sure.get_or_insert(passed.max(first.saturating_sub(1)));
        if first > sure.saturating_add(1) {
            return false;
        }
        self.sure = Some(sure.max(passed));
        true
    }

    /// Which entries may have been missed where the stream begins with `first`, in words.
    pub(super) fn missed(&self, first: u64) -> String {
        let next = self.sure.unwrap_or(0).saturating_add(1);
        format!(
            "entries from {next} to {} were dropped from the stream before this reader had them",
            first.saturating_sub(1)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ASLEEP, Whole};

    fn slept(whole: &mut Whole, span: Duration) {
        whole.awake -= span;
        whole.looked -= span;
    }

    #[test]
    fn what_expires_behind_a_reader_is_no_gap_and_what_expires_before_it_is_one() {
        let mut whole = Whole::default();
        // It begins at 100, where the log begins.
        assert!(whole.holds(101, 100));
        // It catches up: 40 wait behind this one. The log forgets what it has read.
        slept(&mut whole, Duration::from_secs(1));
        assert!(whole.came(110, 40));
        assert!(whole.holds(101, 110));
        assert!(whole.holds(111, 110));
        assert!(!whole.holds(112, 111), "111 was not read when the stream was looked at last");
    }

    #[test]
    fn a_reader_that_is_awake_misses_nothing_however_far_the_next_entry_is() {
        let mut whole = Whole::default();
        assert!(whole.holds(1, 0));
        assert!(whole.came(5, 0), "the last one that waits is looked at before it is handed on");
        assert!(whole.holds(1, 5));
        // Others write on the stream, and it is emptied behind the reader.
        assert!(!whole.came(9_000, 0));
        assert!(whole.holds(9_001, 9_000));
        // It sleeps. What came and expired meanwhile leaves no other trace.
        slept(&mut whole, ASLEEP);
        assert!(whole.came(20_000, 0));
        assert!(!whole.holds(19_000, 20_000));
    }
}

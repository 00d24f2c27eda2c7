//! Whether a reader of a stream has had every message of its own.

use std::time::{Duration, Instant};

use crate::clock;
use crate::log::Read;

/// A reader that did not look for so long may have missed what came and expired meanwhile.
const ASLEEP: Duration = Duration::from_secs(10);
/// While a reader catches up it looks this often whether entries expire that it has not read: at first, and in the end.
const LOOKED: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What a reader knows of whether it has read every message of its own.
///
/// A stream drops its oldest messages, of all subjects alike, whether a reader has had them or not. So one that sleeps or is slow
/// for longer than the stream keeps messages would pass over some without a sign: the next one it is given just has a higher
/// sequence, as it has where others write on the same stream.
///
/// A reader that had everything, and was away while the stream went on, has most likely lost nothing: what was dropped were old
/// messages of others. It is [`Read::Unsure`], and whoever folds looks for what would show the contrary.
pub(super) struct Completeness {
    /// Every message of ours up to this sequence was read. `None`: nothing was read or asked yet.
    sure: Option<u64>,
    /// The broker had no more for us when it delivered the last one.
    pub(super) current: bool,
    /// More of ours waited at the broker when the stream was looked at last.
    behind: bool,
    /// More of ours wait behind the message that came last.
    coming: bool,
    /// When something came last, or it was known that nothing had.
    pub(super) awake: Instant,
    /// When this reader ran last, and for how long it did not: the program was stopped, or the one who folds was slow.
    ticked: Instant,
    slept: Duration,
    /// When it was last looked at what the stream still holds, and how long from then to the next look.
    pub(super) looked: Instant,
    every: Duration,
    /// For how long the stream keeps messages; zero: for ever.
    pub(super) keeps: Duration,
    /// Nobody else writes on the stream: whatever it has dropped was ours.
    alone: bool,
}

impl Default for Completeness {
    fn default() -> Self {
        let now = clock::monotonic();
        Self {
            sure: None,
            current: false,
            behind: false,
            coming: false,
            awake: now,
            ticked: now,
            slept: Duration::ZERO,
            looked: now,
            every: LOOKED.0,
            keeps: Duration::ZERO,
            alone: false,
        }
    }
}

impl Completeness {
    /// Nothing is read yet. `alone`: nobody else writes on the stream.
    pub(super) fn of(alone: bool) -> Self {
        Self { alone, ..Self::default() }
    }

    /// Messages begin to come. `pending`: how many of ours wait.
    pub(super) fn begins(&mut self, pending: u64) {
        (self.behind, self.coming) = (pending > 0, pending > 0);
        self.ticked = clock::monotonic();
    }

    /// The reader runs: to be said at least every second while it waits for messages.
    pub(super) fn ticked(&mut self) {
        let now = clock::monotonic();
        self.slept = self.slept.max(now - self.ticked);
        self.ticked = now;
    }

    /// True when nothing is known of what came meanwhile.
    pub(super) fn has_slept(&self) -> bool {
        self.awake.elapsed() >= ASLEEP || self.slept_too_long()
    }

    fn slept_too_long(&self) -> bool {
        self.keeps > Duration::ZERO && self.slept >= self.keeps
    }

    /// Nothing of ours waits at the broker, and the reader was awake.
    pub(super) fn has_all(&mut self) {
        (self.awake, self.slept) = (clock::monotonic(), Duration::ZERO);
        (self.current, self.behind, self.coming) = (true, false, false);
    }

    /// Nothing of ours stands up to this sequence but what was read.
    pub(super) fn has_all_to(&mut self, seq: u64) {
        self.sure = self.sure.max(Some(seq));
    }

    /// A message has come. True if it has to be looked at what the stream holds before the message is handed on.
    pub(super) fn came(&mut self, seq: u64, pending: u64) -> bool {
        let now = clock::monotonic();
        let is_next = self.current && !self.has_slept();
        (self.awake, self.current, self.coming) = (now, pending == 0, pending > 0);
        if is_next {
            (self.sure, self.behind, self.slept) = (Some(seq), self.coming, Duration::ZERO);
            return false;
        }
        let looks = pending == 0 || now - self.looked >= self.every;
        self.behind |= !looks;
        looks
    }

    /// The stream was looked at after everything of ours up to `passed` had come: its first message is `first`.
    ///
    /// # Errors
    ///
    /// Messages of ours may have been dropped unread: [`Read::Gap`] where nobody else's can be there, more of ours waited, or the program
    /// did not run for longer than messages are kept, else [`Read::Unsure`]. Told once: from then on nothing is missing.
    pub(super) fn holds(&mut self, first: u64, passed: u64) -> Result<(), Read> {
        self.looked = clock::monotonic();
        self.every = (self.every * 2).min(LOOKED.1);
        let overslept = self.slept_too_long();
        let was_behind = std::mem::replace(&mut self.behind, self.coming);
        self.slept = Duration::ZERO;
        let before = first.saturating_sub(1);
        let sure = *self.sure.get_or_insert(passed.max(before));
        self.sure = Some(sure.max(passed));
        if before <= sure {
            return Ok(());
        }
        self.sure = self.sure.max(Some(before));
        let what =
            format!("entries from {} to {before} were dropped from the stream before this reader had them", sure + 1);
        Err(if was_behind || overslept || self.alone { Read::Gap(what) } else { Read::Unsure(what) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ASLEEP, Completeness, Read};

    fn away(read: &mut Completeness, span: Duration) {
        read.awake -= span;
        read.looked -= span;
    }

    /// The program was stopped for so long.
    fn slept(read: &mut Completeness, span: Duration) {
        away(read, span);
        read.ticked -= span;
        read.ticked();
    }

    fn is_gap(holds: &Result<(), Read>) -> bool {
        matches!(holds, Err(Read::Gap(_)))
    }

    #[test]
    fn what_expires_behind_a_reader_is_no_gap_and_what_expires_before_it_is_one() {
        let mut read = Completeness::default();
        // It begins at 100, where the log begins.
        assert_eq!(read.holds(101, 100), Ok(()));
        read.begins(41);
        // It catches up: 40 wait behind this one. The log forgets what it has read.
        away(&mut read, Duration::from_secs(1));
        assert!(read.came(110, 40));
        assert_eq!(read.holds(101, 110), Ok(()));
        assert_eq!(read.holds(111, 110), Ok(()));
        assert!(is_gap(&read.holds(112, 111)), "111 was not read when the stream was looked at last");
    }

    #[test]
    fn a_reader_that_is_awake_misses_nothing_however_far_the_next_entry_is() {
        let mut read = Completeness { keeps: ASLEEP / 2, ..Completeness::default() };
        assert_eq!(read.holds(1, 0), Ok(()));
        assert!(read.came(5, 0), "the last one that waits is looked at before it is handed on");
        assert_eq!(read.holds(1, 5), Ok(()));
        // Others write on the stream, and it is emptied behind the reader.
        assert!(!read.came(9_000, 0));
        assert_eq!(read.holds(9_001, 9_000), Ok(()));
        // The program is stopped. What came and expired meanwhile leaves no other trace.
        slept(&mut read, ASLEEP);
        assert!(read.came(20_000, 0));
        assert!(is_gap(&read.holds(19_000, 20_000)));
        // Told once.
        assert_eq!(read.holds(19_500, 20_000), Ok(()));
    }

    /// Others' entries expire, and the broker is started again: a zone in which nothing ever happened lacks nothing.
    #[test]
    fn a_reader_that_had_everything_and_was_away_is_unsure() {
        let mut read = Completeness { keeps: Duration::from_secs(3_600), ..Completeness::default() };
        assert_eq!(read.holds(1, 0), Ok(()));
        read.begins(0);
        assert!(matches!(read.holds(5, 0), Err(Read::Unsure(_))));
        away(&mut read, Duration::from_secs(7_200));
        assert!(matches!(read.holds(50, 0), Err(Read::Unsure(_))));
        // What the broker says of the end of the stream counts, too.
        read.has_all_to(400);
        assert_eq!(read.holds(401, 0), Ok(()));
    }
}

//! Whether a reader of a stream has had every message of its own.
//!
//! Pure: whoever reads says what time it is, on a clock that never goes back, so that `node` and `sim` run the same.

use std::time::Duration;

/// A reader that did not look for so long may have missed what came and expired meanwhile.
const ASLEEP: Duration = Duration::from_secs(10);
/// While a reader catches up it looks this often whether entries expire that it has not read: at first, and in the end.
const LOOKED: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Messages of the reader's own may have been dropped unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Some were, as far as the reader can tell: more of its own waited, or it did not run for longer than messages are kept.
    Gap(String),
    /// It had all of its own, and was away while the stream went on. Others' messages were dropped most likely.
    Unsure(String),
}

/// What a reader knows of whether it has read every message of its own.
///
/// A stream drops its oldest messages, of all subjects alike, whether a reader has had them or not. So one that sleeps or is slow
/// for longer than the stream keeps messages would pass over some without a sign: the next one it is given just has a higher
/// sequence, as it has where others write on the same stream.
///
/// A reader that had everything, and was away while the stream went on, has most likely lost nothing: what was dropped were old
/// messages of others. It is [`Missing::Unsure`], and whoever folds looks for what would show the contrary.
#[derive(Clone, Debug)]
pub struct Completeness {
    /// Every message of ours up to this sequence was read. `None`: nothing was read or asked yet.
    sure: Option<u64>,
    /// The broker had no more for us when it delivered the last one, and nothing had been dropped before it.
    current: bool,
    /// Since messages begin to come, the reader has been current once: it has caught up.
    caught_up: bool,
    /// More of ours waited at the broker when the stream was looked at last.
    behind: bool,
    /// More of ours wait behind the message that came last.
    coming: bool,
    /// When something came last, or it was known that nothing had.
    awake: Duration,
    /// When this reader ran last, and for how long it did not: the program was stopped, or the one who folds was slow.
    ticked: Duration,
    slept: Duration,
    /// When it was last looked at what the stream still holds, and how long from then to the next look.
    looked: Duration,
    every: Duration,
    /// For how long the stream keeps messages; zero: for ever.
    keeps: Duration,
    /// Nobody else writes on the stream: whatever it has dropped was ours.
    alone: bool,
}

impl Completeness {
    /// Nothing is read yet. `alone`: nobody else writes on the stream.
    pub fn new(alone: bool, now: Duration) -> Self {
        Self {
            sure: None,
            current: false,
            caught_up: false,
            behind: false,
            coming: false,
            awake: now,
            ticked: now,
            slept: Duration::ZERO,
            looked: now,
            every: LOOKED.0,
            keeps: Duration::ZERO,
            alone,
        }
    }

    /// For how long the stream keeps messages; zero: for ever.
    pub fn keeps(&self) -> Duration {
        self.keeps
    }

    /// The stream was asked for how long it keeps messages.
    pub fn set_keeps(&mut self, keeps: Duration) {
        self.keeps = keeps;
    }

    /// The connection broke: more may have come than was handed on.
    pub fn reconnected(&mut self) {
        (self.current, self.caught_up) = (false, false);
    }

    /// How long ago it was last looked at what the stream holds.
    pub fn looked_ago(&self, now: Duration) -> Duration {
        now.saturating_sub(self.looked)
    }

    /// The end of the stream was asked for.
    pub fn looked_at_the_end(&mut self, now: Duration) {
        self.looked = now;
    }

    /// The reader has just been answered: it is awake.
    pub fn is_awake(&mut self, now: Duration) {
        self.awake = now;
    }

    /// Messages begin to come. `pending`: how many of ours wait.
    pub fn begins(&mut self, pending: u64, now: Duration) {
        (self.behind, self.coming) = (pending > 0, pending > 0);
        self.caught_up = false;
        self.ticked = now;
    }

    /// The reader runs: to be said at least every second while it waits for messages.
    pub fn ticked(&mut self, now: Duration) {
        self.slept = self.slept.max(now.saturating_sub(self.ticked));
        self.ticked = now;
    }

    /// True when nothing is known of what came meanwhile.
    pub fn has_slept(&self, now: Duration) -> bool {
        now.saturating_sub(self.awake) >= ASLEEP || self.slept_too_long()
    }

    fn slept_too_long(&self) -> bool {
        self.keeps > Duration::ZERO && self.slept >= self.keeps
    }

    /// Nothing of ours waits at the broker, and the reader was awake.
    pub fn has_all(&mut self, now: Duration) {
        (self.awake, self.slept) = (now, Duration::ZERO);
        (self.current, self.behind, self.coming) = (true, false, false);
        self.caught_up = true;
    }

    /// Nothing of ours stands up to this sequence but what was read.
    pub fn has_all_to(&mut self, seq: u64) {
        self.sure = self.sure.max(Some(seq));
    }

    /// A message has come. True if it has to be looked at what the stream holds before the message is handed on.
    ///
    /// The last message of those that a reader catches up with is looked at, however soon it comes. Afterwards, where more come than are
    /// read one by one, the reader falls behind and is current again a hundred times a second: then it looks as often as while it
    /// catches up, and until it has looked it is not taken for current.
    #[must_use]
    pub fn came(&mut self, seq: u64, pending: u64, now: Duration) -> bool {
        let (has_slept, is_last) = (self.has_slept(now), pending == 0);
        let is_next = self.current && !has_slept;
        (self.awake, self.coming) = (now, !is_last);
        if is_next {
            (self.current, self.sure, self.behind, self.slept) = (is_last, Some(seq), self.coming, Duration::ZERO);
            return false;
        }
        let looks = self.looked_ago(now) >= self.every || is_last && (has_slept || !self.caught_up);
        self.current = looks && is_last;
        self.caught_up |= self.current;
        self.behind |= !looks;
        looks
    }

    /// True where the last message that came had none behind it, and it was not looked at what the stream holds ([`Completeness::came`]). A
    /// reader to which nothing comes for a moment does that then.
    pub fn owes_a_look(&self) -> bool {
        self.caught_up && !self.current && !self.coming
    }

    /// The stream was looked at after everything of ours up to `passed` had come: its first message is `first`.
    ///
    /// # Errors
    ///
    /// Messages of ours may have been dropped unread: [`Missing::Gap`] where nobody else's can be there, more of ours waited, or the program
    /// did not run for longer than messages are kept, else [`Missing::Unsure`]. Told once: from then on nothing is missing.
    pub fn holds(&mut self, first: u64, passed: u64, now: Duration) -> Result<(), Missing> {
        self.looked = now;
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
        Err(if was_behind || overslept || self.alone { Missing::Gap(what) } else { Missing::Unsure(what) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ASLEEP, Completeness, Missing};

    const SECOND: Duration = Duration::from_secs(1);

    fn reader(keeps: Duration) -> Completeness {
        Completeness { keeps, ..Completeness::new(false, Duration::ZERO) }
    }

    fn is_gap(holds: &Result<(), Missing>) -> bool {
        matches!(holds, Err(Missing::Gap(_)))
    }

    #[test]
    fn what_expires_behind_a_reader_is_no_gap_and_what_expires_before_it_is_one() {
        let mut read = reader(Duration::ZERO);
        // It begins at 100, where the log begins.
        assert_eq!(read.holds(101, 100, Duration::ZERO), Ok(()));
        read.begins(41, Duration::ZERO);
        // It catches up: 40 wait behind this one. The log forgets what it has read.
        assert!(read.came(110, 40, SECOND));
        assert_eq!(read.holds(101, 110, SECOND), Ok(()));
        assert_eq!(read.holds(111, 110, SECOND), Ok(()));
        let gap = read.holds(112, 111, SECOND);
        assert!(is_gap(&gap), "111 was not read when the stream was looked at last");
    }

    #[test]
    fn a_reader_that_is_awake_misses_nothing_however_far_the_next_entry_is() {
        let mut read = reader(ASLEEP / 2);
        let now = Duration::ZERO;
        assert_eq!(read.holds(1, 0, now), Ok(()));
        assert!(read.came(5, 0, now), "the last one that waits is looked at before it is handed on");
        assert_eq!(read.holds(1, 5, now), Ok(()));
        // Others write on the stream, and it is emptied behind the reader.
        assert!(!read.came(9_000, 0, now));
        assert_eq!(read.holds(9_001, 9_000, now), Ok(()));
        // The program is stopped. What came and expired meanwhile leaves no other trace.
        read.ticked(ASLEEP);
        assert!(read.came(20_000, 0, ASLEEP));
        assert!(is_gap(&read.holds(19_000, 20_000, ASLEEP)));
        // Told once.
        assert_eq!(read.holds(19_500, 20_000, ASLEEP), Ok(()));
    }

    /// Under load every few messages are the last of those that wait. To ask the broker each time would hold up all that come behind.
    #[test]
    fn a_reader_that_falls_behind_for_moments_looks_now_and_then_and_still_finds_a_gap() {
        let mut read = reader(Duration::ZERO);
        assert!(read.came(5, 0, Duration::ZERO), "it has caught up");
        assert_eq!(read.holds(1, 5, Duration::ZERO), Ok(()));
        let mut looks = 0;
        for at in 1..=1_000u32 {
            // Every third message has none behind it.
            let now = Duration::from_millis(2) * at;
            let seq = u64::from(5 + at);
            if read.came(seq, u64::from(at % 3), now) {
                looks += 1;
                assert_eq!(read.holds(1, seq, now), Ok(()));
            }
        }
        assert!((1..=10).contains(&looks), "{looks}");
        assert!(!read.came(1_006, 1, 2 * SECOND) && !read.owes_a_look(), "another one follows at once");
        assert!(!read.came(1_007, 0, 2 * SECOND) && read.owes_a_look());
        // Nothing comes for a moment: it has everything, and what others lose from then on is no gap.
        assert_eq!(read.holds(1, 1_007, 2 * SECOND), Ok(()));
        read.has_all(2 * SECOND);
        assert!(!read.owes_a_look());
        assert!(matches!(read.clone().holds(2_000, 1_007, 3 * SECOND), Err(Missing::Unsure(_))));
        // Messages are dropped before it has them: it knows at the next look, and takes nothing for read until then.
        let mut found = false;
        for at in 0..1_000u32 {
            let now = 2 * SECOND + Duration::from_millis(2) * at;
            let seq = u64::from(2_000 + at);
            if read.came(seq, u64::from(at % 3), now) {
                found |= is_gap(&read.holds(1_900, seq, now));
            }
        }
        assert!(found);
    }

    /// Others' entries expire, and the broker is started again: a zone in which nothing ever happened lacks nothing.
    #[test]
    fn a_reader_that_had_everything_and_was_away_is_unsure() {
        let mut read = reader(3_600 * SECOND);
        assert_eq!(read.holds(1, 0, Duration::ZERO), Ok(()));
        read.begins(0, Duration::ZERO);
        assert!(matches!(read.holds(5, 0, Duration::ZERO), Err(Missing::Unsure(_))));
        assert!(matches!(read.holds(50, 0, 7_200 * SECOND), Err(Missing::Unsure(_))));
        // What the broker says of the end of the stream counts, too.
        read.has_all_to(400);
        assert_eq!(read.holds(401, 0, 7_200 * SECOND), Ok(()));
    }
}

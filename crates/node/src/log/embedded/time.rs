//! Log time: what the entries are stamped with, and how they age.
//!
//! The wall clock of a machine can be wrong, in both directions and by any amount, until a person or a time service sets
//! it right. Two rules keep a wrong clock from harming the log.
//!
//! **Stamping.** *Expected* is the newest entry's time plus the monotonic time since that entry, or since the file was
//! opened. An entry gets the wall clock's time, except:
//! - A wall clock more than [`AHEAD_MAX`] ahead of expected is doubted for a minute ([`DOUBT`]): time services set a wrong clock
//!   right within their first minute. Until then entries get the expected time. A clock that still stands there afterwards
//!   is believed, with a warning, because an engine that was off for a month must not stay in the past.
//! - A wall clock behind the newest entry by at most [`BEHIND_MAX`] is an ordinary correction: entries get the newest
//!   entry's time until the wall clock has passed it.
//! - A wall clock behind by more means that it is wrong now, or that it was wrong when the newest entries were stamped. Log
//!   time remembers its largest recent [`Jump`] ahead. If the wall clock stands within that jump, the jump was the mistake: log
//!   time goes back over it, with a warning, instead of stamping entries into the future until the wall clock gets there.
//!   Otherwise the clock is wrong now (an empty battery says 1970), and entries get the expected time.
//!
//! **Ageing.** The log's *age* grows with log time from entry to entry, but by at most [`GAP_MAX`] at each step, and never
//! shrinks. Every entry carries the age that the log had (its *age mark*) and expires when the log has grown older than that by the
//! limit of its stream. A clock that stood 15 days or 15 years ahead therefore makes the entries at most one day older. A log
//! that is not written does not age.

use std::time::{Duration, Instant};

use fleetfold_model::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// A wall clock this far behind the newest entry is an ordinary correction. A guess: time services slew or step by less.
const BEHIND_MAX: Millis = Millis(5 * 60_000);
/// A wall clock further ahead is doubted. A guess: longer than a holiday, shorter than the 14 days that facts are kept.
const AHEAD_MAX: Millis = Millis(7 * 24 * 3_600_000);
/// How long a doubted wall clock must stand before it is believed. A guess: see above.
const DOUBT: Duration = Duration::from_secs(60);
/// The most by which one step of log time makes the log older.
pub(super) const GAP_MAX: Millis = Millis(24 * 3_600_000);
/// A jump is forgotten when the log has grown older by this.
const JUMP_KEPT: Millis = Millis(14 * 24 * 3_600_000);

/// A step of log time that was larger than the time that is known to have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Jump {
    /// Log time before it, in milliseconds.
    from: i64,
    /// Its size in milliseconds.
    size: i64,
    /// The log's age then.
    age: i64,
}

/// Log time at one moment.
#[derive(Clone, Debug)]
pub(super) struct LogTime {
    /// Time of the newest entry; `None` before the first one.
    newest: Option<Timestamp>,
    /// The log's age in milliseconds.
    age: i64,
    /// The largest jump ahead that is remembered.
    jump: Option<Jump>,
    /// The monotonic clock at the newest entry, or when the file was opened.
    seen: Instant,
    /// Since when the wall clock has been doubted.
    doubted: Option<Instant>,
}

impl LogTime {
    /// As a file says when it is opened.
    pub(super) fn new(newest: Option<i64>, age: i64, jump: Option<Jump>, monotonic: Instant) -> Self {
        Self { newest: newest.map(Timestamp), age, jump, seen: monotonic, doubted: None }
    }

    /// The newest entry's time in milliseconds.
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest.map(|newest| newest.0)
    }

    /// The log's age in milliseconds.
    pub(super) fn age(&self) -> i64 {
        self.age
    }

    /// The jump to remember in the file.
    pub(super) fn jump(&self) -> Option<Jump> {
        self.jump
    }

    /// The time of an entry that is stored now.
    pub(super) fn stamp(&mut self, wall: Timestamp, monotonic: Instant) -> Timestamp {
        let Some(newest) = self.newest else {
            self.newest = Some(wall);
            self.seen = monotonic;
            return wall;
        };
        let expected = newest + Millis(monotonic.saturating_duration_since(self.seen).as_millis() as i64);
        let at = self.choose(wall, newest, expected, monotonic);
        if self.jump.is_some_and(|jump| self.age - jump.age > JUMP_KEPT.0) {
            self.jump = None;
        }
        let ahead = (at - expected).0;
        if ahead > BEHIND_MAX.0 && self.jump.is_none_or(|jump| ahead > jump.size) {
            self.jump = Some(Jump { from: newest.0, size: ahead, age: self.age });
        }
        self.age += (at - newest).0.clamp(0, GAP_MAX.0);
        self.newest = Some(at);
        self.seen = monotonic;
        at
    }

    fn choose(&mut self, wall: Timestamp, newest: Timestamp, expected: Timestamp, monotonic: Instant) -> Timestamp {
        if wall - expected > AHEAD_MAX {
            let Some(since) = self.doubted else {
                tracing::warn!(
                    wall = wall.0,
                    newest = newest.0,
                    "the clock is far ahead of the log; doubted for a minute"
                );
                self.doubted = Some(monotonic);
                return expected;
            };
            if monotonic.saturating_duration_since(since) < DOUBT {
                return expected;
            }
            tracing::warn!(
                wall = wall.0,
                newest = newest.0,
                "the clock stays far ahead of the log: log time follows it"
            );
            self.doubted = None;
            return wall;
        }
        self.doubted = None;
        if newest - wall <= BEHIND_MAX {
            return wall.max(newest);
        }
        if self.jump.is_some_and(|jump| wall.0 >= jump.from) {
            tracing::warn!(
                wall = wall.0,
                newest = newest.0,
                "the newest entries were stamped by a clock that stood ahead: log time goes back"
            );
            self.jump = None;
            return wall;
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600_000;
    const START: Timestamp = Timestamp(1_700_000_000_000);

    fn opened(newest: Timestamp) -> (LogTime, Instant) {
        let now = crate::clock::monotonic();
        (LogTime::new(Some(newest.0), 0, None, now), now)
    }

    #[test]
    fn log_time_follows_the_wall_clock_and_holds_small_steps_back() {
        let (mut time, now) = opened(START);
        assert_eq!(time.stamp(START + Millis(10), now), START + Millis(10));
        assert_eq!(time.stamp(START - Millis(60_000), now), START + Millis(10));
        assert_eq!(time.stamp(START + Millis(3 * DAY), now), START + Millis(3 * DAY), "a long weekend");
    }

    #[test]
    fn a_clock_far_ahead_is_doubted_for_a_minute_and_log_time_goes_back_when_it_is_set_right() {
        let (mut time, now) = opened(START);
        let wrong = START + Millis(15 * DAY);
        assert_eq!(time.stamp(wrong, now), START);
        assert_eq!(time.stamp(wrong + Millis(59_000), now + Duration::from_secs(59)), START + Millis(59_000));
        // It is set right within the minute: nothing happened.
        assert_eq!(time.stamp(START + Millis(60_000), now + Duration::from_secs(60)), START + Millis(60_000));
        // It is wrong again and stays so: it is believed.
        let again = now + Duration::from_secs(61);
        assert_eq!(time.stamp(wrong, again), START + Millis(61_000));
        assert_eq!(time.stamp(wrong + Millis(60_000), again + DOUBT), wrong + Millis(60_000));
        assert!(time.age() <= GAP_MAX.0 + 61_000, "one jump makes the log a day older at most: {}", time.age());
        // It is set right at last: log time goes back, age does not.
        let age = time.age();
        assert_eq!(time.stamp(START + Millis(130_000), again + DOUBT), START + Millis(130_000));
        assert_eq!(time.age(), age);
    }

    #[test]
    fn a_clock_with_an_empty_battery_does_not_take_log_time_back() {
        let (mut time, now) = opened(START);
        time.stamp(START + Millis(3 * DAY), now);
        let later = now + Duration::from_secs(10);
        assert_eq!(time.stamp(Timestamp(0), later), START + Millis(3 * DAY + 10_000), "1970 is before any jump");
        let (mut time, now) = opened(START);
        assert_eq!(time.stamp(START - Millis(DAY), now + Duration::from_secs(10)), START + Millis(10_000));
    }

    #[test]
    fn the_log_ages_by_its_use() {
        let (mut time, now) = opened(START);
        for day in 1..=20 {
            time.stamp(START + Millis(day * DAY), now + Duration::from_millis((day * DAY) as u64));
        }
        assert_eq!(time.age(), 20 * DAY);
    }
}

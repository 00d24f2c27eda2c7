//! Levels of overload: when facts wait for too long, the engine does less for each, in a stated order.
//!
//! | level | facts wait for | what is left out, beside what the levels before it leave out |
//! |---|---|---|
//! | 0 | | nothing |
//! | 1 | 0.1 s | searches begin four times as late; fewer times of arrival are told in a second; half of the vehicles is asked about an order, regions of searches are half as large |
//! | 2 | 0.5 s | a third of the vehicles is asked, regions of searches are a third, no order on no route is tried again |
//! | 3 | 2.5 s | no search begins: insertion only |
//! | 4 | 5 s | a sixth of the vehicles is asked; the runner passes on fewer positions and pictures, and refuses new orders of producers that it can refuse |
//!
//! How long facts wait is the age of the oldest, or how long the answers to all that wait will take at the [pace](crate::pace) of
//! late, whichever is more: ten thousand orders in one instant are known to be late before one of them is.
//!
//! A level is reached at once. It is left for the one below when the wait has been below half of its bound for [`CALM`]. Facts are
//! never left out.

use fleetfold_model::{Millis, Timestamp};

/// How long facts wait when each level begins, in log time.
const BEGINS_AT: [Millis; 4] = [Millis(100), Millis(500), Millis(2_500), Millis(5_000)];
/// How long it must be calm before a level is left, in log time.
const CALM: Millis = Millis(1_000);

/// How much the engine does for each fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effort {
    level: u8,
}

impl Effort {
    /// How often the time for which changes are gathered before a search is waited.
    pub(crate) fn gathering(self) -> i64 {
        if self.level >= 1 { 4 } else { 1 }
    }

    /// How many of `most` vehicles, places or stops are looked at.
    pub(crate) fn share_of(self, most: usize) -> usize {
        match self.level {
            0 => most,
            1 => most.div_ceil(2),
            2 | 3 => most.div_ceil(3),
            _ => most.div_ceil(6),
        }
    }

    /// True while orders on no route are tried again, and vehicles farther away are asked as well.
    pub(crate) fn is_whole(self) -> bool {
        self.level < 2
    }

    /// True while searches begin.
    pub(crate) fn searches(self) -> bool {
        self.level < 3
    }
}

/// Which level holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overload {
    level: u8,
    calm_since: Option<Timestamp>,
}

impl Overload {
    pub(crate) fn level(self) -> u8 {
        self.level
    }

    pub(crate) fn effort(self) -> Effort {
        Effort { level: self.level }
    }

    /// Looks at how long facts wait (`None`: nothing waits). True when the level has changed.
    pub(crate) fn look(&mut self, wait: Option<Millis>, log_now: Timestamp) -> bool {
        let wait = wait.unwrap_or_default();
        let reached = BEGINS_AT.iter().take_while(|&&bound| wait >= bound).count() as u8;
        if reached > self.level {
            (self.level, self.calm_since) = (reached, None);
            return true;
        }
        if self.level == 0 || wait.0 * 2 >= BEGINS_AT[usize::from(self.level) - 1].0 {
            self.calm_since = None;
            return false;
        }
        let since = *self.calm_since.get_or_insert(log_now);
        if log_now - since < CALM {
            return false;
        }
        self.level -= 1;
        self.calm_since = (self.level > 0).then_some(log_now);
        true
    }

    /// Log time at which the level may be left; `None` while there is nothing to leave.
    pub(crate) fn due_at(self) -> Option<Timestamp> {
        self.calm_since.map(|since| since + CALM)
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Millis, Timestamp};

    use super::{CALM, Overload};

    #[test]
    fn a_level_is_reached_at_once_and_left_step_by_step_after_calm() {
        let mut overload = Overload::default();
        let mut now = Timestamp(0);
        for (wait, level) in [(99, 0), (100, 1), (499, 1), (500, 2), (7_000, 4)] {
            overload.look(Some(Millis(wait)), now);
            assert_eq!(overload.level(), level, "after a wait of {wait} ms");
        }
        // Just below its bound is not calm.
        for _ in 0..10 {
            now = now + CALM;
            assert!(!overload.look(Some(Millis(4_000)), now));
        }
        let mut left = Vec::new();
        assert!(!overload.look(None, now));
        while let Some(due) = overload.due_at() {
            assert!(!overload.look(None, due - Millis(1)), "no sooner than it says");
            assert!(overload.look(None, due));
            left.push(overload.level());
        }
        assert_eq!(left, [3, 2, 1, 0]);
    }

    #[test]
    fn a_fact_that_waits_again_breaks_the_calm() {
        let mut overload = Overload::default();
        overload.look(Some(Millis(300)), Timestamp(0));
        overload.look(None, Timestamp(100));
        overload.look(Some(Millis(80)), Timestamp(900));
        assert!(!overload.look(None, Timestamp(1_100)));
        assert!(!overload.look(None, Timestamp(2_099)));
        assert!(overload.look(None, Timestamp(2_100)));
    }
}

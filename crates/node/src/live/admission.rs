//! Whether a new order is taken now: not if its answer would come too late, told from how many facts wait, how many are on their way,
//! and how fast answers are made; and not if it takes the room in the log that its plan needs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use fleetfold_engine::Backlog;
use fleetfold_model::Millis;

use super::OVERLOAD_MAX;

/// An order whose answer would take longer than this is refused: a third of what is promised, since the pace may fall meanwhile, and
/// others publish too.
const TAKEN_WITHIN: Millis = Millis(3_500);
/// A refused producer is told to come again when the wait is down to this, if the pace stays as it is.
const CALM: Millis = Millis(1_750);
/// Bounds of that, in seconds.
const LATER: (u64, u64) = (2, 30);
/// A log that is so full, per cent, takes no new orders over HTTP: what is left is for plans and for what drivers report.
const FULL: u64 = 95;

/// Shared by the engine's thread, which tells how many facts wait, and the requests that bring new ones.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    /// Level of overload, 0 to [`OVERLOAD_MAX`].
    level: AtomicU8,
    /// How full the stream of facts is, per cent; 0 where it has no bound.
    percent_full: AtomicU64,
    /// Orders that are being appended to the log.
    sending: AtomicUsize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    backlog: Backlog,
    /// Entries of new orders that came over HTTP and are not folded yet.
    unfolded: VecDeque<u64>,
}

/// An order on its way into the log.
pub(crate) struct Sending<'a>(&'a Admission);

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.sending.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sending<'_> {
    /// It is this entry of the log.
    pub(crate) fn stored(&self, seq: u64) {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).unfolded.push_back(seq);
    }
}

impl Admission {
    /// Level of overload.
    pub(crate) fn level(&self) -> u8 {
        self.level.load(Ordering::Acquire)
    }

    /// The level of overload is now this; returns the one before.
    pub(super) fn set_level(&self, level: u8) -> u8 {
        self.level.swap(level, Ordering::AcqRel)
    }

    /// The stream of facts is so full, per cent.
    pub(super) fn set_percent_full(&self, percent: u64) {
        self.percent_full.store(percent, Ordering::Release);
    }

    /// Why the log has no room for new orders, if it has none.
    pub(crate) fn lacks_room(&self) -> Option<String> {
        let percent = self.percent_full.load(Ordering::Acquire);
        (percent >= FULL).then(|| {
            format!(
                "the stream of facts is {percent} % full, and what is left is kept for plans and for what drivers report: raise its \
                 max_bytes (nats stream edit NAME --max-bytes), or let facts expire sooner"
            )
        })
    }

    /// How many facts the engine has without an answer, and its pace.
    pub(super) fn stands(&self, backlog: Backlog) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).backlog = backlog;
    }

    /// A new order may be sent; `Err`: not for so many seconds. `applied`: the last entry that was folded.
    pub(crate) fn order(&self, applied: u64) -> Result<Sending<'_>, u64> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        while known.unfolded.front().is_some_and(|&seq| seq <= applied) {
            known.unfolded.pop_front();
        }
        let on_its_way = known.unfolded.len() + self.sending.load(Ordering::Acquire);
        let wait = known.backlog.answered_within(on_its_way);
        if self.level() >= OVERLOAD_MAX || wait >= TAKEN_WITHIN {
            let seconds = (wait.0 - CALM.0).max(0).unsigned_abs().div_ceil(1_000);
            return Err(seconds.clamp(LATER.0, LATER.1));
        }
        self.sending.fetch_add(1, Ordering::AcqRel);
        Ok(Sending(self))
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_engine::Backlog;

    use super::{Admission, OVERLOAD_MAX};

    #[test]
    fn orders_are_refused_before_those_that_wait_take_too_long() {
        let admission = Admission::default();
        admission.stands(Backlog { waiting: 3_000, per_second: 1_000.0 });
        // What was sent and not folded waits too: the engine knows nothing of it yet.
        let mut taken = 0;
        while let Ok(sending) = admission.order(0) {
            taken += 1;
            sending.stored(taken);
            assert!(taken < 10_000, "a flood is taken whole");
        }
        assert_eq!(taken, 500, "three and a half seconds of answers");
        assert_eq!(admission.order(0).err(), Some(2), "seconds until half of that is answered");
        // The engine has folded some of it and answered more.
        admission.stands(Backlog { waiting: 3_400, per_second: 1_000.0 });
        assert!(admission.order(500).is_ok());
        admission.stands(Backlog { waiting: 9_000, per_second: 1_000.0 });
        assert_eq!(admission.order(500).err(), Some(8));
    }

    #[test]
    fn the_last_of_the_log_is_kept_for_plans() {
        let admission = Admission::default();
        admission.set_percent_full(94);
        assert_eq!(admission.lacks_room(), None);
        admission.set_percent_full(95);
        assert!(admission.lacks_room().is_some_and(|why| why.contains("95 % full")));
    }

    #[test]
    fn orders_on_their_way_count_and_at_the_highest_level_none_is_taken() {
        let admission = Admission::default();
        admission.stands(Backlog { waiting: 99, per_second: 28.5 });
        let first = admission.order(0).ok();
        assert!(first.is_some() && admission.order(0).is_err(), "the first one is being sent");
        drop(first);
        assert!(admission.order(0).is_ok(), "it was not stored");
        admission.set_level(OVERLOAD_MAX);
        assert_eq!(admission.order(0).err(), Some(2));
        admission.stands(Backlog { waiting: 0, per_second: 20.0 });
        assert_eq!(admission.order(0).err(), Some(2));
    }
}

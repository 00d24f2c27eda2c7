//! The one place that reads clocks.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fleetfold_model::{Millis, Timestamp};

/// The wall clock, in milliseconds.
#[expect(clippy::disallowed_methods, reason = "this is the marked place")]
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis() as i64)
}

/// Monotonic time.
#[expect(clippy::disallowed_methods, reason = "this is the marked place")]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// How long this program has been running, on the same clock, for what is judged where no clock can be read.
pub(crate) fn running() -> Duration {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let began = *BEGAN.get_or_init(monotonic);
    monotonic().saturating_duration_since(began)
}

/// Log time between entries. Shared: whoever hears the log's own clock sets it.
///
/// What the log says is believed, and never this machine's wall clock: that one may be wrong by minutes, and plans are made of times.
#[derive(Clone, Debug)]
pub(crate) struct LogClock(Arc<Mutex<Anchor>>);

/// So far apart two clocks may seem, because an answer was on its way.
const UNSURE: Millis = Millis(250);

#[derive(Clone, Copy, Debug)]
struct Anchor {
    time: Timestamp,
    at: Instant,
}

impl Anchor {
    fn now(self) -> Timestamp {
        self.time + Millis(self.at.elapsed().as_millis() as i64)
    }
}

impl LogClock {
    /// As the wall clock has it, until the log says what time it is.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Anchor { time: wall(), at: monotonic() })))
    }

    /// Whether anybody else has it, too.
    pub(crate) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The log says that it is this time now. What may be no more than the way of its answer changes nothing.
    pub(crate) fn told(&self, now: Timestamp) {
        let mut anchor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if (anchor.now() - now).0.abs() > UNSURE.0 {
            *anchor = Anchor { time: now, at: monotonic() };
        }
    }

    /// An entry arrived that was logged at this time. Old entries, read while catching up, say nothing about the present.
    pub(crate) fn saw(&self, logged_at: Timestamp) {
        let mut anchor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged_at > anchor.now() {
            *anchor = Anchor { time: logged_at, at: monotonic() };
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now()
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Millis, Timestamp};

    use super::{LogClock, wall};

    #[test]
    fn the_log_sets_the_clock_forwards_and_backwards_and_an_entry_forwards_only() {
        let clock = LogClock::new();
        let hour = Millis(3_600_000);
        let (past, future) = (wall() - hour, wall() + hour);
        let is_about = |time: Timestamp| (clock.now() - time).0 < 600_000 && clock.now() >= time;
        clock.told(past);
        assert!(is_about(past), "this machine's clock was ahead");
        clock.saw(past - hour);
        assert!(is_about(past), "an old entry");
        clock.saw(future);
        assert!(is_about(future));
    }
}

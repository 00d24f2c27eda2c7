//! The one place that reads clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

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

/// Log time between entries: the last entry's timestamp and monotonic time since, so that a wrong wall clock changes nothing.
#[derive(Debug)]
pub(crate) struct LogClock {
    anchor: Timestamp,
    at: Instant,
}

impl LogClock {
    pub(crate) fn new() -> Self {
        Self { anchor: wall(), at: monotonic() }
    }

    /// An entry arrived that was logged at this time. Old entries, read while catching up, say nothing about the present.
    pub(crate) fn saw(&mut self, logged_at: Timestamp) {
        if logged_at > self.now() {
            self.anchor = logged_at;
            self.at = monotonic();
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.anchor + Millis(self.at.elapsed().as_millis() as i64)
    }
}

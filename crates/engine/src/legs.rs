//! Answers wait for the legs of a routing server, but not for long.
//!
//! The engine's thread asks no server. It makes an answer from what is known; if legs were missing, it wants them fetched, and makes
//! the answer anew when they have come. After [`WAIT_MAX`] straight lines do.

use fleetfold_model::{Millis, Timestamp};

/// An answer waits for legs at most this long, log time.
const WAIT_MAX: Millis = Millis(1_500);

/// Whether legs are being fetched, and since when an answer waits for them.
#[derive(Debug, Default)]
pub(crate) struct LegWait {
    /// A query is on its way, since this instant of log time.
    asked_at: Option<Timestamp>,
    /// The answer that is made waits since this instant of log time.
    waits_since: Option<Timestamp>,
    /// The server did not answer: this answer is made with straight lines.
    gave_up: bool,
}

impl LegWait {
    /// True while the answer is to wait for legs that are on their way.
    pub(crate) fn is_waiting(&self, log_now: Timestamp) -> bool {
        self.asked_at.is_some() && self.waits_since.is_some_and(|since| log_now - since < WAIT_MAX)
    }

    /// True when an answer that lacks legs would wait for them: the server owes nothing and has not given up.
    pub(crate) fn may_fetch(&self, log_now: Timestamp) -> bool {
        let waited = self.waits_since.map_or(Millis(0), |since| log_now - since);
        !self.gave_up && self.asked_at.is_none() && waited < WAIT_MAX
    }

    /// An answer lacks legs: true when they are to be fetched and the answer is to wait.
    pub(crate) fn fetches(&mut self, log_now: Timestamp) -> bool {
        // A server that still owes an earlier table is too slow to be waited for again.
        let fetches = self.may_fetch(log_now);
        self.waits_since.get_or_insert(log_now);
        if fetches {
            self.asked_at = Some(log_now);
        }
        fetches
    }

    /// The server answered, or `empty`: gave up.
    pub(crate) fn came(&mut self, empty: bool) {
        self.asked_at = None;
        self.gave_up = empty && self.waits_since.is_some();
    }

    /// An answer was made: the next one waits anew.
    pub(crate) fn answered(&mut self) {
        self.waits_since = None;
        self.gave_up = false;
    }

    /// Log time at which the answer waits no longer.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        self.asked_at.and(self.waits_since).map(|since| since + WAIT_MAX)
    }
}

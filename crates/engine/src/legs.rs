//! Answers wait for the legs of a routing server, but not for long.
//!
//! The engine's thread asks no server. It makes an answer from what is known; if legs were missing, it wants them fetched, and makes
//! the answer anew when they have come. After [`WAIT_MAX`] straight lines do. While facts wait one behind the other their waits add
//! up, so that [`ALLOWANCE`] bounds all of them together.

use fleetfold_model::{Millis, Timestamp};

/// An answer waits for legs at most this long, log time.
const WAIT_MAX: Millis = Millis(1_500);
/// All answers together wait at most this long, log time, until nothing waits for an answer any more. A slow server delays a rush by
/// this much and no more.
const ALLOWANCE: Millis = Millis(2_500);
/// Of so many milliseconds of log time one is allowed again, so that a stream of facts that never ends is not cut off from the server
/// for ever.
const ALLOWED_AGAIN: i64 = 8;

/// Whether legs are being fetched, and since when an answer waits for them.
#[derive(Debug, Default)]
pub(crate) struct LegWait {
    /// A query is on its way.
    is_asked: bool,
    /// The answer that is made waits.
    wait: Option<Wait>,
    /// The server did not answer: this answer is made with straight lines.
    gave_up: bool,
    /// What the answers have waited since nothing waited, less what was allowed again, as of `spent_at`.
    spent: Millis,
    spent_at: Timestamp,
}

/// An answer waits for legs, log time.
#[derive(Clone, Copy, Debug)]
struct Wait {
    since: Timestamp,
    until: Timestamp,
}

impl LegWait {
    /// True while the answer is to wait for legs that are on their way.
    pub(crate) fn is_waiting(&self, log_now: Timestamp) -> bool {
        self.is_asked && self.wait.is_some_and(|wait| log_now < wait.until)
    }

    /// True when an answer that lacks legs would wait for them: the server owes nothing and has not given up, and the answers before
    /// this one have not waited too long.
    pub(crate) fn may_fetch(&self, log_now: Timestamp) -> bool {
        // A server that still owes an earlier table is too slow to be waited for again.
        !self.gave_up && !self.is_asked && log_now < self.wait(log_now).until
    }

    /// An answer lacks legs: true when they are to be fetched and the answer is to wait.
    pub(crate) fn fetches(&mut self, log_now: Timestamp) -> bool {
        let fetches = self.may_fetch(log_now);
        self.wait = Some(self.wait(log_now));
        self.is_asked |= fetches;
        fetches
    }

    /// The server answered, or `empty`: gave up.
    pub(crate) fn came(&mut self, empty: bool) {
        self.is_asked = false;
        self.gave_up = empty && self.wait.is_some();
    }

    /// An answer was made: the next one waits anew.
    pub(crate) fn answered(&mut self, log_now: Timestamp) {
        if let Some(wait) = self.wait.take() {
            self.spent = self.spent_by(log_now) + (log_now - wait.since);
            self.spent_at = log_now;
        }
        self.gave_up = false;
    }

    /// Nothing waits for an answer: the next rush may wait for all that it is allowed.
    pub(crate) fn calm(&mut self) {
        self.spent = Millis(0);
    }

    /// Log time at which the answer waits no longer.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        self.wait.filter(|_| self.is_asked).map(|wait| wait.until)
    }

    /// The wait of the answer that is made; one that begins now if it does not wait yet.
    fn wait(&self, log_now: Timestamp) -> Wait {
        let left = ALLOWANCE - self.spent_by(log_now);
        self.wait.unwrap_or(Wait { since: log_now, until: log_now + left.min(WAIT_MAX).max(Millis(0)) })
    }

    fn spent_by(&self, log_now: Timestamp) -> Millis {
        let allowed = (log_now - self.spent_at).0 / ALLOWED_AGAIN;
        Millis((self.spent.0 - allowed).max(0))
    }
}

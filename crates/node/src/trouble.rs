//! Something that fails for a while: why, and since when. What lasts is told by `/readyz`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// What is over before this is an election or a restart of the broker, and not told.
const LASTS: Duration = Duration::from_secs(2);

/// Why something fails now, and since when.
#[derive(Debug, Default)]
pub(crate) struct Trouble(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    since: Instant,
    /// When it failed last.
    last: Instant,
    why: String,
}

impl Trouble {
    /// It failed, maybe again.
    pub(crate) fn met(&self, why: String) {
        self.met_since(clock::monotonic(), why);
    }

    /// It failed, maybe again, and has not worked since then.
    pub(crate) fn met_since(&self, since: Instant, why: String) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = held.as_ref().map_or(since, |before| since.min(before.since));
        *held = Some(Held { since, last: clock::monotonic(), why });
    }

    /// It may work again: nobody has tried for so long. Whoever tries next will know.
    pub(crate) fn over_if_untried_for(&self, least: Duration) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| held.last.elapsed() >= least) {
            *held = None;
        }
    }

    /// It works.
    pub(crate) fn over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// `Err`: why it fails, and since when, once that has lasted.
    pub(crate) fn get(&self) -> Result<(), String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Held { since, why, .. }) if since.elapsed() >= LASTS => {
                Err(format!("{why}; so for {} s", since.elapsed().as_secs()))
            }
            Some(_) | None => Ok(()),
        }
    }
}

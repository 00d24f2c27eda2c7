//! How fast facts are answered while many wait, and so how long one that comes now will wait.

use fleetfold_model::{Millis, Timestamp};

/// So many facts wait at least while the pace is measured: with fewer, answers wait for facts.
const MANY: usize = 64;
/// Time over which answers are counted, log time.
const COUNTED_OVER: Millis = Millis(100);
/// Answers a second before anything was measured (guess: half of what two cores do in a zone of 10,000 stops).
const AT_FIRST: f64 = 1_000.0;
/// How much the newest count weighs beside those before it.
const NEWEST: f64 = 0.5;

/// Facts that wait for an answer, and the pace at which they are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backlog {
    /// Facts without an answer.
    pub waiting: usize,
    /// Answers a second, when last many facts waited.
    pub per_second: f64,
}

impl Backlog {
    /// How long the answers to all these facts and to so many `more` will take. 0 while there are few of them.
    pub fn answered_within(self, more: usize) -> Millis {
        let waiting = self.waiting + more;
        // What is known about the pace of many says nothing about the wait of few.
        if waiting < MANY {
            return Millis(0);
        }
        Millis((waiting as f64 / self.per_second.max(1.0) * 1_000.0) as i64)
    }
}

/// Measures the pace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    per_second: f64,
    waiting: usize,
    /// Since when many have waited, or answers were last counted; `None`: few wait.
    since: Option<Timestamp>,
    /// Answers since then.
    answered: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { per_second: AT_FIRST, waiting: 0, since: None, answered: 0 }
    }
}

impl Pace {
    /// So many facts were answered by one plan.
    pub(crate) fn answered(&mut self, facts: usize) {
        self.answered += facts;
    }

    /// Looks at how many wait.
    pub(crate) fn look(&mut self, waiting: usize, log_now: Timestamp) {
        self.waiting = waiting;
        let Some(since) = self.since.filter(|_| waiting >= MANY) else {
            self.since = (waiting >= MANY).then_some(log_now);
            self.answered = 0;
            return;
        };
        let over = log_now - since;
        if over >= COUNTED_OVER {
            let counted = self.answered as f64 * 1_000.0 / over.0 as f64;
            self.per_second += (counted - self.per_second) * NEWEST;
            (self.since, self.answered) = (Some(log_now), 0);
        }
    }

    pub(crate) fn backlog(self) -> Backlog {
        Backlog { waiting: self.waiting, per_second: self.per_second }
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Millis, Timestamp};

    use super::{MANY, Pace};

    #[test]
    fn the_pace_is_that_of_the_answers_while_many_wait() {
        let mut pace = Pace::default();
        let mut waiting = 20_000;
        for step in 0..20 {
            pace.look(waiting, Timestamp(step * 50));
            pace.answered(10);
            waiting -= 10;
        }
        let backlog = pace.backlog();
        assert!((199.0..230.0).contains(&backlog.per_second), "200 a second: {backlog:?}");
        let within = backlog.answered_within(180);
        assert!((Millis(85_000)..Millis(101_000)).contains(&within), "20,000 at 200 a second: {within:?}");
    }

    /// A broker that was away for a minute must not make the engine refuse orders for ever.
    #[test]
    fn few_facts_never_wait_for_long_however_slow_it_was_before() {
        let mut pace = Pace::default();
        for step in 0..600 {
            pace.look(MANY, Timestamp(step * 100));
        }
        assert!(pace.backlog().answered_within(0) > Millis(60_000), "nothing was answered");
        pace.look(MANY - 1, Timestamp(60_000));
        assert_eq!(pace.backlog().answered_within(0), Millis(0));
        // What the answers in between say does not count: they waited for facts.
        pace.answered(1);
        pace.look(1, Timestamp(61_000));
        pace.look(MANY, Timestamp(62_000));
        pace.answered(MANY);
        pace.look(MANY, Timestamp(62_100));
        assert!(pace.backlog().per_second > 300.0, "{:?}", pace.backlog());
    }
}

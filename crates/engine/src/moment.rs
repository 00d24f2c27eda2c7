//! The fleet at an instant of log time: what every part of the engine looks at.

use fleetfold_fleet::Fleet;
use fleetfold_model::{Millis, Timestamp};

/// How long an answer takes to come back from the log at worst, log time.
const ANSWER_MARGIN: Millis = Millis(250);

/// The fleet at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) fleet: &'a Fleet,
    /// Log time as far as any input has said.
    pub(crate) log_now: Timestamp,
}

impl Moment<'_> {
    /// Zone time.
    pub(crate) fn now(&self) -> Timestamp {
        self.fleet.zone().zone_time(self.log_now)
    }

    /// A span of log time as zone time.
    pub(crate) fn zone_span(&self, span: Millis) -> Millis {
        Millis(span.0.saturating_mul(i64::from(self.fleet.zone().rate)))
    }

    /// How long an answer takes to come back from the log at worst, zone time.
    pub(crate) fn answer_margin(&self) -> Millis {
        self.zone_span(ANSWER_MARGIN)
    }
}

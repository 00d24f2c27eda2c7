//! When service starts at a stop: the one rule from arrival to the start of service, for whoever predicts, watches, learns or
//! pretends. The solver has units of its own; a test in `engine` holds it to the same rule.

use fleetfold_model::{Millis, TimeWindow, Timestamp};

use crate::order::Stop;

/// The earliest start of service for a vehicle that is ready to serve at `ready` (it has arrived and set up).
///
/// Service waits for `release` and for the first of the `windows` (in order of time) that has not closed by then. After the last
/// window service starts at once, and late.
pub fn service_start(ready: Timestamp, windows: &[TimeWindow], release: Option<Timestamp>) -> Timestamp {
    let ready = release.map_or(ready, |release| ready.max(release));
    let window = windows.iter().find(|window| ready <= window.closes());
    window.map_or(ready, |window| ready.max(window.opens()))
}

impl Stop {
    /// When service starts for a vehicle that arrives at `arrival`. Setting up takes its time only for a vehicle that comes
    /// `from_elsewhere`: at the same place it has been done.
    pub fn service_start(&self, arrival: Timestamp, from_elsewhere: bool) -> Timestamp {
        let setup = if from_elsewhere { self.setup } else { Millis(0) };
        service_start(arrival + setup, &self.windows, self.release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_waits_for_the_goods_and_for_a_window_that_is_still_open() {
        let window = |opens, closes| TimeWindow::new(Timestamp(opens), Timestamp(closes)).expect("legal");
        let windows = [window(10, 20), window(30, 40)];
        let start = |ready, release: Option<i64>| service_start(Timestamp(ready), &windows, release.map(Timestamp)).0;
        assert_eq!([start(5, None), start(15, None), start(25, None)], [10, 15, 30]);
        assert_eq!(start(45, None), 45, "late, and at once");
        assert_eq!(start(15, Some(21)), 30, "released when the first window has closed");
        assert_eq!(start(5, Some(12)), 12);
        assert_eq!(service_start(Timestamp(7), &[], None).0, 7);
    }
}

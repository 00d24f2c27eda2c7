//! One simulated driver: what he does now, what he was told, and what he remembers of it.

use std::collections::BTreeSet;

use fleetfold_model::{AssignedVisit, DepotCall, Millis, Name, Position, Shift, StopKind, Timestamp, Vehicle};

/// What a driver does at the moment.
#[derive(Clone, Debug)]
pub(crate) enum Doing {
    /// He has not signed on, or his shift is over.
    Off,
    /// He has signed on and has nothing to do.
    Idle,
    /// He waits for the time to leave, or for the end of his break.
    Waiting { until: Timestamp },
    /// He is on the way to a stop.
    Driving {
        visit: AssignedVisit,
        /// Where the drive began.
        from: Position,
        /// When it began.
        left: Timestamp,
        /// When he will be there.
        until: Timestamp,
        /// When his phone reports the next position.
        next_report: Timestamp,
    },
    /// He is at a stop and waits for a dock.
    Queueing {
        visit: AssignedVisit,
        /// He docks first.
        sets_up: bool,
    },
    /// He is at a stop.
    Serving { visit: AssignedVisit, until: Timestamp, fails: bool },
    /// He is on the way to a depot.
    ToDepot {
        call: DepotCall,
        /// Where the drive began.
        from: Position,
        /// When it began.
        left: Timestamp,
        /// When he will be there.
        until: Timestamp,
    },
    /// He is at a depot, and his vehicle is loaded.
    Loading { until: Timestamp },
    /// His vehicle has broken down. `on_shift`: he was at work when it did, and goes on when it is back.
    Broken { on_shift: bool },
}

/// A break that a driver has begun or finished since his last departure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    /// How long it is.
    pub(crate) length: Millis,
    /// When it ends or ended, zone time.
    pub(crate) until: Timestamp,
}

/// A driver and his vehicle.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    pub(crate) doing: Doing,
    pub(crate) position: Position,
    /// False while nobody has said where the vehicle is; the start of its registration settles it.
    pub(crate) position_known: bool,
    /// The period he works; `None`: until the day says otherwise.
    pub(crate) shift: Option<Shift>,
    /// Revision of the newest assignment he has read.
    pub(crate) revision: u64,
    /// The visits of that assignment that he has not made yet.
    pub(crate) plan: Vec<AssignedVisit>,
    /// Stops he has served or failed: order, stop and where it was. A return of the same goods to another place is another stop.
    pub(crate) done: BTreeSet<(Name, StopKind, Position)>,
    pub(crate) rest: Option<Rest>,
    /// What he came for to the place where he is.
    pub(crate) came_for: BTreeSet<(Name, StopKind)>,
    /// The depot where he was loaded since he was at a stop.
    pub(crate) loaded_at: Option<Position>,
    /// Reports sent so far; numbers their event ids.
    pub(crate) sent: u64,
    /// Driving time in thousandths of the network's.
    pub(crate) factor: i64,
}

impl Driver {
    /// A driver of whom only the name is known: his vehicle has not been registered yet, and may never be.
    pub(crate) fn unregistered() -> Self {
        Self {
            doing: Doing::Off,
            position: Position::default(),
            position_known: false,
            shift: None,
            revision: 0,
            plan: Vec::new(),
            done: BTreeSet::new(),
            rest: None,
            came_for: BTreeSet::new(),
            loaded_at: None,
            sent: 0,
            factor: 1000,
        }
    }

    /// Takes over what the registration says; a shift and a position that a sign-on gave count more.
    pub(crate) fn register(&mut self, vehicle: &Vehicle) {
        self.factor = i64::from(vehicle.time_factor);
        if self.shift.is_none() {
            self.shift.clone_from(&vehicle.shift);
        }
        if !self.position_known {
            self.position = vehicle.start;
            self.position_known = true;
        }
    }

    /// Signs on. A sign-on in the middle of work changes the hours of work only.
    pub(crate) fn sign_on(&mut self, shift: Option<&Shift>, position: Option<Position>) {
        if let Some(shift) = shift {
            self.shift = Some(shift.clone());
        }
        if matches!(self.doing, Doing::Off | Doing::Broken { .. }) {
            self.doing = Doing::Idle;
            self.rest = None;
            if let Some(position) = position {
                self.position = position;
                self.position_known = true;
            }
        }
    }

    /// When he acts next of his own accord, zone time.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        match &self.doing {
            Doing::Waiting { until }
            | Doing::Serving { until, .. }
            | Doing::ToDepot { until, .. }
            | Doing::Loading { until } => Some(*until),
            Doing::Driving { until, next_report, .. } => Some((*until).min(*next_report)),
            Doing::Idle => self.shift.as_ref().filter(|_| self.plan.is_empty()).map(|shift| shift.ends),
            Doing::Off | Doing::Queueing { .. } | Doing::Broken { .. } => None,
        }
    }

    /// Until when a break keeps him from driving, if the next visit asks for `length` of it.
    ///
    /// A break is taken once. A new assignment may ask for the same break again, because a break is reported by nothing but the
    /// departure after it: what has been rested since the last departure counts towards it.
    pub(crate) fn rest_until(&mut self, length: Millis, now: Timestamp) -> Option<Timestamp> {
        let rested = self.rest.map_or(Millis(0), |rest| rest.length);
        if length > rested {
            let begun = self.rest.map_or(now, |rest| rest.until.max(now));
            self.rest = Some(Rest { length, until: begun + (length - rested) });
        }
        self.rest.map(|rest| rest.until).filter(|&until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Millis, Timestamp};

    use super::Driver;

    #[test]
    fn a_break_that_is_asked_for_again_is_not_taken_again() {
        let mut driver = Driver::unregistered();
        let (asked, begun) = (Millis(1_800_000), Timestamp(0));
        let ends = begun + asked;
        assert_eq!(driver.rest_until(asked, begun), Some(ends));
        assert_eq!(
            driver.rest_until(asked, begun + Millis(60_000)),
            Some(ends),
            "a new plan in the middle of the break"
        );
        assert_eq!(driver.rest_until(Millis(0), begun + Millis(60_000)), Some(ends), "he finishes what he began");
        assert_eq!(driver.rest_until(asked, ends), None);
        let longer = asked + Millis(300_000);
        assert_eq!(driver.rest_until(longer, ends), Some(ends + Millis(300_000)), "only what is missing");
    }
}

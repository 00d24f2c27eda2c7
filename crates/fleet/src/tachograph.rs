//! What a driver has driven, worked and rested in his shift, as facts tell it: what a tachograph records.
//!
//! Kept for vehicles with a rule of driving times ([`fleetfold_model::DrivingRule`]) only; a record that was begun goes on until the next
//! sign-on, also where the vehicle is registered without a rule. Promise: the same facts come to the same record in
//! any order, as long as no more than [`KEPT`] newer ones are known. Absent on purpose: positions (they are not in the log), nights, weeks and two drivers.
//!
//! Driving lasts from a departure to the arrival, or where no arrival is told, to the end of the stop less its service. Where no departure
//! is told, it began so long before the arrival as the plan says. A driver rests from the end of a stop to his next departure, where he
//! waits for a time window, and in breaks that are told. Time that he spends at a stop beyond that is work.

use fleetfold_model::{DrivingRule, Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Newest changes that are kept; what is older is settled. A fact that is told later than so many newer ones does not count.
const KEPT: usize = 64;

/// What a driver does from some time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Activity {
    /// Nothing.
    #[default]
    Rest,
    /// He drives.
    Driving,
    /// He is at a stop.
    AtStop,
}

/// A kind of fact about what a driver does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Turn {
    /// A break ended.
    BreakEnded,
    /// He is done with a stop.
    Left,
    /// He arrived at a stop.
    Arrived,
    /// He drives no longer, although he has reached no stop.
    Halted,
    /// He began to drive.
    Departed,
    /// A break began.
    BreakBegan,
}

/// A change of a driver's activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActivityChange {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub turn: Turn,
    /// Of an arrival and of the end of a stop: how long the drive there took as planned, for where no departure is told.
    pub drive: Millis,
    /// Of an arrival: how long he waits before service can begin. Of the end of a stop: how long its service takes. Of the beginning of a
    /// break: how long it is to last.
    pub lasts: Millis,
}

/// What has been driven and rested up to an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driven {
    /// The instant.
    pub at: Timestamp,
    /// What he does then.
    pub activity: Activity,
    /// Driving since the last break.
    pub since_break: Millis,
    /// The first part of the next break has been taken.
    pub first_part: bool,
    /// He has rested for so long up to now.
    pub rested: Millis,
    /// Driving in this shift.
    pub in_shift: Millis,
    /// The first departure of this shift.
    pub began: Option<Timestamp>,
    /// Until when he rests as far as is known, and what he does then.
    pub rests_until: Option<(Timestamp, Activity)>,
    /// A limit has been passed since the last break.
    pub is_over: bool,
}

/// By how much a limit of a rule is passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excess {
    /// Driving without a break.
    pub driving: Millis,
    /// Driving in the shift.
    pub shift_driving: Millis,
    /// Time from the first departure of the shift.
    pub duty: Millis,
}

impl Excess {
    /// No limit is passed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Driven {
    fn end_rest(&mut self, rule: &DrivingRule) {
        let rested = std::mem::take(&mut self.rested);
        if rested >= self.whole_rest(rule) {
            (self.since_break, self.first_part, self.is_over) = (Millis(0), false, false);
        } else if rule.first_part > Millis(0) && rested >= rule.first_part {
            self.first_part = true;
        }
    }

    /// How long a rest has to be for driving to be counted anew.
    fn whole_rest(&self, rule: &DrivingRule) -> Millis {
        if self.first_part { rule.pause - rule.first_part } else { rule.pause }
    }

    /// The same with a rest that is long enough already counted as a break.
    #[must_use]
    pub fn settled(mut self, rule: &DrivingRule) -> Self {
        if self.rested >= self.whole_rest(rule) {
            (self.since_break, self.first_part, self.is_over) = (Millis(0), false, false);
        }
        self
    }

    /// Rests for so long.
    pub fn rest(&mut self, time: Millis) {
        self.at = self.at + time.max(Millis(0));
        self.rested += time.max(Millis(0));
    }

    /// Rests until a break is over that he takes.
    pub fn finish_break(&mut self) {
        if let Some((over, then)) = self.rests_until.take() {
            self.rest(over - self.at);
            self.activity = then;
        }
    }

    /// Drives for so long, without a break.
    pub fn drive(&mut self, time: Millis, rule: &DrivingRule) {
        if time <= Millis(0) {
            return;
        }
        self.end_rest(rule);
        self.began.get_or_insert(self.at);
        self.at = self.at + time;
        self.since_break += time;
        self.in_shift += time;
        self.is_over |= !self.excess(rule).is_none();
    }

    /// Works for so long.
    pub fn work(&mut self, time: Millis, rule: &DrivingRule) {
        if time <= Millis(0) {
            return;
        }
        if rule.service_counts {
            self.rest(time);
        } else {
            self.end_rest(rule);
            self.at = self.at + time;
        }
    }

    /// What may still be driven without a break.
    pub fn left(&self, rule: &DrivingRule) -> Millis {
        (rule.driving_max - self.settled(rule).since_break).max(Millis(0))
    }

    /// What may still be driven before the first limit of a rule is reached.
    pub fn may_drive(&self, rule: &DrivingRule) -> Millis {
        let excess = |most: Option<Millis>, used: Millis| most.map(|most| (most - used).max(Millis(0)));
        let on_duty = self.began.map_or(Millis(0), |began| self.at - began);
        let others = [excess(rule.shift_driving_max, self.in_shift), excess(rule.duty_max, on_duty)];
        others.into_iter().flatten().fold(self.left(rule), Millis::min)
    }

    /// Drives for so long, with a break wherever none may be driven without. The time of the breaks.
    pub fn drive_with_breaks(&mut self, time: Millis, rule: &DrivingRule) -> Millis {
        let (mut left, mut rested) = (time, Millis(0));
        while left > self.left(rule) {
            let stretch = self.left(rule);
            self.drive(stretch, rule);
            left = left - stretch;
            let rest = (self.whole_rest(rule) - self.rested).max(Millis(1));
            self.rest(rest);
            rested += rest;
        }
        self.drive(left, rule);
        rested
    }

    /// Drives for so long with a break of `planned` in all, which is taken before the drive or on the way, whichever is better. The time of
    /// the breaks that are needed beyond it.
    pub fn drive_as_planned(&mut self, planned: Millis, time: Millis, rule: &DrivingRule) -> Millis {
        let (mut before, mut on_the_way) = (*self, *self);
        before.rest(planned);
        let more_before = before.drive_with_breaks(time, rule);
        let taken = on_the_way.drive_with_breaks(time, rule);
        let more_on_the_way = (taken - planned).max(Millis(0));
        // What is rested without need is rested at the end.
        on_the_way.rest((planned - taken).max(Millis(0)));
        let is_better =
            (more_on_the_way, on_the_way.settled(rule).since_break) < (more_before, before.settled(rule).since_break);
        *self = if is_better { on_the_way } else { before };
        more_before.min(more_on_the_way)
    }

    /// As [`Self::drive_as_planned`], with no break but the planned ones: where these are not enough he drives on. So he is there when the plan says so.
    /// Tells when each of them begins and how long it takes, in this order.
    pub fn keep_to_plan(
        &mut self,
        planned: Millis,
        time: Millis,
        rule: &DrivingRule,
        mut tell: impl FnMut(Timestamp, Millis),
    ) -> Millis {
        let begun = *self;
        let missing = self.drive_as_planned(planned, time, rule);
        let (mut before, mut on_the_way) = (begun, begun);
        before.rest(planned);
        before.drive(time, rule);
        on_the_way.drive_and_rest(planned, time, rule, |_, _| {});
        let worth = |driven: &Self| (driven.is_over, driven.settled(rule).since_break);
        if worth(&on_the_way) < worth(&before) {
            *self = begun;
            self.drive_and_rest(planned, time, rule, tell);
        } else {
            if planned > Millis(0) {
                tell(begun.at, planned);
            }
            *self = before;
        }
        missing
    }

    /// Drives for so long and rests for `planned` in all, each time where none may be driven without a break; what is rested without need is
    /// rested at the end.
    fn drive_and_rest(
        &mut self,
        planned: Millis,
        time: Millis,
        rule: &DrivingRule,
        mut tell: impl FnMut(Timestamp, Millis),
    ) {
        let (mut left, mut rests) = (time, planned);
        while left > self.left(rule) && rests > Millis(0) {
            let stretch = self.left(rule);
            self.drive(stretch, rule);
            left = left - stretch;
            let rest = (self.whole_rest(rule) - self.rested).max(Millis(1)).min(rests);
            tell(self.at, rest);
            self.rest(rest);
            rests = rests - rest;
        }
        self.drive(left, rule);
        if rests > Millis(0) {
            tell(self.at, rests);
            self.rest(rests);
        }
    }

    /// By how much the limits of a rule are passed.
    pub fn excess(&self, rule: &DrivingRule) -> Excess {
        let over = |used: Millis, most: Option<Millis>| most.map_or(Millis(0), |most| (used - most).max(Millis(0)));
        let duty = self.began.map_or(Millis(0), |began| self.at - began);
        Excess {
            driving: over(self.settled(rule).since_break, Some(rule.driving_max)),
            shift_driving: over(self.in_shift, rule.shift_driving_max),
            duty: over(duty, rule.duty_max),
        }
    }

    /// Goes on with what he does until then.
    fn go_on(&mut self, until: Timestamp, rule: &DrivingRule) {
        if let Some((over, then)) = self.rests_until {
            let rest = until.min(over) - self.at;
            self.rest(rest);
            if over > until {
                return;
            }
            (self.rests_until, self.activity) = (None, then);
        }
        let time = until - self.at;
        match self.activity {
            Activity::Rest => self.rest(time),
            Activity::Driving => self.drive(time, rule),
            Activity::AtStop => self.work(time, rule),
        }
    }

    /// `next`: what is known to follow.
    fn take(&mut self, change: ActivityChange, next: Option<&ActivityChange>, rule: &DrivingRule) {
        let ActivityChange { at, turn, drive, lasts } = change;
        let is_told = self.rests_until.map_or(self.activity, |(_, then)| then) != Activity::Rest;
        // Of a drive of which only the end is told: when it began.
        let began = |arrival: Timestamp, since: Timestamp| (arrival - drive).max(since).min(arrival);
        match turn {
            Turn::Departed => {
                self.go_on(at, rule);
                (self.activity, self.rests_until) = (Activity::Driving, None);
                self.began.get_or_insert(at);
            }
            Turn::Arrived => {
                if !is_told {
                    self.go_on(began(at, self.at), rule);
                    self.activity = Activity::Driving;
                }
                self.go_on(at, rule);
                self.activity = Activity::AtStop;
                self.rests_until = (lasts > Millis(0)).then_some((at + lasts, Activity::AtStop));
            }
            Turn::Left => {
                let arrival = (at - lasts).max(self.at);
                if !is_told {
                    self.go_on(began(arrival, self.at), rule);
                    self.activity = Activity::Driving;
                }
                if self.activity == Activity::Driving && self.rests_until.is_none() {
                    self.go_on(arrival, rule);
                    self.activity = Activity::AtStop;
                }
                self.go_on(at, rule);
                (self.activity, self.rests_until) = (Activity::Rest, None);
            }
            Turn::Halted => {
                self.go_on(at, rule);
                (self.activity, self.rests_until) = (Activity::Rest, None);
            }
            Turn::BreakBegan => {
                self.go_on(at, rule);
                let then = self.rests_until.map_or(self.activity, |(_, then)| then);
                // Where its end is told, that counts.
                let over = next.filter(|next| next.turn == Turn::BreakEnded).map_or(at + lasts, |next| next.at);
                self.rests_until = Some((over, then));
            }
            Turn::BreakEnded => {
                self.go_on(at, rule);
                if let Some((_, then)) = self.rests_until.take() {
                    self.activity = then;
                }
            }
        }
    }
}

/// What is recorded of one driver's shift.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tachograph {
    /// What came of the changes before those that are kept.
    pub settled: Driven,
    /// The newest changes, by ascending time.
    pub changes: Vec<ActivityChange>,
    /// The rule that it was recorded by last; `None`: nothing is recorded.
    pub rule: Option<DrivingRule>,
}

impl Tachograph {
    /// Nothing is recorded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A shift begins; without a rule nothing is recorded of it.
    pub(crate) fn begin(&mut self, at: Timestamp, rule: Option<DrivingRule>) {
        *self = Self::default();
        if rule.is_some() {
            (self.settled.at, self.rule) = (at, rule);
        }
    }

    /// Records a change. True: a limit has been passed that had not been before.
    pub(crate) fn record(&mut self, mut change: ActivityChange, rule: &DrivingRule) -> bool {
        if change.at < self.settled.at {
            return false;
        }
        let was_over = self.read(self.last_at(), rule).is_over;
        let place = self.changes.partition_point(|known| (known.at, known.turn) < (change.at, change.turn));
        if self.changes.get(place).is_some_and(|known| (known.at, known.turn) == (change.at, change.turn)) {
            return false;
        }
        if change.turn == Turn::Arrived && change.drive == Millis(0) {
            // Where the end of the stop is told first, it knows how long the drive there was to take.
            let ends = |known: &&ActivityChange| !matches!(known.turn, Turn::BreakBegan | Turn::BreakEnded);
            let next = self.changes[place..].iter().find(ends);
            change.drive = next.filter(|next| next.turn == Turn::Left).map_or(Millis(0), |left| left.drive);
        }
        self.changes.insert(place, change);
        if self.changes.len() > KEPT {
            let oldest = self.changes.remove(0);
            self.settled.take(oldest, self.changes.first(), rule);
        }
        !was_over && self.read(self.last_at(), rule).is_over
    }

    /// The time of the newest change that is known.
    pub fn last_at(&self) -> Timestamp {
        self.changes.last().map_or(self.settled.at, |last| last.at)
    }

    /// What had been driven and rested at an earlier time, as far as it is not settled.
    pub(crate) fn read_until(&self, then: Timestamp, rule: &DrivingRule) -> Driven {
        self.taken(self.changes.partition_point(|change| change.at <= then), then, rule)
    }

    /// What has been driven and rested up to then; what he did last goes on.
    pub fn read(&self, now: Timestamp, rule: &DrivingRule) -> Driven {
        self.taken(self.changes.len(), now, rule)
    }

    /// What comes of the first so many changes that are kept, going on until then.
    fn taken(&self, count: usize, until: Timestamp, rule: &DrivingRule) -> Driven {
        let mut driven = self.settled;
        for (index, change) in self.changes[..count].iter().enumerate() {
            driven.take(*change, self.changes.get(index + 1), rule);
        }
        driven.go_on(until.max(driven.at), rule);
        driven
    }
}

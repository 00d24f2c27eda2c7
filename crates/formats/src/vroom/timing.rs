//! When a vehicle is where, for a route whose order of tasks and breaks is fixed.
//!
//! Times are found in three passes. Forward from the beginning of the shift, every step begins as early as it can: that gives the
//! earliest end. Backward from this end, every step is moved as late as its windows allow: that gives the latest start. Forward again
//! from this start, every step begins as early as it can. The route then ends as early as possible, starts as late as that allows, and
//! waits as little as possible.
//!
//! A step that cannot begin in a window begins too late rather than too early, and as soon as it can. Only a forced time makes a step
//! begin too early. So times exist for every route; how far they are from the windows is for the caller to see ([`off`]).
//!
//! A break may be taken on the way: the vehicle drives on until the break begins.

use crate::names::Forced;

/// A way from one place to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leg {
    /// Seconds.
    pub(super) time: i64,
    pub(super) metres: i64,
}

/// A task or a break of a route.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// When it may begin, in order; at least one.
    pub(super) windows: Vec<(i64, i64)>,
    pub(super) setup: i64,
    pub(super) service: i64,
    /// The way from the place before; `None` for a break, which has no place.
    pub(super) leg: Option<Leg>,
    pub(super) forced: Forced,
    /// Seconds of walking before the way: from door to door, or back to the vehicle.
    pub(super) walk: i64,
    /// When it is over, the vehicle stays where it is until then.
    pub(super) stays: i64,
}

/// A route before its times are known.
#[derive(Clone, Debug)]
pub(super) struct Ride {
    /// First and last second of the vehicle.
    pub(super) shift: (i64, i64),
    pub(super) leaves: Forced,
    pub(super) steps: Vec<Step>,
    /// The way from the last task to the end.
    pub(super) home: Leg,
    /// Seconds of walking back to the vehicle before it.
    pub(super) walk_home: i64,
}

/// What is driven to a step, and when it is reached and begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) arrival: i64,
    pub(super) begin: i64,
    /// Seconds and metres of driving since the step before.
    pub(super) driven: i64,
    pub(super) metres: i64,
}

/// The times of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) start: i64,
    pub(super) steps: Vec<Moment>,
    pub(super) end: Moment,
}

/// How far from windows a step begins, seconds: too early (negative) or too late.
pub(super) fn off(windows: &[(i64, i64)], begin: i64) -> i64 {
    let distance = |&(opens, closes): &(i64, i64)| if begin < opens { begin - opens } else { (begin - closes).max(0) };
    windows.iter().map(distance).min_by_key(|off| off.abs()).unwrap_or(0)
}

impl Step {
    /// When it begins if it can from `free` on.
    pub(super) fn begins(&self, free: i64) -> i64 {
        let Forced { at, after, before } = self.forced;
        if let Some(at) = at {
            return free.max(at);
        }
        let free = free.max(after.unwrap_or(free));
        let window = self.windows.iter().find(|&&(_, closes)| free <= closes);
        let begin = window.map_or(free, |&(opens, _)| free.max(opens));
        match before {
            Some(before) if begin > before && free <= before => before,
            _ => begin,
        }
    }

    /// The latest time up to `latest` at which it may begin instead of at `begin`.
    pub(super) fn begins_by(&self, begin: i64, latest: i64) -> i64 {
        if self.forced != Forced::default() || off(&self.windows, begin) != 0 {
            return begin;
        }
        let window = self.windows.iter().rev().find(|&&(opens, _)| opens <= latest);
        window.map_or(begin, |&(_, closes)| latest.min(closes)).max(begin)
    }
}

impl Ride {
    /// The way to the next place from behind a step.
    pub(super) fn way_from(&self, position: usize) -> Leg {
        self.steps[position..].iter().find_map(|step| step.leg).unwrap_or(self.home)
    }

    /// Seconds of walking before the way to the next place.
    pub(super) fn walk_from(&self, position: usize) -> i64 {
        let next = self.steps[position..].iter().find(|step| step.leg.is_some());
        next.map_or(self.walk_home, |step| step.walk)
    }

    /// The times of the route, see the module.
    pub(super) fn times(&self) -> Times {
        let Forced { at, after, .. } = self.leaves;
        let earliest = at.unwrap_or(self.shift.0.max(after.unwrap_or(0)));
        let early = self.from(earliest);
        if at.is_some() {
            return early;
        }
        let latest = self.latest_start(&early);
        self.from(latest.min(self.leaves.before.unwrap_or(latest)).max(earliest))
    }

    /// Every step as early as it can be when the vehicle leaves at `start`.
    fn from(&self, start: i64) -> Times {
        self.driven(start, |_, step, free| step.begins(free))
    }

    /// The route when the vehicle leaves at `start`, and each step begins when `begins` says, of its position, itself and the time from
    /// which on it can.
    pub(super) fn driven(&self, start: i64, mut begins: impl FnMut(usize, &Step, i64) -> i64) -> Times {
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut now = start;
        let mut leg = self.way_from(0);
        let (mut driven, mut metres) = (0, 0);
        for (position, step) in self.steps.iter().enumerate() {
            let rest = leg.time - driven;
            if step.leg.is_none() {
                let begin = begins(position, step, now);
                let drive = rest.min(begin - now);
                driven += drive;
                // Lengths are driven in proportion to time, rounded to the nearest metre.
                let so_far = if leg.time == 0 { 0 } else { (2 * leg.metres * driven + leg.time) / (2 * leg.time) };
                steps.push(Moment { arrival: now + drive, begin, driven: drive, metres: so_far - metres });
                metres = so_far;
                now = (begin + step.service).max(step.stays);
            } else {
                let arrival = now + rest;
                let begin = begins(position, step, arrival);
                steps.push(Moment { arrival, begin, driven: rest, metres: leg.metres - metres });
                now = begin + step.setup + step.service + self.walk_from(position + 1);
                leg = self.way_from(position + 1);
                (driven, metres) = (0, 0);
            }
        }
        let rest = leg.time - driven;
        let end = Moment { arrival: now + rest, begin: now + rest, driven: rest, metres: leg.metres - metres };
        Times { start, steps, end }
    }

    /// The latest start that does not move the end of these times.
    fn latest_start(&self, early: &Times) -> i64 {
        let mut latest = early.end.arrival;
        let mut rest = self.home.time;
        let mut walk = self.walk_home;
        for (step, moment) in self.steps.iter().zip(&early.steps).rev() {
            if let Some(leg) = step.leg {
                latest = step.begins_by(moment.begin, latest - rest - walk - step.setup - step.service);
                (rest, walk) = (leg.time, step.walk);
            } else {
                let by = latest - step.service;
                latest = step.begins_by(moment.begin, by);
                // Behind a break that begins earlier than it could, the vehicle drives.
                rest -= rest.min(by - latest);
            }
        }
        latest - rest
    }
}

//! What a route that is given breaks of the rules that VROOM does not have: releases, driving times, reloads, charging and what is in
//! the battery, unloading, relations.
//!
//! Promise: the times of the route are taken as they are, and every rule is looked at anew from them.
//!
//! Absent on purpose: docks, for which routes would have to wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_solver::{Battery, DrivingTime, NodeIx, Problem, RelationKind, Role, StopIx, TIME_MAX, TourIx};

use super::solution::{MILLIONTHS, RouteViolations, Violations, Visit, leg, times_at, trip};
use super::timing::{Moment, Times};
use crate::names::Names;

/// The tasks of broken relations.
pub(super) fn unrelated(problem: &Problem, routes: &[&[Visit]]) -> BTreeSet<StopIx> {
    // Where each task is served: route and position.
    let mut places: BTreeMap<StopIx, (usize, usize)> = BTreeMap::new();
    for (route, visits) in routes.iter().enumerate() {
        // Breaks and charging may come between two tasks that follow each other directly, a reload may not.
        let counted = visits.iter().filter(|visit| matches!(visit, Visit::Task(_) | Visit::Reload(..)));
        places.extend(counted.enumerate().filter_map(|(position, visit)| match visit {
            Visit::Task(stop) => Some((*stop, (route, position))),
            _ => None,
        }));
    }
    let mut found = BTreeSet::new();
    for relation in &problem.spec().relations {
        let served: Vec<(StopIx, (usize, usize))> =
            relation.stops.iter().filter_map(|&stop| Some((stop, *places.get(&stop)?))).collect();
        let one_route = served.windows(2).all(|pair| pair[0].1.0 == pair[1].1.0);
        // Nothing that is served may follow something that is not.
        let begun = served.iter().zip(&relation.stops).all(|(served, &stop)| served.0 == stop);
        let routes: BTreeSet<usize> = served.iter().map(|served| served.1.0).collect();
        let mut pairs = served.windows(2).map(|pair| (pair[0].1.1, pair[1].1.1));
        let is_kept = match relation.kind {
            RelationKind::SameTour => one_route,
            RelationKind::DifferentTours => routes.len() == served.len(),
            RelationKind::AtMostOne => served.len() <= 1,
            RelationKind::InOrder => one_route && begun && pairs.all(|(a, b)| a < b),
            RelationKind::Directly => one_route && begun && pairs.all(|(a, b)| a + 1 == b),
        };
        if !is_kept {
            found.extend(served.into_iter().map(|served| served.0));
        }
    }
    found
}

/// When everything is ready that a vehicle loads for the first of these visits, up to where it reloads; in the file's time.
pub(super) fn ready(problem: &Problem, names: &Names, visits: &[Visit]) -> Option<i64> {
    let delivered =
        trip(visits).map(|stop| &problem.stops()[stop.index()]).filter(|stop| stop.role == Role::JobDelivery);
    let release = delivered.map(|stop| stop.release).filter(|&release| release > -TIME_MAX).max();
    release.map(|release| i64::from(release) + names.time_base)
}

/// Adds what a route breaks to what is known of it. `unrelated`: the tasks of broken relations.
pub(super) fn add(
    (problem, names): (&Problem, &Names),
    tour: TourIx,
    (visits, times): (&[Visit], &Times),
    unrelated: &BTreeSet<StopIx>,
    found: &mut RouteViolations,
) {
    let spec = &problem.tours()[tour.index()];
    let early =
        |leaves: i64, visits: &[Visit]| ready(problem, names, visits).map_or(0, |ready| (ready - leaves).max(0));
    let too_early = early(left(visits, times), visits);
    if too_early > 0 {
        found.start.add("release", too_early);
    }
    let mut aboard: Vec<StopIx> = Vec::new();
    let mut reloads = 0;
    for (position, (&visit, moment)) in visits.iter().zip(&times.steps).enumerate() {
        let wrong = &mut found.steps[position];
        match visit {
            Visit::Reload(node, service) => {
                reloads += 1;
                let places = spec.reload.iter().flat_map(|reload| &reload.places);
                let least = places.filter(|place| place.node == node).map(|place| i64::from(place.service)).min();
                let most = spec.reload.as_ref().map_or(0, |reload| reload.times_max as usize);
                if least.is_none_or(|least| service < least) || reloads > most {
                    wrong.add("reload", 0);
                }
                let too_early = early(moment.begin + service, &visits[position + 1..]);
                if too_early > 0 {
                    wrong.add("release", too_early);
                }
            }
            Visit::Task(stop) => {
                if unrelated.contains(&stop) {
                    wrong.add("relation", 0);
                }
                let its = &problem.stops()[stop.index()];
                let at = aboard.iter().position(|&pickup| pickup == its.mate);
                match (its.role, at) {
                    (Role::Pickup, _) => aboard.push(stop),
                    (Role::Delivery, Some(at)) => {
                        if (spec.lifo && at + 1 != aboard.len()) || (spec.fifo && at != 0) {
                            wrong.add("unloading", 0);
                        }
                        aboard.remove(at);
                    }
                    _ => {}
                }
            }
            Visit::Break(_) | Visit::DrivingBreak(..) | Visit::Charge(..) => {}
        }
    }
    if let Some(battery) = &spec.battery {
        drain(problem, tour, battery, visits, found);
    }
    if let Some(rule) = spec.driving_time {
        let (steps, end) = overdriven((problem, names), tour, rule, (visits, times));
        for position in steps {
            found.steps.get_mut(position).unwrap_or(&mut found.end).add("driving_time", 0);
        }
        if end {
            found.end.add("driving_time", 0);
        }
    }
}

/// When the vehicle leaves its start. Breaks before it drives are taken there.
fn left(visits: &[Visit], times: &Times) -> i64 {
    let stays = |visit: &Visit, moment: &Moment| {
        matches!(visit, Visit::Break(_) | Visit::DrivingBreak(..)) && moment.driven == 0
    };
    let steps = visits.iter().zip(&times.steps);
    let first = steps.into_iter().find(|(visit, moment)| !stays(visit, moment)).map_or(&times.end, |step| step.1);
    first.arrival - first.driven
}

/// What is in the battery behind each way, and what is put into it.
fn drain(problem: &Problem, tour: TourIx, battery: &Battery, visits: &[Visit], found: &mut RouteViolations) {
    let spec = &problem.tours()[tour.index()];
    let (mut level, mut here) = (battery.level, spec.start_node);
    let mut drive = |level: &mut i64, to: NodeIx, wrong: &mut Violations| {
        let leg = leg(problem, spec, here, to);
        here = to;
        *level = level.saturating_sub(battery.used(leg.time as i32, leg.metres as i32));
        if *level < 0 {
            wrong.add("range", 0);
        }
    };
    for (&visit, wrong) in visits.iter().zip(&mut found.steps) {
        match visit {
            Visit::Break(_) | Visit::DrivingBreak(..) => {}
            Visit::Task(stop) => drive(&mut level, problem.stops()[stop.index()].node, wrong),
            Visit::Reload(node, _) => drive(&mut level, node, wrong),
            Visit::Charge(node, service, amount) => {
                drive(&mut level, node, wrong);
                let here = battery.stations.iter().filter(|station| station.node == node);
                // Answers round it up to whole units.
                let least = (amount - MILLIONTHS).max(0);
                let lasts = here.map(|station| i64::from(station.setup) + i64::from(station.time(least))).min();
                if lasts.is_none_or(|lasts| service < lasts) || level.saturating_add(least) > battery.capacity {
                    wrong.add("charge", 0);
                }
                level = level.saturating_add(amount).min(battery.capacity);
            }
        }
    }
    if let Some(end) = spec.end_node.get() {
        drive(&mut level, end, &mut found.end);
    }
}

/// What driving has been done since the last break. Idle times are read as breaks, or as parts of breaks, in every way that there is.
struct Readings {
    rule: DrivingTime,
    /// Driving since the last break, and whether the first part of the next one has been taken.
    open: BTreeSet<(i64, bool)>,
    /// For so long nothing has been done up to now.
    idle: i64,
}

impl Readings {
    fn new(rule: DrivingTime) -> Self {
        Self { rule, open: BTreeSet::from([(0, false)]), idle: 0 }
    }

    fn end_idle(&mut self) {
        let (pause, first) = (i64::from(self.rule.pause), i64::from(self.rule.first_part));
        let idle = std::mem::take(&mut self.idle);
        for (driven, part) in self.open.clone() {
            if idle >= pause || (part && idle >= pause - first) {
                self.open.insert((0, false));
            }
            if first > 0 && idle >= first {
                self.open.insert((driven, true));
            }
        }
    }

    /// False: too much has been driven without a break. Then driving is counted anew.
    fn drive(&mut self, time: i64) -> bool {
        if time == 0 {
            return true;
        }
        self.end_idle();
        let most = i64::from(self.rule.driving_max);
        let driven = std::mem::take(&mut self.open).into_iter().map(|(driven, part)| (driven + time, part));
        self.open = driven.filter(|reading| reading.0 <= most).collect();
        let is_kept = !self.open.is_empty();
        if !is_kept {
            self.open.insert((0, false));
        }
        is_kept
    }

    fn work(&mut self, time: i64) {
        if time > 0 {
            self.end_idle();
            self.idle = if self.rule.service_counts { time } else { 0 };
        }
    }

    /// How much more may be driven.
    fn left(mut self) -> i64 {
        self.end_idle();
        let least = self.open.first().map_or(0, |reading| reading.0);
        i64::from(self.rule.driving_max) - least
    }
}

/// How much may be driven behind what comes before a step, without a break.
pub(super) fn driving_left(
    of: (&Problem, &Names),
    tour: TourIx,
    rule: DrivingTime,
    (visits, times): (&[Visit], &Times),
    position: usize,
) -> i64 {
    let mut readings = Readings::new(rule);
    follow(of, tour, &mut readings, (&visits[..position], &times.steps), |_, _| ());
    readings.left()
}

/// The steps (by position; one past the last: the end) before which too much is driven without a break, and whether the day is too long.
pub(super) fn overdriven(
    of: (&Problem, &Names),
    tour: TourIx,
    rule: DrivingTime,
    (visits, times): (&[Visit], &Times),
) -> (Vec<usize>, bool) {
    let mut found = Vec::new();
    let mut readings = Readings::new(rule);
    let mut judge = |position: usize, is_kept: bool| {
        if !is_kept {
            found.push(position);
        }
    };
    follow(of, tour, &mut readings, (visits, &times.steps), &mut judge);
    judge(visits.len(), readings.drive(times.end.driven));
    (found, times.end.arrival - times.start > i64::from(rule.duty_max))
}

/// Reads steps one by one, and says of each, by its position, whether the way to it is kept.
fn follow(
    (problem, names): (&Problem, &Names),
    tour: TourIx,
    readings: &mut Readings,
    (visits, moments): (&[Visit], &[Moment]),
    mut judge: impl FnMut(usize, bool),
) {
    let spec = &problem.tours()[tour.index()];
    let breaks = &names.vehicles[tour.index()].breaks;
    let mut here = spec.start_node;
    for (position, (visit, moment)) in visits.iter().zip(moments).enumerate() {
        judge(position, readings.drive(moment.driven));
        readings.idle += moment.begin - moment.arrival;
        match *visit {
            Visit::Break(index) => readings.idle += breaks[index].service,
            Visit::DrivingBreak(_, time) => readings.idle += time,
            Visit::Reload(node, time) | Visit::Charge(node, time, _) => {
                here = node;
                readings.work(time);
            }
            Visit::Task(stop) => {
                let its = &problem.stops()[stop.index()];
                let (setup, service) = times_at(spec, its, here);
                here = its.node;
                readings.work(setup + service);
            }
        }
    }
}

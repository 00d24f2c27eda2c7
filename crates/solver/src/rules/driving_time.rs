//! Driving times: a break after so much driving, and a longest duty. The daily limit of driving itself is [`TourSpec::travel_max`].
//!
//! A break that is due is taken where the driving time runs out, wherever that is on the way. A driver may also take one on arrival at
//! a stop, where he may have to wait anyway. Of all ways to do so those are kept that are better in the time of day or in the driving
//! time left than each other one (labels of a shortest path with resources, as in Goel, "Vehicle scheduling and routing with drivers'
//! working hours", 2009).
//!
//! Not looked at: breaks of a night, weeks, two drivers, and exceptions that a driver may claim now and then.
//!
//! [`TourSpec::travel_max`]: crate::TourSpec::travel_max

use crate::index::{NodeIx, StopIx, TourIx};
use crate::pauses::through;
use crate::problem::{DrivingTime, Pause, Problem, TourSpec};

/// A break for the sake of driving times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrivingBreak {
    /// It is taken before the vehicle is at this stop of the tour (0: the first one; as many as there are stops: the end).
    pub before: usize,
    /// When it begins.
    pub begin: i32,
    /// How long it takes.
    pub duration: i32,
    /// It is taken on the way to the place where the vehicle reloads before that stop, or there.
    pub to_reload: bool,
}

/// Where a vehicle goes next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Point {
    /// To a stop.
    Stop(StopIx),
    /// To a place where it reloads, which takes so long; it leaves when everything is ready, too.
    Reload { node: NodeIx, service: i32, ready: i32 },
    /// To its end, if it has one.
    End,
}

/// How far a driver has come.
#[derive(Clone)]
struct Label {
    free: i32,
    /// Driving since the last break.
    driven: i32,
    /// The first part of a break has been taken.
    part: bool,
    /// Rested before the tour, as long as nothing has been driven in it.
    rested: i32,
    breaks: Vec<DrivingBreak>,
}

impl Label {
    fn take_break(&mut self, (before, to_reload): (usize, bool), begin: i32, duration: i32) {
        self.breaks.push(DrivingBreak { before, begin, duration, to_reload });
    }

    /// What is left of a break behind which driving time begins anew.
    fn rest_left(&self, rule: DrivingTime) -> i32 {
        let whole = if self.part { rule.pause - rule.first_part } else { rule.pause };
        (whole - self.rested).max(0)
    }

    fn is_as_good_as(&self, other: &Self) -> bool {
        self.free <= other.free && self.driven <= other.driven && (self.part || !other.part)
    }
}

/// The breaks of a driver on a way through these points, each with the pauses that are taken on the way there; `None`: not every point
/// can be reached in time. Leaves at `start`.
pub(crate) fn driving_breaks(
    problem: &Problem,
    tour: TourIx,
    rule: DrivingTime,
    points: &[(Point, &[Pause])],
    (start, waits): (i32, &[i32]),
) -> Option<Vec<DrivingBreak>> {
    let spec = &problem.tours()[tour.index()];
    let weights = problem.weights();
    if rule.driving_max <= 0 {
        return None;
    }
    let is_paused = points.first().is_some_and(|(_, pauses)| !pauses.is_empty());
    let mut labels = starts(spec, rule, start);
    // Pauses at the start come before every break; one may be the break itself.
    labels.truncate(if is_paused { 1 } else { labels.len() });
    let (mut node, mut position) = (spec.start_node, 0);
    for &(point, pauses) in points {
        let to = match point {
            Point::Stop(stop) => problem.stops()[stop.index()].node,
            Point::Reload { node, .. } => node,
            Point::End => spec.end_node,
        };
        let to_reload = matches!(point, Point::Reload { .. });
        let mut next: Vec<Label> = Vec::new();
        for label in &labels {
            let Some(arrived) = arrive(problem, tour, rule, label, (node, to, (position, to_reload)), pauses) else {
                continue;
            };
            let part = match (rule.first_part > 0, arrived.part) {
                (false, _) => 0,
                (true, false) => rule.first_part,
                (true, true) => rule.pause - rule.first_part,
            };
            let ways = [Some(0), Some(rule.pause), (part > 0).then_some(part)];
            let at_end = matches!(point, Point::End);
            for taken in ways.into_iter().flatten().filter(|&taken| taken == 0 || !at_end) {
                let mut label = arrived.clone();
                let arrival = label.free;
                let mut idle = taken;
                if taken > 0 {
                    label.take_break((position, to_reload), arrival, taken);
                }
                let service = match point {
                    Point::End => 0,
                    Point::Reload { service, .. } => service,
                    Point::Stop(stop) => {
                        let its = &problem.stops()[stop.index()];
                        let (service, setup) = problem.times_at(tour, node, stop);
                        let ready = arrival.saturating_add(taken);
                        let until = waits.get(position).map_or(ready, |&until| ready.max(until.saturating_sub(setup)));
                        let (action, start) = problem.start_of(stop, until, setup);
                        if start > problem.shift_end(tour, stop) || (weights.hard && action > its.due) {
                            continue;
                        }
                        let busy = if weights.setup_in_window { action } else { start.saturating_sub(setup) };
                        idle = busy.saturating_sub(arrival).max(taken);
                        label.free = start;
                        service
                    }
                };
                if !matches!(point, Point::Stop(_)) {
                    label.free = arrival.saturating_add(taken);
                }
                label.free = label.free.saturating_add(service);
                if let Point::Reload { ready, .. } = point {
                    idle = idle.max(ready.saturating_sub(label.free));
                    label.free = label.free.max(ready);
                }
                label.rested = 0;
                // Who waits or works long enough has had his break.
                let whole = idle >= rule.pause || (rule.service_counts && service >= rule.pause);
                let first = rule.first_part > 0 && idle >= rule.first_part;
                let second = rule.first_part > 0 && label.part && idle >= rule.pause - rule.first_part;
                if whole || second {
                    (label.driven, label.part) = (0, false);
                } else if first {
                    label.part = true;
                }
                if !next.iter().any(|known| known.is_as_good_as(&label)) {
                    next.retain(|known| !label.is_as_good_as(known));
                    next.push(label);
                }
            }
        }
        if matches!(point, Point::Stop(_)) {
            position += 1;
        }
        node = to;
        labels = next;
    }
    labels.into_iter().min_by_key(|label| label.free).map(|label| label.breaks)
}

/// How a driver may begin a tour: at once, or with a break, or what is left of one, at the start.
fn starts(spec: &TourSpec, rule: DrivingTime, start: i32) -> Vec<Label> {
    let so_far = spec.driven_so_far;
    let at_once = Label {
        free: start,
        driven: so_far.driven.min(rule.driving_max),
        part: so_far.first_part && rule.first_part > 0,
        rested: so_far.rested,
        breaks: Vec::new(),
    };
    let left = at_once.rest_left(rule);
    if left == 0 {
        return vec![Label { driven: 0, part: false, rested: 0, ..at_once }];
    }
    if at_once.driven == 0 {
        return vec![at_once];
    }
    let mut rested = at_once.clone();
    rested.take_break((0, false), start, left);
    (rested.free, rested.driven, rested.part, rested.rested) = (start.saturating_add(left), 0, false, 0);
    vec![at_once, rested]
}

/// Drives a leg, with a break wherever one is due. `None`: there is no way.
fn arrive(
    problem: &Problem,
    tour: TourIx,
    rule: DrivingTime,
    label: &Label,
    (from, to, whither): (NodeIx, NodeIx, (usize, bool)),
    pauses: &[Pause],
) -> Option<Label> {
    let gap = through(problem, tour, (from, to), label.free, pauses)?;
    let mut label = label.clone();
    if pauses.iter().any(|pause| pause.duration >= rule.pause) {
        (label.driven, label.part) = (0, false);
    }
    let mut clock = gap.arrival - gap.travel;
    let mut left = gap.travel;
    while i64::from(label.driven) + i64::from(left) > i64::from(rule.driving_max) {
        let drive = rule.driving_max - label.driven;
        clock = clock.saturating_add(drive);
        left -= drive;
        if drive > 0 {
            label.rested = 0;
        }
        let length = label.rest_left(rule);
        label.take_break(whither, clock, length);
        clock = clock.saturating_add(length);
        (label.driven, label.part, label.rested) = (0, false, 0);
    }
    if left > 0 {
        label.rested = 0;
    }
    label.driven += left;
    label.free = clock.saturating_add(left);
    Some(label)
}

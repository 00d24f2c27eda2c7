//! What driving a tour comes to, part by part.

use fleetfold_model::{Cost, Metres, Millis};
use fleetfold_solver::{NodeIx, Problem, Role, StopIx, Timed, TourIx, UNREACHABLE, driving_breaks, schedule_home};

/// What driving a tour comes to, or what one tour comes to more than another. The parts that have a price add up to the price by which
/// plans are made; waiting and overtime have none, and are told in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Price of the time and the way driven.
    pub drive: Cost,
    /// Price of what begins later than was promised.
    pub late: Cost,
    /// Price of taking stops from the vehicle that they were promised to.
    pub change: Cost,
    /// Price of using the vehicle at all.
    pub fixed: Cost,
    /// Price of leaving the place where it is free, where the policy has one.
    pub coverage: Cost,
    /// Price of the time from placement to completion, where the policy has one.
    pub flow: Cost,
    /// Time of driving.
    pub driving: Millis,
    /// The way.
    pub metres: Metres,
    /// Time at stops before their service may start.
    pub waiting: Millis,
    /// Sum over the stops of how much later than promised they begin.
    pub lateness: Millis,
    /// By how much it ends after the shift, where goods on board, or a dispatcher's word, allow that.
    pub overtime: Millis,
}

impl Parts {
    /// The sum of the prices.
    pub fn total(&self) -> Cost {
        Cost(self.drive.0 + self.late.0 + self.change.0 + self.fixed.0 + self.coverage.0 + self.flow.0)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    /// What this comes to more than `other`.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    fn with(&self, other: &Self, join: fn(i64, i64) -> i64) -> Self {
        Self {
            drive: Cost(join(self.drive.0, other.drive.0)),
            late: Cost(join(self.late.0, other.late.0)),
            change: Cost(join(self.change.0, other.change.0)),
            fixed: Cost(join(self.fixed.0, other.fixed.0)),
            coverage: Cost(join(self.coverage.0, other.coverage.0)),
            flow: Cost(join(self.flow.0, other.flow.0)),
            driving: Millis(join(self.driving.0, other.driving.0)),
            metres: Metres(join(self.metres.0, other.metres.0)),
            waiting: Millis(join(self.waiting.0, other.waiting.0)),
            lateness: Millis(join(self.lateness.0, other.lateness.0)),
            overtime: Millis(join(self.overtime.0, other.overtime.0)),
        }
    }
}

/// Drives a sequence: what it comes to, and the times of its stops. `None`: it cannot be driven. `shift_ends`: from then on it counts as
/// overtime, however far the tour may go. `is_out`: the vehicle is under way before the tour begins, and comes home from there where
/// the tour is empty; otherwise nothing is driven then.
pub(super) fn driven(
    problem: &Problem,
    tour: TourIx,
    sequence: &[StopIx],
    (shift_ends, is_out): (i32, bool),
) -> Option<(Parts, Vec<Timed>)> {
    let (times, home) = schedule_home(problem, tour, sequence)?;
    let mut parts = Parts::default();
    if sequence.is_empty() {
        return Some((if is_out { way_home(problem, tour, shift_ends) } else { parts }, times));
    }
    let (spec, weights) = (&problem.tours()[tour.index()], problem.weights());
    let hours = |time: i64, price: i64| time * price / 3_600_000;
    let drive = |(time, metres): (i64, i64), parts: &mut Parts| {
        parts.drive.0 += hours(time, spec.per_hour) + metres * spec.per_km / 1_000;
        parts.driving.0 += time;
        parts.metres.0 += metres;
    };
    // Breaks for the sake of driving times are taken on the way, and cost nothing.
    let breaks = driving_breaks(problem, tour, sequence);
    let rested = |position: usize| -> i64 {
        breaks.iter().filter(|own| own.before == position).map(|own| i64::from(own.duration)).sum()
    };
    let leg = |position: usize, timed: &Timed, parts: &mut Parts| {
        let time = i64::from(timed.arrival) - i64::from(timed.leave) - rested(position);
        drive((time, i64::from(timed.metres)), parts);
    };
    parts.fixed.0 = if spec.in_use { 0 } else { spec.fixed };
    let mut node = spec.start_node;
    for (position, (&index, timed)) in sequence.iter().zip(&times).enumerate() {
        let stop = &problem.stops()[index.index()];
        if let Some(reloaded) = timed.reloaded {
            drive((i64::from(reloaded.travel), i64::from(reloaded.metres)), &mut parts);
            node = reloaded.node;
        }
        let setup = if stop.node == node { 0 } else { stop.setup };
        let late = (i64::from(timed.start) - i64::from(stop.due)).max(0);
        leg(position, timed, &mut parts);
        parts.waiting.0 += i64::from(timed.start) - i64::from(timed.arrival) - i64::from(setup);
        parts.lateness.0 += late;
        parts.late.0 += hours(late, weights.late_per_hour);
        if stop.home != TourIx::NONE && stop.home != tour {
            parts.change.0 += stop.change;
        }
        if stop.role != Role::Pickup {
            let took = (i64::from(timed.departure) - i64::from(stop.placed)).max(0);
            parts.flow.0 += hours(took, weights.flow_per_hour);
        }
        node = stop.node;
    }
    let mut over = times.last().map_or(0, |last| last.departure);
    if spec.end_node != NodeIx::NONE {
        leg(sequence.len(), &home, &mut parts);
        over = home.arrival;
    }
    parts.overtime.0 = (i64::from(over) - i64::from(shift_ends)).max(0);
    Some((parts, times))
}

/// What it comes to that a vehicle drives home from where its tour begins.
fn way_home(problem: &Problem, tour: TourIx, shift_ends: i32) -> Parts {
    let spec = &problem.tours()[tour.index()];
    let mut parts = Parts::default();
    let mut over = i64::from(spec.start_at);
    if spec.end_node != NodeIx::NONE {
        let how = (spec.table, spec.time_factor);
        let (time, metres) = problem.legs().leaving(spec.start_node, spec.end_node, spec.start_at, how);
        if time >= UNREACHABLE {
            return parts;
        }
        let (time, metres) = (i64::from(time), i64::from(metres));
        parts.drive.0 = time * spec.per_hour / 3_600_000 + metres * spec.per_km / 1_000;
        (parts.driving, parts.metres) = (Millis(time), Metres(metres));
        over += time;
    }
    parts.overtime.0 = (over - i64::from(shift_ends)).max(0);
    parts
}

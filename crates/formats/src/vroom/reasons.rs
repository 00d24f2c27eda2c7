//! Why a task is left out: in a word, and for each vehicle with by how much.

use std::collections::BTreeMap;

use fleetfold_solver::{Obstacle, Problem, Role, Solution, StopIx, TourIx, TourSpec, obstacles, schedule_home};
use serde_json::{Value, json};

use super::solution::{in_order, leg};
use super::timing::Leg;
use crate::names::Names;

/// Of so many tasks that are left out it is told what keeps each vehicle from them: for each the routes of all vehicles are driven.
const EXPLAINED_MAX: usize = 100;

/// The job, or the pickup of the shipment, that a stop belongs to.
pub(super) fn unit(problem: &Problem, stop: StopIx) -> StopIx {
    let its = &problem.stops()[stop.index()];
    if its.is_second_end() { its.mate } else { stop }
}

/// For each job or pickup that is left out, of the first hundred, what keeps every vehicle from it: `vehicle`, `what`, and `by` how much
/// where it is a number (seconds, units of load, tasks, metres). Both ends of a shipment are left out for one reason; the pickup
/// tells it.
pub(super) fn obstacles_of(problem: &Problem, names: &Names, solution: &Solution) -> BTreeMap<StopIx, Vec<Value>> {
    let units = solution.absent.iter().copied().filter(|&stop| unit(problem, stop) == stop);
    let told = units.take(EXPLAINED_MAX).map(|unit| {
        let each = names.vehicles.iter().zip(obstacles(problem, &solution.tours, unit));
        let each = TourIx::all()
            .zip(each)
            .map(|(tour, (vehicle, what))| (vehicle.position, in_words(problem, unit, tour, vehicle.id, what)));
        (unit, in_order(each.collect()))
    });
    told.collect()
}

fn in_words(problem: &Problem, unit: StopIx, tour: TourIx, vehicle: u64, what: Obstacle) -> Value {
    let lacks = problem.stops()[unit.index()].barred.contains(&tour);
    let (word, by) = match what {
        Obstacle::Price => ("cost", None),
        Obstacle::Skills => ("skills", None),
        Obstacle::Pinned if lacks => ("skills", None),
        Obstacle::Pinned => ("pinned", None),
        Obstacle::Stops(over) => ("max_tasks", Some(i64::from(over))),
        Obstacle::Load(_, over) => ("capacity", Some(over)),
        Obstacle::Reload => ("reload", None),
        Obstacle::Position => ("position", None),
        Obstacle::Late(by) => ("time_window", Some(by)),
        Obstacle::OtherLate(by) => ("time_window_of_others", Some(by)),
        Obstacle::Shift(by) => ("shift", Some(by)),
        Obstacle::Home(by) => ("way_home", Some(by)),
        Obstacle::Travel(by) => ("max_travel_time", Some(by)),
        Obstacle::Way(by) => ("max_distance", Some(by)),
        Obstacle::Pauses => ("breaks", None),
        Obstacle::Order => ("order", None),
        Obstacle::Related => ("relation", None),
        Obstacle::DrivingTime => ("driving_time", None),
        Obstacle::Dock => ("dock", None),
        Obstacle::Range(by) => ("range", Some(by)),
        Obstacle::Unreachable => ("unreachable", None),
    };
    let mut told = json!({ "vehicle": vehicle, "what": word });
    if let Some(by) = by {
        told["by"] = json!(by);
    }
    if let Obstacle::Load(dimension, _) = what {
        told["dimension"] = json!(dimension);
    }
    told
}

/// Why a task has no vehicle: what rules out all of them, or that no vehicle that could serve it has room in its route.
pub(super) fn reason(problem: &Problem, tours: &[Vec<StopIx>], stop: StopIx) -> &'static str {
    let its = &problem.stops()[stop.index()];
    // A shipment is served whole or not at all.
    let tasks = match its.role {
        Role::JobDelivery | Role::JobPickup => vec![stop],
        Role::Pickup => vec![stop, its.mate],
        Role::Delivery => vec![its.mate, stop],
    };
    let all = || TourIx::all().zip(problem.tours());
    let able = || {
        all().filter(|&(tour, spec)| {
            tasks.iter().map(|stop| &problem.stops()[stop.index()]).all(|stop| {
                let is_other = stop.locked != TourIx::NONE && stop.locked != tour;
                stop.needs & !spec.has == 0 && !stop.barred.contains(&tour) && !is_other
            })
        })
    };
    if able().next().is_none() {
        let lacks = |(tour, spec): (TourIx, &TourSpec)| {
            let mut its = tasks.iter().map(|stop| &problem.stops()[stop.index()]);
            its.any(|its| its.needs & !spec.has != 0 || its.barred.contains(&tour))
        };
        return if all().all(lacks) { "skills" } else { "pinned" };
    }
    let holds = |spec: &TourSpec| {
        let more = its.more_load.iter().zip(&spec.more_capacity);
        (0..4).all(|d| its.load[d] <= spec.capacity[d] && its.takes[d] <= spec.capacity[d])
            && more.into_iter().all(|(&(load, takes), &room)| load <= room && takes <= room)
    };
    if !able().any(|(_, spec)| holds(spec)) {
        return "capacity";
    }
    let takes = |spec: &TourSpec| spec.stops_max as usize >= tasks.len();
    if !able().any(|(_, spec)| holds(spec) && takes(spec)) {
        return "max_tasks";
    }
    let unit = unit(problem, stop);
    let mut nowhere = None;
    let mut alone = |tour: TourIx| {
        let nowhere = nowhere.get_or_insert_with(|| obstacles(problem, &vec![Vec::new(); problem.tours().len()], unit));
        nowhere[tour.index()]
    };
    if !problem.spec().relations.is_empty() && able().all(|(tour, _)| alone(tour) == Obstacle::Related) {
        // What it belongs to is not served where it could join it.
        let now = obstacles(problem, tours, unit);
        let is_related = able().all(|(tour, _)| now[tour.index()] == Obstacle::Related);
        return if is_related { "relation" } else { "no_place" };
    }
    let serves = |tour: TourIx| schedule_home(problem, tour, &tasks).is_some();
    if able().any(|(tour, _)| serves(tour)) {
        return "no_place";
    }
    let left = || able().filter(|&(_, spec)| holds(spec) && takes(spec));
    if left().all(|(tour, _)| alone(tour) == Obstacle::Unreachable) {
        return "unreachable";
    }
    let length = |spec: &TourSpec| {
        let nodes = tasks.iter().map(|stop| problem.stops()[stop.index()].node).chain(spec.end_node.get());
        let mut sum = Leg::default();
        let mut here = spec.start_node;
        for next in nodes {
            let leg = leg(problem, spec, here, next);
            sum = Leg { time: sum.time + leg.time, metres: sum.metres + leg.metres };
            here = next;
        }
        sum
    };
    let fitting = || left().map(|(_, spec)| (spec, length(spec)));
    if fitting().all(|(spec, way)| way.time > i64::from(spec.travel_max)) {
        return "max_travel_time";
    }
    if fitting().all(|(spec, way)| way.metres > spec.metres_max) {
        return "max_distance";
    }
    let is_short =
        |(tour, spec): (TourIx, &TourSpec)| spec.battery.is_some() && matches!(alone(tour), Obstacle::Range(_));
    if left().all(is_short) {
        return "range";
    }
    "time"
}

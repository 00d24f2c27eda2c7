//! VROOM's solution format, from a solution of the solver.

use fleetfold_solver::{NodeIx, Problem, Role, Solution, StopIx, TourIx, TourSpec, schedule};
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::names::Names;

/// A solution in VROOM's format. `names` are those of the instance.
pub fn solution(instance: &Instance, names: &Names, solution: &Solution) -> Value {
    let problem = &instance.problem;
    let place = |node: NodeIx| {
        let (location, index) = names.locations[node.index()];
        let mut value = json!({});
        if let Some(location) = location {
            value["location"] = json!(location);
        }
        if let Some(index) = index {
            value["location_index"] = json!(index);
        }
        value
    };
    let with = |mut value: Value, more: Value| {
        if let (Some(object), Value::Object(more)) = (value.as_object_mut(), more) {
            object.extend(more);
        }
        value
    };
    let mut routes = Vec::new();
    let (mut cost, mut duration, mut service, mut setup, mut waiting) = (0i64, 0i64, 0i64, 0i64, 0i64);
    for (tour, sequence) in solution.tours.iter().enumerate().filter(|(_, sequence)| !sequence.is_empty()) {
        let spec = &problem.tours()[tour];
        let times = schedule(problem, TourIx(tour as u32), sequence).unwrap_or_default();
        let scaled = |time: i32| i64::from(time) * i64::from(spec.time_factor) / 1000;
        let (mut driven, mut served, mut prepared, mut waited) = (0i64, 0i64, 0i64, 0i64);
        let loads = loads(problem, sequence, names.dimensions);
        let mut steps = vec![with(
            json!({ "type": "start", "arrival": spec.start_at, "duration": 0, "setup": 0, "service": 0,
                "waiting_time": 0, "load": loads[0], "violations": [] }),
            place(spec.start_node),
        )];
        let mut here = spec.start_node;
        let mut free = spec.start_at;
        let mut pauses = spec.pauses.iter().zip(&names.breaks[tour]);
        for ((&stop, timed), (load, load_before)) in sequence.iter().zip(&times).zip(loads[1..].iter().zip(&loads)) {
            let its = &problem.stops()[stop.index()];
            let mut left = timed.pause;
            while left > 0
                && let Some((pause, (id, description))) = pauses.next()
            {
                let begins = free.max(pause.windows[0].0);
                steps.push(json!({
                    "type": "break", "id": id, "description": description, "arrival": free, "duration": driven, "setup": 0,
                    "service": pause.duration, "waiting_time": begins - free, "load": load_before, "violations": [],
                }));
                served += i64::from(pause.duration);
                waited += i64::from(begins - free);
                free = begins + pause.duration;
                left -= pause.duration;
            }
            free = timed.departure;
            let (kind, id, description) = &names.stops[stop.index()];
            let before = if here == its.node { 0 } else { i64::from(its.setup) };
            driven += scaled(problem.legs().time(here, its.node));
            let wait = i64::from(timed.start) - i64::from(timed.arrival) - before;
            let step = json!({
                "type": kind, "id": id, "description": description, "arrival": timed.arrival, "duration": driven,
                "setup": before, "service": its.service, "waiting_time": wait, "load": load, "violations": [],
            });
            // VROOM gives the id of a step twice, the second time as `job`.
            let again = json!({ "job": id });
            steps.push(with(with(step, again), place(its.node)));
            served += i64::from(its.service);
            prepared += before;
            waited += wait;
            here = its.node;
        }
        let left = times.last().map_or(spec.start_at, |timed| timed.departure);
        if spec.end_node != NodeIx::NONE {
            let home = scaled(problem.legs().time(here, spec.end_node));
            driven += home;
            let end = json!({ "type": "end", "arrival": i64::from(left) + home, "duration": driven, "setup": 0,
                "service": 0, "waiting_time": 0, "load": loads[loads.len() - 1], "violations": [] });
            steps.push(with(end, place(spec.end_node)));
        }
        let price = fleetfold_solver::price(problem, TourIx(tour as u32), sequence).unwrap_or(0) / 1000;
        let (id, description) = &names.vehicles[tour];
        routes.push(json!({
            "vehicle": id, "description": description, "cost": price, "duration": driven, "service": served,
            "setup": prepared, "waiting_time": waited, "steps": steps, "violations": [],
            "priority": sequence.iter().map(|&stop| u64::from(names.priorities[stop.index()])).sum::<u64>(),
            "delivery": carried(problem, sequence, names.dimensions, false),
            "pickup": carried(problem, sequence, names.dimensions, true),
        }));
        cost += price;
        duration += driven;
        service += served;
        setup += prepared;
        waiting += waited;
    }
    let unassigned: Vec<Value> = solution
        .absent
        .iter()
        .map(|&stop| {
            let (kind, id, description) = &names.stops[stop.index()];
            let its = &problem.stops()[stop.index()];
            let value = json!({ "type": kind, "id": id, "description": description, "reason": reason(problem, stop) });
            with(value, place(its.node))
        })
        .collect();
    let served = || solution.tours.iter().flatten();
    json!({
        "code": 0,
        "summary": {
            "cost": cost, "routes": routes.len(), "unassigned": unassigned.len(), "duration": duration, "service": service,
            "setup": setup, "waiting_time": waiting, "violations": [],
            "priority": served().map(|&stop| u64::from(names.priorities[stop.index()])).sum::<u64>(),
            "delivery": carried(problem, served(), names.dimensions, false),
            "pickup": carried(problem, served(), names.dimensions, true),
        },
        "unassigned": unassigned,
        "routes": routes,
    })
}

/// Goods on board at the start, and after each stop.
fn loads(problem: &Problem, sequence: &[StopIx], dimensions: usize) -> Vec<Vec<i64>> {
    let goods = |stop: StopIx| problem.stops()[stop.index()].load.iter().take(dimensions).map(|&load| i64::from(load));
    let mut load = vec![0; dimensions];
    for &stop in sequence.iter().filter(|&&stop| problem.stops()[stop.index()].role == Role::JobDelivery) {
        load.iter_mut().zip(goods(stop)).for_each(|(sum, goods)| *sum += goods);
    }
    let mut all = vec![load.clone()];
    for &stop in sequence {
        let sign = if matches!(problem.stops()[stop.index()].role, Role::Pickup | Role::JobPickup) { 1 } else { -1 };
        load.iter_mut().zip(goods(stop)).for_each(|(sum, goods)| *sum += sign * goods);
        all.push(load.clone());
    }
    all
}

/// All goods that are picked up, or all that are delivered.
fn carried<'s>(
    problem: &Problem,
    stops: impl IntoIterator<Item = &'s StopIx>,
    dimensions: usize,
    pickup: bool,
) -> Vec<i64> {
    let mut sum = vec![0; dimensions];
    for &stop in stops {
        let its = &problem.stops()[stop.index()];
        if matches!(its.role, Role::Pickup | Role::JobPickup) == pickup {
            sum.iter_mut().zip(its.load).for_each(|(sum, goods)| *sum += i64::from(goods));
        }
    }
    sum
}

/// Why a task has no vehicle: what rules out all of them, or that no vehicle that could serve it has room in its route.
fn reason(problem: &Problem, stop: StopIx) -> &'static str {
    let its = &problem.stops()[stop.index()];
    let able = || problem.tours().iter().filter(|tour| its.needs & !tour.has == 0);
    if able().next().is_none() {
        return "skills";
    }
    if !able().any(|tour| (0..4).all(|d| its.load[d] <= tour.capacity[d])) {
        return "capacity";
    }
    let reaches = |tour: &TourSpec| {
        let arrival = i64::from(tour.start_at) + i64::from(problem.legs().time(tour.start_node, its.node));
        arrival <= i64::from(tour.end_by) && its.windows.last().is_none_or(|window| arrival <= i64::from(window.1))
    };
    if able().any(reaches) { "no_place" } else { "time" }
}

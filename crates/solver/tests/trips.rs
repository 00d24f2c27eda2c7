//! Tours that begin on a trip, or at their start with other goods still in the way: where they reload, against all ways to divide them.

mod drawn;

use std::sync::Arc;

use drawn::made;
use fleetfold_solver::check::check;
use fleetfold_solver::{
    Alternative, LegMatrix, LegRows, Legs, NodeIx, Problem, ProblemSpec, Reload, ReloadPlace, Reloaded, Role, Solution,
    Stop, StopIx, TimeDependentLegs, TourIx, TourSpec, UNREACHABLE, alternatives, insert, price, schedule,
};
use proptest::prelude::*;

/// Node, service, load, what it is, and when it is due.
type Task = (u32, i32, i32, u8, Option<i32>);

#[derive(Clone, Debug)]
struct Drawn {
    tasks: Vec<Task>,
    capacity: i32,
    kept: i32,
    times_max: u32,
    is_on_trip: bool,
    beside: i32,
    left: i32,
    service: (i32, i32),
}

fn any_drawn() -> impl Strategy<Value = Drawn> {
    let task = (0u32..12, 0i32..8, 0i32..4, 0u8..4, proptest::option::weighted(0.5, 0i32..120));
    let beside = (0i32..4, prop_oneof![Just(0), 1i32..4]);
    (proptest::collection::vec(task, 1..6), 2i32..7, 0i32..2, 0u32..4, any::<bool>(), beside, (0i32..6, 0i32..6))
        .prop_map(|(tasks, capacity, kept, times_max, is_on_trip, (beside, left), service)| Drawn {
            tasks,
            capacity,
            kept,
            times_max,
            is_on_trip,
            beside: if is_on_trip { 0 } else { beside },
            left,
            service,
        })
}

/// One vehicle on a line, with depots at nodes 0 and 9.
fn problem(drawn: &Drawn) -> Problem {
    let stop = |&(node, service, load, what, due): &Task| Stop {
        load: [load, 0, 0, 0],
        service,
        due: due.unwrap_or(i32::MAX),
        role: if what == 0 { Role::JobPickup } else { Role::JobDelivery },
        aboard: what == 1,
        locked: if what == 1 { TourIx(0) } else { TourIx::NONE },
        ..Stop::job(NodeIx(node))
    };
    let stops: Vec<Stop> = drawn.tasks.iter().map(stop).collect();
    let aboard: i32 = stops.iter().filter(|stop| stop.aboard).map(|stop| stop.load[0]).sum();
    let (first, second) = drawn.service;
    let reload = Reload {
        places: vec![ReloadPlace { node: NodeIx(0), service: first }, ReloadPlace { node: NodeIx(9), service: second }],
        times_max: drawn.times_max,
        is_on_trip: drawn.is_on_trip,
        beside: [drawn.beside, 0, 0, 0],
        left: [drawn.left, 0, 0, 0],
    };
    let tour = TourSpec {
        capacity: [drawn.capacity, 0, 0, 0],
        onboard: [drawn.kept + aboard, 0, 0, 0],
        per_hour: 3_600_000_000,
        per_km: 0,
        start_at: 5,
        end_node: NodeIx(3),
        reload: Some(reload),
        in_use: true,
        ..TourSpec::at(NodeIx(5))
    };
    made(ProblemSpec {
        stops,
        tours: vec![tour],
        legs: LegMatrix::from_fn(12, |a, b| ((a as i32 - b as i32).abs() * 3, 0)).into(),
        ..ProblemSpec::default()
    })
}

/// The least that a sequence costs, of all ways to divide it into trips; `None`: none keeps the load.
fn cheapest(problem: &Problem, drawn: &Drawn, sequence: &[StopIx]) -> Option<i64> {
    let ways = 3usize.pow(sequence.len() as u32);
    (0..ways).filter_map(|way| cost_of(problem, drawn, sequence, way)).min()
}

/// What one way costs: by position, 0 for no reload, or 1 and 2 for the depots.
fn cost_of(problem: &Problem, drawn: &Drawn, sequence: &[StopIx], way: usize) -> Option<i64> {
    let (stops, tour) = (problem.stops(), &problem.tours()[0]);
    let late_per_hour = problem.weights().late_per_hour;
    let depot = |position: usize| (way / 3usize.pow(position as u32) % 3).checked_sub(1);
    if (0..sequence.len()).filter(|&at| depot(at).is_some()).count() > drawn.times_max as usize {
        return None;
    }
    // Goods that a trip takes on where it begins.
    let loaded = |from: usize| -> i32 {
        let until = (from + 1..sequence.len()).find(|&at| depot(at).is_some()).unwrap_or(sequence.len());
        let trip = sequence[from..until].iter().map(|stop| &stops[stop.index()]);
        trip.filter(|stop| stop.role == Role::JobDelivery && !stop.aboard).map(|stop| stop.load[0]).sum()
    };
    let (mut kept, mut picked) = (tour.onboard[0], 0);
    let at_start = if depot(0).is_some() { 0 } else { loaded(0) };
    let mut left = if depot(0).is_some() { 0 } else { drawn.left };
    if at_start > 0 && (drawn.is_on_trip || kept + left + at_start + drawn.beside > drawn.capacity) {
        return None;
    }
    let (mut trip, mut clock, mut node, mut cost) = (at_start, 5i64, 5i64, 0i64);
    let drive = |clock: &mut i64, node: &mut i64, to: i64, cost: &mut i64| {
        let time = (to - *node).abs() * 3;
        (*clock, *node, *cost) = (*clock + time, to, *cost + time * 1_000);
    };
    for (position, index) in sequence.iter().enumerate() {
        let stop = &stops[index.index()];
        if let Some(number) = depot(position) {
            let (to, service) = if number == 0 { (0, drawn.service.0) } else { (9, drawn.service.1) };
            drive(&mut clock, &mut node, to, &mut cost);
            clock += i64::from(service);
            (trip, picked, left) = (loaded(position), 0, 0);
        }
        if kept + left + trip + picked > drawn.capacity {
            return None;
        }
        drive(&mut clock, &mut node, i64::from(stop.node.0), &mut cost);
        cost += (clock - i64::from(stop.due)).max(0) * late_per_hour / 3_600_000;
        clock += i64::from(stop.service);
        match stop.role {
            Role::JobPickup => picked += stop.load[0],
            _ if stop.aboard => kept -= stop.load[0],
            _ => trip -= stop.load[0],
        }
        if kept + left + trip + picked > drawn.capacity {
            return None;
        }
    }
    drive(&mut clock, &mut node, 3, &mut cost);
    Some(cost)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn a_tour_is_divided_into_trips_in_the_cheapest_way(drawn in any_drawn()) {
        let problem = problem(&drawn);
        let sequence: Vec<StopIx> = (0..drawn.tasks.len() as u32).map(StopIx).collect();
        let found = price(&problem, TourIx(0), &sequence);
        prop_assert_eq!(found, cheapest(&problem, &drawn, &sequence));
        if let Some(cost) = found {
            let times = schedule(&problem, TourIx(0), &sequence).unwrap();
            let mut way = 0;
            for (position, timed) in times.iter().enumerate() {
                let number = timed.reloaded.map_or(0, |place| if place.node == NodeIx(0) { 1 } else { 2 });
                way += number * 3usize.pow(position as u32);
            }
            prop_assert_eq!(cost_of(&problem, &drawn, &sequence, way), Some(cost), "{:?}", times);
            let solution = Solution { tours: vec![sequence], cost, ..Solution::default() };
            prop_assert!(check(&problem, &solution).is_ok(), "{:?}", check(&problem, &solution));
        }
    }
}

/// A vehicle on its trip, that may reload once, is given goods that it does not have on board; one that may not lacks the room for them.
#[test]
fn what_is_not_on_board_is_loaded_at_a_depot_or_not_at_all() {
    let drawn = |times_max, load| Drawn {
        tasks: vec![(7, 0, 2, 1, None), (11, 0, load, 2, None)],
        capacity: 4,
        kept: 0,
        times_max,
        is_on_trip: true,
        beside: 0,
        left: 0,
        service: (1, 1),
    };
    let once = problem(&drawn(1, 2));
    let found = insert(&once);
    assert!(found.absent.is_empty(), "{found:?}");
    let times = schedule(&once, TourIx(0), &found.tours[0]).unwrap();
    assert_eq!(times.iter().filter(|timed| timed.reloaded.is_some()).count(), 1);
    let says = |problem: &Problem| alternatives(problem, &[vec![StopIx(0)]], StopIx(1), None)[0];
    assert_eq!(says(&problem(&drawn(0, 2))), Alternative::Capacity { by: 1 });
    assert_eq!(says(&problem(&drawn(1, 7))), Alternative::Capacity { by: 3 });
    let nothing = problem(&drawn(0, 0));
    assert!(insert(&nothing).absent.is_empty(), "what takes no room needs no depot");
}

/// The same line, on which no way leads to the depot at node 9 before 100, and vehicles wait for it.
struct Closed;

impl LegRows for Closed {
    fn row(&self, span: usize, from: NodeIx) -> Vec<(i32, i32)> {
        let leg = |to: i32| {
            let apart = (from.0 as i32 - to).abs();
            if span == 0 && to == 9 && apart > 0 { (UNREACHABLE, 0) } else { (apart * 3, apart) }
        };
        (0..12).map(leg).collect()
    }

    fn waits_max(&self) -> i32 {
        100
    }
}

#[test]
fn a_vehicle_waits_for_the_way_to_a_depot_to_open() {
    let drawn = Drawn {
        tasks: vec![(7, 0, 2, 2, None), (6, 0, 2, 2, None)],
        capacity: 2,
        kept: 0,
        times_max: 1,
        is_on_trip: false,
        beside: 0,
        left: 0,
        service: (0, 1),
    };
    let mut spec = problem(&drawn).spec().clone();
    spec.legs = Legs::TimeDependent(TimeDependentLegs::from_rows(12, vec![100], Arc::new(Closed)).unwrap());
    spec.tours[0].reload.as_mut().unwrap().places.remove(0);
    let problem = made(spec);
    let sequence = vec![StopIx(0), StopIx(1)];
    let times = schedule(&problem, TourIx(0), &sequence).unwrap();
    // It is free at node 7 at 11.
    let reloaded = Reloaded { arrival: 106, leave: 107, node: NodeIx(9), travel: 6, metres: 2 };
    assert_eq!((times[1].reloaded, times[1].arrival), (Some(reloaded), 116));
    // Waiting costs nothing: 6 out, 6 to the depot, 9 from there and 9 home.
    let cost = price(&problem, TourIx(0), &sequence);
    assert_eq!(cost, Some(30_000));
    let solution = Solution { tours: vec![sequence], cost: 30_000, ..Solution::default() };
    assert!(check(&problem, &solution).is_ok(), "{:?}", check(&problem, &solution));
}

//! Small problems with everything that real vehicles have, against all plans there are: breaks with several windows and largest loads,
//! set-up, tasks that leave and take goods, five dimensions of load, times by type of vehicle, limits of driving, prices of tasks,
//! open ends, priorities, mixed vehicles.

mod drawn;

use drawn::{limits, made, never};
use fleetfold_solver::check::check;
use fleetfold_solver::{
    Interrupt, LegMatrix, Legs, NodeIx, Obstacle, Pace, Pause, Problem, ProblemSpec, Role, SearchLimits, Solution,
    Stop, StopIx, TimesOfType, TourIx, TourSpec, UNREACHABLE, Weights, insert, obstacles, price, solve, solve_with,
};
use proptest::prelude::*;

type DrawnTask = (u32, Option<(i32, i32)>, (i32, i32), (i32, i32), u8, u8);
type DrawnVehicle = (u32, Option<u32>, (i32, i32), i32, u8, Vec<(i32, i32, i32)>);

#[derive(Clone, Debug)]
struct Small {
    places: Vec<(i32, i32)>,
    tasks: Vec<DrawnTask>,
    vehicles: Vec<DrawnVehicle>,
    shipments: usize,
    rules: u8,
}

fn small(tasks_max: usize) -> impl Strategy<Value = Small> {
    let places = proptest::collection::vec((0i32..60, 0i32..60), 3..6);
    let task = (
        0u32..100,
        proptest::option::weighted(0.6, (0i32..250, 0i32..120)),
        (0i32..30, 0i32..25),
        (0i32..4, 0i32..3),
        any::<u8>(),
        0u8..4,
    );
    let pauses = proptest::collection::vec((0i32..300, 0i32..80, 1i32..40), 0..3);
    let vehicle =
        (0u32..100, proptest::option::weighted(0.6, 0u32..100), (0i32..60, 150i32..600), 3i32..9, any::<u8>(), pauses);
    let tasks = proptest::collection::vec(task, 1..=tasks_max);
    (places, tasks, proptest::collection::vec(vehicle, 1..3), 0usize..3, any::<u8>())
        .prop_map(|(places, tasks, vehicles, shipments, rules)| Small { places, tasks, vehicles, shipments, rules })
}

fn problem(small: &Small) -> Problem {
    let n = small.places.len();
    let table = |percent: i32| {
        LegMatrix::from_fn(n, |a, b| {
            let ((ax, ay), (bx, by)) = (small.places[a], small.places[b]);
            let metres = (ax - bx).abs() + (ay - by).abs();
            (metres * percent / 100, metres)
        })
    };
    let rule = |bit: u8| small.rules & (1 << bit) != 0;
    let mut stops: Vec<Stop> = small
        .tasks
        .iter()
        .map(|&(place, window, (service, setup), (leaves, takes), bits, priority)| {
            let both = rule(0) && bits & 1 != 0;
            Stop {
                windows: window.map(|(opens, length)| (opens, opens + length)).into_iter().collect(),
                due: window.map_or(i32::MAX, |(opens, length)| opens + length),
                service,
                setup: if rule(1) { setup } else { 0 },
                load: [leaves, 0, 0, 0],
                takes: if both { [takes, 0, 0, 0] } else { [0; 4] },
                more_load: if rule(2) { vec![(leaves, if both { takes } else { 0 })] } else { Vec::new() },
                by_type: if rule(3) && bits & 2 != 0 {
                    vec![TimesOfType { vehicle_type: 1, service: service / 2, setup: 2 * setup }]
                } else {
                    Vec::new()
                },
                needs: u64::from(bits & 4 != 0),
                role: if both || bits & 8 != 0 { Role::JobDelivery } else { Role::JobPickup },
                unserved: 1_000_000_000 * (1 + i64::from(priority) * 8),
                ..Stop::job(NodeIx(place % n as u32))
            }
        })
        .collect();
    for index in 0..small.shipments.min(stops.len() / 2) {
        let (pickup, delivery) = (2 * index, 2 * index + 1);
        for (stop, role, mate) in [(pickup, Role::Pickup, delivery), (delivery, Role::Delivery, pickup)] {
            (stops[stop].role, stops[stop].mate, stops[stop].takes) = (role, StopIx(mate as u32), [0; 4]);
            stops[stop].load = [small.tasks[pickup].3.0, 0, 0, 0];
            stops[stop].needs = stops[pickup].needs;
            if rule(2) {
                stops[stop].more_load = vec![(small.tasks[pickup].3.0, 0)];
            }
        }
    }
    let tours = small
        .vehicles
        .iter()
        .map(|(start, end, (from, span), capacity, bits, breaks)| {
            let mut pauses: Vec<Pause> = breaks
                .iter()
                .map(|&(opens, length, duration)| {
                    let mut pause = Pause::new(opens, opens + length, duration);
                    if bits & 1 != 0 {
                        pause.windows.push((opens + length + 30, opens + length + 60));
                    }
                    pause.load_max = (bits & 2 != 0).then_some([2, 9, 9, 9]);
                    pause
                })
                .collect();
            pauses.sort();
            TourSpec {
                start_at: *from,
                end_node: end.map_or(NodeIx::NONE, |end| NodeIx(end % n as u32)),
                end_by: from + span,
                capacity: [*capacity, 9, 9, 9],
                more_capacity: if rule(2) { vec![capacity - 1] } else { Vec::new() },
                has: u64::from(bits & 4 == 0),
                fixed: if bits & 8 != 0 { 20_000 } else { 0 },
                per_hour: 3_600_000_000,
                per_km: 0,
                per_task_hour: if rule(4) { 1_800_000_000 } else { 0 },
                travel_max: if rule(5) { 200 } else { i32::MAX },
                metres_max: if rule(6) { 250 } else { i64::MAX },
                vehicle_type: u16::from(bits & 16 != 0),
                table: u16::from(rule(7) && bits & 32 != 0),
                time_factor: if bits & 64 != 0 { 1_300 } else { 1_000 },
                stops_max: if bits & 128 != 0 { 4 } else { u32::MAX },
                pauses,
                ..TourSpec::at(NodeIx(start % n as u32))
            }
        })
        .collect();
    let weights =
        Weights { late_per_hour: 0, hard: true, setup_in_window: true, pause_on_the_way: true, ..Weights::default() };
    let legs = if rule(7) { Legs::Several(vec![table(100), table(150)]) } else { table(100).into() };
    made(ProblemSpec { stops, tours, legs, weights, ..ProblemSpec::default() })
}

/// The same problem where legs do not exist or take as long as is drawn, the direct way no less than any other; `lengths`: the tours are
/// limited in metres.
fn with_wild_legs(small: &Small, legs: &[(u8, i32, i32)], lengths: bool) -> Problem {
    let mut spec = problem(small).into_spec();
    let n = small.places.len();
    let table = LegMatrix::from_fn(n, |a, b| {
        let (gap, time, metres) = legs[(a * n + b) % legs.len()];
        match (a == b, gap < 4) {
            (true, _) => (0, 0),
            (false, true) => (UNREACHABLE, metres),
            (false, false) => (time, metres),
        }
    });
    spec.legs = if small.rules & 128 != 0 { Legs::Several(vec![table.clone(), table]) } else { table.into() };
    for tour in &mut spec.tours {
        tour.metres_max = if lengths { 60 } else { i64::MAX };
    }
    made(spec)
}

/// The cost of the best of all plans: the cheapest order of every set of stops on every vehicle, then every way to share the stops.
fn best(problem: &Problem) -> i64 {
    let stops = problem.stops();
    let n = stops.len();
    let whole = |set: u32| {
        (0..n).all(|stop| {
            let mate = stops[stop].mate;
            set & (1 << stop) == 0 || mate == StopIx::NONE || set & (1 << mate.0) != 0
        })
    };
    let mut cheapest = vec![vec![None::<i64>; 1 << n]; problem.tours().len()];
    for (tour, costs) in TourIx::first(problem.tours().len()).zip(&mut cheapest) {
        let mut orders: Vec<Vec<StopIx>> = vec![Vec::new()];
        while let Some(order) = orders.pop() {
            let set = order.iter().fold(0u32, |set, stop| set | 1 << stop.0);
            if whole(set)
                && let Some(cost) = alone(problem, tour, &order)
            {
                let known = &mut costs[set as usize];
                *known = Some(known.map_or(cost, |known| known.min(cost)));
            }
            for stop in (0..n as u32).filter(|stop| set & (1 << stop) == 0) {
                orders.push(order.iter().copied().chain([StopIx(stop)]).collect());
            }
        }
    }
    let left = |set: u32| -> i64 {
        (0..n)
            .filter(|stop| set & (1 << stop) == 0 && !stops[*stop].is_second_end())
            .map(|stop| stops[stop].unserved)
            .sum()
    };
    let all = 1u32 << n;
    let one = |tour: usize, set: u32| cheapest[tour][set as usize];
    (0..all)
        .filter(|&served| whole(served))
        .filter_map(|served| {
            let plans = (0..=served).filter(|set| set & !served == 0);
            let costs = plans.filter_map(|first| {
                if problem.tours().len() == 1 {
                    return if first == served { one(0, served) } else { None };
                }
                Some(one(0, first)? + one(1, served & !first)?)
            });
            costs.min().map(|cost| cost + left(served))
        })
        .min()
        .expect("the plan that serves nobody")
}

/// What a tour costs that is driven in this order, by the independent checker; `None`: it cannot be driven.
fn alone(problem: &Problem, tour: TourIx, order: &[StopIx]) -> Option<i64> {
    let mut tours = vec![Vec::new(); problem.tours().len()];
    tours[tour.index()] = order.to_vec();
    let absent: Vec<StopIx> = StopIx::first(problem.stops().len()).filter(|stop| !order.contains(stop)).collect();
    let left: i64 = absent
        .iter()
        .map(|stop| &problem.stops()[stop.index()])
        .filter(|stop| !stop.is_second_end())
        .map(|stop| stop.unserved)
        .sum();
    let plan = Solution { tours, absent, ..Solution::default() };
    let checked = check(problem, &plan).ok().map(|(cost, _)| cost - left);
    assert_eq!(price(problem, tour, order), checked, "the search and the checker agree on {order:?}");
    checked
}

/// Only one round trip exists. No insertion of one stop after the other passes through plans that exist.
#[test]
fn a_stop_that_is_reached_over_others_only_is_served() {
    let n = 6;
    let legs = LegMatrix::from_fn(n, |a, b| if b == (a + 1) % n || a == b { (10, 0) } else { (UNREACHABLE, 0) });
    let stops = (1..n as u32).map(|node| Stop { unserved: 10_000_000_000, ..Stop::job(NodeIx(node)) }).collect();
    let tour = TourSpec { end_node: NodeIx(0), per_hour: 3_600_000_000, per_km: 0, ..TourSpec::at(NodeIx(0)) };
    let weights = Weights { hard: true, late_per_hour: 0, ..Weights::default() };
    let problem = made(ProblemSpec { stops, tours: vec![tour], legs: legs.into(), weights, ..ProblemSpec::default() });
    let found = solve(&problem, &SearchLimits { iterations: 400, ..limits(20) }, &never());
    assert_eq!(found.tours, [drawn::numbers(&[0, 1, 2, 3, 4])], "{found:?}");
    assert_eq!(found.cost, 60_000);
    let clocked = solve_with(&problem, &limits(20), 20_000, Interrupt::NEVER, |progress| {
        if progress.rounds < 20 { Pace::Go(f64::from(progress.rounds) / 20.0) } else { Pace::Stop }
    });
    assert_eq!(clocked.tours, found.tours);
}

/// One stop is worth most, and can be reached and left only over the other two, one of which is too much beside it. These two can only be
/// served one behind the other.
#[test]
fn two_stops_are_served_where_neither_can_be_alone() {
    const NONE: i32 = UNREACHABLE;
    let times = [[0, 2, NONE, NONE], [NONE, 0, NONE, 15], [3, 3, 0, NONE], [11, 8, 4, 0]];
    let legs = LegMatrix::from_fn(4, |a, b| (times[a][b], 0));
    let stop = |node: u32, load: i32, unserved: i64| Stop {
        load: [load, 0, 0, 0],
        unserved: unserved * 10_000_000_000,
        ..Stop::job(NodeIx(node))
    };
    let stops = vec![stop(3, 0, 1), stop(2, 2, 4), stop(1, 2, 1)];
    let tour = TourSpec {
        capacity: [2, 0, 0, 0],
        end_node: NodeIx(0),
        per_hour: 3_600_000_000,
        per_km: 0,
        ..TourSpec::at(NodeIx(0))
    };
    let weights = Weights { hard: true, late_per_hour: 0, ..Weights::default() };
    let problem = made(ProblemSpec { stops, tours: vec![tour], legs: legs.into(), weights, ..ProblemSpec::default() });
    for seed in 0..20 {
        let found = solve(&problem, &SearchLimits { iterations: 100, seed, ..limits(20) }, &never());
        assert_eq!(found.tours, [drawn::numbers(&[2, 0])], "seed {seed}: {found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// What is said of a unit that is left out is true: where nothing is in the way there is a position for it, elsewhere there is none,
    /// and a rule that is loosened by as much as is said is not in the way any more.
    #[test]
    fn reasons_are_true(small in small(6), dealt in proptest::collection::vec(0usize..4, 6)) {
        let problem = problem(&small);
        let answer = insert(&problem);
        let mut tours = answer.tours.clone();
        // One more unit is taken off than had to be left out.
        let units: Vec<StopIx> =
            StopIx::first(problem.stops().len()).filter(|unit| !problem.stops()[unit.index()].is_second_end()).collect();
        let unit = units[dealt[0] % units.len()];
        let mate = problem.stops()[unit.index()].mate;
        for tour in &mut tours {
            tour.retain(|&stop| stop != unit && stop != mate);
        }
        prop_assume!(TourIx::all().zip(&tours).all(|(tour, stops)| price(&problem, tour, stops).is_some()));
        for (tour, obstacle) in TourIx::all().zip(obstacles(&problem, &tours, unit)) {
            let sequence = &tours[tour.index()];
            let mut fits = false;
            for at in 0..=sequence.len() {
                let mut with = sequence.clone();
                with.insert(at, unit);
                if problem.stops()[unit.index()].role != Role::Pickup {
                    fits |= price(&problem, tour, &with).is_some();
                    continue;
                }
                for end in at + 1..=with.len() {
                    let mut both = with.clone();
                    both.insert(end, mate);
                    fits |= price(&problem, tour, &both).is_some();
                }
            }
            prop_assert_eq!(fits, obstacle == Obstacle::Price, "{:?} {:?}", tour, obstacle);
            let mut spec = problem.spec().clone();
            let (stops, vehicle) = (&mut spec.stops, &mut spec.tours[tour.index()]);
            match obstacle {
                Obstacle::Stops(over) => vehicle.stops_max += over,
                Obstacle::Load(dimension, over) if dimension < 4 => vehicle.capacity[dimension] += over as i32,
                Obstacle::Load(dimension, over) => vehicle.more_capacity[dimension - 4] += over as i32,
                Obstacle::Late(by) => {
                    for stop in [unit, mate].into_iter().filter_map(StopIx::get) {
                        let stop = &mut stops[stop.index()];
                        stop.due = stop.due.saturating_add(by as i32);
                        if let Some(window) = stop.windows.last_mut() {
                            window.1 += by as i32;
                        }
                    }
                }
                Obstacle::Shift(by) | Obstacle::Home(by) => vehicle.end_by += by as i32,
                Obstacle::Travel(by) => vehicle.travel_max += by as i32,
                Obstacle::Way(by) => vehicle.metres_max += by,
                Obstacle::Skills => vehicle.has = u64::MAX,
                Obstacle::Range(by) => {
                    if let Some(battery) = &mut vehicle.battery {
                        battery.level += by * 1_000_000;
                        battery.capacity += by * 1_000_000;
                    }
                }
                Obstacle::Dock
                | Obstacle::Price | Obstacle::Pinned | Obstacle::Reload | Obstacle::Position | Obstacle::OtherLate(_) | Obstacle::Pauses | Obstacle::Order | Obstacle::Related | Obstacle::DrivingTime | Obstacle::Unreachable => continue,
            }
            let loosened = made(spec);
            // What is in the way even of the unit alone may be in the way again where others are.
            let mut alone = tours.clone();
            alone[tour.index()].clear();
            let is_alone = obstacles(&problem, &alone, unit)[tour.index()] == obstacle;
            let plan = if is_alone { &alone } else { &tours };
            prop_assert_ne!(obstacles(&loosened, plan, unit)[tour.index()], obstacle);
        }
    }

    /// Never a rule broken, never cheaper than the best plan, and (nearly) always as good.
    #[test]
    fn nothing_is_better_than_what_is_found(small in small(6)) {
        let problem = problem(&small);
        let found = solve(&problem, &SearchLimits { iterations: 2_000, ..limits(20) }, &never());
        let checked = check(&problem, &found);
        prop_assert_eq!(checked.map(|(cost, _)| cost), Ok(found.cost));
        prop_assert_eq!(found.cost, best(&problem), "{:?} {:?}", found.tours, found.absent);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// No plan is better where single stops cannot be reached or left but over others, or where a tour with one of them is longer than one with
    /// two.
    #[test]
    fn nothing_is_better_where_legs_are_missing(
        small in small(5),
        legs in proptest::collection::vec((0u8..10, 1i32..30, 1i32..50), 36),
        lengths in prop::bool::weighted(0.3),
    ) {
        let problem = with_wild_legs(&small, &legs, lengths);
        let found = solve(&problem, &SearchLimits { iterations: 2_000, ..limits(20) }, &never());
        let checked = check(&problem, &found);
        prop_assert_eq!(checked.map(|(cost, _)| cost), Ok(found.cost));
        prop_assert_eq!(found.cost, best(&problem), "{:?} {:?}", found.tours, found.absent);
    }
}

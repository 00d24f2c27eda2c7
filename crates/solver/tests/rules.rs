//! Small problems with rules beyond windows, loads and shifts, against all plans there are: related stops, releases, preferred times,
//! reloading, first in first out, trips, driving times, batteries, walks from door to door, first and last stops.

mod drawn;

use std::sync::atomic::AtomicBool;

use drawn::made;
use fleetfold_solver::check::check;
use fleetfold_solver::{
    Battery, Dock, DrivenSoFar, DrivingTime, Fairness, LegMatrix, NodeIx, Obstacle, Problem, ProblemSpec, Rank,
    Relation, RelationKind, Reload, ReloadPlace, Role, SearchLimits, SoftWindow, Solution, Station, Stop, StopIx,
    TourIx, TourSpec, Trips, Walking, Weights, driving_breaks, insert, obstacles, price, schedule, schedule_home,
    solve,
};
use proptest::prelude::*;

/// Place, window, service, load, release, preferred time with its two prices.
type Task = (i32, i32, Option<(i32, i32)>, i32, i32, Option<i32>, Option<(i32, i32, i64, i64)>);

#[derive(Clone, Debug)]
struct Drawn {
    tasks: Vec<Task>,
    shipment: bool,
    vehicles: Vec<(i32, i32, u8)>,
    relations: Vec<(u8, u8, u8, u8)>,
    rules: u8,
    /// Batteries, walks, ranks.
    more: u8,
}

fn any_drawn() -> impl Strategy<Value = Drawn> {
    let soft = (0i32..90, 0i32..20, 0i64..3, 0i64..3);
    let task = (
        0i32..30,
        0i32..30,
        proptest::option::weighted(0.4, (0i32..120, 10i32..80)),
        0i32..8,
        0i32..4,
        proptest::option::weighted(0.3, 0i32..60),
        proptest::option::weighted(0.4, soft),
    );
    let vehicle = (3i32..7, 120i32..400, any::<u8>());
    let relation = (0u8..5, any::<u8>(), any::<u8>(), any::<u8>());
    (
        proptest::collection::vec(task, 2..6),
        any::<bool>(),
        proptest::collection::vec(vehicle, 1..3),
        proptest::collection::vec(relation, 0..3),
        any::<u8>(),
        any::<u8>(),
    )
        .prop_map(|(tasks, shipment, vehicles, relations, rules, more)| Drawn {
            tasks,
            shipment,
            vehicles,
            relations,
            rules,
            more,
        })
}

/// Node 0 is the depot, node 1 another place to reload, the tasks follow.
fn problem(drawn: &Drawn) -> Problem {
    let rule = |bit: u8| drawn.rules & (1 << bit) != 0;
    let mut places = vec![(15, 15), (3, 25)];
    places.extend(drawn.tasks.iter().map(|task| (task.0, task.1)));
    let legs = LegMatrix::from_fn(places.len(), |a, b| {
        let time = (places[a].0 - places[b].0).abs() + (places[a].1 - places[b].1).abs();
        (time, time)
    });
    let mut stops: Vec<Stop> = (2..)
        .zip(&drawn.tasks)
        .map(|(node, &(_, _, window, service, load, release, soft))| Stop {
            windows: window.map(|(opens, length)| (opens, opens + length)).into_iter().collect(),
            due: window.map_or(i32::MAX, |(opens, length)| opens + length),
            service,
            load: [load, 0, 0, 0],
            role: if node % 3 == 0 { Role::JobPickup } else { Role::JobDelivery },
            release: release.filter(|_| rule(0)).unwrap_or(-1_000),
            soft: soft.filter(|_| rule(1)).map(|(opens, length, early, late)| SoftWindow {
                opens,
                closes: opens + length,
                early_per_hour: early * 1_800_000_000,
                late_per_hour: late * 1_800_000_000,
            }),
            // Beside prizes some have to be served.
            unserved: if rule(6) && service < 6 { i64::from(service + 2) * 6_000 } else { 1_000_000_000 },
            ..Stop::job(NodeIx(node))
        })
        .collect();
    if drawn.shipment && stops.len() >= 4 {
        for (pickup, delivery) in [(0, 1), (2, 3)] {
            for (stop, role, mate) in [(pickup, Role::Pickup, delivery), (delivery, Role::Delivery, pickup)] {
                (stops[stop].role, stops[stop].mate, stops[stop].release) = (role, StopIx(mate as u32), -1_000);
                stops[stop].load = [drawn.tasks[pickup].4, 0, 0, 0];
            }
        }
    }
    let more = |bit: u8| drawn.more & (1 << bit) != 0;
    let has_trips = drawn.shipment && drawn.vehicles.iter().any(|&(_, _, bits)| bits & 64 != 0);
    if has_trips && stops.len() >= 4 && more(7) {
        stops[2].node = stops[0].node;
        stops[2].of_trip = more(6);
        if let Some(aboard) = stops.get_mut(4) {
            aboard.role = Role::Delivery;
            aboard.locked = TourIx(0);
            aboard.release = -1_000;
        }
    }
    // Equal days and fixed positions ask for luck, too.
    for (index, stop) in stops.iter_mut().enumerate().filter(|_| more(2) && !rule(7)) {
        stop.rank = match (drawn.more >> 3) as usize {
            first if first % 8 == index => Some(Rank::First),
            last if last / 8 % 4 == index => Some(Rank::Last),
            _ => None,
        };
        // Setting up is parking: who walks spends it once.
        stop.setup = i32::from(drawn.more >> 6) * 2;
    }
    let tours = drawn.vehicles.iter().map(|&(capacity, span, bits)| TourSpec {
        // One of these excludes the other, and reloading and driving times.
        battery: (more(0) && !rule(3) && !rule(4)).then(|| Battery {
            capacity: 60_000_000,
            level: i64::from(bits) * 230_000,
            per_metre: 500_000,
            per_time: 500_000,
            stations: [(0, 4, 2), (1, 10, 0)]
                .map(|(node, units, setup)| Station { node: NodeIx(node), per_time: units * 1_000_000, setup })
                .to_vec(),
        }),
        walking: (more(1) && !more(0) && !rule(3) && !rule(4))
            .then(|| Walking { metres_max: 4 + i32::from(bits & 15), time_per_metre: 1_500_000 }),
        end_node: if bits & 1 != 0 { NodeIx(0) } else { NodeIx::NONE },
        end_by: span,
        capacity: [capacity, 9, 9, 9],
        per_hour: 3_600_000_000,
        per_km: 0,
        fifo: rule(2),
        trips: (bits & 64 != 0).then(|| Trips {
            one_place: bits & 128 != 0,
            closed: more(5),
            loaded_at: if more(4) { NodeIx(2) } else { NodeIx::NONE },
        }),
        reload: (rule(3) && bits & 2 != 0).then(|| Reload {
            places: [(0, 5), (1, 3), (1, 0)]
                .map(|(node, service)| ReloadPlace { node: NodeIx(node), service })
                .to_vec(),
            times_max: 2,
            ..Reload::default()
        }),
        driving_time: (rule(4) && bits & 4 != 0).then_some(DrivingTime {
            driving_max: 40,
            pause: 12,
            first_part: if bits & 8 != 0 { 4 } else { 0 },
            service_counts: bits & 16 != 0,
            duty_max: if bits & 32 != 0 { 150 } else { i32::MAX },
        }),
        ..TourSpec::at(NodeIx(0))
    });
    let relations = drawn.relations.iter().filter(|_| rule(5)).map(|&(kind, a, b, c)| {
        let kinds = [
            RelationKind::SameTour,
            RelationKind::DifferentTours,
            RelationKind::AtMostOne,
            RelationKind::InOrder,
            RelationKind::Directly,
        ];
        let mut named: Vec<StopIx> = Vec::new();
        for drawn in [a, b, c] {
            let stop = StopIx(u32::from(drawn) % stops.len() as u32);
            // Ends of shipments are related by their pickups only, so that every relation can be kept.
            if !named.contains(&stop) && stops[stop.index()].role != Role::Delivery {
                named.push(stop);
            }
        }
        Relation { kind: kinds[usize::from(kind)], stops: named }
    });
    // Two orders that share a stop ask for luck: the stops before it in both have to be put on one tour first.
    let mut relations: Vec<Relation> = relations.collect();
    let is_ordered = |relation: &Relation| matches!(relation.kind, RelationKind::InOrder | RelationKind::Directly);
    if relations.iter().filter(|relation| is_ordered(relation)).count() > 1 {
        relations.truncate(1);
    }
    let unequal = |bit: i64| if rule(7) { bit } else { 0 };
    let fairness = Fairness {
        longest_per_hour: unequal(i64::from(drawn.rules & 3) * 1_800_000_000),
        spread_per_hour: unequal(i64::from(drawn.rules >> 2 & 3) * 1_800_000_000),
        spread_per_stop: unequal(i64::from(drawn.rules >> 4 & 3) * 7_000),
    };
    let weights = Weights { hard: true, late_per_hour: 0, prizes: rule(6), fairness, ..Weights::default() };
    made(ProblemSpec { tours: tours.collect(), legs: legs.into(), weights, relations, stops, ..ProblemSpec::default() })
}

/// All plans: every stop from `next` on, on every tour at every position, or absent.
fn each_plan(problem: &Problem, next: usize, tours: &mut Vec<Vec<StopIx>>, look: &mut impl FnMut(&[Vec<StopIx>])) {
    if next == problem.stops().len() {
        return look(tours);
    }
    each_plan(problem, next + 1, tours, look);
    for tour in 0..tours.len() {
        for position in 0..=tours[tour].len() {
            tours[tour].insert(position, StopIx(next as u32));
            each_plan(problem, next + 1, tours, look);
            tours[tour].remove(position);
        }
    }
}

/// The cost of the best of them.
fn best(problem: &Problem) -> i64 {
    let mut best = i64::MAX;
    each_plan(problem, 0, &mut vec![Vec::new(); problem.tours().len()], &mut |tours| {
        let stops = StopIx::first(problem.stops().len()).filter(|stop| !tours.iter().any(|tour| tour.contains(stop)));
        let plan = Solution { absent: stops.collect(), tours: tours.to_vec(), ..Solution::default() };
        if let Ok((cost, _)) = check(problem, &plan) {
            best = cost.min(best);
        }
    });
    best
}

fn limits() -> SearchLimits {
    SearchLimits { rounds: 20, iterations: 400, ..SearchLimits::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// No plan is better than the one that is found, and no answer breaks a rule.
    #[test]
    fn the_best_of_all_plans_is_found(drawn in any_drawn()) {
        let problem = problem(&drawn);
        let found = solve(&problem, &limits(), &AtomicBool::new(false));
        let (cost, _) = check(&problem, &found).map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
        prop_assert_eq!(cost, found.cost);
        prop_assert_eq!(cost, best(&problem));
        let answer = insert(&problem);
        let (cost, _) = check(&problem, &answer).map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
        prop_assert!(cost >= found.cost);
    }

    /// Whatever plan a search begins with, it ends with one that breaks nothing.
    #[test]
    fn plans_that_break_relations_are_mended(drawn in any_drawn(), order in any::<u64>()) {
        let problem = problem(&drawn);
        let mut initial = vec![Vec::new(); problem.tours().len()];
        for stop in StopIx::first(problem.stops().len()) {
            let its = &problem.stops()[stop.index()];
            if its.role == Role::Delivery {
                continue;
            }
            let tour = (order >> (3 * stop.0)) as usize % initial.len();
            initial[tour].push(stop);
            if its.mate != StopIx::NONE {
                initial[tour].push(its.mate);
            }
        }
        let problem = made(ProblemSpec { initial, ..problem.into_spec() });
        let found = solve(&problem, &limits(), &AtomicBool::new(false));
        prop_assert!(found.infeasible.is_empty());
        prop_assert!(check(&problem, &found).is_ok(), "{:?}", check(&problem, &found));
    }
}

/// A vehicle that holds two of five pallets drives three times.
#[test]
fn a_vehicle_reloads_where_that_is_shorter() {
    let legs = LegMatrix::from_fn(7, |a, b| ((a as i32 - b as i32).abs() * 10, 0));
    let stop = |node| Stop { load: [1, 0, 0, 0], ..Stop::job(NodeIx(node)) };
    let reload = Reload {
        places: vec![ReloadPlace { node: NodeIx(0), service: 3 }, ReloadPlace { node: NodeIx(6), service: 3 }],
        times_max: 2,
        ..Reload::default()
    };
    let tour = TourSpec {
        capacity: [2, 0, 0, 0],
        end_node: NodeIx(0),
        per_hour: 3_600_000_000,
        per_km: 0,
        reload: Some(reload),
        ..TourSpec::at(NodeIx(0))
    };
    let problem = made(ProblemSpec {
        stops: (1..6).map(stop).collect(),
        tours: vec![tour],
        legs: legs.into(),
        ..ProblemSpec::default()
    });
    let found = solve(&problem, &limits(), &AtomicBool::new(false));
    assert!(found.absent.is_empty(), "{found:?}");
    // The nearest one by itself, two on the way to the second depot, two on the way home.
    assert_eq!(found.cost, 140_000);
    let times = schedule(&problem, TourIx(0), &found.tours[0]).unwrap();
    assert_eq!(times.iter().filter(|timed| timed.reloaded.is_some()).count(), 2);
}

/// A task that follows another one directly does not wait behind a reload: the vehicle that holds one pallet serves one of two.
#[test]
fn no_reload_comes_between_tasks_that_follow_each_other_directly() {
    let legs = LegMatrix::from_fn(3, |a, b| ((a as i32 - b as i32).abs() * 10, 0));
    let stop = |node| Stop { load: [1, 0, 0, 0], unserved: 1_000_000_000, ..Stop::job(NodeIx(node)) };
    let tour = |day: Option<DrivingTime>| TourSpec {
        capacity: [1, 0, 0, 0],
        end_node: NodeIx(0),
        reload: Some(Reload {
            places: vec![ReloadPlace { node: NodeIx(0), service: 3 }],
            times_max: 2,
            ..Reload::default()
        }),
        driving_time: day,
        ..TourSpec::at(NodeIx(0))
    };
    for day in [
        None,
        Some(DrivingTime { driving_max: 1_000, pause: 1, first_part: 0, service_counts: false, duty_max: i32::MAX }),
    ] {
        for (kind, served) in [(RelationKind::InOrder, 2), (RelationKind::Directly, 1)] {
            let problem = made(ProblemSpec {
                stops: vec![stop(1), stop(2)],
                tours: vec![tour(day)],
                legs: legs.clone().into(),
                relations: vec![Relation { kind, stops: vec![StopIx(0), StopIx(1)] }],
                ..ProblemSpec::default()
            });
            let found = solve(&problem, &limits(), &AtomicBool::new(false));
            assert_eq!(found.tours[0].len(), served, "{kind:?} {found:?}");
            assert_eq!(check(&problem, &found).map(|(cost, _)| cost), Ok(found.cost));
        }
    }
}

/// One trip is shorter, but its goods are ready so late that the vehicle is not home in time.
#[test]
fn a_vehicle_reloads_where_it_would_come_home_late_otherwise() {
    let legs = LegMatrix::from_fn(5, |a, b| ((a as i32 - b as i32).abs(), 0));
    let stops =
        vec![Stop { setup: 1, ..Stop::job(NodeIx(1)) }, Stop { service: 3, release: 9, ..Stop::job(NodeIx(4)) }];
    let reload =
        Reload { places: vec![ReloadPlace { node: NodeIx(0), service: 0 }], times_max: 2, ..Reload::default() };
    let tour = |end_by| TourSpec {
        end_node: NodeIx(0),
        end_by,
        per_hour: 3_600_000_000,
        per_km: 0,
        reload: Some(reload.clone()),
        ..TourSpec::at(NodeIx(0))
    };
    for (end_by, wanted) in [(20, Some(10_000)), (19, None), (1_000, Some(8_000))] {
        let weights = Weights { hard: true, ..Weights::default() };
        let (stops, tours) = (stops.clone(), vec![tour(end_by)]);
        let problem = made(ProblemSpec { stops, tours, legs: legs.clone().into(), weights, ..ProblemSpec::default() });
        assert_eq!(price(&problem, TourIx(0), &[StopIx(0), StopIx(1)]), wanted);
    }
}

/// The cheapest and then the quickest way to serve a sequence with a battery: every station, or none, between any two places, and every
/// whole amount.
fn by_charging(problem: &Problem, sequence: &[StopIx]) -> Option<(i64, i32)> {
    fn go(
        problem: &Problem,
        left: &[StopIx],
        (node, free, level): (NodeIx, i32, i64),
        cost: i64,
    ) -> Option<(i64, i32)> {
        let spec = &problem.tours()[0];
        let battery = spec.battery.as_ref().unwrap();
        let leg = |from: NodeIx, to: NodeIx, level: i64| {
            let (time, metres) = problem.legs().pair(from, to);
            let rest = level - battery.used(time, metres);
            (rest >= 0).then_some((time, rest, i64::from(time) * spec.per_hour / 3_600_000))
        };
        let on = |(node, free, level): (NodeIx, i32, i64), cost: i64| {
            let Some((&stop, behind)) = left.split_first() else {
                let (time, _, price) = leg(node, spec.end_node, level)?;
                return (free + time <= spec.end_by).then_some((cost + price, free + time));
            };
            let its = &problem.stops()[stop.index()];
            let (time, level, price) = leg(node, its.node, level)?;
            let begin = its.windows.first().map_or(free + time, |window| window.0.max(free + time));
            let in_time = begin <= its.due && begin <= spec.end_by;
            let at = (its.node, begin + its.service, level);
            in_time.then(|| go(problem, behind, at, cost + price)).flatten()
        };
        let mut best = on((node, free, level), cost);
        for station in &battery.stations {
            let Some((time, level, price)) = leg(node, station.node, level) else { continue };
            for units in 0..=(battery.capacity - level) / 1_000_000 {
                let amount = units * 1_000_000;
                let leave = free + time + station.setup + station.time(amount);
                let found = on((station.node, leave, level + amount), cost + price);
                best = [best, found].into_iter().flatten().min();
            }
        }
        best
    }
    let spec = &problem.tours()[0];
    go(problem, sequence, (spec.start_node, spec.start_at, spec.battery.as_ref()?.level), 0)
}

proptest! {
    /// No way to charge is cheaper than the one that is found, or as cheap and quicker, where every station charges as fast; and none is
    /// found where there is none.
    #[test]
    fn no_other_way_to_charge_is_cheaper(
        places in proptest::collection::vec((0i32..12, 0i32..12, 0i32..40, 20i32..60), 1..4),
        level in 0i64..30,
        rate in 1i64..4,
    ) {
        let mut points = vec![(6, 6), (0, 6), (12, 3)];
        points.extend(places.iter().map(|place| (place.0, place.1)));
        let legs = LegMatrix::from_fn(points.len(), |a, b| {
            let time = (points[a].0 - points[b].0).abs() + (points[a].1 - points[b].1).abs();
            (time, time)
        });
        let stops = (3..).zip(&places).map(|(node, &(_, _, opens, long))| Stop {
            windows: vec![(opens, opens + long)],
            due: opens + long,
            service: 1,
            ..Stop::job(NodeIx(node))
        });
        let stations = [1, 2].map(|node| Station { node: NodeIx(node), per_time: rate * 1_000_000, setup: node as i32 });
        let battery =
            Battery { capacity: 30_000_000, level: level * 1_000_000, per_metre: 1_000_000, per_time: 0, stations: stations.into() };
        let tour = TourSpec {
            end_node: NodeIx(0),
            end_by: 150,
            per_hour: 3_600_000_000,
            per_km: 0,
            battery: Some(battery),
            ..TourSpec::at(NodeIx(0))
        };
        let weights = Weights { hard: true, ..Weights::default() };
        let (stops, tours) = (stops.collect::<Vec<_>>(), vec![tour]);
        let problem = made(ProblemSpec { stops, tours, legs: legs.into(), weights, ..ProblemSpec::default() });
        let sequence: Vec<StopIx> = StopIx::first(places.len()).collect();
        let found = schedule_home(&problem, TourIx(0), &sequence)
            .map(|(_, home)| (price(&problem, TourIx(0), &sequence).unwrap(), home.arrival));
        let wanted = by_charging(&problem, &sequence);
        // Charging more than is needed where the vehicle would have to wait later can be quicker: then only the price is the least.
        prop_assert_eq!(found.map(|found| found.0), wanted.map(|wanted| wanted.0));
        prop_assert!(found.zip(wanted).is_none_or(|(found, wanted)| found.1 >= wanted.1));
    }
}

/// Where a vehicle has to wait anyway it is charged as long: then it needs less where it has no time. Filling the battery would take too
/// long for the first stop, and charging no more than needed for the second.
#[test]
fn waiting_time_is_used_to_charge() {
    let at = [0, 5, 12, 30];
    let legs = LegMatrix::from_fn(4, |a, b| {
        let metres: i32 = at[a] - at[b];
        let metres = metres.abs();
        (metres, metres)
    });
    let stop = |node, opens, closes| Stop { windows: vec![(opens, closes)], due: closes, ..Stop::job(NodeIx(node)) };
    let stations = [0, 2].map(|node| Station { node: NodeIx(node), per_time: 1_000_000, setup: 0 }).to_vec();
    let battery = Battery { capacity: 100_000_000, level: 0, per_metre: 1_000_000, per_time: 0, stations };
    let with = |by: i32| {
        let tour = TourSpec { battery: Some(battery.clone()), ..TourSpec::at(NodeIx(0)) };
        let weights = Weights { hard: true, ..Weights::default() };
        let (stops, tours) = (vec![stop(1, 20, 20), stop(3, 0, by)], vec![tour]);
        made(ProblemSpec { stops, tours, legs: legs.clone().into(), weights, ..ProblemSpec::default() })
    };
    let both = [StopIx(0), StopIx(1)];
    let times = schedule(&with(60), TourIx(0), &both).expect("fifteen at the first station, fifteen at the second");
    let charged: Vec<i64> = times.iter().filter_map(|timed| timed.charged).map(|charged| charged.amount).collect();
    assert_eq!((charged, times[1].arrival), (vec![15_000_000, 15_000_000], 60));
    assert!(price(&with(59), TourIx(0), &both).is_none());
}

/// What is said of a battery that runs out can be recomputed: with so much more in it the tour can be driven, with less it cannot.
#[test]
fn a_battery_that_runs_out_is_an_obstacle_with_its_want() {
    let legs = LegMatrix::from_fn(3, |a, b| (10, (a as i32 - b as i32).abs() * 1_000));
    let with = |more: i64| {
        let battery = Battery {
            capacity: 100_000_000,
            level: 1_500_000 + more * 1_000_000,
            per_metre: 1_000,
            per_time: 10_000,
            stations: vec![Station { node: NodeIx(1), per_time: 1, setup: 0 }],
        };
        let tour = TourSpec { end_node: NodeIx(0), end_by: 1_000, battery: Some(battery), ..TourSpec::at(NodeIx(0)) };
        let (stops, tours) = (vec![Stop::job(NodeIx(2))], vec![tour]);
        made(ProblemSpec { stops, tours, legs: legs.clone().into(), ..ProblemSpec::default() })
    };
    // 4 km and 20 units of time: 4.2. The station puts in a millionth in a unit of time, which is too slow.
    assert_eq!(obstacles(&with(0), &[Vec::new()], StopIx(0)), [Obstacle::Range(3)]);
    assert_eq!(obstacles(&with(2), &[Vec::new()], StopIx(0)), [Obstacle::Range(1)]);
    assert_eq!(obstacles(&with(3), &[Vec::new()], StopIx(0)), [Obstacle::Price]);
    assert!(price(&with(2), TourIx(0), &[StopIx(0)]).is_none() && price(&with(3), TourIx(0), &[StopIx(0)]).is_some());
}

/// A street with doors ten metres apart, and one far away: the van is parked once.
#[test]
fn doors_near_each_other_are_served_on_foot() {
    let at = [0, 100, 110, 120, 400];
    let legs = LegMatrix::from_fn(5, |a, b| {
        let metres: i32 = at[a] - at[b];
        let metres = metres.abs();
        (metres / 5, metres)
    });
    let stop = |node| Stop { setup: 60, service: 10, ..Stop::job(NodeIx(node)) };
    let tour = |walking| TourSpec {
        end_node: NodeIx(0),
        per_hour: 3_600_000_000,
        per_km: 0,
        per_task_hour: 3_600_000_000,
        walking,
        ..TourSpec::at(NodeIx(0))
    };
    let with = |walking| {
        let weights = Weights { hard: true, ..Weights::default() };
        let stops = (1..5).map(stop).collect();
        made(ProblemSpec {
            stops,
            tours: vec![tour(walking)],
            legs: legs.clone().into(),
            weights,
            ..ProblemSpec::default()
        })
    };
    let sequence: Vec<StopIx> = StopIx::first(4).collect();
    let driven = price(&with(None), TourIx(0), &sequence).unwrap();
    // 800 m at 5 m/s, four times parked and served.
    assert_eq!(driven, (160 + 4 * 70) * 1000);
    let walking = Walking { metres_max: 25, time_per_metre: 1_000_000 };
    let problem = with(Some(walking));
    let (times, home) = schedule_home(&problem, TourIx(0), &sequence).unwrap();
    assert_eq!(times.iter().map(|timed| timed.on_foot).collect::<Vec<_>>(), [false, true, true, false]);
    assert_eq!(times.iter().map(|timed| timed.walked).collect::<Vec<_>>(), [0, 10, 10, 20]);
    // 20 m there and back on foot, and then on from where the van stands.
    assert_eq!(times[3].arrival, 20 + 60 + 10 + 10 + 10 + 10 + 10 + 20 + 60);
    assert_eq!(home.arrival, times[3].arrival + 60 + 10 + 80);
    let plan = solve(&problem, &limits(), &AtomicBool::new(false));
    let (cost, _) = check(&problem, &plan).unwrap();
    assert_eq!(cost, (160 + 2 * 60 + 4 * 10 + 40) * 1000);
}

/// Hours of driving in the form of the European rules.
#[test]
fn breaks_are_taken_after_four_and_a_half_hours_of_driving() {
    const HOUR: i32 = 60;
    let day = |legs: &[i32], waits: &[i32], service: i32| {
        let count = legs.len() + 1;
        let legs: Vec<i32> = legs.to_vec();
        let matrix =
            LegMatrix::from_fn(count, |a, b| if b == a + 1 { (legs[a], 0) } else { (i32::from(a != b) * 9_999, 0) });
        let stops = (1..count as u32).zip(waits).map(|(node, &opens)| Stop {
            windows: vec![(opens, 100_000)],
            service,
            ..Stop::job(NodeIx(node))
        });
        let tour = TourSpec { driving_time: Some(DrivingTime::eu_561(HOUR)), ..TourSpec::at(NodeIx(0)) };
        made(ProblemSpec { stops: stops.collect(), tours: vec![tour], legs: matrix.into(), ..ProblemSpec::default() })
    };
    let end = |problem: &Problem| {
        let sequence: Vec<StopIx> = StopIx::first(problem.stops().len()).collect();
        let breaks = driving_breaks(problem, TourIx(0), &sequence);
        let (_, home) = schedule_home(problem, TourIx(0), &sequence).unwrap();
        (home.arrival, breaks.iter().map(|rest| (rest.before, rest.begin, rest.duration)).collect::<Vec<_>>())
    };
    // Six hours at a stretch: the break is on the way.
    assert_eq!(end(&day(&[6 * HOUR], &[0], 0)), (6 * HOUR + 45, vec![(0, 270, 45)]));
    // Four hours, then one: the break is taken where the driver waits, and costs nothing.
    assert_eq!(end(&day(&[4 * HOUR, HOUR], &[5 * HOUR, 0], 0)).0, 6 * HOUR);
    // Who waits for 20 minutes stays for 45.
    assert_eq!(end(&day(&[4 * HOUR, HOUR], &[4 * HOUR + 20, 0], 0)).0, 5 * HOUR + 45);
    // Work is no break.
    assert_eq!(end(&day(&[4 * HOUR, HOUR], &[0, 0], HOUR)).0, 7 * HOUR + 45);
}

proptest! {
    /// A tour that begins in the middle of a day, with what was driven up to then, ends no later than the whole day does.
    #[test]
    fn a_tour_goes_on_from_what_was_driven_before_it(
        legs in proptest::collection::vec(1i32..60, 2..8),
        opens in proptest::collection::vec(0i32..400, 8),
        (cut, driving_max, pause, first_part) in (1usize..7, 60i32..90, 10i32..30, 0i32..10),
    ) {
        let cut = cut.min(legs.len() - 1);
        let count = legs.len() + 1;
        let matrix =
            LegMatrix::from_fn(count, |a, b| if b == a + 1 { (legs[a], 0) } else { (i32::from(a != b) * 9_999, 0) });
        let rule = DrivingTime { driving_max, pause, first_part, service_counts: false, duty_max: i32::MAX };
        let day = |from: usize, start_at: i32, driven_so_far: DrivenSoFar| {
            let stops = (from + 1..count).map(|node| Stop {
                windows: vec![(opens[node - 1], 100_000)],
                service: 3,
                ..Stop::job(NodeIx(node as u32))
            });
            let tour = TourSpec { driving_time: Some(rule), driven_so_far, start_at, ..TourSpec::at(NodeIx(from as u32)) };
            let (stops, tours, legs) = (stops.collect(), vec![tour], matrix.clone().into());
            made(ProblemSpec { stops, tours, legs, ..ProblemSpec::default() })
        };
        let whole = day(0, 0, DrivenSoFar::default());
        let sequence: Vec<StopIx> = StopIx::first(whole.stops().len()).collect();
        let (times, home) = schedule_home(&whole, TourIx(0), &sequence).unwrap();
        let breaks = driving_breaks(&whole, TourIx(0), &sequence);
        // Minute by minute: what he has driven when he is done with the stops before the cut.
        let mut so_far = DrivenSoFar::default();
        let rest = |so_far: &mut DrivenSoFar, time: i32| {
            if time >= pause || (so_far.first_part && time >= pause - first_part) {
                *so_far = DrivenSoFar::default();
            } else if first_part > 0 && time >= first_part {
                so_far.first_part = true;
            }
        };
        let mut clock = 0;
        for position in 0..cut {
            let mut left = legs[position];
            for own in breaks.iter().filter(|own| own.before == position) {
                let stretch = (own.begin - clock).min(left);
                so_far.driven += stretch;
                (left, clock) = (left - stretch, clock + stretch);
                if left > 0 {
                    rest(&mut so_far, own.duration);
                    clock += own.duration;
                }
            }
            so_far.driven += left;
            clock += left;
            rest(&mut so_far, times[position].start - clock);
            clock = times[position].departure;
        }
        let behind = day(cut, clock, so_far);
        let rest: Vec<StopIx> = StopIx::first(behind.stops().len()).collect();
        let (_, later) = schedule_home(&behind, TourIx(0), &rest).unwrap();
        prop_assert!(later.arrival <= home.arrival, "{} after {}, {so_far:?}", later.arrival, home.arrival);
        // The checker walks the day by itself.
        let found = solve(&behind, &limits(), &AtomicBool::new(false));
        prop_assert!(check(&behind, &found).is_ok());
    }
}

/// What was driven and rested before a tour decides when its first break is due and how long that is.
#[test]
fn the_first_break_of_a_tour_depends_on_what_was_driven_and_rested_before() {
    let legs = LegMatrix::from_fn(2, |a, b| (i32::from(a != b) * 50, 0));
    let rule = DrivingTime { driving_max: 60, pause: 20, first_part: 5, service_counts: false, duty_max: i32::MAX };
    let first = |driven_so_far| {
        let tour = TourSpec { driving_time: Some(rule), driven_so_far, ..TourSpec::at(NodeIx(0)) };
        let (stops, legs) = (vec![Stop::job(NodeIx(1))], legs.clone().into());
        let problem = made(ProblemSpec { stops, tours: vec![tour], legs, ..ProblemSpec::default() });
        let found = solve(&problem, &limits(), &AtomicBool::new(false));
        assert!(check(&problem, &found).is_ok(), "{driven_so_far:?}");
        let (_, home) = schedule_home(&problem, TourIx(0), &[StopIx(0)]).unwrap();
        let breaks = driving_breaks(&problem, TourIx(0), &[StopIx(0)]);
        (home.arrival, breaks.first().map(|own| own.duration))
    };
    let so_far = |driven, first_part, rested| DrivenSoFar { driven, first_part, rested };
    assert_eq!(first(so_far(10, false, 0)), (50, None));
    assert_eq!(first(so_far(11, false, 0)), (70, Some(20)));
    assert_eq!(first(so_far(11, true, 0)), (65, Some(15)), "the second part is left");
    assert_eq!(first(so_far(60, false, 12)), (58, Some(8)), "twelve are rested already");
    assert_eq!(first(so_far(60, false, 20)), (50, None));
    assert_eq!(first(so_far(1_000, false, 0)), (70, Some(20)), "more than all is all");
}

/// Two vehicles that differ: the first plan for such a fleet is made tour by tour, and a relation reaches over tours.
#[test]
fn vehicles_that_differ_keep_relations_too() {
    let legs = LegMatrix::from_fn(4, |a, b| {
        let time = (a as i32 - b as i32).abs() * 3;
        (time, time)
    });
    let tour = |node, capacity| TourSpec {
        capacity: [capacity, 0, 0, 0],
        per_hour: 3_600_000_000,
        per_km: 0,
        ..TourSpec::at(NodeIx(node))
    };
    for kind in [RelationKind::DifferentTours, RelationKind::AtMostOne] {
        let spec = ProblemSpec {
            stops: vec![Stop::job(NodeIx(2)), Stop::job(NodeIx(3))],
            tours: vec![tour(0, 3), tour(1, 1)],
            legs: legs.clone().into(),
            relations: vec![Relation { kind, stops: vec![StopIx(0), StopIx(1)] }],
            ..ProblemSpec::default()
        };
        let problem = made(spec);
        let found = solve(&problem, &limits(), &AtomicBool::new(false));
        assert_eq!(check(&problem, &found), Ok((best(&problem), 0)), "{kind:?}");
    }
}

/// A break may be taken in two parts of 4 and 8. What the driver waits for his goods before he has driven at all is neither of them.
#[test]
fn waiting_for_goods_at_the_start_is_no_part_of_a_break() {
    let drawn = Drawn {
        tasks: vec![(15, 24, None, 0, 0, Some(4), Some((32, 0, 1, 0))), (1, 13, None, 1, 0, None, None)],
        shipment: false,
        vehicles: vec![(3, 120, 156)],
        relations: Vec::new(),
        rules: 151,
        more: 0,
    };
    let problem = problem(&drawn);
    // 4 at the start, 16 and 25 on the way; the whole break is due before the last of these is over.
    let (_, home) = schedule_home(&problem, TourIx(0), &[StopIx(1), StopIx(0)]).unwrap();
    assert_eq!(home.arrival, 4 + 16 + 25 + 12);
    let found = solve(&problem, &limits(), &AtomicBool::new(false));
    assert_eq!(check(&problem, &found), Ok((best(&problem), 0)));
}

/// The duty begins when the driver leaves, not when his vehicle could.
#[test]
fn who_is_not_needed_early_leaves_late() {
    let legs = LegMatrix::from_fn(3, |a, b| (i32::from(a != b) * 10, 0));
    let stop = |node, opens| Stop { windows: vec![(opens, opens + 5)], due: opens + 5, ..Stop::job(NodeIx(node)) };
    let rule = |duty_max| DrivingTime { driving_max: 1_000, pause: 1, first_part: 0, service_counts: true, duty_max };
    let with = |duty_max| {
        let tour = TourSpec { driving_time: Some(rule(duty_max)), ..TourSpec::at(NodeIx(0)) };
        let weights = Weights { hard: true, ..Weights::default() };
        let stops = vec![stop(1, 500), stop(2, 530)];
        made(ProblemSpec { stops, tours: vec![tour], legs: legs.clone().into(), weights, ..ProblemSpec::default() })
    };
    let both = [StopIx(0), StopIx(1)];
    let problem = with(40);
    let times = schedule(&problem, TourIx(0), &both).expect("it leaves at 495");
    assert_eq!((times[0].leave, times[1].departure), (495, 530));
    assert!(price(&with(34), TourIx(0), &both).is_none(), "35 are the least");
}

/// The least price of a tour whose stops may begin at any whole instant up to `horizon`: every choice is tried.
fn by_trying(problem: &Problem, sequence: &[StopIx], horizon: i32) -> Option<i64> {
    fn rest(problem: &Problem, sequence: &[StopIx], node: NodeIx, free: i32, horizon: i32) -> Option<i64> {
        let Some((&stop, behind)) = sequence.split_first() else { return Some(0) };
        let its = &problem.stops()[stop.index()];
        let travel = problem.legs().pair(node, its.node).0;
        (free + travel..=horizon)
            .filter(|&begin| its.windows.is_empty() || its.windows.iter().any(|w| w.0 <= begin && begin <= w.1))
            .filter_map(|begin| {
                let soft = its.soft.map_or(0, |soft| {
                    let early = i64::from((soft.opens - begin).max(0)) * soft.early_per_hour;
                    (early + i64::from((begin - soft.closes).max(0)) * soft.late_per_hour) / 3_600_000
                });
                let later = rest(problem, behind, its.node, begin + its.service, horizon)?;
                Some(soft + later)
            })
            .min()
    }
    rest(problem, sequence, problem.tours()[0].start_node, problem.tours()[0].start_at, horizon)
}

proptest! {
    /// The times that are found cost no more than any others.
    #[test]
    fn no_other_times_are_cheaper(
        stops in proptest::collection::vec((0i32..12, 0i32..4, 0i64..4, 0i64..4, 0i32..3, 0i32..20), 1..4),
    ) {
        let legs = LegMatrix::from_fn(stops.len() + 1, |a, b| (i32::from(a != b) * (1 + (a + b) as i32 % 3), 0));
        let list = (1..).zip(&stops).map(|(node, &(opens, wide, early, late, service, closes))| Stop {
            windows: if closes < 12 { vec![(0, 12 + closes)] } else { Vec::new() },
            due: if closes < 12 { 12 + closes } else { i32::MAX },
            service,
            soft: Some(SoftWindow {
                opens,
                closes: opens + wide,
                early_per_hour: early * 3_600_000,
                late_per_hour: late * 3_600_000,
            }),
            ..Stop::job(NodeIx(node))
        });
        let spec = ProblemSpec {
            stops: list.collect(),
            tours: vec![TourSpec { per_hour: 0, per_km: 0, ..TourSpec::at(NodeIx(0)) }],
            legs: legs.into(),
            weights: Weights { hard: true, ..Weights::default() },
            ..ProblemSpec::default()
        };
        let problem = made(spec);
        let sequence: Vec<StopIx> = StopIx::first(stops.len()).collect();
        prop_assert_eq!(price(&problem, TourIx(0), &sequence), by_trying(&problem, &sequence, 40));
    }
}

/// The second task has to begin at 7, whenever the first one does: it is no reason not to wait for 2.
#[test]
fn a_window_that_has_to_be_waited_for_hurries_nobody() {
    let soft = |at, early: i64, late: i64| SoftWindow {
        opens: at,
        closes: at,
        early_per_hour: early * 3_600_000,
        late_per_hour: late * 3_600_000,
    };
    let stops = vec![
        Stop { soft: Some(soft(2, 500, 0)), ..Stop::job(NodeIx(1)) },
        Stop { windows: vec![(7, 7)], due: 7, soft: Some(soft(0, 0, 500)), ..Stop::job(NodeIx(1)) },
    ];
    let legs = LegMatrix::from_fn(2, |a, b| (i32::from(a != b), 0));
    let tours = vec![TourSpec { per_hour: 3_600_000_000, per_km: 0, ..TourSpec::at(NodeIx(0)) }];
    let weights = Weights { hard: true, ..Weights::default() };
    let problem = made(ProblemSpec { stops, tours, legs: legs.into(), weights, ..ProblemSpec::default() });
    assert_eq!(price(&problem, TourIx(0), &[StopIx(0), StopIx(1)]), Some(1_000 + 7 * 500));
}

/// Every order in which tasks begin at docks, each as early as it can then: whether one of them keeps all windows, shifts and docks.
/// `done`: by tour, how many stops are served, and when the vehicle is free. `taken`: work at docks so far.
fn in_some_order(
    problem: &Problem,
    tours: &[Vec<StopIx>],
    done: &mut Vec<(usize, i32)>,
    taken: &mut Vec<(NodeIx, i32, i32)>,
) -> bool {
    if done.iter().zip(tours).all(|(done, tour)| done.0 == tour.len()) {
        return true;
    }
    (0..tours.len()).filter(|&number| done[number].0 < tours[number].len()).collect::<Vec<_>>().into_iter().any(
        |number| {
            let before = done[number];
            let (spec, stop) = (&problem.tours()[number], &problem.stops()[tours[number][before.0].index()]);
            let from = before
                .0
                .checked_sub(1)
                .map_or(spec.start_node, |last| problem.stops()[tours[number][last].index()].node);
            let way = |a: NodeIx, b: NodeIx| problem.legs().leaving(a, b, 0, (0, 1000)).0;
            let setup = if from == stop.node { 0 } else { stop.setup };
            let mut begin = (before.1 + way(from, stop.node)).max(stop.windows.first().map_or(0, |window| window.0));
            let busy = setup + stop.service;
            let dock = problem.spec().docks.iter().find(|dock| dock.node == stop.node);
            // Second after second, so that nothing is clever here.
            while dock.is_some_and(|dock| {
                (begin..begin + busy).any(|second| {
                    let here =
                        |&&(node, from, to): &&(NodeIx, i32, i32)| node == dock.node && from <= second && second < to;
                    taken.iter().filter(here).count() >= dock.capacity as usize
                })
            }) {
                begin += 1;
            }
            let free = begin + busy;
            let last = before.0 + 1 == tours[number].len();
            let home = if last { spec.end_node.get().map_or(0, |end| way(stop.node, end)) } else { 0 };
            if begin > stop.due || free + home > spec.end_by {
                return false;
            }
            done[number] = (before.0 + 1, free);
            taken.push((stop.node, begin, free));
            let found = in_some_order(problem, tours, done, taken);
            taken.pop();
            done[number] = before;
            found
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Vehicles that share docks: no plan is better than the one that is found, and what keeps a vehicle from a task is true.
    #[test]
    fn no_plan_at_docks_is_better(
        tasks in proptest::collection::vec((1u32..4, proptest::option::of((0i32..30, 2i32..25)), 1i32..9, 0i32..3), 2..6),
        vehicles in proptest::collection::vec((20i32..60, any::<bool>()), 2..4),
        docks in proptest::collection::vec((1u32..4, 1u32..3), 1..3),
    ) {
        let legs = LegMatrix::from_fn(4, |a, b| { let time = 4 * (a as i32 - b as i32).abs(); (time, time) });
        let stops = tasks.iter().map(|&(node, window, service, setup)| Stop {
            windows: window.map(|(opens, length)| (opens, opens + length)).into_iter().collect(),
            due: window.map_or(i32::MAX, |(opens, length)| opens + length),
            service,
            setup,
            ..Stop::job(NodeIx(node))
        });
        let tours = vehicles.iter().map(|&(end_by, returns)| TourSpec {
            end_by,
            end_node: if returns { NodeIx(0) } else { NodeIx::NONE },
            per_hour: 3_600_000_000,
            per_km: 0,
            fixed: 1_000,
            ..TourSpec::at(NodeIx(0))
        });
        let mut at: Vec<Dock> = Vec::new();
        for (node, capacity) in docks {
            if at.iter().all(|dock| dock.node != NodeIx(node)) {
                at.push(Dock { node: NodeIx(node), capacity });
            }
        }
        let weights = Weights { hard: true, late_per_hour: 0, setup_in_window: true, ..Weights::default() };
        let (stops, tours) = (stops.collect(), tours.collect());
        let problem = made(ProblemSpec { tours, legs: legs.into(), weights, stops, docks: at, ..ProblemSpec::default() });
        let found = solve(&problem, &limits(), &AtomicBool::new(false));
        let (cost, _) = check(&problem, &found).map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
        prop_assert_eq!(cost, found.cost);
        let keeps = |tours: &[Vec<StopIx>]| {
            in_some_order(&problem, tours, &mut vec![(0, 0); tours.len()], &mut Vec::new())
        };
        prop_assert!(keeps(&found.tours));
        let mut best = i64::MAX;
        each_plan(&problem, 0, &mut vec![Vec::new(); problem.tours().len()], &mut |tours| {
            let absent = StopIx::first(problem.stops().len()).filter(|stop| !tours.iter().any(|tour| tour.contains(stop)));
            let left = absent.map(|stop| problem.stops()[stop.index()].unserved).sum::<i64>();
            let each = TourIx::all().zip(tours).map(|(tour, sequence)| price(&problem, tour, sequence));
            if let Some(cost) = each.sum::<Option<i64>>().map(|cost| cost + left)
                && cost < best
                && keeps(tours)
            {
                best = cost;
            }
        });
        prop_assert_eq!(cost, best, "{:?}", found.tours);
        for &stop in &found.absent {
            for (number, what) in obstacles(&problem, &found.tours, stop).into_iter().enumerate() {
                let tried = (0..=found.tours[number].len()).map(|position| {
                    let mut tours = found.tours.clone();
                    tours[number].insert(position, stop);
                    let alone = price(&problem, TourIx(number as u32), &tours[number]).is_some();
                    (alone, alone && keeps(&tours))
                });
                let tried: Vec<(bool, bool)> = tried.collect();
                prop_assert!(tried.iter().all(|&(_, kept)| !kept));
                prop_assert_eq!(what == Obstacle::Dock, tried.iter().any(|&(alone, _)| alone), "{:?}", what);
            }
        }
    }
}

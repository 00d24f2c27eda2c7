//! The search against recounts, walks and the checker, on the inside.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::anneal::{Effort, anneal, logarithms};
use super::{Pace, SearchLimits, solve, solve_with};
use crate::check::check;
use crate::index::{By, LocalStop, NodeIx, StopIx, TourIx};
use crate::interrupt::{Interrupt, Stage};
use crate::moves::Ruin;
use crate::problem::{
    LegMatrix, Legs, Pause, Problem, ProblemSpec, Role, Rounding, Stop, TourSpec, Trips, Weights, absent_units,
};
use crate::random::Random;
use crate::state::{Local, Neighbours, State};

/// A city of jobs or shipments with windows; `rich` adds what the quick path cannot do.
fn problem(seed: u64, stops: usize, paired: bool, rich: bool) -> Problem {
    let mut random = Random::new(seed, 0, 0);
    let places: Vec<(f64, f64)> = (0..=stops).map(|_| (random.below(100) as f64, random.below(100) as f64)).collect();
    let horizon = 1_500;
    let mut list: Vec<Stop> = (1..=stops as u32)
        .map(|place| {
            let opens = random.below(900) as i32;
            let closes = opens + 20 + random.below(500) as i32;
            let mut windows = vec![(opens, closes)];
            if rich && random.chance(300) {
                windows = vec![(opens, opens + 10), (opens + 60, closes + 60)];
            }
            Stop {
                due: if rich && random.chance(200) { windows[0].1 } else { windows[windows.len() - 1].1 },
                windows,
                service: 10,
                setup: if rich { random.below(5) as i32 } else { 0 },
                load: [1 + random.below(9) as i32, if rich { random.below(3) as i32 } else { 0 }, 0, 0],
                role: if rich && seed % 3 != 2 && random.chance(500) { Role::JobPickup } else { Role::JobDelivery },
                unserved: 1_000_000,
                ..Stop::job(NodeIx(place))
            }
        })
        .collect();
    if paired {
        for pickup in (0..stops - 1).step_by(2) {
            let delivery = pickup + 1;
            if rich && seed % 5 == 1 && random.chance(300) {
                continue; // jobs among shipments
            }
            (list[pickup].role, list[delivery].role) = (Role::Pickup, Role::Delivery);
            (list[pickup].mate, list[delivery].mate) = (StopIx(delivery as u32), StopIx(pickup as u32));
            list[delivery].load = list[pickup].load;
            list[delivery].windows = vec![(0, horizon - 200)];
            list[delivery].due = horizon - 200;
        }
        if stops % 2 == 1 {
            list.pop();
        }
    }
    let tour = TourSpec {
        end_node: NodeIx(0),
        end_by: horizon,
        capacity: [60, 20, 0, 0],
        per_hour: 0,
        per_km: 1000,
        fixed: if seed.is_multiple_of(2) { 50 } else { 0 },
        ..TourSpec::at(NodeIx(0))
    };
    let mut tours = vec![tour; stops / 4 + 1];
    if rich && seed % 4 == 1 {
        for tour in &mut tours {
            tour.pauses = vec![Pause::new(300, 700, 60)];
        }
    }
    if seed.is_multiple_of(3) {
        // A fleet that differs.
        for (index, tour) in tours.iter_mut().enumerate().skip(1) {
            tour.start_node = NodeIx((index % stops) as u32);
            tour.end_node = if index % 2 == 0 { NodeIx::NONE } else { NodeIx(0) };
            tour.start_at = (index % 7) as i32 * 10;
        }
    }
    if rich && seed % 5 == 3 {
        // Goods on board at the start, some of them too far for the shift.
        for (index, tour) in tours.iter_mut().enumerate().take(list.len() / 4) {
            let stop = &mut list[index * 4];
            if matches!(stop.role, Role::JobDelivery | Role::JobPickup) {
                (stop.role, stop.locked) = (Role::Delivery, TourIx(index as u32));
                (tour.onboard, tour.finish_late) = (stop.load, true);
                tour.end_by = 100 + 50 * index as i32;
            }
        }
    }
    let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
    if rich && seed % 4 == 2 {
        // A matrix in which a way by way of a third place may be quicker.
        let detours: Vec<i32> = (0..100).map(|_| random.below(20) as i32).collect();
        let n = stops + 1;
        let matrix = LegMatrix::from_fn(n, |a, b| {
            let (time, metres) = legs.pair(NodeIx(a as u32), NodeIx(b as u32));
            (time + detours[(a * 7 + b * 31) % 100], metres)
        });
        return Problem::new(ProblemSpec { stops: list, tours, legs: matrix.into(), ..ProblemSpec::default() })
            .expect("a legal problem");
    }
    Problem::new(ProblemSpec { stops: list, tours, legs, ..ProblemSpec::default() }).expect("a legal problem")
}

/// Several pieces and more vehicles than they are dealt: nothing is lost or doubled when the cuts move.
#[test]
fn pieces_join_to_whole_plans() {
    for seed in [1, 5] {
        let problem = problem(seed, 700, seed == 5, false);
        let limits = SearchLimits { iterations: 40, seed, ..SearchLimits::default() };
        let solution = solve_with(&problem, &limits, 1_000_000, Interrupt::NEVER, |progress| {
            if progress.rounds < 40 { Pace::Go(f64::from(progress.rounds) / 39.0) } else { Pace::Stop }
        });
        assert_eq!(check(&problem, &solution).map(|(cost, _)| cost), Ok(solution.cost), "seed {seed}");
    }
}

/// Emptying tours never loses a stop, keeps every rule, and needs no more vehicles than the search for the shortest plan.
#[test]
fn fewest_vehicles_are_fewer_and_complete() {
    let (mut fewest, mut shortest) = (0, 0);
    for seed in 1..10 {
        let problem = problem(seed, 60, seed.is_multiple_of(2), false);
        for (sum, fewest_vehicles) in [(&mut fewest, true), (&mut shortest, false)] {
            let fixed = if fewest_vehicles { 100_000 } else { 0 };
            let tours = problem.tours().iter().map(|tour| TourSpec { fixed, ..tour.clone() }).collect();
            let problem = Problem::new(ProblemSpec { tours, ..problem.spec().clone() }).expect("as legal as before");
            let limits = SearchLimits { iterations: 60, seed, fewest_vehicles, ..SearchLimits::default() };
            let solution = solve_with(&problem, &limits, 10_000, Interrupt::NEVER, |progress| {
                if progress.rounds < 20 { Pace::Go(f64::from(progress.rounds) / 19.0) } else { Pace::Stop }
            });
            assert_eq!(check(&problem, &solution).map(|(cost, _)| cost), Ok(solution.cost), "seed {seed}");
            assert!(solution.absent.is_empty(), "seed {seed}: {:?} left out", solution.absent);
            *sum += solution.tours.iter().filter(|tour| !tour.is_empty()).count();
        }
    }
    assert!(fewest < shortest, "{fewest} vehicles instead of {shortest}");
}

/// A piece without stops, whatever its vehicles ask for, is searched without harm.
#[test]
fn nothing_to_serve_is_served() {
    let tour = TourSpec { pauses: vec![Pause::new(10, 20, 5)], ..TourSpec::at(NodeIx(0)) };
    for tour in [TourSpec::at(NodeIx(0)), TourSpec { lifo: true, ..TourSpec::at(NodeIx(0)) }, tour] {
        let legs = LegMatrix::from_fn(1, |_, _| (0, 0)).into();
        let problem = Problem::new(ProblemSpec { tours: vec![tour; 3], legs, ..ProblemSpec::default() });
        let problem = problem.expect("a legal problem");
        let local = Local::piece(
            &problem,
            &Neighbours::new(&problem),
            &By::default(),
            0,
            Vec::new(),
            TourIx::first(3).collect(),
        );
        let effort = Effort { temperature: 1.0, cold: 0.1, ruin: Ruin::new(0.0), iterations: 20, per_stop: 1 };
        let result = anneal(&local, &vec![Vec::new(); 3], Vec::new(), &logarithms(), effort, Random::new(1, 0, 0));
        assert_eq!(result.best_cost, 0);
    }
}

/// What the quick tests say of a unit and a tour is what driving every position says: the same price, or no position at all.
#[test]
fn quick_insertions_are_the_driven_ones() {
    let (mut found, mut none) = (0, 0);
    // Not: pauses, which move, and goods on board at the start, which may overrun a shift that the quick tests keep.
    for seed in (0..40).filter(|seed| seed % 4 != 1 && seed % 5 != 3) {
        for (paired, rich) in [(false, false), (true, false), (false, true), (true, true)] {
            let problem = problem(seed, 30, paired, rich);
            // Nothing is late: a walk would price it, a quick test refuses it.
            let weights = Weights { hard: true, ..Weights::default() };
            let problem = Problem::new(ProblemSpec { weights, ..problem.into_spec() }).expect("as legal as before");
            let limits = SearchLimits { iterations: 60, seed, ..SearchLimits::default() };
            let solution = solve_with(&problem, &limits, 1_000, Interrupt::NEVER, |progress| {
                if progress.rounds < 6 { Pace::Go(f64::from(progress.rounds) / 5.0) } else { Pace::Stop }
            });
            let mut random = Random::new(seed, 1, 0);
            let mut tours = solution.tours;
            let out: Vec<StopIx> = StopIx::first(30).filter(|_| random.chance(200)).collect();
            let is_out = |stop: StopIx| {
                let mate = problem.stops()[stop.index()].mate;
                out.contains(&stop) || (mate != StopIx::NONE && out.contains(&mate))
            };
            for tour in &mut tours {
                tour.retain(|&stop| !is_out(stop));
            }
            let local = Local::whole(&problem);
            let absent = absent_units(&problem, &tours);
            let state = State::of_whole(&local, &tours, &absent);
            for &unit in &absent {
                for tour in state.tours() {
                    let quick = state
                        .quick_in_tour(LocalStop::of_whole(unit), tour, i64::MAX / 8)
                        .map(|insertion| insertion.cost);
                    let driven = state
                        .best_by_walk(LocalStop::of_whole(unit), tour, i64::MAX / 8)
                        .map(|insertion| insertion.cost);
                    assert_eq!(quick, driven, "seed {seed}, paired {paired}, rich {rich}: {unit:?} on {tour:?}");
                    *(if quick.is_some() { &mut found } else { &mut none }) += 1;
                }
            }
        }
    }
    assert!(found > 1_000 && none > 100, "{found} positions, {none} times none");
}

/// Driving what a shipment changes finds the position and the price that driving the whole tour for each position finds.
#[test]
fn walks_find_what_driving_every_position_finds() {
    let (mut found, mut none, mut tripping) = (0, 0, 0);
    for seed in 0..30 {
        let drawn = problem(seed, 30, true, seed % 4 != 0);
        let mut spec = drawn.into_spec();
        spec.weights.flow_per_hour = [0, 2_000, 90_000][seed as usize % 3];
        spec.weights.late_per_hour = 50_000;
        let mut random = Random::new(seed, 2, 0);
        for (index, tour) in spec.tours.iter_mut().enumerate() {
            tour.lifo = seed % 3 == 1;
            if seed % 2 == 0 {
                let (one_place, closed) = (seed % 4 == 2, index % 2 == 0);
                tour.trips = Some(Trips { one_place, closed, loaded_at: tour.start_node });
            }
            if seed % 7 == 3 {
                (tour.end_node, tour.finish_late) = (NodeIx::NONE, true);
            }
        }
        for stop in &mut spec.stops {
            stop.placed = random.below(300) as i32;
            if seed % 2 == 0 && stop.role == Role::Pickup {
                stop.node = NodeIx(1 + random.below(4) as u32);
                stop.of_trip = random.chance(300);
            }
        }
        let problem = Problem::new(spec).expect("as legal as before");
        let limits = SearchLimits { iterations: 60, seed, ..SearchLimits::default() };
        let solution = solve_with(&problem, &limits, 1_000, Interrupt::NEVER, |progress| {
            if progress.rounds < 6 { Pace::Go(f64::from(progress.rounds) / 5.0) } else { Pace::Stop }
        });
        let out: Vec<StopIx> = StopIx::first(30).filter(|_| random.chance(200)).collect();
        let is_out = |stop: StopIx| {
            let mate = problem.stops()[stop.index()].mate;
            out.contains(&stop) || (mate != StopIx::NONE && out.contains(&mate))
        };
        let mut tours = solution.tours;
        for tour in &mut tours {
            tour.retain(|&stop| !is_out(stop));
        }
        let (local, absent) = (Local::whole(&problem), absent_units(&problem, &tours));
        let state = State::of_whole(&local, &tours, &absent);
        for unit in absent.iter().map(|&unit| LocalStop::of_whole(unit)) {
            for tour in state.tours() {
                let all: Vec<usize> = (0..=state.counts[tour] as usize).collect();
                let mut bounds = vec![i64::MAX / 8];
                while let Some(bound) = bounds.pop() {
                    let Ok(walked) = state.best_by_simple_walk(unit, tour, bound, &all, &all) else { continue };
                    let driven = state.best_by_driving(unit, tour, bound, &all, &all);
                    assert_eq!(walked, driven, "seed {seed}, below {bound}: {unit:?} on {tour:?}");
                    *(if walked.is_some() { &mut found } else { &mut none }) += 1;
                    tripping += i32::from(seed % 2 == 0 && walked.is_some());
                    if let Some(walked) = walked.filter(|_| bound == i64::MAX / 8) {
                        bounds.extend([walked.cost, walked.cost + 1]);
                    }
                }
            }
        }
    }
    assert!(found > 1_000 && none > 500 && tripping > 300, "{found} positions, {none} times none, {tripping} trips");
}

/// Where a plan cannot be improved, a patient search ends after as many rounds as it has patience, and another one runs them all.
#[test]
fn a_search_that_finds_nothing_better_ends() {
    let problem = problem(2, 8, false, false);
    let limits = SearchLimits { rounds: 40, iterations: 200, ..SearchLimits::default() };
    let go_on = AtomicBool::new(false);
    let first = solve(&problem, &limits, &go_on);
    let again =
        Problem::new(ProblemSpec { initial: first.tours.clone(), ..problem.into_spec() }).expect("a plan of it");
    for (patience, rounds) in [(Some(5), 5), (None, 40)] {
        let found = solve(&again, &SearchLimits { warm: true, patience, ..limits }, &go_on);
        assert_eq!((found.rounds, found.cost), (rounds, first.cost));
    }
}

/// Every record equals a recount after every accepted and every undone move (asserted in `anneal`), and the cost that
/// the search kept is the checker's.
#[test]
fn records_equal_a_recount_after_every_move() {
    let mut plain = 0;
    for seed in 0..24 {
        for (paired, rich) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut problem = problem(seed, 30 + seed as usize, paired, rich);
            if rich && seed % 8 == 4 {
                let weights = Weights { flow_per_hour: 1_000, ..Weights::default() };
                problem = Problem::new(ProblemSpec { weights, ..problem.into_spec() }).expect("as legal as before");
            }
            plain += u32::from(problem.is_plain());
            assert!(!(rich && problem.is_plain()), "seed {seed}: the path it takes");
            let limits = SearchLimits { iterations: 60, seed, ..SearchLimits::default() };
            let solution = solve_with(&problem, &limits, 1_000, Interrupt::NEVER, |progress| {
                if progress.rounds < 6 { Pace::Go(f64::from(progress.rounds) / 5.0) } else { Pace::Stop }
            });
            let (cost, _) = check(&problem, &solution)
                .unwrap_or_else(|fault| panic!("seed {seed}, paired {paired}, rich {rich}: {fault:?}"));
            assert_eq!(cost, solution.cost, "seed {seed}, paired {paired}, rich {rich}");
            assert!(solution.cost <= solution.cost_before);
        }
    }
    assert!(plain > 30, "only {plain} problems took the quick path");
}

/// Who gives up in the middle of the first plan or of a round gets what there is: a legal plan, and no work behind it.
#[test]
fn an_interrupted_search_ends_with_a_legal_plan() {
    let problem = problem(3, 700, false, false);
    let limits = SearchLimits { iterations: 200, ..SearchLimits::default() };
    // Ends at the second look in this stage; says how often it was looked after that.
    let run = |last: Option<Stage>| {
        let looks = AtomicU32::new(0);
        let ends = |stage: Stage| last == Some(stage) && looks.fetch_add(1, Ordering::Relaxed) > 0;
        let solution = solve_with(&problem, &limits, 1_000_000, Interrupt::new(&ends), |progress| {
            let goes_on = progress.rounds < 4 && last != Some(Stage::FirstPlan);
            if goes_on { Pace::Go(f64::from(progress.rounds) / 3.0) } else { Pace::Stop }
        });
        assert_eq!(check(&problem, &solution).map(|(cost, _)| cost), Ok(solution.cost), "{last:?}");
        (solution, looks.into_inner())
    };
    let (whole, _) = run(None);
    assert!(whole.absent.is_empty());
    // Each look that comes after the end is the last one of a piece of work.
    let (first, looks) = run(Some(Stage::FirstPlan));
    assert!(first.absent.len() > 300 && looks < 60, "{} absent after {looks} looks", first.absent.len());
    let (rounds, looks) = run(Some(Stage::Rounds));
    assert!(rounds.absent.is_empty() && rounds.iterations < whole.iterations / 2, "{} iterations", rounds.iterations);
    assert!(looks < 60, "{looks} looks");
}

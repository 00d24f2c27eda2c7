//! Problems that are drawn at random, for the tests of this folder.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::sync::atomic::AtomicBool;

use fleetfold_solver::{
    LegMatrix, Legs, NodeIx, Pause, Problem, ProblemSpec, Role, SearchLimits, Stop, StopIx, TimeDependentLegs, TourIx,
    TourSpec, UNREACHABLE, Weights,
};
use proptest::prelude::*;

pub const MINUTE: i32 = 60_000;

/// Node, window (opens, length), service, load, needs and role, set-up.
pub type DrawnStop = (usize, Option<(i32, i32)>, i32, i32, u8, i32);

#[derive(Clone, Debug)]
pub struct Drawn {
    pub places: Vec<(i32, i32)>,
    pub stops: Vec<DrawnStop>,
    pub tours: Vec<(usize, i32, bool, u8, i32)>,
    pub shipments: usize,
    pub flow: bool,
    pub lifo: bool,
    pub pause: bool,
}

pub fn any_drawn(stops_max: usize) -> impl Strategy<Value = Drawn> {
    let places = proptest::collection::vec((0i32..5_000, 0i32..5_000), 3..9);
    let stop = (0usize..100, proptest::option::weighted(0.7, (0i32..200, 0i32..90)), 0i32..6, 0i32..4, 0u8..8, 0i32..3);
    let tour = (0usize..100, 0i32..30, any::<bool>(), 0u8..4, 3i32..12);
    (
        places,
        proptest::collection::vec(stop, 1..=stops_max),
        proptest::collection::vec(tour, 1..5),
        0usize..4,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(places, stops, tours, shipments, flow, lifo, pause)| Drawn {
            places,
            stops,
            tours,
            shipments,
            flow,
            lifo,
            pause,
        })
}

pub fn made(spec: ProblemSpec) -> Problem {
    Problem::new(spec).expect("a legal problem")
}

/// Default prices, and no plan to start from.
pub fn with_defaults(stops: Vec<Stop>, tours: Vec<TourSpec>, legs: &LegMatrix) -> Problem {
    made(ProblemSpec { stops, tours, legs: legs.clone().into(), ..ProblemSpec::default() })
}

/// The same problem with another plan to start from.
pub fn from_plan(problem: &Problem, initial: Vec<Vec<StopIx>>) -> Problem {
    made(ProblemSpec { initial, ..problem.spec().clone() })
}

pub fn problem(drawn: &Drawn) -> Problem {
    let n = drawn.places.len();
    let legs = LegMatrix::from_fn(n, |a, b| {
        let ((ax, ay), (bx, by)) = (drawn.places[a], drawn.places[b]);
        let metres = (ax - bx).abs() + (ay - by).abs();
        (metres * 100, metres)
    });
    let mut stops: Vec<Stop> = drawn
        .stops
        .iter()
        .map(|&(place, window, service, load, needs, setup)| Stop {
            windows: window.map(|(opens, length)| (opens * MINUTE, (opens + length) * MINUTE)).into_iter().collect(),
            due: window.map_or(i32::MAX, |(opens, length)| (opens + length) * MINUTE),
            service: service * MINUTE,
            setup: setup * MINUTE,
            load: [load, 0, 0, 0],
            needs: u64::from(needs == 7),
            role: if needs % 2 == 0 { Role::JobDelivery } else { Role::JobPickup },
            ..Stop::job(NodeIx((place % n) as u32))
        })
        .collect();
    for index in 0..drawn.shipments.min(stops.len() / 2) {
        let (pickup, delivery) = (2 * index, 2 * index + 1);
        stops[pickup].role = Role::Pickup;
        stops[delivery].role = Role::Delivery;
        stops[pickup].mate = StopIx(delivery as u32);
        stops[delivery].mate = StopIx(pickup as u32);
        stops[delivery].load = stops[pickup].load;
        stops[delivery].needs = stops[pickup].needs;
    }
    let tours = drawn
        .tours
        .iter()
        .map(|&(place, start, ends, skill, capacity)| TourSpec {
            start_at: start * MINUTE,
            end_node: if ends { NodeIx((place % n) as u32) } else { NodeIx::NONE },
            end_by: 400 * MINUTE,
            capacity: [capacity, 9, 9, 9],
            has: u64::from(skill > 0),
            fixed: 1_000_000,
            lifo: drawn.lifo,
            pauses: if drawn.pause { vec![Pause::new(60 * MINUTE, 120 * MINUTE, 20 * MINUTE)] } else { Vec::new() },
            ..TourSpec::at(NodeIx((place % n) as u32))
        })
        .collect();
    let weights = Weights { flow_per_hour: if drawn.flow { 5_000_000 } else { 0 }, ..Weights::default() };
    made(ProblemSpec { stops, tours, legs: legs.into(), weights, ..ProblemSpec::default() })
}

/// The same problem and plan with a jam from minute 50 to 110 on the ways from some places, and one way closed after that.
pub fn with_a_jam(problem: &Problem, percent: i32) -> Problem {
    let n = problem.legs().nodes();
    let matrix = |factor: &dyn Fn(usize, usize) -> i32| {
        LegMatrix::from_fn(n, |a, b| {
            let (time, metres) = problem.legs().pair(NodeIx(a as u32), NodeIx(b as u32));
            let factor = factor(a, b);
            (if factor == 0 { UNREACHABLE } else { time * factor / 100 }, metres)
        })
    };
    let then = vec![
        (50 * MINUTE, matrix(&|a, _| if a % 2 == 0 { percent } else { 110 })),
        (110 * MINUTE, matrix(&|a, b| if (a, b) == (0, 1) { 0 } else { 90 })),
    ];
    let legs = TimeDependentLegs::new(matrix(&|_, _| 100), then).expect("ascending, of one size");
    made(ProblemSpec { legs: Legs::TimeDependent(legs), ..problem.spec().clone() })
}

/// The same problem from a plan that keeps nothing but shipments together: some stops locked to where they are, some goods on
/// board, vehicles that may be too small for them.
pub fn from_any_plan(problem: &Problem, dealt: &[usize], hard: bool) -> Problem {
    let vehicles = problem.tours().len();
    let mut stops = problem.stops().to_vec();
    let mut tours = problem.tours().to_vec();
    let mut initial = vec![Vec::new(); vehicles];
    for index in 0..stops.len() {
        let draw = dealt[index % dealt.len()] + index;
        let tour = draw % (vehicles + 1);
        if stops[index].is_second_end() {
            continue;
        }
        if draw.is_multiple_of(5) && tour < vehicles && stops[index].mate == StopIx::NONE {
            stops[index].role = Role::Delivery;
            tours[tour].onboard[0] += stops[index].load[0];
            stops[index].locked = TourIx(tour as u32);
        } else if draw.is_multiple_of(4) {
            stops[index].locked = TourIx((draw / 7 % vehicles) as u32);
        }
        if tour < vehicles {
            initial[tour].push(StopIx(index as u32));
            initial[tour].extend((stops[index].mate != StopIx::NONE).then_some(stops[index].mate));
        }
    }
    let weights = Weights { hard, ..*problem.weights() };
    made(ProblemSpec { stops, tours, legs: problem.legs().clone(), weights, initial, ..ProblemSpec::default() })
}

pub fn limits(rounds: u32) -> SearchLimits {
    SearchLimits { rounds, iterations: 60, seed: 5, warm: false, ..SearchLimits::default() }
}

pub fn numbers(stops: &[u32]) -> Vec<StopIx> {
    stops.iter().copied().map(StopIx).collect()
}

pub fn never() -> AtomicBool {
    AtomicBool::new(false)
}

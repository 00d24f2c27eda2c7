//! How fast is the search? `cargo bench -p fleetfold-benches --bench search`
//!
//! A thousand stops with time windows around one depot, as jobs and as shipments, plain and rich (two dimensions of load,
//! set-up times, a second window), plain but for a second load of which there is always room (the same work on the rich path), or
//! plain but for a break of each vehicle; and a day of 400 jobs on 30 vehicles with some twenty
//! stops each. Iterations a second on one thread, the first plan, and one new stop into a good plan.

use std::sync::atomic::AtomicBool;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fleetfold_sim::Seeded;
use fleetfold_solver::{
    Legs, NodeIx, Pause, Problem, ProblemSpec, Role, Rounding, SearchLimits, Stop, StopIx, TourSpec, insert, solve,
};

/// What vehicles and stops ask for beside windows and one load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Rich,
    TwoLoads,
    Break,
}

/// What is served, and how many stops a vehicle takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Jobs,
    Shipments,
    Day,
}

impl Work {
    const fn stops(self) -> usize {
        if matches!(self, Self::Day) { 400 } else { 1_000 }
    }
}

fn problem(work: Work, kind: Kind) -> Problem {
    let stops_count = work.stops();
    let rich = kind == Kind::Rich;
    let mut random = Seeded::new(7, "bench");
    let places: Vec<(f64, f64)> = (0..=stops_count).map(|_| (random.unit() * 500.0, random.unit() * 500.0)).collect();
    let mut stops: Vec<Stop> = (1..=stops_count as u32)
        .map(|place| {
            // No window closes before a vehicle could be there: nothing is late of necessity, which the plain path cannot have.
            let opens = random.between(7_500, 19_500) as i32;
            let window = (opens, opens + 1_500);
            let windows = if rich { vec![window, (opens + 2_000, opens + 2_500)] } else { vec![window] };
            Stop {
                due: windows[windows.len() - 1].1,
                windows,
                service: 100,
                setup: if rich { 20 } else { 0 },
                load: [random.between(5, 30) as i32, i32::from(rich || kind == Kind::TwoLoads), 0, 0],
                unserved: 1_000_000_000,
                ..Stop::job(NodeIx(place))
            }
        })
        .collect();
    if work == Work::Shipments {
        for pickup in (0..stops_count).step_by(2) {
            let delivery = pickup + 1;
            (stops[pickup].role, stops[delivery].role) = (Role::Pickup, Role::Delivery);
            (stops[pickup].mate, stops[delivery].mate) = (StopIx(delivery as u32), StopIx(pickup as u32));
            stops[delivery].load = stops[pickup].load;
            let opens = stops[pickup].windows[0].0;
            stops[delivery].windows = vec![(opens, opens + 8_000)];
            stops[delivery].due = opens + 8_000;
        }
    }
    let tour = TourSpec {
        end_node: NodeIx(0),
        end_by: 40_000,
        capacity: [if work == Work::Day { 2_000 } else { 200 }, 1_000, 0, 0],
        per_hour: 0,
        per_km: 1000,
        pauses: if kind == Kind::Break { vec![Pause::new(12_500, 15_500, 500)] } else { Vec::new() },
        ..TourSpec::at(NodeIx(0))
    };
    let (scale, tours) = if work == Work::Day { (4.0, 30) } else { (10.0, 250) };
    let legs = Legs::Plane { places, scale, length: Rounding::Down, time: Rounding::Down };
    let problem = Problem::new(ProblemSpec { stops, tours: vec![tour; tours], legs, ..ProblemSpec::default() })
        .expect("a legal problem");
    assert_eq!(problem.is_plain(), kind == Kind::Plain, "the path it takes");
    problem
}

fn search(criterion: &mut Criterion) {
    let never = AtomicBool::new(false);
    let mut group = criterion.benchmark_group("search");
    group.sample_size(10);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for (name, work, kind) in [
        ("jobs, plain", Work::Jobs, Kind::Plain),
        ("jobs, two loads", Work::Jobs, Kind::TwoLoads),
        ("jobs, rich", Work::Jobs, Kind::Rich),
        ("jobs, a break", Work::Jobs, Kind::Break),
        ("shipments, plain", Work::Shipments, Kind::Plain),
        ("shipments, two loads", Work::Shipments, Kind::TwoLoads),
        ("shipments, rich", Work::Shipments, Kind::Rich),
        ("shipments, a break", Work::Shipments, Kind::Break),
        ("a day, plain", Work::Day, Kind::Plain),
        ("a day, two loads", Work::Day, Kind::TwoLoads),
        ("a day, rich", Work::Day, Kind::Rich),
        ("a day, a break", Work::Day, Kind::Break),
    ] {
        let cold = problem(work, kind);
        // The iterations of a round are the search's own.
        let limits = |rounds| SearchLimits { rounds, warm: true, ..SearchLimits::default() };
        let good = pool.install(|| solve(&cold, &limits(10), &never));
        let from = |initial: Vec<Vec<StopIx>>| {
            Problem::new(ProblemSpec { initial, ..cold.spec().clone() }).expect("a legal plan")
        };
        let warm = from(good.tours);
        // Lists and pieces are made in every run; eight rounds make them small beside the iterations.
        let rounds = limits(8);
        let iterations = pool.install(|| solve(&warm, &rounds, &never)).iterations;
        group.throughput(Throughput::Elements(iterations));
        group.bench_function(format!("iterations, {name}"), |bencher| {
            bencher.iter(|| pool.install(|| solve(&warm, &rounds, &never).cost));
        });
        group.throughput(Throughput::Elements(work.stops() as u64));
        group.bench_function(format!("lists and first plan, {name}"), |bencher| {
            bencher.iter(|| pool.install(|| solve(&cold, &limits(0), &never).cost));
        });
        let mut without = warm.initial().to_vec();
        let mate = warm.stops()[0].mate;
        for tour in &mut without {
            tour.retain(|&stop| stop != StopIx(0) && (mate == StopIx::NONE || stop != mate));
        }
        let missing = from(without);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("one stop into a plan of 1,000, {name}"), |bencher| {
            bencher.iter_batched(|| (), |()| insert(&missing).cost, BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, search);
criterion_main!(benches);

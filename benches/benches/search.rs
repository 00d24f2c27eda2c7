//! How fast is the search? `cargo bench -p fleetfold-benches --bench search`
//!
//! A thousand stops with time windows around one depot, as jobs and as shipments, plain and rich (two dimensions of load,
//! set-up times, a second window) or plain but for a break of each vehicle: iterations a second on one thread, the first plan,
//! and one new stop into a good plan.

use std::sync::atomic::AtomicBool;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fleetfold_sim::Seeded;
use fleetfold_solver::{Legs, NONE, Pause, Problem, Role, Rounding, SearchLimits, Stop, TourSpec, insert, solve};

const STOPS: usize = 1_000;

/// What vehicles and stops ask for beside windows and one load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Rich,
    Break,
}

fn problem(shipments: bool, kind: Kind) -> Problem {
    let rich = kind == Kind::Rich;
    let mut random = Seeded::new(7, "bench");
    let places: Vec<(f64, f64)> = (0..=STOPS).map(|_| (random.unit() * 500.0, random.unit() * 500.0)).collect();
    let mut stops: Vec<Stop> = (1..=STOPS as u32)
        .map(|place| {
            let opens = random.between(0, 12_000) as i32;
            let window = (opens, opens + 1_500);
            let windows = if rich { vec![window, (opens + 2_000, opens + 2_500)] } else { vec![window] };
            Stop {
                due: windows[windows.len() - 1].1,
                windows,
                service: 100,
                setup: if rich { 20 } else { 0 },
                load: [random.between(5, 30) as i32, i32::from(rich), 0, 0],
                unserved: 1_000_000_000,
                ..Stop::job(place)
            }
        })
        .collect();
    if shipments {
        for pickup in (0..STOPS).step_by(2) {
            let delivery = pickup + 1;
            (stops[pickup].role, stops[delivery].role) = (Role::Pickup, Role::Delivery);
            (stops[pickup].mate, stops[delivery].mate) = (delivery as u32, pickup as u32);
            stops[delivery].load = stops[pickup].load;
            let opens = stops[pickup].windows[0].0;
            stops[delivery].windows = vec![(opens, opens + 8_000)];
            stops[delivery].due = opens + 8_000;
        }
    }
    let tour = TourSpec {
        end_place: 0,
        end_by: 30_000,
        capacity: [200, 200, 0, 0],
        per_hour: 0,
        per_km: 1000,
        pauses: if kind == Kind::Break {
            vec![Pause { opens: 5_000, closes: 8_000, duration: 500 }]
        } else {
            Vec::new()
        },
        ..TourSpec::at(0)
    };
    let legs = Legs::Plane { places, scale: 10.0, length: Rounding::Down, time: Rounding::Down };
    Problem::new(stops, vec![tour; 250], legs).expect("a legal problem")
}

fn search(criterion: &mut Criterion) {
    let never = AtomicBool::new(false);
    let mut group = criterion.benchmark_group("search");
    group.sample_size(10);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for (name, shipments, kind) in [
        ("jobs, plain", false, Kind::Plain),
        ("jobs, rich", false, Kind::Rich),
        ("jobs, a break", false, Kind::Break),
        ("shipments, plain", true, Kind::Plain),
        ("shipments, rich", true, Kind::Rich),
        ("shipments, a break", true, Kind::Break),
    ] {
        let cold = problem(shipments, kind);
        let limits = |rounds| SearchLimits { rounds, warm: true, iterations: 500, ..SearchLimits::default() };
        let good = pool.install(|| solve(&cold, &limits(10), &never));
        let warm = cold.clone().with_initial(good.tours).expect("a legal plan");
        // Lists and pieces are made in every run; eight rounds make them small beside the iterations.
        let rounds = limits(8);
        let iterations = pool.install(|| solve(&warm, &rounds, &never)).iterations;
        group.throughput(Throughput::Elements(iterations));
        group.bench_function(format!("iterations, {name}"), |bencher| {
            bencher.iter(|| pool.install(|| solve(&warm, &rounds, &never).cost));
        });
        group.throughput(Throughput::Elements(STOPS as u64));
        group.bench_function(format!("lists and first plan, {name}"), |bencher| {
            bencher.iter(|| pool.install(|| solve(&cold, &limits(0), &never).cost));
        });
        let mut without = warm.initial().to_vec();
        let mate = warm.stops()[0].mate;
        for tour in &mut without {
            tour.retain(|&stop| stop != 0 && (mate == NONE || stop != mate));
        }
        let missing = warm.clone().with_initial(without).expect("a legal plan");
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("one stop into a plan of 1,000, {name}"), |bencher| {
            bencher.iter_batched(|| (), |()| insert(&missing).cost, BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, search);
criterion_main!(benches);

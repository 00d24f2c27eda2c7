//! How fast is the fold, how fast is a copy of it made, and how fast are positions indexed? `cargo bench -p fleetfold-benches --bench fold`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fleetfold_fleet::Fleet;
use fleetfold_model::{Event, Position, Timestamp};
use fleetfold_sim::{Scenario, simulate};

fn fold(criterion: &mut Criterion) {
    let mut scenario = Scenario::demo(7);
    scenario.demand.orders = 150;
    scenario.vehicles = 12;
    let log = simulate(&scenario, 0).log;
    let mut group = criterion.benchmark_group("fleet");
    group.throughput(Throughput::Elements(log.len() as u64));
    group.sample_size(20);
    group.bench_function("entries folded", |bencher| {
        bencher.iter(|| {
            let mut fleet = Fleet::new();
            for entry in &log {
                black_box(fleet.apply(entry));
            }
            fleet.digest()
        });
    });
    let mut fleet = Fleet::new();
    for entry in &log {
        fleet.apply(entry);
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("copy for a snapshot", |bencher| bencher.iter(|| black_box(fleet.clone_without_index())));
    let vehicles: Vec<_> = log
        .iter()
        .filter_map(
            |entry| if let Event::VehicleRegistered(vehicle) = &entry.event { Some(vehicle.clone()) } else { None },
        )
        .collect();
    group.throughput(Throughput::Elements(1000));
    let mut step = 0i32;
    group.bench_function("positions indexed", |bencher| {
        bencher.iter(|| {
            for _ in 0..1000 {
                step += 1;
                let vehicle = &vehicles[step as usize % vehicles.len()];
                let position = Position { x: vehicle.start.x + step % 5000, y: vehicle.start.y + step % 3000 };
                black_box(fleet.hint(&vehicle.name, position, Timestamp(i64::MAX / 4 + i64::from(step))));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, fold);
criterion_main!(benches);

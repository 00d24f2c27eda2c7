//! The price of leaving a place where the next order may come.

use fleetfold_model::OrderId;

use super::somewhere::Dice;
use super::*;
use crate::coverage::prices;
use crate::reasons::{Stand, route};

/// An hour longer to the next order costs so much.
const PER_HOUR: i64 = 30_000_000;

fn with_coverage(rig: &mut Rig) {
    let policy = rig.engine.fleet().policy().clone();
    rig.fact(Event::PolicyChanged(Policy { coverage_cost_per_hour: PER_HOUR, ..policy }));
}

/// Orders that came from a place, and are over.
fn orders_from(rig: &mut Rig, place: Position, count: usize) {
    for number in 0..count {
        let id = format!("past-{}-{number}", place.x);
        rig.order(job(&id, place));
        rig.fact(Event::OrderCancelled { order: name(&id) });
    }
}

/// Two vehicles are equally far from an order. One of them stands where orders come from: the other one goes. Without the price the first one
/// does.
#[test]
fn who_stands_where_orders_come_from_stays_there() {
    let goes = |has_price: bool| {
        let mut rig = Rig::new();
        if has_price {
            with_coverage(&mut rig);
        }
        orders_from(&mut rig, km(0, 0), 8);
        rig.order(job("x", km(5, 0)));
        ["a", "b"].map(|id| rig.route(id).len())
    };
    assert_eq!((goes(false), goes(true)), ([1, 0], [0, 1]));
}

/// The price is told as a part of its own: ten minutes longer to where all orders came from.
#[test]
fn the_price_of_leaving_a_place_is_a_part_of_the_cost() {
    let mut rig = Rig::new();
    with_coverage(&mut rig);
    orders_from(&mut rig, km(0, 0), 3);
    rig.order(Order { skills: vec![name("lift")], ..job("x", km(1, 0)) });
    rig.fact(Event::VehicleRegistered(Vehicle { skills: vec![name("lift")], ..vehicle("a", km(0, 0)) }));
    let (fleet, outlook) = (rig.engine.fleet(), rig.engine.outlook());
    let a = fleet.vehicle_id("a").unwrap();
    let parts = route(&Stand::of(fleet, outlook, Timestamp(rig.now)), a).unwrap().parts;
    assert_eq!(rig.route("a"), ["x"]);
    // Three of four orders came from where it stands, one from a kilometre on; the other vehicle is ten and nine minutes away, and where that
    // is sent elsewhere, three times of ten, the next one comes half an hour later.
    let mean = (3 * (10 + 9) + (8 + 9)) * 60_000 / 4;
    assert_eq!((parts.coverage.0, parts.fixed.0), (mean * PER_HOUR / 3_600_000, 0));
    assert_eq!(parts.total().0, parts.drive.0 + parts.coverage.0);
}

/// When a vehicle can be somewhere, from where it is free; by hand for vehicles that do nothing.
fn there(rig: &Rig, vehicle: VehicleId, place: Position) -> i64 {
    let state = rig.engine.fleet().vehicle(vehicle);
    let from = state.anchor.map_or(state.spec.as_ref().unwrap().start, |anchor| anchor.position);
    let metres = f64::from(from.x - place.x).hypot(f64::from(from.y - place.y)) / 1_000.0;
    (metres * 60.0).round() as i64
}

/// How long the way to the next order is with some vehicles: to the nearest, and in three of ten cases to the one behind it.
fn way(rig: &Rig, vehicles: &[VehicleId], place: Position) -> i64 {
    let mut times: Vec<i64> = vehicles.iter().map(|&id| there(rig, id, place)).collect();
    times.sort_unstable();
    times[0] * 10 + times[1] * 3
}

/// What a vehicle's leaving costs is by how much the mean way becomes longer without it.
#[test]
fn the_price_is_how_much_longer_the_way_becomes() {
    for seed in 1..=200u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut rig = Rig::new();
        with_coverage(&mut rig);
        let mut roll = |sides: u64| dice.roll(sides) as i32;
        for number in 0..2 + roll(4) {
            rig.on(&format!("v{number}"), km(roll(20), roll(20)));
        }
        for _ in 0..=roll(6) {
            orders_from(&mut rig, km(roll(20), roll(20)), 1);
        }
        let fleet = rig.engine.fleet();
        let all: Vec<VehicleId> = fleet.vehicles().ids().collect();
        let places: Vec<Position> = (0..fleet.orders().ids().count())
            .map(|number| fleet.order(OrderId(number as u32)).stop(StopKind::Delivery).unwrap().position)
            .collect();
        let said = prices(fleet, rig.engine.outlook(), &all, Timestamp(rig.now));
        for (index, &vehicle) in all.iter().enumerate() {
            let others: Vec<VehicleId> = all.iter().copied().filter(|&other| other != vehicle).collect();
            let longer: i64 = places.iter().map(|&place| way(&rig, &others, place) - way(&rig, &all, place)).sum();
            let right = longer * PER_HOUR / 3_600_000 / 10 / places.len() as i64;
            // Times are rounded to milliseconds.
            assert!(
                (said[index] - right).abs() <= 200,
                "seed {seed}, vehicle {index}: {} and not {right}",
                said[index]
            );
        }
    }
}

/// Who is out of service, whose shift is over or who is not free within twenty minutes is sent nowhere: leaving costs nothing, and others
/// do not count on him.
#[test]
fn only_who_can_be_sent_covers_a_place() {
    let mut rig = Rig::new();
    with_coverage(&mut rig);
    rig.on("c", km(0, 1));
    orders_from(&mut rig, km(0, 0), 4);
    let price = |rig: &Rig, id: &str| {
        let fleet = rig.engine.fleet();
        prices(fleet, rig.engine.outlook(), &[fleet.vehicle_id(id).unwrap()], Timestamp(rig.now))[0]
    };
    let beside = price(&rig, "a");
    rig.fact(Event::VehicleLost { vehicle: name("c"), position: None });
    assert!(price(&rig, "c") == 0 && price(&rig, "a") > beside, "{beside}");
    rig.fact(Event::VehicleBack { vehicle: name("c"), position: None });
    assert_eq!(price(&rig, "a"), beside);
    // It is on its way to a stop that is far off.
    rig.order(Order { skills: vec![name("lift")], ..job("far", km(0, 60)) });
    rig.fact(Event::VehicleRegistered(Vehicle { skills: vec![name("lift")], ..vehicle("c", km(0, 1)) }));
    rig.at_stop("c", "far", StopKind::Delivery, Event::StopDeparted);
    assert!(price(&rig, "c") == 0 && price(&rig, "a") > beside, "{beside}");
}

/// Reasons are computed on copies of the fleet that have no index of places: there the price is the same, however large the fleet is.
#[test]
fn a_copy_without_an_index_has_the_same_prices() {
    let mut rig = Rig::new();
    with_coverage(&mut rig);
    for number in 0..300 {
        rig.on(&format!("v{number}"), km(number % 20, number / 20));
    }
    orders_from(&mut rig, km(19, 14), 2);
    orders_from(&mut rig, km(0, 14), 2);
    let fleet = rig.engine.fleet();
    let all: Vec<VehicleId> = fleet.vehicles().ids().collect();
    let [here, there] = [fleet, &fleet.clone_without_index()]
        .map(|fleet| prices(fleet, rig.engine.outlook(), &all, Timestamp(rig.now)));
    assert!(here == there && here.iter().any(|&price| price > 0), "{here:?} and {there:?}");
}

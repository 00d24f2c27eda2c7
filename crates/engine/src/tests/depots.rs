//! Vehicles that may be loaded again on the way: second trips, what they carry, and what is said where there is none.

use fleetfold_model::{Depot, Obstacle, Reload, ReloadEvent};

use super::*;
use crate::Outlook;
use crate::reasons::{Lack, Offer, Stand, broken, place};

const DEPOT: (i32, i32) = (0, 0);

/// A van with room for four that may be loaded again where it starts, which takes ten minutes.
fn van(id: &str, times_max: Option<u32>) -> Vehicle {
    let depot = Depot { name: Some(name("north")), position: km(DEPOT.0, DEPOT.1), service: Millis(600_000) };
    Vehicle { reload: Some(Reload { places: vec![depot], times_max }), ..vehicle(id, km(DEPOT.0, DEPOT.1)) }
}

/// One van with a depot and no other vehicle.
fn one(times_max: Option<u32>) -> Rig {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    rig.fact(Event::VehicleRegistered(van("a", times_max)));
    rig
}

fn delivery(id: &str, position: Position, units: i32) -> Order {
    let work = OrderWork::Job(Job { stop: stop(position), direction: LoadDirection::Delivery });
    Order { work, load: Load([units, 0, 0, 0]), ..job(id, position) }
}

/// The route of a vehicle, with a bar where it calls at a depot.
fn trips(rig: &Rig, vehicle: &str) -> String {
    let fleet = rig.engine.fleet();
    let state = fleet.vehicle(fleet.vehicle_id(vehicle).unwrap());
    let mut text = String::new();
    for visit in &state.route.visits {
        text += if visit.reload_before.is_some() { "|" } else { "" };
        text += fleet.order(visit.order).name.as_str();
        text += " ";
    }
    text.trim_end().to_owned()
}

fn on_board(rig: &Rig, vehicle: &str) -> Vec<String> {
    let fleet = rig.engine.fleet();
    let state = fleet.vehicle(fleet.vehicle_id(vehicle).unwrap());
    state.on_board.iter().map(|&order| fleet.order(order).name.to_string()).collect()
}

fn at_depot(rig: &mut Rig, make: fn(ReloadEvent) -> Event) {
    let (at, position) = (Timestamp(rig.now), Some(km(DEPOT.0, DEPOT.1)));
    rig.fact(make(ReloadEvent { vehicle: name("a"), at, position }));
}

/// Serves the next stop of a van: a kilometre is a minute, service takes one.
fn serve(rig: &mut Rig, vehicle: &str, order: &str) {
    rig.at_stop(vehicle, order, StopKind::Delivery, Event::StopDeparted);
    let fleet = rig.engine.fleet();
    let route = &fleet.vehicle(fleet.vehicle_id(vehicle).unwrap()).route;
    rig.now = route.visits[0].arrival.0.max(rig.now);
    rig.at_stop(vehicle, order, StopKind::Delivery, Event::StopArrived);
    rig.now += 60_000;
    rig.at_stop(vehicle, order, StopKind::Delivery, Event::StopCompleted);
}

#[test]
fn an_order_for_which_a_van_is_full_gets_a_second_trip() {
    let mut rig = one(None);
    rig.order(delivery("x", km(-3, 0), 3));
    rig.order(delivery("y", km(-5, 0), 3));
    assert_eq!(trips(&rig, "a"), "x |y");
    let told = rig.published.last().unwrap();
    let (first, second) = (&told.visits[0], &told.visits[1]);
    assert_eq!((first.visit.reload_before, first.depot.as_ref()), (None, None));
    let call = second.visit.reload_before.expect("the driver is told to go to the depot");
    assert_eq!((call.position, second.depot.as_ref()), (km(0, 0), Some(&name("north"))));
    assert_eq!(call.arrival, first.visit.departure + Millis(3 * 60_000));
    assert_eq!(call.departure, call.arrival + Millis(600_000));
    assert_eq!(second.visit.arrival, call.departure + Millis(5 * 60_000));
    assert_eq!((call.metres.0, second.visit.metres.0), (3_000, 5_000));
}

#[test]
fn without_a_depot_it_is_refused_for_its_load_and_with_one_that_was_used_up_too() {
    let mut rig = one(Some(1));
    rig.fact(Event::VehicleRegistered(Vehicle { reload: None, ..van("a", None) }));
    rig.order(delivery("x", km(-3, 0), 3));
    rig.order(delivery("y", km(-5, 0), 3));
    let refused = Placement::Unassigned(UnassignedReason::Capacity);
    assert_eq!(rig.placement("y"), refused);
    let choice = rig.plans.last().unwrap().groups[0].choices[0].clone();
    assert_eq!((choice.runner_up, choice.runner_up_obstacle), (Some(name("a")), Obstacle::Capacity));
    // It may be loaded again, once: there is a place for one of two.
    rig.fact(Event::VehicleRegistered(van("a", Some(1))));
    rig.order(delivery("z", km(-5, 0), 3));
    let placed = ["y", "z"].map(|order| matches!(rig.placement(order), Placement::OnRoute(_)));
    assert_eq!(placed.iter().filter(|&&placed| placed).count(), 1, "{}", trips(&rig, "a"));
    assert!(placed[1] || rig.placement("z") == refused);
    // What does not fit alone fits on no trip.
    rig.order(delivery("big", km(-1, 0), 5));
    assert_eq!(rig.placement("big"), refused);
}

/// An order that takes the whole van is behind the next call, whatever becomes of what is on board before it.
#[test]
fn what_is_left_at_the_depot_takes_no_room_behind_it() {
    let failed = |stop| Event::StopFailed(stop, FailReason::NoShow, None);
    for case in ["failed", "cancelled", "picked up"] {
        let mut rig = one(None);
        let direction = if case == "picked up" { LoadDirection::Pickup } else { LoadDirection::Delivery };
        let work = OrderWork::Job(Job { stop: stop(km(-3, 0)), direction });
        rig.order(Order { work, ..delivery("x", km(-3, 0), 2) });
        rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
        rig.order(delivery("y", km(-5, 0), 4));
        assert_eq!(trips(&rig, "a"), "x |y", "{case}");
        match case {
            "failed" => rig.at_stop("a", "x", StopKind::Delivery, failed),
            "cancelled" => rig.fact(Event::OrderCancelled { order: name("x") }),
            _ => serve(&mut rig, "a", "x"),
        }
        assert_eq!(trips(&rig, "a"), "|y", "{case}");
        rig.order(delivery("z", km(-5, 1), 4));
        assert_eq!(trips(&rig, "a").matches('|').count(), 2, "{case}: {}", trips(&rig, "a"));
        // What is on board and can be delivered stays on board where it is loaded: nothing is put beside it.
        at_depot(&mut rig, Event::ReloadEnded);
        let (planned, aboard) = (trips(&rig, "a"), on_board(&rig, "a"));
        assert_eq!((planned.matches('|').count(), planned.find('|') > Some(0)), (1, true), "{case}: {planned}");
        assert_eq!(aboard.len(), 1, "{case}");
        assert!(planned.starts_with(aboard[0].as_str()), "{case}: {planned}");
    }
}

#[test]
fn goods_change_vans_until_they_are_loaded_and_not_afterwards() {
    for loaded in [false, true] {
        let mut rig = one(None);
        rig.order(delivery("x", km(-3, 0), 3));
        rig.order(delivery("y", km(-5, 0), 3));
        assert_eq!(trips(&rig, "a"), "x |y");
        serve(&mut rig, "a", "x");
        rig.now += 180_000;
        at_depot(&mut rig, Event::ReloadStarted);
        rig.now += 600_000;
        if loaded {
            at_depot(&mut rig, Event::ReloadEnded);
        }
        rig.on("b", km(0, 1));
        rig.fact(Event::VehicleLost { vehicle: name("a"), position: None });
        if loaded {
            assert_eq!(rig.placement("y"), Placement::Unassigned(UnassignedReason::Aboard));
        } else {
            assert_eq!(rig.route("b"), ["y"], "it is still at the depot");
        }
    }
}

#[test]
fn who_is_on_a_trip_loads_at_a_depot_what_is_new_and_picks_up_on_the_way() {
    let mut rig = one(None);
    rig.order(delivery("x", km(-8, 0), 1));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    assert_eq!(on_board(&rig, "a"), ["x"]);
    rig.order(delivery("y", km(-4, 0), 1));
    assert_eq!(trips(&rig, "a"), "x |y", "it is not in the van, although that has room");
    rig.order(job("p", km(-9, 0)));
    assert_eq!(trips(&rig, "a"), "x p |y", "what is picked up needs no depot");
    let without_goods = Order { load: Load([0; 4]), ..delivery("q", km(-10, 0), 0) };
    rig.order(without_goods);
    let route = trips(&rig, "a");
    assert!(route.ends_with(" |y") && route.contains('q'), "nor does what takes no room: {route}");
}

#[test]
fn while_a_van_is_loaded_more_may_be_put_into_it() {
    let mut rig = one(None);
    rig.order(delivery("x", km(-3, 0), 3));
    rig.order(delivery("y", km(-5, 0), 3));
    serve(&mut rig, "a", "x");
    rig.now += 180_000;
    at_depot(&mut rig, Event::ReloadStarted);
    rig.order(delivery("z", km(-5, 0), 1));
    assert_eq!(trips(&rig, "a").replace("z y", "y z"), "y z", "there is room beside it");
    let fleet = rig.engine.fleet();
    let first = fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits[0];
    assert!(first.arrival >= Timestamp(rig.now + 600_000 + 300_000), "it leaves when it is loaded: {first:?}");
    rig.now += 600_000;
    at_depot(&mut rig, Event::ReloadEnded);
    assert_eq!(on_board(&rig, "a").len(), 2);
    rig.order(delivery("w", km(-5, 0), 1));
    assert!(trips(&rig, "a").contains('|'), "the doors are closed: {}", trips(&rig, "a"));
}

#[test]
fn a_driver_who_tells_nothing_of_depots_is_loaded_when_he_leaves_for_the_stop_behind_one() {
    let mut rig = one(Some(1));
    rig.order(delivery("x", km(-3, 0), 3));
    rig.order(delivery("y", km(-5, 0), 3));
    serve(&mut rig, "a", "x");
    assert_eq!((trips(&rig, "a").as_str(), on_board(&rig, "a").len()), ("|y", 0));
    rig.now += 780_000;
    rig.at_stop("a", "y", StopKind::Delivery, Event::StopDeparted);
    assert_eq!((trips(&rig, "a").as_str(), on_board(&rig, "a")), ("y", vec!["y".to_owned()]));
    assert!(rig.published.last().unwrap().visits.iter().all(|visit| visit.visit.reload_before.is_none()));
    // That was the only time.
    rig.order(delivery("z", km(-5, 0), 1));
    assert_eq!(rig.placement("z"), Placement::Unassigned(UnassignedReason::Capacity));
}

/// Found from outside: where it may not be loaded once more, it was told to lack room, which no larger van would have had.
#[test]
fn who_may_not_be_loaded_once_more_lacks_that_and_no_room() {
    let mut rig = one(Some(1));
    for (order, place) in [("x", -3), ("y", -5), ("z", -6)] {
        rig.order(delivery(order, km(place, 0), 3));
    }
    let needs = |rig: &Rig, order| {
        let stand = Stand::of(rig.engine.fleet(), rig.engine.outlook(), Timestamp(rig.now));
        let offers = place(&stand, rig.engine.fleet().order_id(order).unwrap(), 1).0;
        let (_, Offer::Missed(miss)) = offers.into_iter().next().unwrap() else { panic!("it is possible") };
        miss.ways
    };
    assert_eq!(needs(&rig, "z"), [vec![Lack::Reloads(1)]]);
    // A larger one that has used it up takes nothing more either: it is on its way.
    rig.order(delivery("big", km(-6, 0), 5));
    assert_eq!(needs(&rig, "big"), [vec![Lack::Reloads(1), Lack::Room { dimension: 0, by: 1 }]]);
    // By force it is loaded once more, and that is what it breaks.
    rig.fact(Event::AssignmentForced(Pin { order: name("z"), vehicle: name("a") }));
    assert_eq!(trips(&rig, "a").matches('|').count(), 2, "{}", trips(&rig, "a"));
    let fleet = rig.engine.fleet();
    assert_eq!(broken(fleet, rig.engine.outlook(), fleet.order_id("z").unwrap()), [Lack::Reloads(1)]);
}

#[test]
fn a_route_is_made_anew_where_its_depots_are_taken_away() {
    let mut rig = one(None);
    rig.order(delivery("x", km(-3, 0), 3));
    rig.order(delivery("y", km(-5, 0), 3));
    assert_eq!(trips(&rig, "a"), "x |y");
    rig.fact(Event::VehicleRegistered(Vehicle { reload: None, ..van("a", None) }));
    assert_eq!(rig.route("a").len(), 1, "{}", trips(&rig, "a"));
    assert!(!trips(&rig, "a").contains('|'));
    rig.fact(Event::VehicleRegistered(van("a", None)));
    rig.rest();
    assert_eq!(rig.route("a").len(), 2, "what waited has its trip again: {}", trips(&rig, "a"));
}

#[test]
fn a_call_at_a_depot_that_is_not_needed_any_more_is_taken_off() {
    let mut rig = one(None);
    rig.order(delivery("x", km(-3, 0), 3));
    rig.order(delivery("y", km(-5, 0), 3));
    rig.fact(Event::OrderCancelled { order: name("x") });
    assert_eq!(trips(&rig, "a"), "y");
}

/// Two vans of which only one has depots: where the other has room, nobody drives back to load.
#[test]
fn a_second_trip_is_planned_only_where_it_is_worth_it() {
    let mut rig = one(None);
    rig.on("b", km(0, 0));
    rig.order(delivery("x", km(-30, 0), 3));
    rig.order(delivery("y", km(-30, 0), 3));
    assert!(!trips(&rig, "a").contains('|') && !trips(&rig, "b").contains('|'));
    assert_eq!([rig.route("a").len(), rig.route("b").len()], [1, 1]);
}

/// The parts of what an order costs add up to what the plan pays, the way by the depot too.
#[test]
fn the_way_by_a_depot_is_counted_in_the_reasons() {
    let mut rig = one(None);
    rig.order(delivery("x", km(-3, 0), 3));
    let (mut fleet, now) = (rig.engine.fleet().clone(), Timestamp(rig.now));
    let mut seq = rig.seq;
    fleet.apply(&next_entry(&mut seq, rig.now, Event::OrderCreated(delivery("y", km(-5, 0), 3))));
    let outlook = Outlook::at(&fleet, now, rig.engine.network());
    let stand = Stand::of(&fleet, &outlook, now);
    let (offers, _) = place(&stand, fleet.order_id("y").unwrap(), 8);
    let a = fleet.vehicle_id("a").unwrap();
    let Some((_, Offer::Possible(found))) = offers.iter().find(|(vehicle, _)| *vehicle == a) else {
        panic!("{offers:?}")
    };
    // Back to the depot and out again: 3 and 5 km, and nothing home.
    assert_eq!((found.extra.metres.0, found.extra.driving), (8_000, Millis(8 * 60_000)));
}

/// A van that has no time for a second trip lacks time and no room, and the order's own reason says so.
#[test]
fn who_has_no_time_for_a_second_trip_lacks_time() {
    let mut rig = one(None);
    let shift = Shift { starts: at(0), ends: at(20), breaks: Vec::new() };
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: Some(shift), position: None });
    rig.order(delivery("x", km(-3, 0), 3));
    rig.order(delivery("y", km(-5, 0), 3));
    assert_eq!(trips(&rig, "a"), "x");
    let told = rig.plans.last().unwrap().groups[0].choices[0].clone();
    assert_eq!(told.reason, Some(UnassignedReason::Shift));
    assert_eq!((told.runner_up, told.runner_up_obstacle), (Some(name("a")), Obstacle::Shift));
    let fleet = rig.engine.fleet();
    let stand = Stand::of(fleet, rig.engine.outlook(), Timestamp(rig.now));
    let offers = place(&stand, fleet.order_id("y").unwrap(), 1).0;
    let Offer::Missed(miss) = &offers[0].1 else { panic!("{offers:?}") };
    // Loaded from 7 to 17, and at y at 22 for a minute.
    assert_eq!(miss.ways, [[Lack::Shift(Millis(3 * 60_000))]]);
}

//! What a good dispatcher would do: nothing is fixed before somebody said so, arrival times follow what is known, and a person's word
//! is obeyed.

use fleetfold_fleet::Visit;

use super::*;

/// The only visit of a vehicle, or its first.
fn first(rig: &Rig, id: &str) -> Visit {
    let fleet = rig.engine.fleet();
    fleet.vehicle(fleet.vehicle_id(id).unwrap()).route.visits[0]
}

/// Until the driver says that he has departed, what is on his way and more urgent comes first.
#[test]
fn a_driver_who_has_not_departed_can_be_told_something_else() {
    let mut rig = Rig::new();
    rig.on("b", km(60, 0));
    rig.order(job("far", km(-20, 0)));
    assert_eq!(rig.route("a"), ["far"]);
    rig.now = at(1).0;
    rig.order(Order { promised: Some(at(8)), ..job("near", km(-5, 0)) });
    assert_eq!(rig.route("a"), ["near", "far"]);
    rig.at_stop("a", "near", StopKind::Delivery, Event::StopDeparted);
    rig.order(Order { promised: Some(at(4)), ..job("nearer", km(-2, 0)) });
    assert_eq!(rig.route("a")[0], "near", "he has said that he is on his way there");
}

/// A driver is faster than planned, and nothing but his positions says so.
#[test]
fn arrival_times_follow_the_position() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-20, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    assert_eq!(first(&rig, "a").arrival, at(20));
    let plans = rig.plans.len();
    for minute in 1..=6 {
        rig.now = at(minute).0;
        let (position, at) = (km(-2 * minute as i32, 0), at(minute));
        rig.input(Input::Position(PositionReport { vehicle: name("a"), position, at }));
        rig.input(Input::Tick(at));
    }
    // 8 km are left after six minutes.
    assert!((first(&rig, "a").arrival - at(14)).0.abs() < 60_000, "{:?}", first(&rig, "a").arrival);
    let told = rig.plans.len() - plans;
    assert!((1..=8).contains(&told), "{told} plans: a minute's difference is news, less is none");
    // As soon as the times are right, nothing is told any more.
    for second in 1..30 {
        rig.now = at(6).0 + second * 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
    assert_eq!(rig.plans.len() - plans, told);
}

/// What was loaded last lies on top of what was loaded before it, however urgent that is.
#[test]
fn goods_on_board_leave_last_in_first_out() {
    let mut rig = Rig::new();
    let stacked = Vehicle { lifo: true, ..vehicle("a", km(0, 0)) };
    rig.fact(Event::VehicleRegistered(stacked));
    rig.order(shipment("a1", km(-1, 0), km(-8, 0)));
    rig.order(shipment("b1", km(-2, 0), km(-7, 0)));
    for order in ["a1", "b1"] {
        for event in [Event::StopDeparted as fn(StopEvent) -> Event, Event::StopArrived, Event::StopCompleted] {
            rig.at_stop("a", order, StopKind::Pickup, event);
        }
    }
    let urgent = OrderChange {
        order: name("a1"),
        work: None,
        load: None,
        skills: None,
        priority: None,
        release: None,
        promised: Some(at(9)),
    };
    rig.fact(Event::OrderUpdated(urgent));
    assert_eq!(rig.route("a"), ["b1", "a1"]);
}

/// A dispatcher's word counts more than the capacity of the van.
#[test]
fn a_forced_order_goes_to_a_vehicle_that_is_too_small_for_it() {
    let mut rig = Rig::new();
    rig.order(Order { load: Load([9, 0, 0, 0]), skills: vec![name("ice")], ..job("x", km(1, 0)) });
    assert!(matches!(rig.placement("x"), Placement::Unassigned(_)));
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("b") }));
    assert_eq!(rig.route("b"), ["x"]);
    rig.order(job("y", km(9, 0)));
    assert_eq!(rig.route("a"), ["y"], "there is no room left beside it");
}

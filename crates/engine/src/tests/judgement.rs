//! What a good dispatcher would do: nothing is fixed before somebody said so, arrival times follow what is known, and a person's word
//! is obeyed.

use fleetfold_fleet::Visit;
use fleetfold_model::{Diversion, ExchangeGroup, ProposedRoute};

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

/// What a driver is on his way to load will lie on top of what is on board.
#[test]
fn what_is_about_to_be_loaded_leaves_first() {
    let mut rig = Rig::new();
    rig.fact(Event::VehicleRegistered(Vehicle { lifo: true, ..vehicle("a", km(0, 0)) }));
    rig.order(Order { promised: Some(at(40)), ..shipment("a1", km(-1, 0), km(-8, 0)) });
    for event in [Event::StopDeparted as fn(StopEvent) -> Event, Event::StopArrived, Event::StopCompleted] {
        rig.at_stop("a", "a1", StopKind::Pickup, event);
    }
    rig.order(Order { promised: Some(at(40)), ..shipment("b1", km(-2, 0), km(-12, 0)) });
    rig.at_stop("a", "b1", StopKind::Pickup, Event::StopDeparted);
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
    assert_eq!(rig.route("a"), ["+b1", "b1", "a1"]);
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

/// A vehicle says where it is.
fn seen(rig: &mut Rig, id: &str, position: Position) {
    let at = Timestamp(rig.now);
    rig.input(Input::Position(PositionReport { vehicle: name(id), position, at }));
}

/// A driver on his way takes an urgent order first where that alone keeps its promise, unless the policy says never.
#[test]
fn a_driver_on_his_way_goes_elsewhere_first_when_that_keeps_a_promise() {
    for (diversion, diverts) in [(Diversion::SavesPromise, true), (Diversion::Never, false)] {
        let mut rig = Rig::new();
        let policy = Policy { diversion, ..rig.engine.fleet().policy().clone() };
        rig.fact(Event::PolicyChanged(policy));
        rig.order(job("far", km(-20, 0)));
        rig.at_stop("a", "far", StopKind::Delivery, Event::StopDeparted);
        rig.now = at(1).0;
        seen(&mut rig, "a", km(-1, 0));
        // Nobody is late without it: he drives on.
        rig.order(Order { promised: Some(at(60)), ..job("later", km(-5, 0)) });
        assert_eq!(rig.route("a")[0], "far", "{diversion:?}");
        rig.order(Order { promised: Some(at(8)), ..job("urgent", km(-4, 0)) });
        assert_eq!(rig.route("a")[0], if diverts { "urgent" } else { "far" }, "{diversion:?}");
        if !diverts {
            continue;
        }
        // He turned where he was, not where he had departed: there after the three kilometres that were left.
        let arrival = first(&rig, "a").arrival;
        assert!((arrival - at(4)).0.abs() <= 30_000, "{arrival:?}");
        let state = rig.engine.fleet().vehicle(rig.engine.fleet().vehicle_id("a").unwrap());
        assert_eq!(state.under_way, None);
        rig.at_stop("a", "urgent", StopKind::Delivery, Event::StopDeparted);
        rig.at_stop("a", "urgent", StopKind::Delivery, Event::StopCompleted);
        assert!(rig.route("a").contains(&"far".to_owned()));
    }
}

/// A plan that was made before a driver departed does not turn him around: only one that says so does.
#[test]
fn a_plan_from_before_the_departure_does_not_turn_a_driver() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-20, 0)));
    let fleet = rig.engine.fleet().clone();
    let (a, b) = (fleet.vehicle_id("a").unwrap(), fleet.vehicle_id("b").unwrap());
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    let fleet = rig.engine.fleet();
    let route = |vehicle: VehicleId, diverts| ProposedRoute {
        vehicle: fleet.vehicle(vehicle).name.clone(),
        base: fleet.vehicle(vehicle).route.revision,
        start: km(0, 0),
        start_at: at(0),
        diverts,
        visits: Vec::new(),
    };
    let visits = fleet.vehicle(a).route.visits.iter().map(|visit| visit.planned(name("x")));
    let taken = ProposedRoute { visits: visits.collect(), ..route(b, false) };
    for diverts in [false, true] {
        let group = ExchangeGroup { routes: vec![route(a, diverts), taken.clone()], ..ExchangeGroup::default() };
        assert_eq!(fleet.would_accept(&group, at(1)), diverts);
    }
}

/// The place of an order moves while its driver is on his way there: whoever is nearest to the new place takes it.
#[test]
fn an_order_whose_place_moves_away_goes_to_whoever_is_near() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-6, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(1).0;
    seen(&mut rig, "a", km(-1, 0));
    let work = Some(job("x", km(11, 0)).work);
    let (load, skills, priority, release, promised) = (None, None, None, None, None);
    rig.fact(Event::OrderUpdated(OrderChange { order: name("x"), work, load, skills, priority, release, promised }));
    assert_eq!((rig.route("a"), rig.route("b")), (vec![], vec!["x".to_owned()]));
}

/// A pin that its vehicle cannot obey is refused, and the good plan stays.
#[test]
fn a_pin_to_a_vehicle_that_cannot_take_the_order_is_refused() {
    let mut rig = Rig::new();
    let shift = Some(Shift { starts: at(0), ends: at(20), breaks: Vec::new() });
    rig.fact(Event::ShiftStarted { vehicle: name("b"), shift, position: None });
    let mut order = job("x", km(1, 0));
    if let OrderWork::Job(job) = &mut order.work {
        job.stop.windows = vec![TimeWindow::new(at(60), at(200)).unwrap()];
    }
    rig.order(order);
    assert_eq!(rig.route("a"), ["x"]);
    rig.fact(Event::StopPinned(Pin { order: name("x"), vehicle: name("b") }));
    assert_eq!(rig.route("a"), ["x"], "it stays where it can be served");
    let fleet = rig.engine.fleet();
    assert_eq!(fleet.order(fleet.order_id("x").unwrap()).pinned, None);
    let said = rig.plans.iter().flat_map(|plan| &plan.groups).flat_map(|group| &group.choices).last().unwrap();
    assert!(said.pin_refused && said.runner_up == Some(name("b")), "{said:?}");
    assert_eq!(said.runner_up_obstacle, fleetfold_model::Obstacle::Shift);
    // By force it goes all the same.
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("b") }));
    assert_eq!(rig.route("b"), ["x"]);
}

/// What keeps a vehicle that is not working off an order is that it is not working.
#[test]
fn a_pin_to_a_vehicle_that_does_not_work_says_so() {
    use fleetfold_model::Obstacle;
    let off = Event::ShiftEnded { vehicle: name("b"), at: at(0) };
    let lost = Event::VehicleLost { vehicle: name("b"), position: None };
    for (event, obstacle) in [(off, Obstacle::OffDuty), (lost, Obstacle::BrokenDown)] {
        let mut rig = Rig::new();
        rig.order(job("x", km(1, 0)));
        rig.now += 1_000;
        rig.fact(event);
        rig.fact(Event::StopPinned(Pin { order: name("x"), vehicle: name("b") }));
        assert_eq!(rig.route("a"), ["x"]);
        let said = rig.plans.iter().flat_map(|plan| &plan.groups).flat_map(|group| &group.choices).last().unwrap();
        assert!(said.pin_refused && said.runner_up_obstacle == obstacle, "{said:?}");
    }
}

/// The goods of a job are in the van that drove off with them.
#[test]
fn goods_of_jobs_stay_in_the_van_that_drove_off_with_them() {
    let delivered = |id: &str, position| {
        let mut order = job(id, position);
        if let OrderWork::Job(job) = &mut order.work {
            job.direction = LoadDirection::Delivery;
        }
        order
    };
    let mut rig = Rig::new();
    rig.order(delivered("x", km(3, 0)));
    rig.order(delivered("y", km(4, 0)));
    assert_eq!(rig.route("a"), ["x", "y"]);
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    assert_eq!(rig.route("b"), [""; 0]);
    rig.fact(Event::VehicleLost { vehicle: name("a"), position: Some(km(2, 0)) });
    for order in ["x", "y"] {
        assert_eq!(rig.placement(order), Placement::Unassigned(UnassignedReason::Aboard), "nobody else has {order}");
    }
    // Their own van works again: they are on board of it.
    rig.fact(Event::VehicleBack { vehicle: name("a"), position: Some(km(2, 0)) });
    assert_eq!((rig.route("a"), rig.route("b")), (vec!["x".to_owned(), "y".to_owned()], vec![]));
    // Its shift ends: they are back where they were loaded, and go with the other one.
    rig.fact(Event::ShiftEnded { vehicle: name("a"), at: Timestamp(rig.now) });
    assert_eq!(rig.route("b"), ["y", "x"]);
}

/// Goods that nobody took stay on board and take up room, until the order is tried again or the shift ends.
#[test]
fn goods_of_a_failed_delivery_take_up_room_until_it_is_tried_again() {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    let full = |id: &str, from, to| Order { load: Load([4, 0, 0, 0]), ..shipment(id, from, to) };
    rig.order(full("x", km(0, 0), km(1, 0)));
    rig.at_stop("a", "x", StopKind::Pickup, Event::StopCompleted);
    rig.at_stop("a", "x", StopKind::Delivery, |stop| {
        Event::StopFailed(stop, fleetfold_model::FailReason::NoShow, None)
    });
    rig.order(full("y", km(2, 0), km(3, 0)));
    assert_eq!(rig.placement("y"), Placement::Unassigned(UnassignedReason::Capacity));
    let (work, load, skills, priority, release) = (None, None, None, None, None);
    let promised = Some(at(120));
    rig.fact(Event::OrderUpdated(OrderChange { order: name("x"), work, load, skills, priority, release, promised }));
    assert_eq!(rig.route("a")[0], "x", "a new appointment, and the goods are on board");
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    for _ in 0..60 {
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
    assert_eq!(rig.route("a"), ["+y", "y"], "now there is room");
}

/// Receivers without a fix send 0,0, and phones jump: such a position moves no plan. Several that agree do.
#[test]
fn a_position_that_cannot_be_moves_nothing() {
    let spec = NetworkSpec::Line {
        space: Space::Geographic,
        metres_per_minute: 1000.0,
        detour_percent: 100,
        round_up_seconds: 0,
    };
    let mut rig = Rig::with(&spec, Space::Geographic);
    let (home, near) = (Position { x: -86_000_000, y: 411_000_000 }, Position { x: -86_010_000, y: 411_010_000 });
    rig.on("a", home);
    rig.order(Order { promised: Some(at(60)), ..job("x", near) });
    let here = |rig: &Rig| rig.engine.fleet().vehicle(VehicleId(0)).whereabouts().unwrap().position;
    for minute in 1..20 {
        rig.now = at(minute).0;
        seen(&mut rig, "a", Position { x: 0, y: 0 });
        rig.input(Input::Tick(Timestamp(rig.now)));
        assert_eq!((here(&rig), rig.route("a")), (home, vec!["x".to_owned()]));
    }
    let madrid = Position { x: -37_000_000, y: 404_000_000 };
    for count in 1..=4 {
        rig.now += 10_000;
        seen(&mut rig, "a", madrid);
        assert_eq!(here(&rig) == madrid, count == 4, "after {count}");
    }
}

/// Nobody is sent back and forth: a search does not look at the vehicle that an order has left within half an hour.
#[test]
fn an_order_is_not_sent_back_to_the_vehicle_that_it_has_just_left() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    let id = rig.engine.fleet().order_id("x").unwrap();
    assert_eq!((rig.route("a"), rig.engine.barred(id)), (vec!["x".to_owned()], vec![]));
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("b") }));
    let (a, b) = (VehicleId(0), VehicleId(1));
    assert_eq!(rig.engine.barred(id), [a]);
    // Nobody wants it there any more, and the answer takes it back.
    rig.fact(Event::StopUnpinned { order: name("x") });
    assert_eq!((rig.route("a"), rig.engine.barred(id)), (vec!["x".to_owned()], vec![a, b]));
    let mut draft =
        crate::draft::Draft::new(rig.engine.fleet(), rig.engine.outlook(), &[a, b], &[], Timestamp(rig.now));
    draft.bar(|order| rig.engine.barred(order));
    let tour =
        |vehicle| fleetfold_solver::TourIx(draft.vehicles.iter().position(|&other| other == vehicle).unwrap() as u32);
    assert_eq!(draft.solver_stops[0].barred, [tour(b)], "it stays, or goes where it never was");
    rig.now = at(31).0;
    rig.input(Input::Tick(Timestamp(rig.now)));
    assert_eq!(rig.engine.barred(id), []);
}

/// He departs elsewhere than planned, and somebody would wait for half an hour longer than promised. When his phone says where he is, he is
/// turned at once: no other event has to come.
#[test]
fn a_promise_that_a_diversion_saves_is_saved_when_the_phone_says_where_the_driver_is() {
    for (diversion, saves) in [(Diversion::SavesPromise, true), (Diversion::Never, false)] {
        let mut rig = Rig::new();
        rig.fact(Event::PolicyChanged(Policy { diversion, ..rig.engine.fleet().policy().clone() }));
        rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
        rig.order(job("far", km(20, 0)));
        rig.order(Order { promised: Some(at(15)), ..job("near", km(-4, 0)) });
        assert_eq!(rig.route("a"), ["near", "far"]);
        rig.at_stop("a", "far", StopKind::Delivery, Event::StopDeparted);
        assert_eq!(rig.route("a"), ["far", "near"], "{diversion:?}");
        rig.now = at(1).0;
        seen(&mut rig, "a", km(1, 0));
        assert_eq!(rig.route("a")[0], if saves { "near" } else { "far" }, "{diversion:?}");
        if saves {
            assert!(first(&rig, "a").start <= at(15));
        }
    }
}

/// Forty kilometres in a minute are 2,400 km/h; three hundred metres in a second are a receiver between high houses.
#[test]
fn a_jump_is_told_from_noise_by_the_speed_that_it_would_take() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-9, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    let here = |rig: &Rig| rig.engine.fleet().vehicle(VehicleId(0)).whereabouts().unwrap().position;
    rig.now = at(1).0;
    seen(&mut rig, "a", km(-1, 0));
    rig.now = at(2).0;
    seen(&mut rig, "a", km(-40, 0));
    rig.input(Input::Tick(Timestamp(rig.now + 10_000)));
    // As far as anybody knows he stands where he was: eight kilometres are left, and not thirty-one.
    assert_eq!(here(&rig), km(-1, 0));
    assert!(first(&rig, "a").arrival <= at(11), "{:?}", first(&rig, "a").arrival);
    for (second, noise) in [300, -300, 900, 4_000].into_iter().enumerate() {
        rig.now = at(2).0 + 1_000 * (second as i64 + 1);
        let place = Position { x: -2_000_000 + noise * 1_000, y: 0 };
        seen(&mut rig, "a", place);
        assert_eq!(here(&rig), place);
    }
}

/// He stands before a shop that opens in forty minutes. What lies around the corner and is urgent he does meanwhile; so he does what lies on no
/// detour at all; and what would cost something waits until he is done.
#[test]
fn who_waits_for_a_window_does_something_else_meanwhile() {
    let waiting = |diversion, settle_on_arrival| {
        let mut rig = Rig::new();
        rig.fact(Event::PolicyChanged(Policy { diversion, settle_on_arrival, ..rig.engine.fleet().policy().clone() }));
        rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
        let windows = vec![TimeWindow::new(at(45), at(60)).unwrap()];
        let shop = StopSpec { windows, ..stop(km(3, 0)) };
        let work = OrderWork::Job(Job { stop: shop, direction: LoadDirection::Pickup });
        rig.order(Order { work, ..job("shop", km(3, 0)) });
        rig.at_stop("a", "shop", StopKind::Delivery, Event::StopDeparted);
        rig.now = at(3).0;
        rig.at_stop("a", "shop", StopKind::Delivery, Event::StopArrived);
        rig
    };
    let urgent = || Order { promised: Some(at(10)), ..job("urgent", km(4, 0)) };
    for (diversion, settles, leaves) in [
        (Diversion::SavesPromise, false, true),
        (Diversion::SavesPromise, true, false),
        (Diversion::Never, false, false),
    ] {
        let mut rig = waiting(diversion, settles);
        rig.order(urgent());
        let route = if leaves { ["urgent", "shop"] } else { ["shop", "urgent"] };
        assert_eq!(rig.route("a"), route, "{diversion:?} {settles}");
        if !leaves {
            continue;
        }
        // He goes there, comes back, and is served when the shop opens.
        rig.at_stop("a", "urgent", StopKind::Delivery, Event::StopDeparted);
        rig.now = at(5).0;
        rig.at_stop("a", "urgent", StopKind::Delivery, Event::StopArrived);
        rig.at_stop("a", "urgent", StopKind::Delivery, Event::StopCompleted);
        rig.at_stop("a", "shop", StopKind::Delivery, Event::StopDeparted);
        rig.at_stop("a", "shop", StopKind::Delivery, Event::StopArrived);
        assert_eq!(first(&rig, "a").start, at(45));
    }
    // Nobody has promised it: around the corner it costs two kilometres more than afterwards; on the spot it costs nothing.
    let mut rig = waiting(Diversion::SavesPromise, false);
    rig.order(job("corner", km(4, 0)));
    assert_eq!(rig.route("a"), ["shop", "corner"]);
    let mut rig = waiting(Diversion::SavesPromise, false);
    rig.order(job("here", km(3, 0)));
    assert_eq!(rig.route("a"), ["here", "shop"]);
    // When the shop is about to open he stays.
    let mut rig = waiting(Diversion::SavesPromise, false);
    rig.now = at(40).0;
    rig.order(Order { promised: Some(at(43)), ..urgent() });
    assert_eq!(rig.route("a"), ["shop", "urgent"]);
}

//! Vehicles that are loaded again on the way: what reports make of their trips, one fact at a time.

mod support;

use fleetfold_fleet::{Fleet, Placement, Refused, VehicleState};
use fleetfold_model::{
    Depot, DepotCall, Event, Load, LoadDirection, Metres, Millis, Order, OrderWork, Reload, ReloadEvent, StopKind,
    Timestamp, Vehicle,
};
use support::{Log, at, job, name, plan, vehicle};

const DEPOT: i32 = 500;

fn van(text: &str) -> Vehicle {
    let depot = |x| Depot { name: Some(name("north")), position: at(x), service: Millis(600_000) };
    let reload = Reload { places: vec![depot(DEPOT), depot(-DEPOT)], times_max: Some(3) };
    Vehicle { capacity: Load([2; 4]), reload: Some(reload), ..vehicle(text, 0) }
}

fn call(x: i32) -> DepotCall {
    DepotCall { position: at(x), arrival: Timestamp(1), departure: Timestamp(2), metres: Metres(3) }
}

/// A van with two trips, `o1` and `o2` on the first one and `o3` and `o4` on the second.
fn two_trips() -> Log {
    let mut log = Log::new();
    log.tell(Event::VehicleRegistered(van("v1")));
    log.tell(Event::ShiftStarted { vehicle: name("v1"), shift: None, position: None });
    for order in ["o1", "o2", "o3", "o4"] {
        log.job(order, 100);
    }
    divide(&mut log, &["o3"]);
    log
}

/// Gives everything that waits to `v1`, which calls at its depot before these orders.
fn divide(log: &mut Log, orders: &[&str]) {
    let mut proposal = plan(&log.fleet, |_| Some(name("v1")));
    for visit in proposal.groups.iter_mut().flat_map(|group| &mut group.routes).flat_map(|route| &mut route.visits) {
        visit.reload_before = orders.contains(&visit.order.as_str()).then(|| call(DEPOT));
    }
    assert_eq!(log.tell(Event::PlanProposed(proposal)).refused, None);
}

fn state(log: &Log) -> &VehicleState {
    log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap())
}

/// The route, with a bar where the van calls at a depot.
fn route(log: &Log) -> String {
    let mut text = String::new();
    for visit in &state(log).route.visits {
        text += if visit.reload_before.is_some() { "|" } else { "" };
        text += log.fleet.order(visit.order).name.as_str();
        text += " ";
    }
    text.trim_end().to_owned()
}

fn on_board(log: &Log) -> Vec<&str> {
    state(log).on_board.iter().map(|&order| log.fleet.order(order).name.as_str()).collect()
}

fn reload(log: &Log, x: Option<i32>) -> ReloadEvent {
    ReloadEvent { vehicle: name("v1"), at: Timestamp(log.now), position: x.map(at) }
}

fn read_back(log: &Log) {
    let read = Fleet::from_image(log.fleet.clone_without_index().image()).unwrap();
    assert_eq!(read.digest(), log.fleet.digest());
    assert_eq!(log.fleet.digest(), log.fleet.digests_recounted().0);
}

#[test]
fn a_van_that_leaves_has_on_board_what_it_delivers_before_its_next_call_at_a_depot() {
    let mut log = two_trips();
    assert_eq!((route(&log).as_str(), on_board(&log).len()), ("o1 o2 |o3 o4", 0));
    log.report("departed", "v1", "o1", StopKind::Delivery);
    assert_eq!(on_board(&log), ["o1", "o2"]);
    read_back(&log);
    log.report("completed", "v1", "o1", StopKind::Delivery);
    log.report("completed", "v1", "o2", StopKind::Delivery);
    assert_eq!((route(&log).as_str(), on_board(&log).len()), ("|o3 o4", 0));
    // He is at the depot: what is planned behind it is what he loads, and can still be changed.
    let started = Event::ReloadStarted(reload(&log, None));
    let change = log.tell(started);
    assert_eq!((change.refused, change.routes.len()), (None, 1), "the driver is told a route without the depot");
    assert_eq!((route(&log).as_str(), on_board(&log).len()), ("o3 o4", 0));
    assert_eq!(state(&log).anchor.unwrap().position, at(DEPOT), "where he was to call");
    assert!(!state(&log).is_on_trip() && state(&log).reloads.times == 1);
    read_back(&log);
    let ended = Event::ReloadEnded(reload(&log, None));
    assert_eq!(log.tell(ended).refused, None);
    assert_eq!(on_board(&log), ["o3", "o4"]);
    assert!(state(&log).is_on_trip() && state(&log).reloads.times == 1);
    assert_eq!(state(&log).anchor.unwrap().position, at(DEPOT));
    read_back(&log);
}

#[test]
fn a_report_about_the_next_stop_behind_a_depot_says_that_the_van_was_loaded_there() {
    for kind in ["departed", "arrived", "completed", "failed"] {
        let mut log = two_trips();
        log.report("departed", "v1", "o1", StopKind::Delivery);
        log.report("completed", "v1", "o1", StopKind::Delivery);
        log.report("completed", "v1", "o2", StopKind::Delivery);
        let change = log.report(kind, "v1", "o3", StopKind::Delivery);
        assert_eq!(change.refused, None);
        assert!(on_board(&log).contains(&"o4"), "{kind}");
        assert!(!route(&log).contains('|') && state(&log).reloads.times == 1, "{kind}");
        // What is told of the depot afterwards is late, and changes nothing but where he may have been.
        let mut late = reload(&log, Some(DEPOT));
        late.at = Timestamp(log.now - 1_500);
        assert_eq!(log.tell(Event::ReloadStarted(late)).refused, Some(Refused::Superseded), "{kind}");
        assert_eq!(state(&log).reloads.times, 1, "{kind}");
        read_back(&log);
    }
}

/// What is driven to a depot counts once, whether the driver tells of his call there or of the next stop only.
#[test]
fn the_way_to_a_depot_is_driven_like_the_way_to_a_stop() {
    for tells in [true, false] {
        let mut log = two_trips();
        let mut driven = 0;
        for order in ["o1", "o2", "o3", "o4"] {
            if order == "o3" && tells {
                let call = reload(&log, Some(DEPOT));
                driven += log.tell(Event::ReloadStarted(call)).driven.0;
                let call = reload(&log, Some(DEPOT));
                driven += log.tell(Event::ReloadEnded(call)).driven.0;
            }
            driven += log.report("departed", "v1", order, StopKind::Delivery).driven.0;
            driven += log.report("completed", "v1", order, StopKind::Delivery).driven.0;
        }
        let of_stops: i64 = state(&two_trips()).route.visits.iter().map(|visit| visit.metres.0).sum();
        assert_eq!(driven, of_stops + call(DEPOT).metres.0, "{tells}");
    }
}

#[test]
fn goods_that_are_delivered_were_loaded_although_a_stop_before_them_was_not_made() {
    let mut log = two_trips();
    log.report("departed", "v1", "o1", StopKind::Delivery);
    log.report("completed", "v1", "o1", StopKind::Delivery);
    // `o2` is left out for now, and `o4` is in the van: he has been at the depot.
    log.report("departed", "v1", "o4", StopKind::Delivery);
    assert_eq!(route(&log), "o4 o2 o3");
    assert_eq!(state(&log).on_board.len(), 3);
}

#[test]
fn who_goes_somewhere_else_before_a_depot_has_not_been_there() {
    let mut log = two_trips();
    log.tell(Event::OrderCreated(Order {
        work: OrderWork::Job(fleetfold_model::Job { stop: support::stop(7), direction: LoadDirection::Pickup }),
        ..job("p", 7)
    }));
    divide(&mut log, &["o3"]);
    assert_eq!(route(&log), "o1 o2 |o3 o4 p");
    log.report("departed", "v1", "p", StopKind::Delivery);
    assert_eq!(route(&log), "p o1 o2 |o3 o4");
    assert_eq!(on_board(&log), ["o1", "o2"]);
}

#[test]
fn a_call_at_a_depot_stays_where_the_stop_behind_it_is_taken_off() {
    let mut log = two_trips();
    log.tell(Event::OrderCancelled { order: name("o3") });
    assert_eq!(route(&log), "o1 o2 |o4");
    log.tell(Event::OrderCancelled { order: name("o4") });
    assert_eq!(route(&log), "o1 o2");
    let mut log = two_trips();
    log.tell(Event::OrderCreated(job("o5", 3)));
    divide(&mut log, &["o3", "o4"]);
    log.tell(Event::AssignmentRejected { vehicle: name("v1"), order: name("o3") });
    assert_eq!(route(&log), "o1 o2 |o4 o5", "one call is enough");
}

/// What is not loaded yet is at the depot, and others can bring it.
#[test]
fn a_van_that_breaks_down_keeps_what_it_has_loaded_and_nothing_else() {
    for loaded in [false, true] {
        let mut log = two_trips();
        log.report("departed", "v1", "o1", StopKind::Delivery);
        log.report("completed", "v1", "o1", StopKind::Delivery);
        if loaded {
            log.report("completed", "v1", "o2", StopKind::Delivery);
            let started = Event::ReloadStarted(reload(&log, None));
            log.tell(started);
            let ended = Event::ReloadEnded(reload(&log, None));
            log.tell(ended);
        }
        log.tell(Event::VehicleLost { vehicle: name("v1"), position: Some(at(9)) });
        assert_eq!(on_board(&log), if loaded { vec!["o3", "o4"] } else { vec!["o2"] });
        for order in ["o3", "o4"] {
            assert_eq!(log.order(order).placement, Placement::Unplaced);
            assert_eq!(log.order(order).on_board.is_some(), loaded, "{order}");
        }
        read_back(&log);
    }
}

#[test]
fn a_plan_from_before_the_depot_does_not_send_a_van_there_again() {
    let mut log = two_trips();
    log.report("departed", "v1", "o1", StopKind::Delivery);
    log.report("completed", "v1", "o1", StopKind::Delivery);
    log.report("completed", "v1", "o2", StopKind::Delivery);
    log.tell(Event::OrderCreated(job("o5", 3)));
    let mut proposal = plan(&log.fleet, |_| Some(name("v1")));
    for visit in proposal.groups.iter_mut().flat_map(|group| &mut group.routes).flat_map(|route| &mut route.visits) {
        visit.reload_before = (visit.order == name("o3")).then(|| call(DEPOT));
    }
    let started = Event::ReloadStarted(reload(&log, None));
    log.tell(started);
    let change = log.tell(Event::PlanProposed(proposal));
    assert_eq!(change.plan.unwrap().accepted, [false]);
    assert_eq!(route(&log), "o3 o4");
}

#[test]
fn what_a_driver_tells_of_a_depot_is_refused_by_name_where_it_makes_no_sense() {
    let mut log = Log::new();
    let nobody = ReloadEvent { vehicle: name("nobody"), at: Timestamp(log.now), position: None };
    assert_eq!(log.tell(Event::ReloadStarted(nobody)).refused, Some(Refused::UnknownVehicle));
    log.tell(Event::VehicleRegistered(van("v1")));
    let early = Event::ReloadEnded(reload(&log, None));
    assert_eq!(log.tell(early).refused, Some(Refused::NotOnShift));
    log.tell(Event::ShiftStarted { vehicle: name("v1"), shift: None, position: None });
    // Loaded in the morning, before it has left: that is no call of its shift. Two depots, and nobody says which.
    let morning = Event::ReloadStarted(reload(&log, Some(-DEPOT)));
    assert_eq!(log.tell(morning).refused, None);
    let ended = Event::ReloadEnded(reload(&log, None));
    assert_eq!(log.tell(ended).refused, None);
    assert_eq!((state(&log).reloads.times, state(&log).anchor.unwrap().position), (0, at(-DEPOT)));
    let mut old = reload(&log, None);
    old.at = Timestamp(log.now - 60_000);
    assert_eq!(log.tell(Event::ReloadStarted(old)).refused, Some(Refused::Superseded));
    read_back(&log);
}

#[test]
fn a_new_shift_counts_its_calls_at_depots_anew() {
    let mut log = two_trips();
    log.report("departed", "v1", "o1", StopKind::Delivery);
    let ended = Event::ReloadEnded(reload(&log, Some(DEPOT)));
    assert_eq!(log.tell(ended).refused, None, "nobody told that it began");
    assert_eq!((state(&log).reloads.times, state(&log).reloads_left()), (1, 2));
    assert_eq!(state(&log).under_way, None, "he is at the depot and not on his way to a stop");
    assert_eq!(state(&log).on_board.len(), 4, "more than it holds, and that is what he says");
    log.tell(Event::ShiftEnded { vehicle: name("v1"), at: Timestamp(log.now) });
    log.tell(Event::ShiftStarted { vehicle: name("v1"), shift: None, position: None });
    assert_eq!((state(&log).reloads.times, state(&log).is_on_trip()), (0, false));
    read_back(&log);
}

/// Goods that nobody took stay in the van until it is at a depot.
#[test]
fn what_came_back_is_left_at_the_depot() {
    let mut log = two_trips();
    log.report("departed", "v1", "o1", StopKind::Delivery);
    log.report("failed", "v1", "o1", StopKind::Delivery);
    assert_eq!(state(&log).kept, Load([1; 4]));
    let started = Event::ReloadStarted(reload(&log, Some(DEPOT)));
    log.tell(started);
    assert_eq!(state(&log).kept, Load([0; 4]));
}

#[test]
fn a_vehicle_without_depots_is_never_on_a_trip_of_its_own() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 5);
    log.job("o2", 5);
    log.plan(Some("v1"));
    log.report("departed", "v1", "o1", StopKind::Delivery);
    assert_eq!(on_board(&log), ["o1", "o2"]);
    assert!(!state(&log).is_on_trip() && state(&log).reloads_left() == 0);
}

//! Slots that are kept for customers, breaks as drivers take them, stops that are tried again.

use fleetfold_model::{Break, BreakEvent, NextBreak, SlotHeld};

use super::*;

fn pass(rig: &mut Rig, seconds: i64) {
    for _ in 0..seconds {
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
}

fn hold(rig: &mut Rig, id: &str, until: i64) {
    let stop = StopSpec { windows: vec![TimeWindow::new(at(60), at(120)).unwrap()], ..stop(km(-5, 0)) };
    let work = OrderWork::Job(Job { stop, direction: LoadDirection::Pickup });
    rig.fact(Event::SlotHeld(SlotHeld { order: Order { work, ..job(id, km(-5, 0)) }, until: at(until) }));
}

#[test]
fn a_slot_is_kept_until_its_time_is_over_and_then_given_up_once() {
    let mut rig = Rig::new();
    hold(&mut rig, "x", 10);
    hold(&mut rig, "y", 10);
    assert_eq!(rig.route("a").len(), 2, "the slots are on a route");
    rig.fact(Event::OrderConfirmed { order: name("y") });
    pass(&mut rig, 9 * 60);
    assert_eq!(rig.route("a").len(), 2);
    let due = rig.engine.next_tick().unwrap();
    assert!(due <= at(10), "somebody looks when it is over");
    pass(&mut rig, 90);
    assert_eq!(rig.route("a"), ["y"]);
    let ended = rig.own.iter().filter(|event| matches!(event, Event::HoldEnded(_))).count();
    assert_eq!(ended, 1);
}

#[test]
fn a_slot_outlives_its_engine() {
    let mut rig = Rig::new();
    hold(&mut rig, "x", 10);
    let network = Arc::clone(rig.engine.network());
    rig.engine = Engine::new(rig.engine.fleet().clone(), network);
    rig.input(Input::Commit(Outcome::Granted(2)));
    pass(&mut rig, 9 * 60);
    assert_eq!(rig.route("a"), ["x"]);
    pass(&mut rig, 90);
    assert_eq!(rig.route("a"), Vec::<String>::new());
}

/// A shift with a break of half an hour between minute 10 and minute 120.
fn with_break() -> Rig {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    let window = TimeWindow::new(at(10), at(120)).unwrap();
    let breaks = vec![Break { window, duration: Millis(1_800_000) }];
    let shift = Some(Shift { starts: at(0), ends: at(600), breaks });
    rig.fact(Event::VehicleRegistered(Vehicle { shift: shift.clone(), ..vehicle("a", km(0, 0)) }));
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift, position: None });
    rig
}

fn visits(rig: &Rig) -> Vec<fleetfold_fleet::Visit> {
    let fleet = rig.engine.fleet();
    fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits.clone()
}

#[test]
fn a_break_that_was_taken_is_not_planned_again_and_nobody_drives_during_it() {
    let mut rig = with_break();
    rig.order(job("x", km(-100, 0)));
    rig.order(job("y", km(-110, 0)));
    let planned: i64 = visits(&rig).iter().map(|visit| visit.break_before.0).sum();
    assert_eq!(planned, 1_800_000, "it is planned before a stop");
    // He takes it at once, while he is idle.
    rig.now = at(12).0;
    let pause = BreakEvent { vehicle: name("a"), at: at(12), duration: None, position: None };
    rig.fact(Event::BreakStarted(pause));
    let after = visits(&rig);
    assert_eq!(after.iter().map(|visit| visit.break_before.0).sum::<i64>(), 0, "once is enough: {after:?}");
    let leaves = after[0].arrival - Millis(100 * 60_000);
    assert!(leaves >= at(42), "he drives off when it is over: {after:?}");
    // He is ready ten minutes early, and his customers are told.
    rig.now = at(32).0;
    let pause = BreakEvent { vehicle: name("a"), at: at(32), duration: None, position: None };
    rig.fact(Event::BreakEnded(pause));
    pass(&mut rig, 20);
    let earlier = visits(&rig);
    assert!(earlier[0].arrival < after[0].arrival - Millis(300_000), "{earlier:?}");
}

#[test]
fn a_stop_that_failed_is_driven_to_again_at_its_time_and_not_before() {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    rig.order(shipment("x", km(-1, 0), km(-5, 0)));
    rig.at_stop("a", "x", StopKind::Pickup, Event::StopDeparted);
    rig.now = at(2).0;
    rig.at_stop("a", "x", StopKind::Pickup, Event::StopCompleted);
    rig.now = at(7).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopArrived);
    rig.at_stop("a", "x", StopKind::Delivery, |stop| Event::StopFailed(stop, FailReason::NoShow, Some(at(90))));
    assert_eq!(rig.route("a"), ["x"], "the goods are in the van, and it goes there again");
    let visit = visits(&rig)[0];
    assert!(visit.start >= at(90), "{visit:?}");
    assert_eq!(rig.engine.fleet().order(visit.order).closed, None);
}

#[test]
fn a_driver_is_told_of_his_next_break_with_his_route() {
    let mut rig = with_break();
    rig.order(job("x", km(2, 0)));
    let next = Some(NextBreak { is_taken: false, starts: at(10), ends: at(40) });
    assert_eq!(rig.published.last().map(|told| (told.visits.len(), told.pause)), Some((1, next)));
}

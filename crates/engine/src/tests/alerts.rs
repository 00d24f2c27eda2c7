//! Alerts: each condition is told when it begins and when it is over, once each, whoever owns the zone meanwhile.

use fleetfold_fleet::AlertState;
use fleetfold_model::{Alert, AlertKind};

use super::*;

/// Lets so many seconds pass.
fn pass(rig: &mut Rig, seconds: i64) {
    for _ in 0..seconds {
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
}

/// What was asked for, in order: `+` begins, `-` is over.
fn said(rig: &Rig) -> Vec<String> {
    let about = |alert: &Alert| {
        let about = alert.about().map_or(String::new(), |name| format!(" {name}"));
        format!("{:?}{about}", alert.kind())
    };
    let own = rig.own.iter().filter_map(|event| {
        if let Event::AlertRaised(raised) = event {
            return Some(format!("+{}", about(&raised.alert)));
        }
        let Event::AlertCleared(cleared) = event else { return None };
        Some(format!("-{}", about(&cleared.alert)))
    });
    own.collect()
}

fn stands(rig: &Rig, kind: AlertKind, about: Option<&str>) -> Option<AlertState> {
    rig.engine.fleet().alert(&Alert::new(kind, about.map(name)).unwrap()).cloned()
}

fn promise(rig: &mut Rig, order: &str, minute: i64) {
    let change = OrderChange {
        order: name(order),
        work: None,
        load: None,
        skills: None,
        priority: None,
        release: None,
        promised: Some(at(minute)),
    };
    rig.fact(Event::OrderUpdated(change));
}

/// Twenty kilometres take twenty minutes, and the order was promised after `minute`.
fn promised(minute: i64) -> Rig {
    let mut rig = Rig::new();
    rig.on("b", km(60, 0));
    rig.order(Order { promised: Some(at(minute)), ..job("x", km(-20, 0)) });
    rig
}

#[test]
fn an_order_that_will_be_late_is_told_once_and_cleared_once() {
    let mut rig = promised(10);
    pass(&mut rig, 90);
    assert_eq!(said(&rig), ["+PredictedLate x"]);
    let state = stands(&rig, AlertKind::PredictedLate, Some("x")).unwrap();
    assert!((state.span - Millis(600_000)).0.abs() <= 90_000, "{state:?}");
    assert_eq!(state.detail, "a is there 10 min after its deadline");
    // Between half the limit and the limit nothing is said, in either direction.
    promise(&mut rig, "x", 17);
    pass(&mut rig, 30);
    assert_eq!(said(&rig).len(), 1, "three minutes and more: it is still late");
    promise(&mut rig, "x", 40);
    pass(&mut rig, 30);
    assert_eq!(said(&rig), ["+PredictedLate x", "-PredictedLate x"]);
    promise(&mut rig, "x", 18);
    pass(&mut rig, 30);
    assert_eq!(said(&rig).len(), 2, "below the limit it does not begin");
    promise(&mut rig, "x", 10);
    pass(&mut rig, 5);
    assert_eq!(said(&rig).len(), 3, "and again");
    rig.fact(Event::OrderCancelled { order: name("x") });
    pass(&mut rig, 5);
    assert_eq!(said(&rig).last().unwrap(), "-PredictedLate x", "nobody waits for it any more");
    assert_eq!(rig.engine.fleet().alerts().len(), 0);
}

#[test]
fn another_owner_says_nothing_twice() {
    let mut rig = promised(10);
    pass(&mut rig, 10);
    assert_eq!(said(&rig).len(), 1);
    // It restarts over what was folded, and later loses and takes the zone.
    let network = Arc::clone(rig.engine.network());
    rig.engine = Engine::new(rig.engine.fleet().clone(), network);
    rig.engine.handle(Input::Tick(Timestamp(rig.now)), &mut Vec::new());
    rig.input(Input::Commit(Outcome::Granted(2)));
    pass(&mut rig, 40);
    assert_eq!(said(&rig).len(), 1);
    promise(&mut rig, "x", 60);
    pass(&mut rig, 5);
    assert_eq!(said(&rig), ["+PredictedLate x", "-PredictedLate x"], "but it knows what is over");
}

#[test]
fn what_did_not_reach_the_log_is_asked_for_again_after_half_a_minute() {
    let mut rig = promised(10);
    rig.own_comes_back = false;
    pass(&mut rig, 25);
    assert_eq!(said(&rig).len(), 1);
    pass(&mut rig, 10);
    assert_eq!(said(&rig).len(), 2);
}

#[test]
fn an_order_on_no_route_is_told_when_its_deadline_is_near() {
    let mut rig = Rig::new();
    rig.order(Order { promised: Some(at(60)), skills: vec![name("crane")], ..job("x", km(1, 0)) });
    pass(&mut rig, 29 * 60);
    assert_eq!(said(&rig), Vec::<String>::new());
    pass(&mut rig, 90);
    assert_eq!(said(&rig), ["+Unassigned x"]);
    rig.fact(Event::VehicleRegistered(Vehicle { skills: vec![name("crane")], ..vehicle("c", km(2, 0)) }));
    rig.fact(Event::ShiftStarted { vehicle: name("c"), shift: None, position: None });
    pass(&mut rig, 30);
    assert_eq!(rig.route("c"), ["x"]);
    assert_eq!(said(&rig), ["+Unassigned x", "-Unassigned x"]);
}

#[test]
fn a_vehicle_that_falls_silent_on_the_road_is_told_until_it_is_heard_of() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-60, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    for minute in 1..=5 {
        rig.now = at(minute).0;
        let position = km(-(minute as i32), 0);
        rig.input(Input::Position(PositionReport { vehicle: name("a"), position, at: at(minute) }));
        pass(&mut rig, 30);
    }
    pass(&mut rig, 9 * 60);
    assert_eq!(said(&rig), Vec::<String>::new());
    pass(&mut rig, 120);
    assert_eq!(said(&rig), ["+Silent a"]);
    let report = PositionReport { vehicle: name("a"), position: km(-17, 0), at: Timestamp(rig.now) };
    rig.input(Input::Position(report));
    pass(&mut rig, 10);
    assert_eq!(said(&rig), ["+Silent a", "-Silent a"]);
}

/// Nobody asks a driver who waits for his time, and one without a phone is given time.
#[test]
fn who_need_not_be_heard_of_is_not_silent() {
    let mut rig = Rig::new();
    let stop = StopSpec { windows: vec![TimeWindow::new(at(200), at(260)).unwrap()], ..stop(km(-20, 0)) };
    let work = OrderWork::Job(Job { stop, direction: LoadDirection::Pickup });
    rig.order(Order { work, ..job("x", km(-20, 0)) });
    pass(&mut rig, 120 * 60);
    assert_eq!(said(&rig), Vec::<String>::new(), "he waits");
    rig.now = at(180).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    pass(&mut rig, 25 * 60);
    assert_eq!(said(&rig), Vec::<String>::new(), "he drives, and his phone reports no positions");
    pass(&mut rig, 20 * 60);
    assert_eq!(said(&rig), ["+Silent a"]);
}

#[test]
fn who_takes_a_break_on_the_road_is_silent_only_after_it() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-60, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(2).0;
    rig.input(Input::Position(PositionReport { vehicle: name("a"), position: km(-2, 0), at: at(2) }));
    let (vehicle, duration) = (name("a"), Some(Millis(30 * 60_000)));
    rig.fact(Event::BreakStarted(fleetfold_model::BreakEvent { vehicle, at: at(2), duration, position: None }));
    pass(&mut rig, 29 * 60);
    assert_eq!(said(&rig), Vec::<String>::new());
    pass(&mut rig, 3 * 60);
    assert_eq!(said(&rig), ["+Silent a"], "he should be on the road again, and was not heard of for half an hour");
}

#[test]
fn a_policy_may_want_no_alerts() {
    let mut rig = promised(10);
    let off = Millis(0);
    let policy = rig.engine.fleet().policy().clone();
    let none = Policy { alert_late: off, alert_deadline: off, alert_silent: off, ..policy };
    rig.fact(Event::PolicyChanged(none));
    rig.order(Order { promised: Some(at(10)), skills: vec![name("crane")], ..job("y", km(1, 0)) });
    pass(&mut rig, 300);
    assert_eq!(said(&rig), Vec::<String>::new());
}

#[test]
fn a_driver_whose_clock_runs_ahead_is_told_until_it_is_right() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-60, 0)));
    let accept = |rig: &mut Rig, ahead: i64| {
        rig.now += 1_000;
        let time = Some(Timestamp(rig.now + ahead));
        let event = Event::AssignmentAccepted { vehicle: name("a"), revision: 1 };
        let entry = next_entry(&mut rig.seq, rig.now, event);
        let id = rig.seq;
        rig.input(Input::Entry(LogEntry { id, time, ..entry }));
        pass(rig, 2);
    };
    accept(&mut rig, 600_000);
    assert_eq!(said(&rig), Vec::<String>::new(), "one may be a slip");
    accept(&mut rig, 600_000);
    assert_eq!(said(&rig), ["+ClockSkew a"]);
    accept(&mut rig, 0);
    accept(&mut rig, -5_000);
    assert_eq!(said(&rig), ["+ClockSkew a", "-ClockSkew a"]);
}

#[test]
fn a_zone_that_folds_late_and_answers_late_says_so_until_it_does_not() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-60, 0)));
    // Entries come eight seconds after they were logged.
    for number in 0..6 {
        rig.now += 1_000;
        rig.engine.handle(Input::Tick(Timestamp(rig.now)), &mut Vec::new());
        let late = rig.now - 8_000;
        let event = Event::OrderReady { order: name(&format!("r{number}")), at: at(0) };
        let entry = next_entry(&mut rig.seq, late, event);
        let id = rig.seq;
        rig.input(Input::Entry(LogEntry { id, ..entry }));
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
    pass(&mut rig, 1);
    assert_eq!(said(&rig), ["+LogLag"]);
    pass(&mut rig, 15);
    assert_eq!(said(&rig), ["+LogLag", "-LogLag"]);
}

/// Facts wait because the log takes no plan: the zone is degraded, and its objective burns.
#[test]
fn facts_that_wait_are_told_as_degraded_and_as_burning_the_objective() {
    let mut rig = Rig::new();
    let mut effects = Vec::new();
    for number in 0..5 {
        let entry = next_entry(&mut rig.seq, rig.now, Event::OrderCreated(job(&format!("o{number}"), km(1, 0))));
        rig.engine.handle(Input::Entry(entry), &mut effects);
    }
    for _ in 0..20 {
        rig.now += 1_000;
        rig.engine.handle(Input::Tick(Timestamp(rig.now)), &mut effects);
    }
    let mut kinds = Vec::new();
    let mut plan = None;
    for effect in effects {
        if let Effect::AppendOwn(Event::AlertRaised(raised)) = &effect {
            kinds.push(raised.alert.kind());
        }
        if let Effect::Append { event, .. } = effect {
            plan = Some(event);
        }
    }
    assert_eq!(kinds, [AlertKind::Degraded, AlertKind::SlaBurn]);
    assert!(plan.is_some());
}

/// In a rush hundreds of orders are late. What is wrong with the zone itself is not told behind them.
#[test]
fn the_zone_comes_before_the_many_orders_that_are_late() {
    let mut rig = Rig::new();
    for number in 0..300 {
        rig.on(&format!("v{number}"), km(0, 0));
        rig.order(Order { promised: Some(at(1)), ..job(&format!("late{number}"), km(-20, 0)) });
    }
    let mut effects = Vec::new();
    let entry = next_entry(&mut rig.seq, rig.now, Event::OrderCreated(job("waits", km(1, 0))));
    rig.engine.handle(Input::Entry(entry), &mut effects);
    for _ in 0..20 {
        rig.now += 1_000;
        rig.engine.handle(Input::Tick(Timestamp(rig.now)), &mut effects);
    }
    let raised = effects.iter().filter_map(|effect| {
        let Effect::AppendOwn(Event::AlertRaised(raised)) = effect else { return None };
        Some(raised.alert.kind())
    });
    let raised: Vec<AlertKind> = raised.collect();
    let degraded = raised.iter().position(|&kind| kind == AlertKind::Degraded);
    let late = raised.iter().filter(|&&kind| kind == AlertKind::PredictedLate).count();
    assert_eq!(late, 300, "all are told in the end");
    assert!(degraded.is_some_and(|index| index <= 200), "behind {degraded:?} others");
}

fn heard_of(rig: &mut Rig, vehicle: &str, x: i32) {
    let report = PositionReport { vehicle: name(vehicle), position: km(x, 0), at: Timestamp(rig.now) };
    rig.input(Input::Position(report));
}

/// `a` should have left for x and y at once, and says nothing. `b` is heard of, and is 10 km off.
fn never_leaves() -> Rig {
    let mut rig = Rig::new();
    rig.order(Order { promised: Some(at(30)), ..job("x", km(1, 0)) });
    rig.order(Order { promised: Some(at(35)), ..job("y", km(2, 0)) });
    rig.order(job("z", km(-1, 0)));
    assert_eq!((rig.route("a").len(), rig.route("b").len()), (3, 0));
    rig
}

#[test]
fn work_of_a_silent_vehicle_goes_to_who_can_still_do_it() {
    let mut rig = never_leaves();
    pass(&mut rig, 9 * 60);
    assert_eq!(rig.route("a").len(), 3, "he may still leave");
    pass(&mut rig, 4 * 60);
    assert_eq!(said(&rig), ["+Silent a"], "he has nothing to do now, and is as silent as before");
    assert_eq!(rig.route("a"), Vec::<String>::new());
    assert_eq!(rig.route("b").len(), 3);
    let raised = rig.log.iter().find(|entry| matches!(entry.event, Event::AlertRaised(_))).unwrap().seq;
    let moved = rig.plans.iter().flat_map(|plan| &plan.groups).find(|group| group.caused_by == [raised]);
    assert_eq!(moved.unwrap().choices.len(), 3, "the decision names the alert");
    rig.order(job("new", km(0, 0)));
    assert_eq!(rig.route("a"), Vec::<String>::new());
    heard_of(&mut rig, "a", 0);
    pass(&mut rig, 5);
    assert_eq!(said(&rig), ["+Silent a", "-Silent a"]);
    rig.order(job("newer", km(0, 0)));
    assert_eq!(rig.route("a"), ["newer"]);
}

#[test]
fn who_is_silent_is_given_nothing_new_until_he_is_heard_of() {
    let mut rig = Rig::new();
    // On his way: that stays with him whatever is heard of him.
    rig.order(job("x", km(-60, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(1).0;
    heard_of(&mut rig, "a", -1);
    pass(&mut rig, 12 * 60);
    assert_eq!(said(&rig), ["+Silent a"]);
    rig.order(job("y", km(-61, 0)));
    assert_eq!(rig.route("b"), ["y"], "70 km off, and heard of");
    assert_eq!(rig.route("a"), ["x"]);
    // A dispatcher knows better.
    let pin = Pin { order: name("y"), vehicle: name("a") };
    rig.fact(Event::StopPinned(pin));
    assert_eq!(rig.route("a"), ["x", "y"]);
    rig.fact(Event::StopUnpinned { order: name("y") });
    pass(&mut rig, 15);
    assert_eq!((rig.route("a").len(), rig.route("b").len()), (1, 1), "it is taken off again");
    heard_of(&mut rig, "a", -12);
    pass(&mut rig, 5);
    assert_eq!(said(&rig), ["+Silent a", "-Silent a"]);
    let at = Timestamp(rig.now);
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at });
    assert_eq!(rig.route("a"), ["x", "y"], "he is heard of again");
}

/// An order that only silent vehicles could take says so, and which of them is nearest; what they could not take either says what is missing.
#[test]
fn an_order_that_only_silent_vehicles_could_take_says_which_is_nearest() {
    let mut rig = Rig::new();
    rig.on("c", km(-50, 0));
    rig.order(job("x", km(-60, 0)));
    rig.at_stop("c", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(1).0;
    heard_of(&mut rig, "c", -51);
    for id in ["a", "b"] {
        rig.fact(Event::ShiftEnded { vehicle: name(id), at: at(1) });
    }
    pass(&mut rig, 12 * 60);
    assert_eq!(said(&rig), ["+Silent c"]);
    rig.order(job("y", km(0, 0)));
    assert_eq!(rig.placement("y"), Placement::Unassigned(UnassignedReason::Silent));
    let choice = rig.plans.iter().flat_map(|plan| &plan.groups).flat_map(|group| &group.choices).next_back().unwrap();
    assert_eq!((&choice.order, &choice.runner_up), (&name("y"), &Some(name("c"))));
    assert_eq!(choice.runner_up_obstacle, fleetfold_model::Obstacle::Silent);
    // He could not take this one if he were heard of.
    rig.order(Order { load: Load([5, 0, 0, 0]), ..job("big", km(0, 0)) });
    assert_ne!(rig.placement("big"), Placement::Unassigned(UnassignedReason::Silent));
    // Who is heard of comes before who is not.
    rig.on("d", km(100, 0));
    pass(&mut rig, 15);
    assert_eq!(rig.route("d"), ["y"]);
}

/// What would come too late with another vehicle stays, and so does what nobody else can take.
#[test]
fn work_of_a_silent_vehicle_stays_where_nobody_can_still_do_it_in_time() {
    let mut rig = Rig::new();
    rig.order(Order { promised: Some(at(15)), ..job("x", km(1, 0)) });
    rig.order(Order { skills: vec![name("crane")], ..job("y", km(1, 0)) });
    pass(&mut rig, 12 * 60);
    assert_eq!(said(&rig), ["+Silent a"]);
    assert_eq!(rig.route("a"), ["x"], "b needs nine minutes, and has three");
    assert!(matches!(rig.placement("y"), Placement::Unassigned(UnassignedReason::Skills)));
}

/// Its promise is broken with either; the silent one may be there at any moment.
#[test]
fn work_of_a_silent_vehicle_that_is_late_anyhow_stays_where_others_are_much_later() {
    let mut rig = Rig::new();
    rig.order(Order { promised: Some(at(1)), ..job("x", km(1, 0)) });
    pass(&mut rig, 14 * 60);
    assert_eq!(said(&rig).iter().filter(|said| **said == "+Silent a").count(), 1);
    assert_eq!(rig.route("a"), ["x"], "b needs nine minutes, and he two");
}

/// Who took it falls silent, too, and nobody is left: it stays on his route, late as it is, and is not taken off it.
#[test]
fn work_of_a_silent_vehicle_that_becomes_late_stays_on_its_route() {
    let mut rig = never_leaves();
    pass(&mut rig, 50 * 60);
    assert_eq!(said(&rig)[..2], ["+Silent a", "+Silent b"]);
    assert_eq!((rig.route("a").len(), rig.route("b").len()), (0, 3));
}

/// More than half of the fleet does not fall silent for itself: what is broken is the way by which it reports.
#[test]
fn where_most_are_silent_all_are_given_work() {
    let mut rig = Rig::new();
    for (vehicle, x) in [("c", 20), ("d", 30)] {
        rig.on(vehicle, km(x, 0));
    }
    for (order, x) in [("v", -1), ("w", 11), ("x", 21)] {
        rig.order(job(order, km(x, 0)));
    }
    let routes = [rig.route("a"), rig.route("b"), rig.route("c")];
    assert_eq!(routes, [["v"], ["w"], ["x"]]);
    pass(&mut rig, 12 * 60);
    assert_eq!(said(&rig), ["+Silent a", "+Silent b", "+Silent c"]);
    rig.order(job("y", km(0, 1)));
    assert!(rig.route("a").contains(&"y".to_owned()), "{:?}", rig.route("d"));
}

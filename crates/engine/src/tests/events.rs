//! What the planner does about each kind of event: one test per row of the table "from event to plan".

use super::*;

#[test]
fn a_created_order_goes_where_it_costs_least_and_the_driver_is_told() {
    let mut rig = Rig::new();
    rig.order(job("x", km(9, 1)));
    assert_eq!(rig.route("b"), ["x"]);
    let told = rig.published.last().unwrap();
    assert_eq!((told.vehicle.as_str(), told.visits.len()), ("b", 1));
    let choice = &rig.plans.last().unwrap().groups[0].choices[0];
    assert_eq!(choice.runner_up.as_ref().map(Name::as_str), Some("a"), "the runner-up is kept with the decision");
}

#[test]
fn an_order_that_cannot_be_on_time_is_placed_late_rather_than_lost() {
    let mut rig = Rig::new();
    let mut late = job("x", km(5, 0));
    late.promised = Some(at(1));
    rig.order(late);
    assert!(matches!(rig.placement("x"), Placement::OnRoute(_)));
}

#[test]
fn an_order_nobody_may_serve_is_unassigned_with_its_reason() {
    let mut rig = Rig::new();
    rig.order(Order { skills: vec![name("crane")], ..job("x", km(1, 0)) });
    assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Skills));
    rig.order(Order { load: Load([9, 0, 0, 0]), ..job("y", km(1, 0)) });
    assert_eq!(rig.placement("y"), Placement::Unassigned(UnassignedReason::Capacity));
}

#[test]
fn a_changed_order_is_placed_again() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-20, 0)));
    rig.order(job("y", km(-21, 0)));
    assert_eq!(rig.route("a"), ["x", "y"]);
    let work = OrderWork::Job(Job { stop: stop(km(12, 0)), direction: LoadDirection::Pickup });
    let change = OrderChange {
        order: name("y"),
        work: Some(work),
        load: None,
        skills: None,
        priority: None,
        release: None,
        promised: None,
    };
    rig.fact(Event::OrderUpdated(change));
    assert_eq!((rig.route("a"), rig.route("b")), (vec!["x".to_owned()], vec!["y".to_owned()]));
}

#[test]
fn ready_goods_are_fetched_earlier() {
    let mut rig = Rig::new();
    rig.order(Order { release: Some(at(120)), ..shipment("x", km(1, 0), km(2, 0)) });
    let start = |rig: &Rig| {
        let fleet = rig.engine.fleet();
        fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits[0].start
    };
    assert_eq!(start(&rig), at(120));
    rig.fact(Event::OrderReady { order: name("x"), at: at(0) });
    assert_eq!(start(&rig), at(1));
}

#[test]
fn a_cancelled_order_leaves_its_route() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    rig.order(job("y", km(2, 0)));
    rig.fact(Event::OrderCancelled { order: name("y") });
    assert_eq!(rig.route("a"), ["x"]);
    assert_eq!(rig.published.last().unwrap().visits.len(), 1, "the driver is told");
}

#[test]
fn goods_on_board_of_a_cancelled_order_go_back() {
    let mut rig = Rig::new();
    rig.order(shipment("x", km(1, 0), km(5, 0)));
    rig.at_stop("a", "x", StopKind::Pickup, Event::StopCompleted);
    rig.fact(Event::OrderCancelled { order: name("x") });
    assert_eq!(rig.route("a"), ["x"], "a return is still to be driven");
    assert_eq!(rig.published.last().unwrap().visits[0].position, km(1, 0));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    let fleet = rig.engine.fleet();
    assert_eq!(fleet.order(fleet.order_id("x").unwrap()).closed, Some(Closed::Cancelled));
}

#[test]
fn a_lost_vehicle_gives_its_orders_to_others_and_its_goods_are_rescued_where_it_stands() {
    let mut rig = Rig::new();
    rig.order(shipment("x", km(1, 0), km(3, 0)));
    rig.order(job("y", km(2, 0)));
    rig.at_stop("a", "x", StopKind::Pickup, Event::StopCompleted);
    rig.fact(Event::VehicleLost { vehicle: name("a"), position: Some(km(2, 2)) });
    assert!(rig.route("a").is_empty());
    let mut route = rig.route("b");
    route.sort();
    assert_eq!(route, ["+x", "x", "y"]);
    let told = rig.published.iter().rfind(|assignment| assignment.vehicle.as_str() == "b").unwrap();
    let rescue = told.visits.iter().find(|visit| visit.visit.stop == StopKind::Pickup).unwrap();
    assert_eq!(rescue.position, km(2, 2));
    rig.fact(Event::VehicleBack { vehicle: name("a"), position: None });
    assert_eq!(rig.route("a"), ["x"], "what nobody fetched is on board again");
}

#[test]
fn a_vehicle_that_signs_on_takes_what_nobody_could() {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("a"), at: at(0) });
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    rig.order(job("x", km(1, 0)));
    assert!(matches!(rig.placement("x"), Placement::Unassigned(_)));
    rig.fact(Event::ShiftStarted { vehicle: name("b"), shift: None, position: None });
    assert_eq!(rig.route("b"), ["x"]);
}

#[test]
fn a_shortened_shift_hands_over_what_no_longer_fits() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-10, 0)));
    rig.order(job("y", km(-30, 0)));
    assert_eq!(rig.route("a"), ["x", "y"]);
    rig.fact(Event::ShiftEnded { vehicle: name("a"), at: at(15) });
    assert_eq!(rig.route("a"), ["x"]);
    assert_eq!(rig.route("b"), ["y"]);
}

#[test]
fn a_failed_stop_is_over_and_the_rest_goes_on() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    rig.order(job("y", km(2, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, |stop| Event::StopFailed(stop, FailReason::NoShow, None));
    assert_eq!(rig.route("a"), ["y"]);
    let fleet = rig.engine.fleet();
    assert_eq!(fleet.order(fleet.order_id("x").unwrap()).closed, Some(Closed::Failed(FailReason::NoShow)));
}

#[test]
fn a_position_that_makes_a_promise_late_moves_the_order_to_who_can_keep_it() {
    let mut rig = Rig::new();
    rig.on("c", km(6, 0));
    rig.order(job("x", km(3, 0)));
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("a") }));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    let mut promised = job("y", km(4, 0));
    promised.promised = Some(at(7));
    rig.order(promised);
    assert_eq!(rig.route("a"), ["x", "y"], "on its way");
    rig.now = at(1).0;
    let report = PositionReport { vehicle: name("a"), position: km(-4, 0), at: at(1) };
    rig.input(Input::Position(report));
    assert_eq!((rig.route("a"), rig.route("c")), (vec!["x".to_owned()], vec!["y".to_owned()]));
}

/// What the visit under way delivers is still on board beside everything behind it (once, it was forgotten, and the fleet's own
/// check stopped the engine).
#[test]
fn goods_of_the_visit_under_way_take_room() {
    let mut rig = Rig::new();
    for number in 0..14 {
        let mut order = job(&format!("d{number}"), km(1 + number % 5, number / 5));
        if let OrderWork::Job(job) = &mut order.work {
            job.direction = LoadDirection::Delivery;
        }
        rig.order(order);
        assert_eq!(rig.engine.fleet().check().map_err(|broken| broken.to_string()), Ok(()), "after order {number}");
    }
    assert_eq!(rig.route("a").len() + rig.route("b").len(), 8, "four in each, none too many");
}

/// A phone three hours ahead must not make everything else come too late to be learned from.
#[test]
fn a_wrong_clock_does_not_end_learning() {
    let mut rig = Rig::new();
    rig.order(job("x", km(3, 0)));
    let ahead = Timestamp(rig.now + 3 * 3_600_000);
    let report = |at| StopEvent { vehicle: name("a"), order: name("x"), stop: StopKind::Delivery, at, position: None };
    rig.fact(Event::StopDeparted(report(Timestamp(rig.now))));
    rig.now += 180_000;
    rig.fact(Event::StopArrived(report(Timestamp(rig.now))));
    rig.now += 60_000;
    rig.fact(Event::StopCompleted(report(ahead)));
    let watermark = rig.engine.watermark().expect("a drive and a service were observed");
    assert!(watermark <= Timestamp(rig.now), "{watermark:?}");
}

#[test]
fn pins_bind_and_unpins_release() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    assert_eq!(rig.route("a"), ["x"]);
    rig.now = at(0).0;
    // The visit to x is under way as soon as it is published; a later one is free to move.
    rig.order(job("y", km(2, 0)));
    rig.fact(Event::StopPinned(Pin { order: name("y"), vehicle: name("b") }));
    assert_eq!(rig.route("b"), ["y"]);
    rig.fact(Event::StopUnpinned { order: name("y") });
    assert!(matches!(rig.placement("y"), Placement::OnRoute(_)));
}

#[test]
fn a_forced_assignment_is_obeyed_whatever_it_costs() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-1, 0)));
    rig.order(job("y", km(-2, 0)));
    rig.fact(Event::AssignmentForced(Pin { order: name("y"), vehicle: name("b") }));
    assert_eq!(rig.route("b"), ["y"]);
}

/// Its driver is on the way already, and is called back (once, the fact was never answered and a plan for it proposed for ever).
#[test]
fn an_assignment_forced_while_another_drives_there_is_answered() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    assert_eq!(rig.route("a"), ["x"]);
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("b") }));
    assert_eq!(rig.route("b"), ["x"]);
    assert_eq!(rig.engine.fleet().digests_recounted().0, rig.engine.fleet().digest(), "both vehicles are counted anew");
    let plans = rig.plans.len();
    rig.order(job("y", km(-1, 0)));
    assert!(matches!(rig.placement("y"), Placement::OnRoute(_)));
    assert!(rig.plans.len() <= plans + 2, "{} plans for one order", rig.plans.len() - plans);
}

#[test]
fn a_rejected_order_goes_to_somebody_else() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    rig.fact(Event::AssignmentRejected { vehicle: name("a"), order: name("x") });
    assert_eq!(rig.route("b"), ["x"]);
    rig.fact(Event::AssignmentRejected { vehicle: name("b"), order: name("x") });
    assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Rejected));
}

#[test]
fn priorities_policies_and_accepted_assignments_are_answered_without_harm() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    rig.fact(Event::PriorityRaised(PriorityRaised { order: name("x"), priority: 9 }));
    rig.fact(Event::PolicyChanged(Policy { search_rounds: 0, ..Policy::default() }));
    rig.fact(Event::AssignmentAccepted { vehicle: name("a"), revision: 3 });
    assert_eq!(rig.route("a"), ["x"]);
}

#[test]
fn a_window_is_waited_for_and_the_drive_begins_late() {
    let mut rig = Rig::new();
    let mut order = job("x", km(5, 0));
    if let OrderWork::Job(job) = &mut order.work {
        job.stop.windows = TimeWindow::new(at(60), at(90)).into_iter().collect();
    }
    rig.order(order);
    let fleet = rig.engine.fleet();
    let visit = fleet.vehicles().iter().find_map(|vehicle| vehicle.route.visits.first()).unwrap();
    assert_eq!((visit.depart_at, visit.start), (at(55), at(60)));
}

#[test]
fn a_stale_group_is_refused_whole_and_answered_again() {
    // A vehicle is lost while the plan that uses it is on its way.
    let mut rig = Rig::new();
    let mut effects = Vec::new();
    let created = LogEntry {
        numbered: None,
        seq: LogSeq(rig.seq + 1),
        logged_at: Timestamp(0),
        id: 900,
        time: None,
        hash: MessageHash::default(),
        event: Event::OrderCreated(job("x", km(1, 0))),
    };
    rig.engine.handle(Input::Entry(created), &mut effects);
    let Some(Effect::Append { event, .. }) =
        effects.iter().find(|effect| matches!(effect, Effect::Append { .. })).cloned()
    else {
        panic!("no answer was proposed")
    };
    let lost = Event::VehicleLost { vehicle: name("a"), position: None };
    rig.engine.handle(
        Input::Entry(LogEntry {
            numbered: None,
            seq: LogSeq(rig.seq + 2),
            logged_at: Timestamp(0),
            id: 901,
            time: None,
            hash: MessageHash::default(),
            event: lost,
        }),
        &mut effects,
    );
    rig.seq += 3;
    let plan = LogEntry {
        numbered: None,
        seq: LogSeq(rig.seq),
        logged_at: Timestamp(0),
        id: 0,
        time: None,
        hash: MessageHash::default(),
        event: Arc::unwrap_or_clone(event),
    };
    rig.input(Input::Entry(plan));
    assert_eq!(rig.route("b"), ["x"]);
    assert_eq!(rig.engine.fleet().counters().groups_refused, 1);
}

/// A plan is one message and messages have a limit: what does not fit is answered by the next plan.
#[test]
fn a_plan_that_would_not_fit_into_a_message_becomes_several() {
    let mut rig = Rig::new();
    rig.input(Input::Commit(Outcome::Lost));
    let mut number = 0;
    let mut fact = |rig: &mut Rig, event: Event| {
        number += 1;
        rig.seq += 1;
        let entry = LogEntry {
            numbered: None,
            seq: LogSeq(rig.seq),
            logged_at: Timestamp(0),
            id: 1_000 + number,
            time: None,
            hash: MessageHash::default(),
            event,
        };
        rig.input(Input::Entry(entry));
    };
    for index in 0..40 {
        let id = format!("van-{index}");
        let van = Vehicle { capacity: Load([1_000, 0, 0, 0]), ..vehicle(&id, km(index % 8, index / 8)) };
        fact(&mut rig, Event::VehicleRegistered(van));
        fact(&mut rig, Event::ShiftStarted { vehicle: name(&id), shift: None, position: None });
    }
    for index in 0..1_500 {
        let order = job(&format!("order-{index}"), km(index * 7 % 8, index * 11 % 5));
        fact(&mut rig, Event::OrderCreated(order));
    }
    rig.input(Input::Commit(Outcome::Granted(2)));
    assert!(rig.engine.fleet().unanswered().is_empty());
    let largest =
        rig.plans.iter().map(|plan| plan.groups.iter().map(crate::account::weight).sum::<usize>()).max().unwrap();
    assert!(largest <= crate::engine::PLAN_BYTES, "a plan of about {largest} bytes");
    let fullest = rig.plans.iter().map(|plan| plan.groups.len()).max().unwrap();
    assert!(fullest > 1 && rig.plans.len() > 12, "{} plans", rig.plans.len());
}

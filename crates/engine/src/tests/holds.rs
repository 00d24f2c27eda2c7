//! Slots that are kept for customers, breaks as drivers take them, stops that are tried again.

use fleetfold_model::{AssignedVisit, Break, BreakEvent, NextBreak, SlotHeld, leaves_at};

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
    rig.order(job("y", km(-130, 0)));
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

/// A driver who does what he is told is there when he is said to be: with windows that he waits for, and with breaks.
#[test]
fn what_a_driver_is_told_fits_together() {
    for windows in [vec![], vec![(20, 25)], vec![(50, 60)], vec![(20, 25), (50, 60)], vec![(35, 45)]] {
        for rest in [None, Some((30, 40)), Some((10, 12)), Some((0, 120))] {
            let mut rig = Rig::new();
            rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
            let breaks = rest.map(|(opens, closes)| Break {
                window: TimeWindow::new(at(opens), at(closes)).unwrap(),
                duration: Millis(600_000),
            });
            let shift = Some(Shift { starts: at(0), ends: at(600), breaks: breaks.into_iter().collect() });
            rig.fact(Event::VehicleRegistered(Vehicle { shift: shift.clone(), ..vehicle("a", km(0, 0)) }));
            rig.fact(Event::ShiftStarted { vehicle: name("a"), shift, position: None });
            rig.order(job("free", km(15, 0)));
            for (number, &(opens, closes)) in windows.iter().enumerate() {
                let mut order = job(&format!("w{number}"), km(5 + number as i32, 0));
                if let OrderWork::Job(job) = &mut order.work {
                    job.stop.windows = vec![TimeWindow::new(at(opens), at(closes)).unwrap()];
                }
                rig.order(order);
            }
            let told = rig.published.last().unwrap();
            let (mut place, mut departed) = (km(0, 0), None);
            for AssignedVisit { visit, position, .. } in &told.visits {
                let leaves = leaves_at(visit.depart_at, visit.break_before, departed);
                let drive = Millis(i64::from((position.x - place.x).abs() + (position.y - place.y).abs()) * 60 / 1_000);
                let case = format!("{windows:?} {rest:?}: {:?}", told.visits);
                assert_eq!(visit.arrival, leaves + drive, "{case}");
                assert!(visit.arrival <= visit.start && visit.start < visit.departure, "{case}");
                if let (true, Some((opens, closes))) = (visit.break_before > Millis(0), rest) {
                    let begins = leaves - visit.break_before;
                    assert!((at(opens)..=at(closes)).contains(&begins), "{case}");
                    assert_eq!(told.pause, Some(NextBreak { is_taken: false, starts: begins, ends: leaves }), "{case}");
                }
                (place, departed) = (*position, Some(visit.departure));
            }
        }
    }
}

#[test]
fn nobody_waits_behind_a_break_that_can_be_taken_after_his_stop() {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    let breaks = vec![Break { window: TimeWindow::new(at(60), at(70)).unwrap(), duration: Millis(600_000) }];
    let shift = Some(Shift { starts: at(0), ends: at(600), breaks });
    rig.fact(Event::VehicleRegistered(Vehicle { shift: shift.clone(), ..vehicle("a", km(0, 0)) }));
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift, position: None });
    rig.order(job("x", km(5, 0)));
    rig.order(job("y", km(10, 0)));
    let planned = visits(&rig);
    assert!(planned.iter().all(|visit| visit.start < at(30) && visit.break_before == Millis(0)), "{planned:?}");
    let next = Some(NextBreak { is_taken: false, starts: at(60), ends: at(70) });
    assert_eq!(rig.published.last().and_then(|told| told.pause), next);
}

#[test]
fn a_driver_is_told_of_his_next_break_with_his_route() {
    let mut rig = with_break();
    rig.order(job("x", km(2, 0)));
    let next = Some(NextBreak { is_taken: false, starts: at(10), ends: at(40) });
    assert_eq!(rig.published.last().map(|told| (told.visits.len(), told.pause)), Some((1, next)));
}

/// A break on the way moves the arrival of a driver whose hours nobody counts, by as long as it takes: as planned, as told, or until its end is told.
#[test]
fn a_break_on_the_way_moves_the_arrival_also_where_nobody_counts_hours() {
    type Told = (i64, Option<i64>, i64);
    // When a break begins, how long it is to last, and when its end is told; then the arrival as planned, and when it is over.
    let days: [(&[Told], i64, i64); 6] = [
        (&[(10, Some(20), 30)], 50, 50),
        (&[(10, Some(20), 15)], 50, 35),
        (&[(10, Some(20), 35)], 50, 55),
        (&[(10, Some(20), -1)], 50, 50),
        (&[(10, None, 25)], 30, 45),
        (&[(10, Some(20), 15), (20, Some(10), 30)], 50, 45),
    ];
    for (breaks, planned, at_last) in days {
        let mut rig = Rig::new();
        rig.order(job("x", km(-30, 0)));
        rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
        let told = |rig: &Rig, lasts: Option<i64>| BreakEvent {
            vehicle: name("a"),
            at: Timestamp(rig.now),
            duration: lasts.map(|lasts| Millis(lasts * 60_000)),
            position: None,
        };
        for (index, &(begins, lasts, ends)) in breaks.iter().enumerate() {
            rig.now = at(begins).0;
            rig.fact(Event::BreakStarted(told(&rig, lasts)));
            if index == 0 {
                assert_eq!(visits(&rig)[0].arrival, at(planned), "{breaks:?}");
            }
            rig.now = at(begins + 2).0;
            rig.order(job(&format!("y{index}"), km(-40, 0)));
            assert!(index > 0 || visits(&rig)[0].arrival == at(planned), "{breaks:?}");
            if ends > 0 {
                rig.now = at(ends).0;
                rig.fact(Event::BreakEnded(told(&rig, None)));
            }
        }
        assert_eq!(visits(&rig)[0].arrival, at(at_last), "{breaks:?}");
        rig.now += 60_000;
        rig.order(job("z", km(-50, 0)));
        assert_eq!(visits(&rig)[0].arrival, at(at_last), "{breaks:?}");
        assert_eq!(visits(&rig)[0].break_before, Millis(0), "{breaks:?}");
    }
}

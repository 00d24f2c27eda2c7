//! Driving times: what drivers have driven counts, and nobody is sent on a route that has no break where one is due.

use std::collections::BTreeSet;

use fleetfold_fleet::{RouteBreak, Visit};
use fleetfold_model::{BreakEvent, DrivingRule, Obstacle};

use super::*;
use crate::reasons::{DrivingLimit, Lack, Miss, Offer, Stand, broken, lacks, place, route};

const MINUTE: i64 = 60_000;

fn minutes(count: i64) -> Millis {
    Millis(count * MINUTE)
}

/// A break of 20 minutes after so much driving.
fn simple(driving_max: i64) -> DrivingRule {
    DrivingRule {
        driving_max: minutes(driving_max),
        pause: minutes(20),
        first_part: Millis(0),
        service_counts: false,
        shift_driving_max: None,
        duty_max: None,
    }
}

/// One vehicle at (0,0) with a rule, which has signed on for ten hours.
fn ruled(rule: DrivingRule) -> Rig {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    rig.fact(Event::ShiftEnded { vehicle: name("a"), at: at(0) });
    rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(rule), ..vehicle("a", km(0, 0)) }));
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: None, position: None });
    rig
}

fn state(rig: &Rig) -> &fleetfold_fleet::VehicleState {
    let fleet = rig.engine.fleet();
    fleet.vehicle(fleet.vehicle_id("a").unwrap())
}

fn visits(rig: &Rig) -> Vec<Visit> {
    state(rig).route.visits.clone()
}

fn break_told(rig: &mut Rig, begins: bool) {
    break_of(rig, begins, None);
}

/// A driver says that a break begins, and how long it is to last, or that one is over.
fn break_of(rig: &mut Rig, begins: bool, duration: Option<Millis>) {
    let told = BreakEvent { vehicle: name("a"), at: Timestamp(rig.now), duration, position: None };
    rig.fact(if begins { Event::BreakStarted(told) } else { Event::BreakEnded(told) });
}

#[test]
fn what_was_driven_before_counts_and_a_break_is_planned_where_it_is_due() {
    let mut rig = ruled(simple(60));
    rig.order(job("x", km(40, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(40).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopArrived);
    rig.now = at(42).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    // 40 minutes are driven: the way back takes more than the 20 that are left.
    rig.order(job("y", km(10, 0)));
    let planned = visits(&rig);
    assert_eq!(planned[0].break_before, minutes(20), "{planned:?}");
    assert_eq!(planned[0].arrival, at(42 + 30 + 20), "{planned:?}");
    let told = rig.published.last().unwrap().pause.unwrap();
    assert_eq!((told.starts, told.ends), (at(62), at(82)), "it is due when driving time runs out, on the way");
    // He rests at once, and that is the break.
    break_told(&mut rig, true);
    rig.now = at(62).0;
    break_told(&mut rig, false);
    let planned = visits(&rig);
    assert_eq!((planned[0].break_before, planned[0].arrival), (Millis(0), at(92)), "{planned:?}");
}

#[test]
fn an_engine_that_starts_anew_knows_what_was_driven() {
    let mut rig = ruled(simple(60));
    rig.order(job("x", km(40, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(40).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    let fleet = rig.engine.fleet();
    let again = Fleet::from_image(fleet.image()).unwrap();
    assert_eq!(again.digest(), fleet.digest());
    let network = Arc::clone(rig.engine.network());
    rig.engine = Engine::new(again, network);
    rig.input(Input::Commit(Outcome::Granted(2)));
    rig.order(job("y", km(10, 0)));
    assert_eq!(visits(&rig)[0].break_before, minutes(20));
}

#[test]
fn a_driver_who_stands_long_enough_between_two_stops_has_had_his_break() {
    let mut rig = ruled(simple(60));
    rig.order(job("x", km(40, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(40).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    rig.now = at(55).0;
    rig.order(job("y", km(10, 0)));
    assert_eq!(visits(&rig)[0].arrival, at(55 + 5 + 30), "five minutes are left of the break: {:?}", visits(&rig));
    rig.now = at(61).0;
    rig.order(job("z", km(-5, 0)));
    assert!(visits(&rig).iter().all(|visit| visit.break_before == Millis(0)), "{:?}", visits(&rig));
}

#[test]
fn nobody_is_given_more_driving_than_his_shift_allows() {
    let mut rig = ruled(DrivingRule { shift_driving_max: Some(minutes(90)), ..simple(60) });
    rig.order(job("x", km(40, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(40).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    rig.order(job("far", km(-20, 0)));
    assert!(matches!(rig.placement("far"), Placement::Unassigned(_)), "60 minutes are more than the 50 that are left");
    rig.order(job("near", km(0, 0)));
    assert_eq!(rig.route("a"), ["near"]);
}

fn force(rig: &mut Rig, order: &str) {
    rig.fact(Event::AssignmentForced(Pin { order: name(order), vehicle: name("a") }));
}

/// Drives 40 minutes to a first stop, and is done there.
fn drives_forty_minutes(rig: &mut Rig) {
    rig.order(job("x", km(40, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(40).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
}

#[test]
fn who_is_forced_an_order_drives_longer_than_his_shift_allows() {
    let rules = [
        DrivingRule { shift_driving_max: Some(minutes(90)), ..simple(60) },
        DrivingRule { duty_max: Some(minutes(90)), ..simple(60) },
    ];
    for (rule, end) in rules.into_iter().flat_map(|rule| [(rule, None), (rule, Some(km(40, 0)))]) {
        let mut rig = ruled(rule);
        rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(rule), end, ..vehicle("a", km(0, 0)) }));
        drives_forty_minutes(&mut rig);
        rig.order(job("far", km(-20, 0)));
        assert!(matches!(rig.placement("far"), Placement::Unassigned(_)), "{rule:?}");
        force(&mut rig, "far");
        assert_eq!(rig.route("a"), ["far"], "{rule:?}");
        rig.order(job("farther", km(-60, 0)));
        assert_eq!(rig.route("a"), ["far"], "no other order follows it there: {rule:?}");
        // What lies on the way asks for no more driving.
        rig.order(job("between", km(15, 0)));
        assert_eq!(rig.route("a"), ["between", "far"], "{rule:?}");
        // His route stays as it is when something else is planned.
        rig.now += MINUTE;
        rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(rule), end, ..vehicle("a", km(0, 0)) }));
        assert_eq!(rig.route("a"), ["between", "far"], "{rule:?}");
    }
}

#[test]
fn who_has_not_left_is_forced_an_order_beyond_his_day() {
    for rule in [
        DrivingRule { shift_driving_max: Some(minutes(30)), ..simple(60) },
        DrivingRule { duty_max: Some(minutes(30)), ..simple(60) },
    ] {
        let mut rig = ruled(rule);
        rig.order(job("far", km(50, 0)));
        assert!(matches!(rig.placement("far"), Placement::Unassigned(_)), "{rule:?}");
        force(&mut rig, "far");
        assert_eq!(rig.route("a"), ["far"], "{rule:?}");
        rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(rule), ..vehicle("a", km(0, 0)) }));
        assert_eq!(rig.route("a"), ["far"], "{rule:?}");
    }
}

/// What keeps `a` off an order; `None`: nothing but its price.
fn keeps_off(fleet: &Fleet, rig: &Rig, order: &str) -> Option<Miss> {
    let stand = Stand::of(fleet, rig.engine.outlook(), Timestamp(rig.now));
    let offers = place(&stand, fleet.order_id(order).unwrap(), 2).0;
    let a = fleet.vehicle_id("a").unwrap();
    let offer = offers.into_iter().find(|(vehicle, _)| *vehicle == a).unwrap().1;
    match offer {
        Offer::Possible(_) => None,
        Offer::Missed(miss) => {
            Some(miss).filter(|miss| !matches!(&miss.ways[..], [way] if matches!(way[..], [Lack::Price(_)])))
        }
    }
}

/// The fleet in which the rule and the shift of `a` allow so much more as a way says; `less`: but so much less than that.
fn given(rig: &Rig, way: &[Lack], less: i64) -> Fleet {
    let mut fleet = Fleet::from_image(rig.engine.fleet().image()).unwrap();
    let state = fleet.vehicle(fleet.vehicle_id("a").unwrap());
    let (mut spec, mut shift) = (state.spec.clone().unwrap(), state.shift.clone().unwrap());
    let rule = spec.driving_time.as_mut().unwrap();
    for lack in way {
        match lack {
            Lack::Shift(by) => shift.ends = shift.ends + *by - Millis(less),
            Lack::DrivingTime { limit, by } => {
                let limit = match limit {
                    DrivingLimit::WithoutBreak => &mut rule.driving_max,
                    DrivingLimit::InShift => rule.shift_driving_max.as_mut().unwrap(),
                    DrivingLimit::Duty => rule.duty_max.as_mut().unwrap(),
                };
                *limit = *limit + *by - Millis(less);
            }
            Lack::Price(_) => {}
            Lack::OffDuty
            | Lack::BrokenDown
            | Lack::PinnedTo(_)
            | Lack::OnBoardOf(_)
            | Lack::UnderWayWith(_)
            | Lack::Rejected
            | Lack::Silent
            | Lack::Skills(_)
            | Lack::Stops(_)
            | Lack::Reloads(_)
            | Lack::Room { .. }
            | Lack::Promise(_)
            | Lack::Way
            | Lack::Order => panic!("{lack:?} is not so"),
        }
    }
    let mut seq = rig.seq;
    let facts = [
        Event::VehicleRegistered(spec),
        Event::ShiftStarted { vehicle: name("a"), shift: Some(shift), position: None },
    ];
    for fact in facts {
        let change = fleet.apply(&next_entry(&mut seq, rig.now, fact));
        assert_eq!(change.refused, None);
    }
    fleet
}

/// What is said that a driver's hours lack is enough, and a single thing is needed to the millisecond: told by giving it to his vehicle.
#[test]
fn what_a_drivers_hours_lack_is_what_he_needs() {
    let mut said: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for seed in 1..=300_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let maybe = |dice: &mut Dice, most: i64| (dice.roll(2) == 0).then(|| minutes(most / 2 + dice.roll(most)));
        let rule = DrivingRule {
            shift_driving_max: maybe(&mut dice, 120),
            duty_max: maybe(&mut dice, 180),
            first_part: minutes(if dice.roll(3) == 0 { 5 } else { 0 }),
            ..simple(30 + dice.roll(60))
        };
        let mut rig = ruled(rule);
        let end = (dice.roll(2) == 0).then(|| km(0, 0));
        rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(rule), end, ..vehicle("a", km(0, 0)) }));
        let breaks = Vec::new();
        let shift = Shift { starts: at(0), ends: at(90 + dice.roll(160)), breaks };
        rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: Some(shift), position: None });
        let somewhere = |dice: &mut Dice| km((dice.roll(80) - 40) as i32, 0);
        if dice.roll(2) == 0 {
            rig.now = at(dice.roll(20)).0;
            let there = dice.roll(40) as i32 + 1;
            rig.order(job("driven", km(there, 0)));
            if rig.route("a") == ["driven"] {
                rig.at_stop("a", "driven", StopKind::Delivery, Event::StopDeparted);
                rig.now += i64::from(there) * MINUTE;
                rig.at_stop("a", "driven", StopKind::Delivery, Event::StopCompleted);
            }
        }
        for order in 0..dice.roll(3) {
            let mut order = job(&format!("o{order}"), somewhere(&mut dice));
            if let (0, OrderWork::Job(job)) = (dice.roll(2), &mut order.work) {
                let opens = Timestamp(rig.now) + minutes(dice.roll(90));
                job.stop.windows = vec![TimeWindow::new(opens, opens + minutes(600)).unwrap()];
            }
            rig.order(order);
        }
        rig.order(job("far", somewhere(&mut dice)));
        let Placement::Unassigned(reason) = rig.placement("far") else { continue };
        let miss = keeps_off(rig.engine.fleet(), &rig, "far").unwrap_or_else(|| panic!("{seed}: it is left out"));
        let is_rule = |lack: &Lack| matches!(lack, Lack::DrivingTime { .. });
        let (shift, rule) = (UnassignedReason::Shift, UnassignedReason::DrivingTime);
        assert!(reason == shift || reason == rule, "{seed}: {reason:?}");
        assert!(reason == shift || miss.ways.iter().flatten().any(is_rule), "{seed}: {reason:?} {miss:?}");
        let is_shift = |lack: &Lack| matches!(lack, Lack::Shift(_));
        assert!(reason == rule || miss.ways.iter().flatten().any(is_shift), "{seed}: {reason:?} {miss:?}");
        for way in &miss.ways {
            assert_eq!(keeps_off(&given(&rig, way, 0), &rig, "far"), None, "{seed}: {way:?} is enough");
            if let [only] = &way[..] {
                let less = keeps_off(&given(&rig, way, 1), &rig, "far");
                assert!(less.is_some(), "{seed}: less than {only:?} is not enough");
            }
            for lack in way {
                let word = match lack {
                    Lack::DrivingTime { limit: DrivingLimit::WithoutBreak, .. } => "driving",
                    Lack::DrivingTime { limit: DrivingLimit::InShift, .. } => "shift_driving",
                    Lack::DrivingTime { limit: DrivingLimit::Duty, .. } => "duty",
                    Lack::Shift(_) => "shift",
                    Lack::OffDuty
                    | Lack::BrokenDown
                    | Lack::PinnedTo(_)
                    | Lack::OnBoardOf(_)
                    | Lack::UnderWayWith(_)
                    | Lack::Rejected
                    | Lack::Silent
                    | Lack::Skills(_)
                    | Lack::Stops(_)
                    | Lack::Reloads(_)
                    | Lack::Room { .. }
                    | Lack::Promise(_)
                    | Lack::Way
                    | Lack::Order
                    | Lack::Price(_) => continue,
                };
                *said.entry(word).or_default() += 1;
            }
        }
    }
    for word in ["driving", "shift_driving", "duty", "shift"] {
        assert!(said.get(word).is_some_and(|&times| times > 5), "{word} was hardly ever said: {said:?}");
    }
}

/// Where a rule is tightened, what a dispatcher has tied to the vehicle stays on it with the breaks that the new rule asks for, and so does what
/// asks for no more driving. What does goes to somebody who may drive so long.
#[test]
fn a_tightened_rule_keeps_what_is_tied_and_gives_the_rest_away() {
    for (is_forced, has_other) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut rig = ruled(simple(300));
        rig.order(job("tied", km(40, 0)));
        let tied = Pin { order: name("tied"), vehicle: name("a") };
        rig.fact(if is_forced { Event::AssignmentForced(tied) } else { Event::StopPinned(tied) });
        rig.order(job("between", km(20, 0)));
        rig.order(job("beyond", km(70, 0)));
        assert_eq!(rig.route("a"), ["between", "tied", "beyond"]);
        if has_other {
            rig.on("b", km(90, 0));
        }
        let tight = DrivingRule { shift_driving_max: Some(minutes(30)), ..simple(30) };
        rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(tight), ..vehicle("a", km(0, 0)) }));
        assert_eq!(rig.route("a"), ["between", "tied"], "{is_forced}");
        let planned = visits(&rig);
        assert_eq!(planned[1].break_before, minutes(20), "{is_forced}: {planned:?}");
        assert_eq!(planned[1].arrival, at(20 + 1 + 20 + 20), "{is_forced}: {planned:?}");
        if has_other {
            assert_eq!(rig.route("b"), ["beyond"], "{is_forced}");
        } else {
            assert_eq!(rig.placement("beyond"), Placement::Unassigned(UnassignedReason::DrivingTime), "{is_forced}");
        }
        let tied = rig.engine.fleet().order_id("tied").unwrap();
        let over = Lack::DrivingTime { limit: DrivingLimit::InShift, by: minutes(10) };
        assert_eq!(broken(rig.engine.fleet(), rig.engine.outlook(), tied), [over], "{is_forced}");
    }
}

/// What is forced beyond the end of a shift takes the breaks along that a tightened rule asks for.
#[test]
fn a_forced_order_beyond_the_shift_has_its_breaks_when_the_rule_is_tightened() {
    let mut rig = ruled(simple(300));
    let shift = Shift { starts: at(0), ends: at(45), breaks: Vec::new() };
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: Some(shift), position: None });
    rig.order(job("far", km(100, 0)));
    force(&mut rig, "far");
    rig.order(job("between", km(20, 0)));
    assert_eq!(rig.route("a"), ["between", "far"]);
    rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(simple(30)), ..vehicle("a", km(0, 0)) }));
    assert_eq!(rig.route("a"), ["between", "far"]);
    let planned = visits(&rig);
    assert_eq!(planned[1].arrival, at(20 + 1 + 80 + 3 * 20), "{planned:?}");
}

/// A dispatcher's word breaks a driver's hours for the order that it names, and for no other: those have to leave at once.
#[test]
fn an_order_that_is_forced_takes_the_hours_of_others() {
    for is_shared in [false, true] {
        let mut rig = ruled(DrivingRule { shift_driving_max: Some(minutes(60)), ..simple(300) });
        rig.order(job("first", km(30, 0)));
        rig.order(job("second", km(55, 0)));
        assert_eq!(rig.route("a"), ["first", "second"]);
        if is_shared {
            rig.on("b", km(50, 10));
            assert_eq!(rig.route("b"), [""; 0]);
        }
        rig.order(job("forced", km(-20, 0)));
        force(&mut rig, "forced");
        // 20 there and 50 to the first: what is forced asks for 20, so the rule holds for the others.
        assert_eq!(rig.route("a"), ["forced"]);
        if is_shared {
            assert_eq!(rig.route("b").len(), 2, "{:?}", rig.route("b"));
        }
        let forced = rig.engine.fleet().order_id("forced").unwrap();
        assert_eq!(broken(rig.engine.fleet(), rig.engine.outlook(), forced), []);
    }
}

/// What is forced beyond a driver's hours opens them for nothing else, however it lies on the way.
#[test]
fn hours_that_are_passed_by_a_word_are_open_for_nobody_else() {
    for later in [false, true] {
        let mut rig = ruled(DrivingRule { shift_driving_max: Some(minutes(60)), ..simple(300) });
        if !later {
            rig.order(job("other", km(-50, 5)));
        }
        for (order, place) in [("one", km(-50, 0)), ("two", km(30, 0))] {
            rig.order(job(order, place));
            force(&mut rig, order);
        }
        if later {
            rig.order(job("other", km(-50, 5)));
        }
        let mut route = rig.route("a");
        route.sort_unstable();
        assert_eq!(route, ["one", "two"], "{later}");
        assert_eq!(rig.placement("other"), Placement::Unassigned(UnassignedReason::DrivingTime), "{later}");
        rig.input(Input::Tick(Timestamp(rig.now)));
        assert_eq!(rig.route("a").len(), 2);
    }
}

/// An order that a dispatcher forces says what it breaks of a driver's hours before and after.
#[test]
fn a_forced_order_says_what_it_breaks_of_a_drivers_hours() {
    let rule = DrivingRule { shift_driving_max: Some(minutes(90)), duty_max: Some(minutes(130)), ..simple(60) };
    let mut rig = ruled(rule);
    drives_forty_minutes(&mut rig);
    rig.order(job("far", km(-20, 0)));
    let plan = rig.plans.last().unwrap();
    let choice = &plan.groups[0].choices[0];
    assert_eq!(choice.reason, Some(UnassignedReason::DrivingTime));
    assert_eq!((choice.runner_up.clone(), choice.runner_up_obstacle), (Some(name("a")), Obstacle::DrivingTime));
    let says = |fleet: &Fleet| (fleet.vehicle_id("a").unwrap(), fleet.order_id("far").unwrap());
    let drives = |by: i64| Lack::DrivingTime { limit: DrivingLimit::InShift, by: minutes(by) };
    let works = |by: i64| Lack::DrivingTime { limit: DrivingLimit::Duty, by: minutes(by) };
    let (a, far) = says(rig.engine.fleet());
    let stand = Stand::of(rig.engine.fleet(), rig.engine.outlook(), Timestamp(rig.now));
    // 39 minutes are driven, 60 are to be, and the first 21 of them end with a break of 20.
    assert_eq!(lacks(&stand, a, far), [drives(9)], "121 minutes are less than the 130 of his day");
    force(&mut rig, "far");
    assert_eq!(rig.route("a"), ["far"]);
    assert_eq!(broken(rig.engine.fleet(), rig.engine.outlook(), far), [drives(9)]);
    rig.fact(Event::VehicleRegistered(Vehicle {
        driving_time: Some(DrivingRule { duty_max: Some(minutes(100)), ..rule }),
        ..vehicle("a", km(0, 0))
    }));
    assert_eq!(broken(rig.engine.fleet(), rig.engine.outlook(), far), [drives(9), works(21)]);
    // A break is no drive: it costs nothing.
    let stand = Stand::of(rig.engine.fleet(), rig.engine.outlook(), Timestamp(rig.now));
    assert_eq!(route(&stand, a).unwrap().parts.driving, minutes(60));
}

#[test]
fn the_day_of_a_driver_ends_in_time() {
    let mut rig = ruled(DrivingRule { duty_max: Some(minutes(100)), ..simple(1_000) });
    rig.now = at(30).0;
    rig.order(job("x", km(10, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(40).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    rig.now = at(100).0;
    rig.order(job("far", km(60, 0)));
    assert!(matches!(rig.placement("far"), Placement::Unassigned(_)), "his day is over at minute 130");
    rig.order(job("near", km(30, 0)));
    assert_eq!(rig.route("a"), ["near"]);
}

#[test]
fn who_has_driven_too_long_is_said_to_have() {
    let mut rig = ruled(simple(60));
    rig.order(job("x", km(50, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    // A jam.
    rig.now = at(75).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopArrived);
    let driven = state(&rig).driven(Timestamp(rig.now)).unwrap();
    assert_eq!(driven.excess(&simple(60)).driving, minutes(15));
    rig.now = at(76).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    rig.order(job("y", km(0, 0)));
    let planned = visits(&rig);
    assert_eq!((planned[0].break_before, planned[0].arrival), (minutes(20), at(76 + 20 + 50)), "{planned:?}");
}

#[test]
fn every_break_of_a_long_drive_is_told_where_it_is_due() {
    let mut rig = ruled(simple(60));
    rig.order(job("x", km(150, 0)));
    let told = state(&rig).breaks_of_route(Timestamp(rig.now));
    let expected =
        [(60, 80), (140, 160)].map(|(starts, ends)| RouteBreak { before: 0, starts: at(starts), ends: at(ends) });
    assert_eq!(told, expected);
    let next = rig.published.last().unwrap().pause.unwrap();
    assert_eq!((next.starts, next.ends), (at(60), at(80)), "the next one, and not both as one");
    let visit = &rig.published.last().unwrap().visits[0];
    assert_eq!((visit.visit.break_before, visit.on_the_way), (minutes(40), minutes(40)), "he leaves before them");
    // He departs, and takes the first where it is due.
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    assert_eq!(state(&rig).breaks_of_route(Timestamp(rig.now)), expected);
    assert_eq!(state(&rig).breaks_of_route(state(&rig).tachograph.last_at()), expected, "as of the last fact, too");
    rig.now = at(60).0;
    break_told(&mut rig, true);
    assert_eq!(state(&rig).rests_since(Timestamp(rig.now)), Some(at(60)));
    rig.now = at(80).0;
    break_told(&mut rig, false);
    assert_eq!(state(&rig).rests_since(Timestamp(rig.now)), None);
    let told = state(&rig).breaks_of_route(Timestamp(rig.now));
    assert_eq!(told, expected[1..], "the other one is ahead");
    rig.now = at(140).0;
    break_told(&mut rig, true);
    rig.now = at(165).0;
    // He says nothing of its end, and is there: he takes none any more.
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopArrived);
    assert_eq!(state(&rig).rests_since(Timestamp(rig.now)), None);
}

/// What a driver rests on a drive before he has to counts: no break is said to be missing that he does not need any more, or that is planned.
#[test]
fn a_break_that_is_taken_early_on_a_drive_counts_while_it_is_taken_and_afterwards() {
    for (far, early, later) in [(100, 4, Some(84)), (100, 45, None), (70, 4, Some(84)), (70, 15, None)] {
        let mut rig = ruled(simple(60));
        rig.order(job("x", km(far, 0)));
        rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
        rig.now = at(early).0;
        break_of(&mut rig, true, Some(minutes(20)));
        let rests = if later.is_some() { 40 } else { 20 };
        for now in [early, early + 7, early + 19, early + 20, early + 21] {
            rig.now = at(now).0;
            if now == early + 20 {
                break_told(&mut rig, false);
            }
            let what = format!("{far} km, a break at minute {early}, now {now}");
            let planned = visits(&rig);
            assert_eq!(
                (planned[0].arrival, planned[0].break_before),
                (at(far.into()) + minutes(rests), minutes(rests))
            );
            let told = state(&rig).breaks_of_route(Timestamp(rig.now));
            let told: Vec<_> = told.into_iter().map(|pause| (pause.starts, pause.ends)).collect();
            assert_eq!(
                told,
                later.map(|at| (self::at(at), self::at(at + 20))).into_iter().collect::<Vec<_>>(),
                "{what}"
            );
            for now in [Timestamp(rig.now), state(&rig).tachograph.last_at()] {
                state(&rig).follow_route(now, |leg| assert_eq!(leg.missing, Millis(0), "{what}: {leg:?}"));
            }
        }
    }
}

/// Who departs has ended his break: so his route is planned, and so his vehicle and his hours say.
#[test]
fn who_departs_within_his_break_drives() {
    for rule in [None, Some(simple(60))] {
        let mut rig = ruled(simple(60));
        rig.fact(Event::VehicleRegistered(Vehicle { driving_time: rule, ..vehicle("a", km(0, 0)) }));
        rig.order(job("x", km(30, 0)));
        break_of(&mut rig, true, Some(minutes(20)));
        assert_eq!(visits(&rig)[0].arrival, at(50), "{rule:?}");
        rig.now = at(5).0;
        rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
        assert_eq!(state(&rig).rests_since(Timestamp(rig.now)), None, "{rule:?}");
        rig.now = at(6).0;
        rig.order(job("y", km(40, 0)));
        rig.input(Input::Tick(Timestamp(rig.now)));
        let planned = visits(&rig);
        assert_eq!((planned[0].arrival, planned[1].arrival), (at(35), at(46)), "{rule:?}");
        assert!(state(&rig).next_break(Timestamp(rig.now)).is_none(), "{rule:?}");
        // He is there and done before the break would have been over.
        rig.now = at(7).0;
        rig.at_stop("a", "x", StopKind::Delivery, Event::StopArrived);
        rig.now = at(8).0;
        rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
        assert_eq!(state(&rig).rests_since(Timestamp(rig.now)), None, "{rule:?}");
        rig.order(job("z", km(50, 0)));
        assert_eq!(visits(&rig)[0].arrival, at(18), "{rule:?}");
    }
}

/// What is told late of what a driver did before moves him back to no place where his phone was before he came where he is.
#[test]
fn what_is_told_late_does_not_move_a_driver_back_to_where_his_phone_was() {
    let mut rig = ruled(simple(300));
    rig.order(job("x", km(30, 0)));
    rig.order(job("y", km(60, 0)));
    rig.now = at(10).0;
    rig.input(Input::Position(PositionReport { vehicle: name("a"), position: km(0, 0), at: at(10) }));
    let told = |minute: i64, order: &str| StopEvent {
        vehicle: name("a"),
        order: name(order),
        stop: StopKind::Delivery,
        at: at(minute),
        position: Some(km(30, 0)),
    };
    let here = |rig: &Rig| (state(rig).whereabouts().unwrap().position, state(rig).on_its_way_at());
    rig.now = at(40).0;
    rig.fact(Event::StopArrived(told(30, "x")));
    assert_eq!(here(&rig), (km(30, 0), None));
    let pause = BreakEvent { vehicle: name("a"), at: at(5), duration: Some(minutes(3)), position: None };
    rig.fact(Event::BreakStarted(pause));
    assert_eq!(here(&rig), (km(30, 0), None));
    // His next departure is told with a time at which he had not left for the first stop.
    rig.fact(Event::StopCompleted(told(31, "x")));
    rig.fact(Event::StopDeparted(StopEvent { position: None, ..told(4, "y") }));
    assert_eq!(here(&rig), (km(30, 0), None));
    rig.input(Input::Position(PositionReport { vehicle: name("a"), position: km(35, 0), at: at(36) }));
    assert_eq!(here(&rig).1.map(|here| here.position), Some(km(35, 0)), "what is heard since counts");
}

/// Who has not rested enough on a drive has driven too long, and is there when the plan says so: no break lies behind that.
#[test]
fn a_break_that_is_missing_moves_no_other_one() {
    let mut rig = ruled(simple(300));
    for (order, place) in [("x", 50), ("y", 150), ("z", 180)] {
        rig.order(job(order, km(place, 0)));
        force(&mut rig, order);
    }
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(simple(40)), ..vehicle("a", km(0, 0)) }));
    let planned = visits(&rig);
    for now in [Timestamp(rig.now), state(&rig).tachograph.last_at()] {
        for pause in state(&rig).breaks_of_route(now) {
            assert!(pause.ends <= planned[pause.before].arrival, "{pause:?} {planned:?}");
        }
        state(&rig).follow_route(now, |leg| {
            assert!(leg.behind.at <= planned[leg.index].departure, "{leg:?} {planned:?}");
        });
    }
}

/// What a driver really did, minute by minute.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Did {
    Drove,
    Rested,
    Worked,
}

/// Driving since the last break, the first part taken, and resting for so long: every way to read the minutes of a day so far.
type Readings = BTreeSet<(i64, bool, i64)>;

/// One more minute, read in every way: a rest may end with every minute in which something else is done.
fn minute(readings: &Readings, did: Did, rule: &DrivingRule) -> Readings {
    let (pause, first) = (rule.pause.0 / MINUTE, rule.first_part.0 / MINUTE);
    let mut next = Readings::new();
    for &(driven, part, rested) in readings {
        if did == Did::Rested || (did == Did::Worked && rule.service_counts) {
            next.insert((driven, part, rested + 1));
            continue;
        }
        let more = i64::from(did == Did::Drove);
        next.insert((driven + more, part, 0));
        if rested >= pause || (part && rested >= pause - first) {
            next.insert((more, false, 0));
        }
        if first > 0 && rested >= first {
            next.insert((driven + more, true, 0));
        }
    }
    next
}

fn span(readings: &Readings, did: Did, time: i64, rule: &DrivingRule) -> Readings {
    let most = rule.driving_max.0 / MINUTE;
    (0..time).fold(readings.clone(), |readings, _| {
        let mut next = minute(&readings, did, rule);
        next.retain(|&(driven, ..)| driven <= most);
        next
    })
}

/// The readings behind a drive with one break of so long, taken at any minute of it.
fn drive_with_one(readings: &Readings, time: i64, rests: i64, rule: &DrivingRule) -> Readings {
    let mut found = Readings::new();
    for early in 0..=time {
        let rested = span(&span(readings, Did::Drove, early, rule), Did::Rested, rests, rule);
        found.extend(span(&rested, Did::Drove, time - early, rule));
    }
    found
}

/// The readings behind a drive with breaks of so long in all: one, or where that is not enough, two.
fn drive(readings: &Readings, time: i64, rests: i64, rule: &DrivingRule) -> Readings {
    if rests == 0 {
        return span(readings, Did::Drove, time, rule);
    }
    let once = drive_with_one(readings, time, rests, rule);
    if !once.is_empty() {
        return once;
    }
    let divided = (0..time).flat_map(|early| (1..rests).map(move |part| (early, part)));
    let mut twice = divided.map(|(early, part)| {
        let rested = span(&span(readings, Did::Drove, early, rule), Did::Rested, part, rule);
        drive_with_one(&rested, time - early, rests - part, rule)
    });
    twice.find(|found| !found.is_empty()).unwrap_or_default()
}

/// Whether a plan keeps the rule, told by nothing but what the driver did up to now and the times of the plan.
fn keeps(did: &[Did], resting: i64, planned: &[Visit], rule: &DrivingRule) -> bool {
    let start = BTreeSet::from([(0, false, 0)]);
    let mut readings = did.iter().fold(start, |readings, &did| span(&readings, did, 1, rule));
    // A break that he takes is over first.
    readings = span(&readings, Did::Rested, resting, rule);
    let mut clock = did.len() as i64 + resting;
    for visit in planned {
        let minute = |at: Timestamp| at.0 / MINUTE;
        let leaves = minute(visit.depart_at).max(clock);
        readings = span(&readings, Did::Rested, leaves - clock, rule);
        let rests = visit.break_before.0 / MINUTE;
        let time = minute(visit.arrival) - leaves - rests;
        assert!(time >= 0, "resting {resting}: {planned:?}, {}", runs(did));
        readings = drive(&readings, time, rests, rule);
        readings = span(&readings, Did::Rested, minute(visit.start) - minute(visit.arrival), rule);
        readings = span(&readings, Did::Worked, minute(visit.departure) - minute(visit.start), rule);
        clock = minute(visit.departure);
    }
    !readings.is_empty()
}

/// The same with the breaks of the route where they are said to be. `under_way`: the minute in which he left for the first stop, what is left
/// of the drive there, and when work can begin.
fn keeps_as_told(
    did: &[Did],
    resting: i64,
    under_way: Option<(i64, i64, i64)>,
    (planned, breaks): (&[Visit], &[RouteBreak]),
    rule: &DrivingRule,
) -> bool {
    let minute = |at: Timestamp| at.0 / MINUTE;
    let start = BTreeSet::from([(0, false, 0)]);
    let mut readings = did.iter().fold(start, |readings, &did| span(&readings, did, 1, rule));
    readings = span(&readings, Did::Rested, resting, rule);
    let mut clock = did.len() as i64 + resting;
    for (index, visit) in planned.iter().enumerate() {
        let own: Vec<_> = breaks.iter().filter(|pause| pause.before == index).collect();
        let all: i64 = own.iter().map(|pause| pause.ends.0 - pause.starts.0).sum();
        let mut arrives = minute(visit.arrival);
        let leaves = if let Some((left, drive, opens)) = under_way.filter(|_| index == 0) {
            let rested = did[left as usize..].iter().filter(|&&did| did == Did::Rested).count() as i64 + resting;
            assert_eq!(all + rested * MINUTE, visit.break_before.0, "{planned:?} {breaks:?}");
            arrives = clock + all / MINUTE + drive;
            // Who departs at another time than planned is there at another time, which is said with the next tick of the clock.
            let is_said = left < did.len() as i64;
            assert!(!is_said || minute(visit.start) == arrives.max(opens), "{planned:?} {breaks:?}");
            clock
        } else {
            assert_eq!(all, visit.break_before.0, "{planned:?} {breaks:?}");
            minute(visit.depart_at).max(clock)
        };
        readings = span(&readings, Did::Rested, leaves - clock, rule);
        clock = leaves;
        for pause in own {
            assert!(minute(pause.starts) >= clock && minute(pause.ends) <= arrives, "{planned:?} {breaks:?}");
            readings = span(&readings, Did::Drove, minute(pause.starts) - clock, rule);
            readings = span(&readings, Did::Rested, minute(pause.ends) - minute(pause.starts), rule);
            clock = minute(pause.ends);
        }
        readings = span(&readings, Did::Drove, arrives - clock, rule);
        readings = span(&readings, Did::Rested, (minute(visit.start) - arrives).max(0), rule);
        readings = span(&readings, Did::Worked, minute(visit.departure) - minute(visit.start), rule);
        clock = minute(visit.departure);
    }
    !readings.is_empty()
}

/// A small generator of numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as i64
    }
}

/// A day in words.
fn runs(did: &[Did]) -> String {
    let runs = did.chunk_by(|one, next| one == next).map(|run| format!("{:?} {}", run[0], run.len()));
    runs.collect::<Vec<_>>().join(", ")
}

/// A random day: orders come, the driver does what he is told, and reports it. Every plan is walked by a slow oracle with what he has really done, and
/// so is his whole day at its end.
fn day(seed: u64) -> (usize, usize) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let rule = DrivingRule {
        driving_max: minutes(30 + dice.roll(40)),
        pause: minutes(12 + dice.roll(12)),
        first_part: minutes(if dice.roll(2) == 0 { 0 } else { 5 }),
        service_counts: dice.roll(3) == 0,
        shift_driving_max: None,
        duty_max: None,
    };
    let mut rig = ruled(rule);
    let (mut did, mut place, mut orders, mut walked, mut breaks) = (Vec::new(), 0_i64, 0, 0, 0);
    // What is left of a drive, of a break and of a service.
    let (mut left, mut resting, mut working) = (0, 0, 0);
    let mut goes_to: Option<Visit> = None;
    // When he left for it; whether the end of his break is told; whether its length was.
    let (mut left_at, mut tells_end, mut is_told) = (0, true, true);
    // When he told the end of one: the next one begins a minute later at the earliest.
    let mut ended_at = -1;
    for now in 0..420_i64 {
        rig.now = now * MINUTE;
        rig.input(Input::Tick(Timestamp(rig.now)));
        if now < 300 && dice.roll(12) == 0 {
            let mut order = job(&format!("o{orders}"), km((dice.roll(50) - 25) as i32, 0));
            if let (0, OrderWork::Job(job)) = (dice.roll(4), &mut order.work) {
                let opens = now + dice.roll(90);
                job.stop.windows = vec![TimeWindow::new(at(opens), at(opens + 200)).unwrap()];
            }
            orders += 1;
            rig.order(order);
        }
        // He is done with what he did.
        if resting == 0
            && working == 0
            && left == 0
            && let Some(visit) = goes_to
        {
            if state(&rig).under_way.is_some_and(|under| under.arrived.is_none()) {
                let order = rig.engine.fleet().order(visit.order).name.to_string();
                rig.at_stop("a", &order, StopKind::Delivery, Event::StopArrived);
                let begins = visits(&rig)[0].start.0 / MINUTE;
                let service = (visit.departure - visit.start).0 / MINUTE;
                working = (begins - now).max(0) + service;
            }
            if working == 0 {
                let order = rig.engine.fleet().order(visit.order).name.to_string();
                rig.at_stop("a", &order, StopKind::Delivery, Event::StopCompleted);
                goes_to = None;
            }
        }
        let told = state(&rig).next_break(Timestamp(rig.now));
        let is_at_stop = goes_to.is_some() && left == 0;
        let is_due =
            told.is_some_and(|told| !told.is_taken && told.starts.0 / MINUTE <= now && told.ends > told.starts);
        let waits = ended_at == now && is_due;
        if resting == 0
            && !is_at_stop
            && !waits
            && let Some(told) = told.filter(|told| !told.is_taken)
        {
            let length = (told.ends - told.starts).0 / MINUTE;
            if told.starts.0 / MINUTE <= now && length > 0 {
                resting = length;
                breaks += 1;
                is_told = dice.roll(2) == 0;
                tells_end = !is_told || dice.roll(3) > 0;
                break_of(&mut rig, true, is_told.then(|| minutes(length)));
            }
        }
        // He takes one earlier than he has to, or another one.
        let may_drive =
            |rig: &Rig| state(rig).driven(Timestamp(rig.now)).map_or(Millis(0), |driven| driven.left(&rule));
        if resting == 0 && !is_at_stop && ended_at != now && now < 300 && dice.roll(25) == 0 {
            resting = 1 + dice.roll(25);
            (is_told, tells_end) = (true, dice.roll(3) > 0 && may_drive(&rig) > minutes(2));
            break_of(&mut rig, true, Some(minutes(resting)));
        }
        let planned = visits(&rig);
        let first = planned.first().copied();
        // He goes on before his break is over, and says nothing of its end.
        let is_cut = goes_to.is_none() && resting > 1 && first.is_some() && may_drive(&rig) > minutes(5);
        let is_cut =
            is_cut && state(&rig).rests_since(at(now)).is_some_and(|since| since < at(now)) && dice.roll(20) == 0;
        if is_cut {
            resting = 0;
        }
        if resting == 0
            && goes_to.is_none()
            && !waits
            && let Some(first) = first.filter(|first| is_cut || first.depart_at.0 / MINUTE <= now)
        {
            let order = rig.engine.fleet().order(first.order).name.to_string();
            let there =
                i64::from(rig.engine.fleet().order(first.order).stop(first.stop).unwrap().position.x) / 1_000_000;
            rig.at_stop("a", &order, StopKind::Delivery, Event::StopDeparted);
            (left, place, goes_to, left_at) = ((there - place).abs(), there, Some(first), now);
        }
        let planned = visits(&rig);
        let is_under_way = goes_to.is_some() && left > 0;
        let under_way = planned.first().filter(|_| is_under_way).map(|visit| {
            let stop = rig.engine.fleet().order(visit.order).stop(visit.stop).unwrap();
            (left_at, left, stop.windows.first().map_or(0, |window| window.opens().0 / MINUTE))
        });
        if (goes_to.is_none() || is_under_way) && (is_told || resting == 0) && !waits {
            assert!(
                is_under_way || keeps(&did, resting, &planned, &rule),
                "seed {seed}, minute {now}, {rule:?}: {planned:?}, {}",
                runs(&did)
            );
            let told = state(&rig).breaks_of_route(Timestamp(rig.now));
            state(&rig).follow_route(Timestamp(rig.now), |leg| {
                assert_eq!(leg.missing, Millis(0), "seed {seed}, minute {now}, {rule:?}: {leg:?}, {}", runs(&did));
            });
            assert!(
                keeps_as_told(&did, resting, under_way, (&planned, &told), &rule),
                "seed {seed}, minute {now}, {rule:?}: {planned:?}, {told:?}, {}",
                runs(&did)
            );
            walked += usize::from(!planned.is_empty());
        }
        // The minute passes.
        if resting > 0 {
            did.push(Did::Rested);
            resting -= 1;
            if resting == 0 && tells_end {
                rig.now += MINUTE;
                ended_at = now + 1;
                break_told(&mut rig, false);
            }
        } else if left > 0 {
            did.push(Did::Drove);
            left -= 1;
        } else if working > 0 {
            let waits = visits(&rig)[0].start.0 > rig.now;
            did.push(if waits { Did::Rested } else { Did::Worked });
            working -= 1;
        } else {
            did.push(Did::Rested);
        }
    }
    assert!(keeps(&did, 0, &[], &rule), "seed {seed}: his day breaks the rule {rule:?}: {}", runs(&did));
    (walked, breaks)
}

#[test]
fn who_does_what_he_is_told_never_drives_too_long() {
    let (mut walked, mut breaks) = (0, 0);
    for seed in 1..=20 {
        let (plans, taken) = day(seed);
        (walked, breaks) = (walked + plans, breaks + taken);
    }
    assert!(walked > 200 && breaks > 20, "{walked} plans, {breaks} breaks");
}

/// What is driven to an order that is forced may be within the hours of its driver, and his way home not.
#[test]
fn a_forced_order_says_what_the_way_home_breaks() {
    let home =
        |rule: Option<DrivingRule>| Vehicle { driving_time: rule, end: Some(km(0, 0)), ..vehicle("a", km(0, 0)) };
    let says = |rig: &Rig, order: &str| {
        let fleet = rig.engine.fleet();
        broken(fleet, rig.engine.outlook(), fleet.order_id(order).unwrap())
    };
    // 40 out and 40 home.
    for (rule, limit, by) in [
        (DrivingRule { shift_driving_max: Some(minutes(60)), ..simple(300) }, DrivingLimit::InShift, 20),
        (DrivingRule { duty_max: Some(minutes(60)), ..simple(300) }, DrivingLimit::Duty, 21),
        // With a break of 20 minutes.
        (DrivingRule { duty_max: Some(minutes(60)), ..simple(60) }, DrivingLimit::Duty, 41),
    ] {
        let mut rig = ruled(rule);
        rig.fact(Event::VehicleRegistered(home(Some(rule))));
        rig.order(job("far", km(40, 0)));
        assert_eq!(rig.placement("far"), Placement::Unassigned(UnassignedReason::DrivingTime));
        force(&mut rig, "far");
        assert_eq!(rig.route("a"), ["far"]);
        assert_eq!(says(&rig, "far"), [Lack::DrivingTime { limit, by: minutes(by) }]);
    }
    let mut rig = ruled(simple(300));
    rig.fact(Event::VehicleRegistered(home(None)));
    let shift = Shift { starts: at(0), ends: at(45), breaks: Vec::new() };
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: Some(shift), position: None });
    rig.order(job("far", km(40, 0)));
    assert_eq!(rig.placement("far"), Placement::Unassigned(UnassignedReason::Shift));
    force(&mut rig, "far");
    assert_eq!(says(&rig, "far"), [Lack::Shift(minutes(36))], "he is home at minute 81");
    // His way home is no reason to take anything else off him that lies on it.
    rig.order(job("between", km(20, 0)));
    assert_eq!(rig.route("a").len(), 2, "{:?}", rig.route("a"));
    rig.fact(Event::VehicleRegistered(home(None)));
    assert_eq!(rig.route("a").len(), 2, "{:?}", rig.route("a"));
    assert_eq!(says(&rig, "between"), [], "it is served within the shift");
}

/// A dispatcher's word lifts the end of a shift for the order that it names. What was within it beside others goes to somebody else, or is
/// told at once why not.
#[test]
fn what_a_forced_order_pushes_beyond_the_shift_leaves_the_vehicle() {
    for (is_shared, end) in [(false, None), (true, None), (false, Some(km(0, 0))), (true, Some(km(0, 0)))] {
        let mut rig = ruled(simple(300));
        rig.fact(Event::VehicleRegistered(Vehicle { end, ..vehicle("a", km(0, 0)) }));
        let ends = if end.is_some() { 120 } else { 60 };
        let shift = Shift { starts: at(0), ends: at(ends), breaks: Vec::new() };
        rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: Some(shift), position: None });
        rig.order(job("first", km(30, 0)));
        rig.order(job("second", km(55, 0)));
        assert_eq!(rig.route("a").len(), 2);
        if is_shared {
            rig.on("b", km(60, 10));
        }
        rig.order(job("forced", km(-40, 0)));
        force(&mut rig, "forced");
        assert_eq!(rig.route("a"), ["forced"], "{end:?}");
        for order in ["first", "second"] {
            let placed = rig.placement(order);
            let is_told = if is_shared {
                matches!(placed, Placement::OnRoute(_))
            } else {
                placed == Placement::Unassigned(UnassignedReason::Shift)
            };
            assert!(is_told, "{order} {end:?}: {placed:?}");
        }
    }
}

/// Why an order that a forced one drives out of the hours of its driver is on no route is told with the same answer.
#[test]
fn what_leaves_a_driver_for_his_hours_says_so_at_once() {
    let mut rig = ruled(DrivingRule { shift_driving_max: Some(minutes(60)), ..simple(300) });
    rig.order(job("first", km(30, 0)));
    rig.order(job("second", km(55, 0)));
    rig.order(job("forced", km(-20, 0)));
    let plans = rig.plans.len();
    force(&mut rig, "forced");
    let unassigned: Vec<_> = rig.plans[plans..].iter().flat_map(|plan| &plan.groups).collect();
    let unassigned: Vec<_> = unassigned.into_iter().flat_map(|group| &group.unassigned).collect();
    for order in ["first", "second"] {
        let told: Vec<_> = unassigned.iter().filter(|(name, _)| name.as_str() == order).map(|told| told.1).collect();
        assert_eq!(told, [UnassignedReason::DrivingTime], "{order}, once");
        assert_eq!(rig.placement(order), Placement::Unassigned(UnassignedReason::DrivingTime));
    }
}

/// Of two vehicles the one that lacks one thing is nearer to taking an order than the one that lacks two, and the reason is what both lack.
#[test]
fn the_nearest_miss_is_who_lacks_one_thing_and_not_two() {
    let rule = DrivingRule { shift_driving_max: Some(minutes(60)), ..simple(300) };
    let mut rig = ruled(rule);
    rig.fact(Event::VehicleRegistered(Vehicle { driving_time: Some(rule), ..vehicle("b", km(10, 0)) }));
    let shift = Shift { starts: at(0), ends: at(30), breaks: Vec::new() };
    rig.fact(Event::ShiftStarted { vehicle: name("b"), shift: Some(shift), position: None });
    rig.order(job("x", km(72, 0)));
    let told = rig.plans.last().unwrap().groups[0].choices[0].clone();
    assert_eq!(told.reason, Some(UnassignedReason::DrivingTime));
    assert_eq!((told.runner_up, told.runner_up_obstacle), (Some(name("a")), Obstacle::DrivingTime));
    // The table of what each would need says the same.
    let fleet = rig.engine.fleet();
    let stand = Stand::of(fleet, rig.engine.outlook(), Timestamp(rig.now));
    let offers = place(&stand, fleet.order_id("x").unwrap(), 2).0;
    let Offer::Missed(first) = &offers[0].1 else { panic!("{offers:?}") };
    assert_eq!(offers[0].0, fleet.vehicle_id("a").unwrap());
    assert_eq!(first.ways, [[Lack::DrivingTime { limit: DrivingLimit::InShift, by: minutes(12) }]]);
    let Offer::Missed(second) = &offers[1].1 else { panic!("{offers:?}") };
    let both = [Lack::Shift(minutes(33)), Lack::DrivingTime { limit: DrivingLimit::InShift, by: minutes(2) }];
    assert_eq!(second.ways, [both]);
}

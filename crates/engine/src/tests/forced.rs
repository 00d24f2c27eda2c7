//! Orders that dispatchers force onto vehicles break hours for themselves, and for nothing else.

use fleetfold_model::DrivingRule;

use super::*;
use crate::reasons::{Lack, Offer, Stand, broken, lacks, place};

fn minutes(count: i64) -> Millis {
    Millis(count * 60_000)
}

/// A vehicle whose driver may drive and work for so long.
fn limited(id: &str, driving: Option<i64>, duty: Option<i64>, end: Option<Position>) -> Vehicle {
    let rule = DrivingRule {
        driving_max: minutes(10_000),
        pause: minutes(20),
        first_part: Millis(0),
        service_counts: false,
        shift_driving_max: driving.map(minutes),
        duty_max: duty.map(minutes),
    };
    let driving_time = (driving.is_some() || duty.is_some()).then_some(rule);
    Vehicle { driving_time, end, ..vehicle(id, km(0, 0)) }
}

/// Only `a`, which has signed on for so long and whose driver may drive and work for so long.
fn alone(shift: i64, driving: Option<i64>, duty: Option<i64>, end: Option<Position>) -> Rig {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    rig.fact(Event::VehicleRegistered(limited("a", driving, duty, end)));
    let shift = Shift { starts: at(0), ends: at(shift), breaks: Vec::new() };
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: Some(shift), position: None });
    rig
}

fn force(rig: &mut Rig, order: &str) {
    rig.fact(Event::AssignmentForced(Pin { order: name(order), vehicle: name("a") }));
}

/// What is forced may ask for more than a shift on the way home only, where it is served last: the others go before it, and what comes later,
/// too.
#[test]
fn what_nobody_forced_goes_before_what_is_forced_where_that_keeps_the_hours() {
    for (shift, driving, duty) in [(120, None, None), (600, Some(120), None), (600, None, Some(120))] {
        let what = format!("shift {shift}, driving {driving:?}, duty {duty:?}");
        let mut rig = alone(shift, driving, duty, Some(km(0, 0)));
        rig.order(job("d", km(50, 0)));
        rig.order(job("c", km(90, 0)));
        assert!(matches!(rig.placement("c"), Placement::Unassigned(_)), "{what}");
        force(&mut rig, "c");
        assert_eq!(rig.route("a"), ["d", "c"], "{what}");
        rig.order(job("k", km(20, 0)));
        assert_eq!(rig.route("a"), ["k", "d", "c"], "{what}");
        rig.rest();
        assert_eq!(rig.route("a"), ["k", "d", "c"], "{what}");
        if shift > 120 {
            continue;
        }
        // What has to wait would be served on the way home: it is not.
        let mut beyond = job("beyond", km(20, 0));
        if let OrderWork::Job(job) = &mut beyond.work {
            job.stop.windows = vec![TimeWindow::new(at(140), at(600)).unwrap()];
        }
        rig.order(beyond);
        assert!(matches!(rig.placement("beyond"), Placement::Unassigned(_)), "{what}: {:?}", rig.route("a"));
        let fleet = rig.engine.fleet();
        let stand = Stand::of(fleet, rig.engine.outlook(), Timestamp(rig.now));
        let offers = place(&stand, fleet.order_id("beyond").unwrap(), 2).0;
        assert!(offers.iter().all(|(_, offer)| matches!(offer, Offer::Missed(_))), "{what}: {offers:?}");
        for order in ["k", "d"] {
            assert_eq!(broken(fleet, rig.engine.outlook(), fleet.order_id(order).unwrap()), [], "{what}: {order}");
        }
    }
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

/// Whatever is forced, and in whichever order: what nobody has forced is served within the shift and the hours of its driver, as adding up its
/// way there says. What is forced is on its route, and what is on none has a reason.
#[test]
fn a_word_opens_the_hours_for_nothing_else() {
    let (mut forced_beyond, mut others) = (0, 0);
    for seed in 1..=150_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let limit = 40 + dice.roll(100);
        let (shift, driving, duty) = match dice.roll(3) {
            0 => (limit, None, None),
            1 => (10_000, Some(limit), None),
            _ => (10_000, None, Some(limit)),
        };
        let end = (dice.roll(2) == 0).then(|| km(0, 0));
        let mut rig = alone(shift, driving, duty, end);
        if dice.roll(3) == 0 {
            rig.on("b", km(30, 0));
        }
        let mut forced: Vec<String> = Vec::new();
        for step in 0..9 {
            let place = |dice: &mut Dice| km((dice.roll(140) - 70) as i32, 0);
            let id = format!("o{step}");
            let order = if dice.roll(4) == 0 {
                shipment(&id, place(&mut dice), place(&mut dice))
            } else {
                job(&id, place(&mut dice))
            };
            rig.order(Order { load: Load([0; 4]), ..order });
            if dice.roll(3) == 0 {
                let which = format!("o{}", dice.roll(step + 1));
                force(&mut rig, &which);
                forced.push(which);
            }
            if dice.roll(5) == 0 {
                rig.rest();
            }
            let fleet = rig.engine.fleet();
            let state = fleet.vehicle(fleet.vehicle_id("a").unwrap());
            let route = rig.route("a");
            assert!(forced.iter().all(|order| route.contains(order)), "{seed}, {step}: {forced:?} {route:?}");
            let (mut here, mut drives) = (0, 0);
            for visit in &state.route.visits {
                let order = fleet.order(visit.order);
                let there = order.stop(visit.stop).unwrap().position.x / 1_000_000;
                drives += i64::from((there - here).abs());
                here = there;
                let begins = state.route.visits[0].depart_at.0 / 60_000;
                // Who comes home has begun by the end of his shift, and who does not is done.
                let must = if end.is_some() { visit.start } else { visit.departure };
                let passes = must > at(shift)
                    || driving.is_some_and(|most| drives > most)
                    || duty.is_some_and(|most| visit.departure > at(begins + most));
                let is_forced = forced.iter().any(|name| *name == order.name.as_str());
                assert!(!passes || is_forced, "{seed}, {step}: {} in {route:?}, forced {forced:?}", order.name);
                forced_beyond += usize::from(passes);
                others += usize::from(!is_forced);
            }
            for order in (0..=step).map(|step| format!("o{step}")) {
                assert_ne!(rig.placement(&order), Placement::Unplaced, "{seed}, {step}: {order} has no reason");
            }
        }
    }
    assert!(forced_beyond > 50 && others > 50, "{forced_beyond} forced stops beyond the hours, {others} others");
}

/// What a word breaks is told beforehand as it is afterwards: what gives way for it is in nobody's way.
#[test]
fn what_a_word_would_break_is_what_it_breaks_when_others_have_given_way() {
    let warned = |rig: &Rig, order: &str| {
        let fleet = rig.engine.fleet();
        let stand = Stand::of(fleet, rig.engine.outlook(), Timestamp(rig.now));
        lacks(&stand, fleet.vehicle_id("a").unwrap(), fleet.order_id(order).unwrap())
    };
    let breaks = |rig: &Rig, order: &str| {
        let fleet = rig.engine.fleet();
        broken(fleet, rig.engine.outlook(), fleet.order_id(order).unwrap())
    };
    let mut rig = alone(600, None, None, None);
    rig.order(Order { load: Load([3, 0, 0, 0]), ..job("there", km(10, 0)) });
    rig.order(Order { load: Load([4, 0, 0, 0]), ..job("forced", km(20, 0)) });
    assert!(matches!(rig.placement("forced"), Placement::Unassigned(_)));
    assert_eq!(warned(&rig, "forced"), [], "what is there gives way");
    force(&mut rig, "forced");
    assert_eq!((rig.route("a"), breaks(&rig, "forced")), (vec!["forced".to_owned()], vec![]));
    // What is tied does not.
    rig.order(Order { load: Load([2, 0, 0, 0]), ..job("second", km(30, 0)) });
    let room = [Lack::Room { dimension: 0, by: 2 }];
    assert_eq!(warned(&rig, "second"), room);
    force(&mut rig, "second");
    assert_eq!(breaks(&rig, "second"), room);
    assert_eq!(warned(&rig, "second"), room, "it is there already, and breaks the same");
    // The end of a shift: the others leave, and the way home is told of what is on the route already.
    let mut rig = alone(60, None, None, Some(km(0, 0)));
    rig.order(job("there", km(25, 0)));
    rig.order(job("far", km(-40, 0)));
    let late = [Lack::Shift(minutes(21))];
    assert_eq!(warned(&rig, "far"), late);
    force(&mut rig, "far");
    assert_eq!((rig.route("a"), breaks(&rig, "far")), (vec!["far".to_owned()], late.to_vec()));
    assert_eq!(warned(&rig, "far"), late);
}

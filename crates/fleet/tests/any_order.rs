//! The same facts in any order of arrival: what they come to is told by their times.

mod support;

use fleetfold_fleet::Fleet;
use fleetfold_model::{Event, LogEntry, LogSeq, MessageHash, Shift, Timestamp, Vehicle};
use support::{Log, at, name, plan, vehicle};

/// Zone time of the first fact. Those after it come a minute apart, and all of them an hour later.
const BEGIN: i64 = 10_000_000;
const MINUTE: i64 = 60_000;

/// Every order of so many things.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1).into_iter();
    shorter
        .flat_map(|order| {
            (0..count).map(move |place| {
                let mut order = order.clone();
                order.insert(place, count - 1);
                order
            })
        })
        .collect()
}

/// Tells facts in an order of arrival; the number of each says when it happened.
fn told(log: &mut Log, facts: &[Event], order: &[usize]) {
    log.now = log.now.max(BEGIN + 60 * MINUTE);
    for &number in order {
        let happened = BEGIN + number as i64 * MINUTE;
        log.behind = log.now + 1_000 - happened;
        let mut event = facts[number].clone();
        if let Event::StopCompleted(stop) | Event::StopFailed(stop, _) | Event::StopDeparted(stop) = &mut event {
            stop.at = Timestamp(happened);
        }
        log.tell(event);
    }
    log.behind = 0;
}

/// Every order of arrival of some facts comes to the same; `sum` says what is compared.
fn assert_commutes<T: PartialEq + std::fmt::Debug>(begin: fn() -> Log, facts: &[Event], sum: impl Fn(&Log) -> T) {
    let mut first = None;
    for order in permutations(facts.len()) {
        let mut log = begin();
        told(&mut log, facts, &order);
        let found = sum(&log);
        let first = first.get_or_insert_with(|| (order.clone(), sum(&log)));
        assert_eq!(found, first.1, "arrival {order:?} differs from {:?} for {facts:#?}", first.0);
    }
}

/// Every way to take so many of some facts, each at most once, in their order.
fn selections(facts: &[Event], count: usize) -> Vec<Vec<Event>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let with = |at: usize| {
        let rest = selections(&facts[at + 1..], count - 1).into_iter();
        rest.map(move |rest| std::iter::once(facts[at].clone()).chain(rest).collect())
    };
    (0..facts.len()).flat_map(with).collect()
}

// ---- a vehicle -----------------------------------------------------------------------------------------------------

fn hours(starts: i64, ends: i64) -> Shift {
    Shift { starts: Timestamp(starts), ends: Timestamp(ends), breaks: Vec::new() }
}

fn registered(starts: i64, ends: i64) -> Event {
    Event::VehicleRegistered(Vehicle { shift: Some(hours(starts, ends)), ..vehicle("v1", 0) })
}

fn on(shift: Option<Shift>) -> Event {
    Event::ShiftStarted { vehicle: name("v1"), shift, position: None }
}

fn off() -> Event {
    Event::ShiftEnded { vehicle: name("v1"), at: Timestamp(0) }
}

fn ends(at: i64) -> Event {
    Event::ShiftEnded { vehicle: name("v1"), at: Timestamp(at) }
}

fn lost() -> Event {
    Event::VehicleLost { vehicle: name("v1"), position: Some(at(300)) }
}

fn back() -> Event {
    Event::VehicleBack { vehicle: name("v1"), position: None }
}

/// A zone whose plans name the newest rules, and that knows no vehicle.
fn empty() -> Log {
    let mut log = Log::new();
    log.plan(None);
    log
}

/// The same with a vehicle that is registered.
fn with_a_vehicle() -> Log {
    let mut log = empty();
    log.tell(registered(0, i64::MAX / 8));
    log
}

/// Whether the vehicle works, and when.
fn works(log: &Log) -> Option<(bool, bool, Option<Shift>)> {
    let state = log.fleet.vehicle(log.fleet.vehicle_id("v1")?);
    Some((state.on, state.lost, state.shift.clone()))
}

/// Any four of these facts, each order of their times, each order of their arrival.
#[test]
fn signing_on_and_off_breakdowns_and_returns_come_to_the_same_in_any_order() {
    let far = i64::MAX / 16;
    let kinds = [on(None), off(), lost(), back(), on(Some(hours(1, far))), off(), ends(far - 1)];
    for chosen in selections(&kinds, 4) {
        for times in permutations(4) {
            let facts: Vec<Event> = times.iter().map(|&number| chosen[number].clone()).collect();
            assert_commutes(with_a_vehicle, &facts, works);
        }
    }
}

/// Also where nobody has registered the vehicle yet, or its registration changes meanwhile.
#[test]
fn a_registration_may_come_before_or_after_what_its_driver_says() {
    let far = i64::MAX / 16;
    for facts in [
        [registered(1, far), on(None), registered(2, far - 1), ends(far - 2), lost()],
        [registered(1, far), on(Some(hours(3, far))), lost(), off(), on(None)],
        [on(None), lost(), registered(1, far), off(), registered(2, far)],
    ] {
        assert_commutes(empty, &facts, works);
    }
}

/// A sign-off that is told before its sign-on, and an old sign-on that is told after a breakdown.
#[test]
fn a_sign_off_that_comes_before_its_sign_on_is_not_forgotten() {
    let mut log = with_a_vehicle();
    told(&mut log, &[on(None), off()], &[1, 0]);
    assert_eq!(works(&log).map(|works| works.0), Some(false));
    let mut log = with_a_vehicle();
    told(&mut log, &[on(None), lost()], &[1, 0]);
    let state = works(&log);
    assert_eq!(state.map(|works| (works.0, works.1)), Some((true, true)));
}

/// Before the first plan nothing says by which rules facts are judged: what they say of a known vehicle is remembered until then.
#[test]
fn what_was_told_before_the_first_plan_counts_by_its_time_too() {
    for order in permutations(4) {
        let mut log = Log::new();
        log.tell(registered(0, i64::MAX / 8));
        told(&mut log, &[on(None), lost(), back(), off()], &order);
        log.plan(None);
        assert_eq!(works(&log).map(|works| (works.0, works.1)), Some((false, false)), "{order:?}");
    }
}

/// A log whose first plan names older rules is folded as it was.
#[test]
fn what_was_told_before_a_first_plan_of_older_rules_is_forgotten() {
    let mut log = Log::new();
    log.tell(registered(0, i64::MAX / 8));
    told(&mut log, &[on(None), off()], &[1, 0]);
    log.tell(Event::PlanProposed(fleetfold_model::Proposal { rules: 3, ..plan(&log.fleet, |_| None) }));
    let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
    assert!(state.on && state.duties.is_empty() && state.told.0.is_empty(), "{state:?}");
}

/// More facts than are remembered one by one: what is older than all of those comes too late.
#[test]
fn only_so_many_facts_of_a_vehicle_are_remembered() {
    let mut log = with_a_vehicle();
    let facts: Vec<Event> = (0..40).map(|number| if number % 2 == 0 { on(None) } else { off() }).collect();
    told(&mut log, &facts, &(1..40).collect::<Vec<_>>());
    assert_eq!(works(&log).map(|works| works.0), Some(false));
    log.behind = log.now + 1_000 - BEGIN;
    assert_eq!(log.tell(on(None)).refused, Some(fleetfold_fleet::Refused::Superseded));
    let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
    assert!(state.duties.facts.len() <= 16, "{}", state.duties.facts.len());
}

/// The registered hours change while a driver is on: his end with them, unless he has named his own.
#[test]
fn a_new_registration_changes_the_shift_of_who_is_signed_on_unless_he_named_his_own() {
    for (own, expected) in [(None, hours(5, 700_000_000)), (Some(hours(7, 800_000_000)), hours(7, 800_000_000))] {
        let mut log = with_a_vehicle();
        log.tell(on(own));
        let change = log.tell(registered(5, 700_000_000));
        assert!(change.asks, "his route is looked at");
        assert_eq!(works(&log), Some((true, false, Some(expected))));
    }
}

/// An app that starts anew says that its driver is there: his hours stay as he said them.
#[test]
fn who_signs_on_again_keeps_the_shift_that_he_named() {
    let mut log = with_a_vehicle();
    log.tell(on(Some(hours(7, 800_000_000))));
    log.tell(ends(600_000_000));
    log.tell(on(None));
    assert_eq!(works(&log), Some((true, false, Some(hours(7, 600_000_000)))));
}

/// The digest of a log that is read back from its image is that of the one it was taken from.
#[test]
fn what_is_remembered_is_in_the_image() {
    let mut log = with_a_vehicle();
    told(&mut log, &[on(None), off(), lost()], &[1, 2]);
    let mut again = Fleet::from_image(log.fleet.image()).unwrap();
    assert_eq!(again.digest(), log.fleet.digest());
    let entry = LogEntry {
        seq: LogSeq(log.fleet.applied().0 + 1),
        logged_at: Timestamp(log.now + 1_000),
        id: 0,
        time: Some(Timestamp(BEGIN)),
        hash: MessageHash::default(),
        event: on(None),
    };
    again.apply(&entry);
    log.fleet.apply(&entry);
    assert_eq!(again.digest(), log.fleet.digest());
    again.check().unwrap();
}

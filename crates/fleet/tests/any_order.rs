//! The same facts in any order of arrival: what they come to is told by their times.

mod support;

use fleetfold_fleet::{Fleet, Placement, Refused};
use fleetfold_model::{
    Alert, AlertAcknowledged, AlertKind, AlertRaised, Break, BreakEvent, Depot, DepotCall, DrivingRule, Event,
    FailReason, LogEntry, LogSeq, MessageHash, Metres, Millis, Numbered, OnBoardRule, Order, OrderChange, OrderRetry,
    Pin, Policy, PriorityRaised, Reload, ReloadEvent, RoadChange, Shift, StopEvent, StopKind, TimeWindow, Timestamp,
    Vehicle,
};
use support::{Log, at, driving_rule, job, name, plan, shipment, vehicle};

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
        if let Event::StopCompleted(stop)
        | Event::StopFailed(stop, ..)
        | Event::StopDeparted(stop)
        | Event::StopArrived(stop) = &mut event
        {
            stop.at = Timestamp(happened);
        }
        if let Event::BreakStarted(pause) | Event::BreakEnded(pause) = &mut event {
            pause.at = Timestamp(happened);
        }
        if let Event::ReloadStarted(call) | Event::ReloadEnded(call) = &mut event {
            call.at = Timestamp(happened);
        }
        if let Event::OrderReady { at, .. } = &mut event {
            *at = Timestamp(happened);
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
        // A position between two facts decides nothing.
        let (before, after) = order.split_at(facts.len() / 2);
        told(&mut log, facts, before);
        log.fleet.hint(&name("v1"), at(777), Timestamp(BEGIN + MINUTE));
        told(&mut log, facts, after);
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
        numbered: None,
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

// ---- an order ------------------------------------------------------------------------------------------------------

fn created() -> Event {
    Event::OrderCreated(shipment("s1", 100, 500))
}

fn report(stop: StopKind, make: fn(StopEvent) -> Event) -> Event {
    make(StopEvent { vehicle: name("v1"), order: name("s1"), stop, at: Timestamp(0), position: None })
}

fn picked_up() -> Event {
    report(StopKind::Pickup, Event::StopCompleted)
}

fn delivered() -> Event {
    report(StopKind::Delivery, Event::StopCompleted)
}

fn failed(stop: StopKind) -> Event {
    report(stop, |stop| Event::StopFailed(stop, FailReason::NoShow, None))
}

fn cancelled() -> Event {
    Event::OrderCancelled { order: name("s1") }
}

fn change() -> OrderChange {
    let (work, load, skills, priority, release, promised) = (None, None, None, None, None, None);
    OrderChange { order: name("s1"), work, load, skills, priority, release, promised }
}

fn moved(to: i32) -> Event {
    Event::OrderUpdated(OrderChange { work: Some(shipment("s1", 100, to).work), ..change() })
}

fn promised(at: i64) -> Event {
    Event::OrderUpdated(OrderChange { promised: Some(Timestamp(at)), ..change() })
}

fn raised(priority: u8) -> Event {
    Event::PriorityRaised(PriorityRaised { order: name("s1"), priority })
}

fn rejected() -> Event {
    Event::AssignmentRejected { vehicle: name("v1"), order: name("s1") }
}

/// A zone with this policy whose one driver is signed on.
fn with_a_driver(policy: Policy) -> Log {
    let mut log = with_a_vehicle();
    log.tell(on(None));
    log.tell(Event::PolicyChanged(policy));
    log
}

fn returning() -> Log {
    let (on_cancelled_on_board, on_failed_delivery) = (OnBoardRule::Return, OnBoardRule::Return);
    with_a_driver(Policy { on_cancelled_on_board, on_failed_delivery, ..Policy::default() })
}

fn keeping() -> Log {
    let (on_cancelled_on_board, on_failed_delivery) = (OnBoardRule::Keep, OnBoardRule::Keep);
    with_a_driver(Policy { on_cancelled_on_board, on_failed_delivery, ..Policy::default() })
}

/// What is known of the order: whether it is over, where its goods are and where they go, what was asked for.
fn stands(log: &Log) -> String {
    let Some(id) = log.fleet.order_id("s1") else { return String::new() };
    let order = log.fleet.order(id);
    let kept = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).kept.0[0];
    format!(
        "{:?}, on board {:?}, waits {:?} at {:?}, goes to {:?}, {kept} kept, rejected {:?}, pinned {:?}{}, {:?}",
        order.closed,
        order.on_board,
        order.rescue_from,
        order.pickup_moved_to,
        order.delivery_moved_to,
        order.rejected_by,
        order.pinned,
        if order.is_forced() { " by force" } else { "" },
        order.spec,
    )
}

/// Facts about one order that do not come to the same in any order, as `docs/EVENTS.md` says: once goods are on their way back
/// (cancelled, or failed, where the policy says `return`), what is told of their delivery is told of the return. Told before, it is
/// told of the delivery itself.
fn is_exempt(facts: &[Event]) -> bool {
    let when = |is: fn(&Event) -> bool| facts.iter().position(is);
    let picked_up = when(|fact| matches!(fact, Event::StopCompleted(stop) if stop.stop == StopKind::Pickup));
    let delivered = when(|fact| matches!(fact, Event::StopCompleted(stop) if stop.stop == StopKind::Delivery));
    let failed = when(|fact| matches!(fact, Event::StopFailed(stop, ..) if stop.stop == StopKind::Delivery));
    let cancelled = when(|fact| matches!(fact, Event::OrderCancelled { .. }));
    let is_after = |later: Option<usize>, earlier: Option<usize>| later.zip(earlier).is_some_and(|(a, b)| a > b);
    picked_up.is_some()
        && (is_after(delivered, cancelled) || is_after(failed, cancelled) || is_after(delivered, failed))
}

/// Up to three of these facts and the order itself, each order of their times, each order of their arrival.
#[test]
fn facts_about_one_order_come_to_the_same_in_any_order() {
    let kinds = [
        picked_up(),
        failed(StopKind::Delivery),
        promised(77),
        cancelled(),
        delivered(),
        failed(StopKind::Pickup),
        moved(600),
        rejected(),
    ];
    for (returns, begin) in [(true, returning as fn() -> Log), (false, keeping)] {
        for chosen in (1..=3).flat_map(|count| selections(&kinds, count)) {
            for times in permutations(chosen.len()) {
                let chosen = times.iter().map(|&number| chosen[number].clone());
                let facts: Vec<Event> = std::iter::once(created()).chain(chosen).collect();
                if !(returns && is_exempt(&facts)) {
                    assert_commutes(begin, &facts, stands);
                }
            }
        }
    }
}

/// Longer stories of one order, told in every order.
#[test]
fn stories_of_one_order_come_to_the_same_in_any_order() {
    let no_show = || failed(StopKind::Delivery);
    for facts in [
        // Changes of what was asked for, before and after a failure, with and without an appointment.
        vec![created(), moved(600), no_show(), raised(7), promised(90)],
        vec![created(), moved(600), raised(3), moved(700), cancelled()],
        vec![created(), no_show(), promised(50), no_show(), promised(90)],
        // A second try, served.
        vec![created(), picked_up(), no_show(), promised(90), picked_up()],
        vec![created(), picked_up(), moved(600), cancelled(), raised(2)],
        vec![created(), rejected(), picked_up(), rejected(), promised(60)],
    ] {
        assert_commutes(keeping, &facts, stands);
        assert_commutes(returning, &facts, stands);
    }
    assert_commutes(keeping, &[created(), picked_up(), no_show(), promised(90), delivered()], stands);
}

// ---- a dispatcher's hand -------------------------------------------------------------------------------------------

fn pinned(vehicle: &str) -> Event {
    Event::StopPinned(Pin { order: name("s1"), vehicle: name(vehicle) })
}

fn forced(vehicle: &str) -> Event {
    Event::AssignmentForced(Pin { order: name("s1"), vehicle: name(vehicle) })
}

fn unpinned() -> Event {
    Event::StopUnpinned { order: name("s1") }
}

/// Two drivers, both signed on.
fn two_drivers() -> Log {
    let mut log = keeping();
    log.vehicle("v2", 900);
    log
}

/// A dispatcher's words and what drivers refuse: the newest counts.
#[test]
fn pins_forces_and_refusals_come_to_the_same_in_any_order() {
    let kinds = [rejected(), forced("v1"), pinned("v1"), forced("v2"), unpinned(), rejected()];
    for chosen in selections(&kinds, 3) {
        for times in permutations(3) {
            let chosen = times.iter().map(|&number| chosen[number].clone());
            let facts: Vec<Event> = std::iter::once(created()).chain(chosen).collect();
            assert_commutes(two_drivers, &facts, stands);
        }
    }
    let failure = [created(), failed(StopKind::Delivery), forced("v2"), promised(60), rejected()];
    assert_commutes(two_drivers, &failure, stands);
}

/// A driver refuses an order, a dispatcher forces it onto him, and the refusal is told last.
#[test]
fn a_refusal_does_not_undo_a_force_that_came_after_it() {
    let mut log = two_drivers();
    told(&mut log, &[created(), rejected(), forced("v1")], &[0, 2, 1]);
    let order = log.order("s1");
    assert!(order.is_forced() && order.rejected_by.is_empty(), "{order:?}");
}

// ---- goods and their vehicle ---------------------------------------------------------------------------------------

/// Goods are where their vehicle is, whichever of both is told first.
#[test]
fn goods_are_where_their_vehicle_is_in_whatever_order_that_is_told() {
    let begin = || {
        let mut log = with_a_vehicle();
        log.tell(created());
        log
    };
    let sum = |log: &Log| (stands(log), works(log));
    for facts in [
        vec![on(None), picked_up(), lost()],
        vec![on(None), picked_up(), off()],
        vec![on(None), picked_up(), lost(), back()],
        vec![on(None), picked_up(), off(), on(None)],
        vec![on(None), picked_up(), lost(), off(), on(None)],
        vec![on(None), lost(), picked_up()],
        vec![on(None), off(), picked_up()],
        vec![on(None), picked_up(), cancelled(), lost()],
        vec![on(None), picked_up(), lost(), cancelled()],
    ] {
        assert_commutes(begin, &facts, sum);
    }
}

/// A pickup that is told after the breakdown that followed it: the goods are fetched from where the vehicle stands.
#[test]
fn goods_that_were_picked_up_before_a_breakdown_wait_where_the_vehicle_stands() {
    let mut log = with_a_vehicle();
    log.tell(created());
    told(&mut log, &[on(None), picked_up(), lost()], &[0, 2, 1]);
    let order = log.order("s1");
    assert_eq!((order.on_board, order.pickup_moved_to), (None, Some(at(300))));
    assert!(order.rescue_from.is_some() && order.placement == Placement::Unplaced, "asked for");
    // Where nobody has said where it broke down, the place of the pickup is the last that is known.
    let lost = Event::VehicleLost { vehicle: name("v1"), position: None };
    let mut log = with_a_vehicle();
    log.tell(created());
    told(&mut log, &[on(None), picked_up(), lost], &[0, 2, 1]);
    assert_eq!(log.order("s1").pickup_moved_to, Some(at(100)));
}

/// An order was cancelled before its driver could say that he had picked it up: the goods go back.
#[test]
fn goods_that_were_picked_up_before_a_cancellation_go_back() {
    let mut log = returning();
    told(&mut log, &[created(), picked_up(), cancelled()], &[0, 2, 1]);
    let order = log.order("s1");
    assert_eq!((order.closed, order.delivery_moved_to), (None, Some(at(100))));
    assert!(order.on_board.is_some());
}

/// A new appointment that is told before the failure that it answers.
#[test]
fn an_appointment_that_comes_before_its_failure_is_kept() {
    let mut log = keeping();
    told(&mut log, &[created(), picked_up(), failed(StopKind::Delivery), promised(90)], &[0, 1, 3, 2]);
    let order = log.order("s1");
    assert_eq!((order.closed, order.spec.as_ref().unwrap().promised), (None, Some(Timestamp(90))));
    assert!(order.on_board.is_some(), "the goods are brought from where they are");
}

// ---- breaks, acceptances, second tries, acknowledgements ------------------------------------------------------------

fn pause(make: fn(BreakEvent) -> Event, minutes: Option<i64>) -> Event {
    let duration = minutes.map(|minutes| Millis(minutes * MINUTE));
    make(BreakEvent { vehicle: name("v1"), at: Timestamp(0), duration, position: None })
}

/// A driver who is at work, and whose shift has two breaks.
fn with_breaks() -> Log {
    let mut log = empty();
    let pause = |opens| Break {
        window: TimeWindow::new(Timestamp(opens), Timestamp(opens + MINUTE)).unwrap(),
        duration: Millis(30 * MINUTE),
    };
    let breaks = vec![pause(BEGIN), pause(BEGIN + 10 * MINUTE)];
    let shift = Shift { breaks, ..hours(0, i64::MAX / 8) };
    log.tell(Event::VehicleRegistered(Vehicle { shift: Some(shift), ..vehicle("v1", 0) }));
    log.tell(on(None));
    log
}

/// Whether the driver rests, until when, and how many of his breaks are taken.
fn rests(log: &Log) -> (Option<(Timestamp, Timestamp)>, u32) {
    let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
    let goes_on = state.on_break.filter(|_| state.break_that_was_over().is_none());
    (goes_on.map(|pause| (pause.since, pause.until)), state.breaks_taken)
}

#[test]
fn a_break_comes_to_the_same_in_whatever_order_its_facts_come() {
    let (began, ended) = (|minutes| pause(Event::BreakStarted, minutes), || pause(Event::BreakEnded, None));
    for facts in [vec![began(None), ended()], vec![began(Some(5)), ended()], vec![ended(), began(None)]] {
        assert_commutes(with_breaks, &facts, rests);
    }
}

/// A vehicle with a rule of driving times, and an order that nobody has planned yet.
fn with_a_vehicle_with_a_rule() -> Log {
    let mut log = empty();
    log.tell(Event::VehicleRegistered(Vehicle { driving_time: Some(driving_rule(1)), ..vehicle("v1", 0) }));
    log.tell(on(None));
    log.job("o1", 100);
    log
}

/// The same with the order on its route.
fn with_a_rule() -> Log {
    let mut log = with_a_vehicle_with_a_rule();
    log.plan(Some("v1"));
    log
}

#[test]
fn what_a_driver_has_driven_comes_to_the_same_in_any_order() {
    let stop = |make: fn(StopEvent) -> Event| {
        let (vehicle, order) = (name("v1"), name("o1"));
        make(StopEvent { vehicle, order, stop: StopKind::Delivery, at: Timestamp(0), position: None })
    };
    let facts = [
        stop(Event::StopDeparted),
        pause(Event::BreakStarted, Some(3)),
        pause(Event::BreakEnded, None),
        stop(Event::StopArrived),
        stop(Event::StopCompleted),
    ];
    let driven = |log: &Log| {
        let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
        state.driven(Timestamp(BEGIN + 10 * MINUTE)).unwrap()
    };
    let mut log = with_a_rule();
    told(&mut log, &facts, &[0, 1, 2, 3, 4]);
    assert_eq!(driven(&log).in_shift, Millis(2 * MINUTE), "a minute before the break and one after it");
    assert_commutes(with_a_rule, &facts, driven);
    // Without the arrival he has driven up to the service, which takes a minute.
    assert_commutes(with_a_rule, &[facts[0].clone(), facts[1].clone(), facts[2].clone(), facts[4].clone()], driven);
}

fn at_o1(make: fn(StopEvent) -> Event) -> Event {
    let (vehicle, order) = (name("v1"), name("o1"));
    make(StopEvent { vehicle, order, stop: StopKind::Delivery, at: Timestamp(0), position: None })
}

/// What the driver has driven, and since when, some time later.
fn driven(log: &Log) -> (Millis, Option<Timestamp>) {
    let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
    let driven = state.driven(Timestamp(BEGIN + 10 * MINUTE)).unwrap();
    (driven.in_shift, driven.began)
}

#[test]
fn a_drive_that_nobody_told_the_beginning_of_counts_as_planned_in_any_order() {
    // The way takes two minutes as planned.
    let begin = || {
        let mut log = with_a_vehicle_with_a_rule();
        let mut proposal = plan(&log.fleet, |_| Some(name("v1")));
        for visit in proposal.groups.iter_mut().flat_map(|group| &mut group.routes).flat_map(|route| &mut route.visits)
        {
            for time in [&mut visit.arrival, &mut visit.start, &mut visit.departure] {
                *time = *time + Millis(2 * MINUTE);
            }
        }
        assert_eq!(log.tell(Event::PlanProposed(proposal)).refused, None);
        log
    };
    let nothing = || Event::AssignmentAccepted { vehicle: name("v1"), revision: 0 };
    let facts = [nothing(), nothing(), nothing(), at_o1(Event::StopArrived), at_o1(Event::StopCompleted)];
    let mut log = begin();
    told(&mut log, &facts, &[4, 3]);
    assert_eq!(driven(&log), (Millis(2 * MINUTE), Some(Timestamp(BEGIN + MINUTE))));
    assert_commutes(begin, &facts, driven);
    let facts = [
        nothing(),
        nothing(),
        at_o1(Event::StopArrived),
        pause(Event::BreakStarted, Some(1)),
        at_o1(Event::StopCompleted),
    ];
    assert_commutes(begin, &facts, driven);
}

#[test]
fn who_drives_to_a_stop_that_is_not_on_his_route_drives_all_the_same() {
    let begin = || {
        let mut log = with_a_vehicle_with_a_rule();
        log.plan(None);
        log
    };
    let facts = [at_o1(Event::StopDeparted), at_o1(Event::StopArrived), at_o1(Event::StopCompleted)];
    let mut log = begin();
    assert!(log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).route.visits.is_empty());
    let left = log.report("departed", "v1", "o1", StopKind::Delivery);
    assert_eq!(left.refused, Some(Refused::NotOnRoute));
    // What else is told of the vehicle does not end the drive.
    log.tell(Event::VehicleRegistered(Vehicle { driving_time: Some(driving_rule(1)), ..vehicle("v1", 0) }));
    log.plan(None);
    log.now += 5 * MINUTE;
    let arrived = log.report("arrived", "v1", "o1", StopKind::Delivery);
    assert_eq!(arrived.refused, Some(Refused::NotOnRoute));
    let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
    assert!(state.driven(Timestamp(log.now)).unwrap().in_shift >= Millis(5 * MINUTE));
    log.fleet.check().unwrap();
    assert_commutes(begin, &facts, driven);
    let mut log = begin();
    told(&mut log, &facts, &[0, 1, 2]);
    assert_eq!(driven(&log).0, Millis(MINUTE));
}

#[test]
fn who_comes_to_a_stop_that_another_has_served_has_driven_there_and_is_done() {
    for is_failed in [false, true] {
        let mut log = with_a_rule();
        log.vehicle("v2", 0);
        log.shipment("s1", 100, 200);
        log.plan(Some("v1"));
        log.report("completed", "v2", "s1", StopKind::Pickup);
        let left = log.report("departed", "v1", "s1", StopKind::Pickup);
        assert_eq!(left.refused, Some(Refused::StopDone));
        log.now += 5 * MINUTE;
        let ended = if is_failed { "failed" } else { "completed" };
        let done = log.report(ended, "v1", "s1", StopKind::Pickup);
        assert_eq!(done.refused, Some(Refused::StopDone));
        let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
        let driven = state.driven(Timestamp(log.now + 9 * MINUTE)).unwrap();
        // The last of the five minutes is service.
        assert_eq!(driven.in_shift.0 / MINUTE, 4, "{ended}");
    }
}

#[test]
fn who_is_registered_without_a_rule_and_with_one_again_has_driven_what_he_has_driven() {
    let registered = |is_ruled: bool| {
        let driving_time = is_ruled.then(|| driving_rule(1));
        Event::VehicleRegistered(Vehicle { driving_time, ..vehicle("v1", 0) })
    };
    let day = |is_changed: bool| {
        let mut log = with_a_rule();
        log.report("departed", "v1", "o1", StopKind::Delivery);
        log.now = BEGIN + 2 * MINUTE;
        if is_changed {
            log.tell(registered(false));
            assert!(log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).driven(Timestamp(log.now)).is_none());
            log.fleet.check().unwrap();
        }
        log.now = BEGIN + 4 * MINUTE;
        log.report("arrived", "v1", "o1", StopKind::Delivery);
        if is_changed {
            log.tell(registered(true));
        }
        driven(&log)
    };
    assert!(day(false).0 > Millis(3 * MINUTE));
    assert_eq!(day(true), day(false));
    // Whose driver signs on without a rule is not recorded.
    let mut log = with_a_rule();
    log.tell(registered(false));
    log.tell(off());
    log.tell(on(None));
    assert!(log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).tachograph.is_empty());
}

#[test]
fn what_may_be_driven_is_the_least_of_what_the_limits_leave() {
    let most = |shift, duty| DrivingRule {
        driving_max: Millis(90 * MINUTE),
        shift_driving_max: shift,
        duty_max: duty,
        ..driving_rule(1)
    };
    let minutes = |count| Some(Millis(count * MINUTE));
    let day = fleetfold_fleet::Driven {
        at: Timestamp(100 * MINUTE),
        since_break: Millis(30 * MINUTE),
        in_shift: Millis(70 * MINUTE),
        began: Some(Timestamp(0)),
        ..fleetfold_fleet::Driven::default()
    };
    for (rule, left) in [
        (most(None, None), 60),
        (most(minutes(70), None), 0),
        (most(minutes(100), None), 30),
        (most(minutes(60), minutes(300)), 0),
        (most(minutes(300), minutes(110)), 10),
    ] {
        assert_eq!(day.may_drive(&rule), Millis(left * MINUTE), "{rule:?}");
    }
}

proptest::proptest! {
    /// What is counted of a random day equals a count minute by minute.
    #[test]
    fn driving_is_counted_as_minute_by_minute(
        stops in proptest::collection::vec((0i64..30, 1i64..20, proptest::option::of((1i64..20, 1i64..15)), 1i64..6), 1..30),
    ) {
        let rule = driving_rule(3);
        let minutes = |span: Millis| span.0 / MINUTE;
        let rule = DrivingRule {
            pause: Millis(10 * MINUTE),
            first_part: Millis(4 * MINUTE),
            driving_max: Millis(25 * MINUTE),
            ..rule
        };
        let mut log = empty();
        log.now = BEGIN - 2_000;
        log.tell(Event::VehicleRegistered(Vehicle { driving_time: Some(rule), ..vehicle("v1", 0) }));
        log.tell(on(None));
        let (mut since_break, mut part, mut rested, mut in_shift) = (0, false, 0, 0);
        let mut is_told = false;
        // One minute of driving (1), of rest (0) or of work (2).
        let mut passes = |log: &mut Log, what: u8, told: &mut (i64, bool, i64, i64)| {
            log.now += MINUTE;
            if what == 0 {
                rested += 1;
            } else {
                if rested >= if part { 10 - 4 } else { 10 } {
                    (since_break, part) = (0, false);
                } else if rested >= 4 {
                    part = true;
                }
                rested = 0;
                since_break += i64::from(what == 1);
                in_shift += i64::from(what == 1);
            }
            *told = (since_break, part, rested, in_shift);
        };
        let mut count = (0, false, 0, 0);
        for (number, &(idle, drive, rest, work)) in stops.iter().enumerate() {
            let order = format!("o{number}");
            // Every entry comes a second after the one before it.
            log.job(&order, 100);
            log.plan(Some("v1"));
            log.now -= 2_000;
            let same = |log: &Log, count: (i64, bool, i64, i64)| {
                let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
                let driven = state.driven(Timestamp(log.now)).unwrap();
                (minutes(driven.since_break), driven.first_part, minutes(driven.rested), minutes(driven.in_shift)) == count
            };
            (0..idle).for_each(|_| passes(&mut log, 0, &mut count));
            log.report("departed", "v1", &order, StopKind::Delivery);
            log.now -= 1_000;
            let mut pauses = rest.filter(|&(after, _)| after < drive);
            for minute in 0..drive {
                if let Some((_, lasts)) = pauses.filter(|&(after, _)| after == minute) {
                    pauses = None;
                    let told = |at| BreakEvent { vehicle: name("v1"), at: Timestamp(at), duration: None, position: None };
                    let change = log.tell(Event::BreakStarted(told(log.now)));
                    is_told |= change.flags.contains(&fleetfold_fleet::Flag::DrivingTime);
                    log.now -= 1_000;
                    (0..lasts).for_each(|_| passes(&mut log, 0, &mut count));
                    log.tell(Event::BreakEnded(told(log.now)));
                    log.now -= 1_000;
                }
                passes(&mut log, 1, &mut count);
                proptest::prop_assert!(same(&log, count), "{number}, {minute}: {count:?}");
            }
            let change = log.report("arrived", "v1", &order, StopKind::Delivery);
            log.now -= 1_000;
            is_told |= change.flags.contains(&fleetfold_fleet::Flag::DrivingTime);
            (0..work).for_each(|_| passes(&mut log, 2, &mut count));
            proptest::prop_assert!(same(&log, count), "{number}: {count:?}");
            log.report("completed", "v1", &order, StopKind::Delivery);
            log.now -= 1_000;
            proptest::prop_assert!(count.0 <= 25 || is_told, "who drives too long is told of");
        }
    }
}

#[test]
fn what_a_driver_has_accepted_is_the_newest_route_in_whatever_order_he_says_so() {
    let accepted = |revision| Event::AssignmentAccepted { vehicle: name("v1"), revision };
    let sum = |log: &Log| log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).accepted;
    let begin = || {
        let mut log = with_a_vehicle();
        log.tell(on(None));
        for order in ["o1", "o2", "o3"] {
            log.job(order, 100);
            log.plan(Some("v1"));
        }
        log
    };
    let newest = begin().fleet.applied().0;
    assert_commutes(begin, &[accepted(newest - 2), accepted(newest), accepted(newest - 4)], sum);
}

/// A failed order is tried again: what was said of its time and its goods last counts.
#[test]
fn a_second_try_comes_to_the_same_in_any_order() {
    let window = TimeWindow::new(Timestamp(BEGIN + 90 * MINUTE), Timestamp(BEGIN + 99 * MINUTE)).unwrap();
    let retried = |promised: Option<i64>| {
        let (from, promised) = (window.opens(), promised.map(Timestamp));
        Event::OrderRetried(OrderRetry { order: name("s1"), from, window: Some(window), promised })
    };
    let ready = || Event::OrderReady { order: name("s1"), at: Timestamp(0) };
    let begin = || {
        let mut log = keeping();
        log.tell(created());
        log
    };
    for facts in [
        vec![failed(StopKind::Delivery), retried(None), promised(90)],
        vec![picked_up(), failed(StopKind::Delivery), retried(Some(80)), raised(4)],
        vec![failed(StopKind::Pickup), retried(None), cancelled()],
        vec![ready(), failed(StopKind::Pickup), retried(None), ready()],
    ] {
        assert_commutes(begin, &facts, |log| (stands(log), log.order("s1").ready_at));
    }
}

fn postponed(stop: StopKind) -> Event {
    report(stop, |stop| Event::StopFailed(stop, FailReason::NoShow, Some(Timestamp(BEGIN + 90 * MINUTE))))
}

/// Whether the order is over, on board, from when on it can be served, until when it was promised.
fn outcome(log: &Log) -> String {
    let order = log.order("s1");
    let asked = order.spec.as_ref().map(|spec| (spec.release, spec.promised, spec.priority));
    format!("{:?}, on board {:?}, {asked:?}, {:?} {:?}", order.closed, order.on_board, order.pickup, order.delivery)
}

/// A failure that says when its stop is tried again says so in whatever order it, its order and other failures are told. (The windows of a stop are
/// another matter: `docs/EVENTS.md`.)
#[test]
fn a_failure_with_an_appointment_is_tried_again_in_any_order() {
    let a_job = || Event::OrderCreated(Order { name: name("s1"), ..job("s1", 100) });
    for facts in [
        vec![a_job(), postponed(StopKind::Delivery)],
        vec![a_job(), postponed(StopKind::Delivery), raised(3)],
        vec![a_job(), failed(StopKind::Delivery), postponed(StopKind::Delivery)],
        vec![a_job(), postponed(StopKind::Delivery), postponed(StopKind::Delivery)],
        vec![created(), postponed(StopKind::Pickup)],
        vec![created(), postponed(StopKind::Pickup), failed(StopKind::Pickup), promised(90)],
        vec![created(), picked_up(), postponed(StopKind::Delivery)],
        vec![created(), picked_up(), failed(StopKind::Delivery), postponed(StopKind::Delivery)],
    ] {
        assert_commutes(keeping, &facts, outcome);
        let mut log = keeping();
        told(&mut log, &facts, &(0..facts.len()).collect::<Vec<_>>());
        assert!(log.order("s1").is_open(), "{facts:#?}");
    }
    // The newest failure names no appointment, or the order is over for another reason.
    for facts in [
        vec![a_job(), postponed(StopKind::Delivery), failed(StopKind::Delivery)],
        vec![a_job(), postponed(StopKind::Delivery), delivered()],
        vec![a_job(), delivered(), postponed(StopKind::Delivery)],
        vec![created(), postponed(StopKind::Pickup), cancelled()],
    ] {
        assert_commutes(keeping, &facts, outcome);
        let mut log = keeping();
        told(&mut log, &facts, &(0..facts.len()).collect::<Vec<_>>());
        assert!(!log.order("s1").is_open(), "{facts:#?}");
    }
}

/// What was told of the pickup of an order that turns out to be a job is no end of it.
#[test]
fn a_job_has_no_pickup_whatever_was_told_of_it_before() {
    let a_job = || Event::OrderCreated(Order { name: name("s1"), ..job("s1", 100) });
    let arrived = || report(StopKind::Pickup, Event::StopArrived);
    for facts in [
        vec![a_job(), failed(StopKind::Pickup)],
        vec![a_job(), postponed(StopKind::Pickup)],
        vec![a_job(), picked_up(), delivered()],
        vec![a_job(), arrived(), failed(StopKind::Pickup)],
    ] {
        assert_commutes(keeping, &facts, |log| {
            let order = log.order("s1");
            (order.closed, order.on_board, order.pickup)
        });
    }
}

/// A log that was written by the fifth rules is folded as it was.
#[test]
fn by_earlier_rules_a_failure_that_came_before_its_order_was_the_end() {
    let begin = |rules| {
        let mut log = Log::new();
        log.vehicle("v1", 0);
        log.tell(Event::PlanProposed(fleetfold_model::Proposal { rules, ..plan(&log.fleet, |_| None) }));
        let facts = [Event::OrderCreated(Order { name: name("s1"), ..job("s1", 100) }), postponed(StopKind::Delivery)];
        told(&mut log, &facts, &[1, 0]);
        log.order("s1").is_open()
    };
    assert_eq!([4, 5, 6].map(begin), [false, false, true]);
}

#[test]
fn of_two_who_have_seen_an_alert_the_later_one_is_named() {
    let alert = || Alert::new(AlertKind::Silent, Some(name("v1"))).unwrap();
    let begin = || {
        let mut log = with_a_vehicle();
        let alert = Alert::new(AlertKind::Silent, Some(name("v1"))).unwrap();
        let (at, span) = (Timestamp(BEGIN), Millis(600_000));
        log.tell(Event::AlertRaised(AlertRaised { alert, at, span, detail: String::new(), epoch: 1 }));
        log
    };
    let seen =
        |by: &str| Event::AlertAcknowledged(AlertAcknowledged { alert: alert(), by: Some(name(by)), until: None });
    let sum = |log: &Log| {
        let seen = log.fleet.alert(&alert()).and_then(|state| state.acknowledged.clone());
        seen.map(|seen| (seen.at, seen.by))
    };
    assert_commutes(begin, &[seen("anna"), seen("ben"), seen("carla")], sum);
}

// ---- sources that count --------------------------------------------------------------------------------------------

/// Tells a fact of a source that counts: its number in its source, and when it happened.
fn numbered(log: &mut Log, event: Event, (writer, number): (u64, u64), minute: i64) -> Option<Refused> {
    log.now = log.now.max(BEGIN + 60 * MINUTE) + 1_000;
    let mut event = event;
    if let Event::StopCompleted(stop) | Event::StopArrived(stop) | Event::StopDeparted(stop) = &mut event {
        stop.at = Timestamp(BEGIN + minute * MINUTE);
    }
    let seq = LogSeq(log.fleet.applied().0 + 1);
    let entry = LogEntry {
        seq,
        logged_at: Timestamp(log.now),
        id: seq.0,
        time: Some(Timestamp(BEGIN + minute * MINUTE)),
        numbered: (number > 0).then_some(Numbered { writer, number }),
        hash: MessageHash(u128::from(seq.0)),
        event,
    };
    let refused = log.fleet.apply(&entry).refused;
    log.fleet.check().unwrap();
    refused
}

fn loaded(load: i32) -> Event {
    let (work, skills, priority, release, promised) = (None, None, None, None, None);
    let load = Some(fleetfold_model::Load([load; 4]));
    Event::OrderUpdated(OrderChange { order: name("o1"), work, load, skills, priority, release, promised })
}

fn with_an_order() -> Log {
    let mut log = with_a_vehicle();
    log.tell(on(None));
    log.job("o1", 100);
    log.plan(Some("v1"));
    log
}

/// The clock of a phone or a server may run back. What one source says last, by its numbers, counts; beside other sources its time does.
#[test]
fn of_one_source_the_highest_number_counts_whatever_its_time() {
    for order in permutations(2) {
        let mut log = with_an_order();
        let facts = [(loaded(1), 1, 40), (loaded(3), 2, 30)];
        let said = order.iter().map(|&at| {
            let (event, number, minute) = facts[at].clone();
            numbered(&mut log, event, (7, number), minute)
        });
        let said: Vec<_> = said.collect();
        assert_eq!(log.order("o1").load().0[0], 3, "{order:?}");
        assert_eq!(said[1].is_some(), order[1] == 0, "{order:?}: the older one is told when it comes last");
        // Another source said something between the two times: the second number counts as said no earlier than the first.
        assert_eq!(numbered(&mut log, loaded(5), (8, 1), 35), Some(Refused::Superseded), "{order:?}");
        assert_eq!(numbered(&mut log, loaded(6), (8, 2), 45), None, "{order:?}");
        assert_eq!(log.order("o1").load().0[0], 6);
    }
    for order in permutations(2) {
        let mut log = with_an_order();
        for at in order.clone() {
            numbered(&mut log, [loaded(1), loaded(3)][at].clone(), (7, at as u64 + 1), 30);
        }
        assert_eq!(log.order("o1").load().0[0], 3, "{order:?}: one time");
    }
}

/// The same for a driver's app that signs on and off, beside a dispatcher who does not count.
#[test]
fn an_app_whose_clock_runs_back_signs_off_after_it_signed_on() {
    let facts = [(on(None), (7, 1), 40), (off(), (7, 2), 30), (lost(), (0, 0), 35), (back(), (7, 3), 20)];
    let mut first = None;
    for order in permutations(facts.len()) {
        let mut log = with_a_vehicle();
        for &at in &order {
            let (event, by, minute) = facts[at].clone();
            numbered(&mut log, event, by, minute);
        }
        assert_eq!(works(&log).map(|works| (works.0, works.1)), Some((false, false)), "{order:?}");
        let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).duties.working();
        assert_eq!(state, *first.get_or_insert(state.clone()), "{order:?}");
    }
}

/// A log that was written by older rules is folded as it was: numbers decide nothing there.
#[test]
fn numbers_decide_nothing_by_earlier_rules() {
    let digest = |numbers: [u64; 2]| {
        let mut log = Log::new();
        log.vehicle("v1", 0);
        log.job("o1", 100);
        log.tell(Event::PlanProposed(fleetfold_model::Proposal { rules: 4, ..plan(&log.fleet, |_| None) }));
        numbered(&mut log, loaded(1), (7, numbers[0]), 40);
        numbered(&mut log, loaded(3), (7, numbers[1]), 30);
        assert_eq!(log.order("o1").load().0[0], 1);
        numbered(&mut log, Event::PolicyChanged(Policy { strict: true, ..Policy::default() }), (0, 0), 30);
        numbered(&mut log, Event::PolicyChanged(Policy::default()), (0, 0), 20);
        assert!(!log.fleet.policy().strict, "the last in the log");
        log.fleet.digest()
    };
    assert_eq!(digest([1, 2]), digest([0, 0]));
}

// ---- the zone ------------------------------------------------------------------------------------------------------

fn slowed(percent: u32) -> Event {
    let target = Some(fleetfold_model::RoadTarget::Roads(vec![7]));
    let (change, time_percent) = (name("rain"), Some(percent));
    Event::RoadSlowed(RoadChange { change, target, time_percent, from: None, until: None })
}

fn reopened() -> Event {
    let (target, time_percent) = (None, None);
    Event::RoadReopened(RoadChange { change: name("rain"), target, time_percent, from: None, until: None })
}

/// The policy, and what the roads are like, are those of the newest fact about them.
#[test]
fn an_older_policy_or_change_of_the_roads_takes_no_newer_ones_place() {
    let policy = |change_cost| Event::PolicyChanged(Policy { change_cost, ..Policy::default() });
    assert_commutes(empty, &[policy(1), policy(2), policy(3)], |log| log.fleet.policy().change_cost);
    let mut log = empty();
    told(&mut log, &[policy(1), policy(2)], &[1]);
    log.behind = log.now + 1_000 - BEGIN;
    assert_eq!(log.tell(policy(1)).refused, Some(Refused::Superseded), "and it is told");
    assert_eq!(log.fleet.policy().change_cost, 2);

    let roads = |log: &Log| {
        let road = log.fleet.roads().get(&name("rain")).unwrap();
        (road.ended, if road.ended { None } else { road.change.time_percent })
    };
    assert_commutes(empty, &[slowed(300), slowed(150)], roads);
    assert_commutes(empty, &[slowed(150), reopened()], roads);
    assert_commutes(empty, &[slowed(150), reopened(), slowed(200)], roads);
    assert_commutes(empty, &[slowed(150), slowed(200), reopened(), slowed(300), reopened()], roads);
    let mut log = empty();
    told(&mut log, &[slowed(150), reopened(), slowed(200)], &[2, 0, 1]);
    assert_eq!(roads(&log), (false, Some(200)), "begun anew after it had ended");
    // Also where each comes from a source that counts and whose clock stands.
    for order in permutations(2) {
        let mut log = empty();
        for at in order {
            numbered(&mut log, [slowed(150), slowed(300)][at].clone(), (7, at as u64 + 1), 30);
        }
        assert_eq!(roads(&log), (false, Some(300)));
    }
}

/// What docs/EVENTS.md says of the time before the first plan: the order of the log counts, and the first word after that plan.
#[test]
fn before_the_first_plan_policies_and_roads_go_by_the_order_of_the_log() {
    let policy = |change_cost| Event::PolicyChanged(Policy { change_cost, ..Policy::default() });
    let facts = [policy(0), policy(1), policy(2), policy(3)];
    let cost = |log: &Log| log.fleet.policy().change_cost;
    let road = |log: &Log| log.fleet.roads().get(&name("rain")).unwrap().change.time_percent;
    let mut log = Log::new();
    told(&mut log, &facts, &[3, 2]);
    told(&mut log, &[slowed(200), slowed(300)], &[1, 0]);
    assert_eq!((cost(&log), road(&log)), (2, Some(200)), "the last to come");
    log.plan(None);
    assert_eq!((cost(&log), road(&log)), (2, Some(200)), "the plan changes nothing of it");
    told(&mut log, &facts, &[1]);
    told(&mut log, &[slowed(300)], &[0]);
    assert_eq!((cost(&log), road(&log)), (1, Some(300)), "the first after the plan, whatever its time");
    told(&mut log, &facts, &[2, 0]);
    assert_eq!(cost(&log), 2, "from then on the times");
}

// ---- reports that come when their stop is over ---------------------------------------------------------------------

/// A phone without a connection: the delivery is told first, then that the goods were picked up, and when its driver was where.
#[test]
fn what_is_told_of_a_stop_that_is_over_is_taken_down_with_its_own_time() {
    let stop = |stop| StopEvent { vehicle: name("v1"), order: name("s1"), stop, at: Timestamp(0), position: None };
    let (pickup, delivery) = (stop(StopKind::Pickup), stop(StopKind::Delivery));
    let facts = [
        Event::StopArrived(pickup.clone()),
        Event::StopCompleted(pickup),
        Event::StopDeparted(delivery.clone()),
        Event::StopArrived(delivery.clone()),
        Event::StopCompleted(delivery),
    ];
    for order in permutations(facts.len()) {
        let mut log = with_a_vehicle();
        log.tell(on(None));
        log.shipment("s1", 100, 500);
        log.plan(Some("v1"));
        for &at in &order {
            numbered(&mut log, facts[at].clone(), (0, 0), at as i64);
        }
        let state = log.order("s1");
        let at = |mark: Option<fleetfold_fleet::Mark>| mark.map(|mark| (mark.at.0 - BEGIN) / MINUTE);
        let found = [
            state.pickup.arrived,
            state.pickup.completed,
            state.delivery.departed,
            state.delivery.arrived,
            state.delivery.completed,
        ]
        .map(at);
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(3), Some(4)], "{order:?}");
        let vehicle = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
        assert_eq!((vehicle.stops_done, vehicle.anchor.unwrap().position), (2, at_place(500)), "{order:?}");
        assert_eq!(log.fleet.digest(), log.fleet.digests_recounted().0);
    }
}

fn at_place(x: i32) -> fleetfold_model::Position {
    at(x)
}

// ---- before the first plan -----------------------------------------------------------------------------------------

/// A dispatcher may be quicker than the system that sends the orders, also in the first minute of a zone.
#[test]
fn a_word_about_an_order_before_the_first_plan_waits_for_its_order() {
    let forced = || Event::AssignmentForced(Pin { order: name("o1"), vehicle: name("v1") });
    let pinned = || Event::StopPinned(Pin { order: name("o2"), vehicle: name("v1") });
    let raised = || Event::PriorityRaised(PriorityRaised { order: name("o3"), priority: 9 });
    let begin = |rules| {
        let mut log = Log::new();
        log.vehicle("v1", 0);
        log.vehicle("v2", 900);
        let strange = Event::StopPinned(Pin { order: name("o4"), vehicle: name("nobody") });
        assert_eq!(log.tell(strange).refused, Some(Refused::UnknownOrder), "no such vehicle");
        for word in [forced(), pinned(), raised()] {
            assert_eq!(log.tell(word).refused, None);
        }
        let (digest, image) = (log.fleet.digest(), log.fleet.image());
        let again = Fleet::from_image(image).unwrap();
        assert_eq!((again.digest(), again.image()), (digest, log.fleet.image()));
        for order in ["o1", "o2", "o3"] {
            log.job(order, 800);
        }
        // The newest word about it counts.
        log.tell(Event::StopUnpinned { order: name("o2") });
        log.tell(Event::PlanProposed(fleetfold_model::Proposal { rules, ..plan(&log.fleet, |_| Some(name("v2"))) }));
        log
    };
    let log = begin(fleetfold_model::RULES);
    let v1 = log.fleet.vehicle_id("v1");
    assert_eq!((log.order("o1").pinned, log.order("o1").is_forced()), (v1, true));
    assert_eq!((log.order("o2").pinned, log.order("o3").priority()), (None, 9));
    assert!(log.fleet.unanswered().values().any(|ask| ask.orders.len() == 1), "it goes to the other vehicle");
    // By the rules of then they were refused.
    let log = begin(4);
    assert_eq!((log.order("o1").pinned, log.order("o3").priority()), (None, 0));
    assert!(log.order("o2").told.0.is_empty(), "{:?}", log.order("o2").told);
}

// ---- depots ----------------------------------------------------------------------------------------------------------

/// A van that calls at a depot between its second and its third order.
fn two_trips() -> Log {
    let mut log = Log::new();
    let reload =
        Reload { places: vec![Depot { name: None, position: at(500), service: Millis(MINUTE) }], times_max: None };
    log.now = BEGIN - 30 * MINUTE;
    log.tell(Event::VehicleRegistered(Vehicle { reload: Some(reload), ..vehicle("v1", 0) }));
    log.tell(on(None));
    for order in ["o1", "o2", "o3", "o4"] {
        log.job(order, 100);
    }
    let mut proposal = plan(&log.fleet, |_| Some(name("v1")));
    let visit = &mut proposal.groups[0].routes[0].visits[2];
    let (arrival, departure) = (Timestamp(BEGIN), Timestamp(BEGIN + MINUTE));
    visit.reload_before = Some(DepotCall { position: at(500), arrival, departure, metres: Metres(1) });
    assert_eq!(log.tell(Event::PlanProposed(proposal)).refused, None);
    log
}

#[test]
fn calls_at_depots_come_to_the_same_in_any_order() {
    let stop = |make: fn(StopEvent) -> Event, order: &str| {
        let (vehicle, at) = (name("v1"), Timestamp(0));
        make(StopEvent { vehicle, order: name(order), stop: StopKind::Delivery, at, position: None })
    };
    let call = || ReloadEvent { vehicle: name("v1"), at: Timestamp(0), position: Some(at(500)) };
    let facts = [
        stop(Event::StopDeparted, "o1"),
        stop(Event::StopCompleted, "o1"),
        Event::ReloadStarted(call()),
        Event::ReloadEnded(call()),
        stop(Event::StopDeparted, "o3"),
        stop(Event::StopCompleted, "o3"),
    ];
    assert_commutes(two_trips, &facts, |log| {
        let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
        let mut on_board: Vec<String> =
            state.on_board.iter().map(|&order| log.fleet.order(order).name.to_string()).collect();
        on_board.sort();
        let calls = state.route.visits.iter().filter(|visit| visit.reload_before.is_some()).count();
        (on_board, calls, state.reloads.times, state.reloads.since, state.anchor.map(|anchor| anchor.position))
    });
}

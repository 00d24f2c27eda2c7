//! Slots that are kept, breaks as they happen, and stops that are tried again: one fact at a time.

mod support;

use fleetfold_fleet::{Closed, Fleet, Placement, Refused};
use fleetfold_model::{
    Break, BreakEvent, Event, FailReason, HoldEnded, Millis, Order, OrderRetry, Shift, SlotHeld, StopEvent, StopKind,
    TimeWindow, Timestamp,
};
use support::{Log, at, job, name, vehicle};

fn hold(log: &mut Log, order: &str, minutes: i64) -> Timestamp {
    let until = Timestamp(log.now + minutes * 60_000);
    let spec = Order { placed: Timestamp(log.now), ..job(order, 100) };
    assert_eq!(log.tell(Event::SlotHeld(SlotHeld { order: spec, until })).refused, None);
    until
}

fn ended(order: &str, until: Timestamp) -> Event {
    Event::HoldEnded(HoldEnded { order: name(order), until, epoch: 1 })
}

fn read_back(log: &Log) {
    let read = Fleet::from_image(log.fleet.clone_without_index().image()).unwrap();
    assert_eq!(read.digest(), log.fleet.digest());
    assert_eq!(log.fleet.digest(), log.fleet.digests_recounted().0);
}

// ---- slots that are kept -----------------------------------------------------------------------------------------

#[test]
fn a_slot_that_nobody_takes_is_given_up_and_one_that_is_taken_is_an_order() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    let until = hold(&mut log, "o1", 10);
    hold(&mut log, "o2", 10);
    log.plan(Some("v1"));
    assert!(matches!(log.order("o1").placement, Placement::OnRoute(_)), "it has its place like any order");
    read_back(&log);
    assert_eq!(log.tell(Event::OrderConfirmed { order: name("o2") }).refused, None);
    assert_eq!(log.tell(Event::OrderConfirmed { order: name("o2") }).refused, Some(Refused::NotHeld));
    assert_eq!(log.tell(ended("o2", until)).refused, Some(Refused::NotHeld));
    assert_eq!(log.tell(ended("o1", Timestamp(until.0 + 1))).refused, Some(Refused::NotHeld), "of another hold");
    let change = log.tell(ended("o1", until));
    assert_eq!((change.refused, log.order("o1").closed), (None, Some(Closed::Cancelled)));
    assert_eq!(change.routes.len(), 1, "the vehicle is told");
    assert!(log.order("o2").is_open());
    assert_eq!(log.tell(ended("o1", until)).refused, Some(Refused::OrderClosed), "another owner says the same");
    read_back(&log);
}

#[test]
fn who_said_so_in_time_has_it_although_it_is_told_late() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    for (order, behind, taken) in [("o1", 8_000, true), ("o2", 0, false)] {
        log.behind = 0;
        let until = hold(&mut log, order, 0);
        log.tell(ended(order, Timestamp(until.0)));
        assert_eq!(log.order(order).closed, Some(Closed::Cancelled));
        log.behind = behind;
        let change = log.tell(Event::OrderConfirmed { order: name(order) });
        assert_eq!(change.refused.is_none(), taken, "{order}: {change:?}");
        assert_eq!(log.order(order).is_open(), taken);
    }
}

#[test]
fn a_slot_whose_vehicle_is_on_its_way_is_not_given_up() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    let until = hold(&mut log, "o1", 1);
    log.plan(Some("v1"));
    log.report("departed", "v1", "o1", StopKind::Delivery);
    assert_eq!(log.tell(ended("o1", until)).refused, None);
    assert!(log.order("o1").is_open() && log.order("o1").held_until.is_none());
}

#[test]
fn a_customer_who_declines_gives_the_slot_back() {
    let mut log = Log::new();
    let until = hold(&mut log, "o1", 1);
    log.tell(Event::OrderCancelled { order: name("o1") });
    assert_eq!(log.order("o1").closed, Some(Closed::Cancelled));
    assert_eq!(log.tell(Event::OrderConfirmed { order: name("o1") }).refused, Some(Refused::OrderClosed));
    assert_eq!(log.tell(ended("o1", until)).refused, Some(Refused::OrderClosed));
}

// ---- breaks ------------------------------------------------------------------------------------------------------

fn pause(log: &Log, minutes: Option<i64>, x: Option<i32>) -> BreakEvent {
    let duration = minutes.map(|minutes| Millis(minutes * 60_000));
    BreakEvent { vehicle: name("v1"), at: Timestamp(log.now), duration, position: x.map(at) }
}

/// One vehicle whose shift has a break of twenty minutes.
fn with_break() -> Log {
    let mut log = Log::new();
    let window = TimeWindow::new(Timestamp(0), Timestamp(9_000_000)).unwrap();
    let breaks = vec![Break { window, duration: Millis(1_200_000) }];
    let shift = Some(Shift { starts: Timestamp(0), ends: Timestamp(90_000_000), breaks });
    log.tell(Event::VehicleRegistered(vehicle("v1", 0)));
    log.tell(Event::ShiftStarted { vehicle: name("v1"), shift, position: None });
    log
}

#[test]
fn a_break_is_taken_once_and_the_vehicle_is_free_when_it_is_over() {
    let mut log = with_break();
    let began = log.now;
    assert_eq!(log.tell(Event::BreakStarted(pause(&log, None, Some(70)))).refused, None);
    let state = |log: &Log| log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).clone();
    let (anchor, taken) = (state(&log).anchor.unwrap(), state(&log).breaks_taken);
    assert_eq!((anchor.at, anchor.position, taken), (Timestamp(began + 1_200_000), at(70), 1), "as the shift has it");
    assert!(log.fleet.unanswered().values().any(|ask| !ask.vehicles.is_empty()), "its route is looked at");
    read_back(&log);
    // The same again, and one that began before: nothing more is taken.
    let again = BreakEvent { at: Timestamp(began), ..pause(&log, None, None) };
    assert_eq!(log.tell(Event::BreakStarted(again)).refused, Some(Refused::Superseded));
    assert_eq!(state(&log).breaks_taken, 1);
    // It ends earlier than planned.
    log.now += 300_000;
    let now = log.now;
    assert_eq!(log.tell(Event::BreakEnded(pause(&log, None, None))).refused, None);
    assert_eq!(state(&log).anchor.unwrap().at, Timestamp(now));
    assert!(state(&log).on_break.is_none());
    assert_eq!(log.tell(Event::BreakEnded(pause(&log, None, None))).refused, Some(Refused::NotOnBreak));
    // Another one, which the shift does not have.
    log.tell(Event::BreakStarted(pause(&log, Some(5), None)));
    assert_eq!((state(&log).breaks_taken, state(&log).on_break.unwrap().planned), (1, false));
    read_back(&log);
}

/// Found from outside: in a break a vehicle was said to have been heard of at its end, and what its phone said meanwhile did not move it.
#[test]
fn who_takes_a_break_is_heard_of_when_it_begins_and_when_his_phone_says_where_he_is() {
    let mut log = with_break();
    let began = log.now;
    log.tell(Event::BreakStarted(pause(&log, None, Some(70))));
    let heard = |log: &Log| log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).last_heard().unwrap();
    assert_eq!((heard(&log).at, heard(&log).position), (Timestamp(began), at(70)));
    log.fleet.hint(&name("v1"), at(80), Timestamp(began + 60_000));
    assert_eq!((heard(&log).at, heard(&log).position), (Timestamp(began + 60_000), at(80)));
    log.now += 300_000;
    let ended = Timestamp(log.now);
    log.tell(Event::BreakEnded(pause(&log, None, Some(90))));
    assert_eq!((heard(&log).at, heard(&log).position), (ended, at(90)));
}

#[test]
fn the_end_of_a_break_that_is_told_before_its_beginning_counts() {
    let mut log = with_break();
    let (began, over) = (log.now - 60_000, log.now - 1_000);
    let end = BreakEvent { at: Timestamp(over), ..pause(&log, None, None) };
    let begin = BreakEvent { at: Timestamp(began), ..pause(&log, None, None) };
    let state = |log: &Log| log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).clone();
    assert_eq!(log.tell(Event::BreakEnded(end.clone())).refused, Some(Refused::NotOnBreak));
    assert!(state(&log).break_that_was_over().is_some());
    read_back(&log);
    assert_eq!(log.tell(Event::BreakStarted(begin.clone())).refused, None);
    read_back(&log);
    let mut in_order = with_break();
    assert_eq!(in_order.tell(Event::BreakStarted(begin.clone())).refused, None);
    assert_eq!(in_order.tell(Event::BreakEnded(end)).refused, None);
    for log in [&log, &in_order] {
        assert_eq!((state(log).on_break, state(log).breaks_taken), (None, 1), "it is not planned again");
        assert_eq!(state(log).anchor.unwrap().at, Timestamp(over), "and the vehicle is free");
    }
    // It is told again: nothing more is taken.
    for log in [&mut log, &mut in_order] {
        assert_eq!(log.tell(Event::BreakStarted(begin.clone())).refused, Some(Refused::Superseded));
    }
    // An end that is told twice ends nothing else, and the next break is one.
    let now = log.now;
    assert_eq!(
        log.tell(Event::BreakEnded(BreakEvent { at: Timestamp(now), ..pause(&log, None, None) })).refused,
        Some(Refused::NotOnBreak)
    );
    assert_eq!(log.tell(Event::BreakStarted(begin)).refused, Some(Refused::Superseded), "that one was over before");
    log.now += 60_000;
    let next = pause(&log, Some(5), None);
    assert_eq!(log.tell(Event::BreakStarted(next)).refused, None);
    assert!(state(&log).on_break.is_some() && state(&log).break_that_was_over().is_none());
    read_back(&log);
    // The end of an earlier one does not end it.
    let mut log = with_break();
    let (earlier, now) = (log.now - 60_000, log.now);
    log.tell(Event::BreakStarted(BreakEvent { at: Timestamp(now), ..pause(&log, Some(5), None) }));
    let end = BreakEvent { at: Timestamp(earlier), ..pause(&log, None, None) };
    assert_eq!(log.tell(Event::BreakEnded(end)).refused, Some(Refused::NotOnBreak));
    assert_eq!(state(&log).on_break.map(|pause| pause.since), Some(Timestamp(now)));
    read_back(&log);
}

#[test]
fn nobody_takes_a_break_who_is_not_on_shift() {
    let mut log = Log::new();
    assert_eq!(log.tell(Event::BreakStarted(pause(&log, None, None))).refused, Some(Refused::UnknownVehicle));
    log.tell(Event::VehicleRegistered(vehicle("v1", 0)));
    assert_eq!(log.tell(Event::BreakStarted(pause(&log, None, None))).refused, Some(Refused::NotOnShift));
    let mut log = with_break();
    log.tell(Event::BreakStarted(pause(&log, None, None)));
    log.tell(Event::ShiftEnded { vehicle: name("v1"), at: Timestamp(log.now) });
    let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
    assert!(state.on_break.is_none(), "who signs off takes no break any more");
}

// ---- stops that are tried again ----------------------------------------------------------------------------------

fn failed(log: &Log, retry: Option<i64>) -> Event {
    let stop = StopEvent {
        vehicle: name("v1"),
        order: name("s1"),
        stop: StopKind::Delivery,
        at: Timestamp(log.now),
        position: None,
    };
    Event::StopFailed(stop, FailReason::NoShow, retry.map(|minutes| Timestamp(log.now + minutes * 60_000)))
}

/// A vehicle with the goods of `s1` at its delivery.
fn at_the_door() -> Log {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.shipment("s1", 100, 500);
    log.plan(Some("v1"));
    log.report("completed", "v1", "s1", StopKind::Pickup);
    log.report("arrived", "v1", "s1", StopKind::Delivery);
    log
}

#[test]
fn a_stop_that_failed_with_a_time_to_try_it_again_is_open_with_its_goods_on_board() {
    let mut log = at_the_door();
    let retry = log.now + 90 * 60_000;
    let change = log.tell(failed(&log, Some(90)));
    assert_eq!(change.refused, None);
    let order = log.order("s1");
    assert!(order.is_open() && order.delivery.failed.is_none(), "{order:?}");
    assert_eq!(order.on_board, log.fleet.vehicle_id("v1"), "the goods are in the van");
    assert_eq!(order.delivery_moved_to, None, "and do not go back, whatever the policy says of failures");
    assert_eq!(order.stop(StopKind::Delivery).unwrap().windows[0].opens(), Timestamp(retry), "and not before");
    let asks: Vec<_> = log.fleet.unanswered().values().flat_map(|ask| ask.orders.clone()).collect();
    assert!(asks.contains(&log.fleet.order_id("s1").unwrap()), "it asks for a place");
    read_back(&log);
    // The report comes again: nothing more happens.
    let digest = log.fleet.digest();
    assert!(log.tell(failed(&log, Some(90))).refused.is_some() || log.fleet.digest() != digest);
    log.plan(Some("v1"));
    assert!(matches!(log.order("s1").placement, Placement::OnRoute(_)));
}

#[test]
fn a_retry_opens_a_failed_order_with_a_new_window() {
    let mut log = at_the_door();
    log.tell(failed(&log, None));
    // By the policy of these tests the goods go back; a retry turns them round.
    assert_eq!(log.order("s1").delivery_moved_to, Some(at(100)));
    let (from, closes) = (Timestamp(log.now + 3_600_000), Timestamp(log.now + 7_200_000));
    let window = TimeWindow::new(from, closes);
    let retry = OrderRetry { order: name("s1"), from, window, promised: Some(closes) };
    assert_eq!(log.tell(Event::OrderRetried(retry.clone())).refused, None);
    let stop = log.order("s1").stop(StopKind::Delivery).unwrap();
    assert_eq!((stop.position, stop.due), (at(500), Some(closes)));
    assert_eq!(stop.windows.first().map(|window| window.closes()), Some(closes));
    assert_eq!(log.order("s1").on_board, log.fleet.vehicle_id("v1"));
    let unknown = OrderRetry { order: name("nobody"), ..retry };
    assert_eq!(log.tell(Event::OrderRetried(unknown)).refused, None, "kept until the order comes, as any change");
    read_back(&log);
}

//! One fact at a time, as small as will still show it.

mod support;

use fleetfold_fleet::{Closed, Placement, Refused};
use fleetfold_model::{
    BaseWritten, Event, ExchangeGroup, FailReason, Features, Load, LogSeq, Millis, Name, OnBoardRule, OrderChange,
    Person, Policy, Proposal, RepairAsked, StopKind, Timestamp, UnassignedReason,
};
use support::{Log, at, job, name, plan, shipment, vehicle, zone};

/// A vehicle at 0 that carries the goods of `s1` and drives on to their delivery.
fn carrying() -> Log {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.vehicle("v2", 900);
    log.shipment("s1", 100, 500);
    log.plan(Some("v1"));
    log.report("completed", "v1", "s1", StopKind::Pickup);
    log.report("departed", "v1", "s1", StopKind::Delivery);
    log
}

// ---- the chain of plans -----------------------------------------------------------------------------------------

/// A plan of format 1 begins a chain by its number alone. With the highest number there is, none could follow.
#[test]
fn no_plan_takes_the_last_numbers_of_the_chain() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    for rev in [u64::MAX, u64::MAX - 1, (1 << 53) + 1] {
        let forged = Proposal { format: 1, rev, ..plan(&log.fleet, |_| None) };
        assert_eq!(log.tell(Event::PlanProposed(forged)).refused, Some(Refused::BrokenChain), "{rev}");
    }
    let expired = Proposal { format: 1, rev: 4_711, ..plan(&log.fleet, |_| None) };
    assert_eq!(log.tell(Event::PlanProposed(expired)).refused, None, "plans before it have expired");
    log.job("o1", 100);
    log.plan(Some("v1"));
    assert_eq!(log.fleet.chain().rev, 4_712);
}

// ---- every order is somewhere ------------------------------------------------------------------------------------

#[test]
fn a_group_that_names_a_cause_and_leaves_its_order_nowhere_is_refused() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.plan(None);
    log.job("o1", 100);
    log.job("o2", 200);
    let mut proposal = plan(&log.fleet, |_| None);
    proposal.groups[0].unassigned.retain(|(order, _)| order.as_str() == "o2");
    let change = log.tell(Event::PlanProposed(proposal));
    assert_eq!(change.plan.unwrap().accepted, [false]);
    assert!(change.answered.is_empty());
    assert_eq!(log.order("o2").placement, Placement::Unplaced, "refused whole");
    assert_eq!(log.fleet.unanswered().len(), 2, "both wait on");
}

#[test]
fn a_cause_that_is_answered_unknown_or_without_open_orders_does_not_stop_a_group() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.plan(None);
    let asked = log.job("o1", 100);
    assert!(asked.asks);
    let first = log.fleet.applied();
    log.plan(Some("v1"));
    log.job("o2", 200);
    let second = log.fleet.applied();
    log.tell(Event::OrderCancelled { order: name("o2") });
    let third = log.fleet.applied();
    let group = ExchangeGroup {
        routes: vec![],
        unassigned: vec![],
        caused_by: vec![first, LogSeq(99_999), second, third],
        choices: vec![],
    };
    let proposal = fleetfold_model::Proposal { groups: vec![group], ..plan(&log.fleet, |_| None) };
    let change = log.tell(Event::PlanProposed(proposal));
    assert_eq!(change.plan.unwrap().accepted, [true]);
    assert_eq!(change.answered.iter().map(|&(seq, _)| seq).collect::<Vec<_>>(), [second, third]);
}

#[test]
fn a_cause_whose_order_has_a_route_or_a_reason_already_is_answered_by_a_group_without_routes() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 100);
    log.plan(Some("v1"));
    log.job("o2", 100);
    log.plan(None);
    for order in ["o1", "o2"] {
        log.tell(Event::PriorityRaised(fleetfold_model::PriorityRaised { order: name(order), priority: 5 }));
    }
    let causes: Vec<LogSeq> = log.fleet.unanswered().keys().copied().collect();
    let group = ExchangeGroup { routes: vec![], unassigned: vec![], caused_by: causes, choices: vec![] };
    let proposal = fleetfold_model::Proposal { groups: vec![group], ..plan(&log.fleet, |_| None) };
    let change = log.tell(Event::PlanProposed(proposal));
    assert_eq!(change.plan.unwrap().accepted, [true]);
    assert!(log.fleet.unanswered().is_empty());
    assert_eq!(log.order("o2").placement, Placement::Unassigned(UnassignedReason::NoPlace));
}

/// What a plan may change depends on the rules that it was made by, for ever: old logs are folded as they were.
#[test]
fn a_plan_is_taken_by_the_rules_that_it_names() {
    for (rules, accepted) in [(1, false), (2, true)] {
        let mut log = Log::new();
        log.vehicle("v1", 0);
        log.job("o1", 100);
        log.plan(Some("v1"));
        // The planned departure has come, and nobody has said that he departed.
        log.now += 2 * 3_600_000;
        log.job("o2", 200);
        let mut proposal = plan(&log.fleet, |_| Some(name("v1")));
        proposal.rules = rules;
        proposal.groups[0].routes[0].visits.reverse();
        let change = log.tell(Event::PlanProposed(proposal));
        assert_eq!(change.plan.unwrap().accepted, [accepted], "rules {rules}");
    }
}

// ---- where a vehicle was -----------------------------------------------------------------------------------------

#[test]
fn goods_on_a_lost_vehicle_are_where_the_engine_says_it_was() {
    let mut log = carrying();
    log.fleet.hint(&name("v1"), at(300), Timestamp(log.now));
    let seen = log.now;
    log.tell(Event::VehicleLost { vehicle: name("v1"), position: None });
    let lost = log.fleet.applied().0;
    assert_eq!(log.order("s1").pickup_moved_to, Some(at(100)), "the last fact's place, not the hint's");
    log.plan(Some("v2"));
    let change = log.located("v1", 300, seen, lost, 1);
    assert_eq!(change.refused, None);
    assert_eq!(log.order("s1").pickup_moved_to, Some(at(300)));
    assert!(change.asks, "asked for anew");
    let v2 = log.fleet.vehicle_id("v2").unwrap();
    assert_eq!(change.routes, [v2], "whoever fetches them is told the new place");
    let anchor = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).anchor.unwrap();
    assert_eq!(anchor.position, at(300));
    assert!(anchor.at.0 > seen, "it stands there since it was lost");
    assert_eq!(log.located("v1", 310, seen + 1, lost, 1).refused, Some(Refused::OldPosition), "said once");
}

#[test]
fn goods_that_somebody_is_on_the_way_to_move_without_being_asked_for() {
    let mut log = carrying();
    let seen = log.now;
    log.tell(Event::VehicleLost { vehicle: name("v1"), position: None });
    let lost = log.fleet.applied().0;
    log.plan(Some("v2"));
    log.report("departed", "v2", "s1", StopKind::Pickup);
    log.located("v1", 300, seen, lost, 1);
    assert_eq!(log.order("s1").pickup_moved_to, Some(at(300)));
    let (_, ask) = log.fleet.unanswered().last_key_value().unwrap();
    assert!(ask.orders.is_empty() && ask.vehicles == [log.fleet.vehicle_id("v2").unwrap()], "{ask:?}");
    log.report("arrived", "v2", "s1", StopKind::Pickup);
    log.located("v1", 400, log.now + 60_000, lost, 1);
    assert_eq!(log.order("s1").pickup_moved_to, Some(at(300)), "whoever stands beside them knows better");
}

/// What a vehicle has left to give follows the goods that it has on board, also where no route leads to their delivery.
#[test]
fn goods_on_board_that_become_more_leave_less_room() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.shipment("s1", 100, 500);
    log.report("completed", "v1", "s1", StopKind::Pickup);
    let load = Some(Load([7, 0, 0, 0]));
    let (work, skills, priority, release, promised) = (None, None, None, None, None);
    log.tell(Event::OrderUpdated(OrderChange { order: name("s1"), work, load, skills, priority, release, promised }));
    let v1 = log.fleet.vehicle_id("v1").expect("registered");
    let (_, slack) = log.fleet.slacks().nth(v1.index()).expect("one for each vehicle");
    let capacity = log.fleet.vehicle(v1).spec.as_ref().expect("registered").capacity;
    assert_eq!(slack.room_at_start.map(|room| room.0[0]), Some(capacity.0[0] - 7));
    log.fleet.check().expect("every promise holds");
}

#[test]
fn a_position_older_than_the_last_known_place_is_refused() {
    let mut log = carrying();
    let before_pickup = log.now - 10_000;
    log.tell(Event::VehicleLost { vehicle: name("v1"), position: None });
    let lost = log.fleet.applied().0;
    assert_eq!(log.located("v1", 7, before_pickup, lost, 1).refused, Some(Refused::OldPosition));
    assert_eq!(log.located("nobody", 7, log.now, lost, 1).refused, Some(Refused::UnknownVehicle));
    assert_eq!(log.order("s1").pickup_moved_to, Some(at(100)));
}

#[test]
fn goods_left_on_board_at_the_end_of_a_shift_follow_too() {
    let mut log = carrying();
    let seen = log.now;
    log.tell(Event::ShiftEnded { vehicle: name("v1"), at: Timestamp(log.now) });
    let ended = log.fleet.applied().0;
    assert_eq!(log.order("s1").pickup_moved_to, Some(at(100)));
    log.located("v1", 350, seen, ended, 1);
    assert_eq!(log.order("s1").pickup_moved_to, Some(at(350)));
}

#[test]
fn a_vehicle_taken_off_its_way_stands_where_the_engine_says() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 500);
    log.plan(Some("v1"));
    log.report("departed", "v1", "o1", StopKind::Delivery);
    log.fleet.hint(&name("v1"), at(200), Timestamp(log.now));
    let seen = log.now;
    log.tell(Event::OrderCancelled { order: name("o1") });
    let of = log.fleet.applied().0;
    let v1 = log.fleet.vehicle_id("v1").unwrap();
    assert_eq!(log.fleet.vehicle(v1).anchor.unwrap().position, at(0));
    let change = log.located("v1", 200, seen, of, 1);
    assert_eq!(log.fleet.vehicle(v1).anchor.unwrap().position, at(200));
    assert!(change.asks, "its route is looked at");
}

#[test]
fn goods_are_on_board_again_when_their_vehicle_comes_back() {
    let mut log = carrying();
    log.tell(Event::VehicleLost { vehicle: name("v1"), position: Some(at(300)) });
    log.plan(Some("v2"));
    log.tell(Event::VehicleBack { vehicle: name("v1"), position: None });
    assert_eq!(log.order("s1").on_board, log.fleet.vehicle_id("v1"));
    assert_eq!(log.order("s1").pickup_moved_to, None);
}

// ---- facts of our own --------------------------------------------------------------------------------------------

fn base(epoch: u64) -> Event {
    Event::BaseWritten(BaseWritten {
        applied: LogSeq(1),
        format: 2,
        digest: 7,
        object: "base-1".to_owned(),
        hash: "ab".to_owned(),
        bytes: 10,
        epoch,
    })
}

#[test]
fn own_facts_of_an_older_epoch_do_not_count() {
    let mut log = carrying();
    let proposal = fleetfold_model::Proposal { epoch: 5, ..plan(&log.fleet, |_| None) };
    log.tell(Event::PlanProposed(proposal));
    let repair =
        |epoch| Event::RepairAsked(RepairAsked { orders: vec![], vehicles: vec![], what: String::new(), epoch });
    let features = |epoch| Event::FeaturesLearned(Features { version: 1, epoch, ..Features::default() });
    let now = log.now;
    assert_eq!(log.located("v1", 7, now, 1, 4).refused, Some(Refused::OldEpoch));
    for old in [base(4), repair(4), features(4)] {
        let digest = log.fleet.digest();
        assert_eq!(log.tell(old).refused, Some(Refused::OldEpoch));
        assert_eq!(log.fleet.digest(), digest);
    }
    assert_eq!(log.fleet.last_base(), None);
    for own in [base(5), repair(6), features(5)] {
        assert_eq!(log.tell(own).refused, None);
    }
    assert_eq!(log.fleet.last_base().unwrap().object, "base-1");
    assert_eq!(log.fleet.chain().epoch, 5, "only plans raise it");
}

#[test]
fn features_of_version_0_1_have_no_epoch_and_count() {
    let mut log = carrying();
    let features = Event::FeaturesLearned(Features { version: 1, ..Features::default() });
    assert_eq!(log.tell(features).refused, None);
}

#[test]
fn a_repair_asks_for_orders_that_are_on_no_route_and_looks_at_vehicles() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 100);
    log.plan(Some("v1"));
    log.job("o2", 100);
    log.plan(None);
    let orders: Vec<Name> = ["o1", "o2", "nobody"].into_iter().map(name).collect();
    let repair = RepairAsked { orders, vehicles: vec![name("v1"), name("v9")], what: "F1".to_owned(), epoch: 1 };
    let change = log.tell(Event::RepairAsked(repair));
    assert!(change.asks);
    let (_, ask) = log.fleet.unanswered().last_key_value().unwrap();
    assert_eq!(ask.orders, [log.fleet.order_id("o2").unwrap()]);
    assert_eq!(ask.vehicles, [log.fleet.vehicle_id("v1").unwrap()]);
    assert_eq!(log.order("o2").placement, Placement::Unplaced);
    assert!(matches!(log.order("o1").placement, Placement::OnRoute(_)), "it is where it belongs");
}

#[test]
fn an_entry_that_is_passed_over_moves_how_far_and_the_fence_only() {
    let mut log = carrying();
    let (digest, chain, applied) = (log.fleet.digest(), *log.fleet.chain(), log.fleet.applied());
    log.fleet.skip(LogSeq(applied.0 + 3), false);
    assert_eq!((log.fleet.applied(), log.fleet.chain().seq), (LogSeq(applied.0 + 3), chain.seq));
    log.fleet.skip(LogSeq(applied.0 + 5), true);
    log.fleet.skip(LogSeq(applied.0 + 4), true);
    let after = *log.fleet.chain();
    assert_eq!((log.fleet.applied(), after.seq), (LogSeq(applied.0 + 5), LogSeq(applied.0 + 5)));
    assert_eq!((after.epoch, after.rev, after.hash), (chain.epoch, chain.rev, chain.hash));
    assert_eq!(log.fleet.digest(), digest);
    log.job("o9", 10);
    log.plan(Some("v2"));
}

#[test]
fn a_refused_zone_opened_can_be_sent_again_with_its_id() {
    let mut log = Log::new();
    for _ in 0..2 {
        assert_eq!(log.tell_as(zone(Millis(1)), 77).refused, Some(Refused::ZoneOpen));
    }
    log.job("o1", 1);
    assert_eq!(log.tell_as(Event::OrderCreated(job("o1", 1)), 78).refused, Some(Refused::OrderExists));
    assert_eq!(log.tell_as(Event::OrderCreated(job("o1", 1)), 78).refused, Some(Refused::DuplicateEvent));
}

// ---- what is over leaves -----------------------------------------------------------------------------------------

/// `o1` is served; the next entry comes this many seconds later.
fn served_and_later(seconds: i64) -> Log {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.vehicle("v2", 0);
    log.tell_as(Event::OrderCreated(job("o1", 100)), 4_711);
    log.job("o2", 100);
    log.plan(Some("v1"));
    log.report("completed", "v1", "o1", StopKind::Delivery);
    assert_eq!(log.order("o1").closed, Some(Closed::Served));
    log.now += seconds * 1_000 - 1_000;
    log
}

#[test]
fn an_order_leaves_when_its_time_has_come_and_its_number_is_used_again() {
    let mut log = served_and_later(59);
    let number = log.fleet.order_id("o1").unwrap();
    assert!(log.job("o3", 5).retired.is_empty(), "not a second before");
    let change = log.job("o4", 5);
    assert_eq!(change.retired, [(number, name("o1"))]);
    assert_eq!(log.fleet.order_id("o4"), Some(number), "the lowest free number");
    assert_eq!(log.fleet.order_id("o1"), None);
    assert_eq!(log.fleet.orders().iter().count(), 3);
    assert_eq!((log.fleet.open_count(), log.fleet.held_count()), (3, 3));
}

#[test]
fn the_order_of_who_is_forgotten_leaves_when_it_is_over_and_his_place_when_he_is_off() {
    let mut log = served_and_later(1);
    let forget = |log: &mut Log, person| log.tell(Event::PersonForgotten(person));
    let open = log.fleet.digest();
    assert!(forget(&mut log, Person::Order(name("o2"))).retired.is_empty(), "it is open");
    assert!(forget(&mut log, Person::Order(name("nobody"))).refused.is_none());
    assert!(forget(&mut log, Person::Driver(name("nobody"))).refused.is_none());
    assert!(forget(&mut log, Person::Driver(name("v1"))).refused.is_none());
    assert_eq!(log.fleet.digest(), open, "work that goes on decides as before");
    let change = forget(&mut log, Person::Order(name("o1")));
    assert_eq!(change.retired.len(), 1);
    assert_eq!((log.fleet.order_id("o1"), log.fleet.held_count()), (None, 1));
    let after = log.fleet.digest();
    forget(&mut log, Person::Order(name("o1")));
    assert_eq!(log.fleet.digest(), after, "again is harmless");
    assert_eq!(log.report("completed", "v1", "o1", StopKind::Delivery).refused, Some(Refused::UnknownOrder));
    // Its time comes later: nothing is retired twice.
    log.now += 70_000;
    assert!(log.job("o3", 5).retired.is_empty());
    log.tell(Event::ShiftEnded { vehicle: name("v2"), at: Timestamp(0) });
    let v2 = log.fleet.vehicle_id("v2").unwrap();
    log.fleet.hint(&name("v2"), at(77), Timestamp(log.now));
    forget(&mut log, Person::Driver(name("v2")));
    assert_eq!((log.fleet.vehicle(v2).anchor, log.fleet.vehicle(v2).hint), (None, None));
    log.tell(Event::ShiftStarted { vehicle: name("v2"), shift: None, position: None });
    assert!(log.fleet.vehicle(v2).anchor.is_some(), "it begins where it is registered");
    let again = fleetfold_fleet::Fleet::new();
    let again = log.entries.iter().fold(again, |mut fleet, entry| {
        fleet.apply(entry);
        fleet
    });
    assert_eq!(again.digest(), log.fleet.digest());
}

#[test]
fn late_facts_about_a_retired_order_are_refused_and_a_duplicate_too() {
    let mut log = served_and_later(61);
    assert_eq!(log.tell_as(Event::OrderCreated(job("o1", 100)), 4_711).refused, Some(Refused::DuplicateEvent));
    assert_eq!(log.report("completed", "v1", "o1", StopKind::Delivery).refused, Some(Refused::UnknownOrder));
    assert_eq!(log.tell(Event::OrderCancelled { order: name("o1") }).refused, Some(Refused::UnknownOrder));
    assert_eq!(log.fleet.held_count(), 1, "no placeholder of it");
    let change = log.job("o1", 7);
    assert_eq!((change.refused, change.asks), (None, true), "a new order may use the name");
}

#[test]
fn nothing_is_left_of_a_thousand_orders_but_the_fleet_as_it_was() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.plan(None);
    let v1 = log.fleet.vehicle_id("v1").unwrap();
    let size = |log: &Log| format!("{:?}", log.fleet.image()).len();
    let small = size(&log);
    for number in 0..1_000 {
        let order = format!("o{number}");
        log.shipment(&order, 1, 2);
        log.tell(Event::OrderCancelled { order: name(&order) });
        if number % 10 == 0 {
            log.plan(None);
            log.now += 30_000;
        }
        assert!(log.fleet.orders().ids().all(|id| id.0 < 80), "numbers stay low");
    }
    log.plan(None);
    for _ in 0..3 {
        log.now += 3_700_000;
        log.tell(Event::AssignmentAccepted { vehicle: name("v1"), revision: 0 });
    }
    assert_eq!(log.fleet.held_count(), 0);
    assert!(size(&log) < small + 1_000, "{} bytes after {small}", size(&log));
    assert!(log.fleet.vehicle(v1).is_available());
    assert_eq!(log.fleet.orders().ids().count(), 0);
}

#[test]
fn many_orders_that_are_due_at_once_leave_over_several_entries() {
    let mut log = Log::new();
    for number in 0..600 {
        let order = format!("o{number}");
        log.job(&order, 1);
        log.tell(Event::OrderCancelled { order: name(&order) });
    }
    // The last minute's orders are not due yet.
    assert!(log.fleet.held_count() < 40);
    let mut log = Log::new();
    log.tell(Event::PolicyChanged(fleetfold_model::Policy::default()));
    for number in 0..600 {
        let order = format!("o{number}");
        log.job(&order, 1);
        log.tell(Event::OrderCancelled { order: name(&order) });
    }
    log.now += 90_000_000;
    let left: Vec<usize> = (0..4)
        .map(|_| {
            log.tell(Event::AssignmentAccepted { vehicle: name("v1"), revision: 0 });
            log.fleet.held_count()
        })
        .collect();
    assert_eq!(left, [344, 88, 0, 0]);
}

#[test]
fn orders_and_vehicles_known_only_by_later_facts_leave_too() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.report("completed", "v1", "early", StopKind::Delivery);
    log.report("departed", "ghost", "other", StopKind::Delivery);
    assert_eq!(log.fleet.held_count(), 2);
    let ghost = log.fleet.vehicle_id("ghost").unwrap();
    log.now += 30_000;
    let change = log.job("early", 7);
    assert_eq!(change.closed.len(), 1, "served before it was told");
    log.now += 40_000;
    log.tell(Event::AssignmentAccepted { vehicle: name("v1"), revision: 0 });
    assert_eq!(log.fleet.order_id("other"), None);
    assert!(log.fleet.order_id("early").is_some(), "its time began when it was over");
    log.now += 3_700_000;
    log.tell(Event::AssignmentAccepted { vehicle: name("v1"), revision: 0 });
    assert_eq!(log.fleet.vehicle_id("ghost"), None);
    log.tell(Event::VehicleRegistered(vehicle("new", 3)));
    assert_eq!(log.fleet.vehicle_id("new"), Some(ghost));
}

#[test]
fn ended_road_changes_and_ids_of_other_events_are_forgotten() {
    let mut log = Log::new();
    let road = |change: &str, until| fleetfold_model::RoadChange {
        change: name(change),
        target: None,
        time_percent: Some(150),
        from: None,
        until,
    };
    log.tell_as(Event::RoadClosed(road("reopened", None)), 501);
    log.tell_as(Event::RoadReopened(road("reopened", None)), 502);
    log.tell(Event::RoadSlowed(road("over", Some(Timestamp(log.now + 5_000)))));
    log.tell(Event::RoadSlowed(road("lasting", None)));
    assert_eq!(log.tell_as(Event::RoadClosed(road("reopened", None)), 501).refused, Some(Refused::DuplicateEvent));
    log.now += 3_700_000;
    log.vehicle("v1", 0);
    assert_eq!(log.fleet.roads().keys().map(Name::as_str).collect::<Vec<_>>(), ["lasting"]);
    assert_eq!(log.tell_as(Event::RoadClosed(road("again", None)), 501).refused, None);
}

#[test]
fn a_fact_that_waits_does_not_keep_the_number_of_a_retired_order() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 5);
    log.tell(Event::OrderCancelled { order: name("o1") });
    log.now += 61_000;
    let change = log.shipment("o2", 5, 6);
    assert_eq!(change.retired.len(), 1);
    let o2 = log.fleet.order_id("o2").unwrap();
    let naming = log.fleet.unanswered().values().filter(|ask| ask.orders.contains(&o2)).count();
    assert_eq!(naming, 1, "only the fact that created it");
    log.plan(Some("v1"));
    assert_eq!(shipment("o2", 5, 6).name, log.order("o2").name);
}

// ---- facts that come out of order --------------------------------------------------------------------------------------

fn moved(order: &str, x: i32) -> Event {
    let work = Some(job(order, x).work);
    let (load, skills, priority, release, promised) = (None, None, None, None, None);
    Event::OrderUpdated(OrderChange { order: name(order), work, load, skills, priority, release, promised })
}

/// Of two facts about one thing the one with the later time counts, whichever comes last.
#[test]
fn the_later_time_counts_and_not_the_later_entry() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 100);
    log.plan(Some("v1"));
    log.tell(moved("o1", 900));
    log.behind = 60_000;
    assert_eq!(log.tell(moved("o1", 300)).refused, Some(Refused::Superseded));
    assert_eq!(log.order("o1").stop(StopKind::Delivery).unwrap().position, at(900));
    // What nobody has said anything newer of counts, however late it comes.
    let (work, load, skills, release, promised) = (Some(job("o1", 300).work), None, None, None, None);
    let both = OrderChange { order: name("o1"), work, load, skills, priority: Some(7), release, promised };
    assert_eq!(log.tell(Event::OrderUpdated(both)).refused, None);
    let order = log.order("o1");
    assert_eq!(order.stop(StopKind::Delivery).unwrap().position, at(900));
    assert_eq!(order.spec.as_ref().unwrap().priority, 7);
    // A registration, a sign-on, a breakdown.
    log.behind = 0;
    log.tell(Event::VehicleRegistered(vehicle("v1", 5)));
    log.tell(Event::ShiftEnded { vehicle: name("v1"), at: Timestamp(log.now) });
    log.tell(Event::VehicleLost { vehicle: name("v1"), position: None });
    log.behind = 60_000;
    for event in [
        Event::VehicleRegistered(vehicle("v1", 6)),
        Event::ShiftStarted { vehicle: name("v1"), shift: None, position: None },
        Event::VehicleBack { vehicle: name("v1"), position: None },
    ] {
        assert_eq!(log.tell(event.clone()).refused, Some(Refused::Superseded), "{event:?}");
    }
    let state = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
    assert!(!state.on && state.lost && state.spec.as_ref().unwrap().start == at(5), "{state:?}");
}

/// The same facts under the rules of before: the last entry counts, for ever.
#[test]
fn a_log_of_before_is_folded_as_it_was() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 100);
    let proposal = Proposal { rules: 2, ..plan(&log.fleet, |_| Some(name("v1"))) };
    log.tell(Event::PlanProposed(proposal));
    log.tell(moved("o1", 900));
    log.behind = 60_000;
    assert_eq!(log.tell(moved("o1", 300)).refused, None);
    assert_eq!(log.order("o1").stop(StopKind::Delivery).unwrap().position, at(300));
    assert!(log.order("o1").told.0.is_empty());
}

/// A clock that runs ahead does not shut out everything that comes after.
#[test]
fn a_clock_that_runs_ahead_shuts_nobody_out() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 100);
    log.plan(Some("v1"));
    log.behind = -365 * 24 * 3_600_000;
    log.tell(moved("o1", 300));
    log.behind = 0;
    assert_eq!(log.tell(moved("o1", 900)).refused, None);
    assert_eq!(log.order("o1").stop(StopKind::Delivery).unwrap().position, at(900));
}

/// Goods that were delivered before somebody cancelled are delivered, although the phone says so last.
#[test]
fn what_was_delivered_before_it_was_cancelled_is_served() {
    let mut log = carrying();
    let delivered = Timestamp(log.now);
    log.now += 60_000;
    log.tell(Event::OrderCancelled { order: name("s1") });
    assert_eq!(log.order("s1").stop(StopKind::Delivery).unwrap().position, at(100), "on its way back");
    let (vehicle, order, stop) = (name("v1"), name("s1"), StopKind::Delivery);
    let report = fleetfold_model::StopEvent { vehicle, order, stop, at: delivered, position: None };
    log.tell(Event::StopCompleted(report));
    assert_eq!(log.order("s1").closed, Some(Closed::Served));
    let v1 = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
    assert_eq!(v1.anchor.unwrap().position, at(500), "where it was delivered");
}

/// An app that starts anew says that its driver is on, and nothing of where he is.
#[test]
fn who_signs_on_again_stays_where_he_was_last() {
    let mut log = carrying();
    log.report("arrived", "v1", "s1", StopKind::Delivery);
    log.tell(Event::ShiftStarted { vehicle: name("v1"), shift: None, position: None });
    let place = |log: &Log| log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).anchor.unwrap().position;
    assert_eq!(place(&log), at(500));
    log.tell(Event::ShiftStarted { vehicle: name("v1"), shift: None, position: Some(at(7)) });
    assert_eq!(place(&log), at(7), "he says where he is");
}

/// A failed order for which there is a new appointment is open again, and counted as failed no more.
#[test]
fn a_failed_order_with_a_new_appointment_is_tried_again() {
    let mut log = Log::new();
    log.vehicle("v1", 0);
    log.job("o1", 100);
    log.plan(Some("v1"));
    log.report("failed", "v1", "o1", StopKind::Delivery);
    assert!(matches!(log.order("o1").closed, Some(Closed::Failed(_))));
    let (load, skills, priority, release, promised) = (None, None, Some(3), None, None);
    let change = OrderChange { order: name("o1"), work: None, load, skills, priority, release, promised };
    assert_eq!(log.tell(Event::OrderUpdated(change.clone())).refused, Some(Refused::OrderClosed), "no appointment");
    let promised = Some(Timestamp(log.now + 3_600_000));
    let changed = log.tell(Event::OrderUpdated(OrderChange { promised, ..change }));
    assert_eq!((changed.refused, changed.reopened.len(), changed.asks), (None, 1, true));
    log.plan(Some("v1"));
    log.report("completed", "v1", "o1", StopKind::Delivery);
    assert_eq!(log.order("o1").closed, Some(Closed::Served));
}

/// A receiver without a fix says longitude 0, latitude 0: a fact with such a position says nothing of where its driver is.
#[test]
fn a_fact_at_longitude_0_latitude_0_says_nothing_of_where_its_driver_is() {
    let mut log = Log::unopened();
    let Event::ZoneOpened(planar) = zone(Millis(60_000)) else { panic!("a zone") };
    log.tell(Event::ZoneOpened(fleetfold_model::ZoneOpened { space: fleetfold_model::Space::Geographic, ..planar }));
    log.plan(None);
    log.tell(Event::VehicleRegistered(vehicle("v1", 700)));
    let zero = Some(at(0));
    let place = |log: &Log| log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).anchor.unwrap().position;
    for event in [
        Event::ShiftStarted { vehicle: name("v1"), shift: None, position: zero },
        Event::VehicleLost { vehicle: name("v1"), position: zero },
        Event::VehicleBack { vehicle: name("v1"), position: zero },
    ] {
        let change = log.tell(event);
        assert_eq!((change.refused, place(&log)), (None, at(700)));
        assert!(change.flags.contains(&fleetfold_fleet::Flag::Nowhere), "it is counted");
    }
}

/// Who accepts a route that his vehicle has not been told accepts none: everything that he is told later would count as accepted.
#[test]
fn nobody_accepts_a_route_that_he_has_not_been_told() {
    for (rules, refused) in [(4, None), (5, Some(Refused::NoSuchRevision))] {
        let mut log = Log::new();
        log.vehicle("v1", 0);
        log.job("o1", 100);
        let proposal = Proposal { rules, ..plan(&log.fleet, |_| Some(name("v1"))) };
        log.tell(Event::PlanProposed(proposal));
        let told = log.fleet.applied().0;
        let accepted = |revision| Event::AssignmentAccepted { vehicle: name("v1"), revision };
        assert_eq!(log.tell(accepted(told)).refused, None, "rules {rules}");
        assert_eq!(log.tell(accepted(999_999)).refused, refused, "rules {rules}");
        let stands = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap()).accepted;
        assert_eq!(stands, LogSeq(if refused.is_some() { told } else { 999_999 }), "rules {rules}");
    }
}

/// Nor does he where he said so before the zone's first plan, or under earlier rules: what was said then counts for no later route.
#[test]
fn what_was_accepted_of_no_route_is_accepted_of_no_later_one() {
    for earlier in [None, Some(4)] {
        let mut log = Log::unopened();
        log.tell(zone(Millis(60_000)));
        log.vehicle("v1", 0);
        log.job("o1", 100);
        if let Some(rules) = earlier {
            let proposal = Proposal { rules, ..plan(&log.fleet, |_| Some(name("v1"))) };
            log.tell(Event::PlanProposed(proposal));
        }
        log.tell(Event::AssignmentAccepted { vehicle: name("v1"), revision: 999_999 });
        log.job("o2", 200);
        log.plan(Some("v1"));
        let vehicle = log.fleet.vehicle(log.fleet.vehicle_id("v1").unwrap());
        assert!(vehicle.accepted <= vehicle.route.revision, "{earlier:?}: {:?}", vehicle.accepted);
        assert!(!vehicle.route.visits.is_empty());
    }
}

/// Goods that are brought back because their delivery failed were cancelled by nobody.
#[test]
fn an_order_whose_goods_came_back_has_failed_unless_its_customer_cancelled_it() {
    let back = |is_cancelled: bool| {
        let mut log = carrying();
        let policy = Policy { on_failed_delivery: OnBoardRule::Return, ..log.fleet.policy().clone() };
        log.tell(Event::PolicyChanged(policy));
        if is_cancelled {
            log.tell(Event::OrderCancelled { order: name("s1") });
        } else {
            log.report("failed", "v1", "s1", StopKind::Delivery);
        }
        assert_eq!(log.order("s1").outcome(), None, "it is on its way back");
        log.plan(Some("v1"));
        log.report("completed", "v1", "s1", StopKind::Delivery);
        let order = log.order("s1");
        (order.closed, order.outcome())
    };
    let cancelled = Some(Closed::Cancelled);
    assert_eq!(back(true), (cancelled, cancelled));
    assert_eq!(back(false), (cancelled, Some(Closed::Failed(FailReason::Other))));
}

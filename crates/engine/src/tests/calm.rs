//! Calm for drivers: notice, so many changes an hour, and what they have accepted. Each rule is held over random days by an oracle that folds the
//! log by itself and looks at the plans in it.

use std::collections::BTreeMap;

use fleetfold_model::{Freeze, OrderId, PlannedVisit, leaves_at};

use super::somewhere::Dice;
use super::*;

type Stops = Vec<(OrderId, StopKind)>;

/// One thing that happens on a random day.
#[derive(Clone, Debug)]
enum Step {
    Order {
        from: (i32, i32),
        to: Option<(i32, i32)>,
        due: Option<i64>,
        priority: u8,
    },
    /// The driver does what is next of what he has to report.
    Goes(u8),
    /// He accepts what he was told last, or what he was told before that.
    Accepts(u8, bool),
    Cancels(u8),
    BreaksDown(u8),
    Comes(u8),
    Pins(u8, u8),
    Forces(u8, u8),
    Waits(i64),
}

/// The steps of a random day, from its seed alone.
fn any_day(seed: u64) -> Vec<Step> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let steps = 10 + dice.roll(30);
    (0..steps).map(|_| any_step(&mut dice)).collect()
}

fn any_step(dice: &mut Dice) -> Step {
    let vehicle = dice.roll(3) as u8;
    let order = dice.roll(20) as u8;
    match dice.roll(29) {
        0..8 => {
            let mut place = || (dice.roll(20) as i32, dice.roll(6) as i32);
            let (from, to) = (place(), place());
            Step::Order {
                from,
                to: (dice.roll(2) == 0).then_some(to),
                due: (dice.roll(2) == 0).then(|| 5 + dice.roll(55) as i64),
                priority: dice.roll(3) as u8,
            }
        }
        8..14 => Step::Goes(vehicle),
        14..18 => Step::Accepts(vehicle, dice.roll(2) == 0),
        18 => Step::Cancels(order),
        19 => Step::BreaksDown(vehicle),
        20 | 21 => Step::Comes(vehicle),
        22 => Step::Pins(order, vehicle),
        23 => Step::Forces(order, vehicle),
        _ => Step::Waits(dice.roll(8) as i64),
    }
}

fn vehicle_name(number: u8) -> &'static str {
    ["a", "b", "c"][usize::from(number)]
}

/// A random day under a policy. `tight`: orders have deadlines and vans are small.
fn day(steps: &[Step], tight: bool, change: impl Fn(&mut Policy)) -> Rig {
    let mut rig = Rig::new();
    rig.on("c", km(5, 5));
    if !tight {
        for number in 0..3 {
            let id = vehicle_name(number);
            let roomy = Vehicle { capacity: Load([1_000, 0, 0, 0]), ..vehicle(id, km(5 * i32::from(number), 0)) };
            rig.happens(Event::VehicleRegistered(roomy));
        }
    }
    let mut policy = Policy { search_rounds: 8, ..rig.engine.fleet().policy().clone() };
    change(&mut policy);
    rig.happens(Event::PolicyChanged(policy));
    let mut orders = 0_u8;
    let name_of = |orders: u8, number: u8| (orders > 0).then(|| format!("o{}", number % orders.max(1)));
    for step in steps {
        match *step {
            Step::Order { from, to, due, priority } => {
                let id = format!("o{orders}");
                let (from, to) = (km(from.0, from.1), to.map(|to| km(to.0, to.1)));
                let order = to.map_or_else(|| job(&id, from), |to| shipment(&id, from, to));
                let promised = due.filter(|_| tight).map(|due| Timestamp(rig.now + due * 60_000));
                rig.happens(Event::OrderCreated(Order { promised, priority, placed: Timestamp(rig.now), ..order }));
                orders += 1;
            }
            Step::Goes(number) => goes(&mut rig, vehicle_name(number)),
            Step::Accepts(number, is_late) => {
                let vehicle = vehicle_name(number);
                let told = rig.published.iter().rev().filter(|told| told.vehicle.as_str() == vehicle);
                let told = told.map(|told| told.revision.0).nth(usize::from(is_late));
                let Some(revision) = told else { continue };
                rig.happens(Event::AssignmentAccepted { vehicle: name(vehicle), revision });
            }
            Step::Cancels(number) => {
                if let Some(order) = name_of(orders, number) {
                    rig.happens(Event::OrderCancelled { order: name(&order) });
                }
            }
            Step::BreaksDown(number) => {
                rig.happens(Event::VehicleLost { vehicle: name(vehicle_name(number)), position: None });
            }
            Step::Comes(number) => {
                rig.happens(Event::VehicleBack { vehicle: name(vehicle_name(number)), position: None });
            }
            Step::Pins(order, vehicle) | Step::Forces(order, vehicle) => {
                if let Some(order) = name_of(orders, order) {
                    let pin = Pin { order: name(&order), vehicle: name(vehicle_name(vehicle)) };
                    let is_pin = matches!(step, Step::Pins(..));
                    rig.happens(if is_pin { Event::StopPinned(pin) } else { Event::AssignmentForced(pin) });
                }
            }
            Step::Waits(minutes) => rig.now += minutes * 60_000,
        }
        rig.rest();
    }
    rig
}

/// A driver departs for his next stop when it is time, arrives, and serves it.
fn goes(rig: &mut Rig, vehicle: &str) {
    let fleet = rig.engine.fleet();
    let state = fleet.vehicle(fleet.vehicle_id(vehicle).unwrap());
    let Some(next) = state.route.visits.first().copied() else { return };
    let event = match state.under_way {
        Some(under) if under.arrived.is_some() => Event::StopCompleted as fn(StopEvent) -> Event,
        Some(_) => {
            rig.now = rig.now.max(next.arrival.0);
            Event::StopArrived
        }
        None => {
            rig.now = rig.now.max(next.depart_at.0);
            Event::StopDeparted
        }
    };
    let at = Timestamp(rig.now);
    let order = rig.engine.fleet().order(next.order).name.clone();
    rig.happens(event(StopEvent { vehicle: name(vehicle), order, stop: next.stop, at, position: None }));
}

fn stops_of(fleet: &Fleet, vehicle: VehicleId) -> Stops {
    fleet.vehicle(vehicle).route.visits.iter().map(|visit| (visit.order, visit.stop)).collect()
}

fn all(fleet: &Fleet) -> impl Iterator<Item = VehicleId> + use<> {
    (0..fleet.vehicles().len() as u32).map(VehicleId)
}

/// Folds a log and looks at the fleet before and after each entry.
fn looked_at(log: &[LogEntry], mut look: impl FnMut(&Fleet, &LogEntry, &Fleet)) {
    let mut fleet = Fleet::new();
    for entry in log {
        let before = fleet.clone();
        fleet.apply(entry);
        look(&before, entry, &fleet);
    }
}

fn is_search(entry: &LogEntry) -> bool {
    matches!(&entry.event, Event::PlanProposed(proposal) if proposal.search.rounds > 0)
}

/// How often searches change the stops of a route or their order: the times of each vehicle.
fn search_changes(log: &[LogEntry]) -> BTreeMap<VehicleId, Vec<Timestamp>> {
    let mut changes: BTreeMap<VehicleId, Vec<Timestamp>> = BTreeMap::new();
    looked_at(log, |before, entry, after| {
        for vehicle in all(before).filter(|_| is_search(entry)) {
            if stops_of(before, vehicle) != stops_of(after, vehicle) {
                changes.entry(vehicle).or_default().push(entry.logged_at);
            }
        }
    });
    changes
}

/// Plans that give a driver another next stop later than so long before the departure to it: when, who, and why (the facts behind it; `None`: a
/// search).
fn short_notices(log: &[LogEntry], notice: Millis) -> Vec<(Timestamp, VehicleId, Option<Vec<LogSeq>>)> {
    let mut found = Vec::new();
    looked_at(log, |before, entry, after| {
        let Event::PlanProposed(proposal) = &entry.event else { return };
        for vehicle in all(before) {
            let state = before.vehicle(vehicle);
            let Some(next) = state.route.visits.get(state.frozen()) else { continue };
            let free = state.frozen().checked_sub(1).map(|index| state.route.visits[index].departure);
            let leaves = leaves_at(next.depart_at, next.break_before, free);
            let is_kept = stops_of(after, vehicle).get(state.frozen()) == Some(&(next.order, next.stop));
            if is_kept || entry.logged_at < leaves - notice {
                continue;
            }
            let is_its = |group: &&fleetfold_model::ExchangeGroup| {
                group.routes.iter().any(|route| route.vehicle == before.vehicle(vehicle).name)
            };
            let why = proposal.groups.iter().find(is_its).map(|group| group.caused_by.clone());
            found.push((entry.logged_at, vehicle, why.filter(|_| !is_search(entry))));
        }
    });
    found
}

fn is_by_hand_or_force(log: &[LogEntry], why: &[LogSeq]) -> bool {
    log.iter().filter(|entry| why.contains(&entry.seq)).any(|entry| {
        matches!(
            entry.event,
            Event::StopPinned(_)
                | Event::AssignmentForced(_)
                | Event::OrderCancelled { .. }
                | Event::VehicleLost { .. }
        )
    })
}

/// Visits that drivers have accepted and that a plan moves, to another vehicle or behind something else, although no dispatcher has named another
/// vehicle for them.
fn moved_after_acceptance(log: &[LogEntry]) -> Vec<(LogSeq, VehicleId, OrderId)> {
    let mut told: BTreeMap<VehicleId, Vec<(LogSeq, Stops)>> = BTreeMap::new();
    let mut accepted: BTreeSet<(VehicleId, OrderId)> = BTreeSet::new();
    let mut found = Vec::new();
    looked_at(log, |before, entry, after| {
        if matches!(entry.event, Event::PlanProposed(_)) {
            for vehicle in all(before) {
                let is_his = |&(order, _): &(OrderId, StopKind)| {
                    let pinned = before.order(order).pinned;
                    accepted.contains(&(vehicle, order)) && pinned.is_none_or(|pinned| pinned == vehicle)
                };
                let (was, is) = (stops_of(before, vehicle), stops_of(after, vehicle));
                let frozen = before.vehicle(vehicle).frozen();
                let held = was.iter().enumerate().take_while(|(index, stop)| *index < frozen || is_his(stop)).count();
                let first = was[..held].iter().zip(is.iter().map(Some).chain(std::iter::repeat(None)));
                let moved = first.filter(|(was, is)| Some(*was) != *is && is_his(was)).map(|(was, _)| was.0);
                found.extend(moved.map(|order| (entry.seq, vehicle, order)));
                let his = |stops: &Stops| stops.iter().copied().filter(is_his).collect::<Stops>();
                if his(&was) != his(&is) {
                    found.extend(his(&was).first().map(|&(order, _)| (entry.seq, vehicle, order)));
                }
            }
        }
        for vehicle in all(after) {
            let (route, routes) = (&after.vehicle(vehicle).route, told.entry(vehicle).or_default());
            routes.push((route.revision, stops_of(after, vehicle)));
            if let Event::AssignmentAccepted { vehicle: name, revision } = &entry.event
                && after.vehicle(vehicle).name == *name
            {
                let since: Vec<&Stops> =
                    routes.iter().filter(|(told, _)| told.0 >= *revision).map(|(_, stops)| stops).collect();
                for &(order, _) in &stops_of(after, vehicle) {
                    if since.iter().all(|stops| stops.iter().any(|stop| stop.0 == order)) {
                        accepted.insert((vehicle, order));
                    }
                }
            }
        }
        accepted.retain(|&(vehicle, order)| after.order(order).placement == Placement::OnRoute(vehicle));
    });
    found
}

fn most_within_an_hour(times: &[Timestamp]) -> usize {
    let within = |&from: &Timestamp| times.iter().filter(|&&at| at >= from && at - from < Millis(3_600_000)).count();
    times.iter().map(within).max().unwrap_or(0)
}

/// Random days of one test.
const DAYS: u64 = 40;

#[test]
fn no_driver_is_told_another_next_stop_without_notice_unless_somebody_asks_for_it() {
    let notice = Millis(10 * 60_000);
    for seed in 0..DAYS {
        // Nothing is late or without a place on such a day, so no promise is there to be saved.
        let rig = day(&any_day(seed), false, |policy| policy.notice = notice);
        for (at, vehicle, why) in short_notices(&rig.log, notice) {
            let is_asked_for = why.as_ref().is_some_and(|why| is_by_hand_or_force(&rig.log, why));
            assert!(is_asked_for, "day {seed}, {at:?}: {vehicle:?} is told another next stop: {why:?}");
        }
    }
}

#[test]
fn no_search_gives_a_driver_another_next_stop_without_notice_where_promises_break() {
    let notice = Millis(10 * 60_000);
    for seed in 0..DAYS {
        let rig = day(&any_day(seed), true, |policy| policy.notice = notice);
        for (at, vehicle, why) in short_notices(&rig.log, notice) {
            assert!(why.is_some(), "day {seed}, {at:?}: a search tells {vehicle:?} another next stop");
        }
    }
}

#[test]
fn searches_change_no_route_more_often_in_an_hour_than_the_policy_says() {
    for seed in 0..DAYS {
        let most = (seed % 3) as u32;
        let rig = day(&any_day(seed), true, |policy| policy.max_changes_per_hour = Some(most));
        for (vehicle, times) in search_changes(&rig.log) {
            assert!(most_within_an_hour(&times) <= most as usize, "day {seed}: {vehicle:?} at {times:?}");
        }
    }
}

#[test]
fn what_a_driver_has_accepted_is_not_moved_where_the_policy_freezes_it() {
    for seed in 0..DAYS {
        let rig = day(&any_day(seed), seed % 2 == 0, |policy| policy.freeze = Freeze::Accepted);
        let moved = moved_after_acceptance(&rig.log);
        assert!(moved.is_empty(), "day {seed}: {moved:?}");
    }
}

/// What the rules keep from happening does happen without them: the days above are not too tame to show anything.
#[test]
fn without_the_rules_the_same_days_break_them() {
    let (mut notices, mut changes, mut moved) = (0, 0, 0);
    for seed in 0..DAYS {
        let steps = any_day(seed);
        let rig = day(&steps, false, |_| {});
        notices += short_notices(&rig.log, Millis(10 * 60_000)).len();
        let rig = day(&steps, true, |_| {});
        changes += search_changes(&rig.log).values().filter(|times| most_within_an_hour(times) > 1).count();
        moved += moved_after_acceptance(&rig.log).len();
    }
    assert!(notices > 5 && changes > 5 && moved > 5, "{notices} {changes} {moved}");
}

/// `a` is about to leave for `x`, which is far off; `y` lies beside him.
fn about_to_leave(notice: Millis, due: Option<i64>) -> Rig {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    rig.fact(Event::PolicyChanged(Policy { notice, ..rig.engine.fleet().policy().clone() }));
    rig.order(job("x", km(10, 0)));
    rig.now += 60_000;
    rig.order(Order { promised: due.map(at), ..job("y", km(1, 0)) });
    rig
}

#[test]
fn who_departs_soon_keeps_his_next_stop_unless_that_saves_a_promise() {
    let without = about_to_leave(Millis(0), None);
    assert_eq!(without.route("a"), ["y", "x"], "it is on his way");
    let with = about_to_leave(Millis(300_000), None);
    assert_eq!(with.route("a"), ["x", "y"]);
    let promised = about_to_leave(Millis(300_000), Some(5));
    assert_eq!(promised.route("a"), ["y", "x"], "behind x it would be late");
}

#[test]
fn a_dispatcher_may_change_the_next_stop_without_notice() {
    let mut rig = Rig::new();
    rig.fact(Event::PolicyChanged(Policy { notice: Millis(300_000), ..rig.engine.fleet().policy().clone() }));
    rig.order(job("x", km(1, 0)));
    assert_eq!(rig.route("a"), ["x"]);
    rig.fact(Event::StopPinned(Pin { order: name("x"), vehicle: name("b") }));
    assert_eq!((rig.route("a").len(), rig.route("b")), (0, vec!["x".to_owned()]));
}

#[test]
fn what_is_accepted_is_served_in_its_order_and_new_work_comes_behind_it() {
    for freeze in [Freeze::Departed, Freeze::Accepted] {
        let mut rig = Rig::new();
        rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
        rig.fact(Event::PolicyChanged(Policy { freeze, ..rig.engine.fleet().policy().clone() }));
        rig.order(job("x", km(10, 0)));
        let revision = rig.published.last().unwrap().revision.0;
        rig.fact(Event::AssignmentAccepted { vehicle: name("a"), revision });
        let is_frozen = freeze == Freeze::Accepted;
        let told = rig.published.last().unwrap();
        let frozen: Vec<bool> = told.visits.iter().map(|visit| visit.frozen).collect();
        assert_eq!((told.revision.0, frozen), (revision, vec![is_frozen]), "he is told at once that it stays");
        rig.order(job("y", km(1, 0)));
        assert_eq!(rig.route("a"), if is_frozen { ["x", "y"] } else { ["y", "x"] });
        let frozen: Vec<bool> = rig.published.last().unwrap().visits.iter().map(|visit| visit.frozen).collect();
        assert_eq!(frozen, [is_frozen, false], "the driver is told what is fixed");
        // What he had not accepted may still change, and a dispatcher's word counts more than his.
        rig.on("c", km(10, 1));
        rig.fact(Event::StopPinned(Pin { order: name("x"), vehicle: name("c") }));
        assert_eq!((rig.route("a"), rig.route("c")), (vec!["y".to_owned()], vec!["x".to_owned()]));
    }
}

/// The plan was made before the driver accepted, and comes back behind his word.
#[test]
fn a_plan_from_before_the_acceptance_does_not_move_what_was_accepted() {
    for freeze in [Freeze::Departed, Freeze::Accepted] {
        let mut rig = Rig::new();
        rig.fact(Event::PolicyChanged(Policy { freeze, ..rig.engine.fleet().policy().clone() }));
        rig.order(job("x", km(1, 0)));
        let fleet = rig.engine.fleet();
        let [a, b] = ["a", "b"].map(|id| fleet.vehicle(fleet.vehicle_id(id).unwrap()));
        let visits: Vec<PlannedVisit> = a.route.visits.iter().map(|visit| visit.planned(name("x"))).collect();
        let route =
            |vehicle: &fleetfold_fleet::VehicleState, visits: Vec<PlannedVisit>| fleetfold_model::ProposedRoute {
                vehicle: vehicle.name.clone(),
                base: vehicle.route.revision,
                start: km(0, 0),
                start_at: Timestamp(rig.now),
                diverts: false,
                visits,
            };
        let routes = vec![route(a, Vec::new()), route(b, visits)];
        let group = fleetfold_model::ExchangeGroup { routes, ..fleetfold_model::ExchangeGroup::default() };
        assert!(fleet.would_accept(&group, Timestamp(rig.now)));
        let revision = a.route.revision.0;
        rig.happens(Event::AssignmentAccepted { vehicle: name("a"), revision });
        assert_eq!(rig.engine.fleet().would_accept(&group, Timestamp(rig.now)), freeze == Freeze::Departed);
    }
}

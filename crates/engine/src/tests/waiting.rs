//! Many facts at once: in which order they are answered, and that they are answered as one after the other.

use super::somewhere::Dice;
use super::*;
use crate::bounds::{self, Refusal};
use crate::draft::Draft;
use crate::moment::Moment;

impl Rig {
    /// Facts that are all in the log before the answer to the first one comes back. That one may be refused by what came meanwhile;
    /// returned is how many groups had been refused when it was folded.
    fn at_once(&mut self, events: Vec<Event>) -> u64 {
        let mut effects = Vec::new();
        for event in events {
            let entry = next_entry(&mut self.seq, self.now, event);
            let id = self.seq;
            self.engine.handle(Input::Entry(LogEntry { id, ..entry }), &mut effects);
        }
        let appended = |effects: Vec<Effect>| {
            let plan = |effect| if let Effect::Append { event, .. } = effect { Some(event) } else { None };
            effects.into_iter().find_map(plan)
        };
        let mut refused = 0;
        let mut proposed = appended(effects);
        for first in [true, false] {
            let Some(event) = proposed.take() else { break };
            let entry = next_entry(&mut self.seq, self.now, Arc::unwrap_or_clone(event));
            if let Event::PlanProposed(proposal) = &entry.event {
                self.plans.push(proposal.clone());
            }
            let entry = Input::Entry(LogEntry { hash: MessageHash(u128::from(self.seq)), ..entry });
            if first {
                let mut effects = Vec::new();
                self.engine.handle(entry, &mut effects);
                refused = self.engine.fleet().counters().groups_refused;
                proposed = appended(effects);
            } else {
                self.input(entry);
            }
        }
        refused
    }
}

/// The rig checks the fleet after each input; the fold would refuse a group that lost an order or forgot a base.
#[test]
fn a_burst_is_answered_whole_and_no_group_is_refused() {
    for seed in 1..=40u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut rig = Rig::new();
        rig.on("c", km(5, 5));
        rig.on("d", km(2, 9));
        for turn in 0..4 {
            rig.now += 60_000;
            let burst = (0..25)
                .map(|number| {
                    let (x, y) = (dice.roll(12) as i32, dice.roll(12) as i32);
                    let id = format!("o{turn}-{number}");
                    let known = || name(&format!("o{turn}-{}", number / 2));
                    match dice.roll(12) {
                        0 => Event::OrderCancelled { order: known() },
                        1 => Event::VehicleLost { vehicle: name("c"), position: Some(km(x, y)) },
                        2 => Event::VehicleBack { vehicle: name("c"), position: None },
                        3 => Event::StopPinned(Pin { order: known(), vehicle: name("d") }),
                        4 => Event::PriorityRaised(PriorityRaised { order: known(), priority: 3 }),
                        5..=7 => Event::OrderCreated(shipment(&id, km(x, y), km(y, x))),
                        _ => Event::OrderCreated(job(&id, km(x, y))),
                    }
                })
                .collect();
            let refused = rig.at_once(burst);
            assert!(rig.engine.fleet().unanswered().is_empty(), "seed {seed}: a fact was never answered");
            assert_eq!(rig.engine.fleet().counters().groups_refused, refused, "seed {seed}: {:#?}", rig.plans.last());
        }
    }
}

#[test]
fn orders_that_come_at_once_see_what_those_before_were_given() {
    let mut rig = Rig::new();
    let plans = rig.plans.len();
    // Vehicles hold four; of nine orders at one place each takes four, and one is left.
    rig.at_once((0..9).map(|number| Event::OrderCreated(job(&format!("o{number}"), km(5, 0)))).collect());
    let left = |rig: &Rig| {
        let unassigned =
            (0..9).filter(|number| matches!(rig.placement(&format!("o{number}")), Placement::Unassigned(_)));
        unassigned.count()
    };
    assert_eq!((rig.route("a").len(), rig.route("b").len(), left(&rig)), (4, 4, 1));
    // The first fact is answered alone, because the others were not there yet; the other eight in one plan.
    assert_eq!(rig.plans.len(), plans + 2, "{:#?}", rig.plans);
}

#[test]
fn a_breakdown_is_served_before_orders_and_urgent_orders_before_others() {
    let mut rig = Rig::new();
    rig.on("c", km(5, 5));
    rig.order(job("x", km(1, 1)));
    let seq = rig.seq;
    let due = |id: &str, minutes: i64| {
        let mut order = job(id, km(5, 1));
        order.promised = Some(at(minutes));
        Event::OrderCreated(order)
    };
    // The first is answered at once; the rest waits for its plan.
    let events = vec![
        Event::OrderCreated(job("first", km(9, 9))),
        Event::OrderCreated(job("whenever", km(2, 2))),
        due("later", 500),
        due("sooner", 90),
        Event::VehicleLost { vehicle: name("a"), position: Some(km(0, 0)) },
    ];
    let moment_of = |rig: &Rig| {
        let fleet = rig.engine.fleet().clone();
        let facts: Vec<LogSeq> = fleet.unanswered().keys().copied().collect();
        let moment = Moment { fleet: &fleet, log_now: Timestamp(rig.now) };
        let tasks = crate::engine::tasks(moment, &facts, &BTreeSet::new(), crate::roads::RoadAsks::default());
        tasks.into_iter().filter_map(|task| task.seq).map(|fact| fact.0 - seq).collect::<Vec<u64>>()
    };
    let mut effects = Vec::new();
    for event in events {
        let entry = next_entry(&mut rig.seq, rig.now, event);
        rig.engine.handle(Input::Entry(entry), &mut effects);
    }
    assert_eq!(moment_of(&rig), [5, 4, 3, 1, 2]);
    // Whoever waits for two seconds is served by age.
    rig.now += 2_000;
    assert_eq!(moment_of(&rig), [5, 1, 2, 3, 4]);
}

/// A cancellation of an order that is on no route yet never waits behind new orders.
#[test]
fn a_cancellation_is_served_before_new_orders_wherever_its_order_is() {
    let mut rig = Rig::new();
    rig.on("c", km(5, 5));
    rig.order(job("x", km(1, 1)));
    let mut effects = Vec::new();
    let first = rig.seq;
    // The first is answered at once; the rest waits for its plan.
    for index in 0..30 {
        let created = Event::OrderCreated(job(&format!("order-{index}"), km(index % 5, 1)));
        let entry = next_entry(&mut rig.seq, rig.now, created);
        rig.engine.handle(Input::Entry(entry), &mut effects);
    }
    let cancelled = next_entry(&mut rig.seq, rig.now, Event::OrderCancelled { order: name("order-20") });
    let waits = cancelled.seq;
    rig.engine.handle(Input::Entry(cancelled), &mut effects);
    let fleet = rig.engine.fleet();
    let facts: Vec<LogSeq> = fleet.unanswered().keys().copied().collect();
    let moment = Moment { fleet, log_now: Timestamp(rig.now + 5_000) };
    let tasks = crate::engine::tasks(moment, &facts, &BTreeSet::new(), crate::roads::RoadAsks::default());
    let served: Vec<u64> = tasks.iter().filter_map(|task| task.seq).map(|seq| seq.0 - first).collect();
    // The order itself, the 21st, asks for nothing any more: it is answered with its cancellation.
    assert!(facts.contains(&waits));
    assert_eq!(served[..2], [21, waits.0 - first], "{served:?}");
}

/// What a breakdown takes off a long route is placed in parts, so that others are answered between them.
#[test]
fn many_orders_of_one_fact_are_placed_in_parts() {
    let mut rig = Rig::new();
    rig.fact(Event::VehicleRegistered(Vehicle { capacity: Load([400, 0, 0, 0]), ..vehicle("lorry", km(0, 0)) }));
    rig.fact(Event::ShiftStarted { vehicle: name("lorry"), shift: None, position: None });
    // The vans hold four, an order is five.
    for index in 0..40 {
        rig.order(Order { load: Load([5, 0, 0, 0]), ..job(&format!("order-{index}"), km(index % 3, 1)) });
    }
    let visits = rig.route("lorry").len();
    assert_eq!(visits, 40);
    rig.input(Input::Commit(Outcome::Lost));
    rig.happens(Event::VehicleLost { vehicle: name("lorry"), position: Some(km(0, 0)) });
    let fleet = rig.engine.fleet();
    let facts: Vec<LogSeq> = fleet.unanswered().keys().copied().collect();
    let moment = Moment { fleet, log_now: Timestamp(rig.now) };
    let tasks = crate::engine::tasks(moment, &facts, &BTreeSet::new(), crate::roads::RoadAsks::default());
    assert!(tasks.len() > 1 && tasks.iter().all(|task| task.orders.len() <= 4), "{tasks:?}");
    assert_eq!(tasks.iter().filter(|task| task.seq.is_some()).count(), 1, "the last part answers the fact");
    assert!(tasks.last().unwrap().seq.is_some());
    let mut orders: Vec<_> = tasks.iter().flat_map(|task| task.orders.clone()).collect();
    orders.sort_unstable();
    orders.dedup();
    assert_eq!(orders.len(), visits);
    // All of them are on a route or have a reason in the end: the rig checks it.
    rig.input(Input::Commit(Outcome::Granted(2)));
    assert!(rig.engine.fleet().unanswered().is_empty());
}

/// A plan looks at the first facts only. The slow obvious way is to sort all of them.
#[test]
fn of_many_facts_a_plan_looks_at_those_that_are_served_first() {
    let mut rig = Rig::new();
    rig.on("c", km(5, 5));
    rig.order(job("x", km(1, 1)));
    let mut draw = Draw(3);
    let mut effects = Vec::new();
    for index in 0..2_600 {
        let mut order = job(&format!("order-{index}"), km(1, 1));
        order.promised = Some(at(i64::from(30 + draw.below(400))));
        // The first five hundred wait for longer than the rest.
        rig.now += i64::from(index == 500) * 1_500;
        let entry = next_entry(&mut rig.seq, rig.now, Event::OrderCreated(order));
        rig.engine.handle(Input::Entry(entry), &mut effects);
    }
    let lost = next_entry(&mut rig.seq, rig.now, Event::VehicleLost { vehicle: name("c"), position: Some(km(0, 0)) });
    let lost_at = lost.seq;
    rig.engine.handle(Input::Entry(lost), &mut effects);
    rig.now += 600;
    let fleet = rig.engine.fleet();
    let facts: Vec<LogSeq> = fleet.unanswered().keys().copied().collect();
    let moment = Moment { fleet, log_now: Timestamp(rig.now) };
    let tasks = crate::engine::tasks(moment, &facts, &BTreeSet::new(), crate::roads::RoadAsks::default());
    let served: Vec<LogSeq> = tasks.into_iter().filter_map(|task| task.seq).collect();
    let due = |ask: &fleetfold_fleet::Ask| {
        let stops = ask.orders.iter().filter_map(|&order| fleet.order(order).stop(StopKind::Delivery)?.due);
        stops.min().unwrap_or(Timestamp(i64::MAX))
    };
    let mut sorted = facts.clone();
    sorted.sort_by_key(|seq| match &fleet.unanswered()[seq] {
        _ if *seq == lost_at => (0, Timestamp(0), *seq),
        ask if rig.now - ask.logged_at.0 >= 2_000 => (1, Timestamp(0), *seq),
        ask => (2, due(ask), *seq),
    });
    sorted.truncate(2_000);
    assert_eq!(served, sorted);
}

/// The oracle is the search for a position itself, over one vehicle and one order.
#[test]
fn what_bounds_refuse_a_search_refuses_too() {
    let (mut refused, mut taken, mut told) = (0, 0, 0);
    for seed in 1..=60u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut rig = Rig::new();
        rig.on("c", km(5, 5));
        let vans = ["a", "b", "c"];
        for van in vans {
            let capacity = Load([2 + dice.roll(4) as i32, 1 + dice.roll(3) as i32, 0, 0]);
            let shift = Shift { starts: at(0), ends: at(30 + dice.roll(90) as i64), breaks: Vec::new() };
            let stops_max = (dice.roll(3) == 0).then(|| 2 + dice.roll(4) as u32);
            rig.fact(Event::VehicleRegistered(Vehicle { capacity, stops_max, ..vehicle(van, km(0, 0)) }));
            rig.fact(Event::ShiftStarted { vehicle: name(van), shift: Some(shift), position: None });
        }
        for number in 0..24 {
            rig.now += dice.roll(120_000) as i64;
            let (x, y) = (dice.roll(12) as i32, dice.roll(12) as i32);
            let id = format!("o{number}");
            let mut order = if dice.roll(2) == 0 { job(&id, km(x, y)) } else { shipment(&id, km(x, y), km(y, x)) };
            if let OrderWork::Job(job) = &mut order.work
                && dice.roll(2) == 0
            {
                job.direction = LoadDirection::Delivery;
            }
            order.load = Load([1 + dice.roll(3) as i32, dice.roll(2) as i32, 0, 0]);
            rig.order(order);
            rig.serve_next(vans[dice.roll(3) as usize]);
            let fleet = rig.engine.fleet();
            let moment = Moment { fleet, log_now: Timestamp(rig.now) };
            for order in fleet.unassigned_orders() {
                for vehicle in fleet.vehicles().ids() {
                    let state = fleet.order(order);
                    if !fleet.vehicle(vehicle).is_available() || state.on_board.or(state.pinned).is_some() {
                        continue;
                    }
                    let refusal = bounds::refusal(moment, vehicle, state);
                    // Slack says the same, or nothing.
                    let (_, slack) = fleet.slacks().nth(vehicle.index()).expect("one for each vehicle");
                    let asks = bounds::Asks::of(moment, state);
                    match (asks.refused_by(vehicle, slack), refusal) {
                        (None, None | Some(Refusal::Capacity { .. } | Refusal::Shift)) => {}
                        (
                            Some(Refusal::Capacity { by: at_least, in_time: by_slack }),
                            Some(Refusal::Capacity { by, in_time }),
                        ) => {
                            assert_eq!(by_slack, in_time, "seed {seed}, order {number}");
                            assert!(at_least <= by, "seed {seed}, order {number}: {at_least}, {by}");
                            assert!(
                                at_least == by || !asks.is_exact(),
                                "seed {seed}, order {number}: {at_least}, {by}"
                            );
                            told += 1;
                        }
                        (by_slack, refusal) => {
                            assert_eq!(by_slack, refusal, "seed {seed}, order {number}");
                            told += 1;
                        }
                    }
                    let now = moment.now();
                    let draft = Draft::new(fleet, rig.engine.outlook(), &[vehicle], &[order], now);
                    let solution = fleetfold_solver::insert(&draft.finish_known(rig.engine.outlook()));
                    // A route that is too full already gives stops up first.
                    let placed = solution.absent.is_empty();
                    assert!(refusal.is_none() || !placed, "seed {seed}, order {number}: {refusal:?}");
                    refused += u32::from(refusal.is_some());
                    taken += u32::from(placed);
                }
            }
        }
    }
    assert!(told * 10 > refused * 9, "slack alone tells {told} of {refused}");
    assert!(refused > 200, "the bounds say no now and then: {refused} of which a search would take {taken}");
}

/// Found by kills at overload: the plan after a breakdown changed so many long routes that no reader took its message, and the zone
/// waited for it for ever.
#[test]
fn a_breakdown_that_fits_into_no_message_is_answered_in_several() {
    let mut rig = Rig::new();
    rig.input(Input::Commit(Outcome::Lost));
    let vans: Vec<String> = (0..10).map(|index| format!("van-{index}")).collect();
    for (index, van) in (0..).zip(&vans) {
        let spec = Vehicle { capacity: Load([178, 0, 0, 0]), ..vehicle(van, km(20 * index, 0)) };
        rig.happens(Event::VehicleRegistered(spec));
        rig.happens(Event::ShiftStarted { vehicle: name(van), shift: None, position: None });
    }
    // Each has as much to do and a little room. Names are as long as they may be: a message is fuller than it looks.
    let long = |index: i32| format!("order-{index:058}");
    for index in 0..1_600 {
        rig.happens(Event::OrderCreated(job(&long(index), km(20 * (index % 10), index % 3))));
    }
    rig.input(Input::Commit(Outcome::Granted(2)));
    let plans = rig.plans.len();
    let longest = vans.iter().max_by_key(|van| rig.route(van).len()).unwrap();
    let carried = rig.route(longest).len();
    assert!(carried > 100, "{carried}");
    rig.fact(Event::VehicleLost { vehicle: name(longest), position: Some(km(0, 0)) });
    assert!(rig.plans.len() > plans + 1, "one message would do: the case is too small");
    let zone = fleetfold_journal::ZoneName::new("acme", "porto").unwrap();
    for plan in &rig.plans {
        let event = Event::PlanProposed(plan.clone());
        let bytes = fleetfold_journal::own_message(&zone, &event, Space::Planar, Timestamp(0)).bytes.len();
        assert!(bytes <= 512 << 10, "plan {} has {bytes} bytes", plan.rev);
    }
    let left = rig.engine.fleet().unassigned_count();
    assert_eq!(left, 0, "somebody had room for each of the {carried}");
}

/// Found by reading: the parts of a task that fits into no message said nothing of orders that no vehicle can take, so that all of
/// them were left with no reason but that there was no place.
#[test]
fn a_part_of_what_a_fact_asks_for_says_the_true_reasons() {
    let mut rig = Rig::new();
    rig.fact(Event::VehicleRegistered(Vehicle { capacity: Load([400, 0, 0, 0]), ..vehicle("lorry", km(0, 0)) }));
    rig.fact(Event::ShiftStarted { vehicle: name("lorry"), shift: None, position: None });
    // The vans hold four, an order is five.
    for index in 0..40 {
        rig.order(Order { load: Load([5, 0, 0, 0]), ..job(&format!("order-{index}"), km(index % 3, 1)) });
    }
    assert_eq!(rig.route("lorry").len(), 40);
    rig.input(Input::Commit(Outcome::Lost));
    rig.happens(Event::VehicleLost { vehicle: name("lorry"), position: Some(km(0, 0)) });
    let fleet = rig.engine.fleet();
    let moment = Moment { fleet, log_now: Timestamp(rig.now) };
    let (&seq, ask) = fleet.unanswered().first_key_value().unwrap();
    let (orders, vehicles) = (ask.orders.clone(), ask.vehicles.clone());
    let task = crate::answer::Task { seq: Some(seq), orders, vehicles, ..Default::default() };
    let effort = crate::overload::Effort::default();
    let answer = |bytes| crate::answer::Answer::new(moment, rig.engine.outlook(), effort, bytes);
    let whole = crate::engine::fitting(&answer(400_000), &task);
    assert_eq!((whole[0].unassigned.len(), whole[0].caused_by.len()), (40, 1));
    let parts = crate::engine::fitting(&answer(3_000), &task);
    assert!(!parts.is_empty());
    for group in parts {
        assert!(!group.unassigned.is_empty() && group.caused_by.is_empty(), "the fact waits for the rest: {group:?}");
        assert!(group.unassigned.iter().all(|(_, reason)| *reason == UnassignedReason::Capacity), "{group:?}");
    }
}

/// Numbers drawn one after the other, always the same.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most) as i32
    }
}

/// Facts that wait are answered side by side on several threads. The slow obvious way is to answer them one after the other.
#[test]
fn answers_made_side_by_side_are_those_made_one_after_the_other() {
    let mut changed = 0;
    for seed in 0..12 {
        let mut draw = Draw(seed);
        let mut rig = Rig::new();
        // Half of the worlds are so small that most orders want the same vehicles, or find no room.
        let (size, vans) = if seed % 2 == 0 { (4, 6) } else { (14, 40) };
        let mut place = |draw: &mut Draw| km(draw.below(size), draw.below(size));
        for van in 0..vans {
            let at = place(&mut draw);
            rig.on(&format!("van-{van}"), at);
        }
        let order = |draw: &mut Draw, place: &mut dyn FnMut(&mut Draw) -> Position, id: &str| {
            let made = if draw.below(3) == 0 {
                let (from, to) = (place(draw), place(draw));
                shipment(id, from, to)
            } else {
                let there = place(draw);
                job(id, there)
            };
            let promised = (draw.below(2) == 0).then(|| at(i64::from(5 + draw.below(60))));
            Order { promised, load: Load([1 + draw.below(2), 0, 0, 0]), ..made }
        };
        for index in 0..vans * 2 {
            let made = order(&mut draw, &mut place, &format!("old-{index}"));
            rig.order(made);
        }
        rig.input(Input::Commit(Outcome::Lost));
        for index in 0..40 {
            let made = order(&mut draw, &mut place, &format!("new-{index}"));
            rig.happens(Event::OrderCreated(made));
            match draw.below(12) {
                0 => rig.happens(Event::OrderCancelled { order: name(&format!("old-{}", draw.below(8))) }),
                1 => {
                    let priority = 9;
                    let order = name(&format!("new-{index}"));
                    rig.happens(Event::PriorityRaised(PriorityRaised { order, priority }));
                }
                _ => {}
            }
        }
        let fleet = rig.engine.fleet();
        let moment = Moment { fleet, log_now: Timestamp(rig.now) };
        let facts: Vec<LogSeq> = fleet.unanswered().keys().copied().collect();
        assert!(facts.len() >= 40);
        let tasks = crate::engine::tasks(moment, &facts, &BTreeSet::new(), crate::roads::RoadAsks::default());
        let answers = |queue| {
            let effort = crate::overload::Effort::default();
            crate::engine::answers_to(moment, rig.engine.outlook(), effort, queue, 400_000, false).groups
        };
        let side_by_side = answers(crate::engine::Queue::new(tasks.clone()));
        assert_eq!(side_by_side, answers(crate::engine::Queue::one_by_one(tasks)), "seed {seed}");
        changed += side_by_side.iter().map(|group| group.routes.len()).sum::<usize>();
    }
    assert!(changed > 100, "only {changed} routes were changed: the cases are too easy");
}

/// The clock of the broker was an hour ahead, and somebody has set it right. Time does not run back in the zone: it stands until the log's
/// has come to where it was. Nobody waits for that.
#[test]
fn facts_are_answered_although_the_clock_of_the_log_was_set_back() {
    let mut rig = Rig::new();
    rig.now = 7_200_000;
    rig.order(job("before", km(1, 1)));
    rig.now -= 3_600_000;
    rig.order(job("after", km(2, 1)));
    assert!(matches!(rig.placement("after"), Placement::OnRoute(_)));
    rig.fact(Event::OrderCancelled { order: name("before") });
    let report = PositionReport { vehicle: name("a"), position: km(1, 0), at: Timestamp(7_200_000) };
    rig.input(Input::Position(report));
    rig.fact(Event::VehicleLost { vehicle: name("a"), position: None });
    rig.order(job("again", km(3, 1)));
    assert!(matches!(rig.placement("again"), Placement::OnRoute(_)));
    assert_eq!(rig.engine.fleet().now(), Timestamp(7_200_000));
}

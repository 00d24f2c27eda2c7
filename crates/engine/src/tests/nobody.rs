//! Orders that few vehicles can take, or none: who is asked, what is said, and what happens when there is room.

use fleetfold_model::SearchRecord;

use super::*;

impl Rig {
    /// A vehicle that works from now until the given minute, with room for so many orders of one unit.
    fn on_until(&mut self, id: &str, position: Position, minute: i64, room: i32) {
        let shift = Some(Shift { starts: at(0), ends: at(minute), breaks: Vec::new() });
        let registered = Vehicle { shift, capacity: Load([room, 0, 0, 0]), ..vehicle(id, position) };
        self.happens(Event::VehicleRegistered(registered));
        self.happens(Event::ShiftStarted { vehicle: name(id), shift: None, position: None });
    }

    fn reason(&self, order: &str) -> Option<UnassignedReason> {
        if let Placement::Unassigned(reason) = self.placement(order) { Some(reason) } else { None }
    }

    /// What the last plan says of who came nearest to taking an order.
    fn nearest_miss(&self, order: &str) -> (Option<String>, fleetfold_model::Obstacle) {
        let choices = self.plans.iter().rev().flat_map(|plan| &plan.groups).flat_map(|group| &group.choices);
        let choice = choices.into_iter().find(|choice| choice.order == name(order)).expect("it is explained");
        (choice.runner_up.as_ref().map(ToString::to_string), choice.runner_up_obstacle)
    }
}

fn rig() -> Rig {
    let mut rig = Rig::new();
    for vehicle in ["a", "b"] {
        rig.fact(Event::ShiftEnded { vehicle: name(vehicle), at: at(0) });
    }
    rig
}

#[test]
fn a_vehicle_behind_hundreds_that_are_nearer_and_have_no_time_is_found() {
    let mut rig = rig();
    for number in 0..250 {
        rig.on_until(&format!("near{number}"), km(number % 16, number / 16), 25, 4);
    }
    rig.on_until("far", km(100, 100), 600, 4);
    // Half an hour from the nearest.
    rig.order(job("o", km(45, 7)));
    assert_eq!(rig.route("far"), ["o"]);
}

#[test]
fn where_nobody_can_the_reason_holds_for_all_and_the_nearest_miss_is_told() {
    let mut rig = rig();
    for number in 0..250 {
        rig.on_until(&format!("full{number}"), km(number % 16, number / 16), 600, 0);
    }
    rig.order(job("a", km(45, 7)));
    assert_eq!(rig.reason("a"), Some(UnassignedReason::Capacity));
    // A few that have room and no time: neither is true of all.
    for number in 0..3 {
        rig.on_until(&format!("late{number}"), km(14, 7 + number), 25, 4);
    }
    rig.order(job("b", km(45, 7)));
    assert_eq!(rig.reason("b"), Some(UnassignedReason::NoPlace));
    let full: Vec<String> = (0..250).map(|number| format!("full{number}")).collect();
    for vehicle in &full {
        rig.happens(Event::ShiftEnded { vehicle: name(vehicle), at: at(0) });
    }
    rig.order(job("c", km(45, 7)));
    assert_eq!(rig.reason("c"), Some(UnassignedReason::Shift));
    assert_eq!(rig.nearest_miss("c"), (Some("late0".to_owned()), fleetfold_model::Obstacle::Shift));
}

#[test]
fn the_nearest_miss_has_time_for_the_order_where_another_lacks_fewer_units_and_time_as_well() {
    let mut rig = rig();
    rig.on_until("over", km(1, 1), 5, 4);
    rig.on_until("smaller", km(2, 1), 600, 3);
    rig.now += 10 * 60_000;
    rig.order(Order { load: Load([5, 0, 0, 0]), placed: Timestamp(rig.now), ..job("o", km(1, 2)) });
    assert_eq!(rig.reason("o"), Some(UnassignedReason::Capacity));
    assert_eq!(rig.nearest_miss("o"), (Some("smaller".to_owned()), fleetfold_model::Obstacle::Capacity));
}

#[test]
fn a_vehicle_with_room_takes_all_that_waits_for_room_at_once() {
    let mut rig = rig();
    for number in 0..90 {
        rig.order(job(&format!("o{number}"), km(number % 10, number / 10)));
    }
    assert_eq!(rig.engine.fleet().unassigned_count(), 90);
    rig.on_until("van", km(0, 0), 600, 70);
    assert_eq!(rig.route("van").len(), 70, "without a tick of the clock");
    // It loses one: there is room for another.
    rig.happens(Event::OrderCancelled { order: name(&rig.route("van")[3]) });
    assert_eq!(rig.route("van").len(), 70);
    assert_eq!(rig.engine.fleet().unassigned_count(), 19);
}

#[test]
fn of_those_that_wait_for_room_the_most_urgent_has_it() {
    let mut rig = rig();
    rig.order(job("near", km(1, 0)));
    rig.order(Order { priority: 1, ..job("urgent", km(40, 0)) });
    rig.order(job("too", km(2, 0)));
    rig.on_until("van", km(0, 0), 600, 1);
    assert_eq!(rig.route("van"), ["urgent"]);
}

/// One van with room for one order, which it has; another order comes that is much nearer.
fn one_van(second: u8) -> Rig {
    let mut rig = rig();
    let policy = Policy { learn: false, departure_margin: Millis(0), ..Policy::default() };
    rig.fact(Event::PolicyChanged(policy));
    rig.on_until("van", km(0, 0), 600, 1);
    let windows = vec![TimeWindow::new(at(300), at(400)).unwrap()];
    let work = OrderWork::Job(Job { stop: StopSpec { windows, ..stop(km(40, 0)) }, direction: LoadDirection::Pickup });
    rig.order(Order { work, ..job("first", km(40, 0)) });
    assert_eq!(rig.route("van"), ["first"]);
    rig.order(Order { priority: second, ..job("second", km(1, 0)) });
    rig
}

#[test]
fn an_order_with_a_place_does_not_lose_it_to_one_that_is_only_cheaper() {
    let mut rig = one_van(0);
    rig.rest();
    assert_eq!(rig.route("van"), ["first"]);
    assert_eq!(rig.reason("second"), Some(UnassignedReason::Capacity));
}

#[test]
fn an_order_that_gives_way_to_a_more_urgent_one_is_told_why_or_finds_another_vehicle() {
    let mut rig = one_van(1);
    // Full as well, so that nobody takes what gives way.
    rig.on_until("full", km(20, 0), 600, 0);
    rig.rest();
    assert_eq!(rig.route("van"), ["second"]);
    assert_eq!(rig.reason("first"), Some(UnassignedReason::Capacity));
    assert_eq!(rig.nearest_miss("first").1, fleetfold_model::Obstacle::Capacity);

    let mut rig = one_van(1);
    // Outside the region of the search, perhaps, but there.
    rig.on_until("other", km(39, 0), 600, 1);
    rig.rest();
    assert!(rig.reason("first").is_none() && rig.reason("second").is_none());
}

#[test]
fn an_order_pinned_to_a_vehicle_that_does_not_work_says_so() {
    let mut rig = rig();
    rig.on_until("van", km(0, 0), 600, 4);
    rig.order(Order { skills: vec![name("crane")], ..job("o", km(1, 0)) });
    assert_eq!(rig.reason("o"), Some(UnassignedReason::Skills));
    rig.fact(Event::StopPinned(Pin { order: name("o"), vehicle: name("a") }));
    assert_eq!(rig.reason("o"), Some(UnassignedReason::Rejected), "other vehicles do work");
    assert_eq!(rig.nearest_miss("o"), (Some("a".to_owned()), fleetfold_model::Obstacle::OffDuty));
}

/// Hundreds of orders that wait for room let the same few routes be searched for minutes, again and again.
#[test]
fn a_full_zone_comes_to_rest_however_many_orders_wait() {
    let mut rig = rig();
    rig.fact(Event::PolicyChanged(Policy { learn: false, departure_margin: Millis(0), ..Policy::default() }));
    for number in 0..4 {
        rig.on_until(&format!("v{number}"), km(number, 0), 600, 3);
    }
    for number in 0..80 {
        rig.order(job(&format!("o{number}"), km(number % 10, number / 10)));
    }
    let mut searches = 0;
    let ends = Timestamp(rig.now + 120_000);
    while let Some(at) = rig.engine.next_tick().filter(|&at| at < ends) {
        rig.now = rig.now.max(at.0) + 1;
        let mut effects = Vec::new();
        rig.engine.handle(Input::Tick(Timestamp(rig.now)), &mut effects);
        for effect in effects {
            if let Effect::Solve(job) = effect {
                searches += 1;
                // It finds nothing: the routes stay as they are.
                rig.input(Input::Solved(crate::SolveReport {
                    id: job.id,
                    regions: Vec::new(),
                    record: SearchRecord::default(),
                }));
            }
        }
    }
    assert!(searches <= 4 * 4, "{searches} searches of four full vehicles");
}

#[test]
fn an_order_forced_beyond_the_shift_takes_no_others_with_it() {
    let mut rig = rig();
    rig.on_until("van", km(0, 0), 30, 9);
    rig.order(job("forced", km(60, 0)));
    assert_eq!(rig.reason("forced"), Some(UnassignedReason::Shift));
    // It waits already when the other one is forced.
    rig.order(job("waits", km(0, 120)));
    assert_eq!(rig.reason("waits"), Some(UnassignedReason::Shift));
    rig.fact(Event::AssignmentForced(Pin { order: name("forced"), vehicle: name("van") }));
    assert_eq!(rig.route("van"), ["forced"]);
    assert_eq!(rig.reason("waits"), Some(UnassignedReason::Shift));
    rig.order(job("far", km(120, 0)));
    assert_eq!(rig.reason("far"), Some(UnassignedReason::Shift), "an hour behind the end of the shift");
    rig.order(job("near", km(5, 0)));
    assert_eq!(rig.route("van"), ["near", "forced"], "on the way");
}

/// The reason of an order on no route is the one that is true now, and is told once.
#[test]
fn another_reason_that_has_become_true_is_told() {
    let mut rig = rig();
    rig.on_until("van", km(0, 0), 60, 9);
    rig.order(Order { skills: vec![name("crane")], load: Load([5, 0, 0, 0]), ..job("x", km(20, 0)) });
    assert_eq!(rig.reason("x"), Some(UnassignedReason::Skills));
    let registered = |skill: &str, load: i32, stops_max: Option<u32>| {
        let shift = Shift { starts: at(0), ends: at(600), breaks: Vec::new() };
        Event::VehicleRegistered(Vehicle {
            skills: vec![name(skill)],
            capacity: Load([load, 0, 0, 0]),
            shift: Some(shift),
            stops_max,
            ..vehicle("van", km(0, 0))
        })
    };
    let ended = Event::ShiftEnded { vehicle: name("van"), at: at(2) };
    for (event, reason) in [
        (registered("crane", 4, None), UnassignedReason::Capacity),
        (registered("crane", 9, Some(0)), UnassignedReason::Stops),
        (registered("none", 9, None), UnassignedReason::Skills),
        (ended, UnassignedReason::NoVehicle),
    ] {
        rig.now += 30_000;
        rig.fact(event);
        rig.rest();
        assert_eq!(rig.reason("x"), Some(reason));
        let plans = rig.plans.len();
        rig.now += 1_200_000;
        rig.rest();
        assert_eq!(rig.plans.len(), plans, "told once");
    }
}

/// A vehicle that lacks a stop only comes nearer than one that lacks time.
#[test]
fn a_vehicle_that_may_have_no_more_stops_is_the_nearest_miss() {
    let mut rig = rig();
    rig.on_until("van", km(0, 0), 600, 9);
    rig.fact(Event::VehicleRegistered(Vehicle { stops_max: Some(1), ..vehicle("van", km(0, 0)) }));
    rig.on_until("late", km(0, 0), 5, 9);
    rig.order(job("there", km(10, 0)));
    assert_eq!(rig.route("van"), ["there"]);
    rig.order(job("x", km(10, 1)));
    let choice = rig.plans.last().unwrap().groups[0].choices[0].clone();
    let told = (choice.reason, choice.runner_up, choice.runner_up_obstacle);
    assert_eq!(told, (Some(UnassignedReason::NoPlace), Some(name("van")), fleetfold_model::Obstacle::Stops));
    rig.fact(Event::ShiftEnded { vehicle: name("late"), at: Timestamp(rig.now) });
    rig.now += 30_000;
    rig.rest();
    assert_eq!(rig.reason("x"), Some(UnassignedReason::Stops));
}

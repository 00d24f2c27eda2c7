//! Rules of couriers and of fixed times of decision: what a policy may ask for that is off by default.

use super::*;

fn with(change: impl Fn(&mut Policy)) -> Rig {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    let mut policy = rig.engine.fleet().policy().clone();
    // Orders count by when they are there, as meals do.
    policy.flow_cost_per_hour = 30_000_000;
    change(&mut policy);
    rig.fact(Event::PolicyChanged(policy));
    rig
}

/// Two meals of one restaurant and one of another beside it, all for the same street.
fn three_meals(rig: &mut Rig) {
    for (id, kitchen) in [("x1", 5), ("y1", 6), ("x2", 5)] {
        rig.order(shipment(id, km(kitchen, 0), km(20, 0)));
    }
}

/// How often goods of two places are on board together, or goods are taken on behind a delivery with others on board.
fn mixed(route: &[String]) -> usize {
    let mut aboard: Vec<&str> = Vec::new();
    let (mut count, mut unloads) = (0, false);
    for stop in route {
        if let Some(id) = stop.strip_prefix('+') {
            count += usize::from(unloads || aboard.iter().any(|other| other[..1] != id[..1]));
            aboard.push(id);
        } else {
            aboard.retain(|other| other != stop);
            unloads = !aboard.is_empty();
        }
    }
    count
}

#[test]
fn goods_of_one_place_are_on_board_where_the_policy_asks_for_it() {
    let mut rig = with(|_| {});
    three_meals(&mut rig);
    assert!(mixed(&rig.route("a")) > 0, "without the rule it pays: {:?}", rig.route("a"));
    let mut rig = with(|policy| policy.one_pickup_place = true);
    three_meals(&mut rig);
    assert_eq!(rig.route("a").len(), 6);
    assert_eq!(mixed(&rig.route("a")), 0, "{:?}", rig.route("a"));
    let first_two = &rig.route("a")[..2];
    assert!(
        first_two.iter().all(|stop| stop.starts_with('+')),
        "two meals of one restaurant are one trip: {first_two:?}"
    );
    // At the restaurant more of it may be taken on, until the first is left.
    for order in ["x1", "x2"] {
        for event in [Event::StopDeparted as fn(StopEvent) -> Event, Event::StopArrived, Event::StopCompleted] {
            rig.at_stop("a", order, StopKind::Pickup, event);
        }
    }
    rig.order(shipment("x3", km(5, 0), km(20, 0)));
    assert_eq!(rig.route("a")[0], "+x3");
    rig.order(shipment("z1", km(5, 1), km(20, 0)));
    assert_eq!(mixed(&[vec!["+x1".to_owned(), "+x2".to_owned()], rig.route("a")].concat()), 0, "{:?}", rig.route("a"));
}

#[test]
fn nothing_is_added_to_a_trip_under_way_where_the_policy_forbids_it() {
    for adds in [true, false] {
        let mut rig = with(|policy| policy.add_after_departure = adds);
        rig.order(shipment("x1", km(5, 0), km(20, 0)));
        rig.order(shipment("x2", km(5, 0), km(21, 0)));
        let first = rig.route("a")[0][1..].to_owned();
        let second = if first == "x1" { "x2" } else { "x1" };
        rig.at_stop("a", &first, StopKind::Pickup, Event::StopDeparted);
        rig.order(shipment("x3", km(5, 0), km(22, 0)));
        let route = rig.route("a");
        let (taken, left) =
            (route.iter().position(|stop| stop == "+x3"), route.iter().rposition(|stop| stop == second));
        assert_eq!(taken < left, adds, "{route:?}");
        // Nor is anything taken off it: another vehicle stands at the door, and what the driver has not fetched yet is still his.
        rig.on("c", km(5, 0));
        let urgent = OrderChange {
            order: name(second),
            work: None,
            load: None,
            skills: None,
            priority: Some(9),
            release: None,
            promised: Some(at(17)),
        };
        rig.fact(Event::OrderUpdated(urgent));
        let is_his = rig.route("a").contains(&format!("+{second}"));
        assert_eq!(is_his, !adds, "{:?} {:?}", rig.route("a"), rig.route("c"));
        // A dispatcher's word counts more.
        rig.fact(Event::AssignmentForced(Pin { order: name(second), vehicle: name("c") }));
        assert!(rig.route("c").contains(&format!("+{second}")), "{:?}", rig.route("c"));
    }
}

#[test]
fn what_happens_waits_for_the_next_time_of_decision() {
    let mut rig = with(|policy| policy.decide_every = Millis::from_seconds(600));
    rig.now = at(3).0;
    rig.happens(Event::OrderCreated(job("x", km(3, 0))));
    assert_eq!(rig.placement("x"), Placement::Unplaced);
    rig.now = at(9).0;
    rig.input(Input::Tick(at(9)));
    assert_eq!(rig.placement("x"), Placement::Unplaced);
    assert_eq!(rig.engine.overload(), 0, "it is not late");
    let next = rig.engine.next_tick().unwrap();
    assert!(next <= at(10), "{next:?}");
    rig.now = at(10).0;
    rig.input(Input::Tick(at(10)));
    assert_eq!(rig.route("a"), ["x"]);
    // What comes in the instant of a decision belongs to it.
    rig.fact(Event::OrderCreated(job("y", km(4, 0))));
    assert_eq!(rig.route("a").len(), 2);
}

#[test]
fn an_order_stays_with_its_vehicle_where_a_change_costs_as_much_as_an_hour_of_lateness() {
    for stays in [false, true] {
        let mut rig = with(|policy| {
            policy.search_rounds = 24;
            if stays {
                policy.change_cost = policy.lateness_cost_per_hour;
            }
        });
        rig.order(job("x", km(30, 0)));
        assert_eq!(rig.route("a"), ["x"]);
        rig.on("c", km(29, 0));
        rig.rest();
        assert_eq!((rig.route("a").len(), rig.route("c").len()), if stays { (1, 0) } else { (0, 1) });
        // Who cannot serve it loses it all the same.
        rig.fact(Event::ShiftEnded { vehicle: name("a"), at: Timestamp(rig.now) });
        assert_eq!(rig.route("c"), ["x"]);
    }
}

#[test]
fn drivers_leave_when_the_decision_of_a_fixed_time_has_been_considered() {
    for (every, leaves) in [(0, at(10)), (600, at(10) + Millis(3_000))] {
        let mut rig = with(|policy| policy.decide_every = Millis::from_seconds(every));
        rig.now = at(10).0;
        rig.fact(Event::OrderCreated(job("x", km(3, 0))));
        let fleet = rig.engine.fleet();
        let visits = &fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits;
        assert_eq!(visits[0].depart_at, leaves);
        // The next one leaves when he is done, which is no time of decision.
        rig.fact(Event::OrderCreated(job("y", km(3, 0))));
        let fleet = rig.engine.fleet();
        let visits = &fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits;
        assert!(visits[1].depart_at <= at(14), "{visits:?}");
    }
}

#[test]
fn where_a_vehicle_goes_next_is_settled_when_it_arrives_where_the_policy_asks_for_it() {
    let docked = |id: &str, east| {
        let mut order = job(id, km(east, 0));
        let OrderWork::Job(job) = &mut order.work else { panic!("it is a job") };
        job.stop.setup = Millis::from_seconds(600);
        order.load = Load::default();
        order
    };
    for settles in [false, true] {
        let mut rig = with(|policy| {
            policy.settle_on_arrival = settles;
            policy.flow_cost_per_hour = 0;
        });
        for (id, east) in [("x1", 5), ("x2", 5), ("y", 20)] {
            rig.order(docked(id, east));
        }
        let first = rig.route("a")[0].clone();
        assert_eq!(rig.route("a")[2], "y", "{:?}", rig.route("a"));
        rig.at_stop("a", &first, StopKind::Delivery, Event::StopDeparted);
        // On the way more may be added, and it is one approach with what is there.
        rig.order(docked("x3", 5));
        rig.order(docked("near", 6));
        assert_eq!(rig.route("a")[3..], ["near", "y"], "{:?}", rig.route("a"));
        rig.now = at(5).0;
        rig.at_stop("a", &first, StopKind::Delivery, Event::StopArrived);
        // There it is known where it goes next, whatever would be nearer, and a place that it came to before is come to again.
        rig.order(docked("nearer", 5));
        rig.order(docked("between", 5));
        let route = rig.route("a");
        let next = route.iter().position(|stop| stop == "near").unwrap();
        assert_eq!(next, if settles { 3 } else { 5 }, "{route:?}");
        let visits = &rig.engine.fleet().vehicle(rig.engine.fleet().vehicle_id("a").unwrap()).route.visits;
        let set_up = |visit: &fleetfold_fleet::Visit| visit.start - visit.arrival >= Millis::from_seconds(600);
        let approaches: Vec<bool> = visits.iter().map(set_up).collect();
        let count = approaches.iter().filter(|&&is_one| is_one).count();
        assert_eq!(count, if settles { 4 } else { 3 }, "{route:?} {approaches:?}");
        assert!(!approaches[1] && !approaches[2], "what it came for is one approach: {approaches:?}");
    }
}

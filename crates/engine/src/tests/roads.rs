//! Roads close, open and become slower: which routes are planned again, and what legs take in the hours to come.

use fleetfold_model::OrderId;

use super::*;

/// Two parallel roads from west to east, a minute long, joined at both ends: 0-1 north (road 1), 2-3 south (road 2).
fn two_roads() -> Rig {
    roads_of([2; 2])
}

/// Two ways from west to east, a minute each: by the north (road 1) and by the south (road 2), of these classes.
fn roads_of(classes: [u8; 2]) -> Rig {
    let place = corner;
    let nodes = vec![place(0, 1), place(10, 1), place(0, 0), place(10, 0)];
    let pairs = [(0, 1, 1u64), (2, 3, 2), (0, 2, 3), (1, 3, 4)];
    let edges = pairs
        .iter()
        .flat_map(|&(a, b, road)| [(a, b, road), (b, a, road)])
        .map(|(from, to, road)| {
            let (metres, millis) = if road < 3 { (1000, 60_000) } else { (100, 6_000) };
            let class = classes.get(road as usize - 1).copied().unwrap_or(2);
            StreetEdge { from, to, metres, millis, class, name: u32::MAX, road }
        })
        .collect();
    Rig::with(&NetworkSpec::Graph { nodes, edges, names: Vec::new() }, Space::Geographic)
}

fn corner(x: i32, y: i32) -> Position {
    Position { x: x * 100_000, y: y * 100_000 }
}

#[test]
fn a_closed_road_changes_only_the_routes_over_it() {
    let (mut rig, place) = (two_roads(), corner);
    rig.on("a", place(0, 1));
    rig.on("b", place(0, 0));
    rig.order(job("x", place(10, 1)));
    rig.order(job("y", place(10, 0)));
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("a") }));
    rig.fact(Event::AssignmentForced(Pin { order: name("y"), vehicle: name("b") }));
    assert_eq!((rig.route("a"), rig.route("b")), (vec!["x".to_owned()], vec!["y".to_owned()]));
    let revision = |rig: &Rig, id: &str| {
        let fleet = rig.engine.fleet();
        fleet.vehicle(fleet.vehicle_id(id).unwrap()).route.revision
    };
    let before = (revision(&rig, "a"), revision(&rig, "b"));
    let change = RoadChange {
        change: name("works"),
        target: Some(RoadTarget::Roads(vec![1])),
        time_percent: None,
        from: None,
        until: None,
    };
    rig.fact(Event::RoadClosed(change.clone()));
    assert_eq!(revision(&rig, "b"), before.1, "the other road's route is left alone");
    let leg = rig.engine.network().leg(place(0, 1), place(10, 1));
    assert_eq!(leg.millis, 72_000, "around by the south");
    rig.fact(Event::RoadReopened(change.clone()));
    assert_eq!(rig.engine.network().leg(place(0, 1), place(10, 1)).millis, 60_000);
    rig.fact(Event::RoadSlowed(RoadChange { time_percent: Some(110), change: name("rain"), ..change }));
    assert_eq!(rig.engine.network().leg(place(0, 1), place(10, 1)).millis, 66_000);
}

/// A closure of seconds: who leaves in an hour does not notice, and who leaves now waits for its end where there is no other way.
#[test]
fn a_closure_that_is_over_before_anybody_comes_changes_nothing() {
    for is_only_way in [true, false] {
        for leaves_later in [true, false] {
            let mut rig = two_roads();
            rig.fact(Event::PolicyChanged(Policy {
                search_rounds: 20,
                departure_margin: Millis(0),
                ..Policy::default()
            }));
            rig.on("a", corner(0, 1));
            rig.on("b", corner(10, 0));
            let mut order = job("x", corner(10, 1));
            if let (true, OrderWork::Job(job)) = (leaves_later, &mut order.work) {
                job.stop.windows = TimeWindow::new(at(60), at(120)).into_iter().collect();
            }
            rig.fact(Event::OrderCreated(order));
            rig.input(Input::Tick(Timestamp(rig.now)));
            rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("a") }));
            rig.fact(Event::StopUnpinned { order: name("x") });
            assert_eq!(rig.route("a"), ["x"]);
            let fleet = rig.engine.fleet();
            let a = fleet.vehicle_id("a").unwrap();
            let before = fleet.vehicle(a).route.clone();
            rig.now += 1_000;
            let change = RoadChange {
                change: name("moment"),
                target: Some(RoadTarget::Roads(if is_only_way { vec![1, 2, 3, 4] } else { vec![1] })),
                time_percent: None,
                from: None,
                until: Some(Timestamp(rig.now + 20_000)),
            };
            rig.fact(Event::RoadClosed(change));
            let touched = rig.engine.touched_by_roads(LogSeq(rig.seq));
            rig.now += 1_000;
            rig.rest();
            assert_eq!(rig.route("a"), ["x"], "only way: {is_only_way}, later: {leaves_later}");
            if leaves_later {
                assert_eq!(rig.engine.fleet().vehicle(a).route, before, "only way: {is_only_way}");
                assert_eq!(touched, [], "only way: {is_only_way}");
            }
        }
    }
}

/// The hour turns, and the other way is the quicker one: whoever draws the route is told, and only then.
#[test]
fn lines_are_drawn_anew_when_another_way_is_quicker() {
    let mut rig = roads_of([1, 2]);
    let mut hour_percent = [[100; 24]; 3];
    (hour_percent[1][1], hour_percent[1][2]) = (110, 200);
    rig.fact(Event::PolicyChanged(Policy { hour_percent, learn: false, ..Policy::default() }));
    rig.on("a", corner(0, 1));
    let mut order = job("x", corner(10, 1));
    if let OrderWork::Job(job) = &mut order.work {
        job.stop.windows = TimeWindow::new(at(300), at(400)).into_iter().collect();
    }
    rig.order(order);
    let mut redrawn = |minute: i64| {
        rig.now = at(minute).0;
        rig.input(Input::Tick(Timestamp(rig.now)));
        std::mem::take(&mut rig.rerouted).into_iter().map(|vehicle| vehicle.0).collect::<Vec<u32>>()
    };
    redrawn(50);
    assert_eq!(redrawn(59), [0; 0]);
    assert_eq!(redrawn(61), [0; 0], "slower, and still the quickest");
    assert_eq!(redrawn(121), [0]);
    assert_eq!(redrawn(125), [0; 0]);
    assert_eq!(redrawn(181), [0], "and back");
}

#[test]
fn a_road_behind_a_vehicle_may_close() {
    let place = |x: i32| Position { x: x * 100_000, y: 0 };
    let edges = (0..10u32)
        .flat_map(|x| [(x, x + 1), (x + 1, x)].map(|(from, to)| (x, from, to)))
        .map(|(road, from, to)| StreetEdge {
            from,
            to,
            metres: 1_113,
            millis: 60_000,
            class: 2,
            name: u32::MAX,
            road: u64::from(road),
        })
        .collect();
    let nodes = (0..11).map(place).collect();
    let mut rig = Rig::with(&NetworkSpec::Graph { nodes, edges, names: Vec::new() }, Space::Geographic);
    rig.on("a", place(0));
    rig.order(job("x", place(9)));
    rig.order(job("y", place(10)));
    // Indexed while it stands at 0, with the whole way ahead of it.
    rig.now += 1_000;
    rig.input(Input::Tick(Timestamp(rig.now)));
    rig.now += 240_000;
    let report = PositionReport { vehicle: name("a"), position: place(4), at: Timestamp(rig.now) };
    rig.input(Input::Position(report));
    let plans = rig.plans.len();
    let closed = |id: &str, road: u64| RoadChange {
        change: name(id),
        target: Some(RoadTarget::Roads(vec![road])),
        time_percent: None,
        from: None,
        until: None,
    };
    rig.fact(Event::RoadClosed(closed("behind", 1)));
    assert!(rig.plans[plans..].iter().all(|plan| plan.groups.iter().all(|group| group.routes.is_empty())));
    rig.fact(Event::RoadClosed(closed("ahead", 9)));
    assert_eq!(rig.placement("y"), Placement::Unassigned(UnassignedReason::Unreachable), "there is no way around");
    rig.fact(Event::RoadReopened(closed("ahead", 9)));
    assert_eq!(rig.route("a"), ["x", "y"], "and when it opens again it is served");
}

/// Twice as slow from the first hour on: what is driven then takes its time, what is begun before and ends in it takes its part,
/// and nothing is planned again when the hour comes that was expected.
#[test]
fn legs_take_the_time_of_their_hour() {
    let mut rig = Rig::new();
    let mut hour_percent = [[100; 24]; 3];
    hour_percent[1][1] = 200;
    hour_percent[1][2] = 200;
    let policy =
        Policy { search_rounds: 0, departure_margin: Millis(0), hour_percent, learn: false, ..Policy::default() };
    rig.fact(Event::PolicyChanged(policy));
    let mut far = job("far", km(-80, 0));
    far.promised = Some(at(101));
    let mut waits = job("waits", km(40, 0));
    if let OrderWork::Job(job) = &mut waits.work {
        job.stop.windows = TimeWindow::new(at(110), at(150)).into_iter().collect();
    }
    rig.order(far);
    rig.order(waits);
    let visit =
        |rig: &Rig, id: &str| rig.engine.fleet().vehicle(rig.engine.fleet().vehicle_id(id).unwrap()).route.visits[0];
    // 60 km in the first hour, 20 km at half speed.
    assert_eq!(visit(&rig, "a").arrival, at(100));
    let waiting = visit(&rig, "b");
    assert_eq!(waiting.start, at(110));
    assert_eq!(waiting.depart_at, at(50), "30 km, and all of it may be slow");
    let plans = rig.plans.len();
    rig.at_stop("a", "far", StopKind::Delivery, Event::StopDeparted);
    for minute in [10, 30, 49, 59, 60, 61, 70] {
        rig.now = at(minute).0;
        if minute == 49 {
            rig.now = at(50).0;
            rig.at_stop("b", "waits", StopKind::Delivery, Event::StopDeparted);
        }
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
    assert_eq!(rig.plans.len(), plans, "what was expected is no news");
}

/// A closure announced for later is driven around by what is driven then, and by nothing else.
#[test]
fn a_closure_with_a_time_is_planned_for() {
    let mut rig = two_roads();
    rig.on("a", corner(0, 1));
    let closed = RoadChange {
        change: name("works"),
        target: Some(RoadTarget::Roads(vec![1])),
        time_percent: None,
        from: Some(at(100)),
        until: Some(at(200)),
    };
    rig.fact(Event::RoadClosed(closed));
    let window = |id: &str, opens: i64| {
        let mut order = job(id, corner(10, 1));
        if let OrderWork::Job(job) = &mut order.work {
            job.stop.windows = TimeWindow::new(at(opens), at(opens + 30)).into_iter().collect();
        }
        order
    };
    let mut lead = |opens: i64| {
        let id = format!("o{opens}");
        rig.order(window(&id, opens));
        let fleet = rig.engine.fleet();
        let visit = fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits[0];
        rig.fact(Event::OrderCancelled { order: name(&id) });
        (visit.start - visit.depart_at).0
    };
    assert_eq!([lead(50), lead(150), lead(250)], [60_000, 72_000, 60_000]);
}

/// The hours to come are made from what they were before a change: they have to be what they would be from nothing.
#[test]
fn hours_made_anew_are_those_made_from_before() {
    let change = |id: &str, road: u64, percent: Option<u32>, hours: [i64; 2]| RoadChange {
        change: name(id),
        target: Some(RoadTarget::Roads(vec![road])),
        time_percent: percent,
        from: Some(at(60 * hours[0])),
        until: Some(at(60 * hours[1])),
    };
    let mut hour_percent = [[100; 24]; 3];
    hour_percent[2] = std::array::from_fn(|hour| 100 + hour as u16);
    let facts = [
        Event::PolicyChanged(Policy { hour_percent, ..Policy::default() }),
        Event::RoadClosed(change("north", 1, None, [0, 9])),
        Event::RoadSlowed(change("south", 2, Some(150), [2, 7])),
        Event::RoadReopened(RoadChange { target: None, ..change("north", 1, None, [0, 9]) }),
        Event::RoadClosed(change("side", 3, None, [3, 12])),
    ];
    let legs = |rig: &Rig| -> Vec<i32> {
        let leg = |hour: i64| rig.engine.outlook().leg(corner(0, 1), corner(10, 0), at(60 * hour + 1)).millis;
        (0..24).map(leg).collect()
    };
    let mut asked = two_roads();
    for count in 1..=facts.len() {
        asked.fact(facts[count - 1].clone());
        let mut fresh = two_roads();
        for fact in &facts[..count] {
            fresh.fact(fact.clone());
        }
        assert_eq!(legs(&asked), legs(&fresh), "after {count} facts");
    }
    let different: BTreeSet<i32> = legs(&asked).into_iter().collect();
    assert!(different.len() > 20, "every hour has times of its own");
}

/// Both ways to a stop close while its driver is on his way, and open again: meanwhile there is no time, and then it is the old one.
#[test]
fn opening_roads_heals_what_closing_them_broke_at_once() {
    let mut rig = two_roads();
    rig.on("a", corner(0, 1));
    rig.order(job("x", corner(10, 1)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    let route = |rig: &Rig| rig.engine.fleet().vehicle(VehicleId(0)).route.clone();
    let planned = route(&rig).visits[0].arrival;
    let target = Some(RoadTarget::Roads(vec![1, 2]));
    let change = RoadChange { change: name("flood"), target, time_percent: None, from: None, until: None };
    rig.fact(Event::RoadClosed(change.clone()));
    for _ in 0..10 {
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
    assert!(route(&rig).is_cut_off_at(0), "{:?}", route(&rig));
    rig.fact(Event::RoadReopened(change));
    for _ in 0..10 {
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
    let healed = route(&rig);
    assert!(!healed.is_cut_off_at(0) && (healed.visits[0].arrival - planned).0.abs() < 60_000, "{healed:?}");
}

/// No fact says that a closure is over whose end was told with it.
#[test]
fn a_closure_that_ends_by_the_clock_heals_at_once_too() {
    let mut rig = two_roads();
    rig.on("a", corner(0, 1));
    let target = Some(RoadTarget::Roads(vec![1, 2]));
    let until = Some(at(30));
    rig.fact(Event::RoadClosed(RoadChange { change: name("flood"), target, time_percent: None, from: None, until }));
    rig.order(job("x", corner(10, 1)));
    // A vehicle waits a quarter of an hour for a road that opens, and not longer.
    while rig.now < at(15).0 - 1_000 {
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
        assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Unreachable));
    }
    rig.now = at(30).0;
    for _ in 0..3 {
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
    assert!(matches!(rig.placement("x"), Placement::OnRoute(_)), "{:?}", rig.placement("x"));
}

/// An order that is created shortly before a road opens waits for it with its vehicle.
#[test]
fn who_waits_for_a_road_that_opens_soon_leaves_when_it_does() {
    let mut rig = two_roads();
    rig.on("a", corner(0, 1));
    let (target, until) = (Some(RoadTarget::Roads(vec![1, 2])), Some(at(10)));
    rig.fact(Event::RoadClosed(RoadChange { change: name("flood"), target, time_percent: None, from: None, until }));
    rig.order(job("x", corner(10, 1)));
    let fleet = rig.engine.fleet();
    let visits = &fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits;
    assert_eq!(visits.len(), 1, "{:?}", rig.placement("x"));
    assert!(visits[0].depart_at <= at(10) && visits[0].arrival > at(10), "{visits:?}");
}

/// Straight lines are drawn in the zone's own space: a zone on a plane whose engine was given none was served over legs that were
/// fourteen times too long.
#[test]
fn straight_lines_are_those_of_the_zone() {
    let mut rig = Rig::with(&NetworkSpec::default(), Space::Planar);
    rig.on("a", km(0, 0));
    rig.order(job("o", km(10, 0)));
    let fleet = rig.engine.fleet();
    let visit = &fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits[0];
    // Ten kilometres and three tenths of detour at half a kilometre a minute.
    assert_eq!((visit.arrival - visit.depart_at, visit.metres.0), (Millis(26 * 60_000), 13_000));
}

/// Two roads, and a place that no road leads to.
fn with_an_island() -> (Rig, Position) {
    (Rig::with(&island(), Space::Geographic), corner(50, 50))
}

fn island() -> NetworkSpec {
    let nodes = vec![corner(0, 1), corner(10, 1), corner(0, 0), corner(10, 0), corner(50, 50), corner(50, 51)];
    let pairs = [(0, 1, 1u64), (2, 3, 2), (0, 2, 3), (1, 3, 4), (4, 5, 5)];
    let both = pairs.iter().flat_map(|&(a, b, road)| [(a, b, road), (b, a, road)]);
    let edges = both.map(|(from, to, road)| {
        let (metres, millis) = if road < 3 { (1000, 60_000) } else { (100, 6_000) };
        StreetEdge { from, to, metres, millis, class: 2, name: u32::MAX, road }
    });
    NetworkSpec::Graph { nodes, edges: edges.collect(), names: Vec::new() }
}

/// The next stop of a driver whose phone is silent moves to where no road leads: he is not held by it.
#[test]
fn a_stop_that_moves_to_where_no_road_leads_holds_nobody() {
    let (mut rig, island) = with_an_island();
    rig.on("a", corner(0, 1));
    rig.order(job("x", corner(10, 1)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now += 60_000;
    let work = Some(job("x", island).work);
    let (load, skills, priority, release, promised) = (None, None, None, None, None);
    rig.fact(Event::OrderUpdated(OrderChange { order: name("x"), work, load, skills, priority, release, promised }));
    assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Unreachable));
    rig.order(job("y", corner(10, 0)));
    assert_eq!(rig.route("a"), ["y"]);
    let arrival = rig.engine.fleet().vehicle(VehicleId(0)).route.visits[0].arrival;
    assert!((arrival - Timestamp(rig.now)).0 < 200_000, "{arrival:?}");
}

/// A pin to a vehicle from which no road leads there is refused, and says that.
#[test]
fn a_pin_to_a_vehicle_on_an_island_says_that_no_road_leads_there() {
    let (mut rig, island) = with_an_island();
    rig.on("a", corner(0, 1));
    rig.on("i", island);
    rig.order(job("x", corner(10, 1)));
    rig.fact(Event::StopPinned(Pin { order: name("x"), vehicle: name("i") }));
    assert_eq!(rig.route("a"), ["x"]);
    let said = &rig.plans.last().unwrap().groups[0].choices[0];
    assert!(said.pin_refused && said.runner_up_obstacle == fleetfold_model::Obstacle::Unreachable, "{said:?}");
}

/// All roads to a driver's stop close: he waits for them to open, unless something else needs him.
#[test]
fn a_driver_whose_stop_is_cut_off_serves_what_else_there_is() {
    let flooded = || {
        let (mut rig, _) = with_an_island();
        rig.on("a", corner(0, 1));
        rig.order(job("x", corner(10, 1)));
        rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
        let target = Some(RoadTarget::Roads(vec![1, 2]));
        rig.fact(Event::RoadClosed(RoadChange {
            change: name("flood"),
            target,
            time_percent: None,
            from: None,
            until: None,
        }));
        rig.now += 60_000;
        assert_eq!(rig.route("a"), ["x"], "nothing else needs him");
        rig
    };
    let mut rig = flooded();
    rig.order(job("y", corner(0, 0)));
    assert_eq!(rig.route("a"), ["y"]);
    assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Unreachable));
    // What he cannot take for another reason says that reason.
    let mut rig = flooded();
    rig.order(Order { load: Load([9, 0, 0, 0]), ..job("big", corner(0, 0)) });
    assert_eq!(rig.placement("big"), Placement::Unassigned(UnassignedReason::Capacity));
    assert_eq!(rig.route("a"), ["x"]);
    // A dispatcher's word is obeyed.
    rig.fact(Event::AssignmentForced(Pin { order: name("big"), vehicle: name("a") }));
    assert_eq!(rig.route("a"), ["big"]);
}

/// A closure that the clock brings into force is what the decision names, as if it had been told then; and what is found to be cut off later
/// names it, too.
#[test]
fn a_closure_that_begins_by_the_clock_is_named_by_the_decision_that_follows() {
    let (mut rig, _) = with_an_island();
    rig.on("a", corner(0, 1));
    rig.order(job("x", corner(10, 1)));
    let flood = RoadChange {
        change: name("flood"),
        target: Some(RoadTarget::Roads(vec![1, 2])),
        time_percent: None,
        from: Some(at(5)),
        until: None,
    };
    rig.fact(Event::RoadClosed(flood));
    let told = LogSeq(rig.log.iter().rev().find(|entry| matches!(entry.event, Event::RoadClosed(_))).unwrap().seq.0);
    let a = VehicleId(0);
    assert_eq!(rig.engine.touched_by_roads(told), [], "not yet");
    let (plans, route) = (rig.plans.len(), rig.route("a"));
    assert_eq!(route, ["x"]);
    rig.now = at(5).0 + 1_000;
    rig.input(Input::Tick(Timestamp(rig.now)));
    assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Unreachable));
    let groups: Vec<_> = rig.plans[plans..].iter().flat_map(|plan| &plan.groups).collect();
    assert!(!groups.is_empty() && groups.iter().all(|group| group.caused_by == [told]), "{groups:?}");
    // It ends, and another one is told that is in force at once: its sender learns whose way it touches.
    let (target, from) = (Some(RoadTarget::Roads(vec![1])), None);
    let reopened = RoadChange { change: name("flood"), target: None, time_percent: None, from: None, until: None };
    rig.fact(Event::RoadReopened(reopened));
    assert_eq!(rig.route("a"), ["x"]);
    rig.happens(Event::RoadSlowed(RoadChange {
        change: name("works"),
        target,
        time_percent: Some(101),
        from,
        until: None,
    }));
    let works = rig.log.iter().rev().find(|entry| matches!(entry.event, Event::RoadSlowed(_))).unwrap().seq;
    let x = rig.engine.fleet().order_id("x").unwrap();
    assert_eq!(rig.engine.touched_by_roads(works), [(a, vec![x])]);
}

/// An engine that begins with a state names the closure that was told before, as the one before it would have.
#[test]
fn a_closure_from_before_a_restart_is_named_by_the_decision_that_follows() {
    let (mut rig, _) = with_an_island();
    rig.on("a", corner(0, 1));
    rig.order(job("x", corner(10, 1)));
    let (target, from) = (Some(RoadTarget::Roads(vec![1, 2])), Some(at(5)));
    rig.now = at(1).0;
    rig.fact(Event::RoadClosed(RoadChange { change: name("flood"), target, time_percent: None, from, until: None }));
    let told = rig.log.iter().rev().find(|entry| matches!(entry.event, Event::RoadClosed(_))).unwrap().seq;
    let again = Fleet::from_image(rig.engine.fleet().image()).unwrap();
    assert_eq!(again.digest(), rig.engine.fleet().digest());
    rig.engine = Engine::new(again, Arc::new(Network::new(&island()).unwrap()));
    let plans = rig.plans.len();
    rig.now = at(6).0;
    rig.input(Input::Commit(Outcome::Granted(2)));
    rig.input(Input::Tick(Timestamp(rig.now)));
    assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Unreachable));
    let groups: Vec<_> = rig.plans[plans..].iter().flat_map(|plan| &plan.groups).collect();
    assert!(groups.iter().any(|group| group.caused_by == [told]), "{groups:?}");
}

/// Of a closure that is to come its sender learns which vehicles it will touch, and for which orders: those to which it is driven in its time.
#[test]
fn a_closure_that_is_to_come_lists_what_is_driven_in_its_time() {
    let told = |from: i64, until: Option<i64>| {
        let (mut rig, _) = with_an_island();
        rig.on("a", corner(0, 1));
        rig.order(job("x", corner(10, 1)));
        let visit = rig.engine.fleet().vehicle(VehicleId(0)).route.visits[0];
        let millis = (visit.arrival - visit.depart_at).0;
        assert!(millis > 2_000, "{visit:?}");
        // In thousandths of the drive.
        let at = |share: i64| visit.depart_at + Millis(millis * share / 1_000);
        let (target, from, until) = (Some(RoadTarget::Roads(vec![1, 2])), Some(at(from)), until.map(at));
        let closed = RoadChange { change: name("flood"), target, time_percent: None, from, until };
        rig.happens(Event::RoadClosed(closed));
        let seq = rig.log.iter().rev().find(|entry| matches!(entry.event, Event::RoadClosed(_))).unwrap().seq;
        let touched = rig.engine.touched_by_roads(seq);
        let order = |id: &OrderId| rig.engine.fleet().order(*id).name.to_string();
        touched.iter().map(|(_, orders)| orders.iter().map(order).collect()).collect::<Vec<Vec<String>>>()
    };
    assert_eq!(told(500, None), [["x"]]);
    assert_eq!(told(500, Some(1_200)), [["x"]]);
    assert_eq!(told(1_000, None), Vec::<Vec<String>>::new(), "he is there when it begins");
}

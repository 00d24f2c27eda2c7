//! What the planner does about each kind of event: one test per row of the table "from event to plan".

use std::collections::BTreeSet;
use std::sync::Arc;

use fleetfold_fleet::{Closed, Fleet, Placement};
use fleetfold_model::{
    Event, FailReason, Job, Load, LoadDirection, LogEntry, LogSeq, MessageHash, Millis, Name, NetworkSpec, Order,
    OrderChange, OrderWork, Pin, Policy, Position, PriorityRaised, Proposal, RoadChange, RoadTarget, Shift, Shipment,
    Space, StopEvent, StopKind, StopSpec, StreetEdge, TimeWindow, Timestamp, UnassignedReason, Vehicle, VehicleCosts,
    VehicleId, ZoneOpened,
};
use fleetfold_roads::Network;

use fleetfold_journal::Outcome;

use crate::{Effect, Engine, Input, PositionReport};

/// A log of one process: entries get the next place, proposals come straight back.
struct Rig {
    engine: Engine,
    seq: u64,
    now: i64,
    plans: Vec<Proposal>,
    published: Vec<fleetfold_model::Assignment>,
    rerouted: BTreeSet<VehicleId>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp(minutes * 60_000)
}

/// Kilometres on a plane; a vehicle drives one a minute.
fn km(x: i32, y: i32) -> Position {
    Position { x: x * 1_000_000, y: y * 1_000_000 }
}

fn stop(position: Position) -> StopSpec {
    StopSpec { position, windows: Vec::new(), service: Millis(60_000), setup: Millis(0) }
}

fn job(id: &str, position: Position) -> Order {
    Order {
        name: name(id),
        work: OrderWork::Job(Job { stop: stop(position), direction: LoadDirection::Pickup }),
        load: Load([1, 0, 0, 0]),
        skills: Vec::new(),
        priority: 0,
        release: None,
        promised: None,
        placed: at(0),
    }
}

fn shipment(id: &str, from: Position, to: Position) -> Order {
    Order { work: OrderWork::Shipment(Shipment { pickup: stop(from), delivery: stop(to) }), ..job(id, from) }
}

fn vehicle(id: &str, position: Position) -> Vehicle {
    Vehicle {
        name: name(id),
        capacity: Load([4, 0, 0, 0]),
        skills: Vec::new(),
        costs: VehicleCosts::default(),
        time_factor: 1000,
        start: position,
        end: None,
        shift: Some(Shift { starts: at(0), ends: at(600), breaks: Vec::new() }),
        stops_max: None,
        lifo: false,
    }
}

impl Rig {
    fn with(network: &NetworkSpec, space: Space) -> Self {
        let engine = Engine::new(Fleet::new(), Arc::new(Network::new(network).unwrap()));
        let mut rig =
            Self { engine, seq: 0, now: 0, plans: Vec::new(), published: Vec::new(), rerouted: BTreeSet::new() };
        let policy = Policy { search_rounds: 0, departure_margin: Millis(0), ..Policy::default() };
        rig.input(Input::Commit(Outcome::Granted(1)));
        let opened = ZoneOpened {
            timezone: "UTC".into(),
            space,
            day_start: at(0),
            log_start: at(0),
            utc_offset: Millis(0),
            rate: 1,
            policy,
        };
        rig.fact(Event::ZoneOpened(opened));
        rig
    }

    /// Two vehicles at (0,0) and (10,0).
    fn new() -> Self {
        let spec = NetworkSpec::Line {
            space: Space::Planar,
            metres_per_minute: 1000.0,
            detour_percent: 100,
            round_up_seconds: 0,
        };
        let mut rig = Self::with(&spec, Space::Planar);
        rig.on("a", km(0, 0));
        rig.on("b", km(10, 0));
        rig
    }

    fn on(&mut self, id: &str, position: Position) {
        self.fact(Event::VehicleRegistered(vehicle(id, position)));
        self.fact(Event::ShiftStarted { vehicle: name(id), shift: None, position: None });
    }

    fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.engine.handle(input, &mut effects);
            for effect in effects.drain(..) {
                match effect {
                    Effect::Append { proposal, expected } => {
                        assert_eq!(expected, self.engine.fleet().chain().seq, "the fence is the last plan's place");
                        self.seq += 1;
                        self.plans.push(proposal.clone());
                        let event = Event::PlanProposed(proposal);
                        let entry = LogEntry {
                            seq: LogSeq(self.seq),
                            logged_at: Timestamp(self.now),
                            id: 0,
                            hash: MessageHash(u128::from(self.seq)),
                            event,
                        };
                        inputs.push(Input::Entry(entry));
                    }
                    Effect::Publish(assignment) => self.published.push(assignment),
                    Effect::Rerouted(vehicles) => self.rerouted.extend(vehicles),
                    Effect::Folded { .. }
                    | Effect::Solve(_)
                    | Effect::AppendOwn(_)
                    | Effect::ReadLastPlan
                    | Effect::Note(_) => {}
                }
            }
        }
        self.engine.fleet().check().unwrap();
    }

    /// A fact; afterwards everything that asks has been answered.
    fn fact(&mut self, event: Event) {
        self.seq += 1;
        let entry = LogEntry {
            seq: LogSeq(self.seq),
            logged_at: Timestamp(self.now),
            id: self.seq,
            hash: MessageHash::default(),
            event,
        };
        self.input(Input::Entry(entry));
        assert!(self.engine.fleet().unanswered().is_empty(), "a fact was never answered");
    }

    fn order(&mut self, order: Order) {
        self.fact(Event::OrderCreated(order));
    }

    fn at_stop(&mut self, vehicle: &str, order: &str, stop: StopKind, make: fn(StopEvent) -> Event) {
        let at = Timestamp(self.now);
        self.fact(make(StopEvent { vehicle: name(vehicle), order: name(order), stop, at, position: None }));
    }

    fn route(&self, vehicle: &str) -> Vec<String> {
        let fleet = self.engine.fleet();
        let state = fleet.vehicle(fleet.vehicle_id(vehicle).unwrap());
        let mark = |stop| if stop == StopKind::Pickup { "+" } else { "" };
        state
            .route
            .visits
            .iter()
            .map(|visit| format!("{}{}", mark(visit.stop), fleet.order(visit.order).name))
            .collect()
    }

    fn placement(&self, order: &str) -> Placement {
        self.engine.fleet().order(self.engine.fleet().order_id(order).unwrap()).placement
    }
}

#[test]
fn a_created_order_goes_where_it_costs_least_and_the_driver_is_told() {
    let mut rig = Rig::new();
    rig.order(job("x", km(9, 1)));
    assert_eq!(rig.route("b"), ["x"]);
    let told = rig.published.last().unwrap();
    assert_eq!((told.vehicle.as_str(), told.visits.len()), ("b", 1));
    let choice = &rig.plans.last().unwrap().groups[0].choices[0];
    assert_eq!(choice.runner_up.as_ref().map(Name::as_str), Some("a"), "the runner-up is kept with the decision");
}

#[test]
fn an_order_that_cannot_be_on_time_is_placed_late_rather_than_lost() {
    let mut rig = Rig::new();
    let mut late = job("x", km(5, 0));
    late.promised = Some(at(1));
    rig.order(late);
    assert!(matches!(rig.placement("x"), Placement::OnRoute(_)));
}

#[test]
fn an_order_nobody_may_serve_is_unassigned_with_its_reason() {
    let mut rig = Rig::new();
    rig.order(Order { skills: vec![name("crane")], ..job("x", km(1, 0)) });
    assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Skills));
    rig.order(Order { load: Load([9, 0, 0, 0]), ..job("y", km(1, 0)) });
    assert_eq!(rig.placement("y"), Placement::Unassigned(UnassignedReason::Capacity));
}

#[test]
fn a_changed_order_is_placed_again() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-20, 0)));
    rig.order(job("y", km(-21, 0)));
    assert_eq!(rig.route("a"), ["x", "y"]);
    let work = OrderWork::Job(Job { stop: stop(km(12, 0)), direction: LoadDirection::Pickup });
    let change = OrderChange {
        order: name("y"),
        work: Some(work),
        load: None,
        skills: None,
        priority: None,
        release: None,
        promised: None,
    };
    rig.fact(Event::OrderUpdated(change));
    assert_eq!((rig.route("a"), rig.route("b")), (vec!["x".to_owned()], vec!["y".to_owned()]));
}

#[test]
fn ready_goods_are_fetched_earlier() {
    let mut rig = Rig::new();
    rig.order(Order { release: Some(at(120)), ..shipment("x", km(1, 0), km(2, 0)) });
    let start = |rig: &Rig| {
        let fleet = rig.engine.fleet();
        fleet.vehicle(fleet.vehicle_id("a").unwrap()).route.visits[0].start
    };
    assert_eq!(start(&rig), at(120));
    rig.fact(Event::OrderReady { order: name("x"), at: at(0) });
    assert_eq!(start(&rig), at(1));
}

#[test]
fn a_cancelled_order_leaves_its_route() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    rig.order(job("y", km(2, 0)));
    rig.fact(Event::OrderCancelled { order: name("y") });
    assert_eq!(rig.route("a"), ["x"]);
    assert_eq!(rig.published.last().unwrap().visits.len(), 1, "the driver is told");
}

#[test]
fn goods_on_board_of_a_cancelled_order_go_back() {
    let mut rig = Rig::new();
    rig.order(shipment("x", km(1, 0), km(5, 0)));
    rig.at_stop("a", "x", StopKind::Pickup, Event::StopCompleted);
    rig.fact(Event::OrderCancelled { order: name("x") });
    assert_eq!(rig.route("a"), ["x"], "a return is still to be driven");
    assert_eq!(rig.published.last().unwrap().visits[0].position, km(1, 0));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    let fleet = rig.engine.fleet();
    assert_eq!(fleet.order(fleet.order_id("x").unwrap()).closed, Some(Closed::Cancelled));
}

#[test]
fn a_lost_vehicle_gives_its_orders_to_others_and_its_goods_are_rescued_where_it_stands() {
    let mut rig = Rig::new();
    rig.order(shipment("x", km(1, 0), km(3, 0)));
    rig.order(job("y", km(2, 0)));
    rig.at_stop("a", "x", StopKind::Pickup, Event::StopCompleted);
    rig.fact(Event::VehicleLost { vehicle: name("a"), position: Some(km(2, 2)) });
    assert!(rig.route("a").is_empty());
    let mut route = rig.route("b");
    route.sort();
    assert_eq!(route, ["+x", "x", "y"]);
    let told = rig.published.iter().rfind(|assignment| assignment.vehicle.as_str() == "b").unwrap();
    let rescue = told.visits.iter().find(|visit| visit.visit.stop == StopKind::Pickup).unwrap();
    assert_eq!(rescue.position, km(2, 2));
    rig.fact(Event::VehicleBack { vehicle: name("a"), position: None });
    assert_eq!(rig.route("a"), ["x"], "what nobody fetched is on board again");
}

#[test]
fn a_vehicle_that_signs_on_takes_what_nobody_could() {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("a"), at: at(0) });
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    rig.order(job("x", km(1, 0)));
    assert!(matches!(rig.placement("x"), Placement::Unassigned(_)));
    rig.fact(Event::ShiftStarted { vehicle: name("b"), shift: None, position: None });
    assert_eq!(rig.route("b"), ["x"]);
}

#[test]
fn a_shortened_shift_hands_over_what_no_longer_fits() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-10, 0)));
    rig.order(job("y", km(-30, 0)));
    assert_eq!(rig.route("a"), ["x", "y"]);
    rig.fact(Event::ShiftEnded { vehicle: name("a"), at: at(15) });
    assert_eq!(rig.route("a"), ["x"]);
    assert_eq!(rig.route("b"), ["y"]);
}

#[test]
fn a_failed_stop_is_over_and_the_rest_goes_on() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    rig.order(job("y", km(2, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, |stop| Event::StopFailed(stop, FailReason::NoShow));
    assert_eq!(rig.route("a"), ["y"]);
    let fleet = rig.engine.fleet();
    assert_eq!(fleet.order(fleet.order_id("x").unwrap()).closed, Some(Closed::Failed(FailReason::NoShow)));
}

#[test]
fn a_position_that_makes_a_promise_late_moves_the_order_to_who_can_keep_it() {
    let mut rig = Rig::new();
    rig.on("c", km(6, 0));
    rig.order(job("x", km(3, 0)));
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("a") }));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    let mut promised = job("y", km(4, 0));
    promised.promised = Some(at(7));
    rig.order(promised);
    assert_eq!(rig.route("a"), ["x", "y"], "on its way");
    rig.now = at(1).0;
    let report = PositionReport { vehicle: name("a"), position: km(-4, 0), at: at(1) };
    rig.input(Input::Position(report));
    assert_eq!((rig.route("a"), rig.route("c")), (vec!["x".to_owned()], vec!["y".to_owned()]));
}

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

/// What the visit under way delivers is still on board beside everything behind it (once, it was forgotten, and the fleet's own
/// check stopped the engine).
#[test]
fn goods_of_the_visit_under_way_take_room() {
    let mut rig = Rig::new();
    for number in 0..14 {
        let mut order = job(&format!("d{number}"), km(1 + number % 5, number / 5));
        if let OrderWork::Job(job) = &mut order.work {
            job.direction = LoadDirection::Delivery;
        }
        rig.order(order);
        assert_eq!(rig.engine.fleet().check().map_err(|broken| broken.to_string()), Ok(()), "after order {number}");
    }
    assert_eq!(rig.route("a").len() + rig.route("b").len(), 8, "four in each, none too many");
}

/// A phone three hours ahead must not make everything else come too late to be learned from.
#[test]
fn a_wrong_clock_does_not_end_learning() {
    let mut rig = Rig::new();
    rig.order(job("x", km(3, 0)));
    let ahead = Timestamp(rig.now + 3 * 3_600_000);
    let report = |at| StopEvent { vehicle: name("a"), order: name("x"), stop: StopKind::Delivery, at, position: None };
    rig.fact(Event::StopDeparted(report(Timestamp(rig.now))));
    rig.now += 180_000;
    rig.fact(Event::StopArrived(report(Timestamp(rig.now))));
    rig.now += 60_000;
    rig.fact(Event::StopCompleted(report(ahead)));
    let watermark = rig.engine.watermark().expect("a drive and a service were observed");
    assert!(watermark <= Timestamp(rig.now), "{watermark:?}");
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

#[test]
fn pins_bind_and_unpins_release() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    assert_eq!(rig.route("a"), ["x"]);
    rig.now = at(0).0;
    // The visit to x is under way as soon as it is published; a later one is free to move.
    rig.order(job("y", km(2, 0)));
    rig.fact(Event::StopPinned(Pin { order: name("y"), vehicle: name("b") }));
    assert_eq!(rig.route("b"), ["y"]);
    rig.fact(Event::StopUnpinned { order: name("y") });
    assert!(matches!(rig.placement("y"), Placement::OnRoute(_)));
}

#[test]
fn a_forced_assignment_is_obeyed_whatever_it_costs() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-1, 0)));
    rig.order(job("y", km(-2, 0)));
    rig.fact(Event::AssignmentForced(Pin { order: name("y"), vehicle: name("b") }));
    assert_eq!(rig.route("b"), ["y"]);
}

/// Its driver is on the way already, and is called back (once, the fact was never answered and a plan for it proposed for ever).
#[test]
fn an_assignment_forced_while_another_drives_there_is_answered() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    assert_eq!(rig.route("a"), ["x"]);
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("b") }));
    assert_eq!(rig.route("b"), ["x"]);
    assert_eq!(rig.engine.fleet().digests_recounted().0, rig.engine.fleet().digest(), "both vehicles are counted anew");
    let plans = rig.plans.len();
    rig.order(job("y", km(-1, 0)));
    assert!(matches!(rig.placement("y"), Placement::OnRoute(_)));
    assert!(rig.plans.len() <= plans + 2, "{} plans for one order", rig.plans.len() - plans);
}

#[test]
fn a_rejected_order_goes_to_somebody_else() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    rig.fact(Event::AssignmentRejected { vehicle: name("a"), order: name("x") });
    assert_eq!(rig.route("b"), ["x"]);
    rig.fact(Event::AssignmentRejected { vehicle: name("b"), order: name("x") });
    assert_eq!(rig.placement("x"), Placement::Unassigned(UnassignedReason::Rejected));
}

#[test]
fn priorities_policies_and_accepted_assignments_are_answered_without_harm() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    rig.fact(Event::PriorityRaised(PriorityRaised { order: name("x"), priority: 9 }));
    rig.fact(Event::PolicyChanged(Policy { search_rounds: 0, ..Policy::default() }));
    rig.fact(Event::AssignmentAccepted { vehicle: name("a"), revision: 3 });
    assert_eq!(rig.route("a"), ["x"]);
}

#[test]
fn a_window_is_waited_for_and_the_drive_begins_late() {
    let mut rig = Rig::new();
    let mut order = job("x", km(5, 0));
    if let OrderWork::Job(job) = &mut order.work {
        job.stop.windows = TimeWindow::new(at(60), at(90)).into_iter().collect();
    }
    rig.order(order);
    let fleet = rig.engine.fleet();
    let visit = fleet.vehicles().iter().find_map(|vehicle| vehicle.route.visits.first()).unwrap();
    assert_eq!((visit.depart_at, visit.start), (at(55), at(60)));
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
        let leg = |hour: i64| rig.engine.outlook.leg(corner(0, 1), corner(10, 0), at(60 * hour + 1)).millis;
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

#[test]
fn a_stale_group_is_refused_whole_and_answered_again() {
    // A vehicle is lost while the plan that uses it is on its way.
    let mut rig = Rig::new();
    let mut effects = Vec::new();
    let created = LogEntry {
        seq: LogSeq(rig.seq + 1),
        logged_at: Timestamp(0),
        id: 900,
        hash: MessageHash::default(),
        event: Event::OrderCreated(job("x", km(1, 0))),
    };
    rig.engine.handle(Input::Entry(created), &mut effects);
    let Some(Effect::Append { proposal, .. }) =
        effects.iter().find(|effect| matches!(effect, Effect::Append { .. })).cloned()
    else {
        panic!("no answer was proposed")
    };
    let lost = Event::VehicleLost { vehicle: name("a"), position: None };
    rig.engine.handle(
        Input::Entry(LogEntry {
            seq: LogSeq(rig.seq + 2),
            logged_at: Timestamp(0),
            id: 901,
            hash: MessageHash::default(),
            event: lost,
        }),
        &mut effects,
    );
    rig.seq += 3;
    let plan = LogEntry {
        seq: LogSeq(rig.seq),
        logged_at: Timestamp(0),
        id: 0,
        hash: MessageHash::default(),
        event: Event::PlanProposed(proposal),
    };
    rig.input(Input::Entry(plan));
    assert_eq!(rig.route("b"), ["x"]);
    assert_eq!(rig.engine.fleet().counters().groups_refused, 1);
}

/// A plan is one message and messages have a limit: what does not fit is answered by the next plan.
#[test]
fn a_plan_that_would_not_fit_into_a_message_becomes_several() {
    let mut rig = Rig::new();
    rig.input(Input::Commit(Outcome::Lost));
    let mut number = 0;
    let mut fact = |rig: &mut Rig, event: Event| {
        number += 1;
        rig.seq += 1;
        let entry = LogEntry {
            seq: LogSeq(rig.seq),
            logged_at: Timestamp(0),
            id: 1_000 + number,
            hash: MessageHash::default(),
            event,
        };
        rig.input(Input::Entry(entry));
    };
    for index in 0..40 {
        let id = format!("van-{index}");
        let van = Vehicle { capacity: Load([1_000, 0, 0, 0]), ..vehicle(&id, km(index % 8, index / 8)) };
        fact(&mut rig, Event::VehicleRegistered(van));
        fact(&mut rig, Event::ShiftStarted { vehicle: name(&id), shift: None, position: None });
    }
    for index in 0..1_500 {
        let order = job(&format!("order-{index}"), km(index * 7 % 8, index * 11 % 5));
        fact(&mut rig, Event::OrderCreated(order));
    }
    rig.input(Input::Commit(Outcome::Granted(2)));
    assert!(rig.engine.fleet().unanswered().is_empty());
    let largest = rig.plans.iter().map(crate::engine::weight_of).max().unwrap();
    assert!(largest <= crate::engine::PLAN_BYTES, "a plan of about {largest} bytes");
    let fullest = rig.plans.iter().map(|plan| plan.groups.len()).max().unwrap();
    assert!(fullest > 1 && rig.plans.len() > 12, "{} plans", rig.plans.len());
}

/// One entrance, so that whatever happens to the engine is an `Input` and can be written down and played again.
#[test]
fn the_engine_has_one_public_method_that_changes_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut files = vec![std::path::PathBuf::from(folder)];
    let mut found = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for block in text.split("\nimpl Engine {").skip(1) {
            let block = block.split("\n}").next().unwrap();
            for function in block.split("    pub fn ").skip(1) {
                let signature = function.split('{').next().unwrap();
                if signature.contains("&mut self") {
                    found.push(signature.split('(').next().unwrap().to_owned());
                }
            }
        }
    }
    assert_eq!(found, ["handle"]);
}

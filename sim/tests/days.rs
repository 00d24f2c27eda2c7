//! Days from outside: whatever a legal day file says, its backtest ends and keeps every promise.

use std::collections::BTreeSet;
use std::sync::Arc;

use fleetfold_model::{
    Alert, AlertAcknowledged, AlertKind, Break, BreakEvent, Diversion, Event, FailReason, Freeze, Job, Load,
    LoadDirection, Millis, Name, NetworkSpec, OnBoardRule, Order, OrderChange, OrderRetry, OrderWork, Policy, Position,
    RoadChange, RoadTarget, Shift, Shipment, SlotHeld, Space, StopEvent, StopKind, StopSpec, TimeWindow, Timestamp,
    Vehicle, VehicleCosts, ZoneOpened,
};
use fleetfold_roads::Network;
use fleetfold_sim::{Driving, Fact, Outcome, Traffic, backtest};
use fleetfold_wire::{DayLine, What, decode, encode, read_day_line};
use proptest::prelude::*;

const VARIED: Driving = Driving { varied: true, positions: true, reject_share: 0.05, tells_of_depots: true };

fn straight_lines(space: Space) -> Arc<Network> {
    let spec = NetworkSpec::Line { space, metres_per_minute: 500.0, detour_percent: 130, round_up_seconds: 0 };
    Arc::new(Network::new(&spec).unwrap())
}

/// The events of a day file with their zone times.
fn facts_of(text: &str) -> Vec<Fact> {
    let lines = text.lines().zip(1..).map(|(line, number)| read_day_line(number, line).unwrap());
    lines
        .filter_map(|line| {
            let (DayLine::Event { message } | DayLine::Recorded { message, .. }) = line else { return None };
            let decoded = decode(message.as_bytes()).unwrap();
            let What::Event(event) = decoded.what else { return None };
            Some((decoded.at, decoded.id, event))
        })
        .collect()
}

fn run(facts: Vec<Fact>) -> Outcome {
    backtest(facts, &[], straight_lines(Space::Geographic), VARIED, &Traffic::default(), 1, |_| {})
}

#[test]
fn a_break_is_taken_once_however_often_the_plan_changes() {
    let outcome = run(facts_of(include_str!("days/break-in-the-shift.jsonl")));
    assert_eq!(outcome.broken, None);
    assert_eq!(outcome.report.served, 1);
    let left = outcome.log.iter().filter_map(|entry| match &entry.event {
        Event::StopDeparted(stop) => Some(stop.at),
        _ => None,
    });
    let placed = 1_780_318_126_338;
    let left: Vec<i64> = left.map(|at| at.0 - placed).collect();
    assert!((1_800_000..1_830_000).contains(&left[0]), "half an hour of break, then the drive: {left:?}");
    let ended = outcome.log.last().map(|entry| entry.logged_at.0 - placed);
    assert!(ended < Some(24 * 3_600_000), "{ended:?}");
}

#[test]
fn a_vehicle_that_is_never_registered_signs_on_and_gets_no_work() {
    let outcome = run(facts_of(include_str!("days/vehicle-never-registered.jsonl")));
    assert_eq!(outcome.broken, None);
    assert_eq!(outcome.report.served, 0);
}

// ---- any legal day ---------------------------------------------------------------------------------------------------

const MORNING: i64 = 1_780_300_800_000; // 2026-06-01T08:00:00Z

fn name(prefix: &str, number: u8) -> Name {
    Name::new(&format!("{prefix}{number}")).unwrap()
}

/// Mostly minutes of the working day; now and then a year ahead, last week, or midnight of 1970.
fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        40 => (0i64..600).prop_map(|minute| Timestamp(MORNING + minute * 60_000)),
        2 => (0i64..36_000_000).prop_map(|millis| Timestamp(MORNING + millis)),
        1 => Just(Timestamp(MORNING + 365 * 86_400_000)),
        1 => Just(Timestamp(MORNING - 7 * 86_400_000)),
        1 => Just(Timestamp(0)),
    ]
}

/// Mostly within a town; now and then anywhere on earth, or nowhere a plane reaches.
fn any_place() -> impl Strategy<Value = Position> {
    prop_oneof![
        60 => (-4i32..5, -4i32..5).prop_map(|(x, y)| Position { x: -86_291_000 + x * 100_000, y: 411_579_000 + y * 100_000 }),
        1 => (-1_800_000_000i32..=1_800_000_000, -900_000_000i32..=900_000_000).prop_map(|(x, y)| Position { x, y }),
    ]
}

fn any_span(most_minutes: i64) -> impl Strategy<Value = Millis> {
    prop_oneof![
        2 => Just(Millis(0)),
        8 => (0..=most_minutes).prop_map(|minutes| Millis(minutes * 60_000)),
        1 => Just(Millis(86_400_000)),
    ]
}

fn any_windows() -> impl Strategy<Value = Vec<TimeWindow>> {
    prop::collection::vec((any_time(), 0i64..240), 0..3).prop_map(|drawn| {
        let mut windows: Vec<TimeWindow> = drawn
            .into_iter()
            .filter_map(|(opens, minutes)| TimeWindow::new(opens, opens + Millis(minutes * 60_000)))
            .collect();
        windows.sort_by_key(|window| window.opens());
        windows.dedup_by(|later, earlier| later.opens() <= earlier.closes());
        windows
    })
}

fn any_stop() -> impl Strategy<Value = StopSpec> {
    (any_place(), any_windows(), any_span(15), any_span(3)).prop_map(|(position, windows, service, setup)| StopSpec {
        position,
        windows,
        service,
        setup,
    })
}

fn any_work() -> impl Strategy<Value = OrderWork> {
    prop_oneof![
        (any_stop(), any::<bool>()).prop_map(|(stop, out)| {
            let direction = if out { LoadDirection::Delivery } else { LoadDirection::Pickup };
            OrderWork::Job(Job { stop, direction })
        }),
        (any_stop(), any_stop()).prop_map(|(pickup, delivery)| OrderWork::Shipment(Shipment { pickup, delivery })),
    ]
}

fn any_load() -> impl Strategy<Value = Load> {
    (0i32..4).prop_map(|units| Load([units * 1000, 0, 0, 0]))
}

fn any_skills() -> impl Strategy<Value = Vec<Name>> {
    prop::bool::weighted(0.15).prop_map(|cool| if cool { vec![name("cool", 0)] } else { Vec::new() })
}

fn any_order() -> impl Strategy<Value = Event> {
    let times = (prop::option::weighted(0.3, any_time()), prop::option::weighted(0.4, any_time()), any_time());
    (0u8..8, any_work(), any_load(), any_skills(), 0u8..3, times).prop_map(
        |(number, work, load, skills, priority, (release, promised, placed))| {
            Event::OrderCreated(Order {
                name: name("o", number),
                work,
                load,
                skills,
                priority,
                release,
                promised,
                placed,
            })
        },
    )
}

fn any_shift() -> impl Strategy<Value = Shift> {
    let length = prop_oneof![
        1 => Just(Millis(0)),
        1 => Just(Millis(365 * 86_400_000)),
        10 => (30i64..720).prop_map(|minutes| Millis(minutes * 60_000)),
    ];
    let pause = (any_time(), 0i64..240, any_span(60)).prop_filter_map("legal", |(opens, minutes, duration)| {
        Some(Break { window: TimeWindow::new(opens, opens + Millis(minutes * 60_000))?, duration })
    });
    (any_time(), length, prop::collection::vec(pause, 0..3)).prop_map(|(starts, length, breaks)| Shift {
        starts,
        ends: starts + length,
        breaks,
    })
}

fn any_vehicle() -> impl Strategy<Value = Event> {
    let shift = prop::option::weighted(0.7, any_shift());
    let stops_max = prop::option::weighted(0.2, 0u32..5);
    let factor = prop_oneof![9 => Just(1000u16), 3 => 500u16..2_000, 1 => Just(3_000u16)];
    (
        0u8..3,
        0i32..8,
        any_skills(),
        any_place(),
        prop::option::of(any_place()),
        (shift, stops_max, any::<bool>(), factor),
    )
        .prop_map(|(number, capacity, skills, start, end, (shift, stops_max, lifo, time_factor))| {
            Event::VehicleRegistered(Vehicle {
                name: name("v", number),
                capacity: Load([capacity * 1000, 0, 0, 0]),
                skills,
                costs: VehicleCosts::default(),
                time_factor,
                start,
                end,
                shift,
                stops_max,
                lifo,
                driving_time: None,
                reload: None,
            })
        })
}

fn any_sign_on() -> impl Strategy<Value = Event> {
    (0u8..3, prop::option::weighted(0.3, any_shift()), prop::option::of(any_place()))
        .prop_map(|(number, shift, position)| Event::ShiftStarted { vehicle: name("v", number), shift, position })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let rule = || prop_oneof![Just(OnBoardRule::Return), Just(OnBoardRule::Keep)];
    let rare =
        (prop::bool::weighted(0.2), prop::bool::weighted(0.8), prop::bool::weighted(0.1), any::<bool>(), 0u8..16);
    (rule(), rule(), any::<bool>(), prop_oneof![Just(0u32), Just(24)], any_span(2), any::<bool>(), any_span(3), rare)
        .prop_map(
            |(
                on_cancelled_on_board,
                on_failed_delivery,
                deliver_after_shift,
                search_rounds,
                gather,
                learn,
                margin,
                (one_pickup_place, add_after_departure, in_rounds, settle_on_arrival, diversion),
            )| {
                Policy {
                    one_pickup_place,
                    add_after_departure,
                    settle_on_arrival,
                    decide_every: Millis(if in_rounds { 600_000 } else { 0 }),
                    // A quarter of the policies asks for calm in each of these ways.
                    notice: Millis(if diversion / 4 == 1 { 300_000 } else { 0 }),
                    max_changes_per_hour: (diversion / 4 == 2).then_some(1),
                    freeze: if diversion / 4 == 3 { Freeze::Accepted } else { Freeze::Departed },
                    diversion: match diversion % 4 {
                        0 => Diversion::Never,
                        1 => Diversion::Saves(500_000),
                        _ => Diversion::SavesPromise,
                    },
                    on_cancelled_on_board,
                    on_failed_delivery,
                    deliver_after_shift,
                    search_rounds,
                    gather,
                    learn,
                    departure_margin: margin,
                    ..Policy::default()
                }
            },
        )
}

fn any_opening() -> impl Strategy<Value = Event> {
    (any_time(), any_time(), any_policy(), prop_oneof![Just(1u32), Just(60)]).prop_map(
        |(day_start, log_start, policy, rate)| {
            Event::ZoneOpened(ZoneOpened {
                timezone: "UTC".to_owned(),
                space: Space::Geographic,
                day_start,
                log_start,
                utc_offset: Millis(0),
                rate,
                policy,
            })
        },
    )
}

/// What may happen besides orders and vehicles, much of it to orders and vehicles that nobody knows.
fn any_incident() -> impl Strategy<Value = Event> {
    let (order, vehicle) =
        (|| (0u8..9).prop_map(|number| name("o", number)), || (0u8..4).prop_map(|number| name("v", number)));
    let report = (order(), vehicle(), any::<bool>(), any_time()).prop_map(|(order, vehicle, pickup, at)| StopEvent {
        vehicle,
        order,
        stop: if pickup { StopKind::Pickup } else { StopKind::Delivery },
        at,
        position: None,
    });
    let change = (order(), prop::option::of(any_work()), prop::option::of(any_load()), prop::option::of(any_time()))
        .prop_map(|(order, work, load, promised)| {
            Event::OrderUpdated(OrderChange {
                order,
                work,
                load,
                skills: None,
                priority: None,
                release: None,
                promised,
            })
        });
    let road = (any_place(), any::<bool>(), prop::option::of(any_time())).prop_map(|(at, closed, until)| {
        let corners = [(0, 0), (150_000, 0), (0, 150_000)];
        let corners = corners.map(|(x, y)| Position { x: at.x / 2 + x, y: at.y / 2 + y }).to_vec();
        let change = RoadChange {
            change: name("works", 1),
            target: Some(RoadTarget::Area(corners)),
            time_percent: (!closed).then_some(300),
            from: None,
            until,
        };
        if closed { Event::RoadClosed(change) } else { Event::RoadSlowed(change) }
    });
    let retry = (order(), any_time(), prop::option::of(any_time()))
        .prop_map(|(order, from, promised)| Event::OrderRetried(OrderRetry { order, from, window: None, promised }));
    let held = (any_order(), any_time()).prop_filter_map("an order", |(event, until)| {
        let Event::OrderCreated(order) = event else { return None };
        Some(Event::SlotHeld(SlotHeld { order, until }))
    });
    let pause = (vehicle(), any_time(), prop::option::of(any_span(60)), prop::option::of(any_place()), any::<bool>())
        .prop_map(|(vehicle, at, duration, position, begins)| {
            let pause = BreakEvent { vehicle, at, duration, position };
            if begins { Event::BreakStarted(pause) } else { Event::BreakEnded(pause) }
        });
    let seen = (order(), prop::option::of(any_time())).prop_map(|(order, until)| {
        let alert = Alert::new(AlertKind::PredictedLate, Some(order)).expect("an order is given");
        Event::AlertAcknowledged(AlertAcknowledged { alert, by: None, until })
    });
    prop_oneof![
        2 => retry,
        2 => held,
        2 => order().prop_map(|order| Event::OrderConfirmed { order }),
        2 => pause,
        1 => seen,
        3 => change,
        2 => (order(), any_time()).prop_map(|(order, at)| Event::OrderReady { order, at }),
        4 => order().prop_map(|order| Event::OrderCancelled { order }),
        3 => (vehicle(), any_time()).prop_map(|(vehicle, at)| Event::ShiftEnded { vehicle, at }),
        3 => (vehicle(), prop::option::of(any_place())).prop_map(|(vehicle, position)| Event::VehicleLost { vehicle, position }),
        3 => (vehicle(), prop::option::of(any_place())).prop_map(|(vehicle, position)| Event::VehicleBack { vehicle, position }),
        1 => road,
        2 => (report, 0u8..5, any_time()).prop_map(|(stop, what, again)| match what {
            0 => Event::StopDeparted(stop),
            1 => Event::StopArrived(stop),
            2 => Event::StopCompleted(stop),
            3 => { let again = again.max(stop.at); Event::StopFailed(stop, FailReason::NoShow, Some(again)) },
            _ => Event::StopFailed(stop, FailReason::NoShow, None),
        }),
        1 => any_policy().prop_map(Event::PolicyChanged),
    ]
}

#[derive(Clone, Debug)]
struct Day {
    events: Vec<(Timestamp, Event)>,
    no_shows: Vec<Name>,
    exact: bool,
    planar: bool,
}

fn any_day() -> impl Strategy<Value = Day> {
    let timed = |(at, mut event): (Timestamp, Event)| {
        // A slot is kept until after it was asked for: the wire takes no other.
        if let Event::SlotHeld(held) = &mut event {
            held.until = held.until.max(at + Millis(900_000));
        }
        (at, event)
    };
    (
        prop::collection::vec((any_time(), any_opening()).prop_map(timed), 0..2),
        prop::collection::vec((any_time(), any_vehicle()).prop_map(timed), 0..4),
        prop::collection::vec((any_time(), any_sign_on()).prop_map(timed), 0..5),
        prop::collection::vec((any_time(), any_order()).prop_map(timed), 0..8),
        prop::collection::vec((any_time(), any_incident()).prop_map(timed), 0..6),
        (prop::collection::vec((0u8..8).prop_map(|number| name("o", number)), 0..3), any::<bool>(), any::<bool>()),
    )
        .prop_map(|(opening, vehicles, sign_ons, orders, incidents, (no_shows, exact, planar))| {
            // Registering a vehicle again is another test below.
            let mut vehicles: Vec<(Timestamp, Event)> = vehicles;
            let mut known = BTreeSet::new();
            vehicles
                .retain(|(_, event)| matches!(event, Event::VehicleRegistered(it) if known.insert(it.name.clone())));
            let events = opening.into_iter().chain(vehicles).chain(sign_ons).chain(orders).chain(incidents);
            Day { events: events.collect(), no_shows, exact, planar }
        })
}

/// As `fleetfold backtest` would read it from a file: every event is one that the wire takes. In a plane or on earth, event by event.
fn as_read(day: &Day) -> Vec<Fact> {
    let events = day.events.iter().zip(1u64..);
    events
        .map(|((at, event), number)| {
            let space = if day.planar && number % 2 == 0 { Space::Planar } else { Space::Geographic };
            let envelope = encode(event, space, "/drawn", &number.to_string(), *at);
            let decoded = decode(&serde_json::to_vec(&envelope).unwrap()).unwrap_or_else(|error| panic!("{error}"));
            let What::Event(event) = decoded.what else { panic!("events are facts") };
            (*at, decoded.id, event)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_backtest_of_any_legal_day_ends_and_keeps_every_promise(day in any_day()) {
        let network = straight_lines(if day.planar { Space::Planar } else { Space::Geographic });
        let driving = if day.exact { Driving::EXACT } else { VARIED };
        let outcome = backtest(as_read(&day), &day.no_shows, network, driving, &Traffic::default(), 1, |_| {});
        prop_assert!(outcome.broken.is_none(), "{:?}", outcome.broken);
    }
}

/// A vehicle under way is registered again with less room than its goods need.
#[test]
fn a_vehicle_that_shrinks_below_its_goods_does_not_stop_the_zone() {
    let at = |minutes: i64| Timestamp(MORNING + minutes * 60_000);
    let home = Position { x: -86_291_000, y: 411_579_000 };
    let vehicle = |units: i32| {
        Event::VehicleRegistered(Vehicle {
            name: name("v", 1),
            capacity: Load([units * 1000, 0, 0, 0]),
            skills: Vec::new(),
            costs: VehicleCosts::default(),
            time_factor: 1000,
            start: home,
            end: None,
            shift: None,
            stops_max: None,
            lifo: false,
            driving_time: None,
            reload: None,
        })
    };
    let job = |number: u8, y: i32, setup: Millis, direction: LoadDirection| {
        let stop = StopSpec { position: Position { y, ..home }, windows: Vec::new(), service: Millis(0), setup };
        Event::OrderCreated(Order {
            name: name("o", number),
            work: OrderWork::Job(Job { stop, direction }),
            load: Load([1000, 0, 0, 0]),
            skills: Vec::new(),
            priority: 0,
            release: None,
            promised: None,
            placed: at(0),
        })
    };
    let facts = [
        (at(0), vehicle(1)),
        (at(0), job(2, home.y, Millis(0), LoadDirection::Pickup)),
        (at(0), job(1, 411_479_000, Millis(86_400_000), LoadDirection::Delivery)),
        (at(515), Event::ShiftStarted { vehicle: name("v", 1), shift: None, position: None }),
        (at(587), vehicle(0)),
    ];
    let outcome = run(facts.into_iter().zip(1..).map(|((at, event), id)| (at, id, event)).collect());
    assert_eq!(outcome.broken, None);
}

/// Found by a hunt: a vehicle is days late on its way to the only stop, because it signed on at the other end of the world. Every
/// repair of its route was refused, and proposed again at once.
#[test]
fn a_route_that_nobody_can_mend_is_not_mended_for_ever() {
    let at = |minutes: i64| Timestamp(MORNING + minutes * 60_000);
    let home = Position { x: -86_291_000, y: 411_579_000 };
    let stop = || StopSpec { position: home, windows: Vec::new(), service: Millis(0), setup: Millis(0) };
    let facts = [
        (
            at(0),
            Event::VehicleRegistered(Vehicle {
                name: name("v", 0),
                capacity: Load([2000, 0, 0, 0]),
                skills: Vec::new(),
                costs: VehicleCosts::default(),
                time_factor: 1000,
                start: home,
                end: None,
                shift: None,
                stops_max: None,
                lifo: false,
                driving_time: None,
                reload: None,
            }),
        ),
        (at(0), Event::ShiftStarted { vehicle: name("v", 0), shift: None, position: Some(Position { x: 0, y: 0 }) }),
        (
            at(0),
            Event::OrderCreated(Order {
                name: name("o", 0),
                work: OrderWork::Shipment(Shipment { pickup: stop(), delivery: stop() }),
                load: Load([0; 4]),
                skills: Vec::new(),
                priority: 0,
                release: None,
                promised: Some(at(0)),
                placed: at(0),
            }),
        ),
        (at(120), Event::ShiftStarted { vehicle: name("v", 0), shift: None, position: None }),
    ];
    let outcome = run(facts.into_iter().zip(1..).map(|((at, event), id)| (at, id, event)).collect());
    assert_eq!(outcome.broken, None);
}

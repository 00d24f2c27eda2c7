//! A log with an event of every type, and what folding it gives.
#![allow(dead_code, reason = "each test file uses its part")]

#[path = "../../../fleet/tests/support/mod.rs"]
mod fleet_support;

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::ZoneName;
use fleetfold_model::{
    Alert, AlertAcknowledged, AlertCleared, AlertKind, AlertRaised, ArrivalEnds, BaseWritten, Break, BreakEvent, Cell,
    Event, FORMAT, FailReason, Features, HoldEnded, Job, Load, LoadDirection, LogEntry, LogSeq, Millis, OnBoardRule,
    Order, OrderChange, OrderRetry, OrderWork, Pin, Policy, Position, PriorityRaised, ReloadEvent, RepairAsked,
    RoadChange, RoadTarget, ServiceFeature, Shift, Shipment, SlotHeld, Space, SpeedFeature, SpeedKey, StopKind,
    StopSpec, TimeWindow, Timestamp, Vehicle, VehicleCosts, ZoneOpened,
};

pub(crate) use fleet_support::{KINDS, Log, Step, event, name, plan};

pub(crate) fn zone() -> ZoneName {
    ZoneName::new("acme", "porto").unwrap()
}

/// The fleet and the key figures after these entries.
pub(crate) fn fold(entries: &[LogEntry]) -> (Fleet, Tally) {
    let (mut fleet, mut tally) = (Fleet::new(), Tally::default());
    fold_on(&mut fleet, &mut tally, entries);
    (fleet, tally)
}

pub(crate) fn fold_on(fleet: &mut Fleet, tally: &mut Tally, entries: &[LogEntry]) {
    for entry in entries {
        let change = fleet.apply(entry);
        tally.observe(entry, &change, fleet);
    }
}

/// When the log begins: 2026-06-01T06:00:00Z.
const BEGINS: i64 = 1_780_293_600_000;

fn hours(hours: i64) -> Timestamp {
    Timestamp(BEGINS + hours * 3_600_000)
}

fn window(opens: i64, closes: i64) -> TimeWindow {
    TimeWindow::new(hours(opens), hours(closes)).unwrap()
}

fn at(east: i32) -> Position {
    Position { x: -86_000_000 + east * 10_000, y: 411_500_000 - east * 3_000 }
}

fn stop(east: i32, windows: Vec<TimeWindow>) -> StopSpec {
    StopSpec { position: at(east), windows, service: Millis(180_000), setup: Millis(60_000) }
}

fn shift() -> Shift {
    let pause = Break { window: window(3, 5), duration: Millis(1_800_000) };
    Shift { starts: hours(0), ends: hours(9), breaks: vec![pause] }
}

fn vehicle(number: i32) -> Vehicle {
    Vehicle {
        name: name(&format!("v{number}")),
        capacity: Load([1_000_000, 250_000, 1_000, i32::MAX]),
        skills: vec![name("lift"), name("cold")],
        costs: VehicleCosts { per_hour: 21_500_000, per_km: 310_000, fixed: 5_000_000 },
        time_factor: 1_050,
        start: at(number),
        end: (number % 2 == 0).then(|| at(0)),
        shift: Some(shift()),
        stops_max: (number == 1).then_some(40),
        lifo: number == 3,
        driving_time: None,
        reload: None,
    }
}

fn job(order: &str, east: i32, direction: LoadDirection) -> Order {
    Order {
        name: name(order),
        work: OrderWork::Job(Job { stop: stop(east, vec![window(1, 2), window(4, 8)]), direction }),
        load: Load([15, 20, 0, 0]),
        skills: vec![name("lift")],
        priority: 7,
        release: Some(hours(1)),
        promised: Some(hours(6)),
        placed: hours(-2),
    }
}

fn shipment(order: &str, from: i32, to: i32) -> Order {
    let work = Shipment { pickup: stop(from, vec![]), delivery: stop(to, vec![window(0, 9)]) };
    Order { work: OrderWork::Shipment(work), skills: vec![], priority: 0, ..job(order, from, LoadDirection::Delivery) }
}

fn change(order: &str) -> OrderChange {
    OrderChange {
        order: name(order),
        work: None,
        load: None,
        skills: None,
        priority: Some(12),
        release: None,
        promised: Some(hours(5)),
    }
}

fn road(change: &str, target: Option<RoadTarget>) -> RoadChange {
    RoadChange { change: name(change), target, time_percent: Some(180), from: Some(hours(0)), until: Some(hours(20)) }
}

fn policy() -> Policy {
    let mut policy = Policy {
        retire_after: Millis(3_600_000),
        on_failed_delivery: OnBoardRule::Return,
        on_cancelled_on_board: OnBoardRule::Keep,
        ..Policy::default()
    };
    policy.hour_percent[1][8] = 145;
    policy
}

fn opened() -> Event {
    Event::ZoneOpened(ZoneOpened {
        timezone: "Europe/Lisbon".to_owned(),
        space: Space::Geographic,
        day_start: hours(0),
        log_start: hours(0),
        utc_offset: Millis(3_600_000),
        rate: 1,
        policy: policy(),
    })
}

fn features() -> Event {
    let speed = |cell, hour| SpeedFeature {
        key: SpeedKey { class: 1, cell, hour },
        permille: 1_210,
        count: 14,
        weight: 4_300,
        seen: hours(0),
    };
    Event::FeaturesLearned(Features {
        version: 1,
        watermark: hours(0),
        speeds: vec![speed(None, 8), speed(Some(Cell { x: -430, y: 2_057 }), 17)],
        services: vec![ServiceFeature { place: at(4), service: Millis(240_500), count: 6, seen: hours(0) }],
        arrivals: vec![ArrivalEnds { lead: 2, early: -800, late: 1_900, arrivals: 31 }],
        epoch: 3,
    })
}

/// A log in which every type of event has something to say.
pub(crate) fn rich_log() -> Log {
    let mut log = Log::unopened();
    log.now = BEGINS;
    log.tell(opened());
    log.tell(features());
    for number in 0..4 {
        log.tell(Event::VehicleRegistered(vehicle(number)));
        let position = (number == 2).then(|| at(9));
        log.tell(Event::ShiftStarted { vehicle: name(&format!("v{number}")), shift: None, position });
    }
    log.tell(Event::OrderUpdated(change("early")));
    log.tell(Event::OrderUpdated(OrderChange {
        work: Some(shipment("x", 1, 2).work),
        load: Some(Load([9; 4])),
        skills: Some(vec![name("cold")]),
        release: Some(hours(2)),
        ..change("early")
    }));
    log.tell(Event::OrderCancelled { order: name("never") });
    log.tell(Event::OrderCreated(job("o0", 3, LoadDirection::Delivery)));
    log.tell(Event::OrderCreated(shipment("o1", 4, 12)));
    log.plan(Some("v0"));
    log.tell(Event::OrderCreated(job("o2", 5, LoadDirection::Pickup)));
    log.tell(Event::OrderCreated(shipment("o3", 6, 13)));
    log.tell(Event::OrderReady { order: name("o3"), at: hours(1) });
    log.plan(Some("v1"));
    log.tell(Event::OrderCreated(shipment("o4", 7, 14)));
    log.tell(Event::OrderCreated(shipment("o5", 8, 15)));
    log.plan(Some("v2"));
    log.tell(Event::AssignmentAccepted { vehicle: name("v0"), revision: log.fleet.applied().0 });
    for (vehicle, order, stop) in [
        ("v0", "o0", StopKind::Delivery),
        ("v0", "o1", StopKind::Pickup),
        ("v0", "o1", StopKind::Delivery),
        ("v1", "o3", StopKind::Pickup),
        ("v2", "o4", StopKind::Pickup),
    ] {
        for kind in ["departed", "arrived", "completed"] {
            log.report(kind, vehicle, order, stop);
        }
    }
    log.report("failed", "v1", "o2", StopKind::Delivery);
    // Goods on a lost vehicle wait for a rescue; where it stands was not said.
    log.tell(Event::VehicleLost { vehicle: name("v1"), position: None });
    log.tell(Event::VehicleLost { vehicle: name("v3"), position: None });
    let epoch = log.fleet.chain().epoch;
    let of = log.fleet.vehicle(log.fleet.vehicle_id("v3").unwrap()).unlocated.unwrap().of;
    log.tell(Event::VehicleLocated(fleetfold_model::VehicleLocated {
        vehicle: name("v3"),
        position: at(30),
        at: Timestamp(log.now),
        of,
        epoch,
    }));
    log.tell(Event::VehicleBack { vehicle: name("v3"), position: Some(at(31)) });
    // A delivery fails, and the goods go back.
    log.report("failed", "v2", "o4", StopKind::Delivery);
    log.tell(Event::OrderCancelled { order: name("o5") });
    log.tell(Event::OrderCreated(job("o6", 20, LoadDirection::Delivery)));
    log.tell(Event::OrderCreated(job("o7", 21, LoadDirection::Delivery)));
    log.tell(Event::OrderCreated(job("o8", 22, LoadDirection::Delivery)));
    let mut proposal = plan(&log.fleet, |_| Some(name("v3")));
    for visit in proposal.groups.iter_mut().flat_map(|group| &mut group.routes).flat_map(|route| &mut route.visits) {
        visit.break_before = Millis(1_800_000);
    }
    assert_eq!(log.tell(Event::PlanProposed(proposal)).refused, None);
    log.tell(Event::AssignmentRejected { vehicle: name("v3"), order: name("o6") });
    log.tell(Event::StopPinned(Pin { order: name("o7"), vehicle: name("v3") }));
    log.tell(Event::AssignmentForced(Pin { order: name("o8"), vehicle: name("v2") }));
    log.plan(None);
    log.tell(Event::StopUnpinned { order: name("o8") });
    log.tell(Event::PriorityRaised(PriorityRaised { order: name("o7"), priority: 60 }));
    log.tell(Event::AttentionNoted(fleetfold_model::Noted {
        item: fleetfold_model::NotedItem::Order(name("o7")),
        attention: fleetfold_model::Attention::Acknowledged,
        until: None,
        by: None,
        words: None,
    }));
    log.tell(Event::PersonForgotten(fleetfold_model::Person::Driver(name("v0"))));
    log.report("departed", "v3", "o7", StopKind::Delivery);
    log.report("arrived", "v3", "o7", StopKind::Delivery);
    log.tell(Event::RoadClosed(road("r0", Some(RoadTarget::Area(vec![at(1), at(2), at(3)])))));
    log.tell(Event::RoadSlowed(road("r1", Some(RoadTarget::Line { places: vec![at(1), at(2)], metres: 15 }))));
    log.tell(Event::RoadSlowed(road("r2", Some(RoadTarget::Roads(vec![1, u64::MAX])))));
    log.tell(Event::RoadClosed(road("r3", Some(RoadTarget::Edges(vec![1, 2])))));
    log.tell(Event::RoadReopened(road("r3", None)));
    log.tell(Event::ShiftEnded { vehicle: name("v0"), at: hours(8) });
    log.tell(Event::PolicyChanged(Policy { strict: true, ..policy() }));
    log.tell(Event::BaseWritten(BaseWritten {
        applied: LogSeq(40),
        format: FORMAT,
        digest: 17,
        object: "acme.porto.00000000000000000040.2".to_owned(),
        hash: "00ff".repeat(16),
        bytes: 4_711,
        epoch,
    }));
    log.tell(Event::RepairAsked(RepairAsked {
        orders: vec![name("o7")],
        vehicles: vec![name("v3")],
        what: "F1: an example".to_owned(),
        epoch,
    }));
    let late = Alert::new(AlertKind::PredictedLate, Some(name("o7"))).unwrap();
    let degraded = Alert::new(AlertKind::Degraded, None).unwrap();
    let skewed = Alert::new(AlertKind::ClockSkew, Some(name("v3"))).unwrap();
    for alert in [late.clone(), degraded, skewed.clone()] {
        let (at, detail) = (Timestamp(log.now), "an example".to_owned());
        log.tell(Event::AlertRaised(AlertRaised { alert, at, span: Millis(61_000), detail, epoch }));
    }
    let held = |id, x| SlotHeld { order: job(id, x, LoadDirection::Delivery), until: hours(9) };
    log.tell(Event::SlotHeld(held("h1", 40)));
    log.tell(Event::SlotHeld(held("h2", 41)));
    log.tell(Event::SlotHeld(held("h3", 42)));
    log.tell(Event::OrderConfirmed { order: name("h2") });
    log.tell(Event::HoldEnded(HoldEnded { order: name("h3"), until: hours(9), epoch }));
    let (order, from) = (name("o2"), hours(8));
    let window = TimeWindow::new(hours(8), hours(9));
    log.tell(Event::OrderRetried(OrderRetry { order, from, window, promised: Some(hours(9)) }));
    for vehicle in ["v2", "v3"] {
        let duration = Some(Millis(600_000));
        let pause = BreakEvent { vehicle: name(vehicle), at: Timestamp(log.now), duration, position: Some(at(3)) };
        log.tell(Event::BreakStarted(pause));
    }
    let pause = BreakEvent { vehicle: name("v2"), at: Timestamp(log.now), duration: None, position: None };
    log.tell(Event::BreakEnded(pause));
    for make in [Event::ReloadStarted, Event::ReloadEnded] {
        let at = Timestamp(log.now);
        log.tell(make(ReloadEvent { vehicle: name("v2"), at, position: None }));
    }
    log.tell(Event::AlertCleared(AlertCleared { alert: skewed, at: Timestamp(log.now), epoch }));
    let (by, until) = (Some(name("maria")), Some(hours(7)));
    log.tell(Event::AlertAcknowledged(AlertAcknowledged { alert: late, by, until }));
    log.tell(Event::OrderReady { order: name("nobody"), at: hours(0) });
    log.tell(Event::StopFailed(
        fleetfold_model::StopEvent {
            vehicle: name("v9"),
            order: name("o9"),
            stop: StopKind::Delivery,
            at: Timestamp(log.now),
            position: Some(at(1)),
        },
        FailReason::NoAccess,
        None,
    ));
    log
}

/// The fleet and the key figures of the rich log, with errors of arrival so many that they are rounded.
pub(crate) fn rich_state() -> (Fleet, Tally) {
    let (fleet, mut tally) = fold(&rich_log().entries);
    (0..5_000).for_each(|more| tally.arrival_error.add(Millis((1 << 40) + more)));
    assert!(tally.arrival_error.is_rounded());
    (fleet, tally)
}

/// The rich log and random steps behind it.
pub(crate) fn log_of(steps: &[Step]) -> Vec<LogEntry> {
    let mut log = rich_log();
    for step in steps {
        log.now += i64::from(step.4) * 100_000;
        let event = event(KINDS, &log.fleet, step, Timestamp(log.now));
        if step.2 % 11 == 0 {
            log.tell_as(event, 1 + u64::from(step.1))
        } else {
            log.tell(event)
        };
    }
    log.entries
}

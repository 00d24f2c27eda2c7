//! A small zone to tell facts to, and a planner that knows no roads.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Change, Closed, Fleet, Placement, Tally};
use fleetfold_model::{
    Alert, AlertAcknowledged, AlertCleared, AlertKind, AlertRaised, BreakEvent, Depot, DepotCall, DrivingRule, Event,
    ExchangeGroup, FailReason, HoldEnded, Job, Load, LoadDirection, LogEntry, LogSeq, MessageHash, Metres, Millis,
    Name, OnBoardRule, Order, OrderChange, OrderId, OrderRetry, OrderWork, Pin, PlannedVisit, Policy, Position,
    PriorityRaised, Proposal, ProposedRoute, Reload, ReloadEvent, RoadChange, SearchRecord, Shift, Shipment, SlotHeld,
    Space, StopEvent, StopKind, StopSpec, TimeWindow, Timestamp, UnassignedReason, Vehicle, VehicleCosts, ZoneOpened,
};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn at(x: i32) -> Position {
    Position { x, y: 0 }
}

/// Log time and zone time are the same here.
pub(crate) struct Log {
    pub(crate) fleet: Fleet,
    pub(crate) entries: Vec<LogEntry>,
    pub(crate) tally: Tally,
    /// Every order that was ever asked for, and how it stands: what the tally must come to. An id that is used again after its
    /// order was retired is another order.
    stands: BTreeMap<(String, u64), Option<Closed>>,
    pub(crate) now: i64,
    /// How long before it was logged the next fact happened.
    pub(crate) behind: i64,
}

impl Log {
    /// A zone whose orders are retired a minute after their end.
    pub(crate) fn new() -> Self {
        let mut log = Self::unopened();
        log.tell(zone(Millis(60_000)));
        log
    }

    /// A log without an entry.
    pub(crate) fn unopened() -> Self {
        Self {
            fleet: Fleet::new(),
            entries: Vec::new(),
            tally: Tally::default(),
            stands: BTreeMap::new(),
            now: 1_000_000,
            behind: 0,
        }
    }

    /// Appends a fact with an event id of its own.
    pub(crate) fn tell(&mut self, event: Event) -> Change {
        let own = event.own_epoch().is_some();
        self.tell_as(event, if own { 0 } else { self.entries.len() as u64 + 1 })
    }

    pub(crate) fn tell_as(&mut self, event: Event, id: u64) -> Change {
        self.now += 1_000;
        let seq = LogSeq(self.fleet.applied().0 + 1);
        let entry = LogEntry {
            numbered: None,
            seq,
            logged_at: Timestamp(self.now),
            id,
            time: Some(Timestamp(self.now - self.behind)),
            hash: MessageHash(u128::from(seq.0)),
            event,
        };
        let change = self.fleet.apply(&entry);
        self.tally.observe(&entry, &change, &self.fleet);
        self.entries.push(entry);
        self.assert_the_tally_is_a_recount();
        self.fleet.check().unwrap_or_else(|broken| {
            let told = |entry: &&LogEntry| {
                let text = format!("{:?}", entry.event);
                broken.orders.iter().any(|order| text.contains(order.as_str()))
            };
            let about: Vec<_> = self.entries.iter().filter(told).map(|entry| (entry.seq.0, &entry.event)).collect();
            panic!("after entry {}: {broken}; about it: {about:#?}", seq.0)
        });
        self.fleet.check_changed(&change).unwrap();
        change
    }

    fn assert_the_tally_is_a_recount(&mut self) {
        for order in self.fleet.orders().iter().filter(|order| order.spec.is_some()) {
            self.stands.insert((order.name.to_string(), order.created.0), order.outcome());
        }
        let count = |is: fn(&Option<Closed>) -> bool| self.stands.values().filter(|stands| is(stands)).count() as u64;
        let Tally { orders, served, failed, cancelled, .. } = self.tally;
        let recounted = [
            count(|_| true),
            count(|stands| matches!(stands, Some(Closed::Served))),
            count(|stands| matches!(stands, Some(Closed::Failed(_)))),
            count(|stands| matches!(stands, Some(Closed::Cancelled))),
            self.fleet.open_count() as u64,
        ];
        let last = self.entries.last().map(|entry| &entry.event);
        assert_eq!(
            [orders, served, failed, cancelled, orders - served - failed - cancelled],
            recounted,
            "orders, served, failed, cancelled, open after {last:?}"
        );
    }

    pub(crate) fn vehicle(&mut self, text: &str, x: i32) {
        self.tell(Event::VehicleRegistered(vehicle(text, x)));
        self.tell(Event::ShiftStarted { vehicle: name(text), shift: None, position: None });
    }

    pub(crate) fn job(&mut self, text: &str, x: i32) -> Change {
        self.tell(Event::OrderCreated(job(text, x)))
    }

    pub(crate) fn shipment(&mut self, text: &str, from: i32, to: i32) -> Change {
        self.tell(Event::OrderCreated(shipment(text, from, to)))
    }

    /// Gives every order that waits to this vehicle, or to none.
    pub(crate) fn plan(&mut self, to: Option<&str>) -> Change {
        let proposal = plan(&self.fleet, |_| to.map(name));
        let change = self.tell(Event::PlanProposed(proposal));
        assert_eq!(change.refused, None);
        change
    }

    pub(crate) fn report(&mut self, kind: &str, vehicle: &str, order: &str, stop: StopKind) -> Change {
        let stop =
            StopEvent { vehicle: name(vehicle), order: name(order), stop, at: Timestamp(self.now), position: None };
        self.tell(match kind {
            "departed" => Event::StopDeparted(stop),
            "arrived" => Event::StopArrived(stop),
            "completed" => Event::StopCompleted(stop),
            "failed" => Event::StopFailed(stop, FailReason::NoShow, None),
            other => panic!("no report is called {other}"),
        })
    }

    pub(crate) fn located(&mut self, vehicle: &str, x: i32, when: i64, of: u64, epoch: u64) -> Change {
        self.tell(Event::VehicleLocated(fleetfold_model::VehicleLocated {
            vehicle: name(vehicle),
            position: at(x),
            at: Timestamp(when),
            of: LogSeq(of),
            epoch,
        }))
    }

    pub(crate) fn order(&self, text: &str) -> &fleetfold_fleet::OrderState {
        self.fleet.order(self.fleet.order_id(text).unwrap())
    }
}

pub(crate) fn zone(retire_after: Millis) -> Event {
    Event::ZoneOpened(ZoneOpened {
        timezone: "UTC".to_owned(),
        space: Space::Planar,
        day_start: Timestamp(0),
        log_start: Timestamp(0),
        utc_offset: Millis(0),
        rate: 1,
        policy: Policy { retire_after, on_failed_delivery: OnBoardRule::Return, ..Policy::default() },
    })
}

pub(crate) fn vehicle(text: &str, x: i32) -> Vehicle {
    Vehicle {
        name: name(text),
        capacity: Load([1_000; 4]),
        skills: vec![],
        costs: VehicleCosts::default(),
        time_factor: 1000,
        start: at(x),
        end: None,
        shift: None,
        stops_max: None,
        lifo: false,
        driving_time: None,
        reload: None,
    }
}

/// A rule of driving times that is soon used up.
pub(crate) fn driving_rule(x: i32) -> DrivingRule {
    DrivingRule {
        driving_max: Millis(1_000_000),
        pause: Millis(600_000),
        first_part: Millis(if x % 3 == 0 { 200_000 } else { 0 }),
        service_counts: x % 5 == 0,
        shift_driving_max: (x % 7 == 0).then_some(Millis(5_000_000)),
        duty_max: None,
    }
}

/// One or two depots.
pub(crate) fn depots(x: i32) -> Reload {
    let depot = |x| Depot { name: None, position: at(x), service: Millis(300_000) };
    let places = if x % 3 == 0 { vec![depot(7)] } else { vec![depot(7), depot(x)] };
    Reload { places, times_max: (x % 5 == 0).then_some(2) }
}

pub(crate) fn stop(x: i32) -> StopSpec {
    StopSpec { position: at(x), windows: vec![], service: Millis(60_000), setup: Millis(0) }
}

pub(crate) fn job(text: &str, x: i32) -> Order {
    Order {
        name: name(text),
        work: OrderWork::Job(Job { stop: stop(x), direction: LoadDirection::Delivery }),
        load: Load([1; 4]),
        skills: vec![name("lift")],
        priority: 0,
        release: None,
        promised: None,
        placed: Timestamp(0),
    }
}

pub(crate) fn shipment(text: &str, from: i32, to: i32) -> Order {
    Order { work: OrderWork::Shipment(Shipment { pickup: stop(from), delivery: stop(to) }), ..job(text, from) }
}

/// A proposal that follows the chain and answers everything: each order that waits goes behind the route of the vehicle
/// that `choose` names, if it may go there, and is unassigned otherwise.
pub(crate) fn plan(fleet: &Fleet, choose: impl Fn(OrderId) -> Option<Name>) -> Proposal {
    let mut group = ExchangeGroup { routes: vec![], unassigned: vec![], caused_by: vec![], choices: vec![] };
    let mut done = BTreeSet::new();
    for (&seq, ask) in fleet.unanswered() {
        group.caused_by.push(seq);
        for &id in &ask.orders {
            let order = fleet.order(id);
            let waits = matches!(order.placement, Placement::Unplaced | Placement::Unassigned(_));
            if !order.is_open() || !waits || !done.insert(id) {
                continue;
            }
            let carrier = order.on_board.or(order.pinned).map(|id| fleet.vehicle(id).name.clone());
            let to = carrier.or_else(|| choose(id)).filter(|to| {
                let id = fleet.vehicle_id(to.as_str()).unwrap();
                fleet.vehicle(id).is_available() && !order.rejected_by.contains(&id)
            });
            let Some(to) = to else {
                group.unassigned.push((order.name.clone(), UnassignedReason::NoPlace));
                continue;
            };
            let state = fleet.vehicle(fleet.vehicle_id(to.as_str()).unwrap());
            if !group.routes.iter().any(|route| route.vehicle == to) {
                let visits =
                    state.route.visits.iter().map(|visit| visit.planned(fleet.order(visit.order).name.clone()));
                group.routes.push(ProposedRoute {
                    vehicle: to.clone(),
                    base: state.route.revision,
                    start: at(0),
                    start_at: Timestamp(0),
                    diverts: false,
                    visits: visits.collect(),
                });
            }
            let route = group.routes.iter_mut().find(|route| route.vehicle == to).unwrap();
            let later = fleet.logged_at() + Millis(3_600_000);
            // Where a vehicle has depots, it calls at one before every third stop.
            let depot =
                state.spec.as_ref().and_then(|spec| spec.reload.as_ref()).map(|reload| reload.places[0].position);
            let depot = depot.filter(|_| route.visits.len() % 3 == 2);
            let call = |position| DepotCall { position, arrival: later, departure: later, metres: Metres(5) };
            route.visits.extend(order.open_stops().iter().map(|&stop| PlannedVisit {
                order: order.name.clone(),
                stop,
                depart_at: later,
                arrival: later,
                start: later,
                departure: later,
                metres: Metres(10),
                break_before: Millis(0),
                reload_before: depot.filter(|_| stop != StopKind::Delivery || !order.is_shipment()).map(call),
            }));
        }
    }
    Proposal {
        rules: fleetfold_model::RULES,
        format: fleetfold_model::FORMAT,
        epoch: fleet.chain().epoch.max(1),
        rev: fleet.chain().rev + 1,
        prev_hash: fleet.chain().hash,
        based_on: fleet.applied(),
        groups: vec![group],
        search: SearchRecord::default(),
        overload: 0,
        fleet_digest: fleet.digest(),
    }
}

/// Kinds of facts that a random log is drawn from.
pub(crate) const KINDS: u8 = 38;
/// Those that there were when the digests that `digest.rs` holds were written down. Newer kinds come after them.
const KINDS_BEFORE: u8 = 28;

/// One random step: what happens, to which vehicle and order, where, and after how many seconds.
pub(crate) type Step = (u8, u8, u8, i32, u16);

/// The event of a step. What makes no sense is refused by the fold, and belongs here too.
/// `kinds`: how many kinds of facts there are to draw from.
pub(crate) fn event(
    kinds: u8,
    fleet: &Fleet,
    &(kind, vehicle_number, order_number, x, _): &Step,
    now: Timestamp,
) -> Event {
    let vehicle_name = name(&format!("v{}", vehicle_number % 4));
    let order_name = name(&format!("o{}", order_number % 8));
    let position = (x % 3 == 0).then_some(at(x));
    let stop_kind = if x % 2 == 0 { StopKind::Pickup } else { StopKind::Delivery };
    let stop =
        StopEvent { vehicle: vehicle_name.clone(), order: order_name.clone(), stop: stop_kind, at: now, position };
    let road = RoadChange {
        change: name(&format!("r{}", order_number % 3)),
        target: Some(fleetfold_model::RoadTarget::Roads(vec![1])),
        time_percent: Some(150),
        from: None,
        until: (x % 5 == 0).then_some(now),
    };
    match kind % kinds {
        0..=3 => Event::PlanProposed(plan(fleet, |order| {
            Some(name(&format!("v{}", (order.0 + u32::from(vehicle_number)) % 4)))
                .filter(|name| fleet.vehicle_id(name.as_str()).is_some())
        })),
        4..=6 => Event::OrderCreated(if x % 3 == 0 {
            job(order_name.as_str(), x)
        } else {
            shipment(order_name.as_str(), x, -x)
        }),
        7 => Event::OrderUpdated(OrderChange {
            order: order_name,
            work: (x % 4 == 0).then(|| job("o", x).work),
            load: None,
            skills: Some(vec![name(&format!("s{}", x.rem_euclid(5)))]),
            priority: Some(3),
            release: None,
            promised: Some(now),
        }),
        8 => Event::OrderReady { order: order_name, at: now },
        9 => Event::OrderCancelled { order: order_name },
        10 => Event::VehicleRegistered(Vehicle {
            driving_time: (kinds == KINDS && x % 2 == 0).then_some(driving_rule(x)),
            reload: (kinds == KINDS && x % 2 != 0).then(|| depots(x)),
            ..vehicle(vehicle_name.as_str(), x)
        }),
        11 | 12 => Event::ShiftStarted {
            vehicle: vehicle_name,
            shift: (x % 7 == 0).then(|| Shift { starts: now, ends: now + Millis(9_000_000), breaks: vec![] }),
            position,
        },
        13 => Event::ShiftEnded { vehicle: vehicle_name, at: now + Millis(i64::from(x) * 10) },
        14 => Event::VehicleLost { vehicle: vehicle_name, position },
        15 => Event::VehicleBack { vehicle: vehicle_name, position },
        16 => Event::RoadSlowed(road),
        17 => Event::RoadReopened(road),
        18 | 19 => Event::StopDeparted(stop),
        20 => Event::StopArrived(stop),
        21 | 22 => Event::StopCompleted(stop),
        23 => {
            let again = kinds == KINDS && x % 3 == 1;
            Event::StopFailed(stop, FailReason::Goods, again.then(|| now + Millis(i64::from(x) * 100)))
        }
        24 => match x % 5 {
            0 => Event::AssignmentRejected { vehicle: vehicle_name, order: order_name },
            1 => Event::StopPinned(Pin { order: order_name, vehicle: vehicle_name }),
            2 => Event::AssignmentForced(Pin { order: order_name, vehicle: vehicle_name }),
            3 => Event::StopUnpinned { order: order_name },
            _ => Event::PriorityRaised(PriorityRaised { order: order_name, priority: 9 }),
        },
        25 => Event::AssignmentAccepted { vehicle: vehicle_name, revision: 3 },
        26 => Event::RepairAsked(fleetfold_model::RepairAsked {
            orders: vec![order_name],
            vehicles: vec![vehicle_name],
            what: "F1".to_owned(),
            epoch: fleet.chain().epoch,
        }),
        28 => Event::OrderRetried(OrderRetry {
            order: order_name,
            from: now + Millis(i64::from(x) * 100),
            window: (x % 4 == 0)
                .then(|| TimeWindow::new(now, now + Millis(7_200_000)).expect("two hours are a window")),
            promised: (x % 3 == 0).then(|| now + Millis(3_600_000)),
        }),
        29 => Event::SlotHeld(SlotHeld {
            order: if x % 3 == 0 { job(order_name.as_str(), x) } else { shipment(order_name.as_str(), x, -x) },
            until: now + Millis(i64::from(x) * 100),
        }),
        30 => Event::OrderConfirmed { order: order_name },
        31 => {
            // Of the slot that is kept, or of another one.
            let kept = fleet.order_id(order_name.as_str()).and_then(|id| fleet.order(id).held_until);
            let until = kept.filter(|_| x % 4 != 0).unwrap_or(now);
            Event::HoldEnded(HoldEnded { order: order_name, until, epoch: fleet.chain().epoch })
        }
        32 | 33 => {
            let duration = (x % 3 == 0).then(|| Millis(i64::from(x.abs()) * 1_000));
            let pause = BreakEvent { vehicle: vehicle_name, at: now, duration, position };
            if x % 2 == 0 { Event::BreakStarted(pause) } else { Event::BreakEnded(pause) }
        }
        36 | 37 => {
            let call = ReloadEvent { vehicle: vehicle_name, at: now, position };
            if x % 2 == 0 { Event::ReloadStarted(call) } else { Event::ReloadEnded(call) }
        }
        34 | 35 => {
            let alert = match x.rem_euclid(4) {
                0 => Alert::new(AlertKind::PredictedLate, Some(order_name)),
                1 => Alert::new(AlertKind::Unassigned, Some(order_name)),
                2 => Alert::new(AlertKind::Silent, Some(vehicle_name)),
                _ => Alert::new(AlertKind::LogLag, None),
            };
            let alert = alert.expect("what each kind is about is given");
            let epoch = fleet.chain().epoch;
            match x.rem_euclid(3) {
                0 => Event::AlertRaised(AlertRaised {
                    alert,
                    at: now,
                    span: Millis(i64::from(x)),
                    detail: format!("for {x}"),
                    epoch,
                }),
                1 => Event::AlertCleared(AlertCleared { alert, at: now, epoch }),
                _ => {
                    let until = (x % 2 == 0).then(|| now + Millis(60_000));
                    Event::AlertAcknowledged(AlertAcknowledged { alert, by: Some(name("maria")), until })
                }
            }
        }
        _ => {
            let of = fleet.vehicle_id(vehicle_name.as_str()).and_then(|id| fleet.vehicle(id).unlocated);
            Event::VehicleLocated(fleetfold_model::VehicleLocated {
                vehicle: vehicle_name,
                position: at(x),
                at: now - Millis(i64::from(x) * 10),
                of: of.map_or(LogSeq(1), |unlocated| unlocated.of),
                epoch: fleet.chain().epoch,
            })
        }
    }
}

/// A log of random steps, made beside a fleet that folds it (plans need one).
pub(crate) fn log_of(steps: &[Step]) -> Vec<LogEntry> {
    log_with(KINDS, steps, fleetfold_model::RULES)
}

/// The same of older kinds of facts, where every plan names these rules.
pub(crate) fn log_by(steps: &[Step], rules: u16) -> Vec<LogEntry> {
    log_with(KINDS_BEFORE, steps, rules)
}

/// Facts come up to twenty seconds late.
fn log_with(kinds: u8, steps: &[Step], rules: u16) -> Vec<LogEntry> {
    let mut log = Log::new();
    for step in steps {
        log.now += i64::from(step.4) * 1_000;
        log.behind = i64::from(step.3.unsigned_abs() % 20) * 1_000;
        let mut event = event(kinds, &log.fleet, step, Timestamp(log.now));
        if let Event::PlanProposed(plan) = &mut event {
            plan.rules = rules;
        }
        let repeated = step.2 % 11 == 0;
        if repeated {
            log.tell_as(event, 1 + u64::from(step.1))
        } else {
            log.tell(event)
        };
    }
    log.entries
}

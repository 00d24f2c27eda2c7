//! Drivers and phones: who drives to the published assignments, serves, fails stops, breaks down, and reports as real
//! phones do.
//!
//! The world keeps zone time and reacts to assignments only. It runs against the virtual-time loop and, in `node`, against
//! a real log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleetfold_engine::PositionReport;
use fleetfold_engine::virtual_time::{Happening, World};
use fleetfold_fleet::service_start;
use fleetfold_model::{
    AssignedVisit, Assignment, DepotCall, Event, FailReason, Freeze, Millis, Name, Order, OrderWork, Position,
    ReloadEvent, RoadTarget, Shift, StopEvent, StopKind, StopSpec, Timestamp,
};
use fleetfold_roads::{ActiveChange, Network, Speeds};

use crate::docks::Yard;
use crate::driver::{Doing, Driver};
use crate::scenario::{Phones, Traffic};
use crate::seeded::Seeded;

/// How often a moving vehicle reports its position, zone time.
const REPORT_EVERY: Millis = Millis(15_000);
/// Most position reports of one drive: more than four hours of driving report less often, so that a drive of a year (a slow vehicle,
/// stops at opposite ends of the earth) stays cheap to simulate.
const REPORTS_A_DRIVE_MAX: i64 = 1_000;
/// How long a driver waits for a customer who is not there.
const NO_SHOW_WAIT: Millis = Millis(300_000);

/// How drivers drive.
#[derive(Clone, Copy, Debug)]
pub struct Driving {
    /// Times vary and drivers take a moment to react; off: exactly the network's and the orders' times.
    pub varied: bool,
    /// Moving vehicles report positions.
    pub positions: bool,
    /// Share of offered orders that a driver rejects.
    pub reject_share: f64,
    /// Drivers report when they are at a depot and when they are loaded; off: only their next departure says so.
    pub tells_of_depots: bool,
}

impl Driving {
    /// Exactly as planned: public benchmark days.
    pub const EXACT: Self = Self { varied: false, positions: false, reject_share: 0.0, tells_of_depots: true };
}

/// A fact or position with the zone time at which it reaches the log, and the hash of its event id.
pub type Fact = (Timestamp, u64, Event);

/// A pretend world: a script of what happens by itself, and drivers who answer to assignments.
#[derive(Debug)]
pub struct Pretend {
    script: Vec<Fact>,
    cursor: usize,
    drivers: BTreeMap<Name, Driver>,
    orders: BTreeMap<Name, Order>,
    cancelled: BTreeSet<Name>,
    /// Served or failed for good.
    closed_orders: BTreeSet<Name>,
    no_shows: BTreeSet<Name>,
    /// Reports under way to the log.
    in_the_air: BTreeMap<(Timestamp, u64), Happening>,
    posted: u64,
    base: Arc<Network>,
    network: Arc<Network>,
    closed: BTreeMap<Name, ActiveChange>,
    traffic: Traffic,
    yard: Yard,
    /// Hour of the day for which `network` holds.
    hour: Option<usize>,
    driving: Driving,
    phones: Phones,
    random: Seeded,
    wake: BTreeMap<Name, Timestamp>,
    /// The policy freezes what drivers accept, so they accept what they are told.
    accepts: bool,
}

impl Pretend {
    /// A world from a script. `facts` are in order of zone time.
    pub fn new(
        facts: Vec<Fact>,
        no_shows: &[Name],
        network: Arc<Network>,
        driving: Driving,
        phones: Phones,
        seed: u64,
    ) -> Self {
        Self {
            script: facts,
            cursor: 0,
            drivers: BTreeMap::new(),
            orders: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            closed_orders: BTreeSet::new(),
            no_shows: no_shows.iter().cloned().collect(),
            in_the_air: BTreeMap::new(),
            posted: 0,
            base: Arc::clone(&network),
            network,
            closed: BTreeMap::new(),
            traffic: Traffic::default(),
            yard: Yard::default(),
            hour: None,
            driving,
            phones,
            random: Seeded::new(seed, "drivers"),
            wake: BTreeMap::new(),
            accepts: false,
        }
    }

    /// The same world with traffic that no map knows.
    #[must_use]
    pub fn with_traffic(mut self, traffic: Traffic) -> Self {
        self.yard = Yard::new(&traffic.docks);
        self.traffic = traffic;
        self
    }

    /// Roads as they are driven at this hour.
    fn look_at_traffic(&mut self, now: Timestamp) {
        let hour = now.0.div_euclid(3_600_000).rem_euclid(24) as usize;
        let is_as_mapped = self.traffic.main_percent.is_empty() && self.traffic.street_percent.is_empty();
        if is_as_mapped || self.hour == Some(hour) {
            return;
        }
        self.hour = Some(hour);
        self.roads_changed();
    }

    /// How much of the script has happened, 0 to 1000.
    pub fn progress(&self) -> u64 {
        if self.script.is_empty() { 1000 } else { self.cursor as u64 * 1000 / self.script.len() as u64 }
    }

    /// True when nothing is left to do before the shifts end: the script has been played, every order is served, failed or
    /// cancelled, and no driver is on the way. Shifts of several days need not be waited for.
    pub fn is_over(&self) -> bool {
        let resting = |driver: &Driver| match driver.doing {
            Doing::Off | Doing::Broken { .. } => true,
            Doing::Idle => driver.plan.is_empty(),
            Doing::Waiting { .. }
            | Doing::Driving { .. }
            | Doing::Queueing { .. }
            | Doing::Serving { .. }
            | Doing::ToDepot { .. }
            | Doing::Loading { .. } => false,
        };
        self.cursor == self.script.len()
            && self.in_the_air.is_empty()
            && self.wake.is_empty()
            && self.orders.keys().all(|order| self.closed_orders.contains(order) || self.cancelled.contains(order))
            && self.drivers.values().all(resting)
    }

    /// Who is not at rest, in words: what a run that does not end waits for.
    pub fn unfinished(&self) -> String {
        let busy = self.drivers.iter().filter_map(|(name, driver)| {
            let next = driver.plan.first().map(|visit| (visit.visit.order.as_str(), visit.visit.stop));
            let doing = match &driver.doing {
                Doing::Off | Doing::Broken { .. } => return None,
                Doing::Idle => "is idle".to_owned(),
                Doing::Waiting { until } => format!("waits until {} ms", until.0),
                Doing::Driving { until, .. } => format!("drives until {} ms", until.0),
                Doing::Queueing { .. } => "waits for a dock".to_owned(),
                Doing::Serving { until, .. } => format!("serves until {} ms", until.0),
                Doing::ToDepot { until, .. } => format!("drives to a depot until {} ms", until.0),
                Doing::Loading { until } => format!("is loaded until {} ms", until.0),
            };
            Some(format!("{name} {doing}, next stop {next:?}"))
        });
        let busy: Vec<String> = busy.take(5).collect();
        let left = self.script.len() - self.cursor;
        format!("{left} facts of the day are still to come; {}", busy.join("; "))
    }

    fn post(&mut self, at: Timestamp, id: u64, happening: Happening) {
        self.posted += 1;
        self.in_the_air.insert((at, self.posted), happening.clone());
        if id != 0 && self.random.chance(self.phones.double_share) {
            self.posted += 1;
            let again = at + Millis(self.random.between(100, 30_000));
            self.in_the_air.insert((again, self.posted), happening);
        }
    }

    /// A driver's phone sends a fact.
    fn report(&mut self, vehicle: &Name, now: Timestamp, event: Event) {
        let driver = self.drivers.get_mut(vehicle).expect("reports come from drivers");
        driver.sent += 1;
        let id = hash(vehicle.as_str(), driver.sent);
        let late = if self.random.chance(self.phones.late_share) { self.random.between(1_000, 60_000) } else { 0 };
        self.post(now + Millis(late), id, Happening::Fact(id, event));
    }

    fn stop_event(vehicle: &Name, visit: &AssignedVisit, at: Timestamp) -> StopEvent {
        StopEvent {
            vehicle: vehicle.clone(),
            order: visit.visit.order.clone(),
            stop: visit.visit.stop,
            at,
            position: Some(visit.position),
        }
    }

    fn vary(&mut self, span: Millis, low: i64, high: i64) -> Millis {
        if self.driving.varied { Millis(span.0 * self.random.between(low, high) / 100) } else { span }
    }

    /// The log went back, and revisions with it: phones forget which they have seen.
    pub(crate) fn forget_revisions(&mut self) {
        for driver in self.drivers.values_mut() {
            driver.revision = 0;
        }
    }

    /// The world sees its own script: drivers sign on, orders exist, roads close.
    fn scripted(&mut self, event: &mut Event, now: Timestamp) {
        match event {
            Event::OrderCreated(order) => {
                // An id that comes again is refused by the engine: the first order is the one that is served.
                self.orders.entry(order.name.clone()).or_insert_with(|| order.clone());
            }
            Event::OrderUpdated(change) => {
                if let Some(order) = self.orders.get_mut(&change.order) {
                    if let Some(work) = &change.work {
                        order.work = work.clone();
                    }
                    order.release = change.release.or(order.release);
                }
            }
            Event::OrderCancelled { order } => {
                self.cancelled.insert(order.clone());
            }
            Event::VehicleRegistered(vehicle) => {
                self.drivers.entry(vehicle.name.clone()).or_insert_with(Driver::unregistered).register(vehicle);
            }
            Event::ShiftStarted { vehicle, shift, position } => {
                // A vehicle may sign on before it is registered, or without ever being: the engine gives it no work until then.
                let driver = self.drivers.entry(vehicle.clone()).or_insert_with(Driver::unregistered);
                driver.sign_on(shift.as_ref(), *position);
                self.wake.insert(vehicle.clone(), now);
            }
            Event::ShiftEnded { vehicle, at } => {
                // A recorded end of shift is played by the driver, who finishes what is on board first.
                if let Some(driver) = self.drivers.get_mut(vehicle) {
                    let starts = driver.shift.as_ref().map_or(*at, |shift| shift.starts);
                    driver.shift.get_or_insert(Shift { starts, ends: *at, breaks: Vec::new() }).ends = *at;
                }
            }
            Event::VehicleLost { vehicle, position } => {
                let here = self.where_is(vehicle, now);
                if let Some(driver) = self.drivers.get_mut(vehicle) {
                    driver.position = position.unwrap_or(here);
                    if position.is_some() || driver.position_known {
                        *position = Some(driver.position);
                    }
                    let on_shift = match driver.doing {
                        Doing::Off => false,
                        Doing::Broken { on_shift } => on_shift,
                        Doing::Idle
                        | Doing::Waiting { .. }
                        | Doing::Driving { .. }
                        | Doing::Queueing { .. }
                        | Doing::Serving { .. }
                        | Doing::ToDepot { .. }
                        | Doing::Loading { .. } => true,
                    };
                    driver.doing = Doing::Broken { on_shift };
                    driver.plan.clear();
                }
                self.leave_dock(vehicle, now);
            }
            Event::VehicleBack { vehicle, position } => {
                if let Some(driver) = self.drivers.get_mut(vehicle)
                    && let Doing::Broken { on_shift } = driver.doing
                {
                    if driver.position_known {
                        *position = Some(driver.position);
                    }
                    driver.doing = if on_shift { Doing::Idle } else { Doing::Off };
                    self.wake.insert(vehicle.clone(), now);
                }
            }
            Event::RoadClosed(change) | Event::RoadSlowed(change) => {
                if let Some(target) = &change.target {
                    let target: RoadTarget = target.clone();
                    self.closed
                        .insert(change.change.clone(), ActiveChange { target, time_percent: change.time_percent });
                    self.roads_changed();
                }
            }
            Event::RoadReopened(change) => {
                self.closed.remove(&change.change);
                self.roads_changed();
            }
            Event::ZoneOpened(opened) => self.accepts = opened.policy.freeze == Freeze::Accepted,
            Event::PolicyChanged(policy) => self.accepts = policy.freeze == Freeze::Accepted,
            Event::OrderReady { .. }
            | Event::StopDeparted(_)
            | Event::StopArrived(_)
            | Event::StopCompleted(_)
            | Event::StopFailed(..)
            | Event::AssignmentAccepted { .. }
            | Event::AssignmentRejected { .. }
            | Event::StopPinned(_)
            | Event::StopUnpinned { .. }
            | Event::AssignmentForced(_)
            | Event::PriorityRaised(_)
            | Event::AttentionNoted(_)
            | Event::PlanProposed(_)
            | Event::FeaturesLearned(_)
            | Event::VehicleLocated(_)
            | Event::BaseWritten(_)
            | Event::RepairAsked(_)
            | Event::OrderRetried(_)
            | Event::SlotHeld(_)
            | Event::OrderConfirmed { .. }
            | Event::BreakStarted(_)
            | Event::BreakEnded(_)
            | Event::ReloadStarted(_)
            | Event::ReloadEnded(_)
            | Event::HoldEnded(_)
            | Event::AlertRaised(_)
            | Event::AlertCleared(_)
            | Event::AlertAcknowledged(_)
            | Event::PersonForgotten(_) => {}
        }
    }

    fn roads_changed(&mut self) {
        let active: Vec<ActiveChange> = self.closed.values().cloned().collect();
        let now = self.hour.and_then(|hour| {
            let by_class = [0, 1, 2].map(|class| u32::from(self.traffic.percent(class, hour)) * 10);
            self.base.with_speeds(&Speeds { by_class, ..Speeds::default() })
        });
        let base = now.map_or_else(|| Arc::clone(&self.base), Arc::new);
        self.network = base.with_changes(&active).map_or(base, Arc::new);
    }

    /// Where a vehicle is, in the middle of a drive too.
    fn where_is(&self, vehicle: &Name, now: Timestamp) -> Position {
        let Some(driver) = self.drivers.get(vehicle) else { return Position::default() };
        let (to, from, left, until) = match &driver.doing {
            Doing::Driving { visit, from, left, until, .. } => (visit.position, *from, *left, *until),
            Doing::ToDepot { call, from, left, until } => (call.position, *from, *left, *until),
            Doing::Off
            | Doing::Idle
            | Doing::Waiting { .. }
            | Doing::Queueing { .. }
            | Doing::Serving { .. }
            | Doing::Loading { .. }
            | Doing::Broken { .. } => return driver.position,
        };
        let line = self.network.path(from, to);
        along(&self.network, &line, (now - left).0, (until - left).0.max(1))
    }

    /// What a driver does when nothing binds him.
    fn choose(&mut self, vehicle: &Name, now: Timestamp) {
        let Some(driver) = self.drivers.get_mut(vehicle) else { return };
        if !matches!(driver.doing, Doing::Idle | Doing::Waiting { .. }) {
            return;
        }
        let done = &driver.done;
        driver.plan.retain(|visit| !done.contains(&(visit.visit.order.clone(), visit.visit.stop, visit.position)));
        let Some(visit) = driver.plan.first().cloned() else {
            driver.doing = Doing::Idle;
            let ends = driver.shift.as_ref().is_some_and(|shift| shift.ends <= now);
            self.leave_dock(vehicle, now);
            let Some(driver) = self.drivers.get_mut(vehicle).filter(|_| ends) else { return };
            driver.doing = Doing::Off;
            self.report(vehicle, now, Event::ShiftEnded { vehicle: vehicle.clone(), at: now });
            return;
        };
        if visit.visit.depart_at > now {
            driver.doing = Doing::Waiting { until: visit.visit.depart_at };
            self.leave_dock(vehicle, now);
            return;
        }
        let pause = visit.visit.break_before;
        if let Some(until) = driver.rest_until(pause, now) {
            driver.doing = Doing::Waiting { until };
            self.leave_dock(vehicle, now);
            return;
        }
        if pause > Millis(0) {
            driver.rest = None; // this departure accounts for the break
        }
        self.look_at_traffic(now);
        let Some(driver) = self.drivers.get(vehicle) else { return };
        let from = driver.position;
        if let Some(call) = visit.visit.reload_before.filter(|call| driver.loaded_at != Some(call.position)) {
            self.leave_dock(vehicle, now);
            let travel = self.travel(vehicle, from, call.position);
            let Some(driver) = self.drivers.get_mut(vehicle) else { return };
            driver.doing = Doing::ToDepot { call, from, left: now, until: now + travel };
            return;
        }
        if from != visit.position || self.docks_again(driver, &visit) {
            self.leave_dock(vehicle, now);
        }
        let travel = self.travel(vehicle, from, visit.position);
        let until = now + travel;
        let next_report = if self.driving.positions { now + report_every(travel) } else { until };
        let event = Event::StopDeparted(Self::stop_event(vehicle, &visit, now));
        let driver = self.drivers.get_mut(vehicle).expect("still there");
        driver.doing = Doing::Driving { visit, from, left: now, until, next_report };
        driver.loaded_at = None;
        self.report(vehicle, now, event);
    }

    /// How long a vehicle drives.
    fn travel(&mut self, vehicle: &Name, from: Position, to: Position) -> Millis {
        let factor = self.drivers.get(vehicle).map_or(1000, |driver| driver.factor);
        let leg = self.network.leg(from, to);
        self.vary(Millis(i64::from(leg.millis) * factor / 1000), 88, 122)
    }

    /// A driver is at a depot: he unloads and loads as long as was planned.
    fn come_to_depot(&mut self, vehicle: &Name, call: DepotCall, now: Timestamp) {
        let loads = self.vary(call.departure - call.arrival, 80, 120);
        let Some(driver) = self.drivers.get_mut(vehicle) else { return };
        (driver.position, driver.loaded_at) = (call.position, Some(call.position));
        driver.doing = Doing::Loading { until: now + loads };
        self.tell_of_depot(vehicle, now, Event::ReloadStarted);
    }

    fn tell_of_depot(&mut self, vehicle: &Name, now: Timestamp, what: fn(ReloadEvent) -> Event) {
        let Some(driver) = self.drivers.get(vehicle).filter(|_| self.driving.tells_of_depots) else { return };
        let call = ReloadEvent { vehicle: vehicle.clone(), at: now, position: Some(driver.position) };
        self.report(vehicle, now, what(call));
    }

    /// True when a driver who stands at a place with docks did not come for this visit: he was told of it when he had arrived.
    fn docks_again(&self, driver: &Driver, visit: &AssignedVisit) -> bool {
        let came_for_it = driver.came_for.contains(&(visit.visit.order.clone(), visit.visit.stop));
        driver.position == visit.position && !came_for_it && self.yard.has(visit.position)
    }

    fn act(&mut self, vehicle: &Name, now: Timestamp) {
        let driver = self.drivers.get(vehicle).expect("only drivers act").clone();
        match driver.doing {
            Doing::Off | Doing::Queueing { .. } | Doing::Broken { .. } => {}
            Doing::Idle | Doing::Waiting { .. } => self.choose(vehicle, now),
            Doing::ToDepot { call, .. } => self.come_to_depot(vehicle, call, now),
            Doing::Loading { .. } => {
                let driver = self.drivers.get_mut(vehicle).expect("still there");
                driver.doing = Doing::Idle;
                self.tell_of_depot(vehicle, now, Event::ReloadEnded);
                self.choose(vehicle, now);
            }
            Doing::Driving { visit, until, .. } if until <= now => self.arrive(vehicle, driver.position, visit, now),
            Doing::Driving { .. } => {
                let position = self.where_is(vehicle, now);
                self.post(now, 0, Happening::Position(PositionReport { vehicle: vehicle.clone(), position, at: now }));
                if let Some(Driver { doing: Doing::Driving { next_report, left, until, .. }, .. }) =
                    self.drivers.get_mut(vehicle)
                {
                    *next_report = (now + report_every(*until - *left)).min(*until);
                }
            }
            Doing::Serving { visit, fails, .. } => {
                let key = (visit.visit.order.clone(), visit.visit.stop, visit.position);
                let report = Self::stop_event(vehicle, &visit, now);
                let event = if fails {
                    Event::StopFailed(report, FailReason::NoShow, None)
                } else {
                    Event::StopCompleted(report)
                };
                let driver = self.drivers.get_mut(vehicle).expect("still there");
                driver.doing = Doing::Idle;
                driver.plan.retain(|other| (&other.visit.order, other.visit.stop) != (&key.0, key.1));
                if fails {
                    driver.plan.retain(|other| other.visit.order != key.0);
                }
                driver.done.insert(key);
                let last =
                    matches!(self.orders.get(&visit.visit.order).map(|order| &order.work), Some(OrderWork::Job(_)));
                if last || fails || visit.visit.stop == StopKind::Delivery {
                    self.closed_orders.insert(visit.visit.order.clone());
                }
                self.report(vehicle, now, event);
                self.choose(vehicle, now);
            }
        }
    }

    fn arrive(&mut self, vehicle: &Name, from: Position, visit: AssignedVisit, now: Timestamp) {
        let event = Event::StopArrived(Self::stop_event(vehicle, &visit, now));
        let position = visit.position;
        let sets_up =
            from != position || self.drivers.get(vehicle).is_some_and(|driver| self.docks_again(driver, &visit));
        let driver = self.drivers.get_mut(vehicle).expect("still there");
        driver.position = position;
        if sets_up {
            let here = driver
                .plan
                .iter()
                .skip_while(|other| (&other.visit.order, other.visit.stop) != (&visit.visit.order, visit.visit.stop));
            let here = here.take_while(|other| other.position == position);
            driver.came_for = here.map(|other| (other.visit.order.clone(), other.visit.stop)).collect();
            driver.came_for.insert((visit.visit.order.clone(), visit.visit.stop));
        }
        if self.yard.comes(vehicle, position) {
            self.begin(vehicle, sets_up, visit, now);
        } else {
            driver.doing = Doing::Queueing { visit, sets_up };
        }
        self.report(vehicle, now, event);
        if self.driving.positions {
            self.post(now, 0, Happening::Position(PositionReport { vehicle: vehicle.clone(), position, at: now }));
        }
    }

    /// A driver's turn at a stop begins.
    fn begin(&mut self, vehicle: &Name, sets_up: bool, visit: AssignedVisit, now: Timestamp) {
        let fails = visit.visit.stop == StopKind::Delivery && self.no_shows.contains(&visit.visit.order);
        let ready = self.service_span(&visit, sets_up, now);
        let until = if fails { ready.max(now + NO_SHOW_WAIT) } else { ready };
        let driver = self.drivers.get_mut(vehicle).expect("still there");
        driver.doing = Doing::Serving { visit, until, fails };
    }

    /// A vehicle leaves its dock, or the queue for one, and the next one takes it.
    fn leave_dock(&mut self, vehicle: &Name, now: Timestamp) {
        let Some(next) = self.yard.leaves(vehicle) else { return };
        if let Some(Driver { doing: Doing::Queueing { visit, sets_up }, .. }) = self.drivers.get(&next) {
            let (visit, sets_up) = (visit.clone(), *sets_up);
            self.begin(&next, sets_up, visit, now);
        }
    }

    /// When service ends: set-up, waiting for the window or the goods, service.
    fn service_span(&mut self, visit: &AssignedVisit, sets_up: bool, now: Timestamp) -> Timestamp {
        let Some(order) = self.orders.get(&visit.visit.order) else { return now };
        let (spec, first): (StopSpec, bool) = match (&order.work, visit.visit.stop) {
            (OrderWork::Job(job), _) => (job.stop.clone(), true),
            (OrderWork::Shipment(shipment), StopKind::Pickup) => (shipment.pickup.clone(), true),
            (OrderWork::Shipment(shipment), StopKind::Delivery) => (shipment.delivery.clone(), false),
        };
        let moved = spec.position != visit.position; // a rescue or a return: no appointment
        let setup = if sets_up { spec.setup } else { Millis(0) };
        let ready = now + setup;
        let release = order.release.filter(|_| first);
        let start = if moved { ready } else { service_start(ready, &spec.windows, release) };
        let percent = if self.traffic.service_percent == 0 { 100 } else { i64::from(self.traffic.service_percent) };
        start + self.vary(Millis(spec.service.0 * percent / 100), 70, 140)
    }
}

impl World for Pretend {
    fn next(&mut self) -> Option<Timestamp> {
        let scripted = self.script.get(self.cursor).map(|&(at, ..)| at);
        let reported = self.in_the_air.keys().next().map(|&(at, _)| at);
        let acts = self.drivers.values().filter_map(Driver::next_at).min();
        let wakes = self.wake.values().min().copied();
        [scripted, reported, acts, wakes].into_iter().flatten().min()
    }

    fn take(&mut self, now: Timestamp) -> Vec<Happening> {
        let mut happenings = Vec::new();
        while let Some((at, id, event)) = self.script.get(self.cursor).cloned() {
            if at > now {
                break;
            }
            self.cursor += 1;
            let mut event = event;
            self.scripted(&mut event, now);
            // Drivers end their shifts themselves.
            if !matches!(event, Event::ShiftEnded { .. }) {
                happenings.push(Happening::Fact(id, event));
            }
        }
        let woken: Vec<Name> = self.wake.iter().filter(|&(_, &at)| at <= now).map(|(name, _)| name.clone()).collect();
        for vehicle in woken {
            self.wake.remove(&vehicle);
            self.choose(&vehicle, now);
        }
        let due: Vec<Name> = self
            .drivers
            .iter()
            .filter(|(_, driver)| driver.next_at().is_some_and(|at| at <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for vehicle in due {
            self.act(&vehicle, now);
        }
        while let Some((&(at, number), _)) = self.in_the_air.first_key_value() {
            if at > now {
                break;
            }
            if let Some(happening) = self.in_the_air.remove(&(at, number)) {
                happenings.push(happening);
            }
        }
        happenings
    }

    fn told(&mut self, assignment: &Assignment, now: Timestamp) {
        let Some(driver) = self.drivers.get_mut(&assignment.vehicle) else { return };
        if assignment.revision.0 <= driver.revision {
            return; // an older or repeated assignment
        }
        driver.revision = assignment.revision.0;
        if matches!(driver.doing, Doing::Off | Doing::Broken { .. }) {
            return;
        }
        let known: BTreeSet<Name> = driver.plan.iter().map(|visit| visit.visit.order.clone()).collect();
        driver.plan.clone_from(&assignment.visits);
        let plan = &driver.plan;
        let on_plan = |visit: &AssignedVisit| {
            plan.iter().any(|other| {
                (&other.visit.order, other.visit.stop) == (&visit.visit.order, visit.visit.stop)
                    && other.position == visit.position
            })
        };
        // The stop he drives to or serves is off the plan: he stops there and asks what is next.
        let dropped = match &driver.doing {
            Doing::Driving { visit, .. } => {
                let is_next = driver
                    .plan
                    .first()
                    .is_some_and(|next| (&next.visit.order, next.visit.stop) == (&visit.visit.order, visit.visit.stop));
                // Sent elsewhere first, or not there at all any more.
                let is_bound = driver.plan.iter().any(|other| other.frozen);
                let is_off = !on_plan(visit);
                is_off && self.cancelled.contains(&visit.visit.order) || !is_bound && (is_off || !is_next)
            }
            // He waits for the window, and is to do something else meanwhile.
            Doing::Serving { visit, until, .. }
                if *until - (visit.visit.departure - visit.visit.start) > now
                    && on_plan(visit)
                    && driver.plan.iter().all(|other| !other.frozen)
                    && driver.plan.first().is_some_and(|next| next.visit.order != visit.visit.order) =>
            {
                true
            }
            Doing::Queueing { visit, .. } | Doing::Serving { visit, .. } => {
                self.cancelled.contains(&visit.visit.order) && !on_plan(visit)
            }
            // He is to do something else before he is loaded.
            Doing::ToDepot { call, .. } => {
                let next = driver.plan.first().and_then(|next| next.visit.reload_before);
                next.is_none_or(|next| next.position != call.position)
            }
            Doing::Off | Doing::Idle | Doing::Waiting { .. } | Doing::Loading { .. } | Doing::Broken { .. } => false,
        };
        let vehicle = assignment.vehicle.clone();
        if dropped {
            let position = self.where_is(&vehicle, now);
            let driver = self.drivers.get_mut(&vehicle).expect("still there");
            driver.position = position;
            driver.doing = Doing::Idle;
            self.leave_dock(&vehicle, now);
        }
        let offered: Vec<Name> = assignment
            .visits
            .iter()
            .filter(|visit| !visit.frozen && !known.contains(&visit.visit.order))
            .map(|visit| visit.visit.order.clone())
            .collect();
        let mut takes_all = true;
        for order in offered {
            if self.random.chance(self.driving.reject_share) {
                self.report(&vehicle, now, Event::AssignmentRejected { vehicle: vehicle.clone(), order });
                takes_all = false;
            }
        }
        let react = if self.driving.varied { self.random.between(500, 8_000) } else { 0 };
        if self.accepts && takes_all && !assignment.visits.is_empty() {
            let accepted = Event::AssignmentAccepted { vehicle: vehicle.clone(), revision: assignment.revision.0 };
            self.report(&vehicle, now + Millis(react), accepted);
        }
        self.wake.insert(vehicle, now + Millis(react));
    }
}

/// How often a vehicle reports its position during a drive of this length, zone time.
fn report_every(travel: Millis) -> Millis {
    REPORT_EVERY.max(Millis(travel.0 / REPORTS_A_DRIVE_MAX))
}

/// A point on a line after a share of its length.
fn along(network: &Network, line: &[Position], done: i64, of: i64) -> Position {
    let lengths: Vec<f64> = line.windows(2).map(|pair| network.crow(pair[0], pair[1])).collect();
    let mut left = lengths.iter().sum::<f64>() * (done.clamp(0, of) as f64 / of as f64);
    for (pair, &length) in line.windows(2).zip(&lengths) {
        if left <= length && length > 0.0 {
            let share = left / length;
            let mix = |a: i32, b: i32| (f64::from(a) + (f64::from(b) - f64::from(a)) * share) as i32;
            return Position { x: mix(pair[0].x, pair[1].x), y: mix(pair[0].y, pair[1].y) };
        }
        left -= length;
    }
    line.last().copied().unwrap_or_default()
}

/// Hash of a driver's event number (FNV-1a); never 0.
fn hash(source: &str, number: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in source.bytes().chain(number.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{
        Job, Load, LoadDirection, LogSeq, Metres, NetworkSpec, PlannedVisit, Space, Vehicle, VehicleCosts,
    };

    use super::*;
    use crate::scenario::Docks;

    const SETUP: Millis = Millis(1_800_000);
    const SERVICE: Millis = Millis(60_000);
    const GATE: Position = Position { x: 1_000_000, y: 0 };

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn order(id: &str) -> Event {
        let stop = StopSpec { position: GATE, windows: Vec::new(), service: SERVICE, setup: SETUP };
        Event::OrderCreated(Order {
            name: name(id),
            work: OrderWork::Job(Job { stop, direction: LoadDirection::Pickup }),
            load: Load::default(),
            skills: Vec::new(),
            priority: 0,
            release: None,
            promised: None,
            placed: Timestamp(0),
        })
    }

    fn told(revision: u64, orders: &[&str]) -> Assignment {
        let visits = orders.iter().map(|order| AssignedVisit {
            visit: PlannedVisit {
                order: name(order),
                stop: StopKind::Delivery,
                depart_at: Timestamp(0),
                arrival: Timestamp(0),
                start: Timestamp(0),
                departure: Timestamp(0),
                metres: Metres(0),
                break_before: Millis(0),
                reload_before: None,
            },
            position: GATE,
            frozen: false,
            depot: None,
            on_the_way: Millis(0),
        });
        Assignment { vehicle: name("v"), revision: LogSeq(revision), visits: visits.collect(), pause: None }
    }

    /// When each stop is done if a driver is told of the second one on his way, or when he stands at the gate.
    fn done(has_docks: bool, in_time: bool) -> Vec<i64> {
        let spec = NetworkSpec::Line {
            space: Space::Planar,
            metres_per_minute: 1000.0,
            detour_percent: 100,
            round_up_seconds: 0,
        };
        let shift = Shift { starts: Timestamp(0), ends: Timestamp(36_000_000), breaks: Vec::new() };
        let vehicle = Vehicle {
            name: name("v"),
            capacity: Load([1; 4]),
            skills: Vec::new(),
            costs: VehicleCosts::default(),
            time_factor: 1000,
            start: Position { x: 0, y: 0 },
            end: None,
            shift: Some(shift),
            stops_max: None,
            lifo: false,
            driving_time: None,
            reload: None,
        };
        let on = Event::ShiftStarted { vehicle: name("v"), shift: None, position: None };
        let events = [Event::VehicleRegistered(vehicle), on, order("x"), order("y")];
        let facts = events.into_iter().map(|event| (Timestamp(0), 1, event)).collect();
        let docks = if has_docks { vec![Docks { x: GATE.x, y: GATE.y, vehicles: 1 }] } else { Vec::new() };
        let network = Arc::new(Network::new(&spec).unwrap());
        let mut world = Pretend::new(facts, &[], network, Driving::EXACT, Phones::default(), 1)
            .with_traffic(Traffic { docks, ..Traffic::default() });
        world.take(Timestamp(0));
        world.told(&told(1, &["x"]), Timestamp(0));
        let second = Timestamp(if in_time { 30_000 } else { 90_000 });
        let (mut done, mut is_told) = (Vec::new(), false);
        while done.len() < 2 {
            let now = world.next().unwrap();
            if now >= second && !is_told {
                is_told = true;
                world.told(&told(2, &["x", "y"]), second);
            }
            for happening in world.take(now) {
                if let Happening::Fact(_, Event::StopCompleted(stop)) = happening {
                    done.push(stop.at.0);
                }
            }
        }
        done
    }

    #[test]
    fn who_is_told_of_a_stop_when_he_stands_at_the_gate_docks_again_where_there_are_docks() {
        let first = 60_000 + (SETUP + SERVICE).0;
        for has_docks in [false, true] {
            assert_eq!(done(has_docks, true), [first, first + SERVICE.0], "he comes for both");
        }
        assert_eq!(done(false, false), [first, first + SERVICE.0]);
        assert_eq!(done(true, false), [first, first + (SETUP + SERVICE).0]);
    }
}

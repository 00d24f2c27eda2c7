//! Random days of vans that may be loaded again at depots, judged by a slow oracle over what stands in the log: what each van has on board
//! at every moment, whatever the engine says of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fleetfold_fleet::{Fleet, Placement};
use fleetfold_model::{
    Depot, Event, Job, Load, LoadDirection, LogEntry, Millis, Name, NetworkSpec, Order, OrderChange, OrderId,
    OrderWork, Policy, Position, Reload, Shift, Shipment, Space, StopSpec, TimeWindow, Timestamp, Vehicle,
    VehicleCosts, VehicleId, ZoneOpened,
};
use fleetfold_roads::Network;
use fleetfold_sim::{Driving, Fact, Outcome, Traffic, backtest};
use proptest::prelude::*;

fn name(prefix: &str, number: u8) -> Name {
    Name::new(&format!("{prefix}{number}")).unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp(1_780_300_800_000 + minutes * 60_000)
}

fn km(x: i32, y: i32) -> Position {
    Position { x: x * 1_000_000, y: y * 1_000_000 }
}

/// Capacity, depots with their service, most reloads; none: the van has no depots.
type DrawnVan = (i32, Option<(Vec<(i32, i32, i64)>, Option<u32>)>);
/// When it comes, where it is, its load, what it is, its window, its priority.
type DrawnOrder = (i64, (i32, i32), i32, u8, Option<(i64, i64)>, u8);

#[derive(Clone, Debug)]
struct Day {
    vans: Vec<DrawnVan>,
    orders: Vec<DrawnOrder>,
    incidents: Vec<(i64, u8, u8, u8)>,
    search: bool,
    tells: bool,
    exact: bool,
}

fn any_day() -> impl Strategy<Value = Day> {
    let depot = (-6i32..7, -6i32..7, 0i64..15);
    let depots = (proptest::collection::vec(depot, 1..3), proptest::option::weighted(0.3, 1u32..4));
    let van = (2i32..6, proptest::option::weighted(0.8, depots));
    let window = proptest::option::weighted(0.3, (0i64..300, 20i64..200));
    let order = (0i64..240, (-8i32..9, -8i32..9), 0i32..4, 0u8..8, window, 0u8..3);
    let incident = (10i64..300, 0u8..7, 0u8..3, 0u8..24);
    (
        proptest::collection::vec(van, 1..4),
        proptest::collection::vec(order, 1..24),
        proptest::collection::vec(incident, 0..6),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(vans, orders, incidents, search, tells, exact)| Day {
            vans,
            orders,
            incidents,
            search,
            tells,
            exact,
        })
}

fn van(number: u8, (capacity, depots): &DrawnVan) -> Vehicle {
    let depot = |&(x, y, minutes): &(i32, i32, i64)| Depot {
        name: None,
        position: km(x, y),
        service: Millis(minutes * 60_000),
    };
    let reload = depots.as_ref().map(|(depots, times_max)| {
        let mut places: Vec<Depot> = depots.iter().map(depot).collect();
        places.dedup_by_key(|depot| depot.position);
        Reload { places, times_max: *times_max }
    });
    Vehicle {
        name: name("v", number),
        capacity: Load([capacity * 1_000, 0, 0, 0]),
        skills: Vec::new(),
        costs: VehicleCosts::default(),
        time_factor: 1_000,
        start: km(0, i32::from(number)),
        end: None,
        shift: Some(Shift { starts: at(0), ends: at(600), breaks: Vec::new() }),
        stops_max: None,
        lifo: false,
        driving_time: None,
        reload,
    }
}

fn order(number: u8, &(minute, (x, y), load, what, window, priority): &DrawnOrder) -> Order {
    let windows = window.and_then(|(opens, lasts)| TimeWindow::new(at(opens), at(opens + lasts)));
    let stop = |position, windows| StopSpec { position, windows, service: Millis(60_000), setup: Millis(0) };
    let here = stop(km(x, y), windows.into_iter().collect());
    let work = match what {
        0 => OrderWork::Job(Job { stop: here, direction: LoadDirection::Pickup }),
        1 => OrderWork::Shipment(Shipment { pickup: stop(km(y, x), Vec::new()), delivery: here }),
        _ => OrderWork::Job(Job { stop: here, direction: LoadDirection::Delivery }),
    };
    Order {
        name: name("o", number),
        work,
        load: Load([load * 1_000, 0, 0, 0]),
        skills: Vec::new(),
        priority,
        release: None,
        promised: None,
        placed: at(minute),
    }
}

fn facts(day: &Day) -> Vec<Fact> {
    let policy = Policy { search_rounds: if day.search { 12 } else { 0 }, learn: false, ..Policy::default() };
    let opened = ZoneOpened {
        timezone: "UTC".to_owned(),
        space: Space::Planar,
        day_start: at(0),
        log_start: at(0),
        utc_offset: Millis(0),
        rate: 1,
        policy,
    };
    let mut events = vec![(at(0), Event::ZoneOpened(opened))];
    for (number, drawn) in (0u8..).zip(&day.vans) {
        events.push((at(0), Event::VehicleRegistered(van(number, drawn))));
        events.push((at(0), Event::ShiftStarted { vehicle: name("v", number), shift: None, position: None }));
    }
    for (number, drawn) in (0u8..).zip(&day.orders) {
        events.push((at(drawn.0), Event::OrderCreated(order(number, drawn))));
    }
    for &(minute, what, number, which) in &day.incidents {
        let vehicle = name("v", number % day.vans.len() as u8);
        let which = name("o", which % day.orders.len() as u8);
        events.push((
            at(minute),
            match what {
                0 | 1 => Event::OrderCancelled { order: which },
                2 => Event::VehicleLost { vehicle, position: None },
                3 => Event::VehicleBack { vehicle, position: None },
                4 => Event::ShiftEnded { vehicle, at: at(minute + 30) },
                5 => Event::OrderUpdated(OrderChange {
                    order: which,
                    work: None,
                    load: None,
                    skills: None,
                    priority: None,
                    release: None,
                    promised: Some(at(minute + 60)),
                }),
                _ => Event::PriorityRaised(fleetfold_model::PriorityRaised { order: which, priority: 9 }),
            },
        ));
    }
    events.into_iter().zip(1..).map(|((at, event), id)| (at, id, event)).collect()
}

fn run(day: &Day) -> Outcome {
    let spec = NetworkSpec::Line {
        space: Space::Planar,
        metres_per_minute: 1_000.0,
        detour_percent: 100,
        round_up_seconds: 0,
    };
    let network = Arc::new(Network::new(&spec).unwrap());
    let driving = Driving { varied: !day.exact, positions: !day.exact, reject_share: 0.0, tells_of_depots: day.tells };
    backtest(facts(day), &[], network, driving, &Traffic::default(), 1, |_| {})
}

/// What the reports of the log say of one van, and nothing else.
#[derive(Default)]
struct Hold {
    /// Goods of jobs that it has loaded and not left.
    jobs: BTreeMap<OrderId, i64>,
    /// Goods of shipments that it has picked up and not left.
    shipments: BTreeMap<OrderId, i64>,
    /// It has left its start, or a depot, and loads nothing until it is at one again.
    is_on_trip: bool,
}

/// What each van has on board, from the reports in the log beside the routes that it was told.
struct Oracle {
    holds: BTreeMap<VehicleId, Hold>,
    /// The van that has loaded each order.
    loaded_by: BTreeMap<OrderId, VehicleId>,
    reloads: usize,
}

impl Oracle {
    fn load(fleet: &Fleet, order: OrderId) -> i64 {
        i64::from(fleet.order(order).load().0[0])
    }

    /// A van leaves for a stop: what it was told to deliver before its next depot is on board.
    fn leaves(&mut self, before: &Fleet, vehicle: VehicleId, order: OrderId) -> Result<(), String> {
        let has_depots = before.vehicle(vehicle).spec.as_ref().is_some_and(|spec| spec.reload.is_some());
        let visits = &before.vehicle(vehicle).route.visits;
        let at = visits.iter().position(|visit| visit.order == order).ok_or("a stop that is on no route")?;
        let calls = visits[..=at].iter().any(|visit| visit.reload_before.is_some());
        let hold = self.holds.entry(vehicle).or_default();
        if calls && at == 0 {
            hold.is_on_trip = false;
            self.reloads += 1;
        }
        if hold.is_on_trip && has_depots {
            return Ok(());
        }
        hold.is_on_trip = true;
        let trip = visits.iter().skip(1).take_while(|visit| visit.reload_before.is_none());
        for order in visits.first().into_iter().chain(trip).map(|visit| visit.order) {
            let goods = Self::load(before, order);
            if before.order(order).loads_at_start() && goods > 0 {
                hold.jobs.insert(order, goods);
                if let Some(other) = self.loaded_by.insert(order, vehicle).filter(|&other| other != vehicle) {
                    return Err(format!("{order:?} was loaded by {other:?} and is loaded by {vehicle:?}"));
                }
            }
        }
        Ok(())
    }

    fn check(&self, fleet: &Fleet) -> Result<(), String> {
        for (&vehicle, hold) in &self.holds {
            let state = fleet.vehicle(vehicle);
            let Some(spec) = &state.spec else { continue };
            let on_board: i64 = hold.jobs.values().chain(hold.shipments.values()).sum();
            if spec.reload.is_some() && on_board > i64::from(spec.capacity.0[0]) {
                return Err(format!("{} carries {on_board}: {:?} {:?}", state.name, hold.jobs, hold.shipments));
            }
        }
        for (&order, &vehicle) in &self.loaded_by {
            let state = fleet.order(order);
            if let (true, Placement::OnRoute(other)) = (state.is_open(), state.placement)
                && other != vehicle
            {
                return Err(format!("{} was loaded by {vehicle:?} and is on the route of {other:?}", state.name));
            }
        }
        Ok(())
    }

    fn take(&mut self, before: &Fleet, after: &Fleet, entry: &LogEntry) -> Result<(), String> {
        let ids =
            |vehicle: &Name, order: &Name| Some((after.vehicle_id(vehicle.as_str())?, after.order_id(order.as_str())?));
        match &entry.event {
            Event::StopDeparted(stop) => {
                let Some((vehicle, order)) = ids(&stop.vehicle, &stop.order) else { return Ok(()) };
                if before.vehicle(vehicle).route.visits.iter().any(|visit| visit.order == order) {
                    self.leaves(before, vehicle, order)?;
                }
            }
            Event::StopCompleted(stop) => {
                let Some((vehicle, order)) = ids(&stop.vehicle, &stop.order) else { return Ok(()) };
                let state = before.order(order);
                let hold = self.holds.entry(vehicle).or_default();
                let has_depots = before.vehicle(vehicle).spec.as_ref().is_some_and(|spec| spec.reload.is_some());
                if state.is_shipment() {
                    match stop.stop {
                        fleetfold_model::StopKind::Pickup => {
                            hold.shipments.insert(order, Self::load(before, order));
                        }
                        fleetfold_model::StopKind::Delivery => drop(hold.shipments.remove(&order)),
                    }
                } else if state.loads_at_start() && Self::load(before, order) > 0 {
                    if hold.jobs.remove(&order).is_none() && has_depots {
                        return Err(format!("{} is served and was never loaded", state.name));
                    }
                    self.loaded_by.remove(&order);
                }
            }
            Event::ReloadStarted(call) => {
                let Some(vehicle) = after.vehicle_id(call.vehicle.as_str()) else { return Ok(()) };
                self.holds.entry(vehicle).or_default().is_on_trip = false;
                self.reloads += 1;
            }
            Event::VehicleLost { vehicle, .. } | Event::ShiftEnded { vehicle, .. } => {
                let Some(vehicle) = after.vehicle_id(vehicle.as_str()) else { return Ok(()) };
                let hold = self.holds.entry(vehicle).or_default();
                hold.shipments.clear();
                if !after.vehicle(vehicle).on {
                    // What was not delivered is back where it was loaded.
                    hold.is_on_trip = false;
                    for order in std::mem::take(&mut hold.jobs).into_keys() {
                        self.loaded_by.remove(&order);
                    }
                }
            }
            _ => {}
        }
        // What is over is of no vehicle any more. Cancelled goods stay on board until the van is at a depot.
        let over: Vec<OrderId> =
            self.loaded_by.keys().copied().filter(|&order| !after.order(order).is_open()).collect();
        for order in over {
            if let Some(vehicle) = self.loaded_by.remove(&order)
                && let Some(hold) = self.holds.get_mut(&vehicle)
            {
                hold.jobs.remove(&order);
            }
        }
        self.check(after)
    }
}

/// Folds a log again and judges every entry of it.
fn judged(outcome: &Outcome) -> Result<usize, String> {
    let mut oracle = Oracle { holds: BTreeMap::new(), loaded_by: BTreeMap::new(), reloads: 0 };
    let mut fleet = Fleet::new();
    for entry in &outcome.log {
        let before = fleet.clone();
        let change = fleet.apply(entry);
        if change.refused.is_some() {
            continue;
        }
        oracle.take(&before, &fleet, entry).map_err(|what| format!("after entry {}: {what}", entry.seq.0))?;
    }
    Ok(oracle.reloads)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn on_no_trip_is_more_on_board_than_fits_and_nothing_is_delivered_that_was_not_loaded(day in any_day()) {
        let outcome = run(&day);
        prop_assert!(outcome.broken.is_none(), "{:?}", outcome.broken);
        prop_assert_eq!(outcome.report.asked, outcome.report.answered);
        if let Err(what) = judged(&outcome) {
            prop_assert!(false, "{what}");
        }
    }
}

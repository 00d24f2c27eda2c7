//! A scenario: a city and a day, from a few numbers and a seed.

use fleetfold_model::{
    Event, Job, Load, LoadDirection, Millis, Name, Order, OrderWork, Policy, Position, RoadChange, RoadTarget, Shift,
    Shipment, Space, StopSpec, TimeWindow, Timestamp, Vehicle, VehicleCosts, ZoneOpened,
};
use serde::{Deserialize, Serialize};

use crate::city::City;
use crate::seeded::Seeded;

/// How much is asked for, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Orders in the day.
    pub orders: u32,
    /// Share of orders that fall into the rush.
    pub rush_share: f64,
    /// The rush, hours of the day.
    pub rush_from: f64,
    /// Its end.
    pub rush_to: f64,
    /// Share of orders with one stop (the rest are shipments).
    pub job_share: f64,
    /// Share known when the day begins.
    pub known_share: f64,
}

/// What goes wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Incidents {
    /// Vehicles that break down.
    pub breakdowns: u32,
    /// Hours of the day around which they do.
    pub breakdown_hour: f64,
    /// Bridges that close.
    pub bridges_closed: u32,
    /// When they close.
    pub bridge_from: f64,
    /// When they open again.
    pub bridge_to: f64,
    /// Share of orders whose customer is not there.
    pub no_show_share: f64,
    /// Share of orders cancelled.
    pub cancel_share: f64,
    /// Share of offered orders that a driver rejects.
    pub reject_share: f64,
}

/// What drives really take, which the map does not know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// Travel time on motorways, bridges and arterials in per cent, by hour of the day from 0; empty: as the map says.
    pub main_percent: Vec<u16>,
    /// The same on streets.
    pub street_percent: Vec<u16>,
    /// Time at the door in per cent of what the order says; 0: as it says.
    pub service_percent: u16,
    /// Places where only so many vehicles are served at a time; the others queue, and are served in the order in which they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub docks: Vec<Docks>,
}

/// How many vehicles are served at a place at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Docks {
    /// East: 1e-7 degree, or millimetres on a plane.
    pub x: i32,
    /// North.
    pub y: i32,
    /// So many at a time.
    pub vehicles: u32,
}

impl Traffic {
    /// Per cent of travel time of a class of road in an hour.
    pub fn percent(&self, class: usize, hour: usize) -> u16 {
        let list = if class < 2 { &self.main_percent } else { &self.street_percent };
        list.get(hour % 24).copied().unwrap_or(100).max(10)
    }
}

/// How badly phones report.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Phones {
    /// Share of reports that come late (up to a minute), and so out of order.
    pub late_share: f64,
    /// Share of reports sent twice.
    pub double_share: f64,
}

/// A city and a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows.
    pub title: String,
    /// Everything follows from this.
    pub seed: u64,
    /// Vehicles.
    pub vehicles: u32,
    /// First hour of the day.
    pub opens_hour: f64,
    /// Last hour in which orders come in.
    pub closes_hour: f64,
    /// How much is asked for.
    pub demand: Demand,
    /// What goes wrong.
    #[serde(default)]
    pub incidents: Incidents,
    /// What drives really take.
    #[serde(default)]
    pub traffic: Traffic,
    /// How badly phones report.
    #[serde(default)]
    pub phones: Phones,
}

impl Scenario {
    /// The day of `fleetfold demo`: about 40 vehicles, 600 orders, a breakdown, a closed bridge, a no-show, a cancellation
    /// and a lunch rush.
    pub fn demo(seed: u64) -> Self {
        Self {
            title: "a city day with a lunch rush, a breakdown, a closed bridge, no-shows and cancellations".to_owned(),
            seed,
            vehicles: 40,
            opens_hour: 9.0,
            closes_hour: 16.0,
            demand: Demand {
                orders: 600,
                rush_share: 0.4,
                rush_from: 11.5,
                rush_to: 13.25,
                job_share: 0.3,
                known_share: 0.1,
            },
            incidents: Incidents {
                breakdowns: 1,
                breakdown_hour: 11.9,
                bridges_closed: 1,
                bridge_from: 12.4,
                bridge_to: 14.5,
                no_show_share: 0.01,
                cancel_share: 0.02,
                reject_share: 0.002,
            },
            traffic: Traffic::default(),
            phones: Phones { late_share: 0.02, double_share: 0.02 },
        }
    }
}

/// A day as a list of what the world does, in order of zone time.
#[derive(Clone, Debug)]
pub struct Script {
    /// Zone time at which it begins.
    pub start: Timestamp,
    /// Facts with their zone times.
    pub facts: Vec<(Timestamp, Event)>,
    /// Orders whose customer will not be there.
    pub no_shows: Vec<Name>,
}

/// Midnight of the pretend day: 2026-06-01 in UTC.
const MIDNIGHT: i64 = 1_780_272_000_000;

fn hour(hours: f64) -> Timestamp {
    Timestamp(MIDNIGHT + (hours * 3_600_000.0) as i64)
}

/// A name from a prefix and a number.
fn name(prefix: &str, number: u32) -> Name {
    Name::new(&format!("{prefix}{number}")).expect("a short visible name")
}

/// Writes the script of a scenario in its city.
pub fn script(scenario: &Scenario, city: &City) -> Script {
    let mut random = Seeded::new(scenario.seed, "demand");
    let start = hour(scenario.opens_hour);
    let mut facts = vec![(
        start,
        Event::ZoneOpened(ZoneOpened {
            timezone: "UTC".to_owned(),
            space: Space::Geographic,
            day_start: start,
            log_start: start,
            utc_offset: Millis(0),
            rate: 1,
            policy: Policy::default(),
        }),
    )];
    let ends = hour(scenario.closes_hour + 2.0);
    for number in 1..=scenario.vehicles {
        let position = *random.pick(&city.depots);
        let skilled = number % 4 == 0;
        facts.push((
            start,
            Event::VehicleRegistered(Vehicle {
                name: name("veh-", number),
                capacity: Load([12_000, 0, 0, 0]),
                skills: if skilled { vec![name("cool", 0)] } else { Vec::new() },
                costs: VehicleCosts::default(),
                time_factor: 1000,
                start: position,
                end: None,
                shift: Some(Shift { starts: start, ends, breaks: Vec::new() }),
                stops_max: None,
                lifo: false,
                driving_time: None,
                reload: None,
            }),
        ));
        let late = Millis(random.between(0, 600_000));
        facts.push((start + late, Event::ShiftStarted { vehicle: name("veh-", number), shift: None, position: None }));
    }
    let mut no_shows = Vec::new();
    for number in 1..=scenario.demand.orders {
        let demand = &scenario.demand;
        let at = if random.chance(demand.known_share) {
            start + Millis(random.between(0, 300_000))
        } else if random.chance(demand.rush_share) {
            hour(demand.rush_from + (demand.rush_to - demand.rush_from) * random.unit())
        } else {
            hour(scenario.opens_hour + (scenario.closes_hour - scenario.opens_hour) * random.unit())
        };
        let order = order(number, at, demand.job_share, city, &mut random);
        let order_name = order.name.clone();
        facts.push((at, Event::OrderCreated(order)));
        if random.chance(scenario.incidents.no_show_share) {
            no_shows.push(order_name);
        } else if random.chance(scenario.incidents.cancel_share) {
            facts.push((at + Millis(random.between(60_000, 1_500_000)), Event::OrderCancelled { order: order_name }));
        }
    }
    incidents(scenario, city, &mut facts);
    facts.sort_by_key(|&(at, _)| at);
    Script { start, facts, no_shows }
}

fn order(number: u32, at: Timestamp, job_share: f64, city: &City, random: &mut Seeded) -> Order {
    let anytime = |position: Position, service: i64, setup: i64| StopSpec {
        position,
        windows: Vec::new(),
        service: Millis::from_seconds(service),
        setup: Millis::from_seconds(setup),
    };
    let home = *random.pick(&city.homes);
    let load = Load([random.between(1, 3) as i32 * 1000, 0, 0, 0]);
    let (work, release, promised) = if random.chance(job_share) {
        let opens = at + Millis::from_seconds(random.between(20, 150) * 60);
        let closes = opens + Millis::from_seconds(random.between(45, 120) * 60);
        let mut stop = anytime(home, random.between(2, 6) * 60, 60);
        stop.windows = TimeWindow::new(opens, closes).into_iter().collect();
        (OrderWork::Job(Job { stop, direction: LoadDirection::Pickup }), None, None)
    } else {
        let ready = at + Millis::from_seconds(random.between(5, 20) * 60);
        let promised = ready + Millis::from_seconds(random.between(35, 60) * 60);
        let pickup = anytime(*random.pick(&city.shops), 60, 60);
        let delivery = anytime(home, random.between(1, 3) * 60, 60);
        (OrderWork::Shipment(Shipment { pickup, delivery }), Some(ready), Some(promised))
    };
    let cool = random.chance(0.08);
    Order {
        name: name("ord-", number),
        work,
        load,
        skills: if cool { vec![name("cool", 0)] } else { Vec::new() },
        priority: if random.chance(0.05) { 5 } else { 0 },
        release,
        promised,
        placed: at,
    }
}

fn incidents(scenario: &Scenario, city: &City, facts: &mut Vec<(Timestamp, Event)>) {
    let mut random = Seeded::new(scenario.seed, "incidents");
    let what = &scenario.incidents;
    for index in 0..what.breakdowns {
        let number = 1 + (random.below(u64::from(scenario.vehicles)) as u32 + index) % scenario.vehicles;
        let at = hour(what.breakdown_hour) + Millis(random.between(0, 1_200_000));
        facts.push((at, Event::VehicleLost { vehicle: name("veh-", number), position: None }));
        if random.chance(0.5) {
            let back = at + Millis::from_seconds(random.between(40, 90) * 60);
            facts.push((back, Event::VehicleBack { vehicle: name("veh-", number), position: None }));
        }
    }
    for index in 0..what.bridges_closed as usize {
        // The busiest bridges stand in the middle.
        let order = [2, 1, 3, 0, 4];
        let Some((road, bridge)) = order.get(index).and_then(|&at| city.bridges.get(at)) else { break };
        let change = RoadChange {
            change: Name::new(&bridge.replace(' ', "-").to_lowercase()).expect("bridges have short names"),
            target: Some(RoadTarget::Roads(vec![*road])),
            time_percent: None,
            from: None,
            until: None,
        };
        facts.push((hour(what.bridge_from), Event::RoadClosed(change.clone())));
        facts.push((hour(what.bridge_to), Event::RoadReopened(change)));
    }
}

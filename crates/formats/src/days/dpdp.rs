//! The dynamic pickup and delivery problem of the ICAPS 2021 competition (Hao et al., "Introduction to The Dynamic Pickup and
//! Delivery Problem Benchmark", 2022): orders between factories, with a table of travel times between them.

use std::collections::BTreeMap;

use fleetfold_model::{
    Diversion, Event, Load, Millis, NetworkSpec, Order, OrderWork, Policy, Position, Shift, Shipment, Space, Timestamp,
    Vehicle, VehicleCosts,
};
use serde::{Deserialize, Serialize};

use super::table::{NamedText, Row, Table};
use super::{ImportError, ImportedDay, MIDNIGHT, Rules, name, opened, stop};

/// Most factories: the table of travel times has a cell for each pair of them.
const FACTORIES_MAX: usize = 5_000;
/// Most parts that one order is split into.
const PARTS_MAX: i64 = 1_000;
/// Seconds that a dock is approached for at each factory, by the rules of the competition.
const DOCKING_SECONDS: i64 = 1_800;
/// Orders are promised for so much before they are due where the published rules are asked for, seconds: an hour of lateness costs as much as
/// 10,000 kilometres there, and what is planned to the second is late as soon as another order comes. Chosen on the first two days, whose figures move by a tenth with it
/// ("By the rules of their sets" in docs/PERFORMANCE.md).
const MARGIN_SECONDS: i64 = 900;
/// Decisions are taken so often, by the rules of the competition.
const DECIDED_EVERY: Millis = Millis(600_000);
/// Most docks of a factory.
const DOCKS_MAX: f64 = 10_000.0;
/// Thousandths of a pallet in a pallet: loads are whole numbers.
const PALLET: f64 = 1_000.0;

/// Largest capacity and demand, in pallets: the most that an event can say.
const PALLETS_MAX: f64 = 500_000.0;
/// Longest service, in seconds: one day, which is the most that an event can say.
const SERVICE_SECONDS_MAX: f64 = 86_400.0;
/// Longest way between two factories, in seconds: the longest leg that can be driven.
const LEG_SECONDS_MAX: f64 = (fleetfold_roads::UNREACHABLE_MILLIS / 1000) as f64;
/// Longest way between two factories, in kilometres.
const LEG_KILOMETRES_MAX: f64 = 2e6;

/// The files of one instance, comma-separated.
#[derive(Clone, Copy, Debug)]
pub struct DpdpFiles<'t> {
    /// Name of the instance; it becomes part of the day's title.
    pub instance: &'t str,
    /// `factory_info.csv`: where factories are.
    pub factories: NamedText<'t>,
    /// `route_info.csv`: time and length of the way between each two factories.
    pub routes: NamedText<'t>,
    /// `vehicle_info_N.csv`: vehicles and what they can carry.
    pub vehicles: NamedText<'t>,
    /// The orders.
    pub orders: NamedText<'t>,
    /// Where vehicles begin, one JSON object a line: `{"type":"driver.online","driver":"V_1","lon":116.7,"lat":39.9}`. Lines
    /// of other types are left out. Empty: the vehicles begin at the factories one after the other.
    pub starts: NamedText<'t>,
}

/// Imports one instance: last in first out, half an hour of docking at each factory, costs as in the published score.
///
/// Three rules of the competition hold only where the published ones are asked for: vehicles queue for the docks of a factory (the plan does
/// not know of queues; the pretend world of a backtest has them), decisions are taken every ten minutes, and a vehicle keeps its next
/// destination from the moment in which it arrives at the one before. Nothing is learned then: times are exact.
///
/// # Errors
///
/// A table that makes no sense, with its line and column.
pub fn dpdp(files: &DpdpFiles<'_>, rules: Rules) -> Result<ImportedDay, ImportError> {
    let factories = Factories::read(files.factories)?;
    let (seconds, metres) = legs(files.routes, &factories)?;
    let mut events = Vec::new();
    let mut capacity = i32::MAX / 4;
    let starts = vehicle_starts(files.starts)?;
    for (index, row) in Table::read(files.vehicles, b',')?.rows().enumerate() {
        let vehicle = name(&row, "", "car_num", "")?;
        capacity = (row.number("capacity", 0.0, PALLETS_MAX)? * PALLET) as i32;
        let first_place = factories.places[index % factories.places.len()];
        let start = starts.get(row.text("car_num")?).copied().unwrap_or(first_place);
        let (from, to) = (second(0), second(4 * 24 * 3600));
        let registered = Vehicle {
            name: vehicle.clone(),
            capacity: Load([capacity, i32::MAX / 4, i32::MAX / 4, i32::MAX / 4]),
            skills: Vec::new(),
            costs: VehicleCosts { per_hour: 0, per_km: 1_000_000, fixed: 0 },
            time_factor: 1000,
            start,
            end: None,
            shift: Some(Shift { starts: from, ends: to, breaks: Vec::new() }),
            stops_max: None,
            lifo: true,
            driving_time: None,
            reload: None,
        };
        events.push((from, Event::VehicleRegistered(registered)));
        events.push((from, Event::ShiftStarted { vehicle, shift: None, position: None }));
    }
    let margin = if rules == Rules::Published { MARGIN_SECONDS } else { 0 };
    for row in Table::read(files.orders, b',')?.rows() {
        add_orders(&row, &factories, capacity, margin, &mut events)?;
    }
    let policy = Policy {
        unserved_cost: 1_000_000_000_000,
        // The published score: 10,000 for an hour of lateness beside the kilometres of each vehicle.
        lateness_cost_per_hour: 10_000_000_000,
        departure_margin: Millis(0),
        change_cost: 1_000_000,
        publish_gain_min: 500_000,
        ..Policy::default()
    };
    let published = rules == Rules::Published;
    let by_the_rules = Policy {
        decide_every: DECIDED_EVERY,
        diversion: Diversion::Never,
        settle_on_arrival: true,
        // Times of such a day are exact: there is nothing to learn but the queues.
        learn: false,
        // Whoever re-drives the day from who served what takes an order to have been that vehicle's from the beginning.
        change_cost: policy.lateness_cost_per_hour,
        ..policy.clone()
    };
    let policy = if published { by_the_rules } else { policy };
    // What the pretend world of a backtest has and the map does not know.
    let docks = factories.places.iter().zip(&factories.docks).map(|(place, &docks)| DockV1 {
        x: place.x,
        y: place.y,
        vehicles: docks,
    });
    let traffic = published.then(|| serde_json::json!({ "docks": docks.collect::<Vec<_>>() }));
    let network = NetworkSpec::Table { space: Space::Geographic, places: factories.places, seconds, metres };
    let title = format!("DPDP {}", files.instance);
    let mut day = ImportedDay::new(title, &network, opened(Space::Geographic, second(0), policy), events);
    day.header.traffic = traffic;
    Ok(day)
}

/// A place where only so many vehicles are served at a time, as a day file has it. Coordinates are integers, as in its network.
#[derive(Serialize)]
struct DockV1 {
    x: i32,
    y: i32,
    vehicles: u32,
}

/// Seconds from midnight as an instant.
fn second(second: i64) -> Timestamp {
    Timestamp(MIDNIGHT + second * 1000)
}

/// Degrees as a place.
fn place(lon: f64, lat: f64) -> Position {
    Position { x: (lon * 1e7).round() as i32, y: (lat * 1e7).round() as i32 }
}

/// Factories by id. The index of a factory is its node in the table of travel times.
struct Factories<'t> {
    file: &'t str,
    places: Vec<Position>,
    /// Of each factory: how many vehicles it serves at a time.
    docks: Vec<u32>,
    nodes: BTreeMap<String, usize>,
}

impl<'t> Factories<'t> {
    fn read(file: NamedText<'t>) -> Result<Self, ImportError> {
        let table = Table::read(file, b',')?.not_empty()?.at_most(FACTORIES_MAX)?;
        let mut this = Self { file: table.file(), places: Vec::new(), docks: Vec::new(), nodes: BTreeMap::new() };
        for row in table.rows() {
            let (lon, lat) = (row.number("longitude", -180.0, 180.0)?, row.number("latitude", -90.0, 90.0)?);
            this.docks.push(row.number("port_num", 1.0, DOCKS_MAX)? as u32);
            this.nodes.insert(row.text("factory_id")?.to_owned(), this.places.len());
            // The table of travel times is asked by place: two factories at one place are set apart by 1e-7 degrees (1 cm).
            let mut distinct = place(lon, lat);
            while this.places.contains(&distinct) {
                distinct.x += 1;
            }
            this.places.push(distinct);
        }
        Ok(this)
    }

    /// The place of the factory that a cell names.
    fn place(&self, row: &Row<'_>, column: &'static str) -> Result<Position, ImportError> {
        let node = self.nodes.get(row.text(column)?);
        node.map(|&node| self.places[node]).ok_or_else(|| row.unknown(column, self.file))
    }
}

/// Seconds and metres between all factories, row by row; zero where the file has no row. Rows about other factories are
/// left out.
fn legs(file: NamedText<'_>, factories: &Factories<'_>) -> Result<(Vec<u32>, Vec<u32>), ImportError> {
    let n = factories.places.len();
    let (mut seconds, mut metres) = (vec![0u32; n * n], vec![0u32; n * n]);
    for row in Table::read(file, b',')?.rows() {
        let node = |column| Ok(factories.nodes.get(row.text(column)?));
        if let (Some(&from), Some(&to)) = (node("start_factory_id")?, node("end_factory_id")?) {
            seconds[from * n + to] = row.number("time", 0.0, LEG_SECONDS_MAX)? as u32;
            metres[from * n + to] = (row.number("distance", 0.0, LEG_KILOMETRES_MAX)? * 1000.0).round() as u32;
        }
    }
    Ok((seconds, metres))
}

/// Adds the order of a row. An order that is larger than a vehicle is split into parts, which share its service times by
/// size; others are not split.
fn add_orders(
    row: &Row<'_>,
    factories: &Factories<'_>,
    capacity: i32,
    margin: i64,
    events: &mut Vec<(Timestamp, Event)>,
) -> Result<(), ImportError> {
    let created = clock(row, "creation_time")?;
    let due = clock(row, "committed_completion_time")?;
    // Due earlier than it was created means due on the next day.
    let due = if due < created { due + 86_400 } else { due };
    let demand = i64::from((row.number("demand", 0.0, PALLETS_MAX)? * PALLET).round() as i32);
    let room = i64::from(capacity).max(1);
    let parts = (demand.max(1) - 1) / room + 1;
    if parts > PARTS_MAX {
        return Err(row.refuse("demand", "is more than a thousand vehicles can carry"));
    }
    for part in 0..parts {
        let load = (demand.min((part + 1) * i64::from(capacity)) - part * i64::from(capacity)) as i32;
        let share = |column| -> Result<i64, ImportError> {
            Ok((row.number(column, 0.0, SERVICE_SECONDS_MAX)? * f64::from(load) / demand.max(1) as f64).round() as i64)
        };
        let suffix = if parts == 1 { String::new() } else { format!("-{}", part + 1) };
        let order = Order {
            name: name(row, "", "order_id", &suffix)?,
            work: OrderWork::Shipment(Shipment {
                pickup: stop(factories.place(row, "pickup_id")?, share("load_time")?, DOCKING_SECONDS),
                delivery: stop(factories.place(row, "delivery_id")?, share("unload_time")?, DOCKING_SECONDS),
            }),
            load: Load([load, 0, 0, 0]),
            skills: Vec::new(),
            priority: 0,
            release: None,
            // The competition counts an order as delivered when the vehicle arrives, before docking; here service begins after
            // docking, so that the due time allows for it.
            promised: Some(second(due + DOCKING_SECONDS - margin)),
            placed: second(created),
        };
        events.push((second(created), Event::OrderCreated(order)));
    }
    Ok(())
}

/// Seconds from midnight of a time of day written as `HH:MM:SS`.
fn clock(row: &Row<'_>, column: &'static str) -> Result<i64, ImportError> {
    let parts: Option<Vec<i64>> = row.text(column)?.split(':').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some(&[hours @ 0..=99, minutes @ 0..=59, seconds @ 0..=59]) => Ok(hours * 3600 + minutes * 60 + seconds),
        _ => Err(row.refuse(column, "is not HH:MM:SS")),
    }
}

/// Where vehicles begin, by their names.
fn vehicle_starts(file: NamedText<'_>) -> Result<BTreeMap<String, Position>, ImportError> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "type")]
        kind: String,
        driver: Option<String>,
        lon: Option<f64>,
        lat: Option<f64>,
    }
    let mut starts = BTreeMap::new();
    for (index, text) in file.text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let malformed =
            |what: String| ImportError::Malformed { file: file.name.to_owned(), line: index as u64 + 1, what };
        let line: Line = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if let (Some(driver), Some(lon), Some(lat)) = (line.driver, line.lon, line.lat)
            && line.kind == "driver.online"
        {
            if !(-180.0..=180.0).contains(&lon) || !(-90.0..=90.0).contains(&lat) {
                return Err(malformed(format!("longitude {lon}, latitude {lat} is not on earth")));
            }
            starts.insert(driver, place(lon, lat));
        }
    }
    Ok(starts)
}

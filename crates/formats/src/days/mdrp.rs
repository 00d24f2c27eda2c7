//! The meal delivery routing problem (Reyes, Erera, Savelsbergh, Sahasrabudhe & O'Neil, "The Meal Delivery Routing Problem",
//! 2018): recorded days of meal orders with their restaurants and couriers. Whole minutes from midnight, metres on a plane.

use std::collections::BTreeMap;

use fleetfold_model::{
    Diversion, Event, Load, Millis, NetworkSpec, Order, OrderWork, Policy, Position, Shift, Shipment, Space, Timestamp,
    Vehicle, VehicleCosts,
};

use super::table::{NamedText, Row, Table};
use super::{ImportError, ImportedDay, MIDNIGHT, Rules, name, opened, stop};

/// Latest time of an instance, in minutes from midnight: some two years. The sets cover one day.
const MINUTES_MAX: f64 = 1e6;
/// Longest service, in minutes: one day, which is the most that an event can say.
const SERVICE_MINUTES_MAX: f64 = 1_440.0;
/// Largest distance from the origin of the plane, in metres: the most that an event can say.
const METRES_MAX: f64 = 2e6;

/// The files of one instance, tab-separated.
#[derive(Clone, Copy, Debug)]
pub struct MdrpFiles<'t> {
    /// Name of the instance; it becomes part of the day's title.
    pub instance: &'t str,
    /// `instance_parameters.txt`: speed, service times and the target for the time from click to door.
    pub parameters: NamedText<'t>,
    /// `restaurants.txt`: where meals are picked up.
    pub restaurants: NamedText<'t>,
    /// `couriers.txt`: where and when couriers begin, and when they end.
    pub couriers: NamedText<'t>,
    /// `orders.txt`: where meals go, when they were ordered and when they are ready.
    pub orders: NamedText<'t>,
}

/// Imports one instance.
///
/// The published times are stamped in the middle of the service at each end: service takes four minutes, two before the
/// stamp and two after it. A pickup is stamped at max(the last meal is ready, arrival + 2 minutes), and the courier leaves two
/// minutes later, once for all meals of a bundle. Here every restaurant has a set-up of four minutes and no service, and a meal
/// is released two minutes after it is ready; departures are then the same for a bundle of any size. A door is stamped two
/// minutes after arrival: two minutes of set-up, then two of service.
///
/// By the published rules a courier carries meals of one restaurant at a time, is given no more of them once he has left for it, and is
/// not turned on his way; decisions are taken every minute.
///
/// # Errors
///
/// A table that makes no sense, with its line and column.
pub fn mdrp(files: &MdrpFiles<'_>, rules: Rules) -> Result<ImportedDay, ImportError> {
    let parameters = Table::read(files.parameters, b'\t')?.not_empty()?;
    let Some(parameters) = parameters.rows().next() else {
        return Err(ImportError::Empty { file: files.parameters.name.to_owned() });
    };
    let pickup_service = parameters.number("pickup service minutes", 0.0, SERVICE_MINUTES_MAX)? as i64 * 60;
    let door_service = parameters.number("dropoff service minutes", 0.0, SERVICE_MINUTES_MAX)? as i64 * 60;
    let target = parameters.number("target click-to-door", 0.0, MINUTES_MAX)? as i64;
    let metres_per_minute = parameters.number("meters_per_minute", 1.0, 1e6)?;
    let restaurants_table = Table::read(files.restaurants, b'\t')?;
    // The published score counts when meals arrive, not how far couriers drive: an hour between order and delivery costs as much as ten
    // hours of driving, and where nothing but that score counts, as much as a hundred.
    let per_hour = match rules {
        Rules::Usual => 3_000_000,
        Rules::Published => 300_000,
    };
    let mut restaurants = BTreeMap::new();
    for row in restaurants_table.rows() {
        restaurants.insert(row.text("restaurant")?, place(&row)?);
    }
    let mut events = Vec::new();
    for row in Table::read(files.couriers, b'\t')?.rows() {
        let vehicle = name(&row, "courier-", "courier", "")?;
        let (starts, ends) = (minute(&row, "on_time")?, minute(&row, "off_time")?);
        if ends < starts {
            return Err(row.refuse("off_time", "is before on_time"));
        }
        let registered = Vehicle {
            name: vehicle.clone(),
            capacity: Load([i32::MAX / 4; 4]),
            skills: Vec::new(),
            costs: VehicleCosts { per_hour, per_km: 0, fixed: 0 },
            time_factor: 1000,
            start: place(&row)?,
            end: None,
            shift: Some(Shift { starts, ends, breaks: Vec::new() }),
            stops_max: None,
            lifo: false,
            driving_time: None,
            reload: None,
        };
        events.push((starts, Event::VehicleRegistered(registered)));
        events.push((starts, Event::ShiftStarted { vehicle, shift: None, position: None }));
    }
    for row in Table::read(files.orders, b'\t')?.rows() {
        let kitchen = restaurants.get(row.text("restaurant")?).copied();
        let kitchen = kitchen.ok_or_else(|| row.unknown("restaurant", restaurants_table.file()))?;
        let placed = minute(&row, "placement_time")?;
        let order = Order {
            name: name(&row, "order-", "order", "")?,
            work: OrderWork::Shipment(Shipment {
                pickup: stop(kitchen, 0, pickup_service),
                delivery: stop(place(&row)?, door_service - door_service / 2, door_service / 2),
            }),
            load: Load([1000, 0, 0, 0]),
            skills: Vec::new(),
            priority: 0,
            release: Some(minute(&row, "ready_time")? + Millis::from_seconds(pickup_service / 2)),
            promised: Some(placed + Millis::from_seconds(target * 60)),
            placed,
        };
        events.push((placed, Event::OrderCreated(order)));
    }
    let start = events.iter().map(|&(at, _)| at).min().unwrap_or(Timestamp(MIDNIGHT));
    let policy = Policy {
        flow_cost_per_hour: 30_000_000,
        lateness_cost_per_hour: 30_000_000,
        departure_margin: Millis(0),
        deliver_after_shift: true,
        change_cost: 100_000,
        publish_gain_min: 50_000,
        ..Policy::default()
    };
    let policy = match rules {
        Rules::Usual => policy,
        Rules::Published => {
            // Times of such a day are exact: there is nothing to learn. They are whole minutes, so that everything of one minute is decided
            // together, and a courier who leaves some seconds behind it is there in the same minute.
            Policy {
                one_pickup_place: true,
                add_after_departure: false,
                diversion: Diversion::Never,
                learn: false,
                decide_every: Millis(60_000),
                // Who goes is who is missed least: the next meal may be ready where he stands.
                coverage_cost_per_hour: 30_000_000,
                ..policy
            }
        }
    };
    let network =
        NetworkSpec::Line { space: Space::Planar, metres_per_minute, detour_percent: 100, round_up_seconds: 60 };
    let title = format!("MDRP {}", files.instance);
    Ok(ImportedDay::new(title, &network, opened(Space::Planar, start, policy), events))
}

/// Minutes from midnight as an instant.
fn minute(row: &Row<'_>, column: &'static str) -> Result<Timestamp, ImportError> {
    Ok(Timestamp(MIDNIGHT + row.number(column, 0.0, MINUTES_MAX)? as i64 * 60_000))
}

/// Metres on the plane as a place.
fn place(row: &Row<'_>) -> Result<Position, ImportError> {
    let millimetres =
        |column| row.number(column, -METRES_MAX, METRES_MAX).map(|metres| (metres * 1000.0).round() as i32);
    Ok(Position { x: millimetres("x")?, y: millimetres("y")? })
}

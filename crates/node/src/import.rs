//! Public recorded days into the day format. Travel times hold to the minute (mdrp) or second (dpdp).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use fleetfold_model::{
    Event, Load, Millis, Name, NetworkSpec, Order, OrderWork, Policy, Position, Shift, Shipment, Space, StopSpec,
    Timestamp, Vehicle, VehicleCosts, ZoneOpened,
};
use fleetfold_wire::{DayHeader, DayLine, encode, network_to_json};

use crate::args::{Format, Import};
use crate::failure::Failure;

/// The public days have no date; this one is as good as any.
const MIDNIGHT: i64 = 1_609_459_200_000; // 2021-01-01

/// Rows of a table by column name.
type Rows = Vec<BTreeMap<String, String>>;

fn rows(path: &Path, separator: char) -> Result<Rows, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give the folder of one instance"))?;
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or("").split(separator).map(str::trim).collect();
    Ok(lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            head.iter().map(ToString::to_string).zip(line.split(separator).map(|cell| cell.trim().to_owned())).collect()
        })
        .collect())
}

fn number(row: &BTreeMap<String, String>, column: &str) -> Result<f64, Failure> {
    row.get(column).and_then(|cell| cell.parse().ok()).ok_or_else(|| {
        Failure::new(format!("column {column:?} is missing or no number in {row:?}"), "give the folder of one instance")
    })
}

fn text<'a>(row: &'a BTreeMap<String, String>, column: &str) -> Result<&'a str, Failure> {
    row.get(column)
        .map(String::as_str)
        .ok_or_else(|| Failure::new(format!("column {column:?} is missing"), "give the folder of one instance"))
}

fn name(prefix: &str, id: &str) -> Result<Name, Failure> {
    Name::new(&format!("{prefix}{id}"))
        .ok_or_else(|| Failure::new(format!("{id:?} is no id"), "ids have 1 to 64 visible characters"))
}

fn stop(position: Position, service: i64, setup: i64) -> StopSpec {
    StopSpec {
        position,
        windows: Vec::new(),
        service: Millis::from_seconds(service),
        setup: Millis::from_seconds(setup),
    }
}

pub(crate) fn import(args: &Import) -> Result<ExitCode, Failure> {
    let (header, space, mut facts) = match args.format {
        Format::Mdrp => mdrp(&args.folder)?,
        Format::Dpdp => dpdp(&args.folder)?,
    };
    facts.sort_by_key(|&(at, _)| at);
    crate::out::say!("{}", DayLine::Header(Box::new(header)).to_text());
    for (index, (at, event)) in facts.iter().enumerate() {
        let event = DayLine::of(&encode(event, space, "/import", &index.to_string(), *at));
        crate::out::say!("{}", event.to_text());
    }
    Ok(ExitCode::SUCCESS)
}

type Imported = (DayHeader, Space, Vec<(Timestamp, Event)>);

fn opened(space: Space, at: Timestamp, policy: Policy) -> (Timestamp, Event) {
    let zone = ZoneOpened {
        timezone: "UTC".to_owned(),
        space,
        day_start: at,
        log_start: at,
        utc_offset: Millis(0),
        rate: 1,
        policy,
    };
    (at, Event::ZoneOpened(zone))
}

/// Meals: whole minutes, planar metres, click-to-door.
///
/// The published times are stamped in the middle of four minutes of service at each end. A pickup is stamped at
/// max(all ready, arrival + 2) and left two minutes later, once for a bundle: here a set-up of four minutes per place, no
/// service, and a release two minutes after ready, which gives the same departures for any bundle. A door is stamped two minutes
/// after arrival: two minutes of set-up, then two of service.
fn mdrp(folder: &Path) -> Result<Imported, Failure> {
    let minute = |row: &BTreeMap<String, String>, column: &str| -> Result<Timestamp, Failure> {
        Ok(Timestamp(MIDNIGHT + number(row, column)? as i64 * 60_000))
    };
    let place = |row: &BTreeMap<String, String>| -> Result<Position, Failure> {
        Ok(Position { x: (number(row, "x")? * 1000.0).round() as i32, y: (number(row, "y")? * 1000.0).round() as i32 })
    };
    let parameters = rows(&folder.join("instance_parameters.txt"), '\t')?;
    let parameters = parameters
        .first()
        .ok_or_else(|| Failure::new("instance_parameters.txt is empty", "give the folder of one instance"))?;
    let pickup_service = number(parameters, "pickup service minutes")? as i64 * 60;
    let door_service = number(parameters, "dropoff service minutes")? as i64 * 60;
    let target = number(parameters, "target click-to-door")? as i64;
    let metres_per_minute = number(parameters, "meters_per_minute")?;
    let mut restaurants = BTreeMap::new();
    for row in rows(&folder.join("restaurants.txt"), '\t')? {
        restaurants.insert(text(&row, "restaurant")?.to_owned(), place(&row)?);
    }
    let mut facts = Vec::new();
    for row in rows(&folder.join("couriers.txt"), '\t')? {
        let vehicle = name("courier-", text(&row, "courier")?)?;
        let (starts, ends) = (minute(&row, "on_time")?, minute(&row, "off_time")?);
        facts.push((
            starts,
            Event::VehicleRegistered(Vehicle {
                name: vehicle.clone(),
                capacity: Load([i32::MAX / 4; 4]),
                skills: Vec::new(),
                costs: VehicleCosts { per_hour: 3_000_000, per_km: 0, fixed: 0 },
                time_factor: 1000,
                start: place(&row)?,
                end: None,
                shift: Some(Shift { starts, ends, breaks: Vec::new() }),
                stops_max: None,
                lifo: false,
            }),
        ));
        facts.push((starts, Event::ShiftStarted { vehicle, shift: None, position: None }));
    }
    for row in rows(&folder.join("orders.txt"), '\t')? {
        let restaurant = text(&row, "restaurant")?;
        let kitchen = *restaurants.get(restaurant).ok_or_else(|| {
            Failure::new(format!("unknown restaurant {restaurant}"), "give the folder of one instance")
        })?;
        let placed = minute(&row, "placement_time")?;
        let order = Order {
            name: name("order-", text(&row, "order")?)?,
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
        facts.push((placed, Event::OrderCreated(order)));
    }
    let start = facts.iter().map(|&(at, _)| at).min().unwrap_or(Timestamp(MIDNIGHT));
    let policy = Policy {
        // Judged by when, not by how far: an hour from click to door weighs as much as ten of driving.
        flow_cost_per_hour: 30_000_000,
        lateness_cost_per_hour: 30_000_000,
        departure_margin: Millis(0),
        deliver_after_shift: true,
        change_cost: 100_000,
        publish_gain_min: 50_000,
        ..Policy::default()
    };
    facts.insert(0, opened(Space::Planar, start, policy));
    let network =
        NetworkSpec::Line { space: Space::Planar, metres_per_minute, detour_percent: 100, round_up_seconds: 60 };
    let title = format!("MDRP {}", folder.file_name().unwrap_or_default().to_string_lossy());
    Ok((header(title, &network), Space::Planar, facts))
}

fn header(title: String, network: &NetworkSpec) -> DayHeader {
    DayHeader { network: Some(network_to_json(network)), exact_drivers: true, ..DayHeader::new(title) }
}

/// Seconds of `HH:MM:SS`.
fn clock(text: &str) -> Result<i64, Failure> {
    let parts: Vec<i64> = text.split(':').filter_map(|part| part.parse().ok()).collect();
    match parts[..] {
        [hours, minutes, seconds] => Ok(hours * 3600 + minutes * 60 + seconds),
        _ => Err(Failure::new(format!("{text:?} is not HH:MM:SS"), "give the folder of one instance")),
    }
}

/// Factory to factory: a table of times, last in first out, half an hour for a dock at each place.
///
/// What this leaves out: queues for the six docks of a factory, and decisions only every ten minutes (here they are taken
/// at once).
fn dpdp(folder: &Path) -> Result<Imported, Failure> {
    let parent = folder.parent().unwrap_or_else(|| Path::new("."));
    let instance = folder.file_name().unwrap_or_default().to_string_lossy().to_string();
    let mut places = Vec::new();
    let mut index = BTreeMap::new();
    for row in rows(&parent.join("factory_info.csv"), ',')? {
        let position = Position {
            x: (number(&row, "longitude")? * 1e7).round() as i32,
            y: (number(&row, "latitude")? * 1e7).round() as i32,
        };
        index.insert(text(&row, "factory_id")?.to_owned(), places.len());
        // Two factories at one place would share a row of the table: a hair apart keeps them distinct.
        let mut distinct = position;
        while places.contains(&distinct) {
            distinct.x += 1;
        }
        places.push(distinct);
    }
    let n = places.len();
    let (mut seconds, mut metres) = (vec![0u32; n * n], vec![0u32; n * n]);
    for row in rows(&parent.join("route_info.csv"), ',')? {
        if let (Some(&a), Some(&b)) =
            (index.get(text(&row, "start_factory_id")?), index.get(text(&row, "end_factory_id")?))
        {
            seconds[a * n + b] = number(&row, "time")? as u32;
            metres[a * n + b] = (number(&row, "distance")? * 1000.0).round() as u32;
        }
    }
    let find = |prefix: &str| -> Result<std::path::PathBuf, Failure> {
        std::fs::read_dir(folder)?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                let file = path.file_name().unwrap_or_default().to_string_lossy().to_string();
                path.extension().is_some_and(|extension| extension == "csv")
                    && file.starts_with("vehicle_info") == (prefix == "vehicle_info")
            })
            .ok_or_else(|| {
                Failure::new(format!("no {prefix} file in {}", folder.display()), "give a folder instance_N")
            })
    };
    let at = |second: i64| Timestamp(MIDNIGHT + second * 1000);
    let mut facts = Vec::new();
    let mut capacity = i32::MAX / 4;
    let starts = vehicle_starts(&parent.join("events").join(format!("{instance}.jsonl")));
    for (number_of, row) in rows(&find("vehicle_info")?, ',')?.iter().enumerate() {
        let id = text(row, "car_num")?;
        let vehicle = name("", id)?;
        capacity = (number(row, "capacity")? * 1000.0) as i32;
        let start = starts.get(id).copied().unwrap_or(places[number_of % n]);
        let (from, to) = (at(0), at(4 * 24 * 3600));
        facts.push((
            from,
            Event::VehicleRegistered(Vehicle {
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
            }),
        ));
        facts.push((from, Event::ShiftStarted { vehicle, shift: None, position: None }));
    }
    for row in rows(&find("orders")?, ',')? {
        let created = clock(text(&row, "creation_time")?)?;
        let due = clock(text(&row, "committed_completion_time")?)?;
        let due = if due < created { due + 86_400 } else { due };
        let factory = |column: &str| -> Result<Position, Failure> {
            let id = text(&row, column)?;
            index.get(id).map(|&at| places[at]).ok_or_else(|| {
                Failure::new(format!("unknown factory {id}"), "keep factory_info.csv beside the instance")
            })
        };
        // An order is split only when it is larger than a vehicle; the parts share its times by size.
        let demand = (number(&row, "demand")? * 1000.0).round() as i32;
        let parts = (demand.max(1) - 1) / capacity.max(1) + 1;
        for part in 0..parts {
            let load = demand.min((part + 1) * capacity) - part * capacity;
            let share = |column: &str| -> Result<i64, Failure> {
                Ok((number(&row, column)? * f64::from(load) / f64::from(demand.max(1))).round() as i64)
            };
            let suffix = if parts == 1 { String::new() } else { format!("-{}", part + 1) };
            let order = Order {
                name: name("", &format!("{}{suffix}", text(&row, "order_id")?))?,
                work: OrderWork::Shipment(Shipment {
                    pickup: stop(factory("pickup_id")?, share("load_time")?, 1800),
                    // Delivered counts on arrival, before docking: the dock's half hour is allowed for in the due time.
                    delivery: stop(factory("delivery_id")?, share("unload_time")?, 1800),
                }),
                load: Load([load, 0, 0, 0]),
                skills: Vec::new(),
                priority: 0,
                release: None,
                promised: Some(at(due + 1800)),
                placed: at(created),
            };
            facts.push((at(created), Event::OrderCreated(order)));
        }
    }
    let policy = Policy {
        unserved_cost: 1_000_000_000_000,
        // The published score: 10,000 per hour of lateness beside kilometres per vehicle.
        lateness_cost_per_hour: 10_000_000_000,
        departure_margin: Millis(0),
        change_cost: 1_000_000,
        publish_gain_min: 500_000,
        ..Policy::default()
    };
    facts.insert(0, opened(Space::Geographic, at(0), policy));
    let network = NetworkSpec::Table { space: Space::Geographic, places, seconds, metres };
    Ok((header(format!("DPDP {instance}"), &network), Space::Geographic, facts))
}

/// Where vehicles begin, from the converted events beside the instances.
fn vehicle_starts(path: &Path) -> BTreeMap<String, Position> {
    let mut starts = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        if value["type"] == "driver.online"
            && let (Some(driver), Some(lon), Some(lat)) =
                (value["driver"].as_str(), value["lon"].as_f64(), value["lat"].as_f64())
        {
            starts.insert(driver.to_owned(), Position { x: (lon * 1e7).round() as i32, y: (lat * 1e7).round() as i32 });
        }
    }
    starts
}

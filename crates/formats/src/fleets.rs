//! Benchmarks of fleets whose vehicles differ: the texts of Golden, Assad, Levy & Gheysens and of Taillard with vehicles of several
//! types, and the texts of Cordeau with several depots. Both measure Euclidean lengths as real numbers.
//!
//! Absent on purpose: Cordeau's periodic and site-dependent problems, which are refused by name.

use fleetfold_solver::{Legs, NodeIx, ProblemSpec, Rounding, Stop, TIME_MAX, TourIx, TourSpec};

use crate::benchmark::{LOAD_MAX, Prices, Row, UNSERVED, instance};
use crate::error::ReadError;
use crate::format::Objective;
use crate::instance::Instance;

/// Length units of the solver in a length unit of the file. Costs of the literature have two decimals, and a route has tens of legs.
const SCALE: f64 = 10_000.0;
/// Largest price of a leg in the solver's price units, an eighth of what it can hold.
const LEG_PRICE_MAX: f64 = (i32::MAX / 32) as f64;
/// Largest coordinate, length and price of a file.
const NUMBER_MAX: f64 = 1e7;
/// A limit of the length of routes from here on is none: the files write 999999 where there is no limit.
const UNLIMITED: f64 = 999_999.0;
/// Longest service at a customer: a fifth of the solver's range of times.
const SERVICE_MAX: f64 = 20_000.0;
/// Most depots: each is a bit of a number.
const DEPOTS_MAX: f64 = 30.0;
/// Most vehicles of a type or of a depot.
const VEHICLES_MAX: f64 = 1e6;

/// The lines of numbers. A line that begins with `//` is a comment; everything else is refused.
fn rows(text: &str) -> Result<Vec<Row>, ReadError> {
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        let values: Option<Vec<f64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let none = || ReadError::malformed(crate::error::Spot::Line(number), "numbers were expected");
        rows.push(Row { line: number, values: values.ok_or_else(none)? });
    }
    Ok(rows)
}

/// The next line, or what is missing there.
fn next<'r>(rows: &mut impl Iterator<Item = &'r Row>, what: &str) -> Result<&'r Row, ReadError> {
    rows.next().ok_or_else(|| ReadError::malformed(None, format!("the file ends where {what} was expected")))
}

/// No line is left.
fn end<'r>(mut rows: impl Iterator<Item = &'r Row>) -> Result<(), ReadError> {
    match rows.next() {
        None => Ok(()),
        Some(row) => Err(ReadError::malformed(row.at(), "the file should end before this line")),
    }
}

/// A place, from two columns.
fn place(row: &Row, column: usize) -> Result<(f64, f64), ReadError> {
    let range = -NUMBER_MAX..=NUMBER_MAX;
    Ok((row.in_range(column, "x", &range)?, row.in_range(column + 1, "y", &range)?))
}

/// How many length units of the solver are one of the file: [`SCALE`], or the largest smaller power of ten with which the longest leg,
/// at the highest price of a length unit, is still within the solver's range.
fn scale(places: &[(f64, f64)], price: f64) -> Result<f64, ReadError> {
    let bound = |axis: fn(&(f64, f64)) -> f64, pick: fn(f64, f64) -> f64| places.iter().map(axis).reduce(pick);
    let span =
        |axis: fn(&(f64, f64)) -> f64| bound(axis, f64::max).unwrap_or(0.0) - bound(axis, f64::min).unwrap_or(0.0);
    let longest = span(|place| place.0).hypot(span(|place| place.1));
    let mut scale = SCALE;
    while longest * price.max(1.0) * scale > LEG_PRICE_MAX {
        scale /= 10.0;
        if scale < 1.0 {
            let what = format!(
                "a leg of {longest} at a price of {price} per length unit is more than can be computed exactly"
            );
            return Err(ReadError::impossible(None, what));
        }
    }
    Ok(scale)
}

/// The end of a shift that begins at 0 and lasts as long as a route may: driving and service.
fn end_by(limit: f64, scale: f64) -> i32 {
    // A limit beyond the range of times is none.
    if limit == 0.0 || limit >= UNLIMITED { TIME_MAX } else { (limit * scale).min(f64::from(TIME_MAX)) as i32 }
}

/// A customer: how much it gets and how long that takes.
fn stop(node: usize, demand: i32, service: i32) -> Stop {
    Stop { service, load: [demand, 0, 0, 0], unserved: UNSERVED, ..Stop::job(NodeIx(node as u32)) }
}

fn service(value: f64, scale: f64) -> i32 {
    (value * scale).round() as i32
}

/// The length of a leg is rounded to the nearest unit and its time up, so that a route within its limit is within it in real numbers.
fn plane(places: Vec<(f64, f64)>, scale: f64) -> Legs {
    Legs::Plane { places, scale, length: Rounding::Nearest, time: Rounding::Up }
}

/// A type of vehicle in a file of Golden's and Taillard's problems.
struct Type {
    count: i32,
    capacity: i32,
    fixed: f64,
    per_length: f64,
}

/// Reads a problem with vehicles of several types: how many there are of each, what they hold, and what they cost to use and per length
/// unit. The cost of a plan is the sum of both.
pub(crate) fn mixed(text: &str, objective: Objective) -> Result<Instance, ReadError> {
    let rows = rows(text)?;
    let mut rows = rows.iter();
    let head = next(&mut rows, "the number of customers and vehicle types")?;
    let customers = head.whole(0, "number of customers", &(1.0..=1e9))? as usize;
    ReadError::unless_few("customers", customers)?;
    let kinds = head.whole(1, "number of vehicle types", &(1.0..=10_000.0))?;
    let limit = head.in_range(2, "longest route", &(0.0..=1e12))?;
    let length = 0.0..=NUMBER_MAX;
    let service_time = head.in_range(3, "service time", &(0.0..=SERVICE_MAX))?;
    let mut types = Vec::new();
    for _ in 0..kinds {
        let row = next(&mut rows, "a vehicle type")?;
        types.push(Type {
            count: row.whole(0, "number of vehicles", &(0.0..=VEHICLES_MAX))?,
            capacity: row.whole(1, "capacity", &(0.0..=LOAD_MAX))?,
            fixed: row.in_range(2, "fixed cost", &length)?,
            per_length: row.in_range(3, "cost per distance unit", &(0.0..=10_000.0))?,
        });
    }
    let vehicles: usize = types.iter().map(|kind| kind.count as usize).sum();
    ReadError::unless_few("vehicles", vehicles)?;
    if vehicles == 0 {
        return Err(ReadError::malformed(None, "at least one vehicle is needed"));
    }
    let mut places = vec![place(next(&mut rows, "the depot")?, 0)?];
    let mut demands = Vec::new();
    for _ in 0..customers {
        let row = next(&mut rows, "a customer")?;
        places.push(place(row, 0)?);
        demands.push(row.whole(2, "demand", &(0.0..=LOAD_MAX))?);
    }
    end(rows)?;
    let dearest = types.iter().map(|kind| kind.per_length).fold(0.0, f64::max);
    let scale = scale(&places, dearest)?;
    let prices = Prices::of_benchmark(objective, scale);
    let stops = (1..).zip(demands).map(|(node, demand)| stop(node, demand, service(service_time, scale))).collect();
    let mut tours = Vec::with_capacity(vehicles);
    for kind in &types {
        let (fixed, per_km) = match objective {
            Objective::Dispatch => (prices.fixed, prices.per_km),
            Objective::Distance | Objective::Vehicles => {
                (prices.fixed + (kind.fixed * scale).round() as i64, (kind.per_length * 1000.0).round() as i64)
            }
        };
        let tour = TourSpec {
            end_node: NodeIx(0),
            end_by: end_by(limit, scale),
            capacity: [kind.capacity, 0, 0, 0],
            fixed,
            per_hour: prices.per_hour,
            per_km,
            ..TourSpec::at(NodeIx(0))
        };
        tours.extend(std::iter::repeat_n(tour, kind.count as usize));
    }
    let legs = plane(places, scale);
    let spec = ProblemSpec { stops, tours, legs, weights: prices.weights, ..ProblemSpec::default() };
    instance(spec, (1..=customers as u64).collect(), scale, prices.unit)
}

/// What the first number of Cordeau's files says.
const PROBLEMS: [&str; 8] = ["VRP", "PVRP", "MDVRP", "SDVRP", "VRPTW", "PVRPTW", "MDVRPTW", "SDVRPTW"];

/// A customer of Cordeau's files.
struct Customer {
    demand: i32,
    service: f64,
    /// One bit for each depot that may serve it.
    depots: u32,
    window: Option<(f64, f64)>,
}

/// Reads a problem with several depots, with or without time windows. A vehicle ends at the depot at which it starts.
pub(crate) fn depots(text: &str, objective: Objective) -> Result<Instance, ReadError> {
    let rows = rows(text)?;
    let mut rows = rows.iter();
    let head = next(&mut rows, "the type of the problem")?;
    let kind = head.whole(0, "type of the problem", &(0.0..=7.0))?;
    let timed = match kind {
        2 => false,
        6 => true,
        other => {
            let name = PROBLEMS[other as usize];
            let what = format!("type {other} ({name}) is not read: 2 (MDVRP) and 6 (MDVRPTW) are");
            return Err(ReadError::unsupported(head.at(), what));
        }
    };
    let vehicles = head.whole(1, "number of vehicles of a depot", &(1.0..=VEHICLES_MAX))? as usize;
    let count = head.whole(2, "number of customers", &(1.0..=1e9))? as usize;
    ReadError::unless_few("customers", count)?;
    let depots = head.whole(3, "number of depots", &(1.0..=DEPOTS_MAX))? as usize;
    ReadError::unless_few("vehicles", vehicles * depots)?;
    let mut limits = Vec::new();
    for _ in 0..depots {
        let row = next(&mut rows, "the limits of a depot's vehicles")?;
        limits.push((
            row,
            row.in_range(0, "longest route", &(0.0..=1e12))?,
            row.whole(1, "capacity", &(0.0..=LOAD_MAX))?,
        ));
    }
    let (mut places, mut customers) = (Vec::new(), Vec::new());
    for index in 1..=count {
        let (row, at) = numbered(&mut rows, index, "customer")?;
        places.push(at);
        customers.push(customer(row, depots, timed)?);
    }
    let mut shifts = Vec::new();
    for index in count + 1..=count + depots {
        let (row, at) = numbered(&mut rows, index, "depot")?;
        places.push(at);
        shifts.push(if timed { window(row, 7)? } else { None });
    }
    end(rows)?;
    let scale = scale(&places, 1.0)?;
    let prices = Prices::of_benchmark(objective, scale);
    let windows = shifts.iter().flatten().chain(customers.iter().filter_map(|its| its.window.as_ref()));
    let latest = f64::from(TIME_MAX) / 2.0 / scale;
    if let Some((_, closes)) = windows.into_iter().find(|(_, closes)| *closes > latest) {
        return Err(ReadError::impossible(None, format!("a window closes at {closes}: 0 to {latest} is read")));
    }
    let time = |value: f64| (value * scale).round() as i32;
    let mut tours = Vec::with_capacity(vehicles * depots);
    for (index, (&(row, limit, capacity), shift)) in limits.iter().zip(&shifts).enumerate() {
        let (start_at, until) = match *shift {
            None => (0, end_by(limit, scale)),
            Some((opens, closes)) => {
                // A vehicle may start later than its depot opens, and its route is then shorter than its shift.
                if limit != 0.0 && limit < closes - opens {
                    let what = format!(
                        "routes of at most {limit} in a depot that is open for {}: a limit beside time windows is not read",
                        closes - opens
                    );
                    return Err(ReadError::unsupported(row.at(), what));
                }
                (time(opens), time(closes))
            }
        };
        let node = NodeIx((count + index) as u32);
        let tour = TourSpec {
            start_at,
            end_node: node,
            end_by: until,
            capacity: [capacity, 0, 0, 0],
            fixed: prices.fixed,
            per_hour: prices.per_hour,
            per_km: prices.per_km,
            ..TourSpec::at(node)
        };
        tours.extend(std::iter::repeat_n(tour, vehicles));
    }
    let stop = |(node, its): (usize, &Customer)| {
        let mut stop = stop(node, its.demand, service(its.service, scale));
        if let Some((opens, closes)) = its.window {
            stop.windows = vec![(time(opens), time(closes))];
            stop.due = time(closes);
        }
        let elsewhere = (0..depots).filter(|depot| its.depots >> depot & 1 == 0);
        stop.barred = elsewhere
            .flat_map(|depot| depot * vehicles..(depot + 1) * vehicles)
            .map(|tour| TourIx(tour as u32))
            .collect();
        stop
    };
    let stops = customers.iter().enumerate().map(stop).collect();
    let legs = plane(places, scale);
    let spec = ProblemSpec { stops, tours, legs, weights: prices.weights, ..ProblemSpec::default() };
    instance(spec, (1..=count as u64).collect(), scale, prices.unit)
}

/// The next line, which must begin with this number, and its place.
fn numbered<'r>(
    rows: &mut impl Iterator<Item = &'r Row>,
    index: usize,
    what: &str,
) -> Result<(&'r Row, (f64, f64)), ReadError> {
    let row = next(rows, &format!("{what} {index}"))?;
    if row.whole(0, "number", &(0.0..=1e9))? as usize != index {
        return Err(ReadError::malformed(row.at(), format!("{what} {} where {index} was expected", row.values[0])));
    }
    Ok((row, place(row, 1)?))
}

/// Number, x, y, service, demand, frequency, count of the sets of depots, those sets, and where there are windows the window.
fn customer(row: &Row, depots: usize, timed: bool) -> Result<Customer, ReadError> {
    let service = row.in_range(3, "service time", &(0.0..=SERVICE_MAX))?;
    let demand = row.whole(4, "demand", &(0.0..=LOAD_MAX))?;
    let visits = row.whole(5, "frequency of visits", &(0.0..=1e6))?;
    if visits != 1 {
        return Err(ReadError::unsupported(row.at(), format!("{visits} visits to one customer; 1 is read")));
    }
    let sets = row.whole(6, "count of sets of depots", &(0.0..=1e6))? as usize;
    let all = (1u32 << depots) - 1;
    let mut allowed = 0;
    for column in 7..7 + sets {
        // A set of depots is a number with one bit for each; of a problem with several depots every set is one depot.
        allowed |= row.whole(column, "set of depots", &(1.0..=f64::from(all)))? as u32;
    }
    let depots = if sets == 0 { all } else { allowed };
    let window = if timed { window(row, 7 + sets)? } else { None };
    if row.values.len() > 7 + sets + 2 * usize::from(timed) {
        return Err(ReadError::malformed(
            row.at(),
            format!("{} numbers are more than a customer has", row.values.len()),
        ));
    }
    Ok(Customer { demand, service, depots, window })
}

/// A window in two columns.
fn window(row: &Row, column: usize) -> Result<Option<(f64, f64)>, ReadError> {
    let range = 0.0..=NUMBER_MAX;
    let (opens, closes) =
        (row.in_range(column, "begin of the window", &range)?, row.in_range(column + 1, "end of the window", &range)?);
    if closes < opens {
        let what = format!("the window closes at {closes}, before it opens at {opens}");
        return Err(ReadError::impossible(row.at(), what));
    }
    Ok(Some((opens, closes)))
}

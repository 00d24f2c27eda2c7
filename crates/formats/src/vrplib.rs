//! VRPLIB text: CVRP (the X instances and others of CVRPLIB) and VRPTW with Euclidean coordinates. A section that is not read is
//! refused by its name.

use std::collections::BTreeMap;

use fleetfold_solver::{Legs, NodeIx, Problem, ProblemSpec, Rounding, Stop, TIME_MAX, TourSpec};

use crate::benchmark::{Prices, UNSERVED};
use crate::error::{ReadError, Spot};
use crate::format::Objective;
use crate::instance::Instance;

/// The sections that are read, each with how many numbers follow the node in a line.
const SECTIONS: [(&str, usize); 4] =
    [("NODE_COORD_SECTION", 2), ("DEMAND_SECTION", 1), ("TIME_WINDOW_SECTION", 2), ("SERVICE_TIME_SECTION", 1)];

struct File {
    words: BTreeMap<String, String>,
    sections: BTreeMap<&'static str, BTreeMap<u64, Vec<f64>>>,
    depots: Vec<u64>,
}

fn parse(text: &str) -> Result<File, ReadError> {
    let mut file = File { words: BTreeMap::new(), sections: BTreeMap::new(), depots: Vec::new() };
    let mut section: Option<&str> = None;
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line.trim())) {
        let at = Spot::Line(number);
        if line.is_empty() {
            continue;
        }
        if line == "EOF" {
            break;
        }
        if let Some((key, value)) = line.split_once(':') {
            section = None;
            file.words.insert(key.trim().to_uppercase(), value.trim().to_owned());
            continue;
        }
        if line.chars().next().is_some_and(char::is_alphabetic) {
            let name = line.to_uppercase();
            section = SECTIONS.iter().map(|(known, _)| *known).chain(["DEPOT_SECTION"]).find(|known| *known == name);
            if section.is_none() {
                return Err(ReadError::unsupported(at, format!("{name} is not read")));
            }
            continue;
        }
        let numbers: Option<Vec<f64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let Some(numbers) = numbers else { return Err(ReadError::malformed(at, "numbers were expected")) };
        let (Some(&node), Some(name)) = (numbers.first(), section) else {
            return Err(ReadError::malformed(at, "numbers outside of a section"));
        };
        if name == "DEPOT_SECTION" {
            if node >= 0.0 {
                file.depots.push(node as u64);
            }
            continue;
        }
        let (known, wanted) = SECTIONS.iter().find(|(known, _)| *known == name).expect("sections are known here");
        if numbers.len() != wanted + 1 || !numbers.iter().all(|value| value.is_finite() && value.abs() < 1e7) {
            return Err(ReadError::malformed(at, format!("{known} needs a node and {wanted} numbers")));
        }
        if file.sections.entry(known).or_default().insert(node as u64, numbers[1..].to_vec()).is_some() {
            return Err(ReadError::impossible(at, format!("node {node} stands twice in {known}")));
        }
    }
    Ok(file)
}

/// Reads a problem. CVRP lengths are rounded to the nearest integer; with time windows they are truncated to a tenth.
pub(crate) fn vrplib(text: &str, objective: Objective) -> Result<Instance, ReadError> {
    let file = parse(text)?;
    let word = |name: &str| file.words.get(name).map(String::as_str);
    match word("EDGE_WEIGHT_TYPE") {
        Some("EUC_2D") => {}
        other => {
            let what = format!("EDGE_WEIGHT_TYPE {}: only EUC_2D is read", other.unwrap_or("is missing"));
            return Err(ReadError::unsupported(None, what));
        }
    }
    let missing = |what: &str| ReadError::malformed(None, format!("{what} is missing"));
    let capacity: f64 = word("CAPACITY").and_then(|text| text.parse().ok()).ok_or_else(|| missing("CAPACITY"))?;
    let section = |name: &str| file.sections.get(name).ok_or_else(|| missing(name));
    let coordinates = section("NODE_COORD_SECTION")?;
    let demands = section("DEMAND_SECTION")?;
    let windows = file.sections.get("TIME_WINDOW_SECTION");
    let services = file.sections.get("SERVICE_TIME_SECTION");
    let depot = match file.depots[..] {
        [] => *coordinates.keys().next().ok_or_else(|| ReadError::malformed(None, "there are no nodes"))?,
        [depot] => depot,
        _ => return Err(ReadError::unsupported(None, "DEPOT_SECTION: only one depot is read")),
    };
    ReadError::unless_few("customers", coordinates.len().saturating_sub(1))?;
    if !coordinates.contains_key(&depot) || coordinates.len() < 2 {
        let what = "a depot with coordinates and at least one customer are needed";
        return Err(ReadError::malformed(None, what));
    }
    let scale = if windows.is_some() { 10.0 } else { 1.0 };
    let prices = Prices::of_benchmark(objective, scale);
    let rounding = if windows.is_some() { Rounding::Down } else { Rounding::Nearest };
    let time = |value: f64| (value * scale).round() as i32;
    let window = |node: u64| -> Result<(i32, i32), ReadError> {
        let Some(windows) = windows else { return Ok((0, TIME_MAX / 2)) };
        let none = || ReadError::malformed(None, format!("node {node} has no time window"));
        let bounds = windows.get(&node).ok_or_else(none)?;
        if bounds[1] < bounds[0] {
            let what = format!("the window closes at {}, before it opens at {}", bounds[1], bounds[0]);
            return Err(ReadError::impossible(Spot::Node(node), what));
        }
        Ok((time(bounds[0]), time(bounds[1])))
    };
    let customers: Vec<u64> = coordinates.keys().copied().filter(|&node| node != depot).collect();
    let place = |node: u64| (coordinates[&node][0], coordinates[&node][1]);
    let places = std::iter::once(depot).chain(customers.iter().copied()).map(place).collect();
    let mut stops = Vec::with_capacity(customers.len());
    for (index, &node) in customers.iter().enumerate() {
        let none = || ReadError::malformed(None, format!("node {node} has no demand"));
        let demand = demands.get(&node).ok_or_else(none)?[0];
        let service = services.and_then(|services| services.get(&node)).map_or(0.0, |values| values[0]);
        if demand < 0.0 || service < 0.0 {
            let what = format!("a demand of {demand}, a service of {service}");
            return Err(ReadError::impossible(Spot::Node(node), what));
        }
        let (opens, closes) = window(node)?;
        stops.push(Stop {
            windows: vec![(opens, closes)],
            due: closes,
            service: time(service),
            load: [demand.round() as i32, 0, 0, 0],
            unserved: UNSERVED,
            ..Stop::job(NodeIx(index as u32 + 1))
        });
    }
    let (opens, closes) = window(depot)?;
    let tour = TourSpec {
        start_at: opens,
        end_node: NodeIx(0),
        end_by: closes,
        capacity: [capacity.round() as i32, 0, 0, 0],
        fixed: prices.fixed,
        per_hour: prices.per_hour,
        per_km: prices.per_km,
        ..TourSpec::at(NodeIx(0))
    };
    let vehicles = word("VEHICLES").and_then(|text| text.parse().ok()).unwrap_or(stops.len()).clamp(1, stops.len());
    let legs = Legs::Plane { places, scale, length: rounding, time: rounding };
    let tours = vec![tour; vehicles];
    let problem = Problem::new(ProblemSpec { stops, tours, legs, weights: prices.weights, initial: Vec::new() })?;
    Ok(Instance {
        problem,
        nodes: customers,
        scale,
        unit: prices.unit,
        names: None,
        warnings: Vec::new(),
        strict: false,
    })
}

//! VRPLIB text: CVRP (X, CVRPLIB) and VRPTW with Euclidean coordinates. What is not read is refused by name.

use std::collections::BTreeMap;

use fleetfold_solver::{Legs, NodeIx, Problem, Rounding, Stop, TIME_MAX, TourSpec};

use crate::benchmark::{Prices, UNSERVED};
use crate::instance::Instance;
use crate::{Objective, not_too_many};

/// Sections that are read, with the numbers of a line behind its node number.
const SECTIONS: [(&str, usize); 4] =
    [("NODE_COORD_SECTION", 2), ("DEMAND_SECTION", 1), ("TIME_WINDOW_SECTION", 2), ("SERVICE_TIME_SECTION", 1)];

struct File {
    words: BTreeMap<String, String>,
    sections: BTreeMap<&'static str, BTreeMap<u64, Vec<f64>>>,
    depots: Vec<u64>,
}

fn parse(text: &str) -> Result<File, String> {
    let mut file = File { words: BTreeMap::new(), sections: BTreeMap::new(), depots: Vec::new() };
    let mut section: Option<&str> = None;
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line.trim())) {
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
                return Err(format!("line {number}: {name} is not read"));
            }
            continue;
        }
        let numbers: Option<Vec<f64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let numbers = numbers.ok_or_else(|| format!("line {number}: numbers were expected"))?;
        let (Some(&node), Some(name)) = (numbers.first(), section) else {
            return Err(format!("line {number}: numbers outside of a section"));
        };
        if name == "DEPOT_SECTION" {
            if node >= 0.0 {
                file.depots.push(node as u64);
            }
            continue;
        }
        let (known, wanted) = SECTIONS.iter().find(|(known, _)| *known == name).expect("sections are known here");
        if numbers.len() != wanted + 1 || !numbers.iter().all(|value| value.is_finite() && value.abs() < 1e7) {
            return Err(format!("line {number}: {known} needs a node and {wanted} numbers"));
        }
        if file.sections.entry(known).or_default().insert(node as u64, numbers[1..].to_vec()).is_some() {
            return Err(format!("line {number}: node {node} stands twice in {known}"));
        }
    }
    Ok(file)
}

/// Reads a file. CVRP lengths are rounded to the nearest integer; with time windows they are truncated to a tenth.
pub(crate) fn vrplib(text: &str, objective: Objective) -> Result<Instance, String> {
    let file = parse(text)?;
    let word = |name: &str| file.words.get(name).map(String::as_str);
    match word("EDGE_WEIGHT_TYPE") {
        Some("EUC_2D") => {}
        other => return Err(format!("EDGE_WEIGHT_TYPE {}: only EUC_2D is read", other.unwrap_or("is missing"))),
    }
    let capacity: f64 = word("CAPACITY").and_then(|text| text.parse().ok()).ok_or("CAPACITY is missing")?;
    let coordinates = file.sections.get("NODE_COORD_SECTION").ok_or("NODE_COORD_SECTION is missing")?;
    let demands = file.sections.get("DEMAND_SECTION").ok_or("DEMAND_SECTION is missing")?;
    let windows = file.sections.get("TIME_WINDOW_SECTION");
    let services = file.sections.get("SERVICE_TIME_SECTION");
    let depot = match file.depots[..] {
        [] => *coordinates.keys().next().ok_or("there are no nodes")?,
        [depot] => depot,
        _ => return Err("DEPOT_SECTION: only one depot is read".to_owned()),
    };
    not_too_many("customers", coordinates.len().saturating_sub(1))?;
    if !coordinates.contains_key(&depot) || coordinates.len() < 2 {
        return Err("a depot with coordinates and at least one customer are needed".to_owned());
    }
    let scale = if windows.is_some() { 10.0 } else { 1.0 };
    let prices = Prices::of_benchmark(objective, scale);
    let rounding = if windows.is_some() { Rounding::Down } else { Rounding::Nearest };
    let time = |value: f64| (value * scale).round() as i32;
    let window = |node: u64| -> Result<(i32, i32), String> {
        let Some(windows) = windows else { return Ok((0, TIME_MAX / 2)) };
        let bounds = windows.get(&node).ok_or_else(|| format!("node {node} has no time window"))?;
        if bounds[1] < bounds[0] {
            return Err(format!("node {node}: the window closes at {}, before it opens at {}", bounds[1], bounds[0]));
        }
        Ok((time(bounds[0]), time(bounds[1])))
    };
    let customers: Vec<u64> = coordinates.keys().copied().filter(|&node| node != depot).collect();
    let place = |node: u64| (coordinates[&node][0], coordinates[&node][1]);
    let places = std::iter::once(depot).chain(customers.iter().copied()).map(place).collect();
    let mut stops = Vec::with_capacity(customers.len());
    for (index, &node) in customers.iter().enumerate() {
        let demand = demands.get(&node).ok_or_else(|| format!("node {node} has no demand"))?[0];
        let service = services.and_then(|services| services.get(&node)).map_or(0.0, |values| values[0]);
        if demand < 0.0 || service < 0.0 {
            return Err(format!("node {node}: a demand of {demand}, a service of {service}"));
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
    let problem = Problem::new(stops, vec![tour; vehicles], legs)
        .map_err(|error| error.to_string())?
        .with_weights(prices.weights);
    Ok(Instance { problem, nodes: customers, scale, unit: prices.unit, names: None })
}

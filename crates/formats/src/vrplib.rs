//! VRPLIB text: CVRP (the X instances and others of CVRPLIB) and VRPTW, with Euclidean coordinates or a matrix. A section, a type of
//! problem or of weights that is not read is refused by its name.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use fleetfold_solver::{LegMatrix, Legs, NodeIx, ProblemSpec, Rounding, Stop, TIME_MAX, TourSpec};

use crate::benchmark::{COORDINATE_MAX, LOAD_MAX, Prices, UNSERVED, instance};
use crate::error::{ReadError, Spot};
use crate::format::Objective;
use crate::instance::Instance;

/// The sections that are read line by line, each with how many numbers follow the node in a line. Coordinates of a drawing count only
/// for the drawing.
const SECTIONS: [(&str, usize); 5] = [
    ("NODE_COORD_SECTION", 2),
    ("DISPLAY_DATA_SECTION", 2),
    ("DEMAND_SECTION", 1),
    ("TIME_WINDOW_SECTION", 2),
    ("SERVICE_TIME_SECTION", 1),
];
/// The section of a matrix: numbers that may be broken into lines anywhere.
const WEIGHTS: &str = "EDGE_WEIGHT_SECTION";
/// Types of problems that are read. Others (`OVRP`, `MDVRP`, `TSP` …) have other rules, whatever their sections are.
const TYPES: [&str; 7] = ["CVRP", "DCVRP", "ACVRP", "VRP", "VRPTW", "CVRPTW", "DVRP"];
/// Largest time, and largest weight, in units of the solver.
const TIME: f64 = (TIME_MAX / 4) as f64;
/// Units of the solver in a unit of a matrix whose numbers have fractions.
const FRACTIONS: f64 = 1000.0;

struct File {
    words: BTreeMap<String, String>,
    sections: BTreeMap<&'static str, BTreeMap<u64, Vec<f64>>>,
    depots: Vec<u64>,
    weights: Option<Vec<f64>>,
}

impl File {
    fn word(&self, name: &str) -> Option<&str> {
        self.words.get(name).map(String::as_str)
    }

    /// The number of a line `NAME : number`.
    fn number<N: FromStr + PartialOrd + std::fmt::Display>(
        &self,
        name: &str,
        range: &RangeInclusive<N>,
    ) -> Result<Option<N>, ReadError> {
        let Some(text) = self.word(name) else { return Ok(None) };
        let none = |_| ReadError::malformed(None, format!("{name} `{text}` is not the number that is needed"));
        let value: N = text.parse().map_err(none)?;
        if range.contains(&value) {
            return Ok(Some(value));
        }
        let what = format!("{name} {value} is out of range: {} to {} is read", range.start(), range.end());
        Err(ReadError::impossible(None, what))
    }
}

fn missing(what: &str) -> ReadError {
    ReadError::malformed(None, format!("{what} is missing"))
}

fn parse(text: &str) -> Result<File, ReadError> {
    let mut file = File { words: BTreeMap::new(), sections: BTreeMap::new(), depots: Vec::new(), weights: None };
    let mut section: Option<&'static str> = None;
    let mut depots_end = false;
    for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line.trim())) {
        let at = || Spot::Line(number);
        if line.is_empty() {
            continue;
        }
        if line == "EOF" {
            break;
        }
        if let Some((key, value)) = line.split_once(':') {
            section = None;
            let key = key.trim().to_uppercase();
            if file.words.insert(key.clone(), value.trim().to_owned()).is_some() && key != "COMMENT" {
                return Err(ReadError::impossible(at(), format!("{key} stands twice")));
            }
            continue;
        }
        if line.chars().next().is_some_and(char::is_alphabetic) {
            let name = line.to_uppercase();
            let known = SECTIONS.iter().map(|(known, _)| *known).chain(["DEPOT_SECTION", WEIGHTS]);
            section = known.into_iter().find(|known| *known == name);
            if section.is_none() {
                return Err(ReadError::unsupported(at(), format!("{name} is not read")));
            }
            if section == Some(WEIGHTS) && file.weights.replace(Vec::new()).is_some() {
                return Err(ReadError::impossible(at(), format!("{WEIGHTS} stands twice")));
            }
            continue;
        }
        let numbers: Option<Vec<f64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let Some(numbers) = numbers else { return Err(ReadError::malformed(at(), "numbers were expected")) };
        let (Some(&node), Some(name)) = (numbers.first(), section) else {
            return Err(ReadError::malformed(at(), "numbers outside of a section"));
        };
        if name == WEIGHTS {
            if let Some(wrong) = numbers.iter().find(|value| !(0.0..=TIME).contains(*value)) {
                let what = format!("weight {wrong} is out of range: 0 to {TIME} is read");
                return Err(ReadError::impossible(at(), what));
            }
            file.weights.get_or_insert_default().extend(numbers);
            continue;
        }
        if name == "DEPOT_SECTION" {
            for node in numbers {
                let whole = node.fract() == 0.0 && (0.0..1e15).contains(&node);
                if node < 0.0 {
                    depots_end = true;
                } else if depots_end || !whole {
                    let what = format!("DEPOT_SECTION has {node} where a node, or -1 as its end, was expected");
                    return Err(ReadError::malformed(at(), what));
                } else if file.depots.contains(&(node as u64)) {
                    return Err(ReadError::impossible(at(), format!("node {node} stands twice in DEPOT_SECTION")));
                } else {
                    file.depots.push(node as u64);
                }
            }
            continue;
        }
        let (known, wanted) = SECTIONS.iter().find(|(known, _)| *known == name).expect("sections are known here");
        if numbers.len() != wanted + 1 || node < 0.0 || node.fract() != 0.0 {
            return Err(ReadError::malformed(at(), format!("{known} needs a node and {wanted} numbers")));
        }
        if let Some(wrong) = numbers.iter().find(|value| !(-1e7..=1e7).contains(*value)) {
            let what = format!("{wrong} is out of range in {known}: -1e7 to 1e7 is read");
            return Err(ReadError::impossible(at(), what));
        }
        if file.sections.entry(known).or_default().insert(node as u64, numbers[1..].to_vec()).is_some() {
            return Err(ReadError::impossible(at(), format!("node {node} stands twice in {known}")));
        }
    }
    Ok(file)
}

/// The nodes of the file, ascending: those of its coordinates, or 1 to its dimension if it has a matrix and no coordinates.
fn nodes(file: &File) -> Result<Vec<u64>, ReadError> {
    let dimension = file.number("DIMENSION", &(1..=u64::MAX))?;
    let coordinates = file.sections.get("NODE_COORD_SECTION");
    if let Some(coordinates) = coordinates {
        if let Some(dimension) = dimension.filter(|&dimension| dimension != coordinates.len() as u64) {
            let what = format!("DIMENSION is {dimension}, but NODE_COORD_SECTION has {} nodes", coordinates.len());
            return Err(ReadError::impossible(None, what));
        }
        return Ok(coordinates.keys().copied().collect());
    }
    if file.weights.is_none() {
        return Err(missing("NODE_COORD_SECTION"));
    }
    let dimension = dimension.ok_or_else(|| missing("DIMENSION"))?;
    ReadError::unless_few("nodes", usize::try_from(dimension).unwrap_or(usize::MAX))?;
    Ok((1..=dimension).collect())
}

/// Where the weight between two nodes stands in a matrix of `n` nodes of which not every number is written.
fn at(format: &str, n: usize, a: usize, b: usize) -> Option<usize> {
    let (low, high) = (a.min(b), a.max(b));
    // Rows of the lower triangle have 0, 1, 2 … numbers before the diagonal, those of the upper one n - 1, n - 2 … behind it.
    let lower = |diagonal: usize| high * (high - 1 + 2 * diagonal) / 2 + low;
    let upper = |diagonal: usize| {
        let before: usize = low * (2 * (n + diagonal) - low - 1) / 2;
        before + high + diagonal - low - 1
    };
    match format {
        "FULL_MATRIX" => Some(a * n + b),
        "LOWER_DIAG_ROW" | "UPPER_DIAG_COL" => Some(if high == 0 { 0 } else { lower(1) }),
        "UPPER_DIAG_ROW" | "LOWER_DIAG_COL" => Some(upper(1)),
        "LOWER_ROW" | "UPPER_COL" => (a != b).then(|| lower(0)),
        "UPPER_ROW" | "LOWER_COL" => (a != b).then(|| upper(0)),
        _ => None,
    }
}

/// How many numbers such a matrix has; `None`: the format is not known.
fn count(format: &str, n: usize) -> Option<usize> {
    match format {
        "FULL_MATRIX" => n.checked_mul(n),
        "LOWER_DIAG_ROW" | "UPPER_DIAG_COL" | "UPPER_DIAG_ROW" | "LOWER_DIAG_COL" => Some(n * (n + 1) / 2),
        "LOWER_ROW" | "UPPER_COL" | "UPPER_ROW" | "LOWER_COL" => Some(n * (n - 1) / 2),
        _ => None,
    }
}

/// The given legs; `place_of` is the position in the file's order of each node of the problem.
fn matrix(file: &File, n: usize, place_of: &[usize], scale: f64) -> Result<Legs, ReadError> {
    let format = file.word("EDGE_WEIGHT_FORMAT").ok_or_else(|| missing("EDGE_WEIGHT_FORMAT"))?;
    let wanted = count(format, n)
        .ok_or_else(|| ReadError::unsupported(None, format!("EDGE_WEIGHT_FORMAT {format} is not read")))?;
    let weights = file.weights.as_ref().ok_or_else(|| missing(WEIGHTS))?;
    if weights.len() != wanted {
        let what = format!("{WEIGHTS} has {} numbers; {format} of {n} nodes has {wanted}", weights.len());
        return Err(ReadError::malformed(None, what));
    }
    if let Some(wrong) = weights.iter().find(|&&weight| weight * scale > TIME) {
        let what = format!("weight {wrong} is out of range: 0 to {} is read", TIME / scale);
        return Err(ReadError::impossible(None, what));
    }
    Ok(Legs::from(LegMatrix::from_fn(n, |a, b| {
        let (a, b) = (place_of[a], place_of[b]);
        let weight = if a == b { 0.0 } else { at(format, n, a, b).map_or(0.0, |at| weights[at]) };
        let weight = (weight * scale).round() as i32;
        (weight, weight)
    })))
}

/// How lengths of the file become those of the solver: units of the solver in one of the file, and how they are rounded.
fn measure(file: &File, timed: bool) -> Result<(f64, Rounding), ReadError> {
    match file.word("EDGE_WEIGHT_TYPE") {
        // DIMACS has one decimal, truncated, where there are time windows; TSPLIB the nearest whole number.
        Some("EUC_2D") if timed => Ok((10.0, Rounding::Down)),
        Some("EUC_2D") => Ok((1.0, Rounding::Nearest)),
        Some("CEIL_2D") => Ok((1.0, Rounding::Up)),
        Some("FLOOR_2D") => Ok((1.0, Rounding::Down)),
        Some("EXPLICIT") => {
            let windows =
                file.sections.get("TIME_WINDOW_SECTION").into_iter().chain(file.sections.get("SERVICE_TIME_SECTION"));
            let times = windows.flat_map(|section| section.values().flatten());
            let mut all = file.weights.iter().flatten().chain(times);
            Ok((if all.all(|value| value.fract() == 0.0) { 1.0 } else { FRACTIONS }, Rounding::Nearest))
        }
        other => {
            let name = other.unwrap_or("is missing");
            let what = format!("EDGE_WEIGHT_TYPE {name}: EUC_2D, CEIL_2D, FLOOR_2D and EXPLICIT are read");
            Err(ReadError::unsupported(None, what))
        }
    }
}

/// Reads a problem. CVRP lengths are rounded to the nearest integer; with time windows they are truncated to a tenth; a matrix is taken
/// as it is.
pub(crate) fn vrplib(text: &str, objective: Objective) -> Result<Instance, ReadError> {
    let file = parse(text)?;
    if let Some(other) = file.word("TYPE").filter(|name| !TYPES.contains(name)) {
        return Err(ReadError::unsupported(None, format!("TYPE {other}: {} are read", TYPES.join(", "))));
    }
    let section = |name: &str| file.sections.get(name).ok_or_else(|| missing(name));
    let windows = file.sections.get("TIME_WINDOW_SECTION");
    let services = file.sections.get("SERVICE_TIME_SECTION");
    let (scale, rounding) = measure(&file, windows.is_some())?;
    let capacity = file.number("CAPACITY", &(0.0..=LOAD_MAX))?.ok_or_else(|| missing("CAPACITY"))?;
    let nodes = nodes(&file)?;
    let demands = section("DEMAND_SECTION")?;
    let depot = match file.depots[..] {
        [] => *nodes.first().ok_or_else(|| ReadError::malformed(None, "there are no nodes"))?,
        [depot] => depot,
        _ => return Err(ReadError::unsupported(None, "DEPOT_SECTION: only one depot is read")),
    };
    ReadError::unless_few("customers", nodes.len().saturating_sub(1))?;
    let position = |node: u64| nodes.binary_search(&node).ok();
    if position(depot).is_none() || nodes.len() < 2 {
        let what = format!("a depot and at least one customer are needed: depot {depot}, {} nodes", nodes.len());
        return Err(ReadError::malformed(None, what));
    }
    for (name, section) in &file.sections {
        if let Some(&node) = section.keys().find(|&&node| position(node).is_none()) {
            return Err(ReadError::impossible(
                Spot::Node(node),
                format!("it stands in {name} and is no node of the file"),
            ));
        }
    }
    if demands.get(&depot).is_some_and(|demand| demand[0] != 0.0) {
        return Err(ReadError::impossible(Spot::Node(depot), "the depot has a demand"));
    }
    let prices = Prices::of_benchmark(objective, scale);
    let longest =
        file.number("DISTANCE", &(0.0..=f64::MAX))?.map(|most| (most * scale).min(f64::from(TIME_MAX / 2)) as i32);
    let everywhere = file.number("SERVICE_TIME", &(0.0..=TIME / scale))?.unwrap_or(0.0);
    let time = |node: u64, value: f64| -> Result<i32, ReadError> {
        let most = TIME / scale;
        if value.abs() > most {
            let what = format!("time {value} is out of range: {} to {most} is read", -most);
            return Err(ReadError::impossible(Spot::Node(node), what));
        }
        Ok((value * scale).round() as i32)
    };
    let window = |node: u64| -> Result<(i32, i32), ReadError> {
        let Some(windows) = windows else { return Ok((0, TIME_MAX / 2)) };
        let none = || ReadError::malformed(None, format!("node {node} has no time window"));
        let bounds = windows.get(&node).ok_or_else(none)?;
        if bounds[1] < bounds[0] {
            let what = format!("the window closes at {}, before it opens at {}", bounds[1], bounds[0]);
            return Err(ReadError::impossible(Spot::Node(node), what));
        }
        Ok((time(node, bounds[0])?, time(node, bounds[1])?))
    };
    let customers: Vec<u64> = nodes.iter().copied().filter(|&node| node != depot).collect();
    let mut stops = Vec::with_capacity(customers.len());
    for (index, &node) in customers.iter().enumerate() {
        let none = || ReadError::malformed(None, format!("node {node} has no demand"));
        let demand = demands.get(&node).ok_or_else(none)?[0];
        let service = services.and_then(|services| services.get(&node)).map_or(everywhere, |values| values[0]);
        if demand < 0.0 || service < 0.0 {
            let what = format!("a demand of {demand}, a service of {service}");
            return Err(ReadError::impossible(Spot::Node(node), what));
        }
        let (opens, closes) = window(node)?;
        stops.push(Stop {
            windows: vec![(opens, closes)],
            due: closes,
            service: time(node, service)?,
            load: [demand.round() as i32, 0, 0, 0],
            unserved: UNSERVED,
            ..Stop::job(NodeIx(index as u32 + 1))
        });
    }
    let (opens, closes) = window(depot)?;
    if let (Some(_), Some(most)) = (windows, longest)
        && most < closes - opens
    {
        return Err(ReadError::unsupported(
            None,
            "DISTANCE, a limit of the length of routes, is not read beside time windows",
        ));
    }
    let tour = TourSpec {
        start_at: opens,
        end_node: NodeIx(0),
        end_by: longest.unwrap_or(closes).min(closes),
        capacity: [capacity.round() as i32, 0, 0, 0],
        fixed: prices.fixed,
        per_hour: prices.per_hour,
        per_km: prices.per_km,
        ..TourSpec::at(NodeIx(0))
    };
    let vehicles = file.number("VEHICLES", &(1..=u64::MAX))?.unwrap_or(u64::MAX).min(stops.len() as u64) as usize;
    let order = std::iter::once(depot).chain(customers.iter().copied());
    let legs = if file.word("EDGE_WEIGHT_TYPE") == Some("EXPLICIT") {
        let place_of: Vec<usize> = order.map(|node| position(node).expect("it is one of the nodes")).collect();
        matrix(&file, nodes.len(), &place_of, scale)?
    } else {
        let coordinates = section("NODE_COORD_SECTION")?;
        let places: Vec<(f64, f64)> = order.map(|node| (coordinates[&node][0], coordinates[&node][1])).collect();
        let most = COORDINATE_MAX / scale;
        if let Some((x, y)) = places.iter().find(|(x, y)| x.abs() > most || y.abs() > most) {
            return Err(ReadError::impossible(
                None,
                format!("place {x}, {y} is out of range: {} to {most} is read", -most),
            ));
        }
        Legs::Plane { places, scale, length: rounding, time: rounding }
    };
    let tours = vec![tour; vehicles];
    let spec = ProblemSpec { stops, tours, legs, weights: prices.weights, ..ProblemSpec::default() };
    instance(spec, customers, scale, prices.unit)
}

//! The text formats of the public benchmarks: Solomon and Gehring–Homberger (time windows), Li–Lim (pickup and delivery).

use std::ops::RangeInclusive;

use fleetfold_solver::{
    Fairness, Legs, NodeIx, Problem, ProblemSpec, Role, Rounding, Stop, StopIx, TIME_MAX, TourSpec, Weights,
};

use crate::error::{ReadError, Spot};
use crate::format::Objective;
use crate::instance::Instance;

/// Price of leaving a stop out. It is higher than that of any detour, so that a stop is only left out if it cannot be served.
pub(crate) const UNSERVED: i64 = 1_000_000_000_000;
/// Price of using a vehicle, where the number of vehicles counts before the length of the routes.
pub(crate) const VEHICLE: i64 = 1_000_000_000;

/// Time windows of benchmarks must be kept: lateness has no price.
pub(crate) const HARD: Weights = Weights {
    late_per_hour: 0,
    flow_per_hour: 0,
    hard: true,
    setup_in_window: false,
    prizes: false,
    fairness: Fairness { longest_per_hour: 0, spread_per_hour: 0, spread_per_stop: 0 },
    pause_on_the_way: false,
};

/// Price units of the solver in a unit of money.
const MONEY: f64 = 1_000.0;
/// Price of an hour of driving, in money; the engine's default, as the two prices below.
const HOUR: f64 = 20.0;
/// Price of a kilometre of driving, in money.
const KILOMETRE: f64 = 0.3;
/// Price of an hour of lateness, in money.
const LATE_HOUR: f64 = 60.0;

/// The prices by which a search makes an objective small.
pub(crate) struct Prices {
    pub(crate) fixed: i64,
    pub(crate) per_hour: i64,
    pub(crate) per_km: i64,
    pub(crate) weights: Weights,
    /// Price units of the solver in a unit that is shown.
    pub(crate) unit: f64,
}

impl Prices {
    /// Prices of a problem in which `scale` length units of the solver are a length unit of the file, and in which a time unit and
    /// a length unit of the solver are so many hours and kilometres.
    pub(crate) fn of(objective: Objective, scale: f64, hours: f64, kilometres: f64) -> Self {
        // The solver's prices are for 3.6 million time units and for a thousand length units.
        let per_time = |price: f64| (price * MONEY * hours * 3.6e6) as i64;
        match objective {
            Objective::Distance => Self { fixed: 0, per_hour: 0, per_km: 1000, weights: HARD, unit: scale },
            Objective::Vehicles => Self { fixed: VEHICLE, per_hour: 0, per_km: 1000, weights: HARD, unit: scale },
            Objective::Dispatch => Self {
                fixed: 0,
                per_hour: per_time(HOUR),
                per_km: (KILOMETRE * MONEY * kilometres * 1e3) as i64,
                weights: Weights { late_per_hour: per_time(LATE_HOUR), ..Weights::default() },
                unit: MONEY,
            },
        }
    }

    /// Prices of a benchmark. The benchmarks do not name their units: times are taken as minutes and lengths as kilometres.
    pub(crate) fn of_benchmark(objective: Objective, scale: f64) -> Self {
        Self::of(objective, scale, 1.0 / 60.0 / scale, 1.0 / scale)
    }
}

/// Largest coordinate, in length units of the solver: legs between two such places are still far from [`fleetfold_solver::UNREACHABLE`].
pub(crate) const COORDINATE_MAX: f64 = 1e8;
/// Largest load of a stop or vehicle.
pub(crate) const LOAD_MAX: f64 = 1e8;

/// A line of numbers.
pub(crate) struct Row {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) values: Vec<f64>,
}

impl Row {
    pub(crate) fn at(&self) -> Spot {
        Spot::Line(self.line)
    }

    /// The number in a column, if it lies in the range; `name` says what the number is.
    pub(crate) fn in_range(&self, column: usize, name: &str, range: &RangeInclusive<f64>) -> Result<f64, ReadError> {
        let count = self.values.len();
        let missing = || ReadError::malformed(self.at(), format!("{count} numbers, and {name} is missing"));
        let &value = self.values.get(column).ok_or_else(missing)?;
        if range.contains(&value) {
            return Ok(value);
        }
        let what = format!("{name} {value} is out of range: {} to {} is read", range.start(), range.end());
        Err(ReadError::impossible(self.at(), what))
    }

    /// The same for what has no fractions.
    pub(crate) fn whole(&self, column: usize, name: &str, range: &RangeInclusive<f64>) -> Result<i32, ReadError> {
        let value = self.in_range(column, name, range)?;
        if value.fract() != 0.0 {
            return Err(ReadError::impossible(self.at(), format!("{name} {value} is no whole number")));
        }
        Ok(value as i32)
    }
}

/// The lines that consist of numbers. Other lines are headings.
fn rows(text: &str) -> Vec<Row> {
    text.lines()
        .enumerate()
        .filter_map(|(line, words)| {
            let values: Option<Vec<f64>> = words.split_whitespace().map(|word| word.parse().ok()).collect();
            values.filter(|values| !values.is_empty()).map(|values| Row { line: line + 1, values })
        })
        .collect()
}

/// A problem of a benchmark: whoever reads a benchmark gives the numbers of its stops, and its units.
pub(crate) fn instance(spec: ProblemSpec, nodes: Vec<u64>, scale: f64, unit: f64) -> Result<Instance, ReadError> {
    let problem = Problem::new(spec)?;
    Ok(Instance { problem, nodes, scale, unit, names: None, warnings: Vec::new(), strict: false })
}

struct Nodes {
    rows: Vec<Row>,
    vehicles: usize,
    capacity: f64,
}

/// The columns of a customer.
const COLUMNS: [&str; 9] =
    ["number", "x", "y", "demand", "ready time", "due date", "service time", "pickup", "delivery"];

/// What may stand in each column, where `scale` units of the solver are one of the file.
fn ranges(scale: f64) -> [RangeInclusive<f64>; 9] {
    let coordinate = COORDINATE_MAX / scale;
    let time = f64::from(TIME_MAX) / 2.0 / scale;
    let around = |most: f64| -most..=most;
    let number = || 0.0..=1e6;
    let [x, y, demand] = [coordinate, coordinate, LOAD_MAX].map(around);
    // What is negative is refused later, with the reason.
    [number(), x, y, demand, around(time), around(time), around(time / 2.0), number(), number()]
}

fn nodes(text: &str, columns: usize, scale: f64) -> Result<Nodes, ReadError> {
    let mut rows = rows(text);
    if rows.is_empty() {
        return Err(ReadError::malformed(None, "there are no numbers in it"));
    }
    let head = rows.remove(0);
    let (Some(&vehicles), Some(&capacity)) = (head.values.first(), head.values.get(1)) else {
        let what = "expected the number of vehicles and their capacity";
        return Err(ReadError::malformed(Spot::Line(head.line), what));
    };
    head.whole(0, "number of vehicles", &(1.0..=1e6))?;
    head.in_range(1, "capacity", &(0.0..=LOAD_MAX))?;
    if rows.len() < 2 {
        return Err(ReadError::malformed(None, "a depot and at least one customer are needed"));
    }
    ReadError::unless_few("customers", rows.len() - 1)?;
    let ranges = ranges(scale);
    for (index, row) in rows.iter().enumerate() {
        let at = row.at();
        if row.values.len() < columns {
            return Err(ReadError::malformed(at, format!("{} numbers, {columns} are needed", row.values.len())));
        }
        if row.values[0] as usize != index {
            return Err(ReadError::malformed(at, format!("customer {} where {index} was expected", row.values[0])));
        }
        for (column, range) in ranges.iter().enumerate().take(columns) {
            row.in_range(column, COLUMNS[column], range)?;
        }
        let [opens, closes, service] = [row.values[4], row.values[5], row.values[6]];
        if closes < opens {
            let what = format!("the window closes at {closes}, before it opens at {opens}");
            return Err(ReadError::impossible(at, what));
        }
        if service < 0.0 {
            return Err(ReadError::impossible(at, format!("a service of {service}")));
        }
    }
    Ok(Nodes { rows, vehicles: vehicles as usize, capacity })
}

fn tour(depot: &Row, scale: f64, capacity: f64, prices: &Prices) -> TourSpec {
    let time = |value: f64| (value * scale).round() as i32;
    let capacity = capacity.round() as i32;
    TourSpec {
        start_at: time(depot.values[4]),
        end_node: NodeIx(0),
        end_by: time(depot.values[5]),
        capacity: [capacity, 0, 0, 0],
        fixed: prices.fixed,
        per_hour: prices.per_hour,
        per_km: prices.per_km,
        ..TourSpec::at(NodeIx(0))
    }
}

fn legs(nodes: &Nodes, scale: f64, length: Rounding, time: Rounding) -> Legs {
    let places = nodes.rows.iter().map(|row| (row.values[1], row.values[2])).collect();
    Legs::Plane { places, scale, length, time }
}

fn stop(place: usize, row: &Row, scale: f64) -> Stop {
    let time = |value: f64| (value * scale).round() as i32;
    let window = (time(row.values[4]), time(row.values[5]));
    Stop {
        windows: vec![window],
        due: window.1,
        service: time(row.values[6]),
        load: [row.values[3].abs().round() as i32, 0, 0, 0],
        unserved: UNSERVED,
        ..Stop::job(NodeIx(place as u32))
    }
}

/// Reads Solomon's and Gehring and Homberger's format. Distances follow the DIMACS convention: Euclidean, truncated to one decimal.
pub(crate) fn solomon(text: &str, objective: Objective) -> Result<Instance, ReadError> {
    let scale = 10.0;
    let nodes = nodes(text, 7, scale)?;
    let prices = Prices::of_benchmark(objective, scale);
    if let Some(row) = nodes.rows.iter().find(|row| row.values[3] < 0.0) {
        return Err(ReadError::impossible(Spot::Line(row.line), format!("a demand of {}", row.values[3])));
    }
    let stops = nodes.rows.iter().enumerate().skip(1).map(|(place, row)| stop(place, row, scale)).collect();
    let tours = vec![tour(&nodes.rows[0], scale, nodes.capacity, &prices); nodes.vehicles];
    let legs = legs(&nodes, scale, Rounding::Down, Rounding::Down);
    let spec = ProblemSpec { stops, tours, legs, weights: prices.weights, ..ProblemSpec::default() };
    instance(spec, (1..nodes.rows.len() as u64).collect(), scale, prices.unit)
}

/// Reads Li and Lim's format. Distances are rounded to a thousandth and times up to one, so that a plan which is feasible here
/// is feasible in double precision, too.
pub(crate) fn li_lim(text: &str, objective: Objective) -> Result<Instance, ReadError> {
    let scale = 1000.0;
    let nodes = nodes(text, 9, scale)?;
    let prices = Prices::of_benchmark(objective, scale);
    let mut stops = Vec::with_capacity(nodes.rows.len() - 1);
    for (place, row) in nodes.rows.iter().enumerate().skip(1) {
        let at = Spot::Line(row.line);
        let (pickup, delivery) = (row.values[7] as usize, row.values[8] as usize);
        let mate = if pickup == 0 { delivery } else { pickup };
        if mate == 0 || mate >= nodes.rows.len() {
            let what = format!("customer {place} belongs to customer {mate}, which is not there");
            return Err(ReadError::impossible(at, what));
        }
        let back = &nodes.rows[mate].values;
        if back[if pickup == 0 { 7 } else { 8 }] as usize != place {
            let what = format!("customer {mate} does not name customer {place} back");
            return Err(ReadError::impossible(at, what));
        }
        let role = if pickup == 0 { Role::Pickup } else { Role::Delivery };
        // The load of both ends is the amount that is picked up.
        let goods = if pickup == 0 { row.values[3] } else { back[3] };
        if goods < 0.0 {
            return Err(ReadError::impossible(at, format!("a pickup of {goods}")));
        }
        let load = [goods.round() as i32, 0, 0, 0];
        stops.push(Stop { role, mate: StopIx(mate as u32 - 1), load, ..stop(place, row, scale) });
    }
    let tours = vec![tour(&nodes.rows[0], scale, nodes.capacity, &prices); nodes.vehicles];
    debug_assert!(tours.iter().all(|tour| tour.end_node != NodeIx::NONE), "tours end at the depot");
    let legs = legs(&nodes, scale, Rounding::Nearest, Rounding::Up);
    let spec = ProblemSpec { stops, tours, legs, weights: prices.weights, ..ProblemSpec::default() };
    instance(spec, (1..nodes.rows.len() as u64).collect(), scale, prices.unit)
}

//! A plan of another program as facts: a day that is already running is taken over as it stands.
//!
//! Read are a solution in VROOM's JSON, beside the problem that it solves if there is one, or a table (comma-separated values).
//! Out come facts: vehicles registered and signed on, orders created, what was done by now completed, and each order that is on
//! a route pinned to its vehicle. What the files do not say is not guessed: an error names the field that is missing.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_model::{
    Break, BreakEvent, Event, Job, Load, LoadDirection, Millis, Name, Order, OrderWork, Pin, Position, Shift, Shipment,
    Space, StopEvent, StopKind, StopSpec, TimeWindow, Timestamp, Vehicle, VehicleCosts,
};
use fleetfold_wire::encode;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The source that these events name.
const SOURCE: &str = "/import";
/// Times of a solution that are smaller count from the beginning of the day: as instants they would lie before 2001.
const INSTANTS_FROM: i64 = 1_000_000_000;
/// Most entries of a file: far above what one zone has.
const ENTRIES_MAX: usize = 1_000_000;
/// A shift that no file limits ends so long after now.
const SHIFT: Millis = Millis(24 * 3_600_000);

/// Why a plan could not be taken over: where, and what is wrong or missing there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, {place}: {what}")]
pub struct TakenError {
    /// Name of the file.
    pub file: String,
    /// Where in it.
    pub place: String,
    /// What is wrong or missing.
    pub what: String,
}

/// A file with the name that errors give it.
#[derive(Clone, Copy, Debug)]
pub struct PlanFile<'t> {
    /// Name of the file, for people.
    pub name: &'t str,
    /// Its text.
    pub text: &'t str,
}

impl PlanFile<'_> {
    fn wrong(&self, place: impl Into<String>, what: impl Into<String>) -> TakenError {
        TakenError { file: self.name.to_owned(), place: place.into(), what: what.into() }
    }

    fn read<'d, T: Deserialize<'d>>(&'d self) -> Result<T, TakenError> {
        let mut reader = serde_json::Deserializer::from_str(self.text);
        serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| self.wrong(error.path().to_string(), error.into_inner().to_string()))
    }
}

/// The instants of a plan that is taken over.
#[derive(Clone, Copy, Debug)]
pub struct TakenAt {
    /// What begins later is still to be done; what ended before is done.
    pub now: Timestamp,
    /// Times that count from the beginning of the day count from here.
    pub day_start: Timestamp,
}

#[derive(Deserialize)]
struct Solution {
    routes: Vec<RouteIn>,
    #[serde(default)]
    unassigned: Vec<UnassignedIn>,
}

#[derive(Deserialize)]
struct RouteIn {
    vehicle: u64,
    steps: Vec<StepIn>,
}

#[derive(Deserialize)]
struct StepIn {
    #[serde(rename = "type")]
    kind: String,
    id: Option<u64>,
    location: Option<[f64; 2]>,
    arrival: Option<i64>,
    #[serde(default)]
    service: i64,
    #[serde(default)]
    setup: i64,
    #[serde(default)]
    waiting_time: i64,
}

#[derive(Deserialize)]
struct UnassignedIn {
    id: u64,
    #[serde(rename = "type")]
    kind: Option<String>,
    location: Option<[f64; 2]>,
}

#[derive(Default, Deserialize)]
struct ProblemIn {
    #[serde(default)]
    jobs: Vec<TaskIn>,
    #[serde(default)]
    shipments: Vec<ShipmentIn>,
    #[serde(default)]
    vehicles: Vec<VehicleIn>,
}

#[derive(Clone, Default, Deserialize)]
struct TaskIn {
    id: u64,
    location: Option<[f64; 2]>,
    #[serde(default)]
    service: i64,
    #[serde(default)]
    setup: i64,
    #[serde(default)]
    time_windows: Vec<[i64; 2]>,
    #[serde(default)]
    delivery: Vec<i64>,
    #[serde(default)]
    pickup: Vec<i64>,
    #[serde(default)]
    skills: Vec<u64>,
    #[serde(default)]
    priority: u8,
}

#[derive(Deserialize)]
struct ShipmentIn {
    pickup: TaskIn,
    delivery: TaskIn,
    #[serde(default)]
    amount: Vec<i64>,
    #[serde(default)]
    skills: Vec<u64>,
    #[serde(default)]
    priority: u8,
}

#[derive(Deserialize)]
struct VehicleIn {
    id: u64,
    start: Option<[f64; 2]>,
    end: Option<[f64; 2]>,
    #[serde(default)]
    capacity: Vec<i64>,
    #[serde(default)]
    skills: Vec<u64>,
    time_window: Option<[i64; 2]>,
    #[serde(default)]
    breaks: Vec<BreakIn>,
    driving_time: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct BreakIn {
    id: u64,
    #[serde(default)]
    time_windows: Vec<[i64; 2]>,
    #[serde(default)]
    service: i64,
}

/// A break that was over before the plan was taken over.
struct Taken {
    vehicle: Name,
    began: Timestamp,
    ended: Timestamp,
}

/// One stop of the plan that is taken over, in driving order.
struct Stop {
    vehicle: Name,
    order: Name,
    kind: StopKind,
    /// When its service ends, as planned.
    ends: Timestamp,
}

/// What was read, before it becomes facts.
struct Day {
    vehicles: Vec<Vehicle>,
    orders: BTreeMap<Name, Order>,
    stops: Vec<Stop>,
    breaks: Vec<Taken>,
}

fn place([lon, lat]: [f64; 2]) -> Option<Position> {
    let legal = lon.abs() <= 180.0 && lat.abs() <= 90.0;
    legal.then(|| Position { x: (lon * 1e7).round() as i32, y: (lat * 1e7).round() as i32 })
}

fn load(amounts: &[i64]) -> Option<Load> {
    let mut load = Load::default();
    if amounts.len() > load.0.len() {
        return None;
    }
    for (slot, &amount) in load.0.iter_mut().zip(amounts) {
        *slot = i32::try_from(amount.checked_mul(1000)?).ok().filter(|&amount| amount >= 0)?;
    }
    Some(load)
}

fn skills(numbers: &[u64]) -> Vec<Name> {
    numbers.iter().filter_map(|number| Name::new(&format!("skill-{number}"))).collect()
}

impl TakenAt {
    fn instant(self, seconds: i64) -> Timestamp {
        let millis = Millis(seconds.saturating_mul(1000));
        if seconds >= INSTANTS_FROM { Timestamp(millis.0) } else { self.day_start + millis }
    }
}

/// The facts of a solution in VROOM's JSON, as lines of JSON: what `POST /v1/events` takes.
///
/// # Errors
///
/// What is wrong or missing, and where.
pub fn taken_from_vroom(
    solution: PlanFile<'_>,
    problem: Option<PlanFile<'_>>,
    at: TakenAt,
) -> Result<Vec<String>, TakenError> {
    let plan: Solution = solution.read()?;
    let known: ProblemIn = match &problem {
        Some(problem) => problem.read()?,
        None => ProblemIn::default(),
    };
    let steps: usize = plan.routes.iter().map(|route| route.steps.len()).sum();
    if steps + known.jobs.len() + known.shipments.len() + known.vehicles.len() > ENTRIES_MAX {
        return Err(solution.wrong("routes", format!("more than {ENTRIES_MAX} steps and tasks")));
    }
    let from = problem.as_ref().unwrap_or(&solution);
    let stop = |task: &TaskIn, place_of: &str| -> Result<StopSpec, TakenError> {
        let position = task.location.and_then(place);
        let Some(position) = position else {
            return Err(from.wrong(place_of, "`location` is missing, or is no longitude and latitude"));
        };
        let windows = task.time_windows.iter().map(|&[opens, closes]| {
            let window = TimeWindow::new(at.instant(opens), at.instant(closes));
            window.ok_or_else(|| from.wrong(format!("{place_of}.time_windows"), "closes before it opens"))
        });
        let (service, setup) = (Millis::from_seconds(task.service), Millis::from_seconds(task.setup));
        Ok(StopSpec { position, windows: windows.collect::<Result<_, _>>()?, service, setup })
    };
    let order = |name: &str, work, amounts: &[i64], needs: &[u64], priority: u8| -> Result<Order, TakenError> {
        let name = Name::new(name).ok_or_else(|| from.wrong(name, "is no id"))?;
        let load = load(amounts).ok_or_else(|| from.wrong(name.as_str(), "amounts: at most four, from 0 on"))?;
        let (release, promised, placed) = (None, None, at.now);
        Ok(Order { name, work, load, skills: skills(needs), priority: priority.min(100), release, promised, placed })
    };
    let mut orders = BTreeMap::new();
    // Which order a pickup and a delivery belong to.
    let mut of_pickup: BTreeMap<u64, Name> = BTreeMap::new();
    let mut of_delivery: BTreeMap<u64, Name> = BTreeMap::new();
    for job in &known.jobs {
        let name = format!("job-{}", job.id);
        let direction = if job.pickup.is_empty() { LoadDirection::Delivery } else { LoadDirection::Pickup };
        let amounts = if job.pickup.is_empty() { &job.delivery } else { &job.pickup };
        let work = OrderWork::Job(Job { stop: stop(job, &name)?, direction });
        let made = order(&name, work, amounts, &job.skills, job.priority)?;
        orders.insert(made.name.clone(), made);
    }
    for shipment in &known.shipments {
        let name = format!("shipment-{}", shipment.pickup.id);
        let (pickup, delivery) = (stop(&shipment.pickup, &name)?, stop(&shipment.delivery, &name)?);
        let work = OrderWork::Shipment(Shipment { pickup, delivery });
        let made = order(&name, work, &shipment.amount, &shipment.skills, shipment.priority)?;
        of_pickup.insert(shipment.pickup.id, made.name.clone());
        of_delivery.insert(shipment.delivery.id, made.name.clone());
        orders.insert(made.name.clone(), made);
    }
    // Without the problem, tasks are what the steps say of them.
    let mut pickups: BTreeMap<u64, StopSpec> = BTreeMap::new();
    let mut vehicles = Vec::new();
    let mut stops = Vec::new();
    let mut breaks = Vec::new();
    for (number, route) in plan.routes.iter().enumerate() {
        let vehicle = Name::new(&format!("vehicle-{}", route.vehicle)).expect("digits are an id");
        let known = known.vehicles.iter().find(|known| known.id == route.vehicle);
        if problem.is_some() && known.is_none() {
            let what = format!("the problem has no vehicle {}", route.vehicle);
            return Err(solution.wrong(format!("routes[{number}].vehicle"), what));
        }
        let mut made = vehicle_of(&vehicle, route, known, at).ok_or_else(|| {
            solution.wrong(format!("routes[{number}]"), "where the vehicle starts is missing: give the problem, too")
        })?;
        let pauses = breaks_of(route, known, at)
            .map_err(|(index, what)| solution.wrong(format!("routes[{number}].steps[{index}]"), what))?;
        for (pause, taken) in pauses {
            breaks.extend(taken.map(|(began, ended)| Taken { vehicle: vehicle.clone(), began, ended }));
            if let Some(shift) = &mut made.shift {
                shift.breaks.push(pause);
            }
        }
        vehicles.push(made);
        for (index, step) in route.steps.iter().enumerate() {
            let here = format!("routes[{number}].steps[{index}]");
            let kind = match step.kind.as_str() {
                "job" | "delivery" => StopKind::Delivery,
                "pickup" => StopKind::Pickup,
                // Depots and chargers are no orders: where a vehicle calls at them is planned anew.
                "start" | "end" | "break" | "reload" | "charge" => continue,
                other => return Err(solution.wrong(here, format!("`{other}` is no type of step"))),
            };
            let Some(id) = step.id else { return Err(solution.wrong(here, "`id` is missing")) };
            let Some(arrival) = step.arrival else { return Err(solution.wrong(here, "`arrival` is missing")) };
            let task =
                TaskIn { id, location: step.location, service: step.service, setup: step.setup, ..TaskIn::default() };
            let name = match step.kind.as_str() {
                "pickup" if problem.is_none() => {
                    pickups.insert(id, stop(&task, &here)?);
                    Name::new(&format!("shipment-{id}"))
                }
                "delivery" if problem.is_none() => {
                    let Some(pickup) = pickups.get(&id).cloned() else {
                        let what = "no pickup before it has this id: give the problem, too";
                        return Err(solution.wrong(here, what));
                    };
                    let work = OrderWork::Shipment(Shipment { pickup, delivery: stop(&task, &here)? });
                    let made = order(&format!("shipment-{id}"), work, &[], &[], 0)?;
                    orders.insert(made.name.clone(), made.clone());
                    Some(made.name)
                }
                "job" if problem.is_none() => {
                    let job = Job { stop: stop(&task, &here)?, direction: LoadDirection::Delivery };
                    let made = order(&format!("job-{id}"), OrderWork::Job(job), &[], &[], 0)?;
                    orders.insert(made.name.clone(), made.clone());
                    Some(made.name)
                }
                "pickup" => of_pickup.get(&id).cloned(),
                "delivery" => of_delivery.get(&id).cloned(),
                _ => Name::new(&format!("job-{id}")).filter(|name| orders.contains_key(name)),
            };
            let Some(name) = name else {
                return Err(solution.wrong(here, format!("the problem has no {} {id}", step.kind)));
            };
            let spans = [step.setup, step.waiting_time, step.service];
            let ends = at.instant(spans.iter().fold(arrival, |ends, span| ends.saturating_add((*span).max(0))));
            stops.push(Stop { vehicle: vehicle.clone(), order: name, kind, ends });
        }
    }
    // Who has no route is there all the same.
    let at_work: BTreeSet<u64> = plan.routes.iter().map(|route| route.vehicle).collect();
    for (index, idle) in known.vehicles.iter().enumerate() {
        if at_work.contains(&idle.id) {
            continue;
        }
        let route = RouteIn { vehicle: idle.id, steps: Vec::new() };
        let name = Name::new(&format!("vehicle-{}", idle.id)).expect("digits are an id");
        let here = || format!("vehicles[{index}]");
        let mut made = vehicle_of(&name, &route, Some(idle), at)
            .ok_or_else(|| from.wrong(here(), "`start` is missing, or is no longitude and latitude"))?;
        let pauses = breaks_of(&route, Some(idle), at).map_err(|(_, what)| from.wrong(here(), what))?;
        if let Some(shift) = &mut made.shift {
            shift.breaks.extend(pauses.into_iter().map(|(pause, _)| pause));
        }
        vehicles.push(made);
    }
    if problem.is_none() {
        for (index, left) in plan.unassigned.iter().enumerate() {
            let here = format!("unassigned[{index}]");
            if left.kind.as_deref().is_some_and(|kind| kind != "job") {
                return Err(solution.wrong(here, "a shipment on no route: give the problem, too"));
            }
            let task = TaskIn { id: left.id, location: left.location, ..TaskIn::default() };
            let job = Job { stop: stop(&task, &here)?, direction: LoadDirection::Delivery };
            let made = order(&format!("job-{}", left.id), OrderWork::Job(job), &[], &[], 0)?;
            orders.insert(made.name.clone(), made);
        }
    }
    Ok(lines(Day { vehicles, orders, stops, breaks }, at))
}

/// When a break was taken: from, until.
type WasTaken = Option<(Timestamp, Timestamp)>;

/// The breaks of a vehicle in the order in which they are taken, and when those that are over were taken. A break is planned anew within the
/// window of the problem; without the problem, when the steps say. Of a vehicle without a route nobody says that it took a break: one
/// whose windows are all over is left out. `Err`: the step, and what is wrong with it.
fn breaks_of(
    route: &RouteIn,
    known: Option<&VehicleIn>,
    at: TakenAt,
) -> Result<Vec<(Break, WasTaken)>, (usize, String)> {
    let mut found: Vec<(Break, WasTaken)> = Vec::new();
    let mut planned: BTreeSet<u64> = BTreeSet::new();
    let made = |opens: i64, closes: i64, duration: i64| {
        let window = TimeWindow::new(at.instant(opens), at.instant(closes));
        window.map(|window| Break { window, duration: Millis::from_seconds(duration.max(0)) })
    };
    for (index, step) in route.steps.iter().enumerate().filter(|(_, step)| step.kind == "break") {
        let Some(arrival) = step.arrival else { return Err((index, "`arrival` is missing".to_owned())) };
        if step.id.is_none() && step.service == 0 {
            // It only waits.
            continue;
        }
        let begins = arrival.saturating_add(step.waiting_time.max(0));
        let of_problem = match (known, step.id) {
            (Some(known), Some(id)) => {
                let pause = known.breaks.iter().find(|pause| pause.id == id);
                Some(pause.ok_or_else(|| (index, format!("vehicle {} has no break {id} in the problem", known.id)))?)
            }
            // It rests because of what it has driven, which is planned anew.
            (Some(known), None) if known.driving_time.is_some() => continue,
            (Some(_), None) => return Err((index, "`id` is missing".to_owned())),
            (None, _) => None,
        };
        planned.extend(step.id);
        let windows = of_problem.map_or(&[][..], |pause| &pause.time_windows);
        let window = windows.iter().find(|&&[opens, closes]| (opens..=closes).contains(&begins));
        let [opens, closes] = window.copied().unwrap_or([begins, begins]);
        let duration = of_problem.map_or(step.service, |pause| pause.service);
        let pause =
            made(opens, closes, duration).ok_or_else(|| (index, "its break closes before it opens".to_owned()))?;
        let (began, ended) = (at.instant(begins), at.instant(begins.saturating_add(duration.max(0))));
        found.push((pause, (ended <= at.now).then_some((began, ended))));
    }
    for pause in known.map_or(&[][..], |known| &known.breaks).iter().filter(|pause| !planned.contains(&pause.id)) {
        let left = pause.time_windows.iter().find(|&&[_, closes]| at.instant(closes) > at.now);
        let Some(&[opens, closes]) = left else { continue };
        let what = || (0, format!("break {} closes before it opens", pause.id));
        found.push((made(opens, closes, pause.service).ok_or_else(what)?, None));
    }
    found.sort_by_key(|(pause, taken)| (taken.is_none(), pause.window.opens(), pause.window.closes()));
    Ok(found)
}

fn vehicle_of(name: &Name, route: &RouteIn, known: Option<&VehicleIn>, at: TakenAt) -> Option<Vehicle> {
    let of_steps = |kind: &str| route.steps.iter().find(|step| step.kind == kind).and_then(|step| step.location);
    let start = known.and_then(|known| known.start).or_else(|| of_steps("start"));
    // A vehicle without a start begins at its first stop.
    let start = start.or_else(|| route.steps.iter().find_map(|step| step.location)).and_then(place)?;
    let end = known.and_then(|known| known.end).or_else(|| of_steps("end")).and_then(place);
    // What a plan carries says nothing of what the vehicle holds: without the problem that is not limited.
    let capacity = known.filter(|known| !known.capacity.is_empty()).and_then(|known| load(&known.capacity));
    let unlimited = Load([i32::MAX / 4; 4]);
    let shift = match known.and_then(|known| known.time_window) {
        Some([starts, ends]) => {
            let (starts, ends) = (at.instant(starts), at.instant(ends));
            (starts <= ends).then_some(Shift { starts, ends, breaks: Vec::new() })
        }
        None => Some(Shift { starts: at.now.min(at.day_start), ends: at.now + SHIFT, breaks: Vec::new() }),
    };
    Some(Vehicle {
        name: name.clone(),
        capacity: capacity.unwrap_or(unlimited),
        skills: known.map(|known| skills(&known.skills)).unwrap_or_default(),
        costs: VehicleCosts::default(),
        time_factor: 1000,
        start,
        end,
        shift,
        stops_max: None,
        lifo: false,
        driving_time: None,
        reload: None,
    })
}

/// One row of a table: a stop, in driving order for each vehicle.
#[derive(Deserialize)]
struct Row {
    vehicle_id: String,
    order_id: String,
    /// `pickup` or `delivery`; empty: a job.
    #[serde(default)]
    stop: String,
    lon: f64,
    lat: f64,
    #[serde(default)]
    service_seconds: Option<f64>,
    #[serde(default)]
    opens: String,
    #[serde(default)]
    closes: String,
    /// `yes` where it is done.
    #[serde(default)]
    done: String,
}

/// The facts of a table with the columns `vehicle_id`, `order_id`, `stop` (`pickup` or `delivery`; empty for a job), `lon`, `lat` and,
/// if known, `service_seconds`, `opens`, `closes` (RFC 3339) and `done` (`yes`). A row without `vehicle_id` is on no route.
///
/// # Errors
///
/// What is wrong or missing, and in which line.
pub fn taken_from_table(table: PlanFile<'_>, at: TakenAt) -> Result<Vec<String>, TakenError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(table.text.as_bytes());
    let mut day = Day { vehicles: Vec::new(), orders: BTreeMap::new(), stops: Vec::new(), breaks: Vec::new() };
    let mut pickups: BTreeMap<Name, StopSpec> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (index, row) in reader.deserialize::<Row>().enumerate() {
        let line = format!("line {}", index + 2);
        let row = row.map_err(|error| table.wrong(&line, error.to_string()))?;
        if index >= ENTRIES_MAX {
            return Err(table.wrong(line, format!("more than {ENTRIES_MAX} rows")));
        }
        let id = |column: &str, text: &str| {
            Name::new(text).ok_or_else(|| table.wrong(&line, format!("`{column}`: `{text}` is no id")))
        };
        let instant = |column: &str, text: &str| match text {
            "" => Ok(None),
            text => fleetfold_wire::instant_of(text).map(Some).ok_or_else(|| {
                table.wrong(&line, format!("`{column}`: `{text}` is no time as in 2026-06-01T14:00:00Z"))
            }),
        };
        let order = id("order_id", &row.order_id)?;
        let Some(position) = place([row.lon, row.lat]) else {
            return Err(table.wrong(line, "`lon`, `lat` are no longitude and latitude"));
        };
        let window = match (instant("opens", &row.opens)?, instant("closes", &row.closes)?) {
            (None, None) => None,
            (opens, Some(closes)) => Some(
                TimeWindow::new(opens.unwrap_or(at.day_start.min(closes)), closes)
                    .ok_or_else(|| table.wrong(&line, "`closes` is before `opens`"))?,
            ),
            (Some(_), None) => return Err(table.wrong(line, "`opens` without `closes`")),
        };
        let service = row.service_seconds.unwrap_or(0.0);
        if !(0.0..=86_400.0).contains(&service) {
            return Err(table.wrong(line, format!("`service_seconds`: {service} is not between 0 and a day")));
        }
        let spec = StopSpec {
            position,
            windows: window.into_iter().collect(),
            service: Millis((service * 1000.0).round() as i64),
            setup: Millis(0),
        };
        let (kind, work) = match row.stop.as_str() {
            "pickup" => {
                pickups.insert(order.clone(), spec);
                (StopKind::Pickup, None)
            }
            "delivery" => {
                let Some(pickup) = pickups.get(&order).cloned() else {
                    return Err(table.wrong(line, format!("the pickup of {order} is not above it")));
                };
                (StopKind::Delivery, Some(OrderWork::Shipment(Shipment { pickup, delivery: spec })))
            }
            "" | "job" => {
                let job = Job { stop: spec, direction: LoadDirection::Delivery };
                (StopKind::Delivery, Some(OrderWork::Job(job)))
            }
            other => return Err(table.wrong(line, format!("`stop`: `{other}` is none of pickup, delivery, job"))),
        };
        if let Some(work) = work {
            let (load, skills, priority) = (Load::default(), Vec::new(), 0);
            let (release, promised, placed) = (None, None, at.now);
            let made = Order { name: order.clone(), work, load, skills, priority, release, promised, placed };
            if day.orders.insert(order.clone(), made).is_some() {
                return Err(table.wrong(line, format!("{order} is there twice")));
            }
        }
        if row.vehicle_id.is_empty() {
            continue;
        }
        let vehicle = id("vehicle_id", &row.vehicle_id)?;
        if seen.insert(vehicle.clone()) {
            let route = RouteIn { vehicle: 0, steps: Vec::new() };
            let known = VehicleIn {
                id: 0,
                start: Some([row.lon, row.lat]),
                end: None,
                capacity: Vec::new(),
                skills: Vec::new(),
                time_window: None,
                driving_time: None,
                breaks: Vec::new(),
            };
            day.vehicles.extend(vehicle_of(&vehicle, &route, Some(&known), at));
        }
        // Before now by a moment, so that what is done is done.
        let ends = if row.done == "yes" { at.now } else { at.now + Millis(1) };
        day.stops.push(Stop { vehicle, order, kind, ends });
    }
    if let Some(order) = pickups.keys().find(|order| !day.orders.contains_key(*order)) {
        return Err(table.wrong("the end", format!("the delivery of {order} is missing")));
    }
    Ok(lines(day, at))
}

/// The facts, in an order in which each makes sense when it comes.
fn lines(day: Day, at: TakenAt) -> Vec<String> {
    let mut lines = Vec::new();
    let mut put = |id: String, event: &Event, when: Timestamp| {
        let bytes = encode(event, Space::Geographic, SOURCE, &id, when).to_bytes();
        lines.push(String::from_utf8(bytes).expect("JSON is text"));
    };
    for vehicle in day.vehicles {
        let name = vehicle.name.clone();
        put(format!("registered {name}"), &Event::VehicleRegistered(vehicle), at.now);
        let started = Event::ShiftStarted { vehicle: name.clone(), shift: None, position: None };
        put(format!("started {name}"), &started, at.now);
    }
    for (number, Taken { vehicle, began, ended }) in day.breaks.into_iter().enumerate() {
        let duration = Some(ended - began);
        let begins = BreakEvent { vehicle: vehicle.clone(), at: began, duration, position: None };
        put(format!("break {number} of {vehicle}"), &Event::BreakStarted(begins), began);
        let ends = BreakEvent { vehicle: vehicle.clone(), at: ended, duration: None, position: None };
        put(format!("end of break {number} of {vehicle}"), &Event::BreakEnded(ends), ended);
    }
    for order in day.orders.values() {
        put(format!("created {}", order.name), &Event::OrderCreated(order.clone()), at.now);
    }
    let is_done = |stop: &&Stop| stop.ends <= at.now;
    let done: BTreeSet<&Name> = day
        .stops
        .iter()
        .filter(is_done)
        .filter(|stop| stop.kind == StopKind::Delivery)
        .map(|stop| &stop.order)
        .collect();
    for stop in day.stops.iter().filter(is_done) {
        let kind = if stop.kind == StopKind::Pickup { "pickup" } else { "delivery" };
        let report = StopEvent {
            vehicle: stop.vehicle.clone(),
            order: stop.order.clone(),
            stop: stop.kind,
            at: stop.ends,
            position: None,
        };
        put(format!("{kind} {}", stop.order), &Event::StopCompleted(report), stop.ends);
    }
    let mut pinned = BTreeSet::new();
    for stop in &day.stops {
        if !done.contains(&stop.order) && pinned.insert(&stop.order) {
            let pin = Pin { order: stop.order.clone(), vehicle: stop.vehicle.clone() };
            put(format!("pinned {}", stop.order), &Event::StopPinned(pin), at.now);
        }
    }
    lines
}

//! VROOM JSON: jobs, shipments and vehicles with matrices or coordinates in, VROOM's solution format out.
//!
//! A field that is not read is refused by name, never ignored. Costs follow VROOM's defaults: a vehicle's hour costs 3,600, so
//! that a plan costs its seconds of driving.

use std::collections::BTreeMap;

use fleetfold_solver::{
    LegMatrix, Legs, NodeIx, Pause, Problem, Role, Solution, SpherePlace, Stop, StopIx, TIME_MAX, TourIx, TourSpec,
    schedule,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::benchmark::HARD;
use crate::instance::Instance;

/// Leaving out a task of priority 0, at least: above any detour. Priority p weighs (1 + p) times as much.
const UNSERVED_MIN: i64 = 10_000_000_000;
/// Speed where there are coordinates but no matrix: 36 km/h.
const METRES_PER_SECOND: f64 = 10.0;
/// Dearest hour and kilometre: legs of fifteen hours or a thousand kilometres still have an exact price.
const PER_HOUR_MAX: u32 = 36_000;
const PER_KM_MAX: u32 = 500;
/// Most places of a matrix.
const PLACES_MAX: usize = 30_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(default)]
    jobs: Vec<Job>,
    #[serde(default)]
    shipments: Vec<Shipment>,
    vehicles: Vec<Vehicle>,
    #[serde(default)]
    matrices: BTreeMap<String, Matrices>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrices {
    durations: Vec<Vec<u32>>,
    distances: Option<Vec<Vec<u32>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    id: u64,
    location: Option<[f64; 2]>,
    location_index: Option<usize>,
    #[serde(default)]
    setup: u32,
    #[serde(default)]
    service: u32,
    #[serde(default)]
    delivery: Vec<u32>,
    #[serde(default)]
    pickup: Vec<u32>,
    #[serde(default)]
    skills: Vec<u32>,
    #[serde(default)]
    priority: u8,
    #[serde(default)]
    time_windows: Vec<[u32; 2]>,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shipment {
    pickup: End,
    delivery: End,
    #[serde(default)]
    amount: Vec<u32>,
    #[serde(default)]
    skills: Vec<u32>,
    #[serde(default)]
    priority: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    id: u64,
    location: Option<[f64; 2]>,
    location_index: Option<usize>,
    #[serde(default)]
    setup: u32,
    #[serde(default)]
    service: u32,
    #[serde(default)]
    time_windows: Vec<[u32; 2]>,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vehicle {
    id: u64,
    profile: Option<String>,
    start: Option<[f64; 2]>,
    start_index: Option<usize>,
    end: Option<[f64; 2]>,
    end_index: Option<usize>,
    #[serde(default)]
    capacity: Vec<u32>,
    #[serde(default)]
    skills: Vec<u32>,
    time_window: Option<[u32; 2]>,
    #[serde(default)]
    breaks: Vec<Break>,
    speed_factor: Option<f64>,
    max_tasks: Option<u32>,
    #[serde(default)]
    costs: Costs,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Break {
    id: u64,
    time_windows: Vec<[u32; 2]>,
    #[serde(default)]
    service: u32,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Costs {
    fixed: u32,
    per_hour: u32,
    per_km: u32,
}

impl Default for Costs {
    fn default() -> Self {
        Self { fixed: 0, per_hour: 3600, per_km: 0 }
    }
}

/// What the solution must say of a problem beside what the solver knows.
pub struct Names {
    /// Stop → type and id.
    stops: Vec<(&'static str, u64, String)>,
    vehicles: Vec<(u64, String)>,
    /// Vehicle → id and description of each break, in the order of its pauses.
    breaks: Vec<Vec<(u64, String)>>,
    /// Stop → priority.
    priorities: Vec<u8>,
    /// Dimensions of load that the file speaks of.
    dimensions: usize,
    /// Place → coordinates and index, as given.
    places: Vec<(Option<[f64; 2]>, Option<usize>)>,
}

/// Places by what the file calls them.
struct Places {
    list: Vec<(Option<[f64; 2]>, Option<usize>)>,
    known: BTreeMap<(Option<usize>, [u64; 2]), NodeIx>,
    matrix: Option<usize>,
}

impl Places {
    fn add(&mut self, what: &str, location: Option<[f64; 2]>, index: Option<usize>) -> Result<NodeIx, String> {
        if let Some([lon, lat]) = location
            && (!(-180.0..=180.0).contains(&lon) || !(-90.0..=90.0).contains(&lat))
        {
            return Err(format!("{what}: [{lon}, {lat}] is no longitude and latitude"));
        }
        match (self.matrix, index, location) {
            (Some(size), Some(index), _) if index >= size => {
                return Err(format!("{what}: index {index}, but the matrix has {size} rows"));
            }
            (Some(_), None, _) => return Err(format!("{what}: with a matrix an index is needed")),
            (None, _, None) => return Err(format!("{what}: without a matrix a location is needed")),
            _ => {}
        }
        let key = if self.matrix.is_some() {
            (index, [0, 0])
        } else {
            (None, location.map_or([0, 0], |[lon, lat]| [lon.to_bits(), lat.to_bits()]))
        };
        let next = NodeIx(self.list.len() as u32);
        let place = *self.known.entry(key).or_insert(next);
        if place == next {
            self.list.push((location, index));
        }
        Ok(place)
    }
}

fn load(what: &str, amounts: &[u32]) -> Result<[i32; 4], String> {
    if amounts.len() > 4 {
        return Err(format!("{what}: {} dimensions of load, 4 are the most", amounts.len()));
    }
    let mut load = [0; 4];
    for (slot, &amount) in load.iter_mut().zip(amounts) {
        *slot = i32::try_from(amount)
            .ok()
            .filter(|&amount| amount < i32::MAX / 8)
            .ok_or_else(|| format!("{what}: an amount of {amount}"))?;
    }
    Ok(load)
}

fn windows(what: &str, given: &[[u32; 2]]) -> Result<Vec<(i32, i32)>, String> {
    let mut list = Vec::with_capacity(given.len());
    for &[opens, closes] in given {
        if closes < opens {
            return Err(format!("{what}: the window closes at {closes}, before it opens at {opens}"));
        }
        if closes > TIME_MAX as u32 / 2 {
            return Err(format!("{what}: time {closes} is out of range"));
        }
        list.push((opens as i32, closes as i32));
    }
    list.sort_unstable();
    if list.windows(2).any(|pair| pair[0].1 >= pair[1].0) {
        return Err(format!("{what}: its time windows overlap"));
    }
    Ok(list)
}

/// VROOM's windows are for the beginning of a task's set-up, the solver's for the beginning of service, behind it. Where
/// another task or a vehicle's start is at the same place there may be no set-up, so that the latest start must stay.
fn open_for_setup(stops: &mut [Stop], tours: &[TourSpec]) {
    let mut users: BTreeMap<NodeIx, u32> = BTreeMap::new();
    for node in stops.iter().map(|stop| stop.node).chain(tours.iter().map(|tour| tour.start_node)) {
        *users.entry(node).or_default() += 1;
    }
    for stop in stops.iter_mut().filter(|stop| stop.setup > 0) {
        let alone = users[&stop.node] == 1;
        for (opens, closes) in &mut stop.windows {
            *opens += stop.setup;
            *closes = if alone { *closes + stop.setup } else { (*closes).max(*opens) };
        }
        if let Some(&(_, closes)) = stop.windows.last() {
            stop.due = closes;
        }
    }
}

fn seconds(what: &str, span: u32) -> Result<i32, String> {
    i32::try_from(span)
        .ok()
        .filter(|&span| span <= TIME_MAX / 4)
        .ok_or_else(|| format!("{what}: {span} s is out of range"))
}

/// What tasks of every kind have: a place, set-up, service, windows.
fn timed(what: &str, place: NodeIx, setup: u32, service: u32, given: &[[u32; 2]]) -> Result<Stop, String> {
    let windows = windows(what, given)?;
    Ok(Stop {
        due: windows.last().map_or(i32::MAX, |window| window.1),
        windows,
        service: seconds(what, service)?,
        setup: seconds(what, setup)?,
        ..Stop::job(place)
    })
}

/// Reads a problem.
pub(crate) fn vroom(text: &str) -> Result<(Instance, Names), String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let input: Input = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    if input.vehicles.is_empty() {
        return Err("`vehicles` is empty".to_owned());
    }
    let profiles: std::collections::BTreeSet<&str> =
        input.vehicles.iter().map(|vehicle| vehicle.profile.as_deref().unwrap_or("car")).collect();
    if profiles.len() > 1 {
        return Err(format!("vehicles of several profiles ({profiles:?}); one is read"));
    }
    let profile = profiles.into_iter().next().unwrap_or("car");
    let matrices = match input.matrices.get(profile) {
        None if input.matrices.is_empty() => None,
        None => return Err(format!("`matrices` has none for profile {profile}")),
        Some(matrices) => Some(matrices),
    };
    crate::not_too_many("tasks", input.jobs.len() + 2 * input.shipments.len())?;
    crate::not_too_many("vehicles", input.vehicles.len())?;
    let size = matrices.map(|matrices| matrices.durations.len());
    if size.is_some_and(|size| size > PLACES_MAX) {
        return Err(format!("a matrix of {} rows; {PLACES_MAX} are the most", size.unwrap_or(0)));
    }
    let mut places = Places { list: Vec::new(), known: BTreeMap::new(), matrix: size };
    let mut skills: BTreeMap<u32, u32> = BTreeMap::new();
    let mut bits = |what: &str, list: &[u32]| -> Result<u64, String> {
        let mut word = 0u64;
        for &skill in list {
            let next = skills.len() as u32;
            let bit = *skills.entry(skill).or_insert(next);
            if bit >= 64 {
                return Err(format!("{what}: more than 64 different skills"));
            }
            word |= 1 << bit;
        }
        Ok(word)
    };
    // Serving comes before cost: no vehicle is so dear that a task had better be left out.
    let dearest = input.vehicles.iter().map(|vehicle| i64::from(vehicle.costs.fixed)).max().unwrap_or(0) * 1000;
    let unserved = |priority: u8| UNSERVED_MIN.max(4 * dearest) * (1 + i64::from(priority));
    let mut stops: Vec<Stop> = Vec::new();
    let mut names: Vec<(&'static str, u64, String)> = Vec::new();
    for job in &input.jobs {
        let what = format!("job {}", job.id);
        let (delivery, pickup) = (load(&what, &job.delivery)?, load(&what, &job.pickup)?);
        if delivery != [0; 4] && pickup != [0; 4] {
            return Err(format!("{what}: `delivery` and `pickup` at one job are not read; make it two jobs"));
        }
        let role = if pickup == [0; 4] { Role::JobDelivery } else { Role::JobPickup };
        let place = places.add(&what, job.location, job.location_index)?;
        stops.push(Stop {
            load: if role == Role::JobPickup { pickup } else { delivery },
            role,
            needs: bits(&what, &job.skills)?,
            unserved: unserved(job.priority),
            ..timed(&what, place, job.setup, job.service, &job.time_windows)?
        });
        names.push(("job", job.id, job.description.clone()));
    }
    for shipment in &input.shipments {
        let first = stops.len() as u32;
        for (end, role, kind, mate) in [
            (&shipment.pickup, Role::Pickup, "pickup", StopIx(first + 1)),
            (&shipment.delivery, Role::Delivery, "delivery", StopIx(first)),
        ] {
            let what = format!("{kind} {}", end.id);
            let place = places.add(&what, end.location, end.location_index)?;
            stops.push(Stop {
                load: load(&what, &shipment.amount)?,
                role,
                mate,
                needs: bits(&what, &shipment.skills)?,
                unserved: unserved(shipment.priority),
                ..timed(&what, place, end.setup, end.service, &end.time_windows)?
            });
            names.push((kind, end.id, end.description.clone()));
        }
    }
    let mut tours = Vec::with_capacity(input.vehicles.len());
    let mut breaks = Vec::with_capacity(input.vehicles.len());
    for vehicle in &input.vehicles {
        let what = format!("vehicle {}", vehicle.id);
        let has = |location: Option<[f64; 2]>, index: Option<usize>| location.is_some() || index.is_some();
        if !has(vehicle.start, vehicle.start_index) {
            return Err(format!("{what}: a vehicle without a start is not read"));
        }
        let start_place = places.add(&what, vehicle.start, vehicle.start_index)?;
        let end_place = if has(vehicle.end, vehicle.end_index) {
            places.add(&what, vehicle.end, vehicle.end_index)?
        } else {
            NodeIx::NONE
        };
        let shift = windows(&what, &vehicle.time_window.into_iter().collect::<Vec<_>>())?;
        let mut pauses: Vec<(Pause, (u64, String))> = Vec::new();
        for pause in &vehicle.breaks {
            let times = windows(&what, &pause.time_windows)?;
            let &[(opens, closes)] = &times[..] else {
                return Err(format!("{what}: a break needs one time window"));
            };
            let duration = seconds(&what, pause.service)?;
            pauses.push((Pause { opens, closes, duration }, (pause.id, pause.description.clone())));
        }
        pauses.sort_by_key(|(pause, _)| pause.opens);
        let (pauses, named): (Vec<Pause>, Vec<(u64, String)>) = pauses.into_iter().unzip();
        breaks.push(named);
        for (name, price, most) in
            [("per_hour", vehicle.costs.per_hour, PER_HOUR_MAX), ("per_km", vehicle.costs.per_km, PER_KM_MAX)]
        {
            if price > most {
                return Err(format!("{what}: `costs.{name}` of {price}; {most} is the most, divide all costs alike"));
            }
        }
        let factor = vehicle.speed_factor.unwrap_or(1.0);
        if !(0.1..=5.0).contains(&factor) {
            return Err(format!("{what}: a speed factor of {factor}; 0.1 to 5 is read"));
        }
        let mut capacity = load(&what, &vehicle.capacity)?;
        // A dimension that the vehicle does not name has no room, as in VROOM.
        if vehicle.capacity.is_empty() {
            capacity = [0; 4];
        }
        let (opens, closes) = shift.first().copied().unwrap_or((0, TIME_MAX / 2));
        tours.push(TourSpec {
            start_at: opens,
            end_node: end_place,
            end_by: closes,
            capacity,
            has: bits(&what, &vehicle.skills)?,
            // Costs of the solver are thousandths of VROOM's, times in seconds: an hour is 3,600 of them.
            fixed: i64::from(vehicle.costs.fixed) * 1000,
            per_hour: i64::from(vehicle.costs.per_hour) * 1_000_000,
            per_km: i64::from(vehicle.costs.per_km) * 1000,
            time_factor: (1000.0 / factor).round() as u16,
            stops_max: vehicle.max_tasks.unwrap_or(u32::MAX),
            pauses,
            ..TourSpec::at(start_place)
        });
    }
    let legs = match matrices {
        None => Legs::Sphere {
            places: places
                .list
                .iter()
                .map(|(at, _)| at.map_or(SpherePlace::new(0.0, 0.0), |[lon, lat]| SpherePlace::new(lon, lat)))
                .collect(),
            metres_per_time: METRES_PER_SECOND,
        },
        Some(matrices) => matrix(matrices, &places)?,
    };
    open_for_setup(&mut stops, &tours);
    let names = Names {
        stops: names,
        vehicles: input.vehicles.iter().map(|vehicle| (vehicle.id, vehicle.description.clone())).collect(),
        breaks,
        priorities: (input.jobs.iter().map(|job| job.priority))
            .chain(input.shipments.iter().flat_map(|shipment| [shipment.priority; 2]))
            .collect(),
        dimensions: (input.vehicles.iter().map(|vehicle| vehicle.capacity.len())).max().unwrap_or(0).min(4),
        places: places.list,
    };
    let nodes = names.stops.iter().map(|(_, id, _)| *id).collect();
    let problem = Problem::new(stops, tours, legs).map_err(|error| error.to_string())?.with_weights(HARD);
    Ok((Instance { problem, nodes, scale: 1.0, unit: 1.0, names: None }, names))
}

fn matrix(matrices: &Matrices, places: &Places) -> Result<Legs, String> {
    let n = matrices.durations.len();
    let square = |name: &str, rows: &[Vec<u32>]| -> Result<(), String> {
        if rows.len() != n {
            return Err(format!("`{name}` has {} rows, `durations` has {n}", rows.len()));
        }
        match rows.iter().position(|row| row.len() != n) {
            Some(row) => Err(format!("`{name}[{row}]` has {} numbers, {n} are needed", rows[row].len())),
            None => Ok(()),
        }
    };
    square("durations", &matrices.durations)?;
    if let Some(distances) = &matrices.distances {
        square("distances", distances)?;
    }
    let index: Vec<usize> = places.list.iter().map(|(_, index)| index.unwrap_or(0)).collect();
    let bounded = |value: u32| value.min(fleetfold_solver::UNREACHABLE as u32) as i32;
    Ok(Legs::from(LegMatrix::from_fn(index.len(), |a, b| {
        let (a, b) = (index[a], index[b]);
        let metres = matrices.distances.as_ref().map_or(0, |rows| rows[a][b]);
        (bounded(matrices.durations[a][b]), bounded(metres))
    })))
}

/// VROOM's solution format.
pub fn solution(instance: &Instance, names: &Names, solution: &Solution) -> Value {
    let problem = &instance.problem;
    let place = |node: NodeIx| {
        let (location, index) = names.places[node.index()];
        let mut value = json!({});
        if let Some(location) = location {
            value["location"] = json!(location);
        }
        if let Some(index) = index {
            value["location_index"] = json!(index);
        }
        value
    };
    let with = |mut value: Value, more: Value| {
        if let (Some(object), Value::Object(more)) = (value.as_object_mut(), more) {
            object.extend(more);
        }
        value
    };
    let mut routes = Vec::new();
    let (mut cost, mut duration, mut service, mut setup, mut waiting) = (0i64, 0i64, 0i64, 0i64, 0i64);
    for (tour, sequence) in solution.tours.iter().enumerate().filter(|(_, sequence)| !sequence.is_empty()) {
        let spec = &problem.tours()[tour];
        let times = schedule(problem, TourIx(tour as u32), sequence).unwrap_or_default();
        let scaled = |time: i32| i64::from(time) * i64::from(spec.time_factor) / 1000;
        let (mut driven, mut served, mut prepared, mut waited) = (0i64, 0i64, 0i64, 0i64);
        let loads = loads(problem, sequence, names.dimensions);
        let mut steps = vec![with(
            json!({ "type": "start", "arrival": spec.start_at, "duration": 0, "setup": 0, "service": 0,
                "waiting_time": 0, "load": loads[0], "violations": [] }),
            place(spec.start_node),
        )];
        let mut here = spec.start_node;
        let mut free = spec.start_at;
        let mut pauses = spec.pauses.iter().zip(&names.breaks[tour]);
        for ((&stop, timed), (load, load_before)) in sequence.iter().zip(&times).zip(loads[1..].iter().zip(&loads)) {
            let its = &problem.stops()[stop.index()];
            let mut left = timed.pause;
            while left > 0
                && let Some((pause, (id, description))) = pauses.next()
            {
                let begins = free.max(pause.opens);
                steps.push(json!({
                    "type": "break", "id": id, "description": description, "arrival": free, "duration": driven, "setup": 0,
                    "service": pause.duration, "waiting_time": begins - free, "load": load_before, "violations": [],
                }));
                served += i64::from(pause.duration);
                waited += i64::from(begins - free);
                free = begins + pause.duration;
                left -= pause.duration;
            }
            free = timed.departure;
            let (kind, id, description) = &names.stops[stop.index()];
            let before = if here == its.node { 0 } else { i64::from(its.setup) };
            driven += scaled(problem.legs().time(here, its.node));
            let wait = i64::from(timed.start) - i64::from(timed.arrival) - before;
            let step = json!({
                "type": kind, "id": id, "description": description, "arrival": timed.arrival, "duration": driven,
                "setup": before, "service": its.service, "waiting_time": wait, "load": load, "violations": [],
            });
            // VROOM still says the id twice.
            let again = json!({ "job": id });
            steps.push(with(with(step, again), place(its.node)));
            served += i64::from(its.service);
            prepared += before;
            waited += wait;
            here = its.node;
        }
        let left = times.last().map_or(spec.start_at, |timed| timed.departure);
        if spec.end_node != NodeIx::NONE {
            let home = scaled(problem.legs().time(here, spec.end_node));
            driven += home;
            let end = json!({ "type": "end", "arrival": i64::from(left) + home, "duration": driven, "setup": 0,
                "service": 0, "waiting_time": 0, "load": loads[loads.len() - 1], "violations": [] });
            steps.push(with(end, place(spec.end_node)));
        }
        let price = fleetfold_solver::price(problem, TourIx(tour as u32), sequence).unwrap_or(0) / 1000;
        let (id, description) = &names.vehicles[tour];
        routes.push(json!({
            "vehicle": id, "description": description, "cost": price, "duration": driven, "service": served,
            "setup": prepared, "waiting_time": waited, "steps": steps, "violations": [],
            "priority": sequence.iter().map(|&stop| u64::from(names.priorities[stop.index()])).sum::<u64>(),
            "delivery": carried(problem, sequence, names.dimensions, false),
            "pickup": carried(problem, sequence, names.dimensions, true),
        }));
        cost += price;
        duration += driven;
        service += served;
        setup += prepared;
        waiting += waited;
    }
    let unassigned: Vec<Value> = solution
        .absent
        .iter()
        .map(|&stop| {
            let (kind, id, description) = &names.stops[stop.index()];
            let its = &problem.stops()[stop.index()];
            let value = json!({ "type": kind, "id": id, "description": description, "reason": reason(problem, stop) });
            with(value, place(its.node))
        })
        .collect();
    let served = || solution.tours.iter().flatten();
    json!({
        "code": 0,
        "summary": {
            "cost": cost, "routes": routes.len(), "unassigned": unassigned.len(), "duration": duration, "service": service,
            "setup": setup, "waiting_time": waiting, "violations": [],
            "priority": served().map(|&stop| u64::from(names.priorities[stop.index()])).sum::<u64>(),
            "delivery": carried(problem, served(), names.dimensions, false),
            "pickup": carried(problem, served(), names.dimensions, true),
        },
        "unassigned": unassigned,
        "routes": routes,
    })
}

/// Goods on board at the start and after each stop.
fn loads(problem: &Problem, sequence: &[StopIx], dimensions: usize) -> Vec<Vec<i64>> {
    let goods = |stop: StopIx| problem.stops()[stop.index()].load.iter().take(dimensions).map(|&load| i64::from(load));
    let mut load = vec![0; dimensions];
    for &stop in sequence.iter().filter(|&&stop| problem.stops()[stop.index()].role == Role::JobDelivery) {
        load.iter_mut().zip(goods(stop)).for_each(|(sum, goods)| *sum += goods);
    }
    let mut all = vec![load.clone()];
    for &stop in sequence {
        let sign = if matches!(problem.stops()[stop.index()].role, Role::Pickup | Role::JobPickup) { 1 } else { -1 };
        load.iter_mut().zip(goods(stop)).for_each(|(sum, goods)| *sum += sign * goods);
        all.push(load.clone());
    }
    all
}

/// All goods picked up, or delivered.
fn carried<'s>(
    problem: &Problem,
    stops: impl IntoIterator<Item = &'s StopIx>,
    dimensions: usize,
    pickup: bool,
) -> Vec<i64> {
    let mut sum = vec![0; dimensions];
    for &stop in stops {
        let its = &problem.stops()[stop.index()];
        if matches!(its.role, Role::Pickup | Role::JobPickup) == pickup {
            sum.iter_mut().zip(its.load).for_each(|(sum, goods)| *sum += i64::from(goods));
        }
    }
    sum
}

/// Why a task has no vehicle: what rules out each of them, or that there is no place left.
fn reason(problem: &Problem, stop: StopIx) -> &'static str {
    let its = &problem.stops()[stop.index()];
    let able = || problem.tours().iter().filter(|tour| its.needs & !tour.has == 0);
    if able().next().is_none() {
        return "skills";
    }
    if !able().any(|tour| (0..4).all(|d| its.load[d] <= tour.capacity[d])) {
        return "capacity";
    }
    let reaches = |tour: &TourSpec| {
        let arrival = i64::from(tour.start_at) + i64::from(problem.legs().time(tour.start_node, its.node));
        arrival <= i64::from(tour.end_by) && its.windows.last().is_none_or(|window| arrival <= i64::from(window.1))
    };
    if able().any(reaches) { "no_place" } else { "time" }
}

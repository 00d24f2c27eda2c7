//! VROOM JSON: jobs, shipments and vehicles, with matrices or coordinates.
//!
//! A field that is not read is refused by its name, never ignored. Costs follow VROOM's defaults: an hour of driving costs 3,600,
//! so that the cost of a plan is its seconds of driving.

use std::collections::BTreeMap;

use fleetfold_solver::{
    LegMatrix, Legs, NodeIx, Pause, Problem, ProblemSpec, Role, SpherePlace, Stop, StopIx, TIME_MAX, TourSpec, Weights,
};
use serde::Deserialize;

use crate::benchmark::HARD;
use crate::error::{ReadError, Spot};
use crate::instance::Instance;
use crate::names::Names;

/// Lowest price of leaving out a task of priority 0: higher than that of any detour. For priority p it is (1 + p) times as high.
const UNSERVED_MIN: i64 = 10_000_000_000;
/// As VROOM has it: windows are for set-up, and a break may be taken anywhere on the way.
const VROOM: Weights = Weights { setup_in_window: true, pause_on_the_way: true, ..HARD };
/// Speed where there are coordinates and no matrix, in metres per second (36 km/h).
const METRES_PER_SECOND: f64 = 10.0;
/// Highest price of an hour of driving: the price of a leg of fifteen hours is still exact.
const PER_HOUR_MAX: u32 = 36_000;
/// Highest price of a kilometre: the price of a leg of a thousand kilometres is still exact.
const PER_KM_MAX: u32 = 500;
/// Most rows of a matrix.
const NODES_MAX: usize = 30_000;

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

/// The locations of the file. The index of a location in the list is its node in the leg matrix of the solver.
struct Places {
    list: Vec<(Option<[f64; 2]>, Option<usize>)>,
    known: BTreeMap<(Option<usize>, [u64; 2]), NodeIx>,
    matrix: Option<usize>,
}

impl Places {
    fn add(&mut self, at: &Spot, location: Option<[f64; 2]>, index: Option<usize>) -> Result<NodeIx, ReadError> {
        if let Some([lon, lat]) = location
            && (!(-180.0..=180.0).contains(&lon) || !(-90.0..=90.0).contains(&lat))
        {
            return Err(ReadError::impossible(at.clone(), format!("[{lon}, {lat}] is no longitude and latitude")));
        }
        match (self.matrix, index, location) {
            (Some(size), Some(index), _) if index >= size => {
                let what = format!("index {index}, but the matrix has {size} rows");
                return Err(ReadError::impossible(at.clone(), what));
            }
            (Some(_), None, _) => return Err(ReadError::malformed(at.clone(), "with a matrix an index is needed")),
            (None, _, None) => return Err(ReadError::malformed(at.clone(), "without a matrix a location is needed")),
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

fn load(at: &Spot, amounts: &[u32]) -> Result<[i32; 4], ReadError> {
    if amounts.len() > 4 {
        let what = format!("{} dimensions of load, 4 are the most", amounts.len());
        return Err(ReadError::unsupported(at.clone(), what));
    }
    let mut load = [0; 4];
    for (slot, &amount) in load.iter_mut().zip(amounts) {
        *slot = i32::try_from(amount)
            .ok()
            .filter(|&amount| amount < i32::MAX / 8)
            .ok_or_else(|| ReadError::impossible(at.clone(), format!("an amount of {amount}")))?;
    }
    Ok(load)
}

fn windows(at: &Spot, given: &[[u32; 2]]) -> Result<Vec<(i32, i32)>, ReadError> {
    let mut list = Vec::with_capacity(given.len());
    for &[opens, closes] in given {
        if closes < opens {
            let what = format!("the window closes at {closes}, before it opens at {opens}");
            return Err(ReadError::impossible(at.clone(), what));
        }
        if closes > TIME_MAX as u32 / 2 {
            return Err(ReadError::impossible(at.clone(), format!("time {closes} is out of range")));
        }
        list.push((opens as i32, closes as i32));
    }
    list.sort_unstable();
    if list.windows(2).any(|pair| pair[0].1 >= pair[1].0) {
        return Err(ReadError::impossible(at.clone(), "its time windows overlap"));
    }
    Ok(list)
}

fn seconds(at: &Spot, span: u32) -> Result<i32, ReadError> {
    i32::try_from(span)
        .ok()
        .filter(|&span| span <= TIME_MAX / 4)
        .ok_or_else(|| ReadError::impossible(at.clone(), format!("{span} s is out of range")))
}

/// A stop with what tasks of every kind have: place, set-up, service and time windows.
fn timed(at: &Spot, place: NodeIx, setup: u32, service: u32, given: &[[u32; 2]]) -> Result<Stop, ReadError> {
    let windows = windows(at, given)?;
    Ok(Stop {
        due: windows.last().map_or(i32::MAX, |window| window.1),
        windows,
        service: seconds(at, service)?,
        setup: seconds(at, setup)?,
        ..Stop::job(place)
    })
}

/// Reads a problem.
pub(crate) fn vroom(text: &str) -> Result<(Instance, Names), ReadError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let input: Input = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| ReadError::malformed(None, error.to_string()))?;
    if input.vehicles.is_empty() {
        return Err(ReadError::malformed(None, "`vehicles` is empty"));
    }
    let profiles: std::collections::BTreeSet<&str> =
        input.vehicles.iter().map(|vehicle| vehicle.profile.as_deref().unwrap_or("car")).collect();
    if profiles.len() > 1 {
        let what = format!("vehicles of several profiles ({profiles:?}); one is read");
        return Err(ReadError::unsupported(None, what));
    }
    let profile = profiles.into_iter().next().unwrap_or("car");
    let matrices = match input.matrices.get(profile) {
        None if input.matrices.is_empty() => None,
        None => return Err(ReadError::malformed(None, format!("`matrices` has none for profile {profile}"))),
        Some(matrices) => Some(matrices),
    };
    ReadError::unless_few("tasks", input.jobs.len() + 2 * input.shipments.len())?;
    ReadError::unless_few("vehicles", input.vehicles.len())?;
    let size = matrices.map(|matrices| matrices.durations.len());
    if let Some(rows) = size.filter(|&rows| rows > NODES_MAX) {
        return Err(ReadError::TooLarge { what: "rows of a matrix", count: rows, most: NODES_MAX });
    }
    let mut places = Places { list: Vec::new(), known: BTreeMap::new(), matrix: size };
    let mut skills: BTreeMap<u32, u32> = BTreeMap::new();
    let mut bits = |at: &Spot, list: &[u32]| -> Result<u64, ReadError> {
        let mut word = 0u64;
        for &skill in list {
            let next = skills.len() as u32;
            let bit = *skills.entry(skill).or_insert(next);
            if bit >= 64 {
                return Err(ReadError::unsupported(at.clone(), "more than 64 different skills"));
            }
            word |= 1 << bit;
        }
        Ok(word)
    };
    // Serving tasks comes before cost: leaving one out costs more than the dearest vehicle.
    let dearest = input.vehicles.iter().map(|vehicle| i64::from(vehicle.costs.fixed)).max().unwrap_or(0) * 1000;
    let unserved = |priority: u8| UNSERVED_MIN.max(4 * dearest) * (1 + i64::from(priority));
    let mut stops: Vec<Stop> = Vec::new();
    let mut names: Vec<(&'static str, u64, String)> = Vec::new();
    for job in &input.jobs {
        let at = Spot::Item("job", job.id);
        let (delivery, pickup) = (load(&at, &job.delivery)?, load(&at, &job.pickup)?);
        if delivery != [0; 4] && pickup != [0; 4] {
            let what = "`delivery` and `pickup` at one job are not read; make it two jobs";
            return Err(ReadError::unsupported(at, what));
        }
        let role = if pickup == [0; 4] { Role::JobDelivery } else { Role::JobPickup };
        let place = places.add(&at, job.location, job.location_index)?;
        stops.push(Stop {
            load: if role == Role::JobPickup { pickup } else { delivery },
            role,
            needs: bits(&at, &job.skills)?,
            unserved: unserved(job.priority),
            ..timed(&at, place, job.setup, job.service, &job.time_windows)?
        });
        names.push(("job", job.id, job.description.clone()));
    }
    for shipment in &input.shipments {
        let first = stops.len() as u32;
        for (end, role, kind, mate) in [
            (&shipment.pickup, Role::Pickup, "pickup", StopIx(first + 1)),
            (&shipment.delivery, Role::Delivery, "delivery", StopIx(first)),
        ] {
            let at = Spot::Item(kind, end.id);
            let place = places.add(&at, end.location, end.location_index)?;
            stops.push(Stop {
                load: load(&at, &shipment.amount)?,
                role,
                mate,
                needs: bits(&at, &shipment.skills)?,
                unserved: unserved(shipment.priority),
                ..timed(&at, place, end.setup, end.service, &end.time_windows)?
            });
            names.push((kind, end.id, end.description.clone()));
        }
    }
    let mut tours = Vec::with_capacity(input.vehicles.len());
    let mut breaks = Vec::with_capacity(input.vehicles.len());
    for vehicle in &input.vehicles {
        let at = Spot::Item("vehicle", vehicle.id);
        let has = |location: Option<[f64; 2]>, index: Option<usize>| location.is_some() || index.is_some();
        if !has(vehicle.start, vehicle.start_index) {
            return Err(ReadError::unsupported(at, "a vehicle without a start is not read"));
        }
        let start_place = places.add(&at, vehicle.start, vehicle.start_index)?;
        let end_place = if has(vehicle.end, vehicle.end_index) {
            places.add(&at, vehicle.end, vehicle.end_index)?
        } else {
            NodeIx::NONE
        };
        let shift = windows(&at, &vehicle.time_window.into_iter().collect::<Vec<_>>())?;
        let mut pauses: Vec<(Pause, (u64, String))> = Vec::new();
        for pause in &vehicle.breaks {
            let times = windows(&at, &pause.time_windows)?;
            let &[(opens, closes)] = &times[..] else {
                return Err(ReadError::unsupported(at, "a break needs one time window"));
            };
            let duration = seconds(&at, pause.service)?;
            pauses.push((Pause::new(opens, closes, duration), (pause.id, pause.description.clone())));
        }
        pauses.sort_by(|(a, _), (b, _)| a.windows.cmp(&b.windows));
        let (pauses, named): (Vec<Pause>, Vec<(u64, String)>) = pauses.into_iter().unzip();
        breaks.push(named);
        for (name, price, most) in
            [("per_hour", vehicle.costs.per_hour, PER_HOUR_MAX), ("per_km", vehicle.costs.per_km, PER_KM_MAX)]
        {
            if price > most {
                let what = format!("`costs.{name}` of {price}; {most} is the most, divide all costs alike");
                return Err(ReadError::impossible(at, what));
            }
        }
        let factor = vehicle.speed_factor.unwrap_or(1.0);
        if !(0.1..=5.0).contains(&factor) {
            return Err(ReadError::impossible(at, format!("a speed factor of {factor}; 0.1 to 5 is read")));
        }
        let mut capacity = load(&at, &vehicle.capacity)?;
        // As in VROOM, a vehicle has no room in a dimension that it does not name.
        if vehicle.capacity.is_empty() {
            capacity = [0; 4];
        }
        let (opens, closes) = shift.first().copied().unwrap_or((0, TIME_MAX / 2));
        tours.push(TourSpec {
            start_at: opens,
            end_node: end_place,
            end_by: closes,
            capacity,
            has: bits(&at, &vehicle.skills)?,
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
    let names = Names {
        stops: names,
        vehicles: input.vehicles.iter().map(|vehicle| (vehicle.id, vehicle.description.clone())).collect(),
        breaks,
        priorities: (input.jobs.iter().map(|job| job.priority))
            .chain(input.shipments.iter().flat_map(|shipment| [shipment.priority; 2]))
            .collect(),
        dimensions: (input.vehicles.iter().map(|vehicle| vehicle.capacity.len())).max().unwrap_or(0).min(4),
        locations: places.list,
    };
    let nodes = names.stops.iter().map(|(_, id, _)| *id).collect();
    let problem = Problem::new(ProblemSpec { stops, tours, legs, weights: VROOM, initial: Vec::new() })?;
    Ok((Instance { problem, nodes, scale: 1.0, unit: 1.0, names: None }, names))
}

fn matrix(matrices: &Matrices, places: &Places) -> Result<Legs, ReadError> {
    let n = matrices.durations.len();
    let square = |name: &str, rows: &[Vec<u32>]| -> Result<(), ReadError> {
        if rows.len() != n {
            let what = format!("`{name}` has {} rows, `durations` has {n}", rows.len());
            return Err(ReadError::malformed(None, what));
        }
        match rows.iter().position(|row| row.len() != n) {
            Some(row) => {
                let what = format!("`{name}[{row}]` has {} numbers, {n} are needed", rows[row].len());
                Err(ReadError::malformed(None, what))
            }
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

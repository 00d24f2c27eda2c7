//! A document as a problem of the solver.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_solver::{
    Dock, NodeIx, Pause, Problem, ProblemSpec, Rank, Role, Stop, StopIx, TimesOfType, TourIx, TourSpec, Weights,
};

use super::clock::{Clock, NEVER, TIME_END, sorted, span};
use super::places::{Location, Places};
use super::prices::{Rates, Roads};
use super::roads::{NO_WAY, Streets, Tables};
use super::rules::{self, Pin, Preferred};
use super::shapes::{Break, Document, Matrices, Shipment, Task, Vehicle, Window};
use super::skills::Skills;
use super::{Priorities, VroomOptions, given, order, shapes};
use crate::benchmark::HARD;
use crate::error::{ReadError, Spot};
use crate::instance::{Instance, Repairs, with_pinned_kept};
use crate::names::{BreakName, Names, TaskName, VehicleName};

/// As VROOM has it: windows are for set-up, and a break may be taken anywhere on the way.
const VROOM: Weights = Weights { setup_in_window: true, pause_on_the_way: true, ..HARD };
/// Most rows of a matrix.
const NODES_MAX: usize = 30_000;
/// Dimensions of load that the solver keeps in line.
const INLINE: usize = 4;
/// Room of a vehicle that holds more than there is.
const ROOM_MAX: u32 = i32::MAX as u32 / 4;
/// Highest amount of one task.
const AMOUNT_MAX: u32 = i32::MAX as u32 / 8;
/// VROOM's profile where none is named.
const PROFILE: &str = "car";
/// VROOM's price of an hour where none is named.
const PER_HOUR: u32 = 3600;
/// VROOM's highest priority and speed factor.
const PRIORITY_MAX: u32 = 100;
const SPEED_FACTOR_MAX: f64 = 5.0;

/// Reads a problem.
pub(super) fn read(text: &str, options: VroomOptions, streets: Option<&dyn Streets>) -> Result<Instance, ReadError> {
    read_as(text, options, streets, false)
}

/// Reads a problem whose given routes are to be timed: breaks that no route could take are no error, and the solver is told of none.
pub(super) fn read_for_plan(
    text: &str,
    options: VroomOptions,
    streets: Option<&dyn Streets>,
) -> Result<Instance, ReadError> {
    read_as(text, options, streets, true)
}

fn read_as(
    text: &str,
    options: VroomOptions,
    streets: Option<&dyn Streets>,
    for_plan: bool,
) -> Result<Instance, ReadError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut document: Document = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| ReadError::malformed(None, error.to_string()))?;
    deserializer.end().map_err(|error| ReadError::malformed(None, error.to_string()))?;
    let options = VroomOptions { priorities: priorities(&document, options.priorities)?, ..options };
    let mut repairs = Repairs { strict: options.strict, warnings: Vec::new() };
    warn_of_unknown(&document, &mut repairs)?;
    check_counts(&document)?;
    let matrices = matrices(&mut document, streets.is_some())?;
    let mut draft = Draft::new(&document, &matrices)?;
    let says_plan = document.options.as_ref().and_then(|options| options.c).unwrap_or(false);
    draft.for_plan = for_plan || says_plan;
    let (vehicles, jobs) =
        (document.vehicles.as_deref().unwrap_or_default(), document.jobs.as_deref().unwrap_or_default());
    for (position, vehicle) in order::vehicles(vehicles) {
        draft.add_vehicle(position, vehicle, &matrices)?;
    }
    for (position, job) in order::jobs(jobs) {
        draft.add_job(position, job)?;
    }
    for (position, shipment) in order::shipments(document.shipments.as_deref().unwrap_or_default()) {
        draft.add_shipment(jobs.len() + 2 * position, shipment)?;
    }
    draft.docks =
        rules::docks(document.docks.as_deref().unwrap_or_default(), document.fairness.as_ref(), &mut draft.places)?;
    draft.check_ids()?;
    let mut tables = Tables { given: matrices, by_node: Vec::new() };
    let said = document.options.unwrap_or_default();
    let wants_geometry = options.lengths || said.g.unwrap_or(false);
    if let Some(streets) = streets {
        let driven: BTreeSet<&str> = draft.tours.iter().map(|draft| draft.rates.profile.as_str()).collect();
        let driven: Vec<&str> = driven.into_iter().collect();
        tables.ask(streets, wants_geometry, &driven, &draft.places.list, &mut repairs)?;
    }
    let asked = Asked { plan: says_plan, geometry: wants_geometry };
    draft.instance(options, &tables, asked, repairs)
}

/// What priorities weigh: as the document says, or else whoever reads it.
fn priorities(document: &Document, otherwise: Priorities) -> Result<Priorities, ReadError> {
    match document.options.as_ref().and_then(|options| options.priorities.as_deref()) {
        None => Ok(otherwise),
        Some(said) => {
            said.parse().map_err(|what: String| ReadError::malformed(None, format!("`options.priorities`: {what}")))
        }
    }
}

fn warn_of_unknown(document: &Document, repairs: &mut Repairs) -> Result<(), ReadError> {
    // Every step of an answer that is given back has the same keys: they are told once for each vehicle.
    let mut told = BTreeSet::new();
    let mut warn = |at: Option<Spot>, inside: &str, keys: &[String]| -> Result<(), ReadError> {
        for key in keys {
            let what = format!("the unknown key `{inside}{key}` is read over");
            if told.insert(format!("{at:?} {what}")) {
                repairs.add(at.clone(), what)?;
            }
        }
        Ok(())
    };
    warn(None, "", &document.unknown)?;
    if let Some(options) = &document.options {
        warn(None, "options.", &options.unknown)?;
    }
    for (profile, matrices) in document.matrices.iter().flatten() {
        warn(None, &format!("matrices.{profile}."), &matrices.unknown)?;
    }
    let item = |kind: &'static str, id: Option<u64>| id.map(|id| Spot::Item(kind, id));
    if let Some(fairness) = &document.fairness {
        warn(None, "fairness.", &fairness.unknown)?;
    }
    for (number, dock) in document.docks.iter().flatten().enumerate() {
        warn(None, &format!("docks[{number}]."), &dock.unknown)?;
    }
    for (number, relation) in document.relations.iter().flatten().enumerate() {
        warn(None, &format!("relations[{number}]."), &relation.unknown)?;
        for task in relation.tasks.iter().flatten() {
            warn(None, &format!("relations[{number}].tasks."), &task.unknown)?;
        }
    }
    for job in document.jobs.iter().flatten() {
        warn(item("job", job.id), "", &job.unknown)?;
        if let Some(pinned) = &job.pinned {
            warn(item("job", job.id), "pinned.", &pinned.unknown)?;
        }
        if let Some(soft) = &job.soft_time_window {
            warn(item("job", job.id), "soft_time_window.", &soft.unknown)?;
        }
    }
    for shipment in document.shipments.iter().flatten() {
        let ends = [("pickup", &shipment.pickup), ("delivery", &shipment.delivery)];
        let first = shipment.pickup.as_ref().and_then(|pickup| pickup.id);
        warn(item("pickup", first), "shipment.", &shipment.unknown)?;
        if let Some(pinned) = &shipment.pinned {
            warn(item("pickup", first), "shipment.pinned.", &pinned.unknown)?;
        }
        for (kind, end) in ends.into_iter().filter_map(|(kind, end)| end.as_ref().map(|end| (kind, end))) {
            warn(item(kind, end.id), "", &end.unknown)?;
            if let Some(soft) = &end.soft_time_window {
                warn(item(kind, end.id), "soft_time_window.", &soft.unknown)?;
            }
            for (key, is_there) in [
                ("amount", end.amount.is_some()),
                ("delivery", end.delivery.is_some()),
                ("pickup", end.pickup.is_some()),
                ("skills", end.skills.is_some()),
                ("priority", end.priority.is_some()),
                ("prize", end.prize.is_some()),
                ("pinned", end.pinned.is_some()),
            ] {
                if is_there {
                    warn(item(kind, end.id), "", &[key.to_owned()])?;
                }
            }
        }
    }
    for vehicle in document.vehicles.iter().flatten() {
        let at = item("vehicle", vehicle.id);
        warn(at.clone(), "", &vehicle.unknown)?;
        if let Some(costs) = &vehicle.costs {
            warn(at.clone(), "costs.", &costs.unknown)?;
        }
        for pause in vehicle.breaks.iter().flatten() {
            warn(at.clone(), "breaks.", &pause.unknown)?;
        }
        for step in vehicle.steps.iter().flatten() {
            warn(at.clone(), "steps.", &step.unknown)?;
        }
        if let Some(reload) = &vehicle.reload {
            warn(at.clone(), "reload.", &reload.unknown)?;
            for place in reload.places.iter().flatten() {
                warn(at.clone(), "reload.places.", &place.unknown)?;
            }
        }
        if let Some(battery) = &vehicle.battery {
            warn(at.clone(), "battery.", &battery.unknown)?;
            for station in battery.stations.iter().flatten() {
                warn(at.clone(), "battery.stations.", &station.unknown)?;
            }
        }
        if let Some(walking) = &vehicle.walking {
            warn(at.clone(), "walking.", &walking.unknown)?;
        }
        if let Some(day) = &vehicle.driving_time {
            warn(at.clone(), "driving_time.", &day.unknown)?;
        }
    }
    Ok(())
}

fn check_counts(document: &Document) -> Result<(), ReadError> {
    let Some(vehicles) = &document.vehicles else {
        return Err(ReadError::malformed(None, "`vehicles` is missing"));
    };
    if vehicles.is_empty() {
        return Err(ReadError::malformed(None, "`vehicles` is empty"));
    }
    let jobs = document.jobs.as_ref().map_or(0, Vec::len);
    let shipments = document.shipments.as_ref().map_or(0, Vec::len);
    if jobs + shipments == 0 {
        return Err(ReadError::malformed(None, "there is no task: `jobs` and `shipments` are empty"));
    }
    ReadError::unless_few("tasks", jobs + 2 * shipments)?;
    ReadError::unless_few("vehicles", vehicles.len())
}

/// The matrices of the profiles that are driven, all square and of one size within a profile. `some`: a profile may have none.
fn matrices(document: &mut Document, some: bool) -> Result<BTreeMap<String, Matrices>, ReadError> {
    let mut given = match (document.matrices.take(), document.matrix.take()) {
        (Some(matrices), _) => matrices,
        (None, Some(durations)) => {
            BTreeMap::from([(PROFILE.to_owned(), Matrices { durations: Some(durations), ..Matrices::default() })])
        }
        (None, None) => BTreeMap::new(),
    };
    let driven: BTreeSet<&str> = document.vehicles.iter().flatten().map(profile).collect();
    if !given.is_empty()
        && !some
        && let Some(missing) = driven.iter().find(|&&profile| !given.contains_key(profile))
    {
        return Err(ReadError::malformed(None, format!("`matrices` has none for profile {missing}")));
    }
    given.retain(|profile, _| driven.contains(profile.as_str()));
    for (profile, matrices) in &given {
        let Some(durations) = &matrices.durations else {
            let what = format!("`matrices.{profile}` has no `durations`");
            return Err(ReadError::malformed(None, what));
        };
        let rows = durations.len();
        if rows == 0 {
            return Err(ReadError::malformed(None, format!("`matrices.{profile}.durations` is empty")));
        }
        if rows > NODES_MAX {
            return Err(ReadError::TooLarge { what: "rows of a matrix", count: rows, most: NODES_MAX });
        }
        let all = [("durations", &matrices.durations), ("distances", &matrices.distances), ("costs", &matrices.costs)];
        for (name, matrix) in all.into_iter().filter_map(|(name, matrix)| matrix.as_ref().map(|matrix| (name, matrix)))
        {
            if matrix.len() != rows {
                let what = format!("`matrices.{profile}.{name}` has {} rows, `durations` has {rows}", matrix.len());
                return Err(ReadError::malformed(None, what));
            }
            if let Some((row, numbers)) = matrix.iter().enumerate().find(|(_, numbers)| numbers.len() != rows) {
                let count = numbers.len();
                let what = format!("`matrices.{profile}.{name}[{row}]` has {count} numbers, {rows} are needed");
                return Err(ReadError::malformed(None, what));
            }
        }
    }
    Ok(given)
}

fn profile(vehicle: &Vehicle) -> &str {
    vehicle.profile.as_deref().filter(|profile| !profile.is_empty()).unwrap_or(PROFILE)
}

/// What is known of a task before times are shifted and prices are scaled.
struct DraftStop {
    stop: Stop,
    release: Option<i64>,
    preferred: Option<Preferred>,
    /// What leaving it out costs, in the file's cost; `None`: more than everything else.
    prize: Option<i64>,
    pin: Pin,
    at: Spot,
    skills: Vec<u32>,
    /// What leaving it out weighs is `priorities` times the priority, and `tasks` tasks.
    tasks: i64,
}

/// What is known of a vehicle before times are shifted and prices are scaled.
struct DraftTour {
    tour: TourSpec,
    at: Spot,
    skills: BTreeSet<u32>,
    rates: Rates,
    shift_is_given: bool,
}

/// What a document asks for beside a plan.
#[derive(Clone, Copy)]
struct Asked {
    plan: bool,
    geometry: bool,
}

/// A problem in the making. Stops and tours lack their times, skills and prices until [`Draft::instance`].
struct Draft {
    places: Places,
    stops: Vec<DraftStop>,
    tasks: Vec<TaskName>,
    tours: Vec<DraftTour>,
    vehicles: Vec<VehicleName>,
    /// Dimensions of load.
    dimensions: usize,
    /// Vehicle type → number from 1; 0 is that of vehicles without a type.
    types: BTreeMap<String, u16>,
    opens: Vec<u32>,
    /// What VROOM takes without a word and changes nothing.
    doubts: Vec<(Spot, String)>,
    relations: Vec<shapes::Relation>,
    /// A task says what leaving it out costs.
    has_prizes: bool,
    fairness: Option<shapes::Fairness>,
    docks: Vec<Dock>,
    /// Routes of the document are timed, and nothing is searched.
    for_plan: bool,
}

impl Draft {
    fn new(document: &Document, matrices: &BTreeMap<String, Matrices>) -> Result<Self, ReadError> {
        let vehicles = document.vehicles.as_deref().unwrap_or_default();
        let named = vehicles.iter().filter_map(|vehicle| vehicle.type_.as_ref()).filter(|name| !name.is_empty());
        let named: BTreeSet<&String> = named.collect();
        let mut types = BTreeMap::new();
        for (next, name) in (1..).zip(named) {
            let number = u16::try_from(next);
            let number = number.map_err(|_| ReadError::TooLarge {
                what: "vehicle types",
                count: next,
                most: usize::from(u16::MAX),
            })?;
            types.insert(name.clone(), number);
        }
        let rows = matrices.values().filter_map(|matrices| matrices.durations.as_ref()).map(Vec::len).min();
        Ok(Self {
            places: Places::new(rows),
            stops: Vec::new(),
            tasks: Vec::new(),
            tours: Vec::new(),
            vehicles: Vec::new(),
            dimensions: vehicles.first().and_then(|vehicle| vehicle.capacity.as_ref()).map_or(0, Vec::len),
            types,
            opens: Vec::new(),
            doubts: Vec::new(),
            relations: document.relations.clone().unwrap_or_default(),
            fairness: document.fairness.clone(),
            docks: Vec::new(),
            for_plan: false,
            has_prizes: document.jobs.iter().flatten().any(|job| job.prize.is_some())
                || document.shipments.iter().flatten().any(|shipment| shipment.prize.is_some()),
        })
    }

    /// Amounts in every dimension; none is said: 0.
    fn amounts(&self, at: &Spot, name: &str, given: Option<&Vec<u32>>) -> Result<Vec<u32>, ReadError> {
        let Some(given) = given else { return Ok(vec![0; self.dimensions]) };
        if given.len() != self.dimensions {
            let (count, wanted) = (given.len(), self.dimensions);
            let what = format!("`{name}` has {count} dimensions of load, the first vehicle's `capacity` has {wanted}");
            return Err(ReadError::impossible(at.clone(), what));
        }
        Ok(given.clone())
    }

    /// Amounts that a task moves.
    fn goods(&self, at: &Spot, name: &str, given: Option<&Vec<u32>>) -> Result<Vec<u32>, ReadError> {
        let amounts = self.amounts(at, name, given)?;
        match amounts.iter().find(|&&amount| amount > AMOUNT_MAX) {
            Some(amount) => {
                let what = format!("`{name}` of {amount} is out of range, {AMOUNT_MAX} is the most");
                Err(ReadError::impossible(at.clone(), what))
            }
            None => Ok(amounts),
        }
    }

    fn windows(&mut self, at: &Spot, given: Option<&[Window]>) -> Result<Vec<(i64, i64)>, ReadError> {
        self.opens.extend(given.unwrap_or_default().iter().map(|window| window[0]));
        sorted(at, given)
    }

    fn add_vehicle(
        &mut self,
        position: usize,
        vehicle: &Vehicle,
        matrices: &BTreeMap<String, Matrices>,
    ) -> Result<(), ReadError> {
        let id = vehicle.id.ok_or_else(|| ReadError::malformed(None, "a vehicle has no `id`"))?;
        let at = Spot::Item("vehicle", id);
        let impossible = |what: String| ReadError::impossible(at.clone(), what);
        let has_start = vehicle.start.is_some() || vehicle.start_index.is_some();
        let has_end = vehicle.end.is_some() || vehicle.end_index.is_some();
        if !has_start && !has_end {
            return Err(ReadError::malformed(at, "it has neither a start nor an end"));
        }
        let start = if has_start { self.places.add(&at, vehicle.start, vehicle.start_index)? } else { NodeIx::NONE };
        let end = if has_end { self.places.add(&at, vehicle.end, vehicle.end_index)? } else { NodeIx::NONE };
        let shift = self.windows(&at, vehicle.time_window.as_ref().map(std::slice::from_ref))?[0];
        let capacity = match &vehicle.capacity {
            Some(capacity) => self.amounts(&at, "capacity", Some(capacity))?,
            None if self.dimensions > 0 => {
                return Err(impossible("it has no `capacity`, the first vehicle has".into()));
            }
            None => Vec::new(),
        };
        let (pauses, breaks) = self.breaks(&at, vehicle, shift)?;
        let costs = vehicle.costs.clone().unwrap_or_default();
        let factor = vehicle.speed_factor.unwrap_or(1.0);
        if !(factor > 0.0 && factor <= SPEED_FACTOR_MAX) {
            let what = format!("a speed factor of {factor}; it is more than 0 and at most {SPEED_FACTOR_MAX}");
            return Err(impossible(what));
        }
        let rates = Rates {
            id,
            profile: profile(vehicle).to_owned(),
            speed_factor: factor,
            fixed: i64::from(costs.fixed.unwrap_or(0)),
            per_hour: i64::from(costs.per_hour.unwrap_or(PER_HOUR)),
            per_km: i64::from(costs.per_km.unwrap_or(0)),
            per_task_hour: i64::from(costs.per_task_hour.unwrap_or(0)),
        };
        if let Some(own) = matrices.get(&rates.profile) {
            if own.costs.is_some() && (rates.per_hour != i64::from(PER_HOUR) || rates.per_km != 0) {
                return Err(impossible("`per_hour` and `per_km` cannot stand beside a matrix of `costs`".into()));
            }
            let drains = vehicle.battery.as_ref().and_then(|battery| battery.per_km).unwrap_or(0) > 0;
            for (key, needs) in
                [("per_km", rates.per_km != 0), ("battery.per_km", drains), ("walking", vehicle.walking.is_some())]
            {
                if own.distances.is_none() && needs {
                    return Err(impossible(format!("`{key}` needs `matrices.{}.distances`", rates.profile)));
                }
            }
            if own.distances.is_none() && vehicle.max_distance.is_some() {
                // VROOM takes all distances for 0.
                self.doubts
                    .push((at.clone(), format!("`max_distance` without `matrices.{}.distances`", rates.profile)));
            }
        }
        let (load, more) = split(&capacity, ROOM_MAX);
        let steps = given::steps(vehicle, &breaks, self.for_plan.then_some(&mut self.places))?;
        self.vehicles.push(VehicleName {
            id,
            position,
            description: vehicle.description.clone().unwrap_or_default(),
            shift,
            capacity: capacity.iter().map(|&room| i64::from(room)).collect(),
            start: has_start.then(|| Location::given(vehicle.start, vehicle.start_index)),
            end: has_end.then(|| Location::given(vehicle.end, vehicle.end_index)),
            profile: rates.profile.clone(),
            fixed: rates.fixed,
            per_hour: rates.per_hour,
            per_km: rates.per_km,
            per_task_hour: rates.per_task_hour,
            custom_costs: matrices.get(&rates.profile).is_some_and(|own| own.costs.is_some()),
            steps,
            breaks,
        });
        let mut tour = TourSpec {
            end_node: end,
            capacity: load,
            more_capacity: more,
            stops_max: vehicle.max_tasks.unwrap_or(u32::MAX),
            travel_max: vehicle.max_travel_time.map_or(i32::MAX, |most| i32::try_from(most).unwrap_or(i32::MAX)),
            metres_max: vehicle.max_distance.map_or(i64::MAX, i64::from),
            vehicle_type: vehicle.type_.as_ref().and_then(|name| self.types.get(name)).copied().unwrap_or(0),
            pauses,
            ..TourSpec::at(start)
        };
        rules::of_vehicle(&mut tour, &at, vehicle, &mut self.places)?;
        self.tours.push(DraftTour {
            tour,
            at,
            skills: vehicle.skills.iter().flatten().copied().collect(),
            rates,
            shift_is_given: vehicle.time_window.is_some(),
        });
        Ok(())
    }

    /// The breaks of a vehicle in the order of their first windows. The solver's pauses lack their windows.
    fn breaks(
        &mut self,
        at: &Spot,
        vehicle: &Vehicle,
        shift: (i64, i64),
    ) -> Result<(Vec<Pause>, Vec<BreakName>), ReadError> {
        let mut list = Vec::new();
        let mut ids = BTreeSet::new();
        for pause in vehicle.breaks.iter().flatten() {
            let Break { id, time_windows, service, description, max_load, .. } = pause;
            let id = id.ok_or_else(|| ReadError::malformed(at.clone(), "a break has no `id`"))?;
            let spot = Spot::Item("break", id);
            if !ids.insert(id) {
                return Err(ReadError::impossible(at.clone(), format!("two breaks have the id {id}")));
            }
            let windows = self.windows(&spot, time_windows.as_deref())?;
            let duration = span(&spot, service.unwrap_or(0))?;
            let most = max_load.as_ref().map(|load| self.amounts(&spot, "max_load", Some(load))).transpose()?;
            let (load_max, more_load_max) = most.as_ref().map_or((None, Vec::new()), |most| {
                let (load, more) = split(most, ROOM_MAX);
                (Some(load), more)
            });
            // What is beyond the dimensions of the file is not limited.
            let load_max = load_max.map(|mut load| {
                load.iter_mut().skip(self.dimensions).for_each(|room| *room = i32::MAX);
                load
            });
            let name = BreakName {
                id,
                description: description.clone().unwrap_or_default(),
                windows,
                service: i64::from(duration),
                max_load: most.map(|most| most.into_iter().map(i64::from).collect()),
            };
            list.push((Pause { windows: Vec::new(), duration, load_max, more_load_max }, name));
        }
        list.sort_by_key(|(_, name)| name.windows[0]);
        if self.for_plan {
            return Ok((Vec::new(), list.into_iter().map(|(_, name)| name).collect()));
        }
        let mut now = shift.0;
        for (_, name) in &list {
            let window = name.windows.iter().find(|window| now <= window.1);
            now = window.map_or(NEVER + 1, |window| now.max(window.0)) + name.service;
            if now > shift.1 {
                let what =
                    format!("break {} cannot be taken within the shift and behind the breaks before it", name.id);
                return Err(ReadError::impossible(at.clone(), what));
            }
        }
        Ok(list.into_iter().unzip())
    }

    /// What all tasks have: place, times, skills, priority.
    fn stop(
        &mut self,
        kind: &'static str,
        task: &Task,
        priority: u32,
        skills: &[u32],
    ) -> Result<(DraftStop, TaskName), ReadError> {
        let id = task.id.ok_or_else(|| ReadError::malformed(None, format!("a {kind} has no `id`")))?;
        let at = Spot::Item(kind, id);
        if priority > PRIORITY_MAX {
            let what = format!("a priority of {priority}, {PRIORITY_MAX} is the most");
            return Err(ReadError::impossible(at, what));
        }
        let node = self.places.add(&at, task.location, task.location_index)?;
        let windows = self.windows(&at, task.time_windows.as_deref())?;
        let (setup, service) = (span(&at, task.setup.unwrap_or(0))?, span(&at, task.service.unwrap_or(0))?);
        let mut by_type: BTreeMap<u16, TimesOfType> = BTreeMap::new();
        for (key, times, is_setup) in
            [("setup_per_type", &task.setup_per_type, true), ("service_per_type", &task.service_per_type, false)]
        {
            for (name, &time) in times.iter().flatten() {
                if name.is_empty() {
                    return Err(ReadError::impossible(at, format!("an empty type in `{key}`")));
                }
                let time = span(&at, time)?;
                let Some(&vehicle_type) = self.types.get(name) else { continue };
                let own = by_type.entry(vehicle_type).or_insert(TimesOfType { vehicle_type, service, setup });
                *(if is_setup { &mut own.setup } else { &mut own.service }) = time;
            }
        }
        let stop = Stop { service, setup, by_type: by_type.into_values().collect(), ..Stop::job(node) };
        let name = TaskName {
            kind,
            id,
            position: 0,
            description: task.description.clone().unwrap_or_default(),
            priority,
            place: Location::given(task.location, task.location_index),
            windows,
            delivery: vec![0; self.dimensions],
            pickup: vec![0; self.dimensions],
        };
        let preferred = task.soft_time_window.as_ref().map(|given| Preferred::read(&at, given)).transpose()?;
        let (release, prize) = (task.release.map(i64::from), task.prize.map(i64::from));
        // They may be the only times of a file, or long before all others: lateness counts from there on.
        self.opens.extend(preferred.and_then(|preferred| u32::try_from(preferred.window.0).ok()));
        self.opens.extend(task.release);
        let pin = task.pinned.as_ref().map_or(Ok(Pin::default()), |given| Pin::read(&at, given))?;
        Ok((DraftStop { stop, release, preferred, prize, pin, at, skills: skills.to_vec(), tasks: 1 }, name))
    }

    fn add_job(&mut self, position: usize, job: &Task) -> Result<(), ReadError> {
        let skills = job.skills.as_deref().unwrap_or_default();
        let (mut draft, mut name) = self.stop("job", job, job.priority.unwrap_or(0), skills)?;
        let is_old = job.delivery.is_none() && job.pickup.is_none();
        let delivered = if is_old { job.amount.as_ref() } else { job.delivery.as_ref() };
        let delivery = self.goods(&draft.at, if is_old { "amount" } else { "delivery" }, delivered)?;
        let pickup = self.goods(&draft.at, "pickup", job.pickup.as_ref())?;
        // What is only picked up is a pickup, which the search knows better than a delivery of nothing that takes goods on.
        // A release is for what is brought, however little that is.
        let brings_nothing = draft.release.is_none() && delivery.iter().all(|&amount| amount == 0);
        let only_picked_up = brings_nothing && pickup.iter().any(|&amount| amount > 0);
        let is_brought = job.delivery.is_some() || (is_old && job.amount.is_some());
        if draft.release.is_some() && !is_brought {
            let what = "`release` is for jobs with a `delivery`, which is loaded then; this one has none: give it a time window";
            return Err(ReadError::impossible(draft.at, what.to_owned()));
        }
        let stop = &mut draft.stop;
        if only_picked_up {
            let (load, more) = split(&pickup, u32::MAX);
            (stop.role, stop.load) = (Role::JobPickup, load);
            stop.more_load = more.into_iter().map(|amount| (amount, 0)).collect();
        } else {
            let ((load, more), (takes, more_takes)) = (split(&delivery, u32::MAX), split(&pickup, u32::MAX));
            (stop.load, stop.takes) = (load, takes);
            stop.more_load = more.into_iter().zip(more_takes).collect();
        }
        name.position = position;
        name.delivery = delivery.into_iter().map(i64::from).collect();
        name.pickup = pickup.into_iter().map(i64::from).collect();
        self.stops.push(draft);
        self.tasks.push(name);
        Ok(())
    }

    fn add_shipment(&mut self, position: usize, shipment: &Shipment) -> Result<(), ReadError> {
        let skills = shipment.skills.as_deref().unwrap_or_default();
        let first = self.stops.len() as u32;
        for (kind, task, role, mate) in [
            ("pickup", &shipment.pickup, Role::Pickup, StopIx(first + 1)),
            ("delivery", &shipment.delivery, Role::Delivery, StopIx(first)),
        ] {
            let task =
                task.as_ref().ok_or_else(|| ReadError::malformed(None, format!("a shipment has no `{kind}`")))?;
            let (mut draft, mut name) = self.stop(kind, task, shipment.priority.unwrap_or(0), skills)?;
            let amount = self.goods(&draft.at, "amount", shipment.amount.as_ref())?;
            let (load, more) = split(&amount, u32::MAX);
            let goods = amount.into_iter().map(i64::from).collect();
            name.position = position + usize::from(role == Role::Delivery);
            *(if role == Role::Pickup { &mut name.pickup } else { &mut name.delivery }) = goods;
            draft.tasks = 2;
            draft.prize = shipment.prize.map(i64::from);
            draft.pin = shipment.pinned.as_ref().map_or(Ok(Pin::default()), |given| Pin::read(&draft.at, given))?;
            // The first stop of a route is a pickup, and the last one a delivery.
            let own = if role == Role::Pickup { Rank::First } else { Rank::Last };
            draft.pin.rank = draft.pin.rank.filter(|&rank| rank == own);
            if draft.release.is_some() {
                let what = "`release` is for jobs with a `delivery`: the goods of a shipment are where it is picked up";
                return Err(ReadError::impossible(draft.at, what.to_owned()));
            }
            draft.stop = Stop {
                role,
                mate,
                load,
                more_load: more.into_iter().map(|amount| (amount, 0)).collect(),
                ..draft.stop
            };
            self.stops.push(draft);
            self.tasks.push(name);
        }
        Ok(())
    }

    /// Ids are unique among jobs, among pickups, among deliveries and among vehicles.
    fn check_ids(&self) -> Result<(), ReadError> {
        let all = self.tasks.iter().map(|task| (task.kind, task.id));
        let mut seen = BTreeSet::new();
        match all.chain(self.vehicles.iter().map(|vehicle| ("vehicle", vehicle.id))).find(|&key| !seen.insert(key)) {
            Some((kind, id)) => Err(ReadError::impossible(Spot::Item(kind, id), "this id is there twice")),
            None => Ok(()),
        }
    }

    /// The time of all services and set-ups, seconds, and the longest of one task with its stop.
    fn work(&self) -> (i64, (i64, usize)) {
        let of = |stop: &Stop| {
            let times = stop.by_type.iter().map(|own| i64::from(own.service) + i64::from(own.setup));
            times.chain([i64::from(stop.service) + i64::from(stop.setup)]).max().unwrap_or(0)
        };
        let works = || self.stops.iter().map(|draft| of(&draft.stop));
        (works().sum(), works().zip(0..).max_by_key(|&(work, _)| work).unwrap_or((0, 0)))
    }

    /// Room that was cut off must not matter.
    fn check_room(&self) -> Result<(), ReadError> {
        for dimension in 0..self.dimensions {
            let moved = |task: &TaskName| task.delivery[dimension].max(task.pickup[dimension]);
            let all: i64 = self.tasks.iter().map(moved).sum();
            let cut = |vehicle: &VehicleName| vehicle.capacity[dimension] > i64::from(ROOM_MAX);
            if let Some(vehicle) = self.vehicles.iter().find(|vehicle| cut(vehicle))
                && all > i64::from(ROOM_MAX)
            {
                let what =
                    format!("a capacity of {} is out of range beside {all} of goods", vehicle.capacity[dimension]);
                return Err(ReadError::impossible(Spot::Item("vehicle", vehicle.id), what));
            }
        }
        Ok(())
    }

    /// Everything together: times shifted, skills as bits, prices scaled.
    fn instance(
        mut self,
        options: VroomOptions,
        tables: &Tables,
        asked: Asked,
        mut repairs: Repairs,
    ) -> Result<Instance, ReadError> {
        self.check_room()?;
        for (draft, name) in self.stops.iter().zip(&self.tasks) {
            // Of a shipment one end is enough.
            if draft.prize.is_some() && name.priority > 0 && name.kind != "delivery" {
                self.doubts.push((draft.at.clone(), "`priority` beside `prize`".to_owned()));
            }
        }
        for (at, what) in std::mem::take(&mut self.doubts) {
            repairs.add(at, format!("{what} is read over"))?;
        }
        let (work, (longest, slowest)) = self.work();
        let all_work =
            work + self.vehicles.iter().flat_map(|vehicle| &vehicle.breaks).map(|own| own.service).sum::<i64>();
        // Without a shift a vehicle may leave long before the first window.
        let ahead = if self.tours.iter().all(|draft| draft.shift_is_given) {
            0
        } else {
            all_work.saturating_mul(4) + 10_000_000
        };
        let clock = Clock::new(self.opens.iter().copied(), ahead);
        let last = self.opens.iter().map(|&opens| i64::from(opens)).max().unwrap_or(0);
        let first = self.opens.iter().map(|&opens| i64::from(opens)).min().unwrap_or(0);
        let endless = self.vehicles.iter().any(|vehicle| i64::from(clock.shifted(vehicle.shift.1)) == TIME_END);
        let rates: Vec<Rates> = self.tours.iter().map(|draft| draft.rates.clone()).collect();
        let nowhere = self.tours.iter().any(|draft| draft.tour.start_node == NodeIx::NONE);
        let roads = Roads::new(tables, &rates, &self.places.list, nowhere)?;
        if endless {
            let begun = i64::from(clock.shifted(last)) + all_work;
            let out_of_range = |at: Option<Spot>, what: String| {
                ReadError::impossible(at, format!("{what} are out of range: {TIME_END} s are the most"))
            };
            if begun > TIME_END {
                let what = format!("services and set-ups of {work} s in all, {longest} s of them here,");
                return Err(out_of_range(Some(self.stops[slowest].at.clone()), what));
            }
        }
        // No way that takes longer fits into any shift that ends; where one does not end, or routes are only timed, there and back has to.
        let (leg, which, vehicle) = roads.longest(&rates, &self.places.list);
        let begun = if endless { i64::from(clock.shifted(last)) + all_work } else { 0 };
        let is_counted = if endless { begun + 2 * leg <= TIME_END } else { !self.for_plan || leg <= TIME_END };
        if !is_counted {
            let most = if endless { (TIME_END - begun) / 2 } else { TIME_END };
            let what = format!(
                "{which} takes {leg} s, which is out of range: {most} s are the most beside the other times of this file; where there is no \
                 way, write {NO_WAY}"
            );
            return Err(ReadError::impossible(Spot::Item("vehicle", vehicle), what));
        }
        let weights = self.weights(options.priorities);
        let prizes = self.stops.iter().filter_map(|draft| draft.prize).sum();
        let scale = roads.scale(&rates, &self.places.list, longest, &weights, prizes)?;
        let needed: BTreeSet<u32> = self.stops.iter().flat_map(|draft| &draft.skills).copied().collect();
        let vehicle_skills: Vec<BTreeSet<u32>> =
            self.tours.iter_mut().map(|draft| std::mem::take(&mut draft.skills)).collect();
        let skills = Skills::new(&needed, &vehicle_skills);
        let mut stops = Vec::with_capacity(self.stops.len());
        let steps = pinned_by_steps(&self.vehicles);
        for ((draft, name), weight) in self.stops.into_iter().zip(&self.tasks).zip(weights) {
            let locked = draft.pin.tour(&draft.at, &self.vehicles)?;
            let by_step = steps.get(&(name.kind, name.id)).copied().unwrap_or(TourIx::NONE);
            if locked != TourIx::NONE && by_step != TourIx::NONE && locked != by_step {
                let other = self.vehicles[by_step.index()].id;
                let what = format!("it is pinned to one vehicle, and by `steps` to vehicle {other}");
                return Err(ReadError::impossible(draft.at, what));
            }
            let windows =
                if name.windows == [(0, NEVER)] { Vec::new() } else { clock.windows(&draft.at, &name.windows)? };
            let (needs, barred) = skills.needs(&draft.skills);
            stops.push(Stop {
                due: windows.last().map_or(i32::MAX, |window| window.1),
                windows,
                needs,
                barred,
                locked: if locked == TourIx::NONE { by_step } else { locked },
                rank: draft.pin.rank,
                unserved: draft.prize.map_or(scale.unserved * weight, |prize| prize * scale.units),
                release: draft.release.map_or(draft.stop.release, |release| clock.shifted(release)),
                soft: draft.preferred.map(|preferred| {
                    let (opens, closes) = preferred.window;
                    preferred.scaled((clock.shifted(opens), clock.shifted(closes)), scale.units)
                }),
                ..draft.stop
            });
        }
        let mut tours = Vec::with_capacity(self.tours.len());
        let names = self.vehicles.iter().zip(&skills.has).zip(roads.drives);
        for (draft, ((name, &has), drives)) in self.tours.into_iter().zip(names) {
            let DraftTour { mut tour, at, rates, shift_is_given, .. } = draft;
            let shift = clock.windows(&at, &[name.shift])?[0];
            for (pause, own) in tour.pauses.iter_mut().zip(&name.breaks) {
                pause.windows = clock.windows(&Spot::Item("break", own.id), &own.windows)?;
            }
            // Breaks of a vehicle that is used are paid as tasks are.
            let paused: i128 = name.breaks.iter().map(|own| i128::from(own.service)).sum();
            let paused = paused * i128::from(rates.per_task_hour) * i128::from(scale.units) / 3600;
            let paused = i64::try_from(paused).unwrap_or(i64::MAX).min(i64::MAX / 4);
            if tour.start_node == NodeIx::NONE {
                tour.start_node = NodeIx(self.places.list.len() as u32);
            }
            tours.push(TourSpec {
                start_at: shift.0,
                // The time that is kept ahead of the first window is nobody's work.
                day_from: (!shift_is_given).then_some(clock.shifted(first)),
                end_by: shift.1,
                has,
                fixed: rates.fixed * scale.units + paused,
                per_hour: if drives.custom_costs { 0 } else { rates.per_hour * scale.units * 1000 },
                per_km: if drives.custom_costs { 1000 * scale.units } else { rates.per_km * scale.units },
                per_task_hour: rates.per_task_hour * scale.units * 1000,
                time_factor: drives.time_factor,
                table: drives.table,
                ..tour
            });
        }
        let has_times = !self.opens.is_empty() || self.vehicles.iter().any(|vehicle| !vehicle.breaks.is_empty());
        // What routes break that are timed is part of the answer.
        let initial = if self.for_plan {
            Vec::new()
        } else {
            given::start_plan(&stops, &self.tasks, &self.vehicles, &mut repairs)?
        };
        let prizes = self.has_prizes;
        let fairness = rules::fairness(self.fairness.as_ref(), scale.units);
        let relations = rules::relations(&self.relations, &self.tasks)?;
        rules::orders_can_be_made(&relations, &stops, &self.tasks)?;
        let docks = self.docks;
        // A dock is taken from the beginning of set-up on.
        let setup_in_window = !docks.is_empty() || !open_for_setup(&mut stops, &tours);
        let weights = Weights { setup_in_window, prizes, fairness, ..VROOM };
        let problem = Problem::new(ProblemSpec { stops, tours, legs: roads.legs, weights, initial, relations, docks })?;
        let name = |stop: StopIx| format!("{} {}", self.tasks[stop.index()].kind, self.tasks[stop.index()].id);
        let vehicle = |tour: TourIx| format!("vehicle {}", self.vehicles[tour.index()].id);
        let problem = with_pinned_kept(problem, name, vehicle, &mut repairs)?;
        Ok(Instance {
            problem,
            nodes: self.tasks.iter().map(|task| task.id).collect(),
            scale: 1.0,
            unit: scale.units as f64,
            names: Some(Names {
                tasks: self.tasks,
                vehicles: self.vehicles,
                dimensions: self.dimensions,
                locations: self.places.list,
                has_distances: roads.has_distances,
                has_times,
                wants_plan: asked.plan,
                wants_geometry: asked.geometry,
                time_base: clock.base(),
                cost_units: scale.units,
            }),
            warnings: repairs.warnings,
            strict: options.strict,
        })
    }

    /// What leaving each task out weighs. An end of a shipment weighs what the whole shipment does.
    fn weights(&self, priorities: Priorities) -> Vec<i64> {
        // One more point of priority is more than all tasks without it.
        let point = match priorities {
            Priorities::SumFirst => self.stops.len() as i64 + 1,
            Priorities::Weighed => 1,
        };
        let weight = |(draft, name): (&DraftStop, &TaskName)| match draft.prize {
            Some(_) => 0,
            None => draft.tasks * (1 + point * i64::from(name.priority)),
        };
        self.stops.iter().zip(&self.tasks).map(weight).collect()
    }
}

/// Tasks that `steps` pin to their vehicles. Of a shipment both ends are, whichever is named.
fn pinned_by_steps(vehicles: &[VehicleName]) -> BTreeMap<(&'static str, u64), TourIx> {
    let each = TourIx::all().zip(vehicles).flat_map(|(tour, vehicle)| {
        let pinned = vehicle.steps.iter().filter(|step| step.pinned);
        pinned.map(move |step| ((step.kind, step.id), tour))
    });
    each.collect()
}

/// Amounts in the dimensions that the solver keeps in line, and in the others; what is more than `most` is `most`.
fn split(amounts: &[u32], most: u32) -> ([i32; INLINE], Vec<i32>) {
    let bounded = |amount: u32| i32::try_from(amount.min(most)).unwrap_or(i32::MAX);
    let mut first = [0; INLINE];
    first.iter_mut().zip(amounts).for_each(|(slot, &amount)| *slot = bounded(amount));
    (first, amounts.iter().skip(INLINE).map(|&amount| bounded(amount)).collect())
}

/// Moves time windows from the beginning of set-up, as VROOM has them, to that of service after it, so that the search need not drive
/// every tour in full. False, and nothing is moved, where that would lose plans or allow some that are late: at a place with several
/// tasks, or where a vehicle starts, reloads or is charged, a task may need no set-up, and one window cannot be right for both cases.
fn open_for_setup(stops: &mut [Stop], tours: &[TourSpec]) -> bool {
    let mut users: BTreeMap<NodeIx, u32> = BTreeMap::new();
    let halts = tours.iter().flat_map(|tour| {
        let reloads = tour.reload.iter().flat_map(|reload| reload.places.iter().map(|place| place.node));
        let stations = tour.battery.iter().flat_map(|battery| battery.stations.iter().map(|station| station.node));
        reloads.chain(stations).chain([tour.start_node])
    });
    for node in stops.iter().map(|stop| stop.node).chain(halts) {
        *users.entry(node).or_default() += 1;
    }
    let is_alone = |stop: &Stop| users[&stop.node] == 1;
    // A window around all shifts never keeps anybody waiting, and nobody is late for it.
    let first = tours.iter().map(|tour| tour.start_at).min().unwrap_or(i32::MIN);
    let last = tours.iter().map(|tour| tour.end_by).max().unwrap_or(i32::MAX);
    let is_bound = |stop: &Stop| {
        !stop.windows.is_empty() && !matches!(stop.windows[..], [(opens, closes)] if opens <= first && closes >= last)
    };
    let needs_exact = |stop: &Stop| {
        // What is preferred is the beginning of set-up, too.
        let is_preferred = stop.setup > 0 && stop.soft.is_some();
        !stop.by_type.is_empty() || is_preferred || (stop.setup > 0 && !is_alone(stop) && is_bound(stop))
    };
    // Who comes on foot sets nothing up.
    let on_foot = tours.iter().any(|tour| tour.walking.is_some());
    if stops.iter().any(|stop| needs_exact(stop) || (on_foot && stop.setup > 0)) {
        return false;
    }
    for stop in stops.iter_mut().filter(|stop| stop.setup > 0 && is_alone(stop)) {
        for (opens, closes) in &mut stop.windows {
            *opens += stop.setup;
            *closes += stop.setup;
        }
        if let Some(&(_, closes)) = stop.windows.last() {
            stop.due = closes;
        }
    }
    true
}

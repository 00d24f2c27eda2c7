//! What a document may say beyond VROOM's format: releases, preferred times, prizes, relations, pinned tasks, unloading, reloading,
//! driving times, batteries, walks, docks.
//! VROOM reads over these keys.

use fleetfold_solver::{
    Battery, Dock, DrivingTime, EU_DRIVING_HOURS, Fairness, NodeIx, Rank, Relation, RelationKind, Reload, ReloadPlace,
    SoftWindow, Station, Stop, StopIx, TourIx, TourSpec, US_DRIVING_HOURS, Walking,
};

use super::clock::span;
use super::given;
use super::places::Places;
use super::shapes::{self, Vehicle};
use crate::error::{ReadError, Spot};
use crate::names::{TaskName, VehicleName};

const HOUR: i32 = 3600;

/// When service should begin, before times are shifted and prices are scaled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preferred {
    pub(super) window: (i64, i64),
    pub(super) early_per_hour: i64,
    pub(super) late_per_hour: i64,
}

impl Preferred {
    pub(super) fn read(at: &Spot, given: &shapes::SoftTimeWindow) -> Result<Self, ReadError> {
        let Some([from, to]) = given.time_window else {
            return Err(ReadError::malformed(at.clone(), "`soft_time_window` has no `time_window`"));
        };
        if from > to {
            let what = format!("`soft_time_window` ends at {to}, before it begins at {from}");
            return Err(ReadError::impossible(at.clone(), what));
        }
        Ok(Self {
            window: (i64::from(from), i64::from(to)),
            early_per_hour: i64::from(given.per_hour_early.unwrap_or(0)),
            late_per_hour: i64::from(given.per_hour_late.unwrap_or(0)),
        })
    }

    /// `units`: units of the solver for one of the file's cost.
    pub(super) fn scaled(&self, (opens, closes): (i32, i32), units: i64) -> SoftWindow {
        let scaled = |per_hour: i64| per_hour.saturating_mul(units).saturating_mul(1000);
        let (early_per_hour, late_per_hour) = (scaled(self.early_per_hour), scaled(self.late_per_hour));
        SoftWindow { opens, closes, early_per_hour, late_per_hour }
    }
}

/// Puts into a tour what its vehicle says of unloading, reloading, driving times, its battery and walks.
pub(super) fn of_vehicle(
    tour: &mut TourSpec,
    at: &Spot,
    vehicle: &Vehicle,
    places: &mut Places,
) -> Result<(), ReadError> {
    match vehicle.unloading.as_deref() {
        None => {}
        Some("lifo") => tour.lifo = true,
        Some("fifo") => tour.fifo = true,
        Some(other) => {
            let what = format!("`unloading` is \"{other}\"; \"lifo\" and \"fifo\" are known");
            return Err(ReadError::impossible(at.clone(), what));
        }
    }
    if let Some(reload) = &vehicle.reload {
        let mut found = Vec::new();
        for place in reload.places.iter().flatten() {
            let node: NodeIx = places.add(at, place.location, place.location_index)?;
            found.push(ReloadPlace { node, service: span(at, place.service.unwrap_or(0))? });
        }
        if found.is_empty() {
            return Err(ReadError::malformed(at.clone(), "`reload` names no `places`"));
        }
        tour.reload =
            Some(Reload { places: found, times_max: reload.max_times.unwrap_or(u32::MAX), ..Reload::default() });
    }
    if let Some(given) = &vehicle.battery {
        tour.battery = Some(battery(at, given, places)?);
    }
    if let Some(given) = &vehicle.walking {
        tour.walking = Some(walking(at, given)?);
    }
    let alone = [
        ("reload", vehicle.reload.is_some()),
        ("driving_time", vehicle.driving_time.is_some()),
        ("battery", vehicle.battery.is_some()),
        ("walking", vehicle.walking.is_some()),
    ];
    let named: Vec<&str> = alone.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect();
    if let [first, .., second] = named[..]
        && (vehicle.battery.is_some() || vehicle.walking.is_some())
    {
        let what = format!("`{first}` and `{second}` do not go together: leave one of them out");
        return Err(ReadError::impossible(at.clone(), what));
    }
    if let Some(given) = &vehicle.driving_time {
        let (rule, hours) = driving_time(at, given)?;
        tour.driving_time = Some(rule);
        if let Some(hours) = hours {
            tour.travel_max = tour.travel_max.min(hours * HOUR);
        }
    }
    Ok(())
}

/// Millionths in one of the file's units of energy, and of a second.
const MILLIONTHS: i64 = 1_000_000;
/// Walking speeds, km/h: the usual one, and what is out of range.
const WALKING_KMH: f64 = 5.0;
const WALKING_KMH_RANGE: std::ops::RangeInclusive<f64> = 0.1..=50.0;

fn battery(at: &Spot, given: &shapes::Battery, places: &mut Places) -> Result<Battery, ReadError> {
    let Some(capacity) = given.capacity.map(i64::from) else {
        return Err(ReadError::malformed(at.clone(), "`battery` has no `capacity`"));
    };
    let level = given.charge.map_or(capacity, i64::from);
    if level > capacity {
        let what = format!("`battery.charge` of {level} is more than its `capacity` of {capacity}");
        return Err(ReadError::impossible(at.clone(), what));
    }
    let (per_km, per_hour) = (i64::from(given.per_km.unwrap_or(0)), i64::from(given.per_hour.unwrap_or(0)));
    if per_km == 0 && per_hour == 0 {
        let what = "`battery` needs `per_km` or `per_hour`: what driving takes out of it";
        return Err(ReadError::malformed(at.clone(), what));
    }
    let mut stations = Vec::new();
    for (number, station) in given.stations.iter().flatten().enumerate() {
        let power = i64::from(station.power.unwrap_or(0));
        if power == 0 {
            let what = format!("`battery.stations[{number}]` has no `power`: what is charged in an hour");
            return Err(ReadError::malformed(at.clone(), what));
        }
        stations.push(Station {
            node: places.add(at, station.location, station.location_index)?,
            per_time: (power * MILLIONTHS / i64::from(HOUR)).max(1),
            setup: span(at, station.setup.unwrap_or(0))?,
        });
    }
    Ok(Battery {
        capacity: capacity * MILLIONTHS,
        level: level * MILLIONTHS,
        per_metre: per_km * MILLIONTHS / 1000,
        per_time: per_hour * MILLIONTHS / i64::from(HOUR),
        stations,
    })
}

fn walking(at: &Spot, given: &shapes::Walking) -> Result<Walking, ReadError> {
    let Some(metres) = given.max_metres else {
        return Err(ReadError::malformed(at.clone(), "`walking` has no `max_metres`"));
    };
    let speed = given.km_per_hour.unwrap_or(WALKING_KMH);
    let (least, most) = (WALKING_KMH_RANGE.start(), WALKING_KMH_RANGE.end());
    if !WALKING_KMH_RANGE.contains(&speed) {
        let what = format!("`walking.km_per_hour` of {speed}; it is {least} to {most}");
        return Err(ReadError::impossible(at.clone(), what));
    }
    let Ok(metres_max) = i32::try_from(metres) else {
        return Err(ReadError::impossible(at.clone(), format!("`walking.max_metres` of {metres} is out of range")));
    };
    Ok(Walking { metres_max, time_per_metre: (3.6 / speed * MILLIONTHS as f64).round() as i64 })
}

/// Where a task has to be served.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pin {
    /// By its id.
    pub(super) vehicle: Option<u64>,
    pub(super) rank: Option<Rank>,
}

impl Pin {
    pub(super) fn read(at: &Spot, given: &shapes::Pinned) -> Result<Self, ReadError> {
        let rank = match given.position.as_deref() {
            None => None,
            Some("first") => Some(Rank::First),
            Some("last") => Some(Rank::Last),
            Some(other) => {
                let what = format!("`pinned.position` is \"{other}\"; \"first\" and \"last\" are known");
                return Err(ReadError::impossible(at.clone(), what));
            }
        };
        if rank.is_none() && given.vehicle.is_none() {
            return Err(ReadError::malformed(at.clone(), "`pinned` needs a `vehicle`, a `position`, or both"));
        }
        Ok(Self { vehicle: given.vehicle, rank })
    }

    /// The tour of its vehicle.
    pub(super) fn tour(self, at: &Spot, vehicles: &[VehicleName]) -> Result<TourIx, ReadError> {
        let Some(id) = self.vehicle else { return Ok(TourIx::NONE) };
        let known = TourIx::all().zip(vehicles).find(|(_, vehicle)| vehicle.id == id);
        let unknown = || ReadError::impossible(at.clone(), format!("it is pinned to vehicle {id}, which there is not"));
        known.map(|(tour, _)| tour).ok_or_else(unknown)
    }
}

/// The rule, and the hours that may be driven in all where it says so.
fn driving_time(at: &Spot, given: &shapes::DrivingTime) -> Result<(DrivingTime, Option<i32>), ReadError> {
    let (mut rule, hours) = match given.rule.as_deref() {
        Some("eu_561") => (DrivingTime::eu_561(HOUR), Some(EU_DRIVING_HOURS)),
        Some("us_hos") => (DrivingTime::us_hos(HOUR), Some(US_DRIVING_HOURS)),
        Some(other) => {
            let what = format!("`driving_time.rule` is \"{other}\"; \"eu_561\" and \"us_hos\" are known");
            return Err(ReadError::impossible(at.clone(), what));
        }
        None => {
            let (Some(_), Some(_)) = (given.max_driving, given.break_time) else {
                let what = "`driving_time` needs a `rule`, or `max_driving` and `break_time`";
                return Err(ReadError::malformed(at.clone(), what));
            };
            let free = DrivingTime {
                driving_max: i32::MAX,
                pause: 1,
                first_part: 0,
                service_counts: false,
                duty_max: i32::MAX,
            };
            (free, None)
        }
    };
    for (slot, seconds) in [
        (&mut rule.driving_max, given.max_driving),
        (&mut rule.pause, given.break_time),
        (&mut rule.first_part, given.first_part),
        (&mut rule.duty_max, given.max_duty),
    ] {
        if let Some(seconds) = seconds {
            *slot = span(at, seconds)?;
        }
    }
    if let Some(counts) = given.service_counts {
        rule.service_counts = counts;
    }
    if rule.driving_max == 0 || rule.pause == 0 || rule.duty_max == 0 || rule.first_part >= rule.pause {
        let what = "`driving_time`: `max_driving`, `break_time` and `max_duty` are more than 0, and `first_part` is less \
                    than `break_time`";
        return Err(ReadError::impossible(at.clone(), what.to_owned()));
    }
    Ok((rule, hours))
}

/// What unequal days cost. `units`: units of the solver for one of the file's cost.
pub(super) fn fairness(given: Option<&shapes::Fairness>, units: i64) -> Fairness {
    let Some(given) = given else { return Fairness::default() };
    let scaled =
        |cost: Option<u32>, factor: i64| i64::from(cost.unwrap_or(0)).saturating_mul(units).saturating_mul(factor);
    Fairness {
        longest_per_hour: scaled(given.longest_per_hour, 1000),
        spread_per_hour: scaled(given.spread_per_hour, 1000),
        spread_per_stop: scaled(given.spread_per_task, 1),
    }
}

/// The docks of a document.
pub(super) fn docks(
    given: &[shapes::Dock],
    beside: Option<&shapes::Fairness>,
    places: &mut Places,
) -> Result<Vec<Dock>, ReadError> {
    let mut docks: Vec<Dock> = Vec::with_capacity(given.len());
    for (number, dock) in given.iter().enumerate() {
        let here = |what: &str| ReadError::impossible(None, format!("`docks[{number}]`: {what}"));
        if beside.is_some() {
            return Err(here("`docks` and `fairness` do not go together: leave one of them out"));
        }
        let capacity = dock.capacity.filter(|&capacity| capacity > 0);
        let capacity =
            capacity.ok_or_else(|| here("its `capacity`, how many vehicles it has room for, is at least 1"))?;
        let node = places.add(&Spot::Item("dock", number as u64), dock.location, dock.location_index)?;
        if docks.iter().any(|other| other.node == node) {
            return Err(here("its place is a dock already"));
        }
        docks.push(Dock { node, capacity });
    }
    Ok(docks)
}

/// Both ends of a shipment between which a relation cannot hold.
fn contradiction(kind: RelationKind, stops: &[StopIx], tasks: &[TaskName]) -> Option<(StopIx, StopIx)> {
    // The delivery of a shipment is behind its pickup in the list of all tasks.
    let mate = |stop: StopIx| StopIx(if tasks[stop.index()].kind == "pickup" { stop.0 + 1 } else { stop.0 - 1 });
    let shipped = stops.iter().enumerate().filter(|(_, stop)| tasks[stop.index()].kind != "job");
    let mut pairs = shipped.filter_map(|(position, &stop)| {
        let other = stops[position + 1..].iter().find(|&&other| other == mate(stop))?;
        Some((stop, *other))
    });
    pairs.find(|&(first, _)| match kind {
        RelationKind::SameTour => false,
        RelationKind::DifferentTours | RelationKind::AtMostOne => true,
        RelationKind::InOrder | RelationKind::Directly => tasks[first.index()].kind == "delivery",
    })
}

/// The relations of a document.
pub(super) fn relations(given: &[shapes::Relation], tasks: &[TaskName]) -> Result<Vec<Relation>, ReadError> {
    let known = given::stops_by_name(tasks);
    let mut found = Vec::with_capacity(given.len());
    for (number, relation) in given.iter().enumerate() {
        let here = |what: String| ReadError::impossible(None, format!("`relations[{number}]`: {what}"));
        let kind = match relation.type_.as_deref() {
            Some("same_vehicle") => RelationKind::SameTour,
            Some("different_vehicles") => RelationKind::DifferentTours,
            Some("at_most_one") => RelationKind::AtMostOne,
            Some("in_order") => RelationKind::InOrder,
            Some("directly") => RelationKind::Directly,
            other => {
                let known = "`same_vehicle`, `different_vehicles`, `at_most_one`, `in_order` and `directly` are known";
                return Err(here(format!("its `type` is {}; {known}", other.unwrap_or("missing"))));
            }
        };
        let mut stops = Vec::new();
        for task in relation.tasks.iter().flatten() {
            let kind = task.type_.as_deref().unwrap_or("job");
            let id = task.id.ok_or_else(|| here("a task has no `id`".to_owned()))?;
            let stop = ["job", "pickup", "delivery"]
                .into_iter()
                .find(|&known| known == kind)
                .and_then(|kind| known.get(&(kind, id)))
                .ok_or_else(|| here(format!("there is no {kind} {id}")))?;
            if stops.contains(stop) {
                return Err(here(format!("{kind} {id} is there twice")));
            }
            stops.push(*stop);
        }
        if stops.len() < 2 {
            return Err(here("it needs at least two `tasks`".to_owned()));
        }
        if let Some((one, other)) = contradiction(kind, &stops, tasks) {
            let name = |stop: StopIx| format!("{} {}", tasks[stop.index()].kind, tasks[stop.index()].id);
            let what = match kind {
                RelationKind::DifferentTours => "one shipment, which one vehicle serves",
                RelationKind::AtMostOne => "one shipment, which is served whole or not at all",
                _ => "one shipment, which is picked up before it is delivered",
            };
            return Err(here(format!(
                "{} and {} are the ends of {what}: leave one of them out",
                name(one),
                name(other)
            )));
        }
        found.push(Relation { kind, stops });
    }
    Ok(found)
}

/// Refuses an order in which something else stands between both ends of a shipment: they are planned together.
pub(super) fn orders_can_be_made(relations: &[Relation], stops: &[Stop], tasks: &[TaskName]) -> Result<(), ReadError> {
    let is_ordered = |relation: &Relation| matches!(relation.kind, RelationKind::InOrder | RelationKind::Directly);
    let mate = |stop: StopIx| stops[stop.index()].mate;
    for (number, relation) in relations.iter().enumerate().filter(|(_, relation)| is_ordered(relation)) {
        for (first, &stop) in relation.stops.iter().enumerate() {
            let other = relation.stops[first + 1..].iter().position(|&other| other == mate(stop));
            if other.is_some_and(|between| between > 0) {
                let name = |stop: StopIx| format!("{} {}", tasks[stop.index()].kind, tasks[stop.index()].id);
                let (from, between, to) = (name(stop), name(relation.stops[first + 1]), name(mate(stop)));
                let what = format!(
                    "`relations[{number}]`: {between} stands between {from} and {to}, which are one shipment. Both ends of a \
                     shipment follow each other in an order: name one of them only"
                );
                return Err(ReadError::impossible(None, what));
            }
        }
    }
    Ok(())
}

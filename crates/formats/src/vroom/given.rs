//! Routes that a document gives: `vehicle.steps`.

use std::collections::BTreeMap;

use fleetfold_solver::{Stop, StopIx};

use super::clock::span;
use super::places::Places;
use super::shapes::{ReloadSpot, Step, Vehicle};
use crate::error::{ReadError, Spot};
use crate::instance::{Repairs, repaired};
use crate::names::{BreakName, Forced, GivenHalt, GivenStep, TaskName, VehicleName};

/// The steps of a vehicle, checked as far as one vehicle tells.
///
/// Where a route reloads, is charged and rests for the sake of driving times is found anew by a search. Only for routes that are timed
/// there are `places`, and such steps are kept.
pub(super) fn steps(
    vehicle: &Vehicle,
    breaks: &[BreakName],
    mut places: Option<&mut Places>,
) -> Result<Vec<GivenStep>, ReadError> {
    let given = vehicle.steps.as_deref().unwrap_or_default();
    let at = || Spot::Item("vehicle", vehicle.id.unwrap_or(0));
    let mut steps = Vec::with_capacity(given.len());
    for (position, step) in given.iter().enumerate() {
        let kind = step.type_.as_deref().unwrap_or_default();
        // A step in which the vehicle only waits behind a break: when it does is found anew.
        if kind == "break" && step.id.is_none() && step.service == Some(0) {
            continue;
        }
        let rests = kind == "break" && step.id.is_none() && vehicle.driving_time.is_some();
        if kind == "reload" || kind == "charge" || rests {
            if let Some(places) = &mut places {
                let (kind, halt) = halt(vehicle, (position, step), kind, places)?;
                steps.push(GivenStep { kind, id: 0, halt: Some(halt), forced: forced(step), pinned: false });
            }
            continue;
        }
        let kind = ["start", "job", "pickup", "delivery", "break", "end"].into_iter().find(|&known| known == kind);
        let Some(kind) = kind else {
            return Err(ReadError::malformed(at(), format!("`steps[{position}]` has no valid `type`")));
        };
        if (kind == "start" && position > 0) || (kind == "end" && position + 1 < given.len()) {
            return Err(ReadError::impossible(at(), format!("an unexpected {kind} in its `steps`")));
        }
        let is_task = kind != "start" && kind != "end";
        let id = match step.id {
            None if is_task => {
                return Err(ReadError::malformed(at(), format!("`steps[{position}]` has no `id`")));
            }
            id => id.unwrap_or(0),
        };
        if kind == "break" && !breaks.iter().any(|known| known.id == id) {
            return Err(ReadError::impossible(at(), format!("`steps` name break {id}, which it does not have")));
        }
        let pinned = step.pinned.unwrap_or(false);
        if pinned && !matches!(kind, "job" | "pickup" | "delivery") {
            return Err(ReadError::impossible(at(), format!("`steps[{position}]` is pinned and is no task")));
        }
        steps.push(GivenStep { kind, id, halt: None, forced: forced(step), pinned });
    }
    Ok(steps)
}

/// What is done at a step that is neither a task nor a break of the vehicle's own. What it does not say is that of the first place that
/// the vehicle has for it.
fn halt(
    vehicle: &Vehicle,
    (position, step): (usize, &Step),
    kind: &str,
    places: &mut Places,
) -> Result<(&'static str, GivenHalt), ReadError> {
    let at = Spot::Item("vehicle", vehicle.id.unwrap_or(0));
    let lacks =
        |what: &str| ReadError::malformed(at.clone(), format!("`steps[{position}]` of type {kind} has no {what}"));
    let service = step.service.map(|service| span(&at, service).map(i64::from)).transpose()?;
    if kind == "break" {
        return Ok(("break", GivenHalt::Rest(service.ok_or_else(|| lacks("`id` and no `service`"))?)));
    }
    let is_placed = step.location.is_some() || step.location_index.is_some();
    if kind == "charge" {
        let service = service.ok_or_else(|| lacks("`service`"))?;
        let charged = i64::from(step.charged.ok_or_else(|| lacks("`charged`"))?);
        if !is_placed {
            return Err(lacks("`location` or `location_index`"));
        }
        let node = places.add(&at, step.location, step.location_index)?;
        return Ok(("charge", GivenHalt::Charge(node, service, charged)));
    }
    let mut known = vehicle.reload.iter().flat_map(|reload| reload.places.iter().flatten());
    let is_here = |place: &&ReloadSpot| {
        !is_placed
            || (step.location_index.is_some() && place.location_index == step.location_index)
            || (step.location_index.is_none() && place.location == step.location)
    };
    let known = known.find(is_here);
    let (location, index) = match known {
        Some(place) => (place.location, place.location_index),
        None if is_placed => (step.location, step.location_index),
        None => return Err(lacks("`location` or `location_index`")),
    };
    let usual = known.and_then(|place| place.service).map_or(Ok(0), |service| span(&at, service))?;
    Ok(("reload", GivenHalt::Reload(places.add(&at, location, index)?, service.unwrap_or(i64::from(usual)))))
}

fn forced(step: &Step) -> Forced {
    let Step { service_at, service_after, service_before, .. } = step;
    let time = |time: &Option<u32>| time.map(i64::from);
    Forced { at: time(service_at), after: time(service_after), before: time(service_before) }
}

/// Kind and id of a task → stop.
pub(super) fn stops_by_name(tasks: &[TaskName]) -> BTreeMap<(&'static str, u64), StopIx> {
    StopIx::all().zip(tasks).map(|(stop, task)| ((task.kind, task.id), stop)).collect()
}

/// The plan to start from that the steps of all vehicles make; empty where no vehicle has any. Tasks that are unknown, there twice or
/// half a shipment are left out.
pub(super) fn start_plan(
    stops: &[Stop],
    tasks: &[TaskName],
    vehicles: &[VehicleName],
    repairs: &mut Repairs,
) -> Result<Vec<Vec<StopIx>>, ReadError> {
    if vehicles.iter().all(|vehicle| vehicle.steps.is_empty()) {
        return Ok(Vec::new());
    }
    let known = stops_by_name(tasks);
    let mut tours = Vec::with_capacity(vehicles.len());
    for vehicle in vehicles {
        let mut tour = Vec::new();
        for step in vehicle.steps.iter().filter(|step| matches!(step.kind, "job" | "pickup" | "delivery")) {
            match known.get(&(step.kind, step.id)) {
                Some(&stop) => tour.push(stop),
                None => repairs.add(
                    Spot::Item("vehicle", vehicle.id),
                    format!("`steps` name {} {}, which there is not", step.kind, step.id),
                )?,
            }
        }
        tours.push(tour);
    }
    let name = |stop: StopIx| {
        let task = &tasks[stop.index()];
        format!("{} {}", task.kind, task.id)
    };
    repaired(stops, tours, name, repairs)
}

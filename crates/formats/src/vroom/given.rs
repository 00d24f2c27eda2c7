//! Routes that a document gives: `vehicle.steps`.

use std::collections::BTreeMap;

use fleetfold_solver::{Stop, StopIx};

use super::shapes::{Step, Vehicle};
use crate::error::{ReadError, Spot};
use crate::instance::{Repairs, repaired};
use crate::names::{BreakName, Forced, GivenStep, TaskName, VehicleName};

/// The steps of a vehicle, checked as far as one vehicle tells.
pub(super) fn steps(vehicle: &Vehicle, breaks: &[BreakName]) -> Result<Vec<GivenStep>, ReadError> {
    let given = vehicle.steps.as_deref().unwrap_or_default();
    let at = || Spot::Item("vehicle", vehicle.id.unwrap_or(0));
    let mut steps = Vec::with_capacity(given.len());
    for (position, step) in given.iter().enumerate() {
        let kind = step.type_.as_deref().unwrap_or_default();
        // Steps of our own answers: where a route reloads and is charged is found anew.
        if kind == "reload" || kind == "charge" {
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
        steps.push(GivenStep { kind, id, forced: forced(step), pinned });
    }
    Ok(steps)
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

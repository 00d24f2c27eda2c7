//! What a document may say beyond VROOM's format: releases, preferred times, prizes, relations, unloading, reloading, driving times.
//! VROOM reads over these keys.

use fleetfold_solver::{
    DrivingTime, EU_DRIVING_HOURS, Fairness, NodeIx, Relation, RelationKind, Reload, ReloadPlace, SoftWindow, TourSpec,
    US_DRIVING_HOURS,
};

use super::clock::span;
use super::given;
use super::places::Places;
use super::shapes::{self, Vehicle};
use crate::error::{ReadError, Spot};
use crate::names::TaskName;

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

/// Puts into a tour what its vehicle says of unloading, reloading and driving times.
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
        tour.reload = Some(Reload { places: found, times_max: reload.max_times.unwrap_or(u32::MAX) });
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
        found.push(Relation { kind, stops });
    }
    Ok(found)
}

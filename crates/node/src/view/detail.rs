//! What is shown of one order or one vehicle by itself, beside what every picture has of it.

use std::sync::Arc;

use fleetfold_engine::{Outlook, travel_home};
use fleetfold_fleet::{Placement, Progress, VehicleState};
use fleetfold_model::{Load, Millis, Name, OrderId, StopKind, Timestamp, VehicleId};

use super::{
    Depot, DoneStop, DrivingTimeSeen, DrivingViolation, Memory, OrderDetail, OrderStop, Pause, PlannedBreak, Reloading,
    VehicleDetail, collects, lon_lat,
};
use crate::live::handover::Glimpse;
use crate::reasons::broken;

/// A load in the fleet's own units, without the dimensions behind the last that is used.
fn load_of(load: Load) -> Vec<f64> {
    let used = load.0.iter().rposition(|&value| value != 0).map_or(0, |last| last + 1);
    load.0[..used].iter().map(|&value| f64::from(value) / 1000.0).collect()
}

pub(crate) fn stop_name(stop: StopKind) -> &'static str {
    match stop {
        StopKind::Pickup => "pickup",
        StopKind::Delivery => "delivery",
    }
}

/// Two sums of the same driving times differ by no more than this.
const SAME: Millis = Millis(1_000);
/// Both stops that an order may have.
const STOPS: [StopKind; 2] = [StopKind::Pickup, StopKind::Delivery];

/// What only `/v1/orders/{id}` shows of an order; `None` while the order itself is unknown.
pub(crate) fn order_detail<'a>(seen: &'a Glimpse, memory: &Memory, id: OrderId) -> Option<OrderDetail<'a>> {
    let fleet = &seen.fleet;
    let state = fleet.order(id);
    let spec = state.spec.as_ref()?;
    let name = |vehicle: VehicleId| fleet.vehicle(vehicle).name.as_str();
    let stops = STOPS.into_iter().filter_map(|kind| order_stop(seen, memory, id, kind)).collect();
    // Only what is tied to its vehicle answers for its way home.
    let outlook = || Outlook::at(fleet, seen.now, &seen.network);
    let outlook = state.pinned.map_or_else(|| Outlook::constant(Arc::clone(&seen.network)), |_| outlook());
    Some(OrderDetail {
        stops,
        load: load_of(spec.load),
        skills: spec.skills.iter().map(Name::as_str).collect(),
        forced: state.is_forced(),
        breaks: broken(fleet, &outlook, id),
        on_board: state.on_board.map(name),
        rejected_by: state.rejected_by.iter().copied().map(name).collect(),
        created: state.created.0,
    })
}

fn order_stop(seen: &Glimpse, memory: &Memory, id: OrderId, kind: StopKind) -> Option<OrderStop> {
    let fleet = &seen.fleet;
    let state = fleet.order(id);
    let stop = state.stop(kind)?;
    let route = match state.placement {
        Placement::OnRoute(vehicle) => Some(&fleet.vehicle(vehicle).route),
        Placement::Unplaced | Placement::Unassigned(_) => None,
    };
    let planned = route.and_then(|route| {
        let at = route.visits.iter().position(|visit| (visit.order, visit.stop) == (id, kind))?;
        (!route.is_cut_off_at(at)).then(|| route.visits[at])
    });
    let progress: &Progress = state.progress(kind);
    let told = memory.planned(&state.name, kind).map(|(_, start)| start.0).filter(|_| progress.is_done());
    let at = |mark: Option<fleetfold_fleet::Mark>| mark.map(|mark| mark.at.0);
    let (arrived, completed) = (at(progress.arrived), at(progress.completed));
    let begins = if progress.is_done() { arrived.or(completed) } else { planned.map(|visit| visit.start.0) };
    let due = stop.due.map(|due| due.0);
    let street = seen.network.street_at(stop.position);
    Some(OrderStop {
        stop: stop_name(kind),
        collects: state.spec.as_ref().is_some_and(|spec| collects(&spec.work, kind)),
        at: lon_lat(fleet.zone().space, stop.position),
        address: memory.labels(&state.name).and_then(|labels| match kind {
            StopKind::Pickup => labels.pickup.clone(),
            StopKind::Delivery => labels.delivery.clone(),
        }),
        street_meters: street.as_ref().map(|beside| beside.metres.round() as i64),
        street: street.map(|beside| beside.name).filter(|name| !name.is_empty()),
        windows: stop.windows.iter().map(|window| [window.opens().0, window.closes().0]).collect(),
        release: stop.release.map(|at| at.0),
        due,
        service_seconds: stop.service.0 / 1000,
        setup_seconds: stop.setup.0 / 1000,
        arrival: planned.map(|visit| visit.arrival.0),
        start: planned.map(|visit| visit.start.0).or(told),
        departed: at(progress.departed),
        arrived,
        completed,
        failed: progress.failed.map(|(mark, _)| mark.at.0),
        late_seconds: begins.zip(due).map_or(0, |(begins, due)| ((begins - due) / 1000).max(0)),
    })
}

/// What only `/v1/vehicles/{id}` shows of a vehicle; `None` for one that is not registered.
pub(crate) fn vehicle_detail<'a>(seen: &'a Glimpse, memory: &Memory, id: VehicleId) -> Option<VehicleDetail<'a>> {
    let state = seen.fleet.vehicle(id);
    let spec = state.spec.as_ref()?;
    let pauses = state.shift.iter().flat_map(|shift| &shift.breaks).map(|pause| Pause {
        opens: pause.window.opens().0,
        closes: pause.window.closes().0,
        seconds: pause.duration.0 / 1000,
    });
    Some(VehicleDetail {
        capacity: spec.capacity.0.map(|value| f64::from(value) / 1000.0).to_vec(),
        skills: spec.skills.iter().map(Name::as_str).collect(),
        shift: state.shift.as_ref().map(|shift| [shift.starts.0, shift.ends.0]),
        pause: state.next_break(seen.now).map(|pause| PlannedBreak {
            status: if pause.is_taken { "taken" } else { "planned" },
            starts: pause.starts.0,
            ends: pause.ends.0,
        }),
        accepted_revision: state.accepted.0,
        breaks: pauses.collect(),
        breaks_taken: state.breaks_taken,
        driving_time: driving_time(state, home_by_now(seen, id), seen.now),
        reload: reloading(seen, state),
        done: done(seen, memory, id),
        rests: memory.rests.over(state, seen.now),
    })
}

/// Where a vehicle may be loaded again, and how often it was.
fn reloading<'a>(seen: &Glimpse, state: &'a VehicleState) -> Option<Reloading<'a>> {
    let reload = state.spec.as_ref()?.reload.as_ref()?;
    let depots = reload.places.iter().map(|depot| Depot {
        name: depot.name.as_ref().map(Name::as_str),
        at: lon_lat(seen.fleet.zone().space, depot.position),
        service_seconds: depot.service.0 / 1000,
    });
    Some(Reloading {
        depots: depots.collect(),
        times: state.reloads.times,
        max_times: reload.times_max,
        since: state.reloads.since.map(|at| at.0),
    })
}

/// How long the way home of a vehicle takes whose driver's hours count, at the travel times of its hour.
fn home_by_now(seen: &Glimpse, id: VehicleId) -> Option<Millis> {
    let spec = seen.fleet.vehicle(id).spec.as_ref()?;
    spec.driving_time?;
    spec.end?;
    travel_home(&seen.fleet, &Outlook::at(&seen.fleet, seen.now, &seen.network), id)
}

/// The same at the travel times of now: it needs no network but that of the picture.
pub(super) fn home_on_network(seen: &Glimpse, id: VehicleId) -> Option<Millis> {
    let spec = seen.fleet.vehicle(id).spec.as_ref()?;
    spec.driving_time?;
    travel_home(&seen.fleet, &Outlook::constant(Arc::clone(&seen.network)), id)
}

/// The first way in which a driver breaks his rule, or will, as of the last full minute: what a picture has of it changes with minutes and
/// facts only. `home`: how long his way home takes.
pub(super) fn hours(seen: &Glimpse, id: VehicleId, home: Option<Millis>) -> Option<DrivingViolation> {
    const MINUTE: i64 = 60_000;
    let state = seen.fleet.vehicle(id);
    let minute = Timestamp(seen.now.0.div_euclid(MINUTE) * MINUTE);
    let as_of = state.tachograph.last_at().max(minute);
    driving_time(state, home, as_of).and_then(|seen| seen.violations.into_iter().next())
}

/// What a driver has driven, and how he breaks the rule of his vehicle. `home`: how long his way home takes behind his route.
fn driving_time(state: &VehicleState, home: Option<Millis>, now: Timestamp) -> Option<DrivingTimeSeen> {
    let rule = state.spec.as_ref()?.driving_time?;
    let driven = state.driven(now)?;
    let over = driven.excess(&rule);
    let mut missing = Millis(0);
    let behind = state.follow_route(now, |leg| missing = if missing > SAME { missing } else { leg.missing });
    let behind = behind.map(|mut behind| {
        behind.drive_with_breaks(home.unwrap_or_default(), &rule);
        behind
    });
    let later = behind.map_or(over, |behind| behind.excess(&rule));
    let ahead = |now: Millis, then: Millis| if then > now + SAME { then } else { Millis(0) };
    let found = [
        ("driving", over.driving, false),
        ("shift_driving", over.shift_driving, false),
        ("duty", over.duty, false),
        ("shift_driving", ahead(over.shift_driving, later.shift_driving), true),
        ("duty", ahead(over.duty, later.duty), true),
        ("break", ahead(Millis(0), missing), true),
    ];
    let found = found.into_iter().filter(|&(_, by, _)| by > Millis(0));
    let violations = found.map(|(what, by, planned)| DrivingViolation { what, by_seconds: by.0 / 1000, planned });
    Some(DrivingTimeSeen {
        since_break_seconds: driven.settled(&rule).since_break.0 / 1000,
        left_seconds: driven.may_drive(&rule).0 / 1000,
        in_shift_seconds: driven.in_shift.0 / 1000,
        began: driven.began.map(|at| at.0),
        violations: violations.collect(),
    })
}

/// The stops that a vehicle has served or failed and that are still held, oldest first.
fn done<'a>(seen: &'a Glimpse, memory: &Memory, id: VehicleId) -> Vec<DoneStop<'a>> {
    let fleet = &seen.fleet;
    let mut found: Vec<DoneStop<'a>> = Vec::new();
    for order in fleet.orders().ids() {
        let state = fleet.order(order);
        for kind in STOPS {
            let progress = state.progress(kind);
            let ended = progress.completed.or(progress.failed.map(|(mark, _)| mark));
            let (Some(ended), Some(stop)) = (ended.filter(|mark| mark.vehicle == id), state.stop(kind)) else {
                continue;
            };
            let at = |mark: Option<fleetfold_fleet::Mark>| mark.map(|mark| mark.at.0);
            found.push(DoneStop {
                order: state.name.as_str(),
                stop: stop_name(kind),
                collects: state.spec.as_ref().is_some_and(|spec| collects(&spec.work, kind)),
                at: lon_lat(fleet.zone().space, stop.position),
                planned: memory.planned(&state.name, kind).map(|(_, start)| start.0),
                due: stop.due.map(|due| due.0),
                departed: at(progress.departed),
                arrived: at(progress.arrived),
                done: ended.at.0,
                failed: progress.failed.is_some(),
            });
        }
    }
    found.sort_by(|a, b| a.done.cmp(&b.done).then_with(|| a.order.cmp(b.order)));
    found
}

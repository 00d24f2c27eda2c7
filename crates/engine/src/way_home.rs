//! The way home behind a route as it is planned. No visit of a plan tells of it, and it counts for the end of a shift and for driving times.

use fleetfold_fleet::{Driven, Fleet};
use fleetfold_model::{CUT_OFF, Millis, Timestamp, VehicleId};

use crate::outlook::Outlook;

/// A vehicle that has driven its route and is home.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    /// When it is there.
    pub(crate) at: Timestamp,
    /// What its driver has driven and rested then; `None`: no rule asks for it.
    pub(crate) driven: Option<Driven>,
}

/// How long a vehicle drives home behind the last stop of its route, as planned and without breaks. `None`: it has no route or no place where it
/// ends, or no road leads there.
pub fn travel_home(fleet: &Fleet, outlook: &Outlook, id: VehicleId) -> Option<Millis> {
    let (vehicle, visits) = (fleet.vehicle(id), &fleet.vehicle(id).route.visits);
    let spec = vehicle.spec.as_ref()?;
    let (end, last) = spec.end.zip(visits.last())?;
    if vehicle.route.is_cut_off_at(visits.len() - 1) {
        return None;
    }
    let leg = outlook.leg(fleet.order(last.order).stop(last.stop)?.position, end, last.departure);
    let travel = Millis(i64::from(leg.millis) * i64::from(spec.time_factor) / 1000);
    (travel < CUT_OFF).then_some(travel)
}

/// When a vehicle is home that drives its route as planned, with the breaks that driving times ask for on the way; a break of its shift that is
/// still to be taken then is left out. `None`: it has no route or no place where it ends, or no road leads there.
pub(crate) fn way_home(fleet: &Fleet, outlook: &Outlook, id: VehicleId, now: Timestamp) -> Option<Home> {
    let vehicle = fleet.vehicle(id);
    let (spec, last) = (vehicle.spec.as_ref()?, vehicle.route.visits.last()?);
    let travel = travel_home(fleet, outlook, id)?;
    let mut home = Home { at: last.departure + travel, driven: vehicle.follow_route(now, |_| {}) };
    if let (Some(rule), Some(driven)) = (spec.driving_time, &mut home.driven) {
        home.at = home.at + driven.drive_with_breaks(travel, &rule);
    }
    Some(home)
}

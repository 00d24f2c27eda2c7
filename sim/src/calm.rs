//! How calm a day is for its drivers: how often what they were told is changed, and how late.

use std::collections::BTreeMap;

use fleetfold_fleet::{Change, Fleet};
use fleetfold_model::{Event, LogEntry, Millis, OrderId, StopKind, Timestamp, VehicleId, leaves_at};
use serde::Serialize;

/// A change of the next stop is short of notice so long before the departure to it.
const SHORT: Millis = Millis(5 * 60_000);

/// How often drivers were told something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calm {
    /// Routes whose stops, or their order, a search has changed: each route of each plan once.
    pub search_changes: u64,
    /// Plans that gave a driver another next stop.
    pub next_stop_changes: u64,
    /// Of those, less than five minutes before the departure to it was planned, or behind that.
    pub next_stop_changes_short: u64,
    /// Stops that their driver had accepted and that a plan has given to another vehicle, or to none.
    pub accepted_taken: u64,
}

/// What one driver was told.
#[derive(Clone, Debug)]
struct Told {
    stops: Vec<(OrderId, StopKind)>,
    /// How many of them he was under way to.
    frozen: usize,
    /// When he departs for the one behind.
    leaves: Timestamp,
    /// Orders that he has accepted.
    accepted: Vec<OrderId>,
}

/// Counts while a log is folded.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    told: BTreeMap<VehicleId, Told>,
    pub(crate) calm: Calm,
}

impl Counted {
    /// What a vehicle has been told, as far as was counted, and how many of these stops it was under way to.
    pub(crate) fn told(&self, vehicle: VehicleId) -> (&[(OrderId, StopKind)], usize) {
        self.told.get(&vehicle).map_or((&[], 0), |told| (&told.stops, told.frozen))
    }

    /// One entry was folded.
    pub(crate) fn observe(&mut self, entry: &LogEntry, change: &Change, fleet: &Fleet) {
        let searched = match &entry.event {
            Event::PlanProposed(proposal) => Some(proposal.search.rounds > 0),
            _ => None,
        };
        let now = fleet.zone().zone_time(entry.logged_at);
        for &id in change.routes.iter().chain(&change.vehicles) {
            let is = now_told(fleet, id);
            let was = self.told.remove(&id).unwrap_or_else(Told::nothing);
            if let Some(searched) = searched.filter(|_| was.stops != is.stops) {
                self.calm.search_changes += u64::from(searched);
                let next = was.stops.get(was.frozen);
                if next.is_some() && is.stops.get(was.frozen) != next {
                    self.calm.next_stop_changes += 1;
                    self.calm.next_stop_changes_short += u64::from(now >= was.leaves - SHORT);
                }
                let is_there = |order: &&OrderId| is.stops.iter().any(|(other, _)| other == *order);
                let taken = was.accepted.iter().filter(|order| !is_there(order) && fleet.order(**order).is_open());
                self.calm.accepted_taken += taken.count() as u64;
            }
            self.told.insert(id, is);
        }
    }
}

impl Told {
    fn nothing() -> Self {
        Self { stops: Vec::new(), frozen: 0, leaves: Timestamp(0), accepted: Vec::new() }
    }
}

fn now_told(fleet: &Fleet, id: VehicleId) -> Told {
    let vehicle = fleet.vehicle(id);
    let visits = &vehicle.route.visits;
    let frozen = vehicle.frozen();
    let before = frozen.checked_sub(1).map(|before| visits[before].departure);
    let leaves = visits.get(frozen).map(|next| leaves_at(next.depart_at, next.break_before, before));
    let accepted = visits.iter().map(|visit| visit.order).filter(|&order| fleet.order(order).since <= vehicle.accepted);
    Told {
        stops: visits.iter().map(|visit| (visit.order, visit.stop)).collect(),
        frozen,
        leaves: leaves.unwrap_or(Timestamp(0)),
        accepted: accepted.collect(),
    }
}

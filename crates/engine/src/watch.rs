//! Promises that break by themselves: a late departure, a slow drive, a road that closes by the clock.

use std::sync::Arc;

use fleetfold_fleet::Anchor;
use fleetfold_model::{LogSeq, Millis, VehicleId};
use fleetfold_roads::{ActiveChange, Network};

use crate::engine::Engine;

/// A stop is newly late when it would start this much after both its due time and what was planned (zone time).
const LATE_MIN: Millis = Millis(60_000);
/// A route is repaired for lateness at most this often (log time): a jam should not re-plan at every position.
const REPAIR_EVERY: Millis = Millis(5_000);

impl Engine {
    /// Looks at one route; if a promise newly breaks, it will be repaired in the next plan.
    pub(crate) fn watch(&mut self, vehicle: VehicleId, seq: Option<LogSeq>) {
        if self.repairs.contains_key(&vehicle) || !self.newly_late(vehicle) {
            return;
        }
        let recent = self.repaired.get(&vehicle).is_some_and(|&at| self.log_now - at < REPAIR_EVERY);
        if !recent {
            self.repaired.insert(vehicle, self.log_now);
            self.repairs.insert(vehicle, seq);
        }
    }

    pub(crate) fn watch_all(&mut self) {
        for id in 0..self.fleet.vehicles().len() as u32 {
            if !self.fleet.vehicle(VehicleId(id)).route.visits.is_empty() {
                self.watch(VehicleId(id), None);
            }
        }
    }

    fn newly_late(&self, vehicle: VehicleId) -> bool {
        let state = self.fleet.vehicle(vehicle);
        let (Some(spec), Some(here)) = (&state.spec, state.whereabouts()) else { return false };
        let now = self.now();
        let starts = state.shift.as_ref().map_or(now, |shift| shift.starts);
        let mut free = Anchor { position: here.position, at: now.max(starts) };
        for (index, visit) in state.route.visits.iter().enumerate() {
            let order = self.fleet.order(visit.order);
            let Some(stop) = order.stop(visit.stop) else { continue };
            let under = state.under_way.filter(|_| index == 0);
            let leg = self.network.leg(free.position, stop.position);
            let travel = Millis(i64::from(leg.millis) * i64::from(spec.time_factor) / 1000);
            let arrival = match under.map(|under| under.arrived) {
                Some(Some(arrived)) => arrived,
                Some(None) if state.hint.is_none() => visit.arrival.max(now),
                Some(None) => now + travel,
                None => free.at.max(visit.depart_at) + visit.break_before + travel,
            };
            let setup = if free.position == stop.position { Millis(0) } else { stop.setup };
            let ready = arrival + setup;
            let opens =
                stop.windows.iter().find(|window| ready <= window.closes()).map_or(ready, |window| window.opens());
            let start = ready.max(opens).max(stop.release.unwrap_or(ready));
            if let Some(due) = stop.due
                && start > due + LATE_MIN
                && start > visit.start + LATE_MIN
            {
                return true;
            }
            free = Anchor { position: stop.position, at: (start + stop.service).max(now) };
        }
        false
    }

    /// Brings the network up to date with the changes in force, and finds the routes whose ways they touch.
    pub(crate) fn look_at_roads(&mut self) {
        if !self.base_network.has_roads() {
            return;
        }
        let now = self.now();
        let active: Vec<ActiveChange> = self
            .fleet
            .roads()
            .values()
            .filter(|road| road.is_active(now))
            .filter_map(|road| {
                let target = road.change.target.clone()?;
                let time_percent = if road.closed { None } else { Some(road.change.time_percent?) };
                Some(ActiveChange { target, time_percent })
            })
            .collect();
        if active == self.active_roads {
            return;
        }
        if let Some(new) = self.base_network.with_changes(&active) {
            self.roads_become(Arc::new(new));
        }
        self.active_roads = active;
    }

    /// Other travel times from now on: routes over slower roads are repaired, those and routes near quicker ones searched
    /// again; no other is looked at.
    fn roads_become(&mut self, new: Arc<Network>) {
        self.index_routes(usize::MAX);
        let change = new.changed_since(&self.network);
        // Where vehicles are now may be behind the place: looked at again from there.
        self.unindexed.extend(self.leg_index.slowed(&change).into_iter().map(VehicleId));
        self.index_routes(usize::MAX);
        let slowed = self.leg_index.slowed(&change);
        let quickened = self.leg_index.quickened(&change);
        for &id in &slowed {
            let vehicle = VehicleId(id);
            if !self.fleet.vehicle(vehicle).route.visits.is_empty() {
                self.road_hit.insert(vehicle);
                self.repairs.entry(vehicle).or_insert(None);
            }
        }
        self.network = new;
        self.roads_opened |= !change.quicker.is_empty();
        for id in slowed.into_iter().chain(quickened) {
            // Its ways are others now.
            self.unindexed.insert(VehicleId(id));
            if !self.fleet.vehicle(VehicleId(id)).route.visits.is_empty() {
                self.soil(VehicleId(id));
            }
        }
    }

    /// Writes down which roads the routes use that changed since it was last done, so many at most.
    pub(crate) fn index_routes(&mut self, most: usize) {
        if !self.network.has_roads() {
            return;
        }
        let mut routes = Vec::new();
        while let Some(vehicle) = self.unindexed.pop_first() {
            let state = self.fleet.vehicle(vehicle);
            let here = state.whereabouts().map(|anchor| anchor.position).filter(|_| !state.route.visits.is_empty());
            let stops = state.route.visits.iter().filter_map(|visit| self.fleet.order(visit.order).stop(visit.stop));
            routes.push((vehicle.0, here.into_iter().chain(stops.map(|stop| stop.position)).collect()));
            if routes.len() >= most {
                break;
            }
        }
        if !routes.is_empty() {
            self.leg_index.set(&self.network, routes);
        }
    }
}

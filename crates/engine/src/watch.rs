//! Promises that break by themselves: a late departure, a slow drive, a road that closes by the clock.

use std::sync::Arc;

use fleetfold_fleet::Anchor;
use fleetfold_model::{Event, LogSeq, Millis, Position, VehicleId};
use fleetfold_roads::Network;

use crate::engine::Engine;
use crate::outlook::{self, Known, RoadState};

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
            let leaves = if under.is_some() { now } else { free.at.max(visit.depart_at) + visit.break_before };
            let leg = self.outlook.leg(free.position, stop.position, leaves);
            let travel = Millis(i64::from(leg.millis) * i64::from(spec.time_factor) / 1000);
            let arrival = match under.map(|under| under.arrived) {
                Some(Some(arrived)) => arrived,
                Some(None) if state.hint.is_none() => visit.arrival.max(now),
                Some(None) | None => leaves + travel,
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
            let service = self.fleet.service_at(stop.position, stop.service);
            free = Anchor { position: stop.position, at: (start + service).max(now) };
        }
        false
    }

    /// True while what happens is learned from.
    pub(crate) fn learns(&self) -> bool {
        self.fleet.policy().learn && self.commit.epoch().is_some()
    }

    /// Where a vehicle is, before a report about it is folded.
    pub(crate) fn before_report(&self, event: &Event) -> Option<Position> {
        let (Event::StopDeparted(stop) | Event::StopArrived(stop) | Event::StopCompleted(stop)) = event else {
            return None;
        };
        let vehicle = self.fleet.vehicle_id(stop.vehicle.as_str())?;
        self.fleet.vehicle(vehicle).whereabouts().map(|anchor| anchor.position)
    }

    /// Observes a report of a driver that was taken.
    pub(crate) fn learn_from(&mut self, event: &Event, before: Option<Position>) {
        let (Event::StopDeparted(stop) | Event::StopArrived(stop) | Event::StopCompleted(stop)) = event else { return };
        let known = self.fleet.vehicle_id(stop.vehicle.as_str()).zip(self.fleet.order_id(stop.order.as_str()));
        let Some((vehicle, order)) = known else { return };
        let Some(place) = self.fleet.order(order).stop(stop.stop) else { return };
        let (to, visit) = (place.position, (order, stop.stop));
        // As the fold does: nothing has happened later than now, whatever a phone's clock says.
        let at = stop.at.min(self.now());
        if matches!(event, Event::StopDeparted(_)) {
            if let Some(from) = before {
                let factor = self.fleet.vehicle(vehicle).spec.as_ref().map_or(1000, |spec| i64::from(spec.time_factor));
                let travel = Millis(i64::from(self.outlook.leg(from, to, at).millis) * factor / 1000);
                self.learner.departed(vehicle, visit, at, from, travel);
            }
        } else if matches!(event, Event::StopArrived(_)) {
            self.learner.arrived(&self.fleet, &self.network, vehicle, visit, at, to);
        } else if self.learns() {
            let Some(arrived) = self.fleet.order(order).progress(stop.stop).arrived else { return };
            let ready = arrived.at + place.setup;
            let opens =
                place.windows.iter().find(|window| ready <= window.closes()).map_or(ready, |window| window.opens());
            let began = ready.max(opens).max(place.release.unwrap_or(ready));
            self.learner.served(to, began, at);
        }
    }

    /// Brings the network up to date with the speeds of the hour and the changes in force, and finds the routes whose ways the
    /// changes touch.
    pub(crate) fn look_at_roads(&mut self) {
        self.look_at_roads_now();
        let now = self.now();
        let known = Known::of(&self.fleet, now);
        if self.outlook_known.as_ref() == Some(&known) && Arc::ptr_eq(self.outlook.network(), &self.network) {
            return;
        }
        let current = RoadState { speeds: self.speeds.clone(), changes: self.active_roads.clone() };
        self.outlook = self.outlook.ahead(&self.fleet, now, &self.normal_network, (&self.network, current));
        self.outlook_known = Some(known);
    }

    fn look_at_roads_now(&mut self) {
        let now = self.now();
        let speeds = crate::learn::speeds(&self.fleet, now);
        if speeds != self.speeds {
            if let Some(base) = self.normal_network.with_speeds(&speeds) {
                // Everything takes another time now: promises are looked over, and what breaks is repaired; no route is
                // searched again for minutes that all have gained or lost alike.
                self.base_network = Arc::new(base);
                self.network = match self.base_network.with_changes(&self.active_roads) {
                    Some(network) => Arc::new(network),
                    None => Arc::clone(&self.base_network),
                };
                self.unindexed.extend((0..self.fleet.vehicles().len() as u32).map(VehicleId));
            }
            self.speeds = speeds;
        }
        if !self.base_network.has_roads() {
            return;
        }
        let active = outlook::changes(&self.fleet, now);
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
            self.rerouted.insert(VehicleId(id));
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
            // At other speeds another way may be the quickest: its line is drawn anew.
            self.rerouted.extend(self.leg_index.set(&self.network, routes).into_iter().map(VehicleId));
        }
    }
}

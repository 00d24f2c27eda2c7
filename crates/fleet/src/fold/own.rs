//! Facts that the engine writes itself: what it learned, where a vehicle was when a fact needed to know it, a base that was
//! stored, a broken promise that is put right.
//!
//! They count only with an epoch that is not older than the newest plan's. Whether an epoch was ever an owner's is checked
//! by the reader of the log.

use fleetfold_model::{
    BaseWritten, Event, Features, OrderId, Position, RepairAsked, StopKind, VehicleId, VehicleLocated,
};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::digest::{service_digest, speed_digest};
use crate::{Fleet, Placement, StoredBase};

impl Fleet {
    /// An own fact of an engine that had lost the zone to a newer one. Version 0.1 wrote features without an epoch.
    pub(super) fn is_old(&self, event: &Event, epoch: u64) -> bool {
        let unstated = epoch == 0 && matches!(event, Event::FeaturesLearned(_));
        !unstated && epoch < self.chain.epoch
    }

    /// Each version builds on the one before: one that does not is of an owner that had not seen it.
    pub(super) fn features_learned(&mut self, features: &Features, doing: &mut Applying) -> Verdict {
        if features.version != self.features_version + 1 {
            return Err(Refused::OldFeatures);
        }
        self.features_version = features.version;
        self.learned_until = self.learned_until.max(features.watermark);
        doing.zone_changed = true;
        for speed in &features.speeds {
            self.resum(0, speed_digest(speed));
            if let Some(old) = self.speeds.insert(speed.key, speed.clone()) {
                self.resum(speed_digest(&old), 0);
            }
        }
        for ends in &features.arrivals {
            match self.arrivals.binary_search_by_key(&ends.lead, |known| known.lead) {
                Ok(at) => self.arrivals[at] = *ends,
                Err(at) => self.arrivals.insert(at, *ends),
            }
        }
        for service in &features.services {
            self.resum(0, service_digest(service));
            if let Some(old) = self.services.insert(service.place, service.clone()) {
                self.resum(service_digest(&old), 0);
            }
        }
        Ok(())
    }

    pub(super) fn base_written(&mut self, base: &BaseWritten) {
        self.last_base = Some(StoredBase {
            applied: base.applied,
            format: base.format,
            object: base.object.clone(),
            hash: base.hash.clone(),
            logged_at: self.logged_at,
        });
    }

    /// The engine says where a vehicle was. It counts in two cases:
    ///
    /// - the anchor was set by the fact `of`, which did not say where, and the position is newer than the one used instead:
    ///   the position changes, and since when the vehicle stands there stays;
    /// - the position is newer than the anchor: both change.
    ///
    /// Then everything that hung on the old position follows: goods that wait on the vehicle are at the new one, and are
    /// asked for anew unless somebody is on the way to them (whose route is then looked at, because its stop moved).
    pub(super) fn vehicle_located(&mut self, located: &VehicleLocated, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(&located.vehicle)?;
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        let answers =
            state.unlocated.is_some_and(|unlocated| unlocated.of == located.of && located.at > unlocated.seen);
        let newer = state.anchor.is_none_or(|anchor| located.at > anchor.at);
        if !answers && !newer {
            return Err(Refused::OldPosition);
        }
        let since = state.anchor.filter(|_| answers).map_or(located.at, |anchor| anchor.at.max(located.at));
        state.stands_at(located.position, since);
        if state.is_available() {
            doing.ask_vehicle(id);
        }
        for order in state.goods_waiting.clone() {
            self.goods_are_at(order, located.position, doing);
        }
        Ok(())
    }

    pub(super) fn goods_are_at(&mut self, order: OrderId, position: Position, doing: &mut Applying) {
        let state = &self.orders[order.index()];
        if state.pickup_moved_to == Some(position) || !state.is_open() {
            return;
        }
        let rescuer = match state.placement {
            Placement::OnRoute(vehicle) => Some(vehicle),
            Placement::Unplaced | Placement::Unassigned(_) => None,
        };
        let under = rescuer
            .and_then(|vehicle| self.vehicles[vehicle.index()].under_way)
            .filter(|under| (under.order, under.stop) == (order, StopKind::Pickup));
        if under.is_some_and(|under| under.arrived.is_some()) {
            return; // whoever stands beside the goods knows better
        }
        self.orders[order.index()].pickup_moved_to = Some(position);
        doing.order(order);
        if under.is_none() {
            doing.ask_order(order);
        }
        if let Some(vehicle) = rescuer {
            self.vehicles[vehicle.index()].route.revision = doing.seq;
            doing.route(vehicle);
            doing.ask_vehicle(vehicle);
        }
    }

    /// A broken promise is put right: the named vehicles lose what does not belong on their routes and are looked at again;
    /// the named open orders that are on no route are asked for anew.
    pub(super) fn repair_asked(&mut self, repair: &RepairAsked, doing: &mut Applying) {
        for name in &repair.vehicles {
            if let Ok(id) = self.known_vehicle(name) {
                self.repair_route(id, doing);
                doing.ask_vehicle(id);
            }
        }
        for name in &repair.orders {
            let Ok(order) = self.known_order(name) else { continue };
            if !self.orders[order.index()].is_open() {
                continue;
            }
            doing.order(order);
            if let Some(carrier) = self.orders[order.index()].on_board {
                self.load_on_board(order, carrier, doing); // so that the vehicle knows it too
            }
            if let Placement::OnRoute(vehicle) = self.orders[order.index()].placement {
                let visits = &self.vehicles[vehicle.index()].route.visits;
                if visits.iter().any(|visit| visit.order == order && visit.stop == StopKind::Delivery) {
                    continue;
                }
            }
            self.orders[order.index()].placement = Placement::Unplaced;
            doing.ask_order(order);
        }
    }

    /// Takes off a route what breaks a promise: orders that are over or placed elsewhere, and orders whose stops are not all
    /// there once, pickup first. Those that are open are asked for.
    fn repair_route(&mut self, id: VehicleId, doing: &mut Applying) {
        doing.vehicle(id);
        let visits = &self.vehicles[id.index()].route.visits;
        let mut wrong: Vec<OrderId> = Vec::new();
        for visit in visits {
            let order = &self.orders[visit.order.index()];
            let stops = visits.iter().filter(|other| other.order == visit.order).map(|other| other.stop);
            let right = order.placement == Placement::OnRoute(id) && stops.eq(order.open_stops().iter().copied());
            if !right && !wrong.contains(&visit.order) {
                wrong.push(visit.order);
            }
        }
        for order in wrong {
            self.take_off_route(order, id, doing);
            let state = &mut self.orders[order.index()];
            if state.is_open() && state.placement == Placement::OnRoute(id) {
                state.placement = Placement::Unplaced;
                doing.ask_order(order);
            }
            doing.order(order);
        }
        let mut on_board = std::mem::take(&mut self.vehicles[id.index()].on_board);
        on_board.retain(|order| {
            let state = &self.orders[order.index()];
            state.is_open() && state.on_board == Some(id)
        });
        self.vehicles[id.index()].on_board = on_board;
    }
}

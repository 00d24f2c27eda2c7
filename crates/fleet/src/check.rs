//! The promises the fold keeps, as one function with numbers. The simulator calls it after every step, the running
//! engine on each snapshot's copy.

use std::collections::BTreeMap;

use fleetfold_model::{Load, OrderId, StopKind};

use crate::{Fleet, Placement, VehicleState};

/// A broken promise: its number and the offender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// `F1` to `F6`.
    pub promise: &'static str,
    /// Who breaks it, and how.
    pub what: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

fn broken(promise: &'static str, what: String) -> Result<(), Broken> {
    Err(Broken { promise, what })
}

impl Fleet {
    /// Checks every promise in full:
    ///
    /// - F1: every open order is on exactly one route, or unassigned with a reason, or waits for an answer that was asked for;
    /// - F2: no closed order is on a route;
    /// - F3: pickup before delivery on the same vehicle, load within capacity, goods on board only with open orders;
    /// - F4: the index holds exactly the known vehicles and open stops;
    /// - F6: the digest equals its recount.
    ///
    /// (F5, totality, and F7, growing revisions, are properties of [`Fleet::apply`] and tested there.)
    ///
    /// # Errors
    ///
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        let mut on_routes: BTreeMap<OrderId, usize> = BTreeMap::new();
        for (index, vehicle) in self.vehicles.iter().enumerate() {
            for visit in vehicle.route.visits.iter().filter(|visit| visit.stop == StopKind::Delivery) {
                *on_routes.entry(visit.order).or_default() += 1;
                let order = self.order(visit.order);
                if order.placement != Placement::OnRoute(fleetfold_model::VehicleId(index as u32)) {
                    return broken(
                        "F1",
                        format!("{} is on the route of {} but placed {:?}", order.name, vehicle.name, order.placement),
                    );
                }
            }
            self.check_route(vehicle)?;
        }
        for (index, order) in self.orders.iter().enumerate() {
            let id = OrderId(index as u32);
            let routes = on_routes.get(&id).copied().unwrap_or(0);
            if !order.is_open() {
                if routes > 0 {
                    return broken("F2", format!("{} is closed and on {routes} route(s)", order.name));
                }
                continue;
            }
            let expected = usize::from(matches!(order.placement, Placement::OnRoute(_)));
            if routes != expected {
                return broken("F1", format!("{} is on {routes} route(s), placed {:?}", order.name, order.placement));
            }
            if order.placement == Placement::Unplaced && !self.unanswered.values().any(|ask| ask.orders.contains(&id)) {
                return broken("F1", format!("{} is on no route and nobody asked for an answer", order.name));
            }
            if let Some(carrier) = order.on_board
                && !self.vehicle(carrier).on_board.contains(&id)
            {
                return broken("F3", format!("{} is on board of a vehicle that does not know it", order.name));
            }
        }
        let vehicles = self.vehicles.iter().filter(|vehicle| vehicle.whereabouts().is_some()).count();
        let stops: usize = self.orders.iter().map(|order| order.open_stops().len()).sum();
        if (self.index.vehicle_count(), self.index.stop_count()) != (vehicles, stops) {
            return broken(
                "F4",
                format!(
                    "index holds {} vehicles and {} stops, the fleet {vehicles} and {stops}",
                    self.index.vehicle_count(),
                    self.index.stop_count()
                ),
            );
        }
        if self.digests_recounted() != (self.digest_sum, self.facts_sum) {
            return broken("F6", "the digest is not the sum of its entities".to_owned());
        }
        Ok(())
    }

    fn check_route(&self, vehicle: &VehicleState) -> Result<(), Broken> {
        let Some(spec) = &vehicle.spec else {
            return if vehicle.route.visits.is_empty() {
                Ok(())
            } else {
                broken("F1", format!("{} has a route but is not registered", vehicle.name))
            };
        };
        if !vehicle.is_available() && !vehicle.route.visits.is_empty() {
            return broken("F2", format!("{} is not working but has a route", vehicle.name));
        }
        let mut load = Load::default();
        for &order in &vehicle.on_board {
            if !self.order(order).is_open() {
                return broken("F3", format!("{} carries {}, which is over", vehicle.name, self.order(order).name));
            }
            load += self.order(order).load();
        }
        for visit in &vehicle.route.visits {
            if self.order(visit.order).loads_at_start() {
                load += self.order(visit.order).load();
            }
        }
        let mut full = load.fits_in(spec.capacity);
        let mut open = vehicle.on_board.clone();
        for visit in &vehicle.route.visits {
            let order = self.order(visit.order);
            match visit.stop {
                StopKind::Pickup => {
                    load += order.load();
                    open.push(visit.order);
                }
                StopKind::Delivery if order.is_shipment() => {
                    if !open.contains(&visit.order) {
                        return broken("F3", format!("{} delivers {} before picking it up", vehicle.name, order.name));
                    }
                    load -= order.load();
                }
                StopKind::Delivery if order.loads_at_start() => load -= order.load(),
                StopKind::Delivery => load += order.load(),
            }
            full &= load.fits_in(spec.capacity);
        }
        // A dispatcher may force goods onto a vehicle, and an update may grow them under way; then the excess is shown, not refused.
        let forced = vehicle.route.visits.iter().any(|visit| {
            let order = self.order(visit.order);
            order.pinned.is_some() || order.on_board.is_some()
        }) || vehicle.on_board.iter().any(|&order| self.order(order).pinned.is_some());
        let waits = self
            .unanswered
            .values()
            .any(|ask| ask.roads || ask.vehicles.iter().any(|&id| std::ptr::eq(self.vehicle(id), vehicle)));
        if !full && !forced && !waits {
            return broken("F3", format!("{} is loaded beyond its capacity", vehicle.name));
        }
        Ok(())
    }
}

//! The promises the fold keeps, as one function with numbers. The simulator calls it after every step, the running
//! engine on each snapshot's copy.

use std::collections::BTreeMap;

use fleetfold_model::{Name, OrderId, StopKind, VehicleId};

use crate::slack::Slack;
use crate::{Change, Fleet, Placement, VehicleState, trip_from, until_depot};

/// A broken promise: its number and the offenders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// `F1` to `F6`.
    pub promise: &'static str,
    /// Who breaks it, and how, in words.
    pub what: String,
    /// The orders that are concerned: what a [`fleetfold_model::RepairAsked`] asks for anew.
    pub orders: Vec<Name>,
    /// The vehicles that are concerned.
    pub vehicles: Vec<Name>,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

fn broken(promise: &'static str, orders: &[&Name], vehicles: &[&Name], what: String) -> Result<(), Broken> {
    let all = |names: &[&Name]| names.iter().map(|&name| name.clone()).collect();
    Err(Broken { promise, what, orders: all(orders), vehicles: all(vehicles) })
}

/// What is recorded of a driver's day fits together: changes are in order, nobody drove for longer than time went by, nor longer since
/// his last break than in the whole shift; and only a rule makes a record.
fn check_tachograph(vehicle: &VehicleState) -> Result<(), Broken> {
    let Some(rule) = vehicle.recorded_by() else {
        return if vehicle.tachograph.is_empty() {
            Ok(())
        } else {
            broken("F3", &[], &[&vehicle.name], format!("{} records driving times without a rule", vehicle.name))
        };
    };
    let tachograph = &vehicle.tachograph;
    let is_ordered = tachograph.changes.windows(2).all(|pair| (pair[0].at, pair[0].turn) < (pair[1].at, pair[1].turn));
    let last = tachograph.changes.last().map_or(tachograph.settled.at, |last| last.at);
    let read = tachograph.read(last, &rule);
    let spent = read.at - tachograph.settled.at;
    let driven = read.in_shift - tachograph.settled.in_shift;
    if !is_ordered || driven > spent || read.since_break > read.in_shift {
        return broken("F3", &[], &[&vehicle.name], format!("{} miscounts what its driver has driven", vehicle.name));
    }
    Ok(())
}

impl Fleet {
    /// Checks every promise in full:
    ///
    /// - F1: every open order is on exactly one route, or unassigned with a reason, or waits for an answer that was asked for;
    /// - F2: no closed order is on a route, and no vehicle that is not working has one;
    /// - F3: pickup before delivery on the same vehicle, load within capacity on every trip, goods on board only with open orders;
    /// - F4: the index holds exactly the known vehicles and open stops (not asked of a copy without an index), and what is
    ///   counted as entries come equals a recount;
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
            }
            self.check_route(VehicleId(index as u32))?;
            if self.slacks[index] != Slack::of(self, VehicleId(index as u32)) {
                return broken(
                    "F4",
                    &[],
                    &[&vehicle.name],
                    format!("{} miscounts what it has left to give", vehicle.name),
                );
            }
        }
        let mut asked: BTreeMap<OrderId, u32> = BTreeMap::new();
        for order in self.unanswered.values().flat_map(|ask| &ask.orders) {
            *asked.entry(*order).or_default() += 1;
        }
        let mut counted = [0; 3];
        for (index, order) in self.orders.iter().enumerate() {
            let id = OrderId(index as u32);
            let routes = on_routes.get(&id).copied().unwrap_or(0);
            let expected = usize::from(order.is_open() && matches!(order.placement, Placement::OnRoute(_)));
            if routes != expected {
                let promise = if order.is_open() { "F1" } else { "F2" };
                let state = if order.is_open() { format!("placed {:?}", order.placement) } else { "closed".to_owned() };
                return broken(promise, &[&order.name], &self.vehicles_with(id), {
                    format!("{} is {state} and on {routes} route(s)", order.name)
                });
            }
            self.check_order(id)?;
            if asked.get(&id).copied().unwrap_or(0) != order.asked {
                return broken("F4", &[&order.name], &[], format!("{} miscounts who asks for it", order.name));
            }
            let open = order.is_open();
            counted[0] += usize::from(open);
            counted[1] += usize::from(open && matches!(order.placement, Placement::Unassigned(_)));
            counted[2] += usize::from(open && matches!(order.placement, Placement::OnRoute(_)));
        }
        if counted != [self.open_count(), self.unassigned_count(), self.on_route_count()] {
            return broken(
                "F4",
                &[],
                &[],
                format!("open, unassigned and on a route are {counted:?}, counted otherwise"),
            );
        }
        let vehicles = self.vehicles.iter().filter(|vehicle| vehicle.whereabouts().is_some()).count();
        let stops: usize = self.orders.iter().map(|order| order.open_stops().len()).sum();
        let indexed = (self.index.vehicle_count(), self.index.stop_count());
        if !self.index.is_absent() && indexed != (vehicles, stops) {
            let (found_vehicles, found_stops) = indexed;
            return broken("F4", &[], &[], {
                format!(
                    "index holds {found_vehicles} vehicles and {found_stops} stops, the fleet {vehicles} and {stops}"
                )
            });
        }
        if self.digests_recounted() != (self.digest_sum, self.facts_sum) {
            return broken("F6", &[], &[], "the digest is not the sum of its entities".to_owned());
        }
        Ok(())
    }

    /// Checks F1 to F3 for what one entry touched: cheap enough for the running engine to do after every entry. `change` is
    /// what [`Fleet::apply`] has just returned.
    ///
    /// # Errors
    ///
    /// The first promise found broken.
    pub fn check_changed(&self, change: &Change) -> Result<(), Broken> {
        change.vehicles.iter().try_for_each(|&id| self.check_route(id))?;
        for &id in &change.orders {
            self.check_order(id)?;
            let order = self.order(id);
            if let (true, Placement::OnRoute(vehicle)) = (order.is_open(), order.placement) {
                let visits = &self.vehicle(vehicle).route.visits;
                let deliveries = visits.iter().filter(|visit| visit.order == id && visit.stop == StopKind::Delivery);
                let routes = deliveries.count();
                if routes != 1 {
                    return broken("F1", &[&order.name], &[&self.vehicle(vehicle).name], {
                        format!("{} is placed {:?} and {routes} times on that route", order.name, order.placement)
                    });
                }
            }
        }
        Ok(())
    }

    fn vehicles_with(&self, order: OrderId) -> Vec<&Name> {
        let has = |vehicle: &&VehicleState| vehicle.route.visits.iter().any(|visit| visit.order == order);
        self.vehicles.iter().filter(has).map(|vehicle| &vehicle.name).collect()
    }

    /// What can be said of an order without looking at every route.
    fn check_order(&self, id: OrderId) -> Result<(), Broken> {
        let order = self.order(id);
        if !order.is_open() {
            return Ok(());
        }
        if order.placement == Placement::Unplaced && order.asked == 0 {
            return broken("F1", &[&order.name], &[], {
                format!("{} is on no route and nobody asked for an answer", order.name)
            });
        }
        if let Some(carrier) = order.on_board
            && !self.vehicle(carrier).on_board.contains(&id)
        {
            return broken("F3", &[&order.name], &[&self.vehicle(carrier).name], {
                format!("{} is on board of a vehicle that does not know it", order.name)
            });
        }
        if let Some(wreck) = order.rescue_from
            && !self.vehicle(wreck).goods_waiting.contains(&id)
        {
            return broken("F3", &[&order.name], &[&self.vehicle(wreck).name], {
                format!("{} waits on a vehicle that does not know it", order.name)
            });
        }
        Ok(())
    }

    fn check_route(&self, id: VehicleId) -> Result<(), Broken> {
        let vehicle = self.vehicle(id);
        check_tachograph(vehicle)?;
        for visit in &vehicle.route.visits {
            let order = self.order(visit.order);
            if !order.is_open() {
                return broken("F2", &[&order.name], &[&vehicle.name], {
                    format!("{} is closed and on the route of {}", order.name, vehicle.name)
                });
            }
            if order.placement != Placement::OnRoute(id) {
                return broken("F1", &[&order.name], &[&vehicle.name], {
                    format!("{} is on the route of {} but placed {:?}", order.name, vehicle.name, order.placement)
                });
            }
        }
        let Some(spec) = &vehicle.spec else {
            return if vehicle.route.visits.is_empty() {
                Ok(())
            } else {
                broken("F1", &[], &[&vehicle.name], format!("{} has a route but is not registered", vehicle.name))
            };
        };
        if !vehicle.is_available() && !vehicle.route.visits.is_empty() {
            return broken("F2", &[], &[&vehicle.name], format!("{} is not working but has a route", vehicle.name));
        }
        let mut load = vehicle.kept;
        for &order in &vehicle.on_board {
            if !self.order(order).is_open() {
                return broken("F3", &[&self.order(order).name], &[&vehicle.name], {
                    format!("{} carries {}, which is over", vehicle.name, self.order(order).name)
                });
            }
            if !self.order(order).loads_at_start() {
                load += self.order(order).load();
            }
        }
        let aboard = load;
        let visits = &vehicle.route.visits;
        let first = until_depot(visits).len();
        for (index, order) in visits.iter().map(|visit| self.order(visit.order)).enumerate() {
            if order.loads_at_start() && (index < first || order.on_board.is_some()) {
                load += order.load();
            }
        }
        let mut full = load.fits_in(spec.capacity);
        let mut open = vehicle.on_board.clone();
        // What jobs have picked up since the vehicle called at a depot, and what could not be delivered: it is left at the next one.
        let mut picked_up = vehicle.kept;
        for (index, visit) in visits.iter().enumerate() {
            let order = self.order(visit.order);
            if visit.reload_before.is_some() {
                load -= std::mem::take(&mut picked_up);
                for order in trip_from(visits, index).iter().map(|visit| self.order(visit.order)) {
                    if order.loads_at_start() && order.on_board.is_none() {
                        load += order.load();
                    }
                }
                full &= load.fits_in(spec.capacity);
            }
            match visit.stop {
                StopKind::Pickup => {
                    load += order.load();
                    open.push(visit.order);
                }
                StopKind::Delivery if order.is_shipment() => {
                    if !open.contains(&visit.order) {
                        return broken("F3", &[&order.name], &[&vehicle.name], {
                            format!("{} delivers {} before picking it up", vehicle.name, order.name)
                        });
                    }
                    load -= order.load();
                }
                StopKind::Delivery if order.loads_at_start() => load -= order.load(),
                StopKind::Delivery => {
                    load += order.load();
                    picked_up += order.load();
                }
            }
            full &= load.fits_in(spec.capacity);
        }
        // A dispatcher may force goods onto a vehicle, and an update may grow them while the vehicle drives to them or carries
        // them; then the excess is shown, not refused.
        let forced = vehicle.route.visits.iter().any(|visit| {
            let order = self.order(visit.order);
            order.pinned.is_some() || order.on_board.is_some()
        }) || vehicle.on_board.iter().any(|&order| self.order(order).pinned.is_some())
            || vehicle.frozen() > 0
            || !aboard.fits_in(spec.capacity);
        let waits = || self.unanswered.values().any(|ask| ask.roads || ask.vehicles.contains(&id));
        if !full && !forced && !waits() {
            return broken("F3", &[], &[&vehicle.name], format!("{} is loaded beyond its capacity", vehicle.name));
        }
        Ok(())
    }
}

//! Where orders came from: a search does not send one back to a vehicle that it has left a little while ago.
//!
//! What is remembered decides what is searched for, and nothing in the fold: only the owner of the zone remembers, and a new one begins
//! with nothing.

use std::collections::BTreeMap;

use fleetfold_fleet::{Fleet, Placement};
use fleetfold_model::{Millis, OrderId, Proposal, StopKind, Timestamp, VehicleId};

use crate::relief::silent;

/// How long an order is not sent back, zone time (guess: a driver who gave it away has forgotten it by then).
const NOT_WITHIN: Millis = Millis(30 * 60_000);

/// The vehicles that orders have left, and when (zone time).
#[derive(Debug, Default)]
pub(crate) struct Returns {
    left: BTreeMap<OrderId, Vec<(VehicleId, Timestamp)>>,
}

impl Returns {
    /// The orders that a plan, not folded yet, takes from one vehicle to another: each with the one that it would leave.
    pub(crate) fn leaving(fleet: &Fleet, proposal: &Proposal) -> Vec<(OrderId, VehicleId)> {
        let routes = proposal.groups.iter().flat_map(|group| &group.routes);
        let placed = routes.flat_map(|route| {
            let to = fleet.vehicle_id(route.vehicle.as_str());
            let deliveries = route.visits.iter().filter(|visit| visit.stop == StopKind::Delivery);
            deliveries.filter_map(move |visit| Some((fleet.order_id(visit.order.as_str())?, to?)))
        });
        // What leaves a vehicle because nothing is heard of it may come back when something is.
        let silent = silent(fleet);
        let leaves = placed.filter_map(|(order, to)| match fleet.order(order).placement {
            Placement::OnRoute(from) if from != to && !silent.contains(&from) => Some((order, from)),
            Placement::OnRoute(_) | Placement::Unplaced | Placement::Unassigned(_) => None,
        });
        leaves.collect()
    }

    /// The plan was folded: those that did leave are remembered, what is too old is not.
    pub(crate) fn folded(&mut self, fleet: &Fleet, leaving: Vec<(OrderId, VehicleId)>, now: Timestamp) {
        for (order, from) in leaving {
            if fleet.order(order).placement != Placement::OnRoute(from) {
                let left = self.left.entry(order).or_default();
                left.retain(|&(vehicle, at)| vehicle != from && now - at < NOT_WITHIN);
                left.push((from, now));
            }
        }
    }

    /// An order is over: another may get its number.
    pub(crate) fn forget(&mut self, order: OrderId) {
        self.left.remove(&order);
    }

    /// The vehicles to which an order is not sent back now.
    pub(crate) fn barred(&self, order: OrderId, now: Timestamp) -> impl Iterator<Item = VehicleId> + '_ {
        let left = self.left.get(&order).into_iter().flatten();
        left.filter(move |&&(_, at)| now - at < NOT_WITHIN).map(|&(vehicle, _)| vehicle)
    }
}

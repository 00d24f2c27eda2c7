//! Chooses which vehicles and stops are planned again together.
//!
//! It starts from the dirty routes (those near which something changed), adds their near neighbours from the spatial index, and cuts
//! the result into regions that can be searched in parallel.
//!
//! Promise (E1): no vehicle and no order is in two regions of one job.
//! Absent on purpose: costs and travel times. This module decides *who*, not *how*.

use std::collections::BTreeSet;

use fleetfold_fleet::{Fleet, Placement};
use fleetfold_model::{OrderId, Position, VehicleId};

use crate::overload::Effort;

/// Most stops in one region. With three long tours there is little to exchange; with more stops the search takes longer than the
/// region stays as it is (measured in the prototype).
const STOPS_MAX: usize = 400;
/// Most tours in one region.
const TOURS_MAX: usize = 40;
/// Most unassigned orders that a region tries to place again.
const UNASSIGNED_MAX: usize = 40;
/// How many of the nearest stops are looked at around each stop of a region while it grows.
const LOOKED_AT: usize = 24;

/// Vehicles and orders to plan together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Region {
    pub(crate) vehicles: Vec<VehicleId>,
    pub(crate) unassigned: Vec<OrderId>,
}

/// Disjoint regions around stale vehicles, at most so many, in the order of the vehicles given.
pub(crate) fn carve(
    fleet: &Fleet,
    stale: impl Iterator<Item = VehicleId>,
    regions_max: usize,
    effort: Effort,
) -> Vec<Region> {
    let mut taken: BTreeSet<VehicleId> = BTreeSet::new();
    let mut taken_orders: BTreeSet<OrderId> = BTreeSet::new();
    let mut regions = Vec::new();
    for seed in stale {
        if regions.len() == regions_max {
            break;
        }
        if taken.contains(&seed) || !fleet.vehicle(seed).is_available() {
            continue;
        }
        regions.push(grow(fleet, seed, effort, &mut taken, &mut taken_orders));
    }
    regions
}

fn grow(
    fleet: &Fleet,
    seed: VehicleId,
    effort: Effort,
    taken: &mut BTreeSet<VehicleId>,
    taken_orders: &mut BTreeSet<OrderId>,
) -> Region {
    let space = fleet.zone().space;
    let (stops_max, tours_max) = (effort.share_of(STOPS_MAX), effort.share_of(TOURS_MAX));
    let mut region = Region::default();
    let mut stops = 0;
    let mut queue = std::collections::VecDeque::from([seed]);
    taken.insert(seed);
    while let Some(vehicle) = queue.pop_front() {
        let state = fleet.vehicle(vehicle);
        let size = state.route.visits.len();
        if region.vehicles.len() == tours_max || (stops + size > stops_max && !region.vehicles.is_empty()) {
            taken.remove(&vehicle);
            continue;
        }
        region.vehicles.push(vehicle);
        stops += size;
        let places: Vec<Position> = state
            .route
            .visits
            .iter()
            .filter_map(|visit| fleet.order(visit.order).stop(visit.stop).map(|stop| stop.position))
            .chain(state.whereabouts().map(|anchor| anchor.position))
            .collect();
        for place in places {
            for (order, _) in fleet.index().stops_near(space, place).take(LOOKED_AT) {
                match fleet.order(order).placement {
                    Placement::OnRoute(other) => {
                        if fleet.vehicle(other).is_available() && taken.insert(other) {
                            queue.push_back(other);
                        }
                    }
                    Placement::Unassigned(_) => {
                        let free = fleet.order(order).on_board.is_none() && fleet.order(order).pinned.is_none();
                        if free && region.unassigned.len() < UNASSIGNED_MAX && taken_orders.insert(order) {
                            region.unassigned.push(order);
                        }
                    }
                    Placement::Unplaced => {} // its answer is under way
                }
            }
            for other in fleet.index().vehicles_near(space, place).take(LOOKED_AT / 4) {
                if fleet.vehicle(other).is_available() && taken.insert(other) {
                    queue.push_back(other);
                }
            }
        }
    }
    for vehicle in queue {
        taken.remove(&vehicle);
    }
    region.vehicles.sort_unstable();
    region
}

//! Calm for drivers, where the policy asks for it: notice before the next stop changes, and no more than so many changes of a route an hour.
//!
//! What searches have changed is counted by everyone who folds, so that a standby goes on counting when it takes over; who begins with a
//! snapshot counts from there. It decides what is proposed, and nothing in the fold.

use std::collections::{BTreeMap, VecDeque};

use fleetfold_fleet::{Fleet, Visit};
use fleetfold_model::{
    Event, ExchangeGroup, Millis, OrderId, ProposedRoute, StopKind, Timestamp, VehicleId, leaves_at,
};

use crate::draft::{Settled, settled};
use crate::moment::Moment;

/// Within this span of zone time changes are counted.
const HOUR: Millis = Millis(3_600_000);

/// Stops in their order.
type Stops = Vec<(OrderId, StopKind)>;

fn stops(visits: &[Visit]) -> Stops {
    visits.iter().map(|visit| (visit.order, visit.stop)).collect()
}

/// True when a vehicle departs for its next stop so soon that the policy wants its driver to keep it: the first stop behind the one that he is
/// under way to.
pub(crate) fn has_notice(fleet: &Fleet, id: VehicleId, now: Timestamp) -> bool {
    let notice = fleet.policy().notice;
    if notice <= Millis(0) {
        return false;
    }
    let vehicle = fleet.vehicle(id);
    let frozen = vehicle.frozen();
    // He is told what is next at the depot, where that comes first.
    vehicle.route.visits.get(frozen).filter(|next| next.reload_before.is_none()).is_some_and(|next| {
        let before = frozen.checked_sub(1).map(|before| vehicle.route.visits[before].departure);
        now >= leaves_at(next.depart_at, next.break_before, before) - notice
    })
}

/// What of a route is not planned again, a next stop of which its driver has notice included.
pub(crate) fn with_notice(fleet: &Fleet, id: VehicleId, now: Timestamp) -> Settled {
    let settled = settled(fleet, id);
    if settled.count <= fleet.vehicle(id).frozen() && has_notice(fleet, id, now) {
        Settled { count: fleet.vehicle(id).frozen() + 1, is_there: false }
    } else {
        settled
    }
}

/// The stops that a proposed route has left to make; a stop that nobody knows makes it another route than any.
fn proposed(fleet: &Fleet, route: &ProposedRoute) -> Option<Stops> {
    let is_left = |&(order, stop): &(OrderId, StopKind)| fleet.order(order).progress(stop).completed.is_none();
    let named = route.visits.iter().map(|visit| Some((fleet.order_id(visit.order.as_str())?, visit.stop)));
    let stops: Option<Stops> = named.collect();
    stops.map(|stops| stops.into_iter().filter(is_left).collect())
}

/// What the drivers of a plan that a search has made had been told before it was folded.
#[derive(Debug, Default)]
pub(crate) struct Told(Vec<(VehicleId, Stops)>);

impl Told {
    /// Of the plan in an event; of every other event nothing.
    pub(crate) fn before(fleet: &Fleet, event: &Event) -> Self {
        let Event::PlanProposed(proposal) = event else { return Self::default() };
        if proposal.search.rounds == 0 {
            return Self::default();
        }
        let routes = proposal.groups.iter().flat_map(|group| &group.routes);
        let vehicles = routes.filter_map(|route| fleet.vehicle_id(route.vehicle.as_str()));
        Self(vehicles.map(|id| (id, stops(&fleet.vehicle(id).route.visits))).collect())
    }
}

/// When searches have changed the stops of each route, or their order (zone time, ascending).
#[derive(Debug, Default)]
pub(crate) struct Changes {
    made: BTreeMap<VehicleId, VecDeque<Timestamp>>,
}

impl Changes {
    /// A plan was folded: routes that it did change are counted, what is too old is not.
    pub(crate) fn folded(&mut self, fleet: &Fleet, told: Told, now: Timestamp) {
        for (id, before) in told.0 {
            let made = self.made.entry(id).or_default();
            made.retain(|&at| now - at < HOUR);
            if stops(&fleet.vehicle(id).route.visits) != before {
                made.push_back(now);
            } else if made.is_empty() {
                self.made.remove(&id);
            }
        }
    }

    /// True when the policy allows that a search changes these routes now.
    pub(crate) fn allow(&self, moment: Moment<'_>, group: &ExchangeGroup) -> bool {
        let fleet = moment.fleet;
        let most = fleet.policy().max_changes_per_hour;
        if most.is_none() && fleet.policy().notice <= Millis(0) {
            return true;
        }
        let now = moment.now();
        let is_allowed = |route: &ProposedRoute| {
            let Some(id) = fleet.vehicle_id(route.vehicle.as_str()) else { return true };
            let vehicle = fleet.vehicle(id);
            let (told, new) = (stops(&vehicle.route.visits), proposed(fleet, route));
            if new.as_ref() == Some(&told) {
                return true;
            }
            let next = told.get(vehicle.frozen());
            let keeps_next = next.is_none() || new.as_ref().and_then(|new| new.get(vehicle.frozen())) == next;
            // The plan takes a moment to come back.
            let is_in_time = keeps_next || !has_notice(fleet, id, now + moment.answer_margin());
            let made = self.made.get(&id).into_iter().flatten().filter(|&&at| now - at < HOUR).count();
            is_in_time && most.is_none_or(|most| made < most as usize)
        };
        group.routes.iter().all(is_allowed)
    }
}

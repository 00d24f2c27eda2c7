//! Every order is somewhere: the one check between a group of routes and the plan it goes into.
//!
//! Promise: a group that leaves the engine places each order that its facts ask for, or says why it is on no route, and keeps
//! every order of the routes it changes. A group that does not is withheld. The facts it answers are then answered *plainly*:
//! the routes stay as they are, and what they ask for and is on no route is unassigned with a reason.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Fleet, OrderState, Placement};
use fleetfold_model::{ExchangeGroup, LogSeq, Name, OrderId, PlannedVisit, UnassignedReason, VehicleId};

/// A fact whose groups were refused so often is answered plainly. Refusals are usual while routes change faster than plans
/// come back; so many in a row mean that the fold will never take what this engine makes of the fact (guess).
const REFUSALS_MAX: u32 = 8;

/// Most bytes of a visit in a plan's message, its name not counted.
const VISIT_BYTES: usize = 300;
/// Most bytes of a call at a depot before it.
const DEPOT_BYTES: usize = 240;
/// The same with the longest name there is: 64 characters of six bytes.
const VISIT_BYTES_MAX: usize = VISIT_BYTES + 64 * 6;

/// Most bytes that a group takes in a plan's message.
pub(crate) fn weight(group: &ExchangeGroup) -> usize {
    let routes = group.routes.iter().map(|route| {
        let bytes = |visit: &PlannedVisit| VISIT_BYTES + visit.reload_before.map_or(0, |_| DEPOT_BYTES);
        let visits = route.visits.iter().map(|visit| bytes(visit) + in_json(&visit.order));
        200 + in_json(&route.vehicle) + visits.sum::<usize>()
    });
    let choices = group.choices.iter().map(|choice| {
        let names = [Some(&choice.order), choice.vehicle.as_ref(), choice.previous.as_ref(), choice.runner_up.as_ref()];
        400 + names.into_iter().flatten().map(in_json).sum::<usize>()
    });
    let unassigned = group.unassigned.iter().map(|(order, _)| 60 + in_json(order));
    routes.chain(choices).chain(unassigned).sum::<usize>() + 21 * group.caused_by.len()
}

/// Bytes of a name in a message: control characters, quotes and backslashes take up to six.
fn in_json(name: &Name) -> usize {
    let escaped = name.as_str().bytes().filter(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')).count();
    name.as_str().len() + 5 * escaped
}

/// True when a vehicle's route with the stops of an order in it would take more than half of so many bytes: it must go into
/// one message with what else changes, and a route as the driver is told it takes more than in a plan.
pub(crate) fn is_too_long(fleet: &Fleet, vehicle: VehicleId, order: &OrderState, bytes_max: usize) -> bool {
    let (visits, more) = (&fleet.vehicle(vehicle).route.visits, order.open_stops().len());
    let most = bytes_max / 2;
    // A new stop may ask for a call at a depot.
    let has_depots = fleet.vehicle(vehicle).spec.as_ref().is_some_and(|spec| spec.reload.is_some());
    let depots = if has_depots { DEPOT_BYTES * (visits.len() + more) } else { 0 };
    if (visits.len() + more) * VISIT_BYTES_MAX + depots <= most {
        return false;
    }
    let held = visits.iter().map(|visit| VISIT_BYTES + in_json(&fleet.order(visit.order).name));
    let held = held.chain([depots]);
    held.sum::<usize>() + more * (VISIT_BYTES + in_json(&order.name)) > most
}

/// How often groups that answer a fact were refused.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    times: BTreeMap<LogSeq, u32>,
}

impl Refusals {
    /// A group of ours came back.
    pub(crate) fn came_back(&mut self, group: &ExchangeGroup, accepted: bool) {
        for &seq in &group.caused_by {
            if accepted {
                self.times.remove(&seq);
            } else {
                *self.times.entry(seq).or_default() += 1;
            }
        }
    }

    /// A group of ours was in a plan that nobody takes for one: its facts are answered plainly from now on.
    pub(crate) fn rejected(&mut self, group: &ExchangeGroup) {
        self.times.extend(group.caused_by.iter().map(|&seq| (seq, REFUSALS_MAX)));
    }

    /// True when a fact of this group has been refused too often.
    pub(crate) fn are_too_many(&self, group: &ExchangeGroup) -> bool {
        group.caused_by.iter().any(|seq| self.times.get(seq).is_some_and(|&times| times >= REFUSALS_MAX))
    }

    /// Facts that were answered otherwise are forgotten.
    pub(crate) fn forget_answered(&mut self, fleet: &Fleet) {
        self.times.retain(|seq, _| fleet.unanswered().contains_key(seq));
    }
}

/// Orders that facts ask for and that are on no route yet.
fn asked<'a>(fleet: &'a Fleet, caused_by: &'a [LogSeq]) -> impl Iterator<Item = OrderId> + 'a {
    caused_by
        .iter()
        .filter_map(|seq| fleet.unanswered().get(seq))
        .flat_map(|ask| ask.orders.iter().copied())
        .filter(|&id| fleet.order(id).is_open() && fleet.order(id).placement == Placement::Unplaced)
}

/// Orders that a group would leave on no route without a reason: asked for by its facts, or on a route that it changes.
pub(crate) fn missing(fleet: &Fleet, group: &ExchangeGroup) -> Vec<Name> {
    let placed = group.routes.iter().flat_map(|route| &route.visits).map(|visit| &visit.order);
    let somewhere: BTreeSet<&Name> = placed.chain(group.unassigned.iter().map(|(name, _)| name)).collect();
    let routes = group.routes.iter().filter_map(|route| fleet.vehicle_id(route.vehicle.as_str()));
    let kept = routes.flat_map(|vehicle| &fleet.vehicle(vehicle).route.visits).map(|visit| visit.order);
    let wanted: BTreeSet<OrderId> = asked(fleet, &group.caused_by).chain(kept).collect();
    wanted.into_iter().map(|id| &fleet.order(id).name).filter(|name| !somewhere.contains(name)).cloned().collect()
}

/// The plain answer to the facts of a group; `None` when it answers none.
pub(crate) fn plain(fleet: &Fleet, group: &ExchangeGroup) -> Option<ExchangeGroup> {
    if group.caused_by.is_empty() {
        return None;
    }
    let orders: BTreeSet<OrderId> = asked(fleet, &group.caused_by).collect();
    let reason = |name: &Name| {
        let said = group.unassigned.iter().find(|(other, _)| other == name);
        said.map_or(UnassignedReason::NoPlace, |&(_, reason)| reason)
    };
    let names = orders.into_iter().map(|id| fleet.order(id).name.clone());
    Some(ExchangeGroup {
        routes: Vec::new(),
        unassigned: names.map(|name| (name.clone(), reason(&name))).collect(),
        caused_by: group.caused_by.clone(),
        choices: Vec::new(),
    })
}

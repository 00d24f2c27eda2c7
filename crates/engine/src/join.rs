//! Answers that were given one after the other become the groups of one plan: those that share a route or an order are joined,
//! because they can only be accepted together.

use std::collections::BTreeMap;

use fleetfold_fleet::{Fleet, Placement};
use fleetfold_model::{Choice, ExchangeGroup, Name, ProposedRoute};

use crate::proposal::Union;

/// The groups of a plan. `parts`: the answers, each made for the fleet as the ones before it would leave it; `ahead`: as all of them
/// would leave it.
pub(crate) fn joined(fleet: &Fleet, ahead: &Fleet, parts: Vec<ExchangeGroup>) -> Vec<ExchangeGroup> {
    let mut union = Union::new(parts.len());
    let mut by_vehicle: BTreeMap<&Name, usize> = BTreeMap::new();
    let mut by_order: BTreeMap<&Name, usize> = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        for route in &part.routes {
            union.join(index, *by_vehicle.entry(&route.vehicle).or_insert(index));
        }
        let visited = part.routes.iter().flat_map(|route| &route.visits).map(|visit| &visit.order);
        let unassigned = part.unassigned.iter().map(|(order, _)| order);
        // A fact is answered only where what it asks for is placed.
        let asks = part.caused_by.iter().filter_map(|seq| fleet.unanswered().get(seq));
        let asked = asks.flat_map(|ask| &ask.orders).map(|&order| &fleet.order(order).name);
        for order in visited.chain(unassigned).chain(asked) {
            union.join(index, *by_order.entry(order).or_insert(index));
        }
    }
    let roots: Vec<usize> = (0..parts.len()).map(|index| union.root(index)).collect();
    let mut groups: Vec<ExchangeGroup> = Vec::new();
    let mut group_of: BTreeMap<usize, usize> = BTreeMap::new();
    for (part, root) in parts.into_iter().zip(roots) {
        if let Some(&group) = group_of.get(&root) {
            extend(&mut groups[group], part);
        } else {
            group_of.insert(root, groups.len());
            groups.push(part);
        }
    }
    for group in &mut groups {
        settle(fleet, ahead, group);
    }
    // A fact that needs no change of its own is answered by the group that it caused, if there is one.
    let caused = |group: &ExchangeGroup| !group.routes.is_empty() || !group.unassigned.is_empty();
    let answered: Vec<_> =
        groups.iter().filter(|group| caused(group)).flat_map(|group| group.caused_by.clone()).collect();
    for group in groups.iter_mut().filter(|group| !caused(group)) {
        group.caused_by.retain(|seq| !answered.contains(seq));
    }
    groups.retain(|group| caused(group) || !group.caused_by.is_empty());
    groups
}

/// Adds a later answer: its routes and choices stand instead of earlier ones.
fn extend(group: &mut ExchangeGroup, part: ExchangeGroup) {
    for route in part.routes {
        let same = |earlier: &&mut ProposedRoute| earlier.vehicle == route.vehicle;
        match group.routes.iter_mut().find(same) {
            Some(earlier) => *earlier = route,
            None => group.routes.push(route),
        }
    }
    for seq in part.caused_by {
        if !group.caused_by.contains(&seq) {
            group.caused_by.push(seq);
        }
    }
    for (order, reason) in part.unassigned {
        match group.unassigned.iter_mut().find(|(earlier, _)| *earlier == order) {
            Some(earlier) => earlier.1 = reason,
            None => group.unassigned.push((order, reason)),
        }
    }
    for choice in part.choices {
        match group.choices.iter_mut().find(|earlier| earlier.order == choice.order) {
            // It was with the vehicle that the first of them left: nobody was told of those between.
            Some(earlier) => *earlier = Choice { previous: earlier.previous.clone(), ..choice },
            None => group.choices.push(choice),
        }
    }
}

/// Orders that were unassigned and then placed, or moved and moved back, are so no more.
fn settle(fleet: &Fleet, ahead: &Fleet, group: &mut ExchangeGroup) {
    let now = |order: &Name| ahead.order_id(order.as_str()).map(|id| ahead.order(id).placement);
    let before = |order: &Name| fleet.order_id(order.as_str()).map(|id| fleet.order(id).placement);
    group.unassigned.retain(|(order, _)| matches!(now(order), Some(Placement::Unassigned(_))));
    group.choices.retain(|choice| match (now(&choice.order), &choice.vehicle) {
        (Some(Placement::OnRoute(vehicle)), Some(chosen)) => {
            ahead.vehicle(vehicle).name == *chosen && before(&choice.order) != Some(Placement::OnRoute(vehicle))
        }
        (Some(Placement::Unassigned(_)), None) => true,
        _ => false,
    });
}

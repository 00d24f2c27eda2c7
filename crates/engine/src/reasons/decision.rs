//! Why a plan is as it is: what its routes came to before and after, and for each order that moved what else could have been done.

use std::collections::BTreeMap;

use fleetfold_fleet::{Anchor, Fleet, Placement};
use fleetfold_model::{ExchangeGroup, Millis, OrderId, PlannedVisit, StopKind, Timestamp, UnassignedReason, VehicleId};
use fleetfold_solver::StopIx;

use super::broken::broken;
use super::miss::Lack;
use super::near::by_detour;
use super::offer::{Offer, Possible, Stand, Table};
use super::parts::Parts;
use crate::outlook::Outlook;

/// Orders of one group that are explained one by one: a joint change of more is told by its routes.
const MOVED_MAX: usize = 24;

/// An exchange group, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its routes.
    pub routes: Vec<RouteCost>,
    /// The orders that it moved, placed or left out; the first of them.
    pub moved: Vec<Moved>,
    /// How many these are in all.
    pub count: usize,
}

/// A route before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteCost {
    /// Whose.
    pub vehicle: VehicleId,
    /// What was left of it to drive; `None`: it could not be driven as it was.
    pub before: Option<Parts>,
    /// What it comes to in the plan; `None`: it cannot be driven within all limits.
    pub after: Option<Parts>,
    /// By how much a visit begins at another time in the plan than it does by the travel times that are known here, at most. Not zero
    /// where the plan was made with other roads, or from positions that are not in the log.
    pub off: Millis,
}

/// An order that a plan has moved, placed or left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub order: OrderId,
    /// The vehicle it was on.
    pub from: Option<VehicleId>,
    /// The vehicle it is on.
    pub to: Option<VehicleId>,
    /// Why it is on none.
    pub reason: Option<UnassignedReason>,
    /// What its vehicle's route comes to more than without it.
    pub chosen: Option<Possible>,
    /// The rules that it breaks there because a dispatcher has tied it to that vehicle.
    pub breaks: Vec<Lack>,
    /// What others would have made of it, with all else as in the plan: those that could have taken it, the cheapest first, then those
    /// that could not, those that lack least first.
    pub offers: Vec<(VehicleId, Offer)>,
    /// Registered vehicles that were not asked here, because others are nearer.
    pub not_asked: usize,
}

/// Explains the groups of a plan. `fleet` is as its engine had it, `now` zone time; groups that were not accepted are `None`. `asked`:
/// how many other vehicles are asked about each order. `only`: nothing but the groups that are about this order.
pub fn decision(
    fleet: &Fleet,
    outlook: &Outlook,
    now: Timestamp,
    (groups, accepted): (&[ExchangeGroup], &[bool]),
    (only, asked): (Option<OrderId>, usize),
) -> Vec<Option<Group>> {
    let mut before = fleet.clone_without_index();
    let mut explained = Vec::with_capacity(groups.len());
    for (group, &accepted) in groups.iter().zip(accepted) {
        let mut after = before.clone();
        if !accepted || !after.foresee(group, now) {
            explained.push(None);
            continue;
        }
        let wanted = only.is_none_or(|only| {
            let name = &fleet.order(only).name;
            let visits = group.routes.iter().flat_map(|route| &route.visits);
            visits.map(|visit| &visit.order).chain(group.unassigned.iter().map(|(order, _)| order)).any(|it| it == name)
        });
        explained.push(wanted.then(|| explain((&before, &after), outlook, now, group, (only, asked))));
        before = after;
    }
    explained
}

fn explain(
    (before, after): (&Fleet, &Fleet),
    outlook: &Outlook,
    now: Timestamp,
    group: &ExchangeGroup,
    (only, asked): (Option<OrderId>, usize),
) -> Group {
    let routes = group.routes.iter().filter_map(|route| Some((before.vehicle_id(route.vehicle.as_str())?, route)));
    let routes: Vec<_> = routes.collect();
    // A search began before its plan: where a stop was served meanwhile, the vehicle is not where the plan began.
    let is_open = |visit: &PlannedVisit| {
        let order = before.order_id(visit.order.as_str()).map(|id| before.order(id));
        order.is_some_and(|order| order.progress(visit.stop).completed.is_none())
    };
    let starts = routes.iter().filter(|(_, route)| route.visits.iter().all(is_open));
    let starts = starts.map(|&(vehicle, route)| (vehicle, Anchor { position: route.start, at: route.start_at }));
    let starts: BTreeMap<VehicleId, Anchor> = starts.collect();
    // Who turns before the stop that he was on his way to is not held by it.
    let turned = routes.iter().filter(|(_, route)| route.diverts).map(|&(vehicle, _)| vehicle).collect();
    // Nor is who is given another next stop held by the one that he had.
    let next = |fleet: &Fleet, id: VehicleId| {
        let vehicle = fleet.vehicle(id);
        vehicle.route.visits.get(vehicle.frozen()).map(|visit| (visit.order, visit.stop))
    };
    let at_short_notice =
        routes.iter().map(|&(vehicle, _)| vehicle).filter(|&id| next(before, id) != next(after, id)).collect();
    let was = Stand { fleet: before, outlook, now, starts, turned, at_short_notice };
    let is = Stand { fleet: after, ..was.clone() };
    let on = |fleet: &Fleet, order: OrderId| match fleet.order(order).placement {
        Placement::OnRoute(vehicle) => Some(vehicle),
        Placement::Unplaced | Placement::Unassigned(_) => None,
    };
    let mut moved: Vec<OrderId> = Vec::new();
    let placed = routes.iter().flat_map(|(_, route)| &route.visits).map(|visit| &visit.order);
    for order in placed.filter_map(|name| before.order_id(name.as_str())) {
        if on(before, order) != on(after, order) && !moved.contains(&order) {
            moved.push(order);
        }
    }
    moved.extend(group.unassigned.iter().filter_map(|(name, _)| before.order_id(name.as_str())));
    let explained = || moved.iter().copied().filter(|&order| only.is_none_or(|only| only == order)).take(MOVED_MAX);
    let mut vehicles: Vec<VehicleId> = routes.iter().map(|&(vehicle, _)| vehicle).collect();
    let mut near: BTreeMap<OrderId, (Vec<VehicleId>, usize)> = BTreeMap::new();
    for order in explained() {
        let mut all = by_detour(before, order);
        all.retain(|&vehicle| Some(vehicle) != on(after, order));
        let not_asked = all.len().saturating_sub(asked);
        all.truncate(asked);
        vehicles.extend(all.iter().filter(|vehicle| !vehicles.contains(vehicle)).copied().collect::<Vec<_>>());
        near.insert(order, (all, not_asked));
    }
    let old = Table::new(&was, &routes.iter().map(|&(vehicle, _)| vehicle).collect::<Vec<_>>(), &[]);
    let works = |vehicle: &VehicleId| before.vehicle(*vehicle).is_available();
    let group_vehicles = vehicles.iter().copied().filter(works).collect::<Vec<_>>();
    let table_of = |moved: &[OrderId]| {
        let mut table = Table::of(was.draft(&group_vehicles, moved), &is);
        for &(vehicle, _) in &routes {
            let Some(tour) = table.tour_of(vehicle) else { continue };
            let head = table.draft.heads[tour].len();
            let visits = &after.vehicle(vehicle).route.visits;
            let at = |visit: (OrderId, StopKind)| table.draft.stops.iter().position(|&stop| stop == visit);
            let tail = visits.get(head..).unwrap_or_default();
            let now = tail.iter().filter_map(|visit| at((visit.order, visit.stop)).map(|stop| StopIx(stop as u32)));
            table.tours[tour] = now.collect();
        }
        table
    };
    // What is named for a vehicle and has no place on it takes no room from the others.
    let has_no_place = |order: &OrderId| before.order(*order).pinned.is_some() && on(after, *order).is_none();
    let placed: Vec<OrderId> = moved.iter().copied().filter(|order| !has_no_place(order)).collect();
    let table = table_of(&placed);
    let costs = routes.iter().enumerate().map(|(index, &(vehicle, route))| {
        let before = old.driven(index, &old.tours[index]).map(|(parts, _)| parts);
        let tour = table.tour_of(vehicle);
        let after = tour.and_then(|tour| table.driven(tour, &table.tours[tour]));
        let off = after.as_ref().map_or(0, |(_, times)| {
            let head = route.visits.len().saturating_sub(times.len());
            let pairs = route.visits[head..].iter().zip(times);
            pairs.map(|(visit, timed)| (visit.start - table.draft.absolute(timed.start)).0.abs()).max().unwrap_or(0)
        });
        RouteCost { vehicle, before, after: after.map(|(parts, _)| parts), off: Millis(off) }
    });
    let costs = costs.collect();
    let told = explained().map(|order| {
        let to = on(after, order);
        let reason = match after.order(order).placement {
            Placement::Unassigned(reason) => Some(reason),
            Placement::OnRoute(_) | Placement::Unplaced => None,
        };
        let chosen = to.and_then(|vehicle| table.tour_of(vehicle)).and_then(|tour| {
            let (with, without) = (&table.tours[tour], table.without(tour, order));
            table.compare(tour, order, with, &without)
        });
        let (near, not_asked) = near.remove(&order).unwrap_or_default();
        let offers = if has_no_place(&order) {
            let with: Vec<OrderId> = placed.iter().copied().chain([order]).collect();
            offers(&table_of(&with), order, &near)
        } else {
            offers(&table, order, &near)
        };
        Moved {
            order,
            from: on(before, order),
            to,
            reason,
            chosen,
            breaks: broken(after, outlook, order),
            offers,
            not_asked,
        }
    });
    let told = told.collect();
    Group { routes: costs, moved: told, count: moved.len() }
}

/// What these vehicles make of an order: those that can take it, the cheapest first, then the others, those that lack least first.
fn offers(table: &Table<'_>, order: OrderId, vehicles: &[VehicleId]) -> Vec<(VehicleId, Offer)> {
    let offer = |&vehicle: &VehicleId| {
        let offer = table.tour_of(vehicle).map(|tour| table.offer(tour, order));
        (vehicle, offer.unwrap_or_else(|| Offer::Missed(table.off_duty(vehicle, order))))
    };
    let mut offers: Vec<(VehicleId, Offer)> = vehicles.iter().map(offer).collect();
    offers.sort_by_key(|(_, offer)| match offer {
        Offer::Possible(possible) => (0, possible.extra.total().0),
        Offer::Missed(miss) => (1, miss.ways.first().map_or(0, Vec::len) as i64),
    });
    offers
}

/// What vehicles would make of an order as things stand, all else as it is; and how many registered ones were not asked. The nearest are
/// asked; three quarters of them work and have the skills as far as there are so many, since the others can only say that they have not.
pub fn place(stand: &Stand<'_>, order: OrderId, asked: usize) -> (Vec<(VehicleId, Offer)>, usize) {
    let mut near = by_detour(stand.fleet, order);
    let not_asked = near.len().saturating_sub(asked);
    let it = stand.fleet.order(order);
    let is_able = |vehicle: &VehicleId| {
        let state = stand.fleet.vehicle(*vehicle);
        state.is_available() && it.skills & !state.skills == 0 && !it.rejected_by.contains(vehicle)
    };
    let able = near.iter().filter(|vehicle| is_able(vehicle)).count();
    // So many of either kind; what one lacks the other may have.
    let of_able = able.min((asked - asked / 4).max(asked.saturating_sub(near.len() - able)));
    let mut left = [asked.saturating_sub(of_able), of_able];
    near.retain(|vehicle| {
        let left = &mut left[usize::from(is_able(vehicle))];
        let is_asked = *left > 0;
        *left = left.saturating_sub(1);
        is_asked
    });
    let works: Vec<VehicleId> =
        near.iter().copied().filter(|&vehicle| stand.fleet.vehicle(vehicle).is_available()).collect();
    let table = Table::new(stand, &works, &[order]);
    (offers(&table, order, &near), not_asked)
}

/// What an order that is on a route means for its vehicle as things stand: the route with it against the route without it. `None`: it is
/// on no route, it is under way, or one of the two cannot be driven within its limits.
pub fn held(stand: &Stand<'_>, order: OrderId) -> Option<(VehicleId, Possible)> {
    let Placement::OnRoute(vehicle) = stand.fleet.order(order).placement else { return None };
    let table = Table::new(stand, &[vehicle], &[]);
    let with = table.tours.first()?;
    let without = table.without(0, order);
    if with.len() == without.len() {
        return None;
    }
    Some((vehicle, table.compare(0, order, with, &without)?))
}

/// What is left of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What it comes to.
    pub parts: Parts,
    /// Its stops, what is under way left out.
    pub stops: Vec<LeftStop>,
}

/// A stop that is left of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftStop {
    /// Whose.
    pub order: OrderId,
    /// Which of its stops.
    pub stop: StopKind,
    /// When service begins.
    pub start: Timestamp,
    /// How much later than promised that is.
    pub late: Millis,
}

/// What is left of a vehicle's route. `None`: it cannot be driven within its limits, or the vehicle is not registered.
pub fn route(stand: &Stand<'_>, vehicle: VehicleId) -> Option<Left> {
    stand.fleet.vehicle(vehicle).spec.as_ref()?;
    let table = Table::new(stand, &[vehicle], &[]);
    let (parts, times) = table.driven(0, &table.tours[0])?;
    let stops = table.tours[0].iter().zip(&times).map(|(&index, timed)| {
        let (order, stop) = table.draft.stops[index.index()];
        let late = (i64::from(timed.start) - i64::from(table.problem.stops()[index.index()].due)).max(0);
        LeftStop { order, stop, start: table.draft.absolute(timed.start), late: Millis(late) }
    });
    Some(Left { parts, stops: stops.collect() })
}

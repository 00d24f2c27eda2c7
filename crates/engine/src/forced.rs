//! A dispatcher's word breaks the hours of a vehicle for the order that it names, and for no other: what nobody has tied to a vehicle is served
//! there before the end of its shift and within the hours of its driver, or not at all.
//!
//! What has to be done whatever the hours say opens them for a whole tour, as the solver sees it. Where that lets another order pass them, it
//! goes before what is tied to the vehicle; where it has no place there, it leaves.

use std::collections::BTreeSet;

use fleetfold_fleet::{Fleet, VehicleState, Visit};
use fleetfold_model::{Millis, OrderId, ProposedRoute, StopKind, Timestamp, VehicleId};
use fleetfold_solver::check::check;
use fleetfold_solver::{Problem, Solution, StopIx, TourIx, price};

use crate::answer::Answer;
use crate::bounds::Refusal;
use crate::draft::Draft;
use crate::proposal::{ROUNDING, Solved};
use crate::reasons::{DrivingLimit, Lack};

/// Orders on a route that nobody has tied to its vehicle, and that are served beyond the end of its shift or the hours of its driver; empty
/// where none is tied to it. What is under way or on board is not meant.
fn served_beyond(fleet: &Fleet, id: VehicleId, vehicle: &VehicleState, now: Timestamp) -> Vec<(OrderId, Lack)> {
    let visits = &vehicle.route.visits;
    let is_tied = |order: OrderId| fleet.order(order).on_board.or(fleet.order(order).pinned) == Some(id);
    let (head, tail) = visits.split_at(vehicle.frozen());
    let is_meant = |visit: &Visit| !is_tied(visit.order) && head.iter().all(|under_way| under_way.order != visit.order);
    // Who comes home has begun by the end of his shift, and who does not is done.
    let comes_home = vehicle.spec.as_ref().is_some_and(|spec| spec.end.is_some());
    let late_by = |visit: &Visit| {
        let is_exempt = fleet.policy().deliver_after_shift && fleet.order(visit.order).is_shipment();
        let is_exempt = is_exempt && visit.stop == StopKind::Delivery;
        let must = if comes_home { visit.start } else { visit.departure };
        let late = vehicle.shift.as_ref().map(|shift| must - shift.ends);
        late.filter(|&by| by > Millis(0) && !is_exempt).map(Lack::Shift)
    };
    let mut too_long: Vec<Option<Lack>> = vec![None; visits.len()];
    if let Some(rule) = vehicle.spec.as_ref().and_then(|spec| spec.driving_time) {
        vehicle.follow_route(now, |leg| {
            let over = leg.behind.excess(&rule);
            let found = [(DrivingLimit::InShift, over.shift_driving), (DrivingLimit::Duty, over.duty)];
            let found = found.into_iter().find(|&(_, by)| by > ROUNDING);
            too_long[leg.index] = found.map(|(limit, by)| Lack::DrivingTime { limit, by });
        });
    }
    let mut found: Vec<(OrderId, Lack)> = Vec::new();
    for (index, visit) in tail.iter().enumerate().map(|(index, visit)| (head.len() + index, visit)) {
        let Some(lack) = late_by(visit).or_else(|| too_long[index].take()) else { continue };
        let is_new = found.iter().all(|(order, _)| *order != visit.order);
        if is_meant(visit) && !vehicle.route.is_cut_off_at(index) && is_new {
            found.push((visit.order, lack));
        }
    }
    found
}

/// What keeps an order off that would pass the hours of a vehicle like this.
pub(crate) fn refusal_of(lack: &Lack) -> Refusal {
    if matches!(lack, Lack::Shift(_)) { Refusal::Shift } else { Refusal::DrivingTime }
}

/// True where a dispatcher has tied an order on a route to its vehicle, and the hours of that one are limited.
fn may_open_hours(fleet: &Fleet, id: VehicleId, mut orders: impl Iterator<Item = OrderId>) -> bool {
    let vehicle = fleet.vehicle(id);
    let is_limited = vehicle.shift.is_some() || vehicle.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some());
    is_limited && orders.any(|order| fleet.order(order).pinned == Some(id))
}

/// Orders that a proposed route serves beyond the hours of its vehicle because of what a dispatcher has tied to that, see [`served_beyond`].
fn opened_by(fleet: &Fleet, id: VehicleId, route: &ProposedRoute, now: Timestamp) -> Vec<(OrderId, Lack)> {
    let visits = route.visits.iter();
    let visits = visits.filter_map(|visit| Some(Visit::of_plan(fleet.order_id(visit.order.as_str())?, visit)));
    let visits: Vec<Visit> = visits.collect();
    if !may_open_hours(fleet, id, visits.iter().map(|visit| visit.order)) {
        return Vec::new();
    }
    let mut vehicle = fleet.vehicle(id).clone();
    vehicle.route.visits = visits;
    served_beyond(fleet, id, &vehicle, now)
}

/// True where a proposed route serves an order beyond the hours of its vehicle that does not stand so on the route that it has.
pub(crate) fn opens_hours(fleet: &Fleet, route: &ProposedRoute, now: Timestamp) -> bool {
    let Some(id) = fleet.vehicle_id(route.vehicle.as_str()) else { return false };
    let beyond = opened_by(fleet, id, route, now);
    let known = if beyond.is_empty() { Vec::new() } else { served_beyond(fleet, id, fleet.vehicle(id), now) };
    beyond.iter().any(|(order, _)| known.iter().all(|(other, _)| other != order))
}

impl Solved<'_> {
    /// Orders that a tour would serve beyond the hours of its vehicle if its stops were these, because of what a dispatcher has tied to that.
    pub(crate) fn beyond(&self, tour: usize, sequence: &[StopIx]) -> Vec<(OrderId, Lack)> {
        let id = self.draft.vehicles[tour];
        let head = self.draft.heads[tour].iter().map(|visit| visit.order);
        let orders = head.chain(sequence.iter().map(|stop| self.draft.stops[stop.index()].0));
        if !may_open_hours(self.fleet, id, orders) {
            return Vec::new();
        }
        self.route_of(tour, sequence).map_or_else(Vec::new, |route| opened_by(self.fleet, id, &route, self.draft.epoch))
    }
}

/// The sequences in which a tour serves an order before everything that is tied to its vehicle, the cheapest first.
fn earlier(draft: &Draft, problem: &Problem, tour: usize, order: OrderId, sequence: &[StopIx]) -> Vec<Vec<StopIx>> {
    let is_of = |stop: &&StopIx| draft.stops[stop.index()].0 == order;
    let unit: Vec<StopIx> = sequence.iter().filter(is_of).copied().collect();
    let others: Vec<StopIx> = sequence.iter().filter(|stop| !is_of(stop)).copied().collect();
    let is_tied = |stop: &StopIx| problem.stops()[stop.index()].locked == TourIx(tour as u32);
    let most = others.iter().position(is_tied).unwrap_or(others.len());
    let mut found: Vec<(i64, Vec<StopIx>)> = Vec::new();
    for first in 0..=most {
        let lasts = if unit.len() > 1 { first..=most } else { first..=first };
        for last in lasts {
            let (begin, rest) = others.split_at(first);
            let (between, end) = rest.split_at(last - first);
            let (own_first, own_rest) = unit.split_at(1.min(unit.len()));
            let tried = [begin, own_first, between, own_rest, end].concat();
            found.extend(price(problem, TourIx(tour as u32), &tried).map(|price| (price, tried)));
        }
    }
    found.sort();
    found.into_iter().map(|(_, sequence)| sequence).collect()
}

impl Answer<'_> {
    /// Lets a tour serve what nobody has tied to its vehicle before what is tied to it, as far as it would pass its hours else. `Err`: what
    /// passes them all the same; the tour stays as it is.
    pub(crate) fn keep_hours(
        &self,
        (draft, problem, solution): &mut (Draft, Problem, Solution),
        tour: usize,
    ) -> Result<(), Vec<(OrderId, Refusal)>> {
        let was = solution.tours[tour].clone();
        let nobody = std::collections::BTreeMap::new();
        let beyond = |sequence: &[StopIx], solution: &Solution| {
            Solved { fleet: self.moment.fleet, draft, problem, solution, nobody: &nobody }.beyond(tour, sequence)
        };
        let mut found = beyond(&was, solution);
        if found.is_empty() || solution.infeasible.contains(&TourIx(tour as u32)) {
            return Ok(());
        }
        // Who is late already stays as he is: nothing that is placed now has made him so.
        let known = beyond(&problem.initial()[tour], solution);
        let is_known = |order: OrderId| known.iter().any(|&(other, _)| other == order);
        found.retain(|&(order, _)| !is_known(order));
        if found.is_empty() {
            return Ok(());
        }
        let mut sequence = was.clone();
        for &(order, _) in &found {
            let is_kept = |tried: &Vec<StopIx>| beyond(tried, solution).iter().all(|(other, _)| *other != order);
            if let Some(better) = earlier(draft, problem, tour, order, &sequence).into_iter().find(is_kept) {
                sequence = better;
            }
        }
        // As a whole, where one by one they have no place.
        let is_tied = |stop: &StopIx| problem.stops()[stop.index()].locked == TourIx(tour as u32);
        let (tied, free): (Vec<StopIx>, Vec<StopIx>) = was.iter().partition(|stop| is_tied(stop));
        let price_of = |sequence: &[StopIx]| price(problem, TourIx(tour as u32), sequence);
        for tried in [sequence, [free, tied].concat()] {
            let Some((before, after)) = price_of(&was).zip(price_of(&tried)) else { continue };
            if !beyond(&tried, solution).iter().all(|&(order, _)| is_known(order)) {
                continue;
            }
            let mut other = solution.clone();
            (other.tours[tour], other.cost) = (tried, other.cost + after - before);
            if !other.infeasible.is_empty() || check(problem, &other).is_ok() {
                *solution = other;
                return Ok(());
            }
        }
        Err(found.iter().map(|(order, lack)| (*order, refusal_of(lack))).collect())
    }

    /// Keeps all tours of a solution within the hours of their vehicles. What is to be left out for that: of the orders that were to be placed
    /// those that pass them, or where only others do, all that are placed on that tour.
    pub(crate) fn kept_within_hours(
        &self,
        solved: &mut (Draft, Problem, Solution),
        placed: &BTreeSet<OrderId>,
    ) -> Vec<(OrderId, VehicleId, Refusal)> {
        let mut left_out = Vec::new();
        for tour in 0..solved.2.tours.len() {
            let Err(beyond) = self.keep_hours(solved, tour) else { continue };
            let vehicle = solved.0.vehicles[tour];
            let own: Vec<_> = beyond.iter().copied().filter(|(order, _)| placed.contains(order)).collect();
            if !own.is_empty() {
                left_out.extend(own.into_iter().map(|(order, refusal)| (order, vehicle, refusal)));
                continue;
            }
            let fleet = self.moment.fleet;
            let is_free = |order: &OrderId| fleet.order(*order).on_board.or(fleet.order(*order).pinned).is_none();
            let orders = solved.2.tours[tour].iter().map(|stop| solved.0.stops[stop.index()].0);
            let orders: BTreeSet<OrderId> = orders.filter(|order| placed.contains(order)).filter(is_free).collect();
            left_out.extend(orders.into_iter().map(|order| (order, vehicle, beyond[0].1)));
        }
        left_out
    }
}

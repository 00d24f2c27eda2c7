//! A dispatcher's word counts more than capacity, skills and number of stops, for the orders that it names and for no others.
//!
//! What is on board, or named for a vehicle, is carried whatever it takes up; other goods have the room that it leaves. Where it leaves
//! none, they give way.

use std::collections::BTreeSet;

use fleetfold_fleet::{FORCED_SLACK, Fleet, OrderState, Units};
use fleetfold_model::{Load, OrderId, VehicleId};
use fleetfold_solver::{Alternative, Role, Stop, StopIx, TourIx, alternatives, hours, schedule_home};

use crate::answer::Answer;
use crate::bounds::Refusal;
use crate::draft::Draft;
use crate::reasons::least_end;

/// The goods of an order that its vehicle has to carry: all the room there is, and no more.
pub(crate) fn capped(load: Load, capacity: Load) -> Load {
    Load(std::array::from_fn(|dimension| load.0[dimension].min(capacity.0[dimension])))
}

/// Stops that a tour has to serve: those on its route, in their order, and those to be placed.
struct Named {
    on_route: Vec<StopIx>,
    to_place: Vec<StopIx>,
}

impl Draft {
    /// Lets every tour carry what it has to.
    pub(crate) fn obey(&mut self, fleet: &Fleet) {
        for (tour, named) in self.named().into_iter().enumerate() {
            self.carry_what_is_named(fleet, tour, &named);
        }
    }

    /// What each tour has to serve.
    fn named(&self) -> Vec<Named> {
        let is_named = |stop: StopIx, tour: usize| self.solver_stops[stop.index()].locked == TourIx(tour as u32);
        let mut named: Vec<Named> = Vec::with_capacity(self.vehicles.len());
        let mut is_placed = vec![false; self.solver_stops.len()];
        for (tour, sequence) in self.initial.iter().enumerate() {
            for stop in sequence {
                is_placed[stop.index()] = true;
            }
            let on_route = sequence.iter().copied().filter(|&stop| is_named(stop, tour)).collect();
            named.push(Named { on_route, to_place: Vec::new() });
        }
        for (index, stop) in self.solver_stops.iter().enumerate().filter(|(index, _)| !is_placed[*index]) {
            if let Some(named) = named.get_mut(stop.locked.index()) {
                named.to_place.push(StopIx(index as u32));
            }
        }
        named
    }

    fn carry_what_is_named(&mut self, fleet: &Fleet, tour: usize, named: &Named) {
        let Named { on_route, to_place } = named;
        let spec = fleet.vehicle(self.vehicles[tour]).spec.as_ref().expect("only registered vehicles are drafted");
        let named = || on_route.iter().chain(to_place).copied();
        for stop in named() {
            let stop = &mut self.solver_stops[stop.index()];
            stop.load = capped(Load(stop.load), spec.capacity).0;
        }
        let count = named().count() as u32;
        let limit = &mut self.solver_tours[tour].stops_max;
        *limit = (*limit).max(count);
        let unloaded = self.unloaded_by_head(fleet, tour);
        for (dimension, unloaded) in unloaded.into_iter().enumerate() {
            let room = i64::from(self.solver_tours[tour].capacity[dimension]);
            if self.most_named(tour, (on_route, to_place), dimension, unloaded) <= room {
                continue;
            }
            // They do not fit beside one another: what is named counts nothing then, and nothing else fits.
            for stop in named() {
                self.solver_stops[stop.index()].load[dimension] = 0;
            }
            let spec = &mut self.solver_tours[tour];
            (spec.onboard[dimension], spec.capacity[dimension]) = (0, 0);
        }
    }

    /// The most that is on board at once of what a tour has to carry, where what is to be placed is placed well: deliveries first, pickups
    /// last, each shipment for itself where the least is on board.
    fn most_named(
        &self,
        tour: usize,
        (on_route, to_place): (&[StopIx], &[StopIx]),
        dimension: usize,
        unloaded: i64,
    ) -> i64 {
        let goods = |stop: &Stop| i64::from(stop.load[dimension]);
        let of = |stops: &[StopIx], role: Role| -> i64 {
            stops.iter().map(|stop| &self.solver_stops[stop.index()]).filter(|stop| stop.role == role).map(goods).sum()
        };
        let mut load = i64::from(self.solver_tours[tour].onboard[dimension]);
        if self.solver_tours[tour].reload.is_some() {
            // What does not fit beside one another goes on trips of its own.
            return load;
        }
        load += of(on_route, Role::JobDelivery);
        let (mut most, mut least) = (load + of(to_place, Role::JobDelivery) + unloaded, load);
        for stop in on_route.iter().map(|stop| &self.solver_stops[stop.index()]) {
            load += match stop.role {
                Role::Pickup | Role::JobPickup => goods(stop),
                Role::Delivery | Role::JobDelivery => -goods(stop),
            };
            (most, least) = (most.max(load), least.min(load));
        }
        most = most.max(load + of(to_place, Role::JobPickup));
        let shipments = to_place.iter().map(|stop| &self.solver_stops[stop.index()]);
        let largest = shipments.filter(|stop| stop.role == Role::Pickup).map(goods).max().unwrap_or(0);
        most.max(least + largest)
    }

    /// What leaves a vehicle at the stop that it is on its way to: until then it takes up room beside all that is on board from the start.
    pub(crate) fn unloaded_by_head(&self, fleet: &Fleet, tour: usize) -> Units {
        let mut sum = Units::default();
        let capacity =
            fleet.vehicle(self.vehicles[tour]).spec.as_ref().map_or_else(Load::default, |spec| spec.capacity);
        for order in
            self.heads[tour].iter().map(|visit| fleet.order(visit.order)).filter(|order| order.loads_at_start())
        {
            for (sum, one) in sum.iter_mut().zip(capped(order.load(), capacity).0) {
                *sum += i64::from(one);
            }
        }
        sum
    }

    /// Keeps goods that would have to be on board from the start off tours where they have no room beside those that leave at the stop
    /// under way.
    pub(crate) fn load_beside_the_heads(&mut self, fleet: &Fleet) {
        (0..self.vehicles.len()).for_each(|tour| self.load_beside_the_head(fleet, tour));
    }

    /// True where a load has room from the start beside the stops of a tour and those goods.
    pub(crate) fn has_room_beside_the_head(&self, fleet: &Fleet, tour: usize, sequence: &[StopIx], load: Load) -> bool {
        let unloaded = self.unloaded_by_head(fleet, tour);
        let room = self.room_beside_the_head(tour, sequence, unloaded);
        unloaded == Units::default()
            || self.solver_tours[tour].reload.is_some()
            || load.0.iter().zip(room).all(|(&load, room)| load == 0 || i64::from(load) <= room)
    }

    fn room_beside_the_head(&self, tour: usize, sequence: &[StopIx], unloaded: Units) -> Units {
        let spec = &self.solver_tours[tour];
        let mut room: Units =
            std::array::from_fn(|d| i64::from(spec.capacity[d]) - i64::from(spec.onboard[d]) - unloaded[d]);
        for stop in sequence.iter().map(|stop| &self.solver_stops[stop.index()]) {
            if stop.role == Role::JobDelivery {
                room.iter_mut().zip(stop.load).for_each(|(room, load)| *room -= i64::from(load));
            }
        }
        room
    }

    fn load_beside_the_head(&mut self, fleet: &Fleet, tour: usize) {
        let unloaded = self.unloaded_by_head(fleet, tour);
        // Where a vehicle may be loaded again the solver knows of it: see `Reload::beside`.
        if unloaded == Units::default() || self.solver_tours[tour].reload.is_some() {
            return;
        }
        let mut room = self.room_beside_the_head(tour, &self.initial[tour], unloaded);
        let this = TourIx(tour as u32);
        for stop in &mut self.solver_stops {
            let is_here = stop.home == this || stop.locked == this;
            if stop.role != Role::JobDelivery || is_here || stop.barred.contains(&this) {
                continue;
            }
            if stop.load.iter().zip(room).all(|(&load, room)| load == 0 || i64::from(load) <= room) {
                // Several of them may come.
                room.iter_mut().zip(stop.load).for_each(|(room, load)| *room -= i64::from(load));
            } else {
                stop.barred.push(this);
            }
        }
    }
}

impl Answer<'_> {
    /// Orders that give way on the route of the vehicle that an order is named for, from the back, so that there is room for it. `None`: it
    /// has no place there even so, or nobody named a vehicle that works.
    pub(crate) fn give_way(&self, id: OrderId, loose: &BTreeSet<OrderId>) -> Option<Vec<OrderId>> {
        let fleet = self.moment.fleet;
        let vehicle = fleet.order(id).pinned.filter(|&vehicle| fleet.vehicle(vehicle).is_available())?;
        let only = BTreeSet::from([vehicle]);
        let named = |order: &OrderId| *order == id || fleet.order(*order).pinned == Some(vehicle);
        let mut orders: Vec<OrderId> = loose.iter().copied().filter(named).collect();
        if !orders.contains(&id) {
            orders.push(id);
        }
        let mut given = Vec::new();
        loop {
            let solved = self.solve_at_once(&only, &orders);
            let (draft, problem, solution) = &solved;
            let unit = solution.absent.iter().copied().find(|stop| draft.stops[stop.index()].0 == id);
            let Some(unit) = unit else { return Some(given) };
            let is_short = fleet.order(id).is_forced()
                || matches!(
                    alternatives(problem, &solution.tours, unit, None).first(),
                    Some(Alternative::Capacity { .. } | Alternative::Stops)
                );
            let next = draft.tails[0].iter().rev().map(|&(order, _)| order).find(|order| {
                self.may_give_way(vehicle, fleet.order(*order)) && !orders.contains(order) && !loose.contains(order)
            });
            let next = next.filter(|_| is_short)?;
            orders.push(next);
            given.push(next);
        }
    }

    /// Orders that leave the route of the vehicle onto which an order is forced, from the back, because its shift or its driver's hours are over
    /// beside that one, and which of the two it is: a dispatcher's word breaks these rules for the order that it names, and for no other.
    pub(crate) fn beyond_hours(&self, id: OrderId, loose: &BTreeSet<OrderId>) -> Vec<(OrderId, Refusal)> {
        let (fleet, mut given) = (self.moment.fleet, Vec::new());
        let Some(vehicle) = fleet.order(id).pinned.filter(|_| fleet.order(id).is_forced()) else { return given };
        let state = fleet.vehicle(vehicle);
        let has_rule = state.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some());
        if !state.is_available() || (state.shift.is_none() && !has_rule) {
            return given;
        }
        let named = |order: &OrderId| *order == id || fleet.order(*order).pinned == Some(vehicle);
        let orders: Vec<OrderId> = loose.iter().copied().filter(named).collect();
        let mut solved = self.solve_at_once(&BTreeSet::from([vehicle]), &orders);
        let (draft, problem, solution) = &solved;
        let order_of = |stop: &StopIx| draft.stops[stop.index()].0;
        let may_leave = |order: OrderId| !named(&order) && self.may_give_way(vehicle, fleet.order(order));
        let mut sequence = solution.tours[0].clone();
        let tied: Vec<StopIx> = sequence.iter().copied().filter(|stop| !may_leave(order_of(stop))).collect();
        let limits = &problem.tours()[0];
        // His hours, when he is home, and the first end of a shift that is late enough.
        let day = |sequence: &[StopIx], shift_ends: i64| {
            let (times, home) = schedule_home(problem, TourIx(0), sequence)?;
            let stops: Vec<&Stop> = sequence.iter().map(|stop| &problem.stops()[stop.index()]).collect();
            let ends = least_end(limits, &stops, (&times, &home), shift_ends);
            Some((hours(problem, TourIx(0), sequence)?, i64::from(home.arrival), ends))
        };
        let shift_ends = i64::from(draft.by_rule[0].shift_ends);
        let Some((hours_needed, until, ends)) = day(&tied, shift_ends) else { return given };
        let allowed = draft.by_rule[0].with((hours_needed, until));
        let shift_ends = if ends > shift_ends { ends + FORCED_SLACK.0 } else { shift_ends };
        while let Some((asked, until, ends)) = day(&sequence, shift_ends) {
            let refusal = match (ends > shift_ends, allowed.allows((asked, until))) {
                (true, _) => Refusal::Shift,
                (false, false) => Refusal::DrivingTime,
                (false, true) => break,
            };
            let Some(last) = sequence.iter().rev().map(order_of).find(|&order| may_leave(order)) else { break };
            sequence.retain(|stop| order_of(stop) != last);
            given.push((last, refusal));
        }
        // Of the others that pass them behind what is tied to the vehicle, the last one leaves until the rest can be served before it.
        solved.2.tours[0] = sequence;
        while let Err(beyond) = self.keep_hours(&mut solved, 0) {
            let Some(&(last, refusal)) = beyond.iter().rev().find(|&&(order, _)| may_leave(order)) else { break };
            let (draft, _, solution) = &mut solved;
            solution.tours[0].retain(|stop| draft.stops[stop.index()].0 != last);
            given.push((last, refusal));
        }
        given
    }

    /// True when an order on a vehicle's route is neither on board nor under way nor named.
    fn may_give_way(&self, vehicle: VehicleId, order: &OrderState) -> bool {
        let state = self.moment.fleet.vehicle(vehicle);
        let is_under_way = |visit: &fleetfold_fleet::Visit| self.moment.fleet.order(visit.order).name == order.name;
        order.on_board.is_none()
            && order.pinned.is_none()
            && !state.route.visits[..state.frozen()].iter().any(is_under_way)
    }
}

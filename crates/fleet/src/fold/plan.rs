//! Taking a proposal back from the log: each exchange group whole, or not at all.

use std::collections::BTreeMap;

use fleetfold_model::{
    ExchangeGroup, LogSeq, MessageHash, Name, OrderId, Proposal, ProposedRoute, StopKind, Timestamp, VehicleId,
};

use crate::change::{PlanOutcome, Refused};
use crate::fold::Applying;
use crate::{Fleet, Placement, Units, Visit, trip_from, until_depot};

/// Highest number with which a chain begins whose first plan cannot be checked (format 1, and earlier ones have expired). No
/// zone makes so many plans, and numbers are left for all that follow.
const FIRST_REV_MAX: u64 = 1 << 53;
/// So many visits of a route are looked at for a name before the table of names is (one that is new stands between them, or one has gone).
const NEAR: usize = 3;

impl Fleet {
    pub(crate) fn apply_plan(
        &mut self,
        proposal: &Proposal,
        hash: MessageHash,
        doing: &mut Applying,
    ) -> Result<(), Refused> {
        // Hashes of format 1 were made of memory: no other build can check them, so only the number counts.
        let unchecked = proposal.format < 2;
        let links = if self.chain.rev == 0 {
            (unchecked && proposal.rev <= FIRST_REV_MAX)
                || (proposal.rev == 1 && proposal.prev_hash == MessageHash::default())
        } else {
            self.chain.rev.checked_add(1) == Some(proposal.rev) && (unchecked || proposal.prev_hash == self.chain.hash)
        };
        let old_epoch = proposal.epoch < self.chain.epoch;
        let mut outcome = PlanOutcome { epoch: proposal.epoch, rev: proposal.rev, links, accepted: Vec::new() };
        outcome.accepted.resize(proposal.groups.len(), false);
        // Whatever stands on the plan subject, the next append is fenced with its sequence. A plan of an earlier term that
        // follows the chain is a link of it although it is refused whole; one that does not follow is none.
        self.chain.seq = doing.seq;
        if links {
            self.chain.epoch = self.chain.epoch.max(proposal.epoch);
            self.chain.rev = proposal.rev;
            self.chain.hash = hash;
        }
        doing.rules = proposal.rules;
        if links {
            let is_first = self.chain.rules == 0 && proposal.rules > 0;
            if self.chain.rules < 5 && proposal.rules >= 5 {
                self.forget_acceptances_of_nothing(doing);
            }
            if is_first {
                self.first_rules(proposal.rules, doing);
            }
            self.chain.rules = self.chain.rules.max(proposal.rules);
            if is_first {
                self.redigest_what_was_told();
            }
        }
        let broken = !links;
        if !old_epoch && links {
            for (index, group) in proposal.groups.iter().enumerate() {
                if let Some(routes) = self.judge(group, doing) {
                    outcome.accepted[index] = true;
                    self.counters.groups_accepted += 1;
                    self.take(group, routes, doing);
                } else {
                    self.counters.groups_refused += 1;
                }
            }
        }
        doing.change.plan = Some(outcome);
        if broken {
            Err(Refused::BrokenChain)
        } else if old_epoch {
            Err(Refused::OldEpoch)
        } else {
            Ok(())
        }
    }

    /// Acceptances of revisions that nobody was told count for nothing from the fifth rules on, those of before included.
    fn forget_acceptances_of_nothing(&mut self, doing: &mut Applying) {
        for index in 0..self.vehicles.len() {
            let (id, vehicle) = (VehicleId(index as u32), &self.vehicles[index]);
            if vehicle.accepted > vehicle.route.revision {
                doing.vehicle(id);
                let vehicle = &mut self.vehicles[id.index()];
                vehicle.accepted = vehicle.route.revision;
            }
        }
    }

    /// True when a group would be accepted if it came back from the log at this zone time and nothing else came before it.
    pub fn would_accept(&self, group: &ExchangeGroup, now: Timestamp) -> bool {
        self.judge(group, &Applying::of(self.applied, now)).is_some()
    }

    /// Makes of this copy what the fleet will be if a group is accepted, as far as the next answer of the same plan asks: routes and
    /// placements. Revisions, digest, spatial index and what waits stay as they are, so the copy is good for nothing else. False, and
    /// nothing changes, when the group would be refused.
    pub fn foresee(&mut self, group: &ExchangeGroup, now: Timestamp) -> bool {
        let mut doing = Applying::of(self.applied, now);
        let Some(routes) = self.judge(group, &doing) else { return false };
        let was: Vec<LogSeq> = routes.iter().map(|(vehicle, _)| self.vehicle(*vehicle).route.revision).collect();
        let vehicles: Vec<VehicleId> = routes.iter().map(|(vehicle, _)| *vehicle).collect();
        self.reassign(group, routes, &mut doing);
        for (vehicle, revision) in vehicles.into_iter().zip(was) {
            self.vehicles[vehicle.index()].route.revision = revision;
            self.reslack(vehicle);
        }
        for &order in &doing.change.orders {
            self.recount_order(order);
        }
        true
    }

    /// The new visits of each route when the group may be accepted; `None` when anything about it no longer holds.
    fn judge(&self, group: &ExchangeGroup, doing: &Applying) -> Option<Vec<(VehicleId, Vec<Visit>)>> {
        let mut routes = Vec::with_capacity(group.routes.len());
        let mut placed: BTreeMap<OrderId, VehicleId> = BTreeMap::new();
        for route in &group.routes {
            let (vehicle, visits) = self.judge_route(route, &mut placed, doing)?;
            if routes.iter().any(|(other, _)| *other == vehicle) {
                return None;
            }
            routes.push((vehicle, visits));
        }
        let in_group = |vehicle: VehicleId| routes.iter().any(|(other, _)| *other == vehicle);
        // Every order placed here comes from one of these routes or from nowhere.
        for (&order, &vehicle) in &placed {
            let state = self.order(order);
            let from_here = match state.placement {
                Placement::OnRoute(old) => in_group(old),
                Placement::Unplaced | Placement::Unassigned(_) => true,
            };
            let carried = state.on_board.is_none_or(|carrier| carrier == vehicle);
            // A pin that has not been obeyed yet does not forbid to leave an order where it is.
            let stays = doing.judges_times() && state.placement == Placement::OnRoute(vehicle);
            let pinned = stays || state.pinned.is_none_or(|pin| pin == vehicle);
            let rejected = state.rejected_by.contains(&vehicle);
            if !from_here || !carried || !pinned || rejected {
                return None;
            }
            // All open stops of it, in this order, once: counted while the route was read.
        }
        let mut unassigned = Vec::with_capacity(group.unassigned.len());
        for (name, _) in &group.unassigned {
            let order = *self.order_ids.get(name)?;
            let state = self.order(order);
            let from_here = match state.placement {
                Placement::OnRoute(old) => in_group(old),
                Placement::Unplaced | Placement::Unassigned(_) => true,
            };
            if !state.is_open() || !from_here || placed.contains_key(&order) || unassigned.contains(&order) {
                return None;
            }
            unassigned.push(order);
        }
        // Nobody is lost: whoever was on these routes is placed or unassigned by this group.
        for (vehicle, _) in &routes {
            for visit in &self.vehicle(*vehicle).route.visits {
                if self.is_frozen_by_acceptance(visit.order, *vehicle) && placed.get(&visit.order) != Some(vehicle) {
                    return None;
                }
                if !placed.contains_key(&visit.order) && !unassigned.contains(&visit.order) {
                    return None;
                }
            }
        }
        // Every order is somewhere: a fact counts as answered only when each open order that it asks for is, after this
        // group, on a route or on none with a reason.
        for ask in group.caused_by.iter().filter_map(|seq| self.unanswered.get(seq)) {
            for order in &ask.orders {
                let state = self.order(*order);
                let somewhere =
                    state.placement != Placement::Unplaced || placed.contains_key(order) || unassigned.contains(order);
                if state.is_open() && !somewhere {
                    return None;
                }
            }
        }
        Some(routes)
    }

    fn judge_route(
        &self,
        route: &ProposedRoute,
        placed: &mut BTreeMap<OrderId, VehicleId>,
        doing: &Applying,
    ) -> Option<(VehicleId, Vec<Visit>)> {
        let id = *self.vehicle_ids.get(&route.vehicle)?;
        let state = self.vehicle(id);
        if state.route.revision != route.base || (!state.is_available() && !route.visits.is_empty()) {
            return None;
        }
        let mut visits: Vec<Visit> = Vec::with_capacity(route.visits.len());
        let mut standing = state.route.visits.as_slice();
        for visit in &route.visits {
            let order = self.order_on_route(&visit.order, &mut standing)?;
            let order_state = self.order(order);
            if order_state.progress(visit.stop).completed.is_some() {
                continue; // served while the plan was on its way: progress along the frozen head
            }
            if !order_state.is_open() || !order_state.open_stops().contains(&visit.stop) {
                return None;
            }
            if visits.iter().any(|other| other.order == order && other.stop == visit.stop) {
                return None;
            }
            visits.push(Visit::of_plan(order, visit));
        }
        // Whole orders, pickup first.
        for (index, visit) in visits.iter().enumerate() {
            if visit.stop == StopKind::Delivery {
                let needs_pickup = self.order(visit.order).open_stops().contains(&StopKind::Pickup);
                let pickup =
                    visits.iter().position(|other| other.order == visit.order && other.stop == StopKind::Pickup);
                if needs_pickup && pickup.is_none_or(|pickup| pickup > index) {
                    return None;
                }
                if placed.insert(visit.order, id).is_some() {
                    return None;
                }
            } else if !visits.iter().any(|other| other.order == visit.order && other.stop == StopKind::Delivery) {
                return None;
            }
        }
        let has_arrived = state.under_way.is_some_and(|under| under.arrived.is_some());
        // Who has arrived and cannot begin yet may do something else meanwhile.
        let may_leave = !has_arrived || (doing.rules >= 5 && self.waits_until(id).is_some_and(|at| at > doing.now));
        let turns = doing.rules >= 3 && route.diverts && may_leave;
        let frozen = if turns { 0 } else { state.frozen_by(doing.rules, doing.now) };
        // What its driver has accepted stays, whatever the plan knew, where the policy says so.
        let frozen = frozen.max(self.accepted_head(id));
        // No call at a depot comes before what is under way.
        let is_kept = |a: &Visit, b: &Visit| (a.order, a.stop) == (b.order, b.stop) && b.reload_before.is_none();
        let kept = state.route.visits[..frozen].iter().zip(&visits).all(|(a, b)| is_kept(a, b));
        (visits.len() >= frozen && kept).then_some((id, visits))
    }

    /// The order of this name. Most visits of a proposal stand on the route already, and in this order: they are looked for there first, since a
    /// table of all names is far from what is at hand. `standing`: what of the route has not been met yet.
    fn order_on_route(&self, name: &Name, standing: &mut &[Visit]) -> Option<OrderId> {
        let near = standing.iter().take(NEAR).position(|visit| self.order(visit.order).name == *name);
        let Some(near) = near else { return self.order_ids.get(name).copied() };
        let order = standing[near].order;
        *standing = &standing[near + 1..];
        Some(order)
    }

    /// Makes an accepted group true, and its facts answered.
    fn take(&mut self, group: &ExchangeGroup, routes: Vec<(VehicleId, Vec<Visit>)>, doing: &mut Applying) {
        self.reassign(group, routes, doing);
        let knows_refusals = doing.judges_times();
        for choice in group.choices.iter().filter(|choice| choice.pin_refused && knows_refusals) {
            let vehicle = choice.runner_up.as_ref().and_then(|vehicle| self.vehicle_ids.get(vehicle).copied());
            if let Some(&order) = self.order_ids.get(&choice.order)
                && vehicle.is_some()
                && self.orders[order.index()].pinned == vehicle
            {
                self.orders[order.index()].pinned = self.held_by_a_word(order);
                doing.order(order);
            }
        }
        for seq in &group.caused_by {
            if let Some(ask) = self.drop_ask(*seq) {
                doing.change.answered.push((*seq, self.logged_at - ask.logged_at));
            }
        }
    }

    /// The vehicle of an order that is there by a dispatcher's word alone: it is too full, or lacks a skill.
    fn held_by_a_word(&self, order: OrderId) -> Option<VehicleId> {
        let state = self.order(order);
        let Placement::OnRoute(carrier) = state.placement else { return None };
        let has_skills = state.skills & !self.vehicle(carrier).skills == 0;
        (!has_skills || self.is_overloaded(carrier)).then_some(carrier)
    }

    /// True when a vehicle carries more than it holds, or will on its route as it stands. What the stop under way unloads counts to the
    /// end: what was folded once stays as it was.
    fn is_overloaded(&self, id: VehicleId) -> bool {
        let vehicle = self.vehicle(id);
        let Some(capacity) = vehicle.spec.as_ref().map(|spec| spec.capacity) else { return true };
        let (head, tail) = vehicle.route.visits.split_at(vehicle.frozen().min(vehicle.route.visits.len()));
        let at_start = |order: OrderId| self.order(order).loads_at_start();
        let is_delivered =
            |order: OrderId| head.iter().any(|visit| visit.order == order && visit.stop == StopKind::Delivery);
        let aboard = vehicle.on_board.iter().copied().filter(|&order| !at_start(order) && !is_delivered(order));
        let under_way =
            head.iter().filter(|visit| visit.stop == StopKind::Pickup || !self.order(visit.order).is_shipment());
        let first = until_depot(tail).len();
        let is_aboard = |order: OrderId| self.order(order).on_board.is_some();
        let from_the_start = tail
            .iter()
            .enumerate()
            .filter(|&(index, visit)| at_start(visit.order) && (index < first || is_aboard(visit.order)))
            .map(|(_, visit)| visit.order);
        let loaded = aboard.chain(under_way.map(|visit| visit.order)).chain(from_the_start);
        let mut load: Units = vehicle.kept.0.map(i64::from);
        let is_over = |load: &Units| load.iter().zip(capacity.0).any(|(&load, room)| load > i64::from(room));
        let add = |load: &mut Units, order: OrderId, sign: i64| {
            load.iter_mut().zip(self.order(order).load().0).for_each(|(sum, one)| *sum += sign * i64::from(one));
        };
        loaded.for_each(|order| add(&mut load, order, 1));
        let mut over = is_over(&load);
        let mut picked_up: Vec<OrderId> = Vec::new();
        for (index, visit) in tail.iter().enumerate() {
            if visit.reload_before.is_some() {
                picked_up.drain(..).for_each(|order| add(&mut load, order, -1));
                let trip = trip_from(tail, index).iter().map(|visit| visit.order);
                trip.filter(|&order| at_start(order) && !is_aboard(order)).for_each(|order| add(&mut load, order, 1));
                over |= is_over(&load);
            }
            let is_shipment = self.order(visit.order).is_shipment();
            let comes_off = visit.stop == StopKind::Delivery && (is_shipment || at_start(visit.order));
            add(&mut load, visit.order, if comes_off { -1 } else { 1 });
            if !comes_off && !is_shipment {
                picked_up.push(visit.order);
            }
            over |= is_over(&load);
        }
        over
    }

    /// A vehicle that is on its way to a stop which its new visits do not begin with turns where the plan says.
    fn turn(&mut self, id: VehicleId, group: &ExchangeGroup, visits: &[Visit], doing: &mut Applying) {
        let state = &mut self.vehicles[id.index()];
        let Some(under) = state.under_way else { return };
        let goes_on = visits.first().is_some_and(|first| {
            (first.order, first.stop) == (under.order, under.stop) && first.reload_before.is_none()
        });
        let route = group.routes.iter().find(|route| route.vehicle == state.name && route.diverts);
        if let Some(route) = route.filter(|_| !goes_on) {
            state.under_way = None;
            doing.halts(id);
            state.stands_at(route.start, route.start_at);
        }
    }

    /// Puts the orders of an accepted group on their routes, or on none.
    fn reassign(&mut self, group: &ExchangeGroup, routes: Vec<(VehicleId, Vec<Visit>)>, doing: &mut Applying) {
        for (name, reason) in &group.unassigned {
            let Some(&order) = self.order_ids.get(name) else { continue };
            self.orders[order.index()].placement = Placement::Unassigned(*reason);
            doing.order(order);
        }
        for (vehicle, visits) in routes {
            self.turn(vehicle, group, &visits, doing);
            let new = Placement::OnRoute(vehicle);
            for visit in &visits {
                // Looked at before it is written to: most orders of a route are on it already, and writing copies a shared page.
                if self.orders[visit.order.index()].placement == new {
                    continue;
                }
                let order = &mut self.orders[visit.order.index()];
                order.placement = new;
                order.since = doing.seq;
                if order.last_vehicle.is_some_and(|last| last != vehicle) {
                    order.vehicle_changes += 1;
                }
                order.last_vehicle = Some(vehicle);
                doing.order(visit.order);
            }
            let route = &mut self.vehicles[vehicle.index()].route;
            route.visits = visits;
            route.revision = doing.seq;
            doing.route(vehicle);
        }
    }
}

//! One fact at a time: what each kind of event does to the fleet.
//!
//! Promise: total and deterministic. Late and out-of-order facts are applied at once by a monotone lifecycle: a later
//! stage wins over an earlier one, missing earlier stages are inferred and counted.

use fleetfold_model::{
    Event, FailReason, LogSeq, Millis, Name, OnBoardRule, Order, OrderChange, OrderId, OrderWork, Pin, Position,
    RoadChange, Shift, StopEvent, StopKind, Timestamp, Vehicle, VehicleId, ZoneOpened,
};

use crate::digest::digest_of;
use crate::state::{
    Anchor, Ask, Change, Closed, Flag, Fleet, LogEntry, Mark, OrderState, Placement, Refused, RoadState, UnderWay,
    VehicleState,
};

/// How far a reported time may lie ahead of the log before log time is used instead.
const SKEW_MAX: Millis = Millis(5_000);

/// How long the event ids of a closed order are remembered: a day, which outlives the broker's window and restarts.
const SEEN_AFTER_CLOSE: Millis = Millis(24 * 3_600_000);

/// Most different skills in one zone: they are bits of a word.
const SKILLS_MAX: usize = 64;

/// What one entry is doing, gathered while it is applied.
pub(crate) struct Applying {
    pub(crate) seq: LogSeq,
    /// Zone time of the entry.
    pub(crate) now: Timestamp,
    pub(crate) change: Change,
    pub(crate) ask: Option<Ask>,
}

impl Applying {
    pub(crate) fn order(&mut self, id: OrderId) {
        if !self.change.orders.contains(&id) {
            self.change.orders.push(id);
        }
    }

    pub(crate) fn vehicle(&mut self, id: VehicleId) {
        if !self.change.vehicles.contains(&id) {
            self.change.vehicles.push(id);
        }
    }

    pub(crate) fn route(&mut self, id: VehicleId) {
        self.vehicle(id);
        if !self.change.routes.contains(&id) {
            self.change.routes.push(id);
        }
    }

    fn flag(&mut self, flag: Flag) {
        if !self.change.flags.contains(&flag) {
            self.change.flags.push(flag);
        }
    }

    /// Asks the engine for an answer.
    fn ask(&mut self) -> &mut Ask {
        self.ask.get_or_insert_with(Ask::default)
    }

    fn ask_order(&mut self, id: OrderId) {
        if !self.ask().orders.contains(&id) {
            self.ask().orders.push(id);
        }
    }

    fn ask_vehicle(&mut self, id: VehicleId) {
        if !self.ask().vehicles.contains(&id) {
            self.ask().vehicles.push(id);
        }
    }
}

type Verdict = Result<(), Refused>;

impl Fleet {
    /// Folds one entry in and says what changed. Entries up to [`Fleet::applied`] are skipped and counted.
    pub fn apply(&mut self, entry: &LogEntry) -> Change {
        if entry.seq <= self.applied {
            self.counters.skipped += 1;
            return Change::default();
        }
        self.applied = entry.seq;
        self.logged_at = self.logged_at.max(entry.logged_at);
        let mut doing =
            Applying { seq: entry.seq, now: self.zone.zone_time(self.logged_at), change: Change::default(), ask: None };
        let verdict = if let Event::PlanProposed(proposal) = &entry.event {
            self.counters.plans += 1;
            self.apply_plan(proposal, &mut doing)
        } else {
            self.counters.facts += 1;
            self.apply_fact(entry, &mut doing)
        };
        if let Err(reason) = verdict {
            doing.change.refused = Some(reason);
            self.counters.refused += 1;
        }
        if doing.change.flags.contains(&Flag::Gap) {
            self.counters.gaps += 1;
        }
        if let Some(mut ask) = doing.ask.take() {
            ask.logged_at = entry.logged_at;
            self.unanswered.insert(entry.seq, ask);
            doing.change.asks = true;
        }
        for &id in &doing.change.orders {
            self.reindex_order(id);
            self.redigest_order(id);
        }
        for &id in &doing.change.vehicles {
            self.reindex_vehicle(id);
            self.redigest_vehicle(id);
        }
        self.forget_old_ids();
        doing.change
    }

    fn apply_fact(&mut self, entry: &LogEntry, doing: &mut Applying) -> Verdict {
        if entry.id != 0 && self.seen.contains(&entry.id) {
            return Err(Refused::DuplicateEvent);
        }
        let verdict = self.dispatch(&entry.event, doing);
        if entry.id != 0 {
            self.seen.insert(entry.id);
            // The id lives as long as the order it is about; facts about anything else are few and kept.
            if let Some(&order) = doing.change.orders.first() {
                self.orders[order.index()].seen.push(entry.id);
            }
        }
        verdict
    }

    fn forget_old_ids(&mut self) {
        while let Some(&(closed_at, id)) = self.closing.front() {
            if self.logged_at - closed_at <= SEEN_AFTER_CLOSE {
                break;
            }
            self.closing.pop_front();
            for hash in std::mem::take(&mut self.orders[id.index()].seen) {
                self.seen.remove(&hash);
            }
        }
    }

    fn dispatch(&mut self, event: &Event, doing: &mut Applying) -> Verdict {
        match event {
            Event::ZoneOpened(zone) => self.zone_opened(zone),
            Event::OrderCreated(order) => self.order_created(order, doing),
            Event::OrderUpdated(change) => self.order_updated(change, doing),
            Event::OrderReady { order, at } => self.order_ready(order, *at, doing),
            Event::OrderCancelled { order } => self.order_cancelled(order, doing),
            Event::VehicleRegistered(vehicle) => self.vehicle_registered(vehicle, doing),
            Event::ShiftStarted { vehicle, shift, position } => {
                self.shift_started(vehicle, shift.as_ref(), *position, doing);
                Ok(())
            }
            Event::ShiftEnded { vehicle, at } => self.shift_ended(vehicle, *at, doing),
            Event::VehicleLost { vehicle, position } => self.vehicle_lost(vehicle, *position, doing),
            Event::VehicleBack { vehicle, position } => self.vehicle_back(vehicle, *position, doing),
            Event::RoadClosed(change) => self.road_changed(change, true, doing),
            Event::RoadSlowed(change) => self.road_changed(change, false, doing),
            Event::RoadReopened(change) => {
                self.road_reopened(change, doing);
                Ok(())
            }
            Event::StopDeparted(stop) => self.stop_departed(stop, doing),
            Event::StopArrived(stop) => self.stop_arrived(stop, doing),
            Event::StopCompleted(stop) => self.stop_completed(stop, doing),
            Event::StopFailed(stop, reason) => self.stop_failed(stop, *reason, doing),
            Event::AssignmentAccepted { vehicle, revision } => {
                let id = self.intern_vehicle(vehicle);
                let state = &mut self.vehicles[id.index()];
                state.accepted = state.accepted.max(LogSeq(*revision));
                doing.vehicle(id);
                Ok(())
            }
            Event::AssignmentRejected { vehicle, order } => self.assignment_rejected(vehicle, order, doing),
            Event::StopPinned(pin) => self.pin(pin, doing),
            Event::StopUnpinned { order } => {
                let id = self.known_order(order)?;
                doing.order(id);
                self.orders[id.index()].pinned = None;
                self.ask_about(id, doing);
                Ok(())
            }
            Event::AssignmentForced(pin) => self.force(pin, doing),
            Event::PriorityRaised(raised) => {
                let id = self.known_order(&raised.order)?;
                doing.order(id);
                self.still_open(id)?;
                self.edit_spec(id, |spec| spec.priority = raised.priority);
                self.ask_about(id, doing);
                Ok(())
            }
            Event::PolicyChanged(policy) => {
                self.policy = policy.clone();
                doing.ask();
                Ok(())
            }
            Event::PlanProposed(_) => unreachable!("plans are taken apart in `apply`"),
        }
    }

    // ---- identities ----------------------------------------------------------------------------------------------

    pub(crate) fn intern_vehicle(&mut self, name: &Name) -> VehicleId {
        if let Some(&id) = self.vehicle_ids.get(name) {
            return id;
        }
        let id = VehicleId(self.vehicles.len() as u32);
        self.vehicles.push(VehicleState::new(name.clone()));
        self.vehicle_ids.insert(name.clone(), id);
        id
    }

    fn intern_order(&mut self, name: &Name) -> OrderId {
        if let Some(&id) = self.order_ids.get(name) {
            return id;
        }
        let id = OrderId(self.orders.len() as u32);
        self.orders.push(OrderState::new(name.clone()));
        self.order_ids.insert(name.clone(), id);
        id
    }

    fn known_order(&self, name: &Name) -> Result<OrderId, Refused> {
        self.order_ids.get(name).copied().ok_or(Refused::UnknownOrder)
    }

    fn known_vehicle(&self, name: &Name) -> Result<VehicleId, Refused> {
        self.vehicle_ids.get(name).copied().ok_or(Refused::UnknownVehicle)
    }

    fn skill_bits(&mut self, names: &[Name]) -> Result<u64, Refused> {
        let mut bits = 0;
        for name in names {
            let next = self.skills.len();
            let bit = match self.skills.get(name) {
                Some(&bit) => bit,
                None if next < SKILLS_MAX => {
                    self.skills.insert(name.clone(), next as u8);
                    next as u8
                }
                None => return Err(Refused::TooManySkills),
            };
            bits |= 1 << bit;
        }
        Ok(bits)
    }

    fn still_open(&self, id: OrderId) -> Verdict {
        if self.orders[id.index()].closed.is_some() { Err(Refused::OrderClosed) } else { Ok(()) }
    }

    fn edit_spec(&mut self, id: OrderId, edit: impl FnOnce(&mut Order)) {
        let order = &mut self.orders[id.index()];
        if let Some(spec) = order.spec.as_mut() {
            edit(spec);
            order.spec_digest = digest_of(spec);
        }
    }

    /// Asks for an order to be looked at again, and its route if it has one.
    fn ask_about(&self, id: OrderId, doing: &mut Applying) {
        let order = &self.orders[id.index()];
        if order.is_open() {
            doing.ask_order(id);
            if let Placement::OnRoute(vehicle) = order.placement {
                doing.ask_vehicle(vehicle);
            }
        }
    }

    // ---- the zone ------------------------------------------------------------------------------------------------

    fn zone_opened(&mut self, opened: &ZoneOpened) -> Verdict {
        if self.zone.opened {
            return Err(Refused::ZoneOpen);
        }
        self.zone = crate::state::Zone {
            opened: true,
            timezone: opened.timezone.clone(),
            space: opened.space,
            day_start: opened.day_start,
            log_start: opened.log_start,
            rate: opened.rate.max(1),
        };
        self.policy = opened.policy.clone();
        self.rebuild_index();
        Ok(())
    }

    // ---- orders --------------------------------------------------------------------------------------------------

    fn order_created(&mut self, spec: &Order, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(&spec.name);
        doing.order(id);
        if self.orders[id.index()].spec.is_some() {
            return Err(Refused::OrderExists);
        }
        let skills = self.skill_bits(&spec.skills)?;
        let order = &mut self.orders[id.index()];
        order.spec = Some(spec.clone());
        order.spec_digest = digest_of(spec);
        order.skills = skills;
        order.created = doing.seq;
        for change in std::mem::take(&mut order.early_changes) {
            self.change_order(id, &change, doing)?;
        }
        let order = &self.orders[id.index()];
        // What drivers reported before the order itself arrived.
        if let Some((_, reason)) = order.delivery.failed.or(order.pickup.failed) {
            self.close(id, Closed::Failed(reason), doing);
        } else if order.delivery.completed.is_some() {
            self.close(id, Closed::Served, doing);
        } else if order.early_cancel {
            self.close(id, Closed::Cancelled, doing);
        } else {
            if let Some(mark) = order.pickup.completed {
                self.load_on_board(id, mark.vehicle, doing);
            }
            doing.ask_order(id);
        }
        Ok(())
    }

    fn order_updated(&mut self, change: &OrderChange, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(&change.order);
        doing.order(id);
        self.still_open(id)?;
        if self.orders[id.index()].spec.is_none() {
            self.orders[id.index()].early_changes.push(change.clone());
            return Ok(());
        }
        self.change_order(id, change, doing)?;
        if let Placement::OnRoute(vehicle) = self.orders[id.index()].placement {
            self.vehicles[vehicle.index()].route.revision = doing.seq;
            doing.route(vehicle);
        }
        self.ask_about(id, doing);
        Ok(())
    }

    fn change_order(&mut self, id: OrderId, change: &OrderChange, doing: &mut Applying) -> Verdict {
        let skills = match &change.skills {
            Some(names) => Some(self.skill_bits(names)?),
            None => None,
        };
        let order = &self.orders[id.index()];
        let touched = order.on_board.is_some() || order.pickup.is_done() || order.pickup.departed.is_some();
        let was_shipment = order.is_shipment();
        if let Some(work) = &change.work {
            // Goods on board cannot turn into a job, nor a job under way into a shipment.
            if touched && was_shipment != matches!(work, OrderWork::Shipment(_)) {
                return Err(Refused::OnBoard);
            }
            let becomes_job = was_shipment && matches!(work, OrderWork::Job(_));
            if becomes_job && let Placement::OnRoute(vehicle) = order.placement {
                self.take_off_route(id, vehicle, doing);
                self.orders[id.index()].placement = Placement::Unplaced;
            } else if !was_shipment
                && matches!(work, OrderWork::Shipment(_))
                && let Placement::OnRoute(vehicle) = order.placement
            {
                self.take_off_route(id, vehicle, doing);
                self.orders[id.index()].placement = Placement::Unplaced;
            }
        }
        if let Some(skills) = skills {
            self.orders[id.index()].skills = skills;
        }
        self.edit_spec(id, |spec| {
            if let Some(work) = &change.work {
                spec.work = work.clone();
            }
            if let Some(load) = change.load {
                spec.load = load;
            }
            if let Some(skills) = &change.skills {
                spec.skills.clone_from(skills);
            }
            if let Some(priority) = change.priority {
                spec.priority = priority;
            }
            spec.release = change.release.or(spec.release);
            spec.promised = change.promised.or(spec.promised);
        });
        Ok(())
    }

    fn order_ready(&mut self, name: &Name, at: Timestamp, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(name);
        doing.order(id);
        self.still_open(id)?;
        self.orders[id.index()].ready_at = Some(at);
        self.ask_about(id, doing);
        Ok(())
    }

    fn order_cancelled(&mut self, name: &Name, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(name);
        doing.order(id);
        self.still_open(id)?;
        let order = &self.orders[id.index()];
        if order.spec.is_none() {
            self.orders[id.index()].early_cancel = true;
            return Ok(());
        }
        if let Placement::OnRoute(vehicle) = order.placement {
            doing.ask_vehicle(vehicle);
        }
        let on_board = order.on_board;
        if on_board.is_some() && self.policy.on_cancelled_on_board == OnBoardRule::Return {
            self.send_back(id, doing);
        } else {
            self.close(id, Closed::Cancelled, doing);
        }
        doing.ask();
        Ok(())
    }

    /// The delivery becomes a return to where the goods were picked up.
    fn send_back(&mut self, id: OrderId, doing: &mut Applying) {
        let back_to = self.orders[id.index()].stop(StopKind::Pickup).map(|stop| stop.position);
        let order = &mut self.orders[id.index()];
        order.delivery_moved_to = back_to;
        order.delivery = crate::state::Progress::default();
        if let Placement::OnRoute(vehicle) = order.placement {
            if self.vehicles[vehicle.index()].under_way.is_some_and(|under| under.order == id) {
                self.vehicles[vehicle.index()].under_way = None;
            }
            self.vehicles[vehicle.index()].route.revision = doing.seq;
            doing.route(vehicle);
            doing.ask_vehicle(vehicle);
        }
        doing.ask_order(id);
    }

    /// Ends an order: off its route, off board, remembered for a day.
    fn close(&mut self, id: OrderId, why: Closed, doing: &mut Applying) {
        if let Placement::OnRoute(vehicle) = self.orders[id.index()].placement {
            self.take_off_route(id, vehicle, doing);
        }
        if let Some(vehicle) = self.orders[id.index()].on_board.take() {
            self.vehicles[vehicle.index()].on_board.retain(|&other| other != id);
            doing.vehicle(vehicle);
        }
        let order = &mut self.orders[id.index()];
        order.placement = Placement::Unplaced;
        order.rescue_from = None;
        order.closed = Some(why);
        doing.order(id);
        self.closing.push_back((self.logged_at, id));
    }

    /// Takes every visit of an order off a route. The route's revision rises if there was one.
    pub(crate) fn take_off_route(&mut self, id: OrderId, vehicle: VehicleId, doing: &mut Applying) {
        let state = &mut self.vehicles[vehicle.index()];
        let before = state.route.visits.len();
        state.route.visits.retain(|visit| visit.order != id);
        if state.route.visits.len() != before {
            state.route.revision = doing.seq;
            doing.route(vehicle);
        }
        if let Some(under) = state.under_way.filter(|under| under.order == id) {
            // It stops driving there: free from now on, wherever the phone says it is.
            state.under_way = None;
            let position = match (state.hint, state.anchor) {
                (_, Some(anchor)) => Some(anchor.position),
                (Some(hint), None) => Some(hint.position),
                (None, None) => None,
            };
            if let (Some(position), None) = (position, under.arrived) {
                state.anchor = Some(Anchor { position, at: doing.now });
            }
            doing.vehicle(vehicle);
        }
    }

    // ---- vehicles ------------------------------------------------------------------------------------------------

    fn vehicle_registered(&mut self, spec: &Vehicle, doing: &mut Applying) -> Verdict {
        let id = self.intern_vehicle(&spec.name);
        doing.vehicle(id);
        let skills = self.skill_bits(&spec.skills)?;
        let state = &mut self.vehicles[id.index()];
        state.spec = Some(spec.clone());
        state.spec_digest = digest_of(spec);
        state.skills = skills;
        if state.on {
            // It signed on before it was registered, or its properties changed during the shift.
            if state.shift.is_none() {
                state.shift.clone_from(&spec.shift);
            }
            if state.anchor.is_none() {
                state.anchor = Some(Anchor { position: spec.start, at: doing.now });
            }
            doing.ask_vehicle(id);
        }
        Ok(())
    }

    fn shift_started(&mut self, name: &Name, shift: Option<&Shift>, position: Option<Position>, doing: &mut Applying) {
        let id = self.intern_vehicle(name);
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        let registered = state.spec.as_ref().and_then(|spec| spec.shift.clone());
        state.shift = shift.cloned().or(registered);
        if !state.on {
            state.on = true;
            state.lost = false;
            state.stops_done = 0;
            state.breaks_taken = 0;
        }
        let place = position.or_else(|| state.spec.as_ref().map(|spec| spec.start));
        let starts = state.shift.as_ref().map_or(doing.now, |shift| shift.starts);
        if let Some(position) = place {
            state.anchor = Some(Anchor { position, at: doing.now.max(starts) });
        }
        if state.spec.is_some() {
            doing.ask_vehicle(id);
        } else {
            doing.flag(Flag::Gap);
        }
    }

    fn shift_ended(&mut self, name: &Name, at: Timestamp, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(name)?;
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        if !state.on {
            return Err(Refused::NotOnShift);
        }
        if at > doing.now {
            if let Some(shift) = state.shift.as_mut() {
                shift.ends = at.max(shift.starts);
            } else {
                state.shift = Some(Shift { starts: doing.now, ends: at, breaks: Vec::new() });
            }
            doing.ask_vehicle(id);
            return Ok(());
        }
        state.on = false;
        self.displace_all(id, doing);
        doing.ask_vehicle(id);
        Ok(())
    }

    fn vehicle_lost(&mut self, name: &Name, position: Option<Position>, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(name)?;
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        state.lost = true;
        if let Some(position) = position.or_else(|| state.whereabouts().map(|anchor| anchor.position)) {
            state.anchor = Some(Anchor { position, at: doing.now });
        }
        self.displace_all(id, doing);
        doing.ask_vehicle(id);
        Ok(())
    }

    /// Empties a vehicle that cannot work on: orders not on board wait for another vehicle; goods on board wait for a rescue
    /// where it stands.
    fn displace_all(&mut self, id: VehicleId, doing: &mut Applying) {
        let state = &mut self.vehicles[id.index()];
        state.under_way = None;
        if !state.route.visits.is_empty() {
            state.route.revision = doing.seq;
            doing.route(id);
        }
        let visits = std::mem::take(&mut state.route.visits);
        let on_board = std::mem::take(&mut state.on_board);
        let place = state.anchor.map(|anchor| anchor.position);
        for &order in &on_board {
            let state = &mut self.orders[order.index()];
            state.on_board = None;
            state.rescue_from = Some(id);
            state.pickup = crate::state::Progress::default();
            state.pickup_moved_to = place;
        }
        for order in visits.iter().map(|visit| visit.order).chain(on_board) {
            if self.orders[order.index()].is_open() {
                self.orders[order.index()].placement = Placement::Unplaced;
                // Pinned to a vehicle that is gone: the pin has lost its object.
                if self.orders[order.index()].pinned == Some(id) {
                    self.orders[order.index()].pinned = None;
                }
                doing.ask_order(order);
            }
            doing.order(order);
        }
    }

    fn vehicle_back(&mut self, name: &Name, position: Option<Position>, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(name)?;
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        state.lost = false;
        if let Some(position) = position.or_else(|| state.whereabouts().map(|anchor| anchor.position)) {
            state.anchor = Some(Anchor { position, at: doing.now });
        }
        // Goods nobody has fetched yet are on board again.
        let waiting: Vec<OrderId> = (0..self.orders.len() as u32)
            .map(OrderId)
            .filter(|order| self.orders[order.index()].rescue_from == Some(id) && self.orders[order.index()].is_open())
            .collect();
        for order in waiting {
            if let Placement::OnRoute(other) = self.orders[order.index()].placement {
                self.take_off_route(order, other, doing);
                doing.ask_vehicle(other);
            }
            self.orders[order.index()].placement = Placement::Unplaced;
            self.load_on_board(order, id, doing);
            let mark = Mark { vehicle: id, at: doing.now };
            self.orders[order.index()].pickup.completed = Some(mark);
            doing.order(order);
            doing.ask_order(order);
        }
        doing.ask_vehicle(id);
        Ok(())
    }

    fn load_on_board(&mut self, order: OrderId, vehicle: VehicleId, doing: &mut Applying) {
        let state = &mut self.orders[order.index()];
        state.on_board = Some(vehicle);
        state.rescue_from = None;
        state.pickup_moved_to = None;
        let carrier = &mut self.vehicles[vehicle.index()];
        if !carrier.on_board.contains(&order) {
            carrier.on_board.push(order);
        }
        doing.vehicle(vehicle);
    }

    // ---- roads ---------------------------------------------------------------------------------------------------

    fn road_changed(&mut self, change: &RoadChange, closed: bool, doing: &mut Applying) -> Verdict {
        if !closed && change.time_percent.is_none() {
            return Err(Refused::NoFactor);
        }
        // Reopened before the closure arrived: it stays open.
        let ended = self.roads.get(&change.change).is_some_and(|old| old.ended);
        self.roads.insert(change.change.clone(), RoadState { change: change.clone(), closed, ended });
        self.road_version += 1;
        doing.ask().roads = true;
        Ok(())
    }

    fn road_reopened(&mut self, change: &RoadChange, doing: &mut Applying) {
        let entry = self.roads.entry(change.change.clone());
        entry.and_modify(|road| road.ended = true).or_insert_with(|| RoadState {
            change: change.clone(),
            closed: false,
            ended: true,
        });
        self.road_version += 1;
        doing.ask().roads = true;
    }

    // ---- what drivers report -------------------------------------------------------------------------------------

    /// Event time of a report, or log time where its clock runs ahead.
    fn report_time(at: Timestamp, doing: &mut Applying) -> Timestamp {
        if at > doing.now + SKEW_MAX {
            doing.flag(Flag::ClockSkew);
            doing.now
        } else {
            at
        }
    }

    /// The order and vehicle of a report. A stop that the order does not have is refused; anything unknown is kept as a shell.
    fn reported(&mut self, stop: &StopEvent, doing: &mut Applying) -> Result<(OrderId, VehicleId), Refused> {
        let order = self.intern_order(&stop.order);
        let vehicle = self.intern_vehicle(&stop.vehicle);
        doing.order(order);
        doing.vehicle(vehicle);
        let state = &self.orders[order.index()];
        if state.spec.is_some() && stop.stop == StopKind::Pickup && !state.is_shipment() {
            return Err(Refused::NoSuchStop);
        }
        if self.vehicles[vehicle.index()].spec.is_none() {
            doing.flag(Flag::Gap);
        }
        Ok((order, vehicle))
    }

    fn stop_departed(&mut self, stop: &StopEvent, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.reported(stop, doing)?;
        let at = Self::report_time(stop.at, doing);
        self.begin(order, vehicle, stop, at, doing)?;
        let progress = self.orders[order.index()].progress_mut(stop.stop);
        progress.departed.get_or_insert(Mark { vehicle, at });
        Ok(())
    }

    fn stop_arrived(&mut self, stop: &StopEvent, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.reported(stop, doing)?;
        let at = Self::report_time(stop.at, doing);
        let known_start = self.orders[order.index()].progress(stop.stop).departed.is_some();
        self.begin(order, vehicle, stop, at, doing)?;
        if !known_start {
            doing.flag(Flag::Gap);
        }
        self.orders[order.index()].progress_mut(stop.stop).arrived.get_or_insert(Mark { vehicle, at });
        let place = self.orders[order.index()].stop(stop.stop).map(|stop| stop.position).or(stop.position);
        let state = &mut self.vehicles[vehicle.index()];
        if let Some(under) = state.under_way.as_mut().filter(|under| under.order == order && under.stop == stop.stop) {
            under.arrived.get_or_insert(at);
        }
        if let Some(position) = place {
            state.anchor = Some(Anchor { position, at });
        }
        Ok(())
    }

    /// A drive or a service has begun: the visit moves into the head of the route.
    fn begin(
        &mut self,
        order: OrderId,
        vehicle: VehicleId,
        stop: &StopEvent,
        at: Timestamp,
        doing: &mut Applying,
    ) -> Verdict {
        let state = &self.orders[order.index()];
        if state.progress(stop.stop).is_done() {
            return Err(Refused::StopDone);
        }
        if state.spec.is_none() {
            return Ok(()); // the order itself is still on its way; the mark is kept
        }
        if state.closed.is_some() {
            return Err(Refused::OrderClosed);
        }
        let visits = &self.vehicles[vehicle.index()].route.visits;
        let Some(place) = visits.iter().position(|visit| visit.order == order && visit.stop == stop.stop) else {
            return Err(Refused::NotOnRoute);
        };
        // A delivery cannot be driven to before its pickup is done: a pickup ahead of it in the route stays ahead.
        let waits_for_pickup = stop.stop == StopKind::Delivery
            && visits[..place].iter().any(|visit| visit.order == order && visit.stop == StopKind::Pickup);
        if waits_for_pickup {
            doing.flag(Flag::Gap);
            return Ok(());
        }
        let state = &mut self.vehicles[vehicle.index()];
        if place > 0 {
            let visit = state.route.visits.remove(place);
            state.route.visits.insert(0, visit);
            state.route.revision = doing.seq;
            doing.route(vehicle);
            doing.ask_vehicle(vehicle);
        }
        let same = state.under_way.filter(|under| under.order == order && under.stop == stop.stop);
        if same.is_none() {
            if state.route.visits[0].break_before > Millis(0) {
                state.breaks_taken += 1;
            }
            state.under_way = Some(UnderWay { order, stop: stop.stop, departed: at, arrived: None });
        }
        Ok(())
    }

    fn stop_completed(&mut self, stop: &StopEvent, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.reported(stop, doing)?;
        let at = Self::report_time(stop.at, doing);
        let mark = Mark { vehicle, at };
        if self.orders[order.index()].progress(stop.stop).is_done() {
            return Err(Refused::StopDone);
        }
        let place = self.orders[order.index()].stop(stop.stop).map(|stop| stop.position).or(stop.position);
        self.leave_stop(order, vehicle, stop.stop, at, place, doing);
        if self.orders[order.index()].progress(stop.stop).arrived.is_none() {
            doing.flag(Flag::Gap);
        }
        self.orders[order.index()].progress_mut(stop.stop).completed = Some(mark);
        if self.orders[order.index()].spec.is_none() {
            return Ok(());
        }
        if self.orders[order.index()].closed.is_some() {
            // Served although cancelled or given up: what happened, happened.
            doing.flag(Flag::Conflict);
            if stop.stop == StopKind::Delivery {
                self.orders[order.index()].closed = Some(Closed::Served);
            }
            return Ok(());
        }
        if let Placement::OnRoute(planned) = self.orders[order.index()].placement
            && planned != vehicle
        {
            // Another vehicle did it: the planned one need not come.
            doing.flag(Flag::Conflict);
            self.take_off_route(order, planned, doing);
            self.orders[order.index()].placement = Placement::Unplaced;
            doing.ask_vehicle(planned);
        }
        match stop.stop {
            StopKind::Pickup => {
                let on_route = self.orders[order.index()].placement == Placement::OnRoute(vehicle);
                self.load_on_board(order, vehicle, doing);
                if !on_route {
                    self.orders[order.index()].placement = Placement::Unplaced;
                    doing.ask_order(order);
                }
            }
            StopKind::Delivery => {
                if self.orders[order.index()].is_shipment() && self.orders[order.index()].pickup.completed.is_none() {
                    doing.flag(Flag::Gap);
                    self.orders[order.index()].pickup.completed = Some(mark);
                }
                let returned = self.orders[order.index()].delivery_moved_to.is_some();
                let why = if returned { Closed::Cancelled } else { Closed::Served };
                self.close(order, why, doing);
            }
        }
        Ok(())
    }

    fn stop_failed(&mut self, stop: &StopEvent, reason: FailReason, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.reported(stop, doing)?;
        let at = Self::report_time(stop.at, doing);
        if self.orders[order.index()].progress(stop.stop).is_done() {
            return Err(Refused::StopDone);
        }
        let place = self.orders[order.index()].stop(stop.stop).map(|stop| stop.position).or(stop.position);
        self.leave_stop(order, vehicle, stop.stop, at, place, doing);
        if self.orders[order.index()].spec.is_none() {
            self.orders[order.index()].progress_mut(stop.stop).failed = Some((Mark { vehicle, at }, reason));
            return Ok(());
        }
        if self.orders[order.index()].closed.is_some() {
            doing.flag(Flag::Conflict);
            return Err(Refused::OrderClosed);
        }
        if let Placement::OnRoute(planned) = self.orders[order.index()].placement
            && planned != vehicle
        {
            doing.flag(Flag::Conflict);
            doing.ask_vehicle(planned);
        }
        let goods_on_board = self.orders[order.index()].on_board == Some(vehicle);
        let returning = self.orders[order.index()].delivery_moved_to.is_some();
        if stop.stop == StopKind::Delivery
            && goods_on_board
            && !returning
            && self.policy.on_failed_delivery == OnBoardRule::Return
        {
            // The failed visit is gone; its order goes on as a return.
            let state = &mut self.vehicles[vehicle.index()];
            state.route.visits.retain(|visit| visit.order != order);
            self.orders[order.index()].placement = Placement::Unplaced;
            self.send_back(order, doing);
            doing.route(vehicle);
        } else {
            self.orders[order.index()].progress_mut(stop.stop).failed = Some((Mark { vehicle, at }, reason));
            self.close(order, Closed::Failed(reason), doing);
        }
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    /// The vehicle is done with a stop: the visit leaves its route, and the vehicle is free there.
    fn leave_stop(
        &mut self,
        order: OrderId,
        vehicle: VehicleId,
        stop: StopKind,
        at: Timestamp,
        place: Option<Position>,
        doing: &mut Applying,
    ) {
        let state = &mut self.vehicles[vehicle.index()];
        if let Some(index) = state.route.visits.iter().position(|visit| visit.order == order && visit.stop == stop) {
            let visit = state.route.visits.remove(index);
            doing.change.driven += visit.metres;
            if index > 0 {
                // Out of sequence: that is a change of the route, not progress along it.
                state.route.revision = doing.seq;
                doing.route(vehicle);
                doing.ask_vehicle(vehicle);
            }
        }
        if state.under_way.is_none_or(|under| under.order == order) {
            state.under_way = None;
        }
        if let Some(position) = place
            && state.anchor.is_none_or(|anchor| anchor.at <= at)
        {
            state.anchor = Some(Anchor { position, at });
        }
        state.stops_done += 1;
        doing.vehicle(vehicle);
    }

    fn assignment_rejected(&mut self, vehicle: &Name, order: &Name, doing: &mut Applying) -> Verdict {
        let vehicle = self.known_vehicle(vehicle)?;
        let order = self.known_order(order)?;
        doing.order(order);
        doing.vehicle(vehicle);
        self.still_open(order)?;
        if self.orders[order.index()].on_board == Some(vehicle) {
            return Err(Refused::OnBoard);
        }
        if !self.orders[order.index()].rejected_by.contains(&vehicle) {
            self.orders[order.index()].rejected_by.push(vehicle);
        }
        if self.orders[order.index()].placement != Placement::OnRoute(vehicle) {
            return Err(Refused::NotOnRoute);
        }
        self.take_off_route(order, vehicle, doing);
        self.orders[order.index()].placement = Placement::Unplaced;
        doing.ask_order(order);
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    // ---- a dispatcher's hand -------------------------------------------------------------------------------------

    fn pin(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        self.orders[order.index()].pinned = Some(vehicle);
        if self.orders[order.index()].placement != Placement::OnRoute(vehicle) {
            self.ask_about(order, doing);
        }
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    fn force(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        if !self.vehicles[vehicle.index()].is_available() {
            return Err(Refused::NotOnShift);
        }
        self.orders[order.index()].pinned = Some(vehicle);
        self.orders[order.index()].rejected_by.retain(|&other| other != vehicle);
        self.ask_about(order, doing);
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    fn pin_targets(&mut self, pin: &Pin, doing: &mut Applying) -> Result<(OrderId, VehicleId), Refused> {
        let order = self.known_order(&pin.order)?;
        let vehicle = self.known_vehicle(&pin.vehicle)?;
        doing.order(order);
        self.still_open(order)?;
        if self.orders[order.index()].on_board.is_some_and(|carrier| carrier != vehicle) {
            return Err(Refused::OnBoard);
        }
        Ok((order, vehicle))
    }
}

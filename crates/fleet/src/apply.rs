//! One fact at a time: what each kind of event does to the fleet.
//!
//! Promise: total and deterministic. Late and out-of-order facts are applied at once by a monotone lifecycle: a later
//! stage wins over an earlier one, missing earlier stages are inferred and counted.

use fleetfold_model::{
    Event, Features, LogEntry, LogSeq, Millis, Name, Order, OrderId, Pin, RoadChange, Timestamp, VehicleId, ZoneOpened,
};

use crate::change::{Change, Flag, Refused};
use crate::digest::digest_of;
use crate::state::{Ask, Fleet, OrderState, Placement, RoadState, VehicleState};

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

    pub(crate) fn flag(&mut self, flag: Flag) {
        if !self.change.flags.contains(&flag) {
            self.change.flags.push(flag);
        }
    }

    /// Asks the engine for an answer.
    pub(crate) fn ask(&mut self) -> &mut Ask {
        self.ask.get_or_insert_with(Ask::default)
    }

    pub(crate) fn ask_order(&mut self, id: OrderId) {
        if !self.ask().orders.contains(&id) {
            self.ask().orders.push(id);
        }
    }

    pub(crate) fn ask_vehicle(&mut self, id: VehicleId) {
        if !self.ask().vehicles.contains(&id) {
            self.ask().vehicles.push(id);
        }
    }
}

pub(crate) type Verdict = Result<(), Refused>;

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
            self.apply_plan(proposal, entry.hash, &mut doing)
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

    /// Passes over an entry that is not folded (rejected, or noted as skipped). On the plan subject the fence moves behind it:
    /// the next plan is appended if this is still the last message there.
    pub fn skip(&mut self, seq: LogSeq, on_plan_subject: bool) {
        if seq <= self.applied {
            return;
        }
        self.applied = seq;
        if on_plan_subject {
            self.chain.seq = seq;
        }
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
            Event::FeaturesLearned(features) => self.features_learned(features),
            Event::VehicleLocated(_) | Event::BaseWritten(_) | Event::RepairAsked(_) => Ok(()),
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

    pub(crate) fn intern_order(&mut self, name: &Name) -> OrderId {
        if let Some(&id) = self.order_ids.get(name) {
            return id;
        }
        let id = OrderId(self.orders.len() as u32);
        self.orders.push(OrderState::new(name.clone()));
        self.order_ids.insert(name.clone(), id);
        id
    }

    pub(crate) fn known_order(&self, name: &Name) -> Result<OrderId, Refused> {
        self.order_ids.get(name).copied().ok_or(Refused::UnknownOrder)
    }

    pub(crate) fn known_vehicle(&self, name: &Name) -> Result<VehicleId, Refused> {
        self.vehicle_ids.get(name).copied().ok_or(Refused::UnknownVehicle)
    }

    pub(crate) fn skill_bits(&mut self, names: &[Name]) -> Result<u64, Refused> {
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

    pub(crate) fn still_open(&self, id: OrderId) -> Verdict {
        if self.orders[id.index()].closed.is_some() { Err(Refused::OrderClosed) } else { Ok(()) }
    }

    pub(crate) fn edit_spec(&mut self, id: OrderId, edit: impl FnOnce(&mut Order)) {
        let order = &mut self.orders[id.index()];
        if let Some(spec) = order.spec.as_mut() {
            edit(spec);
            order.spec_digest = digest_of(spec);
        }
    }

    /// Asks for an order to be looked at again, and its route if it has one.
    pub(crate) fn ask_about(&self, id: OrderId, doing: &mut Applying) {
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
            utc_offset: opened.utc_offset,
            rate: opened.rate.max(1),
        };
        self.policy = opened.policy.clone();
        self.rebuild_index();
        Ok(())
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

    // ---- what was learned ----------------------------------------------------------------------------------------

    /// Each version builds on the one before: one that does not is of an owner that had not seen it.
    fn features_learned(&mut self, features: &Features) -> Verdict {
        if features.version != self.features_version + 1 {
            return Err(Refused::OldFeatures);
        }
        self.features_version = features.version;
        self.speeds.extend(features.speeds.iter().map(|speed| (speed.key, speed.clone())));
        self.services.extend(features.services.iter().map(|service| (service.place, service.clone())));
        Ok(())
    }

    // ---- a dispatcher's hand -------------------------------------------------------------------------------------

    fn pin(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        self.recall(order, vehicle, doing)?;
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
        self.recall(order, vehicle, doing)?;
        self.orders[order.index()].pinned = Some(vehicle);
        self.orders[order.index()].rejected_by.retain(|&other| other != vehicle);
        self.ask_about(order, doing);
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    /// Whoever else is on the way to an order turns around: the visit is no longer frozen and can be taken off that route.
    fn recall(&mut self, order: OrderId, vehicle: VehicleId, doing: &mut Applying) -> Verdict {
        let Placement::OnRoute(carrier) = self.orders[order.index()].placement else { return Ok(()) };
        if carrier == vehicle {
            return Ok(());
        }
        doing.vehicle(carrier);
        let state = &mut self.vehicles[carrier.index()];
        if let Some(under) = state.under_way.filter(|under| under.order == order) {
            if under.arrived.is_some() {
                return Err(Refused::AtStop);
            }
            state.under_way = None;
        }
        for visit in state.route.visits.iter_mut().filter(|visit| visit.order == order) {
            // Its time to depart never comes.
            visit.depart_at = Timestamp(i64::MAX / 4);
        }
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

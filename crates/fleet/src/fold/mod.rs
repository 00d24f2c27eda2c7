//! One fact at a time: what each kind of event does to the fleet.
//!
//! Promise: total and deterministic. Late and out-of-order facts are applied at once by a monotone lifecycle: a later
//! stage wins over an earlier one, missing earlier stages are inferred and counted.

mod dispatcher;
mod orders;
mod own;
mod plan;
mod reports;
mod roads;
mod vehicles;

use fleetfold_model::{Event, LogEntry, LogSeq, Millis, Name, Order, OrderId, Timestamp, VehicleId};

use crate::change::{Change, Flag, Refused};
use crate::digest::digest_of;
use crate::{Ask, Fleet, OrderState, Placement, VehicleState};

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
}

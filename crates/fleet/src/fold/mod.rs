//! One entry at a time: what each kind of event does to the fleet. One file for each family of events.
//!
//! Promise: total and deterministic. Facts that come late or out of order are applied at once. A later stage of a stop
//! (departed, arrived, completed) wins over an earlier one; earlier stages that are missing are inferred and counted.

mod alerts;
mod breaks;
mod dispatcher;
mod driving;
mod duty;
mod forgotten;
mod holds;
mod orders;
mod own;
mod plan;
mod reload;
mod reports;
mod retire;
mod roads;
mod vehicles;

use fleetfold_model::{
    Event, LogEntry, LogSeq, Name, Numbered, Order, OrderId, Policy, Position, RULES, Space, Timestamp, VehicleId,
};

use crate::change::{Change, Flag, Refused};
use crate::digest::{order_spec_digest, policy_digest};
use crate::{Ask, Duty, Fleet, OrderState, Placement, SaidAt, Told, ToldTimes, VehicleState};

/// Most different skills in one zone: they are bits of a word.
pub(crate) const SKILLS_MAX: usize = 64;

/// What one entry is doing, gathered while it is applied.
pub(crate) struct Applying {
    pub(crate) seq: LogSeq,
    /// Zone time of the entry.
    pub(crate) now: Timestamp,
    /// When it happened, as its producer says, and not later than [`Self::now`] (zone time).
    pub(crate) at: Timestamp,
    /// Its number, where its source counts.
    pub(crate) numbered: Option<Numbered>,
    /// Rules of the plan that is being taken, or by which a fact is judged.
    pub(crate) rules: u16,
    pub(crate) change: Change,
    pub(crate) ask: Option<Ask>,
    /// Vehicles that no longer drive to the stop that they were under way to.
    pub(crate) halted: Vec<VehicleId>,
    /// The zone, its policy, its chain or a version of what was learned changed.
    pub(crate) zone_changed: bool,
}

impl Applying {
    pub(crate) fn of(seq: LogSeq, now: Timestamp) -> Self {
        Self {
            seq,
            now,
            at: now,
            numbered: None,
            rules: RULES,
            change: Change::default(),
            ask: None,
            halted: Vec::new(),
            zone_changed: false,
        }
    }

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

    pub(crate) fn halts(&mut self, id: VehicleId) {
        if !self.halted.contains(&id) {
            self.halted.push(id);
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

impl Applying {
    /// True when facts are judged by their own times, so that they may come in any order.
    pub(crate) fn judges_times(&self) -> bool {
        self.rules >= 3
    }

    /// Takes note of when something was said. `Err`: something newer was said of it before.
    pub(crate) fn tell(&self, told: &mut ToldTimes, what: Told) -> Verdict {
        if self.rules == 0 {
            // The first plan says by which rules it counts.
            told.note(what, self.at);
            return Ok(());
        }
        if !self.judges_times() {
            return Ok(());
        }
        let said = self.said();
        let last = told.0.entry(what).or_insert(said);
        if last.renew(said) { Ok(()) } else { Err(Refused::Superseded) }
    }

    /// True when nothing that was said earlier takes the place of what was said later, also of the zone as a whole, and sources are
    /// taken at their numbers.
    pub(crate) fn keeps_the_newest(&self) -> bool {
        self.rules >= 5
    }

    /// True when an appointment answers the failures up to its own time, the one that it was told with included, whichever comes first.
    pub(crate) fn answers_at_once(&self) -> bool {
        self.rules >= 6
    }

    /// When it was said, and by whom.
    pub(crate) fn said(&self) -> SaidAt {
        SaidAt { at: self.at, numbered: self.numbered.filter(|_| self.keeps_the_newest()) }
    }
}

pub use dispatcher::EarlyWord;
pub(crate) use retire::KEPT;

pub(crate) type Verdict = Result<(), Refused>;

impl Fleet {
    /// Folds one entry in and says what changed. Entries up to [`Fleet::applied`] are skipped and counted.
    ///
    /// What is over for long enough is retired first: [`Change::retired`] says which orders left.
    pub fn apply(&mut self, entry: &LogEntry) -> Change {
        if entry.seq <= self.applied {
            self.counters.skipped += 1;
            return Change::default();
        }
        self.applied = entry.seq;
        self.logged_at = self.logged_at.max(entry.logged_at);
        let mut doing = Applying::of(entry.seq, self.zone.zone_time(self.logged_at));
        self.retire(&mut doing);
        let verdict = if let Event::PlanProposed(proposal) = &entry.event {
            self.counters.plans += 1;
            doing.zone_changed = true;
            self.apply_plan(proposal, entry.hash, &mut doing)
        } else {
            self.counters.facts += 1;
            doing.rules = self.chain.rules;
            if let Some(time) = entry.time {
                doing.at = time.min(doing.now);
            }
            doing.numbered = entry.numbered;
            self.apply_fact(entry, &mut doing)
        };
        if let Err(reason) = verdict {
            doing.change.refused = Some(reason);
            self.counters.refused += 1;
        }
        if doing.change.flags.contains(&Flag::Gap) {
            self.counters.gaps += 1;
        }
        for id in std::mem::take(&mut doing.halted) {
            self.records_halt(id, &mut doing);
        }
        if let Some(mut ask) = doing.ask.take() {
            ask.logged_at = entry.logged_at;
            self.add_ask(entry.seq, ask);
            doing.change.asks = true;
        }
        for &id in &doing.change.orders {
            self.recount_order(id);
            self.reindex_order(id);
            self.redigest_order(id);
        }
        for &id in &doing.change.vehicles {
            let state = &self.vehicles[id.index()];
            let touched = if state.spec.is_none() { self.logged_at } else { Timestamp(0) };
            if state.touched != touched {
                self.vehicles[id.index()].touched = touched;
            }
            self.reindex_vehicle(id);
            self.redigest_vehicle(id);
            self.reslack(id);
        }
        // A plan names the vehicle of each order that it moves. Other entries may change the goods of an order on a route.
        if doing.change.plan.is_none() {
            for &id in &doing.change.orders {
                let order = &self.orders[id.index()];
                let planned = if let Placement::OnRoute(vehicle) = order.placement { Some(vehicle) } else { None };
                for vehicle in planned.into_iter().chain(order.on_board) {
                    self.reslack(vehicle);
                }
            }
        }
        if doing.zone_changed {
            self.redigest_zone();
        }
        doing.change
    }

    /// Passes over an entry that is not folded, because the reader of the log rejected it: [`Fleet::applied`] rises, so that
    /// it says how far the log was read, and an entry on the plan subject moves the fence of the next append
    /// ([`Chain::seq`](crate::Chain)). Nothing else changes.
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
        if entry.id != 0 && self.seen.get(&entry.id).is_some() {
            return Err(Refused::DuplicateEvent);
        }
        if entry.event.own_epoch().is_some_and(|epoch| self.is_old(&entry.event, epoch)) {
            return Err(Refused::OldEpoch);
        }
        let verdict = self.dispatch(&entry.event, doing);
        // A zone that could not be opened may be sent again as it is, once what was wrong is mended.
        let forgotten = verdict.is_err() && matches!(entry.event, Event::ZoneOpened(_));
        if entry.id != 0 && !forgotten {
            if let Some(&order) = doing.change.orders.first() {
                // The id lives as long as the order it is about.
                self.seen.insert(entry.id, KEPT);
                self.orders[order.index()].seen.push(entry.id);
            } else {
                self.remember(entry.id);
            }
        }
        verdict
    }

    // ---- facts that wait for an answer ---------------------------------------------------------------------------

    pub(crate) fn add_ask(&mut self, seq: LogSeq, ask: Ask) {
        for order in &ask.orders {
            self.orders[order.index()].asked += 1;
        }
        self.resum(0, self.ask_digest(seq, &ask));
        self.unanswered.insert(seq, ask);
    }

    pub(crate) fn drop_ask(&mut self, seq: LogSeq) -> Option<Ask> {
        let ask = self.unanswered.remove(&seq)?;
        self.resum(self.ask_digest(seq, &ask), 0);
        for order in &ask.orders {
            self.orders[order.index()].asked -= 1;
        }
        Some(ask)
    }

    /// Changes every fact that waits. Costs what waits.
    fn edit_asks(&mut self, edit: impl Fn(&mut Ask)) {
        let mut asks = std::mem::take(&mut self.unanswered);
        for (&seq, ask) in &mut asks {
            let old = self.ask_digest(seq, ask);
            edit(ask);
            self.resum(old, self.ask_digest(seq, ask));
        }
        self.unanswered = asks;
    }

    fn dispatch(&mut self, event: &Event, doing: &mut Applying) -> Verdict {
        match event {
            Event::ZoneOpened(zone) => self.zone_opened(zone, doing),
            Event::OrderCreated(order) => self.order_created(order, doing),
            Event::OrderUpdated(change) => self.order_updated(change, doing),
            Event::OrderReady { order, at } => self.order_ready(order, *at, doing),
            Event::OrderCancelled { order } => self.order_cancelled(order, doing),
            Event::VehicleRegistered(vehicle) => self.vehicle_registered(vehicle, doing),
            Event::ShiftStarted { vehicle, shift, position } => {
                let position = self.place_said(*position, doing);
                self.duty(vehicle, Duty::On(shift.clone()), position, doing)
            }
            Event::ShiftEnded { vehicle, at } => {
                let what = if *at > doing.now { Duty::Ends(*at) } else { Duty::Off };
                self.duty(vehicle, what, None, doing)
            }
            Event::VehicleLost { vehicle, position } => {
                let position = self.place_said(*position, doing);
                self.duty(vehicle, Duty::Lost, position, doing)
            }
            Event::VehicleBack { vehicle, position } => {
                let position = self.place_said(*position, doing);
                self.duty(vehicle, Duty::Back, position, doing)
            }
            Event::RoadClosed(change) => self.road_changed(change, true, doing),
            Event::RoadSlowed(change) => self.road_changed(change, false, doing),
            Event::RoadReopened(change) => self.road_reopened(change, doing),
            Event::StopDeparted(stop) => self.stop_departed(stop, doing),
            Event::StopArrived(stop) => self.stop_arrived(stop, doing),
            Event::StopCompleted(stop) => self.stop_completed(stop, doing),
            Event::StopFailed(stop, reason, None) => self.stop_failed(stop, *reason, doing),
            Event::StopFailed(stop, reason, Some(retry)) => self.stop_postponed(stop, *reason, *retry, doing),
            Event::AssignmentAccepted { vehicle, revision } => {
                let id = self.intern_vehicle(vehicle);
                doing.vehicle(id);
                let state = &mut self.vehicles[id.index()];
                if doing.rules >= 5 && LogSeq(*revision) > state.route.revision {
                    // Nobody has told its driver such a route: if it counted, everything that he is told later would count as accepted.
                    return Err(Refused::NoSuchRevision);
                }
                state.accepted = state.accepted.max(LogSeq(*revision));
                Ok(())
            }
            Event::AssignmentRejected { vehicle, order } => self.assignment_rejected(vehicle, order, doing),
            Event::StopPinned(pin) => {
                let verdict = self.pin(pin, doing);
                self.word_for_later(verdict, &EarlyWord::Pinned(pin.clone()), doing)
            }
            Event::StopUnpinned { order } => {
                let verdict = self.unpin(order, doing);
                self.word_for_later(verdict, &EarlyWord::Unpinned(order.clone()), doing)
            }
            Event::AssignmentForced(pin) => {
                let verdict = self.force(pin, doing);
                self.word_for_later(verdict, &EarlyWord::Forced(pin.clone()), doing)
            }
            Event::PriorityRaised(raised) if doing.remembers() => self.priority_raised(raised, doing),
            Event::PriorityRaised(raised) => {
                let verdict = self.known_priority_raised(raised, doing);
                self.word_for_later(verdict, &EarlyWord::Raised(raised.clone()), doing)
            }
            Event::PolicyChanged(policy) => self.policy_changed(policy, doing),
            // It is between dispatchers.
            Event::AttentionNoted(_) => Ok(()),
            Event::FeaturesLearned(features) => self.features_learned(features, doing),
            Event::VehicleLocated(located) => self.vehicle_located(located, doing),
            Event::BaseWritten(base) => {
                self.base_written(base);
                Ok(())
            }
            Event::RepairAsked(repair) => {
                self.repair_asked(repair, doing);
                Ok(())
            }
            Event::OrderRetried(retry) => self.order_retried(retry, doing),
            Event::SlotHeld(held) => self.slot_held(held, doing),
            Event::OrderConfirmed { order } => self.order_confirmed(order, doing),
            Event::HoldEnded(ended) => self.hold_ended(ended, doing),
            Event::BreakStarted(pause) => self.break_started(pause, doing),
            Event::BreakEnded(pause) => self.break_ended(pause, doing),
            Event::ReloadStarted(call) => self.reload_started(call, doing),
            Event::ReloadEnded(call) => self.reload_ended(call, doing),
            Event::AlertRaised(raised) => self.alert_raised(raised, doing),
            Event::AlertCleared(cleared) => self.alert_cleared(cleared, doing),
            Event::AlertAcknowledged(said) => self.alert_acknowledged(said, doing),
            Event::PersonForgotten(person) => {
                self.person_forgotten(person, doing);
                Ok(())
            }
            Event::PlanProposed(_) => unreachable!("plans are taken apart in `apply`"),
        }
    }

    fn policy_changed(&mut self, policy: &Policy, doing: &mut Applying) -> Verdict {
        if doing.keeps_the_newest() {
            doing.zone_changed = true;
            let said = doing.said();
            if !self.policy_said.get_or_insert(said).renew(said) {
                return Err(Refused::Superseded);
            }
        }
        self.policy = policy.clone();
        self.policy_digest = policy_digest(policy);
        doing.zone_changed = true;
        doing.ask();
        Ok(())
    }

    /// Where a fact says that somebody is. Receivers without a fix send longitude 0, latitude 0: nothing is said then.
    pub(crate) fn place_said(&self, position: Option<Position>, doing: &mut Applying) -> Option<Position> {
        let is_nowhere = |&place: &Position| self.zone.space == Space::Geographic && place == Position { x: 0, y: 0 };
        if doing.remembers() && position.as_ref().is_some_and(is_nowhere) {
            doing.flag(Flag::Nowhere);
            return None;
        }
        position
    }

    // ---- identities ----------------------------------------------------------------------------------------------

    pub(crate) fn intern_vehicle(&mut self, name: &Name) -> VehicleId {
        if let Some(&id) = self.vehicle_ids.get(name) {
            return id;
        }
        let state = VehicleState::new(name.clone());
        let id = if let Some(free) = self.free_vehicles.take_first() {
            self.vehicles[free] = state;
            VehicleId(free as u32)
        } else {
            self.vehicles.push(state);
            VehicleId(self.vehicles.len() as u32 - 1)
        };
        self.vehicle_ids.insert(name.clone(), id);
        id
    }

    /// The number of an order. The first fact about an order gives it one: the lowest that is free. An order that is not
    /// asked for within the policy's `retire_after` is retired.
    ///
    /// # Errors
    ///
    /// [`Refused::UnknownOrder`] for a late fact about an order that was retired.
    pub(crate) fn intern_order(&mut self, name: &Name) -> Result<OrderId, Refused> {
        if let Some(&id) = self.order_ids.get(name) {
            return Ok(id);
        }
        if self.was_retired(name) {
            return Err(Refused::UnknownOrder);
        }
        let id = self.new_order(name);
        self.over_from_now(id);
        Ok(id)
    }

    fn new_order(&mut self, name: &Name) -> OrderId {
        let state = OrderState::new(name.clone());
        let id = if let Some(free) = self.free_orders.take_first() {
            self.orders[free] = state;
            OrderId(free as u32)
        } else {
            self.orders.push(state);
            OrderId(self.orders.len() as u32 - 1)
        };
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
            order.spec_digest = order_spec_digest(spec);
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

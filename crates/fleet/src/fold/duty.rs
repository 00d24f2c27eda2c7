//! Whether vehicles work, judged by the times of the facts: under the fourth rules.

use fleetfold_model::{Load, Name, OrderId, Position, Timestamp, VehicleId};

use super::{Applying, Verdict};
use crate::change::{Flag, Refused};
use crate::duty::{Duty, DutyTold, Working};
use crate::{Fleet, Reloads, Told, VehicleState};

/// From these rules on facts about whether a vehicle works are remembered, so that they may come in any order.
const BY_HISTORY: u16 = 4;

impl Applying {
    /// True when what was told is remembered also where it came too early or too late to change anything, so that the same
    /// facts come to the same in any order.
    pub(crate) fn remembers(&self) -> bool {
        self.rules >= BY_HISTORY
    }
}

impl VehicleState {
    /// What is known of it under earlier rules becomes what is settled.
    pub(super) fn settle_earlier_rules(&mut self, doing: &Applying) {
        if !self.duties.is_empty() {
            return;
        }
        let told = |what| self.told.0.get(&what).map(|said| said.at);
        let (shift_told, lost_told) = (told(Told::Shift), told(Told::Lost));
        let registered = self.spec.as_ref().and_then(|spec| spec.shift.as_ref());
        self.duties.settled = Working {
            is_on: self.on,
            since: shift_told.or((self.on || self.shift.is_some()).then_some(doing.at)),
            is_lost: self.lost,
            shift: self.shift.clone().filter(|shift| Some(shift) != registered),
            ends: None,
        };
        self.duties.settled_at = shift_told.max(lost_told);
    }

    /// True when it worked, and does no longer: goods that were on board are where it stands.
    pub(super) fn has_stopped(&self) -> bool {
        self.lost || (!self.on && (self.told.0.contains_key(&Told::Shift) || self.duties.working().has_stopped()))
    }

    /// Whether it works becomes what its facts say. True: something changed.
    pub(super) fn follow_duties(&mut self) -> bool {
        let working = self.duties.working();
        let registered = self.spec.as_ref().and_then(|spec| spec.shift.as_ref());
        let (on, lost, shift) = (working.is_on, working.is_lost, working.shift(registered));
        let is_new = (on, lost, &shift) != (self.on, self.lost, &self.shift);
        (self.on, self.lost, self.shift) = (on, lost, shift);
        is_new
    }
}

impl Fleet {
    /// A fact about whether a vehicle works.
    pub(super) fn duty(
        &mut self,
        name: &Name,
        what: Duty,
        position: Option<Position>,
        doing: &mut Applying,
    ) -> Verdict {
        if doing.remembers() {
            return self.duty_told(name, &what, position, doing);
        }
        let fact = DutyTold { said: doing.said(), what: what.clone() };
        let verdict = match what {
            Duty::On(shift) => self.shift_started(name, shift.as_ref(), position, doing),
            Duty::Off => self.shift_ended(name, doing.now, doing),
            Duty::Ends(at) => self.shift_ended(name, at, doing),
            Duty::Lost => self.vehicle_lost(name, position, doing),
            Duty::Back => self.vehicle_back(name, position, doing),
        };
        if doing.rules == 0
            && let Ok(id) = self.known_vehicle(name)
        {
            // The first plan says by which rules it counts.
            self.vehicles[id.index()].duties.tell(fact);
        }
        verdict
    }

    fn duty_told(&mut self, name: &Name, what: &Duty, position: Option<Position>, doing: &mut Applying) -> Verdict {
        let is_known = self.vehicle_ids.get(name).is_some();
        let id = self.intern_vehicle(name);
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        state.settle_earlier_rules(doing);
        let fact = state.duties.placed(DutyTold { said: doing.said(), what: what.clone() });
        let is_newest = state.duties.is_newest(fact.said.at);
        let (was_on, was_available, had_stopped) = (state.on, state.on && !state.lost, state.has_stopped());
        if !state.duties.tell(fact) {
            return Err(Refused::Superseded);
        }
        let is_new = state.follow_duties();
        let (is_on, is_available) = (state.on, state.on && !state.lost);
        let stops_working = (!had_stopped && state.has_stopped()) || (was_on && !is_on);
        if is_on && !was_on {
            state.stops_done = 0;
            state.breaks_taken = 0;
            state.on_break = None;
            state.reloads = Reloads { told: state.reloads.told, ..Reloads::default() };
            state.begins_to_record(doing.at);
            state.told.0.remove(&Told::Driven);
        }
        self.duty_place(id, what, position, (is_newest, stops_working, is_on && !was_on), doing);
        if was_on && !is_on {
            self.vehicles[id.index()].on_break = None;
            self.vehicles[id.index()].kept = Load::default();
        }
        if stops_working {
            self.displace_all(id, doing);
        }
        if is_available && (!was_available || *what == Duty::Back) {
            self.works_again(id, doing);
        }
        if !is_known && !matches!(what, Duty::On(_)) {
            return Ok(()); // it is remembered until somebody registers the vehicle
        }
        if !is_new && !was_on && matches!(what, Duty::Off | Duty::Ends(_)) {
            return Err(Refused::NotOnShift);
        }
        if !is_new && !is_newest {
            return Err(Refused::Superseded);
        }
        if self.vehicles[id.index()].spec.is_some() || !matches!(what, Duty::On(_)) {
            doing.ask_vehicle(id);
        } else {
            doing.flag(Flag::Gap);
        }
        Ok(())
    }

    /// Where a vehicle is after a fact about whether it works.
    fn duty_place(
        &mut self,
        id: VehicleId,
        what: &Duty,
        position: Option<Position>,
        (is_newest, stops_working, signs_on): (bool, bool, bool),
        doing: &mut Applying,
    ) {
        let state = &mut self.vehicles[id.index()];
        let starts = state.shift.as_ref().map_or(doing.at, |shift| shift.starts);
        let since = if matches!(what, Duty::On(_)) { doing.at.max(starts) } else { doing.at };
        let is_known_better = state.is_known_better_than(doing.at, doing.now);
        match (position, what) {
            (Some(position), _) if is_newest && !is_known_better => state.stands_at(position, since),
            (Some(position), _) => self.was_at(id, position, doing.at, doing),
            (None, Duty::On(_)) => {
                let start = state.spec.as_ref().map(|spec| spec.start);
                if let Some(start) = start.filter(|_| (signs_on && !is_known_better) || state.anchor.is_none()) {
                    state.stands_at(start, since);
                }
            }
            (None, Duty::Lost | Duty::Back) if is_newest || stops_working => {
                state.stands_somewhere(doing.at, doing.seq);
            }
            // Goods still on board are where it stands now, which this fact does not say.
            (None, Duty::Off) if stops_working && (!state.on_board.is_empty() || state.under_way.is_some()) => {
                state.stands_somewhere(doing.at, doing.seq);
            }
            (None, _) => {}
        }
    }

    /// A fact that comes late says where a vehicle was when it happened. It counts as far as nothing newer is known, and goods
    /// that wait on the vehicle are there too.
    pub(super) fn was_at(&mut self, id: VehicleId, position: Position, at: Timestamp, doing: &mut Applying) {
        if self.vehicles[id.index()].was_at(position, at) {
            for order in self.vehicles[id.index()].goods_waiting.clone() {
                self.goods_are_at(order, position, doing);
            }
        }
    }

    /// A vehicle works again: the goods that nobody has fetched from it are on board.
    pub(super) fn works_again(&mut self, id: VehicleId, doing: &mut Applying) {
        let waiting: Vec<OrderId> = std::mem::take(&mut self.vehicles[id.index()].goods_waiting);
        self.aboard_again(id, waiting, doing);
    }

    /// The first plan of a chain says by which rules the facts before it are judged from now on: what was remembered of them
    /// counts, or is forgotten.
    pub(super) fn first_rules(&mut self, rules: u16, doing: &mut Applying) {
        for index in 0..self.vehicles.len() {
            let id = VehicleId(index as u32);
            let state = &mut self.vehicles[index];
            if state.told.0.is_empty() && state.duties.is_empty() {
                continue;
            }
            if rules < BY_HISTORY {
                state.told = crate::ToldTimes::default();
                state.duties = crate::Duties::default();
                continue;
            }
            let was_available = state.on && !state.lost;
            if !state.duties.is_empty() && state.follow_duties() {
                let is_available = state.on && !state.lost;
                if state.has_stopped() {
                    self.displace_all(id, doing);
                } else if is_available && !was_available {
                    self.works_again(id, doing);
                    doing.ask_vehicle(id);
                }
                doing.vehicle(id);
            }
        }
        if rules == BY_HISTORY {
            for index in 0..self.orders.len() {
                self.orders[index].told.0.remove(&Told::Pinned);
            }
        }
        if doing.keeps_the_newest() {
            self.take_early_words(doing);
        } else {
            self.early_words.clear();
        }
        if rules < BY_HISTORY {
            for index in 0..self.orders.len() {
                if !self.orders[index].told.0.is_empty() {
                    self.orders[index].told = crate::ToldTimes::default();
                }
            }
        }
    }

    /// Brings the digests up to date once the chain has named its first rules: they say what a digest covers.
    pub(super) fn redigest_what_was_told(&mut self) {
        for index in 0..self.vehicles.len() {
            self.redigest_vehicle(VehicleId(index as u32));
        }
        for index in 0..self.orders.len() {
            if !self.orders[index].told.0.is_empty() {
                self.redigest_order(OrderId(index as u32));
            }
        }
    }
}

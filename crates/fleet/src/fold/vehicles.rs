//! Vehicles sign on and off, break down and come back.

use fleetfold_model::{Load, Name, OrderId, Position, Shift, Timestamp, Vehicle, VehicleId};

use crate::change::{Flag, Refused};
use crate::digest::vehicle_spec_digest;
use crate::fold::{Applying, Verdict};
use crate::{Fleet, Mark, Placement, Reloads, Told};

impl Fleet {
    pub(crate) fn vehicle_registered(&mut self, spec: &Vehicle, doing: &mut Applying) -> Verdict {
        let id = self.intern_vehicle(&spec.name);
        doing.vehicle(id);
        doing.tell(&mut self.vehicles[id.index()].told, Told::Registered)?;
        if doing.remembers() {
            self.vehicles[id.index()].settle_earlier_rules(doing);
        }
        let skills = self.skill_bits(&spec.skills)?;
        let state = &mut self.vehicles[id.index()];
        state.spec = Some(spec.clone());
        state.spec_digest = vehicle_spec_digest(spec);
        state.skills = skills;
        if doing.remembers() {
            // The shift of who is signed on follows, as far as he has not named another.
            state.follow_duties();
        }
        if state.tachograph.is_empty() {
            if state.on {
                state.begins_to_record(doing.at);
            }
        } else if spec.driving_time.is_some() {
            // Without a rule the record goes on by the last one, until its driver signs on again.
            state.tachograph.rule = spec.driving_time;
        }
        if state.on {
            // It signed on before it was registered, or its properties changed during the shift.
            if state.shift.is_none() {
                state.shift.clone_from(&spec.shift);
            }
            if state.anchor.is_none() {
                state.stands_at(spec.start, doing.now);
            }
            doing.ask_vehicle(id);
        }
        Ok(())
    }

    pub(crate) fn shift_started(
        &mut self,
        name: &Name,
        shift: Option<&Shift>,
        position: Option<Position>,
        doing: &mut Applying,
    ) -> Verdict {
        let id = self.intern_vehicle(name);
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        doing.tell(&mut state.told, Told::Shift)?;
        let registered = state.spec.as_ref().and_then(|spec| spec.shift.clone());
        state.shift = shift.cloned().or(registered);
        let was_on = state.on;
        if !state.on {
            state.on = true;
            state.lost = false;
            state.stops_done = 0;
            state.breaks_taken = 0;
            state.on_break = None;
            state.reloads = Reloads { told: state.reloads.told, ..Reloads::default() };
            state.begins_to_record(doing.at);
        }
        // An app that starts anew says nothing of where its driver is: he is where he was last.
        let stays = was_on && position.is_none() && state.anchor.is_some() && doing.judges_times();
        let place = position.or_else(|| state.spec.as_ref().map(|spec| spec.start));
        let starts = state.shift.as_ref().map_or(doing.now, |shift| shift.starts);
        if let Some(position) = place.filter(|_| !stays) {
            state.stands_at(position, doing.now.max(starts));
        }
        if state.spec.is_some() {
            doing.ask_vehicle(id);
        } else {
            doing.flag(Flag::Gap);
        }
        Ok(())
    }

    pub(crate) fn shift_ended(&mut self, name: &Name, at: Timestamp, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(name)?;
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        if !state.on {
            return Err(Refused::NotOnShift);
        }
        doing.tell(&mut state.told, Told::Shift)?;
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
        state.on_break = None;
        state.kept = Load::default();
        // Goods still on board are where it stands now, which this fact does not say.
        if !state.on_board.is_empty() || state.under_way.is_some() {
            state.stands_somewhere(doing.now, doing.seq);
        }
        self.displace_all(id, doing);
        doing.ask_vehicle(id);
        Ok(())
    }

    pub(crate) fn vehicle_lost(&mut self, name: &Name, position: Option<Position>, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(name)?;
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        doing.tell(&mut state.told, Told::Lost)?;
        state.lost = true;
        match position {
            Some(position) => state.stands_at(position, doing.now),
            None => state.stands_somewhere(doing.now, doing.seq),
        }
        self.displace_all(id, doing);
        doing.ask_vehicle(id);
        Ok(())
    }

    /// Empties a vehicle that cannot work on: orders not on board wait for another vehicle; goods on board wait for a rescue
    /// where it stands.
    pub(crate) fn displace_all(&mut self, id: VehicleId, doing: &mut Applying) {
        let state = &mut self.vehicles[id.index()];
        state.under_way = None;
        state.reloads.since = None;
        doing.halts(id);
        if !state.route.visits.is_empty() {
            state.route.revision = doing.seq;
            doing.route(id);
        }
        let visits = std::mem::take(&mut state.route.visits);
        let (on_board, loaded): (Vec<OrderId>, Vec<OrderId>) = std::mem::take(&mut state.on_board)
            .into_iter()
            .partition(|&order| !self.orders[order.index()].told.0.contains_key(&Told::Loaded));
        let state = &mut self.vehicles[id.index()];
        if state.on {
            // Goods of jobs are in it, and nobody comes for them: they wait until it works again, or its shift ends.
            state.on_board.clone_from(&loaded);
        } else {
            // They are back where they were loaded.
            for &order in &loaded {
                self.orders[order.index()].on_board = None;
                self.orders[order.index()].told.0.remove(&Told::Loaded);
            }
        }
        self.wait_for_rescue(id, &on_board);
        for order in visits.iter().map(|visit| visit.order).chain(on_board).chain(loaded) {
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

    /// Goods of orders are where this vehicle stands, and wait there for whoever fetches them.
    fn wait_for_rescue(&mut self, id: VehicleId, orders: &[OrderId]) {
        let place = self.vehicles[id.index()].anchor.map(|anchor| anchor.position);
        for &order in orders {
            let state = &mut self.orders[order.index()];
            state.on_board = None;
            state.rescue_from = Some(id);
            state.pickup = crate::Progress::default();
            state.pickup_moved_to = place;
        }
        let waiting = &mut self.vehicles[id.index()].goods_waiting;
        waiting.extend(orders);
        waiting.sort_unstable();
        waiting.dedup();
    }

    /// Goods are picked up. Where it was told before that their vehicle has stopped since, they are where it stands.
    pub(super) fn take_aboard(&mut self, order: OrderId, id: VehicleId, doing: &mut Applying) {
        self.load_on_board(order, id, doing);
        self.put_down(order, doing);
    }

    /// Goods on board of a vehicle that has stopped are where it stands.
    pub(super) fn put_down(&mut self, order: OrderId, doing: &mut Applying) {
        let state = &self.orders[order.index()];
        let Some(id) = state.on_board.filter(|_| doing.remembers() && state.is_shipment()) else { return };
        if self.vehicles[id.index()].has_stopped() {
            self.vehicles[id.index()].on_board.retain(|&other| other != order);
            self.wait_for_rescue(id, &[order]);
        }
    }

    pub(crate) fn vehicle_back(&mut self, name: &Name, position: Option<Position>, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(name)?;
        doing.vehicle(id);
        let state = &mut self.vehicles[id.index()];
        doing.tell(&mut state.told, Told::Lost)?;
        state.lost = false;
        match position {
            Some(position) => state.stands_at(position, doing.now),
            None => state.stands_somewhere(doing.now, doing.seq),
        }
        // Goods nobody has fetched yet are on board again.
        let waiting = std::mem::take(&mut state.goods_waiting);
        self.aboard_again(id, waiting, doing);
        doing.ask_vehicle(id);
        Ok(())
    }

    /// Goods that waited on a vehicle are on board of it again.
    pub(super) fn aboard_again(&mut self, id: VehicleId, waiting: Vec<OrderId>, doing: &mut Applying) {
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
        for order in self.vehicles[id.index()].on_board.clone() {
            let state = &self.orders[order.index()];
            if state.told.0.contains_key(&Told::Loaded) && matches!(state.placement, Placement::Unassigned(_)) {
                doing.ask_order(order);
            }
        }
    }

    pub(crate) fn load_on_board(&mut self, order: OrderId, vehicle: VehicleId, doing: &mut Applying) {
        self.goods_wait_no_more(order);
        let state = &mut self.orders[order.index()];
        state.on_board = Some(vehicle);
        state.pickup_moved_to = None;
        let carrier = &mut self.vehicles[vehicle.index()];
        if !carrier.on_board.contains(&order) {
            carrier.on_board.push(order);
        }
        doing.vehicle(vehicle);
    }
}

//! Calls at depots: what drivers tell of them, and what other reports say of one that nobody has told.

use fleetfold_model::{Load, Metres, OrderId, Position, ReloadEvent, StopKind, Timestamp, VehicleId};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::{Fleet, VehicleState};

impl VehicleState {
    /// Takes note of a report about a call at a depot. False: a newer one was told.
    fn tells_of_reload(&mut self, at: Timestamp) -> bool {
        let is_new = self.reloads.told.is_none_or(|last| last <= at);
        self.reloads.told = self.reloads.told.max(Some(at));
        is_new
    }

    /// True when it has left for a stop, or served one, since then.
    fn has_gone_on_since(&self, at: Timestamp, now: Timestamp) -> bool {
        self.under_way.is_some_and(|under| under.departed >= at) || self.is_known_better_than(at, now)
    }

    /// The depot where it is loaded; or the one at which it calls next as planned, or else the only one that it has.
    fn depot_here(&self) -> Option<Position> {
        if self.reloads.since.is_some() && self.unlocated.is_none() {
            return self.anchor.map(|anchor| anchor.position);
        }
        let planned = self.route.visits.iter().find_map(|visit| visit.reload_before).map(|call| call.position);
        let places = || self.spec.as_ref().and_then(|spec| spec.reload.as_ref()).map(|reload| reload.places.as_slice());
        planned.or_else(|| match places()? {
            [only] => Some(only.position),
            _ => None,
        })
    }
}

impl Fleet {
    /// The vehicle is at a depot. What is planned behind its next call there is its present trip from now on, and can be loaded until it leaves.
    pub(super) fn reload_started(&mut self, call: &ReloadEvent, doing: &mut Applying) -> Verdict {
        let (id, at, place) = self.reload_told(call, doing)?;
        self.comes_to_depot(id, doing);
        self.vehicles[id.index()].reloads.since = Some(at);
        self.stands_at_depot(id, place, at, doing);
        Ok(())
    }

    /// The vehicle is loaded: what its jobs of the present trip deliver is on board.
    pub(super) fn reload_ended(&mut self, call: &ReloadEvent, doing: &mut Applying) -> Verdict {
        let (id, at, place) = self.reload_told(call, doing)?;
        if self.vehicles[id.index()].reloads.since.take().is_none() {
            // Nobody has told that it began.
            self.comes_to_depot(id, doing);
        }
        self.leave_with_goods(id, doing);
        self.stands_at_depot(id, place, at, doing);
        Ok(())
    }

    /// The driver says that he is at a depot. Before the vehicle has left its start it is loaded for its first trip there.
    fn comes_to_depot(&mut self, id: VehicleId, doing: &mut Applying) {
        let was_in_use = self.vehicles[id.index()].is_in_use();
        self.vehicles[id.index()].under_way = None;
        doing.halts(id);
        if was_in_use {
            self.calls_at_depots(id, 1, doing);
        }
    }

    /// Whose report it is, when it happened and where. `Err`: nothing follows from it.
    fn reload_told(
        &mut self,
        call: &ReloadEvent,
        doing: &mut Applying,
    ) -> Result<(VehicleId, Timestamp, Option<Position>), Refused> {
        let id = self.known_vehicle(&call.vehicle)?;
        doing.vehicle(id);
        let at = Self::report_time(call.at, doing);
        let said = self.place_said(call.position, doing);
        let state = &mut self.vehicles[id.index()];
        if !state.on {
            return Err(Refused::NotOnShift);
        }
        let is_new = state.tells_of_reload(at);
        let place = said.or_else(|| state.depot_here());
        if is_new && !state.has_gone_on_since(at, doing.now) {
            return Ok((id, at, place));
        }
        // It has gone on since: that said already that it was loaded.
        if let Some(said) = said {
            self.was_at(id, said, at, doing);
        }
        Err(Refused::Superseded)
    }

    fn stands_at_depot(&mut self, id: VehicleId, place: Option<Position>, at: Timestamp, doing: &mut Applying) {
        let state = &mut self.vehicles[id.index()];
        match place {
            Some(place) => state.stands_at(place, at),
            None => state.stands_somewhere(at, doing.seq),
        }
        if state.is_available() {
            doing.ask_vehicle(id);
        }
    }

    /// A report about a stop says that the vehicle has left the depot where it was loaded; or that it has been at one, although nobody has
    /// told that: where the depot is the next thing on the route and the stop comes behind it, or where goods are delivered that are to be
    /// loaded there.
    pub(super) fn implies_reload(
        &mut self,
        id: VehicleId,
        (order, stop): (OrderId, StopKind),
        at: Timestamp,
        doing: &mut Applying,
    ) {
        if self.vehicles[id.index()].reloads.since.is_some_and(|since| since < at) {
            self.vehicles[id.index()].reloads.since = None;
            self.leave_with_goods(id, doing);
        }
        let visits = &self.vehicles[id.index()].route.visits;
        let Some(position) = visits.iter().position(|visit| (visit.order, visit.stop) == (order, stop)) else { return };
        let calls = visits[..=position].iter().filter(|visit| visit.reload_before.is_some()).count();
        if calls == 0 {
            return;
        }
        let state = &self.orders[order.index()];
        let needs_goods = state.loads_at_start() && state.on_board.is_none() && state.load() != Load::default();
        if needs_goods || position == 0 {
            self.calls_at_depots(id, calls, doing);
            self.leave_with_goods(id, doing);
        }
    }

    /// The vehicle has come to the next depots of its route, so many. What it could not deliver before is left there.
    fn calls_at_depots(&mut self, id: VehicleId, calls: usize, doing: &mut Applying) {
        let state = &mut self.vehicles[id.index()];
        state.kept = Load::default();
        let planned = state.route.visits.iter_mut().filter(|visit| visit.reload_before.is_some()).take(calls);
        let mut is_planned = false;
        for visit in planned {
            // The way there is driven; the way from there to the stop counts when that is over.
            doing.change.driven += visit.reload_before.take().map_or(Metres(0), |call| call.metres);
            state.reloads.times += 1;
            is_planned = true;
        }
        if is_planned {
            // A plan that still calls there is made of another route.
            state.route.revision = doing.seq;
            doing.route(id);
            doing.ask_vehicle(id);
        }
    }
}

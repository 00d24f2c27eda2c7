//! Breaks as drivers take them.

use fleetfold_model::{BreakEvent, Millis, VehicleId};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::vehicle::OnBreak;
use crate::{Fleet, Turn};

/// A break whose end was told first began no earlier than this before it.
const LONGEST: Millis = Millis(24 * 3_600_000);

impl Fleet {
    /// A break began: the vehicle is free again when it is over. It is the next one of its shift, which is not planned again.
    pub(super) fn break_started(&mut self, pause: &BreakEvent, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(&pause.vehicle)?;
        doing.vehicle(id);
        let at = Self::report_time(pause.at, doing);
        let said = self.place_said(pause.position, doing);
        let state = &mut self.vehicles[id.index()];
        if !state.on {
            return Err(Refused::NotOnShift);
        }
        let planned = state.shift.as_ref().and_then(|shift| shift.breaks.get(state.breaks_taken as usize).copied());
        let rule = state.spec.as_ref().and_then(|spec| spec.driving_time);
        let usual = planned.map(|planned| planned.duration).or(rule.map(|rule| rule.pause));
        let duration = pause.duration.or(usual).unwrap_or(Millis(0));
        state.turns(at, Turn::BreakBegan, (Millis(0), duration), doing);
        if let Some(over) = state.break_that_was_over().filter(|over| over.since < at && at <= over.until) {
            // Its end came first. It was taken, and is not planned again.
            state.on_break = None;
            if state.shift.as_ref().is_some_and(|shift| shift.breaks.len() > state.breaks_taken as usize) {
                state.breaks_taken += 1;
            }
            self.no_pause_ahead(id, doing);
            self.free_from(id, None, over.until, doing);
            return Ok(());
        }
        let state = &mut self.vehicles[id.index()];
        if state.on_break.is_some_and(|last| last.since >= at) || state.break_ended.is_some_and(|last| last >= at) {
            return Err(Refused::Superseded);
        }
        let until = at + duration;
        state.on_break = Some(OnBreak { since: at, until, planned: planned.is_some() });
        if planned.is_some() {
            state.breaks_taken += 1;
        }
        self.no_pause_ahead(id, doing);
        self.free_from(id, said, until, doing);
        Ok(())
    }

    /// It ended: the vehicle is free from now on.
    pub(super) fn break_ended(&mut self, pause: &BreakEvent, doing: &mut Applying) -> Verdict {
        let id = self.known_vehicle(&pause.vehicle)?;
        doing.vehicle(id);
        let at = Self::report_time(pause.at, doing);
        let said = self.place_said(pause.position, doing);
        let state = &mut self.vehicles[id.index()];
        state.turns(at, Turn::BreakEnded, (Millis(0), Millis(0)), doing);
        if state.break_ended.is_some_and(|last| last > at) {
            return Err(Refused::Superseded);
        }
        let is_known = state.break_that_was_over().is_none();
        let before = state.break_ended.replace(at);
        let Some(began) = state.on_break.filter(|began| is_known && began.since <= at) else {
            // Its beginning may be told yet. A later break goes on.
            if !is_known || state.on_break.is_none() {
                let since = before.map_or(at - LONGEST, |before| before.max(at - LONGEST));
                state.on_break = Some(OnBreak { since, until: at, planned: false });
            }
            return Err(Refused::NotOnBreak);
        };
        state.on_break = None;
        // Where a later fact has said that it stands somewhere, that holds.
        if state.anchor.is_none_or(|anchor| anchor.at == began.until || anchor.at <= at) {
            self.free_from(id, said, at, doing);
        }
        Ok(())
    }

    /// The pause before the next stop for which one is planned is the one that was just taken.
    fn no_pause_ahead(&mut self, id: VehicleId, doing: &mut Applying) {
        let state = &mut self.vehicles[id.index()];
        let frozen = state.frozen();
        let is_ruled = state.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some());
        let on_the_way = state.under_way.is_some_and(|under| under.arrived.is_none());
        if is_ruled && on_the_way && state.route.visits.iter().take(frozen).any(|visit| visit.break_before > Millis(0))
        {
            // It is the one on the way.
            return;
        }
        let next = state.route.visits.iter_mut().skip(frozen).find(|visit| visit.break_before > Millis(0));
        if let Some(visit) = next {
            visit.break_before = Millis(0);
            state.route.revision = doing.seq;
            doing.route(id);
        }
    }

    /// The vehicle can drive on from then on. One that is under way to a stop goes on to it after the break; where it stands is told by its phone.
    fn free_from(
        &mut self,
        id: VehicleId,
        said: Option<fleetfold_model::Position>,
        at: fleetfold_model::Timestamp,
        doing: &mut Applying,
    ) {
        let state = &mut self.vehicles[id.index()];
        let under_way = state.under_way.is_some_and(|under| under.arrived.is_none());
        if !under_way {
            let known = state.anchor.map(|anchor| anchor.position);
            match said.or(known).or_else(|| state.spec.as_ref().map(|spec| spec.start)) {
                Some(position) => state.anchor = Some(crate::Anchor { position, at }),
                None => state.stands_somewhere(at, doing.seq),
            }
        }
        if state.is_available() {
            doing.ask_vehicle(id);
        }
    }
}

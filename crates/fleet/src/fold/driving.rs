//! What drivers have driven, of vehicles with a rule of driving times.

use fleetfold_model::{Millis, StopKind, Timestamp, VehicleId, leaves_at};

use super::Applying;
use crate::change::Flag;
use crate::tachograph::{Activity, ActivityChange, Turn};
use crate::{Fleet, VehicleState};

impl VehicleState {
    /// Records what its driver does, if a rule asks for it.
    pub(super) fn turns(&mut self, at: Timestamp, turn: Turn, (drive, lasts): (Millis, Millis), doing: &mut Applying) {
        let Some(rule) = self.spec.as_ref().and_then(|spec| spec.driving_time) else { return };
        let change = ActivityChange { at, turn, drive, lasts };
        if self.on && self.tachograph.record(change, &rule) {
            doing.flag(Flag::DrivingTime);
        }
    }

    /// His shift begins.
    pub(super) fn begins_to_record(&mut self, at: Timestamp) {
        if self.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some()) {
            self.tachograph.begin(at);
        }
    }

    /// How long the drive to a visit of its route takes as planned.
    fn planned_drive(&self, order: fleetfold_model::OrderId, stop: StopKind) -> Millis {
        let visits = &self.route.visits;
        let Some(index) = visits.iter().position(|visit| (visit.order, visit.stop) == (order, stop)) else {
            return Millis(0);
        };
        let before = index.checked_sub(1).map(|before| visits[before].departure);
        let free = before.or(self.anchor.map(|anchor| anchor.at));
        (visits[index].arrival - leaves_at(visits[index].depart_at, visits[index].break_before, free)).max(Millis(0))
    }
}

impl Fleet {
    /// A driver departs for a stop, arrives there, or is done with it.
    pub(super) fn records_stop(
        &mut self,
        vehicle: VehicleId,
        (order, stop): (fleetfold_model::OrderId, StopKind),
        (turn, at): (Turn, Timestamp),
        doing: &mut Applying,
    ) {
        let state = &self.vehicles[vehicle.index()];
        if state.spec.as_ref().is_none_or(|spec| spec.driving_time.is_none()) {
            return;
        }
        let drive = state.planned_drive(order, stop);
        let known = self.orders[order.index()].stop(stop);
        let lasts = known.map_or(Millis(0), |known| match turn {
            Turn::Arrived => known.service_start(at, false) - at,
            Turn::Left => known.service,
            Turn::Departed | Turn::Halted | Turn::BreakBegan | Turn::BreakEnded => Millis(0),
        });
        self.vehicles[vehicle.index()].turns(at, turn, (drive, lasts), doing);
    }

    /// Who is under way to nothing any more does not drive: his order was taken off him, or his vehicle broke down.
    pub(super) fn records_halt(&mut self, id: VehicleId, doing: &mut Applying) {
        let state = &mut self.vehicles[id.index()];
        let Some(rule) = state.spec.as_ref().and_then(|spec| spec.driving_time) else { return };
        let at = doing.at.max(state.tachograph.settled.at);
        if state.under_way.is_none() && state.tachograph.read(at, &rule).activity != Activity::Rest {
            state.turns(at, Turn::Halted, (Millis(0), Millis(0)), doing);
        }
    }
}

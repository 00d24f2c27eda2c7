//! What drivers have driven, of vehicles with a rule of driving times, or that had one when their drivers signed on.

use fleetfold_model::{DrivingRule, Millis, OrderId, StopKind, Timestamp, VehicleId, leaves_at};

use super::Applying;
use crate::change::Flag;
use crate::tachograph::{Activity, ActivityChange, Turn};
use crate::{Fleet, Mark, VehicleState};

impl VehicleState {
    /// Records what its driver does, if a rule asks for it.
    pub(super) fn turns(&mut self, at: Timestamp, turn: Turn, (drive, lasts): (Millis, Millis), doing: &mut Applying) {
        let Some(rule) = self.recorded_by() else { return };
        let change = ActivityChange { at, turn, drive, lasts };
        let is_ruled = self.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some());
        if self.on && self.tachograph.record(change, &rule) && is_ruled {
            doing.flag(Flag::DrivingTime);
        }
    }

    /// The rule by which its driver's day is recorded: its own, or where its registration names none any more, the last one of this shift.
    pub fn recorded_by(&self) -> Option<DrivingRule> {
        self.spec.as_ref().and_then(|spec| spec.driving_time).or(self.tachograph.rule)
    }

    /// Whether its driver had passed a limit of the rule by an earlier time of this shift, as far as is known now; `None`: that is settled, or of
    /// another shift, or nothing is recorded.
    pub fn had_driven_too_long(&self, by: Timestamp) -> Option<bool> {
        let rule = self.recorded_by().filter(|_| !self.tachograph.is_empty() && by >= self.tachograph.settled.at)?;
        Some(self.tachograph.read_until(by, &rule).is_over)
    }

    /// His shift begins.
    pub(super) fn begins_to_record(&mut self, at: Timestamp) {
        self.tachograph.begin(at, self.spec.as_ref().and_then(|spec| spec.driving_time));
    }

    /// How long the drive to a visit of its route takes as planned.
    fn planned_drive(&self, order: OrderId, stop: StopKind) -> Millis {
        let visits = &self.route.visits;
        let Some(index) = visits.iter().position(|visit| (visit.order, visit.stop) == (order, stop)) else {
            return Millis(0);
        };
        let before = index.checked_sub(1).map(|before| visits[before].departure);
        // Where a rule counts, the plan says when he leaves, whatever else is known of him by now.
        let is_ruled = self.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some());
        let free = before.or(self.anchor.filter(|_| !is_ruled).map(|anchor| anchor.at));
        (visits[index].arrival - leaves_at(visits[index].depart_at, visits[index].break_before, free)).max(Millis(0))
    }
}

impl Fleet {
    /// A driver departs for a stop, arrives there, or is done with it.
    pub(super) fn records_stop(
        &mut self,
        vehicle: VehicleId,
        (order, stop): (OrderId, StopKind),
        (turn, at): (Turn, Timestamp),
        doing: &mut Applying,
    ) {
        let state = &self.vehicles[vehicle.index()];
        if state.recorded_by().is_none() {
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

    /// A driver departs for a stop, or arrives there. He drives also where the stop is on no route of his, so that the report is refused. What he
    /// says to have done at a stop behind its end does not count.
    pub(super) fn records_drive(
        &mut self,
        mark: Mark,
        (order, stop): (OrderId, StopKind),
        turn: Turn,
        doing: &mut Applying,
    ) {
        let state = &self.orders[order.index()];
        let is_over = state.progress(stop).done_by(mark).is_some_and(|done| done < mark.at);
        if state.spec.is_some() && !is_over {
            self.records_stop(mark.vehicle, (order, stop), (turn, mark.at), doing);
        }
    }

    /// A driver is done with a stop that was over before: his report is refused, but his drive is over, if he tells of it for the first time.
    pub(super) fn records_end_too(
        &mut self,
        is_his_first: bool,
        mark: Mark,
        (order, stop): (OrderId, StopKind),
        doing: &mut Applying,
    ) {
        if is_his_first && self.orders[order.index()].spec.is_some() {
            self.records_stop(mark.vehicle, (order, stop), (Turn::Left, mark.at), doing);
        }
    }

    /// Who is under way to nothing any more does not drive: his order was taken off him, or his vehicle broke down.
    pub(super) fn records_halt(&mut self, id: VehicleId, doing: &mut Applying) {
        let state = &mut self.vehicles[id.index()];
        let Some(rule) = state.recorded_by() else { return };
        let at = doing.at.max(state.tachograph.settled.at);
        if state.under_way.is_none() && state.tachograph.read(at, &rule).activity != Activity::Rest {
            state.turns(at, Turn::Halted, (Millis(0), Millis(0)), doing);
        }
    }
}

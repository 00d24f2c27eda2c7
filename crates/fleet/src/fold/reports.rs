//! What drivers report: departures, arrivals, completions, failures, rejections. Reports may come late and out of order: a
//! later stage of a stop wins over an earlier one, and earlier stages that are missing are inferred and counted.

use fleetfold_model::{
    FailReason, Load, Millis, Name, OnBoardRule, OrderId, OrderRetry, Position, StopEvent, StopKind, Timestamp,
    VehicleId,
};

use crate::change::{Flag, Refused};
use crate::fold::{Applying, Verdict};
use crate::{Closed, Fleet, Mark, Placement, Told, Turn, UnderWay, until_depot};

/// How far a reported time may lie ahead of the log before log time is used instead.
const SKEW_MAX: Millis = Millis(5_000);

impl Fleet {
    /// Event time of a report, or log time where its clock runs ahead.
    pub(crate) fn report_time(at: Timestamp, doing: &mut Applying) -> Timestamp {
        if at > doing.now + SKEW_MAX {
            doing.flag(Flag::ClockSkew);
            doing.now
        } else {
            at
        }
    }

    /// The order and vehicle of a report. A stop that the order does not have is refused; anything unknown is kept as a placeholder: a name without a specification.
    pub(crate) fn reported(&mut self, stop: &StopEvent, doing: &mut Applying) -> Result<(OrderId, VehicleId), Refused> {
        let order = self.intern_order(&stop.order)?;
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

    pub(crate) fn stop_departed(&mut self, stop: &StopEvent, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.reported(stop, doing)?;
        let at = Self::report_time(stop.at, doing);
        self.records_drive(Mark { vehicle, at }, (order, stop.stop), Turn::Departed, doing);
        if self.was_departed(order, stop.stop, Mark { vehicle, at }, doing) {
            return Ok(());
        }
        self.begin(order, vehicle, stop, at, doing)?;
        let progress = self.orders[order.index()].progress_mut(stop.stop);
        progress.departed.get_or_insert(Mark { vehicle, at });
        Ok(())
    }

    pub(crate) fn stop_arrived(&mut self, stop: &StopEvent, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.reported(stop, doing)?;
        let at = Self::report_time(stop.at, doing);
        self.records_drive(Mark { vehicle, at }, (order, stop.stop), Turn::Arrived, doing);
        if self.was_there(order, stop, Mark { vehicle, at }, doing) {
            return Ok(());
        }
        let known_start = self.orders[order.index()].progress(stop.stop).departed.is_some();
        self.begin(order, vehicle, stop, at, doing)?;
        if !known_start {
            doing.flag(Flag::Gap);
        }
        self.orders[order.index()].progress_mut(stop.stop).arrived.get_or_insert(Mark { vehicle, at });
        let said = self.place_said(stop.position, doing);
        let place = self.orders[order.index()].stop(stop.stop).map(|stop| stop.position).or(said);
        let state = &mut self.vehicles[vehicle.index()];
        if let Some(under) = state.under_way.as_mut().filter(|under| under.order == order && under.stop == stop.stop) {
            under.arrived.get_or_insert(at);
        }
        if let Some(position) = place {
            if doing.remembers() && state.is_known_better_than(at, doing.now) {
                self.was_at(vehicle, position, at, doing);
            } else {
                state.stands_at(position, at);
            }
        }
        Ok(())
    }

    /// A departure that is told when its stop is over already: it is taken down. False: it is not one.
    fn was_departed(&mut self, order: OrderId, stop: StopKind, mark: Mark, doing: &Applying) -> bool {
        let progress = self.orders[order.index()].progress_mut(stop);
        let Some(done) = progress.done_by(mark).filter(|_| doing.keeps_the_newest()) else { return false };
        let latest = progress.arrived.map_or(done, |arrived| arrived.at.min(done));
        let is_new = progress.departed.is_none() && mark.at <= latest;
        if is_new {
            progress.departed = Some(mark);
        }
        is_new
    }

    /// An arrival that is told when its stop is over already: it is taken down with its own time. False: it is not one.
    fn was_there(&mut self, order: OrderId, stop: &StopEvent, mark: Mark, doing: &mut Applying) -> bool {
        let progress = self.orders[order.index()].progress_mut(stop.stop);
        let Some(done) = progress.done_by(mark).filter(|_| doing.keeps_the_newest()) else { return false };
        if progress.arrived.is_some() || mark.at > done {
            return false;
        }
        progress.arrived = Some(mark);
        let said = self.place_said(stop.position, doing);
        let place = self.orders[order.index()].stop(stop.stop).map(|stop| stop.position).or(said);
        if let Some(position) = place {
            self.was_at(mark.vehicle, position, mark.at, doing);
        }
        true
    }

    /// A pickup that was served, as its delivery shows, and that nobody has told.
    pub(super) fn infer_pickup(&mut self, order: OrderId, mark: Mark, doing: &Applying) {
        let state = &mut self.orders[order.index()];
        if state.pickup.completed.is_none() {
            state.pickup.completed = Some(mark);
            if doing.keeps_the_newest() {
                state.told.put(Told::PickupInferred, mark.at);
            }
        }
    }

    /// A pickup that was inferred from its delivery is told: it was served then, and there. False: it is not one.
    fn was_picked_up(&mut self, order: OrderId, stop: &StopEvent, mark: Mark, doing: &mut Applying) -> bool {
        let state = &self.orders[order.index()];
        let inferred = stop.stop == StopKind::Pickup && state.told.0.contains_key(&Told::PickupInferred);
        let is_before = state.pickup.completed.is_some_and(|delivered| mark.at <= delivered.at);
        if !inferred || !is_before {
            return false;
        }
        let said = self.place_said(stop.position, doing);
        let place = self.orders[order.index()].stop(StopKind::Pickup).map(|stop| stop.position).or(said);
        self.leave_stop(order, mark.vehicle, StopKind::Pickup, mark.at, place, doing);
        let state = &mut self.orders[order.index()];
        state.pickup.completed = Some(mark);
        state.told.0.remove(&Told::PickupInferred);
        true
    }

    /// A drive or a service has begun: the visit moves into the head of the route.
    pub(crate) fn begin(
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
        let Some(position) = visits.iter().position(|visit| visit.order == order && visit.stop == stop.stop) else {
            return Err(Refused::NotOnRoute);
        };
        // A delivery cannot be driven to before its pickup is done: a pickup ahead of it in the route stays ahead.
        let waits_for_pickup = stop.stop == StopKind::Delivery
            && visits[..position].iter().any(|visit| visit.order == order && visit.stop == StopKind::Pickup);
        if waits_for_pickup {
            doing.flag(Flag::Gap);
            return Ok(());
        }
        self.implies_reload(vehicle, (order, stop.stop), at, doing);
        let state = &mut self.vehicles[vehicle.index()];
        if position > 0 {
            let visit = state.route.remove(position);
            state.route.visits.insert(0, visit);
            state.route.revision = doing.seq;
            doing.route(vehicle);
            doing.ask_vehicle(vehicle);
        }
        let same = state.under_way.filter(|under| under.order == order && under.stop == stop.stop);
        if same.is_none() {
            if state.is_break_of_shift(0) {
                state.breaks_taken += 1;
            }
            state.under_way = Some(UnderWay { order, stop: stop.stop, departed: at, arrived: None });
            state.reloads.since = state.reloads.since.filter(|&since| since > at);
            if doing.remembers() {
                state.told.note(Told::Driven, at);
            }
            self.leave_with_goods(vehicle, doing);
        }
        Ok(())
    }

    /// A vehicle drives off: the goods of the jobs that it is to deliver before its next call at a depot are on board, and no other vehicle
    /// can bring them.
    pub(super) fn leave_with_goods(&mut self, vehicle: VehicleId, doing: &mut Applying) {
        if !doing.judges_times() {
            return;
        }
        let loaded: Vec<OrderId> = until_depot(&self.vehicles[vehicle.index()].route.visits)
            .iter()
            .map(|visit| visit.order)
            .filter(|&order| {
                let order = &self.orders[order.index()];
                order.loads_at_start() && order.on_board.is_none() && order.load() != Load::default()
            })
            .collect();
        for order in loaded {
            self.orders[order.index()].told.put(Told::Loaded, doing.at);
            self.load_on_board(order, vehicle, doing);
            doing.order(order);
        }
    }

    pub(crate) fn stop_completed(&mut self, stop: &StopEvent, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.reported(stop, doing)?;
        let at = Self::report_time(stop.at, doing);
        let mark = Mark { vehicle, at };
        if self.was_picked_up(order, stop, mark, doing) {
            return Ok(());
        }
        let progress = self.orders[order.index()].progress(stop.stop);
        // What was served at last was served, whatever failed before.
        if progress.completed.is_some() || (progress.failed.is_some() && !doing.remembers()) {
            let is_his_first = progress.done_by(mark).is_none();
            self.records_end_too(is_his_first, mark, (order, stop.stop), doing);
            return Err(Refused::StopDone);
        }
        let told = &self.orders[order.index()].told;
        let is_before_the_return =
            (doing.judges_times() && told.is_newer_than(at, Told::Cancelled)) || told.is_newer_than(at, Told::Failed);
        if stop.stop == StopKind::Delivery && is_before_the_return {
            // It came too late to send the goods back: they had been delivered where they were ordered.
            self.orders[order.index()].delivery_moved_to = None;
        }
        let said = self.place_said(stop.position, doing);
        let place = self.orders[order.index()].stop(stop.stop).map(|stop| stop.position).or(said);
        self.leave_stop(order, vehicle, stop.stop, at, place, doing);
        self.leave_with_goods(vehicle, doing);
        if self.orders[order.index()].progress(stop.stop).arrived.is_none() {
            doing.flag(Flag::Gap);
        }
        self.orders[order.index()].progress_mut(stop.stop).completed = Some(mark);
        if doing.remembers() {
            let state = &mut self.orders[order.index()];
            state.progress_mut(stop.stop).failed = None;
            // Who has served it has taken it.
            state.rejected_by.retain(|&other| other != vehicle);
        }
        if self.orders[order.index()].spec.is_none() {
            return Ok(());
        }
        if self.orders[order.index()].closed.is_some() {
            // Served although cancelled or given up: what happened, happened.
            doing.flag(Flag::Conflict);
            if doing.remembers() {
                self.happened_all_the_same(order, vehicle, stop.stop, mark, doing);
                return Ok(());
            }
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
                self.take_aboard(order, vehicle, doing);
                if !on_route {
                    self.orders[order.index()].placement = Placement::Unplaced;
                    doing.ask_order(order);
                }
            }
            StopKind::Delivery => {
                if self.orders[order.index()].is_shipment() && self.orders[order.index()].pickup.completed.is_none() {
                    doing.flag(Flag::Gap);
                    self.infer_pickup(order, mark, doing);
                }
                let returned = self.orders[order.index()].delivery_moved_to.is_some();
                let why = if returned { Closed::Cancelled } else { Closed::Served };
                self.close(order, why, doing);
            }
        }
        Ok(())
    }

    pub(crate) fn stop_failed(&mut self, stop: &StopEvent, reason: FailReason, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.reported(stop, doing)?;
        let at = Self::report_time(stop.at, doing);
        let mark = Mark { vehicle, at };
        let is_his_first = self.orders[order.index()].progress(stop.stop).done_by(mark).is_none();
        if doing.remembers()
            && let Err(refused) = self.failed_before(order, stop.stop, (mark, reason))
        {
            self.records_end_too(is_his_first, mark, (order, stop.stop), doing);
            return Err(refused);
        }
        if self.orders[order.index()].progress(stop.stop).is_done() {
            self.records_end_too(is_his_first, mark, (order, stop.stop), doing);
            return Err(Refused::StopDone);
        }
        let said = self.place_said(stop.position, doing);
        let place = self.orders[order.index()].stop(stop.stop).map(|stop| stop.position).or(said);
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
        self.fail(order, stop.stop, (Mark { vehicle, at }, reason), doing);
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    /// A stop failed and is tried again later: the failure, and at once the appointment that answers it.
    pub(crate) fn stop_postponed(
        &mut self,
        stop: &StopEvent,
        reason: FailReason,
        retry: Timestamp,
        doing: &mut Applying,
    ) -> Verdict {
        let verdict = self.stop_failed(stop, reason, doing);
        doing.at = doing.at.max(Self::report_time(stop.at, doing));
        let retry = OrderRetry { order: stop.order.clone(), from: retry, window: None, promised: None };
        let Err(refused) = verdict else { return self.order_retried(&retry, doing) };
        // The failure changes nothing of an order that is over, or whose stop has failed before. Its appointment counts as one that is told by
        // itself does.
        let is_over = self.known_order(&stop.order).is_ok_and(|id| {
            let order = &self.orders[id.index()];
            let is_served = order.delivery.completed.is_some();
            order.closed.is_some() || is_served || order.progress(stop.stop).failed.is_some()
        });
        if doing.answers_at_once() && is_over && matches!(refused, Refused::StopDone | Refused::OrderClosed) {
            return self.order_retried(&retry, doing).map_err(|_| refused);
        }
        Err(refused)
    }

    /// A failure that is told beside another, or beside a return, of the same order. `Err`: nothing else follows from it.
    pub(super) fn failed_before(&mut self, order: OrderId, stop: StopKind, failure: (Mark, FailReason)) -> Verdict {
        let (Mark { at, .. }, reason) = failure;
        let state = &mut self.orders[order.index()];
        if state.progress(stop).completed.is_none()
            && let Some((last, _)) = state.progress(stop).failed
        {
            if last.at < at {
                // The newest says until when a new appointment counts.
                state.progress_mut(stop).failed = Some(failure);
                state.told.note(Told::Failed, at);
                if let Some(Closed::Failed(why)) = &mut state.closed {
                    *why = reason;
                }
            }
            return Err(Refused::StopDone);
        }
        if state.progress(stop).completed.is_none()
            && let Some(Closed::Failed(why)) = &mut state.closed
        {
            // Its other stop failed, too.
            if !state.told.is_newer_than(at, Told::Failed) {
                *why = reason;
            }
            state.progress_mut(stop).failed = Some(failure);
            state.told.note(Told::Failed, at);
            return Err(Refused::OrderClosed);
        }
        let (cancelled, failed) =
            (state.told.is_newer_than(at, Told::Cancelled), state.told.is_newer_than(at, Told::Failed));
        if stop == StopKind::Delivery && state.delivery_moved_to.is_some() && (cancelled || failed) {
            // The goods are on their way back already.
            return Err(Refused::Superseded);
        }
        Ok(())
    }

    /// A stop of an open order has failed.
    pub(super) fn fail(
        &mut self,
        order: OrderId,
        stop: StopKind,
        (mark, reason): (Mark, FailReason),
        doing: &mut Applying,
    ) {
        let vehicle = mark.vehicle;
        let state = &self.orders[order.index()];
        let goods_on_board =
            state.on_board == Some(vehicle) || (doing.remembers() && state.rescue_from == Some(vehicle));
        let returning = state.delivery_moved_to.is_some();
        // A new appointment was made since: it is tried again.
        let is_tried_again = doing.remembers() && state.told.has_appointment_after(mark.at, doing.answers_at_once());
        // Goods of a job go back with the vehicle, wherever that ends.
        let has_origin = !doing.judges_times() || state.origin().is_some();
        if stop == StopKind::Delivery
            && has_origin
            && goods_on_board
            && !returning
            && !is_tried_again
            && self.policy.on_failed_delivery == OnBoardRule::Return
        {
            // The failed visit is gone; its order goes on as a return.
            if doing.remembers() {
                self.orders[order.index()].told.note(Told::Failed, mark.at);
            }
            if let Placement::OnRoute(planned) = self.orders[order.index()].placement
                && planned != vehicle
            {
                // Whoever was to fetch them is told anew.
                self.take_off_route(order, planned, doing);
            }
            let state = &mut self.vehicles[vehicle.index()];
            state.route.remove_order(order);
            self.orders[order.index()].placement = Placement::Unplaced;
            self.send_back(order, doing);
            doing.route(vehicle);
            return;
        }
        if doing.remembers() {
            self.orders[order.index()].told.note(Told::Failed, mark.at);
        }
        self.orders[order.index()].progress_mut(stop).failed = Some((mark, reason));
        if goods_on_board && doing.judges_times() {
            self.keep(order, vehicle, doing);
        }
        self.close(order, Closed::Failed(reason), doing);
        if is_tried_again {
            self.open_again(order, doing);
        }
    }

    /// Nobody takes the goods of an order off: they stay aboard and take up room until the shift ends.
    pub(super) fn keep(&mut self, order: OrderId, vehicle: VehicleId, doing: &mut Applying) {
        doing.vehicle(vehicle);
        let load = self.orders[order.index()].load();
        let state = &mut self.vehicles[vehicle.index()];
        if state.on || !doing.remembers() {
            state.kept += load;
        }
    }

    /// Goods that were thought to stay aboard are gone.
    pub(super) fn keep_no_more(&mut self, order: OrderId, vehicle: VehicleId, doing: &mut Applying) -> bool {
        doing.vehicle(vehicle);
        let load = self.orders[order.index()].load();
        let state = &mut self.vehicles[vehicle.index()];
        let were_kept = state.on && state.kept.0.iter().zip(load.0).all(|(&kept, load)| kept >= load);
        if were_kept {
            state.kept -= load;
        }
        were_kept
    }

    /// A stop of an order was served, which is over as far as was told before.
    fn happened_all_the_same(
        &mut self,
        order: OrderId,
        vehicle: VehicleId,
        stop: StopKind,
        mark: Mark,
        doing: &mut Applying,
    ) {
        let state = &mut self.orders[order.index()];
        let (closed, was) = (state.closed, state.outcome());
        match stop {
            StopKind::Delivery => {
                if closed == Some(Closed::Served) {
                    return;
                }
                let had_goods = state.pickup.completed.is_some() || state.told.0.contains_key(&Told::Loaded);
                state.closed = Some(Closed::Served);
                if state.is_shipment() {
                    self.infer_pickup(order, mark, doing);
                }
                doing.change.reopened.extend(was.map(|was| (order, was)));
                doing.change.closed.push(order);
                if had_goods {
                    self.keep_no_more(order, vehicle, doing);
                }
            }
            StopKind::Pickup => match closed {
                None | Some(Closed::Served) => {}
                Some(Closed::Cancelled) => {
                    if self.policy.on_cancelled_on_board == OnBoardRule::Return {
                        self.reopen(order, doing);
                        self.load_on_board(order, vehicle, doing);
                        self.send_back(order, doing);
                        self.put_down(order, doing);
                    } else {
                        self.keep(order, vehicle, doing);
                    }
                }
                Some(Closed::Failed(_)) => {
                    let failed = state.delivery.failed;
                    self.reopen(order, doing);
                    self.take_aboard(order, vehicle, doing);
                    match failed {
                        None => doing.ask_order(order),
                        Some(failed) => {
                            self.orders[order.index()].delivery.failed = None;
                            self.fail(order, StopKind::Delivery, failed, doing);
                        }
                    }
                }
            },
        }
        doing.ask_vehicle(vehicle);
    }

    /// The vehicle is done with a stop: the visit leaves its route, and the vehicle is free there.
    pub(crate) fn leave_stop(
        &mut self,
        order: OrderId,
        vehicle: VehicleId,
        stop: StopKind,
        at: Timestamp,
        place: Option<Position>,
        doing: &mut Applying,
    ) {
        self.records_stop(vehicle, (order, stop), (Turn::Left, at), doing);
        self.implies_reload(vehicle, (order, stop), at, doing);
        let state = &mut self.vehicles[vehicle.index()];
        if let Some(index) = state.route.visits.iter().position(|visit| visit.order == order && visit.stop == stop) {
            let visit = state.route.remove(index);
            doing.change.driven += visit.metres;
            if index > 0 {
                // Out of sequence: that is a change of the route, not progress along it.
                state.route.revision = doing.seq;
                doing.route(vehicle);
                doing.ask_vehicle(vehicle);
            }
        }
        if state.under_way.is_some_and(|under| under.order == order) {
            state.under_way = None;
            doing.halts(vehicle);
        }
        state.stops_done += 1;
        if let Some(position) = place {
            if state.anchor.is_none_or(|anchor| anchor.at <= at) {
                state.stands_at(position, at);
            } else if doing.remembers() {
                self.was_at(vehicle, position, at, doing);
            }
        }
        doing.vehicle(vehicle);
    }

    pub(crate) fn assignment_rejected(&mut self, vehicle: &Name, order: &Name, doing: &mut Applying) -> Verdict {
        let vehicle = self.known_vehicle(vehicle)?;
        let order = if doing.remembers() { self.intern_order(order)? } else { self.known_order(order)? };
        doing.order(order);
        doing.vehicle(vehicle);
        if !doing.remembers() {
            self.still_open(order)?;
        }
        let state = &self.orders[order.index()];
        let mut served = [state.pickup.completed, state.delivery.completed].into_iter().flatten();
        let has_it = served.any(|mark| mark.vehicle == vehicle) && doing.remembers();
        if state.on_board == Some(vehicle) || has_it {
            return Err(Refused::OnBoard);
        }
        if doing.remembers() && !self.orders[order.index()].note_word(Mark { vehicle, at: doing.at }) {
            return Err(Refused::Superseded);
        }
        if !self.orders[order.index()].rejected_by.contains(&vehicle) {
            self.orders[order.index()].rejected_by.push(vehicle);
        }
        self.still_open(order)?;
        if self.orders[order.index()].spec.is_none() {
            return Ok(()); // it is remembered until somebody asks for the order
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
}

//! Orders come, change, become ready, are cancelled and close.

use fleetfold_model::{
    Millis, Name, OnBoardRule, Order, OrderChange, OrderId, OrderRetry, OrderWork, PriorityRaised, StopKind,
    TimeWindow, Timestamp, VehicleId,
};

use crate::change::{Flag, Refused};
use crate::digest::order_spec_digest;
use crate::fold::{Applying, Verdict};
use crate::{Closed, Fleet, Placement, Told, UnderWay};

/// A stop that is tried again without a new window has so long for it, where none of its windows is left.
const TRIED_FOR: Millis = Millis(24 * 3_600_000);

impl Fleet {
    pub(crate) fn order_created(&mut self, spec: &Order, doing: &mut Applying) -> Verdict {
        let known = self.order_ids.get(&spec.name).copied();
        let id = known.unwrap_or_else(|| self.new_order(&spec.name));
        doing.order(id);
        if self.orders[id.index()].spec.is_some() {
            return Err(Refused::OrderExists);
        }
        let skills = match self.skill_bits(&spec.skills) {
            Ok(skills) => skills,
            Err(refused) => {
                if known.is_none() {
                    self.over_from_now(id); // it stays as a placeholder
                }
                return Err(refused);
            }
        };
        let order = &mut self.orders[id.index()];
        order.spec = Some(spec.clone());
        order.spec_digest = order_spec_digest(spec);
        order.over_since = None;
        order.skills = skills;
        order.created = doing.seq;
        for change in std::mem::take(&mut order.early_changes) {
            // A change that makes no sense any more (goods on board cannot turn into a job) does not stop the order.
            if self.change_order(id, &change, doing).is_err() {
                doing.flag(Flag::Conflict);
            }
        }
        if doing.remembers() {
            self.catch_up(id, doing);
            return Ok(());
        }
        let order = &self.orders[id.index()];
        // What drivers reported before the order itself arrived.
        if let Some((_, reason)) = order.delivery.failed.or(order.pickup.failed) {
            self.close(id, Closed::Failed(reason), doing);
        } else if order.delivery.completed.is_some() {
            self.close(id, Closed::Served, doing);
        } else if order.early_cancel {
            self.close(id, Closed::Cancelled, doing);
        } else {
            if let Some(mark) = order.pickup.completed {
                self.load_on_board(id, mark.vehicle, doing);
            }
            doing.ask_order(id);
        }
        Ok(())
    }

    /// What was told of an order before it arrived itself: the same follows as if it had been told after.
    fn catch_up(&mut self, id: OrderId, doing: &mut Applying) {
        let order = &mut self.orders[id.index()];
        if doing.answers_at_once() && !order.is_shipment() {
            // It has no pickup: told after the order, all of that is refused.
            order.pickup = crate::Progress::default();
        }
        if let Some(mark) = order.delivery.completed {
            if order.is_shipment() {
                self.infer_pickup(id, mark, doing);
            }
            self.close(id, Closed::Served, doing);
            return;
        }
        let failed =
            [(StopKind::Pickup, order.pickup.failed.take()), (StopKind::Delivery, order.delivery.failed.take())];
        if let Some(mark) = order.pickup.completed.filter(|_| order.is_shipment()) {
            self.take_aboard(id, mark.vehicle, doing);
        }
        for (stop, failed) in failed {
            let Some(failed) = failed else { continue };
            if self.failed_before(id, stop, failed).is_ok() {
                self.fail(id, stop, failed, doing);
            }
        }
        if self.orders[id.index()].early_cancel {
            self.cancel(id, doing);
        }
        if self.orders[id.index()].is_open() {
            doing.ask_order(id);
        }
    }

    pub(crate) fn order_updated(&mut self, change: &OrderChange, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(&change.order)?;
        doing.order(id);
        self.try_again(id, change, doing);
        if doing.remembers() && self.orders[id.index()].closed.is_some() {
            // It is over, and may be open again one day: what it is then is told now.
            if let Ok(change) = self.what_is_new(id, change, doing) {
                self.change_order(id, &change, doing)?;
            }
        }
        self.still_open(id)?;
        let change = &self.what_is_new(id, change, doing)?;
        if self.orders[id.index()].spec.is_none() {
            self.orders[id.index()].early_changes.push(change.clone());
            return Ok(());
        }
        self.change_order(id, change, doing)?;
        if let Placement::OnRoute(vehicle) = self.orders[id.index()].placement {
            self.vehicles[vehicle.index()].route.revision = doing.seq;
            doing.route(vehicle);
        }
        self.ask_about(id, doing);
        Ok(())
    }

    /// A failed order is tried again, not before a time: an appointment by another name. What was told of a stop that failed counts
    /// as for any appointment, whichever comes first.
    pub(crate) fn order_retried(&mut self, retry: &OrderRetry, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(&retry.order)?;
        doing.order(id);
        let order = &self.orders[id.index()];
        let work = order.spec.as_ref().map(|spec| {
            let mut work = spec.work.clone();
            let windows = match &mut work {
                OrderWork::Job(job) => &mut job.stop.windows,
                OrderWork::Shipment(shipment) => &mut shipment.delivery.windows,
            };
            let cut = |window: &TimeWindow| TimeWindow::new(window.opens().max(retry.from), window.closes());
            let left: Vec<TimeWindow> = windows.iter().filter_map(cut).collect();
            *windows = match retry.window {
                Some(window) => TimeWindow::new(window.opens().max(retry.from), window.closes()).into_iter().collect(),
                None if left.is_empty() => TimeWindow::new(retry.from, retry.from + TRIED_FOR).into_iter().collect(),
                None => left,
            };
            work
        });
        let change = OrderChange {
            order: retry.order.clone(),
            work,
            load: None,
            skills: None,
            priority: None,
            release: Some(retry.from),
            promised: retry.promised,
        };
        self.order_updated(&change, doing)
    }

    /// What a change says that nothing newer has said otherwise.
    ///
    /// # Errors
    ///
    /// [`Refused::Superseded`] when nothing is left of it.
    fn what_is_new(&mut self, id: OrderId, change: &OrderChange, doing: &mut Applying) -> Result<OrderChange, Refused> {
        let OrderChange { order, mut work, mut load, mut skills, mut priority, mut release, mut promised } =
            change.clone();
        let told = &mut self.orders[id.index()].told;
        let mut is_old = |is_said: bool, what: Told| is_said && doing.tell(told, what).is_err();
        let old = [
            work.take_if(|_| is_old(true, Told::Work)).is_some(),
            load.take_if(|_| is_old(true, Told::Load)).is_some(),
            skills.take_if(|_| is_old(true, Told::Skills)).is_some(),
            priority.take_if(|_| is_old(true, Told::Priority)).is_some(),
            release.take_if(|_| is_old(true, Told::Release)).is_some(),
            promised.take_if(|_| is_old(true, Told::Promised)).is_some(),
        ];
        let left = OrderChange { order, work, load, skills, priority, release, promised };
        if !old.contains(&true) {
            return Ok(left);
        }
        let OrderChange { order: _, work, load, skills, priority, release, promised } = &left;
        let says_more = work.is_some() || load.is_some() || skills.is_some() || priority.is_some();
        if !says_more && release.is_none() && promised.is_none() {
            return Err(Refused::Superseded);
        }
        doing.flag(Flag::Conflict);
        Ok(left)
    }

    /// A failed order for which a new appointment is made is open again: goods that stayed on board are brought from there.
    fn try_again(&mut self, id: OrderId, change: &OrderChange, doing: &mut Applying) {
        let order = &self.orders[id.index()];
        let is_appointment = change.work.is_some() || change.release.is_some() || change.promised.is_some();
        if doing.remembers() {
            let told = &order.told;
            if !is_appointment || told.is_newer_than(doing.at, Told::Failed) {
                return; // it was told before the failure
            }
            if matches!(order.closed, Some(Closed::Failed(_))) {
                self.open_again(id, doing);
            } else if told.0.contains_key(&Told::Failed) && !told.0.contains_key(&Told::Cancelled) {
                // The goods were on their way back.
                self.orders[id.index()].delivery_moved_to = None;
            }
            return;
        }
        let Some(Closed::Failed(_)) = order.closed.filter(|_| doing.judges_times() && is_appointment) else { return };
        let failed = [order.pickup.failed, order.delivery.failed].into_iter().flatten();
        if failed.map(|(mark, _)| mark.at).max().is_some_and(|failed| failed > doing.at) {
            return; // it was told before the failure
        }
        self.open_again(id, doing);
    }

    /// A failed order is open again.
    pub(crate) fn open_again(&mut self, id: OrderId, doing: &mut Applying) {
        self.reopen(id, doing);
        let order = &mut self.orders[id.index()];
        let carrier = order.delivery.failed.map(|(mark, _)| mark.vehicle);
        if order.pickup.failed.is_some() {
            order.pickup = crate::Progress::default();
        }
        order.delivery = crate::Progress::default();
        let has_goods = order.pickup.completed.is_some() || order.told.0.contains_key(&Told::Loaded);
        if let Some(carrier) = carrier.filter(|_| has_goods) {
            if self.keep_no_more(id, carrier, doing) {
                self.take_aboard(id, carrier, doing);
            } else {
                // They went back with the vehicle at the end of its shift.
                self.orders[id.index()].pickup = crate::Progress::default();
            }
        }
        doing.ask_order(id);
    }

    /// An order that was over is open.
    pub(super) fn reopen(&mut self, id: OrderId, doing: &mut Applying) {
        let order = &mut self.orders[id.index()];
        // As it was counted: what came back because its delivery failed was cancelled by nobody.
        let was = order.outcome();
        order.closed = None;
        order.over_since = None;
        order.placement = Placement::Unplaced;
        doing.order(id);
        // Over and open again in one entry: nobody needs to hear of it.
        if doing.change.closed.contains(&id) {
            doing.change.closed.retain(|&other| other != id);
        } else {
            doing.change.reopened.extend(was.map(|was| (id, was)));
        }
    }

    pub(crate) fn change_order(&mut self, id: OrderId, change: &OrderChange, doing: &mut Applying) -> Verdict {
        let skills = match &change.skills {
            Some(names) => Some(self.skill_bits(names)?),
            None => None,
        };
        let order = &self.orders[id.index()];
        let touched = order.on_board.is_some() || order.pickup.is_done() || order.pickup.departed.is_some();
        let was_shipment = order.is_shipment();
        if let Some(work) = &change.work {
            // Goods on board cannot turn into a job, nor a job under way into a shipment.
            if touched && was_shipment != matches!(work, OrderWork::Shipment(_)) {
                return Err(Refused::OnBoard);
            }
            let becomes_job = was_shipment && matches!(work, OrderWork::Job(_));
            if becomes_job && let Placement::OnRoute(vehicle) = order.placement {
                self.take_off_route(id, vehicle, doing);
                self.orders[id.index()].placement = Placement::Unplaced;
            } else if !was_shipment
                && matches!(work, OrderWork::Shipment(_))
                && let Placement::OnRoute(vehicle) = order.placement
            {
                self.take_off_route(id, vehicle, doing);
                self.orders[id.index()].placement = Placement::Unplaced;
            }
        }
        if let Some(skills) = skills {
            self.orders[id.index()].skills = skills;
        }
        self.edit_spec(id, |spec| {
            if let Some(work) = &change.work {
                spec.work = work.clone();
            }
            if let Some(load) = change.load {
                spec.load = load;
            }
            if let Some(skills) = &change.skills {
                spec.skills.clone_from(skills);
            }
            if let Some(priority) = change.priority {
                spec.priority = priority;
            }
            spec.release = change.release.or(spec.release);
            spec.promised = change.promised.or(spec.promised);
        });
        Ok(())
    }

    /// The priority of an order that is known and open: under rules before the fourth.
    pub(super) fn known_priority_raised(&mut self, raised: &PriorityRaised, doing: &mut Applying) -> Verdict {
        let id = self.known_order(&raised.order)?;
        doing.order(id);
        self.still_open(id)?;
        doing.tell(&mut self.orders[id.index()].told, Told::Priority)?;
        self.edit_spec(id, |spec| spec.priority = raised.priority);
        self.ask_about(id, doing);
        Ok(())
    }

    /// The priority is remembered also of an order that is over, or not known yet.
    pub(super) fn priority_raised(&mut self, raised: &PriorityRaised, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(&raised.order)?;
        doing.order(id);
        doing.tell(&mut self.orders[id.index()].told, Told::Priority)?;
        if self.orders[id.index()].spec.is_none() {
            let (work, load, skills, release, promised) = (None, None, None, None, None);
            let (order, priority) = (raised.order.clone(), Some(raised.priority));
            let change = OrderChange { order, work, load, skills, priority, release, promised };
            self.orders[id.index()].early_changes.push(change);
            return Ok(());
        }
        self.edit_spec(id, |spec| spec.priority = raised.priority);
        self.still_open(id)?;
        self.ask_about(id, doing);
        Ok(())
    }

    pub(crate) fn order_ready(&mut self, name: &Name, at: Timestamp, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(name)?;
        doing.order(id);
        if doing.remembers() && self.orders[id.index()].ready_at.is_some_and(|ready| ready > at) {
            return Err(Refused::Superseded);
        }
        if doing.remembers() {
            self.orders[id.index()].ready_at = Some(at);
        }
        self.still_open(id)?;
        self.orders[id.index()].ready_at = Some(at);
        self.ask_about(id, doing);
        Ok(())
    }

    pub(crate) fn order_cancelled(&mut self, name: &Name, doing: &mut Applying) -> Verdict {
        let id = self.intern_order(name)?;
        doing.order(id);
        if doing.remembers() && matches!(self.orders[id.index()].closed, Some(Closed::Failed(_))) {
            // Nobody tries it again.
            self.orders[id.index()].told.note(Told::Cancelled, doing.at);
            self.cancel(id, doing);
            return Ok(());
        }
        self.still_open(id)?;
        doing.tell(&mut self.orders[id.index()].told, Told::Cancelled)?;
        if self.orders[id.index()].spec.is_none() {
            self.orders[id.index()].early_cancel = true;
            return Ok(());
        }
        self.cancel(id, doing);
        doing.ask();
        Ok(())
    }

    /// A known order is cancelled: goods on board go back, or stay aboard, as the policy says.
    fn cancel(&mut self, id: OrderId, doing: &mut Applying) {
        if self.orders[id.index()].closed.is_some() {
            self.open_again(id, doing);
        }
        let order = &self.orders[id.index()];
        if let Placement::OnRoute(vehicle) = order.placement {
            doing.ask_vehicle(vehicle);
        }
        let carrier = if doing.remembers() { order.carrier() } else { order.on_board };
        let has_origin = !doing.judges_times() || order.origin().is_some();
        if carrier.is_some() && has_origin && self.policy.on_cancelled_on_board == OnBoardRule::Return {
            self.send_back(id, doing);
            return;
        }
        if let Some(carrier) = carrier.filter(|_| doing.judges_times()) {
            self.keep(id, carrier, doing);
        }
        self.close(id, Closed::Cancelled, doing);
    }

    /// The delivery becomes a return to where the goods were picked up.
    pub(crate) fn send_back(&mut self, id: OrderId, doing: &mut Applying) {
        let back_to = self.orders[id.index()].origin();
        let order = &mut self.orders[id.index()];
        order.delivery_moved_to = back_to;
        order.delivery = crate::Progress::default();
        if let Placement::OnRoute(vehicle) = order.placement {
            let is_driving_there = |under: UnderWay| (under.order, under.stop) == (id, StopKind::Delivery);
            if self.vehicles[vehicle.index()].under_way.is_some_and(is_driving_there) {
                self.vehicles[vehicle.index()].under_way = None;
                doing.halts(vehicle);
            }
            self.vehicles[vehicle.index()].route.revision = doing.seq;
            doing.route(vehicle);
            doing.ask_vehicle(vehicle);
        }
        doing.ask_order(id);
    }

    /// Ends an order: off its route, off board. It is retired when the policy's `retire_after` has passed.
    pub(crate) fn close(&mut self, id: OrderId, why: Closed, doing: &mut Applying) {
        if let Placement::OnRoute(vehicle) = self.orders[id.index()].placement {
            self.take_off_route(id, vehicle, doing);
        }
        if let Some(vehicle) = self.orders[id.index()].on_board.take() {
            self.vehicles[vehicle.index()].on_board.retain(|&other| other != id);
            doing.vehicle(vehicle);
        }
        let order = &mut self.orders[id.index()];
        order.placement = Placement::Unplaced;
        order.closed = Some(why);
        doing.order(id);
        doing.change.closed.push(id);
        self.goods_wait_no_more(id);
        self.over_from_now(id);
    }

    /// The goods of an order no longer wait for a rescue.
    pub(crate) fn goods_wait_no_more(&mut self, id: OrderId) {
        if let Some(vehicle) = self.orders[id.index()].rescue_from.take() {
            self.vehicles[vehicle.index()].goods_waiting.retain(|&other| other != id);
        }
    }

    /// Takes every visit of an order off a route. The route's revision rises if there was one.
    pub(crate) fn take_off_route(&mut self, id: OrderId, vehicle: VehicleId, doing: &mut Applying) {
        let state = &mut self.vehicles[vehicle.index()];
        let before = state.route.visits.len();
        state.route.remove_order(id);
        if state.route.visits.len() != before {
            state.route.revision = doing.seq;
            doing.route(vehicle);
        }
        if let Some(under) = state.under_way.filter(|under| under.order == id) {
            // It stops driving there and is free from now on; where that is, no fact has said.
            state.under_way = None;
            doing.halts(vehicle);
            if under.arrived.is_none() {
                state.stands_somewhere(doing.now, doing.seq);
            }
            doing.vehicle(vehicle);
        }
    }
}

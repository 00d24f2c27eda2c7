//! A dispatcher's hand: orders pinned to a vehicle or forced onto it. Under the fourth rules the newest word counts, and it is
//! remembered also of an order that is over or not known yet.

use fleetfold_model::{Name, OrderId, Pin, Timestamp, VehicleId};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::{Fleet, Mark, Placement, Told};

impl Fleet {
    pub(super) fn pin(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        if doing.remembers() {
            doing.tell(&mut self.orders[order.index()].told, Told::Pinned)?;
        }
        self.recall(order, vehicle, doing)?;
        self.orders[order.index()].pinned = Some(vehicle);
        self.orders[order.index()].told.0.remove(&Told::Forced);
        self.is_there(&pin.order, doing)?;
        if self.orders[order.index()].placement != Placement::OnRoute(vehicle) {
            self.ask_about(order, doing);
        }
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    pub(super) fn unpin(&mut self, name: &Name, doing: &mut Applying) -> Verdict {
        let order = self.named_order(name, doing)?;
        doing.order(order);
        if doing.remembers() {
            doing.tell(&mut self.orders[order.index()].told, Told::Pinned)?;
        }
        self.orders[order.index()].pinned = None;
        self.orders[order.index()].told.0.remove(&Told::Forced);
        self.is_there(name, doing)?;
        self.ask_about(order, doing);
        Ok(())
    }

    pub(super) fn force(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        if !self.vehicles[vehicle.index()].is_available() {
            return Err(Refused::NotOnShift);
        }
        if doing.remembers() {
            // It overrides what the driver refused before, also where another word has come since.
            let state = &mut self.orders[order.index()];
            if state.note_word(Mark { vehicle, at: doing.at }) {
                state.rejected_by.retain(|&other| other != vehicle);
            }
            doing.tell(&mut state.told, Told::Pinned)?;
        }
        self.recall(order, vehicle, doing)?;
        self.orders[order.index()].pinned = Some(vehicle);
        if doing.judges_times() {
            self.orders[order.index()].told.0.insert(Told::Forced, doing.at);
        }
        if !doing.remembers() {
            self.orders[order.index()].rejected_by.retain(|&other| other != vehicle);
        }
        self.is_there(&pin.order, doing)?;
        self.ask_about(order, doing);
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    /// The order of a dispatcher's word. What is said of one that nobody has asked for yet is remembered until somebody does.
    fn named_order(&mut self, name: &Name, doing: &Applying) -> Result<OrderId, Refused> {
        if doing.remembers() { self.intern_order(name) } else { self.known_order(name) }
    }

    /// `Err` where a word was remembered only: its order is over, or nobody has asked for it yet.
    fn is_there(&self, name: &Name, doing: &Applying) -> Verdict {
        let order = self.known_order(name)?;
        if !doing.remembers() {
            return Ok(());
        }
        self.still_open(order)?;
        if self.orders[order.index()].spec.is_none() { Err(Refused::UnknownOrder) } else { Ok(()) }
    }

    /// Whoever else is on the way to an order turns around: the visit is no longer frozen and can be taken off that route.
    pub(super) fn recall(&mut self, order: OrderId, vehicle: VehicleId, doing: &mut Applying) -> Verdict {
        let Placement::OnRoute(carrier) = self.orders[order.index()].placement else { return Ok(()) };
        if carrier == vehicle {
            return Ok(());
        }
        doing.vehicle(carrier);
        let state = &mut self.vehicles[carrier.index()];
        if let Some(under) = state.under_way.filter(|under| under.order == order) {
            if under.arrived.is_some() {
                return Err(Refused::AtStop);
            }
            state.under_way = None;
        }
        for visit in state.route.visits.iter_mut().filter(|visit| visit.order == order) {
            // Its time to depart never comes.
            visit.depart_at = Timestamp(i64::MAX / 4);
        }
        Ok(())
    }

    pub(super) fn pin_targets(&mut self, pin: &Pin, doing: &mut Applying) -> Result<(OrderId, VehicleId), Refused> {
        let vehicle = self.known_vehicle(&pin.vehicle);
        let order = if doing.remembers() {
            vehicle?;
            self.named_order(&pin.order, doing)?
        } else {
            self.known_order(&pin.order)?
        };
        let vehicle = vehicle?;
        doing.order(order);
        if !doing.remembers() {
            self.still_open(order)?;
        }
        if self.orders[order.index()].on_board.is_some_and(|carrier| carrier != vehicle) {
            return Err(Refused::OnBoard);
        }
        Ok((order, vehicle))
    }
}

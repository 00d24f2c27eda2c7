//! A dispatcher's hand: orders pinned to a vehicle or forced onto it.

use fleetfold_model::{OrderId, Pin, Timestamp, VehicleId};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::{Fleet, Placement, Told};

impl Fleet {
    pub(super) fn pin(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        self.recall(order, vehicle, doing)?;
        self.orders[order.index()].pinned = Some(vehicle);
        self.orders[order.index()].told.0.remove(&Told::Forced);
        if self.orders[order.index()].placement != Placement::OnRoute(vehicle) {
            self.ask_about(order, doing);
        }
        doing.ask_vehicle(vehicle);
        Ok(())
    }

    pub(super) fn force(&mut self, pin: &Pin, doing: &mut Applying) -> Verdict {
        let (order, vehicle) = self.pin_targets(pin, doing)?;
        if !self.vehicles[vehicle.index()].is_available() {
            return Err(Refused::NotOnShift);
        }
        self.recall(order, vehicle, doing)?;
        self.orders[order.index()].pinned = Some(vehicle);
        if doing.judges_times() {
            self.orders[order.index()].told.0.insert(Told::Forced, doing.at);
        }
        self.orders[order.index()].rejected_by.retain(|&other| other != vehicle);
        self.ask_about(order, doing);
        doing.ask_vehicle(vehicle);
        Ok(())
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
        let order = self.known_order(&pin.order)?;
        let vehicle = self.known_vehicle(&pin.vehicle)?;
        doing.order(order);
        self.still_open(order)?;
        if self.orders[order.index()].on_board.is_some_and(|carrier| carrier != vehicle) {
            return Err(Refused::OnBoard);
        }
        Ok((order, vehicle))
    }
}

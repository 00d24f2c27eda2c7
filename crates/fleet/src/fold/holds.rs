//! Slots that are kept for customers who think it over: an order like any other, which is given up when its time is over.

use fleetfold_model::{HoldEnded, Name, OrderId, SlotHeld};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::{Closed, Fleet, Told};

impl Fleet {
    pub(super) fn slot_held(&mut self, held: &SlotHeld, doing: &mut Applying) -> Verdict {
        self.order_created(&held.order, doing)?;
        let id = self.known_order(&held.order.name)?;
        self.orders[id.index()].held_until = Some(held.until);
        Ok(())
    }

    /// The customer takes it: from now on it is an order like any other.
    pub(super) fn order_confirmed(&mut self, name: &Name, doing: &mut Applying) -> Verdict {
        let id = self.known_order(name)?;
        doing.order(id);
        let state = &self.orders[id.index()];
        let Some(until) = state.held_until else {
            self.still_open(id)?;
            return Err(Refused::NotHeld);
        };
        if state.closed.is_some() {
            // He said so in time, and it is told late: he has it if there is room.
            let gave_up = state.closed == Some(Closed::Cancelled) && !state.told.0.contains_key(&Told::Cancelled);
            if !gave_up || doing.at >= until {
                return Err(Refused::OrderClosed);
            }
            self.reopen(id, doing);
            doing.ask_order(id);
        }
        self.orders[id.index()].held_until = None;
        Ok(())
    }

    /// Nobody took it. A vehicle that has begun to drive to it, or has its goods, counts as a word.
    pub(super) fn hold_ended(&mut self, ended: &HoldEnded, doing: &mut Applying) -> Verdict {
        let id = self.known_order(&ended.order)?;
        doing.order(id);
        self.still_open(id)?;
        if self.orders[id.index()].held_until != Some(ended.until) {
            return Err(Refused::NotHeld);
        }
        if self.has_begun(id) {
            self.orders[id.index()].held_until = None;
            return Ok(());
        }
        if let crate::Placement::OnRoute(vehicle) = self.orders[id.index()].placement {
            doing.ask_vehicle(vehicle);
        }
        self.close(id, Closed::Cancelled, doing);
        doing.ask();
        Ok(())
    }

    fn has_begun(&self, id: OrderId) -> bool {
        let order = &self.orders[id.index()];
        let stops = [&order.pickup, &order.delivery];
        order.on_board.is_some() || stops.iter().any(|stop| stop.departed.is_some() || stop.arrived.is_some())
    }
}

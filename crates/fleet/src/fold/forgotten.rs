//! A person is forgotten: what the state needs no more of him leaves it at once.
//!
//! The fleet holds no words about anybody. What it holds of a customer are the place and the times of his order, and of a driver where
//! his vehicle was last. An order that is over, and the place of a vehicle that nobody has signed on to, decide nothing any more. Where
//! work goes on they stay until it is over.

use fleetfold_model::Person;

use super::Applying;
use crate::Fleet;

impl Fleet {
    pub(super) fn person_forgotten(&mut self, person: &Person, doing: &mut Applying) {
        match person {
            Person::Order(name) => {
                let Some(&id) = self.order_ids.get(name) else { return };
                if self.orders[id.index()].over_since.is_some() && !self.orders[id.index()].is_open() {
                    self.retire_orders(&[id], doing);
                } else {
                    doing.order(id);
                }
            }
            Person::Driver(name) => {
                let Some(&id) = self.vehicle_ids.get(name) else { return };
                let state = &mut self.vehicles[id.index()];
                state.hint = None;
                let is_needed = state.on
                    || state.under_way.is_some()
                    || !state.route.visits.is_empty()
                    || !state.on_board.is_empty()
                    || !state.goods_waiting.is_empty();
                if !is_needed {
                    (state.anchor, state.unlocated) = (None, None);
                }
                doing.vehicle(id);
            }
        }
    }
}

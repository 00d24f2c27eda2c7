//! Trips: a vehicle leaves empty, takes goods on, and takes on no more until all of them are left. A trip may be tied to one place where
//! goods are taken on, and the one that is under way may be closed to everything that does not belong to it. Meals are delivered so: a
//! courier fetches some of one restaurant, and until they are at their doors he gets no others (Reyes, Erera, Savelsbergh, Sahasrabudhe &
//! O'Neil, "The Meal Delivery Routing Problem", 2018).
//!
//! Only shipments make trips. Goods of jobs are on board from the start, or stay there until the end.

use crate::index::{NodeIx, StopIx};
use crate::problem::{Role, Stop, TourSpec, Trips};

/// The trip of a tour that is driven stop by stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trip {
    rule: Trips,
    /// Where its goods are taken on; [`NodeIx::NONE`]: nothing more is, because some have been left.
    place: NodeIx,
    /// Shipments on board.
    aboard: u32,
    /// It is the one that is under way at the start.
    is_first: bool,
}

impl Trip {
    /// The trip at the start of a tour that serves these stops; `None`: nothing is asked of its trips.
    pub(crate) fn at_start<'s>(spec: &TourSpec, stops: impl Iterator<Item = &'s Stop>) -> Option<Self> {
        let rule = spec.trips?;
        let aboard = stops.filter(|stop| stop.role == Role::Delivery && stop.mate == StopIx::NONE).count() as u32;
        Some(Self { rule, place: rule.loaded_at, aboard, is_first: true })
    }

    /// What may be served from here on is the same as in another state of the same tour's trips. (While nothing is on board, the next pickup says
    /// which trip it is and where.)
    pub(crate) fn goes_on_as(&self, other: &Self) -> bool {
        let is_same = (self.place, self.is_first) == (other.place, other.is_first);
        self.aboard == other.aboard && (self.aboard == 0 || is_same)
    }

    /// Serves the next stop. False: it does not belong to the trip.
    pub(crate) fn serves(&mut self, stop: &Stop) -> bool {
        match stop.role {
            Role::JobDelivery | Role::JobPickup => {}
            Role::Pickup => {
                if self.aboard == 0 {
                    (self.place, self.is_first) = (stop.node, false);
                }
                let is_closed = self.is_first && self.rule.closed && !stop.of_trip;
                if is_closed || (self.rule.one_place && stop.node != self.place) {
                    return false;
                }
                self.aboard += 1;
            }
            Role::Delivery => {
                self.aboard = self.aboard.saturating_sub(1);
                self.place = NodeIx::NONE;
            }
        }
        true
    }
}

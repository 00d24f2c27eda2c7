//! Orders on no route are tried again: at once on a vehicle that may have room now, and all of them by themselves, less and less often.
//!
//! A vehicle whose state or route has changed is filled until nothing more fits. Nobody has to report anything for the rest: what was
//! refused while the engine was overloaded was refused by few vehicles, and what time changes (a break that is over, a road by the
//! hour) no fact says. The first tries also let the routes around the order be searched, which may make room by giving another order to
//! another vehicle.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Fleet, Placement};
use fleetfold_model::{LogSeq, Millis, OrderId, Timestamp, VehicleId};

/// The first try, log time. Each later one comes after twice as long.
const FIRST_AFTER: Millis = Millis(2_000);
/// No try comes later than this after the one before, log time.
const AFTER_AT_MOST: Millis = Millis(600_000);
/// Orders that are tried at once: some milliseconds in a large zone. What is due beside them is tried a second later.
const AT_ONCE: usize = 8;
/// Time between two tries of any orders, log time.
const EVERY: Millis = Millis(1_000);
/// Tries of an order that let the routes around it be searched, and how often a route is searched so for all orders together while it
/// stays as it is. An idle zone comes to rest, however many orders it has on no route.
const SEARCHED: u32 = 3;
/// Orders are brought forward at most this often because other vehicles work than before, log time.
const ANEW_EVERY: Millis = Millis(10_000);
/// Vehicles that are filled at once.
const FILLED_AT_ONCE: usize = 8;

/// When an order is tried again.
#[derive(Clone, Copy, Debug)]
struct Next {
    at: Timestamp,
    after: Millis,
    tries: u32,
}

/// Which orders are tried again, and when.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    orders: BTreeMap<OrderId, Next>,
    by_time: BTreeSet<(Timestamp, OrderId)>,
    /// No order is tried before this.
    not_before: Timestamp,
    /// Other vehicles work, or vehicles are not what they were: what keeps them off the orders may be something else now.
    anew: bool,
    /// No order is brought forward for that before this.
    not_anew_before: Timestamp,
    /// Vehicles that may have room now.
    rooms: BTreeSet<VehicleId>,
    /// How often each route was searched for such orders since it is as it is.
    searched: BTreeMap<VehicleId, (LogSeq, u32)>,
}

/// An order whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) order: OrderId,
    /// The routes around it are to be searched, too.
    pub(crate) search: bool,
}

impl Retries {
    /// Orders of a fleet that are on no route when an engine begins with it.
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let mut retries = Self::default();
        fleet.unassigned_orders().for_each(|order| retries.begin(order, fleet.logged_at()));
        retries
    }

    /// An order changed: is it on no route, with a reason?
    pub(crate) fn changed(&mut self, fleet: &Fleet, order: OrderId, log_now: Timestamp) {
        let state = fleet.order(order);
        if state.is_open() && matches!(state.placement, Placement::Unassigned(_)) {
            if !self.orders.contains_key(&order) {
                self.begin(order, log_now);
            }
        } else if let Some(next) = self.orders.remove(&order) {
            self.by_time.remove(&(next.at, order));
        }
    }

    /// True while another search of a route, which last changed at this entry, may help an order on no route.
    pub(crate) fn may_be_searched(&mut self, vehicle: VehicleId, revision: LogSeq) -> bool {
        let (at, times) = self.searched.entry(vehicle).or_insert((revision, 0));
        if *at != revision {
            (*at, *times) = (revision, 0);
        }
        *times += 1;
        *times <= SEARCHED
    }

    /// A vehicle has changed: it may have room for an order that is on no route.
    pub(crate) fn room(&mut self, fleet: &Fleet, vehicle: VehicleId) {
        if fleet.unassigned_count() > 0 && fleet.vehicle(vehicle).is_available() {
            self.rooms.insert(vehicle);
        }
    }

    /// Vehicles have signed on or off, or are not what they were: another reason may be true of orders on no route. All are brought forward.
    pub(crate) fn reasons_may_differ(&mut self) {
        self.anew = true;
    }

    fn bring_forward(&mut self, log_now: Timestamp) {
        (self.anew, self.not_anew_before) = (false, log_now + ANEW_EVERY);
        let later: Vec<(Timestamp, OrderId)> =
            self.by_time.split_off(&(log_now + Millis(1), OrderId(0))).into_iter().collect();
        for (_, order) in later {
            if let Some(next) = self.orders.get_mut(&order) {
                next.at = log_now;
                self.by_time.insert((log_now, order));
            }
        }
    }

    /// True while a vehicle may have room.
    pub(crate) fn has_rooms(&self) -> bool {
        !self.rooms.is_empty()
    }

    /// Some of these vehicles. They have had their turn then.
    pub(crate) fn take_rooms(&mut self) -> Vec<VehicleId> {
        std::iter::from_fn(|| self.rooms.pop_first()).take(FILLED_AT_ONCE).collect()
    }

    fn begin(&mut self, order: OrderId, log_now: Timestamp) {
        self.set(order, Next { at: log_now + FIRST_AFTER, after: FIRST_AFTER, tries: 0 });
    }

    fn set(&mut self, order: OrderId, next: Next) {
        self.orders.insert(order, next);
        self.by_time.insert((next.at, order));
    }

    /// Log time at which an order is tried next; `None`: none waits for that.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        let first = self.by_time.first().map(|&(at, _)| at)?;
        let at = if self.anew { first.min(self.not_anew_before) } else { first };
        Some(at.max(self.not_before))
    }

    /// The orders whose turn it is, the longest due first. They have had it then.
    pub(crate) fn take(&mut self, log_now: Timestamp) -> Vec<Due> {
        if self.due_at().is_none_or(|at| log_now < at) {
            return Vec::new();
        }
        if self.anew && log_now >= self.not_anew_before {
            self.bring_forward(log_now);
        }
        self.not_before = log_now + EVERY;
        let due: Vec<(Timestamp, OrderId)> =
            self.by_time.iter().copied().take_while(|&(at, _)| at <= log_now).take(AT_ONCE).collect();
        let mut taken = Vec::with_capacity(due.len());
        for (at, order) in due {
            self.by_time.remove(&(at, order));
            let Some(next) = self.orders.get(&order).copied() else { continue };
            taken.push(Due { order, search: next.tries < SEARCHED });
            let after = Millis((next.after.0 * 2).min(AFTER_AT_MOST.0));
            self.set(order, Next { at: log_now + after, after, tries: next.tries + 1 });
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Millis, OrderId, Timestamp};

    use super::{AFTER_AT_MOST, AT_ONCE, Due, EVERY, FIRST_AFTER, Retries, SEARCHED};

    #[test]
    fn an_order_is_tried_after_twice_as_long_each_time_and_for_ever() {
        let mut retries = Retries::default();
        retries.begin(OrderId(7), Timestamp(0));
        let mut before = Timestamp(0);
        let mut gaps = Vec::new();
        for tried in 0..14 {
            let at = retries.due_at().unwrap();
            assert!(retries.take(at - Millis(1)).is_empty(), "no sooner than it says");
            assert_eq!(retries.take(at), [Due { order: OrderId(7), search: tried < SEARCHED }]);
            gaps.push((at - before).0 / FIRST_AFTER.0);
            before = at;
        }
        assert_eq!(gaps[..6], [1, 2, 4, 8, 16, 32]);
        assert_eq!(gaps.last(), Some(&(AFTER_AT_MOST.0 / FIRST_AFTER.0)));
    }

    #[test]
    fn many_orders_have_their_turn_some_at_a_time() {
        let mut retries = Retries::default();
        (0..20).for_each(|order| retries.begin(OrderId(order), Timestamp(0)));
        let mut seen = Vec::new();
        let mut now = retries.due_at().unwrap();
        while seen.len() < 20 {
            let taken = retries.take(now);
            assert!(!taken.is_empty() && taken.len() <= AT_ONCE);
            assert!(retries.take(now).is_empty(), "twice in one instant");
            seen.extend(taken.iter().map(|due| due.order.0));
            now = now + EVERY;
        }
        assert_eq!(seen, (0..20).collect::<Vec<_>>());
    }
}

//! What is over leaves the state, so that a zone costs what its open work costs, however long its log is.
//!
//! Everything here is decided by log time and the policy's `retire_after`, so that whoever folds the log forgets the same
//! things at the same entries:
//!
//! - An order leaves with the first entry that comes `retire_after` after it was over (when many are due, with one of the
//!   next: see [`ORDERS_MAX`]); one that is known only by later facts, `retire_after` after the first
//!   of them. Its number is free for the next order.
//! - The ids of the events about it, and the hash of its name, are kept for `retire_after` more: a duplicate is still
//!   refused, and a late fact about it is of an unknown order instead of the beginning of a new one.
//! - The ids of events about anything else are kept for `retire_after`.
//! - By the hour: road changes that ended, vehicles known only by later facts, facts without an open order that nobody has
//!   answered (all after `retire_after`), and service times of places where nobody was for [`SERVICE_KEPT`].

use std::collections::BTreeSet;

use fleetfold_model::{LogSeq, Millis, Name, OrderId, Timestamp, VehicleId};

use super::Applying;
use crate::digest::{Canon, Kind, name_digest, road_digest, service_digest};
use crate::pages::Vacant;
use crate::{Fleet, OrderState, Progress, VehicleState};

/// In `seen`: this hash hangs on an order and goes with it.
pub(crate) const KEPT: Timestamp = Timestamp(i64::MAX);

/// Orders that one entry retires, so that the first entry after a quiet weekend does not stop the zone: it and the next ones
/// share the work. Those that were over at the same millisecond go together.
const ORDERS_MAX: usize = 256;

/// Hashes that one entry forgets, in the same way.
const HASHES_MAX: usize = 4_096;

/// How often roads, vehicles and what was learned are looked through.
const SWEEP_EVERY: Millis = Millis(3_600_000);

/// How long a learned service time outlives the last service at its place, before the watermark of what was learned (guess:
/// a quarter, so that seasonal customers are remembered).
const SERVICE_KEPT: Millis = Millis(90 * 24 * 3_600_000);

/// Hash under which a retired order's name is remembered beside the event ids.
fn retired_name(name: &Name) -> u64 {
    Canon::of(Kind::RetiredName).word(name_digest(name)).finish()
}

impl Fleet {
    /// True for an order that was retired so recently that late facts about it may still come.
    pub(crate) fn was_retired(&self, name: &Name) -> bool {
        self.seen.get(&retired_name(name)).is_some()
    }

    /// Remembers a hash until `retire_after` from now.
    pub(crate) fn remember(&mut self, hash: u64) {
        if self.seen.insert(hash, self.logged_at) != Some(self.logged_at) {
            self.seen_since.push((self.logged_at, hash));
        }
    }

    /// An order or a placeholder has `retire_after` to live.
    pub(crate) fn over_from_now(&mut self, id: OrderId) {
        self.orders[id.index()].over_since = Some(self.logged_at);
        self.over.push((self.logged_at, id));
    }

    /// Called before an entry is folded, when its log time has become the zone's.
    pub(crate) fn retire(&mut self, doing: &mut Applying) {
        let keep = Millis(self.policy.retire_after.0.max(0));
        let mut due: Vec<OrderId> = Vec::new();
        let mut last = None;
        while let Some((since, id)) = self.over.front()
            && self.logged_at - since >= keep
            && (last == Some(since) || due.len() < ORDERS_MAX)
        {
            self.over.pop();
            // One known only by later facts may have come to life since, or have ended later.
            if self.orders[id.index()].over_since == Some(since) && !due.contains(&id) {
                due.push(id);
                last = Some(since);
            }
        }
        due.sort_unstable();
        self.retire_orders(&due, doing);
        let (mut forgotten, mut last) = (0, None);
        while let Some((since, hash)) = self.seen_since.front()
            && self.logged_at - since >= keep
            && (last == Some(since) || forgotten < HASHES_MAX)
        {
            self.seen_since.pop();
            if self.seen.get(&hash) == Some(&since) {
                self.seen.remove(&hash);
                forgotten += 1;
                last = Some(since);
            }
        }
        if self.logged_at - self.swept_at >= SWEEP_EVERY {
            self.swept_at = self.logged_at;
            doing.zone_changed = true;
            self.sweep(keep);
        }
    }

    /// Takes orders out of the state. `due` is in ascending order.
    pub(super) fn retire_orders(&mut self, due: &[OrderId], doing: &mut Applying) {
        if due.iter().any(|id| self.orders[id.index()].asked > 0) {
            self.edit_asks(|ask| ask.orders.retain(|order| due.binary_search(order).is_err()));
        }
        for &id in due {
            let order = std::mem::replace(&mut self.orders[id.index()], OrderState::vacant());
            self.orders[id.index()].digests = order.digests;
            let Progress { departed, arrived, .. } = order.delivery;
            for mark in [departed, arrived, order.pickup.departed, order.pickup.arrived].into_iter().flatten() {
                // No vehicle should still be driving to it; if one were, its number would soon mean another order.
                let state = &mut self.vehicles[mark.vehicle.index()];
                if state.under_way.is_some_and(|under| under.order == id) {
                    state.under_way = None;
                    doing.halts(mark.vehicle);
                    doing.vehicle(mark.vehicle);
                }
            }
            self.redigest_order(id);
            self.recount_order(id);
            self.reindex_order(id);
            self.order_ids.remove(&order.name);
            self.free_orders.set(id.index(), true);
            if self.orders.give_back(id.index()) {
                self.free_orders.truncate(self.orders.len());
            }
            for hash in order.seen {
                self.remember(hash);
            }
            self.remember(retired_name(&order.name));
            doing.change.retired.push((id, order.name));
        }
    }

    fn sweep(&mut self, keep: Millis) {
        let now = self.logged_at;
        // Roads: `until` is zone time.
        let gone: Vec<Name> = self
            .roads
            .iter()
            .filter(|(_, road)| {
                let until = road.change.until.map(|until| self.zone.log_time(until));
                let ended = if road.ended { Some(road.since) } else { until.map(|until| until.max(road.since)) };
                ended.is_some_and(|ended| now - ended >= keep)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some(road) = self.roads.remove(&name) {
                self.resum(road_digest(&road), 0);
            }
        }
        let oldest = self.learned_until - SERVICE_KEPT;
        let stale: Vec<_> =
            self.services.values().filter(|learned| learned.seen < oldest).map(|learned| learned.place).collect();
        for place in stale {
            if let Some(learned) = self.services.remove(&place) {
                self.resum(service_digest(&learned), 0);
            }
        }
        let unanswerable: Vec<LogSeq> = self
            .unanswered
            .iter()
            .take_while(|(_, ask)| now - ask.logged_at >= keep)
            .filter(|(_, ask)| !ask.orders.iter().any(|order| self.orders[order.index()].is_open()))
            .map(|(&seq, _)| seq)
            .collect();
        for seq in unanswerable {
            self.drop_ask(seq);
        }
        self.retire_vehicles(keep);
    }

    /// Vehicles that are known only by later facts and that nothing refers to.
    fn retire_vehicles(&mut self, keep: Millis) {
        let idle = |state: &VehicleState| {
            !state.vacant
                && state.spec.is_none()
                && !state.on
                && state.route.visits.is_empty()
                && state.on_board.is_empty()
                && state.goods_waiting.is_empty()
                && state.under_way.is_none()
                && self.logged_at - state.touched >= keep
        };
        let mut due: BTreeSet<VehicleId> = self
            .vehicles
            .iter()
            .enumerate()
            .filter(|(_, state)| idle(state))
            .map(|(index, _)| VehicleId(index as u32))
            .collect();
        if due.is_empty() {
            return;
        }
        for order in self.orders.iter() {
            let marks = [&order.pickup, &order.delivery].into_iter().flat_map(|progress| {
                [progress.departed, progress.arrived, progress.completed, progress.failed.map(|(mark, _)| mark)]
            });
            let others = [order.on_board, order.pinned, order.rescue_from, order.last_vehicle];
            let words = order.words.iter().copied();
            for id in marks.flatten().chain(words).map(|mark| mark.vehicle).chain(others.into_iter().flatten()) {
                due.remove(&id);
            }
            for id in &order.rejected_by {
                due.remove(id);
            }
        }
        if self.unanswered.values().any(|ask| ask.vehicles.iter().any(|id| due.contains(id))) {
            self.edit_asks(|ask| ask.vehicles.retain(|id| !due.contains(id)));
        }
        for id in due {
            let vehicle = std::mem::replace(&mut self.vehicles[id.index()], VehicleState::vacant());
            self.vehicles[id.index()].digests = vehicle.digests;
            self.redigest_vehicle(id);
            self.reindex_vehicle(id);
            self.reslack(id);
            self.vehicle_ids.remove(&vehicle.name);
            self.free_vehicles.set(id.index(), true);
        }
    }
}

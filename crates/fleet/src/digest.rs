//! One number that says whether two fleets are the same.
//!
//! The digest is the wrapping sum over vehicles and orders of a 64-bit hash of each one's canonical content, keyed by
//! external ids and kept up to date as they change. Positions, the index, dense ids and counters are outside it. The
//! *facts digest* leaves out plans and log times too, so it is equal however the same facts were shuffled.

use fleetfold_model::{LogSeq, Name, OrderId, StopKind, Timestamp, VehicleId};

use crate::{Closed, Fleet, Mark, OrderState, Placement, Progress, VehicleState};

/// A 64-bit hash over a sequence of words: the multiply–rotate step of `FxHash` with the `SplitMix64` finisher. Not
/// cryptographic; it guards against bugs, not against enemies.
#[derive(Clone, Copy, Default)]
pub(crate) struct Canon(u64);

impl Canon {
    pub(crate) fn word(mut self, word: u64) -> Self {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        self
    }

    pub(crate) fn time(self, time: Timestamp) -> Self {
        self.word(time.0 as u64)
    }

    pub(crate) fn text(self, text: &str) -> Self {
        let mut hash = self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            hash = hash.word(u64::from_le_bytes(bytes));
        }
        hash
    }

    pub(crate) fn name(self, name: &Name) -> Self {
        self.text(name.as_str())
    }

    pub(crate) fn finish(self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Hash of a value's `Debug` text: stable within a build, and digests are only compared between equal fold versions.
/// Computed when a specification changes, not when its entity does.
pub(crate) fn digest_of(value: &impl std::fmt::Debug) -> u64 {
    Canon::default().text(&format!("{value:?}")).finish()
}

impl Fleet {
    fn canon_mark(&self, hash: Canon, mark: Option<Mark>) -> Canon {
        match mark {
            None => hash.word(0),
            Some(mark) => hash.name(&self.vehicles[mark.vehicle.index()].name).time(mark.at),
        }
    }

    fn canon_vehicle_ref(&self, hash: Canon, vehicle: Option<VehicleId>) -> Canon {
        match vehicle {
            None => hash.word(0),
            Some(id) => hash.word(1).name(&self.vehicles[id.index()].name),
        }
    }

    fn canon_progress(&self, hash: Canon, progress: &Progress) -> Canon {
        let hash = self.canon_mark(hash, progress.completed);
        match progress.failed {
            None => hash.word(0),
            Some((mark, reason)) => self.canon_mark(hash.word(1 + reason as u64), Some(mark)),
        }
    }

    fn order_digest(&self, order: &OrderState) -> (u64, u64) {
        let facts = Canon::default().word(1).name(&order.name).word(order.spec_digest);
        let facts = self.canon_progress(facts, &order.pickup);
        let facts = self.canon_progress(facts, &order.delivery);
        let facts = facts.word(match order.closed {
            None => 0,
            Some(Closed::Served) => 1,
            Some(Closed::Cancelled) => 2,
            Some(Closed::Failed(reason)) => 3 + reason as u64,
        });
        let facts_only = facts.finish();
        let mut full = self.canon_mark(facts, order.pickup.departed);
        for mark in [order.pickup.arrived, order.delivery.departed, order.delivery.arrived] {
            full = self.canon_mark(full, mark);
        }
        full = match order.placement {
            Placement::Unplaced => full.word(1),
            Placement::OnRoute(vehicle) => self.canon_vehicle_ref(full.word(2), Some(vehicle)),
            Placement::Unassigned(why) => full.word(3 + why as u64),
        };
        for vehicle in [order.on_board, order.pinned, order.rescue_from] {
            full = self.canon_vehicle_ref(full, vehicle);
        }
        for &vehicle in &order.rejected_by {
            full = self.canon_vehicle_ref(full, Some(vehicle));
        }
        for moved in [order.pickup_moved_to, order.delivery_moved_to] {
            full = moved.map_or(full.word(0), |p| full.word(u64::from(p.x as u32)).word(u64::from(p.y as u32)));
        }
        full = full.word(order.ready_at.map_or(0, |at| at.0 as u64)).word(u64::from(order.vehicle_changes));
        (full.finish(), facts_only)
    }

    fn vehicle_digest(&self, vehicle: &VehicleState) -> (u64, u64) {
        let facts = Canon::default().word(2).name(&vehicle.name).word(vehicle.spec_digest);
        let facts_only = facts.finish();
        let LogSeq(revision) = vehicle.route.revision;
        let mut full = facts.word(vehicle.on.into()).word(vehicle.lost.into()).word(revision);
        full = full.word(vehicle.shift.as_ref().map_or(0, digest_of));
        full = full.word(u64::from(vehicle.stops_done)).word(u64::from(vehicle.breaks_taken)).word(vehicle.accepted.0);
        if let Some(anchor) = vehicle.anchor {
            full = full
                .word(u64::from(anchor.position.x as u32))
                .word(u64::from(anchor.position.y as u32))
                .time(anchor.at);
        }
        if let Some(under) = vehicle.under_way {
            full = full.name(&self.orders[under.order.index()].name).word(under.stop as u64).time(under.departed);
        }
        for visit in &vehicle.route.visits {
            full = full
                .name(&self.orders[visit.order.index()].name)
                .word(u64::from(visit.stop == StopKind::Delivery))
                .time(visit.depart_at)
                .time(visit.arrival)
                .time(visit.start)
                .time(visit.departure);
        }
        for &OrderId(order) in &vehicle.on_board {
            full = full.name(&self.orders[order as usize].name);
        }
        (full.finish(), facts_only)
    }

    /// Brings the sums up to date for one order.
    pub(crate) fn redigest_order(&mut self, id: OrderId) {
        let new = self.order_digest(&self.orders[id.index()]);
        self.order_digests.resize(self.orders.len(), (0, 0));
        let old = std::mem::replace(&mut self.order_digests[id.index()], new);
        self.digest_sum = self.digest_sum.wrapping_sub(old.0).wrapping_add(new.0);
        self.facts_sum = self.facts_sum.wrapping_sub(old.1).wrapping_add(new.1);
    }

    /// Brings the sums up to date for one vehicle.
    pub(crate) fn redigest_vehicle(&mut self, id: VehicleId) {
        let new = self.vehicle_digest(&self.vehicles[id.index()]);
        self.vehicle_digests.resize(self.vehicles.len(), (0, 0));
        let old = std::mem::replace(&mut self.vehicle_digests[id.index()], new);
        self.digest_sum = self.digest_sum.wrapping_sub(old.0).wrapping_add(new.0);
        self.facts_sum = self.facts_sum.wrapping_sub(old.1).wrapping_add(new.1);
    }

    /// The sums computed anew from every entity: the slow obvious way, for checks.
    pub fn digests_recounted(&self) -> (u64, u64) {
        let orders = self.orders.iter().map(|order| self.order_digest(order));
        let vehicles = self.vehicles.iter().map(|vehicle| self.vehicle_digest(vehicle));
        orders.chain(vehicles).fold((0, 0), |(full, facts), (f, g)| (full.wrapping_add(f), facts.wrapping_add(g)))
    }
}

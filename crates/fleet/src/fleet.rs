//! The fold of the log: its tables, and the questions that can be asked of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fleetfold_model::{
    LogSeq, Millis, Name, OrderId, Policy, Position, ServiceFeature, SpeedFeature, SpeedKey, StopKind, Timestamp,
    VehicleId,
};
use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::{Anchor, Ask, Chain, OrderState, RoadState, VehicleState, Zone};

/// Running totals, outside the digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Facts folded.
    pub facts: u64,
    /// Plans folded.
    pub plans: u64,
    /// Facts refused.
    pub refused: u64,
    /// Entries skipped because their sequence had been applied.
    pub skipped: u64,
    /// Earlier stages inferred.
    pub gaps: u64,
    /// Exchange groups accepted.
    pub groups_accepted: u64,
    /// Exchange groups refused.
    pub groups_refused: u64,
}

/// Services after which a learned service time is used (guess: a mean of five is within half its spread).
pub const SERVICES_ENOUGH: u32 = 5;

/// The fold of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fleet {
    pub(crate) applied: LogSeq,
    pub(crate) logged_at: Timestamp,
    pub(crate) zone: Zone,
    pub(crate) policy: Policy,
    pub(crate) vehicles: Vec<VehicleState>,
    pub(crate) vehicle_ids: BTreeMap<Name, VehicleId>,
    pub(crate) orders: Vec<OrderState>,
    pub(crate) order_ids: BTreeMap<Name, OrderId>,
    pub(crate) skills: BTreeMap<Name, u8>,
    pub(crate) roads: BTreeMap<Name, RoadState>,
    pub(crate) road_version: u32,
    /// Version of what was learned, and all of it.
    pub(crate) features_version: u64,
    pub(crate) speeds: BTreeMap<SpeedKey, SpeedFeature>,
    pub(crate) services: BTreeMap<Position, ServiceFeature>,
    pub(crate) unanswered: BTreeMap<LogSeq, Ask>,
    pub(crate) chain: Chain,
    pub(crate) seen: BTreeSet<u64>,
    /// Closed orders in the order they closed (log time), until their event ids are forgotten.
    pub(crate) closing: VecDeque<(Timestamp, OrderId)>,
    pub(crate) order_digests: Vec<(u64, u64)>,
    pub(crate) vehicle_digests: Vec<(u64, u64)>,
    pub(crate) digest_sum: u64,
    pub(crate) facts_sum: u64,
    pub(crate) counters: Counters,
    #[serde(skip)]
    pub(crate) index: Index,
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new()
    }
}

impl Fleet {
    /// The fleet before the first entry.
    pub fn new() -> Self {
        Self {
            applied: LogSeq(0),
            logged_at: Timestamp(0),
            zone: Zone::default(),
            policy: Policy::default(),
            vehicles: Vec::new(),
            vehicle_ids: BTreeMap::new(),
            orders: Vec::new(),
            order_ids: BTreeMap::new(),
            skills: BTreeMap::new(),
            roads: BTreeMap::new(),
            road_version: 0,
            features_version: 0,
            speeds: BTreeMap::new(),
            services: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            chain: Chain::default(),
            seen: BTreeSet::new(),
            closing: VecDeque::new(),
            order_digests: Vec::new(),
            vehicle_digests: Vec::new(),
            digest_sum: 0,
            facts_sum: 0,
            counters: Counters::default(),
            index: Index::default(),
        }
    }

    /// The last entry folded in. A position, not a time.
    pub fn applied(&self) -> LogSeq {
        self.applied
    }

    /// When the last entry was logged.
    pub fn logged_at(&self) -> Timestamp {
        self.logged_at
    }

    /// Zone time of the last entry.
    pub fn now(&self) -> Timestamp {
        self.zone.zone_time(self.logged_at)
    }

    /// The zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// How it is dispatched.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// All vehicles, by id.
    pub fn vehicles(&self) -> &[VehicleState] {
        &self.vehicles
    }

    /// All orders, by id.
    pub fn orders(&self) -> &[OrderState] {
        &self.orders
    }

    /// One vehicle.
    pub fn vehicle(&self, id: VehicleId) -> &VehicleState {
        &self.vehicles[id.index()]
    }

    /// One order.
    pub fn order(&self, id: OrderId) -> &OrderState {
        &self.orders[id.index()]
    }

    /// The vehicle of this name.
    pub fn vehicle_id(&self, name: &str) -> Option<VehicleId> {
        Name::new(name).and_then(|name| self.vehicle_ids.get(&name).copied())
    }

    /// The order of this name.
    pub fn order_id(&self, name: &str) -> Option<OrderId> {
        Name::new(name).and_then(|name| self.order_ids.get(&name).copied())
    }

    /// Changes of the roads, by their names.
    pub fn roads(&self) -> &BTreeMap<Name, RoadState> {
        &self.roads
    }

    /// The version of what was learned; 0: nothing yet.
    pub fn features_version(&self) -> u64 {
        self.features_version
    }

    /// Factors of travel time as learned, those of which too little was seen included.
    pub fn learned_speeds(&self) -> &BTreeMap<SpeedKey, SpeedFeature> {
        &self.speeds
    }

    /// Service times as learned, those of which too little was seen included.
    pub fn learned_services(&self) -> &BTreeMap<Position, ServiceFeature> {
        &self.services
    }

    /// How long serving at a place takes: as learned, where it is used and enough was seen, else as `planned`.
    pub fn service_at(&self, place: Position, planned: Millis) -> Millis {
        let learned = self.services.get(&place).filter(|learned| self.policy.learn && learned.count >= SERVICES_ENOUGH);
        learned.map_or(planned, |learned| learned.service)
    }

    /// Raised by every fact about roads.
    pub fn road_version(&self) -> u32 {
        self.road_version
    }

    /// Facts that no accepted plan has answered yet.
    pub fn unanswered(&self) -> &BTreeMap<LogSeq, Ask> {
        &self.unanswered
    }

    /// The chain of plans.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Running totals.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The spatial index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Digest of everything decided and reported.
    pub fn digest(&self) -> u64 {
        self.digest_sum
    }

    /// Digest of what was reported, without plans and log times: equal however the facts were shuffled.
    pub fn facts_digest(&self) -> u64 {
        self.facts_sum
    }

    /// Fills what a snapshot leaves out.
    pub fn rebuild_index(&mut self) {
        self.index = Index::default();
        for id in 0..self.vehicles.len() {
            self.reindex_vehicle(VehicleId(id as u32));
        }
        for id in 0..self.orders.len() {
            self.reindex_order(OrderId(id as u32));
        }
    }

    /// A position report: moves the vehicle in the index unless an equally new one was seen. Unknown vehicles are ignored.
    /// Returns the vehicle when it moved.
    pub fn hint(&mut self, vehicle: &Name, position: Position, at: Timestamp) -> Option<VehicleId> {
        let id = *self.vehicle_ids.get(vehicle)?;
        let state = &mut self.vehicles[id.index()];
        if state.hint.is_some_and(|hint| hint.at >= at) {
            return None;
        }
        state.hint = Some(Anchor { position, at });
        self.reindex_vehicle(id);
        Some(id)
    }

    pub(crate) fn reindex_vehicle(&mut self, id: VehicleId) {
        let place = self.vehicles[id.index()].whereabouts().map(|anchor| anchor.position);
        self.index.set_vehicle(self.zone.space, id, place);
    }

    pub(crate) fn reindex_order(&mut self, id: OrderId) {
        let order = &self.orders[id.index()];
        let open = order.open_stops();
        for kind in [StopKind::Pickup, StopKind::Delivery] {
            let place = open.contains(&kind).then(|| order.stop(kind)).flatten().map(|stop| stop.position);
            self.index.set_stop(self.zone.space, id, kind, place);
        }
    }
}

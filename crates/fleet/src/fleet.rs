//! The fold of the log: its tables, and the questions that can be asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use fleetfold_model::{
    Alert, ArrivalEnds, Freeze, LogSeq, Millis, Name, OrderId, Policy, Position, ServiceFeature, SpeedFeature,
    SpeedKey, StopKind, Timestamp, VehicleId,
};
use serde::{Deserialize, Serialize};

use crate::digest::policy_digest;
use crate::index::Index;

use crate::pages::{Bits, Pages, Parts, Queue, Vacant};
use crate::slack::Slack;
use crate::{
    AlertState, Anchor, Ask, Chain, EarlyWord, OrderState, Placement, RoadState, SaidAt, Told, VehicleState, Visit,
    Zone, until_depot,
};

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
///
/// A clone is cheap (tens of microseconds at 300,000 orders): it shares the tables, see `pages`. It also shares the spatial index,
/// which the next entry would have to copy as a whole; take [`Fleet::clone_without_index`] for a copy that outlives the call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fleet {
    pub(crate) applied: LogSeq,
    pub(crate) logged_at: Timestamp,
    pub(crate) zone: Zone,
    pub(crate) policy: Policy,
    /// When it was said, where the newest word counts: from the fifth rules on.
    pub(crate) policy_said: Option<SaidAt>,
    /// Words of dispatchers about orders that nobody had asked for, until the first plan says by which rules they count (zone time).
    pub(crate) early_words: Vec<(Timestamp, EarlyWord)>,
    pub(crate) vehicles: Pages<VehicleState>,
    pub(crate) vehicle_ids: Parts<Name, VehicleId>,
    /// Numbers of vehicles that were retired: the next vehicle takes the lowest.
    pub(crate) free_vehicles: Bits,
    pub(crate) orders: Pages<OrderState>,
    pub(crate) order_ids: Parts<Name, OrderId>,
    /// Numbers of orders that were retired: the next order takes the lowest.
    pub(crate) free_orders: Bits,
    /// Known and not over.
    pub(crate) open: Bits,
    /// Open, on no route, with a reason.
    pub(crate) unassigned: Bits,
    /// Open, on no route, without a reason yet.
    pub(crate) unplaced: Bits,
    pub(crate) skills: BTreeMap<Name, u8>,
    pub(crate) roads: BTreeMap<Name, RoadState>,
    pub(crate) road_version: u32,
    /// Version of what was learned, and all of it.
    pub(crate) features_version: u64,
    /// Watermark of the newest version.
    pub(crate) learned_until: Timestamp,
    pub(crate) speeds: BTreeMap<SpeedKey, SpeedFeature>,
    pub(crate) services: Parts<Position, ServiceFeature>,
    /// How far arrivals are from what customers are told, by ascending lead.
    pub(crate) arrivals: Vec<ArrivalEnds>,
    pub(crate) unanswered: BTreeMap<LogSeq, Ask>,
    pub(crate) chain: Chain,
    pub(crate) last_base: Option<StoredBase>,
    /// Alerts that stand.
    pub(crate) alerts: BTreeMap<Alert, AlertState>,
    /// Hashes of event ids, and of the names of retired orders, with the log time from which they are kept for
    /// `retire_after`; [`crate::fold::KEPT`] while they hang on an order.
    pub(crate) seen: Parts<u64, Timestamp>,
    /// The same in the order of those times, without those that hang on an order.
    pub(crate) seen_since: Queue<(Timestamp, u64)>,
    /// Orders in the order in which they were over (log time), until they are retired.
    pub(crate) over: Queue<(Timestamp, OrderId)>,
    /// When roads, shells and what else is looked at by the hour was last looked at (log time).
    pub(crate) swept_at: Timestamp,
    pub(crate) policy_digest: u64,
    pub(crate) zone_sum: u64,
    pub(crate) digest_sum: u64,
    pub(crate) facts_sum: u64,
    pub(crate) counters: Counters,
    #[serde(skip)]
    pub(crate) index: Arc<Index>,
    /// What each vehicle has left to give.
    #[serde(skip)]
    pub(crate) slacks: Pages<Slack>,
}

/// A base that was stored, as the log says: the whole fleet after an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBase {
    /// The last entry folded into it.
    pub applied: LogSeq,
    /// Format of the fold that made it (see [`fleetfold_model::FORMAT`]).
    pub format: u16,
    /// Its name in the object store, or in the folder beside an embedded log.
    pub object: String,
    /// BLAKE3 hash of its bytes, hexadecimal.
    pub hash: String,
    /// When the log took the fact (log time).
    pub logged_at: Timestamp,
}

/// The orders that the fleet holds: the open ones, those that are over but not retired, and those known only by later facts.
/// Walking them all costs what the last day brought; [`Fleet::open_orders`] costs what is open.
#[derive(Clone, Copy)]
pub struct Orders<'a>(&'a Pages<OrderState>);

impl<'a> Orders<'a> {
    /// Every order.
    pub fn iter(self) -> impl Iterator<Item = &'a OrderState> {
        self.0.iter().filter(|order| !order.vacant)
    }

    /// Every order's number, ascending.
    pub fn ids(self) -> impl Iterator<Item = OrderId> {
        self.0.iter().enumerate().filter(|(_, order)| !order.vacant).map(|(index, _)| OrderId(index as u32))
    }
}

/// All vehicles by number. A vehicle that was known only by later facts may have been retired; its number then holds a
/// vehicle that is not registered, until another one takes the number; [`Vehicles::iter`] and [`Vehicles::ids`] pass over it.
#[derive(Clone, Copy)]
pub struct Vehicles<'a>(&'a Pages<VehicleState>);

impl<'a> Vehicles<'a> {
    /// One more than the highest number.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// True before the first vehicle.
    pub fn is_empty(self) -> bool {
        self.0.len() == 0
    }

    /// Every vehicle, by ascending number.
    pub fn iter(self) -> impl Iterator<Item = &'a VehicleState> {
        self.0.iter().filter(|vehicle| !vehicle.vacant)
    }

    /// Every vehicle's number, ascending.
    pub fn ids(self) -> impl Iterator<Item = VehicleId> + 'a {
        self.0.iter().enumerate().filter(|(_, vehicle)| !vehicle.vacant).map(|(index, _)| VehicleId(index as u32))
    }
}

impl<'a> IntoIterator for Vehicles<'a> {
    type Item = &'a VehicleState;
    type IntoIter = Box<dyn Iterator<Item = &'a VehicleState> + 'a>;
    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// Service times as learned, in no order.
#[derive(Clone, Copy)]
pub struct Services<'a>(&'a Parts<Position, ServiceFeature>);

impl<'a> Services<'a> {
    /// What was learned of one place.
    pub fn get(self, place: &Position) -> Option<&'a ServiceFeature> {
        self.0.get(place)
    }

    /// How many places.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// True when nothing was learned.
    pub fn is_empty(self) -> bool {
        self.0.len() == 0
    }

    /// Every place.
    pub fn values(self) -> impl Iterator<Item = &'a ServiceFeature> {
        self.0.values()
    }
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new()
    }
}

impl Fleet {
    /// The fleet before the first entry.
    pub fn new() -> Self {
        let policy = Policy::default();
        let mut fleet = Self {
            applied: LogSeq(0),
            logged_at: Timestamp(0),
            zone: Zone::default(),
            policy_said: None,
            early_words: Vec::new(),
            policy_digest: policy_digest(&policy),
            policy,
            vehicles: Pages::default(),
            vehicle_ids: Parts::default(),
            free_vehicles: Bits::default(),
            orders: Pages::default(),
            order_ids: Parts::default(),
            free_orders: Bits::default(),
            open: Bits::default(),
            unassigned: Bits::default(),
            unplaced: Bits::default(),
            skills: BTreeMap::new(),
            roads: BTreeMap::new(),
            road_version: 0,
            arrivals: Vec::new(),
            features_version: 0,
            learned_until: Timestamp(0),
            speeds: BTreeMap::new(),
            services: Parts::default(),
            unanswered: BTreeMap::new(),
            chain: Chain::default(),
            last_base: None,
            alerts: BTreeMap::new(),
            seen: Parts::default(),
            seen_since: Queue::default(),
            over: Queue::default(),
            swept_at: Timestamp(0),
            zone_sum: 0,
            digest_sum: 0,
            facts_sum: 0,
            counters: Counters::default(),
            index: Arc::default(),
            slacks: Pages::default(),
        };
        fleet.redigest_zone();
        fleet
    }

    /// A copy to keep: it shares every table and has no spatial index. Costs tens of microseconds at 300,000 orders, and what
    /// the fleet writes to afterwards is copied piece by piece. [`Fleet::rebuild_index`] makes it whole.
    #[must_use]
    pub fn clone_without_index(&self) -> Self {
        Self { index: Arc::new(Index::absent()), ..self.clone() }
    }

    /// A copy in which an order is pinned to no vehicle, to ask who could take it. It is the state of no log.
    #[must_use]
    pub fn without_pin(&self, order: OrderId) -> Self {
        let mut copy = self.clone();
        let state = &mut copy.orders[order.index()];
        state.pinned = None;
        state.told.0.remove(&Told::Forced);
        copy
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

    /// All vehicles, by number.
    pub fn vehicles(&self) -> Vehicles<'_> {
        Vehicles(&self.vehicles)
    }

    /// All orders that are held, also those that are over and not retired yet.
    pub fn orders(&self) -> Orders<'_> {
        Orders(&self.orders)
    }

    /// The open orders by ascending number. Costs what is open.
    pub fn open_orders(&self) -> impl Iterator<Item = OrderId> + '_ {
        self.open.iter().map(|index| OrderId(index as u32))
    }

    /// The open orders that are on no route for a reason, by ascending number.
    pub fn unassigned_orders(&self) -> impl Iterator<Item = OrderId> + '_ {
        self.unassigned.iter().map(|index| OrderId(index as u32))
    }

    /// How many orders are open.
    pub fn open_count(&self) -> usize {
        self.open.count()
    }

    /// How many open orders are on no route for a reason.
    pub fn unassigned_count(&self) -> usize {
        self.unassigned.count()
    }

    /// How many open orders are on a route.
    pub fn on_route_count(&self) -> usize {
        self.open.count() - self.unassigned.count() - self.unplaced.count()
    }

    /// How many orders are held: open ones, those that are over and not retired yet, and those known only by later facts.
    pub fn held_count(&self) -> usize {
        self.order_ids.len()
    }

    /// The last base that the log tells of.
    pub fn last_base(&self) -> Option<&StoredBase> {
        self.last_base.as_ref()
    }

    /// One vehicle.
    pub fn vehicle(&self, id: VehicleId) -> &VehicleState {
        &self.vehicles[id.index()]
    }

    /// One order. A number that was retired gives an order that nobody asked for.
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

    /// True where nobody has asked for an order of this name: what is said of it is remembered until somebody does. Of one that was
    /// retired lately nothing is remembered, and whoever says something of it is refused.
    pub fn awaits_order(&self, name: &Name) -> bool {
        match self.order_ids.get(name) {
            Some(&id) => self.orders[id.index()].spec.is_none(),
            None => !self.was_retired(name),
        }
    }

    /// True where nobody has registered a vehicle of this name.
    pub fn awaits_vehicle(&self, name: &Name) -> bool {
        self.vehicle_ids.get(name).is_none_or(|&id| self.vehicles[id.index()].spec.is_none())
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
    pub fn learned_services(&self) -> Services<'_> {
        Services(&self.services)
    }

    /// How far arrivals are from what customers are told, as learned, by ascending lead.
    pub fn learned_arrivals(&self) -> &[ArrivalEnds] {
        &self.arrivals
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

    /// How many visits at the head of a route stay as they are because its driver has accepted them, or one behind them: under a policy that says
    /// so ([`Freeze::Accepted`]). What a dispatcher has named for another vehicle does not stay, and what is behind it is not of the head.
    pub fn accepted_head(&self, id: VehicleId) -> usize {
        if self.policy.freeze != Freeze::Accepted {
            return 0;
        }
        let vehicle = self.vehicle(id);
        // What comes behind a depot can still be planned otherwise.
        let visits = until_depot(&vehicle.route.visits);
        let is_taken = |visit: &Visit| self.order(visit.order).pinned.is_some_and(|pinned| pinned != id);
        let head = &visits[..visits.iter().position(is_taken).unwrap_or(visits.len())];
        let last = head.iter().rposition(|visit| self.is_frozen_by_acceptance(visit.order, id));
        last.map_or(0, |last| (last + 1).max(vehicle.frozen()))
    }

    /// True when the driver of the vehicle that an order is on has accepted it, and the policy says that it stays there then.
    pub fn is_frozen_by_acceptance(&self, order: OrderId, id: VehicleId) -> bool {
        let order = self.order(order);
        self.policy.freeze == Freeze::Accepted
            && order.placement == Placement::OnRoute(id)
            && order.since <= self.vehicle(id).accepted
            && order.pinned.is_none_or(|pinned| pinned == id)
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
        self.index = Arc::default();
        self.slacks = Pages::default();
        for id in 0..self.vehicles.len() {
            self.reindex_vehicle(VehicleId(id as u32));
            self.reslack(VehicleId(id as u32));
        }
        for id in 0..self.orders.len() {
            self.reindex_order(OrderId(id as u32));
        }
    }

    /// What each vehicle has left to give, by ascending number.
    pub fn slacks(&self) -> impl Iterator<Item = (VehicleId, &Slack)> {
        self.slacks.iter().enumerate().map(|(index, slack)| (VehicleId(index as u32), slack))
    }

    /// Brings up to date what a vehicle has left to give.
    pub(crate) fn reslack(&mut self, id: VehicleId) {
        let slack = Slack::of(self, id);
        while self.slacks.len() <= id.index() {
            self.slacks.push(Slack::vacant());
        }
        if self.slacks[id.index()] != slack {
            self.slacks[id.index()] = slack;
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
        Arc::make_mut(&mut self.index).set_vehicle(self.zone.space, id, place);
    }

    /// Brings the sets of open, unassigned and unplaced orders up to date for one order.
    pub(crate) fn recount_order(&mut self, id: OrderId) {
        let order = &self.orders[id.index()];
        let open = order.is_open();
        let (unassigned, unplaced) = match order.placement {
            Placement::Unassigned(_) => (open, false),
            Placement::Unplaced => (false, open),
            Placement::OnRoute(_) => (false, false),
        };
        self.open.set(id.index(), open);
        self.unassigned.set(id.index(), unassigned);
        self.unplaced.set(id.index(), unplaced);
    }

    pub(crate) fn reindex_order(&mut self, id: OrderId) {
        let order = &self.orders[id.index()];
        let open = order.open_stops();
        for kind in [StopKind::Pickup, StopKind::Delivery] {
            let place = open.contains(&kind).then(|| order.stop(kind)).flatten().map(|stop| stop.position);
            Arc::make_mut(&mut self.index).set_stop(self.zone.space, id, kind, place);
        }
    }
}

//! The tables of the fleet and the questions that can be asked of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fleetfold_model::{
    FailReason, Load, LoadDirection, LogSeq, MessageHash, Metres, Millis, Name, Order, OrderChange, OrderId, OrderWork,
    Policy, Position, RoadChange, ServiceFeature, Shift, Space, SpeedFeature, SpeedKey, StopKind, TimeWindow,
    Timestamp, UnassignedReason, Vehicle, VehicleId,
};
use serde::{Deserialize, Serialize};

use crate::index::Index;

/// The zone: how log time maps to zone time and how coordinates are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// True once the log has said so; before, zone time is log time.
    pub opened: bool,
    /// IANA name, for showing times.
    pub timezone: String,
    /// How coordinates are read.
    pub space: Space,
    /// Zone time at `log_start`.
    pub day_start: Timestamp,
    /// Log time at which zone time was `day_start`.
    pub log_start: Timestamp,
    /// What local clocks are ahead of UTC.
    pub utc_offset: Millis,
    /// Zone milliseconds per log millisecond.
    pub rate: u32,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            opened: false,
            timezone: "UTC".to_owned(),
            space: Space::Geographic,
            day_start: Timestamp(0),
            log_start: Timestamp(0),
            utc_offset: Millis(0),
            rate: 1,
        }
    }
}

impl Zone {
    /// Zone time at an instant of log time.
    pub fn zone_time(&self, logged_at: Timestamp) -> Timestamp {
        self.day_start + Millis((logged_at - self.log_start).0.saturating_mul(i64::from(self.rate)))
    }

    /// Local hour of the day at an instant of zone time, 0 to 23.
    pub fn hour(&self, zone: Timestamp) -> u8 {
        ((zone + self.utc_offset).0.div_euclid(3_600_000)).rem_euclid(24) as u8
    }

    /// Log time at an instant of zone time, rounded up.
    pub fn log_time(&self, zone: Timestamp) -> Timestamp {
        let rate = i64::from(self.rate.max(1));
        let span = (zone - self.day_start).0;
        self.log_start + Millis(span.div_euclid(rate) + i64::from(span.rem_euclid(rate) != 0))
    }
}

/// Who did something at a stop, and when (event time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who.
    pub vehicle: VehicleId,
    /// When, zone time.
    pub at: Timestamp,
}

/// How far a stop has come. Each field is set once; later stages win over earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The drive to it began.
    pub departed: Option<Mark>,
    /// The vehicle was there.
    pub arrived: Option<Mark>,
    /// Served.
    pub completed: Option<Mark>,
    /// Could not be served.
    pub failed: Option<(Mark, FailReason)>,
}

impl Progress {
    /// Served or failed: nothing more will happen.
    pub fn is_done(&self) -> bool {
        self.completed.is_some() || self.failed.is_some()
    }
}

/// Where an open order stands in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Waiting for its first answer, or displaced by a fact.
    Unplaced,
    /// On this vehicle's route.
    OnRoute(VehicleId),
    /// On no route, and the answer says why.
    Unassigned(UnassignedReason),
}

/// Why an order is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closed {
    /// Served.
    Served,
    /// A stop of it failed.
    Failed(FailReason),
    /// The customer cancelled it.
    Cancelled,
}

/// A stop with all later changes taken into account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Where.
    pub position: Position,
    /// When service may start; empty: any time. A release already cuts these.
    pub windows: Vec<TimeWindow>,
    /// No service before this, if set.
    pub release: Option<Timestamp>,
    /// Lateness counts from here; `None`: never late.
    pub due: Option<Timestamp>,
    /// Time spent serving.
    pub service: Millis,
    /// Time spent once on arrival.
    pub setup: Millis,
}

/// One order and everything known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// The fleet system's id.
    pub name: Name,
    /// What was asked for; `None` while only later facts about it have arrived.
    pub spec: Option<Order>,
    /// Hash of `spec`; 0 for none.
    pub spec_digest: u64,
    /// Skills as bits.
    pub skills: u64,
    /// The pickup (unused for jobs).
    pub pickup: Progress,
    /// The delivery, or the job's stop.
    pub delivery: Progress,
    /// Why it is over, if it is.
    pub closed: Option<Closed>,
    /// Its place in the plan while open.
    pub placement: Placement,
    /// The vehicle its goods are on.
    pub on_board: Option<VehicleId>,
    /// Must stay on this vehicle (operator).
    pub pinned: Option<VehicleId>,
    /// Drivers who would not take it.
    pub rejected_by: Vec<VehicleId>,
    /// The goods stand elsewhere than ordered (breakdown).
    pub pickup_moved_to: Option<Position>,
    /// The goods go elsewhere than ordered (return).
    pub delivery_moved_to: Option<Position>,
    /// The goods wait on this broken vehicle.
    pub rescue_from: Option<VehicleId>,
    /// Goods were reported ready at this time.
    pub ready_at: Option<Timestamp>,
    /// Changes that came before the order itself.
    pub early_changes: Vec<OrderChange>,
    /// Cancelled before it was created.
    pub early_cancel: bool,
    /// The entry that created it.
    pub created: LogSeq,
    /// How often its vehicle changed after it had one.
    pub vehicle_changes: u32,
    /// The vehicle it was last on.
    pub last_vehicle: Option<VehicleId>,
    /// Event ids seen, kept until a day after it closed.
    pub seen: Vec<u64>,
}

impl OrderState {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name,
            spec: None,
            spec_digest: 0,
            skills: 0,
            pickup: Progress::default(),
            delivery: Progress::default(),
            closed: None,
            placement: Placement::Unplaced,
            on_board: None,
            pinned: None,
            rejected_by: Vec::new(),
            pickup_moved_to: None,
            delivery_moved_to: None,
            rescue_from: None,
            ready_at: None,
            early_changes: Vec::new(),
            early_cancel: false,
            created: LogSeq(0),
            vehicle_changes: 0,
            last_vehicle: None,
            seen: Vec::new(),
        }
    }

    /// Known and not over.
    pub fn is_open(&self) -> bool {
        self.spec.is_some() && self.closed.is_none()
    }

    /// True for pickup and delivery.
    pub fn is_shipment(&self) -> bool {
        matches!(self.spec.as_ref().map(|spec| &spec.work), Some(OrderWork::Shipment(_)))
    }

    /// The stops still to be served, pickup first.
    pub fn open_stops(&self) -> &'static [StopKind] {
        if !self.is_open() {
            &[]
        } else if self.is_shipment() && self.on_board.is_none() {
            &[StopKind::Pickup, StopKind::Delivery]
        } else {
            &[StopKind::Delivery]
        }
    }

    /// How far a stop has come.
    pub fn progress(&self, stop: StopKind) -> &Progress {
        match stop {
            StopKind::Pickup => &self.pickup,
            StopKind::Delivery => &self.delivery,
        }
    }

    pub(crate) fn progress_mut(&mut self, stop: StopKind) -> &mut Progress {
        match stop {
            StopKind::Pickup => &mut self.pickup,
            StopKind::Delivery => &mut self.delivery,
        }
    }

    /// What the goods take up.
    pub fn load(&self) -> Load {
        self.spec.as_ref().map_or_else(Load::default, |spec| spec.load)
    }

    /// True when the goods of a job are on board from the start of the tour.
    pub fn loads_at_start(&self) -> bool {
        matches!(self.spec.as_ref().map(|spec| &spec.work),
            Some(OrderWork::Job(job)) if job.direction == LoadDirection::Delivery)
    }

    /// A stop with every later change taken into account. `None` while the order itself is unknown, or for the pickup of a job.
    pub fn stop(&self, kind: StopKind) -> Option<Stop> {
        let spec = self.spec.as_ref()?;
        let (base, moved) = match (&spec.work, kind) {
            (OrderWork::Job(job), StopKind::Delivery) => (&job.stop, self.delivery_moved_to),
            (OrderWork::Job(_), StopKind::Pickup) => return None,
            (OrderWork::Shipment(shipment), StopKind::Pickup) => (&shipment.pickup, self.pickup_moved_to),
            (OrderWork::Shipment(shipment), StopKind::Delivery) => (&shipment.delivery, self.delivery_moved_to),
        };
        let first = matches!(spec.work, OrderWork::Job(_)) || kind == StopKind::Pickup;
        let release = if !first || moved.is_some() {
            None
        } else {
            match (spec.release, self.ready_at) {
                (_, Some(ready)) => Some(ready),
                (release, None) => release,
            }
        };
        if moved.is_some() {
            // A rescue or a return has no appointment; the promise to the customer still counts for a delivery under way.
            return Some(Stop {
                position: moved?,
                windows: Vec::new(),
                release: None,
                due: None,
                service: base.service,
                setup: base.setup,
            });
        }
        let due = if kind == StopKind::Delivery && spec.promised.is_some() {
            spec.promised
        } else {
            base.windows.last().map(|window| window.closes())
        };
        Some(Stop {
            position: base.position,
            windows: base.windows.clone(),
            release,
            due,
            service: base.service,
            setup: base.setup,
        })
    }
}

/// A stop inside a route, with planned times (zone time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Whose order.
    pub order: OrderId,
    /// Which of its stops.
    pub stop: StopKind,
    /// The drive here does not begin before this.
    pub depart_at: Timestamp,
    /// The vehicle is there.
    pub arrival: Timestamp,
    /// Service starts.
    pub start: Timestamp,
    /// Service is done.
    pub departure: Timestamp,
    /// Length of the leg to here.
    pub metres: Metres,
    /// A pause before the drive here.
    pub break_before: Millis,
}

/// The visits one vehicle has been told to make and has not made yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The entry that last changed it.
    pub revision: LogSeq,
    /// In driving order.
    pub visits: Vec<Visit>,
}

/// Where a vehicle was at its last fact, and since when it is free there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Where.
    pub position: Position,
    /// Since when, zone time.
    pub at: Timestamp,
}

/// The visit a vehicle is driving to or serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Whose order.
    pub order: OrderId,
    /// Which stop.
    pub stop: StopKind,
    /// The drive began.
    pub departed: Timestamp,
    /// It is there since.
    pub arrived: Option<Timestamp>,
}

/// One vehicle and everything known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VehicleState {
    /// The fleet system's id.
    pub name: Name,
    /// As registered; `None` while only later facts about it have arrived.
    pub spec: Option<Vehicle>,
    /// Hash of `spec`; 0 for none.
    pub spec_digest: u64,
    /// Skills as bits.
    pub skills: u64,
    /// A driver has signed on.
    pub on: bool,
    /// Broken down or out of contact.
    pub lost: bool,
    /// The period it works, once signed on.
    pub shift: Option<Shift>,
    /// Where it was at its last fact.
    pub anchor: Option<Anchor>,
    /// What it drives to or serves.
    pub under_way: Option<UnderWay>,
    /// What it has been told to do.
    pub route: Route,
    /// Orders whose goods it carries.
    pub on_board: Vec<OrderId>,
    /// Stops done in this shift.
    pub stops_done: u32,
    /// Pauses taken in this shift.
    pub breaks_taken: u32,
    /// Highest route revision the driver took.
    pub accepted: LogSeq,
    /// Last reported position and its event time: a hint, outside the digest.
    pub hint: Option<Anchor>,
}

impl VehicleState {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name,
            spec: None,
            spec_digest: 0,
            skills: 0,
            on: false,
            lost: false,
            shift: None,
            anchor: None,
            under_way: None,
            route: Route::default(),
            on_board: Vec::new(),
            stops_done: 0,
            breaks_taken: 0,
            accepted: LogSeq(0),
            hint: None,
        }
    }

    /// Known, signed on and working: it may be given work.
    pub fn is_available(&self) -> bool {
        self.spec.is_some() && self.on && !self.lost
    }

    /// How many visits at the head of the route are never re-planned at this zone time: the one under way, or the next
    /// one once its time to depart has come.
    pub fn frozen(&self, now: Timestamp) -> usize {
        let Some(first) = self.route.visits.first() else { return 0 };
        let under_way = self.under_way.is_some_and(|under| (under.order, under.stop) == (first.order, first.stop));
        usize::from(under_way || (self.under_way.is_none() && self.on && now >= first.depart_at))
    }

    /// Where it is as far as anyone knows: the newer of its last fact and its last position report.
    pub fn whereabouts(&self) -> Option<Anchor> {
        match (self.anchor, self.hint) {
            (Some(anchor), Some(hint)) => Some(if hint.at > anchor.at { hint } else { anchor }),
            (anchor, hint) => anchor.or(hint).or_else(|| {
                self.spec.as_ref().map(|spec| Anchor { position: spec.start, at: Timestamp(i64::MIN / 4) })
            }),
        }
    }
}

/// A change of the roads and whether it has been taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoadState {
    /// The change.
    pub change: RoadChange,
    /// Closed rather than slowed.
    pub closed: bool,
    /// Taken back.
    pub ended: bool,
}

impl RoadState {
    /// In force at this zone time.
    pub fn is_active(&self, now: Timestamp) -> bool {
        !self.ended
            && self.change.from.is_none_or(|from| from <= now)
            && self.change.until.is_none_or(|until| now < until)
    }
}

/// What a fact asks of the engine. Kept until an accepted plan names the fact in its `caused_by`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Orders to place or place again.
    pub orders: Vec<OrderId>,
    /// Routes to look at.
    pub vehicles: Vec<VehicleId>,
    /// The roads changed.
    pub roads: bool,
    /// When it was logged.
    pub logged_at: Timestamp,
}

/// The zone's chain of plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Highest epoch folded.
    pub epoch: u64,
    /// Number of the last plan.
    pub rev: u64,
    /// Hash of the last plan's message.
    pub hash: MessageHash,
    /// Its place in the log: what the next append is fenced with.
    pub seq: LogSeq,
}

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

//! The roads as the engine sees them: travel times of now and of the hours to come, and which routes use which roads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleetfold_fleet::{Fleet, RoadState as KnownRoad};
use fleetfold_model::{LogSeq, OrderId, Position, Space, Timestamp, VehicleId, leaves_at};
use fleetfold_roads::{ActiveChange, LegIndex, Network, Speeds};

use crate::learn;
use crate::moment::Moment;
use crate::outlook::{self, Known, Outlook, RoadState};

/// Routes whose roads are looked up at each look at the promises: 16 routes of ten stops take about 10 ms.
const INDEXED_A_LOOK: usize = 16;

/// The roads.
#[derive(Debug)]
pub(crate) struct Roads {
    /// As they were given: at normal speeds, all open.
    normal: Arc<Network>,
    /// At the speeds of now, all open.
    base: Arc<Network>,
    /// At the speeds of now, with the changes in force.
    current: Arc<Network>,
    /// `current`, and what the hours to come will make of it.
    outlook: Outlook,
    /// What `outlook` was made of.
    outlook_known: Option<Known>,
    /// The changes in force.
    changes: Vec<ActiveChange>,
    /// The speeds of `base`.
    speeds: Speeds,
    /// Which roads the routes use.
    index: LegIndex,
    /// Routes that changed since `index` was last told.
    unindexed: BTreeSet<VehicleId>,
    /// Routes whose ways may have changed with the roads, for whoever draws them.
    rerouted: BTreeSet<VehicleId>,
    /// Routes over roads that became slower, for the facts that made them so.
    hit: BTreeSet<VehicleId>,
    /// Some roads became quicker: what was unreachable may be reached.
    opened: bool,
    /// Zone time of the last look at the changes in force.
    looked_at: Option<Timestamp>,
    /// Vehicles whose ways a change has touched, and which, until their routes are made anew.
    touched: BTreeMap<VehicleId, LogSeq>,
}

/// What a change of the roads asks for.
#[derive(Debug, Default)]
pub(crate) struct RoadNews {
    /// Routes over roads that became slower: to be repaired.
    pub(crate) slowed: BTreeSet<VehicleId>,
    /// Routes over slower roads and near quicker ones: to be searched again.
    pub(crate) touched: BTreeSet<VehicleId>,
}

/// What the roads have done since the last answer.
#[derive(Debug, Default)]
pub(crate) struct RoadAsks {
    /// Routes over roads that became slower.
    pub(crate) hit: BTreeSet<VehicleId>,
    /// Some roads became quicker.
    pub(crate) opened: bool,
}

impl Roads {
    /// The roads as they were given, and so many vehicles whose routes are not indexed yet.
    pub(crate) fn new(network: Arc<Network>, vehicles: u32) -> Self {
        Self {
            normal: Arc::clone(&network),
            base: Arc::clone(&network),
            outlook: Outlook::constant(Arc::clone(&network)),
            outlook_known: None,
            current: network,
            changes: Vec::new(),
            speeds: Speeds::default(),
            index: LegIndex::default(),
            unindexed: (0..vehicles).map(VehicleId).collect(),
            rerouted: BTreeSet::new(),
            hit: BTreeSet::new(),
            opened: false,
            looked_at: None,
            touched: BTreeMap::new(),
        }
    }

    /// The change that has touched the way of a vehicle whose route was not made anew since.
    pub(crate) fn touched_by(&self, vehicle: VehicleId) -> Option<LogSeq> {
        self.touched.get(&vehicle).copied()
    }

    /// Vehicles with a route that the change has touched which an entry told of.
    pub(crate) fn touched_since(&self, seq: LogSeq) -> impl Iterator<Item = VehicleId> + '_ {
        self.touched.iter().filter(move |(_, by)| **by == seq).map(|(&vehicle, _)| vehicle)
    }

    /// Vehicles that a change of the roads will touch which an entry has told of and which is to come, each with the orders to whose stops it is
    /// driven in that time.
    pub(crate) fn touched_later(&self, moment: Moment<'_>, seq: LogSeq) -> Vec<(VehicleId, Vec<OrderId>)> {
        let (fleet, now) = (moment.fleet, moment.now());
        let is_meant = |road: &&KnownRoad| {
            road.told == Some(seq) && !road.ended && road.change.from.is_some_and(|from| from > now)
        };
        let Some(road) = fleet.roads().values().find(is_meant) else { return Vec::new() };
        let Some((from, then)) = road.change.from.zip(outlook::change_of(road)) else { return Vec::new() };
        let changes: Vec<ActiveChange> = self.changes.iter().cloned().chain([then]).collect();
        let Some(then) = self.base.with_changes(&changes) else { return Vec::new() };
        let slower = self.index.slowed(&then.changed_since(&self.current)).into_iter().map(VehicleId);
        let vehicles: BTreeSet<VehicleId> = slower.chain(self.unindexed.iter().copied()).collect();
        let is_then = |leaves: Timestamp, arrives: Timestamp| {
            arrives > from && road.change.until.is_none_or(|until| leaves < until)
        };
        let touched = vehicles.into_iter().filter_map(|id| {
            let vehicle = fleet.vehicle(id);
            let mut place = vehicle.whereabouts()?.position;
            let mut free: Option<Timestamp> = None;
            let mut orders: Vec<OrderId> = Vec::new();
            for visit in &vehicle.route.visits {
                let Some(stop) = fleet.order(visit.order).stop(visit.stop) else { continue };
                let mut leaves = leaves_at(visit.depart_at, visit.break_before, free);
                let is_longer =
                    |from: Position, to: Position| then.leg(from, to).millis > self.current.leg(from, to).millis;
                let mut is_hit = |from, to, leaves, arrives| {
                    if is_then(leaves, arrives) && !orders.contains(&visit.order) && is_longer(from, to) {
                        orders.push(visit.order);
                    }
                };
                if let Some(call) = visit.reload_before {
                    is_hit(place, call.position, leaves, call.arrival);
                    (place, leaves) = (call.position, call.departure);
                }
                is_hit(place, stop.position, leaves, visit.arrival);
                (place, free) = (stop.position, Some(visit.departure));
            }
            (!orders.is_empty()).then_some((id, orders))
        });
        touched.collect()
    }

    /// The closure behind it that no road leads to a place: of those in force the one that was told last, or the next that is to come.
    pub(crate) fn closure(fleet: &Fleet, now: Timestamp) -> Option<LogSeq> {
        let closures = || fleet.roads().values().filter(|road| road.closed && !road.ended);
        let told = |road: &KnownRoad| road.told;
        let in_force = closures().filter(|road| road.is_active(now)).filter_map(told).max();
        let to_come = closures().filter(|road| road.change.from.is_some_and(|from| from > now));
        in_force.or_else(|| to_come.min_by_key(|road| road.change.from).and_then(told))
    }

    /// Places are read in this way: roads that read them in another way are others from now on.
    pub(crate) fn read_in(&mut self, space: Space, vehicles: u32) {
        if self.normal.space() != space {
            *self = Self::new(Arc::clone(&self.normal).in_space(space), vehicles);
        }
    }

    /// The roads as they are now.
    pub(crate) fn network(&self) -> &Arc<Network> {
        &self.current
    }

    /// The roads as they are now and as they are expected to be in the hours to come.
    pub(crate) fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    /// These routes have changed.
    pub(crate) fn routes_changed(&mut self, vehicles: &[VehicleId]) {
        self.unindexed.extend(vehicles);
        for vehicle in vehicles {
            self.touched.remove(vehicle);
        }
    }

    /// Vehicles whose ways changed since this was last asked, if there are any.
    pub(crate) fn take_rerouted(&mut self) -> Option<BTreeSet<VehicleId>> {
        let rerouted = std::mem::take(&mut self.rerouted);
        (!rerouted.is_empty()).then_some(rerouted)
    }

    /// Some roads became quicker since the last answer.
    pub(crate) fn have_opened(&self) -> bool {
        self.opened
    }

    /// What the next answer must look at because of the roads.
    pub(crate) fn take_asks(&mut self) -> RoadAsks {
        RoadAsks { hit: std::mem::take(&mut self.hit), opened: std::mem::take(&mut self.opened) }
    }

    /// The answer could not be made yet.
    pub(crate) fn put_back(&mut self, asks: RoadAsks) {
        self.hit.extend(asks.hit);
        self.opened |= asks.opened;
    }

    /// Brings travel times up to date with the speeds of the hour and the changes in force, and finds the routes whose ways the
    /// changes touch.
    pub(crate) fn look(&mut self, moment: Moment<'_>) -> RoadNews {
        let news = self.look_at_now(moment);
        let now = moment.now();
        let known = Known::of(moment.fleet, now);
        if self.outlook_known.as_ref() != Some(&known) || !Arc::ptr_eq(self.outlook.network(), &self.current) {
            let current = RoadState { speeds: self.speeds.clone(), changes: self.changes.clone() };
            self.outlook = self.outlook.ahead(moment.fleet, now, &self.normal, (&self.current, current));
            self.outlook_known = Some(known);
        }
        news
    }

    fn look_at_now(&mut self, moment: Moment<'_>) -> RoadNews {
        let now = moment.now();
        let speeds = learn::speeds(moment.fleet, now);
        if speeds != self.speeds {
            if let Some(base) = self.normal.with_speeds(&speeds) {
                // Every leg takes another time now: promises are looked over, and what breaks is repaired. No route is
                // searched again for minutes that all routes have gained or lost alike.
                self.base = Arc::new(base);
                self.current = match self.base.with_changes(&self.changes) {
                    Some(network) => Arc::new(network),
                    None => Arc::clone(&self.base),
                };
                self.unindexed.extend((0..moment.fleet.vehicles().len() as u32).map(VehicleId));
            }
            self.speeds = speeds;
        }
        if !self.base.has_roads() {
            return RoadNews::default();
        }
        let changes = outlook::changes(moment.fleet, now);
        let before = self.looked_at.replace(now);
        if changes == self.changes {
            return RoadNews::default();
        }
        // Of several that began or ended since, the one that was told last.
        let is_new = |road: &&KnownRoad| {
            let was_active = before.is_some_and(|before| road.is_active(before));
            road.is_active(now) != was_active || road.told == Some(moment.fleet.applied())
        };
        let new = moment.fleet.roads().values().filter(is_new);
        let last = new.filter_map(|road| road.told).max();
        // What began since is over again by then; `None`: nobody knows.
        let begun = |road: &&KnownRoad| road.is_active(now) && !before.is_some_and(|before| road.is_active(before));
        let ends = moment.fleet.roads().values().filter(begun).map(|road| road.change.until);
        let until = ends.max_by_key(|until| until.map_or(i64::MAX, |until| until.0)).flatten();
        let news = match self.base.with_changes(&changes) {
            Some(new) => self.become_new(moment, Arc::new(new), until),
            None => RoadNews::default(),
        };
        if let Some(last) = last {
            self.touched.extend(news.touched.iter().map(|&vehicle| (vehicle, last)));
        }
        self.changes = changes;
        news
    }

    /// Takes other travel times from now on. Routes over slower roads are to be repaired, those and routes near quicker ones
    /// searched again; no other route is looked at. What is slower is so until an instant, if that is known: who is still where he is then
    /// does not notice.
    fn become_new(&mut self, moment: Moment<'_>, new: Arc<Network>, until: Option<Timestamp>) -> RoadNews {
        self.index_routes(moment, usize::MAX);
        let change = new.changed_since(&self.current);
        // A vehicle may have passed the changed road since its route was indexed: index it again from where it is now.
        self.unindexed.extend(self.index.slowed(&change).into_iter().map(VehicleId));
        self.index_routes(moment, usize::MAX);
        let has_route = |vehicle: &VehicleId| !moment.fleet.vehicle(*vehicle).route.visits.is_empty();
        let slowed = self.index.slowed(&change).into_iter().map(VehicleId);
        let now = moment.now();
        let slowed: BTreeSet<VehicleId> = slowed
            .filter(|&vehicle| until.is_none_or(|until| drives_in(moment.fleet, vehicle, (now, until))))
            .collect();
        let touched: BTreeSet<VehicleId> =
            slowed.iter().copied().chain(self.index.quickened(&change).into_iter().map(VehicleId)).collect();
        self.current = new;
        self.opened |= !change.quicker.is_empty();
        self.unindexed.extend(&touched);
        self.rerouted.extend(&touched);
        let news = RoadNews {
            slowed: slowed.into_iter().filter(has_route).collect(),
            touched: touched.into_iter().filter(has_route).collect(),
        };
        self.hit.extend(&news.slowed);
        news
    }

    /// Indexes a few of the routes that changed.
    pub(crate) fn index_some(&mut self, moment: Moment<'_>) {
        self.index_routes(moment, INDEXED_A_LOOK);
    }

    /// Writes down which roads the routes use that changed since it was last done, at most `most` of them.
    fn index_routes(&mut self, moment: Moment<'_>, most: usize) {
        if !self.current.has_roads() {
            return;
        }
        let mut routes = Vec::new();
        while let Some(vehicle) = self.unindexed.pop_first() {
            let state = moment.fleet.vehicle(vehicle);
            let here = state.whereabouts().map(|anchor| anchor.position).filter(|_| !state.route.visits.is_empty());
            let places = state.route.visits.iter().filter_map(|visit| {
                let stop = moment.fleet.order(visit.order).stop(visit.stop)?;
                Some(visit.reload_before.map(|call| call.position).into_iter().chain([stop.position]))
            });
            routes.push((vehicle.0, here.into_iter().chain(places.flatten()).collect()));
            if routes.len() >= most {
                break;
            }
        }
        if !routes.is_empty() {
            // At other speeds another way may be the quickest: its line is drawn anew.
            self.rerouted.extend(self.index.set(&self.current, routes).into_iter().map(VehicleId));
        }
    }
}

/// True where a vehicle drives at some time of a span, as its route is planned.
fn drives_in(fleet: &Fleet, id: VehicleId, (from, until): (Timestamp, Timestamp)) -> bool {
    let vehicle = fleet.vehicle(id);
    let has_arrived = vehicle.under_way.is_some_and(|under| under.arrived.is_some());
    let mut free: Option<Timestamp> = None;
    vehicle.route.visits.iter().enumerate().any(|(index, visit)| {
        let leaves = leaves_at(visit.depart_at, visit.break_before, free);
        free = Some(visit.departure);
        // Who is not there yet drives, whatever was planned.
        let is_next = index == 0 && !has_arrived;
        let drives = |leaves: Timestamp, arrives: Timestamp| leaves < until && (arrives > from || is_next);
        match visit.reload_before {
            Some(call) => drives(leaves, call.arrival) || drives(call.departure, visit.arrival),
            None => drives(leaves, visit.arrival),
        }
    })
}

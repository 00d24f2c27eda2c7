//! What is asked of the search: stops, vehicles, legs, prices and a plan to start from, as plain arrays of integers.
//!
//! Promise: what [`Problem::new`] has checked is not checked again.
//! Absent on purpose: how a problem is solved.

use self::aim::aims;
use self::class::{Class, ROUNDINGS};
use self::kinds::Kinds;
use crate::index::{NodeIx, StopIx, TourIx};

mod aim;
mod class;
mod hourly;
mod invalid;
mod kinds;
mod legs;
mod relations;
mod rules;
mod solution;
mod spec;
mod units;

pub use self::hourly::{AskedLegs, LegRows, TimeDependentLegs, travel_over};
pub use self::invalid::Invalid;
pub use self::legs::{LegMatrix, Legs, Rounding, SpherePlace};
pub(crate) use self::relations::Relations;
pub use self::relations::{Relation, RelationKind};
pub use self::rules::{
    Battery, Dock, DrivenSoFar, DrivingTime, EU_DRIVING_HOURS, Fairness, Rank, Reload, ReloadPlace, SoftWindow,
    Station, Trips, US_DRIVING_HOURS, Walking,
};
pub use self::solution::Solution;
pub(crate) use self::solution::{absent_units, all_stops};
pub use self::spec::{Pause, ProblemSpec, Role, Stop, TimesOfType, TourSpec, Weights};
pub(crate) use self::units::span_price;
pub use self::units::{TIME_MAX, UNREACHABLE};

/// A legal problem: whatever [`Problem::new`] checks holds for as long as it lives, so that the search never checks it again.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What it was made from; `initial` has one sequence per tour.
    spec: ProblemSpec,
    /// Which vehicles are alike.
    kinds: Kinds,
    /// By stop, see [`Problem::closes`].
    closes: Vec<i32>,
    /// What holds between stops, by stop.
    relations: Relations,
    /// By stop: its dock. Empty where there are none.
    docks: Vec<Option<u32>>,
    /// See the functions of the same names.
    walks: bool,
    odd: bool,
    needs_groups: bool,
    has_gaps: bool,
    legs_only: bool,
    sets_nothing_up: bool,
    lifo: bool,
    unrestricted: bool,
    has_setup: bool,
    simple_stops: bool,
    limited: bool,
    promised: bool,
    slackness: i64,
    time_slackness: Option<i32>,
    pooled: bool,
    plain: bool,
}

impl Problem {
    /// Checks everything once, and derives once what the search asks often; the search then trusts both.
    ///
    /// # Errors
    ///
    /// The first thing found wrong, with its index.
    pub fn new(mut spec: ProblemSpec) -> Result<Self, Invalid> {
        spec.check()?;
        spec.initial.resize(spec.tours.len(), Vec::new());
        let kinds = Kinds::of(&spec.tours);
        let closes = aims(&spec, &kinds);
        let ProblemSpec { stops, tours, legs, weights, .. } = &spec;
        // The time that a stop's set-up takes is saved where a stop at the same node comes before it.
        let setup_max = stops.iter().map(|stop| stop.setup).max().unwrap_or(0);
        let metric = legs.is_symmetric();
        let time_rounding = kinds.classes().map(|class| class.time(ROUNDINGS)).max().unwrap_or(0);
        let price_rounding = kinds.classes().map(Class::price_rounding).max().unwrap_or(0);
        let odd = is_odd(&spec);
        let relations = Relations::new(&spec.relations, stops);
        let dock_at = |stop: &Stop| spec.docks.iter().position(|dock| dock.node == stop.node).map(|dock| dock as u32);
        let docks = if spec.docks.is_empty() { Vec::new() } else { stops.iter().map(dock_at).collect() };
        Ok(Self {
            walks: weights.flow_per_hour > 0 || odd,
            odd,
            needs_groups: needs_groups(&spec),
            has_gaps: tables(&spec.legs).iter().any(LegMatrix::has_gaps),
            sets_nothing_up: setup_max == 0 && stops.iter().all(|stop| stop.by_type.iter().all(|own| own.setup == 0)),
            legs_only: weights.hard
                && weights.flow_per_hour == 0
                && weights.fairness.is_none()
                && !matches!(legs, Legs::TimeDependent(_))
                && stops.iter().all(|stop| stop.soft.is_none()),
            lifo: tours.iter().any(|tour| tour.lifo),
            unrestricted: spec.relations.is_empty()
                && stops.iter().all(|stop| stop.locked == TourIx::NONE && stop.needs == 0 && stop.barred.is_empty()),
            has_setup: setup_max > 0,
            simple_stops: !matches!(legs, Legs::TimeDependent(_))
                && weights.fairness.is_none()
                && stops.iter().all(is_simple),
            limited: tours.iter().any(|tour| (tour.stops_max as usize) < stops.len()),
            promised: spec.has_promises(),
            slackness: if metric { price_rounding } else { i64::MAX / 8 },
            time_slackness: metric.then_some(time_rounding.saturating_add(setup_max)),
            pooled: kinds.is_one() && tours.iter().all(|tour| !tour.in_use),
            plain: is_plain(&spec, &closes),
            spec,
            kinds,
            closes,
            relations,
            docks,
        })
    }

    /// The values that it was made from; its initial plan has one sequence per tour.
    pub fn spec(&self) -> &ProblemSpec {
        &self.spec
    }

    /// The values that it was made from, to be changed and made a problem again.
    pub fn into_spec(self) -> ProblemSpec {
        self.spec
    }

    /// The stops.
    pub fn stops(&self) -> &[Stop] {
        &self.spec.stops
    }

    /// The vehicles.
    pub fn tours(&self) -> &[TourSpec] {
        &self.spec.tours
    }

    /// Times and lengths between nodes.
    pub fn legs(&self) -> &Legs {
        &self.spec.legs
    }

    /// The prices.
    pub fn weights(&self) -> &Weights {
        &self.spec.weights
    }

    /// The plan to start from.
    pub fn initial(&self) -> &[Vec<StopIx>] {
        &self.spec.initial
    }

    /// Something holds between tours, so that no part of a plan can be searched without the others.
    pub(crate) fn is_one_piece(&self) -> bool {
        self.relations.are_there() || self.has_docks() || !self.spec.weights.fairness.is_none()
    }

    /// There are places at which vehicles wait for each other.
    #[inline]
    pub(crate) fn has_docks(&self) -> bool {
        !self.docks.is_empty()
    }

    /// The dock at which a stop is served, by its place in the list.
    #[inline]
    pub(crate) fn dock_of(&self, stop: StopIx) -> Option<usize> {
        self.docks.get(stop.index()).copied().flatten().map(|dock| dock as usize)
    }

    /// The unit that a stop belongs to: itself, or the pickup of its shipment.
    pub(crate) fn unit_of(&self, stop: StopIx) -> StopIx {
        let its = &self.spec.stops[stop.index()];
        if its.is_second_end() { its.mate } else { stop }
    }

    /// What holds between stops.
    pub(crate) fn relations(&self) -> &Relations {
        &self.relations
    }

    /// The class of a tour: vehicles of one class make the same of a leg.
    #[inline]
    pub(crate) fn class_of(&self, tour: TourIx) -> u32 {
        self.kinds.class_of(tour)
    }

    /// What vehicles of a class make of a leg.
    #[inline]
    pub(crate) fn class(&self, class: u32) -> Class {
        self.kinds.class(class)
    }

    /// The latest start of service that the search aims at: `due`, or what any tour could reach at best if that is later.
    #[inline]
    pub(crate) fn closes(&self, stop: StopIx) -> i32 {
        self.closes[stop.index()]
    }

    /// The first tour with the very same vehicle: while both are empty, one stands for the other.
    #[inline]
    pub(crate) fn twin(&self, tour: TourIx) -> TourIx {
        self.kinds.twin(tour)
    }

    /// The first tour whose end, limits and class are the same: the end of a sequence can be driven by either.
    #[inline]
    pub(crate) fn tail_twin(&self, tour: TourIx) -> TourIx {
        self.kinds.tail_twin(tour)
    }

    /// The first tour whose vehicle holds as much and costs as much, wherever it begins and ends.
    #[inline]
    pub(crate) fn make(&self, tour: TourIx) -> TourIx {
        self.kinds.make(tour)
    }

    /// True if vehicles differ in what they hold or cost.
    pub(crate) fn mixed(&self) -> bool {
        self.kinds.are_mixed()
    }

    /// Every candidate is priced by a walk along the tour, because flow time counts, or because of what [`Problem::is_odd`] says.
    #[inline]
    pub(crate) fn walks(&self) -> bool {
        self.walks
    }

    /// It has rules or prices that the records of a plan under search do not know, so that tours are driven in full: limits of a
    /// tour's driving, prices of tasks, goods both left and taken, more than four dimensions of load, times that differ by vehicle,
    /// windows of set-up, and whatever `rules` has that concerns one tour.
    #[inline]
    pub(crate) fn is_odd(&self) -> bool {
        self.odd
    }

    /// What serving a stop takes and costs depends on when its vehicle is there and what it has done before, and on nothing that comes after.
    #[inline]
    pub(crate) fn has_simple_stops(&self) -> bool {
        self.simple_stops
    }

    /// Nothing is late, and beside fixed prices, what tasks cost by the hour and broken promises, only legs cost, always as much.
    #[inline]
    pub(crate) fn costs_legs_only(&self) -> bool {
        self.legs_only
    }

    /// No stop takes any tour time on arrival.
    #[inline]
    pub(crate) fn sets_nothing_up(&self) -> bool {
        self.sets_nothing_up
    }

    /// Times of service and of set-up at a stop for a tour that comes from a node.
    #[inline]
    pub(crate) fn times_at(&self, tour: TourIx, from: NodeIx, stop: StopIx) -> (i32, i32) {
        let its = &self.spec.stops[stop.index()];
        let vehicle_type = self.spec.tours[tour.index()].vehicle_type;
        let own = its.by_type.iter().find(|times| times.vehicle_type == vehicle_type);
        let (service, setup) = own.map_or((its.service, its.setup), |times| (times.service, times.setup));
        (service, if from == its.node { 0 } else { setup })
    }

    /// When a vehicle that is at a stop begins there what its windows are for, and when it begins service.
    #[inline]
    pub(crate) fn start_of(&self, stop: StopIx, arrival: i32, setup: i32) -> (i32, i32) {
        let its = &self.spec.stops[stop.index()];
        if self.spec.weights.setup_in_window {
            let action = its.opens_at(arrival);
            (action, action.saturating_add(setup))
        } else {
            let start = its.opens_at(arrival.saturating_add(setup));
            (start, start)
        }
    }

    /// Single stops may have no position in a tour although several together have one.
    #[inline]
    pub(crate) fn needs_groups(&self) -> bool {
        self.needs_groups
    }

    /// At least one leg of a table does not exist.
    #[inline]
    pub(crate) fn has_gaps(&self) -> bool {
        self.has_gaps
    }

    /// At least one vehicle is unloaded last in, first out.
    #[inline]
    pub(crate) fn lifo(&self) -> bool {
        self.lifo
    }

    /// Any tour may serve any stop.
    #[inline]
    pub(crate) fn unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// At least one stop takes time on arrival from another node.
    #[inline]
    pub(crate) fn has_setup(&self) -> bool {
        self.has_setup
    }

    /// At least one tour may have fewer stops than there are.
    #[inline]
    pub(crate) fn limited(&self) -> bool {
        self.limited
    }

    /// At least one stop is promised to a tour, and leaving it has a price.
    #[inline]
    pub(crate) fn promised(&self) -> bool {
        self.promised
    }

    /// All vehicles are alike and none is in use: one empty tour stands for all.
    #[inline]
    pub(crate) fn pooled(&self) -> bool {
        self.pooled
    }

    /// All vehicles are alike and no stop has to be served by one of them, or not by one: it does not matter which drives a route.
    /// Promises do not count: they are to those who drive the plan that a search begins with.
    pub fn vehicles_are_alike(&self) -> bool {
        let names_none = |stop: &Stop| stop.locked == TourIx::NONE && stop.barred.is_empty();
        self.kinds.is_one() && self.spec.stops.iter().all(names_none)
    }

    /// Largest amount (millionths of cost) by which a detour can be cheaper than the direct leg.
    #[inline]
    pub(crate) fn slackness(&self) -> i64 {
        self.slackness
    }

    /// Largest time by which a detour can be quicker than the direct leg. `None`: there is no limit.
    #[inline]
    pub(crate) fn time_slackness(&self) -> Option<i32> {
        self.time_slackness
    }

    /// Sets what it costs each stop to leave its `home`, in the order of the stops.
    pub(crate) fn set_change_prices(&mut self, prices: impl Iterator<Item = i64>) {
        for (stop, price) in self.spec.stops.iter_mut().zip(prices) {
            stop.change = price;
        }
        self.promised = self.spec.has_promises();
    }

    #[inline]
    fn own_class(&self, tour: TourIx) -> Class {
        self.kinds.class(self.kinds.class_of(tour))
    }

    /// Travel time and price of a leg for a tour's class.
    pub(crate) fn leg(&self, tour: TourIx, a: NodeIx, b: NodeIx) -> (i32, i32) {
        self.own_class(tour).leg(&self.spec.legs, a, b)
    }

    /// Travel time including the set-up at `b`, and price, from one stop or tour start (`a >= stops`) to a stop.
    pub(crate) fn hop(&self, tour: TourIx, from: NodeIx, to: StopIx) -> (i32, i32) {
        self.spec.hop(self.own_class(tour), from, to)
    }

    /// Travel time and price of a leg that is begun at an instant.
    pub(crate) fn leg_at(&self, tour: TourIx, a: NodeIx, b: NodeIx, depart: i32) -> (i32, i32) {
        match &self.spec.legs {
            Legs::TimeDependent(legs) => {
                let class = self.own_class(tour);
                let leaves = legs.leaves_at(a, b, depart);
                let (time, cost) = class.priced(legs.leaving(a, b, leaves, |time| class.time(time)));
                (time.saturating_add(leaves - depart), cost)
            }
            Legs::Matrix(_) | Legs::Several(_) | Legs::Asked(_) | Legs::Plane { .. } | Legs::Sphere { .. } => {
                self.leg(tour, a, b)
            }
        }
    }

    /// How long a vehicle that could leave at an instant waits for a way to open, which [`Self::leg_at`] counts as part of the leg.
    pub(crate) fn waits_for_way(&self, a: NodeIx, b: NodeIx, depart: i32) -> i32 {
        match &self.spec.legs {
            Legs::TimeDependent(legs) => legs.leaves_at(a, b, depart) - depart,
            Legs::Matrix(_) | Legs::Several(_) | Legs::Asked(_) | Legs::Plane { .. } | Legs::Sphere { .. } => 0,
        }
    }

    /// Travel time and price from a node to a tour's end.
    pub(crate) fn hop_end(&self, tour: TourIx, from: NodeIx) -> (i32, i32) {
        let end = self.spec.tours[tour.index()].end_node;
        if end == NodeIx::NONE { (0, 0) } else { self.leg(tour, from, end) }
    }

    /// True when this tour may serve this stop at all, whatever the sequence.
    pub(crate) fn allows(&self, tour: TourIx, stop: StopIx) -> bool {
        self.spec.allows(tour, stop)
    }

    /// Price of a tour serving a stop beyond driving: the change of a promise.
    pub(crate) fn change_cost(&self, tour: TourIx, stop: StopIx) -> i64 {
        let stop = &self.spec.stops[stop.index()];
        if stop.home == TourIx::NONE || stop.home == tour { 0 } else { stop.change }
    }

    /// The latest start of service that a tour's shift allows at a stop.
    pub(crate) fn shift_end(&self, tour: TourIx, index: StopIx) -> i32 {
        let stop = &self.spec.stops[index.index()];
        let spec = &self.spec.tours[tour.index()];
        let exempt = stop.role == Role::Delivery && (stop.mate == StopIx::NONE || spec.finish_late);
        if exempt {
            TIME_MAX
        } else if spec.end_node == NodeIx::NONE {
            spec.end_by.saturating_sub(self.times_at(tour, stop.node, index).0)
        } else {
            spec.end_by
        }
    }

    pub(crate) fn is_time_dependent(&self) -> bool {
        matches!(self.spec.legs, Legs::TimeDependent(_))
    }

    /// One window per stop, one dimension of load, jobs of one kind or shipments only, nothing that can be late: the search keeps
    /// less of such a problem.
    pub fn is_plain(&self) -> bool {
        self.plain
    }
}

/// See [`Problem::is_odd`].
fn is_odd(spec: &ProblemSpec) -> bool {
    let ProblemSpec { stops, tours, weights, .. } = spec;
    let has_setup = || stops.iter().any(|stop| stop.setup > 0);
    let odd_goods = |stop: &Stop| stop.takes != [0; 4] || !stop.more_load.is_empty();
    let odd_times = |stop: &Stop| !stop.by_type.is_empty() || stop.release > -units::TIME_MAX || stop.soft.is_some();
    let odd_stop = |stop: &Stop| odd_goods(stop) || odd_times(stop) || stop.rank.is_some();
    let odd_limits =
        |tour: &TourSpec| tour.per_task_hour > 0 || tour.travel_max < i32::MAX || tour.metres_max < i64::MAX;
    let odd_way = |tour: &TourSpec| tour.reload.is_some() || tour.battery.is_some() || tour.walking.is_some();
    let odd_tour = |tour: &TourSpec| {
        odd_limits(tour) || odd_way(tour) || tour.fifo || tour.trips.is_some() || tour.driving_time.is_some()
    };
    (weights.setup_in_window && has_setup())
        || !weights.fairness.is_none()
        || stops.iter().any(odd_stop)
        || tours.iter().any(odd_tour)
        || !spec.docks.is_empty()
        || spec.relations.iter().any(Relation::is_ordered)
}

/// The tables of legs, where they are given in full.
fn tables(legs: &Legs) -> &[LegMatrix] {
    match legs {
        Legs::Matrix(matrix) => std::slice::from_ref(matrix),
        Legs::Several(tables) => tables,
        Legs::Asked(_) | Legs::TimeDependent(_) | Legs::Plane { .. } | Legs::Sphere { .. } => &[],
    }
}

/// See [`Problem::needs_groups`].
fn needs_groups(spec: &ProblemSpec) -> bool {
    let ProblemSpec { stops, tours, legs, relations, .. } = spec;
    let tables = tables(legs);
    // The way over another place may be shorter than the direct one only in a table.
    let is_limited = |tour: &TourSpec| tour.travel_max < i32::MAX || tour.metres_max < i64::MAX;
    let is_end = |stop: &StopIx| stops[stop.index()].mate != StopIx::NONE;
    tables.iter().any(LegMatrix::has_gaps)
        || (!tables.is_empty() && tours.iter().any(is_limited))
        || relations.iter().any(|relation| relation.is_ordered() && relation.stops.iter().any(is_end))
}

/// See [`Problem::has_simple_stops`].
fn is_simple(stop: &Stop) -> bool {
    let goods = stop.takes == [0; 4] && stop.more_load.is_empty();
    goods && stop.release <= -units::TIME_MAX && stop.soft.is_none() && stop.rank.is_none()
}

/// See [`Problem::is_plain`].
fn is_plain(spec: &ProblemSpec, closes: &[i32]) -> bool {
    let ProblemSpec { stops, tours, weights, .. } = spec;
    let one_dimension = |load: &[i32; 4]| load[1..].iter().all(|&goods| goods == 0);
    let loads =
        stops.iter().all(|stop| one_dimension(&stop.load)) && tours.iter().all(|tour| one_dimension(&tour.onboard));
    // Plain sums of goods are not guarded against overflow; rich ones stop at the largest integer.
    let goods = stops.iter().map(|stop| stop.load[0]).chain(tours.iter().map(|tour| tour.onboard[0]));
    let countable = goods.map(i64::from).sum::<i64>() <= i64::from(i32::MAX / 2);
    let all_are = |legal: fn(Role) -> bool| stops.iter().all(|stop| legal(stop.role));
    let roles = all_are(|role| role == Role::JobDelivery)
        || all_are(|role| role == Role::JobPickup)
        || all_are(|role| role == Role::Pickup || role == Role::Delivery);
    // A stop that keeps its aim is never late.
    let windows = stops
        .iter()
        .zip(closes)
        .all(|(stop, &closes)| stop.windows.len() <= 1 && (stop.due == i32::MAX || closes <= stop.due));
    let walks = weights.flow_per_hour > 0 || is_odd(spec);
    let special = tours.iter().any(|tour| tour.lifo || !tour.pauses.is_empty());
    !walks && !special && loads && countable && roles && windows
}

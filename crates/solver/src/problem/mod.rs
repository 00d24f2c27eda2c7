//! What is asked of the search: stops, vehicles, legs, prices and a plan to start from, as plain arrays of integers.
//!
//! Promise: what [`Problem::new`] has checked is not checked again.
//! Absent on purpose: how a problem is solved.

use std::collections::BTreeMap;

use self::class::{Class, ROUNDINGS};
use crate::index::{NodeIx, StopIx, TourIx};

mod class;
mod facts;
mod hourly;
mod legs;
mod solution;
mod units;

pub use self::facts::{Pause, Role, Stop, TourSpec, Weights};
pub use self::hourly::{LegRows, TimeDependentLegs, travel_over};
pub use self::legs::{LegMatrix, Legs, Rounding, SpherePlace};
pub use self::solution::Solution;
pub(crate) use self::solution::{absent_units, all_stops};
pub use self::units::{TIME_MAX, UNREACHABLE};

/// A legal problem: whatever [`Problem::new`] checks holds for as long as it lives, so that the search never checks it again.
#[derive(Clone, Debug)]
pub struct Problem {
    stops: Vec<Stop>,
    tours: Vec<TourSpec>,
    legs: Legs,
    weights: Weights,
    initial: Vec<Vec<StopIx>>,
    /// Each kind of vehicle that makes something else of a leg.
    classes: Vec<Class>,
    /// The class of each tour.
    class_of: Vec<u32>,
    /// The latest start that the search aims at: `due`, or what any tour could reach at best if that is later.
    closes: Vec<i32>,
    /// The first tour with the very same specification: while both are empty, one stands for the other.
    twin: Vec<TourIx>,
    /// Tours that are their own twin: one of each kind.
    leaders: Vec<TourIx>,
    /// Every candidate is priced by a walk along the tour (flow time).
    walks: bool,
    /// At least one tour is unloaded last in, first out.
    lifo: bool,
    /// At least one tour has pauses.
    paused: bool,
    /// Any tour may serve any stop.
    unrestricted: bool,
    /// At least one stop takes time on arrival from another node.
    has_setup: bool,
    /// At least one tour may have fewer stops than there are.
    limited: bool,
    /// Largest amount (millionths of cost) by which a detour can be cheaper than the direct leg. Straight-line legs obey the
    /// triangle inequality up to rounding; a matrix may not.
    slackness: i64,
    /// Largest time by which a detour can be quicker than the direct leg. `None`: there is no limit.
    time_slackness: Option<i32>,
    /// Legs obey the triangle inequality up to rounding. False for a matrix, of which it is not known.
    metric: bool,
    /// At least one stop is promised to a tour, and leaving it has a price.
    promised: bool,
    /// The first tour whose end, limits and class are the same: tails can be driven by either.
    tail_twin: Vec<TourIx>,
    /// All vehicles are alike and none is in use: one empty tour stands for all.
    pooled: bool,
    /// See [`Problem::is_plain`].
    plain: bool,
}

/// Why values do not make a problem: which stop or tour, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// A stop is at a node that the legs do not have.
    Node(StopIx),
    /// A tour starts or ends at a node that the legs do not have.
    TourNode(TourIx),
    /// A stop's windows are inverted, out of order, or a time is out of range.
    Time(StopIx),
    /// A tour's times are out of range.
    TourTime(TourIx),
    /// A stop's mate is not a stop that names it back with the other role.
    Mate(StopIx),
    /// A stop is locked to a tour that does not exist.
    Tour(StopIx),
    /// The matrix has a negative entry.
    Leg,
    /// A load is negative.
    Load(StopIx),
    /// Prices that add up beyond what the objective (`i64`) can hold.
    Prices,
    /// `initial` does not have one sequence per tour, or a stop twice, or one end of a shipment only.
    Initial,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node(stop) => write!(f, "stop {} is at a node that the legs do not have", stop.0),
            Self::TourNode(tour) => write!(f, "tour {} starts or ends at a node that the legs do not have", tour.0),
            Self::Time(stop) => write!(f, "stop {} has an inverted window or a time out of range", stop.0),
            Self::TourTime(tour) => write!(f, "tour {} has a time out of range", tour.0),
            Self::Mate(stop) => {
                write!(f, "stop {} is half of a shipment whose other half does not name it back", stop.0)
            }
            Self::Tour(stop) => write!(f, "stop {} is locked to a tour that does not exist", stop.0),
            Self::Leg => write!(f, "the leg matrix has a negative entry"),
            Self::Prices => write!(f, "prices of stops left out and of vehicles add up to more than can be counted"),
            Self::Load(stop) => write!(f, "stop {} has a negative load", stop.0),
            Self::Initial => {
                write!(f, "the initial plan has a stop twice, half a shipment, or not one sequence per tour")
            }
        }
    }
}

impl std::error::Error for Invalid {}

impl Problem {
    /// Checks everything once; the search then trusts it.
    ///
    /// # Errors
    ///
    /// The first thing found wrong, with its index.
    pub fn new(stops: Vec<Stop>, tours: Vec<TourSpec>, legs: impl Into<Legs>) -> Result<Self, Invalid> {
        let legs = legs.into();
        let nodes = legs.nodes() as u32;
        let in_range = |t: i32| (-TIME_MAX..=TIME_MAX).contains(&t);
        if !legs.is_legal() {
            return Err(Invalid::Leg);
        }
        for (index, stop) in StopIx::all().zip(&stops) {
            if stop.node.0 >= nodes {
                return Err(Invalid::Node(index));
            }
            let ordered = stop.windows.windows(2).all(|pair| pair[0].1 < pair[1].0);
            let legal =
                stop.windows.iter().all(|&(opens, closes)| opens <= closes && in_range(opens) && in_range(closes));
            let spans = (0..=TIME_MAX).contains(&stop.service) && (0..=TIME_MAX).contains(&stop.setup);
            if !ordered || !legal || !spans || !(in_range(stop.due) || stop.due == i32::MAX) || !in_range(stop.placed) {
                return Err(Invalid::Time(index));
            }
            if stop.load.iter().any(|&load| load < 0) {
                return Err(Invalid::Load(index));
            }
            if stop.locked != TourIx::NONE && stop.locked.index() >= tours.len() {
                return Err(Invalid::Tour(index));
            }
            let paired = match stop.role {
                Role::JobDelivery | Role::JobPickup => stop.mate == StopIx::NONE,
                Role::Pickup => {
                    stops.get(stop.mate.index()).is_some_and(|mate| mate.mate == index && mate.role == Role::Delivery)
                }
                Role::Delivery => {
                    (stop.mate == StopIx::NONE && stop.locked != TourIx::NONE)
                        || stops
                            .get(stop.mate.index())
                            .is_some_and(|mate| mate.mate == index && mate.role == Role::Pickup)
                }
            };
            if !paired {
                return Err(Invalid::Mate(index));
            }
        }
        for (index, tour) in TourIx::all().zip(&tours) {
            if tour.start_node.0 >= nodes || (tour.end_node != NodeIx::NONE && tour.end_node.0 >= nodes) {
                return Err(Invalid::TourNode(index));
            }
            let pauses = tour
                .pauses
                .iter()
                .all(|p| in_range(p.opens) && in_range(p.closes) && (0..=TIME_MAX).contains(&p.duration));
            if !in_range(tour.start_at) || !in_range(tour.end_by) || !pauses {
                return Err(Invalid::TourTime(index));
            }
        }
        // Half is left for legs, changes and lateness.
        let prices = stops.iter().map(|stop| stop.unserved).chain(tours.iter().map(|tour| tour.fixed));
        let sum = prices.map(i128::from).sum::<i128>();
        if sum.abs() > i128::from(i64::MAX / 2) {
            return Err(Invalid::Prices);
        }
        let mut classes: Vec<Class> = Vec::new();
        let mut known = BTreeMap::new();
        let class_of = tours
            .iter()
            .map(|tour| {
                let key = tour.class();
                *known.entry(key).or_insert_with(|| {
                    classes.push(key);
                    classes.len() as u32 - 1
                })
            })
            .collect();
        // The first of each kind; kinds may be as many as vehicles.
        let mut kinds: BTreeMap<&TourSpec, TourIx> = BTreeMap::new();
        let twin: Vec<TourIx> =
            TourIx::all().zip(&tours).map(|(index, tour)| *kinds.entry(tour).or_insert(index)).collect();
        let leaders = TourIx::first(tours.len()).filter(|&tour| twin[tour.index()] == tour).collect();
        let tail = |tour: &TourSpec| {
            (tour.end_node, tour.end_by, tour.finish_late, tour.capacity, tour.stops_max, tour.lifo, tour.class())
        };
        let mut tails = BTreeMap::new();
        let tail_twin =
            TourIx::all().zip(&tours).map(|(index, tour)| *tails.entry(tail(tour)).or_insert(index)).collect();
        let initial = vec![Vec::new(); tours.len()];
        let mut problem = Self {
            closes: Vec::new(),
            stops,
            tours,
            legs,
            weights: Weights::default(),
            initial,
            classes,
            class_of,
            twin,
            leaders,
            walks: false,
            lifo: false,
            paused: false,
            tail_twin,
            unrestricted: false,
            has_setup: false,
            limited: false,
            promised: false,
            metric: false,
            slackness: 0,
            time_slackness: None,
            pooled: false,
            plain: false,
        };
        problem.unrestricted =
            problem.stops.iter().all(|stop| stop.locked == TourIx::NONE && stop.needs == 0 && stop.barred.is_empty());
        problem.paused = problem.tours.iter().any(|tour| !tour.pauses.is_empty());
        problem.lifo = problem.tours.iter().any(|tour| tour.lifo);
        problem.has_setup = problem.stops.iter().any(|stop| stop.setup > 0);
        problem.limited = problem.tours.iter().any(|tour| (tour.stops_max as usize) < problem.stops.len());
        problem.promised = problem.stops.iter().any(|stop| stop.home != TourIx::NONE && stop.change != 0);
        problem.pooled =
            problem.twin.iter().all(|&twin| twin == TourIx(0)) && problem.tours.iter().all(|tour| !tour.in_use);
        problem.closes = StopIx::first(problem.stops.len()).map(|stop| problem.aim(stop)).collect();
        let roundings = problem.classes.iter().map(|class| i64::from(class.leg((ROUNDINGS, ROUNDINGS)).1));
        problem.metric = problem.legs.is_symmetric();
        problem.slackness = if problem.metric { roundings.max().unwrap_or(0) } else { i64::MAX / 8 };
        let bent = problem.classes.iter().map(|class| class.time(ROUNDINGS)).max().unwrap_or(0);
        // The set-up of a stop is saved where a stop at the same node comes before it.
        let setup = problem.stops.iter().map(|stop| stop.setup).max().unwrap_or(0);
        problem.time_slackness = problem.metric.then_some(bent.saturating_add(setup));
        problem.plain = problem.looks_plain();
        Ok(problem)
    }

    /// Replaces the prices.
    #[must_use]
    pub fn with_weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self.walks = weights.flow_per_hour > 0;
        self.closes = StopIx::first(self.stops.len()).map(|stop| self.aim(stop)).collect();
        self.plain = self.looks_plain();
        self
    }

    /// Sets the plan to start from: one sequence of stops per tour. It may break windows or loads (it is repaired first),
    /// but not serve a stop twice or half a shipment.
    ///
    /// # Errors
    ///
    /// [`Invalid::Initial`].
    pub fn with_initial(mut self, initial: Vec<Vec<StopIx>>) -> Result<Self, Invalid> {
        let mut at = vec![(TourIx::NONE, 0); self.stops.len()];
        if initial.len() != self.tours.len() {
            return Err(Invalid::Initial);
        }
        for (tour, sequence) in TourIx::all().zip(&initial) {
            for (position, &stop) in sequence.iter().enumerate() {
                match at.get_mut(stop.index()) {
                    Some(slot) if slot.0 == TourIx::NONE => *slot = (tour, position),
                    _ => return Err(Invalid::Initial),
                }
            }
        }
        for (stop, &(tour, position)) in self.stops.iter().zip(&at) {
            if stop.role == Role::Pickup {
                let (mate_tour, mate_position) = at[stop.mate.index()];
                if mate_tour != tour || (tour != TourIx::NONE && mate_position < position) {
                    return Err(Invalid::Initial);
                }
            }
        }
        self.initial = initial;
        Ok(self)
    }

    /// Promises every stop of the initial plan to the tour that serves it there: another tour costs `change` more for each.
    #[must_use]
    pub fn with_promises(mut self, change: i64) -> Self {
        for (tour, sequence) in TourIx::all().zip(&self.initial) {
            for &stop in sequence {
                let stop = &mut self.stops[stop.index()];
                (stop.home, stop.change) = (tour, change);
            }
        }
        self.promised = self.stops.iter().any(|stop| stop.home != TourIx::NONE && stop.change != 0);
        self
    }

    /// The stops.
    pub fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// The vehicles.
    pub fn tours(&self) -> &[TourSpec] {
        &self.tours
    }

    /// Times and lengths between nodes.
    pub fn legs(&self) -> &Legs {
        &self.legs
    }

    /// The prices.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The plan to start from.
    pub fn initial(&self) -> &[Vec<StopIx>] {
        &self.initial
    }

    /// The class of a tour: vehicles of one class make the same of a leg.
    #[inline]
    pub(crate) fn class_of(&self, tour: TourIx) -> u32 {
        self.class_of[tour.index()]
    }

    /// What vehicles of a class make of a leg.
    #[inline]
    pub(crate) fn class(&self, class: u32) -> Class {
        self.classes[class as usize]
    }

    /// The latest start of service that the search aims at: `due`, or what any tour could reach at best if that is later.
    #[inline]
    pub(crate) fn closes(&self, stop: StopIx) -> i32 {
        self.closes[stop.index()]
    }

    /// The first tour with the very same vehicle: while both are empty, one stands for the other.
    #[inline]
    pub(crate) fn twin(&self, tour: TourIx) -> TourIx {
        self.twin[tour.index()]
    }

    /// The first tour whose end, limits and class are the same: the end of a sequence can be driven by either.
    #[inline]
    pub(crate) fn tail_twin(&self, tour: TourIx) -> TourIx {
        self.tail_twin[tour.index()]
    }

    /// Every candidate is priced by a walk along the tour, because flow time counts.
    #[inline]
    pub(crate) fn walks(&self) -> bool {
        self.walks
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
        for (stop, price) in self.stops.iter_mut().zip(prices) {
            stop.change = price;
        }
        self.promised = self.stops.iter().any(|stop| stop.home != TourIx::NONE && stop.change != 0);
    }

    /// Travel time and price of a leg for a tour's class.
    pub(crate) fn leg(&self, tour: TourIx, a: NodeIx, b: NodeIx) -> (i32, i32) {
        self.classes[self.class_of[tour.index()] as usize].leg(self.legs.pair(a, b))
    }

    /// Travel time including the set-up at `b`, and price, from one stop or tour start (`a >= stops`) to a stop.
    pub(crate) fn hop(&self, tour: TourIx, from: NodeIx, to: StopIx) -> (i32, i32) {
        let stop = &self.stops[to.index()];
        let (time, cost) = self.leg(tour, from, stop.node);
        (time + if from == stop.node { 0 } else { stop.setup }, cost)
    }

    /// Travel time and price of a leg that is begun at an instant.
    fn leg_at(&self, tour: TourIx, a: NodeIx, b: NodeIx, depart: i32) -> (i32, i32) {
        match &self.legs {
            Legs::TimeDependent(legs) => {
                let class = self.classes[self.class_of[tour.index()] as usize];
                class.priced(legs.leaving(a, b, depart, |time| class.time(time)))
            }
            Legs::Matrix(_) | Legs::Plane { .. } | Legs::Sphere { .. } => self.leg(tour, a, b),
        }
    }

    /// Like [`Problem::hop`], begun at an instant; `None` where there is no way then.
    pub(crate) fn hop_at(&self, tour: TourIx, from: NodeIx, to: StopIx, depart: i32) -> Option<(i32, i32)> {
        let stop = &self.stops[to.index()];
        let (time, cost) = self.leg_at(tour, from, stop.node, depart);
        (time < UNREACHABLE).then(|| (time + if from == stop.node { 0 } else { stop.setup }, cost))
    }

    /// Travel time and price from a node to a tour's end.
    pub(crate) fn hop_end(&self, tour: TourIx, from: NodeIx) -> (i32, i32) {
        let end = self.tours[tour.index()].end_node;
        if end == NodeIx::NONE { (0, 0) } else { self.leg(tour, from, end) }
    }

    /// Like [`Problem::hop_end`], begun at an instant.
    pub(crate) fn hop_end_at(&self, tour: TourIx, from: NodeIx, depart: i32) -> (i32, i32) {
        let end = self.tours[tour.index()].end_node;
        if end == NodeIx::NONE { (0, 0) } else { self.leg_at(tour, from, end, depart) }
    }

    /// True when this tour may serve this stop at all, whatever the sequence.
    pub(crate) fn allows(&self, tour: TourIx, stop: StopIx) -> bool {
        let stop = &self.stops[stop.index()];
        let spec = &self.tours[tour.index()];
        (stop.locked == TourIx::NONE || stop.locked == tour)
            && stop.needs & !spec.has == 0
            && (stop.barred.is_empty() || !stop.barred.contains(&tour))
    }

    /// Price of a tour serving a stop beyond driving: the change of a promise.
    pub(crate) fn change_cost(&self, tour: TourIx, stop: StopIx) -> i64 {
        let stop = &self.stops[stop.index()];
        if stop.home == TourIx::NONE || stop.home == tour { 0 } else { stop.change }
    }

    /// The latest start of service that a tour's shift allows at a stop.
    pub(crate) fn shift_end(&self, tour: TourIx, stop: StopIx) -> i32 {
        let stop = &self.stops[stop.index()];
        let spec = &self.tours[tour.index()];
        let exempt = stop.role == Role::Delivery && (stop.mate == StopIx::NONE || spec.finish_late);
        if exempt { TIME_MAX } else { spec.end_by }
    }

    pub(crate) fn is_time_dependent(&self) -> bool {
        matches!(self.legs, Legs::TimeDependent(_))
    }

    /// One window per stop, one dimension of load, jobs of one kind or shipments only, nothing that can be late: the search keeps
    /// less of such a problem.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    fn looks_plain(&self) -> bool {
        let one_dimension = |load: &[i32; 4]| load[1..].iter().all(|&goods| goods == 0);
        let loads = self.stops.iter().all(|stop| one_dimension(&stop.load))
            && self.tours.iter().all(|tour| one_dimension(&tour.onboard));
        // Plain sums of goods are not guarded; rich ones stop at the largest integer.
        let goods = self.stops.iter().map(|stop| stop.load[0]).chain(self.tours.iter().map(|tour| tour.onboard[0]));
        let countable = goods.map(i64::from).sum::<i64>() <= i64::from(i32::MAX / 2);
        let kinds = self.stops.iter().all(|stop| stop.role == Role::JobDelivery)
            || self.stops.iter().all(|stop| stop.role == Role::JobPickup)
            || self.stops.iter().all(|stop| stop.role == Role::Pickup || stop.role == Role::Delivery);
        let windows = self.stops.iter().enumerate().all(|(index, stop)| {
            // What keeps its aim is never late.
            stop.windows.len() <= 1 && (stop.due == i32::MAX || self.closes[index] <= stop.due)
        });
        !self.walks && !self.lifo && !self.paused && loads && countable && kinds && windows
    }

    /// If no vehicle can arrive in time, the deadline is moved to the earliest possible arrival, so that the search does not trade
    /// other stops for lateness that cannot be avoided.
    fn aim(&self, stop: StopIx) -> i32 {
        let spec = &self.stops[stop.index()];
        if spec.due == i32::MAX || self.weights.hard {
            return spec.due.min(TIME_MAX);
        }
        let via = (spec.role == Role::Delivery && spec.mate != StopIx::NONE).then_some(spec.mate);
        let free = spec.locked == TourIx::NONE && spec.barred.is_empty();
        let all = TourIx::first(if free { 0 } else { self.tours.len() });
        let leaders: &[TourIx] = if free { &self.leaders } else { &[] };
        let best = (all.chain(leaders.iter().copied()))
            .filter(|&tour| self.allows(tour, stop))
            .map(|tour| {
                let start = &self.tours[tour.index()];
                let (mut at, mut node) = (start.start_at, start.start_node);
                if let Some(pickup) = via {
                    let first = &self.stops[pickup.index()];
                    at = first.opens_at(at + self.hop(tour, node, pickup).0) + first.service;
                    node = first.node;
                }
                spec.opens_at(at.saturating_add(self.hop(tour, node, stop).0))
            })
            .min();
        spec.due.max(best.unwrap_or(spec.due)).min(TIME_MAX)
    }
}

//! What a problem is made of, as plain values: stops, vehicles, legs, prices, a plan.

use super::class::Class;
use super::legs::Legs;
use super::relations::Relation;
use super::rules::{Battery, Dock, DrivenSoFar, DrivingTime, Fairness, Rank, Reload, SoftWindow, Trips, Walking};
use super::units::TIME_MAX;
use crate::index::{NodeIx, StopIx, TourIx};

/// What a problem is made of. Fill in what you mean, take the rest from `default()`; [`super::Problem::new`] checks it.
#[derive(Clone, Debug, Default)]
pub struct ProblemSpec {
    /// What is to be served.
    pub stops: Vec<Stop>,
    /// The vehicles.
    pub tours: Vec<TourSpec>,
    /// Times and lengths between nodes.
    pub legs: Legs,
    /// Prices that hold for the whole problem.
    pub weights: Weights,
    /// The plan to start from: one sequence of stops per tour, or nothing at all. It may break windows or loads (it is repaired
    /// first), but not serve a stop twice or half a shipment.
    pub initial: Vec<Vec<StopIx>>,
    /// What holds between stops.
    pub relations: Vec<Relation>,
    /// Places at which vehicles wait for each other, none twice. Not where days have to be equal, nor with legs that depend on the hour.
    pub docks: Vec<Dock>,
}

impl ProblemSpec {
    /// Promises every stop of the initial plan to the tour that serves it there: another tour costs `change` (millionths) more for
    /// each.
    #[must_use]
    pub fn with_promises(mut self, change: i64) -> Self {
        for (tour, sequence) in TourIx::all().zip(&self.initial) {
            for &stop in sequence {
                // Stops that do not exist are found by the check.
                if let Some(stop) = self.stops.get_mut(stop.index()) {
                    (stop.home, stop.change) = (tour, change);
                }
            }
        }
        self
    }

    /// At least one stop is promised to a tour, and leaving it has a price.
    pub(super) fn has_promises(&self) -> bool {
        self.stops.iter().any(|stop| stop.home != TourIx::NONE && stop.change != 0)
    }

    /// See [`super::Problem::allows`].
    #[inline]
    pub(super) fn allows(&self, tour: TourIx, stop: StopIx) -> bool {
        let stop = &self.stops[stop.index()];
        let vehicle = &self.tours[tour.index()];
        (stop.locked == TourIx::NONE || stop.locked == tour)
            && stop.needs & !vehicle.has == 0
            && (stop.barred.is_empty() || !stop.barred.contains(&tour))
    }

    /// See [`super::Problem::hop`].
    #[inline]
    pub(super) fn hop(&self, class: Class, from: NodeIx, to: StopIx) -> (i32, i32) {
        let stop = &self.stops[to.index()];
        let (time, cost) = class.leg(&self.legs, from, stop.node);
        (time + if from == stop.node { 0 } else { stop.setup }, cost)
    }
}

/// What happens at a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Goods loaded at the start of the tour are left here.
    JobDelivery,
    /// Goods are taken on here and stay on board.
    JobPickup,
    /// Goods of a shipment are taken on; `mate` is its delivery.
    Pickup,
    /// Goods of a shipment are left; `mate` is its pickup, or [`StopIx::NONE`] when they are on board already.
    Delivery,
}

/// One stop: to be served once, by one tour.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Where it is.
    pub node: NodeIx,
    /// When service may start: (opens, closes), in order, not overlapping. Empty: at any time.
    pub windows: Vec<(i32, i32)>,
    /// Service that starts later is late. `i32::MAX`: it is never late.
    pub due: i32,
    /// Time of service.
    pub service: i32,
    /// Time spent on arrival when the previous stop is at another node.
    pub setup: i32,
    /// How much room its goods take, in each dimension of load.
    pub load: [i32; 4],
    /// Goods that are taken on here while those of `load` are left: only of a [`Role::JobDelivery`]. They stay on board.
    pub takes: [i32; 4],
    /// Further dimensions of load: what is left or taken as `load` says, and what is taken as `takes` says. Of a shipment's ends
    /// both have the same.
    pub more_load: Vec<(i32, i32)>,
    /// Other times of service and set-up for vehicles of a type ([`TourSpec::vehicle_type`]).
    pub by_type: Vec<TimesOfType>,
    /// What happens.
    pub role: Role,
    /// The other stop of the shipment, or [`StopIx::NONE`].
    pub mate: StopIx,
    /// Skills needed, as bits.
    pub needs: u64,
    /// The tour that must serve it, or [`TourIx::NONE`].
    pub locked: TourIx,
    /// The tour it is promised to, or [`TourIx::NONE`].
    pub home: TourIx,
    /// Price (millionths) of being served by another tour than `home`.
    pub change: i64,
    /// Price (millionths) of not serving it. For a shipment the price of its pickup counts.
    pub unserved: i64,
    /// When the customer asked for it: flow time is the time from here to the end of service.
    pub placed: i32,
    /// Tours that must not serve it.
    pub barred: Vec<TourIx>,
    /// Its goods cannot be loaded before: only of a [`Role::JobDelivery`]. A tour leaves its start, or the place where it reloads, when the
    /// last of what it loads there is ready.
    pub release: i32,
    /// Its goods are on board when its tour begins, and a part of what that has on board then ([`TourSpec::onboard`]): they are loaded nowhere, and
    /// stay where the tour reloads. Only of a [`Role::JobDelivery`] that is locked to a tour with [`TourSpec::reload`].
    pub aboard: bool,
    /// When service should begin; windows and `due` say when it may.
    pub soft: Option<SoftWindow>,
    /// The only position that it may have in its tour; `None`: any.
    pub rank: Option<Rank>,
    /// It belongs to the trip that is under way at the start ([`Trips::closed`]).
    pub of_trip: bool,
}

impl Stop {
    /// A job at a node: any time, no service, no load; fill in the rest.
    pub fn job(node: NodeIx) -> Self {
        Self {
            node,
            windows: Vec::new(),
            due: i32::MAX,
            service: 0,
            setup: 0,
            load: [0; 4],
            takes: [0; 4],
            more_load: Vec::new(),
            by_type: Vec::new(),
            role: Role::JobDelivery,
            mate: StopIx::NONE,
            needs: 0,
            locked: TourIx::NONE,
            home: TourIx::NONE,
            change: 0,
            unserved: 1_000_000_000,
            placed: 0,
            barred: Vec::new(),
            release: -TIME_MAX,
            aboard: false,
            soft: None,
            rank: None,
            of_trip: false,
        }
    }

    /// Its goods are loaded where the trip begins on which they are delivered.
    pub(crate) fn is_loaded_for_trip(&self) -> bool {
        self.role == Role::JobDelivery && !self.aboard
    }

    /// Its goods take up room somewhere.
    pub(crate) fn has_goods(&self) -> bool {
        self.load != [0; 4] || self.more_load.iter().any(|&(goods, _)| goods > 0)
    }

    /// Its goods stay on board where a tour reloads.
    pub(crate) fn stays_on_board(&self) -> bool {
        matches!(self.role, Role::Pickup | Role::Delivery) || self.aboard
    }

    /// The delivery of a shipment: left out with its pickup, and priced there.
    pub fn is_second_end(&self) -> bool {
        self.role == Role::Delivery && self.mate != StopIx::NONE
    }

    /// The earliest instant at or after `t` at which service may start. After the last window: at once, and late.
    pub(crate) fn opens_at(&self, t: i32) -> i32 {
        for &(opens, closes) in &self.windows {
            if t <= closes {
                return t.max(opens);
            }
        }
        t
    }
}

/// How long a stop takes vehicles of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimesOfType {
    /// The type.
    pub vehicle_type: u16,
    /// Time of service.
    pub service: i32,
    /// Time of set-up.
    pub setup: i32,
}

/// A pause of the driver within a tour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause {
    /// When it may begin: (opens, closes), in order, not overlapping, at least one.
    pub windows: Vec<(i32, i32)>,
    /// How long it takes.
    pub duration: i32,
    /// Most goods on board meanwhile, in the first four dimensions of load; `None`: no matter how many.
    pub load_max: Option<[i32; 4]>,
    /// The same in the further dimensions, as many as there are or none.
    pub more_load_max: Vec<i32>,
}

impl Pause {
    /// A pause that begins in this window, whatever is on board.
    pub fn new(opens: i32, closes: i32, duration: i32) -> Self {
        Self { windows: vec![(opens, closes)], duration, load_max: None, more_load_max: Vec::new() }
    }
}

/// One vehicle, from where and when it will be free.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TourSpec {
    /// The node at which it will be free.
    pub start_node: NodeIx,
    /// When it will be free.
    pub start_at: i32,
    /// From when on its day counts where days should be alike ([`Fairness`]); `None`: from `start_at` on.
    pub day_from: Option<i32>,
    /// Where it must end, or [`NodeIx::NONE`].
    pub end_node: NodeIx,
    /// The end is reached by then, or, without an end, every service is over. Goods on board at the start are exempt: they
    /// cannot stay there for good.
    pub end_by: i32,
    /// Deliveries of shipments are exempt too.
    pub finish_late: bool,
    /// Goods on board at the start. They take room until their delivery.
    pub onboard: [i32; 4],
    /// Most goods on board.
    pub capacity: [i32; 4],
    /// Skills as bits.
    pub has: u64,
    /// Price (millionths) of using it at all.
    pub fixed: i64,
    /// Millionths per hour of driving.
    pub per_hour: i64,
    /// Millionths per kilometre.
    pub per_km: i64,
    /// Millionths per hour of service and set-up.
    pub per_task_hour: i64,
    /// Its driving time, in thousandths of the time that the legs say.
    pub time_factor: u16,
    /// Which legs it drives, where there are several tables ([`Legs::Several`]).
    pub table: u16,
    /// Its type: some stops take longer for some types.
    pub vehicle_type: u16,
    /// Longest time of driving.
    pub travel_max: i32,
    /// Longest way, metres.
    pub metres_max: i64,
    /// Capacity in further dimensions of load: as many as the stops have, or none.
    pub more_capacity: Vec<i32>,
    /// Most stops.
    pub stops_max: u32,
    /// Its goods are unloaded last in, first out.
    pub lifo: bool,
    /// The goods of its shipments are unloaded first in, first out.
    pub fifo: bool,
    /// Where it may reload.
    pub reload: Option<Reload>,
    /// Limits of its driver's working day.
    pub driving_time: Option<DrivingTime>,
    /// What its driver has done of that day before the tour.
    pub driven_so_far: DrivenSoFar,
    /// What it drives on, if that may run out. Not with `reload` or `driving_time`, nor with legs that depend on the hour.
    pub battery: Option<Battery>,
    /// What is near is served on foot. Not with `reload`, `driving_time` or `battery`, nor with legs that depend on the hour.
    pub walking: Option<Walking>,
    /// What is asked of its trips.
    pub trips: Option<Trips>,
    /// Pauses still to be taken, in order. Every one of a tour that has stops; where lateness is allowed, late if need be, and behind the
    /// last stop not at all.
    pub pauses: Vec<Pause>,
    /// Already in use: its fixed price is spent.
    pub in_use: bool,
}

impl TourSpec {
    /// How long its day is if it ends then, for [`Fairness`].
    pub fn day_until(&self, end: i64) -> i64 {
        end - i64::from(self.day_from.unwrap_or(self.start_at))
    }

    /// A vehicle without limits, free at a node at time 0; fill in the rest.
    pub fn at(node: NodeIx) -> Self {
        Self {
            start_node: node,
            start_at: 0,
            day_from: None,
            end_node: NodeIx::NONE,
            end_by: TIME_MAX,
            finish_late: false,
            onboard: [0; 4],
            capacity: [i32::MAX / 4; 4],
            has: u64::MAX,
            fixed: 0,
            per_hour: 20_000_000,
            per_km: 300_000,
            per_task_hour: 0,
            time_factor: 1000,
            table: 0,
            vehicle_type: 0,
            travel_max: i32::MAX,
            metres_max: i64::MAX,
            more_capacity: Vec::new(),
            stops_max: u32::MAX,
            lifo: false,
            fifo: false,
            reload: None,
            driving_time: None,
            driven_so_far: DrivenSoFar::default(),
            battery: None,
            walking: None,
            trips: None,
            pauses: Vec::new(),
            in_use: false,
        }
    }
}

/// Prices that hold for the whole problem, in millionths.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// An hour of lateness at a stop.
    pub late_per_hour: i64,
    /// An hour between `placed` and the end of service; 0 where only windows count.
    pub flow_per_hour: i64,
    /// Nothing is ever served late: what cannot be on time is left out. A pause that cannot begin on time stops the tour.
    pub hard: bool,
    /// Windows hold for the beginning of set-up, not for that of service after it.
    pub setup_in_window: bool,
    /// Leaving stops out may be cheaper than serving them, so that the search also tries what pays only together with others (prize
    /// collecting). It never changes what a plan costs.
    pub prizes: bool,
    /// What unequal days cost.
    pub fairness: Fairness,
    /// A pause may be taken anywhere on the way. Otherwise it is taken before a vehicle leaves for its next stop.
    pub pause_on_the_way: bool,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            late_per_hour: 60_000_000,
            flow_per_hour: 0,
            hard: false,
            setup_in_window: false,
            prizes: false,
            fairness: Fairness::default(),
            pause_on_the_way: false,
        }
    }
}

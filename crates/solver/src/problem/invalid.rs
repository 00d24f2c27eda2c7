//! Whether plain values make a problem, and if not, why.

use super::legs::Legs;
use super::rules::Station;
use super::spec::{ProblemSpec, Role, Stop, TourSpec};
use super::units::TIME_MAX;
use crate::index::{NodeIx, StopIx, TourIx};

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
    /// A load is negative, or has more or fewer dimensions than that of other stops, or something that is no job both leaves and takes
    /// goods.
    Load(StopIx),
    /// A tour drives a table of legs that does not exist.
    Table(TourIx),
    /// A tour's capacity, or that of one of its pauses, has more or fewer dimensions than the loads.
    Dimensions(TourIx),
    /// Prices that add up beyond what the objective (`i64`) can hold.
    Prices,
    /// A time of a tour's reloading, of its driver's working day, of its walks or of its battery is out of range, a node of these is none
    /// that the legs have, or it has rules that do not go together.
    Rules(TourIx),
    /// A relation has a stop twice, or one that does not exist; by its place in the list.
    Relation(usize),
    /// What unequal days cost is negative, or legs depend on the hour, with which it cannot be searched.
    Fairness,
    /// A dock is at a node that the legs do not have, or at that of another one, has no room at all, or stands beside legs that depend on
    /// the hour or days that have to be equal; by its place in the list.
    Dock(usize),
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
            Self::Load(stop) => {
                write!(f, "stop {} has a negative load, or one of other dimensions than the other stops", stop.0)
            }
            Self::Table(tour) => write!(f, "tour {} drives a table of legs that does not exist", tour.0),
            Self::Dimensions(tour) => {
                write!(f, "the capacity of tour {} has other dimensions than the loads of the stops", tour.0)
            }
            Self::Rules(tour) => {
                write!(
                    f,
                    "tour {} reloads or is charged at a node that the legs do not have, a number of its rules is out of range, or \
                     its rules do not go together",
                    tour.0
                )
            }
            Self::Fairness => write!(f, "fairness has a negative price, or stands beside legs that depend on the hour"),
            Self::Dock(index) => {
                write!(
                    f,
                    "dock {index} is at a node that the legs do not have or that is another dock, has no room, or stands beside fairness or legs that depend on the hour"
                )
            }
            Self::Relation(index) => write!(f, "relation {index} has a stop twice, or one that does not exist"),
            Self::Initial => {
                write!(f, "the initial plan has a stop twice, half a shipment, or not one sequence per tour")
            }
        }
    }
}

impl std::error::Error for Invalid {}

/// In order, not overlapping, in range.
fn are_windows(windows: &[(i32, i32)]) -> bool {
    windows.windows(2).all(|pair| pair[0].1 < pair[1].0)
        && windows.iter().all(|&(opens, closes)| opens <= closes && in_range(opens) && in_range(closes))
}

fn is_span(span: i32) -> bool {
    (0..=TIME_MAX).contains(&span)
}

fn in_range(t: i32) -> bool {
    (-TIME_MAX..=TIME_MAX).contains(&t)
}

impl ProblemSpec {
    /// Whether these values make a problem: the first thing found wrong, with its index.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if !self.legs.is_legal() {
            return Err(Invalid::Leg);
        }
        self.check_stops()?;
        self.check_tours()?;
        self.check_relations()?;
        let fairness = self.weights.fairness;
        let prices = [fairness.longest_per_hour, fairness.spread_per_hour, fairness.spread_per_stop];
        let by_hour = matches!(self.legs, Legs::TimeDependent(_));
        if prices.iter().any(|&price| price < 0) || (!fairness.is_none() && by_hour) {
            return Err(Invalid::Fairness);
        }
        for (number, dock) in self.docks.iter().enumerate() {
            let is_new = self.docks[..number].iter().all(|other| other.node != dock.node);
            let is_legal = is_new && dock.capacity > 0 && dock.node.index() < self.legs.nodes();
            if !is_legal || by_hour || !fairness.is_none() {
                return Err(Invalid::Dock(number));
            }
        }
        // Half of the range is left for legs, changes and lateness.
        let prices = self.stops.iter().map(|stop| stop.unserved).chain(self.tours.iter().map(|tour| tour.fixed));
        let sum = prices.map(i128::from).sum::<i128>();
        if sum.abs() > i128::from(i64::MAX / 2) {
            return Err(Invalid::Prices);
        }
        self.check_initial()
    }

    fn check_stops(&self) -> Result<(), Invalid> {
        let Self { stops, tours, .. } = self;
        let nodes = self.legs.nodes() as u32;
        let has_depots = |stop: &Stop| {
            stop.role == Role::JobDelivery && tours.get(stop.locked.index()).is_some_and(|tour| tour.reload.is_some())
        };
        for (index, stop) in StopIx::all().zip(stops) {
            if stop.node.0 >= nodes {
                return Err(Invalid::Node(index));
            }
            let of_types = stop.by_type.iter().all(|times| is_span(times.service) && is_span(times.setup));
            let spans = is_span(stop.service) && is_span(stop.setup) && of_types;
            if !are_windows(&stop.windows)
                || !spans
                || !(in_range(stop.due) || stop.due == i32::MAX)
                || !in_range(stop.placed)
                || !in_range(stop.release)
                || stop.soft.is_some_and(|soft| {
                    let inverted = soft.opens > soft.closes || !in_range(soft.opens) || !in_range(soft.closes);
                    inverted || soft.early_per_hour < 0 || soft.late_per_hour < 0
                })
            {
                return Err(Invalid::Time(index));
            }
            let more = stop.more_load.iter().flat_map(|&(load, takes)| [load, takes]);
            let is_job = stop.role == Role::JobDelivery;
            if stop.load.into_iter().chain(stop.takes).chain(more).any(|load| load < 0)
                || (!is_job && stop.takes != [0; 4])
                || (stop.aboard && !has_depots(stop))
                || stop.more_load.len() != stops[0].more_load.len()
            {
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
        Ok(())
    }

    fn check_tours(&self) -> Result<(), Invalid> {
        let nodes = self.legs.nodes() as u32;
        for (index, tour) in TourIx::all().zip(&self.tours) {
            if tour.start_node.0 >= nodes || (tour.end_node != NodeIx::NONE && tour.end_node.0 >= nodes) {
                return Err(Invalid::TourNode(index));
            }
            let pauses = tour
                .pauses
                .iter()
                .all(|pause| are_windows(&pause.windows) && !pause.windows.is_empty() && is_span(pause.duration));
            if !in_range(tour.start_at) || !in_range(tour.end_by) || !pauses {
                return Err(Invalid::TourTime(index));
            }
            let reloads = tour.reload.iter().flat_map(|reload| &reload.places);
            let are_legal = reloads.clone().all(|place| place.node.0 < nodes && is_span(place.service));
            let on_trip = tour.reload.as_ref().is_none_or(|reload| !reload.is_on_trip || !self.weights.hard);
            let beside = tour.reload.as_ref().is_none_or(|reload| reload.beside.iter().all(|&goods| goods >= 0));
            let are_legal = are_legal && on_trip && beside;
            let day = tour.driving_time.is_none_or(|day| {
                let parts = 0 <= day.first_part && day.first_part < day.pause;
                day.driving_max > 0 && is_span(day.pause) && day.pause > 0 && parts && day.duty_max > 0
            });
            let so_far = is_span(tour.driven_so_far.driven) && is_span(tour.driven_so_far.rested);
            if !are_legal || !day || !so_far || !self.has_legal_battery(tour) || !self.has_legal_walks(tour) {
                return Err(Invalid::Rules(index));
            }
            if usize::from(tour.table) >= self.legs.tables() {
                return Err(Invalid::Table(index));
            }
            let dimensions = self.stops.first().map_or(tour.more_capacity.len(), |stop| stop.more_load.len());
            let alike = |count: usize| count == dimensions || count == 0;
            if !alike(tour.more_capacity.len()) || !tour.pauses.iter().all(|pause| alike(pause.more_load_max.len())) {
                return Err(Invalid::Dimensions(index));
            }
        }
        Ok(())
    }

    fn has_legal_battery(&self, tour: &TourSpec) -> bool {
        let by_hour = matches!(self.legs, Legs::TimeDependent(_));
        let nodes = self.legs.nodes() as u32;
        let is_energy = |energy: i64| (0..=i64::MAX / 8).contains(&energy);
        tour.battery.as_ref().is_none_or(|battery| {
            let is_legal = |station: &Station| station.node.0 < nodes && station.per_time > 0 && is_span(station.setup);
            let are_legal = battery.stations.iter().all(is_legal);
            let levels = is_energy(battery.capacity) && (0..=battery.capacity).contains(&battery.level);
            let takes = is_energy(battery.per_metre) && is_energy(battery.per_time);
            are_legal && levels && takes && tour.reload.is_none() && tour.driving_time.is_none() && !by_hour
        })
    }

    fn has_legal_walks(&self, tour: &TourSpec) -> bool {
        let by_hour = matches!(self.legs, Legs::TimeDependent(_));
        tour.walking.is_none_or(|walking| {
            let alone = tour.reload.is_none() && tour.driving_time.is_none() && tour.battery.is_none();
            walking.metres_max >= 0 && (0..=1_000_000_000_000).contains(&walking.time_per_metre) && alone && !by_hour
        })
    }

    fn check_relations(&self) -> Result<(), Invalid> {
        for (index, relation) in self.relations.iter().enumerate() {
            let mut stops = relation.stops.clone();
            stops.sort_unstable();
            let is_twice = stops.windows(2).any(|pair| pair[0] == pair[1]);
            if is_twice || stops.last().is_some_and(|last| last.index() >= self.stops.len()) {
                return Err(Invalid::Relation(index));
            }
        }
        Ok(())
    }

    /// One sequence per tour, no stop twice, shipments whole, on one tour and in order.
    fn check_initial(&self) -> Result<(), Invalid> {
        if self.initial.is_empty() {
            return Ok(());
        }
        if self.initial.len() != self.tours.len() {
            return Err(Invalid::Initial);
        }
        let mut at = vec![(TourIx::NONE, 0); self.stops.len()];
        for (tour, sequence) in TourIx::all().zip(&self.initial) {
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
        Ok(())
    }
}

//! Travel times from now on: those of now, and those that are expected in the hours to come.
//!
//! Three things make later hours differ, and all are known beforehand: the policy's factors by hour of the day, what was learned of
//! those hours, and closures that begin or end at a known time. A plan takes each leg as it will be when it is driven.

use std::sync::{Arc, OnceLock};

use fleetfold_fleet::Fleet;
use fleetfold_model::{Millis, Position, Timestamp};
use fleetfold_roads::{ActiveChange, Leg, LegTable, Network, Speeds};
use fleetfold_solver::{
    AskedLegs, LegMatrix, LegRows, Legs, NodeIx, TIME_MAX, TimeDependentLegs, UNREACHABLE, travel_over,
};

use crate::learn;

const HOUR: i64 = 3_600_000;
/// For so many hours ahead, travel times are told apart by the hour. Later ones are taken as those of the last hour.
const HOURS: i64 = 24;

/// So long a driver waits where a road is closed and soon is not, zone time (guess: for longer he does something else).
const WAITS_FOR_WAY: Millis = Millis(15 * 60_000);

/// Travel times of now, and of the spans of time after that in which they are others.
#[derive(Clone, Debug)]
pub struct Outlook {
    now: Arc<Network>,
    later: Vec<Span>,
}

/// A span of zone time in which travel times do not change. It ends with the next.
#[derive(Clone, Debug)]
struct Span {
    from: Timestamp,
    state: RoadState,
    /// Travel times within the span, made when they are first asked for, because many hours are never planned for.
    network: Arc<OnceLock<Arc<Network>>>,
    /// The network from which it is made.
    base: Base,
}

/// What the network of a span is made from.
#[derive(Clone, Debug)]
enum Base {
    /// The roads at normal speeds and all open.
    Normal(Arc<Network>),
    /// The roads at the speeds of the span, but with other closures: this is quicker than to begin at normal speeds.
    Speeds(Arc<Network>),
}

/// What makes the travel times of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RoadState {
    pub(crate) speeds: Speeds,
    pub(crate) changes: Vec<ActiveChange>,
}

impl RoadState {
    fn at(fleet: &Fleet, now: Timestamp, has_roads: bool) -> Self {
        Self { speeds: learn::speeds(fleet, now), changes: if has_roads { changes(fleet, now) } else { Vec::new() } }
    }

    fn network(&self, base: &Base) -> Option<Network> {
        match base {
            Base::Speeds(other) => other.with_changes(&self.changes),
            Base::Normal(normal) => {
                let open = normal.with_speeds(&self.speeds)?;
                if self.changes.is_empty() {
                    Some(open)
                } else {
                    Some(open.with_changes(&self.changes).unwrap_or(open))
                }
            }
        }
    }
}

/// Changes of roads in force at an instant of zone time.
pub(crate) fn changes(fleet: &Fleet, at: Timestamp) -> Vec<ActiveChange> {
    let active = fleet.roads().values().filter(|road| road.is_active(at));
    active.filter_map(change_of).collect()
}

/// A change of the roads as they are while it is in force.
pub(crate) fn change_of(road: &fleetfold_fleet::RoadState) -> Option<ActiveChange> {
    let target = road.change.target.clone()?;
    let time_percent = if road.closed { None } else { Some(road.change.time_percent?) };
    Some(ActiveChange { target, time_percent })
}

/// Everything that an outlook depends on, except the roads of now. While this stays the same, the outlook does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    hour: i64,
    features: u64,
    learn: bool,
    hour_percent: [[u16; 24]; 3],
    roads: u32,
}

impl Known {
    pub(crate) fn of(fleet: &Fleet, now: Timestamp) -> Self {
        Self {
            hour: (now + fleet.zone().utc_offset).0.div_euclid(HOUR),
            features: fleet.features_version(),
            learn: fleet.policy().learn,
            hour_percent: fleet.policy().hour_percent,
            roads: fleet.road_version(),
        }
    }
}

impl Outlook {
    /// Travel times that never change.
    pub fn constant(network: Arc<Network>) -> Self {
        Self { now: network, later: Vec::new() }
    }

    /// The outlook from `now` on, as an engine has it that begins with this fleet. `normal`: the roads at normal speeds, all open.
    pub fn at(fleet: &Fleet, now: Timestamp, normal: &Arc<Network>) -> Self {
        let normal = &Arc::clone(normal).in_space(fleet.zone().space);
        let state = RoadState::at(fleet, now, normal.has_roads());
        let same = state.changes.is_empty() && state.speeds == Speeds::default();
        let made = if same { None } else { state.network(&Base::Normal(Arc::clone(normal))) };
        let current = made.map_or_else(|| Arc::clone(normal), Arc::new);
        Self::constant(Arc::clone(&current)).ahead(fleet, now, normal, (&current, state))
    }

    /// The outlook from `now` on. `current` says at which speeds and with which closures `network` was made. Networks of spans that
    /// stay as they were are taken from the outlook before.
    pub(crate) fn ahead(
        &self,
        fleet: &Fleet,
        now: Timestamp,
        normal: &Arc<Network>,
        (network, current): (&Arc<Network>, RoadState),
    ) -> Self {
        if !normal.has_speeds() {
            return Self::constant(Arc::clone(network));
        }
        let offset = fleet.zone().utc_offset;
        let hour = (now + offset).0.div_euclid(HOUR);
        let end = now + Millis(HOURS * HOUR);
        let mut starts: Vec<Timestamp> =
            (1..=HOURS).map(|ahead| Timestamp((hour + ahead) * HOUR) + Millis(-offset.0)).collect();
        let timed = fleet.roads().values().filter(|road| !road.ended && normal.has_roads());
        starts.extend(timed.flat_map(|road| [road.change.from, road.change.until]).flatten());
        starts.retain(|&at| at > now && at < end);
        starts.sort_unstable();
        starts.dedup();
        let mut later: Vec<Span> = Vec::new();
        let mut before = &current;
        for from in starts {
            let state = RoadState::at(fleet, from, normal.has_roads());
            if state == *before {
                continue;
            }
            let known = self.later.iter().chain(&later).find(|span| span.state == state);
            let made = if state == current {
                Arc::new(OnceLock::from(Arc::clone(network)))
            } else {
                known.map_or_else(|| Arc::new(OnceLock::new()), |span| Arc::clone(&span.network))
            };
            let mut alike = self.later.iter().filter(|span| span.state.speeds == state.speeds);
            let base = if !normal.has_roads() || made.get().is_some() {
                None
            } else if state.speeds == current.speeds {
                Some(Arc::clone(network))
            } else {
                alike.find_map(|span| span.network.get().cloned())
            };
            let base = base.map_or_else(|| Base::Normal(Arc::clone(normal)), Base::Speeds);
            later.push(Span { from, state, network: made, base });
            before = &later[later.len() - 1].state;
        }
        Self { now: Arc::clone(network), later }
    }

    /// The roads as they are now.
    pub fn network(&self) -> &Arc<Network> {
        &self.now
    }

    /// One leg, begun at an instant; where there is no way yet and soon will be, with the time for which a vehicle waits for it.
    pub fn leg(&self, from: Position, to: Position, depart: Timestamp) -> Leg {
        let first = self.later.partition_point(|span| span.from <= depart);
        let leg = self.of(first).leg(from, to);
        if leg.millis >= UNREACHABLE {
            let soon = self.later[first..].iter().take_while(|span| span.from - depart <= WAITS_FOR_WAY);
            let opens =
                soon.enumerate().find(|(ahead, _)| self.of(first + ahead + 1).leg(from, to).millis < UNREACHABLE);
            if let Some((_, span)) = opens {
                let leg = self.leg(from, to, span.from);
                let millis = (span.from - depart).0 + i64::from(leg.millis);
                return Leg { millis: millis.min(i64::from(UNREACHABLE)) as i32, ..leg };
            }
        }
        let until = |span: usize| self.later.get(span).map_or(i64::MAX, |next| next.from.0);
        if depart.0 + i64::from(leg.millis) <= until(first) {
            return leg;
        }
        let spans = (first..=self.later.len()).map(|span| {
            let millis = if span == first { leg.millis } else { self.of(span).leg(from, to).millis };
            (until(span), i64::from(millis))
        });
        Leg { millis: travel_over(depart.0, spans).min(i64::from(UNREACHABLE)) as i32, ..leg }
    }

    /// All legs between places, for a plan that reaches from `epoch` to `until`. A routing server is asked for legs that it has
    /// not said yet, and waited for.
    pub(crate) fn legs(&self, places: &[Position], epoch: Timestamp, until: Timestamp) -> Legs {
        let n = places.len();
        let (first, last, ends) = self.spans(epoch, until);
        if first == last {
            let legs = self.of(first).legs(places);
            return Legs::Matrix(LegMatrix::from_fn(n, |a, b| solver_leg(legs[a * n + b])));
        }
        let rows = Rows {
            outlook: self.clone(),
            first,
            places: places.into(),
            tables: (first..=last).map(|_| OnceLock::new()).collect(),
        };
        TimeDependentLegs::from_rows(n, ends, Arc::new(rows)).map_or_else(Legs::default, Legs::TimeDependent)
    }

    /// The same legs, each computed when it is read: for an answer that reads few of them. `driven`: legs that are read again and
    /// again. No routing server is asked: straight lines stand in for what it has not said yet.
    pub(crate) fn asked_legs(
        &self,
        places: &[Position],
        driven: impl Iterator<Item = (NodeIx, NodeIx)>,
        epoch: Timestamp,
        until: Timestamp,
    ) -> Legs {
        let n = places.len();
        let (first, last, ends) = self.spans(epoch, until);
        let source = Arc::new(Rows {
            outlook: self.clone(),
            first,
            places: places.into(),
            tables: (first..=last).map(|_| OnceLock::new()).collect(),
        });
        if ends.is_empty() {
            return Legs::Asked(AskedLegs::new(n, source).keeping(driven));
        }
        let legs = TimeDependentLegs::asked(n, ends, source).map(|legs| legs.keeping(driven));
        legs.map_or_else(Legs::default, Legs::TimeDependent)
    }

    /// The first and the last span between two instants, and when all but the last end, from the first instant on.
    fn spans(&self, epoch: Timestamp, until: Timestamp) -> (usize, usize, Vec<i32>) {
        let first = self.later.partition_point(|span| span.from <= epoch);
        let last = self.later.partition_point(|span| span.from < until).max(first);
        let ends = self.later[first..last].iter().map(|span| (span.from - epoch).0.min(i64::from(TIME_MAX)) as i32);
        (first, last, ends.collect())
    }

    /// The network of a span; 0 is now.
    fn of(&self, span: usize) -> &Arc<Network> {
        let Some(span) = span.checked_sub(1).map(|later| &self.later[later]) else { return &self.now };
        unless_known(&span.network, || match (span.state.network(&span.base), &span.base) {
            (Some(network), _) => Arc::new(network),
            (None, Base::Normal(base) | Base::Speeds(base)) => Arc::clone(base),
        })
    }
}

/// The value of a cell, which is made first if the cell is empty. It is not made while the cell is locked: making it is parallel work,
/// and a thread that waits for its part may take up other work that asks for the same cell.
fn unless_known<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(known) = cell.get() {
        return known;
    }
    let made = make();
    cell.get_or_init(|| made)
}

/// Legs between places in the spans that a plan reaches into.
struct Rows {
    outlook: Outlook,
    /// The span of the plan's beginning.
    first: usize,
    places: Arc<[Position]>,
    tables: Vec<OnceLock<LegTable>>,
}

impl LegRows for Rows {
    fn row(&self, span: usize, from: NodeIx) -> Vec<(i32, i32)> {
        self.table(span).from(from.index()).into_iter().map(solver_leg).collect()
    }

    fn leg(&self, span: usize, from: NodeIx, to: NodeIx) -> (i32, i32) {
        solver_leg(self.table(span).leg(from.index(), to.index()))
    }

    fn waits_max(&self) -> i32 {
        WAITS_FOR_WAY.0 as i32
    }
}

impl Rows {
    fn table(&self, span: usize) -> &LegTable {
        unless_known(&self.tables[span], || self.outlook.of(self.first + span).rows(Arc::clone(&self.places)))
    }
}

fn solver_leg(leg: Leg) -> (i32, i32) {
    (leg.millis.clamp(0, UNREACHABLE), leg.metres.max(0))
}

//! The roads from now on: as they are, and as they are expected to be in the hours to come.
//!
//! What will differ is known beforehand: factors by hour of the day, what was learned of those hours, and closures with a time.
//! A plan takes each leg as it will be when it is driven.

use std::sync::{Arc, OnceLock};

use fleetfold_fleet::Fleet;
use fleetfold_model::{Millis, Position, Timestamp};
use fleetfold_roads::{ActiveChange, Leg, Network, Speeds};
use fleetfold_solver::{LegMatrix, Legs, TimeDependentLegs, UNREACHABLE, travel_over};

use crate::learn;

const HOUR: i64 = 3_600_000;
/// How far ahead hours are told apart; what is later is taken as the last of them.
const HOURS: i64 = 24;

/// Roads now, and the spans after that in which travel times differ.
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
    /// Made when it is first asked: many hours are never planned for.
    network: Arc<OnceLock<Arc<Network>>>,
    /// At normal speeds, all open.
    normal: Arc<Network>,
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

    fn network(&self, normal: &Network) -> Option<Network> {
        let base = normal.with_speeds(&self.speeds)?;
        if self.changes.is_empty() { Some(base) } else { Some(base.with_changes(&self.changes).unwrap_or(base)) }
    }
}

/// Changes of roads in force at an instant of zone time.
pub(crate) fn changes(fleet: &Fleet, at: Timestamp) -> Vec<ActiveChange> {
    let active = fleet.roads().values().filter(|road| road.is_active(at));
    active
        .filter_map(|road| {
            let target = road.change.target.clone()?;
            let time_percent = if road.closed { None } else { Some(road.change.time_percent?) };
            Some(ActiveChange { target, time_percent })
        })
        .collect()
}

/// What an outlook depends on beside the state of now; while it is the same, so is the outlook.
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
    /// The same for ever.
    pub fn constant(network: Arc<Network>) -> Self {
        Self { now: network, later: Vec::new() }
    }

    /// Looks ahead. `current` is what `network` was made of; networks of spans that stay as they were are kept.
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
            let network = if state == current {
                Arc::new(OnceLock::from(Arc::clone(network)))
            } else {
                known.map_or_else(|| Arc::new(OnceLock::new()), |span| Arc::clone(&span.network))
            };
            later.push(Span { from, state, network, normal: Arc::clone(normal) });
            before = &later[later.len() - 1].state;
        }
        Self { now: Arc::clone(network), later }
    }

    /// The roads as they are now.
    pub fn network(&self) -> &Arc<Network> {
        &self.now
    }

    /// One leg, begun at an instant.
    pub fn leg(&self, from: Position, to: Position, depart: Timestamp) -> Leg {
        let first = self.later.partition_point(|span| span.from <= depart);
        let leg = self.of(first).leg(from, to);
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

    /// All legs between places, for a plan that reaches from `epoch` to `until`.
    pub(crate) fn legs(&self, places: &[Position], epoch: Timestamp, until: Timestamp) -> Legs {
        let n = places.len();
        let matrix = |network: &Network| {
            let legs = network.legs(places);
            LegMatrix::from_fn(n, |a, b| {
                let leg = legs[a * n + b];
                (leg.millis.clamp(0, UNREACHABLE), leg.metres.max(0))
            })
        };
        let first = self.later.partition_point(|span| span.from <= epoch);
        let last = self.later.partition_point(|span| span.from < until).max(first);
        let now = matrix(self.of(first));
        let then: Vec<(i32, LegMatrix)> = (first + 1..=last)
            .map(|span| {
                let from = (self.later[span - 1].from - epoch).0;
                (from.min(i64::from(fleetfold_solver::TIME_MAX)) as i32, matrix(self.of(span)))
            })
            .collect();
        if then.is_empty() {
            return Legs::Matrix(now);
        }
        TimeDependentLegs::new(now, then).map_or_else(Legs::default, Legs::TimeDependent)
    }

    /// The network of a span; 0 is now.
    fn of(&self, span: usize) -> &Network {
        let Some(span) = span.checked_sub(1).map(|later| &self.later[later]) else { return &self.now };
        span.network.get_or_init(|| match span.state.network(&span.normal) {
            Some(network) => Arc::new(network),
            None => Arc::clone(&span.normal),
        })
    }
}

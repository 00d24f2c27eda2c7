//! Electric range: driving takes energy out of a battery, and on the way the vehicle may stop at stations where it is charged, the
//! longer the more (Schneider, Stenger & Goeke, "The electric vehicle-routing problem with time windows and recharging stations", 2014;
//! with partial charging as in Keskin & Çatay, 2016, and a constant rate).
//!
//! A tour stays a sequence of stops. Where it is charged, and how much, is found for each sequence: between two of its places at
//! most once, and each time as much as is needed up to the next station or the end, or as much more as does not make the vehicle later
//! there because it has to wait on the way, or as much as the battery holds. Of all ways to do so the cheapest is taken, and of
//! equally cheap ones the quickest. Where all stations charge as fast no other amounts are better. Who has enough is not charged.

use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Battery, Problem, UNREACHABLE, span_price};

/// A stop at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    /// By its place in the list.
    pub(crate) station: usize,
    /// What is put in, millionths.
    pub(crate) amount: i64,
}

/// A way to come to a station, or the start of the tour.
#[derive(Clone, Copy)]
struct Label {
    cost: i64,
    arrival: i32,
    /// In the battery on arrival.
    level: i64,
    /// `None`: the start.
    station: Option<usize>,
    /// The label before (its row and its place in it), and what was put in there.
    before: (usize, usize),
    charged: i64,
}

/// What a whole tour comes to, the best first: whether it ends too late, its price, and when it ends.
type Key = (bool, i64, i32);

impl Label {
    fn is_as_good_as(&self, other: &Self) -> bool {
        self.station == other.station
            && self.cost <= other.cost
            && self.arrival <= other.arrival
            && self.level >= other.level
    }
}

/// What driving a leg takes out of the battery; nothing where there is no place to go to.
pub(crate) fn used(problem: &Problem, tour: TourIx, battery: &Battery, from: NodeIx, to: NodeIx) -> i64 {
    if to == NodeIx::NONE {
        return 0;
    }
    let table = problem.tours()[tour.index()].table;
    battery.used(problem.leg(tour, from, to).0, problem.legs().length_in(table, from, to))
}

/// What a tour takes if it is never charged.
pub(crate) fn used_in_all(problem: &Problem, tour: TourIx, battery: &Battery, sequence: &[StopIx]) -> i64 {
    let spec = &problem.tours()[tour.index()];
    let stops = sequence.iter().map(|stop| problem.stops()[stop.index()].node);
    let ways = stops.chain([spec.end_node]).scan(spec.start_node, |here, next| {
        let from = std::mem::replace(here, next);
        Some(used(problem, tour, battery, from, next))
    });
    ways.fold(0, i64::saturating_add)
}

/// Where a tour that leaves at `start` is charged: before each of its stops, and on the way to its end. `None`: there is no way in which
/// the battery lasts and every stop is in time.
pub(crate) fn charges(
    problem: &Problem,
    tour: TourIx,
    battery: &Battery,
    start: i32,
    sequence: &[StopIx],
) -> Option<Vec<Option<Charge>>> {
    let spec = &problem.tours()[tour.index()];
    let count = sequence.len();
    let mut found = vec![None; count + 1];
    if used_in_all(problem, tour, battery, sequence) <= battery.level {
        return Some(found);
    }
    // Row 0 is the start; row r: the station is visited between the stops r - 2 and r - 1 (the end is behind the last stop).
    let mut rows: Vec<Vec<Label>> = vec![Vec::new(); count + 2];
    let first = Label { cost: 0, arrival: start, level: battery.level, station: None, before: (0, 0), charged: 0 };
    rows[0].push(first);
    let mut best: Option<(Key, (usize, usize), i64)> = None;
    for row in 0..count + 2 {
        let begins = row.saturating_sub(1);
        for place in 0..rows[row].len() {
            let label = rows[row][place];
            let leaves = label.station.map_or(spec.start_node, |station| battery.stations[station].node);
            let run = |ends: usize, amount: i64, to: NodeIx| {
                let charging = label.station.map_or(0, |station| {
                    let its = &battery.stations[station];
                    its.setup.saturating_add(its.time(amount))
                });
                let leave = label.arrival.saturating_add(charging);
                serve(problem, tour, (leaves, leave), &sequence[begins..ends], to)
            };
            // The ways to drive so far where that takes so much: what is put in before, and what comes of it; the least first.
            let ways = |ends: usize, takes: i64, to: NodeIx| {
                let least = (takes - label.level).max(0);
                let most = label.station.map_or(0, |_| battery.capacity - label.level);
                let first = if least <= most { run(ends, least, to) } else { None };
                let idle = first.as_ref().map_or(0, |way| i64::from(way.idle));
                let rate = label.station.map_or(0, |station| battery.stations[station].per_time);
                let free = least.saturating_add(idle.saturating_mul(rate)).min(most);
                let more = |amount: i64, than: i64| if amount > than { run(ends, amount, to) } else { None };
                let (second, third) =
                    if first.is_some() { (more(free, least), more(most, free)) } else { (None, None) };
                [(least, first), (free, second), (most, third)]
                    .into_iter()
                    .filter_map(|(amount, way)| way.map(|way| (amount, way)))
            };
            let (mut takes, mut node) = (0i64, leaves);
            for ends in begins..=count {
                if let Some(last) = ends.checked_sub(1).filter(|_| ends > begins) {
                    let stop = problem.stops()[sequence[last].index()].node;
                    takes = takes.saturating_add(used(problem, tour, battery, node, stop));
                    node = stop;
                }
                if takes > battery.capacity {
                    break;
                }
                if ends > begins || row == 0 {
                    for (number, station) in battery.stations.iter().enumerate() {
                        let whole = takes.saturating_add(used(problem, tour, battery, node, station.node));
                        for (amount, way) in ways(ends, whole, station.node) {
                            let new = Label {
                                cost: label.cost + way.cost,
                                arrival: way.arrival,
                                level: label.level + amount - whole,
                                station: Some(number),
                                before: (row, place),
                                charged: amount,
                            };
                            offer(&mut rows[ends + 1], new);
                        }
                    }
                }
                if ends == count {
                    let whole = takes.saturating_add(used(problem, tour, battery, node, spec.end_node));
                    if let Some((amount, way)) = ways(ends, whole, spec.end_node).next() {
                        let key = (way.arrival > spec.end_by, label.cost + way.cost, way.arrival);
                        if best.is_none_or(|(known, ..)| key < known) {
                            best = Some((key, (row, place), amount));
                        }
                    }
                }
            }
        }
    }
    let (_, mut at, mut amount) = best?;
    while let Label { station: Some(station), before, charged, .. } = rows[at.0][at.1] {
        found[at.0 - 1] = Some(Charge { station, amount });
        (at, amount) = (before, charged);
    }
    Some(found)
}

/// Keeps a label unless another one is as good in everything.
fn offer(labels: &mut Vec<Label>, new: Label) {
    // Labels stay where they are: later ones name them by their place.
    if !labels.iter().any(|known| known.is_as_good_as(&new)) {
        labels.push(new);
    }
}

/// What comes of serving some stops.
struct Served {
    cost: i64,
    /// When the vehicle is at the place behind them.
    arrival: i32,
    /// By so much it may leave later and is there as early, because it waits on the way.
    idle: i32,
}

/// Serves some stops one behind the other and drives to a place. `None`: not in time.
fn serve(
    problem: &Problem,
    tour: TourIx,
    (mut node, mut free): (NodeIx, i32),
    stops: &[StopIx],
    to: NodeIx,
) -> Option<Served> {
    let weights = problem.weights();
    let mut cost = 0;
    let (mut waited, mut idle) = (0i32, i32::MAX);
    for &stop in stops {
        let its = &problem.stops()[stop.index()];
        let (travel, price) = problem.leg(tour, node, its.node);
        let (service, setup) = problem.times_at(tour, node, stop);
        let (action, start) = problem.start_of(stop, free.saturating_add(travel), setup);
        if travel >= UNREACHABLE || start > problem.shift_end(tour, stop) || (weights.hard && action > its.due) {
            return None;
        }
        cost += i64::from(price) + span_price(action, its.due, weights.late_per_hour);
        waited = waited.saturating_add(start.saturating_sub(setup).saturating_sub(free.saturating_add(travel)).max(0));
        idle = idle.min(its.due.saturating_sub(action).max(0).saturating_add(waited));
        (node, free) = (its.node, start.saturating_add(service));
    }
    if to == NodeIx::NONE {
        return Some(Served { cost, arrival: free, idle: idle.min(waited) });
    }
    let (travel, price) = problem.leg(tour, node, to);
    let arrival = free.saturating_add(travel);
    (travel < UNREACHABLE).then(|| Served { cost: cost + i64::from(price), arrival, idle: idle.min(waited) })
}

//! Electric range: driving takes energy out of a battery, and on the way the vehicle may stop at stations where it is charged, the
//! longer the more (Schneider, Stenger & Goeke, "The electric vehicle-routing problem with time windows and recharging stations", 2014;
//! with partial charging as in Keskin & Çatay, 2016, and a constant rate).
//!
//! A tour stays a sequence of stops. Where it is charged, and how much, is found for each sequence: between two of its places at
//! most once, and each time as much as is needed up to the next station or the end, or as much more as does not make the vehicle later
//! there because it has to wait on the way, or as much as the battery holds. Of all ways to do so the cheapest is taken, and of
//! equally cheap ones the quickest. Where all stations charge as fast no other amounts are better. Who has enough is not charged.

use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Battery, Problem, UNREACHABLE};

/// Stations that are looked at between two stops: those with the cheapest detours, and of the others the quickest (a guess).
const CHEAP: usize = 4;
const QUICK: usize = 2;
/// Ways to come to one station between two stops that are followed further (a guess; only long tours have more).
const LABELS_MAX: usize = 6;

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

/// What the legs of a tour cost if it is never charged.
pub(crate) fn price_of_legs(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> i64 {
    let spec = &problem.tours()[tour.index()];
    let (mut sum, mut here) = (0, spec.start_node);
    let stops = sequence.iter().map(|stop| problem.stops()[stop.index()].node);
    for next in stops.chain(spec.end_node.get()) {
        sum += i64::from(problem.leg(tour, here, next).1);
        here = next;
    }
    sum
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
/// the battery lasts, every stop is in time, and legs cost less than `limit`. Where lateness has a price it is not looked at here.
pub(crate) fn charges(
    problem: &Problem,
    tour: TourIx,
    battery: &Battery,
    start: i32,
    sequence: &[StopIx],
    limit: i64,
) -> Option<Vec<Option<Charge>>> {
    let spec = &problem.tours()[tour.index()];
    let count = sequence.len();
    let mut found = vec![None; count + 1];
    if used_in_all(problem, tour, battery, sequence) <= battery.level {
        return Some(found);
    }
    let is_simple = sequence.iter().all(|stop| problem.stops()[stop.index()].windows.len() <= 1);
    let way = Way { problem, tour, sequence, is_simple };
    let (near, detour) = near_stations(&way, battery)?;
    let rest = way.prices_behind();
    let first_leg = way.leg(spec.start_node, sequence.first().map_or(spec.end_node, |_| way.node(0))).1;
    // At least one detour has to be made.
    if first_leg + rest[0] + detour >= limit {
        return None;
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
            // Detours to stations only add to what is left to drive.
            let least = label.cost + rest[begins];
            if least >= limit || best.is_some_and(|((is_late, cost, _), ..)| !is_late && least > cost) {
                continue;
            }
            let station = label.station.map(|station| battery.stations[station]);
            let most = if station.is_some() { battery.capacity - label.level } else { 0 };
            let rate = station.map_or(0, |station| station.per_time);
            let mut stretch = Stretch::from(station.map_or(spec.start_node, |station| station.node));
            let leave = |amount: i64| {
                let charging = station.map_or(0, |station| station.setup.saturating_add(station.time(amount)));
                label.arrival.saturating_add(charging)
            };
            let mut takes = 0i64;
            for ends in begins..=count {
                if let Some(last) = ends.checked_sub(1).filter(|_| ends > begins) {
                    takes = takes.saturating_add(way.used(battery, stretch.node, way.node(last)));
                    if !stretch.extend(&way, last) {
                        break;
                    }
                }
                if takes > battery.capacity {
                    break;
                }
                // The ways to drive so far and on to a place: what is put in before, and what comes of it; the least first.
                let to = |node: NodeIx| {
                    let whole = takes.saturating_add(way.used(battery, stretch.node, node));
                    let least = (whole - label.level).max(0);
                    let run = |amount: i64| stretch.run(&way, begins..ends, leave(amount), node);
                    let first = if least <= most { run(least) } else { None };
                    let idle = first.as_ref().map_or(0, |way| i64::from(way.idle));
                    let free = least.saturating_add(idle.saturating_mul(rate)).min(most);
                    let is_there = first.is_some();
                    let second = if is_there && free > least { run(free) } else { None };
                    let third = if is_there && most > free { run(most) } else { None };
                    let ways = [(least, first), (free, second), (most, third)];
                    ways.into_iter().filter_map(move |(amount, way)| Some((amount, label.level + amount - whole, way?)))
                };
                if ends > begins || row == 0 {
                    for &number in &near[ends] {
                        for (amount, level, way) in to(battery.stations[number].node) {
                            let cost = label.cost + way.cost;
                            let arrival = way.arrival;
                            let station = Some(number);
                            let new = Label { cost, arrival, level, station, before: (row, place), charged: amount };
                            offer(&mut rows[ends + 1], new);
                        }
                    }
                }
                if ends == count
                    && let Some((amount, _, way)) = to(spec.end_node).next()
                {
                    let key = (way.arrival > spec.end_by, label.cost + way.cost, way.arrival);
                    if best.is_none_or(|(known, ..)| key < known) {
                        best = Some((key, (row, place), amount));
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

/// Keeps a label unless another one is as good in everything; of too many at one station the dearest goes. Nothing was begun from these
/// labels yet.
fn offer(labels: &mut Vec<Label>, new: Label) {
    if labels.iter().any(|known| known.is_as_good_as(&new)) {
        return;
    }
    labels.retain(|known| !new.is_as_good_as(known));
    labels.push(new);
    let own = || labels.iter().enumerate().filter(|(_, known)| known.station == new.station);
    if own().count() > LABELS_MAX {
        let dearest = own().max_by_key(|(_, known)| (known.cost, known.arrival)).map(|(place, _)| place);
        labels.swap_remove(dearest.unwrap_or(0));
    }
}

/// A sequence of a tour.
struct Way<'p> {
    problem: &'p Problem,
    tour: TourIx,
    sequence: &'p [StopIx],
    /// No stop has several windows.
    is_simple: bool,
}

impl Way<'_> {
    fn node(&self, position: usize) -> NodeIx {
        self.problem.stops()[self.sequence[position].index()].node
    }

    fn used(&self, battery: &Battery, from: NodeIx, to: NodeIx) -> i64 {
        used(self.problem, self.tour, battery, from, to)
    }

    fn leg(&self, from: NodeIx, to: NodeIx) -> (i32, i64) {
        if to == NodeIx::NONE {
            return (0, 0);
        }
        let (time, price) = self.problem.leg(self.tour, from, to);
        (time, i64::from(price))
    }

    /// What the legs behind each stop cost, and last what those behind all cost: nothing.
    fn prices_behind(&self) -> Vec<i64> {
        let end = self.problem.tours()[self.tour.index()].end_node;
        let count = self.sequence.len();
        let mut rest = vec![0; count + 1];
        for position in (0..count).rev() {
            let next = if position + 1 < count { self.node(position + 1) } else { end };
            rest[position] = rest[position + 1] + self.leg(self.node(position), next).1;
        }
        rest
    }
}

/// For each gap of a tour the stations that are worth a look (all if they are few, otherwise those with the cheapest detours, and those
/// with the quickest if half of the battery is filled there), and the price of the cheapest detour of all. `None`: there are none.
fn near_stations(way: &Way<'_>, battery: &Battery) -> Option<(Vec<Vec<usize>>, i64)> {
    let count = way.sequence.len();
    let spec = &way.problem.tours()[way.tour.index()];
    let charging: Vec<i64> = battery
        .stations
        .iter()
        .map(|station| i64::from(station.setup) + i64::from(station.time(battery.capacity / 2)))
        .collect();
    let mut cheapest = i64::MAX;
    let mut each: Vec<((i64, i64), usize)> = Vec::with_capacity(charging.len());
    let mut near = Vec::with_capacity(count + 1);
    for gap in 0..=count {
        let from = gap.checked_sub(1).map_or(spec.start_node, |before| way.node(before));
        let to = if gap < count { way.node(gap) } else { spec.end_node };
        let direct = way.leg(from, to).1;
        each.clear();
        for (number, station) in battery.stations.iter().enumerate() {
            let (there, back) = (way.leg(from, station.node), way.leg(station.node, to));
            let price = there.1 + back.1 - direct;
            cheapest = cheapest.min(price);
            each.push(((price, i64::from(there.0) + i64::from(back.0) + charging[number]), number));
        }
        if each.len() > CHEAP + QUICK {
            each.sort_unstable();
            each[CHEAP..].sort_unstable_by_key(|&((_, time), number)| (time, number));
            each.truncate(CHEAP + QUICK);
        }
        near.push(each.iter().map(|&(_, number)| number).collect());
    }
    (cheapest < i64::MAX).then_some((near, cheapest))
}

/// What comes of serving some stops.
struct Served {
    cost: i64,
    /// When the vehicle is at the place behind them.
    arrival: i32,
    /// By so much it may leave later and is there as early, because it waits on the way.
    idle: i32,
}

/// Stops that are served one behind the other, for whenever the vehicle leaves the place before them: who leaves at t, which may be
/// as late as `by`, is free behind them at the later of t + `ahead` and `from` (Vidal et al., "A hybrid genetic algorithm with adaptive
/// diversity management for a large class of vehicle routing problems with time-windows", 2013).
#[derive(Clone, Copy)]
struct Stretch {
    leaves: NodeIx,
    node: NodeIx,
    cost: i64,
    ahead: i64,
    from: i64,
    by: i64,
}

impl Stretch {
    fn from(node: NodeIx) -> Self {
        Self { leaves: node, node, cost: 0, ahead: 0, from: i64::MIN / 4, by: i64::MAX / 4 }
    }

    /// Serves one more stop; false where it cannot be in time.
    fn extend(&mut self, way: &Way<'_>, position: usize) -> bool {
        let (problem, stop) = (way.problem, way.sequence[position]);
        let weights = problem.weights();
        let its = &problem.stops()[stop.index()];
        let (travel, price) = way.leg(self.node, its.node);
        let (service, setup) = problem.times_at(way.tour, self.node, stop);
        let (before, behind) = if weights.setup_in_window { (0, setup) } else { (setup, 0) };
        let due = if weights.hard { its.due } else { i32::MAX };
        let last = i64::from(due).min(i64::from(problem.shift_end(way.tour, stop)) - i64::from(behind));
        let opens = its.windows.first().map_or(i64::MIN / 4, |window| i64::from(window.0));
        self.cost += price;
        self.ahead += i64::from(travel) + i64::from(before);
        self.from = (self.from + i64::from(travel) + i64::from(before)).max(opens);
        self.by = self.by.min(last - self.ahead);
        let is_in_time = travel < UNREACHABLE && (self.from <= last || !way.is_simple);
        self.ahead += i64::from(behind) + i64::from(service);
        self.from += i64::from(behind) + i64::from(service);
        self.node = its.node;
        is_in_time
    }

    /// What comes of leaving at an instant and driving on to a place. `None`: not in time.
    fn run(&self, way: &Way<'_>, stops: std::ops::Range<usize>, leave: i32, to: NodeIx) -> Option<Served> {
        if !way.is_simple {
            return serve(way, (self.leaves, leave), &way.sequence[stops], to);
        }
        let (travel, price) = way.leg(self.node, to);
        let leave = i64::from(leave);
        if travel >= UNREACHABLE || leave > self.by {
            return None;
        }
        let free = leave + self.ahead;
        let idle = (self.from - free).clamp(0, self.by - leave);
        let arrival = free.max(self.from) + i64::from(travel);
        let short = |time: i64| i32::try_from(time).unwrap_or(i32::MAX);
        Some(Served { cost: self.cost + price, arrival: short(arrival), idle: short(idle) })
    }
}

/// Serves some stops one behind the other and drives to a place, stop by stop. `None`: not in time.
fn serve(way: &Way<'_>, (mut node, mut free): (NodeIx, i32), stops: &[StopIx], to: NodeIx) -> Option<Served> {
    let problem = way.problem;
    let hard = problem.weights().hard;
    let mut cost = 0;
    let (mut waited, mut idle) = (0i32, i32::MAX);
    for &stop in stops {
        let its = &problem.stops()[stop.index()];
        let (travel, price) = way.leg(node, its.node);
        let (service, setup) = problem.times_at(way.tour, node, stop);
        let (action, start) = problem.start_of(stop, free.saturating_add(travel), setup);
        if travel >= UNREACHABLE || start > problem.shift_end(way.tour, stop) || (hard && action > its.due) {
            return None;
        }
        cost += price;
        waited = waited.saturating_add(start.saturating_sub(setup).saturating_sub(free.saturating_add(travel)).max(0));
        idle = idle.min(its.due.saturating_sub(action).max(0).saturating_add(waited));
        (node, free) = (its.node, start.saturating_add(service));
    }
    let (travel, price) = way.leg(node, to);
    let arrival = free.saturating_add(travel);
    (travel < UNREACHABLE).then(|| Served { cost: cost + price, arrival, idle: idle.min(waited) })
}

//! Reloading on the way (multi-trip): between two stops a vehicle may drive to a place where what it took on is left and what its next
//! stops want is loaded.
//!
//! A tour that begins on a trip has nothing to load at its start: it reloads before the first stop whose goods are not on board, and it may do so
//! before its first stop.
//!
//! A tour stays a sequence of stops. Where it reloads is found for each sequence by dividing it into trips, the best way for every
//! beginning of the sequence (the splitting of a giant tour, Prins, "A simple and effective evolutionary algorithm for the vehicle
//! routing problem", 2004). Goods of shipments stay on board.

use crate::goods::Goods;
use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Legs, Problem, Reload, ReloadPlace, TIME_MAX, UNREACHABLE, span_price};

/// A way to have served a number of stops, and to have reloaded behind them.
#[derive(Clone, Copy)]
struct Label {
    cost: i64,
    free: i32,
    times: u32,
    /// The place at which was reloaded; `None`: this is the start of the tour.
    place: Option<usize>,
    /// The trip before: the number of stops served when it began, and which label.
    before: (usize, usize),
    /// Time and price of the leg to the next stop, if it is begun at once.
    onward: (i32, i32),
}

/// A way from a stop to the next one by a place where the vehicle reloads.
#[derive(Clone, Copy)]
struct Step {
    place: usize,
    /// Time until it is loaded there, and price of the way to it.
    loaded: (i32, i32),
    /// Time and price of the leg to the next stop, if it is begun at once.
    onward: (i32, i32),
}

impl Step {
    /// Price, time until the vehicle is at the next stop, and time that it drives there.
    fn there(&self) -> (i64, i32, i32) {
        let (loaded, price) = self.loaded;
        (i64::from(price) + i64::from(self.onward.1), loaded.saturating_add(self.onward.0), self.onward.0)
    }
}

/// What a way to divide a tour is worth, the least is the best: whether the vehicle comes home late, cost, and when it does.
type Worth = (bool, i64, i32);

/// Before which stops of a tour the vehicle reloads, and at which place. `None`: no way to divide it keeps loads and times.
pub(crate) fn places(
    problem: &Problem,
    tour: TourIx,
    reload: &Reload,
    sequence: &[StopIx],
) -> Option<Vec<Option<usize>>> {
    let spec = &problem.tours()[tour.index()];
    let weights = problem.weights();
    let count = sequence.len();
    let onward = |node: NodeIx, position: usize, free: i32| {
        problem.leg_at(tour, node, problem.stops()[sequence[position].index()].node, free)
    };
    let first = Label { cost: 0, free: spec.start_at, times: 0, place: None, before: (0, 0), onward: (0, 0) };
    // Where it may reload behind every stop, nobody counts how often it does.
    let is_counted = (reload.times_max as usize) < count;
    let mut labels: Vec<Vec<Label>> = vec![Vec::new(); count];
    labels[0].push(first);
    let is_loaded_late = |stop: &StopIx| {
        let stop = &problem.stops()[stop.index()];
        stop.is_loaded_for_trip() && stop.release > i32::MIN
    };
    let dominance = Dominance { is_counted, waits: sequence.iter().any(is_loaded_late) };
    // By stop: the ways to the next one by a place. Where the hour matters they are looked for each time.
    let mut steps: Vec<Option<Vec<Step>>> = vec![None; count];
    let is_timed = matches!(problem.legs(), Legs::TimeDependent(_));
    let steps_at = |position: usize, free: i32| {
        let node = problem.stops()[sequence[position].index()].node;
        let step = |(number, place): (usize, &ReloadPlace)| {
            let (travel, price) = problem.leg_at(tour, node, place.node, free);
            let loaded = travel.saturating_add(place.service);
            let onward = || onward(place.node, position + 1, free.saturating_add(loaded));
            (travel < UNREACHABLE).then(|| Step { place: number, loaded: (loaded, price), onward: onward() })
        };
        dominance.best(reload.places.iter().enumerate().filter_map(step))
    };
    // Who can load nothing at the start, or not everything, may reload before the first stop.
    let is_hindered = reload.is_on_trip || reload.beside != [0; 4] || reload.left != [0; 4];
    if is_hindered && reload.times_max > 0 {
        for (number, place) in reload.places.iter().enumerate() {
            let (travel, price) = problem.leg_at(tour, spec.start_node, place.node, spec.start_at);
            if travel < UNREACHABLE {
                let free = spec.start_at.saturating_add(travel).saturating_add(place.service);
                let (cost, onward) = (i64::from(price), onward(place.node, 0, free));
                let label = Label { cost, free, times: 1, place: Some(number), before: (0, 0), onward };
                offer(&mut labels[0], label, dominance);
            }
        }
    }
    let mut best: Option<(Worth, (usize, usize))> = None;
    let is_exempt = |stop: &StopIx| problem.shift_end(tour, *stop) >= TIME_MAX;
    let end_by = if sequence.iter().any(is_exempt) { i32::MAX } else { spec.end_by };
    let mut kept = Goods::on_board(spec);
    for begins in 0..count {
        let ends = trip_ends(problem, tour, sequence, begins, &kept);
        let starts = if begins == 0 { first_trip_ends(problem, tour, reload, sequence) } else { ends };
        // A trip leaves when the last of its goods is ready, so that trips of different lengths may leave at different times.
        let ready = |until: usize| trip_ready(problem, sequence[begins..until].iter().copied());
        let mut departures: Vec<i32> = (begins + 1..=ends).map(ready).collect();
        let ready_at = departures.clone();
        departures.dedup();
        for (index, departure) in
            (0..labels[begins].len()).flat_map(|index| departures.iter().map(move |&at| (index, at)))
        {
            let label = labels[begins][index];
            let mut node = label.place.map_or(spec.start_node, |place| reload.places[place].node);
            let (mut free, mut cost) = (label.free.max(departure), label.cost);
            for position in begins..if label.place.is_none() { starts } else { ends } {
                let stop = sequence[position];
                let its = &problem.stops()[stop.index()];
                let (travel, price) = problem.leg_at(tour, node, its.node, free);
                let (service, setup) = problem.times_at(tour, node, stop);
                let (action, start) = problem.start_of(stop, free.saturating_add(travel), setup);
                let too_late = start > problem.shift_end(tour, stop) || (weights.hard && action > its.due);
                if travel >= UNREACHABLE || too_late {
                    break;
                }
                free = start.saturating_add(service);
                cost += i64::from(price) + span_price(action, its.due, weights.late_per_hour);
                node = its.node;
                if ready_at[position - begins] != departure {
                    continue;
                }
                if position + 1 == count {
                    let (home, price) = spec.end_node.get().map_or((0, 0), |end| problem.leg_at(tour, node, end, free));
                    let end = free.saturating_add(home);
                    let found = (end > end_by, cost + i64::from(price), end);
                    if home < UNREACHABLE && best.is_none_or(|(known, _)| found < known) {
                        best = Some((found, (begins, index)));
                    }
                } else if label.times < reload.times_max && !problem.relations().is_direct(sequence[position + 1]) {
                    let known = steps[position].take().filter(|_| !is_timed);
                    let found = known.unwrap_or_else(|| steps_at(position, free));
                    for step in &found {
                        let (loaded, price) = step.loaded;
                        let next = Label {
                            cost: cost + i64::from(price),
                            free: free.saturating_add(loaded),
                            times: label.times + 1,
                            place: Some(step.place),
                            before: (begins, index),
                            onward: step.onward,
                        };
                        offer(&mut labels[position + 1], next, dominance);
                    }
                    steps[position] = Some(found);
                }
            }
        }
        let stop = &problem.stops()[sequence[begins].index()];
        if stop.stays_on_board() {
            kept.serve(stop);
        }
    }
    let (_, mut at) = best?;
    let mut found = vec![None; count];
    while let Label { place: Some(place), before, .. } = labels[at.0][at.1] {
        found[at.0] = Some(place);
        at = before;
    }
    Some(found)
}

/// When one way is as good as another one, whatever follows.
#[derive(Clone, Copy)]
struct Dominance {
    /// The vehicle may not reload behind every stop: how often it has counts.
    is_counted: bool,
    /// Goods are not ready from the beginning: the vehicle may have to wait for them before it leaves, and how far it has to drive then counts.
    waits: bool,
}

impl Dominance {
    /// True where who is there with this price, at this time and after this drive is as well off as another one. Who is loaded at the stop itself
    /// does not set up there.
    fn is_as_good(self, known: (i64, i32, i32), new: (i64, i32, i32)) -> bool {
        known.0 <= new.0 && known.1 <= new.1 && (known.2 <= new.2 || !self.waits) && (known.2 == 0 || new.2 > 0)
    }

    /// Of some ways from one stop to the next those that are better than each other one in something.
    fn best(self, ways: impl Iterator<Item = Step>) -> Vec<Step> {
        let mut best: Vec<Step> = Vec::new();
        for way in ways {
            if !best.iter().any(|known| self.is_as_good(known.there(), way.there())) {
                best.retain(|known| !self.is_as_good(way.there(), known.there()));
                best.push(way);
            }
        }
        best
    }
}

/// Keeps a label unless another one is as good in everything: it is at the next stop as cheaply and as early, whenever the goods are there
/// for which the vehicle may have to wait before it leaves. Those that are not better in anything than the new one go.
fn offer(labels: &mut Vec<Label>, new: Label, dominance: Dominance) {
    #[cfg(test)]
    tests::OFFERED.with(|offered| offered.set(offered.get() + 1));
    let there = |label: &Label| {
        (label.cost + i64::from(label.onward.1), label.free.saturating_add(label.onward.0), label.onward.0)
    };
    let is_as_good = |known: &Label, new: &Label| {
        let as_often = known.times <= new.times || !dominance.is_counted;
        // The start of the tour is no reload, and stays a way of its own.
        as_often && dominance.is_as_good(there(known), there(new)) && known.place.is_some() && new.place.is_some()
    };
    if !labels.iter().any(|known| is_as_good(known, &new)) {
        labels.retain(|known| !is_as_good(&new, known));
        labels.push(new);
    }
}

/// How many stops are served, counted from the start of the tour, when a trip that begins there has to end at the latest: with one more
/// the vehicle would be too full. `kept`: goods of shipments that are on board.
pub(crate) fn trip_ends(problem: &Problem, tour: TourIx, sequence: &[StopIx], begins: usize, kept: &Goods) -> usize {
    let fits = |ends: usize| trip_fits(problem, tour, &sequence[begins..ends], kept.clone());
    (begins + 1..=sequence.len()).take_while(|&ends| fits(ends)).last().unwrap_or(begins)
}

/// How many stops are served at most before the vehicle reloads for the first time: nothing is loaded at the start of a tour that begins on
/// a trip, and what is loaded at the start has room beside what leaves the vehicle before its first stop, and beside what is left where
/// it reloads.
fn first_trip_ends(problem: &Problem, tour: TourIx, reload: &Reload, sequence: &[StopIx]) -> usize {
    let spec = &problem.tours()[tour.index()];
    let mut goods = Goods::on_board(spec);
    goods.add(reload.left);
    let ends = trip_ends(problem, tour, sequence, 0, &goods);
    if !reload.is_on_trip && reload.beside == [0; 4] {
        return ends;
    }
    goods.add(reload.beside);
    let mut fits = |stop: StopIx| {
        let stop = &problem.stops()[stop.index()];
        if !stop.is_loaded_for_trip() || !stop.has_goods() {
            return true;
        }
        goods.load(stop);
        !reload.is_on_trip && goods.fit(spec)
    };
    sequence[..ends].iter().take_while(|&&stop| fits(stop)).count()
}

/// When everything is there that is loaded for a trip.
pub(crate) fn trip_ready(problem: &Problem, trip: impl Iterator<Item = StopIx>) -> i32 {
    let stops = trip.map(|stop| &problem.stops()[stop.index()]);
    stops.filter(|stop| stop.is_loaded_for_trip()).map(|stop| stop.release).max().unwrap_or(i32::MIN)
}

/// True where a vehicle has room for all goods of a trip at each of its stops.
fn trip_fits(problem: &Problem, tour: TourIx, trip: &[StopIx], mut goods: Goods) -> bool {
    let spec = &problem.tours()[tour.index()];
    let stop = |&index: &StopIx| &problem.stops()[index.index()];
    trip.iter().map(stop).filter(|stop| stop.is_loaded_for_trip()).for_each(|stop| goods.load(stop));
    goods.fit(spec)
        && trip.iter().map(stop).all(|stop| {
            goods.serve(stop);
            goods.fit(spec)
        })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::places;
    use crate::index::{NodeIx, StopIx, TourIx};
    use crate::problem::{LegMatrix, Problem, ProblemSpec, Reload, ReloadPlace, Role, Stop, TourSpec};

    thread_local! {
        /// Labels that were offered.
        pub(super) static OFFERED: Cell<usize> = const { Cell::new(0) };
    }

    /// Labels that are offered while a tour of so many stops is divided, of which a van with so many depots holds two at a time.
    fn offered(stops: u32, depots: u32) -> usize {
        let nodes = (stops + depots) as usize;
        // Somewhere in a square, the same for every number of depots.
        let at = |node: usize| ((node * 7_919 % 101) as i32, (node * 104_729 % 97) as i32);
        let legs = LegMatrix::from_fn(nodes, |a, b| {
            let ((x, y), (to_x, to_y)) = (at(a), at(b));
            let far = f64::from(x - to_x).hypot(f64::from(y - to_y)) as i32;
            (far * 10, far)
        });
        let stop = |node: u32| Stop { load: [1, 0, 0, 0], role: Role::JobDelivery, ..Stop::job(NodeIx(node)) };
        let place = |number: u32| ReloadPlace { node: NodeIx(stops + number), service: 100 };
        let reload = Reload { places: (0..depots).map(place).collect(), times_max: u32::MAX, ..Reload::default() };
        let tour = TourSpec {
            capacity: [2, 0, 0, 0],
            per_hour: 3_600_000,
            per_km: 1_000,
            reload: Some(reload.clone()),
            ..TourSpec::at(NodeIx(stops))
        };
        let stops: Vec<Stop> = (0..stops).map(stop).collect();
        let sequence: Vec<StopIx> = StopIx::first(stops.len()).collect();
        let problem =
            Problem::new(ProblemSpec { stops, tours: vec![tour], legs: legs.into(), ..ProblemSpec::default() });
        OFFERED.with(|offered| offered.set(0));
        assert!(places(&problem.unwrap(), TourIx(0), &reload, &sequence).is_some());
        OFFERED.with(Cell::get)
    }

    /// The work grows with the stops and not with the depots: of many depots few are worth a call between two stops.
    #[test]
    fn many_depots_are_hardly_more_work_than_one() {
        let (one, eight, long) = (offered(24, 1), offered(24, 8), offered(48, 8));
        println!("{one} {eight} {long}");
        assert!(eight <= 8 * one, "{eight} labels with eight depots, {one} with one");
        assert!(long <= 4 * eight, "{long} labels for twice as many stops, {eight} before");
    }
}

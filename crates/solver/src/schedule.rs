//! One tour driven stop by stop: exact times, loads, pauses and cost. Every verdict of the search must agree with this.

use crate::goods::Goods;
use crate::index::{NodeIx, StopIx, TourIx};
use crate::pauses::{Gap, place, through};
use crate::problem::{Pause, Problem, Rank, ReloadPlace, Role, TourSpec, span_price};
use crate::rules::battery::{self, Charge};
use crate::rules::day::{self, Day, TakenPause};
use crate::rules::doors::Parked;
use crate::rules::driving_time::{self, DrivingBreak, Point};
use crate::rules::relations::Order;
use crate::rules::reload;
use crate::rules::soft_window;
use crate::rules::trips::Trip;

pub(crate) mod docks;
pub(crate) mod room;

/// Exact times of one stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timed {
    /// The vehicle leaves for here.
    pub leave: i32,
    /// Time of pauses taken before leaving, or on the way.
    pub pause: i32,
    /// How many these are.
    pub pauses: u32,
    /// It is there.
    pub arrival: i32,
    /// Service starts.
    pub start: i32,
    /// Service is done.
    pub departure: i32,
    /// Length of the leg, metres.
    pub metres: i32,
    /// Where and when the vehicle has reloaded since the stop before; the leg then begins there.
    pub reloaded: Option<Reloaded>,
    /// Where and when the vehicle was charged since the stop before; the leg then begins there.
    pub charged: Option<Charged>,
    /// Time of walking: from door to door to this stop, or back to the vehicle before it leaves.
    pub walked: i32,
    /// The stop is served on foot: the vehicle stays where it is.
    pub on_foot: bool,
}

/// A stop at a charging station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The vehicle is there.
    pub arrival: i32,
    /// It leaves for the next place.
    pub leave: i32,
    /// Where.
    pub node: NodeIx,
    /// What is put into the battery, millionths.
    pub amount: i64,
}

/// A reload on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The vehicle is there.
    pub arrival: i32,
    /// It leaves for the next stop.
    pub leave: i32,
    /// Where.
    pub node: NodeIx,
    /// Time of driving there.
    pub travel: i32,
    /// Length of the leg there.
    pub metres: i32,
}

/// What driving a sequence comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Driven {
    /// Prices of everything: legs, fixed, lateness, flow, changes.
    pub(crate) cost: i64,
    /// Sum of lateness beyond what the search aims at; 0 when every stop keeps its aim.
    pub(crate) late: i64,
    /// When the vehicle is at its end.
    pub(crate) end: i32,
    /// Time of driving.
    pub(crate) travel: i64,
}

/// Why a sequence cannot be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Infeasible {
    /// Load, skill, lock, most stops, order of a shipment.
    Rules,
    /// The shift ends first, a pause cannot be taken, the way is too long, or a leg cannot be driven.
    Shift,
    /// Its price reached the limit on the way.
    Dear,
}

/// Drives a sequence, until its price reaches `limit`. Lateness beyond `due` is priced.
#[expect(clippy::needless_pass_by_value, reason = "callers make the iterator for this call")]
pub(crate) fn drive(
    problem: &Problem,
    tour: TourIx,
    sequence: impl Iterator<Item = StopIx> + Clone,
    limit: i64,
    visit: impl FnMut(StopIx, Timed),
) -> Result<Driven, Infeasible> {
    drive_home(problem, tour, &sequence, limit, visit).map(|(driven, _)| driven)
}

/// The same, and how it comes home: [`Timed::start`] is when the vehicle is there.
fn drive_home(
    problem: &Problem,
    tour: TourIx,
    sequence: &(impl Iterator<Item = StopIx> + Clone),
    limit: i64,
    mut visit: impl FnMut(StopIx, Timed),
) -> Result<(Driven, Timed), Infeasible> {
    let start = start_of_duty(problem, tour, sequence, &[])?;
    drive_from(problem, tour, (start, &[]), sequence, limit, &mut visit)
}

/// The same as [`drive`] where work at a stop does not begin before `holds` says, by position; behind its end nothing is held.
fn drive_held(
    problem: &Problem,
    tour: TourIx,
    sequence: &(impl Iterator<Item = StopIx> + Clone),
    holds: &[i32],
    mut visit: impl FnMut(StopIx, Timed),
) -> Result<Driven, Infeasible> {
    let start = start_of_duty(problem, tour, sequence, holds)?;
    drive_from(problem, tour, (start, holds), sequence, i64::MAX, &mut visit).map(|(driven, _)| driven)
}

/// When a vehicle leaves: as early as it can, or, where its driver's day would be too long, as late as nothing else becomes later.
fn start_of_duty(
    problem: &Problem,
    tour: TourIx,
    sequence: &(impl Iterator<Item = StopIx> + Clone),
    holds: &[i32],
) -> Result<i32, Infeasible> {
    let spec = &problem.tours()[tour.index()];
    let Some(day) = spec.driving_time.filter(|day| day.duty_max < i32::MAX) else { return Ok(spec.start_at) };
    let end = |start: i32| {
        let driven = drive_from(problem, tour, (start, holds), sequence, i64::MAX, &mut |_, _| {});
        driven.map(|(driven, home)| (driven.cost, home.arrival))
    };
    let earliest = end(spec.start_at)?;
    let is_kept = |start: i32| earliest.1.saturating_sub(start) <= day.duty_max;
    if is_kept(spec.start_at) {
        return Ok(spec.start_at);
    }
    let same = last_start(problem, tour, sequence, (spec.start_at, holds))?;
    if is_kept(same) { Ok(same) } else { Err(Infeasible::Shift) }
}

/// The latest start at which the tour costs what it does from `starts` on, ends then, and is at docks when it was.
fn last_start(
    problem: &Problem,
    tour: TourIx,
    sequence: &(impl Iterator<Item = StopIx> + Clone),
    (starts, holds): (i32, &[i32]),
) -> Result<i32, Infeasible> {
    let end = |start: i32| {
        let mut at_docks = Vec::new();
        let driven = drive_from(problem, tour, (start, holds), sequence, i64::MAX, &mut |stop, timed| {
            if problem.dock_of(stop).is_some() {
                at_docks.push(timed.start);
            }
        });
        driven.map(|(driven, home)| (driven.cost, home.arrival, at_docks))
    };
    let earliest = end(starts)?;
    // Whoever leaves later waits less, until the end becomes later.
    let (mut same, mut later) = (starts, earliest.1);
    while same + 1 < later {
        let middle = same + (later - same) / 2;
        if end(middle).as_ref() == Ok(&earliest) { same = middle } else { later = middle }
    }
    Ok(same)
}

/// What only some tours have: where they reload, when they wait, which breaks driving times ask for.
#[derive(Default)]
struct Extras {
    /// By stop: the place at which the vehicle reloads on the way there.
    reloads: Vec<Option<usize>>,
    /// By stop: not to be begun before.
    waits: Vec<i32>,
    breaks: Vec<DrivingBreak>,
    /// By stop, and for the way to the end: where the vehicle is charged.
    charges: Vec<Option<Charge>>,
    /// Where several of these meet, with pauses or with each other: the whole day.
    day: Option<Day>,
}

impl Extras {
    /// `None` if there are none. The error: there is no way to divide the tour, to charge it for legs that cost less than `limit`, or to
    /// take its breaks.
    fn of(
        problem: &Problem,
        tour: TourIx,
        (start, holds): (i32, &[i32]),
        sequence: &(impl Iterator<Item = StopIx> + Clone),
        gaps: Option<&Vec<usize>>,
        limit: i64,
    ) -> Result<Option<Self>, Infeasible> {
        let spec = &problem.tours()[tour.index()];
        let is_soft = |stop: StopIx| problem.stops()[stop.index()].soft.is_some();
        let has_soft = problem.is_odd() && sequence.clone().any(is_soft);
        let is_bare = !has_soft && spec.reload.is_none() && spec.driving_time.is_none() && spec.battery.is_none();
        if is_bare && (spec.pauses.is_empty() || !day::is_mixed(problem, tour, sequence.clone())) {
            return Ok(None);
        }
        let stops: Vec<StopIx> = sequence.clone().collect();
        let mut extras = Self::default();
        if day::is_mixed(problem, tour, sequence.clone()) {
            if let Some(battery) = &spec.battery {
                let start = start.max(reload::trip_ready(problem, stops.iter().copied()));
                let found = battery::charges(problem, tour, battery, start, &stops, limit);
                extras.charges = found.ok_or(Infeasible::Shift)?;
            }
            let station = |position: usize| extras.charge_before(spec, position).map(|(node, time, _)| (node, time));
            let stations: Vec<day::Station> = (0..extras.charges.len()).map(station).collect();
            let found = day::plan(problem, tour, &stops, (start, holds), &stations);
            let mut day = found.ok_or(Infeasible::Shift)?;
            extras.reloads = std::mem::take(&mut day.reloads);
            extras.breaks = std::mem::take(&mut day.breaks);
            extras.day = Some(day);
            return Ok(Some(extras));
        }
        if let Some(reload) = &spec.reload {
            extras.reloads = reload::places(problem, tour, reload, &stops).ok_or(Infeasible::Rules)?;
        }
        if has_soft {
            extras.waits = soft_window::waits(problem, tour, &stops);
        }
        if let Some(battery) = &spec.battery {
            let start = start.max(reload::trip_ready(problem, stops.iter().copied()));
            let found = battery::charges(problem, tour, battery, start, &stops, limit);
            extras.charges = found.ok_or(Infeasible::Shift)?;
        }
        if let Some(day) = spec.driving_time {
            let mut paused = 0;
            let mut pauses_at = |position: usize| {
                let before = paused;
                paused += gaps.map_or(0, |gaps| gaps[position]);
                &spec.pauses[before..paused]
            };
            let ready = |from: usize| {
                let trip = &stops[from..extras.trip_end(from, stops.len())];
                reload::trip_ready(problem, trip.iter().copied())
            };
            let start = if extras.reload_before(spec, 0).is_some() { start } else { start.max(ready(0)) };
            let mut points: Vec<(Point, &[Pause])> = Vec::with_capacity(stops.len() + 1);
            for (position, &stop) in stops.iter().enumerate() {
                let mut pauses = pauses_at(position);
                if let Some(place) = extras.reload_before(spec, position) {
                    let (node, service) = (place.node, place.service);
                    points.push((Point::Reload { node, service, ready: ready(position) }, pauses));
                    pauses = &[];
                }
                points.push((Point::Stop(stop), pauses));
            }
            points.push((Point::End, pauses_at(stops.len())));
            let with = |waits: &[i32]| driving_time::driving_breaks(problem, tour, day, &points, (start, waits));
            let mut begins = extras.waits.clone();
            begins.resize(begins.len().max(holds.len()), i32::MIN);
            begins.iter_mut().zip(holds).for_each(|(begin, &hold)| *begin = hold.max(*begin));
            let found = match with(&begins) {
                // Breaks leave no time to wait for what is preferred.
                None if has_soft => with(holds).inspect(|_| extras.waits.clear()),
                found => found,
            };
            drop(points);
            extras.breaks = found.ok_or(Infeasible::Shift)?;
        }
        Ok(Some(extras))
    }

    fn reload_before<'s>(&self, spec: &'s TourSpec, position: usize) -> Option<&'s ReloadPlace> {
        let place = self.reloads.get(position).copied().flatten()?;
        spec.reload.as_ref().map(|reload| &reload.places[place])
    }

    /// Where the vehicle is charged on the way to a stop or to the end: the node, how long that takes, and what is put in.
    fn charge_before(&self, spec: &TourSpec, position: usize) -> Option<(NodeIx, i32, i64)> {
        let charge = self.charges.get(position).copied().flatten()?;
        let station = spec.battery.as_ref()?.stations[charge.station];
        Some((station.node, station.setup.saturating_add(station.time(charge.amount)), charge.amount))
    }

    /// How many stops are served when the trip that begins before a stop is over; `count`: all of the tour.
    fn trip_end(&self, from: usize, count: usize) -> usize {
        let reloads = |&stop: &usize| self.reloads.get(stop).is_some_and(Option::is_some);
        (from + 1..count).find(reloads).unwrap_or(count)
    }

    /// The way to a stop or to the end, or to where the vehicle reloads or is charged before; `None`: it has to be driven.
    fn gap(&self, position: usize, is_detour: bool) -> Option<Gap> {
        let day = self.day.as_ref()?;
        if is_detour { day.detours[position] } else { day.legs[position] }
    }

    /// Time of the breaks on the way to a stop, or to the place where the vehicle reloads before it, which are not part of a gap.
    fn break_time(&self, position: usize, to_reload: bool) -> i32 {
        if self.day.is_some() {
            return 0;
        }
        let own = self.breaks.iter().filter(|own| own.before == position && own.to_reload == to_reload);
        own.map(|own| own.duration).sum()
    }
}

/// Drives a sequence from this instant on. By position, work does not begin before `holds` says.
fn drive_from(
    problem: &Problem,
    tour: TourIx,
    (starts, holds): (i32, &[i32]),
    sequence: &(impl Iterator<Item = StopIx> + Clone),
    limit: i64,
    visit: &mut impl FnMut(StopIx, Timed),
) -> Result<(Driven, Timed), Infeasible> {
    let spec = &problem.tours()[tour.index()];
    let weights = problem.weights();
    let mut goods = Goods::on_board(spec);
    let mut count = 0;
    let mut order = Order::default();
    let is_ordered = problem.relations().are_ordered();
    let mut last_at = None;
    for stop in sequence.clone() {
        if !problem.allows(tour, stop) || (is_ordered && !order.allows(problem, stop)) {
            return Err(Infeasible::Rules);
        }
        let position = count as usize;
        count += 1;
        let stop = &problem.stops()[stop.index()];
        match stop.rank {
            Some(Rank::First) if position > 0 => return Err(Infeasible::Rules),
            Some(Rank::Last) => last_at = last_at.or(Some(position)),
            Some(Rank::First) | None => {}
        }
        if stop.is_loaded_for_trip() && spec.reload.is_none() {
            goods.load(stop);
        }
    }
    let is_last = last_at.is_none_or(|position| Rank::Last.allows(position, count as usize));
    if count > spec.stops_max || !is_last || !goods.fit(spec) {
        return Err(Infeasible::Rules);
    }
    if count == 0 {
        return Ok((Driven { cost: 0, late: 0, end: spec.start_at, travel: 0 }, Timed::default()));
    }
    let mut driven = Driven { cost: if spec.in_use { 0 } else { spec.fixed }, late: 0, end: 0, travel: 0 };
    let is_placed = spec.pauses.is_empty() || day::is_mixed(problem, tour, sequence.clone());
    let mut gaps = if is_placed {
        None
    } else {
        Some(place(problem, tour, sequence.clone(), goods.clone(), holds).ok_or(Infeasible::Shift)?)
    };
    if limit < i64::MAX && spec.battery.is_some() {
        // Stations are only looked for where the way without them is not too dear already.
        let stops: Vec<StopIx> = sequence.clone().collect();
        if driven.cost.saturating_add(battery::price_of_legs(problem, tour, &stops)) >= limit {
            return Err(Infeasible::Dear);
        }
    }
    let left = if limit < i64::MAX { limit.saturating_sub(driven.cost) } else { limit };
    let extras = Extras::of(problem, tour, (starts, holds), sequence, gaps.as_ref(), left)?;
    let day = extras.as_ref().and_then(|extras| extras.day.as_ref());
    if let Some(day) = day {
        gaps = Some((0..=count as usize).map(|position| day.pauses_before(position)).collect());
    }
    let gap_of = |position: usize, is_detour: bool| extras.as_ref().and_then(|extras| extras.gap(position, is_detour));
    let trip = |from: usize| {
        let end = extras.as_ref().map_or(count as usize, |extras| extras.trip_end(from, count as usize));
        sequence.clone().take(end).skip(from)
    };
    let load_trip = |from: usize, goods: &mut Goods| {
        let stops = trip(from).map(|stop| &problem.stops()[stop.index()]);
        stops.filter(|stop| stop.is_loaded_for_trip()).for_each(|stop| goods.load(stop));
    };
    // They stay on board where the tour reloads.
    let mut shipped = Goods::on_board(spec);
    // A tour that begins on a trip may reload before its first stop.
    let reloads_first = extras.as_ref().is_some_and(|extras| extras.reload_before(spec, 0).is_some());
    if spec.reload.is_some() && !reloads_first {
        load_trip(0, &mut goods);
        if !goods.fit(spec) {
            return Err(Infeasible::Rules);
        }
    }
    let is_loaded = problem.is_odd() && !reloads_first;
    let ready = if is_loaded { reload::trip_ready(problem, trip(0)) } else { starts };
    let (mut now, mut node) = (starts.max(ready), spec.start_node);
    let mut paused = 0;
    let mut pauses_at = |position: usize| {
        let before = paused;
        paused += gaps.as_ref().map_or(0, |gaps| gaps[position]);
        &spec.pauses[before..paused]
    };
    let mut stack: Vec<StopIx> = Vec::new();
    let mut trip_under_way = Trip::at_start(spec, sequence.clone().map(|stop| &problem.stops()[stop.index()]));
    let mut overtime = false;
    let (mut travel, mut metres) = (0i64, 0i64);
    let mut parked = Parked::at_start(problem, tour);
    for (position, index) in sequence.clone().enumerate() {
        let stop = &problem.stops()[index.index()];
        let mut pauses = pauses_at(position);
        let count_of_pauses = pauses.len() as u32;
        let mut reloaded = None;
        let mut paused_before = 0;
        if let Some(place) = extras.as_ref().and_then(|extras| extras.reload_before(spec, position)) {
            let gap = gap_of(position, true).or_else(|| through(problem, tour, (node, place.node), now, pauses));
            let gap = gap.ok_or(Infeasible::Shift)?;
            let rested = extras.as_ref().map_or(0, |extras| extras.break_time(position, true));
            let arrival = gap.arrival.saturating_add(rested);
            travel += i64::from(gap.travel);
            if spec.metres_max < i64::MAX {
                metres += i64::from(problem.legs().length_in(spec.table, node, place.node));
            }
            driven.cost += i64::from(gap.cost);
            goods = shipped.clone();
            load_trip(position, &mut goods);
            if !goods.fit(spec) {
                return Err(Infeasible::Rules);
            }
            let leave = arrival.saturating_add(place.service).max(reload::trip_ready(problem, trip(position)));
            let (_, length) = problem.legs().leaving(node, place.node, gap.leave, (spec.table, 1000));
            reloaded = Some(Reloaded { arrival, leave, node: place.node, travel: gap.travel, metres: length });
            (now, node, pauses, paused_before) = (leave, place.node, &[], gap.paused);
        }
        let mut charged = None;
        if let Some((station, time, amount)) = extras.as_ref().and_then(|extras| extras.charge_before(spec, position)) {
            let gap = gap_of(position, true).or_else(|| through(problem, tour, (node, station), now, pauses));
            let gap = gap.ok_or(Infeasible::Shift)?;
            travel += i64::from(gap.travel);
            if spec.metres_max < i64::MAX {
                metres += i64::from(problem.legs().length_in(spec.table, node, station));
            }
            driven.cost += i64::from(gap.cost);
            let leave = gap.arrival.saturating_add(time);
            charged = Some(Charged { arrival: gap.arrival, leave, node: station, amount });
            (now, node, pauses, paused_before) = (leave, station, &[], gap.paused);
        }
        let on_foot = parked.walk_to(stop.node);
        let walked = on_foot.unwrap_or_else(|| {
            let (time, vehicle) = parked.walk_back(node);
            parked.park(stop.node);
            node = vehicle;
            time
        });
        let (from, to) = if on_foot.is_some() { (stop.node, NodeIx::NONE) } else { (node, stop.node) };
        let free = now.saturating_add(walked);
        let gap = gap_of(position, false).or_else(|| through(problem, tour, (from, to), free, pauses));
        let mut gap = gap.ok_or(Infeasible::Shift)?;
        node = from;
        let rested = extras.as_ref().map_or(0, |extras| extras.break_time(position, false));
        gap.arrival = gap.arrival.saturating_add(rested);
        let (service, setup) = problem.times_at(tour, node, index);
        let wait = extras.as_ref().and_then(|extras| extras.waits.get(position)).copied();
        let ready = wait.map_or(gap.arrival, |wait| {
            gap.arrival.max(wait.saturating_sub(if weights.setup_in_window { 0 } else { setup }))
        });
        let ready = holds.get(position).map_or(ready, |&hold| ready.max(hold));
        let ready = day.map_or(ready, |day| day.ready[position].max(ready));
        let (action, start) = problem.start_of(index, ready, setup);
        let departure = start.saturating_add(service);
        let shift_end = problem.shift_end(tour, index);
        if start > shift_end || (weights.hard && action > stop.due) {
            return Err(Infeasible::Shift);
        }
        overtime |= departure > spec.end_by && shift_end > spec.end_by;
        let length = match on_foot {
            None => problem.legs().leaving(node, stop.node, gap.leave, (spec.table, 1000)).1,
            Some(_) => 0,
        };
        visit(
            index,
            Timed {
                leave: gap.leave,
                pause: gap.paused + paused_before,
                pauses: count_of_pauses,
                arrival: gap.arrival,
                start,
                departure,
                metres: length,
                reloaded,
                charged,
                walked,
                on_foot: on_foot.is_some(),
            },
        );
        travel += i64::from(gap.travel);
        if spec.metres_max < i64::MAX && on_foot.is_none() {
            metres += i64::from(problem.legs().length_in(spec.table, node, stop.node));
        }
        driven.cost += i64::from(gap.cost) + problem.change_cost(tour, index);
        driven.cost += span_price(walked, 0, spec.per_task_hour);
        driven.cost += span_price(action, stop.due, weights.late_per_hour);
        driven.cost += span_price(setup.saturating_add(service), 0, spec.per_task_hour);
        driven.cost += stop.soft.map_or(0, |soft| soft.price(action));
        if weights.flow_per_hour > 0 && stop.role != Role::Pickup {
            driven.cost += span_price(departure, stop.placed, weights.flow_per_hour);
        }
        if driven.cost >= limit {
            return Err(Infeasible::Dear); // every further leg only adds
        }
        driven.late += i64::from((action - problem.closes(index)).max(0));
        goods.serve(stop);
        if spec.reload.is_some() && stop.stays_on_board() {
            shipped.serve(stop);
        }
        if trip_under_way.as_mut().is_some_and(|trip| !trip.serves(stop)) {
            return Err(Infeasible::Rules);
        }
        match stop.role {
            Role::JobDelivery | Role::JobPickup => {}
            Role::Pickup => stack.push(stop.mate),
            Role::Delivery if stop.mate == StopIx::NONE => {
                // On board before anything picked up here: last out.
                if spec.lifo && !stack.is_empty() {
                    return Err(Infeasible::Rules);
                }
            }
            Role::Delivery => match stack.iter().rposition(|&open| open == index) {
                Some(at) if (!spec.lifo || at + 1 == stack.len()) && (!spec.fifo || at == 0) => {
                    stack.remove(at);
                }
                _ => return Err(Infeasible::Rules),
            },
        }
        if !goods.fit(spec) {
            return Err(Infeasible::Rules);
        }
        now = departure;
        node = stop.node;
    }
    if !stack.is_empty() {
        return Err(Infeasible::Rules);
    }
    let (walked, vehicle) = parked.walk_back(node);
    (now, node) = (now.saturating_add(walked), vehicle);
    driven.cost += span_price(walked, 0, spec.per_task_hour);
    let mut pauses = pauses_at(count as usize);
    let count_of_pauses = pauses.len() as u32;
    let (mut charged, mut paused_before) = (None, 0);
    if let Some((station, time, amount)) = extras.as_ref().and_then(|own| own.charge_before(spec, count as usize)) {
        let gap = gap_of(count as usize, true).or_else(|| through(problem, tour, (node, station), now, pauses));
        let gap = gap.ok_or(Infeasible::Shift)?;
        travel += i64::from(gap.travel);
        if spec.metres_max < i64::MAX {
            metres += i64::from(problem.legs().length_in(spec.table, node, station));
        }
        driven.cost += i64::from(gap.cost);
        let leave = gap.arrival.saturating_add(time);
        charged = Some(Charged { arrival: gap.arrival, leave, node: station, amount });
        (now, node, pauses, paused_before) = (leave, station, &[], gap.paused);
    }
    let home = gap_of(count as usize, false).or_else(|| through(problem, tour, (node, spec.end_node), now, pauses));
    let mut home = home.ok_or(Infeasible::Shift)?;
    let rested = extras.as_ref().map_or(0, |extras| extras.break_time(count as usize, false));
    home.arrival = home.arrival.saturating_add(rested);
    travel += i64::from(home.travel);
    if spec.end_node != NodeIx::NONE && spec.metres_max < i64::MAX {
        metres += i64::from(problem.legs().length_in(spec.table, node, spec.end_node));
    }
    if (!overtime && home.arrival > spec.end_by) || travel > i64::from(spec.travel_max) || metres > spec.metres_max {
        return Err(Infeasible::Shift);
    }
    driven.cost += i64::from(home.cost);
    (driven.end, driven.travel) = (home.arrival, travel);
    let back = Timed {
        leave: home.leave,
        pause: home.paused + paused_before,
        pauses: count_of_pauses,
        arrival: home.arrival,
        start: home.arrival,
        departure: home.arrival,
        metres: if spec.end_node == NodeIx::NONE {
            0
        } else {
            problem.legs().leaving(node, spec.end_node, home.leave, (spec.table, 1000)).1
        },
        reloaded: None,
        charged,
        walked,
        on_foot: false,
    };
    Ok((driven, back))
}

/// What a driver rests on a tour: the breaks that driving times ask for, and, where several rules meet, his own pauses.
#[derive(Clone, Debug, Default)]
pub struct Rests {
    /// The breaks that driving times ask for.
    pub breaks: Vec<DrivingBreak>,
    /// His own pauses; `None`: they are taken as early as they can be ([`Timed::pauses`]).
    pub pauses: Option<Vec<TakenPause>>,
    /// When the vehicle leaves its start, where his pauses are told.
    pub leaves: i32,
}

/// The breaks that driving times ask for on a tour; none where it cannot be driven.
pub fn driving_breaks(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Vec<DrivingBreak> {
    rests_held(problem, tour, sequence, &[]).breaks
}

/// What a driver rests where work does not begin before `holds` says, see [`schedule_held`]; nothing where the tour cannot be driven.
pub(crate) fn rests_held(problem: &Problem, tour: TourIx, sequence: &[StopIx], holds: &[i32]) -> Rests {
    let starts = start_of_duty(problem, tour, &sequence.iter().copied(), holds);
    starts.map_or(Rests::default(), |start| rests_from(problem, tour, sequence, (start, holds)))
}

fn rests_from(problem: &Problem, tour: TourIx, sequence: &[StopIx], (start, holds): (i32, &[i32])) -> Rests {
    let spec = &problem.tours()[tour.index()];
    let stops = || sequence.iter().copied();
    let is_mixed = day::is_mixed(problem, tour, stops());
    if sequence.is_empty() || (spec.driving_time.is_none() && !is_mixed) {
        return Rests::default();
    }
    let gaps = if spec.pauses.is_empty() || is_mixed {
        None
    } else {
        let mut goods = Goods::on_board(spec);
        let delivered = stops().map(|stop| &problem.stops()[stop.index()]);
        delivered.filter(|stop| stop.is_loaded_for_trip()).for_each(|stop| goods.load(stop));
        place(problem, tour, stops(), goods, holds)
    };
    let extras = Extras::of(problem, tour, (start, holds), &stops(), gaps.as_ref(), i64::MAX);
    extras.ok().flatten().map_or(Rests::default(), |extras| Rests {
        breaks: extras.breaks,
        leaves: extras.day.as_ref().map_or(0, |day| day.leaves),
        pauses: extras.day.map(|day| day.pauses),
    })
}

/// Exact times of every stop of a sequence, in order; `None` when it breaks a rule or the shift.
pub fn schedule(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<Vec<Timed>> {
    schedule_home(problem, tour, sequence).map(|(times, _)| times)
}

/// The same, and how the vehicle comes home behind the last stop: [`Timed::arrival`] is when it is there, every pause taken.
pub fn schedule_home(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<(Vec<Timed>, Timed)> {
    schedule_held(problem, tour, sequence, &[])
}

/// The same where work at a stop does not begin before `holds` says, by position: see [`docks::holds`].
pub fn schedule_held(
    problem: &Problem,
    tour: TourIx,
    sequence: &[StopIx],
    holds: &[i32],
) -> Option<(Vec<Timed>, Timed)> {
    let stops = || sequence.iter().copied();
    let start = start_of_duty(problem, tour, &stops(), holds).ok()?;
    let mut times = Vec::with_capacity(sequence.len());
    let driven = drive_from(problem, tour, (start, holds), &stops(), i64::MAX, &mut |_, timed| times.push(timed));
    driven.ok().map(|(_, home)| (times, home))
}

/// A tour that leaves late, see [`schedule_late`].
#[derive(Clone, Debug)]
pub struct Late {
    /// When the vehicle leaves its start.
    pub start: i32,
    /// As [`schedule`] has them.
    pub times: Vec<Timed>,
    /// How it comes home, as [`schedule_home`] has it.
    pub home: Timed,
    /// What the driver rests.
    pub rests: Rests,
}

/// What a tour asks of its driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    /// Time of driving, the way home included.
    pub driving: i64,
    /// From leaving the start to the end, if he leaves as late as the tour costs no more and ends no later.
    pub duty: i32,
}

/// The hours of a sequence; `None` when it breaks a rule or the shift.
pub fn hours(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<Hours> {
    if sequence.is_empty() {
        return Some(Hours::default());
    }
    let stops = || sequence.iter().copied();
    let earliest = start_of_duty(problem, tour, &stops(), &[]).ok()?;
    let driven = drive_from(problem, tour, (earliest, &[]), &stops(), i64::MAX, &mut |_, _| {});
    let (driven, home) = driven.ok()?;
    let latest = last_start(problem, tour, &stops(), (earliest, &[])).ok()?;
    Some(Hours { driving: driven.travel, duty: home.arrival.saturating_sub(latest) })
}

/// The times of a sequence if the vehicle leaves as late as it can without a higher price or a later end; `None` when it breaks a rule or
/// the shift. Work does not begin before `holds` says, by position ([`docks::holds`]), and at docks not later either.
pub fn schedule_late(problem: &Problem, tour: TourIx, sequence: &[StopIx], holds: &[i32]) -> Option<Late> {
    let stops = || sequence.iter().copied();
    let earliest = start_of_duty(problem, tour, &stops(), holds).ok()?;
    let start = last_start(problem, tour, &stops(), (earliest, holds)).ok()?;
    let mut times = Vec::with_capacity(sequence.len());
    let driven = drive_from(problem, tour, (start, holds), &stops(), i64::MAX, &mut |_, timed| times.push(timed));
    let (_, home) = driven.ok()?;
    Some(Late { start, times, home, rests: rests_from(problem, tour, sequence, (start, holds)) })
}

/// What driving a sequence costs, in millionths; `None` when it breaks a rule or the shift.
pub fn price(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<i64> {
    drive(problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).ok().map(|driven| driven.cost)
}

//! Why a tour does not serve a unit that is left out, and by how much: found by driving the tour with the unit at every position and
//! counting what breaks, so that what is said can be recomputed.

use std::cell::OnceCell;

use crate::goods::Goods;
use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Problem, Role, TourSpec, UNREACHABLE};
use crate::rules::battery::used_in_all;
use crate::rules::doors::Parked;
use crate::rules::relations::may_join;
use crate::rules::reload::trip_ready;
use crate::schedule::docks::holds;
use crate::schedule::drive;
use crate::schedule::room::{Finish, finish_without_end};

/// What keeps a unit off a tour. Times are in units of the problem, lengths in metres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// Nothing does: at this place of the plan the tour could take it. It is left out because that costs more than leaving it out.
    Price,
    /// It must be served by another tour, or must not be by this one.
    Pinned,
    /// The vehicle lacks a skill.
    Skills,
    /// The tour has as many stops as it may have: so many too many.
    Stops(u32),
    /// Too much would be on board: the dimension of load, and by how much.
    Load(usize, i64),
    /// The vehicle may reload, and holds each stop of the tour alone; but so often, or so quickly, it cannot reload on the way.
    Reload,
    /// A stop would not be at the only position in the tour that it may have.
    Position,
    /// Service there would begin after its last window, by so much.
    Late(i64),
    /// Another stop of the tour would be late then, by so much.
    OtherLate(i64),
    /// Service would not be over within the shift, by so much.
    Shift(i64),
    /// All would be served within the shift, and the vehicle would be home too late, by so much.
    Home(i64),
    /// It would drive too long, by so much.
    Travel(i64),
    /// Its way would be too long, by so much.
    Way(i64),
    /// A pause could not be taken in time.
    Pauses,
    /// Goods would have to be unloaded out of order, or stops served out of order.
    Order,
    /// What holds between it and other stops of the plan forbids it.
    Related,
    /// Too many vehicles would be at a dock at a time, whichever of them waited.
    Dock,
    /// The battery would run out: in a day that could be driven otherwise so much more, in whole units of energy, would be taken than is
    /// in it, and no station on the way makes up for it in time.
    Range(i64),
    /// The driver could not keep his driving times.
    DrivingTime,
    /// There is no way there, or from there.
    Unreachable,
}

/// What keeps a unit (a job, a pickup with its delivery, a delivery of goods on board) off each tour of a plan that does not serve it,
/// in the order of the tours. Of all positions the one is told that breaks fewest rules, and of those the one that breaks them least.
pub fn obstacles(problem: &Problem, tours: &[Vec<StopIx>], unit: StopIx) -> Vec<Obstacle> {
    TourIx::all().zip(tours).map(|(tour, sequence)| obstacle(problem, tours, (tour, sequence), unit)).collect()
}

/// The same for one tour and its stops.
pub(crate) fn obstacle(
    problem: &Problem,
    tours: &[Vec<StopIx>],
    (tour, sequence): (TourIx, &[StopIx]),
    unit: StopIx,
) -> Obstacle {
    let stop = &problem.stops()[unit.index()];
    let spec = &problem.tours()[tour.index()];
    let mate = if stop.role == Role::Pickup { stop.mate } else { StopIx::NONE };
    for one in [unit, mate].into_iter().filter(|&one| one != StopIx::NONE) {
        let its = &problem.stops()[one.index()];
        if its.needs & !spec.has != 0 {
            return Obstacle::Skills;
        }
        if !problem.allows(tour, one) {
            return Obstacle::Pinned;
        }
    }
    if !may_join(problem, tours, unit, tour) {
        return Obstacle::Related;
    }
    // What the unit would be alone says more than what the others on the tour make of it.
    let own = 1 + u32::from(mate != StopIx::NONE);
    let count = if own > spec.stops_max { own } else { sequence.len() as u32 + own };
    if count > spec.stops_max {
        return Obstacle::Stops(count - spec.stops_max);
    }
    let unruled = Unruled { problem, tour, without: OnceCell::new() };
    let mut best: Option<Broken> = None;
    let mut with = sequence.to_vec();
    for at in 0..=sequence.len() {
        with.insert(at, unit);
        let ends = if mate == StopIx::NONE { at + 1..at + 2 } else { at + 1..sequence.len() + 2 };
        for end in ends {
            if mate != StopIx::NONE {
                with.insert(end, mate);
            }
            match broken(problem, tour, &with, (unit, &unruled)) {
                None if !keeps_docks(problem, tours, tour, &with) => {
                    best = Some(Broken { kinds: 1, sum: 0, what: Obstacle::Dock });
                }
                None => return Obstacle::Price,
                Some(found) => {
                    if best.is_none_or(|known| (found.kinds, found.sum) < (known.kinds, known.sum)) {
                        best = Some(found);
                    }
                }
            }
            if mate != StopIx::NONE {
                with.remove(end);
            }
        }
        with.remove(at);
    }
    let alone: Vec<StopIx> = std::iter::once(unit).chain(mate.get()).collect();
    broken(problem, tour, &alone, (unit, &unruled)).or(best).map_or(Obstacle::Unreachable, |found| found.what)
}

/// True if it is known how a plan in which a tour has this sequence could keep docks.
fn keeps_docks(problem: &Problem, tours: &[Vec<StopIx>], tour: TourIx, sequence: &[StopIx]) -> bool {
    if !problem.has_docks() {
        return true;
    }
    let mut tours = tours.to_vec();
    tours[tour.index()] = sequence.to_vec();
    holds(problem, &tours).is_some()
}

/// The problem without the driving times of a tour, made when it is first asked for.
struct Unruled<'p> {
    problem: &'p Problem,
    tour: TourIx,
    without: OnceCell<Option<Problem>>,
}

impl Unruled<'_> {
    /// True where a sequence that cannot be driven could be, if there were no rule of driving times.
    fn can_be_driven(&self, sequence: &[StopIx]) -> bool {
        let without = self.without.get_or_init(|| {
            let mut spec = self.problem.spec().clone();
            spec.tours[self.tour.index()].driving_time.take()?;
            Problem::new(spec).ok()
        });
        let drives =
            |problem: &Problem| drive(problem, self.tour, sequence.iter().copied(), i64::MAX, |_, _| {}).is_ok();
        without.as_ref().is_some_and(drives)
    }
}

/// What a sequence breaks.
#[derive(Clone, Copy)]
struct Broken {
    /// How many rules of different kinds.
    kinds: u32,
    /// By how much in all, whatever the units: it only orders positions.
    sum: i64,
    /// The first of them, in the order in which they are met.
    what: Obstacle,
}

/// Drives a sequence to its end whatever it breaks. `None`: nothing.
fn broken(
    problem: &Problem,
    tour: TourIx,
    sequence: &[StopIx],
    (unit, unruled): (StopIx, &Unruled<'_>),
) -> Option<Broken> {
    if drive(problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).is_ok() {
        return None;
    }
    let spec: &TourSpec = &problem.tours()[tour.index()];
    let mut met = Met::default();
    let mut goods = Goods::on_board(spec);
    let stops = problem.stops();
    for stop in sequence.iter().map(|stop| &stops[stop.index()]).filter(|stop| stop.is_loaded_for_trip()) {
        goods.load(stop);
    }
    let reloads = spec.reload.as_ref().is_some_and(|reload| reload.times_max > 0);
    let too_full = |goods: &Goods, met: &mut Met| {
        if let Some((dimension, over)) = goods.over(spec) {
            met.add(Obstacle::Load(dimension, over), over);
        }
    };
    let room = |goods: &Goods, met: &mut Met| {
        // Where it reloads, not everything is on board at once.
        if !reloads {
            too_full(goods, met);
        }
    };
    room(&goods, &mut met);
    if reloads {
        for stop in sequence.iter().map(|stop| &stops[stop.index()]).filter(|stop| stop.is_loaded_for_trip()) {
            // What else is on board may leave it before that trip.
            let mut alone = Goods::none();
            alone.load(stop);
            too_full(&alone, &mut met);
            alone.serve(stop);
            too_full(&alone, &mut met);
        }
    }
    let is_at = |(position, stop): (usize, &StopIx)| {
        stops[stop.index()].rank.is_none_or(|rank| rank.allows(position, sequence.len()))
    };
    if !sequence.iter().enumerate().all(is_at) {
        met.add(Obstacle::Position, 1);
    }
    let mut parked = Parked::at_start(problem, tour);
    // What it loads at the start has to be there; where it reloads, some of it is loaded later.
    let ready = if reloads { i32::MIN } else { trip_ready(problem, sequence.iter().copied()) };
    let (mut now, mut node) = (spec.start_at.max(ready), spec.start_node);
    let (mut travel, mut metres) = (0i64, 0i64);
    for &index in sequence {
        let stop = &stops[index.index()];
        let on_foot = parked.walk_to(stop.node);
        let walked = on_foot.unwrap_or_else(|| {
            let (time, vehicle) = parked.walk_back(node);
            parked.park(stop.node);
            node = vehicle;
            time
        });
        now = now.saturating_add(walked);
        if on_foot.is_some() {
            node = stop.node;
        }
        let time = if on_foot.is_some() { 0 } else { problem.leg_at(tour, node, stop.node, now).0 };
        if time >= UNREACHABLE {
            met.add(Obstacle::Unreachable, i64::from(UNREACHABLE));
            return met.worst();
        }
        travel += i64::from(time);
        if on_foot.is_none() {
            metres += i64::from(problem.legs().length_in(spec.table, node, stop.node));
        }
        let (service, setup) = problem.times_at(tour, node, index);
        let (action, start) = problem.start_of(index, now.saturating_add(time), setup);
        let late = i64::from(action) - i64::from(stop.due);
        if problem.weights().hard && late > 0 {
            let own = index == unit || stop.mate == unit;
            met.add(if own { Obstacle::Late(late) } else { Obstacle::OtherLate(late) }, late);
        }
        now = start.saturating_add(service);
        // Where the shift does not bind a stop, its end is never.
        let is_bound = problem.shift_end(tour, index) <= spec.end_by;
        let over = i64::from(now) - i64::from(spec.end_by);
        if is_bound && over > 0 {
            met.add(Obstacle::Shift(over), over);
        }
        goods.serve(stop);
        room(&goods, &mut met);
        node = stop.node;
    }
    let (walked, vehicle) = parked.walk_back(node);
    (now, node) = (now.saturating_add(walked), vehicle);
    if spec.end_node != NodeIx::NONE {
        let (time, _) = problem.leg_at(tour, node, spec.end_node, now);
        if time >= UNREACHABLE {
            met.add(Obstacle::Unreachable, i64::from(UNREACHABLE));
            return met.worst();
        }
        travel += i64::from(time);
        metres += i64::from(problem.legs().length_in(spec.table, node, spec.end_node));
        let over = i64::from(now) + i64::from(time) - i64::from(spec.end_by);
        // Who is not done within the shift is not home either: that is one rule, not two.
        if over > 0 && !met.0.iter().any(|(what, _)| matches!(what, Obstacle::Shift(_))) {
            met.add(Obstacle::Home(over), over);
        }
    }
    for (over, what) in [
        (travel - i64::from(spec.travel_max), Obstacle::Travel as fn(i64) -> Obstacle),
        (metres.saturating_sub(spec.metres_max), Obstacle::Way),
    ] {
        if over > 0 {
            met.add(what(over), over);
        }
    }
    if let Some(found) = too_long_with_pauses(problem, tour, sequence, &met) {
        return Some(found);
    }
    // Nothing that a clock or a scale shows: what is left are pauses and the order of goods.
    met.worst().or(Some(Broken {
        kinds: 1,
        sum: 0,
        what: if let Some(battery) = &spec.battery
            && let over = used_in_all(problem, tour, battery, sequence) - battery.level
            && over > 0
        {
            Obstacle::Range((over - 1) / 1_000_000 + 1)
        } else if unruled.can_be_driven(sequence) {
            Obstacle::DrivingTime
        } else if spec.reload.is_some() {
            Obstacle::Reload
        } else if spec.pauses.is_empty() {
            Obstacle::Order
        } else {
            Obstacle::Pauses
        },
    }))
}

/// By how much a shift is too short for a sequence with its pauses, or that they cannot be taken, where nothing else is broken.
fn too_long_with_pauses(problem: &Problem, tour: TourIx, sequence: &[StopIx], met: &Met) -> Option<Broken> {
    if !met.0.iter().all(|(what, _)| matches!(what, Obstacle::Shift(_) | Obstacle::Home(_))) {
        return None;
    }
    let Finish::Done { served, home } = finish_without_end(problem, tour, sequence)? else {
        return Some(Broken { kinds: met.0.len() as u32 + 1, sum: 0, what: Obstacle::Pauses });
    };
    let end_by = problem.tours()[tour.index()].end_by;
    let is_bound = sequence.iter().any(|&stop| problem.shift_end(tour, stop) <= end_by);
    let over = |at: i32| i64::from(at) - i64::from(end_by);
    let (sum, what) = match (over(served), over(home)) {
        (late, _) if late > 0 && is_bound => (late, Obstacle::Shift(late)),
        (_, late) if late > 0 => (late, Obstacle::Home(late)),
        _ => return None,
    };
    Some(Broken { kinds: 1, sum, what })
}

/// Rules that were met broken on the way.
#[derive(Default)]
struct Met(Vec<(Obstacle, i64)>);

impl Met {
    fn add(&mut self, what: Obstacle, by: i64) {
        let same = |known: &&mut (Obstacle, i64)| std::mem::discriminant(&known.0) == std::mem::discriminant(&what);
        match self.0.iter_mut().find(same) {
            Some(known) if known.1 < by => *known = (what, by),
            Some(_) => {}
            None => self.0.push((what, by)),
        }
    }

    fn worst(&self) -> Option<Broken> {
        let &(what, _) = self.0.first()?;
        Some(Broken { kinds: self.0.len() as u32, sum: self.0.iter().map(|(_, by)| by).sum(), what })
    }
}

#[cfg(test)]
mod tests {
    use super::{Obstacle, obstacle};
    use crate::index::{StopIx, TourIx};
    use crate::problem::Problem;
    use crate::random::Random;
    use crate::schedule::drive;
    use crate::schedule::room::tests::problem;

    /// What a shift is too short by: so much longer the tour can be driven with the unit at some place, and not with less.
    #[test]
    fn a_shift_that_is_longer_by_what_is_told_is_long_enough() {
        let mut random = Random::new(20_260_602, 1, 1);
        let mut told = 0;
        for round in 0..4_000 {
            let mut spec = problem(&mut random, round % 2 == 0).spec().clone();
            (spec.tours[0].travel_max, spec.tours[0].metres_max) = (i32::MAX, i64::MAX);
            let problem = Problem::new(spec).expect("only limits are gone");
            let pauses = !problem.tours()[0].pauses.is_empty();
            let can = |longer: i64, with: &[StopIx]| {
                let mut spec = problem.spec().clone();
                spec.tours[0].end_by += longer as i32;
                let problem = Problem::new(spec).expect("only the shift is longer");
                drive(&problem, TourIx(0), with.iter().copied(), i64::MAX, |_, _| {}).is_ok()
            };
            let alone = [StopIx(3)];
            let plan = [Vec::new()];
            if let Obstacle::Home(by) = obstacle(&problem, &plan, (TourIx(0), &[]), StopIx(3))
                && pauses
            {
                told += 1;
                assert!(can(by, &alone) && !can(by - 1, &alone), "{round}: {by}");
            }
        }
        assert!(told > 100, "told {told} times");
    }
}

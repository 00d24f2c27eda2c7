//! What keeps a vehicle off an order, and by how much: what would have to give, and would be enough.

use std::collections::BTreeMap;

use fleetfold_fleet::{Fleet, Placement, Units};
use fleetfold_model::{Cost, Millis, Name, OrderId, VehicleId};
use fleetfold_solver::{
    DrivingTime, NodeIx, Problem, Reload, Role, Stop, StopIx, TIME_MAX, Timed, TourIx, TourSpec, UNREACHABLE, hours,
    schedule_home,
};

use super::offer::{Stand, with_unit};
use super::parts::driven;
use crate::draft::{Allowed, Draft};
use crate::relief::{is_new_to, silent};

/// One thing that a vehicle lacks for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Nobody has signed on to it.
    OffDuty,
    /// It has broken down, or is out of contact.
    BrokenDown,
    /// A dispatcher has tied the order to another vehicle.
    PinnedTo(VehicleId),
    /// The goods are on board of another vehicle.
    OnBoardOf(VehicleId),
    /// Another vehicle is on its way to the order's stop, or there.
    UnderWayWith(VehicleId),
    /// Its driver would not take the order.
    Rejected,
    /// Nothing is heard of it: it is given nothing new.
    Silent,
    /// These skills.
    Skills(Vec<Name>),
    /// So many stops more in this shift.
    Stops(u32),
    /// So many calls at a depot more in this shift.
    Reloads(u32),
    /// So much more room in a dimension of load (thousandths of its unit).
    Room {
        /// The dimension, from 0.
        dimension: usize,
        /// How much.
        by: i64,
    },
    /// A shift that ends so much later.
    Shift(Millis),
    /// A rule of driving times that allows so much more.
    DrivingTime {
        /// Which of its limits.
        limit: DrivingLimit,
        /// How much.
        by: Millis,
    },
    /// A promise, or a window, that ends so much later.
    Promise(Millis),
    /// A road there and back.
    Way,
    /// Goods would have to be unloaded in another order than last in, first out allows, or a break has no place.
    Order,
    /// Serving it there costs so much more than leaving it out.
    Price(Cost),
}

/// A limit of a rule of driving times ([`fleetfold_model::DrivingRule`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DrivingLimit {
    /// Driving without a break: with a higher one a break less is taken, or a later one.
    WithoutBreak,
    /// Driving in a shift.
    InShift,
    /// From the first departure of a shift to its end.
    Duty,
}

impl DrivingLimit {
    const ALL: [Self; 3] = [Self::WithoutBreak, Self::InShift, Self::Duty];
}

/// What keeps a vehicle off an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Miss {
    /// Each of these is enough, if all of it gives. One that needs less than another stands alone; the nearest comes first.
    pub ways: Vec<Vec<Lack>>,
    /// Its route breaks a rule already without the order.
    pub is_broken: bool,
}

/// What a position of a tour lacks, by kind and amount: to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Short {
    shift: i64,
    room: [i64; 4],
    stops: u32,
    reloads: u32,
    /// By limit of the rule of driving times.
    driving: [i64; 3],
}

impl Short {
    /// Which kinds are short, as bits.
    fn kinds(&self) -> u16 {
        let room = self.room.iter().enumerate().map(|(dimension, &by)| u16::from(by > 0) << (dimension + 2));
        let driving = self.driving.iter().enumerate().map(|(limit, &by)| u16::from(by > 0) << (limit + 6));
        let reloads = u16::from(self.reloads > 0) << 9;
        u16::from(self.shift > 0) | (u16::from(self.stops > 0) << 1) | reloads | room.chain(driving).sum::<u16>()
    }

    /// True when giving this much is enough for a position that is short of so much.
    fn covers(&self, other: &Self) -> bool {
        let has_room = self.room.iter().zip(&other.room).all(|(gives, lacks)| gives >= lacks);
        let may_drive = self.driving.iter().zip(&other.driving).all(|(gives, lacks)| gives >= lacks);
        let may_stop = self.stops >= other.stops && self.reloads >= other.reloads;
        self.shift >= other.shift && has_room && may_stop && may_drive
    }

    fn lacks(&self) -> Vec<Lack> {
        let room = self.room.iter().enumerate().filter(|(_, by)| **by > 0);
        let room = room.map(|(dimension, &by)| Lack::Room { dimension, by });
        let stops = (self.stops > 0).then_some(Lack::Stops(self.stops));
        let shift = (self.shift > 0).then_some(Lack::Shift(Millis(self.shift)));
        let driving = DrivingLimit::ALL.into_iter().zip(self.driving).filter(|(_, by)| *by > 0);
        let driving = driving.map(|(limit, by)| Lack::DrivingTime { limit, by: Millis(by) });
        let reloads = (self.reloads > 0).then_some(Lack::Reloads(self.reloads));
        stops.into_iter().chain(reloads).chain(room).chain(shift).chain(driving).collect()
    }
}

/// What of its own or of the order keeps a vehicle off, whatever its route. `Err`: nothing else needs to be asked.
fn by_itself(fleet: &Fleet, vehicle: VehicleId, order: OrderId) -> Result<Vec<Lack>, Lack> {
    let (state, it) = (fleet.vehicle(vehicle), fleet.order(order));
    if let Some(only) = it.on_board.filter(|&only| only != vehicle) {
        return Err(Lack::OnBoardOf(only));
    }
    if let Some(only) = it.pinned.filter(|&only| only != vehicle) {
        return Err(Lack::PinnedTo(only));
    }
    if let Placement::OnRoute(other) = it.placement
        && other != vehicle
    {
        let other_state = fleet.vehicle(other);
        let head = other_state.route.visits.get(..other_state.frozen()).unwrap_or_default();
        if head.iter().any(|visit| visit.order == order) {
            return Err(Lack::UnderWayWith(other));
        }
    }
    if state.lost {
        return Err(Lack::BrokenDown);
    }
    if !state.is_available() {
        return Err(Lack::OffDuty);
    }
    let mut lacks = Vec::new();
    if it.rejected_by.contains(&vehicle) {
        lacks.push(Lack::Rejected);
    }
    if is_new_to(it, vehicle) && silent(fleet).contains(&vehicle) {
        lacks.push(Lack::Silent);
    }
    // A dispatcher's word counts more than who can.
    if it.pinned.is_none() && it.skills & !state.skills != 0 {
        lacks.push(Lack::Skills(lacked_skills(fleet, vehicle, order)));
    }
    Ok(lacks)
}

/// Skills that an order needs and a vehicle has not.
pub(super) fn lacked_skills(fleet: &Fleet, vehicle: VehicleId, order: OrderId) -> Vec<Name> {
    let has = fleet.vehicle(vehicle).spec.as_ref().map_or(&[][..], |spec| &spec.skills);
    let needs = fleet.order(order).spec.as_ref().map_or(&[][..], |spec| &spec.skills);
    needs.iter().filter(|skill| !has.contains(skill)).cloned().collect()
}

/// What would have to give so that a vehicle can serve an order beside the rest of its route; `None`: nothing, it can.
pub(super) fn miss(stand: &Stand<'_>, vehicle: VehicleId, order: OrderId) -> Option<Miss> {
    let own = match by_itself(stand.fleet, vehicle, order) {
        Ok(own) => own,
        Err(lack) => return Some(Miss { ways: vec![vec![lack]], is_broken: false }),
    };
    let draft = stand.draft(&[vehicle], &[order]);
    let problem = draft.finish_known(stand.outlook);
    let free = without_limits(&problem, 0).expect("a legal problem without some of its limits");
    miss_beside(stand.fleet, (&draft, &problem, &free), (0, &draft.initial[0]), (order, &own))
}

/// The same beside what does not give way for an order that is forced onto a vehicle: what is tied to it, on board or under way.
pub(super) fn miss_of_word(stand: &Stand<'_>, vehicle: VehicleId, order: OrderId) -> Option<Miss> {
    let own = match by_itself(stand.fleet, vehicle, order) {
        Ok(own) => own,
        Err(lack) => return Some(Miss { ways: vec![vec![lack]], is_broken: false }),
    };
    let draft = stand.draft(&[vehicle], &[order]);
    let problem = draft.finish_known(stand.outlook);
    let free = without_limits(&problem, 0).expect("a legal problem without some of its limits");
    let stays = |stop: &StopIx| draft.solver_stops[stop.index()].locked == TourIx(0);
    let tail: Vec<StopIx> = draft.initial[0].iter().copied().filter(stays).collect();
    miss_beside(stand.fleet, (&draft, &problem, &free), (0, &tail), (order, &own))
}

/// What would have to give so that a tour of a draft can serve an order beside other stops; `None`: nothing, it can.
pub(crate) fn miss_on(
    fleet: &Fleet,
    (draft, problem): (&Draft, &Problem),
    (tour, tail): (usize, &[StopIx]),
    order: OrderId,
) -> Option<Miss> {
    match by_itself(fleet, draft.vehicles[tour], order) {
        Ok(own) => {
            let free = without_limits(problem, tour)?;
            miss_beside(fleet, (draft, problem, &free), (tour, tail), (order, &own))
        }
        Err(lack) => Some(Miss { ways: vec![vec![lack]], is_broken: false }),
    }
}

/// The same, where it is known what keeps the vehicle off whatever its tour is.
fn miss_beside(
    fleet: &Fleet,
    (draft, problem, free): (&Draft, &Problem, &Problem),
    (tour, tail): (usize, &[StopIx]),
    (order, own): (OrderId, &[Lack]),
) -> Option<Miss> {
    let unit = unit_of(draft, order);
    if unit.is_empty() {
        // Its first stop is under way: it is served there already.
        return None;
    }
    let vehicle = draft.vehicles[tour];
    let limits = problem.tours()[tour].clone();
    // Beside what the stop under way unloads there has to be room for what would be on board from the start.
    let it = fleet.order(order);
    let is_on_it = it.placement == Placement::OnRoute(vehicle) || it.pinned == Some(vehicle);
    let loads_now = it.loads_at_start() && !is_on_it;
    let unloaded = if loads_now { draft.unloaded_by_head(fleet, tour) } else { Units::default() };
    let mut days = Days { limits: &limits, allowed: draft.allowed[tour], without_breaks: None };
    // What a position lacks, in each way in which it could give.
    let mut short = |sequence: &[StopIx]| -> Result<Vec<Short>, Lack> {
        let unreachable = || leads_nowhere(free, sequence);
        let Some(ways) = days.ways(free, sequence) else {
            return Err(if unreachable() { Lack::Way } else { Lack::Order });
        };
        let (room, reloads) = match &limits.reload {
            Some(reload) => trips_lack(free, (&limits, reload), sequence),
            None => (room_lacks(free, &limits, sequence, unloaded), 0),
        };
        let stops = (sequence.len() as u32).saturating_sub(limits.stops_max);
        Ok(ways.into_iter().map(|(shift, driving)| Short { shift, room, stops, reloads, driving }).collect())
    };
    let is_broken = !tail.is_empty() && short(tail).map_or(true, |ways| ways[0] != Short::default());
    // For each set of kinds the position that lacks least.
    let mut least: BTreeMap<u16, Short> = BTreeMap::new();
    let mut never = None;
    for sequence in with_unit(tail, &unit) {
        match short(&sequence) {
            Ok(ways) => {
                for found in ways {
                    let known = least.entry(found.kinds()).or_insert(found);
                    *known = (*known).min(found);
                }
            }
            Err(lack) => never = Some(if never == Some(Lack::Order) { Lack::Order } else { lack }),
        }
    }
    if least.is_empty() {
        let last = never.unwrap_or(Lack::Way);
        return Some(Miss { ways: vec![own.iter().cloned().chain([last]).collect()], is_broken });
    }
    // Leaving it out is an answer too: what it costs more than that has to give as well, at the best of the positions that are open
    // then. A dispatcher's word counts more.
    let unserved = free.stops()[unit[0].index()].unserved;
    let cost = |sequence: &[StopIx]| {
        driven(free, TourIx(0), sequence, (TIME_MAX, !draft.heads[tour].is_empty()))
            .map(|(parts, _)| parts.total().0 - parts.change.0)
    };
    let is_wanted = fleet.order(order).pinned.is_some();
    let base = cost(tail).filter(|_| !is_wanted);
    let mut price = |gives: &Short| {
        let base = base?;
        let is_open = |way: &Vec<StopIx>| short(way).is_ok_and(|ways| ways.iter().any(|way| gives.covers(way)));
        let open = with_unit(tail, &unit).filter(is_open);
        let over = open.filter_map(|way| cost(&way)).min()? - base - unserved;
        (over > 0).then_some(Lack::Price(Cost(over)))
    };
    if least.contains_key(&0) {
        let way: Vec<Lack> = own.iter().cloned().chain(price(&Short::default())).collect();
        return (!own.is_empty()).then(|| Miss { ways: vec![way], is_broken });
    }
    let needs_less = |kinds: u16| least.keys().any(|&other| other != kinds && other & kinds == other);
    let mut ways: Vec<Short> =
        least.iter().filter(|(kinds, _)| !needs_less(**kinds)).map(|(_, short)| *short).collect();
    ways.sort_by_key(|short| (short.kinds().count_ones(), *short));
    let ways =
        ways.iter().map(|short| own.iter().cloned().chain(short.lacks()).chain(price(short)).collect()).collect();
    Some(Miss { ways, is_broken })
}

/// The stops of an order in a draft, pickup first.
pub(super) fn unit_of(draft: &Draft, order: OrderId) -> Vec<StopIx> {
    let stops = draft.stops.iter().enumerate().filter(|(_, stop)| stop.0 == order);
    stops.map(|(index, _)| StopIx(index as u32)).collect()
}

/// The problem of one tour alone without limits of load, stops, shift, hours and skill, and without what its stops say of who may serve them.
/// The breaks that driving times ask for stay.
fn without_limits(problem: &Problem, tour: usize) -> Option<Problem> {
    let mut spec = problem.spec().clone();
    spec.initial = vec![Vec::new()];
    spec.tours = vec![spec.tours[tour].clone()];
    let here = |of: TourIx| if of == TourIx(tour as u32) { TourIx(0) } else { TourIx::NONE };
    for stop in &mut spec.stops {
        // Goods that are on board of a vehicle are delivered by one.
        let is_aboard = stop.role == Role::Delivery && stop.mate == StopIx::NONE;
        stop.locked = if is_aboard { TourIx(0) } else { here(stop.locked) };
        stop.home = here(stop.home);
        stop.aboard &= stop.locked != TourIx::NONE;
        // No other tour is left to serve it.
        stop.barred = Vec::new();
    }
    let tour = &mut spec.tours[0];
    if let Some(reload) = &mut tour.reload {
        // Its goods go on trips as they do, but each stop's are carried alone where they are too many.
        reload.times_max = u32::MAX;
        for load in spec.stops.iter().filter(|stop| stop.role == Role::JobDelivery).map(|stop| stop.load) {
            tour.capacity = std::array::from_fn(|dimension| tour.capacity[dimension].max(load[dimension]));
        }
    } else {
        tour.capacity = [i32::MAX; 4];
    }
    tour.stops_max = u32::MAX;
    tour.end_by = TIME_MAX;
    tour.travel_max = i32::MAX;
    tour.driving_time = tour.driving_time.map(|rule| DrivingTime { duty_max: i32::MAX, ..rule });
    tour.has = u64::MAX;
    Problem::new(spec).ok()
}

/// True where a leg of a sequence does not exist.
fn leads_nowhere(problem: &Problem, sequence: &[StopIx]) -> bool {
    let tour = &problem.tours()[0];
    let mut node = tour.start_node;
    let nodes = sequence.iter().map(|stop| problem.stops()[stop.index()].node);
    nodes.chain((tour.end_node != NodeIx::NONE).then_some(tour.end_node)).any(|next| {
        let from = std::mem::replace(&mut node, next);
        problem.legs().time(from, next) >= UNREACHABLE
    })
}

/// What the hours of a tour lack: of its shift, and of the rule of driving times.
type Hour = (i64, [i64; 3]);

/// The hours of one tour, to be asked about sequences.
struct Days<'a> {
    limits: &'a TourSpec,
    allowed: Allowed,
    /// The same where no break is taken for the sake of driving times; made when it is first asked for.
    without_breaks: Option<Problem>,
}

impl Days<'_> {
    /// What the hours lack for a sequence, in each way in which they could give. `None`: it cannot be driven at all.
    fn ways(&mut self, free: &Problem, sequence: &[StopIx]) -> Option<Vec<Hour>> {
        let first = self.lacks(free, sequence)?;
        let mut ways = vec![first];
        let is_out_of_time = |lacks: &Hour| lacks.0 > 0 || lacks.1[DrivingLimit::Duty as usize] > 0;
        let breaks_may_be_it = self.limits.driving_time.is_some() && is_out_of_time(&first);
        if breaks_may_be_it {
            let without = self.without_breaks.take().unwrap_or_else(|| with_driving_max(free, i64::MAX));
            if self.lacks(&without, sequence).is_some_and(|lacks| !is_out_of_time(&lacks)) {
                ways.extend(self.driven_without_break(free, sequence, is_out_of_time));
            }
            self.without_breaks = Some(without);
        }
        Some(ways)
    }

    /// How much longer a driver would have to drive without a break to be in time; `None`: no such limit is enough.
    fn driven_without_break(
        &self,
        free: &Problem,
        sequence: &[StopIx],
        is_out_of_time: impl Fn(&Hour) -> bool,
    ) -> Option<Hour> {
        let most = i64::from(self.limits.driving_time?.driving_max);
        let in_time = |driving_max: i64| {
            let lacks = self.lacks(&with_driving_max(free, driving_max), sequence)?;
            (!is_out_of_time(&lacks)).then_some(lacks)
        };
        // So much is enough for no break at all.
        let all = i64::from(self.limits.driven_so_far.driven) + hours(free, TourIx(0), sequence)?.driving;
        let (mut no, mut yes) = (most, all.max(most + 1));
        in_time(yes)?;
        while no + 1 < yes {
            let middle = no + (yes - no) / 2;
            if in_time(middle).is_some() { yes = middle } else { no = middle }
        }
        let (shift, mut driving) = in_time(yes)?;
        driving[DrivingLimit::WithoutBreak as usize] = yes - most;
        Some((shift, driving))
    }

    /// What is lacking if breaks are taken as the problem has them.
    fn lacks(&self, free: &Problem, sequence: &[StopIx]) -> Option<Hour> {
        let (times, home) = schedule_home(free, TourIx(0), sequence)?;
        let ends = |end_by: i32| ends_lack(free, (self.limits, end_by), sequence, (&times, &home));
        let Allowed { shift_ends, day_ends, driving, duty } = self.allowed;
        let mut lacks = (ends(shift_ends), [0; 3]);
        if self.limits.driving_time.is_none() {
            return Some(lacks);
        }
        let took = hours(free, TourIx(0), sequence)?;
        lacks.1[DrivingLimit::InShift as usize] = driving.lacks(took.driving);
        // Of who has left already the end of his day is known.
        let late = day_ends.lacks(day_ends.allowed.saturating_add(ends(self.day_ends())));
        lacks.1[DrivingLimit::Duty as usize] = late.max(duty.lacks(i64::from(took.duty)));
        Some(lacks)
    }

    /// When the day must be over, in the time of the problem.
    fn day_ends(&self) -> i32 {
        self.allowed.day_ends.allowed.min(i64::from(TIME_MAX)) as i32
    }
}

/// The same problem of one tour with another limit of driving without a break.
fn with_driving_max(free: &Problem, driving_max: i64) -> Problem {
    let mut spec = free.spec().clone();
    let tour = &mut spec.tours[0];
    let driving_max = driving_max.min(i64::from(i32::MAX)) as i32;
    tour.driving_time = tour.driving_time.map(|rule| DrivingTime { driving_max, ..rule });
    Problem::new(spec).expect("a legal problem with a longer limit")
}

/// By how much an end is too early for a sequence.
fn ends_lack(
    free: &Problem,
    (limits, end_by): (&TourSpec, i32),
    sequence: &[StopIx],
    (times, home): (&[Timed], &Timed),
) -> i64 {
    let stops: Vec<&Stop> = sequence.iter().map(|stop| &free.stops()[stop.index()]).collect();
    let end_by = i64::from(end_by);
    if limits.pauses.is_empty() {
        return least_end(limits, &stops, (times, home), end_by) - end_by;
    }
    // Breaks are taken elsewhere where the shift is longer: the least end at which the sequence can be driven.
    let can = |end_by: i64| {
        let mut spec = free.spec().clone();
        spec.tours[0].end_by = end_by.min(i64::from(TIME_MAX)) as i32;
        Problem::new(spec).is_ok_and(|problem| schedule_home(&problem, TourIx(0), sequence).is_some())
    };
    let (mut no, mut yes) = (end_by - 1, i64::from(TIME_MAX));
    while no + 1 < yes {
        let middle = no + (yes - no) / 2;
        if can(middle) { yes = middle } else { no = middle }
    }
    yes - end_by
}

/// The first end of a shift, from this one on, within which a sequence with these times is driven.
pub(crate) fn least_end(limits: &TourSpec, stops: &[&Stop], (times, home): (&[Timed], &Timed), end_by: i64) -> i64 {
    let ends = times.iter().flat_map(|timed| [timed.start, timed.departure]).chain([home.arrival]);
    let mut ends: Vec<i64> = ends.map(i64::from).filter(|&end| end > end_by).collect();
    ends.sort_unstable();
    let fits = |end: &i64| keeps_shift(limits, stops, (times, home), *end);
    std::iter::once(end_by).chain(ends).find(fits).unwrap_or(end_by)
}

/// True where a sequence with these times is driven within a shift that ends so. Goods that are on board from the start may be delivered
/// after it, and so may those of shipments where the policy says so; who is out for them comes home late.
fn keeps_shift(limits: &TourSpec, stops: &[&Stop], (times, home): (&[Timed], &Timed), end_by: i64) -> bool {
    let mut overtime = false;
    for (stop, timed) in stops.iter().zip(times) {
        let is_exempt = stop.role == Role::Delivery && (stop.mate == StopIx::NONE || limits.finish_late);
        let last = if limits.end_node == NodeIx::NONE { timed.departure } else { timed.start };
        if !is_exempt && i64::from(last) > end_by {
            return false;
        }
        overtime |= is_exempt && i64::from(timed.departure) > end_by;
    }
    overtime || i64::from(home.arrival) <= end_by
}

/// How much more is on board than fits, in each dimension, of a vehicle that may be loaded again, at one stop alone; and how many times more
/// it would have to be loaded than it may.
fn trips_lack(free: &Problem, (limits, reload): (&TourSpec, &Reload), sequence: &[StopIx]) -> ([i64; 4], u32) {
    let times = schedule_home(free, TourIx(0), sequence).map_or_else(Vec::new, |(times, _)| times);
    let calls = times.iter().filter(|timed| timed.reloaded.is_some()).count() as u32;
    let stops = || sequence.iter().map(|stop| &free.stops()[stop.index()]);
    let loaded = || stops().filter(|stop| stop.role == Role::JobDelivery && !stop.aboard);
    let room = std::array::from_fn(|dimension| {
        let most = loaded().map(|stop| i64::from(stop.load[dimension])).max().unwrap_or(0);
        (most - i64::from(limits.capacity[dimension])).max(0)
    });
    (room, calls.saturating_sub(reload.times_max))
}

/// How much more is on board than fits, in each dimension, where most of it is.
fn room_lacks(free: &Problem, limits: &TourSpec, sequence: &[StopIx], unloaded: Units) -> [i64; 4] {
    let stops = || sequence.iter().map(|stop| &free.stops()[stop.index()]);
    std::array::from_fn(|dimension| {
        let load = |stop: &Stop| i64::from(stop.load[dimension]);
        let mut carried = i64::from(limits.onboard[dimension]);
        carried += stops().filter(|stop| stop.role == Role::JobDelivery).map(load).sum::<i64>();
        let mut most = carried + if limits.capacity[dimension] > 0 { unloaded[dimension] } else { 0 };
        for stop in stops() {
            carried += match stop.role {
                Role::Pickup | Role::JobPickup => load(stop),
                Role::Delivery | Role::JobDelivery => -load(stop),
            };
            most = most.max(carried);
        }
        (most - i64::from(limits.capacity[dimension])).max(0)
    })
}

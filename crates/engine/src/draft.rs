//! From the fleet to a routing problem: which tours, from where and when, with which stops.
//!
//! A draft holds everything but the legs, which may take long: an answer fills them in at once, a search in the pool.
//! Promise: the frozen head of a route never enters the problem.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{
    Activity, Anchor, Driven, FORCED_SLACK, Fleet, Placement, UnderWay, VehicleState, Visit, until_depot,
};
use fleetfold_model::{
    CUT_OFF, DepotCall, DrivingRule, Load, LogSeq, Millis, OrderId, OrderWork, Position, StopKind, Timestamp, Vehicle,
    VehicleId,
};
use fleetfold_roads::LegQuery;
use fleetfold_solver::{
    DrivenSoFar, DrivingTime, Hours, Legs, NodeIx, Pause, Problem, ProblemSpec, Relation, RelationKind, Reload,
    ReloadPlace, Role, Stop, StopIx, TIME_MAX, TourIx, TourSpec, Trips, UNREACHABLE, Weights,
};

use crate::calm;
use crate::coverage;
use crate::outlook::Outlook;
use crate::way_home::way_home;
use crate::words::capped;

/// Where a driver has to drive longer than his rule allows he may drive so much longer than that: less than any detour is worth, and more
/// than two sums of the same legs differ. What lies on the way asks for service, and for no driving.
const DRIVING_SLACK: Millis = Millis(60_000);

/// Moving a stop to another vehicle costs this share of the mean leg of the routes looked at, in thousandths, and at most what the
/// policy says: in a dense city the same money would be several legs, and no order would ever move.
const CHANGE_PERMILLE_OF_LEG: i64 = 400;
/// It costs this much more when the stop's start is near, because drivers have looked at it.
const URGENT_PERMILLE: i64 = 3_000;
/// How near is near, zone time (guess: what a driver has in mind).
const URGENT_WITHIN: Millis = Millis(20 * 60_000);
/// It costs this much when the start is far off, or the driver has not taken the route yet.
const DISTANT_PERMILLE: i64 = 700;
/// How far off is far, zone time (guess).
const DISTANT_BEYOND: Millis = Millis(60 * 60_000);
/// For each time that an order has changed vehicle before, the next time costs this much more, so that nobody is sent back and forth;
/// and as often as this at most.
const AGAIN_PERMILLE: i64 = 1_500;
const AGAIN_MAX: u32 = 6;
/// What its driver has accepted costs this much more (guess: half as much again).
const ACCEPTED_PERMILLE: i64 = 500;
/// What a driver who is told to go elsewhere needs to turn, zone time (guess: to read a message and to find a place to turn).
const REACTION: Millis = Millis(20_000);
/// A driver who has arrived is sent elsewhere only where he would wait for at least so long, zone time (guess: less is not worth the way).
const WAITS_MIN: Millis = Millis(10 * 60_000);
/// Travel times are told apart by the hour until this long after the last stop is due.
const AFTER: Millis = Millis(60 * 60_000);

/// What may happen to vehicles of a draft that is not planned otherwise. By default nothing does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Freed {
    /// They may be sent elsewhere before the stop that they are on their way to, from where they are now.
    pub(crate) turning: BTreeSet<VehicleId>,
    /// They turn at a place and time that a plan has named for it.
    pub(crate) turned: BTreeMap<VehicleId, Anchor>,
    /// Their drivers may be given another next stop although it is less than the policy's notice until they depart.
    pub(crate) at_short_notice: BTreeSet<VehicleId>,
}

impl Freed {
    /// These vehicles may turn.
    pub(crate) fn turning(vehicles: &BTreeSet<VehicleId>) -> Self {
        Self { turning: vehicles.clone(), ..Self::default() }
    }
}

/// A limit of a driver's hours, in the time of the problem.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// As his rule says.
    pub(crate) rule: i64,
    /// As it is where he has to do more than that.
    pub(crate) allowed: i64,
}

impl Limit {
    const NONE: Self = Self { rule: i64::MAX, allowed: i64::MAX };

    /// A rule, and what has to be done whatever it says. Where that is more, so much more than it may be done.
    fn of(rule: Option<i64>, needed: Option<i64>, slack: Millis) -> Self {
        let Some(rule) = rule else { return Self::NONE };
        let allowed = needed.filter(|&needed| needed > rule).map_or(rule, |needed| needed + slack.0);
        Self { rule, allowed }
    }

    /// How much more the rule would have to allow; 0: nothing.
    pub(crate) fn lacks(self, asked: i64) -> i64 {
        if asked > self.allowed { asked - self.rule } else { 0 }
    }
}

/// What the hours of a vehicle and its driver allow behind the frozen head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// When the shift ends.
    pub(crate) shift_ends: i32,
    /// When the day of a driver who has left already must be over.
    pub(crate) day_ends: Limit,
    /// Driving.
    pub(crate) driving: Limit,
    /// From leaving to the end, of a driver who has not left yet.
    pub(crate) duty: Limit,
}

impl Allowed {
    /// A dispatcher's word counts more than every limit.
    const EVERYTHING: Self =
        Self { shift_ends: TIME_MAX, day_ends: Limit::NONE, driving: Limit::NONE, duty: Limit::NONE };

    /// Sets the limits of a tour.
    fn limit(self, tour: &mut TourSpec) {
        let within = |limit: Limit, least: i64, most: i32| limit.allowed.clamp(least, i64::from(most)) as i32;
        tour.end_by = self.shift_ends.min(within(self.day_ends, -i64::from(TIME_MAX), TIME_MAX));
        tour.travel_max = within(self.driving, 0, i32::MAX);
        if let Some(rule) = &mut tour.driving_time {
            rule.duty_max = within(self.duty, 1, i32::MAX);
        }
    }

    /// The same where the driver has to do this whatever his rule says: his hours, and when he is home.
    pub(crate) fn with(self, (needed, until): (Hours, i64)) -> Self {
        let of = |limit: Limit, needed: i64, slack| {
            Limit::of((limit.rule < i64::MAX).then_some(limit.rule), Some(needed), slack)
        };
        Self {
            day_ends: of(self.day_ends, until, FORCED_SLACK),
            driving: of(self.driving, needed.driving, DRIVING_SLACK),
            duty: of(self.duty, i64::from(needed.duty), FORCED_SLACK),
            ..self
        }
    }

    /// Whether his rule allows a tour with these hours, which ends then.
    pub(crate) fn allows(self, (asked, until): (Hours, i64)) -> bool {
        let lacks =
            [self.driving.lacks(asked.driving), self.duty.lacks(i64::from(asked.duty)), self.day_ends.lacks(until)];
        lacks == [0; 3]
    }

    /// True where the day of the driver ends before his shift does.
    pub(crate) fn ends_by_rule(&self) -> bool {
        self.day_ends.allowed < i64::from(self.shift_ends)
    }
}

/// A problem without its legs.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Zone time of the problem's 0.
    pub epoch: Timestamp,
    /// Zone time until which travel times of the hours matter.
    pub until: Timestamp,
    /// The vehicle of each tour.
    pub vehicles: Vec<VehicleId>,
    /// The frozen head of each tour, with times as expected now.
    pub heads: Vec<Vec<Visit>>,
    /// What each route held behind its head when the draft was made.
    pub tails: Vec<Vec<(OrderId, StopKind)>>,
    /// The stop that each vehicle is on its way to, where it may be sent elsewhere first: no head holds it then.
    pub turning: Vec<Option<(OrderId, StopKind)>>,
    /// Revision of each route when the draft was made.
    pub bases: Vec<LogSeq>,
    /// What each problem stop is.
    pub stops: Vec<(OrderId, StopKind)>,
    /// Distinct places.
    pub places: Vec<Position>,
    /// Where each tour starts, and when (zone time).
    pub starts: Vec<Anchor>,
    pub(crate) solver_stops: Vec<Stop>,
    pub(crate) solver_tours: Vec<TourSpec>,
    /// What the hours of each tour allow.
    pub(crate) allowed: Vec<Allowed>,
    /// The same where nothing was to be forced onto it.
    pub(crate) by_rule: Vec<Allowed>,
    /// What of each tour's price for its use is for leaving the place where its vehicle is free, in millionths.
    pub(crate) coverage: Vec<i64>,
    pub(crate) initial: Vec<Vec<StopIx>>,
    pub(crate) weights: Weights,
    /// How much a change of each stop's promise weighs, in thousandths.
    promises: Vec<i64>,
    /// A change costs as much as an hour of lateness: it is no share of a leg then.
    stays: bool,
    relations: Vec<Relation>,
}

impl Draft {
    /// Drafts a problem over some vehicles. `loose` orders are taken off their routes (or come from nowhere) and are to be
    /// placed; everything else on those routes stays where it is.
    pub fn new(fleet: &Fleet, outlook: &Outlook, vehicles: &[VehicleId], loose: &[OrderId], now: Timestamp) -> Self {
        Self::freed(fleet, outlook, (vehicles, loose), &Freed::default(), now)
    }

    /// The same where more may happen to some of the vehicles.
    pub(crate) fn freed(
        fleet: &Fleet,
        outlook: &Outlook,
        (vehicles, loose): (&[VehicleId], &[OrderId]),
        Freed { turning, turned, at_short_notice }: &Freed,
        now: Timestamp,
    ) -> Self {
        let policy = fleet.policy();
        let mut draft = Self {
            epoch: now,
            until: now,
            vehicles: vehicles.to_vec(),
            heads: Vec::new(),
            tails: Vec::new(),
            turning: Vec::new(),
            bases: Vec::new(),
            stops: Vec::new(),
            places: Vec::new(),
            starts: Vec::new(),
            solver_stops: Vec::new(),
            solver_tours: Vec::new(),
            allowed: Vec::new(),
            by_rule: Vec::new(),
            coverage: coverage::prices(fleet, outlook, vehicles, now),
            initial: vec![Vec::new(); vehicles.len()],
            weights: Weights {
                late_per_hour: policy.lateness_cost_per_hour,
                flow_per_hour: policy.flow_cost_per_hour,
                ..Weights::default()
            },
            promises: Vec::new(),
            stays: policy.lateness_cost_per_hour > 0 && policy.change_cost >= policy.lateness_cost_per_hour,
            relations: Vec::new(),
        };
        let mut place_ids = BTreeMap::new();
        // What stays on its vehicle because it belongs to a trip that is under way.
        let mut committed: BTreeSet<OrderId> = BTreeSet::new();
        for (tour, &id) in vehicles.iter().enumerate() {
            let vehicle = fleet.vehicle(id);
            let known = || turns_at(fleet, id, now).or_else(|| cut_off_at(fleet, outlook, id, now));
            let place = turning.contains(&id).then(known).flatten();
            let place = place.map(|place| Anchor { position: place.position, at: now + REACTION });
            let place = turned.get(&id).copied().or(place);
            let Settled { count: frozen, is_there } = if place.is_some() {
                Settled { count: 0, is_there: false }
            } else if at_short_notice.contains(&id) {
                settled(fleet, id)
            } else {
                calm::with_notice(fleet, id, now)
            };
            let (head, mut start) = head(fleet, outlook, vehicle, frozen, now);
            if let Some(place) = place {
                start = place;
            }
            let under = vehicle.under_way.filter(|_| place.is_some());
            draft.turning.push(under.map(|under| (under.order, under.stop)));
            let of_trip = of_trip(fleet, vehicle, frozen);
            let (mut spec, driving_left) = draft.tour(fleet, vehicle, &head, start, &mut place_ids);
            spec.trips = trips(fleet, vehicle, &head, start).map(|(one_place, closed, loaded_here)| Trips {
                one_place,
                closed,
                loaded_at: if loaded_here { spec.start_node } else { NodeIx::NONE },
            });
            if is_there && policy.settle_on_arrival {
                // A place of its own: whatever is done there needs another approach.
                draft.places.push(start.position);
                spec.start_node = NodeIx(draft.places.len() as u32 - 1);
            }
            // A dispatcher's word counts more than the end of a shift and than a driver's hours, too. Beyond his shift what stands behind it is
            // driven to its end as planned, beyond his hours it is not (`Answer::beyond_hours`); other orders do not follow it there.
            let is_forced = |order: OrderId| fleet.order(order).is_forced() && fleet.order(order).pinned == Some(id);
            let by_rule = draft.allowed(fleet, outlook, id, (&head, start), (spec.driving_time, driving_left));
            let is_forced = loose.iter().any(|&order| is_forced(order));
            let allowed = if is_forced { Allowed::EVERYTHING } else { by_rule };
            allowed.limit(&mut spec);
            if let Some(reload) = spec.reload.as_mut().filter(|_| is_forced) {
                reload.times_max = u32::MAX;
            }
            if draft.coverage[tour] > 0 {
                let used = if spec.in_use { 0 } else { spec.fixed };
                (spec.in_use, spec.fixed) = (false, used + draft.coverage[tour]);
            }
            draft.allowed.push(allowed);
            draft.by_rule.push(by_rule);
            draft.solver_tours.push(spec);
            draft.heads.push(head);
            draft.starts.push(start);
            draft.bases.push(vehicle.route.revision);
            draft.until = draft.until.max(vehicle.route.visits.last().map_or(now, |visit| visit.departure));
            let tail: Vec<(OrderId, StopKind)> =
                vehicle.route.visits[frozen..].iter().map(|visit| (visit.order, visit.stop)).collect();
            let in_head = |order: OrderId| vehicle.route.visits[..frozen].iter().any(|visit| visit.order == order);
            draft.tails.push(tail.clone());
            // What its driver has accepted stays also where something before it has left the route.
            let accepted = |order: OrderId| fleet.is_frozen_by_acceptance(order, id);
            for (order, kind) in tail {
                // An order whose pickup is frozen stays: only its delivery is here. So does what the vehicle has left to fetch, if its
                // trip is closed.
                if loose.contains(&order) && !in_head(order) && !of_trip.contains(&order) && !accepted(order) {
                    continue;
                }
                let index = draft.stop(fleet, order, kind, TourIx(tour as u32), in_head(order), now, &mut place_ids);
                if of_trip.contains(&order) {
                    let stop = &mut draft.solver_stops[index.index()];
                    (stop.of_trip, stop.locked) = (true, TourIx(tour as u32));
                }
                if accepted(order) {
                    draft.solver_stops[index.index()].locked = TourIx(tour as u32);
                    committed.insert(order);
                }
                draft.initial[tour].push(index);
            }
            committed.extend(of_trip);
        }
        for &order in loose {
            let frozen = committed.contains(&order) || draft.heads.iter().flatten().any(|visit| visit.order == order);
            // Tied to a vehicle that is not asked: not to be placed here.
            let tied =
                fleet.order(order).on_board.or(fleet.order(order).pinned).is_some_and(|only| !vehicles.contains(&only));
            if fleet.order(order).is_open() && !frozen && !tied {
                for &kind in fleet.order(order).open_stops() {
                    draft.stop(fleet, order, kind, TourIx::NONE, false, now, &mut place_ids);
                }
            }
        }
        draft.pair();
        draft.obey(fleet);
        draft.keep_order_of_unloading(fleet);
        draft.until = draft.until + AFTER;
        draft
    }

    /// Keeps orders off some vehicles, unless they are there.
    pub(crate) fn bar(&mut self, barred: impl Fn(OrderId) -> Vec<VehicleId>) {
        for (stop, (order, _)) in self.solver_stops.iter_mut().zip(&self.stops) {
            for vehicle in barred(*order) {
                let tour = self.vehicles.iter().position(|&other| other == vehicle).map(|tour| TourIx(tour as u32));
                let is_there = tour
                    .is_some_and(|tour| self.initial[tour.index()].iter().any(|at| self.stops[at.index()].0 == *order));
                if let Some(tour) = tour.filter(|tour| !is_there && !stop.barred.contains(tour)) {
                    stop.barred.push(tour);
                }
            }
        }
    }

    /// The problem of an answer: legs are computed when they are read, as far as they are known (see [`Draft::missing`]).
    pub(crate) fn finish_known(&self, outlook: &Outlook) -> Problem {
        let driven = self.solver_tours.iter().zip(&self.initial).flat_map(|(tour, sequence)| {
            let nodes = sequence.iter().map(|stop| self.solver_stops[stop.index()].node);
            let from = std::iter::once(tour.start_node).chain(nodes.clone());
            let home = Some(tour.end_node).filter(|&end| end != NodeIx::NONE);
            from.zip(nodes.chain(home))
        });
        self.with_legs(outlook.asked_legs(&self.places, driven, self.epoch, self.until))
    }

    /// The legs of this draft that a routing server has not said yet; `None`: all are known.
    pub(crate) fn missing(&self, outlook: &Outlook) -> Option<LegQuery> {
        outlook.network().missing(&self.places)
    }

    /// Fills the legs in. Where they come from a routing server, the caller waits for it: this is for the pool of the searches.
    pub fn finish(&self, outlook: &Outlook) -> Problem {
        self.with_legs(outlook.legs(&self.places, self.epoch, self.until))
    }

    fn with_legs(&self, legs: Legs) -> Problem {
        let mut stops = self.solver_stops.clone();
        let leg = self.mean_leg(&legs);
        for (stop, weight) in stops.iter_mut().zip(&self.promises).filter(|_| !self.stays) {
            let price = leg.map_or(stop.change, |leg| stop.change.min(leg * CHANGE_PERMILLE_OF_LEG / 1_000));
            stop.change = price.saturating_mul(*weight) / 1_000;
        }
        Problem::new(ProblemSpec {
            stops,
            tours: self.solver_tours.clone(),
            legs,
            weights: self.weights,
            initial: self.initial.clone(),
            relations: self.relations.clone(),
            docks: Vec::new(),
        })
        .expect("a draft of a checked fleet is a legal problem")
    }

    /// What the mean leg of the routes as they are costs, in millionths; `None` where no route has a stop.
    pub(crate) fn mean_leg(&self, legs: &Legs) -> Option<i64> {
        let (mut cost, mut count) = (0_i64, 0);
        for (tour, sequence) in self.solver_tours.iter().zip(&self.initial) {
            let mut from = tour.start_node;
            for stop in sequence {
                let to = self.solver_stops[stop.index()].node;
                let (time, metres) = legs.pair(from, to);
                // A leg that no road leads over says nothing of the others.
                if time < UNREACHABLE {
                    cost += i64::from(time) * tour.per_hour / 3_600_000 + i64::from(metres) * tour.per_km / 1_000;
                    count += 1;
                }
                from = to;
            }
        }
        (count > 0).then(|| cost / count)
    }

    /// The same problem with one tour without limits: any load, any number of stops, no end of the shift. For the times of a route
    /// that its vehicle cannot keep. `None`: the problem does not become legal.
    pub(crate) fn relaxed(&self, tour: usize, problem: &Problem) -> Option<Problem> {
        let mut tours = self.solver_tours.clone();
        let tour = &mut tours[tour];
        tour.capacity = [i32::MAX / 2; 4];
        tour.stops_max = u32::MAX;
        tour.end_by = TIME_MAX;
        tour.travel_max = i32::MAX;
        // Its driver has his breaks also where he cannot keep the rest of his rule.
        tour.driving_time = tour.driving_time.map(|rule| DrivingTime { duty_max: i32::MAX, ..rule });
        tour.has = u64::MAX;
        let (stops, legs) = (self.solver_stops.clone(), problem.legs().clone());
        Problem::new(ProblemSpec { stops, tours, legs, ..ProblemSpec::default() }).ok()
    }

    /// The same problem with one tour that may be as long and as late as it takes, and holds no more than its vehicle does. `None`: its vehicle
    /// cannot be loaded again, or the problem does not become legal.
    pub(crate) fn without_end(&self, tour: usize, problem: &Problem) -> Option<Problem> {
        let mut tours = self.solver_tours.clone();
        let tour = &mut tours[tour];
        let reload = tour.reload.as_mut()?;
        reload.times_max = u32::MAX;
        (tour.stops_max, tour.end_by, tour.travel_max) = (u32::MAX, TIME_MAX, i32::MAX);
        let (stops, legs) = (self.solver_stops.clone(), problem.legs().clone());
        Problem::new(ProblemSpec { stops, tours, legs, ..ProblemSpec::default() }).ok()
    }

    pub(crate) fn relative(&self, at: Timestamp) -> i32 {
        (at - self.epoch).0.clamp(-i64::from(TIME_MAX), i64::from(TIME_MAX)) as i32
    }

    /// Zone time of a problem time.
    pub(crate) fn absolute(&self, at: i32) -> Timestamp {
        self.epoch + Millis(i64::from(at))
    }

    fn place(&mut self, position: Position, ids: &mut BTreeMap<Position, NodeIx>) -> NodeIx {
        *ids.entry(position).or_insert_with(|| {
            self.places.push(position);
            NodeIx(self.places.len() as u32 - 1)
        })
    }

    fn tour(
        &mut self,
        fleet: &Fleet,
        vehicle: &VehicleState,
        head: &[Visit],
        start: Anchor,
        ids: &mut BTreeMap<Position, NodeIx>,
    ) -> (TourSpec, Option<Millis>) {
        let spec = vehicle.spec.as_ref().expect("only registered vehicles are drafted");
        // Where it may be loaded again, what could not be delivered and what jobs have picked up stays there, and shipments go on.
        let reloads = spec.reload.is_some();
        let mut left = if reloads { vehicle.kept } else { Load::default() };
        let mut onboard = if reloads { Load::default() } else { vehicle.kept };
        // Goods of jobs on board are counted where they are delivered.
        for &order in vehicle.on_board.iter().filter(|&&order| !fleet.order(order).loads_at_start()) {
            if !head.iter().any(|visit| visit.order == order && visit.stop == StopKind::Delivery) {
                onboard += capped(fleet.order(order).load(), spec.capacity);
            }
        }
        let is_left = |order: OrderId| head.iter().any(|at| at.order == order && at.stop == StopKind::Delivery);
        // Where it may be loaded again, what is on board is told apart from what is loaded for a trip.
        if spec.reload.is_some() {
            for &order in vehicle.on_board.iter().filter(|&&order| fleet.order(order).loads_at_start()) {
                if !is_left(order) {
                    onboard += capped(fleet.order(order).load(), spec.capacity);
                }
            }
        }
        for visit in head {
            let order = fleet.order(visit.order);
            if visit.stop == StopKind::Pickup && is_left(visit.order) {
                continue;
            }
            // Not what the head delivers: see `load_beside_the_head`.
            if visit.stop == StopKind::Pickup || !(order.is_shipment() || order.loads_at_start()) {
                let stays = if reloads && !order.is_shipment() { &mut left } else { &mut onboard };
                *stays += capped(order.load(), spec.capacity);
            }
        }
        let shift = vehicle.shift.as_ref();
        let of_head = (0..head.len()).filter(|&index| vehicle.is_break_of_shift(index)).count();
        let taken = vehicle.breaks_taken as usize + of_head;
        let pauses = shift.map_or(&[][..], |shift| shift.breaks.get(taken..).unwrap_or(&[]));
        let start_node = self.place(start.position, ids);
        let reload = self.reload(fleet, vehicle, (head, left), ids);
        let (driving_time, driven_so_far, driving_left) = self.driving_time(vehicle, head, start);
        let tour = TourSpec {
            driving_time,
            driven_so_far,
            start_at: self.relative(start.at),
            end_node: spec.end.map_or(NodeIx::NONE, |end| self.place(end, ids)),
            finish_late: fleet.policy().deliver_after_shift,
            onboard: onboard.0,
            capacity: spec.capacity.0,
            has: vehicle.skills,
            fixed: spec.costs.fixed,
            per_hour: spec.costs.per_hour,
            per_km: spec.costs.per_km,
            time_factor: spec.time_factor,
            stops_max: spec
                .stops_max
                .map_or(u32::MAX, |most| most.saturating_sub(vehicle.stops_done + head.len() as u32)),
            lifo: spec.lifo,
            pauses: pauses
                .iter()
                .map(|pause| {
                    let (opens, closes) = (self.relative(pause.window.opens()), self.relative(pause.window.closes()));
                    Pause::new(opens, closes, pause.duration.0.clamp(0, i64::from(TIME_MAX)) as i32)
                })
                .collect(),
            in_use: vehicle.is_in_use(),
            reload,
            ..TourSpec::at(start_node)
        };
        (tour, driving_left)
    }

    /// What the hours of a vehicle allow behind its frozen head, which ends at `start`. `rule` and `driving_left`: its rule for the rest of the day, and how much its
    /// driver may still drive by it.
    fn allowed(
        &self,
        fleet: &Fleet,
        outlook: &Outlook,
        id: VehicleId,
        (head, start): (&[Visit], Anchor),
        (rule, driving_left): (Option<DrivingTime>, Option<Millis>),
    ) -> Allowed {
        let needed = needed_day(fleet, outlook, id, (head, start), self.epoch);
        let relative = |at: Timestamp| i64::from(self.relative(at));
        let shift_ends = fleet.works_until(id).map_or(TIME_MAX, |until| self.relative(until));
        // What is forced beyond the end of a shift takes as long as the breaks of its driver ask for.
        let forced = needed.as_ref().filter(|_| fleet.forced_until(id).is_some());
        let forced = forced.filter(|day| self.relative(day.until) > shift_ends);
        let forced = forced.map_or(shift_ends, |day| self.relative(day.until + FORCED_SLACK));
        // It comes home, too.
        let home = fleet.forced_until(id).and_then(|_| way_home(fleet, outlook, id, self.epoch));
        let home = home.filter(|home| self.relative(home.at) > shift_ends);
        let forced = home.map_or(forced, |home| forced.max(self.relative(home.at + FORCED_SLACK)));
        let duty = rule.map(|rule| rule.duty_max).filter(|&most| most < i32::MAX).map(i64::from);
        let needs = |what: fn(&NeededDay) -> Millis| needed.as_ref().map(|day| what(day).0);
        Allowed {
            shift_ends: shift_ends.max(forced),
            day_ends: Limit::of(
                end_of_duty(fleet.vehicle(id), self.epoch).map(relative),
                needed.as_ref().map(|day| relative(day.until)),
                FORCED_SLACK,
            ),
            driving: Limit::of(driving_left.map(|left| left.0), needs(|day| day.driving), DRIVING_SLACK),
            duty: Limit::of(duty, needs(|day| day.duty), FORCED_SLACK),
        }
    }

    /// Where it may be loaded again, and whether it has left with what it has on board. `left`: what of that it leaves at the next depot.
    fn reload(
        &mut self,
        fleet: &Fleet,
        vehicle: &VehicleState,
        (head, left): (&[Visit], Load),
        ids: &mut BTreeMap<Position, NodeIx>,
    ) -> Option<Reload> {
        let spec = vehicle.spec.as_ref()?;
        let service = |span: Millis| span.0.clamp(0, i64::from(TIME_MAX)) as i32;
        let places = spec.reload.as_ref()?.places.iter();
        let places = places
            .map(|depot| ReloadPlace { node: self.place(depot.position, ids), service: service(depot.service) })
            .collect();
        let delivered = head.iter().map(|visit| fleet.order(visit.order)).filter(|order| order.loads_at_start());
        let mut beside = Load::default();
        delivered.for_each(|order| beside += capped(order.load(), spec.capacity));
        // What a dispatcher has forced onto the route stays possible as it is planned.
        let is_forced = |visit: &Visit| fleet.order(visit.order).is_forced();
        let visits = &vehicle.route.visits;
        let planned = visits.iter().filter(|visit| visit.reload_before.is_some()).count() as u32;
        let planned = if visits.iter().any(is_forced) { planned } else { 0 };
        let times_max = vehicle.reloads_left().max(planned);
        Some(Reload { places, times_max, is_on_trip: vehicle.is_on_trip(), beside: beside.0, left: left.0 })
    }

    /// Its rule of driving times for the rest of the day, what its driver will have done of it when the tour begins, and how long he may drive
    /// from then on; negative: he has driven longer than that already; `None`: no limit.
    fn driving_time(
        &self,
        vehicle: &VehicleState,
        head: &[Visit],
        start: Anchor,
    ) -> (Option<DrivingTime>, DrivenSoFar, Option<Millis>) {
        let rule = vehicle.spec.as_ref().and_then(|spec| spec.driving_time);
        let (Some(rule), Some(driven)) = (rule, driven_behind(vehicle, head, self.epoch)) else {
            return (None, DrivenSoFar::default(), None);
        };
        let span = |span: Millis| span.0.clamp(0, i64::from(TIME_MAX)) as i32;
        let mut driven = driven;
        let until_then = start.at - driven.at;
        if head.is_empty() && driven.activity == Activity::Driving && driven.rests_until.is_none() {
            driven.drive(until_then, &rule);
        } else {
            driven.rest(until_then);
        }
        let settled = driven.settled(&rule);
        // Of who has left already the end is fixed, see `end_of_duty`.
        let duty_max = rule.duty_max.filter(|_| driven.began.is_none()).map_or(i32::MAX, |most| span(most).max(1));
        let time = DrivingTime {
            driving_max: span(rule.driving_max).max(1),
            pause: span(rule.pause).max(1),
            first_part: span(rule.first_part),
            service_counts: rule.service_counts,
            duty_max,
        };
        let so_far = DrivenSoFar {
            driven: span(settled.since_break),
            first_part: settled.first_part,
            rested: if settled.since_break > Millis(0) { span(driven.rested) } else { 0 },
        };
        (Some(time), so_far, rule.shift_driving_max.map(|most| most - driven.in_shift))
    }

    #[expect(clippy::too_many_arguments, reason = "one stop, from the six things it depends on")]
    fn stop(
        &mut self,
        fleet: &Fleet,
        id: OrderId,
        kind: StopKind,
        home: TourIx,
        head_has_pickup: bool,
        now: Timestamp,
        ids: &mut BTreeMap<Position, NodeIx>,
    ) -> StopIx {
        let order = fleet.order(id);
        let stop = order.stop(kind).expect("open orders have their stops");
        let spec = order.spec.as_ref().expect("open orders are known");
        let tour_of = |vehicle: VehicleId| {
            self.vehicles.iter().position(|&other| other == vehicle).map(|tour| TourIx(tour as u32))
        };
        let was = match order.placement {
            Placement::OnRoute(vehicle) => tour_of(vehicle).unwrap_or(TourIx::NONE),
            Placement::Unplaced | Placement::Unassigned(_) => TourIx::NONE,
        };
        if was == TourIx::NONE {
            let opens = stop.windows.first().map_or(now, |window| window.opens());
            self.until = self.until.max(stop.due.unwrap_or(opens).max(opens));
        }
        let locked =
            order.on_board.or(order.pinned).map_or(TourIx::NONE, |vehicle| tour_of(vehicle).unwrap_or(TourIx::NONE));
        let locked = if head_has_pickup { home } else { locked };
        let planned = match order.placement {
            Placement::OnRoute(vehicle) => {
                fleet.vehicle(vehicle).route.visits.iter().find(|visit| visit.order == id).map(|v| v.start)
            }
            Placement::Unplaced | Placement::Unassigned(_) => None,
        };
        // Without an acceptance ever, the fleet does not report them: told is told.
        let (untold, accepted) = match order.placement {
            Placement::OnRoute(vehicle) => {
                let vehicle = fleet.vehicle(vehicle);
                let reports = vehicle.accepted > LogSeq(0);
                let has_accepted = vehicle.accepted >= vehicle.route.revision;
                (reports && !has_accepted, reports && has_accepted)
            }
            Placement::Unplaced | Placement::Unassigned(_) => (false, false),
        };
        let near = match planned.map(|start| start - now) {
            Some(until) if until < URGENT_WITHIN => URGENT_PERMILLE,
            Some(until) if until > DISTANT_BEYOND || untold => DISTANT_PERMILLE,
            Some(_) | None => 1_000,
        };
        let again = i64::from(order.vehicle_changes.min(AGAIN_MAX)) * AGAIN_PERMILLE;
        self.promises.push(near + near * (again + if accepted { ACCEPTED_PERMILLE } else { 0 }) / 1_000);
        let windows = solver_windows(&stop, |at| self.relative(at));
        let span = |span: Millis| span.0.clamp(0, i64::from(TIME_MAX)) as i32;
        let role = match (kind, order.is_shipment()) {
            (StopKind::Pickup, _) => Role::Pickup,
            (StopKind::Delivery, true) => Role::Delivery,
            (StopKind::Delivery, false) if order.loads_at_start() => Role::JobDelivery,
            (StopKind::Delivery, false) => Role::JobPickup,
        };
        // A dispatcher's word counts more than who can; what fits, see `obey`.
        let needs = order.pinned.map_or(order.skills, |vehicle| order.skills & fleet.vehicle(vehicle).skills);
        let first_stop = kind == StopKind::Pickup || !order.open_stops().contains(&StopKind::Pickup) || head_has_pickup;
        let barred = order.rejected_by.iter().filter_map(|&vehicle| tour_of(vehicle)).collect();
        let node = self.place(stop.position, ids);
        self.solver_stops.push(Stop {
            windows,
            due: stop.due.map_or(i32::MAX, |due| self.relative(due)),
            service: span(fleet.service_at(stop.position, stop.service)),
            setup: span(stop.setup),
            load: spec.load.0,
            role,
            mate: StopIx::NONE,
            needs,
            locked,
            home: if first_stop { was } else { TourIx::NONE },
            // As a limit; what it is depends on the legs.
            change: fleet.policy().change_cost,
            // Who has a place does not lose it to an order of the same priority.
            unserved: {
                let cost = fleet.policy().unserved_cost;
                let placed = if was == TourIx::NONE { 0 } else { cost / 2 };
                // Who is named comes before all others.
                let named = if order.pinned.is_some() { 1 + i64::from(u8::MAX) } else { 0 };
                cost.saturating_mul(1 + i64::from(spec.priority) + named).saturating_add(placed)
            },
            placed: self.relative(spec.placed),
            aboard: {
                let carrier = order.on_board.filter(|_| role == Role::JobDelivery && locked != TourIx::NONE);
                let carrier = carrier.and_then(|carrier| fleet.vehicle(carrier).spec.as_ref());
                carrier.is_some_and(|carrier| carrier.reload.is_some())
            },
            barred,
            ..Stop::job(node)
        });
        self.stops.push((id, kind));
        StopIx(self.stops.len() as u32 - 1)
    }

    /// Where a vehicle is unloaded last in, first out, what is on board already leaves it in the reverse order of its loading. What the head
    /// takes on lies on top of that.
    fn keep_order_of_unloading(&mut self, fleet: &Fleet) {
        for (&id, head) in self.vehicles.iter().zip(&self.heads) {
            let vehicle = fleet.vehicle(id);
            if vehicle.spec.as_ref().is_none_or(|spec| !spec.lifo) {
                continue;
            }
            let delivery = |&order: &OrderId| {
                let stop = self.stops.iter().position(|&stop| stop == (order, StopKind::Delivery))?;
                Some(StopIx(stop as u32))
            };
            // Goods of jobs are loaded in the order that suits their tour.
            let picked_up = vehicle.on_board.iter().rev().filter(|&&order| !fleet.order(order).loads_at_start());
            let on_top = head.iter().rev().filter(|visit| visit.stop == StopKind::Pickup).map(|visit| &visit.order);
            let stops: Vec<StopIx> = on_top.chain(picked_up).filter_map(delivery).collect();
            if stops.len() > 1 {
                self.relations.push(Relation { kind: RelationKind::InOrder, stops });
            }
        }
    }

    /// Joins the halves of shipments. A delivery alone is of goods on board (or about to be, from the head).
    fn pair(&mut self) {
        let mut at: BTreeMap<(OrderId, StopKind), StopIx> = BTreeMap::new();
        for (index, &stop) in self.stops.iter().enumerate() {
            at.insert(stop, StopIx(index as u32));
        }
        for index in 0..self.stops.len() {
            let (order, kind) = self.stops[index];
            let other = match kind {
                StopKind::Pickup => StopKind::Delivery,
                StopKind::Delivery => StopKind::Pickup,
            };
            self.solver_stops[index].mate = at.get(&(order, other)).copied().unwrap_or(StopIx::NONE);
        }
    }
}

/// When service may start, in the solver's terms: windows cut by the release of the goods. `relative` is the problem's clock.
pub(crate) fn solver_windows(stop: &fleetfold_fleet::Stop, relative: impl Fn(Timestamp) -> i32) -> Vec<(i32, i32)> {
    let mut windows: Vec<(i32, i32)> =
        stop.windows.iter().map(|window| (relative(window.opens()), relative(window.closes()))).collect();
    if let Some(release) = stop.release {
        let release = relative(release);
        windows.retain(|&(_, closes)| closes >= release);
        match windows.first_mut() {
            Some(first) => first.0 = first.0.max(release),
            None if stop.windows.is_empty() => windows.push((release, TIME_MAX)),
            None => windows.push((release, release)),
        }
    }
    // Clamping far-away times may have made windows touch.
    windows.dedup_by(|later, earlier| {
        let touch = later.0 <= earlier.1;
        if touch {
            earlier.1 = earlier.1.max(later.1);
        }
        touch
    });
    windows
}

/// When a vehicle is at the stop that it is on its way to. `travel`: from where it is known to be.
pub(crate) fn arrival_under_way(vehicle: &VehicleState, under: UnderWay, travel: Millis, now: Timestamp) -> Timestamp {
    // Who takes a break on the way drives on when it is over.
    let now = vehicle.rests_until(now).filter(|_| under.arrived.is_none()).unwrap_or(now);
    match (under.arrived, vehicle.on_its_way_at()) {
        (Some(at), _) => at,
        (None, Some(_)) => now + travel,
        // Nobody has said where it is since it departed.
        (None, None) => (under.departed + travel + vehicle.rested_since(under.departed, now)).max(now),
    }
}

/// When a driver whose hours nobody counts drives on behind the last break that he told on the way, and for how long; `None`: he told none, or
/// his phone has said where he is. How long he had driven before it is known as long as it is taken; from then on it stands in his plan, in
/// which he departs at the end of the break.
fn drives_on(vehicle: &VehicleState, under: UnderWay, visit: &Visit, travel: Millis) -> Option<(Timestamp, Millis)> {
    let is_ruled = vehicle.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some());
    if is_ruled || under.arrived.is_some() || vehicle.on_its_way_at().is_some() {
        return None;
    }
    let planned = visit.departs().filter(|&departs| departs > under.departed).map(|departs| visit.arrival - departs);
    let ended = vehicle.last_break_ended().filter(|&ended| ended > under.departed).zip(planned);
    match vehicle.takes_break().filter(|pause| pause.since > under.departed) {
        Some(pause) if visit.depart_at == pause.until => Some((pause.until, planned?)),
        Some(pause) => {
            let arrival = ended.map_or(under.departed + travel, |(ended, left)| ended + left);
            Some((pause.until, (arrival - pause.since).max(Millis(0))))
        }
        None => ended,
    }
}

/// Where a vehicle may be sent elsewhere before the stop that it is on its way to, or that it has reached long before it can begin there;
/// `None`: it is under way to none, nobody knows where it is, or it begins soon.
pub(crate) fn turns_at(fleet: &Fleet, id: VehicleId, now: Timestamp) -> Option<Anchor> {
    // Who goes elsewhere first does not do next what he has accepted.
    if fleet.accepted_head(id) > 0 {
        return None;
    }
    let vehicle = fleet.vehicle(id);
    let waits = || !fleet.policy().settle_on_arrival && fleet.waits_until(id).is_some_and(|at| at - now >= WAITS_MIN);
    vehicle.on_its_way_at().or_else(|| vehicle.whereabouts().filter(|_| vehicle.frozen() > 0 && waits()))
}

/// Where a vehicle is known to be that is on its way to a stop to which no road leads from there; `None`: it can get there, or is under
/// way to none.
fn cut_off_at(fleet: &Fleet, outlook: &Outlook, id: VehicleId, now: Timestamp) -> Option<Anchor> {
    let vehicle = fleet.vehicle(id);
    if fleet.accepted_head(id) > 0 {
        return None;
    }
    let under = vehicle.under_way.filter(|under| under.arrived.is_none() && vehicle.frozen() > 0)?;
    let stop = fleet.order(under.order).stop(under.stop)?;
    let here = vehicle.on_its_way_at().or_else(|| vehicle.whereabouts())?;
    let leg = outlook.leg(here.position, stop.position, now);
    (i64::from(leg.millis) >= CUT_OFF.0).then_some(here)
}

/// Shipments that are on board of a vehicle behind its head: those that are there, and those that the head takes on.
fn aboard<'v>(vehicle: &'v VehicleState, head: &'v [Visit], fleet: &'v Fleet) -> impl Iterator<Item = OrderId> + 'v {
    let is_left = |order: OrderId| head.iter().any(|visit| visit.order == order && visit.stop == StopKind::Delivery);
    let there = vehicle.on_board.iter().copied().filter(|&order| !fleet.order(order).loads_at_start());
    let taken = head.iter().filter(|visit| visit.stop == StopKind::Pickup).map(|visit| visit.order);
    there.chain(taken).filter(move |&order| !is_left(order))
}

/// What the policy asks of the trips of a vehicle: all goods of one place, nothing added to the one under way, and whether the vehicle is
/// still where it took on all that is on board. `None`: nothing.
fn trips(fleet: &Fleet, vehicle: &VehicleState, head: &[Visit], start: Anchor) -> Option<(bool, bool, bool)> {
    let policy = fleet.policy();
    if !policy.one_pickup_place && policy.add_after_departure {
        return None;
    }
    let is_here = |order: OrderId| {
        let pickup = fleet.order(order).spec.as_ref().and_then(|spec| match &spec.work {
            OrderWork::Shipment(shipment) => Some(shipment.pickup.position),
            OrderWork::Job(_) => None,
        });
        pickup == Some(start.position)
    };
    Some((policy.one_pickup_place, !policy.add_after_departure, aboard(vehicle, head, fleet).all(is_here)))
}

/// Orders that a vehicle had to fetch when it left for its trip, and that stay with it: the policy lets nothing be added, nor taken off, until
/// the vehicle is empty. A dispatcher's word for another vehicle counts more.
fn of_trip(fleet: &Fleet, vehicle: &VehicleState, frozen: usize) -> BTreeSet<OrderId> {
    let mut orders = BTreeSet::new();
    if fleet.policy().add_after_departure {
        return orders;
    }
    let (head, tail) = vehicle.route.visits.split_at(frozen);
    let mut open: BTreeSet<OrderId> = aboard(vehicle, head, fleet).collect();
    for visit in tail {
        if open.is_empty() {
            break;
        }
        if visit.stop == StopKind::Delivery {
            open.remove(&visit.order);
        } else {
            open.insert(visit.order);
            if fleet.order(visit.order).pinned.is_none_or(|pinned| fleet.vehicle(pinned).name == vehicle.name) {
                orders.insert(visit.order);
            }
        }
    }
    orders
}

/// Vehicles that cannot get to the stop that they are on their way to, and its orders: they may do something else first.
pub(crate) struct CutOff {
    pub(crate) vehicles: BTreeSet<VehicleId>,
    held: Vec<OrderId>,
}

impl CutOff {
    /// Those of some vehicles.
    pub(crate) fn of(
        fleet: &Fleet,
        outlook: &Outlook,
        vehicles: impl IntoIterator<Item = VehicleId>,
        now: Timestamp,
    ) -> Self {
        let is_cut_off = |id: &VehicleId| cut_off_at(fleet, outlook, *id, now).is_some();
        let vehicles: BTreeSet<VehicleId> = vehicles.into_iter().filter(is_cut_off).collect();
        let held = vehicles.iter().filter_map(|&id| fleet.vehicle(id).under_way).map(|under| under.order).collect();
        Self { vehicles, held }
    }

    /// These orders and those that hold the vehicles, each once: all of them are to be placed.
    pub(crate) fn loose(&self, orders: &[OrderId]) -> Vec<OrderId> {
        let held = self.held.iter().filter(|order| !orders.contains(order));
        orders.iter().chain(held).copied().collect()
    }
}

/// What of a route is not planned again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// So many visits.
    pub(crate) count: usize,
    /// The vehicle is where the last of them is, or has none of them to make: it did not come for what it is given there from now on.
    pub(crate) is_there: bool,
}

/// What of a route is not planned again: the visit under way; where the policy settles things on arrival, what else the vehicle came for to
/// the place where it is, and its next destination; and what its driver has accepted, where the policy freezes that.
pub(crate) fn settled(fleet: &Fleet, id: VehicleId) -> Settled {
    let vehicle = fleet.vehicle(id);
    let settled = settled_by_departure(fleet, vehicle);
    let accepted = fleet.accepted_head(id);
    if accepted > settled.count { Settled { count: accepted, is_there: false } } else { settled }
}

fn settled_by_departure(fleet: &Fleet, vehicle: &VehicleState) -> Settled {
    let frozen = vehicle.frozen();
    let Some(under) = vehicle.under_way.filter(|_| frozen > 0) else { return Settled { count: 0, is_there: true } };
    if under.arrived.is_none() || !fleet.policy().settle_on_arrival {
        return Settled { count: frozen, is_there: under.arrived.is_some() };
    }
    // At a depot everything can be told anew.
    let visits = until_depot(&vehicle.route.visits);
    let stop = |visit: &Visit| fleet.order(visit.order).stop(visit.stop);
    let here = stop(&visits[0]).map(|stop| stop.position);
    let came_for = |visit: &&Visit| {
        here.zip(stop(visit)).is_some_and(|(here, stop)| !approaches(fleet, visit, &stop, here, false))
    };
    let count = frozen + visits[frozen..].iter().take_while(came_for).count();
    Settled { count: visits.len().min(count + 1), is_there: count == visits.len() }
}

/// True if a vehicle sets up at a visit to which it comes from a place: it comes from elsewhere. Where it is there already (`is_there`), or the
/// policy asks for another approach for what it was given after it had arrived, how it is planned tells: its service begins the set-up time
/// behind its arrival.
pub(crate) fn approaches(
    fleet: &Fleet,
    visit: &Visit,
    stop: &fleetfold_fleet::Stop,
    from: Position,
    is_there: bool,
) -> bool {
    let is_planned = || stop.setup > Millis(0) && visit.start - visit.arrival >= stop.setup;
    from != stop.position || (is_there || fleet.policy().settle_on_arrival) && is_planned()
}

/// Where a vehicle is that leaves a place at a time for a depot, once it is loaded there.
pub(crate) fn by_depot(
    outlook: &Outlook,
    spec: &Vehicle,
    call: &DepotCall,
    (from, leaves): (Position, Timestamp),
) -> Anchor {
    let leg = outlook.leg(from, call.position, leaves);
    let travel = Millis(i64::from(leg.millis) * i64::from(spec.time_factor) / 1000);
    Anchor { position: call.position, at: leaves + travel + (call.departure - call.arrival) }
}

/// The frozen head with times as expected now, and where and when the vehicle is free behind it. A head ends before the next call at a depot.
fn head(
    fleet: &Fleet,
    outlook: &Outlook,
    vehicle: &VehicleState,
    frozen: usize,
    now: Timestamp,
) -> (Vec<Visit>, Anchor) {
    let here = vehicle.whereabouts().unwrap_or(Anchor { position: Position::default(), at: now });
    let mut free = Anchor { position: here.position, at: vehicle.free_from(now) };
    let mut visits = vehicle.route.visits[..frozen].to_vec();
    let rule = vehicle.spec.as_ref().and_then(|spec| spec.driving_time);
    let mut driven = vehicle.driven(now);
    for visit in &mut visits {
        let Some(stop) = fleet.order(visit.order).stop(visit.stop) else { continue };
        let factor = vehicle.spec.as_ref().map_or(1000, |spec| i64::from(spec.time_factor));
        if visit.is_recalled() {
            // The word was taken back, or could not be obeyed.
            visit.depart_at = free.at;
        }
        let leaves = free.at.max(visit.depart_at) + visit.break_before;
        let leg = outlook.leg(free.position, stop.position, leaves);
        let travel = Millis(i64::from(leg.millis) * factor / 1000);
        let under = vehicle.under_way.filter(|under| (under.order, under.stop) == (visit.order, visit.stop));
        let mut arrival = under.map_or(leaves + travel, |under| arrival_under_way(vehicle, under, travel, now));
        if let (Some(rule), Some(driven)) = (rule, &mut driven) {
            if let Some(under) = under {
                // He rests on the way as far as he has to, beside what he has rested there already.
                let more = rests_under_way(driven, under, arrival, &rule);
                let drives_on = vehicle.rests_until(now).unwrap_or(now);
                let rested = vehicle.rested_since(under.departed, drives_on);
                let rested = under.arrived.map_or(rested, |_| Millis(0));
                (visit.depart_at, visit.break_before) = (under.departed, rested + more);
                arrival = arrival + more;
            } else {
                driven.rest(leaves - visit.break_before - driven.at);
                arrival = arrival + driven.drive_as_planned(visit.break_before, travel, &rule);
            }
        }
        if let Some((drives_on, left)) = under.and_then(|under| drives_on(vehicle, under, visit, travel)) {
            visit.depart_at = drives_on;
            arrival = (drives_on + left).max(now);
        }
        let start = stop.service_start(
            arrival,
            approaches(fleet, visit, &stop, free.position, under.is_some_and(|under| under.arrived.is_some())),
        );
        visit.arrival = arrival;
        visit.start = start;
        visit.departure = (start + fleet.service_at(stop.position, stop.service)).max(now);
        if let (Some(rule), Some(driven)) = (rule, &mut driven) {
            serve(driven, visit, &rule);
        }
        free = Anchor { position: stop.position, at: visit.departure };
    }
    (visits, free)
}

/// How long a driver has to rest, beyond a break that he takes, until he is at the stop that he is under way to, where he would be at `arrival` without a break.
pub(crate) fn rests_under_way(driven: &mut Driven, under: UnderWay, arrival: Timestamp, rule: &DrivingRule) -> Millis {
    if under.arrived.is_some() {
        return Millis(0);
    }
    // Where he takes a break he drives on when it is over.
    driven.finish_break();
    driven.drive_with_breaks((arrival - driven.at).max(Millis(0)), rule)
}

/// Waits at a visit and serves it.
fn serve(driven: &mut Driven, visit: &Visit, rule: &DrivingRule) {
    driven.rest(visit.start - driven.at);
    driven.work(visit.departure - driven.at, rule);
}

/// What a driver has driven and rested when his head is over; `None`: no rule asks for it.
fn driven_behind(vehicle: &VehicleState, head: &[Visit], now: Timestamp) -> Option<Driven> {
    let rule = vehicle.spec.as_ref()?.driving_time?;
    let mut driven = vehicle.driven(now)?;
    for (index, visit) in head.iter().enumerate() {
        match vehicle.under_way.filter(|_| index == 0) {
            Some(under) if under.arrived.is_some() => {}
            Some(under) => {
                let drives_on = vehicle.rests_until(now).unwrap_or(now);
                let ahead = vehicle.breaks_ahead(under, visit, drives_on);
                rests_under_way(&mut driven, under, visit.arrival - ahead, &rule);
            }
            None => {
                let leaves = driven.at.max(visit.departs().unwrap_or(driven.at));
                driven.rest(leaves - driven.at);
                let drive = visit.arrival - leaves - visit.break_before;
                driven.drive_as_planned(visit.break_before, drive, &rule);
            }
        }
        serve(&mut driven, visit, &rule);
    }
    Some(driven)
}

/// What a driver has to do whatever his rule says, behind his head.
struct NeededDay {
    /// Driving.
    driving: Millis,
    /// When it is over.
    until: Timestamp,
    /// From his departure to then.
    duty: Millis,
}

/// What a driver has to do because it cannot be taken off him: what a dispatcher has tied to his vehicle and what is on board, in the order of
/// his route and with the breaks that his rule asks for now. `None`: there is nothing of the kind, or no rule asks. `start`: where and when he
/// is free behind his head.
fn needed_day(
    fleet: &Fleet,
    outlook: &Outlook,
    id: VehicleId,
    (head, start): (&[Visit], Anchor),
    now: Timestamp,
) -> Option<NeededDay> {
    let vehicle = fleet.vehicle(id);
    let spec = vehicle.spec.as_ref()?;
    let rule = spec.driving_time?;
    let is_tied = |order: OrderId| fleet.order(order).on_board.or(fleet.order(order).pinned) == Some(id);
    let tail = vehicle.route.visits.get(head.len()..).unwrap_or_default();
    if !tail.iter().any(|visit| is_tied(visit.order)) {
        return None;
    }
    let mut driven = driven_behind(vehicle, head, now)?;
    driven.rest(start.at - driven.at);
    if let Some(departs) = tail.first().filter(|_| driven.began.is_none()).and_then(Visit::departs) {
        driven.rest(departs - driven.at);
    }
    let (leaves, drove) = (driven.at, driven.in_shift);
    let mut here = start.position;
    let mut go = |driven: &mut Driven, to: Position| {
        let leg = outlook.leg(here, to, driven.at);
        driven.drive_with_breaks(Millis(i64::from(leg.millis) * i64::from(spec.time_factor) / 1000), &rule);
        std::mem::replace(&mut here, to)
    };
    for visit in tail.iter().filter(|visit| is_tied(visit.order)) {
        let Some(stop) = fleet.order(visit.order).stop(visit.stop) else { continue };
        let from = go(&mut driven, stop.position);
        let begins = stop.service_start(driven.at, approaches(fleet, visit, &stop, from, false));
        driven.rest(begins - driven.at);
        driven.work(fleet.service_at(stop.position, stop.service), &rule);
    }
    if let Some(end) = spec.end {
        go(&mut driven, end);
    }
    Some(NeededDay { driving: driven.in_shift - drove, until: driven.at, duty: driven.at - leaves })
}

/// When the day of a driver who has left already must be over; `None`: no rule says so, or he has not left.
fn end_of_duty(vehicle: &VehicleState, now: Timestamp) -> Option<Timestamp> {
    let most = vehicle.spec.as_ref()?.driving_time?.duty_max?;
    Some(vehicle.driven(now)?.began? + most)
}

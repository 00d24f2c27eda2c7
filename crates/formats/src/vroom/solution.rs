//! VROOM's solution format, from a solution of the solver.

use std::collections::BTreeMap;

use fleetfold_solver::{
    Charged, Fairness, Late, NodeIx, Problem, Role, Solution, Stop, StopIx, TIME_MAX, TourIx, TourSpec, Walk,
    dock_holds, schedule_held, schedule_late,
};
use serde_json::{Map, Value, json};

use super::clock::NEVER;
use super::places::Location;
use super::prices::PARTS;
use super::reasons::{obstacles_of, reason, unit};
use super::timing::{Leg, Moment, Ride, Step, Times, off};
use crate::error::Spot;
use crate::instance::Instance;
use crate::names::{Forced, Names};

/// Parts in which the solver counts energy.
pub(super) const MILLIONTHS: i64 = 1_000_000;

/// A plan that breaks a rule of its own problem. This is an error of this program, not of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: the plan {what}")]
pub struct BrokenPlan {
    /// The vehicle or the task.
    pub at: Spot,
    /// What the plan does.
    pub what: &'static str,
}

/// What a vehicle does at a step of its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    Task(StopIx),
    /// One of the vehicle's breaks.
    Break(usize),
    /// It unloads and loads again; seconds until it leaves.
    Reload(NodeIx, i64),
    /// A break that driving times ask for: when it begins, and seconds.
    DrivingBreak(i64, i64),
    /// It is charged; seconds until it leaves, and what is put into the battery, in millionths.
    Charge(NodeIx, i64, i64),
}

fn charge(charged: Charged) -> Visit {
    Visit::Charge(charged.node, i64::from(charged.leave - charged.arrival), charged.amount)
}

/// What is wrong with a step, a route or a whole plan: VROOM's name of each cause, and by how many seconds where it is one of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Violations(BTreeMap<&'static str, i64>);

impl Violations {
    pub(super) fn add(&mut self, cause: &'static str, seconds: i64) {
        *self.0.entry(cause).or_default() += seconds;
    }

    /// Adds how far from windows something begins.
    pub(super) fn add_off(&mut self, off: i64) {
        if off != 0 {
            self.add(if off < 0 { "lead_time" } else { "delay" }, off.abs());
        }
    }

    fn extend(&mut self, other: &Self) {
        for (cause, seconds) in &other.0 {
            self.add(cause, *seconds);
        }
    }

    fn json(&self) -> Value {
        let one = |(&cause, &seconds): (&&str, &i64)| match cause {
            "lead_time" | "delay" | "release" => json!({ "cause": cause, "duration": seconds }),
            _ => json!({ "cause": cause }),
        };
        self.0.iter().map(one).collect()
    }
}

/// What is wrong with a route, where anything may be.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteViolations {
    pub(super) start: Violations,
    /// By step; empty: none.
    pub(super) steps: Vec<Violations>,
    pub(super) end: Violations,
    pub(super) route: Violations,
}

/// What a summary adds up.
#[derive(Default)]
struct Sums {
    cost: i64,
    duration: i64,
    distance: i64,
    setup: i64,
    service: i64,
    waiting: i64,
    /// On foot.
    walking: i64,
    priority: i64,
    delivery: Vec<i64>,
    pickup: Vec<i64>,
    violations: Violations,
}

fn add(sums: &mut [i64], amounts: &[i64], sign: i64) {
    sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += sign * amount);
}

impl Sums {
    fn new(dimensions: usize) -> Self {
        Self { delivery: vec![0; dimensions], pickup: vec![0; dimensions], ..Self::default() }
    }

    fn add(&mut self, other: &Self) {
        self.cost += other.cost;
        self.duration += other.duration;
        self.distance += other.distance;
        self.setup += other.setup;
        self.service += other.service;
        self.waiting += other.waiting;
        self.walking += other.walking;
        self.priority += other.priority;
        add(&mut self.delivery, &other.delivery, 1);
        add(&mut self.pickup, &other.pickup, 1);
        self.violations.extend(&other.violations);
    }

    fn write(&self, names: &Names, object: &mut Map<String, Value>) {
        for (key, value) in [
            ("cost", self.cost),
            ("setup", self.setup),
            ("service", self.service),
            ("duration", self.duration),
            ("waiting_time", self.waiting),
            ("priority", self.priority),
        ] {
            object.insert(key.to_owned(), json!(value));
        }
        if self.walking > 0 {
            object.insert("walking".to_owned(), json!(self.walking));
        }
        if names.dimensions > 0 {
            object.insert("delivery".to_owned(), json!(self.delivery));
            // Deprecated, and still written by VROOM.
            object.insert("amount".to_owned(), json!(self.delivery));
            object.insert("pickup".to_owned(), json!(self.pickup));
        }
        if names.has_distances {
            object.insert("distance".to_owned(), json!(self.distance));
        }
        object.insert("violations".to_owned(), self.violations.json());
    }
}

/// A solution in VROOM's format. `names` are those of the instance.
///
/// # Errors
///
/// The plan breaks a rule, or a task is neither in a route nor left out.
pub fn solution(instance: &Instance, names: &Names, solution: &Solution) -> Result<Value, BrokenPlan> {
    let problem = &instance.problem;
    let mut document = Document::new(problem, names);
    let mut days = Vec::new();
    let all =
        || BrokenPlan { at: Spot::Item("vehicle", names.vehicles[0].id), what: "has too many vehicles at a dock" };
    let held = dock_holds(problem, &solution.tours).ok_or_else(all)?;
    for (tour, sequence) in TourIx::all().zip(&solution.tours).filter(|(_, sequence)| !sequence.is_empty()) {
        let broken = |what| BrokenPlan { at: Spot::Item("vehicle", names.vehicles[tour.index()].id), what };
        let (mut timed, mut home) =
            schedule_held(problem, tour, sequence, &held[tour.index()]).ok_or_else(|| broken("breaks a rule"))?;
        let spec = &problem.tours()[tour.index()];
        days.push((spec.day_until(i64::from(home.arrival)), sequence.len() as u32));
        let mut visits = Vec::with_capacity(sequence.len());
        let mut breaks = 0..names.vehicles[tour.index()].breaks.len();
        let mut late = None;
        if has_fixed_times(problem, tour, sequence) {
            let found =
                schedule_late(problem, tour, sequence, &held[tour.index()]).ok_or_else(|| broken("breaks a rule"))?;
            (timed, home) = (found.times.clone(), found.home);
            late = Some(found);
        }
        let rests = late.as_ref().map(|late| &late.rests);
        let pauses = rests.and_then(|rests| rests.pauses.as_deref());
        let breaks_before = |position: usize, to_reload: bool| {
            let own = rests.into_iter().flat_map(|rests| &rests.breaks);
            let own = own.filter(|rest| rest.before == position && rest.to_reload == to_reload);
            let visit = |begin: i32, duration: i32| {
                Visit::DrivingBreak(i64::from(begin) + names.time_base, i64::from(duration))
            };
            let mut found: Vec<(i32, Visit)> = own.map(|rest| (rest.begin, visit(rest.begin, rest.duration))).collect();
            let here = pauses.into_iter().flatten();
            let here = here.filter(|taken| !taken.before_leaving);
            let here = here.filter(|taken| taken.before == position && taken.to_detour == to_reload);
            found.extend(here.map(|taken| (taken.begin, Visit::Break(taken.pause))));
            found.sort_by_key(|&(begin, _)| begin);
            found.into_iter().map(|(_, visit)| visit)
        };
        if let Some(pauses) = pauses {
            // They are put in where they begin.
            breaks = pauses.len()..breaks.len();
            let at_start = pauses.iter().filter(|taken| taken.before_leaving);
            visits.extend(at_start.map(|taken| Visit::Break(taken.pause)));
        }
        for (position, (&stop, timed)) in sequence.iter().zip(&timed).enumerate() {
            let early = if pauses.is_some() { 0 } else { timed.pauses };
            visits.extend(breaks.by_ref().take(early as usize).map(Visit::Break));
            visits.extend(breaks_before(position, true));
            if let Some(reloaded) = timed.reloaded {
                // Behind it the vehicle may wait for goods: then it reloads later.
                let stays = i64::from(reloaded.leave - reloaded.arrival);
                let places = spec.reload.iter().flat_map(|reload| &reload.places);
                let least = places.filter(|place| place.node == reloaded.node).map(|place| i64::from(place.service));
                visits.push(Visit::Reload(reloaded.node, least.min().map_or(stays, |least| least.min(stays))));
            }
            visits.extend(timed.charged.map(charge));
            visits.extend(breaks_before(position, false));
            visits.push(Visit::Task(stop));
        }
        let early = if pauses.is_some() { 0 } else { home.pauses };
        visits.extend(breaks.by_ref().take(early as usize).map(Visit::Break));
        visits.extend(breaks_before(sequence.len(), true));
        visits.extend(home.charged.map(charge));
        visits.extend(breaks_before(sequence.len(), false));
        if breaks.next().is_some() {
            return Err(broken("lacks a break"));
        }
        let mut ride = ride(problem, names, tour, &visits);
        if let Some(late) = &late {
            fix_times(problem, names, tour, (&visits, late), &mut ride);
        }
        let times = ride.times();
        let in_time = ride.steps.iter().zip(&times.steps).all(|(step, moment)| off(&step.windows, moment.begin) == 0);
        if !in_time || times.start < ride.shift.0 || times.end.arrival > ride.shift.1 {
            return Err(broken("is not in time"));
        }
        document.add_route(tour, &visits, &times, &RouteViolations::default())?;
    }
    let fairness = problem.weights().fairness;
    document.fairness = (fairness != Fairness::default()).then(|| fairness.price(days.into_iter()) / names.cost_units);
    let mut told = obstacles_of(problem, names, solution);
    for &stop in &solution.absent {
        document.leave_out(
            stop,
            Some(reason(problem, &solution.tours, stop)),
            told.remove(&unit(problem, stop)).unwrap_or_default(),
        )?;
    }
    document.finish()
}

/// Times are part of the plan, not only its order: it reloads, rests, waits for docks, or begins tasks when they are preferred or can be
/// loaded.
fn has_fixed_times(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> bool {
    let spec = &problem.tours()[tour.index()];
    let is_timed = |stop: &StopIx| {
        let its = &problem.stops()[stop.index()];
        let is_docked = problem.spec().docks.iter().any(|dock| dock.node == its.node);
        its.soft.is_some() || its.release > -TIME_MAX || is_docked
    };
    let is_charged_between = spec.battery.is_some() && !spec.pauses.is_empty();
    spec.reload.is_some() || spec.driving_time.is_some() || is_charged_between || sequence.iter().any(is_timed)
}

/// Makes a ride begin everything when the plan does.
fn fix_times(problem: &Problem, names: &Names, tour: TourIx, (visits, late): (&[Visit], &Late), ride: &mut Ride) {
    let spec = &problem.tours()[tour.index()];
    let mut here = spec.start_node;
    let mut timed = late.times.iter();
    let leaves = Some(i64::from(late.start) + names.time_base);
    // Where a driver waits at his first stop, that may have been his break: then he must not leave any later.
    let pauses = late.rests.pauses.as_deref();
    if let Some(pauses) = pauses {
        let leave = late.rests.leaves;
        let at_start = pauses.iter().filter(|taken| taken.before_leaving).map(|taken| taken.begin).min();
        ride.leaves.at = Some(i64::from(at_start.unwrap_or(leave)) + names.time_base);
    } else if spec.driving_time.is_some() {
        ride.leaves.at = leaves;
    } else {
        ride.leaves.after = leaves;
    }
    for (step, visit) in ride.steps.iter_mut().zip(visits) {
        match *visit {
            Visit::Task(stop) => {
                let its = &problem.stops()[stop.index()];
                let timed_here = timed.as_slice().first().is_some_and(|timed| timed.on_foot);
                let (setup, _) = times_at(spec, its, if timed_here { its.node } else { here });
                here = its.node;
                if let Some(timed) = timed.next() {
                    step.forced.at = Some(i64::from(timed.start) - setup + names.time_base);
                }
            }
            Visit::Reload(node, service) => {
                here = node;
                if let Some(reloaded) = timed.as_slice().first().and_then(|timed| timed.reloaded)
                    && i64::from(reloaded.leave - reloaded.arrival) > service
                {
                    step.forced.at = Some(i64::from(reloaded.leave) - service + names.time_base);
                }
            }
            Visit::Charge(node, ..) => here = node,
            Visit::Break(index) => {
                let Some(pauses) = pauses else { continue };
                let Some(taken) = pauses.iter().find(|taken| taken.pause == index) else { continue };
                step.forced.at = Some(i64::from(taken.begin) + names.time_base);
                if taken.before_leaving {
                    let next = pauses.iter().find(|next| next.pause == index + 1 && next.before_leaving);
                    step.stays = i64::from(next.map_or(late.rests.leaves, |next| next.begin)) + names.time_base;
                }
            }
            Visit::DrivingBreak(..) => {}
        }
    }
}

/// A route whose times are to be found.
pub(super) fn ride(problem: &Problem, names: &Names, tour: TourIx, visits: &[Visit]) -> Ride {
    let spec = &problem.tours()[tour.index()];
    let vehicle = &names.vehicles[tour.index()];
    let mut here = spec.start_node;
    let (mut walks, walk_home) = walks_of(problem, tour, visits);
    let mut vehicle_at = here;
    let steps = visits.iter().map(|&visit| match visit {
        Visit::Break(index) => {
            let own = &vehicle.breaks[index];
            Step {
                windows: own.windows.clone(),
                setup: 0,
                service: own.service,
                leg: None,
                forced: Forced::default(),
                walk: 0,
                stays: i64::MIN,
            }
        }
        Visit::Reload(node, service) | Visit::Charge(node, service, _) => {
            let leg = leg(problem, spec, here, node);
            (here, vehicle_at) = (node, node);
            let (windows, forced) = (vec![(0, NEVER)], Forced::default());
            Step { windows, setup: 0, service, leg: Some(leg), forced, walk: 0, stays: i64::MIN }
        }
        Visit::DrivingBreak(begin, service) => {
            let (windows, forced) = (vec![(begin, begin)], Forced::default());
            Step { windows, setup: 0, service, leg: None, forced, walk: 0, stays: i64::MIN }
        }
        Visit::Task(stop) => {
            let its = &problem.stops()[stop.index()];
            let walk = walks.next().unwrap_or_default();
            let from = if walk.on_foot { its.node } else { vehicle_at };
            let (setup, service) = times_at(spec, its, from);
            let leg = if walk.on_foot { Leg::default() } else { leg(problem, spec, from, its.node) };
            (here, vehicle_at) = (its.node, if walk.on_foot { vehicle_at } else { its.node });
            let windows = names.tasks[stop.index()].windows.clone();
            let walk = i64::from(walk.time);
            Step { windows, setup, service, leg: Some(leg), forced: Forced::default(), walk, stays: i64::MIN }
        }
    });
    let steps = steps.collect();
    let home = spec.end_node.get().map_or(Leg::default(), |end| leg(problem, spec, vehicle_at, end));
    Ride { shift: vehicle.shift, leaves: Forced::default(), steps, home, walk_home: i64::from(walk_home) }
}

/// The walks before the tasks of a route, and the one before the vehicle drives to its end.
fn walks_of(problem: &Problem, tour: TourIx, visits: &[Visit]) -> (std::vec::IntoIter<Walk>, i32) {
    let tasks = visits.iter().filter_map(|&visit| if let Visit::Task(stop) = visit { Some(stop) } else { None });
    let (walks, home) = fleetfold_solver::walks(problem, tour, &tasks.collect::<Vec<_>>());
    (walks.into_iter(), home)
}

/// What is in the battery of a vehicle, in millionths; `None`: it has none.
struct Level<'p> {
    problem: &'p Problem,
    spec: &'p TourSpec,
    left: Option<i64>,
}

impl Level<'_> {
    /// The vehicle drives, and what is left in whole units is written down.
    fn drive(&mut self, from: NodeIx, to: NodeIx, step: &mut Map<String, Value>) {
        let leg = leg(self.problem, self.spec, from, to);
        if let (Some(battery), Some(left)) = (&self.spec.battery, &mut self.left) {
            *left -= battery.used(leg.time as i32, leg.metres as i32);
            step.insert("battery".to_owned(), json!(left.div_euclid(MILLIONTHS)));
        }
    }

    fn put_in(&mut self, amount: i64, step: &mut Map<String, Value>) {
        if let Some(left) = &mut self.left {
            *left += amount;
            step.insert("battery".to_owned(), json!(left.div_euclid(MILLIONTHS)));
            step.insert("charged".to_owned(), json!((amount + MILLIONTHS - 1).div_euclid(MILLIONTHS)));
        }
    }
}

/// Time and length of a leg for a vehicle.
pub(super) fn leg(problem: &Problem, spec: &TourSpec, from: NodeIx, to: NodeIx) -> Leg {
    let time = problem.legs().leaving(from, to, 0, (spec.table, spec.time_factor)).0;
    Leg { time: i64::from(time), metres: i64::from(problem.legs().length_in(spec.table, from, to)) }
}

/// Times of set-up and of service at a stop, for a vehicle that comes from a node.
pub(super) fn times_at(spec: &TourSpec, stop: &Stop, from: NodeIx) -> (i64, i64) {
    let own = stop.by_type.iter().find(|own| own.vehicle_type == spec.vehicle_type);
    let (setup, service) = own.map_or((stop.setup, stop.service), |own| (own.setup, own.service));
    (if from == stop.node { 0 } else { i64::from(setup) }, i64::from(service))
}

/// A solution in the making.
pub(super) struct Document<'p> {
    problem: &'p Problem,
    names: &'p Names,
    /// With the positions of their vehicles in the file.
    routes: Vec<(usize, Value)>,
    /// With their positions in the file.
    unassigned: Vec<(usize, Value)>,
    sums: Sums,
    /// What unequal days cost, where they cost something.
    pub(super) fairness: Option<i64>,
    /// Stop → how often it was written.
    written: Vec<u32>,
}

impl<'p> Document<'p> {
    pub(super) fn new(problem: &'p Problem, names: &'p Names) -> Self {
        Self {
            problem,
            names,
            routes: Vec::new(),
            unassigned: Vec::new(),
            sums: Sums::new(names.dimensions),
            fairness: None,
            written: vec![0; problem.stops().len()],
        }
    }

    /// Where a node is, as the file says it first.
    fn location(&self, node: NodeIx) -> Location {
        self.names.locations.get(node.index()).copied().unwrap_or_default()
    }

    fn put_place(location: Location, object: &mut Map<String, Value>) {
        if let Some(point) = location.point {
            object.insert("location".to_owned(), json!(point));
        }
        if let Some(index) = location.index {
            object.insert("location_index".to_owned(), json!(index));
        }
    }

    fn broken(&self, stop: StopIx, what: &'static str) -> BrokenPlan {
        let task = &self.names.tasks[stop.index()];
        BrokenPlan { at: Spot::Item(task.kind, task.id), what }
    }

    fn write_once(&mut self, stop: StopIx) -> Result<(), BrokenPlan> {
        self.written[stop.index()] += 1;
        if self.written[stop.index()] > 1 {
            return Err(self.broken(stop, "has it twice"));
        }
        Ok(())
    }

    pub(super) fn is_written(&self, stop: StopIx) -> bool {
        self.written[stop.index()] > 0
    }

    pub(super) fn leave_out(
        &mut self,
        stop: StopIx,
        reason: Option<&str>,
        obstacles: Vec<Value>,
    ) -> Result<(), BrokenPlan> {
        self.write_once(stop)?;
        let task = &self.names.tasks[stop.index()];
        let mut object = Map::new();
        object.insert("id".to_owned(), json!(task.id));
        object.insert("type".to_owned(), json!(task.kind));
        Self::put_place(task.place, &mut object);
        if !task.description.is_empty() {
            object.insert("description".to_owned(), json!(task.description));
        }
        if let Some(reason) = reason {
            object.insert("reason".to_owned(), json!(reason));
        }
        if !obstacles.is_empty() {
            object.insert("obstacles".to_owned(), Value::Array(obstacles));
        }
        self.unassigned.push((task.position, Value::Object(object)));
        Ok(())
    }

    /// Writes a route.
    pub(super) fn add_route(
        &mut self,
        tour: TourIx,
        visits: &[Visit],
        times: &Times,
        violations: &RouteViolations,
    ) -> Result<(), BrokenPlan> {
        let names = self.names;
        let (spec, vehicle) = (&self.problem.tours()[tour.index()], &names.vehicles[tour.index()]);
        let tasks: Vec<StopIx> =
            visits.iter().filter_map(|&visit| if let Visit::Task(stop) = visit { Some(stop) } else { None }).collect();
        let place_of = |stop: Option<&StopIx>| stop.map(|stop| names.tasks[stop.index()].place);
        let charged_first = visits.iter().find_map(|visit| match *visit {
            Visit::Charge(node, ..) => Some(Some(self.location(node))),
            Visit::Task(_) => Some(None),
            Visit::Break(_) | Visit::Reload(..) | Visit::DrivingBreak(..) => None,
        });
        let first = vehicle.start.or(charged_first.flatten()).or(place_of(tasks.first())).or(vehicle.end);
        let last = vehicle.end.or(place_of(tasks.last())).or(first);
        let mut sums = Sums::new(names.dimensions);
        let mut load = start_load(self.problem, names, trip(visits));
        // Goods of shipments stay on board where the vehicle reloads.
        let mut shipped = vec![0; names.dimensions];
        let (mut unpaid, mut soft) = (0, 0i64);
        let mut steps = Vec::with_capacity(visits.len() + 2);
        let (mut here, mut custom) = (spec.start_node, 0i64);
        let (mut walks, walk_home) = walks_of(self.problem, tour, visits);
        let mut level = Level { problem: self.problem, spec, left: spec.battery.as_ref().map(|battery| battery.level) };
        let none = Violations::default();
        let step = |kind: &str, arrival: i64, sums: &Sums, load: &[i64], violations: &Violations| {
            let mut object = Map::new();
            object.insert("type".to_owned(), json!(kind));
            object.insert("arrival".to_owned(), json!(arrival));
            object.insert("duration".to_owned(), json!(sums.duration));
            for key in ["setup", "service", "waiting_time"] {
                object.insert(key.to_owned(), json!(0));
            }
            if names.dimensions > 0 {
                object.insert("load".to_owned(), json!(load));
            }
            if names.has_distances {
                object.insert("distance".to_owned(), json!(sums.distance));
            }
            object.insert("violations".to_owned(), violations.json());
            object
        };
        let mut start = step("start", times.start, &sums, &load, &violations.start);
        if let Some(place) = first {
            Self::put_place(place, &mut start);
        }
        level.drive(spec.start_node, spec.start_node, &mut start);
        steps.push(Value::Object(start));
        sums.violations.extend(&violations.start);
        // When the break ahead of a step is over.
        let mut rested: Option<i64> = None;
        // Who stays behind a break, and drives nowhere yet, waits in a step of its own.
        let waits_behind = |over: Option<i64>, next: &Moment, sums: &mut Sums, load: &[i64]| {
            let (over, left) = (over?, next.arrival - next.driven);
            let waiting = left - over;
            (waiting > 0).then(|| {
                let mut object = step("break", over, sums, load, &none);
                object.insert("description".to_owned(), json!("waiting"));
                object.insert("waiting_time".to_owned(), json!(waiting));
                sums.waiting += waiting;
                Value::Object(object)
            })
        };
        for (position, (&visit, moment)) in visits.iter().zip(&times.steps).enumerate() {
            let wrong = violations.steps.get(position).unwrap_or(&none);
            sums.violations.extend(wrong);
            let mut moment = *moment;
            let over = rested.take();
            if matches!(visit, Visit::Break(_) | Visit::DrivingBreak(..)) && moment.driven == 0 {
                // It is the next break that is waited for.
                moment.arrival = over.unwrap_or(moment.arrival).min(moment.arrival);
            } else {
                steps.extend(waits_behind(over, &moment, &mut sums, &load));
            }
            sums.duration += moment.driven;
            sums.distance += moment.metres;
            let waiting = moment.begin - moment.arrival;
            sums.waiting += waiting;
            if let Visit::Reload(node, service) = visit {
                load.clone_from(&shipped);
                add(&mut load, &start_load(self.problem, names, trip(&visits[position + 1..])), 1);
                let mut object = step("reload", moment.arrival, &sums, &load, wrong);
                Self::put_place(self.location(node), &mut object);
                object.insert("service".to_owned(), json!(service));
                object.insert("waiting_time".to_owned(), json!(waiting));
                steps.push(Value::Object(object));
                custom += i64::from(self.problem.legs().leaving(here, node, 0, (spec.table, spec.time_factor)).1);
                here = node;
                (sums.service, unpaid) = (sums.service + service, unpaid + service);
                continue;
            }
            if let Visit::Charge(node, service, amount) = visit {
                let mut object = step("charge", moment.arrival, &sums, &load, wrong);
                Self::put_place(self.location(node), &mut object);
                level.drive(here, node, &mut object);
                level.put_in(amount, &mut object);
                object.insert("service".to_owned(), json!(service));
                object.insert("waiting_time".to_owned(), json!(waiting));
                steps.push(Value::Object(object));
                custom += i64::from(self.problem.legs().leaving(here, node, 0, (spec.table, spec.time_factor)).1);
                here = node;
                (sums.service, unpaid) = (sums.service + service, unpaid + service);
                continue;
            }
            if let Visit::DrivingBreak(_, service) = visit {
                let mut object = step("break", moment.arrival, &sums, &load, wrong);
                object.insert("description".to_owned(), json!("driving time"));
                object.insert("service".to_owned(), json!(service));
                rested = Some(moment.begin + service);
                object.insert("waiting_time".to_owned(), json!(waiting));
                steps.push(Value::Object(object));
                (sums.service, unpaid) = (sums.service + service, unpaid + service);
                continue;
            }
            let (mut object, id, description, setup, service) = match visit {
                Visit::Reload(..) | Visit::DrivingBreak(..) | Visit::Charge(..) => continue,
                Visit::Break(index) => {
                    let own = &vehicle.breaks[index];
                    let object = step("break", moment.arrival, &sums, &load, wrong);
                    rested = Some(moment.begin + own.service);
                    (object, own.id, &own.description, 0, own.service)
                }
                Visit::Task(stop) => {
                    self.write_once(stop)?;
                    let (its, task) = (&self.problem.stops()[stop.index()], &names.tasks[stop.index()]);
                    let walk = walks.next().unwrap_or_default();
                    let from = if walk.on_foot { its.node } else { here };
                    let (setup, service) = times_at(spec, its, from);
                    if !walk.on_foot {
                        let seconds = self.problem.legs().leaving(here, its.node, 0, (spec.table, spec.time_factor));
                        custom += i64::from(seconds.1);
                    }
                    sums.walking += i64::from(walk.time);
                    add(&mut load, &task.pickup, 1);
                    add(&mut load, &task.delivery, -1);
                    if matches!(its.role, Role::Pickup | Role::Delivery) {
                        add(&mut shipped, &task.pickup, 1);
                        add(&mut shipped, &task.delivery, -1);
                    }
                    if let Some(preferred) = its.soft {
                        soft += preferred.price((moment.begin - names.time_base) as i32);
                    }
                    add(&mut sums.pickup, &task.pickup, 1);
                    add(&mut sums.delivery, &task.delivery, 1);
                    sums.priority += i64::from(task.priority);
                    let mut object = step(task.kind, moment.arrival, &sums, &load, wrong);
                    // VROOM gives the id of a step twice, the second time as `job`.
                    object.insert("job".to_owned(), json!(task.id));
                    Self::put_place(task.place, &mut object);
                    level.drive(from, its.node, &mut object);
                    if walk.time > 0 || walk.on_foot {
                        object.insert("walking".to_owned(), json!(walk.time));
                        object.insert("on_foot".to_owned(), json!(walk.on_foot));
                    }
                    // Who walks leaves the vehicle where it is.
                    here = if walk.on_foot { here } else { its.node };
                    (object, task.id, &task.description, setup, service)
                }
            };
            sums.setup += setup;
            sums.service += service;
            object.insert("id".to_owned(), json!(id));
            for (key, value) in [("setup", setup), ("service", service), ("waiting_time", waiting)] {
                object.insert(key.to_owned(), json!(value));
            }
            if !description.is_empty() {
                object.insert("description".to_owned(), json!(description));
            }
            steps.push(Value::Object(object));
        }
        steps.extend(waits_behind(rested, &times.end, &mut sums, &load));
        sums.duration += times.end.driven;
        sums.distance += times.end.metres;
        if let Some(end) = spec.end_node.get() {
            custom += i64::from(self.problem.legs().leaving(here, end, 0, (spec.table, spec.time_factor)).1);
        }
        sums.walking += i64::from(walk_home);
        let mut end = step("end", times.end.arrival, &sums, &load, &violations.end);
        if let Some(place) = last {
            Self::put_place(place, &mut end);
        }
        level.drive(here, spec.end_node.get().unwrap_or(here), &mut end);
        if walk_home > 0 {
            end.insert("walking".to_owned(), json!(walk_home));
        }
        steps.push(Value::Object(end));
        sums.violations.extend(&violations.end);
        sums.violations.extend(&violations.route);
        // As VROOM prints it: driving is rounded to the nearest unit where the file has any times, otherwise only the sum is rounded,
        // down. Breaks are paid as tasks are.
        let wide = i128::from;
        let driving = if vehicle.custom_costs {
            wide(custom) * PARTS
        } else {
            wide(sums.duration) * wide(vehicle.per_hour) * 1000 + wide(sums.distance) * wide(vehicle.per_km) * 3600
        };
        let tasks = wide(sums.setup + sums.service + sums.walking - unpaid) * wide(vehicle.per_task_hour) * 1000;
        let variable =
            if names.has_times { (driving + PARTS / 2) / PARTS + tasks / PARTS } else { (driving + tasks) / PARTS };
        sums.cost = vehicle.fixed + variable as i64 + soft / names.cost_units;
        let mut route = Map::new();
        route.insert("vehicle".to_owned(), json!(vehicle.id));
        sums.write(names, &mut route);
        if !vehicle.description.is_empty() {
            route.insert("description".to_owned(), json!(vehicle.description));
        }
        route.insert("steps".to_owned(), Value::Array(steps));
        self.routes.push((vehicle.position, Value::Object(route)));
        self.sums.add(&sums);
        Ok(())
    }

    /// The whole document, in which every task is in a route or left out.
    pub(super) fn finish(self) -> Result<Value, BrokenPlan> {
        if let Some(lost) = self.written.iter().position(|&times| times == 0) {
            return Err(self.broken(StopIx(lost as u32), "has lost it"));
        }
        let mut summary = Map::new();
        summary.insert("routes".to_owned(), json!(self.routes.len()));
        summary.insert("unassigned".to_owned(), json!(self.unassigned.len()));
        self.sums.write(self.names, &mut summary);
        if let Some(price) = self.fairness {
            summary.insert("fairness".to_owned(), json!(price));
        }
        let (unassigned, routes) = (in_order(self.unassigned), in_order(self.routes));
        Ok(json!({ "code": 0, "summary": summary, "unassigned": unassigned, "routes": routes }))
    }
}

/// Values by their positions in the file.
pub(super) fn in_order(mut values: Vec<(usize, Value)>) -> Vec<Value> {
    values.sort_by_key(|&(position, _)| position);
    values.into_iter().map(|(_, value)| value).collect()
}

/// The tasks of a route up to where it reloads.
pub(super) fn trip(visits: &[Visit]) -> impl Iterator<Item = StopIx> + '_ {
    let trip = visits.iter().take_while(|visit| !matches!(visit, Visit::Reload(..)));
    trip.filter_map(|&visit| if let Visit::Task(stop) = visit { Some(stop) } else { None })
}

/// Goods on board at the start: what the jobs of a route deliver.
pub(super) fn start_load(problem: &Problem, names: &Names, tasks: impl Iterator<Item = StopIx>) -> Vec<i64> {
    let mut load = vec![0; names.dimensions];
    for stop in tasks.filter(|stop| problem.stops()[stop.index()].role == Role::JobDelivery) {
        add(&mut load, &names.tasks[stop.index()].delivery, 1);
    }
    load
}

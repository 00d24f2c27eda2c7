//! A problem that was read from a file, with the file's own numbers and units.

use std::collections::BTreeMap;

use fleetfold_solver::check::check;
use fleetfold_solver::{Problem, ProblemSpec, Role, Solution, Stop, StopIx, TourIx, price};

use crate::error::{ReadError, Spot};
use crate::faults;
use crate::names::Names;

/// A problem, and what its file calls the parts of it.
pub struct Instance {
    /// The problem for the solver.
    pub problem: Problem,
    /// For every stop, its number in the file.
    pub nodes: Vec<u64>,
    /// Length units of the solver in a length unit of the file.
    pub scale: f64,
    /// Price units of the solver in a unit that is shown: a length unit of the file, or a unit of money.
    pub unit: f64,
    /// What a VROOM solution repeats from the file; `None` for other formats.
    pub names: Option<Names>,
    /// What was read over or repaired, for people.
    pub warnings: Vec<String>,
    /// What has to be repaired in a plan to start from is an error, not a warning.
    pub strict: bool,
}

/// The line of a vehicle that has no route.
pub const NO_ROUTE: &str = "-";

/// What a file calls a stop, as a word of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopName {
    /// A node of a benchmark, or a job of a VROOM file.
    Number(u64),
    /// The pickup of a shipment of a VROOM file: `p` and its id.
    Pickup(u64),
    /// The delivery of a shipment of a VROOM file: `d` and its id.
    Delivery(u64),
}

impl std::fmt::Display for StopName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(id) => write!(f, "{id}"),
            Self::Pickup(id) => write!(f, "p{id}"),
            Self::Delivery(id) => write!(f, "d{id}"),
        }
    }
}

impl std::str::FromStr for StopName {
    type Err = std::num::ParseIntError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match (word.strip_prefix('p'), word.strip_prefix('d')) {
            (Some(id), _) => Ok(Self::Pickup(id.parse()?)),
            (_, Some(id)) => Ok(Self::Delivery(id.parse()?)),
            (None, None) => Ok(Self::Number(word.parse()?)),
        }
    }
}

/// A number where it is one in the routes too, otherwise text.
impl serde::Serialize for StopName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(id) => serializer.serialize_u64(*id),
            Self::Pickup(_) | Self::Delivery(_) => serializer.collect_str(self),
        }
    }
}

/// What had to be repaired in a plan: warnings, or an error at the first where reading is strict.
pub(crate) struct Repairs {
    pub(crate) strict: bool,
    pub(crate) warnings: Vec<String>,
}

impl Repairs {
    pub(crate) fn add(&mut self, at: impl Into<Option<Spot>>, what: impl Into<String>) -> Result<(), ReadError> {
        let error = ReadError::impossible(at, what);
        if self.strict {
            return Err(error);
        }
        self.warnings.push(error.to_string());
        Ok(())
    }
}

/// A plan in which no stop is twice and every shipment is whole and in order, as the solver demands of a plan to start from. Of a stop
/// that is there twice the first stays; a shipment that is not whole and in order on one vehicle is left out.
pub(crate) fn repaired(
    stops: &[Stop],
    mut tours: Vec<Vec<StopIx>>,
    name: impl Fn(StopIx) -> String,
    repairs: &mut Repairs,
) -> Result<Vec<Vec<StopIx>>, ReadError> {
    let mut at: Vec<Option<(usize, usize)>> = vec![None; stops.len()];
    for (tour, sequence) in tours.iter_mut().enumerate() {
        let mut once = Vec::with_capacity(sequence.len());
        for &stop in sequence.iter() {
            if at[stop.index()].is_some() {
                repairs.add(None, format!("the plan to start from has {} twice", name(stop)))?;
                continue;
            }
            at[stop.index()] = Some((tour, once.len()));
            once.push(stop);
        }
        *sequence = once;
    }
    let mut broken = vec![false; stops.len()];
    for (index, stop) in StopIx::all().zip(stops).filter(|(_, stop)| stop.role == Role::Pickup) {
        let whole = match (at[index.index()], at[stop.mate.index()]) {
            (None, None) => true,
            (Some((tour, first)), Some((other, second))) => tour == other && first < second,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !whole {
            let what = format!(
                "the plan to start from does not have {} and {} in this order on one vehicle",
                name(index),
                name(stop.mate)
            );
            repairs.add(None, what)?;
            broken[index.index()] = true;
            broken[stop.mate.index()] = true;
        }
    }
    for sequence in &mut tours {
        sequence.retain(|stop| !broken[stop.index()]);
    }
    Ok(tours)
}

/// Tells what a plan to start from breaks beside what [`repaired`] mends: the search takes stops off until it can be driven.
fn tell_of_broken(
    problem: &Problem,
    name: impl Fn(StopIx) -> String,
    vehicle: impl Fn(TourIx) -> String,
    repairs: &mut Repairs,
) -> Result<(), ReadError> {
    if problem.initial().iter().all(Vec::is_empty) {
        return Ok(());
    }
    let mut is_served = vec![false; problem.stops().len()];
    problem.initial().iter().flatten().for_each(|stop| is_served[stop.index()] = true);
    let absent = StopIx::all().zip(is_served).filter(|&(_, is_served)| !is_served).map(|(stop, _)| stop).collect();
    let plan = Solution { tours: problem.initial().to_vec(), absent, ..Solution::default() };
    match check(problem, &plan) {
        Ok(_) => Ok(()),
        Err(fault) => {
            let what = faults::in_words(&fault, name, vehicle);
            repairs.add(None, format!("the plan to start from breaks a rule: {what}"))
        }
    }
}

/// The same problem with a plan to start from whose tours can be driven, as far as stops that no other vehicle may serve have to be
/// left out for it: the search never takes such a stop off its tour. Others it takes off by itself.
pub(crate) fn with_pinned_kept(
    problem: Problem,
    name: impl Fn(StopIx) -> String,
    vehicle: impl Fn(TourIx) -> String,
    repairs: &mut Repairs,
) -> Result<Problem, ReadError> {
    let stops = problem.stops();
    let is_pinned = |stop: StopIx, tour: TourIx| stop != StopIx::NONE && stops[stop.index()].locked == tour;
    let mut initial = problem.initial().to_vec();
    for (tour, sequence) in TourIx::all().zip(&mut initial) {
        let stays = |stop: StopIx| is_pinned(stop, tour) || is_pinned(stops[stop.index()].mate, tour);
        // What is not pinned here will be taken off first.
        let mut pinned: Vec<StopIx> = sequence.iter().copied().filter(|&stop| stays(stop)).collect();
        while !pinned.is_empty() && price(&problem, tour, &pinned).is_none() {
            let Some(gone) = pinned.pop() else { break };
            let mate = stops[gone.index()].mate;
            pinned.retain(|&stop| stop != mate);
            sequence.retain(|&stop| stop != gone && (mate == StopIx::NONE || stop != mate));
            let what =
                format!("the plan to start from cannot be driven with {}, which is pinned: it is left out", name(gone));
            repairs.add(None, what)?;
        }
    }
    let problem = if initial == problem.initial() {
        problem
    } else {
        Problem::new(ProblemSpec { initial, ..problem.into_spec() })?
    };
    tell_of_broken(&problem, name, vehicle, repairs)?;
    Ok(problem)
}

impl Instance {
    /// What the file calls a stop.
    pub fn name(&self, stop: StopIx) -> StopName {
        let number = self.nodes[stop.index()];
        match (&self.names, self.problem.stops()[stop.index()].role) {
            (Some(_), Role::Pickup) => StopName::Pickup(number),
            (Some(_), Role::Delivery) => StopName::Delivery(number),
            (Some(_), Role::JobPickup | Role::JobDelivery) | (None, _) => StopName::Number(number),
        }
    }

    /// The routes that have stops, in the file's numbers. Jobs, pickups and deliveries of a VROOM file may share their ids, so that
    /// those of shipments have a letter ([`StopName`]).
    pub fn routes(&self, solution: &Solution) -> Vec<Vec<StopName>> {
        let named = |tour: &Vec<StopIx>| tour.iter().map(|&stop| self.name(stop)).collect();
        let tours = self.tours_in_file_order().into_iter().map(|tour| &solution.tours[tour.index()]);
        tours.filter(|tour| !tour.is_empty()).map(named).collect()
    }

    /// The routes as [`Instance::start_from`] reads them: one a line. Where it matters which vehicle drives a route, a vehicle without one
    /// that stands in the file before one that has one has a line, too: [`NO_ROUTE`].
    pub fn route_lines(&self, solution: &Solution) -> String {
        let tours = self.tours_in_file_order().into_iter().map(|tour| &solution.tours[tour.index()]);
        let mut tours: Vec<&Vec<StopIx>> = tours.collect();
        if self.problem.vehicles_are_alike() {
            tours.retain(|tour| !tour.is_empty());
        }
        tours.truncate(tours.iter().rposition(|tour| !tour.is_empty()).map_or(0, |last| last + 1));
        let line = |tour: &Vec<StopIx>| {
            let words: Vec<String> = tour.iter().map(|&stop| self.name(stop).to_string()).collect();
            if words.is_empty() { format!("{NO_ROUTE}\n") } else { words.join(" ") + "\n" }
        };
        tours.into_iter().map(line).collect()
    }

    /// The tours in the order in which the file lists their vehicles.
    fn tours_in_file_order(&self) -> Vec<TourIx> {
        let mut tours: Vec<TourIx> = TourIx::first(self.problem.tours().len()).collect();
        if let Some(names) = &self.names {
            tours.sort_by_key(|tour| names.vehicles[tour.index()].position);
        }
        tours
    }

    /// What a plan costs in the units that are shown, without the price of the stops that it leaves out.
    pub fn cost(&self, cost: i64, tours: &[Vec<StopIx>]) -> f64 {
        let mut served = vec![false; self.problem.stops().len()];
        for &stop in tours.iter().flatten() {
            served[stop.index()] = true;
        }
        // Leaving out a shipment is paid once: its pickup stands for both ends.
        let left = self.problem.stops().iter().zip(served).filter(|(stop, served)| !served && !stop.is_second_end());
        let left: i64 = left.map(|(stop, _)| stop.unserved).sum();
        (cost - left) as f64 / self.unit
    }

    /// The length of all routes in the file's units.
    pub fn distance(&self, solution: &Solution) -> f64 {
        let mut sum = 0i64;
        for (tour, sequence) in solution.tours.iter().enumerate().filter(|(_, sequence)| !sequence.is_empty()) {
            let spec = &self.problem.tours()[tour];
            let mut node = spec.start_node;
            let ends = spec.end_node.get();
            let stops = sequence.iter().map(|&stop| self.problem.stops()[stop.index()].node);
            for next in stops.chain(ends) {
                sum += i64::from(self.problem.legs().length_in(spec.table, node, next));
                node = next;
            }
        }
        sum as f64 / self.scale
    }

    /// The same problem with a plan to start from: one route a line, for the vehicles in the order of the file, as
    /// [`Instance::route_lines`] writes them. Empty lines are none; a line [`NO_ROUTE`] is that of a vehicle without a route. A number without a
    /// letter may also be the pickup or delivery of that id; where several stops have it, the job is taken first, then the pickup, then
    /// the delivery.
    ///
    /// What is no stop of this problem, there twice or half a shipment is left out with a warning.
    ///
    /// # Errors
    ///
    /// A word that names no stop in any file, with its line; more routes than vehicles. With [`Instance::strict`] also what is left
    /// out otherwise.
    pub fn start_from(mut self, text: &str) -> Result<Self, ReadError> {
        let mut named: BTreeMap<StopName, StopIx> = BTreeMap::new();
        let mut numbered: BTreeMap<u64, Vec<StopIx>> = BTreeMap::new();
        for (stop, &number) in StopIx::all().zip(&self.nodes) {
            named.insert(self.name(stop), stop);
            numbered.entry(number).or_default().push(stop);
        }
        // Jobs, then pickups, then deliveries.
        for stops in numbered.values_mut() {
            stops.sort_by_key(|&stop| self.name(stop));
        }
        let mut repairs = Repairs { strict: self.strict, warnings: std::mem::take(&mut self.warnings) };
        let mut tours = vec![Vec::new(); self.problem.tours().len()];
        let mut used = vec![false; self.nodes.len()];
        let vehicles = tours.len();
        let order = self.tours_in_file_order();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (route, (line, words)) in lines.enumerate() {
            let more = || {
                let what = format!("route {} of only {vehicles} that there are vehicles for", route + 1);
                ReadError::impossible(Spot::Line(line + 1), what)
            };
            let slot = &mut tours[order.get(route).ok_or_else(more)?.index()];
            for word in words.split_whitespace().filter(|_| words.trim() != NO_ROUTE) {
                let at = || Spot::Line(line + 1);
                let none = |_| ReadError::malformed(at(), format!("{word} is no node number"));
                let name: StopName = word.parse().map_err(none)?;
                let all = match name {
                    StopName::Number(number) => numbered.get(&number).map_or(&[][..], Vec::as_slice),
                    StopName::Pickup(_) | StopName::Delivery(_) => {
                        named.get(&name).map_or(&[][..], std::slice::from_ref)
                    }
                };
                let Some(&stop) = all.iter().find(|stop| !used[stop.index()]).or(all.first()) else {
                    repairs.add(at(), format!("there is no node {word}"))?;
                    continue;
                };
                used[stop.index()] = true;
                slot.push(stop);
            }
        }
        let tours = repaired(self.problem.stops(), tours, |stop| self.name(stop).to_string(), &mut repairs)?;
        let words = |stop: StopIx| format!("{} {}", self.kind(stop), self.nodes[stop.index()]);
        let names: Vec<String> = StopIx::all().take(self.nodes.len()).map(words).collect();
        let problem = Problem::new(ProblemSpec { initial: tours, ..self.problem.into_spec() })?;
        let vehicles = self.names.as_ref().map(|names| &names.vehicles);
        let vehicle = |tour: TourIx| {
            vehicles.map_or_else(|| faults::counted(tour), |vehicles| format!("vehicle {}", vehicles[tour.index()].id))
        };
        self.problem = with_pinned_kept(problem, |stop| names[stop.index()].clone(), vehicle, &mut repairs)?;
        self.warnings = repairs.warnings;
        Ok(self)
    }
}

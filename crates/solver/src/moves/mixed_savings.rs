//! The first plan of jobs where vehicles differ in what they hold or cost, or have more rules than capacity and windows: savings for one
//! kind of vehicle, then for the next one with what is left, and every tour ends up on the cheapest vehicle that can drive it (after
//! the adaptations of the savings algorithm in Golden, Assad, Levy & Gheysens, "The fleet size and mix vehicle routing problem", 1984).
//! Each kind is tried as the first one.
//!
//! Savings know one window, one dimension of load and no pauses. Where there is more, each tour is driven, and what cannot be served in it
//! waits for the next kind of vehicle, or is inserted in the end.
//!
//! Greedy insertion opens one more vehicle for whatever is cheapest at that moment, which fills many small vehicles where a few large
//! ones would do: on 250 to 1,000 stops with windows its plans cost twice as much.

use rayon::prelude::*;

use super::savings::{best_savings, filled_up};
use crate::index::{StopIx, TourIx};
use crate::interrupt::Interrupt;
use crate::problem::{Problem, absent_units};
use crate::schedule::drive;
use crate::state::{Neighbours, plan_cost};

/// So many kinds of vehicles are tried as the first one: those with the lowest price of a vehicle, with its way to the mean stop and
/// back, for what it holds.
const FIRST_KINDS_MAX: usize = 6;

/// Vehicles that are the same but for their number.
struct Group {
    vehicles: Vec<TourIx>,
    /// Price of a vehicle for each unit of load.
    price: f64,
}

/// The cheapest of `greedy` and the plans that begin with one kind of vehicle each.
pub(super) fn mixed_savings(
    problem: &Problem,
    near: &Neighbours,
    greedy: Vec<Vec<StopIx>>,
    seed: u64,
    interrupt: Interrupt<'_>,
) -> Vec<Vec<StopIx>> {
    let groups = groups(problem);
    let firsts = 0..groups.len().min(FIRST_KINDS_MAX);
    let plans = firsts.into_par_iter().map(|first| beginning_with(problem, near, &groups, first, (seed, interrupt)));
    let mut plans: Vec<Vec<Vec<StopIx>>> = plans.collect();
    plans.insert(0, greedy);
    let cost = |tours: &Vec<Vec<StopIx>>| plan_cost(problem, tours, &absent_units(problem, tours));
    let best = plans.into_iter().map(|tours| (cost(&tours), tours)).min_by_key(|plan| plan.0);
    best.map(|(_, tours)| tours).expect("the greedy plan is one of them")
}

/// The cheapest vehicles for what they hold come first.
fn groups(problem: &Problem) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: Vec<Option<usize>> = vec![None; problem.tours().len()];
    let stops = StopIx::first(problem.stops().len());
    for tour in TourIx::first(problem.tours().len()) {
        let twin = problem.twin(tour);
        if let Some(group) = group_of[twin.index()] {
            groups[group].vehicles.push(tour);
            continue;
        }
        group_of[twin.index()] = Some(groups.len());
        let spec = &problem.tours()[tour.index()];
        let there_and_back = |stop: StopIx| {
            let way = problem.hop(tour, spec.start_node, stop).1;
            let home = problem.hop_end(tour, problem.stops()[stop.index()].node).1;
            f64::from(way) + f64::from(home)
        };
        let way = stops.clone().map(there_and_back).sum::<f64>() / stops.len().max(1) as f64;
        let room = f64::from((spec.capacity[0] - spec.onboard[0]).max(1));
        groups.push(Group { vehicles: vec![tour], price: (spec.fixed as f64 + way) / room });
    }
    groups.sort_by(|one, other| one.price.total_cmp(&other.price).then(one.vehicles.cmp(&other.vehicles)));
    groups
}

fn beginning_with(
    problem: &Problem,
    near: &Neighbours,
    groups: &[Group],
    first: usize,
    (seed, interrupt): (u64, Interrupt<'_>),
) -> Vec<Vec<StopIx>> {
    let mut tours = vec![Vec::new(); problem.tours().len()];
    let mut waiting = vec![true; problem.stops().len()];
    let others = (0..groups.len()).filter(|&group| group != first);
    for group in std::iter::once(first).chain(others) {
        let vehicles = &groups[group].vehicles;
        let able = |stop: StopIx| waiting[stop.index()] && problem.allows(vehicles[0], stop);
        let open: Vec<bool> = StopIx::first(waiting.len()).map(able).collect();
        if !open.contains(&true) || interrupt.is_due() {
            continue;
        }
        let sequences = best_savings(problem, near, (vehicles[0], vehicles.len()), &open);
        for (tour, mut sequence) in vehicles.iter().zip(sequences) {
            if !problem.is_plain() {
                while !sequence.is_empty() && price(problem, *tour, &sequence).is_none() {
                    sequence.pop();
                }
            }
            for stop in &sequence {
                waiting[stop.index()] = false;
            }
            tours[tour.index()] = sequence;
        }
    }
    let mut tours = filled_up(problem, near, tours, seed, interrupt);
    move_to_cheaper(problem, groups, &mut tours);
    tours
}

/// What a tour costs, if it can be driven without being late.
fn price(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Option<i64> {
    let driven = drive(problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).ok()?;
    (driven.late == 0).then_some(driven.cost)
}

/// Gives each tour to the cheapest unused vehicle that can drive it, if that is cheaper than its own.
fn move_to_cheaper(problem: &Problem, groups: &[Group], tours: &mut [Vec<StopIx>]) {
    for tour in TourIx::first(tours.len()) {
        let sequence = std::mem::take(&mut tours[tour.index()]);
        if sequence.is_empty() {
            continue;
        }
        let is_free = |other: &TourIx| *other != tour && tours[other.index()].is_empty();
        let unused = groups.iter().filter_map(|group| group.vehicles.iter().copied().find(is_free));
        let cheapest = unused.chain([tour]).filter_map(|other| Some((price(problem, other, &sequence)?, other))).min();
        let to = cheapest.map_or(tour, |(_, other)| other);
        tours[to.index()] = sequence;
    }
}

#[cfg(test)]
mod tests {
    use crate::index::{NodeIx, TourIx};
    use crate::interrupt::Interrupt;
    use crate::moves::construct;
    use crate::problem::{Legs, Pause, Problem, ProblemSpec, Rounding, Stop, TourSpec, absent_units};
    use crate::schedule::drive;
    use crate::state::Neighbours;

    /// 250 stops of ten units: with room for 300 in a lorry and for 30 in a van, vans would be dearer by far.
    fn vans_and_lorries(pauses: &[Pause]) -> Problem {
        let places = (0..=250u32).map(|place| (f64::from(place * 37 % 101), f64::from(place * 61 % 103))).collect();
        let stops = (1..=250).map(|place| Stop { load: [10, 0, 0, 0], ..Stop::job(NodeIx(place)) }).collect();
        let vehicle = |capacity, fixed| TourSpec {
            end_node: NodeIx(0),
            capacity: [capacity, 0, 0, 0],
            fixed,
            pauses: pauses.to_vec(),
            per_hour: 0,
            per_km: 1_000_000,
            ..TourSpec::at(NodeIx(0))
        };
        let mut tours = vec![vehicle(30, 6_000_000); 100];
        tours.extend(vec![vehicle(300, 18_000_000); 10]);
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
        Problem::new(ProblemSpec { stops, tours, legs, ..ProblemSpec::default() }).expect("a legal problem")
    }

    #[test]
    fn the_first_plan_fills_lorries_where_many_vans_would_be_dearer() {
        for pauses in [vec![], vec![Pause::new(100, 400, 50), Pause::new(600, 900, 50)]] {
            let problem = vans_and_lorries(&pauses);
            let tours = construct(&problem, &Neighbours::new(&problem), 1, Interrupt::NEVER);
            assert!(absent_units(&problem, &tours).is_empty());
            let used = tours.iter().filter(|tour| !tour.is_empty()).count();
            assert!(used <= 10, "2,500 units are nine lorries, and one tour may be left over: {used}");
            for (tour, sequence) in TourIx::all().zip(&tours) {
                assert!(drive(&problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}).is_ok());
            }
        }
    }
}

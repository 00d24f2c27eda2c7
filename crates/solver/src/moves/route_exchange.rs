//! Selective route exchange: a plan made of tours of two others (Nagata & Bräysy, "Edge assembly-based memetic algorithm for the
//! capacitated vehicle routing problem", 2009).

use crate::index::{StopIx, TourIx};
use crate::problem::Problem;
use crate::random::Random;
use crate::state::Neighbours;

/// Share of the tours of its first parent that a child takes, in percent: the least, and by how much it may be more.
const KEPT: (usize, usize) = (30, 40);

/// A child of two plans: the tours of the first plan around a random stop, and those tours of the second plan that keep more than half
/// of their stops when the stops of the former are taken off them. What is on neither is left absent.
pub(crate) fn crossed(
    problem: &Problem,
    near: &Neighbours,
    first: &[Vec<StopIx>],
    second: &[Vec<StopIx>],
    random: &mut Random,
) -> Vec<Vec<StopIx>> {
    let stops = problem.stops().len();
    let used = first.iter().filter(|tour| !tour.is_empty()).count();
    let kept = (used * (KEPT.0 + random.below(KEPT.1)) / 100).max(1);
    let mut tour_of = vec![usize::MAX; stops];
    for (tour, sequence) in first.iter().enumerate() {
        for &stop in sequence {
            tour_of[stop.index()] = tour;
        }
    }
    let mut child = vec![Vec::new(); first.len()];
    let mut taken = vec![false; stops];
    let mut count = 0;
    for &stop in near.near.of(StopIx(random.below(stops) as u32)) {
        let tour = tour_of[stop.index()];
        if count == kept || tour == usize::MAX || !child[tour].is_empty() {
            continue;
        }
        child[tour].clone_from(&first[tour]);
        for &stop in &first[tour] {
            taken[stop.index()] = true;
        }
        count += 1;
    }
    // Pickup and delivery of a shipment are on one tour, so that both stay or both go.
    for (tour, sequence) in second.iter().enumerate() {
        let left: Vec<StopIx> = sequence.iter().copied().filter(|&stop| !taken[stop.index()]).collect();
        if 2 * left.len() <= sequence.len() {
            continue;
        }
        let ix = |tour: usize| TourIx(tour as u32);
        let like = |other: &usize| problem.twin(ix(*other)) == problem.twin(ix(tour)) && child[*other].is_empty();
        let bound = left.iter().any(|&stop| !free(problem, stop));
        let vehicle = std::iter::once(tour).chain(0..if bound { 0 } else { child.len() }).find(like);
        if let Some(vehicle) = vehicle {
            child[vehicle] = left;
        }
    }
    child
}

/// Not bound to a certain vehicle.
fn free(problem: &Problem, stop: StopIx) -> bool {
    let stop = &problem.stops()[stop.index()];
    stop.locked == TourIx::NONE && stop.barred.is_empty()
}

#[cfg(test)]
mod tests {
    use super::crossed;
    use crate::index::{NodeIx, StopIx, TourIx};
    use crate::problem::{Legs, Problem, ProblemSpec, Rounding, Stop, TourSpec};
    use crate::random::Random;
    use crate::state::Neighbours;

    /// A child has tours of both parents, no stop twice, and locked stops where they must be.
    #[test]
    fn a_child_is_made_of_its_parents_tours() {
        let stops = 60u32;
        let places = (0..=stops).map(|place| (f64::from(place * 37 % 100), f64::from(place * 61 % 100))).collect();
        let mut list: Vec<Stop> = (1..=stops).map(NodeIx).map(Stop::job).collect();
        list[7].locked = TourIx(3);
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
        let problem = Problem::new(ProblemSpec {
            stops: list,
            tours: vec![TourSpec::at(NodeIx(0)); 12],
            legs,
            ..ProblemSpec::default()
        })
        .expect("a legal problem");
        let near = Neighbours::new(&problem);
        let deal = |step: u32| {
            let mut tours = vec![Vec::new(); 12];
            for stop in (0..stops).filter(|&stop| stop != 7) {
                tours[(stop / step % 10) as usize].push(StopIx(stop));
            }
            tours[3].push(StopIx(7));
            tours
        };
        let (first, second) = (deal(1), deal(6));
        let mut from_both = 0;
        for seed in 0..100 {
            let child = crossed(&problem, &near, &first, &second, &mut Random::new(seed, 0, 0));
            let mut served = child.concat();
            let all = served.len();
            served.sort_unstable();
            served.dedup();
            assert_eq!(served.len(), all, "a stop is served twice");
            assert!(!served.contains(&StopIx(7)) || child[3].contains(&StopIx(7)), "a lock is broken");
            let is_of = |parent: &[Vec<StopIx>], tour: &Vec<StopIx>| {
                parent.iter().any(|whole| !tour.is_empty() && tour.iter().all(|stop| whole.contains(stop)))
            };
            assert!(child.iter().all(|tour| tour.is_empty() || is_of(&first, tour) || is_of(&second, tour)));
            let only = |parent: &[Vec<StopIx>], other: &[Vec<StopIx>]| {
                child.iter().any(|tour| is_of(parent, tour) && !is_of(other, tour))
            };
            from_both += u32::from(only(&first, &second) && only(&second, &first));
        }
        assert!(from_both > 50, "{from_both} of 100 children have two parents");
    }
}

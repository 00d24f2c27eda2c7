//! The last look at a plan before it is handed out: the independent checker drives it. What breaks a rule does not leave the solver.

use crate::check::check;
use crate::index::TourIx;
use crate::problem::{Problem, Solution, absent_units, all_stops};

/// The plan as it was found if the checker finds nothing wrong with it. Otherwise a search has a fault: tests stop here, and in
/// operation the tours that cannot be driven are emptied, so that their stops are left out by name and nobody is sent on them.
pub(super) fn checked(problem: &Problem, found: Solution) -> Solution {
    let fault = fault(problem, &found);
    debug_assert!(fault.is_none(), "a plan that breaks a rule: {fault:?}");
    if fault.is_none() { found } else { mended(problem, found) }
}

/// What the checker says about a plan, without the tours that are named as ones that cannot be driven.
fn fault(problem: &Problem, found: &Solution) -> Option<crate::check::Fault> {
    if found.infeasible.is_empty() {
        return check(problem, found).err();
    }
    let mut plan = found.clone();
    for tour in &found.infeasible {
        plan.absent.append(&mut plan.tours[tour.index()]);
    }
    check(problem, &plan).err()
}

fn mended(problem: &Problem, mut found: Solution) -> Solution {
    let mut seen = vec![false; problem.stops().len()];
    for tour in TourIx::first(found.tours.len()).filter(|tour| !found.infeasible.contains(tour)) {
        let alone = std::mem::take(&mut found.tours[tour.index()]);
        let mut tours = vec![Vec::new(); found.tours.len()];
        tours[tour.index()].clone_from(&alone);
        let absent = all_stops(problem, &absent_units(problem, &tours));
        let plan = Solution { tours, absent, ..Solution::default() };
        let is_new = alone.iter().all(|stop| !seen[stop.index()]);
        if is_new && check(problem, &plan).is_ok() {
            for stop in &alone {
                seen[stop.index()] = true;
            }
            found.tours[tour.index()] = alone;
        }
    }
    found.absent = all_stops(problem, &absent_units(problem, &found.tours));
    if let Ok((cost, _)) = check(problem, &found) {
        found.cost = cost;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{fault, mended};
    use crate::index::{NodeIx, StopIx};
    use crate::problem::{LegMatrix, Problem, ProblemSpec, Solution, Stop, TourSpec};

    #[test]
    fn a_plan_with_a_fault_is_handed_out_without_the_tour_that_has_it() {
        let legs = LegMatrix::from_fn(3, |a, b| (i32::from(a != b), 1));
        let stop = |node: u32| Stop { load: [2, 0, 0, 0], ..Stop::job(NodeIx(node)) };
        let tour = TourSpec { capacity: [3, 0, 0, 0], ..TourSpec::at(NodeIx(0)) };
        let stops = vec![stop(1), stop(2), stop(1)];
        let spec = ProblemSpec { stops, tours: vec![tour.clone(), tour], legs: legs.into(), ..ProblemSpec::default() };
        let problem = Problem::new(spec).unwrap();
        // Two stops are too much for the first, and the last one is on no tour and not left out either.
        let broken = Solution { tours: vec![vec![StopIx(0), StopIx(1)], Vec::new()], ..Solution::default() };
        assert!(fault(&problem, &broken).is_some());
        let broken = Solution { tours: vec![vec![StopIx(0), StopIx(1)], vec![StopIx(2)]], ..Solution::default() };
        let mended = mended(&problem, broken);
        assert_eq!(mended.tours, [vec![], vec![StopIx(2)]]);
        assert_eq!(mended.absent, [StopIx(0), StopIx(1)]);
        assert!(fault(&problem, &mended).is_none());
    }
}

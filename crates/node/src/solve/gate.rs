//! The last gate: a plan is judged by the solver's independent checker before anybody sees it.

use fleetfold_formats::Instance;
use fleetfold_solver::Solution;
use fleetfold_solver::check::{Fault, check as judge};

use super::as_given;
use super::refusal::Refusal;

/// Lets a plan through that keeps every rule of its problem.
///
/// # Errors
///
/// The first rule that is broken, in words: an error of ours, which no caller can mend.
pub(crate) fn check(instance: &Instance, solution: &Solution) -> Result<(), Refusal> {
    let broken = |fault: &Fault| {
        format!("the plan that was found breaks a rule and is not shown: {}", instance.fault_in_words(fault))
    };
    judge(&instance.problem, solution).map(|_| ()).map_err(|fault| Refusal::internal(broken(&fault)))
}

/// The plan that the problem brings with it, with what it costs.
///
/// # Errors
///
/// The first rule that it breaks: here the plan is part of the input.
pub(crate) fn given(instance: &Instance) -> Result<Solution, Refusal> {
    let mut solution = as_given(instance);
    match judge(&instance.problem, &solution) {
        Ok((cost, _)) => {
            solution.cost = cost;
            Ok(solution)
        }
        Err(fault) => Err(Refusal::input(
            format!("the given routes break a rule: {}", instance.fault_in_words(&fault)),
            "mend the routes, or leave -c out: a search begins with what can be driven of them",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetfold_formats::{Objective, ProblemFormat, read};
    use fleetfold_solver::StopIx;

    const TEXT: &str = "t\nVEHICLE\nN C\n2 10\nCUSTOMER\n0 0 0 0 0 90 0\n1 3 4 6 0 90 1\n2 6 8 6 0 90 1\n";

    fn instance() -> Instance {
        read(TEXT, ProblemFormat::Auto, Objective::Distance).unwrap()
    }

    fn plan(tours: &[&[u32]], absent: &[u32]) -> Solution {
        let stops = |list: &[u32]| list.iter().map(|&stop| StopIx(stop)).collect();
        Solution { tours: tours.iter().map(|tour| stops(tour)).collect(), absent: stops(absent), ..Solution::default() }
    }

    #[test]
    fn a_broken_plan_is_an_error_of_ours_and_says_what_is_wrong() {
        for (broken, expected) in [
            (plan(&[&[0, 1], &[]], &[]), "carries more"),
            (plan(&[&[0], &[]], &[]), "customer 2 is neither served nor left out"),
            (plan(&[&[0], &[1]], &[1]), "customer 2 is served twice"),
        ] {
            let refusal = check(&instance(), &broken).unwrap_err();
            assert_eq!(refusal.json()["code"], 1);
            assert!(refusal.failure.what.contains(expected), "{expected}: {refusal:?}");
        }
        assert!(check(&instance(), &plan(&[&[0], &[1]], &[])).is_ok());
    }

    #[test]
    fn given_routes_are_priced_or_refused_as_input() {
        let from = |routes: &str| given(&instance().start_from(routes).unwrap());
        let fits = from("1\n2").unwrap();
        let instance = instance();
        assert!((instance.cost(fits.cost, &fits.tours) - 30.0).abs() < 1e-9);
        assert_eq!(from("1 2").unwrap_err().json()["code"], 2);
    }
}

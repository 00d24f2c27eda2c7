//! What all readers are asked: an answer, and that the search can begin from it.

use fleetfold_formats::{Objective, ProblemFormat, read};
use fleetfold_solver::check::check;
use fleetfold_solver::{SearchLimits, solve};

/// Reads a file; what is accepted is planned for one short round and judged.
pub fn answer(data: &[u8], format: ProblemFormat) {
    let text = String::from_utf8_lossy(data);
    for objective in [Objective::Distance, Objective::Vehicles, Objective::Dispatch] {
        let Ok(instance) = read(&text, format, objective) else { continue };
        if instance.problem.stops().len() > 50 || instance.problem.tours().len() > 50 {
            continue;
        }
        let stop = std::sync::atomic::AtomicBool::new(false);
        let solution = solve(&instance.problem, &SearchLimits { rounds: 1, ..SearchLimits::default() }, &stop);
        check(&instance.problem, &solution).expect("a plan that keeps the rules");
    }
}

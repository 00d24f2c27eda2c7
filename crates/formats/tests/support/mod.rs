//! A document of VROOM's, read, solved and judged.

use fleetfold_formats::{Instance, ReadError, VroomOptions, read_vroom, solution};
use fleetfold_solver::check::check;
use fleetfold_solver::{SearchLimits, solve};
use serde_json::Value;

fn read(file: &Value) -> Result<Instance, ReadError> {
    read_vroom(&file.to_string(), VroomOptions { strict: true, ..VroomOptions::default() })
}

/// The answer to a legal document.
pub(crate) fn solved(file: &Value) -> Value {
    let instance = read(file).unwrap_or_else(|what| panic!("{what}: {file}"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let limits = SearchLimits { rounds: 20, iterations: 300, ..SearchLimits::default() };
    let found = solve(&instance.problem, &limits, &stop);
    check(&instance.problem, &found).expect("a plan that keeps the rules");
    solution(&instance, instance.names.as_ref().unwrap(), &found).expect("a plan that keeps the rules")
}

/// Why a document is refused.
pub(crate) fn refused(file: &Value) -> String {
    read(file).err().unwrap_or_else(|| panic!("accepted: {file}")).to_string()
}

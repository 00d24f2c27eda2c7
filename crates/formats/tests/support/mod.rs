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
    let answer = solution(&instance, instance.names.as_ref().unwrap(), &found).expect("a plan that keeps the rules");
    adds_up(&answer);
    answer
}

/// Every step of a route begins where the one before it ends: what is waited, set up, served, driven and walked is all there is.
pub(crate) fn adds_up(answer: &Value) {
    for route in answer["routes"].as_array().expect("a list of routes") {
        let steps = route["steps"].as_array().expect("a list of steps");
        let mut waited = 0;
        for pair in steps.windows(2) {
            let number = |step: usize, key: &str| pair[step][key].as_i64().unwrap_or(0);
            let stays = number(0, "waiting_time") + number(0, "setup") + number(0, "service");
            let moves = number(1, "duration") - number(0, "duration") + number(1, "walking");
            assert_eq!(number(0, "arrival") + stays + moves, number(1, "arrival"), "{} in {route}", pair[1]);
            waited += number(0, "waiting_time");
        }
        assert_eq!(route["waiting_time"], waited, "{route}");
    }
}

/// Why a document is refused.
pub(crate) fn refused(file: &Value) -> String {
    read(file).err().unwrap_or_else(|| panic!("accepted: {file}")).to_string()
}

//! Routes to start from, over a small problem that never changes.
#![no_main]

use fleetfold_formats::{Objective, ProblemFormat, read};

const PROBLEM: &str = "T\nVEHICLE\nN C\n3 50\nCUSTOMER\n0 50 50 0 0 900 0\n1 20 30 7 10 300 9\n2 70 10 12 0 600 9\n3 5 99 3 200 800 9\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let instance = read(PROBLEM, ProblemFormat::Solomon, Objective::Distance).expect("a whole file");
    let _refused = instance.start_from(&String::from_utf8_lossy(data));
});

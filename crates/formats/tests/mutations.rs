//! Damaged files of every format: readers answer with a problem or a reason, and never panic. What they do accept, the search
//! accepts too. (The same readers as targets of a coverage-guided fuzzer: `crates/formats/fuzz`.)

use std::fmt::Write;

use fleetfold_formats::{Objective, ProblemFormat, ReadError, read};
use fleetfold_solver::check::check;
use fleetfold_solver::{SearchLimits, solve};
use proptest::prelude::*;

/// One small file of each format; the fuzzer begins from them too.
const FILES: [(&str, ProblemFormat); 9] = [
    (include_str!("files/solomon/a"), ProblemFormat::Solomon),
    (include_str!("files/li_lim/a"), ProblemFormat::LiLim),
    (include_str!("files/vrplib/a"), ProblemFormat::Vrplib),
    (include_str!("files/vrplib/explicit"), ProblemFormat::Vrplib),
    (include_str!("files/mixed/a"), ProblemFormat::Mixed),
    (include_str!("files/depots/a"), ProblemFormat::Depots),
    (include_str!("files/vroom/a"), ProblemFormat::Vroom),
    (include_str!("files/vroom/rules"), ProblemFormat::Vroom),
    (include_str!("files/city/a"), ProblemFormat::City),
];

const OBJECTIVES: [Objective; 3] = [Objective::Distance, Objective::Vehicles, Objective::Dispatch];

/// Pieces that files are made of, and some that they are not.
const WORDS: [&str; 24] = [
    "0",
    "-1",
    "1e9",
    "-1e300",
    "NaN",
    "99999999999999999999",
    "2147483647",
    "4294967295",
    "",
    " ",
    "\n",
    "\t",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "null",
    "\"",
    "EOF",
    "\u{fffd}",
    "3.5",
    "CAPACITY : 0",
];

#[test]
fn whole_files_are_read() {
    for (text, format) in FILES {
        for objective in OBJECTIVES {
            read(text, format, objective).unwrap_or_else(|what| panic!("{format:?}: {what}"));
            read(text, ProblemFormat::Auto, objective).unwrap_or_else(|what| panic!("{format:?} guessed: {what}"));
        }
    }
}

/// Ten million stops are refused by their number, before anything is built of them.
#[test]
fn too_many_are_refused() {
    let many = 1_000_002;
    let rows = |row: &str| {
        (1..many).fold(String::new(), |mut text, index| {
            let _ = writeln!(text, "{index} {row}"); // a String takes everything
            text
        })
    };
    let solomon = format!("T\nVEHICLE\nN C\n3 50\nCUSTOMER\n0 50 50 0 0 900 0\n{}", rows("1 1 1 0 900 1"));
    let vrplib = format!(
        "TYPE : CVRP\nEDGE_WEIGHT_TYPE : EUC_2D\nCAPACITY : 50\nNODE_COORD_SECTION\n{}DEMAND_SECTION\n1 0\nDEPOT_SECTION\n1\n-1\nEOF\n",
        rows("1 1") + &format!("{many} 1 1\n")
    );
    let list = |item: &str| vec![item; many].join(",");
    let city = format!(
        "{{\"xy\":[{}],\"demand\":[{2}],\"ready\":[{2}],\"due\":[{2}],\"service\":[{2}],\"vehicles\":{1},\"capacity\":9}}",
        list("[1,1]"),
        3,
        list("1"),
    );
    let vroom =
        format!("{{\"jobs\":[{}],\"vehicles\":[{{\"id\":1,\"start\":[1,1]}}]}}", list("{\"id\":1,\"location\":[1,1]}"));
    for (text, format) in [
        (solomon, ProblemFormat::Solomon),
        (vrplib, ProblemFormat::Vrplib),
        (city, ProblemFormat::City),
        (vroom, ProblemFormat::Vroom),
    ] {
        let refused = read(&text, format, Objective::Distance).err().expect("too many");
        assert!(matches!(refused, ReadError::TooLarge { most: 1_000_000, .. }), "{format:?}: {refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40_000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_read_or_refused(
        file in 0..FILES.len(),
        objective in 0..OBJECTIVES.len(),
        edits in prop::collection::vec((0.0..1.0f64, 0..12usize, 0..WORDS.len()), 1..6),
    ) {
        let (text, format) = FILES[file];
        let mut text: Vec<char> = text.chars().collect();
        for (at, cut, word) in edits {
            let from = (at * text.len() as f64) as usize;
            let to = (from + cut).min(text.len());
            text.splice(from..to, WORDS[word].chars());
        }
        let text: String = text.into_iter().collect();
        if let Ok(instance) = read(&text, format, OBJECTIVES[objective]) {
            let stop = std::sync::atomic::AtomicBool::new(false);
            let solution = solve(&instance.problem, &SearchLimits { rounds: 2, ..SearchLimits::default() }, &stop);
            let judged = check(&instance.problem, &solution);
            prop_assert!(judged.is_ok(), "{:?}: {}", judged, text);
            instance.routes(&solution);
            if let Some(names) = &instance.names {
                let written = fleetfold_formats::solution(&instance, names, &solution);
                prop_assert!(written.is_ok(), "{:?}: {}", written, text);
            }
        }
    }
}

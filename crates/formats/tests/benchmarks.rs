//! The texts of the benchmarks with mixed fleets, several depots and matrices: what a plan of known routes costs, and what is refused.

use fleetfold_formats::{Instance, Objective, ProblemFormat, ReadError, guess, read};
use fleetfold_solver::check::check;
use fleetfold_solver::{Solution, StopIx};

const MIXED: &str = include_str!("files/mixed/a");
const DEPOTS: &str = include_str!("files/depots/a");
const EXPLICIT: &str = include_str!("files/vrplib/explicit");

fn distance(text: &str) -> Instance {
    read(text, ProblemFormat::Auto, Objective::Distance).unwrap_or_else(|what| panic!("{what}: {text}"))
}

fn refused(text: &str) -> String {
    read(text, ProblemFormat::Auto, Objective::Distance).map(|_| ()).expect_err(text).to_string()
}

/// The plan in which each tour serves these customers, given by their numbers; the checker's cost, in the file's unit, or its fault.
fn judge(instance: &Instance, tours: &[&[u64]]) -> Result<f64, String> {
    let stop = |node: &u64| StopIx(instance.nodes.iter().position(|known| known == node).unwrap() as u32);
    let tours: Vec<Vec<StopIx>> = tours.iter().map(|tour| tour.iter().map(stop).collect()).collect();
    let absent = (0..instance.nodes.len() as u32).map(StopIx);
    let absent = absent.filter(|stop| !tours.iter().flatten().any(|served| served == stop)).collect();
    let solution = Solution { tours, absent, ..Solution::default() };
    match check(&instance.problem, &solution) {
        Ok((cost, _)) => Ok(instance.cost(cost, &solution.tours)),
        Err(fault) => Err(format!("{fault:?}")),
    }
}

/// The checker's words for a tour that cannot be driven in time.
fn takes_too_long(judged: Result<f64, String>) -> bool {
    judged.is_err_and(|fault| ["Pauses", "Shift", "Late"].iter().any(|word| fault.contains(word)))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.001
}

/// A leg between two places of the test files.
fn leg(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

#[test]
fn a_vehicle_of_each_type_costs_its_own_price() {
    assert_eq!(guess(MIXED), ProblemFormat::Mixed);
    let instance = distance(MIXED);
    let (depot, first, second, third) = ((5.0, 5.0), (9.0, 1.0), (2.0, 8.0), (7.0, 7.0));
    // One large vehicle at 5 and 1 a length unit, two small ones at 0 and 1.5.
    assert_eq!(instance.problem.tours().len(), 3);
    let large = 5.0 + leg(depot, first) + leg(first, third) + leg(third, depot);
    let small = 1.5 * 2.0 * leg(depot, second);
    let cost = judge(&instance, &[&[1, 3], &[2], &[]]).unwrap();
    assert!(close(cost, large + small), "{cost}, {}", large + small);
    assert!(judge(&instance, &[&[1], &[2, 3], &[]]).unwrap_err().contains("Load"), "a small vehicle holds one");
    // What is measured is the price of the file, and the length is still told in its unit.
    let length = leg(depot, first) * 2.0;
    let tours = vec![vec![StopIx(0)], Vec::new(), Vec::new()];
    let solution = Solution { tours, absent: vec![StopIx(1), StopIx(2)], ..Solution::default() };
    assert!(close(instance.distance(&solution), length));
}

#[test]
fn the_longest_route_of_a_mixed_fleet_is_kept() {
    // Twice 5.657 and a service of 2 are 13.31.
    let limited = |range: &str| distance(&MIXED.replace("999999.0 0.0", &format!("{range} 2.0")));
    assert!(judge(&limited("13.32"), &[&[1], &[], &[]]).is_ok());
    assert!(takes_too_long(judge(&limited("13.31"), &[&[1], &[], &[]])));
}

#[test]
fn a_vehicle_belongs_to_its_depot() {
    assert_eq!(guess(DEPOTS), ProblemFormat::Depots);
    let instance = distance(DEPOTS);
    let (near, far) = ((5.0, 5.0), (1.0, 1.0));
    let (first, third) = ((9.0, 1.0), (7.0, 7.0));
    let cost = judge(&instance, &[&[1, 2], &[3]]).unwrap();
    let way = leg(near, first) + leg(first, (2.0, 8.0)) + leg((2.0, 8.0), near) + 2.0 * leg(far, third);
    assert!(close(cost, way), "{cost}, {way}");
    // Only the second depot may serve customer 3.
    assert!(judge(&instance, &[&[3], &[1, 2]]).unwrap_err().contains("Rules"));
    // A route is as long as its driving and its service: here 8.485 and 2.
    let limited = |limit: &str| distance(&DEPOTS.replacen("80 30", &format!("{limit} 30"), 1));
    assert!(judge(&limited("10.5"), &[&[2], &[3]]).is_ok());
    assert!(takes_too_long(judge(&limited("10.4"), &[&[2], &[3]])));
}

#[test]
fn windows_of_several_depots_are_kept() {
    let timed = |closes: &str| {
        let text = format!("6 1 1 1\n0 30\n1 9 1 0 9 1 1 1 0 {closes}\n2 5 5 0 0 0 0 0 100\n");
        judge(&distance(&text), &[&[1]])
    };
    assert!(timed("5.7").is_ok());
    assert!(takes_too_long(timed("5.6")), "the way takes 5.657");
}

#[test]
fn a_matrix_is_read_in_every_format() {
    // The weight between nodes a < b is 10 a + b, as in a table with rows 12 13 14, 23 24, 34.
    let formats = [
        ("FULL_MATRIX", "0 12 13 14 12 0 23 24 13 23 0 34 14 24 34 0"),
        ("LOWER_ROW", "12 13 23 14 24 34"),
        ("UPPER_COL", "12 13 23 14 24 34"),
        ("UPPER_ROW", "12 13 14 23 24 34"),
        ("LOWER_COL", "12 13 14 23 24 34"),
        ("LOWER_DIAG_ROW", "0 12 0 13 23 0 14 24 34 0"),
        ("UPPER_DIAG_COL", "0 12 0 13 23 0 14 24 34 0"),
        ("UPPER_DIAG_ROW", "0 12 13 14 0 23 24 0 34 0"),
        ("LOWER_DIAG_COL", "0 12 13 14 0 23 24 0 34 0"),
    ];
    assert_eq!(guess(EXPLICIT), ProblemFormat::Vrplib);
    for (format, weights) in formats {
        let text = EXPLICIT.replace("LOWER_ROW", format).replace("9\n9 14\n9 14 14\n", &format!("{weights}\n"));
        let instance = distance(&text);
        let costs = [judge(&instance, &[&[2, 3], &[4], &[]]), judge(&instance, &[&[2, 4], &[3], &[]])];
        assert_eq!(costs, [Ok(12.0 + 23.0 + 13.0 + 28.0), Ok(12.0 + 24.0 + 14.0 + 26.0)], "{format}");
    }
    // The depot need not be the first node, and ways there and back may differ.
    let other = EXPLICIT
        .replace("LOWER_ROW", "FULL_MATRIX")
        .replace("9\n9 14\n9 14 14\n", "0 1 2 3\n4 0 5 6\n7 8 0 9\n10 11 12 0\n");
    let other = other.replace("1 0\n2 9\n", "1 9\n2 0\n").replace("SECTION\n1\n-1", "SECTION\n2\n-1");
    assert_eq!(judge(&distance(&other), &[&[1, 3], &[4], &[]]), Ok(4.0 + 2.0 + 8.0 + 6.0 + 11.0));
}

#[test]
fn a_number_out_of_range_is_named_with_its_line_and_range() {
    let solomon =
        "t\nVEHICLE\nNUMBER CAPACITY\n1 10\nCUSTOMER\n0 0 0 0 0 90 0\n1 3 4 1 0 200000000 1\n2 6 8 1 0 90 1\n";
    assert_eq!(refused(solomon), "line 7: due date 200000000 is out of range: -50000000 to 50000000 is read");
    distance(&solomon.replace("200000000", "200000"));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    for (text, change, expected) in [
        (MIXED, ("9 1 9", "9 1 9.5"), "line 6: demand 9.5 is no whole number"),
        (MIXED, ("1 20 5.0", "1 20 -5.0"), "line 3: fixed cost -5 is out of range"),
        (MIXED, ("7 7 9", "7 7 9\n7 7 9"), "line 9: the file should end"),
        (MIXED, ("7 7 9", ""), "a customer was expected"),
        (DEPOTS, ("2 1 3 2", "3 1 3 2"), "type 3 (SDVRP) is not read"),
        (DEPOTS, ("3 7 7 0 9 1", "3 7 7 0 9 2"), "2 visits to one customer"),
        (DEPOTS, ("2 2 8", "7 2 8"), "customer 7 where 2 was expected"),
        (DEPOTS, ("1 1 2\n", "1 1 4\n"), "set of depots 4 is out of range"),
        (EXPLICIT, ("DIMENSION : 4", "DIMENSION : 5"), "node 5 has no demand"),
        (EXPLICIT, ("9 14 14\n", "9 14\n"), "has 5 numbers; LOWER_ROW of 4 nodes has 6"),
        (EXPLICIT, ("LOWER_ROW", "FUNCTION"), "EDGE_WEIGHT_FORMAT FUNCTION is not read"),
        (EXPLICIT, ("EXPLICIT", "GEO"), "EDGE_WEIGHT_TYPE GEO"),
        (EXPLICIT, ("TYPE : CVRP", "TYPE : MDVRP"), "TYPE MDVRP"),
        (EXPLICIT, ("CAPACITY : 18", "CAPACITY : many"), "CAPACITY `many`"),
        (EXPLICIT, ("CAPACITY : 18", "CAPACITY : -1"), "CAPACITY -1 is out of range"),
        (EXPLICIT, ("SECTION\n1\n-1", "SECTION\n1\n2\n-1"), "only one depot is read"),
        (EXPLICIT, ("SECTION\n1\n-1", "SECTION\n9\n-1"), "depot 9"),
        (EXPLICIT, ("1 0\n2 9", "1 4\n2 9"), "node 1: the depot has a demand"),
        (EXPLICIT, ("4 9\nDEPOT", "5 9\nDEPOT"), "node 5: it stands in DEMAND_SECTION"),
    ] {
        let changed = text.replacen(change.0, change.1, 1);
        assert_ne!(changed, text, "{change:?}");
        let said = refused(&changed);
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let plane = include_str!("files/vrplib/a").replace("DIMENSION : 4", "DIMENSION : 5");
    assert_eq!(refused(&plane), "DIMENSION is 5, but NODE_COORD_SECTION has 4 nodes");
    let unsupported = read(&EXPLICIT.replace("EXPLICIT", "GEO"), ProblemFormat::Vrplib, Objective::Distance);
    assert!(matches!(unsupported, Err(ReadError::Unsupported { .. })));
}

//! `fleetfold solve` as a user runs it: files of the public formats in, routes out that an independent check accepts, and
//! errors that say what and where.

mod support;

use std::fmt::Write;
use std::path::Path;

use support::run;

const CUSTOMERS: usize = 30;

/// A number that depends on its place only.
fn draw(seed: usize, most: usize) -> usize {
    (seed.wrapping_mul(2_654_435_761) >> 7) % most
}

struct Customer {
    x: i64,
    y: i64,
    demand: i64,
    opens: i64,
    closes: i64,
}

fn customers() -> Vec<Customer> {
    (0..=CUSTOMERS)
        .map(|index| {
            let opens = draw(index + 11, 300) as i64;
            let depot = index == 0;
            Customer {
                x: draw(index + 1, 100) as i64,
                y: draw(index + 101, 100) as i64,
                demand: if depot { 0 } else { 1 + draw(index + 7, 9) as i64 },
                opens: if depot { 0 } else { opens },
                closes: if depot { 2_000 } else { opens + 400 },
            }
        })
        .collect()
}

fn solomon() -> String {
    let mut text = "TEST\n\nVEHICLE\nNUMBER     CAPACITY\n  12         50\n\nCUSTOMER\nCUST NO.  XCOORD.   YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE   TIME\n\n".to_owned();
    for (index, c) in customers().iter().enumerate() {
        let service = if index == 0 { 0 } else { 10 };
        writeln!(text, "{index} {} {} {} {} {} {service}", c.x, c.y, c.demand, c.opens, c.closes).unwrap();
    }
    text
}

/// Customers in pairs: an odd one is picked up, the next one is its delivery.
fn li_lim() -> String {
    let mut text = "12\t50\t1\n".to_owned();
    for (index, c) in customers().iter().enumerate() {
        let (pickup, delivery) = match index {
            0 => (0, 0),
            index if index % 2 == 1 => (0, index + 1),
            index => (index - 1, 0),
        };
        let demand = if index == 0 {
            0
        } else if pickup == 0 {
            5
        } else {
            -5
        };
        let (opens, closes) = if pickup == 0 { (c.opens, c.closes) } else { (0, 1_900) };
        let service = i64::from(index > 0) * 10;
        writeln!(text, "{index} {} {} {demand} {opens} {closes} {service} {pickup} {delivery}", c.x, c.y).unwrap();
    }
    text
}

/// Routes of `--routes`, judged from the coordinates alone: windows, loads, everybody once. Truncated tenths for Solomon,
/// reals for Li–Lim.
fn check(output: &str, pairs: bool) {
    let customers = customers();
    let mut seen = vec![0; customers.len()];
    for line in output.lines() {
        let route: Vec<usize> = line.split(' ').map(|word| word.parse().expect("node numbers only")).collect();
        let (mut clock, mut here, mut load) = (0.0f64, 0, 0);
        for &node in &route {
            seen[node] += 1;
            let (a, b) = (&customers[here], &customers[node]);
            let exact = (((a.x - b.x).pow(2) + (a.y - b.y).pow(2)) as f64).sqrt();
            clock += if pairs { exact } else { (exact * 10.0).floor() / 10.0 };
            let (opens, closes) = if pairs && node % 2 == 0 { (0, 1_900) } else { (b.opens, b.closes) };
            clock = clock.max(opens as f64);
            assert!(clock <= closes as f64 + 1e-6, "node {node} at {clock}, closes at {closes}: {line}");
            clock += 10.0;
            load += if !pairs {
                b.demand
            } else if node % 2 == 1 {
                5
            } else {
                -5
            };
            assert!((0..=50).contains(&load), "load {load} after node {node}: {line}");
            if pairs && node % 2 == 0 {
                let pickup = route.iter().position(|&other| other == node - 1);
                assert!(pickup < route.iter().position(|&other| other == node) && pickup.is_some(), "{line}");
            }
            here = node;
        }
    }
    assert!(seen[1..].iter().all(|&times| times == 1), "everybody is served once: {seen:?}");
}

fn solve(folder: &Path, file: &str, more: &[&str]) -> String {
    let mut args = vec!["solve", file, "--rounds", "30", "--routes"];
    args.extend(more);
    let output = run(&args, folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("routes are text")
}

#[test]
fn routes_keep_every_rule_and_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("s.txt"), solomon()).unwrap();
    std::fs::write(folder.join("l.txt"), li_lim()).unwrap();
    for (file, pairs) in [("s.txt", false), ("l.txt", true)] {
        let routes = solve(folder, file, &["--threads", "1"]);
        check(&routes, pairs);
        assert_eq!(routes, solve(folder, file, &["--threads", "3"]), "{file}: threads change the result");
        let fewest = solve(folder, file, &["--objective", "vehicles"]);
        check(&fewest, pairs);
        assert!(fewest.lines().count() <= routes.lines().count(), "{file}");
        // A warm start is never worse than what it starts from.
        std::fs::write(folder.join("init.txt"), &routes).unwrap();
        check(&solve(folder, file, &["--init", "init.txt"]), pairs);
    }
}

#[test]
fn bad_files_are_refused_with_place_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let solomon = solomon();
    let row = |text: &str, index: usize| {
        let at = text.lines().position(|line| line.starts_with(&format!("{index} "))).unwrap();
        text.lines().nth(at).unwrap().to_owned()
    };
    let line = row(&solomon, 4);
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let mut with = |at: usize, value: &str| {
        let was = std::mem::replace(&mut words[at], value.to_owned());
        let changed = solomon.replace(&line, &words.join(" "));
        words[at] = was;
        changed
    };
    let cases = [
        (String::new(), "none of the formats"),
        ("{\"jobs\": 3}".to_owned(), "missing field"),
        (with(5, "-1"), "before it opens"),
        (with(6, "-5"), "a service of -5"),
        (with(3, "-5"), "a demand of -5"),
        (with(0, "77"), "customer 77 where 4 was expected"),
        (with(1, "1e300"), "out of range"),
        (solomon.replace(&line, "4 5 6"), "3 numbers, 7 are needed"),
        (li_lim().replace("\t1\n", "\n"), "none of the formats"),
        (li_lim().replace("30 ", "29 "), "expected"),
    ];
    for (text, expected) in cases {
        std::fs::write(folder.join("bad.txt"), &text).unwrap();
        let output = run(&["solve", "bad.txt", "--rounds", "1"], folder);
        let said = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(!output.status.success() && said.contains(expected) && said.contains("bad.txt"), "{expected}: {said}");
    }
    let missing = run(&["solve", "nowhere.txt"], folder);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.txt"));
}

/// What cannot be done gets the best partial plan, and says what is left out.
#[test]
fn an_infeasible_problem_gets_a_partial_plan() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // One vehicle for what needs several.
    std::fs::write(folder.join("tight.txt"), solomon().replace("  12         50", "  1         20")).unwrap();
    let output = run(&["solve", "tight.txt", "--rounds", "10", "--json"], folder);
    assert!(output.status.success());
    let body: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (served, left) = (body["routes"][0].as_array().unwrap().len(), body["unassigned"].as_array().unwrap().len());
    assert!(served > 0 && served + left == CUSTOMERS, "{body}");
}

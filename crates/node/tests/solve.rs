//! `fleetfold solve` as a user runs it: files of the public formats in, routes out that an independent check accepts, and
//! errors that say what and where.

mod support;

use std::fmt::Write;
use std::path::Path;

use support::{fleetfold, pause, run};

/// Runs the program with this on its standard input.
fn run_with(folder: &Path, args: &[&str], input: &str) -> std::process::Output {
    use std::io::Write;
    use std::process::Stdio;
    let mut command = fleetfold(args, folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().expect("it is a pipe").write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// Three jobs on a line, 100 seconds apart; the second needs a skill that no vehicle has.
fn line_of_jobs() -> serde_json::Value {
    let durations: Vec<Vec<u32>> = (0..4u32).map(|a| (0..4).map(|b| a.abs_diff(b) * 100).collect()).collect();
    serde_json::json!({
        "jobs": [
            { "id": 1, "location_index": 1 },
            { "id": 2, "location_index": 2, "skills": [7] },
            { "id": 3, "location_index": 3 },
        ],
        "vehicles": [{ "id": 10, "start_index": 0, "end_index": 0 }],
        "matrices": { "car": { "durations": durations } },
    })
}

const CUSTOMERS: usize = 30;

/// A number that depends on its place only.
fn draw(seed: usize, most: usize) -> usize {
    (seed.wrapping_mul(2_654_435_761) >> 7) % most
}

/// The numbers of a node in a section.
type Numbers = fn(usize, &Customer) -> String;

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
        let distance = |rounds: &str, seed: &str, init: &str| {
            let output = run(&["solve", file, "--rounds", rounds, "--seed", seed, "--init", init, "--json"], folder);
            let body: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            body["distance"].as_f64().unwrap()
        };
        let given = distance("0", "1", "init.txt");
        for seed in ["2", "3", "4"] {
            assert!(distance("1", seed, "init.txt") <= given, "{file}");
        }
    }
}

/// Stops of --init are promised: at a price above any gain they stay with their vehicle, at none they may go.
#[test]
fn a_change_price_keeps_stops_with_their_vehicles() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("s.txt"), solomon()).unwrap();
    // Ten alone with a vehicle each, the rest placed by the program: far from good.
    std::fs::write(folder.join("init.txt"), "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n").unwrap();
    let apart = |price: &[&str]| {
        let mut more = vec!["--init", "init.txt"];
        more.extend(price);
        let routes = solve(folder, "s.txt", &more);
        check(&routes, false);
        let promised = |line: &str| line.split(' ').filter(|word| word.parse::<usize>().unwrap() <= 10).count();
        routes.lines().all(|line| promised(line) <= 1)
    };
    assert!(apart(&["--change-price", "100000"]), "promised stops share a vehicle");
    assert!(!apart(&[]), "without a price the best plan puts some together");
    assert!(apart(&["--changes-max", "0"]), "no change was allowed");
    assert!(!apart(&["--changes-max", "10"]), "ten were");
}

/// CVRP as VRPLIB text; what it does not read is refused by name.
#[test]
fn vrplib_files_are_read_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut text =
        "NAME : t\nTYPE : CVRP\nDIMENSION : 31\nEDGE_WEIGHT_TYPE : EUC_2D\nCAPACITY : 50\nNODE_COORD_SECTION\n"
            .to_owned();
    for (index, c) in customers().iter().enumerate() {
        writeln!(text, "{} {} {}", index + 1, c.x, c.y).unwrap();
    }
    text.push_str("DEMAND_SECTION\n");
    for (index, c) in customers().iter().enumerate() {
        writeln!(text, "{} {}", index + 1, c.demand).unwrap();
    }
    text.push_str("DEPOT_SECTION\n1\n-1\nEOF\n");
    std::fs::write(folder.join("c.vrp"), &text).unwrap();
    let routes = solve(folder, "c.vrp", &["--plot", "c.svg"]);
    let mut seen: Vec<usize> = Vec::new();
    for line in routes.lines() {
        let route: Vec<usize> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let load: i64 = route.iter().map(|&node| customers()[node - 1].demand).sum();
        assert!(load <= 50, "{line}");
        seen.extend(route);
    }
    seen.sort_unstable();
    assert_eq!(seen, (2..=CUSTOMERS + 1).collect::<Vec<_>>(), "everybody is served once");
    let drawing = std::fs::read_to_string(folder.join("c.svg")).unwrap();
    assert_eq!(drawing.matches("<polyline").count(), routes.lines().count());
    std::fs::write(folder.join("x.vrp"), text.replace("EUC_2D", "GEO")).unwrap();
    let output = run(&["solve", "x.vrp", "--rounds", "1"], folder);
    assert!(String::from_utf8_lossy(&output.stderr).contains("GEO"), "refused by name");
}

/// Ctrl-C ends the search, not the program: the best plan so far is printed.
#[test]
fn an_interrupted_search_prints_its_best_plan() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("s.txt"), solomon()).unwrap();
    let searching = fleetfold(&["solve", "s.txt", "--seconds", "600", "--routes"], folder)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    pause(1_500);
    let interrupted = std::process::Command::new("kill").args(["-INT", &searching.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = searching.wait_with_output().unwrap();
    assert!(output.status.success());
    check(&String::from_utf8(output.stdout).unwrap(), false);
}

/// VRPLIB with time windows: the same customers as in Solomon's format, numbered from 1.
#[test]
fn vrplib_files_with_time_windows_keep_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut text = "NAME : t\nTYPE : VRPTW\nVEHICLES : 12\nEDGE_WEIGHT_TYPE : EUC_2D\nCAPACITY : 50\n".to_owned();
    let sections: [(&str, Numbers); 4] = [
        ("NODE_COORD_SECTION", |_, c| format!("{} {}", c.x, c.y)),
        ("DEMAND_SECTION", |_, c| c.demand.to_string()),
        ("TIME_WINDOW_SECTION", |_, c| format!("{} {}", c.opens, c.closes)),
        ("SERVICE_TIME_SECTION", |index, _| (i64::from(index > 0) * 10).to_string()),
    ];
    for (name, numbers) in sections {
        writeln!(text, "{name}").unwrap();
        for (index, c) in customers().iter().enumerate() {
            writeln!(text, "{} {}", index + 1, numbers(index, c)).unwrap();
        }
    }
    text.push_str("DEPOT_SECTION\n1\n-1\nEOF\n");
    std::fs::write(folder.join("t.vrp"), &text).unwrap();
    let lower = |line: &str| {
        let node = |word: &str| (word.parse::<usize>().unwrap() - 1).to_string();
        line.split(' ').map(node).collect::<Vec<_>>().join(" ")
    };
    let routes = solve(folder, "t.vrp", &[]);
    check(&routes.lines().map(lower).collect::<Vec<_>>().join("\n"), false);
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

/// A VROOM file: everything VROOM would print is there, windows are kept, reasons are given.
#[test]
fn vroom_files_are_read_and_answered_in_kind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let durations: Vec<Vec<u32>> = (0..6u32).map(|a| (0..6).map(|b| a.abs_diff(b) * 100).collect()).collect();
    let input = serde_json::json!({
        "jobs": [
            { "id": 1, "location_index": 1, "service": 60, "delivery": [1], "time_windows": [[0, 50], [500, 900]] },
            { "id": 2, "location_index": 5, "pickup": [2], "skills": [7] },
            { "id": 3, "location_index": 2, "delivery": [9] },
        ],
        "shipments": [{ "amount": [1], "pickup": { "id": 4, "location_index": 4 }, "delivery": { "id": 5, "location_index": 3, "setup": 30 } }],
        "vehicles": [{ "id": 10, "start_index": 0, "end_index": 0, "capacity": [4], "time_window": [0, 4000] }],
        "matrices": { "car": { "durations": durations } },
    });
    std::fs::write(folder.join("v.json"), input.to_string()).unwrap();
    let output = run(&["solve", "v.json", "--rounds", "20", "--json"], folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let body: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&body["code"], &body["summary"]["routes"]), (&0.into(), &1.into()), "{body}");
    // Out to 4 and back: 800 seconds of driving.
    assert_eq!((&body["summary"]["cost"], &body["summary"]["duration"]), (&800.into(), &800.into()), "{body}");
    let left: Vec<(u64, &str)> = body["unassigned"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| (task["id"].as_u64().unwrap(), task["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(left, [(2, "skills"), (3, "capacity")]);
    let steps = body["routes"][0]["steps"].as_array().unwrap();
    let kinds: Vec<&str> = steps.iter().map(|step| step["type"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("start", "end"));
    let at = |kind: &str| kinds.iter().position(|other| *other == kind).unwrap();
    assert!(at("pickup") < at("delivery"), "{body}");
    let job = &steps[at("job")];
    let begins = job["arrival"].as_i64().unwrap() + job["waiting_time"].as_i64().unwrap();
    assert!((500..=900).contains(&begins), "the second window: {body}");
    // The file says itself what counts.
    let output = run(&["solve", "v.json", "--rounds", "1", "--objective", "vehicles"], folder);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--objective"));
    for (path, value, expected) in [
        ("/jobs/0/time_windows", serde_json::json!([[9, 3]]), "job 1: the window closes at 3"),
        ("/jobs/0/location_index", serde_json::json!(77), "job 1: index 77 exceeds the matrix of 6 rows"),
        ("/jobs/0/service", serde_json::json!(-4), "jobs[0].service"),
        ("/matrices/car/durations/2", serde_json::json!([1, 2]), "`matrices.car.durations[2]` has 2 numbers"),
        ("/vehicles/0/costs", serde_json::json!({ "per_hour": 4_000_000_000u32 }), "the leg from 0 to 5 costs"),
        ("/vehicles/0/costs", serde_json::json!({ "per_km": 501 }), "`per_km` needs"),
    ] {
        let mut bad = input.clone();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let slot = bad.pointer_mut(parent).unwrap();
        match key.parse::<usize>() {
            Ok(index) if slot.is_array() => slot[index] = value,
            _ => slot[key] = value,
        }
        std::fs::write(folder.join("bad.json"), bad.to_string()).unwrap();
        // An unknown key is passed over with a warning, but for those who want to be told.
        let passed = run(&["solve", "bad.json", "--rounds", "1"], folder);
        assert_eq!(passed.status.success(), expected == "extra", "{path}");
        assert!(String::from_utf8_lossy(&passed.stderr).contains(expected), "{path}");
        let output = run(&["solve", "bad.json", "--rounds", "1", "--strict"], folder);
        let said = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(!output.status.success() && said.contains(expected), "{path}: {said}");
    }
}

/// The problem comes from a file or from standard input, and the plan goes to standard output or into a file.
#[test]
fn a_problem_is_read_from_standard_input_and_a_plan_written_into_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let problem = line_of_jobs().to_string();
    std::fs::write(folder.join("v.json"), &problem).unwrap();
    // How long it took is another one each time.
    let timeless = |bytes: &[u8]| {
        let mut body = json(bytes);
        let times = body["summary"].as_object_mut().unwrap().remove("computing_times").unwrap();
        assert!(["loading", "solving", "routing"].iter().all(|part| times[part].is_u64()), "{times}");
        body
    };
    let whole = timeless(&run(&["solve", "v.json", "--rounds", "5", "--json"], folder).stdout);
    assert_eq!(whole["summary"]["cost"], 600, "{whole}");
    let piped = run_with(folder, &["solve", "-", "--rounds", "5", "--json"], &problem);
    assert_eq!(timeless(&piped.stdout), whole);
    let named = run(&["solve", "-i", "v.json", "-o", "out.json", "-t", "1", "--rounds", "5", "--json"], folder);
    assert!(named.status.success() && named.stdout.is_empty());
    assert_eq!(timeless(&std::fs::read(folder.join("out.json")).unwrap()), whole);
    // Where nothing can be written, the error is still a document.
    for form in ["--vroom", "--json"] {
        for input in ["v.json", "none.json"] {
            let lost = run(&["solve", form, "-i", input, "-o", "none/out.json", "-x", "0"], folder);
            assert_eq!((lost.status.code(), &json(&lost.stdout)["code"]), (Some(2), &2.into()), "{form} {input}");
        }
    }
    let nothing = run(&["solve", "--rounds", "5"], folder);
    assert!(!nothing.status.success() && String::from_utf8_lossy(&nothing.stderr).contains("standard input"));
}

/// The flags, the standard streams and the exit codes of the command `vroom`.
#[test]
fn the_vroom_command_is_answered_in_its_own_way() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let problem = line_of_jobs().to_string();
    std::fs::write(folder.join("v.json"), &problem).unwrap();
    let cost = |output: &std::process::Output| {
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let body = json(&output.stdout);
        assert_eq!((&body["code"], &body["unassigned"][0]["id"]), (&0.into(), &2.into()), "{body}");
        body["summary"]["cost"].as_i64().unwrap()
    };
    // As text, on standard input, as a file; with each of the flags.
    assert_eq!(cost(&run(&["solve", "--vroom", "-x", "0", &problem], folder)), 600);
    assert_eq!(cost(&run_with(folder, &["solve", "--vroom", "-x", "9", "-l", "0.5"], &problem)), 600);
    let server = ["-a", "car:0.0.0.0", "-p", "car:5000", "-r", "osrm"];
    let mut flags = vec!["solve", "--vroom", "-t", "2", "-x", "1", "-g", "-i", "v.json"];
    flags.extend(server);
    assert_eq!(cost(&run(&flags, folder)), 600);
    for flag in ["-v", "--version"] {
        let output = run(&["solve", "--vroom", flag], folder);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!((output.status.code(), said), (Some(0), format!("fleetfold {}\n", env!("CARGO_PKG_VERSION"))));
    }
    // Priorities may weigh otherwise.
    assert_eq!(cost(&run(&["solve", "--vroom", "-x", "0", "--priorities", "weighed", &problem], folder)), 600);
    // Whatever is read over is warned of, also where routes are only timed, and said twice to nobody.
    let mut odd = line_of_jobs();
    odd["vehicles"][0]["steps"] = serde_json::json!([{ "type": "job", "id": 1 }]);
    odd["jobs"][0]["tw"] = serde_json::json!([]);
    for (asked, args) in [(false, &["-c"][..]), (true, &[])] {
        odd["options"] = serde_json::json!({ "c": asked });
        let output = run_with(folder, &[&["solve", "--vroom"], args].concat(), &odd.to_string());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.matches("unknown key `tw`").count()), (Some(0), 1), "{said}");
        assert!(json(&output.stdout)["summary"]["computing_times"]["loading"].is_u64());
        assert_eq!(
            run_with(folder, &[&["solve", "--vroom", "--strict"], args].concat(), &odd.to_string()).status.code(),
            Some(2)
        );
    }
    // Errors are documents on standard output, and the exit code is VROOM's.
    let refused = |args: &[&str], input: &str| {
        let output = run_with(folder, args, input);
        let body = json(&output.stdout);
        assert_eq!(output.status.code().map(i64::from), body["code"].as_i64(), "{body}");
        (body["code"].as_i64().unwrap(), body["error"].as_str().unwrap().to_owned())
    };
    assert_eq!(refused(&["solve", "--vroom"], "{ no problem").0, 2);
    assert_eq!(refused(&["solve", "--vroom", "-i", "nowhere.json"], "").0, 2);
    // So is a command line that cannot be understood.
    for (wrong, what) in [
        (&["--bogus"][..], "unexpected argument '--bogus'"),
        (&["-x", "much"], "invalid value 'much'"),
        (&["-t", "0", "-i", "v.json"], "0 is not in 1..="),
        (&["-i"], "a value is required"),
    ] {
        let (code, error) = refused(&[&["solve", "--vroom"], wrong].concat(), "");
        assert!(code == 2 && error.contains(what), "{code}: {error}");
    }
    let output = run(&["solve", "--vroom", "--bogus", "-o", "wrong.json"], folder);
    let said = std::fs::read(folder.join("wrong.json")).unwrap();
    assert_eq!((output.stdout.len(), &json(&said)["code"]), (0, &2.into()));
    // What is wrong with a document is said in VROOM's words, without a file before them.
    let mut late = line_of_jobs();
    late["vehicles"][0]["steps"] = serde_json::json!([{ "type": "job", "id": 1, "service_before": 0 }]);
    let (code, error) = refused(&["solve", "--vroom", "-c"], &late.to_string());
    assert!(code == 2 && error.starts_with("Infeasible route for vehicle 10."), "{code}: {error}");
    let places = serde_json::json!({ "jobs": [{ "id": 1, "location": [2.0, 48.0] }], "vehicles": [{ "id": 1, "start": [2.1, 48.0] }] });
    let mut asks = vec!["solve", "--vroom"];
    asks.extend(server);
    let (code, error) = refused(&asks, &places.to_string());
    assert!(code == 3 && error.contains("OSRM at http://0.0.0.0:5000"), "{code}: {error}");
    // The same document for whoever asks for JSON.
    let (code, error) = refused(&["solve", "-", "--json"], "no format at all");
    assert!(code == 2 && error.contains("none of the formats"), "{code}: {error}");
}

/// `-c` searches nothing: the given routes are timed and priced, or refused with the rule that they break.
#[test]
fn given_routes_are_judged_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("s.txt"), solomon()).unwrap();
    // Everybody alone, for a fleet that is large enough; then two on a vehicle that holds neither.
    let numbers: Vec<String> = (1..=CUSTOMERS).map(|node| node.to_string()).collect();
    let alone = numbers.join("\n");
    std::fs::write(folder.join("wide.txt"), solomon().replace("  12         50", "  30         50")).unwrap();
    std::fs::write(folder.join("alone.txt"), &alone).unwrap();
    let output = run(&["solve", "wide.txt", "-c", "--init", "alone.txt", "--json"], folder);
    let body = json(&output.stdout);
    assert_eq!(body["routes"].as_array().map(Vec::len), Some(CUSTOMERS), "{body}");
    let there_and_back = |c: &Customer, depot: &Customer| {
        let exact = (((c.x - depot.x).pow(2) + (c.y - depot.y).pow(2)) as f64).sqrt();
        2.0 * (exact * 10.0).floor() / 10.0
    };
    let customers = customers();
    let length: f64 = customers[1..].iter().map(|c| there_and_back(c, &customers[0])).sum();
    assert!((body["cost"].as_f64().unwrap() - length).abs() < 1e-6, "{length}: {body}");
    // A VROOM file brings its routes with it: here the far job first.
    let mut given = line_of_jobs();
    given["vehicles"][0]["steps"] = serde_json::json!([{ "type": "job", "id": 3 }, { "type": "job", "id": 1 }]);
    std::fs::write(folder.join("v.json"), given.to_string()).unwrap();
    let body = json(&run(&["solve", "v.json", "-c"], folder).stdout);
    let ids = |body: &serde_json::Value| {
        let steps = body["routes"][0]["steps"].as_array().unwrap();
        steps.iter().filter_map(|step| step["id"].as_u64()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&body), [3, 1], "{body}");
    std::fs::write(folder.join("together.txt"), alone.replace('\n', " ")).unwrap();
    let output = run(&["solve", "wide.txt", "-c", "--init", "together.txt", "--json"], folder);
    let body = json(&output.stdout);
    assert!(output.status.code() == Some(2) && body["error"].as_str().unwrap().contains("break a rule"), "{body}");
}

/// What is left out is named in the summary, with the reason if there is one.
#[test]
fn what_is_left_out_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("v.json"), line_of_jobs().to_string()).unwrap();
    let said = |args: &[&str]| String::from_utf8(run(args, folder).stdout).unwrap();
    let summary = said(&["solve", "v.json", "--rounds", "2"]);
    assert!(summary.contains("unserved     1\nleft out     job 2: skills\n"), "{summary}");
    let heavy = solomon().replace("  12         50", "  12         5");
    std::fs::write(folder.join("heavy.txt"), heavy).unwrap();
    let summary = said(&["solve", "heavy.txt", "--rounds", "0"]);
    let too_heavy = customers().iter().position(|c| c.demand > 5).unwrap();
    assert!(summary.contains(&format!("left out     customer {too_heavy}: no vehicle holds as much\n")), "{summary}");
}

/// Each vehicle of a mixed fleet at its own price, each one of several depots back to its own; a plan says who drives what.
#[test]
fn fleets_of_the_benchmarks_are_solved() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let customers = customers();
    let (depot, rest) = (&customers[0], &customers[1..]);
    let mut mixed =
        format!("// comment\n{CUSTOMERS} 2 999999.0 0.0\n30 9 10.0 1.0\n2 60 30.0 1.2\n{} {}\n", depot.x, depot.y);
    let mut depots = format!("2 6 {CUSTOMERS} 2\n0 50\n0 50\n");
    for (index, c) in rest.iter().enumerate() {
        writeln!(mixed, "{} {} {}", c.x, c.y, c.demand).unwrap();
        writeln!(depots, "{} {} {} 0 {} 1 2 1 2", index + 1, c.x, c.y, c.demand).unwrap();
    }
    let places = [(depot.x, depot.y), (100 - depot.x, 100 - depot.y)];
    for (index, (x, y)) in places.iter().enumerate() {
        writeln!(depots, "{} {x} {y} 0 0 0 0", CUSTOMERS + 1 + index).unwrap();
    }
    let solved = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        let output = run(&["solve", name, "--rounds", "20", "--json"], folder);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        json(&output.stdout)
    };
    // The cost of the routes, computed from the texts alone.
    let judge = |body: &serde_json::Value, price: &dyn Fn(u64, f64, i64) -> f64, home: &dyn Fn(u64) -> (i64, i64)| {
        let mut seen = vec![0; customers.len()];
        let mut sum = 0.0;
        let vehicles = body["vehicle_of_route"].as_array().unwrap();
        for (route, vehicle) in body["routes"].as_array().unwrap().iter().zip(vehicles) {
            let vehicle = vehicle.as_u64().unwrap();
            let (mut here, mut way, mut load) = (home(vehicle), 0.0, 0);
            for node in route.as_array().unwrap() {
                let node = node.as_u64().unwrap() as usize;
                seen[node] += 1;
                let next = (customers[node].x, customers[node].y);
                way += ((here.0 - next.0) as f64).hypot((here.1 - next.1) as f64);
                load += customers[node].demand;
                here = next;
            }
            let back = home(vehicle);
            way += ((here.0 - back.0) as f64).hypot((here.1 - back.1) as f64);
            sum += price(vehicle, way, load);
        }
        assert!(seen[1..].iter().all(|&times| times == 1), "{seen:?}");
        assert!((body["cost"].as_f64().unwrap() - sum).abs() < 0.1, "{sum}: {body}");
    };
    let small_or_large = |vehicle: u64, way: f64, load: i64| {
        let (most, fixed, each) = if vehicle <= 30 { (9, 10.0, 1.0) } else { (60, 30.0, 1.2) };
        assert!(load <= most, "vehicle {vehicle} carries {load}");
        fixed + each * way
    };
    judge(&solved("mixed.txt", &mixed), &small_or_large, &|_| places[0]);
    let length = |vehicle: u64, way: f64, load: i64| {
        assert!(load <= 50, "vehicle {vehicle} carries {load}");
        way
    };
    judge(&solved("depots.txt", &depots), &length, &|vehicle| places[usize::from(vehicle > 6)]);
}

/// A start plan that has to be repaired is repaired with a warning, or refused by those who are strict. Either way no plan is broken.
#[test]
fn a_start_plan_that_cannot_be_is_repaired_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("s.txt"), solomon()).unwrap();
    std::fs::write(folder.join("twice.txt"), "1 2\n2 3\n").unwrap();
    let init = ["--init", "twice.txt"];
    check(&solve(folder, "s.txt", &init), false);
    let strict = run(&["solve", "s.txt", "--rounds", "1", "--strict", "--init", "twice.txt"], folder);
    let said = String::from_utf8_lossy(&strict.stderr).to_string();
    assert!(strict.status.code() == Some(2) && said.contains("twice"), "{said}");
    // No round at all: the first plan, or what the given one was repaired to.
    let first = run(&["solve", "s.txt", "--rounds", "0", "--routes"], folder);
    check(&String::from_utf8(first.stdout).unwrap(), false);
    // Everybody on one vehicle, which holds few of them.
    let all: Vec<String> = (1..=CUSTOMERS).map(|node| node.to_string()).collect();
    std::fs::write(folder.join("all.txt"), all.join(" ")).unwrap();
    let output = run(&["solve", "s.txt", "--rounds", "0", "--routes", "--init", "all.txt"], folder);
    if output.status.success() {
        check(&String::from_utf8(output.stdout).unwrap(), false);
    } else {
        assert!(output.stdout.is_empty(), "a broken plan is not printed");
    }
}

/// The routes that a search of a mixed fleet prints are those that it starts from again: the same vehicles, the same cost.
#[test]
fn printed_routes_of_a_mixed_fleet_are_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut problem = line_of_jobs();
    let vehicle = |id: u32, hour: u32| {
        let mut vehicle = problem["vehicles"][0].clone();
        (vehicle["id"], vehicle["costs"]) = (id.into(), serde_json::json!({ "per_hour": hour }));
        vehicle
    };
    problem["vehicles"] = serde_json::json!([vehicle(1, 36_000), vehicle(2, 3_600)]);
    std::fs::write(folder.join("v.json"), problem.to_string()).unwrap();
    let routes = run(&["solve", "v.json", "--rounds", "5", "--routes"], folder);
    assert!(routes.stdout.starts_with(b"-\n"), "{routes:?}");
    std::fs::write(folder.join("old.txt"), &routes.stdout).unwrap();
    let cost = |more: &[&str]| {
        let args: Vec<&str> = ["solve", "v.json", "--json"].iter().chain(more).copied().collect();
        json(&run(&args, folder).stdout)["summary"]["cost"].clone()
    };
    let found = cost(&["--rounds", "5"]);
    for more in [&["-c"][..], &["--rounds", "0"], &["--rounds", "3", "--changes-max", "0"]] {
        let more: Vec<&str> = ["--init", "old.txt"].iter().chain(more).copied().collect();
        assert_eq!(cost(&more), found, "{more:?}");
    }
}

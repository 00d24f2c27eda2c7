//! The same VROOM files solved by VROOM itself (pyvroom, which `scripts/test` obtains) and by `fleetfold solve`. Both plans
//! are judged by a check that reads nothing but the input file and the printed solution.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::run;

/// Numbers that depend on the seed only (Knuth's multiplicative hash, twice).
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A day of jobs and shipments with windows, loads in two dimensions, skills, set-up, priorities and vehicles that differ.
fn day(seed: u64, jobs: u64, shipments: u64, breaks: bool) -> Value {
    let mut draw = Draw(seed);
    let places: Vec<(f64, f64)> =
        (0..=jobs + 2 * shipments).map(|_| (draw.below(3_000) as f64, draw.below(3_000) as f64)).collect();
    let durations: Vec<Vec<u64>> =
        places.iter().map(|a| places.iter().map(|b| (a.0 - b.0).hypot(a.1 - b.1).ceil() as u64).collect()).collect();
    let window = |draw: &mut Draw| {
        let opens = draw.below(20_000);
        json!([[opens, opens + 3_600 + draw.below(7_200)]])
    };
    let skills = |draw: &mut Draw| if draw.below(5) == 0 { json!([1]) } else { json!([]) };
    let jobs: Vec<Value> = (1..=jobs)
        .map(|id| {
            json!({ "id": id, "location_index": id, "service": 60 + draw.below(240), "setup": draw.below(60),
                "delivery": [1 + draw.below(4), draw.below(3)], "skills": skills(&mut draw), "priority": draw.below(20),
                "time_windows": window(&mut draw) })
        })
        .collect();
    let first = jobs.len() as u64 + 1;
    let shipments: Vec<Value> = (0..shipments)
        .map(|index| {
            let (pickup, delivery) = (first + 2 * index, first + 2 * index + 1);
            json!({ "amount": [1 + draw.below(4), draw.below(3)], "skills": skills(&mut draw),
                "pickup": { "id": pickup, "location_index": pickup, "service": 120, "time_windows": window(&mut draw) },
                "delivery": { "id": delivery, "location_index": delivery, "service": 60 } })
        })
        .collect();
    let vehicles: Vec<Value> = (1..=4 + (first + 2 * shipments.len() as u64) / 12)
        .map(|id| {
            let skills = if id % 2 == 0 { json!([1]) } else { json!([]) };
            let breaks = if breaks { json!([{ "id": id, "time_windows": [[9_000, 12_000]], "service": 900 }]) } else { json!([]) };
            json!({ "id": id, "start_index": 0, "end_index": 0, "breaks": breaks, "capacity": [20 + 10 * (id % 2), 15], "skills": skills,
                "time_window": [0, 36_000], "costs": { "fixed": 300 * (id % 3) } })
        })
        .collect();
    json!({ "jobs": jobs, "shipments": shipments, "vehicles": vehicles, "matrices": { "car": { "durations": durations } } })
}

/// Judges a solution; returns its true cost and how many tasks it leaves out.
fn judge(input: &Value, solution: &Value) -> (i64, usize) {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let mut tasks: BTreeMap<i64, (String, Value, Vec<i64>, Value)> = BTreeMap::new();
    let goods = |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect::<Vec<_>>();
    for job in list(input, "jobs") {
        tasks.insert(
            job["id"].as_i64().unwrap(),
            ("job".into(), job.clone(), goods(&job["delivery"]), job["skills"].clone()),
        );
    }
    for shipment in list(input, "shipments") {
        for end in ["pickup", "delivery"] {
            let task = shipment[end].clone();
            let amount = goods(&shipment["amount"]);
            tasks.insert(task["id"].as_i64().unwrap(), (end.into(), task, amount, shipment["skills"].clone()));
        }
    }
    let durations = &input["matrices"]["car"]["durations"];
    let leg = |a: usize, b: usize| durations[a][b].as_i64().unwrap();
    let place = |task: &Value| task["location_index"].as_u64().unwrap() as usize;
    let (mut cost, mut seen) = (0, Vec::new());
    for route in list(solution, "routes") {
        let vehicle =
            list(input, "vehicles").into_iter().find(|vehicle| vehicle["id"] == route["vehicle"]).expect("a vehicle");
        let capacity = goods(&vehicle["capacity"]);
        let steps: Vec<Value> =
            list(&route, "steps").into_iter().filter(|step| step["type"] != "start" && step["type"] != "end").collect();
        let mut load: Vec<i64> = vec![0; capacity.len()];
        for step in steps.iter().filter(|step| step["type"] == "job") {
            for (sum, goods) in load.iter_mut().zip(&tasks[&step["id"].as_i64().unwrap()].2) {
                *sum += goods;
            }
        }
        let fits = |load: &[i64]| load.iter().zip(&capacity).all(|(load, most)| (0..=*most).contains(load));
        assert!(fits(&load), "over capacity at the start: {route}");
        let (mut clock, mut here, mut driven, mut on_board) = (0, 0, 0, Vec::new());
        let mut breaks = list(&vehicle, "breaks");
        let mut idle = 0;
        for step in &steps {
            let id = step["id"].as_i64().unwrap();
            if step["type"] == "break" {
                let begins = step["arrival"].as_i64().unwrap() + step["waiting_time"].as_i64().unwrap();
                assert!(begins >= clock, "a break at {begins}, before {clock}");
                let its = breaks.remove(0);
                let window = &its["time_windows"][0];
                assert!((window[0].as_i64().unwrap()..=window[1].as_i64().unwrap()).contains(&begins), "{step}");
                // VROOM may have driven on before the break.
                idle += begins - clock;
                clock = begins + its["service"].as_i64().unwrap();
                continue;
            }
            let (kind, task, amount, skills) = &tasks[&id];
            assert_eq!(step["type"], *kind, "{step}");
            let has = vehicle["skills"].as_array().unwrap();
            assert!(skills.as_array().unwrap().iter().all(|skill| has.contains(skill)), "task {id} needs skills");
            seen.push(id);
            driven += leg(here, place(task));
            clock += (leg(here, place(task)) - std::mem::take(&mut idle)).max(0);
            // A plan may begin later than it could; it never arrives before it can.
            let arrival = step["arrival"].as_i64().unwrap();
            assert!(arrival >= clock, "task {id} at {arrival}, before {clock}");
            let setup = if here == place(task) { 0 } else { task["setup"].as_i64().unwrap_or(0) };
            // Windows are for the beginning of the set-up.
            let begins = arrival + step["waiting_time"].as_i64().unwrap();
            let open = task["time_windows"].as_array().is_none_or(|windows| {
                windows.iter().any(|w| (w[0].as_i64().unwrap()..=w[1].as_i64().unwrap()).contains(&begins))
            });
            assert!(open, "task {id} begins at {begins}: {task}");
            clock = begins + setup + task["service"].as_i64().unwrap();
            let sign = if kind == "pickup" { 1 } else { -1 };
            for (sum, goods) in load.iter_mut().zip(amount) {
                *sum += sign * goods;
            }
            assert!(fits(&load), "over capacity after task {id}");
            match kind.as_str() {
                "pickup" => on_board.push(id),
                "delivery" => {
                    let at = on_board.iter().position(|&pickup| pickup == id - 1);
                    on_board.remove(at.unwrap_or_else(|| panic!("delivery {id} without its pickup")));
                }
                _ => {}
            }
            here = place(task);
        }
        assert!(on_board.is_empty(), "goods left on board: {on_board:?}");
        let due = breaks.first().and_then(|its| its["time_windows"][0][0].as_i64());
        assert!(due.is_none_or(|opens| clock <= opens), "a break was left out: {route}");
        driven += leg(here, 0);
        assert!(clock + (leg(here, 0) - idle).max(0) <= 36_000, "back after the shift");
        cost += driven + vehicle["costs"]["fixed"].as_i64().unwrap();
    }
    let left: Vec<i64> = list(solution, "unassigned").iter().map(|task| task["id"].as_i64().unwrap()).collect();
    let mut all: Vec<i64> = seen.iter().chain(&left).copied().collect();
    all.sort_unstable();
    assert_eq!(all, tasks.keys().copied().collect::<Vec<_>>(), "every task once, served or left out");
    assert_eq!(solution["summary"]["cost"].as_i64().unwrap(), cost, "the cost it claims");
    (cost, left.len())
}

const VROOM: &str = "import sys, vroom
solution = vroom.Input.from_json(sys.argv[1]).solve(exploration_level=5, nb_threads=2)
solution.to_json(sys.argv[2])
";

#[test]
fn a_vroom_user_can_swap_the_command_and_keep_the_files() {
    let python = std::env::var("FLEETFOLD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mut ours_all, mut theirs_all) = (0, 0);
    for (seed, jobs, shipments, breaks) in [
        (1, 40, 0, false),
        (2, 0, 25, false),
        (3, 40, 15, false),
        (4, 80, 10, false),
        (5, 25, 30, false),
        (6, 60, 10, true),
    ] {
        let input = day(seed, jobs, shipments, breaks);
        std::fs::write(folder.join("day.json"), input.to_string()).unwrap();
        let vroom =
            Command::new(&python).args(["-c", VROOM, "day.json", "vroom.json"]).current_dir(folder).output().unwrap();
        let said = String::from_utf8_lossy(&vroom.stderr);
        assert!(vroom.status.success(), "pyvroom is needed, scripts/test obtains it: {said}");
        let theirs: Value = serde_json::from_slice(&std::fs::read(folder.join("vroom.json")).unwrap()).unwrap();
        let output = run(&["solve", "day.json", "--rounds", "100", "--json"], folder);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let ours: Value = serde_json::from_slice(&output.stdout).unwrap();
        let ((our_cost, our_left), (their_cost, their_left)) = (judge(&input, &ours), judge(&input, &theirs));
        assert!(our_left <= their_left, "seed {seed}: {our_left} left out, VROOM leaves {their_left}");
        if our_left == their_left {
            // Both are heuristics: no worse than a hundredth on any day, better over all of them.
            assert!(our_cost * 100 <= their_cost * 101, "seed {seed}: {our_cost}, VROOM {their_cost}");
            ours_all += our_cost;
            theirs_all += their_cost;
        }
        // What VROOM's users read of a solution is there.
        for name in
            ["cost", "unassigned", "routes", "service", "duration", "waiting_time", "priority", "delivery", "pickup"]
        {
            assert_eq!(theirs["summary"][name].is_null(), ours["summary"][name].is_null(), "summary.{name}");
        }
        let keys = |solution: &Value| {
            let steps = solution["routes"][0]["steps"].as_array().unwrap();
            let task =
                steps.iter().find(|step| ["job", "pickup", "delivery"].contains(&step["type"].as_str().unwrap()));
            task.unwrap().as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        let missing: Vec<String> = keys(&theirs).difference(&keys(&ours)).cloned().collect();
        assert!(missing.is_empty(), "steps lack {missing:?}");
    }
    assert!(ours_all <= theirs_all, "{ours_all}, VROOM {theirs_all}");
}

/// Small vehicles stand before large ones in these files. VROOM 1.15's cost of each: a mixed fleet must not cost more, in whatever order
/// its vehicles stand.
#[test]
fn a_mixed_fleet_costs_no_more_than_vrooms_whatever_the_order_of_its_vehicles() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fleets");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, vroom) in [
        ("4-small-1-big", 1_838),
        ("12-small-2-big", 3_101),
        ("vans-and-lorries-60", 29_534),
        ("no-fixed-price", 7_574),
        ("two-types-fixed", 12_074),
    ] {
        let text = std::fs::read_to_string(data.join(format!("{name}.json"))).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        for turn in 0..3 {
            let vehicles = file["vehicles"].as_array_mut().unwrap();
            match turn {
                0 => {}
                1 => vehicles.reverse(),
                _ => vehicles.sort_by_key(|vehicle| (vehicle["id"].as_u64().unwrap() * 7) % 13),
            }
            std::fs::write(folder.join("fleet.json"), file.to_string()).unwrap();
            let output = run(&["solve", "fleet.json", "--json", "--rounds", "150", "--threads", "2"], folder);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let solution: Value = serde_json::from_slice(&output.stdout).unwrap();
            let cost = solution["summary"]["cost"].as_i64().unwrap();
            assert_eq!(solution["unassigned"].as_array().map_or(0, Vec::len), 0, "{name}: all are served");
            assert!(cost * 100 <= vroom * 101, "{name}, order {turn}: {cost}, VROOM {vroom}");
        }
    }
}

//! Taking over a running day: the plan of another program becomes facts, and the fleet goes on as it stands.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use support::engine::{serve, state, wait_ready};
use support::{broker, http, pause, run};

/// Two vans, five jobs and a shipment around Porto.
fn problem() -> Value {
    let at = |x: i32, y: i32| json!([-8.62 + f64::from(x) * 0.004, 41.15 + f64::from(y) * 0.004]);
    let job = |id: i32, x: i32, y: i32| json!({ "id": id, "location": at(x, y), "service": 120, "delivery": [1] });
    json!({
        "vehicles": [
            { "id": 1, "start": at(-5, 0), "end": at(-5, 0), "capacity": [4], "time_window": [28800, 64800] },
            { "id": 2, "start": at(5, 0), "capacity": [4], "time_window": [28800, 64800] },
        ],
        "jobs": [job(11, -6, 1), job(12, -7, 2), job(13, 6, 1), job(14, 7, 2), job(15, 8, 0)],
        "shipments": [{ "pickup": { "id": 21, "location": at(-4, 3), "service": 60 },
                        "delivery": { "id": 22, "location": at(-3, 4), "service": 60 }, "amount": [1] }],
    })
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn imported(folder: &Path, args: &[&str]) -> Result<String, String> {
    let output = run(&[&["import", "plan"], args].concat(), folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Which vehicle each order is on, once the engine has answered all; and its status.
fn orders(port: u16, expected: usize) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    for _ in 0..200 {
        found = state(port)["orders"]
            .as_array()
            .unwrap()
            .iter()
            .map(|order| {
                let text = |field: &str| order[field].as_str().unwrap_or_default().to_owned();
                (text("id"), (text("vehicle"), text("status")))
            })
            .collect();
        if found.len() == expected && found.values().all(|(_, status)| status != "open") {
            return found;
        }
        pause(50);
    }
    panic!("{found:?}");
}

#[test]
fn a_plan_of_vroom_is_taken_over_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "problem.json", &problem().to_string());
    let solved = run(&["solve", "--vroom", "-i", "problem.json"], folder);
    assert!(solved.status.success(), "{}", String::from_utf8_lossy(&solved.stderr));
    let solution: Value = serde_json::from_slice(&solved.stdout).unwrap();
    write(folder, "solution.json", &solution.to_string());
    // The day has begun: the first task of the first route is over.
    let mut planned: BTreeMap<String, String> = BTreeMap::new();
    let mut ends: Vec<i64> = Vec::new();
    for route in solution["routes"].as_array().unwrap() {
        for step in route["steps"].as_array().unwrap() {
            let name = match step["type"].as_str().unwrap() {
                "job" => format!("job-{}", step["id"]),
                "delivery" => "shipment-21".to_owned(),
                _ => continue,
            };
            planned.insert(name, format!("vehicle-{}", route["vehicle"]));
            ends.push(step["arrival"].as_i64().unwrap() + step["service"].as_i64().unwrap());
        }
    }
    assert_eq!(planned.len(), 6, "{solution}");
    // Driving times are not taken over, and whoever asks for them is told.
    let mut ruled = problem();
    ruled["vehicles"][0]["driving_time"] = json!({ "rule": "eu_561" });
    write(folder, "ruled.json", &ruled.to_string());
    for (problem, is_told) in [("problem.json", false), ("ruled.json", true)] {
        let output = run(
            &["import", "plan", "solution.json", "--problem", problem, "--day-start", "2026-06-01T00:00:00Z"],
            folder,
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.success(), said.contains("their hours begin anew")), (true, is_told), "{said}");
    }
    ends.sort_unstable();
    let day = "2026-06-01T00:00:00Z";
    let base = day.parse::<jiff::Timestamp>().unwrap().as_second();
    let now = jiff::Timestamp::from_second(base + ends[0] + 1).unwrap().to_string();
    let args = ["solution.json", "--problem", "problem.json", "--day-start", day, "--now", &now];
    let facts = imported(folder, &args).unwrap();

    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    // The zone's clock is that of the plan.
    let opened = json!({ "specversion": "1.0", "id": "open", "source": "/test", "type": "fleet.zone.opened.v1", "time": now,
        "data": { "timezone": "Europe/Lisbon", "day_start": now, "log_start": jiff::Timestamp::now().to_string(), "rate": 1 } });
    assert_eq!(http(port, "POST /v1/events", &opened.to_string()).0, 202);
    let (status, body) = http(port, "POST /v1/events", &facts);
    assert_eq!(status, 202, "{body}");
    let found = orders(port, 5);
    for (order, (vehicle, status)) in &found {
        // What a vehicle delivers is on board where the plan came before the word that it has left.
        assert!(
            planned.get(order) == Some(vehicle) && ["assigned", "on board"].contains(&status.as_str()),
            "{found:?}"
        );
    }
    let done: Vec<&String> = planned.keys().filter(|order| !found.contains_key(*order)).collect();
    let (_, one) = http(port, &format!("GET /v1/orders/{}", done[0]), "");
    assert!(done.len() == 1 && one.contains("\"status\":\"served\""), "{done:?}: {one}");
    // Again: nothing happens.
    let (_, body) = http(port, "POST /v1/events", &facts);
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["accepted"], 0, "{answer}");
}

#[test]
fn a_table_is_taken_over_and_what_is_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let heading = "vehicle_id,order_id,stop,lon,lat,service_seconds,opens,closes,done";
    let rows = "van,o1,,-8.62,41.15,60,,,yes\nvan,s1,pickup,-8.61,41.15,60,,,yes\nvan,s1,delivery,-8.60,41.15,60,2026-06-01T10:00:00Z,2026-06-01T12:00:00Z,\n,o2,,-8.60,41.16,,,,";
    write(folder, "plan.csv", &format!("{heading}\n{rows}\n"));
    let facts = imported(folder, &["plan.csv", "--now", "2026-06-01T10:30:00Z"]).unwrap();
    let kinds: Vec<String> = facts
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    let count = |kind: &str| kinds.iter().filter(|found| found.contains(kind)).count();
    assert_eq!((count("registered"), count("created"), count("completed"), count("pinned")), (1, 3, 2, 1), "{facts}");
    let wrong = [
        ("van,o1,,-8.62,91,60,,,", "line 2"),
        ("van,o1,sideways,-8.62,41,60,,,", "sideways"),
        ("van,s1,delivery,-8.62,41,60,,,", "pickup of s1"),
        ("van,s1,pickup,-8.62,41,60,,,", "delivery of s1"),
        ("van,o 1,,-8.62,41,60,,,", "order_id"),
        ("van,o1,,-8.62,41,60,,noon,", "closes"),
        ("van,o1,,-8.62,41,60,,,\nvan,o1,,-8.62,41,60,,,", "twice"),
    ];
    for (row, word) in wrong {
        write(folder, "wrong.csv", &format!("{heading}\n{row}\n"));
        let error = imported(folder, &["wrong.csv"]).unwrap_err();
        assert!(error.contains(word) && error.contains("wrong.csv"), "{row}: {error}");
    }
    let broken = [
        ("{\"routes\":[{\"vehicle\":1,\"steps\":[{\"type\":\"job\",\"id\":1}]}]}", "routes[0]"),
        ("{\"routes\":[{\"vehicle\":1,\"steps\":[{\"type\":\"job\",\"id\":1,\"location\":[0,1]}]}]}", "arrival"),
        ("{\"routes\":7}", "routes"),
        ("no JSON", "plan.json"),
    ];
    for (text, word) in broken {
        write(folder, "plan.json", text);
        let error = imported(folder, &["plan.json"]).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
    assert!(imported(folder, &["nowhere.json"]).unwrap_err().contains("nowhere.json"));
}

/// What the problem says of vehicles is not lost: who has no route, and the breaks of those that have one and of those that have none.
#[test]
fn idle_vehicles_and_breaks_of_a_problem_are_taken_over_and_what_it_does_not_have_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut problem = problem();
    let lunch = json!([{ "id": 7, "time_windows": [[36000, 37800], [43200, 46800]], "service": 1800 }]);
    problem["vehicles"][0]["breaks"] = json!([{ "id": 6, "time_windows": [[30000, 31000]], "service": 600 }, lunch[0]]);
    problem["vehicles"][1]["breaks"] = lunch;
    write(folder, "problem.json", &problem.to_string());
    let step =
        |kind: &str, id: u64, arrival: i64| json!({ "type": kind, "id": id, "arrival": arrival, "service": 600 });
    let route = |vehicle: u64, task: u64, pause: u64| {
        let steps = json!([step("break", 6, 30100), step("job", task, 32000), step("break", pause, 43300)]);
        json!({ "code": 0, "routes": [{ "vehicle": vehicle, "steps": steps }] }).to_string()
    };
    let args = [
        "solution.json",
        "--problem",
        "problem.json",
        "--day-start",
        "2026-06-01T00:00:00Z",
        "--now",
        "2026-06-01T08:40:00Z",
    ];
    write(folder, "solution.json", &route(1, 11, 7));
    let facts: Vec<Value> =
        imported(folder, &args).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| -> Vec<&Value> {
        facts.iter().filter(|fact| fact["type"] == format!("fleet.{kind}.v1")).map(|fact| &fact["data"]).collect()
    };
    let vehicles = of("vehicle.registered");
    assert_eq!(vehicles.iter().map(|vehicle| &vehicle["vehicle_id"]).collect::<Vec<_>>(), ["vehicle-1", "vehicle-2"]);
    assert_eq!(of("shift.started").len(), 2);
    let noon = json!({ "opens": "2026-06-01T12:00:00Z", "closes": "2026-06-01T13:00:00Z", "duration_seconds": 1800.0 });
    let early =
        json!({ "opens": "2026-06-01T10:00:00Z", "closes": "2026-06-01T10:30:00Z", "duration_seconds": 1800.0 });
    let first = json!({ "opens": "2026-06-01T08:20:00Z", "closes": "2026-06-01T08:36:40Z", "duration_seconds": 600.0 });
    assert_eq!(vehicles[0]["shift"]["breaks"], json!([first, noon]), "the window in which it was planned");
    assert_eq!(vehicles[1]["shift"]["breaks"], json!([early]));
    // It was over.
    assert_eq!((of("break.started").len(), of("break.ended").len()), (1, 1));
    assert_eq!(of("break.started")[0]["vehicle_id"], "vehicle-1");
    for (plan, word) in
        [(route(9, 11, 7), "no vehicle 9"), (route(1, 99, 7), "no job 99"), (route(1, 11, 8), "no break 8")]
    {
        write(folder, "solution.json", &plan);
        let error = imported(folder, &args).unwrap_err();
        assert!(error.contains(word) && error.contains("solution.json, routes[0]"), "{error}");
    }
    // An idle vehicle has to start somewhere.
    problem["vehicles"][1].as_object_mut().unwrap().remove("start");
    write(folder, "problem.json", &problem.to_string());
    write(folder, "solution.json", &route(1, 11, 7));
    let error = imported(folder, &args).unwrap_err();
    assert!(error.contains("problem.json, vehicles[1]") && error.contains("start"), "{error}");
}

/// A solution of our own has steps that VROOM does not know: they are no orders, and are passed over.
#[test]
fn a_solution_with_calls_at_depots_and_rests_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let place = |x: f64| json!([-8.62 + x, 41.15]);
    let job = |id: i32, x: f64| json!({ "id": id, "location": place(x), "service": 120, "delivery": [1] });
    let reload = json!({ "places": [{ "location": place(0.0), "service": 300 }] });
    let rests = json!({ "max_driving": 900, "break_time": 300 });
    let van = |id: i32, rule: &str, what: &Value| {
        let mut van = json!({ "id": id, "start": place(0.0), "capacity": [if rule == "reload" { 1 } else { 9 }], "time_window": [0, 64800] });
        van[rule] = what.clone();
        van
    };
    for (vehicle, kind, told) in [
        (van(1, "reload", &reload), "reload", "calls at depots are not taken over"),
        (van(1, "driving_time", &rests), "break", "their hours begin anew"),
    ] {
        let problem = json!({ "vehicles": [vehicle], "jobs": [job(11, 0.1), job(12, 0.2), job(13, 0.3)] });
        write(folder, "problem.json", &problem.to_string());
        let solved = run(&["solve", "--vroom", "-i", "problem.json"], folder);
        assert!(solved.status.success(), "{}", String::from_utf8_lossy(&solved.stderr));
        let solution: Value = serde_json::from_slice(&solved.stdout).unwrap();
        let steps = solution["routes"][0]["steps"].as_array().unwrap();
        assert!(steps.iter().any(|step| step["type"] == kind), "{solution}");
        write(folder, "solution.json", &solution.to_string());
        let args = ["import", "plan", "solution.json", "--problem", "problem.json", "--now", "2026-06-01T00:00:00Z"];
        let output = run(&args, folder);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(told), "{kind}: {said}");
        let facts = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(facts.matches("fleet.order.created.v1").count(), 3, "{kind}: {facts}");
    }
}

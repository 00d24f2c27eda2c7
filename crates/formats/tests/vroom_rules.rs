//! What a document may say beyond VROOM's format, from the file to the answer.

mod support;

use fleetfold_formats::{VroomOptions, plan, read_vroom};
use serde_json::{Value, json};
use support::{adds_up, refused, solved};

/// Places on a line, an hour of 3,600 s apart per `step`.
fn line(step: u32, jobs: &[Value], vehicles: &[Value]) -> Value {
    let durations: Vec<Vec<u32>> = (0..10u32).map(|a| (0..10u32).map(|b| a.abs_diff(b) * step).collect()).collect();
    json!({"jobs": jobs, "vehicles": vehicles, "matrices": {"car": {"durations": durations}}})
}

fn job(id: u32, more: &Value) -> Value {
    let mut job = json!({"id": id, "location_index": id});
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job
}

/// What each route does: its vehicle, and type and id of its steps.
fn routes(answer: &Value) -> Vec<(u64, Vec<String>)> {
    let route = |route: &Value| {
        let steps = route["steps"].as_array().unwrap().iter().map(|step| match step["id"].as_u64() {
            Some(id) => format!("{} {id}", step["type"].as_str().unwrap()),
            None => step["type"].as_str().unwrap().to_owned(),
        });
        (route["vehicle"].as_u64().unwrap(), steps.collect())
    };
    answer["routes"].as_array().unwrap().iter().map(route).collect()
}

/// The answer to a document whose routes are timed only.
fn timed(file: &Value) -> Value {
    let plan = plan(&file.to_string(), VroomOptions::default(), None).unwrap_or_else(|what| panic!("{what}: {file}"));
    adds_up(&plan.document);
    plan.document
}

/// The causes of all violations, in order.
fn causes(answer: &Value) -> Vec<String> {
    let all = answer["summary"]["violations"].as_array().unwrap();
    all.iter().map(|violation| violation["cause"].as_str().unwrap().to_owned()).collect()
}

fn steps(words: &[&str]) -> Value {
    let step = |word: &&str| match word.split_once(' ') {
        Some((kind, id)) => json!({"type": kind, "id": id.parse::<u32>().unwrap()}),
        None => json!({"type": word}),
    };
    words.iter().map(step).collect()
}

/// A file, edited, whose only vehicle drives these steps.
fn given(jobs: &[Value], vehicle: &Value, words: &[&str], edits: &[(&str, Value)]) -> Value {
    let mut vehicle = vehicle.clone();
    vehicle["steps"] = steps(words);
    let mut file = line(100, jobs, &[vehicle]);
    for (key, value) in edits {
        file[*key] = value.clone();
    }
    file
}

#[test]
fn a_plan_is_judged_by_our_own_rules_too() {
    let van = |more: Value| {
        let mut van = json!({"id": 1, "start_index": 0, "end_index": 0});
        van.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        van
    };
    let plain = || vec![job(1, &json!({})), job(2, &json!({})), job(3, &json!({}))];
    let relation = |kind: &str, ids: &[u32]| json!([{"type": kind, "tasks": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()}]);
    let shipments = |first: u32| {
        let end = |id: u32, place: u32| json!({"id": id, "location_index": place});
        json!([{"pickup": end(1, first), "delivery": end(1, 3)}, {"pickup": end(2, 2), "delivery": end(2, 4)}])
    };
    let lifo = ["pickup 1", "pickup 2", "delivery 2", "delivery 1"];
    let fifo = ["pickup 1", "pickup 2", "delivery 1", "delivery 2"];
    let electric = |capacity: u32| json!({"battery": {"capacity": capacity, "per_hour": 3600}});
    let cases: Vec<(Value, &[&str])> = vec![
        (
            given(&plain(), &van(json!({})), &["job 2", "job 1"], &[("relations", relation("in_order", &[1, 2]))]),
            &["relation"],
        ),
        (given(&plain(), &van(json!({})), &["job 1", "job 2"], &[("relations", relation("in_order", &[1, 2]))]), &[]),
        (given(&plain(), &van(json!({})), &["job 2"], &[("relations", relation("in_order", &[1, 2]))]), &["relation"]),
        (
            given(
                &plain(),
                &van(json!({})),
                &["job 1", "job 3", "job 2"],
                &[("relations", relation("directly", &[1, 2]))],
            ),
            &["relation"],
        ),
        (
            given(
                &plain(),
                &van(json!({})),
                &["job 1", "job 3", "job 2"],
                &[("relations", relation("in_order", &[1, 2]))],
            ),
            &[],
        ),
        (
            given(
                &plain(),
                &van(json!({"reload": {"places": [{"location_index": 0}]}})),
                &["job 1", "reload", "job 2"],
                &[("relations", relation("directly", &[1, 2]))],
            ),
            &["relation"],
        ),
        (
            given(
                &plain(),
                &van(json!({"reload": {"places": [{"location_index": 0}]}})),
                &["job 1", "reload", "job 2"],
                &[("relations", relation("in_order", &[1, 2]))],
            ),
            &[],
        ),
        (
            given(&plain(), &van(json!({})), &["job 1", "job 2"], &[("relations", relation("at_most_one", &[1, 2]))]),
            &["relation"],
        ),
        (
            given(&plain(), &van(json!({})), &["job 1", "job 3"], &[("relations", relation("at_most_one", &[1, 2]))]),
            &[],
        ),
        (
            given(
                &plain(),
                &van(json!({})),
                &["job 1", "job 2"],
                &[("relations", relation("different_vehicles", &[1, 2]))],
            ),
            &["relation"],
        ),
        (given(&[], &van(json!({"unloading": "lifo"})), &fifo, &[("shipments", shipments(1))]), &["unloading"]),
        (given(&[], &van(json!({"unloading": "lifo"})), &lifo, &[("shipments", shipments(1))]), &[]),
        (given(&[], &van(json!({"unloading": "fifo"})), &lifo, &[("shipments", shipments(1))]), &["unloading"]),
        (given(&[], &van(json!({"unloading": "fifo"})), &fifo, &[("shipments", shipments(1))]), &[]),
        (given(&plain(), &van(electric(599)), &["job 3"], &[]), &["range"]),
        (given(&plain(), &van(electric(600)), &["job 3"], &[]), &[]),
        (
            given(&plain(), &van(json!({"driving_time": {"max_driving": 299, "break_time": 30}})), &["job 3"], &[]),
            &["driving_time"],
        ),
        (given(&plain(), &van(json!({"driving_time": {"max_driving": 600, "break_time": 30}})), &["job 3"], &[]), &[]),
        (
            given(
                &plain(),
                &van(json!({"driving_time": {"max_driving": 900, "break_time": 30, "max_duty": 599}})),
                &["job 3"],
                &[],
            ),
            &["driving_time"],
        ),
        // One break, taken where it is due: as late as the driving time lets it, or as its window does.
        (
            given(
                &plain(),
                &van(
                    json!({"driving_time": {"max_driving": 400, "break_time": 30}, "breaks": [{"id": 9, "service": 30}]}),
                ),
                &["break 9", "job 3"],
                &[],
            ),
            &[],
        ),
        (
            given(
                &plain(),
                &van(
                    json!({"driving_time": {"max_driving": 400, "break_time": 30}, "breaks": [{"id": 9, "service": 30}]}),
                ),
                &["job 3", "break 9"],
                &[],
            ),
            &[],
        ),
        (
            given(
                &plain(),
                &van(json!({"driving_time": {"max_driving": 350, "break_time": 30},
                    "breaks": [{"id": 9, "service": 30, "time_windows": [[0, 1000]]}]})),
                &["break 9", "job 1", "job 3", "job 2"],
                &[],
            ),
            &["driving_time"],
        ),
        (
            given(
                &plain(),
                &van(json!({"driving_time": {"max_driving": 500, "break_time": 30},
                    "breaks": [{"id": 9, "service": 30, "time_windows": [[0, 150]]}]})),
                &["break 9", "job 3"],
                &[],
            ),
            &[],
        ),
        (
            given(
                &plain(),
                &van(json!({"driving_time": {"max_driving": 500, "break_time": 30},
                    "breaks": [{"id": 9, "service": 30, "time_windows": [[0, 99]]}]})),
                &["break 9", "job 3"],
                &[],
            ),
            &["driving_time"],
        ),
    ];
    for (file, wanted) in cases {
        assert_eq!(causes(&timed(&file)), wanted, "{file}");
    }
}

#[test]
fn a_plan_leaves_when_its_goods_are_ready() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [2]});
    let jobs = [job(1, &json!({"delivery": [1], "release": 5000})), job(2, &json!({"delivery": [1]}))];
    let mut file = given(&jobs, &van, &["start", "job 1", "job 2", "end"], &[]);
    let answer = timed(&file);
    assert_eq!((causes(&answer), &answer["routes"][0]["steps"][0]["arrival"]), (vec![], &json!(5000)));
    // Who has to leave earlier leaves without them, and it is told by how much.
    file["vehicles"][0]["steps"][0]["service_at"] = json!(4000);
    let answer = timed(&file);
    assert_eq!(answer["summary"]["violations"], json!([{"cause": "release", "duration": 1000}]));
    // Without the one that is waited for nobody waits.
    file["vehicles"][0]["steps"] = steps(&["start", "job 2", "end"]);
    assert_eq!(timed(&file)["routes"][0]["steps"][0]["arrival"], 0);
}

#[test]
fn our_own_answers_are_timed_as_they_are() {
    let reload = json!({"places": [{"location_index": 0, "service": 300}], "max_times": 2});
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [1], "reload": reload});
    let goods: Vec<Value> =
        (1..4).map(|id| job(id, &json!({"delivery": [1], "service": 10, "release": 1000 * id}))).collect();
    let battery = json!({"capacity": 500, "charge": 300, "per_hour": 3600,
        "stations": [{"location_index": 3, "power": 36_000, "setup": 60}]});
    let electric = json!({"id": 1, "start_index": 0, "end_index": 0, "battery": battery});
    let driver =
        json!({"id": 1, "start_index": 0, "end_index": 0, "driving_time": {"max_driving": 450, "break_time": 30}});
    for (mut file, kind) in [
        (line(100, &goods, &[van]), "reload"),
        (line(100, &[job(4, &json!({}))], &[electric]), "charge"),
        (line(100, &[job(6, &json!({}))], &[driver]), "break"),
    ] {
        let found = solved(&file);
        assert_eq!(found["summary"]["unassigned"], 0, "{found}");
        let steps = found["routes"][0]["steps"].clone();
        assert!(steps.as_array().unwrap().iter().any(|step| step["type"] == kind), "{found}");
        file["vehicles"][0]["steps"] = steps.clone();
        let told = timed(&file);
        assert_eq!((causes(&told), &told["summary"]["cost"]), (vec![], &found["summary"]["cost"]), "{found} {told}");
        // Without these steps something is broken.
        let others: Vec<Value> =
            steps.as_array().unwrap().iter().filter(|step| step["type"] != kind).cloned().collect();
        file["vehicles"][0]["steps"] = json!(others);
        assert_eq!(causes(&timed(&file)).len(), 1, "{}", timed(&file));
        // Halts that the vehicle may not make.
        if kind != "break" {
            let mut elsewhere = steps;
            for step in elsewhere.as_array_mut().unwrap().iter_mut().filter(|step| step["type"] == kind) {
                step["location_index"] = json!(1);
            }
            file["vehicles"][0]["steps"] = elsewhere;
            assert!(causes(&timed(&file)).contains(&kind.to_owned()), "{}", timed(&file));
        }
    }
}

#[test]
fn docks_that_a_plan_is_not_judged_by_are_warned_of() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0});
    let docks = json!([{"location_index": 1, "capacity": 1}]);
    let file = given(&[job(1, &json!({}))], &van, &["job 1"], &[("docks", docks)]);
    let told = plan(&file.to_string(), VroomOptions::default(), None).unwrap();
    assert!(told.warnings[0].contains("`docks`"), "{:?}", told.warnings);
}

#[test]
fn waiting_for_goods_is_no_service() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [1],
        "reload": {"places": [{"location_index": 0, "service": 10}]}});
    let jobs = [
        job(1, &json!({"delivery": [1], "time_windows": [[0, 100]]})),
        job(2, &json!({"delivery": [1], "release": 290})),
    ];
    let answer = solved(&line(100, &jobs, &[van]));
    let steps = answer["routes"][0]["steps"].as_array().unwrap();
    let reload = steps.iter().find(|step| step["type"] == "reload").unwrap();
    assert_eq!(
        (&reload["arrival"], &reload["waiting_time"], &reload["service"]),
        (&json!(200), &json!(80), &json!(10))
    );
    assert_eq!((&answer["summary"]["service"], &answer["summary"]["waiting_time"]), (&json!(10), &json!(80)));
}

#[test]
fn the_ends_of_one_shipment_cannot_be_kept_apart() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0});
    let shipment = json!([{"pickup": {"id": 4, "location_index": 1}, "delivery": {"id": 5, "location_index": 2}}]);
    let related = |kind: &str, tasks: &[(&str, u32)]| {
        let mut file = line(100, &[job(3, &json!({}))], std::slice::from_ref(&van));
        file["shipments"] = shipment.clone();
        let tasks: Vec<Value> = tasks.iter().map(|(kind, id)| json!({"type": kind, "id": id})).collect();
        file["relations"] = json!([{"type": kind, "tasks": tasks}]);
        file
    };
    let (pickup, delivery, other) = (("pickup", 4), ("delivery", 5), ("job", 3));
    for (kind, tasks) in [
        ("different_vehicles", [pickup, other, delivery]),
        ("at_most_one", [delivery, pickup, other]),
        ("in_order", [delivery, other, pickup]),
        ("directly", [other, delivery, pickup]),
    ] {
        let said = refused(&related(kind, &tasks));
        assert!(["relations[0]", "pickup 4", "delivery 5"].iter().all(|word| said.contains(word)), "{said}");
    }
    for (kind, tasks) in [("same_vehicle", [pickup, other, delivery]), ("directly", [pickup, delivery, other])] {
        assert_eq!(solved(&related(kind, &tasks))["summary"]["unassigned"], 0, "{kind}");
    }
}

#[test]
fn a_day_without_a_shift_begins_with_the_first_time_of_the_file() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0});
    let paid = |opens: u64, shift: bool| {
        let window = |from: u64| json!([[opens + from, opens + 1000]]);
        let mut van = van.clone();
        if shift {
            van["time_window"] = json!([opens, opens + 5000]);
        }
        let jobs = [job(1, &json!({"time_windows": window(0)})), job(2, &json!({"time_windows": window(100)}))];
        let mut file = line(100, &jobs, &[van]);
        file["fairness"] = json!({"longest_per_hour": 3600});
        let found = solved(&file);
        file["vehicles"][0]["steps"] = steps(&["job 1", "job 2"]);
        let told = timed(&file);
        assert_eq!((causes(&told), told["summary"]["fairness"].is_u64()), (vec![], true), "{told}");
        found["summary"]["fairness"].as_u64().unwrap()
    };
    // With a shift, 400 s from its beginning; without one it may leave before the first window.
    assert_eq!(paid(1_760_000_000, true), 400);
    let free = paid(1_760_000_000, false);
    assert!((1..=400).contains(&free), "{free}");
    assert_eq!(paid(1_500_000_000, false), free);
}

#[test]
fn a_small_van_reloads() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [2],
        "reload": {"places": [{"location_index": 0, "service": 300}, {"location_index": 6, "service": 60}], "max_times": 2}});
    let jobs: Vec<Value> = (1..6).map(|id| job(id, &json!({"delivery": [1], "service": 10}))).collect();
    let answer = solved(&line(100, &jobs, std::slice::from_ref(&van)));
    assert_eq!(answer["summary"]["unassigned"], 0);
    let steps = answer["routes"][0]["steps"].as_array().unwrap();
    let reloads: Vec<&Value> = steps.iter().filter(|step| step["type"] == "reload").collect();
    assert_eq!(reloads.len(), 2, "{answer}");
    assert!(reloads.iter().all(|step| step["location_index"].is_number() && step["service"].as_u64() > Some(0)));
    assert!(steps.iter().all(|step| step["load"][0].as_u64().unwrap() <= 2), "{answer}");
    // Without a place to reload two of five fit.
    let mut file = line(100, &jobs, &[van]);
    file["vehicles"][0].as_object_mut().unwrap().remove("reload");
    assert_eq!(solved(&file)["summary"]["unassigned"], 3);
}

#[test]
fn european_driving_times_are_kept_and_shown() {
    let lorry = |rule: &Value| json!({"id": 7, "start_index": 0, "driving_time": rule, "time_window": [1000, 100_000]});
    let answer = solved(&line(3600, &[job(6, &json!({}))], &[lorry(&json!({"rule": "eu_561"}))]));
    assert_eq!(routes(&answer), [(7, ["start", "break", "job 6", "end"].map(str::to_owned).to_vec())]);
    let steps = answer["routes"][0]["steps"].as_array().unwrap();
    assert_eq!((steps[1]["arrival"].as_i64(), steps[1]["service"].as_i64()), (Some(1000 + 16_200), Some(2700)));
    assert_eq!(steps[2]["arrival"], 1000 + 6 * 3600 + 2700);
    // Ten hours are more than a day of driving.
    let far = json!({"jobs": [job(9, &json!({}))], "vehicles": [lorry(&json!({"rule": "eu_561"}))],
        "matrices": {"car": {"durations": (0..10).map(|a| (0..10).map(|b| if a == b { 0 } else { 36_000 }).collect::<Vec<u32>>()).collect::<Vec<_>>()}}});
    let answer = solved(&far);
    assert_eq!(answer["unassigned"][0]["obstacles"][0]["what"], "max_travel_time", "{answer}");
    let own = json!({"max_driving": 7200, "break_time": 600});
    let answer = solved(&line(3600, &[job(6, &json!({}))], &[lorry(&own)]));
    let breaks = routes(&answer)[0].1.iter().filter(|step| *step == "break").count();
    assert_eq!(breaks, 2, "after two and after four hours of six");
    assert!(refused(&line(1, &[job(1, &json!({}))], &[lorry(&json!({"rule": "eu"}))])).contains("eu_561"));
    assert!(refused(&line(1, &[job(1, &json!({}))], &[lorry(&json!({"max_driving": 5}))])).contains("break_time"));
}

#[test]
fn related_tasks_are_kept_together_or_apart() {
    let vans: Vec<Value> = (1..3).map(|id| json!({"id": id, "start_index": 0, "end_index": 0})).collect();
    let jobs: Vec<Value> = (1..5).map(|id| job(id, &json!({}))).collect();
    let with = |kind: &str, ids: &[u32]| {
        let mut file = line(100, &jobs, &vans);
        let tasks: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        file["relations"] = json!([{"type": kind, "tasks": tasks}]);
        file
    };
    let apart = solved(&with("different_vehicles", &[1, 2]));
    assert_eq!((routes(&apart).len(), apart["summary"]["unassigned"].as_u64()), (2, Some(0)));
    let order = solved(&with("in_order", &[3, 1, 4]));
    let steps = routes(&order)[0].1.join(" ");
    let at = |id: &str| steps.find(id).unwrap_or_else(|| panic!("{id} in {steps}"));
    assert!(at("job 3") < at("job 1") && at("job 1") < at("job 4"));
    assert!(routes(&solved(&with("directly", &[4, 1])))[0].1.join(" ").contains("job 4 job 1"));
    let one = solved(&with("at_most_one", &[2, 4]));
    assert_eq!(one["summary"]["unassigned"], 1);
    assert_eq!(one["unassigned"][0]["id"], 4, "the farther one");
    assert_eq!(one["unassigned"][0]["obstacles"][0]["what"], "relation");
    for (edit, word) in [
        (json!([{"type": "near", "tasks": [{"id": 1}, {"id": 2}]}]), "same_vehicle"),
        (json!([{"type": "in_order", "tasks": [{"id": 1}, {"id": 77}]}]), "there is no job 77"),
        (json!([{"type": "in_order", "tasks": [{"id": 1}, {"id": 1}]}]), "there twice"),
        (json!([{"type": "in_order", "tasks": [{"id": 1}]}]), "at least two"),
        (json!([{"type": "in_order", "tasks": [{"id": 1}, {"id": 2}], "strength": 1}]), "strength"),
    ] {
        let mut file = with("in_order", &[1, 2]);
        file["relations"] = edit;
        let told = refused(&file);
        assert!(told.contains(word) && told.contains("relations[0]"), "{told}");
    }
}

#[test]
fn preferred_times_cost_what_they_are_missed_by() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0});
    let soft =
        json!({"soft_time_window": {"time_window": [1000, 1100], "per_hour_early": 3600, "per_hour_late": 7200}});
    let wide = solved(&line(100, &[job(1, &soft)], std::slice::from_ref(&van)));
    assert_eq!(
        (wide["summary"]["cost"].as_i64(), wide["routes"][0]["steps"][1]["arrival"].as_i64()),
        (Some(200), Some(1000))
    );
    let mut shut = soft;
    shut["time_windows"] = json!([[0, 900]]);
    // 100 s too early, a unit each.
    assert_eq!(solved(&line(100, &[job(1, &shut)], &[van]))["summary"]["cost"], 300);
}

#[test]
fn a_prize_that_is_less_than_the_way_is_not_fetched() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0});
    let jobs = [job(1, &json!({"prize": 150})), job(2, &json!({"prize": 300})), job(9, &json!({"prize": 100}))];
    let answer = solved(&line(100, &jobs, &[van]));
    let left: Vec<u64> =
        answer["unassigned"].as_array().unwrap().iter().map(|task| task["id"].as_u64().unwrap()).collect();
    assert_eq!(left, [9]);
}

#[test]
fn a_task_without_a_prize_is_worth_more_than_all_prizes() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "max_tasks": 2});
    let most = json!({"prize": u32::MAX});
    let jobs = [job(1, &most), job(2, &most), job(3, &json!({})), job(4, &most)];
    let answer = solved(&line(100, &jobs, &[van]));
    let left: Vec<u64> =
        answer["unassigned"].as_array().unwrap().iter().map(|task| task["id"].as_u64().unwrap()).collect();
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&3), "{left:?}");
}

#[test]
fn a_priority_beside_a_prize_is_warned_of() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0});
    let file = line(100, &[job(1, &json!({"prize": 300, "priority": 7}))], &[van]);
    let read = |strict| read_vroom(&file.to_string(), VroomOptions { strict, ..VroomOptions::default() });
    let lenient = read(false).unwrap();
    let told = &lenient.warnings;
    assert!(told.iter().any(|told| told.contains("job 1") && told.contains("`priority` beside `prize`")), "{told:?}");
    let refused = read(true).err().unwrap().to_string();
    assert!(refused.contains("`priority` beside `prize`"), "{refused}");
}

#[test]
fn days_become_equal_where_that_has_a_price() {
    let vans: Vec<Value> = (1..3).map(|id| json!({"id": id, "start_index": 0})).collect();
    let jobs: Vec<Value> = (1..5).map(|id| job(id, &json!({"service": 1000}))).collect();
    let mut file = line(100, &jobs, &vans);
    assert_eq!(routes(&solved(&file)).len(), 1, "one van on the line drives least");
    file["fairness"] = json!({"longest_per_hour": 36_000});
    let answer = solved(&file);
    assert_eq!(routes(&answer).len(), 2);
    // Two of four tasks and the longer way: 2,400 s of 10 a second.
    assert_eq!(answer["summary"]["fairness"], 24_000);
    file["fairness"] = json!({"spread_per_task": 1_000_000});
    let steps: Vec<usize> = routes(&solved(&file)).iter().map(|(_, steps)| steps.len()).collect();
    assert!(steps.iter().all(|&count| count == steps[0]), "{steps:?}");
    file["fairness"] = json!({"per_hour": 1});
    assert!(refused(&file).contains("fairness.per_hour"));
}

#[test]
fn goods_are_not_loaded_before_they_are_ready() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [9], "time_window": [0, 9000]});
    let jobs = [job(1, &json!({"delivery": [1], "release": 500})), job(2, &json!({"delivery": [1]}))];
    let answer = solved(&line(100, &jobs, std::slice::from_ref(&van)));
    assert_eq!(answer["routes"][0]["steps"][0]["arrival"], 500, "{answer}");
    let shipment = json!({"vehicles": [van], "shipments": [{"amount": [1], "pickup": {"id": 1, "location_index": 1, "release": 5},
        "delivery": {"id": 1, "location_index": 2}}], "matrices": {"car": {"durations": [[0, 1, 1], [1, 0, 1], [1, 1, 0]]}}});
    assert!(refused(&shipment).contains("release"));
}

#[test]
fn goods_leave_in_the_order_that_the_vehicle_asks_for() {
    let file = |unloading: &str| {
        let vehicle = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [9], "unloading": unloading});
        let mut file = line(100, &[], &[vehicle]);
        file["shipments"] = json!([
            {"amount": [1], "pickup": {"id": 1, "location_index": 1}, "delivery": {"id": 1, "location_index": 3}},
            {"amount": [1], "pickup": {"id": 2, "location_index": 2}, "delivery": {"id": 2, "location_index": 4}},
        ]);
        file
    };
    let steps = |unloading: &str| routes(&solved(&file(unloading)))[0].1.join(" ");
    let fifo = steps("fifo");
    assert!(fifo.find("delivery 1") < fifo.find("delivery 2"), "{fifo}");
    let lifo = steps("lifo");
    let nested = lifo.contains("delivery 1 pickup 2") || lifo.find("delivery 2") < lifo.find("delivery 1");
    assert!(nested, "{lifo}");
    assert!(refused(&file("any")).contains("fifo"));
}

/// Of all plans that end as early and cost as little, the one that leaves latest: also where times are part of the plan.
#[test]
fn vehicles_leave_late_whatever_else_they_keep() {
    let late = json!({"time_windows": [[1000, 1200]]});
    let start = |first: &Value, vehicle: &Value| {
        let mut van = json!({"id": 1, "start_index": 0, "end_index": 0, "time_window": [0, 100_000], "capacity": [4]});
        van.as_object_mut().unwrap().extend(vehicle.as_object().unwrap().clone());
        // The first job on the way has to be the first: its window closes.
        let mut first = first.clone();
        first["time_windows"] = json!([[0, 900]]);
        let answer = solved(&line(100, &[job(1, &first), job(3, &late)], &[van]));
        assert_eq!(answer["summary"]["unassigned"], 0, "{answer}");
        let steps = answer["routes"][0]["steps"].as_array().unwrap();
        let last = steps.last().unwrap()["arrival"].as_i64().unwrap();
        (steps[0]["arrival"].as_i64().unwrap(), answer["summary"]["waiting_time"].as_i64().unwrap(), last)
    };
    // From the first job at 800 to the second at 1000 and home.
    let expected = (700, 0, 1300);
    let (none, soft) = (
        json!({}),
        |from: u32, to: u32| json!({"soft_time_window": {"time_window": [from, to], "per_hour_early": 7, "per_hour_late": 7}}),
    );
    assert_eq!(start(&none, &none), expected);
    assert_eq!(start(&none, &json!({"driving_time": {"rule": "eu_561"}})), expected);
    assert_eq!(start(&none, &json!({"driving_time": {"rule": "us_hos"}})), expected);
    assert_eq!(start(&none, &json!({"reload": {"places": [{"location_index": 0}]}})), expected);
    assert_eq!(start(&json!({"delivery": [1], "release": 200}), &none), expected);
    assert_eq!(start(&soft(0, 900), &none), expected);
    // Later than 500 would cost something.
    assert_eq!(start(&soft(0, 500), &none), (400, 300, 1300));
}

/// What is said of a task that is left out can be recomputed.
#[test]
fn reasons_of_further_rules_are_true() {
    let van = |more: &Value| {
        let mut van = json!({"id": 1, "start_index": 0, "end_index": 0, "time_window": [0, 5000], "capacity": [4]});
        van.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        van
    };
    let told = |jobs: &[Value], van: Value, relations: &Value| {
        let mut file = line(100, jobs, &[van]);
        file["relations"] = relations.clone();
        let answer = solved(&file);
        let left = answer["unassigned"].as_array().unwrap();
        let each = left.iter().map(|task| {
            let what = task["obstacles"][0].as_object().unwrap();
            let by = what.get("by").and_then(Value::as_i64);
            (task["reason"].as_str().unwrap().to_owned(), what["what"].as_str().unwrap().to_owned(), by)
        });
        each.collect::<Vec<_>>()
    };
    let own = |reason: &str, what: &str, by: Option<i64>| vec![(reason.to_owned(), what.to_owned(), by)];
    let none = &json!([]);
    let one = |more: Value| [job(2, &more)];
    // Leaves at 4900, is there at 5100, which is 100 too late for its service to be over in the shift.
    assert_eq!(
        told(&one(json!({"delivery": [1], "release": 4900})), van(&json!({})), none),
        own("time", "shift", Some(100))
    );
    // There at 4900, home at 5100.
    assert_eq!(
        told(&one(json!({"delivery": [1], "release": 4700})), van(&json!({})), none),
        own("time", "way_home", Some(100))
    );
    let released = json!({"delivery": [1], "release": 600, "time_windows": [[0, 700]]});
    assert_eq!(told(&one(released), van(&json!({})), none), own("time", "time_window", Some(100)));
    // There at 200 in a shift until 200, and served at 250.
    assert_eq!(
        told(&one(json!({"service": 50})), van(&json!({"time_window": [0, 200]})), none),
        own("time", "shift", Some(50))
    );
    // Six do not go into four, however often it reloads.
    let reload = |times: u32| json!({"reload": {"places": [{"location_index": 0}], "max_times": times}});
    assert_eq!(told(&one(json!({"delivery": [6]})), van(&reload(9)), none), own("capacity", "capacity", Some(2)));
    // Three trips are needed, two are allowed; or one is, and one more of both loads is two too much.
    let three: Vec<Value> = (1..4).map(|id| job(id, &json!({"delivery": [3]}))).collect();
    assert_eq!(told(&three, van(&reload(1)), none), own("no_place", "reload", None));
    assert_eq!(told(&three[..2], van(&reload(0)), none), own("no_place", "capacity", Some(2)));
    // Both last: one of them is not.
    let last = [1, 2].map(|id| job(id, &json!({"pinned": {"position": "last"}})));
    assert_eq!(told(&last, van(&json!({})), none), own("no_place", "position", None));
    // Each of two before the other.
    let tasks = |first: u32, second: u32| json!({"type": "in_order", "tasks": [{"id": first}, {"id": second}]});
    let both = [job(1, &json!({})), job(2, &json!({}))];
    let cycle = told(&both, van(&json!({})), &json!([tasks(1, 2), tasks(2, 1)]));
    assert_eq!(cycle, [own("relation", "relation", None), own("relation", "relation", None)].concat());
}

/// A driver who waits long enough at his first stop has had his break: leaving later he would need another one.
#[test]
fn a_wait_that_is_a_break_stays_one() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "time_window": [0, 100_000],
        "driving_time": {"max_driving": 500, "break_time": 200}});
    let answer = solved(&line(100, &[job(3, &json!({"time_windows": [[1000, 1200]]}))], &[van]));
    let steps = answer["routes"][0]["steps"].as_array().unwrap();
    let times = steps.iter().map(|step| (step["arrival"].as_i64().unwrap(), step["waiting_time"].as_i64().unwrap()));
    assert_eq!(times.collect::<Vec<_>>(), [(500, 0), (800, 200), (1300, 0)], "{answer}");
}

#[test]
fn vehicles_wait_for_a_dock() {
    let vans: Vec<Value> =
        (1..4).map(|id| json!({"id": id, "start_index": 0, "end_index": 0, "max_tasks": 1})).collect();
    let at_the_dock = |id: u32, more: &Value| {
        let mut job = json!({"id": id, "location_index": 1, "service": 600, "setup": 60});
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        job
    };
    let file = |capacity: u32, window: &Value| {
        let jobs: Vec<Value> = (1..4).map(|id| at_the_dock(id, window)).collect();
        let mut file = line(100, &jobs, &vans);
        file["docks"] = json!([{"location_index": 1, "capacity": capacity}]);
        file
    };
    let begins = |answer: &Value| {
        let mut begins: Vec<i64> = Vec::new();
        for route in answer["routes"].as_array().unwrap() {
            let steps = route["steps"].as_array().unwrap();
            let job = steps.iter().find(|step| step["type"] == "job").unwrap();
            let begin = job["arrival"].as_i64().unwrap() + job["waiting_time"].as_i64().unwrap();
            assert_eq!(steps.last().unwrap()["arrival"].as_i64(), Some(begin + 660 + 100), "{answer}");
            begins.push(begin);
        }
        begins.sort_unstable();
        begins
    };
    let any = json!({});
    for (capacity, wanted) in [(1, [100, 760, 1420]), (2, [100, 100, 760]), (3, [100, 100, 100])] {
        let answer = solved(&file(capacity, &any));
        assert_eq!(begins(&answer), wanted, "{answer}");
        // Who has to wait leaves later instead.
        assert_eq!(answer["summary"]["waiting_time"], 0);
    }
    let answer = solved(&file(1, &json!({"time_windows": [[100, 800]]})));
    assert_eq!(begins(&answer), [100, 760]);
    let left = &answer["unassigned"][0];
    assert_eq!(left["reason"], "no_place");
    let what: Vec<&str> = left["obstacles"].as_array().unwrap().iter().filter_map(|one| one["what"].as_str()).collect();
    assert_eq!(what.iter().filter(|&&what| what == "dock").count(), 1, "{answer}");
    assert!(refused(&file(0, &any)).contains("docks[0]"));
    let mut twice = file(1, &any);
    twice["docks"] = json!([{"location_index": 1, "capacity": 1}, {"location_index": 1, "capacity": 2}]);
    assert!(refused(&twice).contains("docks[1]"));
    let mut fair = file(1, &any);
    fair["fairness"] = json!({"longest_per_hour": 10});
    assert!(refused(&fair).contains("fairness"));
}

#[test]
fn lateness_counts_from_a_soft_window_that_is_before_all_other_times() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "time_window": [1000, 5000]});
    let soft = json!({"soft_time_window": {"time_window": [0, 100], "per_hour_late": 3600}});
    let answer = solved(&line(100, &[job(1, &soft)], std::slice::from_ref(&van)));
    // Begun at 1,100: 1,000 s late at 1 a second, and 200 s driven.
    assert_eq!(answer["summary"]["cost"], 1200, "{answer}");
}

#[test]
fn times_since_1970_may_be_those_of_rules_alone() {
    const DAY: u32 = 1_700_000_000;
    let van = json!({"id": 1, "start_index": 0, "end_index": 0});
    let soft =
        json!({"soft_time_window": {"time_window": [DAY, DAY + 10], "per_hour_early": 3600, "per_hour_late": 3600}});
    let released = json!({"delivery": [1], "release": DAY});
    let with_load = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [1]});
    for (rule, van, begins, cost) in [(soft, van, DAY, 200), (released, with_load, DAY + 100, 200)] {
        let answer = solved(&line(100, &[job(1, &rule)], std::slice::from_ref(&van)));
        assert_eq!(answer["summary"]["unassigned"], 0, "{answer}");
        assert_eq!(
            (&answer["summary"]["cost"], &answer["routes"][0]["steps"][1]["arrival"]),
            (&json!(cost), &json!(begins)),
            "{answer}"
        );
    }
}

/// What a matrix says that a leg costs is paid on every leg, also on the way to a place where the vehicle reloads.
#[test]
fn the_way_to_a_reload_is_in_the_printed_cost() {
    let costs = [[0, 10, 10, 999], [1000, 0, 50, 1], [10, 50, 0, 999], [999, 999, 20, 0]];
    let mut file = line(
        5,
        &[job(1, &json!({"delivery": [1]})), job(2, &json!({"delivery": [1]}))],
        &[json!({
            "id": 1, "start_index": 0, "end_index": 0, "capacity": [1],
            "reload": {"places": [{"location_index": 0}, {"location_index": 3}], "max_times": 1},
        })],
    );
    file["matrices"]["car"] = json!({"durations": vec![vec![5; 4]; 4], "costs": costs});
    let answer = solved(&file);
    let paid = |answer: &Value| -> i64 {
        let steps = answer["routes"][0]["steps"].as_array().unwrap();
        let places: Vec<usize> = steps.iter().map(|step| step["location_index"].as_u64().unwrap() as usize).collect();
        places.windows(2).map(|pair| costs[pair[0]][pair[1]]).sum()
    };
    assert_eq!(routes(&answer)[0].1, ["start", "job 1", "reload", "job 2", "end"]);
    assert_eq!((paid(&answer), &answer["summary"]["cost"]), (41, &json!(41)), "10 + 1 + 20 + 10");
    // The same routes, timed only, and others.
    file["vehicles"][0]["steps"] = answer["routes"][0]["steps"].clone();
    assert_eq!(timed(&file)["summary"]["cost"], 41);
    let reload = json!({"type": "reload", "location_index": 0});
    file["vehicles"][0]["steps"] = json!([{"type": "job", "id": 1}, reload, {"type": "job", "id": 2}]);
    assert_eq!(timed(&file)["summary"]["cost"], 10 + 1000 + 10 + 10);
}

/// A vehicle that has taken its break and waits for goods waits in a step, so that times add up; given back, the step changes nothing.
#[test]
fn waiting_for_goods_behind_a_break_is_a_step() {
    let pause = json!({"id": 1, "service": 5, "time_windows": [[0, 10]]});
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [1], "breaks": [pause]});
    let mut file = line(5, &[job(1, &json!({"delivery": [1], "release": 40}))], &[van]);
    let answer = solved(&file);
    let steps = answer["routes"][0]["steps"].clone();
    let told = |step: usize| (&steps[step]["type"], &steps[step]["arrival"], &steps[step]["waiting_time"]);
    assert_eq!(told(1), (&json!("break"), &json!(10), &json!(0)));
    assert_eq!(told(2), (&json!("break"), &json!(15), &json!(25)));
    assert_eq!(told(3), (&json!("job"), &json!(45), &json!(0)));
    assert_eq!((&steps[2]["id"], &answer["summary"]["waiting_time"]), (&Value::Null, &json!(25)));
    let (pause, wait, task) =
        (steps[1]["id"].clone(), json!({"type": "break", "service": 0}), json!({"type": "job", "id": 1}));
    let pause = json!({"type": "break", "id": pause});
    for given in [steps, json!([pause, task])] {
        file["vehicles"][0]["steps"] = given;
        let again = timed(&file);
        assert_eq!((&again["routes"][0]["steps"], causes(&again).len()), (&answer["routes"][0]["steps"], 0));
    }
    file["vehicles"][0]["steps"] = json!([pause, wait, task]);
    assert_eq!(solved(&file)["routes"], answer["routes"]);
    // Two breaks in a row: the second one is waited for, and the goods behind it.
    file["vehicles"][0]["breaks"] = json!([pause_at(1, 0, 10), pause_at(2, 20, 25)]);
    file["vehicles"][0].as_object_mut().unwrap().remove("steps");
    assert_eq!(routes(&solved(&file))[0].1, ["start", "break 1", "break 2", "break", "job 1", "end"]);
}

fn pause_at(id: u32, from: u32, to: u32) -> Value {
    json!({"id": id, "service": 5, "time_windows": [[from, to]]})
}

/// A release counts for what is brought, in whatever form the document says that it is nothing, and whatever is picked up there.
#[test]
fn what_is_brought_is_waited_for_even_if_it_takes_no_room() {
    let van = json!({"id": 1, "start_index": 0, "end_index": 0, "capacity": [1]});
    for goods in
        [json!({"delivery": [0]}), json!({"delivery": [0], "pickup": [1]}), json!({"delivery": [1], "pickup": [1]})]
    {
        let mut task = job(1, &goods);
        task["release"] = json!(40);
        let answer = solved(&line(5, &[task], std::slice::from_ref(&van)));
        assert_eq!(answer["routes"][0]["steps"][0]["arrival"], 40, "{goods}");
    }
}

/// Tasks each of which has to stand behind another one are put in together.
#[test]
fn shipments_that_wait_for_each_other_are_served() {
    let end = |id: u32, place: u32| json!({"id": id, "location_index": place});
    let shipment = |id: u32| json!({"pickup": end(id, 1), "delivery": end(id, 2)});
    let task = |kind: &str, id: u32| json!({"type": kind, "id": id});
    let van = json!({"id": 1, "start_index": 0, "end_index": 0});
    for kind in ["in_order", "directly"] {
        let mut file = line(5, &[], std::slice::from_ref(&van));
        file["shipments"] = json!([shipment(1), shipment(2)]);
        file["relations"] = json!([
            {"type": kind, "tasks": [task("pickup", 1), task("pickup", 2)]},
            {"type": kind, "tasks": [task("delivery", 2), task("delivery", 1)]},
        ]);
        let expected = ["start", "pickup 1", "pickup 2", "delivery 2", "delivery 1", "end"];
        assert_eq!(routes(&solved(&file))[0].1, expected, "{kind}");
    }
    let mut file = line(5, &[job(1, &json!({}))], &[van]);
    file["shipments"] = json!([shipment(2)]);
    file["relations"] = json!([
        {"type": "in_order", "tasks": [task("job", 1), task("delivery", 2)]},
        {"type": "in_order", "tasks": [task("pickup", 2), task("job", 1)]},
    ]);
    assert_eq!(routes(&solved(&file))[0].1, ["start", "pickup 2", "job 1", "delivery 2", "end"]);
}

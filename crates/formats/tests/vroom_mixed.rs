//! Rules of a document that meet in one route, from the file to the answer.

mod support;

use fleetfold_formats::{VroomOptions, plan};
use serde_json::{Value, json};
use support::refused;

/// The answer to a legal document. Its own steps, fed back to be timed, break nothing: neither at their times nor without.
fn solved(file: &Value) -> Value {
    let answer = support::solved(file);
    for with_times in [false, true] {
        let mut fed = file.clone();
        for route in answer["routes"].as_array().unwrap() {
            let mut steps = route["steps"].clone();
            for step in steps.as_array_mut().unwrap().iter_mut().filter(|_| with_times) {
                let begins = step["arrival"].as_u64().unwrap() + step["waiting_time"].as_u64().unwrap();
                step["service_at"] = json!(begins);
            }
            let vehicles = fed["vehicles"].as_array_mut().unwrap();
            vehicles.iter_mut().find(|vehicle| vehicle["id"] == route["vehicle"]).unwrap()["steps"] = steps;
        }
        let told = plan(&fed.to_string(), VroomOptions::default(), None).unwrap_or_else(|what| panic!("{what}: {fed}"));
        assert_eq!(told.document["summary"]["violations"], json!([]), "{fed} {}", told.document);
    }
    answer
}

/// Places on a line, `step` seconds and ten times as many metres apart.
fn line(step: u32, jobs: &Value, vehicle: &Value) -> Value {
    let each = |of: u32| (0..6u32).map(|a| (0..6u32).map(|b| a.abs_diff(b) * of).collect()).collect::<Vec<Vec<u32>>>();
    json!({"jobs": jobs, "vehicles": [vehicle],
        "matrices": {"car": {"durations": each(step), "distances": each(10 * step)}}})
}

/// Vehicle 1, from 0 and back.
fn van(more: &Value) -> Value {
    let mut van = json!({"id": 1, "start_index": 0, "end_index": 0});
    van.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    van
}

/// Cost and number of tasks that are left out.
fn result(answer: &Value) -> (u64, u64) {
    (answer["summary"]["cost"].as_u64().unwrap(), answer["summary"]["unassigned"].as_u64().unwrap())
}

/// The longest driving between two rests of so many seconds, as the steps of the only route show it. Rests that follow each other without
/// driving between them are one.
fn longest_driving(answer: &Value, rest: i64) -> i64 {
    let number = |step: &Value, key: &str| step[key].as_i64().unwrap_or(0);
    let (mut driven, mut idle, mut before, mut longest) = (0, 0, 0, 0);
    for step in answer["routes"][0]["steps"].as_array().unwrap() {
        let drive = number(step, "duration") - before;
        before += drive;
        if drive > 0 {
            driven = if idle >= rest { 0 } else { driven };
            (driven, idle) = (driven + drive, 0);
        }
        longest = longest.max(driven);
        idle += number(step, "waiting_time");
        if step["type"] == "break" {
            idle += number(step, "service");
        } else if number(step, "service") > 0 {
            driven = if idle >= rest { 0 } else { driven };
            idle = 0;
        }
    }
    longest
}

#[test]
fn a_break_in_the_middle_of_a_leg_counts_from_there() {
    let lorry = json!({"id": 1, "start_index": 0, "driving_time": {"rule": "eu_561"}, "time_window": [0, 60000],
        "breaks": [{"id": 1, "time_windows": [[20000, 21000]], "service": 2700}]});
    let jobs = json!([{"id": 1, "location_index": 3, "time_windows": [[0, 15000]]}, {"id": 2, "location_index": 4}]);
    let answer = solved(&line(5000, &jobs, &lorry));
    assert_eq!(result(&answer), (20000, 0), "{answer}");
    assert!(longest_driving(&answer, 2700) <= 16200, "{answer}");
    // Driven for 10,000 s before the break, and for 10,000 s behind it.
    let lorry = van(&json!({"driving_time": {"rule": "eu_561"}, "time_window": [0, 24000],
        "breaks": [{"id": 1, "time_windows": [[10000, 10500]], "service": 3000}]}));
    let answer = solved(&line(5000, &json!([{"id": 1, "location_index": 2}]), &lorry));
    assert_eq!(result(&answer), (20000, 0), "{answer}");
    assert_eq!(answer["routes"][0]["steps"].as_array().unwrap().len(), 4, "one break is enough: {answer}");
}

#[test]
fn own_breaks_and_driving_times_are_planned_together() {
    for (from, to) in [(350, 352), (320, 330), (250, 255), (210, 220), (150, 160)] {
        let lorry = van(&json!({"driving_time": {"max_driving": 100, "break_time": 30}, "time_window": [0, 900],
            "breaks": [{"id": 1, "time_windows": [[from, to]], "service": 20}]}));
        let jobs = json!([{"id": 1, "location_index": 1, "time_windows": [[0, 100]]}, {"id": 2, "location_index": 2}]);
        let answer = solved(&line(100, &jobs, &lorry));
        assert_eq!(result(&answer), (400, 0), "{answer}");
        assert!(longest_driving(&answer, 30) <= 100, "{answer}");
        let own = answer["routes"][0]["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|step| step["id"] == 1 && step["type"] == "break");
        let begin = own.map(|step| step["arrival"].as_i64().unwrap() + step["waiting_time"].as_i64().unwrap()).unwrap();
        assert!((from..=to).contains(&begin), "{answer}");
    }
}

#[test]
fn breaks_are_placed_around_reloads() {
    for (from, to) in [(320, 330), (250, 255), (210, 220)] {
        let lorry = van(&json!({"capacity": [1], "reload": {"places": [{"location_index": 0, "service": 50}]},
            "time_window": [0, 900], "breaks": [{"id": 1, "time_windows": [[from, to]], "service": 50}]}));
        let jobs = json!([{"id": 1, "location_index": 1, "delivery": [1], "time_windows": [[0, 100]]},
            {"id": 2, "location_index": 2, "delivery": [1]}]);
        let answer = solved(&line(100, &jobs, &lorry));
        assert_eq!(result(&answer), (600, 0), "{answer}");
    }
}

#[test]
fn a_break_is_taken_while_goods_are_waited_for() {
    for (from, to) in [(350, 360), (0, 0), (390, 399)] {
        let breaks = json!({"breaks": [{"id": 1, "time_windows": [[from, to]], "service": 20}]});
        let jobs = json!([{"id": 1, "location_index": 1, "delivery": [1], "release": 400}]);
        let mut lorry = van(&breaks);
        lorry["capacity"] = json!([1]);
        let answer = solved(&line(100, &jobs, &lorry));
        assert_eq!(result(&answer), (200, 0), "{answer}");
        let steps = answer["routes"][0]["steps"].as_array().unwrap();
        let rest = steps.iter().find(|step| step["type"] == "break").unwrap();
        assert_eq!(rest["duration"], 0, "at the start: {answer}");
        let there = steps.iter().find(|step| step["type"] == "job").unwrap();
        assert!(there["arrival"].as_i64() >= Some(500), "{answer}");
    }
}

#[test]
fn breaks_are_placed_around_charging() {
    let lorry = van(&json!({"battery": {"capacity": 1500, "per_km": 1000,
            "stations": [{"location_index": 1, "power": 36000}]},
        "breaks": [{"id": 1, "time_windows": [[120, 130]], "service": 50}]}));
    let answer = solved(&line(100, &json!([{"id": 1, "location_index": 1}]), &lorry));
    assert_eq!(result(&answer), (200, 0), "{answer}");
}

#[test]
fn preferred_times_give_way_to_breaks_windows_and_reloads() {
    let soft = |from: u32, to: u32| json!({"time_window": [from, to], "per_hour_early": 3600, "per_hour_late": 3600});
    let with = |break_at: u32| {
        let lorry = van(&json!({"breaks": [{"id": 1, "time_windows": [[break_at, break_at]], "service": 50}]}));
        line(100, &json!([{"id": 1, "location_index": 1, "service": 100, "soft_time_window": soft(320, 330)}]), &lorry)
    };
    // It begins at 300, and the break is taken when it is over.
    assert_eq!(result(&solved(&with(400))), (220, 0));
    // Two windows, neither of them when it should begin: at 105.
    let job = json!([{"id": 1, "location_index": 1, "time_windows": [[0, 105], [700, 800]], "soft_time_window": soft(300, 310)}]);
    assert_eq!(result(&solved(&line(100, &job, &van(&json!({}))))), (395, 0));
    // What is preferred is the beginning of set-up.
    let job = json!([{"id": 1, "location_index": 1, "setup": 100, "service": 10, "soft_time_window": soft(500, 520)}]);
    assert_eq!(result(&solved(&line(100, &job, &van(&json!({}))))), (200, 0));
    // The first one 150 s early, so that the second one is in time.
    let early = json!({"time_window": [300, 310], "per_hour_early": 3600});
    let jobs = json!([{"id": 1, "location_index": 1, "delivery": [1], "soft_time_window": early},
        {"id": 2, "location_index": 1, "delivery": [1], "soft_time_window": early}]);
    let lorry = van(&json!({"capacity": [1], "time_window": [0, 450], "reload": {"places": [{"location_index": 0}]}}));
    assert_eq!(result(&solved(&line(100, &jobs, &lorry))), (550, 0));
}

#[test]
fn a_task_that_opens_the_way_to_others_is_worth_theirs() {
    for kind in ["in_order", "directly"] {
        for more in [json!({}), json!({"prize": 5000})] {
            let mut last = json!({"id": 2, "location_index": 2});
            last.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let jobs = json!([{"id": 1, "location_index": 4, "prize": 10}, last]);
            let mut file = line(100, &jobs, &van(&json!({})));
            file["relations"] = json!([{"type": kind, "tasks": [{"id": 1}, {"id": 2}]}]);
            assert_eq!(result(&solved(&file)), (800, 0));
        }
    }
}

#[test]
fn orders_that_part_a_shipment_are_refused_by_name() {
    let mut file = line(100, &json!([{"id": 1, "location_index": 2}]), &van(&json!({})));
    file["shipments"] = json!([{"pickup": {"id": 1, "location_index": 1}, "delivery": {"id": 2, "location_index": 4}}]);
    let tasks = json!([{"type": "pickup", "id": 1}, {"type": "job", "id": 1}, {"type": "delivery", "id": 2}]);
    file["relations"] = json!([{"type": "in_order", "tasks": tasks}]);
    let told = refused(&file);
    assert!(told.contains("relations[0]") && told.contains("job 1 stands between pickup 1 and delivery 2"), "{told}");
    file["relations"] =
        json!([{"type": "in_order", "tasks": [{"id": 1}, {"type": "pickup", "id": 1}, {"type": "delivery", "id": 2}]}]);
    assert_eq!(result(&solved(&file)).1, 0);
}

#[test]
fn breaks_before_goods_are_ready_are_taken_at_the_start_in_a_plan_too() {
    let lorry = van(&json!({"time_window": [0, 2000], "capacity": [1],
        "breaks": [{"id": 1, "time_windows": [[100, 200]], "service": 30}, {"id": 2, "time_windows": [[900, 1000]], "service": 30}]}));
    let mut lorry_and_rules = lorry.clone();
    lorry_and_rules["driving_time"] = json!({"max_driving": 150, "break_time": 60});
    for lorry in [lorry, lorry_and_rules] {
        let file = line(100, &json!([{"id": 1, "location_index": 1, "delivery": [1], "release": 1000}]), &lorry);
        let answer = solved(&file);
        assert_eq!(result(&answer), (200, 0), "{answer}");
        // The start can be put off no longer than to the end of the first window.
        let mut fed = file;
        fed["vehicles"][0]["steps"] = answer["routes"][0]["steps"].clone();
        fed["vehicles"][0]["steps"][0]["service_after"] = json!(201);
        let told = plan(&fed.to_string(), VroomOptions::default(), None).unwrap().document;
        assert_eq!(told["summary"]["violations"], json!([{"cause": "delay", "duration": 1}]), "{told}");
    }
}

#[test]
fn breaks_of_a_plan_are_moved_by_what_was_driven_since_a_whole_one() {
    // The vehicle's own break is too short to count, so that the other one is due as if there were none.
    let lorry = van(&json!({"time_window": [0, 5000], "driving_time": {"max_driving": 500, "break_time": 300},
        "breaks": [{"id": 1, "time_windows": [[1, 600]], "service": 100}]}));
    let late = json!({"time_window": [1200, 1200], "per_hour_early": 36000});
    let jobs = json!([{"id": 1, "location_index": 1, "service": 100}, {"id": 2, "location_index": 5, "soft_time_window": late}]);
    let answer = solved(&line(100, &jobs, &lorry));
    assert_eq!(result(&answer), (1000, 0), "{answer}");
    // Two parts, in the middle of each leg of 1,000 s.
    let rule = json!({"max_driving": 500, "break_time": 300, "first_part": 100});
    let jobs = json!([{"id": 1, "location_index": 5, "service": 10}]);
    let answer = solved(&line(200, &jobs, &van(&json!({"driving_time": rule, "time_window": [0, 9000]}))));
    assert_eq!(result(&answer), (2000, 0), "{answer}");
}

#[test]
fn set_up_and_service_are_rest_where_service_counts() {
    let rule = json!({"max_driving": 100, "break_time": 30, "service_counts": true});
    let jobs = json!([{"id": 1, "location_index": 1, "setup": 10, "service": 20}]);
    let answer = solved(&line(
        100,
        &jobs,
        &van(&json!({"driving_time": rule, "time_window": [0, 230],
        "breaks": [{"id": 1, "time_windows": [[0, 0]], "service": 0}]})),
    ));
    assert_eq!(result(&answer), (200, 0), "{answer}");
}

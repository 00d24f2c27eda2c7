//! Keys beyond VROOM's format that say how a vehicle goes its way: batteries, walks from door to door, pinned tasks. From the file to
//! the answer, which is judged from itself.

mod support;

use fleetfold_formats::{VroomOptions, plan, read_vroom, solution};
use fleetfold_solver::check::check;
use fleetfold_solver::{SearchLimits, solve};
use serde_json::{Value, json};
use support::{refused, solved};

/// Places on a street, by their metres from its beginning; ten metres a second.
fn street(places: &[u32], jobs: &[Value], vehicles: &[Value]) -> Value {
    let rows = |each: fn(u32) -> u32| -> Vec<Vec<u32>> {
        places.iter().map(|&a| places.iter().map(|&b| each(a.abs_diff(b))).collect()).collect()
    };
    let matrices = json!({"durations": rows(|metres| metres / 10), "distances": rows(|metres| metres)});
    json!({"jobs": jobs, "vehicles": vehicles, "matrices": {"car": matrices}})
}

fn job(id: u32, more: &Value) -> Value {
    let mut job = json!({"id": id, "location_index": id});
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    job
}

fn ids(route: &Value) -> Vec<u64> {
    route["steps"].as_array().unwrap().iter().filter_map(|step| step["id"].as_u64()).collect()
}

fn steps<'a>(answer: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let routes = answer["routes"].as_array().unwrap().iter();
    routes.flat_map(|route| route["steps"].as_array().unwrap()).filter(move |step| step["type"] == kind)
}

/// Every step in time behind the one before it, whatever lies between.
fn has_times_in_order(answer: &Value) {
    for route in answer["routes"].as_array().unwrap() {
        let mut free = i64::MIN;
        for step in route["steps"].as_array().unwrap() {
            let of = |key: &str| step[key].as_i64().unwrap_or(0);
            assert!(of("arrival") >= free, "{step}: {answer}");
            free = of("arrival") + of("waiting_time") + of("setup") + of("service");
        }
    }
}

fn van(more: &Value) -> Value {
    let mut van = json!({"id": 1, "start_index": 0, "end_index": 0});
    van.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    van
}

#[test]
fn a_van_is_charged_where_its_battery_does_not_last() {
    // 100 km there and back at 250 Wh a kilometre; 15 kWh in the battery, a station of 50 kW at 30 km.
    let places = [0, 20_000, 50_000, 30_000];
    let battery = json!({"capacity": 40_000, "charge": 15_000, "per_km": 250,
        "stations": [{"location_index": 3, "power": 50_000, "setup": 120}]});
    let jobs = [job(1, &json!({"service": 60})), job(2, &json!({"service": 60}))];
    let answer = solved(&street(&places, &jobs, &[van(&json!({"battery": battery}))]));
    has_times_in_order(&answer);
    assert_eq!(answer["summary"]["unassigned"], 0, "{answer}");
    let charges: Vec<&Value> = steps(&answer, "charge").collect();
    assert_eq!((charges.len(), &charges[0]["charged"], &charges[0]["location_index"]), (1, &json!(10_000), &json!(3)));
    // Ten kilowatt-hours at fifty kilowatts: 12 minutes, and two for the cable.
    assert!((840..=841).contains(&charges[0]["service"].as_i64().unwrap()), "{answer}");
    assert_eq!((&answer["summary"]["distance"], &answer["summary"]["duration"]), (&json!(100_000), &json!(10_000)));
    // What is told of the battery can be recomputed from the lengths.
    let mut left = 15_000.0;
    let mut before = 0.0;
    for step in answer["routes"][0]["steps"].as_array().unwrap() {
        let metres = step["distance"].as_f64().unwrap();
        left += step["charged"].as_f64().unwrap_or(0.0) - (metres - before) / 1000.0 * 250.0;
        before = metres;
        let told = step["battery"].as_f64().unwrap();
        assert!((told - left).abs() <= 2.0 && told >= 0.0, "{told} {left}: {step}");
    }
    // Without a station the far job is left out, and the reason says what is missing: 25 kWh less 15.
    let mut file = street(&places, &jobs, &[van(&json!({"battery": battery}))]);
    file["vehicles"][0]["battery"].as_object_mut().unwrap().remove("stations");
    let answer = solved(&file);
    let left = &answer["unassigned"][0];
    assert_eq!((&left["id"], &left["reason"]), (&json!(2), &json!("range")), "{answer}");
    let obstacle = &left["obstacles"][0];
    assert_eq!((&obstacle["what"], &obstacle["by"]), (&json!("range"), &json!(10_000)));
    file["vehicles"][0]["battery"]["charge"] = json!(25_000);
    assert_eq!(solved(&file)["summary"]["unassigned"], 0);
    file["vehicles"][0]["battery"]["charge"] = json!(24_999);
    assert_eq!(solved(&file)["summary"]["unassigned"], 1);
}

#[test]
fn a_van_may_be_charged_before_its_first_task_and_on_the_way_home() {
    let places = [0, 40_000, 10_000];
    let battery = |charge: u32| {
        json!({"capacity": 16_000, "charge": charge, "per_km": 250, "per_hour": 36,
            "stations": [{"location_index": 2, "power": 10_000}]})
    };
    let day = |charge: u32| {
        let shift = json!({"battery": battery(charge), "time_window": [1_000, 90_000]});
        solved(&street(&places, &[job(1, &json!({"time_windows": [[20_000, 30_000]]}))], &[van(&shift)]))
    };
    let kinds = |answer: &Value| -> Vec<String> {
        let steps = answer["routes"][0]["steps"].as_array().unwrap().iter();
        steps.map(|step| step["type"].as_str().unwrap().to_owned()).collect()
    };
    // 20 kWh are taken and 16 fit in; to come back to the station it has to be charged on the way out, too.
    for charge in [3_000, 12_000, 16_000] {
        let answer = day(charge);
        has_times_in_order(&answer);
        assert_eq!(kinds(&answer), ["start", "charge", "job", "charge", "end"], "{answer}");
        assert!(steps(&answer, "start").next().unwrap()["arrival"].as_i64() >= Some(1_000), "{answer}");
        assert!(steps(&answer, "job").next().unwrap()["arrival"].as_i64() >= Some(1_000), "{answer}");
    }
}

#[test]
fn doors_are_served_from_one_parking_place() {
    let places = [0, 1_000, 1_030, 1_060, 3_000];
    let jobs: Vec<Value> = (1..5).map(|id| job(id, &json!({"setup": 120, "service": 30}))).collect();
    let walking = json!({"walking": {"max_metres": 60, "km_per_hour": 3.6}, "costs": {"per_task_hour": 3600}});
    let answer = solved(&street(&places, &jobs, &[van(&walking)]));
    has_times_in_order(&answer);
    let route = &answer["routes"][0];
    // Parked twice instead of four times; 60 m of walking there and 60 back, or 30 each way from the middle.
    assert_eq!((&route["setup"], &route["service"]), (&json!(240), &json!(120)), "{answer}");
    assert_eq!(route["walking"], json!(120));
    assert_eq!(steps(&answer, "job").filter(|step| step["on_foot"] == true).count(), 2);
    assert_eq!(route["cost"].as_i64().unwrap(), route["duration"].as_i64().unwrap() + 240 + 120 + 120);
    // All the time between leaving and coming home is told.
    let all = ["duration", "setup", "service", "waiting_time", "walking"].map(|key| route[key].as_i64().unwrap());
    let ends = |index: usize| route["steps"][index]["arrival"].as_i64().unwrap();
    assert_eq!(all.iter().sum::<i64>(), ends(5) - ends(0), "{answer}");
    // Given in another order it is timed by the same rule.
    let mut given = street(&places, &jobs, &[van(&walking)]);
    given["vehicles"][0]["steps"] = [2, 1, 3, 4].map(|id| json!({"type": "job", "id": id})).into_iter().collect();
    let timed = plan(&given.to_string(), VroomOptions::default(), None).unwrap().document;
    assert_eq!(timed["routes"][0]["walking"], json!(30 + 60 + 30), "{timed}");
    assert_eq!(timed["routes"][0]["setup"], json!(240));
    let cost = |answer: &Value| answer["summary"]["cost"].as_i64().unwrap();
    assert!(cost(&timed) >= cost(&answer));
}

#[test]
fn pinned_tasks_stay_with_their_vehicle_and_at_their_end() {
    let places = [0, 1_000, 2_000, 3_000, 4_000];
    let vans = [json!({"id": 5, "start_index": 0, "end_index": 0}), json!({"id": 6, "start_index": 0, "end_index": 0})];
    let day = |pins: &[(u32, Value)]| {
        let jobs: Vec<Value> = (1..5)
            .map(|id| match pins.iter().find(|(pinned, _)| *pinned == id) {
                Some((_, pin)) => job(id, &json!({"pinned": pin})),
                None => job(id, &json!({})),
            })
            .collect();
        street(&places, &jobs, &vans)
    };
    let answer = solved(&day(&[(3, json!({"vehicle": 6})), (1, json!({"vehicle": 5, "position": "last"}))]));
    let of = |vehicle: u64| {
        let routes = answer["routes"].as_array().unwrap();
        routes.iter().find(|route| route["vehicle"] == vehicle).map(ids).unwrap_or_default()
    };
    assert!(of(6).contains(&3) && of(5).last() == Some(&1), "{answer}");
    let answer = solved(&day(&[(4, json!({"position": "first"})), (2, json!({"vehicle": 5, "position": "first"}))]));
    let firsts: Vec<u64> = answer["routes"].as_array().unwrap().iter().map(|route| ids(route)[0]).collect();
    assert!(firsts.contains(&4) && firsts.contains(&2), "two vehicles, each with its first: {answer}");
    // Two that have to be first on one vehicle: one is left out, and who could take it and does not is named.
    let answer = solved(&day(&[
        (4, json!({"vehicle": 5, "position": "first"})),
        (2, json!({"vehicle": 5, "position": "first"})),
    ]));
    let left = &answer["unassigned"][0];
    let what: Vec<&str> =
        left["obstacles"].as_array().unwrap().iter().map(|each| each["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["position", "pinned"], "{answer}");
    // By a step of the vehicle; a contradiction is refused.
    let mut file = day(&[]);
    file["vehicles"][1]["steps"] = json!([{"type": "job", "id": 2, "pinned": true}]);
    let answer = solved(&file);
    let six = answer["routes"].as_array().unwrap().iter().find(|route| route["vehicle"] == 6).expect("it is used");
    assert!(ids(six).contains(&2), "{answer}");
    file["jobs"][1]["pinned"] = json!({"vehicle": 5});
    assert!(refused(&file).contains("by `steps` to vehicle 6"), "{}", refused(&file));
    // Whoever gives a route that does not keep it is told.
    let mut given = day(&[(1, json!({"vehicle": 6})), (3, json!({"position": "last"}))]);
    given["vehicles"][0]["steps"] =
        json!([{"type": "job", "id": 1}, {"type": "job", "id": 3}, {"type": "job", "id": 2}]);
    let timed = plan(&given.to_string(), VroomOptions::default(), None).unwrap().document;
    let causes = |step: usize| timed["routes"][0]["steps"][step]["violations"].clone();
    assert_eq!((causes(1), causes(2)), (json!([{"cause": "pinned"}]), json!([{"cause": "pinned"}])));
    // A shipment: the pickup is first, the delivery last.
    let mut file = day(&[]);
    file["shipments"] = json!([{"pickup": {"id": 9, "location_index": 2}, "delivery": {"id": 9, "location_index": 2},
        "pinned": {"vehicle": 6, "position": "last"}}]);
    let answer = solved(&file);
    let six = answer["routes"].as_array().unwrap().iter().find(|route| route["vehicle"] == 6).expect("it is used");
    let steps = six["steps"].as_array().unwrap();
    assert_eq!(steps[steps.len() - 2]["type"], "delivery", "{answer}");
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let places = [0, 1_000];
    let with = |more: &Value| street(&places, &[job(1, &json!({}))], &[van(more)]);
    let station = json!([{"location_index": 1, "power": 5}]);
    for (more, expected) in [
        (json!({"battery": {"per_km": 3}}), "`battery` has no `capacity`"),
        (json!({"battery": {"capacity": 5}}), "`per_km` or `per_hour`"),
        (json!({"battery": {"capacity": 5, "charge": 6, "per_km": 1}}), "more than its `capacity`"),
        (json!({"battery": {"capacity": 5, "per_km": 1, "stations": [{"location_index": 1}]}}), "no `power`"),
        (json!({"battery": {"capacity": 5, "per_km": 1, "stations": [{"location_index": 7, "power": 1}]}}), "index 7"),
        (json!({"battery": {"capacity": 5, "per_km": 1, "stations": station, "amps": 3}}), "`battery.amps`"),
        (json!({"walking": {}}), "no `max_metres`"),
        (json!({"walking": {"max_metres": 5, "km_per_hour": 0.0}}), "km_per_hour"),
        (json!({"walking": {"max_metres": 5}, "battery": {"capacity": 5, "per_km": 1}}), "do not go together"),
        (json!({"walking": {"max_metres": 5}, "driving_time": {"rule": "eu_561"}}), "do not go together"),
    ] {
        let said = refused(&with(&more));
        assert!(said.contains(expected) && said.contains("vehicle 1"), "{expected}: {said}");
    }
    for (pin, expected) in [
        (json!({}), "needs a `vehicle`, a `position`"),
        (json!({"position": "middle"}), "\"middle\""),
        (json!({"vehicle": 8}), "vehicle 8, which there is not"),
    ] {
        let said = refused(&street(&places, &[job(1, &json!({"pinned": pin}))], &[van(&json!({}))]));
        assert!(said.contains(expected) && said.contains("job 1"), "{expected}: {said}");
    }
    // Lengths have to be known.
    let mut file = with(&json!({"walking": {"max_metres": 5}}));
    file["matrices"]["car"].as_object_mut().unwrap().remove("distances");
    assert!(refused(&file).contains("`walking` needs `matrices.car.distances`"));
}

/// A given route that a pinned task makes impossible is mended, and says so: nothing is handed out that cannot be driven.
#[test]
fn a_pinned_task_that_cannot_be_driven_is_left_out() {
    let places = [0, 1_000, 40_000];
    let mut file = street(&places, &[job(1, &json!({})), job(2, &json!({}))], &[van(&json!({"max_distance": 10_000}))]);
    file["vehicles"][0]["steps"] =
        json!([{"type": "job", "id": 1, "pinned": true}, {"type": "job", "id": 2, "pinned": true}]);
    assert!(refused(&file).contains("job 2, which is pinned"), "{}", refused(&file));
    let instance = read_vroom(&file.to_string(), VroomOptions::default()).unwrap();
    assert!(instance.warnings.iter().any(|words| words.contains("job 2")), "{:?}", instance.warnings);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let found = solve(&instance.problem, &SearchLimits { rounds: 3, ..SearchLimits::default() }, &stop);
    assert!(found.infeasible.is_empty());
    check(&instance.problem, &found).expect("a plan that keeps the rules");
    let answer = solution(&instance, instance.names.as_ref().unwrap(), &found).unwrap();
    assert_eq!((ids(&answer["routes"][0]), &answer["unassigned"][0]["id"]), (vec![1], &json!(2)), "{answer}");
}

/// What a parked vehicle need not set up, it may begin when the window opens and not later than it closes.
#[test]
fn windows_of_doors_are_kept_on_foot_too() {
    let places = [0, 1_000, 1_030, 5_000];
    let window = json!({"setup": 100, "time_windows": [[600, 620]]});
    let jobs = [
        job(1, &json!({"setup": 100, "time_windows": [[400, 560]]})),
        job(2, &window),
        job(3, &json!({"setup": 5, "time_windows": [[0, 1_040]]})),
    ];
    // Thirty seconds back to the van and four hundred of driving: the third is in time if the second begins when it may.
    let walking = json!({"walking": {"max_metres": 50, "km_per_hour": 3.6}, "time_window": [0, 5_000]});
    let answer = solved(&street(&places, &jobs, &[van(&walking)]));
    assert_eq!(answer["summary"]["unassigned"], 0, "{answer}");
    has_times_in_order(&answer);
    let second = steps(&answer, "job").find(|step| step["id"] == 2).unwrap();
    let begin = second["arrival"].as_i64().unwrap() + second["waiting_time"].as_i64().unwrap();
    assert!((600..=620).contains(&begin) && second["on_foot"] == true && second["setup"] == 0, "{answer}");
}

/// A break that is taken on the way to the first task begins behind the start, not before the shift.
#[test]
fn a_vehicle_with_rules_of_its_own_may_pause_on_its_first_way() {
    let places = [0, 20_000, 10_000];
    let pause = json!([{"id": 1, "time_windows": [[100, 300]], "service": 600}]);
    let rules = [
        json!({"reload": {"places": [{"location_index": 0}]}}),
        json!({"driving_time": {"rule": "eu_561"}}),
        json!({"battery": {"capacity": 90, "per_km": 1, "stations": [{"location_index": 2, "power": 90}]}}),
        json!({"walking": {"max_metres": 9}}),
    ];
    for rule in rules {
        let mut own = van(&rule);
        own["breaks"] = pause.clone();
        own["time_window"] = json!([0, 9_000]);
        let answer = solved(&street(&places, &[job(1, &json!({}))], &[own]));
        assert_eq!(answer["summary"]["unassigned"], 0, "{rule}: {answer}");
        let kinds: Vec<&str> = answer["routes"][0]["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["type"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["start", "break", "job", "end"], "{rule}: {answer}");
    }
}

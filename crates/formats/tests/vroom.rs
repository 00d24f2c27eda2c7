//! VROOM files: what is read, what is refused, and what the output says, against the file itself and not against the solver.

use fleetfold_formats::{Instance, Priorities, ReadError, VroomOptions, plan, read_vroom, solution, vroom_error};
use fleetfold_solver::check::check;
use fleetfold_solver::{SearchLimits, Solution, StopIx, solve};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(file: &Value) -> Result<Instance, ReadError> {
    read_vroom(&file.to_string(), VroomOptions::default())
}

fn searched(instance: &Instance) -> Solution {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let limits = SearchLimits { rounds: 3, iterations: 300, ..SearchLimits::default() };
    let solution = solve(&instance.problem, &limits, &stop);
    check(&instance.problem, &solution).expect("a plan that keeps the rules");
    solution
}

fn solved(file: &Value) -> Value {
    let instance = read(file).unwrap_or_else(|what| panic!("{what}: {file}"));
    let found = searched(&instance);
    solution(&instance, instance.names.as_ref().unwrap(), &found).expect("a plan that keeps the rules")
}

fn timed(file: &Value, strict: bool) -> Result<Value, ReadError> {
    plan(&file.to_string(), VroomOptions { strict, ..VroomOptions::default() }, None).map(|plan| plan.document)
}

fn refused(file: &Value) -> String {
    read(file).err().unwrap_or_else(|| panic!("accepted: {file}")).to_string()
}

/// Three jobs on a ring whose cheapest round is 100 + 120 + 140 + 310 = 670.
fn ring() -> Value {
    json!({
        "jobs": [
            {"id": 1, "location_index": 1, "service": 10},
            {"id": 2, "location_index": 2, "service": 10},
            {"id": 3, "location_index": 3, "service": 10},
        ],
        "vehicles": [{"id": 1, "start_index": 0, "end_index": 0}],
        "matrices": {"car": {"durations": [[0, 100, 200, 300], [110, 0, 120, 250], [210, 130, 0, 140], [310, 260, 150, 0]]}},
    })
}

/// The ring with values put in place of others: `(path, value)` as JSON pointers, missing keys added.
fn ring_with(edits: &[(&str, Value)]) -> Value {
    let mut file = ring();
    for (path, value) in edits {
        let (parent, key) = path.rsplit_once('/').unwrap();
        let parent = file.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
        match key.parse::<usize>() {
            Ok(index) => parent[index] = value.clone(),
            Err(_) => parent[key] = value.clone(),
        }
    }
    file
}

fn ids(output: &Value, list: &str) -> Vec<u64> {
    let all =
        if list == "unassigned" { output["unassigned"].as_array() } else { output["routes"][0]["steps"].as_array() };
    all.into_iter().flatten().filter_map(|step| step["id"].as_u64()).collect()
}

fn flat(value: u32) -> Value {
    json!(vec![vec![value; 4]; 4])
}

#[test]
fn every_field_of_the_document_is_read() {
    let distances = json!([[0, 10, 20, 30], [10, 0, 10, 20], [20, 10, 0, 10], [30, 20, 10, 0]]);
    let cases = [
        ("job amount", vec![("/jobs/0/amount", json!([1])), ("/vehicles/0/capacity", json!([1]))], 670, vec![]),
        (
            "delivery and pickup of one job",
            vec![
                ("/jobs/0/delivery", json!([4])),
                ("/jobs/0/pickup", json!([3])),
                ("/jobs/1/pickup", json!([1])),
                ("/vehicles/0/capacity", json!([4])),
            ],
            670,
            vec![],
        ),
        (
            "what is picked up stays on board",
            vec![
                ("/jobs/0/delivery", json!([4])),
                ("/jobs/0/pickup", json!([3])),
                ("/jobs/1/pickup", json!([2])),
                ("/jobs/1/priority", json!(1)),
                ("/jobs/2/delivery", json!([0])),
                ("/vehicles/0/capacity", json!([4])),
            ],
            650,
            vec![1],
        ),
        (
            "six dimensions of load",
            vec![("/jobs/2/delivery", json!([0, 0, 0, 0, 0, 6])), ("/vehicles/0/capacity", json!([9, 9, 9, 9, 9, 5]))],
            430,
            vec![3],
        ),
        ("cost of an hour", vec![("/vehicles/0/costs", json!({"per_hour": 50000}))], 9305, vec![]),
        ("cost of an hour of tasks", vec![("/vehicles/0/costs", json!({"per_task_hour": 3600}))], 700, vec![]),
        ("fixed cost", vec![("/vehicles/0/costs", json!({"fixed": 9}))], 679, vec![]),
        ("own costs", vec![("/matrices/car/costs", flat(1))], 4, vec![]),
        ("slow", vec![("/vehicles/0/speed_factor", json!(0.05))], 13400, vec![]),
        ("very slow", vec![("/vehicles/0/speed_factor", json!(0.01))], 67000, vec![]),
        ("longest drive", vec![("/vehicles/0/max_travel_time", json!(669))], 430, vec![3]),
        (
            "longest way",
            vec![("/matrices/car/distances", distances), ("/vehicles/0/max_distance", json!(59))],
            430,
            vec![3],
        ),
        ("most tasks", vec![("/vehicles/0/max_tasks", json!(2))], 430, vec![3]),
        (
            "skills",
            vec![("/jobs/2/skills", json!([7])), ("/jobs/1/skills", json!([8])), ("/vehicles/0/skills", json!([8]))],
            430,
            vec![3],
        ),
        (
            "service by type",
            vec![
                ("/jobs/2/service_per_type", json!({"van": 500})),
                ("/vehicles/0/type", json!("van")),
                ("/vehicles/0/time_window", json!([0, 1000])),
            ],
            430,
            vec![3],
        ),
        (
            "set-up by type",
            vec![
                ("/jobs/2/setup_per_type", json!({"van": 500, "bike": 1})),
                ("/vehicles/0/type", json!("van")),
                ("/vehicles/0/time_window", json!([0, 1000])),
            ],
            430,
            vec![3],
        ),
        ("options", vec![("/options", json!({"g": true}))], 670, vec![]),
    ];
    for (what, edits, cost, left) in cases {
        let output = solved(&ring_with(&edits));
        assert_eq!((&output["summary"]["cost"], ids(&output, "unassigned")), (&json!(cost), left), "{what}: {output}");
    }
}

#[test]
fn the_old_matrix_is_that_of_cars() {
    let mut file = ring();
    file["matrix"] = file["matrices"]["car"]["durations"].take();
    file.as_object_mut().unwrap().remove("matrices");
    assert_eq!(solved(&file)["summary"]["cost"], 670);
}

/// Converters write places on a plane beside the matrix that they made of them: they are labels there.
#[test]
fn places_on_a_plane_stand_beside_a_matrix() {
    let file = ring_with(&[("/jobs/0/location", json!([4500.5, 2300])), ("/vehicles/0/start", json!([-700.0, 95]))]);
    let output = solved(&file);
    assert_eq!(output["summary"]["cost"], 670);
    let steps = output["routes"][0]["steps"].as_array().unwrap();
    let places: Vec<&Value> = steps.iter().map(|step| &step["location"]).filter(|place| place.is_array()).collect();
    assert!(places.contains(&&json!([4500.5, 2300.0])) && places.contains(&&json!([-700.0, 95.0])), "{output}");
    // Without one they are where the vehicle drives.
    let mut bare = file;
    bare.as_object_mut().unwrap().remove("matrices");
    bare["jobs"] = json!([{"id": 1, "location": [4500.5, 2300]}]);
    let error = read_vroom(&bare.to_string(), VroomOptions::default()).err().expect("it is nowhere");
    assert!(error.to_string().contains("no longitude and latitude"), "{error}");
}

#[test]
fn each_place_is_told_as_its_own_task_or_vehicle_says_it() {
    let file = ring_with(&[
        ("/jobs/0/location", json!([1.0, 1.0])),
        ("/jobs/1/location_index", json!(1)),
        ("/jobs/1/location", json!([2.0, 2.0])),
        ("/jobs/2/location_index", json!(1)),
        ("/vehicles/0/start", json!([7.0, 7.0])),
    ]);
    let output = solved(&file);
    let steps = output["routes"][0]["steps"].as_array().unwrap();
    let place = |key: &str, value: Value| {
        let step = steps.iter().find(|step| step[key] == value).unwrap();
        (step["location"].clone(), step["location_index"].clone())
    };
    assert_eq!(place("job", json!(1)), (json!([1.0, 1.0]), json!(1)));
    assert_eq!(place("job", json!(2)), (json!([2.0, 2.0]), json!(1)));
    assert_eq!(place("job", json!(3)), (Value::Null, json!(1)), "the file says no coordinates of it");
    assert_eq!(place("type", json!("start")), (json!([7.0, 7.0]), json!(0)));
    assert_eq!(place("type", json!("end")), (Value::Null, json!(0)), "the file says none of the end");
}

#[test]
fn vehicles_of_two_profiles_drive_their_own_ways() {
    let file =
        ring_with(&[("/vehicles/0/profile", json!("slow")), ("/matrices/slow", json!({"durations": flat(1000)}))]);
    assert_eq!(solved(&file)["summary"]["cost"], 4000);
    let mut both = file;
    both["vehicles"].as_array_mut().unwrap().push(json!({"id": 2, "start_index": 0, "end_index": 0}));
    let output = solved(&both);
    assert_eq!((&output["summary"]["cost"], &output["routes"][0]["vehicle"]), (&json!(670), &json!(2)));
}

#[test]
fn many_skills_are_as_few() {
    let skills: Vec<u32> = (0..200).collect();
    let mut file = ring_with(&[("/vehicles/0/skills", json!(skills))]);
    let jobs: Vec<Value> = (0..200).map(|id| json!({"id": id, "location_index": 1 + id % 3, "skills": [id]})).collect();
    file["jobs"] = json!(jobs);
    assert_eq!(solved(&file)["summary"]["cost"], 670);
    // Each of the 200 vehicles lacks another skill, so that no two skills are alike.
    let vehicles: Vec<Value> = (0..200u32)
        .map(|id| {
            let has: Vec<u32> = (0..200).filter(|&skill| skill != id).collect();
            json!({"id": id, "start_index": 0, "end_index": 0, "skills": has, "time_window": [0, if id == 199 { 9000 } else { 0 }]})
        })
        .collect();
    file["vehicles"] = json!(vehicles);
    assert_eq!(ids(&solved(&file), "unassigned"), [199]);
}

#[test]
fn a_vehicle_without_a_start_begins_at_its_first_task() {
    let mut file = ring();
    file["vehicles"][0].as_object_mut().unwrap().remove("start_index");
    let output = solved(&file);
    assert_eq!(output["summary"]["cost"], 390); // 3 → 2 → 1 → 0, or any other way of 390
    let steps = output["routes"][0]["steps"].as_array().unwrap();
    assert_eq!((&steps[0]["type"], &steps[0]["location_index"]), (&json!("start"), &steps[1]["location_index"]));
    assert_eq!((&steps[0]["arrival"], &steps[1]["arrival"]), (&json!(0), &json!(0)));
    let lines =
        json!({"vehicles": [{"id": 1, "end": [13.4, 52.5]}], "jobs": [{"id": 1, "location": [13.5, 52.5, 30.0]}]});
    assert_eq!(solved(&lines)["summary"]["cost"], 678); // 6.78 km at 10 m/s
}

#[test]
fn a_vehicle_without_an_end_ends_at_its_last_task() {
    let mut file = ring();
    file["vehicles"][0].as_object_mut().unwrap().remove("end_index");
    let output = solved(&file);
    let end = output["routes"][0]["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&end["type"], &end["arrival"], &end["location_index"]), (&json!("end"), &json!(390), &json!(3)));
}

#[test]
fn what_vroom_refuses_is_refused() {
    let cases = [
        ("priority", vec![("/jobs/0/priority", json!(101))]),
        ("dimensions", vec![("/jobs/0/delivery", json!([1, 1])), ("/vehicles/0/capacity", json!([1]))]),
        ("dimensions", vec![("/jobs/0/delivery", json!([1]))]),
        ("twice", vec![("/jobs/1/id", json!(1))]),
        ("distances", vec![("/vehicles/0/costs", json!({"per_km": 1}))]),
        ("per_hour", vec![("/matrices/car/costs", flat(1)), ("/vehicles/0/costs", json!({"per_hour": 1}))]),
        ("no task", vec![("/jobs", json!([]))]),
        ("`time_windows` is empty", vec![("/jobs/0/time_windows", json!([]))]),
        ("overlap", vec![("/jobs/0/time_windows", json!([[5, 9], [0, 5]]))]),
        ("before it opens", vec![("/vehicles/0/time_window", json!([5, 4]))]),
        ("invalid type", vec![("/jobs/0/time_windows", Value::Null)]),
        ("invalid value", vec![("/jobs/0/service", json!(-1))]),
        ("no `id`", vec![("/jobs/0", json!({"location_index": 1}))]),
        ("index", vec![("/jobs/0/location_index", json!(4))]),
        ("has 3 numbers", vec![("/matrices/car/durations/2", json!([1, 2, 3]))]),
        ("has 1 rows", vec![("/matrices/car/distances", json!([[1, 2, 3, 4]]))]),
        ("no `durations`", vec![("/matrices/car", json!({"distances": flat(1)}))]),
        ("profile bike", vec![("/vehicles/0/profile", json!("bike"))]),
        ("speed factor", vec![("/vehicles/0/speed_factor", json!(0.0))]),
        ("speed factor", vec![("/vehicles/0/speed_factor", json!(5.1))]),
        ("neither a start nor an end", vec![("/vehicles/0", json!({"id": 1}))]),
        ("empty type", vec![("/jobs/0/setup_per_type", json!({"": 3}))]),
        ("has no `delivery`", vec![("/shipments", json!([{"pickup": {"id": 1, "location_index": 1}}]))]),
        ("valid `type`", vec![("/vehicles/0/steps", json!([{"type": "jobs", "id": 1}]))]),
        ("unexpected end", vec![("/vehicles/0/steps", json!([{"type": "end"}, {"type": "job", "id": 1}]))]),
        ("break 5", vec![("/vehicles/0/steps", json!([{"type": "break", "id": 5}]))]),
        (
            "cannot be taken",
            vec![
                ("/vehicles/0/time_window", json!([0, 500])),
                ("/vehicles/0/breaks", json!([{"id": 5, "service": 300, "time_windows": [[450, 460]]}])),
            ],
        ),
        (
            "two breaks",
            vec![(
                "/vehicles/0/breaks",
                json!([{"id": 5, "time_windows": [[1, 2]]}, {"id": 5, "time_windows": [[1, 2]]}]),
            )],
        ),
        ("max_load", vec![("/vehicles/0/breaks", json!([{"id": 5, "max_load": [1], "time_windows": [[1, 2]]}]))]),
    ];
    for (words, edits) in cases {
        let what = refused(&ring_with(&edits));
        assert!(what.contains(words), "{words}: {what}");
    }
    let error = read(&ring_with(&[("/jobs", json!([]))])).err().unwrap();
    assert_eq!(vroom_error(&error)["code"], 2);
    assert_eq!(vroom_error(&error)["error"], error.to_string());
}

#[test]
fn unknown_keys_are_warned_of_or_refused() {
    let file =
        ring_with(&[("/meta", json!(1)), ("/jobs/1/colour", json!("red")), ("/vehicles/0/costs", json!({"tax": 1}))]);
    let warnings = read(&file).unwrap().warnings;
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert_eq!(read(&ring_with(&[("/vehicles/0/max_distance", json!(1))])).unwrap().warnings.len(), 1);
    assert!(warnings[1].starts_with("job 2: ") && warnings[1].contains("`colour`"), "{warnings:?}");
    let strict = VroomOptions { strict: true, ..VroomOptions::default() };
    assert!(read_vroom(&file.to_string(), strict).err().unwrap().to_string().contains("`meta`"));
    assert!(read_vroom(&ring().to_string(), strict).is_ok());
}

#[test]
fn times_out_of_range_are_refused_by_name() {
    let far = ring_with(&[
        ("/jobs/0/time_windows", json!([[0, 10]])),
        ("/jobs/1/time_windows", json!([[4_000_000_000u32, 4_000_000_010u32]])),
    ]);
    assert!(refused(&far).starts_with("job 1: ") && refused(&far).contains("range"), "{}", refused(&far));
    let years = ring_with(&[
        ("/jobs/0/service", json!(240_000_000)),
        ("/jobs/1/service", json!(240_000_000)),
        ("/jobs/2/service", json!(240_000_000)),
    ]);
    assert!(refused(&years).contains("range"), "{}", refused(&years));
    let ways = ring_with(&[("/matrices/car/durations", flat(300_000_000))]);
    assert!(refused(&ways).contains("range"), "{}", refused(&ways));
    // What never closes is no time out of range.
    let open = ring_with(&[
        ("/jobs/0/time_windows", json!([[0, u32::MAX]])),
        ("/vehicles/0/time_window", json!([0, u32::MAX])),
    ]);
    assert_eq!(solved(&open)["summary"]["cost"], 670);
}

#[test]
fn costs_are_exact_or_refused_and_never_capped() {
    let far =
        json!([[0, 1_500_000, 3_000_000, 9], [1_500_000, 0, 1_500_000, 9], [3_000_000, 1_500_000, 0, 9], [9, 9, 9, 0]]);
    let file = ring_with(&[
        ("/jobs", json!([{"id": 1, "location_index": 1}, {"id": 2, "location_index": 2}])),
        ("/matrices/car/distances", far),
        ("/vehicles/0/costs", json!({"per_km": 500, "per_hour": 0})),
    ]);
    assert_eq!(solved(&file)["summary"]["cost"], 3_000_000);
    let dear = ring_with(&[("/matrices/car/costs", flat(1_000_000_000))]);
    let what = refused(&dear);
    assert!(what.contains("the leg from 0 to 0") && what.contains("1000000000") && what.contains("range"), "{what}");
}

#[test]
fn the_sum_of_priorities_counts_first() {
    // Room for one of them only.
    let shift = ("/vehicles/0/time_window", json!([0, 620]));
    let one = ring_with(&[shift.clone(), ("/jobs/2/priority", json!(1))]);
    assert_eq!(ids(&solved(&one), "unassigned"), [1, 2]);
    let none = ring_with(&[shift]);
    assert_eq!(ids(&solved(&none), "unassigned").len(), 1);
    // Weighed, two tasks of priority 0 are as good as one of priority 1, and cheaper.
    let weighed = VroomOptions { priorities: Priorities::Weighed, ..VroomOptions::default() };
    let instance = read_vroom(&one.to_string(), weighed).unwrap();
    let found = searched(&instance);
    assert_eq!(found.absent.len(), 1);
}

#[test]
fn a_vehicle_leaves_as_late_as_it_can() {
    let output = solved(&ring_with(&[("/jobs/0/time_windows", json!([[5000, 6000]]))]));
    let steps = &output["routes"][0]["steps"];
    assert_eq!((&steps[0]["arrival"], &output["summary"]["waiting_time"]), (&json!(4900), &json!(0)));
    // At the place where it is, a vehicle needs no set-up, even before its first task.
    let here = json!({
        "vehicles": [{"id": 1, "start_index": 0, "end_index": 0, "time_window": [1000, 9000]}],
        "jobs": [{"id": 1, "location_index": 0, "setup": 600, "service": 5, "time_windows": [[1000, 1200]]}],
        "matrices": {"car": {"durations": [[0]]}},
    });
    let output = solved(&here);
    assert_eq!(output["routes"][0]["steps"][1]["arrival"], 1000);
    assert_eq!(output["routes"][0]["steps"][2]["arrival"], 1005);
}

/// Places on a line, ten seconds apart. Two tasks are at place 5; the set-up of the first ends a minute after its window has closed.
fn shared_place(jobs: u32, shift: Option<Value>) -> Value {
    let durations: Vec<Vec<u32>> = (0..50u32).map(|a| (0..50u32).map(|b| a.abs_diff(b) * 10).collect()).collect();
    let mut list = vec![
        json!({"id": 1, "location_index": 5, "setup": 60, "time_windows": [[0, 60]]}),
        json!({"id": 2, "location_index": 5, "setup": 60, "time_windows": [[0, 115]]}),
    ];
    list.extend((3..=jobs).map(|id| json!({"id": id, "location_index": 3 + id})));
    let mut file = json!({
        "vehicles": [{"id": 1, "start_index": 0, "end_index": 0}], "jobs": list, "matrices": {"car": {"durations": durations}},
    });
    if let Some(shift) = shift {
        file["vehicles"][0]["time_window"] = shift;
    }
    file
}

#[test]
fn windows_are_for_the_beginning_of_setup_however_many_tasks_there_are() {
    for jobs in [2, 16, 17, 40] {
        let output = solved(&shared_place(jobs, None));
        assert_eq!(output["summary"]["unassigned"], 0, "{jobs} jobs: {output}");
        // Only the first of the two is set up for, and nobody waits at the other one.
        assert_eq!((&output["summary"]["setup"], &output["summary"]["waiting_time"]), (&json!(60), &json!(0)));
    }
    // The ends of shipments are as jobs are.
    let mut file = shared_place(20, Some(json!([0, 5000])));
    let ends = |id: u32| {
        json!({"pickup": {"id": id, "location_index": 5, "setup": 60, "time_windows": [[0, 60 + 55 * id]]},
            "delivery": {"id": id, "location_index": 9}})
    };
    file["shipments"] = (0..2).map(ends).collect();
    let jobs = file["jobs"].as_array().unwrap()[2..].to_vec();
    file["jobs"] = json!(jobs);
    let output = solved(&file);
    assert_eq!(output["summary"]["unassigned"], 0, "{output}");
    // Where a vehicle starts it needs no set-up.
    let mut file = shared_place(20, Some(json!([0, 5000])));
    file["vehicles"][0]["start_index"] = json!(5);
    file["jobs"][0]["time_windows"] = json!([[0, 0]]);
    file["jobs"][1]["time_windows"] = json!([[0, 0]]);
    assert_eq!(solved(&file)["summary"]["unassigned"], 0);
    // A window around the shift binds nobody, so that the tours need not be driven in full.
    let mut file = shared_place(20, Some(json!([0, 5000])));
    for job in file["jobs"].as_array_mut().unwrap() {
        job["time_windows"] = json!([[0, 5000]]);
    }
    let instance = read(&file).unwrap();
    assert!(!instance.problem.weights().setup_in_window);
    assert_eq!(solved(&file)["summary"]["setup"], 60);
}

#[test]
fn a_break_is_taken_on_the_way() {
    let output = solved(&json!({
        "vehicles": [{"id": 1, "start_index": 0, "end_index": 0, "time_window": [0, 9000],
            "breaks": [{"id": 1, "service": 30, "time_windows": [[80, 80]]}]}],
        "jobs": [{"id": 1, "location_index": 1, "time_windows": [[50, 140]]}],
        "matrices": {"car": {"durations": [[0, 100], [200, 0]], "distances": [[0, 500], [600, 0]]}},
    }));
    let step = |index: usize| {
        let step = &output["routes"][0]["steps"][index];
        ["arrival", "waiting_time", "duration", "distance"].map(|key| number(step, key))
    };
    // At 80 it has driven 80 s of the 100 s to the job, and four fifths of the way.
    assert_eq!([0, 1, 2, 3].map(step), [[0, 0, 0, 0], [80, 0, 80, 400], [130, 0, 100, 500], [330, 0, 300, 1100]]);
}

#[test]
fn times_of_any_epoch_are_the_same_plan() {
    let shifted = |by: u32| {
        solved(&ring_with(&[
            ("/jobs/0/time_windows", json!([[by + 5000, by + 6000]])),
            ("/jobs/2/time_windows", json!([[by, by + 4000]])),
            ("/vehicles/0/time_window", json!([by, by + 8000])),
            ("/vehicles/0/breaks", json!([{"id": 1, "service": 60, "time_windows": [[by + 4100, by + 4200]]}])),
        ]))
    };
    let (near, far) = (shifted(0), shifted(1_700_000_000));
    assert_eq!(near["summary"], far["summary"]);
    for (a, b) in
        near["routes"][0]["steps"].as_array().unwrap().iter().zip(far["routes"][0]["steps"].as_array().unwrap())
    {
        assert_eq!(a["arrival"].as_u64().unwrap() + 1_700_000_000, b["arrival"].as_u64().unwrap());
    }
}

#[test]
fn given_routes_are_repaired_or_refused() {
    let steps = json!([
        {"type": "start"}, {"type": "job", "id": 3}, {"type": "job", "id": 3}, {"type": "job", "id": 9},
        {"type": "delivery", "id": 1}, {"type": "pickup", "id": 1}, {"type": "job", "id": 1}, {"type": "end"},
    ]);
    let file = ring_with(&[
        ("/vehicles/0/steps", steps),
        ("/shipments", json!([{"pickup": {"id": 1, "location_index": 1}, "delivery": {"id": 1, "location_index": 2}}])),
    ]);
    let instance = read(&file).unwrap();
    assert_eq!(instance.warnings.len(), 3, "{:?}", instance.warnings);
    let initial: Vec<String> =
        instance.problem.initial()[0].iter().map(|&stop| instance.name(stop).to_string()).collect();
    assert_eq!(initial, ["3", "1"]);
    let strict = VroomOptions { strict: true, ..VroomOptions::default() };
    assert!(read_vroom(&file.to_string(), strict).err().unwrap().to_string().contains("job 9"));
}

/// A job, a pickup and a delivery that all have the id 1.
fn one_id() -> Value {
    ring_with(&[(
        "/shipments",
        json!([{"pickup": {"id": 1, "location_index": 1}, "delivery": {"id": 1, "location_index": 2}}]),
    )])
}

#[test]
fn words_of_routes_are_unambiguous() {
    let instance = read(&one_id()).unwrap();
    let words: Vec<String> = instance.routes(&searched(&instance))[0].iter().map(ToString::to_string).collect();
    let mut sorted = words.clone();
    sorted.sort();
    assert_eq!(sorted, ["1", "2", "3", "d1", "p1"]);
    let again = instance.start_from(&words.join(" ")).unwrap();
    let initial: Vec<String> = again.problem.initial()[0].iter().map(|&stop| again.name(stop).to_string()).collect();
    assert_eq!(initial, words);
    // What was printed before there were letters.
    let old = read(&one_id()).unwrap().start_from("2 1 1 1 3").unwrap();
    assert_eq!((old.problem.initial()[0].len(), old.warnings.len()), (5, 0));
    let broken = read(&one_id()).unwrap().start_from("2 2 d1 77").unwrap();
    assert_eq!((broken.problem.initial()[0].len(), broken.warnings.len()), (1, 3), "{:?}", broken.warnings);
    let mut strict = read(&one_id()).unwrap();
    strict.strict = true;
    assert!(strict.start_from("2 2").is_err());
}

#[test]
fn a_plan_without_a_task_is_an_error() {
    let instance = read(&ring()).unwrap();
    let mut found = searched(&instance);
    found.tours[0].pop();
    let names = instance.names.as_ref().unwrap();
    assert!(solution(&instance, names, &found).unwrap_err().to_string().contains("has lost it"));
    let twice = found.tours[0][0];
    found.absent.push(twice);
    assert!(solution(&instance, names, &found).unwrap_err().to_string().contains("has it twice"));
}

/// For each vehicle what keeps it from a task that is left out, and by how much.
#[test]
fn a_task_that_is_left_out_says_what_keeps_each_vehicle_from_it() {
    let vehicle = |id: u64, more: Value| {
        let mut vehicle = json!({"id": id, "start_index": 0, "end_index": 0, "capacity": [5]});
        vehicle.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        vehicle
    };
    let file = json!({
        "jobs": [{"id": 7, "location_index": 1, "service": 10, "skills": [1], "delivery": [4], "time_windows": [[0, 90]]}],
        "vehicles": [
            vehicle(1, json!({"time_window": [0, 100], "skills": [1]})),
            vehicle(2, json!({})),
            vehicle(3, json!({"capacity": [1], "skills": [1]})),
            vehicle(4, json!({"time_window": [50, 500], "skills": [1]})),
            vehicle(5, json!({"max_tasks": 0, "skills": [1]})),
            vehicle(6, json!({"max_travel_time": 110, "skills": [1]})),
        ],
        "matrices": {"car": {"durations": [[0, 60], [60, 0]]}},
    });
    let output = solved(&file);
    let told = &output["unassigned"][0]["obstacles"];
    let expected = json!([
        {"vehicle": 1, "what": "way_home", "by": 30},
        {"vehicle": 2, "what": "skills"},
        {"vehicle": 3, "what": "capacity", "by": 3, "dimension": 0},
        {"vehicle": 4, "what": "time_window", "by": 20},
        {"vehicle": 5, "what": "max_tasks", "by": 1},
        {"vehicle": 6, "what": "max_travel_time", "by": 10},
    ]);
    assert_eq!(*told, expected, "{output}");
}

fn planned(edits: &[(&str, Value)]) -> Value {
    timed(&ring_with(edits), false).unwrap_or_else(|what| panic!("{what}"))
}

fn order(ids: &[u64]) -> Value {
    ids.iter().map(|id| json!({"type": "job", "id": id})).collect()
}

/// Edits of the ring, where to look in the answer, and what is there.
type Case<'c> = (Vec<(&'c str, Value)>, &'c str, Value);

#[test]
fn a_plan_says_what_is_wrong_with_it() {
    let pickup_first = json!([{"type": "delivery", "id": 7}, {"type": "pickup", "id": 7}]);
    let shipments =
        json!([{"amount": [1], "pickup": {"id": 7, "location_index": 1}, "delivery": {"id": 7, "location_index": 2}}]);
    let late = json!([{"cause": "delay", "duration": 110}]);
    let cases: Vec<Case<'_>> = vec![
        (vec![("/jobs/2/time_windows", json!([[0, 250]]))], "/routes/0/steps/2/violations", late.clone()),
        (vec![("/jobs/2/time_windows", json!([[0, 250]]))], "/routes/0/violations", late.clone()),
        (vec![("/jobs/2/time_windows", json!([[0, 250]]))], "/summary/violations", late),
        (
            vec![("/vehicles/0/time_window", json!([0, 600]))],
            "/routes/0/steps/4/violations",
            json!([{"cause": "delay", "duration": 140}]),
        ),
        (vec![("/vehicles/0/max_tasks", json!(2))], "/routes/0/steps/3/violations", json!([{"cause": "max_tasks"}])),
        (
            vec![("/vehicles/0/max_travel_time", json!(709))],
            "/routes/0/violations",
            json!([{"cause": "max_travel_time"}]),
        ),
        (vec![("/jobs/0/skills", json!([1]))], "/routes/0/steps/1/violations", json!([{"cause": "skills"}])),
        (
            vec![("/jobs/0/delivery", json!([3])), ("/vehicles/0/capacity", json!([2]))],
            "/routes/0/steps/0/violations",
            json!([{"cause": "load"}]),
        ),
        (
            vec![("/vehicles/0/breaks", json!([{"id": 4, "time_windows": [[0, 9]]}]))],
            "/routes/0/violations",
            json!([{"cause": "missing_break"}]),
        ),
        (
            vec![("/vehicles/0/capacity", json!([2])), ("/shipments", shipments), ("/vehicles/0/steps", pickup_first)],
            "/routes/0/steps/1/violations",
            json!([{"cause": "precedence"}]),
        ),
    ];
    for (mut edits, at, wanted) in cases {
        if !edits.iter().any(|edit| edit.0.ends_with("steps")) {
            edits.push(("/vehicles/0/steps", order(&[1, 3, 2])));
        }
        let output = planned(&edits);
        assert_eq!(output.pointer(at), Some(&wanted), "{edits:?}: {output}");
    }
    let fine = planned(&[("/vehicles/0/steps", order(&[1, 3]))]);
    assert_eq!((&fine["summary"]["violations"], ids(&fine, "unassigned")), (&json!([]), vec![2]));
    assert!(timed(&ring_with(&[("/vehicles/0/steps", order(&[1, 9]))]), false).is_err());
    assert!(timed(&ring_with(&[("/vehicles/0/steps", order(&[1, 1]))]), false).is_err());
}

#[test]
fn a_way_that_there_is_not_is_no_price_of_a_plan() {
    const NO_WAY: u32 = u32::MAX;
    let there = |from: usize, to: usize| (format!("/matrices/car/durations/{from}/{to}"), json!(NO_WAY));
    // To the first task, between two, home, and where no route leads.
    for ((path, value), is_driven) in
        [(there(0, 1), true), (there(1, 3), true), (there(2, 0), true), (there(3, 1), false)]
    {
        for factor in [1.0, 2.5, 0.5] {
            let edits = [
                ("/vehicles/0/steps", order(&[1, 3, 2])),
                ("/vehicles/0/speed_factor", json!(factor)),
                (path.as_str(), value.clone()),
            ];
            let told = timed(&ring_with(&edits), false);
            match told {
                Ok(plan) => assert!(!is_driven && plan["summary"]["cost"].as_u64() < Some(10_000), "{path}: {plan}"),
                Err(error) => {
                    assert!(is_driven && error.to_string().contains("no such way"), "{path}: {error}");
                    assert_eq!(vroom_error(&error)["code"], 2);
                }
            }
        }
    }
}

#[test]
fn a_plan_warns_of_unknown_keys() {
    let mut file = ring_with(&[("/vehicles/0/steps", order(&[1, 3, 2]))]);
    file["jobs"][0]["tw"] = json!([[0, 9]]);
    let told = plan(&file.to_string(), VroomOptions::default(), None).unwrap();
    assert_eq!(told.warnings.len(), 1);
    assert!(told.warnings[0].contains("job 1") && told.warnings[0].contains("`tw`"), "{:?}", told.warnings);
    assert!(timed(&file, true).is_err());
    // The same key at several steps of a vehicle is told once.
    let mut steps = order(&[1, 3, 2]);
    steps.as_array_mut().unwrap().iter_mut().for_each(|step| step["arrival"] = json!(7));
    let fed = ring_with(&[("/vehicles/0/steps", steps)]);
    assert_eq!(plan(&fed.to_string(), VroomOptions::default(), None).unwrap().warnings.len(), 1);
    // What the routes break is in the answer, and no warning.
    let late = ring_with(&[("/vehicles/0/steps", order(&[1, 3, 2])), ("/jobs/1/time_windows", json!([[0, 1]]))]);
    assert!(plan(&late.to_string(), VroomOptions::default(), None).unwrap().warnings.is_empty());
}

#[test]
fn what_cannot_be_reached_says_so() {
    const NO_WAY: u32 = u32::MAX;
    for limit in [None, Some(1000)] {
        let mut file = ring();
        for from in [0, 1, 3] {
            file["matrices"]["car"]["durations"][from][2] = json!(NO_WAY);
        }
        if let Some(limit) = limit {
            file["vehicles"][0]["max_travel_time"] = json!(limit);
        }
        let output = solved(&file);
        assert_eq!((ids(&output, "unassigned"), &output["unassigned"][0]["reason"]), (vec![2], &json!("unreachable")));
        // Of two vehicles one could go there, and is too late.
        file["vehicles"] =
            json!([file["vehicles"][0], {"id": 2, "start_index": 2, "end_index": 2, "time_window": [0, 100]}]);
        file["jobs"][1]["time_windows"] = json!([[200, 300]]);
        assert_eq!(solved(&file)["unassigned"][0]["reason"], "time");
    }
}

#[test]
fn priorities_weigh_as_the_document_says() {
    // The one with a priority, or three others, which are on time only without it.
    let near = |options: Value| {
        let away = |id: u32| json!({"id": id, "location_index": 3, "time_windows": [[300, 300]]});
        json!({
            "jobs": [away(1), away(2), away(3), {"id": 4, "location_index": 2, "priority": 1}],
            "vehicles": [{"id": 1, "start_index": 0, "end_index": 0, "time_window": [0, 610]}],
            "matrices": ring()["matrices"],
            "options": options,
        })
    };
    let left = |options: Value| ids(&solved(&near(options)), "unassigned");
    assert_eq!((left(json!({})), left(json!({"priorities": "sum_first"}))), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!(left(json!({"priorities": "weighed"})), vec![4]);
    let by_flag = VroomOptions { priorities: Priorities::Weighed, ..VroomOptions::default() };
    let instance = read_vroom(&near(json!({})).to_string(), by_flag).unwrap();
    assert_eq!(searched(&instance).absent.len(), 1);
    assert!(refused(&near(json!({"priorities": "mine"}))).contains("`options.priorities`"));
}

#[test]
fn forced_times_of_a_plan_are_kept() {
    let at = |key: &str, time: u32, windows: Value| {
        let mut steps = order(&[1, 2, 3]);
        steps[1][key] = json!(time);
        planned(&[("/vehicles/0/steps", steps), ("/jobs/1/time_windows", windows)])
    };
    let step = |output: &Value| {
        let step = &output["routes"][0]["steps"][2];
        (step["arrival"].as_i64().unwrap() + step["waiting_time"].as_i64().unwrap(), step["violations"].clone())
    };
    assert_eq!(step(&at("service_at", 1000, json!([[0, 5000]]))), (1000, json!([])));
    assert_eq!(step(&at("service_after", 900, json!([[0, 5000]]))), (900, json!([])));
    assert_eq!(
        step(&at("service_at", 1000, json!([[2000, 5000]]))),
        (1000, json!([{"cause": "lead_time", "duration": 1000}]))
    );
    assert_eq!(
        step(&at("service_before", 500, json!([[600, 5000]]))),
        (500, json!([{"cause": "lead_time", "duration": 100}]))
    );
    // It leaves as late as the forced time allows.
    assert_eq!(at("service_at", 1000, json!([[0, 5000]]))["routes"][0]["steps"][0]["arrival"], 770);
}

/// VROOM refuses these, with these words.
#[test]
fn forced_times_of_a_plan_that_cannot_be_kept_are_refused() {
    let step = |kind: &str, id: u32, forced: Value| {
        let mut step = json!({"type": kind, "id": id});
        step.as_object_mut().unwrap().extend(forced.as_object().unwrap().clone());
        step
    };
    for (steps, what) in [
        (
            json!([step("job", 1, json!({"service_at": 50}))]),
            "job 1 at 50 at the latest, and that cannot be before 100",
        ),
        (json!([step("job", 1, json!({"service_before": 50}))]), "job 1 at 50 "),
        (json!([step("job", 1, json!({})), step("end", 0, json!({"service_before": 50}))]), "the end at 50 "),
        (json!([step("job", 1, json!({"service_after": 1000, "service_before": 900}))]), "job 1 at 900 "),
        (json!([step("start", 0, json!({"service_at": 300})), step("job", 1, json!({"service_before": 100}))]), "400"),
        (json!([step("start", 0, json!({"service_at": 300, "service_before": 200}))]), "the start at 200 "),
        (
            json!([step("job", 2, json!({"service_after": 900})), step("job", 3, json!({"service_before": 1000}))]),
            "job 3 at 1000 at the latest, and that cannot be before 1050",
        ),
    ] {
        let mut steps = steps;
        if steps.as_array().unwrap().len() == 1 && steps[0]["type"] == "start" {
            steps.as_array_mut().unwrap().push(json!({"type": "job", "id": 1}));
        }
        let refused =
            timed(&ring_with(&[("/vehicles/0/steps", steps.clone())]), false).err().map(|what| what.to_string());
        let refused = refused.unwrap_or_else(|| panic!("accepted: {steps}"));
        assert!(refused.starts_with("Infeasible route for vehicle 1."), "{refused}");
        assert!(refused.contains(what), "{refused}");
    }
}

/// VROOM lets a plan be timed whose breaks no search could take.
#[test]
fn breaks_outside_the_shift_are_delays_of_a_plan() {
    let edits = [
        ("/vehicles/0/time_window", json!([0, 1000])),
        ("/vehicles/0/breaks", json!([{"id": 4, "service": 5, "time_windows": [[1400, 1500]]}])),
        ("/vehicles/0/steps", json!([{"type": "job", "id": 1}, {"type": "break", "id": 4}])),
    ];
    assert!(refused(&ring_with(&edits)).contains("break 4 cannot be taken"), "a search refuses it");
    let output = planned(&edits);
    // The vehicle is home at 1000, the break is begun 5 s before: later, what the break gains the end loses.
    assert_eq!(output["routes"][0]["violations"], json!([{"cause": "lead_time", "duration": 405}]));
    assert_eq!(output["routes"][0]["steps"][2]["type"], "break");
}

#[test]
fn the_load_during_a_break_is_limited() {
    let breaks = json!([{"id": 4, "service": 5, "max_load": [1], "time_windows": [[0, 5000]]}]);
    let steps = json!([{"type": "break", "id": 4}, {"type": "job", "id": 1}]);
    let output = planned(&[
        ("/jobs/0/delivery", json!([2])),
        ("/vehicles/0/capacity", json!([2])),
        ("/vehicles/0/breaks", breaks.clone()),
        ("/vehicles/0/steps", steps),
    ]);
    assert_eq!(output["routes"][0]["steps"][1]["violations"], json!([{"cause": "max_load"}]));
    let output = solved(&ring_with(&[
        ("/jobs/0/delivery", json!([2])),
        ("/vehicles/0/capacity", json!([2])),
        ("/vehicles/0/breaks", breaks),
    ]));
    let steps = output["routes"][0]["steps"].as_array().unwrap();
    let load = &steps.iter().find(|step| step["type"] == "break").unwrap()["load"];
    assert_eq!(load, &json!([0]));
}

/// What a search would repair in silence is named: warned of, or refused where reading is strict.
#[test]
fn a_start_plan_that_breaks_a_rule_is_named() {
    let each = json!([{"type": "job", "id": 1}, {"type": "job", "id": 2}, {"type": "job", "id": 3}]);
    let loads = |file: &mut Value| {
        file["jobs"].as_array_mut().unwrap().iter_mut().for_each(|job| job["delivery"] = json!([1]));
    };
    let steps = ("/vehicles/0/steps", each);
    let mut overloaded = ring_with(&[steps.clone(), ("/vehicles/0/capacity", json!([2]))]);
    loads(&mut overloaded);
    let late = ring_with(&[steps.clone(), ("/jobs/2/time_windows", json!([[0, 310]]))]);
    let unskilled = ring_with(&[steps.clone(), ("/jobs/1/skills", json!([3]))]);
    let too_many = ring_with(&[steps.clone(), ("/vehicles/0/max_tasks", json!(2))]);
    let too_long = ring_with(&[steps, ("/vehicles/0/time_window", json!([0, 600]))]);
    for (file, what) in [
        (overloaded, "carries more than it may after"),
        (late, "job 3 is served too late"),
        (unskilled, "job 2 is served by a vehicle that may not serve it"),
        (too_many, "vehicle 1 has more stops than it may have"),
        (too_long, "vehicle 1 is not back within its shift"),
    ] {
        let warnings = read(&file).unwrap().warnings;
        assert!(warnings.iter().any(|warning| warning.contains(what)), "{what}: {warnings:?}");
        let strict = read_vroom(&file.to_string(), VroomOptions { strict: true, ..VroomOptions::default() });
        let refused = strict.err().unwrap_or_else(|| panic!("{what}: accepted")).to_string();
        assert!(refused.contains(what), "{refused}");
        // The same by --init.
        let mut bare = file.clone();
        bare["vehicles"][0].as_object_mut().unwrap().remove("steps");
        let warnings = read(&bare).unwrap().start_from("1 2 3").unwrap().warnings;
        assert!(warnings.iter().any(|warning| warning.contains(what)), "{what}: {warnings:?}");
        // A plan that is only timed has violations instead.
        assert!(timed(&file, true).is_ok());
    }
    let instance = read(&ring()).unwrap();
    assert!(instance.start_from("1 2 3").unwrap().warnings.is_empty(), "a plan that can be driven");
    let more = read(&ring()).unwrap().start_from("1\n\n2").err().unwrap().to_string();
    assert!(more.starts_with("line 3: "), "{more}");
}

#[test]
fn options_of_a_wrong_type_are_refused() {
    for (key, value) in [("x", json!("a")), ("l", json!("5")), ("t", json!(-1)), ("g", json!(1)), ("c", json!("yes"))] {
        let mut file = ring();
        file["options"] = json!({ key: value });
        assert!(refused(&file).contains("options"), "{key}: {}", refused(&file));
    }
}

/// A small file of jobs, shipments, windows, set-ups and breaks.
fn any_file() -> impl Strategy<Value = Value> {
    let window = || prop::option::of((0..3000u32, 0..2000u32));
    let job = (1..5usize, 0..50u32, 0..50u32, window(), 0..3u32, 0..3u32, 0..3u32);
    let shipment = (1..5usize, 1..5usize, window(), 0..3u32);
    let vehicle =
        (prop::bool::ANY, prop::bool::ANY, window(), prop::option::of((0..2000u32, 0..900u32, 0..200u32)), 5..20u32);
    let legs = prop::collection::vec(1..400u32, 25);
    (
        prop::collection::vec(job, 1..6),
        prop::collection::vec(shipment, 0..3),
        prop::collection::vec(vehicle, 1..3),
        legs,
        prop::sample::select(vec![0u32, 1_000_000_000]),
    )
        .prop_map(|(jobs, shipments, vehicles, legs, epoch)| {
            let window = |(opens, long): (u32, u32)| json!([epoch + opens, epoch + opens + long]);
            let timed = |mut task: Value, own: Option<(u32, u32)>| {
                if let Some(own) = own {
                    task["time_windows"] = json!([window(own)]);
                }
                task
            };
            let jobs: Vec<Value> = jobs
                .into_iter()
                .zip(1..)
                .map(|((node, setup, service, own, delivery, pickup, priority), id)| {
                    timed(json!({"id": id, "location_index": node, "setup": setup, "service": service, "priority": priority,
                        "delivery": [delivery], "pickup": [pickup]}), own)
                })
                .collect();
            let shipments: Vec<Value> = shipments
                .into_iter()
                .zip(1..)
                .map(|((from, to, own, amount), id)| {
                    json!({"amount": [amount], "pickup": timed(json!({"id": id, "location_index": from, "setup": 7}), own),
                        "delivery": {"id": id, "location_index": to, "service": 9}})
                })
                .collect();
            let vehicles: Vec<Value> = vehicles
                .into_iter()
                .zip(1..)
                .map(|((has_start, has_end, shift, pause, speed), id)| {
                    let mut vehicle = json!({"id": id, "capacity": [5], "speed_factor": f64::from(speed) / 10.0});
                    if has_start || !has_end {
                        vehicle["start_index"] = json!(0);
                    }
                    if has_end {
                        vehicle["end_index"] = json!(0);
                    }
                    if let Some((opens, long)) = shift {
                        vehicle["time_window"] = json!([epoch + opens, epoch + opens + long + 4000]);
                    } else if epoch > 0 {
                        vehicle["time_window"] = json!([epoch, epoch + 8000]);
                    }
                    if let Some((opens, long, service)) = pause {
                        let opens = opens + shift.map_or(0, |shift| shift.0);
                        vehicle["breaks"] = json!([{"id": 1, "service": service, "time_windows": [[epoch + opens, epoch + opens + long]]}]);
                    }
                    vehicle
                })
                .collect();
            let rows: Vec<Vec<u32>> =
                (0..5).map(|a| (0..5).map(|b| if a == b { 0 } else { legs[a * 5 + b] }).collect()).collect();
            json!({"jobs": jobs, "shipments": shipments, "vehicles": vehicles,
                "matrices": {"car": {"durations": rows.clone(), "distances": rows}}})
        })
}

fn number(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// Goes through a route as it is written and says what is wrong with it.
fn walk(file: &Value, route: &Value) -> Result<(), String> {
    let vehicle =
        file["vehicles"].as_array().unwrap().iter().find(|vehicle| vehicle["id"] == route["vehicle"]).unwrap();
    let find = |kind: &str, id: &Value| -> Value {
        let is = |task: &&Value| task["id"] == *id;
        match kind {
            "job" => file["jobs"].as_array().unwrap().iter().find(is).unwrap().clone(),
            "break" => vehicle["breaks"].as_array().unwrap().iter().find(is).unwrap().clone(),
            kind => {
                let ends = file["shipments"].as_array().unwrap().iter().map(|shipment| {
                    let mut end = shipment[kind].clone();
                    end[kind] = shipment["amount"].clone();
                    end
                });
                let mut ends = ends.filter(|end| end["id"] == *id);
                ends.next().unwrap()
            }
        }
    };
    let steps = route["steps"].as_array().unwrap();
    let mut free = number(&steps[0], "arrival");
    let (mut load, mut duration, mut left) = (steps[0]["load"][0].as_i64().unwrap(), 0, 0);
    let mut here = vehicle["start_index"].as_u64();
    let speed = vehicle["speed_factor"].as_f64().unwrap();
    for (position, step) in steps.iter().enumerate() {
        let wrong = |what: &str| Err(format!("step {position}: {what}: {route}"));
        let kind = step["type"].as_str().unwrap();
        let driven = number(step, "duration") - duration;
        duration = number(step, "duration");
        if number(step, "arrival") != free + driven || driven < 0 {
            return wrong("the arrival is not the time of driving after the step before");
        }
        left += driven;
        if kind == "start" {
            continue;
        }
        let begin = number(step, "arrival") + number(step, "waiting_time");
        if kind != "break" {
            let next = step["location_index"].as_u64();
            if let (Some(a), Some(b)) = (here, next) {
                let leg = file["matrices"]["car"]["durations"][a as usize][b as usize].as_f64().unwrap() / speed;
                if (leg - left as f64).abs() > 1.0 {
                    return wrong("it does not drive as long as the matrix says");
                }
            }
            if kind != "end" {
                let task = find(kind, &step["id"]);
                let setup = if here == next { 0 } else { task["setup"].as_i64().unwrap_or(0) };
                if number(step, "setup") != setup {
                    return wrong("another set-up");
                }
                load += task["pickup"][0].as_i64().unwrap_or(0) - task["delivery"][0].as_i64().unwrap_or(0);
                if load != step["load"][0].as_i64().unwrap() || !(0..=5).contains(&load) {
                    return wrong("another load");
                }
            }
            (here, left) = (next, 0);
        }
        if kind != "end" {
            let task = find(kind, &step["id"]);
            if let Some([opens, closes]) =
                task["time_windows"][0].as_array().map(|window| [&window[0], &window[1]].map(|t| t.as_i64().unwrap()))
                && !(opens..=closes).contains(&begin)
            {
                return wrong("it begins outside its window");
            }
        }
        free = begin + number(step, "setup") + number(step, "service");
    }
    if let Some(shift) = vehicle["time_window"].as_array() {
        let end = number(&steps[steps.len() - 1], "arrival");
        if number(&steps[0], "arrival") < shift[0].as_i64().unwrap() || end > shift[1].as_i64().unwrap() {
            return Err(format!("outside the shift: {route}"));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_can_be_driven(file in any_file()) {
        // A break may not fit its shift.
        let Ok(instance) = read(&file) else { return Ok(()) };
        let found = searched(&instance);
        let output = solution(&instance, instance.names.as_ref().unwrap(), &found).unwrap();
        let mut ids: Vec<(String, u64)> = Vec::new();
        for route in output["routes"].as_array().unwrap() {
            prop_assert_eq!(walk(&file, route), Ok(()), "{}", file);
        }
        let routes = output["routes"].as_array().unwrap().iter().flat_map(|route| route["steps"].as_array().unwrap());
        for task in routes.chain(output["unassigned"].as_array().unwrap()) {
            if let kind @ ("job" | "pickup" | "delivery") = task["type"].as_str().unwrap() {
                ids.push((kind.to_owned(), task["id"].as_u64().unwrap()));
            }
        }
        let count = file["jobs"].as_array().unwrap().len() + 2 * file["shipments"].as_array().unwrap().len();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), count);
        // The same routes as given ones have the same times and no violations; a later start would end later.
        let mut given = file.clone();
        for route in output["routes"].as_array().unwrap() {
            let vehicle = given["vehicles"].as_array_mut().unwrap().iter_mut().find(|vehicle| vehicle["id"] == route["vehicle"]);
            let step = |step: &Value| json!({"type": step["type"], "id": step["id"].as_u64().unwrap_or(0)});
            vehicle.unwrap()["steps"] = route["steps"].as_array().unwrap().iter().map(step).collect();
        }
        let again = timed(&given, true).unwrap();
        prop_assert_eq!(&again["routes"], &output["routes"]);
        for (index, route) in output["routes"].as_array().unwrap().iter().enumerate() {
            let mut later = given.clone();
            let vehicle = later["vehicles"].as_array_mut().unwrap().iter_mut().find(|vehicle| vehicle["id"] == route["vehicle"]);
            vehicle.unwrap()["steps"][0]["service_at"] = json!(number(&route["steps"][0], "arrival") + 1);
            let later = timed(&later, true).unwrap();
            let end = |output: &Value| output["routes"][index]["steps"].as_array().unwrap().last().map(|end| number(end, "arrival"));
            let wrong = later["routes"][index]["violations"] != json!([]);
            prop_assert!(wrong || end(&later) > end(&output), "{} could leave later", route);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_order_of_a_file_changes_nothing(file in any_file(), turn in 0..7usize, more in 0..7usize) {
        let turned = |list: &mut Value, by: usize| {
            let list = list.as_array_mut().unwrap();
            let count = list.len().max(1);
            list.rotate_left(by % count);
            if by % 2 == 1 {
                list.reverse();
            }
        };
        let mut other = file.clone();
        // A fleet of two sizes, so that vehicles differ.
        let mut file = file;
        for file in [&mut file, &mut other] {
            let own = file["vehicles"].as_array().unwrap().clone();
            for (number, vehicle) in own.iter().enumerate() {
                let mut small = vehicle.clone();
                small["id"] = json!(100 + number);
                small["costs"] = json!({"fixed": 50 * number, "per_hour": 3000});
                small["type"] = json!(["van", "bike"][number % 2]);
                file["vehicles"].as_array_mut().unwrap().push(small);
            }
        }
        turned(&mut other["vehicles"], turn);
        turned(&mut other["jobs"], more);
        turned(&mut other["shipments"], turn + more);
        if read(&file).is_err() {
            return Ok(());
        }
        let (mut ours, mut theirs) = (solved(&file), solved(&other));
        // Routes and what is left out are listed as each file lists vehicles and tasks.
        let at = |list: &Value, id: &Value| list.as_array().unwrap().iter().position(|own| own["id"] == *id);
        for (file, output) in [(&file, &ours), (&other, &theirs)] {
            let routes = output["routes"].as_array().unwrap().iter();
            prop_assert!(routes.map(|route| at(&file["vehicles"], &route["vehicle"])).is_sorted());
            let jobs = output["unassigned"].as_array().unwrap().iter().filter(|task| task["type"] == "job");
            prop_assert!(jobs.map(|task| at(&file["jobs"], &task["id"])).is_sorted());
        }
        for output in [&mut ours, &mut theirs] {
            for (list, key) in [("routes", "vehicle"), ("unassigned", "id")] {
                let list = output[list].as_array_mut().unwrap();
                list.sort_by_key(|own| (own["type"].as_str().map(ToOwned::to_owned), own[key].as_u64()));
                for own in list {
                    if let Some(told) = own["obstacles"].as_array_mut() {
                        told.sort_by_key(|own| own["vehicle"].as_u64());
                    }
                }
            }
        }
        prop_assert_eq!(ours, theirs);
    }
}

/// A line of a plan to start from is the route of the vehicle at this position of the file, whatever its size.
#[test]
fn the_lines_of_a_start_plan_are_vehicles_in_the_order_of_the_file() {
    let mut file = ring_with(&[("/vehicles/0/capacity", json!([1]))]);
    for job in file["jobs"].as_array_mut().unwrap() {
        job["delivery"] = json!([1]);
    }
    let large = json!({"id": 2, "start_index": 0, "end_index": 0, "capacity": [3]});
    file["vehicles"].as_array_mut().unwrap().push(large);
    let instance = read(&file).unwrap().start_from("3\n1 2\n").unwrap();
    let plan = Solution { tours: instance.problem.initial().to_vec(), ..Solution::default() };
    let routes: Vec<Vec<String>> =
        instance.routes(&plan).iter().map(|route| route.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(routes, [vec!["3"], vec!["1", "2"]]);
    let given = solution(&instance, instance.names.as_ref().unwrap(), &plan).unwrap();
    assert_eq!(given["routes"][0]["vehicle"], 1);
    assert_eq!(given["routes"][0]["steps"][1]["id"], 3);
}

/// What is printed as routes says which vehicle drives each, if they differ.
#[test]
fn routes_that_are_given_back_are_those_of_the_same_vehicles() {
    let same_again = |file: &Value, tours: Vec<Vec<StopIx>>, lines: &str| {
        let instance = read(file).unwrap();
        let plan = Solution { tours: tours.clone(), ..Solution::default() };
        assert_eq!(instance.route_lines(&plan), lines);
        let again = instance.start_from(lines).unwrap();
        assert_eq!((again.problem.initial(), again.warnings.len()), (&tours[..], 0), "{lines}");
    };
    let vehicle = |id: u32, hour: u32| json!({"id": id, "start_index": 0, "end_index": 0, "costs": {"per_hour": hour}});
    let with = |hours: [u32; 4]| {
        let vehicles: Vec<Value> = (1..).zip(hours).map(|(id, hour)| vehicle(id, hour)).collect();
        ring_with(&[("/vehicles", json!(vehicles))])
    };
    // The solver's order of vehicles and tasks is its own.
    let instance = read(&with([36_000, 7_200, 3_600, 1_800])).unwrap();
    let names = |lines: &str| instance_tours(&read(&with([36_000, 7_200, 3_600, 1_800])).unwrap(), lines);
    let some = names("-\n2 1\n-\n3\n");
    assert_eq!(some.iter().filter(|tour| tour.is_empty()).count(), 2);
    same_again(&with([36_000, 7_200, 3_600, 1_800]), some, "-\n2 1\n-\n3\n");
    same_again(&with([36_000, 7_200, 3_600, 1_800]), names("-\n1\n"), "-\n1\n");
    let none = vec![Vec::new(); 4];
    assert_eq!(instance.route_lines(&Solution { tours: none, ..Solution::default() }), "");
    // Of vehicles that are alike any may drive it.
    let alike = read(&with([3_600; 4])).unwrap();
    let tours = instance_tours(&alike, "-\n2 1\n\n - \n3\n");
    let plan = Solution { tours, ..Solution::default() };
    assert_eq!(alike.route_lines(&plan), "2 1\n3\n");
    // Unless a task is pinned to one.
    let mut file = with([3_600; 4]);
    file["jobs"][0]["pinned"] = json!({"vehicle": 3});
    let tours = instance_tours(&read(&file).unwrap(), "-\n-\n1\n");
    same_again(&file, tours, "-\n-\n1\n");
}

/// Lines as tours of the solver, whose order of vehicles is its own.
fn instance_tours(instance: &Instance, lines: &str) -> Vec<Vec<StopIx>> {
    let mut tours = vec![Vec::new(); instance.problem.tours().len()];
    let lines = lines.lines().filter(|line| !line.trim().is_empty());
    for (position, line) in lines.enumerate().filter(|(_, line)| line.trim() != "-") {
        let stop = |word: &str| {
            let mut stops = StopIx::first(instance.nodes.len());
            stops.find(|&stop| instance.name(stop).to_string() == word).expect("a job of the file")
        };
        // The dearest vehicles stand first in the file.
        let mut dearest: Vec<usize> = (0..tours.len()).collect();
        dearest.sort_by_key(|&tour| std::cmp::Reverse(instance.problem.tours()[tour].per_hour));
        tours[dearest[position]] = line.split_whitespace().map(stop).collect();
    }
    tours
}

/// A leg that is too long to be counted is refused by name, and is not taken for one that there is not.
#[test]
fn long_legs_are_driven_or_refused_by_name() {
    let with = |leg: u32, vehicle: &Value| {
        let mut file = ring_with(&[("/matrices/car/durations/0/2", json!(leg))]);
        // Nothing else leads there, and nothing back.
        for from in [1, 3] {
            file["matrices"]["car"]["durations"][from][2] = json!(u32::MAX);
        }
        file["vehicles"][0].as_object_mut().unwrap().extend(vehicle.as_object().unwrap().clone());
        file
    };
    let open = json!({});
    let served = |file: &Value| 3 - solved(file)["unassigned"].as_array().unwrap().len();
    assert_eq!(served(&with(200_000_000, &open)), 3);
    for leg in [250_000_000, 499_999_999, 500_000_000, 4_294_967_294] {
        let why = refused(&with(leg, &open));
        assert!(why.contains("vehicle 1") && why.contains("the leg from 0 to 2"), "{why}");
        assert!(why.contains(&format!("takes {leg} s")) && why.contains("out of range"), "{why}");
    }
    assert_eq!(served(&with(u32::MAX, &open)), 2, "there is no such way");
    // Who has to be back by then does not drive it, however long it is.
    let shift = json!({"time_window": [0, 10_000]});
    for leg in [20_000, 250_000_000, 500_000_000, 4_294_967_294, u32::MAX] {
        assert_eq!(served(&with(leg, &shift)), 2, "{leg}");
    }
    // A slow vehicle takes longer.
    let slow = refused(&with(200_000_000, &json!({"speed_factor": 0.5})));
    assert!(slow.contains("400000000 s"), "{slow}");
    let mut given = with(4_000_000_000, &shift);
    given["vehicles"][0]["steps"] = json!([{"type": "job", "id": 2}]);
    let why = timed(&given, false).unwrap_err().to_string();
    assert!(why.contains("the leg from 0 to 2") && why.contains("out of range"), "{why}");
}

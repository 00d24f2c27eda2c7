//! VROOM files whose ways are asked for: who is asked for what, and what becomes of the answers.

use std::sync::Mutex;

use fleetfold_formats::{
    Plan, ReadError, Streets, VroomOptions, Way, add_geometry, decode_polyline, plan, read_vroom, read_vroom_on,
    solution, vroom_error,
};
use fleetfold_solver::check::check;
use fleetfold_solver::{SearchLimits, solve};
use serde_json::{Value, json};

/// Streets along meridians and parallels, a thousandth of a degree in ten seconds (a bike: twenty) and a hundred metres. East of 9° is
/// the sea.
#[derive(Default)]
struct Grid {
    asked: Mutex<Vec<(String, usize)>>,
}

impl Streets for Grid {
    fn table(&self, profile: &str, places: &[[f64; 2]]) -> Result<Vec<Way>, String> {
        self.asked.lock().unwrap().push((profile.to_owned(), places.len()));
        let seconds = match profile {
            "car" => 10,
            "bike" => 20,
            other => return Err(format!("{other}: no such profile")),
        };
        let way = |a: &[f64; 2], b: &[f64; 2]| {
            let steps = ((a[0] - b[0]).abs() * 1000.0 + (a[1] - b[1]).abs() * 1000.0).round() as u32;
            (a.map(f64::to_bits) == b.map(f64::to_bits) || (a[0] < 9.0 && b[0] < 9.0))
                .then_some((steps * seconds, steps * 100))
        };
        Ok(places.iter().flat_map(|a| places.iter().map(move |b| way(a, b))).collect())
    }

    fn shape(&self, _: &str, places: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, String> {
        let mut line = vec![places[0]];
        for pair in places.windows(2) {
            line.extend([[pair[1][0], pair[0][1]], pair[1]]);
        }
        Ok(line)
    }
}

fn at(x: u32, y: u32) -> [f64; 2] {
    [2.0 + f64::from(x) / 1000.0, 48.0 + f64::from(y) / 1000.0]
}

fn day() -> Value {
    json!({
        "vehicles": [{ "id": 1, "start": at(0, 0), "end": at(0, 0) }],
        "jobs": [{ "id": 1, "location": at(3, 0) }, { "id": 2, "location": at(3, 4) }],
    })
}

fn solved(file: &Value, options: VroomOptions) -> Value {
    let grid = Grid::default();
    let instance = read_vroom_on(&file.to_string(), options, &grid).unwrap_or_else(|what| panic!("{what}: {file}"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let found =
        solve(&instance.problem, &SearchLimits { rounds: 2, iterations: 200, ..SearchLimits::default() }, &stop);
    check(&instance.problem, &found).expect("a plan that keeps the rules");
    let names = instance.names.as_ref().unwrap();
    let mut answer = solution(&instance, names, &found).expect("a plan that keeps the rules");
    if names.wants_geometry() {
        add_geometry(&mut answer, names, &grid).unwrap();
    }
    answer
}

const LENGTHS: VroomOptions =
    VroomOptions { strict: true, priorities: fleetfold_formats::Priorities::SumFirst, lengths: true };

#[test]
fn ways_and_lines_of_streets_are_in_the_answer() {
    let answer = solved(&day(), LENGTHS);
    let route = &answer["routes"][0];
    assert_eq!((&answer["summary"]["cost"], &answer["summary"]["distance"]), (&json!(140), &json!(1400)), "{answer}");
    assert_eq!((&route["duration"], &route["distance"]), (&json!(140), &json!(1400)));
    let metres: Vec<_> = route["steps"].as_array().unwrap().iter().map(|step| step["distance"].clone()).collect();
    assert!(metres == [0, 300, 700, 1400] || metres == [0, 700, 1100, 1400], "{metres:?}");
    let line = decode_polyline(route["geometry"].as_str().unwrap(), 5).unwrap();
    assert_eq!((line[0], line[line.len() - 1], line.len()), (at(0, 0), at(0, 0), 7));
    // Nobody asked for a line.
    assert_eq!(solved(&day(), VroomOptions::default())["routes"][0]["geometry"], Value::Null);
    // The document itself may.
    let mut asks = day();
    asks["options"] = json!({ "g": true });
    assert_eq!(solved(&asks, VroomOptions::default())["routes"][0]["geometry"], route["geometry"]);
}

#[test]
fn each_profile_has_ways_of_its_own() {
    let mut file = day();
    file["vehicles"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "id": 2, "profile": "bike", "start": at(0, 0), "max_tasks": 1 }));
    file["vehicles"][0]["max_tasks"] = json!(1);
    let answer = solved(&file, LENGTHS);
    // The bike takes one, the car the other: 3 out at 20 s and 7 there and back at 10 s, or the other way round.
    assert_eq!(answer["summary"]["cost"], json!(3 * 20 + 2 * 7 * 10), "{answer}");
    file["vehicles"][1]["max_tasks"] = json!(2);
    // A profile with a matrix is not asked for; its places need both.
    let durations = json!([[0, 1, 1], [1, 0, 1], [1, 1, 0]]);
    file["matrices"] = json!({ "bike": { "durations": durations } });
    for (key, index) in [("/jobs/0", 1), ("/jobs/1", 2)] {
        file.pointer_mut(key).unwrap()["location_index"] = json!(index);
    }
    for vehicle in file["vehicles"].as_array_mut().unwrap() {
        vehicle["start_index"] = json!(0);
    }
    file["vehicles"][0]["end_index"] = json!(0);
    let grid = Grid::default();
    let instance = read_vroom_on(&file.to_string(), VroomOptions::default(), &grid).unwrap();
    assert_eq!(*grid.asked.lock().unwrap(), [("car".to_owned(), 3)]);
    assert_eq!(instance.problem.legs().nodes(), 3);
    assert_eq!(solved(&file, VroomOptions::default())["summary"]["cost"], json!(2), "the bike is quicker now");
    // Without streets a profile without a matrix is refused.
    let refused = read_vroom(&file.to_string(), VroomOptions::default()).err().unwrap();
    assert!(refused.to_string().contains("profile car"), "{refused}");
}

/// A matrix of durations in another order than that of the places: lengths are asked for where lines are.
#[test]
fn lengths_are_asked_for_where_a_file_has_times_only() {
    let mut file = day();
    file["matrices"] = json!({ "car": { "durations": [[0, 5, 9, 5], [5, 0, 9, 5], [9, 9, 0, 9], [5, 5, 9, 0]] } });
    for (key, index) in [("/jobs/0", 3), ("/jobs/1", 0)] {
        file.pointer_mut(key).unwrap()["location_index"] = json!(index);
    }
    file["vehicles"][0]["start_index"] = json!(1);
    file["vehicles"][0]["end_index"] = json!(1);
    let answer = solved(&file, LENGTHS);
    assert_eq!(
        (&answer["summary"]["duration"], &answer["summary"]["distance"]),
        (&json!(15), &json!(1400)),
        "{answer}"
    );
    assert_eq!(solved(&file, VroomOptions::default())["summary"]["distance"], Value::Null);
    // A place without coordinates: neither lengths nor a line.
    file["jobs"][1].as_object_mut().unwrap().remove("location");
    let answer = solved(&file, LENGTHS);
    assert_eq!((&answer["summary"]["distance"], &answer["routes"][0]["geometry"]), (&Value::Null, &Value::Null));
}

#[test]
fn where_no_way_leads_is_said_and_left_out() {
    let mut file = day();
    file["jobs"][1]["location"] = json!([9.5, 48.0]);
    let grid = Grid::default();
    let read = |options| read_vroom_on(&file.to_string(), options, &grid);
    let instance = read(VroomOptions::default()).unwrap();
    assert!(instance.warnings.iter().any(|words| words.contains("leads to [9.5, 48]")), "{:?}", instance.warnings);
    assert!(matches!(read(LENGTHS), Err(ReadError::Impossible { .. })));
    let answer = solved(&file, VroomOptions::default());
    assert_eq!((&answer["unassigned"][0]["id"], &answer["summary"]["cost"]), (&json!(2), &json!(60)), "{answer}");
}

#[test]
fn who_does_not_answer_is_an_error_of_routing() {
    let mut file = day();
    file["vehicles"][0]["profile"] = json!("boat");
    let refused = read_vroom_on(&file.to_string(), VroomOptions::default(), &Grid::default()).err().unwrap();
    assert_eq!(vroom_error(&refused), json!({ "code": 3, "error": "ways of profile boat: boat: no such profile" }));
    // A place without coordinates is an error of the file.
    let mut file = day();
    file["jobs"][0] = json!({ "id": 1, "location_index": 0 });
    let refused = read_vroom_on(&file.to_string(), VroomOptions::default(), &Grid::default()).err().unwrap();
    assert_eq!(vroom_error(&refused)["code"], 2);
}

#[test]
fn given_routes_are_timed_on_streets() {
    let mut file = day();
    file["vehicles"][0]["steps"] = json!([{ "type": "job", "id": 2 }, { "type": "job", "id": 1 }]);
    let Plan { document: timed, names, .. } = plan(&file.to_string(), LENGTHS, Some(&Grid::default())).unwrap();
    assert_eq!((&timed["summary"]["duration"], &timed["summary"]["distance"]), (&json!(140), &json!(1400)), "{timed}");
    assert!(names.wants_geometry());
}

//! `fleetfold solve` where vehicles drive on streets: a graph of our own, a real OSRM, a real Valhalla, and a server that divides.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};
use support::town::{corner, osrm, town, valhalla};
use support::{Killed, free_port, http, run, wait_for};

/// A van and as many jobs as there are corners given.
fn day(corners: &[(i32, i32)], profile: &str) -> Value {
    let jobs: Vec<Value> = (1..)
        .zip(corners)
        .map(|(id, &(column, row)): (u32, _)| json!({ "id": id, "location": corner(column, row), "service": 60 }))
        .collect();
    json!({ "jobs": jobs, "vehicles": [{ "id": 7, "profile": profile, "start": corner(2, 1), "end": corner(2, 1) }] })
}

fn answer(folder: &Path, file: &Value, args: &[&str]) -> (Option<i32>, Value) {
    std::fs::write(folder.join("day.json"), file.to_string()).unwrap();
    let output = run(&[&["solve", "--vroom", "-i", "day.json", "-x", "0"], args].concat(), folder);
    let body = serde_json::from_slice(&output.stdout);
    (output.status.code(), body.unwrap_or_else(|_| panic!("{output:?}")))
}

/// Points of a route's line, longitude first.
fn line(route: &Value) -> Vec<[f64; 2]> {
    let text = route["geometry"].as_str().unwrap_or_else(|| panic!("no geometry: {route}"));
    fleetfold_formats::decode_polyline(text, 5).unwrap()
}

fn metres(a: [f64; 2], b: [f64; 2]) -> f64 {
    let east = (b[0] - a[0]) * 111_194.9 * a[1].to_radians().cos();
    east.hypot((b[1] - a[1]) * 111_194.9)
}

/// What every answer of a server or graph has to be: all served, one line through all stops in their order, as long as the route.
fn check(solution: &Value, jobs: usize) {
    assert_eq!((&solution["code"], solution["unassigned"].as_array().unwrap().len()), (&json!(0), 0), "{solution}");
    let route = &solution["routes"][0];
    let steps = route["steps"].as_array().unwrap();
    assert_eq!(steps.len(), jobs + 2);
    let line = line(route);
    let mut from = 0;
    for step in steps {
        let place: [f64; 2] = serde_json::from_value(step["location"].clone()).unwrap();
        let near = (from..line.len()).find(|&index| metres(line[index], place) < 30.0);
        from = near.unwrap_or_else(|| panic!("the line does not come to {place:?}: {line:?}"));
    }
    let length: f64 = line.windows(2).map(|pair| metres(pair[0], pair[1])).sum();
    let distance = route["distance"].as_f64().unwrap();
    assert!((length / distance - 1.0).abs() < 0.03, "a line of {length:.0} m, a route of {distance} m");
    let straight: f64 = steps
        .windows(2)
        .map(|pair| [&pair[0], &pair[1]].map(|step| serde_json::from_value(step["location"].clone()).unwrap()))
        .map(|[a, b]| metres(a, b))
        .sum();
    assert!(distance >= 0.97 * straight && route["duration"].as_f64().unwrap() > 0.0, "{distance} {straight}");
    let mut sofar = 0;
    for step in steps {
        let metres = step["distance"].as_i64().unwrap();
        assert!(metres >= sofar, "{step}");
        sofar = metres;
    }
    assert_eq!((json!(sofar), &solution["summary"]["distance"]), (route["distance"].clone(), &route["distance"]));
}

const CORNERS: [(i32, i32); 6] = [(3, 8), (9, 9), (1, 7), (10, 2), (5, 3), (7, 6)];

fn build_graph(folder: &Path) {
    let built = run(&["graph", "build", town().to_str().unwrap(), "-o", "town.graph"], folder);
    assert!(built.status.success(), "{built:?}");
}

#[test]
fn routes_follow_the_streets_of_a_graph() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    build_graph(folder);
    let (code, solution) = answer(folder, &day(&CORNERS, "car"), &["--graph", "town.graph", "-g"]);
    assert_eq!(code, Some(0));
    check(&solution, CORNERS.len());
    // Seconds of the route are those of `graph route`.
    let route = &solution["routes"][0];
    let place = |index: usize| {
        let [lon, lat]: [f64; 2] = serde_json::from_value(route["steps"][index]["location"].clone()).unwrap();
        format!("{lon},{lat}")
    };
    let leg = run(&["graph", "route", "town.graph", &place(0), &place(1), "--geojson"], folder);
    let leg: Value = serde_json::from_slice(&leg.stdout).unwrap();
    let seconds = leg["properties"]["seconds"].as_f64().unwrap();
    assert!((seconds - route["steps"][1]["duration"].as_f64().unwrap()).abs() <= 0.5, "{leg} {route}");
    assert_eq!(route["steps"][1]["distance"], leg["properties"]["metres"]);
    // A graph of one profile is not one of another; a file that is none says what to do.
    let (code, refused) = answer(folder, &day(&CORNERS, "truck"), &["--graph", "car=town.graph"]);
    assert!(code == Some(3) && refused["error"].as_str().unwrap().contains("--graph truck=FILE"), "{refused}");
    let (code, refused) = answer(folder, &day(&CORNERS, "car"), &["--graph", "day.json"]);
    assert!(code == Some(2) && refused["error"].as_str().unwrap().contains("day.json"), "{refused}");
    // Without -g there are lengths and no lines; given routes are drawn, too.
    let (_, plain) = answer(folder, &day(&CORNERS, "car"), &["--graph", "town.graph"]);
    assert_eq!((&plain["routes"][0]["geometry"], plain["summary"]["distance"].is_u64()), (&Value::Null, true));
    let mut given = day(&CORNERS[..2], "car");
    given["vehicles"][0]["steps"] = json!([{ "type": "job", "id": 2 }, { "type": "job", "id": 1 }]);
    check(&answer(folder, &given, &["--graph", "town.graph", "-g", "-c"]).1, 2);
}

/// From the solver's own server, and from an engine that was started with streets.
#[test]
fn streets_are_there_over_http_too() {
    let folder = tempfile::tempdir().unwrap();
    build_graph(folder.path());
    let mut answers = Vec::new();
    for args in [
        ["solve", "--graph", "town.graph", "--serve"].as_slice(),
        &["serve", "--log", "embedded:log.redb", "--data", "data", "--network", "town.graph", "--listen"],
    ] {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let mut server = support::fleetfold(&[args, &[&address]].concat(), folder.path());
        let null = std::process::Stdio::null;
        let _server = Killed(server.stdout(null()).stderr(null()).spawn().unwrap());
        wait_for(port);
        let mut file = day(&CORNERS, "car");
        file["options"] = json!({ "g": true, "x": 0 });
        let (status, body) = http(port, "POST /solve", &file.to_string());
        assert_eq!(status, 200, "{body}");
        let solution: Value = serde_json::from_str(&body).unwrap();
        check(&solution, CORNERS.len());
        answers.push(solution["routes"].clone());
    }
    assert_eq!(answers[0], answers[1]);
}

/// The arguments of a server whose name is as a network is named: `osrm:http://HOST:PORT`.
fn flags(source: &str, profile: &str) -> Vec<String> {
    let (kind, address) = source.split_once(":http://").unwrap();
    let (host, port) = address.split_once(':').unwrap();
    ["-r", kind, "-a", &format!("{profile}:{host}"), "-p", &format!("{profile}:{port}")].map(str::to_owned).to_vec()
}

fn drives_by(start: fn(&Path) -> (Killed, String), profile: &str) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (server, source) = start(folder);
    let mut args = flags(&source, profile);
    args.push("-g".to_owned());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (code, solution) = answer(folder, &day(&CORNERS, profile), &args);
    assert_eq!(code, Some(0), "{solution}");
    check(&solution, CORNERS.len());
    // More places than these servers take in one request, of a table and of a route.
    let all: Vec<(i32, i32)> = (0..11).flat_map(|column| (0..10).map(move |row| (column, row))).collect();
    let (code, solution) = answer(folder, &day(&all, profile), &args);
    assert_eq!(code, Some(0), "{solution}");
    check(&solution, all.len());
    // Only what has no matrix is asked for: a profile of which no server is known is named.
    let (code, refused) = answer(folder, &day(&CORNERS, "boat"), &args);
    assert!(code == Some(3) && refused["error"].as_str().unwrap().contains("-a boat:HOST"), "{refused}");
    drop(server);
    let (code, refused) = answer(folder, &day(&CORNERS, profile), &args);
    assert!(code == Some(3) && refused["code"] == 3, "{refused}");
    assert!(refused["error"].as_str().unwrap().contains(source.split_once("http").unwrap().1), "{refused}");
}

#[test]
fn a_real_osrm_is_asked_for_times_and_lines() {
    drives_by(osrm, "car");
}

#[test]
fn a_real_valhalla_is_asked_for_times_and_lines() {
    drives_by(valhalla, "auto");
}

/// Answers as openrouteservice documents it: no real one can be run here. Straight lines, a second for each ten metres; of more than
/// nine pairs it says what openrouteservice says.
fn like_ors() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut part) = (Vec::new(), [0; 4096]);
            let body = loop {
                let count = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..count]);
                let text = String::from_utf8_lossy(&request).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head
                        .lines()
                        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                    if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                        break (head.lines().next().unwrap().to_owned(), body.to_owned());
                    }
                }
            };
            let asked: Value = serde_json::from_str(&body.1).unwrap();
            let places = |key: &str| -> Vec<[f64; 2]> { serde_json::from_value(asked[key].clone()).unwrap() };
            let answer = if body.0.starts_with("POST /ors/v2/matrix/driving-car ") {
                let all = places("locations");
                let of = |key: &str| -> Vec<usize> { serde_json::from_value(asked[key].clone()).unwrap() };
                let (from, to) = (of("sources"), of("destinations"));
                let cell = |a: usize, b: usize| metres(all[a], all[b]);
                let rows = |factor: f64| -> Vec<Vec<f64>> {
                    from.iter().map(|&a| to.iter().map(|&b| cell(a, b) * factor).collect()).collect()
                };
                if from.len() * to.len() > 9 {
                    json!({ "error": { "code": 6004, "message": "Search exceeds the limit of 9" } })
                } else {
                    json!({ "durations": rows(0.1), "distances": rows(1.0) })
                }
            } else if body.0.starts_with("POST /ors/v2/directions/driving-car ") {
                json!({ "routes": [{ "geometry": fleetfold_formats::encode_polyline(&places("coordinates")) }] })
            } else {
                json!({ "error": { "code": 2099, "message": format!("unknown: {}", body.0) } })
            };
            let answer = answer.to_string();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            stream.write_all((head + &answer).as_bytes()).unwrap();
        }
    });
    port
}

#[test]
fn openrouteservice_is_asked_in_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let port = like_ors();
    let host = "driving-car:127.0.0.1/ors/v2";
    let ports = format!("driving-car:{port}");
    let args = ["-r", "ors", "-a", host, "-p", &ports, "-g"];
    let (code, solution) = answer(folder.path(), &day(&CORNERS, "driving-car"), &args);
    assert_eq!(code, Some(0), "{solution}");
    check(&solution, CORNERS.len());
    let (code, refused) = answer(
        folder.path(),
        &day(&CORNERS, "driving-car"),
        &["-r", "ors", "-a", "driving-car:127.0.0.1", "-p", &ports],
    );
    assert!(code == Some(3) && refused["error"].as_str().unwrap().contains("it answers: unknown"), "{refused}");
}

//! Streets as a user meets them: `fleetfold graph`, `serve --graph` with a bridge that closes, and routing servers.

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::town::{corner, osrm, place, town, valhalla};
use support::{Killed, fleetfold, free_port, http, http_with, pause, run, wait_for};

fn graph(folder: &Path) {
    let built = run(&["graph", "build", town().to_str().unwrap(), "-o", "town.graph"], folder);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let said = String::from_utf8(built.stdout).unwrap();
    assert!(said.contains("1 turn restrictions kept"), "{said}");
    assert!(said.contains("dropped: 3 junctions") || said.contains("dropped: 2 junctions"), "the island: {said}");
}

#[test]
fn a_graph_is_built_asked_and_refused_when_damaged() {
    let folder = tempfile::tempdir().unwrap();
    graph(folder.path());
    let info = run(&["graph", "info", "town.graph"], folder.path());
    assert!(String::from_utf8_lossy(&info.stdout).contains("junctions"), "{info:?}");
    // From the west bank's south to its north: over the Old Bridge, by name.
    let (from, to) = (place(corner(2, 1)), place(corner(3, 8)));
    let route = run(&["graph", "route", "town.graph", &from, &to], folder.path());
    let said = String::from_utf8_lossy(&route.stdout).into_owned();
    assert!(said.contains("Old Bridge") && said.contains("Dyer Lane"), "{said}");
    let route = run(&["graph", "route", "town.graph", &from, &to, "--geojson"], folder.path());
    let feature: Value = serde_json::from_slice(&route.stdout).unwrap();
    assert_eq!(feature["geometry"]["type"], "LineString");
    assert!(feature["properties"]["edges"].as_array().unwrap().len() > 5);
    // All pairs of three places, and the same seconds as the route's.
    std::fs::write(folder.path().join("places.csv"), format!("{from}\n{to}\n{}\n", place(corner(9, 9)))).unwrap();
    let matrix = run(&["graph", "matrix", "town.graph", "places.csv"], folder.path());
    let matrix: Value = serde_json::from_slice(&matrix.stdout).unwrap();
    assert_eq!(matrix["durations"][0][1], feature["properties"]["seconds"]);
    // Far away, damaged, foreign: what, and what to do.
    let away = run(&["graph", "route", "town.graph", &from, "2.35,48.85"], folder.path());
    assert!(!away.status.success() && String::from_utf8_lossy(&away.stderr).contains("unreachable"), "{away:?}");
    let mut bytes = std::fs::read(folder.path().join("town.graph")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(folder.path().join("bad.graph"), &bytes).unwrap();
    let bad = run(&["graph", "info", "bad.graph"], folder.path());
    assert!(String::from_utf8_lossy(&bad.stderr).contains("damaged"), "{bad:?}");
    std::fs::write(folder.path().join("cat.osm.pbf"), b"not a map").unwrap();
    let foreign = run(&["graph", "build", "cat.osm.pbf", "-o", "cat.graph"], folder.path());
    assert!(String::from_utf8_lossy(&foreign.stderr).contains("not an OpenStreetMap extract"), "{foreign:?}");
    assert!(!folder.path().join("cat.graph").exists());
    // A day is not the place for it.
    let record = run(&["record", "--log", "embedded", "--network", "town.graph"], folder.path());
    assert!(String::from_utf8_lossy(&record.stderr).contains("backtest DAY --graph"), "{record:?}");
    std::fs::write(folder.path().join("bare.jsonl"), "{\"fleetfold_day\": 1}\n").unwrap();
    let record = run(&["record", "--log", "embedded", "--network", "bare.jsonl"], folder.path());
    assert!(
        !record.status.success() && String::from_utf8_lossy(&record.stderr).contains("not a network"),
        "{record:?}"
    );
}

#[test]
fn a_graph_states_the_vehicle_that_it_was_built_for() {
    let folder = tempfile::tempdir().unwrap();
    let town = town();
    let town = town.to_str().unwrap();
    let said = |args: &[&str]| {
        let done = run(args, folder.path());
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    said(&["graph", "build", town, "-o", "car.graph"]);
    let car = said(&["graph", "info", "car.graph"]);
    assert!(car.contains("profile car: height 1.8 m") && car.contains("more than 500 m"), "{car}");
    let sizes = ["--profile", "truck", "--height", "3.6", "--weight", "12", "--axle-load", "8", "--snap-limit", "90"];
    said(&[&["graph", "build", town, "-o", "truck.graph"], &sizes[..]].concat());
    let truck = said(&["graph", "info", "truck.graph"]);
    let expected = "profile truck: height 3.6 m, width 2.55 m, length 12 m, weight 12 t, axle load 8 t";
    assert!(truck.contains(expected) && truck.contains("more than 90 m"), "{truck}");
    let wrong = run(&["graph", "build", town, "-o", "x.graph", "--height", "four"], folder.path());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("no number of metres or tonnes"), "{wrong:?}");
    // 333 m south of the southernmost street.
    let (from, (lon, lat)) = (place(corner(2, 1)), corner(2, 0));
    let off = place((lon, lat - 0.003));
    said(&["graph", "route", "car.graph", &from, &off]);
    said(&["graph", "route", "truck.graph", &from, &off, "--snap-limit", "400"]);
    let far = run(&["graph", "route", "truck.graph", &from, &off], folder.path());
    let why = String::from_utf8_lossy(&far.stderr);
    assert!(why.contains("m from the nearest street, 90 m are the most"), "{why}");
    std::fs::write(folder.path().join("places.csv"), format!("{from}\n{off}\n")).unwrap();
    let matrix = run(&["graph", "matrix", "truck.graph", "places.csv"], folder.path());
    assert!(String::from_utf8_lossy(&matrix.stderr).contains("90 m are the most"), "{matrix:?}");
    let matrix: Value = serde_json::from_slice(&matrix.stdout).unwrap();
    assert_eq!(matrix["durations"][0][1], Value::Null);
}

/// A stop on the water: the distance to the nearest street is the reason why nobody drives there.
#[test]
fn a_stop_far_from_every_street_is_unassigned_with_the_distance() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    let van = json!({ "vehicle_id": "van", "start": spot(corner(3, 2)), "capacity": [1] });
    assert_eq!(event(port, "vehicle.registered", "r", &van).0, 202);
    assert_eq!(event(port, "shift.started", "s", &json!({ "vehicle_id": "van" })).0, 202);
    let (lon, lat) = corner(2, 0);
    let data = json!({ "order_id": "swim", "job": { "stop": spot((lon, lat - 0.02)) }, "load": [1] });
    assert_eq!(event(port, "order.created", "o", &data).0, 202);
    let reason = |state: &Value| state["orders"][0]["reason"].as_str().unwrap_or_default().to_owned();
    let state = until(port, "a reason", |state| reason(state).contains("no road leads there"));
    let said = reason(&state);
    assert!(
        said.contains("the delivery is 22") && said.contains("m from the nearest street, 500 m are the most"),
        "{said}"
    );
}

/// The generated city in a graph file is the generated city.
#[test]
fn a_day_on_its_own_streets_as_a_graph_file_is_the_same_day() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/bridge-closure");
    let made = run(&["sim", scenario.to_str().unwrap(), "--day", "day.jsonl"], folder.path());
    assert!(made.status.success(), "{made:?}");
    let built = run(&["graph", "build", "day.jsonl", "-o", "city.graph"], folder.path());
    assert!(built.status.success(), "{built:?}");
    let digest = |more: &[&str]| {
        let done = run(&[&["backtest", "day.jsonl", "--json"], more].concat(), folder.path());
        let report: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
        assert!(report["served"].as_u64() > Some(0), "{report}");
        report["digest"].clone()
    };
    assert_eq!(digest(&["--graph", "city.graph"]), digest(&[]));
}

/// An engine that drives in the town.
fn engine(folder: &Path) -> (Killed, u16) {
    graph(folder);
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--graph", "town.graph", "--log", "embedded:log.redb", "--listen", &listen];
    let engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    (engine, port)
}

/// Lines until a sentence is there, or the last text.
fn until_said(port: u16, path: &str, what: &str) -> String {
    for _ in 0..200 {
        let said = http(port, &format!("GET {path}"), "").1;
        if said.contains(what) {
            return said;
        }
        pause(50);
    }
    panic!("{path} never says `{what}`: {}", http(port, &format!("GET {path}"), "").1);
}

/// A plane has no place on a street map: the zone is served over straight lines, and whoever asks is told.
#[test]
fn a_zone_on_a_plane_is_not_ready_on_streets() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    until_said(port, "/readyz", "ready");
    let time = "2026-06-01T00:00:00Z";
    let zone = json!({ "timezone": "UTC", "coordinates": "planar", "day_start": time, "log_start": time });
    assert_eq!(event(port, "zone.opened", "z", &zone).0, 202);
    let said = until_said(port, "/readyz", "metres on a plane");
    assert!(said.contains("longitude and latitude") && said.contains("--network"), "{said}");
}

#[test]
fn positions_that_cannot_be_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    let data = json!({ "vehicle_id": "van", "start": spot(corner(3, 2)) });
    assert_eq!(event(port, "vehicle.registered", "r", &data).0, 202);
    assert_eq!(event(port, "shift.started", "s", &json!({ "vehicle_id": "van" })).0, 202);
    until(port, "the van", |state| state["vehicles"].as_array().is_some_and(|vehicles| !vehicles.is_empty()));
    let nowhere = json!({ "vehicle_id": "van", "position": { "lon": 0.0, "lat": 0.0 } });
    let (status, said) = event(port, "position", "p", &nowhere);
    assert_eq!(status, 202, "{said}");
    until_said(port, "/metrics", "fleetfold_positions_implausible_total 1");
}

fn spot((lon, lat): (f64, f64)) -> Value {
    json!({ "lon": lon, "lat": lat })
}

fn event(port: u16, kind: &str, id: &str, data: &Value) -> (u16, String) {
    let event = json!({ "specversion": "1.0", "id": id, "source": "/test", "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data });
    http(port, "POST /v1/events", &event.to_string())
}

fn state(port: u16) -> Value {
    serde_json::from_str(&http(port, "GET /v1/state", "").1).unwrap()
}

/// Looks until the state is as it should be.
fn until(port: u16, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..100 {
        let state = state(port);
        if fits(&state) {
            return state;
        }
        pause(50);
    }
    panic!("never seen: {what}; at the end {}", state(port));
}

#[test]
fn a_closed_bridge_changes_the_routes_over_it_and_the_map() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    for (van, at) in [("west", corner(3, 2)), ("east", corner(8, 7))] {
        let data = json!({ "vehicle_id": van, "start": spot(at), "capacity": [1] });
        assert_eq!(event(port, "vehicle.registered", &format!("r{van}"), &data).0, 202);
        assert_eq!(event(port, "shift.started", &format!("s{van}"), &json!({ "vehicle_id": van })).0, 202);
    }
    for (order, van, at) in [("over", "west", corner(3, 7)), ("stay", "east", corner(10, 8))] {
        let data = json!({ "order_id": order, "job": { "stop": spot(at) }, "load": [1] });
        assert_eq!(event(port, "order.created", order, &data).0, 202);
        let pin = json!({ "order_id": order, "vehicle_id": van });
        assert_eq!(event(port, "assignment.forced", &format!("f{order}"), &pin).0, 202);
    }
    let route = |state: &Value, van: &str| -> Value {
        state["vehicles"].as_array().unwrap().iter().find(|vehicle| vehicle["id"] == van).unwrap().clone()
    };
    let served = |state: &Value| {
        ["west", "east"]
            .iter()
            .all(|van| route(state, van)["visits"].as_array().is_some_and(|visits| visits.len() == 1))
    };
    let before = until(port, "both on their routes", served);
    // An area whose sides cross is refused with a reason; the bridge by its way is not.
    let bow = [corner(0, 0), corner(5, 5), corner(5, 0), corner(0, 5)].map(spot);
    let (code, said) = event(port, "road.closed", "bow", &json!({ "change_id": "bow", "area": bow }));
    assert!((400..500).contains(&code) && said.contains("in order around the area"), "{code} {said}");
    // What changes nothing is refused, with what is near.
    let elsewhere = [(0.0, 0.0), (0.1, 0.0), (0.1, 0.1)].map(spot);
    for (kind, data, near) in [
        ("road.closed", json!({ "change_id": "n1", "roads": [300_000] }), "nearest ids are"),
        ("road.slowed", json!({ "change_id": "n2", "area": elsewhere, "time_percent": 150 }), "m away"),
        (
            "road.closed",
            json!({ "change_id": "n3", "roads": [301], "from_time": "2030-01-02T00:00:00Z", "until_time": "2030-01-01T00:00:00Z" }),
            "over before it begins",
        ),
    ] {
        let (code, said) = event(port, kind, &format!("no-{data}"), &data);
        assert!(code == 422 && said.contains("no_effect") && said.contains(near), "{data}: {code} {said}");
    }
    // The end of a change that nobody has told: it may have been told earlier, and come later.
    let (code, said) = event(port, "road.reopened", "never", &json!({ "change_id": "never" }));
    assert!(code == 202 && said.contains("unknown_change") && said.contains("none is in force"), "{code} {said}");
    // Which of several roads matched nothing is named, with what is near; the others are closed.
    let some = json!({ "change_id": "some", "roads": [300_000, 302, 300_001] });
    let (code, said) = event(port, "road.closed", "some", &some);
    let answer: Value = serde_json::from_str(&said).unwrap();
    let detail = answer["warnings"][0]["detail"].as_str().unwrap_or_default().to_owned();
    assert!(code == 202 && answer["warnings"][0]["field"] == "roads", "{code} {said}");
    assert!(detail.contains("no roads 300000 (nearest are ") && detail.contains("300001 ("), "{detail}");
    assert!(!detail.contains(" 302 (") && answer["roads"][0]["streets"].as_u64() > Some(0), "{said}");
    assert_eq!(event(port, "road.reopened", "some-over", &json!({ "change_id": "some" })).0, 202);
    let data = json!({ "change_id": "flood", "roads": [301] });
    let flood = json!({ "specversion": "1.0", "id": "c1", "source": "/test", "type": "fleet.road.closed.v1",
        "time": "2026-06-01T09:00:00Z", "data": data });
    let (code, said) = http(port, "POST /v1/events?wait=answer", &flood.to_string());
    assert!(code == 202 && said.contains(r#""roads":[{"line":1,"streets":"#), "{code} {said}");
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(answer["answers"][0]["touches"], json!([{ "vehicle": "west", "orders": ["over"] }]), "{said}");
    let after =
        until(port, "the closure on the map", |state| state["roads"].as_array().is_some_and(|roads| roads.len() == 1));
    assert_eq!(after["roads"][0]["id"], "flood");
    assert!(!after["roads"][0]["lines"].as_array().unwrap().is_empty(), "{}", after["roads"]);
    let after = until(port, "the western route's new line", |state| {
        route(state, "west")["lines"] != route(&before, "west")["lines"]
    });
    // The screens are told too, although the stops are the same.
    assert_eq!(route(&after, "west")["visits"][0]["order"], "over");
    assert_eq!(route(&after, "east")["lines"], route(&before, "east")["lines"]);
    assert_eq!(
        route(&after, "east")["revision"],
        route(&before, "east")["revision"],
        "only the route over it is touched"
    );
    // Open again by name, closed again by a line along it, for a moment: it is over then, and not told as in force.
    assert_eq!(event(port, "road.reopened", "c2", &json!({ "change_id": "flood" })).0, 202);
    until(port, "open again", |state| state["roads"].as_array().is_some_and(Vec::is_empty));
    let line = [corner(3, 4), corner(3, 5)].map(spot);
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(400)).to_string();
    let past = json!({ "change_id": "past", "line": line, "until_time": soon });
    assert_eq!(event(port, "road.closed", "c3", &past).0, 202);
    let said = (0..100).find_map(|number| {
        pause(50);
        let (_, said) = event(port, "road.reopened", &format!("n5-{number}"), &json!({ "change_id": "never" }));
        said.contains("none is in force").then_some(said)
    });
    assert!(said.is_some(), "a closure that is over is not in force");
    let now = json!({ "change_id": "now", "line": line, "within_meters": 20 });
    assert_eq!(event(port, "road.closed", "c4", &now).0, 202);
    let closed =
        until(port, "the line closed", |state| state["roads"].as_array().is_some_and(|roads| roads.len() == 1));
    assert_eq!(closed["roads"][0]["id"], "now");
}

/// A vehicle shut in by a closure may leave; what it cannot reach is flagged, and everything else goes on.
#[test]
fn everything_around_a_vehicle_closes() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    let data = json!({ "vehicle_id": "van", "start": spot(corner(6, 7)) });
    assert_eq!(event(port, "vehicle.registered", "r", &data).0, 202);
    assert_eq!(event(port, "shift.started", "s", &json!({ "vehicle_id": "van" })).0, 202);
    // The whole river: both bridges.
    assert_eq!(event(port, "road.closed", "c", &json!({ "change_id": "flood", "roads": [301, 302] })).0, 202);
    for (order, at) in [("south", corner(2, 2)), ("north", corner(2, 8)), ("sea", (2.35, 48.85))] {
        let data = json!({ "order_id": order, "job": { "stop": spot(at) } });
        assert_eq!(event(port, "order.created", order, &data).0, 202);
    }
    let order = |state: &Value, id: &str| -> Value {
        let all = state["orders"].as_array().unwrap();
        all.iter().find(|order| order["id"] == id).cloned().unwrap_or_default()
    };
    let seen = until(port, "three answers", |state| {
        ["south", "sea"].iter().all(|id| order(state, id)["reason"].as_str().is_some_and(|why| why.contains("no road")))
    });
    assert_ne!(order(&seen, "north")["status"], "unassigned", "{seen}");
    // Everything closes; the engine goes on, and takes the south when the bridges open.
    let all = [(-9.61, 41.19), (-9.57, 41.19), (-9.57, 41.22), (-9.61, 41.22)].map(spot);
    assert_eq!(event(port, "road.closed", "d", &json!({ "change_id": "snow", "area": all })).0, 202);
    until(port, "snow", |state| state["roads"].as_array().is_some_and(|roads| roads.len() == 2));
    for change in ["snow", "flood"] {
        assert_eq!(event(port, "road.reopened", change, &json!({ "change_id": change })).0, 202);
    }
    until(port, "the south is served", |state| {
        order(state, "south")["status"] != "unassigned" && order(state, "south") != Value::Null
    });
}

#[test]
fn a_real_osrm_answers_and_may_die() {
    answers_and_may_die(osrm, "OSRM");
}

#[test]
fn a_real_valhalla_answers_and_may_die() {
    answers_and_may_die(valhalla, "Valhalla");
}

/// The town means the same in both of OpenStreetMap's formats.
#[test]
fn packed_or_not_the_graph_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    graph(folder.path());
    let packed = support::pbf::from_osm(&std::fs::read_to_string(town()).unwrap());
    std::fs::write(folder.path().join("town.osm.pbf"), packed).unwrap();
    let built = run(&["graph", "build", "town.osm.pbf", "-o", "packed.graph"], folder.path());
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(bytes("town.graph") == bytes("packed.graph"), "the graphs differ");
}

fn answers_and_may_die(start: fn(&Path) -> (Killed, String), name: &str) {
    let folder = tempfile::tempdir().unwrap();
    graph(folder.path());
    let (server, source) = start(folder.path());
    // More places than one request may hold.
    let places: Vec<String> =
        (0..12).flat_map(|column| (0..10).map(move |row| (column, row))).map(|(c, r)| place(corner(c, r))).collect();
    std::fs::write(folder.path().join("places.csv"), places.join("\n")).unwrap();
    let table = |network: &str| -> Vec<Vec<Option<f64>>> {
        let matrix = run(&["graph", "matrix", network, "places.csv"], folder.path());
        assert!(matrix.status.success(), "{}", String::from_utf8_lossy(&matrix.stderr));
        let matrix: Value = serde_json::from_slice(&matrix.stdout).unwrap();
        serde_json::from_value(matrix["durations"].clone()).unwrap()
    };
    let (theirs, ours) = (table(&source), table("town.graph"));
    let mut shares: Vec<f64> = Vec::new();
    for (row, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        for (column, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
            let (Some(theirs), Some(ours)) = (theirs, ours) else { panic!("no way from {row} to {column}") };
            if *ours > 60.0 {
                shares.push(theirs / ours);
            }
        }
    }
    shares.sort_by(f64::total_cmp);
    let median = shares[shares.len() / 2];
    // The streets are the same; OSRM's profile adds time for turns, Valhalla's speeds by class are higher (0.89 on a city's
    // streets, docs/PERFORMANCE.md).
    assert!((0.8..1.5).contains(&median), "{name}'s times are {median} of ours");
    let doctor = run(&["doctor", "--log", "embedded", "--network", &source, "--listen", "127.0.0.1:0"], folder.path());
    assert!(String::from_utf8_lossy(&doctor.stdout).contains(&format!("{name} at http")), "{doctor:?}");
    assert!(doctor.status.success(), "{doctor:?}");
    drop(server);
    // Dead: straight lines with a notice, and doctor says what to do.
    let matrix = run(&["graph", "matrix", &source, "places.csv"], folder.path());
    assert!(
        matrix.status.success() && String::from_utf8_lossy(&matrix.stderr).contains("straight lines"),
        "{matrix:?}"
    );
    let doctor = run(&["doctor", "--log", "embedded", "--network", &source, "--listen", "127.0.0.1:0"], folder.path());
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("start it"), "{doctor:?}");
}

/// An OSRM that takes a third of a second for whatever it is asked, just within what it is given. Returns how it is named.
fn slow_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("osrm:http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || slow_answers(stream.unwrap()));
        }
    });
    name
}

/// Answers one request after the other, until the other side has had enough.
fn slow_answers(stream: std::net::TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut request = String::new();
        reader.read_line(&mut request).ok().filter(|&length| length > 0)?;
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            line.clear();
        }
        pause(330);
        let count = |word: &str| {
            let list = request.split_once(&format!("{word}="))?.1;
            Some(list.split(['&', ' ']).next()?.split(';').count())
        };
        let row = vec![60.0; count("destinations")?];
        let table = vec![row; count("sources")?];
        let body = json!({ "code": "Ok", "durations": table, "distances": table }).to_string();
        let length = body.len();
        write!(writer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
            .ok()?;
    }
}

/// However slow the server is, and however many orders come at once, none of them breaks the contract for its sake.
#[test]
fn a_rush_does_not_wait_for_a_slow_routing_server_order_by_order() {
    let folder = tempfile::tempdir().unwrap();
    let (port, source) = (free_port(), slow_server());
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--network", &source, "--log", "embedded:log.redb", "--listen", &listen];
    let engine = fleetfold(&args, folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let engine = Killed(engine);
    wait_for(port);
    for van in 0..8 {
        let id = format!("van{van}");
        let data = json!({ "vehicle_id": id, "start": spot(corner(van, 2)) });
        assert_eq!(event(port, "vehicle.registered", &format!("r{id}"), &data).0, 202);
        assert_eq!(event(port, "shift.started", &format!("s{id}"), &json!({ "vehicle_id": id })).0, 202);
    }
    let orders: Vec<Value> = (0..120)
        .map(|number| {
            let id = format!("o{number}");
            let data = json!({ "order_id": id, "job": { "stop": spot(corner(number % 12, number / 12)) } });
            json!({ "specversion": "1.0", "id": id, "source": "/test", "type": "fleet.order.created.v1", "time": "2026-06-01T09:00:00Z", "data": data })
        })
        .collect();
    let batch = "Content-Type: application/cloudevents-batch+json\r\n";
    // What is refused because others wait is sent again, as its producer would.
    let send = || http_with(port, "POST /v1/events", batch, &Value::from(orders.clone()).to_string());
    for _ in 0..600 {
        let (code, said) = send();
        if code == 202 {
            break;
        }
        assert_eq!(code, 429, "{said}");
        pause(100);
    }
    for _ in 0..600 {
        let state = state(port);
        let orders = state["orders"].as_array().unwrap();
        if orders.len() == 120 && orders.iter().all(|order| order["status"] == "assigned") {
            break;
        }
        pause(50);
    }
    drop(engine);
    let audit = run(&["audit", "--log", "embedded:log.redb", "--json"], folder.path());
    let audited: Value = serde_json::from_slice(&audit.stdout).unwrap();
    assert_eq!((&audited["orders"], &audited["unanswered"]), (&json!(120), &json!([])), "{audited}");
    assert_eq!(audited["answers_over_10_seconds"], 0, "{audited}");
}

/// A closure that is over before it is told closes nothing: its sender learns that, and what time it is in the zone.
#[test]
fn a_change_that_is_over_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path());
    let now = jiff::Timestamp::now().to_string();
    let zone = json!({ "timezone": "UTC", "day_start": "2026-06-01T09:00:00Z", "log_start": now });
    assert_eq!(event(port, "zone.opened", "z", &zone).0, 202);
    let closed = |id: &str, until: &str| {
        let data = json!({ "change_id": id, "roads": [301], "until_time": until });
        event(port, "road.closed", id, &data)
    };
    assert_eq!(closed("later", "2026-06-01T12:00:00Z").0, 202);
    // The event that opens the zone may not be folded yet.
    let said = (0..100).find_map(|number| {
        pause(50);
        let (code, said) = closed(&format!("past-{number}"), "2026-06-01T08:59:00Z");
        (code == 422).then_some(said)
    });
    let said = said.unwrap_or_default();
    let why = "2026-06-01T08:59:00Z is over: it is 2026-06-01T09:0";
    assert!(said.contains("no_effect") && said.contains(why), "{said}");
}

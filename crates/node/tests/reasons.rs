//! Explain, what-if and quotes, of a running engine, of its log after it has ended, and of a recording.

mod support;

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Killed, fleetfold, free_port, http, http_with, pause, run, wait_for};

fn event(id: &str, kind: &str, data: &Value) -> Value {
    let time = jiff::Timestamp::now().to_string();
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": format!("fleet.{kind}.v1"), "time": time, "data": data })
}

fn order(id: &str, lon: f64, load: u32) -> Value {
    json!({ "order_id": id, "job": { "direction": "pickup", "stop": { "lon": lon, "lat": 41.15, "service_seconds": 60 } }, "load": [load] })
}

fn serve(folder: &Path) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", "embedded:log.redb", "--listen", &listen, "--data", "data"];
    let engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    (engine, port)
}

fn ask(port: u16, request: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, text) = http_with(port, request, "Content-Type: application/json\r\n", &body);
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{request}: {error}: {text}")))
}

fn asked(port: u16, request: &str, body: &Value) -> Value {
    let (status, answer) = ask(port, request, body);
    assert_eq!(status, 200, "{request}: {answer}");
    answer
}

fn answered(port: u16, order: &str, status: &str) {
    let known = (0..200).any(|_| {
        pause(50);
        http(port, &format!("GET /v1/orders/{order}"), "").1.contains(&format!("\"status\":\"{status}\""))
    });
    assert!(known, "{order} is not {status}");
}

/// Two vans: one near the orders with room for two, one farther off with room for one.
fn crew(port: u16) {
    for (id, lon, capacity) in [("near", -8.62, 2), ("far", -8.66, 1)] {
        let vehicle = json!({ "vehicle_id": id, "capacity": [capacity], "start": { "lon": lon, "lat": 41.15 } });
        for (kind, data) in [("vehicle.registered", vehicle), ("shift.started", json!({ "vehicle_id": id }))] {
            let event = event(&format!("{id}-{kind}"), kind, &data);
            assert_eq!(ask(port, "POST /v1/events", &event).0, 202);
        }
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn parts_add_up(cost: &Value) {
    let parts: f64 = ["drive", "late", "change", "fixed", "flow"].iter().map(|part| number(&cost[*part])).sum();
    assert!((number(&cost["total"]) - parts).abs() < 1e-9, "{cost}");
}

fn of<'v>(list: &'v Value, field: &str, name: &str) -> &'v Value {
    let found = list.as_array().and_then(|list| list.iter().find(|it| it[field] == name));
    found.unwrap_or_else(|| panic!("no {name}: {list}"))
}

#[test]
fn a_decision_is_explained_by_the_engine_its_log_and_a_recording_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, port) = serve(folder.path());
    crew(port);
    for (id, lon, load, status) in [("o1", -8.63, 1, "assigned"), ("o2", -8.64, 5, "unassigned")] {
        let event = event(id, "order.created", &order(id, lon, load));
        assert_eq!(ask(port, "POST /v1/events", &event).0, 202);
        answered(port, id, status);
    }
    let placed = asked(port, "GET /v1/explain/order/o1", &Value::Null);
    assert_eq!((&placed["status"], &placed["vehicle"]), (&json!("assigned"), &json!("near")), "{placed}");
    let group = &placed["decision"]["groups"][0];
    let cause = &group["trigger"]["entries"][0];
    assert_eq!(
        (&cause["id"], &cause["type"], &cause["source"]),
        (&json!("o1"), &json!("fleet.order.created.v1"), &json!("/shop"))
    );
    let reason = &group["orders"][0];
    parts_add_up(&reason["cost"]);
    let far = of(&reason["alternatives"], "vehicle", "far");
    parts_add_up(&far["cost"]);
    let dearer = number(&far["cost"]["total"]) - number(&reason["cost"]["total"]);
    assert!((number(&far["dearer_by"]) - dearer).abs() < 1e-9 && dearer > 0.0, "{far}");
    assert!(number(&group["routes"][0]["off_seconds"]) < 1.0, "{group}");

    let left_out = asked(port, "GET /v1/explain/order/o2", &Value::Null);
    assert_eq!(left_out["status"], "unassigned");
    // Beside the goods of o1 there is room for one less.
    assert_eq!(
        of(&left_out["now"], "vehicle", "near")["needs"],
        json!([[{ "what": "capacity", "by": 4.0, "dimension": 1 }]])
    );
    assert_eq!(
        of(&left_out["now"], "vehicle", "far")["needs"],
        json!([[{ "what": "capacity", "by": 4.0, "dimension": 1 }]])
    );
    let van = asked(port, "GET /v1/explain/vehicle/near", &Value::Null);
    assert_eq!(
        (&van["visits"][0]["order"], &van["visits"][0]["decision"]),
        (&json!("o1"), &placed["decision"]["decision"])
    );

    let decision = format!("/v1/explain/decision/{}", placed["decision"]["decision"]);
    let before = asked(port, &format!("GET {decision}"), &Value::Null);
    for (path, words) in [
        ("order/nobody", "names order nobody"),
        ("decision/99", "it holds the decisions 1 to"),
        ("order/o1?at=2020-01-01T00:00:00Z", "names order o1 by then"),
        ("vehicle/x", "vehicle x"),
    ] {
        let (status, answer) = ask(port, &format!("GET /v1/explain/{path}"), &Value::Null);
        assert_eq!(status, 404, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(words), "{answer}");
    }
    assert_eq!(ask(port, "GET /v1/explain/decision/first", &Value::Null).0, 400);
    assert_eq!(ask(port, "GET /v1/explain/order/o1?at=noon", &Value::Null).0, 400);

    // The log tells the same after the engine has ended, and so does a recording of it.
    drop(engine);
    let output = |args: &[&str]| {
        let output = run(args, folder.path());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let number = placed["decision"]["decision"].to_string();
    let log = ["explain", "decision", &number, "--log", "embedded:log.redb", "--json"];
    assert_eq!(serde_json::from_str::<Value>(&output(&log)).unwrap(), before);
    output(&["record", "--log", "embedded:log.redb", "-o", "day.jsonl"]);
    let day = ["explain", "decision", &number, "day.jsonl", "--json"];
    assert_eq!(serde_json::from_str::<Value>(&output(&day)).unwrap(), before);
    let told = output(&["explain", "order", "o2", "day.jsonl"]);
    assert!(told.contains("near: no: it is full by 4 in dimension 1"), "{told}");
    let (_engine, port) = serve(folder.path());
    let again = (0..100).any(|_| {
        pause(50);
        http(port, "GET /readyz", "").0 == 200
    });
    assert!(again && asked(port, &format!("GET {decision}"), &Value::Null) == before, "after a restart, too");
}

#[test]
fn changes_are_tried_and_orders_quoted_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = serve(folder.path());
    crew(port);
    let first = event("o1", "order.created", &order("o1", -8.63, 1));
    assert_eq!(ask(port, "POST /v1/events", &first).0, 202);
    answered(port, "o1", "assigned");
    let state = asked(port, "GET /v1/state?part=orders", &Value::Null);

    let lost = asked(port, "POST /v1/what-if", &json!({ "changes": ["vehicle near lost"] }));
    let moved = of(&lost["orders"], "order", "o1");
    assert_eq!((&moved["before"]["vehicle"], &moved["after"]["vehicle"]), (&json!("near"), &json!("far")), "{lost}");
    assert!(
        number(&moved["later_seconds"]) > 0.0
            && number(&lost["cost_after"]["total"]) > number(&lost["cost_before"]["total"])
    );
    // The same as an event, and with one more change that takes its last place.
    let events =
        json!({ "changes": [event("x", "vehicle.lost", &json!({ "vehicle_id": "near" })), "vehicle far off"] });
    let none = asked(port, "POST /v1/what-if", &events);
    let moved = of(&none["orders"], "order", "o1");
    assert_eq!(none["counts"]["become unassigned"], 1, "{none}");
    assert_eq!(of(&moved["offers"], "vehicle", "near")["needs"], json!([[{ "what": "lost" }]]));
    let new = json!({ "changes": [format!("order {}", order("o9", -8.61, 1))] });
    assert_eq!(of(&asked(port, "POST /v1/what-if", &new)["orders"], "order", "o9")["after"]["vehicle"], "near");
    for (changes, words) in [
        (json!(["vehicle near explodes"]), "change 1, `vehicle near explodes`"),
        (json!(["vehicle nobody lost"]), "knows no vehicle nobody"),
        (json!([]), "0 changes"),
        (json!([event("p", "plan.proposed", &json!({}))]), "change 1"),
    ] {
        let (status, answer) = ask(port, "POST /v1/what-if", &json!({ "changes": changes }));
        assert_eq!(status, 422, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(words), "{answer}");
    }
    assert_eq!(ask(port, "POST /v1/what-if", &json!({ "changes": 7 })).0, 400);

    let now = jiff::Timestamp::now();
    let slot = |from: i64, to: i64| {
        let at = |minutes: i64| (now + jiff::SignedDuration::from_mins(minutes)).to_string();
        json!({ "opens": at(from), "closes": at(to) })
    };
    let question = json!({
        "order": { "job": { "direction": "pickup", "stop": { "lon": -8.60, "lat": 41.15 } }, "load": [1] },
        "slots": [slot(-120, -60), slot(60, 120), slot(120, 180)],
        "accept": { "nobody_late": true },
    });
    let quoted = asked(port, "POST /v1/quotes", &question);
    let accepted: Vec<bool> = quoted["slots"].as_array().unwrap().iter().map(|slot| slot["accepted"] == true).collect();
    assert_eq!(accepted, [false, true, true], "{quoted}");
    assert_eq!(quoted["slots"][0]["offers"][0]["limits_broken"], json!(["slot"]));
    let best = &quoted["slots"][1]["offers"][0];
    parts_add_up(&best["cost"]);
    assert_eq!((&quoted["cheapest"], &best["vehicle"]), (&json!(1), &json!("near")));
    let mut dear = question.clone();
    dear["accept"]["cost_max"] = json!(0.0);
    let refused = asked(port, "POST /v1/quotes", &dear);
    assert_eq!(refused["slots"][1]["offers"][0]["limits_broken"], json!(["cost_max"]), "{refused}");
    for (field, value, words) in [
        ("slots", json!([]), "1 to 48"),
        ("slots", json!([{ "opens": "noon", "closes": "noon" }]), "`slots[0].opens`"),
        ("order", json!({ "job": {} }), "`order`"),
        ("order", order("o1", -8.6, 1), "the order exists already"),
        ("accept", json!({ "nobody_lat": true }), "nobody_lat"),
        ("vehicles", json!(0), "`vehicles`"),
    ] {
        let mut wrong = question.clone();
        wrong[field] = value;
        let (status, answer) = ask(port, "POST /v1/quotes", &wrong);
        assert_eq!(status, 422, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(words), "{answer}");
    }
    assert_eq!(asked(port, "GET /v1/state?part=orders", &Value::Null)["items"], state["items"], "nothing has changed");
    // An order that was tried has never been: the log does not know it.
    assert_eq!(ask(port, "GET /v1/explain/order/o9", &Value::Null).0, 404);
}

/// What stands in the manual between two headings.
fn manual(from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATING.md")).unwrap();
    let (_, rest) = text.split_once(from).expect("the heading");
    rest.split_once(to).expect("the next heading").0.to_owned()
}

/// Words of a command, as a shell has them: single quotes keep what is in them together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[test]
fn the_examples_of_the_manual_work_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");
    std::os::unix::fs::symlink(scenarios, folder.path().join("scenarios")).unwrap();
    let text = manual("## Reasons", "## When `/readyz` says no");
    let mut ran = 0;
    for line in text.lines().filter(|line| line.starts_with("fleetfold ")) {
        let words = words(line);
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let output = run(&arguments, folder.path());
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty(), "{line} says nothing");
        ran += 1;
    }
    assert_eq!(ran, 6);
    let (_engine, port) = serve(folder.path());
    for (id, kind, data) in [
        ("1", "vehicle.registered", json!({ "vehicle_id": "veh-7", "start": { "lon": -8.62, "lat": 41.15 } })),
        ("2", "shift.started", json!({ "vehicle_id": "veh-7" })),
        ("3", "order.created", order("ord-1", -8.63, 1)),
    ] {
        assert_eq!(ask(port, "POST /v1/events", &event(id, kind, &data)).0, 202);
    }
    answered(port, "ord-1", "assigned");
    let mut asked_for = Vec::new();
    for block in text.split("curl localhost:8080").skip(1) {
        let path = block.split([' ', '`']).next().unwrap();
        match block.split_once("-d '") {
            Some((_, rest)) => {
                let body: Value = serde_json::from_str(rest.split_once('\'').unwrap().0).unwrap();
                asked(port, &format!("POST {path}"), &body);
            }
            None => assert_eq!(asked(port, &format!("GET {path}"), &Value::Null)["vehicle"], "veh-7"),
        }
        asked_for.push(path);
    }
    assert_eq!(asked_for, ["/v1/explain/order/ord-1", "/v1/what-if", "/v1/quotes"]);
    // Every sentence of the table is read as a change, and so is each of the kinds that stand together in one.
    let table = manual("| words | event |", "## Quotes");
    let sentences =
        table.lines().filter_map(|line| line.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let mut known = 0;
    for sentence in sentences {
        let mut words =
            sentence.replace("VEHICLE", "veh-7").replace("TIME", "2026-06-01T15:00:00Z").replace(" N", " 7");
        words = words
            .replace("road ID,ID", "road 17,18")
            .replace("road ID", "road 17")
            .replace("change ID", "change bridge-2");
        words = words.replace("LON,LAT LON,LAT LON,LAT", "-8.6,41.1 -8.5,41.1 -8.5,41.2");
        words = words.replace("vehicle {…}", "vehicle {\"vehicle_id\":\"new\",\"start\":{\"lon\":-8.6,\"lat\":41.1}}");
        words = words.replace("order {…}", &format!("order {}", order("new", -8.6, 1)));
        words = words.replace("vehicle ID", "vehicle veh-7").replace("order ID", "order ord-1");
        asked(port, "POST /v1/what-if", &json!({ "changes": [words] }));
        known += 1;
    }
    assert_eq!(known, 19);
}

/// A dispatcher's word is obeyed, and everybody is told what it breaks: who gives it, the decision, the order and the explanation.
#[test]
fn a_forced_order_says_everywhere_what_it_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = serve(folder.path());
    crew(port);
    let mut heavy = order("heavy", -8.63, 5);
    heavy["skills"] = json!(["crane"]);
    assert_eq!(ask(port, "POST /v1/events", &event("heavy", "order.created", &heavy)).0, 202);
    answered(port, "heavy", "unassigned");
    let forced = event("forced", "assignment.forced", &json!({ "order_id": "heavy", "vehicle_id": "near" }));
    let (status, said) = ask(port, "POST /v1/events?wait=answer", &forced);
    assert_eq!(status, 202, "{said}");
    let breaks = "it lacks the skill crane, it is full by 3 in dimension 1";
    let warning = said["warnings"][0]["detail"].as_str().unwrap_or_default();
    assert_eq!(warning, format!("order heavy goes to vehicle near although {breaks}"), "{said}");
    let words = said["answers"][0]["decisions"][0]["words"].as_str().unwrap_or_default();
    assert!(words.ends_with(&format!("by a dispatcher's word although {breaks}")), "{said}");
    let (_, shown) = ask(port, "GET /v1/orders/heavy", &Value::Null);
    assert_eq!(shown["breaks"], breaks, "{shown}");
    let told = json!([{ "what": "skills", "skills": ["crane"] }, { "what": "capacity", "by": 3.0, "dimension": 1 }]);
    let explained = asked(port, "GET /v1/explain/order/heavy", &Value::Null);
    assert_eq!(explained["breaks"], told, "{explained}");
    assert_eq!(explained["decision"]["groups"][0]["orders"][0]["breaks"], told, "{explained}");
}

/// The customer was not there, and the goods go back: the order has failed, and its story ends with their return.
#[test]
fn an_order_that_came_back_has_failed_and_was_delivered_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = serve(folder.path());
    let policy = event("policy", "policy.changed", &json!({ "on_failed_delivery": "return" }));
    assert_eq!(ask(port, "POST /v1/events", &policy).0, 202);
    crew(port);
    let at = |lon: f64| json!({ "lon": lon, "lat": 41.15, "service_seconds": 60 });
    let back = json!({ "order_id": "back", "shipment": { "pickup": at(-8.63), "delivery": at(-8.64) }, "load": [1] });
    assert_eq!(ask(port, "POST /v1/events", &event("back", "order.created", &back)).0, 202);
    answered(port, "back", "assigned");
    let report = |kind: &str, stop: &str, id: &str| {
        let mut data = json!({ "vehicle_id": "near", "order_id": "back", "stop": stop });
        if kind == "stop.failed" {
            data["reason"] = json!("refused");
        }
        let (status, said) = ask(port, "POST /v1/events", &event(id, kind, &data));
        assert_eq!(status, 202, "{said}");
    };
    report("stop.completed", "pickup", "p");
    answered(port, "back", "on board");
    report("stop.failed", "delivery", "f");
    answered(port, "back", "on board");
    report("stop.completed", "delivery", "d");
    answered(port, "back", "failed");
    let (_, shown) = ask(port, "GET /v1/orders/back", &Value::Null);
    let story = shown["story"].as_array().unwrap();
    assert_eq!(story.last().unwrap()["words"], "Goods brought back by near", "{shown}");
    let listed = asked(port, "GET /v1/state?part=orders&status=failed", &Value::Null);
    assert_eq!(listed["orders"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(asked(port, "GET /v1/explain/order/back", &Value::Null)["status"], "failed");
}

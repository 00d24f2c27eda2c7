//! What a dispatcher's page asks of an engine: what came of an event, who could take an order, what is called so, which streets are
//! meant, and the same stories after a restart as before it.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::engine::serve;
use support::{Killed, http, pause, town};

fn engine(folder: &Path, more: &[&str]) -> (Killed, u16) {
    serve(folder, "embedded:log.redb", "porto", "data", more)
}

fn event(kind: &str, id: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/desk", "type": format!("fleet.{kind}.v1"),
        "time": "2026-06-01T09:00:00Z", "data": data })
}

/// Posts one event and returns what came of it.
fn post(port: u16, kind: &str, id: &str, data: &Value) -> Value {
    let (status, answer) = http(port, "POST /v1/events?wait=answer", &event(kind, id, data).to_string());
    assert_eq!(status, 202, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["answers"][0].clone()
}

fn get(port: u16, path: &str) -> Value {
    let (status, answer) = http(port, &format!("GET {path}"), "");
    assert_eq!(status, 200, "{path}: {answer}");
    serde_json::from_str(&answer).unwrap()
}

fn crew(port: u16) {
    for (van, lat) in [("van-1", 41.150), ("van-2", 41.152)] {
        let start = json!({ "lon": -8.61, "lat": lat });
        post(
            port,
            "vehicle.registered",
            &format!("{van}-r"),
            &json!({ "vehicle_id": van, "start": start, "skills": ["cool"] }),
        );
        post(port, "shift.started", &format!("{van}-s"), &json!({ "vehicle_id": van, "position": start }));
    }
}

fn order(id: &str, lat: f64) -> Value {
    json!({ "order_id": id, "load": [2], "skills": ["cool"], "job": { "stop": { "lon": -8.61, "lat": lat, "service_seconds": 60 } } })
}

#[test]
fn an_event_is_answered_by_its_decision_and_both_are_told_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (engine_before, port) = engine(folder.path(), &[]);
    crew(port);
    let placed = post(port, "order.created", "o", &order("ord-2140", 41.1501));
    assert_eq!(
        (&placed["state"], &placed["decisions"][0]["vehicle"]),
        (&json!("answered"), &json!("van-1")),
        "{placed}"
    );
    let lost = post(port, "vehicle.lost", "l", &json!({ "vehicle_id": "van-1" }));
    let decision = &lost["decisions"][0];
    assert_eq!((&decision["previous"], &decision["vehicle"]), (&json!("van-1"), &json!("van-2")), "{lost}");
    assert_eq!(decision["because"][0]["seq"], lost["seq"]);
    assert!(decision["because"][0]["words"].as_str().unwrap().contains("vehicle van-1: lost"), "{decision}");
    // What makes no sense is refused; what asks for nothing is taken.
    let nobody = post(port, "order.cancelled", "c", &json!({ "order_id": "ord-2140" }));
    assert_eq!(nobody["state"], "answered");
    let late = post(port, "order.cancelled", "c2", &json!({ "order_id": "ord-2140" }));
    assert_eq!((&late["state"], late["reason"].is_string()), (&json!("refused"), true), "{late}");
    let (status, _) = http(port, "POST /v1/events?wait=forever", "{}");
    assert_eq!(status, 400);
    let entry = get(port, &format!("/v1/entries/{}", lost["seq"]));
    assert!(entry["bytes"].as_str().unwrap().contains("fleet.vehicle.lost.v1"), "{entry}");
    let (status, _) = http(port, "GET /v1/entries/999999", "");
    assert_eq!(status, 404);
    let before = (get(port, "/v1/orders/ord-2140")["story"].clone(), get(port, "/v1/decisions")["decisions"].clone());
    assert!(before.0.as_array().unwrap().len() >= 4, "{}", before.0);

    // SIGTERM writes a snapshot, so that the next start folds nothing of it again.
    let mut ended = engine_before;
    let stop = std::process::Command::new("kill").args(["-TERM", &ended.0.id().to_string()]).status().unwrap();
    assert!(stop.success() && ended.0.wait().unwrap().success());
    drop(ended);
    let (_engine, port) = engine(folder.path(), &[]);
    let told =
        |port| (get(port, "/v1/orders/ord-2140")["story"].clone(), get(port, "/v1/decisions")["decisions"].clone());
    let mut after = told(port);
    for _ in 0..100 {
        if after == before {
            break;
        }
        pause(50);
        after = told(port);
    }
    assert_eq!(after, before);
}

#[test]
fn what_was_promised_first_and_who_has_acted_are_told_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut before, port) = engine(folder.path(), &[]);
    for (van, lat) in [("van-1", 41.150), ("van-2", 41.250)] {
        let start = json!({ "lon": -8.61, "lat": lat });
        post(
            port,
            "vehicle.registered",
            &format!("{van}-r"),
            &json!({ "vehicle_id": van, "start": start, "skills": ["cool"] }),
        );
        post(port, "shift.started", &format!("{van}-s"), &json!({ "vehicle_id": van, "position": start }));
    }
    post(port, "order.created", "o", &order("ord-2140", 41.1501));
    let mut raised = event("priority.raised", "p", &json!({ "order_id": "ord-2140", "priority": 7 }));
    raised["operator"] = json!("Ana");
    let (status, answer) = http(port, "POST /v1/events?wait=answer", &raised.to_string());
    assert_eq!(status, 202, "{answer}");
    let first = get(port, "/v1/orders/ord-2140");
    assert!(first["first_start"].is_null(), "it begins as it was first planned: {first}");
    post(port, "vehicle.lost", "l", &json!({ "vehicle_id": "van-1" }));
    let told = |port| {
        let order = get(port, "/v1/orders/ord-2140");
        (order["first_start"].clone(), order["story"].to_string().contains("priority 7 by Ana"))
    };
    assert_eq!(told(port), (first["start"].clone(), true), "another vehicle is there later");

    let stop = std::process::Command::new("kill").args(["-TERM", &before.0.id().to_string()]).status().unwrap();
    assert!(stop.success() && before.0.wait().unwrap().success());
    drop(before);
    let (_engine, port) = engine(folder.path(), &[]);
    for _ in 0..100 {
        if told(port) == (first["start"].clone(), true) {
            break;
        }
        pause(50);
    }
    assert_eq!(told(port), (first["start"].clone(), true), "and after a restart");
    let changed = json!({ "order_id": "ord-2140", "promised_time": "2030-06-01T09:00:00Z" });
    post(port, "order.updated", "u", &changed);
    assert!(get(port, "/v1/orders/ord-2140")["first_start"].is_null(), "the customer has changed what he asks for");
}

#[test]
fn who_could_take_an_order_is_ranked_and_what_is_called_so_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let built =
        support::run(&["graph", "build", "--output", "town.graph", town::town().to_str().unwrap()], folder.path());
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (_engine, port) = engine(folder.path(), &["--network", "town.graph"]);
    let at = |column, row| {
        let (lon, lat) = town::corner(column, row);
        json!({ "lon": lon, "lat": lat })
    };
    for (van, place) in [("van-1", at(1, 1)), ("van-2", at(3, 1)), ("van-3", at(9, 3))] {
        post(
            port,
            "vehicle.registered",
            &format!("{van}-r"),
            &json!({ "vehicle_id": van, "start": place, "skills": ["cool"] }),
        );
        post(port, "shift.started", &format!("{van}-s"), &json!({ "vehicle_id": van, "position": place }));
    }
    let mut stop = at(1, 2);
    stop["service_seconds"] = json!(60);
    let order = json!({ "order_id": "ord-2140", "load": [2], "skills": ["cool"], "job": { "stop": stop } });
    let placed = post(port, "order.created", "o", &order);
    assert_eq!(placed["decisions"][0]["vehicle"], "van-1", "{placed}");

    let offers = get(port, "/v1/offers/ord-2140");
    assert_eq!((&offers["vehicle"], &offers["holder"]["vehicle"]), (&json!("van-1"), &json!("van-1")), "{offers}");
    let ranked: Vec<&str> =
        offers["offers"].as_array().unwrap().iter().map(|it| it["vehicle"].as_str().unwrap()).collect();
    assert_eq!(ranked, ["van-2", "van-3"]);
    assert!(offers["offers"][0]["dearer_by"].as_f64().unwrap() > 0.0, "{offers}");
    assert_eq!(http(port, "GET /v1/offers/nobody", "").0, 422);
    // The second of them, by force: as the page does it.
    let moved = post(port, "assignment.forced", "f", &json!({ "order_id": "ord-2140", "vehicle_id": "van-3" }));
    assert_eq!(moved["decisions"][0]["vehicle"], "van-3", "{moved}");

    let card = get(port, "/v1/orders/ord-2140");
    assert_eq!(
        (&card["pinned"], &card["forced"], &card["load"]),
        (&json!("van-3"), &json!(true), &json!([2.0])),
        "{card}"
    );
    // Whoever asks again names another one: that van-3 was named keeps nobody off.
    let again = get(port, "/v1/offers/ord-2140");
    assert_eq!((&again["vehicle"], &again["pinned"]), (&json!("van-3"), &json!("van-3")));
    let ranked: Vec<&str> =
        again["offers"].as_array().unwrap().iter().map(|it| it["vehicle"].as_str().unwrap()).collect();
    assert_eq!(ranked, ["van-1", "van-2"]);
    assert!(again["offers"].as_array().unwrap().iter().all(|offer| offer["cost"].is_object()), "{again}");
    assert!(card["stops"][0]["street"].is_string() && card["stops"][0]["start"].is_i64(), "{card}");
    let street = card["stops"][0]["street"].as_str().unwrap();
    for (wanted, by) in [("214", "id"), ("ORD-2140", "id"), ("coo", "skill"), (&street[1..], "street")] {
        let query = percent_encoding::utf8_percent_encode(wanted, percent_encoding::NON_ALPHANUMERIC);
        let found = get(port, &format!("/v1/search?q={query}"));
        assert_eq!(
            (&found["orders"][0]["id"], &found["orders"][0]["by"]),
            (&json!("ord-2140"), &json!(by)),
            "{wanted}: {found}"
        );
    }
    assert_eq!(get(port, "/v1/search?q=nothing-like-it")["count"], 0);
    assert_eq!(http(port, "GET /v1/search?q=%20", "").0, 400);

    let (lon, lat) = town::corner(1, 2);
    assert_eq!(get(port, &format!("/v1/streets/near?lon={lon}&lat={lat}"))["street"], street);
    let area = json!({ "area": [at(0, 0), at(4, 0), at(4, 4), at(0, 4)] });
    let (status, matched) = http(port, "POST /v1/streets/matched", &area.to_string());
    let matched: Value = serde_json::from_str(&matched).unwrap();
    assert_eq!(status, 200, "{matched}");
    assert_eq!(matched["streets"].as_u64(), matched["lines"].as_array().map(|lines| lines.len() as u64));
    assert!(matched["names"].as_array().unwrap().iter().any(|name| *name == street), "{matched}");
    assert_eq!(http(port, "POST /v1/streets/matched", "{\"area\":[]}").0, 422);
    assert_eq!(get(port, "/v1/state?part=roads")["roads"], json!([]), "a question closes nothing");
}

#[test]
fn what_dispatchers_note_and_what_orders_are_called_is_told_to_every_screen_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut before, port) = engine(folder.path(), &[]);
    crew(port);
    let mut called = order("ord-1", 41.1501);
    called["reference"] = json!("PO 77/a");
    called["job"]["stop"]["address"] = json!("12 Elm Street, second floor");
    post(port, "order.created", "o", &called);
    let noted =
        json!({ "order_id": "ord-1", "attention": "snoozed", "until_time": "2026-06-01T09:15:00Z", "by": "Ana" });
    assert_eq!(post(port, "attention.noted", "n1", &noted)["state"], "taken");
    let other = json!({ "vehicle_id": "van-1", "attention": "acknowledged" });
    post(port, "attention.noted", "n2", &other);
    for wrong in [json!({ "attention": "snoozed" }), json!({ "order_id": "o", "attention": "seen" })] {
        let (status, _) = http(port, "POST /v1/events", &event("attention.noted", "w", &wrong).to_string());
        assert_eq!(status, 422, "{wrong}");
    }
    let digest = get(port, "/v1/state")["digest"].clone();
    post(port, "attention.noted", "n3", &json!({ "vehicle_id": "van-1", "attention": "cleared" }));
    let told = |port| {
        let state = get(port, "/v1/state");
        let card = get(port, "/v1/orders/ord-1");
        let found = get(port, "/v1/search?q=77%2F")["orders"][0]["id"].clone();
        (state["noted"].clone(), state["orders"][0]["reference"].clone(), card["stops"][0]["address"].clone(), found)
    };
    let first = told(port);
    assert_eq!((first.0.as_array().unwrap().len(), &first.0[0]["by"]), (1, &json!("Ana")), "{}", first.0);
    assert_eq!((&first.1, &first.3), (&json!("PO 77/a"), &json!("ord-1")));
    assert_eq!(first.2, "12 Elm Street, second floor");
    assert_ne!(digest, json!(null));
    let stop = std::process::Command::new("kill").args(["-TERM", &before.0.id().to_string()]).status().unwrap();
    assert!(stop.success() && before.0.wait().unwrap().success());
    drop(before);
    let (_engine, port) = engine(folder.path(), &[]);
    let mut after = told(port);
    for _ in 0..100 {
        if after == first {
            break;
        }
        pause(50);
        after = told(port);
    }
    assert_eq!(after, first);
}

#[test]
fn a_replay_ends_where_the_engine_is() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    crew(port);
    for number in 0..12 {
        post(
            port,
            "order.created",
            &format!("o{number}"),
            &order(&format!("ord-{number}"), 41.15 + f64::from(number) * 1e-3),
        );
    }
    post(port, "order.cancelled", "c", &json!({ "order_id": "ord-3" }));
    post(port, "vehicle.lost", "l", &json!({ "vehicle_id": "van-2" }));
    pause(1_100);
    let state = get(port, "/v1/state");
    let to = state["kpi"]["now"].as_i64().unwrap() + 1_000;
    let from = to - 600_000;
    let time = |millis: i64| jiff::Timestamp::from_millisecond(millis).unwrap().to_string();
    let film = get(port, &format!("/v1/replay?from={}&to={}&steps=50", time(from), time(to)));
    let frames = film["frames"].as_array().unwrap();
    assert!(frames.len() >= 50, "{}", frames.len());
    assert_eq!(frames[0]["vehicles"], json!([]));
    // Each frame is laid over those before it, as a screen does it.
    let mut orders = std::collections::BTreeMap::new();
    let mut vehicles = std::collections::BTreeMap::new();
    let mut decisions = 0;
    for frame in frames {
        for order in frame["orders"].as_array().unwrap() {
            let name = order["id"].as_str().unwrap().to_owned();
            if ["assigned", "unassigned", "open", "on board"].contains(&order["status"].as_str().unwrap()) {
                orders.insert(name, order["vehicle"].clone());
            } else {
                orders.remove(&name);
            }
        }
        for vehicle in frame["vehicles"].as_array().unwrap() {
            vehicles.insert(
                vehicle["id"].as_str().unwrap().to_owned(),
                (vehicle["status"].clone(), vehicle["revision"].clone()),
            );
        }
        decisions += frame["decisions"].as_array().unwrap().len();
    }
    let is = |part: &str, what: &str| -> std::collections::BTreeMap<String, Value> {
        let items = state[part].as_array().unwrap().iter();
        items.map(|item| (item["id"].as_str().unwrap().to_owned(), item[what].clone())).collect()
    };
    assert_eq!(orders, is("orders", "vehicle"));
    let (status, revision) = (is("vehicles", "status"), is("vehicles", "revision"));
    for (name, (shown, at)) in &vehicles {
        assert_eq!((shown, at), (&status[name], &revision[name]), "{name}");
    }
    assert!(decisions >= 12, "{decisions}");
    for wrong in [
        "",
        "?from=x&to=y",
        "?from=2026-06-01T10:00:00Z&to=2026-06-01T09:00:00Z",
        "?from=2026-06-01T10:00:00Z&to=2026-06-09T09:00:00Z",
    ] {
        assert_eq!(http(port, &format!("GET /v1/replay{wrong}"), "").0, 400, "{wrong}");
    }
}

/// Found from outside: where a dispatcher's word cannot be obeyed the order stays where it is, and it was said to depart in the year 9999.
#[test]
fn a_pin_that_cannot_be_obeyed_leaves_a_departure_of_this_day() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    let start = json!({ "lon": -8.63, "lat": 41.15 });
    for van in ["van-1", "van-2"] {
        post(port, "vehicle.registered", van, &json!({ "vehicle_id": van, "start": start }));
    }
    // Nobody signs on to the second one.
    post(port, "shift.started", "s", &json!({ "vehicle_id": "van-1", "position": start }));
    let stop = json!({ "lon": -8.62, "lat": 41.16 });
    let placed = json!({ "order_id": "o", "job": { "stop": stop } });
    assert_eq!(post(port, "order.created", "o", &placed)["decisions"][0]["vehicle"], "van-1");
    post(port, "stop.pinned", "p", &json!({ "order_id": "o", "vehicle_id": "van-2" }));
    let visit = get(port, "/v1/vehicles/van-1")["visits"][0].clone();
    assert_eq!(visit["order"], "o");
    let (departs, arrives) = (visit["depart_at"].as_i64().unwrap(), visit["arrival"].as_i64().unwrap());
    assert!(departs <= arrives && arrives - departs < 3_600_000, "{visit}");
}

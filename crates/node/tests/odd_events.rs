//! Events that are probably mistakes, as their producer meets them over HTTP and over NATS: nothing is lost in silence.

mod support;

use std::path::Path;
use std::process::Stdio;

use futures::StreamExt as _;
use serde_json::{Value, json};
use support::{Killed, broker, fleetfold, free_port, http, pause, wait_for};

fn engine(folder: &Path, log: &str) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", log, "--tenant", "acme", "--zone", "porto", "--listen", &listen, "--data", "data"];
    let engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    (engine, port)
}

fn at(ahead_hours: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(ahead_hours)).to_string()
}

fn event(id: &str, kind: &str, time: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": format!("fleet.{kind}.v1"), "time": time, "data": data })
}

fn order(id: &str) -> Value {
    json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15, "service_seconds": 60 } } })
}

fn post(port: u16, event: &Value) -> (u16, Value) {
    let (status, text) = http(port, "POST /v1/events", &event.to_string());
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

fn get(port: u16, path: &str) -> Value {
    let (status, text) = http(port, &format!("GET {path}"), "");
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Field and detail of the warnings of an answer.
fn told(answer: &(u16, Value)) -> Vec<(String, String)> {
    assert_eq!(answer.0, 202, "{answer:?}");
    let warnings = answer.1["warnings"].as_array().cloned().unwrap_or_default();
    let codes = ["odd_value", "unknown_vehicle"];
    assert!(warnings.iter().all(|warning| codes.contains(&warning["code"].as_str().unwrap())), "{warnings:?}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    warnings.iter().map(|warning| (text(&warning["field"]), text(&warning["detail"]))).collect()
}

fn ids(state: &Value, part: &str) -> Vec<String> {
    state[part].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn eventually(what: &str, is: impl Fn() -> bool) {
    assert!(
        (0..600).any(|_| is() || {
            pause(50);
            false
        }),
        "{what}"
    );
}

/// The warnings of an event for which the engine is asked. Where it does not answer in time nothing is said, so the event is sent
/// again under another id.
fn told_in_time(port: u16, id: &str, kind: &str, data: &Value) -> Vec<(String, String)> {
    let mut said = (0..60).map(|n| told(&post(port, &event(&format!("{id}-{n}"), kind, &at(0), data))));
    said.find(|said| !said.is_empty()).expect("the engine answers in time once")
}

/// The same id with another content is refused with the reason; a repeat in other letters is a repeat.
fn used_ids(port: u16) {
    let time = at(0);
    let first = event("1", "order.created", &time, &order("o1"));
    assert_eq!(post(port, &first).1["accepted"], 1);
    let (status, answer) = post(port, &first);
    assert_eq!((status, &answer["duplicates"]), (202, &json!(1)), "{answer}");
    let spaced = serde_json::to_string_pretty(&first).unwrap();
    let (status, text) = support::http_with(port, "POST /v1/events", "Content-Type: application/json\r\n", &spaced);
    assert!(status == 202 && text.contains("\"duplicates\":1"), "{status} {text}");
    let other = event("1", "order.created", &time, &order("o2"));
    let (status, answer) = post(port, &other);
    let detail = answer["detail"].as_str().unwrap();
    assert_eq!((status, &answer["code"], &answer["status"]), (409, &json!("id_reused"), &json!(409)), "{answer}");
    for part in ["`/shop`", "`1`", "entry 1 ", "`data`", "under an id"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    let lines = format!("{}\n{other}\n", event("2", "order.created", &time, &order("o3")));
    let (status, text) = support::http_with(port, "POST /v1/events", "Content-Type: application/x-ndjson\r\n", &lines);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &answer["accepted"], &answer["duplicates"]), (207, &json!(1), &json!(0)), "{answer}");
    assert_eq!((&answer["rejected"][0]["line"], &answer["rejected"][0]["code"]), (&json!(2), &json!("id_reused")));
    assert_eq!(http(port, "GET /v1/orders/o2", "").0, 404);
}

#[test]
fn an_id_that_names_another_event_is_refused_on_the_embedded_log() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), "embedded:log.redb");
    used_ids(port);
}

#[test]
fn an_id_that_names_another_event_is_refused_on_a_broker() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let (_engine, port) = engine(folder.path(), &url);
    used_ids(port);
}

#[test]
fn values_without_sense_are_taken_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), "embedded:log.redb");
    let start = json!({ "lon": -8.6291, "lat": 41.1579 });
    let time = at(0);

    // Limits of nothing, windows that are over.
    let useless = json!({ "vehicle_id": "v0", "start": start, "stops_max": 0 });
    assert_eq!(told(&post(port, &event("1", "vehicle.registered", &time, &useless)))[0].0, "stops_max");
    let mut past = order("past");
    past["job"]["stop"]["windows"] = json!([{ "opens": "2020-01-01T08:00:00Z", "closes": "2020-01-01T10:00:00Z" }]);
    assert_eq!(told(&post(port, &event("2", "order.created", &time, &past)))[0].0, "job.stop.windows");

    // A clock that is a year ahead.
    let ahead = told(&post(port, &event("3", "order.created", &at(365 * 24 + 2), &order("o1"))));
    assert!(ahead[0].0 == "time" && ahead[0].1.starts_with("365 days ahead of the zone's clock"), "{ahead:?}");
    assert_eq!(told(&post(port, &event("4", "order.ready", &time, &json!({ "order_id": "o1" })))), []);

    // Metres in a zone of degrees would become a place in the Atlantic.
    let metres = json!({ "order_id": "o2", "job": { "stop": { "x_meters": 500, "y_meters": 500 } } });
    let (status, answer) = post(port, &event("5", "order.created", &time, &metres));
    let detail = answer["detail"].as_str().unwrap();
    assert_eq!((status, &answer["code"]), (422, &json!("coordinates")), "{answer}");
    assert!(detail.contains("`job.stop.x_meters`") && detail.contains("`lon`, `lat`"), "{detail}");

    // Fields that nobody has filled in: nobody can drive there.
    let zero = json!({ "lon": 0, "lat": 0 });
    let nowhere = json!({ "order_id": "o2", "job": { "stop": zero } });
    for (kind, data, field) in [
        ("order.created", nowhere.clone(), "job.stop.lon"),
        ("order.updated", nowhere, "job.stop.lon"),
        ("vehicle.registered", json!({ "vehicle_id": "v9", "start": zero }), "start.lon"),
    ] {
        let (status, answer) = post(port, &event("5", kind, &time, &data));
        assert_eq!((status, &answer["code"]), (422, &json!("nowhere")), "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(field), "{answer}");
    }

    // A vehicle that nobody has registered is on no map; when it is registered it is.
    let ghost = json!({ "vehicle_id": "ghost", "position": start });
    let warned = told_in_time(port, "6", "shift.started", &ghost);
    assert!(warned[0].0 == "vehicle_id" && warned[0].1.contains("vehicle.registered"), "{warned:?}");
    eventually("the ghost is known", || http(port, "GET /v1/vehicles/ghost", "").0 == 200);
    assert_eq!(ids(&get(port, "/v1/state"), "vehicles"), ["v0"]);
    assert_eq!(
        told(&post(port, &event("7", "vehicle.registered", &time, &json!({ "vehicle_id": "ghost", "start": start })))),
        []
    );
    eventually("the vehicle is shown", || ids(&get(port, "/v1/state"), "vehicles") == ["ghost", "v0"]);
    assert_eq!(told(&post(port, &event("8", "shift.ended", &time, &json!({ "vehicle_id": "ghost" })))), []);
    assert_eq!(told(&post(port, &event("9", "shift.started", &time, &ghost))), []);

    // A priority that is raised downwards. The same event again is a repeat, which says nothing.
    let mut urgent = order("o3");
    urgent["priority"] = json!(50);
    assert_eq!(told(&post(port, &event("10", "order.created", &time, &urgent))), []);
    eventually("the order is known", || http(port, "GET /v1/orders/o3", "").0 == 200);
    let raised = json!({ "order_id": "o3", "priority": 5 });
    let warned = told_in_time(port, "11", "priority.raised", &raised);
    assert!(warned[0].0 == "priority" && warned[0].1.starts_with("5 is not higher than "), "{warned:?}");
    eventually("the priority counts", || get(port, "/v1/orders/o3")["priority"] == 5);
    let repeat = event("11-0", "priority.raised", &time, &raised);
    assert_eq!((post(port, &repeat).0, &post(port, &repeat).1["warnings"]), (202, &Value::Null), "whatever its time");

    // All of them are listed and counted, once.
    let listed = get(port, "/v1/warnings");
    let fields: Vec<&str> =
        listed["warnings"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["stops_max", "job.stop.windows", "time", "vehicle_id", "priority"]);
    assert_eq!(listed["counts"], json!({ "odd_value": 4, "unknown_vehicle": 1 }));
    let metrics = http(port, "GET /metrics", "").1;
    assert!(metrics.contains("fleetfold_warnings_total{reason=\"odd_value\"} 4"), "{metrics}");
}

/// Code, id and hint of the warnings of an answer.
fn strangers((status, answer): &(u16, Value)) -> Vec<(String, String, String)> {
    assert_eq!(*status, 202, "{answer}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let warnings = answer["warnings"].as_array().cloned().unwrap_or_default();
    warnings.iter().map(|warned| (text(&warned["code"]), text(&warned["field"]), text(&warned["hint"]))).collect()
}

/// A fact about an order, a vehicle or a closure that nobody knows is remembered, for it may be early; but whoever has misspelt an id
/// is told, with the id that was probably meant. When the thing comes the warning is withdrawn.
#[test]
fn an_id_that_nobody_knows_is_told_and_the_warning_is_withdrawn_when_the_thing_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (engine_running, port) = engine(folder.path(), "embedded:log.redb");
    let (time, start) = (at(0), json!({ "lon": -8.6291, "lat": 41.1579 }));
    let van = json!({ "vehicle_id": "van-7", "start": start });
    post(port, &event("1", "vehicle.registered", &time, &van));
    post(port, &event("2", "shift.started", &time, &json!({ "vehicle_id": "van-7" })));
    post(port, &event("3", "order.created", &time, &order("ord-1")));
    eventually("the first plan is there", || {
        let (status, order) = http(port, "GET /v1/orders/ord-1", "");
        status == 200 && order.contains("van-7")
    });
    let unknown_order = ("unknown_order", "order_id", "ord-1");
    let unknown_vehicle = ("unknown_vehicle", "vehicle_id", "van-7");
    let stop = json!({ "order_id": "ord-11", "vehicle_id": "van-7", "stop": "delivery" });
    let mut failed = stop.clone();
    failed["reason"] = json!("no_show");
    let mut both = stop.clone();
    both["vehicle_id"] = json!("van-8");
    let pin = json!({ "order_id": "ord-11", "vehicle_id": "van-7" });
    let misspelt = json!({ "order_id": "ord-11" });
    let ghost = json!({ "vehicle_id": "vna-7" });
    for (kind, data, expected) in [
        ("order.cancelled", misspelt.clone(), vec![unknown_order]),
        ("order.updated", json!({ "order_id": "ord-11", "priority": 9 }), vec![unknown_order]),
        ("order.ready", misspelt.clone(), vec![unknown_order]),
        ("order.retried", misspelt.clone(), vec![unknown_order]),
        ("priority.raised", json!({ "order_id": "ord-11", "priority": 9 }), vec![unknown_order]),
        ("stop.departed", stop.clone(), vec![unknown_order]),
        ("stop.arrived", stop.clone(), vec![unknown_order]),
        ("stop.completed", both, vec![unknown_order, unknown_vehicle]),
        ("stop.failed", failed, vec![unknown_order]),
        ("stop.pinned", pin.clone(), vec![unknown_order]),
        ("stop.unpinned", misspelt.clone(), vec![unknown_order]),
        ("assignment.forced", pin, vec![unknown_order]),
        ("assignment.rejected", json!({ "order_id": "ord-11", "vehicle_id": "van-7" }), vec![unknown_order]),
        ("vehicle.lost", ghost.clone(), vec![unknown_vehicle]),
        ("vehicle.back", ghost.clone(), vec![unknown_vehicle]),
        ("shift.ended", ghost.clone(), vec![unknown_vehicle]),
        ("shift.started", ghost, vec![unknown_vehicle]),
        ("attention.noted", json!({ "order_id": "ord-11", "attention": "acknowledged" }), vec![unknown_order]),
        ("attention.noted", json!({ "vehicle_id": "vna-7", "attention": "snoozed" }), vec![unknown_vehicle]),
        ("attention.noted", json!({ "order_id": "ord-1", "attention": "cleared" }), vec![]),
        ("attention.noted", json!({ "entry_seq": 1, "attention": "cleared" }), vec![]),
        ("order.ready", json!({ "order_id": "ord-1" }), vec![]),
        ("vehicle.back", json!({ "vehicle_id": "van-7" }), vec![]),
    ] {
        // Where the engine does not answer in time nothing is said, so the event is sent again under another id.
        let mut said =
            (0..60).map(|n| strangers(&post(port, &event(&format!("{kind}-{n}-{data}"), kind, &time, &data))));
        let said = said.find(|said| !said.is_empty() || expected.is_empty()).expect("the engine answers in time once");
        let said: Vec<_> =
            said.iter().map(|(code, field, hint)| (code.as_str(), field.as_str(), hint.as_str())).collect();
        assert_eq!(said, expected, "{kind}");
    }

    // What takes effect later is not among what was refused, and the order finds its pin.
    let early = json!({ "order_id": "early", "vehicle_id": "van-7" });
    for (id, kind) in [("p1", "stop.pinned"), ("p2", "assignment.forced")] {
        let (status, text) = http(port, "POST /v1/events?wait=answer", &event(id, kind, &time, &early).to_string());
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &answer["answers"][0]["state"]), (202, &json!("taken")), "{answer}");
        assert_eq!(answer["warnings"][0]["code"], "unknown_order", "{answer}");
    }
    let refused = get(port, "/v1/decisions")["refused"].clone();
    let of_strangers = |one: &&Value| one["reason"].as_str().is_some_and(|reason| reason.starts_with("unknown"));
    assert_eq!(refused.as_array().unwrap().iter().find(of_strangers), None, "{refused}");
    let early = |port: u16| {
        let all = get(port, "/v1/warnings")["warnings"].as_array().unwrap().clone();
        let of: Vec<Value> = all.into_iter().filter(|warned| warned["about"] == "early").collect();
        of.iter().map(|warned| warned["withdrawn_seq"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(early(port), [Value::Null, Value::Null]);
    let created = post(port, &event("late", "order.created", &time, &order("early"))).1["last_seq"].clone();
    eventually("the warnings are withdrawn", || early(port) == [created.clone(), created.clone()]);
    eventually("it is pinned", || get(port, "/v1/orders/early")["pinned"] == "van-7");
    drop(engine_running);
    let (_next, port) = engine(folder.path(), "embedded:log.redb");
    eventually("the next engine knows", || early(port) == [created.clone(), created.clone()]);
}

/// Two vehicles say that they have served one stop: the first has, and whoever looks learns of both. A vehicle that says it twice is no news.
#[test]
fn who_says_to_have_served_what_another_has_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), "embedded:log.redb");
    let mut id = 0;
    let mut tell = |kind: &str, data: &Value| {
        id += 1;
        let (status, text) =
            http(port, "POST /v1/events?wait=answer", &event(&id.to_string(), kind, &at(0), data).to_string());
        assert_eq!(status, 202, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["answers"][0].clone()
    };
    for van in ["van-1", "van-2"] {
        tell(
            "vehicle.registered",
            &json!({ "vehicle_id": van, "start": { "lon": -8.61, "lat": 41.15 }, "capacity": [9] }),
        );
        tell("shift.started", &json!({ "vehicle_id": van }));
    }
    tell("order.created", &order("ord-1"));
    let done = |van: &str| json!({ "vehicle_id": van, "order_id": "ord-1", "stop": "delivery" });
    let conflicts = || -> Vec<Value> {
        let all = get(port, "/v1/warnings")["warnings"].as_array().unwrap().clone();
        let of_two = |warned: &Value| warned["code"] == "conflict" && warned["field"] == "vehicle_id";
        all.into_iter().filter(of_two).collect()
    };
    tell("stop.completed", &done("van-1"));
    let again = tell("stop.completed", &done("van-1"));
    let words = json!("the stop was served or failed before");
    assert_eq!((&again["state"], &again["reason"]), (&json!("refused"), &words));
    assert_eq!(conflicts(), [Value::Null; 0], "he says it twice");
    let second = tell("stop.completed", &done("van-2"));
    assert_eq!((&second["state"], &second["reason"]), (&json!("refused"), &words));
    eventually("both are named", || conflicts().len() == 1);
    let told = conflicts()[0].clone();
    assert_eq!(told["seq"], second["seq"], "{told}");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("served by van-1; van-2 says"), "{detail}");
    assert_eq!(get(port, "/v1/orders/ord-1")["status"], "served");
}

/// What is told late may show that a driver has not driven too long. What was told of him is withdrawn then, and nothing else.
#[test]
fn a_warning_of_driving_times_is_withdrawn_when_a_break_is_told_late() {
    let folder = tempfile::tempdir().unwrap();
    let (engine_running, port) = engine(folder.path(), "embedded:log.redb");
    let ago = |minutes: i64| (jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes)).to_string();
    let mut id = 0;
    let mut tell = |kind: &str, minutes: i64, data: &Value| {
        id += 1;
        let answer = post(port, &event(&id.to_string(), kind, &ago(minutes), data));
        assert_eq!(answer.0, 202, "{answer:?}");
        answer.1["last_seq"].clone()
    };
    let rule = json!({ "driving_max_seconds": 3600, "break_seconds": 1200 });
    for (number, van) in ["van-1", "van-2"].into_iter().enumerate() {
        let start = json!({ "lon": -8.61 - number as f64, "lat": 41.15 });
        let vehicle = json!({ "vehicle_id": van, "start": start, "capacity": [9], "driving_time": rule });
        tell("vehicle.registered", 190, &vehicle);
        tell("shift.started", 180, &json!({ "vehicle_id": van, "position": start }));
        let stop = json!({ "lon": -8.62 - number as f64, "lat": 41.15 });
        tell("order.created", 170, &json!({ "order_id": format!("of-{van}"), "job": { "stop": stop } }));
    }
    let all = || get(port, "/v1/warnings")["warnings"].as_array().unwrap().clone();
    let of = |van: &str| -> Vec<Value> {
        let is_it = |warned: &Value| warned["code"] == "driving_time" && warned["about"] == van;
        all().into_iter().filter(is_it).map(|warned| warned["withdrawn_seq"].clone()).collect()
    };
    for van in ["van-1", "van-2"] {
        eventually("it is planned", || get(port, &format!("/v1/orders/of-{van}"))["vehicle"] == van);
        let at_stop = json!({ "vehicle_id": van, "order_id": format!("of-{van}"), "stop": "delivery" });
        tell("stop.departed", 120, &at_stop);
        tell("stop.arrived", 40, &at_stop);
        eventually("80 minutes without a break are told", || of(van) == [Value::Null]);
    }
    tell("break.started", 110, &json!({ "vehicle_id": "van-1" }));
    let late = tell("break.ended", 80, &json!({ "vehicle_id": "van-1" }));
    eventually("it is withdrawn", || of("van-1").iter().all(Value::is_u64));
    assert!(of("van-1").len() == 1 && of("van-1")[0].as_u64() <= late.as_u64(), "{:?}", of("van-1"));
    assert_eq!(of("van-2"), [Value::Null], "he has driven too long");
    drop(engine_running);
    let (_next, port) = engine(folder.path(), "embedded:log.redb");
    let standing = || {
        let all = get(port, "/v1/warnings")["warnings"].as_array().unwrap().clone();
        let stands = |warned: &Value| warned["code"] == "driving_time" && warned["withdrawn_seq"].is_null();
        all.into_iter().filter(stands).map(|warned| warned["about"].clone()).collect::<Vec<_>>()
    };
    eventually("the next engine knows", || {
        let standing = standing();
        println!("{standing:?}");
        standing == ["van-2"]
    });
}

/// Who publishes on the broker gets no answer: what makes no sense is told on the stream of warnings, once, whoever folds it anew.
#[test]
fn what_makes_no_sense_is_told_of_events_that_did_not_come_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let (first, port) = engine(folder.path(), &url);
    let admin = support::admin::Admin::new(&url);
    let publish = |subject: &str, event: &Value| {
        admin.publish(&format!("fleet.acme.porto.event.{subject}"), event.to_string().as_bytes())
    };
    publish("order_created._", &event("1", "order.created", &at(0), &order("o")));
    for (id, priority) in [("2", 5), ("3", 2)] {
        publish(
            "priority_raised._",
            &event(id, "priority.raised", &at(0), &json!({ "order_id": "o", "priority": priority })),
        );
    }
    publish("shift_started.nobody", &event("4", "shift.started", &at(0), &json!({ "vehicle_id": "nobody" })));
    let listed = |port: u16| {
        let warnings = get(port, "/v1/warnings")["warnings"].as_array().unwrap().clone();
        warnings.iter().map(|warned| (warned["id"].clone(), warned["field"].clone())).collect::<Vec<_>>()
    };
    let expected = vec![(json!("3"), json!("priority")), (json!("4"), json!("vehicle_id"))];
    eventually("both are listed, and no more", || listed(port) == expected);
    eventually("both are told on the stream", || admin.messages("WARNING") == 2);
    drop(first);
    let _ = std::fs::remove_dir_all(folder.path().join("data"));
    let (_second, port) = engine(folder.path(), &url);
    eventually("the next engine lists them, too", || {
        let listed = listed(port);
        println!("{listed:?}");
        listed == expected
    });
    assert_eq!(admin.messages("WARNING"), 2);
}

#[test]
fn a_call_at_a_depot_of_a_vehicle_without_depots_is_taken_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), "embedded:log.redb");
    let (time, start) = (at(0), json!({ "lon": -8.6291, "lat": 41.1579 }));
    let depots = json!({ "places": [{ "lon": -8.6291, "lat": 41.1579, "name": "north" }] });
    let with = json!({ "vehicle_id": "with", "start": start, "reload": depots });
    let without = json!({ "vehicle_id": "without", "start": start });
    for (id, van) in [("with", with), ("without", without)] {
        post(port, &event(&format!("1-{id}"), "vehicle.registered", &time, &van));
        post(port, &event(&format!("2-{id}"), "shift.started", &time, &json!({ "vehicle_id": id })));
    }
    eventually("both are known", || ids(&get(port, "/v1/state"), "vehicles").len() == 2);
    for kind in ["reload.started", "reload.ended"] {
        let call = |id: &str| json!({ "vehicle_id": id });
        assert_eq!(told(&post(port, &event(&format!("3-{kind}"), kind, &time, &call("with")))), []);
        let said = told_in_time(port, &format!("4-{kind}"), kind, &call("without"));
        assert!(said[0].0 == "vehicle_id" && said[0].1.contains("no depots"), "{said:?}");
    }
    let warned = get(port, "/v1/warnings");
    assert!(warned["counts"]["odd_value"].as_u64().is_some_and(|count| count >= 2), "{warned}");
}

#[test]
fn an_order_and_a_vehicle_of_one_id_have_two_stories() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), "embedded:log.redb");
    let (time, start) = (at(0), json!({ "lon": -8.6291, "lat": 41.1579 }));
    post(port, &event("1", "vehicle.registered", &time, &json!({ "vehicle_id": "5", "start": start })));
    post(port, &event("2", "shift.started", &time, &json!({ "vehicle_id": "5" })));
    post(port, &event("3", "order.created", &time, &order("5")));
    eventually("both are told of", || {
        // Until they are folded, nobody knows them.
        let known = |path: &str| http(port, &format!("GET {path}"), "").0 == 200;
        if !known("/v1/orders/5") || !known("/v1/vehicles/5") {
            return false;
        }
        let (order, vehicle) = (get(port, "/v1/orders/5"), get(port, "/v1/vehicles/5"));
        // Their own lines: a decision names the facts that it answers, whomever these are about.
        let words = |it: &Value| {
            let lines = it["story"].as_array().unwrap().iter();
            lines.map(|line| line["words"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("; ")
        };
        assert!(!words(&order).contains("signed on") && !words(&vehicle).contains("ordered"), "{order} {vehicle}");
        words(&order).contains("→ 5") && words(&vehicle).contains("signed on") && words(&vehicle).contains("→ 5")
    });
}

#[test]
fn places_are_read_as_the_zone_says_as_soon_as_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), "embedded:log.redb");
    let time = at(0);
    let zone = json!({ "timezone": "UTC", "coordinates": "planar", "day_start": time, "log_start": time });
    let metres = json!({ "order_id": "o1", "job": { "stop": { "x_meters": 500, "y_meters": 500 } } });
    // In one request: the fold has not opened the zone yet when the order is looked at.
    let lines =
        format!("{}\n{}\n", event("1", "zone.opened", &time, &zone), event("2", "order.created", &time, &metres));
    let (status, text) = support::http_with(port, "POST /v1/events", "Content-Type: application/x-ndjson\r\n", &lines);
    assert!(status == 202 && !text.contains("warnings"), "{status} {text}");
    let (status, answer) = post(port, &event("3", "order.created", &time, &order("o2")));
    let detail = answer["detail"].as_str().unwrap();
    assert!(
        status == 422 && detail.contains("`job.stop.lon`") && detail.contains("`x_meters`, `y_meters`"),
        "{answer}"
    );
}

#[test]
fn over_nats_what_looks_like_a_mistake_is_taken_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let (_engine, port) = engine(folder.path(), &url);
    let metres = json!({ "order_id": "o1", "job": { "stop": { "x_meters": 500, "y_meters": 500 } } });
    let event = event("1", "order.created", &at(48), &metres).to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let on_stream = runtime.block_on(async {
        let client = async_nats::connect(&url).await.unwrap();
        let told = client.subscribe("fleet.acme.porto.warning.odd_value").await.unwrap();
        client.flush().await.unwrap();
        let jetstream = async_nats::jetstream::new(client.clone());
        let subject = "fleet.acme.porto.event.order_created._";
        jetstream.publish(subject, event.into()).await.unwrap().await.unwrap();
        let two: Vec<_> = tokio::time::timeout(std::time::Duration::from_secs(20), told.take(2).collect())
            .await
            .expect("two warnings");
        two.into_iter().map(|it| serde_json::from_slice::<Value>(&it.payload).unwrap()).collect::<Vec<_>>()
    });
    let mut fields: Vec<&str> = on_stream.iter().map(|it| it["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["job.stop.x_meters", "time"]);
    assert_eq!(get(port, "/v1/warnings")["counts"], json!({ "odd_value": 2 }));
    eventually("the order is taken", || http(port, "GET /v1/orders/o1", "").0 == 200);
}

#[test]
fn a_refusal_names_the_event_and_decisions_are_those_of_one_order_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), "embedded:log.redb");
    let (time, start) = (at(0), json!({ "lon": -8.6291, "lat": 41.1579 }));
    post(port, &event("1", "vehicle.registered", &time, &json!({ "vehicle_id": "v1", "start": start })));
    post(port, &event("2", "shift.started", &time, &json!({ "vehicle_id": "v1" })));
    for (id, name) in [("3", "o1"), ("4", "o2")] {
        post(port, &event(id, "order.created", &time, &order(name)));
    }
    post(port, &event("5", "order.cancelled", &time, &json!({ "order_id": "o1" })));
    post(port, &event("6", "order.cancelled", &time, &json!({ "order_id": "o1" })));
    eventually("the refusal is listed", || get(port, "/v1/decisions")["refused"][0]["reason"] == "order_closed");
    let refused = &get(port, "/v1/decisions")["refused"][0];
    assert_eq!(
        (&refused["id"], &refused["source"], &refused["entity"]),
        (&json!("6"), &json!("/shop"), &json!("o1")),
        "{refused}"
    );
    eventually("both are decided on", || get(port, "/v1/decisions?order=o2")["decisions"][0]["order"] == "o2");
    let of = |order: &str| get(port, &format!("/v1/decisions?order={order}"));
    assert!(of("o2")["decisions"].as_array().unwrap().iter().all(|it| it["order"] == "o2"));
    assert_eq!((of("o1")["refused"].as_array().unwrap().len(), &of("o2")["refused"]), (1, &json!([])));
}

#[test]
fn every_error_is_a_problem_document() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), "embedded:log.redb");
    for (request, body, status) in [
        ("DELETE /v1/state", String::new(), 405),
        ("GET /v1/state?limit=many", String::new(), 400),
        // A parameter that nobody knows, a filter without its part, a status that no order has.
        ("GET /v1/state?colour=red", String::new(), 400),
        ("GET /v1/decisions?after=0&limit=3", String::new(), 400),
        ("GET /livez?verbose=1", String::new(), 400),
        ("POST /v1/events?wait=answer&why=1", "{}".to_owned(), 400),
        ("GET /v1/state?status=served", String::new(), 400),
        ("GET /v1/state?part=orders&status=gone", String::new(), 400),
        ("GET /v1/state?part=vehicles&late=true", String::new(), 400),
        ("POST /v1/events", " ".repeat((8 << 20) + 1), 413),
        ("POST /v1/events", "{".to_owned(), 422),
        ("GET /v1/nothing", String::new(), 404),
    ] {
        let (got, headers, text) = support::http_whole(port, request, "", &body);
        assert_eq!(got, status, "{request}: {text}");
        assert!(headers.to_lowercase().contains("application/problem+json"), "{request}: {headers}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert!(problem["status"] == status && !problem["detail"].as_str().unwrap().is_empty(), "{problem}");
        assert_eq!(headers.to_lowercase().contains("allow: get"), status == 405, "{headers}");
    }
}

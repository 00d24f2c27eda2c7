//! `POST /v1/events` as a producer meets it: the forms of a CloudEvent, misspelt fields, a strict zone.

mod support;

use std::process::Stdio;

use serde_json::{Value, json};
use support::{Killed, fleetfold, free_port, http, http_with, pause, wait_for};

fn event(id: &str, kind: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": kind, "time": "2026-06-01T09:00:00Z", "data": data })
}

fn order(id: &str) -> Value {
    json!({ "order_id": id, "job": { "stop": { "lon": -8.62, "lat": 41.15, "service_seconds": 60 } } })
}

fn post(port: u16, headers: &str, body: &str) -> (u16, Value) {
    let (status, text) = http_with(port, "POST /v1/events", headers, body);
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

fn get(port: u16, path: &str) -> Value {
    let (status, text) = http(port, &format!("GET {path}"), "");
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_producer_is_told_what_is_wrong_with_its_events() {
    const JSON: &str = "Content-Type: application/json\r\n";
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", "embedded:log.redb", "--listen", &listen, "--data", "data"];
    let _engine = Killed(fleetfold(&args, folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);

    // A misspelt field is taken and told: in the answer, in the list, in the metrics.
    let mut misspelt = order("o1");
    misspelt["skils"] = json!(["cool"]);
    let lines = format!(
        "{}\n{}\n",
        event("1", "fleet.order.created.v1", &order("o0")),
        event("2", "fleet.order.created.v1", &misspelt)
    );
    let (status, answer) = post(port, "Content-Type: application/x-ndjson\r\n", &lines);
    assert_eq!((status, &answer["accepted"]), (202, &json!(2)), "{answer}");
    assert_eq!(answer["warnings"], json!([{ "line": 2, "code": "unknown_field", "field": "skils", "hint": "skills" }]));
    let listed = get(port, "/v1/warnings");
    assert_eq!(listed["counts"], json!({ "unknown_field": 1 }));
    let warned = &listed["warnings"][0];
    assert_eq!(
        (&warned["source"], &warned["id"], &warned["field"], &warned["hint"]),
        (&json!("/shop"), &json!("2"), &json!("skils"), &json!("skills")),
        "{warned}"
    );
    let metrics = http(port, "GET /metrics", "").1;
    assert!(metrics.contains("fleetfold_warnings_total{reason=\"unknown_field\"} 1"), "{metrics}");
    assert!(metrics.trim_end().ends_with("# EOF"), "the text is whole");

    // Binary mode: attributes as headers. The structured content type wins over a header that a bridge has left behind.
    let binary = "Content-Type: application/json\r\nce-specversion: 1.0\r\nce-id: 3\r\nce-source: /shop\r\n\
                  ce-type: fleet.order.created.v1\r\nce-time: 2026-06-01T09:00:00Z\r\n";
    let (status, answer) = post(port, binary, &order("o2").to_string());
    assert_eq!((status, &answer["accepted"]), (202, &json!(1)), "{answer}");
    let bridged = "Content-Type: application/cloudevents+json; charset=utf-8\r\nce-specversion: 1.0\r\n";
    let (status, answer) = post(port, bridged, &event("4", "fleet.order.created.v1", &order("o3")).to_string());
    assert_eq!((status, &answer["accepted"]), (202, &json!(1)), "{answer}");
    for id in ["o0", "o1", "o2", "o3"] {
        let known = (0..100).any(|_| {
            pause(50);
            http(port, &format!("GET /v1/orders/{id}"), "").0 == 200
        });
        assert!(known, "the engine has no order {id}");
    }

    // A batch: each of its events is judged by itself, and told by its place.
    let batch = "Content-Type: application/cloudevents-batch+json; charset=utf-8\r\n";
    let good = |id: &str| event(id, "fleet.order.created.v1", &order(&format!("o{id}")));
    let (status, answer) = post(port, batch, &json!([good("5"), { "specversion": "1.0" }, [], good("51")]).to_string());
    let places: Vec<&Value> = answer["rejected"].as_array().unwrap().iter().map(|one| &one["line"]).collect();
    assert_eq!((status, &answer["accepted"], places), (207, &json!(2), vec![&json!(2), &json!(3)]), "{answer}");
    let (status, answer) = post(port, batch, &json!([good("51"), good("5")]).to_string());
    assert_eq!((status, &answer["accepted"], &answer["duplicates"]), (202, &json!(0), &json!(2)), "{answer}");
    let (status, answer) = post(port, batch, " []\n");
    assert_eq!((status, &answer["accepted"]), (202, &json!(0)), "{answer}");
    for no_list in [good("52").to_string(), format!("[{}", good("52")), "[1,]".to_owned()] {
        let (status, answer) = post(port, batch, &no_list);
        assert_eq!((status, &answer["code"]), (400, &json!("not_a_batch")), "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains("JSON array of events"), "{answer}");
    }
    assert_eq!(http(port, "GET /v1/orders/o52", "").0, 404);

    // What is no event of a producer is refused in words.
    let own = event("6", "fleet.repair.asked.v1", &json!({ "order_ids": ["o1"], "what": "nothing", "epoch": 99 }));
    let (status, answer) = post(port, JSON, &own.to_string());
    assert!(status == 422 && answer["detail"].as_str().unwrap().contains("engine alone"), "{status} {answer}");
    let (status, answer) = post(port, JSON, &event("7", "fleet.order.created.v1", &order("\u{202e}abc")).to_string());
    assert!(status == 422 && answer["detail"].as_str().unwrap().contains("order_id"), "{status} {answer}");

    // A strict zone refuses what it would have warned about, as soon as the engine has folded the policy.
    let policy = event("8", "fleet.policy.changed.v1", &json!({ "strict": true }));
    assert_eq!(post(port, JSON, &policy.to_string()).0, 202);
    let mut refused = (0, Value::Null);
    for id in 100..200 {
        let mut misspelt = order(&format!("o{id}"));
        misspelt["job"]["stop"]["service_minutes"] = 2.into();
        refused = post(port, JSON, &event(&id.to_string(), "fleet.order.created.v1", &misspelt).to_string());
        if refused.0 != 202 {
            break;
        }
        pause(50);
    }
    let detail = refused.1["detail"].as_str().unwrap_or_default();
    assert!(refused.0 == 422 && detail.contains("job.stop.service_minutes"), "{refused:?}");
    assert!(detail.contains("job.stop.service_seconds"), "{detail}");
    let (status, _) = post(port, JSON, &event("9", "fleet.order.created.v1", &order("o5")).to_string());
    assert_eq!(status, 202, "a strict zone takes what is spelt right");
}

/// Orders by status, vehicle and lateness, page by page, also those that are over.
#[test]
fn orders_are_picked_by_status_vehicle_and_lateness() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = support::engine::serve(folder.path(), "embedded:log.redb", "porto", "data", &[]);
    support::engine::wait_ready(port);
    support::engine::crew(port);
    let wait = |events: &[Value]| {
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        let headers = "Content-Type: application/x-ndjson\r\n";
        let (status, text) = http_with(port, "POST /v1/events?wait=answer", headers, &lines.join("\n"));
        assert_eq!(status, 202, "{text}");
    };
    let mut late = order("late");
    // So late that a vehicle still comes.
    let before = |seconds| (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).to_string();
    late["job"]["stop"]["windows"] = json!([{ "opens": before(3_600), "closes": before(600) }]);
    let mut crane = order("crane");
    crane["skills"] = json!(["crane"]);
    let mut events: Vec<Value> =
        ["a", "b", "c", "gone", "done"].iter().map(|id| event(id, "fleet.order.created.v1", &order(id))).collect();
    events.push(event("late", "fleet.order.created.v1", &late));
    events.push(event("crane", "fleet.order.created.v1", &crane));
    wait(&events);
    wait(&[
        event("x", "fleet.order.cancelled.v1", &json!({ "order_id": "gone" })),
        event("y", "fleet.stop.completed.v1", &json!({ "vehicle_id": "van", "order_id": "done", "stop": "delivery" })),
    ]);
    let page = |query: &str| {
        let page = get(port, &format!("/v1/state?part=orders{query}"));
        let ids = page["orders"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), page["next"].clone())
    };
    let ids = |query: &str| page(query).0;
    assert_eq!(ids(""), ["a", "b", "c", "crane", "late"]);
    assert_eq!(ids("&status=unassigned"), ["crane"]);
    assert_eq!(ids("&status=assigned"), ["a", "b", "c", "late"]);
    assert_eq!(ids("&status=served"), ["done"]);
    assert_eq!(ids("&status=served&vehicle=van"), ["done"]);
    assert_eq!(ids("&status=cancelled"), ["gone"]);
    assert_eq!(ids("&vehicle=van&late=true"), ["late"]);
    assert_eq!(ids("&vehicle=van&late=false"), ["a", "b", "c"]);
    assert!(ids("&vehicle=nobody").is_empty());
    let (first, next) = page("&status=assigned&limit=2");
    assert_eq!((first, &next), (vec!["a".to_owned(), "b".to_owned()], &json!("b")));
    assert_eq!(page("&status=assigned&limit=2&after=b"), (vec!["c".to_owned(), "late".to_owned()], Value::Null));
}

#[test]
fn an_id_that_no_address_can_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = support::engine::serve(folder.path(), "embedded:log.redb", "porto", "data", &[]);
    support::engine::wait_ready(port);
    for id in [".", ".."] {
        let van = json!({ "vehicle_id": id, "start": { "lon": -8.62, "lat": 41.15 } });
        for (kind, data) in [("fleet.order.created.v1", order(id)), ("fleet.vehicle.registered.v1", van)] {
            let (status, problem) =
                post(port, "Content-Type: application/json\r\n", &event("1", kind, &data).to_string());
            assert_eq!((status, &problem["code"]), (422, &json!("unnameable")), "{problem}");
        }
    }
    // Three dots are a name like any other.
    let (status, _) = post(port, "", &event("2", "fleet.order.created.v1", &order("...")).to_string());
    assert_eq!(status, 202);
}

/// Files of the page and answers in JSON are packed for those who take it, and files are not sent twice.
#[test]
fn files_and_answers_are_packed_and_files_are_not_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = support::engine::serve(folder.path(), "embedded:log.redb", "porto", "data", &[]);
    support::engine::wait_ready(port);
    support::engine::crew(port);
    for number in 0..20 {
        support::engine::post(port, &format!("o{number}"));
    }
    support::engine::wait_answered(port, "o19");
    // What is packed is no text: only the head of the answer is read as one.
    let head = |path: &str, headers: &str| {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, answer.len() - end - 4)
    };
    for path in ["/", "/style.css", "/leaflet/leaflet-src.esm.js", "/console/main.js"] {
        let (status, first, _) = head(path, "Accept-Encoding: gzip\r\n");
        assert!(status == 200 && first.contains("content-encoding: gzip"), "{path}: {first}");
        let tag = first.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().replace("w/", "W/");
        let (status, _, size) = head(path, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((status, size), (304, 0), "{path}");
        assert!(!head(path, "").1.contains("content-encoding"), "{path}");
    }
    for path in ["/v1/vehicles/van", "/v1/zones", "/v1/warnings", "/v1/decisions"] {
        let (_, plain, size) = head(path, "");
        let (_, packed, _) = head(path, "Accept-Encoding: gzip\r\n");
        assert!(!plain.contains("content-encoding"), "{plain}");
        assert_eq!(packed.contains("content-encoding: gzip"), size >= 1024, "{path}, {size} bytes: {packed}");
    }
    assert!(head("/v1/decisions", "").2 >= 1024, "the answers that are looked at are large and small");
}

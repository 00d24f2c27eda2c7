//! Orders and vehicles change their zone by pairs of facts: nothing is lost, nothing is doubled, and what was begun is completed by the
//! next run. Real processes, a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Killed, broker, fleetfold, free_port, http, pause, run, wait_for};

/// Orders in the west of the zone and as many in the east.
const EACH: usize = 12;
/// East of 8.65 degrees west.
const EAST: &str = "-8.65,41.0 -8.5,41.0 -8.5,41.3 -8.65,41.3";

fn event(kind: &str, source: &str, id: &str, data: &Value) -> String {
    json!({ "specversion": "1.0", "id": id, "source": source, "type": format!("fleet.{kind}.v1"), "time": "2026-06-01T09:00:00Z", "data": data }).to_string()
}

struct Zones<'a> {
    folder: &'a Path,
    url: String,
    port: u16,
}

impl Zones<'_> {
    fn post(&self, zone: &str, body: &str) {
        let (status, answer) = http(self.port, &format!("POST /v1/zones/acme/{zone}/events"), body);
        assert_eq!(status, 202, "{answer}");
    }

    fn order(&self, zone: &str, order: &str) -> Value {
        let (_, body) = http(self.port, &format!("GET /v1/zones/acme/{zone}/orders/{order}"), "");
        serde_json::from_str(&body).unwrap_or_default()
    }

    fn status(&self, zone: &str, order: &str) -> String {
        let (status, body) = http(self.port, &format!("GET /v1/zones/acme/{zone}/orders/{order}"), "");
        let order: Value = serde_json::from_str(&body).unwrap_or_default();
        if status == 200 { order["status"].as_str().unwrap_or_default().to_owned() } else { "unknown".to_owned() }
    }

    fn is_open(&self, zone: &str, order: &str) -> bool {
        ["assigned", "unassigned"].contains(&self.status(zone, order).as_str())
    }

    fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..400 {
            if holds() {
                return;
            }
            pause(50);
        }
        panic!("{what} does not come about: {}", http(self.port, "GET /v1/zones", "").1);
    }

    fn zone(&self, args: &[&str]) -> (bool, Value, String) {
        let mut all = vec!["zone"];
        all.extend(args);
        all.extend(["--tenant", "acme", "--log", &self.url, "--json"]);
        let output = run(&all, self.folder);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said)
    }

    fn audit(&self, zone: &str) {
        let audited = run(&["audit", "--json", "--log", &self.url, "--tenant", "acme", "--zone", zone], self.folder);
        let audited: Value = serde_json::from_slice(&audited.stdout).expect("audit prints JSON");
        assert_eq!((&audited["chain_gaps"], &audited["unanswered"]), (&json!([]), &json!([])), "{zone}: {audited}");
    }

    /// A zone with vans and orders in the west and in the east, all answered. Nobody drives before six hours are over.
    fn fill(&self) {
        let ready = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(6);
        let ready = ready.to_string();
        let mut body = String::new();
        for (number, lon) in [(0, -8.7), (1, -8.7), (2, -8.6), (3, -8.6)] {
            let van = format!("van-{number}");
            let spec = json!({ "vehicle_id": van, "start": { "lon": lon, "lat": 41.15 } });
            body += &(event("vehicle.registered", "/shop", &format!("r{number}"), &spec) + "\n");
            body += &(event("shift.started", "/shop", &format!("s{number}"), &json!({ "vehicle_id": van })) + "\n");
        }
        for number in 0..2 * EACH {
            let lon = if number < EACH { -8.7 } else { -8.6 };
            let mut stop = json!({ "lon": lon + 0.001 * (number % EACH) as f64, "lat": 41.16, "service_seconds": 60 });
            stop["address"] = json!(format!("{number} Elm Street"));
            let called = format!("REF-{number}");
            let order = json!({ "order_id": format!("o-{number}"), "job": { "stop": stop }, "release_time": ready, "reference": called });
            body += &(event("order.created", "/shop", &format!("o{number}"), &order) + "\n");
        }
        self.wait("the node", || http(self.port, "GET /livez", "").0 == 200);
        // The first fact goes to the broker: there is no zone yet that could take it over HTTP.
        let first = event(
            "vehicle.registered",
            "/shop",
            "first",
            &json!({ "vehicle_id": "spare", "start": { "lon": -8.7, "lat": 41.15 } }),
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let context = async_nats::jetstream::new(async_nats::connect(&self.url).await.unwrap());
            let subject = "fleet.acme.old.event.vehicle_registered.spare";
            context.publish(subject, first.into()).await.unwrap().await.unwrap();
        });
        self.wait("the zone", || http(self.port, "GET /v1/zones/acme/old/readyz", "").0 == 200);
        self.post("old", &body);
        self.wait("an answer to all", || {
            (0..2 * EACH).all(|number| self.status("old", &format!("o-{number}")) == "assigned")
        });
    }
}

fn serve(folder: &Path, url: &str) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", url, "--zones", "acme/*", "--node", "one", "--data", "data", "--listen", &listen];
    let log = std::fs::File::create(folder.join("one.log")).unwrap();
    let child = fleetfold(&args, folder).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    wait_for(port);
    (Killed(child), port)
}

#[test]
fn a_zone_is_split_by_area_and_every_open_order_is_open_in_exactly_one_zone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url);
    let zones = Zones { folder, url, port };
    zones.fill();
    // The driver of van-2 will not have one of them, whoever he works for.
    let order = |zone: &str, name: &str| zones.order(zone, name);
    let refused = json!({ "vehicle_id": "van-2", "order_id": "o-15" });
    zones.post("old", &event("assignment.rejected", "/van-2", "no", &refused));
    zones.wait("the refusal", || order("old", "o-15")["rejected_by"] == json!(["van-2"]));
    // An earlier run died between the two facts of one order: it was cancelled, and never created.
    let source = "/handover/acme.old/acme.new";
    zones.post("old", &event("order.cancelled", source, "order/o-20/1", &json!({ "order_id": "o-20" })));
    zones.wait("the cancellation", || zones.status("old", "o-20") == "cancelled");
    let split = ["split", "old", "--into", "new", "--area", EAST];
    let (good, done, said) = zones.zone(&split);
    assert!(good, "{done} {said}");
    assert_eq!(
        (&done["completed"], &done["orders"], &done["vehicles"]),
        (&json!(1), &json!(EACH), &json!(2)),
        "{done} {said}"
    );
    assert_eq!((&done["lost"], &done["stays"]), (&json!([]), &json!({})), "{done}");
    for number in 0..2 * EACH {
        let order = format!("o-{number}");
        let (here, there) = if number < EACH { ("old", "new") } else { ("new", "old") };
        zones.wait(&order, || zones.status(here, &order) == "assigned" && !zones.is_open(there, &order));
    }
    zones.wait("the refusal in the other zone", || order("new", "o-15")["rejected_by"] == json!(["van-2"]));
    zones.wait("another van", || order("new", "o-15")["vehicle"] == json!("van-3"));
    // What people call it goes with it, and is encrypted in the log of the other zone, too.
    for name in ["o-15", "o-20"] {
        let moved = order("new", name);
        let number = name.trim_start_matches("o-");
        assert_eq!(moved["reference"], json!(format!("REF-{number}")), "{moved}");
        assert_eq!(moved["stops"][0]["address"], json!(format!("{number} Elm Street")), "{moved}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stored = runtime.block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(&zones.url).await.unwrap());
        let stream = context.get_stream("FLEET").await.unwrap();
        stream.get_last_raw_message_by_subject("fleet.acme.new.event.order_created._").await.unwrap().payload
    });
    let stored = String::from_utf8_lossy(&stored);
    assert!(stored.contains("order_id") && !stored.contains("Elm Street") && !stored.contains("REF-"), "{stored}");
    // Once more: there is nothing left to do, and nothing is done twice.
    let (good, done, said) = zones.zone(&split);
    assert!(good, "{said}");
    assert_eq!((&done["completed"], &done["orders"], &done["vehicles"]), (&json!(0), &json!(0), &json!(0)), "{done}");
    // A producer that still sends to the old zone is told there.
    zones.post("old", &event("priority.raised", "/shop", "late", &json!({ "order_id": "o-15", "priority": 9 })));
    for zone in ["old", "new"] {
        zones.audit(zone);
    }
}

#[test]
fn a_vehicle_is_handed_over_once_however_often_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (engine, port) = serve(folder, &url);
    let zones = Zones { folder, url, port };
    zones.fill();
    let handover =
        |vehicle: &'static str| ["handover", "--vehicle", vehicle, "--from", "old", "--to", "other", "--open"];
    // Whoever misspells the zone is told, and keeps his van.
    let van = || http(port, "GET /v1/zones/acme/old/vehicles/van-1", "").1;
    let status = || serde_json::from_str::<Value>(&van()).unwrap()["status"].clone();
    let before = status();
    let (good, _, said) = zones.zone(&handover("van-1")[..7]);
    assert!(!good && said.contains("holds nothing of zone acme/other"), "{said}");
    assert_eq!(status(), before);
    // Its driver has driven for 29 minutes under a rule of driving times: nobody can tell the other zone, so the command says it.
    let spec =
        json!({ "vehicle_id": "van-1", "start": { "lon": -8.7, "lat": 41.15 }, "driving_time": { "rule": "eu_561" } });
    let at = |event: String, ago: i64| {
        let time = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(ago);
        event.replace("2026-06-01T09:00:00Z", &time.to_string())
    };
    let stop = json!({ "lon": -8.7, "lat": 41.16, "service_seconds": 60 });
    let extra = json!({ "order_id": "extra", "job": { "stop": stop } });
    let its = json!({ "order_id": "extra", "vehicle_id": "van-1" });
    let mut at_stop = its.clone();
    at_stop["stop"] = json!("delivery");
    for (kind, ago, data) in [
        ("vehicle.registered", 50, &spec),
        ("order.created", 40, &extra),
        ("assignment.forced", 35, &its),
        ("stop.departed", 30, &at_stop),
        ("stop.completed", 0, &at_stop),
    ] {
        zones.post("old", &at(event(kind, "/driven", kind, data), ago));
    }
    zones.wait("what was driven", || zones.status("old", "extra") == "served");
    for again in [1, 0] {
        let (good, done, said) = zones.zone(&handover("van-1"));
        assert!(good && !said.contains("no engine runs"), "{said}");
        assert_eq!((&done["vehicles"], &done["orders"]), (&json!(again), &json!(0)), "{done}");
        let hours = done["hours_begin_anew"]["van-1"].as_i64();
        assert!(if again == 1 { (1_730..1_750).contains(&hours.unwrap()) } else { hours.is_none() }, "{done}");
    }
    // An earlier run died between the two facts of another one.
    let source = "/handover/acme.old/acme.other";
    zones.post("old", &event("shift.ended", source, "vehicle/van-2/1", &json!({ "vehicle_id": "van-2" })));
    let (good, done, said) = zones.zone(&handover("van-2"));
    assert!(good, "{said}");
    assert_eq!((&done["completed"], &done["vehicles"]), (&json!(1), &json!(1)), "{done}");
    // The page of a zone stands below the zone's address, with all that it loads.
    for file in ["", "style.css", "feed.js", "console/main.js", "leaflet/leaflet.css", "v1/picture", "offers/nobody"] {
        let (status, said) = http(port, &format!("GET /v1/zones/acme/old/{file}"), "");
        assert_eq!(status, if file == "offers/nobody" { 422 } else { 200 }, "{file}: {said}");
    }
    let state = |zone: &str| http(port, &format!("GET /v1/zones/acme/{zone}/state"), "").1;
    zones.wait("the vans in the other zone", || state("other").contains("van-1") && state("other").contains("van-2"));
    // Their orders have gone to the vans that stayed.
    zones.wait("an answer to all", || {
        (0..2 * EACH).all(|number| {
            let (_, body) = http(port, &format!("GET /v1/zones/acme/old/orders/o-{number}"), "");
            let order: Value = serde_json::from_str(&body).unwrap_or_default();
            ["van-0", "van-3"].contains(&order["vehicle"].as_str().unwrap_or_default())
        })
    });
    let (good, _, said) = zones.zone(&handover("nobody"));
    assert!(!good && said.contains("knows no vehicle"), "{said}");
    for zone in ["old", "other"] {
        zones.audit(zone);
    }

    // Without a node it is done all the same, and said that it waits for one.
    drop(engine);
    pause(4_000); // its lease has lapsed then
    let (good, done, said) = zones.zone(&handover("van-3"));
    assert!(good && done["vehicles"] == json!(1), "{done} {said}");
    assert!(said.contains("no engine runs zone acme/other"), "{said}");
}

/// What a vehicle has on board and could not deliver, and that a van with depots is on a trip, no fact could tell the other zone.
#[test]
fn a_vehicle_stays_with_what_it_could_not_deliver_and_a_van_with_depots_once_it_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url);
    let zones = Zones { folder, url, port };
    zones.fill();
    let start = json!({ "lon": -8.7, "lat": 41.15 });
    let depots = json!({ "places": [{ "lon": -8.7, "lat": 41.15, "name": "north" }] });
    for (van, reload, ends, why) in [
        ("van-1", &depots, "completed", "it has left its start"),
        ("van-2", &Value::Null, "failed", "could not be delivered"),
    ] {
        let order = format!("of-{van}");
        let mut spec = json!({ "vehicle_id": van, "start": start, "capacity": [9] });
        if !reload.is_null() {
            spec["reload"] = reload.clone();
        }
        let stop = json!({ "lon": -8.7, "lat": 41.16, "service_seconds": 60 });
        let job = json!({ "stop": stop, "direction": "delivery" });
        let its = json!({ "order_id": order, "vehicle_id": van });
        let mut at_stop = its.clone();
        at_stop["stop"] = json!("delivery");
        let mut over = at_stop.clone();
        if ends == "failed" {
            over["reason"] = json!("no_show");
        }
        for (kind, data) in [
            ("vehicle.registered", &spec),
            ("order.created", &json!({ "order_id": order, "job": job, "load": [2] })),
            ("assignment.forced", &its),
            ("stop.departed", &at_stop),
            (if ends == "failed" { "stop.failed" } else { "stop.completed" }, &over),
        ] {
            let now = jiff::Timestamp::now().to_string();
            let told = event(kind, "/shop", &format!("{van}-{kind}"), data);
            zones.post("old", &told.replace("2026-06-01T09:00:00Z", &now));
            if kind == "assignment.forced" {
                // Goods are on board of who has left for an order of his route.
                zones.wait("its place on a route", || zones.status("old", &order) == "assigned");
            }
        }
        zones.wait("its end", || !zones.is_open("old", &order) && zones.status("old", &order) != "unknown");
        let (good, _, said) = zones.zone(&["handover", "--vehicle", van, "--from", "old", "--to", "other", "--open"]);
        assert!(!good && said.contains(why), "{van}: {said}");
    }
    // Before it has left, a van with depots goes like any other.
    let spec = json!({ "vehicle_id": "van-3", "start": start, "capacity": [9], "reload": depots });
    zones.post("old", &event("vehicle.registered", "/shop", "van-3-depots", &spec));
    zones.wait("its depots", || http(port, "GET /v1/zones/acme/old/vehicles/van-3", "").1.contains("north"));
    let (good, done, said) =
        zones.zone(&["handover", "--vehicle", "van-3", "--from", "old", "--to", "other", "--open"]);
    assert!(good && done["vehicles"] == json!(1), "{done} {said}");
}

#[test]
fn a_vehicle_stays_with_what_only_it_may_serve() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url);
    let zones = Zones { folder, url, port };
    zones.fill();
    let order = |zone: &str, name: &str| zones.order(zone, name);
    zones.post("old", &event("stop.pinned", "/desk", "pin", &json!({ "order_id": "o-15", "vehicle_id": "van-2" })));
    zones.wait("the pin", || order("old", "o-15")["vehicle"] == "van-2" && order("old", "o-15")["pinned"] == "van-2");
    let (good, done, said) = zones.zone(&["split", "old", "--into", "new", "--area", EAST]);
    assert!(good, "{said}");
    assert_eq!((&done["orders"], &done["vehicles"]), (&json!(EACH - 1), &json!(1)), "{done}");
    let stays = json!({ "it is pinned to a vehicle": 1, "an order is pinned to it": 1 });
    assert_eq!(done["stays"], stays);
    zones.wait("the pinned order on its van", || order("old", "o-15")["vehicle"] == "van-2");

    // The other way round the names are taken: the van that serves the orders stays with them.
    let east = |number: &usize| *number != 15;
    zones.wait("an answer in the other zone", || {
        (EACH..2 * EACH).filter(east).all(|number| zones.status("new", &format!("o-{number}")) == "assigned")
    });
    let (good, done, said) = zones.zone(&["split", "new", "--into", "old", "--area", EAST]);
    assert!(good, "{said}");
    assert_eq!((&done["orders"], &done["vehicles"]), (&json!(0), &json!(0)), "{done}");
    assert_eq!(done["stays"]["it is needed for orders that stay"], json!(1), "{done}");
    pause(1_000);
    assert!((EACH..2 * EACH).filter(east).all(|number| zones.status("new", &format!("o-{number}")) == "assigned"));

    let (good, _, said) = zones.zone(&["split", "old", "--into", "old", "--area", EAST]);
    assert!(!good && said.contains("is both zones"), "{said}");
    for zone in ["old", "new"] {
        zones.audit(zone);
    }
}

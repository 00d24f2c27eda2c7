//! Schemas: at the command line, in the registry of a broker, over HTTP as tools for Confluent's registry ask. Real processes, a real broker.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::admin::Admin;
use support::engine::{serve, wait_ready};
use support::{broker, fleetfold, http, run};

const TYPE: &str = "fleet.order.created.v1";

fn said(args: &[&str], folder: &Path) -> (Option<i32>, String) {
    let output = run(args, folder);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// The payload of a type, with a change.
fn changed(folder: &Path, change: impl FnOnce(&mut Value)) -> String {
    let all: Value = serde_json::from_slice(&run(&["schema"], folder).stdout).unwrap();
    let mut schema = all[TYPE].clone();
    change(&mut schema);
    schema.to_string()
}

#[test]
fn versions_are_listed_compared_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (code, text) = said(&["schema", "list"], folder);
    assert!(code == Some(0) && text.lines().any(|line| line.starts_with(TYPE) && line.ends_with('1')), "{text}");
    assert_eq!(said(&["schema", "diff", TYPE, "1"], folder).0, Some(0));
    let (code, text) = said(&["schema", "diff", TYPE, "9"], folder);
    assert!(code == Some(1) && text.contains("no version 9"), "{text}");
    assert_eq!(said(&["schema", "check"], folder).0, Some(0));
    let judged = |schema: String| {
        std::fs::write(folder.join("new.json"), schema).unwrap();
        said(&["schema", "check", "--file", "new.json", "--subject", TYPE], folder)
    };
    assert_eq!(judged(changed(folder, |schema| schema["properties"]["gift"] = json!({ "type": "string" }))).0, Some(0));
    let (code, text) = judged(changed(folder, |schema| {
        schema["properties"].as_object_mut().unwrap().remove("skills");
    }));
    assert!(code == Some(2) && text.contains("skills"), "{text}");
    assert_eq!(judged("no JSON".to_owned()).0, Some(1));
    assert_eq!(said(&["schema", "check", "--file", "new.json", "--subject", "fleet.nothing.v1"], folder).0, Some(1));
    assert!(said(&["schema", "asyncapi"], folder).1.contains("\"asyncapi\""));
}

#[test]
fn a_broker_registers_each_version_once_and_an_engine_does_not_start_beside_what_it_reads_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let push = ["schema", "push", "--log", &url];
    let (code, text) = said(&push, folder);
    assert!(code == Some(0) && text.contains(&format!("{TYPE} version 1")), "{text}");
    let (code, text) = said(&push, folder);
    assert!(code == Some(0) && text.contains("registered already"), "{text}");
    let (code, text) = said(&["schema", "list", "--log", &url], folder);
    assert!(code == Some(0) && text.lines().count() > 40, "{text}");
    assert_eq!(said(&["schema", "check", "--log", &url], folder).0, Some(0));
    // A later program has registered one more field: both read both. Garbage in the registry harms nobody.
    let admin = Admin::new(&url);
    let later = changed(folder, |schema| schema["properties"]["gift"] = json!({ "type": "string" }));
    admin.publish(&format!("$KV.SCHEMAS.{TYPE}/2"), later.as_bytes());
    admin.publish("$KV.SCHEMAS.garbage", b"\xff");
    assert_eq!(said(&push, folder).0, Some(0));
    let (engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    drop(engine);
    // One that this program cannot read: nothing is pushed, and no engine starts.
    let needs = changed(folder, |schema| schema["properties"]["job"] = json!({ "type": "boolean" }));
    admin.publish(&format!("$KV.SCHEMAS.{TYPE}/3"), needs.as_bytes());
    let (code, text) = said(&push, folder);
    assert!(code == Some(1) && text.contains("nothing was pushed") && text.contains("job"), "{text}");
    assert_eq!(said(&["schema", "check", "--log", &url], folder).0, Some(2));
    let refused = fleetfold(&["serve", "--log", &url, "--listen", "127.0.0.1:0"], folder).output().unwrap();
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && text.contains("registry of schemas") && text.contains("version 3"),
        "{text}"
    );
    assert_eq!(said(&["schema", "push", "--log", "embedded"], folder).0, Some(1));
}

#[test]
fn tools_for_confluents_registry_read_and_ask() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = serve(folder.path(), "embedded:log.redb", "porto", "data", &[]);
    let get = |path: &str| {
        let (status, body) = http(port, &format!("GET {path}"), "");
        (status, serde_json::from_str::<Value>(&body).unwrap_or_else(|_| panic!("{path}: {body}")))
    };
    let (status, subjects) = get("/subjects");
    assert!(status == 200 && subjects.as_array().unwrap().contains(&json!(TYPE)), "{subjects}");
    assert_eq!(get(&format!("/subjects/{TYPE}/versions")), (200, json!([1])));
    let (status, version) = get(&format!("/subjects/{TYPE}/versions/latest"));
    assert_eq!(
        (status, &version["subject"], &version["version"], &version["schemaType"]),
        (200, &json!(TYPE), &json!(1), &json!("JSON"))
    );
    let schema: Value = serde_json::from_str(version["schema"].as_str().unwrap()).unwrap();
    assert!(schema["properties"]["order_id"].is_object(), "{schema}");
    assert_eq!(get(&format!("/schemas/ids/{}", version["id"])).1["schema"], version["schema"]);
    assert_eq!(get("/config").1["compatibilityLevel"], "FULL_TRANSITIVE");
    for (path, status, code) in [
        ("/subjects/nothing/versions", 404, 40401),
        ("/subjects/fleet.order.created.v1/versions/7", 404, 40402),
        ("/subjects/fleet.order.created.v1/versions/x", 422, 42202),
        ("/schemas/ids/1", 404, 40403),
    ] {
        let answer = get(path);
        assert_eq!((answer.0, answer.1["error_code"].as_u64()), (status, Some(code)), "{path}");
    }
    let ask = |path: &str, body: &Value| {
        let (status, body) =
            http(port, &format!("POST /compatibility/subjects/{TYPE}/versions{path}"), &body.to_string());
        (status, serde_json::from_str::<Value>(&body).unwrap_or_else(|_| panic!("{path}: {body}")))
    };
    let mut more = schema.clone();
    more["properties"]["gift"] = json!({ "type": "string" });
    let mut less = schema;
    less["properties"].as_object_mut().unwrap().remove("skills");
    for path in ["/latest", "/1", ""] {
        assert_eq!(
            ask(path, &json!({ "schema": more.to_string(), "schemaType": "JSON" })),
            (200, json!({ "is_compatible": true }))
        );
        let (status, told) = ask(&format!("{path}?verbose=true"), &json!({ "schema": less.to_string() }));
        assert!(
            status == 200 && told["is_compatible"] == false && told["messages"].to_string().contains("skills"),
            "{told}"
        );
    }
    for body in [
        json!({ "schema": "{", "schemaType": "JSON" }),
        json!({ "schema": "{}", "schemaType": "AVRO" }),
        json!({}),
        json!({ "schema": "[1]" }),
    ] {
        let (status, told) = ask("/latest", &body);
        assert_eq!((status, told["error_code"].as_u64()), (422, Some(42201)), "{body}");
    }
}

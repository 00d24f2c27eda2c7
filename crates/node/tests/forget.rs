//! A person is forgotten: no file and no answer has his words any more, the log can still be folded and verified, and nothing else is lost.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::admin::Admin;
use support::engine::{crew, event, serve, wait_answered, wait_ready};
use support::{Killed, broker, http, pause, run};

/// Words that stand nowhere else.
const REFERENCE: &str = "QZREF7731-Maria-Lindqvist";
const ADDRESS: &str = "QZADR5529 Elm Street 12";
const NOTE: &str = "QZNOTE4410 she asked to be called";
const BY: &str = "QZBY1187 at desk 2";
const OTHER: &str = "QZOTHER9090";
const CLEAR: &str = "QZCLEAR3838";
const WORDS: [&str; 4] = [REFERENCE, ADDRESS, NOTE, BY];

fn order(id: &str, reference: &str, address: &str) -> Value {
    let stop = json!({ "lon": -8.6201, "lat": 41.1507, "address": address });
    json!({ "order_id": id, "reference": reference, "job": { "stop": stop } })
}

fn post(port: u16, kind: &str, id: &str, data: &Value) -> Value {
    let (status, answer) = http(port, "POST /v1/events?wait=answer", &event(kind, id, data).to_string());
    assert_eq!(status, 202, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

/// Which of these words stand in a file below a folder.
fn found_in(folder: &Path, words: &[&[u8]]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(found_in(&path, words));
        } else if let Ok(bytes) = std::fs::read(&path) {
            for word in words.iter().filter(|word| bytes.windows(word.len()).any(|part| part == **word)) {
                found.push(format!("{} in {}", String::from_utf8_lossy(word), path.display()));
            }
        }
    }
    found
}

/// What an order is called is passed on to its driver and its customer, as the producer wants; what they were told before stays in the
/// broker's files, or in the embedded one, until something else is written there.
fn in_files(folder: &Path) -> Vec<String> {
    let passed_on = |found: &String| {
        let told = ["/streams/ASSIGNMENT/", "/streams/ETA/", "/streams/ALERT/", "/log.redb"];
        found.starts_with(REFERENCE) && told.iter().any(|told| found.contains(told))
    };
    found_in(folder, &WORDS.map(str::as_bytes)).into_iter().filter(|found| !passed_on(found)).collect()
}

/// Which of the words an engine tells to anybody.
fn told(port: u16, orders: &[&str]) -> Vec<String> {
    let mut paths: Vec<String> = ["state", "picture", "decisions", "warnings", "sources", "vehicles/van", "alerts"]
        .iter()
        .map(|path| format!("/v1/{path}"))
        .collect();
    paths.push("/v1/replay?from=2020-01-01T00:00:00Z&to=2020-01-01T01:00:00Z&steps=1".to_owned());
    for word in ["QZREF", "QZADR", "QZNOTE", "QZBY"] {
        paths.push(format!("/v1/search?q={word}"));
    }
    for order in orders {
        paths.extend([format!("/v1/orders/{order}"), format!("/v1/explain/order/{order}")]);
    }
    paths.extend((1..40).map(|seq| format!("/v1/entries/{seq}")));
    let mut found = Vec::new();
    for path in paths {
        let (_, answer) = http(port, &format!("GET {path}"), "");
        found.extend(WORDS.iter().filter(|word| answer.contains(**word)).map(|word| format!("{word} at {path}")));
    }
    found
}

fn forget(folder: &Path, url: &str, who: &[&str]) -> (i32, String) {
    let mut args = vec!["forget"];
    args.extend(who);
    args.extend(["--log", url, "--tenant", "acme", "--zone", "porto", "--json"]);
    let ran = run(&args, folder);
    let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    (ran.status.code().unwrap(), text)
}

/// The same as people read it.
fn forget_in_words(folder: &Path, url: &str, order: &str) -> (i32, String) {
    let ran = run(&["forget", "order", order, "--log", url, "--tenant", "acme", "--zone", "porto"], folder);
    let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    (ran.status.code().unwrap(), text)
}

/// What `fleetfold forget` says, and its exit code: 0 where nobody can read anything of the person any more, 2 where something stays.
#[test]
fn whoever_forgets_is_told_in_words_what_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let (_engine, port) = serve(folder, &url, "porto", "data", &[]);
    wait_ready(port);
    post(port, "order.created", "1", &order("whole", REFERENCE, ADDRESS));
    let mut misspelt = order("misspelt", REFERENCE, ADDRESS);
    misspelt["refrence"] = json!("Elm");
    post(port, "order.created", "2", &misspelt);
    let clear = event("order.created", "n1", &order("clear", REFERENCE, ADDRESS));
    let entry =
        Admin::new(&url).publish("fleet.acme.porto.event.order_created._", clear.to_string().as_bytes()).to_string();
    for (number, id) in ["whole", "misspelt", "clear"].into_iter().enumerate() {
        wait_answered(port, id);
        let (code, text) = forget_in_words(folder, &url, id);
        assert!(code == 1 && text.contains("--even-if-open"), "{id}: {text}");
        post(port, "order.cancelled", &format!("c{number}"), &json!({ "order_id": id }));
    }
    let (code, text) = forget_in_words(folder, &url, "whole");
    assert!(code == 0 && text.contains("is forgotten: entry "), "{text}");
    assert!(!text.contains("in the clear") && !text.contains("does not know"), "{text}");
    let (code, text) = forget_in_words(folder, &url, "misspelt");
    assert!(code == 2 && text.contains("1 entries of the log have fields that their type does not know ("), "{text}");
    let (code, text) = forget_in_words(folder, &url, "clear");
    assert!(code == 2 && text.contains(&format!("1 entries of the log hold words in the clear ({entry})")), "{text}");
    let (code, text) = forget_in_words(folder, &url, "nobody");
    assert!(code == 1 && text.contains("nothing in the log names"), "{text}");
}

/// The log folds to what its engines had, and the chain of its plans is whole.
fn is_verified(folder: &Path, url: &str) {
    for command in ["verify", "audit"] {
        let ran = run(&[command, "--log", url, "--tenant", "acme", "--zone", "porto"], folder);
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

fn ended(mut engine: Killed) {
    let stop = std::process::Command::new("kill").args(["-TERM", &engine.0.id().to_string()]).status().unwrap();
    assert!(stop.success() && engine.0.wait().unwrap().success());
}

/// What a screen calls the other order, as soon as the log is read again.
fn is_still_called(port: u16) {
    let mut last = String::new();
    for _ in 0..200 {
        last = http(port, "GET /v1/orders/other", "").1;
        if last.contains(OTHER) {
            return;
        }
        pause(50);
    }
    panic!("the words of somebody else are gone: {last}");
}

#[test]
fn a_customer_leaves_every_file_and_every_answer_and_the_log_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (_broker, url) = broker(folder.path());
    let (engine, port) = serve(folder.path(), &url, "porto", "data", &["--base-hours", "1"]);
    wait_ready(port);
    crew(port);
    post(port, "order.created", "1", &order("ord-1", REFERENCE, ADDRESS));
    post(port, "order.created", "2", &order("other", OTHER, "elsewhere"));
    post(
        port,
        "attention.noted",
        "3",
        &json!({ "order_id": "ord-1", "attention": "acknowledged", "words": NOTE, "by": BY }),
    );
    wait_answered(port, "ord-1");
    let seen = told(port, &["ord-1"]);
    assert!(WORDS.iter().all(|word| seen.iter().any(|seen| seen.starts_with(word))), "dispatchers see them: {seen:?}");
    assert_eq!(in_files(folder.path()), [""; 0], "what came over HTTP never stands in the clear");
    // A repeat is one, although it is encrypted anew; another reference under the same id is none.
    let again = post(port, "order.created", "1", &order("ord-1", REFERENCE, ADDRESS));
    assert_eq!(again["duplicates"], 1, "{again}");
    let other = event("order.created", "1", &order("ord-1", "another", ADDRESS)).to_string();
    assert_eq!(http(port, "POST /v1/events", &other).0, 409);

    // Over NATS it stands there as it was published, and a forged attribute does no harm.
    let admin = Admin::new(&url);
    let clear = event("order.created", "n1", &order("clear", CLEAR, CLEAR));
    admin.publish("fleet.acme.porto.event.order_created._", clear.to_string().as_bytes());
    let mut forged = event("order.created", "n2", &order("forged", "r", "a"));
    forged["encrypted"] = json!("AQAAAAAA");
    admin.publish("fleet.acme.porto.event.order_created._", forged.to_string().as_bytes());
    admin.publish("fleet.acme.porto.event.order_created._", format!("no event of ord-1: {REFERENCE}").as_bytes());
    wait_answered(port, "forged");
    // One byte longer than it may be: rejected, with its words.
    let long = order("ord-1", &format!("{REFERENCE}{}", "x".repeat(256)), ADDRESS);
    admin.publish("fleet.acme.porto.event.order_updated._", event("order.updated", "n3", &long).to_string().as_bytes());
    for _ in 0..100 {
        if http(port, "GET /v1/decisions", "").1.matches("\"payload\"").count()
            + http(port, "GET /v1/decisions", "").1.matches("\"field\"").count()
            > 0
        {
            break;
        }
        pause(50);
    }
    let key = admin.payload("KV_KEYS", "$KV.KEYS.acme.porto.order.ord-1");
    assert!(key.len() == 32 && !found_in(folder.path(), &[&key]).is_empty());

    let (code, text) = forget(folder.path(), &url, &["order", "ord-1"]);
    assert!(code == 1 && text.contains("--even-if-open"), "{text}");
    let (code, text) = forget(folder.path(), &url, &["order", "nobody"]);
    assert!(code == 1 && text.contains("nothing in the log names"), "{text}");
    post(port, "order.cancelled", "4", &json!({ "order_id": "ord-1" }));
    let (code, text) = forget(folder.path(), &url, &["order", "ord-1"]);
    // The two that were published in the clear stay until they expire, and that is said.
    let done: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert!(code == 2 && done["in_the_clear"] == 2 && done["erased"].as_u64() >= Some(2), "{text}");
    let entries: Vec<String> = done["entries"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let words = format!("2 entries of the log hold words in the clear ({})", entries.join(", "));
    assert!(text.contains(&words) && text.contains("stay until they expire"), "{words}: {text}");
    for _ in 0..200 {
        if http(port, "GET /v1/state", "").1.contains(&format!("\"applied\":{}", done["seq"])) {
            break;
        }
        pause(20);
    }
    assert_eq!(found_in(folder.path(), &[&key]), [""; 0], "the key was overwritten");
    let route = || admin.payload("ASSIGNMENT", "fleet.acme.porto.assignment.van");
    let says = || String::from_utf8_lossy(&route()).contains(REFERENCE);
    for _ in 0..100 {
        if !says() {
            break;
        }
        pause(50);
    }
    assert!(!says(), "the last thing that the driver was told");
    assert_eq!(told(port, &["ord-1", "other"]).iter().filter(|told| !told.contains("/v1/entries/")).count(), 0);
    let rejected =
        run(&["rejected", "list", "--log", &url, "--tenant", "acme", "--zone", "porto", "--json"], folder.path());
    assert!(!String::from_utf8_lossy(&rejected.stdout).contains("QZREF"), "{rejected:?}");
    is_still_called(port);

    // What comes late is not kept, and says so; and all of it again is harmless.
    let late = post(port, "order.updated", "5", &json!({ "order_id": "ord-1", "reference": "QZLATE6262" }));
    assert!(late["warnings"].to_string().contains("was forgotten"), "{late}");
    assert_eq!(found_in(folder.path(), &[b"QZLATE6262"]), [""; 0]);
    assert_eq!(forget(folder.path(), &url, &["order", "ord-1"]).0, 2);
    is_verified(folder.path(), &url);

    // With its snapshot, and from the log alone.
    ended(engine);
    let snapshots = || std::fs::read_dir(folder.path().join("data")).unwrap().flatten();
    let before = |seq: u64| {
        snapshots()
            .filter_map(|file| file.path().file_stem()?.to_str()?.parse().ok())
            .filter(|at: &u64| *at < seq)
            .count()
    };
    assert_eq!(before(done["seq"].as_u64().unwrap()), 0, "a snapshot of before is still there");
    for removed in [false, true] {
        if removed {
            std::fs::remove_dir_all(folder.path().join("data")).unwrap();
        }
        let (engine, port) = serve(folder.path(), &url, "porto", "data", &[]);
        wait_ready(port);
        is_still_called(port);
        let told = told(port, &["ord-1", "other"]);
        assert_eq!(told.iter().filter(|told| !told.contains("/v1/entries/")).collect::<Vec<_>>(), [""; 0]);
        ended(engine);
    }
    is_verified(folder.path(), &url);
}

#[test]
fn with_a_file_for_a_log_the_engine_forgets_and_a_driver_is_forgotten_when_he_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let log = format!("embedded:{}", folder.path().join("log.redb").display());
    let (engine, port) = serve(folder.path(), &log, "porto", "data", &[]);
    wait_ready(port);
    crew(port);
    post(port, "order.created", "1", &order("ord-1", REFERENCE, ADDRESS));
    post(port, "order.created", "2", &order("other", OTHER, "elsewhere"));
    post(
        port,
        "attention.noted",
        "3",
        &json!({ "vehicle_id": "van", "attention": "acknowledged", "words": NOTE, "by": BY }),
    );
    let (code, text) = forget(folder.path(), &log, &["order", "ord-1"]);
    assert!(code == 1 && text.contains("POST /v1/forget"), "{text}");
    let asked = |body: &Value| http(port, "POST /v1/forget", &body.to_string());
    for (body, status, code) in [
        (json!({}), 422, "nobody_named"),
        (json!({ "order_id": "a", "vehicle_id": "b" }), 422, "nobody_named"),
        (json!({ "order_id": "ord-1" }), 409, "work_goes_on"),
        (json!({ "vehicle_id": "van" }), 409, "work_goes_on"),
        (json!({ "order_id": "nobody" }), 404, "no_such_order"),
        (json!({ "vehicle_id": "nobody" }), 404, "no_such_vehicle"),
    ] {
        let (got, answer) = asked(&body);
        assert!(got == status && answer.contains(code), "{body}: {got} {answer}");
    }
    // Words in a misspelt field are no words as far as the engine knows: the entry is named.
    let misspelt = post(port, "order.updated", "u1", &json!({ "order_id": "ord-1", "refrence": "Ms Grey" }));
    let entry = misspelt["last_seq"].clone();
    // Words are encrypted whatever stands in attributes that nobody reads.
    let nested = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for (number, odd) in [r#""Ana \ud83d""#, "1e999", nested.as_str()].into_iter().enumerate() {
        let id = format!("odd-{number}");
        let whole = event("order.updated", &id, &order("ord-1", REFERENCE, ADDRESS)).to_string();
        let whole = format!("{},\"operator\":{odd}}}", whole.strip_suffix('}').unwrap());
        let (status, said) = http(port, "POST /v1/events", &whole);
        assert_eq!(status, 202, "{said}");
        assert_eq!(in_files(folder.path()), [""; 0], "{odd}");
    }
    // The entry of what stands in an extension attribute that no engine knows is named, too.
    let mut named = event("order.updated", "u2", &json!({ "order_id": "ord-1", "priority": 3 }));
    named["customername"] = json!("Ms Grey");
    let (status, said) = http(port, "POST /v1/events", &named.to_string());
    let attribute = serde_json::from_str::<Value>(&said).unwrap()["last_seq"].clone();
    assert_eq!(status, 202, "{said}");
    // An open order is served without its words.
    let (status, answer) = asked(&json!({ "order_id": "ord-1", "even_if_open": true }));
    let done: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &done["in_the_clear"]), (200, &json!(0)), "{answer}");
    assert_eq!(
        (&done["unknown_fields"], &done["unknown_entries"]),
        (&json!(2), &json!([entry, attribute])),
        "{answer}"
    );
    let open: Value = serde_json::from_str(&http(port, "GET /v1/orders/ord-1", "").1).unwrap();
    assert_eq!(open["status"], "assigned", "{open}");
    post(port, "shift.ended", "4", &json!({ "vehicle_id": "van" }));
    for _ in 0..2 {
        let (status, answer) = asked(&json!({ "vehicle_id": "van" }));
        assert!(status == 200 && answer.contains("\"in_the_clear\":0"), "{answer}");
    }
    assert_eq!(told(port, &["ord-1", "other"]), [""; 0]);
    assert_eq!(in_files(folder.path()), [""; 0]);
    let keys = std::fs::read_dir(folder.path().join("log.redb.keys")).unwrap().flatten();
    let mut sizes: Vec<u64> = keys.map(|file| file.metadata().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 0, 32], "marks of two, and the key of another one");
    is_still_called(port);
    ended(engine);
    is_verified(folder.path(), &log);
    // Without the keys nothing is lost but words, and the zone goes on.
    std::fs::remove_dir_all(folder.path().join("log.redb.keys")).unwrap();
    let (_engine, port) = serve(folder.path(), &log, "porto", "data", &[]);
    wait_ready(port);
    let other: Value = serde_json::from_str(&http(port, "GET /v1/orders/other", "").1).unwrap();
    assert!(other["order"].is_null() || !other.to_string().contains(OTHER), "{other}");
    post(port, "order.created", "9", &order("new", OTHER, "elsewhere"));
    assert!(http(port, "GET /v1/orders/new", "").1.contains(OTHER));
}

//! Recorded days: what is recorded folds again to what the live engine had, and a file that does not is told where.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::run;

/// A small day: two vans, six orders.
fn day() -> String {
    let place = |step: i32| json!({ "lon": -8.62 + f64::from(step) / 500.0, "lat": 41.15 });
    let event = |id: usize, kind: &str, minute: usize, data: &Value| json!({ "specversion": "1.0", "id": id.to_string(), "source": "/test", "type": kind, "time": format!("2026-06-01T09:{minute:02}:00Z"), "data": data });
    let zone = json!({ "timezone": "Europe/Lisbon", "day_start": "2026-06-01T09:00:00Z", "log_start": "2026-06-01T09:00:00Z" });
    let mut events = vec![event(0, "fleet.zone.opened.v1", 0, &zone)];
    for (id, vehicle) in ["van-1", "van-2"].into_iter().enumerate() {
        let van = json!({ "vehicle_id": vehicle, "start": place(0), "shift": { "starts": "2026-06-01T09:00:00Z", "ends": "2026-06-01T17:00:00Z" } });
        events.push(event(10 + id, "fleet.vehicle.registered.v1", 0, &van));
        events.push(event(
            20 + id,
            "fleet.shift.started.v1",
            1,
            &json!({ "vehicle_id": vehicle, "position": place(0) }),
        ));
    }
    for order in 0..6 {
        let mut stop = place(order + 1);
        stop["service_seconds"] = 60.into();
        let data = json!({ "order_id": format!("ord-{order}"), "job": { "stop": stop } });
        events.push(event(30 + order as usize, "fleet.order.created.v1", 2 + 3 * order as usize, &data));
    }
    let header = json!({ "fleetfold_day": 2, "title": "a small day" });
    let lines: Vec<String> = std::iter::once(header).chain(events).map(|line| line.to_string()).collect();
    lines.join("\n") + "\n"
}

/// The recording of that day under simulated drivers, line by line.
fn recording(folder: &Path) -> Vec<String> {
    std::fs::write(folder.join("day.jsonl"), day()).unwrap();
    let output = run(&["backtest", "day.jsonl", "--record", "recorded.jsonl", "--json"], folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(folder.join("recorded.jsonl")).unwrap().lines().map(str::to_owned).collect()
}

/// Exit status and words of a replay of these lines.
fn replay(folder: &Path, lines: &[String]) -> (bool, String) {
    std::fs::write(folder.join("changed.jsonl"), lines.join("\n") + "\n").unwrap();
    let output = run(&["replay", "changed.jsonl", "--json"], folder);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!words.contains("panicked"), "{words}");
    (output.status.success(), words)
}

fn is_plan(line: &str) -> bool {
    line.contains("\"fleet.plan.proposed.v1\"")
}

#[test]
fn a_recording_is_compared_with_the_digests_of_the_live_engine() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let recorded = recording(folder);
    let plans = recorded.iter().filter(|line| is_plan(line)).count();
    assert!(plans >= 3, "{plans} plans");
    let (same, words) = replay(folder, &recorded);
    assert!(same && words.contains(&format!("{plans} plans were made from the digests")), "{words}");

    // A plan that says another digest.
    let mut changed = recorded.clone();
    let third = changed.iter().position(|line| is_plan(line)).unwrap();
    let mut line: Value = serde_json::from_str(&changed[third]).unwrap();
    line["event"]["data"]["fleet_digest"] = "00000000deadbeef".into();
    let (seq, rev) = (line["seq"].as_u64().unwrap(), line["event"]["data"]["rev"].as_u64().unwrap());
    changed[third] = line.to_string();
    let (same, words) = replay(folder, &changed);
    assert!(!same && words.contains(&format!("plan {rev} (entry {seq})")) && words.contains("deadbeef"), "{words}");

    // A fact that is not in the recording: the next plan was made with it.
    let mut changed = recorded.clone();
    let order = changed.iter().position(|line| line.contains("\"ord-2\"") && line.contains("order.created")).unwrap();
    changed.remove(order);
    let (same, words) = replay(folder, &changed);
    let next = recorded[order..].iter().find(|line| is_plan(line)).unwrap();
    let seq = serde_json::from_str::<Value>(next).unwrap()["seq"].as_u64().unwrap();
    assert!(!same && words.contains(&format!("(entry {seq}) was made by an engine")), "{words}");
}

/// Version 0.1 wrote no format and digests that no other program can make.
#[test]
fn a_day_of_the_first_format_is_folded_and_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut lines = recording(folder);
    for line in &mut lines {
        let mut value: Value = serde_json::from_str(line).unwrap();
        if value.get("fleetfold_day").is_some() {
            value["fleetfold_day"] = 1.into();
        } else if value.get("digest").is_some() {
            value.as_object_mut().unwrap().remove("format");
            value["digest"] = "00000000deadbeef".into();
        } else if is_plan(line) {
            let plan = value["event"]["data"].as_object_mut().unwrap();
            plan.remove("format");
            plan.insert("prev_hash".to_owned(), "0123456789abcdef".into());
            plan.insert("fleet_digest".to_owned(), "00000000deadbeef".into());
        }
        *line = value.to_string();
    }
    let (good, words) = replay(folder, &lines);
    assert!(good && words.contains("format 1") && words.contains("cannot be compared"), "{words}");
    let recorded = recording(folder);
    let footer: Value = serde_json::from_str(recorded.last().unwrap()).unwrap();
    assert!(words.contains(footer["digest"].as_str().unwrap()), "the same facts and plans, so the same fleet: {words}");
}

#[test]
fn a_file_that_is_no_whole_day_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let recorded = recording(folder);
    let last = recorded.len();
    let with = |at: usize, line: &str| {
        let mut lines = recorded.clone();
        lines[at] = line.to_owned();
        lines
    };
    let mut twice = recorded.clone();
    twice.push(recorded[last - 1].clone());
    let mut swapped = recorded.clone();
    swapped.swap(2, 3);
    let half = recorded[4][..recorded[4].len() / 2].to_owned();
    let cases = [
        (Vec::new(), "empty".to_owned()),
        (recorded[..last - 1].to_vec(), format!("cut short: it ends at line {}", last - 1)),
        (with(4, &half), "line 5: not JSON".to_owned()),
        (with(4, "[]"), "line 5: neither".to_owned()),
        (with(3, &recorded[0]), "line 4: a second header".to_owned()),
        (twice, format!("line {}: it stands behind the footer", last + 1)),
        (swapped, "line 4: entry".to_owned()),
        (with(0, "{\"fleetfold_day\":3}"), "line 1: day format 3 is newer".to_owned()),
        (with(2, &"x".repeat(4 << 20)), "line 3: longer than".to_owned()),
        (with(0, "PK\u{3}\u{4}"), "line 1: not JSON".to_owned()),
    ];
    for (lines, expected) in cases {
        let (good, words) = replay(folder, &lines);
        assert!(!good && words.contains(&expected), "expected {expected:?}: {words}");
    }
    std::fs::write(folder.join("bytes.jsonl"), [0x7b, 0xff, 0xfe, b'\n']).unwrap();
    for path in ["bytes.jsonl", "."] {
        let output = run(&["replay", path], folder);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && !words.contains("panicked") && words.contains("error: "), "{words}");
    }
}

/// What is not whole is not played as if it were.
#[test]
fn a_recording_that_was_cut_or_changed_is_told_by_backtest_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let recorded = recording(folder);
    let backtest = |lines: &[String]| {
        std::fs::write(folder.join("changed.jsonl"), lines.join("\n") + "\n").unwrap();
        let output = run(&["backtest", "changed.jsonl", "--json"], folder);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (good, words) = backtest(&recorded);
    assert!(good && !words.contains("not what was recorded"), "{words}");
    let (good, words) = backtest(&recorded[..recorded.len() / 2]);
    assert!(!good && words.contains("cut short"), "{words}");
    let order = recorded.iter().position(|line| line.contains("fleet.order.created.v1")).unwrap();
    let mut without = recorded.clone();
    without.remove(order);
    let (good, words) = backtest(&without);
    assert!(good && words.contains("not what was recorded"), "{words}");
}

/// Two policies on one day: the same seeds for both, the difference seed by seed, a page that stands alone; mistakes are told with
/// their line.
#[test]
fn policies_are_compared_on_the_same_day() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("day.jsonl"), day()).unwrap();
    std::fs::write(folder.join("lazy.toml"), "# no search\nsearch_rounds = 0\nunserved_cost = 0.001\n").unwrap();
    let compare = |more: &[&str]| run(&[&["backtest", "day.jsonl", "--policy", "day"], more].concat(), folder);
    let done = compare(&["--policy", "lazy.toml", "--seeds", "3", "--json", "--report", "page.html"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let compared: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(compared["seeds"], json!([1, 2, 3]));
    let served = |policy: usize| -> Vec<u64> {
        let reports = compared["policies"][policy]["reports"].as_array().unwrap();
        reports.iter().map(|report| report["served"].as_u64().unwrap()).collect()
    };
    // Where leaving an order out costs less than the way to it, nobody goes.
    assert_eq!((served(0), served(1)), (vec![6; 3], vec![0; 3]));
    // Each run is the one that a backtest makes by itself.
    let alone = run(&["backtest", "day.jsonl", "--seed", "2", "--json"], folder);
    let alone: Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert_eq!(compared["policies"][0]["reports"][1], alone);
    let page = std::fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("lazy") && !page.contains("http"), "{page}");
    let table = String::from_utf8(compare(&["--policy", "lazy.toml", "--seeds", "2"]).stdout).unwrap();
    assert!(table.contains("(-6.0 ± 0.0 *)"), "{table}");
    // Mistakes.
    let refused = |text: &str, words: &[&str]| {
        std::fs::write(folder.join("bad.toml"), text).unwrap();
        let done = compare(&["--policy", "bad.toml"]);
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success() && words.iter().all(|word| said.contains(word)), "{text}: {said}");
    };
    refused("search_rounds = 3\n\nserach_rounds = 3\n", &["bad.toml, line 3", "serach_rounds"]);
    refused("search_rounds = \"many\"\n", &["bad.toml, line 1", "search_rounds"]);
    refused("search_rounds = \n", &["bad.toml, line 1"]);
    let done = compare(&[]);
    assert!(String::from_utf8_lossy(&done.stderr).contains("--policy day"), "{done:?}");
}

/// In an open loop drivers do what was recorded, whatever is planned; the report says so, and a day without drivers is refused.
#[test]
fn an_open_loop_keeps_what_drivers_did() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("recorded.jsonl"), recording(folder).join("\n") + "\n").unwrap();
    std::fs::write(folder.join("none.toml"), "unserved_cost = 0.001\nsearch_rounds = 0\n").unwrap();
    let backtest = |more: &[&str]| {
        let done = run(&[&["backtest", "recorded.jsonl", "--json"], more].concat(), folder);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice::<Value>(&done.stdout).unwrap()
    };
    let closed = backtest(&[]);
    assert_eq!((&closed["loop"], &closed["beside"]), (&json!("closed"), &Value::Null));
    let open = backtest(&["--loop", "open"]);
    assert_eq!(open["loop"], "open");
    let stops = open["beside"]["stops"].as_u64().unwrap();
    assert!(stops > 0 && open["beside"]["same_vehicle"].as_u64().unwrap() <= stops, "{open}");
    // A policy that serves nobody decides so at each moment, and what was served stays served.
    let compared = backtest(&["--loop", "open", "--policy", "day", "--policy", "none.toml"]);
    let report = |policy: usize| &compared["policies"][policy]["reports"][0];
    assert_eq!((&compared["loop"], &compared["seeds"]), (&json!("open"), &json!([1])));
    assert_eq!(report(0), &open);
    assert_eq!(report(1)["served"], open["served"]);
    assert!(report(1)["beside"]["same_vehicle"].as_u64() < open["beside"]["same_vehicle"].as_u64(), "{compared}");
    assert!(report(1)["beside"]["without_place"].as_u64() > Some(0), "{compared}");
    std::fs::write(folder.join("day.jsonl"), day()).unwrap();
    let recorded = std::fs::read_to_string(folder.join("recorded.jsonl")).unwrap();
    let kept: Vec<&str> = recorded.lines().filter(|line| !line.contains("fleet.stop.")).collect();
    assert!(kept.len() < recorded.lines().count() && kept.iter().any(|line| line.contains("fleet.shift.started")));
    std::fs::write(folder.join("nothing.jsonl"), kept.join("\n") + "\n").unwrap();
    let refused = |args: &[&str], why: &str| {
        let refused = run(&[&["backtest"], args].concat(), folder);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(why), "{said}");
    };
    refused(&["day.jsonl", "--loop", "open"], "no reports of drivers");
    // Drivers who sign on and do nothing else have done nothing that a plan could be held against.
    refused(&["nothing.jsonl", "--loop", "open"], "no reports of drivers");
    refused(&["day.jsonl", "--policy", "day", "--policy", "none.toml", "--report", "none/page.html"], "no folder none");
}

/// The page opens a recorded day: `/v1/state` tells of it while it is played, and when it ends by a signal nothing is left behind.
#[test]
fn a_recorded_day_is_shown_on_the_page() {
    use std::process::Stdio;

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    recording(folder);
    let temporary = folder.join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let shown = |more: &[&str]| {
        let port = support::free_port();
        let listen = format!("127.0.0.1:{port}");
        let args = [&["replay", "recorded.jsonl", "--listen", &listen, "--speed", "3600"], more].concat();
        let child = support::fleetfold(&args, folder).env("TMPDIR", &temporary).stdout(Stdio::null()).spawn().unwrap();
        support::wait_for(port);
        (support::Killed(child), port)
    };
    let ends = |mut shown: support::Killed| {
        let pid = shown.0.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        assert!(shown.0.wait().unwrap().success());
    };
    let wait_served = |port: u16| {
        let mut last = Value::Null;
        for _ in 0..300 {
            last = support::engine::state(port);
            if last["kpi"]["served"] == 6 {
                return last;
            }
            support::pause(100);
        }
        panic!("the day is not shown: {last}");
    };

    let (process, port) = shown(&[]);
    let state = wait_served(port);
    assert_eq!(state["vehicles"].as_array().unwrap().len(), 2, "{state}");
    assert!(support::http(port, "GET /", "").1.contains("Fleetfold"), "the page itself");
    ends(process);
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");

    // In a folder it stays, and is not played again.
    let (process, port) = shown(&["--data", "kept"]);
    let first = wait_served(port);
    ends(process);
    let (process, port) = shown(&["--data", "kept"]);
    let again = wait_served(port);
    assert_eq!(again["kpi"]["orders"], first["kpi"]["orders"]);
    assert_eq!(again["kpi"]["orders"], 6);
    ends(process);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

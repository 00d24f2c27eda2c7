//! Where settings come from, what a command says when one is wrong, and what it writes on standard output.

mod support;

use std::process::Stdio;

use serde_json::Value;
use support::{Killed, fleetfold, free_port, http, pause, run, wait_for};

#[test]
fn a_flag_wins_over_the_file_although_it_says_what_is_the_default_anyway() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("fleetfold.toml"),
        "tenant = \"acme\"\nzone = \"porto\"\nlog = \"embedded:a.redb\"\n",
    )
    .unwrap();
    for (flags, zone) in [(&["--tenant", "demo", "--zone", "city"][..], "demo/city"), (&[], "acme/porto")] {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let args = [&["serve", "--config", "fleetfold.toml", "--listen", &listen][..], flags].concat();
        let command = &mut fleetfold(&args, folder.path());
        let _engine = Killed(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for(port);
        let zones: Value = serde_json::from_str(&http(port, "GET /v1/zones", "").1).unwrap();
        assert_eq!(zones["zones"][0]["zone"], zone);
    }
}

#[test]
fn a_token_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["serve", "--log", "embedded:a.redb", "--token-file", "missing"], folder.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("token file missing"), "{said}");
}

#[test]
fn what_is_said_has_the_level_and_the_form_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let said = |flags: &[&str]| {
        let (port, path) = (free_port(), folder.path().join("said"));
        let listen = format!("127.0.0.1:{port}");
        let args = [&["serve", "--log", "embedded:a.redb", "--listen", &listen][..], flags].concat();
        let command = &mut fleetfold(&args, folder.path());
        let file = std::fs::File::create(&path).unwrap();
        let engine = Killed(command.stdout(Stdio::null()).stderr(file).spawn().unwrap());
        wait_for(port);
        // Its first words may come a moment after it listens.
        for _ in 0..100 {
            if std::fs::metadata(&path).unwrap().len() > 0 {
                break;
            }
            pause(50);
        }
        drop(engine);
        std::fs::read_to_string(&path).unwrap()
    };
    let text = said(&[]);
    assert!(text.contains("INFO") && !text.contains('\u{1b}'), "no colours into a file: {text:?}");
    let json = said(&["--log-format", "json", "--log-level", "info,async_nats=warn"]);
    let lines: Vec<Value> = json.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.iter().any(|line| line["level"] == "INFO" && line["message"].is_string()), "{json}");
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["target"].is_string()), "{json}");
    assert!(!said(&["--log-level", "error"]).contains("INFO"));
    let wrong = run(&["serve", "--log-level", "loud"], folder.path());
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert!(!wrong.status.success() && told.contains("`loud` is no level"), "{told}");
}

#[test]
fn a_token_stands_alone_where_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["token", "viewer", "prometheus"], folder.path());
    let (line, token) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(line.starts_with("viewer prometheus sha256:"), "{line}");
    assert_eq!(token.split_whitespace().count(), 1, "{token}");
}

#[test]
fn with_json_the_demo_writes_its_report_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["demo", "--json", "--orders", "4", "--speed", "3600", "--log", "embedded", "--listen", "127.0.0.1:0"];
    let output = run(&args, folder.path());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(report["orders"], 4, "{report}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("map   http://127.0.0.1:"));
}

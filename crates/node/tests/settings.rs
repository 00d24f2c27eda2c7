//! Where settings come from, what a command says when one is wrong, and what it writes on standard output.

mod support;

use std::process::Stdio;

use serde_json::Value;
use support::{Killed, fleetfold, free_port, http, run, wait_for};

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
fn with_json_the_demo_writes_its_report_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["demo", "--json", "--orders", "4", "--speed", "3600", "--log", "embedded", "--listen", "127.0.0.1:0"];
    let output = run(&args, folder.path());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(report["orders"], 4, "{report}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("map   http://127.0.0.1:"));
}

//! What stands in `deploy/` fits the program: figures, commands, addresses.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use support::engine::{event, serve, wait_ready};
use support::{free_port, http, run};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn figures(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("fleetfold_")).collect()
}

#[test]
fn every_figure_of_the_dashboard_and_the_alerts_exists() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = serve(folder.path(), "embedded:log.redb", "porto", "data", &[]);
    wait_ready(port);
    // Figures by reason are there once there is one.
    let order = serde_json::json!({ "order_id": "o", "jobs": 1 });
    assert_eq!(http(port, "POST /v1/events", &event("order.created", "1", &order).to_string()).0, 422);
    let odd = serde_json::json!({ "order_id": "o", "colour": "red" });
    assert_eq!(http(port, "POST /v1/events", &event("order.ready", "2", &odd).to_string()).0, 202);
    let (_, told) = http(port, "GET /metrics", "");
    let names: BTreeSet<&str> =
        told.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    for file in ["grafana/dashboards/fleetfold.json", "prometheus/alerts.yml"] {
        let text = read(file);
        let wanted = figures(&text);
        assert!(wanted.len() > 5, "{file}: {wanted:?}");
        for figure in wanted {
            assert!(names.contains(figure), "{file} asks for {figure}, and /metrics has {names:?}");
        }
    }
}

/// Each row names tests by file and function, and there are such functions in these files. A row that only scripts prove names these.
#[test]
fn every_test_that_proves_a_row_of_the_reliability_is_there() {
    let whole = read("../docs/RELIABILITY.md");
    let (mut of_code, mut of_scripts) = (0, 0);
    let section = whole.split("\n## ").find(|section| section.starts_with("Failure, what survives it")).unwrap();
    for row in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| failure")) {
        let proofs = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
        for proof in proofs.split("; ") {
            let mut spans = proof.split('`').skip(1).step_by(2);
            let file = spans.next().unwrap_or_else(|| panic!("no test: {row}"));
            if file.starts_with("scripts/") || file.starts_with("just ") {
                of_scripts += 1;
                continue;
            }
            let text = read(&format!("../{file}"));
            let mut functions = 0;
            for function in spans {
                let is_test = text.split(&format!("fn {function}(")).next().filter(|before| *before != text);
                let marked = is_test
                    .and_then(|before| before.rsplit("\n\n").next())
                    .is_some_and(|above| above.contains("test]") || above.contains("::test("));
                assert!(marked, "{file} has no test {function}");
                functions += 1;
            }
            assert!(functions > 0, "{file} is named without a test: {row}");
            of_code += functions;
        }
    }
    assert!(of_code > 40 && of_scripts > 5, "{of_code} tests, {of_scripts} scripts");
    for span in whole.split('`').skip(1).step_by(2) {
        let is_path = ["crates/", "sim/", "scripts/", "benches/"].iter().any(|start| span.starts_with(start));
        if is_path && !span.contains(' ') {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(span).exists(), "{span}");
        }
    }
}

#[test]
fn commands_of_the_image_and_the_unit_are_ones_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let help = String::from_utf8(run(&["serve", "--help"], folder.path()).stdout).unwrap();
    let mut seen = 0;
    for file in ["Containerfile", "fleetfold.service"] {
        let text = read(file);
        let commands = text.lines().filter(|line| line.starts_with("CMD") || line.starts_with("ExecStart"));
        for flag in commands.flat_map(|line| line.split([' ', '"'])).filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} ")), "{file} says {flag}, and serve does not know it");
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen} flags");
}

#[test]
fn a_check_of_health_says_whether_the_engine_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = free_port();
    let ask = |path: &str| run(&["health", &format!("http://127.0.0.1:{port}{path}")], folder).status.code();
    assert_eq!(ask("/livez"), Some(1), "nobody is there");
    let (_engine, port) = serve(folder, "embedded:log.redb", "porto", "data", &[]);
    wait_ready(port);
    let ask = |path: &str| run(&["health", &format!("http://127.0.0.1:{port}{path}")], folder).status.code();
    assert_eq!((ask("/livez"), ask("/readyz")), (Some(0), Some(0)));
    assert_eq!(ask("/nothing"), Some(1));
}

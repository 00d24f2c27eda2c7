//! The publishers that docs/EVENTS.md shows, run as they stand there (but for the port) against a broker and an engine.
//!
//! They need what `scripts/test` obtains: a NATS server, Python with nats-py, Node with the NATS packages. Without, they fail.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::{Killed, broker, fleetfold, free_port, http, pause, wait_for};

const DOCUMENT: &str = include_str!("../../../docs/EVENTS.md");
const EXAMPLE: &str = include_str!("../examples/publish.rs");

/// The first fenced block of a language.
fn snippet(language: &str) -> &'static str {
    let rest = DOCUMENT.split_once(&format!("```{language}\n")).expect("docs/EVENTS.md shows it").1;
    rest.split_once("```").expect("the block ends").0
}

/// The documented example of an order, to be published.
fn order() -> Value {
    let section = DOCUMENT.split_once("### `fleet.order.created.v1`").expect("the section is there").1;
    let json = section.split_once("```json\n").expect("it has an example").1.split_once("```").expect("it ends").0;
    serde_json::from_str(json).expect("a JSON example")
}

/// Runs a publisher in a folder with `event.json`, and looks whether the engine has the order.
fn published_by(run: impl FnOnce(&Path, &str) -> Output) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, url) = broker(folder);
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let args = ["serve", "--log", &url, "--tenant", "acme", "--zone", "porto", "--listen", &listen, "--data", "data"];
    let _engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for(port);
    let event = order();
    std::fs::write(folder.join("event.json"), event.to_string()).unwrap();
    let output = run(folder, url.trim_start_matches("nats://"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let id = event["data"]["order_id"].as_str().unwrap();
    let mut found = (0, String::new());
    for _ in 0..100 {
        found = http(port, &format!("GET /v1/orders/{id}"), "");
        if found.0 == 200 {
            return;
        }
        pause(50);
    }
    panic!("the engine has no order {id}: {found:?}");
}

/// Node resolves packages from the folder of the script.
fn browser_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

#[test]
fn python() {
    let python =
        std::env::var("FLEETFOLD_PYTHON").expect("FLEETFOLD_PYTHON: a Python with nats-py; scripts/test makes one");
    published_by(|folder, address| {
        let script = snippet("python").replace("127.0.0.1:4222", address);
        Command::new(python).args(["-c", &script]).current_dir(folder).output().unwrap()
    });
}

#[test]
fn javascript() {
    let packages = browser_folder().join("node_modules");
    assert!(packages.join("@nats-io").is_dir(), "run `npm ci` in crates/node/browser first; scripts/test does");
    published_by(|folder, address| {
        let script = snippet("js").replace("127.0.0.1:4222", address);
        std::fs::write(folder.join("publish.mjs"), script).unwrap();
        std::os::unix::fs::symlink(packages, folder.join("node_modules")).unwrap();
        Command::new("node").arg("publish.mjs").current_dir(folder).output().unwrap()
    });
}

/// The snippet is the body of the example, but for the address.
#[test]
fn rust() {
    let body = snippet("rust,ignore").trim_end().replace('\n', "\n    ");
    let body = body.replace("\"nats://127.0.0.1:4222\"", "&url");
    assert!(EXAMPLE.contains(&body), "docs/EVENTS.md and examples/publish.rs differ");
    let binary = Path::new(env!("CARGO_BIN_EXE_fleetfold")).with_file_name("examples").join("publish");
    assert!(binary.exists(), "cargo test builds examples: run the whole package's tests");
    published_by(|folder, address| {
        Command::new(binary).arg(format!("nats://{address}")).current_dir(folder).output().unwrap()
    });
}

/// The command line's parts, sent as they stand; and the program itself where there is one.
#[test]
fn nats_command_line() {
    let line = snippet("console").trim();
    let rest = line.strip_prefix("nats pub --jetstream -H 'Nats-Msg-Id:").expect("it sets the id");
    let (id, rest) = rest.split_once("' ").expect("the header ends");
    let (subject, body) = rest.split_once(' ').expect("a subject and a body");
    assert_eq!((id, body), ("acme/porto/%2Fshop/1", "\"$(cat event.json)\""));
    published_by(|folder, address| {
        if let Ok(output) = Command::new("sh")
            .args(["-c", &format!("command -v nats && {line}")])
            .env("NATS_URL", address)
            .current_dir(folder)
            .output()
            && output.status.success()
        {
            return output;
        }
        // The same bytes that it would send, in NATS' own protocol.
        let payload = std::fs::read_to_string(folder.join("event.json")).unwrap();
        let headers = format!("NATS/1.0\r\nNats-Msg-Id:{id}\r\n\r\n");
        let total = headers.len() + payload.len();
        let script = format!(
            "printf '%s' \"$WIRE\" | timeout 3 bash -c 'exec 3<>/dev/tcp/{}; cat >&3; head -n 3 <&3'",
            address.replace(':', "/")
        );
        let wire = format!(
            "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nSUB _INBOX.x 1\r\nHPUB {subject} _INBOX.x {} {total}\r\n{headers}{payload}\r\nPING\r\n",
            headers.len()
        );
        Command::new("bash").args(["-c", &script]).env("WIRE", wire).output().unwrap()
    });
}

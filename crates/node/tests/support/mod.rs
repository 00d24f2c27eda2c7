//! What the tests of the program share: processes that end with the test, a broker, HTTP.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

pub mod admin;
pub mod engine;
pub mod nodes;
pub mod pbf;
pub mod town;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn fleetfold(args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleetfold"));
    command.args(args).current_dir(folder).env_remove("NATS_URL");
    command
}

pub fn run(args: &[&str], folder: &Path) -> Output {
    fleetfold(args, folder).output().expect("the program runs")
}

/// A port for a server to come. It is below those that the system gives to connections: whoever tries such a port until a server is
/// there may be given the port itself and be connected with himself, and the server finds it taken.
pub fn free_port() -> u16 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    for _ in 0..10_000 {
        let number = first.wrapping_add(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let port = 10_000 + (number % 20_000) as u16;
        if is_ours(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on 127.0.0.1");
}

/// True where no other test program has been given this port: it belongs to this one until it ends. A test would else start its server,
/// which finds the port taken, and ask the server of another test.
fn is_ours(port: u16) -> bool {
    static OURS: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("fleetfold-test-ports");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join(port.to_string())).unwrap();
    let is_ours = lock.try_lock().is_ok();
    if is_ours {
        OURS.lock().unwrap().push(lock);
    }
    is_ours
}

pub fn wait_for(port: u16) {
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        pause(50);
    }
    panic!("nothing listens on port {port}");
}

#[expect(clippy::disallowed_methods, reason = "a test of processes waits for processes")]
pub fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

pub fn broker(folder: &Path) -> (Killed, String) {
    for _ in 0..5 {
        let port = free_port();
        let mut broker = broker_on(folder, port);
        // Another program may have taken the port between the look and the start: then this one has ended.
        pause(20);
        if broker.0.try_wait().expect("asked").is_none() {
            return (broker, format!("nats://127.0.0.1:{port}"));
        }
    }
    panic!("no broker stays up");
}

/// A broker on this port, with its store in the folder: the same one again after it was killed.
pub fn broker_on(folder: &Path, port: u16) -> Killed {
    let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
    let name = format!("test-{}-{port}", std::process::id());
    let mut child = Command::new(program)
        .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-n", &name, "-sd"])
        .arg(folder.join("js"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server 2.10 or newer is needed: scripts/test obtains one");
    // Whatever else listens there is not this broker, which then ends.
    for _ in 0..200 {
        if is_broker(port, &name) || child.try_wait().expect("asked").is_some() {
            return Killed(child);
        }
        pause(50);
    }
    panic!("no broker answers on port {port}");
}

/// True where the broker of this name answers.
fn is_broker(port: u16, name: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut said = [0; 512];
    let read = stream.set_read_timeout(Some(Duration::from_secs(1))).and_then(|()| stream.read(&mut said));
    read.is_ok_and(|read| String::from_utf8_lossy(&said[..read]).contains(name))
}

pub fn http(port: u16, request: &str, body: &str) -> (u16, String) {
    http_with(port, request, "", body)
}

/// With more header lines.
pub fn http_with(port: u16, request: &str, headers: &str, body: &str) -> (u16, String) {
    let (status, _, body) = http_whole(port, request, headers, body);
    (status, body)
}

/// Status, head and body.
pub fn http_whole(port: u16, request: &str, headers: &str, body: &str) -> (u16, String, String) {
    let mut answer = asked(port, request, headers, body);
    // A question whose connection was cut may be asked again; a program that has ended refuses it then.
    for _ in 0..3 {
        if answer.0 != 0 || !request.starts_with("GET ") {
            break;
        }
        pause(200);
        answer = asked(port, request, headers, body);
    }
    answer
}

fn asked(port: u16, request: &str, headers: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // Whoever names a host himself names it once.
    let is_named = headers.to_ascii_lowercase().split("\r\n").any(|line| line.starts_with("host:"));
    let host = if is_named { String::new() } else { format!("Host: 127.0.0.1:{port}\r\n") };
    let head = format!("{request} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {}\r\n", body.len());
    let kind = if body.contains('\n') { "application/x-ndjson" } else { "application/json" };
    let kind = if headers.contains("Content-Type:") { String::new() } else { format!("Content-Type: {kind}\r\n") };
    // The server may answer and hang up before it has read everything.
    let _ = stream.write_all(format!("{head}{headers}{kind}\r\n{body}").as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (status, head.to_owned(), body.to_owned())
}

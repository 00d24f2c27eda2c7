//! What strangers can cost: connections that ask nothing, bodies and readers that are slow, frames that are too large, peers that are
//! silent, too many requests. And TLS.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use support::{Killed, fleetfold, free_port, http, http_whole, http_with, pause, run, wait_for};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn engine(folder: &Path, more: &[&str]) -> (Killed, u16) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut args = vec!["serve", "--log", "embedded:log.redb", "--listen", &listen];
    args.extend(more);
    let err = Stdio::from(std::fs::File::create(folder.join("err")).unwrap());
    let engine = Killed(fleetfold(&args, folder).stdout(Stdio::null()).stderr(err).spawn().unwrap());
    wait_for(port);
    (engine, port)
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// What comes until the other side hangs up.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn whoever_asks_is_answered_while_others_hold_connections_and_ask_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &["--connections", "64"]);
    let mut kept = connect(port);
    let ask = format!("GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    let asked = |stream: &mut TcpStream| {
        stream.write_all(ask.as_bytes()).unwrap();
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).map(|()| answer.starts_with(b"HTTP/1.1 200"))
    };
    assert!(asked(&mut kept).unwrap());
    let mut silent: Vec<TcpStream> = (0..400).map(|_| connect(port)).collect();
    for (number, stream) in silent.iter_mut().enumerate() {
        // Some say nothing, others something that has no end.
        if number % 2 == 0 {
            let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nX: ");
        }
    }
    for _ in 0..10 {
        assert_eq!(http(port, "GET /livez", "").0, 200);
    }
    // Who has asked once keeps his connection.
    let mut whole = [0; 4_096];
    kept.set_nonblocking(true).unwrap();
    let _ = kept.read(&mut whole);
    kept.set_nonblocking(false).unwrap();
    assert!(asked(&mut kept).unwrap());
    // The first of the others has been let go.
    assert_eq!(rest(&mut silent[0]), "");
}

#[test]
fn heads_and_bodies_have_their_time_and_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    // All at once, as each of them takes its time.
    let mut head = connect(port);
    write!(head, "GET /livez HTTP/1.1\r\n{host}X-Slow: ").unwrap();
    let mut idle = connect(port);
    write!(idle, "GET /livez HTTP/1.1\r\n{host}\r\n").unwrap();
    let mut body = connect(port);
    write!(body, "POST /v1/events HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{")
        .unwrap();
    let mut large = connect(port);
    let _ = write!(large, "GET /livez HTTP/1.1\r\n{host}X-Large: {}\r\n\r\n", "x".repeat(100_000));
    let mut many = connect(port);
    let _ = write!(many, "GET /livez HTTP/1.1\r\n{host}{}\r\n", "X-Many: 1\r\n".repeat(200));
    for refused in [&mut large, &mut many] {
        assert!(rest(refused).starts_with("HTTP/1.1 431"));
    }
    // What is only somewhat too large is said in words.
    for headers in [format!("X-Large: {}\r\n", "x".repeat(40_000)), "X-Many: 1\r\n".repeat(100)] {
        let (status, head, said) = http_whole(port, "GET /livez", &headers, "");
        assert!(status == 431 && head.contains("application/problem+json"), "{status} {head}");
        assert!(said.contains("head_too_large") && said.contains("32 KiB and 64 lines"), "{said}");
    }
    let (status, _, said) = http_whole(port, "POST /v1/events", "Content-Length: 999999999\r\n", "");
    assert!(status == 413 || status == 400, "{status} {said}");
    // Each comes back by itself: what a connection waits for has an end.
    let answered = rest(&mut idle);
    assert!(answered.starts_with("HTTP/1.1 200") && answered.matches("HTTP/1.1").count() == 1, "{answered}");
    assert!(!rest(&mut head).contains(" 200 "), "an unfinished head is no request");
    let slow = rest(&mut body);
    assert!(slow.starts_with("HTTP/1.1 408") && slow.contains("within 30 s"), "{slow}");
}

#[test]
fn a_peer_that_is_silent_gives_its_seat_back_and_one_that_answers_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_engine, port) = engine(folder.path(), &[]);
    let feed = || tungstenite::client(format!("ws://127.0.0.1:{port}/ws"), connect(port)).expect("a feed").0;
    // It reads nothing, so it answers no ping: as a phone without a network.
    let silent = feed();
    let mut awake = feed();
    let mut taken = silent.get_ref().try_clone().unwrap();
    taken.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut is_over = false;
    for _ in 0..4_000 {
        // Reading answers pings.
        awake.read().expect("whoever answers is kept");
        // Bytes are taken from under the silent one, so that it is not let go for being slow.
        let mut bytes = [0; 8_192];
        if matches!(taken.read(&mut bytes), Ok(0)) {
            is_over = true;
            break;
        }
    }
    assert!(is_over, "the silent one still has its seat");
    assert!(awake.read().is_ok());
    // A browser says next to nothing: what is larger is hung up on.
    let mut shouting = feed();
    shouting.send("x".repeat(65_537).into()).unwrap();
    let over = (0..100).any(|_| shouting.read().is_err());
    assert!(over, "a frame above 64 KiB was taken");
}

#[test]
fn who_asks_too_often_and_who_guesses_is_told_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokens"), "viewer wall viewers-token-0001\nadmin root roots-token-0000004\n")
        .unwrap();
    let (_engine, port) = engine(folder.path(), &["--token-file", "tokens", "--requests-per-second", "20"]);
    let ask = |token: &str| http_whole(port, "GET /version", &format!("Authorization: Bearer {token}\r\n"), "");
    let answers: Vec<(u16, String, String)> = (0..300).map(|_| ask("viewers-token-0001")).collect();
    let (status, head, said) =
        answers.iter().find(|(status, ..)| *status != 200).expect("300 are more than 20 a second");
    assert!(*status == 429 && head.contains("retry-after") && said.contains("--requests-per-second"), "{head}{said}");
    // Each token by itself.
    assert_eq!(ask("roots-token-0000004").0, 200);
    // Guesses.
    let page = format!("Origin: http://127.0.0.1:{port}\r\nFleetfold-Request: page\r\n");
    let log_in = |token: &str| http_with(port, "POST /login", &page, &json!({ "token": token }).to_string()).0;
    let guesses: Vec<u16> = (0..60)
        .map(|number| {
            pause(60);
            log_in(&format!("guess-{number}"))
        })
        .collect();
    assert!(guesses[0] == 401 && guesses.contains(&429), "{guesses:?}");
    assert_eq!(log_in("roots-token-0000004"), 429, "whether it is right is not said now");
    assert_eq!(ask("roots-token-0000004").0, 200, "who has a token is not locked out");
}

fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// A request over TLS: the answer, and the certificate that the server showed.
fn encrypted(port: u16, request: &str) -> Result<(String, CertificateDer<'static>), String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls_file("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(client, connect(port));
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let shown = stream.conn.peer_certificates().ok_or("no certificate")?[0].clone().into_owned();
    Ok((String::from_utf8_lossy(&answer).into_owned(), shown))
}

#[test]
fn tls_takes_up_a_renewed_certificate_and_names_a_pair_that_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let put = |certificate: &str, key: &str| {
        std::fs::copy(tls_file(key), folder.join("key.pem")).unwrap();
        std::fs::copy(tls_file(certificate), folder.join("cert.pem")).unwrap();
    };
    put("server.pem", "server.key");
    std::fs::write(folder.join("tokens"), "admin root roots-token-0000004\n").unwrap();
    let flags = ["--tls-cert", "cert.pem", "--tls-key", "key.pem", "--token-file", "tokens"];
    let (_engine, port) = engine(folder, &flags);
    let ask = || {
        let page = format!(
            "Host: 127.0.0.1:{port}\r\nOrigin: https://127.0.0.1:{port}\r\nFleetfold-Request: page\r\nConnection: close\r\n"
        );
        let body = "{\"token\":\"roots-token-0000004\"}";
        encrypted(port, &format!("POST /login HTTP/1.1\r\n{page}Content-Length: {}\r\n\r\n{body}", body.len())).unwrap()
    };
    let (answer, shown) = ask();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("__Host-fleetfold_") && answer.contains("; Secure"),
        "{answer}"
    );
    let of_file = |name: &str| CertificateDer::from_pem_file(tls_file(name)).unwrap();
    assert_eq!(shown, of_file("server.pem"));
    // In the clear nobody is answered.
    let mut clear = connect(port);
    // It may close before the whole request is written: that is an answer too.
    let _ = write!(clear, "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    assert!(!rest(&mut clear).contains("200"));
    // A pair that does not fit is told, and changes nothing.
    put("client.pem", "server.key");
    let said = || std::fs::read_to_string(folder.join("err")).unwrap();
    let until = |what: &dyn Fn() -> bool| {
        (0..200).any(|_| {
            pause(50);
            what()
        })
    };
    assert!(until(&|| said().contains("it is not the key of the certificate")), "{}", said());
    assert_eq!(ask().1, of_file("server.pem"));
    put("client.pem", "client.key");
    assert!(until(&|| ask().1 == of_file("client.pem")), "{}", said());
    // At the start such things are errors.
    let start = |flags: &[&str]| {
        let output = run(&[&["serve", "--log", "embedded:b.redb", "--listen", "127.0.0.1:0"], flags].concat(), folder);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    std::fs::write(folder.join("nothing.pem"), "nothing").unwrap();
    let wrong = [
        (vec!["--tls-cert", "cert.pem"], "needs its key"),
        (vec!["--tls-key", "key.pem"], "needs its certificate"),
        (vec!["--tls-cert", "none.pem", "--tls-key", "key.pem"], "none.pem"),
        (vec!["--tls-cert", "nothing.pem", "--tls-key", "key.pem"], "no certificate is in it"),
        (vec!["--tls-cert", "cert.pem", "--tls-key", "nothing.pem"], "no private key is in it"),
    ];
    for (flags, words) in wrong {
        let said = start(&flags);
        assert!(said.contains(words) && said.contains("--tls-"), "{flags:?}: {said}");
    }
}

/// Most memory that the program has had so far, MiB.
#[cfg(target_os = "linux")]
fn peak_mib(engine: &Killed) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", engine.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// The figures of docs/SECURITY.md: `cargo test -p fleetfold-node --test bounds strangers -- --nocapture`.
#[cfg(target_os = "linux")]
#[test]
fn strangers_take_little_memory_however_many_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, port) = engine(folder.path(), &[]);
    assert_eq!(http(port, "GET /v1/state", "").0, 200);
    let at_rest = peak_mib(&engine);
    // 20,000 requests whose head never ends, each with 16 KiB of it. We keep only so many of our own ends.
    let mut ends = std::collections::VecDeque::new();
    let half = format!("GET /v1/state HTTP/1.1\r\nX: {}", "x".repeat(16 << 10));
    for _ in 0..20_000 {
        let mut stream = connect(port);
        let _ = stream.write_all(half.as_bytes());
        ends.push_back(stream);
        if ends.len() > 4_000 {
            ends.pop_front();
        }
    }
    assert_eq!(http(port, "GET /livez", "").0, 200);
    let half_open = peak_mib(&engine);
    drop(ends);
    let feeds: Vec<_> = (0..1_000)
        .filter_map(|_| tungstenite::client(format!("ws://127.0.0.1:{port}/ws"), connect(port)).ok())
        .collect();
    assert_eq!(http(port, "GET /livez", "").0, 200);
    let with_feeds = peak_mib(&engine);
    println!(
        "at rest {at_rest} MiB, with 20,000 half-open requests {half_open} MiB, with 1,000 sockets ({} of them seated) {with_feeds} MiB",
        feeds.len()
    );
    assert_eq!(feeds.len(), 256);
    assert!(half_open < at_rest + 200 && with_feeds < at_rest + 300);
}

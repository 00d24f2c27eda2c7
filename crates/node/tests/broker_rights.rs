//! Brokers that ask who comes: tokens, users, NKeys, certificates, contexts of the `nats` command. Real servers; what is secret is in no
//! output.
//!
//! These tests need nats-server 2.10 or newer ($FLEETFOLD_NATS_SERVER or PATH); they fail, never skip, without one.

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};
use support::{Killed, fleetfold, free_port, wait_for};

/// A broker with more in its settings.
fn broker(folder: &Path, settings: &str) -> (Killed, u16) {
    let port = free_port();
    let config =
        format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\" }}\n{settings}", folder.join("js").display());
    std::fs::write(folder.join("nats.conf"), config).unwrap();
    let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
    let mut command = Command::new(program);
    command.args(["-c", "nats.conf"]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("nats-server");
    wait_for(port);
    (Killed(child), port)
}

/// What `doctor` says, with these flags and environment.
fn doctor(folder: &Path, log: &str, flags: &[&str], env: &[(&str, &str)]) -> Output {
    let args = [&["doctor", "--log", log, "--listen", "127.0.0.1:0"], flags].concat();
    fleetfold(&args, folder).envs(env.iter().copied()).output().expect("the program runs")
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// It gets in, and its output has no secret.
fn gets_in(output: &Output, secret: &str) {
    let said = words(output);
    assert!(output.status.success() && said.contains("no engine has run here yet"), "{said}");
    assert!(secret.is_empty() || !said.contains(secret), "{said}");
}

fn is_kept_out(output: &Output, secret: &str) {
    let said = words(output);
    assert!(!output.status.success() && said.contains("authorization violation"), "{said}");
    assert!(said.contains("--nats-creds") && (secret.is_empty() || !said.contains(secret)), "{said}");
}

#[test]
fn tokens_and_passwords_come_from_addresses_files_environment_and_contexts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_broker, port) = broker(folder, "authorization { users: [ { user: ann, password: \"s3cret\" } ] }\n");
    let log = format!("nats://127.0.0.1:{port}");
    is_kept_out(&doctor(folder, &log, &[], &[]), "");
    is_kept_out(&doctor(folder, &log, &["--nats-user", "ann"], &[("NATS_PASSWORD", "wr0ng")]), "wr0ng");
    gets_in(&doctor(folder, &format!("nats://ann:s3cret@127.0.0.1:{port}"), &[], &[]), "s3cret");
    gets_in(&doctor(folder, &log, &[], &[("NATS_USER", "ann"), ("NATS_PASSWORD", "s3cret")]), "s3cret");
    std::fs::write(folder.join("password"), "s3cret\n").unwrap();
    gets_in(&doctor(folder, &log, &["--nats-user", "ann", "--nats-password-file", "password"], &[]), "s3cret");
    // What the address says wins.
    let environment = [("NATS_USER", "bob"), ("NATS_PASSWORD", "nothing")];
    gets_in(&doctor(folder, &format!("nats://ann:s3cret@127.0.0.1:{port}"), &[], &environment), "s3cret");
    // A context of the `nats` command.
    std::fs::create_dir_all(folder.join("config/nats/context")).unwrap();
    let context =
        format!("{{\"url\": \"{log}\", \"user\": \"ann\", \"password\": \"s3cret\", \"description\": \"ours\"}}");
    std::fs::write(folder.join("config/nats/context/ours.json"), context).unwrap();
    let home = folder.join("config");
    let at = [("XDG_CONFIG_HOME", home.to_str().unwrap())];
    gets_in(&doctor(folder, "context:ours", &[], &at), "s3cret");
    // Flags and environment win over it.
    let as_bob = [at[0], ("NATS_USER", "bob"), ("NATS_PASSWORD", "nothing")];
    is_kept_out(&doctor(folder, "context:ours", &[], &as_bob), "s3cret");
    let missing = words(&doctor(folder, "context:theirs", &[], &at));
    assert!(missing.contains("theirs.json"), "{missing}");
    let escaped = words(&doctor(folder, "context:../ours", &[], &at));
    assert!(escaped.contains("nats context ls"), "{escaped}");
    // A file that is not there is named.
    let missing = words(&doctor(folder, &log, &["--nats-token-file", "no-such-file"], &[]));
    assert!(missing.contains("no-such-file"), "{missing}");

    let other = tempfile::tempdir().unwrap();
    let (_broker, port) = broker(other.path(), "authorization { token: \"t0ken\" }\n");
    let log = format!("nats://127.0.0.1:{port}");
    gets_in(&doctor(other.path(), &log, &[], &[("NATS_TOKEN", "t0ken")]), "t0ken");
    std::fs::write(other.path().join("token"), "t0ken\n").unwrap();
    gets_in(&doctor(other.path(), &log, &["--nats-token-file", "token"], &[]), "t0ken");
    is_kept_out(&doctor(other.path(), &log, &[], &[("NATS_TOKEN", "t1ken")]), "t1ken");
}

#[test]
fn certificates_open_the_broker() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    let file = |name: &str| tls.join(name).to_str().unwrap().to_owned();
    let settings = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let (_broker, port) = broker(folder, &settings);
    let log = format!("tls://127.0.0.1:{port}");
    let (ca, cert, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    gets_in(&doctor(folder, &log, &["--nats-ca", &ca, "--nats-cert", &cert, "--nats-key", &key], &[]), "");
    gets_in(&doctor(folder, &log, &[], &[("NATS_CA", &ca), ("NATS_CERT", &cert), ("NATS_KEY", &key)]), "");
    // Nobody who is not known, and no broker of an unknown authority.
    for (flags, said, mend) in [
        (vec!["--nats-ca", &ca], "wants to see a certificate of ours", "--nats-cert FILE"),
        (vec!["--nats-cert", &cert, "--nats-key", &key], "authority that is not known here", "--nats-ca FILE"),
        (
            vec!["--nats-ca", &ca, "--nats-cert", &cert, "--nats-key", &file("server.key")],
            "is not that of the certificate",
            "made for",
        ),
        (vec!["--nats-ca", &key], "client.key: no certificate is in it", "CERTIFICATE-----"),
        (vec!["--nats-ca", "empty"], "empty: the file is empty", "put it into the file"),
    ] {
        std::fs::write(folder.join("empty"), "\n").unwrap();
        let output = doctor(folder, &log, &flags, &[]);
        let text = words(&output);
        assert!(!output.status.success() && text.contains(said) && text.contains(mend), "{flags:?}: {text}");
        assert!(!text.contains("no broker answers"), "it does answer: {text}");
    }
    let half = words(&doctor(folder, &log, &["--nats-cert", &cert], &[]));
    assert!(half.contains("--nats-key"), "{half}");
}

#[test]
fn a_certificate_that_is_not_valid_any_more_is_told_with_whose_it_is() {
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    let file = |name: &str| tls.join(name).to_str().unwrap().to_owned();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let told = |folder: &Path, settings: &str, flags: &[&str]| {
        let (_broker, port) = broker(folder, settings);
        let output = doctor(folder, &format!("tls://127.0.0.1:{port}"), flags, &[]);
        assert!(!output.status.success());
        words(&output)
    };
    let of_broker = |cert: &str| format!("cert_file: \"{}\", key_file: \"{}\"", file(cert), file("server.key"));
    let (ca, other) = (file("ca.pem"), file("other-ca.pem"));
    let settings = format!("tls {{ {} }}\n", of_broker("expired-server.pem"));
    let theirs = told(folders[0].path(), &settings, &["--nats-ca", &other]);
    assert!(theirs.contains("answers with a certificate that is not valid now"), "{theirs}");
    assert!(theirs.contains("renew the broker's certificate"), "{theirs}");
    let settings = format!("tls {{ {}, ca_file: \"{other}\", verify: true }}\n", of_broker("server.pem"));
    let (cert, key) = (file("expired-client.pem"), file("client.key"));
    let ours = told(folders[1].path(), &settings, &["--nats-ca", &ca, "--nats-cert", &cert, "--nats-key", &key]);
    assert!(ours.contains("does not take our certificate"), "{ours}");
    assert!(ours.contains("renew") && !ours.contains("the broker's certificate"), "{ours}");
}

#[test]
fn a_key_opens_the_broker() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (ours, theirs) = (KeyPair::new_user(), KeyPair::new_user());
    let settings = format!("authorization {{ users: [ {{ nkey: {} }} ] }}\n", ours.public_key());
    let (_broker, port) = broker(folder, &settings);
    let log = format!("nats://127.0.0.1:{port}");
    let seed = ours.seed().unwrap();
    std::fs::write(folder.join("ours.nk"), format!("{seed}\n")).unwrap();
    std::fs::write(folder.join("theirs.nk"), theirs.seed().unwrap()).unwrap();
    gets_in(&doctor(folder, &log, &["--nats-nkey", "ours.nk"], &[]), &seed);
    gets_in(&doctor(folder, &log, &[], &[("NATS_NKEY", "ours.nk")]), &seed);
    is_kept_out(&doctor(folder, &log, &["--nats-nkey", "theirs.nk"], &[]), &theirs.seed().unwrap());
    // A file with no seed in it, and one whose seed has lost a letter to another.
    std::fs::write(folder.join("none.nk"), "hello\n").unwrap();
    let text = words(&doctor(folder, &log, &["--nats-nkey", "none.nk"], &[]));
    assert!(text.contains("none.nk: this is no seed") && !text.contains("hello"), "{text}");
    let (head, last) = seed.split_at(seed.len() - 1);
    std::fs::write(folder.join("bad.nk"), format!("{head}{}", if last == "A" { "B" } else { "A" })).unwrap();
    let text = words(&doctor(folder, &log, &["--nats-nkey", "bad.nk"], &[]));
    assert!(text.contains("--nats-nkey (a seed") && !text.contains("no broker answers"), "{text}");
    std::fs::write(folder.join("empty"), "").unwrap();
    let text = words(&doctor(folder, &log, &["--nats-token-file", "empty"], &[]));
    assert!(text.contains("empty: the file is empty"), "{text}");
}

/// A token as the broker reads it: claims of `subject`, signed by `issuer`.
fn jwt(issuer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
    let claims = json!({ "jti": "1", "iat": 1, "iss": issuer.public_key(), "sub": subject.public_key(), "name": "test", "nats": nats });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[test]
fn a_file_of_credentials_opens_a_broker_with_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (operator, account, system, user) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_user());
    let limits = |storage: i64| {
        json!({ "type": "account", "version": 2, "limits": { "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1,
            "wildcards": true, "mem_storage": storage, "disk_storage": storage, "streams": storage, "consumer": storage } })
    };
    let (of_account, of_system) = (jwt(&operator, &account, &limits(-1)), jwt(&operator, &system, &limits(0)));
    let of_operator = jwt(&operator, &operator, &json!({ "type": "operator", "version": 2 }));
    let settings = format!(
        "operator: {of_operator}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{ {}: {of_account}, {}: {of_system} }}\n",
        system.public_key(),
        account.public_key(),
        system.public_key()
    );
    let (_broker, port) = broker(folder, &settings);
    let log = format!("nats://127.0.0.1:{port}");
    let of_user = jwt(&account, &user, &json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 }));
    let seed = user.seed().unwrap();
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    std::fs::write(folder.join("user.creds"), creds).unwrap();
    is_kept_out(&doctor(folder, &log, &[], &[]), &seed);
    gets_in(&doctor(folder, &log, &["--nats-creds", "user.creds"], &[]), &seed);
    gets_in(&doctor(folder, &log, &[], &[("NATS_CREDS", "user.creds")]), &seed);
    std::fs::write(folder.join("empty.creds"), "nothing").unwrap();
    let wrong = words(&doctor(folder, &log, &["--nats-creds", "empty.creds"], &[]));
    assert!(wrong.contains("empty.creds: no credentials are in it"), "{wrong}");
}

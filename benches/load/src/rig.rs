//! The processes: a nats-server with a fresh store, an engine on it, and what they cost.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fleetfold_journal::ZoneName;
use tokio::process::{Child, Command};

use crate::Failure;
use crate::http::ask;

/// Clock ticks of `/proc/<pid>/stat` in a second.
const TICKS: f64 = 100.0;

/// Monotonic time.
#[expect(clippy::disallowed_methods, reason = "load is made and measured by the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock, which is the broker's too: milliseconds.
#[expect(clippy::disallowed_methods, reason = "load is made and measured by the clock")]
pub(crate) fn wall() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

/// Where the programs are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Programs {
    /// The broker's program.
    #[arg(long, env = "FLEETFOLD_NATS_SERVER", default_value = "nats-server", global = true)]
    pub(crate) nats_server: PathBuf,
    /// The engine's program.
    #[arg(long, default_value = "target/release/fleetfold", global = true)]
    pub(crate) fleetfold: PathBuf,
    /// Streets to drive on (`fleetfold graph build`), and along which vehicles and orders are; without: straight lines over a square.
    #[arg(long, global = true)]
    pub(crate) graph: Option<PathBuf>,
    /// Threads of the engine for searches; by default what the engine takes.
    #[arg(long, global = true)]
    threads: Option<usize>,
    /// Keep the folder with the broker's store and the engine's log, and print its name.
    #[arg(long, global = true)]
    pub(crate) keep: bool,
}

/// The running processes. They are killed when this is dropped.
pub(crate) struct Rig {
    programs: Programs,
    folder: Option<tempfile::TempDir>,
    path: PathBuf,
    broker_port: u16,
    broker: Child,
    engine: Child,
    /// Where the engine's HTTP listens.
    pub(crate) http: u16,
    zone: ZoneName,
}

/// CPU seconds and memory of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_megabytes: f64,
}

impl Rig {
    /// Starts a broker and an engine of this zone.
    pub(crate) async fn start(programs: Programs, zone: ZoneName) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("fleetfold-load-").tempdir()?;
        let path = folder.path().to_path_buf();
        let (broker_port, http) = (free_port()?, free_port()?);
        let broker = start_broker(&programs.nats_server, broker_port, &path).await?;
        let engine = start_engine(&programs, broker_port, http, &zone, &path, &[])?;
        let folder = if programs.keep {
            println!("kept: {}", folder.keep().display());
            None
        } else {
            Some(folder)
        };
        let rig = Self { programs, folder, path, broker_port, broker, engine, http, zone };
        rig.ready().await?;
        Ok(rig)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.broker_port)
    }

    async fn ready(&self) -> Result<(), Failure> {
        for _ in 0..200 {
            if ask(self.http, "GET /readyz", "").await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("the engine is not ready after 10 s: see {}/engine.log", self.path.display()).into())
    }

    /// Kills the broker (SIGKILL).
    pub(crate) async fn kill_broker(&mut self) -> Result<(), Failure> {
        Ok(self.broker.kill().await?)
    }

    /// Starts it again on the same store. Returns when its port is open.
    pub(crate) async fn restart_broker(&mut self) -> Result<(), Failure> {
        self.broker = start_broker(&self.programs.nats_server, self.broker_port, &self.path).await?;
        Ok(())
    }

    /// Stops the engine (SIGSTOP), or lets it go on (SIGCONT).
    pub(crate) async fn pause_engine(&self, stop: bool) -> Result<(), Failure> {
        let signal = if stop { "-STOP" } else { "-CONT" };
        let id = self.engine.id().ok_or("the engine has ended")?.to_string();
        let status = Command::new("kill").args([signal, &id]).status().await?;
        if status.success() { Ok(()) } else { Err("the signal could not be sent".into()) }
    }

    /// Kills the engine (SIGKILL) and starts it with an empty data folder. Returns how long it took until it is ready.
    pub(crate) async fn refold(&mut self) -> Result<Duration, Failure> {
        self.engine.kill().await?;
        let data = self.path.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        }
        let begun = now();
        // A base is stored as soon as the log is folded, so that the next start has one to begin with.
        let bases = ["--base-hours", "0.001"];
        self.engine = start_engine(&self.programs, self.broker_port, self.http, &self.zone, &self.path, &bases)?;
        loop {
            if ask(self.http, "GET /readyz", "").await.is_ok_and(|answer| answer.status == 200) {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > Duration::from_secs(600) {
                return Err("the engine is not ready after 10 minutes".into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether the engine that runs has stored a base.
    pub(crate) fn has_stored_base(&self) -> Result<bool, Failure> {
        Ok(std::fs::read_to_string(self.path.join("engine.log"))?.contains("base stored"))
    }

    pub(crate) fn engine_cost(&self) -> Cost {
        self.engine.id().map(cost).unwrap_or_default()
    }

    /// Size of the broker's files.
    pub(crate) fn store_megabytes(&self) -> f64 {
        bytes_below(&self.path.join("js")) as f64 / 1e6
    }

    pub(crate) fn broker_cost(&self) -> Cost {
        self.broker.id().map(cost).unwrap_or_default()
    }

    /// A figure of `/metrics`, summed over its labels.
    pub(crate) async fn metrics(&self) -> String {
        ask(self.http, "GET /metrics", "").await.map_or(String::new(), |answer| answer.body)
    }

    /// What `fleetfold audit` says of the zone.
    pub(crate) async fn audit(&self) -> Result<serde_json::Value, Failure> {
        let output = Command::new(&self.programs.fleetfold)
            .args(["audit", "--json", "--log", &self.url(), "--tenant", self.zone.tenant(), "--zone", self.zone.zone()])
            .output()
            .await?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| format!("fleetfold audit: {}", String::from_utf8_lossy(&output.stderr)).into())
    }

    /// Stops everything.
    pub(crate) async fn stop(mut self) {
        let _ = self.engine.kill().await;
        let _ = self.broker.kill().await;
        drop(self.folder);
    }
}

/// The value of a metric, summed over its labels; 0 where there is none.
pub(crate) fn metric(text: &str, name: &str) -> f64 {
    let value = |line: &str| {
        let (found, value) = line.rsplit_once(' ')?;
        (found.split('{').next() == Some(name)).then(|| value.parse::<f64>().ok())?
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(value).sum()
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_below(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

async fn start_broker(program: &Path, port: u16, folder: &Path) -> Result<Child, Failure> {
    let child = Command::new(program)
        .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
        .arg(folder.join("js"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: {error} (--nats-server PATH)", program.display()))?;
    for _ in 0..500 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(child);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("the broker does not open its port".into())
}

fn start_engine(
    programs: &Programs,
    broker: u16,
    http: u16,
    zone: &ZoneName,
    folder: &Path,
    more: &[&str],
) -> Result<Child, Failure> {
    let log = std::fs::File::create(folder.join("engine.log"))?;
    let mut command = Command::new(&programs.fleetfold);
    command
        .args([
            "serve",
            "--log",
            &format!("nats://127.0.0.1:{broker}"),
            "--tenant",
            zone.tenant(),
            "--zone",
            zone.zone(),
        ])
        .args(["--listen", &format!("127.0.0.1:{http}"), "--data"])
        .arg(folder.join("data"))
        .args(more);
    if let Some(graph) = &programs.graph {
        command.arg("--graph").arg(graph);
    }
    if let Some(threads) = programs.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    let child = command.stdout(log.try_clone()?).stderr(log).kill_on_drop(true).spawn();
    child.map_err(|error| format!("{}: {error} (--fleetfold PATH)", programs.fleetfold.display()).into())
}

pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What a process has cost since it began. Zero where there is no `/proc`.
pub(crate) fn cost(process: u32) -> Cost {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let (stat, status) = (read("stat"), read("status"));
    // Fields 14 and 15 of the line; the second is a name in brackets, which may have blanks.
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    Cost { cpu_seconds: ticks / TICKS, peak_megabytes: peak.unwrap_or(0.0) / 1024.0 }
}

#[cfg(test)]
mod tests {
    use super::metric;

    #[test]
    fn a_metric_is_the_sum_over_its_labels() {
        let text = "# TYPE a counter\na_total{reason=\"x\"} 2\na_total{reason=\"y\"} 3\nab_total 9\nb 1.5\n# EOF\n";
        assert_eq!((metric(text, "a_total"), metric(text, "b"), metric(text, "c")), (5.0, 1.5, 0.0));
    }
}

//! The choice of a log, and how the chosen one is opened.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Broker, Embedded, JetStream, Layout, Log, LogError, Server, Storage};

/// Which log to use, as `--log` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogChoice {
    /// A broker at an address.
    Nats(Server),
    /// No log at all, but a text that may hold a password: it is refused when it is opened, because the command line would print a
    /// value that it refuses.
    Wrong,
    /// A local file; `None`: a temporary one.
    Embedded(Option<PathBuf>),
    /// Start a `nats-server` from PATH with a temporary store.
    Spawn,
    /// `$NATS_URL`, else a server on PATH, else embedded.
    Auto,
}

/// What `--log` can be.
const CHOICES: &str = "use nats://[USER:PASSWORD@]HOST:PORT, context:NAME, embedded, embedded:PATH, spawn or auto";

impl std::str::FromStr for LogChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "spawn" => Ok(Self::Spawn),
            "embedded" => Ok(Self::Embedded(None)),
            _ => {
                if let Some(path) = text.strip_prefix("embedded:") {
                    Ok(Self::Embedded(Some(PathBuf::from(path))))
                } else if let Some(name) = text.strip_prefix("context:") {
                    Server::of_context(name).map(Self::Nats)
                } else if let Some(server) = Server::parse(text) {
                    Ok(Self::Nats(server))
                } else if text.contains('@') {
                    Ok(Self::Wrong)
                } else {
                    Err(CHOICES.to_owned())
                }
            }
        }
    }
}

/// What a log is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To write facts into it: what is missing is made.
    Write,
    /// To run an engine on it: what is missing is made, but the stream of facts only once the engine knows how to begin.
    Serve,
    /// To read it: nothing is made.
    Read,
}

/// An opened log, and what must live as long as it (a spawned broker, a temporary folder).
pub(crate) struct Opened {
    /// The log.
    pub log: Log,
    /// Why this one.
    pub why: String,
    /// A broker started for it.
    pub broker: Option<Broker>,
    /// A folder that goes when it does.
    pub folder: Option<tempfile::TempDir>,
}

/// Opens the chosen log. What is missing at a broker is made in the way that is usual there.
///
/// # Errors
///
/// What is wrong, and what mends it.
pub(crate) async fn open(choice: &LogChoice, purpose: Purpose) -> Result<Opened, LogError> {
    open_with(choice, purpose, Storage::default()).await
}

/// Opens the chosen log. What is missing at a broker is made as `storage` says.
///
/// # Errors
///
/// As [`open`]; and when the log has another layout than the one that is asked for.
pub(crate) async fn open_with(choice: &LogChoice, purpose: Purpose, storage: Storage) -> Result<Opened, LogError> {
    match choice {
        LogChoice::Wrong => {
            Err(LogError::new("the log's address cannot be read (it is not shown: it may hold a password)", CHOICES))
        }
        LogChoice::Nats(server) => {
            let log = Log::JetStream(Arc::new(JetStream::connect(server, purpose, storage).await?));
            Ok(Opened { log, why: format!("NATS JetStream at {server}"), broker: None, folder: None })
        }
        LogChoice::Embedded(path) => {
            if storage.layout == Some(Layout::PerZone) || storage.replicas.is_some_and(|replicas| replicas > 1) {
                return Err(LogError::new(
                    "an embedded log is one file: it has no streams of zones and no replicas",
                    "leave --streams and --replicas out, or give --log nats://HOST:PORT",
                ));
            }
            let (path, folder) = if let Some(path) = path {
                if purpose == Purpose::Read && !path.exists() {
                    let what = format!("{}: there is no such log", path.display());
                    return Err(LogError::new(what, "give the path of a log file"));
                }
                (path.clone(), None)
            } else {
                let folder = temporary()?;
                (folder.path().join("fleetfold.redb"), Some(folder))
            };
            let log = Log::Embedded(Arc::new(Embedded::open(&path)?));
            Ok(Opened { why: format!("embedded file log at {}", path.display()), log, broker: None, folder })
        }
        LogChoice::Spawn => {
            let folder = temporary()?;
            let broker = Broker::spawn(folder.path()).await?;
            let server = Server::parse(&broker.url)
                .ok_or_else(|| LogError::new(format!("{} is no address", broker.url), "report this"))?;
            let log = Log::JetStream(Arc::new(JetStream::connect(&server, Purpose::Write, storage).await?));
            Ok(Opened {
                why: format!("NATS JetStream, {} started at {}", broker.program, broker.url),
                log,
                broker: Some(broker),
                folder: Some(folder),
            })
        }
        LogChoice::Auto => {
            if let Ok(url) = std::env::var("NATS_URL") {
                let choice = Server::parse(&url).map_or(LogChoice::Wrong, LogChoice::Nats);
                return Box::pin(open_with(&choice, purpose, storage)).await;
            }
            if let Ok(opened) = Box::pin(open_with(&LogChoice::Spawn, purpose, storage.clone())).await {
                Ok(opened)
            } else {
                let mut opened = Box::pin(open_with(&LogChoice::Embedded(None), purpose, storage)).await?;
                opened.why.push_str(" ($NATS_URL is not set and there is no nats-server 2.10 or newer on PATH)");
                Ok(opened)
            }
        }
    }
}

fn temporary() -> Result<tempfile::TempDir, LogError> {
    tempfile::Builder::new().prefix("fleetfold-").tempdir().map_err(|error| {
        LogError::new(format!("no temporary folder: {error}"), "set TMPDIR to a folder that can be written")
    })
}

//! The choice of a log, and how the chosen one is opened.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Broker, Embedded, JetStream, Log, LogError};

/// Which log to use, as `--log` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogChoice {
    /// A broker at an address.
    Nats(String),
    /// A local file; `None`: a temporary one.
    Embedded(Option<PathBuf>),
    /// Start a `nats-server` from PATH with a temporary store.
    Spawn,
    /// `$NATS_URL`, else a server on PATH, else embedded.
    Auto,
}

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
                } else if text.starts_with("nats://") || text.starts_with("tls://") {
                    Ok(Self::Nats(text.to_owned()))
                } else {
                    Err("use nats://HOST:PORT, embedded, embedded:PATH, spawn or auto".to_owned())
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

/// Opens the chosen log.
///
/// # Errors
///
/// What is wrong, and what mends it.
pub(crate) async fn open(choice: &LogChoice, purpose: Purpose) -> Result<Opened, LogError> {
    match choice {
        LogChoice::Nats(url) => {
            let log = Log::JetStream(Arc::new(JetStream::connect(url, purpose).await?));
            Ok(Opened { log, why: format!("NATS JetStream at {url}"), broker: None, folder: None })
        }
        LogChoice::Embedded(path) => {
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
            let log = Log::JetStream(Arc::new(JetStream::connect(&broker.url, Purpose::Write).await?));
            Ok(Opened {
                why: format!("NATS JetStream, {} started at {}", broker.program, broker.url),
                log,
                broker: Some(broker),
                folder: Some(folder),
            })
        }
        LogChoice::Auto => {
            if let Ok(url) = std::env::var("NATS_URL") {
                return Box::pin(open(&LogChoice::Nats(url), purpose)).await;
            }
            if let Ok(opened) = Box::pin(open(&LogChoice::Spawn, purpose)).await {
                Ok(opened)
            } else {
                let mut opened = Box::pin(open(&LogChoice::Embedded(None), purpose)).await?;
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

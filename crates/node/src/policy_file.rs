//! `serve --policy policy.toml`: a file that says how the zone is dispatched. When it changes and is right it becomes a `policy.changed` event in
//! the log, as any other; when it is wrong the policy in force stays, and what is wrong is told until it is mended.
//!
//! Only the owner of the zone publishes. Which text was dealt with last is remembered in the data folder, so that a restart with the same
//! file publishes nothing, whatever a dispatcher has changed since; a standby counts as dealt with what it has seen in force.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::Said;
use fleetfold_model::{Event, Policy, Timestamp};
use fleetfold_wire::{EventType, Warning, encode, message_hash};
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::feed::append_message;
use crate::live::Live;
use crate::policies;

/// The file is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A file that cannot be read in so long is told as one that does not answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// Most bytes of it: a policy has some hundred.
const TEXT_MAX: u64 = 1 << 20;
/// Where the hash of the text that was dealt with last stands, in the folder of the zone.
const DONE: &str = "policy.done";
/// As whom the file speaks: the source of its events, and their operator.
const NAME: &str = "policy.toml";

/// A file that is followed.
pub(crate) struct PolicyFile {
    path: PathBuf,
    /// Where it is remembered what was dealt with.
    done_at: PathBuf,
    /// Hash of the text that was dealt with last.
    done: Option<String>,
    /// Hash of the text, and what is wrong with it, that was told last.
    wrong: Option<(String, String)>,
    /// How many mistakes this run has told.
    told: u64,
    /// Somebody has asked for the file to be read: what is wrong is said in the log once more.
    asked: bool,
    /// A look at the file that has not come to an end: that of a disk which does not answer may take for ever.
    reading: Option<oneshot::Receiver<Result<String, String>>>,
}

/// The text of a file, and nothing else than a file: a pipe would be waited for.
fn text_of(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no file".to_owned());
    }
    if about.len() > TEXT_MAX {
        return Err(format!("it has {} bytes, where {TEXT_MAX} are the most", about.len()));
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(TEXT_MAX).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

impl PolicyFile {
    /// A file, and the folder of the zone.
    ///
    /// # Errors
    ///
    /// When there is no such file. What is wrong in it is told as it is of one that has changed: a zone is not kept from its work by that.
    pub(crate) fn of(path: PathBuf, folder: &Path) -> Result<Self, Failure> {
        if let Err(error) = std::fs::metadata(&path) {
            let hint = "give --policy the path of a file with the fields of a policy as TOML";
            return Err(Failure::new(format!("{}: {error}", path.display()), hint));
        }
        let done_at = folder.join(DONE);
        let done = std::fs::read_to_string(&done_at).ok().map(|text| text.trim().to_owned());
        // A file that cannot be read has no hash either.
        let done = done.filter(|hash| !hash.is_empty());
        Ok(Self { path, done_at, done, wrong: None, told: 0, asked: false, reading: None })
    }

    /// Follows the file until the engine ends: each second, and whenever the program gets SIGHUP.
    pub(crate) async fn follow(mut self, live: Live, mut hangup: Option<Signal>) {
        loop {
            self.look(&live).await;
            let told = async {
                match hangup.as_mut() {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = told => {
                    tracing::info!(file = %self.path.display(), "the file of the policy is read again, as SIGHUP asks");
                    self.asked = true;
                }
                () = live.ended() => return,
            }
        }
    }

    /// What stands in the file. It is read on a thread of its own: nothing else waits for a disk that does not answer.
    async fn read(&mut self) -> Result<String, String> {
        let mut reading = self.reading.take().unwrap_or_else(|| {
            let (sender, receiver) = oneshot::channel();
            let path = self.path.clone();
            std::thread::spawn(move || sender.send(text_of(&path)));
            receiver
        });
        if let Ok(read) = tokio::time::timeout(ANSWERS_WITHIN, &mut reading).await {
            return read.unwrap_or_else(|_| Err("it cannot be read".to_owned()));
        }
        self.reading = Some(reading);
        Err("it does not answer".to_owned())
    }

    async fn look(&mut self, live: &Live) {
        let (hash, policy) = match self.read().await {
            Ok(text) => (message_hash(text.as_bytes()).to_string(), policies::parse(&text, &Policy::default())),
            Err(error) => (String::new(), Err((None, error))),
        };
        if self.done.as_ref() == Some(&hash) {
            return self.is_right(live, live.applied());
        }
        let policy = match policy {
            Ok(policy) => policy,
            Err((line, what)) => return self.is_wrong(live, hash, line, &what),
        };
        self.is_right(live, live.applied());
        // In an empty zone the first event may still be the one that opens it.
        if !live.has_caught_up() || (live.applied() == 0 && !live.opened.borrow().opened) {
            return;
        }
        let Some(copy) = live.copy().await else { return };
        let is_in_force = *copy.fleet.policy() == policy;
        drop(copy);
        live.forget_copy();
        if is_in_force {
            return self.dealt_with(hash);
        }
        if live.epoch().is_none() {
            return;
        }
        let event = Event::PolicyChanged(policy);
        let opened = live.opened.borrow().clone();
        let now = opened.zone_time(crate::clock::wall());
        // The same text may be wanted again after another one: its event is another one, too.
        let id = format!("{hash}-{}", live.applied());
        match append_message(&live.log, &live.zone, &event, message(&event, &opened, &id, now), NAME, &id).await {
            Ok(seq) => {
                tracing::info!(file = %self.path.display(), seq, "the policy of the file is in the log");
                self.dealt_with(hash);
            }
            Err(error) => {
                tracing::warn!(file = %self.path.display(), %error, "the policy of the file is not in the log; it is tried again");
            }
        }
    }

    /// The policy in force stays: what is wrong with the file is told, once.
    fn is_wrong(&mut self, live: &Live, hash: String, line: Option<usize>, what: &str) {
        live.metrics.policy_file_is_wrong(true);
        let said = (hash, what.to_owned());
        let (is_known, asked) = (self.wrong.as_ref() == Some(&said), std::mem::take(&mut self.asked));
        if is_known && !asked {
            return;
        }
        let place = line.map_or_else(|| "the file".to_owned(), |line| format!("line {line}"));
        let file = self.path.display().to_string();
        tracing::error!(file, line, error = what, "the policy of the file is wrong: the one in force stays");
        if is_known {
            return;
        }
        // A mistake that was mended and made again is another one.
        let _ = live.warnings.withdraw((Warning::POLICY_FILE, NAME), live.applied());
        self.told += 1;
        let id = format!("{}-{}-{}", said.0, live.applied(), self.told);
        let now = crate::clock::wall();
        let envelope = encode(&Event::PolicyChanged(Policy::default()), live.opened.borrow().space, NAME, &id, now);
        let warning = Warning {
            code: Warning::POLICY_FILE,
            field: place,
            hint: None,
            detail: Some(format!("{file}: {what}; the policy in force stays")),
            about: Some(NAME.into()),
            since: None,
        };
        let said_of = Said { envelope, kind: EventType::PolicyChanged, warnings: vec![warning] };
        let _ = live.warnings.push(&said_of, None, now);
        self.wrong = Some(said);
    }

    /// Nothing is wrong with the file any more.
    fn is_right(&mut self, live: &Live, seq: u64) {
        live.metrics.policy_file_is_wrong(false);
        self.asked = false;
        if self.wrong.take().is_some() {
            let _ = live.warnings.withdraw((Warning::POLICY_FILE, NAME), seq);
            tracing::info!(file = %self.path.display(), "the policy of the file is right again");
        }
    }

    /// This text is not published again.
    fn dealt_with(&mut self, hash: String) {
        let written = self.done_at.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = written.and_then(|()| std::fs::write(&self.done_at, &hash)) {
            tracing::warn!(file = %self.done_at.display(), %error, "it cannot be noted which policy is in the log: a restart may say it again");
        }
        self.done = Some(hash);
    }
}

/// The signal by which the file is read again; `None`: this system has none.
pub(crate) fn hangups() -> Option<Signal> {
    signal(SignalKind::hangup()).ok()
}

/// The message of such an event. The file is its operator.
fn message(event: &Event, zone: &fleetfold_fleet::Zone, id: &str, now: Timestamp) -> Bytes {
    let bytes = encode(event, zone.space, NAME, id, now).to_bytes();
    let mut said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if let Some(said) = said.as_object_mut() {
        said.insert("operator".to_owned(), NAME.into());
        return Bytes::from(Value::Object(std::mem::take(said)).to_string());
    }
    Bytes::from(bytes)
}

//! Which rights a user of a broker lacks.
//!
//! A broker says that a right is missing only on the connection, and never in answer to a request, which just waits. So each right is tried by
//! a message that has no effect where the right is there: one that names another stream than the one on its subject, which the stream
//! refuses; a request whose body is no JSON; a subscription that ends at once. The right to purge is never tried, because the broker purges the
//! whole stream when it cannot read the request; it is named when it is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream;
use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::{BrokerRole, Right, SUBSCRIBE, Scope, Verb, rights};
use crate::clock;
use crate::log::jetstream::{Line, connect_client, layout_of, names};
use crate::log::{LogError, Server};

/// What stands in a right for any token, as it is tried: no name of ours is written so.
const SAMPLE: &str = "%2D";
/// The broker says within this time after a round trip which messages it has refused.
const SETTLED: Duration = Duration::from_millis(200);
/// A broker that answers at all answers within this time.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// How often an engine that lacks nothing looks whether it still does.
const LOOK: Duration = Duration::from_secs(10);
/// And one that lacks something.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A round through the rights to ask the broker, one after the other, takes so long: one that was taken away is named within two seconds.
const ROUND: Duration = Duration::from_millis(1_200);
/// Whoever cannot go round tries again after this time.
const ROUND_AGAIN: Duration = Duration::from_secs(1);
/// What was refused so long ago, and not since, is no trouble of now.
const RECENT: Duration = Duration::from_secs(10);

/// What the broker has refused on a connection, and what is known to be missing.
#[derive(Debug, Default)]
pub(crate) struct Denied {
    recent: Mutex<BTreeMap<String, Instant>>,
    lacking: Mutex<Option<String>>,
    /// A subscription was refused. It is not tried again on this connection, so answers may never be heard.
    is_deaf: AtomicBool,
    /// Rings when something was refused.
    bell: Notify,
}

impl Denied {
    /// Notes the broker's words, if they are about a right.
    pub(in crate::log) fn heard(&self, words: &str) {
        if let Some(right) = refused(words) {
            if right.starts_with(SUBSCRIBE) {
                self.is_deaf.store(true, Ordering::Release);
            }
            self.recent.lock().unwrap_or_else(PoisonError::into_inner).insert(right, clock::monotonic());
            self.bell.notify_one();
        }
    }

    fn all(&self) -> BTreeSet<String> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, at| at.elapsed() < RECENT);
        recent.keys().cloned().collect()
    }

    /// What is missing now, as a whole look has found it. True when nothing is, and the connection has to be made anew.
    fn found(&self, lacking: &[Right]) -> bool {
        let words = (!lacking.is_empty()).then(|| words(lacking));
        let mut held = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        let is_whole_again = || lacking.is_empty() && self.is_deaf.swap(false, Ordering::AcqRel);
        if *held == words {
            return is_whole_again();
        }
        if let Some(words) = &words {
            tracing::error!("{words}; {MEND}");
        } else {
            tracing::info!("the broker's user has all its rights again");
            self.recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        *held = words;
        is_whole_again()
    }

    /// `Err`: which right is missing.
    pub(crate) fn get(&self) -> Result<(), String> {
        if let Some(words) = &*self.lacking.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(words.clone());
        }
        match self.all().into_iter().next() {
            Some(right) => Err(format!("{WHO} {right}")),
            None => Ok(()),
        }
    }
}

/// Looks whether an engine has its rights: when something was refused, after each new connection, and now and then.
pub(in crate::log) async fn watch(
    denied: Weak<Denied>,
    (client, server): (async_nats::Client, Server),
    scopes: Vec<Scope>,
    mut away: watch::Receiver<Option<Instant>>,
) {
    let mut wait = LOOK;
    let mut rounds = Rounds::default();
    loop {
        {
            let Some(denied) = denied.upgrade() else { return };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = denied.bell.notified() => {}
                () = rounds.until_one_is_refused(&server, &scopes), if wait == LOOK => {}
                changed = away.changed() => if changed.is_err() { return },
            }
        }
        let Some(denied) = denied.upgrade() else { return };
        if away.borrow_and_update().is_some() {
            continue;
        }
        let Ok(lacking) = lacking_of(&server, &scopes).await else { continue };
        if denied.found(&lacking) {
            let _ = client.force_reconnect().await;
        }
        wait = if lacking.is_empty() { LOOK } else { LOOK_AGAIN };
        if rounds.has_refused {
            tracing::debug!("a right was found missing when all were tried one after the other");
        }
        if !lacking.is_empty() || rounds.has_refused {
            // What is refused meanwhile says nothing new.
            rounds.has_refused = false;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Tries one right to ask the broker after the other, on a connection that is kept, so that a right that is taken away is missed soon and
/// no broker is loaded by it. Rights to publish anything else are not tried so often: what is tried reaches whoever listens there.
#[derive(Default)]
struct Rounds {
    line: Option<(async_nats::Client, std::sync::Arc<Denied>, Vec<String>)>,
    next: usize,
    has_refused: bool,
}

impl Rounds {
    /// Returns when one is refused. May be dropped anywhere.
    async fn until_one_is_refused(&mut self, server: &Server, scopes: &[Scope]) {
        loop {
            if self.line.is_none() {
                match connected(server, scopes).await {
                    Ok(line) => self.line = Some(line),
                    Err(_) => tokio::time::sleep(ROUND_AGAIN).await,
                }
            }
            let Some((client, denied, subjects)) = &self.line else { continue };
            let pause = pause(subjects.len());
            let subject = subjects[self.next % subjects.len()].clone();
            self.next += 1;
            if client.publish(subject, Bytes::from_static(b"?")).await.is_err() {
                self.line = None;
                tokio::time::sleep(ROUND_AGAIN).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = denied.bell.notified() => {
                    self.has_refused = true;
                    return;
                }
            }
        }
    }
}

/// The time between two rights that are tried, of so many.
fn pause(subjects: usize) -> Duration {
    ROUND / u32::try_from(subjects.max(1)).unwrap_or(u32::MAX)
}

/// A connection to try rights on, and what is sent to try them.
async fn connected(
    server: &Server,
    scopes: &[Scope],
) -> Result<(async_nats::Client, std::sync::Arc<Denied>, Vec<String>), LogError> {
    let (client, _away, denied) = connect_client(server).await?;
    let context = jetstream::context::ContextBuilder::new().timeout(ANSWERED_WITHIN).build(client.clone());
    let held = names(&context).await?;
    let layout = layout_of(&held)?;
    let mut subjects = BTreeSet::new();
    for scope in scopes {
        let scope = Scope { layout: layout.unwrap_or(scope.layout), ..scope.clone() };
        let asks = |right: &Right| right.verb == Verb::Publish && right.subject.starts_with("$JS.");
        // What is not there is not asked about, and what is there need not be made.
        let rights = rights(BrokerRole::Engine, &scope).into_iter();
        let tried = rights.filter(|right| asks(right) && right.can_be_tried() && right.to_make.is_none());
        subjects.extend(tried.map(|right| sample(&right.subject)));
    }
    Ok((client, denied, subjects.into_iter().collect()))
}

async fn lacking_of(server: &Server, scopes: &[Scope]) -> Result<Vec<Right>, LogError> {
    let mut all = Vec::new();
    for scope in scopes {
        all.extend(lacking(server, BrokerRole::Engine, scope.clone()).await?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// Whether an engine has its rights.
///
/// # Errors
///
/// Which it lacks; or nobody answers.
pub(crate) async fn demand(server: &Server, scopes: &[Scope]) -> Result<(), LogError> {
    match lacking_of(server, scopes).await? {
        lacking if lacking.is_empty() => Ok(()),
        lacking => Err(LogError::new(words(&lacking), MEND)),
    }
}

/// What mends it.
pub(crate) const MEND: &str =
    "give the user these rights: `fleetfold permissions` prints the broker's settings for each role";
const WHO: &str = "the broker's user may not";

/// Which rights are missing, in words.
pub(crate) fn words(lacking: &[Right]) -> String {
    let listed: Vec<String> = lacking.iter().map(|right| format!("{right} ({})", right.what_for)).collect();
    format!("{WHO} {}", listed.join(", "))
}

/// The right that a broker has refused: `publish on fleet.acme.porto.plan`.
fn refused(words: &str) -> Option<String> {
    let lower = words.to_ascii_lowercase();
    let verb = if lower.contains("permissions violation for publish") {
        "publish on"
    } else if lower.contains("permissions violation for subscription") {
        SUBSCRIBE
    } else {
        return None;
    };
    let subject = words.split('"').nth(1)?;
    Some(format!("{verb} {subject}"))
}

/// A subject of a right, with something that stands for nothing in place of what is left open.
fn sample(subject: &str) -> String {
    let tokens = subject.split('.').map(|token| if matches!(token, "*" | ">") { SAMPLE } else { token });
    tokens.collect::<Vec<_>>().join(".")
}

/// Which rights of a role a user lacks, tried on a connection of its own.
///
/// # Errors
///
/// When nobody answers.
pub(crate) async fn lacking(server: &Server, role: BrokerRole, scope: Scope) -> Result<Vec<Right>, LogError> {
    let (client, away, denied) = connect_client(server).await?;
    let line = Line::of(&away);
    let context = jetstream::context::ContextBuilder::new().timeout(ANSWERED_WITHIN).build(client.clone());
    // Where even this is not allowed, nothing is known to be there.
    let held = names(&context).await.unwrap_or_default();
    let layout = layout_of(&held)?.unwrap_or(scope.layout);
    let scope = Scope { inbox: server.inbox_prefix().unwrap_or_else(|| "_INBOX".to_owned()), layout, ..scope };
    let failed = |error: &dyn fmt::Display| {
        let hint = "check the connection to the broker";
        line.judged(LogError::new(format!("the broker's rights cannot be tried: {error}"), hint))
    };
    let rights = rights(role, &scope);
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Stream", "fleetfold-tries-its-rights");
    let mut kept = Vec::new();
    for right in rights.iter().filter(|right| right.can_be_tried()) {
        let subject = sample(&right.subject);
        match right.verb {
            Verb::Publish if subject.starts_with("$JS.") => {
                client.publish(subject, Bytes::from_static(b"?")).await.map_err(|error| failed(&error))?;
            }
            Verb::Publish => {
                let sent = client.publish_with_headers(subject, headers.clone(), Bytes::new()).await;
                sent.map_err(|error| failed(&error))?;
            }
            Verb::Subscribe => kept.push(client.subscribe(subject).await.map_err(|error| failed(&error))?),
        }
    }
    client.flush().await.map_err(|error| failed(&error))?;
    // What the broker says before it answers is heard by a task.
    tokio::time::sleep(SETTLED).await;
    drop(kept);
    let refused = denied.all();
    let is_refused = |right: &Right| {
        let tried = Right { subject: sample(&right.subject), ..right.clone() };
        refused.contains(&tried.to_string())
    };
    // Whoever cannot make a stream needs not where it is there.
    let is_needed = |right: &Right| right.to_make.as_ref().is_none_or(|name| !held.contains(name));
    Ok(rights.into_iter().filter(|right| is_refused(right) && is_needed(right)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_rights_there_are_all_are_tried_and_judged_within_two_seconds() {
        for subjects in [1_usize, 2, 9, 40, 1_000, 100_000] {
            let round = pause(subjects) * subjects as u32;
            assert!(round + SETTLED < Duration::from_secs(2), "{subjects} rights take {round:?}");
            assert!(
                round > Duration::from_secs(1),
                "the broker is asked more often than it must be: {subjects} in {round:?}"
            );
        }
        assert!(pause(0) > Duration::ZERO);
    }

    #[test]
    fn the_words_of_a_broker_are_understood() {
        let words = "nats: Permissions Violation for Publish to \"fleet.acme.porto.plan\"";
        assert_eq!(refused(words).as_deref(), Some("publish on fleet.acme.porto.plan"));
        let words = "nats: permissions violation for subscription to \"$KV.NODES.>\" using queue \"q\"";
        assert_eq!(refused(words).as_deref(), Some("subscribe to $KV.NODES.>"));
        assert_eq!(refused("nats: maximum subscriptions exceeded"), None);
    }
}

//! What people have done and who was refused, as lines of the program's log under the target `fleetfold::audit`. Events themselves
//! stand in the log of events with the name of who has sent them; a line says it to those who watch the program.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::StatusCode;

use super::Identity;
use crate::clock;
use crate::http::server::party;

/// Lines about refusals in [`WHILE`]: whoever is refused again and again does not fill the disk. The others are counted.
const REFUSALS_MAX: u64 = 60;
/// The time that they are counted in.
const WHILE: Duration = Duration::from_secs(60);
/// Longest path that is shown.
const PATH_MAX: usize = 200;

/// Where a request comes from, as the connection says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Whose requests are counted together, where the request came over a connection.
pub(super) fn party_of(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|peer| party(peer.0))
}

fn peer(request: &Request) -> String {
    request.extensions().get::<Peer>().map_or_else(String::new, |peer| peer.0.to_string())
}

/// Somebody has done something.
pub(crate) fn done(who: &Identity, what: &str) {
    tracing::info!(target: "fleetfold::audit", who = %who.name, role = who.role.name(), "{what}");
}

/// What a program has sent in [`WHILE`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) stored: u64,
    pub(crate) repeats: u64,
    pub(crate) refused: u64,
    /// The last entry.
    pub(crate) last: u64,
}

impl Sent {
    fn add(&mut self, more: Self) {
        self.stored += more.stored;
        self.repeats += more.repeats;
        self.refused += more.refused;
        self.last = self.last.max(more.last);
    }
}

/// By name and role: requests, and what they have sent.
type Sums = BTreeMap<(Arc<str>, &'static str), (u64, Sent)>;

static SENT: Mutex<Sums> = Mutex::new(BTreeMap::new());

/// A program has sent events. A line a minute says what each has, also when every event is a request of its own.
pub(crate) fn sent(who: &Identity, sent: Sent) {
    let key = (Arc::clone(&who.name), who.role.name());
    let mut all = SENT.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = all.is_empty();
    let (requests, sum) = all.entry(key).or_default();
    *requests += 1;
    sum.add(sent);
    drop(all);
    if is_first {
        tokio::spawn(async {
            tokio::time::sleep(WHILE).await;
            say_what_was_sent();
        });
    }
}

/// Says now what programs have sent since it was last said: the program ends.
pub(crate) fn say_what_was_sent() {
    let all = std::mem::take(&mut *SENT.lock().unwrap_or_else(PoisonError::into_inner));
    for ((who, role), (requests, sent)) in all {
        let Sent { stored, repeats, refused, last } = sent;
        tracing::info!(target: "fleetfold::audit", who = %who, role, requests, stored, repeats, refused, last, "sent events");
    }
}

/// Somebody was refused. The path is shown without its query, which could have a secret in it.
pub(crate) fn refused(request: &Request, who: Option<&Identity>, status: StatusCode) {
    static SAID: AtomicU64 = AtomicU64::new(0);
    static SINCE: Mutex<Option<Instant>> = Mutex::new(None);
    let mut since = SINCE.lock().unwrap_or_else(PoisonError::into_inner);
    if since.is_none_or(|since| since.elapsed() > WHILE) {
        let left_out = SAID.swap(0, Ordering::Relaxed).saturating_sub(REFUSALS_MAX);
        if left_out > 0 {
            tracing::warn!(target: "fleetfold::audit", count = left_out, "more requests were refused");
        }
        *since = Some(clock::monotonic());
    }
    drop(since);
    if SAID.fetch_add(1, Ordering::Relaxed) >= REFUSALS_MAX {
        return;
    }
    let path: String = request.uri().path().chars().take(PATH_MAX).collect();
    let (method, status, from) = (request.method(), status.as_u16(), peer(request));
    if let Some(who) = who {
        let role = who.role.name();
        tracing::warn!(target: "fleetfold::audit", who = %who.name, role, %method, path, status, from, "refused");
    } else {
        tracing::warn!(target: "fleetfold::audit", %method, path, status, from, "refused");
    }
}

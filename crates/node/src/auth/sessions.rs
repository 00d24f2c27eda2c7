//! Sessions of people who have logged in, and links that log in once. All of it is in memory: after a restart people log in again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::tokens::{Digest, digest, random_secret};
use crate::clock;

/// Most sessions of one token: with one more the one that was used last the longest ago ends.
const OF_ONE_TOKEN_MAX: usize = 20;
/// Longest time in which a link that logs in once is used.
const LINK_WITHIN: Duration = Duration::from_secs(600);

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    /// Without anything that a person does.
    pub(crate) idle: Duration,
    /// At most.
    pub(crate) whole: Duration,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60 * 60), whole: Duration::from_secs(12 * 60 * 60) }
    }
}

struct Kept {
    token: Digest,
    begun: Instant,
    seen: Instant,
}

/// A session that has not ended.
pub(super) struct Session {
    /// The token that has opened it.
    pub(super) token: Digest,
}

#[derive(Default)]
struct All {
    sessions: BTreeMap<Digest, Kept>,
    links: BTreeMap<Digest, Kept>,
}

/// All sessions of the program, by the digests of their cookies.
pub(super) struct Sessions {
    all: Mutex<All>,
    lifetime: Lifetime,
}

impl Sessions {
    pub(super) fn new(lifetime: Lifetime) -> Self {
        Self { all: Mutex::default(), lifetime }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self, kept: &Kept) -> bool {
        kept.seen.elapsed() >= self.lifetime.idle || kept.begun.elapsed() >= self.lifetime.whole
    }

    /// Begins a session; returns its cookie.
    pub(super) fn begin(&self, token: Digest) -> String {
        let cookie = random_secret();
        let now = clock::monotonic();
        let mut all = self.all();
        all.sessions.retain(|_, kept| !self.is_over(kept));
        let of_token = || all.sessions.iter().filter(|(_, kept)| kept.token == token);
        if of_token().count() >= OF_ONE_TOKEN_MAX
            && let Some(&oldest) = of_token().min_by_key(|(_, kept)| kept.seen).map(|(cookie, _)| cookie)
        {
            all.sessions.remove(&oldest);
        }
        all.sessions.insert(digest(cookie.as_bytes()), Kept { token, begun: now, seen: now });
        cookie
    }

    /// The session of a cookie, if it has not ended.
    pub(super) fn session(&self, cookie: Digest) -> Option<Session> {
        let mut all = self.all();
        let kept = all.sessions.get(&cookie)?;
        let (token, is_over) = (kept.token, self.is_over(kept));
        if is_over {
            all.sessions.remove(&cookie);
        }
        (!is_over).then_some(Session { token })
    }

    /// A person has done something.
    pub(super) fn seen(&self, cookie: Digest) {
        if let Some(kept) = self.all().sessions.get_mut(&cookie) {
            kept.seen = clock::monotonic();
        }
    }

    pub(super) fn end(&self, cookie: Digest) {
        self.all().sessions.remove(&cookie);
    }

    /// A word that opens one session of this token, within [`LINK_WITHIN`].
    pub(super) fn link(&self, token: Digest) -> String {
        let word = random_secret();
        let now = clock::monotonic();
        self.all().links.insert(digest(word.as_bytes()), Kept { token, begun: now, seen: now });
        word
    }

    /// The token of such a word, which is used up.
    pub(super) fn use_link(&self, word: &str) -> Option<Digest> {
        let kept = self.all().links.remove(&digest(word.as_bytes()))?;
        (kept.begun.elapsed() < LINK_WITHIN).then_some(kept.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(idle: u64, whole: u64) -> Sessions {
        Sessions::new(Lifetime { idle: Duration::from_secs(idle), whole: Duration::from_secs(whole) })
    }

    /// Moves all sessions into the past.
    fn later(sessions: &Sessions, seconds: u64) {
        let mut all = sessions.all();
        let All { sessions, links } = &mut *all;
        for kept in sessions.values_mut().chain(links.values_mut()) {
            let back =
                |at: Instant| at.checked_sub(Duration::from_secs(seconds)).expect("the machine runs for long enough");
            (kept.begun, kept.seen) = (back(kept.begun), back(kept.seen));
        }
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_at_last_in_any_case() {
        let (sessions, token) = (of(10, 25), digest(b"token"));
        let cookie = digest(sessions.begin(token).as_bytes());
        for _ in 0..2 {
            later(&sessions, 9);
            assert!(sessions.session(cookie).is_some());
            sessions.seen(cookie);
        }
        later(&sessions, 9);
        assert!(sessions.session(cookie).is_none(), "27 s are more than 25 s");
        let idle = digest(sessions.begin(token).as_bytes());
        later(&sessions, 11);
        assert!(sessions.session(idle).is_none());
        let out = digest(sessions.begin(token).as_bytes());
        sessions.end(out);
        assert!(sessions.session(out).is_none());
    }

    #[test]
    fn a_link_logs_in_once_and_not_for_ever() {
        let (sessions, token) = (of(10, 25), digest(b"token"));
        let word = sessions.link(token);
        assert_eq!((sessions.use_link(&word), sessions.use_link(&word)), (Some(token), None));
        let word = sessions.link(token);
        later(&sessions, 601);
        assert_eq!(sessions.use_link(&word), None);
    }

    #[test]
    fn a_token_has_so_many_sessions() {
        let sessions = of(100, 100);
        let cookies: Vec<Digest> =
            (0..=OF_ONE_TOKEN_MAX).map(|_| digest(sessions.begin(digest(b"token")).as_bytes())).collect();
        let other = digest(sessions.begin(digest(b"other")).as_bytes());
        let open = cookies.iter().filter(|&&cookie| sessions.session(cookie).is_some()).count();
        assert_eq!((open, sessions.session(cookies[0]).is_some()), (OF_ONE_TOKEN_MAX, false));
        assert!(sessions.session(other).is_some());
    }
}

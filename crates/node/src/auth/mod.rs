//! Who asks over HTTP, and what he may do: bearer tokens for programs, sessions for people, a role for each of them and for each route.
//!
//! A request shows who sends it by a bearer token or by the cookie of a session that a token has opened. Only digests of tokens and
//! cookies are kept in memory. What is said of a request in the program's log never has a token, a cookie or a query in it.

pub(crate) mod audit;
pub(crate) mod login;
pub(crate) mod routes;
mod sessions;
pub(crate) mod stamp;
mod tokens;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;

use crate::failure::Failure;
use crate::http::basemap::Basemap;
use crate::http::problem;
use crate::http::rates::Rate;
pub(crate) use sessions::Lifetime;
use sessions::{Session, Sessions};
pub(crate) use tokens::command;
use tokens::{Digest, Tokens, digest};

/// The header by which our own page shows that a request is its own: a page of another site cannot send it without asking first, and is
/// told no.
pub(crate) const PAGE_HEADER: &str = "fleetfold-request";
/// How often the token file is looked at.
const LOOK_AT_FILE: Duration = Duration::from_secs(1);
/// Most requests a second of one address, token or login, if nobody has said so (guess: ten times what a page needs, and enough for a
/// producer that sends each event by itself). Twice as many at once.
pub(crate) const REQUESTS_PER_SECOND: f64 = 2000.0;
/// Wrong tokens of one address: so many at once, and then one every six seconds.
const FAILURES_AT_ONCE: f64 = 30.0;
const FAILURES_PER_SECOND: f64 = 1.0 / 6.0;
const FAILED_TOO_OFTEN: &str = "too many wrong tokens came from this address";
/// How the role of a file with a token alone is called in the log of events.
const ALONE: &str = "admin";

/// What somebody may do. Each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Role {
    /// Sees everything, changes nothing.
    Viewer,
    /// Sends events, asks for trials, quotes and solutions.
    Operator,
    /// Opens zones and changes their policy.
    Admin,
}

impl Role {
    /// Its name in files and documents.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.name() == name)
    }
}

/// How somebody has shown who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// There are no tokens: whoever reaches this machine may do everything.
    None,
    /// A bearer token.
    Token(Digest),
    /// The cookie of a session.
    Session(Digest),
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The name that stands beside his token.
    pub(crate) name: Arc<str>,
    /// What he may do.
    pub(crate) role: Role,
    proof: Proof,
}

impl Identity {
    /// A person who has logged in, and not a program.
    pub(crate) fn is_person(&self) -> bool {
        matches!(self.proof, Proof::Session(_))
    }

    /// False where nobody is asked who he is.
    pub(crate) fn is_known(&self) -> bool {
        self.proof != Proof::None
    }
}

/// Who may ask. Shared by all zones of a program.
pub(crate) struct Auth {
    /// `None`: nobody is asked who he is, and only this machine can ask.
    tokens: Option<RwLock<Arc<Tokens>>>,
    sessions: Sessions,
    /// The name of the cookie: two programs on one machine share their cookies, whatever their ports are.
    cookie: String,
    /// Where the page is, for requests that do not say whom they ask, and for people.
    address: String,
    requests: Rate<Who>,
    failures: Rate<Who>,
    /// The map of somebody else that the page may load.
    basemap: OnceLock<Basemap>,
}

/// Of whom requests are counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Address(IpAddr),
    Token(Digest),
}

/// What people may set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long logins last.
    pub(crate) lifetime: Lifetime,
    /// Most requests a second of one address, token or login.
    pub(crate) requests_per_second: f64,
    /// HTTP is encrypted.
    pub(crate) is_encrypted: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lifetime: Lifetime::default(), requests_per_second: REQUESTS_PER_SECOND, is_encrypted: false }
    }
}

impl Auth {
    /// Nobody is asked who he is.
    pub(crate) fn open(host: &str, settings: Settings) -> Arc<Self> {
        Arc::new(Self::new(None, host, settings))
    }

    /// Those of a token file, which is read again when it changes.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a line of it is wrong.
    pub(crate) fn of_file(path: Option<&PathBuf>, host: &str, settings: Settings) -> Result<Arc<Self>, Failure> {
        let Some(path) = path else { return Ok(Self::open(host, settings)) };
        let tokens = Tokens::read(path)?;
        let auth = Arc::new(Self::new(Some(tokens), host, settings));
        tokio::spawn(follow(Arc::downgrade(&auth), path.clone()));
        Ok(auth)
    }

    fn new(tokens: Option<Tokens>, host: &str, settings: Settings) -> Self {
        let port = host.rsplit(':').next().unwrap_or("");
        Self {
            tokens: tokens.map(|tokens| RwLock::new(Arc::new(tokens))),
            sessions: Sessions::new(settings.lifetime),
            cookie: format!("fleetfold_{port}"),
            address: format!("http{}://{host}", if settings.is_encrypted { "s" } else { "" }),
            requests: Rate::new(settings.requests_per_second, 2.0 * settings.requests_per_second),
            failures: Rate::new(FAILURES_PER_SECOND, FAILURES_AT_ONCE),
            basemap: OnceLock::new(),
        }
    }

    /// From now on the page may load this map, and no other.
    pub(crate) fn allow_basemap(&self, basemap: Basemap) {
        let _ = self.basemap.set(basemap);
    }

    /// The map of somebody else that the page may load.
    pub(crate) fn basemap(&self) -> Option<&Basemap> {
        self.basemap.get()
    }

    /// True where people log in and programs bring tokens.
    pub(crate) fn is_asked(&self) -> bool {
        self.tokens.is_some()
    }

    /// Where the page is: `http://127.0.0.1:8080`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn host(&self) -> &str {
        self.address.split("://").nth(1).unwrap_or("")
    }

    fn tokens(&self) -> Option<Arc<Tokens>> {
        self.tokens.as_ref().map(|tokens| Arc::clone(&tokens.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn holder(&self, token: Digest, proof: Proof) -> Option<Identity> {
        let tokens = self.tokens()?;
        let holder = tokens.holder(token)?;
        Some(Identity { name: Arc::clone(&holder.name), role: holder.role, proof })
    }

    /// Who a bearer token or a session belongs to. A session is as good as the token that has opened it.
    fn known(&self, proof: Proof, is_act: bool) -> Option<Identity> {
        match proof {
            Proof::None => {
                (!self.is_asked()).then(|| Identity { name: "local".into(), role: Role::Admin, proof: Proof::None })
            }
            Proof::Token(token) => self.holder(token, proof),
            Proof::Session(cookie) => {
                let Session { token } = self.sessions.session(cookie)?;
                let known = self.holder(token, proof)?;
                if is_act {
                    self.sessions.seen(cookie);
                }
                Some(known)
            }
        }
    }

    /// True as long as what he has shown is good: his token is in the file, his session has not ended. An open feed keeps the session of a
    /// viewer alive, who can do nothing, and no other.
    pub(crate) fn is_good(&self, identity: &Identity) -> bool {
        self.known(identity.proof, identity.role == Role::Viewer).is_some()
    }

    /// Who sends a request, if he may do what `needs` says.
    ///
    /// # Errors
    ///
    /// The answer to one who may not.
    #[expect(clippy::result_large_err, reason = "the error is the answer, made once for a request")]
    pub(crate) fn allow(&self, request: &Request, needs: Option<Role>) -> Result<Identity, Response> {
        let refused = |who: Option<&Identity>, answer: Response| {
            audit::refused(request, who, answer.status());
            answer
        };
        self.is_from_here(request).map_err(|answer| refused(None, answer))?;
        let headers = request.headers();
        let proof = match (self.is_asked(), bearer(headers), self.cookie_in(headers)) {
            (true, Some(token), _) => Proof::Token(digest(token.as_bytes())),
            (true, None, Some(cookie)) => Proof::Session(digest(cookie.as_bytes())),
            (false, ..) | (true, None, None) => Proof::None,
        };
        // What a page asks by itself, again and again, is no sign of a person.
        let is_act = !matches!(request.uri().path(), "/ws" | "/v1/me" | "/v1/picture");
        let known = self.known(proof, is_act);
        let address = audit::party_of(request).map(Who::Address);
        let counted = match (known.as_ref().map(|known| known.proof), address) {
            (Some(Proof::Token(digest) | Proof::Session(digest)), _) => Some(Who::Token(digest)),
            (Some(Proof::None) | None, address) => address,
        };
        if counted.is_some_and(|who| !self.requests.take(who)) {
            let detail = "more requests a second than one may send (--requests-per-second)";
            return Err(refused(known.as_ref(), too_often(detail, self.requests.again_after())));
        }
        let Some(needed) = needs else {
            return Ok(known.unwrap_or_else(|| Identity { name: "".into(), role: Role::Viewer, proof: Proof::None }));
        };
        let Some(known) = known else {
            if proof != Proof::None && address.is_some_and(|who| !self.failures.take(who)) {
                return Err(refused(None, too_often(FAILED_TOO_OFTEN, self.failures.again_after())));
            }
            let detail = "send `Authorization: Bearer <token>`, or log in at /login";
            return Err(refused(None, problem(StatusCode::UNAUTHORIZED, "no or wrong token", detail)));
        };
        if known.is_person() {
            self.is_from_our_page(request).map_err(|answer| refused(Some(&known), answer))?;
        }
        if known.role < needed {
            let detail = format!("{} has the role {}, and this needs {}", known.name, known.role.name(), needed.name());
            let answer = problem(StatusCode::FORBIDDEN, "not with this role", &detail);
            return Err(refused(Some(&known), answer));
        }
        Ok(known)
    }

    /// No page of another site asks, and without tokens nobody who calls us by a name that others can give.
    #[expect(clippy::result_large_err, reason = "the error is the answer, made once for a request")]
    fn is_from_here(&self, request: &Request) -> Result<(), Response> {
        let headers = request.headers();
        if origin_is_ours(headers, self.host()) == Some(false) {
            let detail = "requests from other sites' pages are refused";
            return Err(problem(StatusCode::FORBIDDEN, "foreign origin", detail));
        }
        if !self.is_asked()
            && let Some(host) = headers.get(header::HOST)
            && !host.to_str().is_ok_and(is_local)
        {
            // A page of another name that resolves to this machine (DNS rebinding) is of the same origin as we are, as far as a browser
            // can tell. With a token it has none; without one only the name gives it away.
            let detail = "without a token the engine answers to addresses and to `localhost` only: ask for one of these, let a \
                          proxy send one as `Host`, or start the engine with --token-file";
            return Err(problem(StatusCode::MISDIRECTED_REQUEST, "not our name", detail));
        }
        Ok(())
    }

    /// What changes something, and the feed, must come from our own page where a cookie says who asks: a browser sends it with whatever a
    /// page of another site has made it send. `SameSite=Strict` keeps it from doing so; this holds where that does not.
    #[expect(clippy::result_large_err, reason = "the error is the answer, made once for a request")]
    fn is_from_our_page(&self, request: &Request) -> Result<(), Response> {
        let headers = request.headers();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_feed = headers.contains_key(header::UPGRADE);
        if reads && !is_feed {
            return Ok(());
        }
        let site = headers.get("sec-fetch-site").map(|site| site.as_bytes() == b"same-origin");
        let origin = origin_is_ours(headers, self.host());
        let is_ours = [site, origin].contains(&Some(true)) && ![site, origin].contains(&Some(false));
        // A page cannot add headers to a websocket.
        if is_ours && (is_feed || headers.contains_key(PAGE_HEADER)) {
            return Ok(());
        }
        let detail = "with a session, requests that change something come from the page itself: with the header \
                      `Fleetfold-Request: page`, and with `Origin` or `Sec-Fetch-Site`; programs send a bearer token";
        Err(problem(StatusCode::FORBIDDEN, "not from our page", detail))
    }

    fn cookie_in<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        pairs.flat_map(|value| value.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name.strip_prefix("__Host-").unwrap_or(name) == self.cookie).then_some(value)
        })
    }
}

fn too_often(detail: &str, again_after: u64) -> Response {
    let mut answer = problem(StatusCode::TOO_MANY_REQUESTS, "too many requests", detail);
    answer.headers_mut().insert(header::RETRY_AFTER, again_after.into());
    answer
}

/// The token of a request. The name of its scheme is read without regard to case, and any number of spaces stands behind it (RFC 9110, 11.4).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' '))
}

/// `None`: the request does not say from which page it comes.
fn origin_is_ours(headers: &HeaderMap, host: &str) -> Option<bool> {
    let origin = headers.get(header::ORIGIN)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(host);
    Some(origin.to_str().ok().and_then(|origin| origin.split("://").nth(1)) == Some(host))
}

/// True for a `Host` that no name server has a say in: an address, or this machine's own name for itself.
fn is_local(host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && !name.ends_with(':') => name,
        Some(_) | None => host,
    };
    let bare = bare.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(bare);
    bare.parse::<std::net::IpAddr>().is_ok()
        || bare.eq_ignore_ascii_case("localhost")
        || bare.to_ascii_lowercase().ends_with(".localhost")
}

/// Takes up a token file that was changed, as long as there is somebody to take it up for. What cannot be read changes nothing.
async fn follow(auth: std::sync::Weak<Auth>, path: PathBuf) {
    let mut last_said = None;
    loop {
        tokio::time::sleep(LOOK_AT_FILE).await;
        let Some(auth) = auth.upgrade() else { return };
        let Some(tokens) = &auth.tokens else { return };
        match Tokens::read(&path) {
            Ok(read) => {
                last_said = None;
                let mut current = tokens.write().unwrap_or_else(PoisonError::into_inner);
                if read != **current {
                    tracing::info!(file = %path.display(), tokens = read.count(), "the token file has changed");
                    *current = Arc::new(read);
                }
            }
            Err(failure) => {
                if last_said.as_ref() != Some(&failure.what) {
                    tracing::error!(error = %failure.what, "the token file is wrong; the tokens of before hold on");
                }
                last_said = Some(failure.what);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "viewer wall 1111111111111111\noperator ann 2222222222222222\nadmin root 3333333333333333\n";

    fn auth() -> Auth {
        Auth::new(Some(Tokens::parse(FILE).unwrap()), "127.0.0.1:8080", Settings::default())
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
        let mut builder = Request::builder().method(method).uri(path).header("host", "fleet.example:8080");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(axum::body::Body::empty()).unwrap()
    }

    fn status(auth: &Auth, request: &Request, needs: Role) -> u16 {
        auth.allow(request, Some(needs)).map_or_else(|answer| answer.status().as_u16(), |_| 200)
    }

    #[test]
    fn each_role_may_do_what_the_ones_before_it_may_and_no_more() {
        let auth = auth();
        for (token, may) in [("1111111111111111", 1), ("2222222222222222", 2), ("3333333333333333", 3), ("4", 0)] {
            let request = request("POST", "/v1/events", &[("authorization", &format!("Bearer {token}"))]);
            for (index, needs) in [Role::Viewer, Role::Operator, Role::Admin].into_iter().enumerate() {
                let wanted = if index < may {
                    200
                } else if may == 0 {
                    401
                } else {
                    403
                };
                assert_eq!(status(&auth, &request, needs), wanted, "{token} {needs:?}");
            }
        }
    }

    #[test]
    fn the_scheme_of_a_token_is_read_as_http_has_it() {
        let auth = auth();
        for (said, wanted) in [
            ("Bearer 1111111111111111", 200),
            ("bearer 1111111111111111", 200),
            ("BEARER   1111111111111111", 200),
            ("Bearer", 401),
            ("Bearer1111111111111111", 401),
            ("Basic 1111111111111111", 401),
            ("Bearer 1111111111111111 1", 401),
        ] {
            let request = request("GET", "/v1/state", &[("authorization", said)]);
            assert_eq!(status(&auth, &request, Role::Viewer), wanted, "{said}");
        }
    }

    #[test]
    fn by_cookie_only_our_own_page_changes_something() {
        let auth = auth();
        let cookie = auth.sessions.begin(digest(b"2222222222222222"));
        let pair = format!("fleetfold_8080={cookie}");
        let ours = ("origin", "http://fleet.example:8080");
        let all = [("cookie", pair.as_str()), ours, ("sec-fetch-site", "same-origin"), (PAGE_HEADER, "page")];
        let post = |headers: &[(&str, &str)]| status(&auth, &request("POST", "/v1/events", headers), Role::Operator);
        assert_eq!(post(&all), 200);
        assert_eq!(post(&[all[0], all[1], all[3]]), 200, "a browser without Sec-Fetch-Site");
        assert_eq!(post(&[all[0], all[2], all[3]]), 200);
        assert_eq!(post(&[all[0], all[3]]), 403, "nothing says from where it comes");
        assert_eq!(post(&all[..3]), 403, "a form of another page has no header of its own");
        assert_eq!(post(&[all[0], all[1], ("sec-fetch-site", "same-site"), all[3]]), 403);
        assert_eq!(post(&[all[0], ("origin", "http://evil.example"), all[2], all[3]]), 403);
        assert_eq!(post(&[all[0], ("origin", "null"), all[3]]), 403);
        // Reading is what SameSite and the missing CORS headers keep to our page; the feed has neither.
        assert_eq!(status(&auth, &request("GET", "/v1/state", &all[..1]), Role::Viewer), 200);
        let feed = |headers: &[(&str, &str)]| {
            let upgrade = [&[("upgrade", "websocket")], headers].concat();
            status(&auth, &request("GET", "/ws", &upgrade), Role::Viewer)
        };
        assert_eq!((feed(&all[..1]), feed(&all[..2])), (403, 200));
        // Where there are two, the token counts, and a wrong one is not made good by a cookie.
        let wrong = [&[("authorization", "Bearer 0")], &all[..]].concat();
        assert_eq!(post(&wrong), 401);
    }

    #[test]
    fn a_session_ends_with_its_token() {
        let auth = auth();
        let cookie = auth.sessions.begin(digest(b"2222222222222222"));
        let pair = format!("a=b; __Host-fleetfold_8080={cookie}");
        let ask = request("GET", "/v1/state", &[("cookie", &pair)]);
        let who = auth.allow(&ask, Some(Role::Operator)).expect("ann");
        assert_eq!((&*who.name, who.is_person(), auth.is_good(&who)), ("ann", true, true));
        let left = Tokens::parse("viewer wall 1111111111111111\nadmin root 3333333333333333").unwrap();
        *auth.tokens.as_ref().unwrap().write().unwrap() = Arc::new(left);
        assert_eq!(status(&auth, &ask, Role::Viewer), 401);
        assert!(!auth.is_good(&who), "her feed is closed");
    }
}

//! HTTP and the live feed: health, metrics, events in, and a websocket that never makes the engine wait. Documents about the state are
//! in `state.rs`.

pub(crate) mod basemap;
mod bodies;
mod forget;
mod lookup;
pub(crate) mod openapi;
pub(crate) mod page;
mod problems;
pub(crate) mod rates;
mod reasons;
mod replay;
mod sense;
pub(crate) mod server;
mod state;
pub(crate) mod tls;
mod ways;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, MatchedPath, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use bytes::Bytes;
use fleetfold_journal::address::fact_id;
use fleetfold_journal::{Address, Said};
use fleetfold_model::{Event, Name};
use fleetfold_wire::{Decoded, EventType, FACT_BYTES_MAX, Warning, What, Writer, decode, personal_fields};
use futures::StreamExt;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::auth::stamp::stamped;
use crate::auth::{Auth, Identity, Role, audit, login, routes};
use crate::document;
use crate::live::admission::Admission;
use crate::live::{Live, OVERLOAD_MAX};
use crate::log::{AppendError, Log, LogError, Stored, Stream};
use crate::nodes::documents::overview_of;
use crate::personal::Closed;
use crate::schema::registry;
use crate::screens::Question;
use crate::solve::streets::Known;
use crate::sources::Bounds;
use crate::threads;
use crate::tiles::Tiles;
use crate::times;
use crate::view::{Hello, Problem, Pulse, RejectedLine, RoadsLine, Submitted, WarnedLine, WarningList, text};
use crate::warnings::tell;

use sense::{Doubted, Found, Patience};
use server::Transport;

/// Most browsers at a time.
const CLIENTS_MAX: usize = 256;
/// Most events of one request whose answers are waited for.
const WAITED_MAX: usize = 100;
/// Largest body of `POST /v1/events`.
const BODY_MAX: usize = 8 << 20;
/// Most bytes of all bodies that are read at a time.
const BODIES_MAX: usize = 128 << 20;
/// How long a body waits for others to be read.
const BODY_TURN_WITHIN: Duration = Duration::from_secs(5);
/// A body is there within this time.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// What is said otherwise.
const TOO_SLOW: &str = "the body did not come within 30 s";
/// Largest frame of a browser: it says `resync` and nothing else.
const FRAME_MAX: usize = 64 << 10;
/// Bytes that are read of a browser at a time.
const FRAME_BUFFER: usize = 4 << 10;
/// The code of an event whose id names another one.
const ID_REUSED: &str = "id_reused";
/// The code of an event that only administrators may send.
const ROLE: &str = "role";
/// The code of a change of the roads that changes nothing.
const NO_EFFECT: &str = "no_effect";
/// Longest text of an error that is put into a problem document.
const PROBLEM_MAX: usize = 4096;
/// Why new orders are refused for now.
const OVERLOADED: &str = "orders wait for longer than they should; send it again, the id makes repeats harmless";
/// How long an event is offered to a log that does not answer: longer than a broker takes to start again, shorter than a
/// producer waits for an answer.
const KNOWN_WITHIN: Duration = Duration::from_secs(4);
/// Pause between two offers.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Seconds after which a producer whose event the log did not take may try again.
const BACK_AFTER: u64 = 1;
/// Time between two signs of life to a browser.
const PULSE: Duration = Duration::from_secs(1);
/// A browser is asked whether it is there.
const PING: Duration = Duration::from_secs(5);
/// One that has answered nothing for so long is gone, and its seat free.
const SILENT_MAX: Duration = Duration::from_secs(16);
/// The code with which a feed is closed whose session or token has ended (of the codes that are free for programs).
const SESSION_OVER: u16 = 4401;
/// A browser that takes longer than this for one message is let go.
const SEND_MAX: Duration = Duration::from_secs(10);

struct App {
    live: Live,
    clients: AtomicUsize,
    auth: Arc<Auth>,
    /// Held by the one question that reads the log.
    reads_log: tokio::sync::Semaphore,
    /// Orders that the log did not have, and when it was read for them.
    unknown: Mutex<VecDeque<(Name, Instant)>>,
    /// The streets by squares of the map.
    tiles: tokio::sync::OnceCell<Arc<Tiles>>,
    /// Who computes trials and quotes.
    turns: reasons::Turns,
    /// What the page may do.
    policy: HeaderValue,
}

/// What the page may do: load what the engine itself serves, and nothing else; no other page may hold it in a frame.
pub(crate) const POLICY: &str = "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Serves until the engine ends.
pub(crate) fn serve(live: Live, listener: tokio::net::TcpListener, auth: Arc<Auth>, transport: Transport) {
    let router = router(live.clone(), auth);
    tokio::spawn(async move {
        server::serve(listener, router, transport, async move { live.ended().await }).await;
    });
}

/// An address that is ours, and that nobody can connect to yet.
pub(crate) struct Bound {
    socket: tokio::net::TcpSocket,
    /// With the port that the system has given, where none was asked for.
    pub(crate) address: SocketAddr,
}

/// Connections that wait to be taken.
const BACKLOG: u32 = 1024;

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> LogError {
    LogError::new(format!("cannot listen on {address}: {error}"), "choose another with --listen 127.0.0.1:PORT")
}

/// Takes the address.
///
/// # Errors
///
/// When it cannot be bound, or would be open to others without a token.
pub(crate) fn bind(address: SocketAddr, has_token: bool) -> Result<Bound, LogError> {
    if !address.ip().is_loopback() && !has_token {
        return Err(LogError::new(
            format!("{address} can be reached by others, and no token is set"),
            "give --token-file FILE (and --tls-cert and --tls-key, or put TLS in front), or listen on 127.0.0.1",
        ));
    }
    let bound = || {
        let socket =
            if address.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
        // As listeners have it: what is left of connections of before does not keep us from listening.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let address = socket.local_addr()?;
        Ok(Bound { socket, address })
    };
    bound().map_err(|error| cannot_listen(address, &error))
}

impl Bound {
    /// Lets others connect.
    ///
    /// # Errors
    ///
    /// When another program listens there.
    pub(crate) fn listen(self) -> Result<tokio::net::TcpListener, LogError> {
        self.socket.listen(BACKLOG).map_err(|error| cannot_listen(self.address, &error))
    }
}

/// Opens the address; the second value is the one it listens on.
///
/// # Errors
///
/// As [`bind`].
pub(crate) fn listen(address: SocketAddr, has_token: bool) -> Result<(tokio::net::TcpListener, SocketAddr), LogError> {
    let bound = bind(address, has_token)?;
    let address = bound.address;
    Ok((bound.listen()?, address))
}

/// The routes of one zone.
pub(crate) fn router(live: Live, auth: Arc<Auth>) -> Router {
    let app = Arc::new(App {
        policy: basemap::policy(auth.basemap()),
        live,
        clients: AtomicUsize::new(0),
        auth,
        reads_log: tokio::sync::Semaphore::new(1),
        unknown: Mutex::default(),
        tiles: tokio::sync::OnceCell::new(),
        turns: reasons::Turns::default(),
    });
    let mut router: Router<Arc<App>> = Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(ready))
        .route("/version", get(|| async { env!("CARGO_PKG_VERSION") }))
        .route("/metrics", get(metrics))
        .route("/v1/state", get(state::state))
        .route("/v1/picture", get(state::picture))
        .route("/v1/vehicles/{id}", get(state::vehicle))
        .route("/v1/orders/{id}", get(state::order))
        .route("/v1/decisions", get(state::decisions))
        .route("/v1/explain/order/{id}", get(reasons::order))
        .route("/v1/explain/vehicle/{id}", get(reasons::vehicle))
        .route("/v1/explain/decision/{n}", get(reasons::decision))
        .route("/v1/what-if", post(reasons::what_if))
        .route("/v1/quotes", post(reasons::quotes))
        .route("/v1/offers/{order}", get(reasons::offers))
        .route("/v1/basemap", get(basemap::shown))
        .route("/v1/basemap/{zoom}/{x}/{y}", get(basemap::picture))
        .route("/v1/search", get(lookup::search))
        .route("/v1/entries/{seq}", get(lookup::entry))
        .route("/v1/replay", get(replay::replay))
        .route("/v1/features", get(state::features))
        .route("/v1/streets", get(state::streets))
        .route("/v1/streets/{zoom}/{x}/{y}", get(ways::square))
        .route("/v1/streets/{zoom}/{x}/{y}/names", get(ways::names))
        .route("/v1/streets/named", get(ways::named))
        .route("/v1/streets/near", get(ways::near))
        .route("/v1/streets/matched", post(ways::matched))
        .route("/v1/events", post(events))
        .route("/v1/forget", post(forget::forget))
        .route("/v1/warnings", get(warnings))
        .route("/v1/sources", get(sources))
        .route("/v1/zones", get(zones))
        .route("/subjects", get(registry::subjects))
        .route("/subjects/{subject}/versions", get(registry::versions))
        .route("/subjects/{subject}/versions/{version}", get(registry::version))
        .route("/schemas/ids/{id}", get(registry::by_id))
        .route("/config", get(registry::config))
        .route("/compatibility/subjects/{subject}/versions", post(registry::compatible_with_all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(registry::compatible))
        .route("/solve", post(solve))
        .route("/ws", get(websocket))
        .route("/openapi.json", get(openapi::served))
        .route("/login", post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/v1/me", get(login::me))
        .fallback(|| async {
            problem(
                StatusCode::NOT_FOUND,
                "not found",
                "there is nothing here; / is the map, /docs lists what there is",
            )
        });
    for (path, file) in page::FILES.iter() {
        let file = Arc::clone(file);
        router = router.route(path, get(move |headers: HeaderMap| async move { file.answer(&headers).await }));
    }
    router
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Lets through who may ask. Whoever opens the page and has not logged in is shown the way.
async fn guard(State(app): State<Arc<App>>, mut request: Request, next: middleware::Next) -> Response {
    // What matches no route shows nothing.
    let asked = Guarded::of(&request, Role::Viewer);
    let mut response = match asked.admit(&app.auth, &mut request) {
        Ok(()) => match body_within_bounds(request).await {
            // The right to send a body is held until it is answered.
            Ok((request, _held)) => as_problem(times::answered(request, next).await).await,
            Err(refused) => refused,
        },
        Err(refused) if asked.path.as_deref() == Some("/") && refused.status() == StatusCode::UNAUTHORIZED => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, "login")]).into_response()
        }
        Err(refused) => refused,
    };
    response = document::packed(response, asked.takes_gzip).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, app.policy.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A request as a guard sees it.
pub(crate) struct Guarded {
    /// The route that it matches; `None`: none.
    path: Option<String>,
    needs: Option<Role>,
    pub(crate) takes_gzip: bool,
    /// A parameter that the route does not have, or not so.
    wrong: Option<String>,
}

impl Guarded {
    /// `unmatched`: who may ask for what matches no route.
    pub(crate) fn of(request: &Request, unmatched: Role) -> Self {
        let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
        Self {
            needs: path.as_deref().map_or(Some(unmatched), |path| routes::needs(request.method(), path)),
            takes_gzip: document::takes_gzip(request.headers()),
            wrong: path.as_deref().and_then(|path| openapi::wrong_parameter(request.method(), path, request.uri())),
            path,
        }
    }

    /// Notes in the request who asks, if he may ask this.
    ///
    /// # Errors
    ///
    /// The answer that says why he may not.
    #[expect(clippy::result_large_err, reason = "the answer is sent as it is")]
    pub(crate) fn admit(&self, auth: &Arc<Auth>, request: &mut Request) -> Result<(), Response> {
        let who = auth.allow(request, self.needs)?;
        if let Some(wrong) = &self.wrong {
            return Err(problem(StatusCode::BAD_REQUEST, "bad request", wrong));
        }
        request.extensions_mut().insert(who);
        request.extensions_mut().insert(Arc::clone(auth));
        Ok(())
    }
}

/// A body comes within [`BODY_WITHIN`], and all bodies together have at most [`BODIES_MAX`] bytes. Problems to be solved have a queue of
/// their own.
async fn body_within_bounds(request: Request) -> Result<(Request, Option<SemaphorePermit<'static>>), Response> {
    static BODIES: Semaphore = Semaphore::const_new(BODIES_MAX >> 10);
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let most = match length {
        None if !headers.contains_key(header::TRANSFER_ENCODING) => 0,
        None => BODY_MAX,
        Some(length) => length,
    };
    if most == 0 || request.uri().path() == "/solve" {
        return Ok((request, None));
    }
    if most > BODY_MAX {
        return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "payload too large", &too_large()));
    }
    let taken = BODIES.acquire_many((most >> 10) as u32 + 1);
    let Ok(Ok(held)) = tokio::time::timeout(BODY_TURN_WITHIN, taken).await else {
        let detail = format!("{} MiB of other bodies are being read: send it again", BODIES_MAX >> 20);
        return Err(later(problem(StatusCode::SERVICE_UNAVAILABLE, "too much at once", &detail), BACK_AFTER));
    };
    let (parts, body) = request.into_parts();
    let deadline = tokio::time::Instant::now() + BODY_WITHIN;
    let timed = futures::stream::unfold(body.into_data_stream(), move |mut parts| async move {
        let part = match tokio::time::timeout_at(deadline, parts.next()).await {
            Ok(part) => part?.map_err(std::io::Error::other),
            Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, TOO_SLOW)),
        };
        Some((part, parts))
    });
    Ok((Request::from_parts(parts, Body::from_stream(timed)), Some(held)))
}

fn too_large() -> String {
    format!("a body of at most {} MiB is taken: send it in parts", BODY_MAX >> 20)
}

/// An error as RFC 9457 has it, with the code of its title.
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    problem_of(status, problems::code_of(title), title, detail)
}

/// The same, with the short stable word that a line of a batch would have.
fn problem_of(status: StatusCode, code: &str, title: &str, detail: &str) -> Response {
    answer_with(status, &Problem { kind: "about:blank", status: status.as_u16(), code, title, detail })
}

/// An error that the framework answers in plain text (a body that is too large, a method or a query that is not known) as a problem
/// document. Its other headers stay: `Allow` says which methods are known.
pub(crate) async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("text/plain");
    if !(status.is_client_error() && kind.starts_with("text/plain")) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, PROBLEM_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let status = if said.contains(TOO_SLOW) { StatusCode::REQUEST_TIMEOUT } else { status };
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        StatusCode::REQUEST_TIMEOUT => TOO_SLOW.to_owned(),
        StatusCode::METHOD_NOT_ALLOWED => "the header `Allow` names the methods that are known here".to_owned(),
        _ => said.into_owned(),
    };
    let title = status.canonical_reason().unwrap_or("error").to_lowercase();
    let mut answer = problem(status, &title, &detail);
    for (name, value) in &parts.headers {
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

fn answer_with(status: StatusCode, body: &Problem<'_>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/problem+json")], text(body)).into_response()
}

fn as_json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.live.readiness() {
        Ok(()) => {
            let less = less(&app.live.admission).map(|what| format!("; {what}")).unwrap_or_default();
            format!("ready{less}\n").into_response()
        }
        Err(why) => problem(StatusCode::SERVICE_UNAVAILABLE, "not ready", &why),
    }
}

/// What an engine that is ready does less of for now; `None`: nothing.
pub(crate) fn less(admission: &Admission) -> Option<String> {
    let overload = match admission.level() {
        0 => None,
        level => Some(format!("overload level {level} of {OVERLOAD_MAX}: {}", overload_words(level))),
    };
    let full = admission.lacks_room().map(|why| format!("no new orders: {why}"));
    let all: Vec<String> = overload.into_iter().chain(full).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn overload_words(level: u8) -> &'static str {
    match level {
        0 => "nothing is left out",
        1 => "searches begin later",
        2 => "fewer vehicles are asked about each order",
        3 => "orders are inserted, and nothing is searched",
        _ => "new orders are refused for now",
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let end = app.live.log.bounds(Stream::Fleet, &app.live.zone).await.ok().map(|(_, last)| last);
    let lag = end.map(|end| end.saturating_sub(app.live.applied()));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.live.metrics.text(lag, &app.live.warnings.counts())).into_response()
}

/// The one zone that runs here, in the shape in which a node of several zones lists them.
async fn zones(State(app): State<Arc<App>>) -> Response {
    as_json(text(&overview_of(&app.live, app.auth.address().to_owned())))
}

/// The last warnings about events that were taken.
async fn warnings(State(app): State<Arc<App>>) -> Response {
    as_json(text(&WarningList {
        warnings: app.live.warnings.list(),
        counts: app.live.warnings.counts(),
        positions_passed_over: app.live.metrics.positions_passed_over(),
    }))
}

async fn sources(State(app): State<Arc<App>>, Query(bounds): Query<Bounds>) -> Response {
    as_json(text(&app.live.sources.document(bounds)))
}

/// A problem of its own, which has nothing to do with the zone but the streets; see [`crate::solve::service`].
async fn solve(State(app): State<Arc<App>>, request: Request) -> Response {
    tokio::select! {
        answer = crate::solve::service::answer(request, Known::of_engine(&app.live.network)) => answer,
        () = app.live.ended() => crate::solve::service::stopping(),
    }
}

/// How events are posted.
#[derive(JsonSchema, Deserialize)]
struct Posting {
    /// `answer`: until each fact has its answer.
    wait: Option<String>,
}

/// One event, one per line, or a list of them. Each is judged by itself; the answer says what became of each, by its line or its place in
/// the list.
///
/// With `?wait=answer` it is told when each fact has its answer, and which that is.
async fn events(
    State(app): State<Arc<App>>,
    Query(posting): Query<Posting>,
    Extension(who): Extension<Identity>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(other) = posting.wait.as_deref().filter(|&wait| wait != "answer") {
        let detail = format!("`wait` is `answer` or left out, not `{other}`");
        return problem(StatusCode::BAD_REQUEST, "nothing to wait for", &detail);
    }
    let is_empty = body.trim_ascii().is_empty();
    let pairs: Vec<(&str, &str)> =
        headers.iter().filter_map(|(name, value)| value.to_str().ok().map(|value| (name.as_str(), value))).collect();
    let lines = match bodies::events_in(&pairs, body) {
        Ok(lines) => lines,
        Err(error) => {
            let detail = format!("{error}: application/cloudevents-batch+json is a JSON array of events");
            return problem(StatusCode::BAD_REQUEST, "not a batch", &detail);
        }
    };
    // An array without events is a batch like any other (CloudEvents, JSON format, 4.1).
    if is_empty {
        return problem(
            StatusCode::BAD_REQUEST,
            "no event",
            "send a CloudEvent as JSON, one per line as application/x-ndjson, or an array of them as application/cloudevents-batch+json",
        );
    }
    if posting.wait.is_some() && lines.len() > WAITED_MAX {
        let detail = format!("{} events: the answers to {WAITED_MAX} at most are waited for", lines.len());
        return problem(StatusCode::BAD_REQUEST, "too many to wait for", &detail);
    }
    let single = lines.len() == 1;
    let (mut accepted, mut duplicates) = (0u64, 0u64);
    let (mut rejected, mut warnings, mut last_seq) = (Vec::new(), Vec::new(), None);
    let mut roads = Vec::new();
    let mut overloaded: Option<u64> = None;
    let mut patience = Patience::new();
    let mut stored = Vec::new();
    for (index, line) in lines.into_iter().enumerate() {
        match submit(&app.live, line, &who, &mut patience).await {
            Ok(taken) => {
                accepted += u64::from(!taken.duplicate);
                duplicates += u64::from(taken.duplicate);
                last_seq = Some(taken.seq);
                stored.extend(taken.is_fact.then_some(taken.seq));
                roads.extend(taken.streets.map(|streets| RoadsLine { line: index + 1, streets }));
                warnings.extend(taken.warnings.into_iter().map(|warning| WarnedLine::new(index + 1, warning)));
            }
            Err(Submit::Invalid(code, detail)) => {
                app.live.metrics.rejected(code);
                if single {
                    return match code {
                        ID_REUSED => problem_of(StatusCode::CONFLICT, code, "the id names another event", &detail),
                        ROLE => problem_of(StatusCode::FORBIDDEN, code, "not with this role", &detail),
                        _ => problem_of(StatusCode::UNPROCESSABLE_ENTITY, code, "not a legal event", &detail),
                    };
                }
                rejected.push(RejectedLine { line: index + 1, code, detail });
            }
            Err(Submit::Overloaded { seconds }) => {
                app.live.metrics.rejected("overloaded");
                overloaded = overloaded.max(Some(seconds));
                rejected.push(RejectedLine { line: index + 1, code: "overloaded", detail: OVERLOADED.to_owned() });
            }
            Err(Submit::Log(what, detail)) => {
                // Lines before this one are in the log; to send them again is harmless.
                let detail = format!("line {}: {detail}", index + 1);
                return later(problem(StatusCode::SERVICE_UNAVAILABLE, what.title(), &detail), BACK_AFTER);
            }
        }
    }
    // What a person has sent is a line for each event; programs send many.
    if who.is_known() && !who.is_person() {
        let sent = audit::Sent {
            stored: accepted,
            repeats: duplicates,
            refused: rejected.len() as u64,
            last: last_seq.unwrap_or(0),
        };
        audit::sent(&who, sent);
    }
    if let Some(seconds) = overloaded.filter(|_| single) {
        return later(problem(StatusCode::TOO_MANY_REQUESTS, "overloaded", OVERLOADED), seconds);
    }
    let status = if overloaded.is_some() {
        // A client that knows nothing of lists sends all of it again, which is harmless.
        StatusCode::TOO_MANY_REQUESTS
    } else if rejected.is_empty() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::MULTI_STATUS
    };
    let answers = match posting.wait {
        Some(_) => lookup::answers(&app.live, stored).await,
        None => Vec::new(),
    };
    let body = Submitted { accepted, duplicates, rejected, last_seq, warnings, roads, answers };
    let answer = (status, [(header::CONTENT_TYPE, "application/json")], text(&body)).into_response();
    if let Some(seconds) = overloaded { later(answer, seconds) } else { answer }
}

/// The same answer, which says after how many seconds to try again.
pub(crate) fn later(mut answer: Response, seconds: u64) -> Response {
    answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    answer
}

/// An event that the log has.
pub(crate) struct Taken {
    /// Its position in its stream.
    pub(crate) seq: u64,
    /// It is in the log of facts, and will have an answer; a position is not.
    pub(crate) is_fact: bool,
    /// It was there before.
    pub(crate) duplicate: bool,
    /// What looks like a mistake in it.
    pub(crate) warnings: Vec<Warning>,
    /// How many streets a change of the roads is about.
    pub(crate) streets: Option<usize>,
}

/// Why an event was not taken.
pub(crate) enum Submit {
    /// It is no event, or none that this zone takes: a short stable word, and what is wrong.
    Invalid(&'static str, String),
    /// New orders are not taken now: those that are in the log would be answered too late.
    Overloaded {
        /// When to try again.
        seconds: u64,
    },
    /// The log did not take it: whether it may be there all the same, and why.
    Log(Lost, String),
}

/// What is known of an event that the log did not confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It was not stored.
    NotStored,
    /// It was sent, and no answer came: it may be stored.
    Unknown,
    /// It was not stored, and never will be.
    TooLarge,
}

impl Lost {
    fn title(self) -> &'static str {
        match self {
            Self::NotStored => "the log did not take it: send it again",
            Self::TooLarge => "the log takes no event so large",
            Self::Unknown => "nobody knows whether the log took it: send it again, its id makes repeats harmless",
        }
    }
}

/// Validates an event and appends it to its stream.
///
/// # Errors
///
/// See [`Submit`]. In a zone with a strict policy an unknown field is an error. So are places in coordinates that the zone does not
/// read, and an id that names another event.
async fn submit(live: &Live, bytes: Bytes, who: &Identity, patience: &mut Patience) -> Result<Taken, Submit> {
    let bytes = stamped(bytes, who);
    let strict = live.strict.load(Ordering::Acquire);
    let decoded = decode(&bytes)
        .and_then(|decoded| if strict { decoded.strict() } else { Ok(decoded) })
        .map_err(|error| Submit::Invalid(error.code(), error.to_string()))?;
    let id = fact_id(&live.zone, &decoded.envelope.source, &decoded.envelope.id);
    if decoded.kind.writer() == Writer::Engine {
        let what = format!("`{}` is written by the engine alone", decoded.kind.name());
        return Err(Submit::Invalid("engine_only", what));
    }
    let is_for_admins =
        matches!(decoded.kind, EventType::ZoneOpened | EventType::PolicyChanged | EventType::PersonForgotten);
    if who.role < Role::Admin && is_for_admins {
        let what = format!("`{}` needs the role admin, and {} is {}", decoded.kind.name(), who.name, who.role.name());
        return Err(Submit::Invalid(ROLE, what));
    }
    let (stream, subject) = match &decoded.what {
        What::Position(vehicle, ..) => (Stream::Position, live.zone.subject(&Address::of_position(vehicle))),
        What::Event(event) => (Stream::Fleet, live.zone.subject(&Address::of_event(event))),
    };
    // What relieves the fleet, or tells of it, is always taken.
    let is_new_work =
        matches!(decoded.what, What::Event(Event::OrderCreated(_) | Event::OrderUpdated(_) | Event::SlotHeld(_)));
    let sending = if is_new_work {
        let refused = |seconds| match live.readiness() {
            Ok(()) => Submit::Overloaded { seconds },
            // Facts wait because no plan comes into the log, a full one for instance.
            Err(why) => Submit::Log(Lost::NotStored, why),
        };
        let sending = live.admission.order(live.applied()).map_err(refused)?;
        if let Some(why) = live.admission.lacks_room() {
            return Err(Submit::Log(Lost::NotStored, why));
        }
        Some(sending)
    } else {
        None
    };
    sense::wrong_coordinates(live, &decoded).await.map_err(|what| Submit::Invalid("coordinates", what))?;
    if let Some(what) = sense::nowhere(live, &decoded) {
        return Err(Submit::Invalid("nowhere", what));
    }
    if let Some(what) = sense::unnameable(&decoded) {
        return Err(Submit::Invalid("unnameable", what));
    }
    if let Some(what) = sense::is_never_in_force(live, &decoded) {
        return Err(Submit::Invalid(NO_EFFECT, what));
    }
    // Asked before the event changes the answer.
    let (doubtful, streets) = match sense::doubtful(live, &decoded, patience).await {
        Doubted::Refused(warnings) => {
            let what: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            return Err(Submit::Invalid(NO_EFFECT, what.join("; ")));
        }
        Doubted::Odd(warnings) => (warnings, None),
        Doubted::Streets(streets, warnings) => (warnings, Some(streets)),
        Doubted::Nothing => (Vec::new(), None),
    };
    let (bytes, forgotten) = close(live, &decoded, bytes).await?;
    let append = |id: String| append_until_known(&live.log, stream, subject.clone(), id, bytes.clone());
    let lost = |(lost, detail)| match lost {
        Lost::TooLarge => Submit::Invalid("too_large", detail),
        Lost::NotStored | Lost::Unknown => Submit::Log(lost, detail),
    };
    let mut stored = append(id).await.map_err(lost)?;
    if stored.duplicate {
        match sense::found(live, stream, stored, &decoded.envelope).await {
            Found::Repeat => live.sources.repeated(&decoded.envelope.source),
            Found::Reused(what) => return Err(Submit::Invalid(ID_REUSED, what)),
            // Whoever used the id has stored no event of this source and id in this zone. Without an id at the broker the event may be stored twice when it is
            // sent twice; the fold takes it once, by its source and id.
            Found::Foreign => stored = append(String::new()).await.map_err(lost)?,
        }
    }
    // Positions are in another stream, so their sequence would say nothing to a reader of the fleet's log.
    let seq = (stream == Stream::Fleet).then_some(stored.seq);
    live.posted.fetch_max(seq.unwrap_or(0), Ordering::AcqRel);
    if let Some(sending) = sending.filter(|_| !stored.duplicate) {
        sending.stored(stored.seq);
    }
    let mut warnings = sense::odd(live, &decoded);
    // A repeat is in the state already.
    warnings.extend(doubtful.into_iter().filter(|_| !stored.duplicate));
    warnings.extend(forgotten);
    warnings.splice(..0, decoded.warnings);
    if who.is_person() {
        let event = &decoded.envelope;
        audit::done(who, &format!("{} of {} ({}) is entry {}", event.kind, event.source, event.id, stored.seq));
    }
    let said = Said { envelope: decoded.envelope, kind: decoded.kind, warnings };
    let fresh = live.warnings.push(&said, seq, crate::clock::wall());
    if let Some(seq) = seq {
        tell(&live.log, &live.zone, seq, &fresh);
    }
    Ok(Taken { seq: stored.seq, is_fact: seq.is_some(), duplicate: stored.duplicate, warnings: said.warnings, streets })
}

/// The event as it is to be stored: its words about a person are encrypted, or left out with a warning where that person was forgotten. A
/// broker that is away is waited for as it is for the append.
async fn close(live: &Live, decoded: &Decoded, bytes: Bytes) -> Result<(Bytes, Option<Warning>), Submit> {
    let What::Event(event) = &decoded.what else { return Ok((bytes, None)) };
    let begun = crate::clock::monotonic();
    loop {
        match live.words.close(decoded.kind, event, &bytes).await {
            Ok(Closed::Plain) => return Ok((bytes, None)),
            Ok(Closed::Encrypted(closed)) if closed.len() > FACT_BYTES_MAX => {
                let size = closed.len();
                let what = format!("it has {size} bytes with its words encrypted; at most {FACT_BYTES_MAX} are taken");
                return Err(Submit::Invalid("too_large", what));
            }
            Ok(Closed::Encrypted(closed)) => return Ok((closed, None)),
            Ok(Closed::Unreadable(error)) => {
                let what = format!(
                    "its words about a person cannot be told from the rest of it, so it was not stored: {error}"
                );
                return Err(Submit::Invalid(error.code(), what));
            }
            Ok(Closed::Forgotten(closed)) => {
                let fields = personal_fields(decoded.kind).join("`, `");
                let detail = format!("the person was forgotten: `{fields}` are not kept");
                return Ok((closed, Some(Warning::odd_value("data", detail))));
            }
            Err(error) if begun.elapsed() > KNOWN_WITHIN => {
                return Err(Submit::Log(Lost::NotStored, error.to_string()));
            }
            Err(_) => tokio::time::sleep(ASKED_AGAIN_AFTER).await,
        }
    }
}

/// Takes one event that this program has made for a client.
///
/// # Errors
///
/// The answer that says why it was not taken.
async fn take(live: &Live, bytes: Bytes, who: &Identity) -> Result<Taken, Response> {
    submit(live, bytes, who, &mut Patience::new()).await.map_err(|error| match error {
        Submit::Invalid(code, detail) => {
            problem_of(StatusCode::UNPROCESSABLE_ENTITY, code, "not a legal event", &detail)
        }
        Submit::Overloaded { seconds } => {
            later(problem(StatusCode::TOO_MANY_REQUESTS, "overloaded", OVERLOADED), seconds)
        }
        Submit::Log(what, detail) => later(problem(StatusCode::SERVICE_UNAVAILABLE, what.title(), &detail), BACK_AFTER),
    })
}

/// Appends an event, and where no answer comes appends it again with the same id, of which the log keeps one, until it is known
/// whether it is stored. Gives up after [`KNOWN_WITHIN`].
async fn append_until_known(
    log: &Log,
    stream: Stream,
    subject: String,
    id: String,
    bytes: Bytes,
) -> Result<Stored, (Lost, String)> {
    let begun = crate::clock::monotonic();
    // Why nobody knows whether it was stored, once it was sent without an answer: what later attempts say does not change that.
    let mut unknown: Option<String> = None;
    loop {
        let error = match log.append(stream, subject.clone(), id.clone(), bytes.clone(), None).await {
            Ok(stored) => return Ok(stored),
            Err(error) => error,
        };
        if matches!(error, AppendError::Unknown(_)) {
            unknown = Some(error.to_string());
        }
        let lost = match &error {
            _ if unknown.is_some() => Lost::Unknown,
            AppendError::TooLarge(_) => Lost::TooLarge,
            _ => Lost::NotStored,
        };
        let over = matches!(error, AppendError::Refused(_) | AppendError::TooLarge(_) | AppendError::WrongSequence);
        if over || begun.elapsed() > KNOWN_WITHIN {
            return Err((lost, unknown.unwrap_or_else(|| error.to_string())));
        }
        tokio::time::sleep(ASKED_AGAIN_AFTER).await;
    }
}

// ---- the live feed ---------------------------------------------------------------------------------------------------

#[derive(JsonSchema, Deserialize)]
struct Resume {
    /// The start that the browser was told: see [`Hello`].
    #[serde(rename = "epoch")]
    start: Option<u64>,
    since: Option<u64>,
}

/// One of the [`CLIENTS_MAX`] screens. Whoever goes before the feed has begun gives it back too.
struct Seat(Arc<App>);

impl Seat {
    fn taken(app: &Arc<App>) -> Option<Self> {
        let seat = Self(Arc::clone(app));
        (app.clients.fetch_add(1, Ordering::AcqRel) < CLIENTS_MAX).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn websocket(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Identity>,
    Query(resume): Query<Resume>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(seat) = Seat::taken(&app) else {
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many screens",
            &format!("at most {CLIENTS_MAX} at a time"),
        );
    };
    let upgrade = upgrade.max_message_size(FRAME_MAX).max_frame_size(FRAME_MAX).read_buffer_size(FRAME_BUFFER);
    upgrade.on_upgrade(|socket| async move {
        threads::screens().spawn(async move {
            client(&app, socket, &who, resume).await;
            drop(seat);
        });
    })
}

/// One browser: hello, a picture, then deltas. One that comes back goes on behind the last delta it had. One that is too slow for
/// the ring of deltas gets a fresh picture, never a queue.
async fn client(app: &App, mut socket: WebSocket, who: &Identity, resume: Resume) {
    let hub = &app.live.hub;
    let mut bell = hub.watch();
    let server = concat!("fleetfold ", env!("CARGO_PKG_VERSION"));
    let hello = Hello { start: hub.start, server, zone: app.live.zone.zone() };
    if !send(&mut socket, text(&hello).into()).await {
        return;
    }
    let back = resume.since.filter(|&since| resume.start == Some(hub.start) && hub.since(since).is_some());
    let first = match back {
        Some(since) => Some(since),
        None => picture(app, &mut socket).await,
    };
    let Some(mut seq) = first else { return };
    let mut heard = crate::clock::monotonic();
    let mut ping = tokio::time::interval(PING);
    let mut pulse = tokio::time::interval(PULSE);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        bell.borrow_and_update();
        if let Some(deltas) = hub.since(seq) {
            for (number, delta) in deltas {
                if !send(&mut socket, delta).await {
                    return;
                }
                seq = number;
            }
        } else {
            if !send(&mut socket, Utf8Bytes::from_static("{\"type\":\"resync\"}")).await {
                return;
            }
            let Some(fresh) = picture(app, &mut socket).await else { return };
            seq = fresh;
        }
        tokio::select! {
            rang = bell.changed() => if rang.is_err() { return },
            frame = socket.recv() => match frame {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(Frame::Text(text))) if text.as_str().contains("resync") => {
                    heard = crate::clock::monotonic();
                    let Some(fresh) = picture(app, &mut socket).await else { return };
                    seq = fresh;
                }
                Some(Ok(_)) => heard = crate::clock::monotonic(),
            },
            _ = pulse.tick() => {
                if !app.auth.is_good(who) {
                    let over = CloseFrame { code: SESSION_OVER, reason: Utf8Bytes::from_static("log in again") };
                    let _ = tokio::time::timeout(SEND_MAX, socket.send(Frame::Close(Some(over)))).await;
                    return;
                }
                if !send(&mut socket, text(&pulse_of(&app.live)).into()).await {
                    return;
                }
            },
            _ = ping.tick() => {
                let sent = tokio::time::timeout(SEND_MAX, socket.send(Frame::Ping(Bytes::new()))).await;
                if heard.elapsed() > SILENT_MAX || !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }
}

fn pulse_of(live: &Live) -> Pulse {
    let wall = crate::clock::wall();
    let overload = live.admission.level();
    Pulse {
        now: live.opened.borrow().zone_time(wall).0,
        trouble: live.readiness().err(),
        owner: live.epoch(),
        overload,
        overload_words: overload_words(overload),
        applied: live.applied(),
        entry_age_seconds: live.entry_at().map(|at| (wall - at).0.max(0) / 1_000),
    }
}

/// Sends the whole picture; returns the number of the last delta in it.
async fn picture(app: &App, socket: &mut WebSocket) -> Option<u64> {
    let picture = state::ask(app, Question::Picture).await.ok()?;
    send(socket, picture.frame.clone()).await.then_some(picture.seq)
}

async fn send(socket: &mut WebSocket, text: Utf8Bytes) -> bool {
    matches!(tokio::time::timeout(SEND_MAX, socket.send(Frame::Text(text))).await, Ok(Ok(())))
}

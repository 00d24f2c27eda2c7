//! HTTP and the live feed: health, metrics, state, events in, and a websocket that never makes the engine wait.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use bytes::Bytes;
use fleetfold_journal::address::fact_id;
use fleetfold_journal::{Address, Said};
use fleetfold_model::Name;
use fleetfold_wire::{Mode, Warning, What, Writer, decode, structured};
use serde::Deserialize;
use tokio::sync::{broadcast, oneshot};

use crate::archive;
use crate::live::{Live, Question};
use crate::log::{AppendError, LogError, Stream};
use crate::view::{self, Problem, RejectedLine, Submitted, WarnedLine, WarningList, text};

/// Most browsers at a time.
const CLIENTS_MAX: usize = 64;
/// Largest body of `POST /v1/events`.
const BODY_MAX: usize = 8 << 20;
/// A silent browser is asked whether it is there.
const PING: Duration = Duration::from_secs(15);
/// A browser that takes longer than this for one message is let go.
const SEND_MAX: Duration = Duration::from_secs(10);

struct App {
    live: Live,
    clients: AtomicUsize,
    token: Option<String>,
    host: String,
    /// Held by the one question that reads the log.
    reads_log: tokio::sync::Semaphore,
    /// Orders that the log did not have, and when it was read for them.
    unknown: Mutex<VecDeque<(Name, Instant)>>,
}

/// The log is not read again for an order that it did not have within this time.
const ASKED_AGAIN: Duration = Duration::from_secs(10);
/// Most unknown orders that are remembered.
const UNKNOWN_MAX: usize = 256;

const ASSETS: [(&str, &str, &[u8]); 6] = [
    ("/", "text/html; charset=utf-8", include_bytes!("../assets/index.html")),
    ("/map.js", "text/javascript; charset=utf-8", include_bytes!("../assets/map.js")),
    ("/feed.js", "text/javascript; charset=utf-8", include_bytes!("../assets/feed.js")),
    ("/style.css", "text/css; charset=utf-8", include_bytes!("../assets/style.css")),
    (
        "/leaflet/leaflet-src.esm.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../assets/leaflet/leaflet-src.esm.js"),
    ),
    ("/leaflet/leaflet.css", "text/css; charset=utf-8", include_bytes!("../assets/leaflet/leaflet.css")),
];

/// Serves until the engine ends. Returns the address it listens on.
///
/// # Errors
///
/// When the address cannot be bound, or would be open to others without a token.
pub(crate) async fn serve(live: Live, address: SocketAddr, bearer: Option<String>) -> Result<SocketAddr, LogError> {
    let (listener, local) = listen(address, bearer.is_some()).await?;
    let router = router(live.clone(), bearer, &local.to_string());
    tokio::spawn(async move {
        let _ = axum::serve(listener, router).with_graceful_shutdown(async move { live.ended().await }).await;
    });
    Ok(local)
}

/// Opens the address; the second value is the one it listens on.
///
/// # Errors
///
/// As [`serve`].
pub(crate) async fn listen(
    address: SocketAddr,
    has_token: bool,
) -> Result<(tokio::net::TcpListener, SocketAddr), LogError> {
    if !address.ip().is_loopback() && !has_token {
        return Err(LogError::new(
            format!("{address} can be reached by others, and no token is set"),
            "give --token-file FILE (and put TLS in front), or listen on 127.0.0.1",
        ));
    }
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        LogError::new(format!("cannot listen on {address}: {error}"), "choose another with --listen 127.0.0.1:PORT")
    })?;
    let local = listener.local_addr().map_err(|error| LogError::new(error.to_string(), "try another address"))?;
    Ok((listener, local))
}

/// The routes of one zone. `host`: the address that is listened on.
pub(crate) fn router(live: Live, bearer: Option<String>, host: &str) -> Router {
    let app = Arc::new(App {
        live,
        clients: AtomicUsize::new(0),
        token: bearer,
        host: host.to_owned(),
        reads_log: tokio::sync::Semaphore::new(1),
        unknown: Mutex::default(),
    });
    let mut router: Router<Arc<App>> = Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(ready))
        .route("/version", get(|| async { env!("CARGO_PKG_VERSION") }))
        .route("/metrics", get(metrics))
        .route("/v1/state", get(state))
        .route("/v1/vehicles/{id}", get(vehicle))
        .route("/v1/orders/{id}", get(order))
        .route("/v1/decisions", get(decisions))
        .route("/v1/features", get(features))
        .route("/v1/streets", get(streets))
        .route("/v1/events", post(events))
        .route("/v1/warnings", get(warnings))
        .route("/ws", get(websocket))
        .fallback(|| async {
            problem(StatusCode::NOT_FOUND, "not found", "there is nothing here; / is the map, /v1/state the state")
        });
    for (path, kind, bytes) in ASSETS {
        router = router.route(
            path,
            get(move || async move { ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], bytes) }),
        );
    }
    router
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Who may ask: with a token set, only its bearer; pages of other origins never.
async fn guard(State(app): State<Arc<App>>, request: axum::extract::Request, next: middleware::Next) -> Response {
    if let Err(refused) = may_ask(&request, app.token.as_ref(), &app.host) {
        return refused;
    }
    let mut response = next.run(request).await;
    let policy =
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(policy));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    response
}

/// `Err`: the answer to one who may not.
#[expect(clippy::result_large_err, reason = "the error is the answer, made once for a request")]
pub(crate) fn may_ask(request: &axum::extract::Request, token: Option<&String>, host: &str) -> Result<(), Response> {
    let headers = request.headers();
    if let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(host);
        if origin.split("://").nth(1) != Some(host) {
            let detail = "requests from other sites' pages are refused";
            return Err(problem(StatusCode::FORBIDDEN, "foreign origin", detail));
        }
    }
    if let Some(expected) = token {
        let open = matches!(request.uri().path(), "/livez" | "/readyz");
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        if !open && given != Some(expected.as_str()) {
            let detail = "send `Authorization: Bearer <token>`";
            return Err(problem(StatusCode::UNAUTHORIZED, "no or wrong token", detail));
        }
    }
    Ok(())
}

/// RFC 9457.
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let body = Problem { kind: "about:blank", status: status.as_u16(), title, detail };
    (status, [(header::CONTENT_TYPE, "application/problem+json")], text(&body)).into_response()
}

fn as_json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.live.readiness() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => problem(StatusCode::SERVICE_UNAVAILABLE, "not ready", &why),
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let end = app.live.log.bounds(Stream::Fleet).await.ok().map(|(_, last)| last);
    let applied = app.live.summary().await.map(|summary| summary.applied);
    let lag = end.zip(applied).map(|(end, applied)| end.saturating_sub(applied));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.live.metrics.text(lag, &app.live.warnings.counts())).into_response()
}

async fn ask<T>(app: &App, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T, Response> {
    let gone = || problem(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the engine has stopped");
    let (reply, answer) = oneshot::channel();
    app.live.questions.send(question(reply)).await.map_err(|_| gone())?;
    answer.await.map_err(|_| gone())
}

async fn state(State(app): State<Arc<App>>) -> Response {
    match ask(&app, Question::State).await {
        Ok(body) => as_json(body),
        Err(response) => response,
    }
}

async fn features(State(app): State<Arc<App>>) -> Response {
    match ask(&app, Question::Features).await {
        Ok(body) => as_json(body),
        Err(response) => response,
    }
}

async fn vehicle(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match ask(&app, |reply| Question::Vehicle(id.clone(), reply)).await {
        Ok(Some(body)) => as_json(body),
        Ok(None) => problem(StatusCode::NOT_FOUND, "no such vehicle", &format!("no event has named vehicle {id}")),
        Err(response) => response,
    }
}

async fn order(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match ask(&app, |reply| Question::Order(id.clone(), reply)).await {
        Ok(Some(body)) => as_json(body),
        Ok(None) => retired_order(&app, &id).await,
        Err(response) => response,
    }
}

/// An order that the engine does not hold: perhaps it is long over, and the log still tells of it. One question at a time
/// reads the log, and for a while not again for an order that it does not have: a client may ask every 50 ms.
async fn retired_order(app: &App, id: &str) -> Response {
    let unknown = || problem(StatusCode::NOT_FOUND, "no such order", &format!("no event in the log names order {id}"));
    let Some(name) = Name::new(id) else { return unknown() };
    let asked_before = |recent: &mut VecDeque<(Name, Instant)>| {
        recent.retain(|(_, at)| at.elapsed() < ASKED_AGAIN);
        recent.iter().any(|(known, _)| *known == name)
    };
    if asked_before(&mut app.unknown.lock().unwrap_or_else(PoisonError::into_inner)) {
        return unknown();
    }
    let Ok(_turn) = app.reads_log.try_acquire() else {
        let detail = "the log is being read for another order";
        return problem(StatusCode::SERVICE_UNAVAILABLE, "ask again in a second", detail);
    };
    // What the engine has not folded yet is not over.
    let applied = app.live.summary().await.map_or(0, |summary| summary.applied);
    match archive::order(&app.live.log, &app.live.zone, &name, applied).await {
        Ok(Some(found)) => as_json(text(&found)),
        Ok(None) => {
            let mut recent = app.unknown.lock().unwrap_or_else(PoisonError::into_inner);
            recent.push_back((name, crate::clock::monotonic()));
            if recent.len() > UNKNOWN_MAX {
                recent.pop_front();
            }
            drop(recent);
            unknown()
        }
        Err(failure) => problem(StatusCode::SERVICE_UNAVAILABLE, "the log could not be read", &failure.to_string()),
    }
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn decisions(State(app): State<Arc<App>>, Query(after): Query<After>) -> Response {
    match ask(&app, |reply| Question::Decisions(after.after, reply)).await {
        Ok(body) => as_json(body),
        Err(response) => response,
    }
}

async fn streets(State(app): State<Arc<App>>) -> Response {
    as_json(app.live.streets.to_string())
}

/// The last warnings about events that were taken.
async fn warnings(State(app): State<Arc<App>>) -> Response {
    as_json(text(&WarningList { warnings: app.live.warnings.list(), counts: app.live.warnings.counts() }))
}

/// The events of a request: one per line, or the body, which may be in binary mode. `None` for a batch, which is not taken.
fn events_in(headers: &HeaderMap, body: Bytes) -> Option<Vec<Bytes>> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if kind.contains("ndjson") || kind.contains("jsonl") {
        let lines = body.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        return Some(lines.map(|line| body.slice_ref(line)).collect());
    }
    let pairs: Vec<(&str, &str)> =
        headers.iter().filter_map(|(name, value)| value.to_str().ok().map(|value| (name.as_str(), value))).collect();
    match Mode::of(pairs.iter().copied()) {
        Mode::Batched => None,
        Mode::Structured | Mode::Binary if body.trim_ascii().is_empty() => Some(Vec::new()),
        Mode::Structured => Some(vec![body]),
        Mode::Binary => Some(vec![structured(pairs, &body).map_or(body, Bytes::from)]),
    }
}

/// One event, or one per line. Every line is judged by itself; the answer says what became of each.
async fn events(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(lines) = events_in(&headers, body) else {
        return problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "no batches",
            "batched CloudEvents are not taken: send one event per line as application/x-ndjson",
        );
    };
    if lines.is_empty() {
        return problem(
            StatusCode::BAD_REQUEST,
            "no event",
            "send a CloudEvent as JSON, or one per line as application/x-ndjson",
        );
    }
    let single = lines.len() == 1;
    let (mut accepted, mut duplicates) = (0u64, 0u64);
    let (mut rejected, mut warnings, mut last_seq) = (Vec::new(), Vec::new(), None);
    for (index, line) in lines.into_iter().enumerate() {
        match submit(&app.live, line).await {
            Ok(taken) => {
                accepted += u64::from(!taken.duplicate);
                duplicates += u64::from(taken.duplicate);
                last_seq = Some(taken.seq);
                let told = |told: Warning| WarnedLine { line: index + 1, field: told.field, hint: told.hint };
                warnings.extend(taken.warnings.into_iter().map(told));
            }
            Err(Submit::Invalid(code, detail)) => {
                app.live.metrics.rejected(code);
                if single {
                    return problem(StatusCode::UNPROCESSABLE_ENTITY, "not a legal event", &detail);
                }
                rejected.push(RejectedLine { line: index + 1, code, detail });
            }
            Err(Submit::Log(detail)) => {
                let title = "the log did not take it; send it again, the id makes repeats harmless";
                return problem(StatusCode::SERVICE_UNAVAILABLE, title, &format!("line {}: {detail}", index + 1));
            }
        }
    }
    let status = if rejected.is_empty() { StatusCode::ACCEPTED } else { StatusCode::MULTI_STATUS };
    let body = Submitted { accepted, duplicates, rejected, last_seq, warnings };
    (status, [(header::CONTENT_TYPE, "application/json")], text(&body)).into_response()
}

/// An event that the log has.
pub(crate) struct Taken {
    /// Its position in its stream.
    pub(crate) seq: u64,
    /// It was there before.
    pub(crate) duplicate: bool,
    /// Fields that its type does not know.
    pub(crate) warnings: Vec<Warning>,
}

/// Why an event was not taken.
pub(crate) enum Submit {
    /// It is no event, or none that this zone takes: a short stable word, and what is wrong.
    Invalid(&'static str, String),
    /// The log did not store it.
    Log(String),
}

/// Validates an event and appends it to its stream.
///
/// # Errors
///
/// See [`Submit`]. In a zone with a strict policy an unknown field is an error.
pub(crate) async fn submit(live: &Live, bytes: Bytes) -> Result<Taken, Submit> {
    let strict = live.strict.load(Ordering::Acquire);
    let decoded = decode(&bytes)
        .and_then(|decoded| if strict { decoded.strict() } else { Ok(decoded) })
        .map_err(|error| Submit::Invalid(error.code(), error.to_string()))?;
    let id = fact_id(&live.zone, &decoded.envelope.source, &decoded.envelope.id);
    if decoded.kind.writer() == Writer::Engine {
        let what = format!("`{}` is written by the engine alone", decoded.kind.name());
        return Err(Submit::Invalid("engine_only", what));
    }
    let (stream, subject) = match &decoded.what {
        What::Position(vehicle, ..) => (Stream::Position, live.zone.subject(&Address::of_position(vehicle))),
        What::Event(event) => (Stream::Fleet, live.zone.subject(&Address::of_event(event))),
    };
    match live.log.append(stream, subject, id, bytes, None).await {
        Ok(stored) => {
            // Positions are in another stream, so their sequence would say nothing to a reader of the fleet's log.
            let seq = (stream == Stream::Fleet).then_some(stored.seq);
            let said = Said { envelope: decoded.envelope, kind: decoded.kind, warnings: decoded.warnings };
            live.warnings.push(&said, seq, crate::clock::wall());
            Ok(Taken { seq: stored.seq, duplicate: stored.duplicate, warnings: said.warnings })
        }
        Err(AppendError::WrongSequence) => Err(Submit::Log("unexpected fence".to_owned())),
        Err(error @ (AppendError::Unknown(_) | AppendError::Refused(_))) => Err(Submit::Log(error.to_string())),
    }
}

// ---- the live feed ---------------------------------------------------------------------------------------------------

#[derive(Deserialize)]
struct Resume {
    /// The start that the browser was told: see [`view::Frame::Hello`].
    #[serde(rename = "epoch")]
    start: Option<u64>,
    since: Option<u64>,
}

async fn websocket(State(app): State<Arc<App>>, Query(resume): Query<Resume>, upgrade: WebSocketUpgrade) -> Response {
    if app.clients.fetch_add(1, Ordering::AcqRel) >= CLIENTS_MAX {
        app.clients.fetch_sub(1, Ordering::AcqRel);
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many screens",
            &format!("at most {CLIENTS_MAX} at a time"),
        );
    }
    upgrade.on_upgrade(move |socket| async move {
        client(&app, socket, resume).await;
        app.clients.fetch_sub(1, Ordering::AcqRel);
    })
}

/// One browser: hello, a picture (or what it missed), then deltas. Too slow: a fresh picture, never a queue.
async fn client(app: &App, mut socket: WebSocket, resume: Resume) {
    let hub = &app.live.hub;
    let mut deltas = hub.deltas.subscribe();
    let server = concat!("fleetfold ", env!("CARGO_PKG_VERSION"));
    let hello = view::Frame::Hello { start: hub.start, server, zone: app.live.zone.zone() };
    if !send(&mut socket, &text(&hello)).await {
        return;
    }
    let missed = resume
        .since
        .filter(|_| resume.start == Some(hub.start))
        .and_then(|since| hub.since(since).map(|missed| (since, missed)));
    let mut seq = if let Some((since, missed)) = missed {
        let mut last = since;
        for (seq, text) in missed {
            if !send(&mut socket, &text).await {
                return;
            }
            last = seq;
        }
        last
    } else {
        match picture(app, &mut socket).await {
            Some(seq) => seq,
            None => return,
        }
    };
    let mut ping = tokio::time::interval(PING);
    loop {
        tokio::select! {
            delta = deltas.recv() => match delta {
                Ok((number, text)) => {
                    if number <= seq {
                        continue; // already in the picture
                    }
                    if number != seq + 1 {
                        let Some(fresh) = picture(app, &mut socket).await else { return };
                        seq = fresh;
                        continue;
                    }
                    if !send(&mut socket, &text).await {
                        return;
                    }
                    seq = number;
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    if !send(&mut socket, &text(&view::Frame::Resync)).await {
                        return;
                    }
                    deltas = hub.deltas.subscribe();
                    let Some(fresh) = picture(app, &mut socket).await else { return };
                    seq = fresh;
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
            frame = socket.recv() => match frame {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(Frame::Text(text))) if text.as_str().contains("resync") => {
                    let Some(fresh) = picture(app, &mut socket).await else { return };
                    seq = fresh;
                }
                Some(Ok(_)) => {}
            },
            _ = ping.tick() => {
                if socket.send(Frame::Ping(Bytes::new())).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn picture(app: &App, socket: &mut WebSocket) -> Option<u64> {
    let (frame, seq) = ask(app, Question::Picture).await.ok()?;
    send(socket, &frame).await.then_some(seq)
}

async fn send(socket: &mut WebSocket, text: &str) -> bool {
    matches!(tokio::time::timeout(SEND_MAX, socket.send(Frame::Text(text.into()))).await, Ok(Ok(())))
}

//! An engine that is started before its broker, or while it is away: it listens, tells everybody what it waits for, and goes on by itself.
//!
//! Promise: whoever asks meanwhile gets an answer at once: 503 and since when there is no broker. No credentials are in any of these texts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use fleetfold_model::Timestamp;
use tokio::sync::watch;

use crate::auth::{Auth, routes};
use crate::clock;
use crate::failure::Failure;
use crate::http::page::ASSETS;
use crate::http::server::{self, Transport};
use crate::http::{Bound, POLICY, problem};
use crate::log::{LogChoice, LogError, Server};

/// Pause between two attempts.
const AGAIN: Duration = Duration::from_millis(250);
/// How often the log of the program says that it still waits.
const SAY_AGAIN: Duration = Duration::from_secs(10);
/// Seconds after which a producer may try again.
const BACK_AFTER: &str = "1";
/// The page that people see meanwhile.
const PAGE: &str = include_str!("../assets/waiting.html");

/// Whom the engine waits for, and what it tells meanwhile.
pub(crate) struct Waiting {
    /// `None`: the log is no broker that others run, and nothing is waited for.
    broker: Option<Server>,
    auth: Arc<Auth>,
    transport: Transport,
    /// Ours until the engine takes it; until it waits, nobody can connect.
    door: Door,
    since: Option<(Timestamp, Instant)>,
    said: Option<Instant>,
    told: Arc<Mutex<String>>,
    over: watch::Sender<bool>,
}

enum Door {
    Closed(Option<Bound>),
    Open(std::net::TcpListener),
}

impl Waiting {
    /// Nothing is waited for yet.
    pub(crate) fn new(choice: &LogChoice, auth: &Arc<Auth>, bound: Bound, transport: &Transport) -> Self {
        let broker = match choice {
            LogChoice::Nats(server) => Some(server.clone()),
            LogChoice::Auto => std::env::var("NATS_URL").ok().and_then(|url| Server::parse(&url)),
            LogChoice::Wrong | LogChoice::Embedded(_) | LogChoice::Spawn => None,
        };
        Self {
            broker,
            auth: Arc::clone(auth),
            transport: transport.clone(),
            door: Door::Closed(Some(bound)),
            since: None,
            said: None,
            told: Arc::default(),
            over: watch::channel(false).0,
        }
    }

    /// The start has failed. Returns when it is time to try again.
    ///
    /// # Errors
    ///
    /// What nobody can wait for.
    pub(crate) async fn met(&mut self, error: Failure) -> Result<(), Failure> {
        let (Some(why), Some(broker)) = (&error.passing, &self.broker) else { return Err(error) };
        let &mut (since, _) = self.since.get_or_insert_with(|| (clock::wall(), clock::monotonic()));
        let since =
            jiff::Timestamp::from_millisecond(since.0 / 1000 * 1000).map(|at| at.to_string()).unwrap_or_default();
        let words = format!("waiting for the broker at {} since {since}: {why}", broker.sockets().join(", "));
        if self.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            tracing::warn!("{words} (start one with `nats-server -js`, or use --log embedded)");
            self.said = Some(clock::monotonic());
        }
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = words;
        self.open()?;
        tokio::time::sleep(AGAIN).await;
        Ok(())
    }

    /// Lets others ask.
    fn open(&mut self) -> Result<(), Failure> {
        let Door::Closed(bound) = &mut self.door else { return Ok(()) };
        let Some(bound) = bound.take() else { return Ok(()) };
        let kept = bound.listen()?.into_std()?;
        let listener = tokio::net::TcpListener::from_std(kept.try_clone()?)?;
        self.door = Door::Open(kept);
        let router = Router::new().fallback(told).with_state((Arc::clone(&self.auth), Arc::clone(&self.told)));
        let (mut over, transport) = (self.over.subscribe(), self.transport.clone());
        tokio::spawn(async move {
            let ended = async move {
                let _ = over.wait_for(|over| *over).await;
            };
            server::serve(listener, router, transport, ended).await;
        });
        Ok(())
    }

    /// The engine has begun: it takes the address over, with whoever is about to connect.
    ///
    /// # Errors
    ///
    /// When another program listens there.
    pub(crate) fn over(self) -> Result<tokio::net::TcpListener, LogError> {
        let _ = self.over.send(true);
        if let Some((_, since)) = self.since {
            tracing::info!(seconds = since.elapsed().as_secs(), "the broker is there");
        }
        match self.door {
            Door::Closed(bound) => bound.expect("an address that is not open is still bound").listen(),
            Door::Open(listener) => tokio::net::TcpListener::from_std(listener)
                .map_err(|error| LogError::new(format!("cannot go on listening: {error}"), "start it again")),
        }
    }
}

/// What everybody is told meanwhile.
async fn told(State((auth, words)): State<(Arc<Auth>, Arc<Mutex<String>>)>, request: Request) -> Response {
    let path = request.uri().path();
    // People have logged in nowhere yet, and what they see is what `/readyz` tells everybody.
    let is_page = matches!(path, "/" | "/login");
    let needs = if is_page { None } else { routes::needs(request.method(), path) };
    let mut response = if let Err(refused) = auth.allow(&request, needs) {
        refused
    } else {
        let words = words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let file = ASSETS.iter().find(|(at, ..)| path == "/style.css" && *at == path);
        match (path, file) {
            ("/livez", _) => "live\n".into_response(),
            (_, Some(&(_, kind, bytes))) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
            _ if is_page => {
                (StatusCode::SERVICE_UNAVAILABLE, Html(PAGE.replace("{why}", &escaped(&words)))).into_response()
            }
            _ => problem(StatusCode::SERVICE_UNAVAILABLE, "not ready", &words),
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static(BACK_AFTER));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

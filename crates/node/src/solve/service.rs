//! Problems over HTTP, one document in and one out, as vroom-express has it: a VROOM problem, with `options` if need be, is answered by
//! VROOM's solution or by VROOM's error.
//!
//! All zones of a program share one queue. A request takes a place in it before its body is read; the places are few, so that neither
//! memory nor patience runs out, and whoever finds none is told to come again. A search runs on threads of its own that give way to
//! everything else in the program, and it ends when its client hangs up.
//!
//! Promise: what waits or is searched here changes nothing in a zone, and delays it only by memory bandwidth.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use fleetfold_formats::VroomOptions;
use futures::StreamExt;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::args::Solve;
use crate::auth::{Auth, Role, Settings};
use crate::clock;
use crate::failure::Failure;
use crate::http::server::{self, Transport};
use crate::http::{as_problem, listen, problem};
use crate::threads;

use super::answer::Spent;
use super::effort::{Effort, LEVEL_MAX};
use super::refusal::{Kind, Refusal};
use super::streets::Known;
use super::{answer, gate, input};

/// Searches at once.
const AT_ONCE: usize = 2;
/// Requests that wait for their search.
const WAITING_MAX: usize = 8;
/// Largest body: a matrix of durations of some 2,500 places.
const BODY_MAX: usize = 32 << 20;
/// Longest time in which a body has to be there.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// Longest time in which the body of a request that is turned away is read and thrown away.
const DISCARD_WITHIN: Duration = Duration::from_secs(5);
/// Most tasks of a problem; a shipment counts twice. More belong to the command line, which has all cores.
const TASKS_MAX: usize = 10_000;
/// Most vehicles of a problem.
const VEHICLES_MAX: usize = 2_000;
/// Longest search, seconds, also for those who name none.
const SECONDS_MAX: f64 = 60.0;
/// Where the program ends, clients take within this time that they are not answered.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// Seconds after which one who found no place in the queue may come again.
const AGAIN_AFTER: &str = "5";
/// `nice` of the threads that search: below those of the zones.
const NICE: i32 = 19;

/// The queue of a program.
struct Queue {
    /// A place for each request that is searched, waits or is being read.
    places: Arc<Semaphore>,
    /// The right to search, given in the order of asking.
    turns: Arc<Semaphore>,
}

fn queue() -> &'static Queue {
    static QUEUE: OnceLock<Queue> = OnceLock::new();
    QUEUE.get_or_init(|| Queue {
        places: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
        turns: Arc::new(Semaphore::new(AT_ONCE)),
    })
}

/// Threads of one search: together the searches leave half of the cores alone, where there are enough.
fn threads_of_search() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores / 2 / AT_ONCE).clamp(1, 8)
}

/// What a request may ask of the search, in the names of VROOM's flags; what is not here is passed over, as vroom-express does.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "an object of options")]
struct Options {
    /// Level of exploration.
    x: Option<u32>,
    /// Threads.
    t: Option<usize>,
    /// Seconds.
    l: Option<f64>,
    /// Only the times of the routes that are given.
    c: bool,
}

/// What has to be known of a document before it is read in full.
#[derive(Deserialize)]
#[serde(expecting = "an object with `vehicles`, and `jobs` or `shipments`")]
struct Outline {
    jobs: Option<Vec<IgnoredAny>>,
    shipments: Option<Vec<IgnoredAny>>,
    vehicles: Option<Vec<IgnoredAny>>,
    options: Option<Options>,
}

/// Ends a search when the request is dropped.
struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Answers a request whose body is a problem.
pub(crate) async fn answer(request: Request, streets: Option<Arc<Known>>) -> Response {
    let Ok(_place) = queue().places.try_acquire() else {
        // A connection that is closed over an unread body is reset, and the client might never see the answer.
        let mut rest = request.into_body().into_data_stream();
        let discard = async { while rest.next().await.is_some_and(|part| part.is_ok()) {} };
        let _ = tokio::time::timeout(DISCARD_WITHIN, discard).await;
        let what = format!("{} problems are being solved or wait: send it again", AT_ONCE + WAITING_MAX);
        return busy(&Refusal::new(Kind::Internal, what, ""));
    };
    let strict = match is_strict(request.uri().query().unwrap_or_default()) {
        Ok(strict) => strict,
        Err(refusal) => return refused(&refusal),
    };
    let reading = tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(request.into_body(), BODY_MAX));
    let body = match reading.await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let what = format!("the body cannot be read, or has more than {} MiB", BODY_MAX >> 20);
            return refused(&Refusal::new(Kind::TooLarge, what, ""));
        }
        Err(_) => return refused(&Refusal::input("the body did not come in time", "")),
    };
    let Ok(turn) = Arc::clone(&queue().turns).acquire_owned().await else { return stopping() };
    let stop = Arc::new(AtomicBool::new(false));
    // From here on the search ends when this future is dropped, which is what the server does when the client hangs up.
    let _watch = StopWhenDropped(Arc::clone(&stop));
    let solved = tokio::task::spawn_blocking(move || solve(&body, strict, streets.as_deref(), &stop, turn)).await;
    match solved.unwrap_or_else(|_| Err(Refusal::panicked())) {
        Ok(solution) => (StatusCode::OK, as_json(), solution.to_string()).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

/// `/solve?strict` (or `strict=true`) refuses unknown keys and routes to start from that have to be repaired.
fn is_strict(query: &str) -> Result<bool, Refusal> {
    let mut strict = false;
    for word in query.split('&') {
        match word.split_once('=').unwrap_or((word, "true")) {
            ("strict", "true") => strict = true,
            ("strict", "false") => strict = false,
            ("strict", other) => {
                let what = format!("`strict` of the query is `{other}`; it is `true` or `false`");
                return Err(Refusal::input(what, ""));
            }
            _ => {}
        }
    }
    Ok(strict)
}

/// An answer names what was passed over in the problem.
fn with_warnings(mut solution: Value, warnings: Vec<String>) -> Value {
    if !warnings.is_empty() {
        solution["warnings"] = warnings.into();
    }
    solution
}

/// The program ends.
pub(crate) fn stopping() -> Response {
    let refusal = Refusal::new(Kind::Internal, "the program ends: send it to another one", "");
    (StatusCode::SERVICE_UNAVAILABLE, as_json(), refusal.json().to_string()).into_response()
}

fn as_json() -> [(header::HeaderName, &'static str); 1] {
    [(header::CONTENT_TYPE, "application/json")]
}

fn busy(refusal: &Refusal) -> Response {
    let mut response = (StatusCode::TOO_MANY_REQUESTS, as_json(), refusal.json().to_string()).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(AGAIN_AFTER));
    response
}

/// VROOM's document of an error, under the status that vroom-express has for its code.
fn refused(refusal: &Refusal) -> Response {
    let status = match refusal.kind {
        Kind::Input => StatusCode::BAD_REQUEST,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Internal | Kind::Routing => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if refusal.kind == Kind::Internal {
        tracing::error!(what = refusal.failure.what, "a problem that came over HTTP was not solved");
    }
    (status, as_json(), refusal.json().to_string()).into_response()
}

/// Solves on threads that give way. `turn` is kept until the search has ended, whether or not anybody waits for it.
fn solve(
    body: &[u8],
    strict: bool,
    streets: Option<&Known>,
    stop: &AtomicBool,
    turn: OwnedSemaphorePermit,
) -> Result<Value, Refusal> {
    let _turn = turn;
    let started = clock::monotonic();
    if stop.load(Ordering::Relaxed) {
        return Err(abandoned());
    }
    let threads = threads_of_search();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("solve-{index}"))
        .start_handler(|_| threads::give_way(NICE))
        .build()
        .map_err(|error| Refusal::internal(format!("no threads for the search: {error}")))?;
    // Reading a large matrix takes a while, too.
    pool.install(|| {
        let text =
            std::str::from_utf8(body).map_err(|error| Refusal::input(format!("the body is no text: {error}"), ""))?;
        let options = outline(text)?;
        let read = VroomOptions { strict, ..VroomOptions::default() };
        if options.c {
            let plan = input::plan(text, read, streets)?;
            return Ok(with_warnings(plan.document, plan.warnings));
        }
        let instance = input::read_vroom(text, read, streets)?;
        let loaded = clock::monotonic();
        let effort = Effort {
            rounds: None,
            level: Some(options.x.unwrap_or(LEVEL_MAX)),
            seconds: Some(options.l.unwrap_or(SECONDS_MAX).clamp(0.0, SECONDS_MAX)),
            threads: options.t.unwrap_or(threads).clamp(1, threads),
            replicas: None,
            seed: 1,
            warm: instance.problem.initial().iter().any(|tour| !tour.is_empty()),
            fewest_vehicles: false,
            changes_max: None,
        };
        let solution = effort.search(&instance, started, &|_| stop.load(Ordering::Relaxed), |_, _| {});
        if stop.load(Ordering::Relaxed) {
            return Err(abandoned());
        }
        gate::check(&instance, &solution)?;
        let spent = Spent { loading: loaded - started, solving: clock::monotonic() - loaded };
        let solution = answer::vroom(&instance, &solution, streets, spent)?;
        let solution = solution.ok_or_else(|| Refusal::internal("a problem of VROOM has no names"))?;
        Ok(with_warnings(solution, instance.warnings))
    })
}

fn abandoned() -> Refusal {
    Refusal::input("nobody waits for the answer", "")
}

/// The options of a document; refuses what is too large before anything is built of it.
fn outline(text: &str) -> Result<Options, Refusal> {
    let malformed = |error: serde_json::Error| Refusal::input(format!("the body is no problem: {error}"), "");
    let outline: Outline = serde_json::from_str(text).map_err(malformed)?;
    let count = |list: &Option<Vec<IgnoredAny>>| list.as_ref().map_or(0, Vec::len);
    let tasks = count(&outline.jobs) + 2 * count(&outline.shipments);
    for (what, count, most) in [("tasks", tasks, TASKS_MAX), ("vehicles", count(&outline.vehicles), VEHICLES_MAX)] {
        if count > most {
            let what = format!("{count} {what} are too many, {most} are the most");
            return Err(Refusal::new(Kind::TooLarge, what, ""));
        }
    }
    let options = outline.options.unwrap_or_default();
    if options.l.is_some_and(|seconds| !(0.0..=86_400.0).contains(&seconds)) {
        return Err(Refusal::input("`options.l` is a number of seconds from 0 to 86400", ""));
    }
    Ok(options)
}

/// A server that has no zone.
struct Host {
    auth: Arc<Auth>,
    streets: Option<Arc<Known>>,
    /// True as soon as the program ends.
    ended: watch::Receiver<bool>,
}

/// Serves problems until Ctrl-C or SIGTERM: `fleetfold solve --serve ADDRESS`.
pub(crate) async fn serve(args: &Solve) -> Result<ExitCode, Failure> {
    let address: SocketAddr = args.serve.expect("the caller looked for it");
    let streets = super::streets::of(args).map_err(|refusal| refusal.failure)?.map(Arc::new);
    let (listener, local) = listen(address, args.token_file.is_some())?;
    let auth = Auth::of_file(args.token_file.as_ref(), &local.to_string(), Settings::default())?;
    let (tell, told) = watch::channel(false);
    let host = Arc::new(Host { auth, streets, ended: told });
    let router = Router::new()
        .route("/", post(asked))
        .route("/solve", post(asked))
        .route("/health", get(|| async { "healthy\n" }))
        .fallback(|| async {
            problem(StatusCode::NOT_FOUND, "not found", "problems are taken by POST / and POST /solve")
        })
        .layer(axum::middleware::map_response(as_problem))
        .with_state(host);
    eprintln!("problems are solved at http://{local}/solve");
    // Searches that run are not waited for: their clients are told to ask somewhere else.
    let ended = async move {
        told_to_end().await;
        let _ = tell.send(true);
    };
    let closing = server::serve(listener, router, Transport::default(), ended).await;
    let _ = tokio::time::timeout(TOLD_WITHIN, closing.closed()).await;
    Ok(ExitCode::SUCCESS)
}

/// Ctrl-C, or SIGTERM where there is such a thing.
async fn told_to_end() {
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, () = terminated => {} }
}

async fn asked(State(host): State<Arc<Host>>, request: Request) -> Response {
    if let Err(refused) = host.auth.allow(&request, Some(Role::Operator)) {
        return refused;
    }
    let mut ended = host.ended.clone();
    tokio::select! {
        answer = answer(request, host.streets.clone()) => answer,
        _ = ended.wait_for(|ended| *ended) => stopping(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_the_command_line() {
        let options = outline("{\"jobs\":[],\"vehicles\":[],\"options\":{\"x\":2,\"g\":true,\"l\":3.5}}").unwrap();
        assert_eq!((options.x, options.l, options.c), (Some(2), Some(3.5), false));
    }

    #[test]
    fn strictness_is_true_or_false() {
        for (query, strict) in [
            ("", false),
            ("strict", true),
            ("strict=true", true),
            ("a=1&strict=true", true),
            ("strict=false", false),
            ("strictly", false),
        ] {
            assert_eq!(is_strict(query).ok(), Some(strict), "{query}");
        }
        for query in ["strict=1", "strict=", "strict=yes", "strict=TRUE"] {
            assert_eq!(is_strict(query).unwrap_err().json()["code"], 2, "{query}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_by_its_count() {
        let shipments = vec!["{}"; TASKS_MAX / 2 + 1].join(",");
        let refusal = outline(&format!("{{\"shipments\":[{shipments}],\"vehicles\":[]}}")).err().unwrap();
        assert_eq!((refusal.kind, refused(&refusal).status().as_u16()), (Kind::TooLarge, 413));
        assert!(refusal.failure.what.contains("10002 tasks"), "{refusal:?}");
    }
}

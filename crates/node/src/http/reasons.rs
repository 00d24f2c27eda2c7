//! Reasons, trials and quotes over HTTP. Each is computed on a thread of its own, from the log or from a copy of what the engine holds:
//! the engine's thread does nothing for them but hand the copy over.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use fleetfold_fleet::Placement;
use fleetfold_model::Event;
use fleetfold_wire::encode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{App, as_json, later, problem};
use crate::args::ExplainWhat;
use crate::auth::Identity;
use crate::failure::Failure;
use crate::live::handover::Copied;
use crate::reasons::{
    Asked, Change, Changes, Held, Keeps, Question as QuoteQuestion, Reading, Source, Subject, answer, events_in,
    explained, instant, keeps, offers as offered, tried,
};
use crate::view::text;

/// Reading the log for one question takes no longer than this.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// A question waits this long for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);
/// It is looked so often whether a slot that is to be kept has its place ...
const PLACED_EVERY: Duration = Duration::from_millis(20);
/// ... and so many times: five seconds.
const PLACED_TRIES: u32 = 250;
/// Vehicles that are asked about an order, if the question does not say.
const VEHICLES: usize = 6;
/// Most vehicles that are asked about an order.
const VEHICLES_MAX: usize = 500;
/// Seconds after which to ask again where others are served.
const AGAIN_AFTER: u64 = 1;

/// How many trials and how many quotes are computed at a time: the others wait for their turn.
pub(super) struct Turns {
    trials: Semaphore,
    quotes: Semaphore,
}

/// Quotes that are computed at a time.
const QUOTES: usize = 2;

impl Default for Turns {
    fn default() -> Self {
        Self { trials: Semaphore::new(1), quotes: Semaphore::new(QUOTES) }
    }
}

impl Turns {
    /// Nobody computes.
    fn are_free(&self) -> bool {
        self.trials.available_permits() == 1 && self.quotes.available_permits() == QUOTES
    }
}

/// Vehicles that are asked who could take an order, if the question does not say.
const OFFERS: usize = 12;

#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asks {
    /// How many are asked, 1 to 500; 12 without it.
    vehicles: Option<usize>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    /// The instant for which it is explained (RFC 3339); without it now.
    at: Option<String>,
    /// How many vehicles are asked, 0 to 500; 6 without it.
    vehicles: Option<usize>,
}

fn refused(status: StatusCode, title: &str, failure: &Failure) -> Response {
    problem(status, title, &format!("{}; try: {}", failure.what, failure.hint))
}

pub(super) async fn turn(turns: &Semaphore) -> Result<SemaphorePermit<'_>, Response> {
    match tokio::time::timeout(TURN_WITHIN, turns.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(later(
            problem(
                StatusCode::TOO_MANY_REQUESTS,
                "others are asking",
                "such questions are answered one after the other",
            ),
            AGAIN_AFTER,
        )),
    }
}

pub(super) async fn order(app: State<Arc<App>>, id: Path<String>, how: Query<How>) -> Response {
    explain(&app, ExplainWhat::Order, &id, &how).await
}

pub(super) async fn vehicle(app: State<Arc<App>>, id: Path<String>, how: Query<How>) -> Response {
    explain(&app, ExplainWhat::Vehicle, &id, &how).await
}

pub(super) async fn decision(app: State<Arc<App>>, id: Path<String>, how: Query<How>) -> Response {
    explain(&app, ExplainWhat::Decision, &id, &how).await
}

/// From the log alone, so that it can be asked after a restart, and of a follower.
async fn explain(app: &App, what: ExplainWhat, id: &str, how: &How) -> Response {
    let bad = |failure: Failure| refused(StatusCode::BAD_REQUEST, "no such question", &failure);
    let subject = match Subject::new(what, id) {
        Ok(subject) => subject,
        Err(failure) => return bad(failure),
    };
    let at = match how.at.as_deref().map(instant).transpose() {
        Ok(at) => at,
        Err(failure) => return bad(failure),
    };
    let vehicles = how.vehicles.unwrap_or(VEHICLES);
    if vehicles > VEHICLES_MAX {
        let detail = format!("`vehicles` is between 0 and {VEHICLES_MAX}, not {vehicles}");
        return problem(StatusCode::BAD_REQUEST, "no such question", &detail);
    }
    let _turn = match turn(&app.reads_log).await {
        Ok(turn) => turn,
        Err(busy) => return busy,
    };
    let source = Source::Log(&app.live.log, &app.live.zone);
    let asked = Asked { at, vehicles };
    match explained(&source, &app.live.network, &subject, asked, Reading { within: Some(READ_WITHIN) }).await {
        Ok((it, _)) => as_json(it.json()),
        Err(failure) => refused(StatusCode::NOT_FOUND, "cannot be explained from this log", &failure),
    }
}

/// The changes of a body: an event, one a line, or a list of changes in words and events.
fn changes_in(headers: &HeaderMap, body: &[u8]) -> Result<(Vec<Change>, bool), String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Listed {
        changes: Vec<Value>,
        #[serde(default)]
        search: bool,
    }
    let text = std::str::from_utf8(body).map_err(|error| format!("the body is no text: {error}"))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let is_lines = kind.contains("ndjson") || kind.contains("jsonl");
    let events = events_in(text)?;
    if !is_lines
        && let [only] = &events[..]
        && only.get("changes").is_some()
    {
        let listed: Listed = serde_json::from_value(only.clone()).map_err(|error| error.to_string())?;
        let changes = listed.changes.into_iter().map(|change| match change {
            Value::String(words) => Change::Words(words),
            event => Change::Event(event),
        });
        return Ok((changes.collect(), listed.search));
    }
    Ok((events.into_iter().map(Change::Event).collect(), false))
}

async fn copied(app: &App) -> Result<Arc<Copied>, Response> {
    let gone = || problem(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the engine has stopped");
    app.live.copy().await.ok_or_else(gone)
}

/// A turn, and the fleet as it is then.
async fn turn_and_copy<'a>(app: &App, turns: &'a Semaphore) -> Result<(SemaphorePermit<'a>, Arc<Copied>), Response> {
    Ok((turn(turns).await?, copied(app).await?))
}

/// Lets the copy go when nobody computes any more.
fn done(app: &App) {
    if app.turns.are_free() {
        app.live.forget_copy();
    }
}

pub(super) async fn what_if(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let example = "send {\"changes\":[\"vehicle v7 lost\"]}, or events as POST /v1/events takes them";
    let (changes, searches) = match changes_in(&headers, &body) {
        Ok(changes) => changes,
        Err(what) => {
            return refused(StatusCode::BAD_REQUEST, "no change can be read", &Failure::new(what, example));
        }
    };
    let (turn, copy) = match turn_and_copy(&app, &app.turns.trials).await {
        Ok(both) => both,
        Err(response) => return response,
    };
    let network = Arc::clone(&app.live.network);
    let computed = tokio::task::spawn_blocking(move || {
        let changes = Changes::read(changes, &copy.fleet, copy.now)?;
        let log_now = copy.fleet.zone().log_time(copy.now).max(copy.fleet.logged_at());
        Ok(text(&tried(copy.fleet.clone_without_index(), network, log_now, changes, searches)))
    });
    let answer = answered(computed.await, "not a legal change");
    drop(turn);
    done(&app);
    answer
}

/// Who could take an order.
pub(super) async fn offers(
    State(app): State<Arc<App>>,
    Path(order): Path<String>,
    Query(how): Query<Asks>,
) -> Response {
    let vehicles = how.vehicles.unwrap_or(OFFERS);
    if !(1..=VEHICLES_MAX).contains(&vehicles) {
        let detail = format!("`vehicles` is between 1 and {VEHICLES_MAX}, not {vehicles}");
        return problem(StatusCode::BAD_REQUEST, "no such question", &detail);
    }
    let (turn, copy) = match turn_and_copy(&app, &app.turns.quotes).await {
        Ok(both) => both,
        Err(response) => return response,
    };
    let computed = tokio::task::spawn_blocking(move || {
        Ok(text(&offered(&copy.fleet, &copy.outlook, copy.now, &order, vehicles)?))
    });
    let answer = answered(computed.await, "no such order");
    drop(turn);
    done(&app);
    answer
}

pub(super) async fn quotes(State(app): State<Arc<App>>, Extension(who): Extension<Identity>, body: Bytes) -> Response {
    let (turn, copy) = match turn_and_copy(&app, &app.turns.quotes).await {
        Ok(both) => both,
        Err(response) => return response,
    };
    let computed = tokio::task::spawn_blocking(move || {
        let question = QuoteQuestion::read(&body, &copy.fleet, copy.now)?;
        let quotes = answer(&copy.fleet, &copy.outlook, copy.now, &question)?;
        let keeps = keeps(&copy.fleet, copy.now, &question, &quotes)?;
        Ok((quotes, keeps))
    });
    let computed = computed.await;
    drop(turn);
    let answer = match computed {
        Ok(Ok((mut quotes, Some(kept)))) => match keep(&app, &who, kept).await {
            Ok(held) => {
                quotes.held = Some(held);
                as_json(text(&quotes))
            }
            Err(response) => response,
        },
        Ok(Ok((quotes, None))) => as_json(text(&quotes)),
        Ok(Err(failure)) => answered(Ok(Err(failure)), "not a legal question"),
        Err(error) => answered(Err(error), "not a legal question"),
    };
    done(&app);
    answer
}

/// Writes the fact that keeps a slot, and waits until it has a place. One that another order has taken meanwhile is given back.
async fn keep(app: &App, who: &Identity, kept: Keeps) -> Result<Held, Response> {
    super::take(&app.live, Bytes::from(kept.event), who).await?;
    let held = |vehicle| Held { order_id: kept.order.to_string(), slot: kept.slot, until: kept.until.0, vehicle };
    for _ in 0..PLACED_TRIES {
        tokio::time::sleep(PLACED_EVERY).await;
        let copy = copied(app).await?;
        let Some(id) = copy.fleet.order_id(kept.order.as_str()) else { continue };
        match copy.fleet.order(id).placement {
            Placement::OnRoute(vehicle) => return Ok(held(Some(copy.fleet.vehicle(vehicle).name.to_string()))),
            Placement::Unplaced => {}
            Placement::Unassigned(_) => {
                let event = Event::OrderCancelled { order: kept.order.clone() };
                let id = format!("{}/{}/gone", kept.order, kept.until.0);
                let back = encode(&event, copy.fleet.zone().space, "/quotes", &id, copy.now).to_bytes();
                super::take(&app.live, Bytes::from(back), who).await?;
                let detail = "another order has taken the place since it was quoted: ask again";
                return Err(problem(StatusCode::CONFLICT, "the slot is gone", detail));
            }
        }
    }
    Ok(held(None))
}

fn answered(computed: Result<Result<String, Failure>, tokio::task::JoinError>, title: &str) -> Response {
    match computed {
        Ok(Ok(body)) => as_json(body),
        Ok(Err(failure)) => refused(StatusCode::UNPROCESSABLE_ENTITY, title, &failure),
        Err(error) => {
            tracing::error!(%error, "a question that came over HTTP was not answered");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "not answered",
                "report it with the question and a recording of the log",
            )
        }
    }
}

//! Documents about the state: all of it or a page, one vehicle, one order, decisions, what was learned.
//!
//! The screens' thread answers. Here a question is asked, and its answer packed for those who take gzip.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleetfold_model::Name;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::{App, as_json, problem};
use crate::archive;
use crate::document::{self, Document};
use crate::screens::{Answer, Question};
use crate::view::{After, Filter, Page, Part, text};

/// The log is not read again for an order that it did not have within this time.
const ASKED_AGAIN: Duration = Duration::from_secs(10);
/// Most unknown orders that are remembered.
const UNKNOWN_MAX: usize = 256;
/// Items of a page, if the question does not say.
const PAGE: usize = 1_000;
/// Most items of a page.
const PAGE_MAX: usize = 10_000;

pub(super) async fn ask<T>(app: &App, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T, Response> {
    let gone = || problem(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the engine has stopped");
    let (reply, answer) = oneshot::channel();
    app.live.questions.send(question(reply)).await.map_err(|_| gone())?;
    answer.await.map_err(|_| gone())
}

/// Which part of the state.
#[derive(JsonSchema, Deserialize)]
pub(super) struct Asked {
    /// Without it all of the state.
    #[schemars(extend("enum" = ["vehicles", "orders", "roads", "alerts", "kpi", "decisions", "refused"]))]
    part: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Most items of the page, 1 to 10,000; 1,000 without it.
    limit: Option<usize>,
    /// Of the orders only those of this status. Without it the open ones are told; of those that are over, the ones that the engine still
    /// holds.
    #[schemars(extend("enum" = ["open", "unassigned", "assigned", "on board", "served", "failed", "cancelled"]))]
    status: Option<String>,
    /// Of the orders only those on the route of this vehicle, or served by it.
    vehicle: Option<String>,
    /// Of the orders only those that are late (`true`) or that are not (`false`).
    late: Option<bool>,
}

impl Asked {
    /// The page that is asked for; `None`: all of the state.
    fn page(self) -> Result<Option<Page>, String> {
        let Some(part) = self.part else {
            let whole = self.after.is_none() && self.limit.is_none();
            if self.status.is_some() || self.vehicle.is_some() || self.late.is_some() {
                return Err("`status`, `vehicle` and `late` need `part=orders`".to_owned());
            }
            return if whole { Ok(None) } else { Err("`after` and `limit` need a `part`".to_owned()) };
        };
        let Some(part) = Part::named(&part) else {
            let names: Vec<&str> = Part::ALL.iter().map(|&(name, _)| name).collect();
            return Err(format!("`{part}` is no part of the state: {}", names.join(", ")));
        };
        let filter =
            Filter {
                status: match self.status {
                    None => None,
                    Some(status) => Some(Filter::status(&status).ok_or_else(|| {
                        format!("`{status}` is no status of an order: {}", Filter::STATUSES.join(", "))
                    })?),
                },
                vehicle: self.vehicle,
                late: self.late,
            };
        if part != Part::Orders && !filter.is_empty() {
            return Err("`status`, `vehicle` and `late` need `part=orders`".to_owned());
        }
        let after = match self.after {
            None => After::Nothing,
            Some(after) if part.is_numbered() => After::Number(
                after.parse().map_err(|_| format!("`after` is the number of the last item, not `{after}`"))?,
            ),
            Some(after) => After::Name(Name::new(&after).ok_or_else(|| format!("`{after}` is no id"))?),
        };
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=PAGE_MAX => Ok(Some(Page { part, after, limit, filter })),
            limit => Err(format!("`limit` is between 1 and {PAGE_MAX}, not {limit}")),
        }
    }
}

pub(super) async fn state(State(app): State<Arc<App>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let known = document::known(&headers);
    let answer = match asked.page() {
        Ok(None) => ask(&app, |reply| Question::State(known, reply)).await,
        Ok(Some(page)) => ask(&app, |reply| Question::Page(page, known, reply)).await,
        Err(detail) => return problem(StatusCode::BAD_REQUEST, "no such page", &detail),
    };
    match answer {
        Ok(Answer::Same(tag)) => document::not_modified(&tag),
        Ok(Answer::Document(document)) => document.answer(&headers).await,
        Err(response) => response,
    }
}

/// The first frame of a screen, for browsers: packed and shared by all of them. The feed goes on behind it.
pub(super) async fn picture(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match ask(&app, Question::Picture).await {
        Ok(picture) => picture.document.answer(&headers).await,
        Err(response) => response,
    }
}

async fn send(answer: Result<String, Response>, headers: &HeaderMap) -> Response {
    match answer {
        Ok(body) => Document::new(body).answer(headers).await,
        Err(response) => response,
    }
}

pub(super) async fn features(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    send(ask(&app, Question::Features).await, &headers).await
}

pub(super) async fn streets(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    app.live.streets.answer(&headers).await
}

pub(super) async fn vehicle(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match ask(&app, |reply| Question::Vehicle(id.clone(), reply)).await {
        Ok(Some(body)) => as_json(body),
        Ok(None) => problem(StatusCode::NOT_FOUND, "no such vehicle", &format!("no event has named vehicle {id}")),
        Err(response) => response,
    }
}

pub(super) async fn order(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match ask(&app, |reply| Question::Order(id.clone(), reply)).await {
        Ok(Some(body)) => as_json(body),
        Ok(None) => retired_order(&app, &id).await,
        Err(response) => response,
    }
}

#[derive(JsonSchema, Deserialize)]
pub(super) struct Since {
    /// Only those with a higher number.
    #[serde(default)]
    after: u64,
    /// Of this order only.
    order: Option<String>,
}

pub(super) async fn decisions(State(app): State<Arc<App>>, Query(since): Query<Since>, headers: HeaderMap) -> Response {
    send(ask(&app, |reply| Question::Decisions(since.after, since.order, reply)).await, &headers).await
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
    let place = archive::Where {
        words: &app.live.words,
        network: &app.live.network,
        zone: app.live.opened.borrow().clone(),
        applied: app.live.applied(),
    };
    match archive::order(&place, &name).await {
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

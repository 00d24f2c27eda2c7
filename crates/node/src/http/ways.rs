//! Streets for a screen: those of a square of the map, the one that is nearest to a place, and those that a closure would be about.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use fleetfold_model::{Event, Position, Space};
use fleetfold_wire::{What, decode, other_coordinates};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{App, as_json, problem};
use crate::document::Document;
use crate::tiles::{NamedStreet, StreetName, Tiles, ZOOMS};
use crate::view::{LonLat, lon_lat, text};

/// A browser keeps a square so long, in seconds. The streets of a program never change; those of the next one at this address may.
const KEPT: &str = "private, max-age=600";
/// Most lines of streets that are drawn for a closure that is thought of.
const LINES_MAX: usize = 2_000;
/// Most names of streets that are told of it.
const NAMES_MAX: usize = 50;

/// The squares, made by the first who asks.
async fn tiles(app: &Arc<App>) -> Arc<Tiles> {
    let network = Arc::clone(&app.live.network);
    let make = || async move {
        let made = tokio::task::spawn_blocking(move || Tiles::of(&network)).await;
        Arc::new(made.unwrap_or_default())
    };
    Arc::clone(app.tiles.get_or_init(make).await)
}

/// What is answered where there is no such square of the map.
fn no_square((zoom, x, y): (u8, u32, u32)) -> Option<Response> {
    let is_there = ZOOMS.contains(&zoom) && x >> zoom == 0 && y >> zoom == 0;
    let detail = format!("zoom is {} to {}, x and y are squares of it", ZOOMS.start(), ZOOMS.end());
    (!is_there).then(|| problem(StatusCode::BAD_REQUEST, "no such square", &detail))
}

/// An answer that a browser keeps.
async fn kept(body: String, headers: &HeaderMap) -> Response {
    let mut response = Document::new(body).answer(headers).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(KEPT));
    response
}

pub(super) async fn square(
    State(app): State<Arc<App>>,
    Path((zoom, x, y)): Path<(u8, u32, u32)>,
    headers: HeaderMap,
) -> Response {
    if let Some(wrong) = no_square((zoom, x, y)) {
        return wrong;
    }
    let tiles = tiles(&app).await;
    let body = if tiles.is_empty() { "[[],[],[]]".to_owned() } else { tiles.square(zoom, x, y) };
    kept(body, &headers).await
}

/// Names of streets in a square.
#[derive(JsonSchema, Serialize)]
pub(super) struct StreetNames {
    streets: Vec<StreetName>,
}

/// The names of the streets of a square, and where to write them.
pub(super) async fn names(
    State(app): State<Arc<App>>,
    Path((zoom, x, y)): Path<(u8, u32, u32)>,
    headers: HeaderMap,
) -> Response {
    if let Some(wrong) = no_square((zoom, x, y)) {
        return wrong;
    }
    let streets = tiles(&app).await.names(zoom, x, y);
    kept(text(&StreetNames { streets }), &headers).await
}

#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// Degrees east.
    lon: f64,
    /// Degrees north.
    lat: f64,
}

/// A street near a place.
#[derive(JsonSchema, Serialize)]
pub(super) struct Near {
    street: Option<String>,
    meters: Option<i64>,
    /// The id by which events name it.
    road: Option<i64>,
    /// Why no street serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    off_street: Option<String>,
}

/// The street that serves a place.
pub(super) async fn near(State(app): State<Arc<App>>, Query(place): Query<Place>) -> Response {
    let legal = place.lon.abs() <= 180.0 && place.lat.abs() <= 90.0;
    if !legal || app.live.network.space() != Space::Geographic {
        let detail = "`lon` and `lat` are degrees, in a zone that reads degrees";
        return problem(StatusCode::BAD_REQUEST, "no such place", detail);
    }
    let at = Position { x: (place.lon * 1e7).round() as i32, y: (place.lat * 1e7).round() as i32 };
    let found = app.live.network.street_at(at);
    let off = if found.is_none() { app.live.network.off_street(at) } else { None };
    as_json(text(&Near {
        meters: found.as_ref().map(|beside| beside.metres.round() as i64),
        road: found.as_ref().map(|beside| beside.road as i64),
        street: found.map(|beside| beside.name).filter(|name| !name.is_empty()),
        off_street: off.map(|why| format!("this place {why}")),
    }))
}

#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// A part of the name.
    q: String,
}

/// Streets that were found.
#[derive(JsonSchema, Serialize)]
pub(super) struct NamedStreets<'a> {
    streets: Vec<&'a NamedStreet>,
}

/// Streets by a part of their names.
pub(super) async fn named(State(app): State<Arc<App>>, Query(wanted): Query<Named>) -> Response {
    if wanted.q.trim().is_empty() {
        return problem(StatusCode::BAD_REQUEST, "nothing to look for", "`q` is a part of a street's name");
    }
    let tiles = tiles(&app).await;
    as_json(text(&NamedStreets { streets: tiles.named(&wanted.q, NAMES_MAX) }))
}

/// Streets that a change of the roads would be about.
#[derive(JsonSchema, Serialize)]
pub(super) struct Matched {
    streets: usize,
    names: Vec<String>,
    lines: Vec<Vec<LonLat>>,
}

/// Which streets the `data` of a `road.closed` means. Nothing is closed.
pub(super) async fn matched(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let wrong = |detail: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, "not a legal change of the roads", detail);
    let Ok(Value::Object(mut data)) = serde_json::from_slice::<Value>(&body) else {
        return wrong("send the `data` of a `fleet.road.closed.v1`: {\"roads\":[…]}, {\"area\":[…]} or {\"line\":[…]}");
    };
    data.entry("change_id").or_insert_with(|| json!("asked"));
    let event = json!({ "specversion": "1.0", "id": "asked", "source": "/asked", "type": "fleet.road.closed.v1",
        "time": "2026-01-01T00:00:00Z", "data": data });
    let decoded = match decode(event.to_string().as_bytes()) {
        Ok(decoded) => decoded,
        Err(error) => return wrong(&error.to_string()),
    };
    let space = app.live.opened.borrow().space;
    if let Some(warning) = other_coordinates(decoded.kind, &decoded.envelope, space) {
        return wrong(&warning.to_string());
    }
    let What::Event(Event::RoadClosed(change)) = decoded.what else { return wrong("it closes no road") };
    let Some(target) = change.target else { return wrong("say which: `roads`, `edges`, `area` or `line`") };
    let lines = app.live.network.lines_of(&target);
    let shown = lines.iter().take(LINES_MAX);
    as_json(text(&Matched {
        streets: lines.len(),
        names: app.live.network.names_of(&target).into_iter().take(NAMES_MAX).collect(),
        lines: shown.map(|line| line.iter().map(|&at| lon_lat(space, at)).collect()).collect(),
    }))
}

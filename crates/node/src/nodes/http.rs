//! HTTP of a node that runs several zones: who owns what, and every route of a zone below `/v1/zones/{tenant}/{zone}/`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::handler::Handler;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, any_service, get};
use fleetfold_journal::ZoneName;

use super::Node;
use super::documents::overview;
use crate::http::{may_ask, problem};
use crate::view::text;

/// Routes of a zone that do not begin with `/v1/`: below the zone's address they stand as they are.
const BARE: [&str; 8] = ["", "livez", "readyz", "version", "metrics", "ws", "map.js", "feed.js"];

#[derive(Clone)]
struct App {
    node: Arc<Node>,
    token: Option<String>,
    host: String,
}

/// The routes of a node.
pub(crate) fn router(node: Arc<Node>, token: Option<String>, host: String) -> Router {
    let app = App { node, token, host };
    Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/version", get(|| async { env!("CARGO_PKG_VERSION") }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/zones", get(zones))
        .route("/v1/zones/{tenant}/{zone}", any(zone_root))
        .route("/v1/zones/{tenant}/{zone}/", any(zone_root))
        .route("/v1/zones/{tenant}/{zone}/{*rest}", any(zone))
        .fallback(|| async {
            let detail =
                "this node runs several zones: /v1/zones lists them, /v1/zones/TENANT/ZONE/state is the state of one";
            problem(StatusCode::NOT_FOUND, "not found", detail)
        })
        .with_state(app)
}

async fn ready(State(app): State<App>) -> Response {
    let trouble: Vec<String> = app
        .node
        .zones()
        .iter()
        .filter_map(|live| live.readiness().err().map(|why| format!("{}: {why}", live.zone)))
        .collect();
    let broker = app.node.log.health();
    match (broker, trouble.is_empty()) {
        (Err(why), _) => problem(StatusCode::SERVICE_UNAVAILABLE, "not ready", &why),
        (Ok(()), false) => problem(StatusCode::SERVICE_UNAVAILABLE, "not ready", &trouble.join("; ")),
        (Ok(()), true) => "ready\n".into_response(),
    }
}

/// How many zones this node owns and follows. The figures of a zone are at `/v1/zones/{tenant}/{zone}/metrics`.
async fn metrics(State(app): State<App>, request: Request) -> Response {
    if let Err(refused) = may_ask(&request, app.token.as_ref(), &app.host) {
        return refused;
    }
    let zones = app.node.zones();
    let owned = zones.iter().filter(|live| live.epoch().is_some()).count();
    let unanswered: u64 =
        zones.iter().filter(|live| live.epoch().is_some()).map(|live| live.metrics.standing().1).sum();
    let text = format!(
        "# HELP fleetfold_zones Zones that this node runs.\n# TYPE fleetfold_zones gauge\n\
         fleetfold_zones{{state=\"owner\"}} {owned}\nfleetfold_zones{{state=\"follower\"}} {}\n\
         # HELP fleetfold_unanswered Changes that wait for an accepted plan in zones of this node.\n\
         # TYPE fleetfold_unanswered gauge\nfleetfold_unanswered {unanswered}\n# EOF\n",
        zones.len() - owned
    );
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

async fn zones(State(app): State<App>, request: Request) -> Response {
    if let Err(refused) = may_ask(&request, app.token.as_ref(), &app.host) {
        return refused;
    }
    match overview(&app.node.buckets).await {
        Ok(overview) => ([(header::CONTENT_TYPE, "application/json")], text(&overview)).into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, "the broker does not answer", &error.to_string()),
    }
}

async fn zone_root(state: State<App>, Path((tenant, zone_name)): Path<(String, String)>, request: Request) -> Response {
    zone(state, Path((tenant, zone_name, String::new())), request).await
}

/// Hands a request on to the zone's own routes. Whoever asks a node that does not run the zone is sent to its owner.
async fn zone(
    State(app): State<App>,
    Path((tenant, zone_name, rest)): Path<(String, String, String)>,
    mut request: Request,
) -> Response {
    let unknown = |detail: &str| problem(StatusCode::NOT_FOUND, "no such zone here", detail);
    let Some(zone) = ZoneName::new(&tenant, &zone_name) else { return unknown("letters, digits, - and _ make a name") };
    let query = request.uri().query().map_or(String::new(), |query| format!("?{query}"));
    let Some(here) = app.node.zone(&zone) else {
        if let Err(refused) = may_ask(&request, app.token.as_ref(), &app.host) {
            return refused;
        }
        let Some(owner) = owner_address(&app.node, &zone).await else {
            return unknown("no node runs it: a zone is run once its first fact stands in the log");
        };
        let location = format!("{owner}/v1/zones/{tenant}/{zone_name}/{rest}{query}");
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response();
    };
    // The path as it came: a parameter is decoded already, and an id may have a slash in it.
    let prefix = format!("/v1/zones/{tenant}/{zone_name}");
    let rest = request.uri().path().strip_prefix(&prefix).unwrap_or("").trim_start_matches('/');
    let bare =
        BARE.contains(&rest) || ["v1/", "leaflet/"].iter().any(|begin| rest.starts_with(begin)) || rest == "style.css";
    let path = if bare { format!("/{rest}{query}") } else { format!("/v1/{rest}{query}") };
    let Ok(uri) = path.parse::<Uri>() else { return unknown("the address cannot be read") };
    *request.uri_mut() = uri;
    any_service(here.router).call(request, ()).await
}

/// Where the owner of a zone serves its HTTP.
async fn owner_address(node: &Node, zone: &ZoneName) -> Option<String> {
    let shown = overview(&node.buckets).await.ok()?;
    let owner = shown.zones.iter().find(|shown| shown.zone == zone.to_string())?.owner.clone()?;
    let found = shown.nodes.iter().find(|shown| shown.node == owner && owner != node.name.as_str())?;
    Some(found.http.clone())
}

//! HTTP of a node that runs several zones: who owns what, and every route of a zone below `/v1/zones/{tenant}/{zone}/`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any_service, get, post};
use axum::{Router, middleware};
use fleetfold_journal::ZoneName;
use fleetfold_roads::Network;

use super::Node;
use super::documents::{NodeTold, overview};
use crate::auth::{Auth, Role, audit, login, routes};
use crate::document;
use crate::http::{Guarded, as_problem, later, less, problem};
use crate::log::Stream;
use crate::solve::streets::Known;
use crate::times;
use crate::view::text;

/// Routes of a zone that do not begin with `/v1/`: below the zone's address they stand as they are.
const BARE: [&str; 16] = [
    "login",
    "logout",
    "login.js",
    "session.js",
    "",
    "livez",
    "readyz",
    "version",
    "metrics",
    "solve",
    "ws",
    "feed.js",
    "docs",
    "docs.js",
    "openapi.json",
    "freshness.js",
];

#[derive(Clone)]
struct App {
    node: Arc<Node>,
    auth: Arc<Auth>,
    streets: Option<Arc<Known>>,
}

/// The routes of a node.
pub(crate) fn router(node: Arc<Node>, auth: Arc<Auth>, network: &Arc<Network>) -> Router {
    let app = App { node, auth, streets: Known::of_engine(network) };
    Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/version", get(|| async { env!("CARGO_PKG_VERSION") }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/zones", get(zones))
        .route("/solve", post(solve))
        .route("/login", post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/v1/me", get(login::me))
        .route_layer(middleware::from_fn_with_state(app.clone(), guard))
        .fallback(zone)
        .with_state(app)
}

/// Lets through who may ask.
async fn guard(State(app): State<App>, mut request: Request, next: middleware::Next) -> Response {
    let asked = Guarded::of(&request, Role::Admin);
    match asked.admit(&app.auth, &mut request) {
        Ok(()) => document::packed(as_problem(times::answered(request, next).await).await, asked.takes_gzip).await,
        Err(refused) => refused,
    }
}

async fn ready(State(app): State<App>) -> Response {
    let trouble: Vec<String> = app
        .node
        .zones()
        .iter()
        .filter_map(|live| live.readiness().err().map(|why| format!("{}: {why}", live.zone)))
        .collect();
    let broker = app.node.log.health(None);
    match (broker, trouble.is_empty()) {
        (Err(why), _) => problem(StatusCode::SERVICE_UNAVAILABLE, "not ready", &why),
        (Ok(()), false) => problem(StatusCode::SERVICE_UNAVAILABLE, "not ready", &trouble.join("; ")),
        (Ok(()), true) => {
            let less = |live: &crate::live::Live| less(&live.admission).map(|what| format!("; {} {what}", live.zone));
            let less: String = app.node.zones().iter().filter_map(less).collect();
            format!("ready{less}\n").into_response()
        }
    }
}

/// How many zones this node owns and follows. The figures of a zone are at `/v1/zones/{tenant}/{zone}/metrics`.
async fn metrics(State(app): State<App>) -> Response {
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

async fn zones(State(app): State<App>) -> Response {
    match overview(&app.node.buckets).await {
        Ok(overview) => ([(header::CONTENT_TYPE, "application/json")], text(&overview)).into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, "the broker does not answer", &error.to_string()),
    }
}

/// A problem of its own, which has nothing to do with any zone.
async fn solve(State(app): State<App>, request: Request) -> Response {
    crate::solve::service::answer(request, app.streets.clone()).await
}

/// Hands a request below a zone's address on to the zone's own routes. Whoever asks a node that does not run the zone is sent to
/// its owner. The address is taken apart here and not by the router, whose parameters would reach the zone's routes, too.
async fn zone(State(app): State<App>, mut request: Request) -> Response {
    let unknown = |detail: &str| problem(StatusCode::NOT_FOUND, "not found", detail);
    let asked = request.uri().path().strip_prefix("/v1/zones/").map(|path| {
        let mut parts = path.splitn(3, '/');
        [parts.next(), parts.next(), parts.next()].map(|part| part.unwrap_or("").to_owned())
    });
    let Some((zone, rest)) =
        asked.and_then(|[tenant, zone, rest]| ZoneName::new(&tenant, &zone).map(|zone| (zone, rest)))
    else {
        let detail =
            "this node runs several zones: /v1/zones lists them, /v1/zones/TENANT/ZONE/state is the state of one";
        return unknown(detail);
    };
    if request.method() == Method::PUT && rest.is_empty() {
        return match app.auth.allow(&request, routes::needs(&Method::PUT, "/v1/zones/{tenant}/{zone}")) {
            Err(refused) => refused,
            Ok(who) => {
                let answer = make(&app.node, &zone).await;
                audit::done(&who, &format!("asked for zone {zone}: {}", answer.status().as_u16()));
                answer
            }
        };
    }
    let query = request.uri().query().map_or(String::new(), |query| format!("?{query}"));
    let Some(here) = app.node.zone(&zone) else {
        if let Err(refused) = app.auth.allow(&request, Some(Role::Viewer)) {
            return refused;
        }
        let Some(owner) = owner_address(&app.node, &zone).await else {
            if app.node.log.zone_bounds(Stream::Fleet, &zone).await.is_ok_and(|bounds| bounds.is_some()) {
                let detail = "no node owns the zone at the moment: it is changing its owner, or no node that is present may run it (--zones)";
                return later(problem(StatusCode::SERVICE_UNAVAILABLE, "no owner", detail), 1);
            }
            let detail = "no node runs it: a zone is run once its first fact stands in the log, or, where each zone has a stream \
                          of its own, once that was made (PUT /v1/zones/TENANT/ZONE)";
            return unknown(detail);
        };
        let location = format!("{owner}/v1/zones/{zone}/{rest}{query}");
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response();
    };
    let bare = BARE.contains(&rest.as_str())
        || ["v1/", "leaflet/", "protomaps/", "console/"].iter().any(|begin| rest.starts_with(begin))
        || rest == "style.css";
    let path = if bare { format!("/{rest}{query}") } else { format!("/v1/{rest}{query}") };
    let Ok(uri) = path.parse::<Uri>() else { return unknown("the address cannot be read") };
    *request.uri_mut() = uri;
    any_service(here.router).call(request, ()).await
}

/// Makes the stream of a new zone, so that producers can write and nodes find it. Where all zones share a stream there is nothing to
/// make, and the zone begins with its first fact.
async fn make(node: &Node, zone: &ZoneName) -> Response {
    if !node.may_run(zone) {
        return problem(
            StatusCode::NOT_FOUND,
            "not found",
            "no zone of this name is run here: see --zones of the node",
        );
    }
    match node.log.make_zone(zone).await {
        Ok(made) => {
            let stream = node.log.stream_name(Stream::Fleet, zone);
            let body = serde_json::json!({ "zone": zone.to_string(), "stream": stream, "made": made });
            let status = if made { StatusCode::CREATED } else { StatusCode::OK };
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
        }
        Err(error) => problem(StatusCode::CONFLICT, "the stream was not made", &error.to_string()),
    }
}

/// Where the owner of a zone serves its HTTP, if it is another node.
async fn owner_address(node: &Node, zone: &ZoneName) -> Option<String> {
    let owner = node.buckets.owner(zone).await.ok()??;
    let told = node.buckets.node(&owner).await.ok()??;
    let told = serde_json::from_slice::<NodeTold>(&told).ok()?;
    (owner != node.name.as_str()).then_some(told.http)
}

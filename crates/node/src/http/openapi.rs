//! The OpenAPI 3.1 document: every route, with what is asked and answered, generated from the types that are read and sent.
//!
//! Promise: a test holds its routes against the table of roles, which another test holds against the routers. What is answered is held
//! against it by schemathesis (`scripts/test`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use fleetfold_wire::{EventType, Writer};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::problems::{CATALOGUE, EVENT_CODES};
use super::{App, Posting, Resume, basemap, forget, lookup, reasons, replay, state, ways};
use crate::auth::{login, routes};
use crate::document::Document;
use crate::forget::Forgotten;
use crate::nodes::documents::Overview;
use crate::reasons as told;
use crate::times::{self, Times};
use crate::view;

/// Where the routes of the registry of schemas begin.
const REGISTRY: [&str; 4] = ["/subjects", "/schemas", "/config", "/compatibility"];
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// Errors that any route may answer with.
const ANYWHERE: &[&str] = &["bad_request", "foreign_origin", "not_our_name"];
/// Errors of a route that asks who somebody is.
const ASKS_WHO: &[&str] = &["token", "role", "too_many_requests"];
/// Errors of a route that takes a body.
const TAKES_BODY: &[&str] =
    &["not_our_page", "payload_too_large", "body_too_slow", "too_much_at_once", "media_type", "unreadable"];
/// Errors of a question that the engine answers.
const ENGINE: &[&str] = &["stopping"];

/// `GET /openapi.json`.
pub(super) async fn served(State(_): State<Arc<App>>, times: Option<Extension<Times>>, headers: HeaderMap) -> Response {
    static TEXTS: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
    let Extension(times) = times.unwrap_or_default();
    let text = TEXTS[times as usize].get_or_init(|| document(times).to_string());
    Document::new(text.as_str()).answer(&headers).await
}

/// Routes whose answers have no form of this program's own: a problem of VROOM's form has the times of whoever sent it. The frames of the live
/// feed are made once for all screens.
const WITHOUT_TIMES: [&str; 2] = ["/solve", "/ws"];

/// What is wrong with the query of a request, in words: a parameter that this route does not know, with those that it knows, or a form of
/// times that there is not. `None`: nothing is, or it is no route of this document. Clients of the registry of schemas send parameters that
/// others understand: they are passed over there.
pub(crate) fn wrong_parameter(method: &Method, path: &str, asked: &Uri) -> Option<String> {
    static KNOWN: OnceLock<BTreeMap<(String, String), BTreeSet<String>>> = OnceLock::new();
    if asked.query().is_none_or(str::is_empty) || REGISTRY.iter().any(|route| path.starts_with(route)) {
        return None;
    }
    let known = KNOWN.get_or_init(|| {
        let document = document(Times::Unix);
        let routes = document["paths"].as_object().into_iter().flatten();
        let operations = routes.flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            // The page opens at whatever address somebody has been sent.
            let methods = methods.filter(|(_, it)| path.starts_with("/v1/") || it["tags"][0] != "page");
            methods.map(move |(method, operation)| {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let names = parameters.filter(|parameter| parameter["in"] == "query");
                let names = names.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
                // Also where no time is told: whoever asks for texts asks so everywhere.
                let times = (!WITHOUT_TIMES.contains(&path.as_str())).then(|| times::PARAMETER.to_owned());
                ((method.clone(), path.clone()), names.chain(times).collect())
            })
        });
        operations.collect()
    });
    // A question without its body is the same question.
    let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    let known = known.get(&(method, path.to_owned()))?;
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(asked) else { return None };
    let Some((unknown, _)) = pairs.iter().find(|(name, _)| !known.contains(name)) else {
        return Times::asked(&pairs).err();
    };
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    Some(match names.as_slice() {
        [] => format!("`{unknown}` is no parameter of this route: it has none"),
        names => format!("`{unknown}` is no parameter of this route: it has `{}`", names.join("`, `")),
    })
}

/// The document being written.
struct Writing {
    /// Of what is sent.
    sent: SchemaGenerator,
    /// Of what is read.
    read: SchemaGenerator,
    paths: Map<String, Value>,
    tag: &'static str,
}

/// One route of it.
struct Route {
    method: &'static str,
    path: &'static str,
    operation: Value,
    codes: Vec<&'static str>,
}

impl Route {
    fn answers(&mut self, status: u16, description: &str, kind: &str, schema: Value) {
        let schema = Map::from_iter([("schema".to_owned(), schema)]);
        let content = Map::from_iter([(kind.to_owned(), Value::Object(schema))]);
        self.operation["responses"][status.to_string()] = json!({ "description": description, "content": content });
    }

    /// What is answered is text.
    fn text(mut self, kind: &str) -> Self {
        self.answers(200, "as it stands here", kind, json!({ "type": "string" }));
        self
    }

    /// It may also be answered with these errors.
    fn or(mut self, codes: &[&'static str]) -> Self {
        self.codes.extend(codes);
        self
    }

    fn takes(mut self, kinds: &[&str], schema: &Value) -> Self {
        let content: Map<String, Value> =
            kinds.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": schema }))).collect();
        self.operation["requestBody"] = json!({ "required": true, "content": content });
        self
    }

    fn parameter(&mut self, parameter: Value) {
        self.operation["parameters"].as_array_mut().expect("made as a list").push(parameter);
    }
}

/// A schema in which every reference into the schema itself (`$defs`) is one into the document.
pub(crate) fn hoisted(mut schema: Value, components: &mut Map<String, Value>) -> Value {
    fn refer(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get_mut("$ref") {
                    *to = to.replace("#/$defs/", "#/components/schemas/");
                }
                fields.values_mut().for_each(refer);
            }
            Value::Array(items) => items.iter_mut().for_each(refer),
            _ => {}
        }
    }
    refer(&mut schema);
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$schema");
        if let Some(Value::Object(inner)) = fields.remove("$defs") {
            components.extend(inner);
        }
    }
    schema
}

impl Writing {
    fn new() -> Self {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings
        };
        Self {
            sent: settings().for_serialize().into_generator(),
            read: settings().for_deserialize().into_generator(),
            paths: Map::new(),
            tag: "",
        }
    }

    /// What this type is sent as.
    fn of<T: JsonSchema>(&mut self) -> Value {
        self.sent.subschema_for::<T>().to_value()
    }

    fn route(&self, method: &'static str, path: &'static str, summary: &str) -> Route {
        let role = routes::needs(&method.parse().expect("a method"), path);
        let mut operation = json!({ "summary": summary, "tags": [self.tag], "parameters": [], "responses": {},
            "operationId": operation_id(method, path) });
        let mut codes = ANYWHERE.to_vec();
        if let Some(role) = role {
            codes.extend(ASKS_WHO);
            operation["description"] = json!(format!("Needs the role {}.", role.name()));
            operation["security"] = json!([{ "token": [] }, { "session": [] }]);
        } else {
            operation["security"] = json!([]);
        }
        if method != "GET" {
            codes.extend(TAKES_BODY);
        }
        let mut route = Route { method, path, operation, codes };
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let schema = match name {
                "seq" | "n" => json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }),
                "zoom" => json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
                "x" | "y" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
                _ => json!({ "type": "string", "minLength": 1 }),
            };
            route.parameter(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
        route
    }

    fn get(&self, path: &'static str, summary: &str) -> Route {
        self.route("GET", path, summary)
    }

    fn post(&self, path: &'static str, summary: &str) -> Route {
        self.route("POST", path, summary)
    }

    /// What is asked for stands in the query, as this type reads it.
    fn asks<T: JsonSchema>(&mut self, mut route: Route) -> Route {
        let schema = T::json_schema(&mut self.read).to_value();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let mut schema = schema.clone();
            // A query has no null.
            if let Some(kinds) = schema["type"].as_array() {
                schema["type"] = kinds[0].clone();
            }
            let description = schema.as_object_mut().and_then(|fields| fields.remove("description"));
            route.parameter(json!({ "name": name, "in": "query", "required": required.contains(&json!(name)),
                "description": description.unwrap_or_default(), "schema": schema }));
        }
        route
    }

    /// What is answered with 200.
    fn answers<T: JsonSchema>(&mut self, mut route: Route, description: &str) -> Route {
        let schema = self.of::<T>();
        route.answers(200, description, JSON, schema);
        route
    }

    /// The route is written.
    fn write(&mut self, mut route: Route) {
        let mut by_status: std::collections::BTreeMap<u16, Vec<String>> = std::collections::BTreeMap::new();
        for code in &route.codes {
            let known = CATALOGUE.iter().find(|known| known.code == *code).expect("every code is in the catalogue");
            for status in known.status {
                by_status.entry(*status).or_default().push(format!("`{code}`: {}", known.means));
            }
        }
        for (status, mut means) in by_status {
            means.dedup();
            if route.operation["responses"].get(status.to_string()).is_none() {
                route.answers(status, &means.join(" "), PROBLEM, json!({ "$ref": "#/components/schemas/Problem" }));
            }
        }
        route.operation["responses"]["default"] = json!({ "description": "another error",
            "content": { PROBLEM: { "schema": { "$ref": "#/components/schemas/Problem" } } } });
        let method = route.method.to_lowercase();
        let at = self.paths.entry(route.path).or_insert_with(|| json!({}));
        at[method] = route.operation;
    }
}

/// `GET /v1/orders/{id}` is `getV1OrdersId`.
fn operation_id(method: &str, path: &str) -> String {
    let mut id = method.to_lowercase();
    for word in path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        id.push_str(&word[..1].to_uppercase());
        id.push_str(&word[1..]);
    }
    id
}

/// The parameter that says how times are written, in a document of answers whose times are written so. The other form has a document of its
/// own: what a field is must not depend on a parameter.
fn times_parameter(times: Times) -> Value {
    let (means, other) = match times {
        Times::Unix => (
            "`unix`, also without it: each integer of the format `unix-millis` is milliseconds of Unix time",
            Times::Rfc3339,
        ),
        Times::Rfc3339 => ("`rfc3339`: each time is a text in UTC (RFC 3339)", Times::Unix),
    };
    let (name, parameter, other) = (times.name(), times::PARAMETER, other.name());
    json!({ "name": parameter, "in": "query", "required": times == Times::Rfc3339, "schema": { "enum": [name] },
        "description": format!("How times are written. {means}. Answers to `{parameter}={other}` are described at `/openapi.json?{parameter}={other}`.") })
}

/// Each route whose answers have times takes the parameter that says how they are written.
fn take_times(document: &mut Value, times: Times) {
    let paths = document["paths"].as_object().into_iter().flatten();
    let told = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        let told = methods.filter(|(_, operation)| times::answers_of(operation, document).is_some());
        told.map(move |(method, _)| [path.clone(), method.clone()])
    });
    for [path, method] in told.collect::<Vec<_>>() {
        let parameters = document["paths"][path][method]["parameters"].as_array_mut();
        parameters.expect("every route has a list of them").push(times_parameter(times));
    }
    times::described(document, times);
}

/// The whole document, of answers whose times are written so.
pub(crate) fn document(times: Times) -> Value {
    let mut doc = Writing::new();
    health(&mut doc);
    fleet(&mut doc);
    why(&mut doc);
    streets(&mut doc);
    events(&mut doc);
    registry(&mut doc);
    page(&mut doc);
    let mut components = Map::new();
    for kind in EventType::ALL.iter().filter(|kind| kind.writer() == Writer::Producer) {
        let data = hoisted(kind.schema(), &mut components);
        components.insert(
            event_name(*kind),
            json!({ "type": "object", "description": kind.description(), "required": ["specversion", "id", "source", "type", "time", "data"],
                "properties": { "specversion": { "const": "1.0" }, "id": { "type": "string", "minLength": 1, "maxLength": 64 },
                    "source": { "type": "string", "minLength": 1, "maxLength": 128, "format": "uri-reference" }, "type": { "const": kind.name() },
                    "subject": { "type": "string" }, "time": { "type": "string", "format": "date-time" }, "data": data } }),
        );
    }
    let mut problem = doc.of::<view::Problem<'_>>();
    for generator in [&mut doc.sent, &mut doc.read] {
        for (name, schema) in generator.take_definitions(true) {
            let before = components.insert(name.clone(), schema.clone());
            assert!(before.is_none_or(|before| before == schema), "two types of the document are called {name}");
        }
    }
    if let Some(of) = components.get_mut("Problem") {
        problem = of.clone();
    }
    let codes: std::collections::BTreeSet<&str> =
        CATALOGUE.iter().map(|known| known.code).chain(EVENT_CODES.iter().map(|&(code, ..)| code)).collect();
    problem["properties"]["code"]["enum"] = json!(codes);
    components.insert("Problem".to_owned(), problem);
    let instants = match times {
        Times::Unix => {
            "Instants are milliseconds of Unix time (format `unix-millis`); `times=rfc3339` asks for texts, see `/openapi.json?times=rfc3339`. They are"
        }
        Times::Rfc3339 => "Instants are texts (RFC 3339, UTC), since `times=rfc3339` is asked for. They are",
    };
    let mut document = json!({
        "openapi": "3.1.0",
        "info": { "title": "Fleetfold", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
            "description": format!("One zone of a fleet. {instants} in zone time where nothing else is said. Places are longitude and latitude. With several zones each has these routes below `/v1/zones/TENANT/ZONE/`. Errors are problem documents (RFC 9457) with a stable `code`.") },
        "servers": [{ "url": "." }],
        "tags": [
            { "name": "health", "description": "Whether it runs, and how." }, { "name": "fleet", "description": "What is." },
            { "name": "reasons", "description": "Why it is so, and what would be." }, { "name": "streets", "description": "The map." },
            { "name": "events", "description": "What happens." }, { "name": "page", "description": "The page, and who one is." } ],
        "paths": doc.paths,
        "components": { "schemas": components, "securitySchemes": {
            "token": { "type": "http", "scheme": "bearer", "description": "A token of the token file." },
            "session": { "type": "apiKey", "in": "cookie", "name": "fleetfold_PORT", "description": "The session of the page; `__Host-fleetfold_PORT` over HTTPS." } } },
    });
    take_times(&mut document, times);
    document
}

fn event_name(kind: EventType) -> String {
    let words = kind.name().trim_start_matches("fleet.").trim_end_matches(".v1").split(['.', '_']);
    words.map(|word| word[..1].to_uppercase() + &word[1..]).chain(["Event".to_owned()]).collect()
}

fn health(doc: &mut Writing) {
    doc.tag = "health";
    doc.write(doc.get("/livez", "Whether the program runs").text("text/plain"));
    doc.write(
        doc.get("/readyz", "Whether an event is answered now, and why not").text("text/plain").or(&["not_ready"]),
    );
    doc.write(doc.get("/version", "The version of the program").text("text/plain"));
    doc.write(doc.get("/metrics", "Figures in the OpenMetrics text format").text("application/openmetrics-text"));
    let route = doc.get("/v1/zones", "Zones and the nodes that run them").or(&["broker"]);
    let route = doc.answers::<Overview>(route, "zones and nodes");
    doc.write(route);
    let mut route = doc
        .route("PUT", "/v1/zones/{tenant}/{zone}", "Make the stream of a new zone (on a node that runs several zones)")
        .or(&["not_found", "stream_not_made"]);
    let made = json!({ "type": "object", "required": ["zone", "stream", "made"], "properties": { "zone": { "type": "string" }, "stream": { "type": "string" }, "made": { "type": "boolean" } } });
    route.answers(200, "it was there", JSON, made.clone());
    route.answers(201, "it was made", JSON, made);
    doc.write(route);
    let route = doc.get("/openapi.json", "This document");
    let mut route = route;
    route.answers(200, "OpenAPI 3.1", JSON, json!({ "type": "object" }));
    doc.write(route);
}

fn fleet(doc: &mut Writing) {
    doc.tag = "fleet";
    let route = doc
        .get("/v1/state", "All of the state, or with `part` a page of one part of it")
        .or(ENGINE)
        .or(&["no_such_page"]);
    let mut route = doc.asks::<state::Asked>(route);
    let (state, page) = (doc.of::<view::State<'_>>(), doc.of::<view::PageOf<'_>>());
    route.answers(200, "the state, or a page of it", JSON, json!({ "anyOf": [state, page] }));
    route.operation["responses"]["304"] = json!({ "description": "it is as `If-None-Match` says" });
    doc.write(route);
    let route = doc.get("/v1/picture", "The first message of the live feed: the whole picture").or(ENGINE);
    let route = doc.answers::<view::Snapshot<'_>>(route, "the picture");
    doc.write(route);
    let route =
        doc.get("/v1/vehicles/{id}", "A vehicle, its route, its day and its story").or(ENGINE).or(&["no_such_vehicle"]);
    let route = doc.answers::<view::VehicleStory<'_>>(route, "the vehicle");
    doc.write(route);
    let mut route = doc
        .get("/v1/orders/{id}", "An order, its stops and its story; of one that is long over its story from the log")
        .or(ENGINE)
        .or(&["no_such_order", "log_is_read", "log_not_read"]);
    let (held, retired) = (doc.of::<view::OrderStory<'_>>(), doc.of::<view::RetiredOrder<'_>>());
    route.answers(200, "the order", JSON, json!({ "anyOf": [held, retired] }));
    doc.write(route);
    let route = doc.get("/v1/decisions", "The last decisions and refused facts").or(ENGINE);
    let route = doc.asks::<state::Since>(route);
    let route = doc.answers::<view::Decisions<'_>>(route, "decisions and refusals, oldest first");
    doc.write(route);
    let route = doc
        .get("/v1/search", "Orders and vehicles by a part of an id, a reference, an address, a street or a skill")
        .or(ENGINE)
        .or(&["nothing_to_look_for"]);
    let route = doc.asks::<lookup::Wanted>(route);
    let route = doc.answers::<view::FoundList>(route, "what was found, the best first");
    doc.write(route);
    let route = doc.get("/v1/features", "What was learned about travel and service times").or(ENGINE);
    let route = doc.answers::<view::Learned>(route, "what was learned");
    doc.write(route);
    let route =
        doc.get("/v1/entries/{seq}", "An entry of the log as it stands there").or(&["no_such_entry", "log_not_read"]);
    let route = doc.answers::<lookup::Entry<'_>>(route, "the entry");
    doc.write(route);
    let route = doc.get("/v1/replay", "A stretch of the past, as the page would have shown it").or(&[
        "no_such_stretch",
        "others_are_asking",
        "log_not_read",
    ]);
    let route = doc.asks::<replay::Stretch>(route);
    let route = doc.answers::<replay::Replayed<'_>>(route, "the first frame is all of it, the others are what changed");
    doc.write(route);
    let route = doc.get("/v1/warnings", "Events that were taken although they look like a mistake");
    let route = doc.answers::<view::WarningList>(route, "the last of them");
    doc.write(route);
    let route = doc.get("/v1/sources", "Who sends events: how late, how often, with which clock");
    let route = doc.asks::<crate::sources::Bounds>(route);
    let route = doc.answers::<crate::sources::Document>(route, "every source");
    doc.write(route);
    let mut route = doc
        .get("/ws", "The live feed, a websocket: a picture, then what changes")
        .or(&["too_many_screens", "upgrade_required"]);
    route = doc.asks::<Resume>(route);
    route.operation["responses"]["101"] = json!({ "description": "the feed begins" });
    doc.write(route);
}

fn why(doc: &mut Writing) {
    doc.tag = "reasons";
    let busy: &[&str] = &["no_such_question", "cannot_be_explained", "others_are_asking"];
    let route = doc.get("/v1/explain/order/{id}", "Why an order is where it is").or(busy);
    let route = doc.asks::<reasons::How>(route);
    let route = doc.answers::<told::ExplainedOrder>(route, "from the log");
    doc.write(route);
    let route = doc.get("/v1/explain/vehicle/{id}", "Why a vehicle has the route that it has").or(busy);
    let route = doc.asks::<reasons::How>(route);
    let route = doc.answers::<told::ExplainedVehicle>(route, "from the log");
    doc.write(route);
    let route = doc.get("/v1/explain/decision/{n}", "Why a plan is as it is").or(busy);
    let route = doc.asks::<reasons::How>(route);
    let route = doc.answers::<told::PlanReason>(route, "from the log");
    doc.write(route);
    let route = doc.get("/v1/offers/{order}", "Who could take an order").or(ENGINE).or(&[
        "no_such_question",
        "no_such_order",
        "others_are_asking",
        "not_answered",
    ]);
    let route = doc.asks::<reasons::Asks>(route);
    let route = doc.answers::<told::Ranked>(route, "the cheapest first");
    doc.write(route);
    let route = doc
        .post("/v1/what-if", "What would happen if these changes came now; nothing of it enters the log")
        .or(ENGINE)
        .or(&["no_change", "illegal_change", "others_are_asking", "not_answered"]);
    let changes = json!({ "type": "object", "required": ["changes"], "additionalProperties": false, "properties": {
        "changes": { "type": "array", "minItems": 1, "items": { "anyOf": [ { "type": "string", "examples": ["vehicle v7 lost", "order o1 priority 60"] }, { "type": "object", "description": "a CloudEvent" } ] } },
        "search": { "type": "boolean", "description": "Let searches run, too." } } });
    let route = doc.answers::<told::WhatIf>(route.takes(&[JSON], &changes), "what would change");
    doc.write(route);
    let route = doc
        .post("/v1/quotes", "What an order would cost in each of several slots, and keep one of them")
        .or(ENGINE)
        .or(&["illegal_question", "slot_gone", "overloaded", "not_stored", "others_are_asking", "not_answered"]);
    let asked = doc.read.subschema_for::<told::QuoteAsked>().to_value();
    let route = doc.answers::<told::Quotes>(route.takes(&[JSON], &asked), "the quotes");
    doc.write(route);
    let mut route = doc.post("/solve", "A routing problem of its own in VROOM's JSON; errors are in VROOM's form");
    route = route.takes(&[JSON], &json!({ "type": "object", "description": "docs/SOLVING.md" }));
    route.parameter(json!({ "name": "strict", "in": "query", "required": false, "schema": { "type": "boolean" },
        "description": "unknown keys, and routes to start from that have to be repaired, are refused" }));
    let vroom = json!({ "type": "object", "required": ["code"], "properties": { "code": { "type": "integer" }, "error": { "type": "string" } } });
    for (status, what) in [
        (200, "a solution"),
        (400, "the problem is not legal"),
        (408, "the body did not come in time"),
        (413, "it is too large"),
        (429, "too many are being solved"),
        (500, "a fault of the program, or of a routing server"),
        (503, "the program ends"),
    ] {
        route.answers(status, what, JSON, vroom.clone());
    }
    // What is wrong with the address itself is told as everywhere.
    route.operation["responses"]["400"]["content"][PROBLEM] = json!({ "schema": { "type": "object" } });
    doc.write(route);
}

fn streets(doc: &mut Writing) {
    doc.tag = "streets";
    let mut route = doc.get("/v1/streets", "All streets");
    let row = json!({ "type": "array", "minItems": 7, "maxItems": 7, "items": { "type": ["number", "string"] } });
    route.answers(
        200,
        "a row for each: longitude and latitude of its two ends, class, name, road",
        JSON,
        json!({ "type": "array", "items": row }),
    );
    doc.write(route);
    let mut route = doc.get("/v1/streets/{zoom}/{x}/{y}", "The streets of a square of the map").or(&["no_such_square"]);
    let numbers = json!({ "type": "array", "items": { "type": "integer" } });
    route.answers(200, "for each class of road a list of numbers, four for each piece, in 4,096ths of the square's side from its upper left corner", JSON, json!({ "type": "array", "minItems": 3, "maxItems": 3, "items": numbers }));
    doc.write(route);
    let route = doc
        .get("/v1/streets/{zoom}/{x}/{y}/names", "The names of the streets of a square of the map")
        .or(&["no_such_square"]);
    let route = doc.answers::<ways::StreetNames>(route, "for each name its longest part in the square that is nearly straight, the longest first; none further out than zoom 15");
    doc.write(route);
    let route = doc.get("/v1/basemap", "The map below the streets, if the operator has named one");
    let route = doc.answers::<basemap::BasemapShown<'_>>(route, "where its tiles are, and what they are");
    doc.write(route);
    let mut route = doc.get("/v1/basemap/{zoom}/{x}/{y}", "A tile of the map that is in a file").or(&[
        "no_map",
        "no_such_square",
        "map_not_read",
    ]);
    route = doc.asks::<basemap::TileOf>(route);
    for kind in ["image/png", "image/jpeg", "image/webp", "image/avif", "application/vnd.mapbox-vector-tile"] {
        route.operation["responses"]["200"]["content"][kind] = json!({});
    }
    route.operation["responses"]["200"]["description"] =
        json!("the tile: a picture, or vectors, packed (gzip) where the file has them so");
    route.operation["responses"]["204"] = json!({ "description": "the file has no tile of this square" });
    doc.write(route);
    let route = doc.get("/v1/streets/named", "Streets by a part of their names").or(&["nothing_to_look_for"]);
    let route = doc.asks::<ways::Named>(route);
    let route = doc.answers::<ways::NamedStreets<'_>>(route, "those that begin with it first");
    doc.write(route);
    let route = doc.get("/v1/streets/near", "The street that serves a place").or(&["no_such_place"]);
    let route = doc.asks::<ways::Place>(route);
    let route = doc.answers::<ways::Near>(route, "the street");
    doc.write(route);
    let route = doc
        .post("/v1/streets/matched", "Which streets a change of the roads would be about; nothing is closed")
        .or(&["illegal_roads"]);
    let mut unused = Map::new();
    let data = hoisted(EventType::RoadClosed.schema(), &mut unused);
    let mut data = data;
    data["required"] = json!([]);
    let route = doc.answers::<ways::Matched>(route.takes(&[JSON], &data), "the streets");
    doc.write(route);
}

fn events(doc: &mut Writing) {
    doc.tag = "events";
    let route = doc
        .post("/v1/forget", "Forget a person: his words in the log can be read by nobody any more")
        .or(&["nobody_named", "no_such_order", "no_such_vehicle", "work_goes_on", "log_not_read", "others_are_asking"])
        .or(&["not_stored", "perhaps_stored", "stopping"]);
    let asked = doc.read.subschema_for::<forget::ForgetAsked>().to_value();
    let route = doc.answers::<Forgotten>(route.takes(&[JSON], &asked), "what came of it");
    doc.write(route);
    let route = doc.post("/v1/events", "Events: one CloudEvent, one a line, or a list").or(&[
        "no_event",
        "not_a_batch",
        "bad_wait",
        "too_many_to_wait_for",
        "overloaded",
        "not_stored",
        "perhaps_stored",
    ]);
    let mut route = doc.asks::<Posting>(route);
    let kinds = EventType::ALL.iter().filter(|kind| kind.writer() == Writer::Producer);
    let kinds: Vec<Value> =
        kinds.map(|kind| json!({ "$ref": format!("#/components/schemas/{}", event_name(*kind)) })).collect();
    route = route.takes(&["application/cloudevents+json", JSON], &json!({ "oneOf": kinds }));
    route.operation["requestBody"]["content"]["application/cloudevents-batch+json"] =
        json!({ "schema": { "type": "array", "items": { "oneOf": kinds } } });
    route.operation["requestBody"]["content"]["application/x-ndjson"] =
        json!({ "schema": { "type": "string", "description": "One CloudEvent a line." } });
    let submitted = doc.of::<view::Submitted>();
    route.answers(202, "all were taken", JSON, submitted.clone());
    route.answers(207, "some were taken; `rejected` lists the others", JSON, submitted);
    let event_codes = |wanted: u16| {
        let means = EVENT_CODES.iter().filter(|(_, status, _)| *status == wanted);
        means.map(|(code, _, means)| format!("`{code}`: {means}")).collect::<Vec<_>>().join(" ")
    };
    for status in [409, 422] {
        route.answers(status, &event_codes(status), PROBLEM, json!({ "$ref": "#/components/schemas/Problem" }));
    }
    // A batch of which some came too late is listed, one alone is a problem document.
    let submitted = doc.of::<view::Submitted>();
    route.operation["responses"]["429"] = json!({ "description": "`overloaded`: send it again after `Retry-After` seconds",
        "content": { PROBLEM: { "schema": { "$ref": "#/components/schemas/Problem" } }, JSON: { "schema": submitted } } });
    doc.write(route);
}

/// The registry of schemas, as Confluent's clients ask one; its errors are of that form, too.
fn registry(doc: &mut Writing) {
    const KIND: &str = "application/vnd.schemaregistry.v1+json";
    doc.tag = "schemas";
    let error = json!({ "type": "object", "required": ["error_code", "message"],
        "properties": { "error_code": { "type": "integer" }, "message": { "type": "string" } } });
    let number = json!({ "type": "integer" });
    let numbers = json!({ "type": "array", "items": number });
    let names = json!({ "type": "array", "items": { "type": "string" } });
    let word = json!({ "type": "string" });
    let of_version = json!({ "type": "object", "required": ["subject", "version", "id", "schemaType", "schema"], "properties": {
        "subject": word, "version": number, "id": number, "schemaType": { "const": "JSON" }, "schema": word } });
    let of_id = json!({ "type": "object", "required": ["schemaType", "schema"], "properties": { "schemaType": { "const": "JSON" }, "schema": word } });
    let config = json!({ "type": "object", "required": ["compatibilityLevel"], "properties": { "compatibilityLevel": { "const": "FULL_TRANSITIVE" } } });
    for (path, summary, answer, may_miss) in [
        ("/subjects", "The types whose schemas have versions", names, false),
        ("/subjects/{subject}/versions", "The versions of a type", numbers, true),
        ("/subjects/{subject}/versions/{version}", "One version of a type, or `latest`", of_version, true),
        ("/schemas/ids/{id}", "The schema with this number", of_id, true),
        ("/config", "The rule between versions", config, false),
    ] {
        let mut route = doc.get(path, summary);
        route.answers(200, "it", KIND, answer);
        if may_miss {
            route.answers(404, "there is none", KIND, error.clone());
            route.answers(422, "that is no version", KIND, error.clone());
        }
        doc.write(route);
    }
    let asked =
        json!({ "type": "object", "required": ["schema"], "properties": { "schema": word, "schemaType": word } });
    let judged = json!({ "type": "object", "required": ["is_compatible"],
        "properties": { "is_compatible": { "type": "boolean" }, "messages": { "type": "array", "items": word } } });
    for (path, summary) in [
        (
            "/compatibility/subjects/{subject}/versions",
            "Whether a schema and all versions of a type read each other's messages",
        ),
        ("/compatibility/subjects/{subject}/versions/{version}", "Whether a schema and one version of a type do"),
    ] {
        let mut route = doc.post(path, summary).takes(&[JSON, KIND], &asked);
        route.parameter(json!({ "name": "verbose", "in": "query", "required": false,
            "description": "Say why not.", "schema": { "type": "boolean" } }));
        route.answers(200, "whether they do", KIND, judged.clone());
        route.answers(404, "there is none", KIND, error.clone());
        route.answers(422, "that is no schema, or no version", KIND, error.clone());
        doc.write(route);
    }
}

fn page(doc: &mut Writing) {
    doc.tag = "page";
    let me = json!({ "type": "object", "required": ["name", "role", "session"], "properties": {
        "name": { "type": "string" }, "role": { "enum": ["viewer", "operator", "admin"] }, "session": { "type": "boolean" } } });
    let mut route = doc.get("/v1/me", "Who asks");
    route.answers(200, "name and role", JSON, me.clone());
    doc.write(route);
    let shown = doc.read.subschema_for::<login::Shown>().to_value();
    let mut route = doc
        .post("/login", "A token, once, becomes the cookie of a session")
        .or(&["no_login", "token", "too_many_requests"])
        .takes(&[JSON], &shown);
    route.answers(200, "the session begins", JSON, me);
    doc.write(route);
    let mut route = doc.post("/logout", "The session ends");
    route.operation["responses"]["204"] = json!({ "description": "it has ended" });
    doc.write(route);
    for (path, summary, kind) in [
        ("/", "The page; whoever has not logged in is sent to `/login`", "text/html"),
        ("/login", "The page that asks for a token", "text/html"),
        ("/docs", "This document for people", "text/html"),
        ("/docs.js", "Its script", "text/javascript"),
        ("/style.css", "The look of the pages", "text/css"),
        ("/leaflet/leaflet.css", "The look of the map", "text/css"),
        ("/login.js", "The script of the login", "text/javascript"),
        ("/session.js", "The script of the session", "text/javascript"),
        ("/feed.js", "The script of the live feed", "text/javascript"),
        ("/freshness.js", "The script of the status line", "text/javascript"),
        ("/leaflet/leaflet-src.esm.js", "The script of the map", "text/javascript"),
        ("/protomaps/protomaps-leaflet.js", "The script that draws a map of vector tiles", "text/javascript"),
        ("/console/{script}", "The scripts of the page", "text/javascript"),
    ] {
        let mut route = doc.get(path, summary).text(kind);
        route.operation["responses"]["304"] = json!({ "description": "it is as `If-None-Match` says" });
        if path == "/" {
            route.operation["responses"]["303"] = json!({ "description": "log in first" });
        }
        if path == "/console/{script}" {
            route = route.or(&["not_found"]);
        }
        doc.write(route);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::document;
    use crate::auth::routes::ROUTES;
    use crate::times::Times;

    #[test]
    fn every_route_is_in_the_document_and_no_other() {
        let document = document(Times::Unix);
        let mut told = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                told.insert((method.to_uppercase(), path.clone()));
            }
        }
        let real: BTreeSet<(String, String)> =
            ROUTES.iter().map(|&(method, path, _)| (method.to_owned(), path.to_owned())).collect();
        assert_eq!(real.difference(&told).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not in the document");
        assert_eq!(told.difference(&real).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "no such route");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document(Times::Unix);
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 60, "{}", found.len());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}

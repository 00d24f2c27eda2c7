//! JSON Schemas, the AsyncAPI document, and the table of fields.

mod fields;
mod types;

use fleetfold_wire::{EventType, Writer};
use serde_json::{Value, json};

use crate::http::openapi;
use crate::log::Stream;

mod commands;
pub(crate) mod registry;

pub(crate) use commands::{check_at_start, schema};

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The name of a message in the document: `fleet.order.created.v1` is `fleet_order_created_v1`.
fn message(kind: &str) -> String {
    kind.replace('.', "_")
}

/// AsyncAPI 3.0: one channel a kind of subject, one message an event type.
fn asyncapi() -> Value {
    const ASSIGNMENT: &str = "fleet.assignment.v1";
    const ALERT: &str = "fleet.alert.v1";
    const ETA: &str = "fleet.eta.v1";
    let mut schemas = serde_json::Map::new();
    for (kind, schema) in fleetfold_wire::schemas() {
        // What a schema refers to in itself is one of the document's own.
        let schema = openapi::hoisted(schema, &mut schemas);
        schemas.insert(message(kind), schema);
    }
    let mut messages = serde_json::Map::new();
    for kind in EventType::ALL {
        let name = kind.name();
        messages.insert(
            message(name),
            json!({
                "name": name, "summary": kind.description(), "contentType": "application/cloudevents+json",
                "payload": { "type": "object", "description": "CloudEvents 1.0, structured mode", "required": ["specversion", "id", "source", "type", "time", "data"],
                    "properties": { "specversion": { "const": "1.0" }, "id": { "type": "string" }, "source": { "type": "string" }, "type": { "const": name },
                        "subject": { "type": "string" }, "time": { "type": "string", "format": "date-time" }, "data": { "$ref": format!("#/components/schemas/{}", message(name)) } } },
            }),
        );
    }
    messages.insert(
        message(ASSIGNMENT),
        json!({ "name": ASSIGNMENT, "summary": "The route of a vehicle, as its driver is told.", "contentType": "application/json",
            "payload": { "$ref": format!("#/components/schemas/{}", message(ASSIGNMENT)) } }),
    );
    messages.insert(
        message(ALERT),
        json!({ "name": ALERT, "summary": "The last state of an alert: raised, acknowledged, cleared.", "contentType": "application/json",
            "payload": { "$ref": format!("#/components/schemas/{}", message(ALERT)) } }),
    );
    messages.insert(
        message(ETA),
        json!({ "name": ETA, "summary": "When an order comes, as its customer is told.", "contentType": "application/json",
            "payload": { "$ref": format!("#/components/schemas/{}", message(ETA)) } }),
    );
    let link = |kind: &str| (message(kind), json!({ "$ref": format!("#/components/messages/{}", message(kind)) }));
    let only = |kind: &str| serde_json::Map::from_iter([link(kind)]);
    let facts_by = |writer: Writer| -> serde_json::Map<String, Value> {
        let apart = [EventType::PlanProposed, EventType::Position];
        let kinds = EventType::ALL.iter().filter(|kind| kind.writer() == writer && !apart.contains(kind));
        kinds.map(|kind| link(kind.name())).collect()
    };
    let parameters = json!({ "tenant": {}, "zone": {} });
    let channels = json!({
        "facts": { "address": "fleet.{tenant}.{zone}.event.{type}.{entity}", "parameters": { "tenant": {}, "zone": {}, "type": {}, "entity": { "description": "percent-encoded id; _ for orders" } },
            "messages": facts_by(Writer::Producer), "x-jetstream": { "stream": Stream::Fleet.name(), "max_age_days": 14, "duplicate_window_seconds": 120, "discard": "new" } },
        "own": { "address": "fleet.{tenant}.{zone}.event.{type}.{entity}", "description": "Written by the engine that owns the zone, and by nobody else.",
            "parameters": { "tenant": {}, "zone": {}, "type": {}, "entity": {} }, "messages": facts_by(Writer::Engine), "x-jetstream": { "stream": Stream::Fleet.name() } },
        "plans": { "address": "fleet.{tenant}.{zone}.plan", "parameters": parameters, "messages": only(EventType::PlanProposed.name()), "x-jetstream": { "stream": Stream::Fleet.name() } },
        "positions": { "address": "fleet.{tenant}.{zone}.position.{vehicle}", "parameters": { "tenant": {}, "zone": {}, "vehicle": {} },
            "messages": only(EventType::Position.name()), "x-jetstream": { "stream": Stream::Position.name(), "max_messages_per_subject": 1, "max_age_hours": 1 } },
        "assignments": { "address": "fleet.{tenant}.{zone}.assignment.{vehicle}", "parameters": { "tenant": {}, "zone": {}, "vehicle": {} },
            "messages": only(ASSIGNMENT), "x-jetstream": { "stream": Stream::Assignment.name(), "max_messages_per_subject": 1 } },
        "etas": { "address": "fleet.{tenant}.{zone}.eta.{order}", "parameters": { "tenant": {}, "zone": {}, "order": { "description": "percent-encoded id" } },
            "messages": only(ETA), "x-jetstream": { "stream": Stream::Eta.name(), "max_messages_per_subject": 1, "max_age_days": 2 } },
        "alerts": { "address": "fleet.{tenant}.{zone}.alert.{kind}.{entity}", "parameters": { "tenant": {}, "zone": {}, "kind": {}, "entity": { "description": "percent-encoded id of the order or the vehicle; _ for the zone" } },
            "messages": only(ALERT), "x-jetstream": { "stream": Stream::Alert.name(), "max_messages_per_subject": 1, "max_age_days": 14 } },
    });
    let operation = |action: &str, channel: &str| json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") } });
    json!({
        "asyncapi": "3.0.0",
        "info": { "title": "Fleetfold", "version": env!("CARGO_PKG_VERSION"), "description": "Facts in, plans and assignments out, over NATS JetStream." },
        "channels": channels,
        "operations": { "publishFact": operation("receive", "facts"), "publishPosition": operation("receive", "positions"),
            "proposePlan": operation("send", "plans"), "writeOwn": operation("send", "own"), "assign": operation("send", "assignments"), "alert": operation("send", "alerts"), "tellCustomer": operation("send", "etas") },
        "components": { "messages": messages, "schemas": schemas },
    })
}

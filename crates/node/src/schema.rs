//! JSON Schemas and the AsyncAPI document.

use serde_json::{Value, json};

use crate::args::SchemaKind;
use crate::log::Stream;

pub(crate) fn document(what: SchemaKind) -> String {
    let value = match what {
        SchemaKind::Json => json!(fleetfold_wire::schemas()),
        SchemaKind::Asyncapi => asyncapi(),
    };
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

/// AsyncAPI 3.0: one channel a stream, one message an event type.
fn asyncapi() -> Value {
    let (mut messages, mut schemas) = (serde_json::Map::new(), serde_json::Map::new());
    for (kind, schema) in fleetfold_wire::schemas() {
        let name = kind.replace('.', "_");
        schemas.insert(name.clone(), schema);
        messages.insert(
            name.clone(),
            json!({
                "name": kind, "contentType": "application/cloudevents+json",
                "payload": { "type": "object", "description": "CloudEvents 1.0, structured mode", "required": ["specversion", "id", "source", "type", "time", "data"],
                    "properties": { "specversion": { "const": "1.0" }, "id": { "type": "string" }, "source": { "type": "string" }, "type": { "const": kind },
                        "subject": { "type": "string" }, "time": { "type": "string", "format": "date-time" }, "data": { "$ref": format!("#/components/schemas/{name}") } } },
            }),
        );
    }
    let refs = |filter: &dyn Fn(&str) -> bool| -> serde_json::Map<String, Value> {
        messages
            .keys()
            .filter(|name| filter(name))
            .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })))
            .collect()
    };
    let own = |name: &str| ["fleet_plan_proposed_v1", "fleet_assignment_v1", "fleet_position_v1"].contains(&name);
    let parameters = json!({ "tenant": {}, "zone": {} });
    let channels = json!({
        "facts": { "address": "fleet.{tenant}.{zone}.event.{type}.{entity}", "parameters": { "tenant": {}, "zone": {}, "type": {}, "entity": { "description": "percent-encoded id; _ for orders" } },
            "messages": refs(&|name| !own(name)), "x-jetstream": { "stream": Stream::Fleet.name(), "max_age_days": 14, "duplicate_window_seconds": 120, "discard": "new" } },
        "plans": { "address": "fleet.{tenant}.{zone}.plan", "parameters": parameters, "messages": refs(&|name| name == "fleet_plan_proposed_v1"), "x-jetstream": { "stream": Stream::Fleet.name() } },
        "positions": { "address": "fleet.{tenant}.{zone}.position.{vehicle}", "parameters": { "tenant": {}, "zone": {}, "vehicle": {} },
            "messages": refs(&|name| name == "fleet_position_v1"), "x-jetstream": { "stream": Stream::Position.name(), "max_messages_per_subject": 1, "max_age_hours": 1 } },
        "assignments": { "address": "fleet.{tenant}.{zone}.assignment.{vehicle}", "parameters": { "tenant": {}, "zone": {}, "vehicle": {} },
            "messages": refs(&|name| name == "fleet_assignment_v1"), "x-jetstream": { "stream": Stream::Assignment.name(), "max_messages_per_subject": 1 } },
    });
    let operation = |action: &str, channel: &str| json!({ "action": action, "channel": { "$ref": format!("#/channels/{channel}") } });
    json!({
        "asyncapi": "3.0.0",
        "info": { "title": "Fleetfold", "version": env!("CARGO_PKG_VERSION"), "description": "Facts in, plans and assignments out, over NATS JetStream." },
        "channels": channels,
        "operations": { "publishFact": operation("receive", "facts"), "publishPosition": operation("receive", "positions"),
            "proposePlan": operation("send", "plans"), "assign": operation("send", "assignments") },
        "components": { "messages": messages, "schemas": schemas },
    })
}

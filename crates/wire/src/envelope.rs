//! The CloudEvents 1.0 envelope, structured mode.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A CloudEvent. `id` and `source` together name the event for ever: the same pair again has no effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CloudEvent {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique within `source`.
    pub id: String,
    /// Who says so: a URI reference such as `/phones/veh-7`.
    pub source: String,
    /// What kind, with its major version.
    #[serde(rename = "type")]
    pub kind: String,
    /// The entity it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened (RFC 3339), zone time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Where its schema is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// `application/json` when present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// Per source and entity: the higher one is the newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The payload.
    pub data: serde_json::Value,
}

impl CloudEvent {
    /// An event of a type with a payload.
    pub fn new(kind: &str, source: &str, id: &str, subject: &str, time: String, data: serde_json::Value) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: id.to_owned(),
            source: source.to_owned(),
            kind: kind.to_owned(),
            subject: Some(subject.to_owned()),
            time: Some(time),
            dataschema: None,
            datacontenttype: None,
            sequence: None,
            traceparent: None,
            data,
        }
    }

    /// The message's bytes: compact JSON, fields in the order of this type, so that equal events have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("wire types are plain JSON")
    }
}

/// A CloudEvent in binary mode (attributes as headers `ce-id`, `ce-type` …, the payload as the body) as structured JSON,
/// which is what the log's readers fold, record and hash. `None`: the message has no `ce-specversion`, so it is not one.
///
/// A body that is no JSON becomes a JSON string, so that decoding rejects it by name and nothing is lost.
pub fn structured<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>, body: &[u8]) -> Option<Vec<u8>> {
    const ATTRIBUTES: [&str; 8] = ["specversion", "id", "source", "type", "subject", "time", "dataschema", "sequence"];
    let mut event = serde_json::Map::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let attribute = match name.strip_prefix("ce-") {
            Some(attribute) if ATTRIBUTES.contains(&attribute) || attribute == "traceparent" => attribute,
            None if name == "content-type" => "datacontenttype",
            // Other headers, and extensions we do not know: kept out, as unknown members of structured events are.
            Some(_) | None => continue,
        };
        // Header values are percent-encoded where they are not plain ASCII (HTTP binding 1.0.2, 3.1.3.2).
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        event.insert(attribute.to_owned(), value.into());
    }
    if !event.contains_key("specversion") {
        return None;
    }
    let data = serde_json::from_slice(body)
        .unwrap_or_else(|_| serde_json::Value::String(String::from_utf8_lossy(body).into_owned()));
    event.insert("data".to_owned(), data);
    serde_json::to_vec(&event).ok()
}

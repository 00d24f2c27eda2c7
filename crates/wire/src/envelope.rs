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
}

//! The CloudEvents 1.0 envelope: structured mode, and binary mode turned into it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base64;
use crate::personal::ENCRYPTED;

/// A CloudEvent. `id` and `source` together name the event for ever: the same pair again has no effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Incoming")]
pub struct CloudEvent {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique within `source`.
    pub id: String,
    /// Who says so: a URI reference such as `/phones/veh-7`.
    pub source: String,
    /// The name of its type, with its major version.
    #[serde(rename = "type")]
    pub kind: String,
    /// The entity it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened (RFC 3339), zone time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Where its schema is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// `application/json` when present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// Per source and entity: the higher one is the newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The payload. It may arrive as `data_base64` (JSON event format 1.0, section 3.1), and is JSON from here on.
    pub data: Value,
}

/// What may arrive: the payload stands in `data` or in `data_base64`.
#[derive(Deserialize)]
pub(crate) struct Incoming<D = Value> {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    subject: Option<String>,
    time: Option<String>,
    dataschema: Option<String>,
    datacontenttype: Option<String>,
    sequence: Option<String>,
    traceparent: Option<String>,
    data: Option<D>,
    data_base64: Option<String>,
}

impl<D> Incoming<D> {
    /// The envelope without its payload, and the payload; `None` if that does not stand in `data`.
    pub(crate) fn with_data(mut self) -> Option<(CloudEvent, D)> {
        let data = self.data.take().filter(|_| self.data_base64.is_none())?;
        Some((self.envelope(Value::Null), data))
    }

    fn envelope(self, data: Value) -> CloudEvent {
        CloudEvent {
            specversion: self.specversion,
            id: self.id,
            source: self.source,
            kind: self.kind,
            subject: self.subject,
            time: self.time,
            dataschema: self.dataschema,
            datacontenttype: self.datacontenttype,
            sequence: self.sequence,
            traceparent: self.traceparent,
            data,
        }
    }
}

impl TryFrom<Incoming> for CloudEvent {
    type Error = String;

    fn try_from(mut incoming: Incoming) -> Result<Self, String> {
        let data = match (incoming.data.take(), incoming.data_base64.take()) {
            (Some(data), None) => data,
            (None, Some(text)) => {
                let bytes = base64::decode(&text).ok_or("`data_base64` is not Base64 (RFC 4648, with padding)")?;
                serde_json::from_slice(&bytes).map_err(|error| format!("`data_base64` holds no JSON: {error}"))?
            }
            (None, None) => return Err("missing field `data`".to_owned()),
            (Some(_), Some(_)) => return Err("`data` and `data_base64` exclude each other".to_owned()),
        };
        Ok(incoming.envelope(data))
    }
}

impl CloudEvent {
    /// An event of a type with a payload.
    pub fn new(kind: &str, source: &str, id: &str, subject: &str, time: String, data: Value) -> Self {
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

    /// What differs between this event and another one with the same `source` and `id`: `type` or `data`. Payloads are compared as
    /// JSON values. `time` is not compared: a producer that tries again may state the time of the attempt. `None`: it is a repeat.
    pub fn differs(&self, other: &Self) -> Option<&'static str> {
        if self.kind != other.kind {
            return Some("type");
        }
        (!same(&self.data, &other.data)).then_some("data")
    }

    /// The message's bytes: compact JSON, fields in the order of this type, so that equal events have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("wire types are plain JSON")
    }
}

/// Whether two JSON values are the same. A whole number and one with a fraction are compared by value: 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) if a.is_f64() != b.is_f64() => {
            a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
        }
        (a, b) => a == b,
    }
}

/// How a message carries its event, which its content type decides (CloudEvents bindings for HTTP, 3, and for NATS, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The event is the body. Also the mode of messages without a content type.
    Structured,
    /// The attributes are headers, the body is the payload.
    Binary,
    /// The body is a list of events. An entry of a log is one event, so a list is taken apart where it is posted, and is none in a log.
    Batched,
}

impl Mode {
    /// The mode of a message with these headers. Names are compared without regard to case.
    ///
    /// A content type of `application/cloudevents` decides, whatever other headers say: bridges leave `ce-` headers behind.
    /// Otherwise the header `ce-specversion` makes it binary.
    pub fn of<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut mode = Self::Structured;
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("content-type") {
                let media = value.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
                if media.starts_with("application/cloudevents-batch") {
                    return Self::Batched;
                }
                if media.starts_with("application/cloudevents") {
                    return Self::Structured;
                }
            } else if name.eq_ignore_ascii_case("ce-specversion") {
                mode = Self::Binary;
            }
        }
        mode
    }
}

/// A CloudEvent in binary mode (attributes as headers `ce-id`, `ce-type` …, the payload as the body) as structured JSON,
/// which is what the log's readers fold, record and hash. `None`: the message is not in binary mode (see [`Mode::of`]), so
/// its body is to be read as it is.
///
/// A body that is no JSON becomes a JSON string, so that decoding rejects it by name and nothing is lost.
pub fn structured<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str), IntoIter: Clone>,
    body: &[u8],
) -> Option<Vec<u8>> {
    const ATTRIBUTES: [&str; 10] =
        ["specversion", "id", "source", "type", "subject", "time", "dataschema", "sequence", "traceparent", ENCRYPTED];
    let headers = headers.into_iter();
    if Mode::of(headers.clone()) != Mode::Binary {
        return None;
    }
    let mut event = serde_json::Map::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let attribute = match name.strip_prefix("ce-") {
            Some(attribute) if ATTRIBUTES.contains(&attribute) => attribute,
            None if name == "content-type" => "datacontenttype",
            // Other headers, and extensions that nothing here reads.
            Some(_) | None => continue,
        };
        // Header values are percent-encoded where they are not plain ASCII (HTTP binding 1.0.2, 3.1.3.2).
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        event.insert(attribute.to_owned(), value.into());
    }
    let data =
        serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    event.insert("data".to_owned(), data);
    serde_json::to_vec(&event).ok()
}

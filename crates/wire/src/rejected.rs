//! What stands on the stream `REJECTED`: one shape for messages that were rejected (they could not be decoded, or may not
//! stand on their subject) and for facts that were refused (they made no sense when they came).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::envelope::CloudEvent;

/// Most bytes of a message that are repeated: escaped six times they are still far below what a broker takes.
const BYTES_MAX: usize = 16 * 1024;
/// Most characters of an attribute that are repeated.
const ATTRIBUTE_CHARS_MAX: usize = 256;
/// Most characters of the subject that are repeated: a subject of ours is far shorter.
const SUBJECT_CHARS_MAX: usize = 1_000;
/// Most characters of the reason in words: it may quote what the message said.
const DETAIL_CHARS_MAX: usize = 2_000;

/// Up to this size a message is kept whole where its text is not exactly it: in Base64, with all the rest, it is below what a broker
/// must take for plans anyway ([`crate::PLAN_BYTES_MAX`]).
const WHOLE_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of headers that are repeated, names and values together.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// A message that was not folded, and why. Where the message could be read at all, it says whose event it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedV1 {
    /// Position of the message in the log.
    pub seq: u64,
    /// The subject it stands on.
    pub subject: String,
    /// Why, as a short stable word.
    pub reason: String,
    /// Why, in words for people.
    pub detail: String,
    /// Who wrote the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The event's id in its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of its type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The order, vehicle or road change that it names, in this order of preference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The order that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The vehicle that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vehicle_id: Option<String>,
    /// When the log took it (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_at: Option<String>,
    /// The headers it came with, as far as they fit, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The message as text, cut after 16 KiB.
    pub bytes: String,
    /// The message in Base64, byte by byte, where the text is not exactly it: because it was cut, or is no text. Not there where the
    /// message is too large for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_base64: Option<String>,
    /// How many bytes the message has.
    pub size_bytes: usize,
}

impl RejectedV1 {
    /// Tells of a message. Nothing is asked of its bytes: what can be read of an event is told, and the rest is left out.
    pub fn new(seq: u64, subject: &str, reason: &str, detail: &str, bytes: &[u8]) -> Self {
        let cut_short = |text: &str| text.chars().take(ATTRIBUTE_CHARS_MAX).collect::<String>();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(cut_short);
        // As it is decoded: an attribute that no type knows may hold what a reader of the whole message refuses.
        let (source, id, kind, data) = if let Ok(event) = serde_json::from_slice::<CloudEvent>(bytes) {
            let [source, id, kind] = [&event.source, &event.id, &event.kind].map(|text| Some(cut_short(text)));
            (source, id, kind, Some(event.data))
        } else {
            let mut event: Value = serde_json::from_slice(bytes).unwrap_or_default();
            let data = event.get_mut("data").map(Value::take);
            (text(event.get("source")), text(event.get("id")), text(event.get("type")), data)
        };
        let named = |field: &str| text(data.as_ref().and_then(|data| data.get(field)));
        let cut = &bytes[..bytes.len().min(BYTES_MAX)];
        Self {
            seq,
            subject: subject.chars().take(SUBJECT_CHARS_MAX).collect(),
            reason: reason.to_owned(),
            detail: detail.chars().take(DETAIL_CHARS_MAX).collect(),
            source,
            id,
            kind,
            entity: named("order_id").or_else(|| named("vehicle_id")).or_else(|| named("change_id")),
            order_id: named("order_id"),
            vehicle_id: named("vehicle_id"),
            logged_at: None,
            headers: Vec::new(),
            bytes_base64: None,
            bytes: String::from_utf8_lossy(cut).into_owned(),
            size_bytes: bytes.len(),
        }
    }

    /// With the message as it was published: its headers and its body. (An event in binary mode is judged as the structured one that
    /// headers and body make together.)
    #[must_use]
    pub fn with_original(mut self, headers: impl IntoIterator<Item = (String, String)>, body: &[u8]) -> Self {
        let mut room = HEADER_BYTES_MAX;
        for (name, value) in headers {
            let Some(left) = room.checked_sub(name.len() + value.len()) else { continue };
            room = left;
            self.headers.push((name, value));
        }
        self.size_bytes = body.len();
        self.bytes = String::from_utf8_lossy(&body[..body.len().min(BYTES_MAX)]).into_owned();
        let is_exact = self.bytes.as_bytes() == body;
        self.bytes_base64 = (!is_exact && body.len() <= WHOLE_BYTES_MAX).then(|| BASE64_STANDARD.encode(body));
        self
    }

    /// The body of the message, byte by byte; `None`: it is not all here.
    pub fn original(&self) -> Option<Vec<u8>> {
        let bytes = match &self.bytes_base64 {
            Some(text) => BASE64_STANDARD.decode(text).ok()?,
            None => self.bytes.clone().into_bytes(),
        };
        (bytes.len() == self.size_bytes).then_some(bytes)
    }

    /// Whether this tells of a message with this body, as far as it can be seen.
    pub fn is_of(&self, body: &[u8]) -> bool {
        self.size_bytes == body.len() && String::from_utf8_lossy(&body[..body.len().min(BYTES_MAX)]) == self.bytes
    }

    /// Reads what was told. `None`: it is something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The message's bytes: JSON of at most [`crate::PLAN_BYTES_MAX`].
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("wire types are plain JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::RejectedV1;

    #[test]
    fn the_event_is_named_as_far_as_it_can_be_read() {
        let event = br#"{"id":"7","source":"/shop","type":"fleet.order.cancelled.v1","data":{"order_id":"o1"}}"#;
        let told = RejectedV1::new(9, "fleet.acme.porto.event.order_cancelled._", "order_closed", "it is over", event);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!((told.id, told.source, told.entity), (some("7"), some("/shop"), some("o1")));
        assert_eq!(told.kind.as_deref(), Some("fleet.order.cancelled.v1"));
        let huge =
            br#"{"specversion":"1.0","id":"7","source":"/shop","type":"t","note":1e999,"data":{"order_id":"o1"}}"#;
        let told = RejectedV1::new(9, "fleet.acme.porto.event.x._", "order_closed", "it is over", huge);
        assert_eq!((told.id, told.source, told.entity), (some("7"), some("/shop"), some("o1")));
        let told = RejectedV1::new(9, "fleet.acme.porto.plan", "not_cloudevent", "no JSON", b"\xff\xfe");
        assert_eq!((told.id, told.size_bytes), (None, 2));
    }

    #[test]
    fn the_original_comes_back_byte_by_byte() {
        let long = "\u{1}".repeat(256 * 1024);
        for body in [&b"{\"id\":\"7\"}"[..], b"\xff\xfe\0\n", b"", "\u{fffd}\u{e9}".as_bytes(), long.as_bytes()] {
            let headers = [("ce-id".to_owned(), "7".to_owned()), ("X".to_owned(), "\u{1}".repeat(9_000))];
            let told = RejectedV1::new(9, &"s".repeat(2_000), "payload", &"\u{1}".repeat(3_000), body)
                .with_original(headers, body);
            let bytes = told.to_bytes();
            assert!(bytes.len() <= crate::PLAN_BYTES_MAX, "{}", bytes.len());
            let read = RejectedV1::read(&bytes).unwrap();
            assert_eq!(read.original().as_deref(), Some(body));
            assert_eq!(read.headers, [("ce-id".to_owned(), "7".to_owned())], "what does not fit is left out");
        }
        let told = RejectedV1::new(9, "s", "too_large", "", b"").with_original([], &vec![b'x'; 256 * 1024 + 1]);
        assert_eq!((told.original(), told.size_bytes), (None, 256 * 1024 + 1));
        assert!(told.is_of(&vec![b'x'; 256 * 1024 + 1]) && !told.is_of(&vec![b'y'; 256 * 1024 + 1]));
    }

    /// What versions before wrote has fewer fields.
    #[test]
    fn an_old_one_is_read() {
        let old = br#"{"seq":4,"subject":"s","reason":"payload","detail":"d","bytes":"caf\u00e9","size_bytes":5}"#;
        let read = RejectedV1::read(old).unwrap();
        assert_eq!((read.original().as_deref(), read.headers.len()), (Some("caf\u{e9}".as_bytes()), 0));
    }

    #[test]
    fn a_huge_message_is_told_cut_short() {
        let (subject, detail) = ("s".repeat(1 << 20), "\u{1}".repeat(1 << 20));
        let told = RejectedV1::new(1, &subject, "too_large", &detail, &vec![1; 1 << 20]);
        assert!(told.to_bytes().len() < 128 * 1024 && told.size_bytes == 1 << 20);
    }
}

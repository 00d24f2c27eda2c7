//! What stands on the stream `REJECTED`: one shape for messages that were rejected (they could not be decoded, or may not
//! stand on their subject) and for facts that were refused (they made no sense when they came).

use serde::Serialize;
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

/// A message that was not folded, and why. Where the message could be read at all, it says whose event it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// The message as text, cut after 16 KiB.
    pub bytes: String,
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
            bytes: String::from_utf8_lossy(cut).into_owned(),
            size_bytes: bytes.len(),
        }
    }

    /// The message's bytes: JSON of at most about 120 KiB.
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
    fn a_huge_message_is_told_cut_short() {
        let (subject, detail) = ("s".repeat(1 << 20), "\u{1}".repeat(1 << 20));
        let told = RejectedV1::new(1, &subject, "too_large", &detail, &vec![1; 1 << 20]);
        assert!(told.to_bytes().len() < 128 * 1024 && told.size_bytes == 1 << 20);
    }
}

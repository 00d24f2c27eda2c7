//! What an event says, as one number: to tell another event under a used id from a repeat without keeping either of them.

use fleetfold_model::MessageHash;
use serde_json::{Number, Value};

use crate::decode::message_hash;
use crate::event_type::EventType;
use crate::personal::take_words;

/// Whole numbers up to this size are the same as 64-bit floating point numbers.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A hash of the type and the payload of an event. Two events of one `source` and `id` whose hashes differ are two events under one id;
/// `time` does not count ([`crate::CloudEvent::differs`]). Neither do words about a person, which may be encrypted.
pub fn content_hash(kind: EventType, data: &Value) -> MessageHash {
    let mut data = data.clone();
    take_words(kind, &mut data);
    let mut text = kind.name().as_bytes().to_vec();
    write(&data, &mut text);
    message_hash(&text)
}

/// Writes a value so that equal values have equal bytes: members in the order of their names, whole numbers without a fraction.
fn write(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            text.push(b'{');
            for name in names {
                write_text(name, text);
                write(&members[name], text);
            }
            text.push(b'}');
        }
        Value::Array(values) => {
            text.push(b'[');
            for value in values {
                write(value, text);
            }
            text.push(b']');
        }
        Value::String(words) => write_text(words, text),
        Value::Number(number) => text.extend_from_slice(format!("#{} ", whole(number)).as_bytes()),
        Value::Bool(is_so) => text.push(if *is_so { b't' } else { b'f' }),
        Value::Null => text.push(b'0'),
    }
}

/// A text with its length before it, so that no text looks like what follows it.
fn write_text(words: &str, text: &mut Vec<u8>) {
    text.extend_from_slice(format!("\"{} ", words.len()).as_bytes());
    text.extend_from_slice(words.as_bytes());
}

/// A number in digits: 1 and 1.0 are the same.
fn whole(number: &Number) -> String {
    match number.as_f64().filter(|value| number.is_f64() && value.fract() == 0.0 && value.abs() < WHOLE_MAX) {
        Some(value) => format!("{value:.0}"),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::content_hash;
    use crate::event_type::EventType;

    #[test]
    fn a_hash_says_whether_two_events_say_the_same() {
        let hash = |text: &str| content_hash(EventType::OrderCreated, &serde_json::from_str::<Value>(text).unwrap());
        let first = hash(r#"{"order_id":"a","priority":1,"job":{"stop":{"lon":1.5}},"reference":"Elm"}"#);
        for same in [
            r#"{ "job": {"stop":{"lon":1.50}}, "priority": 1.0, "order_id": "\u0061" }"#,
            r#"{"order_id":"a","priority":1e0,"job":{"stop":{"lon":1.5,"address":"Elm 12"}}}"#,
        ] {
            assert_eq!(hash(same), first, "{same}");
        }
        for other in [
            r#"{"order_id":"b","priority":1,"job":{"stop":{"lon":1.5}}}"#,
            r#"{"order_id":"a","priority":"1","job":{"stop":{"lon":1.5}}}"#,
            r#"{"order_id":"a","priority":1,"job":{"stop":{"lon":1.5,"lat":null}}}"#,
            r#"{"order_id":"a","priority":1,"job":{"stop":{"lon":[1.5]}}}"#,
            r#"{"order_id":"a","priority":1.5,"job":{"stop":{"lon":1}}}"#,
        ] {
            assert_ne!(hash(other), first, "{other}");
        }
        let cancelled = json!({ "order_id": "a" });
        assert_ne!(
            content_hash(EventType::OrderCancelled, &cancelled),
            content_hash(EventType::OrderReady, &cancelled)
        );
    }
}

//! The words about a person: which fields they are, taking them out of an event and putting them back.
//!
//! Which fields hold them says the schema of a type, by `"x-personal": true`; there is no other list. They are words for people that
//! no decision reads, so an event without them is folded exactly as one with them. In the log they stand in the attribute
//! [`ENCRYPTED`], under a key that can be destroyed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fleetfold_model::{Event, NotedItem, Person};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::base64;
use crate::decode::DecodeError;
use crate::event_type::EventType;

/// The extension attribute of a CloudEvent in which its words about a person stand, encrypted.
pub const ENCRYPTED: &str = "encrypted";

/// Schemas are nested less deep than this.
const DEPTH_MAX: usize = 12;

/// The fields of each type, in the order of [`EventType::ALL`]: paths of names.
static FIELDS: LazyLock<Vec<Vec<Vec<String>>>> = LazyLock::new(|| {
    let fields = |kind: &EventType| {
        let schema = kind.schema();
        let mut found = Vec::new();
        collect(&schema, &schema, &mut Vec::new(), &mut found);
        found.sort();
        found.dedup();
        found
    };
    EventType::ALL.iter().map(fields).collect()
});

fn collect(schema: &Value, root: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    if path.len() > DEPTH_MAX {
        return;
    }
    if schema.get("x-personal") == Some(&Value::Bool(true)) {
        found.push(path.clone());
    }
    if let Some(target) =
        schema.get("$ref").and_then(Value::as_str).and_then(|name| root.pointer(name.trim_start_matches('#')))
    {
        collect(target, root, path, found);
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        for part in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
            collect(part, root, path, found);
        }
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(name.clone());
        collect(field, root, path, found);
        path.pop();
    }
}

/// The fields of a type that hold words about a person, as paths: `job.stop.address`.
pub fn personal_fields(kind: EventType) -> Vec<String> {
    FIELDS[kind as usize].iter().map(|path| path.join(".")).collect()
}

/// Whose words an event can hold. `None`: it has no field for any, or it is about an entry of the log.
pub fn person(event: &Event) -> Option<Person> {
    if FIELDS[EventType::of(event) as usize].is_empty() {
        return None;
    }
    let order = match event {
        Event::OrderCreated(order) => Some(&order.name),
        Event::SlotHeld(held) => Some(&held.order.name),
        Event::OrderUpdated(change) => Some(&change.order),
        Event::AttentionNoted(noted) => {
            return match &noted.item {
                NotedItem::Order(order) => Some(Person::Order(order.clone())),
                NotedItem::Vehicle(vehicle) => Some(Person::Driver(vehicle.clone())),
                NotedItem::Entry(_) => None,
            };
        }
        Event::ZoneOpened(_)
        | Event::OrderReady { .. }
        | Event::OrderCancelled { .. }
        | Event::OrderRetried(_)
        | Event::OrderConfirmed { .. }
        | Event::VehicleRegistered(_)
        | Event::ShiftStarted { .. }
        | Event::ShiftEnded { .. }
        | Event::VehicleLost { .. }
        | Event::VehicleBack { .. }
        | Event::RoadClosed(_)
        | Event::RoadSlowed(_)
        | Event::RoadReopened(_)
        | Event::StopDeparted(_)
        | Event::StopArrived(_)
        | Event::StopCompleted(_)
        | Event::StopFailed(..)
        | Event::BreakStarted(_)
        | Event::BreakEnded(_)
        | Event::ReloadStarted(_)
        | Event::ReloadEnded(_)
        | Event::AssignmentAccepted { .. }
        | Event::AssignmentRejected { .. }
        | Event::StopPinned(_)
        | Event::StopUnpinned { .. }
        | Event::AssignmentForced(_)
        | Event::PriorityRaised(_)
        | Event::PolicyChanged(_)
        | Event::AlertAcknowledged(_)
        | Event::PersonForgotten(_)
        | Event::PlanProposed(_)
        | Event::FeaturesLearned(_)
        | Event::VehicleLocated(_)
        | Event::BaseWritten(_)
        | Event::RepairAsked(_)
        | Event::HoldEnded(_)
        | Event::AlertRaised(_)
        | Event::AlertCleared(_) => None,
    };
    order.cloned().map(Person::Order)
}

/// The attributes of an event, each as its text. Nothing is understood of them: an attribute that nobody reads may hold what no JSON value
/// of this program can hold (half of a surrogate pair, a number beyond all bounds, a thousand brackets), and the decoder takes the event
/// all the same. Whoever looks for words in it must not read less than the decoder does.
type Attributes = BTreeMap<String, Box<RawValue>>;

/// Extension attributes of which it is known what they hold: ours, and those that hold no words. (`operator` says who has sent the event.)
const KNOWN_ATTRIBUTES: [&str; 21] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "dataschema",
    "datacontenttype",
    "data",
    "data_base64",
    "sequence",
    "sequencetype",
    "traceparent",
    "tracestate",
    "authid",
    "authtype",
    "operator",
    "expirytime",
    "recordedtime",
    "replayof",
    ENCRYPTED,
];

/// The extension attributes of an event that nothing here knows. They stand in the log as they came, and may hold words about a person.
pub fn unknown_attributes(message: &[u8]) -> Vec<String> {
    let attributes: Attributes = serde_json::from_slice(message).unwrap_or_default();
    attributes.into_keys().filter(|name| !KNOWN_ATTRIBUTES.contains(&name.as_str())).collect()
}

/// The type of an event that may be none of ours.
pub fn type_of(message: &[u8]) -> Option<EventType> {
    let attributes: Attributes = serde_json::from_slice(message).ok()?;
    let name: String = serde_json::from_str(attributes.get("type")?.get()).ok()?;
    EventType::named(&name)
}

/// Whom an event speaks of, as far as its type says: an order, else a vehicle. Of a message that is no event of ours, the same is read
/// from where an event has it.
pub fn speaks_of(message: &[u8], person: &Person) -> bool {
    let data = serde_json::from_slice::<Attributes>(message).ok().and_then(|event| data_of(&event).ok());
    let Some(data) = data else {
        // What cannot be read at all names somebody where his id stands in it.
        let (Person::Order(name) | Person::Driver(name)) = person;
        return message.windows(name.as_str().len()).any(|part| part == name.as_str().as_bytes());
    };
    let names = |field: &str, name: &str| data.get(field).and_then(Value::as_str) == Some(name);
    match person {
        Person::Order(name) => names("order_id", name.as_str()),
        Person::Driver(name) => names("vehicle_id", name.as_str()),
    }
}

/// The payload, which may arrive as Base64; `null` where there is none.
fn data_of(event: &Attributes) -> serde_json::Result<Value> {
    // As the decoder has it, `null` is no payload.
    if let Some(data) = event.get("data").filter(|data| data.get() != "null") {
        return serde_json::from_str(data.get());
    }
    let coded =
        event.get("data_base64").and_then(|text| base64::decode(&serde_json::from_str::<String>(text.get()).ok()?));
    coded.map_or(Ok(Value::Null), |bytes| serde_json::from_slice(&bytes))
}

/// Takes the words about a person out of a payload. They come by the paths of their fields.
pub(crate) fn take_words(kind: EventType, data: &mut Value) -> BTreeMap<String, Value> {
    let mut words = BTreeMap::new();
    for path in &FIELDS[kind as usize] {
        let Some((last, above)) = path.split_last() else { continue };
        let object = above.iter().try_fold(&mut *data, |at, name| at.get_mut(name)).and_then(Value::as_object_mut);
        if let Some(value) = object.and_then(|object| object.remove(last)).filter(|value| !value.is_null()) {
            words.insert(path.join("."), value);
        }
    }
    words
}

/// An event without its words about a person, and these words.
#[derive(Clone, Debug)]
pub struct Parted {
    /// The event as it was, without its payload and [`ENCRYPTED`].
    event: Attributes,
    /// Its payload, without the words.
    data: Value,
    /// The words, by the paths of their fields.
    pub words: BTreeMap<String, Value>,
    /// What stood in [`ENCRYPTED`].
    pub encrypted: Option<String>,
}

impl Parted {
    /// Takes the words out of the message of an event of this type. `None`: there are none in it, and none are encrypted in it.
    ///
    /// # Errors
    ///
    /// When it cannot be read, so that nobody knows whether there are any.
    pub fn of(kind: EventType, message: &[u8]) -> Result<Option<Self>, DecodeError> {
        if FIELDS[kind as usize].is_empty() {
            return Ok(None);
        }
        let unreadable = |error: serde_json::Error| DecodeError::NotCloudEvent(error.to_string());
        let mut event: Attributes = serde_json::from_slice(message).map_err(unreadable)?;
        let mut data = data_of(&event).map_err(unreadable)?;
        let words = take_words(kind, &mut data);
        let encrypted = event.remove(ENCRYPTED).and_then(|text| serde_json::from_str(text.get()).ok());
        if words.is_empty() && encrypted.is_none() {
            return Ok(None);
        }
        event.remove("data_base64");
        event.remove("data");
        Ok(Some(Self { event, data, words, encrypted }))
    }

    /// The message with this payload, and this text in [`ENCRYPTED`].
    fn message(&self, data: &Value, encrypted: Option<&str>) -> Vec<u8> {
        let mut event = self.event.clone();
        event.insert("data".to_owned(), to_raw_value(data).expect("it was JSON"));
        if let Some(text) = encrypted {
            event.insert(ENCRYPTED.to_owned(), to_raw_value(text).expect("a text is JSON"));
        }
        serde_json::to_vec(&event).expect("it was JSON")
    }

    /// The message without any words, encrypted or not.
    pub fn without(&self) -> Vec<u8> {
        self.message(&self.data, None)
    }

    /// The message with its words encrypted.
    pub fn with_encrypted(&self, text: &str) -> Vec<u8> {
        self.message(&self.data, Some(text))
    }

    /// The words as they are encrypted.
    pub fn plain(&self) -> Vec<u8> {
        serde_json::to_vec(&self.words).expect("it was JSON")
    }

    /// The message with these words in it, as they were encrypted. What is no field for such words in this type is left out.
    pub fn with_plain(&self, kind: EventType, plain: &[u8]) -> Option<Vec<u8>> {
        let words: BTreeMap<String, Value> = serde_json::from_slice(plain).ok()?;
        let mut data = self.data.clone();
        for path in &FIELDS[kind as usize] {
            let (Some((last, above)), Some(value)) = (path.split_last(), words.get(&path.join("."))) else { continue };
            let object = above.iter().try_fold(&mut data, |at, name| at.get_mut(name)).and_then(Value::as_object_mut);
            if let Some(object) = object {
                object.insert(last.clone(), value.clone());
            }
        }
        Some(self.message(&data, None))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Parted, personal_fields, speaks_of, type_of, unknown_attributes};
    use crate::event_type::EventType;
    use crate::{What, decode};

    fn created(data: &Value) -> Vec<u8> {
        json!({ "specversion": "1.0", "id": "1", "source": "/shop", "type": "fleet.order.created.v1", "authid": "ann",
            "time": "2026-06-01T09:00:00Z", "data": data })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn the_schema_says_which_fields_they_are() {
        let order = ["job.stop.address", "reference", "shipment.delivery.address", "shipment.pickup.address"];
        for kind in [EventType::OrderCreated, EventType::OrderUpdated, EventType::SlotHeld] {
            assert_eq!(personal_fields(kind), order, "{kind:?}");
        }
        assert_eq!(personal_fields(EventType::AttentionNoted), ["by", "words"]);
        let others = EventType::ALL.iter().filter(|kind| !personal_fields(**kind).is_empty()).count();
        assert_eq!(others, 4, "another type has words about a person: it must be named in `person`");
    }

    #[test]
    fn an_event_without_them_is_decided_as_with_them_and_has_nothing_of_them() {
        let stop = json!({ "lon": -8.6, "lat": 41.1, "address": "12 Elm Street" });
        let message = created(&json!({ "order_id": "o", "reference": "PO 77", "job": { "stop": stop } }));
        let parted = Parted::of(EventType::OrderCreated, &message).unwrap().unwrap();
        let without = parted.without();
        let text = String::from_utf8(without.clone()).unwrap();
        assert!(!text.contains("Elm") && !text.contains("PO 77") && text.contains("ann"), "{text}");
        let What::Event(event) = decode(&without).unwrap().what else { panic!("an order") };
        assert_eq!(decode(&message).unwrap().what, What::Event(event));
        let again = parted.with_plain(EventType::OrderCreated, &parted.plain()).unwrap();
        let (again, first): (Value, Value) =
            (serde_json::from_slice(&again).unwrap(), serde_json::from_slice(&message).unwrap());
        assert_eq!(again, first);
        let plain = created(&json!({ "order_id": "o", "job": { "stop": { "lon": -8.6, "lat": 41.1 } } }));
        assert!(Parted::of(EventType::OrderCreated, &plain).unwrap().is_none());
        // Whoever has encrypted something else changes nothing but words.
        let forged = br#"{"order_id":"p","job":{"stop":{"lon":0}},"reference":"x"}"#;
        let forged = parted.with_plain(EventType::OrderCreated, forged).unwrap();
        let What::Event(event) = decode(&forged).unwrap().what else { panic!("an order") };
        assert_eq!(decode(&message).unwrap().what, What::Event(event));
    }

    #[test]
    fn a_payload_in_base64_has_no_hiding_place() {
        let who = fleetfold_model::Person::Order(fleetfold_model::Name::new("o").unwrap());
        for beside in ["", "\"data\":null,"] {
            let message = format!(
                r#"{{"specversion":"1.0","id":"1","source":"/s","type":"fleet.order.created.v1","time":"2026-06-01T09:00:00Z",
                {beside}"data_base64":"eyJvcmRlcl9pZCI6Im8iLCJyZWZlcmVuY2UiOiJQTzc3IiwiYSI6MX0="}}"#
            );
            let message = message.as_bytes();
            let parted = Parted::of(EventType::OrderCreated, message).unwrap().unwrap();
            assert_eq!(parted.words["reference"], "PO77");
            assert!(!String::from_utf8(parted.without()).unwrap().contains("data_base64"));
            assert!(speaks_of(message, &who));
        }
        assert!(!speaks_of(b"{}", &who) && speaks_of(b"\xff o \xff", &who));
    }

    /// What the decoder takes is parted, whatever stands in attributes that nobody reads.
    #[test]
    fn no_attribute_hides_the_words_of_an_event() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let odd = [
            r#""Ana \ud83d""#.to_owned(),
            r#""\udc00""#.to_owned(),
            "1e999".to_owned(),
            "-1e-999".to_owned(),
            "123456789012345678901234567890".to_owned(),
            r#"{"a":1,"a":2,"$serde_json::private::RawValue":"x"}"#.to_owned(),
            nested(126),
            nested(127),
            nested(5_000),
        ];
        let who = fleetfold_model::Person::Order(fleetfold_model::Name::new("o").unwrap());
        for (value, name) in
            odd.iter().flat_map(|value| ["operator", "traceparentx", "x", "encrypted"].map(|name| (value, name)))
        {
            let data = r#"{"order_id":"o","reference":"PO 77","job":{"stop":{"lon":-8.6,"lat":41.1,"address":"12 Elm Street"}}}"#;
            let whole = format!(
                r#"{{"specversion":"1.0","id":"1","source":"/s","type":"fleet.order.created.v1","time":"2026-06-01T09:00:00Z","data":{data},"{name}":{value}}}"#
            );
            let told = decode(whole.as_bytes());
            assert!(told.is_ok(), "{told:?}");
            assert!(speaks_of(whole.as_bytes(), &who) && type_of(whole.as_bytes()) == Some(EventType::OrderCreated));
            let parted = Parted::of(EventType::OrderCreated, whole.as_bytes()).unwrap().expect("it has words");
            for stored in [parted.without(), parted.with_encrypted("sealed")] {
                let text = String::from_utf8(stored.clone()).unwrap();
                assert!(!text.contains("Elm") && !text.contains("PO 77"), "{text}");
                assert_eq!(decode(&stored).unwrap().what, told.as_ref().unwrap().what);
                let again = Parted::of(EventType::OrderCreated, &stored).unwrap();
                assert!(
                    again.is_none_or(|again| again.words.is_empty() && again.encrypted.as_deref() == Some("sealed"))
                );
            }
            let opened = parted.with_plain(EventType::OrderCreated, &parted.plain()).unwrap();
            assert_eq!(Parted::of(EventType::OrderCreated, &opened).unwrap().unwrap().words, parted.words);
        }
    }

    #[test]
    fn attributes_that_nobody_knows_are_named() {
        let message =
            br#"{"specversion":"1.0","id":"1","operator":"ann","tracestate":"x","customername":"ZYX","data":{"a":1}}"#;
        assert_eq!(unknown_attributes(message), ["customername"]);
        assert_eq!(unknown_attributes(b"[1]"), [""; 0]);
    }
}

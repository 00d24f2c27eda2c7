//! The words about a person: which fields they are, taking them out of an event and putting them back.
//!
//! Which fields hold them says the schema of a type, by `"x-personal": true`; there is no other list. They are words for people that
//! no decision reads, so an event without them is folded exactly as one with them. In the log they stand in the attribute
//! [`ENCRYPTED`], under a key that can be destroyed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fleetfold_model::{Event, NotedItem, Person};
use serde_json::{Map, Value};

use crate::base64;
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

/// Whom an event speaks of, as far as its type says: an order, else a vehicle. Of a message that is no event of ours, the same is read
/// from where an event has it.
pub fn speaks_of(message: &[u8], person: &Person) -> bool {
    let Ok(event) = serde_json::from_slice::<Value>(message) else {
        // What cannot be read at all names somebody where his id stands in it.
        let (Person::Order(name) | Person::Driver(name)) = person;
        return message.windows(name.as_str().len()).any(|part| part == name.as_str().as_bytes());
    };
    let data = data_of(&event);
    let names = |field: &str, name: &str| data.get(field).and_then(Value::as_str) == Some(name);
    match person {
        Person::Order(name) => names("order_id", name.as_str()),
        Person::Driver(name) => names("vehicle_id", name.as_str()),
    }
}

/// The payload, which may arrive as Base64.
fn data_of(event: &Value) -> Value {
    let coded = || {
        let bytes = base64::decode(event.get("data_base64")?.as_str()?)?;
        serde_json::from_slice(&bytes).ok()
    };
    event.get("data").cloned().or_else(coded).unwrap_or(Value::Null)
}

/// An event without its words about a person, and these words.
#[derive(Clone, Debug, PartialEq)]
pub struct Parted {
    /// The event as it was, without them, and without [`ENCRYPTED`].
    event: Map<String, Value>,
    /// The words, by the paths of their fields.
    pub words: BTreeMap<String, Value>,
    /// What stood in [`ENCRYPTED`].
    pub encrypted: Option<String>,
}

impl Parted {
    /// Takes the words out of the message of an event of this type. `None`: there are none in it, and none are encrypted in it.
    pub fn of(kind: EventType, message: &[u8]) -> Option<Self> {
        let fields = &FIELDS[kind as usize];
        if fields.is_empty() {
            return None;
        }
        let mut event: Map<String, Value> = serde_json::from_slice(message).ok()?;
        let mut data = data_of(&Value::Object(event.clone()));
        let mut words = BTreeMap::new();
        for path in fields {
            let Some((last, above)) = path.split_last() else { continue };
            let object = above.iter().try_fold(&mut data, |at, name| at.get_mut(name)).and_then(Value::as_object_mut);
            if let Some(value) = object.and_then(|object| object.remove(last)).filter(|value| !value.is_null()) {
                words.insert(path.join("."), value);
            }
        }
        let encrypted = event.remove(ENCRYPTED).and_then(|text| text.as_str().map(str::to_owned));
        if words.is_empty() && encrypted.is_none() {
            return None;
        }
        event.remove("data_base64");
        event.insert("data".to_owned(), data);
        Some(Self { event, words, encrypted })
    }

    /// The message without any words, encrypted or not.
    pub fn without(&self) -> Vec<u8> {
        serde_json::to_vec(&self.event).expect("it was JSON")
    }

    /// The message with its words encrypted.
    pub fn with_encrypted(&self, text: &str) -> Vec<u8> {
        let mut event = self.event.clone();
        event.insert(ENCRYPTED.to_owned(), text.into());
        serde_json::to_vec(&event).expect("it was JSON")
    }

    /// The words as they are encrypted.
    pub fn plain(&self) -> Vec<u8> {
        serde_json::to_vec(&self.words).expect("it was JSON")
    }

    /// The message with these words in it, as they were encrypted. What is no field for such words in this type is left out.
    pub fn with_plain(&self, kind: EventType, plain: &[u8]) -> Option<Vec<u8>> {
        let words: BTreeMap<String, Value> = serde_json::from_slice(plain).ok()?;
        let mut event = self.event.clone();
        let data = event.get_mut("data")?;
        for path in &FIELDS[kind as usize] {
            let (Some((last, above)), Some(value)) = (path.split_last(), words.get(&path.join("."))) else { continue };
            let object = above.iter().try_fold(&mut *data, |at, name| at.get_mut(name)).and_then(Value::as_object_mut);
            if let Some(object) = object {
                object.insert(last.clone(), value.clone());
            }
        }
        serde_json::to_vec(&event).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Parted, personal_fields, speaks_of};
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
        let parted = Parted::of(EventType::OrderCreated, &message).unwrap();
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
        assert_eq!(Parted::of(EventType::OrderCreated, &plain), None);
        // Whoever has encrypted something else changes nothing but words.
        let forged = br#"{"order_id":"p","job":{"stop":{"lon":0}},"reference":"x"}"#;
        let forged = parted.with_plain(EventType::OrderCreated, forged).unwrap();
        let What::Event(event) = decode(&forged).unwrap().what else { panic!("an order") };
        assert_eq!(decode(&message).unwrap().what, What::Event(event));
    }

    #[test]
    fn a_payload_in_base64_has_no_hiding_place() {
        let message = br#"{"specversion":"1.0","id":"1","source":"/s","type":"fleet.order.created.v1","time":"2026-06-01T09:00:00Z",
            "data_base64":"eyJvcmRlcl9pZCI6Im8iLCJyZWZlcmVuY2UiOiJQTzc3IiwiYSI6MX0="}"#;
        let parted = Parted::of(EventType::OrderCreated, message).unwrap();
        assert_eq!(parted.words["reference"], "PO77");
        assert!(!String::from_utf8(parted.without()).unwrap().contains("data_base64"));
        let who = fleetfold_model::Person::Order(fleetfold_model::Name::new("o").unwrap());
        assert!(speaks_of(message, &who) && !speaks_of(b"{}", &who) && speaks_of(b"\xff o \xff", &who));
    }
}

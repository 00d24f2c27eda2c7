//! What people call an order and its stops: words that decide nothing and are in no fleet. Whoever shows orders reads them here.

use fleetfold_model::{Event, Name, SlotHeld};
use serde_json::Value;

use crate::envelope::CloudEvent;
use crate::event_type::EventType;
use crate::event_v1::OrderV1;
use crate::read_v1;

/// What people call an order and its stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// What the order is called elsewhere.
    pub reference: Option<String>,
    /// The address of its pickup.
    pub pickup: Option<String>,
    /// The address of its delivery, or of the stop of a job.
    pub delivery: Option<String>,
    /// Not what the order is called, but what the person is called who has sent the event ([`sender`]).
    pub sender: Option<String>,
}

impl Labels {
    /// What an order is called after it was called something once more: what the later words leave out stays. Who sent them is not kept.
    pub fn take(&mut self, later: Self) {
        let Self { reference, pickup, delivery, sender: _ } = later;
        self.reference = reference.or(self.reference.take());
        self.pickup = pickup.or(self.pickup.take());
        self.delivery = delivery.or(self.delivery.take());
    }

    /// True where nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Puts these words into an event that asks for an order: nobody has sent it, and it says of an order what its producer said elsewhere. One that
    /// asks for none stays as it is.
    pub fn put_into(&self, event: &mut CloudEvent) {
        if EventType::named(&event.kind) != Some(EventType::OrderCreated) {
            return;
        }
        let mut put = |path: &str, field: &str, words: &Option<String>| {
            if let (Some(Value::Object(place)), Some(words)) = (event.data.pointer_mut(path), words) {
                place.insert(field.to_owned(), words.clone().into());
            }
        };
        put("", "reference", &self.reference);
        put("/job/stop", "address", &self.delivery);
        put("/shipment/pickup", "address", &self.pickup);
        put("/shipment/delivery", "address", &self.delivery);
    }

    /// The order that an event may call something: one that is asked for, changed, or kept a slot for.
    pub fn order_of(event: &Event) -> Option<&Name> {
        if let Event::OrderCreated(order) | Event::SlotHeld(SlotHeld { order, .. }) = event {
            Some(&order.name)
        } else if let Event::OrderUpdated(change) = event {
            Some(&change.order)
        } else {
            None
        }
    }

    /// What such an event calls its order; nothing for all other events, and for what cannot be read.
    pub fn of(message: &[u8]) -> Self {
        if !may_label(message) {
            return Self::default();
        }
        let Ok(event) = serde_json::from_slice::<CloudEvent>(message) else { return Self::default() };
        let kinds = [EventType::OrderCreated, EventType::OrderUpdated, EventType::SlotHeld];
        if !EventType::named(&event.kind).is_some_and(|kind| kinds.contains(&kind)) {
            return Self::default();
        }
        let raw = serde_json::from_value::<OrderV1>(event.data.clone()).ok();
        raw.and_then(|raw| read_v1::labels(&raw).ok()).unwrap_or_default()
    }
}

/// The longest name of a sender that is told, in characters: that of the page's field.
const SENDER_MAX: usize = 60;

/// What the person is called who has sent an event: `authid` of one who has logged in, otherwise `operator`, which is what he calls himself and
/// proves nothing. `None`: no person says that it is his.
pub fn sender(message: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Signed {
        authid: Option<String>,
        authtype: Option<String>,
        operator: Option<String>,
    }
    // Most events are of programs, and reading one costs microseconds.
    let text = std::str::from_utf8(message).ok()?;
    if !["authtype", "operator"].iter().any(|word| text.contains(word)) {
        return None;
    }
    let signed: Signed = serde_json::from_str(text).ok()?;
    let name = match signed.authtype.as_deref() {
        Some("user") => signed.authid,
        Some(_) => None,
        None => signed.operator,
    };
    let name: String = name?.chars().filter(|sign| !sign.is_control()).take(SENDER_MAX).collect();
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// False where no field of a message can be one of the words: most orders have none, and reading an event costs microseconds.
fn may_label(message: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(message) else { return false };
    // A field's name may be written with escapes.
    ["reference", "address", "\\u"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use crate::envelope::CloudEvent;
    use serde_json::{Value, json};

    use fleetfold_model::Name;

    use super::Labels;
    use crate::{What, decode};

    fn created(data: &Value) -> Vec<u8> {
        let event = json!({ "specversion": "1.0", "id": "1", "source": "/shop", "type": "fleet.order.created.v1",
            "time": "2026-06-01T09:00:00Z", "data": data });
        event.to_string().into_bytes()
    }

    #[test]
    fn an_order_is_called_as_its_producer_says_and_decided_as_if_he_had_not() {
        let place = json!({ "lon": -8.6, "lat": 41.1 });
        let plain = created(&json!({ "order_id": "o", "job": { "stop": place } }));
        let mut stop = place.clone();
        stop["address"] = json!("12 Elm Street");
        let called = created(&json!({ "order_id": "o", "reference": "PO 77/a", "job": { "stop": stop } }));
        let labels = Labels::of(&called);
        assert_eq!((labels.reference.as_deref(), labels.delivery.as_deref()), (Some("PO 77/a"), Some("12 Elm Street")));
        assert!(Labels::of(&plain).is_empty() && Labels::of(b"no event").is_empty());
        let escaped = String::from_utf8(called.clone()).unwrap();
        let escaped = escaped.replace("reference", "referenc\\u0065").replace("address", "\\u0061ddress");
        assert_eq!(Labels::of(escaped.as_bytes()), labels, "a field's name may be written with escapes");
        let kept = String::from_utf8(called.clone()).unwrap().replace("order.created", "slot.held");
        let kept = kept.replace(r#""order_id""#, r#""until_time":"2026-06-01T09:30:00Z","order_id""#);
        assert_eq!(Labels::of(kept.as_bytes()), labels, "a slot is kept for an order");
        let What::Event(event) = decode(kept.as_bytes()).unwrap().what else { panic!("a slot") };
        assert_eq!(Labels::order_of(&event).map(Name::as_str), Some("o"));
        let (with, without) = (decode(&called).unwrap(), decode(&plain).unwrap());
        assert_eq!((with.what, with.warnings), (without.what, Vec::new()));
    }

    #[test]
    fn words_come_back_from_the_message_into_which_they_were_put() {
        let place = json!({ "lon": -8.6, "lat": 41.1 });
        let some = |text: &str| Some(text.to_owned());
        let job = Labels { reference: some("PO 77/a"), delivery: some("12 Elm Street"), ..Labels::default() };
        let shipment = Labels { pickup: some("Dock \"3\""), ..job.clone() };
        let orders = [
            (json!({ "order_id": "o", "job": { "stop": place } }), job),
            (json!({ "order_id": "o", "shipment": { "pickup": place, "delivery": place } }), shipment),
        ];
        for (data, labels) in orders {
            let plain = created(&data);
            let put = |labels: &Labels| {
                let mut event: CloudEvent = serde_json::from_slice(&plain).unwrap();
                labels.put_into(&mut event);
                event.to_bytes()
            };
            let called = put(&labels);
            assert_eq!(Labels::of(&called), labels);
            assert_eq!(decode(&called).unwrap().what, decode(&plain).unwrap().what, "they decide nothing");
            assert_eq!(Labels::of(&put(&Labels::default())), Labels::default());
        }
    }

    #[test]
    fn the_sender_is_the_person_who_logged_in_or_what_he_calls_himself() {
        let sent = |more: &str| super::sender(format!("{{\"id\":\"1\",{more},\"data\":{{}}}}").as_bytes());
        assert_eq!(sent("\"authtype\":\"user\",\"authid\":\"ana\",\"operator\":\"root\"").as_deref(), Some("ana"));
        assert_eq!(sent("\"operator\":\" Ana \"").as_deref(), Some("Ana"), "nobody logs in");
        assert_eq!(
            sent("\"authtype\":\"api_key\",\"authid\":\"shop\",\"operator\":\"Ana\""),
            None,
            "a program is no person"
        );
        for odd in ["\"operator\":7", "\"operator\":\" \"", "\"source\":\"/operator\""] {
            assert_eq!(sent(odd), None, "{odd}");
        }
        assert_eq!(sent(&format!("\"operator\":\"{}\"", "x".repeat(99))).map(|name| name.len()), Some(60));
    }

    #[test]
    fn words_that_are_too_long_are_an_error_with_their_field() {
        let long = "x".repeat(257);
        let error = decode(&created(
            &json!({ "order_id": "o", "reference": long, "job": { "stop": { "lon": 1.0, "lat": 1.0 } } }),
        ));
        assert!(error.unwrap_err().to_string().contains("reference"));
    }
}

//! `POST /v1/quotes`: what an order would cost in each of several slots that a customer may choose from. Nothing of it enters the log.

use fleetfold_engine::Outlook;
use fleetfold_engine::reasons::{Limits, Offer as EngineOffer, Possible, Slot, quote};
use fleetfold_fleet::Fleet;
use fleetfold_model::{Cost as Money, Event, Millis, Name, Order, OrderWork, SlotHeld, TimeWindow, Timestamp};
use fleetfold_wire::{What, decode, encode, other_coordinates};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::documents::{Offer, Quotes, SlotQuote};
use crate::failure::Failure;
use crate::view::refused_words;

/// Most slots of one quote.
const SLOTS_MAX: usize = 48;
/// Vehicles that are asked if the question does not say.
const VEHICLES: usize = 24;
/// Most vehicles that are asked.
const VEHICLES_MAX: usize = 500;

/// What is asked.
#[derive(Debug, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Question")]
pub(crate) struct Asked {
    /// The payload of an `order.created`; its `order_id` may be left out.
    order: Value,
    slots: Vec<AskedSlot>,
    #[serde(default)]
    accept: Accept,
    vehicles: Option<usize>,
    hold: Option<AskedHold>,
}

/// A slot is to be kept.
#[derive(Debug, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedHold {
    /// For so long.
    minutes: f64,
    /// Which, by its place in the list; without it the cheapest.
    slot: Option<usize>,
}

#[derive(Debug, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedSlot {
    opens: String,
    closes: String,
}

/// Limits of acceptance.
#[derive(Debug, Default, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Accept {
    nobody_late: bool,
    delay_max_seconds: Option<f64>,
    cost_max: Option<f64>,
}

/// A question that was read.
#[derive(Debug)]
pub(crate) struct Question {
    order: Order,
    /// The same as it was asked, with what it and its stops are called.
    words: Value,
    slots: Vec<Slot>,
    limits: Limits,
    vehicles: usize,
    /// For how long a slot is to be kept, and which.
    hold: Option<(Millis, Option<usize>)>,
}

/// Longest time for which a slot is kept: a day.
const HOLD_MINUTES_MAX: f64 = 1440.0;

impl Question {
    /// Reads a question. `now`: zone time.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub(crate) fn read(body: &[u8], fleet: &Fleet, now: Timestamp) -> Result<Self, Failure> {
        let example =
            "send {\"order\":{…},\"slots\":[{\"opens\":\"2026-06-01T14:00:00Z\",\"closes\":\"2026-06-01T16:00:00Z\"}]}";
        let asked: Asked = serde_json::from_slice(body)
            .map_err(|error| Failure::new(format!("the body is no question: {error}"), example))?;
        if asked.slots.is_empty() || asked.slots.len() > SLOTS_MAX {
            return Err(Failure::new(
                format!("`slots`: {} of them, 1 to {SLOTS_MAX} are taken", asked.slots.len()),
                example,
            ));
        }
        let vehicles = asked.vehicles.unwrap_or(VEHICLES);
        if !(1..=VEHICLES_MAX).contains(&vehicles) {
            return Err(Failure::new(
                format!("`vehicles`: {vehicles} is not between 1 and {VEHICLES_MAX}"),
                "24 are asked without it",
            ));
        }
        let slots = asked.slots.iter().enumerate().map(|(index, slot)| slot_of(index, slot));
        let slots = slots.collect::<Result<_, Failure>>()?;
        let limits = Limits {
            nobody_late: asked.accept.nobody_late,
            delay_max: not_negative("delay_max_seconds", asked.accept.delay_max_seconds, 1e3)?.map(Millis),
            cost_max: not_negative("cost_max", asked.accept.cost_max, 1e6)?.map(Money),
        };
        let hold = asked.hold.map(|hold| hold_of(&hold, &asked.order, asked.slots.len())).transpose()?;
        let words = asked.order.clone();
        Ok(Self { order: order_of(asked.order, fleet, now)?, words, slots, limits, vehicles, hold })
    }
}

fn hold_of(hold: &AskedHold, order: &Value, slots: usize) -> Result<(Millis, Option<usize>), Failure> {
    if !(hold.minutes > 0.0 && hold.minutes <= HOLD_MINUTES_MAX) {
        return Err(Failure::new(
            format!("`hold.minutes`: {} is not above 0 and at most {HOLD_MINUTES_MAX}", hold.minutes),
            "say for how long the slot is to be kept",
        ));
    }
    if let Some(slot) = hold.slot.filter(|&slot| slot >= slots) {
        return Err(Failure::new(format!("`hold.slot`: there is no slot {slot}"), "the first one is 0"));
    }
    if order.get("order_id").is_none() {
        return Err(Failure::new(
            "`order.order_id` is missing: a slot is kept under the id of the order that the customer may place",
            "give the order an id; with it the slot is taken (order.confirmed) or given back (order.cancelled)",
        ));
    }
    Ok((Millis((hold.minutes * 60_000.0).round() as i64), hold.slot))
}

/// The event that keeps a slot, which slot that is, and until when.
pub(crate) struct Keeps {
    pub(crate) event: Vec<u8>,
    pub(crate) order: Name,
    pub(crate) slot: usize,
    pub(crate) until: Timestamp,
}

/// The event that keeps the slot that was asked for; `None`: none was asked for.
///
/// # Errors
///
/// When that slot is not accepted, or would be over before the customer has to say.
pub(crate) fn keeps(
    fleet: &Fleet,
    now: Timestamp,
    question: &Question,
    quotes: &Quotes,
) -> Result<Option<Keeps>, Failure> {
    let Some((span, slot)) = question.hold else { return Ok(None) };
    let taken = slot.or(quotes.cheapest).filter(|&slot| quotes.slots[slot].accepted);
    let Some(slot) = taken else {
        return Err(Failure::new("the slot is not accepted, so it is not kept", "ask for another slot"));
    };
    let (window, until) = (question.slots[slot], now + span);
    if window.closes() <= until {
        return Err(Failure::new(
            format!("`hold.minutes`: slot {slot} is over before the customer would have to say"),
            "keep it for less long, or ask for a later slot",
        ));
    }
    let mut order = question.order.clone();
    match &mut order.work {
        OrderWork::Job(job) => job.stop.windows = vec![window],
        OrderWork::Shipment(shipment) => shipment.delivery.windows = vec![window],
    }
    let name = order.name.clone();
    // Its id: the same question a millisecond later keeps another slot, and is refused because the order exists.
    let id = format!("{name}/{}", until.0);
    let mut event = encode(&Event::SlotHeld(SlotHeld { order, until }), fleet.zone().space, "/quotes", &id, now);
    call(&mut event.data, &question.words);
    Ok(Some(Keeps { event: event.to_bytes(), order: name, slot, until }))
}

/// What an order and its stops are called is in no fleet: it goes from the question into the event.
fn call(order: &mut Value, asked: &Value) {
    for (place, field) in [
        ("", "reference"),
        ("/job/stop", "address"),
        ("/shipment/pickup", "address"),
        ("/shipment/delivery", "address"),
    ] {
        let said = asked.pointer(place).and_then(|asked| asked.get(field)).filter(|said| said.is_string());
        if let (Some(said), Some(Value::Object(into))) = (said, order.pointer_mut(place)) {
            into.insert(field.to_owned(), said.clone());
        }
    }
}

fn not_negative(field: &str, value: Option<f64>, unit: f64) -> Result<Option<i64>, Failure> {
    match value {
        None => Ok(None),
        Some(value) if value.is_finite() && (0.0..1e9).contains(&value) => Ok(Some((value * unit).round() as i64)),
        Some(value) => Err(Failure::new(format!("`accept.{field}`: {value} is no limit"), "give a number from 0 on")),
    }
}

fn slot_of(index: usize, slot: &AskedSlot) -> Result<Slot, Failure> {
    let instant = |field: &str, text: &str| {
        let read = text.parse::<jiff::Timestamp>().map(|at| Timestamp(at.as_millisecond()));
        read.map_err(|error| {
            Failure::new(
                format!("`slots[{index}].{field}`: `{text}` is no instant: {error}"),
                "write it as in 2026-06-01T14:00:00Z",
            )
        })
    };
    let (opens, closes) = (instant("opens", &slot.opens)?, instant("closes", &slot.closes)?);
    TimeWindow::new(opens, closes).ok_or_else(|| {
        Failure::new(format!("`slots[{index}]` closes before it opens"), "put the earlier instant into `opens`")
    })
}

/// The order of a question, read as a producer's is.
fn order_of(mut data: Value, fleet: &Fleet, now: Timestamp) -> Result<Order, Failure> {
    let Some(fields) = data.as_object_mut() else {
        return Err(Failure::new("`order` is no object", "send the `data` of an `order.created`: docs/EVENTS.md"));
    };
    if !fields.contains_key("order_id") {
        // A name that no order has.
        let names = (0..=fleet.held_count()).map(|number| format!("quote-{number}"));
        let free = names.into_iter().find(|name| fleet.order_id(name).is_none());
        fields.insert("order_id".to_owned(), json!(free));
    }
    let id = fields.get("order_id").cloned();
    let time = jiff::Timestamp::from_millisecond(now.0).map(|at| at.to_string()).unwrap_or_default();
    let event = json!({
        "specversion": "1.0", "id": "quote", "source": "/quotes", "type": "fleet.order.created.v1", "subject": id, "time": time, "data": data,
    });
    let wrong = |what: String| {
        Failure::new(format!("`order`: {what}"), "send the `data` of an `order.created`: docs/EVENTS.md")
    };
    let decoded = decode(event.to_string().as_bytes()).map_err(|error| wrong(error.to_string()))?;
    if let Some(warning) = decoded.warnings.iter().find(|warning| warning.is_refused_by_strict()) {
        return Err(wrong(warning.to_string()));
    }
    if let Some(warning) = other_coordinates(decoded.kind, &decoded.envelope, fleet.zone().space) {
        return Err(wrong(warning.to_string()));
    }
    match decoded.what {
        What::Event(Event::OrderCreated(order)) => Ok(order),
        What::Event(_) | What::Position(..) => Err(wrong("it is no order".to_owned())),
    }
}

/// Answers a question.
///
/// # Errors
///
/// Why the zone would refuse the order.
pub(crate) fn answer(fleet: &Fleet, outlook: &Outlook, now: Timestamp, question: &Question) -> Result<Quotes, Failure> {
    let Question { order, slots, limits, vehicles, hold: _, words: _ } = question;
    let quoted = quote((fleet, outlook, now), order, slots, (limits, *vehicles)).map_err(|refused| {
        Failure::new(
            format!("the zone would refuse the order {}: {}", order.name, refused_words(refused)),
            "leave `order_id` out, or give one that no order has",
        )
    })?;
    let mut told = Vec::with_capacity(slots.len());
    let mut cheapest: Option<(i64, usize)> = None;
    for (index, (slot, quoted)) in slots.iter().zip(&quoted).enumerate() {
        let first = quoted.offers.first().and_then(|(_, offer)| match offer {
            EngineOffer::Possible(possible) if limits.keep(possible) => Some(possible.extra.total().0),
            EngineOffer::Possible(_) | EngineOffer::Missed(_) => None,
        });
        if let Some(cost) = first
            && cheapest.is_none_or(|(least, _)| cost < least)
        {
            cheapest = Some((cost, index));
        }
        let offers = quoted.offers.iter().map(|(vehicle, offer)| {
            let mut it = Offer::of(fleet, *vehicle, offer, first.map(Money));
            if let EngineOffer::Possible(possible) = offer {
                it.limits_broken = broken(limits, possible);
            }
            it
        });
        told.push(SlotQuote {
            opens: slot.opens().0,
            closes: slot.closes().0,
            accepted: first.is_some(),
            offers: offers.collect(),
            not_asked: quoted.not_asked,
        });
    }
    let cheapest = cheapest.map(|(_, index)| index);
    Ok(Quotes { applied: fleet.applied().0, at: now.0, cheapest, slots: told, held: None })
}

/// Which limits an offer breaks.
fn broken(limits: &Limits, offer: &Possible) -> Vec<&'static str> {
    let makes_late = offer.delays.iter().any(|delay| delay.late > delay.late_before);
    let delayed = limits.delay_max.is_some_and(|most| offer.delays.iter().any(|delay| delay.by > most));
    let dear = limits.cost_max.is_some_and(|most| offer.extra.total() > most);
    let all = [
        (offer.lateness() > Millis(0), "slot"),
        (limits.nobody_late && makes_late, "nobody_late"),
        (delayed, "delay_max_seconds"),
        (dear, "cost_max"),
    ];
    all.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, name)| name).collect()
}

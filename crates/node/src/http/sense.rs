//! What an event that came over HTTP means in its zone: another event under a used id, places in the coordinates of another zone,
//! values that make no sense for this order or this vehicle.
//!
//! Only events that are rare ask the thread of the screens, and only for a short time in one request: an event is never held up
//! for a warning.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use fleetfold_fleet::Zone;
use fleetfold_journal::Address;
use fleetfold_model::{Event, Space, Timestamp};
use fleetfold_wire::{
    CloudEvent, Decoded, Parted, Warning, What, decode, odd_in_zone, other_coordinates, place_nowhere,
};
use tokio::sync::oneshot;

use crate::clock;
use crate::doubt::{Known, Subject, doubt, subject};
use crate::live::Live;
use crate::log::{Message, Stored, Stream};
use crate::screens::Question;

/// Longest time that the questions of one request may take together.
const ASKS_MAX: Duration = Duration::from_millis(500);
/// Longest wait for the fold of a `zone.opened` that says how places are read.
const OPENED_WITHIN: Duration = Duration::from_secs(2);
/// Time between two looks at how far the fold has come.
const LOOK: Duration = Duration::from_millis(5);

/// How much longer the events of one request may ask about the state of the fleet.
pub(super) struct Patience(Duration);

impl Patience {
    pub(super) fn new() -> Self {
        Self(ASKS_MAX)
    }
}

/// Places in coordinates that the zone does not read: what is wrong with them. They would become places somewhere else.
pub(super) async fn wrong_coordinates(live: &Live, decoded: &Decoded) -> Result<(), String> {
    let wrong = |zone: &Zone| other_coordinates(decoded.kind, &decoded.envelope, zone.space);
    if wrong(&live.opened.borrow()).is_none() {
        return Ok(());
    }
    // The event that opens the zone may be in the log and not be folded yet.
    let kind = "zone_opened".to_owned();
    let opened = live.zone.subject(&Address::Event { kind, entity: "_".to_owned() });
    match live.log.last(Stream::Fleet, &opened).await {
        Ok(Some(message)) if !folded(live, message.seq, OPENED_WITHIN).await => return Ok(()),
        Ok(_) => {}
        Err(_) => return Ok(()), // the log will say so itself
    }
    let zone = live.opened.borrow().clone();
    let Some(Warning { field, detail, .. }) = wrong(&zone) else { return Ok(()) };
    let why = if zone.opened {
        "its `zone.opened` says so in `coordinates`"
    } else {
        "it does so until a `zone.opened` says something else in `coordinates`"
    };
    Err(format!("`{field}`: {}; {why}", detail.unwrap_or_default()))
}

/// A place where somebody is to drive and that nobody has filled in: what is wrong with it.
pub(super) fn nowhere(live: &Live, decoded: &Decoded) -> Option<String> {
    if live.opened.borrow().space == Space::Planar {
        return None;
    }
    let Warning { field, detail, .. } = place_nowhere(decoded.kind, &decoded.envelope)?;
    Some(format!("`{field}`: {}", detail.unwrap_or_default()))
}

/// The id of something new that no address of HTTP can name, since programs read `.` and `..` in a path as a way through it: what is
/// wrong with it. Over NATS it is taken, with a warning: what a log has can be folded for ever.
pub(super) fn unnameable(decoded: &Decoded) -> Option<String> {
    let What::Event(event) = &decoded.what else { return None };
    let Warning { field, detail, .. } = fleetfold_wire::unnameable(event)?;
    Some(format!("`{field}`: {}", detail.unwrap_or_default()))
}

/// Waits until the fold has come to an entry; false if that takes too long.
async fn folded(live: &Live, seq: u64, within: Duration) -> bool {
    let began = clock::monotonic();
    while live.applied() < seq {
        if began.elapsed() > within || live.has_ended() {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

/// What the zone's clock and coordinates say of an event: values that are probably mistakes.
pub(super) fn odd(live: &Live, decoded: &Decoded) -> Vec<Warning> {
    let zone = live.opened.borrow();
    odd_in_zone(decoded.kind, &decoded.envelope, zone.space, zone.zone_time(clock::wall()))
}

/// What the state of the fleet says of an event that is not in it yet.
pub(super) async fn doubtful(live: &Live, decoded: &Decoded, patience: &mut Patience) -> Doubted {
    let What::Event(event) = &decoded.what else { return Doubted::Nothing };
    let Some(subject) = subject(event) else { return Doubted::Nothing };
    // Most events are about things that are known, and ask nobody.
    if let Subject::Named { order, vehicle } = &subject
        && !matches!(event, Event::PriorityRaised(_))
        && live.names.has(order.as_ref(), vehicle.as_ref())
    {
        return Doubted::Nothing;
    }
    let began = clock::monotonic();
    let known = tokio::time::timeout(patience.0, ask(live, subject)).await;
    patience.0 = patience.0.saturating_sub(began.elapsed());
    let Ok(Some(known)) = known else { return Doubted::Nothing };
    let warnings = doubt(event, decoded.kind, &known);
    match known {
        Known::NoStreet(_) | Known::ChangeOver(_) if !warnings.is_empty() => Doubted::Refused(warnings),
        Known::Streets(streets, _) => Doubted::Streets(streets, warnings),
        _ if warnings.is_empty() => Doubted::Nothing,
        _ => Doubted::Odd(warnings),
    }
}

/// What the state of the fleet says of an event.
pub(super) enum Doubted {
    /// It has no effect at all: whoever sends it means something else.
    Refused(Vec<Warning>),
    /// It is probably a mistake.
    Odd(Vec<Warning>),
    /// A change of so many streets, and what of it is probably a mistake.
    Streets(usize, Vec<Warning>),
    /// Nothing.
    Nothing,
}

/// A change of the roads that is never in force: it ends before it begins, or is over already.
pub(super) fn is_never_in_force(live: &Live, decoded: &Decoded) -> Option<String> {
    let What::Event(Event::RoadClosed(change) | Event::RoadSlowed(change)) = &decoded.what else { return None };
    let until = change.until?;
    if change.from.is_some_and(|from| until <= from) {
        return Some("`until_time`: the change is over before it begins; give it a later end, or none".to_owned());
    }
    let zone = live.opened.borrow();
    let now = zone.zone_time(clock::wall());
    (zone.opened && until <= now).then(|| {
        let time = |at: Timestamp| {
            jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
        };
        format!(
            "`until_time`: {} is over: it is {} in the zone; give it a later end, or none",
            time(until),
            time(Timestamp(now.0 / 1_000 * 1_000))
        )
    })
}

/// What the fleet knows of a subject, after everything that came over HTTP so far.
async fn ask(live: &Live, subject: Subject) -> Option<Known> {
    if !folded(live, live.posted.load(Ordering::Acquire), ASKS_MAX).await {
        return None;
    }
    let (reply, answer) = oneshot::channel();
    live.questions.send(Question::Known(subject, reply)).await.ok()?;
    answer.await.ok()
}

/// What the log has under the message id of an event.
pub(super) enum Found {
    /// The event itself, or what cannot be read any more.
    Repeat,
    /// Another event of the zone; in words.
    Reused(String),
    /// Something else, which somebody has stored under the message id: no event at all, an event of another source, one of another zone, or
    /// one on a subject where its type has no place.
    Foreign,
}

/// What stands in the log under the message id of an event which was posted now.
pub(super) async fn found(live: &Live, stream: Stream, stored: Stored, event: &CloudEvent) -> Found {
    let found = match live.log.get(stream, &live.zone, stored.seq).await {
        Ok(Some(found)) => found,
        Ok(None) => return Found::Repeat,
        Err(error) => {
            tracing::debug!(%error, seq = stored.seq, "a repeat is not compared with what is stored");
            return Found::Repeat;
        }
    };
    if !is_named_so(live, &found, event) {
        return Found::Foreign;
    }
    let (event, first) = alike(live, event, &found.bytes).await;
    let what = match serde_json::from_slice::<CloudEvent>(&first) {
        Ok(first) => match event.differs(&first) {
            None => return Found::Repeat,
            Some("type") => format!("the type `{}`", first.kind.chars().take(80).collect::<String>()),
            Some(field) => format!("the same type, but another `{field}`"),
        },
        Err(_) => return Found::Foreign,
    };
    Found::Reused(format!(
        "source `{}` has used the id `{}` before: entry {} has {what}. Nothing was stored now. An id names one event of its \
         source for ever: send this event under an id that the source has never used",
        event.source, event.id, stored.seq
    ))
}

/// An event as it was posted, and one that is stored, both with their words about a person if these can still be read, else both without.
async fn alike(live: &Live, posted: &CloudEvent, stored: &Bytes) -> (CloudEvent, Bytes) {
    let Ok(decoded) = decode(stored) else { return (posted.clone(), stored.clone()) };
    let What::Event(event) = &decoded.what else { return (posted.clone(), stored.clone()) };
    if let Some(opened) = live.words.open(event, stored).await {
        return (posted.clone(), opened);
    }
    // What was stored in the clear, before or over NATS, is compared as it is.
    let parted = |message: &[u8]| Parted::of(decoded.kind, message).ok().flatten();
    if parted(stored).is_some_and(|parted| !parted.words.is_empty()) {
        return (posted.clone(), stored.clone());
    }
    let without = |message: &[u8]| parted(message).map(|parted| parted.without());
    let bare = without(&posted.to_bytes()).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let stored = without(stored).map_or_else(|| stored.clone(), Bytes::from);
    (bare.unwrap_or_else(|| posted.clone()), stored)
}

/// True when a message is an event of the zone on the subject that it belongs on, with the source and the id of this one. Whoever may publish
/// in the zone can store something else under the message id of an event.
fn is_named_so(live: &Live, message: &Message, event: &CloudEvent) -> bool {
    let Ok(decoded) = decode(&message.bytes) else { return false };
    if (&decoded.envelope.source, &decoded.envelope.id) != (&event.source, &event.id) {
        return false;
    }
    let address = match &decoded.what {
        What::Position(vehicle, ..) => Address::of_position(vehicle),
        What::Event(event) => Address::of_event(event),
    };
    live.zone.subject(&address) == message.subject
}

//! What an event says of the order or the vehicle that it is about, in words: one table for the stories on the map and for those
//! that are read out of the log.

use fleetfold_model::{
    Alert, AlertAcknowledged, AlertKind, AlertRaised, Attention, Event, LoadDirection, Name, NotedItem, OrderWork, Pin,
    StopEvent, Timestamp,
};

/// Whom a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who<'a> {
    Order(&'a Name),
    Vehicle(&'a Name),
}

/// One line of a story.
pub(crate) struct Line<'a> {
    pub(crate) who: Who<'a>,
    /// When it happened, as its reporter says; `None`: when it was logged.
    pub(crate) at: Option<Timestamp>,
    pub(crate) words: String,
}

/// True for a job to be collected: events call its only stop a delivery, and people a pickup.
pub(crate) fn is_collected(work: &OrderWork) -> bool {
    matches!(work, OrderWork::Job(job) if job.direction == LoadDirection::Pickup)
}

/// The words of a line of such a job.
pub(crate) fn collected(words: String) -> String {
    words.strip_prefix("Delivery ").map(|rest| format!("Pickup {rest}")).unwrap_or(words)
}

/// Goods came back to where they had been picked up: a report says that as it says a delivery.
pub(crate) fn brought_back(vehicle: &Name) -> String {
    format!("Goods brought back by {vehicle}")
}

/// The line of an event; `None`: it is about no order or vehicle, about several, or nothing that a story tells.
pub(crate) fn line(event: &Event) -> Option<Line<'_>> {
    let order = |name, words: String| Some(Line { who: Who::Order(name), at: None, words });
    let vehicle = |name, words: &str| Some(Line { who: Who::Vehicle(name), at: None, words: words.to_owned() });
    match event {
        Event::OrderCreated(created) => order(&created.name, "ordered".to_owned()),
        Event::OrderUpdated(change) => order(&change.order, "changed by the customer".to_owned()),
        Event::OrderReady { order: name, .. } => order(name, "goods ready".to_owned()),
        Event::OrderCancelled { order: name } => order(name, "cancelled".to_owned()),
        Event::OrderRetried(retry) => order(&retry.order, "to be tried again".to_owned()),
        Event::SlotHeld(held) => order(&held.order.name, "slot kept for the customer".to_owned()),
        Event::OrderConfirmed { order: name } => order(name, "slot taken".to_owned()),
        Event::HoldEnded(ended) => order(&ended.order, "slot not taken in time".to_owned()),
        Event::BreakStarted(pause) => vehicle(&pause.vehicle, "break began"),
        Event::BreakEnded(pause) => vehicle(&pause.vehicle, "break ended"),
        Event::ReloadStarted(call) => vehicle(&call.vehicle, "at a depot, being loaded"),
        Event::ReloadEnded(call) => vehicle(&call.vehicle, "loaded for the next trip"),
        Event::StopDeparted(stop) => Some(reported(stop, "driven to")),
        Event::StopArrived(stop) => Some(reported(stop, "reached")),
        Event::StopCompleted(stop) => Some(reported(stop, "done")),
        Event::StopFailed(stop, reason, _) => Some(reported(stop, &format!("failed ({reason:?})"))),
        Event::AssignmentRejected { vehicle, order: name } => order(name, format!("rejected by {vehicle}")),
        Event::StopPinned(Pin { order: name, vehicle }) => order(name, format!("pinned to {vehicle}")),
        Event::StopUnpinned { order: name } => order(name, "no longer pinned".to_owned()),
        Event::AssignmentForced(Pin { order: name, vehicle }) => order(name, format!("forced to {vehicle}")),
        Event::PriorityRaised(raised) => order(&raised.order, format!("priority {}", raised.priority)),
        Event::VehicleLost { vehicle: name, .. } => vehicle(name, "lost: broken down or out of contact"),
        Event::VehicleBack { vehicle: name, .. } => vehicle(name, "works again"),
        Event::ShiftStarted { vehicle: name, .. } => vehicle(name, "signed on"),
        Event::ShiftEnded { vehicle: name, .. } => vehicle(name, "signed off"),
        Event::AttentionNoted(noted) => {
            let by = noted.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            let said = noted.words.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
            let words = format!("{}{by}{said}", attention_word(noted.attention));
            match &noted.item {
                NotedItem::Order(name) => order(name, words),
                NotedItem::Vehicle(name) => vehicle(name, &words),
                NotedItem::Entry(_) => None,
            }
        }
        Event::ZoneOpened(_)
        | Event::VehicleRegistered(_)
        | Event::RoadClosed(_)
        | Event::RoadSlowed(_)
        | Event::RoadReopened(_)
        | Event::AssignmentAccepted { .. }
        | Event::PolicyChanged(_)
        | Event::PlanProposed(_)
        | Event::FeaturesLearned(_)
        | Event::VehicleLocated(_)
        | Event::BaseWritten(_)
        | Event::RepairAsked(_)
        | Event::AlertRaised(_)
        | Event::AlertCleared(_)
        | Event::AlertAcknowledged(_)
        | Event::PersonForgotten(_) => None,
    }
}

/// What happened, in words that name whom it is about: how a decision tells its trigger. `None`: nothing that makes an engine decide.
///
/// `line`: the event's [`line()`].
pub(crate) fn fact(event: &Event, line: Option<&Line<'_>>) -> Option<String> {
    if let Some(Line { who, words, .. }) = line {
        return Some(match who {
            Who::Order(name) => format!("order {name}: {words}"),
            Who::Vehicle(name) => format!("vehicle {name}: {words}"),
        });
    }
    match event {
        Event::RoadClosed(change) => Some(format!("roads closed: {}", change.change)),
        Event::RoadSlowed(change) => Some(format!("roads slowed: {}", change.change)),
        Event::RoadReopened(change) => Some(format!("roads open again: {}", change.change)),
        Event::VehicleRegistered(vehicle) => Some(format!("vehicle {}: registered", vehicle.name)),
        Event::VehicleLocated(located) => Some(format!("vehicle {}: located", located.vehicle)),
        Event::PolicyChanged(_) => Some("policy changed".to_owned()),
        Event::RepairAsked(repair) => Some(format!("asked for anew: {}", repair.what)),
        Event::AlertRaised(raised) => silent(&raised.alert).map(|name| format!("vehicle {name}: {}", raised.detail)),
        Event::AlertAcknowledged(said) => {
            silent(&said.alert).map(|name| format!("vehicle {name}: nothing is heard of it"))
        }
        _ => None,
    }
}

/// The vehicle of an alert that makes others take its work.
fn silent(alert: &Alert) -> Option<&Name> {
    alert.about().filter(|_| alert.kind() == AlertKind::Silent)
}

/// The order and the vehicle that a fact is about, for links. `line`: the event's [`line()`].
pub(crate) fn about<'a>(event: &'a Event, line: Option<&Line<'a>>) -> (Option<&'a Name>, Option<&'a Name>) {
    match event {
        Event::StopDeparted(stop)
        | Event::StopArrived(stop)
        | Event::StopCompleted(stop)
        | Event::StopFailed(stop, _, _) => (Some(&stop.order), Some(&stop.vehicle)),
        Event::AssignmentRejected { vehicle, order } => (Some(order), Some(vehicle)),
        Event::StopPinned(Pin { order, vehicle }) | Event::AssignmentForced(Pin { order, vehicle }) => {
            (Some(order), Some(vehicle))
        }
        Event::AlertRaised(AlertRaised { alert, .. }) | Event::AlertAcknowledged(AlertAcknowledged { alert, .. }) => {
            (None, silent(alert))
        }
        _ => match line.map(|line| line.who) {
            Some(Who::Order(name)) => (Some(name), None),
            Some(Who::Vehicle(name)) => (None, Some(name)),
            None => (None, None),
        },
    }
}

/// What dispatchers say of something, as one word.
pub(crate) fn attention_word(attention: Attention) -> &'static str {
    match attention {
        Attention::Acknowledged => "acknowledged",
        Attention::Snoozed => "snoozed",
        Attention::Cleared => "cleared",
    }
}

fn reported<'a>(stop: &'a StopEvent, words: &str) -> Line<'a> {
    let words = format!("{:?} {words} by {}", stop.stop, stop.vehicle);
    Line { who: Who::Order(&stop.order), at: Some(stop.at), words }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Event, Name, Pin};

    use super::{Who, line};

    #[test]
    fn a_pin_is_told_of_its_order_and_a_lost_vehicle_of_no_order_of_the_same_name() {
        let name = |text| Name::new(text).unwrap();
        let pin = Event::StopPinned(Pin { order: name("same"), vehicle: name("van") });
        let told = line(&pin).unwrap();
        assert_eq!((told.who, told.words.as_str()), (Who::Order(&name("same")), "pinned to van"));
        let lost = Event::VehicleLost { vehicle: name("same"), position: None };
        assert_eq!(line(&lost).unwrap().who, Who::Vehicle(&name("same")));
    }
}

//! What an event says of the order or the vehicle that it is about, in words: one table for the stories on the map and for those
//! that are read out of the log.

use fleetfold_model::{Event, Name, Pin, StopEvent, Timestamp};

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
        | Event::AlertAcknowledged(_) => None,
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

//! Events that make no sense for this order or this vehicle, as far as the fleet shows: taken all the same, and told.
//!
//! The HTTP door asks before an event is stored, so that its sender is told at once; whoever folds the log asks again, for those
//! that came over NATS.

use fleetfold_fleet::Fleet;
use fleetfold_model::{Event, Name};
use fleetfold_wire::{EventType, Warning};

/// What an event is about.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Order(Name),
    Vehicle(Name),
}

/// What the fleet knows of an event's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The priority of an order that is open.
    Priority(u8),
    /// The vehicle is registered.
    Registered,
    /// The vehicle is not registered.
    Unregistered,
    /// Nothing that matters.
    Nothing,
}

impl Known {
    pub(crate) fn of(fleet: &Fleet, subject: &Subject) -> Self {
        match subject {
            Subject::Order(name) => {
                let order = fleet.order_id(name.as_str()).map(|id| fleet.order(id)).filter(|order| order.is_open());
                order.and_then(|order| order.spec.as_ref()).map_or(Self::Nothing, |spec| Self::Priority(spec.priority))
            }
            Subject::Vehicle(name) => {
                let vehicle = fleet.vehicle_id(name.as_str()).map(|id| fleet.vehicle(id));
                if vehicle.is_some_and(|vehicle| vehicle.spec.is_some()) {
                    Self::Registered
                } else {
                    Self::Unregistered
                }
            }
        }
    }
}

/// What to ask about before an event is taken; `None` for all that come often.
pub(crate) fn subject(event: &Event) -> Option<Subject> {
    match event {
        Event::PriorityRaised(raised) => Some(Subject::Order(raised.order.clone())),
        // Other facts about a vehicle that nobody has named are refused by the fold, in words.
        Event::ShiftStarted { vehicle, .. } => Some(Subject::Vehicle(vehicle.clone())),
        Event::ShiftEnded { .. }
        | Event::VehicleLost { .. }
        | Event::VehicleBack { .. }
        | Event::ZoneOpened(_)
        | Event::OrderCreated(_)
        | Event::OrderUpdated(_)
        | Event::OrderReady { .. }
        | Event::OrderCancelled { .. }
        | Event::VehicleRegistered(_)
        | Event::RoadClosed(_)
        | Event::RoadSlowed(_)
        | Event::RoadReopened(_)
        | Event::StopDeparted(_)
        | Event::StopArrived(_)
        | Event::StopCompleted(_)
        | Event::StopFailed(..)
        | Event::AssignmentAccepted { .. }
        | Event::AssignmentRejected { .. }
        | Event::StopPinned(_)
        | Event::StopUnpinned { .. }
        | Event::AssignmentForced(_)
        | Event::PolicyChanged(_)
        | Event::PlanProposed(_)
        | Event::FeaturesLearned(_)
        | Event::VehicleLocated(_)
        | Event::BaseWritten(_)
        | Event::RepairAsked(_) => None,
    }
}

/// What makes no sense about an event, given what the fleet knew before it.
pub(crate) fn doubt(event: &Event, kind: EventType, known: Known) -> Option<Warning> {
    match (event, known) {
        (Event::PriorityRaised(raised), Known::Priority(before)) if raised.priority <= before => {
            let effect = if raised.priority == before { "nothing changes" } else { "it is lowered" };
            Some(Warning::odd_value(
                "priority",
                format!("{} is not higher than {before}, which it was: {effect}", raised.priority),
            ))
        }
        (_, Known::Unregistered) => {
            let detail = format!(
                "`{}` of a vehicle that nobody has registered: it gets no work, and is on no map, until `vehicle.registered` comes",
                kind.name()
            );
            Some(Warning::odd_value("vehicle_id", detail))
        }
        (_, Known::Priority(_) | Known::Registered | Known::Nothing) => None,
    }
}

//! Events that make no sense for this order, this vehicle or these roads, as far as the fleet and its network show: taken all the same,
//! and told.
//!
//! The HTTP door asks before an event is stored, so that its sender is told at once, and refuses what changes nothing; whoever folds the
//! log asks again, for those that came over NATS.

use fleetfold_fleet::Fleet;
use fleetfold_model::{Event, Name, Position, RoadTarget};
use fleetfold_roads::{Network, OffStreet};
use fleetfold_wire::{EventType, Warning};

/// What an event is about.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Order(Name),
    Vehicle(Name),
    /// Roads that are to be closed or slowed.
    Roads(RoadTarget),
    /// A change of the roads that is to end.
    RoadChange(Name),
}

/// What the fleet knows of an event's subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The priority of an order that is open.
    Priority(u8),
    /// The vehicle is registered.
    Registered,
    /// The vehicle is not registered.
    Unregistered,
    /// So many streets are meant.
    Streets(usize),
    /// No street is meant; what is near.
    NoStreet(String),
    /// No such change of the roads is in force; those that are.
    NoSuchChange(Vec<Name>),
    /// Nothing that matters.
    Nothing,
}

/// Changes of the roads that are named where one is unknown.
const NAMED_MAX: usize = 5;

impl Known {
    pub(crate) fn of(fleet: &Fleet, network: &Network, subject: &Subject) -> Self {
        match subject {
            Subject::Roads(_) if !network.has_roads() => Self::Nothing,
            Subject::Roads(target) => match network.lines_of(target).len() {
                0 => Self::NoStreet(what_is_near(network, target)),
                streets => Self::Streets(streets),
            },
            Subject::RoadChange(change) => {
                let mut open = fleet.roads().iter().filter(|(_, road)| !road.ended).map(|(name, _)| name);
                if open.clone().any(|name| name == change) {
                    Self::Nothing
                } else {
                    Self::NoSuchChange(open.by_ref().take(NAMED_MAX).cloned().collect())
                }
            }
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

/// What of a network is near roads that it does not have.
fn what_is_near(network: &Network, target: &RoadTarget) -> String {
    let far = |place: Option<&Position>| match place.and_then(|&place| network.off_street(place)) {
        Some(OffStreet::Far { metres, .. }) if metres.is_finite() => {
            format!("the nearest street is {metres:.0} m away")
        }
        _ => "there are streets near, and none in it".to_owned(),
    };
    match target {
        RoadTarget::Roads(roads) => {
            let like: Vec<String> = roads
                .iter()
                .take(1)
                .flat_map(|&road| network.roads_like(road))
                .map(|road| (road as i64).to_string())
                .collect();
            format!("the network has no such road; the nearest ids are {}", like.join(" and "))
        }
        RoadTarget::Edges(_) => "the graph file has no such edge: edges are numbered anew in every file".to_owned(),
        RoadTarget::Area(ring) => far(ring.first()),
        RoadTarget::Line { places, .. } => far(places.first()),
    }
}

/// The field of a change of the roads that says which.
fn field(target: Option<&RoadTarget>) -> &'static str {
    match target {
        Some(RoadTarget::Roads(_)) | None => "roads",
        Some(RoadTarget::Edges(_)) => "edges",
        Some(RoadTarget::Area(_)) => "area",
        Some(RoadTarget::Line { .. }) => "line",
    }
}

/// What to ask about before an event is taken; `None` for all that come often.
pub(crate) fn subject(event: &Event) -> Option<Subject> {
    match event {
        Event::PriorityRaised(raised) => Some(Subject::Order(raised.order.clone())),
        // Other facts about a vehicle that nobody has named are refused by the fold, in words.
        Event::ShiftStarted { vehicle, .. } => Some(Subject::Vehicle(vehicle.clone())),
        Event::RoadClosed(change) | Event::RoadSlowed(change) => change.target.clone().map(Subject::Roads),
        Event::RoadReopened(change) => Some(Subject::RoadChange(change.change.clone())),
        Event::ShiftEnded { .. }
        | Event::VehicleLost { .. }
        | Event::VehicleBack { .. }
        | Event::ZoneOpened(_)
        | Event::OrderCreated(_)
        | Event::OrderUpdated(_)
        | Event::OrderReady { .. }
        | Event::OrderCancelled { .. }
        | Event::VehicleRegistered(_)
        | Event::StopDeparted(_)
        | Event::StopArrived(_)
        | Event::StopCompleted(_)
        | Event::StopFailed(..)
        | Event::AssignmentAccepted { .. }
        | Event::AssignmentRejected { .. }
        | Event::StopPinned(_)
        | Event::AttentionNoted(_)
        | Event::StopUnpinned { .. }
        | Event::AssignmentForced(_)
        | Event::PolicyChanged(_)
        | Event::PlanProposed(_)
        | Event::FeaturesLearned(_)
        | Event::VehicleLocated(_)
        | Event::BaseWritten(_)
        | Event::RepairAsked(_)
        | Event::OrderRetried(_)
        | Event::SlotHeld(_)
        | Event::OrderConfirmed { .. }
        | Event::BreakStarted(_)
        | Event::BreakEnded(_)
        | Event::HoldEnded(_)
        | Event::AlertRaised(_)
        | Event::AlertCleared(_)
        | Event::AlertAcknowledged(_)
        | Event::PersonForgotten(_) => None,
    }
}

/// What makes no sense about an event, given what the fleet knew before it.
pub(crate) fn doubt(event: &Event, kind: EventType, known: &Known) -> Option<Warning> {
    match (event, known) {
        (Event::PriorityRaised(raised), Known::Priority(before)) if raised.priority <= *before => {
            let effect = if raised.priority == *before { "nothing changes" } else { "it is lowered" };
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
        (Event::RoadClosed(change) | Event::RoadSlowed(change), Known::NoStreet(near)) => {
            let detail = format!("it is about no street of this zone and has no effect: {near}");
            Some(Warning::odd_value(field(change.target.as_ref()), detail))
        }
        (Event::RoadReopened(change), Known::NoSuchChange(open)) => {
            let open: Vec<&str> = open.iter().map(Name::as_str).collect();
            let open = if open.is_empty() {
                "none is in force".to_owned()
            } else {
                format!("in force are {}", open.join(", "))
            };
            let detail = format!("no change of the roads is called {}, so nothing ends; {open}", change.change);
            Some(Warning::odd_value("change_id", detail))
        }
        (
            _,
            Known::Priority(_)
            | Known::Registered
            | Known::Streets(_)
            | Known::NoStreet(_)
            | Known::NoSuchChange(_)
            | Known::Nothing,
        ) => None,
    }
}

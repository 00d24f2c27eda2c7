//! Events that make no sense for this order, this vehicle or these roads, as far as the fleet and its network show: taken all the same,
//! and told.
//!
//! The HTTP door asks before an event is stored, so that its sender is told at once, and refuses what changes nothing; whoever folds the
//! log asks again, for those that came over NATS.

use std::sync::Arc;

use fleetfold_engine::Outlook;
use fleetfold_engine::reasons::Stand;
use fleetfold_fleet::{Fleet, RoadState};
use fleetfold_model::{Event, Name, NotedItem, OrderId, Pin, Position, RoadTarget, Timestamp, VehicleId};
use fleetfold_roads::{Network, OffStreet};
use fleetfold_wire::{EventType, Warning};

use crate::reasons::lacks;
use crate::spelling::alike;

/// What an event is about.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// An order, a vehicle, or an order and the vehicle that serves it.
    Named { order: Option<Name>, vehicle: Option<Name> },
    /// Roads that are to be closed or slowed.
    Roads(RoadTarget),
    /// A change of the roads that is to end.
    RoadChange(Name),
    /// An order that is to go to a vehicle whatever it breaks.
    Forced(Pin),
    /// A vehicle that is loaded at a depot.
    Loaded(Name),
}

impl Subject {
    /// The order and the vehicle of a pin, whatever is asked of them.
    fn named(pin: &Pin) -> Self {
        Self::Named { order: Some(pin.order.clone()), vehicle: Some(pin.vehicle.clone()) }
    }
}

/// What the fleet knows of an event's subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The priority of an order that is open.
    Priority(u8),
    /// Nobody has asked for the order, or registered the vehicle, or neither.
    Strangers { order: Option<Stranger>, vehicle: Option<Stranger> },
    /// So many streets are meant; and what of it is about none.
    Streets(usize, Option<String>),
    /// No street is meant; what is near.
    NoStreet(String),
    /// The change of the roads is over already; those that are in force.
    ChangeOver(Vec<Name>),
    /// Nothing was told of such a change of the roads; those that are in force.
    NoSuchChange(Stranger, Vec<Name>),
    /// What a vehicle lacks for an order, in words.
    Lacks(String),
    /// The vehicle is registered without depots.
    NoDepots,
    /// Nothing that matters.
    Nothing,
}

/// A name that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    name: Name,
    /// A name that is known and is spelt much like it.
    like: Option<String>,
}

/// Changes of the roads that are named where one is unknown, and unknown roads among those of a change.
const NAMED_MAX: usize = 5;

impl Known {
    /// `now`: zone time. `hints`: a name that is spelt much like an unknown one is looked for, which costs about a millisecond.
    pub(crate) fn of(fleet: &Fleet, network: &Arc<Network>, now: Timestamp, subject: &Subject, hints: bool) -> Self {
        match subject {
            Subject::Roads(_) if !network.has_roads() => Self::Nothing,
            Subject::Roads(target) => match network.lines_of(target).len() {
                0 => Self::NoStreet(what_is_near(network, target)),
                streets => Self::Streets(streets, without_street(network, target)),
            },
            Subject::RoadChange(change) => {
                // One that has ended by the clock is over, too.
                let is_open = |road: &RoadState| !road.ended && road.change.until.is_none_or(|until| now < until);
                let mut open = fleet.roads().iter().filter(|(_, road)| is_open(road)).map(|(name, _)| name);
                if open.clone().any(|name| name == change) {
                    return Self::Nothing;
                }
                let named: Vec<Name> = open.by_ref().take(NAMED_MAX).cloned().collect();
                if fleet.roads().contains_key(change) {
                    return Self::ChangeOver(named);
                }
                let is_known = |name: &str| Name::new(name).is_some_and(|name| fleet.roads().contains_key(&name));
                let like = hints.then(|| alike(change.as_str(), is_known)).flatten();
                Self::NoSuchChange(Stranger { name: change.clone(), like }, named)
            }
            Subject::Forced(pin @ Pin { order, vehicle }) => {
                let named = Subject::named(pin);
                let known = Self::of(fleet, network, now, &named, hints);
                if known.is_strange() {
                    return known;
                }
                let ids = fleet.order_id(order.as_str()).zip(fleet.vehicle_id(vehicle.as_str()));
                let is_meant = |&(order, vehicle): &(OrderId, VehicleId)| {
                    fleet.order(order).is_open() && fleet.vehicle(vehicle).spec.is_some()
                };
                let lacks = ids.filter(is_meant).and_then(|(order, vehicle)| {
                    lacks(&Stand::of(fleet, &Outlook::constant(Arc::clone(network)), now), vehicle, order)
                });
                lacks.map_or(Self::Nothing, Self::Lacks)
            }
            Subject::Loaded(vehicle) => {
                let named = Subject::Named { order: None, vehicle: Some(vehicle.clone()) };
                let known = Self::of(fleet, network, now, &named, hints);
                let spec = fleet.vehicle_id(vehicle.as_str()).and_then(|id| fleet.vehicle(id).spec.as_ref());
                let has_none = spec.is_some_and(|spec| spec.reload.is_none());
                if has_none && !known.is_strange() { Self::NoDepots } else { known }
            }
            Subject::Named { order, vehicle } => {
                let stranger = |name: &Name, is_known: &dyn Fn(&str) -> bool| Stranger {
                    name: name.clone(),
                    like: hints.then(|| alike(name.as_str(), is_known)).flatten(),
                };
                let is_order = |name: &str| fleet.order_id(name).is_some_and(|id| fleet.order(id).spec.is_some());
                let is_vehicle = |name: &str| fleet.vehicle_id(name).is_some_and(|id| fleet.vehicle(id).spec.is_some());
                let no_order = order.as_ref().filter(|name| fleet.awaits_order(name));
                let no_vehicle = vehicle.as_ref().filter(|name| fleet.awaits_vehicle(name));
                if no_order.is_some() || no_vehicle.is_some() {
                    return Self::Strangers {
                        order: no_order.map(|name| stranger(name, &is_order)),
                        vehicle: no_vehicle.map(|name| stranger(name, &is_vehicle)),
                    };
                }
                let order = order.as_ref().and_then(|name| fleet.order_id(name.as_str())).map(|id| fleet.order(id));
                let spec = order.filter(|order| order.is_open()).and_then(|order| order.spec.as_ref());
                spec.map_or(Self::Nothing, |spec| Self::Priority(spec.priority))
            }
        }
    }

    /// True where something is named that nobody knows: it may have come since.
    pub(crate) fn is_strange(&self) -> bool {
        matches!(self, Self::Strangers { .. } | Self::NoSuchChange(..))
    }
}

/// Those roads or edges of a change that a network does not have, beside others that it has.
fn without_street(network: &Network, target: &RoadTarget) -> Option<String> {
    let (strange, of): (Vec<String>, &str) = match target {
        RoadTarget::Roads(roads) => {
            let is_strange = |&&road: &&u64| network.edges_named(&RoadTarget::Roads(vec![road])).is_empty();
            let named = |&road: &u64| {
                let like: Vec<String> =
                    network.roads_like(road).into_iter().map(|road| (road as i64).to_string()).collect();
                format!("{} (nearest are {})", road as i64, like.join(" and "))
            };
            (roads.iter().filter(is_strange).map(named).collect(), "roads")
        }
        RoadTarget::Edges(edges) => {
            let is_strange = |&&edge: &&u32| network.edges_named(&RoadTarget::Edges(vec![edge])).is_empty();
            (edges.iter().filter(is_strange).map(u32::to_string).collect(), "edges")
        }
        RoadTarget::Area(_) | RoadTarget::Line { .. } => return None,
    };
    let more = strange.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = strange.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    (!strange.is_empty())
        .then(|| format!("the network has no {of} {named}{more}: they have no effect, the others have"))
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

/// What to ask about before an event is taken; `None`: nothing.
pub(crate) fn subject(event: &Event) -> Option<Subject> {
    let named = |order: Option<&Name>, vehicle: Option<&Name>| {
        Some(Subject::Named { order: order.cloned(), vehicle: vehicle.cloned() })
    };
    match event {
        Event::PriorityRaised(raised) => named(Some(&raised.order), None),
        Event::OrderUpdated(change) => named(Some(&change.order), None),
        Event::OrderRetried(retry) => named(Some(&retry.order), None),
        Event::OrderReady { order, .. } | Event::OrderCancelled { order } | Event::StopUnpinned { order } => {
            named(Some(order), None)
        }
        Event::StopDeparted(stop)
        | Event::StopArrived(stop)
        | Event::StopCompleted(stop)
        | Event::StopFailed(stop, ..) => named(Some(&stop.order), Some(&stop.vehicle)),
        Event::AssignmentRejected { vehicle, order } => named(Some(order), Some(vehicle)),
        Event::StopPinned(pin) => named(Some(&pin.order), Some(&pin.vehicle)),
        Event::ShiftStarted { vehicle, .. }
        | Event::ShiftEnded { vehicle, .. }
        | Event::VehicleLost { vehicle, .. }
        | Event::VehicleBack { vehicle, .. }
        | Event::AssignmentAccepted { vehicle, .. } => named(None, Some(vehicle)),
        Event::BreakStarted(pause) | Event::BreakEnded(pause) => named(None, Some(&pause.vehicle)),
        Event::ReloadStarted(call) | Event::ReloadEnded(call) => Some(Subject::Loaded(call.vehicle.clone())),
        Event::RoadClosed(change) | Event::RoadSlowed(change) => change.target.clone().map(Subject::Roads),
        Event::RoadReopened(change) => Some(Subject::RoadChange(change.change.clone())),
        Event::AssignmentForced(pin) => Some(Subject::Forced(pin.clone())),
        Event::AttentionNoted(noted) => match &noted.item {
            NotedItem::Order(order) => named(Some(order), None),
            NotedItem::Vehicle(vehicle) => named(None, Some(vehicle)),
            NotedItem::Entry(_) => None,
        },
        Event::ZoneOpened(_)
        | Event::OrderCreated(_)
        | Event::VehicleRegistered(_)
        | Event::PolicyChanged(_)
        | Event::PlanProposed(_)
        | Event::FeaturesLearned(_)
        | Event::VehicleLocated(_)
        | Event::BaseWritten(_)
        | Event::RepairAsked(_)
        | Event::SlotHeld(_)
        // A word for a slot that is not kept is refused by the fold, in words.
        | Event::OrderConfirmed { .. }
        | Event::HoldEnded(_)
        | Event::AlertRaised(_)
        | Event::AlertCleared(_)
        | Event::AlertAcknowledged(_)
        | Event::PersonForgotten(_) => None,
    }
}

/// The thing that an event brings into being: what was said of it before it came is no mistake any more.
pub(crate) fn comes(event: &Event) -> Option<(&'static str, &Name)> {
    match event {
        Event::OrderCreated(order) => Some((Warning::UNKNOWN_ORDER, &order.name)),
        Event::SlotHeld(held) => Some((Warning::UNKNOWN_ORDER, &held.order.name)),
        Event::VehicleRegistered(vehicle) => Some((Warning::UNKNOWN_VEHICLE, &vehicle.name)),
        Event::RoadClosed(change) | Event::RoadSlowed(change) => Some((Warning::UNKNOWN_CHANGE, &change.change)),
        _ => None,
    }
}

/// What makes no sense about an event, given what the fleet knew before it.
pub(crate) fn doubt(event: &Event, kind: EventType, known: &Known) -> Vec<Warning> {
    match (event, known) {
        (Event::PriorityRaised(raised), Known::Priority(before)) if raised.priority <= *before => {
            let effect = if raised.priority == *before { "nothing changes" } else { "it is lowered" };
            vec![Warning::odd_value(
                "priority",
                format!("{} is not higher than {before}, which it was: {effect}", raised.priority),
            )]
        }
        (Event::AssignmentForced(pin), Known::Lacks(lacks)) => {
            let detail = format!("order {} goes to vehicle {} although {lacks}", pin.order, pin.vehicle);
            vec![Warning::odd_value("vehicle_id", detail)]
        }
        (Event::ReloadStarted(call) | Event::ReloadEnded(call), Known::NoDepots) => {
            let detail = format!(
                "`{}` of {}, which is registered without `reload`: it has no depots, so that it stands there and begins no trip",
                kind.name(),
                call.vehicle
            );
            vec![Warning::odd_value("vehicle_id", detail)]
        }
        (_, Known::Strangers { order, vehicle }) => {
            let is_note = matches!(event, Event::AttentionNoted(_));
            let order = order.as_ref().map(|Stranger { name, like }| {
                let until = if is_note { "nobody sees the note beside it" } else { "nothing happens" };
                let detail = format!(
                    "`{}` of an order that nobody has asked for: {until} until `order.created` of {name} comes",
                    kind.name()
                );
                Warning::unknown_id(Warning::UNKNOWN_ORDER, "order_id", name.as_str(), like.clone(), detail)
            });
            let vehicle = vehicle.as_ref().map(|Stranger { name, like }| {
                let until =
                    if is_note { "nobody sees the note beside it" } else { "it gets no work, and is on no map," };
                let detail = format!(
                    "`{}` of a vehicle that nobody has registered: {until} until `vehicle.registered` comes",
                    kind.name()
                );
                Warning::unknown_id(Warning::UNKNOWN_VEHICLE, "vehicle_id", name.as_str(), like.clone(), detail)
            });
            order.into_iter().chain(vehicle).collect()
        }
        (Event::RoadClosed(change) | Event::RoadSlowed(change), Known::NoStreet(near)) => {
            let detail = format!("it is about no street of this zone and has no effect: {near}");
            vec![Warning::odd_value(field(change.target.as_ref()), detail)]
        }
        (Event::RoadClosed(change) | Event::RoadSlowed(change), Known::Streets(_, Some(strange))) => {
            vec![Warning::odd_value(field(change.target.as_ref()), strange.clone())]
        }
        (Event::RoadReopened(change), Known::ChangeOver(open)) => {
            let detail = format!("{} is over already, so nothing ends; {}", change.change, in_force(open));
            vec![Warning::odd_value("change_id", detail)]
        }
        (Event::RoadReopened(_), Known::NoSuchChange(Stranger { name, like }, open)) => {
            let detail = format!(
                "no change of the roads is called {name}: nothing ends now, and one of this name that was told earlier and comes later has ended; {}",
                in_force(open)
            );
            vec![Warning::unknown_id(Warning::UNKNOWN_CHANGE, "change_id", name.as_str(), like.clone(), detail)]
        }
        (
            _,
            Known::Priority(_)
            | Known::Streets(..)
            | Known::NoStreet(_)
            | Known::ChangeOver(_)
            | Known::NoSuchChange(..)
            | Known::Lacks(_)
            | Known::NoDepots
            | Known::Nothing,
        ) => Vec::new(),
    }
}

/// Changes of the roads that are in force, in words.
fn in_force(open: &[Name]) -> String {
    if open.is_empty() {
        return "none is in force".to_owned();
    }
    let open: Vec<&str> = open.iter().map(Name::as_str).collect();
    format!("in force are {}", open.join(", "))
}

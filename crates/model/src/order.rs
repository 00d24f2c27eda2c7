//! What a customer asked for.

use serde::{Deserialize, Serialize};

use crate::{Load, Millis, Name, Position, TimeWindow, Timestamp};

/// One place to serve once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopSpec {
    /// Where.
    pub position: Position,
    /// When service may start: in order of time, not overlapping. Empty means any time.
    pub windows: Vec<TimeWindow>,
    /// Time spent serving this order at the stop.
    pub service: Millis,
    /// Time spent once on arrival (parking, docking), not again for a further stop at the same place.
    pub setup: Millis,
}

/// Which way the goods of a job move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadDirection {
    /// On board from the start of the trip, left at the stop.
    Delivery,
    /// Taken on at the stop, on board to the end of the trip.
    Pickup,
}

/// An order with one stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The stop.
    pub stop: StopSpec,
    /// Which way the goods move.
    pub direction: LoadDirection,
}

/// An order with two stops: pickup before delivery, same vehicle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Where the goods are taken on.
    pub pickup: StopSpec,
    /// Where they are left.
    pub delivery: StopSpec,
}

/// The stops of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderWork {
    /// One stop.
    Job(Job),
    /// Pickup and delivery.
    Shipment(Shipment),
}

/// What a customer asked for: a job or a shipment, and under which conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The fleet system's id.
    pub name: Name,
    /// The stops.
    pub work: OrderWork,
    /// What the goods take up.
    pub load: Load,
    /// Skills the vehicle must have.
    pub skills: Vec<Name>,
    /// 0 (ordinary) to 100: what not serving it weighs beside others.
    pub priority: u8,
    /// When the goods will be ready: no pickup (or service of a job) starts before.
    pub release: Option<Timestamp>,
    /// When the customer was told the service would start at the latest; lateness counts from here
    /// (from the last window's end where there is none).
    pub promised: Option<Timestamp>,
    /// When the customer placed the order; the on-demand objective and click-to-door count from here.
    pub placed: Timestamp,
}

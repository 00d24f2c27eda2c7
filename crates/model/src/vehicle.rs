//! The things that move.

use serde::{Deserialize, Serialize};

use crate::{Load, Millis, Name, Position, TimeWindow, Timestamp};

/// What using a vehicle costs, in millionths of the zone's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VehicleCosts {
    /// Per hour of driving, waiting and service.
    pub per_hour: i64,
    /// Per kilometre.
    pub per_km: i64,
    /// Once, when the vehicle is used at all.
    pub fixed: i64,
}

impl Default for VehicleCosts {
    /// 20 an hour, 0.30 a kilometre, nothing fixed: a small van with its driver (guess, a rounded European figure).
    fn default() -> Self {
        Self { per_hour: 20_000_000, per_km: 300_000, fixed: 0 }
    }
}

/// A pause the driver must get: starts inside the window, lasts `duration`, anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// When it may start.
    pub window: TimeWindow,
    /// How long it lasts.
    pub duration: Millis,
}

/// The period a vehicle works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Work starts; the vehicle is where the shift says.
    pub starts: Timestamp,
    /// No service starts after this; with an end place, the vehicle is there by this time.
    pub ends: Timestamp,
    /// Pauses within it.
    pub breaks: Vec<Break>,
}

/// The thing that moves, as registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vehicle {
    /// The fleet system's id.
    pub name: Name,
    /// Most goods on board at once.
    pub capacity: Load,
    /// What it can do.
    pub skills: Vec<Name>,
    /// What it costs.
    pub costs: VehicleCosts,
    /// Driving time in thousandths of the network's: 1000 is as the network says, 1250 a quarter slower.
    pub time_factor: u16,
    /// Where it starts.
    pub start: Position,
    /// Where it must end; `None`: where its last stop is.
    pub end: Option<Position>,
    /// The period it works, where it is known in advance.
    pub shift: Option<Shift>,
    /// Most stops in one shift.
    pub stops_max: Option<u32>,
    /// Unloading is last in, first out.
    pub lifo: bool,
}

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

/// A place where a vehicle may be loaded again between two trips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depot {
    /// What people call it.
    pub name: Option<Name>,
    /// Where it is.
    pub position: Position,
    /// How long unloading and loading take there.
    pub service: Millis,
}

/// Where a vehicle may be loaded again between two trips, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// The depots: at least one.
    pub places: Vec<Depot>,
    /// Most times in one shift; `None`: any number.
    pub times_max: Option<u32>,
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
    /// How long its driver may drive without a break, and in one shift.
    pub driving_time: Option<DrivingRule>,
    /// Where it may be loaded again. Once it has left its start, it delivers of jobs only what it has on board or loads at one of these
    /// places. `None`: what its jobs deliver is always on board.
    pub reload: Option<Reload>,
}

/// Limits of a driver's working day, within one shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrivingRule {
    /// Longest driving without a break.
    pub driving_max: Millis,
    /// Length of a break behind which driving is counted anew.
    pub pause: Millis,
    /// A break may be taken in two parts, of which the first takes so long and the second the rest of `pause`; 0: it may not.
    pub first_part: Millis,
    /// Service that takes as long as a break counts as one.
    pub service_counts: bool,
    /// Longest driving in one shift.
    pub shift_driving_max: Option<Millis>,
    /// Longest time from the first departure of a shift to its end.
    pub duty_max: Option<Millis>,
}

impl DrivingRule {
    /// Regulation (EC) 561/2006, articles 6 to 8, within one day: 45 minutes after four and a half hours of driving, as a whole or as 15 and
    /// then 30 minutes; nine hours of driving; 13 hours from the first departure to the end.
    pub const EU_561: Self = Self {
        driving_max: Millis(270 * 60_000),
        pause: Millis(45 * 60_000),
        first_part: Millis(15 * 60_000),
        service_counts: false,
        shift_driving_max: Some(Millis(9 * 3_600_000)),
        duty_max: Some(Millis(13 * 3_600_000)),
    };
    /// 49 CFR § 395.3 of the United States, property-carrying vehicles, within one day: half an hour without driving after eight hours of
    /// driving, at work or not; eleven hours of driving; 14 hours from the first departure to the end.
    pub const US_HOS: Self = Self {
        driving_max: Millis(8 * 3_600_000),
        pause: Millis(30 * 60_000),
        first_part: Millis(0),
        service_counts: true,
        shift_driving_max: Some(Millis(11 * 3_600_000)),
        duty_max: Some(Millis(14 * 3_600_000)),
    };
}

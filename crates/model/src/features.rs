//! What was learned from driving and serving: factors of travel time, and service times. They are facts of our own in the log, so
//! that whoever replays it uses what was known then.

use serde::{Deserialize, Serialize};

use crate::{Millis, Position, Space, Timestamp};

/// A square of a zone, about two kilometres wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Squares east of the origin.
    pub x: i16,
    /// Squares north of it.
    pub y: i16,
}

impl Cell {
    /// The square that a place lies in: 0.02 degrees wide, or 2 km on a plane.
    pub fn of(space: Space, place: Position) -> Self {
        let width = match space {
            Space::Geographic => 200_000,
            Space::Planar => 2_000_000,
        };
        Self { x: place.x.div_euclid(width) as i16, y: place.y.div_euclid(width) as i16 }
    }
}

/// What a factor of travel time is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpeedKey {
    /// Class of road: 0 motorway or bridge, 1 arterial, 2 street.
    pub class: u8,
    /// Where; `None`: in the whole zone.
    pub cell: Option<Cell>,
    /// Hour of the day, local time, 0 to 23.
    pub hour: u8,
}

/// A factor of travel time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeedFeature {
    /// What it is about.
    pub key: SpeedKey,
    /// Travel time in thousandths of what the roads and the zone's hours say.
    pub permille: u32,
    /// Drives it was learned from.
    pub count: u32,
    /// Seconds of driving behind it; older ones count less.
    pub weight: u32,
    /// Event time of the newest.
    pub seen: Timestamp,
}

/// How long serving takes at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFeature {
    /// Where.
    pub place: Position,
    /// Mean time from the beginning of service to its end.
    pub service: Millis,
    /// Services it was learned from.
    pub count: u32,
    /// Event time of the newest.
    pub seen: Timestamp,
}

/// How far arrivals are from what customers are told so far ahead: the ends of the interval that holds so many of them
/// ([`crate::ETA_COVERAGE_PERCENT`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalEnds {
    /// How far ahead: a number of the engine's table, the nearest first.
    pub lead: u8,
    /// The early end, in thousandths of the scale of errors; less than `late`.
    pub early: i32,
    /// The late end.
    pub late: i32,
    /// Arrivals that they were learned from.
    pub arrivals: u32,
}

/// A new version of what was learned: only what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// One more than the version it builds on.
    pub version: u64,
    /// Everything that happened before this event time is in it, but what came later than the allowed lateness.
    pub watermark: Timestamp,
    /// Factors of travel time.
    pub speeds: Vec<SpeedFeature>,
    /// Service times.
    pub services: Vec<ServiceFeature>,
    /// How far arrivals are from what customers are told, by ascending lead.
    #[serde(default)]
    pub arrivals: Vec<ArrivalEnds>,
    /// Epoch of the engine that learned it; 0 in logs of version 0.1.
    pub epoch: u64,
}

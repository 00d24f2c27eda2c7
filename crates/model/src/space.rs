//! Places as integers. What a pair of integers means is the zone's [`Space`].

use serde::{Deserialize, Serialize};

/// How a zone's coordinates are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Space {
    /// `x` is longitude, `y` latitude, both in 1e-7 degree (WGS 84).
    #[default]
    Geographic,
    /// `x` and `y` are millimetres on a plane.
    Planar,
}

/// A place: longitude and latitude in 1e-7 degree, or millimetres on a plane, as the zone's [`Space`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Longitude in 1e-7 degree, or millimetres to the east.
    pub x: i32,
    /// Latitude in 1e-7 degree, or millimetres to the north.
    pub y: i32,
}

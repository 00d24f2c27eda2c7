//! What travel times are made from, as plain data: a file describes it, `roads` builds it.

use crate::{Position, Space};

/// One directed street segment.
#[derive(Clone, Debug, PartialEq)]
pub struct StreetEdge {
    /// Index of the node it leaves.
    pub from: u32,
    /// Index of the node it reaches.
    pub to: u32,
    /// Length in metres.
    pub metres: u32,
    /// Travel time in milliseconds, free flow.
    pub millis: u32,
    /// 0 motorway or bridge, 1 arterial, 2 street: how the map draws it.
    pub class: u8,
    /// Index of its name, or `u32::MAX`.
    pub name: u32,
    /// The id by which events name this road; both directions share it.
    pub road: u64,
}

/// How a zone's travel times come about.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkSpec {
    /// Straight lines at one speed.
    Line {
        /// How coordinates are read.
        space: Space,
        /// Speed along the straight line.
        metres_per_minute: f64,
        /// Road length in per cent of the straight line.
        detour_percent: u32,
        /// Times are rounded up to a multiple of this.
        round_up_seconds: u32,
    },
    /// A table between known places; anything else snaps to the nearest of them.
    Table {
        /// How coordinates are read.
        space: Space,
        /// The places.
        places: Vec<Position>,
        /// Row by row, seconds.
        seconds: Vec<u32>,
        /// Row by row, metres.
        metres: Vec<u32>,
    },
    /// Streets.
    Graph {
        /// Junctions (longitude and latitude).
        nodes: Vec<Position>,
        /// Directed segments.
        edges: Vec<StreetEdge>,
        /// Names of streets.
        names: Vec<String>,
    },
}

impl Default for NetworkSpec {
    /// Great circles at 30 km/h with three tenths of detour: a city without a map (guess).
    fn default() -> Self {
        Self::Line { space: Space::Geographic, metres_per_minute: 500.0, detour_percent: 130, round_up_seconds: 0 }
    }
}

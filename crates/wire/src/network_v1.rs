//! Networks as JSON: straight lines, a table, or streets.

use fleetfold_model::{NetworkSpec, Position, Space, StreetEdge};
use serde::{Deserialize, Serialize};

/// A network as a file has it. Coordinates are integers: 1e-7 degree, or millimetres on a plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkV1 {
    /// Straight lines at one speed.
    Line {
        /// `lonlat` or `planar`.
        coordinates: String,
        /// Along the straight line.
        metres_per_minute: f64,
        /// Road length in per cent of the straight line.
        detour_percent: u32,
        /// Times are rounded up to a multiple of this.
        #[serde(default)]
        round_up_seconds: u32,
    },
    /// A table between known places.
    Table {
        /// `lonlat` or `planar`.
        coordinates: String,
        /// Pairs.
        places: Vec<[i32; 2]>,
        /// Row by row.
        seconds: Vec<u32>,
        /// Row by row.
        metres: Vec<u32>,
    },
    /// Streets.
    Graph {
        /// Pairs.
        nodes: Vec<[i32; 2]>,
        /// from, to, metres, milliseconds, class, name (4294967295: none), road.
        edges: Vec<(u32, u32, u32, u32, u8, u32, u64)>,
        /// Names of streets.
        names: Vec<String>,
    },
}

fn space(text: &str) -> Result<Space, String> {
    match text {
        "lonlat" => Ok(Space::Geographic),
        "planar" => Ok(Space::Planar),
        other => Err(format!("coordinates `{other}`: neither `lonlat` nor `planar`")),
    }
}

fn space_word(space: Space) -> String {
    match space {
        Space::Geographic => "lonlat",
        Space::Planar => "planar",
    }
    .to_owned()
}

fn positions(pairs: Vec<[i32; 2]>) -> Vec<Position> {
    pairs.into_iter().map(|[x, y]| Position { x, y }).collect()
}

/// Reads a network description.
///
/// # Errors
///
/// A sentence saying what is wrong.
pub fn network_from_json(value: serde_json::Value) -> Result<NetworkSpec, String> {
    let raw: NetworkV1 = serde_json::from_value(value).map_err(|error| format!("not a network: {error}"))?;
    Ok(match raw {
        NetworkV1::Line { coordinates, metres_per_minute, detour_percent, round_up_seconds } => {
            NetworkSpec::Line { space: space(&coordinates)?, metres_per_minute, detour_percent, round_up_seconds }
        }
        NetworkV1::Table { coordinates, places, seconds, metres } => {
            NetworkSpec::Table { space: space(&coordinates)?, places: positions(places), seconds, metres }
        }
        NetworkV1::Graph { nodes, edges, names } => NetworkSpec::Graph {
            nodes: positions(nodes),
            edges: edges
                .into_iter()
                .map(|(from, to, metres, millis, class, name, road)| StreetEdge {
                    from,
                    to,
                    metres,
                    millis,
                    class,
                    name,
                    road,
                })
                .collect(),
            names,
        },
    })
}

/// Writes a network description.
pub fn network_to_json(spec: &NetworkSpec) -> serde_json::Value {
    let pairs = |places: &[Position]| places.iter().map(|place| [place.x, place.y]).collect();
    let raw = match spec {
        NetworkSpec::Line { space, metres_per_minute, detour_percent, round_up_seconds } => NetworkV1::Line {
            coordinates: space_word(*space),
            metres_per_minute: *metres_per_minute,
            detour_percent: *detour_percent,
            round_up_seconds: *round_up_seconds,
        },
        NetworkSpec::Table { space, places, seconds, metres } => NetworkV1::Table {
            coordinates: space_word(*space),
            places: pairs(places),
            seconds: seconds.clone(),
            metres: metres.clone(),
        },
        NetworkSpec::Graph { nodes, edges, names } => NetworkV1::Graph {
            nodes: pairs(nodes),
            edges: edges.iter().map(|e| (e.from, e.to, e.metres, e.millis, e.class, e.name, e.road)).collect(),
            names: names.clone(),
        },
    };
    serde_json::to_value(raw).expect("wire types are plain JSON")
}

//! Travel times and lengths: places in, legs out, given the state of the roads.
//!
//! A [`Network`] answers what travel between places takes. It is straight lines at one speed, a table, a routing server behind
//! a cache ([`LegSource`]), or streets ([`Streets`]), which are read from OpenStreetMap ([`osm::build`]) or from a graph file.
//! A network never changes: a closed road or another speed makes a new network, which shares the map with the old one and
//! differs in the weights, so that a search that is under way keeps the roads it began with. [`LegIndex`] says which routes
//! drive over an edge.
//!
//! A *place* is a point on the map. A *node* is an index: of a place in a table of legs, or of a junction in the hierarchy.
//!
//! Absent on purpose: vehicles, orders, files and sockets. Graph files and extracts come in as bytes.
//!
//! ```
//! use fleetfold_model::{NetworkSpec, Position, RoadTarget, StreetEdge};
//! use fleetfold_roads::{ActiveChange, Network};
//!
//! // Three junctions in a triangle (1e-7 degrees); every street takes 60 s in both directions.
//! let nodes = [(0, 0), (50_000, 0), (0, 50_000)].map(|(x, y)| Position { x, y }).to_vec();
//! let street = |(from, to): (u32, u32), road: u64| StreetEdge { from, to, millis: 60_000, metres: 500, class: 2, name: 0, road };
//! let pairs = [(0, 1), (1, 2), (2, 0)];
//! let there = pairs.iter().zip(0..).map(|(&ends, road)| street(ends, road));
//! let back = pairs.iter().zip(0..).map(|(&(from, to), road)| street((to, from), road));
//! let edges = there.chain(back).collect();
//! let network = Network::new(&NetworkSpec::Graph { nodes: nodes.clone(), edges, names: vec!["Rua".to_owned()] })?;
//! assert_eq!(network.leg(nodes[0], nodes[1]).millis, 60_000);
//!
//! // The street between them is closed: the way leads around the third junction.
//! let closed = ActiveChange { target: RoadTarget::Roads(vec![0]), time_percent: None };
//! let now = network.with_changes(&[closed]).expect("streets can be closed");
//! assert_eq!(now.leg(nodes[0], nodes[1]).millis, 120_000);
//! # Ok::<(), fleetfold_roads::NetworkError>(())
//! ```

#![expect(clippy::float_cmp, reason = "costs are whole numbers in doubles: sums and comparisons of them are exact")]

mod cch;
mod change;
mod error;
mod file;
mod graph;
mod ids;
mod label;
mod leg;
mod legs;
mod line;
mod network;
mod order;
pub mod osm;
mod profile;
mod server;
mod speeds;
mod street;
mod streets;
mod table;
mod tables;

pub use change::{ActiveChange, WeightChange};
pub use error::NetworkError;
pub use file::{FileError, VERSIONS_READ, is_graph_file};
pub use ids::{EdgeId, JunctionId};
pub use leg::{Leg, UNREACHABLE_MILLIS};
pub use legs::LegIndex;
pub use line::crow;
pub use network::{LegTable, Network};
pub use server::{LegAnswer, LegQuery, LegSource};
pub use speeds::Speeds;
pub use street::{Beside, Driven, OffStreet, Street};
pub use streets::{Dropped, Streets};

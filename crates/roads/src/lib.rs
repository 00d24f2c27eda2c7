//! Travel times and lengths: places in, legs out, given the state of the roads.
//!
//! A [`Network`] is immutable: a change of the roads makes a new one that shares the map and differs in its weights, so that
//! a search under way keeps the roads it began with.
//!
//! Absent on purpose: vehicles, orders, files.

#![expect(clippy::float_cmp, reason = "costs are whole numbers in doubles: sums and comparisons of them are exact")]

mod cch;
mod file;
mod graph;
mod ids;
mod label;
mod legs;
mod line;
mod network;
mod order;
pub mod osm;
mod server;
mod streets;
mod table;
mod tables;

pub use file::{FileError, is_graph_file};
pub use ids::{EdgeId, JunctionId};
pub use legs::LegIndex;
pub use network::{
    ActiveChange, Driven, Leg, LegTable, Network, NetworkError, Speeds, Street, UNREACHABLE_MILLIS, WeightChange,
};
pub use server::LegSource;
pub use streets::{Dropped, Streets};

//! Travel times and lengths: places in, legs out, given the state of the roads.
//!
//! A [`Network`] is immutable: a change of the roads makes a new one that shares the map and differs in its weights, so that
//! a search under way keeps the roads it began with.
//!
//! Absent on purpose: vehicles, orders, files.

mod graph;
mod line;
mod network;
mod table;

pub use network::{ActiveChange, Leg, Network, NetworkError, Street, UNREACHABLE_MILLIS};

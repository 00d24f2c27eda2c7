//! OpenStreetMap extracts: bytes in, streets out. See [`build()`].

mod access;
mod apart;
mod barrier;
mod build;
mod condition;
mod error;
mod item;
mod limit;
mod measure;
mod pbf;
mod precinct;
mod raw;
mod read;
mod report;
mod restrict;
mod speed;
mod table;
mod text;
mod way;
mod xml;

pub use crate::profile::{BuildSettings, Dimensions, Profile, SNAP_METRES};
pub use build::build;
#[cfg(test)]
pub(crate) use build::network;
pub use error::OsmError;
pub use report::{Progress, Report};
pub use table::tables;

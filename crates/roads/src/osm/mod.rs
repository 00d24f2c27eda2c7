//! OpenStreetMap extracts: bytes in, streets out. See [`build`].

mod build;
mod error;
mod item;
mod pbf;
mod profile;
mod raw;
mod read;
mod report;
mod restrict;
mod xml;

pub use build::build;
pub use error::OsmError;
pub use profile::Profile;
pub use report::{Progress, Report};

//! Why bytes are no extract that streets can be built from.

/// Why bytes are no extract that streets can be built from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OsmError {
    /// None of `.osm.pbf`, `.osm`, `.osm.gz` and `.osm.bz2`.
    #[error("not an OpenStreetMap extract (.osm.pbf, .osm, .osm.gz or .osm.bz2)")]
    Foreign,
    /// Changes of a map, in which the streets that did not change are missing.
    #[error("a file of changes (.osc) and not an extract: apply it to one, for example with osmium apply-changes")]
    Changes,
    /// Cut short or changed; with what the reader of the format says.
    #[error("the extract is cut short or damaged: {0}")]
    Damaged(String),
    /// An encoding of letters that is not read.
    #[error("the extract says that its letters are encoded as {0:?}: save it as UTF-8")]
    Encoding(String),
    /// A point that is not on the globe.
    #[error("node {node} lies at {place}, outside of -180..180 and -90..90: mend it in the extract")]
    OutOfRange {
        /// OpenStreetMap's id of the point.
        node: i64,
        /// Its longitude and latitude as they were read.
        place: String,
    },
    /// No street that the profile may use.
    #[error("the extract has no street that this profile may use")]
    NoStreets,
}

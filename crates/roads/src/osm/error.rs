//! Why bytes are no extract that streets can be built from.

/// Why bytes are no extract that streets can be built from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OsmError {
    /// Neither `.osm.pbf` nor `.osm` nor `.osm.gz`.
    #[error("not an OpenStreetMap extract (.osm.pbf, .osm or .osm.gz)")]
    Foreign,
    /// Cut short or changed; with what the reader of the format says.
    #[error("the extract is cut short or damaged: {0}")]
    Damaged(String),
    /// No street that the profile may use.
    #[error("the extract has no street that this profile may use")]
    NoStreets,
}

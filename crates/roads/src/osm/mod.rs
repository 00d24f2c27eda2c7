//! OpenStreetMap extracts: bytes in, streets out.

mod build;
mod pbf;
mod profile;
mod restrict;
mod xml;

pub use build::{Progress, Report, build};
pub use profile::Profile;

/// Something an extract holds. What no street needs is left out by the readers.
pub(crate) enum Item {
    Node { id: i64, x: i32, y: i32 },
    Way(Way),
    Restriction(Restriction),
}

/// A way with a `highway` tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way {
    pub(crate) id: i64,
    pub(crate) nodes: Vec<i64>,
    pub(crate) tags: Tags,
}

/// Keys and values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags(pub(crate) Vec<(String, String)>);

impl Tags {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

/// A turn that is forbidden, or the only one allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restriction {
    pub(crate) from: Vec<i64>,
    pub(crate) to: Vec<i64>,
    pub(crate) via_nodes: Vec<i64>,
    /// In the order in which they are driven.
    pub(crate) via_ways: Vec<i64>,
    pub(crate) tags: Tags,
}

/// Which items a pass over the bytes wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nodes,
    WaysAndRestrictions,
}

/// Why bytes are no extract that streets can be built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OsmError {
    /// Neither `.osm.pbf` nor `.osm` nor `.osm.gz`.
    Foreign,
    /// The reader's own words.
    Damaged(String),
    /// No street that the profile may use.
    NoStreets,
}

impl std::fmt::Display for OsmError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => f.write_str("not an OpenStreetMap extract (.osm.pbf, .osm or .osm.gz)"),
            Self::Damaged(what) => write!(f, "the extract is cut short or damaged: {what}"),
            Self::NoStreets => f.write_str("the extract has no street that this profile may use"),
        }
    }
}

impl std::error::Error for OsmError {}

/// Bytes read at once.
const BUFFER: usize = 1 << 16;

/// Bytes that say how far they have been read.
struct Told<'a> {
    bytes: &'a [u8],
    at: usize,
    tell: &'a mut (dyn FnMut(usize) + Send),
}

impl std::io::Read for Told<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = (&self.bytes[self.at..]).read(into)?;
        self.at += read;
        (self.tell)(self.at);
        Ok(read)
    }
}

/// Reads all items of one kind, whatever the format. `tell` is told how many of the bytes have been read.
pub(crate) fn read(
    bytes: &[u8],
    wanted: Wanted,
    tell: &mut (dyn FnMut(usize) + Send),
    sink: &mut dyn FnMut(Item),
) -> Result<(), OsmError> {
    let told = |bytes, tell| std::io::BufReader::with_capacity(BUFFER, Told { bytes, at: 0, tell });
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let text = flate2::bufread::MultiGzDecoder::new(told(bytes, tell));
        return xml::read(std::io::BufReader::new(text), wanted, sink);
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.first() == Some(&b'<') {
        return xml::read(told(text, tell), wanted, sink);
    }
    // A block header's length, then its first field: the type "OSMHeader".
    if bytes.get(4..15) != Some(b"\x0a\x09OSMHeader") {
        return Err(OsmError::Foreign);
    }
    pbf::read(told(bytes, tell), wanted, sink)
}

//! Extracts of any format, told apart by their first bytes.

use std::io::BufReader;

use super::error::OsmError;
use super::item::{Item, Wanted};
use super::pbf;
use super::text::utf8;
use super::xml;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

/// Bytes that tell how many of them have been read.
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
    let told = BufReader::with_capacity(BUFFER, Told { bytes, at: 0, tell });
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let text = flate2::bufread::MultiGzDecoder::new(told);
        return xml::read(utf8(BufReader::with_capacity(BUFFER, text))?, wanted, sink);
    }
    if bytes.starts_with(b"BZh") {
        let text = bzip2::bufread::MultiBzDecoder::new(told);
        return xml::read(utf8(BufReader::with_capacity(BUFFER, text))?, wanted, sink);
    }
    // A block header's length, then its first field: the type "OSMHeader".
    if bytes.get(4..15) == Some(b"\x0a\x09OSMHeader") {
        return pbf::read(told, wanted, sink);
    }
    xml::read(utf8(told)?, wanted, sink)
}

//! The letters of an XML file: UTF-8, or an older encoding that its first line names.

use std::io::{BufRead, BufReader, Read};

use super::error::OsmError;

/// Bytes at the beginning of a file in which its first line is looked for.
const FIRST_LINE: usize = 1 << 10;

/// The letters of ISO-8859-15 that are not those of ISO-8859-1: the byte and the letter.
const LATIN_9: [(u8, char); 8] =
    [(0xa4, '€'), (0xa6, 'Š'), (0xa8, 'š'), (0xb4, 'Ž'), (0xb8, 'ž'), (0xbc, 'Œ'), (0xbd, 'œ'), (0xbe, 'Ÿ')];

/// An XML file as UTF-8, without blank lines before it (XML 1.0 allows none).
///
/// # Errors
///
/// An encoding that is not read, or bytes that do not begin like XML.
pub(crate) fn utf8<'r>(mut bytes: impl BufRead + 'r) -> Result<Box<dyn BufRead + 'r>, OsmError> {
    let damaged = |error: std::io::Error| OsmError::Damaged(error.to_string());
    loop {
        let buffer = bytes.fill_buf().map_err(damaged)?;
        let blank =
            buffer.iter().take_while(|byte| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(byte)).count();
        let all = buffer.len();
        bytes.consume(blank);
        if blank == 0 || blank < all {
            break;
        }
    }
    let mut first = Vec::new();
    bytes.by_ref().take(FIRST_LINE as u64).read_to_end(&mut first).map_err(damaged)?;
    if first.first() != Some(&b'<') {
        return Err(OsmError::Foreign);
    }
    let encoding = encoding(&first).unwrap_or_default();
    let whole = std::io::Cursor::new(first).chain(bytes);
    let nine = match encoding.as_str() {
        "" | "utf-8" | "utf8" | "us-ascii" | "ascii" => return Ok(Box::new(whole)),
        "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" => false,
        "iso-8859-15" | "iso8859-15" | "latin9" | "latin-9" => true,
        other => return Err(OsmError::Encoding(other.to_owned())),
    };
    Ok(Box::new(BufReader::new(Latin { bytes: whole, nine, left: Vec::new() })))
}

/// The encoding that an XML declaration names, in lower case.
fn encoding(first: &[u8]) -> Option<String> {
    let line = &first[..first.windows(2).position(|end| end == b"?>")?];
    let line = String::from_utf8_lossy(line.strip_prefix(b"<?xml")?).into_owned();
    let value = line.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Some(value[1..].split_once(quote)?.0.trim().to_ascii_lowercase())
}

/// Bytes of one letter each, read as UTF-8.
struct Latin<R> {
    bytes: R,
    /// ISO-8859-15 and not ISO-8859-1.
    nine: bool,
    /// Read and not yet handed on.
    left: Vec<u8>,
}

impl<R: BufRead> Read for Latin<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() {
            let buffer = self.bytes.fill_buf()?;
            let used = buffer.len();
            let letter = |&byte: &u8| {
                let special = LATIN_9.iter().find(|&&(other, _)| self.nine && other == byte);
                special.map_or(char::from(byte), |&(_, letter)| letter)
            };
            self.left = buffer.iter().map(letter).collect::<String>().into_bytes();
            self.bytes.consume(used);
        }
        let count = self.left.len().min(into.len());
        into[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::utf8;

    fn read(bytes: &[u8]) -> Option<String> {
        let mut text = String::new();
        utf8(bytes).ok()?.read_to_string(&mut text).ok()?;
        Some(text)
    }

    #[test]
    fn older_encodings_are_read_and_others_refused_by_name() {
        let latin = b"\n\n<?xml version='1.0' encoding='ISO-8859-1'?><a v='\xdf\xa4'/>";
        assert!(read(latin).is_some_and(|text| text.starts_with("<?xml") && text.contains("ß¤")));
        let nine = b"<?xml version=\"1.0\" encoding = \"ISO-8859-15\"?><a v='\xdf\xa4'/>";
        assert!(read(nine).is_some_and(|text| text.contains("ß€")));
        let plain = "\u{feff}  \r\n<a v='ß'/>".as_bytes();
        assert_eq!(read(plain).as_deref(), Some("<a v='ß'/>"));
        let error = utf8(&b"<?xml version='1.0' encoding='EBCDIC'?>"[..]).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("ebcdic") && error.contains("UTF-8")));
        assert!(read(b"\n\n").is_none() && read(b"").is_none());
    }
}

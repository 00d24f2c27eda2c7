//! A document on its way out: bytes that any number of clients share, packed once for those who take gzip, and not sent again to
//! those who have it.

use std::io::Write as _;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::OnceCell;

/// Smaller documents are sent as they are (guess: they fit into one packet).
const PACKED_FROM: usize = 1024;
/// Larger ones are packed on a thread that may block (guess: below a millisecond of packing).
const ASIDE_FROM: usize = 64 << 10;

/// JSON, and the same as gzip once somebody has asked for that.
#[derive(Debug)]
pub(crate) struct Document {
    plain: Bytes,
    packed: OnceCell<Bytes>,
    /// Its entity tag, if it has one. A weak one: figures that only time moves are not in it.
    tag: Option<String>,
}

fn pack(plain: &[u8]) -> Bytes {
    let mut packer = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    packer.write_all(plain).and_then(|()| packer.finish()).map(Bytes::from).expect("a vector takes every byte")
}

/// True when a client takes gzip: `gzip` or `*` is among its encodings, without the weight 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut any = None;
    for part in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for coding in part.split(',') {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            let taken = weight.is_ok_and(|weight| weight > 0.0);
            match name.trim() {
                name if name.eq_ignore_ascii_case("gzip") => return taken,
                "*" => any = Some(taken),
                _ => {}
            }
        }
    }
    any.unwrap_or(false)
}

/// True when a client has the document of this tag already.
pub(crate) fn has(known: &[String], tag: &str) -> bool {
    known.iter().any(|known| known == "*" || known.trim_start_matches("W/") == tag.trim_start_matches("W/"))
}

/// The tags of documents that a client has.
pub(crate) fn known(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(|tag| tag.trim().to_owned())).collect()
}

/// Tells a client that it has the document of this tag.
pub(crate) fn not_modified(tag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    tell_tag(response.headers_mut(), tag);
    response
}

fn tell_tag(headers: &mut HeaderMap, tag: &str) {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
}

impl Document {
    pub(crate) fn new(json: impl Into<Bytes>) -> Self {
        Self { plain: json.into(), packed: OnceCell::new(), tag: None }
    }

    pub(crate) fn tagged(json: String, tag: String) -> Self {
        Self { tag: Some(tag), ..Self::new(json) }
    }

    /// The JSON.
    pub(crate) fn plain(&self) -> &Bytes {
        &self.plain
    }

    async fn packed(&self) -> Bytes {
        let pack_it = || async {
            if self.plain.len() < ASIDE_FROM {
                return pack(&self.plain);
            }
            let plain = self.plain.clone();
            tokio::task::spawn_blocking(move || pack(&plain)).await.unwrap_or_default()
        };
        self.packed.get_or_init(pack_it).await.clone()
    }

    /// The answer to a client that sent these headers.
    pub(crate) async fn answer(&self, asked: &HeaderMap) -> Response {
        let json = HeaderValue::from_static("application/json");
        let mut response = if self.plain.len() >= PACKED_FROM && takes_gzip(asked) {
            let mut response = self.packed().await.into_response();
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        } else {
            self.plain.clone().into_response()
        };
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(tag) = &self.tag {
            tell_tag(response.headers_mut(), tag);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{has, known, pack, takes_gzip};

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it_and_to_nobody_else() {
        let takes = |value| takes_gzip(&headers(header::ACCEPT_ENCODING, value));
        for value in ["gzip", "GZip", "br, gzip", "deflate, gzip;q=0.5", "*", "identity;q=0, *;q=0.1"] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip;q=0.0, br", "identity", "*;q=0", "*, gzip;q=0", "gzip;q=x"] {
            assert!(!takes(value), "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_is_packed_is_what_was_there() {
        let plain = "{\"vehicles\":[1,2,3]}".repeat(10_000);
        let packed = pack(plain.as_bytes());
        assert!(packed.len() * 10 < plain.len());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain);
    }

    #[test]
    fn a_tag_is_known_weak_or_strong_alone_or_among_others() {
        let knows = |value| has(&known(&headers(header::IF_NONE_MATCH, value)), "W/\"1-2\"");
        assert!(knows("W/\"1-2\"") && knows("\"1-2\"") && knows("\"1-1\", W/\"1-2\"") && knows("*"));
        assert!(!knows("W/\"1-3\"") && !knows("1-2"));
        assert!(!has(&known(&HeaderMap::new()), "W/\"1-2\""));
    }
}

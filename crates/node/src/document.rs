//! A document on its way out: bytes that any number of clients share, packed once for those who take gzip, and not sent again to
//! those who have it.

use std::io::Write as _;

use axum::body::HttpBody as _;
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

/// JSON or a file of the page, and the same as gzip once somebody has asked for that.
#[derive(Debug)]
pub(crate) struct Document {
    plain: Bytes,
    packed: OnceCell<Bytes>,
    /// Its media type.
    kind: &'static str,
    /// How well it is packed.
    level: Compression,
    /// Its entity tag, if it has one. A weak one: figures that only time moves are not in it.
    tag: Option<String>,
}

fn pack(plain: &[u8], level: Compression) -> Bytes {
    let mut packer = GzEncoder::new(Vec::with_capacity(plain.len() / 4), level);
    packer.write_all(plain).and_then(|()| packer.finish()).map(Bytes::from).expect("a vector takes every byte")
}

/// An answer in JSON that somebody has made as text, packed for a client that takes gzip where that is worth it.
pub(crate) async fn packed(answer: Response, takes_gzip: bool) -> Response {
    let headers = answer.headers();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let size = answer.body().size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    if !kind.contains("json") || headers.contains_key(header::CONTENT_ENCODING) || size < PACKED_FROM {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    parts.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !takes_gzip {
        return Response::from_parts(parts, body);
    }
    // It is here as a whole: its size is known.
    let plain = axum::body::to_bytes(body, size).await.unwrap_or_default();
    let document = Document::new(plain);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, document.packed().await.into())
}

/// True when a client takes gzip: `gzip` or `*` is among its encodings, without the weight 0.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut any = None;
    for part in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for coding in part.split(',') {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim();
            let weight = weight.strip_prefix("q=").or(weight.strip_prefix("Q=")).map_or(Ok(1.0), str::parse::<f32>);
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
        Self {
            plain: json.into(),
            packed: OnceCell::new(),
            kind: "application/json",
            level: Compression::fast(),
            tag: None,
        }
    }

    /// A file that is part of the program: its tag says what is in it, and a client asks each time whether it has it still.
    pub(crate) fn file(kind: &'static str, bytes: &'static [u8]) -> Self {
        let tag = Some(format!("W/\"{:032x}\"", fleetfold_wire::message_hash(bytes).0));
        Self { kind, level: Compression::best(), tag, ..Self::new(bytes) }
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
                return pack(&self.plain, self.level);
            }
            let (plain, level) = (self.plain.clone(), self.level);
            tokio::task::spawn_blocking(move || pack(&plain, level)).await.unwrap_or_default()
        };
        self.packed.get_or_init(pack_it).await.clone()
    }

    /// The answer to a client that sent these headers.
    pub(crate) async fn answer(&self, asked: &HeaderMap) -> Response {
        if let Some(tag) = self.tag.as_deref().filter(|tag| has(&known(asked), tag)) {
            return not_modified(tag);
        }
        let mut response = if self.plain.len() >= PACKED_FROM && takes_gzip(asked) {
            let mut response = self.packed().await.into_response();
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        } else {
            self.plain.clone().into_response()
        };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
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

    use super::{Compression, Document, has, known, pack, packed, takes_gzip};

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it_and_to_nobody_else() {
        let takes = |value| takes_gzip(&headers(header::ACCEPT_ENCODING, value));
        for value in ["gzip", "GZip", "br, gzip", "deflate, gzip;q=0.5", "*", "identity;q=0, *;q=0.1"] {
            assert!(takes(value), "{value}");
        }
        for value in
            ["", "br", "gzip;q=0", "gzip;Q=0", "gzip;q=0.0, br", "identity", "*;q=0", "*, gzip;q=0", "gzip;q=x"]
        {
            assert!(!takes(value), "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_is_packed_is_what_was_there() {
        let plain = "{\"vehicles\":[1,2,3]}".repeat(10_000);
        let packed = pack(plain.as_bytes(), Compression::fast());
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

    #[tokio::test]
    async fn a_file_of_the_page_is_packed_and_not_sent_again() {
        let file = Document::file("text/css", include_bytes!("../assets/style.css"));
        let first = file.answer(&headers(header::ACCEPT_ENCODING, "gzip")).await;
        assert_eq!(first.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(
            (&first.headers()[header::CONTENT_TYPE], &first.headers()[header::CACHE_CONTROL]),
            (&HeaderValue::from_static("text/css"), &HeaderValue::from_static("no-cache"))
        );
        let tag = first.headers()[header::ETAG].to_str().unwrap();
        assert_eq!(file.answer(&headers(header::IF_NONE_MATCH, tag)).await.status(), 304);
        assert_eq!(
            Document::file("text/css", b"other").answer(&headers(header::IF_NONE_MATCH, tag)).await.status(),
            200
        );
    }

    #[tokio::test]
    async fn answers_in_json_are_packed_where_that_is_worth_it() {
        use axum::response::IntoResponse as _;
        let answer =
            |kind: &'static str, size: usize| ([(header::CONTENT_TYPE, kind)], "x".repeat(size)).into_response();
        let encoding = |kind, size, takes| async move {
            packed(answer(kind, size), takes).await.headers().contains_key(header::CONTENT_ENCODING)
        };
        assert!(
            encoding("application/json", 2_000, true).await && encoding("application/problem+json", 2_000, true).await
        );
        assert!(!encoding("application/json", 2_000, false).await && !encoding("application/json", 200, true).await);
        assert!(!encoding("text/plain", 2_000, true).await);
    }
}

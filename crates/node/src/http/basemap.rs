//! A map of somebody else below the streets, where the operator has named one: its address for the page, and the one exception that an address elsewhere needs in what the
//! page may load; or a file, of which the engine gives the pictures itself.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pmtiles::TileCoord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

mod file;

use self::file::MapFile;
use super::{App, POLICY, as_json, problem};
use crate::failure::Failure;
use crate::view::text;

/// Where the page finds pictures of a file: at the engine itself.
const OWN: &str = "v1/basemap/{z}/{x}/{y}";
/// A browser keeps a tile so long, in seconds, which the next file may have otherwise.
const KEPT: &str = "private, max-age=600";
/// And one of which the address says of which file it is.
const KEPT_LONG: &str = "private, max-age=604800, immutable";
/// Pictures that are read from a file at a time.
const READ_AT_ONCE: usize = 4;

/// Endings of an address whose tiles are vectors.
const VECTORS: [&str; 2] = [".mvt", ".pbf"];

/// Tiles of a map: pictures, or vectors that the page draws.
#[derive(Clone, Debug)]
pub(crate) struct Basemap {
    /// With `{z}`, `{x}` and `{y}`.
    template: String,
    /// Whose map it is, as text.
    attribution: String,
    /// Scheme, host and port: all that the page may load pictures from beside the engine. None: the pictures are the engine's.
    origin: Option<String>,
    /// Whether they are vectors.
    is_vector: bool,
    /// The file that they are in.
    file: Option<Arc<MapFile>>,
}

impl Basemap {
    /// A map at an address, or in a file.
    ///
    /// # Errors
    ///
    /// When it is neither an address of tiles nor a file of pictures or vector tiles.
    pub(crate) async fn of(place: &str, attribution: &str) -> Result<Self, Failure> {
        if place.contains("://") || place.contains("{z}") {
            return Self::new(place, attribution);
        }
        let file = MapFile::open(FilePath::new(place)).await?;
        let attribution = if attribution.is_empty() { file.attribution.clone() } else { attribution.to_owned() };
        let is_vector = file.is_vector();
        let template = format!("{OWN}?of={}", file.version);
        Ok(Self { template, attribution, origin: None, is_vector, file: Some(Arc::new(file)) })
    }

    fn new(template: &str, attribution: &str) -> Result<Self, Failure> {
        let example = "give --basemap 'https://tiles.example.org/{z}/{x}/{y}.png'";
        let fail = |what: &str| Failure::new(format!("--basemap `{template}`: {what}"), example);
        let (scheme, rest) =
            template.split_once("://").ok_or_else(|| fail("it begins with neither https:// nor http://"))?;
        if !["https", "http"].contains(&scheme) {
            return Err(fail("it begins with neither https:// nor http://"));
        }
        let (host, path) = rest.split_once('/').ok_or_else(|| fail("it has no path"))?;
        // Nothing else may come into the page's policy with it.
        if host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c)) {
            return Err(fail("it names no host (and user names and passwords are not taken)"));
        }
        if let Some(lacks) = ["{z}", "{x}", "{y}"].iter().find(|part| !path.contains(**part)) {
            return Err(fail(&format!("it lacks {lacks}")));
        }
        let origin = Some(format!("{scheme}://{host}"));
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let is_vector = VECTORS.iter().any(|end| path.ends_with(end));
        Ok(Self { template: template.to_owned(), attribution: attribution.to_owned(), origin, is_vector, file: None })
    }
}

/// What the page may do, with the tiles of this map if there is one: pictures are shown, vectors are fetched and drawn.
pub(super) fn policy(basemap: Option<&Basemap>) -> HeaderValue {
    let plain = HeaderValue::from_static(POLICY);
    let Some(Basemap { origin: Some(origin), is_vector, .. }) = basemap else { return plain };
    let may = if *is_vector { "connect-src 'self'" } else { "img-src 'self' data:" };
    let wider = POLICY.replace(may, &format!("{may} {origin}"));
    HeaderValue::from_str(&wider).unwrap_or(plain)
}

/// What the tiles of a map are.
#[derive(Clone, Copy, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum BasemapTiles {
    /// They are shown as they are.
    Pictures,
    /// Mapbox Vector Tiles, which the page draws.
    Vectors,
}

/// The map below the streets.
#[derive(JsonSchema, Serialize)]
pub(super) struct BasemapShown<'a> {
    /// The address of a tile, with `{z}`, `{x}` and `{y}`; null: there is no such map.
    url: Option<&'a str>,
    /// What its tiles are.
    tiles: BasemapTiles,
    /// Whose map it is, as text.
    attribution: &'a str,
    /// The first and the last zoom of which there are tiles, where the engine knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    zooms: Option<[u8; 2]>,
    /// The box that it covers, where the engine knows: west, south, east, north, in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    bounds: Option<[f64; 4]>,
}

/// `GET /v1/basemap`.
pub(super) async fn shown(State(app): State<Arc<App>>) -> Response {
    let basemap = app.auth.basemap();
    as_json(text(&BasemapShown {
        url: basemap.map(|basemap| basemap.template.as_str()),
        tiles: match basemap {
            Some(Basemap { is_vector: true, .. }) => BasemapTiles::Vectors,
            _ => BasemapTiles::Pictures,
        },
        attribution: basemap.map_or("", |basemap| basemap.attribution.as_str()),
        zooms: basemap.and_then(|basemap| basemap.file.as_ref()).map(|file| file.zooms().into()),
        bounds: basemap.and_then(|basemap| basemap.file.as_ref()?.bounds()),
    }))
}

/// What is asked of a tile.
#[derive(Deserialize, JsonSchema)]
pub(super) struct TileOf {
    /// The file that it is of, as the address of `GET /v1/basemap` says: tiles of this one may be kept.
    of: Option<String>,
}

/// `GET /v1/basemap/{zoom}/{x}/{y}`: a tile out of the file.
pub(super) async fn picture(
    State(app): State<Arc<App>>,
    Path((zoom, x, y)): Path<(u8, u32, u32)>,
    Query(TileOf { of }): Query<TileOf>,
) -> Response {
    static READ: Semaphore = Semaphore::const_new(READ_AT_ONCE);
    let Some(file) = app.auth.basemap().and_then(|basemap| basemap.file.clone()) else {
        let detail = "this engine has no file of a map: `serve --basemap FILE.pmtiles` names one";
        return problem(StatusCode::NOT_FOUND, "no map here", detail);
    };
    let Ok(at) = TileCoord::new(zoom, x, y) else {
        let detail = format!("zoom is 0 to {}, x and y are squares of it", pmtiles::MAX_ZOOM);
        return problem(StatusCode::BAD_REQUEST, "no such square", &detail);
    };
    let (kind, packed) = (file.kind(), file.is_packed());
    let kept = if of.is_some_and(|of| of == file.version) { KEPT_LONG } else { KEPT };
    let runtime = tokio::runtime::Handle::current();
    let _turn = READ.acquire().await;
    let read = tokio::task::spawn_blocking(move || file.picture(at, &runtime)).await;
    match read {
        Ok(Ok(Some(bytes))) => {
            let mut answer = ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)], bytes).into_response();
            if packed {
                answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            answer
        }
        // The file covers less than the world.
        Ok(Ok(None)) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(error)) => unread(&error),
        Err(error) => unread(&error),
    }
}

fn unread(error: &dyn std::fmt::Display) -> Response {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "the map cannot be read", &format!("the file of --basemap: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Basemap, POLICY, policy};

    #[test]
    fn the_page_may_load_pictures_from_the_map_and_nothing_else_from_anywhere() {
        assert_eq!(policy(None), POLICY);
        let map = Basemap::new("https://tiles.example.org:8443/a/{z}/{x}/{y}.png?key=1", "").unwrap();
        let wider = policy(Some(&map));
        let wider = wider.to_str().unwrap();
        assert!(wider.contains("img-src 'self' data: https://tiles.example.org:8443;"), "{wider}");
        assert_eq!(wider.replace(" https://tiles.example.org:8443", ""), POLICY);
    }

    #[test]
    fn vectors_of_the_map_may_be_fetched_and_are_known_by_their_ending() {
        for ending in [".mvt", ".pbf", ".pbf?key=1"] {
            let map = Basemap::new(&format!("https://tiles.example.org/{{z}}/{{x}}/{{y}}{ending}"), "").unwrap();
            let wider = policy(Some(&map));
            let wider = wider.to_str().unwrap();
            assert!(map.is_vector && wider.contains("connect-src 'self' https://tiles.example.org ws:"), "{wider}");
            assert_eq!(wider.replace(" https://tiles.example.org", ""), POLICY);
        }
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for wrong in [
            "tiles/{z}/{x}/{y}.png",
            "javascript://a/{z}/{x}/{y}",
            "https://tiles.example.org",
            "https:///{z}/{x}/{y}",
            "https://tiles.example.org/{z}/{x}.png",
            "https://a; script-src *//{z}/{x}/{y}",
            "https://user:word@tiles.example.org/{z}/{x}/{y}",
            "https://tiles.example.org\r\nX: y/{z}/{x}/{y}",
        ] {
            assert!(Basemap::new(wrong, "").is_err(), "{wrong}");
        }
    }
}

//! A map of somebody else below the streets, where the operator has named one: its address for the page, and the one exception that it needs in what the page may load.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

use super::{App, POLICY, as_json};
use crate::failure::Failure;
use crate::view::text;

/// Tiles of a map, as pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basemap {
    /// With `{z}`, `{x}` and `{y}`.
    template: String,
    /// Whose map it is, as text.
    attribution: String,
    /// Scheme, host and port: all that the page may load pictures from beside the engine.
    origin: String,
}

impl Basemap {
    /// # Errors
    ///
    /// When it is no address of tiles.
    pub(crate) fn new(template: &str, attribution: &str) -> Result<Self, Failure> {
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
        let origin = format!("{scheme}://{host}");
        Ok(Self { template: template.to_owned(), attribution: attribution.to_owned(), origin })
    }
}

/// What the page may do, with the pictures of this map if there is one.
pub(super) fn policy(basemap: Option<&Basemap>) -> HeaderValue {
    let plain = HeaderValue::from_static(POLICY);
    let Some(Basemap { origin, .. }) = basemap else { return plain };
    let wider = POLICY.replace("img-src 'self' data:", &format!("img-src 'self' data: {origin}"));
    HeaderValue::from_str(&wider).unwrap_or(plain)
}

/// The map below the streets.
#[derive(JsonSchema, Serialize)]
pub(super) struct BasemapShown<'a> {
    /// The address of a picture, with `{z}`, `{x}` and `{y}`; null: there is no such map.
    url: Option<&'a str>,
    /// Whose map it is, as text.
    attribution: &'a str,
}

/// `GET /v1/basemap`.
pub(super) async fn shown(State(app): State<Arc<App>>) -> Response {
    let basemap = app.auth.basemap();
    as_json(text(&BasemapShown {
        url: basemap.map(|basemap| basemap.template.as_str()),
        attribution: basemap.map_or("", |basemap| basemap.attribution.as_str()),
    }))
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

//! The files of the page, built into the program.

use std::sync::{Arc, LazyLock};

use crate::document::Document;

/// A file of the page: its path, its type, its bytes.
pub(crate) type Asset = (&'static str, &'static str, &'static [u8]);

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! scripts {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, SCRIPT, include_bytes!(concat!("../../assets", $path)))),+]
    };
}

/// What is sent of each file, by its path. All zones of a program share them, and what is packed of them.
pub(crate) static FILES: LazyLock<Vec<(&str, Arc<Document>)>> = LazyLock::new(|| {
    let all = ASSETS.iter().chain(SCRIPTS);
    all.map(|&(path, kind, bytes)| (path, Arc::new(Document::file(kind, bytes)))).collect()
});

/// What is no script.
pub(crate) const ASSETS: [Asset; 5] = [
    ("/", "text/html; charset=utf-8", include_bytes!("../../assets/index.html")),
    ("/login", "text/html; charset=utf-8", include_bytes!("../../assets/login.html")),
    ("/docs", "text/html; charset=utf-8", include_bytes!("../../assets/docs.html")),
    ("/style.css", STYLE, include_bytes!("../../assets/style.css")),
    ("/leaflet/leaflet.css", STYLE, include_bytes!("../../assets/leaflet/leaflet.css")),
];

/// The scripts: one purpose each.
pub(crate) const SCRIPTS: &[Asset] = scripts![
    "/docs.js",
    "/feed.js",
    "/freshness.js",
    "/login.js",
    "/session.js",
    "/leaflet/leaflet-src.esm.js",
    "/protomaps/protomaps-leaflet.js",
    "/console/acting.js",
    "/console/add-order.js",
    "/console/api.js",
    "/console/card.js",
    "/console/changes.js",
    "/console/dom.js",
    "/console/drop.js",
    "/console/fleet-canvas.js",
    "/console/hours.js",
    "/console/keys.js",
    "/console/language-pt.js",
    "/console/language.js",
    "/console/lists.js",
    "/console/main.js",
    "/console/map.js",
    "/console/notes.js",
    "/console/numbers.js",
    "/console/order-actions.js",
    "/console/order-card.js",
    "/console/parts.js",
    "/console/past-card.js",
    "/console/pieces.js",
    "/console/preferences.js",
    "/console/preview.js",
    "/console/refused.js",
    "/console/replay.js",
    "/console/roads-panel.js",
    "/console/route-sheet.js",
    "/console/search.js",
    "/console/settings.js",
    "/console/store.js",
    "/console/streets.js",
    "/console/table.js",
    "/console/time.js",
    "/console/timeline.js",
    "/console/undo.js",
    "/console/vector-map.js",
    "/console/vehicle-actions.js",
    "/console/vehicle-card.js",
    "/console/worklist.js",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::SCRIPTS;

    #[test]
    fn every_script_of_the_page_is_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/console");
        let there = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        let there: BTreeSet<String> = there.map(|name| format!("/console/{}", name.to_string_lossy())).collect();
        let served = SCRIPTS.iter().map(|&(path, ..)| path.to_owned()).filter(|path| path.starts_with("/console/"));
        assert_eq!(served.collect::<BTreeSet<_>>(), there);
    }
}

//! A map in one file (PMTiles, version 3) on the engine's own disk. Whatever stands in it: it is looked through at the start, and read within bounds from then on.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use pmtiles::{
    AsyncBackend, AsyncPmTilesReader, BackendResponse, Compression, PmtError, PmtResult, TileCoord, TileType,
};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::failure::Failure;

/// Most bytes of one picture.
const PICTURE_MAX: usize = 4 << 20;
/// Most bytes of anything else in the file. They are packed, a thousand to one at the most.
const PART_MAX: usize = 256 << 10;
/// The two forms of vector tiles that the page has a style for, by layers that each of their maps of streets has.
pub(super) const STYLED: [(&str, [&str; 2]); 2] =
    [("Protomaps", ["earth", "roads"]), ("OpenMapTiles", ["transportation", "building"])];
/// Longest text of whose map it is.
const ATTRIBUTION_MAX: usize = 500;
/// The head of a file.
const HEAD: usize = 127;
/// The parts of a file, by where the head says where they begin and how long they are.
const PARTS: [(&str, usize); 4] =
    [("its first directory", 8), ("its metadata", 24), ("its directories", 40), ("its pictures", 56)];

/// From one byte of the file to another one.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    from: u64,
    to: u64,
}

impl Part {
    fn has(self, at: u64) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// Reads the file piece by piece. One that is cut short by somebody meanwhile is an error of the piece.
struct Pieces {
    file: Mutex<File>,
    directories: Part,
    pictures: Part,
}

impl Pieces {
    fn piece(&self, offset: u64, length: usize) -> PmtResult<Bytes> {
        let is_picture = self.pictures.has(offset) && !self.directories.has(offset);
        let most = if is_picture { PICTURE_MAX } else { PART_MAX };
        if length > most {
            return Err(PmtError::Reading(std::io::Error::other(format!(
                "a part of it has {length} bytes, where {most} are the most that is read"
            ))));
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        (&mut *file).take(length as u64).read_to_end(&mut bytes)?;
        Ok(Bytes::from(bytes))
    }
}

impl AsyncBackend for Pieces {
    async fn read(&self, offset: u64, length: usize) -> PmtResult<BackendResponse> {
        self.piece(offset, length).map(BackendResponse::new)
    }
}

/// A map in a file.
pub(crate) struct MapFile {
    reader: AsyncPmTilesReader<Pieces>,
    /// Whose map the file says that it is, as text.
    pub(super) attribution: String,
    /// Another one for another file: a browser that keeps tiles of one does not show them for the other.
    pub(super) version: String,
}

impl std::fmt::Debug for MapFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MapFile").field("attribution", &self.attribution).finish_non_exhaustive()
    }
}

impl MapFile {
    /// Opens a file and looks through its head, its first directory and its metadata.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no PMTiles file, is cut short, or holds something else than pictures or vector tiles that the page can draw.
    pub(super) async fn open(path: &Path) -> Result<Self, Failure> {
        let fail = |what: &str, hint: &str| Failure::new(format!("--basemap `{}`: {what}", path.display()), hint);
        let whole = "get the file again, or look at it with `pmtiles verify`";
        let pictures = "give a PMTiles file of vector tiles (MVT), or of PNG, JPEG, WebP or AVIF pictures";
        let unread = |error: std::io::Error| {
            fail(&error.to_string(), "give the path of a PMTiles file, or an address with {z}, {x} and {y}")
        };
        // Looked at before it is opened: a pipe would be waited for.
        if !std::fs::metadata(path).map_err(unread)?.is_file() {
            return Err(fail("it is no file", pictures));
        }
        let mut file = File::open(path).map_err(unread)?;
        let about = file.metadata().map_err(unread)?;
        let written = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let version = format!("{:x}-{:x}", written.as_millis(), about.len());
        let mut head = Vec::with_capacity(HEAD);
        (&mut file).take(HEAD as u64).read_to_end(&mut head).map_err(unread)?;
        if !head.starts_with(b"PMTiles\x03") {
            return Err(fail("it is no PMTiles file of version 3", pictures));
        }
        let number =
            |at: usize| head.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
        let mut parts = [Part::default(); PARTS.len()];
        for ((name, at), part) in PARTS.into_iter().zip(&mut parts) {
            let (from, length) = (number(at), number(at + 8));
            let end = from.checked_add(length).filter(|&end| head.len() == HEAD && (length == 0 || end <= about.len()));
            let Some(to) = end else {
                let detail = format!(
                    "it is cut short or broken: {name} should be {length} bytes from byte {from} on, and the file has {}",
                    about.len()
                );
                return Err(fail(&detail, whole));
            };
            *part = Part { from, to };
        }
        let [_, _, directories, of_pictures] = parts;
        let pieces = Pieces { file: Mutex::new(file), directories, pictures: of_pictures };
        let broken = |error: &PmtError| fail(&format!("it is broken: {error}"), whole);
        let reader = AsyncPmTilesReader::try_from_source(pieces).await.map_err(|error| broken(&error))?;
        let header = reader.get_header();
        match (header.tile_type, header.tile_compression) {
            (TileType::Mlt, _) => {
                return Err(fail("it holds vector tiles of the form MLT, which the page cannot draw", pictures));
            }
            (TileType::Unknown, _) => return Err(fail("it does not say what its tiles are", pictures)),
            (_, Compression::None | Compression::Unknown) | (TileType::Mvt, Compression::Gzip) => {}
            (TileType::Mvt, _) => {
                return Err(fail(
                    "its vector tiles are packed in a way that not every browser can unpack",
                    "write them with gzip, as `pmtiles convert` and planetiler do",
                ));
            }
            _ => return Err(fail("its pictures are packed once more", "write them without a compression of tiles")),
        }
        if header.min_zoom > header.max_zoom || header.max_zoom > pmtiles::MAX_ZOOM {
            return Err(fail(
                &format!("it is broken: its zooms are {} to {}", header.min_zoom, header.max_zoom),
                whole,
            ));
        }
        let metadata = match reader.get_metadata().await {
            // There need not be any.
            Err(PmtError::InvalidMetadata) => String::new(),
            other => other.map_err(|error| fail(&format!("its metadata cannot be read: {error}"), whole))?,
        };
        let said = serde_json::from_str::<Value>(&metadata).unwrap_or_default();
        if header.tile_type == TileType::Mvt {
            styled(&said).map_err(|what| fail(&what, "give one of the Protomaps or the OpenMapTiles form"))?;
        }
        let attribution = plain(said["attribution"].as_str().unwrap_or_default());
        Ok(Self { reader, attribution, version })
    }

    /// Whether its tiles are vectors, which the page draws, and no pictures.
    pub(super) fn is_vector(&self) -> bool {
        self.reader.get_header().tile_type == TileType::Mvt
    }

    /// Whether its tiles are packed (gzip), each by itself.
    pub(super) fn is_packed(&self) -> bool {
        self.reader.get_header().tile_compression == Compression::Gzip
    }

    /// The zooms of which it has pictures.
    pub(super) fn zooms(&self) -> (u8, u8) {
        let header = self.reader.get_header();
        (header.min_zoom, header.max_zoom)
    }

    /// The box that it covers: west, south, east, north. None where it says nothing sensible.
    pub(super) fn bounds(&self) -> Option<[f64; 4]> {
        let header = self.reader.get_header();
        let [west, south] = [header.min_longitude, header.min_latitude];
        let [east, north] = [header.max_longitude, header.max_latitude];
        let is_box = -180.0 <= west && west < east && east <= 180.0 && -90.0 <= south && south < north && north <= 90.0;
        is_box.then_some([west, south, east, north])
    }

    /// What its pictures are.
    pub(super) fn kind(&self) -> &'static str {
        self.reader.get_header().tile_type.content_type()
    }

    /// A picture, if the file has it. Blocks.
    pub(super) fn picture(&self, at: TileCoord, runtime: &Handle) -> PmtResult<Option<Bytes>> {
        runtime.block_on(self.reader.get_tile(at))
    }
}

/// Whether the page has a style for the layers that the metadata of vector tiles tell. Those that tell of no layers at all are taken.
fn styled(metadata: &Value) -> Result<(), String> {
    let Some(layers) = metadata["vector_layers"].as_array() else { return Ok(()) };
    let names: Vec<&str> = layers.iter().filter_map(|layer| layer["id"].as_str()).collect();
    if names.is_empty() || STYLED.iter().any(|(_, needed)| needed.iter().any(|layer| names.contains(layer))) {
        return Ok(());
    }
    let told = plain(&names.join(", "));
    Err(format!("it holds vector tiles of a form for which the page has no style; their layers are {told}"))
}

/// What metadata say as HTML, as text: their links are left out.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        // What is never closed is no tag.
        let Some((_, after)) = tag.split_once('>') else {
            text.push('<');
            rest = tag;
            continue;
        };
        rest = after;
    }
    text.push_str(rest);
    let signs = [
        ("&copy;", "©"),
        ("&#169;", "©"),
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    let text = signs.iter().fold(text, |text, (name, sign)| text.replace(name, sign));
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(ATTRIBUTION_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use pmtiles::TileCoord;

    use super::{HEAD, MapFile, plain};

    /// A number as directories have it.
    fn varint(mut value: u64, into: &mut Vec<u8>) {
        while value >= 0x80 {
            into.push(value as u8 | 0x80);
            value >>= 7;
        }
        into.push(value as u8);
    }

    /// A file of one picture, that of the whole world; `kind` and `compression` as the format numbers them.
    fn map(kind: u8, compression: u8, picture: &[u8]) -> Vec<u8> {
        let metadata = br#"{"attribution":"<a href='https://example.org'>&copy; Somebody &amp; Sons</a>"}"#;
        let mut directory = Vec::new();
        for value in [1, 0, 1, picture.len() as u64, 1] {
            varint(value, &mut directory);
        }
        let mut file = b"PMTiles\x03".to_vec();
        let root = HEAD as u64;
        let meta = root + directory.len() as u64;
        let data = meta + metadata.len() as u64;
        for value in
            [root, directory.len() as u64, meta, metadata.len() as u64, data, 0, data, picture.len() as u64, 1, 1, 1]
        {
            file.extend(value.to_le_bytes());
        }
        file.extend([1, 1, compression, kind, 0, 0]);
        for degrees in [-180.0, -85.0, 180.0, 85.0_f64] {
            file.extend(((degrees * 1e7) as i32).to_le_bytes());
        }
        file.extend([0; 9]);
        assert_eq!(file.len(), HEAD);
        file.extend(directory);
        file.extend(metadata);
        file.extend(picture);
        file
    }

    async fn open(bytes: &[u8]) -> Result<MapFile, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        MapFile::open(file.path()).await.map_err(|failure| failure.what)
    }

    fn picture_of(map: MapFile, z: u8, x: u32, y: u32) -> Result<Option<Vec<u8>>, String> {
        let runtime = tokio::runtime::Handle::current();
        let read = move || map.picture(TileCoord::new(z, x, y).unwrap(), &runtime);
        std::thread::spawn(read).join().unwrap().map(|found| found.map(Vec::from)).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_picture_comes_out_as_it_went_in() {
        let map_file = open(&map(2, 1, b"a picture")).await.unwrap();
        assert_eq!(map_file.attribution, "© Somebody & Sons");
        assert_eq!((map_file.zooms(), map_file.kind()), ((0, 0), "image/png"));
        assert_eq!(map_file.bounds(), Some([-180.0, -85.0, 180.0, 85.0]));
        assert_eq!(picture_of(map_file, 0, 0, 0), Ok(Some(b"a picture".to_vec())));
        let map_file = open(&map(2, 1, b"a picture")).await.unwrap();
        assert_eq!(picture_of(map_file, 3, 1, 2), Ok(None));
    }

    #[tokio::test]
    async fn what_the_page_cannot_draw_is_refused_with_its_reason() {
        assert!(open(&map(6, 2, b"vector")).await.unwrap_err().contains("MLT"));
        assert!(open(&map(1, 3, b"vector")).await.unwrap_err().contains("packed in a way"));
        assert!(open(&map(2, 2, b"packed")).await.unwrap_err().contains("packed once more"));
        assert!(open(&map(0, 1, b"?")).await.unwrap_err().contains("does not say"));
        assert!(open(b"\x89PNG").await.unwrap_err().contains("no PMTiles file"));
        assert!(open(b"").await.unwrap_err().contains("no PMTiles file"));
        let mut second = map(2, 1, b"a picture");
        second[7] = 2;
        assert!(open(&second).await.unwrap_err().contains("version 3"));
        let folder = tempfile::tempdir().unwrap();
        assert!(MapFile::open(folder.path()).await.is_err());
        assert!(MapFile::open(&folder.path().join("none.pmtiles")).await.is_err());
    }

    #[tokio::test]
    async fn vector_tiles_come_out_packed_as_they_went_in() {
        for (compression, packed) in [(1, false), (2, true)] {
            let map_file = open(&map(1, compression, b"vectors")).await.unwrap();
            assert!(map_file.is_vector());
            assert_eq!(map_file.is_packed(), packed);
            assert_eq!(picture_of(map_file, 0, 0, 0), Ok(Some(b"vectors".to_vec())));
        }
        assert!(!open(&map(2, 1, b"a picture")).await.unwrap().is_vector());
    }

    #[test]
    fn vector_tiles_without_a_style_are_refused_with_the_names_of_their_layers() {
        let with = |layers: serde_json::Value| super::styled(&serde_json::json!({ "vector_layers": layers }));
        assert!(with(serde_json::json!([{ "id": "roads" }, { "id": "mine" }])).is_ok());
        assert!(with(serde_json::json!([{ "id": "transportation" }])).is_ok());
        assert!(with(serde_json::json!([])).is_ok() && super::styled(&serde_json::Value::Null).is_ok());
        let refused = with(serde_json::json!([{ "id": "pipes" }, { "id": "valves" }])).unwrap_err();
        assert!(refused.ends_with("pipes, valves"), "{refused}");
    }

    #[tokio::test]
    async fn a_file_that_is_cut_short_is_refused_wherever_it_ends() {
        let whole = map(2, 1, b"a picture");
        for length in 0..whole.len() {
            assert!(open(&whole[..length]).await.is_err(), "{length} of {} bytes", whole.len());
        }
    }

    /// Any byte may be any other: it is refused, or gives a picture or an error of the picture.
    #[tokio::test]
    async fn no_byte_of_a_file_ends_the_program() {
        let whole = map(2, 1, b"a picture");
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut odd = whole.clone();
                odd[at] = value;
                if let Ok(map_file) = open(&odd).await {
                    let _ = picture_of(map_file, 0, 0, 0);
                }
            }
        }
    }

    #[tokio::test]
    async fn a_picture_of_a_size_that_nobody_draws_is_an_error_of_its_own() {
        let map_file = open(&map(2, 1, &vec![7; super::PICTURE_MAX + 1])).await.unwrap();
        assert!(picture_of(map_file, 0, 0, 0).unwrap_err().contains("the most that is read"));
    }

    #[test]
    fn whose_map_it_is_becomes_text() {
        assert_eq!(plain("<a href=\"javascript:alert(1)\">&copy;  OSM</a> <b>x</b>"), "© OSM x");
        assert_eq!(plain("1 < 2, &lt;script&gt;"), "1 < 2, <script>");
        assert_eq!(plain(&"a".repeat(10_000)).len(), 500);
    }
}

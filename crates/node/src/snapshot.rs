//! Snapshots: a cached fleet after some entry of the log. Written off-thread, checksummed, the last three kept; a corrupt one
//! falls back to the one before.

use std::io::Write;
use std::path::{Path, PathBuf};

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_model::MessageHash;
use serde::{Deserialize, Serialize};

use crate::log::ZoneName;

/// Changes whenever the fold or its state do: a snapshot of another version is a cache thrown away.
const FORMAT: u32 = fleetfold_journal::SNAPSHOT_FORMAT;
/// How many are kept.
const KEPT: usize = 3;

/// What is known of a snapshot before its fleet is unpacked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    format: u32,
    tenant: String,
    zone: String,
    /// Last entry folded.
    pub(crate) applied: u64,
    /// Hash of that entry's bytes: is the log still the one we folded?
    pub(crate) last_hash: MessageHash,
}

impl Header {
    pub(crate) fn new(zone: &ZoneName, applied: u64, last_hash: MessageHash) -> Self {
        let (tenant, zone) = (zone.tenant().to_owned(), zone.zone().to_owned());
        Self { format: FORMAT, tenant, zone, applied, last_hash }
    }
}

/// Writes a snapshot: to a temporary name, synced, renamed, the folder synced; then the oldest go.
pub(crate) fn write(folder: &Path, header: &Header, fleet: &Fleet, tally: &Tally) -> std::io::Result<PathBuf> {
    let other = |error: postcard::Error| std::io::Error::other(error.to_string());
    let mut body = postcard::to_stdvec(header).map_err(other)?;
    body.extend(postcard::to_stdvec(&(fleet, tally)).map_err(other)?);
    let packed = zstd::bulk::compress(&body, 3)?;
    let hash = blake3::hash(&packed);
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{:020}.snapshot", header.applied));
    let temporary = path.with_extension("tmp");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(hash.as_bytes())?;
    file.write_all(&(body.len() as u64).to_le_bytes())?;
    file.write_all(&packed)?;
    file.sync_all()?;
    std::fs::rename(&temporary, &path)?;
    std::fs::File::open(folder)?.sync_all()?;
    for old in list(folder).into_iter().skip(KEPT) {
        std::fs::remove_file(old)?;
    }
    Ok(path)
}

/// Removes snapshots of before an entry.
pub(crate) fn remove_before(folder: &Path, entry: u64) -> std::io::Result<()> {
    for path in list(folder) {
        let applied = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if applied.is_some_and(|applied| applied < entry) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Snapshot files, newest first.
pub(crate) fn list(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "snapshot"))
        .collect();
    files.sort();
    files.reverse();
    files
}

/// Reads one; `Err` says why it is not to be trusted.
pub(crate) fn read(path: &Path, zone: &ZoneName) -> Result<(Header, Fleet, Tally), String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let (Some(hash), Some(size), Some(packed)) = (bytes.get(..32), bytes.get(32..40), bytes.get(40..)) else {
        return Err("it is cut short".to_owned());
    };
    if blake3::hash(packed).as_bytes() != hash {
        return Err("its checksum is wrong".to_owned());
    }
    let size = u64::from_le_bytes(size.try_into().map_err(|_| "it is cut short".to_owned())?);
    let body = zstd::bulk::decompress(packed, size.min(4 << 30) as usize).map_err(|error| error.to_string())?;
    let (header, rest): (Header, &[u8]) = postcard::take_from_bytes(&body).map_err(|error| error.to_string())?;
    if header.format != FORMAT {
        return Err(format!("it is of format {}, this program writes {FORMAT}", header.format));
    }
    if (header.tenant.as_str(), header.zone.as_str()) != (zone.tenant(), zone.zone()) {
        return Err(format!("it is of {}/{}", header.tenant, header.zone));
    }
    let (mut fleet, tally): (Fleet, Tally) = postcard::from_bytes(rest).map_err(|error| error.to_string())?;
    fleet.rebuild_index();
    Ok((header, fleet, tally))
}

/// The newest snapshot that can be trusted.
pub(crate) fn newest(folder: &Path, zone: &ZoneName) -> Option<(Header, Fleet, Tally)> {
    list(folder).into_iter().find_map(|path| match read(&path, zone) {
        Ok(found) => Some(found),
        Err(why) => {
            tracing::warn!(snapshot = %path.display(), why, "snapshot passed over");
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use fleetfold_fleet::{Fleet, Tally};
    use fleetfold_model::MessageHash;

    use super::{Header, list, newest, write};
    use crate::log::ZoneName;

    #[test]
    fn a_damaged_snapshot_falls_back_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let zone = ZoneName::new("acme", "porto").unwrap();
        let fleet = Fleet::new();
        for applied in 1..=5 {
            write(folder.path(), &Header::new(&zone, applied, MessageHash::default()), &fleet, &Tally::default())
                .unwrap();
        }
        let files = list(folder.path());
        assert_eq!(files.len(), 3, "the last three are kept");
        assert_eq!(newest(folder.path(), &zone).unwrap().0.applied, 5);
        let mut bytes = std::fs::read(&files[0]).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(&files[0], &bytes).unwrap();
        assert_eq!(newest(folder.path(), &zone).unwrap().0.applied, 4);
        for cut in 0..bytes.len() {
            std::fs::write(&files[0], &bytes[..cut]).unwrap();
            assert_eq!(newest(folder.path(), &zone).unwrap().0.applied, 4, "cut at {cut}");
        }
        let other = ZoneName::new("acme", "lisbon").unwrap();
        assert!(newest(folder.path(), &other).is_none(), "another zone's snapshot was taken");
    }
}

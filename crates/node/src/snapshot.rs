//! Snapshots: a cached fleet after some entry of the log. Written off-thread, checksummed, the last three kept; a corrupt one
//! falls back to the one before.

use std::io::Write;
use std::path::{Path, PathBuf};

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::ZoneName;
use fleetfold_model::MessageHash;
use serde::{Deserialize, Serialize};

/// Changes whenever the fold or its state do: a snapshot of another version is a cache thrown away.
const FORMAT: u32 = fleetfold_journal::SNAPSHOT_FORMAT;
/// How many are kept.
const KEPT: usize = 3;
/// Most bytes of a snapshot, packed and unpacked.
const BYTES_MAX: u64 = 4 << 30;

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

/// Writes a snapshot: to a temporary name, synced, renamed, the folder synced; then the oldest go. `skipped`: the entries that it has
/// passed over, in order.
pub(crate) fn write(
    folder: &Path,
    header: &Header,
    (fleet, tally): (&Fleet, &Tally),
    skipped: &[u64],
) -> std::io::Result<PathBuf> {
    let bytes = pack(header, (fleet, tally), skipped)?;
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{:020}.snapshot", header.applied));
    let temporary = path.with_extension("tmp");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, &path)?;
    std::fs::File::open(folder)?.sync_all()?;
    for old in list(folder).into_iter().skip(KEPT) {
        std::fs::remove_file(old)?;
    }
    Ok(path)
}

/// The bytes of a snapshot: a checksum, the size of what follows, and that packed.
pub(crate) fn pack(header: &Header, (fleet, tally): (&Fleet, &Tally), skipped: &[u64]) -> std::io::Result<Vec<u8>> {
    let other = |error: postcard::Error| std::io::Error::other(error.to_string());
    let mut body = postcard::to_stdvec(header).map_err(other)?;
    body.extend(postcard::to_stdvec(&(fleet, tally)).map_err(other)?);
    // Behind the state: programs of before read as far as that.
    body.extend(postcard::to_stdvec(skipped).map_err(other)?);
    let packed = zstd::bulk::compress(&body, 3)?;
    let hash = blake3::hash(&packed);
    let mut whole = hash.as_bytes().to_vec();
    whole.extend((body.len() as u64).to_le_bytes());
    whole.extend(packed);
    Ok(whole)
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

/// What a snapshot holds.
pub(crate) struct Loaded {
    /// What it says of itself.
    pub(crate) header: Header,
    /// The state.
    pub(crate) fleet: Fleet,
    /// The key figures.
    pub(crate) tally: Tally,
    /// The entries that it has passed over, in order; `None`: a program of before has written it, which did not say.
    pub(crate) skipped: Option<Vec<u64>>,
}

impl Loaded {
    /// An entry that it has folded and that is on the list of skipped entries now: since then it was quarantined. `listed` is in order.
    fn folded_what_is_skipped(&self, listed: &[u64]) -> Option<u64> {
        let skipped = self.skipped.as_ref()?;
        let until = listed.partition_point(|&seq| seq <= self.header.applied);
        listed[..until].iter().copied().find(|seq| skipped.binary_search(seq).is_err())
    }
}

/// Reads one; `Err` says why it is not to be trusted.
pub(crate) fn read(path: &Path, zone: &ZoneName) -> Result<Loaded, String> {
    let file = std::fs::metadata(path).map_err(|error| error.to_string())?;
    // A device or a pipe has no end, and reading it may have none either.
    if !file.is_file() || file.len() > BYTES_MAX {
        return Err(format!("it is no plain file of at most {} GiB", BYTES_MAX >> 30));
    }
    unpack(&std::fs::read(path).map_err(|error| error.to_string())?, zone)
}

/// The same from its bytes.
pub(crate) fn unpack(bytes: &[u8], zone: &ZoneName) -> Result<Loaded, String> {
    let (Some(hash), Some(size), Some(packed)) = (bytes.get(..32), bytes.get(32..40), bytes.get(40..)) else {
        return Err("it is cut short".to_owned());
    };
    if blake3::hash(packed).as_bytes() != hash {
        return Err("its checksum is wrong".to_owned());
    }
    let size = u64::from_le_bytes(size.try_into().map_err(|_| "it is cut short".to_owned())?);
    // The checksum is that of the packed bytes, which say the size, too: as much memory as a damaged number asks for must not be taken.
    if zstd::zstd_safe::get_frame_content_size(packed).ok().flatten() != Some(size) {
        return Err("its size is not that of what it holds".to_owned());
    }
    let body = zstd::bulk::decompress(packed, size.min(BYTES_MAX) as usize).map_err(|error| error.to_string())?;
    let (header, rest): (Header, &[u8]) = postcard::take_from_bytes(&body).map_err(|error| error.to_string())?;
    if header.format != FORMAT {
        return Err(format!("it is of format {}, this program writes {FORMAT}", header.format));
    }
    if (header.tenant.as_str(), header.zone.as_str()) != (zone.tenant(), zone.zone()) {
        return Err(format!("it is of {}/{}", header.tenant, header.zone));
    }
    let ((mut fleet, tally), rest): ((Fleet, Tally), &[u8]) =
        postcard::take_from_bytes(rest).map_err(|error| error.to_string())?;
    let skipped = match rest {
        [] => None,
        rest => Some(postcard::from_bytes(rest).map_err(|error| error.to_string())?),
    };
    fleet.rebuild_index();
    Ok(Loaded { header, fleet, tally, skipped })
}

/// The newest snapshot that can be trusted. `listed`: the zone's list of skipped entries, in order: a snapshot that has folded one of them
/// is of no use.
pub(crate) fn newest(folder: &Path, zone: &ZoneName, listed: &[u64]) -> Option<Loaded> {
    let usable = |loaded: Loaded| match loaded.folded_what_is_skipped(listed) {
        None => Ok(loaded),
        Some(seq) => Err(format!("it has folded entry {seq}, which was quarantined since")),
    };
    list(folder).into_iter().find_map(|path| match read(&path, zone).and_then(usable) {
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
    use fleetfold_journal::ZoneName;
    use fleetfold_model::MessageHash;

    use super::{Header, list, newest, write};

    #[test]
    fn a_damaged_snapshot_falls_back_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let zone = ZoneName::new("acme", "porto").unwrap();
        let fleet = Fleet::new();
        for applied in 1..=5 {
            write(
                folder.path(),
                &Header::new(&zone, applied, MessageHash::default()),
                (&fleet, &Tally::default()),
                &[],
            )
            .unwrap();
        }
        let files = list(folder.path());
        assert_eq!(files.len(), 3, "the last three are kept");
        assert_eq!(newest(folder.path(), &zone, &[]).unwrap().header.applied, 5);
        let mut bytes = std::fs::read(&files[0]).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(&files[0], &bytes).unwrap();
        assert_eq!(newest(folder.path(), &zone, &[]).unwrap().header.applied, 4);
        for cut in 0..bytes.len() {
            std::fs::write(&files[0], &bytes[..cut]).unwrap();
            assert_eq!(newest(folder.path(), &zone, &[]).unwrap().header.applied, 4, "cut at {cut}");
        }
        let other = ZoneName::new("acme", "lisbon").unwrap();
        assert!(newest(folder.path(), &other, &[]).is_none(), "another zone's snapshot was taken");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_plain_file_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let zone = ZoneName::new("acme", "porto").unwrap();
        let header = Header::new(&zone, 1, MessageHash::default());
        write(folder.path(), &header, (&Fleet::new(), &Tally::default()), &[]).unwrap();
        let first = list(folder.path()).remove(0);
        let newer = |name: &str| first.with_file_name(first.file_name().unwrap().to_str().unwrap().replace('1', name));
        std::os::unix::fs::symlink("/dev/zero", newer("8")).unwrap();
        std::fs::create_dir(newer("9")).unwrap();
        assert_eq!(list(folder.path()).len(), 3);
        assert_eq!(newest(folder.path(), &zone, &[]).unwrap().header.applied, 1);
    }

    #[test]
    fn a_snapshot_that_has_folded_what_is_skipped_now_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let zone = ZoneName::new("acme", "porto").unwrap();
        let state = (&Fleet::new(), &Tally::default());
        let at = |applied| Header::new(&zone, applied, MessageHash::default());
        for (applied, skipped) in [(4, vec![2]), (6, vec![2]), (8, vec![2, 7])] {
            write(folder.path(), &at(applied), state, &skipped).unwrap();
        }
        let applied = |listed: &[u64]| newest(folder.path(), &zone, listed).map(|loaded| loaded.header.applied);
        assert_eq!(applied(&[2, 7]), Some(8));
        assert_eq!(applied(&[2, 7, 9]), Some(8), "what comes later is not its concern");
        assert_eq!(applied(&[2, 5, 7]), Some(4), "entry 5 was quarantined");
        assert_eq!(applied(&[]), Some(8), "the list may have been lost, or have expired");
        assert_eq!(applied(&[1, 2]), None);
    }
}

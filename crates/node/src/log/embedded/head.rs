//! The number of the last acknowledged commit, in a small file beside the log.
//!
//! The store keeps its two last commits, and when the newer one looks torn it goes back to the older: right after a power
//! failure in the middle of a commit, wrong when the newer one was acknowledged and damaged afterwards. So the number of each
//! durable commit is written here after the commit and before anybody hears of it. Only its first writing is synced: after a
//! power failure it may be older than the log, never newer, and never empty. A log file with fewer commits than this number has lost something, or is an
//! older copy.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const LENGTH: usize = 24;

/// The open file.
#[derive(Debug)]
pub(super) struct Head {
    file: Option<File>,
}

/// `log.redb.head` of `log.redb`.
pub(super) fn path_of(log: &Path) -> PathBuf {
    let mut name = OsString::from(log.as_os_str());
    name.push(".head");
    PathBuf::from(name)
}

fn content(commit: u64) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let number = commit.to_le_bytes();
    bytes[..8].copy_from_slice(&number);
    bytes[8..].copy_from_slice(&blake3::hash(&number).as_bytes()[..LENGTH - 8]);
    bytes
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no file.
    Absent,
    /// Commits up to this one were acknowledged.
    Commit(u64),
    /// It is empty, cut short, or another content than was written: nobody knows what was acknowledged.
    Damaged,
}

/// Reads the file.
pub(super) fn read(log: &Path) -> Found {
    let mut file = match File::open(path_of(log)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Found::Absent,
        Err(_) => return Found::Damaged,
    };
    let mut bytes = [0; LENGTH];
    let found = file.read_exact(&mut bytes);
    let commit = bytes.first_chunk::<8>().map_or(0, |commit| u64::from_le_bytes(*commit));
    if found.is_ok() && content(commit) == bytes { Found::Commit(commit) } else { Found::Damaged }
}

impl Head {
    /// Opens the file for writing. Without it the log works and misses one check, so a failure is only a warning.
    pub(super) fn open(log: &Path) -> Self {
        let path = path_of(log);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        if let Err(error) = &file {
            tracing::warn!(%error, path = %path.display(), "the last commit's number cannot be kept");
        }
        Self { file: file.ok() }
    }

    /// Notes a commit.
    pub(super) fn write(&mut self, commit: u64) {
        let Some(file) = &mut self.file else { return };
        let is_new = file.metadata().is_ok_and(|found| found.len() == 0);
        let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&content(commit)));
        let written = if is_new { written.and_then(|()| file.sync_all()) } else { written };
        if let Err(error) = written {
            tracing::warn!(%error, "the last commit's number cannot be written");
        }
    }
}

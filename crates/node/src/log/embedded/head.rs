//! The number of the last acknowledged commit, in a small file beside the log.
//!
//! The store keeps its two last commits, and when the newer one looks torn it goes back to the older: right after a power
//! failure in the middle of a commit, wrong when the newer one was acknowledged and damaged afterwards. So the number of each
//! durable commit is written here after the commit and before anybody hears of it. It is not synced: after a power failure it may
//! be older than the log, never newer. A log file with fewer commits than this number has lost something, or is an
//! older copy.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
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

/// The number in the file; 0 when there is none, or none that can be read.
pub(super) fn read(log: &Path) -> u64 {
    let mut bytes = [0; LENGTH];
    let found = File::open(path_of(log)).and_then(|mut file| file.read_exact(&mut bytes));
    let commit = bytes.first_chunk::<8>().map_or(0, |commit| u64::from_le_bytes(*commit));
    if found.is_ok() && content(commit) == bytes { commit } else { 0 }
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
        let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&content(commit)));
        if let Err(error) = written {
            tracing::warn!(%error, "the last commit's number cannot be written");
        }
    }
}

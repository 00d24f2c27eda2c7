//! The keys of persons: a file for each in the folder `LOG.keys` beside the log file. In the log's own file a removed row would leave its
//! bytes in pages that are free; here a key is overwritten where it stands. A file without bytes is the mark of a destroyed key.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use fleetfold_journal::ZoneName;
use fleetfold_journal::address::token;
use fleetfold_model::Person;

use super::trouble::Trouble;
use crate::log::keys::{KEYS_KEPT, Kept, Key, key_name};

/// Beginning of the names of unfinished files. No key's file begins so, because a dot in a name is encoded.
const UNFINISHED: &str = ".unfinished-";
/// Most bytes that are read of a key's file: more than a key has.
const BYTES_MAX: u64 = 64;

/// `log.redb.keys` of `log.redb`.
pub(super) fn folder_of(log: &Path) -> PathBuf {
    let mut name = OsString::from(log.as_os_str());
    name.push(".keys");
    PathBuf::from(name)
}

fn path_of(log: &Path, zone: &ZoneName, person: &Person) -> PathBuf {
    folder_of(log).join(token(&format!("{}.{}", zone.key(), key_name(person))))
}

/// What is kept of a key.
pub(super) fn read(log: &Path, zone: &ZoneName, person: &Person) -> Result<Kept, Trouble> {
    match File::open(path_of(log, zone, person)) {
        Ok(file) => {
            let mut bytes = Vec::new();
            file.take(BYTES_MAX).read_to_end(&mut bytes)?;
            Ok(Kept::of(&bytes))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Kept::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// Keeps a key, unless one is kept or was destroyed. On return it is on the disk: whole, or not at all.
pub(super) fn make(log: &Path, zone: &ZoneName, person: &Person, fresh: &Key) -> Result<Kept, Trouble> {
    let folder = folder_of(log);
    std::fs::create_dir_all(&folder)?;
    let path = path_of(log, zone, person);
    // Half a key would be taken for the mark of a destroyed one.
    let mut unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&folder)?;
    unfinished.write_all(fresh.bytes())?;
    unfinished.as_file().sync_all()?;
    match unfinished.persist_noclobber(&path) {
        Ok(_) => {
            sync_folder(&folder)?;
            Ok(Kept::Key(*fresh))
        }
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => read(log, zone, person),
        Err(failed) => Err(failed.error.into()),
    }
}

/// Overwrites a key with `noise`, then leaves the mark.
pub(super) fn destroy(log: &Path, zone: &ZoneName, person: &Person, noise: &Key) -> Result<(), Trouble> {
    let folder = folder_of(log);
    std::fs::create_dir_all(&folder)?;
    let path = path_of(log, zone, person);
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
    if file.metadata()?.len() > 0 {
        file.write_all(noise.bytes())?;
        file.sync_all()?;
    }
    file.set_len(0)?;
    file.sync_all()?;
    Ok(sync_folder(&folder)?)
}

/// Removes keys that are older than anything that was encrypted with them, and what a killed process left unfinished.
pub(super) fn sweep(log: &Path) {
    let Ok(entries) = std::fs::read_dir(folder_of(log)) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        let is_unfinished = entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED));
        if is_unfinished || age.is_some_and(|age| age > KEYS_KEPT) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// A new name is on the disk when its folder is. Windows cannot sync a folder and does not need it.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

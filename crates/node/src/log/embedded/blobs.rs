//! Blobs: named bytes that are too large or too rarely read for the log itself, such as the bases of a zone.
//!
//! Each is a file in the folder `LOG.bases` beside the log file. A blob is written under another name, synced, and then
//! renamed, so that a reader finds the whole blob or none.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::trouble::Trouble;

/// Beginning of the names of unfinished files. No blob's file begins so, because a dot in a name is encoded.
const UNFINISHED: &str = ".unfinished-";

/// Largest blob that is read. A base of 300,000 orders has about 30 MB.
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// `log.redb.bases` of `log.redb`.
pub(super) fn folder_of(log: &Path) -> PathBuf {
    let mut name = OsString::from(log.as_os_str());
    name.push(".bases");
    PathBuf::from(name)
}

/// A blob's name as a file name, which is how an id becomes a token of a subject.
fn file_name(name: &str) -> Result<String, Trouble> {
    if name.is_empty() {
        return Err(Trouble::Failed("a blob needs a name".to_owned()));
    }
    Ok(fleetfold_journal::address::token(name))
}

/// Stores a blob, in place of an earlier one of the same name. On return it is on the disk.
pub(super) fn put(log: &Path, name: &str, bytes: &Bytes) -> Result<(), Trouble> {
    let folder = folder_of(log);
    std::fs::create_dir_all(&folder)?;
    let name = file_name(name)?;
    let unfinished = folder.join(format!("{UNFINISHED}{name}"));
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, folder.join(&name))?;
        sync_folder(&folder)
    };
    write().map_err(|error| {
        let _ = std::fs::remove_file(&unfinished);
        Trouble::from(error)
    })
}

/// A blob's bytes. The inner error says why this one cannot be had: there is none, or it is no file that we wrote.
pub(super) fn get(log: &Path, name: &str) -> Result<Result<Bytes, String>, Trouble> {
    let path = folder_of(log).join(file_name(name)?);
    let read = || -> std::io::Result<Result<Bytes, String>> {
        // Links are not followed, and a pipe is not waited for.
        let found = std::fs::symlink_metadata(&path)?;
        if !found.is_file() {
            return Ok(Err("it is no file".to_owned()));
        }
        if found.len() > BLOB_BYTES_MAX {
            return Ok(Err(format!("it has {} bytes, {BLOB_BYTES_MAX} is the most", found.len())));
        }
        std::fs::read(&path).map(|bytes| Ok(Bytes::from(bytes)))
    };
    Ok(read().unwrap_or_else(|error| {
        Err(if error.kind() == ErrorKind::NotFound { "it is not there any more".to_owned() } else { error.to_string() })
    }))
}

/// The names that begin with `prefix`, in order.
pub(super) fn list(log: &Path, prefix: &str) -> Result<Vec<String>, Trouble> {
    let entries = match std::fs::read_dir(folder_of(log)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        let file = entry?.file_name();
        let Some(file) = file.to_str().filter(|file| !file.starts_with('.')) else { continue };
        if let Ok(name) = percent_encoding::percent_decode_str(file).decode_utf8()
            && name.starts_with(prefix)
        {
            names.push(name.into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes a blob. It is no error when there is none.
pub(super) fn delete(log: &Path, name: &str) -> Result<(), Trouble> {
    let folder = folder_of(log);
    match std::fs::remove_file(folder.join(file_name(name)?)) {
        Ok(()) => Ok(sync_folder(&folder)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes what a killed process left unfinished.
pub(super) fn sweep(log: &Path) {
    let Ok(entries) = std::fs::read_dir(folder_of(log)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// A renamed or removed name is on the disk when its folder is. Windows cannot sync a folder and does not need it.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

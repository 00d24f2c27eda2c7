//! What can be wrong with the file, told apart by what mends it.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::log::LogError;

/// Why the file could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Another process holds the file.
    Busy,
    /// The content is not what was written. Trying again does not help.
    Damaged(String),
    /// There is no room on the disk, or the quota is used up.
    Full(String),
    /// Anything else that the system reports. Opening the file again may help.
    Failed(String),
    /// The file was written in a later layout than this program knows.
    Newer(u32),
    /// The file misses commits that were acknowledged: it has this many, and had that many.
    Behind {
        /// Commits in the file.
        commit: u64,
        /// Commits that were acknowledged.
        acknowledged: u64,
    },
    /// There is no file, or an empty one, but commits were acknowledged.
    Missing {
        /// Commits that were acknowledged.
        acknowledged: u64,
    },
    /// There is no file, but bases that were made of one stand beside its place.
    MissingBesideBases,
    /// Somebody removed the file, or put another one in its place, while it was open. What was acknowledged is in a file that has
    /// no name any more: it lives until this process ends, and may be reached there.
    Removed(Option<PathBuf>),
    /// Somebody else has written to the file while it was open: its length is not the one after the last commit.
    Overwritten {
        /// Its length.
        is: u64,
        /// What it was.
        was: u64,
    },
    /// The file is empty, and nothing says what was in it.
    Empty,
    /// The file of the last acknowledged commit is empty or damaged.
    HeadDamaged,
    /// Version 0.1 has made its own tables in the file beside ours: two logs in one file.
    WrittenBy01,
}

impl Trouble {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// Waiting, or opening the file again, may mend it.
    pub(super) fn passes(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Failed(_))
    }

    /// The error for a person.
    pub(super) fn error(&self, path: &Path) -> LogError {
        let file = path.display();
        match self {
            Self::Busy => {
                let holder = std::fs::read_to_string(super::owner_file(path)).unwrap_or_default();
                let hint = if holder.is_empty() {
                    "close the program that has it open".to_owned()
                } else {
                    format!("it is held by {}; send events to that engine's /v1/events instead", holder.trim())
                };
                LogError::new(format!("{file} cannot be opened: another process has it open"), hint)
            }
            Self::Damaged(what) => LogError::new(
                format!("the log file {file} is damaged: {what}"),
                "check the disk, then put a whole copy of the file in its place; no row of the damaged one is changed",
            ),
            Self::Full(what) => LogError::new(
                format!("the disk is full: {file} cannot be written: {what}"),
                "make room on the disk; the log goes on by itself",
            ),
            Self::Failed(what) => LogError::new(
                format!("the log file {file} cannot be used: {what}"),
                "check the disk and the file's rights; `fleetfold doctor` tells more",
            ),
            Self::Newer(format) => LogError::new(
                format!("the log file {file} has layout {format}, which a later version of this program writes"),
                "use that version",
            ),
            Self::Behind { commit, acknowledged } => LogError::new(
                format!(
                    "the log file {file} is older than what was acknowledged: it ends with commit {commit}, commit \
                     {acknowledged} was acknowledged"
                ),
                format!(
                    "put the newer file back; to go on without what is missing, remove {}",
                    super::head::path_of(path).display()
                ),
            ),
            Self::Missing { acknowledged } => LogError::new(
                format!("the log file {file} is missing or empty, but commit {acknowledged} was acknowledged in it"),
                format!(
                    "put the file back; if the log was meant to be thrown away, remove {} too, and its bases (`.bases`)",
                    super::head::path_of(path).display()
                ),
            ),
            Self::MissingBesideBases => LogError::new(
                format!(
                    "the log file {file} is missing, but bases that were made of a log are in {}",
                    super::blobs::folder_of(path).display()
                ),
                "put the log file and its `.head` file back; if the log was meant to be thrown away, remove that folder and the \
                 snapshots (below --data) too",
            ),
            Self::Removed(reached) => LogError::new(
                self.to_string(),
                match reached {
                    Some(reached) => format!(
                        "before this program ends, move the file back, or copy it: cp {} {}; then start the program again",
                        reached.display(),
                        quoted(path)
                    ),
                    None => format!("put {file} and its `.head` file back from one copy, then start the program again"),
                },
            ),
            Self::Overwritten { .. } => LogError::new(
                format!("{file}: {self}"),
                "end this program, put a whole copy of the file and its `.head` file there, and start it again; this program writes \
                 nothing to it any more",
            ),
            Self::Empty => LogError::new(
                format!("the log file {file} is empty, which no log is"),
                "put the log back; if there never was one, remove the empty file",
            ),
            Self::HeadDamaged => {
                let head = super::head::path_of(path);
                LogError::new(
                    format!(
                        "{} is empty or damaged: it says which commit of {file} was acknowledged last, so nobody knows \
                         whether that file is whole",
                        head.display()
                    ),
                    format!(
                        "put both files back from one copy; if {file} is known to be the newest, remove {}; to throw the log \
                         away, remove both, and its bases",
                        head.display()
                    ),
                )
            }
            Self::WrittenBy01 => LogError::new(
                format!(
                    "the log file {file} holds two logs: version 0.1 has made its own in it, beside this version's"
                ),
                "stop 0.1 and put back the copy of the file from before 0.1 was started on it, with its `.head` file; \
                 no row of this one is changed",
            ),
        }
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy => f.write_str("another process has the log file open"),
            Self::Damaged(what) => write!(f, "the log file is damaged: {what}"),
            Self::Full(what) => write!(f, "the disk is full: {what}"),
            Self::Failed(what) => write!(f, "the log file cannot be used: {what}"),
            Self::Newer(format) => write!(f, "the log file has layout {format} of a later version"),
            Self::Behind { commit, acknowledged } => {
                write!(f, "the log file ends with commit {commit}, commit {acknowledged} was acknowledged")
            }
            Self::Missing { acknowledged } => {
                write!(f, "the log file is missing or empty, but commit {acknowledged} was acknowledged")
            }
            Self::MissingBesideBases => f.write_str("the log file is missing, but its bases are there"),
            Self::Removed(_) => f.write_str("the log file was removed or replaced while it was open"),
            Self::Overwritten { is, was } => write!(
                f,
                "somebody else wrote to the log file while it was open: it has {is} bytes, and had {was} after the last commit"
            ),
            Self::Empty => f.write_str("the log file is empty"),
            Self::HeadDamaged => f.write_str("the file of the last acknowledged commit is empty or damaged"),
            Self::WrittenBy01 => f.write_str("the log file holds two logs: version 0.1 has opened it"),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full(error.to_string())
            }
            // The file ends before a page that it refers to.
            ErrorKind::UnexpectedEof => Self::damaged("it is cut short"),
            // The store's word for a file that does not begin as its files do.
            ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<redb::Error> for Trouble {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::DatabaseAlreadyOpen => Self::Busy,
            redb::Error::Corrupted(what) => Self::Damaged(what),
            // A table is missing or has other types than we wrote, or a page's kind of store is unknown.
            redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::UpgradeRequired(_) => Self::Damaged(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<redb::StorageError> for Trouble {
    fn from(error: redb::StorageError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TableError> for Trouble {
    fn from(error: redb::TableError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TransactionError> for Trouble {
    fn from(error: redb::TransactionError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::CommitError> for Trouble {
    fn from(error: redb::CommitError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::DatabaseError> for Trouble {
    fn from(error: redb::DatabaseError) -> Self {
        redb::Error::from(error).into()
    }
}

/// Runs what touches the file. `redb` may panic on a damaged file: that becomes an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    // Nothing of ours is left half changed: state is replaced only after a commit.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no words");
        Err(Trouble::damaged(format!("the store gave up on it ({what})")))
    })
}

//! Which entry an engine has in hand, written down for the start that follows an end which nobody wanted.
//!
//! An entry that kills the engine (a panic, an abort, a stack that overflows, memory that is not enough) would kill it again at every
//! start, because every start folds it again. So the engine writes the sequence of an entry into the small file `in-hand` of the zone's
//! data folder before it folds and answers it, and clears it afterwards: two writes of 56 bytes into the page cache, which the death of
//! a process does not undo. The next start finds there in the middle of which entry the last run ended. That entry is the *suspect*. When
//! a second run ends in the middle of the same entry, the start after it asks for its quarantine ([`super::quarantine`]).
//!
//! A suspect is cleared as soon as a run gets past it: it is folded, and waits for no answer. Whoever kills an engine from outside, again
//! and again, makes an innocent entry a suspect only by hitting the same entry in two runs in a row.
//!
//! An answer may also be made later than its entry was folded. Then several facts may wait at once, and the file is not written: only a panic
//! is blamed, on the suspect if it is among those that wait, or on the one that waits alone ([`InHand::blamed`]).
//!
//! Absent on purpose: what is done about a suspect.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use fleetfold_model::MessageHash;

/// The file, in the zone's data folder.
const NAME: &str = "in-hand";
/// So many runs must have ended in the middle of one entry before its quarantine is asked for.
const DEATHS: u32 = 2;
/// What another version could not do this one may be able to do: what is written by another version does not count.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Bytes of the first line: what is in hand.
const LINE: u64 = 56;

/// An entry in the middle of which runs have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suspect {
    /// Its sequence.
    pub(super) seq: u64,
    /// The hash of its bytes; 0: not known.
    pub(super) hash: MessageHash,
    /// How many runs in a row.
    pub(super) deaths: u32,
}

impl Suspect {
    /// True when so many runs have ended with it that its quarantine is due.
    pub(super) fn is_due(self) -> bool {
        self.deaths >= DEATHS
    }
}

/// What is in hand. Without a data folder nothing is written, and nothing is ever suspected.
#[derive(Debug)]
pub(super) struct InHand {
    file: Option<File>,
    suspect: Mutex<Option<Suspect>>,
}

impl InHand {
    /// Reads what the last run has left, and begins anew.
    pub(super) fn open(folder: Option<&Path>) -> Self {
        let Some(folder) = folder else { return Self { file: None, suspect: Mutex::default() } };
        let path = folder.join(NAME);
        let suspect = std::fs::read_to_string(&path).ok().and_then(|left| suspect(&left));
        let file = std::fs::create_dir_all(folder)
            .and_then(|()| File::options().create(true).truncate(false).write(true).open(&path));
        let file = file.inspect_err(|error| {
            tracing::warn!(
                %error, file = %path.display(),
                "which entry is in hand cannot be written: an entry that ends the engine again and again is not found out"
            );
        });
        let opened = Self { file: file.ok(), suspect: Mutex::new(suspect) };
        opened.done();
        opened.write_suspect(suspect);
        opened
    }

    /// The suspect, if there is one.
    pub(super) fn suspect(&self) -> Option<Suspect> {
        *self.suspect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry is about to be folded and answered.
    pub(super) fn takes(&self, seq: u64, hash: MessageHash) {
        self.write(0, &line(seq, hash));
    }

    /// That is done.
    pub(super) fn done(&self) {
        self.takes(0, MessageHash(0));
    }

    /// A run got past the suspect, or it was dealt with.
    pub(super) fn clear(&self) {
        *self.suspect.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.write_suspect(None);
    }

    /// As long as this is held, a panic of this thread is blamed on an entry.
    pub(super) fn blamed(self: &Arc<Self>, seq: u64, hash: MessageHash) -> Blamed {
        Blamed { in_hand: Arc::clone(self), seq, hash }
    }

    fn write_suspect(&self, suspect: Option<Suspect>) {
        let Suspect { seq, hash, deaths } = suspect.unwrap_or(Suspect { seq: 0, hash: MessageHash(0), deaths: 0 });
        self.write(LINE, &format!("{seq:020} {hash} {deaths:03} {VERSION}\n"));
    }

    fn write(&self, at: u64, text: &str) {
        // A disk that is full has room for these bytes: they overwrite others. Whatever else fails is no reason to fold nothing.
        if let Some(file) = &self.file
            && let Err(error) = write_at(file, text.as_bytes(), at)
        {
            tracing::debug!(%error, "which entry is in hand is not written");
        }
    }
}

/// See [`InHand::blamed`].
pub(super) struct Blamed {
    in_hand: Arc<InHand>,
    seq: u64,
    hash: MessageHash,
}

impl Drop for Blamed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.in_hand.takes(self.seq, self.hash);
        }
    }
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

fn line(seq: u64, hash: MessageHash) -> String {
    format!("{seq:020} {hash}  \n")
}

/// The suspect after a run that has left this. What cannot be read says nothing.
fn suspect(left: &str) -> Option<Suspect> {
    let mut lines = left.lines().map(|line| line.split_whitespace());
    let mut entry = || {
        let mut words = lines.next()?;
        let seq = words.next()?.parse::<u64>().ok()?;
        let hash = MessageHash(u128::from_str_radix(words.next()?, 16).ok()?);
        Some((seq, hash, words))
    };
    let (seq, hash, _) = entry()?;
    let (before, before_hash, mut words) = entry()?;
    let deaths = words.next()?.parse::<u32>().ok()?;
    if words.next() != Some(VERSION) {
        return None;
    }
    let before = Suspect { seq: before, hash: before_hash, deaths };
    match seq {
        0 => Some(before).filter(|before| before.seq > 0),
        _ if seq == before.seq => Some(Suspect { deaths: deaths.saturating_add(1), ..before }),
        _ => Some(Suspect { seq, hash, deaths: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use fleetfold_model::MessageHash;

    use super::{InHand, NAME, Suspect, VERSION};

    const HASH: MessageHash = MessageHash(7);

    fn open(folder: &Path) -> Arc<InHand> {
        Arc::new(InHand::open(Some(folder)))
    }

    fn suspected(seq: u64, deaths: u32) -> Suspect {
        Suspect { seq, hash: HASH, deaths }
    }

    #[test]
    fn two_runs_in_a_row_that_end_in_the_middle_of_one_entry_make_it_due() {
        let folder = tempfile::tempdir().unwrap();
        let run = open(folder.path());
        assert_eq!(run.suspect(), None);
        for seq in 1..9 {
            run.takes(seq, HASH);
            run.done();
        }
        run.takes(9, HASH);
        let run = open(folder.path());
        assert_eq!(run.suspect(), Some(suspected(9, 1)));
        assert!(!run.suspect().unwrap().is_due(), "one death proves nothing");
        run.takes(9, HASH);
        let run = open(folder.path());
        assert_eq!(run.suspect(), Some(suspected(9, 2)));
        assert!(run.suspect().unwrap().is_due());
        run.clear();
        assert_eq!(open(folder.path()).suspect(), None);
    }

    #[test]
    fn an_end_between_two_entries_accuses_nobody_and_acquits_nobody() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).takes(9, HASH);
        for _ in 0..3 {
            let run = open(folder.path());
            assert_eq!(run.suspect(), Some(suspected(9, 1)));
            run.takes(8, HASH);
            run.done();
        }
    }

    #[test]
    fn another_entry_is_a_suspect_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).takes(9, HASH);
        open(folder.path()).takes(8, HASH);
        assert_eq!(open(folder.path()).suspect(), Some(suspected(8, 1)));
    }

    #[test]
    fn what_another_version_has_left_or_nobody_can_read_accuses_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        open(folder.path()).takes(9, HASH);
        let left = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, left.replace(VERSION, "0.0.1")).unwrap();
        assert_eq!(open(folder.path()).suspect(), None);
        for cut in 0..left.len() - VERSION.len() - 1 {
            std::fs::write(&path, &left[..cut]).unwrap();
            assert_eq!(open(folder.path()).suspect(), None, "cut at {cut}");
        }
        std::fs::write(&path, [0xff; 200]).unwrap();
        assert_eq!(open(folder.path()).suspect(), None);
    }

    #[test]
    fn only_a_panic_is_blamed_on_what_waits() {
        let folder = tempfile::tempdir().unwrap();
        let run = open(folder.path());
        drop(run.blamed(9, HASH));
        assert_eq!(open(folder.path()).suspect(), None);
        let run = open(folder.path());
        let blamed = run.blamed(9, HASH);
        let ended = std::thread::spawn(move || {
            let _blamed = blamed;
            panic!("the answer cannot be made");
        });
        assert!(ended.join().is_err());
        assert_eq!(open(folder.path()).suspect(), Some(suspected(9, 1)));
    }
}

//! Which entry an engine has in hand, written down for the start that follows an end which nobody wanted.
//!
//! An entry that kills the engine (a panic, an abort, a stack that overflows, memory that is not enough) would kill it again at every
//! start, because every start folds it again. So the engine writes the sequence of an entry into the small file `in-hand` of the zone's
//! data folder before it folds and answers it, and clears it afterwards: two writes of 56 bytes into the page cache, which the death of
//! a process does not undo. The next start finds there in the middle of which entry the last run ended. That entry is the *suspect*
//! ([`Suspect`]). When a second run ends in the middle of the same entry, the start after it asks for its quarantine
//! ([`super::quarantine`]).
//!
//! A suspect is cleared as soon as a run gets past it: it is folded, and waits for no answer. Whoever kills an engine from outside, again
//! and again, makes an innocent entry a suspect only by hitting the same entry in two runs in a row.
//!
//! An answer may also be made later than its entry was folded, and several may be made side by side. The engine says before each which
//! facts it answers ([`Watch`]). One alone is written down as if it were folded. Where there are several, nobody knows which of them it
//! was: that is written down, and the next run answers them one after the other until it is past them ([`ALONE`]).
//!
//! What is done while no entry and no answer is in hand (by a clock, for a position) is blamed on nobody, except a panic: on the suspect
//! if it waits for its answer, or on the fact that waits alone ([`InHand::blamed_at_most`]).
//!
//! Absent on purpose: what is done about a suspect.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleetfold_engine::Watch;
use fleetfold_journal::{InHand as Held, Suspect};
use fleetfold_model::{LogSeq, MessageHash};

/// The file, in the zone's data folder.
const NAME: &str = "in-hand";
/// What another version could not do this one may be able to do: what is written by another version does not count.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Bytes of the first line: what is in hand.
const LINE: u64 = 56;
/// The last word of the first line where several facts are answered at the same time.
const SEVERAL: &str = "*";
/// After a run that ended while several facts were answered at the same time, so many are answered one after the other: as many as are
/// looked at for one plan.
const ALONE: u32 = 2_000;
/// So many facts may be left unanswered; of more, the first ones are tried again (guess: who sends so many wants to do harm).
const LEFT_MAX: usize = 256;

/// What is in hand. Without a data folder nothing is written, and nothing is ever suspected.
#[derive(Debug)]
pub(super) struct InHand {
    file: Option<File>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    suspect: Option<Suspect>,
    /// Those that cannot be passed over, and are left unanswered.
    left: Vec<Suspect>,
    /// The first line says that something is in hand.
    holds: bool,
    /// A panic has been blamed on an entry. What other threads do until the run has ended does not undo that.
    is_blamed: bool,
    /// So many facts are still answered one after the other.
    alone: u32,
}

/// Whether another engine holds the file. If none does, this one holds it until it is closed, also by the end of the process. Where files
/// cannot be locked nobody knows.
fn is_in_use(file: &File) -> bool {
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

impl InHand {
    /// Reads what the last run has left, and begins anew.
    pub(super) fn open(folder: Option<&Path>) -> Self {
        let Some(folder) = folder else { return Self { file: None, state: Mutex::default() } };
        let path = folder.join(NAME);
        let found = std::fs::read_to_string(&path).ok().and_then(|found| read(&found)).unwrap_or_default();
        let Found { before, ended, left } = found;
        let suspect = Suspect::after(before, ended);
        let file = std::fs::create_dir_all(folder)
            .and_then(|()| File::options().create(true).truncate(false).write(true).open(&path));
        let file = file.inspect_err(|error| {
            tracing::warn!(
                %error, file = %path.display(),
                "which entry is in hand cannot be written: an entry that ends the engine again and again is not found out"
            );
        });
        if file.as_ref().is_ok_and(is_in_use) {
            tracing::warn!(
                folder = %folder.display(),
                "another engine works in this folder: each would read the other's snapshots and what it had in hand. Give each engine a --data of \
                 its own"
            );
        }
        let alone = if ended == Held::Several { ALONE } else { 0 };
        let opened = Self {
            file: file.ok(),
            state: Mutex::new(State { suspect, left, alone, holds: true, ..State::default() }),
        };
        opened.done();
        opened.write_suspects(&opened.state());
        opened
    }

    /// The suspect, if there is one.
    pub(super) fn suspect(&self) -> Option<Suspect> {
        self.state().suspect
    }

    /// An entry is about to be folded and answered.
    pub(super) fn takes(&self, seq: u64, hash: MessageHash) {
        self.note(&mut self.state(), Held::Entry { seq, hash });
    }

    /// That is done.
    pub(super) fn done(&self) {
        self.note(&mut self.state(), Held::Nothing);
    }

    /// A run got past the suspect, or it was dealt with.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.suspect = None;
        self.write_suspects(&state);
    }

    /// Those that are left unanswered.
    pub(super) fn left(&self) -> Vec<Suspect> {
        self.state().left.clone()
    }

    /// The suspect cannot be passed over: it is left unanswered from now on. `hash`: of its message, if the log still has it.
    pub(super) fn leaves(&self, suspect: Suspect, hash: Option<MessageHash>) {
        let mut state = self.state();
        state.left.retain(|other| other.seq != suspect.seq);
        state.left.push(Suspect { hash: hash.unwrap_or(suspect.hash), ..suspect });
        let extra = state.left.len().saturating_sub(LEFT_MAX);
        state.left.drain(..extra);
        state.suspect = None;
        self.write_suspects(&state);
    }

    /// Those that are past, or of another log, are suspected and left unanswered no more.
    pub(super) fn acquit(&self, is_past: impl Fn(&Suspect) -> bool) {
        let mut state = self.state();
        let before = (state.suspect, state.left.len());
        state.suspect = state.suspect.filter(|suspect| !is_past(suspect));
        state.left.retain(|left| !is_past(left));
        if (state.suspect, state.left.len()) != before {
            self.write_suspects(&state);
        }
    }

    /// As long as this is held, a panic of this thread is blamed on an entry.
    pub(super) fn blamed(self: &Arc<Self>, seq: u64, hash: MessageHash) -> Blamed {
        Blamed { in_hand: Arc::clone(self), seq, hash, yields: false }
    }

    /// The same, unless something is in hand, which is blamed then.
    pub(super) fn blamed_at_most(self: &Arc<Self>, seq: u64, hash: MessageHash) -> Blamed {
        Blamed { in_hand: Arc::clone(self), seq, hash, yields: true }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, state: &mut State, held: Held) {
        let holds = held != Held::Nothing;
        if state.is_blamed || !(holds || state.holds) {
            return;
        }
        state.holds = holds;
        self.write(0, &line(held));
    }

    fn write_suspects(&self, state: &State) {
        let suspect = state.suspect.unwrap_or(Suspect { seq: 0, hash: MessageHash(0), deaths: 0 });
        let mut lines = String::new();
        for Suspect { seq, hash, deaths } in std::iter::once(&suspect).chain(&state.left) {
            let _ = writeln!(lines, "{seq:020} {hash} {deaths:03} {VERSION}");
        }
        self.write(LINE, &lines);
        // Lines of before may stand behind them.
        let bytes = LINE + lines.len() as u64;
        if let Some(file) = &self.file
            && let Err(error) = file.set_len(bytes)
        {
            tracing::debug!(%error, "the file of the entry in hand keeps lines of before");
        }
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

impl Watch for InHand {
    fn wants_each_alone(&self) -> bool {
        let state = self.state();
        state.alone > 0 || state.suspect.is_some_and(|suspect| !suspect.is_due())
    }

    fn answering(&self, facts: &[LogSeq]) {
        let mut state = self.state();
        state.alone = state.alone.saturating_sub(u32::from(facts.len() == 1));
        let held = match facts {
            [] => Held::Nothing,
            &[LogSeq(seq)] => Held::Entry { seq, hash: MessageHash(0) },
            _ => Held::Several,
        };
        self.note(&mut state, held);
        drop(state);
        #[cfg(debug_assertions)]
        super::planted::death_answering(facts);
    }
}

/// See [`InHand::blamed`].
pub(super) struct Blamed {
    in_hand: Arc<InHand>,
    seq: u64,
    hash: MessageHash,
    yields: bool,
}

impl Drop for Blamed {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let mut state = self.in_hand.state();
        if !(self.yields && state.holds) {
            self.in_hand.note(&mut state, Held::Entry { seq: self.seq, hash: self.hash });
        }
        state.is_blamed = true;
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

fn line(held: Held) -> String {
    let (seq, hash, several) = match held {
        Held::Nothing => (0, MessageHash(0), " "),
        Held::Entry { seq, hash } => (seq, hash, " "),
        Held::Several => (0, MessageHash(0), SEVERAL),
    };
    format!("{seq:020} {hash} {several}\n")
}

/// What the run before has left.
#[derive(Debug, Default)]
struct Found {
    /// Its suspect.
    before: Option<Suspect>,
    /// What it had in hand when it ended.
    ended: Held,
    /// What it left unanswered.
    left: Vec<Suspect>,
}

/// Reads what the run before has left. What cannot be read says nothing.
fn read(found: &str) -> Option<Found> {
    let mut lines = found.lines().map(|line| line.split_whitespace());
    let mut entry = || {
        let mut words = lines.next()?;
        let seq = words.next()?.parse::<u64>().ok()?;
        let hash = MessageHash(u128::from_str_radix(words.next()?, 16).ok()?);
        Some((seq, hash, words))
    };
    let (seq, hash, mut words) = entry()?;
    let ended = match (seq, words.next()) {
        (0, Some(SEVERAL)) => Held::Several,
        (0, _) => Held::Nothing,
        _ => Held::Entry { seq, hash },
    };
    let mut suspect = || {
        let (seq, hash, mut words) = entry()?;
        let deaths = words.next()?.parse::<u32>().ok()?;
        (words.next() == Some(VERSION)).then_some(Suspect { seq, hash, deaths })
    };
    let before = suspect()?;
    let left = std::iter::from_fn(suspect).take(LEFT_MAX).collect();
    Some(Found { before: Some(before).filter(|before| before.seq > 0), ended, left })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use fleetfold_engine::Watch;
    use fleetfold_journal::Suspect;
    use fleetfold_model::{LogSeq, MessageHash};

    use super::{ALONE, Blamed, File, InHand, NAME, VERSION, is_in_use};

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

    /// A thread panics while this is held.
    fn panics(blamed: Blamed) {
        let ended = std::thread::spawn(move || {
            let _blamed = blamed;
            panic!("planted");
        });
        assert!(ended.join().is_err());
    }

    #[test]
    fn only_a_panic_is_blamed_on_what_waits() {
        let folder = tempfile::tempdir().unwrap();
        let run = open(folder.path());
        drop(run.blamed_at_most(9, HASH));
        assert_eq!(open(folder.path()).suspect(), None);
        let run = open(folder.path());
        panics(run.blamed_at_most(9, HASH));
        assert_eq!(open(folder.path()).suspect(), Some(suspected(9, 1)));
    }

    #[test]
    fn the_fact_whose_answer_is_made_is_blamed_before_one_that_waits_too() {
        let folder = tempfile::tempdir().unwrap();
        let run = open(folder.path());
        run.answering(&[LogSeq(8)]);
        panics(run.blamed_at_most(9, HASH));
        let suspect = open(folder.path()).suspect();
        assert_eq!(suspect, Some(Suspect { seq: 8, hash: MessageHash(0), deaths: 1 }));
    }

    /// Found by reading: while messages are read far ahead of the fold, the engine's thread goes on with those before the one over which
    /// their reader has panicked, and cleared what was blamed.
    #[test]
    fn what_is_blamed_stays_whatever_the_other_threads_go_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let run = open(folder.path());
        run.takes(5, HASH);
        panics(run.blamed(9, HASH));
        run.done();
        run.takes(6, HASH);
        run.done();
        assert_eq!(open(folder.path()).suspect(), Some(suspected(9, 1)));
    }

    #[test]
    fn an_answer_is_in_hand_as_an_entry_is_that_is_folded() {
        let folder = tempfile::tempdir().unwrap();
        for deaths in 1..=2 {
            let run = open(folder.path());
            run.answering(&[LogSeq(9)]);
            let suspect = open(folder.path()).suspect().unwrap();
            assert_eq!((suspect.seq, suspect.deaths), (9, deaths));
        }
        let run = open(folder.path());
        run.answering(&[LogSeq(8)]);
        run.answering(&[]);
        assert_eq!(open(folder.path()).suspect().unwrap().seq, 9, "no fact asked for what was done last");
    }

    #[test]
    fn whatever_is_left_unanswered_stays_so_while_others_are_suspected() {
        let folder = tempfile::tempdir().unwrap();
        let other = MessageHash(8);
        let run = open(folder.path());
        run.leaves(suspected(9, 2), Some(other));
        run.leaves(suspected(12, 2), None);
        run.answering(&[LogSeq(20)]);
        let run = open(folder.path());
        assert_eq!(run.suspect().map(|suspect| (suspect.seq, suspect.deaths)), Some((20, 1)));
        assert_eq!(run.left(), [Suspect { hash: other, ..suspected(9, 2) }, suspected(12, 2)]);
        run.acquit(|suspect| suspect.seq == 9);
        run.clear();
        let run = open(folder.path());
        assert_eq!((run.suspect(), run.left()), (None, vec![suspected(12, 2)]));
        run.acquit(|suspect| suspect.seq == 12);
        assert_eq!(open(folder.path()).left(), []);
    }

    #[test]
    fn after_an_end_over_several_answers_facts_are_answered_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let run = open(folder.path());
        assert!(!run.wants_each_alone());
        run.answering(&[LogSeq(8), LogSeq(9)]);
        let run = open(folder.path());
        assert_eq!(run.suspect(), None, "nobody knows which it was");
        for _ in 0..ALONE {
            assert!(run.wants_each_alone());
            run.answering(&[LogSeq(7)]);
        }
        assert!(!run.wants_each_alone(), "it is past them");
        run.done();
        assert!(!open(folder.path()).wants_each_alone());
        // As long as there is a suspect, nobody else shall be taken for it.
        open(folder.path()).answering(&[LogSeq(9)]);
        let run = open(folder.path());
        assert!(run.wants_each_alone());
        run.clear();
        assert!(!run.wants_each_alone());
    }

    #[test]
    fn a_second_engine_in_the_same_folder_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let open = || File::options().write(true).open(folder.path().join(NAME)).unwrap();
        let first = InHand::open(Some(folder.path()));
        assert!(is_in_use(&open()));
        drop(first);
        assert!(!is_in_use(&open()));
    }
}

//! Which entry of the log has ended an engine: judged from what each run had in hand when it ended.
//!
//! Every start folds the log again, so an entry that ends one run would end every run. Whoever runs an engine therefore notes what it is
//! about to fold or to answer, and the next start draws the conclusion here. Where the note is kept is the runner's business.

use fleetfold_model::{LogSeq, MessageHash};

/// So many runs must have ended in the middle of one entry before its quarantine is asked for.
const DEATHS: u32 = 2;

/// What a run had in hand when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InHand {
    /// Nothing, so the log has nothing to do with it; or it was asked to end.
    #[default]
    Nothing,
    /// The entry that was folded or answered.
    Entry {
        /// Its sequence.
        seq: u64,
        /// The hash of its bytes; 0: not known.
        hash: MessageHash,
    },
    /// Several facts, which were answered at the same time: one of them, and nobody knows which.
    Several,
}

/// An entry in the middle of which runs have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Its sequence.
    pub seq: u64,
    /// The hash of its bytes; 0: not known.
    pub hash: MessageHash,
    /// How many runs have ended in the middle of it, with none between them that got past it or ended in the middle of another one.
    pub deaths: u32,
}

impl Suspect {
    /// The suspect after a run that began with `before` and ended with this in hand.
    pub fn after(before: Option<Self>, ended: InHand) -> Option<Self> {
        match ended {
            InHand::Nothing | InHand::Several => before,
            InHand::Entry { seq, hash } => Some(match before.filter(|before| before.seq == seq) {
                Some(before) => Self { deaths: before.deaths.saturating_add(1), ..before },
                None => Self { seq, hash, deaths: 1 },
            }),
        }
    }

    /// True when so many runs have ended with it that its quarantine is due.
    pub fn is_due(self) -> bool {
        self.deaths >= DEATHS
    }

    /// True when a run that has come to `applied` has got past it. `waits`: it waits for its answer.
    pub fn is_past(self, applied: LogSeq, waits: bool) -> bool {
        applied.0 >= self.seq && !waits
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{LogSeq, MessageHash};

    use super::{InHand, Suspect};

    const HASH: MessageHash = MessageHash(7);

    fn entry(seq: u64) -> InHand {
        InHand::Entry { seq, hash: HASH }
    }

    #[test]
    fn two_runs_in_a_row_that_end_in_the_middle_of_one_entry_make_it_due() {
        let once = Suspect::after(None, entry(9));
        assert_eq!(once, Some(Suspect { seq: 9, hash: HASH, deaths: 1 }));
        assert!(!once.unwrap().is_due(), "one death proves nothing");
        let twice = Suspect::after(once, entry(9)).unwrap();
        assert!(twice.is_due());
        assert_eq!(twice.hash, HASH);
    }

    #[test]
    fn an_end_with_nothing_or_several_in_hand_accuses_nobody_and_acquits_nobody() {
        let before = Suspect::after(None, entry(9));
        for ended in [InHand::Nothing, InHand::Several] {
            assert_eq!(Suspect::after(None, ended), None);
            assert_eq!(Suspect::after(before, ended), before);
        }
    }

    #[test]
    fn another_entry_is_a_suspect_of_its_own() {
        let before = Suspect::after(None, entry(9));
        assert_eq!(Suspect::after(before, entry(8)), Some(Suspect { seq: 8, hash: HASH, deaths: 1 }));
    }

    #[test]
    fn a_run_has_got_past_an_entry_that_is_folded_and_waits_for_no_answer() {
        let suspect = Suspect { seq: 9, hash: HASH, deaths: 1 };
        assert!(!suspect.is_past(LogSeq(8), false));
        assert!(!suspect.is_past(LogSeq(9), true));
        assert!(suspect.is_past(LogSeq(9), false));
        assert!(!suspect.is_past(LogSeq(20), true));
    }
}

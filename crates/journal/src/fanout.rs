//! Fan-out of assignments: what to do next with one vehicle's newest route, whatever the log answered.
//!
//! Each assignment is fenced by the seq of the vehicle's last one, and its revision decides: an owner that slept between
//! accepting a plan and telling the driver must not put an old route back. Pure, so that `node` and `sim` run the same.
//!
//! Assignments outlive the log that they were made from. When the log went back or was replaced, what the log before told may
//! have a higher revision than anything that comes now. So a new term begins with reading what each vehicle was told last
//! ([`FanOut::found`]): a revision behind the log's end is of another log, and is replaced whatever its number.

use std::collections::BTreeMap;

use fleetfold_model::{LogSeq, Name};

/// What the log answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Stored at this seq (or it was there already).
    Stored(LogSeq),
    /// The vehicle's last assignment stands elsewhere.
    WrongSequence,
    /// Nobody knows whether it was stored.
    Unknown,
    /// The vehicle's last assignment, as read: its seq and its revision; `None`: there is none.
    Last(Option<(LogSeq, LogSeq)>),
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Append if the vehicle's last assignment stands here (0: there is none).
    Append(LogSeq),
    /// Read the vehicle's last assignment.
    ReadLast,
    /// The vehicle has been told this, or something newer.
    Done,
}

/// Where each vehicle's last assignment stands and its revision, as far as we know. Other last values are told by the same rule:
/// they are known by their subjects instead of by a vehicle.
#[derive(Clone, Debug)]
pub struct FanOut<K = Name> {
    standing: BTreeMap<K, (LogSeq, LogSeq)>,
    /// Where the last assignment of a vehicle stands that another log told.
    foreign: BTreeMap<K, LogSeq>,
    /// The revision of each vehicle's route in the fold, and the entry up to which that was folded.
    folded: BTreeMap<K, (LogSeq, LogSeq)>,
}

impl<K> Default for FanOut<K> {
    fn default() -> Self {
        Self { standing: BTreeMap::new(), foreign: BTreeMap::new(), folded: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> FanOut<K> {
    /// Takes in what a vehicle was told last, as it was read at the beginning of a term: the seq of that assignment and its
    /// revision. `end`: where the log of facts ended *afterwards*. A revision is told once its entry stands in the log, so one
    /// behind the end is of another log. Returns whether it is.
    pub fn found(&mut self, vehicle: &K, seq: LogSeq, revision: LogSeq, end: LogSeq) -> bool {
        if revision > end {
            self.standing.remove(vehicle);
            self.foreign.insert(vehicle.clone(), seq);
        }
        revision > end
    }

    /// A vehicle's route has this revision in the fold of every entry up to `applied`. So a later revision up to there that it was told is
    /// of another log, which this one has grown past since.
    pub fn folded(&mut self, vehicle: &K, revision: LogSeq, applied: LogSeq) {
        self.folded.insert(vehicle.clone(), (revision, applied));
    }

    /// How to begin telling a vehicle a revision of its route.
    pub fn begin(&self, vehicle: &K, revision: LogSeq) -> Next {
        if let Some(&seq) = self.foreign.get(vehicle) {
            return Next::Append(seq);
        }
        match self.standing.get(vehicle) {
            // A new term tells everybody again: who knows already need not hear it twice.
            Some(&(_, told)) if told >= revision => Next::Done,
            Some(&(seq, _)) => Next::Append(seq),
            None => Next::Append(LogSeq(0)),
        }
    }

    /// How to begin telling a vehicle more of a revision that it may have been told already.
    pub fn begin_again(&self, vehicle: &K, revision: LogSeq) -> Next {
        match self.standing.get(vehicle) {
            Some(&(seq, told)) if told == revision && !self.foreign.contains_key(vehicle) => Next::Append(seq),
            Some(_) | None => self.begin(vehicle, revision),
        }
    }

    /// What to do after an answer. `revision` is the revision that is to be told.
    pub fn heard(&mut self, vehicle: &K, revision: LogSeq, heard: Heard) -> Next {
        match heard {
            Heard::Stored(seq) => {
                self.foreign.remove(vehicle);
                self.standing.insert(vehicle.clone(), (seq, revision));
                Next::Done
            }
            // Ours may have been stored, or another owner's: the read tells.
            Heard::WrongSequence | Heard::Unknown => Next::ReadLast,
            Heard::Last(Some((seq, _))) if self.foreign.get(vehicle) == Some(&seq) => Next::Append(seq),
            Heard::Last(Some((seq, told)))
                if self.folded.get(vehicle).is_some_and(|&(revision, applied)| told > revision && told <= applied) =>
            {
                Next::Append(seq)
            }
            Heard::Last(last) => {
                self.foreign.remove(vehicle);
                let (seq, told) = last.unwrap_or((LogSeq(0), LogSeq(0)));
                self.standing.insert(vehicle.clone(), (seq, told));
                if last.is_some() && told >= revision { Next::Done } else { Next::Append(seq) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{LogSeq, Name};

    use super::{FanOut, Heard, Next};

    #[test]
    fn an_owner_that_slept_does_not_put_an_old_route_back() {
        let van = Name::new("van").expect("legal");
        let mut fan: FanOut = FanOut::default();
        assert_eq!(fan.begin(&van, LogSeq(40)), Next::Append(LogSeq(0)));
        assert_eq!(fan.heard(&van, LogSeq(40), Heard::WrongSequence), Next::ReadLast);
        // Somebody has told it revision 41 meanwhile.
        assert_eq!(fan.heard(&van, LogSeq(40), Heard::Last(Some((LogSeq(7), LogSeq(41))))), Next::Done);
        // The next one is newer, and is fenced by what was read.
        assert_eq!(fan.begin(&van, LogSeq(50)), Next::Append(LogSeq(7)));
        assert_eq!(fan.heard(&van, LogSeq(50), Heard::Unknown), Next::ReadLast);
        // The lost reply: it was stored after all.
        assert_eq!(fan.heard(&van, LogSeq(50), Heard::Last(Some((LogSeq(8), LogSeq(50))))), Next::Done);
        assert_eq!(fan.begin(&van, LogSeq(50)), Next::Done, "told already");
        assert_eq!(fan.heard(&van, LogSeq(60), Heard::Last(None)), Next::Append(LogSeq(0)));
    }

    #[test]
    fn more_of_the_same_revision_is_told_and_nothing_of_an_older_one() {
        let van = Name::new("van").expect("legal");
        let mut fan: FanOut = FanOut::default();
        assert_eq!(fan.begin_again(&van, LogSeq(40)), Next::Append(LogSeq(0)));
        assert_eq!(fan.heard(&van, LogSeq(40), Heard::Stored(LogSeq(7))), Next::Done);
        assert_eq!(fan.begin(&van, LogSeq(40)), Next::Done);
        assert_eq!(fan.begin_again(&van, LogSeq(40)), Next::Append(LogSeq(7)));
        assert_eq!(fan.begin_again(&van, LogSeq(39)), Next::Done);
    }

    #[test]
    fn what_another_log_told_is_replaced_whatever_its_revision() {
        let van = Name::new("van").expect("legal");
        let mut fan: FanOut = FanOut::default();
        assert!(!fan.found(&van, LogSeq(7), LogSeq(20), LogSeq(20)), "it is of the log's last entry");
        assert!(fan.found(&van, LogSeq(7), LogSeq(28), LogSeq(20)));
        // Fenced by the seq of what the other log told, and not taken for newer however often it is read.
        assert_eq!(fan.begin(&van, LogSeq(9)), Next::Append(LogSeq(7)));
        assert_eq!(fan.heard(&van, LogSeq(9), Heard::Unknown), Next::ReadLast);
        assert_eq!(fan.heard(&van, LogSeq(9), Heard::Last(Some((LogSeq(7), LogSeq(28))))), Next::Append(LogSeq(7)));
        assert_eq!(fan.heard(&van, LogSeq(9), Heard::WrongSequence), Next::ReadLast);
        // Another owner of this log has told it meanwhile.
        assert_eq!(fan.heard(&van, LogSeq(9), Heard::Last(Some((LogSeq(8), LogSeq(22))))), Next::Done);
        assert_eq!(fan.begin(&van, LogSeq(23)), Next::Append(LogSeq(8)));
        assert_eq!(fan.heard(&van, LogSeq(23), Heard::Stored(LogSeq(9))), Next::Done);
        assert_eq!(fan.begin(&van, LogSeq(23)), Next::Done);
    }

    /// Found by the simulator (seed 6 with a log that goes back): the log had grown past what the one before had told.
    #[test]
    fn what_another_log_told_is_replaced_although_this_one_has_grown_past_it() {
        let van = Name::new("van").expect("legal");
        let mut fan: FanOut = FanOut::default();
        assert!(!fan.found(&van, LogSeq(7), LogSeq(28), LogSeq(40)));
        fan.folded(&van, LogSeq(20), LogSeq(40));
        assert_eq!(fan.begin(&van, LogSeq(20)), Next::Append(LogSeq(0)));
        assert_eq!(fan.heard(&van, LogSeq(20), Heard::WrongSequence), Next::ReadLast);
        assert_eq!(fan.heard(&van, LogSeq(20), Heard::Last(Some((LogSeq(7), LogSeq(28))))), Next::Append(LogSeq(7)));
        // A later owner has folded more than this one: what it tells stays.
        assert_eq!(fan.heard(&van, LogSeq(20), Heard::Last(Some((LogSeq(8), LogSeq(41))))), Next::Done);
    }
}

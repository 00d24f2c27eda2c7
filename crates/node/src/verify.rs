//! Comparing a fold with the engine that ran live: every plan says which digest the fleet had when it was made.

use std::collections::BTreeMap;

use fleetfold_fleet::{Change, Fleet};
use fleetfold_model::{Event, FORMAT, LogEntry, LogSeq, MessageHash, Proposal};

/// Most digests that are kept while no plan says which are still needed: 16 MiB of them.
const DIGESTS_MAX: usize = 1 << 20;

/// A plan that was made from another fleet than this fold has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Position of the plan in the log.
    pub(crate) seq: LogSeq,
    /// Its number in the chain.
    pub(crate) rev: u64,
    /// The entry after which the digest was taken.
    pub(crate) based_on: LogSeq,
    /// What the live engine had.
    pub(crate) live: u64,
    /// What this fold has.
    pub(crate) folded: u64,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "plan {} (entry {}) was made by an engine whose digest after entry {} was {:016x}; this fold has {:016x} there",
            self.rev, self.seq.0, self.based_on.0, self.live, self.folded
        )
    }
}

/// A plan whose predecessor is missing from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Number of the plan behind the gap.
    pub(crate) rev: u64,
    /// Its position in the log.
    pub(crate) seq: LogSeq,
    /// The last plan before the gap that the fold took; 0: there is none.
    pub(crate) after_rev: u64,
    /// Where that one is.
    pub(crate) after_seq: LogSeq,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.after_rev == 0 {
            return write!(f, "before plan {} (entry {})", self.rev, self.seq.0);
        }
        write!(
            f,
            "between plan {} (entry {}) and plan {} (entry {})",
            self.after_rev, self.after_seq.0, self.rev, self.seq.0
        )
    }
}

/// What came of the comparison so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Plans whose digest was compared.
    pub(crate) compared: u64,
    /// Plans whose digest was made in another way, so that it says nothing here.
    pub(crate) other_format: u64,
    /// Plans that do not follow the chain. Engines that lost the zone leave such plans behind, and anybody may repeat one; the
    /// fold refuses them and nothing is compared with them.
    pub(crate) outside_chain: u64,
    /// Plans made from an entry before the first one seen here.
    pub(crate) too_early: u64,
    /// The first plan that was made from another fleet.
    pub(crate) mismatch: Option<Mismatch>,
}

/// A refused plan whose number is above the next one of the chain.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    rev: u64,
    hash: MessageHash,
    /// The gap before it.
    gap: Gap,
    /// The gap has been told.
    told: bool,
}

/// What is known of entries that somebody removed from a stream, of the zone or of another, and of what drivers were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The last entry that was removed; 0: none was.
    pub(crate) last_removed: LogSeq,
    /// The last entry of the zone that changed a route which a driver was told; 0: none was told.
    pub(crate) last_told: LogSeq,
    /// The last such entry that was removed; 0: none.
    pub(crate) told_and_removed: LogSeq,
}

/// Compares the fold of a log with the digests in its plans, entry by entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verify {
    /// The digest after each entry from the newest plan's base on.
    digests: BTreeMap<LogSeq, u64>,
    /// Number of the last accepted plan, and where it is; 0: there is none.
    rev: u64,
    plan_seq: LogSeq,
    /// Of the last compared plans those that were made from another fleet, one after the other: the first of them.
    since: Option<Mismatch>,
    /// Up to this entry the fold is that of the engine which made the last plan that fits.
    proved: LogSeq,
    /// The last plan, if it was refused and its number is one that the chain has not come to.
    ahead: Option<Ahead>,
    so_far: Verified,
    /// Accepted plans that do not follow the accepted one before.
    gaps: Vec<Gap>,
    /// The first of several refused plans that follow each other. An engine goes on from an accepted plan only: the accepted one before
    /// them is missing, or somebody has forged them.
    doubtful: Vec<Gap>,
}

impl Verify {
    /// Begins with a fleet that was folded before: a base, or an empty one.
    pub(crate) fn from(fleet: &Fleet) -> Self {
        let digests = BTreeMap::from([(fleet.applied(), fleet.digest())]);
        Self {
            digests,
            proved: fleet.applied(),
            rev: fleet.chain().rev,
            plan_seq: fleet.chain().seq,
            ..Self::default()
        }
    }

    /// Takes in one entry, right after `fleet` has folded it with this `change`.
    pub(crate) fn folded(&mut self, entry: &LogEntry, change: &Change, fleet: &Fleet) {
        if let Event::PlanProposed(plan) = &entry.event {
            // Messages that were not folded have no digest of their own: the fleet is as after the entry before.
            let known = self.digests.range(..=plan.based_on).next_back().map(|(&seq, &digest)| (seq, digest));
            let links = change.plan.as_ref().is_some_and(|outcome| outcome.links);
            self.follow(plan, entry, links);
            if !links {
                self.so_far.outside_chain += 1;
            } else if plan.format != FORMAT {
                self.so_far.other_format += 1;
            } else if let Some((seq, folded)) = known {
                self.so_far.compared += 1;
                if folded == plan.fleet_digest {
                    (self.since, self.proved) = (None, plan.based_on);
                } else {
                    let (rev, based_on, live) = (plan.rev, plan.based_on, plan.fleet_digest);
                    let mismatch = Mismatch { seq: entry.seq, rev, based_on, live, folded };
                    self.since.get_or_insert_with(|| mismatch.clone());
                    self.so_far.mismatch.get_or_insert(mismatch);
                }
                // The next plan of the chain is made from this plan or from a later entry.
                self.digests = self.digests.split_off(&seq);
            } else {
                self.so_far.too_early += 1;
            }
        }
        self.digests.insert(entry.seq, fleet.digest());
        if self.digests.len() > DIGESTS_MAX {
            self.digests.pop_first();
        }
    }

    /// Looks for plans that are missing before this one.
    fn follow(&mut self, plan: &Proposal, entry: &LogEntry, links: bool) {
        let after = |rev: u64| rev.checked_add(1) == Some(plan.rev);
        let gap = Gap { rev: plan.rev, seq: entry.seq, after_rev: self.rev, after_seq: self.plan_seq };
        if links {
            if self.rev > 0 && !after(self.rev) {
                self.gaps.push(gap);
            }
            (self.rev, self.plan_seq, self.ahead) = (plan.rev, entry.seq, None);
            return;
        }
        let before = self.ahead.take().filter(|before| after(before.rev) && plan.prev_hash == before.hash);
        if let Some(before) = before {
            if !before.told {
                self.doubtful.push(before.gap);
            }
            self.ahead = Some(Ahead { rev: plan.rev, hash: entry.hash, gap: before.gap, told: true });
        } else if plan.rev > self.rev.saturating_add(1) {
            self.ahead = Some(Ahead { rev: plan.rev, hash: entry.hash, gap, told: false });
        }
    }

    /// What does not fit together where the fold has come to; what came right again does not count. `None`: nothing.
    ///
    /// By itself it proves nothing: whoever may write to the plan subject can forge plans.
    pub(crate) fn doubt(&self) -> Option<String> {
        if let Some(ahead) = self.ahead {
            return Some(format!("plans are missing {}", ahead.gap));
        }
        self.since.as_ref().map(ToString::to_string)
    }

    /// What shows that entries are missing which the engine that ran here had folded; `None`: nothing does.
    ///
    /// It takes the word of the log that entries were removed, which nobody can forge who may only write; and a plan behind them that
    /// follows the chain and does not fit, or something that drivers were told and the fold does not have. (Anybody may write a plan
    /// that does not follow the chain.)
    pub(crate) fn lacks(&self, evidence: Evidence) -> Option<String> {
        if evidence.told_and_removed > self.proved {
            return Some(format!("drivers were told entry {}, which was removed", evidence.told_and_removed.0));
        }
        if evidence.last_removed <= self.proved {
            return None;
        }
        let acted_on = self.ahead.filter(|ahead| ahead.gap.seq <= evidence.last_told);
        acted_on
            .map(|ahead| format!("plans are missing {}", ahead.gap))
            .or_else(|| self.since.as_ref().map(ToString::to_string))
    }

    /// Plans whose predecessor is missing from the log. Refused plans after which the chain went on from an accepted one were forged,
    /// unless entries were removed.
    pub(crate) fn gaps(&self, were_removed: bool) -> Vec<Gap> {
        let mut gaps = self.gaps.clone();
        if were_removed {
            gaps.extend(&self.doubtful);
        } else if let Some(ahead) = self.ahead.filter(|ahead| ahead.told) {
            gaps.push(ahead.gap);
        }
        gaps.sort_unstable_by_key(|gap| gap.seq);
        gaps
    }

    /// What came of it.
    pub(crate) fn result(&self) -> &Verified {
        &self.so_far
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_fleet::{Change, Fleet, PlanOutcome};
    use fleetfold_model::{
        Event, FORMAT, LogEntry, LogSeq, MessageHash, Millis, Name, Proposal, SearchRecord, Timestamp,
    };

    use super::{Evidence, Verified, Verify};

    fn entry(seq: u64, event: Event) -> LogEntry {
        LogEntry {
            numbered: None,
            seq: LogSeq(seq),
            logged_at: Timestamp(0),
            id: seq,
            time: None,
            hash: MessageHash::default(),
            event,
        }
    }

    fn plan(format: u16, based_on: u64, fleet_digest: u64) -> Event {
        Event::PlanProposed(Proposal {
            rules: fleetfold_model::RULES,
            format,
            epoch: 1,
            rev: 1,
            prev_hash: MessageHash::default(),
            based_on: LogSeq(based_on),
            groups: Vec::new(),
            search: SearchRecord { seed: 0, rounds: 0, took: Millis(0), cost_before: 0, cost_after: 0 },
            overload: 0,
            fleet_digest,
        })
    }

    /// An entry that was removed, and the last one that a driver was told.
    fn removed(last: u64, told: u64) -> Evidence {
        Evidence { last_removed: LogSeq(last), last_told: LogSeq(told), ..Evidence::default() }
    }

    /// A fleet after entries 3 (a vehicle came), 5 (another came), and the digests after each.
    fn fold(last: Event, links: bool) -> Verified {
        let mut fleet = Fleet::new();
        let mut verify = Verify::from(&fleet);
        for seq in [3, 5] {
            let vehicle = Name::new(&format!("v{seq}")).unwrap();
            let entry = entry(seq, Event::ShiftStarted { vehicle, shift: None, position: None });
            let change = fleet.apply(&entry);
            verify.folded(&entry, &change, &fleet);
        }
        let change = Change { plan: Some(PlanOutcome { links, ..PlanOutcome::default() }), ..Change::default() };
        verify.folded(&entry(9, last), &change, &fleet);
        verify.result().clone()
    }

    #[test]
    fn a_plan_is_compared_with_the_digest_after_the_entry_it_was_made_from() {
        let mut fleet = Fleet::new();
        let vehicle = Name::new("v3").unwrap();
        fleet.apply(&entry(3, Event::ShiftStarted { vehicle, shift: None, position: None }));
        let digest = fleet.digest();
        assert_ne!(digest, Fleet::new().digest());
        // Entry 4 is of another zone or was not folded: the fleet is as after entry 3.
        for based_on in [3, 4] {
            let found = fold(plan(FORMAT, based_on, digest), true);
            assert_eq!((found.compared, &found.mismatch), (1, &None), "{based_on}");
        }
        let found = fold(plan(FORMAT, 5, digest), true);
        let words = found.mismatch.expect("another digest").to_string();
        assert!(words.contains("plan 1 (entry 9)") && words.contains("after entry 5"), "{words}");
    }

    #[test]
    fn plans_that_say_nothing_are_counted_and_not_compared() {
        let other = fold(plan(FORMAT - 1, 5, 1), true);
        assert_eq!((other.other_format, other.compared, other.mismatch), (1, 0, None));
        let outside = fold(plan(FORMAT, 5, 1), false);
        assert_eq!((outside.outside_chain, outside.compared, outside.mismatch), (1, 0, None));
    }

    /// A plan with a number, made from no fleet; `links`: the fold has taken it.
    fn numbered(verify: &mut Verify, seq: u64, rev: u64, (prev, hash): (u128, u128), links: bool) {
        let Event::PlanProposed(plan) = plan(FORMAT, 0, Fleet::new().digest()) else { unreachable!() };
        let event = Event::PlanProposed(Proposal { rev, prev_hash: MessageHash(prev), ..plan });
        let entry = LogEntry { hash: MessageHash(hash), ..entry(seq, event) };
        let change = Change { plan: Some(PlanOutcome { links, ..PlanOutcome::default() }), ..Change::default() };
        verify.folded(&entry, &change, &Fleet::new());
    }

    #[test]
    fn a_stray_copy_of_a_plan_is_no_gap() {
        let mut verify = Verify::from(&Fleet::new());
        numbered(&mut verify, 1, 1, (0, 101), true);
        numbered(&mut verify, 2, 2, (101, 102), true);
        // Copies of both, one after the other, and a forged one of the highest number there is, twice.
        numbered(&mut verify, 3, 1, (0, 101), false);
        numbered(&mut verify, 4, 2, (101, 102), false);
        numbered(&mut verify, 5, u64::MAX, (7, 105), false);
        numbered(&mut verify, 6, u64::MAX, (105, 106), false);
        numbered(&mut verify, 7, 3, (102, 103), true);
        assert_eq!((verify.gaps(true), verify.result().outside_chain), (Vec::new(), 4));
    }

    #[test]
    fn plans_that_go_on_behind_a_missing_one_are_a_gap() {
        let mut verify = Verify::from(&Fleet::new());
        numbered(&mut verify, 1, 1, (0, 101), true);
        // Plan 2 is missing. Those behind it are refused, and follow each other.
        numbered(&mut verify, 3, 3, (102, 103), false);
        numbered(&mut verify, 4, 4, (103, 104), false);
        numbered(&mut verify, 5, 5, (104, 105), false);
        let gaps = verify.gaps(false);
        assert_eq!((gaps.iter().map(|gap| gap.rev).collect::<Vec<_>>(), verify.result().outside_chain), (vec![3], 3));
        assert_eq!(gaps[0].to_string(), "between plan 1 (entry 1) and plan 3 (entry 3)");
        assert!(verify.lacks(removed(2, 5)).unwrap().contains("plan 3 (entry 3)"));
        // An engine that went on from the last plan that it had folded has made a chain of its own.
        numbered(&mut verify, 6, 2, (101, 106), true);
        assert_eq!(verify.lacks(removed(2, 5)), None);
        assert_eq!((verify.gaps(false).len(), verify.gaps(true).len()), (0, 1), "forged, or removed");
    }

    #[test]
    fn plans_that_anybody_could_have_forged_show_a_gap_only_where_the_log_says_that_entries_were_removed() {
        let mut verify = Verify::from(&Fleet::new());
        numbered(&mut verify, 7, 5, (104, 105), false);
        assert_eq!((verify.lacks(removed(0, 9)), verify.gaps(false).len()), (None, 0));
        numbered(&mut verify, 8, 6, (105, 106), false);
        assert_eq!((verify.lacks(removed(0, 9)), verify.gaps(false).len()), (None, 1));
        assert_eq!(verify.lacks(removed(6, 5)), None, "no driver was told of them");
        assert!(verify.lacks(removed(6, 8)).unwrap().contains("before plan 5 (entry 7)"));
        let told_and_removed = Evidence { told_and_removed: LogSeq(4), ..removed(4, 4) };
        assert!(verify.lacks(told_and_removed).unwrap().contains("entry 4"));
    }

    #[test]
    fn a_fold_that_came_right_again_lacks_nothing() {
        let (mut fleet, mut verify) = (Fleet::new(), Verify::from(&Fleet::new()));
        let mut made = |seq: u64, fits: bool| {
            let digest = fleet.digest() ^ u64::from(!fits);
            let Event::PlanProposed(plan) = plan(FORMAT, seq - 1, digest) else { unreachable!() };
            let rev = fleet.chain().rev + 1;
            let plan = Proposal { rev, prev_hash: fleet.chain().hash, ..plan };
            let entry = LogEntry { hash: MessageHash(u128::from(seq)), ..entry(seq, Event::PlanProposed(plan)) };
            let change = fleet.apply(&entry);
            assert!(change.plan.as_ref().unwrap().links);
            verify.folded(&entry, &change, &fleet);
            let lacks = |last| verify.lacks(removed(last, 0)).is_some();
            (verify.doubt().is_some(), lacks(2), lacks(6))
        };
        assert_eq!(made(1, true), (false, false, false));
        // Entry 2 was removed.
        assert_eq!(made(3, false), (true, true, true));
        assert_eq!(made(4, false), (true, true, true));
        // What had been folded of it is over.
        assert_eq!(made(5, true), (false, false, false));
        // A forged plan long after it, and another entry that was removed right before.
        assert_eq!(made(7, false), (true, false, true));
        assert_eq!(made(8, true), (false, false, false));
    }
}

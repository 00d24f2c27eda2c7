//! Where a reader of a zone begins: with its snapshot, with a base, or at the first entry; or why it cannot.
//!
//! Several zones share a stream, so what counts is the zone's own: the stream's bounds only say what may have expired. Pure,
//! so that `node` and `sim` run the same.

use fleetfold_model::{Event, MessageHash};
use fleetfold_wire::{What, decode};

/// What the log holds of a zone, as asked at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// First sequence that the stream still holds, of any zone; 1 while nothing has expired.
    pub stream_first: u64,
    /// Last sequence of the stream, of any zone; 0 while there is none.
    pub stream_last: u64,
    /// First and last sequence of the zone's own entries; `None`: the stream holds none of it.
    pub zone: Option<(u64, u64)>,
    /// The number of the first plan of the zone that the stream still holds; `None`: it holds no plan of it.
    pub first_plan_rev: Option<u64>,
    /// The newest base that can be had, if there is one. It must have been found *before* the bounds above were asked for, so
    /// that a base of this log never lies beyond them.
    pub base: Option<Covered>,
    /// The log itself names that base, with its hash: who has folded nothing need not fold what is in it. Whoever wants to see
    /// that the log folds to what its plans say leaves this false.
    pub base_is_named: bool,
    /// The highest sequence below `stream_first` that something outside of the stream names as an entry of the zone: an
    /// assignment by its revision, the owner's mark of how far it has folded, a base by its name; or the first plan that is held, by
    /// the entry that it was made from. `None`: nothing does.
    pub expired: Option<u64>,
    /// The stream is the zone's own, so that whatever it has dropped was the zone's.
    pub alone: bool,
    /// Entries of the stream, of any zone, above what the snapshot has folded were removed by somebody: a stream loses only its
    /// oldest ones by itself.
    pub removed: bool,
}

impl Held {
    /// Takes note of something outside of the stream that names an entry of the zone. It counts if the stream has dropped it.
    pub fn named(&mut self, seq: u64) {
        if seq < self.stream_first {
            self.expired = self.expired.max(Some(seq));
        }
    }

    /// Takes note of the first plan of the zone that the stream still holds: its number, and the entry that it was made from. `None`: it
    /// holds no plan.
    pub fn begins_with_plan(&mut self, plan: Option<(u64, u64)>) {
        self.first_plan_rev = plan.map(|(rev, _)| rev);
        if let Some((_, based_on)) = plan {
            self.named(based_on);
        }
    }

    /// True when an entry above `applied` can have expired.
    pub fn may_lack(&self, applied: u64) -> bool {
        self.stream_first > applied.saturating_add(1)
    }

    /// True when a start with a snapshot that has folded `applied` (0: there is none) has to look at the bases: something above it can
    /// have expired or was removed, or one of them is newer than the end of the log. `named`: the last entries of the bases, as their
    /// names say.
    pub fn asks_for_bases(&self, applied: u64, named: &[u64]) -> bool {
        self.may_lack(applied) || self.removed || named.iter().any(|&named| self.lies_beyond(named))
    }

    /// True when an entry of the zone was folded once that this log cannot have lost by age: it lies behind the log's end, or
    /// between entries that are held. Then the log is an older copy, or another one.
    pub fn lies_beyond(&self, applied: u64) -> bool {
        let zone_last = self.zone.map_or(0, |(_, last)| last);
        applied > self.stream_last || (applied >= self.stream_first && zone_last < applied)
    }
}

/// Finds the first plan of the chain among the messages on the plan subject, from the first one that is held. Anybody with the right to
/// write there may have left a plan that is none of the chain: the plan behind it names the hash of the one before, so a plan that the
/// next one follows is taken.
#[derive(Clone, Debug, Default)]
pub struct FirstPlan {
    /// Plans that were looked at: hash, number, and the entry each was made from.
    seen: Vec<(MessageHash, u64, u64)>,
    /// The one that a later one follows.
    found: Option<(u64, u64)>,
    looked_at: usize,
}

/// So many messages are looked at.
const PLANS_LOOKED_AT: usize = 32;

impl FirstPlan {
    /// Looks at the next message on the plan subject. True when no more are needed.
    pub fn look(&mut self, bytes: &[u8]) -> bool {
        self.looked_at += 1;
        let Ok(decoded) = decode(bytes) else { return self.looked_at >= PLANS_LOOKED_AT };
        if let What::Event(Event::PlanProposed(plan)) = decoded.what {
            let before =
                self.seen.iter().find(|(hash, rev, _)| *hash == plan.prev_hash && rev.checked_add(1) == Some(plan.rev));
            self.found = before.map(|&(_, rev, based_on)| (rev, based_on));
            self.seen.push((decoded.hash, plan.rev, plan.based_on.0));
        }
        self.found.is_some() || self.looked_at >= PLANS_LOOKED_AT
    }

    /// Its number and the entry that it was made from. Where no plan follows another one it is the one with the lowest number: who skips
    /// numbers is not the next of the chain.
    pub fn found(&self) -> Option<(u64, u64)> {
        let lowest = self.seen.iter().min_by_key(|(_, rev, _)| *rev);
        self.found.or(lowest.map(|&(_, rev, based_on)| (rev, based_on)))
    }
}

/// How far a snapshot or a base has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Covered {
    /// Last entry folded into it; 0: none.
    pub applied: u64,
    /// Number of the last plan folded into it; 0: none.
    pub rev: u64,
}

impl Covered {
    /// True when no entry of the zone above `applied` can be shown to be missing.
    ///
    /// A stream drops its oldest entries, of all zones alike. So something can be missing only if the stream begins above
    /// `applied + 1`, and even then a quiet zone has lost nothing. Plans are numbered without a gap, and an engine that runs
    /// writes a snapshot and a base long before entries expire: if the first plan that is held is not the one after `rev`,
    /// plans (and the facts between them) are gone. If no plan is held, not even the ones that expired, something outside of
    /// the stream may still name an entry above `applied`.
    fn is_enough(self, held: Held) -> bool {
        if self.applied.saturating_add(1) >= held.stream_first {
            return true;
        }
        if held.alone {
            return false;
        }
        let follows = held.zone.is_none() || held.first_plan_rev.is_none_or(|rev| rev == self.rev + 1);
        follows && held.expired.is_none_or(|seq| seq <= self.applied)
    }
}

/// How to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the snapshot (or nothing): read the zone's entries with a sequence above `after`.
    After {
        /// Entries above this sequence are read.
        after: u64,
        /// The first entry read is the last one the snapshot folded, and shows that the log is still the same.
        verify: bool,
    },
    /// With the base: entries that came before it have expired. Say so.
    AtBase {
        /// Last entry folded into the base; read from behind it.
        applied: u64,
    },
    /// The log ends before what has been folded: it went back, or is another one.
    Regressed {
        /// Last entry folded.
        applied: u64,
        /// Where the zone's log ends.
        last: u64,
        /// A base has folded it, and not the snapshot.
        by_base: bool,
    },
    /// Entries that are needed have expired, and there is no base that covers them. Who begins all the same begins with
    /// what has come furthest.
    Expired {
        /// Entries from here on are needed: the snapshot or the base has come up to the one before.
        needed: u64,
    },
}

/// Judges a start. `snapshot`: how far it has come, nothing without one.
///
/// Whatever has folded an entry that the log does not have any more shows that the log went back, be it the snapshot or a
/// base: entries that came now would get the numbers of entries that are in it, and would never be folded.
///
/// A snapshot is taken if nothing above it can be shown to be missing, else a base of which that is true. Without a
/// snapshot on a stream whose first entries have expired, a base is better than nothing, even if nothing is shown to be
/// missing: the zone may have had entries that all expired. The same is true of a base that the log names, which saves to fold what
/// is in it, and where entries above the snapshot have expired or somebody removed some from the middle: they may have been the zone's,
/// and facts between two plans leave no other trace.
pub fn begin(snapshot: Covered, held: Held) -> Begin {
    let applied = snapshot.applied;
    let zone_last = held.zone.map_or(0, |(_, last)| last);
    let snapshot_entry_held = applied > 0 && applied >= held.stream_first && applied <= held.stream_last;
    let base = held.base.map_or(0, |base| base.applied);
    for (folded, by_base) in [(applied, false), (base, true)] {
        if folded > 0 && held.lies_beyond(folded) {
            return Begin::Regressed { applied: folded, last: zone_last, by_base };
        }
    }
    let newer = held.base.filter(|base| base.applied > applied);
    if let Some(base) = newer.filter(|base| base.is_enough(held))
        && (!snapshot.is_enough(held)
            || held.removed
            || held.may_lack(applied)
            || (applied == 0 && (held.stream_first > 1 || held.base_is_named)))
    {
        return Begin::AtBase { applied: base.applied };
    }
    if !snapshot.is_enough(held) {
        return Begin::Expired { needed: newer.map_or(applied, |base| base.applied) + 1 };
    }
    let after = if snapshot_entry_held { applied - 1 } else { applied };
    Begin::After { after, verify: snapshot_entry_held }
}

/// Judges a log that is read on after a reconnect or a jump: is it still the one whose entries up to `passed` were read?
///
/// `created`: the stream's creation time as first seen and as it is now. `last_read`: hash of the last entry read, and of
/// what stands at its sequence now (`None`: it has expired, which proves nothing).
///
/// # Errors
///
/// What shows that it is another log, or an older copy.
pub fn still_the_same(
    passed: u64,
    stream_last: u64,
    created: (i64, i64),
    last_read: Option<([u8; 32], Option<[u8; 32]>)>,
) -> Result<(), String> {
    if created.0 != created.1 {
        return Err("the stream was created anew".to_owned());
    }
    if stream_last < passed {
        return Err(format!("entry {passed} was read, but the log ends at {stream_last}"));
    }
    match last_read {
        Some((read, Some(stands))) if read != stands => Err(format!("entry {passed} is not the one that was read")),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Event, FORMAT, LogSeq, MessageHash, Proposal, SearchRecord, Space, Timestamp};

    use super::{Begin, Covered, FirstPlan, Held, begin, still_the_same};
    use crate::address::ZoneName;
    use crate::chain::{hash, own_message};

    fn held(stream: (u64, u64), zone: Option<(u64, u64)>) -> Held {
        Held { stream_first: stream.0, stream_last: stream.1, zone, ..Held::default() }
    }

    fn covered(applied: u64, rev: u64) -> Covered {
        Covered { applied, rev }
    }

    const NOTHING: Covered = Covered { applied: 0, rev: 0 };

    #[test]
    fn a_start_reads_everything_it_has_not_folded() {
        assert_eq!(begin(NOTHING, held((1, 0), None)), Begin::After { after: 0, verify: false }, "an empty log");
        assert_eq!(begin(NOTHING, held((1, 9), Some((1, 9)))), Begin::After { after: 0, verify: false }, "no snapshot");
        let nine = covered(9, 2);
        assert_eq!(begin(nine, held((1, 9), Some((1, 9)))), Begin::After { after: 8, verify: true }, "nothing new");
        assert_eq!(
            begin(nine, held((10, 12), Some((11, 12)))),
            Begin::After { after: 9, verify: false },
            "just expired"
        );
        assert_eq!(
            begin(nine, held((4, 90), Some((9, 9)))),
            Begin::After { after: 8, verify: true },
            "another zone works"
        );
    }

    #[test]
    fn a_base_that_the_log_names_saves_the_fold_of_what_is_in_it() {
        let log = held((1, 90), Some((1, 90)));
        let named = Held { base: Some(covered(60, 20)), base_is_named: true, ..log };
        assert_eq!(begin(NOTHING, named), Begin::AtBase { applied: 60 });
        assert_eq!(begin(covered(9, 2), named), Begin::After { after: 8, verify: true }, "a snapshot is as good");
        let found = Held { base_is_named: false, ..named };
        assert_eq!(
            begin(NOTHING, found),
            Begin::After { after: 0, verify: false },
            "it is only an object somebody stored"
        );
    }

    #[test]
    fn a_log_that_ends_before_what_was_folded_went_back() {
        let nine = covered(9, 2);
        let by_snapshot = |last| Begin::Regressed { applied: 9, last, by_base: false };
        assert_eq!(begin(nine, held((1, 8), Some((1, 8)))), by_snapshot(8));
        // Other zones have written on, but the entry that was folded is not there any more.
        assert_eq!(begin(nine, held((1, 40), Some((1, 8)))), by_snapshot(8));
        assert_eq!(begin(nine, held((1, 40), None)), by_snapshot(0));
    }

    #[test]
    fn a_base_that_is_newer_than_the_end_of_the_log_shows_that_it_went_back() {
        let by_base = |last| Begin::Regressed { applied: 28, last, by_base: true };
        let newer = |held: Held| Held { base: Some(covered(28, 6)), ..held };
        let restored = newer(held((6, 18), Some((6, 18))));
        assert_eq!(begin(NOTHING, restored), by_base(18), "an older copy was restored");
        assert_eq!(begin(covered(15, 3), restored), by_base(18), "even with a snapshot that the log still covers");
        assert_eq!(begin(NOTHING, newer(held((1, 0), None))), by_base(0), "the log was replaced by an empty one");
        assert_eq!(begin(NOTHING, newer(held((1, 40), Some((1, 12))))), by_base(12), "other zones have written on");
        assert_eq!(begin(NOTHING, newer(held((29, 40), None))), Begin::AtBase { applied: 28 }, "it has expired");
        let whole = newer(held((1, 28), Some((1, 28))));
        assert_eq!(begin(NOTHING, whole), Begin::After { after: 0, verify: false }, "the base is of the last entry");
        let absurd = Held { base: Some(covered(u64::MAX, 6)), ..held((6, 18), Some((6, 18))) };
        assert_eq!(begin(NOTHING, absurd), Begin::Regressed { applied: u64::MAX, last: 18, by_base: true });
    }

    #[test]
    fn a_quiet_zone_whose_entries_have_all_expired_goes_on() {
        let nine = covered(9, 2);
        for first in [10, 20, 40] {
            assert_eq!(begin(nine, held((first, 40), None)), Begin::After { after: 9, verify: false });
        }
        let news = held((20, 40), Some((30, 31)));
        assert_eq!(begin(nine, news), Begin::After { after: 9, verify: false }, "facts, and no plan yet");
        let answered = Held { first_plan_rev: Some(3), ..news };
        assert_eq!(begin(nine, answered), Begin::After { after: 9, verify: false }, "the plans follow on");
        let base = Held { base: Some(nine), ..held((20, 40), None) };
        assert_eq!(begin(NOTHING, base), Begin::AtBase { applied: 9 }, "its data folder is gone");
    }

    #[test]
    fn a_new_zone_on_an_old_stream_has_lost_nothing() {
        assert_eq!(begin(NOTHING, held((4_000, 9_000), None)), Begin::After { after: 0, verify: false });
        let young = Held { first_plan_rev: Some(1), ..held((4_000, 9_000), Some((8_000, 8_500))) };
        assert_eq!(begin(NOTHING, young), Begin::After { after: 0, verify: false });
    }

    #[test]
    fn nobody_starts_from_the_middle_in_silence() {
        let old = Held { first_plan_rev: Some(70), ..held((4_000, 9_000), Some((4_010, 8_500))) };
        assert_eq!(begin(NOTHING, old), Begin::Expired { needed: 1 });
        assert_eq!(begin(covered(300, 20), old), Begin::Expired { needed: 301 });
        let base = |applied, rev| Held { base: Some(covered(applied, rev)), ..old };
        assert_eq!(begin(NOTHING, base(5_000, 90)), Begin::AtBase { applied: 5_000 });
        assert_eq!(begin(covered(300, 20), base(3_900, 69)), Begin::AtBase { applied: 3_900 });
        assert_eq!(begin(NOTHING, base(3_900, 60)), Begin::Expired { needed: 3_901 }, "nine plans are missing");
        // A base older than the snapshot is of no use.
        assert_eq!(begin(covered(6_000, 80), base(5_000, 75)), Begin::After { after: 5_999, verify: true });
    }

    #[test]
    fn where_entries_were_removed_from_the_middle_a_base_is_better_than_what_is_left() {
        let whole = Held { base: Some(covered(28, 6)), ..held((1, 40), Some((1, 40))) };
        assert_eq!(begin(NOTHING, whole), Begin::After { after: 0, verify: false });
        let removed = Held { removed: true, ..whole };
        assert_eq!(begin(NOTHING, removed), Begin::AtBase { applied: 28 });
        assert_eq!(begin(covered(20, 4), removed), Begin::AtBase { applied: 28 });
        assert_eq!(begin(covered(30, 7), removed), Begin::After { after: 29, verify: true }, "an older base");
        let no_base = Held { base: None, ..removed };
        assert_eq!(begin(NOTHING, no_base), Begin::After { after: 0, verify: false }, "the fold will show");
    }

    #[test]
    fn entries_that_expired_behind_a_base_are_noticed_by_what_still_names_them() {
        let quiet = Held { base: Some(covered(9, 2)), ..held((40, 60), None) };
        let named = |mut held: Held, seqs: &[u64]| {
            for &seq in seqs {
                held.named(seq);
            }
            held
        };
        assert_eq!(begin(NOTHING, named(quiet, &[4, 9])), Begin::AtBase { applied: 9 }, "they are in the base");
        assert_eq!(begin(NOTHING, named(quiet, &[12, 4])), Begin::Expired { needed: 10 });
        assert_eq!(begin(covered(7, 2), named(quiet, &[12])), Begin::Expired { needed: 10 });
        assert_eq!(begin(covered(11, 2), named(quiet, &[12])), Begin::Expired { needed: 12 });
        assert_eq!(begin(covered(12, 2), named(quiet, &[12])), Begin::After { after: 12, verify: false });
        // The facts between two plans, too, although the plans follow on.
        let busy = Held { first_plan_rev: Some(3), base: quiet.base, ..held((40, 60), Some((44, 50))) };
        assert_eq!(begin(NOTHING, busy), Begin::AtBase { applied: 9 });
        assert_eq!(begin(NOTHING, named(busy, &[30])), Begin::Expired { needed: 10 });
        assert_eq!(begin(NOTHING, named(busy, &[45])), Begin::AtBase { applied: 9 }, "the stream still holds that one");
        // A zone without a base or a snapshot whose routes are still known.
        assert_eq!(begin(NOTHING, named(held((40, 60), None), &[12])), Begin::Expired { needed: 1 });
    }

    /// Found by the simulator: a forged plan was the oldest one that the stream held, and the zone could not be begun any more.
    #[test]
    fn a_forged_plan_is_not_taken_for_the_first_of_the_chain() {
        let plan = |rev: u64, prev_hash: MessageHash| {
            let plan = Event::PlanProposed(Proposal {
                rules: fleetfold_model::RULES,
                format: FORMAT,
                epoch: 1,
                rev,
                prev_hash,
                based_on: LogSeq(rev * 10),
                groups: Vec::new(),
                search: SearchRecord::default(),
                overload: 0,
                fleet_digest: 0,
            });
            own_message(&ZoneName::new("acme", "porto").unwrap(), &plan, Space::Geographic, Timestamp(0)).bytes
        };
        let twenty = plan(20, MessageHash(1));
        let next = plan(21, hash(&twenty));
        let found = |messages: &[&[u8]]| {
            let mut first = FirstPlan::default();
            let _ = messages.iter().any(|message| first.look(message));
            first.found()
        };
        let forged = plan(1_000_000, MessageHash(7));
        assert_eq!(found(&[&twenty, &next, &forged]), Some((20, 200)));
        assert_eq!(found(&[&forged, b"garbage", &twenty, &forged, &next]), Some((20, 200)));
        assert_eq!(found(&[&forged, &twenty]), Some((20, 200)), "nothing follows it yet");
        assert_eq!(found(&[&plan(1, MessageHash(7)), &twenty, &next]), Some((20, 200)));
        assert_eq!(found(&[b"garbage"]), None);
    }

    /// Found by the simulator (seed 38 with expiry): the plans follow on, and the facts between them have expired.
    #[test]
    fn facts_that_expired_between_two_plans_are_noticed() {
        let log = |based_on| {
            let mut log = held((91, 184), Some((94, 183)));
            log.begins_with_plan(Some((18, based_on)));
            log
        };
        assert_eq!(begin(covered(88, 17), log(88)), Begin::After { after: 88, verify: false }, "there were none");
        assert_eq!(begin(covered(88, 17), log(90)), Begin::Expired { needed: 89 });
        let base = Held { base: Some(covered(171, 32)), ..log(96) };
        assert_eq!(begin(covered(88, 17), base), Begin::AtBase { applied: 171 }, "one may have come after a held one");
    }

    #[test]
    fn a_replaced_log_is_noticed_while_it_is_read() {
        let hash = |byte| [byte; 32];
        assert!(still_the_same(9, 12, (5, 5), Some((hash(1), Some(hash(1))))).is_ok());
        assert!(still_the_same(9, 12, (5, 5), Some((hash(1), None))).is_ok(), "it has expired");
        assert!(still_the_same(9, 12, (5, 6), None).unwrap_err().contains("created anew"));
        assert!(still_the_same(9, 8, (5, 5), None).unwrap_err().contains("ends at 8"));
        assert!(still_the_same(9, 12, (5, 5), Some((hash(1), Some(hash(2))))).unwrap_err().contains("entry 9"));
    }
}

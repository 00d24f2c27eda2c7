//! Where a reader of a zone begins: with its snapshot, with a base, or at the first entry; or why it cannot.
//!
//! Several zones share a stream, so what counts is the zone's own: the stream's bounds only say what may have expired. Pure,
//! so that `node` and `sim` run the same.

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
    /// Last entry folded into the newest base that can be had, if there is one.
    pub base: Option<u64>,
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
    },
    /// Entries that are needed have expired, and there is no base that covers them.
    Expired {
        /// Entries from here on are needed.
        needed: u64,
    },
}

/// Judges a start. `applied`: the last entry that the snapshot folded, 0 without one.
///
/// A stream drops its oldest entries, of all zones alike. So an entry of this zone above `applied` may be missing only if the
/// stream begins above `applied + 1`. Without a snapshot that alone proves nothing: a new zone on an old stream has lost
/// nothing. That entries of its own have expired is shown by a base (bases are written daily, long before anything
/// expires) or by plans that do not begin with number 1.
pub fn begin(applied: u64, held: Held) -> Begin {
    let zone_last = held.zone.map_or(0, |(_, last)| last);
    let snapshot_entry_held = applied > 0 && applied >= held.stream_first && applied <= held.stream_last;
    if applied > held.stream_last || (snapshot_entry_held && zone_last < applied) {
        return Begin::Regressed { applied, last: zone_last };
    }
    let may_have_expired = held.stream_first > applied + 1;
    let newer_base = held.base.filter(|&base| base > applied && base + 1 >= held.stream_first);
    match (may_have_expired, newer_base) {
        (true, Some(base)) => Begin::AtBase { applied: base },
        (true, None) if applied > 0 || held.base.is_some() || held.first_plan_rev.is_some_and(|rev| rev > 1) => {
            Begin::Expired { needed: applied + 1 }
        }
        (true | false, _) => {
            let after = if snapshot_entry_held { applied - 1 } else { applied };
            Begin::After { after, verify: snapshot_entry_held }
        }
    }
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
    use super::{Begin, Held, begin, still_the_same};

    fn held(stream: (u64, u64), zone: Option<(u64, u64)>) -> Held {
        Held { stream_first: stream.0, stream_last: stream.1, zone, first_plan_rev: None, base: None }
    }

    #[test]
    fn a_start_reads_everything_it_has_not_folded() {
        assert_eq!(begin(0, held((1, 0), None)), Begin::After { after: 0, verify: false }, "an empty log");
        assert_eq!(begin(0, held((1, 9), Some((1, 9)))), Begin::After { after: 0, verify: false }, "no snapshot");
        assert_eq!(begin(9, held((1, 9), Some((1, 9)))), Begin::After { after: 8, verify: true }, "nothing new");
        assert_eq!(begin(9, held((10, 12), Some((11, 12)))), Begin::After { after: 9, verify: false }, "just expired");
        assert_eq!(
            begin(9, held((4, 90), Some((9, 9)))),
            Begin::After { after: 8, verify: true },
            "another zone works"
        );
    }

    #[test]
    fn a_log_that_ends_before_what_was_folded_went_back() {
        assert_eq!(begin(9, held((1, 8), Some((1, 8)))), Begin::Regressed { applied: 9, last: 8 });
        // Other zones have written on, but the entry that was folded is not there any more.
        assert_eq!(begin(9, held((1, 40), Some((1, 8)))), Begin::Regressed { applied: 9, last: 8 });
        assert_eq!(begin(9, held((1, 40), None)), Begin::Regressed { applied: 9, last: 0 });
    }

    #[test]
    fn a_quiet_zone_whose_entries_have_all_expired_goes_on() {
        assert_eq!(begin(9, held((10, 40), None)), Begin::After { after: 9, verify: false });
        let base = Held { base: Some(9), ..held((20, 40), None) };
        assert_eq!(
            begin(0, base),
            Begin::Expired { needed: 1 },
            "between the base and the stream something is missing"
        );
        let base = Held { base: Some(19), ..held((20, 40), Some((22, 40))) };
        assert_eq!(begin(0, base), Begin::AtBase { applied: 19 });
    }

    #[test]
    fn a_new_zone_on_an_old_stream_has_lost_nothing() {
        assert_eq!(begin(0, held((4_000, 9_000), None)), Begin::After { after: 0, verify: false });
        let young = Held { first_plan_rev: Some(1), ..held((4_000, 9_000), Some((8_000, 8_500))) };
        assert_eq!(begin(0, young), Begin::After { after: 0, verify: false });
    }

    #[test]
    fn nobody_starts_from_the_middle_in_silence() {
        let old = Held { first_plan_rev: Some(70), ..held((4_000, 9_000), Some((4_010, 8_500))) };
        assert_eq!(begin(0, old), Begin::Expired { needed: 1 });
        assert_eq!(begin(0, Held { base: Some(5_000), ..old }), Begin::AtBase { applied: 5_000 });
        assert_eq!(begin(3, held((5, 8), Some((5, 8)))), Begin::Expired { needed: 4 });
        assert_eq!(begin(3, Held { base: Some(6), ..held((5, 8), Some((5, 8))) }), Begin::AtBase { applied: 6 });
        // A base older than the snapshot is of no use.
        assert_eq!(
            begin(3, Held { base: Some(2), ..held((1, 8), Some((1, 8))) }),
            Begin::After { after: 2, verify: true }
        );
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

//! Where a start begins: a snapshot and what the log still holds, judged. Pure, so that `node` and `sim` run the same.

/// How to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Read the log from behind this place. When `verify`, the first entry read is the last one the snapshot folded and
    /// must still be the same.
    After {
        /// Entries after this place are read.
        place: u64,
        /// The entry at `place + 1` has been folded already and only shows that the log is still the same.
        verify: bool,
    },
    /// The log ends before what has been folded: it went back, or is another one.
    Regressed,
    /// Entries that are needed have expired.
    Expired {
        /// The first that is missing.
        needed: u64,
    },
}

/// Judges a start. `applied`: last entry the snapshot folded, 0 without one; `first` and `last`: what the log holds
/// (`first > last`: nothing).
pub fn begin(applied: u64, first: u64, last: u64) -> Begin {
    if applied > last {
        return Begin::Regressed;
    }
    if first > applied + 1 && first <= last {
        return Begin::Expired { needed: applied + 1 };
    }
    let verify = applied > 0 && applied >= first;
    Begin::After { place: if verify { applied - 1 } else { applied }, verify }
}

#[cfg(test)]
mod tests {
    use super::{Begin, begin};

    #[test]
    fn a_start_reads_everything_it_has_not_folded_or_says_why_not() {
        assert_eq!(begin(0, 1, 0), Begin::After { place: 0, verify: false }, "an empty log");
        assert_eq!(begin(0, 1, 9), Begin::After { place: 0, verify: false }, "no snapshot");
        assert_eq!(begin(9, 1, 9), Begin::After { place: 8, verify: true }, "nothing new");
        assert_eq!(
            begin(9, 10, 12),
            Begin::After { place: 9, verify: false },
            "the entry itself has expired, the next is there"
        );
        assert_eq!(begin(9, 1, 8), Begin::Regressed);
        assert_eq!(begin(3, 5, 8), Begin::Expired { needed: 4 });
    }
}

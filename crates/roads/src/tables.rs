//! Tables of legs that were computed under one set of weights. When the engine asks again for a region in which a few places
//! have moved, only the rows and columns of those are computed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fleetfold_model::Position;

use crate::leg::Leg;

/// Most legs that are kept: 8 MB, six regions of 400 places. There may be a network for every hour of a day, each with its own.
const LEGS_KEPT: usize = 1 << 20;
/// Most places of a table that is kept.
const SIDE_MAX: usize = 1 << 10;
/// Fewest places of a table that is kept: smaller ones are computed as quickly as they are looked up.
const SIDE_MIN: usize = 16;
/// How many of the places are looked at to see which table shares the most of them.
const SAMPLE: usize = 32;

/// One table, row by row.
#[derive(Debug)]
struct Kept {
    /// The node (row and column) of each place.
    row_of: BTreeMap<Position, u32>,
    /// Rows, and columns.
    side: usize,
    legs: Vec<Leg>,
}

/// The tables that are kept, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Tables(Mutex<Vec<Arc<Kept>>>);

impl Tables {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Legs between all pairs of places, row by row. `between(rows, columns)` computes legs that no table holds, from and to places
    /// given by their nodes (their indices in the list).
    pub(crate) fn legs(&self, places: &[Position], between: impl Fn(&[usize], &[usize]) -> Vec<Leg>) -> Vec<Leg> {
        let side = places.len();
        let all: Vec<usize> = (0..side).collect();
        if side > SIDE_MAX {
            return between(&all, &all);
        }
        let old = self.nearest(places);
        let row_of = |at: usize| old.as_ref().and_then(|old| old.row_of.get(&places[at]).copied());
        let rows: Vec<Option<u32>> = all.iter().map(|&at| row_of(at)).collect();
        let (known, new): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&at| rows[at].is_some());
        let legs = match &old {
            Some(old) if 2 * new.len() < side => {
                let mut legs = vec![Leg::default(); side * side];
                let columns: Vec<(usize, usize)> =
                    known.iter().filter_map(|&at| Some((at, rows[at]? as usize))).collect();
                for &(at, row) in &columns {
                    let (mine, theirs) = (&mut legs[at * side..][..side], &old.legs[row * old.side..][..old.side]);
                    for &(to, column) in &columns {
                        mine[to] = theirs[column];
                    }
                }
                for (row, legs_of_row) in new.iter().zip(between(&new, &all).chunks(side.max(1))) {
                    legs[row * side..][..side].copy_from_slice(legs_of_row);
                }
                for (row, legs_of_row) in known.iter().zip(between(&known, &new).chunks(new.len().max(1))) {
                    for (&to, &leg) in new.iter().zip(legs_of_row) {
                        legs[row * side + to] = leg;
                    }
                }
                legs
            }
            _ => between(&all, &all),
        };
        // If all places are a small part of a table that is kept, that table answers more questions than this one would.
        let part = new.is_empty() && old.as_ref().is_some_and(|old| 2 * side < old.side);
        if side >= SIDE_MIN && !part {
            self.keep(places, &legs, old.filter(|old| 2 * new.len() < side && 2 * side >= old.side).as_ref());
        }
        legs
    }

    /// The table that shares the most places with a sample of these.
    fn nearest(&self, places: &[Position]) -> Option<Arc<Kept>> {
        let step = (places.len() / SAMPLE).max(1);
        let shared =
            |kept: &Arc<Kept>| places.iter().step_by(step).filter(|place| kept.row_of.contains_key(place)).count();
        self.lock().iter().max_by_key(|kept| shared(kept)).cloned()
    }

    /// Keeps a table; the one that it was made from is dropped.
    fn keep(&self, places: &[Position], legs: &[Leg], instead_of: Option<&Arc<Kept>>) {
        let row_of = places.iter().enumerate().map(|(row, &place)| (place, row as u32)).collect();
        let kept = Arc::new(Kept { row_of, side: places.len(), legs: legs.to_vec() });
        let mut tables = self.lock();
        tables.retain(|other| instead_of.is_none_or(|old| !Arc::ptr_eq(old, other)));
        tables.push(kept);
        while tables.iter().map(|kept| kept.legs.len()).sum::<usize>() > LEGS_KEPT {
            tables.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use fleetfold_model::Position;
    use proptest::prelude::*;

    use super::Tables;
    use crate::leg::Leg;

    fn leg(from: Position, to: Position) -> Leg {
        Leg { millis: from.x * 1_000 + to.x, metres: i32::from(from == to) }
    }

    proptest! {
        /// Whatever was asked before: every cell is what a leg of its own would be, places that come twice included.
        #[test]
        fn tables_equal_single_legs(asked in proptest::collection::vec(proptest::collection::vec(0i32..40, 0..60), 1..20)) {
            let tables = Tables::default();
            for xs in asked {
                let places: Vec<Position> = xs.into_iter().map(|x| Position { x, y: 0 }).collect();
                let legs = tables.legs(&places, |rows, columns| {
                    rows.iter().flat_map(|&a| columns.iter().map(move |&b| (a, b))).map(|(a, b)| leg(places[a], places[b])).collect()
                });
                let all: Vec<Leg> = places.iter().flat_map(|&a| places.iter().map(move |&b| leg(a, b))).collect();
                prop_assert_eq!(legs, all);
            }
        }
    }

    #[test]
    fn only_what_is_new_is_computed() {
        let tables = Tables::default();
        let cells = Cell::new(0);
        let ask = |xs: &[i32]| {
            let places: Vec<Position> = xs.iter().map(|&x| Position { x, y: 0 }).collect();
            cells.set(0);
            tables.legs(&places, |rows, columns| {
                cells.set(cells.get() + rows.len() * columns.len());
                vec![Leg::default(); rows.len() * columns.len()]
            });
            cells.get()
        };
        let first: Vec<i32> = (0..100).collect();
        let other: Vec<i32> = (500..600).collect();
        assert_eq!(ask(&first), 100 * 100);
        assert_eq!(ask(&other), 100 * 100, "another region");
        assert_eq!(ask(&first), 0, "nothing is new");
        let mut moved = first.clone();
        (moved[3], moved[70]) = (1_000, 1_001);
        assert_eq!(ask(&moved), 2 * 100 + 98 * 2, "two rows and two columns");
        assert_eq!(ask(&other), 0, "the other region is still known");
        assert_eq!(ask(&moved[..20]), 0, "a part of a region");
        assert_eq!(ask(&moved), 0, "which is known as a whole after it");
    }
}

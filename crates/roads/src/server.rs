//! Legs that another program computes: a routing server behind a cache, with straight lines where it has not answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use fleetfold_model::Position;

use crate::leg::{Leg, UNREACHABLE_MILLIS};
use crate::line::Line;

/// A source of travel times outside of this program. The caller waits for it: an implementation must answer or give up within a
/// fraction of a second, and must report by itself that it gave up.
pub trait LegSource: Debug + Send + Sync {
    /// Legs from each of some places to each of others, row by row; [`UNREACHABLE_MILLIS`] where there is no way. `None`:
    /// no answer in time.
    fn table(&self, from: &[Position], to: &[Position]) -> Option<Vec<Leg>>;
}

/// Most legs that are kept; when there would be more, all are forgotten.
const KEPT: usize = 1 << 20;

/// A source with the legs that it has given so far.
#[derive(Debug)]
pub(crate) struct Server {
    source: Arc<dyn LegSource>,
    pub(crate) fallback: Line,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    legs: BTreeMap<(Position, Position), Leg>,
    /// Milliseconds of all legs that the source gave.
    said: i64,
    /// Milliseconds of the same legs by straight lines. The ratio of the two corrects the fallback.
    straight: i64,
}

impl Server {
    pub(crate) fn new(source: Arc<dyn LegSource>, fallback: Line) -> Self {
        Self { source, fallback, known: Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One leg, without asking the source: the leg that it gave, or a straight line corrected by how the source's legs compare to
    /// straight ones so far. A moving vehicle is at a new place every second, too often to ask.
    pub(crate) fn leg(&self, a: Position, b: Position) -> Leg {
        let known = self.known();
        known.legs.get(&(a, b)).copied().unwrap_or_else(|| known.guess(&self.fallback, a, b))
    }

    /// Legs between all pairs of places, row by row. Those that are not known are asked for.
    pub(crate) fn legs(&self, places: &[Position]) -> Vec<Leg> {
        let distinct: BTreeSet<Position> = places.iter().copied().collect();
        // A place is new if a leg between it and a place that is not new is missing. Only rows and columns of new places are
        // asked for.
        let new: Vec<Position> = {
            let known = self.known();
            let mut settled: Vec<Position> = Vec::new();
            let mut new = Vec::new();
            for &place in &distinct {
                let knows = |&other: &Position| {
                    known.legs.contains_key(&(place, other)) && known.legs.contains_key(&(other, place))
                };
                if !settled.is_empty() && settled.iter().all(knows) {
                    settled.push(place);
                } else {
                    new.push(place);
                }
                if settled.is_empty()
                    && let Some(first) = new.pop()
                {
                    settled.push(first);
                }
            }
            new
        };
        if !new.is_empty() {
            let old: Vec<Position> = distinct.iter().copied().filter(|place| !new.contains(place)).collect();
            let all: Vec<Position> = distinct.into_iter().collect();
            if self.ask(&new, &all) && !old.is_empty() {
                self.ask(&old, &new);
            }
        }
        let known = self.known();
        let leg = |from: Position, to: Position| {
            if from == to {
                return Leg::default();
            }
            known.legs.get(&(from, to)).copied().unwrap_or_else(|| known.guess(&self.fallback, from, to))
        };
        places
            .iter()
            .flat_map(|&from| places.iter().map(move |&to| (from, to)))
            .map(|(from, to)| leg(from, to))
            .collect()
    }

    /// Asks for a table and keeps its legs; false if there is no answer.
    fn ask(&self, from: &[Position], to: &[Position]) -> bool {
        let Some(legs) = self.source.table(from, to).filter(|legs| legs.len() == from.len() * to.len()) else {
            return false;
        };
        let mut known = self.known();
        if known.legs.len() + legs.len() > KEPT {
            known.legs.clear();
        }
        let pairs = from.iter().flat_map(|&from| to.iter().map(move |&to| (from, to)));
        for ((from, to), leg) in pairs.zip(legs) {
            if leg.millis < UNREACHABLE_MILLIS {
                known.said += i64::from(leg.millis);
                known.straight += i64::from(self.fallback.leg(from, to).millis);
            }
            known.legs.insert((from, to), leg);
        }
        true
    }
}

impl Known {
    /// A straight line, corrected if the source has given enough legs (1,000 s of straight lines) to compare with.
    fn guess(&self, fallback: &Line, a: Position, b: Position) -> Leg {
        let leg = fallback.leg(a, b);
        if self.straight < 1_000_000 {
            return leg;
        }
        let millis = i128::from(leg.millis) * i128::from(self.said) / i128::from(self.straight);
        Leg { millis: millis.min(i128::from(UNREACHABLE_MILLIS) - 1) as i32, ..leg }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleetfold_model::Space;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Twice the straight line; counts what it is asked.
    #[derive(Debug, Default)]
    struct Twice {
        cells: AtomicUsize,
        dead: AtomicBool,
    }

    fn line() -> Line {
        Line { space: Space::Geographic, metres_per_minute: 500.0, detour_percent: 100, round_up_seconds: 0 }
    }

    impl LegSource for Twice {
        fn table(&self, from: &[Position], to: &[Position]) -> Option<Vec<Leg>> {
            self.cells.fetch_add(from.len() * to.len(), Ordering::Relaxed);
            let leg = |a, b| Leg { millis: line().leg(a, b).millis * 2, metres: 7 };
            let dead = self.dead.load(Ordering::Relaxed);
            (!dead).then(|| from.iter().flat_map(|&a| to.iter().map(move |&b| leg(a, b))).collect())
        }
    }

    #[test]
    fn only_new_places_are_asked_for_and_silence_is_bridged() {
        let source = Arc::new(Twice::default());
        let server = Server::new(Arc::clone(&source) as Arc<dyn LegSource>, line());
        let place = |x: i32| Position { x: x * 100_000, y: 400_000_000 };
        let mut places: Vec<Position> = (0..10).map(place).collect();
        let twice = |a, b| line().leg(a, b).millis * 2;
        let check = |legs: &[Leg], places: &[Position]| {
            for (cell, leg) in legs.iter().enumerate() {
                let (a, b) = (places[cell / places.len()], places[cell % places.len()]);
                assert!((leg.millis - twice(a, b)).abs() <= 1, "{leg:?}");
            }
        };
        check(&server.legs(&places), &places);
        let asked = source.cells.swap(0, Ordering::Relaxed);
        assert!(asked <= 100, "{asked} cells for ten places");
        check(&server.legs(&places), &places);
        assert_eq!(source.cells.load(Ordering::Relaxed), 0, "all is known");
        places[3] = place(30);
        check(&server.legs(&places), &places);
        assert_eq!(source.cells.swap(0, Ordering::Relaxed), 10 + 9, "one row and one column");
        // The source dies: straight lines serve, as much longer as its legs have been.
        source.dead.store(true, Ordering::Relaxed);
        places[4] = place(40);
        check(&server.legs(&places), &places);
        assert!((server.leg(place(50), place(51)).millis - twice(place(50), place(51))).abs() <= 1);
    }
}

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

/// Legs that a source is to be asked for: all between the new places, and both ways between new and old ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegQuery {
    new: Vec<Position>,
    old: Vec<Position>,
}

impl LegQuery {
    /// Asks for what another query asks for too.
    pub fn join(&mut self, other: Self) {
        for place in other.new {
            if !self.new.contains(&place) {
                self.new.push(place);
            }
        }
        self.old.retain(|place| !self.new.contains(place));
        for place in other.old {
            if !self.new.contains(&place) && !self.old.contains(&place) {
                self.old.push(place);
            }
        }
    }
}

/// What a source said to a query; less than was asked for if it did not answer in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegAnswer {
    tables: Vec<Answered>,
}

impl LegAnswer {
    /// True when the source did not answer at all.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }
}

/// One table of an answer, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answered {
    from: Vec<Position>,
    to: Vec<Position>,
    legs: Vec<Leg>,
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

    /// Legs between all pairs of places, row by row. Those that are not known are asked for: the caller waits.
    pub(crate) fn legs(&self, places: &[Position]) -> Vec<Leg> {
        if let Some(query) = self.missing(places) {
            self.learn(&self.fetch(&query));
        }
        self.known_legs(places)
    }

    /// The tables to ask for so that all legs between these places are known; `None`: they are.
    pub(crate) fn missing(&self, places: &[Position]) -> Option<LegQuery> {
        let distinct: BTreeSet<Position> = places.iter().copied().collect();
        // A place is new if a leg between it and a place that is not new is missing. Only rows and columns of new places are
        // asked for.
        let known = self.known();
        let mut old: Vec<Position> = Vec::new();
        let mut new = Vec::new();
        for &place in &distinct {
            let knows = |&other: &Position| {
                known.legs.contains_key(&(place, other)) && known.legs.contains_key(&(other, place))
            };
            if old.iter().all(knows) {
                old.push(place);
            } else {
                new.push(place);
            }
        }
        (!new.is_empty()).then_some(LegQuery { new, old })
    }

    /// Asks the source. No lock is held meanwhile.
    pub(crate) fn fetch(&self, query: &LegQuery) -> LegAnswer {
        let all: Vec<Position> = query.new.iter().chain(&query.old).copied().collect();
        let mut tables = Vec::new();
        for (from, to) in [(&query.new, &all), (&query.old, &query.new)] {
            if to.is_empty() || from.is_empty() {
                continue;
            }
            let answer = self.source.table(from, to).filter(|legs| legs.len() == from.len() * to.len());
            let Some(legs) = answer else { break };
            tables.push(Answered { from: from.clone(), to: to.clone(), legs });
        }
        LegAnswer { tables }
    }

    /// Legs between all pairs of places, row by row, without asking: straight lines stand in for what is not known.
    pub(crate) fn known_legs(&self, places: &[Position]) -> Vec<Leg> {
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

    /// Keeps the legs of an answer.
    pub(crate) fn learn(&self, answer: &LegAnswer) {
        let mut known = self.known();
        for Answered { from, to, legs } in &answer.tables {
            if known.legs.len() + legs.len() > KEPT {
                known.legs.clear();
            }
            let pairs = from.iter().flat_map(|&from| to.iter().map(move |&to| (from, to)));
            for ((from, to), &leg) in pairs.zip(legs) {
                if leg.millis < UNREACHABLE_MILLIS {
                    known.said += i64::from(leg.millis);
                    known.straight += i64::from(self.fallback.leg(from, to).millis);
                }
                known.legs.insert((from, to), leg);
            }
        }
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

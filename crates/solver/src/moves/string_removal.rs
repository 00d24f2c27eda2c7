//! Ruin by string removal: strings of stops that follow each other are taken out of tours that lie near each other (Christiaens &
//! Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing Problems", 2020).

use crate::index::{LocalNode, LocalStop, LocalTour};
use crate::random::Random;
use crate::state::State;

/// How much a ruin takes out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ruin {
    /// Mean number of stops.
    removed_mean: f64,
    /// Longest string.
    string_max: usize,
}

impl Ruin {
    /// The sizes of the paper. In a search of thousands of iterations per stop larger ones, which lead out of plans that smaller ones
    /// do not leave (measured on 200 to 400 stops at 10 s: 0.62 instead of 0.82 % above the best known; no gain with 2,000
    /// iterations per stop).
    pub(crate) fn new(iterations_per_stop: f64) -> Self {
        if iterations_per_stop < LONG_SEARCH {
            Self { removed_mean: 10.0, string_max: 10 }
        } else {
            Self { removed_mean: 15.0, string_max: 15 }
        }
    }
}

/// Iterations per stop from which a search is a long one.
const LONG_SEARCH: f64 = 3_000.0;

impl State<'_> {
    /// Takes strings of neighbouring stops out of neighbouring tours around a random stop.
    pub(crate) fn ruin(&mut self, how: Ruin, scratch: &mut Vec<LocalStop>, random: &mut Random) {
        self.ruin_around(how, false, scratch, random);
    }

    /// The same, but takes the whole tour of that stop, so that its vehicle may stay at home.
    pub(crate) fn ruin_tour(&mut self, how: Ruin, scratch: &mut Vec<LocalStop>, random: &mut Random) {
        self.ruin_around(how, true, scratch, random);
    }

    fn ruin_around(&mut self, how: Ruin, whole: bool, scratch: &mut Vec<LocalStop>, random: &mut Random) {
        let local = self.local;
        if local.stops.is_empty() {
            return;
        }
        let seed = LocalStop(random.below(local.stops.len()) as u32);
        let (mut used, mut stops) = (0usize, 0usize);
        for &count in &self.counts {
            used += usize::from(count > 0);
            stops += count as usize;
        }
        if used == 0 {
            return;
        }
        let longest = how.string_max.min(stops.div_ceil(used));
        let strings_max = (4.0 * how.removed_mean / (1.0 + longest as f64)).max(1.0);
        // The number of strings, as in the paper: ⌊U(1, 4 c̄ / (1 + l))⌋, where c̄ is the mean number of stops and l the longest string.
        let strings = usize::from(whole) + (1.0 + random.unit() * (strings_max - 1.0)) as usize;
        let mut ruined = [LocalTour::NONE; 24];
        let mut done = 0;
        scratch.clear();
        for &stop in local.near.of(seed) {
            if done >= strings.min(ruined.len()) {
                break;
            }
            let tour = self.records[stop].tour;
            if tour == LocalTour::NONE || ruined[..done].contains(&tour) {
                continue;
            }
            ruined[done] = tour;
            done += 1;
            if whole && done == 1 {
                scratch.extend(self.sequence(tour).into_iter().map(|stop| self.unit_of(stop)));
                continue;
            }
            let count = self.counts[tour] as usize;
            let length = 1 + random.below(longest.min(count));
            self.string(stop, count, length, random, scratch);
        }
        if local.paired {
            scratch.sort_unstable();
            scratch.dedup();
        }
        self.remove_all(scratch);
    }

    /// Collects the units of a string of `length` stops around `stop`. Half of the time a longer string is taken and some stops inside it
    /// are kept ("split string").
    fn string(&self, stop: LocalStop, count: usize, length: usize, random: &mut Random, units: &mut Vec<LocalStop>) {
        let mut kept = 0;
        if length > 1 && length < count && random.chance(500) {
            kept = 1;
            while length + kept < count && random.chance(10) {
                kept += 1;
            }
        }
        let total = length + kept;
        let mut first = LocalNode::from(stop);
        let mut back = random.below(total);
        while back > 0 {
            let prev = self.records[first].prev;
            if self.is_sentinel(prev) {
                break;
            }
            first = prev;
            back -= 1;
        }
        // If the tour ends before the string does, the string begins earlier.
        let mut ahead = 1;
        let mut last = first;
        while ahead < total {
            let next = self.records[last].next;
            if self.is_sentinel(next) {
                break;
            }
            last = next;
            ahead += 1;
        }
        while ahead < total {
            first = self.records[first].prev;
            ahead += 1;
        }
        let keep_from = if kept > 0 { 1 + random.below(length - 1) } else { usize::MAX };
        let mut node = first;
        for index in 0..total {
            if !(kept > 0 && (keep_from..keep_from + kept).contains(&index)) {
                units.push(self.unit_of(node.stop()));
            }
            node = self.records[node].next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ruin;
    use crate::index::{LocalStop, NodeIx, StopIx, TourIx};
    use crate::problem::{Legs, Problem, ProblemSpec, Rounding, Stop, TourSpec};
    use crate::random::Random;
    use crate::state::{Local, Neighbours, State, Where};

    #[test]
    fn a_ruined_tour_is_empty_and_its_stops_are_absent() {
        let places = (0..=30u32).map(|place| (f64::from(place * 37 % 100), f64::from(place * 61 % 100))).collect();
        let stops = (1..=30).map(|place| Stop::job(NodeIx(place))).collect();
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
        let tours = vec![TourSpec::at(NodeIx(0)); 3];
        let problem = Problem::new(ProblemSpec { stops, tours, legs, ..ProblemSpec::default() }).expect("legal");
        let near = Neighbours::new(&problem);
        let all: Vec<LocalStop> = LocalStop::first(30).collect();
        let at: Where = all.iter().map(|&stop| (0, stop)).collect();
        let local = Local::piece(&problem, &near, &at, 0, StopIx::first(30).collect(), TourIx::first(3).collect());
        let tours: Vec<Vec<LocalStop>> = all.chunks(10).map(<[LocalStop]>::to_vec).collect();
        for seed in 0..20 {
            let mut state = State::new(&local, &tours, Vec::new());
            state.begin();
            state.ruin_tour(Ruin::new(0.0), &mut Vec::new(), &mut Random::new(seed, 0, 0));
            let emptied = state.tours().find(|&tour| state.counts[tour] == 0).expect("one of them is emptied");
            assert!(tours[emptied.index()].iter().all(|stop| state.absent.contains(stop)));
        }
    }
}

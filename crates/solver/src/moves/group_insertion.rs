//! Insertion of several absent units at once, for tours into which none of them can be put alone: legs that do not exist, limits of a
//! whole tour where the way over another stop is shorter than the direct one, tasks each of which has to stand behind another one.
//!
//! A tour and a few absent units are woven into one sequence by a depth-first search that takes its branches in random order and ends
//! early. It leaves out what has a leg that does not exist; every sequence that it ends with is driven in full.

use crate::index::{LocalNode, LocalStop, LocalTour, StopIx};
use crate::problem::{Role, UNREACHABLE};
use crate::random::Random;
use crate::schedule::drive;
use crate::state::State;

/// Most units that are put in at once.
const UNITS_MAX: usize = 8;
/// Absent units near the first one that are asked for; the others are drawn.
const LOOKED_AT: usize = 40;
/// How often (per mille) one more unit may be put in: two at least, four seldom.
const ONE_MORE_PER_MILLE: usize = 400;
/// Stops of a longer tour between which units are put in.
const STRETCH: usize = 6;
/// Steps of one search, and tours that it drives.
const STEPS_MAX: u32 = 150;
const DRIVES_MAX: u32 = 8;

/// A tour with some absent units in it.
struct Found {
    /// What the tour costs more, less what it costs to leave the units out. Below zero.
    gain: i64,
    sequence: Vec<LocalStop>,
    units: Vec<LocalStop>,
}

/// The search for such a tour.
struct Weaving<'s, 'l> {
    state: &'s State<'l>,
    tour: LocalTour,
    /// The tour as it is, and where new stops may come in: before the stop at `until` and behind the one ahead of the first.
    whole: Vec<LocalStop>,
    until: usize,
    /// The first of them is one that has to be among those that are put in.
    candidates: Vec<LocalStop>,
    units_max: usize,
    sequence: Vec<LocalStop>,
    units: Vec<LocalStop>,
    /// Deliveries of shipments whose pickups are in the sequence.
    open: Vec<LocalStop>,
    steps: u32,
    drives: u32,
    best: Option<Found>,
}

/// What comes next in a sequence.
#[derive(Clone, Copy)]
enum Step {
    /// The next stop of the tour as it is.
    Own(LocalStop),
    Unit(LocalStop),
    Delivery(LocalStop),
    /// All that is left of the tour.
    Rest,
}

impl State<'_> {
    /// Puts an absent unit and one or more others into one tour at once, if some are found that cost less there than left out.
    pub(crate) fn insert_together(&mut self, first: LocalStop, random: &mut Random) {
        if self.absent.len() < 2 {
            return;
        }
        let tour = self.tour_near(first, random);
        let (mut candidates, related) = self.companions(first, random);
        candidates.retain(|&unit| self.is_allowed(unit, tour));
        let room = self.spec(tour).stops_max.saturating_sub(self.counts[tour]) as usize;
        let mut units_max = related.max(2);
        while units_max < UNITS_MAX && random.chance(ONE_MORE_PER_MILLE) {
            units_max += 1;
        }
        if candidates.first() != Some(&first) || candidates.len() < 2 || room < 2 {
            return;
        }
        let whole = self.sequence(tour);
        let from = if whole.len() > STRETCH { random.below(whole.len() - STRETCH + 1) } else { 0 };
        let mut weaving = Weaving {
            state: self,
            tour,
            until: whole.len().min(from + STRETCH),
            candidates,
            units_max: units_max.min(room),
            sequence: whole[..from].to_vec(),
            whole,
            units: Vec::new(),
            open: Vec::new(),
            steps: STEPS_MAX,
            drives: DRIVES_MAX,
            best: None,
        };
        weaving.go_on(from, random);
        let Some(Found { sequence, units, .. }) = weaving.best else { return };
        self.put_together(tour, &sequence, &units);
        if !self.keeps_docks() {
            self.remove_all(&units);
        }
    }

    /// The tour of a stop near a unit, or any other.
    fn tour_near(&self, unit: LocalStop, random: &mut Random) -> LocalTour {
        let near = self.local.near.of(unit);
        let tour = if near.is_empty() { LocalTour::NONE } else { self.records[near[random.below(near.len())]].tour };
        if tour == LocalTour::NONE || random.chance(500) {
            LocalTour(random.below(self.local.tours.len()) as u32)
        } else {
            tour
        }
    }

    /// A unit, absent ones that are related to it, how many these are together, absent ones that are near it, and some others.
    fn companions(&self, unit: LocalStop, random: &mut Random) -> (Vec<LocalStop>, usize) {
        let is_absent = |&stop: &LocalStop| self.records[stop].tour == LocalTour::NONE;
        let mut found = vec![unit];
        if self.local.problem.relations().are_there() {
            found = self.with_related(&found);
            found.retain(is_absent);
        }
        let related = found.len();
        let near = self.local.near.of(unit).iter().take(LOOKED_AT).filter(|stop| is_absent(stop));
        for other in near.map(|&stop| self.unit_of(stop)) {
            if found.len() < UNITS_MAX && !found.contains(&other) && self.absent.contains(&other) {
                found.push(other);
            }
        }
        for _ in found.len()..UNITS_MAX {
            let other = self.absent[random.below(self.absent.len())];
            if !found.contains(&other) {
                found.push(other);
            }
        }
        (found, related)
    }

    /// True if a tour may serve a unit, whatever its relations say.
    fn is_allowed(&self, unit: LocalStop, tour: LocalTour) -> bool {
        let stop = &self.local.fixed[unit];
        self.local.allows(tour, unit) && (stop.role != Role::Pickup || self.local.allows(tour, stop.mate))
    }

    /// True if the relations of all these units allow that they join a tour together.
    fn may_join_together(&self, units: &[LocalStop], tour: LocalTour) -> bool {
        let local = self.local;
        let relations = local.problem.relations();
        if !relations.are_there() {
            return true;
        }
        let tour_of = |stop: StopIx| {
            let home = local.at_home(stop);
            home.map_or(LocalTour::NONE, |stop| if units.contains(&stop) { tour } else { self.records[stop].tour })
        };
        units.iter().all(|&unit| {
            let own = local.stops[unit];
            relations.of(own).all(|relation| relation.allows(own, tour, LocalTour::NONE, tour_of))
        })
    }
}

impl Weaving<'_, '_> {
    /// Goes on from a sequence that holds the stops of the tour ahead of `next`.
    fn go_on(&mut self, next: usize, random: &mut Random) {
        let state = self.state;
        let mut steps: Vec<Step> = Vec::with_capacity(self.candidates.len() + self.open.len() + 1);
        if next < self.until {
            steps.push(Step::Own(self.whole[next]));
        } else if self.open.is_empty() && self.units.len() > 1 && self.units.contains(&self.candidates[0]) {
            steps.push(Step::Rest);
        }
        if self.units.len() < self.units_max {
            let others = self.candidates.iter().filter(|unit| !self.units.contains(unit));
            steps.extend(others.map(|&unit| Step::Unit(unit)));
        }
        steps.extend(self.open.iter().map(|&stop| Step::Delivery(stop)));
        for index in (1..steps.len()).rev() {
            steps.swap(index, random.below(index + 1));
        }
        let end = state.sentinel(self.tour);
        let last = self.sequence.last().map_or(end, |&stop| LocalNode::from(stop));
        for step in steps {
            if self.steps == 0 || self.drives == 0 {
                return;
            }
            self.steps -= 1;
            let to = match step {
                Step::Own(stop) | Step::Unit(stop) | Step::Delivery(stop) => stop.into(),
                Step::Rest => self.whole.get(next).map_or(end, |&stop| stop.into()),
            };
            let is_own_turn = match step {
                Step::Own(stop) | Step::Unit(stop) | Step::Delivery(stop) => self.is_in_order(stop),
                Step::Rest => true,
            };
            if !is_own_turn || state.hop(self.tour, last, to).0 >= UNREACHABLE {
                continue;
            }
            match step {
                Step::Own(stop) => {
                    self.sequence.push(stop);
                    self.go_on(next + 1, random);
                    self.sequence.pop();
                }
                Step::Unit(unit) => {
                    let fixed = &state.local.fixed[unit];
                    let mate = (fixed.role == Role::Pickup).then_some(fixed.mate);
                    self.sequence.push(unit);
                    self.units.push(unit);
                    self.open.extend(mate);
                    self.go_on(next, random);
                    self.open.retain(|&stop| Some(stop) != mate);
                    self.units.pop();
                    self.sequence.pop();
                }
                Step::Delivery(stop) => {
                    self.sequence.push(stop);
                    self.open.retain(|&open| open != stop);
                    self.go_on(next, random);
                    self.open.push(stop);
                    self.sequence.pop();
                }
                Step::Rest => self.drive(),
            }
        }
    }

    /// True if what has to be served before a stop is in the sequence, at its end where the stop has to follow it directly.
    fn is_in_order(&self, stop: LocalStop) -> bool {
        let local = self.state.local;
        let relations = local.problem.relations();
        let is = |&own: &LocalStop, first: StopIx| local.stops[own] == first;
        relations.before(local.stops[stop]).iter().all(|&(first, directly)| {
            if directly {
                self.sequence.last().is_some_and(|last| is(last, first))
            } else {
                self.sequence.iter().any(|own| is(own, first))
            }
        })
    }

    /// Drives the sequence with what is left of the tour, and keeps it if it is the best so far.
    fn drive(&mut self) {
        let (state, local, tour) = (self.state, self.state.local, self.tour);
        let own = self.sequence.len() + self.whole.len() - self.until;
        let more = (own - self.whole.len()) as u32;
        if more > state.spec(tour).stops_max.saturating_sub(state.counts[tour])
            || !state.may_join_together(&self.units, tour)
        {
            return;
        }
        self.drives -= 1;
        let left: i64 = self.units.iter().map(|&unit| local.unserved(unit)).fold(0, i64::saturating_add);
        let before = state.costs[tour];
        let all = self.sequence.iter().chain(&self.whole[self.until..]);
        let global = all.clone().map(|&stop| local.stops[stop]);
        let Ok(driven) = drive(local.problem, local.tours[tour], global, i64::MAX, |_, _| {}) else { return };
        let cost = driven.cost.saturating_add(state.price_of_unequal_days(tour, driven.end, more));
        let gain = cost.saturating_sub(before).saturating_sub(left);
        if driven.late == 0 && gain < self.best.as_ref().map_or(0, |best| best.gain) {
            self.best = Some(Found { gain, sequence: all.copied().collect(), units: self.units.clone() });
        }
    }
}

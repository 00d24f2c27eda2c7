//! Greedy insertion with blinks: absent units are put back in some order, each at its cheapest position, where a position is
//! skipped now and then (Christiaens & Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing Problems", 2020).

use super::insertion::Insertion;
use super::shipment_insertion::PickupPositions;
use crate::index::{By, LocalNode, LocalStop, LocalTour, TourIx};
use crate::problem::{Role, UNREACHABLE};
use crate::random::Random;
use crate::state::{Record, Rows, State};

/// Where all vehicles are alike: how often (per mille) an unused one is considered although a used one could take the unit. With 0,
/// plans that would be shorter with one more vehicle do not get it; with 1000, plans have more vehicles than good plans have.
const FRESH_PER_MILLE: usize = 150;
/// In pieces of up to so many stops a unit is now and then put at some position, not at its best one: a tour of a few stops has so few
/// positions that blinks do not lead out of a bad order, and the search there is short.
const SMALL: usize = 16;
/// How often (per mille).
const ANYWHERE_PER_MILLE: usize = 100;
/// Positions that are tried then.
const ANYWHERE_TRIES: usize = 3;
/// Where leaving out has prizes: how often (per mille) a unit may cost more than its prize, and fewer than
/// how many doublings of it.
const LOSS_PER_MILLE: usize = 400;
const LOSS_DOUBLINGS: usize = 6;
/// Where stops are related: how often (per mille) an unused vehicle is passed over, so that another one is tried.
const PASSED_OVER_PER_MILLE: usize = 200;
/// How often (per mille) a shipment is tried at all positions of the tours that its compatible stops are on, instead of beside these
/// stops only. While tours are emptied it always is: there the last position that is left counts, not the most likely one.
const WIDE_PER_MILLE: usize = 200;
/// How often (per mille) a late position is looked for when a unit has no other: that drives whole tours and costs as much as many
/// iterations.
const LATE_PER_MILLE: usize = 60;
/// Where single units may have no position although several have: how often (per mille) a unit that was left out before a ruin is put in
/// together with others before anything else is, in small pieces and in others; and how often one that is left then.
const TOGETHER_FIRST_PER_MILLE: [usize; 2] = [400, 50];
const TOGETHER_LAST_PER_MILLE: [usize; 2] = [600, 200];
/// How often that is tried each time.
const TOGETHER_TRIES: [usize; 2] = [4, 1];
/// Units put in between two looks whether to go on at all.
const ASK_EVERY: usize = 16;
/// How many tours with pauses a unit is tried in before it is given up in this iteration.
const REFUSALS_MAX: usize = 4;
/// For how many units per iteration a late position may be looked for: each time, whole tours are driven.
const LATE_TRIES_MAX: usize = 3;

/// The order in which units are inserted: the orders of Christiaens & Vanden Berghe 2020, and by time windows. How often each is drawn
/// is how often it stands in [`ORDERS`].
#[derive(Clone, Copy)]
enum Order {
    Shuffled,
    LargestLoad,
    Farthest,
    Nearest,
    Narrowest,
    Opening,
    Closing,
}

const ORDERS: [Order; 17] = {
    use Order::{Closing, Farthest, LargestLoad, Narrowest, Nearest, Opening, Shuffled};
    [
        Shuffled,
        Shuffled,
        Shuffled,
        Shuffled,
        LargestLoad,
        LargestLoad,
        LargestLoad,
        LargestLoad,
        Farthest,
        Farthest,
        Nearest,
        Narrowest,
        Narrowest,
        Opening,
        Opening,
        Closing,
        Closing,
    ]
};

/// Buffers that a recreate keeps between calls, so that it allocates nothing.
#[derive(Default)]
pub(crate) struct Scratch {
    waiting: Vec<LocalStop>,
    tours: Vec<LocalTour>,
    /// By tour: when it was last listed.
    seen: By<LocalTour, u32>,
    mark: u32,
    shown: Vec<TourIx>,
    pickups: PickupPositions,
    /// No unused vehicle may be taken.
    pub(crate) closed: bool,
    /// How much of what one more vehicle costs counts only as far as the unit fills it, per mille.
    pub(crate) filled: usize,
    pub(crate) units: Vec<LocalStop>,
}

impl State<'_> {
    /// Puts absent units back where they cost least, skipping a position now and then (blinks), late if nothing else will do.
    pub(crate) fn recreate(&mut self, scratch: &mut Scratch, random: &mut Random) {
        let is_small = self.local.stops.len() <= SMALL;
        let needs_groups = self.local.problem.needs_groups() && !scratch.closed;
        if needs_groups {
            let left_out = self.left_out_before();
            self.several_together(&left_out, TOGETHER_FIRST_PER_MILLE, random);
        }
        let mut waiting = std::mem::take(&mut scratch.waiting);
        waiting.clear();
        waiting.extend_from_slice(&self.absent);
        self.sort(&mut waiting, random);
        self.put_in_order(&mut waiting);
        let mut late_tries = 0;
        let has_docks = self.local.problem.has_docks();
        for (count, &unit) in waiting.iter().enumerate() {
            // Few units are put in at once; only where there are many can this take long.
            if count % ASK_EVERY == ASK_EVERY - 1 && self.local.interrupt.is_due() {
                break;
            }
            if is_small
                && !scratch.closed
                && random.chance(ANYWHERE_PER_MILLE)
                && let Some(insertion) = self.anywhere(unit, ANYWHERE_TRIES, random)
            {
                self.put_at(unit, insertion);
                if self.keeps_docks() {
                    continue;
                }
                self.take_back(unit);
            }
            let mut best = self.best_insertion(unit, scratch, random);
            while let Some(insertion) = best.filter(|insertion| has_docks || self.has_pauses(insertion.tour)) {
                // The quick tests take pauses as they are now, and know no docks. What they find is put in, and stays if the tour breaks
                // nothing that it kept before.
                let was = self.flaws[insertion.tour];
                self.put_at(unit, insertion);
                let is = self.flaws[insertion.tour];
                if (was.is_broken() || !is.is_broken()) && (was.is_late() || !is.is_late()) && self.keeps_docks() {
                    break;
                }
                self.take_back(unit);
                self.refused.push(insertion.tour);
                best =
                    if self.refused.len() < REFUSALS_MAX { self.best_insertion(unit, scratch, random) } else { None };
            }
            self.refused.clear();
            if self.records[unit].tour != LocalTour::NONE {
                continue;
            }
            if best.is_none() && !self.plain && !self.local.problem.walks() && !self.local.problem.weights().hard {
                late_tries += 1;
                if late_tries <= LATE_TRIES_MAX && random.chance(LATE_PER_MILLE) {
                    best = self.late_insertion(unit, scratch);
                }
            }
            if let Some(insertion) = best {
                self.put_at(unit, insertion);
            }
        }
        scratch.waiting = waiting;
        if needs_groups {
            let left = self.absent.clone();
            self.several_together(&left, TOGETHER_LAST_PER_MILLE, random);
        }
    }

    /// Puts some of these units in together with others, now and then.
    fn several_together(&mut self, units: &[LocalStop], per_mille: [usize; 2], random: &mut Random) {
        let size = usize::from(self.local.stops.len() > SMALL);
        for _ in 0..TOGETHER_TRIES[size] {
            if units.is_empty() || !random.chance(per_mille[size]) {
                continue;
            }
            let unit = units[random.below(units.len())];
            if self.records[unit].tour == LocalTour::NONE {
                self.insert_together(unit, random);
            }
        }
    }

    pub(crate) fn put_at(&mut self, unit: LocalStop, insertion: Insertion) {
        self.put(unit, insertion.tour, insertion.after, insertion.mate_after);
    }

    /// The cheapest position beside compatible stops; if there is none, of all tours in use; if there is none either, in an unused
    /// tour. Where vehicles differ, unused ones are compared at once: they may be the best.
    pub(crate) fn best_insertion(
        &self,
        unit: LocalStop,
        scratch: &mut Scratch,
        random: &mut Random,
    ) -> Option<Insertion> {
        let mut bound = self.worth(unit);
        if self.local.problem.weights().prizes && random.chance(LOSS_PER_MILLE) {
            // Alone it may not pay, and together with what comes after it, it may.
            bound = bound.saturating_mul(1 << random.below(LOSS_DOUBLINGS));
        }
        let job = self.local.fixed[unit].role != Role::Pickup;
        let pooled = self.local.problem.pooled();
        let mut best = if !self.plain && (self.local.problem.walks() || self.local.problem.lifo()) {
            self.in_neighbours_tours(unit, bound, scratch, random)
        } else if job {
            self.beside_neighbours(unit, bound, random)
        } else if !scratch.closed && !random.chance(WIDE_PER_MILLE) {
            if self.plain {
                self.shipment_beside_neighbours::<true>(unit, bound, &mut scratch.pickups, random)
            } else {
                self.shipment_beside_neighbours::<false>(unit, bound, &mut scratch.pickups, random)
            }
        } else {
            self.in_neighbours_tours(unit, bound, scratch, random)
        };
        if !scratch.closed && (!pooled || random.chance(FRESH_PER_MILLE)) {
            best = self.in_unused(unit, best.map_or(bound, |best| best.cost), scratch, random).or(best);
        }
        if best.is_none() {
            for tour in self.tours() {
                if self.counts[tour] > 0 {
                    let below = best.map_or(bound, |best: Insertion| best.cost);
                    best = self.quick_in_tour(unit, tour, below).or(best);
                }
            }
        }
        if best.is_none() && pooled && !scratch.closed {
            best = self.in_unused(unit, bound, scratch, random);
        }
        best
    }

    /// The cheapest position of a job right behind or right before a compatible stop.
    fn beside_neighbours(&self, unit: LocalStop, bound: i64, random: &mut Random) -> Option<Insertion> {
        let local = self.local;
        let simple = local.problem.unrestricted() && !local.problem.promised() && !local.problem.limited();
        if local.one_class
            && let Some(rows) = local.rows(LocalTour(0), unit)
        {
            return match (self.plain, simple) {
                (true, true) => self.beside_in_rows::<true, true>(rows, unit, bound, random),
                (true, false) => self.beside_in_rows::<true, false>(rows, unit, bound, random),
                (false, true) => self.beside_in_rows::<false, true>(rows, unit, bound, random),
                (false, false) => self.beside_in_rows::<false, false>(rows, unit, bound, random),
            };
        }
        self.beside_one_by_one(unit, bound, random)
    }

    /// The same where legs are not tabulated, or not alike for all tours.
    fn beside_one_by_one(&self, unit: LocalStop, bound: i64, random: &mut Random) -> Option<Insertion> {
        let local = self.local;
        let mut best = bound;
        let mut found = None;
        self.beside(unit, |after, record| {
            let tour = record.tour;
            if self.refused.contains(&tour) {
                return;
            }
            if let Some(cost) = self.job_after(local.rows(tour, unit), unit, tour, after, best)
                && let Some(joining) = self.price_of_joining(unit, tour)
                && cost + joining < best
                && !random.blink()
            {
                best = cost + joining;
                found = Some(Insertion { tour, after, mate_after: LocalNode::NONE, cost: best });
            }
        });
        found
    }

    /// Every node behind which a unit would be beside a compatible stop, with its record.
    #[inline]
    fn beside(&self, unit: LocalStop, mut look: impl FnMut(LocalNode, &Record)) {
        for &before in self.local.before.of(unit) {
            let record = &self.records[before];
            if record.tour != LocalTour::NONE {
                look(before.into(), record);
            }
        }
        for &after in self.local.after.of(unit) {
            let record = &self.records[after];
            if record.tour != LocalTour::NONE {
                look(record.prev, &self.records[record.prev]);
            }
        }
    }

    /// The innermost loop of the search: one record, two legs and a few comparisons per position. `SIMPLE`: any tour may take any stop for
    /// what the legs cost.
    ///
    /// A position is computed whole before anything is asked about it, even behind a stop that is absent: that no position but a few pass
    /// a single condition is foreseen by the processor, while the outcome of each of several conditions would be guessed wrongly often.
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "with lazy operators each condition is a branch, and the search takes 7 % longer"
    )]
    fn beside_in_rows<const PLAIN: bool, const SIMPLE: bool>(
        &self,
        rows: Rows<'_>,
        unit: LocalStop,
        bound: i64,
        random: &mut Random,
    ) -> Option<Insertion> {
        let stop = self.local.fixed[unit];
        let closes = self.closes[unit];
        let (opens, service) = (i64::from(stop.opens), i64::from(stop.service));
        let mut best = bound;
        let mut found = None;
        let mut look = |after: LocalNode, record: &Record, is_in: bool| {
            let (to, to_cost) = rows.inbound(after);
            let (on, on_cost) = rows.outbound(self.within(record.next));
            let mut cost = i64::from(to_cost) + i64::from(on_cost) - i64::from(record.next_cost);
            let arrival = i64::from(record.depart) + i64::from(to);
            let by = arrival.max(opens) + service + i64::from(on);
            let fits = is_in
                & (cost < best)
                & (arrival <= i64::from(closes))
                & (by <= i64::from(record.next_latest))
                & (to < UNREACHABLE)
                & (on < UNREACHABLE);
            if !fits {
                return;
            }
            let (tour, arrival) = (record.tour, arrival as i32);
            let start = if PLAIN { arrival.max(stop.opens) } else { self.local.opens_at(unit, arrival) };
            if PLAIN {
                if !self.fits_plain_job(unit, tour, after, start) {
                    return;
                }
            } else {
                // Only now it is known which of several windows it is.
                if start.saturating_add(stop.service).saturating_add(on) > record.next_latest
                    || !self.fits_rich_job(unit, tour, after, start)
                {
                    return;
                }
                cost += self.price_of_lateness(unit, start);
            }
            // What joining costs is asked last: it takes longest, and few positions get here.
            if !SIMPLE {
                let Some(joining) = self.price_of_joining(unit, tour) else { return };
                cost += joining;
            }
            if cost < best && !random.blink() {
                best = cost;
                found = Some(Insertion { tour, after, mate_after: LocalNode::NONE, cost });
            }
        };
        for &before in self.local.before.of(unit) {
            let record = &self.records[before];
            look(before.into(), record, record.tour != LocalTour::NONE);
        }
        for &behind in self.local.after.of(unit) {
            let record = &self.records[behind];
            let after = self.within(record.prev);
            look(after, &self.records[after], record.tour != LocalTour::NONE);
        }
        found
    }

    /// A node, or another one if it is none: where what is read there does not count.
    #[inline]
    fn within(&self, node: LocalNode) -> LocalNode {
        LocalNode(node.0.min(self.records.len() as u32 - 1))
    }

    fn in_neighbours_tours(
        &self,
        unit: LocalStop,
        bound: i64,
        scratch: &mut Scratch,
        random: &mut Random,
    ) -> Option<Insertion> {
        self.candidates(unit, scratch);
        let mut best: Option<Insertion> = None;
        for &tour in &scratch.tours {
            let below = best.map_or(bound, |best| best.cost);
            if let Some(insertion) = self.quick_in_tour(unit, tour, below)
                && !random.blink()
            {
                best = Some(insertion);
            }
        }
        best
    }

    /// Fills `scratch.tours` with the tours that hold a stop which is compatible with the unit or its delivery.
    fn candidates(&self, unit: LocalStop, scratch: &mut Scratch) {
        let local = self.local;
        scratch.tours.clear();
        scratch.seen.resize(local.tours.len(), 0);
        scratch.mark += 1;
        let mate = local.fixed[unit].mate;
        for stop in std::iter::once(unit).chain((mate != LocalStop::NONE).then_some(mate)) {
            for &other in local.before.of(stop).iter().chain(local.after.of(stop)) {
                let tour = self.records[other].tour;
                if tour != LocalTour::NONE && scratch.seen[tour] != scratch.mark {
                    scratch.seen[tour] = scratch.mark;
                    scratch.tours.push(tour);
                }
            }
        }
    }

    /// The cheapest unused vehicle for a unit, if it is cheaper than `below`. As far as `scratch.filled` says, its price and the drive to
    /// the unit are counted by how much of the vehicle the unit fills: a vehicle is priced for what could fill it, not for its first stop
    /// (after the "optimistic opportunity savings" of Golden, Assad, Levy & Gheysens, "The fleet size and mix vehicle routing problem",
    /// 1984).
    fn in_unused(&self, unit: LocalStop, below: i64, scratch: &mut Scratch, random: &mut Random) -> Option<Insertion> {
        let problem = self.local.problem;
        // The first of several stops that belong to one tour decides for all of them, and does not know what they need.
        let related = problem.relations().are_there();
        let mut unused = self.tours().filter(|&tour| self.counts[tour] == 0);
        if problem.pooled() {
            return self.best_in_tour(unit, unused.next()?, below);
        }
        let stop = &problem.stops()[self.local.stops[unit].index()];
        let filled = scratch.filled as i64;
        let (mut least, mut best) = (below, None);
        scratch.shown.clear();
        for tour in unused {
            if related && random.chance(PASSED_OVER_PER_MILLE) {
                continue;
            }
            let global = self.local.tours[tour];
            let twin = problem.twin(global);
            let own = global == stop.home || global == stop.locked || !stop.barred.is_empty();
            if !own {
                if scratch.shown.contains(&twin) {
                    continue;
                }
                scratch.shown.push(twin);
            }
            let bound = if filled == 0 { least } else { self.local.unserved(unit) };
            let Some(insertion) = self.best_in_tour(unit, tour, bound) else { continue };
            let price = if filled == 0 {
                insertion.cost
            } else {
                let room = problem.tours()[global.index()].capacity;
                let each = stop.load.iter().zip(room);
                let fills = each.map(|(&load, most)| i64::from(load) * 1000 / i64::from(most.max(1)));
                let fills = fills.max().unwrap_or(0).clamp(0, 1000);
                let counts = ((1000 - filled) * 1000 + filled * fills) / 1000;
                (i128::from(insertion.cost) * i128::from(counts) / 1000) as i64
            };
            if price < least {
                (least, best) = (price, Some(insertion));
            }
        }
        best
    }

    fn late_insertion(&self, unit: LocalStop, scratch: &mut Scratch) -> Option<Insertion> {
        let bound = self.local.unserved(unit);
        self.candidates(unit, scratch);
        if scratch.tours.is_empty() {
            scratch.tours.extend(self.tours());
        }
        scratch
            .tours
            .iter()
            .filter_map(|&tour| self.best_by_walk(unit, tour, bound))
            .min_by_key(|insertion| (insertion.cost, insertion.tour))
    }

    fn sort(&self, units: &mut [LocalStop], random: &mut Random) {
        let local = self.local;
        let far = |unit: LocalStop| local.hop(LocalTour(0), self.sentinel(LocalTour(0)), unit).0;
        let fixed = |unit: LocalStop| &local.fixed[unit];
        for index in (1..units.len()).rev() {
            units.swap(index, random.below(index + 1));
        }
        match ORDERS[random.below(ORDERS.len())] {
            Order::Shuffled => {}
            Order::LargestLoad if self.plain => units.sort_by_key(|&unit| std::cmp::Reverse(fixed(unit).load)),
            Order::LargestLoad => units.sort_by_key(|&unit| {
                let load = &local.problem.stops()[local.stops[unit].index()].load;
                std::cmp::Reverse(load.iter().map(|&load| i64::from(load)).sum::<i64>())
            }),
            Order::Farthest => units.sort_by_key(|&unit| std::cmp::Reverse(far(unit))),
            Order::Nearest => units.sort_by_key(|&unit| far(unit)),
            Order::Narrowest => {
                units.sort_by_key(|&unit| i64::from(fixed(unit).closes) - i64::from(fixed(unit).opens));
            }
            Order::Opening => units.sort_by_key(|&unit| fixed(unit).opens),
            Order::Closing => units.sort_by_key(|&unit| std::cmp::Reverse(fixed(unit).closes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::index::{LocalStop, NodeIx, StopIx, TourIx};
    use crate::moves::{Ruin, Scratch};
    use crate::problem::{Legs, Problem, ProblemSpec, Rounding, Stop, TourSpec};
    use crate::random::Random;
    use crate::state::{Local, Neighbours, State, Where};

    /// Sixty stops with windows, one each or two, and full vehicles.
    fn problem(windows: usize) -> Problem {
        let places = (0..=60u32).map(|place| (f64::from(place * 37 % 101), f64::from(place * 61 % 103))).collect();
        let stop = |place: u32| {
            let opens = (place * 53 % 400) as i32;
            let windows = [(opens, opens + 120), (opens + 300, opens + 350)][..windows].to_vec();
            let (due, load) = (windows[windows.len() - 1].1, [1 + (place % 4) as i32, 0, 0, 0]);
            Stop { windows, due, service: 5, load, unserved: 1_000_000_000, ..Stop::job(NodeIx(place)) }
        };
        let tour = TourSpec {
            end_node: NodeIx(0),
            end_by: 1_000,
            capacity: [20, 0, 0, 0],
            per_hour: 0,
            per_km: 1_000_000,
            ..TourSpec::at(NodeIx(0))
        };
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
        let stops = (1..=60).map(stop).collect();
        Problem::new(ProblemSpec { stops, tours: vec![tour; 12], legs, ..ProblemSpec::default() })
            .expect("a legal problem")
    }

    /// The innermost loop computes positions whole, and finds what asking one condition after the other finds, blinks included.
    #[test]
    fn the_innermost_loop_finds_what_single_questions_find() {
        for windows in [1, 2] {
            let problem = problem(windows);
            let near = Neighbours::new(&problem);
            let all: Vec<LocalStop> = LocalStop::first(60).collect();
            let at: Where = all.iter().map(|&stop| (0, stop)).collect();
            let local = Local::piece(&problem, &near, &at, 0, StopIx::first(60).collect(), TourIx::first(12).collect());
            // In the beginning nothing has ever been in a tour.
            let mut state = State::new(&local, &vec![Vec::new(); 12], all.clone());
            assert_eq!(state.plain, windows == 1, "the path it takes");
            let (mut random, mut scratch, mut units) = (Random::new(1, 0, 0), Scratch::default(), Vec::new());
            let (mut found, mut none) = (0, 0);
            for seed in 0..300 {
                for &unit in &state.absent {
                    for bound in [local.unserved(unit), 40_000] {
                        let quick = state.beside_neighbours(unit, bound, &mut Random::new(seed, 0, 0));
                        let slow = state.beside_one_by_one(unit, bound, &mut Random::new(seed, 0, 0));
                        assert_eq!(quick, slow, "{unit:?}, seed {seed}, below {bound}");
                        *(if slow.is_some() { &mut found } else { &mut none }) += 1;
                    }
                }
                state.begin();
                state.recreate(&mut scratch, &mut random);
                state.begin();
                state.ruin(Ruin::new(0.0), &mut units, &mut random);
            }
            assert!(found > 300 && none > 300, "{found} found, {none} not");
        }
    }
}

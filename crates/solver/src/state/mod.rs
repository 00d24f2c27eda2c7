//! A plan under search: tours are linked lists of 32-byte records, one for each stop and one for each tour, with an undo log.
//!
//! The record of a node holds the earliest departure from it and the latest arrival at it that keeps everything behind it feasible
//! (forward time slack; Savelsbergh, "The Vehicle Routing Problem with Time Windows: Minimizing Route Duration", 1992), so that the
//! test of an insertion reads one record and two legs. After an insertion the departures are recomputed forward and the latest
//! arrivals backward, each until a value does not change.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::index::{By, LocalNode, LocalStop, LocalTour, StopIx, TourIx};
use crate::problem::{Problem, Role, TourSpec, UNREACHABLE};
use crate::schedule::drive;

mod docks;
mod edit;
mod neighbours;
mod piece;
mod plain;
mod relations;
mod rich;
mod walked;

pub(crate) use self::neighbours::Neighbours;
pub(crate) use self::piece::{Fixed, Local, Rows, Where};
use self::rich::{Flaws, RichRecord};
pub(crate) use self::walked::{Behind, Walked};

/// What is kept for a node: a stop, or the sentinel of a tour, with which the linked list of the tour begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct Record {
    pub(crate) next: LocalNode,
    pub(crate) prev: LocalNode,
    /// [`LocalTour::NONE`]: not in the plan.
    pub(crate) tour: LocalTour,
    /// Earliest departure given everything before.
    pub(crate) depart: i32,
    /// Latest arrival (set-up included) that keeps everything after feasible.
    pub(crate) latest: i32,
    /// The successor's `latest`.
    pub(crate) next_latest: i32,
    /// Price of the leg to the successor.
    pub(crate) next_cost: i32,
    /// Goods of shipments that are on board when it is left, first dimension. Plain pieces only.
    pub(crate) load: i32,
}

const BLANK: Record = Record {
    next: LocalNode::NONE,
    prev: LocalNode::NONE,
    tour: LocalTour::NONE,
    depart: 0,
    latest: 0,
    next_latest: 0,
    next_cost: 0,
    load: 0,
};

/// What the pickup and the delivery of a shipment would each add alone behind each node of a tour, in driving order: buffers, so that a
/// move allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pub(crate) pickup: Vec<i64>,
    pub(crate) delivery: Vec<i64>,
}

/// What an empty tour costs with one unit alone, by vehicle (those that are the same count once) and unit, as far as it was asked.
#[derive(Debug, Default)]
pub(crate) struct Alone {
    /// By tour: where the prices of its vehicle begin. Empty: prices are not kept.
    rows: By<LocalTour, usize>,
    prices: Vec<Option<i64>>,
}

/// Most prices of [`Alone`]: some 16 MB.
const ALONE_MAX: usize = 1_000_000;

impl Alone {
    fn of(local: &Local<'_>) -> Self {
        let mut row_of: BTreeMap<TourIx, usize> = BTreeMap::new();
        let mut rows = Vec::with_capacity(local.tours.len());
        for &tour in &local.tours {
            let next = row_of.len() * local.stops.len();
            rows.push(*row_of.entry(local.problem.twin(tour)).or_insert(next));
        }
        let prices = row_of.len() * local.stops.len();
        if prices > ALONE_MAX { Self::default() } else { Self { rows: rows.into(), prices: vec![None; prices] } }
    }

    pub(crate) fn slot(&mut self, tour: LocalTour, unit: LocalStop) -> Option<&mut Option<i64>> {
        let row = *self.rows.get(tour)?;
        self.prices.get_mut(row + unit.index())
    }
}

/// A plan under search.
pub(crate) struct State<'l> {
    pub(crate) local: &'l Local<'l>,
    pub(crate) records: By<LocalNode, Record>,
    /// The latest start of service at each stop that insertions have to keep: its aim, or its present start where that is later.
    pub(crate) closes: By<LocalStop, i32>,
    /// In rich pieces where loads change along the way or pauses are taken, one for each node; elsewhere empty.
    pub(crate) rich: By<LocalNode, RichRecord>,
    /// Price of each tour.
    pub(crate) costs: By<LocalTour, i64>,
    pub(crate) counts: By<LocalTour, u32>,
    /// What each tour does not keep. Rich pieces only.
    pub(crate) flaws: By<LocalTour, Flaws>,
    /// Tours that broke something when the unit at hand was put in where the quick test had found a position: a pause, or a dock. They
    /// are left out for this unit.
    pub(crate) refused: Vec<LocalTour>,
    /// Goods of all jobs of a tour that are on board at its start or, where all are picked up, at its end.
    pub(crate) carried: By<LocalTour, [i32; 4]>,
    /// Where unequal days cost something: how long each tour takes.
    pub(crate) spans: By<LocalTour, i64>,
    /// Units on no tour: jobs, pickups, deliveries of goods on board.
    pub(crate) absent: Vec<LocalStop>,
    /// The objective: the prices of all tours and of all absent units.
    pub(crate) total: i64,
    pub(crate) plain: bool,
    // The undo log: nodes, stops and tours as they were when the present move first changed them.
    saved: Vec<(LocalNode, Record)>,
    saved_rich: Vec<(LocalNode, RichRecord)>,
    saved_closes: Vec<(LocalStop, i32)>,
    saved_tours: Vec<(LocalTour, i64, u32, [i32; 4], i64, Flaws)>,
    saved_absent: Vec<LocalStop>,
    saved_total: i64,
    node_stamps: By<LocalNode, u32>,
    tour_stamps: By<LocalTour, u32>,
    stamp: u32,
    // Buffers, so that a move allocates nothing.
    emptier: Vec<LocalTour>,
    pub(crate) ends: RefCell<Ends>,
    pub(crate) walked: RefCell<Walked>,
    /// What it costs that vehicles wait for docks, once it was asked for the plan as it stands.
    docks: Cell<Option<i64>>,
    /// Kept where tours are driven in full and days need not be equal.
    pub(crate) alone: RefCell<Alone>,
}

impl<'l> State<'l> {
    /// A state over a piece: one sequence for each tour of it, and the units that are on none.
    pub(crate) fn new(local: &'l Local<'l>, tours: &[Vec<LocalStop>], absent: Vec<LocalStop>) -> Self {
        Self::build(local, tours, absent, |stop| stop)
    }

    /// A state over a whole problem, whose local numbers are the problem's own.
    pub(crate) fn of_whole(local: &'l Local<'l>, tours: &[Vec<StopIx>], absent: &[StopIx]) -> Self {
        Self::build(local, tours, absent.iter().map(|&unit| LocalStop::of_whole(unit)).collect(), LocalStop::of_whole)
    }

    fn build<S: Copy>(
        local: &'l Local<'l>,
        tours: &[Vec<S>],
        absent: Vec<LocalStop>,
        number: impl Fn(S) -> LocalStop + Copy,
    ) -> Self {
        let (stops, count) = (local.stops.len(), local.tours.len());
        let mut state = Self {
            local,
            records: By::each(BLANK, stops + count),
            closes: local.fixed.iter().map(|stop| stop.closes).collect(),
            rich: By::default(),
            costs: By::each(0, count),
            counts: By::each(0, count),
            refused: Vec::new(),
            flaws: By::each(Flaws::default(), count),
            carried: By::each([0; 4], count),
            spans: By::each(0, count),
            absent,
            total: 0,
            plain: false,
            saved: Vec::new(),
            saved_rich: Vec::new(),
            saved_closes: Vec::new(),
            saved_tours: Vec::new(),
            saved_absent: Vec::new(),
            saved_total: 0,
            node_stamps: By::each(0, stops + count),
            tour_stamps: By::each(0, count),
            stamp: 1,
            emptier: Vec::new(),
            ends: RefCell::default(),
            walked: RefCell::default(),
            docks: Cell::default(),
            alone: RefCell::default(),
        };
        for (tour, sequence) in LocalTour::all().zip(tours) {
            state.link_up(tour, sequence.iter().map(|&stop| number(stop)));
        }
        state.plain = local.plain && state.fits_plain(tours, number);
        if !state.plain {
            state.keep_rich();
        }
        for tour in LocalTour::first(count) {
            state.update(tour);
        }
        state.total =
            state.costs.iter().sum::<i64>() + state.absent.iter().map(|&unit| local.unserved(unit)).sum::<i64>();
        state
    }

    /// What the plan costs: its tours, what is left out, that vehicles wait for docks, and that days are unequal.
    #[inline]
    pub(crate) fn objective(&self) -> i64 {
        let problem = self.local.problem;
        let fairness = problem.weights().fairness;
        if problem.has_docks() {
            self.total + self.price_of_docks()
        } else if fairness.is_none() {
            self.total
        } else {
            self.total + fairness.price(self.days())
        }
    }

    /// How long each tour in use takes, and how many stops it has.
    fn days(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        let used = self.tours().filter(|&tour| self.counts[tour] > 0);
        used.map(|tour| (self.spans[tour], self.counts[tour]))
    }

    /// By how much days become more unequal where a tour ends then and has so many stops more.
    pub(crate) fn price_of_unequal_days(&self, tour: LocalTour, end: i32, more: u32) -> i64 {
        let fairness = self.local.problem.weights().fairness;
        if fairness.is_none() {
            return 0;
        }
        let new = (self.spec(tour).day_until(i64::from(end)), self.counts[tour] + more);
        let others = self.tours().filter(|&other| other != tour && self.counts[other] > 0);
        let others = others.map(|other| (self.spans[other], self.counts[other]));
        fairness.price(others.chain([new])) - fairness.price(self.days())
    }

    fn keep_rich(&mut self) {
        let problem = self.local.problem;
        let walks = problem.walks() || self.local.fixed_tours.iter().any(|tour| tour.paused || tour.lifo);
        if walks && problem.weights().fairness.is_none() {
            self.alone = RefCell::new(Alone::of(self.local));
        }
        if !self.local.totals || self.local.problem.is_odd() || self.local.fixed_tours.iter().any(|tour| tour.paused) {
            self.rich = By::each(RichRecord::default(), self.records.len());
        }
    }

    /// False if the plan breaks a window, a load or a rule as it is given: the records of plain pieces cannot hold such a plan.
    fn fits_plain<S: Copy>(&self, tours: &[Vec<S>], number: impl Fn(S) -> LocalStop + Copy) -> bool {
        LocalTour::all().zip(tours).all(|(tour, sequence)| {
            sequence.is_empty()
                || drive(
                    self.local.problem,
                    self.local.tours[tour],
                    sequence.iter().map(|&stop| self.local.stops[number(stop)]),
                    i64::MAX,
                    |_, _| {},
                )
                .is_ok_and(|driven| driven.late == 0)
        })
    }

    /// True if every tour touched since [`State::begin`] keeps its loads, and its windows and shift unless it broke them before.
    /// Insertions have been tested, but not removals: where the way over a third node is quicker than the direct one (a matrix, or
    /// rounding), a tour that lost a stop may be late; one that lost the delivery of goods on board may be overloaded. O(1) for
    /// each tour without goods on board.
    pub(crate) fn is_legal(&self) -> bool {
        if self.local.on_board && !self.touched().all(|tour| self.keeps_loads(tour)) {
            return false;
        }
        if !self.plain {
            return self.saved_tours.iter().all(|&(tour, .., was)| was.is_broken() || !self.flaws[tour].is_broken());
        }
        self.touched().all(|tour| {
            let end = self.sentinel(tour);
            let record = &self.records[end];
            let first = record.next;
            let is_kept = first == end
                || record.depart.saturating_add(self.hop(tour, end, first).0) <= self.records[first].latest;
            is_kept && (!self.local.problem.has_gaps() || self.has_every_leg(tour))
        })
    }

    /// False if a leg of a tour does not exist. Times only grow along a tour, and such a leg takes [`UNREACHABLE`]: a tour that ends
    /// earlier has none. Where a shift does not end, nothing else tells.
    fn has_every_leg(&self, tour: LocalTour) -> bool {
        let end = self.sentinel(tour);
        let last = self.records[end].prev;
        let home = if last == end { 0 } else { self.hop(tour, last, end).0 };
        self.records[last].depart.saturating_add(home).saturating_sub(self.spec(tour).start_at) < UNREACHABLE
    }

    /// True if no more is on board behind any node of a tour than its capacity.
    fn keeps_loads(&self, tour: LocalTour) -> bool {
        let last = self.records[self.sentinel(tour)].prev;
        self.has_room_up_to(last, tour)
    }

    /// True if no more is on board behind any node of a tour, from its start to this one, than its capacity. Only for pieces that are
    /// plain or have shipments or goods on board: in others the sum of the loads decides, and no load is kept for each node.
    pub(crate) fn has_room_up_to(&self, mut node: LocalNode, tour: LocalTour) -> bool {
        let end = self.sentinel(tour);
        let fixed = &self.local.fixed_tours[tour];
        let (room, carried) = (fixed.room, self.carried[tour]);
        loop {
            let fits = if self.plain {
                self.records[node].load <= fixed.capacity
            } else {
                self.is_left_with_at_most(node, std::array::from_fn(|d| room[d].saturating_sub(carried[d])))
            };
            if !fits || node == end {
                return fits;
            }
            node = self.records[node].prev;
        }
    }

    /// The same plan with the records of a rich piece, in which stops may be late.
    pub(crate) fn enriched(mut self) -> Self {
        if self.plain {
            self.plain = false;
            self.keep_rich();
            for tour in self.tours() {
                self.update(tour);
            }
        }
        self
    }

    /// All tours of the piece.
    pub(crate) fn tours(&self) -> impl Iterator<Item = LocalTour> + use<> {
        LocalTour::first(self.counts.len())
    }

    /// The sentinel of a tour.
    #[inline]
    pub(crate) fn sentinel(&self, tour: LocalTour) -> LocalNode {
        self.local.sentinel(tour)
    }

    #[inline]
    pub(crate) fn is_sentinel(&self, node: LocalNode) -> bool {
        node.index() >= self.local.stops.len()
    }

    /// Travel time (with set-up) and price from a node to a node of the same tour, its end included.
    #[inline]
    pub(crate) fn hop(&self, tour: LocalTour, from: impl Into<LocalNode>, to: impl Into<LocalNode>) -> (i32, i32) {
        self.local.hop(tour, from, to)
    }

    /// The stops of a tour in driving order.
    pub(crate) fn sequence(&self, tour: LocalTour) -> Vec<LocalStop> {
        let mut stops = Vec::with_capacity(self.counts[tour] as usize);
        self.sequence_into(tour, &mut stops);
        stops
    }

    pub(crate) fn sequence_into(&self, tour: LocalTour, stops: &mut Vec<LocalStop>) {
        stops.clear();
        let end = self.sentinel(tour);
        let mut node = self.records[end].next;
        while node != end {
            stops.push(node.stop());
            node = self.records[node].next;
        }
    }

    /// All tours as the problem numbers their stops.
    pub(crate) fn global_tours(&self) -> Vec<Vec<StopIx>> {
        self.tours().map(|tour| self.global(tour)).collect()
    }

    /// Units on no tour as the problem numbers them.
    pub(crate) fn global_absent(&self) -> Vec<StopIx> {
        self.absent.iter().map(|&unit| self.local.stops[unit]).collect()
    }

    /// The stops of a tour as the problem numbers them.
    pub(crate) fn global(&self, tour: LocalTour) -> Vec<StopIx> {
        self.sequence(tour).into_iter().map(|stop| self.local.stops[stop]).collect()
    }

    /// True if candidates in this tour have to be driven in full: its price is more than the sum of its legs, it has rules that its
    /// records do not know, or it is unloaded last in, first out.
    pub(crate) fn walks(&self, tour: LocalTour) -> bool {
        !self.plain && (self.local.problem.walks() || self.local.fixed_tours[tour].lifo)
    }

    /// True if the vehicle has pauses. They move when stops do, while the quick tests take them as they are now, so that what these find
    /// has to be tried.
    pub(crate) fn has_pauses(&self, tour: LocalTour) -> bool {
        self.local.fixed_tours[tour].paused
    }

    pub(crate) fn spec(&self, tour: LocalTour) -> &TourSpec {
        &self.local.problem.tours()[self.local.tours[tour].index()]
    }

    /// The unit a stop belongs to: itself, or the pickup of its shipment.
    #[inline]
    pub(crate) fn unit_of(&self, stop: LocalStop) -> LocalStop {
        let fixed = &self.local.fixed[stop];
        if fixed.role == Role::Delivery && fixed.mate != LocalStop::NONE { fixed.mate } else { stop }
    }

    /// Lateness of a tour of a rich piece beyond its aims; more than any real sum if it cannot be driven. The tour is driven only if the
    /// records do not tell that it keeps everything.
    pub(crate) fn lateness(&self, tour: LocalTour) -> i64 {
        let flaws = self.flaws[tour];
        if !flaws.is_broken() && !flaws.is_late() && self.has_room(tour) {
            return 0;
        }
        let stops = self.global(tour).into_iter();
        drive(self.local.problem, self.local.tours[tour], stops, i64::MAX, |_, _| {})
            .map_or(i64::MAX / 4, |driven| driven.late)
    }

    fn link_up(&mut self, tour: LocalTour, stops: impl Iterator<Item = LocalStop>) {
        let end = self.sentinel(tour);
        let mut prev = end;
        for stop in stops {
            self.records[prev].next = stop.into();
            self.records[stop].prev = prev;
            self.records[stop].tour = tour;
            prev = stop.into();
        }
        self.records[prev].next = end;
        self.records[end].prev = prev;
        self.records[end].tour = tour;
    }

    /// Gives two tours new sequences of the stops that both have together, inside a move.
    pub(crate) fn exchange(&mut self, a: LocalTour, first: &[LocalStop], b: LocalTour, second: &[LocalStop]) {
        // All stops are saved before any is written: a stop may come from the other tour.
        for &stop in first.iter().chain(second) {
            self.touch(stop);
        }
        for (tour, stops) in [(a, first), (b, second)] {
            self.touch(self.sentinel(tour));
            self.touch_tour(tour);
            self.link_up(tour, stops.iter().copied());
        }
        for tour in [a, b] {
            self.refresh(tour);
        }
    }

    /// Exchanges the tail behind v and the tail behind p, inside a move. Plain pieces only.
    pub(crate) fn join_tails(&mut self, tour_v: LocalTour, v: LocalNode, tour_c: LocalTour, p: LocalNode) {
        let (end_v, end_c) = (self.sentinel(tour_v), self.sentinel(tour_c));
        let (from_v, last_v) = (self.records[v].next, self.records[end_v].prev);
        let (from_c, last_c) = (self.records[p].next, self.records[end_c].prev);
        for node in [v, p, end_v, end_c] {
            self.touch(node);
        }
        self.touch_tour(tour_v);
        self.touch_tour(tour_c);
        for (first, end, tour) in [(from_v, end_v, tour_c), (from_c, end_c, tour_v)] {
            let mut node = first;
            while node != end {
                self.touch(node);
                self.records[node].tour = tour;
                node = self.records[node].next;
            }
        }
        let mut bind = |after: LocalNode, first: LocalNode, last: LocalNode, old_end: LocalNode, end: LocalNode| {
            if first == old_end {
                self.records[after].next = end;
                self.records[end].prev = after;
            } else {
                self.records[after].next = first;
                self.records[first].prev = after;
                self.records[last].next = end;
                self.records[end].prev = last;
            }
        };
        bind(v, from_c, last_c, end_c, end_v);
        bind(p, from_v, last_v, end_v, end_c);
        self.refresh(tour_v);
        self.refresh(tour_c);
    }

    fn refresh(&mut self, tour: LocalTour) {
        self.docks.set(None);
        self.total -= self.costs[tour];
        self.update(tour);
        self.total += self.costs[tour];
    }

    /// Recomputes one tour.
    fn update(&mut self, tour: LocalTour) {
        if self.plain {
            self.update_plain(tour);
        } else {
            self.update_rich(tour);
        }
    }

    /// Everything recomputed from the bare sequences equals what is kept. For tests.
    #[cfg(test)]
    pub(crate) fn agrees_with_recount(&self) -> Result<(), String> {
        let tours: Vec<Vec<LocalStop>> = self.tours().map(|tour| self.sequence(tour)).collect();
        let fresh = State::new(self.local, &tours, self.absent.clone());
        let fresh = if self.plain { fresh } else { fresh.enriched() };
        if self.plain != fresh.plain {
            return Err("a plain plan is no longer on time".to_owned());
        }
        for (tour, sequence) in LocalTour::all().zip(&tours) {
            if self.costs[tour] != fresh.costs[tour] || self.counts[tour] != fresh.counts[tour] {
                return Err(format!("{tour:?}: price {} or {}", self.costs[tour], fresh.costs[tour]));
            }
            let ((load, flaws), (load_again, flaws_again)) =
                ((self.carried[tour], self.flaws[tour]), (fresh.carried[tour], fresh.flaws[tour]));
            if load != load_again || flaws != flaws_again {
                return Err(format!("{tour:?}: {load:?} or {load_again:?}, {flaws:?} or {flaws_again:?}"));
            }
            for node in sequence.iter().map(|&stop| stop.into()).chain(std::iter::once(self.sentinel(tour))) {
                let (ours, theirs) = (self.records[node], fresh.records[node]);
                if ours != theirs {
                    return Err(format!("{node:?} of {tour:?}: {ours:?} or {theirs:?}"));
                }
                let (ours, theirs) = (self.rich.get(node), fresh.rich.get(node));
                if ours != theirs {
                    return Err(format!("{node:?} of {tour:?}: {ours:?} or {theirs:?}"));
                }
            }
        }
        if self.closes != fresh.closes {
            return Err("aims differ".to_owned());
        }
        if self.total != fresh.total {
            return Err(format!("total {} or {}", self.total, fresh.total));
        }
        Ok(())
    }
}

/// The objective of a plan, as the search counts it.
pub(crate) fn plan_cost(problem: &Problem, tours: &[Vec<StopIx>], absent: &[StopIx]) -> i64 {
    let local = Local::whole(problem);
    State::of_whole(&local, tours, absent).objective()
}

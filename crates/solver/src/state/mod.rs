//! A plan under search: tours are linked lists of 32-byte records, one for each stop and one for each tour, with an undo log.
//!
//! The records carry the *forward* departure and the *backward* latest start of every stop (Savelsbergh 1992), so that an
//! insertion test reads one record and two legs. Where a stop comes in only what changes is recomputed: both passes stop at the
//! first value that stays.

use std::cell::RefCell;

use crate::index::StopIx;
use crate::problem::{Problem, Role, TourSpec};
use crate::schedule::drive;

mod edit;
mod neighbours;
mod piece;
mod plain;
mod rich;

pub(crate) use self::neighbours::Neighbours;
pub(crate) use self::piece::{Fixed, Local, Rows, Where};
use self::rich::{Flaws, RichRecord};

/// No node and no tour of a piece.
pub(crate) const NONE: u32 = u32::MAX;

/// One stop, or one tour (its sentinel, which closes the ring). Nodes are local: stops first, then sentinels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct Record {
    pub(crate) next: u32,
    pub(crate) prev: u32,
    /// [`NONE`]: not in the plan.
    pub(crate) tour: u32,
    /// Earliest departure given everything before.
    pub(crate) depart: i32,
    /// Latest arrival (set-up included) that keeps everything after feasible.
    pub(crate) latest: i32,
    /// The successor's `latest`.
    pub(crate) next_latest: i32,
    /// Price of the leg to the successor.
    pub(crate) next_cost: i32,
    /// Load of shipments after it, first dimension (plain pieces).
    pub(crate) load: i32,
}

const BLANK: Record =
    Record { next: NONE, prev: NONE, tour: NONE, depart: 0, latest: 0, next_latest: 0, next_cost: 0, load: 0 };

/// What the two ends of a shipment would add alone, by node of a tour: buffers, so that a move allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pub(crate) pickup: Vec<i64>,
    pub(crate) delivery: Vec<i64>,
}

/// A plan under search.
pub(crate) struct State<'l> {
    pub(crate) local: &'l Local<'l>,
    pub(crate) records: Vec<Record>,
    /// The latest start that counts as kept: the aim, or the present start where that is later.
    pub(crate) closes: Vec<i32>,
    /// Of rich pieces where loads or pauses make a difference along the way; else empty.
    pub(crate) rich: Vec<RichRecord>,
    /// Price of each tour.
    pub(crate) costs: Vec<i64>,
    pub(crate) counts: Vec<u32>,
    /// Of rich tours.
    pub(crate) flaws: Vec<Flaws>,
    /// Tours that could not take the unit at hand where the quick tests said so.
    pub(crate) refused: Vec<u32>,
    /// Goods of all jobs of a tour that are on board at its start or, where all are picked up, at its end.
    pub(crate) carried: Vec<[i32; 4]>,
    /// Units on no tour: jobs, pickups, deliveries of goods on board.
    pub(crate) absent: Vec<u32>,
    /// Everything: tours, and units not served.
    pub(crate) total: i64,
    pub(crate) plain: bool,
    // The undo log: nodes and tours as they were when first touched.
    saved: Vec<(u32, Record)>,
    saved_rich: Vec<(u32, RichRecord)>,
    saved_closes: Vec<(u32, i32)>,
    saved_tours: Vec<(u32, i64, u32, [i32; 4], Flaws)>,
    saved_absent: Vec<u32>,
    saved_total: i64,
    node_stamps: Vec<u32>,
    tour_stamps: Vec<u32>,
    stamp: u32,
    // Buffers, so that a move allocates nothing.
    emptier: Vec<u32>,
    pub(crate) ends: RefCell<Ends>,
}

impl<'l> State<'l> {
    /// A state over a piece: one sequence (local indices) per tour of it, and the units waiting.
    pub(crate) fn new(local: &'l Local<'l>, tours: &[Vec<u32>], absent: Vec<u32>) -> Self {
        Self::build(local, tours, absent, |stop| stop)
    }

    /// A state over a whole problem, whose local numbers are the problem's own.
    pub(crate) fn of_whole(local: &'l Local<'l>, tours: &[Vec<StopIx>], absent: &[StopIx]) -> Self {
        Self::build(local, tours, absent.iter().map(|unit| unit.0).collect(), |stop| stop.0)
    }

    fn build<S: Copy>(
        local: &'l Local<'l>,
        tours: &[Vec<S>],
        absent: Vec<u32>,
        number: impl Fn(S) -> u32 + Copy,
    ) -> Self {
        let (stops, count) = (local.stops.len(), local.tours.len());
        let mut state = Self {
            local,
            records: vec![BLANK; stops + count],
            closes: local.fixed.iter().map(|stop| stop.closes).collect(),
            rich: Vec::new(),
            costs: vec![0; count],
            counts: vec![0; count],
            refused: Vec::new(),
            flaws: vec![Flaws::default(); count],
            carried: vec![[0; 4]; count],
            absent,
            total: 0,
            plain: false,
            saved: Vec::new(),
            saved_rich: Vec::new(),
            saved_closes: Vec::new(),
            saved_tours: Vec::new(),
            saved_absent: Vec::new(),
            saved_total: 0,
            node_stamps: vec![0; stops + count],
            tour_stamps: vec![0; count],
            stamp: 1,
            emptier: Vec::new(),
            ends: RefCell::default(),
        };
        for (tour, sequence) in tours.iter().enumerate() {
            state.link_up(tour as u32, sequence.iter().map(|&stop| number(stop)));
        }
        state.plain = local.plain && state.fits_plain(tours, number);
        if !state.plain {
            state.keep_rich();
        }
        for tour in 0..count as u32 {
            state.update(tour);
        }
        state.total =
            state.costs.iter().sum::<i64>() + state.absent.iter().map(|&unit| local.unserved(unit)).sum::<i64>();
        state
    }

    fn keep_rich(&mut self) {
        if !self.local.totals || self.local.fixed_tours.iter().any(|tour| tour.paused) {
            self.rich = vec![RichRecord::default(); self.records.len()];
        }
    }

    /// A plan that breaks a window, a load or a rule as given is repaired by the rich path.
    fn fits_plain<S: Copy>(&self, tours: &[Vec<S>], number: impl Fn(S) -> u32 + Copy) -> bool {
        tours.iter().enumerate().all(|(tour, sequence)| {
            sequence.is_empty()
                || drive(
                    self.local.problem,
                    self.local.tours[tour],
                    sequence.iter().map(|&stop| self.local.stops[number(stop) as usize]),
                    i64::MAX,
                    |_, _| {},
                )
                .is_ok_and(|driven| driven.late == 0)
        })
    }

    /// Tours touched since [`State::begin`] keep their windows, shifts and loads, or broke windows or shifts before. What was put in
    /// was tested; but where the way over a third node is the quicker one (a matrix, or rounding), a tour that lost a stop may
    /// be late, and one that lost the delivery of goods on board may be overloaded. O(1) per tour without goods on board.
    pub(crate) fn is_legal(&self) -> bool {
        if self.local.on_board && !self.touched().all(|tour| self.keeps_loads(tour)) {
            return false;
        }
        if !self.plain {
            return self
                .saved_tours
                .iter()
                .all(|&(tour, .., was)| was.is_broken() || !self.flaws[tour as usize].is_broken());
        }
        self.touched().all(|tour| {
            let end = self.sentinel(tour);
            let record = &self.records[end as usize];
            let first = record.next;
            first == end
                || record.depart.saturating_add(self.hop(tour, end, first).0) <= self.records[first as usize].latest
        })
    }

    /// No more is on board behind any node of a tour than there is room for.
    fn keeps_loads(&self, tour: u32) -> bool {
        let last = self.records[self.sentinel(tour) as usize].prev;
        self.has_room_up_to(last, tour)
    }

    /// No more is on board behind any node of a tour, from its start to this one, than there is room for. Of pieces that are plain or
    /// have shipments or goods on board: others keep no loads along the way, because sums tell.
    pub(crate) fn has_room_up_to(&self, mut node: u32, tour: u32) -> bool {
        let end = self.sentinel(tour);
        let fixed = &self.local.fixed_tours[tour as usize];
        let (room, carried) = (fixed.room, self.carried[tour as usize]);
        loop {
            let fits = if self.plain {
                self.records[node as usize].load <= fixed.capacity
            } else {
                self.is_left_with_at_most(node, std::array::from_fn(|d| room[d].saturating_sub(carried[d])))
            };
            if !fits || node == end {
                return fits;
            }
            node = self.records[node as usize].prev;
        }
    }

    /// The same state on the rich path, where stops may be placed late.
    pub(crate) fn enriched(mut self) -> Self {
        if self.plain {
            self.plain = false;
            self.keep_rich();
            for tour in 0..self.counts.len() as u32 {
                self.update(tour);
            }
        }
        self
    }

    /// The sentinel of a tour.
    #[inline]
    pub(crate) fn sentinel(&self, tour: u32) -> u32 {
        self.local.stops.len() as u32 + tour
    }

    #[inline]
    pub(crate) fn is_sentinel(&self, node: u32) -> bool {
        node as usize >= self.local.stops.len()
    }

    /// Travel time (with set-up) and price from a node to a node of the same tour, its end included.
    #[inline]
    pub(crate) fn hop(&self, tour: u32, from: u32, to: u32) -> (i32, i32) {
        self.local.hop(tour, from, to)
    }

    /// The stops of a tour in driving order.
    pub(crate) fn sequence(&self, tour: u32) -> Vec<u32> {
        let mut stops = Vec::with_capacity(self.counts[tour as usize] as usize);
        self.sequence_into(tour, &mut stops);
        stops
    }

    pub(crate) fn sequence_into(&self, tour: u32, stops: &mut Vec<u32>) {
        stops.clear();
        let end = self.sentinel(tour);
        let mut node = self.records[end as usize].next;
        while node != end {
            stops.push(node);
            node = self.records[node as usize].next;
        }
    }

    /// All tours as the problem numbers their stops.
    pub(crate) fn global_tours(&self) -> Vec<Vec<StopIx>> {
        (0..self.counts.len() as u32).map(|tour| self.global(tour)).collect()
    }

    /// Units on no tour as the problem numbers them.
    pub(crate) fn global_absent(&self) -> Vec<StopIx> {
        self.absent.iter().map(|&unit| self.local.stops[unit as usize]).collect()
    }

    /// The stops of a tour as the problem numbers them.
    pub(crate) fn global(&self, tour: u32) -> Vec<StopIx> {
        self.sequence(tour).into_iter().map(|stop| self.local.stops[stop as usize]).collect()
    }

    /// Candidates in this tour are driven in full: what they cost is not the sum of their legs.
    pub(crate) fn walks(&self, tour: u32) -> bool {
        !self.plain && (self.local.problem.walks() || self.local.fixed_tours[tour as usize].lifo)
    }

    /// Pauses move when stops do: the quick tests know where they are now only, and what they find has to be tried.
    pub(crate) fn has_pauses(&self, tour: u32) -> bool {
        self.local.fixed_tours[tour as usize].paused
    }

    pub(crate) fn spec(&self, tour: u32) -> &TourSpec {
        &self.local.problem.tours()[self.local.tours[tour as usize].index()]
    }

    /// The unit a stop belongs to: itself, or the pickup of its shipment.
    #[inline]
    pub(crate) fn unit_of(&self, stop: u32) -> u32 {
        let fixed = &self.local.fixed[stop as usize];
        if fixed.role == Role::Delivery && fixed.mate != NONE { fixed.mate } else { stop }
    }

    /// Lateness on a rich tour, more than any sum where it cannot be driven. Such tours are driven; of most the records
    /// know that they keep everything.
    pub(crate) fn lateness(&self, tour: u32) -> i64 {
        let flaws = self.flaws[tour as usize];
        if !flaws.is_broken() && !flaws.is_late() && self.has_room(tour) {
            return 0;
        }
        let stops = self.global(tour).into_iter();
        drive(self.local.problem, self.local.tours[tour as usize], stops, i64::MAX, |_, _| {})
            .map_or(i64::MAX / 4, |driven| driven.late)
    }

    fn link_up(&mut self, tour: u32, stops: impl Iterator<Item = u32>) {
        let end = self.sentinel(tour);
        let mut prev = end;
        for stop in stops {
            self.records[prev as usize].next = stop;
            self.records[stop as usize].prev = prev;
            self.records[stop as usize].tour = tour;
            prev = stop;
        }
        self.records[prev as usize].next = end;
        self.records[end as usize].prev = prev;
        self.records[end as usize].tour = tour;
    }

    /// Gives two tours new sequences over the same stops, inside a move. Both are saved before either is written.
    pub(crate) fn exchange(&mut self, a: u32, first: &[u32], b: u32, second: &[u32]) {
        for &node in first.iter().chain(second) {
            self.touch(node);
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

    /// The tail behind v and the tail behind p change tours (plain pieces).
    pub(crate) fn join_tails(&mut self, tour_v: u32, v: u32, tour_c: u32, p: u32) {
        let (end_v, end_c) = (self.sentinel(tour_v), self.sentinel(tour_c));
        let (from_v, last_v) = (self.records[v as usize].next, self.records[end_v as usize].prev);
        let (from_c, last_c) = (self.records[p as usize].next, self.records[end_c as usize].prev);
        for node in [v, p, end_v, end_c] {
            self.touch(node);
        }
        self.touch_tour(tour_v);
        self.touch_tour(tour_c);
        for (first, end, tour) in [(from_v, end_v, tour_c), (from_c, end_c, tour_v)] {
            let mut node = first;
            while node != end {
                self.touch(node);
                self.records[node as usize].tour = tour;
                node = self.records[node as usize].next;
            }
        }
        let mut bind = |after: u32, first: u32, last: u32, old_end: u32, end: u32| {
            if first == old_end {
                self.records[after as usize].next = end;
                self.records[end as usize].prev = after;
            } else {
                self.records[after as usize].next = first;
                self.records[first as usize].prev = after;
                self.records[last as usize].next = end;
                self.records[end as usize].prev = last;
            }
        };
        bind(v, from_c, last_c, end_c, end_v);
        bind(p, from_v, last_v, end_v, end_c);
        self.refresh(tour_v);
        self.refresh(tour_c);
    }

    fn refresh(&mut self, tour: u32) {
        self.total -= self.costs[tour as usize];
        self.update(tour);
        self.total += self.costs[tour as usize];
    }

    /// Recomputes one tour.
    fn update(&mut self, tour: u32) {
        if self.plain {
            self.update_plain(tour);
        } else {
            self.update_rich(tour);
        }
    }

    /// Everything recomputed from the bare sequences equals what is kept. For tests.
    #[cfg(test)]
    pub(crate) fn agrees_with_recount(&self) -> Result<(), String> {
        let tours: Vec<Vec<u32>> = (0..self.local.tours.len() as u32).map(|tour| self.sequence(tour)).collect();
        let fresh = State::new(self.local, &tours, self.absent.clone());
        let fresh = if self.plain { fresh } else { fresh.enriched() };
        if self.plain != fresh.plain {
            return Err("a plain plan is no longer on time".to_owned());
        }
        for (tour, sequence) in tours.iter().enumerate() {
            if self.costs[tour] != fresh.costs[tour] || self.counts[tour] != fresh.counts[tour] {
                return Err(format!("tour {tour}: price {} or {}", self.costs[tour], fresh.costs[tour]));
            }
            let ((load, flaws), (load_again, flaws_again)) =
                ((self.carried[tour], self.flaws[tour]), (fresh.carried[tour], fresh.flaws[tour]));
            if load != load_again || flaws != flaws_again {
                return Err(format!("tour {tour}: {load:?} or {load_again:?}, {flaws:?} or {flaws_again:?}"));
            }
            for &node in sequence.iter().chain(std::iter::once(&self.sentinel(tour as u32))) {
                let (ours, theirs) = (self.records[node as usize], fresh.records[node as usize]);
                if ours != theirs {
                    return Err(format!("node {node} of tour {tour}: {ours:?} or {theirs:?}"));
                }
                let (ours, theirs) = (self.rich.get(node as usize), fresh.rich.get(node as usize));
                if ours != theirs || self.closes.get(node as usize) != fresh.closes.get(node as usize) {
                    return Err(format!("node {node} of tour {tour}: {ours:?} or {theirs:?}"));
                }
            }
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
    State::of_whole(&local, tours, absent).total
}

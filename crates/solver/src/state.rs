//! A plan under search: intrusive linked tours, one 32-byte record per stop and per tour, with an undo log.
//!
//! The records carry the *forward* departure and the *backward* latest start of every stop (Savelsbergh 1992), so that an
//! insertion test reads one record and two legs. Only whole tours are ever recomputed, and only touched ones.

use crate::problem::{NONE, Problem, Role, TIME_MAX};
use crate::schedule::{drive, span_price};

/// Latest start of a stop that cannot be kept whatever happens.
const NEVER: i32 = -TIME_MAX * 2;

/// One stop, or one tour (its sentinel, which closes the ring).
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
    /// The latest start that counts as kept: the problem's aim, or the present start where that is later.
    pub(crate) closes: i32,
}

/// Loads at a stop: after it, and the peaks before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loads {
    pub(crate) after: [i32; 4],
    /// Largest load from the start of the tour to here.
    pub(crate) peak_before: [i32; 4],
    /// Largest load from here to the end of the tour.
    pub(crate) peak_after: [i32; 4],
}

/// A plan under search.
#[derive(Clone)]
pub(crate) struct State<'p> {
    pub(crate) problem: &'p Problem,
    pub(crate) records: Vec<Record>,
    pub(crate) loads: Vec<Loads>,
    /// Price of each tour.
    pub(crate) costs: Vec<i64>,
    pub(crate) counts: Vec<u32>,
    /// Units on no tour: jobs, pickups, deliveries of goods on board.
    pub(crate) absent: Vec<u32>,
    /// Tours this state may use.
    pub(crate) mine: Vec<u32>,
    /// Everything: tours, and units not served.
    pub(crate) total: i64,
    // The undo log: whole touched tours, and stops that came in.
    saved: Vec<(u32, Record, Loads)>,
    saved_tours: Vec<(u32, i64, u32)>,
    saved_absent: Vec<u32>,
    saved_total: i64,
    stamps: Vec<u32>,
    stamp: u32,
    sequence: Vec<u32>,
}

impl<'p> State<'p> {
    /// A state over some tours and the units waiting for them.
    pub(crate) fn new(problem: &'p Problem, tours: &[Vec<u32>], mine: Vec<u32>, absent: Vec<u32>) -> Self {
        let stops = problem.stops.len();
        let blank = Record {
            next: NONE,
            prev: NONE,
            tour: NONE,
            depart: 0,
            latest: 0,
            next_latest: 0,
            next_cost: 0,
            closes: 0,
        };
        let mut state = Self {
            problem,
            records: vec![blank; stops + problem.tours.len()],
            loads: vec![Loads::default(); stops + problem.tours.len()],
            costs: vec![0; problem.tours.len()],
            counts: vec![0; problem.tours.len()],
            absent,
            mine,
            total: 0,
            saved: Vec::new(),
            saved_tours: Vec::new(),
            saved_absent: Vec::new(),
            saved_total: 0,
            stamps: vec![0; problem.tours.len()],
            stamp: 0,
            sequence: Vec::new(),
        };
        for (stop, record) in state.records.iter_mut().enumerate().take(stops) {
            record.closes = problem.closes[stop];
        }
        for index in 0..state.mine.len() {
            let tour = state.mine[index];
            state.relink(tour, &tours[tour as usize]);
        }
        state.total = state.mine.iter().map(|&tour| state.costs[tour as usize]).sum::<i64>()
            + state.absent.iter().map(|&unit| problem.stops[unit as usize].unserved).sum::<i64>();
        state
    }

    /// The sentinel of a tour.
    pub(crate) fn sentinel(&self, tour: u32) -> u32 {
        self.problem.stops.len() as u32 + tour
    }

    pub(crate) fn is_sentinel(&self, node: u32) -> bool {
        node as usize >= self.problem.stops.len()
    }

    /// Where a vehicle is when it leaves a node.
    pub(crate) fn place(&self, node: u32) -> u32 {
        let stops = self.problem.stops.len();
        if (node as usize) < stops {
            self.problem.stops[node as usize].place
        } else {
            self.problem.tours[node as usize - stops].start_place
        }
    }

    /// Travel time (with set-up) and price from a node to a node of the same tour, its end included.
    pub(crate) fn hop(&self, tour: u32, from: u32, to: u32) -> (i32, i32) {
        if self.is_sentinel(to) {
            self.problem.hop_end(tour, self.place(from))
        } else {
            self.problem.hop(tour, self.place(from), to)
        }
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

    /// Sets a tour's sequence and recomputes it.
    fn relink(&mut self, tour: u32, stops: &[u32]) {
        let end = self.sentinel(tour);
        let mut prev = end;
        for &stop in stops {
            self.records[prev as usize].next = stop;
            self.records[stop as usize].prev = prev;
            self.records[stop as usize].tour = tour;
            prev = stop;
        }
        self.records[prev as usize].next = end;
        self.records[end as usize].prev = prev;
        self.records[end as usize].tour = tour;
        self.update(tour);
    }

    /// Gives two tours new sequences over the same stops, inside a move. Both are saved before either is written.
    pub(crate) fn exchange(&mut self, a: u32, first: &[u32], b: u32, second: &[u32]) {
        self.touch(a);
        self.touch(b);
        for (tour, stops) in [(a, first), (b, second)] {
            self.total -= self.costs[tour as usize];
            self.relink(tour, stops);
            self.total += self.costs[tour as usize];
        }
    }

    /// Recomputes one tour: departures and loads forward, latest starts and peaks backward, its price.
    fn update(&mut self, tour: u32) {
        let problem = self.problem;
        let spec = &problem.tours[tour as usize];
        let end = self.sentinel(tour);
        let mut sequence = std::mem::take(&mut self.sequence);
        self.sequence_into(tour, &mut sequence);
        let mut load = spec.onboard;
        for &stop in &sequence {
            let stop = &problem.stops[stop as usize];
            if stop.role == Role::JobDelivery {
                for (sum, goods) in load.iter_mut().zip(stop.load) {
                    *sum += goods;
                }
            }
        }
        self.loads[end as usize] = Loads { after: load, peak_before: load, peak_after: load };
        let start = &mut self.records[end as usize];
        start.depart = spec.start_at;
        let mut cost = if sequence.is_empty() || spec.in_use { 0 } else { spec.fixed };
        let mut prev = end;
        for &node in &sequence {
            let (time, leg_cost) = self.hop(tour, prev, node);
            let stop = &problem.stops[node as usize];
            let begin = stop.opens_at(self.records[prev as usize].depart.saturating_add(time));
            self.records[prev as usize].next_cost = leg_cost;
            let record = &mut self.records[node as usize];
            record.depart = begin.saturating_add(stop.service);
            record.closes = problem.closes[node as usize].max(begin);
            cost += i64::from(leg_cost) + problem.change_cost(tour, node);
            cost += span_price(begin, stop.due, problem.weights.late_per_hour);
            if problem.weights.flow_per_hour > 0 && stop.role != Role::Pickup {
                cost += span_price(record.depart, stop.placed, problem.weights.flow_per_hour);
            }
            let sign = if matches!(stop.role, Role::Pickup | Role::JobPickup) { 1 } else { -1 };
            for (sum, goods) in load.iter_mut().zip(stop.load) {
                *sum += sign * goods;
            }
            let before = self.loads[prev as usize].peak_before;
            self.loads[node as usize].after = load;
            self.loads[node as usize].peak_before = std::array::from_fn(|d| before[d].max(load[d]));
            prev = node;
        }
        let (end_time, end_cost) = if sequence.is_empty() { (0, 0) } else { self.hop(tour, prev, end) };
        let home = self.hop(tour, prev, end);
        self.records[prev as usize].next_cost = if sequence.is_empty() { 0 } else { end_cost };
        cost += i64::from(end_cost);
        // Backward. The end of the ring: reach the end place by the end of the shift (or as late as it is now).
        let arrival = self.records[prev as usize].depart.saturating_add(end_time);
        let has_end = spec.end_place != NONE;
        let mut latest = if has_end { spec.end_by.max(arrival) } else { TIME_MAX };
        self.records[end as usize].latest = latest;
        self.records[prev as usize].next_latest = latest;
        let mut travel = home.0;
        let mut peak = load;
        for &node in sequence.iter().rev() {
            let stop = &problem.stops[node as usize];
            let record = &mut self.records[node as usize];
            let by = latest.saturating_sub(travel).saturating_sub(stop.service);
            let shift = problem.shift_end(tour, node).max(record.depart - stop.service);
            latest = latest_start(stop.windows.as_slice(), by.min(record.closes).min(shift));
            record.latest = latest;
            let prev = record.prev;
            let after = self.loads[node as usize].after;
            peak = std::array::from_fn(|d| peak[d].max(after[d]));
            self.loads[node as usize].peak_after = peak;
            self.records[prev as usize].next_latest = latest;
            travel = self.hop(tour, prev, node).0;
        }
        let start_load = self.loads[end as usize].after;
        self.loads[end as usize].peak_after = std::array::from_fn(|d| peak[d].max(start_load[d]));
        if !spec.pauses.is_empty() {
            // Pauses shift everything behind them: such tours are driven, not read off the records.
            if let Ok(driven) = drive(problem, tour, sequence.iter().copied(), i64::MAX, |_, _| {}) {
                cost = driven.cost;
            }
        }
        self.costs[tour as usize] = cost;
        self.counts[tour as usize] = sequence.len() as u32;
        self.sequence = sequence;
    }

    // ---- moves ---------------------------------------------------------------------------------------------------

    /// Opens a move: from here on everything can be undone.
    pub(crate) fn begin(&mut self) {
        self.stamp += 1;
        self.saved.clear();
        self.saved_tours.clear();
        self.saved_absent.clear();
        self.saved_absent.extend_from_slice(&self.absent);
        self.saved_total = self.total;
    }

    /// Tours touched since [`State::begin`].
    pub(crate) fn touched(&self) -> impl Iterator<Item = u32> + '_ {
        self.saved_tours.iter().map(|&(tour, ..)| tour)
    }

    fn touch(&mut self, tour: u32) {
        if self.stamps[tour as usize] == self.stamp {
            return;
        }
        self.stamps[tour as usize] = self.stamp;
        self.saved_tours.push((tour, self.costs[tour as usize], self.counts[tour as usize]));
        let end = self.sentinel(tour);
        let mut node = end;
        loop {
            self.saved.push((node, self.records[node as usize], self.loads[node as usize]));
            node = self.records[node as usize].next;
            if node == end {
                break;
            }
        }
    }

    /// Puts everything back as it was at [`State::begin`].
    pub(crate) fn undo(&mut self) {
        while let Some((node, record, loads)) = self.saved.pop() {
            self.records[node as usize] = record;
            self.loads[node as usize] = loads;
        }
        for &(tour, cost, count) in &self.saved_tours {
            self.costs[tour as usize] = cost;
            self.counts[tour as usize] = count;
        }
        std::mem::swap(&mut self.absent, &mut self.saved_absent);
        self.total = self.saved_total;
    }

    /// Takes units (with their mates) out of their tours; they become absent. Each tour is recomputed once.
    pub(crate) fn remove_all(&mut self, units: &[u32]) {
        let problem = self.problem;
        let mut tours: Vec<u32> = Vec::new();
        for &unit in units {
            let tour = self.records[unit as usize].tour;
            if tour == NONE {
                continue;
            }
            self.touch(tour);
            if !tours.contains(&tour) {
                tours.push(tour);
            }
            let spec = &problem.stops[unit as usize];
            self.unlink(unit);
            if spec.role == Role::Pickup {
                self.unlink(spec.mate);
            }
            self.absent.push(unit);
            self.total += spec.unserved;
        }
        for tour in tours {
            self.total -= self.costs[tour as usize];
            self.update(tour);
            self.total += self.costs[tour as usize];
        }
    }

    fn unlink(&mut self, stop: u32) {
        let Record { next, prev, .. } = self.records[stop as usize];
        self.records[prev as usize].next = next;
        self.records[next as usize].prev = prev;
        let record = &mut self.records[stop as usize];
        record.tour = NONE;
        record.closes = self.problem.closes[stop as usize];
    }

    /// Puts an absent unit into a tour: the job or pickup after `after`, the delivery of a shipment after `mate_after`.
    pub(crate) fn put(&mut self, unit: u32, tour: u32, after: u32, mate_after: u32) {
        self.touch(tour);
        let spec = &self.problem.stops[unit as usize];
        self.total -= self.costs[tour as usize] + spec.unserved;
        self.link(unit, tour, after);
        if spec.role == Role::Pickup {
            self.link(spec.mate, tour, mate_after);
        }
        self.update(tour);
        self.total += self.costs[tour as usize];
        let index = self.absent.iter().position(|&other| other == unit).expect("put takes absent units only");
        self.absent.swap_remove(index);
    }

    fn link(&mut self, stop: u32, tour: u32, after: u32) {
        self.saved.push((stop, self.records[stop as usize], self.loads[stop as usize]));
        let next = self.records[after as usize].next;
        self.records[after as usize].next = stop;
        self.records[next as usize].prev = stop;
        let record = &mut self.records[stop as usize];
        record.prev = after;
        record.next = next;
        record.tour = tour;
    }
}

/// The largest arrival at or before `by` whose service starts inside a window: `by` itself, or the end of the last window
/// before it. [`NEVER`] when every window opens later. Past the last window service is late but starts at once.
fn latest_start(windows: &[(i32, i32)], by: i32) -> i32 {
    let Some(&(_, last)) = windows.last() else { return by };
    if by >= last {
        return by;
    }
    let mut best = NEVER;
    for &(opens, closes) in windows {
        if opens <= by {
            best = by.min(closes);
        }
    }
    best
}

//! Changes to a plan that can be undone: an undo log keeps each record as it was when a move first touched it.

use super::{Record, State};
use crate::index::{LocalNode, LocalStop, LocalTour};
use crate::problem::Role;

impl State<'_> {
    /// Opens a move: from here on everything can be undone.
    pub(crate) fn begin(&mut self) {
        self.stamp += 1;
        self.saved.clear();
        self.saved_rich.clear();
        self.saved_closes.clear();
        self.saved_tours.clear();
        self.saved_absent.clear();
        self.saved_absent.extend_from_slice(&self.absent);
        self.saved_total = self.total;
    }

    /// Units that were absent at [`State::begin`].
    pub(crate) fn left_out_before(&self) -> Vec<LocalStop> {
        self.saved_absent.clone()
    }

    /// Tours touched since [`State::begin`].
    pub(crate) fn touched(&self) -> impl Iterator<Item = LocalTour> + '_ {
        self.saved_tours.iter().map(|&(tour, ..)| tour)
    }

    #[inline]
    pub(super) fn touch(&mut self, node: impl Into<LocalNode>) {
        let node = node.into();
        if self.node_stamps[node] == self.stamp {
            return;
        }
        self.node_stamps[node] = self.stamp;
        self.saved.push((node, self.records[node]));
        if let Some(&rich) = self.rich.get(node) {
            self.saved_rich.push((node, rich));
        }
    }

    pub(super) fn touch_tour(&mut self, tour: LocalTour) {
        self.docks.set(None);
        if self.tour_stamps[tour] != self.stamp {
            self.tour_stamps[tour] = self.stamp;
            let flaws = self.flaws[tour];
            let span = self.spans[tour];
            self.saved_tours.push((tour, self.costs[tour], self.counts[tour], self.carried[tour], span, flaws));
        }
    }

    /// Puts everything back as it was at [`State::begin`].
    pub(crate) fn undo(&mut self) {
        for &(node, record) in &self.saved {
            self.records[node] = record;
        }
        for &(node, rich) in &self.saved_rich {
            self.rich[node] = rich;
        }
        // A value that was written twice was saved twice: the first one saved is the one to end with.
        for &(stop, closes) in self.saved_closes.iter().rev() {
            self.closes[stop] = closes;
        }
        for &(tour, cost, count, carried, span, flaws) in &self.saved_tours {
            self.costs[tour] = cost;
            self.counts[tour] = count;
            self.carried[tour] = carried;
            self.spans[tour] = span;
            self.flaws[tour] = flaws;
        }
        std::mem::swap(&mut self.absent, &mut self.saved_absent);
        self.total = self.saved_total;
        self.docks.set(None);
    }

    /// Takes units, both stops of a shipment, out of their tours; they become absent. Each tour is recomputed once.
    pub(crate) fn remove_all(&mut self, units: &[LocalStop]) {
        let mut tours = std::mem::take(&mut self.emptier);
        tours.clear();
        let related;
        let mut units = units;
        if self.local.problem.relations().are_there() {
            related = self.with_related(units);
            units = &related;
        }
        for &unit in units {
            let tour = self.records[unit].tour;
            if tour == LocalTour::NONE {
                continue;
            }
            self.touch_tour(tour);
            if !tours.contains(&tour) {
                tours.push(tour);
            }
            let stop = self.local.fixed[unit];
            self.unlink(unit);
            if stop.role == Role::Pickup {
                self.unlink(stop.mate);
            }
            self.absent.push(unit);
            self.total += self.local.unserved(unit);
        }
        for &tour in &tours {
            self.refresh(tour);
        }
        self.emptier = tours;
    }

    pub(super) fn unlink(&mut self, stop: LocalStop) {
        let Record { next, prev, .. } = self.records[stop];
        self.touch(stop);
        self.touch(prev);
        self.touch(next);
        self.records[prev].next = next;
        self.records[next].prev = prev;
        self.records[stop].tour = LocalTour::NONE;
        self.set_closes(stop, self.local.fixed[stop].closes);
    }

    /// Puts an absent unit into a tour: the job or pickup after `after`, the delivery of a shipment after `mate_after`.
    pub(crate) fn put(&mut self, unit: LocalStop, tour: LocalTour, after: LocalNode, mate_after: LocalNode) {
        self.touch_tour(tour);
        let stop = self.local.fixed[unit];
        self.total -= self.local.unserved(unit);
        let was_empty = self.counts[tour] == 0;
        let mut delta = self.link(unit, tour, after, was_empty);
        if stop.role == Role::Pickup {
            delta += self.link(stop.mate, tour, mate_after, false);
        }
        let spec = &self.local.problem.tours()[self.local.tours[tour].index()];
        if was_empty && !spec.in_use {
            delta += spec.fixed;
        }
        delta += self.local.change_cost(tour, unit);
        let last = if stop.role == Role::Pickup {
            delta += self.local.change_cost(tour, stop.mate);
            self.counts[tour] += 2;
            stop.mate
        } else {
            self.counts[tour] += 1;
            unit
        };
        if !self.plain && self.is_driven(tour) {
            let before = self.costs[tour];
            self.update(tour);
            delta = self.costs[tour] - before;
            self.costs[tour] = before;
        } else if self.plain {
            if stop.role != Role::Pickup && stop.role != Role::Delivery {
                self.carried[tour][0] += stop.load;
            }
            self.settle(tour, unit.into(), last.into());
        } else {
            self.carry(unit, tour);
            delta += self.settle_rich(tour, unit.into(), last.into());
        }
        self.costs[tour] += delta;
        self.total += delta;
        let index = self.absent.iter().rposition(|&other| other == unit).expect("put takes absent units only");
        self.absent.swap_remove(index);
    }

    /// Gives a tour a sequence that holds its stops and those of some absent units.
    pub(crate) fn put_together(&mut self, tour: LocalTour, sequence: &[LocalStop], units: &[LocalStop]) {
        for &stop in sequence {
            self.touch(stop);
        }
        self.touch(self.sentinel(tour));
        self.touch_tour(tour);
        self.link_up(tour, sequence.iter().copied());
        for &unit in units {
            self.total -= self.local.unserved(unit);
        }
        self.absent.retain(|unit| !units.contains(unit));
        self.refresh(tour);
    }

    /// Takes a unit out again that [`State::put`] has just put in.
    pub(crate) fn take_back(&mut self, unit: LocalStop) {
        let tour = self.records[unit].tour;
        self.unlink(unit);
        let stop = self.local.fixed[unit];
        if stop.role == Role::Pickup {
            self.unlink(stop.mate);
        }
        self.absent.push(unit);
        self.total += self.local.unserved(unit);
        self.refresh(tour);
    }

    /// Links a stop in behind a node and returns by how much the legs become dearer.
    pub(super) fn link(&mut self, stop: LocalStop, tour: LocalTour, after: LocalNode, was_empty: bool) -> i64 {
        let next = self.records[after].next;
        self.touch(stop);
        self.touch(after);
        self.touch(next);
        let (to, on) = (self.hop(tour, after, stop).1, self.hop(tour, stop, next).1);
        let before = &mut self.records[after];
        let skipped = if was_empty { 0 } else { before.next_cost };
        before.next = stop.into();
        before.next_cost = to;
        self.records[next].prev = stop.into();
        let record = &mut self.records[stop];
        record.prev = after;
        record.next = next;
        record.tour = tour;
        record.next_cost = on;
        i64::from(to) + i64::from(on) - i64::from(skipped)
    }
}

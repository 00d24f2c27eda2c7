//! Vehicle exchange: a tour goes to a vehicle of another kind, or two tours exchange their vehicles; tours beside them are emptied, so
//! that a larger vehicle can be filled and what a smaller one cannot hold finds a place (moves between vehicle types, as in Gendreau,
//! Laporte, Musaraganyi & Taillard, "A Tabu Search Heuristic for the Heterogeneous Fleet Vehicle Routing Problem", 1999).
//!
//! Ruins of a few stops never do that: a large vehicle pays only when it has taken over several tours of small ones.

use crate::index::{LocalStop, LocalTour};
use crate::random::Random;
use crate::schedule::drive;
use crate::state::State;

/// Neighbours of a stop among whose tours those to be emptied, and used vehicles of another kind, are looked for.
const LOOKED_AT: usize = 60;
/// Used vehicles of another kind that are looked at.
const OTHERS_MAX: usize = 4;
/// Most tours that are emptied beside the two.
const EMPTIED_MAX: usize = 4;
/// Most stops that become absent: more cost as much as many other moves.
const REMOVED_MAX: usize = 80;

impl State<'_> {
    /// Opens a move and changes the vehicle of a random stop's tour. Whatever fits into no tour then is absent: the caller puts it in, and
    /// keeps the result or not. `units`: a buffer. False when there is no vehicle of another kind; then no move is open.
    pub(crate) fn exchange_vehicles(&mut self, units: &mut Vec<LocalStop>, random: &mut Random) -> bool {
        let seed = LocalStop(random.below(self.local.stops.len()) as u32);
        let tour = self.records[seed].tour;
        if tour == LocalTour::NONE {
            return false;
        }
        let Some(other) = self.vehicle_of_another_kind(seed, tour, random) else { return false };
        units.clear();
        let given = self.holdable(other, &self.sequence(tour), units);
        let taken = self.holdable(tour, &self.sequence(other), units);
        self.begin();
        self.remove_all(units);
        self.exchange(tour, &taken, other, &given);
        self.empty_beside(seed, [tour, other], units, random);
        true
    }

    /// A vehicle of another kind than a tour has: the first unused one of a kind, or one that is used near a stop.
    fn vehicle_of_another_kind(&self, seed: LocalStop, tour: LocalTour, random: &mut Random) -> Option<LocalTour> {
        let local = self.local;
        let kind = |tour: LocalTour| local.problem.twin(local.tours[tour]);
        let make = |tour: LocalTour| local.problem.make(local.tours[tour]);
        let mut others: Vec<LocalTour> = Vec::new();
        for unused in self.tours().filter(|&tour| self.counts[tour] == 0) {
            if make(unused) != make(tour) && !others.iter().any(|&other| kind(other) == kind(unused)) {
                others.push(unused);
            }
        }
        let unused = others.len();
        for &stop in local.near.of(seed).iter().take(LOOKED_AT) {
            let near = self.records[stop].tour;
            if near != LocalTour::NONE && make(near) != make(tour) && !others[unused..].contains(&near) {
                others.push(near);
                if others.len() - unused == OTHERS_MAX {
                    break;
                }
            }
        }
        (!others.is_empty()).then(|| others[random.below(others.len())])
    }

    /// The longest beginning of a sequence that a vehicle can drive in time. The units that are not in it are added to `left`.
    fn holdable(&self, tour: LocalTour, sequence: &[LocalStop], left: &mut Vec<LocalStop>) -> Vec<LocalStop> {
        let local = self.local;
        let allowed = |stop: LocalStop| {
            let mate = local.fixed[stop].mate;
            local.allows(tour, stop) && (mate == LocalStop::NONE || local.allows(tour, mate))
        };
        let (allowed, barred): (Vec<LocalStop>, Vec<LocalStop>) =
            sequence.iter().copied().partition(|&stop| allowed(stop));
        left.extend(barred.into_iter().map(|stop| self.unit_of(stop)));
        let is_held = |sequence: &[LocalStop]| {
            let stops = sequence.iter().map(|&stop| local.stops[stop]);
            drive(local.problem, local.tours[tour], stops, i64::MAX, |_, _| {}).is_ok_and(|driven| driven.late == 0)
        };
        // Both stops of a shipment or none.
        let first = |count: usize| -> Vec<LocalStop> {
            let head = &allowed[..count];
            let whole = |stop: LocalStop| {
                let mate = local.fixed[stop].mate;
                mate == LocalStop::NONE || head.contains(&mate) || !allowed.contains(&mate)
            };
            head.iter().copied().filter(|&stop| whole(stop)).collect()
        };
        let (mut held, mut tried) = (0, allowed.len() + 1);
        if is_held(&allowed) {
            held = allowed.len();
        } else {
            while held + 1 < tried {
                let middle = usize::midpoint(held, tried);
                if is_held(&first(middle)) {
                    held = middle;
                } else {
                    tried = middle;
                }
            }
        }
        let kept = first(held);
        left.extend(allowed.iter().filter(|stop| !kept.contains(stop)).map(|&stop| self.unit_of(stop)));
        left.sort_unstable();
        left.dedup();
        kept
    }

    /// Takes everything out of some tours near a stop, inside a move.
    fn empty_beside(&mut self, seed: LocalStop, but: [LocalTour; 2], units: &mut Vec<LocalStop>, random: &mut Random) {
        let local = self.local;
        let most = random.below(EMPTIED_MAX + 1);
        let mut removed = units.len();
        let mut emptied: Vec<LocalTour> = Vec::new();
        for &stop in local.near.of(seed).iter().take(LOOKED_AT) {
            if emptied.len() >= most {
                break;
            }
            let tour = self.records[stop].tour;
            if tour == LocalTour::NONE || but.contains(&tour) || emptied.contains(&tour) {
                continue;
            }
            let count = self.counts[tour] as usize;
            if removed + count > REMOVED_MAX {
                continue;
            }
            removed += count;
            emptied.push(tour);
        }
        for tour in emptied {
            units.clear();
            units.extend(self.sequence(tour).into_iter().map(|stop| self.unit_of(stop)));
            units.sort_unstable();
            units.dedup();
            self.remove_all(units);
        }
    }
}

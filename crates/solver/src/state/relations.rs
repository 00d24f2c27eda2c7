//! Relations between stops of a plan under search: whether a unit may join a tour, and which units move together. Where a problem has
//! relations it is searched in one piece, without the moves that exchange tails.

use super::State;
use crate::index::{LocalStop, LocalTour, StopIx};

impl State<'_> {
    /// False if the relations of a unit forbid that it joins a tour, as the plan stands now.
    pub(crate) fn may_join(&self, unit: LocalStop, tour: LocalTour) -> bool {
        let local = self.local;
        let relations = local.problem.relations();
        if !relations.are_there() {
            return true;
        }
        let own = local.stops[unit];
        let tour_of = |stop: StopIx| local.at_home(stop).map_or(LocalTour::NONE, |stop| self.records[stop].tour);
        relations.of(own).all(|relation| relation.allows(own, tour, LocalTour::NONE, tour_of))
    }

    /// What leaving a unit out loses: its own price, and those of the absent units that may only be served behind it.
    pub(crate) fn worth(&self, unit: LocalStop) -> i64 {
        let local = self.local;
        let relations = local.problem.relations();
        let own = local.unserved(unit);
        if !relations.are_ordered() {
            return own;
        }
        let stop = local.stops[unit];
        let mut behind: Vec<LocalStop> = Vec::new();
        for relation in relations.of(stop).filter(|relation| relation.is_ordered()) {
            let later = relation.stops.iter().skip_while(|&&other| other != stop).skip(1);
            let absent = |&other: &LocalStop| self.records[other].tour == LocalTour::NONE;
            behind.extend(later.filter_map(|&other| local.at_home(other)).filter(absent));
        }
        behind.sort_unstable();
        behind.dedup();
        behind.iter().fold(own, |sum, &other| sum.saturating_add(local.unserved(other)))
    }

    /// The units that have to be taken out with these, themselves included.
    pub(crate) fn with_related(&self, units: &[LocalStop]) -> Vec<LocalStop> {
        let local = self.local;
        let relations = local.problem.relations();
        let mut all = units.to_vec();
        let mut next = 0;
        while let Some(&unit) = all.get(next) {
            next += 1;
            for relation in relations.of(local.stops[unit]).filter(|relation| relation.moves_as_one()) {
                for stop in relation.stops.iter().filter_map(|&stop| local.at_home(stop)) {
                    if !all.contains(&stop) {
                        all.push(stop);
                    }
                }
            }
        }
        all
    }

    /// Puts units that follow others behind these, and changes nothing else.
    pub(crate) fn put_in_order(&self, units: &mut Vec<LocalStop>) {
        let local = self.local;
        let relations = local.problem.relations();
        if !relations.are_ordered() {
            return;
        }
        let mut ordered: Vec<LocalStop> = Vec::with_capacity(units.len());
        for &unit in units.iter() {
            let chains = relations.of(local.stops[unit]).filter(|relation| relation.is_ordered());
            for stop in chains.flat_map(|relation| &relation.stops).filter_map(|&stop| local.at_home(stop)) {
                if units.contains(&stop) && !ordered.contains(&stop) {
                    ordered.push(stop);
                }
            }
            if !ordered.contains(&unit) {
                ordered.push(unit);
            }
        }
        *units = ordered;
    }
}

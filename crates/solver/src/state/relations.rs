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

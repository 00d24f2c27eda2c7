//! Docks in a plan under search: whether its tours can wait for each other as they have to. A problem with docks is searched in one piece,
//! without the moves that exchange tails.

use super::State;
use super::rich::UNDRIVABLE;
use crate::index::{StopIx, TourIx};
use crate::schedule::docks::settled;

impl State<'_> {
    /// What it costs that vehicles wait for docks. More than any other price: it is not known how this plan could keep them.
    pub(super) fn price_of_docks(&self) -> i64 {
        if let Some(price) = self.docks.get() {
            return price;
        }
        let local = self.local;
        let tours: Vec<(TourIx, Vec<StopIx>)> = self
            .tours()
            .filter(|&tour| self.counts[tour] > 0)
            .map(|tour| (local.tours[tour], self.global(tour)))
            .filter(|(_, sequence)| sequence.iter().any(|&stop| local.problem.dock_of(stop).is_some()))
            .collect();
        let price = settled(local.problem, &tours).map_or(UNDRIVABLE, |settled| settled.more);
        self.docks.set(Some(price));
        price
    }

    /// False if it is not known how the plan could keep its docks.
    pub(crate) fn keeps_docks(&self) -> bool {
        !self.local.problem.has_docks() || self.price_of_docks() < UNDRIVABLE
    }
}

//! What is on board of a vehicle, in every dimension of load.

use crate::problem::{Role, Stop, TourSpec};

/// What is on board, in every dimension of load.
#[derive(Clone, Debug)]
pub(crate) struct Goods {
    first: [i32; 4],
    more: Vec<i64>,
}

impl Goods {
    /// Nothing.
    pub(crate) fn none() -> Self {
        Self { first: [0; 4], more: Vec::new() }
    }

    /// At the start of a tour, before the goods of its jobs.
    pub(crate) fn on_board(spec: &TourSpec) -> Self {
        Self { first: spec.onboard, more: Vec::new() }
    }

    /// Loads what a job delivers.
    pub(crate) fn load(&mut self, stop: &Stop) {
        add(&mut self.first, stop.load, 1);
        self.more.resize(stop.more_load.len(), 0);
        for (sum, &(goods, _)) in self.more.iter_mut().zip(&stop.more_load) {
            *sum += i64::from(goods);
        }
    }

    /// Takes other goods on.
    pub(crate) fn add(&mut self, goods: [i32; 4]) {
        add(&mut self.first, goods, 1);
    }

    /// Serves a stop.
    pub(crate) fn serve(&mut self, stop: &Stop) {
        let sign = match stop.role {
            Role::JobPickup | Role::Pickup => 1,
            Role::JobDelivery | Role::Delivery => -1,
        };
        add(&mut self.first, stop.load, sign);
        add(&mut self.first, stop.takes, 1);
        self.more.resize(stop.more_load.len(), 0);
        for (sum, &(goods, takes)) in self.more.iter_mut().zip(&stop.more_load) {
            *sum += i64::from(sign) * i64::from(goods) + i64::from(takes);
        }
    }

    /// True where no dimension has more than this; one that is not named is not limited.
    pub(crate) fn are_at_most(&self, most: Option<&[i32; 4]>, more: &[i32]) -> bool {
        most.is_none_or(|&most| fits(self.first, most))
            && self.more.iter().zip(more).all(|(&goods, &most)| goods <= i64::from(most))
    }

    /// The dimension of which there is most too much for a vehicle, and by how much.
    pub(crate) fn over(&self, spec: &TourSpec) -> Option<(usize, i64)> {
        let goods = self.first.iter().map(|&goods| i64::from(goods)).chain(self.more.iter().copied());
        let room = spec.capacity.iter().chain(&spec.more_capacity).map(|&room| i64::from(room));
        let over = goods.zip(room.chain(std::iter::repeat(0))).map(|(goods, room)| goods - room).enumerate();
        over.filter(|&(_, over)| over > 0).max_by_key(|&(_, over)| over)
    }

    /// True where a vehicle has room for them.
    pub(crate) fn fit(&self, spec: &TourSpec) -> bool {
        fits(self.first, spec.capacity)
            && (self.more.iter().all(|&goods| goods == 0) || spec.more_capacity.len() == self.more.len())
            && self.more.iter().zip(&spec.more_capacity).all(|(&goods, &room)| goods <= i64::from(room))
    }
}

pub(crate) fn add(load: &mut [i32; 4], goods: [i32; 4], sign: i32) {
    for (sum, goods) in load.iter_mut().zip(goods) {
        *sum = sum.saturating_add(sign * goods);
    }
}

pub(crate) fn fits(load: [i32; 4], capacity: [i32; 4]) -> bool {
    load.iter().zip(capacity).all(|(&load, room)| load <= room)
}

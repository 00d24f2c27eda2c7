//! Which vehicles are alike, and in what.

use std::collections::BTreeMap;

use super::class::Class;
use super::spec::TourSpec;
use crate::index::TourIx;

/// What vehicles have in common, found once for a problem.
#[derive(Clone, Debug)]
pub(super) struct Kinds {
    /// Each class of vehicles: those of one class give a leg the same time and the same price.
    classes: Vec<Class>,
    /// The class of each tour.
    class_of: Vec<u32>,
    /// The first tour with the very same specification.
    twin: Vec<TourIx>,
    /// Tours that are their own twin: one of each kind.
    leaders: Vec<TourIx>,
    /// The first tour whose end, limits and class are the same.
    tail_twin: Vec<TourIx>,
    /// The first tour whose vehicle holds as much and costs as much, wherever it begins and ends.
    make: Vec<TourIx>,
}

impl Kinds {
    pub(super) fn of(tours: &[TourSpec]) -> Self {
        let mut classes: Vec<Class> = Vec::new();
        let mut known = BTreeMap::new();
        let class_of = tours
            .iter()
            .map(|tour| {
                let class = tour.class();
                *known.entry(class).or_insert_with(|| {
                    classes.push(class);
                    classes.len() as u32 - 1
                })
            })
            .collect();
        let twin = firsts(tours, |tour| tour);
        let leaders = TourIx::first(tours.len()).filter(|&tour| twin[tour.index()] == tour).collect();
        let tail_twin = firsts(tours, |tour| (tour.end_node, tour.end_by, tour.finish_late, limits(tour)));
        let make = firsts(tours, |tour| (tour.fixed, limits(tour)));
        Self { classes, class_of, twin, leaders, tail_twin, make }
    }

    pub(super) fn classes(&self) -> impl Iterator<Item = Class> {
        self.classes.iter().copied()
    }

    #[inline]
    pub(super) fn class(&self, class: u32) -> Class {
        self.classes[class as usize]
    }

    #[inline]
    pub(super) fn class_of(&self, tour: TourIx) -> u32 {
        self.class_of[tour.index()]
    }

    #[inline]
    pub(super) fn twin(&self, tour: TourIx) -> TourIx {
        self.twin[tour.index()]
    }

    #[inline]
    pub(super) fn tail_twin(&self, tour: TourIx) -> TourIx {
        self.tail_twin[tour.index()]
    }

    /// The first tour whose vehicle is of the same make.
    #[inline]
    pub(super) fn make(&self, tour: TourIx) -> TourIx {
        self.make[tour.index()]
    }

    /// Vehicles differ in what they hold or cost, not only in where they begin and end.
    pub(super) fn are_mixed(&self) -> bool {
        self.make.iter().any(|&first| first != TourIx(0))
    }

    /// One tour of each kind.
    pub(super) fn leaders(&self) -> &[TourIx] {
        &self.leaders
    }

    /// All vehicles are of one kind.
    pub(super) fn is_one(&self) -> bool {
        self.leaders.len() <= 1
    }
}

/// What a vehicle holds, may and costs on the way.
fn limits(tour: &TourSpec) -> impl Ord + use<'_> {
    let holds = (tour.capacity, &tour.more_capacity, tour.stops_max, tour.lifo, tour.travel_max, tour.metres_max);
    let rules = (tour.fifo, &tour.reload, tour.driving_time, &tour.battery, tour.walking, tour.trips);
    let rules = (rules, tour.driven_so_far);
    (holds, rules, tour.per_task_hour, tour.vehicle_type, tour.class())
}

/// For each tour the first one that has the same key. There may be as many keys as vehicles.
fn firsts<'t, K: Ord>(tours: &'t [TourSpec], key: impl Fn(&'t TourSpec) -> K) -> Vec<TourIx> {
    let mut first = BTreeMap::new();
    TourIx::all().zip(tours).map(|(tour, spec)| *first.entry(key(spec)).or_insert(tour)).collect()
}

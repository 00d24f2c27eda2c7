//! Doors near each other: what lies close to where a vehicle is parked is served on foot. The vehicle is parked at the first of these
//! stops, its set-up (finding a place, getting the goods out) is spent once, and the driver walks from door to door and back.
//!
//! Which stops are served on foot follows from the sequence alone: those that are near the parked vehicle, both ways, one behind the
//! other. So a sequence has one way to be driven ("park and loop"; Parragh & Cordeau, "Branch-and-price and adaptive large neighborhood
//! search for the truck and trailer routing problem with time windows", 2017, have the like with trailers).

use crate::index::{NodeIx, StopIx, TourIx};
use crate::problem::{Problem, Walking};

/// A walk of a driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// To the stop from the door before. Otherwise the walk, if there is one, is back to the vehicle, which then drives.
    pub on_foot: bool,
    /// How long it takes.
    pub time: i32,
}

/// The walks of a tour: before each of its stops, and before the vehicle drives to its end.
pub fn walks(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> (Vec<Walk>, i32) {
    let mut parked = Parked::at_start(problem, tour);
    let each = sequence.iter().map(|stop| {
        let node = problem.stops()[stop.index()].node;
        if let Some(time) = parked.walk_to(node) {
            return Walk { on_foot: true, time };
        }
        let (time, _) = parked.walk_back(node);
        parked.park(node);
        Walk { on_foot: false, time }
    });
    (each.collect(), parked.walk_back(NodeIx::NONE).0)
}

/// Where a vehicle and its driver are.
pub(crate) struct Parked<'p> {
    problem: &'p Problem,
    table: u16,
    walking: Option<Walking>,
    /// The stop at which the vehicle is parked; [`NodeIx::NONE`]: it has not come to a stop yet.
    vehicle: NodeIx,
    /// The door that the driver is at.
    driver: NodeIx,
}

impl<'p> Parked<'p> {
    pub(crate) fn at_start(problem: &'p Problem, tour: TourIx) -> Self {
        let spec = &problem.tours()[tour.index()];
        Self { problem, table: spec.table, walking: spec.walking, vehicle: NodeIx::NONE, driver: NodeIx::NONE }
    }

    fn metres(&self, from: NodeIx, to: NodeIx) -> i32 {
        self.problem.legs().length_in(self.table, from, to)
    }

    /// The time of the walk to a stop that is served on foot; `None`: the vehicle drives there.
    pub(crate) fn walk_to(&mut self, stop: NodeIx) -> Option<i32> {
        let walking = self.walking.filter(|_| self.vehicle != NodeIx::NONE)?;
        let is_near = |from: NodeIx, to: NodeIx| self.metres(from, to) <= walking.metres_max;
        if !is_near(self.vehicle, stop) || !is_near(stop, self.vehicle) {
            return None;
        }
        let time = if self.driver == stop { 0 } else { walking.time(self.metres(self.driver, stop)) };
        self.driver = stop;
        Some(time)
    }

    /// The time of the walk back to the vehicle, which then stands at the node that is told.
    pub(crate) fn walk_back(&mut self, here: NodeIx) -> (i32, NodeIx) {
        let Some(walking) = self.walking.filter(|_| self.vehicle != NodeIx::NONE) else { return (0, here) };
        let time = if self.driver == self.vehicle { 0 } else { walking.time(self.metres(self.driver, self.vehicle)) };
        self.driver = self.vehicle;
        (time, self.vehicle)
    }

    /// The vehicle is parked at a stop.
    pub(crate) fn park(&mut self, stop: NodeIx) {
        (self.vehicle, self.driver) = (stop, stop);
    }
}

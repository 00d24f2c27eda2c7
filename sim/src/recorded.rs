//! A recorded day as it was: drivers and dispatchers do what they did, whatever the plan says now.
//!
//! So it can be seen what a policy would have decided at each moment of that day, and not what would have come of it: for that the drivers
//! have to follow its plans ([`crate::backtest`]).

use std::collections::BTreeSet;

use fleetfold_engine::virtual_time::{Happening, World};
use fleetfold_fleet::{Fleet, Placement};
use fleetfold_model::{Assignment, Event, OrderId, Origin, StopKind, Timestamp, VehicleId};
use serde::Serialize;

use crate::world::Fact;

/// Who drives in a backtest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Loop {
    /// Simulated drivers, who follow the plans of the policy that is tried.
    Closed,
    /// The drivers of the recording, who do what they did.
    Open,
}

impl Loop {
    /// What that means for the figures, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Closed => "closed: simulated drivers follow these plans",
            Self::Open => "open: drivers did what was recorded, whatever these plans say",
        }
    }
}

/// What a policy would have decided, beside what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// Stops that drivers went to.
    pub stops: u64,
    /// Of those, on the route of that vehicle at that moment.
    pub same_vehicle: u64,
    /// Of those, next on its route.
    pub same_next: u64,
    /// Orders that had no place at some moment.
    pub without_place: u64,
}

/// Counts while a log is folded.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    gone_to: BTreeSet<(OrderId, StopKind)>,
    without_place: BTreeSet<OrderId>,
    pub(crate) beside: Beside,
}

impl Compared {
    /// One entry was folded. `told`: the stops that a vehicle had been told before it, and how many of them it was under way to.
    pub(crate) fn observe<'t>(
        &mut self,
        event: &Event,
        (fleet, orders): (&Fleet, &[OrderId]),
        told: impl Fn(VehicleId) -> (&'t [(OrderId, StopKind)], usize),
    ) {
        if let Event::StopDeparted(report) | Event::StopArrived(report) | Event::StopCompleted(report) = event
            && let Some(vehicle) = fleet.vehicle_id(report.vehicle.as_str())
            && let Some(order) = fleet.order_id(report.order.as_str())
            && self.gone_to.insert((order, report.stop))
        {
            let (stops, under_way) = told(vehicle);
            let at = stops.iter().position(|&stop| stop == (order, report.stop));
            self.beside.stops += 1;
            self.beside.same_vehicle += u64::from(at.is_some());
            self.beside.same_next += u64::from(at.is_some_and(|at| at <= under_way));
        }
        for &order in orders {
            if matches!(fleet.order(order).placement, Placement::Unassigned(_)) && self.without_place.insert(order) {
                self.beside.without_place += 1;
            }
        }
    }
}

/// The facts of a recording, each at its time.
#[derive(Debug)]
pub(crate) struct Recorded {
    facts: Vec<Fact>,
    cursor: usize,
}

impl Recorded {
    /// Of these facts (in order of zone time) those that the world, drivers and dispatchers have told. What drivers accepted is left out: it
    /// names routes of another log.
    pub(crate) fn new(mut facts: Vec<Fact>) -> Self {
        facts.retain(|(_, _, event)| {
            let is_told = !matches!(event.origin(), Origin::Engine { .. });
            is_told && !matches!(event, Event::AssignmentAccepted { .. })
        });
        Self { facts, cursor: 0 }
    }
}

impl World for Recorded {
    fn next(&mut self) -> Option<Timestamp> {
        self.facts.get(self.cursor).map(|&(at, ..)| at)
    }

    fn take(&mut self, now: Timestamp) -> Vec<Happening> {
        let due = self.facts[self.cursor..].iter().take_while(|(at, ..)| *at <= now);
        let due: Vec<Happening> = due.map(|(_, id, event)| Happening::Fact(*id, event.clone())).collect();
        self.cursor += due.len();
        due
    }

    fn told(&mut self, _: &Assignment, _: Timestamp) {}
}

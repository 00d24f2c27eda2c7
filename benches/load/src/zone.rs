//! One zone under load: what happens in it, what its drivers do, and what its log says.

use fleetfold_model::{Event, Name};
use fleetfold_wire::assignment_from_json;

use crate::drivers::Drivers;
use crate::measure::Measure;
use crate::reader::{Entry, Kind};
use crate::rig::wall;
use crate::world::{Message, World, name};

/// One change of so many is a cancellation, the others are new orders.
pub(crate) const CANCELLED_OF: u64 = 10;

/// A zone, its producer and its drivers.
pub(crate) struct Zone {
    pub(crate) world: World,
    pub(crate) measure: Measure,
    pub(crate) drivers: Drivers,
    /// Names of our orders, in order of creation.
    names: Vec<Name>,
    cancelled: u64,
    /// Open orders that there should be.
    target: u64,
}

impl Zone {
    /// A zone in which nothing has happened. `target`: open orders that there should be once it is filled.
    pub(crate) fn new(world: World, target: u64) -> Self {
        Self {
            world,
            measure: Measure::default(),
            drivers: Drivers::default(),
            names: Vec::new(),
            cancelled: 0,
            target,
        }
    }

    /// A vehicle on shift, with its driver.
    pub(crate) fn vehicle(&mut self, number: usize, room: i32) -> [Message; 2] {
        let (messages, start) = self.world.vehicle(number, room);
        self.drivers.add(name(&format!("v{number}")), start);
        messages
    }

    /// A new order.
    pub(crate) fn order(&mut self) -> Message {
        let (order, message) = self.world.order(self.world.zone_time(wall()));
        self.names.push(order);
        message
    }

    /// Cancels one of the newer orders that no driver is on the way to; `None`: none was found.
    pub(crate) fn cancellation(&mut self) -> Option<Message> {
        let newest = self.names.len() as u64;
        for _ in 0..20 {
            let back = self.world.below(self.target.min(newest).max(1));
            let Some(order) = self.names.get((newest - 1 - back) as usize) else { continue };
            if self.drivers.cancel(order) {
                self.cancelled += 1;
                let cancelled = Event::OrderCancelled { order: order.clone() };
                return Some(self.world.fact(&cancelled, self.world.zone_time(wall())));
            }
        }
        None
    }

    /// What the drivers report now.
    pub(crate) fn reports(&mut self) -> Vec<Message> {
        let open = self.measure.orders_read().saturating_sub(self.drivers.completed() + self.cancelled);
        let spare = open.saturating_sub(self.target);
        let hurry = spare.saturating_sub(20.max(self.target / 100));
        let zone_time = self.world.zone_time(wall());
        let reports = self.drivers.act(zone_time, spare as usize, hurry as usize);
        reports.iter().map(|event| self.world.fact(event, zone_time)).collect()
    }

    /// An entry of its log was read.
    pub(crate) fn take(&mut self, entry: &Entry) {
        match &entry.what {
            Kind::Fact { kind } => self.measure.fact(entry.seq, entry.at, kind),
            Kind::Plan { plan, bytes } => self.measure.plan(entry.seq, entry.at, *bytes, plan),
            Kind::Learned => self.measure.fact(entry.seq, entry.at, "features_learned"),
        }
    }

    /// A driver was told his route.
    pub(crate) fn told(&mut self, assignment: &[u8]) {
        if let Ok(assignment) = assignment_from_json(assignment) {
            self.drivers.told(assignment);
        }
    }

    /// Whether every order stands in the log and has its answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.measure.orders_read() >= self.names.len() as u64 && self.measure.waiting() == 0
    }
}

//! Slots that are kept for customers: when their time is over they are given up, by a fact of the owner of the zone.

use std::collections::BTreeMap;

use fleetfold_fleet::Fleet;
use fleetfold_model::{Event, HoldEnded, Millis, OrderId, Timestamp};

use crate::moment::Moment;

/// What was asked for and has not come back after this (log time) is asked for again.
const ASK_AGAIN: Millis = Millis(5_000);

/// The slots that are kept.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    /// Until when (zone time), and when its end was asked for (log time).
    held: BTreeMap<OrderId, (Timestamp, Option<Timestamp>)>,
}

impl Holds {
    /// The slots that are kept in a fleet that has been folded so far.
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let mut holds = Self::default();
        fleet.open_orders().for_each(|order| holds.changed(fleet, order));
        holds
    }

    /// An entry changed this order.
    pub(crate) fn changed(&mut self, fleet: &Fleet, id: OrderId) {
        let order = fleet.order(id);
        match order.held_until.filter(|_| order.is_open()) {
            Some(until) if self.held.get(&id).is_some_and(|&(known, _)| known == until) => {}
            Some(until) => drop(self.held.insert(id, (until, None))),
            None => drop(self.held.remove(&id)),
        }
    }

    /// The facts that give up what nobody has taken in time.
    pub(crate) fn ended(&mut self, moment: Moment<'_>, epoch: u64) -> Vec<Event> {
        let (now, log_now) = (moment.now(), moment.log_now);
        let mut facts = Vec::new();
        for (&id, (until, asked)) in &mut self.held {
            if *until <= now && asked.is_none_or(|asked| log_now - asked >= ASK_AGAIN) {
                *asked = Some(log_now);
                let order = moment.fleet.order(id).name.clone();
                facts.push(Event::HoldEnded(HoldEnded { order, until: *until, epoch }));
            }
        }
        facts
    }

    /// Log time at which the next one is over; `None`: none is kept.
    pub(crate) fn due_at(&self, fleet: &Fleet) -> Option<Timestamp> {
        let due = self.held.values().map(|&(until, asked)| {
            let ends = fleet.zone().log_time(until);
            asked.map_or(ends, |asked| asked + ASK_AGAIN)
        });
        due.min()
    }
}

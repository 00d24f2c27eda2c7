//! Whoever is around the zone: other zones that write to the same stream, and the order that comes when the zone has been quiet.

use fleetfold_model::{Event, Name};

use super::{Ask, Job, Run, Sender};

impl Run<'_> {
    /// Another zone writes an entry of its own.
    pub(super) fn neighbour_writes(&mut self) {
        if self.faults.neighbours == 0.0 {
            return;
        }
        self.neighbour += 1;
        let (subject, id) = match self.neighbour % 8 {
            0 => ("fleet.sim.north.plan".to_owned(), format!("sim/north/1/{}", self.neighbour)),
            _ => ("fleet.sim.north.event.order_created._".to_owned(), format!("sim/north/shop/{}", self.neighbour)),
        };
        let stored = self.log.append("FLEET", false, &subject, &id, b"{}".to_vec(), None, self.now);
        debug_assert!(stored.is_ok(), "nothing forbids it");
        let span = (2_000.0 / self.faults.neighbours) as i64;
        let delay = self.random.between(1, span.max(2));
        self.later(delay, Job::Neighbour);
    }

    /// The day is over. The zone is quiet for longer than the log keeps entries; its nodes die and start again meanwhile.
    pub(super) fn quiet(&mut self) {
        let quiet = self.faults.expiry.0.max(20_000) + self.random.between(1_000, 20_000);
        for node in 0..2 {
            for _ in 0..self.random.between(0, 2) {
                let at = self.random.between(0, quiet);
                self.later(at, Job::Kill(node));
            }
        }
        self.waits_for_last_order = true;
        self.later(quiet, Job::LastOrder);
    }

    /// True when nobody has anything to send any more.
    pub(super) fn nothing_to_come(&self) -> bool {
        !self.waits_for_last_order
    }

    /// One more order, which must get its answer.
    pub(super) fn order_last(&mut self) {
        self.waits_for_last_order = false;
        let orders = self.day.script.facts.iter().filter_map(|(_, event)| match event {
            Event::OrderCreated(order) => Some(order),
            _ => None,
        });
        let Some(mut order) = orders.last().cloned() else { return };
        order.name = Name::new("ord-last").expect("a legal name");
        self.outbox.push(Event::OrderCreated(order));
        let number = self.outbox.len() - 1;
        self.send(Sender::Producer(number), Ask::Fact(number));
    }
}

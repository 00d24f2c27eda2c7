//! Whoever is around the zone: other zones that write to the same stream, the order that comes when the zone has been quiet, the broker
//! that comes back with an older copy of the log, and those who put right what that has broken.

use std::collections::BTreeSet;

use fleetfold_engine::virtual_time::World;
use fleetfold_fleet::Fleet;
use fleetfold_journal::base::parse;
use fleetfold_model::{Event, LogSeq, Millis, Name, Order, Timestamp};
use fleetfold_wire::assignment_from_json;

use super::strays::Read;
use super::{Ask, Job, Node, Run, Sender, running};

/// Within this time a node that starts has read its log and wants to own its zone.
const SETTLED: Millis = Millis(10_000);
use crate::seeded::Seeded;

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
        let quiet = self.faults.expiry.0.max(30_000) + self.random.between(1_000, 20_000);
        for node in 0..2 {
            for _ in 0..self.random.between(0, 2) {
                let at = self.random.between(0, quiet - 2 * SETTLED.0);
                self.later(at, Job::Kill(node));
            }
        }
        self.waits_for_last_order = true;
        self.later(quiet, Job::LastOrder);
    }

    /// True when nobody has anything to send any more.
    pub(super) fn nothing_to_come(&self) -> bool {
        !self.waits_for_last_order && !self.recovers
    }

    /// The broker was killed and comes back with an older copy of the stream of facts. Nobody is told: whoever has folded what is lost
    /// must notice it, before he folds or publishes anything else.
    pub(super) fn goes_back(&mut self) -> Result<(), String> {
        let (first, last) = self.log.bounds("FLEET");
        if last < first {
            return Ok(());
        }
        let cut = last.saturating_sub(self.random.between(1, 40).unsigned_abs()).max(first);
        self.survived.rollbacks += 1;
        self.went_back_at = Some(self.now);
        self.log.rewind("FLEET", cut);
        self.history.retain(|message| message.seq <= cut);
        self.passed_over.retain(|seq, _| *seq <= cut);
        self.digests.retain(|seq, _| *seq <= cut);
        self.deadly.retain(|seq, _| *seq <= cut);
        self.truth = Fleet::new();
        for message in &self.history {
            match self.read(message)? {
                Read::Entry(entry) => drop(self.truth.apply(&entry)),
                Read::Skipped(on_plan_subject) => self.truth.skip(LogSeq(message.seq), on_plan_subject),
            }
        }
        for (vehicle, revision) in &self.told {
            if revision.0 > cut {
                self.foreign.insert(vehicle.clone());
            }
        }
        for node in 0..2 {
            if let Some(alive) = &mut self.nodes[node].alive {
                alive.reconnects = true;
            }
            self.expect(node);
        }
        if !self.recovers {
            self.recovers = true;
            let delay = self.random.between(1_000, 8_000);
            self.later(delay, Job::Recovery);
        }
        Ok(())
    }

    /// Producers with an outbox send again what the log has lost, and drivers' phones forget what they knew and read their routes anew.
    pub(super) fn recover(&mut self) {
        self.recovers = false;
        let ids: BTreeSet<&str> = self.history.iter().map(|message| message.id.as_str()).collect();
        let lost: Vec<usize> =
            self.acked.iter().copied().filter(|number| !ids.contains(format!("world/{number}").as_str())).collect();
        for number in lost {
            self.acked.remove(&number);
            self.send(Sender::Producer(number), Ask::Fact(number));
        }
        self.world.forget_revisions();
        let now = self.zone_now();
        let told: Vec<_> =
            self.log.read("ASSIGNMENT", 0).filter_map(|message| assignment_from_json(&message.bytes).ok()).collect();
        for assignment in told {
            self.world.told(&assignment, now);
        }
    }

    /// The operator removes the snapshots of a node, and the bases, that were made of entries which the log has lost.
    pub(super) fn remove_what_is_lost(&mut self, node: usize) {
        let (_, last) = self.log.bounds("FLEET");
        let stands = |seq: u64, id: &str| self.history.iter().any(|message| message.seq == seq && message.id == id);
        let mut disk = std::mem::take(&mut self.nodes[node].disk);
        disk.retain(|disk| stands(disk.fleet.applied().0, &disk.last_id));
        self.nodes[node].disk = disk;
        self.bases.retain(|object, _| parse(object).is_some_and(|(_, applied, _)| applied.0 <= last));
    }

    /// One more order, which must get its answer.
    ///
    /// # Errors
    ///
    /// When nobody owns the quiet zone, although its nodes have been running for long enough.
    pub(super) fn order_last(&mut self) -> Result<(), String> {
        self.waits_for_last_order = false;
        let now = self.now;
        let settled = |node: &Node| node.alive.as_ref().is_some_and(|alive| now - alive.since >= SETTLED);
        let nodes = &self.nodes;
        if nodes.iter().all(|node| settled(node) && node.asleep_until <= now)
            && running(nodes).all(|alive| !alive.seeks)
        {
            return Err("nobody wants to own the quiet zone".to_owned());
        }
        let mut orders = self.day.script.facts.iter().filter_map(|(_, event)| match event {
            Event::OrderCreated(order) => Some(order),
            _ => None,
        });
        let Some(mut order) = orders.next_back().cloned() else { return Ok(()) };
        order.name = Name::new("ord-last").expect("a legal name");
        self.outbox.push(Event::OrderCreated(order));
        let number = self.outbox.len() - 1;
        self.send(Sender::Producer(number), Ask::Fact(number));
        Ok(())
    }
}

/// Orders that come in one instant of the day, and when; `None`: there are none.
pub(super) fn surge(facts: &mut Vec<(Timestamp, Event)>, start: Timestamp, count: u32, seed: u64) -> Option<Timestamp> {
    if count == 0 {
        return None;
    }
    let mut random = Seeded::new(seed, "surge");
    let at = start + Millis(random.between(600_000, 1_800_000));
    let orders = facts.iter().filter_map(|(_, event)| match event {
        Event::OrderCreated(order) => Some(order.clone()),
        _ => None,
    });
    let like: Vec<Order> = orders.collect();
    for number in 0..count {
        let mut order = random.pick(&like).clone();
        order.name = Name::new(&format!("surge-{number}")).expect("a legal name");
        order.placed = at;
        if number % 2 == 0 {
            order.skills = vec![Name::new("crane").expect("a legal name")];
        }
        let cancelled = Event::OrderCancelled { order: order.name.clone() };
        facts.push((at, Event::OrderCreated(order)));
        facts.push((at + Millis(random.between(60_000, 600_000)), cancelled));
    }
    facts.sort_by_key(|&(at, _)| at);
    Some(at)
}

//! What reaches the engine's thread: entries, hints, outcomes.

use std::sync::atomic::Ordering;

use fleetfold_engine::{Input, PositionReport};
use fleetfold_fleet::Change;
use fleetfold_journal::Outcome;
use fleetfold_model::{Event, LogEntry, Millis};
use fleetfold_wire::{What, decode};

use super::Worker;
use super::intake::Taken;
use crate::clock;
use crate::log::Message;

impl Worker {
    /// What the intake hands over: an entry to be folded, or one to be passed over.
    pub(super) fn take(&mut self, taken: Taken) {
        self.verified = true;
        match taken {
            Taken::Entry(entry, message) => {
                if entry.seq <= self.engine.fleet().applied() {
                    return;
                }
                self.last_hash = entry.hash;
                self.clock.saw(entry.logged_at);
                self.folding = Some(message);
                self.feed(Input::Entry(*entry));
                self.folding = None;
            }
            Taken::Skipped { seq, at, hash, on_plan_subject, rejection } => {
                self.last_hash = hash;
                self.clock.saw(at);
                if let Some(rejection) = rejection {
                    self.metrics.rejected(rejection.code);
                    let refused = self.memory.refuse(seq, self.engine.now(), rejection.code, &rejection.what);
                    self.stale.refused.push(refused);
                }
                self.feed(Input::Skipped { seq, on_plan_subject });
            }
            Taken::Regressed(_) => {}
        }
    }

    /// An entry was folded: figures and screens follow.
    pub(super) fn folded(&mut self, entry: &LogEntry, change: &Change) {
        self.tally.observe(entry, change, self.engine.fleet());
        let now = self.engine.now();
        self.metrics.entry();
        self.events.push_back(clock::monotonic());
        for &(_, wait) in &change.answered {
            self.metrics.answered(wait);
        }
        if let (Event::PlanProposed(proposal), Some(plan)) = (&entry.event, &change.plan) {
            self.chain_epoch.store(self.engine.fleet().chain().epoch, Ordering::Release);
            let decisions = self.memory.plan(proposal, &plan.accepted, now);
            self.stale.decisions.extend(decisions);
        }
        if let (Event::FeaturesLearned(features), None) = (&entry.event, &change.refused)
            && self.engine.commit().epoch().is_some()
        {
            self.publish_features(features);
        }
        if matches!(entry.event, Event::ZoneOpened(_) | Event::PolicyChanged(_)) {
            self.strict.store(self.engine.fleet().policy().strict, Ordering::Release);
        }
        self.story(&entry.event, now);
        self.stale.vehicles.extend(&change.vehicles);
        self.stale.orders.extend(&change.orders);
        for (order, name) in &change.retired {
            self.stale.orders.remove(order);
            self.memory.forget(name);
        }
        self.stale.roads |= matches!(entry.event, Event::RoadClosed(_) | Event::RoadSlowed(_) | Event::RoadReopened(_));
    }

    pub(super) fn position(&mut self, message: &Message) {
        let Ok(decoded) = decode(&message.bytes) else { return };
        let What::Position(vehicle, position, at) = decoded.what else { return };
        // A report whose time is more than five seconds ahead of the log or fifteen minutes behind it comes from a wrong clock: the
        // time of the log is taken instead.
        let now = self.engine.fleet().zone().zone_time(message.at);
        let skewed =
            at > now + Millis(5_000 * i64::from(self.engine.fleet().zone().rate)) || at < now - Millis(900_000);
        let at = if skewed { now } else { at };
        self.metrics.position();
        if let Some(id) = self.engine.fleet().vehicle_id(vehicle.as_str()) {
            self.stale.moved.insert(id);
        }
        self.feed(Input::Position(PositionReport { vehicle, position, at }));
    }

    pub(super) fn feed(&mut self, input: Input) {
        match &input {
            Input::Commit(Outcome::Granted(epoch)) => {
                tracing::info!(zone = %self.zone, epoch, "owner of the zone");
                self.readiness.epoch.store(*epoch, Ordering::Release);
            }
            Input::Commit(Outcome::Lost) => self.readiness.epoch.store(0, Ordering::Release),
            _ => {}
        }
        let mut effects = Vec::new();
        self.engine.handle(input, &mut effects);
        self.perform(effects);
    }
}

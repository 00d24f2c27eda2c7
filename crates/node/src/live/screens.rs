//! What others see of the engine: deltas for screens, answers to questions, stories, snapshots.

use std::sync::Arc;
use std::time::Duration;

use fleetfold_engine::Input;
use fleetfold_fleet::Broken;
use fleetfold_model::{Event, OrderId, Timestamp, VehicleId};

use super::{DELTA_EVERY, Question, Summary, Worker};
use crate::clock;
use crate::snapshot;
use crate::view::stories::{Who, line};
use crate::view::{self, Decisions, Frame, WithStory, text};

/// Snapshots are written this often while there is news.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);

impl Worker {
    /// One more line in the story of the order or the vehicle that an event is about.
    pub(super) fn story(&mut self, event: &Event, now: Timestamp) {
        if let Some(line) = line(event) {
            let (Who::Order(name) | Who::Vehicle(name)) = line.who;
            self.memory.tell(name, line.at.unwrap_or(now), &line.words);
        }
    }

    pub(super) fn events_per_second(&mut self) -> f64 {
        const OVER: Duration = Duration::from_secs(10);
        while self.events.front().is_some_and(|at| at.elapsed() > OVER) {
            self.events.pop_front();
        }
        self.events.len() as f64 / OVER.as_secs_f64()
    }

    pub(super) fn flush(&mut self) {
        self.metrics.gauges(
            self.engine.fleet(),
            self.engine.dirty_count(),
            self.inputs.max_capacity() - self.inputs.capacity(),
            self.engine.overload(),
        );
        if self.stale.is_empty() || self.delta_at.elapsed() < DELTA_EVERY {
            return;
        }
        self.delta_at = clock::monotonic();
        let rate = self.events_per_second();
        if self.hub.deltas.receiver_count() == 0 {
            // No screen is connected. The delta is numbered all the same, so that a screen that comes back knows that it missed one.
            self.stale = view::Stale::default();
            self.delta += 1;
            self.hub.skip();
            return;
        }
        let body = self.stale.take(&self.engine, &self.tally, rate);
        let prev = self.delta;
        self.delta += 1;
        let frame = Frame::Delta { seq: self.delta, prev, sent_at: clock::wall().0, body };
        self.hub.publish(self.delta, Arc::from(text(&frame)));
    }

    pub(super) fn answer(&mut self, question: Question) {
        let rate = self.events_per_second();
        match question {
            Question::State(reply) => {
                let _ = reply.send(text(&view::picture(&self.engine, &self.memory, &self.tally, rate)));
            }
            Question::Picture(reply) => {
                let body = &view::picture(&self.engine, &self.memory, &self.tally, rate);
                let frame = Frame::Snapshot { seq: self.delta, sent_at: clock::wall().0, body };
                let _ = reply.send((text(&frame), self.delta));
            }
            Question::Vehicle(name, reply) => {
                let found = self.engine.fleet().vehicle_id(&name).map(|id: VehicleId| {
                    let story = self.memory.story(&self.engine.fleet().vehicle(id).name);
                    text(&WithStory { shown: view::vehicle(&self.engine, id, true), story })
                });
                let _ = reply.send(found);
            }
            Question::Order(name, reply) => {
                let found = self.engine.fleet().order_id(&name).map(|id: OrderId| {
                    let story = self.memory.story(&self.engine.fleet().order(id).name);
                    text(&WithStory { shown: view::order(&self.engine, id), story })
                });
                let _ = reply.send(found);
            }
            Question::Features(reply) => {
                let _ = reply.send(text(&view::features(&self.engine)));
            }
            Question::Decisions(after, reply) => {
                let decisions = self.memory.decisions.iter().filter(|decision| decision.n > after).collect();
                let _ = reply.send(text(&Decisions { decisions, refused: &self.memory.refused }));
            }
            Question::Summary(reply) => {
                let fleet = self.engine.fleet();
                let mut tally = self.tally.clone();
                tally.arrival_error = self.engine.arrival_errors().clone();
                let _ = reply.send(Summary {
                    tally,
                    digest: fleet.digest(),
                    facts_digest: fleet.facts_digest(),
                    applied: fleet.applied().0,
                    open: fleet.open_count(),
                    unanswered: fleet.unanswered().len(),
                    now: self.engine.fleet().zone().zone_time(self.clock.now()),
                });
            }
        }
    }

    pub(super) fn snapshot_if_due(&mut self) {
        if self.folder.is_some()
            && self.snapshot_at.elapsed() >= SNAPSHOT_EVERY
            && self.engine.fleet().applied().0 > self.snapshot_applied
            && self.verified
        {
            self.snapshot_at = clock::monotonic();
            self.snapshot_applied = self.engine.fleet().applied().0;
            let Some(folder) = self.folder.clone() else { return };
            let inputs = self.inputs.clone();
            let (header, fleet, tally) = (self.header(), self.engine.fleet().clone_without_index(), self.tally.clone());
            self.runtime.spawn_blocking(move || {
                // The promises are checked on the copy, so that the engine need not wait for it.
                if let Err(broken) = fleet.check() {
                    tracing::error!(%broken, "a promise is broken; its offenders are asked for anew, and no snapshot is kept of it");
                    let Broken { orders, vehicles, .. } = &broken;
                    let (orders, vehicles) = (orders.clone(), vehicles.clone());
                    let _ = inputs.blocking_send(Input::Broken { orders, vehicles, what: broken.to_string() });
                    return;
                }
                if let Err(error) = snapshot::write(&folder, &header, &fleet, &tally) {
                    tracing::warn!(%error, "snapshot not written");
                }
            });
        }
    }

    pub(super) fn header(&self) -> snapshot::Header {
        snapshot::Header::new(&self.zone, self.engine.fleet().applied().0, self.last_hash)
    }

    pub(super) fn write_snapshot(&self) {
        if let Some(folder) = &self.folder
            && self.engine.fleet().applied().0 > 0
            && self.verified
            && let Err(error) = snapshot::write(folder, &self.header(), self.engine.fleet(), &self.tally)
        {
            tracing::warn!(%error, "snapshot not written");
        }
    }
}

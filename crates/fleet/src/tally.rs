//! Key figures of a day, gathered beside the fold: the same for a live screen, a replay and a simulation.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_model::{Event, LogEntry, LogSeq, Millis, OrderId, StopKind};

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::state::{Closed, Fleet};

/// A set of spans kept sorted by counting, so that any quantile can be read at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    counts: BTreeMap<i64, u64>,
    total: u64,
    sum: i64,
}

impl Spread {
    /// Adds a span.
    pub fn add(&mut self, span: Millis) {
        *self.counts.entry(span.0).or_default() += 1;
        self.total += 1;
        self.sum += span.0;
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// Arithmetic mean in milliseconds; 0 for none.
    pub fn mean(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.sum as f64 / self.total as f64 }
    }

    /// The smallest span that at least `per_mille` thousandths do not exceed; 0 for none.
    pub fn quantile(&self, per_mille: u64) -> Millis {
        let rank = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (&span, &count) in &self.counts {
            seen += count;
            if seen >= rank {
                return Millis(span);
            }
        }
        Millis(0)
    }

    /// The largest; 0 for none.
    pub fn max(&self) -> Millis {
        Millis(self.counts.keys().next_back().copied().unwrap_or(0))
    }

    /// How many are longer than this.
    pub fn over(&self, span: Millis) -> u64 {
        self.counts.range(span.0 + 1..).map(|(_, count)| count).sum()
    }
}

/// Key figures of a day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Orders asked for.
    pub orders: u64,
    /// Served.
    pub served: u64,
    /// Of those, service of the last stop started by its due time (or there was none).
    pub on_time: u64,
    /// A stop failed.
    pub failed: u64,
    /// Cancelled by the customer.
    pub cancelled: u64,
    /// Lateness of those served (0 for on time).
    pub lateness: Spread,
    /// Placement to start of service at the door (click-to-door).
    pub click_to_door: Spread,
    /// Ready to picked up, for shipments with a release.
    pub ready_to_pickup: Spread,
    /// Metres driven to stops that were completed or failed, as planned.
    pub metres: i64,
    /// Times an order changed vehicle after it had one.
    pub vehicle_changes: u64,
    /// How long facts waited for their accepted plan, log time.
    pub answers: Spread,
    /// The facts that waited longer than ten seconds, with the wait.
    pub slow: Vec<(LogSeq, Millis)>,
    /// Facts that asked for an answer.
    pub asked: u64,
    /// Facts refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// How far arrivals were from what was expected when the drive began, early or late. Filled in by whoever has the engine.
    pub arrival_error: Spread,
    /// Plans folded.
    pub plans: u64,
    closed: BTreeSet<OrderId>,
}

/// The contract: a change is answered within this.
const CONTRACT: Millis = Millis(10_000);

impl Tally {
    /// Takes in one entry and what it changed. Call it right after [`Fleet::apply`].
    pub fn observe(&mut self, entry: &LogEntry, change: &Change, fleet: &Fleet) {
        if let Some(reason) = change.refused {
            *self.refused.entry(reason.code().to_owned()).or_default() += 1;
        }
        self.orders += u64::from(matches!(entry.event, Event::OrderCreated(_)) && change.refused.is_none());
        self.plans += u64::from(matches!(entry.event, Event::PlanProposed(_)));
        self.asked += u64::from(change.asks);
        self.metres += change.driven.0;
        for &(seq, wait) in &change.answered {
            self.answers.add(wait);
            if wait > CONTRACT {
                self.slow.push((seq, wait));
            }
        }
        for &id in &change.orders {
            let order = fleet.order(id);
            let Some(why) = order.closed else { continue };
            if !self.closed.insert(id) || order.spec.is_none() {
                continue;
            }
            self.vehicle_changes += u64::from(order.vehicle_changes);
            match why {
                Closed::Cancelled => self.cancelled += 1,
                Closed::Failed(_) => self.failed += 1,
                Closed::Served => {
                    self.served += 1;
                    let (Some(stop), Some(mark)) = (order.stop(StopKind::Delivery), order.delivery.completed) else {
                        continue;
                    };
                    let start = mark.at - stop.service;
                    let late = stop.due.map_or(Millis(0), |due| Millis((start - due).0.max(0)));
                    self.on_time += u64::from(late <= Millis(0));
                    self.lateness.add(late);
                    if let Some(spec) = &order.spec {
                        self.click_to_door.add(start - spec.placed);
                        if let (Some(release), Some(picked)) = (spec.release, order.pickup.completed) {
                            self.ready_to_pickup.add(picked.at - release);
                        }
                    }
                }
            }
        }
    }

    /// Orders asked for and not served: failed ones and those still open. Cancelled ones do not count.
    pub fn unserved(&self) -> u64 {
        self.orders.saturating_sub(self.served + self.cancelled)
    }

    /// Share of the served that were on time; 1 when none was served.
    pub fn on_time_share(&self) -> f64 {
        if self.served == 0 { 1.0 } else { self.on_time as f64 / self.served as f64 }
    }
}

//! Key figures of a day, gathered beside the fold: the same for a live screen, a replay and a simulation.

use std::collections::BTreeMap;

use fleetfold_model::{Event, LogEntry, LogSeq, Millis, StopKind};

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::{Closed, Fleet};

/// Different spans that a [`Spread`] tells apart before it begins to round (a busy day's answers in milliseconds).
const SPANS_MAX: usize = 4096;
/// Leading binary digits of a span that are kept once it rounds: the error is below one in 128.
const DIGITS: u32 = 7;

/// Most spans that a [`Spread`] is made with: far from where its arithmetic would overflow.
const COUNT_MAX: u64 = 1 << 53;

/// A set of spans kept sorted by counting, so that any quantile can be read at any time.
///
/// Exact until it has seen `SPANS_MAX` different spans; from then on spans are rounded towards zero to their leading
/// `DIGITS` binary digits, so that it stays small however long it counts. Count, mean and largest stay exact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    counts: BTreeMap<i64, u64>,
    rounds: bool,
    total: u64,
    sum: i64,
    max: Option<i64>,
}

fn rounded(span: i64) -> i64 {
    let size = span.unsigned_abs();
    let digits = u64::BITS - size.leading_zeros();
    let low = digits.saturating_sub(DIGITS);
    span.signum() * ((size >> low) << low) as i64
}

impl Spread {
    /// Adds a span.
    pub fn add(&mut self, span: Millis) {
        let counted = if self.rounds { rounded(span.0) } else { span.0 };
        *self.counts.entry(counted).or_default() += 1;
        self.total += 1;
        self.sum = self.sum.saturating_add(span.0);
        self.max = self.max.max(Some(span.0));
        if !self.rounds && self.counts.len() > SPANS_MAX {
            self.rounds = true;
            for (span, count) in std::mem::take(&mut self.counts) {
                *self.counts.entry(rounded(span)).or_default() += count;
            }
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The sum of all spans as they were added, before any rounding.
    pub fn sum(&self) -> Millis {
        Millis(self.sum)
    }

    /// True once spans are rounded.
    pub fn is_rounded(&self) -> bool {
        self.rounds
    }

    /// Every span that is told apart, ascending, and how often it was added. Together with [`Spread::is_rounded`],
    /// [`Spread::sum`] and [`Spread::max`] these pairs are everything that a spread holds.
    pub fn counts(&self) -> impl Iterator<Item = (Millis, u64)> + '_ {
        self.counts.iter().map(|(&span, &count)| (Millis(span), count))
    }

    /// The spread that holds these pairs. `None` when the spans do not ascend, when one was never added, or when there are
    /// more of them than can be counted on from (2^53). `max` is ignored where there is no pair.
    pub fn from_counts(
        counts: impl IntoIterator<Item = (Millis, u64)>,
        rounded: bool,
        sum: Millis,
        max: Millis,
    ) -> Option<Self> {
        let mut spread = Self { rounds: rounded, sum: sum.0, ..Self::default() };
        for (Millis(span), count) in counts {
            let ascends = spread.counts.last_key_value().is_none_or(|(&last, _)| last < span);
            spread.total = spread.total.checked_add(count).filter(|&total| total <= COUNT_MAX)?;
            if count == 0 || !ascends {
                return None;
            }
            spread.counts.insert(span, count);
        }
        spread.max = (spread.total > 0).then_some(max.0);
        Some(spread)
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
                return Millis(if seen == self.total { self.max.unwrap_or(span) } else { span });
            }
        }
        Millis(0)
    }

    /// The largest; 0 for none.
    pub fn max(&self) -> Millis {
        Millis(self.max.unwrap_or(0))
    }

    /// How many are longer than this (when it rounds: than this rounded).
    pub fn over(&self, span: Millis) -> u64 {
        self.counts.range(span.0 + 1..).map(|(_, count)| count).sum()
    }
}

/// Key figures of a day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Orders asked for, slots that are held for customers among them.
    pub orders: u64,
    /// Served.
    pub served: u64,
    /// Of those, service of the last stop started by its due time (or there was none).
    pub on_time: u64,
    /// A stop failed.
    pub failed: u64,
    /// Cancelled by the customer, and slots that nobody took.
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
    /// How many facts waited longer than ten seconds.
    pub slow_count: u64,
    /// The first 1,000 of them, with the wait.
    pub slow: Vec<(LogSeq, Millis)>,
    /// Facts that asked for an answer.
    pub asked: u64,
    /// Facts refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// How far arrivals were from what was expected when the drive began, early or late. Filled in by whoever has the engine.
    pub arrival_error: Spread,
    /// Plans folded.
    pub plans: u64,
}

/// The contract: a change is answered within this.
const CONTRACT: Millis = Millis(10_000);

/// Slow answers kept one by one.
const SLOW_MAX: usize = 1000;

impl Tally {
    /// Takes in one entry and what it changed. Call it right after [`Fleet::apply`].
    pub fn observe(&mut self, entry: &LogEntry, change: &Change, fleet: &Fleet) {
        if let Some(reason) = change.refused {
            *self.refused.entry(reason.code().to_owned()).or_default() += 1;
        }
        let asks_for_order = matches!(entry.event, Event::OrderCreated(_) | Event::SlotHeld(_));
        self.orders += u64::from(asks_for_order && change.refused.is_none());
        self.plans += u64::from(matches!(entry.event, Event::PlanProposed(_)));
        self.asked += u64::from(change.asks);
        self.metres += change.driven.0;
        for &(seq, wait) in &change.answered {
            self.answers.add(wait);
            if wait > CONTRACT {
                self.slow_count += 1;
                if self.slow.len() < SLOW_MAX {
                    self.slow.push((seq, wait));
                }
            }
        }
        for &(id, was) in &change.reopened {
            let counted = match was {
                Closed::Cancelled => &mut self.cancelled,
                Closed::Failed(_) => &mut self.failed,
                Closed::Served => &mut self.served,
            };
            *counted = counted.saturating_sub(1);
            let counted = u64::from(fleet.order(id).vehicle_changes);
            self.vehicle_changes = self.vehicle_changes.saturating_sub(counted);
        }
        for &id in &change.closed {
            let order = fleet.order(id);
            let Some(why) = order.outcome() else { continue };
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

#[cfg(test)]
mod tests {
    use fleetfold_model::Millis;

    use super::{SPANS_MAX, Spread};

    #[test]
    fn a_spread_stays_small_and_near_the_truth() {
        let mut spread = Spread::default();
        let spans = |count: i64| (0..count).map(|number| number * number % 9_999_991);
        spans(3_000).for_each(|span| spread.add(Millis(span)));
        let mut exact: Vec<i64> = spans(3_000).collect();
        exact.sort_unstable();
        assert_eq!(spread.quantile(500).0, exact[1_499], "exact while it is small");
        let mut spread = Spread::default();
        spans(200_000).for_each(|span| spread.add(Millis(span)));
        let mut exact: Vec<i64> = spans(200_000).collect();
        exact.sort_unstable();
        assert!(spread.counts.len() < SPANS_MAX);
        assert_eq!((spread.count(), spread.max().0), (200_000, exact[199_999]));
        for per_mille in [10, 500, 990, 1000] {
            let (found, truth) = (spread.quantile(per_mille).0, exact[(per_mille * 200 - 1) as usize]);
            assert!((truth - found) * 64 <= truth && found <= truth, "{found} for {truth}");
        }
    }
}

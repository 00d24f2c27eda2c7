//! Key figures as people and programs read them.

use fleetfold_fleet::Tally;
use serde::Serialize;

/// Key figures of a day. Field names are a promise of every `--json`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Orders asked for.
    pub orders: u64,
    /// Served.
    pub served: u64,
    /// Neither served nor cancelled.
    pub unserved: u64,
    /// Cancelled by the customer.
    pub cancelled: u64,
    /// A stop failed (no-shows and the like); part of `unserved`.
    pub failed: u64,
    /// Share of the served whose last stop began by its due time.
    pub on_time_share: f64,
    /// Mean lateness of the served, early ones counted as 0.
    pub lateness_seconds_mean: f64,
    /// The latest.
    pub lateness_seconds_max: f64,
    /// Placement to service at the door, mean.
    pub click_to_door_minutes_mean: f64,
    /// Ready to picked up, mean.
    pub ready_to_pickup_minutes_mean: f64,
    /// Driven, as planned for the stops that were reached.
    pub distance_meters: i64,
    /// Times an order changed vehicle after it had one, per order.
    pub changes_per_order: f64,
    /// Facts that asked for an answer.
    pub asked: u64,
    /// Of those, answered by an accepted plan.
    pub answered: u64,
    /// Log time of the fact to log time of its accepted plan.
    pub answer_seconds_p50: f64,
    /// The same.
    pub answer_seconds_p99: f64,
    /// The same.
    pub answer_seconds_max: f64,
    /// Answers slower than the contract of 10 s.
    pub answers_over_10_seconds: u64,
    /// How far arrivals were from the plan when the drive began, mean of early and late.
    pub arrival_error_seconds_mean: f64,
    /// The same, nine of ten are nearer.
    pub arrival_error_seconds_p90: f64,
    /// Plans in the chain.
    pub plans: u64,
    /// Facts refused.
    pub refused: u64,
    /// Digest of the fleet.
    pub digest: String,
    /// Digest of the facts alone.
    pub facts_digest: String,
}

fn round(value: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    (value * scale).round() / scale
}

impl Report {
    /// From a tally and the two digests.
    pub fn new(tally: &Tally, digest: u64, facts_digest: u64) -> Self {
        let seconds = |millis: i64| round(millis as f64 / 1000.0, 3);
        Self {
            orders: tally.orders,
            served: tally.served,
            unserved: tally.unserved(),
            cancelled: tally.cancelled,
            failed: tally.failed,
            on_time_share: round(tally.on_time_share(), 4),
            lateness_seconds_mean: round(tally.lateness.mean() / 1000.0, 1),
            lateness_seconds_max: seconds(tally.lateness.max().0),
            click_to_door_minutes_mean: round(tally.click_to_door.mean() / 60_000.0, 3),
            ready_to_pickup_minutes_mean: round(tally.ready_to_pickup.mean() / 60_000.0, 3),
            distance_meters: tally.metres,
            changes_per_order: round(tally.vehicle_changes as f64 / tally.orders.max(1) as f64, 4),
            asked: tally.asked,
            answered: tally.answers.count(),
            answer_seconds_p50: seconds(tally.answers.quantile(500).0),
            answer_seconds_p99: seconds(tally.answers.quantile(990).0),
            answer_seconds_max: seconds(tally.answers.max().0),
            answers_over_10_seconds: tally.slow_count,
            arrival_error_seconds_mean: round(tally.arrival_error.mean() / 1000.0, 1),
            arrival_error_seconds_p90: seconds(tally.arrival_error.quantile(900).0),
            plans: tally.plans,
            refused: tally.refused.values().sum(),
            digest: format!("{digest:016x}"),
            facts_digest: format!("{facts_digest:016x}"),
        }
    }

    /// A table for a terminal.
    pub fn table(&self) -> String {
        let rows = [
            ("orders", self.orders.to_string()),
            ("served", self.served.to_string()),
            ("cancelled", self.cancelled.to_string()),
            ("unserved", format!("{} (of these {} failed at the door)", self.unserved, self.failed)),
            ("on time", format!("{:.1} %", self.on_time_share * 100.0)),
            ("lateness, mean", format!("{:.0} s", self.lateness_seconds_mean)),
            ("click to door, mean", format!("{:.2} min", self.click_to_door_minutes_mean)),
            ("ready to pickup, mean", format!("{:.2} min", self.ready_to_pickup_minutes_mean)),
            (
                "arrivals off the plan",
                format!("{:.0} s, p90 {:.0} s", self.arrival_error_seconds_mean, self.arrival_error_seconds_p90),
            ),
            ("driven", format!("{:.1} km", self.distance_meters as f64 / 1000.0)),
            ("vehicle changes per order", format!("{:.3}", self.changes_per_order)),
            ("changes answered", format!("{} of {}", self.answered, self.asked)),
            (
                "change to accepted plan",
                format!(
                    "p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
                    self.answer_seconds_p50 * 1000.0,
                    self.answer_seconds_p99 * 1000.0,
                    self.answer_seconds_max * 1000.0
                ),
            ),
            ("over 10 s", self.answers_over_10_seconds.to_string()),
            ("plans", self.plans.to_string()),
            ("facts refused", self.refused.to_string()),
            ("digest", self.digest.clone()),
        ];
        let lines: Vec<String> = rows.iter().map(|(name, value)| format!("  {name:<26} {value}\n")).collect();
        lines.concat()
    }
}

//! Key figures as people and programs read them.

use fleetfold_fleet::Tally;
use serde::Serialize;

use crate::calm::Calm;
use crate::recorded::{Beside, Loop};

/// Key figures of a day. The names of the fields are those of every `--json`: scripts read them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Orders created.
    pub orders: u64,
    /// Orders served.
    pub served: u64,
    /// Orders that were neither served nor cancelled.
    pub unserved: u64,
    /// Orders that their customers cancelled.
    pub cancelled: u64,
    /// Orders of which a stop failed (the customer was not there, for example); they count as `unserved` too.
    pub failed: u64,
    /// Share of the served orders whose last service began by its due time, 0 to 1.
    pub on_time_share: f64,
    /// Mean lateness of the served orders; one that was early counts as 0.
    pub lateness_seconds_mean: f64,
    /// Lateness of the latest one.
    pub lateness_seconds_max: f64,
    /// Mean time from the placing of an order to its service at the door.
    pub click_to_door_minutes_mean: f64,
    /// Mean time from goods being ready to their pickup.
    pub ready_to_pickup_minutes_mean: f64,
    /// Distance driven: the sum of the planned legs to the stops that were reached.
    pub distance_meters: i64,
    /// How often an order was moved from one vehicle to another, mean over all orders.
    pub changes_per_order: f64,
    /// Who drove; `None`: real drivers.
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    pub driven_by: Option<Loop>,
    /// In an open loop: the plans beside what was done. Figures of what was served are those of the recording then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// How calm the day was for its drivers; `None`: nobody has counted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calm: Option<Calm>,
    /// Facts that asked for an answer.
    pub asked: u64,
    /// Of those, answered by an accepted plan.
    pub answered: u64,
    /// From the log time of a fact to the log time of the accepted plan that answers it: median.
    pub answer_seconds_p50: f64,
    /// The same time: 99 of 100 answers are faster.
    pub answer_seconds_p99: f64,
    /// The same time: the slowest answer.
    pub answer_seconds_max: f64,
    /// Answers that took longer than the promised 10 s.
    pub answers_over_10_seconds: u64,
    /// Mean absolute difference between an arrival and the one that was planned when the drive began.
    pub arrival_error_seconds_mean: f64,
    /// The same difference: 9 of 10 arrivals are nearer.
    pub arrival_error_seconds_p90: f64,
    /// Plans in the chain.
    pub plans: u64,
    /// Facts that the fold refused.
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
            driven_by: None,
            beside: None,
            calm: None,
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
        let calm = self.calm.map(|calm| {
            [
                ("routes changed by searches", calm.search_changes.to_string()),
                (
                    "next stops changed",
                    format!(
                        "{} (of these {} less than 5 min before the departure)",
                        calm.next_stop_changes, calm.next_stop_changes_short
                    ),
                ),
                ("accepted stops taken away", calm.accepted_taken.to_string()),
            ]
        });
        let driven_by = self.driven_by.map(|driven_by| ("loop", driven_by.words().to_owned()));
        let beside = self.beside.map(|beside| {
            [
                (
                    "stops driven as planned",
                    format!(
                        "{} of {} next on the route, {} on the route of that vehicle",
                        beside.same_next, beside.stops, beside.same_vehicle
                    ),
                ),
                ("orders ever without a place", beside.without_place.to_string()),
            ]
        });
        let more = beside.into_iter().flatten().chain(calm.into_iter().flatten());
        let rows: Vec<(&str, String)> = driven_by.into_iter().chain(rows).chain(more).collect();
        let lines: Vec<String> = rows.iter().map(|(name, value)| format!("  {name:<26} {value}\n")).collect();
        lines.concat()
    }
}

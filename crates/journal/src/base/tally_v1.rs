//! The key figures of a day, version 1.

use std::collections::BTreeMap;

use fleetfold_fleet::{Spread, Tally};
use fleetfold_model::{LogSeq, Millis};
use serde::{Deserialize, Serialize};

use super::values::{Count, is_default};

/// A set of spans: how often each was counted.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "SpreadFieldsV1", try_from = "SpreadFieldsV1")]
struct SpreadV1(Spread);

#[derive(Serialize, Deserialize)]
struct SpreadFieldsV1 {
    /// Pairs of a span in milliseconds and how often it was counted, by ascending span.
    spans: Vec<(i64, u64)>,
    #[serde(default, skip_serializing_if = "is_default")]
    rounded: bool,
    sum_ms: i64,
    max_ms: i64,
}

impl From<SpreadV1> for SpreadFieldsV1 {
    fn from(SpreadV1(spread): SpreadV1) -> Self {
        Self {
            spans: spread.counts().map(|(Millis(span), count)| (span, count)).collect(),
            rounded: spread.is_rounded(),
            sum_ms: spread.sum().0,
            max_ms: spread.max().0,
        }
    }
}

impl TryFrom<SpreadFieldsV1> for SpreadV1 {
    type Error = &'static str;
    fn try_from(fields: SpreadFieldsV1) -> Result<Self, Self::Error> {
        let spans = fields.spans.into_iter().map(|(span, count)| (Millis(span), count));
        Spread::from_counts(spans, fields.rounded, Millis(fields.sum_ms), Millis(fields.max_ms))
            .map(Self)
            .ok_or("spans must ascend, and each must have been counted at least once")
    }
}

/// A fact that waited long for its answer.
#[derive(PartialEq, Serialize, Deserialize)]
struct SlowAnswerV1 {
    seq: u64,
    wait_ms: i64,
}

/// The key figures. A figure that is missing is 0.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TallyV1 {
    orders: Count<u64>,
    served: Count<u64>,
    on_time: Count<u64>,
    failed: Count<u64>,
    cancelled: Count<u64>,
    #[serde(skip_serializing_if = "is_default")]
    lateness: SpreadV1,
    #[serde(skip_serializing_if = "is_default")]
    click_to_door: SpreadV1,
    #[serde(skip_serializing_if = "is_default")]
    ready_to_pickup: SpreadV1,
    metres: i64,
    vehicle_changes: Count<u64>,
    #[serde(skip_serializing_if = "is_default")]
    answers: SpreadV1,
    slow_count: Count<u64>,
    #[serde(skip_serializing_if = "is_default")]
    slow: Vec<SlowAnswerV1>,
    asked: Count<u64>,
    /// Facts refused, by the word of the reason.
    #[serde(skip_serializing_if = "is_default")]
    refused: BTreeMap<String, Count<u64>>,
    #[serde(skip_serializing_if = "is_default")]
    arrival_error: SpreadV1,
    plans: Count<u64>,
}

impl From<&Tally> for TallyV1 {
    fn from(tally: &Tally) -> Self {
        let Tally {
            orders,
            served,
            on_time,
            failed,
            cancelled,
            lateness,
            click_to_door,
            ready_to_pickup,
            metres,
            vehicle_changes,
            answers,
            slow_count,
            slow,
            asked,
            refused,
            arrival_error,
            plans,
        } = tally;
        let spread = |spread: &Spread| SpreadV1(spread.clone());
        Self {
            orders: Count(*orders),
            served: Count(*served),
            on_time: Count(*on_time),
            failed: Count(*failed),
            cancelled: Count(*cancelled),
            lateness: spread(lateness),
            click_to_door: spread(click_to_door),
            ready_to_pickup: spread(ready_to_pickup),
            metres: *metres,
            vehicle_changes: Count(*vehicle_changes),
            answers: spread(answers),
            slow_count: Count(*slow_count),
            slow: slow.iter().map(|&(seq, wait)| SlowAnswerV1 { seq: seq.0, wait_ms: wait.0 }).collect(),
            asked: Count(*asked),
            refused: refused.iter().map(|(reason, &count)| (reason.clone(), Count(count))).collect(),
            arrival_error: spread(arrival_error),
            plans: Count(*plans),
        }
    }
}

impl From<TallyV1> for Tally {
    fn from(tally: TallyV1) -> Self {
        Self {
            orders: tally.orders.0,
            served: tally.served.0,
            on_time: tally.on_time.0,
            failed: tally.failed.0,
            cancelled: tally.cancelled.0,
            lateness: tally.lateness.0,
            click_to_door: tally.click_to_door.0,
            ready_to_pickup: tally.ready_to_pickup.0,
            metres: tally.metres,
            vehicle_changes: tally.vehicle_changes.0,
            answers: tally.answers.0,
            slow_count: tally.slow_count.0,
            slow: tally.slow.into_iter().map(|slow| (LogSeq(slow.seq), Millis(slow.wait_ms))).collect(),
            asked: tally.asked.0,
            refused: tally.refused.into_iter().map(|(reason, Count(count))| (reason, count)).collect(),
            arrival_error: tally.arrival_error.0,
            plans: tally.plans.0,
        }
    }
}

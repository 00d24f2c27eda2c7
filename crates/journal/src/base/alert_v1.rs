//! An alert that stands, version 1.

use fleetfold_fleet::{Acknowledged, AlertState};
use fleetfold_model::{Alert, AlertKind, LogSeq, Millis, Timestamp};
use serde::{Deserialize, Serialize};

use super::values::{NameText, Word, is_default};

#[derive(PartialEq, Serialize, Deserialize)]
struct AcknowledgedV1 {
    at_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    by: Option<NameText>,
    #[serde(default, skip_serializing_if = "is_default")]
    until_ms: Option<i64>,
}

/// An alert that stands.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct AlertStateV1 {
    kind: Word<AlertKind>,
    /// The order or the vehicle that it is about, by kind.
    #[serde(default, skip_serializing_if = "is_default")]
    about: Option<NameText>,
    raised_ms: i64,
    span_ms: i64,
    detail: String,
    changed_seq: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    acknowledged: Option<AcknowledgedV1>,
}

impl From<(Alert, AlertState)> for AlertStateV1 {
    fn from((alert, state): (Alert, AlertState)) -> Self {
        let AlertState { raised, span, detail, changed, acknowledged } = state;
        Self {
            kind: Word(alert.kind()),
            about: alert.about().cloned().map(NameText),
            raised_ms: raised.0,
            span_ms: span.0,
            detail,
            changed_seq: changed.0,
            acknowledged: acknowledged.map(|Acknowledged { at, by, until }| AcknowledgedV1 {
                at_ms: at.0,
                by: by.map(NameText),
                until_ms: until.map(|Timestamp(until)| until),
            }),
        }
    }
}

impl AlertStateV1 {
    /// `None`: there is no such alert (its kind wants an order or a vehicle, and none is named). The digest tells.
    pub(super) fn state(self) -> Option<(Alert, AlertState)> {
        let alert = Alert::new(self.kind.0, self.about.map(|NameText(name)| name))?;
        let acknowledged = self.acknowledged.map(|seen| Acknowledged {
            at: Timestamp(seen.at_ms),
            by: seen.by.map(|NameText(name)| name),
            until: seen.until_ms.map(Timestamp),
        });
        let state = AlertState {
            raised: Timestamp(self.raised_ms),
            span: Millis(self.span_ms),
            detail: self.detail,
            changed: LogSeq(self.changed_seq),
            acknowledged,
        };
        Some((alert, state))
    }
}

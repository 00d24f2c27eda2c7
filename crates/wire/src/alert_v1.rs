//! Alerts: their events, and the message that holds the last state of each.

use fleetfold_model::{
    Alert, AlertAbout, AlertAcknowledged, AlertCleared, AlertKind, AlertRaised, LogSeq, Millis, Name, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decode::{Result, bad};
use crate::fields::{instant, name};
use crate::instants::text;

/// The word of a kind of alert in events, subjects and documents.
pub fn alert_word(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::PredictedLate => "predicted_late",
        AlertKind::Unassigned => "unassigned",
        AlertKind::Silent => "silent",
        AlertKind::SlaBurn => "sla_burn",
        AlertKind::LogLag => "log_lag",
        AlertKind::Degraded => "degraded",
        AlertKind::ClockSkew => "clock_skew",
    }
}

/// Which alert: what is wrong, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AlertRefV1 {
    /// `predicted_late`, `unassigned` (with `order_id`), `silent`, `clock_skew` (with `vehicle_id`), `sla_burn`, `log_lag` or
    /// `degraded` (of the zone).
    pub(crate) alert: String,
    /// Which order, for alerts about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<String>,
    /// Which vehicle, for alerts about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vehicle_id: Option<String>,
}

impl From<&Alert> for AlertRefV1 {
    fn from(alert: &Alert) -> Self {
        let about = |kind| alert.about().filter(|_| alert.kind().about() == kind).map(ToString::to_string);
        Self {
            alert: alert_word(alert.kind()).to_owned(),
            order_id: about(AlertAbout::Order),
            vehicle_id: about(AlertAbout::Vehicle),
        }
    }
}

impl AlertRefV1 {
    fn into_model(self) -> Result<Alert> {
        let Some(kind) = AlertKind::ALL.into_iter().find(|&kind| alert_word(kind) == self.alert) else {
            let all: Vec<&str> = AlertKind::ALL.into_iter().map(alert_word).collect();
            let shown: String = self.alert.chars().take(80).collect();
            return bad("alert", format!("`{shown}` is no kind of alert; one of {}", all.join(", ")));
        };
        let (field, given, other, foreign) = match kind.about() {
            AlertAbout::Order => ("order_id", self.order_id, "vehicle_id", self.vehicle_id),
            AlertAbout::Vehicle => ("vehicle_id", self.vehicle_id, "order_id", self.order_id),
            AlertAbout::Zone if self.order_id.is_some() => ("", None, "order_id", self.order_id),
            AlertAbout::Zone => ("", None, "vehicle_id", self.vehicle_id),
        };
        if foreign.is_some() {
            return bad(other, format!("an alert `{}` is not about that", alert_word(kind)));
        }
        let about = given.map(|id| name(field, &id)).transpose()?;
        let needed = kind.about() != AlertAbout::Zone;
        match Alert::new(kind, about) {
            Some(alert) => Ok(alert),
            None if needed => bad(field, format!("say which: an alert `{}` needs `{field}`", alert_word(kind))),
            None => bad("alert", "it is about the zone"),
        }
    }
}

/// `alert.raised`: a condition began, written by the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AlertRaisedV1 {
    #[serde(flatten)]
    pub(crate) which: AlertRefV1,
    /// Since when (RFC 3339).
    pub(crate) since: String,
    /// How late, how long silent, how far ahead, how long facts wait: by kind.
    pub(crate) seconds: f64,
    /// The same in words.
    pub(crate) detail: String,
    pub(crate) epoch: u64,
}

impl From<&AlertRaised> for AlertRaisedV1 {
    fn from(raised: &AlertRaised) -> Self {
        Self {
            which: (&raised.alert).into(),
            since: text(raised.at),
            seconds: raised.span.0 as f64 / 1000.0,
            detail: raised.detail.clone(),
            epoch: raised.epoch,
        }
    }
}

impl AlertRaisedV1 {
    pub(crate) fn into_model(self) -> Result<AlertRaised> {
        if !self.seconds.is_finite() {
            return bad("seconds", "is no number");
        }
        Ok(AlertRaised {
            alert: self.which.into_model()?,
            at: instant("since", &self.since)?,
            span: Millis((self.seconds * 1000.0).round() as i64),
            detail: self.detail,
            epoch: self.epoch,
        })
    }
}

/// `alert.cleared`: a condition is over, written by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AlertClearedV1 {
    #[serde(flatten)]
    pub(crate) which: AlertRefV1,
    /// Since when (RFC 3339).
    pub(crate) at_time: String,
    pub(crate) epoch: u64,
}

impl From<&AlertCleared> for AlertClearedV1 {
    fn from(cleared: &AlertCleared) -> Self {
        Self { which: (&cleared.alert).into(), at_time: text(cleared.at), epoch: cleared.epoch }
    }
}

impl AlertClearedV1 {
    pub(crate) fn into_model(self) -> Result<AlertCleared> {
        Ok(AlertCleared { alert: self.which.into_model()?, at: instant("at_time", &self.at_time)?, epoch: self.epoch })
    }
}

/// `alert.acknowledged`: an operator has seen an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AlertAcknowledgedV1 {
    #[serde(flatten)]
    pub(crate) which: AlertRefV1,
    /// Who: 1 to 64 visible characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// Put off: it is to be shown again from then on, if it is not over (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until_time: Option<String>,
}

impl From<&AlertAcknowledged> for AlertAcknowledgedV1 {
    fn from(said: &AlertAcknowledged) -> Self {
        Self {
            which: (&said.alert).into(),
            by: said.by.as_ref().map(ToString::to_string),
            until_time: said.until.map(text),
        }
    }
}

impl AlertAcknowledgedV1 {
    pub(crate) fn into_model(self) -> Result<AlertAcknowledged> {
        Ok(AlertAcknowledged {
            alert: self.which.into_model()?,
            by: self.by.map(|by| name("by", &by)).transpose()?,
            until: self.until_time.map(|until| instant("until_time", &until)).transpose()?,
        })
    }
}

/// The last state of an alert, as it is told on its own subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertV1 {
    #[serde(flatten)]
    which: AlertRefV1,
    /// `raised`, or `cleared` when it is over.
    state: String,
    /// The entry of the log that last changed it. Of two messages the one with the higher revision counts.
    revision: u64,
    /// Since when it has been raised (RFC 3339); not there once it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// How late, how long silent, how far ahead, how long facts wait: by kind, when it was raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When somebody said that he has seen it (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<String>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
    /// It was put off until then (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snoozed_until: Option<String>,
    /// What the order that it is about is called elsewhere, as its producer said; not there once it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// What a message says of an alert that is raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertStanding {
    /// Since when.
    pub since: Timestamp,
    /// How late, how long silent: by kind.
    pub span: Millis,
    /// The same in words.
    pub detail: String,
    /// When somebody said that he has seen it, who, and until when it is put off.
    pub acknowledged: Option<(Timestamp, Option<Name>, Option<Timestamp>)>,
}

impl AlertV1 {
    /// The message about an alert; `standing`: `None` when it is over.
    pub fn new(alert: &Alert, revision: LogSeq, standing: Option<AlertStanding>) -> Self {
        let state = if standing.is_some() { "raised" } else { "cleared" };
        let mut raw = Self {
            which: alert.into(),
            state: state.to_owned(),
            revision: revision.0,
            since: None,
            seconds: None,
            detail: None,
            acknowledged_at: None,
            acknowledged_by: None,
            snoozed_until: None,
            reference: None,
        };
        if let Some(AlertStanding { since, span, detail, acknowledged }) = standing {
            raw.since = Some(text(since));
            raw.seconds = Some(span.0 as f64 / 1000.0);
            raw.detail = Some(detail);
            if let Some((at, by, until)) = acknowledged {
                raw.acknowledged_at = Some(text(at));
                raw.acknowledged_by = by.map(|by| by.to_string());
                raw.snoozed_until = until.map(text);
            }
        }
        raw
    }

    /// Which alert it is about, and whether that is raised; `None`: it names no alert.
    pub fn about(&self) -> Option<(Alert, bool)> {
        Some((self.which.clone().into_model().ok()?, self.state == "raised"))
    }
}

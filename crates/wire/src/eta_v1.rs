//! What a customer is told of when his order comes.

use fleetfold_model::{ETA_COVERAGE_PERCENT, Eta, EtaState, Millis, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fields::instant;
use crate::instants::text;

/// When an order comes, as its customer is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EtaV1 {
    /// Which order.
    pub order_id: String,
    /// `expected`; `no_vehicle` (nobody brings it now, although a vehicle was expected); `arrived`; `ended` (served, failed or
    /// cancelled: nothing more is told of it).
    pub state: String,
    /// Grows with every message. Of two the one with the higher revision counts.
    pub revision: u64,
    /// When it was said (RFC 3339).
    told_at: String,
    /// The likeliest time (RFC 3339), or since when the vehicle has been there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arrival: Option<String>,
    /// The interval in which it arrives begins here (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earliest: Option<String>,
    /// It ends here (RFC 3339): later than `told_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest: Option<String>,
    /// In how many of a hundred cases the vehicle arrives within the interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coverage_percent: Option<u8>,
    /// What the order is called elsewhere, as its producer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl From<&Eta> for EtaV1 {
    fn from(eta: &Eta) -> Self {
        let mut raw = Self {
            order_id: eta.order.to_string(),
            state: String::new(),
            revision: eta.revision,
            told_at: text(eta.at),
            arrival: None,
            earliest: None,
            latest: None,
            coverage_percent: None,
            reference: None,
        };
        let state = match eta.state {
            EtaState::Expected { arrival, earliest, latest } => {
                raw.arrival = Some(text(arrival));
                raw.earliest = Some(text(earliest));
                raw.latest = Some(text(latest));
                raw.coverage_percent = Some(ETA_COVERAGE_PERCENT);
                "expected"
            }
            EtaState::NoVehicle => "no_vehicle",
            EtaState::Arrived { at } => {
                raw.arrival = Some(text(at));
                "arrived"
            }
            EtaState::Ended => "ended",
        };
        state.clone_into(&mut raw.state);
        raw
    }
}

impl EtaV1 {
    /// True when a customer who was told `before` learns nothing from this: the same state, and times that have moved by less than
    /// `change`.
    pub fn says_what(&self, before: &Self, change: Millis) -> bool {
        let at = |text: &Option<String>| text.as_ref().and_then(|text| instant("time", text).ok());
        let near = |now: &Option<String>, then: &Option<String>| match (at(now), at(then)) {
            (Some(Timestamp(now)), Some(Timestamp(then))) => (now - then).abs() < change.0,
            (None, None) => true,
            _ => false,
        };
        self.state == before.state && near(&self.arrival, &before.arrival) && near(&self.latest, &before.latest)
    }
}

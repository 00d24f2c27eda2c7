//! Alerts: raised and cleared by the owner of the zone, acknowledged by operators.
//!
//! A condition that stands is not raised again, and one that does not stand is not cleared: two owners that say the same, or
//! one that says it twice, come to the same as one that says it once.

use fleetfold_model::{Alert, AlertAcknowledged, AlertCleared, AlertKind, AlertRaised, VehicleId};

use super::{Applying, Verdict};
use crate::Fleet;
use crate::alert::{Acknowledged, AlertState};
use crate::change::Refused;
use crate::digest::alert_digest;

impl Fleet {
    pub(super) fn alert_raised(&mut self, raised: &AlertRaised, doing: &mut Applying) -> Verdict {
        if self.alerts.contains_key(&raised.alert) {
            return Err(Refused::AlertStands);
        }
        let state = AlertState {
            raised: raised.at,
            span: raised.span,
            detail: raised.detail.clone(),
            changed: doing.seq,
            acknowledged: None,
        };
        self.resum(0, alert_digest(&raised.alert, &state));
        self.alerts.insert(raised.alert.clone(), state);
        doing.change.alerts.push(raised.alert.clone());
        Ok(())
    }

    pub(super) fn alert_cleared(&mut self, cleared: &AlertCleared, doing: &mut Applying) -> Verdict {
        let state = self.alerts.remove(&cleared.alert).ok_or(Refused::NoSuchAlert)?;
        self.resum(alert_digest(&cleared.alert, &state), 0);
        doing.change.alerts.push(cleared.alert.clone());
        Ok(())
    }

    /// Of two acknowledgements the one that was made later counts, whichever comes last.
    pub(super) fn alert_acknowledged(&mut self, said: &AlertAcknowledged, doing: &mut Applying) -> Verdict {
        let Some(state) = self.alerts.get(&said.alert) else { return Err(Refused::NoSuchAlert) };
        if state.acknowledged.as_ref().is_some_and(|before| before.at > doing.at) {
            return Err(Refused::Superseded);
        }
        let old = alert_digest(&said.alert, state);
        let acknowledged = Some(Acknowledged { at: doing.at, by: said.by.clone(), until: said.until });
        let state = AlertState { acknowledged, changed: doing.seq, ..state.clone() };
        self.resum(old, alert_digest(&said.alert, &state));
        self.alerts.insert(said.alert.clone(), state);
        doing.change.alerts.push(said.alert.clone());
        Ok(())
    }

    /// The alerts that stand, with what is known of each.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = (&Alert, &AlertState)> {
        self.alerts.iter()
    }

    /// Vehicles of which nothing was heard although it should have been, each with what is known of its alert.
    pub fn silent(&self) -> Vec<(VehicleId, &AlertState)> {
        self.alerts
            .range(Alert::range_of(AlertKind::Silent))
            .rev()
            .filter_map(|(alert, state)| Some((self.vehicle_id(alert.about()?.as_str())?, state)))
            .collect()
    }

    /// One alert; `None`: it does not stand.
    pub fn alert(&self, alert: &Alert) -> Option<&AlertState> {
        self.alerts.get(alert)
    }
}

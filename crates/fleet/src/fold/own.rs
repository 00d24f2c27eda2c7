//! Facts that the engine writes itself.

use fleetfold_model::Features;

use super::Verdict;
use crate::Fleet;
use crate::change::Refused;

impl Fleet {
    /// Each version builds on the one before: one that does not is of an owner that had not seen it.
    pub(super) fn features_learned(&mut self, features: &Features) -> Verdict {
        if features.version != self.features_version + 1 {
            return Err(Refused::OldFeatures);
        }
        self.features_version = features.version;
        self.speeds.extend(features.speeds.iter().map(|speed| (speed.key, speed.clone())));
        self.services.extend(features.services.iter().map(|service| (service.place, service.clone())));
        Ok(())
    }
}

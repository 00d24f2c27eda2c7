//! The zone opens; its roads close, slow down and open again.

use fleetfold_model::{RoadChange, ZoneOpened};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::digest::{policy_digest, road_digest};
use crate::{Fleet, RoadState, Zone};

impl Fleet {
    pub(super) fn zone_opened(&mut self, opened: &ZoneOpened, doing: &mut Applying) -> Verdict {
        if self.zone.opened {
            return Err(Refused::ZoneOpen);
        }
        self.zone = Zone::from(opened);
        self.policy = opened.policy.clone();
        self.policy_digest = policy_digest(&opened.policy);
        doing.zone_changed = true;
        self.rebuild_index();
        Ok(())
    }

    pub(super) fn road_changed(&mut self, change: &RoadChange, closed: bool, doing: &mut Applying) -> Verdict {
        if !closed && change.time_percent.is_none() {
            return Err(Refused::NoFactor);
        }
        // Reopened before the closure arrived: it stays open.
        let ended = self.roads.get(&change.change).is_some_and(|old| old.ended);
        self.put_road(RoadState { change: change.clone(), closed, ended, since: self.logged_at });
        self.road_version += 1;
        doing.ask().roads = true;
        Ok(())
    }

    pub(super) fn road_reopened(&mut self, change: &RoadChange, doing: &mut Applying) {
        let since = self.logged_at;
        let road = match self.roads.get(&change.change) {
            Some(old) => RoadState { ended: true, since, ..old.clone() },
            None => RoadState { change: change.clone(), closed: false, ended: true, since },
        };
        self.put_road(road);
        self.road_version += 1;
        doing.ask().roads = true;
    }

    fn put_road(&mut self, road: RoadState) {
        self.resum(0, road_digest(&road));
        if let Some(old) = self.roads.insert(road.change.change.clone(), road) {
            self.resum(road_digest(&old), 0);
        }
    }
}

//! The zone opens; its roads close, slow down and open again.

use fleetfold_model::{RoadChange, ZoneOpened};

use super::{Applying, Verdict};
use crate::change::Refused;
use crate::{Fleet, RoadState, Zone};

impl Fleet {
    pub(super) fn zone_opened(&mut self, opened: &ZoneOpened) -> Verdict {
        if self.zone.opened {
            return Err(Refused::ZoneOpen);
        }
        self.zone = Zone {
            opened: true,
            timezone: opened.timezone.clone(),
            space: opened.space,
            day_start: opened.day_start,
            log_start: opened.log_start,
            utc_offset: opened.utc_offset,
            rate: opened.rate.max(1),
        };
        self.policy = opened.policy.clone();
        self.rebuild_index();
        Ok(())
    }

    pub(super) fn road_changed(&mut self, change: &RoadChange, closed: bool, doing: &mut Applying) -> Verdict {
        if !closed && change.time_percent.is_none() {
            return Err(Refused::NoFactor);
        }
        // Reopened before the closure arrived: it stays open.
        let ended = self.roads.get(&change.change).is_some_and(|old| old.ended);
        self.roads.insert(change.change.clone(), RoadState { change: change.clone(), closed, ended });
        self.road_version += 1;
        doing.ask().roads = true;
        Ok(())
    }

    pub(super) fn road_reopened(&mut self, change: &RoadChange, doing: &mut Applying) {
        let entry = self.roads.entry(change.change.clone());
        entry.and_modify(|road| road.ended = true).or_insert_with(|| RoadState {
            change: change.clone(),
            closed: false,
            ended: true,
        });
        self.road_version += 1;
        doing.ask().roads = true;
    }
}

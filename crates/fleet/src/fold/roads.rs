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
        let old = self.roads.get(&change.change);
        let mut state = RoadState {
            change: change.clone(),
            closed,
            // Reopened before the closure arrived: it stays open.
            ended: old.is_some_and(|old| old.ended),
            since: self.logged_at,
            told: Some(doing.seq),
            changed: None,
            reopened: None,
        };
        if doing.keeps_the_newest() {
            let said = doing.said();
            let mut changed = old.and_then(|old| old.changed).unwrap_or(said);
            state.reopened = old.and_then(|old| old.reopened);
            if !changed.renew(said) {
                if let Some(old) = old.cloned() {
                    self.put_road(RoadState { changed: Some(changed), ..old });
                }
                return Err(Refused::Superseded);
            }
            state.changed = Some(changed);
            if let Some(reopened) = &state.reopened {
                state.ended = !changed.is_after(reopened);
            }
        }
        self.put_road(state);
        self.road_version += 1;
        doing.ask().roads = true;
        Ok(())
    }

    pub(super) fn road_reopened(&mut self, change: &RoadChange, doing: &mut Applying) -> Verdict {
        let since = self.logged_at;
        let old = self.roads.get(&change.change).cloned();
        let mut road = match old.clone() {
            Some(old) => RoadState { ended: true, since, told: Some(doing.seq), ..old },
            None => RoadState {
                change: change.clone(),
                closed: false,
                ended: true,
                since,
                told: Some(doing.seq),
                changed: None,
                reopened: None,
            },
        };
        if doing.keeps_the_newest() {
            let said = doing.said();
            let mut reopened = road.reopened.unwrap_or(said);
            let is_newest = reopened.renew(said);
            let is_overtaken = road.changed.is_some_and(|changed| changed.is_after(&reopened));
            road.reopened = Some(reopened);
            if let Some(old) = old.filter(|_| !is_newest || is_overtaken) {
                // It ended before it began anew, or has ended already: what it is now stays.
                self.put_road(RoadState { reopened: Some(reopened), ..old });
                return Err(Refused::Superseded);
            }
        }
        self.put_road(road);
        self.road_version += 1;
        doing.ask().roads = true;
        Ok(())
    }

    fn put_road(&mut self, road: RoadState) {
        self.resum(0, road_digest(&road));
        if let Some(old) = self.roads.insert(road.change.change.clone(), road) {
            self.resum(road_digest(&old), 0);
        }
    }
}

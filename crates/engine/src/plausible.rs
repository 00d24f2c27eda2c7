//! Positions that cannot be: receivers without a fix send 0,0, and phones jump.
//!
//! A report is passed over when the vehicle cannot have come so far since it was last seen. Where several reports in a row agree with one
//! another, it is what was known before that was wrong, and they count.

use std::collections::BTreeMap;

use fleetfold_fleet::{Anchor, Fleet, NEVER_SEEN};
use fleetfold_model::{Position, Space, Timestamp, VehicleId};
use fleetfold_roads::crow;

/// Metres a second that no vehicle drives (200 km/h).
const FASTEST: f64 = 55.6;
/// Metres by which places and clocks may be wrong together: noise of receivers in a street between houses (hundreds of metres), a clock that
/// is half a minute off (a kilometre and a half), an address that was found on the wrong end of its street (guess).
const TOLERANCE: f64 = 5_000.0;
/// Reports in a row that agree with one another before they count.
const AGREE: u32 = 4;

/// Reports that were passed over.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    /// The last one of each vehicle, and how many in a row agree.
    last: BTreeMap<VehicleId, (Anchor, u32)>,
}

impl Doubts {
    /// True when a position may be true.
    pub(crate) fn allow(&mut self, fleet: &Fleet, id: VehicleId, position: Position, at: Timestamp) -> bool {
        let Some(known) = fleet.vehicle(id).whereabouts() else { return true };
        let space = fleet.zone().space;
        let is_far = |from: Anchor| {
            let seconds = if from.at == NEVER_SEEN { 0.0 } else { (at - from.at).0.max(0) as f64 / 1_000.0 };
            let is_null = space == Space::Geographic && position == Position { x: 0, y: 0 };
            // Where it is registered, nobody has said that it was.
            let may_be_anywhere = from.at == NEVER_SEEN && !is_null;
            !may_be_anywhere && crow(space, from.position, position) > TOLERANCE + FASTEST * seconds
        };
        if !is_far(known) {
            self.last.remove(&id);
            return true;
        }
        let here = Anchor { position, at };
        let agree = match self.last.get(&id) {
            Some(&(last, count)) if !is_far(last) => count + 1,
            _ => 1,
        };
        self.last.insert(id, (here, agree));
        if agree < AGREE || (space == Space::Geographic && position == Position { x: 0, y: 0 }) {
            return false;
        }
        self.last.remove(&id);
        true
    }
}

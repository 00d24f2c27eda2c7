//! Where a vehicle was when a fact needed to know it.
//!
//! Positions are hints outside the log, and the fold never reads them. When a fact says that a vehicle stands somewhere but not
//! where (it broke down, works again, signed off, or was taken off the stop that it drove to), and a newer position is known
//! than the last one a fact told, the owner of the zone appends that position as a fact, and answers the first fact when the
//! position has come back.

use std::collections::BTreeMap;

use fleetfold_fleet::Fleet;
use fleetfold_model::{LogSeq, Millis, Timestamp, VehicleId, VehicleLocated};

/// The answer to a fact waits for the position at most this long, log time.
const HELD_MAX: Millis = Millis(2_000);

/// The facts whose answers wait for a position.
#[derive(Debug, Default)]
pub(crate) struct Located {
    /// Each fact, and since when its answer waits (log time).
    held: BTreeMap<LogSeq, Timestamp>,
}

impl Located {
    /// The position that the fact needs which this vehicle's last position is of, if a hint knows a newer one than the fold.
    /// The answer to the fact is held from now on.
    pub(crate) fn locate(
        &mut self,
        fleet: &Fleet,
        vehicle: VehicleId,
        epoch: u64,
        log_now: Timestamp,
    ) -> Option<VehicleLocated> {
        let state = fleet.vehicle(vehicle);
        let (unlocated, hint) = (state.unlocated?, state.hint?);
        if hint.at <= unlocated.seen {
            return None;
        }
        self.held.insert(unlocated.of, log_now);
        let vehicle = state.name.clone();
        Some(VehicleLocated { vehicle, position: hint.position, at: hint.at, of: unlocated.of, epoch })
    }

    /// A position came back from the log, ours or another owner's: the fact it is of waits no longer.
    pub(crate) fn came_back(&mut self, located: &VehicleLocated) {
        self.held.remove(&located.of);
    }

    /// Nothing waits any more: the zone is another owner's.
    pub(crate) fn forget(&mut self) {
        self.held.clear();
    }

    /// True while the answer to a fact waits for a position.
    pub(crate) fn holds(&self, seq: LogSeq, log_now: Timestamp) -> bool {
        self.held.get(&seq).is_some_and(|&since| log_now - since < HELD_MAX)
    }

    /// Log time at which the next answer that is held waits no longer.
    pub(crate) fn due_at(&self, fleet: &Fleet) -> Option<Timestamp> {
        let waiting = self.held.iter().filter(|(seq, _)| fleet.unanswered().contains_key(seq));
        waiting.map(|(_, &since)| since + HELD_MAX).min()
    }

    /// Facts that have their answer are forgotten.
    pub(crate) fn forget_answered(&mut self, fleet: &Fleet) {
        self.held.retain(|seq, _| fleet.unanswered().contains_key(seq));
    }
}

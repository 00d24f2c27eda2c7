//! What others see of the engine: gauges, copies for the screens, a summary, snapshots.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fleetfold_engine::Input;
use fleetfold_fleet::Broken;

use super::{Summary, Worker};
use crate::clock;
use crate::snapshot;
use crate::threads;

/// Snapshots are written this often while there is news, unless that takes long.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);
/// Between two snapshots so many times as long passes as one takes: they cost one per cent of a core at most. At 100,000 open stops one
/// takes most of a second.
const SNAPSHOT_PAUSE: u64 = 100;
/// No pause is longer: a program that was stopped while it wrote seems to have taken long.
const SNAPSHOT_PAUSE_MAX: u64 = 120_000;

impl Worker {
    /// After each input: a few numbers are stored, and the screens get a copy if they want one.
    pub(super) fn show(&mut self) {
        self.giver.give_if_wanted(&self.engine, &self.tally, self.clock.now());
        self.metrics.gauges(
            self.engine.fleet(),
            self.engine.dirty_count(),
            self.inputs.max_capacity() - self.inputs.capacity(),
            self.engine.overload(),
        );
    }

    pub(super) fn summary(&self) -> Summary {
        let fleet = self.engine.fleet();
        let mut tally = self.tally.clone();
        tally.arrival_error = self.engine.arrival_errors().clone();
        Summary {
            tally,
            digest: fleet.digest(),
            facts_digest: fleet.facts_digest(),
            applied: fleet.applied().0,
            open: fleet.open_count(),
            unanswered: fleet.unanswered().len(),
            now: fleet.zone().zone_time(self.clock.now()),
        }
    }

    pub(super) fn snapshot_if_due(&mut self) {
        if self.folder.is_some()
            && self.snapshot_at.elapsed() >= SNAPSHOT_EVERY
            && self.snapshot_at.elapsed().as_millis() as u64
                >= (SNAPSHOT_PAUSE * self.snapshot_took.load(Ordering::Relaxed)).min(SNAPSHOT_PAUSE_MAX)
            && self.engine.fleet().applied().0 > self.snapshot_applied
            && self.verified
            && self.readiness.caught_up.load(Ordering::Acquire)
            && let Some(header) = self.header()
        {
            self.snapshot_at = clock::monotonic();
            self.snapshot_applied = self.engine.fleet().applied().0;
            let Some(folder) = self.folder.clone() else { return };
            let (inputs, took) = (self.inputs.clone(), Arc::clone(&self.snapshot_took));
            let (fleet, tally) = (self.engine.fleet().clone_without_index(), self.tally.clone());
            let (forgot, skipped) = (self.forgot.load(Ordering::Acquire), self.passed.all());
            threads::aside().spawn_blocking(move || {
                let begun = clock::monotonic();
                // The promises are checked on the copy, so that the engine need not wait for it.
                if let Err(broken) = fleet.check() {
                    tracing::error!(%broken, "a promise is broken; its offenders are asked for anew, and no snapshot is kept of it");
                    let Broken { orders, vehicles, .. } = &broken;
                    let (orders, vehicles) = (orders.clone(), vehicles.clone());
                    let _ = inputs.blocking_send(Input::Broken { orders, vehicles, what: broken.to_string() });
                    return;
                }
                let written = snapshot::write(&folder, &header, (&fleet, &tally), &skipped);
                if let Err(error) = written.and_then(|_| snapshot::remove_before(&folder, forgot)) {
                    tracing::warn!(%error, "snapshot not written");
                }
                took.store(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
            });
        }
    }

    /// What a snapshot says of itself. `None`: nothing was folded behind the base with which the fold began.
    fn header(&self) -> Option<snapshot::Header> {
        Some(snapshot::Header::new(&self.zone, self.engine.fleet().applied().0, self.last_hash?))
    }

    pub(super) fn write_snapshot(&self) {
        if let Some(folder) = &self.folder
            && self.engine.fleet().applied().0 > 0
            && self.verified
            && self.readiness.caught_up.load(Ordering::Acquire)
            && let Some(header) = self.header()
            && let Err(error) = snapshot::write(folder, &header, (self.engine.fleet(), &self.tally), &self.passed.all())
                .and_then(|_| snapshot::remove_before(folder, self.forgot.load(Ordering::Acquire)))
        {
            tracing::warn!(%error, "snapshot not written");
        }
    }
}

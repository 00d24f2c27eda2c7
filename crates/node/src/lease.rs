//! Owning the zone: a thread of its own keeps the lease, so that neither a search nor a slow disk may cost us the zone.
//!
//! The lease gives liveness; the chain of fenced plans gives safety, even with two owners.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::time::Duration;

use fleetfold_engine::Input;
use fleetfold_journal::Outcome;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::live::Readiness;
use crate::live::skip_list::Passed;
use crate::log::{Lease, Leased, Log, LogError, ZoneName};

/// A lease lives 3 s at the broker. Without a renewal the engine stops half a second earlier by its own clock, so that it has
/// stopped before another one can begin.
const TRUSTED: Duration = Duration::from_millis(2_500);
/// Time between two renewals.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// Time between two attempts of a standby, and after a renewal that was not confirmed.
const TRY_EVERY: Duration = Duration::from_millis(100);
/// Who does not own the zone looks this often whether its owner renews the lease.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A renewal that was not confirmed, and was not refused sooner than this, has had no answer: the broker hangs, or cannot be reached, and its
/// connection does not show that yet.
const UNANSWERED: Duration = Duration::from_millis(800);
/// An owner that has not renewed it for this long is gone, or will find that it has lost it.
const SILENT: Duration = Duration::from_secs(2);

/// What the thread is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// We have caught up: own the zone as soon as nobody else does.
    Acquire,
    /// Another node shall own the zone: release it, and do not try to get it until the next `Acquire`.
    StandBy,
    /// Release it and end.
    LetGo,
}

/// The thread's two ends.
pub(crate) struct Thread {
    /// Orders to it.
    pub orders: Sender<Order>,
    /// Resolves when it has ended.
    pub released: oneshot::Receiver<()>,
}

/// Whether nobody owns a zone, or its owner is silent, as its lease says; `None`: not known.
fn is_vacant(leased: Leased) -> Option<bool> {
    match leased {
        Leased::Unknown => None,
        Leased::Nobody => Some(true),
        Leased::Unrenewed(span) => Some(span >= SILENT),
    }
}

/// Why nobody is known to own the zone, after a request about its lease that was made then and has failed.
fn unowned(asked: std::time::Instant, why: &str) -> String {
    if asked.elapsed() < UNANSWERED {
        format!("nobody is known to own the zone: {why}")
    } else {
        "the broker does not answer, and so nobody is known to own the zone".to_owned()
    }
}

/// Owns the zone: with the lease that has lapsed, if the broker still keeps it for us, else with a new one.
async fn take(
    log: &Log,
    (zone, owner): (&ZoneName, &str),
    lapsed: &mut Option<Lease>,
    chain_epoch: &AtomicU64,
) -> Result<Option<Lease>, LogError> {
    let above = chain_epoch.load(Ordering::Acquire);
    if let Some(lease) = *lapsed {
        if let Some(resumed) = log.resume(zone, owner, lease, above).await? {
            return Ok(Some(resumed));
        }
        *lapsed = None;
    }
    log.acquire(zone, owner, above).await
}

/// Starts the thread. It reports through `inputs`. `chain_epoch` is the highest epoch in the zone's chain of plans: ours must
/// be higher. `readiness` is told why nobody is known to own the zone. `passed`: what this engine has passed over; if others pass over
/// more, it must not own the zone.
pub(crate) fn hold(
    log: Log,
    zone: ZoneName,
    owner: String,
    inputs: mpsc::Sender<Input>,
    (chain_epoch, readiness, passed): (Arc<AtomicU64>, Arc<Readiness>, Arc<Passed>),
    runtime: tokio::runtime::Handle,
) -> Thread {
    let (sender, orders) = std::sync::mpsc::channel();
    let (done, released) = oneshot::channel();
    let spawned = std::thread::Builder::new().name("lease".to_owned()).spawn(move || {
        let mut held: Option<(Lease, std::time::Instant)> = None;
        // A lease that was not renewed in time by our clock. It may stand at the broker all the same, which was silent.
        let mut lapsed: Option<Lease> = None;
        let mut wanted = false;
        let mut looked_at: Option<std::time::Instant> = None;
        loop {
            // The lease runs from before the request, because the answer may have been on its way for long.
            let asked = clock::monotonic();
            let mut pause = TRY_EVERY;
            match held {
                None if !wanted => pause = LOOK_EVERY,
                None => match runtime.block_on(take(&log, (&zone, &owner), &mut lapsed, &chain_epoch)) {
                    // Whoever quarantines an entry holds the lease meanwhile: from here on nobody does.
                    Ok(Some(lease)) if runtime.block_on(passed.conflict_now(&log, &zone)).is_some() => {
                        (lapsed, wanted) = (None, false);
                        runtime.block_on(log.release(&zone, lease));
                    }
                    // The look took so long that somebody else may own the zone by now.
                    Ok(Some(lease)) if asked.elapsed() > TRUSTED => lapsed = Some(lease),
                    Ok(Some(lease)) => {
                        lapsed = None;
                        readiness.unowned.over();
                        readiness.set_vacant(false);
                        held = Some((lease, asked));
                        pause = RENEW_EVERY;
                        let _ = inputs.blocking_send(Input::Commit(Outcome::Granted(lease.epoch)));
                    }
                    Ok(None) => readiness.unowned.over(),
                    Err(error) => {
                        tracing::warn!(%error, "lease");
                        readiness.unowned.met(unowned(asked, &error.what));
                    }
                },
                Some((lease, renewed)) => match runtime.block_on(log.renew(&zone, &owner, lease)) {
                    Some(lease) => {
                        held = Some((lease, asked));
                        pause = RENEW_EVERY;
                    }
                    None if renewed.elapsed() > TRUSTED => {
                        (held, lapsed) = (None, Some(lease));
                        readiness.unowned.met_since(renewed, unowned(asked, "its lease could not be renewed"));
                        let _ = inputs.blocking_send(Input::Commit(Outcome::Lost));
                    }
                    None => {}
                },
            }
            if held.is_none() && looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
                looked_at = Some(clock::monotonic());
                if let Some(vacant) = is_vacant(runtime.block_on(log.leased(&zone))) {
                    readiness.set_vacant(vacant);
                }
            }
            match orders.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Acquire) => wanted = passed.conflict().is_none(),
                Ok(Order::StandBy) => {
                    (wanted, lapsed) = (false, None);
                    readiness.unowned.over();
                    if let Some((lease, _)) = held.take() {
                        // The engine hears of it first, so that it proposes nothing after another owner has begun.
                        let _ = inputs.blocking_send(Input::Commit(Outcome::Lost));
                        runtime.block_on(log.release(&zone, lease));
                    }
                }
                Ok(Order::LetGo) | Err(RecvTimeoutError::Disconnected) => {
                    if let Some((lease, _)) = held {
                        runtime.block_on(log.release(&zone, lease));
                    }
                    let _ = done.send(());
                    return;
                }
            }
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread for the lease");
    }
    Thread { orders: sender, released }
}

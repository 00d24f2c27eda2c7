//! Makes streams again that somebody deleted while the engine runs, and says which; and looks how full the stream of facts is, and whether
//! somebody has set it so that it drops facts before their time.
//!
//! Not the facts: a log that was deleted is restored from its backup, and an empty one in its place would only be in the way.
//! Not `KV_SKIPPED`, which the intake makes again together with what stood in it, and not `KV_OWNERS`, which whoever
//! acquires the zone makes again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::Readiness;
use super::admission::Admission;
use crate::log::{Log, OddSetting, Stream, ZoneName};
use crate::metrics::Metrics;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// A look takes no longer.
const LOOK_MAX: Duration = Duration::from_secs(10);

fn words(odd: Vec<OddSetting>) -> Vec<String> {
    odd.into_iter().map(|odd| odd.words).collect()
}

/// Starts the task. It ends with the engine, which holds `bases_lost`: that becomes true when the bases were deleted. `tell_again`
/// is told when the assignments were deleted, whoever made the stream again.
pub(super) fn start(
    log: Log,
    zone: ZoneName,
    readiness: Arc<Readiness>,
    tell_again: Arc<Notify>,
    bases_lost: Weak<AtomicBool>,
    (admission, metrics): (Arc<Admission>, Arc<Metrics>),
) {
    tokio::spawn(async move {
        let (mut told_in, mut is_first) = (None, true);
        // What the start has found it has told.
        let mut odd = log.odd_settings(&zone).await.map(words).unwrap_or_default();
        while let Some(bases_lost) = bases_lost.upgrade() {
            match tokio::time::timeout(LOOK_MAX, log.ensure_all()).await {
                Ok(Ok(made)) => {
                    readiness.unmade.over();
                    for name in made {
                        if is_first {
                            tracing::info!(name, "a stream was made");
                        } else {
                            tracing::warn!(name, "a stream was missing, and was made: it is empty");
                        }
                        if name == "OBJ_BASES" {
                            bases_lost.store(true, Ordering::Release);
                        }
                    }
                }
                Ok(Err(error)) => readiness.unmade.met(error.what),
                // A broker that does not answer is told by others.
                Err(_) => {}
            }
            if let Ok(Ok(percent)) = tokio::time::timeout(LOOK_MAX, log.percent_full(&zone)).await {
                let percent = percent.unwrap_or(0);
                admission.set_percent_full(percent);
                metrics.log_full(percent);
                log.is_full_by(&zone, percent);
            }
            if let Ok(Ok(now)) = tokio::time::timeout(LOOK_MAX, log.odd_settings(&zone)).await {
                let now = words(now);
                for words in now.iter().filter(|words| !odd.contains(words)) {
                    let name = log.stream_name(Stream::Fleet, &zone);
                    tracing::error!(
                        %zone,
                        "stream {name} drops facts before their time since somebody has set it so: {words}. Set it back (`nats stream \
                         edit`): a zone whose log has a hole cannot be begun again"
                    );
                }
                odd = now;
            }
            if let Ok(Some(created)) = log.created(Stream::Assignment, &zone).await
                && told_in.replace(created).is_some_and(|before| before != created)
            {
                tell_again.notify_one();
            }
            drop(bases_lost);
            is_first = false;
            tokio::time::sleep(EVERY).await;
        }
    });
}

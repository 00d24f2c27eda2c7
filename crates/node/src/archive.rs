//! Orders that are over and have left the engine's state: what the log still tells about them.

use std::time::Duration;

use fleetfold_journal::{PolicyAt, ZoneName};
use fleetfold_model::{Event, LogSeq, Name};

use crate::clock;
use crate::failure::Failure;
use crate::gatekeeper::{self, Passed};
use crate::log::Log;
use crate::readers::Whole;
use crate::view::stories::{Who, line};
use crate::view::{Logged, RetiredOrder};

/// Longer than this nobody waits at a screen (guess).
const LONGEST: Duration = Duration::from_secs(30);
/// Most lines of one order's story.
const LINES_MAX: usize = 200;

/// What the log holds about an order up to the entry `applied`, oldest first. `None`: nothing.
///
/// # Errors
///
/// When the log cannot be read to its end in time.
pub(crate) async fn order<'a>(
    log: &Log,
    zone: &ZoneName,
    order: &'a Name,
    applied: u64,
) -> Result<Option<RetiredOrder<'a>>, Failure> {
    // Nothing is folded here, so nobody can say which policy was in force at an entry. The engine has, for all entries that are
    // read here: what a strict policy rejected is noted as skipped.
    let policy = PolicyAt { seq: LogSeq(u64::MAX), strict: false };
    let mut gate = gatekeeper::gate(log, zone, policy).await?;
    // Most entries are of other orders: those whose bytes do not have the name need not be decoded. Where there is a backslash or a
    // payload in Base64 the name may stand there in another spelling.
    let plain = order.as_str().chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
    let needle = serde_json::to_vec(order.as_str()).unwrap_or_default();
    let mut story = Vec::new();
    let mut ended = None;
    let began = clock::monotonic();
    let mut whole = Whole::above(log, zone, 0).await?;
    while let Some(message) = whole.next().await? {
        if began.elapsed() > LONGEST {
            return Err(Failure::new("the log was not read to its end in time", "ask again, or use `record`"));
        }
        let bytes = &message.bytes;
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        let has_it = !plain || has(&needle) || bytes.contains(&b'\\') || has(b"data_base64");
        if !has_it || story.len() >= LINES_MAX || message.seq > applied {
            continue;
        }
        if let Passed::Entry(entry, said) = gatekeeper::judge(log, &mut gate, &message).await?
            && let Some(words) = about(&entry.event, order)
        {
            ended = end_of(&entry.event).or(ended);
            story.push(Logged { seq: entry.seq.0, at: message.at.0, kind: said.kind.name(), words });
        }
    }
    if story.is_empty() {
        return Ok(None);
    }
    Ok(Some(RetiredOrder { id: order.as_str(), status: ended.unwrap_or("retired"), retired: true, story }))
}

/// What an event says of an order; `None`: nothing. Plans and repairs are about several orders.
fn about(event: &Event, order: &Name) -> Option<String> {
    match event {
        Event::RepairAsked(repair) => repair.orders.contains(order).then(|| format!("asked for anew: {}", repair.what)),
        Event::PlanProposed(plan) => {
            let choice = plan.groups.iter().flat_map(|group| &group.choices).find(|choice| choice.order == *order)?;
            let to = |vehicle: &Name| format!("to {vehicle} (plan {})", plan.rev);
            Some(choice.vehicle.as_ref().map_or("unassigned".to_owned(), to))
        }
        event => line(event).filter(|line| line.who == Who::Order(order)).map(|line| line.words),
    }
}

/// How an event ends an order, if it does.
fn end_of(event: &Event) -> Option<&'static str> {
    match event {
        Event::StopCompleted(report) if report.stop == fleetfold_model::StopKind::Delivery => Some("served"),
        Event::StopFailed(..) => Some("failed"),
        Event::OrderCancelled { .. } | Event::HoldEnded(_) => Some("cancelled"),
        _ => None,
    }
}

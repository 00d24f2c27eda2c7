//! Orders that are over and have left the engine's state: what the log still tells about them.

use std::time::Duration;

use fleetfold_journal::{Gate, Judged, ZoneName};
use fleetfold_model::{Event, Name};

use crate::clock;
use crate::failure::Failure;
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
    let mut gate = Gate::new(zone.clone(), log.skipped(zone).await?, log.epoch_max(zone).await?);
    gate.owners_known_since(log.owners_since().await?);
    // Most entries are of other orders: those whose bytes do not have the name need not be decoded. JSON has one way only to
    // write letters, digits and a few signs; a name with others may stand there escaped.
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
        let has_it = !plain || message.bytes.windows(needle.len()).any(|window| window == needle);
        if !has_it || story.len() >= LINES_MAX || message.seq > applied {
            continue;
        }
        if let Judged::Entry(entry, said) = gate.judge(message.raw())
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
        Event::OrderCancelled { .. } => Some("cancelled"),
        _ => None,
    }
}

//! Orders that are over and have left the engine's state: what the log still tells about them.

use std::time::Duration;

use fleetfold_journal::{Gate, Judged, ZoneName};
use fleetfold_model::{Event, Name};

use crate::clock;
use crate::failure::Failure;
use crate::log::Log;
use crate::readers::Whole;
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

/// What an event says of an order; `None`: nothing.
fn about(event: &Event, order: &Name) -> Option<String> {
    let stop = |stop: &fleetfold_model::StopEvent, words: &str| {
        (stop.order == *order).then(|| format!("{:?} {words} by {}", stop.stop, stop.vehicle))
    };
    let pinned =
        |pin: &fleetfold_model::Pin, words: &str| (pin.order == *order).then(|| format!("{words} {}", pin.vehicle));
    match event {
        Event::OrderCreated(created) => (created.name == *order).then(|| "ordered".to_owned()),
        Event::OrderUpdated(change) => (change.order == *order).then(|| "changed by the customer".to_owned()),
        Event::OrderReady { order: whose, .. } => (whose == order).then(|| "goods ready".to_owned()),
        Event::OrderCancelled { order: whose } => (whose == order).then(|| "cancelled".to_owned()),
        Event::StopDeparted(report) => stop(report, "driven to"),
        Event::StopArrived(report) => stop(report, "reached"),
        Event::StopCompleted(report) => stop(report, "done"),
        Event::StopFailed(report, reason) => stop(report, &format!("failed ({reason:?})")),
        Event::AssignmentRejected { vehicle, order: whose } => {
            (whose == order).then(|| format!("rejected by {vehicle}"))
        }
        Event::StopPinned(pin) => pinned(pin, "pinned to"),
        Event::StopUnpinned { order: whose } => (whose == order).then(|| "no longer pinned".to_owned()),
        Event::AssignmentForced(pin) => pinned(pin, "forced to"),
        Event::PriorityRaised(raised) => (raised.order == *order).then(|| format!("priority {}", raised.priority)),
        Event::RepairAsked(repair) => repair.orders.contains(order).then(|| format!("asked for anew: {}", repair.what)),
        Event::PlanProposed(plan) => {
            let choice = plan.groups.iter().flat_map(|group| &group.choices).find(|choice| choice.order == *order)?;
            Some(
                choice
                    .vehicle
                    .as_ref()
                    .map_or("unassigned".to_owned(), |vehicle| format!("to {vehicle} (plan {})", plan.rev)),
            )
        }
        Event::ZoneOpened(_)
        | Event::VehicleRegistered(_)
        | Event::ShiftStarted { .. }
        | Event::ShiftEnded { .. }
        | Event::VehicleLost { .. }
        | Event::VehicleBack { .. }
        | Event::RoadClosed(_)
        | Event::RoadSlowed(_)
        | Event::RoadReopened(_)
        | Event::AssignmentAccepted { .. }
        | Event::PolicyChanged(_)
        | Event::FeaturesLearned(_)
        | Event::VehicleLocated(_)
        | Event::BaseWritten(_) => None,
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

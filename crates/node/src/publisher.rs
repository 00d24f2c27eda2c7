//! Telling drivers: the newest assignment of each vehicle, in order, fenced by the vehicle's last one.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fleetfold_journal::address::assignment_id;
use fleetfold_journal::{Address, FanOut, Heard, Next};
use fleetfold_model::{Assignment, LogSeq, Name, Space};
use fleetfold_wire::{assignment_from_json, assignment_to_json};
use tokio::sync::mpsc;

use crate::log::{AppendError, Log, Stream, ZoneName};

/// Pause before asking a log again that did not answer.
const AGAIN: Duration = Duration::from_millis(50);

/// Starts the task that tells drivers; it ends with its sender.
pub(crate) fn start(log: Log, zone: ZoneName) -> mpsc::UnboundedSender<(Assignment, Space)> {
    let (sender, mut queue) = mpsc::unbounded_channel::<(Assignment, Space)>();
    tokio::spawn(async move {
        let mut fan = FanOut::default();
        while let Some(first) = queue.recv().await {
            // Only the newest of each vehicle matters, so that a broker that was away is not told the past.
            let mut newest: BTreeMap<Name, (Assignment, Space)> = BTreeMap::new();
            newest.insert(first.0.vehicle.clone(), first);
            while let Ok(next) = queue.try_recv() {
                newest.insert(next.0.vehicle.clone(), next);
            }
            for (assignment, space) in newest.into_values() {
                tell(&log, &zone, &assignment, space, &mut fan).await;
            }
        }
    });
    sender
}

async fn tell(log: &Log, zone: &ZoneName, assignment: &Assignment, space: Space, fan: &mut FanOut) {
    let vehicle = &assignment.vehicle;
    let subject = zone.subject(&Address::of_assignment(vehicle));
    let id = assignment_id(zone, vehicle, assignment.revision);
    let bytes = Bytes::from(assignment_to_json(assignment, space));
    let mut next = fan.begin(vehicle, assignment.revision);
    loop {
        let heard = match next {
            Next::Done => return,
            Next::Append(expected) => {
                let append =
                    log.append(Stream::Assignment, subject.clone(), id.clone(), bytes.clone(), Some(expected.0));
                match append.await {
                    Ok(stored) => Heard::Stored(LogSeq(stored.seq)),
                    Err(AppendError::WrongSequence) => Heard::WrongSequence,
                    Err(AppendError::Unknown(why) | AppendError::NotSent(why)) => {
                        tracing::warn!(vehicle = vehicle.as_str(), why, "assignment unconfirmed; reading back");
                        tokio::time::sleep(AGAIN).await;
                        Heard::Unknown
                    }
                    Err(AppendError::Refused(why)) => {
                        tracing::error!(vehicle = vehicle.as_str(), why, "the log refuses an assignment");
                        return;
                    }
                }
            }
            Next::ReadLast => {
                let Ok(last) = log.last(Stream::Assignment, &subject).await else {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                };
                Heard::Last(last.map(|message| {
                    // Bytes that cannot be read are no assignment of an engine. Revision 0 is lower than any, so they are replaced.
                    let told = assignment_from_json(&message.bytes);
                    (LogSeq(message.seq), told.map_or(LogSeq(0), |assignment| assignment.revision))
                }))
            }
        };
        next = fan.heard(vehicle, assignment.revision, heard);
    }
}

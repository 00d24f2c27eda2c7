//! What a log still holds of a zone, and what it still names: asked once, when somebody begins to read.

use std::time::Duration;

use fleetfold_journal::{Address, Held};
use fleetfold_model::{Event, LogSeq};
use fleetfold_wire::{What, assignment_from_json, decode};

use super::{Log, LogError, Stream, ZoneName};

/// A reader that hands nothing over for so long, although more must come, is given up.
const SILENT: Duration = Duration::from_secs(10);

impl Log {
    /// What the log holds of a zone's facts, for the judgement where to begin. Bases, and what names entries that have
    /// expired, are the caller's.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn held(&self, zone: &ZoneName) -> Result<Held, LogError> {
        let own = self.zone_bounds(Stream::Fleet, zone).await?;
        let first_plan = self.first(Stream::Fleet, &zone.subject(&Address::Plan)).await?;
        let first_plan_rev = first_plan.and_then(|message| match decode(&message.bytes).ok()?.what {
            What::Event(Event::PlanProposed(plan)) => Some(plan.rev),
            What::Event(_) | What::Position(..) => None,
        });
        let (stream_first, stream_last) = self.bounds(Stream::Fleet).await?;
        Ok(Held { stream_first, stream_last, zone: own, first_plan_rev, ..Held::default() })
    }

    /// The revision of the last assignment of each vehicle: the entry that last changed its route. Assignments never expire,
    /// so they still name entries that have.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn told_revisions(&self, zone: &ZoneName) -> Result<Vec<LogSeq>, LogError> {
        let Some((_, last)) = self.zone_bounds(Stream::Assignment, zone).await? else { return Ok(Vec::new()) };
        let mut reader = self.read(Stream::Assignment, zone, 0).await?;
        let mut revisions = Vec::new();
        loop {
            let Ok(Some(message)) = tokio::time::timeout(SILENT, reader.message()).await else {
                return Err(LogError::new(
                    "the assignments cannot be read to their end",
                    "check the broker, then start again",
                ));
            };
            // Bytes that are no assignment name nothing.
            revisions.extend(assignment_from_json(&message.bytes).map(|assignment| assignment.revision));
            // A newer assignment of the same vehicle may stand in the place of the last one: it comes later.
            if message.seq >= last {
                return Ok(revisions);
            }
        }
    }
}

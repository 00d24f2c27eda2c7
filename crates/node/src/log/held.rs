//! What a log still holds of a zone, and what it still names: asked once, when somebody begins to read.

use std::collections::BTreeMap;
use std::time::Duration;

use fleetfold_journal::{Address, FirstPlan, Held};
use fleetfold_model::{LogSeq, Name};
use fleetfold_wire::assignment_from_json;

use super::{Log, LogError, Removed, Stream, ZoneName};
use crate::verify::Evidence;

/// A reader that hands nothing over for so long, although more must come, is given up.
const SILENT: Duration = Duration::from_secs(10);

impl Log {
    /// What the log holds of a zone's facts, for the judgement where to begin: nothing where the stream is missing. Bases, and what names entries that have
    /// expired, are the caller's.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn held(&self, zone: &ZoneName) -> Result<Held, LogError> {
        if self.created(Stream::Fleet, zone).await?.is_none() {
            return Ok(Held { stream_first: 1, ..Held::default() });
        }
        let own = self.zone_bounds(Stream::Fleet, zone).await?;
        let plans = zone.subject(&Address::Plan);
        let (mut first_plan, mut from) = (FirstPlan::default(), 0);
        while let Some(message) = self.first(Stream::Fleet, &plans, from).await? {
            from = message.seq + 1;
            if first_plan.look(&message.bytes) {
                break;
            }
        }
        let (stream_first, stream_last) = self.bounds(Stream::Fleet, zone).await?;
        let alone = self.is_alone();
        let mut held = Held { stream_first, stream_last, zone: own, alone, ..Held::default() };
        held.begins_with_plan(first_plan.found());
        Ok(held)
    }

    /// The revision of the last assignment of each vehicle: the entry that last changed its route. Assignments never expire,
    /// so they still name entries that have.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn told_revisions(&self, zone: &ZoneName) -> Result<Vec<LogSeq>, LogError> {
        Ok(self.told(zone).await?.into_values().map(|(_, revision)| revision).collect())
    }

    /// Which entries of the stream of facts above `after` were removed, and what that and the assignments say of the zone.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn evidence(&self, zone: &ZoneName, after: u64) -> Result<(Removed, Evidence), LogError> {
        let removed = self.removed(zone, after).await?;
        if removed.count == 0 {
            return Ok((removed, Evidence::default()));
        }
        let told = self.told_revisions(zone).await?;
        // Where it is not known which entries are missing, the last one may be.
        let last_removed = removed.seqs.last().copied().unwrap_or(u64::MAX);
        let evidence = Evidence {
            last_removed: LogSeq(last_removed),
            last_told: told.iter().copied().max().unwrap_or_default(),
            told_and_removed: told.into_iter().filter(|seq| removed.seqs.contains(&seq.0)).max().unwrap_or_default(),
        };
        Ok((removed, evidence))
    }

    /// What each vehicle was told last: the seq of its assignment and its revision. None where the stream is missing.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub(crate) async fn told(&self, zone: &ZoneName) -> Result<BTreeMap<Name, (LogSeq, LogSeq)>, LogError> {
        let mut told = BTreeMap::new();
        if self.created(Stream::Assignment, zone).await?.is_none() {
            return Ok(told);
        }
        let Some((_, last)) = self.zone_bounds(Stream::Assignment, zone).await? else { return Ok(told) };
        let mut reader = self.read(Stream::Assignment, zone, 0).await?;
        loop {
            let Ok(Some(message)) = tokio::time::timeout(SILENT, reader.message()).await else {
                return Err(LogError::new(
                    "the assignments cannot be read to their end",
                    "check the broker, then start again",
                ));
            };
            // Bytes that are no assignment name nothing.
            if let Ok(assignment) = assignment_from_json(&message.bytes) {
                told.insert(assignment.vehicle, (LogSeq(message.seq), assignment.revision));
            }
            // A newer assignment of the same vehicle may stand in the place of the last one: it comes later.
            if message.seq >= last {
                return Ok(told);
            }
        }
    }
}

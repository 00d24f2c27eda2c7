//! The journal's gate with the log behind it. What the gate cannot know by itself is asked here, in one way for the engine, a
//! standby and every command that reads a log, so that all of them fold the same entries.

use fleetfold_journal::{Gate, Judged, PolicyAt, Rejection, Said, ZoneName};
use fleetfold_model::{LogEntry, LogSeq};

use crate::log::{Log, LogError, Message};

/// What a message is, after the log was asked.
pub(crate) enum Passed {
    /// An entry to be folded, and the envelope it came in.
    Entry(Box<LogEntry>, Box<Said>),
    /// Noted as skipped before. `on_plan_subject`: the fence of the next plan moves behind it.
    Skipped { on_plan_subject: bool },
    /// Not to be folded.
    Rejected(Rejection),
    /// The fold must come to the entry `after` first: see [`Judged::WhichPolicy`]. Tell the gate what the policy is there.
    WhichPolicy { after: LogSeq },
}

/// The gate of a zone's log, for a reader whose fold has come to `policy`.
///
/// # Errors
///
/// When the log does not answer.
pub(crate) async fn gate(log: &Log, zone: &ZoneName, policy: PolicyAt) -> Result<Gate, LogError> {
    // In this order: what was rejected because nobody had such an epoch is noted before somebody has.
    let epoch_max = log.epoch_max(zone).await?;
    let (skipped, read) = log.skipped_from(zone, 0).await?;
    let mut gate = Gate::new(zone.clone(), policy, skipped, epoch_max);
    gate.skips_read_to(read);
    gate.owners_known_since(log.owners_since().await?);
    Ok(gate)
}

/// Takes a message through the gate. Where the message claims an epoch above all that are known, the log is asked who owns the
/// zone and what was rejected meanwhile: another engine may have judged the message while such an epoch was nobody's, and what
/// one engine has rejected, none folds.
///
/// # Errors
///
/// When the log does not answer. Then the gate knows no more than before, and the message can be judged again.
pub(crate) async fn judge(log: &Log, gate: &mut Gate, message: &Message) -> Result<Passed, LogError> {
    if let Ok(passed) = passed(gate, message) {
        return Ok(passed);
    }
    let epoch_max = log.epoch_max(gate.zone()).await?;
    let (skipped, read) = log.skipped_from(gate.zone(), gate.skips_read()).await?;
    for seq in skipped {
        gate.skip(LogSeq(seq));
    }
    gate.skips_read_to(read);
    gate.owner(epoch_max);
    Ok(passed(gate, message).unwrap_or_else(|epoch| Passed::Rejected(gate.not_an_owner(message.raw(), epoch))))
}

/// `Err`: an epoch above all that the gate knows.
fn passed(gate: &mut Gate, message: &Message) -> Result<Passed, u64> {
    Ok(match gate.judge(message.raw()) {
        Judged::Entry(entry, said) => Passed::Entry(entry, said),
        Judged::Skipped { on_plan_subject } => Passed::Skipped { on_plan_subject },
        Judged::Rejected(rejection) => Passed::Rejected(rejection),
        Judged::WhichPolicy { after } => Passed::WhichPolicy { after },
        Judged::WhoOwns { epoch } => return Err(epoch),
    })
}

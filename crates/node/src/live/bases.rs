//! Bases: the whole fleet after an entry, stored so that every later version can begin there.

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::{Address, ZoneName};
use fleetfold_model::{BaseWritten, Event};
use fleetfold_wire::{What, decode};

use crate::log::{Log, LogError, Stream};

/// The newest base that the zone's log names. (Bases are written daily and entries are kept for 14 days, so the fact about
/// the newest one is always there while the zone is used.)
pub(crate) async fn newest(log: &Log, zone: &ZoneName) -> Result<Option<BaseWritten>, LogError> {
    let subject = zone.subject(&Address::Event { kind: "base_written".to_owned(), entity: "_".to_owned() });
    let Some(message) = log.last(Stream::Fleet, &subject).await? else { return Ok(None) };
    Ok(decode(&message.bytes).ok().and_then(|decoded| match decoded.what {
        What::Event(Event::BaseWritten(base)) => Some(base),
        What::Event(_) | What::Position(..) => None,
    }))
}

/// Loads a base, and checks that it is the one the log names.
pub(crate) async fn load(log: &Log, base: &BaseWritten) -> Result<(Fleet, Tally), LogError> {
    let damaged = |what: String| {
        LogError::new(format!("base {}: {what}", base.object), "restore the object store from a backup of the broker")
    };
    let bytes = log.get_object(&base.object).await?.ok_or_else(|| damaged("it is not there".to_owned()))?;
    if blake3::hash(&bytes).to_string() != base.hash {
        return Err(damaged("its bytes are not the ones the log names".to_owned()));
    }
    Err(damaged(format!("format {} cannot be read", base.format)))
}

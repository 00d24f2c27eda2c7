//! The document of a base: the whole fleet after an entry of the log, readable by every later version.
//!
//! A base lets a log be read from its middle: whoever reads one folds only the entries after it. The document is JSON with
//! named fields and says what it is:
//!
//! ```json
//! {"fleetfold_base":1,"fold_format":2,"tenant":"acme","zone":"porto","applied_seq":4711,"digest":"…","fleet":{…},"tally":{…}}
//! ```
//!
//! `fleetfold_base` is the version of the document. Within a version fields are only added: a reader ignores fields that it
//! does not know and fills in the default of a field that is missing. `fold_format` says how the digest was made.
//!
//! The digest covers everything that is decided and reported. It does not cover what decides nothing in the fold (key
//! figures, counters) nor the hashes of events already seen. The hash of the object's bytes, which the fact `base.written`
//! carries, covers all of it: compare that first, then read.
//!
//! ```
//! use fleetfold_fleet::{Fleet, Tally};
//! use fleetfold_journal::{ZoneName, base};
//!
//! let zone = ZoneName::new("acme", "porto").unwrap();
//! let fleet = Fleet::new();
//! let document = base::write(&fleet, &Tally::default(), &zone);
//! let (read, _) = base::read(&document, &zone).unwrap();
//! assert_eq!(read.digest(), fleet.digest());
//! ```
//!
//! Absent on purpose: compression, and where the bytes are kept.

mod alert_v1;
mod document_v1;
mod said_v1;
mod specs_v1;
mod state_v1;
mod tally_v1;
mod values;
mod zone_v1;

use fleetfold_fleet::{Fleet, ImageError, Tally};
use fleetfold_model::{FORMAT, LogSeq, Millis, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use self::document_v1::BaseDocumentV1;
use self::values::{Count, Hash64};
use crate::address::ZoneName;

/// The newest version of the document that this program reads, and the one that it writes.
pub const DOCUMENT: u32 = 1;

/// Why bytes could not become a fleet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// The bytes are no base at all.
    #[error("not a base: {what}; a base is a JSON object with the field `fleetfold_base` (has it been decompressed?)")]
    NotABase {
        /// What is wrong.
        what: String,
    },
    /// A later program wrote a version of the document that this one cannot know.
    #[error("the base is a document of version {found}, and this program reads up to {known}: use a newer program")]
    NewerDocument {
        /// The document's version.
        found: u32,
        /// The newest version that is known here.
        known: u32,
    },
    /// A later program wrote it, whose fold works differently.
    #[error(
        "the base was made by a fold of format {found}, and this program folds by {known}: use a newer program, or an \
         older base"
    )]
    NewerFold {
        /// The document's fold.
        found: u16,
        /// The fold of this program.
        known: u16,
    },
    /// It is the base of another zone.
    #[error("the base is of zone {found}, and {wanted} was asked for: check the name of the object that was read")]
    OtherZone {
        /// Tenant and zone in the document.
        found: String,
        /// Tenant and zone asked for.
        wanted: String,
    },
    /// A field is missing, or has a value that cannot be.
    #[error("the base is damaged at `{path}`: {what}; use the base before it, or fold the log from its beginning")]
    Damaged {
        /// The path of the field: `fleet.orders[3].spec.priority`; `.` for the document as a whole.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Its fields contradict each other.
    #[error("the base contradicts itself: {0}; use the base before it, or fold the log from its beginning")]
    Image(#[from] ImageError),
    /// The fleet that it describes is not the one it was made from.
    #[error(
        "the fleet of the base has the digest {found:016x}, and the base says {stated:016x}: use the base before it, or \
         fold the log from its beginning"
    )]
    OtherDigest {
        /// What the document says.
        stated: u64,
        /// What its fleet has.
        found: u64,
    },
}

/// The document of a fleet and its key figures. Equal fleets give equal bytes. Position reports are not in it.
///
/// Walks everything that the fleet holds, and needs several times the memory of the document: call it with
/// [`Fleet::clone_without_index`] on another thread.
pub fn write(fleet: &Fleet, tally: &Tally, zone: &ZoneName) -> Vec<u8> {
    let document = BaseDocumentV1 {
        fleetfold_base: DOCUMENT,
        fold_format: FORMAT,
        tenant: zone.tenant().to_owned(),
        zone: zone.zone().to_owned(),
        applied_seq: Count(fleet.applied().0),
        digest: Hash64(fleet.digest()),
        fleet: fleet.image().into(),
        tally: tally.into(),
    };
    serde_json::to_vec(&document).expect("text, integers and lists can always be written")
}

/// The fleet and the key figures of a document, with the spatial index rebuilt.
///
/// # Errors
///
/// When the bytes are no base of this zone, are of a newer program, or are damaged. Nothing is taken from a damaged document.
/// The digest is compared when the fold that made it has this program's format; an older one made its digest otherwise, and the
/// promises of a fleet are looked at instead.
pub fn read(bytes: &[u8], zone: &ZoneName) -> Result<(Fleet, Tally), BaseError> {
    // The later versions of the document get their readers here; each turns its document into today's image.
    match document_version(bytes)? {
        1 => read_v1(bytes, zone),
        found => Err(BaseError::NewerDocument { found, known: DOCUMENT }),
    }
}

fn document_version(bytes: &[u8]) -> Result<u32, BaseError> {
    #[derive(Deserialize)]
    struct Version {
        fleetfold_base: u32,
    }
    // As `write` writes it. Any other way needs the whole document to be walked.
    if bytes.starts_with(br#"{"fleetfold_base":1,"#) {
        return Ok(1);
    }
    let error = match serde_json::from_slice::<Version>(bytes) {
        Ok(Version { fleetfold_base: 0 }) => return Err(BaseError::NotABase { what: "its version is 0".to_owned() }),
        Ok(Version { fleetfold_base }) => return Ok(fleetfold_base),
        Err(error) => error,
    };
    if bytes.starts_with(br#"{"fleetfold_base":"#) {
        return Err(BaseError::Damaged { path: ".".to_owned(), what: error.to_string() });
    }
    Err(BaseError::NotABase { what: error.to_string() })
}

fn read_v1(bytes: &[u8], zone: &ZoneName) -> Result<(Fleet, Tally), BaseError> {
    let document: BaseDocumentV1 = fields(bytes)?;
    if (document.tenant.as_str(), document.zone.as_str()) != (zone.tenant(), zone.zone()) {
        let found = format!("{}/{}", document.tenant, document.zone);
        return Err(BaseError::OtherZone { found, wanted: zone.to_string() });
    }
    if document.fold_format > FORMAT {
        return Err(BaseError::NewerFold { found: document.fold_format, known: FORMAT });
    }
    let fleet = Fleet::from_image(document.fleet.image(LogSeq(document.applied_seq.0)))?;
    let (Hash64(stated), found) = (document.digest, fleet.digest());
    if document.fold_format == FORMAT && stated != found {
        return Err(BaseError::OtherDigest { stated, found });
    }
    if document.fold_format != FORMAT {
        // Its digest says nothing here, so that the promises of a fleet are what shows damage.
        fleet.check().map_err(|broken| BaseError::Damaged { path: "fleet".to_owned(), what: broken.to_string() })?;
    }
    Ok((fleet, document.tally.into()))
}

/// The document's fields; what is wrong is told with its path.
fn fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BaseError> {
    // To keep the path costs more than to read: it is kept when there is an error to tell.
    if let Ok(document) = serde_json::from_slice(bytes) {
        return Ok(document);
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let damaged = |path: String, what: String| BaseError::Damaged { path, what };
    let document = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| damaged(error.path().to_string(), error.inner().to_string()))?;
    json.end().map_err(|error| damaged(".".to_owned(), error.to_string()))?;
    Ok(document)
}

/// The name of a base in its store: `<tenant>.<zone>.<20 digits of the last entry>.<format of the fold>`. The names of one
/// zone, sorted as text, are in the order of their entries.
pub fn object_name(zone: &ZoneName, applied: LogSeq, format: u16) -> String {
    format!("{}.{:020}.{format}", zone.key(), applied.0)
}

/// Takes the name of a base apart: its zone, its last entry, the format of its fold. `None`: it is no such name.
pub fn parse(object: &str) -> Option<(ZoneName, LogSeq, u16)> {
    let mut parts = object.split('.');
    let zone = ZoneName::new(parts.next()?, parts.next()?)?;
    let (applied, format) = (LogSeq(parts.next()?.parse().ok()?), parts.next()?.parse().ok()?);
    // A number can be written in more than one way; only one of them is a name of ours.
    (object_name(&zone, applied, format) == object).then_some((zone, applied, format))
}

/// True when a base should be written now: the log tells of none by this program's fold and something is folded, or the
/// last one was logged more than `every` of log time ago and something was logged since.
///
/// The fact that tells of a base is logged after the base and does not call for another one: a zone in which nothing
/// happens gets no new bases. But while a base is stored, the zone goes on: a fact or a plan that was logged before the one that tells
/// of the base is not in it, and would be lost when everything expires. `changed`: the last entry that has changed the fleet, as far
/// as is known (after a start with a snapshot, the last entry of that).
pub fn is_due(fleet: &Fleet, changed: LogSeq, now_logged: Timestamp, every: Millis) -> bool {
    match fleet.last_base() {
        Some(last) if last.format == FORMAT => {
            let is_behind = fleet.logged_at() > last.logged_at || changed.max(fleet.chain().seq) > last.applied;
            now_logged - last.logged_at > every && is_behind
        }
        _ => fleet.applied() > LogSeq(0),
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_fleet::Fleet;
    use fleetfold_model::{BaseWritten, Event, FORMAT, LogEntry, LogSeq, MessageHash, Millis, Name, Timestamp};

    use super::{is_due, object_name, parse};
    use crate::address::ZoneName;

    const NONE: LogSeq = LogSeq(0);

    #[test]
    fn the_name_of_a_base_can_be_taken_apart_and_sorts_by_entry() {
        let zone = ZoneName::new("acme", "porto-2").unwrap();
        let name = object_name(&zone, LogSeq(4711), 2);
        assert_eq!(name, "acme.porto-2.00000000000000004711.2");
        assert_eq!(parse(&name), Some((zone.clone(), LogSeq(4711), 2)));
        assert_eq!(
            parse(&object_name(&zone, LogSeq(u64::MAX), u16::MAX)),
            Some((zone.clone(), LogSeq(u64::MAX), u16::MAX))
        );
        assert!(object_name(&zone, LogSeq(9), 2) < object_name(&zone, LogSeq(10), 2));
        for wrong in [
            "",
            "acme.porto.4711.2",
            "acme.porto.00000000000000004711",
            "acme.porto.00000000000000004711.02",
            "acme.porto.+0000000000000004711.2",
            "acme.porto.99999999999999999999.2",
            "acme.porto.00000000000000004711.2.zst",
            "acme.por to.00000000000000004711.2",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_base_is_due_when_there_is_none_or_an_old_one_and_something_happened() {
        let mut fleet = Fleet::new();
        let tell = |fleet: &mut Fleet, at, event| {
            let seq = LogSeq(fleet.applied().0 + 7);
            fleet.apply(&LogEntry {
                numbered: None,
                seq,
                logged_at: Timestamp(at),
                id: seq.0,
                time: None,
                hash: MessageHash(0),
                event,
            });
        };
        let lost = || Event::VehicleLost { vehicle: Name::new("v").unwrap(), position: None };
        let base = |format| {
            let (object, hash) = ("o".to_owned(), "h".to_owned());
            Event::BaseWritten(BaseWritten { applied: LogSeq(7), format, digest: 0, object, hash, bytes: 1, epoch: 1 })
        };
        let hour = Millis(3_600_000);
        assert!(!is_due(&fleet, NONE, Timestamp(9_000_000), hour), "nothing is folded");
        tell(&mut fleet, 1_000, lost());
        assert!(is_due(&fleet, NONE, Timestamp(1_000), hour), "there is none");
        tell(&mut fleet, 2_000, base(FORMAT - 1));
        assert!(is_due(&fleet, NONE, Timestamp(2_000), hour), "there is none of this fold");
        tell(&mut fleet, 3_000, base(FORMAT));
        assert!(!is_due(&fleet, NONE, Timestamp(9_000_000), hour), "nothing happened since");
        tell(&mut fleet, 4_000, lost());
        assert!(!is_due(&fleet, NONE, Timestamp(3_603_000), hour), "the last one is not old enough");
        assert!(is_due(&fleet, NONE, Timestamp(3_603_001), hour));
    }

    #[test]
    fn what_was_logged_while_a_base_was_stored_calls_for_another_one() {
        let hour = Millis(3_600_000);
        let told = |applied, plan| {
            let mut fleet = Fleet::new();
            fleet.skip(LogSeq(plan), true);
            let (object, hash) = ("o".to_owned(), "h".to_owned());
            let base =
                BaseWritten { applied: LogSeq(applied), format: FORMAT, digest: 0, object, hash, bytes: 1, epoch: 1 };
            let (seq, event) = (LogSeq(9), Event::BaseWritten(base));
            fleet.apply(&LogEntry {
                numbered: None,
                seq,
                logged_at: Timestamp(1_000),
                id: 9,
                time: None,
                hash: MessageHash(0),
                event,
            });
            fleet
        };
        assert!(!is_due(&told(8, 8), NONE, Timestamp(9_000_000), hour), "the plan is in the base");
        assert!(is_due(&told(7, 8), NONE, Timestamp(9_000_000), hour));
        assert!(!is_due(&told(7, 8), NONE, Timestamp(3_000_000), hour), "not sooner than any other");
        // Found by the simulator (seed 63 with expiry): a fact after which no plan came.
        assert!(is_due(&told(7, 6), LogSeq(8), Timestamp(9_000_000), hour));
        assert!(!is_due(&told(7, 6), LogSeq(7), Timestamp(9_000_000), hour), "it is in the base");
    }
}

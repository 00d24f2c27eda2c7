//! A log made of messages, and what must hold of the fleet that it folds to. Not every target needs all of it.
#![allow(dead_code)]

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::{ZoneName, base};
use fleetfold_model::{LogEntry, LogSeq, Timestamp};
use fleetfold_wire::{Decoded, What, decode};

/// What the log takes each message at: a second after the one before.
const FIRST: i64 = 1_780_304_400_000;

pub fn zone() -> ZoneName {
    ZoneName::new("acme", "porto").expect("a legal name")
}

/// Folds messages as the engine does, and looks at every promise of the state after each.
pub fn fold<'m>(messages: impl Iterator<Item = &'m [u8]>) -> Fleet {
    let mut fleet = Fleet::new();
    for (number, message) in messages.enumerate() {
        let Ok(decoded) = decode(message) else { continue };
        let logged_at = Timestamp(FIRST + 1_000 * number as i64);
        let Decoded { id, numbered, hash, at, what, .. } = decoded;
        match what {
            What::Event(event) => {
                let seq = LogSeq(number as u64 + 1);
                let change = fleet.apply(&LogEntry { seq, logged_at, id, time: Some(at), numbered, hash, event });
                fleet.check_changed(&change).expect("what has changed is whole");
            }
            What::Position(vehicle, place, at) => {
                fleet.hint(&vehicle, place, at);
            }
        }
    }
    fleet.check().expect("the whole state keeps its promises");
    assert_eq!((fleet.digest(), fleet.facts_digest()), fleet.digests_recounted(), "digests are kept as the state changes");
    fleet
}

/// A base of this fleet is read back as the same fleet.
pub fn comes_back(fleet: &Fleet) {
    let tally = Tally::default();
    let bytes = base::write(fleet, &tally, &zone());
    let (read, _) = base::read(&bytes, &zone()).expect("what was written can be read");
    assert_eq!((read.digest(), read.facts_digest()), (fleet.digest(), fleet.facts_digest()));
    assert_eq!(base::write(&read, &tally, &zone()), bytes, "byte for byte");
}

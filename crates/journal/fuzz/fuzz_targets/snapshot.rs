//! Snapshots. What comes first is the first byte: 0, a file of any bytes; 1, what a file with a right checksum holds, of any bytes; else a
//! log, one message a line: the snapshot of its fleet is read back as the same fleet, and with one byte changed not at all.
#![no_main]
#![allow(dead_code)]

mod common;
#[path = "../../../node/src/snapshot.rs"]
mod snapshot;

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_model::MessageHash;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&how, rest)) = data.split_first() else { return };
    match how {
        0 => assert!(snapshot::unpack(rest, &common::zone()).is_err(), "a checksum was guessed"),
        1 => {
            let _ = postcard::from_bytes::<snapshot::Header>(rest);
            let _ = postcard::from_bytes::<(Fleet, Tally)>(rest);
        }
        _ => comes_back(how, rest),
    }
});

fn comes_back(how: u8, log: &[u8]) {
    let fleet = common::fold(log.split(|&byte| byte == b'\n'));
    let header = snapshot::Header::new(&common::zone(), fleet.applied().0, MessageHash(7));
    let skipped = [3, 9];
    let bytes = snapshot::pack(&header, (&fleet, &Tally::default()), &skipped).expect("it can be packed");
    let read = snapshot::unpack(&bytes, &common::zone()).expect("what was written can be read");
    assert_eq!((read.fleet.digest(), read.fleet.facts_digest()), (fleet.digest(), fleet.facts_digest()));
    assert_eq!(read.skipped.as_deref(), Some(&skipped[..]));
    read.fleet.check().expect("what was read keeps its promises");
    // One byte is changed, or the end is missing: at a place that the input says.
    let at = log.iter().fold(usize::from(how), |at, &byte| at.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let at = at % bytes.len();
    let mut damaged = bytes.clone();
    damaged[at] ^= how | 1;
    assert!(snapshot::unpack(&damaged, &common::zone()).is_err(), "byte {at} was changed");
    assert!(snapshot::unpack(&bytes[..at], &common::zone()).is_err(), "cut at {at}");
}

//! The subject of a message: what is read of it is written alike.
#![no_main]

use fleetfold_journal::address::parse;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(subject) = std::str::from_utf8(data) else { return };
    if let Some((zone, address)) = parse(subject) {
        let written = zone.subject(&address);
        assert_eq!(parse(&written).map(|(zone, address)| zone.subject(&address)), Some(written));
    }
});

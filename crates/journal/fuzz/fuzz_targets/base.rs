//! A base, as it was stored and as something has changed it since.
#![no_main]

mod common;

use fleetfold_journal::base;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok((fleet, tally)) = base::read(data, &common::zone()) {
        fleet.check().expect("what is taken is whole");
        let again = base::write(&fleet, &tally, &common::zone());
        let (read, _) = base::read(&again, &common::zone()).expect("what was written can be read");
        assert_eq!(read.digest(), fleet.digest());
    }
});

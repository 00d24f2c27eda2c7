//! OpenStreetMap extracts, whatever their container.
#![no_main]

use fleetfold_roads::osm::{Profile, build};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _refused = build(data, Profile::Car, |_| {});
});

//! Graph files of every version that is read, with a checksum that fits: behind it lies the reader.
#![no_main]

use fleetfold_roads::{Network, Streets, VERSIONS_READ};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for version in VERSIONS_READ {
        let mut bytes = b"FLTFGRPH".to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend(blake3::hash(data).as_bytes());
        bytes.extend(data);
        if let Ok(streets) = Streets::from_bytes(&bytes) {
            let ends = streets.junction_ids().next().into_iter().chain(streets.junction_ids().last());
            let places: Vec<_> = ends.map(|junction| streets.junction(junction)).collect();
            let _legs = Network::from_streets(streets).legs(&places);
        }
    }
});

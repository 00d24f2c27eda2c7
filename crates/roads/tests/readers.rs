//! Damaged extracts and graph files: an error that says so, or a sound network; never a panic.

use fleetfold_model::Position;
use fleetfold_roads::{Network, Streets, VERSIONS_READ, osm};
use proptest::prelude::*;

fn town() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/town.osm")).unwrap()
}

/// Uses every part of what was read: legs, ways, lines.
fn drive(streets: &Streets) {
    let network = Network::from_streets(streets.clone());
    let places: Vec<Position> = streets.junction_ids().step_by(9).map(|id| streets.junction(id)).collect();
    let legs = network.legs(&places);
    assert_eq!(legs.len(), places.len() * places.len());
    for pair in places.windows(2) {
        assert!(network.path(pair[0], pair[1]).len() >= 2 || pair[0] == pair[1]);
        network.streets_driven(pair[0], pair[1]);
    }
}

/// Progress counts every byte once per pass and never goes back.
#[test]
fn builds_say_how_far_they_are() {
    use std::io::Write;
    let town = town();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&town).unwrap();
    for bytes in [town, packed.finish().unwrap()] {
        let mut seen: Vec<osm::Progress> = Vec::new();
        osm::build(&bytes, osm::Profile::Car, |at| seen.push(at)).unwrap();
        let whole = 2 * bytes.len() as u64;
        assert!(seen.iter().all(|at| at.of == whole && at.read <= whole));
        assert!(seen.windows(2).all(|pair| pair[0].read <= pair[1].read));
        assert!(seen.iter().any(|at| at.read > 0 && at.read < whole), "something between nothing and all");
        assert_eq!(seen.last().map(|at| at.read), Some(whole));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_extracts_are_refused_or_can_be_driven_on(at in any::<prop::sample::Index>(), with in "[ -~]{0,12}", out in 0usize..40, cut in any::<bool>()) {
        let mut bytes = town();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            let end = (at + out).min(bytes.len());
            bytes.splice(at..end, with.bytes());
        }
        if let Ok((streets, _)) = osm::build(&bytes, osm::Profile::Car, |_| {}) {
            drive(&streets);
        }
    }

    /// The checksum fits: anybody can compute one.
    #[test]
    fn forged_graph_files_are_refused_or_can_be_driven_on(at in any::<prop::sample::Index>(), to in any::<u8>(), cut in 0usize..64) {
        let (streets, _) = osm::build(&town(), osm::Profile::Car, |_| {}).unwrap();
        let mut bytes = streets.to_bytes();
        let header = 8 + 4 + 32;
        let at = header + at.index(bytes.len() - header);
        bytes[at] = to;
        if cut == 0 {
            bytes.truncate(at);
        }
        let sum = blake3::hash(&bytes[header..]);
        bytes[12..header].copy_from_slice(sum.as_bytes());
        if let Ok(streets) = Streets::from_bytes(&bytes) {
            drive(&streets);
        }
    }

    #[test]
    fn bytes_that_only_begin_like_a_map_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..2_000), kind in 0usize..4) {
        let begin: &[u8] = [&b"\x00\x00\x00\x0d\x0a\x09OSMHeader"[..], b"\x1f\x8b\x08", b"<osm>", b"FLTFGRPH"][kind];
        bytes.splice(0..0, begin.iter().copied());
        let built = osm::build(&bytes, osm::Profile::Truck, |_| {});
        prop_assert!(built.is_err());
        let read = Streets::from_bytes(&bytes);
        prop_assert!(read.is_err());
    }
}

/// A graph file with a checksum that fits.
fn of_version(version: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"FLTFGRPH".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(blake3::hash(body).as_bytes());
    bytes.extend(body);
    bytes
}

/// Bodies of graph files that were hard to read once (found by `scripts/fuzz graph`).
#[test]
fn bodies_that_were_hard_to_read_once_are_refused_or_can_be_driven_on() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../formats/tests/files/graph");
    let mut sound = [0; VERSIONS_READ.len()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let body = std::fs::read(entry.unwrap().path()).unwrap();
        for (at, version) in VERSIONS_READ.into_iter().enumerate() {
            match Streets::from_bytes(&of_version(version, &body)) {
                Ok(streets) => {
                    drive(&streets);
                    sound[at] += 1;
                }
                Err(error) => assert!(error.to_string().contains("damaged"), "{error}"),
            }
        }
    }
    assert!(sound.iter().all(|&bodies| bodies >= 1), "a body of each version can be driven on: {sound:?}");
}

/// Graph files of version 2 lack the section about the vehicle: they are read as what they were. Other versions are refused by name.
#[test]
fn graph_files_of_the_version_before_are_read_and_others_refused() {
    use fleetfold_model::StreetEdge;
    let nodes = [(0, 0), (100_000, 0), (0, 100_000)].map(|(x, y)| Position { x, y });
    let street = |(from, to)| StreetEdge { from, to, millis: 1_000, metres: 10, class: 2, name: 0, road: 7 };
    let edges = [(0, 1), (1, 2), (2, 0)].map(street);
    let streets = Streets::from_edges(&nodes, &edges, &["Rua".to_owned()]).unwrap();
    let bytes = streets.to_bytes();
    let header = 8 + 4 + 32;
    assert_eq!(of_version(3, &bytes[header..]), bytes);
    let settings = 8 + 7 * 4;
    let before = Streets::from_bytes(&of_version(2, &bytes[header + settings..])).unwrap();
    assert_eq!(before, streets);
    assert_eq!((before.vehicle(), before.snap_metres()), (None, 20_000));
    for version in [0, 1, 4] {
        let error = Streets::from_bytes(&of_version(version, &bytes[header..])).unwrap_err().to_string();
        assert!(error.contains(&format!("version {version}, this program reads 2 and 3")), "{error}");
    }
}

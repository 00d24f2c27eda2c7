//! Which room may open a door into which. Change this table and docs/ARCHITECTURE.md together.

/// Every package of the workspace and the packages it may import.
const DOORS: &[(&str, &[&str])] = &[
    ("crates/model", &[]),
    ("crates/roads", &["model"]),
    ("crates/fleet", &["model"]),
    ("crates/solver", &[]),
    ("crates/wire", &["model"]),
    ("crates/formats", &["model", "roads", "solver", "wire"]),
    ("crates/journal", &["model", "fleet", "wire"]),
    ("crates/engine", &["model", "roads", "fleet", "solver", "journal"]),
    ("crates/node", &["model", "roads", "fleet", "solver", "formats", "engine", "wire", "journal", "sim"]),
    ("sim", &["model", "roads", "fleet", "solver", "engine", "wire", "journal"]),
    ("benches", &["model", "roads", "fleet", "solver", "engine", "wire", "journal", "sim"]),
    ("benches/load", &["model", "roads", "wire", "journal", "sim"]),
];

#[test]
fn every_room_keeps_to_its_doors() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for (room, allowed) in DOORS {
        let manifest = std::fs::read_to_string(format!("{root}/{room}/Cargo.toml")).unwrap();
        let imports = manifest
            .lines()
            .filter_map(|line| line.trim().strip_prefix("fleetfold-"))
            .filter_map(|rest| rest.split([' ', '.', '=']).next());
        for import in imports {
            assert!(allowed.contains(&import), "{room} must not import {import}");
        }
    }
}

#[test]
fn no_room_is_missing_from_the_plan() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for entry in std::fs::read_dir(format!("{root}/crates")).unwrap() {
        let room = format!("crates/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(DOORS.iter().any(|(known, _)| *known == room), "{room} is not on the floor plan");
    }
}

#[test]
fn the_core_knows_neither_sockets_nor_files_nor_clocks() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for (room, _) in DOORS.iter().filter(|(room, _)| !["crates/node", "benches", "benches/load"].contains(room)) {
        let manifest = std::fs::read_to_string(format!("{root}/{room}/Cargo.toml")).unwrap();
        for banned in ["tokio", "async-nats", "axum", "tracing", "redb"] {
            assert!(!manifest.contains(banned), "{room} must not bring in {banned}");
        }
    }
}

//! The versions of all schemas that stand in the repository, under `docs/schemas/<type>/<version>.json`. A version is never changed
//! once it is there; a type that allows more gets the next one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

/// One version of the schema of a type.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// From 1 on, without gaps.
    pub version: u32,
    /// The schema.
    pub schema: Value,
}

/// All files: type, version, text. Written by the test `every_type_has_its_schema_committed`.
const FILES: &[(&str, u32, &str)] = include!("files.in");

/// The versions of all types, oldest first.
pub fn committed() -> &'static BTreeMap<&'static str, Vec<Committed>> {
    static ALL: LazyLock<BTreeMap<&'static str, Vec<Committed>>> = LazyLock::new(|| {
        let mut all: BTreeMap<&'static str, Vec<Committed>> = BTreeMap::new();
        for &(name, version, text) in FILES {
            // The same test reads every file, so none is ever left out here.
            let schema = serde_json::from_str(text).unwrap_or_default();
            all.entry(name).or_default().push(Committed { version, schema });
        }
        all
    });
    &ALL
}

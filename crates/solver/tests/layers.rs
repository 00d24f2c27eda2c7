//! The modules of the crate stand on each other in one order: what a problem is, what is on board, where pauses are taken, which further rules a tour keeps, how it is driven, how a plan is checked, a plan under search, moves
//! on it, and the search that chooses among them. A reader can begin at the bottom and never has to look up.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up. A module may use those below it and files of its own folder.
const LAYERS: [&[&str]; 11] = [
    &["index", "random", "interrupt"],
    &["problem"],
    &["goods"],
    &["pauses"],
    &["rules"],
    &["schedule"],
    &["check"],
    &["obstacle"],
    &["state"],
    &["moves"],
    &["search"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn files_in(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the crate") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files_in(&path, files) } else { files.push(path) }
    }
}

/// The modules that a line of code names as `crate::module`.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or("");
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""))
}

#[test]
fn modules_use_only_what_is_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    files_in(&source, &mut files);
    let mut imports = 0;
    for file in files {
        let inside = file.strip_prefix(&source).expect("below the source folder");
        let own = inside.components().next().expect("a name").as_os_str().to_str().expect("plain names");
        let own = own.trim_end_matches(".rs");
        if own == "lib" {
            continue;
        }
        let place = layer(own).unwrap_or_else(|| panic!("{own} has no layer: give it one in this test"));
        // What a test of a lower layer needs of a higher one belongs into the higher one.
        for line in fs::read_to_string(&file).expect("source is text").lines() {
            for module in named(line) {
                let other =
                    layer(module).unwrap_or_else(|| panic!("{}: `crate::{module}` is no module", inside.display()));
                imports += 1;
                assert!(other < place || module == own, "{}: {own} looks up to {module}: {line}", inside.display());
            }
        }
    }
    assert!(imports > 50, "only {imports} imports were read");
}

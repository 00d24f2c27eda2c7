//! The modules of this crate form no circle: each can be read after the ones that it uses.

use std::collections::BTreeMap;
use std::path::Path;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

/// Source files by the path of their module (`osm::build`).
fn modules(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            modules(&path, &format!("{prefix}{name}::"), found);
        } else if name == "mod" {
            found.insert(prefix.trim_end_matches("::").to_owned(), std::fs::read_to_string(path).unwrap());
        } else if name != "tests" && name != "lib" {
            found.insert(format!("{prefix}{name}"), std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The longest beginning of a path that is a module.
fn module_in<'m>(path: &[&str], known: &'m BTreeMap<String, String>) -> Option<&'m str> {
    (1..=path.len())
        .rev()
        .find_map(|length| known.get_key_value(&path[..length].join("::")))
        .map(|(name, _)| name.as_str())
}

/// Paths that begin with `crate`, `super` or a module inside this one in the code of a module, outside of its tests; from the
/// root of the crate.
fn paths(module: &str, text: &str, known: &BTreeMap<String, String>) -> Vec<Vec<String>> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words = lines.flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')));
    words
        .filter(|word| word.contains("::"))
        .filter_map(|word| {
            let mut parts = word.split("::").filter(|part| !part.is_empty());
            let mut base: Vec<String> = match parts.next()? {
                "crate" => Vec::new(),
                "super" => module.split("::").map(str::to_owned).collect::<Vec<_>>().split_last()?.1.to_vec(),
                inner => {
                    let inner = format!("{module}::{inner}");
                    known.get_key_value(&inner)?;
                    inner.split("::").map(str::to_owned).collect()
                }
            };
            base.extend(parts.map(str::to_owned));
            Some(base)
        })
        .collect()
}

#[test]
fn modules_form_no_circle() {
    let mut known = BTreeMap::new();
    modules(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), "", &mut known);
    assert!(known.contains_key("graph::ways") && known.contains_key("osm::build"), "{:?}", known.keys());
    let mut uses: DiGraphMap<&str, ()> = DiGraphMap::new();
    for (module, text) in &known {
        for path in paths(module, text, &known) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            match module_in(&path, &known) {
                Some(other) if other != module => {
                    uses.add_edge(module, other, ());
                }
                Some(_) => {}
                None => {
                    panic!("{module} names {path:?}, which is no module: name the module that has it, not the root")
                }
            }
        }
    }
    assert!(
        uses.contains_edge("network", "graph")
            && uses.contains_edge("graph", "graph::map")
            && uses.contains_edge("osm::build", "osm::read")
    );
    let circles: Vec<_> = tarjan_scc(&uses).into_iter().filter(|part| part.len() > 1).collect();
    assert!(circles.is_empty(), "{circles:?}");
}

//! What the documents name exists: files, functions, types, commands, routes, fields of the policy. Whoever renames one of them is
//! told which line of which document to mend.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Documents that are written for people who change the code: every name in them is looked up.
const ABOUT_THE_CODE: [&str; 2] = ["CONTRIBUTING.md", "docs/ARCHITECTURE.md"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All source text, in which names are looked up: Rust, manifests, settings and scripts.
fn sources() -> String {
    fn gather(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", "fuzz"].contains(&name.as_str()) {
                    gather(&path, text);
                }
            } else if name == "contributing.rs" {
                // Of this file only what it defines: the names that it quotes would all be found.
                let file = fs::read_to_string(&path).unwrap();
                file.lines().filter(|line| line.starts_with("fn ")).for_each(|line| text.push_str(line));
            } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "toml") {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut text = String::new();
    for folder in ["crates", "sim", "benches", ".cargo"] {
        gather(&Path::new(ROOT).join(folder), &mut text);
    }
    for file in ["Cargo.toml", "clippy.toml", "justfile", "rustfmt.toml"] {
        text.push_str(&read(file));
    }
    for script in fs::read_dir(Path::new(ROOT).join("scripts")).unwrap() {
        text.push_str(&fs::read_to_string(script.unwrap().path()).unwrap());
    }
    text
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

/// True when a file defines this function, type, constant or module, or has a variant, a field or a macro of this name.
fn defines(text: &str, name: &str) -> bool {
    let after = |keyword: &str| {
        let wanted = format!("{keyword}{name}");
        text.match_indices(&wanted).any(|(at, _)| {
            !text[at + wanted.len()..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
        })
    };
    let kinds = ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "mod ", "macro_rules! "];
    kinds.iter().any(|kind| after(kind))
        || text.lines().any(|line| {
            let line = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', ' ', ',', ':', '{', '!']))
        })
}

/// The text between backticks outside of blocks of code, with the number of its line.
fn spans(document: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (number, line) in (1..).zip(document.lines()) {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (number, span)));
        }
    }
    found
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|kind| kind == "rs")
}

/// True for what reads as a path of a file or folder of the repository.
fn is_path(span: &str) -> bool {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let known = [".rs", ".md", ".toml", ".json", ".seeds"].iter().any(|end| span.ends_with(end));
    plain && (known || ["crates/", "docs/", "scripts/", "sim/", "benches/"].iter().any(|start| span.starts_with(start)))
}

#[test]
fn every_file_and_name_in_the_documents_about_the_code_exists() {
    let sources = sources();
    let known = words(&sources);
    let mut wrong = Vec::new();
    for document in ABOUT_THE_CODE {
        let text = read(document);
        let mut checked = 0;
        for (line, span) in spans(&text) {
            let exists = if is_path(span) {
                Path::new(ROOT).join(span).exists() || Path::new(ROOT).join("docs").join(span).exists()
            } else if let Some(recipe) = span.strip_prefix("just ") {
                let recipe = recipe.split(' ').next().unwrap_or("");
                read("justfile")
                    .lines()
                    .any(|line| line.strip_prefix(recipe).is_some_and(|rest| rest.starts_with([':', ' '])))
            } else {
                let bare = span.trim_end_matches("()").trim_end_matches('!');
                let parts: Vec<&str> = bare.split("::").collect();
                if !parts.iter().all(|part| is_identifier(part)) {
                    continue; // a command, a subject, an example: no name of the code
                }
                parts.iter().all(|part| known.contains(part))
            };
            checked += 1;
            if !exists {
                wrong.push(format!("{document}:{line}: `{span}` is nowhere"));
            }
        }
        assert!(checked > 40, "{document}: only {checked} names were found in it");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// In these documents a file is followed by what it holds in parentheses: `` `file.rs` (`this`, `That::other`) ``.
#[test]
fn what_is_said_to_stand_in_a_file_stands_there() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for document in ABOUT_THE_CODE {
        let text = read(document);
        for (number, line) in (1..).zip(text.lines()) {
            for (at, _) in line.match_indices("` (`") {
                let Some(path) = line[..at].rsplit('`').next().filter(|path| is_rust(path)) else { continue };
                let inside = line[at + 3..].split(')').next().unwrap_or("");
                let file = read(path);
                for name in inside.split('`').skip(1).step_by(2) {
                    checked += 1;
                    if !name.split("::").all(|part| defines(&file, part)) {
                        wrong.push(format!("{document}:{number}: `{name}` is not in {path}"));
                    }
                }
            }
        }
    }
    assert!(checked > 20, "only {checked} were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The table in docs/ARCHITECTURE.md that follows `order.created` from a producer to the map.
#[test]
fn one_event_is_followed_through_fewer_than_25_files() {
    let text = read("docs/ARCHITECTURE.md");
    let section = text.split_once("## The life of one event").expect("the chapter").1;
    let section = section.split("\n## ").next().unwrap();
    let mut files = Vec::new();
    for row in section.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let path = cells[2].trim_matches('`');
        let file = read(path);
        let functions: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!functions.is_empty(), "no function in: {row}");
        for function in functions {
            let name = function.rsplit("::").next().unwrap();
            let wanted = format!("fn {name}");
            let found = file.match_indices(&wanted).any(|(at, _)| file[at + wanted.len()..].starts_with(['(', '<']));
            assert!(found, "{path} has no function `{function}`");
        }
        files.push(path.to_owned());
    }
    let distinct: BTreeSet<&String> = files.iter().collect();
    assert!(files.len() > 20, "the table has {} rows", files.len());
    assert!(distinct.len() < 25, "{} files: {distinct:?}", distinct.len());
    let loop_entered = files.iter().filter(|file| file.ends_with("node/src/live.rs")).count();
    assert!((1..=2).contains(&loop_entered), "live.rs is entered {loop_entered} times");
}

#[test]
fn every_route_is_told_in_the_manual() {
    let manual = read("docs/OPERATING.md");
    let server = read("crates/node/src/http.rs");
    let routes: Vec<&str> = server.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(routes.len() > 10, "{routes:?}");
    for route in routes {
        assert!(manual.contains(&format!("`{route}`")), "docs/OPERATING.md does not tell of {route}");
    }
}

#[test]
fn every_field_of_the_policy_is_told_with_its_default() {
    let events = read("docs/EVENTS.md");
    let schemas = fleetfold_wire::schemas();
    let fields = schemas["fleet.policy.changed.v1"]["properties"].as_object().expect("an object").keys();
    for field in fields {
        assert!(events.contains(&format!("| `{field}` |")), "docs/EVENTS.md has no row for `{field}`");
    }
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).unwrap().map(|entry| entry.unwrap().path());
    docs.chain([Path::new(ROOT).join("README.md"), Path::new(ROOT).join("CONTRIBUTING.md")])
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect()
}

#[test]
fn every_document_leads_to_the_glossary() {
    for path in documents().iter().filter(|path| !path.ends_with("GLOSSARY.md")) {
        assert!(fs::read_to_string(path).unwrap().contains("GLOSSARY.md)"), "{} has no link to it", path.display());
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(path.parent().unwrap().join(file).exists(), "{}: {target} is nowhere", path.display());
            }
        }
    }
}

//! The schemas of all types stand in the repository, one file a version, and every version reads what every other one wrote.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use fleetfold_wire::schema::{Direction, breaks, committed, same};
use fleetfold_wire::schemas;
use serde_json::{Value, json};

/// Set, the next versions are written instead of asked for.
const WRITE: &str = "FLEETFOLD_WRITE_SCHEMAS";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file below `docs/schemas`: type and version.
fn files() -> Vec<(String, u32)> {
    let mut all = Vec::new();
    for folder in fs::read_dir(root().join("docs/schemas")).into_iter().flatten() {
        let folder = folder.unwrap().path();
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let version =
                file.file_stem().unwrap().to_str().unwrap().parse().expect("files are called by their version");
            all.push((folder.file_name().unwrap().to_str().unwrap().to_owned(), version));
        }
    }
    all.sort();
    all
}

#[test]
fn every_type_has_its_schema_committed() {
    let writes = std::env::var_os(WRITE).is_some();
    let mut missing = Vec::new();
    for (name, schema) in schemas() {
        let versions = committed().get(name).map_or(&[][..], Vec::as_slice);
        let broken: Vec<String> = versions
            .iter()
            .flat_map(|of| {
                breaks(&of.schema, &schema).into_iter().map(move |broken| format!("version {}: {broken}", of.version))
            })
            .collect();
        assert!(broken.is_empty(), "{name} needs another major version:\n{}", broken.join("\n"));
        if versions.last().is_none_or(|last| !same(&last.schema, &schema)) {
            let next = versions.len() + 1;
            missing.push(format!("{name} version {next}"));
            if writes {
                let folder = root().join("docs/schemas").join(name);
                fs::create_dir_all(&folder).unwrap();
                let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
                fs::write(folder.join(format!("{next}.json")), text).unwrap();
            }
        }
    }
    let mut list = String::from("&[\n");
    for (name, version) in files() {
        writeln!(
            list,
            "    ({name:?}, {version}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../../docs/schemas/{name}/{version}.json\"))),"
        )
        .unwrap();
    }
    list.push_str("]\n");
    let path = root().join("crates/wire/src/schema/files.in");
    if writes {
        fs::write(&path, &list).unwrap();
    }
    let how = format!("run: {WRITE}=1 cargo test -p fleetfold-wire --test schemas");
    assert!(writes || missing.is_empty(), "not in docs/schemas: {missing:?}; {how}");
    assert_eq!(fs::read_to_string(&path).unwrap(), list, "the list of files is another one; {how}");
}

#[test]
fn every_version_reads_what_every_other_one_wrote() {
    assert!(committed().len() > 40, "{}", committed().len());
    for (name, versions) in committed() {
        for (number, version) in (1..).zip(versions) {
            assert_eq!(version.version, number, "{name}");
            assert!(version.schema.is_object(), "{name} {number}");
            for later in &versions[number as usize..] {
                assert_eq!(breaks(&version.schema, &later.schema), [], "{name}: {number} and {}", later.version);
            }
        }
    }
}

/// Every place of a schema at which the payload's own fields are said.
fn objects(schema: &Value, at: &str, found: &mut Vec<String>) {
    if schema.get("properties").is_some() {
        found.push(at.to_owned());
    }
    match schema {
        Value::Object(all) => all.iter().for_each(|(word, value)| {
            objects(value, &format!("{at}/{}", word.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(all) => all.iter().enumerate().for_each(|(number, value)| {
            objects(value, &format!("{at}/{number}"), found);
        }),
        _ => {}
    }
}

/// Who must not be able to read whom after a mutation.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Judged {
    Good,
    Backward,
    Forward,
    Both,
}
use Judged::{Backward, Both, Forward, Good};

type Mutation = (&'static str, Judged, Box<dyn Fn(&mut Value)>);

fn put(word: &'static str, value: Value) -> Box<dyn Fn(&mut Value)> {
    Box::new(move |schema| {
        schema[word] = value.clone();
    })
}

fn field(name: &'static str, value: Value) -> Box<dyn Fn(&mut Value)> {
    Box::new(move |schema| schema["properties"][name] = value.clone())
}

/// The fields that a schema is given before it is mutated, so that each mutation has something to work on.
fn ready(mut schema: Value) -> Value {
    let text = json!({ "type": "string", "minLength": 2, "maxLength": 9, "pattern": "^a", "format": "date-time" });
    let fields = [
        ("zz_text", text),
        ("zz_plain", json!({ "type": "string", "description": "words", "title": "T", "examples": ["a"] })),
        ("zz_number", json!({ "type": "number", "minimum": 1, "maximum": 5 })),
        ("zz_whole", json!({ "type": "integer" })),
        ("zz_some", json!({ "enum": ["a", "b"] })),
        ("zz_fixed", json!({ "const": "a" })),
        ("zz_list", json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 3 })),
        ("zz_null", json!({ "type": ["string", "null"] })),
        (
            "zz_inner",
            json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } }, "required": ["a"] }),
        ),
        ("zz_either", json!({ "oneOf": [{ "const": "x" }, { "const": "y" }] })),
        ("zz_default", json!({ "type": "integer", "default": 7 })),
        ("zz_known", json!({ "$ref": "#/$defs/ZzKnown" })),
    ];
    for (name, value) in fields {
        schema["properties"][name] = value;
    }
    schema["$defs"]["ZzKnown"] =
        json!({ "type": "object", "properties": { "c": { "type": "string" } }, "required": ["c"] });
    let mut needed = schema["required"].as_array().cloned().unwrap_or_default();
    needed.push("zz_plain".into());
    schema["required"] = needed.into();
    schema
}

fn inner(field: &'static str, word: &'static str, value: Value) -> Box<dyn Fn(&mut Value)> {
    Box::new(move |schema| schema["properties"][field][word] = value.clone())
}

fn remove(pointer: &'static str, word: &'static str) -> Box<dyn Fn(&mut Value)> {
    Box::new(move |schema| {
        schema.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(word).expect("it is there");
    })
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn mutations() -> Vec<Mutation> {
    let drop_needed = |name: &'static str| -> Box<dyn Fn(&mut Value)> {
        Box::new(move |schema| schema["required"].as_array_mut().unwrap().retain(|of| of != name))
    };
    let need = |name: &'static str| -> Box<dyn Fn(&mut Value)> {
        Box::new(move |schema| schema["required"].as_array_mut().unwrap().push(name.into()))
    };
    vec![
        ("nothing", Good, Box::new(|_: &mut Value| {})),
        ("a field is added", Good, field("zz_new", json!({ "type": "string" }))),
        ("an object is added", Good, field("zz_new", json!({ "type": "object", "properties": {}, "required": [] }))),
        ("a description is another", Good, inner("zz_plain", "description", "other words".into())),
        ("a title is gone", Good, remove("/properties/zz_plain", "title")),
        ("examples are others", Good, inner("zz_plain", "examples", json!(["b", "c"]))),
        ("the schema has words of its own", Good, put("$comment", "for people".into())),
        (
            "a definition that nobody names is added",
            Good,
            Box::new(|schema: &mut Value| schema["$defs"]["ZzOther"] = json!({ "type": "null" })),
        ),
        (
            "a definition is written out",
            Good,
            field(
                "zz_known",
                json!({ "type": "object", "properties": { "c": { "type": "string" } }, "required": ["c"] }),
            ),
        ),
        (
            "an inner field is added",
            Good,
            Box::new(|schema: &mut Value| {
                schema["properties"]["zz_inner"]["properties"]["z"] = json!({ "type": "null" });
            }),
        ),
        ("values in another order", Good, inner("zz_some", "enum", json!(["b", "a"]))),
        ("a field is gone", Backward, remove("/properties", "zz_text")),
        (
            "a field is renamed",
            Backward,
            Box::new(|schema: &mut Value| {
                let was = schema["properties"].as_object_mut().unwrap().remove("zz_whole").unwrap();
                schema["properties"]["zz_round"] = was;
            }),
        ),
        ("a field becomes required", Backward, need("zz_text")),
        (
            "a new field is required",
            Backward,
            Box::new(move |schema: &mut Value| {
                schema["properties"]["zz_new"] = json!({ "type": "string" });
                schema["required"].as_array_mut().unwrap().push("zz_new".into());
            }),
        ),
        ("a field is not required any more", Forward, drop_needed("zz_plain")),
        ("text becomes a number", Both, inner("zz_plain", "type", "number".into())),
        ("a whole number may have a fraction", Forward, inner("zz_whole", "type", "number".into())),
        ("a number must be whole", Backward, inner("zz_number", "type", "integer".into())),
        ("null is taken", Forward, inner("zz_plain", "type", json!(["string", "null"]))),
        ("null is not taken any more", Backward, inner("zz_null", "type", "string".into())),
        ("anything is taken", Forward, remove("/properties/zz_plain", "type")),
        ("a value is added", Forward, inner("zz_some", "enum", json!(["a", "b", "c"]))),
        ("a value is gone", Backward, inner("zz_some", "enum", json!(["a"]))),
        ("a value is renamed", Both, inner("zz_some", "enum", json!(["a", "B"]))),
        ("only some values", Backward, inner("zz_plain", "enum", json!(["a"]))),
        ("a constant is another", Both, inner("zz_fixed", "const", "b".into())),
        ("the least is more", Backward, inner("zz_number", "minimum", json!(2))),
        ("the least is less", Forward, inner("zz_number", "minimum", json!(0))),
        ("the most is less", Backward, inner("zz_number", "maximum", json!(4))),
        ("the most is more", Forward, inner("zz_number", "maximum", json!(6))),
        ("no most", Forward, remove("/properties/zz_number", "maximum")),
        ("a text must be longer", Backward, inner("zz_text", "minLength", json!(3))),
        ("a text may be longer", Forward, inner("zz_text", "maxLength", json!(10))),
        ("another pattern", Both, inner("zz_text", "pattern", "^b".into())),
        ("no pattern", Forward, remove("/properties/zz_text", "pattern")),
        ("a pattern", Backward, inner("zz_plain", "pattern", "^b".into())),
        ("another format", Both, inner("zz_text", "format", "date".into())),
        ("a list may be empty", Forward, inner("zz_list", "minItems", json!(0))),
        ("a list may not be so long", Backward, inner("zz_list", "maxItems", json!(2))),
        ("a list of numbers", Both, inner("zz_list", "items", json!({ "type": "number" }))),
        ("a list of anything", Both, remove("/properties/zz_list", "items")),
        ("an inner field is gone", Backward, remove("/properties/zz_inner/properties", "b")),
        ("an inner field becomes required", Backward, inner("zz_inner", "required", json!(["a", "b"]))),
        (
            "a definition needs more",
            Backward,
            Box::new(|schema: &mut Value| {
                schema["$defs"]["ZzKnown"]["properties"]["d"] = json!({ "type": "string" });
                schema["$defs"]["ZzKnown"]["required"] = json!(["c", "d"]);
            }),
        ),
        (
            "an alternative is new",
            Forward,
            inner("zz_either", "oneOf", json!([{ "const": "x" }, { "const": "y" }, { "const": "z" }])),
        ),
        ("an alternative is gone", Backward, inner("zz_either", "oneOf", json!([{ "const": "x" }]))),
        ("another default", Both, inner("zz_default", "default", json!(8))),
        ("no other fields are taken", Both, put("additionalProperties", json!(false))),
        ("a word that is not known", Both, put("dependentRequired", json!({ "zz_text": ["zz_plain"] }))),
        ("nothing is valid", Both, field("zz_plain", json!(false))),
    ]
}

/// Each mutation of each committed schema is judged right, in both directions.
#[test]
fn every_mutation_is_judged_right() {
    let mutations = mutations();
    assert!(mutations.len() >= 30);
    let mut judged = 0;
    for (name, versions) in committed() {
        let schema = ready(versions.last().unwrap().schema.clone());
        for (what, expected, mutate) in &mutations {
            let mut mutated = schema.clone();
            mutate(&mut mutated);
            let found = breaks(&schema, &mutated);
            let has = |direction| found.iter().any(|broken| broken.direction == direction);
            let is = match (has(Direction::Backward), has(Direction::Forward)) {
                (false, false) => Good,
                (true, false) => Backward,
                (false, true) => Forward,
                (true, true) => Both,
            };
            assert_eq!(is, *expected, "{name}: {what}: {found:?}");
            // The other way round it breaks in the other direction.
            let back = breaks(&mutated, &schema);
            let has_back = back.iter().any(|broken| broken.direction == Direction::Backward);
            assert!(*expected != Forward || has_back, "{name}: {what}, undone: {back:?}");
            judged += 1;
        }
        // And a field that is needed deep inside.
        let mut places = Vec::new();
        objects(&versions.last().unwrap().schema, "", &mut places);
        for place in places {
            let mut mutated = versions.last().unwrap().schema.clone();
            let at = mutated.pointer_mut(&place).unwrap();
            at["properties"]["zz_needed"] = json!({ "type": "string" });
            let mut needed = at["required"].as_array().cloned().unwrap_or_default();
            needed.push("zz_needed".into());
            at["required"] = needed.into();
            assert!(
                !breaks(&versions.last().unwrap().schema, &mutated).is_empty(),
                "{name}: a needed field at {place}"
            );
            judged += 1;
        }
    }
    println!("{judged} mutations of {} schemas judged", committed().len());
}

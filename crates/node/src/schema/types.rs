//! The documents of HTTP and of the live feed as TypeScript, generated from the types that are sent and read: by these the scripts of the page are checked.

use std::fmt::Write as _;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::http::openapi;
use crate::times::{self, Times};
use crate::view::{Delta, Hello, Pulse};

/// The declarations, each type once, by name.
pub(crate) fn declarations() -> String {
    let mut document = openapi::document(Times::Unix);
    let mut types: Map<String, Value> = match document["components"]["schemas"].take() {
        Value::Object(types) => types,
        _ => Map::new(),
    };
    let mut feed = SchemaSettings::draft2020_12().for_serialize().into_generator();
    for (name, schema) in [
        ("Hello", feed.root_schema_for::<Hello<'_>>()),
        ("Pulse", feed.root_schema_for::<Pulse>()),
        ("Delta", feed.root_schema_for::<Delta<'_>>()),
    ] {
        let schema = openapi::hoisted(schema.to_value(), &mut types);
        types.insert(name.to_owned(), schema);
    }
    let mut names: Vec<&String> = types.keys().collect();
    names.sort();
    let mut text = "// What HTTP and the live feed send and take. `fleetfold schema types` writes this from the types of the program; a test compares the two.\n".to_owned();
    text.push_str(
        "\n/** A point in time: milliseconds of Unix time. With `times=rfc3339` HTTP answers with a text in its place. */\nexport type UnixMillis = number;\n",
    );
    for name in names {
        let schema = &types[name];
        text.push('\n');
        about(&mut text, schema, "");
        let _ = if is_plain_object(schema) {
            writeln!(text, "export interface {name} {}", fields(schema, 0))
        } else {
            writeln!(text, "export type {name} = {};", kind(schema, 0))
        };
    }
    routes(&mut text, &document["paths"]);
    text
}

const JSON: &str = "application/json";

/// What each route of the engine's own answers and takes, by its path, so that a request of the page has the type of its answer.
fn routes(text: &mut String, paths: &Value) {
    let of = |method: &'static str| {
        paths.as_object().into_iter().flatten().filter_map(move |(path, methods)| {
            let operation = methods.get(method)?;
            let answer = ["200", "202"]
                .iter()
                .find_map(|status| operation["responses"][status]["content"][JSON].get("schema"))?;
            path.starts_with("/v1/").then_some((path, operation, answer))
        })
    };
    *text += "\n/** What a GET is answered with, by its path. */\nexport interface Gets {\n";
    for (path, _, answer) in of("get") {
        let _ = writeln!(text, "  {}: {};", key(&path[1..]), kind(answer, 1));
    }
    *text += "}\n\n/** What a POST takes as JSON and is answered with, by its path. */\nexport interface Posts {\n";
    for (path, operation, answer) in of("post") {
        let takes = operation["requestBody"]["content"][JSON].get("schema").map_or("unknown".into(), |of| kind(of, 1));
        let _ = writeln!(text, "  {}: {{ takes: {takes}; answers: {} }};", key(&path[1..]), kind(answer, 1));
    }
    *text += "}\n";
}

fn is_plain_object(schema: &Value) -> bool {
    schema["properties"].is_object() && schema["anyOf"].is_null() && schema["oneOf"].is_null()
}

/// What a type or a field means, as a comment.
fn about(text: &mut String, schema: &Value, indent: &str) {
    let Some(said) = schema["description"].as_str() else { return };
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ").replace("*/", "* /");
    let _ = writeln!(text, "{indent}/** {said} */");
}

/// A name as it may stand before a colon.
fn key(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { name.to_owned() } else { Value::from(name).to_string() }
}

/// The fields of an object, in braces.
fn fields(schema: &Value, depth: usize) -> String {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let indent = "  ".repeat(depth + 1);
    let mut text = "{\n".to_owned();
    for (name, of) in schema["properties"].as_object().into_iter().flatten() {
        about(&mut text, of, &indent);
        let sign = if required.contains(&name.as_str()) { "" } else { "?" };
        let _ = writeln!(text, "{indent}{}{sign}: {};", key(name), kind(of, depth + 1));
    }
    text + &"  ".repeat(depth) + "}"
}

fn either(schemas: &[Value], depth: usize) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for made in schemas.iter().map(|schema| kind(schema, depth)) {
        if !kinds.contains(&made) {
            kinds.push(made);
        }
    }
    kinds.join(" | ")
}

/// What a schema lets through.
fn kind(schema: &Value, depth: usize) -> String {
    if let Some(to) = schema["$ref"].as_str() {
        return to.rsplit('/').next().unwrap_or("unknown").to_owned();
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    }
    if let Some(schemas) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let either = either(schemas, depth);
        // What all of them have beside it.
        return if schema["properties"].is_object() {
            format!("{} & ({either})", fields(schema, depth))
        } else {
            either
        };
    }
    match &schema["type"] {
        Value::Array(names) => {
            let each = names.iter().map(|name| named(name.as_str().unwrap_or_default(), schema, depth));
            each.collect::<Vec<_>>().join(" | ")
        }
        Value::String(name) => named(name, schema, depth),
        _ => "unknown".to_owned(),
    }
}

fn named(name: &str, schema: &Value, depth: usize) -> String {
    match name {
        "integer" if schema["format"] == times::FORMAT => "UnixMillis".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "string" | "boolean" | "null" => name.to_owned(),
        "array" => {
            if let Some(items) = schema["prefixItems"].as_array() {
                return format!("[{}]", items.iter().map(|item| kind(item, depth)).collect::<Vec<_>>().join(", "));
            }
            let item = kind(&schema["items"], depth);
            let [least, most] = ["minItems", "maxItems"].map(|name| schema[name].as_u64());
            match (least, most) {
                (Some(least), Some(most)) if least == most && most <= 8 => {
                    format!("[{}]", vec![item; most as usize].join(", "))
                }
                _ => format!("Array<{item}>"),
            }
        }
        _ if schema["properties"].is_object() => fields(schema, depth),
        _ if schema["additionalProperties"].is_object() => {
            format!("Record<string, {}>", kind(&schema["additionalProperties"], depth))
        }
        _ => "Record<string, unknown>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_checked_by_the_types_of_this_program() {
        let kept = include_str!("../../assets/engine.d.ts");
        let made = super::declarations();
        let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
        assert_eq!(differs, None, "fleetfold schema types > crates/node/assets/engine.d.ts");
        assert_eq!(kept.trim_end(), made.trim_end(), "fleetfold schema types > crates/node/assets/engine.d.ts");
    }
}

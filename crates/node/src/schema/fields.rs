//! The fields of every event as a table for people, generated from the types that are read.

use std::fmt::Write as _;

use fleetfold_wire::{EventType, Writer};
use serde_json::{Map, Value};

/// The unit of an instant.
const INSTANT: &str = "RFC 3339";
/// What the end of a field's name says of its unit.
const UNITS: &[(&str, &str)] = &[
    ("_seconds", "seconds"),
    ("_meters", "metres"),
    ("_percent", "per cent"),
    ("_minutes", "minutes"),
    ("_hours", "hours"),
    ("_hour", "an hour"),
    ("_km", "a kilometre"),
    ("_kmh", "km/h"),
    ("_time", INSTANT),
    ("_at", INSTANT),
    ("lon", "degrees"),
    ("lat", "degrees"),
    ("opens", INSTANT),
    ("closes", INSTANT),
    ("starts", INSTANT),
    ("ends", INSTANT),
    ("day_start", INSTANT),
    ("log_start", INSTANT),
];

fn unit(name: &str) -> &'static str {
    UNITS.iter().find(|(end, _)| name.ends_with(end)).map_or("", |&(_, unit)| unit)
}

/// The table of docs/FIELDS.md.
pub(crate) fn table() -> String {
    let mut text = String::from(
        "# Fields of events\n\n`fleetfold schema fields` writes this from the types that are read; a test compares the two. What the events mean, and what is only warned of: \
         [EVENTS.md](EVENTS.md). Words: [GLOSSARY.md](GLOSSARY.md). *Must*: without it the event is refused. *Limits* are hard: beyond them the event is refused with the code `field` (`payload` where the type is another). \
         `a.b` is the field `b` of the object `a`, `a[].b` that of each item of the list `a`. A field that is not here is warned of, and refused in a zone with a strict policy.\n",
    );
    for (title, writer) in [("Written by producers", Writer::Producer), ("Written by the engine alone", Writer::Engine)]
    {
        let _ = write!(text, "\n## {title}\n");
        for kind in EventType::ALL.iter().filter(|kind| kind.writer() == writer) {
            let schema = kind.schema();
            let _ = write!(text, "\n### `{}`\n\n{}\n\n", kind.name(), kind.description());
            text.push_str(
                "| field | type | unit | must | default | limits | meaning |\n|---|---|---|---|---|---|---|\n",
            );
            rows(&mut text, &schema, &schema, "", 0);
        }
    }
    text
}

/// The schema that is meant where another one is referred to; `None` in a choice is passed over.
fn meant<'s>(whole: &'s Value, mut schema: &'s Value) -> &'s Value {
    loop {
        if let Some(to) = schema["$ref"].as_str() {
            schema = whole.pointer(to.trim_start_matches('#')).unwrap_or(&Value::Null);
        } else if let Some(only) =
            schema["anyOf"].as_array().and_then(|choices| choices.iter().find(|choice| choice["type"] != "null"))
        {
            schema = only;
        } else {
            return schema;
        }
    }
}

fn kind(schema: &Value) -> String {
    let name = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            kinds.collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    };
    if name == "array" { "list".to_owned() } else { name }
}

fn number(value: &Value) -> String {
    value.as_f64().map_or_else(String::new, |value| value.to_string())
}

/// The limits that a schema knows.
fn limits(schema: &Value, item: &Value) -> String {
    let mut known = Vec::new();
    let between = |low: &Value, high: &Value, what: &str| match (low.is_null(), high.is_null()) {
        (true, true) => None,
        (false, true) => Some(format!("≥ {}{what}", number(low))),
        (true, false) => Some(format!("≤ {}{what}", number(high))),
        (false, false) => Some(format!("{} to {}{what}", number(low), number(high))),
    };
    let bounds = |schema: &Value| between(&schema["minimum"], &schema["maximum"], "");
    known.extend(bounds(schema));
    known.extend(between(&schema["minLength"], &schema["maxLength"], " characters"));
    known.extend(between(&schema["minItems"], &schema["maxItems"], " items"));
    if !item.is_null() {
        known.extend(bounds(item).map(|bounds| format!("each {bounds}")));
        known.extend(between(&item["minLength"], &item["maxLength"], " characters").map(|text| format!("each {text}")));
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
        known.push(words.collect::<Vec<_>>().join(", "));
    }
    known.join("; ")
}

fn rows(text: &mut String, whole: &Value, schema: &Value, before: &str, depth: usize) {
    let none = Map::new();
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, raw) in schema["properties"].as_object().unwrap_or(&none) {
        let of = meant(whole, raw);
        let item =
            if of["type"] == "array" || of["type"][0] == "array" { meant(whole, &of["items"]) } else { &Value::Null };
        let path = format!("{before}{name}");
        let default = match &raw["default"] {
            Value::Null => String::new(),
            Value::Object(_) => "its defaults".to_owned(),
            value => format!("`{value}`"),
        };
        let told = raw["description"].as_str().or(of["description"].as_str()).unwrap_or("");
        let _ = writeln!(
            text,
            "| `{path}` | {} | {} | {} | {default} | {} | {} |",
            if item.is_null() { kind(of) } else { format!("list of {}", kind(item)) },
            // An object is no instant, whatever its name ends with.
            if of["properties"].is_object() && unit(name) == INSTANT { "" } else { unit(name) },
            if required.contains(&name.as_str()) { "must" } else { "" },
            limits(of, item),
            told.replace('\n', " ").replace('|', "\\|"),
        );
        if depth < 4 && of["properties"].is_object() {
            rows(text, whole, of, &format!("{path}."), depth + 1);
        }
        if depth < 4 && item["properties"].is_object() {
            rows(text, whole, item, &format!("{path}[]."), depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manual_has_the_table_of_the_types() {
        let manual = include_str!("../../../../docs/FIELDS.md");
        let made = super::table();
        let differs = manual.lines().zip(made.lines()).find(|(told, made)| told != made);
        assert_eq!(differs, None, "fleetfold schema fields > docs/FIELDS.md");
        assert_eq!(manual.trim_end(), made.trim_end(), "fleetfold schema fields > docs/FIELDS.md");
    }
}
